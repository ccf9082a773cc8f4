/* Times as chargers write them: what is taken prints as a time that is taken again as the same. */
#include "fuzz.h"

#include <lib/iso8601.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int64_t ms, again;
	unsigned flags;
	char text[25];
	if (gv_time_parse((const char *)data, size, NULL, &ms, &flags) < 0)
		return 0;
	FUZZ_ASSERT(ms >= 0 && ms <= GV_TIME_MAX_MS);
	gv_time_format(ms, text);
	FUZZ_ASSERT(gv_time_parse(text, 24, NULL, &again, &flags) == 0);
	FUZZ_ASSERT(again == ms && flags == 0);
	return 0;
}
