/* Letters on their way: what is signed of them, their pieces, what piles say of them, and their own. By whichever road,
 * and as often as it comes: nothing is believed that the pile has not signed. */
#include "cloud.h"
#include "../core/ble_image.h"
#include "../core/ble_letters.h"
#include "../core/ble_openssl.h"

#include <lib/hex.h>
#include <openssl/crypto.h>
#include <string.h>

/* ---- to a pile ------------------------------------------------------------------------------- */

/* What is signed of it; the size, 0: it cannot be. */
static int cover(struct cloud *c, struct gv_turn *t, const struct pile *p, const Ble__Letter *l, uint8_t *ret,
		 size_t room)
{
	struct ble_letter it = { .number = l->number,
				 .size = l->size,
				 .expires = (uint32_t)(l->expires_at_ms / 1000),
				 .kind = (uint16_t)l->kind };
	uint8_t key[32];
	int r;

	if (!keys_ready(t) || !pile_unhex(l->hash, it.hash, 32))
		return 0;
	memcpy(it.pile, p->row->id.data, sizeof(it.pile));
	it.kid = keys_sign(c, t, KEYS_RECEIPT, key);
	r = ble_letter_write(&ble_openssl, &it, key, ret, room);
	OPENSSL_cleanse(key, sizeof(key));
	return r < 0 ? 0 : r;
}

/* The COURIER that tells of it; its size, 0: it cannot be signed now. */
static int offer(struct cloud *c, struct gv_turn *t, const struct pile *p, const Ble__Letter *l, uint8_t *ret,
		 size_t room)
{
	uint8_t paper[BLE_LETTER_PAPER_MAX];
	struct ble_courier it = { .has = BLE_HAS(BLE_COURIER_COVER) };
	int size = cover(c, t, p, l, paper, sizeof(paper));

	it.cover = (struct ble_bytes){ paper, (size_t)size };
	return size ? ble_courier_write(&it, ret, room) : 0;
}

/* Its own letters up to that one are here, none missing. */
static uint64_t upto(struct gv_turn *t, const struct pile *p)
{
	const Ble__LetterNumber *row = gv_get(t, &cloud_letter_boxes, gv_key(p->device, p->row->letter_box));

	return row ? row->number : 0;
}

/* The COURIER with the word that its own letters are here; its size, 0: there is nothing to say. */
static int receipt(struct cloud *c, struct gv_turn *t, const struct pile *p, uint8_t *ret, size_t room)
{
	struct ble_letter_receipt it = { .box = p->row->letter_box, .upto = upto(t, p) };
	uint8_t key[32], paper[BLE_LETTER_PAPER_MAX];
	struct ble_courier courier = { .has = BLE_HAS(BLE_COURIER_RECEIPT) };
	int r;

	if (!it.upto || !keys_ready(t))
		return 0;
	memcpy(it.pile, p->row->id.data, sizeof(it.pile));
	it.kid = keys_sign(c, t, KEYS_RECEIPT, key);
	r = ble_letter_receipt_write(&ble_openssl, &it, key, paper, sizeof(paper));
	OPENSSL_cleanse(key, sizeof(key));
	courier.receipt = (struct ble_bytes){ paper, (size_t)(r < 0 ? 0 : r) };
	return r < 0 ? 0 : ble_courier_write(&courier, ret, room);
}

void letters_each(struct cloud *c, struct gv_turn *t, const struct pile *p, carried_fn *fn, void *arg)
{
	struct gv_scan scan = { .table = &cloud_letters, .prefix = gv_key(p->device) };
	uint8_t body[BLE_DOCUMENT_MAX];
	int size = receipt(c, t, p, body, sizeof(body));

	if (size > 0)
		fn(arg, t, BLE_COURIER, body, (size_t)size);
	while (gv_next(t, &scan)) {
		const Ble__LetterRow *row = scan.row;

		size = letter_open(row) ? offer(c, t, p, row->letter, body, sizeof(body)) : 0;
		if (size > 0)
			fn(arg, t, BLE_COURIER, body, (size_t)size);
	}
}

void letter_tell(struct cloud *c, struct gv_turn *t, struct pile *p, uint64_t number)
{
	const Ble__LetterRow *row = letter_find(t, p->device, number);
	const struct line *l = line_of(c, p->device);
	uint8_t body[BLE_DOCUMENT_MAX];
	int size = l && letter_open(row) ? offer(c, t, p, row->letter, body, sizeof(body)) : 0;

	if (size > 0)
		line_say(t, l, BLE_COURIER, ++pile_edit(t, p)->counter, body, size);
}

static int64_t bytes_of(struct gv_turn *t, const Ble__LetterRow *row, uint32_t offset, uint8_t *ret, size_t room)
{
	size_t left;

	if (row->blob[0])
		return gv_blob_read(t, row->blob, offset, ret, room);
	left = row->body.len > offset ? row->body.len - offset : 0;
	left = left < room ? left : room;
	if (left)
		memcpy(ret, row->body.data + offset, left);
	return (int64_t)left;
}

int letter_piece(struct gv_turn *t, const struct ble_courier *asked, uint8_t *ret, size_t room)
{
	struct ble_courier it = { .has = BLE_HAS(BLE_COURIER_NUMBER) | BLE_HAS(BLE_COURIER_OFFSET) |
					 BLE_HAS(BLE_COURIER_BYTES),
				  .number = asked->number,
				  .offset = asked->offset };
	uint8_t bytes[BLE_LETTER_PIECE];
	const Ble__LetterRow *row;
	struct pile p;
	int64_t size;

	if (!pile_by_id(t, asked->pile, &p))
		return -BLE_OTHER_PILE;
	row = letter_find(t, p.device, asked->number);
	if (!letter_open(row))
		return -BLE_NOT_ALLOWED;
	if (asked->offset >= row->letter->size)
		return -BLE_GAP;
	size = bytes_of(t, row, asked->offset, bytes, sizeof(bytes));
	if (size <= 0) {
		gv_log(t, GV_ERR, "A letter's blob is gone: put it again, or withdraw the letter device=%s id=\"%s\"",
		       p.device, row->letter->id);
		return -BLE_NOT_ALLOWED;
	}
	it.bytes = (struct ble_bytes){ bytes, (size_t)size };
	return ble_courier_write(&it, ret, room);
}

/* ---- from a pile ----------------------------------------------------------------------------- */

static const char *road_text(struct gv_turn *t, const struct road *road)
{
	return gv_str(t, "%s %.128s", road->kind, road->who);
}

/* By any of its keys. */
static int check_box(const struct pile *p, const struct ble_bytes *document, struct ble_letter_box *ret)
{
	int r = -BLE_BAD_SIG;

	for (size_t i = 0; r == -BLE_BAD_SIG && i < p->row->n_keys; i++)
		r = ble_letter_box_check(&ble_openssl, p->row->keys[i].data, document->at, document->size, ret);
	return r;
}

static int check_own(const struct pile *p, const struct ble_bytes *document, struct ble_own_letter *ret)
{
	int r = -BLE_BAD_SIG;

	for (size_t i = 0; r == -BLE_BAD_SIG && i < p->row->n_keys; i++)
		r = ble_own_letter_check(&ble_openssl, p->row->keys[i].data, document->at, document->size, ret);
	return r;
}

static void delivered(struct gv_turn *t, const struct pile *p, uint64_t number, const struct road *road)
{
	Ble__LetterDelivered e = BLE__LETTER_DELIVERED__INIT;

	e.device = (char *)p->device;
	e.letter = letter_end(t, p->device, number, "delivered");
	e.letter->have = e.letter->size;
	e.letter->road = (char *)road_text(t, road);
	gv_emit(t, &e);
	gv_count(t, "letters_delivered", 1);
	update_delivered(t, p->device, number);
}

/* Which of its boxes was heard of last: the receipt is for that one. */
static void see_box(struct gv_turn *t, struct pile *p, uint32_t box)
{
	if (p->row->letter_box != box)
		pile_edit(t, p)->letter_box = box;
}

static int box_came(struct gv_turn *t, const struct road *road, const struct ble_bytes *document,
		    const char **ret_device)
{
	struct gv_scan scan = { .table = &cloud_letters };
	struct ble_letter_box it;
	struct pile p;
	int r = ble_letter_box_read(document->at, document->size, &it);

	if (r < 0)
		return r;
	if (!pile_by_id(t, it.pile, &p))
		return -BLE_OTHER_PILE;
	*ret_device = p.device;
	r = check_box(&p, document, &it);
	if (r < 0)
		return r;
	see_box(t, &p, it.box);
	pile_edit(t, &p)->letter_max = it.letter_max;
	scan.prefix = gv_key(p.device);
	while (gv_next(t, &scan)) {
		uint64_t number = scan.key.part[1].u;

		if (letter_open(scan.row) && ble_letters_had(&it.had, number))
			delivered(t, &p, number, road);
		else if (it.number == number)
			letter_progress(t, p.device, number, it.have);
	}
	return 0;
}

static void keep_own(struct gv_turn *t, const struct pile *p, const struct road *road, const struct ble_own_letter *it,
		     const struct ble_bytes *body)
{
	Ble__LetterReceived e = BLE__LETTER_RECEIVED__INIT;
	Ble__OwnLetterRow row = BLE__OWN_LETTER_ROW__INIT;
	Ble__OwnLetter letter = BLE__OWN_LETTER__INIT;
	struct gv_scan scan = { .table = &cloud_own_letters, .prefix = gv_key(p->device, it->box), .reverse = true };
	unsigned n = 0;

	letter.device = e.device = (char *)p->device;
	letter.box = it->box;
	letter.number = it->number;
	letter.kind = it->kind;
	letter.body = pile_bytes(t, body->at, body->size);
	letter.at_ms = gv_now_ms(t);
	letter.road = (char *)road_text(t, road);
	row.letter = e.letter = &letter;
	while (gv_next(t, &scan))
		if (++n >= CLOUD_LETTERS_KEPT)
			gv_delete(t, &cloud_own_letters, scan.key);
	gv_put(t, &cloud_own_letters, gv_key(p->device, it->box, it->number), &row);
	gv_emit(t, &e);
	gv_count(t, "letters_received", 1);
}

/* Couriers bring them in any order; the pile is told only up to where none is missing. */
static void move_on(struct gv_turn *t, const struct pile *p)
{
	Ble__LetterNumber *row = gv_edit(t, &cloud_letter_boxes, gv_key(p->device, p->row->letter_box));

	while (gv_get(t, &cloud_own_letters, gv_key(p->device, p->row->letter_box, row->number + 1)))
		row->number++;
}

static int own_came(struct gv_turn *t, const struct road *road, const struct ble_courier *c, const char **ret_device)
{
	struct ble_own_letter it;
	uint8_t hash[32];
	struct pile p;
	int r = ble_own_letter_read(c->cover.at, c->cover.size, &it);

	if (r < 0)
		return r;
	if (!pile_by_id(t, it.pile, &p))
		return -BLE_OTHER_PILE;
	*ret_device = p.device;
	r = check_own(&p, &c->cover, &it);
	if (r < 0)
		return r;
	if (it.size != c->bytes.size || ble_openssl.sha256(NULL, c->bytes.at, c->bytes.size, hash) != 0 ||
	    !ble_same(hash, it.hash, sizeof(hash)))
		return -BLE_BAD_CRC;
	see_box(t, &p, it.box);
	if (it.number == 0 || it.number > upto(t, &p) + BLE_LETTERS_KNOWN)
		return -BLE_UNSUPPORTED; /* a pile has fewer that wait for a receipt */
	if (it.number <= upto(t, &p) || gv_get(t, &cloud_own_letters, gv_key(p.device, it.box, it.number)))
		return -BLE_DUPLICATE;
	keep_own(t, &p, road, &it, &c->bytes);
	if (it.kind == BLE_LETTER_FIRMWARE_SAID)
		update_said(t, &p, c->bytes.at, c->bytes.size);
	move_on(t, &p);
	return 0;
}

int letters_came(struct gv_turn *t, const struct road *road, const uint8_t *body, size_t size, const char **ret_device)
{
	struct ble_courier c;
	int r = ble_courier_read(body, size, &c);

	if (r == 0 && !(c.has & (BLE_HAS(BLE_COURIER_BOX) | BLE_HAS(BLE_COURIER_COVER))))
		r = -BLE_MALFORMED;
	if (r == 0 && c.has & BLE_HAS(BLE_COURIER_BOX))
		r = box_came(t, road, &c.box, ret_device);
	if (r == 0 && c.has & BLE_HAS(BLE_COURIER_COVER))
		r = own_came(t, road, &c, ret_device);
	return r;
}

int letter_receipt_of(struct cloud *c, struct gv_turn *t, const char *device, uint8_t ret[BLE_DOCUMENT_MAX])
{
	struct pile p;

	return pile_find(t, device, &p) ? receipt(c, t, &p, ret, BLE_DOCUMENT_MAX) : 0;
}

int letters_piece(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *m)
{
	const Ble__GetPieceRequest *r = (const Ble__GetPieceRequest *)m;
	Ble__GetPieceReply reply = BLE__GET_PIECE_REPLY__INIT;
	struct ble_courier asked = { .number = r->number, .offset = r->offset };
	uint8_t body[BLE_DOCUMENT_MAX];
	int size;

	if (!cloud_of(self, t, to))
		return 0;
	if (!pile_unhex(r->pile, asked.pile, 16))
		return gv_refuse(t, to, GV_INVALID_ARGUMENT, "pile must be 32 hex digits");
	size = letter_piece(t, &asked, body, sizeof(body));
	if (size < 0)
		return gv_refuse(t, to, GV_NOT_FOUND, "pile %s has no such letter under way: %s", r->pile,
				 ble_result_name(size));
	reply.courier = pile_bytes(t, body, (size_t)size);
	return gv_reply(t, to, &reply);
}
