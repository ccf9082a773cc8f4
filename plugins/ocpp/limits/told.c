/* What chargers say of limits by themselves: limits that others set, and the profiles that they have (2.0.1: K09, K12
 * to K14). All of it is kept, and told as a StationNotified. */
#include "limits.h"

#include <plugins/ocpp/stations/reports.h>

#include <string.h>

int limits_tell(struct ocpp *o, struct gv_turn *t, struct inbound *in, const char *status, const char *detail)
{
	struct said_notification said = {
		.which = STATUS_OF_NOTHING, .status = status, .detail = detail, .time_ms = gv_now_ms(t)
	};

	return report_notification(o, t, in, &said);
}

/* ---- limits of others ------------------------------------------------------------------------ */

static bool is_ourselves(const char *source)
{
	return !strcmp(source, "CSO");
}

/* Such a limit has no id of its own: one of each source and connector, below all that a charger would use. */
static int64_t external_id(const struct said_limit *said)
{
	static const char *const sources[] = { "EMS", "SO", "Other" };
	int64_t source = 0;

	while (source < 2 && strcmp(sources[source], said->source) != 0)
		source++;
	return INT32_MIN + (int64_t)said->connector * 3 + source;
}

int told_limit(struct ocpp *o, struct gv_turn *t, struct inbound *in, const struct said_limit *said)
{
	Ocpp__Profile p = OCPP__PROFILE__INIT;

	if (said->n_schedules && !is_ourselves(said->source)) {
		p.id = external_id(said);
		p.purpose = OCPP__PROFILE__PURPOSE__EXTERNAL;
		p.schedules = said->schedules;
		p.n_schedules = said->n_schedules;
		p.source = (char *)said->source;
		profiles_put(t, in->device, said->connector, &p, false);
	}
	return limits_tell(o, t, in, said->source,
			   gv_str(t, "connector=%u schedules=%zu critical=%s", said->connector, said->n_schedules,
				  said->critical ? "true" : "false"));
}

int told_limit_cleared(struct ocpp *o, struct gv_turn *t, struct inbound *in, const struct said_limit *said)
{
	struct gv_scan scan = { .table = &ocpp_profiles, .prefix = gv_key(in->device) };

	while (gv_next(t, &scan)) {
		const Ocpp__Profile *p = scan.row;

		if (p->purpose == OCPP__PROFILE__PURPOSE__EXTERNAL && !strcmp(p->source, said->source) &&
		    (!said->has_connector || scan.key.part[1].u == said->connector))
			gv_delete(t, &ocpp_profiles, scan.key);
	}
	return limits_tell(o, t, in, said->source, gv_str(t, "connector=%u", said->connector));
}

/* ---- reports of profiles --------------------------------------------------------------------- */

/* Away with those that the report does not name. */
static void forget_unreported(struct gv_turn *t, const char *device, int64_t request_id)
{
	struct gv_scan scan = { .table = &ocpp_profiles, .prefix = gv_key(device) };

	while (gv_next(t, &scan)) {
		const Ocpp__Profile *p = gv_get(t, &ocpp_profiles, scan.key);

		if (p && p->report != request_id)
			gv_delete(t, &ocpp_profiles, scan.key);
	}
}

int told_profiles(struct ocpp *o, struct gv_turn *t, struct inbound *in, const struct said_profiles *said)
{
	for (size_t i = 0; i < said->n_profiles; i++) {
		Ocpp__Profile p = *said->profiles[i];
		const Ocpp__Profile *known = gv_get(t, &ocpp_profiles, gv_key(in->device, said->connector, p.id));

		p.set_at_ms = known ? known->set_at_ms : 0;
		p.report = said->request_id;
		if (p.purpose == OCPP__PROFILE__PURPOSE__EXTERNAL)
			p.source = (char *)said->source;
		profiles_put(t, in->device, said->connector, &p, false);
	}
	if (said->more || limits_abilities(t, in->device)->report != said->request_id)
		return 0;
	forget_unreported(t, in->device, said->request_id);
	((Ocpp__Abilities *)gv_edit(t, &ocpp_abilities, gv_key(in->device)))->report = 0;
	return 0;
}

int told_profiles_asked(struct gv_turn *t, const char *device, int64_t request_id, bool none)
{
	if (none)
		return profiles_clear(t, device, &(struct profile_criteria){ 0 });
	((Ocpp__Abilities *)gv_edit(t, &ocpp_abilities, gv_key(device)))->report = request_id;
	return 0;
}
