/* Ranges and entity tags, taken apart where nothing else is done, so that they can be fuzzed. Whatever is odd about a
 * Range leads to the whole file, which is always a right answer (RFC 9110, 14.2); a set of ranges that would cost more
 * than it asks for, by overlaps or by their number, is odd. */
#include "ranges.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

/* Digits only; what is too large for a file counts as the largest. */
static bool position(struct slice s, uint64_t *ret)
{
	uint64_t n = 0;

	if (!s.size)
		return false;
	for (size_t i = 0; i < s.size; i++) {
		if (s.data[i] < '0' || s.data[i] > '9')
			return false;
		if (n < INT64_MAX / 16)
			n = n * 10 + (uint64_t)(s.data[i] - '0');
		else
			n = INT64_MAX;
	}
	*ret = n;
	return true;
}

/* One item of the set. 1: *ret; 0: nothing of it exists; -EINVAL: bad syntax. */
static int parse_one(struct slice item, uint64_t size, struct range *ret)
{
	const char *dash = memchr(item.data, '-', item.size);
	uint64_t first, last = INT64_MAX;
	struct slice from, to;

	if (!dash)
		return -EINVAL;
	from = slice(item.data, (size_t)(dash - item.data));
	to = slice(dash + 1, item.size - from.size - 1);
	if (!from.size) { /* the last so many bytes */
		if (!position(to, &last))
			return -EINVAL;
		ret->first = last < size ? size - last : 0;
		ret->last = size - 1;
		return last && size;
	}
	if (!position(from, &first) || (to.size && !position(to, &last)) || last < first)
		return -EINVAL;
	ret->first = first;
	ret->last = last < size ? last : size - 1;
	return first < size;
}

static bool overlaps(struct range r, const struct range *others, int n)
{
	for (int i = 0; i < n; i++) {
		if (r.first <= others[i].last && others[i].first <= r.last)
			return true;
	}
	return false;
}

int ranges_parse(struct slice value, uint64_t size, struct range ret[static RANGES_MAX])
{
	struct slice item;
	int n = 0, asked = 0;

	value = slice_trim(value);
	if (value.size < 6 || strncasecmp(value.data, "bytes=", 6) != 0)
		return 0;
	value = slice(value.data + 6, value.size - 6);
	while (list_next(&value, &item)) {
		struct range r;
		int there = parse_one(item, size, &r);

		if (there < 0 || ++asked > RANGES_MAX || (there && overlaps(r, ret, n)))
			return 0;
		if (there)
			ret[n++] = r;
	}
	return n || !asked ? n : -ERANGE;
}

/* ---- entity tags ----------------------------------------------------------------------------- */

static bool skip(struct slice *s, const char *text)
{
	size_t n = strlen(text);

	if (s->size < n || memcmp(s->data, text, n) != 0)
		return false;
	*s = slice(s->data + n, s->size - n);
	return true;
}

/* The next tag of a list, without quotes. False at the end, or where there is a quote without its other. */
static bool next_tag(struct slice *rest, struct slice *ret, bool *ret_weak)
{
	const char *end;
	bool quoted;

	while (rest->size && strchr(", \t", rest->data[0]))
		*rest = slice(rest->data + 1, rest->size - 1);
	if (!rest->size)
		return false;
	*ret_weak = skip(rest, "W/");
	quoted = skip(rest, "\"");
	end = rest->size ? memchr(rest->data, quoted ? '"' : ',', rest->size) : NULL;
	if (quoted && !end)
		return false;
	*ret = slice(rest->data, end ? (size_t)(end - rest->data) : rest->size);
	*rest = slice(rest->data + ret->size, rest->size - ret->size);
	if (quoted)
		skip(rest, "\"");
	else
		*ret = slice_trim(*ret);
	return true;
}

bool etags_have(struct slice list, const char *id, bool weak)
{
	struct slice tag;
	bool is_weak;

	if (slice_is(slice_trim(list), "*"))
		return true;
	while (next_tag(&list, &tag, &is_weak)) {
		if ((weak || !is_weak) && slice_is(tag, id))
			return true;
	}
	return false;
}

bool etag_is(struct slice value, const char *id)
{
	struct slice tag;
	bool is_weak;

	value = slice_trim(value);
	return next_tag(&value, &tag, &is_weak) && !is_weak && slice_is(tag, id);
}
