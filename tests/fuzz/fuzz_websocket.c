/* What a stranger sends on an open WebSocket, to either end: a row of frames. Each is refused with a reason, awaited,
 * or lies within what came; its payload unmasks in place whatever its length; and its header written anew reads the
 * same.
 */
#include "fuzz.h"

#include <lib/utf8.h>
#include <lib/websocket.h>

#include <string.h>

static void write_again(const struct gv_ws_frame *f, enum gv_ws_end from)
{
	const char *why = NULL;
	struct gv_ws_frame again;
	uint8_t header[GV_WS_HEADER_MAX];
	unsigned first = f->opcode | (f->compressed ? GV_WS_COMPRESSED : 0u);
	size_t n = gv_ws_header(header, first, (size_t)f->size, from == GV_WS_CLIENT ? f->mask : NULL);

	FUZZ_ASSERT(!f->compressed || f->opcode == GV_WS_TEXT || f->opcode == GV_WS_BINARY);
	FUZZ_ASSERT(gv_ws_parse(from, header, n, &again, &why) == 1);
	FUZZ_ASSERT(again.opcode == f->opcode && again.compressed == f->compressed && again.size == f->size &&
		    memcmp(again.mask, f->mask, 4) == 0);
}

static void read_frames(enum gv_ws_end from, uint8_t *at, size_t size)
{
	const char *why = NULL;
	struct gv_ws_frame f;
	int r;

	while ((r = gv_ws_parse(from, at, size, &f, &why)) == 1 && f.size <= size - f.header) {
		FUZZ_ASSERT(f.header >= 2 && f.header <= GV_WS_HEADER_MAX);
		FUZZ_ASSERT(f.opcode < GV_WS_CLOSE || (f.fin && f.size <= GV_WS_CONTROL_MAX));
		write_again(&f, from);
		gv_ws_mask(at + f.header, (size_t)f.size, f.mask);
		gv_utf8_valid(at + f.header, (size_t)f.size);
		at += f.header + f.size;
		size -= f.header + (size_t)f.size;
	}
	FUZZ_ASSERT(r >= 0 || why);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	for (enum gv_ws_end from = GV_WS_CLIENT; from <= GV_WS_SERVER; from++) {
		uint8_t *bytes = malloc(size ? size : 1);

		if (!bytes)
			return 0;
		if (size)
			memcpy(bytes, data, size);
		read_frames(from, bytes, size);
		free(bytes);
	}
	return 0;
}
