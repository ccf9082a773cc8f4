/* CPB1's cryptography for simulations of a hundred thousand lives: a hundred times as fast as the real one, and worth
 * nothing against anybody who means harm, as secrets follow from public keys. What it finds is what real cryptography
 * finds: a changed byte, another key, another connection. */
#ifndef TEST_HOST_QUICK_CRYPTO_H
#define TEST_HOST_QUICK_CRYPTO_H

#include <plugins/ble/core/ble_core.h>

extern const struct ble_crypto quick_crypto;
int quick_public(const uint8_t seed[32], uint8_t ret[32]); /* as ble_openssl_public */
/* As ble_time_write, of whoever has that public key: a cloud's word whose own clock is wrong. */
int quick_time(const struct ble_time *from, const uint8_t public_key[32], uint8_t *ret, size_t room);

#endif
