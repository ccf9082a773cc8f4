/* A pile's history: signed, numbered, chained; what anybody on the way could try, and what the cloud makes of it. */
#include "vectors.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define N 3

static struct vector record[N];
static uint8_t hash[N][32], got[32];
static struct ble_chain chain, pile;
static struct ble_record it;
static const struct ble_neighbours nothing;

static void init(void)
{
	char path[32];

	for (int i = 0; i < N; i++) {
		snprintf(path, sizeof(path), "records.%d", i);
		record[i] = vector_signed(path);
		snprintf(path, sizeof(path), "records.%d.hash", i);
		memcpy(hash[i], vector(path).at, 32);
	}
	memset(&chain, 0, sizeof(chain));
	for (int i = 0; i < 16; i++)
		chain.pile[i] = (uint8_t)(i + 1);
	chain.chain = 1;
	pile = chain;
	pile.next = 1001;
}
TestSuite(record, .init = init);
TestSuite(judge, .init = init);

static int judge(const struct vector *v, const struct ble_neighbours *known)
{
	return ble_record_judge(&ble_openssl, vector_public("pile"), &chain, known, v->at, v->size, &it, got);
}

/* Takes the next `n` of the vectors in. */
static void take(int n)
{
	for (int i = 0; i < n; i++) {
		cr_assert_eq(judge(&record[i], &nothing), 0);
		ble_chain_move(&chain, &it, got);
	}
}

/* What the pile says next, signed by it. */
static struct vector say(struct ble_record from)
{
	struct vector v;
	int size = ble_record_write(&ble_openssl, &pile, &from, NULL, vector_key("pile"), v.at, VECTOR_MAX);

	cr_assert_gt(size, 0);
	v.size = (size_t)size;
	return v;
}

Test(record, as_the_vectors_have_them)
{
	for (int i = 0; i < N; i++) {
		struct vector again;

		cr_assert_eq(ble_record_read(record[i].at, record[i].size, &it), 0);
		cr_assert_eq(ble_record_hash(&ble_openssl, record[i].at, record[i].size, got), 0);
		cr_assert_arr_eq(got, hash[i], 32);
		again = say(it);
		cr_assert_eq(again.size, record[i].size);
		cr_assert_arr_eq(again.at, record[i].at, again.size);
	}
	cr_expect_eq(pile.next, 1004);
	cr_expect_arr_eq(pile.head, hash[2], 32);
}

Test(record, its_session_id)
{
	uint8_t id[16];

	ble_record_read(record[0].at, record[0].size, &it);
	cr_assert_eq(ble_session_id(&ble_openssl, chain.pile, 1, 1001, id), 0);
	cr_expect_arr_eq(id, it.session, 16);
}

Test(record, a_failed_write_moves_nothing)
{
	struct ble_record from = { .type = BLE_RECORD_BOOT };
	uint8_t bytes[BLE_RECORD_MAX];

	cr_expect_eq(ble_record_write(&ble_openssl, &pile, &from, NULL, vector_key("pile"), bytes, 100), -BLE_NO_ROOM);
	cr_expect_eq(pile.next, 1001);
}

Test(record, the_largest_fits_a_place_in_the_store)
{
	struct ble_seal seal = { 1, vector_public("seal"), vector_key("eSeal") };
	struct ble_record from = { .type = BLE_RECORD_END };
	uint8_t bytes[BLE_RECORD_MAX];

	for (unsigned tag = BLE_RECORD_CONNECTOR; tag <= BLE_RECORD_DURATION; tag++)
		from.has |= BLE_HAS(tag);
	cr_expect_leq(ble_record_write(&ble_openssl, &pile, &from, &seal, vector_key("pile"), bytes, sizeof(bytes)),
		      BLE_RECORD_MAX);
	from.has |= BLE_HAS(BLE_RECORD_VALUE);
	cr_expect_gt(ble_record_write(&ble_openssl, &pile, &from, &seal, vector_key("pile"), bytes, sizeof(bytes)), 0);
}

Test(record, without_a_body_there_is_nothing_to_seal)
{
	struct ble_chain own = { .chain = 1, .next = 1 };
	const struct ble_record boot = { .type = BLE_RECORD_BOOT };
	const struct ble_seal seal = { .kid = 2,
				       .public_key = vector_public("seal"),
				       .ephemeral = vector_key("eSeal") };
	struct ble_record read;
	uint8_t at[BLE_RECORD_MAX];
	int size = ble_record_write(&ble_openssl, &own, &boot, &seal, vector_key("pile"), at, sizeof(at));

	cr_assert_gt(size, 0);
	cr_assert_eq(ble_record_read(at, (size_t)size, &read), 0, "what is written can be read");
	cr_assert_not(read.has & BLE_HAS(BLE_RECORD_SEALED));
}

Test(record, a_stranger_reads_no_sealed_one)
{
	struct vector sealed = vector_signed("record_sealed"), again;
	struct ble_seal seal = { 0x20260002, vector_public("seal"), vector_key("eSeal") };
	uint8_t scratch[BLE_RECORD_MAX];
	struct ble_record clear, open;
	int size;

	cr_assert_eq(ble_record_read(record[2].at, record[2].size, &clear), 0);
	cr_assert_eq(ble_record_read(sealed.at, sealed.size, &open), 0);
	cr_expect_not(open.has &
		      (BLE_HAS(BLE_RECORD_SESSION) | BLE_HAS(BLE_RECORD_JTI) | BLE_HAS(BLE_RECORD_METER_WH)));
	cr_expect(open.seq == 1003 && open.type == BLE_RECORD_END, "where it stands in the chain is clear");
	cr_expect_eq(ble_record_open(&ble_openssl, &open, seal.kid, vector_key("eT"), scratch), -BLE_BAD_SEAL);
	cr_expect_eq(ble_record_open(&ble_openssl, &open, 5, vector_key("seal"), scratch), -BLE_UNKNOWN_KEY);
	cr_assert_eq(ble_record_open(&ble_openssl, &open, seal.kid, vector_key("seal"), scratch), 0);
	cr_expect(open.meter_wh == clear.meter_wh && open.session_wh == 7000 && open.amount_minor == 840 &&
		  open.duration_s == 3600);
	cr_expect_arr_eq(open.session, clear.session, 16);

	pile.next = 1003;
	memcpy(pile.head, hash[1], 32);
	size = ble_record_write(&ble_openssl, &pile, &clear, &seal, vector_key("pile"), again.at, VECTOR_MAX);
	cr_assert_eq(size, (int)sealed.size);
	cr_expect_arr_eq(again.at, sealed.at, sealed.size);
}

Test(record, a_body_is_clear_or_sealed_but_not_both_and_not_empty)
{
	struct vector both = vector("records.1.tlv"), empty = vector_signed("record_sealed");
	const size_t header = 99, overhead = 4 + 32 + BLE_TAG_SIZE;

	both.at[both.size] = BLE_RECORD_SEALED;
	both.at[both.size + 2] = (uint8_t)(overhead + 1);
	both.size += 3 + overhead + 1 + BLE_SIG_SIZE;
	cr_expect_eq(ble_record_read(both.at, both.size, &it), -BLE_MALFORMED);

	cr_assert_eq(empty.at[header], BLE_RECORD_SEALED);
	empty.at[header + 2] = (uint8_t)overhead;
	empty.size = header + 3 + overhead + BLE_SIG_SIZE;
	cr_expect_eq(ble_record_read(empty.at, empty.size, &it), -BLE_MALFORMED);
	empty.at[header + 2]++;
	empty.size++;
	cr_expect_eq(ble_record_read(empty.at, empty.size, &it), 0, "one byte of body is enough to read");
}

Test(record, a_clear_one_has_nothing_to_open)
{
	uint8_t scratch[BLE_RECORD_MAX];

	ble_record_read(record[0].at, record[0].size, &it);
	cr_expect_eq(ble_record_open(&ble_openssl, &it, 1, vector_key("seal"), scratch), -BLE_UNEXPECTED);
}

/* ---- what a relay may try -------------------------------------------------------------------- */

Test(judge, in_order)
{
	take(N);
	cr_expect_eq(chain.next, 1004);
	cr_expect_arr_eq(chain.head, hash[2], 32);
}

Test(judge, a_value_changed)
{
	struct vector v = record[2];
	uint8_t *wh = memmem(v.at, v.size, "\x10\4\0\0\x1b\x58", 6);

	take(2);
	cr_assert_not_null(wh);
	memcpy(wh + 2, "\0\0\2\xbc", 4); /* 7000 to 700 */
	cr_expect_eq(judge(&v, &nothing), -BLE_BAD_SIG);
}

Test(judge, every_bit_counts)
{
	take(2);
	for (size_t bit = 0; bit < record[2].size * 8; bit += 3) {
		struct vector v = record[2];
		int r;

		v.at[bit / 8] ^= (uint8_t)(1 << bit % 8);
		r = judge(&v, &nothing);
		cr_assert(r == -BLE_BAD_SIG || r == -BLE_MALFORMED || r == -BLE_UNKNOWN_TAG || r == -BLE_OTHER_PILE ||
				  r == -BLE_UNSUPPORTED,
			  "bit %zu: %s", bit, ble_result_name(r));
	}
}

Test(judge, one_dropped_from_the_middle)
{
	take(1);
	cr_expect_eq(judge(&record[2], &nothing), -BLE_GAP);
	cr_expect_arr_eq(got, hash[2], 32, "a good one all the same, to be kept until the hole closes");
}

Test(judge, out_of_order)
{
	cr_expect_eq(judge(&record[1], &nothing), -BLE_GAP, "nor is the first one lost to us unnoticed");
	cr_expect_eq(judge(&record[0], &nothing), 0);
}

Test(judge, again)
{
	struct ble_neighbours known = { .same = hash[1] };

	take(N);
	cr_expect_eq(judge(&record[1], &known), -BLE_DUPLICATE);
}

Test(judge, another_chain_or_pile)
{
	chain.chain = 2;
	cr_expect_eq(judge(&record[0], &nothing), -BLE_OTHER_PILE);
	chain.chain = 1;
	chain.pile[0] ^= 1;
	cr_expect_eq(judge(&record[0], &nothing), -BLE_OTHER_PILE);
}

Test(judge, signed_by_another_pile)
{
	struct vector v;
	struct ble_record from = { .type = BLE_RECORD_BOOT };

	v.size = (size_t)ble_record_write(&ble_openssl, &pile, &from, NULL, vector_key("holder"), v.at, VECTOR_MAX);
	cr_expect_eq(judge(&v, &nothing), -BLE_BAD_SIG);
}

/* ---- forks: two histories under one key ------------------------------------------------------ */

static struct vector other(int after)
{
	struct ble_record from = { .type = BLE_RECORD_BOOT };

	pile.next = 1001 + (uint64_t)after;
	if (after)
		memcpy(pile.head, hash[after - 1], 32);
	return say(from);
}

Test(judge, the_same_number_with_another_content)
{
	struct ble_neighbours known = { .same = hash[1] };
	struct vector v = other(1);

	take(N);
	cr_expect_eq(judge(&v, &known), -BLE_FORK);
}

Test(judge, another_content_of_one_that_is_held_ahead)
{
	struct ble_neighbours known = { .same = hash[2] };
	struct vector v = other(2);

	take(1);
	cr_expect_eq(judge(&v, &known), -BLE_FORK);
}

Test(judge, a_number_used_again_at_the_end)
{
	struct vector v;

	pile.next = 1002;
	memcpy(pile.head, hash[2], 32);
	v = say((struct ble_record){ .type = BLE_RECORD_BOOT });
	take(N);
	cr_expect_eq(judge(&v, &nothing), -BLE_FORK, "it names the last one as its predecessor, and has an old number");
}

Test(judge, the_next_one_behind_another_history)
{
	struct vector v;

	other(1);
	v = say((struct ble_record){ .type = BLE_RECORD_BOOT }); /* 1003, behind another 1002 */
	take(2);
	cr_expect_eq(judge(&v, &nothing), -BLE_FORK);
}

Test(judge, one_ahead_that_its_known_neighbours_do_not_fit)
{
	struct ble_neighbours before = { .before = hash[1] }, after = { .after = hash[1] };
	struct vector v;

	v = other(1);
	take(1);
	chain.next = 1001; /* nothing of the contiguous part behind 1000, so that 1002 is ahead */
	cr_expect_eq(judge(&v, &after), -BLE_FORK, "1003 is held, and names another one before it");
	v = say((struct ble_record){ .type = BLE_RECORD_BOOT });
	cr_expect_eq(judge(&v, &before), -BLE_FORK, "1002 is held, and it is another");
}

Test(judge, a_second_beginning)
{
	struct vector v;

	pile.next = 2000;
	v = say((struct ble_record){ .type = BLE_RECORD_BOOT });
	take(N);
	cr_expect_eq(judge(&v, &nothing), -BLE_FORK);
}

Test(judge, one_older_than_all_that_there_was)
{
	struct vector v = other(1);

	take(N);
	cr_expect_eq(judge(&v, &nothing), -BLE_FORK, "whoever holds the contiguous part holds all of it");
}

Test(judge, a_stranger_makes_no_fork)
{
	struct ble_neighbours known = { .same = hash[1] };
	struct vector v = other(1);

	v.at[v.size - 1] ^= 1;
	take(N);
	cr_expect_eq(judge(&v, &known), -BLE_BAD_SIG, "or anybody could have a pile put under quarantine");
}

/* ---- meters ---------------------------------------------------------------------------------- */

Test(record, a_meter_does_not_run_backwards)
{
	struct ble_record a = { .has = BLE_HAS(BLE_RECORD_METER_WH) | BLE_HAS(BLE_RECORD_CONNECTOR),
				.meter_wh = 10,
				.connector = 1 },
			  b = a;

	cr_expect_eq(ble_meter_follows(&a, &b), 0);
	b.meter_wh = 9;
	cr_expect_eq(ble_meter_follows(&a, &b), -BLE_METER);
	b.connector = 2;
	cr_expect_eq(ble_meter_follows(&a, &b), 0, "another connector's meter");
}

Test(record, a_sessions_ends_give_its_energy)
{
	struct ble_record start, end;

	ble_record_read(record[0].at, record[0].size, &start);
	ble_record_read(record[2].at, record[2].size, &end);
	cr_expect_eq(ble_session_adds_up(&start, &end), 0);
	end.session_wh = 7001;
	cr_expect_eq(ble_session_adds_up(&start, &end), 0);
	end.session_wh = 7002;
	cr_expect_eq(ble_session_adds_up(&start, &end), -BLE_METER);
	end.session_wh = 6999;
	cr_expect_eq(ble_session_adds_up(&start, &end), 0);
	end.session_wh = 7000;
	end.meter_wh = start.meter_wh - 1;
	cr_expect_eq(ble_session_adds_up(&start, &end), -BLE_METER);
}
