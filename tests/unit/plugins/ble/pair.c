/* Two links of the library, one at each end of a wire without faults. */
#include "pair.h"

#include <criterion/criterion.h>
#include <string.h>

static struct ble_facts facts = { .boot = 7, .utc = 0x6b00df64, .trust = 2, .next_seq = 1001 };
static struct vector nonce[2];

void pair_init(struct pair *p)
{
	struct ble_link_config config = { .crypto = &ble_openssl };
	static struct vector ack;

	memset(p, 0, sizeof(*p));
	nonce[0] = vector("hello");
	nonce[1] = ack = vector("hello_ack");
	/* Both nonces and the certificate are where they are in the vectors' messages. */
	p->certificate.size = 131;
	memcpy(p->certificate.at, ack.at + ack.size - 2 - 67 - 131, 131);
	p->voucher = vector_signed("voucher");
	p->keys = vector_keyset();
	ble_clock_init(&p->clock, 0);
	ble_clock_set(&p->clock, BLE_TRUST_SIGNED, PAIR_NOW, 0);
	config.root = vector_public("cloud");
	ble_link_init(&p->terminal, &config, 0);
	config = (struct ble_link_config){ .end = BLE_PILE,
					   .crypto = &ble_openssl,
					   .pile = ack.at + 6 + 3 + 3 + 34 + 18 + 2,
					   .pile_key = vector_key("pile"),
					   .certificate = { p->certificate.at, p->certificate.size } };
	ble_link_init(&p->pile, &config, 0);
	p->gate = (struct ble_gate){ .pile = config.pile, .keys = &p->keys, .clock = &p->clock, .used = &p->used };
}

void pair_reopen(struct pair *p)
{
	ble_link_init(&p->terminal, &p->terminal.config, 0);
	ble_link_init(&p->pile, &p->pile.config, 0);
}

int pair_carry(struct ble_link *from, struct ble_link *to, struct vector *ret_wire, struct ble_message *ret)
{
	uint8_t value[BLE_VALUE_MAX];
	int n, r = 0;

	if (ret_wire) {
		ret_wire->size = from->out.size;
		memcpy(ret_wire->at, from->out.data, from->out.size);
	}
	while ((n = ble_link_segment(from, 23, value, sizeof(value))) > 0)
		if (r >= 0)
			r = ble_link_receive(to, value, (size_t)n, 0, ret);
	cr_assert_eq(n, 0);
	return r;
}

void pair_greet(struct pair *p)
{
	struct ble_message m;

	cr_assert_eq(ble_link_hello(&p->terminal, vector_key("eT"), nonce[0].at + 6 + 3 + 3 + 34 + 2), 0);
	cr_assert_eq(pair_carry(&p->terminal, &p->pile, NULL, &m), 1);
	cr_assert_eq(m.type, BLE_HELLO);
	cr_assert_eq(ble_link_hello_ack(&p->pile, vector_key("eP"), nonce[1].at + 6 + 3 + 3 + 34 + 2, &facts), 0);
	cr_assert_eq(pair_carry(&p->pile, &p->terminal, &p->wire, &m), 1);
	cr_assert_eq(m.type, BLE_HELLO_ACK);
}

int pair_admit(struct pair *p, struct ble_voucher *ret)
{
	struct ble_message m;
	int r;

	cr_assert_eq(ble_link_auth(&p->terminal, p->voucher.at, p->voucher.size, vector_key("holder")), 0);
	cr_assert_eq(pair_carry(&p->terminal, &p->pile, &p->wire, &m), 1);
	cr_assert_eq(m.type, BLE_AUTH);
	r = ble_link_admit(&p->pile, &p->gate, m.body.at, m.body.size, ret);
	cr_assert_eq(pair_carry(&p->pile, &p->terminal, &p->wire, &m), 1);
	cr_assert_eq(m.type, r == 0 ? BLE_AUTH_OK : BLE_ERR);
	return r;
}
