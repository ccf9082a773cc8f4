/* Is this the device's password? PBKDF2 is slow on purpose, and ten thousand stations may reconnect at once; so the
 * password that was right is remembered by a keyed fingerprint that lives in this process's memory only, and so is the
 * one that was wrong. */
#include "view.h"

#include <lib/hex.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"

#define WRONG_INTERVAL_MS 1000 /* one wrong password per device is worked out in this time, */
#define WRONG_BURST 10u        /* after so many that may come at once */
#define ITERATIONS_MAX 10000000
#define CANDIDATES_MAX 6

struct candidate {
	uint8_t data[2 * PASSWORD_MAX + 1];
	size_t size;
};

static bool is_hex(const uint8_t *s, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (!((s[i] >= '0' && s[i] <= '9') || (s[i] >= 'a' && s[i] <= 'f') || (s[i] >= 'A' && s[i] <= 'F')))
			return false;
	}
	return size > 0 && size % 2 == 0;
}

static void change_case(struct candidate *c, bool upper)
{
	for (size_t i = 0; i < c->size; i++) {
		if (upper && c->data[i] >= 'a' && c->data[i] <= 'f')
			c->data[i] = (uint8_t)(c->data[i] - 'a' + 'A');
		else if (!upper && c->data[i] >= 'A' && c->data[i] <= 'F')
			c->data[i] = (uint8_t)(c->data[i] - 'A' + 'a');
	}
}

/* Drops the last candidate if it is there already. */
static size_t keep_if_new(const struct candidate *c, size_t n)
{
	for (size_t i = 0; i + 1 < n; i++) {
		if (c[i].size == c[n - 1].size && memcmp(c[i].data, c[n - 1].data, c[i].size) == 0)
			return n - 1;
	}
	return n;
}

/* What a station that shows these bytes may mean: the password itself; its bytes, where the operator wrote them as hex
 * digits (OCPP-J 1.6, 6.2.2); or hex digits of one case for the other, or for the plain bytes. */
static size_t candidates(const uint8_t *password, size_t size, struct candidate ret[static CANDIDATES_MAX])
{
	size_t n = 0;

	memcpy(ret[n].data, password, size);
	ret[n++].size = size;
	for (int upper = 0; upper < 2; upper++) {
		gv_hex_write(password, size, (char *)ret[n].data);
		ret[n].size = 2 * size;
		change_case(&ret[n++], upper);
		n = keep_if_new(ret, n);
	}
	if (!is_hex(password, size))
		return n;
	for (int upper = 0; upper < 2; upper++) {
		memcpy(ret[n].data, password, size);
		ret[n].size = size;
		change_case(&ret[n++], upper);
		n = keep_if_new(ret, n);
	}
	if (gv_hex_read((const char *)password, size, ret[n].data, size / 2) == 0) {
		ret[n++].size = size / 2;
		n = keep_if_new(ret, n);
	}
	return n;
}

static bool matches(const struct credential *d, const struct candidate *c)
{
	uint8_t hash[VIEW_HASH_MAX];
	bool same;

	if (d->hash_size == 0 || d->iterations == 0 || d->iterations > ITERATIONS_MAX)
		return false;
	if (!PKCS5_PBKDF2_HMAC((const char *)c->data, (int)c->size, d->salt, (int)d->salt_size, (int)d->iterations,
			       EVP_sha256(), (int)d->hash_size, hash))
		return false;
	same = CRYPTO_memcmp(hash, d->hash, d->hash_size) == 0;
	OPENSSL_cleanse(hash, sizeof(hash));
	return same;
}

static bool any_matches(const struct credential *d, const struct candidate *all, size_t n, bool *ret_other_form)
{
	for (size_t i = 0; i < n; i++) {
		if (matches(d, &all[i])) {
			*ret_other_form = i > 0;
			return true;
		}
	}
	return false;
}

void password_promote(struct device *d)
{
	free(d->now.salt);
	d->now = d->pending;
	memset(&d->pending, 0, sizeof(d->pending));
	d->right_known = d->wrong_known = false;
}

enum password password_check(struct view *v, struct device *d, const uint8_t *password, size_t size, uint64_t now_ms)
{
	struct candidate all[CANDIDATES_MAX];
	uint8_t fingerprint[32];
	enum password verdict = PASSWORD_WRONG;
	size_t n;

	if (size > PASSWORD_MAX || !HMAC(EVP_sha256(), v->key, sizeof(v->key), password, size, fingerprint, NULL))
		return PASSWORD_WRONG;
	if (d->right_known && CRYPTO_memcmp(fingerprint, d->right, sizeof(fingerprint)) == 0)
		return PASSWORD_RIGHT;
	if (d->wrong_known && CRYPTO_memcmp(fingerprint, d->wrong, sizeof(fingerprint)) == 0)
		return PASSWORD_WRONG;
	if (d->wrong_ms > now_ms + (WRONG_BURST - 1) * WRONG_INTERVAL_MS)
		return PASSWORD_BUSY;
	n = candidates(password, size, all);
	if (any_matches(&d->now, all, n, &d->other_form))
		verdict = PASSWORD_RIGHT;
	else if (any_matches(&d->pending, all, n, &d->other_form))
		verdict = PASSWORD_PENDING;
	OPENSSL_cleanse(all, sizeof(all));
	if (verdict == PASSWORD_RIGHT) {
		memcpy(d->right, fingerprint, sizeof(fingerprint));
		d->right_known = true;
	} else if (verdict == PASSWORD_WRONG) {
		memcpy(d->wrong, fingerprint, sizeof(fingerprint));
		d->wrong_known = true;
		d->wrong_ms = (d->wrong_ms > now_ms ? d->wrong_ms : now_ms) + WRONG_INTERVAL_MS;
	}
	return verdict;
}
