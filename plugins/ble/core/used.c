/* The vouchers that a pile has started sessions on. One is forgotten only when it would be refused as expired anyway.
 */
#include "core_internal.h"

#include <string.h>

bool ble_used_has(const struct ble_used *used, const uint8_t jti[16])
{
	for (size_t i = 0; i < BLE_USED_MAX; i++)
		if (used->at[i].expires && memcmp(used->at[i].jti, jti, 16) == 0)
			return true;
	return false;
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
