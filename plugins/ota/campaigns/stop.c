/* See stop.h. A. Wald, Sequential Analysis, 1947: p0 = 1 %, p1 = 5 %, alpha = 1 %, beta = 10 %. */
#include "stop.h"

#define FAILURE 1.609437912  /* ln(p1 / p0) */
#define SUCCESS -0.041242959 /* ln((1 - p1) / (1 - p0)) */
#define BAD 4.499809670      /* ln((1 - beta) / alpha) */
#define GOOD -2.292534757    /* ln(beta / (1 - alpha)) */

bool stop_takes(double *evidence, bool failed)
{
	*evidence += failed ? FAILURE : SUCCESS;
	if (*evidence >= BAD)
		return true;
	if (*evidence <= GOOD)
		*evidence = 0;
	return false;
}
