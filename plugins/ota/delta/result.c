/* The names of what can be wrong with a delta. */
#include "delta.h"

const char *delta_result_name(int result)
{
	static const char *const NAMES[DELTA_RESULTS] = { "OK",    "MALFORMED", "WRONG_SIZE", "TOO_LARGE",
							  "SHORT", "IO",        "NO_MEMORY" };
	int n = result < 0 ? -result : result;

	return n < DELTA_RESULTS ? NAMES[n] : "?";
}
