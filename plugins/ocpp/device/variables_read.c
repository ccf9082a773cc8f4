/* Variables read by their keys, as a configuration: so many in a message as the charger takes, one message after the
 * other. What has been answered so far is kept with the next call, so that it outlives a crash. */
#include "device.h"

#include <plugins/ocpp/edge/edge.h>
#include <plugins/ocpp/stations/mask.h>

#include <string.h>

#define ITEMS_DEFAULT 20      /* of a charger that does not say how many it takes */
#define KEYS_MAX 200          /* of charging.proto */
#define FRAME_AROUND_BYTES 90 /* what a message has besides its payload: type, id, action */

/* ---- asked ----------------------------------------------------------------------------------- */

/* The next of its keys, as many as fit into a message of this charger's; 0: nothing fits. */
static size_t fill(struct gv_turn *t, const struct station *st, const Ocpp__Question *q, struct command *ret)
{
	const struct edge_model *model = st->edge->model;
	uint32_t bytes = variable_number(t, st->device, model->bytes_key, OCPP_FRAME_MAX);
	size_t n = variable_number(t, st->device, model->items_key, ITEMS_DEFAULT), left = q->n_keys - q->asked;

	for (n = n < left ? n : left;; n = (n + 1) / 2) {
		if (st->edge->orders->get_configuration(t, q->keys + q->asked, n, ret))
			return 0;
		if (n <= 1 || strlen(ret->payload) + FRAME_AROUND_BYTES <= bytes)
			return n;
	}
}

/* `q`: whose keys up to q->asked are done with. */
static int ask(struct ocpp *o, struct gv_turn *t, struct gv_ticket ticket, const struct station *st,
	       const Ocpp__Question *q)
{
	struct command c = { .kind = OCPP__COMMAND__KIND__VARIABLES };
	Ocpp__Question next = *q;
	size_t n = fill(t, st, q, &c);

	if (!n)
		return gv_refuse(t, ticket, GV_INVALID_ARGUMENT, "%s", c.problem ? c.problem : "keys cannot be asked");
	next.asked += (uint32_t)n;
	c.question = &next;
	return command_send(o, t, ticket, st->device, &c);
}

int model_configuration(struct ocpp *o, struct gv_turn *t, struct gv_ticket ticket,
			const Charging__GetConfigurationRequest *r)
{
	Charging__GetConfigurationReply reply = CHARGING__GET_CONFIGURATION_REPLY__INIT;
	Ocpp__Question q = OCPP__QUESTION__INIT;
	Ocpp__Variable v;
	const char *problem;

	if (!r->n_keys && model_row(t, r->device)->reported_at_ms) {
		variables_configuration(t, r->device, &reply);
		return gv_reply(t, ticket, &reply);
	}
	if (r->n_keys > KEYS_MAX)
		return gv_refuse(t, ticket, GV_INVALID_ARGUMENT, "keys may be %d at most, are %zu", KEYS_MAX,
				 r->n_keys);
	for (size_t i = 0; i < r->n_keys; i++) {
		problem = key_read(t, r->keys[i], &v);
		if (problem)
			return gv_refuse(t, ticket, GV_INVALID_ARGUMENT, "%s", problem);
	}
	if (command_impossible(o, t, ticket, r->device))
		return 0;
	if (!r->n_keys)
		return model_ask(o, t, ticket, r->device, OCPP__REPORT_ROW__PURPOSE__CONFIGURATION, 0);
	q.keys = r->keys;
	q.n_keys = r->n_keys;
	return ask(o, t, ticket, station_find(o, r->device), &q);
}

/* ---- answered -------------------------------------------------------------------------------- */

int model_configuration_concluded(struct ocpp *o, struct gv_turn *t, const char *device, const Ocpp__Command *row,
				  const struct outcome *out)
{
	Charging__GetConfigurationReply reply = CHARGING__GET_CONFIGURATION_REPLY__INIT;
	const struct station *st = station_find(o, device);
	Ocpp__Question q;

	if (!row->question || !st || !st->edge->model || out->kind != OUTCOME_ANSWERED)
		return command_refuse(t, device, row, out);
	q = *row->question;
	for (size_t i = 0; i < q.n_entries; i++)
		*GV_APPEND(t, reply.entries, reply.n_entries) = q.entries[i];
	for (size_t i = 0; i < q.n_unknown; i++)
		*GV_APPEND(t, reply.unknown, reply.n_unknown) = q.unknown[i];
	st->edge->orders->read_configuration(t, out->payload, &reply);
	for (size_t i = q.n_entries; i < reply.n_entries; i++)
		if (mask_is_secret(reply.entries[i]->key)) {
			reply.entries[i]->secret = true;
			reply.entries[i]->value = "";
		}
	if (q.asked >= q.n_keys)
		return gv_reply(t, command_ticket(row), &reply);
	q.entries = reply.entries;
	q.n_entries = reply.n_entries;
	q.unknown = reply.unknown;
	q.n_unknown = reply.n_unknown;
	return ask(o, t, command_ticket(row), st, &q);
}
