/* The cloud's keys and what is revoked. Whoever stands before a pile may bring it: only the root's signature counts,
 * and that its number rises. */
#include "core_internal.h"

#include <string.h>

#define ENTRY_SIZE 16 /* of a revoked jti or holder */

static const struct field fields[] = {
	NUMBER(0x01, struct ble_keyset, version),
	NUMBER(0x02, struct ble_keyset, root_kid),
	NUMBER(0x0a, struct ble_keyset, issued),
	NUMBER(0x30, struct ble_keyset, number),
	NUMBER(0x31, struct ble_keyset, revocation_epoch),
	MAYBE_FIXED(BLE_KEYSET_VOUCHER_KEY, struct ble_keyset, voucher_key[0]),
	MAYBE_FIXED(BLE_KEYSET_VOUCHER_KEY + 1, struct ble_keyset, voucher_key[1]),
	MAYBE_FIXED(BLE_KEYSET_VOUCHER_KEY + 2, struct ble_keyset, voucher_key[2]),
	MAYBE_FIXED(BLE_KEYSET_VOUCHER_KEY + 3, struct ble_keyset, voucher_key[3]),
	MAYBE_FIXED(BLE_KEYSET_RECEIPT_KEY, struct ble_keyset, receipt_key),
	MAYBE_FIXED(BLE_KEYSET_SEAL_KEY, struct ble_keyset, seal_key),
	MAYBE_BYTES(BLE_KEYSET_REVOKED, struct ble_keyset, revoked, BLE_REVOKED_MAX *ENTRY_SIZE),
};
static const struct form keyset = FORM(ble_keyset, fields);

int ble_keyset_write(const struct ble_crypto *c, const struct ble_keyset *from, const void *root_key, uint8_t *ret,
		     size_t room)
{
	return document_write(c, &keyset, "CPB1-KST", from, root_key, ret, room);
}

int ble_keyset_check(const struct ble_crypto *c, const uint8_t root[32], uint32_t number, const uint8_t *data,
		     size_t size, struct ble_keyset *ret)
{
	struct ble_keyset it;
	int r = document_read(&keyset, data, size, &it);

	if (r < 0)
		return r;
	if (it.version != BLE_VERSION)
		return -BLE_UNSUPPORTED;
	if (it.revoked.size % ENTRY_SIZE)
		return -BLE_MALFORMED;
	if (it.number <= number)
		return -BLE_STALE;
	r = document_verify(c, "CPB1-KST", root, data, size);
	if (r == 0)
		*ret = it;
	return r;
}

static bool is_key(const struct ble_keyset *k, unsigned tag, const uint8_t entry[BLE_KEY_ENTRY], uint32_t kid)
{
	return (k->has & BLE_HAS(tag)) && bytes_get(entry, 4) == kid;
}

const uint8_t *ble_keyset_voucher_key(const struct ble_keyset *k, uint32_t kid)
{
	for (unsigned i = 0; i < BLE_VOUCHER_KEYS; i++)
		if (is_key(k, BLE_KEYSET_VOUCHER_KEY + i, k->voucher_key[i], kid))
			return k->voucher_key[i] + 4;
	return NULL;
}

const uint8_t *ble_keyset_receipt_key(const struct ble_keyset *k, uint32_t kid)
{
	return is_key(k, BLE_KEYSET_RECEIPT_KEY, k->receipt_key, kid) ? k->receipt_key + 4 : NULL;
}

bool ble_keyset_revokes(const struct ble_keyset *k, const uint8_t entry[16])
{
	for (size_t at = 0; at + ENTRY_SIZE <= k->revoked.size; at += ENTRY_SIZE)
		if (ble_same(k->revoked.at + at, entry, ENTRY_SIZE))
			return true;
	return false;
}
