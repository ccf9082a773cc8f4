/* What a charger said, beyond a restart. Meter values and heartbeats make nearly all of the traffic and are told one
 * like the other, so they stay in the ring; boots, states, transactions, commands and their answers, and all that went
 * wrong are rows. A charger that says too much of it is kept in the ring alone until a minute has passed. */
#include <plugins/ocpp/ocpp.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PERIOD_MS (60 * 60 * 1000)
#define AGAIN_MS 1000 /* while there is more to look at */
#define ROWS_MAX 5000 /* looked at in one turn */
#define DAY_MS INT64_C(86400000)
#define NUMBERS_PER_MS 4096
#define MINUTE_MS 60000
#define KEPT_PER_MINUTE 240 /* of one charger */
#define ROW_BYTES 64        /* of a row, beside its text */
#define MAKE_ROOM_MAX 8     /* rows that go for one that comes */

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

void message_log(struct ocpp *o, struct gv_turn *t, struct station *st, const struct message *m)
{
	bool keep = o->messages.keep_days && (!m->routine || is_error(m)) && fits(st, gv_now_ms(t));
	uint64_t number = messages_add(&o->messages, gv_now_ms(t), st->device, m, keep);
	Ocpp__MessageRow row = OCPP__MESSAGE_ROW__INIT;

	if (!keep)
		return;
	row.in = m->in;
	row.cut = m->size > MESSAGE_TEXT_MAX;
	row.action = (char *)m->action;
	row.text = gv_str(t, "%.*s", (int)(row.cut ? MESSAGE_TEXT_MAX : m->size), m->text);
	make_room(&o->messages, t, st->device, &row);
	gv_put(t, &ocpp_messages, gv_key(st->device, number), &row);
}

/* ---- lists ----------------------------------------------------------------------------------- */

static bool row_wanted(const struct message_filter *f, const Ocpp__MessageRow *row, uint64_t number)
{
	int64_t ms = (int64_t)(number / NUMBERS_PER_MS);

	return (row->in ? f->in : f->out) && ms >= f->from_ms && (!f->until_ms || ms < f->until_ms) &&
	       (!f->before || number < f->before) && (!f->action[0] || !strcmp(f->action, row->action)) &&
	       (!f->contains[0] || strstr(row->text, f->contains));
}

static Ocpp__Message *row_message(struct gv_turn *t, const char *device, uint64_t number, const Ocpp__MessageRow *row)
{
	Ocpp__Message *m = gv_alloc(t, sizeof *m);

	ocpp__message__init(m);
	m->number = number;
	m->time_ms = (int64_t)(number / NUMBERS_PER_MS);
	m->device = (char *)device;
	m->direction = row->in ? "in" : "out";
	m->action = row->action;
	m->text = row->text;
	m->cut = row->cut;
	return m;
}

static int newest_first(const void *a, const void *b)
{
	uint64_t x = (*(Ocpp__Message *const *)a)->number, y = (*(Ocpp__Message *const *)b)->number;

	return x < y ? 1 : x > y ? -1 : 0;
}

/* Of one charger: its rows, and from the ring what has none. */
static void list_station(struct ocpp *o, struct gv_turn *t, const struct message_filter *f,
			 Ocpp__ListMessagesReply *reply)
{
	struct gv_scan scan = { .table = &ocpp_messages, .prefix = gv_key(f->device), .reverse = true };
	struct message_filter rest = *f;

	while (reply->n_messages < f->limit && gv_next(t, &scan))
		if (row_wanted(f, scan.row, scan.key.part[1].u))
			*GV_APPEND(t, reply->messages, reply->n_messages) = row_message(t, scan.key.part[0].s,
											scan.key.part[1].u, scan.row);
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

/* From the last charger's newest message down, so that those of one charger are counted as they are met. */
int message_purge(struct ocpp *o, struct gv_turn *t)
{
	struct messages *m = &o->messages;
	struct gv_scan scan = { .table = &ocpp_messages, .reverse = true, .after = m->purged };
	uint64_t oldest = (uint64_t)(gv_now_ms(t) - m->keep_days * DAY_MS) * NUMBERS_PER_MS;
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
	if (looked < ROWS_MAX) {
		m->purged.count = 0;
		return gv_timer(t, MESSAGES_TIMER, gv_now_ms(t) + PERIOD_MS, NULL);
	}
	snprintf(m->purged_device, sizeof m->purged_device, "%s", device);
	m->purged = gv_key(m->purged_device, scan.key.part[1].u);
	return gv_timer(t, MESSAGES_TIMER, gv_now_ms(t) + AGAIN_MS, NULL);
}
