/* Cryptography that agrees to everything, so that a fuzzer gets behind the proofs that it could never give. */
#ifndef BLE_AGREEING_H
#define BLE_AGREEING_H

#include <plugins/ble/core/ble_core.h>

#include <string.h>

static inline int agree_sha256(void *user, const void *data, size_t size, uint8_t ret[32])
{
	const uint8_t *at = data;

	memset(ret, 1, 32);
	for (size_t i = 0; i < size; i++)
		ret[i % 32] = (uint8_t)(ret[i % 32] * 31 + at[i]);
	return 0;
}

static inline int agree_hkdf(void *user, const void *salt, size_t salt_size, const uint8_t ikm[32], const char *info,
			     uint8_t *ret, size_t size)
{
	memset(ret, 2, size);
	return 0;
}

static inline int agree_x25519(void *user, const void *key, const uint8_t *peer, uint8_t ret[32])
{
	memset(ret, 3, 32);
	return 0;
}

static inline int agree_sign(void *user, const void *key, const void *data, size_t size, uint8_t ret[BLE_SIG_SIZE])
{
	memset(ret, 4, BLE_SIG_SIZE);
	return 0;
}

static inline int agree_verify(void *user, const uint8_t public_key[32], const void *data, size_t size,
			       const uint8_t sig[BLE_SIG_SIZE])
{
	return 0;
}

static inline int agree_seal(void *user, const uint8_t key[16], const uint8_t nonce[12], const void *aad,
			     size_t aad_size, uint8_t *data, size_t size)
{
	memset(data + size, 5, BLE_TAG_SIZE);
	return 0;
}

static inline int agree_open(void *user, const uint8_t key[16], const uint8_t nonce[12], const void *aad,
			     size_t aad_size, uint8_t *data, size_t size)
{
	return size < BLE_TAG_SIZE ? -1 : 0;
}

static const struct ble_crypto ble_agreeing = {
	.sha256 = agree_sha256,
	.hkdf_sha256 = agree_hkdf,
	.x25519 = agree_x25519,
	.sign = agree_sign,
	.verify = agree_verify,
	.seal = agree_seal,
	.open = agree_open,
};

#endif
