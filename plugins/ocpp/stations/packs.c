/* Meter values and heartbeats are nearly all of what chargers say. A row for each would double the work of the hot
 * path, so a charger's are collected in memory, and a timer writes what is much or old, for many chargers in one turn:
 * one commit, and a row for dozens of messages. They are written, too, when the connection ends and when the plugin
 * stops. A crash loses what is collected, of the history only: what was measured is in the samples before it is
 * answered. */
#include "packs.h"

#include <plugins/ocpp/ocpp.h>

#include <string.h>

#define FULL_BYTES 8192   /* collected of a charger; what it says beyond until they are written is in the ring alone */
#define ENOUGH_BYTES 6144 /* collected: written soon */
#define SOON_MS 5000      /* a charger that says much for long is kept with FULL_BYTES in this time */
#define OLD_MS (300 * 1000) /* collected for so long: written */
#define LATE_MS 60000       /* a timer that is overdue for so long was lost with its turn */
#define CHARGERS_MAX 64     /* of which a turn writes what is collected */
#define AGAIN_MS 20         /* while there are more */
#define ROW_BYTES 64        /* of a row, beside its messages */
#define DROPPED_MAX 8       /* rows that go for one that comes */
#define PURGED_MAX 100      /* chargers whose rows a turn looks at, */
#define OVERDUE_MAX 16      /* and rows of each that may go */

const struct gv_table ocpp_packs = { .name = "message_packs",
				     .key = "su",
				     .value = &ocpp__message_pack_row__descriptor };

/* ---- collecting ------------------------------------------------------------------------------ */

static void wake(struct ocpp *o, struct gv_turn *t, int64_t at_ms)
{
	int64_t due = o->packs_due_ms;

	if (due && due <= at_ms && gv_now_ms(t) < due + LATE_MS)
		return;
	o->packs_due_ms = at_ms;
	gv_timer(t, PACKS_TIMER, at_ms, NULL);
}

bool pack_fits(struct ocpp *o, struct gv_turn *t, const struct station *st)
{
	if (!o->messages.keep_packs_bytes)
		return false;
	if (st->pack.said.size >= ENOUGH_BYTES)
		wake(o, t, gv_now_ms(t) + SOON_MS);
	return st->pack.said.size < FULL_BYTES;
}

static uint8_t *put_varint(uint8_t *to, size_t value)
{
	for (; value >= 128; value >>= 7)
		*to++ = (uint8_t)(value | 128);
	*to++ = (uint8_t)value;
	return to;
}

static uint8_t *put_text(uint8_t *to, uint8_t tag, const char *text, size_t size)
{
	*to++ = tag;
	to = put_varint(to, size);
	memcpy(to, text, size);
	return to + size;
}

static uint8_t *put_bool(uint8_t *to, uint8_t tag, bool value)
{
	if (value) {
		*to++ = tag;
		*to++ = 1;
	}
	return to;
}

#define TAG(field, wire) ((uint8_t)((field) << 3 | (wire)))
#define HEAD_MAX 24 /* bytes of a message, beside its texts */

/* As protobuf-c would write it, whose general way costs as much as all else that a message costs here. */
void pack_add(struct ocpp *o, struct gv_turn *t, struct station *st, const struct message *m, uint64_t number)
{
	struct pack *p = &st->pack;
	size_t action_size = strnlen(m->action, 100), size = message_kept(m), inner;
	bool cut = size < m->size;
	uint8_t *to;

	if (gv_buf_reserve(&p->said, action_size + size + 2 * HEAD_MAX))
		return;
	if (!p->said.size) {
		p->since_ms = gv_now_ms(t);
		wake(o, t, p->since_ms + OLD_MS);
	}
	inner = 9 + (m->in ? 2 : 0) + 2 + action_size + (size < 128 ? 2 : 3) + size + (cut ? 2 : 0);
	to = p->said.data + p->said.size;
	*to++ = TAG(1, 2);
	to = put_varint(to, inner);
	*to++ = TAG(1, 1);
	for (unsigned i = 0; i < 8; i++)
		*to++ = (uint8_t)(number >> (8 * i));
	to = put_bool(to, TAG(2, 0), m->in);
	to = put_text(to, TAG(3, 2), m->action, action_size);
	to = put_text(to, TAG(4, 2), m->text, size);
	to = put_bool(to, TAG(5, 0), cut);
	p->said.size = (size_t)(to - p->said.data);
	p->newest = number;
}

Ocpp__MessagePack *pack_read(struct gv_turn *t, const Ocpp__MessagePackRow *row)
{
	return ocpp__message_pack__unpack(gv_allocator(t), row->messages.len, row->messages.data);
}

Ocpp__MessagePack *pack_collected(struct gv_turn *t, const struct station *st)
{
	return ocpp__message_pack__unpack(gv_allocator(t), st->pack.said.size, st->pack.said.data);
}

/* ---- writing --------------------------------------------------------------------------------- */

/* Each row's key tells what was ever written up to it, so the difference of two is what lies between them. */
static void find_end(struct gv_turn *t, struct station *st)
{
	struct gv_scan scan = { .table = &ocpp_packs, .prefix = gv_key(st->device), .reverse = true };

	if (!st->pack.end && gv_next(t, &scan))
		st->pack.end = scan.key.part[1].u;
}

static void drop_oldest(const struct ocpp *o, struct gv_turn *t, struct station *st)
{
	struct gv_scan scan = { .table = &ocpp_packs, .prefix = gv_key(st->device) };

	if (st->pack.end <= o->messages.keep_packs_bytes || st->pack.end < st->pack.full)
		return;
	for (unsigned i = 0; i < DROPPED_MAX && gv_next(t, &scan); i++) {
		st->pack.full = scan.key.part[1].u + o->messages.keep_packs_bytes;
		if (st->pack.end < st->pack.full)
			return;
		gv_delete(t, &ocpp_packs, scan.key);
		gv_count(t, "message_packs_forgotten", 1);
	}
}

void pack_write(struct ocpp *o, struct gv_turn *t, struct station *st)
{
	Ocpp__MessagePackRow row = OCPP__MESSAGE_PACK_ROW__INIT;
	struct pack *p = &st->pack;

	if (!p->said.size)
		return;
	row.messages = (ProtobufCBinaryData){ p->said.size, p->said.data };
	row.newest = p->newest;
	find_end(t, st);
	p->end += p->said.size + ROW_BYTES;
	gv_put(t, &ocpp_packs, gv_key(st->device, p->end), &row);
	gv_buf_fini(&p->said);
	drop_oldest(o, t, st);
}

static bool is_due(const struct pack *p, int64_t now_ms)
{
	return p->said.size >= ENOUGH_BYTES || (p->said.size && now_ms >= p->since_ms + OLD_MS);
}

/* Writes what is due by then, of CHARGERS_MAX chargers. True: there are more. *ret_next_ms: when the next is; 0: never.
 */
static bool write_due(struct ocpp *o, struct gv_turn *t, int64_t by_ms, int64_t *ret_next_ms)
{
	unsigned n = 0;

	*ret_next_ms = 0;
	for (unsigned i = 0; i < OCPP_STATIONS_BUCKETS; i++)
		for (struct station *st = o->stations[i]; st; st = st->next) {
			int64_t due_ms = st->pack.since_ms + OLD_MS;

			if (is_due(&st->pack, by_ms)) {
				if (n++ == CHARGERS_MAX)
					return true;
				pack_write(o, t, st);
			} else if (st->pack.said.size && (!*ret_next_ms || due_ms < *ret_next_ms)) {
				*ret_next_ms = due_ms;
			}
		}
	return false;
}

int packs_due(struct ocpp *o, struct gv_turn *t)
{
	int64_t next_ms;
	bool more;

	o->packs_due_ms = 0;
	more = write_due(o, t, gv_now_ms(t), &next_ms);
	if (more)
		wake(o, t, gv_now_ms(t) + AGAIN_MS);
	else if (next_ms)
		wake(o, t, next_ms);
	return 0;
}

int packs_finish(struct ocpp *o, struct gv_turn *t)
{
	int64_t next_ms;

	return write_due(o, t, INT64_MAX, &next_ms);
}

/* ---- retention ------------------------------------------------------------------------------- */

static void purge(struct gv_turn *t, const char *device, uint64_t oldest)
{
	struct gv_scan scan = { .table = &ocpp_packs, .prefix = gv_key(device) };

	for (unsigned i = 0; i < OVERDUE_MAX && gv_next(t, &scan); i++) {
		if (((const Ocpp__MessagePackRow *)scan.row)->newest >= oldest)
			return;
		gv_delete(t, &ocpp_packs, scan.key);
		gv_count(t, "message_packs_forgotten", 1);
	}
}

const char *packs_purge(struct gv_turn *t, const char *after, uint64_t oldest)
{
	for (unsigned i = 0; i < PURGED_MAX; i++) {
		struct gv_scan scan = { .table = &ocpp_packs };

		if (after[0])
			scan.after = gv_key(after, UINT64_MAX);
		if (!gv_next(t, &scan))
			return "";
		after = scan.key.part[0].s;
		purge(t, after, oldest);
	}
	return after;
}
