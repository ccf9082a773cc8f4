/* Letters between the cloud and a pile, which couriers carry whom neither trusts (docs/adr/0020): what is signed of
 * them, which of them a pile has had, and the message that brings them. */
#include "core_internal.h"

#include <string.h>

static const struct field letter_fields[] = {
	NUMBER(0x02, struct ble_letter, kid),    FIXED(0x04, struct ble_letter, pile),
	NUMBER(0x06, struct ble_letter, number), FIXED(0x07, struct ble_letter, hash),
	NUMBER(0x08, struct ble_letter, size),   NUMBER(0x09, struct ble_letter, expires),
	NUMBER(0x0a, struct ble_letter, kind),
};
static const struct form letter = FORM(ble_letter, letter_fields);

static const struct field own_fields[] = {
	FIXED(0x04, struct ble_own_letter, pile),    NUMBER(0x05, struct ble_own_letter, box),
	NUMBER(0x06, struct ble_own_letter, number), FIXED(0x07, struct ble_own_letter, hash),
	NUMBER(0x08, struct ble_own_letter, size),   NUMBER(0x0a, struct ble_own_letter, kind),
};
static const struct form own = FORM(ble_own_letter, own_fields);

static const struct field box_fields[] = {
	FIXED(0x04, struct ble_letter_box, pile),        NUMBER(0x05, struct ble_letter_box, box),
	NUMBER(0x06, struct ble_letter_box, had.top),    NUMBER(0x07, struct ble_letter_box, had.below),
	NUMBER(0x08, struct ble_letter_box, number),     NUMBER(0x09, struct ble_letter_box, have),
	NUMBER(0x0a, struct ble_letter_box, written),    NUMBER(0x0b, struct ble_letter_box, receipted),
	NUMBER(0x0c, struct ble_letter_box, letter_max),
};
static const struct form box = FORM(ble_letter_box, box_fields);

static const struct field receipt_fields[] = {
	NUMBER(0x02, struct ble_letter_receipt, kid),
	FIXED(0x04, struct ble_letter_receipt, pile),
	NUMBER(0x05, struct ble_letter_receipt, box),
	NUMBER(0x06, struct ble_letter_receipt, upto),
};
static const struct form receipt = FORM(ble_letter_receipt, receipt_fields);

static const struct field courier_fields[] = {
	MAYBE_FIXED(BLE_COURIER_PILE, struct ble_courier, pile),
	MAYBE_NUMBER(BLE_COURIER_NUMBER, struct ble_courier, number),
	MAYBE_NUMBER(BLE_COURIER_OFFSET, struct ble_courier, offset),
	MAYBE_BYTES(BLE_COURIER_COVER, struct ble_courier, cover, BLE_LETTER_PAPER_MAX),
	MAYBE_BYTES(BLE_COURIER_BYTES, struct ble_courier, bytes, BLE_LETTER_PIECE),
	MAYBE_BYTES(BLE_COURIER_BOX, struct ble_courier, box, BLE_LETTER_PAPER_MAX),
	MAYBE_BYTES(BLE_COURIER_RECEIPT, struct ble_courier, receipt, BLE_LETTER_PAPER_MAX),
};
static const struct form courier = FORM(ble_courier, courier_fields);

/* ---- what is signed -------------------------------------------------------------------------- */

int ble_letter_write(const struct ble_crypto *c, const struct ble_letter *from, const void *cloud_key, uint8_t *ret,
		     size_t room)
{
	return document_write(c, &letter, "CPB1-LTR", from, cloud_key, ret, room);
}

int ble_letter_read(const uint8_t *data, size_t size, struct ble_letter *ret)
{
	struct ble_letter it;
	int r = document_read(&letter, data, size, &it);

	if (r == 0)
		*ret = it;
	return r;
}

/* By the cloud's key of receipts, and for this pile. */
static int by_cloud(const struct ble_crypto *c, const struct ble_keyset *keys, const uint8_t pile[16], uint32_t kid,
		    const uint8_t named[16], const char *domain, const uint8_t *data, size_t size)
{
	const uint8_t *key = ble_keyset_receipt_key(keys, kid);

	if (!ble_same(named, pile, 16))
		return -BLE_OTHER_PILE;
	return key ? document_verify(c, domain, key, data, size) : -BLE_UNKNOWN_KEY;
}

int ble_letter_check(const struct ble_crypto *c, const struct ble_keyset *keys, const uint8_t pile[16],
		     const uint8_t *data, size_t size, struct ble_letter *ret)
{
	struct ble_letter it;
	int r = ble_letter_read(data, size, &it);

	if (r == 0)
		r = by_cloud(c, keys, pile, it.kid, it.pile, "CPB1-LTR", data, size);
	if (r == 0)
		*ret = it;
	return r;
}

int ble_own_letter_write(const struct ble_crypto *c, const struct ble_own_letter *from, const void *pile_key,
			 uint8_t *ret, size_t room)
{
	return document_write(c, &own, "CPB1-LTP", from, pile_key, ret, room);
}

int ble_own_letter_read(const uint8_t *data, size_t size, struct ble_own_letter *ret)
{
	struct ble_own_letter it;
	int r = document_read(&own, data, size, &it);

	if (r == 0)
		*ret = it;
	return r;
}

int ble_own_letter_check(const struct ble_crypto *c, const uint8_t pile_key[32], const uint8_t *data, size_t size,
			 struct ble_own_letter *ret)
{
	struct ble_own_letter it;
	int r = ble_own_letter_read(data, size, &it);

	if (r == 0)
		r = document_verify(c, "CPB1-LTP", pile_key, data, size);
	if (r == 0)
		*ret = it;
	return r;
}

int ble_letter_box_write(const struct ble_crypto *c, const struct ble_letter_box *from, const void *pile_key,
			 uint8_t *ret, size_t room)
{
	return document_write(c, &box, "CPB1-LBX", from, pile_key, ret, room);
}

int ble_letter_box_read(const uint8_t *data, size_t size, struct ble_letter_box *ret)
{
	struct ble_letter_box it;
	int r = document_read(&box, data, size, &it);

	if (r == 0)
		*ret = it;
	return r;
}

int ble_letter_box_check(const struct ble_crypto *c, const uint8_t pile_key[32], const uint8_t *data, size_t size,
			 struct ble_letter_box *ret)
{
	struct ble_letter_box it;
	int r = ble_letter_box_read(data, size, &it);

	if (r == 0)
		r = document_verify(c, "CPB1-LBX", pile_key, data, size);
	if (r == 0)
		*ret = it;
	return r;
}

int ble_letter_receipt_write(const struct ble_crypto *c, const struct ble_letter_receipt *from, const void *cloud_key,
			     uint8_t *ret, size_t room)
{
	return document_write(c, &receipt, "CPB1-LRC", from, cloud_key, ret, room);
}

int ble_letter_receipt_read(const uint8_t *data, size_t size, struct ble_letter_receipt *ret)
{
	struct ble_letter_receipt it;
	int r = document_read(&receipt, data, size, &it);

	if (r == 0)
		*ret = it;
	return r;
}

int ble_letter_receipt_check(const struct ble_crypto *c, const struct ble_keyset *keys, const uint8_t pile[16],
			     const uint8_t *data, size_t size, struct ble_letter_receipt *ret)
{
	struct ble_letter_receipt it;
	int r = ble_letter_receipt_read(data, size, &it);

	if (r == 0)
		r = by_cloud(c, keys, pile, it.kid, it.pile, "CPB1-LRC", data, size);
	if (r == 0)
		*ret = it;
	return r;
}

/* ---- which of them a pile has had ------------------------------------------------------------ */

bool ble_letters_had(const struct ble_letters_had *h, uint64_t number)
{
	uint64_t back = h->top - number;

	if (number == 0 || number > h->top)
		return false;
	return back == 0 || (back <= BLE_LETTERS_KNOWN && (h->below >> (back - 1) & 1));
}

bool ble_letters_may_come(const struct ble_letters_had *h, uint64_t number)
{
	if (number == 0 || ble_letters_had(h, number))
		return false;
	return number > h->top || h->top - number <= BLE_LETTERS_KNOWN;
}

void ble_letters_take(struct ble_letters_had *h, uint64_t number)
{
	uint64_t ahead = number - h->top;

	if (!ble_letters_may_come(h, number))
		return;
	if (number < h->top) {
		h->below |= UINT64_C(1) << (h->top - number - 1);
		return;
	}
	h->below = ahead < BLE_LETTERS_KNOWN ? h->below << ahead : 0;
	if (h->top && ahead <= BLE_LETTERS_KNOWN)
		h->below |= UINT64_C(1) << (ahead - 1);
	h->top = number;
}

/* ---- the message ----------------------------------------------------------------------------- */

int ble_courier_write(const struct ble_courier *from, uint8_t *ret, size_t room)
{
	return form_write(&courier, from, ret, room);
}

int ble_courier_read(const uint8_t *data, size_t size, struct ble_courier *ret)
{
	struct ble_courier it;
	int r = form_read(&courier, data, size, &it);

	if (r == 0)
		*ret = it;
	return r;
}
