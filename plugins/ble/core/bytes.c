/* Bytes: order, comparison, erasure, and the checksum of the three messages that no key protects. */
#include "core_internal.h"

#include <string.h>

uint64_t bytes_get(const uint8_t *at, unsigned size)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < size; i++)
		value = value << 8 | at[i];
	return value;
}

void bytes_put(uint8_t *at, uint64_t value, unsigned size)
{
	for (unsigned i = 0; i < size; i++)
		at[i] = (uint8_t)(value >> (8 * (size - 1 - i)));
}

bool ble_same(const void *a, const void *b, size_t size)
{
	const uint8_t *x = a, *y = b;
	volatile uint8_t differ = 0;

	for (size_t i = 0; i < size; i++)
		differ |= x[i] ^ y[i];
	return differ == 0;
}

bool bytes_zero(const uint8_t *at, size_t size)
{
	uint8_t any = 0;

	for (size_t i = 0; i < size; i++)
		any |= at[i];
	return any == 0;
}

/* Through a volatile pointer, so that no compiler finds that nobody reads it afterwards. */
void bytes_wipe(void *at, size_t size)
{
	void *(*volatile fill)(void *, int, size_t) = memset;

	fill(at, 0, size);
}

/* By half bytes: a table of 32 bytes. */
uint16_t bytes_crc16(const uint8_t *at, size_t size)
{
	static const uint16_t table[16] = { 0x0000, 0x1021, 0x2042, 0x3063, 0x4084, 0x50a5, 0x60c6, 0x70e7,
					    0x8108, 0x9129, 0xa14a, 0xb16b, 0xc18c, 0xd1ad, 0xe1ce, 0xf1ef };
	uint16_t crc = 0xffff;

	for (size_t i = 0; i < size; i++) {
		crc = (uint16_t)(crc << 4 ^ table[crc >> 12 ^ at[i] >> 4]);
		crc = (uint16_t)(crc << 4 ^ table[crc >> 12 ^ (at[i] & 15)]);
	}
	return crc;
}
