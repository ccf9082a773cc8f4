/* The cryptography that the core asks for, by libcrypto. It allocates; the core does not. */
#include "ble_openssl.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <string.h>

static int sha256(void *user, const void *data, size_t size, uint8_t ret[32])
{
	return EVP_Digest(data, size, ret, NULL, EVP_sha256(), NULL) == 1 ? 0 : -1;
}

static int hkdf_sha256(void *user, const void *salt, size_t salt_size, const uint8_t ikm[32], const char *info,
		       uint8_t *ret, size_t size)
{
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	EVP_KDF_CTX *ctx = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)"SHA256", 0),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, (void *)salt, salt_size),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)ikm, 32),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (void *)info, strlen(info)),
		OSSL_PARAM_construct_end(),
	};
	int r = ctx && EVP_KDF_derive(ctx, ret, size, params) == 1 ? 0 : -1;

	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
	return r;
}

static int agree(EVP_PKEY *own, EVP_PKEY *theirs, uint8_t ret[32])
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(own, NULL);
	size_t size = 32;
	/* libcrypto refuses a shared secret of zeros. */
	int r = ctx && EVP_PKEY_derive_init(ctx) == 1 && EVP_PKEY_derive_set_peer(ctx, theirs) == 1 &&
				EVP_PKEY_derive(ctx, ret, &size) == 1
			? 0
			: -1;

	EVP_PKEY_CTX_free(ctx);
	return r;
}

static int x25519(void *user, const void *key, const uint8_t *peer, uint8_t ret[32])
{
	EVP_PKEY *own = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, key, 32);
	EVP_PKEY *theirs = own && peer ? EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, peer, 32) : NULL;
	size_t size = 32;
	int r = -1;

	if (own && !peer)
		r = EVP_PKEY_get_raw_public_key(own, ret, &size) == 1 ? 0 : -1;
	else if (theirs)
		r = agree(own, theirs, ret);
	EVP_PKEY_free(theirs);
	EVP_PKEY_free(own);
	return r;
}

static int sign(void *user, const void *key, const void *data, size_t size, uint8_t ret[BLE_SIG_SIZE])
{
	EVP_PKEY *own = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, key, 32);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	size_t sig_size = BLE_SIG_SIZE;
	int r = own && ctx && EVP_DigestSignInit(ctx, NULL, NULL, NULL, own) == 1 &&
				EVP_DigestSign(ctx, ret, &sig_size, data, size) == 1
			? 0
			: -1;

	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(own);
	return r;
}

static int verify(void *user, const uint8_t public_key[32], const void *data, size_t size,
		  const uint8_t sig[BLE_SIG_SIZE])
{
	EVP_PKEY *key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, public_key, 32);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	int r = key && ctx && EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, key) == 1 &&
				EVP_DigestVerify(ctx, sig, BLE_SIG_SIZE, data, size) == 1
			? 0
			: -1;

	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(key);
	return r;
}

static int seal(void *user, const uint8_t key[16], const uint8_t nonce[12], const void *aad, size_t aad_size,
		uint8_t *data, size_t size)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int n, r = -1;

	if (ctx && EVP_EncryptInit_ex(ctx, EVP_aes_128_gcm(), NULL, key, nonce) == 1 &&
	    EVP_EncryptUpdate(ctx, NULL, &n, aad, (int)aad_size) == 1 &&
	    EVP_EncryptUpdate(ctx, data, &n, data, (int)size) == 1 && EVP_EncryptFinal_ex(ctx, data + n, &n) == 1 &&
	    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, BLE_TAG_SIZE, data + size) == 1)
		r = 0;
	EVP_CIPHER_CTX_free(ctx);
	return r;
}

static int unseal(void *user, const uint8_t key[16], const uint8_t nonce[12], const void *aad, size_t aad_size,
		  uint8_t *data, size_t size)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int n, r = -1;

	if (size >= BLE_TAG_SIZE && ctx && EVP_DecryptInit_ex(ctx, EVP_aes_128_gcm(), NULL, key, nonce) == 1 &&
	    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, BLE_TAG_SIZE, data + size - BLE_TAG_SIZE) == 1 &&
	    EVP_DecryptUpdate(ctx, NULL, &n, aad, (int)aad_size) == 1 &&
	    EVP_DecryptUpdate(ctx, data, &n, data, (int)(size - BLE_TAG_SIZE)) == 1 &&
	    EVP_DecryptFinal_ex(ctx, data + n, &n) == 1)
		r = 0;
	EVP_CIPHER_CTX_free(ctx);
	return r;
}

const struct ble_crypto ble_openssl = {
	.sha256 = sha256,
	.hkdf_sha256 = hkdf_sha256,
	.x25519 = x25519,
	.sign = sign,
	.verify = verify,
	.seal = seal,
	.open = unseal,
};

int ble_openssl_public(const uint8_t seed[32], uint8_t ret[32])
{
	EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, 32);
	size_t size = 32;
	int r = key && EVP_PKEY_get_raw_public_key(key, ret, &size) == 1 ? 0 : -BLE_CRYPTO;

	EVP_PKEY_free(key);
	return r;
}
