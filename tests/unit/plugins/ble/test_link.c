/* The link after the handshake: its table, its counters, its times. */
#include "pair.h"

#include <criterion/criterion.h>
#include <string.h>

static struct pair p;
static struct ble_message m;
static struct ble_voucher voucher;

static void ready(void)
{
	pair_init(&p);
	pair_greet(&p);
	cr_assert_eq(pair_admit(&p, &voucher), 0);
}
TestSuite(link, .init = ready);

static int hand(struct ble_link *to, const struct vector *message)
{
	uint8_t value[BLE_VALUE_MAX] = { (uint8_t)(0xc0 | to->in.counter), (uint8_t)(message->size >> 8),
					 (uint8_t)message->size };

	memcpy(value + 3, message->at, message->size);
	return ble_link_receive(to, value, message->size + 3, 0, &m);
}

static void keep(struct ble_link *from)
{
	p.wire.size = from->out.size;
	memcpy(p.wire.at, from->out.data, from->out.size);
	from->out.at = from->out.size;
}

Test(link, messages_of_any_size_both_ways)
{
	static uint8_t body[BLE_BODY_MAX + 1];

	for (size_t size = 0; size <= BLE_BODY_MAX; size = size ? size * 4 + 1 : 1) {
		memset(body, (int)size, sizeof(body));
		cr_assert_eq(ble_link_send(&p.terminal, BLE_COURIER, body, size), 0);
		cr_assert_eq(pair_carry(&p.terminal, &p.pile, NULL, &m), 1);
		cr_assert(m.type == BLE_COURIER && m.body.size == size && memcmp(m.body.at, body, size) == 0);
		cr_assert_eq(ble_link_send(&p.pile, BLE_COURIER, body, size), 0);
		cr_assert_eq(pair_carry(&p.pile, &p.terminal, NULL, &m), 1);
		cr_assert(m.body.size == size && memcmp(m.body.at, body, size) == 0);
	}
	cr_expect_eq(ble_link_send(&p.pile, BLE_COURIER, body, sizeof(body)), -BLE_TOO_LONG);
	cr_expect_eq(ble_link_send(&p.pile, BLE_COURIER, body, 1), 0, "which spoiled nothing");
}

Test(link, one_message_at_a_time)
{
	cr_assert_eq(ble_link_send(&p.terminal, BLE_STATUS, NULL, 0), 0);
	cr_expect_eq(ble_link_send(&p.terminal, BLE_STATUS, NULL, 0), -BLE_BUSY);
	cr_assert_eq(pair_carry(&p.terminal, &p.pile, NULL, &m), 1);
	cr_expect_eq(ble_link_send(&p.terminal, BLE_STATUS, NULL, 0), 0);
}

Test(link, a_message_again_ends_it)
{
	ble_link_send(&p.terminal, BLE_STATUS, NULL, 0);
	keep(&p.terminal);
	cr_assert_eq(hand(&p.pile, &p.wire), 1);
	cr_expect_eq(hand(&p.pile, &p.wire), -BLE_OUT_OF_ORDER);
	cr_expect_eq(hand(&p.pile, &p.wire), -BLE_CLOSED);
	cr_expect_eq(p.pile.why, BLE_OUT_OF_ORDER);
}

Test(link, a_lost_message_ends_it)
{
	ble_link_send(&p.terminal, BLE_STATUS, NULL, 0);
	keep(&p.terminal);
	ble_link_send(&p.terminal, BLE_STATUS, NULL, 0);
	keep(&p.terminal);
	cr_expect_eq(hand(&p.pile, &p.wire), -BLE_OUT_OF_ORDER);
}

Test(link, a_message_thrown_back_ends_it)
{
	ble_link_send(&p.terminal, BLE_COURIER, (const uint8_t *)"x", 1);
	keep(&p.terminal);
	p.wire.at[5] = 2; /* what the terminal awaits from the pile */
	cr_expect_eq(hand(&p.terminal, &p.wire), -BLE_BAD_SEAL, "each direction has its key");
}

Test(link, every_bit_of_a_message_counts)
{
	struct pair before = p;

	for (size_t bit = 0; bit < 8 * (6 + 3 + 16); bit++) {
		p = before;
		ble_link_send(&p.terminal, BLE_START, (const uint8_t *)"abc", 3);
		keep(&p.terminal);
		p.wire.at[bit / 8] ^= (uint8_t)(1 << bit % 8);
		cr_assert_lt(hand(&p.pile, &p.wire), 0, "bit %zu", bit);
	}
}

Test(link, each_end_says_only_what_is_its)
{
	cr_expect_eq(ble_link_send(&p.pile, BLE_START, NULL, 0), -BLE_UNEXPECTED);
	cr_expect_eq(ble_link_send(&p.terminal, BLE_START_RES, NULL, 0), -BLE_UNEXPECTED);
	cr_expect_eq(ble_link_send(&p.terminal, BLE_REC, NULL, 0), -BLE_UNEXPECTED);
	cr_expect_eq(ble_link_send(&p.terminal, (enum ble_type)0x77, NULL, 0), -BLE_UNEXPECTED);
	cr_expect_eq(ble_link_send(&p.terminal, BLE_AUTH, NULL, 0), -BLE_UNEXPECTED);
	cr_expect_eq(ble_link_hello(&p.terminal, vector_key("eT"), voucher.jti), -BLE_UNEXPECTED);
}

Test(link, nothing_but_keys_and_time_goes_in_before_a_voucher)
{
	static const uint8_t types[] = { BLE_START,      BLE_STOP,     BLE_STATUS,  BLE_REC_GET,
					 BLE_REC_STORED, BLE_RCPT_PUT, BLE_CFG_PUT, BLE_COURIER };

	pair_init(&p);
	pair_greet(&p);
	for (size_t i = 0; i < sizeof(types); i++)
		cr_expect_eq(ble_link_send(&p.terminal, (enum ble_type)types[i], NULL, 0), -BLE_UNEXPECTED);
	cr_expect_eq(ble_link_send(&p.terminal, BLE_KEYSET_PUT, NULL, 0), 0);
	cr_expect_eq(pair_carry(&p.terminal, &p.pile, NULL, &m), 1);
	cr_expect_eq(ble_link_send(&p.pile, BLE_PUT_RES, (const uint8_t *)"\1\1\0", 3), 0);
	cr_expect_eq(pair_carry(&p.pile, &p.terminal, NULL, &m), 1);
	cr_expect_eq(ble_link_send(&p.terminal, BLE_TIME_PUT, NULL, 0), 0);
	cr_expect_eq(pair_carry(&p.terminal, &p.pile, NULL, &m), 1);
	cr_expect_eq(pair_admit(&p, &voucher), 0, "and then the voucher is shown as if nothing had been");
}

Test(link, a_stranger_cannot_end_it_by_a_clear_error)
{
	/* An error behind the handshake proves nothing; it is no message of this state, and the radio link that let it
	 * through is not one to go on with. */
	p.wire = (struct vector){ .at = { BLE_ERROR, 0, 0, 0, 0, 0, 1, 1, 9, 0, 0 }, .size = 11 };
	cr_expect_eq(hand(&p.terminal, &p.wire), -BLE_UNEXPECTED);
}

Test(link, reserved_flags)
{
	ble_link_send(&p.terminal, BLE_STATUS, NULL, 0);
	keep(&p.terminal);
	p.wire.at[1] = 1;
	cr_expect_eq(hand(&p.pile, &p.wire), -BLE_UNSUPPORTED);
}

Test(link, the_counter_does_not_wrap)
{
	p.terminal.counter[BLE_TERMINAL] = p.pile.counter[BLE_TERMINAL] = UINT32_MAX - 1;
	cr_assert_eq(ble_link_send(&p.terminal, BLE_STATUS, NULL, 0), 0);
	cr_assert_eq(pair_carry(&p.terminal, &p.pile, NULL, &m), 1);
	cr_expect_eq(ble_link_send(&p.terminal, BLE_STATUS, NULL, 0), -BLE_CLOSED);
}

/* ---- times ----------------------------------------------------------------------------------- */

Test(times, ten_seconds_to_hello_thirty_to_auth_two_minutes_idle)
{
	pair_init(&p);
	cr_expect_eq(ble_link_deadline_ms(&p.pile), BLE_HELLO_WAIT_MS);
	pair_greet(&p);
	cr_expect_eq(ble_link_deadline_ms(&p.pile), BLE_AUTH_WAIT_MS);
	pair_admit(&p, &voucher);
	cr_expect_eq(ble_link_deadline_ms(&p.pile), BLE_IDLE_MS);
	cr_expect_eq(ble_link_tick(&p.pile, BLE_IDLE_MS), 0);
	cr_expect_eq(ble_link_tick(&p.pile, BLE_IDLE_MS + 1), -BLE_LATE);
	cr_expect_eq(ble_link_deadline_ms(&p.pile), UINT64_MAX);
	cr_expect_eq(ble_link_tick(&p.pile, BLE_IDLE_MS + 1), -BLE_CLOSED);
}

Test(times, keys_and_time_do_not_buy_time_to_show_a_voucher)
{
	uint8_t value[BLE_VALUE_MAX];
	int n;

	pair_init(&p);
	pair_greet(&p);
	ble_link_send(&p.terminal, BLE_KEYSET_PUT, NULL, 0);
	n = ble_link_segment(&p.terminal, 517, value, sizeof(value));
	cr_assert_eq(ble_link_receive(&p.pile, value, (size_t)n, 29000, &m), 1);
	cr_expect_eq(ble_link_deadline_ms(&p.pile), BLE_AUTH_WAIT_MS);
}

Test(times, half_a_message_must_go_on_within_two_seconds)
{
	uint8_t value[BLE_VALUE_MAX];
	int n;

	pair_init(&p);
	cr_assert_eq(ble_link_hello(&p.terminal, vector_key("eT"), vector("hello").at + 48), 0);
	n = ble_link_segment(&p.terminal, 23, value, sizeof(value));
	cr_assert_eq(ble_link_receive(&p.pile, value, (size_t)n, 1000, &m), 0);
	cr_expect_eq(ble_link_deadline_ms(&p.pile), 3000);
	cr_expect_eq(ble_link_tick(&p.pile, 3001), -BLE_LATE);
}
