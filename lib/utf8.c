/* One check for all that comes in as text: frames, JSON, ids. Most of it is ASCII, so that goes by eight bytes. */
#include <lib/utf8.h>

#include <stdint.h>
#include <string.h>

size_t gv_utf8_char(const void *s, size_t size)
{
	const unsigned char *c = s;
	size_t n;

	if (size == 0)
		return 0;
	if (c[0] < 0x80)
		return 1;
	n = c[0] < 0xc2 ? 0 : c[0] < 0xe0 ? 2 : c[0] < 0xf0 ? 3 : c[0] < 0xf5 ? 4 : 0;
	if (n == 0 || n > size)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((c[i] & 0xc0) != 0x80)
			return 0;
	/* overlong, surrogates, above U+10FFFF */
	if ((c[0] == 0xe0 && c[1] < 0xa0) || (c[0] == 0xed && c[1] > 0x9f) || (c[0] == 0xf0 && c[1] < 0x90) ||
	    (c[0] == 0xf4 && c[1] > 0x8f))
		return 0;
	return n;
}

bool gv_utf8_valid(const void *s, size_t size)
{
	const unsigned char *c = s;
	uint64_t eight;
	size_t i = 0;

	while (i < size) {
		size_t n = 8;

		if (size - i >= n)
			memcpy(&eight, c + i, n);
		if (size - i < n || (eight & UINT64_C(0x8080808080808080)))
			n = gv_utf8_char(c + i, size - i);
		if (n == 0)
			return false;
		i += n;
	}
	return true;
}

size_t gv_utf8_count(const char *s, size_t size)
{
	size_t count = 0;

	for (size_t i = 0; i < size; i++)
		count += ((unsigned char)s[i] & 0xc0) != 0x80;
	return count;
}
