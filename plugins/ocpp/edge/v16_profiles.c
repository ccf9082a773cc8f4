/* OCPP 1.6: its words for charging profiles, and the configuration keys that say what a charger takes (9.4). */
#include "profiles.h"
#include "v16.h"

#include <cjson/cJSON.h>
#include <strings.h>

#define MAX_LEVEL "ChargeProfileMaxStackLevel"
#define RATE_UNIT "ChargingScheduleAllowedChargingRateUnit"
#define MAX_PERIODS "ChargingScheduleMaxPeriods"

static int ask_abilities(struct gv_turn *t, struct command *ret)
{
	ret->action = "GetConfiguration";
	ret->payload = "{\"key\":[\"" MAX_LEVEL "\",\"" RATE_UNIT "\",\"" MAX_PERIODS "\"]}";
	return 0;
}

/* The specification's words are Current and Power; some chargers say A and W (quirk row 29). */
static void read_units(struct gv_turn *t, const char *value, Ocpp__Abilities *ret)
{
	if (!strcasestr(value, "Current") && !strcasestr(value, "Power"))
		gv_count(t, "quirk_unit_spelling", 1);
	profiles_read_units(value, ret);
}

static void read_abilities(struct gv_turn *t, const cJSON *payload, Ocpp__Abilities *ret)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, json_get(payload, "configurationKey"))
	{
		const char *key = json_string(item, "key"), *value = json_string(item, "value");

		/* Letters' case differs among chargers. */
		if (!strcasecmp(key, MAX_LEVEL))
			ret->has_max_level = profiles_read_count(value, &ret->max_level);
		else if (!strcasecmp(key, MAX_PERIODS))
			profiles_read_count(value, &ret->max_periods);
		else if (!strcasecmp(key, RATE_UNIT))
			read_units(t, value, ret);
	}
}

const struct edge_profiles v16_profiles = {
	.set_call = "SetChargingProfile",
	.clear_call = "ClearChargingProfile",
	.schedule_call = "GetCompositeSchedule",
	.connector = "connectorId",
	.profile = "csChargingProfiles",
	.id = "chargingProfileId",
	.clear_id = "id",
	.schedule = "chargingSchedule",
	.purposes = { "ChargePointMaxProfile", "TxDefaultProfile", "TxProfile", NULL },
	.level_replaces = true,
	.ask_abilities = ask_abilities,
	.read_abilities = read_abilities,
};
