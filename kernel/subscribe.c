/* Events, the subscriber's side: saying where we stand, taking events in their order, moving the cursor with the
 * effects. */
#include "actor_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- as subscriber --------------------------------------------------------------------------- */

void gv_subscribe(struct gv_actor *a, struct peer *p)
{
	Env__Subscribe s = ENV__SUBSCRIBE__INIT;
	char *types[GV_MAX_EMITS + 1];
	for (const struct gv_hears *h = a->plugin->hears; h && h->type && s.n_types < GV_MAX_EMITS; h++)
		types[s.n_types++] = (char *)h->type->name;
	s.types = types;
	s.cursor = p->cursor;
	Env__Item item = ENV__ITEM__INIT;
	item.kind_case = ENV__ITEM__KIND_SUBSCRIBE;
	item.subscribe = &s;
	gv_out_item(a, p, &item);
	p->subscribe_at_ms = gv_now(a) + GV_SUBSCRIBE_AGAIN_MS;
	p->receiving_snapshot = false;
}

void gv_subscribe_follow(struct gv_actor *a, struct peer *p)
{
	Env__Subscribe s = ENV__SUBSCRIBE__INIT;
	s.follow = true;
	s.types = a->follow_types.items;
	s.n_types = a->follow_types.count;
	Env__Item item = ENV__ITEM__INIT;
	item.kind_case = ENV__ITEM__KIND_SUBSCRIBE;
	item.subscribe = &s;
	gv_out_item(a, p, &item);
}

int gv_follow(struct gv_turn *t, const char *const *types, size_t count)
{
	struct gv_actor *a = t->a;
	if (!a->plugin->hears_any)
		return gv_turn_fail(t, -EPERM, "gv_follow needs hears_any in the record");
	for (size_t i = 0; i < a->follow_types.count; i++)
		free(a->follow_types.items[i]);
	a->follow_types.count = 0;
	for (size_t i = 0; i < count; i++) {
		char **type = PUSH(a->follow_types);
		*type = strdup(types[i]);
		if (!*type)
			return gv_turn_fail(t, -ENOMEM, "out of memory");
	}
	a->follow_changed = true;
	return 0;
}

static void acknowledge(struct gv_actor *a, struct peer *p)
{
	Env__EventAck ack = ENV__EVENT_ACK__INIT;
	ack.cursor = p->cursor;
	Env__Item item = ENV__ITEM__INIT;
	item.kind_case = ENV__ITEM__KIND_EVENT_ACK;
	item.event_ack = &ack;
	gv_out_item(a, p, &item);
}

/* An event may only go to the inbox if it is the next one for us; a gap makes us say again where we stand. */
bool gv_journal_accept(struct gv_actor *a, struct peer *p, const Env__Event *e)
{
	if (e->follow || (p->receiving_snapshot && !e->seq))
		return true;
	p->subscribe_at_ms = 0;
	if (!e->seq)
		return false;
	if (e->seq <= p->received) {
		if (e->seq <= p->cursor)
			acknowledge(a, p); /* sent again: it may have missed our word */
		return false;
	}
	if (e->prev > p->received) {
		a->count.gaps++;
		gv_subscribe(a, p);
		return false;
	}
	p->received = e->seq;
	return true;
}

bool gv_journal_edge_in(struct gv_actor *a, struct peer *p, const Env__Snapshot *s)
{
	p->subscribe_at_ms = 0;
	if (s->edge == ENV__SNAPSHOT__EDGE__BEGIN) {
		p->receiving_snapshot = true;
		return true;
	}
	if (!p->receiving_snapshot)
		return false; /* only confirms the subscription */
	p->receiving_snapshot = false;
	p->received = s->cursor;
	return true;
}

int gv_journal_edge(struct gv_turn *t, struct peer *p, const Env__Snapshot *s)
{
	struct gv_actor *a = t->a;
	if (s->edge == ENV__SNAPSHOT__EDGE__BEGIN) {
		bool first = !p->next_cursor && !p->had_cursor;
		p->resyncing = true;
		if (p->next_cursor) { /* until the end: a crash between must not leave half a state with a place behind
					 it */
			gv_journal_moved(t, p, 0);
			t->wrote = true;
		}
		gv_log(t, GV_INFO, "Taking the present state from an emitter's snapshot. emitter=%s", p->name);
		return a->plugin->on_resync ? a->plugin->on_resync(a->self, t, p->name, first) : 0;
	}
	if (!p->resyncing)
		return 0;
	p->resyncing = false;
	gv_journal_moved(t, p, s->cursor);
	t->wrote = true;
	return 0;
}

static bool emits(const struct peer *p, const char *type)
{
	for (char **s = p->emits; s && *s; s++)
		if (!strcmp(*s, type))
			return true;
	return false;
}

bool gv_journal_heard_all(const struct gv_actor *a, const char *type)
{
	for (size_t i = 0; i < a->peers.count; i++) {
		const struct peer *p = a->peers.items[i];
		if (p->listed && !p->gone && emits(p, type) && (!p->next_cursor || p->resyncing))
			return false;
	}
	return a->directory_seen;
}

bool gv_heard_all(struct gv_turn *t, const ProtobufCMessageDescriptor *type)
{
	return gv_journal_heard_all(t->a, type->name);
}

void gv_journal_moved(struct gv_turn *t, struct peer *p, uint64_t cursor)
{
	for (size_t i = 0; i < t->cursors_moved.count; i++) {
		if (t->cursors_moved.items[i] == p) {
			p->next_cursor = cursor;
			return;
		}
	}
	struct peer **moved = PUSH(t->cursors_moved);
	*moved = p;
	p->next_cursor = cursor;
}

int gv_journal_deliver(struct gv_turn *t, const char *emitter, const Env__Event *e, bool late)
{
	struct gv_actor *a = t->a;
	struct gv_emitter from = { emitter, e->key, e->time_ms, e->seq, e->seq == 0 && !e->follow, late };
	if (e->follow)
		return a->plugin->on_event
			       ? a->plugin->on_event(a->self, t, e->type, e->payload.data, e->payload.len, &from)
			       : 0;
	a->count.events_heard++;
	for (const struct gv_hears *h = a->plugin->hears; h && h->type; h++) {
		if (strcmp(h->type->name, e->type))
			continue;
		ProtobufCMessage *m = gv_turn_unpack(t, h->type, e->payload.data, e->payload.len);
		if (!m)
			return gv_turn_fail(t, -EBADMSG, "an event %s of %s is malformed", e->type, emitter);
		return h->on(a->self, t, m, &from);
	}
	return 0; /* of an older version of ours that heard more */
}

void gv_journal_ack_out(struct gv_turn *t)
{
	for (size_t i = 0; i < t->cursors_moved.count; i++) {
		struct peer *p = t->cursors_moved.items[i];
		p->cursor = p->next_cursor;
		acknowledge(t->a, p);
	}
	t->cursors_moved.count = 0;
}
