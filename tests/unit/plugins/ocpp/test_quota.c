/* One charger cannot begin transactions without end, and no honest one loses a session by it: what waits in a long
 * queue is taken at once, and what is beyond is refused so that the charger says it again, and kept meanwhile. */
#include "charger.h"

#include <string.h>

#define BURST 5000 /* as sessions/quota.c has it */

TestSuite(ocpp_quota, BENCH);
TestSuite(ocpp_quota_v201, BENCH_V201);

static const char *start(int meter)
{
	static char payload[200];

	snprintf(payload, sizeof payload,
		 "{\"connectorId\":1,\"idTag\":\"A\",\"meterStart\":%d,\"timestamp\":\"" T0 "\"}", meter);
	return payload;
}

static const char *event_of(int name)
{
	static char payload[400];

	snprintf(payload, sizeof payload,
		 "{\"eventType\":\"Ended\",\"seqNo\":3,\"timestamp\":\"" T0 "\",\"triggerReason\":\"StopAuthorized\","
		 "\"transactionInfo\":{\"transactionId\":\"tx-%d\"},\"meterValue\":[{\"timestamp\":\"" T0
		 "\",\"sampledValue\":[{\"value\":700}]}]}",
		 name);
	return payload;
}

/* The charger begins as many as a queue may hold, in one go. */
static void begin_many(const char *action, const char *payload(int))
{
	char text[500];

	for (int i = 0; i < BURST; i++) {
		snprintf(text, sizeof text, "[2,\"q\",\"%s\",%s]", action, payload(i));
		raw(text);
		if (i % 50 && i < BURST - 1)
			continue;
		host_settle(h, 100);
		cr_assert(!received("[4,"), "all of a long queue is taken: %d", i);
		bench_forget_frames();
	}
}

static int orphans(void)
{
	return cJSON_GetArraySize(get(ask(OCPP "ListOrphans", "{\"device\":\"ocpp:CP001\"}"), "orphans"));
}

static bool shown(void)
{
	const cJSON *stations = get(ask(OCPP "ListStations", "{\"device\":\"ocpp:CP001\"}"), "stations");
	char *quirks = cJSON_PrintUnformatted(get(cJSON_GetArrayItem(stations, 0), "quirks"));
	bool found = strstr(quirks, "too-many-transactions");

	cJSON_free(quirks);
	return found;
}

Test(ocpp_quota, a_long_queue_is_taken_at_once_and_what_is_beyond_is_to_be_said_again)
{
	begin_many("StartTransaction", start);
	cr_expect(!shown());
	answered("StartTransaction", start(BURST), "InternalError");
	cr_expect(shown());
	cr_expect_eq(met("too-many-transactions"), 1);
	cr_expect_eq(orphans(), 1, "it may stand for energy");
	cr_expect_eq(events(EVENT "SessionStarted"), BURST);
	answered("StartTransaction", start(7), "transactionId");
	cr_expect_eq(events(EVENT "SessionStarted"), BURST, "one that is known is none too many");
	host_run_ms(h, 15 * 1000);
	fine("StartTransaction", start(BURST));
	cr_expect_eq(events(EVENT "SessionStarted"), BURST + 1, "it came again: nothing is lost");
	answered("StartTransaction", start(BURST + 1), "InternalError");
}

Test(ocpp_quota_v201, transactions_that_a_charger_names_are_as_many_and_no_more)
{
	begin_many("TransactionEvent", event_of);
	answered("TransactionEvent", event_of(BURST), "InternalError");
	cr_expect_eq(orphans(), 1);
	fine("TransactionEvent", event_of(3));
	host_crash(h, "ocpp.0");
	host_settle(h, 5000);
	answered("TransactionEvent", event_of(BURST + 1), "InternalError");
	host_run_ms(h, 60 * 1000);
	fine("TransactionEvent", event_of(BURST));
}

Test(ocpp_quota, another_charger_is_not_met_by_it)
{
	static struct charger other;
	struct host_station *station = host_station(h, "ocpp", "ocpp:CP002", "ocpp1.6", &charger_model, &other);

	begin_many("StartTransaction", start);
	answered("StartTransaction", start(BURST), "InternalError");
	host_station_connect(station);
	host_run_ms(h, 100);
	host_station_send(station, GV_TEXT, "[2,\"1\",\"StartTransaction\"," START("B", T0, "0") "]",
			  strlen("[2,\"1\",\"StartTransaction\"," START("B", T0, "0") "]"));
	host_settle(h, 100);
	cr_assert_eq(other.received, 1);
	cr_expect(strstr(other.inbox[0], "transactionId"), "%s", other.inbox[0]);
}
