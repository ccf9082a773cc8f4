/* Names of results, for logs and people. */
#include "ble_core.h"

const char *ble_result_name(int result)
{
	static const char *const names[BLE_RESULTS] = {
		[BLE_OK] = "OK",
		[BLE_MALFORMED] = "MALFORMED",
		[BLE_TOO_LONG] = "TOO_LONG",
		[BLE_UNKNOWN_TAG] = "UNKNOWN_TAG",
		[BLE_OUT_OF_ORDER] = "OUT_OF_ORDER",
		[BLE_LATE] = "LATE",
		[BLE_UNEXPECTED] = "UNEXPECTED",
		[BLE_UNSUPPORTED] = "UNSUPPORTED",
		[BLE_BAD_CRC] = "BAD_CRC",
		[BLE_BAD_SEAL] = "BAD_SEAL",
		[BLE_BAD_SIG] = "BAD_SIG",
		[BLE_BAD_POP] = "BAD_POP",
		[BLE_UNKNOWN_KEY] = "UNKNOWN_KEY",
		[BLE_OTHER_PILE] = "OTHER_PILE",
		[BLE_WRONG_NONCE] = "WRONG_NONCE",
		[BLE_EXPIRED] = "EXPIRED",
		[BLE_NOT_YET] = "NOT_YET",
		[BLE_USED] = "USED",
		[BLE_REVOKED] = "REVOKED",
		[BLE_NOT_OFFLINE] = "NOT_OFFLINE",
		[BLE_OVER_CAP] = "OVER_CAP",
		[BLE_STORE_FULL] = "STORE_FULL",
		[BLE_NOT_ALLOWED] = "NOT_ALLOWED",
		[BLE_STALE] = "STALE",
		[BLE_FORK] = "FORK",
		[BLE_GAP] = "GAP",
		[BLE_DUPLICATE] = "DUPLICATE",
		[BLE_METER] = "METER",
		[BLE_CRYPTO] = "CRYPTO",
		[BLE_NO_ROOM] = "NO_ROOM",
		[BLE_BUSY] = "BUSY",
		[BLE_CLOSED] = "CLOSED",
	};
	unsigned n = result < 0 ? 0u - (unsigned)result : (unsigned)result;

	return n < BLE_RESULTS && names[n] ? names[n] : "?";
}
