/* The profiles that each charger has accepted: rows, so that they are known after either side has been away. */
#include "limits.h"

#include <plugins/ocpp/edge/edge.h>
#include <plugins/ocpp/edge/profiles.h>

#include <cjson/cJSON.h>
#include <string.h>

const struct gv_table ocpp_profiles = { .name = "profiles", .key = "sui", .value = &ocpp__profile__descriptor };

/* ---- changes --------------------------------------------------------------------------------- */

static bool replaced(uint32_t connector, const Ocpp__Profile *old, uint32_t by_connector, const Ocpp__Profile *by,
		     bool level_replaces)
{
	if (old->id == by->id)
		return true;
	return level_replaces && connector == by_connector && old->purpose == by->purpose &&
	       old->stack_level == by->stack_level;
}

int profiles_put(struct gv_turn *t, const char *device, uint32_t connector, const Ocpp__Profile *p, bool level_replaces)
{
	struct gv_scan scan = { .table = &ocpp_profiles, .prefix = gv_key(device) };
	Ocpp__Profile copy = *p;
	unsigned n = 0;

	while (gv_next(t, &scan)) {
		if (replaced((uint32_t)scan.key.part[1].u, scan.row, connector, p, level_replaces))
			gv_delete(t, &ocpp_profiles, scan.key);
		else
			n++;
	}
	if (n >= PROFILES_MAX) {
		gv_log(t, GV_WARN,
		       "charger has more profiles than are remembered: schedules reckoned here may differ from its "
		       "own, "
		       "clear those that are of no use device=%s profiles=%u id=%lld",
		       device, n, (long long)p->id);
		return 0;
	}
	if (!copy.set_at_ms)
		copy.set_at_ms = gv_now_ms(t);
	return gv_put(t, &ocpp_profiles, gv_key(device, connector, p->id), &copy);
}

static bool fits(uint32_t connector, const Ocpp__Profile *p, const struct profile_criteria *c)
{
	if (c->has_id)
		return p->id == c->id;
	return (!c->has_connector || connector == c->connector) && (!c->has_purpose || p->purpose == c->purpose) &&
	       (!c->has_level || p->stack_level == c->level);
}

int profiles_clear(struct gv_turn *t, const char *device, const struct profile_criteria *c)
{
	struct gv_scan scan = { .table = &ocpp_profiles, .prefix = gv_key(device) };

	while (gv_next(t, &scan))
		if (fits((uint32_t)scan.key.part[1].u, scan.row, c))
			gv_delete(t, &ocpp_profiles, scan.key);
	return 0;
}

int profiles_ended(struct gv_turn *t, const char *device, uint32_t connector, const char *transaction)
{
	struct gv_scan scan = { .table = &ocpp_profiles, .prefix = gv_key(device, connector) };

	while (gv_next(t, &scan)) {
		const Ocpp__Profile *p = scan.row;

		if (p->purpose == OCPP__PROFILE__PURPOSE__TX &&
		    (!p->transaction[0] || !strcmp(p->transaction, transaction)))
			gv_delete(t, &ocpp_profiles, scan.key);
	}
	return 0;
}

/* ---- questions ------------------------------------------------------------------------------- */

size_t profiles_list(struct gv_turn *t, const char *device, struct composite_profile **ret)
{
	struct gv_scan scan = { .table = &ocpp_profiles, .prefix = gv_key(device) };
	struct composite_profile *list = NULL;
	size_t n = 0;

	while (gv_next(t, &scan)) {
		struct composite_profile *one;

		/* A walk shows them as they were before this message. */
		if (!gv_get(t, &ocpp_profiles, scan.key))
			continue;
		one = GV_APPEND(t, list, n);
		one->connector = (uint32_t)scan.key.part[1].u;
		one->profile = gv_get(t, &ocpp_profiles, scan.key);
	}
	*ret = list;
	return n;
}

const char *profiles_transaction(struct gv_turn *t, const Ocpp__Transaction *x)
{
	return x->name[0] ? x->name : gv_str(t, "%d", x->id);
}

/* ---- what calls do --------------------------------------------------------------------------- */

static int was_set(struct gv_turn *t, const char *device, const struct edge_profiles *v, const cJSON *payload)
{
	Ocpp__Profile *p = profiles_read(t, v, json_get(payload, v->profile));

	if (!p) {
		gv_log(t, GV_WARN,
		       "charger accepted a profile that cannot be reckoned with: schedules reckoned here may differ "
		       "from "
		       "its own device=%s",
		       device);
		return 0;
	}
	return profiles_put(t, device, profiles_read_connector(v, payload), p, v->level_replaces);
}

/* Of all of its profiles, and not only of some (2.0.1). */
static int were_asked_for(struct gv_turn *t, const char *device, const struct edge_profiles *v, const cJSON *payload,
			  const char *status)
{
	const cJSON *criteria = json_get(payload, v->profile);

	if ((criteria && criteria->child) || json_get(payload, v->connector))
		return 0;
	if (strcmp(status, "Accepted") != 0 && strcmp(status, "NoProfiles") != 0)
		return 0;
	return told_profiles_asked(t, device, json_int(payload, "requestId", 0), status[0] == 'N');
}

int profiles_called(struct ocpp *o, struct gv_turn *t, const char *device, const Ocpp__Command *row,
		    const struct outcome *out)
{
	const struct station *st = station_find(o, device);
	const struct edge_profiles *v = st ? st->edge->profiles : NULL;
	enum profile_call call = v ? profiles_call(v, row->action) : PROFILE_CALL_NONE;
	const char *status = outcome_status(out);
	struct profile_criteria criteria;
	cJSON *payload;

	if (call == PROFILE_CALL_NONE)
		return 0;
	payload = cJSON_Parse(row->payload);
	if (call == PROFILE_CALL_SET && !strcmp(status, "Accepted"))
		was_set(t, device, v, payload);
	/* Unknown says the same as Accepted: it has none of these. */
	if (call == PROFILE_CALL_CLEAR && (!strcmp(status, "Accepted") || !strcmp(status, "Unknown"))) {
		profiles_read_clear(v, payload, &criteria);
		profiles_clear(t, device, &criteria);
	}
	if (call == PROFILE_CALL_REPORT)
		were_asked_for(t, device, v, payload, status);
	cJSON_Delete(payload);
	return 0;
}
