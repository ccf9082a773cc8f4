/* Stops and meter values whose session is not plain. */
#include "charger.h"

#include <string.h>

TestSuite(ocpp_orphans, BENCH);

static const cJSON *orphans(void)
{
	return get(ask(OCPP "ListOrphans", "{\"device\":\"ocpp:CP001\",\"limit\":1000}"), "orphans");
}

/* Of this action. */
static int kept_of(const char *action)
{
	const cJSON *orphan;
	int n = 0;

	cJSON_ArrayForEach(orphan, orphans()) n += !strcmp(text(orphan, "action"), action);
	return n;
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

/* A stop stands for a whole session; samples may come every second for as long as a charger lives. */
Test(ocpp_orphans, samples_push_only_samples_out)
{
	char time[32];

	fine("StopTransaction", "{\"transactionId\":777,\"meterStop\":5000,\"timestamp\":\"" T0 "\"}");
	for (int i = 0; i < 260; i++) {
		snprintf(time, sizeof time, "2025-01-15T%02d:%02d:00Z", 3 + i / 60, i % 60);
		meter(777, time, "10");
		bench_forget_frames();
	}
	cr_expect_eq(kept_of("MeterValues"), 256, "OCPP_ORPHANS_MAX");
	cr_expect_eq(kept_of("StopTransaction"), 1);
	cr_expect_str_eq(text(orphans()->child, "action"), "StopTransaction", "no limit of a list hides it");
	cr_expect(strstr(text(orphans()->child, "payload"), "\"meterStop\":5000"));
}

Test(ocpp_orphans, stops_push_only_stops_out)
{
	char payload[100];

	meter(777, "2025-01-15T02:10:00Z", "10");
	for (int i = 0; i < 260; i++) {
		snprintf(payload, sizeof payload, "{\"transactionId\":%d,\"meterStop\":5,\"timestamp\":\"" T0 "\"}",
			 1000 + i);
		fine("StopTransaction", payload);
		bench_forget_frames();
	}
	cr_expect_eq(kept_of("StopTransaction"), 256, "OCPP_ORPHANS_MAX");
	cr_expect_str_eq(text(orphans()->child, "transactionId"), "1259", "the newest");
	cr_expect_eq(kept_of("MeterValues"), 1);
}

#define SAMPLE "{\"timestamp\":\"2025-01-15T03:%02d:00Z\",\"sampledValue\":[{\"value\":\"%d\",\"context\":\"%s\"}]}"

/* A stop with `n` samples before its register, each with a text of this form. */
static const char *long_stop(int n, const char *context)
{
	static char payload[20000];
	size_t at = (size_t)snprintf(payload, sizeof payload, "{\"transactionId\":778,\"transactionData\":[");

	for (int i = 0; i < n; i++)
		at += (size_t)snprintf(payload + at, sizeof payload - at, "%s" SAMPLE, i ? "," : "", i, 90000 + i,
				       context);
	snprintf(payload + at, sizeof payload - at, "],\"meterStop\":5000,\"timestamp\":\"" T0 "\"}");
	return payload;
}

Test(ocpp_orphans, a_payload_that_is_too_long_loses_its_oldest_samples_and_not_its_register)
{
	const cJSON *orphan;
	cJSON *payload;

	fine("StopTransaction", long_stop(59, "Sample.Periodic"));
	orphan = orphans()->child;
	payload = cJSON_Parse(text(orphan, "payload"));
	cr_assert_not_null(payload, "it is JSON");
	cr_expect(cJSON_IsTrue(get(orphan, "cut")));
	cr_expect_leq(strlen(text(orphan, "payload")), 4096);
	cr_expect_eq(get(payload, "meterStop")->valueint, 5000);
	cr_expect(strstr(text(orphan, "payload"), "90058"), "the last sample");
	cr_expect_not(strstr(text(orphan, "payload"), "90000"), "the first");
	cJSON_Delete(payload);
}

Test(ocpp_orphans, what_is_too_long_by_itself_is_left_out)
{
	static char longer[5001];
	cJSON *payload;

	memset(longer, 'x', sizeof longer - 1);
	say("StopTransaction", long_stop(1, longer));
	payload = cJSON_Parse(text(orphans()->child, "payload"));
	cr_assert_not_null(payload, "it is JSON");
	cr_expect_eq(get(payload, "meterStop")->valueint, 5000);
	cr_expect_eq(get(payload, "transactionId")->valueint, 778);
	cr_expect_not(cJSON_HasObjectItem(payload, "transactionData"));
	cJSON_Delete(payload);
}

Test(ocpp_orphans, a_broken_frame_that_tells_of_energy_is_kept_as_it_came)
{
	static const char *const frames[] = {
		"[2,\"q10\",\"StopTransaction\",{\"transactionId\":,\"meterStop\":51234}]",
		"[2,\"q10\",\"StopTransaction\",{\"transactionId\":7,\"meterStop\":51234",
		"[2,null,\"StopTransaction\",{\"transactionId\":7,\"meterStop\":51234}]",
		" [ 2, q10, \"StopTransaction\",{\"transactionId\":7,\"meterStop\":51234}]",
		"[2,\"q10\",\"StopTransaction\",[{\"transactionId\":7,\"meterStop\":51234}]]",
	};

	for (size_t i = 0; i < sizeof frames / sizeof frames[0]; i++) {
		raw(frames[i]);
		host_settle(h, 100);
		cr_assert_eq(cJSON_GetArraySize(orphans()), (int)i + 1, "%s", frames[i]);
		cr_expect_str_eq(text(orphans()->child, "payload"), frames[i]);
		cr_expect(cJSON_IsTrue(get(orphans()->child, "broken")));
		cr_expect_str_eq(text(orphans()->child, "action"), "StopTransaction");
	}
}

Test(ocpp_orphans, a_broken_frame_without_energy_is_none_of_them)
{
	raw("[2,\"q10\",\"Heartbeat\",{]");
	raw("[2,\"q10\"");
	raw("[4,\"q10\",\"StopTransaction\",");
	host_settle(h, 100);
	cr_expect_eq(cJSON_GetArraySize(orphans()), 0);
}

Test(ocpp_orphans, a_broken_frame_shows_no_secret_and_what_the_meter_showed)
{
	raw("[2,\"q10\",\"StopTransaction\",{\"password\":\"c0ffee11\",\"transactionId\":7,\"meterStop\": 51234");
	raw("[2,\"q11\",\"StopTransaction\",{\"reason\":\"token\",\"meterStop\":51300");
	host_settle(h, 100);
	cr_assert_eq(kept_of("StopTransaction"), 2, "two stops are two, though most of them is withheld");
	cr_expect_str_eq(text(orphans()->child, "payload"), "{\"meterStop\":51300}");
	cr_expect_str_eq(text(orphans()->child->next, "payload"), "{\"transactionId\":7,\"meterStop\":51234}");
}

TestSuite(ocpp_orphans_v201, BENCH_V201);

/* Both are TransactionEvents, here without the transactionInfo that they must have. */
Test(ocpp_orphans_v201, updates_push_no_end_out)
{
	char payload[200];

	say("TransactionEvent", "{\"eventType\":\"Ended\",\"timestamp\":\"" T0 "\",\"seqNo\":0}");
	for (int i = 1; i <= 260; i++) {
		snprintf(payload, sizeof payload, "{\"eventType\":\"Updated\",\"timestamp\":\"" T0 "\",\"seqNo\":%d}",
			 i);
		say("TransactionEvent", payload);
		bench_forget_frames();
	}
	cr_expect_eq(cJSON_GetArraySize(orphans()), 257);
	cr_expect(strstr(text(orphans()->child, "payload"), "Ended"));
}
