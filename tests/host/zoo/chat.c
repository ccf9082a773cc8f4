/* A protocol plugin in small: numbers each station's messages, answers with the number, and counts each new one at the
 * counter. A message with the id "bad" fails after it was answered and counted: neither may happen. */
#include <galvan/link.pb-c.h>
#include <galvan/plugin.h>
#include <string.h>

#include "zoo.pb-c.h"
#include "zoo.schema.h"

#define COUNT_TIMEOUT_MS (60 * 60 * 1000)

static const struct gv_table devices = { .name = "devices", .key = "s", .value = &zoo__device_row__descriptor };
static const struct gv_table heard = { .name = "heard", .key = "ss", .value = &zoo__heard_row__descriptor };

static int count(struct gv_turn *t, const char *device, const char *id)
{
	Zoo__AddRequest q = ZOO__ADD_REQUEST__INIT;
	Zoo__HeardNote note = ZOO__HEARD_NOTE__INIT;

	q.key = gv_str(t, "counter:%s", device + strcspn(device, ":") + 1);
	q.by = 1;
	note.device = (char *)device;
	note.id = (char *)id;
	return gv_call(t, &(struct gv_call){ .method = "galvan.zoo.v1.Counter/Add",
					     .request = &q,
					     .note = &note,
					     .timeout_ms = COUNT_TIMEOUT_MS });
}

static int on_frame(void *self, struct gv_turn *t, const struct gv_frame *f)
{
	const char *device = f->conn->device, *space = memchr(f->data, ' ', f->size), *id, *answer;
	Zoo__HeardRow *row;
	Zoo__Heard event = ZOO__HEARD__INIT;

	if (!space)
		return gv_disconnect(t, f->conn->id, 1002, "a frame is \"ID TEXT\"");
	id = gv_str(t, "%.*s", (int)(space - f->data), f->data);
	if (!strcmp(id, "bad")) {
		count(t, "chat:bad", id);
		gv_send(t, f->conn->id, GV_TEXT, f->data, f->size);
		return gv_fault(t, "%s sends what cannot be handled", device);
	}
	row = gv_edit(t, &heard, gv_key(device, id));
	if (!row->number) {
		row->number = ++((Zoo__DeviceRow *)gv_edit(t, &devices, gv_key(device)))->count;
		row->text = gv_strdup(t, space + 1);
		event.device = (char *)device;
		event.id = (char *)id;
		event.number = row->number;
		gv_emit(t, &event);
		count(t, device, id);
	}
	answer = gv_str(t, "%s %llu", id, (unsigned long long)row->number);
	return gv_send(t, f->conn->id, GV_TEXT, answer, strlen(answer));
}

static int on_answer(void *self, struct gv_turn *t, const struct gv_answer *answer)
{
	const Zoo__HeardNote *note = answer->note;

	if (answer->code != GV_OK)
		return gv_fault(t, "the counter refused message %s of %s: %s", note->id, note->device, answer->error);
	((Zoo__DeviceRow *)gv_edit(t, &devices, gv_key(note->device)))->answered++;
	return 0;
}

static int start(void *self, struct gv_turn *t, const void *config)
{
	Link__Listener l = LINK__LISTENER__INIT;

	l.name = (char *)"chat";
	l.path = (char *)"/chat/";
	l.identity = LINK__LISTENER__IDENTITY__LAST_SEGMENT;
	l.device_prefix = (char *)"chat:";
	l.unknown = LINK__LISTENER__UNKNOWN__ACCEPT;
	l.one_per_device = true;
	return gv_listen(t, &l);
}

static const struct gv_emits emits[] = { { &zoo__heard__descriptor, NULL }, { 0 } };
static const struct gv_table *const tables[] = { &devices, &heard, NULL };
static const ProtobufCServiceDescriptor *const calls[] = { &zoo__counter__descriptor, NULL };
static const ProtobufCMessageDescriptor *const notes[] = { &zoo__heard_note__descriptor, NULL };

GV_PLUGIN = {
	GV_STAMP,
	.name = "chat",
	.version = "1",
	.summary = "Numbers what stations say.",
	.emits = emits,
	.tables = tables,
	.calls = calls,
	.listens = GV_LISTENS("/chat/"),
	.notes = notes,
	.schema_set = GV_SCHEMA(zoo),
	.schema = 1,
	.start = start,
	.on_frame = on_frame,
	.on_answer = on_answer,
};
