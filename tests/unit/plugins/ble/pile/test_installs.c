/* Images at a pile: verified when they are whole, installed when nobody uses it, once; and what became of each is said
 * in a letter. */
#include "board.h"

#include <criterion/criterion.h>
#include <string.h>

#define SIZE 3000u /* of the bytes behind the head */

static const struct ble_crypto *const c = &ble_openssl;
static struct board b;
static uint8_t keys[2][32];
/* What its makers make of the next image. */
static struct ble_image image;
static unsigned signers;
static uint8_t file[BOARD_LETTER_MAX];
static size_t file_size;

static void setup(void)
{
	memcpy(keys[0], vector_public("holder"), 32);
	memcpy(keys[1], vector_public("cloud"), 32);
	board_init(&b);
	b.config.counter = 4;
	memcpy(b.config.hardware, "rev-b", 5);
	b.config.makers = (struct ble_makers){ (const uint8_t(*)[32])keys, 2, 2 };
	cr_assert_eq(board_boot(&b), 0);
	signers = 2;
	image = (struct ble_image){ .format = BLE_VERSION, .counter = 5, .size = SIZE, .version = 2 };
	memcpy(image.hardware, "rev-b", 5);
}
TestSuite(installs, .init = setup, .timeout = 60);

static void make_file(void)
{
	static const char *const people[] = { "holder", "cloud" };
	uint8_t fields[BLE_IMAGE_FIELDS_MAX], signatures[2][BLE_IMAGE_SIGNED_BY], bytes[SIZE];
	int size, head;

	for (size_t i = 0; i < SIZE; i++)
		bytes[i] = (uint8_t)(i * 7);
	cr_assert_eq(c->sha256(c->user, bytes, SIZE, image.hash), 0);
	size = ble_image_write(&image, fields, sizeof(fields));
	for (unsigned i = 0; i < signers; i++)
		ble_image_sign(c, fields, (size_t)size, keys[i], vector_key(people[i]), signatures[i]);
	head = ble_image_head(fields, (size_t)size, (const uint8_t(*)[BLE_IMAGE_SIGNED_BY])signatures, signers, file,
			      sizeof(file));
	cr_assert_gt(head, 0);
	memcpy(file + head, bytes, SIZE);
	file_size = (size_t)head + SIZE;
}

/* The file as a letter of this number, to its last piece. The visit is over behind it. */
static void bring(uint64_t number)
{
	struct ble_keyset keyset = vector_keyset();
	struct ble_letter letter = {
		.number = number, .size = (uint32_t)file_size, .kind = BLE_LETTER_FIRMWARE, .expires = UINT32_MAX
	};
	struct vector cover;
	struct ble_answer answer = { 0 };

	for (size_t i = 0; i < 4; i++)
		letter.kid = letter.kid << 8 | keyset.receipt_key[i];
	memcpy(letter.pile, board_id, 16);
	cr_assert_eq(c->sha256(c->user, file, file_size, letter.hash), 0);
	cover.size = (size_t)ble_letter_write(c, &letter, vector_key("cloud"), cover.at, sizeof(cover.at));
	cr_assert_eq(board_visit(&b, NULL), 0);
	for (uint32_t at = 0; at < file_size; at += BLE_LETTER_PIECE) {
		struct ble_courier it = { .has = BLE_HAS(BLE_COURIER_NUMBER) | BLE_HAS(BLE_COURIER_OFFSET) |
						 BLE_HAS(BLE_COURIER_BYTES),
					  .number = number,
					  .offset = at };
		uint8_t body[BLE_DOCUMENT_MAX];
		size_t left = file_size - at;
		int size;

		it.bytes = (struct ble_bytes){ file + at, left < BLE_LETTER_PIECE ? left : BLE_LETTER_PIECE };
		if (at == 0) {
			it.has |= BLE_HAS(BLE_COURIER_COVER);
			it.cover = (struct ble_bytes){ cover.at, cover.size };
		}
		size = ble_courier_write(&it, body, sizeof(body));
		cr_assert_eq(board_say(&b, BLE_COURIER, body, (size_t)size), BLE_PUT_RES);
		cr_assert_eq(ble_answer_read(b.heard.body.at, b.heard.body.size, &answer), 0);
		cr_assert_eq(answer.result, 0, "%s", ble_result_name(answer.result));
	}
	board_leave(&b);
}

/* The i-th letter that the pile has written, from 1 on. */
static struct ble_image_said said(uint64_t i)
{
	const struct ble_pile_own *own = &b.pile.mail.own[i % BLE_PILE_OWN_LETTERS];
	struct ble_image_said it = { 0 };

	cr_assert_leq(i, b.pile.mail.written, "it has written %lu letters", (unsigned long)b.pile.mail.written);
	cr_assert_eq(own->kind, BLE_LETTER_FIRMWARE_SAID);
	cr_assert_eq(ble_image_said_read(own->bytes, own->size, &it), 0);
	return it;
}

static void expect_said(uint64_t i, enum ble_image_step step, int result)
{
	struct ble_image_said it = said(i);

	cr_expect_eq(it.step, step, "letter %lu says step %u", (unsigned long)i, it.step);
	cr_expect_eq(-it.result, result, "letter %lu says %s", (unsigned long)i, ble_result_name(it.result));
}

/* The hardware boots with what it was given. */
static void boot_new(void)
{
	b.config.firmware = b.installed.version;
	b.config.counter = b.installed.counter;
	cr_assert_eq(board_boot(&b), 0);
}

Test(installs, an_image_for_an_idle_pile_is_installed_and_told)
{
	uint8_t info[BLE_PILE_INFO_SIZE];

	make_file();
	bring(1);
	cr_assert_eq(b.installs, 0, "not while its courier is there");
	board_pass(&b, 1);
	cr_assert_eq(b.installs, 1);
	cr_assert_arr_eq(b.letter + b.installed_from, file + file_size - SIZE, SIZE);
	boot_new();
	board_pass(&b, 5);
	cr_assert_eq(b.installs, 1, "once");
	expect_said(1, BLE_IMAGE_WAITS, 0);
	expect_said(2, BLE_IMAGE_INSTALLING, 0);
	expect_said(3, BLE_IMAGE_INSTALLED, 0);
	cr_expect_eq(said(3).firmware, 2);
	cr_expect_eq(said(3).number, 1);
	ble_pile_info(&b.pile, info);
	cr_expect_eq(info[BLE_PILE_INFO_SIZE - 1], 2);
}

Test(installs, it_waits_until_the_session_is_over)
{
	struct vector v = board_voucher(1);
	struct ble_answer answer;

	make_file();
	cr_assert_eq(board_visit(&b, &v), 0);
	cr_assert_eq(board_start(&b, 1, &answer), 0);
	board_leave(&b);
	bring(1);
	board_pass(&b, 30);
	cr_assert_eq(b.installs, 0);
	cr_assert_eq(ble_pile_unplugged(&b.pile, 1, b.now_ms), 0);
	board_pass(&b, 1);
	cr_assert_eq(b.installs, 1);
}

/* Whichever comes first wins, and the other waits or is refused. */
Test(installs, of_a_start_and_an_installation_one_wins)
{
	struct vector v = board_voucher(1);
	struct ble_answer answer;

	make_file();
	bring(1);
	cr_assert_eq(board_visit(&b, &v), 0);
	board_pass(&b, 5);
	cr_assert_eq(b.installs, 0, "somebody stands there, who may start");
	cr_assert_eq(board_start(&b, 1, &answer), 0);
	cr_assert_eq(board_stop(&b, 1, &answer), 0);
	board_leave(&b);
	board_pass(&b, 1);
	cr_assert_eq(b.installs, 1);
	v = board_voucher(2);
	cr_assert_eq(board_visit(&b, &v), 0);
	cr_assert_eq(board_start(&b, 2, &answer), -BLE_BUSY, "until it has booted");
	board_leave(&b);
	boot_new();
	cr_assert_eq(board_visit(&b, &v), 0);
	cr_assert_eq(board_start(&b, 2, &answer), 0, "the voucher is still good");
}

static void expect_refused(int result)
{
	make_file();
	bring(1);
	board_pass(&b, 5);
	cr_expect_eq(b.installs, 0);
	expect_said(1, BLE_IMAGE_REFUSED, result);
}

Test(installs, one_for_other_hardware_is_refused)
{
	image.hardware[4] = 'c';
	expect_refused(-BLE_OTHER_PILE);
}

Test(installs, one_that_is_not_newer_is_refused)
{
	image.counter = 4;
	expect_refused(-BLE_STALE);
}

Test(installs, one_with_too_few_signatures_is_refused)
{
	signers = 1;
	expect_refused(-BLE_BAD_SIG);
}

Test(installs, one_with_fewer_bytes_than_are_signed_is_refused)
{
	image.size = SIZE + 1;
	expect_refused(-BLE_MALFORMED);
}

Test(installs, other_bytes_than_the_makers_signed_are_refused_though_the_cloud_signed_the_letter)
{
	make_file();
	file[file_size - 1] ^= 1;
	bring(1);
	board_pass(&b, 5);
	cr_expect_eq(b.installs, 0);
	expect_said(1, BLE_IMAGE_REFUSED, -BLE_BAD_CRC);
	make_file();
	bring(2);
	board_pass(&b, 1);
	cr_expect_eq(b.installs, 1, "the next one is good");
}

Test(installs, what_lies_there_is_verified_again_before_it_is_installed)
{
	struct vector v = board_voucher(1);

	make_file();
	bring(1);
	cr_assert_eq(board_visit(&b, &v), 0);
	b.letter[file_size - 1] ^= 1;
	board_leave(&b);
	board_pass(&b, 1);
	cr_expect_eq(b.installs, 0);
	expect_said(2, BLE_IMAGE_REFUSED, -BLE_BAD_CRC);
}

Test(installs, no_letter_writes_over_an_image_that_waits)
{
	struct vector v = board_voucher(1);
	struct ble_letter letter = { .number = 2, .size = 10, .kind = 7, .expires = UINT32_MAX };
	struct ble_keyset keyset = vector_keyset();
	struct ble_courier it = { .has = BLE_HAS(BLE_COURIER_COVER) };
	struct ble_answer answer;
	uint8_t body[BLE_DOCUMENT_MAX];
	struct vector cover;
	int size;

	make_file();
	bring(1);
	for (size_t i = 0; i < 4; i++)
		letter.kid = letter.kid << 8 | keyset.receipt_key[i];
	memcpy(letter.pile, board_id, 16);
	cover.size = (size_t)ble_letter_write(c, &letter, vector_key("cloud"), cover.at, sizeof(cover.at));
	it.cover = (struct ble_bytes){ cover.at, cover.size };
	cr_assert_eq(board_visit(&b, &v), 0);
	size = ble_courier_write(&it, body, sizeof(body));
	cr_assert_eq(board_say(&b, BLE_COURIER, body, (size_t)size), BLE_PUT_RES);
	cr_assert_eq(ble_answer_read(b.heard.body.at, b.heard.body.size, &answer), 0);
	cr_expect_eq(answer.result, BLE_BUSY);
}

Test(installs, one_that_boots_with_the_old_version_is_tried_once_more_and_then_told)
{
	make_file();
	bring(1);
	board_pass(&b, 1);
	for (unsigned i = 1; i <= BLE_PILE_INSTALLS; i++) {
		cr_assert_eq(b.installs, i);
		cr_assert_eq(board_boot(&b), 0);
		board_pass(&b, 5);
	}
	cr_expect_eq(b.installs, BLE_PILE_INSTALLS);
	expect_said(3, BLE_IMAGE_FAILED, -BLE_NOT_ALLOWED);
}

Test(installs, hardware_that_does_not_take_it_is_told)
{
	make_file();
	b.install_result = -BLE_STORE_FULL;
	bring(1);
	board_pass(&b, 5);
	cr_expect_eq(b.installs, 1);
	expect_said(3, BLE_IMAGE_FAILED, -BLE_STORE_FULL);
	cr_expect_not(b.pile.installing, "and the pile goes on");
}

Test(installs, a_power_loss_before_it_forgets_nothing)
{
	struct vector v = board_voucher(1);

	make_file();
	bring(1);
	cr_assert_eq(board_visit(&b, &v), 0);
	cr_assert_eq(board_boot(&b), 0);
	board_pass(&b, 1);
	cr_expect_eq(b.installs, 1);
}

Test(installs, a_pile_without_makers_takes_none_and_says_so)
{
	b.config.makers.n = 0;
	cr_assert_eq(board_boot(&b), 0);
	make_file();
	bring(1);
	board_pass(&b, 5);
	cr_expect_eq(b.installs, 0);
	expect_said(1, BLE_IMAGE_REFUSED, -BLE_UNSUPPORTED);
}
