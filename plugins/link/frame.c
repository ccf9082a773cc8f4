/* WebSocket framing for the server's side, without state: a few lines that are fuzzed, and whole frames are handled
 * where they were read, without a buffer per connection. */
#include "frame.h"

#include <errno.h>
#include <string.h>

static int frame_check(const struct frame *f, uint8_t first, uint8_t second, const char **ret_why)
{
	*ret_why = NULL;
	if (first & 0x70)
		*ret_why = "reserved bits are set though no extension was agreed";
	else if (!(second & 0x80))
		*ret_why = "a client's frame is not masked";
	else if ((f->opcode > OPCODE_BINARY && f->opcode < OPCODE_CLOSE) || f->opcode > OPCODE_PONG)
		*ret_why = "unknown opcode";
	else if (f->opcode >= OPCODE_CLOSE && (!f->fin || (second & 0x7f) > FRAME_CONTROL_MAX))
		*ret_why = "a control frame is fragmented or longer than 125 bytes";
	return *ret_why ? -EPROTO : 0;
}

int frame_parse(const uint8_t *data, size_t size, struct frame *ret, const char **ret_why)
{
	struct frame f = { 0 };
	unsigned length_bytes = 0;
	int r;

	if (size < 2)
		return 0;
	f.fin = data[0] & 0x80;
	f.opcode = data[0] & 0x0f;
	r = frame_check(&f, data[0], data[1], ret_why);
	if (r < 0)
		return r;
	f.size = data[1] & 0x7f;
	if (f.size >= 126) {
		length_bytes = f.size == 126 ? 2 : 8;
		f.size = 0;
	}
	f.header = 2 + length_bytes + 4;
	if (size < f.header)
		return 0;
	for (unsigned i = 0; i < length_bytes; i++)
		f.size = f.size << 8 | data[2 + i];
	if (f.size >> 63) {
		*ret_why = "a frame's length has its highest bit set";
		return -EPROTO;
	}
	memcpy(f.mask, data + 2 + length_bytes, 4);
	*ret = f;
	return 1;
}

void frame_unmask(uint8_t *data, size_t size, const uint8_t mask[4])
{
	uint64_t eight, m;
	size_t i = 0;

	memcpy(&m, mask, 4);
	memcpy((uint8_t *)&m + 4, mask, 4);
	for (; i + 8 <= size; i += 8) {
		memcpy(&eight, data + i, 8);
		eight ^= m;
		memcpy(data + i, &eight, 8);
	}
	for (; i < size; i++)
		data[i] ^= mask[i & 3];
}

size_t frame_header(uint8_t ret[static FRAME_HEADER_MAX], enum opcode opcode, size_t size)
{
	ret[0] = (uint8_t)(0x80 | opcode);
	if (size < 126) {
		ret[1] = (uint8_t)size;
		return 2;
	}
	if (size <= UINT16_MAX) {
		ret[1] = 126;
		ret[2] = (uint8_t)(size >> 8);
		ret[3] = (uint8_t)size;
		return 4;
	}
	ret[1] = 127;
	for (unsigned i = 0; i < 8; i++)
		ret[2 + i] = (uint8_t)((uint64_t)size >> (56 - 8 * i));
	return 10;
}

bool close_code_valid(unsigned code)
{
	return (code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006) ||
	       (code >= 3000 && code <= 4999);
}
