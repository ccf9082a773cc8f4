/* cJSON turns every number into a double; a price must keep its digits. The text has been checked before, so this only
 * has to find where values end; it still never reads past the end. */
#include "ocpi_text.h"

#include <string.h>

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void skip_blanks(struct ocpi_walk *w)
{
	while (w->at < w->end && is_blank(*w->at))
		w->at++;
}

static void skip_string(struct ocpi_walk *w)
{
	for (w->at++; w->at < w->end && *w->at != '"'; w->at++)
		if (*w->at == '\\' && w->at + 1 < w->end)
			w->at++;
	if (w->at < w->end)
		w->at++;
}

/* The whole of the value that begins here. */
static struct ocpi_span take_value(struct ocpi_walk *w)
{
	const char *start = w->at;
	int depth = 0;
	do {
		if (w->at == w->end)
			break;
		char c = *w->at;
		if (c == '"') {
			skip_string(w);
		} else if (c == '{' || c == '[') {
			depth++;
			w->at++;
		} else if (c == '}' || c == ']') {
			depth--;
			w->at++;
		} else if (depth > 0) {
			w->at++;
		} else {
			while (w->at < w->end && !is_blank(*w->at) && !strchr(",]}", *w->at))
				w->at++;
		}
	} while (depth > 0);
	return (struct ocpi_span){ start, (size_t)(w->at - start) };
}

bool ocpi_walk_into(struct ocpi_span value, char open, struct ocpi_walk *ret)
{
	if (value.size < 2 || *value.at != open)
		return false;
	*ret = (struct ocpi_walk){ value.at + 1, value.at + value.size - 1, true };
	return true;
}

bool ocpi_walk_item(struct ocpi_walk *w, struct ocpi_span *ret_value)
{
	skip_blanks(w);
	if (!w->first && w->at < w->end && *w->at == ',')
		w->at++;
	skip_blanks(w);
	w->first = false;
	if (w->at == w->end)
		return false;
	*ret_value = take_value(w);
	return ret_value->size > 0;
}

bool ocpi_walk_member(struct ocpi_walk *w, struct ocpi_span *ret_name, struct ocpi_span *ret_value)
{
	struct ocpi_span quoted;
	if (!ocpi_walk_item(w, &quoted) || !ocpi_string(quoted, ret_name))
		return false;
	skip_blanks(w);
	if (w->at < w->end && *w->at == ':')
		w->at++;
	skip_blanks(w);
	*ret_value = take_value(w);
	return ret_value->size > 0;
}

struct ocpi_span ocpi_trim(const char *text, size_t size)
{
	while (size > 0 && is_blank(*text)) {
		text++;
		size--;
	}
	while (size > 0 && is_blank(text[size - 1]))
		size--;
	return (struct ocpi_span){ text, size };
}

bool ocpi_is(struct ocpi_span s, const char *text)
{
	return strlen(text) == s.size && memcmp(s.at, text, s.size) == 0;
}

bool ocpi_string(struct ocpi_span value, struct ocpi_span *ret)
{
	if (value.size < 2 || *value.at != '"')
		return false;
	*ret = (struct ocpi_span){ value.at + 1, value.size - 2 };
	return true;
}
