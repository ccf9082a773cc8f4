/* Letters at a pile: whole, once, what the cloud signed, whoever brings them and whatever breaks in between; and the
 * pile's own stay until the cloud has them. */
#include "board.h"

#include <criterion/criterion.h>
#include <string.h>

#define SIZE 20000u /* of the letters here: 20 pieces */

static const struct ble_crypto *const c = &ble_openssl;
static struct board b;
static uint8_t bytes[BOARD_LETTER_MAX];

TestSuite(mail, .timeout = 120);

static uint32_t kid(void)
{
	struct ble_keyset keys = vector_keyset();

	return (uint32_t)keys.receipt_key[0] << 24 | (uint32_t)keys.receipt_key[1] << 16 |
	       (uint32_t)keys.receipt_key[2] << 8 | keys.receipt_key[3];
}

/* What the cloud signs of a letter of `size` bytes. */
static struct vector cover(uint64_t number, uint32_t size)
{
	struct ble_letter it = { .number = number, .size = size, .kind = 7, .expires = UINT32_MAX, .kid = kid() };
	struct vector v;

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 31 + i / 256 + number);
	memcpy(it.pile, board_id, 16);
	cr_assert_eq(c->sha256(c->user, bytes, size, it.hash), 0);
	v.size = (size_t)ble_letter_write(c, &it, vector_key("cloud"), v.at, sizeof(v.at));
	return v;
}

static void enter(void)
{
	cr_assert_eq(board_visit(&b, NULL), 0, "any holder may bring");
}

/* Says a COURIER; the result, and in `ret` how much the pile has. -BLE_CLOSED: there was no answer. */
static int put(const struct ble_courier *courier, uint32_t *ret)
{
	uint8_t body[BLE_DOCUMENT_MAX];
	struct ble_answer answer;
	int size = ble_courier_write(courier, body, sizeof(body));

	cr_assert_gt(size, 0);
	if (board_say(&b, BLE_COURIER, body, (size_t)size) != BLE_PUT_RES)
		return -BLE_CLOSED;
	cr_assert_eq(ble_answer_read(b.heard.body.at, b.heard.body.size, &answer), 0);
	if (ret)
		*ret = (uint32_t)answer.seq;
	return -answer.result;
}

static int piece(uint64_t number, const struct vector *signed_, uint32_t offset, uint32_t size, uint32_t *ret)
{
	struct ble_courier it = { .has = BLE_HAS(BLE_COURIER_NUMBER) | BLE_HAS(BLE_COURIER_OFFSET) |
					 BLE_HAS(BLE_COURIER_BYTES),
				  .number = number,
				  .offset = offset };
	uint32_t left = size - offset;

	it.bytes = (struct ble_bytes){ bytes + offset, left < BLE_LETTER_PIECE ? left : BLE_LETTER_PIECE };
	if (signed_) {
		it.has |= BLE_HAS(BLE_COURIER_COVER);
		it.cover = (struct ble_bytes){ signed_->at, signed_->size };
	}
	return put(&it, ret);
}

static struct ble_letter_box box(uint64_t behind, struct ble_courier *ret)
{
	struct ble_courier ask = { .has = BLE_HAS(BLE_COURIER_NUMBER), .number = behind };
	struct ble_letter_box it;
	uint8_t body[64];
	int size = ble_courier_write(&ask, body, sizeof(body));

	cr_assert_eq(board_say(&b, BLE_COURIER_GET, body, (size_t)size), BLE_COURIER);
	cr_assert_eq(ble_courier_read(b.heard.body.at, b.heard.body.size, ret), 0);
	cr_assert_eq(ble_letter_box_check(c, vector_public("pile"), ret->box.at, ret->box.size, &it), 0);
	return it;
}

/* A courier who does as he should: from where the pile is, until it is whole, or the pile is gone. */
static int bring(uint64_t number, uint32_t size, unsigned pieces)
{
	struct vector v = cover(number, size);
	struct ble_courier courier;
	struct ble_letter_box it = box(0, &courier);
	uint32_t at = it.number == number ? it.have : 0;
	int r = 0;

	for (bool first = true; pieces-- && r == 0; first = false) {
		r = piece(number, first ? &v : NULL, at, size, &at);
		if (r == 0 && at == 0)
			break; /* whole */
	}
	return r;
}

static void check_told(uint64_t number, uint32_t size)
{
	cr_assert_eq(b.told.number, number);
	cr_assert_eq(b.told.size, size);
	cr_assert_eq(b.told.kind, 7);
	cr_assert_arr_eq(b.letter, bytes, size);
}

Test(mail, one_is_whole_and_told_once)
{
	struct ble_courier courier;
	struct vector v;

	board_init(&b);
	enter();
	cr_assert_eq(bring(1, SIZE, 100), 0);
	check_told(1, SIZE);
	cr_assert(ble_letters_had(&(struct ble_letters_had){ box(0, &courier).had.top, 0 }, 1));
	v = cover(1, SIZE);
	cr_assert_eq(piece(1, &v, 0, SIZE, NULL), -BLE_STALE, "brought again it is not taken again");
	cr_assert_eq(b.letters, 1);
}

Test(mail, a_cut_link_loses_nothing_that_was_brought)
{
	board_init(&b);
	for (unsigned visit = 0; visit < 20 && !b.letters; visit++) {
		struct ble_courier courier;
		uint32_t before;

		enter();
		before = box(0, &courier).have;
		cr_assert_eq(before, visit * 3 * BLE_LETTER_PIECE);
		bring(5, SIZE, 3);
		board_leave(&b);
	}
	check_told(5, SIZE);
	cr_assert_eq(b.letters, 1);
}

Test(mail, whatever_write_the_power_goes_in_it_comes_whole_in_the_end)
{
	unsigned writes = 0;

	for (unsigned cut = 1; cut == 1 || cut <= writes; cut++) {
		board_init(&b);
		b.writes = 0;
		b.cut_at = cut;
		for (unsigned visit = 0; visit < 6 && b.told.number != 3; visit++) {
			enter();
			bring(3, SIZE, 100);
			board_leave(&b);
			writes = cut == 1 && !b.dead ? b.writes + 3 : writes;
			if (b.dead)
				cr_assert_eq(board_boot(&b), 0);
		}
		check_told(3, SIZE);
		cr_assert_leq(b.told.times, 2, "told again only where the power went before it was kept");
		b.cut_at = 0;
		enter();
		cr_assert(bring(3, SIZE, 100) == -BLE_STALE || b.told.times == 2, "cut %u", cut);
		check_told(3, SIZE);
	}
	cr_assert_gt(writes, 20);
}

Test(mail, other_bytes_than_those_that_were_signed_begin_it_again)
{
	struct vector v = cover(1, SIZE);
	uint32_t at = 0;
	int r = 0;

	board_init(&b);
	enter();
	bytes[9000] ^= 1; /* by a courier who wants another image in the pile */
	for (bool first = true; r == 0; first = false)
		r = piece(1, first ? &v : NULL, at, SIZE, &at);
	cr_assert_eq(r, -BLE_BAD_CRC);
	cr_assert_eq(at, 0);
	cr_assert_eq(b.letters, 0);
	cr_assert_eq(bring(1, SIZE, 100), 0, "the next courier is honest");
	check_told(1, SIZE);
}

Test(mail, nothing_is_taken_that_the_cloud_did_not_sign)
{
	struct ble_letter forged;
	struct vector v = cover(1, SIZE);

	board_init(&b);
	enter();
	cr_assert_eq(ble_letter_read(v.at, v.size, &forged), 0);
	v.size = (size_t)ble_letter_write(c, &forged, vector_key("holder"), v.at, sizeof(v.at));
	cr_expect_eq(piece(1, &v, 0, SIZE, NULL), -BLE_BAD_SIG);
	forged.pile[0] ^= 1;
	v.size = (size_t)ble_letter_write(c, &forged, vector_key("cloud"), v.at, sizeof(v.at));
	cr_expect_eq(piece(1, &v, 0, SIZE, NULL), -BLE_OTHER_PILE);
	forged.pile[0] ^= 1;
	forged.expires = 1;
	v.size = (size_t)ble_letter_write(c, &forged, vector_key("cloud"), v.at, sizeof(v.at));
	cr_expect_eq(piece(1, &v, 0, SIZE, NULL), -BLE_EXPIRED);
	forged.expires = UINT32_MAX;
	forged.size = BOARD_LETTER_MAX + 1;
	v.size = (size_t)ble_letter_write(c, &forged, vector_key("cloud"), v.at, sizeof(v.at));
	cr_expect_eq(piece(1, &v, 0, SIZE, NULL), -BLE_TOO_LONG);
	cr_expect_eq(piece(1, NULL, 0, SIZE, NULL), -BLE_NOT_ALLOWED, "bytes of nothing");
	cr_expect_eq(b.letters, 0);
}

Test(mail, a_piece_that_is_not_the_next_is_answered_with_where_to_go_on)
{
	struct vector v = cover(1, SIZE);
	uint32_t at = 0;

	board_init(&b);
	enter();
	cr_assert_eq(piece(1, &v, 0, SIZE, &at), 0);
	cr_assert_eq(at, BLE_LETTER_PIECE);
	cr_assert_eq(piece(1, NULL, 5 * BLE_LETTER_PIECE, SIZE, &at), -BLE_GAP);
	cr_assert_eq(at, BLE_LETTER_PIECE);
	cr_assert_eq(piece(1, NULL, 0, SIZE, &at), -BLE_GAP, "doubled");
	cr_assert_eq(at, BLE_LETTER_PIECE);
}

Test(mail, one_in_hand_is_waited_for_and_then_gives_way)
{
	struct vector v = cover(2, SIZE);

	board_init(&b);
	enter();
	bring(1, SIZE, 3);
	cr_expect_eq(piece(2, &v, 0, SIZE, NULL), -BLE_BUSY);
	board_leave(&b);
	board_pass(&b, BLE_PILE_LETTER_WAIT_MS / 1000 + 1);
	enter();
	cr_expect_eq(bring(2, SIZE, 100), 0);
	check_told(2, SIZE);
	cr_expect_eq(bring(1, SIZE, 100), 0, "the one that gave way comes from its beginning");
	check_told(1, SIZE);
}

/* ---- its own --------------------------------------------------------------------------------- */

static int receipt(uint32_t of, uint64_t upto, const char *key)
{
	struct ble_letter_receipt it = { .box = of, .upto = upto, .kid = kid() };
	struct ble_courier courier = { .has = BLE_HAS(BLE_COURIER_RECEIPT) };
	static struct vector v;

	memcpy(it.pile, board_id, 16);
	v.size = (size_t)ble_letter_receipt_write(c, &it, vector_key(key), v.at, sizeof(v.at));
	courier.receipt = (struct ble_bytes){ v.at, v.size };
	return put(&courier, NULL);
}

Test(mail, its_own_stay_until_the_cloud_has_them)
{
	struct ble_courier courier;
	struct ble_own_letter own;
	struct ble_letter_box it;
	uint8_t advertised[BLE_PILE_ADVERTISED_SIZE];

	board_init(&b);
	for (unsigned i = 1; i <= BLE_PILE_OWN_LETTERS; i++)
		cr_assert_eq(ble_pile_write_letter(&b.pile, i, "letter", i), 0);
	cr_assert_eq(ble_pile_write_letter(&b.pile, 9, "letter", 6), -BLE_NO_ROOM);
	ble_pile_advertised(&b.pile, advertised);
	cr_assert(advertised[1] & 32, "whoever passes may see that there are some");
	board_boot(&b);
	enter();
	for (uint64_t i = 1; i <= BLE_PILE_OWN_LETTERS; i++) {
		it = box(i - 1, &courier);
		cr_assert_eq(courier.number, i);
		cr_assert_eq(ble_own_letter_check(c, vector_public("pile"), courier.cover.at, courier.cover.size, &own),
			     0);
		cr_assert(own.number == i && own.kind == i && own.box == it.box && courier.bytes.size == i);
	}
	it = box(BLE_PILE_OWN_LETTERS, &courier);
	cr_assert_eq(courier.cover.size, 0, "that were all");
	cr_expect_eq(receipt(it.box, 2, "holder"), -BLE_BAD_SIG);
	cr_expect_eq(receipt(it.box + 1, 2, "cloud"), -BLE_STALE);
	cr_expect_eq(receipt(it.box, 99, "cloud"), -BLE_STALE, "for what it has not written");
	box(0, &courier);
	cr_assert_eq(courier.number, 1, "no courier lets it forget one");
	cr_expect_eq(receipt(it.box, 3, "cloud"), 0);
	board_boot(&b);
	enter();
	box(0, &courier);
	cr_assert_eq(courier.number, 4);
	cr_assert_eq(ble_pile_write_letter(&b.pile, 9, "letter", 6), 0);
}

Test(mail, a_letter_may_be_answered)
{
	struct ble_courier courier;

	board_init(&b);
	b.answers = true;
	enter();
	cr_assert_eq(bring(1, SIZE, 100), 0);
	box(0, &courier);
	cr_assert_eq(courier.bytes.size, 4);
	cr_assert_arr_eq(courier.bytes.at, "done", 4);
}

Test(mail, a_pile_that_takes_none_says_so)
{
	struct vector v = cover(1, SIZE);
	uint8_t body[16];
	struct ble_courier ask = { .has = BLE_HAS(BLE_COURIER_NUMBER) };
	int size = ble_courier_write(&ask, body, sizeof(body));

	board_init(&b);
	b.config.letter_max = 0;
	board_boot(&b);
	enter();
	cr_expect_eq(piece(1, &v, 0, SIZE, NULL), -BLE_UNSUPPORTED);
	cr_expect_eq(board_say(&b, BLE_COURIER_GET, body, (size_t)size), BLE_PUT_RES);
	cr_expect_eq(ble_pile_write_letter(&b.pile, 1, "x", 1), -BLE_UNSUPPORTED);
}

/* ---- its own line ---------------------------------------------------------------------------- */

/* The cloud's end: offers the letter, gives the pieces that are asked for, and hears what the pile says. */
static unsigned serve(uint64_t number, uint32_t size, bool *ret_had, unsigned *ret_own)
{
	struct vector v = cover(number, size);
	uint8_t body[BLE_DOCUMENT_MAX];
	struct ble_courier offer = { .has = BLE_HAS(BLE_COURIER_COVER), .cover = { v.at, v.size } }, it;
	const uint8_t ok[] = { 1, 1, 0 };
	struct ble_letter_box said;
	struct ble_frame f;
	unsigned pieces = 0;
	int n = ble_courier_write(&offer, body, sizeof(body));

	cr_assert_eq(board_uplink_say(&b, BLE_COURIER, 100, body, (size_t)n), 0);
	while (board_uplink_next(&b, &f) == 1) {
		if (f.type != BLE_COURIER && f.type != BLE_COURIER_GET) {
			if (f.type != BLE_PUT_RES)
				cr_assert_eq(board_uplink_say(&b, BLE_PUT_RES, f.counter, ok, sizeof(ok)), 0);
			continue;
		}
		cr_assert_eq(ble_courier_read(f.body.at, f.body.size, &it), 0);
		if (f.type == BLE_COURIER) {
			*ret_own += it.cover.size > 0;
			if (it.box.size &&
			    ble_letter_box_check(c, vector_public("pile"), it.box.at, it.box.size, &said) == 0)
				*ret_had |= ble_letters_had(&said.had, number);
			cr_assert_eq(board_uplink_say(&b, BLE_PUT_RES, f.counter, ok, sizeof(ok)), 0);
			continue;
		}
		cr_assert_eq(it.number, number);
		it.has = BLE_HAS(BLE_COURIER_NUMBER) | BLE_HAS(BLE_COURIER_OFFSET) | BLE_HAS(BLE_COURIER_BYTES);
		it.bytes = (struct ble_bytes){ bytes + it.offset, size - it.offset < BLE_LETTER_PIECE
									  ? size - it.offset
									  : BLE_LETTER_PIECE };
		n = ble_courier_write(&it, body, sizeof(body));
		cr_assert_eq(board_uplink_say(&b, BLE_COURIER, f.counter, body, (size_t)n), 0);
		pieces++;
	}
	return pieces;
}

Test(mail, by_its_own_line_it_fetches_one_to_its_end_and_says_so)
{
	bool had = false;
	unsigned own = 0;

	board_init(&b);
	b.answers = true;
	enter();
	bring(1, SIZE, 5);
	board_leave(&b);
	board_uplink_online(&b);
	cr_assert_eq(serve(1, SIZE, &had, &own), 15, "what a courier has brought is not fetched again");
	check_told(1, SIZE);
	cr_assert(had);
	cr_assert_eq(own, 1, "its own letter goes the same way");
	own = 0;
	cr_assert_eq(serve(1, SIZE, &had, &own), 0);
	cr_assert_eq(b.letters, 1);
}
