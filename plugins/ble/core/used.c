/* The vouchers that a pile has started sessions on. One is forgotten only when it would be refused as expired anyway.
 */
#include "core_internal.h"

#include <string.h>

bool ble_used_has(const struct ble_used *used, const uint8_t jti[16])
{
	bool found = false;

	for (size_t i = 0; i < BLE_USED_MAX; i++) /* all of them: how long it takes does not say where it is */
		if (used->at[i].expires)
			found |= ble_same(used->at[i].jti, jti, 16);
	return found;
}

int ble_used_add(struct ble_used *used, const uint8_t jti[16], uint32_t expires, uint32_t low)
{
	if (ble_used_has(used, jti))
		return -BLE_USED;
	if (expires == 0)
		return -BLE_EXPIRED;
	for (size_t i = 0; i < BLE_USED_MAX; i++)
		if (used->at[i].expires < low || used->at[i].expires == 0) {
			used->at[i].expires = expires;
			memcpy(used->at[i].jti, jti, 16);
			return 0;
		}
	return -BLE_STORE_FULL;
}
