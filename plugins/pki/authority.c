/* The authority itself. Its key is made at the first start and lies in the plugin's store, sealed: who reads the store
 * or a backup has it only together with the config's secret. */
#include "pki.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>

#define SALT_SIZE 16
#define NONCE_SIZE 12
#define TAG_SIZE 16
#define KEY_SIZE 32
#define DER_MAX 1024 /* bytes of a P-256 key in PKCS #8: 138 */

const struct gv_table pki_authority = { .name = "authority", .key = "u", .value = &pki__authority_row__descriptor };

static void fill(struct gv_turn *t, ProtobufCBinaryData *ret, size_t size)
{
	ret->data = gv_alloc(t, size + sizeof(uint64_t));
	ret->len = size;
	for (size_t i = 0; i < size; i += sizeof(uint64_t)) {
		uint64_t random = gv_random(t);

		memcpy(ret->data + i, &random, sizeof(random));
	}
}

static int derive(const Pki__AuthorityRow *row, const char *secret, uint8_t ret[static KEY_SIZE])
{
	return PKCS5_PBKDF2_HMAC(secret, (int)strlen(secret), row->salt.data, (int)row->salt.len, (int)row->iterations,
				 EVP_sha256(), KEY_SIZE, ret);
}

/* AES-256-GCM over `size` bytes from `in` to `out`; the tag stands behind the sealed ones. Returns 1 or 0. */
static int crypt(const Pki__AuthorityRow *row, const char *secret, bool seal, const uint8_t *in, size_t size,
		 uint8_t *out)
{
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	uint8_t key[KEY_SIZE];
	int n = 0, ok = c && derive(row, secret, key) == 1;

	ok = ok && EVP_CipherInit_ex(c, EVP_aes_256_gcm(), NULL, key, row->nonce.data, seal) == 1;
	if (!seal)
		ok = ok && EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_SET_TAG, TAG_SIZE, (void *)(in + size)) == 1;
	ok = ok && EVP_CipherUpdate(c, out, &n, in, (int)size) == 1 && EVP_CipherFinal_ex(c, out + n, &n) == 1;
	if (seal)
		ok = ok && EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_GET_TAG, TAG_SIZE, out + size) == 1;
	OPENSSL_cleanse(key, sizeof(key));
	EVP_CIPHER_CTX_free(c);
	return ok;
}

static int make(struct pki *pki, struct gv_turn *t, const Pki__Config *c)
{
	Pki__AuthorityRow row = PKI__AUTHORITY_ROW__INIT;
	uint8_t *der = NULL;
	int size, ok;

	pki->key = EVP_EC_gen("P-256");
	pki->root = pki->key ? issue_root(t, pki->operator_name, pki->key, pki->root_validity_ms) : NULL;
	if (!pki->root)
		return gv_fault(t, "OpenSSL cannot make the authority's key and certificate: %s",
				ERR_reason_error_string(ERR_peek_last_error()));
	fill(t, &row.salt, SALT_SIZE);
	fill(t, &row.nonce, NONCE_SIZE);
	row.iterations = c->seal_iterations;
	row.certificate = (char *)issue_pem(t, pki->root);
	size = i2d_PrivateKey(pki->key, &der);
	row.sealed.data = gv_alloc(t, DER_MAX + TAG_SIZE);
	ok = row.certificate && size > 0 && size <= DER_MAX &&
	     crypt(&row, c->secret, true, der, (size_t)size, row.sealed.data);
	OPENSSL_clear_free(der, size > 0 ? (size_t)size : 0);
	if (!ok)
		return gv_fault(t, "OpenSSL cannot seal the authority's key");
	row.sealed.len = (size_t)size + TAG_SIZE;
	gv_log(t, GV_INFO,
	       "a certificate authority was made; its key is sealed with the config's secret operator=\"%s\"",
	       pki->operator_name);
	gv_put(t, &pki_authority, gv_key(0u), &row);
	return authority_snapshot(pki, t);
}

static X509 *read_root(const char *pem)
{
	BIO *in = BIO_new_mem_buf(pem, -1);
	X509 *x = in ? PEM_read_bio_X509(in, NULL, NULL, NULL) : NULL;

	BIO_free(in);
	return x;
}

static int unseal(struct pki *pki, struct gv_turn *t, const Pki__AuthorityRow *row, const char *secret)
{
	uint8_t der[DER_MAX + TAG_SIZE];
	const uint8_t *at = der;
	size_t size = row->sealed.len > TAG_SIZE && row->sealed.len <= sizeof(der) ? row->sealed.len - TAG_SIZE : 0;

	if (size && crypt(row, secret, false, row->sealed.data, size, der))
		pki->key = d2i_AutoPrivateKey(NULL, &at, (long)size);
	OPENSSL_cleanse(der, sizeof(der));
	ERR_clear_error();
	if (!pki->key)
		return gv_fault(
			t, "config secret: it is not the one that the authority's key was sealed with; give that one, "
			   "or delete stores/pki.0 in the data folder to begin anew: then every station needs a new "
			   "certificate");
	pki->root = read_root(row->certificate);
	return pki->root ? 0 : gv_fault(t, "the authority's certificate in the store cannot be read");
}

int authority_open(struct pki *pki, struct gv_turn *t, const Pki__Config *c)
{
	const Pki__AuthorityRow *row = gv_get(t, &pki_authority, gv_key(0u));

	return row ? unseal(pki, t, row, c->secret) : make(pki, t, c);
}

int authority_snapshot(void *self, struct gv_turn *t)
{
	const Pki__AuthorityRow *row = gv_get(t, &pki_authority, gv_key(0u));
	Pki__AuthorityChanged e = PKI__AUTHORITY_CHANGED__INIT;

	if (!row)
		return 0;
	e.instance = gv_str(t, "%s.%u", gv_self(t)->plugin, gv_self(t)->instance);
	e.certificate = row->certificate;
	return gv_emit(t, &e);
}
