/* Letters: one is taken in at a time, piece by piece, whoever brings it; and the pile's own wait until the cloud has
 * said that it has them. Nothing of a courier's is believed: what the cloud signed says what the bytes have to be. */
#include "pile_internal.h"

#include <string.h>

#define KEEP_EVERY 16 /* pieces, behind which is kept how far the letter in hand has come */
#define MAIL_VERSION 1

struct mail_place {
	uint8_t check[8];
	uint32_t version;
	struct ble_pile_mail mail;
};
_Static_assert(sizeof(struct mail_place) <= BLE_PILE_MAIL_SIZE, "the mail fits its place");
_Static_assert(BLE_PILE_MAIL_SIZE <= BLE_PILE_STATE_SIZE, "and the scratch");

/* ---- what is kept ---------------------------------------------------------------------------- */

static bool takes(const struct ble_pile *p)
{
	return p->config.letter_max > 0;
}

void mind_letters_load(struct ble_pile *p)
{
	struct ble_pile_hardware *h = &p->hardware;
	struct mail_place *it = (struct mail_place *)(void *)p->scratch;

	for (uint32_t place = 0; takes(p) && place < 2; place++) {
		if (h->read(h->user, BLE_PILE_MAIL, place, p->scratch, BLE_PILE_MAIL_SIZE) != 0 ||
		    !mind_store_whole(p, p->scratch, BLE_PILE_MAIL_SIZE) || it->version != MAIL_VERSION)
			continue;
		if (!p->mail.box || it->mail.generation > p->mail.generation)
			p->mail = it->mail;
	}
	while (takes(p) &&
	       !p->mail.box) /* nothing is known of what it had: another box, so that no number comes twice */
		h->random(h->user, (uint8_t *)&p->mail.box, sizeof(p->mail.box));
}

int mind_letters_keep(struct ble_pile *p)
{
	struct ble_pile_hardware *h = &p->hardware;
	struct mail_place *it = (struct mail_place *)(void *)p->scratch;

	p->mail.generation++;
	memset(p->scratch, 0, BLE_PILE_MAIL_SIZE);
	it->version = MAIL_VERSION;
	it->mail = p->mail;
	if (!mind_store_check(p, p->scratch, BLE_PILE_MAIL_SIZE, it->check) ||
	    h->write(h->user, BLE_PILE_MAIL, p->mail.generation % 2, p->scratch, BLE_PILE_MAIL_SIZE) != 0)
		return -BLE_STORE_FULL;
	return 0;
}

/* ---- the one in hand ------------------------------------------------------------------------- */

/* What is signed of it; `number` 0: there is none. */
static struct ble_letter in_hand(const struct ble_pile *p)
{
	struct ble_letter it = { .number = 0 };

	if (p->mail.cover_size)
		ble_letter_read(p->mail.cover, p->mail.cover_size, &it);
	return it;
}

static bool over(const struct ble_pile *p, const struct ble_letter *it)
{
	return it->expires < ble_clock_low(&p->clock, p->now_ms);
}

/* Whoever brought the one in hand may still come back with it. */
static bool awaited(const struct ble_pile *p, const struct ble_letter *it)
{
	return it->number && !over(p, it) && p->now_ms - p->piece_ms < BLE_PILE_LETTER_WAIT_MS;
}

static int offered(struct ble_pile *p, const struct ble_bytes *cover)
{
	struct ble_letter it, held = in_hand(p);
	int r = ble_letter_check(p->config.crypto, &p->keys, p->config.id, cover->at, cover->size, &it);

	if (r < 0)
		return r;
	if (!ble_letters_may_come(&p->mail.had, it.number))
		return -BLE_STALE;
	if (over(p, &it))
		return -BLE_EXPIRED;
	if (it.size == 0 || it.size > p->config.letter_max)
		return -BLE_TOO_LONG;
	if (it.number == held.number)
		return 0;
	if (p->mail.image || awaited(p, &held))
		return -BLE_BUSY;
	memcpy(p->mail.cover, cover->at, cover->size);
	p->mail.cover_size = (uint16_t)cover->size;
	p->mail.have = 0;
	p->piece_ms = p->now_ms;
	return mind_letters_keep(p);
}

/* All of its bytes are here: what the cloud signed, or from the beginning. */
static int whole(struct ble_pile *p, const struct ble_letter *it)
{
	struct ble_pile_hardware *h = &p->hardware;
	uint8_t hash[32];

	if (h->letter_hash(h->user, 0, it->size, hash) != 0 || !ble_same(hash, it->hash, sizeof(hash))) {
		p->mail.have = 0;
		mind_letters_keep(p);
		return -BLE_BAD_CRC;
	}
	h->letter(h->user, it->kind, it->number, it->size);
	mind_image_came(p, it->kind, it->number, it->size);
	ble_letters_take(&p->mail.had, it->number);
	p->mail.cover_size = 0;
	p->mail.have = 0;
	return mind_letters_keep(p);
}

static int piece(struct ble_pile *p, const struct ble_courier *c)
{
	struct ble_pile_hardware *h = &p->hardware;
	struct ble_letter it = in_hand(p);
	size_t size = c->bytes.size;

	if (!it.number || c->number != it.number)
		return ble_letters_had(&p->mail.had, c->number) ? -BLE_STALE : -BLE_NOT_ALLOWED;
	if (c->offset != p->mail.have)
		return -BLE_GAP;
	if (size > it.size - p->mail.have)
		return -BLE_TOO_LONG;
	if (h->letter_write(h->user, c->offset, c->bytes.at, size) != 0)
		return -BLE_STORE_FULL;
	p->mail.have += (uint32_t)size;
	p->piece_ms = p->now_ms;
	if (p->mail.have == it.size)
		return whole(p, &it);
	return p->mail.have / BLE_LETTER_PIECE % KEEP_EVERY == 0 ? mind_letters_keep(p) : 0;
}

/* ---- its own --------------------------------------------------------------------------------- */

int mind_letters_write(struct ble_pile *p, unsigned kind, const void *data, size_t size)
{
	struct ble_pile_mail *m = &p->mail;
	struct ble_pile_own *own = &m->own[(m->written + 1) % BLE_PILE_OWN_LETTERS];

	if (!takes(p))
		return -BLE_UNSUPPORTED;
	if (size == 0 || size > sizeof(own->bytes) || kind > UINT16_MAX)
		return -BLE_TOO_LONG;
	if (m->written - m->receipted >= BLE_PILE_OWN_LETTERS)
		return -BLE_NO_ROOM;
	memcpy(own->bytes, data, size);
	own->size = (uint16_t)size;
	own->kind = (uint16_t)kind;
	m->written++;
	return 0;
}

int ble_pile_write_letter(struct ble_pile *p, unsigned kind, const void *data, size_t size)
{
	int r = mind_letters_write(p, kind, data, size);

	return r < 0 ? r : mind_letters_keep(p);
}

static int receipted(struct ble_pile *p, const struct ble_bytes *document)
{
	struct ble_letter_receipt it;
	int r = ble_letter_receipt_check(p->config.crypto, &p->keys, p->config.id, document->at, document->size, &it);

	if (r < 0)
		return r;
	if (it.box != p->mail.box || it.upto > p->mail.written)
		return -BLE_STALE;
	if (it.upto <= p->mail.receipted)
		return 0;
	p->mail.receipted = it.upto;
	return mind_letters_keep(p);
}

/* What is signed of the one of this number; its size, or negative. */
static int cover_own(struct ble_pile *p, uint64_t number, const struct ble_pile_own *own, uint8_t *ret, size_t room)
{
	const struct ble_crypto *c = p->config.crypto;
	struct ble_own_letter it = { .box = p->mail.box, .number = number, .size = own->size, .kind = own->kind };

	memcpy(it.pile, p->config.id, 16);
	if (c->sha256(c->user, own->bytes, own->size, it.hash) != 0)
		return -BLE_CRYPTO;
	return ble_own_letter_write(c, &it, p->config.key, ret, room);
}

static int sign_box(struct ble_pile *p, uint8_t *ret, size_t room)
{
	struct ble_letter_box it = { .box = p->mail.box,
				     .had = p->mail.had,
				     .number = in_hand(p).number,
				     .have = p->mail.have,
				     .written = p->mail.written,
				     .receipted = p->mail.receipted,
				     .letter_max = p->config.letter_max };

	memcpy(it.pile, p->config.id, 16);
	return ble_letter_box_write(p->config.crypto, &it, p->config.key, ret, room);
}

uint64_t mind_letters_next(const struct ble_pile *p, uint64_t behind)
{
	uint64_t next = (behind > p->mail.receipted ? behind : p->mail.receipted) + 1;

	return next <= p->mail.written ? next : 0;
}

int mind_letters_say(struct ble_pile *p, uint64_t number, bool box, uint8_t *ret, size_t room)
{
	const struct ble_pile_own *own = &p->mail.own[number % BLE_PILE_OWN_LETTERS];
	uint8_t cover[BLE_LETTER_PAPER_MAX], paper[BLE_LETTER_PAPER_MAX];
	struct ble_courier c = { 0 };
	int size = box ? sign_box(p, paper, sizeof(paper)) : 0;

	if (!takes(p) || size < 0)
		return size < 0 ? size : -BLE_UNSUPPORTED;
	if (box) {
		c.has |= BLE_HAS(BLE_COURIER_BOX);
		c.box = (struct ble_bytes){ paper, (size_t)size };
	}
	if (number) {
		size = cover_own(p, number, own, cover, sizeof(cover));
		if (size < 0)
			return size;
		c.has |= BLE_HAS(BLE_COURIER_NUMBER) | BLE_HAS(BLE_COURIER_COVER) | BLE_HAS(BLE_COURIER_BYTES);
		c.number = number;
		c.cover = (struct ble_bytes){ cover, (size_t)size };
		c.bytes = (struct ble_bytes){ own->bytes, own->size };
	}
	return ble_courier_write(&c, ret, room);
}

/* ---- what comes ------------------------------------------------------------------------------ */

int mind_letters_put(struct ble_pile *p, const struct ble_courier *c)
{
	int r = 0;

	if (!takes(p))
		return -BLE_UNSUPPORTED;
	if (c->has & BLE_HAS(BLE_COURIER_RECEIPT))
		r = receipted(p, &c->receipt);
	if (r == 0 && c->has & BLE_HAS(BLE_COURIER_COVER))
		r = offered(p, &c->cover);
	if (r == 0 && c->has & BLE_HAS(BLE_COURIER_BYTES))
		r = c->bytes.size ? piece(p, c) : -BLE_MALFORMED;
	return r;
}

bool mind_letters_wanted(const struct ble_pile *p, uint64_t *ret_number, uint32_t *ret_offset)
{
	struct ble_letter it = in_hand(p);

	if (!takes(p) || !it.number || over(p, &it))
		return false;
	*ret_number = it.number;
	*ret_offset = p->mail.have;
	return true;
}
