/* A pile without a network starts with a voucher that the cloud signed for this holder, this pile, this limit and this
 * time, once; and with nothing else. */
#include "pair.h"

#include <criterion/criterion.h>
#include <string.h>

static struct pair p;
static struct ble_voucher voucher, changed;

/* The vectors' voucher that is bound to the pile's nonce, once, and good offline. */
static void init(void)
{
	struct vector bound = vector_signed("voucher_bound");

	pair_init(&p);
	cr_assert_eq(ble_voucher_read(bound.at, bound.size, &voucher), 0);
	changed = voucher;
}
TestSuite(voucher, .init = init);

/* Signs `changed` and shows it on a new connection; what the pile says. */
static int show(void)
{
	int size = ble_voucher_write(&ble_openssl, &changed, vector_key("cloud"), p.voucher.at, VECTOR_MAX);

	cr_assert_gt(size, 0);
	p.voucher.size = (size_t)size;
	pair_reopen(&p);
	pair_greet(&p);
	return pair_admit(&p, &changed);
}

static int start(void)
{
	return ble_gate_start(&ble_openssl, &p.gate, p.pile.nonce[BLE_PILE], &changed, 1);
}

static int show_and_start(void)
{
	int r = show();

	return r < 0 ? r : start();
}

static void unbind(void)
{
	changed.has &= ~BLE_HAS(BLE_VOUCHER_NONCE);
}

Test(voucher, as_the_vectors_have_them)
{
	static const char *const names[] = { "voucher", "voucher_bound" };
	uint8_t again[BLE_DOCUMENT_MAX];

	for (size_t i = 0; i < 2; i++) {
		struct vector v = vector_signed(names[i]);

		cr_assert_eq(ble_voucher_read(v.at, v.size, &voucher), 0);
		cr_assert_eq(ble_voucher_write(&ble_openssl, &voucher, vector_key("cloud"), again, sizeof(again)),
			     (int)v.size);
		cr_expect_arr_eq(again, v.at, v.size);
	}
	cr_expect(voucher.max_wh == 20000 && voucher.max_minutes == 240 && voucher.max_minor == 5000 &&
		  memcmp(voucher.currency, "CNY", 3) == 0 && voucher.counter == 41 && voucher.user.size == 8);
}

Test(voucher, a_bound_one_starts)
{
	cr_expect_eq(show_and_start(), 0);
}

Test(voucher, bound_to_another_connection)
{
	changed.nonce[0] ^= 1;
	cr_expect_eq(show(), -BLE_WRONG_NONCE);
}

Test(voucher, a_raised_amount)
{
	show();
	p.voucher.at[VOUCHER_MAX_MINOR] ^= 1;
	pair_reopen(&p);
	pair_greet(&p);
	cr_expect_eq(pair_admit(&p, &changed), -BLE_BAD_SIG);
}

Test(voucher, another_piles)
{
	changed.pile[0] ^= 1;
	cr_expect_eq(show(), -BLE_OTHER_PILE);
}

Test(voucher, another_holders)
{
	memcpy(changed.holder, vector_public("pile"), 32);
	cr_expect_eq(show(), -BLE_BAD_POP);
}

Test(voucher, of_a_key_that_is_not_in_the_key_set)
{
	changed.kid++;
	cr_expect_eq(show(), -BLE_UNKNOWN_KEY);
}

Test(voucher, expired_by_the_clock)
{
	changed.expires = PAIR_NOW - 1;
	cr_expect_eq(show(), -BLE_EXPIRED);
	changed.expires = PAIR_NOW;
	cr_expect_eq(show(), 0);
	p.gate.uptime_ms = 1000;
	cr_expect_eq(start(), -BLE_EXPIRED, "it was admitted, and then its time was over");
}

Test(voucher, not_yet)
{
	changed.not_before = PAIR_NOW + 1;
	cr_expect_eq(show(), -BLE_NOT_YET);
	changed.not_before = PAIR_NOW;
	cr_expect_eq(show(), 0);
}

Test(voucher, lives_a_day_at_most)
{
	changed.expires = changed.issued + BLE_VOUCHER_LIFE_S;
	cr_expect_eq(show(), 0);
	changed.expires++;
	cr_expect_eq(show(), -BLE_TOO_LONG);
	changed.expires = changed.issued - 1;
	cr_expect_eq(show(), -BLE_TOO_LONG);
}

Test(voucher, a_flag_of_a_later_version_is_not_passed_over)
{
	changed.flags |= BLE_VOUCHER_FLAGS + 1;
	cr_expect_eq(show(), -BLE_UNSUPPORTED, "it may limit what the others allow");
}

Test(voucher, starts_once)
{
	cr_assert_eq(show_and_start(), 0);
	cr_assert_eq(ble_used_add(&p.used, changed.jti, changed.expires, 0), 0);
	cr_expect_eq(start(), -BLE_USED);
	cr_expect_eq(show(), 0, "its holder may come back, to stop and to fetch");
	cr_expect_eq(start(), -BLE_USED);
	changed.flags &= (uint16_t)~BLE_ONCE;
	cr_expect_eq(show_and_start(), -BLE_USED, "a customer's is good for one session, whatever it says");
}

Test(voucher, its_holder_comes_back_on_another_connection_and_after_its_time)
{
	cr_assert_eq(ble_used_add(&p.used, changed.jti, changed.expires, 0), 0);
	changed.nonce[0] ^= 1;
	changed.expires = PAIR_NOW - 1;
	cr_expect_eq(show(), 0);
	cr_expect_eq(start(), -BLE_USED);
	cr_expect_eq(ble_gate_stop(&changed, vector_public("holder")), 0);
}

Test(voucher, an_operators_starts_as_often_as_it_lives)
{
	changed.flags = BLE_OPERATOR | BLE_MAY_START | BLE_OFFLINE_OK;
	cr_assert_eq(ble_used_add(&p.used, changed.jti, changed.expires, 0), 0);
	cr_expect_eq(show_and_start(), 0);
	changed.flags |= BLE_ONCE;
	cr_expect_eq(show_and_start(), -BLE_USED);
}

Test(voucher, for_another_connector)
{
	cr_assert_eq(show(), 0);
	changed.connector = 2;
	cr_expect_eq(start(), -BLE_NOT_ALLOWED);
	changed.connector = 0;
	cr_expect_eq(start(), 0, "0 is any");
}

Test(voucher, without_the_right_to_start)
{
	changed.flags = BLE_MAY_STOP | BLE_OFFLINE_OK;
	cr_expect_eq(show(), 0, "a courier may come");
	cr_expect_eq(start(), -BLE_NOT_ALLOWED);
}

Test(voucher, neither_bound_nor_for_use_offline)
{
	unbind();
	changed.flags &= (uint16_t)~BLE_OFFLINE_OK;
	cr_expect_eq(show_and_start(), -BLE_NOT_OFFLINE);
	p.gate.online = true;
	cr_expect_eq(start(), 0);
}

Test(voucher, revoked_by_its_number_or_its_holder)
{
	uint8_t revoked[2][16];
	uint8_t hash[32];

	memset(revoked, 0xee, sizeof(revoked));
	memcpy(revoked[1], changed.jti, 16);
	p.keys.revoked = (struct ble_bytes){ revoked[0], sizeof(revoked) };
	cr_expect_eq(show(), -BLE_REVOKED);
	ble_openssl.sha256(NULL, changed.holder, 32, hash);
	memcpy(revoked[1], hash, 16);
	cr_expect_eq(show(), -BLE_REVOKED);
	revoked[1][15] ^= 1;
	cr_expect_eq(show(), 0);
	revoked[1][15] ^= 1;
	cr_expect_eq(start(), -BLE_REVOKED, "the list came while he was connected");
}

Test(voucher, the_store_is_at_its_reserve)
{
	p.gate.store_full = true;
	cr_expect_eq(show_and_start(), -BLE_STORE_FULL);
}

/* ---- a pile that has no clock ---------------------------------------------------------------- */

Test(voucher, a_bound_one_needs_no_clock)
{
	ble_clock_init(&p.clock, 0);
	cr_expect_eq(show_and_start(), 0);
}

Test(voucher, without_a_clock_and_not_bound_only_up_to_the_cap)
{
	ble_clock_init(&p.clock, 0);
	unbind();
	p.gate.cap_minor = changed.max_minor - 1;
	cr_expect_eq(show_and_start(), -BLE_OVER_CAP);
	p.gate.cap_minor = changed.max_minor;
	cr_expect_eq(start(), 0);
}

Test(voucher, without_a_clock_none_that_begins_later)
{
	ble_clock_init(&p.clock, 0);
	changed.not_before = changed.issued + 1;
	cr_expect_eq(show(), -BLE_NOT_YET);
}

Test(voucher, a_lower_bound_shows_that_one_has_expired)
{
	ble_clock_init(&p.clock, changed.expires + 1);
	cr_expect_eq(show(), -BLE_EXPIRED);
}

Test(voucher, each_one_seen_raises_the_lower_bound)
{
	ble_clock_init(&p.clock, 0);
	cr_assert_eq(show(), 0);
	cr_expect_eq(ble_clock_low(&p.clock, 0), changed.issued);
	changed.issued += 7200;
	changed.expires = changed.issued + 60;
	changed.not_before = changed.issued;
	changed.nonce[0] ^= 1;
	cr_expect_eq(show(), -BLE_WRONG_NONCE);
	cr_expect_eq(ble_clock_low(&p.clock, 0), voucher.issued + 7200,
		     "even one that is not for here: the cloud signed it then");
}

Test(voucher, a_forged_one_raises_nothing)
{
	ble_clock_init(&p.clock, 0);
	memcpy(changed.holder, vector_public("pile"), 32);
	cr_assert_eq(show(), -BLE_BAD_POP);
	cr_expect_eq(ble_clock_low(&p.clock, 0), 0);
}

/* ---- stopping -------------------------------------------------------------------------------- */

Test(voucher, who_may_stop)
{
	cr_expect_eq(ble_gate_stop(&changed, vector_public("holder")), 0, "who started");
	cr_expect_eq(ble_gate_stop(&changed, vector_public("pile")), -BLE_NOT_ALLOWED);
	changed.flags = BLE_OPERATOR;
	cr_expect_eq(ble_gate_stop(&changed, vector_public("pile")), -BLE_NOT_ALLOWED);
	changed.flags = BLE_OPERATOR | BLE_MAY_STOP;
	cr_expect_eq(ble_gate_stop(&changed, vector_public("pile")), 0);
}

/* ---- what was used --------------------------------------------------------------------------- */

Test(used, none_is_forgotten_while_it_may_be_shown)
{
	static struct ble_used used;
	uint8_t jti[16] = { 0 };

	for (unsigned i = 0; i < BLE_USED_MAX; i++) {
		jti[0] = (uint8_t)i;
		cr_assert_eq(ble_used_add(&used, jti, 1000 + i, 0), 0);
	}
	cr_expect_eq(ble_used_add(&used, jti, 1000, 0), -BLE_USED);
	jti[1] = 1;
	cr_expect_eq(ble_used_add(&used, jti, 5000, 1000), -BLE_STORE_FULL, "at 1000 the first may still be shown");
	cr_expect_eq(ble_used_add(&used, jti, 5000, 1001), 0);
	cr_expect(ble_used_has(&used, jti));
	cr_expect_not(ble_used_has(&used, (const uint8_t[16]){ 0 }));
}

Test(used, a_full_memory_starts_nothing)
{
	static struct pair q;

	pair_init(&q);
	for (unsigned i = 0; i < BLE_USED_MAX; i++) {
		uint8_t jti[16] = { 1, (uint8_t)i };

		ble_used_add(&q.used, jti, PAIR_NOW, 0);
	}
	changed = (struct ble_voucher){ .flags = BLE_MAY_START | BLE_OFFLINE_OK,
					.issued = PAIR_NOW,
					.not_before = PAIR_NOW,
					.expires = PAIR_NOW + 10 };
	cr_expect_eq(ble_gate_start(&ble_openssl, &q.gate, changed.nonce, &changed, 1), -BLE_STORE_FULL);
	q.used.at[9].expires = PAIR_NOW - 1;
	cr_expect_eq(ble_gate_start(&ble_openssl, &q.gate, changed.nonce, &changed, 1), 0);
}

/* ---- none ------------------------------------------------------------------------------------ */

/* A holder without a voucher, whom the cloud has given this grant; what the pile says to his START. */
static int start_by_key(bool online, uint32_t expires)
{
	struct ble_message m;

	pair_reopen(&p);
	pair_greet(&p);
	cr_assert_eq(ble_link_auth_holder(&p.terminal, vector_public("holder"), vector_key("holder")), 0);
	cr_assert_eq(pair_carry(&p.terminal, &p.pile, NULL, &m), 1);
	cr_assert_eq(ble_link_admit(&p.pile, &p.gate, m.body.at, m.body.size, &changed), 0);
	cr_assert(ble_voucher_none(&changed));
	memcpy(changed.jti, voucher.jti, sizeof(changed.jti));
	changed.expires = expires;
	p.gate.online = online;
	return start();
}

Test(voucher, a_holder_without_one_starts_by_the_clouds_word_alone)
{
	cr_expect_eq(start_by_key(true, PAIR_NOW + 60), 0);
	cr_expect_eq(start_by_key(false, PAIR_NOW + 60), -BLE_NOT_OFFLINE);
	cr_expect_eq(start_by_key(true, PAIR_NOW - 60), -BLE_EXPIRED, "the word is an old one");
}

Test(voucher, a_grant_that_a_voucher_has_started_starts_no_second_time)
{
	cr_assert_eq(ble_used_add(&p.used, voucher.jti, PAIR_NOW + 3600, PAIR_NOW), 0);
	cr_expect_eq(start_by_key(true, PAIR_NOW + 60), -BLE_USED);
}
