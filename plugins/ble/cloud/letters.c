/* Letters to piles, as their senders see them: queued, withdrawn, listed, over. What they hold is the senders' and the
 * piles' affair; a large one is a blob of this node's, whose name is its hash. */
#include "cloud.h"
#include "../core/ble_openssl.h"

#include <lib/hex.h>
#include <lib/message.h>
#include <string.h>

#define LIFE_MS (30 * CLOUD_DAY_MS)      /* of a letter without an end of its own */
#define LIFE_MAX_MS (366 * CLOUD_DAY_MS) /* the latest that may be given */

/* ---- one of them ----------------------------------------------------------------------------- */

const Ble__LetterRow *letter_find(struct gv_turn *t, const char *device, uint64_t number)
{
	return gv_get(t, &cloud_letters, gv_key(device, number));
}

bool letter_open(const Ble__LetterRow *row)
{
	return row && !strcmp(row->letter->state, "open");
}

static const Ble__LetterRow *by_id(struct gv_turn *t, const char *device, const char *id)
{
	const Ble__LetterNumber *it = gv_get(t, &cloud_letter_ids, gv_key(device, id));

	return it ? letter_find(t, device, it->number) : NULL;
}

static char *timer(struct gv_turn *t, const char *device, uint64_t number)
{
	return gv_str(t, CLOUD_NAME ":letter:%s:%llu", device, (unsigned long long)number);
}

/* Its row with a letter that may be changed. */
static Ble__Letter *edit(struct gv_turn *t, const char *device, uint64_t number)
{
	Ble__LetterRow *row = gv_edit(t, &cloud_letters, gv_key(device, number));
	Ble__Letter *it = gv_alloc(t, sizeof(*it));

	if (row->letter)
		*it = *row->letter;
	else
		ble__letter__init(it);
	row->letter = it;
	return it;
}

/* The oldest that are over make room; what is open stays. */
static void make_room(struct gv_turn *t, const char *device)
{
	struct gv_scan scan = { .table = &cloud_letters, .prefix = gv_key(device), .reverse = true };
	unsigned n = 0;

	while (gv_next(t, &scan)) {
		const Ble__LetterRow *row = scan.row;

		if (letter_open(row) || ++n <= CLOUD_LETTERS_KEPT)
			continue;
		gv_delete(t, &cloud_letter_ids, gv_key(device, row->letter->id));
		gv_delete(t, &cloud_letters, scan.key);
	}
}

Ble__Letter *letter_end(struct gv_turn *t, const char *device, uint64_t number, const char *state)
{
	Ble__LetterRow *row = gv_edit(t, &cloud_letters, gv_key(device, number));
	Ble__Letter *it = edit(t, device, number);

	it->state = (char *)state;
	it->ended_at_ms = gv_now_ms(t);
	row->body.len = 0; /* nobody is given it any more */
	gv_timer_cancel(t, timer(t, device, number));
	make_room(t, device);
	return it;
}

void letter_progress(struct gv_turn *t, const char *device, uint64_t number, uint32_t have)
{
	const Ble__LetterRow *row = letter_find(t, device, number);

	if (letter_open(row) && row->letter->have != have)
		edit(t, device, number)->have = have;
}

int letter_due(struct cloud *c, struct gv_turn *t, const Ble__Due *due)
{
	Ble__LetterExpired e = BLE__LETTER_EXPIRED__INIT;

	if (!due || !letter_open(letter_find(t, due->device, due->number)))
		return 0;
	e.device = due->device;
	e.letter = letter_end(t, due->device, due->number, "expired");
	update_expired(t, due->device, due->number);
	return gv_emit(t, &e);
}

/* ---- put ------------------------------------------------------------------------------------- */

static unsigned count_open(struct gv_turn *t, const char *device)
{
	struct gv_scan scan = { .table = &cloud_letters, .prefix = gv_key(device) };
	unsigned n = 0;

	while (gv_next(t, &scan))
		n += letter_open(scan.row);
	return n;
}

/* Its bytes: size and hash; what is wrong, or NULL. */
static const char *measure(struct cloud *c, struct gv_turn *t, const Ble__PutLetterRequest *r, int64_t *ret_size,
			   uint8_t ret_hash[32])
{
	bool blob = r->blob[0];

	if (blob == (r->body.len > 0))
		return "give body or blob, one of the two";
	if (blob && !pile_unhex(r->blob, ret_hash, 32))
		return "blob: 64 hex digits, the SHA-256 of one of this node's blobs";
	if (!blob && ble_openssl.sha256(NULL, r->body.data, r->body.len, ret_hash) != 0)
		return "libcrypto has no SHA-256";
	*ret_size = blob ? gv_blob_size(t, r->blob) : (int64_t)r->body.len;
	if (*ret_size < 0)
		return gv_str(t, "blob: this node has no blob %s", r->blob);
	if (*ret_size == 0 || *ret_size > c->settings->letter_max)
		return gv_str(t, "a letter has 1 to %u bytes (config cloud.letter_max), and this one has %lld",
			      c->settings->letter_max, (long long)*ret_size);
	return NULL;
}

static int refuse_unknown(struct gv_turn *t, struct gv_ticket to, const char *device)
{
	return gv_refuse(t, to, GV_NOT_FOUND, "%.128s is no pile: PutPile makes it one", device);
}

static Ble__Letter *write(struct gv_turn *t, struct pile *p, const Ble__PutLetterRequest *r, int64_t size,
			  const uint8_t hash[32])
{
	uint64_t number = ++pile_edit(t, p)->letters;
	Ble__LetterRow *row = gv_edit(t, &cloud_letters, gv_key(p->device, number));
	Ble__Letter *it = edit(t, p->device, number);
	Ble__LetterNumber ref = BLE__LETTER_NUMBER__INIT;
	Ble__Due due = BLE__DUE__INIT;

	it->device = (char *)p->device;
	it->id = r->id;
	it->number = ref.number = due.number = number;
	it->kind = r->kind;
	it->size = (uint32_t)size;
	it->hash = (char *)pile_hex(t, hash, 32);
	it->put_at_ms = gv_now_ms(t);
	it->expires_at_ms = r->expires_at_ms ? r->expires_at_ms : gv_now_ms(t) + LIFE_MS;
	it->state = (char *)"open";
	row->body = r->body;
	row->blob = r->blob;
	gv_put(t, &cloud_letter_ids, gv_key(p->device, r->id), &ref);
	due.device = (char *)p->device;
	gv_timer(t, timer(t, p->device, number), it->expires_at_ms, &due);
	return it;
}

static const Ble__Letter *no(struct letter_refusal *ret, enum gv_code code, const char *why)
{
	*ret = (struct letter_refusal){ code, why };
	return NULL;
}

const Ble__Letter *letter_put(struct cloud *c, struct gv_turn *t, struct pile *p, const Ble__PutLetterRequest *r,
			      struct letter_refusal *ret)
{
	const Ble__LetterRow *before = by_id(t, p->device, r->id);
	int64_t size = 0, life = r->expires_at_ms - gv_now_ms(t);
	const Ble__Letter *letter;
	uint8_t hash[32];
	const char *why;

	if (before)
		return before->letter;
	why = measure(c, t, r, &size, hash);
	if (!why && r->expires_at_ms && (life <= 0 || life > LIFE_MAX_MS))
		why = "expires_at_ms: a time within the next 366 days, in ms since 1970";
	if (why)
		return no(ret, GV_INVALID_ARGUMENT, why);
	if (count_open(t, p->device) >= CLOUD_LETTERS_OPEN_MAX)
		return no(ret, GV_RESOURCE_EXHAUSTED,
			  gv_str(t, "%d letters to %s are under way: wait for one, or WithdrawLetter",
				 CLOUD_LETTERS_OPEN_MAX, p->device));
	letter = write(t, p, r, size, hash);
	letter_tell(c, t, p, letter->number);
	return letter;
}

int letters_put(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *m)
{
	const Ble__PutLetterRequest *r = (const Ble__PutLetterRequest *)m;
	Ble__PutLetterReply reply = BLE__PUT_LETTER_REPLY__INIT;
	struct cloud *c = cloud_of(self, t, to);
	struct letter_refusal refusal;
	struct pile p;

	if (!c)
		return 0;
	if (!pile_find(t, r->device, &p))
		return refuse_unknown(t, to, r->device);
	reply.letter = (Ble__Letter *)letter_put(c, t, &p, r, &refusal);
	return reply.letter ? gv_reply(t, to, &reply) : gv_refuse(t, to, refusal.code, "%s", refusal.why);
}

int letters_withdraw(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *m)
{
	const Ble__WithdrawLetterRequest *r = (const Ble__WithdrawLetterRequest *)m;
	Ble__WithdrawLetterReply reply = BLE__WITHDRAW_LETTER_REPLY__INIT;
	const Ble__LetterRow *row;

	if (!cloud_of(self, t, to))
		return 0;
	row = by_id(t, r->device, r->id);
	if (!row)
		return gv_refuse(t, to, GV_NOT_FOUND, "no letter to %.128s is called \"%.64s\"", r->device, r->id);
	reply.letter = letter_open(row) ? letter_end(t, row->letter->device, row->letter->number, "withdrawn")
					: row->letter;
	return gv_reply(t, to, &reply);
}

int letters_list(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *m)
{
	const Ble__ListLettersRequest *r = (const Ble__ListLettersRequest *)m;
	struct gv_scan letters = { .table = &cloud_letters, .prefix = gv_key(r->device) };
	struct gv_scan own = { .table = &cloud_own_letters, .prefix = gv_key(r->device) };
	Ble__ListLettersReply reply = BLE__LIST_LETTERS_REPLY__INIT;
	struct pile p;

	if (!cloud_of(self, t, to))
		return 0;
	if (!pile_find(t, r->device, &p))
		return refuse_unknown(t, to, r->device);
	reply.letter_max = p.row->letter_max;
	while (gv_next(t, &letters)) {
		Ble__Letter *it = ((const Ble__LetterRow *)letters.row)->letter;

		if (!r->state[0] || !strcmp(r->state, it->state))
			*GV_APPEND(t, reply.to_pile, reply.n_to_pile) = it;
	}
	while (gv_next(t, &own))
		*GV_APPEND(t, reply.from_pile, reply.n_from_pile) = ((const Ble__OwnLetterRow *)own.row)->letter;
	return gv_reply(t, to, &reply);
}
