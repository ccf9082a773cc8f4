/* A charger is asked for all its variables: by people, and once by galvan itself where its firmware is new here. */
#include "device.h"

#include <plugins/ocpp/edge/edge.h>

#include <string.h>

#define AGAIN_MS 3600000 /* between two boots after which it is asked by itself */
#define SPREAD 9         /* times the delay, by chance */

/* ---- asked ----------------------------------------------------------------------------------- */

int model_ask(struct ocpp *o, struct gv_turn *t, struct gv_ticket ticket, const char *device,
	      Ocpp__ReportRow__Purpose purpose, uint32_t timeout_s)
{
	struct report_key key = { device, OCPP__REPORT_ROW__KIND__VARIABLES, 0 };
	const struct station *st = station_find(o, device);
	struct command c = { .kind = OCPP__COMMAND__KIND__REPORT, .timeout_ms = (int64_t)timeout_s * 1000 };
	Ocpp__ReportRow row = OCPP__REPORT_ROW__INIT;

	key.id = report_id(t, device, key.kind);
	row.purpose = purpose;
	row.replaces = OCPP__REPORT_ROW__REPLACES__ALL;
	row.ticket_call = ticket.call;
	row.ticket_caller = ticket.caller;
	row.deadline_ms = gv_now_ms(t) + (c.timeout_ms ? c.timeout_ms : o->call_timeout_ms);
	if (report_expect(t, &key, &row))
		return purpose == OCPP__REPORT_ROW__PURPOSE__NOBODY
			       ? 0
			       : gv_refuse(t, ticket, GV_RESOURCE_EXHAUSTED,
					   "%s owes several reports already: try again when they have come", device);
	c.about = (uint64_t)key.id;
	st->edge->model->report(t, key.id, &c);
	return command_send(o, t, (struct gv_ticket){ 0 }, device, &c);
}

static int refused(struct gv_turn *t, const struct report_key *key, const Ocpp__ReportRow *report,
		   const Ocpp__Command *row, const struct outcome *out)
{
	Ocpp__RefreshVariablesReply reply = OCPP__REFRESH_VARIABLES_REPLY__INIT;
	Ocpp__Command asker = *row;

	asker.ticket_call = report->ticket_call;
	asker.ticket_caller = report->ticket_caller;
	reply.status = (char *)outcome_status(out);
	if (report->purpose == OCPP__REPORT_ROW__PURPOSE__NOBODY)
		return 0;
	if (!reply.status[0])
		return command_refuse(t, key->device, &asker, out);
	if (report->purpose == OCPP__REPORT_ROW__PURPOSE__REFRESH)
		return gv_reply(t, report_ticket(report), &reply);
	return gv_refuse(t, report_ticket(report), GV_FAILED_PRECONDITION,
			 "%s does not report its variables (%s): name the keys that you want to read", key->device,
			 reply.status);
}

/* The parts of the report come by themselves, maybe before this. */
int model_concluded(struct ocpp *o, struct gv_turn *t, const char *device, const Ocpp__Command *row,
		    const struct outcome *out)
{
	struct report_key key = { device, OCPP__REPORT_ROW__KIND__VARIABLES, (int64_t)row->about };
	const Ocpp__ReportRow *report = report_find(t, &key);

	if (!report || !strcmp(outcome_status(out), "Accepted"))
		return 0;
	/* What is not known to have been refused is asked for again, at the next boot. */
	if (out->kind != OUTCOME_ANSWERED && out->kind != OUTCOME_ERROR)
		((Ocpp__ModelRow *)gv_edit(t, &ocpp_models, gv_key(device)))->firmware = "";
	refused(t, &key, report, row, out);
	return report_drop(t, &key);
}

int refresh_variables(void *self, struct gv_turn *t, struct gv_ticket ticket, const ProtobufCMessage *m)
{
	const Ocpp__RefreshVariablesRequest *r = (const Ocpp__RefreshVariablesRequest *)m;
	const struct station *st;

	if (!r->device[0])
		return gv_refuse(t, ticket, GV_INVALID_ARGUMENT, "device must be given");
	if (command_impossible(self, t, ticket, r->device))
		return 0;
	st = station_find(self, r->device);
	if (!st->edge->model)
		return gv_refuse(t, ticket, GV_UNIMPLEMENTED,
				 "%s speaks %s, which has no device model: use Charging/GetConfiguration", r->device,
				 st->edge->name);
	return model_ask(self, t, ticket, r->device, OCPP__REPORT_ROW__PURPOSE__REFRESH, r->timeout_s);
}

/* ---- asked by itself ------------------------------------------------------------------------- */

static const char *firmware_of(struct gv_turn *t, const Ocpp__Station *said)
{
	return gv_str(t, "%s/%s/%s", said->vendor, said->model, said->firmware);
}

int model_booted(struct ocpp *o, struct gv_turn *t, const struct station *st, const Ocpp__Station *said)
{
	const Ocpp__ModelRow *row = model_row(t, st->device);
	int64_t delay = o->report_delay_ms, now = gv_now_ms(t);

	if (!delay || !st->edge->model || !strcmp(row->firmware, firmware_of(t, said)))
		return 0;
	delay += (int64_t)(gv_random(t) % (uint64_t)(SPREAD * delay));
	if (row->asked_at_ms && row->asked_at_ms + AGAIN_MS > now + delay)
		delay = row->asked_at_ms + AGAIN_MS - now;
	return gv_timer(t, gv_str(t, MODEL_TIMER "%s", st->device), now + delay, NULL);
}

/* A charger that is not there then is asked after its next boot. */
int model_due(struct ocpp *o, struct gv_turn *t, const char *device)
{
	const struct station *st = station_find(o, device);
	const Ocpp__StationRow *known = gv_get(t, &ocpp_stations, gv_key(device));
	Ocpp__ModelRow *row;

	if (!st || !st->edge->model || !known || !known->station || profile_asks_nothing(t, st))
		return 0;
	row = gv_edit(t, &ocpp_models, gv_key(device));
	row->firmware = (char *)firmware_of(t, known->station);
	row->asked_at_ms = gv_now_ms(t);
	return model_ask(o, t, (struct gv_ticket){ 0 }, device, OCPP__REPORT_ROW__PURPOSE__NOBODY, 0);
}
