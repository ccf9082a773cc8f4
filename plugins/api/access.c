/* Who may: bearer tokens are compared by digest and in constant time, so that timing tells nothing about them. */
#include "access.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <string.h>
#include <strings.h>

static const char *const role_names[] = { "nobody", "viewer", "operator", "admin" };

enum api_role api_role(const char *name)
{
	for (int role = API_VIEWER; role <= API_ADMIN; role++) {
		if (strcmp(name, role_names[role]) == 0)
			return (enum api_role)role;
	}
	return API_NOBODY;
}

const char *api_role_name(enum api_role role)
{
	return role_names[role];
}

bool api_is_public(const char *role)
{
	return strcmp(role, "public") == 0;
}

const char *api_bearer(const char *authorization)
{
	const char *token;

	if (strncasecmp(authorization, "Bearer ", 7) != 0)
		return NULL;
	token = authorization + 7 + strspn(authorization + 7, " ");
	return *token && !strchr(token, ' ') ? token : NULL;
}

void api_digest(const char *token, unsigned char ret[static API_DIGEST_SIZE])
{
	SHA256((const unsigned char *)token, strlen(token), ret);
}

const struct api_token *api_token_find(const struct api_token *tokens, size_t count, const char *token)
{
	unsigned char digest[API_DIGEST_SIZE];
	const struct api_token *found = NULL;

	api_digest(token, digest);
	for (size_t i = 0; i < count; i++) {
		if (CRYPTO_memcmp(tokens[i].digest, digest, sizeof(digest)) == 0)
			found = &tokens[i];
	}
	return found;
}
