/* Durable timers: rings as often as it was asked to, and says how late it was. */
#include <galvan/plugin.h>

#include "zoo.pb-c.h"
#include "zoo.schema.h"

#define MOST_MS 1000000000ll

static const struct gv_table alarms = { .name = "alarms", .key = "s", .value = &zoo__alarm_row__descriptor };

static int set(struct gv_turn *t, const char *name, Zoo__AlarmRow *row, int64_t at_ms)
{
	Zoo__AlarmNote note = ZOO__ALARM_NOTE__INIT;

	row->at_ms = at_ms;
	note.times = row->rang;
	return gv_timer(t, name, at_ms, &note);
}

static int on_set(void *self, struct gv_turn *t, struct gv_ticket ticket, const Zoo__SetRequest *q)
{
	Zoo__SetReply reply = ZOO__SET_REPLY__INIT;
	Zoo__AlarmRow *row;

	if (!*q->name || q->in_ms < 0 || q->in_ms > MOST_MS)
		return gv_refuse(t, ticket, GV_INVALID_ARGUMENT,
				 "an alarm needs a name, and a time from 0 to %lld ms from now", MOST_MS);
	row = gv_edit(t, &alarms, gv_key(q->name));
	row->wanted = row->rang + 1 + q->repeat;
	set(t, q->name, row, gv_now_ms(t) + q->in_ms);
	reply.at_ms = row->at_ms;
	return gv_reply(t, ticket, &reply);
}
GV_ON_CALL(on_set, void, Zoo__SetRequest)

static int on_cancel(void *self, struct gv_turn *t, struct gv_ticket ticket, const Zoo__SetRequest *q)
{
	Zoo__SetReply reply = ZOO__SET_REPLY__INIT;
	Zoo__AlarmRow *row;

	if (!*q->name)
		return gv_refuse(t, ticket, GV_INVALID_ARGUMENT, "an alarm needs a name");
	row = gv_edit(t, &alarms, gv_key(q->name));
	row->wanted = row->rang;
	gv_timer_cancel(t, q->name);
	return gv_reply(t, ticket, &reply);
}
GV_ON_CALL(on_cancel, void, Zoo__SetRequest)

static int on_timer(void *self, struct gv_turn *t, const char *name, const void *p)
{
	const Zoo__AlarmNote *note = p;
	Zoo__AlarmRow *row = gv_edit(t, &alarms, gv_key(name));
	Zoo__Rang event = ZOO__RANG__INIT;

	if (note->times != row->rang)
		return gv_fault(t, "the alarm %s rings for time %u, but %u were before", name, note->times + 1,
				row->rang);
	row->rang++;
	row->late_ms = gv_now_ms(t) - row->at_ms;
	event.name = (char *)name;
	event.times = row->rang;
	gv_emit(t, &event);
	return row->rang < row->wanted ? set(t, name, row, gv_now_ms(t) + 100) : 0;
}

static int start(void *self, struct gv_turn *t, const void *config)
{
	return 0;
}

static const struct gv_method methods[] = { { "Set", on_set_call }, { "Cancel", on_cancel_call }, { 0 } };
static const struct gv_service services[] = { { &zoo__alarm__descriptor, methods }, { 0 } };
static const struct gv_emits emits[] = { { &zoo__rang__descriptor, NULL }, { 0 } };
static const struct gv_table *const tables[] = { &alarms, NULL };
static const ProtobufCMessageDescriptor *const notes[] = { &zoo__alarm_note__descriptor, NULL };

GV_PLUGIN = {
	GV_STAMP,       .name = "alarm",      .version = "1", .summary = "Rings.",          .serves = services,
	.emits = emits, .tables = tables,     .notes = notes, .schema_set = GV_SCHEMA(zoo), .schema = 1,
	.start = start, .on_timer = on_timer,
};
