/* Mixing instead of hashing, and a Diffie-Hellman over 61 bits. */
#include "quick_crypto.h"

#include <string.h>

#define PRIME ((UINT64_C(1) << 61) - 1)
#define GENERATOR 37

static uint64_t mix(uint64_t z)
{
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

struct digest {
	uint64_t lane[4], size;
};

static void digest_block(struct digest *d, const uint64_t word[4])
{
	for (unsigned k = 0; k < 4; k++) {
		uint64_t x = (d->lane[k] ^ word[k]) * 0x9fb21c651e98df25u + k;

		d->lane[k] = x ^ x >> 32;
	}
}

static void digest_add(struct digest *d, const void *data, size_t size)
{
	const uint8_t *at = data;
	uint64_t word[4];

	d->size = mix(d->size + size + 1);
	for (; size >= sizeof word; at += sizeof word, size -= sizeof word) {
		memcpy(word, at, sizeof word);
		digest_block(d, word);
	}
	memset(word, 0, sizeof word);
	memcpy(word, at, size);
	digest_block(d, word);
}

/* Each byte of it follows from each byte that went in. */
static void digest_end(const struct digest *d, uint8_t ret[32])
{
	uint64_t all = d->size;

	for (unsigned k = 0; k < 4; k++)
		all = mix(all + d->lane[k]);
	for (unsigned k = 0; k < 4; k++) {
		uint64_t word = mix(all + d->lane[k] + k);

		memcpy(ret + 8 * k, &word, 8);
	}
}

static int quick_sha256(void *user, const void *data, size_t size, uint8_t ret[32])
{
	struct digest d = { .size = 0 };

	digest_add(&d, data, size);
	digest_end(&d, ret);
	return 0;
}

static int quick_hkdf(void *user, const void *salt, size_t salt_size, const uint8_t ikm[32], const char *info,
		      uint8_t *ret, size_t size)
{
	for (size_t i = 0; i < size; i += 32) {
		struct digest d = { .lane = { i } };
		uint8_t block[32];

		digest_add(&d, salt, salt_size);
		digest_add(&d, ikm, 32);
		digest_add(&d, info, strlen(info));
		digest_end(&d, block);
		memcpy(ret + i, block, size - i < 32 ? size - i : 32);
	}
	return 0;
}

static uint64_t power(uint64_t base, uint64_t exponent)
{
	uint64_t ret = 1;

	for (base %= PRIME; exponent; exponent >>= 1) {
		if (exponent & 1)
			ret = (uint64_t)((unsigned __int128)ret * base % PRIME);
		base = (uint64_t)((unsigned __int128)base * base % PRIME);
	}
	return ret;
}

static int quick_x25519(void *user, const void *key, const uint8_t *peer, uint8_t ret[32])
{
	uint64_t secret, base = GENERATOR;

	memcpy(&secret, key, 8);
	if (peer)
		memcpy(&base, peer, 8);
	memset(ret, 0, 32);
	secret = power(base, mix(secret) % PRIME | 1);
	memcpy(ret, &secret, 8);
	return secret == 0;
}

int quick_public(const uint8_t seed[32], uint8_t ret[32])
{
	struct digest d = { .lane = { 1 } };

	digest_add(&d, seed, 32);
	digest_end(&d, ret);
	return 0;
}

static void signature(const uint8_t public_key[32], const void *data, size_t size, uint8_t ret[BLE_SIG_SIZE])
{
	struct digest d = { .lane = { 2 } };

	digest_add(&d, public_key, 32);
	digest_add(&d, data, size);
	digest_end(&d, ret);
	memcpy(ret + 32, ret, 32);
}

static int quick_sign(void *user, const void *key, const void *data, size_t size, uint8_t ret[BLE_SIG_SIZE])
{
	uint8_t public_key[32];

	quick_public(key, public_key);
	signature(public_key, data, size, ret);
	return 0;
}

/* The key is the public one, which is all that these signatures take. */
static int forge(void *user, const void *key, const void *data, size_t size, uint8_t ret[BLE_SIG_SIZE])
{
	signature(key, data, size, ret);
	return 0;
}

static int quick_verify(void *user, const uint8_t public_key[32], const void *data, size_t size,
			const uint8_t sig[BLE_SIG_SIZE])
{
	uint8_t own[BLE_SIG_SIZE];

	signature(public_key, data, size, own);
	return memcmp(own, sig, BLE_SIG_SIZE) != 0;
}

static void stream(const uint8_t key[16], const uint8_t nonce[12], uint8_t *data, size_t size)
{
	uint64_t word[2], counter, block, mask;

	memcpy(word, key, 16);
	memcpy(&counter, nonce, 8);
	counter += word[0] + word[1] + nonce[11];
	for (size_t i = 0, n; i < size; i += n) {
		n = size - i < 8 ? size - i : 8;
		mask = mix(counter++);
		memcpy(&block, data + i, n);
		block ^= mask;
		memcpy(data + i, &block, n);
	}
}

static void tag(const uint8_t key[16], const uint8_t nonce[12], const void *aad, size_t aad_size, const uint8_t *data,
		size_t size, uint8_t ret[BLE_TAG_SIZE])
{
	struct digest d = { .lane = { 3 } };
	uint8_t all[32];

	digest_add(&d, key, 16);
	digest_add(&d, nonce, 12);
	digest_add(&d, aad, aad_size);
	digest_add(&d, data, size);
	digest_end(&d, all);
	memcpy(ret, all, BLE_TAG_SIZE);
}

static int quick_seal(void *user, const uint8_t key[16], const uint8_t nonce[12], const void *aad, size_t aad_size,
		      uint8_t *data, size_t size)
{
	stream(key, nonce, data, size);
	tag(key, nonce, aad, aad_size, data, size, data + size);
	return 0;
}

static int quick_open(void *user, const uint8_t key[16], const uint8_t nonce[12], const void *aad, size_t aad_size,
		      uint8_t *data, size_t size)
{
	uint8_t own[BLE_TAG_SIZE];

	if (size < BLE_TAG_SIZE)
		return -1;
	size -= BLE_TAG_SIZE;
	tag(key, nonce, aad, aad_size, data, size, own);
	if (memcmp(own, data + size, BLE_TAG_SIZE) != 0)
		return -1;
	stream(key, nonce, data, size);
	return 0;
}

const struct ble_crypto quick_crypto = {
	.sha256 = quick_sha256,
	.hkdf_sha256 = quick_hkdf,
	.x25519 = quick_x25519,
	.sign = quick_sign,
	.verify = quick_verify,
	.seal = quick_seal,
	.open = quick_open,
};

int quick_time(const struct ble_time *from, const uint8_t public_key[32], uint8_t *ret, size_t room)
{
	struct ble_crypto forger = quick_crypto;

	forger.sign = forge;
	return ble_time_write(&forger, from, public_key, ret, room);
}
