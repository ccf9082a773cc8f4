/* What a charger takes of limits: what it has told when it was asked once, and what it has refused. */
#include "orders.h"

#include <plugins/ocpp/edge/edge.h>
#include <plugins/ocpp/edge/profiles.h>

#include <string.h>

const struct gv_table ocpp_abilities = { .name = "abilities", .key = "s", .value = &ocpp__abilities__descriptor };

const Ocpp__Abilities *limits_abilities(struct gv_turn *t, const char *device)
{
	static const Ocpp__Abilities unknown = OCPP__ABILITIES__INIT;
	const Ocpp__Abilities *row = gv_get(t, &ocpp_abilities, gv_key(device));

	return row ? row : &unknown;
}

void abilities_refused(const struct orders *q, uint32_t refused)
{
	struct station *st = station_find(q->o, q->device);
	Ocpp__Abilities *row;

	if (!(refused & ~limits_abilities(q->t, q->device)->refused))
		return;
	row = gv_edit(q->t, &ocpp_abilities, gv_key(q->device));
	row->refused |= refused;
	gv_log(q->t, GV_WARN, "charger does not take every charging profile device=%s refused=0x%x", q->device,
	       row->refused);
	if (st)
		station_quirks(q->o, q->t, st, QUIRK_BIT(QUIRK_REFUSES_PROFILES));
}

void abilities_told(const struct orders *q, const struct station *st, const struct outcome *out)
{
	const Ocpp__StationRow *station = gv_get(q->t, &ocpp_stations, gv_key(q->device));
	Ocpp__Abilities *row = gv_edit(q->t, &ocpp_abilities, gv_key(q->device));

	row->asked = true;
	row->firmware = station && station->station ? station->station->firmware : "";
	if (out->kind == OUTCOME_ANSWERED && st->edge->profiles)
		st->edge->profiles->read_abilities(q->t, out->payload, row);
}

int limits_booted(struct gv_turn *t, const char *device, const char *firmware)
{
	const Ocpp__Abilities *row = gv_get(t, &ocpp_abilities, gv_key(device));
	Ocpp__Abilities fresh = OCPP__ABILITIES__INIT;

	if (!row || !strcmp(row->firmware, firmware))
		return 0;
	fresh.has_key_value = row->has_key_value;
	fresh.key_value = row->key_value;
	return gv_put(t, &ocpp_abilities, gv_key(device), &fresh);
}
