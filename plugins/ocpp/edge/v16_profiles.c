/* OCPP 1.6: its words for charging profiles, and the configuration keys that say what a charger takes (9.4). */
#include "profiles.h"
#include "v16.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdlib.h>
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

/* True where the text is a number that can be one of these. */
static bool read_count(const char *text, uint32_t *ret)
{
	char *end;
	long value = strtol(text + strspn(text, " \"'"), &end, 10);

	if (end == text || value < 0 || value > INT32_MAX)
		return false;
	*ret = (uint32_t)value;
	return true;
}

/* A list of Current and Power, for which some chargers write A and W. */
static void read_units(const char *text, Ocpp__Abilities *ret)
{
	bool current = false, power = false;

	while (*text) {
		size_t size = strcspn(text += strspn(text, " ,;\"'"), " ,;\"'");

		current |= (size == 7 && !strncasecmp(text, "Current", 7)) || (size == 1 && (*text | 32) == 'a');
		power |= (size == 5 && !strncasecmp(text, "Power", 5)) || (size == 1 && (*text | 32) == 'w');
		text += size;
	}
	ret->current_only = current && !power;
	ret->power_only = power && !current;
}

static void read_abilities(struct gv_turn *t, const cJSON *payload, Ocpp__Abilities *ret)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, json_get(payload, "configurationKey"))
	{
		const char *key = json_string(item, "key"), *value = json_string(item, "value");

		/* Letters' case differs among chargers. */
		if (!strcasecmp(key, MAX_LEVEL))
			ret->has_max_level = read_count(value, &ret->max_level);
		else if (!strcasecmp(key, MAX_PERIODS))
			read_count(value, &ret->max_periods);
		else if (!strcasecmp(key, RATE_UNIT))
			read_units(value, ret);
	}
}

const struct edge_profiles v16_profiles = {
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
