/* What a charger keeps of a person, for whoever asks: it comes in pieces, which are kept until the last has come or the
 * deadline has, and then nowhere. */
#include "device.h"

#include <plugins/ocpp/edge/edge.h>

#include <string.h>

int customer_tell(struct gv_turn *t, const struct report_key *key, const Ocpp__ReportRow *row, bool complete)
{
	Ocpp__GetCustomerInformationReply reply = OCPP__GET_CUSTOMER_INFORMATION_REPLY__INIT;

	reply.status = "Accepted";
	reply.text = (char *)report_text(t, key);
	reply.complete = complete;
	reply.cut = row->cut;
	return gv_reply(t, report_ticket(row), &reply);
}

int customer_concluded(struct ocpp *o, struct gv_turn *t, const char *device, const Ocpp__Command *row,
		       const struct outcome *out)
{
	struct report_key key = { device, OCPP__REPORT_ROW__KIND__CUSTOMER, (int64_t)row->about };
	Ocpp__GetCustomerInformationReply reply = OCPP__GET_CUSTOMER_INFORMATION_REPLY__INIT;
	const Ocpp__ReportRow *report = report_find(t, &key);
	Ocpp__Command asker = *row;

	reply.status = (char *)outcome_status(out);
	if (!report || !strcmp(reply.status, "Accepted"))
		return 0;
	asker.ticket_call = report->ticket_call;
	asker.ticket_caller = report->ticket_caller;
	if (reply.status[0])
		gv_reply(t, report_ticket(report), &reply);
	else
		command_refuse(t, device, &asker, out);
	return report_drop(t, &key);
}

static int ask(struct ocpp *o, struct gv_turn *t, struct gv_ticket ticket, const struct station *st,
	       const Ocpp__GetCustomerInformationRequest *r)
{
	struct report_key key = { r->device, OCPP__REPORT_ROW__KIND__CUSTOMER, 0 };
	struct command c = { .kind = OCPP__COMMAND__KIND__CUSTOMER, .timeout_ms = (int64_t)r->timeout_s * 1000 };
	Ocpp__ReportRow row = OCPP__REPORT_ROW__INIT;
	Ocpp__GetCustomerInformationRequest typed = *r;

	typed.token_type = (char *)token_type(o, t, r->token, r->token_type, TOKEN_TYPE_CARD);
	key.id = report_id(t, r->device, key.kind);
	if (st->edge->model->customer(t, key.id, &typed, &c))
		return gv_refuse(t, ticket, GV_INVALID_ARGUMENT, "%s", c.problem);
	row.purpose = OCPP__REPORT_ROW__PURPOSE__INFORMATION;
	row.ticket_call = ticket.call;
	row.ticket_caller = ticket.caller;
	row.deadline_ms = gv_now_ms(t) + (c.timeout_ms ? c.timeout_ms : o->call_timeout_ms);
	if (report_expect(t, &key, &row))
		return gv_refuse(t, ticket, GV_RESOURCE_EXHAUSTED,
				 "%s owes several reports already: try again when they have come", r->device);
	c.about = (uint64_t)key.id;
	return command_send(o, t, (struct gv_ticket){ 0 }, r->device, &c);
}

int get_customer_information(void *self, struct gv_turn *t, struct gv_ticket ticket, const ProtobufCMessage *m)
{
	const Ocpp__GetCustomerInformationRequest *r = (const Ocpp__GetCustomerInformationRequest *)m;
	const struct station *st;

	if (!r->device[0])
		return gv_refuse(t, ticket, GV_INVALID_ARGUMENT, "device must be given");
	if (!r->token[0] == !r->customer_identifier[0])
		return gv_refuse(t, ticket, GV_INVALID_ARGUMENT,
				 "either token or customerIdentifier must be given: whose data are asked for");
	if (command_impossible(self, t, ticket, r->device))
		return 0;
	st = station_find(self, r->device);
	if (!st->edge->model)
		return gv_refuse(t, ticket, GV_UNIMPLEMENTED,
				 "%s speaks %s, in which chargers cannot be asked for people's data", r->device,
				 st->edge->name);
	return ask(self, t, ticket, st, r);
}
