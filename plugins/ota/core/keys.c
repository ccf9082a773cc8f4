/* Keys as metadata carry them: their names, what they verify, and what the online ones sign. */
#include "tuf_internal.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>

#define PEM_MAX 1024
#define SIGNATURE_MAX 256 /* bytes: a DER signature of P-256 has 72 at most */
#define ED25519_SIZE 32
#define ED25519_SIGNATURE 64

/* ---- names ----------------------------------------------------------------------------------- */

static int hash_of(const cJSON *value, char ret[TUF_HASH_TEXT], struct tuf_error *err)
{
	char *canonical;
	size_t size;
	int r = tuf_canonical(value, &canonical, &size, err);

	if (r < 0)
		return r;
	r = tuf_sha256(canonical, size, ret);
	free(canonical);
	return r;
}

/* The hash of keytype, scheme and keyval: what securesystemslib gives a key by itself. */
static int default_name(const cJSON *key, char ret[TUF_HASH_TEXT], struct tuf_error *err)
{
	cJSON *bare = cJSON_CreateObject();
	int r = -TUF_NO_MEMORY;

	if (bare && cJSON_AddItemReferenceToObject(bare, "keytype", (cJSON *)tuf_member(key, "keytype")) &&
	    cJSON_AddItemReferenceToObject(bare, "scheme", (cJSON *)tuf_member(key, "scheme")) &&
	    cJSON_AddItemReferenceToObject(bare, "keyval", (cJSON *)tuf_member(key, "keyval")))
		r = hash_of(bare, ret, err);
	cJSON_Delete(bare);
	return r;
}

int tuf_key_check(const cJSON *key, struct tuf_error *err)
{
	const char *text, *public_key, *id = key->string;
	const cJSON *value;
	char name[TUF_HASH_TEXT];
	int r;

	if ((r = tuf_text(key, "keytype", 64, "a key", &text, err)) < 0 ||
	    (r = tuf_text(key, "scheme", 64, "a key", &text, err)) < 0 ||
	    (r = tuf_object(key, "keyval", "a key", &value, err)) < 0 ||
	    (r = tuf_text(value, "public", 8192, "a key", &public_key, err)) < 0 ||
	    (r = default_name(key, name, err)) < 0)
		return r;
	if (strcmp(name, id) == 0)
		return 0;
	/* The specification's: the whole object, with members that others have put in. */
	r = hash_of(key, name, err);
	if (r < 0)
		return r;
	if (strcmp(name, id) != 0)
		return tuf_refuse(err, TUF_BAD_KEYID, "the key %.64s is named otherwise than by its hash %s", id, name);
	return 0;
}

/* ---- verifying ------------------------------------------------------------------------------- */

static EVP_PKEY *open_ed25519(const char *hex)
{
	uint8_t raw[ED25519_SIZE];

	if (tuf_unhex(hex, raw, sizeof(raw)) < 0)
		return NULL;
	return EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, raw, sizeof(raw));
}

static EVP_PKEY *open_p256(const char *pem)
{
	BIO *bio = strlen(pem) <= PEM_MAX ? BIO_new_mem_buf(pem, -1) : NULL;
	EVP_PKEY *key = bio ? PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL) : NULL;
	char group[32] = "";

	BIO_free(bio);
	if (key && (!EVP_PKEY_is_a(key, "EC") || !EVP_PKEY_get_group_name(key, group, sizeof(group), NULL) ||
		    strcmp(group, "prime256v1") != 0)) {
		EVP_PKEY_free(key);
		return NULL;
	}
	return key;
}

EVP_PKEY *tuf_key_open(const cJSON *key)
{
	const char *type = tuf_member(key, "keytype")->valuestring, *scheme = tuf_member(key, "scheme")->valuestring;
	const char *public_key = tuf_member(tuf_member(key, "keyval"), "public")->valuestring;

	if (strcmp(type, "ed25519") == 0 && strcmp(scheme, "ed25519") == 0)
		return open_ed25519(public_key);
	/* The second type is what securesystemslib called it before 0.26. */
	if ((strcmp(type, "ecdsa") == 0 || strcmp(type, "ecdsa-sha2-nistp256") == 0) &&
	    strcmp(scheme, "ecdsa-sha2-nistp256") == 0)
		return open_p256(public_key);
	return NULL;
}

bool tuf_key_verify(EVP_PKEY *key, const void *data, size_t size, const char *signature)
{
	uint8_t raw[SIGNATURE_MAX];
	size_t raw_size = strlen(signature) / 2;
	EVP_MD_CTX *ctx;
	bool good;

	if (raw_size > sizeof(raw) || tuf_unhex(signature, raw, raw_size) < 0)
		return false;
	ctx = EVP_MD_CTX_new();
	good = ctx &&
	       EVP_DigestVerifyInit(ctx, NULL, EVP_PKEY_is_a(key, "ED25519") ? NULL : EVP_sha256(), NULL, key) == 1 &&
	       EVP_DigestVerify(ctx, raw, raw_size, data, size) == 1;
	EVP_MD_CTX_free(ctx);
	return good;
}

/* ---- signing --------------------------------------------------------------------------------- */

cJSON *tuf_public_json(const struct tuf_public *key)
{
	cJSON *it = cJSON_CreateObject(), *value;

	if (!it || !cJSON_AddStringToObject(it, "keytype", "ed25519") ||
	    !cJSON_AddStringToObject(it, "scheme", "ed25519") || !(value = cJSON_AddObjectToObject(it, "keyval")) ||
	    !cJSON_AddStringToObject(value, "public", key->public_key)) {
		cJSON_Delete(it);
		return NULL;
	}
	return it;
}

int tuf_public_of(const uint8_t seed[TUF_SEED_SIZE], struct tuf_public *ret)
{
	EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, TUF_SEED_SIZE);
	uint8_t raw[ED25519_SIZE];
	size_t size = sizeof(raw);
	struct tuf_public it;
	cJSON *json = NULL;
	int r = -TUF_CRYPTO;

	if (key && EVP_PKEY_get_raw_public_key(key, raw, &size) == 1) {
		tuf_hex(raw, sizeof(raw), it.public_key);
		json = tuf_public_json(&it);
		r = json ? default_name(json, it.keyid, NULL) : -TUF_NO_MEMORY;
	}
	cJSON_Delete(json);
	EVP_PKEY_free(key);
	if (r == 0)
		*ret = it;
	return r;
}

static int add_signature(cJSON *list, const uint8_t seed[TUF_SEED_SIZE], const char *data, size_t size)
{
	EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, TUF_SEED_SIZE);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t raw[ED25519_SIGNATURE];
	char hex[2 * ED25519_SIGNATURE + 1];
	size_t raw_size = sizeof(raw);
	struct tuf_public named;
	cJSON *entry;
	int r = key && ctx && EVP_DigestSignInit(ctx, NULL, NULL, NULL, key) == 1 &&
				EVP_DigestSign(ctx, raw, &raw_size, (const uint8_t *)data, size) == 1
			? tuf_public_of(seed, &named)
			: -TUF_CRYPTO;

	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(key);
	if (r < 0)
		return r;
	tuf_hex(raw, sizeof(raw), hex);
	entry = cJSON_CreateObject();
	if (!entry || !cJSON_AddStringToObject(entry, "keyid", named.keyid) ||
	    !cJSON_AddStringToObject(entry, "sig", hex) || !cJSON_AddItemToArray(list, entry)) {
		cJSON_Delete(entry);
		return -TUF_NO_MEMORY;
	}
	return 0;
}

int tuf_sign(const cJSON *payload, const uint8_t (*seeds)[TUF_SEED_SIZE], size_t count, char **ret, size_t *ret_size,
	     struct tuf_error *err)
{
	cJSON *whole = cJSON_CreateObject(), *list = whole ? cJSON_AddArrayToObject(whole, "signatures") : NULL;
	char *canonical = NULL;
	size_t size;
	int r = list && cJSON_AddItemReferenceToObject(whole, "signed", (cJSON *)payload)
			? tuf_canonical(payload, &canonical, &size, err)
			: tuf_refuse(err, TUF_NO_MEMORY, "no memory to sign");

	for (size_t i = 0; i < count && r == 0; i++) {
		r = add_signature(list, seeds[i], canonical, size);
		if (r < 0)
			tuf_refuse(err, (enum tuf_result) - r, "the document could not be signed");
	}
	free(canonical);
	if (r == 0)
		r = tuf_json_write(whole, ret, ret_size, err);
	cJSON_Delete(whole);
	return r;
}
