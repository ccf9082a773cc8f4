/* Time zone files: whatever the bytes, each moment has an offset, and the clock on the wall leads back to a moment with
 * that clock. */
#include "fuzz.h"

#include <lib/zone.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gv_zone *z;
	if (gv_zone_parse(data, size, &z) < 0)
		return 0;
	for (int64_t t = -INT64_C(4000000000); t < INT64_C(300000000000); t += 1234567891) {
		int64_t local = t + gv_zone_offset_s(z, t), back;
		FUZZ_ASSERT(local - t >= -26 * 3600 && local - t <= 26 * 3600);
		if (gv_zone_to_utc(z, local, &back) != GV_ZONE_SKIPPED)
			FUZZ_ASSERT(back <= t + 60 * 3600 && back >= t - 60 * 3600);
	}
	gv_zone_destroy(z);
	return 0;
}
