/* What a stranger sends on an open WebSocket: a row of frames. Each is refused with a reason, awaited, or lies within
 * what came; and its payload unmasks in place whatever its length. */
#include "fuzz.h"

#include <plugins/link/frame.h>
#include <plugins/link/text.h>

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *bytes = malloc(size ? size : 1), *at = bytes;
	struct frame f;
	const char *why = NULL;
	int r;

	if (!bytes)
		return 0;
	if (size)
		memcpy(bytes, data, size);
	while ((r = frame_parse(at, size, &f, &why)) == 1 && f.size <= size - f.header) {
		FUZZ_ASSERT(f.header >= 6 && f.header <= 14);
		FUZZ_ASSERT(f.opcode < OPCODE_CLOSE || (f.fin && f.size <= FRAME_CONTROL_MAX));
		frame_unmask(at + f.header, (size_t)f.size, f.mask);
		utf8_valid(at + f.header, (size_t)f.size);
		at += f.header + f.size;
		size -= f.header + (size_t)f.size;
	}
	FUZZ_ASSERT(r >= 0 || why);
	free(bytes);
	return 0;
}
