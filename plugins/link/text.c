/* What a stranger writes into a request line and a handful of headers, taken apart in one place so that it can be
 * fuzzed. */
#include "text.h"

#include <errno.h>
#include <lib/base64.h>
#include <lib/hex.h>
#include <lib/utf8.h>
#include <string.h>
#include <strings.h>

bool slice_is(struct slice s, const char *text)
{
	return strlen(text) == s.size && memcmp(s.data, text, s.size) == 0;
}

bool slice_is_nocase(struct slice s, const char *text)
{
	return strlen(text) == s.size && strncasecmp(s.data, text, s.size) == 0;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

struct slice slice_trim(struct slice s)
{
	while (s.size && is_blank(s.data[0])) {
		s.data++;
		s.size--;
	}
	while (s.size && is_blank(s.data[s.size - 1]))
		s.size--;
	return s;
}

bool list_next(struct slice *rest, struct slice *ret_item)
{
	while (rest->size) {
		const char *comma = memchr(rest->data, ',', rest->size);
		size_t n = comma ? (size_t)(comma - rest->data) : rest->size;
		struct slice item = slice_trim(slice(rest->data, n));

		if (comma)
			n++;
		rest->data += n;
		rest->size -= n;
		if (item.size) {
			*ret_item = item;
			return true;
		}
	}
	return false;
}

bool list_has(struct slice list, const char *token)
{
	struct slice item;

	while (list_next(&list, &item)) {
		if (slice_is_nocase(item, token))
			return true;
	}
	return false;
}

static bool is_scheme(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '+' || c == '-' ||
	       c == '.';
}

int target_split(struct slice target, struct slice *ret_path, struct slice *ret_query)
{
	const char *end = target.data + target.size, *p = target.data, *mark;

	if (!target.size)
		return -EINVAL;
	for (const char *c = p; c < end; c++) {
		if ((unsigned char)*c <= ' ' || *c == 0x7f)
			return -EINVAL;
	}
	mark = memchr(p, '#', target.size); /* a fragment is never sent, but cut where it is */
	if (mark)
		end = mark;
	if (*p != '/' && !(target.size == 1 && *p == '*')) {
		while (p < end && is_scheme(*p))
			p++;
		if (p == target.data || end - p < 3 || memcmp(p, "://", 3) != 0)
			return -EINVAL;
		p += 3;
		while (p < end && *p != '/' && *p != '?')
			p++;
	}
	mark = p < end ? memchr(p, '?', (size_t)(end - p)) : NULL;
	*ret_query = mark ? slice(mark + 1, (size_t)(end - mark - 1)) : slice(end, 0);
	if (mark)
		end = mark;
	*ret_path = p < end ? slice(p, (size_t)(end - p)) : slice("/", 1);
	return 0;
}

int percent_decode(struct slice raw, char *ret, size_t ret_size)
{
	size_t n = 0;

	for (size_t i = 0; i < raw.size; i++) {
		char c = raw.data[i];

		if (c == '%') {
			int high = i + 2 < raw.size ? gv_hex_digit(raw.data[i + 1]) : -1;
			int low = i + 2 < raw.size ? gv_hex_digit(raw.data[i + 2]) : -1;

			if (high < 0 || low < 0)
				return -EINVAL;
			c = (char)(high << 4 | low);
			i += 2;
		}
		if (c == '\0')
			return -EINVAL;
		if (n + 1 >= ret_size)
			return -ENOSPC;
		ret[n++] = c;
	}
	if (n >= ret_size)
		return -ENOSPC;
	ret[n] = '\0';
	return (int)n;
}

int path_identity(struct slice path, char ret[static IDENTITY_MAX + 1])
{
	char decoded[IDENTITY_MAX + 1];
	size_t start;
	int n;

	while (path.size && path.data[path.size - 1] == '/')
		path.size--;
	for (start = path.size; start && path.data[start - 1] != '/'; start--)
		;
	n = percent_decode(slice(path.data + start, path.size - start), decoded, sizeof(decoded));
	if (n <= 0 || strchr(decoded, '/') || !gv_utf8_valid(decoded, (size_t)n))
		return -EINVAL;
	for (const char *c = decoded; *c; c++) {
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			return -EINVAL;
	}
	memcpy(ret, decoded, (size_t)n + 1);
	return 0;
}

static int basic_split(const uint8_t *text, size_t size, struct basic *ret)
{
	const uint8_t *colon = size ? memchr(text, ':', size) : NULL;
	size_t user, password;

	if (!colon)
		return -EINVAL;
	user = (size_t)(colon - text);
	password = size - user - 1;
	if (user > IDENTITY_MAX || password > PASSWORD_MAX)
		return -ENOSPC;
	memcpy(ret->username, text, user);
	ret->username[user] = '\0';
	ret->username_size = user;
	memcpy(ret->password, colon + 1, password);
	ret->password_size = password;
	return 0;
}

int basic_parse(struct slice value, struct basic *ret)
{
	struct gv_buf text = { 0 };
	int r;

	value = slice_trim(value);
	if (value.size < 6 || strncasecmp(value.data, "basic", 5) != 0 || !is_blank(value.data[5]))
		return -EINVAL;
	value = slice_trim(slice(value.data + 6, value.size - 6));
	r = gv_base64_read(&text, value.data, value.size);
	if (r == 0)
		r = basic_split(text.data, text.size, ret);
	if (text.data)
		explicit_bzero(text.data, text.size);
	gv_buf_fini(&text);
	return r;
}
