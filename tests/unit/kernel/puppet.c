/* A plugin on strings; see puppet.h. */
#include "puppet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zoo.schema.h>

struct puppet puppet;
struct rig rig;

const struct gv_table puppet_totals = { .name = "totals", .key = "s", .value = &zoo__total__descriptor };
const struct gv_table puppet_pairs = { .name = "pairs", .key = "si", .value = &zoo__total__descriptor };
const struct gv_table puppet_log = { .name = "log", .key = "u", .value = &zoo__total__descriptor, .append = true };

static int start(void *self, struct gv_turn *t, const void *config)
{
	return puppet.start ? puppet.start(t) : 0;
}

static void stop(void *self)
{
	puppet.stops++;
}

static int finish(void *self, struct gv_turn *t)
{
	return puppet.finish ? puppet.finish(t) : 0;
}

static int migrate(void *self, struct gv_turn *t, uint32_t from, const void *config)
{
	return puppet.migrate ? puppet.migrate(t, from) : 0;
}

static int add(void *self, struct gv_turn *t, struct gv_ticket ticket, const ProtobufCMessage *q)
{
	return puppet.add ? puppet.add(t, ticket, (const Zoo__AddRequest *)q) : 0;
}

static int64_t found;

static int get(void *self, struct gv_turn *t, struct gv_ticket ticket, const ProtobufCMessage *q)
{
	const Zoo__Total *row = gv_get(t, &puppet_totals, gv_key(((const Zoo__GetRequest *)q)->key));
	Zoo__AddReply reply = ZOO__ADD_REPLY__INIT;

	found = row ? row->total : -1;
	return gv_reply(t, ticket, &reply);
}

static int counted(void *self, struct gv_turn *t, const ProtobufCMessage *e, const struct gv_emitter *from)
{
	return puppet.counted ? puppet.counted(t, (const Zoo__Counted *)e, from) : 0;
}

static int snapshot(void *self, struct gv_turn *t)
{
	return puppet.snapshot ? puppet.snapshot(t) : 0;
}

static int on_answer(void *self, struct gv_turn *t, const struct gv_answer *answer)
{
	return puppet.answer ? puppet.answer(t, answer) : 0;
}

static int on_timer(void *self, struct gv_turn *t, const char *name, const void *note)
{
	return puppet.timer ? puppet.timer(t, name, note) : 0;
}

static int on_open(void *self, struct gv_turn *t, const struct gv_conn *conn)
{
	return puppet.open ? puppet.open(t, conn) : 0;
}

static int on_frame(void *self, struct gv_turn *t, const struct gv_frame *frame)
{
	return puppet.frame ? puppet.frame(t, frame) : 0;
}

static int on_close(void *self, struct gv_turn *t, const struct gv_conn *conn, unsigned code, const char *reason)
{
	return puppet.close ? puppet.close(t, conn, code) : 0;
}

static int on_event(void *self, struct gv_turn *t, const char *type, const uint8_t *packed, size_t size,
		    const struct gv_emitter *from)
{
	return puppet.event ? puppet.event(t, type, packed, size, from) : 0;
}

static int on_resync(void *self, struct gv_turn *t, const char *emitter, bool first)
{
	return puppet.resync ? puppet.resync(t, emitter, first) : 0;
}

static const struct gv_method methods[] = { { "Add", add }, { "Get", get }, { 0 } };
static const struct gv_service services[] = { { &zoo__counter__descriptor, methods }, { 0 } };
static const struct gv_hears hears[] = { { &zoo__counted__descriptor, counted }, { 0 } };
static const struct gv_emits emits[] = { { &zoo__counted__descriptor, snapshot },
					 { &zoo__rang__descriptor, NULL },
					 { 0 } };
static const ProtobufCServiceDescriptor *const calls[] = { &zoo__alarm__descriptor, NULL };
static const struct gv_table *const tables[] = { &puppet_totals, &puppet_pairs, &puppet_log, NULL };
static const ProtobufCMessageDescriptor *const notes[] = { &zoo__chain_note__descriptor, NULL };

const struct gv_plugin puppet_record = {
	GV_STAMP,
	.name = "puppet",
	.version = "1",
	.summary = "Does as a test tells it.",
	.serves = services,
	.hears = hears,
	.emits = emits,
	.calls = calls,
	.tables = tables,
	.notes = notes,
	.schema_set = GV_SCHEMA(zoo),
	.schema = 2,
	.migrate = migrate,
	.start = start,
	.stop = stop,
	.on_answer = on_answer,
	.on_timer = on_timer,
	.on_open = on_open,
	.on_frame = on_frame,
	.on_close = on_close,
	.on_event = on_event,
	.on_resync = on_resync,
	.hears_any = true,
	.finish = finish,
};

void puppet_setup(void)
{
	puppet = (struct puppet){ 0 };
	rig_init(&rig, &puppet_record);
	if (rig_start(&rig) < 0) {
		fprintf(stderr, "the puppet does not start: %s\n", rig.error ? rig.error : "?");
		abort();
	}
	rig_peer(&rig, "test.0", 7);
	rig_directory(&rig);
	rig_run(&rig);
	rig_clear(&rig);
}

void puppet_teardown(void)
{
	rig_fini(&rig);
}

int puppet_adds(struct gv_turn *t, struct gv_ticket ticket, const Zoo__AddRequest *q)
{
	Zoo__Total *row = gv_edit(t, &puppet_totals, gv_key(q->key));
	Zoo__AddReply reply = ZOO__ADD_REPLY__INIT;

	row->total += q->by;
	row->times++;
	reply.total = row->total;
	return gv_reply(t, ticket, &reply);
}

int64_t puppet_total(const char *key)
{
	static uint64_t id = 1ull << 40;
	Zoo__GetRequest q = ZOO__GET_REQUEST__INIT;

	q.key = (char *)key;
	found = -2;
	rig_call(&rig, "test.0", ++id, "galvan.zoo.v1.Counter/Get", &q.base, false, false);
	rig_run(&rig);
	return found;
}
