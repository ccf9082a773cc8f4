/* Adds up. Deliberately not idempotent: a call that takes effect twice shows in the total. */
#include <galvan/plugin.h>

#include "zoo.pb-c.h"
#include "zoo.schema.h"

#define MOST 1000000000ll

static const struct gv_table totals = { .name = "totals", .key = "s", .value = &zoo__total__descriptor };

static int on_add(void *self, struct gv_turn *t, struct gv_ticket ticket, const Zoo__AddRequest *q)
{
	Zoo__Total *row = gv_edit(t, &totals, gv_key(q->key));
	Zoo__Counted event = ZOO__COUNTED__INIT;
	Zoo__AddReply reply = ZOO__ADD_REPLY__INIT;

	if (!*q->key || !q->by || q->by < -MOST || q->by > MOST || row->total < -MOST * MOST ||
	    row->total > MOST * MOST)
		return gv_refuse(t, ticket, GV_INVALID_ARGUMENT,
				 "cannot add %lld to \"%s\"; give a key and a number from 1 to %lld", (long long)q->by,
				 q->key, MOST);
	row->total += q->by;
	row->times++;
	event.key = q->key;
	event.by = q->by;
	event.total = reply.total = row->total;
	event.times = row->times;
	gv_emit(t, &event);
	return gv_reply(t, ticket, &reply);
}
GV_ON_CALL(on_add, void, Zoo__AddRequest)

static int on_get(void *self, struct gv_turn *t, struct gv_ticket ticket, const Zoo__GetRequest *q)
{
	const Zoo__Total *row = gv_get(t, &totals, gv_key(q->key));
	Zoo__AddReply reply = ZOO__ADD_REPLY__INIT;

	if (!row)
		return gv_refuse(t, ticket, GV_NOT_FOUND, "nothing was ever added to \"%s\"", q->key);
	reply.total = row->total;
	return gv_reply(t, ticket, &reply);
}
GV_ON_CALL(on_get, void, Zoo__GetRequest)

/* The present state, for a subscriber that the journal cannot serve any more. */
static int snapshot(void *self, struct gv_turn *t)
{
	struct gv_scan scan = { .table = &totals };

	while (gv_next(t, &scan)) {
		const Zoo__Total *row = scan.row;
		Zoo__Counted event = ZOO__COUNTED__INIT;

		event.key = (char *)scan.key.part[0].s;
		event.total = row->total;
		event.times = row->times;
		gv_emit(t, &event);
	}
	return 0;
}

static int start(void *self, struct gv_turn *t, const void *config)
{
	return 0;
}

static const struct gv_method methods[] = { { "Add", on_add_call }, { "Get", on_get_call }, { 0 } };
static const struct gv_service services[] = { { &zoo__counter__descriptor, methods }, { 0 } };
static const struct gv_emits emits[] = { { &zoo__counted__descriptor, snapshot }, { 0 } };
static const struct gv_table *const tables[] = { &totals, NULL };

GV_PLUGIN = {
	GV_STAMP,           .name = "counter", .version = "1",   .summary = "Adds up.",
	.serves = services, .emits = emits,    .tables = tables, .schema_set = GV_SCHEMA(zoo),
	.schema = 1,        .start = start,
};
