/* Letters in the cloud: queued for a pile, offered to whoever fetches for it, delivered when the pile says so by its
 * own signature; and piles' own, once, whoever brings them and however often. */
#include "rig.h"

#include <plugins/ble/core/ble_letters.h>

#define DELIVERED "galvan.ble.v1.LetterDelivered"
#define EXPIRED "galvan.ble.v1.LetterExpired"
#define RECEIVED "galvan.ble.v1.LetterReceived"
#define LETTERS "galvan.ble.v1.Letters/"
#define SIZE 3000u

static const struct ble_crypto *const c = &ble_openssl;
static uint8_t bytes_of[SIZE];
static uint8_t body[BLE_DOCUMENT_MAX];

static void setup(void)
{
	rig_start(NULL);
	for (size_t i = 0; i < SIZE; i++)
		bytes_of[i] = (uint8_t)(i * 5);
}
TestSuite(letters, .init = setup, .fini = rig_stop);

static const char *base64_of(const uint8_t *data, size_t size)
{
	static char out[SIZE * 4 / 3 + 8];
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t at = 0;

	cr_assert_eq(size % 3, 0);
	for (size_t i = 0; i < size; i += 3) {
		unsigned three = (unsigned)data[i] << 16 | (unsigned)data[i + 1] << 8 | data[i + 2];

		for (int shift = 18; shift >= 0; shift -= 6)
			out[at++] = digits[three >> shift & 63];
	}
	out[at] = '\0';
	return out;
}

static void put(const char *id)
{
	must(LETTERS "PutLetter", "{\"device\":\"" P1 "\",\"id\":\"%s\",\"kind\":7,\"body\":\"%s\"}", id,
	     base64_of(bytes_of, SIZE));
	settle();
}

/* What is fetched for the pile; how many letters are told of, the first of them in `ret`. */
static unsigned fetch(struct peer *p, struct ble_letter *ret, struct ble_letter_receipt *ret_receipt)
{
	struct ble_fetch it = { 0 };
	struct ble_keyset keys;
	struct paper document;
	struct ble_courier courier;
	struct ble_frame f;
	uint8_t out[64];
	unsigned n = 0;

	memcpy(it.pile, pile.id, 16);
	keys = key_set(&document);
	p->read = p->n;
	say(p, BLE_FETCH, 9, out, ble_fetch_write(&it, out, sizeof(out)));
	while (hear(p, BLE_COURIER, &f)) {
		cr_assert_eq(f.counter, 9);
		cr_assert_eq(ble_courier_read(f.body.at, f.body.size, &courier), 0);
		if (courier.receipt.size)
			cr_assert_eq(ble_letter_receipt_check(c, &keys, pile.id, courier.receipt.at,
							      courier.receipt.size, ret_receipt),
				     0);
		else if (n++ == 0)
			cr_assert_eq(ble_letter_check(c, &keys, pile.id, courier.cover.at, courier.cover.size, ret), 0);
	}
	return n;
}

/* Asks for a piece; its bytes, or negative. */
static int piece(struct peer *p, uint64_t number, uint32_t offset, const uint8_t **ret)
{
	struct ble_courier it = { .has = BLE_HAS(BLE_COURIER_PILE) | BLE_HAS(BLE_COURIER_NUMBER) |
					 BLE_HAS(BLE_COURIER_OFFSET),
				  .number = number,
				  .offset = offset };
	struct ble_frame f;

	memcpy(it.pile, pile.id, 16);
	p->read = p->n;
	say(p, BLE_COURIER_GET, 11, body, ble_courier_write(&it, body, sizeof(body)));
	if (!hear(p, BLE_COURIER, &f))
		return -1;
	cr_assert_eq(ble_courier_read(f.body.at, f.body.size, &it), 0);
	cr_assert(it.number == number && it.offset == offset && f.counter == 11);
	*ret = it.bytes.at;
	return (int)it.bytes.size;
}

static int box_of(uint32_t box, struct ble_letters_had had, uint64_t number, uint32_t have, const char *key)
{
	struct ble_letter_box it = { .box = box, .had = had, .number = number, .have = have, .letter_max = 4000 };
	struct ble_courier courier = { .has = BLE_HAS(BLE_COURIER_BOX) };
	static uint8_t paper[BLE_LETTER_PAPER_MAX];

	memcpy(it.pile, pile.id, 16);
	courier.box = (struct ble_bytes){ paper,
					  (size_t)ble_letter_box_write(c, &it, vector_key(key), paper, sizeof(paper)) };
	return ble_courier_write(&courier, body, sizeof(body));
}

static int own_of(uint32_t box, uint64_t number, const char *text_of, const char *signed_by)
{
	struct ble_own_letter it = { .box = box, .number = number, .kind = 8, .size = (uint32_t)strlen(text_of) };
	struct ble_courier courier = { .has = BLE_HAS(BLE_COURIER_NUMBER) | BLE_HAS(BLE_COURIER_COVER) |
					      BLE_HAS(BLE_COURIER_BYTES),
				       .number = number,
				       .bytes = { (const uint8_t *)text_of, strlen(text_of) } };
	static uint8_t paper[BLE_LETTER_PAPER_MAX];

	memcpy(it.pile, pile.id, 16);
	cr_assert_eq(c->sha256(c->user, text_of, it.size, it.hash), 0);
	courier.cover = (struct ble_bytes){ paper, (size_t)ble_own_letter_write(c, &it, vector_key(signed_by), paper,
										sizeof(paper)) };
	return ble_courier_write(&courier, body, sizeof(body));
}

static int bring(struct peer *p, int size)
{
	p->read = p->n;
	say(p, BLE_COURIER, 12, body, size);
	return heard_result(p);
}

/* ---- to a pile ------------------------------------------------------------------------------- */

Test(letters, one_is_offered_fetched_in_pieces_and_delivered_by_the_piles_word)
{
	struct peer *p = connect_peer(PHONE);
	struct ble_letter it;
	const uint8_t *at;

	put("image-1");
	cr_expect_str_eq(text("letter.state"), "open");
	cr_assert_eq(fetch(p, &it, NULL), 1);
	cr_expect(it.size == SIZE && it.kind == 7 && it.number == 1);
	for (uint32_t offset = 0; offset < SIZE; offset += BLE_LETTER_PIECE) {
		int n = piece(p, 1, offset, &at);

		cr_assert_eq((unsigned)n, SIZE - offset < BLE_LETTER_PIECE ? SIZE - offset : BLE_LETTER_PIECE);
		cr_assert_arr_eq(at, bytes_of + offset, (size_t)n);
	}
	cr_expect_eq(bring(p, box_of(5, (struct ble_letters_had){ 0 }, 1, 2048, "pile")), BLE_OK);
	must(LETTERS "ListLetters", "{\"device\":\"" P1 "\"}");
	cr_expect_eq(number("toPile.0.have"), 2048, "how far it has come");
	cr_expect_eq(number("letterMax"), 4000);
	cr_expect_eq(events(DELIVERED), 0);
	cr_expect_eq(bring(p, box_of(5, (struct ble_letters_had){ 1, 0 }, 0, 0, "pile")), BLE_OK);
	cr_expect_eq(bring(p, box_of(5, (struct ble_letters_had){ 1, 0 }, 0, 0, "pile")), BLE_OK);
	cr_expect_eq(events(DELIVERED), 1, "however often it says so");
	cr_expect_str_eq(event(DELIVERED, 0, "letter.id"), "image-1");
	cr_expect_str_eq(event(DELIVERED, 0, "letter.road"), "terminal " PHONE);
	cr_expect_eq(fetch(p, &it, NULL), 0, "nobody is told of it any more");
	cr_expect_eq(piece(p, 1, 0, &at), -1);
}

Test(letters, a_couriers_word_is_not_the_piles)
{
	struct peer *p = connect_peer(PHONE);

	put("image-1");
	cr_expect_eq(bring(p, box_of(5, (struct ble_letters_had){ 1, 0 }, 0, 0, "holder")), BLE_BAD_SIG);
	cr_expect_eq(bring(p, own_of(5, 1, "forged", "holder")), BLE_BAD_SIG);
	cr_expect_eq(events(DELIVERED) + events(RECEIVED), 0);
	say(p, BLE_COURIER, 13, "\1", 1);
	cr_expect_eq(heard_result(p), BLE_MALFORMED);
}

Test(letters, the_same_id_again_is_the_same_letter)
{
	put("image-1");
	put("image-1");
	cr_expect_eq(number("letter.number"), 1);
	must(LETTERS "ListLetters", "{\"device\":\"" P1 "\"}");
	cr_expect_eq(length("toPile"), 1);
}

Test(letters, one_whose_time_is_over_is_told_so)
{
	struct peer *p = connect_peer(PHONE);
	struct ble_letter it;

	must(LETTERS "PutLetter", "{\"device\":\"" P1 "\",\"id\":\"short\",\"body\":\"AAAA\",\"expiresAtMs\":\"%lld\"}",
	     (long long)(host_now_ms(h) + HOUR_MS));
	pass(HOUR_MS + 1000);
	cr_expect_eq(events(EXPIRED), 1);
	cr_expect_eq(fetch(p, &it, NULL), 0);
	cr_expect_eq(bring(p, box_of(5, (struct ble_letters_had){ 1, 0 }, 0, 0, "pile")), BLE_OK);
	cr_expect_eq(events(DELIVERED), 0, "one end is enough");
}

Test(letters, one_that_is_withdrawn_is_given_to_nobody)
{
	struct peer *p = connect_peer(PHONE);
	struct ble_letter it;
	const uint8_t *at;

	put("image-1");
	must(LETTERS "WithdrawLetter", "{\"device\":\"" P1 "\",\"id\":\"image-1\"}");
	cr_expect_str_eq(text("letter.state"), "withdrawn");
	cr_expect_eq(fetch(p, &it, NULL), 0);
	cr_expect_eq(piece(p, 1, 0, &at), -1);
	must(LETTERS "WithdrawLetter", "{\"device\":\"" P1 "\",\"id\":\"image-1\"}");
	cr_expect_eq(ask(LETTERS "WithdrawLetter", "{\"device\":\"" P1 "\",\"id\":\"none\"}"), GV_NOT_FOUND);
}

Test(letters, bounds_are_said)
{
	cr_expect_eq(ask(LETTERS "PutLetter", "{\"device\":\"ble:NONE\",\"id\":\"x\",\"body\":\"AAAA\"}"),
		     GV_NOT_FOUND);
	cr_expect_eq(ask(LETTERS "PutLetter", "{\"device\":\"" P1 "\",\"id\":\"x\"}"), GV_INVALID_ARGUMENT);
	cr_expect_eq(ask(LETTERS "PutLetter", "{\"device\":\"" P1 "\",\"id\":\"x\",\"blob\":\"%064d\"}", 0),
		     GV_INVALID_ARGUMENT, "there is no such blob");
	cr_expect_eq(ask(LETTERS "PutLetter",
			 "{\"device\":\"" P1 "\",\"id\":\"x\",\"body\":\"AAAA\",\"expiresAtMs\":\"1\"}"),
		     GV_INVALID_ARGUMENT);
	for (unsigned i = 0; i < 16; i++)
		must(LETTERS "PutLetter", "{\"device\":\"" P1 "\",\"id\":\"%u\",\"body\":\"AAAA\"}", i);
	cr_expect_eq(ask(LETTERS "PutLetter", "{\"device\":\"" P1 "\",\"id\":\"x\",\"body\":\"AAAA\"}"),
		     GV_RESOURCE_EXHAUSTED);
}

Test(letters, a_pile_on_line_is_told_at_once_and_a_crash_forgets_none)
{
	struct peer *p = connect_peer(P1);
	struct ble_courier courier;
	struct ble_letter it;
	struct ble_frame f;
	const uint8_t *at;

	host_durable(h, true);
	put("image-1");
	cr_assert(hear(p, BLE_COURIER, &f));
	cr_assert_eq(ble_courier_read(f.body.at, f.body.size, &courier), 0);
	cr_assert_eq(ble_letter_read(courier.cover.at, courier.cover.size, &it), 0);
	cr_expect_eq(it.number, 1);
	host_crash(h, "ble.0");
	pass(5 * SECOND_MS);
	cr_assert_eq(piece(p, 1, 1024, &at), 1024);
	cr_expect_eq(bring(p, box_of(5, (struct ble_letters_had){ 1, 0 }, 0, 0, "pile")), BLE_OK);
	cr_expect_str_eq(event(DELIVERED, events(DELIVERED) - 1, "letter.road"), "pile " P1);
}

/* ---- from a pile ----------------------------------------------------------------------------- */

Test(letters, a_piles_own_is_here_once_and_receipted_as_far_as_none_is_missing)
{
	struct ble_letter_receipt receipt = { 0 };
	struct peer *p = connect_peer(PHONE);
	struct ble_letter it;

	cr_expect_eq(bring(p, own_of(5, 2, "second", "pile")), BLE_OK);
	fetch(p, &it, &receipt);
	cr_expect_eq(receipt.upto, 0, "the first is with another courier");
	cr_expect_eq(bring(p, own_of(5, 2, "second", "pile")), BLE_DUPLICATE);
	cr_expect_eq(bring(p, own_of(5, 1, "first", "pile")), BLE_OK);
	cr_expect_eq(bring(p, own_of(5, 1, "first", "pile")), BLE_DUPLICATE);
	fetch(p, &it, &receipt);
	cr_expect(receipt.upto == 2 && receipt.box == 5);
	cr_expect_eq(events(RECEIVED), 2);
	cr_expect_str_eq(event(RECEIVED, 0, "letter.body"), "c2Vjb25k");
	must(LETTERS "ListLetters", "{\"device\":\"" P1 "\"}");
	cr_expect_eq(length("fromPile"), 2);
}

Test(letters, a_pile_that_lost_its_box_begins_another_and_an_old_word_changes_nothing)
{
	struct ble_letter_receipt receipt = { 0 };
	struct peer *p = connect_peer(PHONE);
	struct ble_letter it;

	cr_expect_eq(bring(p, own_of(5, 1, "first", "pile")), BLE_OK);
	cr_expect_eq(bring(p, own_of(5, 3, "third", "pile")), BLE_OK);
	cr_expect_eq(bring(p, own_of(9, 1, "after the loss", "pile")), BLE_OK);
	fetch(p, &it, &receipt);
	cr_expect(receipt.box == 9 && receipt.upto == 1);
	cr_expect_eq(bring(p, box_of(5, (struct ble_letters_had){ 0 }, 0, 0, "pile")), BLE_OK, "an old one comes late");
	fetch(p, &it, &receipt);
	cr_expect(receipt.box == 5 && receipt.upto == 1, "and never is more said to be here than is");
	cr_expect_eq(events(RECEIVED), 3);
}

Test(letters, a_piles_module_gets_its_receipt_at_once)
{
	struct peer *p = connect_peer(P1);
	struct ble_courier courier;
	struct ble_frame f;

	cr_expect_eq(bring(p, own_of(5, 1, "first", "pile")), BLE_OK);
	cr_assert(hear(p, BLE_COURIER, &f));
	cr_assert_eq(ble_courier_read(f.body.at, f.body.size, &courier), 0);
	cr_expect_gt(courier.receipt.size, 0);
}

/* ---- by HTTP --------------------------------------------------------------------------------- */

Test(letters, phones_without_a_websocket_carry_them_too)
{
	struct paper own = { .size = (size_t)own_of(5, 1, "first", "pile") }, got;
	struct ble_courier courier;

	memcpy(own.at, body, own.size);
	put("image-1");
	must("PutRecords", "{\"terminal\":\"phone-1\",\"letters\":[\"%s\"]}", base64(&own));
	cr_expect_str_eq(text("letterResults.0"), "OK");
	must("Fetch", "{\"pile\":\"%s\"}", hex(pile.id, 16));
	cr_expect_eq(length("letters"), 2, "a receipt and a cover");
	must(LETTERS "GetPiece", "{\"pile\":\"%s\",\"number\":\"1\",\"offset\":2048}", hex(pile.id, 16));
	got = bytes("courier");
	cr_assert_eq(ble_courier_read(got.at, got.size, &courier), 0);
	cr_expect_eq(courier.bytes.size, SIZE - 2048);
	cr_expect_eq(ask(LETTERS "GetPiece", "{\"pile\":\"%s\",\"number\":\"2\"}", hex(pile.id, 16)), GV_NOT_FOUND);
}
