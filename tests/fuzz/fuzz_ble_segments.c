/* Values from whoever stands near a pile: a row of them, each behind its length. A message that comes of them is within
 * its bounds, and cut and joined again it is the same. */
#include "fuzz.h"

#include <plugins/ble/core/ble_core.h>

#include <string.h>

static void cut_again(const struct ble_join *j, unsigned mtu)
{
	static struct ble_split s;
	static struct ble_join again;
	uint8_t value[BLE_VALUE_MAX];
	unsigned n = 0;
	int r, whole = 0;

	memset(&s, 0, sizeof(s));
	memset(&again, 0, sizeof(again));
	s.size = j->size;
	memcpy(s.data, j->data, j->size);
	for (; (r = ble_split(&s, mtu, value, sizeof(value))) > 0; n++)
		whole = ble_join(&again, value, (size_t)r, 0);
	FUZZ_ASSERT(r == 0 && whole == 1 && n == ble_segments(j->size, mtu));
	FUZZ_ASSERT(again.size == j->size && memcmp(again.data, j->data, j->size) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct ble_join j;
	unsigned mtu = size ? BLE_MTU_MIN + data[0] * 2 % (BLE_MTU_MAX - BLE_MTU_MIN) : 0;
	uint64_t now_ms = 0;

	memset(&j, 0, sizeof(j));
	for (size_t at = 1, n; at + 2 <= size; at += n) {
		int r;

		n = (size_t)data[at] << 8 | data[at + 1];
		at += 2;
		n = n > size - at ? size - at : n;
		r = ble_join(&j, data + at, n, now_ms += 100);
		FUZZ_ASSERT(j.size <= j.total && j.total <= BLE_MESSAGE_MAX);
		if (r < 0)
			return 0;
		if (r == 1)
			cut_again(&j, mtu);
	}
	return 0;
}
