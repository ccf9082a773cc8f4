/* The configuration of a charger, read and set. A charger may take only so many keys in a message (1.6, 5.8 and 9.1.8):
 * it is asked how many once a connection, and what is read by more keys is read in pieces; what has been answered so
 * far is kept with the next call, so that it outlives a crash. What was set is read back, as some chargers accept what
 * they then do not do (quirk row 27); keys are compared without regard to case, and values without what surrounds them
 * (row 28). */
#include "commands.h"
#include "mask.h"

#include <plugins/ocpp/edge/edge.h>

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- read ------------------------------------------------------------------------------------ */

/* The next of the keys, as many as the charger takes. */
static int ask_next(struct ocpp *o, struct gv_turn *t, struct gv_ticket ticket, const struct station *st,
		    const Ocpp__Question *q)
{
	Ocpp__Question next = *q;
	struct command c = { .kind = OCPP__COMMAND__KIND__GET_CONFIGURATION, .question = &next };
	size_t n = q->n_keys - q->asked;

	if (n > q->most)
		n = q->most;
	next.asked += (uint32_t)n;
	st->edge->orders->get_configuration(t, q->keys + q->asked, n, &c);
	return command_send(o, t, ticket, st->device, &c);
}

static int ask_max_keys(struct ocpp *o, struct gv_turn *t, struct gv_ticket ticket, const struct station *st,
			const Ocpp__Question *q)
{
	struct command c = { .kind = OCPP__COMMAND__KIND__GET_CONFIGURATION, .question = q };
	char *key = (char *)st->edge->orders->most_keys;

	st->edge->orders->get_configuration(t, &key, 1, &c);
	return command_send(o, t, ticket, st->device, &c);
}

int configuration_get(struct ocpp *o, struct gv_turn *t, struct gv_ticket ticket,
		      const Charging__GetConfigurationRequest *r)
{
	struct command all = { .kind = OCPP__COMMAND__KIND__GET_CONFIGURATION };
	const struct station *st = station_find(o, r->device);
	Ocpp__Question q = OCPP__QUESTION__INIT;

	if (st->edge->orders->get_configuration(t, r->keys, r->n_keys, &all))
		return gv_refuse(t, ticket, GV_INVALID_ARGUMENT, "%s", all.problem);
	if (r->n_keys < 2 || r->n_keys <= st->max_keys || !st->edge->orders->most_keys ||
	    (!st->max_keys && profile_asks_nothing(t, st)))
		return command_send(o, t, ticket, r->device, &all);
	q.keys = r->keys;
	q.n_keys = r->n_keys;
	q.most = st->max_keys;
	return q.most ? ask_next(o, t, ticket, st, &q) : ask_max_keys(o, t, ticket, st, &q);
}

/* What it says of no such limit, or nothing that makes sense, takes all. */
static void max_keys_told(struct gv_turn *t, struct station *st, const struct outcome *out)
{
	Charging__GetConfigurationReply said = CHARGING__GET_CONFIGURATION_REPLY__INIT;

	st->max_keys = UINT32_MAX;
	if (out->kind == OUTCOME_ANSWERED)
		st->edge->orders->read_configuration(t, out->payload, &said);
	for (size_t i = 0; i < said.n_entries; i++) {
		long value = strtol(said.entries[i]->value, NULL, 10);

		if (!strcasecmp(said.entries[i]->key, st->edge->orders->most_keys) && value > 0 && value <= INT32_MAX)
			st->max_keys = (uint32_t)value;
	}
}

void configuration_told(struct ocpp *o, struct gv_turn *t, struct station *st, const struct cJSON *payload)
{
	Charging__GetConfigurationReply said = CHARGING__GET_CONFIGURATION_REPLY__INIT;

	st->edge->orders->read_configuration(t, payload, &said);
	for (size_t i = 0; i < said.n_entries; i++)
		if (said.entries[i]->value[0] && mask_is_secret(said.entries[i]->key)) {
			station_quirks(o, t, st, QUIRK_BIT(QUIRK_TELLS_SECRETS));
			return;
		}
}

/* Behind what the answers before this one said. */
static void read_answer(struct gv_turn *t, const struct station *st, const Ocpp__Question *q,
			const struct cJSON *payload, Charging__GetConfigurationReply *ret)
{
	for (size_t i = 0; q && i < q->n_entries; i++)
		*GV_APPEND(t, ret->entries, ret->n_entries) = q->entries[i];
	for (size_t i = 0; q && i < q->n_unknown; i++)
		*GV_APPEND(t, ret->unknown, ret->n_unknown) = q->unknown[i];
	st->edge->orders->read_configuration(t, payload, ret);
	for (size_t i = 0; i < ret->n_entries; i++) {
		Charging__ConfigurationEntry *e = ret->entries[i];

		if (!mask_is_secret(e->key))
			continue;
		e->secret = true;
		e->value = "";
	}
}

int conclude_get_configuration(struct ocpp *o, struct gv_turn *t, const char *device, const Ocpp__Command *row,
			       const struct outcome *out)
{
	Charging__GetConfigurationReply reply = CHARGING__GET_CONFIGURATION_REPLY__INIT;
	struct station *st = station_find(o, device);
	Ocpp__Question q;

	if (!st || !st->edge->orders->read_configuration)
		return command_refuse(t, device, row, out);
	if (row->question && !row->question->asked && (out->kind == OUTCOME_ANSWERED || out->kind == OUTCOME_ERROR)) {
		max_keys_told(t, st, out);
		q = *row->question;
		q.most = st->max_keys;
		return ask_next(o, t, command_ticket(row), st, &q);
	}
	if (out->kind != OUTCOME_ANSWERED)
		return command_refuse(t, device, row, out);
	read_answer(t, st, row->question, out->payload, &reply);
	if (!row->question || row->question->asked >= row->question->n_keys)
		return gv_reply(t, command_ticket(row), &reply);
	q = *row->question;
	q.entries = reply.entries;
	q.n_entries = reply.n_entries;
	q.unknown = reply.unknown;
	q.n_unknown = reply.n_unknown;
	return ask_next(o, t, command_ticket(row), st, &q);
}

/* ---- set ------------------------------------------------------------------------------------- */

static const char *trim(struct gv_turn *t, const char *value)
{
	size_t size;

	value += strspn(value, " \t\"'");
	size = strlen(value);
	while (size && strchr(" \t\"'", value[size - 1]))
		size--;
	return gv_str(t, "%.*s", (int)size, value);
}

bool configuration_same(struct gv_turn *t, const char *a, const char *b)
{
	return !strcasecmp(trim(t, a), trim(t, b));
}

static int tell(struct gv_turn *t, const Ocpp__Command *row, const char *value, bool as_set)
{
	Charging__SetConfigurationReply reply = CHARGING__SET_CONFIGURATION_REPLY__INIT;

	reply.status = row->setting->status;
	reply.value = mask_is_secret(row->setting->key) ? "" : (char *)value;
	reply.as_set = as_set;
	return gv_reply(t, command_ticket(row), &reply);
}

int conclude_set_configuration(struct ocpp *o, struct gv_turn *t, const char *device, const Ocpp__Command *row,
			       const struct outcome *out)
{
	struct station *st = station_find(o, device);
	Ocpp__Setting *setting = gv_alloc(t, sizeof *setting);
	struct command c = { .kind = OCPP__COMMAND__KIND__READ_BACK, .setting = setting };
	Ocpp__Command told = *row;

	if (out->kind != OUTCOME_ANSWERED || !row->setting || !st || !st->edge->orders->configuration_status)
		return command_refuse(t, device, row, out);
	*setting = *row->setting;
	setting->status = (char *)st->edge->orders->configuration_status(t, out->payload);
	if (!setting->status[0])
		return command_refuse(t, device, row, out);
	told.setting = setting;
	if (strcmp(setting->status, "Accepted") != 0)
		return tell(t, &told, "", false);
	if (profile_asks_nothing(t, st) || st->edge->orders->get_configuration(t, &setting->key, 1, &c))
		return tell(t, &told, "", true);
	return command_send(o, t, command_ticket(row), device, &c);
}

int conclude_read_back(struct ocpp *o, struct gv_turn *t, const char *device, const Ocpp__Command *row,
		       const struct outcome *out)
{
	Charging__GetConfigurationReply found = CHARGING__GET_CONFIGURATION_REPLY__INIT;
	struct station *st = station_find(o, device);

	if (!row->setting)
		return command_refuse(t, device, row, out);
	if (out->kind == OUTCOME_ANSWERED && st)
		st->edge->orders->read_configuration(t, out->payload, &found);
	for (size_t i = 0; i < found.n_entries; i++) {
		const Charging__ConfigurationEntry *e = found.entries[i];
		bool as_set = e->secret || mask_is_secret(e->key) ||
			      configuration_same(t, e->value, row->setting->value);

		if (strcasecmp(e->key, row->setting->key) != 0)
			continue;
		if (strcmp(e->key, row->setting->key) != 0 || (as_set && strcmp(e->value, row->setting->value) != 0))
			station_quirks(o, t, st, QUIRK_BIT(QUIRK_KEY_CASE));
		if (!as_set)
			station_quirks(o, t, st, QUIRK_BIT(QUIRK_SETTING_IGNORED));
		return tell(t, row, e->value, as_set);
	}
	return tell(t, row, "", true); /* it may be set and not be read */
}
