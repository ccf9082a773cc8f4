/* What a charger said, beyond a restart. Boots, states, transactions, commands and their answers, and all that went
 * wrong are a row each, in the turn that deals with them; meter values and heartbeats, which are nearly all of the
 * traffic, are written in packs. What a charger says beyond bounds is in the ring alone. */
#include "packs.h"

#include <plugins/ocpp/ocpp.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PERIOD_MS (60 * 60 * 1000)
#define AGAIN_MS 1000 /* while there is more to look at */
#define ROWS_MAX 5000 /* looked at in one turn */
#define DAY_MS INT64_C(86400000)
#define MINUTE_MS 60000
#define KEPT_PER_MINUTE 240 /* of one charger */
#define ROW_BYTES 64        /* of a row, beside its text */
/* Rows that go for one that comes: so many, as the longest takes the room of as many of the shortest. */
#define MAKE_ROOM_MAX (MESSAGE_TEXT_MAX / ROW_BYTES + 1)

/* An answer that refuses begins so: people look for it. */
static bool is_error(const struct message *m)
{
	return m->size > 2 && m->text[0] == '[' && (m->text[1] == '4' || m->text[1] == '5');
}

static bool fits(struct station *st, int64_t now_ms)
{
	if (now_ms - st->kept_since_ms >= MINUTE_MS) {
		st->kept_since_ms = now_ms;
		st->kept = 0;
	}
	return st->kept++ < KEPT_PER_MINUTE;
}

static const Ocpp__MessageRow *end_row(struct gv_turn *t, struct gv_scan *scan, const char *device, bool newest)
{
	*scan = (struct gv_scan){ .table = &ocpp_messages, .prefix = gv_key(device), .reverse = newest };
	return gv_next(t, scan) ? scan->row : NULL;
}

/* Each row tells what was ever written up to it, so the difference of the newest and the oldest is what is there. The
 * oldest go that are too many; those of stores without these counts wait for message_purge. */
static void make_room(const struct messages *m, struct gv_turn *t, const char *device, Ocpp__MessageRow *row)
{
	struct gv_scan scan;
	const Ocpp__MessageRow *oldest, *newest = end_row(t, &scan, device, true);

	row->count = (newest ? newest->count : 0) + 1;
	row->bytes = (newest ? newest->bytes : 0) + strlen(row->text) + ROW_BYTES;
	oldest = end_row(t, &scan, device, false);
	for (unsigned i = 0; oldest && oldest->count && i < MAKE_ROOM_MAX; i++) {
		uint64_t before = oldest->bytes - strlen(oldest->text) - ROW_BYTES;

		if (row->count - oldest->count < m->keep_per_station && row->bytes - before <= m->keep_bytes)
			return;
		gv_delete(t, &ocpp_messages, scan.key);
		gv_count(t, "messages_forgotten", 1);
		oldest = gv_next(t, &scan) ? scan.row : NULL;
	}
}

static void log_row(struct ocpp *o, struct gv_turn *t, struct station *st, const struct message *m, uint64_t number)
{
	Ocpp__MessageRow row = OCPP__MESSAGE_ROW__INIT;

	row.in = m->in;
	row.cut = message_kept(m) < m->size;
	row.action = (char *)m->action;
	row.text = gv_str(t, "%.*s", (int)message_kept(m), m->text);
	make_room(&o->messages, t, st->device, &row);
	gv_put(t, &ocpp_messages, gv_key(st->device, number), &row);
}

void message_log(struct ocpp *o, struct gv_turn *t, struct station *st, const struct message *m)
{
	bool row = !m->routine || is_error(m);
	bool keep = row ? o->messages.keep_days && fits(st, gv_now_ms(t)) : pack_fits(o, t, st);
	uint64_t number = messages_add(&o->messages, gv_now_ms(t), st->device, m, keep);

	if (keep && row)
		log_row(o, t, st, m, number);
	else if (keep)
		pack_add(o, t, st, m, number);
}

/* ---- lists ----------------------------------------------------------------------------------- */

static bool wanted(const struct message_filter *f, const Ocpp__PackedMessage *m)
{
	int64_t ms = (int64_t)(m->number / MESSAGE_NUMBERS_PER_MS);

	return (m->in ? f->in : f->out) && ms >= f->from_ms && (!f->until_ms || ms < f->until_ms) &&
	       (!f->before || m->number < f->before) && (!f->action[0] || !strcmp(f->action, m->action)) &&
	       (!f->contains[0] || strstr(m->text, f->contains));
}

/* What a table says of the filter's charger, newest first, up to its limit. */
struct found {
	const struct message_filter *filter;
	Ocpp__ListMessagesReply *reply;
	size_t n;
};

static void offer(struct gv_turn *t, struct found *found, const Ocpp__PackedMessage *from)
{
	Ocpp__Message *m;

	if (found->n == found->filter->limit || !wanted(found->filter, from))
		return;
	m = gv_alloc(t, sizeof *m);
	ocpp__message__init(m);
	m->number = from->number;
	m->time_ms = (int64_t)(from->number / MESSAGE_NUMBERS_PER_MS);
	m->device = (char *)found->filter->device;
	m->direction = from->in ? "in" : "out";
	m->action = from->action;
	m->text = from->text;
	m->cut = from->cut;
	*GV_APPEND(t, found->reply->messages, found->reply->n_messages) = m;
	found->n++;
}

static void list_rows(struct gv_turn *t, struct found *found)
{
	struct gv_scan scan = { .table = &ocpp_messages, .prefix = gv_key(found->filter->device), .reverse = true };

	if (found->filter->before)
		scan.after = gv_key(found->filter->device, found->filter->before);
	while (found->n < found->filter->limit && gv_next(t, &scan)) {
		const Ocpp__MessageRow *row = scan.row;
		Ocpp__PackedMessage m = OCPP__PACKED_MESSAGE__INIT;

		m.number = scan.key.part[1].u;
		m.in = row->in;
		m.action = row->action;
		m.text = row->text;
		m.cut = row->cut;
		offer(t, found, &m);
	}
}

static void offer_pack(struct gv_turn *t, struct found *found, const Ocpp__MessagePack *pack)
{
	for (size_t i = pack ? pack->n_messages : 0; i-- > 0;)
		offer(t, found, pack->messages[i]);
}

static void list_packs(struct ocpp *o, struct gv_turn *t, struct found *found)
{
	struct gv_scan scan = { .table = &ocpp_packs, .prefix = gv_key(found->filter->device), .reverse = true };
	const struct station *st = station_find(o, found->filter->device);

	if (st)
		offer_pack(t, found, pack_collected(t, st));
	while (found->n < found->filter->limit && gv_next(t, &scan))
		offer_pack(t, found, pack_read(t, scan.row));
}

static int newest_first(const void *a, const void *b)
{
	uint64_t x = (*(Ocpp__Message *const *)a)->number, y = (*(Ocpp__Message *const *)b)->number;

	return x < y ? 1 : x > y ? -1 : 0;
}

/* Of one charger: its rows, its packs, and from the ring what is in neither. */
static void list_station(struct ocpp *o, struct gv_turn *t, const struct message_filter *f,
			 Ocpp__ListMessagesReply *reply)
{
	struct found rows = { .filter = f, .reply = reply }, packs = rows;
	struct message_filter rest = *f;

	list_rows(t, &rows);
	list_packs(o, t, &packs);
	rest.limit = (uint32_t)reply->n_messages + f->limit;
	messages_list(&o->messages, t, &rest, true, reply);
	if (reply->n_messages > 1)
		qsort(reply->messages, reply->n_messages, sizeof *reply->messages, newest_first);
	if (reply->n_messages > f->limit)
		reply->n_messages = f->limit;
}

void message_list(struct ocpp *o, struct gv_turn *t, const struct message_filter *f, Ocpp__ListMessagesReply *reply)
{
	if (f->device[0])
		list_station(o, t, f, reply);
	else
		messages_list(&o->messages, t, f, false, reply);
	if (reply->n_messages == f->limit && f->limit)
		reply->next_before = reply->messages[f->limit - 1]->number;
}

/* ---- retention ------------------------------------------------------------------------------- */

int message_start(struct ocpp *o, struct gv_turn *t)
{
	return o->messages.keep_days ? gv_timer(t, MESSAGES_TIMER, gv_now_ms(t) + PERIOD_MS, NULL) : 0;
}

static uint64_t oldest_kept(const struct messages *m, struct gv_turn *t)
{
	return (uint64_t)(gv_now_ms(t) - m->keep_days * DAY_MS) * MESSAGE_NUMBERS_PER_MS;
}

/* From the last charger's newest message down, so that those of one charger are counted as they are met. True: there
 * are more. */
static bool purge_rows(struct messages *m, struct gv_turn *t)
{
	struct gv_scan scan = { .table = &ocpp_messages, .reverse = true, .after = m->purged };
	uint64_t oldest = oldest_kept(m, t);
	const char *device = m->purged.count ? m->purged_device : "";
	unsigned looked = 0, gone = 0;

	while (looked < ROWS_MAX && gv_next(t, &scan)) {
		looked++;
		if (strcmp(device, scan.key.part[0].s) != 0)
			m->seen = 0;
		device = scan.key.part[0].s;
		if (++m->seen <= m->keep_per_station && scan.key.part[1].u >= oldest)
			continue;
		gv_delete(t, &ocpp_messages, scan.key);
		gone++;
	}
	if (gone)
		gv_count(t, "messages_forgotten", gone);
	m->purged.count = 0;
	if (looked < ROWS_MAX)
		return false;
	snprintf(m->purged_device, sizeof m->purged_device, "%s", device);
	m->purged = gv_key(m->purged_device, scan.key.part[1].u);
	return true;
}

static bool purge_packs(struct messages *m, struct gv_turn *t)
{
	const char *last = packs_purge(t, m->packs_purged, oldest_kept(m, t));

	snprintf(m->packs_purged, sizeof m->packs_purged, "%s", last);
	return last[0] != 0;
}

int message_purge(struct ocpp *o, struct gv_turn *t)
{
	struct messages *m = &o->messages;
	bool more = m->purges_packs ? purge_packs(m, t) : purge_rows(m, t);
	bool packs_follow = !m->purges_packs && !more;

	m->purges_packs = packs_follow || (m->purges_packs && more);
	return gv_timer(t, MESSAGES_TIMER, gv_now_ms(t) + (more || packs_follow ? AGAIN_MS : PERIOD_MS), NULL);
}
