/* OCPP 2.0.1: its words for charging profiles, the variables that say what a charger takes (component
 * SmartChargingCtrlr), and what chargers say of limits by themselves. Its EVSEs are the neutral model's connectors. */
#include "profiles.h"
#include "v201_limits.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define ASK(name) "{\"component\":{\"name\":\"SmartChargingCtrlr\"},\"variable\":{\"name\":\"" name "\"}}"
#define MAX_LEVEL "ProfileStackLevel"
#define RATE_UNIT "RateUnit"
#define MAX_PERIODS "PeriodsPerSchedule"

/* ---- abilities ------------------------------------------------------------------------------- */

static int ask_abilities(struct gv_turn *t, struct command *ret)
{
	ret->action = "GetVariables";
	ret->payload = "{\"getVariableData\":[" ASK(MAX_LEVEL) "," ASK(RATE_UNIT) "," ASK(MAX_PERIODS) "]}";
	return 0;
}

static void read_abilities(struct gv_turn *t, const cJSON *payload, Ocpp__Abilities *ret)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, json_get(payload, "getVariableResult"))
	{
		const char *name = json_string(json_get(item, "variable"), "name"),
			   *value = json_string(item, "attributeValue");

		if (strcmp(json_string(item, "attributeStatus"), "Accepted") != 0)
			continue;
		if (!strcasecmp(name, MAX_LEVEL))
			ret->has_max_level = profiles_read_count(value, &ret->max_level);
		else if (!strcasecmp(name, MAX_PERIODS))
			profiles_read_count(value, &ret->max_periods);
		else if (!strcasecmp(name, RATE_UNIT))
			profiles_read_units(value, ret);
	}
}

const struct edge_profiles v201_profiles = {
	.set_call = "SetChargingProfile",
	.clear_call = "ClearChargingProfile",
	.report_call = "GetChargingProfiles",
	.schedule_call = "GetCompositeSchedule",
	.connector = "evseId",
	.profile = "chargingProfile",
	.id = "id",
	.clear_id = "chargingProfileId",
	.criteria = "chargingProfileCriteria",
	.schedule = "schedule",
	.purposes = { "ChargingStationMaxProfile", "TxDefaultProfile", "TxProfile",
		      "ChargingStationExternalConstraints" },
	.lists = true,
	.ask_abilities = ask_abilities,
	.read_abilities = read_abilities,
};

/* ---- limits of others ------------------------------------------------------------------------ */

static void read_limit(const cJSON *p, const char *source, struct said_limit *ret)
{
	memset(ret, 0, sizeof *ret);
	ret->source = source;
	ret->has_connector = cJSON_IsNumber(json_get(p, "evseId"));
	ret->connector = profiles_read_connector(&v201_profiles, p);
}

int v201_told_limit(struct ocpp *o, struct gv_turn *t, struct inbound *in)
{
	const cJSON *limit = json_get(in->payload, "chargingLimit"), *item;
	struct said_limit said;

	read_limit(in->payload, json_string(limit, "chargingLimitSource"), &said);
	said.critical = cJSON_IsTrue(json_get(limit, "isGridCritical"));
	cJSON_ArrayForEach(item, json_get(in->payload, "chargingSchedule"))
	{
		Ocpp__ProfileSchedule *s = profiles_read_schedule(t, item);

		if (s && said.n_schedules < PROFILE_SCHEDULES_MAX)
			*GV_APPEND(t, said.schedules, said.n_schedules) = s;
	}
	return told_limit(o, t, in, &said);
}

int v201_told_cleared(struct ocpp *o, struct gv_turn *t, struct inbound *in)
{
	struct said_limit said;

	read_limit(in->payload, json_string(in->payload, "chargingLimitSource"), &said);
	return told_limit_cleared(o, t, in, &said);
}

int v201_told_profiles(struct ocpp *o, struct gv_turn *t, struct inbound *in)
{
	struct said_profiles said = { .request_id = json_int(in->payload, "requestId", 0),
				      .connector = profiles_read_connector(&v201_profiles, in->payload),
				      .source = json_string(in->payload, "chargingLimitSource"),
				      .more = cJSON_IsTrue(json_get(in->payload, "tbc")) };
	const cJSON *item;

	cJSON_ArrayForEach(item, json_get(in->payload, "chargingProfile"))
	{
		Ocpp__Profile *p = profiles_read(t, &v201_profiles, item);

		if (p && said.n_profiles < PROFILES_MAX)
			*GV_APPEND(t, said.profiles, said.n_profiles) = p;
	}
	return told_profiles(o, t, in, &said);
}
