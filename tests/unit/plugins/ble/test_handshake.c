/* HELLO, HELLO_ACK, AUTH: byte for byte, and what each end refuses. */
#include "pair.h"

#include <criterion/criterion.h>
#include <string.h>

static struct pair p;
static struct ble_message m;
static struct ble_voucher voucher;
static const uint8_t nonce[16] = "sixteen randoms";
static const struct ble_facts facts;

static void init(void)
{
	pair_init(&p);
}
TestSuite(handshake, .init = init);

static void same(const struct vector *ours, const char *path)
{
	struct vector theirs = vector(path);

	cr_assert_eq(ours->size, theirs.size, "%s", path);
	cr_assert_arr_eq(ours->at, theirs.at, theirs.size, "%s", path);
}

/* Hands a whole message to an end as it would come, one segment. */
static int hand(struct ble_link *to, const struct vector *message)
{
	uint8_t value[BLE_VALUE_MAX] = { (uint8_t)(0xc0 | to->in.counter), (uint8_t)(message->size >> 8),
					 (uint8_t)message->size };

	memcpy(value + 3, message->at, message->size);
	return ble_link_receive(to, value, message->size + 3, 0, &m);
}

static void checksum(struct vector *v)
{
	uint16_t crc = 0xffff;

	for (size_t i = 0; i < v->size - 2; i++) {
		crc = (uint16_t)(crc ^ v->at[i] << 8);
		for (int bit = 0; bit < 8; bit++)
			crc = (uint16_t)(crc & 0x8000 ? crc << 1 ^ 0x1021 : crc << 1);
	}
	v->at[v->size - 2] = (uint8_t)(crc >> 8);
	v->at[v->size - 1] = (uint8_t)crc;
}

Test(handshake, as_the_vectors_have_it)
{
	struct ble_command start = { .connector = 1 };
	struct vector okm = vector("okm");
	uint8_t body[64];
	int size;

	pair_greet(&p);
	same(&p.wire, "hello_ack");
	cr_assert_arr_eq((uint8_t *)&p.terminal.keys, okm.at, 88);
	cr_assert_arr_eq((uint8_t *)&p.pile.keys, okm.at, 88);
	p.wire.size = p.terminal.hello_size;
	memcpy(p.wire.at, p.terminal.hello, p.wire.size);
	same(&p.wire, "hello");

	cr_assert_eq(ble_link_auth(&p.terminal, p.voucher.at, p.voucher.size, vector_key("holder")), 0);
	cr_assert_eq(pair_carry(&p.terminal, &p.pile, &p.wire, &m), 1);
	same(&p.wire, "auth");
	cr_assert_eq(ble_link_admit(&p.pile, &p.gate, m.body.at, m.body.size, &voucher), 0);
	cr_assert_eq(pair_carry(&p.pile, &p.terminal, &p.wire, &m), 1);
	same(&p.wire, "auth_ok");

	memcpy(start.order, voucher.order, 16);
	size = ble_command_write(&start, body, sizeof(body));
	cr_assert_eq(ble_link_send(&p.terminal, BLE_START, body, (size_t)size), 0);
	cr_assert_eq(pair_carry(&p.terminal, &p.pile, &p.wire, &m), 1);
	same(&p.wire, "start");
	cr_assert(m.type == BLE_START && m.body.size == (size_t)size && memcmp(m.body.at, body, m.body.size) == 0);
}

Test(handshake, the_terminal_learns_what_the_pile_says_of_itself)
{
	pair_greet(&p);
	cr_expect(p.terminal.facts.boot == 7 && p.terminal.facts.next_seq == 1001 && p.terminal.facts.trust == 2);
	cr_expect_arr_eq(p.terminal.certificate.pile_key, vector_public("pile"), 32);
	cr_expect_arr_eq(p.terminal.nonce[BLE_PILE], p.pile.nonce[BLE_PILE], 16);
}

Test(handshake, every_bit_of_the_piles_answer_counts)
{
	struct vector ack, changed;

	pair_greet(&p);
	ack = p.wire;
	for (size_t bit = 0; bit < ack.size * 8; bit += 5) {
		pair_init(&p);
		cr_assert_eq(ble_link_hello(&p.terminal, vector_key("eT"), vector("hello").at + 48), 0);
		changed = ack;
		changed.at[bit / 8] ^= (uint8_t)(1 << bit % 8);
		if (bit / 8 < ack.size - 2)
			checksum(&changed);
		hand(&p.terminal, &changed); /* which may read as an ERROR, too */
		cr_assert_eq(p.terminal.state, BLE_ENDED, "bit %zu", bit);
	}
}

Test(handshake, another_pile_than_was_meant)
{
	pair_greet(&p);
	pair_init(&p);
	p.terminal.config.wanted = nonce;
	cr_assert_eq(ble_link_hello(&p.terminal, vector_key("eT"), vector("hello").at + 48), 0);
	p.wire = vector("hello_ack");
	cr_expect_eq(hand(&p.terminal, &p.wire), -BLE_OTHER_PILE);
}

Test(handshake, a_pile_that_gives_itself_out_for_another)
{
	/* It has a certificate and its key, and the id that the terminal looks for. */
	p.pile.config.pile = p.terminal.config.wanted = nonce;
	cr_assert_eq(ble_link_hello(&p.terminal, vector_key("eT"), nonce), 0);
	cr_assert_eq(pair_carry(&p.terminal, &p.pile, NULL, &m), 1);
	cr_assert_eq(ble_link_hello_ack(&p.pile, vector_key("eP"), nonce, &facts), 0);
	cr_expect_eq(pair_carry(&p.pile, &p.terminal, NULL, &m), -BLE_OTHER_PILE);
}

Test(handshake, a_certificate_of_another_root_or_too_old)
{
	p.terminal.config.root = vector_public("holder");
	cr_assert_eq(ble_link_hello(&p.terminal, vector_key("eT"), vector("hello").at + 48), 0);
	p.wire = vector("hello_ack");
	cr_expect_eq(hand(&p.terminal, &p.wire), -BLE_BAD_SIG);

	pair_init(&p);
	p.terminal.config.utc = 0x77359401;
	cr_assert_eq(ble_link_hello(&p.terminal, vector_key("eT"), vector("hello").at + 48), 0);
	p.wire = vector("hello_ack");
	cr_expect_eq(hand(&p.terminal, &p.wire), -BLE_EXPIRED);
}

Test(handshake, an_answer_from_before_is_worth_nothing)
{
	cr_assert_eq(ble_link_hello(&p.terminal, vector_key("eT"), nonce), 0);
	p.wire = vector("hello_ack");
	cr_expect_eq(hand(&p.terminal, &p.wire), -BLE_BAD_SIG, "it was for another nonce");
}

Test(handshake, an_algorithm_that_the_pile_does_not_know_is_told)
{
	struct vector hello = vector("hello");
	struct ble_answer answer;

	hello.at[11] = 2; /* alg */
	checksum(&hello);
	cr_assert_eq(ble_link_hello(&p.terminal, vector_key("eT"), vector("hello").at + 48), 0);
	cr_assert_eq(hand(&p.pile, &hello), -BLE_UNSUPPORTED);
	cr_assert_eq(pair_carry(&p.pile, &p.terminal, NULL, &m), 1);
	cr_assert_eq(m.type, BLE_ERROR);
	cr_assert_eq(ble_answer_read(m.body.at, m.body.size, &answer), 0);
	cr_expect_eq(answer.result, BLE_UNSUPPORTED);
	cr_expect(p.terminal.state == BLE_ENDED && p.pile.state == BLE_ENDED);
}

Test(handshake, a_key_that_gives_a_known_secret)
{
	struct vector hello = vector("hello");

	memset(hello.at + 14, 0, 32); /* eT */
	checksum(&hello);
	cr_assert_eq(hand(&p.pile, &hello), 1);
	cr_expect_eq(ble_link_hello_ack(&p.pile, vector_key("eP"), nonce, &facts), -BLE_CRYPTO);
	cr_expect_eq(p.pile.state, BLE_ENDED);
}

Test(handshake, a_checksum_finds_what_segmentation_broke)
{
	struct vector hello = vector("hello");

	hello.at[20] ^= 1;
	cr_expect_eq(hand(&p.pile, &hello), -BLE_BAD_CRC);
}

Test(handshake, a_copied_voucher_is_useless)
{
	pair_greet(&p);
	cr_assert_eq(ble_link_auth(&p.terminal, p.voucher.at, p.voucher.size, vector_key("pile")), 0);
	cr_assert_eq(pair_carry(&p.terminal, &p.pile, NULL, &m), 1);
	cr_expect_eq(ble_link_admit(&p.pile, &p.gate, m.body.at, m.body.size, &voucher), -BLE_BAD_POP);
}

Test(handshake, an_auth_of_another_connection_is_useless)
{
	struct vector auth = vector("auth");

	pair_greet(&p);
	pair_init(&p);
	cr_assert_eq(ble_link_hello(&p.terminal, vector_key("eT"), nonce), 0);
	cr_assert_eq(pair_carry(&p.terminal, &p.pile, NULL, &m), 1);
	cr_assert_eq(ble_link_hello_ack(&p.pile, vector_key("eP"), nonce, &facts), 0);
	cr_expect_eq(hand(&p.pile, &auth), -BLE_BAD_SEAL);
}

Test(handshake, a_holder_without_a_voucher_proves_his_key)
{
	pair_greet(&p);
	cr_assert_eq(ble_link_auth_holder(&p.terminal, vector_public("holder"), vector_key("holder")), 0);
	cr_assert_eq(pair_carry(&p.terminal, &p.pile, &p.wire, &m), 1);
	same(&p.wire, "auth_holder");
	cr_assert_eq(ble_link_admit(&p.pile, &p.gate, m.body.at, m.body.size, &voucher), 0);
	cr_expect(ble_voucher_none(&voucher));
	cr_expect_arr_eq(voucher.holder, vector_public("holder"), 32);
	cr_expect_eq(p.pile.state, BLE_READY);
}

Test(handshake, a_key_that_is_another_holders)
{
	pair_greet(&p);
	cr_assert_eq(ble_link_auth_holder(&p.terminal, vector_public("holder"), vector_key("pile")), 0);
	cr_assert_eq(pair_carry(&p.terminal, &p.pile, NULL, &m), 1);
	cr_expect_eq(ble_link_admit(&p.pile, &p.gate, m.body.at, m.body.size, &voucher), -BLE_BAD_POP);
}

Test(handshake, who_is_refused_hears_why)
{
	struct ble_answer answer;

	p.voucher.at[VOUCHER_MAX_MINOR] ^= 1; /* the amount is raised */
	pair_greet(&p);
	cr_assert_eq(ble_link_auth(&p.terminal, p.voucher.at, p.voucher.size, vector_key("holder")), 0);
	cr_assert_eq(pair_carry(&p.terminal, &p.pile, NULL, &m), 1);
	cr_expect_eq(ble_link_admit(&p.pile, &p.gate, m.body.at, m.body.size, &voucher), -BLE_BAD_SIG);
	cr_assert_eq(pair_carry(&p.pile, &p.terminal, NULL, &m), 1);
	cr_assert_eq(m.type, BLE_ERR);
	cr_assert_eq(ble_answer_read(m.body.at, m.body.size, &answer), 0);
	cr_expect_eq(answer.result, BLE_BAD_SIG);
	cr_expect(p.terminal.state == BLE_ENDED && p.pile.state == BLE_ENDED);
}

Test(handshake, secrets_go_with_the_connection)
{
	static const struct ble_keys none;

	pair_greet(&p);
	ble_link_fini(&p.terminal);
	cr_expect_arr_eq((uint8_t *)&p.terminal.keys, (const uint8_t *)&none, sizeof(none));
	p.pile.now_ms = 0;
	cr_assert_eq(ble_link_tick(&p.pile, BLE_AUTH_WAIT_MS + 1), -BLE_LATE);
	cr_expect_arr_eq((uint8_t *)&p.pile.keys, (const uint8_t *)&none, sizeof(none));
}
