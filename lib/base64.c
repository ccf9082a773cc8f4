/* How bytes travel in JSON. Strict on reading: one text has one meaning. */
#include <lib/base64.h>

#include <errno.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int gv_base64_write(struct gv_buf *out, const void *data, size_t size)
{
	const uint8_t *d = data;
	int r = gv_buf_reserve(out, size / 3 * 4 + 4);
	if (r < 0)
		return r;
	uint8_t *to = out->data + out->size;
	for (; size >= 3; size -= 3, d += 3) {
		*to++ = (uint8_t)alphabet[d[0] >> 2];
		*to++ = (uint8_t)alphabet[(d[0] & 3) << 4 | d[1] >> 4];
		*to++ = (uint8_t)alphabet[(d[1] & 15) << 2 | d[2] >> 6];
		*to++ = (uint8_t)alphabet[d[2] & 63];
	}
	if (size > 0) {
		unsigned second = size == 2 ? d[1] : 0;
		*to++ = (uint8_t)alphabet[d[0] >> 2];
		*to++ = (uint8_t)alphabet[(d[0] & 3) << 4 | second >> 4];
		*to++ = size == 2 ? (uint8_t)alphabet[(second & 15) << 2] : '=';
		*to++ = '=';
	}
	out->size = (size_t)(to - out->data);
	return 0;
}

static int digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+' || c == '-')
		return 62;
	return c == '/' || c == '_' ? 63 : -1;
}

int gv_base64_read(struct gv_buf *out, const char *text, size_t size)
{
	if (size > 0 && size % 4 == 0 && text[size - 1] == '=')
		size -= text[size - 2] == '=' ? 2 : 1;
	if (size % 4 == 1)
		return -EINVAL;
	int r = gv_buf_reserve(out, size / 4 * 3 + 3);
	if (r < 0)
		return r;
	uint8_t *to = out->data + out->size;
	uint32_t bits = 0;
	unsigned n_bits = 0;
	for (size_t i = 0; i < size; i++) {
		int d = digit(text[i]);
		if (d < 0)
			return -EINVAL;
		bits = bits << 6 | (uint32_t)d;
		n_bits += 6;
		if (n_bits >= 8) {
			n_bits -= 8;
			*to++ = (uint8_t)(bits >> n_bits);
			bits &= (1u << n_bits) - 1;
		}
	}
	if (bits != 0)
		return -EINVAL;
	out->size = (size_t)(to - out->data);
	return 0;
}
