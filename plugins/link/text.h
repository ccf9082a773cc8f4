/* The texts of a handshake and of an HTTP request: pure functions over bytes that a stranger sent. */
#ifndef LINK_TEXT_H
#define LINK_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IDENTITY_MAX 100 /* bytes, as in the registry */
#define PASSWORD_MAX 256 /* bytes of a Basic password */

struct slice {
	const char *data;
	size_t size;
};

static inline struct slice slice(const char *data, size_t size)
{
	struct slice s = { data, size };

	return s;
}

bool slice_is(struct slice s, const char *text);
/* ASCII case does not matter. */
bool slice_is_nocase(struct slice s, const char *text);
/* Without blanks and tabs at either end. */
struct slice slice_trim(struct slice s);

/* The next item of a comma-separated list: trimmed, empty items skipped (RFC 9110 5.6.1). False at the end. */
bool list_next(struct slice *rest, struct slice *ret_item);
/* True if one of the items is `token`, whatever its case. */
bool list_has(struct slice list, const char *token);

/* Path and query of a request target in origin form ("/a?b"), absolute form ("http://host/a?b") or "*". The path is as
 * it was sent; the query is without its '?'. -EINVAL for anything else. */
int target_split(struct slice target, struct slice *ret_path, struct slice *ret_query);

/* %XX decoded, once; a '+' stays one. Writes a zero byte behind. The length; -EINVAL for a '%' without two digits or a
 * decoded zero byte; -ENOSPC if it does not fit. */
int percent_decode(struct slice raw, char *ret, size_t ret_size);

/* Who a station says it is: the last segment of the path as it was sent, decoded afterwards; slashes at the end do not
 * count. 1 to IDENTITY_MAX bytes of UTF-8 without '/' and control characters, else -EINVAL. (OCPP-J 1.6, 3.1.1) */
int path_identity(struct slice path, char ret[static IDENTITY_MAX + 1]);

/* "Basic" credentials (RFC 7617), split at the first ':'; both parts may hold any byte. -EINVAL for another scheme or
 * bad base64, -ENOSPC for parts too long. */
struct basic {
	char username[IDENTITY_MAX + 1];
	size_t username_size;
	uint8_t password[PASSWORD_MAX];
	size_t password_size;
};
int basic_parse(struct slice value, struct basic *ret);

#endif
