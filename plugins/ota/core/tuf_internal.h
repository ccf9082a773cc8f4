/* What the files of core share. */
#ifndef TUF_INTERNAL_H
#define TUF_INTERNAL_H

#include "tuf.h"

#include <cjson/cJSON.h>
#include <openssl/types.h>

struct tuf_document {
	enum tuf_role role;
	cJSON *json;    /* the whole */
	cJSON *payload; /* of it: what is signed */
	int64_t version, expires_s;
};

/* Fills *err, returns -result. */
int tuf_refuse(struct tuf_error *err, enum tuf_result result, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* ---- json.c: members with their checks; `where` names the object in the error's text --------- */

const cJSON *tuf_member(const cJSON *object, const char *name);
int tuf_text(const cJSON *object, const char *name, size_t max, const char *where, const char **ret,
	     struct tuf_error *err);
int tuf_number(const cJSON *object, const char *name, int64_t min, int64_t max, const char *where, int64_t *ret,
	       struct tuf_error *err);
int tuf_object(const cJSON *object, const char *name, const char *where, const cJSON **ret, struct tuf_error *err);
int tuf_list(const cJSON *object, const char *name, int max, const char *where, const cJSON **ret,
	     struct tuf_error *err);
bool tuf_is_hash(const char *text);

/* ---- keys.c ---------------------------------------------------------------------------------- */

/* Checks that the key's name is its hash and its fields are there. */
int tuf_key_check(const cJSON *key, struct tuf_error *err);
/* NULL: a kind of key that this does not know; it counts for nothing. */
EVP_PKEY *tuf_key_open(const cJSON *key);
bool tuf_key_verify(EVP_PKEY *key, const void *data, size_t size, const char *signature);

/* ---- document.c ------------------------------------------------------------------------------ */

/* The role's entry (keyids, threshold) and the keys, of a root or of targets' delegations. NULL: not named. */
const cJSON *tuf_role_entry(const struct tuf_document *delegator, enum tuf_role role, const cJSON **ret_keys);
/* make.c: the members that every document has; NULL: no memory. */
cJSON *tuf_make_common(const char *type, int64_t version, int64_t expires_s);
int tuf_check_payload(struct tuf_document *it, struct tuf_error *err);

#endif
