/* A plugin's file before anything of it runs: whatever the bytes, a stamp or a sentence, never both or neither. */
#include "fuzz.h"

#include <kernel/stamp.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gv_stamp stamp;
	char *error = NULL;
	int rc = gv_stamp_read(data, size, "x.so", &stamp, &error);

	FUZZ_ASSERT((rc == 0) == (error == NULL));
	if (rc == 0) {
		rc = gv_stamp_check(&stamp, "x.so", &error);
		FUZZ_ASSERT((rc == 0) == (error == NULL));
	}
	free(error);
	return 0;
}
