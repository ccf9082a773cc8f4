/* Hashes and ids as people and file names see them. */
#include <lib/hex.h>

#include <errno.h>

void gv_hex_write(const void *data, size_t size, char *ret)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *d = data;
	for (size_t i = 0; i < size; i++) {
		*ret++ = digits[d[i] >> 4];
		*ret++ = digits[d[i] & 15];
	}
	*ret = '\0';
}

int gv_hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

int gv_hex_read(const char *text, size_t text_size, uint8_t *ret, size_t ret_size)
{
	if (text_size % 2 != 0 || text_size / 2 != ret_size)
		return -EINVAL;
	for (size_t i = 0; i < text_size; i++)
		if (gv_hex_digit(text[i]) < 0)
			return -EINVAL;
	for (size_t i = 0; i < ret_size; i++)
		ret[i] = (uint8_t)((unsigned)gv_hex_digit(text[2 * i]) << 4 | (unsigned)gv_hex_digit(text[2 * i + 1]));
	return 0;
}
