/* A record from a relay that is not to be trusted: it is refused, or every judgement over it can be made; a clear one
 * is written as it came. */
#include "fuzz.h"
#include "ble_agreeing.h"

static void write_again(const struct ble_record *it, const uint8_t *data, size_t size)
{
	struct ble_chain own = { .chain = it->chain, .next = it->seq };
	uint8_t again[BLE_RECORD_MAX];
	int r;

	memcpy(own.pile, it->pile, 16);
	memcpy(own.head, it->prev, 32);
	r = ble_record_write(&ble_agreeing, &own, it, NULL, NULL, again, sizeof(again));
	FUZZ_ASSERT(r > 0 && (size_t)r <= size);
	if ((size_t)r == size) /* else there were fields that this version does not know */
		FUZZ_ASSERT(memcmp(again, data, size - BLE_SIG_SIZE) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t key[32];
	struct ble_chain chain = { .next = 1002 };
	struct ble_neighbours known = { 0 };
	uint8_t hash[32], scratch[BLE_RECORD_MAX];
	struct ble_record it, judged;
	int r;

	if (ble_record_read(data, size, &it) < 0)
		return 0;
	chain.chain = it.chain;
	memcpy(chain.pile, it.pile, 16);
	memcpy(chain.head, it.prev, 32);
	r = ble_record_judge(&ble_agreeing, key, &chain, &known, data, size, &judged, hash);
	FUZZ_ASSERT(r == 0 || r == -BLE_GAP || r == -BLE_FORK);
	known.same = hash;
	FUZZ_ASSERT(ble_record_judge(&ble_agreeing, key, &chain, &known, data, size, &judged, hash) == -BLE_DUPLICATE);
	ble_meter_follows(&it, &judged);
	ble_session_adds_up(&it, &judged);
	if (!(it.has & BLE_HAS(BLE_RECORD_SEALED)))
		write_again(&it, data, size);
	else
		ble_record_open(&ble_agreeing, &it, 0x20260002, NULL, scratch);
	return 0;
}
