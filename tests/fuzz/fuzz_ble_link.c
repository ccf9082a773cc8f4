/* A stranger on the air, to either end, and behind every proof: the cryptography agrees to all, so each message gets as
 * far as its bytes carry it. An end that has closed hears and says nothing more; what it says before is whole. */
#include "fuzz.h"
#include "ble_agreeing.h"

static const uint8_t pile[16] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 };
static struct ble_link l;
static struct ble_used used;

static void drain(void)
{
	uint8_t value[BLE_VALUE_MAX];
	int r;

	while ((r = ble_link_segment(&l, 185, value, sizeof(value))) > 0)
		FUZZ_ASSERT(r <= 182);
	FUZZ_ASSERT(r == 0 && !ble_link_busy(&l));
}

static void act(const struct ble_message *m)
{
	static uint8_t document[128];
	static const struct ble_facts facts;
	static struct ble_clock clock;
	static struct ble_keyset keys;
	struct ble_gate gate = { .pile = pile, .keys = &keys, .clock = &clock, .used = &used };
	struct ble_voucher voucher;

	keys.has = BLE_HAS(BLE_KEYSET_VOUCHER_KEY);
	memcpy(keys.voucher_key[0], "\x20\x26\0\1", 4);
	if (m->type == BLE_HELLO)
		FUZZ_ASSERT(ble_link_hello_ack(&l, NULL, pile, &facts) == 0);
	else if (m->type == BLE_HELLO_ACK)
		FUZZ_ASSERT(ble_link_auth(&l, document, sizeof(document), NULL) == 0);
	else if (m->type == BLE_AUTH && ble_link_admit(&l, &gate, m->body.at, m->body.size, &voucher) == 0)
		ble_gate_start(&ble_agreeing, &gate, l.nonce[BLE_PILE], &voucher, 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t certificate[131];
	struct ble_link_config config = {
		.crypto = &ble_agreeing, .root = pile, .pile = pile, .certificate = { certificate, 131 }
	};
	struct ble_message m;

	config.end = size && data[0] & 1 ? BLE_PILE : BLE_TERMINAL;
	ble_link_init(&l, &config, 0);
	if (config.end == BLE_TERMINAL)
		FUZZ_ASSERT(ble_link_hello(&l, NULL, pile) == 0);
	drain();
	for (size_t at = 1, n; at + 2 <= size; at += n) {
		int r;

		n = (size_t)data[at] << 8 | data[at + 1];
		at += 2;
		n = n > size - at ? size - at : n;
		r = ble_link_receive(&l, data + at, n, 0, &m);
		FUZZ_ASSERT(r >= 0 || l.state == BLE_ENDED);
		if (r == 1) {
			FUZZ_ASSERT(m.body.size <= BLE_BODY_MAX + BLE_TAG_SIZE);
			act(&m);
		}
		drain();
	}
	ble_link_fini(&l);
	return 0;
}
