/* Letters that a terminal carries between the cloud and piles. To a pile: what the cloud offers is fetched piece by
 * piece while there is a line, kept durably, and brought in visits, from wherever the pile has come to. From a pile:
 * its own letters, and its word on what it has had, go into the queue to the cloud. Nothing in them is read here. */
#include "terminal.h"

#include "../core/ble_letters.h"

#include <string.h>

/* ---- the store ------------------------------------------------------------------------------- */

struct total {
	uint64_t bytes;
	unsigned letters;
};

static struct total carried(struct gv_turn *t)
{
	struct gv_scan scan = { .table = &terminal_letters };
	struct total all = { 0 };

	for (; gv_next(t, &scan); all.letters++)
		all.bytes += ((const Ble__CarriedLetterRow *)scan.row)->size;
	return all;
}

static void drop(struct gv_turn *t, const char *pile, uint64_t number)
{
	struct gv_scan pieces = { .table = &terminal_pieces, .prefix = gv_key(pile, number) };

	while (gv_next(t, &pieces))
		gv_delete(t, &terminal_pieces, pieces.key);
	gv_delete(t, &terminal_letters, gv_key(pile, number));
}

static bool whole(const Ble__CarriedLetterRow *row)
{
	return row->have == row->size;
}

static void sweep(struct gv_turn *t)
{
	struct gv_scan scan = { .table = &terminal_letters };

	while (gv_next(t, &scan))
		if (((const Ble__CarriedLetterRow *)scan.row)->expires_at_ms <= gv_now_ms(t))
			drop(t, scan.key.part[0].s, scan.key.part[1].u);
}

bool mail_for(struct gv_turn *t, const char *pile)
{
	struct gv_scan scan = { .table = &terminal_letters, .prefix = gv_key(pile) };

	while (*pile && gv_next(t, &scan))
		if (whole(scan.row) && ((const Ble__CarriedLetterRow *)scan.row)->expires_at_ms > gv_now_ms(t))
			return true;
	return false;
}

bool mail_waits(struct gv_turn *t, const char *device)
{
	const Ble__SeenRow *row = gv_get(t, &terminal_piles, gv_key(device));

	return row && mail_for(t, row->id);
}

/* ---- from the cloud -------------------------------------------------------------------------- */

static int offered(struct terminal *s, struct gv_turn *t, const char *pile, const struct ble_bytes *cover)
{
	Ble__CarriedLetterRow row = BLE__CARRIED_LETTER_ROW__INIT;
	struct total all = carried(t);
	struct ble_letter it;

	if (ble_letter_read(cover->at, cover->size, &it) < 0 || !it.size)
		return 0;
	row.expires_at_ms = (int64_t)it.expires * 1000;
	if (gv_get(t, &terminal_letters, gv_key(pile, it.number)) || row.expires_at_ms <= gv_now_ms(t))
		return 0;
	if (all.letters >= LETTERS_MAX || all.bytes + it.size > s->max_letter_bytes)
		return 0; /* the cloud has it still, and offers it again */
	row.cover = (ProtobufCBinaryData){ cover->size, (uint8_t *)cover->at };
	row.size = it.size;
	return gv_put(t, &terminal_letters, gv_key(pile, it.number), &row);
}

/* The pile of this id; NULL: it was never visited. */
static Ble__SeenRow *seen_of(struct gv_turn *t, const char *pile)
{
	struct gv_scan scan = { .table = &terminal_piles };

	while (gv_next(t, &scan))
		if (strcmp(((const Ble__SeenRow *)scan.row)->id, pile) == 0)
			return gv_edit(t, &terminal_piles, scan.key);
	return NULL;
}

static bool has_receipt(struct gv_turn *t, const char *pile, const struct ble_bytes *document)
{
	const Ble__SeenRow *row = seen_of(t, pile);
	struct ble_letter_receipt it;

	return ble_letter_receipt_read(document->at, document->size, &it) < 0 ||
	       (row && row->letter_box == it.box && it.upto <= row->letters_receipted);
}

int mail_offered(struct terminal *s, struct gv_turn *t, const char *pile, const uint8_t *body, size_t size)
{
	struct ble_courier c;
	int r = 0;

	if (ble_courier_read(body, size, &c) < 0)
		return 0;
	if (c.has & BLE_HAS(BLE_COURIER_RECEIPT) && !has_receipt(t, pile, &c.receipt)) {
		r = bring_keep(t, pile, BLE_COURIER, body, size);
		reach_news(s, t, pile);
	}
	if (r == 0 && c.has & BLE_HAS(BLE_COURIER_COVER))
		r = offered(s, t, pile, &c.cover);
	return r < 0 ? r : mail_fetch(s, t);
}

/* The first of which something is missing. */
static const Ble__CarriedLetterRow *wanted(struct gv_turn *t, struct gv_key *ret_key)
{
	struct gv_scan scan = { .table = &terminal_letters };

	while (gv_next(t, &scan))
		if (!whole(scan.row)) {
			*ret_key = scan.key;
			return scan.row;
		}
	return NULL;
}

int mail_fetch(struct terminal *s, struct gv_turn *t)
{
	struct gv_key key;
	const Ble__CarriedLetterRow *row = wanted(t, &key);
	struct ble_courier c = { .has = BLE_HAS(BLE_COURIER_PILE) | BLE_HAS(BLE_COURIER_NUMBER) |
					BLE_HAS(BLE_COURIER_OFFSET) };

	if (!row || !s->line)
		return 0;
	c.number = key.part[1].u;
	if (!hex_read(key.part[0].s, c.pile, 16))
		return 0;
	if (strcmp(s->piece_pile, key.part[0].s) != 0 || s->piece_number != c.number || s->piece_next < row->have) {
		memcpy(s->piece_pile, key.part[0].s, PILE_HEX);
		s->piece_number = c.number;
		s->piece_next = row->have;
	}
	for (; s->piece_next < row->size && s->piece_next < row->have + PIECES_AHEAD * BLE_LETTER_PIECE;
	     s->piece_next += BLE_LETTER_PIECE) {
		c.offset = s->piece_next;
		if (!line_piece(s, t, s->piece_pile, &c))
			return 0;
	}
	return 0;
}

int mail_piece(struct terminal *s, struct gv_turn *t, const char *pile, const struct ble_frame *f)
{
	struct ble_courier c;
	Ble__PieceRow piece = BLE__PIECE_ROW__INIT;
	const Ble__CarriedLetterRow *row;

	if (strcmp(s->piece_pile, pile) != 0)
		return 0;             /* of a letter that was given up */
	if (f->type != BLE_COURIER) { /* it is no longer under way */
		drop(t, pile, s->piece_number);
		*s->piece_pile = '\0';
		return mail_fetch(s, t);
	}
	if (ble_courier_read(f->body.at, f->body.size, &c) < 0)
		return 0;
	row = gv_get(t, &terminal_letters, gv_key(pile, c.number));
	if (!row || c.offset != row->have || !c.bytes.size || c.bytes.size > row->size - row->have)
		return 0;
	piece.bytes = (ProtobufCBinaryData){ c.bytes.size, (uint8_t *)c.bytes.at };
	gv_put(t, &terminal_pieces, gv_key(pile, c.number, c.offset / BLE_LETTER_PIECE), &piece);
	((Ble__CarriedLetterRow *)gv_edit(t, &terminal_letters, gv_key(pile, c.number)))->have += (uint32_t)
													  c.bytes.size;
	return mail_fetch(s, t);
}

/* Answers that were lost are not waited for. */
bool mail_look(struct terminal *s, struct gv_turn *t)
{
	struct gv_key key;

	*s->piece_pile = '\0';
	sweep(t);
	mail_fetch(s, t);
	mail_ask(s, t);
	return s->line && wanted(t, &key);
}

void mail_line_gone(struct terminal *s)
{
	*s->piece_pile = '\0';
	s->ask_after[0] = '\0';
	s->asking_letters = false;
}

/* ---- which letters there are ----------------------------------------------------------------- */

/* The next pile behind the one that was asked for last, one at a time. */
int mail_ask(struct terminal *s, struct gv_turn *t)
{
	struct gv_scan scan = { .table = &terminal_piles };

	if (!s->line || s->asking_letters || !s->max_letter_bytes)
		return 0;
	if (s->ask_after[0])
		scan.after = gv_key(s->ask_after);
	while (gv_next(t, &scan)) {
		const Ble__SeenRow *row = scan.row;

		memcpy(s->ask_after, scan.key.part[0].s, strlen(scan.key.part[0].s) + 1);
		if (row->no_letters || gv_now_ms(t) - row->seen_at_ms > LETTERS_SEEN_MS || row->online)
			continue;
		if (line_letters(s, t, scan.key.part[0].s, row->id)) {
			s->asking_letters = true;
			return 0;
		}
	}
	s->ask_after[0] = '\0'; /* from the beginning, when it is looked again */
	return 0;
}

int mail_asked(struct terminal *s, struct gv_turn *t)
{
	s->asking_letters = false;
	return mail_ask(s, t);
}

/* ---- in a visit ------------------------------------------------------------------------------ */

static int ask_box(struct visit *v)
{
	struct ble_courier c = { .has = BLE_HAS(BLE_COURIER_NUMBER), .number = v->own_upto };
	uint8_t body[32];
	int size = ble_courier_write(&c, body, sizeof(body));

	v->box_due = false;
	v->box_asked = true;
	return size < 0 ? size : ble_term_put(&v->term, BLE_COURIER_GET, body, (size_t)size);
}

/* The first letter for this pile behind those that were dealt with in this visit. */
static const Ble__CarriedLetterRow *next_letter(struct gv_turn *t, const struct visit *v, uint64_t *ret_number)
{
	struct gv_scan scan = { .table = &terminal_letters, .prefix = gv_key(v->pile) };

	if (v->letter_done)
		scan.after = gv_key(v->pile, v->letter_done);
	while (gv_next(t, &scan))
		if (whole(scan.row)) {
			*ret_number = scan.key.part[1].u;
			return scan.row;
		}
	return NULL;
}

/* The piece that the pile lacks next; its cover goes along where it has none of it yet. */
static int put_piece(struct gv_turn *t, struct visit *v, const Ble__CarriedLetterRow *row, uint64_t number)
{
	struct ble_courier c = { .has = BLE_HAS(BLE_COURIER_NUMBER) | BLE_HAS(BLE_COURIER_OFFSET) |
					BLE_HAS(BLE_COURIER_BYTES),
				 .number = number };
	const Ble__PieceRow *piece;
	uint8_t body[BLE_DOCUMENT_MAX];
	uint32_t within;
	int size;

	if (v->letter != number) {
		v->letter = number;
		v->letter_at = v->hand_number == number ? v->hand_have : 0;
	}
	c.offset = v->letter_at < row->size ? v->letter_at : 0;
	within = c.offset % BLE_LETTER_PIECE;
	piece = gv_get(t, &terminal_pieces, gv_key(v->pile, number, c.offset / BLE_LETTER_PIECE));
	if (!piece || piece->bytes.len <= within) { /* none can be made of it any more */
		drop(t, v->pile, number);
		return 0;
	}
	c.bytes = (struct ble_bytes){ piece->bytes.data + within, piece->bytes.len - within };
	if (c.offset == 0 || v->hand_number != number) {
		c.has |= BLE_HAS(BLE_COURIER_COVER);
		c.cover = (struct ble_bytes){ row->cover.data, row->cover.len };
	}
	v->hand_number = number;
	size = ble_courier_write(&c, body, sizeof(body));
	return size < 0 ? size : ble_term_put(&v->term, BLE_COURIER, body, (size_t)size);
}

bool mail_go_on(struct terminal *s, struct gv_turn *t, struct visit *v)
{
	const Ble__CarriedLetterRow *row = NULL;
	uint64_t number = 0;

	if (v->no_letters || !s->max_letter_bytes || command_of_visit(t, v))
		return false;
	if (!v->box_asked || v->box_due)
		return ask_box(v) == 0;
	while (ble_term_idle(&v->term) && (row = next_letter(t, v, &number)))
		if (put_piece(t, v, row, number) < 0)
			return false;
	return row != NULL;
}

/* Its own letter, or its word on what it has had: for the cloud. */
static int box_came(struct gv_turn *t, struct visit *v, const struct ble_term_step *step)
{
	struct ble_courier c;
	struct ble_letter_box box;
	Ble__SeenRow *row = seen_edit(t, v->device);
	int r = 0;

	if (ble_courier_read(step->data, step->size, &c) < 0 || ble_letter_box_read(c.box.at, c.box.size, &box) < 0 ||
	    !ble_same(box.pile, v->term.link.certificate.pile, 16))
		return 0;
	v->hand_number = box.number;
	v->hand_have = box.have;
	if (row) {
		row->letter_box = box.box;
		row->letters_receipted = box.receipted;
	}
	if (c.has & BLE_HAS(BLE_COURIER_COVER)) {
		v->own_upto = c.number;
		v->box_due = true; /* and the one behind it */
	} else if (row) {
		row->letters_had = true;
	}
	r = store_courier(t, v->pile, step->data, step->size, !c.cover.size);
	return r;
}

/* It has the receipt for its own, or refuses it: nothing is brought again. */
static void receipt_answered(struct gv_turn *t, struct visit *v)
{
	const Ble__BringRow *brought = gv_get(t, &terminal_bring, gv_key(v->pile, (uint32_t)BLE_COURIER));
	Ble__SeenRow *row = seen_edit(t, v->device);
	struct ble_letter_receipt it;
	struct ble_courier c;

	v->receipt_asked = false;
	if (brought && row && ble_courier_read(brought->document.data, brought->document.len, &c) == 0 &&
	    ble_letter_receipt_read(c.receipt.at, c.receipt.size, &it) == 0) {
		row->letter_box = it.box;
		row->letters_receipted = it.upto;
	}
	bring_done(t, v->pile, BLE_COURIER);
}

static void refused(struct gv_turn *t, struct visit *v)
{
	Ble__SeenRow *row = seen_edit(t, v->device);

	v->no_letters = true;
	if (row)
		row->no_letters = true;
}

/* The pile's answer to a piece. */
static int piece_answered(struct gv_turn *t, struct visit *v, const struct ble_term_step *step)
{
	const Ble__CarriedLetterRow *row = gv_get(t, &terminal_letters, gv_key(v->pile, v->letter));

	switch (step->result) {
	case BLE_OK:
		v->letter_at = (uint32_t)step->seq;
		if (row && step->seq > 0 && step->seq < row->size)
			return 0;
		gv_count(t, "terminal_letters_brought", 1);
		break;
	case BLE_GAP: /* it goes on where the pile is */
		v->letter_at = (uint32_t)step->seq;
		return 0;
	case BLE_NOT_ALLOWED: /* it has lost what it had of it */
		v->hand_number = 0;
		v->letter_at = 0;
		return ++v->letter_tries > LETTER_TRIES ? (v->letter_done = v->letter, 0) : 0;
	case BLE_BUSY: /* with another courier's: next time */
	case BLE_STORE_FULL:
	case BLE_UNKNOWN_KEY: /* the key set may come */
		v->letter_done = v->letter;
		return 0;
	default:
		break;
	}
	if (step->result != BLE_OK && step->result != BLE_STALE)
		gv_log(t, GV_WARN, "A pile does not take a letter device=%s number=%llu result=%s", v->device,
		       (unsigned long long)v->letter, ble_result_name(step->result));
	v->letter_done = v->letter;
	v->box_due = true; /* so that the cloud gets its word on it */
	drop(t, v->pile, v->letter);
	return 0;
}

int mail_answered(struct gv_turn *t, struct visit *v, const struct ble_term_step *step)
{
	if (step->result == BLE_UNSUPPORTED) {
		refused(t, v);
		bring_done(t, v->pile, BLE_COURIER);
		return 0;
	}
	if (step->request == BLE_COURIER_GET)
		return step->result == BLE_OK ? box_came(t, v, step) : 0;
	if (v->receipt_asked) { /* of letters: put where no piece is under way */
		receipt_answered(t, v);
		return 0;
	}
	return piece_answered(t, v, step);
}
