/* A terminal's visit beside the table: what is asked in vain, what a pile may not say, and what the end of the
 * connection means in each state. */
#include "trip.h"

#include <criterion/criterion.h>
#include <string.h>

static struct trip t;

Test(term, the_end_of_the_connection_names_what_may_have_been_done)
{
	bool seen = false;

	for (unsigned cut = 1; cut < 12; cut++) {
		bool active;

		trip_init(&t, 517);
		t.cut_at = cut;
		trip_visit(&t, TRIP_START);
		active = t.board.pile.state.sessions[0].active;
		seen |= active && !t.started;
		cr_assert(active || !t.started, "no answer without the session");
		t.cut_at = 0;
		trip_visit(&t, TRIP_START);
		cr_assert(t.started, "the same order again gets the same answer");
		cr_assert_eq(t.board.pile.started, 1, "and starts nothing more");
		trip_fini(&t);
	}
	cr_assert(seen, "a session whose answer was lost is among them");
}

Test(term, another_pile_than_the_one_that_is_meant_is_left)
{
	struct ble_pile_visit *v;
	struct ble_term_step s;
	uint8_t random[48] = { 1 }, value[BLE_VALUE_MAX], other[16] = { 9 };
	struct ble_term_config config = { .crypto = &ble_openssl,
					  .root = vector_public("cloud"),
					  .wanted = other,
					  .holder_key = vector_key("holder"),
					  .holder_public = vector_public("holder"),
					  .mtu = 517 };
	enum ble_term_action action;
	int size;

	trip_init(&t, 517);
	v = ble_pile_connect(&t.board.pile, 0);
	cr_assert_eq(ble_term_open(&t.term, &config, random, 0), 0);
	while ((action = ble_term_next(&t.term, 0, &s)) == BLE_TERM_WRITE)
		cr_assert_eq(ble_pile_receive(v, s.data, s.size, 0), 0);
	while ((size = ble_pile_segment(v, 517, 0, value, sizeof(value))) > 0)
		cr_expect_eq(ble_term_value(&t.term, value, (size_t)size, 0), -BLE_OTHER_PILE);
	cr_assert_eq(ble_term_next(&t.term, 0, &s), BLE_TERM_CLOSED);
	cr_assert_eq(s.result, BLE_OTHER_PILE);
	cr_assert_eq(s.request, 0, "nothing was asked, so nothing was done");
	cr_assert_eq(ble_term_next(&t.term, 0, &s), BLE_TERM_WAIT, "told once");
	trip_fini(&t);
}

Test(term, a_pile_that_falls_silent_is_left)
{
	struct ble_pile_visit *v;
	struct ble_term_step s;
	uint8_t random[48] = { 1 };
	struct ble_term_config config = { .crypto = &ble_openssl,
					  .root = vector_public("cloud"),
					  .holder_key = vector_key("holder"),
					  .holder_public = vector_public("holder"),
					  .mtu = 23 };

	trip_init(&t, 23);
	v = ble_pile_connect(&t.board.pile, 0);
	cr_assert_eq(ble_term_open(&t.term, &config, random, 0), 0);
	while (ble_term_next(&t.term, 0, &s) == BLE_TERM_WRITE)
		cr_assert_eq(ble_pile_receive(v, s.data, s.size, 0), 0);
	cr_assert_eq(ble_term_next(&t.term, ble_term_deadline_ms(&t.term), &s), BLE_TERM_CLOSED);
	cr_assert_eq(s.result, BLE_LATE);
	trip_fini(&t);
}

Test(term, more_requests_than_may_wait_are_refused)
{
	const uint8_t order[16] = { 1 };
	uint8_t random[48] = { 1 };
	struct ble_term_config config = { .crypto = &ble_openssl, .root = vector_public("cloud"), .mtu = 22 };

	cr_assert_eq(ble_term_open(&t.term, &config, random, 0), -BLE_UNSUPPORTED, "no MTU is that small");
	config.mtu = 23;
	cr_assert_eq(ble_term_open(&t.term, &config, random, 0), 0);
	for (unsigned i = 0; i < BLE_TERM_REQUESTS; i++)
		cr_assert_eq(ble_term_start(&t.term, 1, order), 0);
	cr_assert_eq(ble_term_start(&t.term, 1, order), -BLE_NO_ROOM);
	cr_assert_eq(ble_term_put(&t.term, BLE_START, order, 16), -BLE_UNSUPPORTED, "a command is no document");
}
