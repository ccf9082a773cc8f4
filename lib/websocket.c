/* Framing without state: a few lines that are fuzzed, and whole frames are handled where they were read, without a
 * buffer per connection. link and the simulated chargers share it. */
#include <lib/websocket.h>

#include <errno.h>
#include <string.h>

static int check(const struct gv_ws_frame *f, enum gv_ws_end from, uint8_t first, uint8_t second, const char **ret_why)
{
	bool masked = second & 0x80;

	*ret_why = NULL;
	if (first & 0x30)
		*ret_why = "reserved bits are set though no extension was agreed";
	else if (f->compressed && (f->opcode == GV_WS_CONTINUATION || f->opcode >= GV_WS_CLOSE))
		*ret_why = "only the first frame of a message may say that it is compressed";
	else if (from == GV_WS_CLIENT && !masked)
		*ret_why = "a client's frame is not masked";
	else if (from == GV_WS_SERVER && masked)
		*ret_why = "a server's frame is masked";
	else if ((f->opcode > GV_WS_BINARY && f->opcode < GV_WS_CLOSE) || f->opcode > GV_WS_PONG)
		*ret_why = "unknown opcode";
	else if (f->opcode >= GV_WS_CLOSE && (!f->fin || (second & 0x7f) > GV_WS_CONTROL_MAX))
		*ret_why = "a control frame is fragmented or longer than 125 bytes";
	return *ret_why ? -EPROTO : 0;
}

int gv_ws_parse(enum gv_ws_end from, const uint8_t *data, size_t size, struct gv_ws_frame *ret, const char **ret_why)
{
	unsigned length_bytes = 0, mask_bytes = from == GV_WS_CLIENT ? 4 : 0;
	struct gv_ws_frame f = { 0 };
	int r;

	if (size < 2)
		return 0;
	f.fin = data[0] & 0x80;
	f.compressed = data[0] & GV_WS_COMPRESSED;
	f.opcode = data[0] & 0x0f;
	r = check(&f, from, data[0], data[1], ret_why);
	if (r < 0)
		return r;
	f.size = data[1] & 0x7f;
	if (f.size >= 126) {
		length_bytes = f.size == 126 ? 2 : 8;
		f.size = 0;
	}
	f.header = 2 + length_bytes + mask_bytes;
	if (size < f.header)
		return 0;
	for (unsigned i = 0; i < length_bytes; i++)
		f.size = f.size << 8 | data[2 + i];
	if (f.size >> 63) {
		*ret_why = "a frame's length has its highest bit set";
		return -EPROTO;
	}
	memcpy(f.mask, data + 2 + length_bytes, mask_bytes);
	*ret = f;
	return 1;
}

void gv_ws_mask(uint8_t *data, size_t size, const uint8_t mask[4])
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

size_t gv_ws_header(uint8_t ret[static GV_WS_HEADER_MAX], unsigned first, size_t size, const uint8_t *mask)
{
	unsigned length_bytes = size < 126 ? 0 : size <= UINT16_MAX ? 2 : 8;
	size_t n = 2 + length_bytes;

	ret[0] = (uint8_t)(0x80 | first);
	ret[1] = (uint8_t)(length_bytes == 0 ? size : length_bytes == 2 ? 126 : 127);
	for (unsigned i = 0; i < length_bytes; i++)
		ret[2 + i] = (uint8_t)((uint64_t)size >> (8 * (length_bytes - 1 - i)));
	if (!mask)
		return n;
	ret[1] |= 0x80;
	memcpy(ret + n, mask, 4);
	return n + 4;
}

bool gv_ws_close_code_valid(unsigned code)
{
	return (code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006) ||
	       (code >= 3000 && code <= 4999);
}
