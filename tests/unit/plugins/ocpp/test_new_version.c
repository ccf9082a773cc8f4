/* Another version is a table and a translation: OCPP 9.9 (v99/) runs through the plugin's own objects, of which none is
 * another but the list of versions. Each message of it has a name, fields and a shape that no other version has. */
#include "charger.h"

#include <stdlib.h>
#include <string.h>

static void setup(void)
{
	bench_load_from(OCPP_V99, "ocpp9.9", "{\"unknownToken\":\"accept\",\"localList\":\"off\"}");
}

TestSuite(ocpp_new_version, .init = setup, .fini = bench_teardown, .timeout = 60);

static void hello(void)
{
	answered("Hello", "{\"maker\":\"M\",\"kind\":\"K\",\"software\":\"1.2\"}", "\"every\":300");
}

static void begins(const char *charge, int order)
{
	char payload[200];

	snprintf(payload, sizeof payload,
		 "{\"charge\":\"%s\",\"plug\":2,\"card\":\"ABC\",\"wh\":1000,\"at\":\"2025-01-15T02:10:00Z\",\"order\":"
		 "%d}",
		 charge, order);
	answered("Begin", payload, "{\"card\":\"Accepted\"}");
}

/* A message that nobody answers. */
static void sends(const char *action, const char *payload)
{
	char text[300];
	size_t before = cp.received;

	snprintf(text, sizeof text, "[6,\"s%u\",\"%s\",%s]", ++cp.sent, action, payload);
	raw(text);
	host_settle(h, 100);
	cr_expect_eq(cp.received, before, "%s is not answered: %s", text, cp.inbox[before]);
}

#define MEASURE(wh, at) "{\"charge\":\"c-1\",\"wh\":" wh ",\"at\":\"2025-01-15T02:" at "Z\"}"

Test(ocpp_new_version, a_boot_is_told_as_that_of_any_charger)
{
	const cJSON *s;

	hello();
	s = get(event("galvan.ocpp.v1.StationBooted", 0), "station");
	cr_expect_str_eq(text(s, "vendor"), "M");
	cr_expect_str_eq(text(s, "firmware"), "1.2");
	cr_expect_str_eq(text(s, "version"), "OCPP 9.9");
}

Test(ocpp_new_version, a_session_has_its_start_its_meter_and_its_end)
{
	const cJSON *s;

	hello();
	begins("c-1", 0);
	sends("Measure", MEASURE("1500", "20:00"));
	ask(CHARGING "ListSessions", "{\"device\":\"ocpp:CP001\"}");
	s = cJSON_GetArrayItem(get(kept, "sessions"), 0);
	cr_expect_str_eq(text(s, "energyWh"), "500");
	cr_expect_eq(get(s, "connector")->valueint, 2);
	fine("Finish", "{\"charge\":\"c-1\",\"wh\":3000,\"at\":\"2025-01-15T02:30:00Z\",\"why\":\"Remote\"}");
	s = get(event(EVENT "SessionEnded", 0), "session");
	cr_expect_str_eq(text(s, "energyWh"), "2000");
	cr_expect_str_eq(text(s, "reason"), "Remote");
	cr_expect_str_eq(text(s, "token"), "ABC");
}

Test(ocpp_new_version, a_start_and_a_stop_are_asked_for_in_its_words)
{
	char order[120], *number_at;

	hello();
	cp.reply = "{\"status\":\"Accepted\"}";
	ask(CHARGING "Start", "{\"device\":\"ocpp:CP001\",\"connector\":2,\"token\":\"ABC\"}");
	cr_assert(received("\"Go\",{\"plug\":2,\"card\":\"ABC\",\"order\":"), "%s", cp.inbox[cp.received - 1]);
	snprintf(order, sizeof order, "%s", text(kept, "requestId"));
	number_at = strstr(cp.inbox[cp.received - 1], "\"order\":") + strlen("\"order\":");
	begins("c-1", atoi(number_at));
	ask(CHARGING "ListSessions", "{\"device\":\"ocpp:CP001\"}");
	cr_expect_str_eq(text(cJSON_GetArrayItem(get(kept, "sessions"), 0), "requestId"), order,
			 "the start that was asked for is the one that came");
	ask(CHARGING "Stop", "{\"sessionId\":\"ocpp:CP001/1\"}");
	cr_expect(received("\"Halt\",{\"charge\":\"c-1\"}"));
}

Test(ocpp_new_version, an_answer_of_no_use_is_said_to_be_so)
{
	hello();
	cp.reply = "{}";
	host_call(h, OCPP "Call", "{\"device\":\"ocpp:CP001\",\"action\":\"Halt\",\"payload\":{\"charge\":\"c-1\"}}");
	host_settle(h, 100);
	cr_expect(received("[5,"), "CALLRESULTERROR");
	cr_expect(received("OccurrenceConstraintViolation"));
	raw("[5,\"m1\",\"GenericError\",\"what is this\",{}]");
	host_settle(h, 100);
	cr_expect_eq(met("answers_refused"), 1);
}

Test(ocpp_new_version, what_its_table_calls_routine_metered_or_secret_is_that)
{
	char *shown;

	hello();
	fine("Tick", "{}");
	cp.reply = "{\"status\":\"Accepted\"}";
	ask(OCPP "Call", "{\"device\":\"ocpp:CP001\",\"action\":\"TurnKey\",\"payload\":{\"masterKey\":\"k\","
			 "\"password\":\"hush\"}}");
	cr_expect(received("hush"), "the charger gets it as it is");
	ask(OCPP "ListMessages", "{\"device\":\"ocpp:CP001\",\"action\":\"TurnKey\"}");
	shown = cJSON_PrintUnformatted(kept);
	cr_expect(strstr(shown, "masterKey") && !strstr(shown, "hush"), "%s", shown);
	cJSON_free(shown);
	ask(OCPP "ListMessages", "{\"device\":\"ocpp:CP001\",\"action\":\"Tick\"}");
	cr_expect_eq(cJSON_GetArraySize(get(kept, "messages")), 2);
	host_crash(h, "ocpp.0");
	host_settle(h, 2000);
	ask(OCPP "ListMessages", "{\"device\":\"ocpp:CP001\",\"action\":\"Tick\"}");
	cr_expect_eq(cJSON_GetArraySize(get(kept, "messages")), 0, "it was in memory alone");
}

Test(ocpp_new_version, energy_that_cannot_be_taken_is_kept)
{
	hello();
	sends("Measure", "{\"charge\":\"\",\"wh\":true,\"at\":\"2025-01-15T02:20:00Z\"}");
	ask(OCPP "ListOrphans", "{\"device\":\"ocpp:CP001\"}");
	cr_expect_str_eq(text(cJSON_GetArrayItem(get(kept, "orphans"), 0), "action"), "Measure");
}
