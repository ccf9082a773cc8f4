/* The configuration of a charger, read and set. What was set is read back, as some chargers accept what they then do
 * not do (quirk row 27); keys are compared without regard to case, and values without what surrounds them (row 28). */
#include "commands.h"
#include "mask.h"

#include <plugins/ocpp/edge/edge.h>

#include <string.h>
#include <strings.h>

/* ---- read ------------------------------------------------------------------------------------ */

int conclude_get_configuration(struct ocpp *o, struct gv_turn *t, const char *device, const Ocpp__Command *row,
			       const struct outcome *out)
{
	Charging__GetConfigurationReply reply = CHARGING__GET_CONFIGURATION_REPLY__INIT;
	const struct station *st = station_find(o, device);

	if (out->kind != OUTCOME_ANSWERED || !st || !st->edge->orders->read_configuration)
		return command_refuse(t, device, row, out);
	st->edge->orders->read_configuration(t, out->payload, &reply);
	for (size_t i = 0; i < reply.n_entries; i++) {
		Charging__ConfigurationEntry *e = reply.entries[i];

		if (!mask_is_secret(e->key))
			continue;
		e->secret = true;
		e->value = "";
	}
	return gv_reply(t, command_ticket(row), &reply);
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
	if (st->profile.ask_nothing || st->edge->orders->get_configuration(t, &setting->key, 1, &c))
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
			      !strcasecmp(trim(t, e->value), trim(t, row->setting->value));

		if (strcasecmp(e->key, row->setting->key) != 0)
			continue;
		if (strcmp(e->key, row->setting->key) != 0)
			station_quirks(o, t, st, QUIRK_BIT(QUIRK_KEY_CASE));
		if (!as_set)
			station_quirks(o, t, st, QUIRK_BIT(QUIRK_SETTING_IGNORED));
		return tell(t, row, e->value, as_set);
	}
	return tell(t, row, "", true); /* it may be set and not be read */
}
