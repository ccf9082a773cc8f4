/* Which devices a target means, in words: "vendor = Acme and (version < 2.1 or tag = beta) and not site ~ north-*".
 *
 * and binds tighter than or, not tighter than both. A word is letters, digits and - _ . : / @ * ? +; anything else is
 * put in "quotes". No I/O, no allocation: a filter lives in its caller's memory. */
#ifndef OTA_FILTER_H
#define OTA_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FILTER_TEXT_MAX 2000
#define FILTER_NODES_MAX 256
#define FILTER_DEPTH_MAX 32 /* brackets and "not" within each other */
#define FILTER_ERROR_MAX 200

/* A device as a filter sees it. What is not known is "". */
struct subject {
	const char *device, *site, *plugin, *vendor, *model, *hardware, *version;
	const char *const *tags;
	size_t n_tags;
	const char *const *attributes; /* name, value, name, value */
	size_t n_attributes;           /* pairs */
};

enum filter_field {
	FILTER_DEVICE,
	FILTER_SITE,
	FILTER_PLUGIN,
	FILTER_VENDOR,
	FILTER_MODEL,
	FILTER_HARDWARE,
	FILTER_VERSION,
	FILTER_TAG,
	FILTER_ATTRIBUTE
};
enum filter_kind { FILTER_AND, FILTER_OR, FILTER_NOT, FILTER_TEST };
enum filter_operator {
	FILTER_IS,
	FILTER_IS_NOT,
	FILTER_LESS,
	FILTER_AT_MOST,
	FILTER_MORE,
	FILTER_AT_LEAST,
	FILTER_LIKE
};

struct filter {
	char text[2 * FILTER_TEXT_MAX]; /* the words, each ended by a zero byte */
	size_t text_size;
	struct filter_node {
		enum filter_kind kind;
		uint16_t left, right; /* FILTER_NOT: left */
		enum filter_field field;
		enum filter_operator op;
		const char *name, *value; /* in text; name: of an attribute */
	} nodes[FILTER_NODES_MAX];
	size_t count;
	uint16_t root;
};

/* False: `ret_error` says what is wrong and where ("at 14: ..."; the first character is 1). */
bool filter_compile(const char *text, struct filter *ret, char ret_error[FILTER_ERROR_MAX]);
bool filter_matches(const struct filter *f, const struct subject *s);

/* Below 0, 0 or above, as versions go: numbers by their value ("1.10" is above "1.9"), "2.0-rc1" below "2.0". */
int version_compare(const char *a, const char *b);
/* Whether `text` is what `pattern` says: * stands for any text, ? for one character. */
bool pattern_matches(const char *pattern, const char *text);

#endif
