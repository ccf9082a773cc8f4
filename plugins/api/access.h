/* Bearer tokens and roles. */
#ifndef API_ACCESS_H
#define API_ACCESS_H

#include <stdbool.h>
#include <stddef.h>

enum api_role { API_NOBODY, API_VIEWER, API_OPERATOR, API_ADMIN }; /* each may do what those before it may */

#define API_DIGEST_SIZE 32

struct api_token {
	unsigned char digest[API_DIGEST_SIZE]; /* SHA-256: the token itself is not kept in memory */
	enum api_role role;
	char *name; /* for logs */
};

/* API_NOBODY where the name is none of "viewer", "operator" and "admin". */
enum api_role api_role(const char *name);
const char *api_role_name(enum api_role role);
/* Whether a method with this role may be called without a token: it says itself who may. */
bool api_is_public(const char *role);

/* The token of an Authorization header "Bearer TOKEN" (the scheme in any case, RFC 9110 11.1; RFC 6750 2.1): within the
 * header, NULL where it is something else. */
const char *api_bearer(const char *authorization);

void api_digest(const char *token, unsigned char ret[static API_DIGEST_SIZE]);
/* The entry that this token is, or NULL. The time it takes depends neither on which it is nor on how much of it is
 * right. */
const struct api_token *api_token_find(const struct api_token *tokens, size_t count, const char *token);

#endif
