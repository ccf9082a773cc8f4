/* When failures are more than bad luck: Wald's sequential test of a rate of 5 % against one of 1 %. */
#ifndef OTA_STOP_H
#define OTA_STOP_H

#include <stdbool.h>

/* Takes in an outcome. `evidence` (0 at first) is the logarithm of how much likelier the outcomes are at the bad rate;
 * where they speak for the good one enough, the test begins anew. True: stop. */
bool stop_takes(double *evidence, bool failed);

#endif
