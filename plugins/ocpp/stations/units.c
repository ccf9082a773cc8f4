/* Chargers that stand many behind one connection: a controller or a load balancer tells of them as of one charger with
 * many connectors (quirk row 49). Which of its connectors are whose is data in its profile; to the rest of galvan it
 * stays one device, and a session or a state says of which charger it is besides. */
#include "units.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MANY_CONNECTORS 8 /* more than these are those of several chargers, whether or not they are told apart */

const char *unit_of(const struct profile *p, uint32_t connector, uint32_t *ret_connector)
{
	for (size_t i = 0; i < p->n_units; i++) {
		const struct profile_unit *u = &p->units[i];

		if (connector < u->first || connector - u->first >= u->connectors)
			continue;
		*ret_connector = connector - u->first + 1;
		return u->name;
	}
	*ret_connector = 0;
	return "";
}

bool unit_is_of_many(const struct station *st, uint32_t connector)
{
	uint32_t own;

	return connector > MANY_CONNECTORS || unit_of(&st->profile, connector, &own)[0];
}

void unit_session(struct ocpp *o, const char *device, Ocpp__Transaction *x)
{
	const struct station *st = station_find(o, device);

	if (st)
		x->unit = (char *)unit_of(&st->profile, x->connector, &x->unit_connector);
}

/* ---- the config's ---------------------------------------------------------------------------- */

static bool overlap(const Ocpp__ChargerUnit *a, const Ocpp__ChargerUnit *b)
{
	return a->first_connector < b->first_connector + b->connectors &&
	       b->first_connector < a->first_connector + a->connectors;
}

static int check(struct gv_turn *t, size_t profile, const Ocpp__StationProfile *from, size_t at)
{
	const Ocpp__ChargerUnit *unit = from->units[at];

	for (size_t i = 0; i < at; i++) {
		if (overlap(unit, from->units[i]))
			return gv_fault(t, "profiles[%zu].units: \"%s\" and \"%s\" have a connector in common", profile,
					from->units[i]->name, unit->name);
		if (!strcmp(unit->name, from->units[i]->name))
			return gv_fault(t, "profiles[%zu].units: \"%s\" stands twice", profile, unit->name);
	}
	return 0;
}

int units_take(struct gv_turn *t, size_t profile, const Ocpp__StationProfile *from, struct profile *ret)
{
	struct profile_unit *units;

	if (!from->n_units)
		return 0;
	for (size_t i = 0; i < from->n_units; i++) {
		int error = check(t, profile, from, i);

		if (error)
			return error;
	}
	units = calloc(from->n_units, sizeof *units);
	if (!units)
		return -ENOMEM;
	ret->units = units;
	for (; ret->n_units < from->n_units; ret->n_units++) {
		const Ocpp__ChargerUnit *unit = from->units[ret->n_units];

		units[ret->n_units] = (struct profile_unit){ strdup(unit->name), unit->first_connector,
							     unit->connectors };
		if (!units[ret->n_units].name)
			return -ENOMEM;
	}
	return 0;
}

void units_free(struct profile *p)
{
	for (size_t i = 0; i < p->n_units; i++)
		free(p->units[i].name);
	free((void *)p->units);
}
