/* Letters: what is signed of them as the vectors have it, believed of whom it is meant to be and of nobody else; and a
 * pile's memory of which it has had. */
#include "vectors.h"

#include <plugins/ble/core/ble_letters.h>

#include <criterion/criterion.h>
#include <string.h>

static const struct ble_crypto *const c = &ble_openssl;
static const uint8_t pile[16] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 };
static uint8_t again[BLE_DOCUMENT_MAX];
static struct vector v;

/* ---- what is signed -------------------------------------------------------------------------- */

static int check_letter(const uint8_t of[16], struct ble_letter *ret)
{
	struct ble_keyset keys = vector_keyset();

	return ble_letter_check(c, &keys, of, v.at, v.size, ret);
}

Test(letters, one_to_a_pile)
{
	struct ble_letter it;

	v = vector_signed("letter");
	cr_assert_eq(check_letter(pile, &it), 0);
	cr_expect(it.number == 12 && it.size == vector("letter_bytes").size && it.kind == 7);
	cr_assert_eq(ble_letter_write(c, &it, vector_key("cloud"), again, sizeof(again)), (int)v.size);
	cr_expect_arr_eq(again, v.at, v.size);
}

Test(letters, one_to_a_pile_is_the_clouds_and_for_that_pile)
{
	uint8_t other[16] = { 9 };
	struct ble_letter it;

	v = vector_signed("letter");
	cr_expect_eq(check_letter(other, &it), -BLE_OTHER_PILE);
	for (size_t i = 0; i < v.size; i++) {
		v.at[i] ^= 1;
		cr_expect_lt(check_letter(pile, &it), 0, "byte %zu", i);
		v.at[i] ^= 1;
	}
	v = vector_signed("letter");
	cr_assert_eq(ble_letter_read(v.at, v.size, &it), 0);
	v.size = (size_t)ble_letter_write(c, &it, vector_key("holder"), v.at, sizeof(v.at));
	cr_expect_eq(check_letter(pile, &it), -BLE_BAD_SIG, "a courier cannot write one");
}

Test(letters, one_of_a_pile_is_signed_by_it)
{
	struct ble_own_letter it;

	v = vector_signed("own_letter");
	cr_assert_eq(ble_own_letter_check(c, vector_public("pile"), v.at, v.size, &it), 0);
	cr_expect(it.box == 0xb0c5 && it.number == 3 && it.kind == 8);
	cr_assert_eq(ble_own_letter_write(c, &it, vector_key("pile"), again, sizeof(again)), (int)v.size);
	cr_expect_arr_eq(again, v.at, v.size);
	cr_expect_eq(ble_own_letter_check(c, vector_public("holder"), v.at, v.size, &it), -BLE_BAD_SIG);
}

Test(letters, a_box_says_what_was_had_and_where_to_go_on)
{
	struct ble_letter_box it;

	v = vector_signed("letter_box");
	cr_assert_eq(ble_letter_box_check(c, vector_public("pile"), v.at, v.size, &it), 0);
	cr_expect(it.number == 12 && it.have == 1024 && it.written == 3 && it.receipted == 2);
	cr_expect(ble_letters_had(&it.had, 11) && ble_letters_had(&it.had, 10) && !ble_letters_had(&it.had, 9) &&
		  ble_letters_had(&it.had, 8));
	cr_assert_eq(ble_letter_box_write(c, &it, vector_key("pile"), again, sizeof(again)), (int)v.size);
	cr_expect_arr_eq(again, v.at, v.size);
	v.at[20] ^= 1;
	cr_expect_eq(ble_letter_box_check(c, vector_public("pile"), v.at, v.size, &it), -BLE_BAD_SIG);
}

Test(letters, a_receipt_is_the_clouds)
{
	struct ble_keyset keys = vector_keyset();
	struct ble_letter_receipt it;
	uint8_t other[16] = { 9 };

	v = vector_signed("letter_receipt");
	cr_assert_eq(ble_letter_receipt_check(c, &keys, pile, v.at, v.size, &it), 0);
	cr_expect(it.box == 0xb0c5 && it.upto == 2);
	cr_assert_eq(ble_letter_receipt_write(c, &it, vector_key("cloud"), again, sizeof(again)), (int)v.size);
	cr_expect_arr_eq(again, v.at, v.size);
	cr_expect_eq(ble_letter_receipt_check(c, &keys, other, v.at, v.size, &it), -BLE_OTHER_PILE);
	v.size = (size_t)ble_letter_receipt_write(c, &it, vector_key("pile"), v.at, sizeof(v.at));
	cr_expect_eq(ble_letter_receipt_check(c, &keys, pile, v.at, v.size, &it), -BLE_BAD_SIG);
}

/* ---- messages -------------------------------------------------------------------------------- */

static void there_and_back(const char *path, enum ble_type type, struct ble_courier *ret)
{
	struct ble_frame f;
	int size;

	v = vector(path);
	cr_assert_eq(ble_frame_read(v.at, v.size, &f), 0, "%s", path);
	cr_expect_eq(f.type, type, "%s", path);
	cr_assert_eq(ble_courier_read(f.body.at, f.body.size, ret), 0, "%s", path);
	size = ble_courier_write(ret, again, sizeof(again));
	cr_assert_eq(size, (int)f.body.size, "%s", path);
	cr_expect_arr_eq(again, f.body.at, f.body.size, "%s", path);
}

Test(letters, what_couriers_say)
{
	struct ble_courier it;

	there_and_back("frames.courier_get", BLE_COURIER_GET, &it);
	cr_expect(it.number == 12 && it.offset == 1024 && memcmp(it.pile, pile, 16) == 0);
	there_and_back("frames.courier_piece", BLE_COURIER, &it);
	cr_expect(it.cover.size && it.bytes.size && !it.box.size);
	there_and_back("frames.courier_own", BLE_COURIER, &it);
	cr_expect(it.cover.size && it.bytes.size && it.box.size);
	there_and_back("frames.courier_receipt", BLE_COURIER, &it);
	cr_expect_eq(it.receipt.size, vector_signed("letter_receipt").size);
}

Test(letters, a_piece_is_no_longer_than_it_may_be)
{
	static uint8_t bytes[BLE_LETTER_PIECE + 1], body[BLE_DOCUMENT_MAX];
	struct ble_courier it = { .has = BLE_HAS(BLE_COURIER_BYTES), .bytes = { bytes, BLE_LETTER_PIECE + 1 } };

	cr_expect_eq(ble_courier_write(&it, body, sizeof(body)), -BLE_TOO_LONG);
	it.bytes.size = BLE_LETTER_PIECE;
	cr_expect_gt(ble_courier_write(&it, body, sizeof(body)), 0);
}

/* ---- which a pile has had -------------------------------------------------------------------- */

Test(letters, each_number_comes_once_in_whatever_order)
{
	static const uint64_t order[] = { 3, 1, 2, 70, 8, 69, 71, 133 };
	struct ble_letters_had had = { 0 };

	cr_expect_not(ble_letters_may_come(&had, 0));
	for (size_t i = 0; i < sizeof(order) / sizeof(*order); i++) {
		cr_assert(ble_letters_may_come(&had, order[i]), "%lu", (unsigned long)order[i]);
		ble_letters_take(&had, order[i]);
		cr_expect(ble_letters_had(&had, order[i]));
		cr_expect_not(ble_letters_may_come(&had, order[i]), "not a second time");
	}
	cr_expect(ble_letters_had(&had, 70) && ble_letters_had(&had, 71) && !ble_letters_had(&had, 72));
}

Test(letters, what_is_too_old_to_be_known_does_not_come)
{
	struct ble_letters_had had = { 0 };

	ble_letters_take(&had, 100);
	cr_expect(ble_letters_may_come(&had, 36) && !ble_letters_may_come(&had, 35));
	ble_letters_take(&had, 36);
	ble_letters_take(&had, 101);
	cr_expect_not(ble_letters_had(&had, 36), "it is forgotten,");
	cr_expect_not(ble_letters_may_come(&had, 36), "and does not come again");
}
