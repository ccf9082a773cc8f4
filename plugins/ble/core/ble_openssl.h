/* The core's cryptography by OpenSSL's libcrypto (3.0 or later). Keys are their 32 bytes: an Ed25519 seed, an X25519
 * scalar. It has no state, so one serves everybody. */
#ifndef BLE_OPENSSL_H
#define BLE_OPENSSL_H

#include "ble_core.h"

#ifdef __cplusplus
extern "C" {
#endif

extern const struct ble_crypto ble_openssl;
/* The public key of an Ed25519 seed. 0, or -BLE_CRYPTO. */
int ble_openssl_public(const uint8_t seed[32], uint8_t ret[32]);

#ifdef __cplusplus
}
#endif

#endif
