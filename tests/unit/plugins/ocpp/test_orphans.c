/* Stops and meter values whose session is not plain. */
#include "charger.h"

#include <string.h>

TestSuite(ocpp_orphans, BENCH);

static const cJSON *orphans(void)
{
	return get(ask(OCPP "ListOrphans", "{\"device\":\"ocpp:CP001\"}"), "orphans");
}

Test(ocpp_orphans, a_stop_is_always_answered)
{
	fine("StopTransaction", "{\"transactionId\":777,\"meterStop\":5,\"timestamp\":\"" T0 "\"}");
	fine("StopTransaction", "{\"transactionId\":777,\"meterStop\":5,\"timestamp\":\"" T0 "\"}");
	fine("StopTransaction", "{\"transactionId\":-1,\"meterStop\":5,\"timestamp\":\"" T0 "\"}");
	fine("StopTransaction", "{\"transactionId\":9223372036854775807,\"meterStop\":5,\"timestamp\":\"" T0 "\"}");
	fine("StopTransaction", "{\"transactionId\":0,\"meterStop\":5,\"timestamp\":\"" T0 "\",\"idTag\":\"A\"}");
	cr_expect(strstr(cp.inbox[cp.received - 1], "idTagInfo"));
	fine("StopTransaction", "{}");
	cr_expect_eq(cJSON_GetArraySize(orphans()), 5);
	cr_expect_eq(get(cJSON_GetArrayItem(orphans(), 4), "count")->valueint, 2,
		     "the same again is counted, not kept twice");
	fine("MeterValues", "{\"connectorId\":1,\"transactionId\":777,\"meterValue\":[{\"timestamp\":\"" T0
			    "\",\"sampledValue\":[{\"value\":\"1\"}]}]}");
	cr_expect_eq(cJSON_GetArraySize(orphans()), 6);
	cr_expect_eq(events(EVENT "SessionEnded"), 0);
}

Test(ocpp_orphans, a_stop_without_an_id_ends_the_only_session_it_can_mean)
{
	int id = begin(START("A", T0, "0"));

	fine("StopTransaction",
	     "{\"transactionId\":-1,\"meterStop\":5,\"timestamp\":\"2025-01-15T02:12:00Z\",\"idTag\":\"other\"}");
	cr_expect_str_eq(text(session(id), "state"), "ACTIVE", "another tag");
	fine("StopTransaction",
	     "{\"transactionId\":-1,\"meterStop\":5,\"timestamp\":\"2025-01-15T02:12:00Z\",\"idTag\":\"a\"}");
	cr_expect_str_eq(text(session(id), "state"), "ENDED");
	cr_expect(flagged(session(id), "stop-without-id"));
	fine("StopTransaction",
	     "{\"transactionId\":-1,\"meterStop\":5,\"timestamp\":\"2025-01-15T02:12:00Z\",\"idTag\":\"a\"}");
	cr_expect_eq(cJSON_GetArraySize(orphans()), 1, "the same stop again is none");
}

Test(ocpp_orphans, meter_values_without_an_id_belong_to_the_connectors_session)
{
	int id = begin(START("A", T0, "0"));

	meter(0, "2025-01-15T02:10:00Z", "10");
	meter(-1, "2025-01-15T02:11:00Z", "20");
	cr_expect_eq(samples(session(id)), 2);
	cr_expect(flagged(session(id), "meter-without-id"));
	stop_with(id, "\"meterStop\":30,\"timestamp\":\"2025-01-15T02:12:00Z\"");
	meter(0, "2025-01-15T02:13:00Z", "40");
	cr_expect_eq(samples(session(id)), 2, "a reading of the meter, no session's");
}

Test(ocpp_orphans, a_stuck_session_can_be_closed)
{
	int id = begin(START("A", T0, "0"));

	meter(id, "2025-01-15T02:10:00Z", "10");
	refused(OCPP "CloseSession", "{\"sessionId\":\"ocpp:CP001/99\"}", GV_NOT_FOUND, "ocpp:CP001/99");
	ask(OCPP "CloseSession", "{\"sessionId\":\"ocpp:CP001/1\"}");
	cr_expect(flagged(session(id), "closed-by-operator"));
	cr_expect_eq(number(session(id), "energyWh"), 10);
	refused(OCPP "CloseSession", "{\"sessionId\":\"ocpp:CP001/1\"}", GV_FAILED_PRECONDITION, "ended");
}

Test(ocpp_orphans, q39_meter_values_of_an_unknown_transaction_belong_to_what_runs_on_their_connector)
{
	int id = begin(START("A", T0, "0"));

	meter(777, "2025-01-15T02:10:00Z", "10");
	meter(778, "2025-01-15T02:11:00Z", "20");
	cr_expect_eq(samples(session(id)), 2);
	cr_expect_eq(number(session(id), "energyWh"), 20);
	cr_expect(flagged(session(id), "meter-foreign-id"));
	cr_expect_eq(met("foreign-transaction"), 2);
	cr_expect_eq(cJSON_GetArraySize(orphans()), 0);
}

Test(ocpp_orphans, q39_what_was_read_before_it_began_is_not_its)
{
	int id = begin(START("A", T0, "0"));

	meter(777, "2025-01-15T02:00:00Z", "10");
	cr_expect_eq(samples(session(id)), 0);
	cr_expect_eq(cJSON_GetArraySize(orphans()), 1);
}

Test(ocpp_orphans, q39_the_id_of_a_session_that_is_over_means_the_one_that_ran_when_it_was_read)
{
	int before = begin(START("A", T0, "0")), running;

	stop_with(before, "\"meterStop\":30,\"timestamp\":\"2025-01-15T02:30:00Z\"");
	running = begin(START("B", "2025-01-15T03:00:00Z", "30"));
	meter(before, "2025-01-15T02:20:00Z", "20");
	cr_expect_eq(samples(session(before)), 1, "it has waited in the charger's queue");
	cr_expect_eq(samples(session(running)), 0);
	meter(before, "2025-01-15T03:10:00Z", "40");
	cr_expect_eq(samples(session(before)), 1);
	cr_expect_eq(samples(session(running)), 1, "the charger names a transaction that is over");
	cr_expect_eq(number(session(running), "energyWh"), 10);
	cr_expect(flagged(session(running), "meter-foreign-id"));
	cr_expect_not(flagged(session(before), "meter-foreign-id"));
	cr_expect_eq(met("foreign-transaction"), 1);
}
