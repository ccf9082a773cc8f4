/* Kinds of chargers that are known to differ, and how they are served. Each line stands for reports from the field,
 * which docs/protocols/ocpp-quirks.md names by the number of its row. What is wrong here for a newer firmware is put
 * right by a profile in the config. */
#include "profile.h"

const struct profile_rule profile_known[] = {
	/* 18: a tag comes back with control characters or spaces between its bytes, or cut. */
	{ .vendor = "Ocular*", .set = { .clean_tags = true, .token_max = 16 } },
	{ .vendor = "BS-EV*", .set = { .clean_tags = true, .token_max = 16 } },
	{ .vendor = "Sigen*", .set = { .clean_tags = true } },
	{ .vendor = "Webasto*", .model = "*Next*", .set = { .clean_tags = true } },
	/* 26: it restarts when it is asked for its configuration. */
	{ .vendor = "ABB*", .model = "*Terra*AC*", .firmware = "1.[0-7]*", .set = { .ask_nothing = true } },
	{ .vendor = "ABB*", .model = "*Terra*AC*", .firmware = "1.8.[0-9]", .set = { .ask_nothing = true } },
	{ .vendor = "ABB*", .model = "*Terra*AC*", .firmware = "1.8.1[0-9]", .set = { .ask_nothing = true } },
	{ .vendor = "ABB*", .model = "*Terra*AC*", .firmware = "1.8.2[01]", .set = { .ask_nothing = true } },
	/* 30: the limit is a key of the configuration, in units of its own. */
	{ .vendor = "EV-BOX*", .set = { .limit_key = "evb_MaximumStationCurrent", .limit_units_per_a = 10 } },
	{ .vendor = "EVBox*", .set = { .limit_key = "evb_MaximumStationCurrent", .limit_units_per_a = 10 } },
	{ .vendor = "KEBA*", .set = { .limit_key = "MaxAvailableCurrent", .limit_units_per_a = 1000 } },
	{ .vendor = "Schneider*", .set = { .limit_key = "maxintensitysocket", .limit_units_per_a = 1 } },
	{ .vendor = "Webasto*", .set = { .limit_key = "OperatorCurrentLimit", .limit_units_per_a = 1 } },
	/* 39: it says of connector 0 what it means of its only one. */
	{ .vendor = "KEBA*", .set = { .connector_zero_is_one = true } },
	/* 42: samples at the full hour that repeat what the periodic ones said. */
	{ .vendor = "Delta*", .set = { .ignored_contexts = 1u << OCPP__CONTEXT__SAMPLE_CLOCK } },
	{ .vendor = "ABB*", .version = "OCPP 1.5", .set = { .ignored_contexts = 1u << OCPP__CONTEXT__SAMPLE_CLOCK } },
	/* 43: it says Available while the cable is still in. */
	{ .vendor = "Fox*ESS*", .version = "OCPP 2*", .set = { .plug_untold = PLUG_UNTOLD_AVAILABLE } },
	/* 50: started again within minutes of a stop, it gives no power and goes off line. */
	{ .vendor = "Fox*ESS*", .set = { .no_restart = true, .restart_after_s = 300 } },
};
const size_t profile_known_count = sizeof profile_known / sizeof profile_known[0];
