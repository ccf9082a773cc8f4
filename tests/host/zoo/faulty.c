/* Fails on purpose, after it has written: what it wrote must not be there. What an event's key contains says how it is
 * taken: "poison": always fails; "late": fails twice in each life of the plugin, then works; anything else works. */
#include <galvan/plugin.h>
#include <string.h>

#include "zoo.pb-c.h"
#include "zoo.schema.h"

struct faulty {
	unsigned late_tries;
};

static const struct gv_table rows = { .name = "rows", .key = "s", .value = &zoo__faulty_row__descriptor };

static void leave_traces(struct gv_turn *t, const char *key, uint64_t last)
{
	Zoo__FaultyRow *row = gv_edit(t, &rows, gv_key(key));
	Zoo__FaultyDone event = ZOO__FAULTY_DONE__INIT;
	struct gv_scan scan = { .table = &rows };

	row->times++;
	row->last = last;
	gv_next(t, &scan); /* a walk makes the host write what was edited so far */
	gv_timer(t, key, gv_now_ms(t) + 10, NULL);
	event.key = (char *)key;
	event.times = row->times;
	gv_emit(t, &event);
}

static int on_counted(struct faulty *self, struct gv_turn *t, const Zoo__Counted *e, const struct gv_emitter *from)
{
	leave_traces(t, e->key, e->times);
	if (strstr(e->key, "poison"))
		return gv_fault(t, "%s is poison", e->key);
	if (strstr(e->key, "late") && self->late_tries < 2) {
		self->late_tries++;
		return gv_fault(t, "%s is not ready yet", e->key);
	}
	return 0;
}
GV_ON_EVENT(on_counted, struct faulty, Zoo__Counted)

static int on_act(void *self, struct gv_turn *t, struct gv_ticket ticket, const Zoo__ActRequest *q)
{
	const Zoo__FaultyRow *row;
	Zoo__ActReply reply = ZOO__ACT_REPLY__INIT;

	if (!*q->key)
		return gv_refuse(t, ticket, GV_INVALID_ARGUMENT, "name a key");
	leave_traces(t, q->key, 0);
	if (!strcmp(q->how, "fail"))
		return gv_fault(t, "told to fail on %s", q->key);
	if (!strcmp(q->how, "refuse"))
		return gv_refuse(t, ticket, GV_FAILED_PRECONDITION, "told to refuse %s", q->key);
	if (!strcmp(q->how, "silent"))
		return 0;
	row = gv_get(t, &rows, gv_key(q->key));
	reply.times = row->times;
	return gv_reply(t, ticket, &reply);
}
GV_ON_CALL(on_act, void, Zoo__ActRequest)

/* Rings for what has taken effect only. */
static int on_timer(void *self, struct gv_turn *t, const char *name, const void *note)
{
	return gv_get(t, &rows, gv_key(name)) ? 0 : gv_fault(t, "a timer rings for %s, which was undone", name);
}

static int start(void *self, struct gv_turn *t, const void *config)
{
	return 0;
}

static const struct gv_method methods[] = { { "Act", on_act_call }, { 0 } };
static const struct gv_service services[] = { { &zoo__faulty__descriptor, methods }, { 0 } };
static const struct gv_hears hears[] = { { &zoo__counted__descriptor, on_counted_event }, { 0 } };
static const struct gv_emits emits[] = { { &zoo__faulty_done__descriptor, NULL }, { 0 } };
static const struct gv_table *const tables[] = { &rows, NULL };

GV_PLUGIN = {
	GV_STAMP,
	.name = "faulty",
	.version = "1",
	.summary = "Fails on purpose.",
	.serves = services,
	.hears = hears,
	.emits = emits,
	.tables = tables,
	.schema_set = GV_SCHEMA(zoo),
	.schema = 1,
	.self_size = sizeof(struct faulty),
	.start = start,
	.on_timer = on_timer,
};
