/* Events: the journal that keeps them, the subscribers it is kept for, and this actor's own subscriptions.
 *
 * As emitter: an event that a registered subscriber wants is appended to _journal in its turn's transaction; after the
 * commit it goes to every subscriber that is level and has room in its window. One that is behind is pumped from the
 * journal. What all have acknowledged is trimmed. As subscriber: the cursor is written in the transaction of the
 * effects. */
#include "actor_internal.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define TRIM_BATCH 512      /* rows deleted in one turn */
#define TRIM_AFTER 256      /* not before so many can go */
#define PUMP_EVENTS 512     /* for one subscriber in one go */
#define TRIM_EVERY_MS 60000 /* by age and size */

static bool emits_type(const struct gv_actor *a, const char *name, unsigned *ret)
{
	for (unsigned i = 0; i < a->n_emits; i++) {
		if (!strcmp(a->plugin->emits[i].type->name, name)) {
			*ret = i;
			return true;
		}
	}
	return false;
}

static bool matches(const char *wanted, const char *name)
{
	return !strcmp(wanted, "*") || !strcmp(wanted, name);
}

static uint64_t mask_of(const struct gv_actor *a, char *const *types, size_t n, bool wildcard)
{
	uint64_t mask = 0;
	for (size_t i = 0; i < n; i++)
		for (unsigned e = 0; e < a->n_emits; e++)
			if (wildcard ? matches(types[i], a->plugin->emits[e].type->name)
				     : !strcmp(types[i], a->plugin->emits[e].type->name))
				mask |= 1ull << e;
	return mask;
}

/* ---- emitting -------------------------------------------------------------------------------- */

static const char *event_key(const struct gv_actor *a, unsigned type, const void *event)
{
	if (a->key_offsets[type] == UINT_MAX)
		return "";
	const char *key = *(char *const *)((const char *)event + a->key_offsets[type]);
	return key ? key : "";
}

static void send_snapshot_event(struct gv_turn *t, unsigned type, const char *key, const uint8_t *data, size_t size)
{
	Env__Event e = ENV__EVENT__INIT;
	e.type = (char *)t->a->plugin->emits[type].type->name;
	e.key = (char *)key;
	e.time_ms = t->now_ms;
	e.payload = (ProtobufCBinaryData){ size, (uint8_t *)data };
	Env__Item item = ENV__ITEM__INIT;
	item.kind_case = ENV__ITEM__KIND_EVENT;
	item.event = &e;
	gv_out_item(t->a, t->snapshot_for, &item);
}

/* An event that no subscriber is registered for and nobody follows goes nowhere. */
static bool wanted(const struct gv_actor *a, unsigned type)
{
	if (a->registered_mask & 1ull << type)
		return true;
	for (size_t i = 0; i < a->peers.count; i++)
		if (a->peers.items[i]->follows && a->peers.items[i]->follow_mask & 1ull << type)
			return true;
	return false;
}

int gv_emit(struct gv_turn *t, const void *event)
{
	struct gv_actor *a = t->a;
	const ProtobufCMessage *m = event;
	unsigned type = 0;
	while (type < a->n_emits && a->plugin->emits[type].type != m->descriptor)
		type++;
	if (type == a->n_emits)
		return gv_turn_fail(t, -EINVAL, "%s is not among the record's emits", m->descriptor->name);
	const char *key = event_key(a, type, event);
	if (!*key && a->key_offsets[type] != UINT_MAX)
		return gv_turn_fail(t, -EINVAL, "an event %s has an empty key", m->descriptor->name);
	if (!t->snapshot_for && !wanted(a, type)) {
		a->count.events_emitted++;
		return t->failed;
	}
	size_t size = protobuf_c_message_get_packed_size(m);
	struct gv_arena *arena = t->snapshot_for ? &t->arena : &t->kept;
	uint8_t *data = gv_arena_alloc_raw(arena, size);
	if (!data || arena->exhausted)
		return gv_turn_fail(t, -ENOMEM, "the turn's events take more than %u MiB", GV_TURN_ARENA >> 20);
	protobuf_c_message_pack(m, data);
	if (t->snapshot_for) {
		if (t->snapshot_for->sub.wants & 1ull << type)
			send_snapshot_event(t, type, key, data, size);
		return t->failed;
	}
	struct emitted *e = PUSH(t->emitted);
	*e = (struct emitted){ .type = type, .key = gv_arena_strdup(&t->kept, key), .data = data, .size = size };
	if (a->registered_mask & 1ull << type)
		t->wrote = true;
	return 0;
}

/* ---- trimming -------------------------------------------------------------------------------- */

/* What all registered subscribers have acknowledged; those not heard of since our start count with their row. */
static uint64_t all_acked(const struct gv_actor *a)
{
	uint64_t least = a->journal_last;
	for (size_t i = 0; i < a->peers.count; i++) {
		const struct peer *p = a->peers.items[i];
		if (p->hears_mask && p->sub.acked < least)
			least = p->sub.acked;
	}
	return least;
}

static bool too_old(const struct gv_actor *a, const void *value, size_t size, int64_t now_ms)
{
	if (a->journal_bytes > a->options.journal_limit_bytes)
		return true;
	Rows__Journalled *row = rows__journalled__unpack(NULL, size, value);
	bool old = !row || now_ms - row->time_ms > a->options.journal_limit_ms;
	if (row)
		rows__journalled__free_unpacked(row, NULL);
	return old;
}

/* The last row always stays: it carries the sequence over a restart. */
static int trim(struct gv_turn *t, bool limits)
{
	struct gv_actor *a = t->a;
	uint64_t acked = a->directory_seen ? all_acked(a) : 0; /* until then nobody knows who has what */
	if (a->journal_first >= a->journal_last || (!limits && acked < a->journal_first + TRIM_AFTER))
		return 0;
	struct gv_cursor *c;
	int r = gv_store_cursor(a->store, a->journal, &c);
	if (r < 0)
		return r;
	const void *key, *value;
	size_t key_size, size;
	for (unsigned n = 0; n < TRIM_BATCH && a->journal_first < a->journal_last; n++) {
		r = gv_cursor_seek(c, GV_SEEK_FIRST, &key, &key_size, &value, &size);
		if (r < 0)
			break;
		uint64_t seq = gv_u64_key(key);
		if (seq >= a->journal_last || (seq > acked && !(limits && too_old(a, value, size, t->now_ms))))
			break;
		a->journal_bytes -= size < a->journal_bytes ? size : a->journal_bytes;
		r = gv_cursor_delete(a->store, c);
		if (r < 0)
			break;
		a->journal_first = seq + 1;
	}
	gv_cursor_close(c);
	return r == -ENOENT ? 0 : r;
}

/* ---- writing, before the commit -------------------------------------------------------------- */

static int append_event(struct gv_turn *t, struct emitted *e)
{
	struct gv_actor *a = t->a;
	Rows__Journalled row = ROWS__JOURNALLED__INIT;
	row.type = (char *)a->plugin->emits[e->type].type->name;
	row.key = (char *)e->key;
	row.time_ms = t->now_ms;
	row.payload = (ProtobufCBinaryData){ e->size, (uint8_t *)e->data };
	uint8_t key[8];
	gv_key_u64(a->journal_last + 1, key);
	size_t size = rows__journalled__get_packed_size(&row);
	void *to;
	int r = gv_store_append(a->store, a->journal, key, sizeof key, size, &to);
	if (r < 0)
		return r;
	rows__journalled__pack(&row, to);
	e->seq = ++a->journal_last;
	a->journal_bytes += size;
	return 0;
}

static int write_cursors(struct gv_turn *t)
{
	for (size_t i = 0; i < t->cursors_moved.count; i++) {
		struct peer *p = t->cursors_moved.items[i];
		Rows__Cursor row = ROWS__CURSOR__INIT;
		row.cursor = p->next_cursor;
		int r = gv_put_row(t->a, t->a->cursors, p->name, strlen(p->name), &row);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Only in a turn that writes anyway: where a subscriber stands is a hint for trimming after a restart. */
static int write_subscribers(struct gv_actor *a)
{
	for (size_t i = 0; i < a->peers.count; i++) {
		struct peer *p = a->peers.items[i];
		if (!p->hears_mask || !p->sub.active || p->sub.acked == p->sub.written)
			continue;
		Rows__Subscriber row = ROWS__SUBSCRIBER__INIT;
		row.cursor = p->sub.acked;
		int r = gv_put_row(a, a->subscribers, p->name, strlen(p->name), &row);
		if (r < 0)
			return r;
		p->sub.written = p->sub.acked;
	}
	return 0;
}

int gv_journal_write(struct gv_turn *t)
{
	struct gv_actor *a = t->a;
	for (size_t i = 0; i < t->emitted.count; i++) {
		struct emitted *e = &t->emitted.items[i];
		if (!(a->registered_mask & 1ull << e->type))
			continue;
		int r = append_event(t, e);
		if (r < 0)
			return r;
	}
	int r = write_cursors(t);
	if (r < 0)
		return r;
	bool limits = t->now_ms >= a->trim_at_ms;
	if (!gv_store_dirty(a->store) && !limits)
		return 0;
	if (limits)
		a->trim_at_ms = t->now_ms + TRIM_EVERY_MS;
	r = trim(t, limits);
	if (r == 0 && gv_store_dirty(a->store) && t->now_ms >= a->subscribers_at_ms) {
		r = write_subscribers(a);
		a->subscribers_at_ms = t->now_ms + 1000;
	}
	return r;
}

/* ---- sending, after the commit --------------------------------------------------------------- */

static void send_event(struct gv_actor *a, struct peer *p, Env__Event *e)
{
	Env__Item item = ENV__ITEM__INIT;
	item.kind_case = ENV__ITEM__KIND_EVENT;
	item.event = e;
	gv_out_item(a, p, &item);
	if (p->out.size > GV_PACKET_BYTES)
		gv_out_flush_peer(a, p);
}

static void send_journalled(struct gv_actor *a, struct peer *p, Env__Event *e, uint64_t seq)
{
	struct sub *s = &p->sub;
	e->seq = seq;
	e->prev = s->last;
	if (!s->in_flight)
		s->progress_ms = gv_now(a);
	s->ring[(s->head + s->in_flight++) % GV_EVENT_WINDOW] = seq;
	s->last = s->examined = seq;
	send_event(a, p, e);
}

static void send_followed(struct gv_turn *t, const struct emitted *e, Env__Event *event)
{
	struct gv_actor *a = t->a;
	for (size_t i = 0; i < a->peers.count; i++) {
		struct peer *p = a->peers.items[i];
		if (!p->follows || !p->up || !(p->follow_mask & 1ull << e->type))
			continue;
		if (p->queued_bytes + p->out.size > GV_FOLLOW_BYTES) {
			a->count.dropped_follow++;
			continue;
		}
		event->seq = e->seq;
		event->prev = 0;
		event->follow = true;
		send_event(a, p, event);
		event->follow = false;
	}
}

void gv_journal_sent(struct gv_turn *t)
{
	struct gv_actor *a = t->a;
	for (size_t i = 0; i < t->emitted.count; i++) {
		const struct emitted *e = &t->emitted.items[i];
		Env__Event event = ENV__EVENT__INIT;
		event.type = (char *)a->plugin->emits[e->type].type->name;
		event.key = (char *)e->key;
		event.time_ms = t->now_ms;
		event.payload = (ProtobufCBinaryData){ e->size, (uint8_t *)e->data };
		for (size_t j = 0; e->seq && j < a->peers.count; j++) {
			struct peer *p = a->peers.items[j];
			struct sub *s = &p->sub;
			if (!s->active || s->snapshot || s->examined + 1 != e->seq)
				continue;
			if (!(s->wants & 1ull << e->type))
				s->examined = e->seq;
			else if (s->in_flight < GV_EVENT_WINDOW && p->up)
				send_journalled(a, p, &event, e->seq);
		}
		send_followed(t, e, &event);
	}
	a->count.events_emitted += (double)t->emitted.count;
	for (size_t j = 0; t->emitted.count && j < a->peers.count; j++)
		if (a->peers.items[j]->sub.active && a->peers.items[j]->sub.examined < a->journal_last)
			a->journal_unlevel = true;
}

/* From the journal to a subscriber that is behind, as far as its window goes. */
static int pump(struct gv_actor *a, struct peer *p)
{
	struct sub *s = &p->sub;
	struct gv_cursor *c;
	int r = gv_store_cursor(a->store, a->journal, &c);
	if (r < 0)
		return r;
	uint8_t from[8];
	gv_key_u64(s->examined + 1, from);
	const void *key = from, *value;
	size_t key_size = sizeof from, size;
	enum gv_seek where = GV_SEEK_AT_LEAST;
	for (unsigned n = 0; n < PUMP_EVENTS && s->in_flight < GV_EVENT_WINDOW; n++, where = GV_SEEK_NEXT) {
		r = gv_cursor_seek(c, where, &key, &key_size, &value, &size);
		if (r < 0)
			break;
		Rows__Journalled *row = gv_turn_unpack(&a->turn, &rows__journalled__descriptor, value, size);
		unsigned type;
		uint64_t seq = gv_u64_key(key);
		if (!row || !emits_type(a, row->type, &type) || !(s->wants & 1ull << type) ||
		    (seq <= s->skip_to && a->plugin->emits[type].snapshot)) {
			s->examined = seq;
			continue;
		}
		Env__Event e = ENV__EVENT__INIT;
		e.type = row->type;
		e.key = row->key;
		e.time_ms = row->time_ms;
		e.payload = row->payload;
		send_journalled(a, p, &e, seq);
	}
	gv_cursor_close(c);
	return r == -ENOENT ? 0 : r;
}

int gv_journal_pump(struct gv_actor *a)
{
	if (!a->journal_unlevel)
		return 0;
	a->journal_unlevel = false;
	for (size_t i = 0; i < a->peers.count; i++) {
		struct peer *p = a->peers.items[i];
		if (!p->sub.active || p->sub.snapshot || !p->up || p->sub.examined >= a->journal_last)
			continue;
		int r = pump(a, p);
		if (r < 0)
			return r;
		if (p->sub.examined < a->journal_last && p->sub.in_flight < GV_EVENT_WINDOW)
			a->journal_unlevel = true;
	}
	return 0;
}

/* ---- what subscribers say -------------------------------------------------------------------- */

static void follow(struct gv_actor *a, struct peer *p, const Env__Subscribe *s)
{
	p->follow_mask = mask_of(a, s->types, s->n_types, true);
	p->follows = p->follow_mask != 0;
}

void gv_journal_subscribe(struct gv_actor *a, struct peer *p, const Env__Subscribe *m)
{
	if (m->follow) {
		follow(a, p, m);
		return;
	}
	struct sub *s = &p->sub;
	if (!s->ring && !(s->ring = calloc(GV_EVENT_WINDOW, sizeof *s->ring)))
		return; /* it will say so again */
	uint64_t oldest = a->journal_first - 1;
	bool lost = m->cursor < oldest || m->cursor > a->journal_last; /* or it never had a place */
	s->wants = mask_of(a, m->types, m->n_types, false);
	s->head = s->in_flight = 0;
	s->active = true;
	s->snapshot = lost;
	s->skip_to = s->snapshot ? a->journal_last : 0;
	s->acked = lost ? oldest : m->cursor;
	s->examined = s->last = s->acked;
	if (s->snapshot)
		gv_inbox_add(a, (struct message){ .kind = M_SNAPSHOT_WANTED, .from = p });
	else
		a->journal_unlevel = true;
	Env__Snapshot here = ENV__SNAPSHOT__INIT; /* confirms; without a BEGIN before it, it changes nothing */
	here.edge = ENV__SNAPSHOT__EDGE__END;
	here.cursor = m->cursor;
	Env__Item item = ENV__ITEM__INIT;
	item.kind_case = ENV__ITEM__KIND_SNAPSHOT;
	item.snapshot = &here;
	if (!s->snapshot)
		gv_out_item(a, p, &item);
	gv_journal_release_heard(a);
}

void gv_journal_ack(struct gv_actor *a, struct peer *p, uint64_t cursor)
{
	struct sub *s = &p->sub;
	if (!s->active || s->snapshot || cursor < s->acked || cursor > a->journal_last)
		return;
	s->acked = cursor;
	s->progress_ms = gv_now(a);
	bool full = s->in_flight == GV_EVENT_WINDOW;
	while (s->in_flight && s->ring[s->head] <= cursor) {
		s->head = (s->head + 1) % GV_EVENT_WINDOW;
		s->in_flight--;
	}
	if (full || s->examined < a->journal_last)
		a->journal_unlevel = true;
	if (!s->in_flight && s->examined == a->journal_last)
		s->acked = a->journal_last; /* what lies between was not for it */
	gv_journal_release_heard(a);
}

static void edge(struct gv_actor *a, struct peer *p, Env__Snapshot__Edge at, uint64_t cursor)
{
	Env__Snapshot s = ENV__SNAPSHOT__INIT;
	s.edge = at;
	s.cursor = cursor;
	Env__Item item = ENV__ITEM__INIT;
	item.kind_case = ENV__ITEM__KIND_SNAPSHOT;
	item.snapshot = &s;
	gv_out_item(a, p, &item);
}

/* A message of its own in a turn: the snapshot shows what has been committed with all messages before it. */
int gv_journal_snapshot(struct gv_turn *t, struct peer *p)
{
	struct gv_actor *a = t->a;
	struct sub *s = &p->sub;
	if (!s->active || !s->snapshot)
		return 0;
	edge(a, p, ENV__SNAPSHOT__EDGE__BEGIN, 0);
	t->snapshot_for = p;
	t->arena.limit = GV_SNAPSHOT_ARENA;
	int r = 0;
	for (unsigned i = 0; i < a->n_emits && r == 0 && !t->failed; i++)
		if (s->wants & 1ull << i && a->plugin->emits[i].snapshot)
			r = a->plugin->emits[i].snapshot(a->self, t);
	t->snapshot_for = NULL;
	t->arena.limit = GV_TURN_ARENA;
	if (r < 0 || t->failed) {
		t->failed = r < 0 ? r : t->failed;
		return r;
	}
	/* The journal goes on behind it, and for the types that no snapshot shows from where it was. */
	s->skip_to = a->journal_last;
	s->snapshot = false;
	a->journal_unlevel = true;
	edge(a, p, ENV__SNAPSHOT__EDGE__END, s->last);
	a->count.resyncs++;
	return 0;
}

/* ---- peers, time ----------------------------------------------------------------------------- */

static bool hears(const struct gv_actor *a, char **emits)
{
	for (; emits && *emits; emits++)
		for (const struct gv_hears *h = a->plugin->hears; h && h->type; h++)
			if (!strcmp(h->type->name, *emits))
				return true;
	return false;
}

static size_t list_size(char **list)
{
	size_t n = 0;
	while (list && list[n])
		n++;
	return n;
}

/* A peer that the store knows as a subscriber keeps its place; one that it does not is written down at once. */
static int register_subscriber(struct gv_actor *a, struct peer *p)
{
	Rows__Subscriber *row = gv_get_row(a, a->subscribers, p->name, strlen(p->name), &rows__subscriber__descriptor);
	if (row) {
		p->sub.acked = p->sub.written = row->cursor;
		return 0;
	}
	p->sub.acked = p->sub.written = a->journal_last;
	Rows__Subscriber fresh = ROWS__SUBSCRIBER__INIT;
	fresh.cursor = p->sub.acked;
	return gv_put_row(a, a->subscribers, p->name, strlen(p->name), &fresh);
}

static int drop_unlisted(struct gv_actor *a)
{
	struct gv_walk w = { .table = a->subscribers };
	while (gv_walk(a->store, &w)) {
		char *name = gv_arena_dup(&a->turn.arena, w.key, w.key_size);
		const struct peer *p = gv_peer_named(a, name);
		if (p && p->listed && p->hears_mask)
			continue;
		int r = gv_walk_delete(a->store, &w);
		if (r < 0) {
			gv_walk_end(&w);
			return r;
		}
	}
	return w.error;
}

/* Runs in a transaction of its own: who is registered decides what the journal must keep, so it is written down before
 * the next turn. */
int gv_journal_directory(struct gv_actor *a)
{
	a->registered_mask = 0;
	for (size_t i = 0; i < a->peers.count; i++) {
		struct peer *p = a->peers.items[i];
		uint64_t before = p->hears_mask;
		p->hears_mask = p->listed ? mask_of(a, p->hears, list_size(p->hears), false) : 0;
		p->heard = p->listed && hears(a, p->emits);
		if (p->hears_mask && !before) {
			int r = register_subscriber(a, p);
			if (r < 0)
				return r;
		}
		a->registered_mask |= p->hears_mask;
	}
	return drop_unlisted(a);
}

void gv_journal_peer_up(struct gv_actor *a, struct peer *p)
{
	p->received = p->cursor;
	a->journal_unlevel = true; /* it may have subscribed before the directory said that it is up */
	if (p->heard)
		gv_subscribe(a, p);
	if (a->follow_types.count)
		gv_subscribe_follow(a, p);
}

int gv_journal_open(struct gv_actor *a)
{
	struct gv_cursor *c;
	int r = gv_store_cursor(a->store, a->journal, &c);
	if (r < 0)
		return r;
	const void *key, *value;
	size_t key_size, size;
	/* Events are numbered from 2: a cursor of 1 is a place, before all of them; a cursor of 0 is none, and begins
	 * with a snapshot. */
	a->journal_first = 2;
	a->journal_last = 1;
	r = gv_cursor_seek(c, GV_SEEK_FIRST, &key, &key_size, &value, &size);
	if (r == 0) {
		a->journal_first = gv_u64_key(key);
		r = gv_cursor_seek(c, GV_SEEK_LAST, &key, &key_size, &value, &size);
		a->journal_last = gv_u64_key(key);
		a->journal_bytes = gv_store_rows(a->store, a->journal) *
				   256; /* an estimate until it has been written through once */
	}
	gv_cursor_close(c);
	return r == -ENOENT ? 0 : r;
}

/* A packet that was dropped on the way (a full queue, another node's connection): everything not acknowledged goes once
 * more. */
static void send_again(struct gv_actor *a, struct sub *s, int64_t now_ms)
{
	s->head = s->in_flight = 0;
	s->examined = s->last = s->acked;
	s->progress_ms = now_ms;
	a->journal_unlevel = true;
}

void gv_journal_tick(struct gv_actor *a, int64_t now_ms)
{
	for (size_t i = 0; i < a->peers.count; i++) {
		struct peer *p = a->peers.items[i];
		if (a->follow_changed && p->up)
			gv_subscribe_follow(a, p);
		if (p->up && p->heard && p->subscribe_at_ms && now_ms >= p->subscribe_at_ms)
			gv_subscribe(a, p);
		if (p->up && p->sub.active && p->sub.in_flight && !p->queue &&
		    now_ms - p->sub.progress_ms >= GV_EVENTS_AGAIN_MS)
			send_again(a, &p->sub, now_ms);
	}
	a->follow_changed = false;
	if (a->waiting)
		gv_journal_release_heard(a);
}

int64_t gv_journal_next_ms(const struct gv_actor *a)
{
	int64_t next = INT64_MAX;
	for (size_t i = 0; i < a->peers.count; i++) {
		const struct peer *p = a->peers.items[i];
		if (p->up && p->heard && p->subscribe_at_ms && p->subscribe_at_ms < next)
			next = p->subscribe_at_ms;
		if (p->up && p->sub.active && p->sub.in_flight && p->sub.progress_ms + GV_EVENTS_AGAIN_MS < next)
			next = p->sub.progress_ms + GV_EVENTS_AGAIN_MS;
	}
	for (const struct waiting_reply *w = a->waiting; w; w = w->next)
		if (w->until_ms < next)
			next = w->until_ms;
	return next;
}

/* ---- replies that wait until all have heard -------------------------------------------------- */

static bool heard_by_all(const struct gv_actor *a, const struct waiting_reply *w)
{
	for (size_t i = 0; i < a->peers.count; i++) {
		const struct peer *p = a->peers.items[i];
		if (p->up && p->hears_mask & w->mask && (!p->sub.active || p->sub.snapshot || p->sub.acked < w->seq))
			return false;
	}
	return true;
}

void gv_journal_release_heard(struct gv_actor *a)
{
	int64_t now_ms = gv_now(a);
	for (struct waiting_reply **at = &a->waiting; *at;) {
		struct waiting_reply *w = *at;
		if (w->until_ms > now_ms && !heard_by_all(a, w)) {
			at = &w->next;
			continue;
		}
		gv_out_packed_item(a, w->to, w->item, w->size);
		*at = w->next;
		free(w);
	}
}

void gv_sub_fini(struct peer *p)
{
	free(p->sub.ring);
	p->sub = (struct sub){ 0 };
}
