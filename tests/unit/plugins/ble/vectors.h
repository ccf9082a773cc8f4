/* The vectors of tests/fixtures/ble, by path: "records.0.tlv". */
#ifndef BLE_VECTORS_H
#define BLE_VECTORS_H

#include <plugins/ble/core/ble_core.h>
#include <plugins/ble/core/ble_openssl.h>

#define VECTOR_MAX 2048

struct vector {
	uint8_t at[VECTOR_MAX];
	size_t size;
};
/* A vector's bytes. Fails the test where there is none. */
struct vector vector(const char *path);
int vector_number(const char *path);
/* A document: its fields, and its signature behind them. */
struct vector vector_signed(const char *path);
/* Test keys: seed or scalar, and public. They live as long as the process. */
const uint8_t *vector_key(const char *name);
const uint8_t *vector_public(const char *name);
/* The key set that stands in the vectors. */
struct ble_keyset vector_keyset(void);

#endif
