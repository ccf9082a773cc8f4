/* One pass over a copy of the text, in which strings are decoded where they stand. */
#include <lib/json_tree.h>

#include <cjson/cJSON.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define NODES_A_BLOCK 32
#define EXACT_DIGITS 15 /* a number of so many is exact as a double */

struct reader {
	const ProtobufCAllocator *memory;
	char *at;        /* in the copy */
	const char *end; /* a zero byte, the only one */
	cJSON *nodes;
	unsigned n_nodes; /* left in the block */
	unsigned depth;
	bool no_memory;
};

static bool read_value(struct reader *r, cJSON *item);

static cJSON *new_node(struct reader *r)
{
	if (!r->n_nodes) {
		r->nodes = r->memory->alloc(r->memory->allocator_data, NODES_A_BLOCK * sizeof *r->nodes);
		r->no_memory = !r->nodes;
		if (!r->nodes)
			return NULL;
		r->n_nodes = NODES_A_BLOCK;
	}
	r->n_nodes--;
	memset(r->nodes, 0, sizeof *r->nodes);
	return r->nodes++;
}

/* Control characters count as space; the zero byte at the end does not. */
static char skip_space(struct reader *r)
{
	while ((unsigned char)*r->at <= ' ' && *r->at)
		r->at++;
	return *r->at;
}

/* ---- strings --------------------------------------------------------------------------------- */

/* Four hexadecimal digits; 0 where they are none. */
static unsigned hex4(const char *s)
{
	unsigned value = 0;

	for (unsigned i = 0; i < 4; i++) {
		char c = s[i];

		if (c >= '0' && c <= '9')
			value = value * 16 + (unsigned)(c - '0');
		else if (c >= 'A' && c <= 'F')
			value = value * 16 + 10 + (unsigned)(c - 'A');
		else if (c >= 'a' && c <= 'f')
			value = value * 16 + 10 + (unsigned)(c - 'a');
		else
			return 0;
	}
	return value;
}

static char *put_utf8(char *to, unsigned code)
{
	if (code < 0x80) {
		*to++ = (char)code;
	} else if (code < 0x800) {
		*to++ = (char)(0xc0 | code >> 6);
		*to++ = (char)(0x80 | (code & 0x3f));
	} else if (code < 0x10000) {
		*to++ = (char)(0xe0 | code >> 12);
		*to++ = (char)(0x80 | (code >> 6 & 0x3f));
		*to++ = (char)(0x80 | (code & 0x3f));
	} else {
		*to++ = (char)(0xf0 | code >> 18);
		*to++ = (char)(0x80 | (code >> 12 & 0x3f));
		*to++ = (char)(0x80 | (code >> 6 & 0x3f));
		*to++ = (char)(0x80 | (code & 0x3f));
	}
	return to;
}

/* \u and its four digits at s, or two such; `end`: the closing quote. The characters that it took, 0 where it is none.
 */
static size_t read_unicode(const char *s, const char *end, char **to)
{
	unsigned first, second;

	if (end - s < 6)
		return 0;
	first = hex4(s + 2);
	if (first >= 0xdc00 && first <= 0xdfff)
		return 0;
	if (first < 0xd800 || first > 0xdbff) {
		*to = put_utf8(*to, first);
		return 6;
	}
	if (end - s < 12 || s[6] != '\\' || s[7] != 'u')
		return 0;
	second = hex4(s + 8);
	if (second < 0xdc00 || second > 0xdfff)
		return 0;
	*to = put_utf8(*to, 0x10000 + ((first & 0x3ff) << 10 | (second & 0x3ff)));
	return 12;
}

/* From the first backslash on, up to the closing quote at `end`. What is decoded is never longer than what stood there.
 */
static bool decode(char *s, const char *end)
{
	static const char plain[] = "\"\\/bfnrt", means[] = "\"\\/\b\f\n\r\t";
	char *to = s;

	while (s < end) {
		const char *known;
		size_t taken;

		if (*s != '\\') {
			*to++ = *s++;
			continue;
		}
		if (s[1] == 'u') {
			taken = read_unicode(s, end, &to);
			if (!taken)
				return false;
			s += taken;
			continue;
		}
		known = s[1] ? strchr(plain, s[1]) : NULL;
		if (!known)
			return false;
		*to++ = means[known - plain];
		s += 2;
	}
	*to = '\0';
	return true;
}

/* The string whose quote is at hand, in the copy; NULL where it is none. */
static char *read_string(struct reader *r)
{
	char *start = r->at + 1, *end = memchr(start, '"', (size_t)(r->end - start)), *escape;

	if (!end)
		return NULL;
	escape = memchr(start, '\\', (size_t)(end - start));
	if (escape) {
		for (end = escape; *end != '"'; end++)
			if (!*end || (*end == '\\' && !*++end))
				return NULL;
		if (!decode(escape, end))
			return NULL;
	}
	*end = '\0';
	r->at = end + 1;
	return start;
}

/* ---- the other values ------------------------------------------------------------------------ */

static bool in_number(char c)
{
	return (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.' || c == 'e' || c == 'E';
}

/* What strtod makes of the characters that may be a number's. */
static bool read_any_number(struct reader *r, double *ret)
{
	char *start = r->at, *end = start, behind;

	while (in_number(*end))
		end++;
	behind = *end;
	*end = '\0'; /* strtod knows more numbers than JSON */
	*ret = strtod(start, &r->at);
	*end = behind;
	return r->at != start;
}

static bool read_number(struct reader *r, cJSON *item)
{
	const char *s = r->at, *start;
	int64_t digits = 0;
	double value;

	if (*s == '-')
		s++;
	for (start = s; *s >= '0' && *s <= '9' && s - start < EXACT_DIGITS; s++)
		digits = digits * 10 + (*s - '0');
	if (s > start && !in_number(*s)) {
		value = *r->at == '-' ? -(double)digits : (double)digits;
		r->at += s - r->at;
	} else if (!read_any_number(r, &value)) {
		return false;
	}
	item->type = cJSON_Number;
	item->valuedouble = value;
	item->valueint = value >= INT_MAX ? INT_MAX : value <= (double)INT_MIN ? INT_MIN : (int)value;
	return true;
}

static bool read_word(struct reader *r, cJSON *item, const char *word, int type)
{
	size_t n = strlen(word);

	if (strncmp(r->at, word, n) != 0)
		return false;
	r->at += n;
	item->type = type;
	item->valueint = type == cJSON_True;
	return true;
}

/* One element of a list or an object, behind the others. */
static bool read_element(struct reader *r, cJSON *parent)
{
	cJSON *item = new_node(r), *first = parent->child;

	if (!item)
		return false;
	if (first) {
		item->prev = first->prev;
		first->prev->next = item;
		first->prev = item;
	} else {
		parent->child = item->prev = item;
	}
	if (parent->type == cJSON_Object) {
		item->string = skip_space(r) == '"' ? read_string(r) : NULL;
		if (!item->string || skip_space(r) != ':')
			return false;
		r->at++;
	}
	skip_space(r);
	return read_value(r, item);
}

static bool read_elements(struct reader *r, cJSON *item, int type, char end)
{
	char c;

	if (r->depth >= GV_JSON_TREE_DEPTH)
		return false;
	r->depth++;
	item->type = type;
	r->at++;
	c = skip_space(r);
	while (c != end) {
		if (!read_element(r, item))
			return false;
		c = skip_space(r);
		if (c == ',')
			r->at++;
		else if (c != end)
			return false;
	}
	r->at++;
	r->depth--;
	return true;
}

static bool read_value(struct reader *r, cJSON *item)
{
	switch (*r->at) {
	case '"':
		item->type = cJSON_String;
		item->valuestring = read_string(r);
		return item->valuestring;
	case '{':
		return read_elements(r, item, cJSON_Object, '}');
	case '[':
		return read_elements(r, item, cJSON_Array, ']');
	case 't':
		return read_word(r, item, "true", cJSON_True);
	case 'f':
		return read_word(r, item, "false", cJSON_False);
	case 'n':
		return read_word(r, item, "null", cJSON_NULL);
	default:
		return (*r->at == '-' || (*r->at >= '0' && *r->at <= '9')) && read_number(r, item);
	}
}

int gv_json_tree(const ProtobufCAllocator *memory, const char *text, size_t size, cJSON **ret)
{
	struct reader r = { .memory = memory };
	char *copy = memory->alloc(memory->allocator_data, size + 1);
	cJSON *root = copy ? new_node(&r) : NULL;

	if (!root)
		return -ENOMEM;
	if (memchr(text, 0, size))
		return -EBADMSG;
	memcpy(copy, text, size);
	copy[size] = '\0';
	r.at = copy;
	r.end = copy + size;
	if (!strncmp(r.at, "\xEF\xBB\xBF", 3)) /* a byte order mark */
		r.at += 3;
	skip_space(&r);
	if (!read_value(&r, root))
		return r.no_memory ? -ENOMEM : -EBADMSG;
	skip_space(&r);
	if (r.at != r.end)
		return -EBADMSG;
	*ret = root;
	return 0;
}
