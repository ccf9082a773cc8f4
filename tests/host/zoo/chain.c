/* A saga of durable calls: each answer makes the next call, the last one answers who asked. Meanwhile it keeps the
 * ticket in its row. */
#include <galvan/plugin.h>

#include "zoo.pb-c.h"
#include "zoo.schema.h"

#define STEP_TIMEOUT_MS (60 * 60 * 1000)

static const struct gv_table chains = { .name = "chains", .key = "s", .value = &zoo__chain_row__descriptor };

static int step(struct gv_turn *t, const char *id, const Zoo__ChainRow *row)
{
	Zoo__AddRequest q = ZOO__ADD_REQUEST__INIT;
	Zoo__ChainNote note = ZOO__CHAIN_NOTE__INIT;

	q.key = row->key;
	q.by = 1;
	note.id = (char *)id;
	note.step = row->done;
	return gv_call(t, &(struct gv_call){ .method = "galvan.zoo.v1.Counter/Add",
					     .request = &q,
					     .note = &note,
					     .timeout_ms = STEP_TIMEOUT_MS });
}

static int on_run(void *self, struct gv_turn *t, struct gv_ticket ticket, const Zoo__RunRequest *q)
{
	Zoo__ChainRow *row = gv_edit(t, &chains, gv_key(q->id));

	if (row->steps)
		return gv_refuse(t, ticket, GV_ALREADY_EXISTS, "the chain \"%s\" runs already; choose another id",
				 q->id);
	row->key = gv_strdup(t, q->key);
	row->steps = q->steps;
	row->call = ticket.call;
	row->caller = ticket.caller;
	return step(t, q->id, row);
}
GV_ON_CALL(on_run, void, Zoo__RunRequest)

static int on_answer(void *self, struct gv_turn *t, const struct gv_answer *answer)
{
	const Zoo__ChainNote *note = answer->note;
	Zoo__ChainRow *row = gv_edit(t, &chains, gv_key(note->id));
	const Zoo__AddReply *total = answer->reply;
	Zoo__RunReply reply = ZOO__RUN_REPLY__INIT;
	Zoo__ChainDone done = ZOO__CHAIN_DONE__INIT;

	if (answer->code != GV_OK || note->step != row->done) {
		row->faults++;
		return 0;
	}
	row->done++;
	row->total = total->total;
	if (row->done < row->steps)
		return step(t, note->id, row);
	done.id = note->id;
	done.steps = reply.steps = row->done;
	reply.total = row->total;
	gv_emit(t, &done);
	return gv_reply(t, (struct gv_ticket){ row->call, row->caller }, &reply);
}

static int start(void *self, struct gv_turn *t, const void *config)
{
	return 0;
}

static const struct gv_method methods[] = { { "Run", on_run_call }, { 0 } };
static const struct gv_service services[] = { { &zoo__chain__descriptor, methods }, { 0 } };
static const struct gv_emits emits[] = { { &zoo__chain_done__descriptor, NULL }, { 0 } };
static const struct gv_table *const tables[] = { &chains, NULL };
static const ProtobufCServiceDescriptor *const calls[] = { &zoo__counter__descriptor, NULL };
static const ProtobufCMessageDescriptor *const notes[] = { &zoo__chain_note__descriptor, NULL };

GV_PLUGIN = {
	GV_STAMP,
	.name = "chain",
	.version = "1",
	.summary = "Calls the counter, step after step.",
	.serves = services,
	.emits = emits,
	.tables = tables,
	.calls = calls,
	.notes = notes,
	.schema_set = GV_SCHEMA(zoo),
	.schema = 1,
	.start = start,
	.on_answer = on_answer,
};
