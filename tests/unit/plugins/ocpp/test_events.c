/* Transactions of 2.0.1: the charger names them and numbers their messages, and the session is the same whatever
 * becomes of these on their way. */
#include "charger.h"

#include <string.h>

TestSuite(ocpp_events, BENCH_V201);

#define EVSE "\"evse\":{\"id\":1,\"connectorId\":1}"
#define TOKEN(id) "\"idToken\":{\"idToken\":\"" id "\",\"type\":\"ISO14443\"}"
#define READ(time, wh, context)                                                                                        \
	"\"meterValue\":[{\"timestamp\":\"2025-01-15T" time "Z\",\"sampledValue\":[{\"value\":" wh                     \
	",\"context\":\"" context "\",\"measurand\":\"Energy.Active.Import.Register\",\"unitOfMeasure\":{\"unit\":"    \
	"\"Wh\"}}]}]"
#define LOCAL "\"stoppedReason\":\"EVDisconnected\""

static void started(void)
{
	transaction("Started", 0, "02:00:00", "\"chargingState\":\"Charging\"",
		    EVSE "," TOKEN("A") "," READ("02:00:00", "1000", "Transaction.Begin"));
}

static void updated(void)
{
	transaction("Updated", 1, "02:10:00", "", READ("02:10:00", "1400", "Sample.Periodic"));
}

static void ended(void)
{
	transaction("Ended", 2, "02:20:00", LOCAL, TOKEN("A") "," READ("02:20:00", "1900", "Transaction.End"));
}

/* What the three of them make, whatever happened to them. */
static void whole(int id)
{
	const cJSON *s = session(id);

	cr_expect_str_eq(text(s, "state"), "ENDED");
	cr_expect_str_eq(text(s, "transactionId"), "tx-1");
	cr_expect_str_eq(text(s, "token"), "A");
	cr_expect_str_eq(text(s, "tokenType"), "ISO14443");
	cr_expect_str_eq(text(s, "tokenStatus"), "Accepted");
	cr_expect_str_eq(text(s, "reason"), "EVDisconnected");
	cr_expect_eq(get(s, "connector")->valueint, 1);
	cr_expect_eq(number(s, "startedAtMs"), 1736906400000);
	cr_expect_eq(number(s, "endedAtMs"), 1736907600000);
	cr_expect_eq(number(s, "meterStartWh"), 1000);
	cr_expect_eq(number(s, "meterStopWh"), 1900);
	cr_expect_eq(number(s, "energyWh"), 900);
	cr_expect_eq(samples(s), 3, "each sample once");
	cr_expect(!flagged(s, "incomplete"));
	cr_expect_eq(events(EVENT "SessionStarted"), 1);
	ask(CHARGING "ListSessions", "{\"device\":\"ocpp:CP001\"}");
	cr_expect_eq(cJSON_GetArraySize(get(kept, "sessions")), 1);
}

Test(ocpp_events, a_session_in_order)
{
	started();
	updated();
	cr_expect_eq(number(session(1), "energyWh"), 400);
	ended();
	whole(1);
	cr_expect_eq(events(EVENT "SessionEnded"), 1);
	cr_expect_eq(events(EVENT "SessionMetered"), 2, "the end's samples come with SessionEnded");
}

Test(ocpp_events, each_message_twice_is_as_once)
{
	started();
	started();
	updated();
	started();
	updated();
	ended();
	ended();
	updated();
	whole(1);
	cr_expect_eq(events(EVENT "SessionEnded"), 1);
	cr_expect_eq(events(EVENT "SessionMetered"), 2);
}

/* Of every order the same session. */
Test(ocpp_events_config, any_order, .timeout = 60)
{
	static const char *const orders[] = { "012", "021", "102", "120", "201", "210" };
	static void (*const say_it[])(void) = { started, updated, ended };

	for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++) {
		unsigned came = 0;

		bench_setup_v201();
		for (const char *o = orders[i]; *o; o++) {
			say_it[*o - '0']();
			came |= 1u << (*o - '0');
			cr_expect_eq(flagged(session(1), "incomplete"), (came & (came + 1)) != 0,
				     "%s: a hole is shown as long as there is one", orders[i]);
		}
		whole(1);
		bench_teardown();
	}
}

Test(ocpp_events, a_lost_start_makes_a_session_that_says_so)
{
	const cJSON *s;

	updated();
	cr_expect_eq(events(EVENT "SessionStarted"), 0, "nobody knows whose it is");
	transaction("Ended", 3, "02:20:00", "", TOKEN("A") "," READ("02:20:00", "1900", "Transaction.End"));
	s = session(1);
	cr_expect(flagged(s, "incomplete"));
	cr_expect_eq(number(s, "energyWh"), 500, "what is known of it");
	cr_expect_str_eq(text(s, "reason"), "Local", "an end without a reason is Local");
	cr_expect_str_eq(text(s, "token"), "A");
	cr_expect_eq(events(EVENT "SessionStarted"), 1);
	cr_expect_eq(events(EVENT "SessionEnded"), 1);
}

Test(ocpp_events, what_comes_behind_the_end_corrects_it)
{
	updated();
	ended();
	cr_expect_eq(number(session(1), "energyWh"), 500);
	cr_expect_eq(events(EVENT "SessionEnded"), 1);
	started();
	cr_expect_eq(events(EVENT "SessionEnded"), 2, "it is told again");
	cr_expect(flagged(get(event(EVENT "SessionEnded", 1), "session"), "late-events"));
	whole(1);
	started();
	updated();
	cr_expect_eq(events(EVENT "SessionEnded"), 2, "once");
}

Test(ocpp_events, a_hole_is_shown_until_it_is_filled)
{
	started();
	transaction("Updated", 2, "02:15:00", "", "");
	cr_expect(flagged(session(1), "incomplete"));
	updated();
	cr_expect(!flagged(session(1), "incomplete"));
}

Test(ocpp_events, a_session_is_told_when_its_token_comes)
{
	transaction("Started", 0, "02:00:00", "\"chargingState\":\"EVConnected\"", EVSE);
	transaction("Updated", 1, "02:01:00", "", READ("02:01:00", "1000", "Sample.Periodic"));
	cr_expect_eq(events(EVENT "SessionStarted"), 0);
	cr_expect_eq(events(EVENT "SessionMetered"), 0, "nobody has heard of it yet");
	ask(CHARGING "ListSessions", "{\"device\":\"ocpp:CP001\"}");
	cr_expect_eq(cJSON_GetArraySize(get(kept, "sessions")), 1, "but it is listed");
	transaction("Updated", 2, "02:02:00", "\"chargingState\":\"Charging\"", TOKEN("A"));
	cr_expect_eq(events(EVENT "SessionStarted"), 1);
	cr_expect_str_eq(text(get(event(EVENT "SessionStarted", 0), "session"), "token"), "A");
	transaction("Updated", 3, "02:03:00", "", TOKEN("A"));
	cr_expect_eq(events(EVENT "SessionStarted"), 1);
}

Test(ocpp_events, what_nobody_authorised_is_told_if_it_took_energy)
{
	transaction("Started", 0, "02:00:00", "", EVSE);
	transaction("Ended", 1, "02:05:00", "", "");
	cr_expect_eq(events(EVENT "SessionStarted") + events(EVENT "SessionEnded"), 0, "a car came and went");
	cr_expect_str_eq(text(session(1), "state"), "ENDED");
	fine("TransactionEvent",
	     "{\"eventType\":\"Ended\",\"seqNo\":1,\"timestamp\":\"2025-01-15T03:00:00Z\",\"triggerReason\":"
	     "\"EVDeparted\",\"transactionInfo\":{\"transactionId\":\"tx-2\"},\"meterValue\":[{\"timestamp\":\"2025-01-"
	     "15T02:30:00Z\",\"sampledValue\":[{\"value\":1,\"unitOfMeasure\":{\"unit\":\"kWh\"},\"context\":"
	     "\"Transaction.Begin\"}]},{\"timestamp\":\"2025-01-15T03:00:00Z\",\"sampledValue\":[{\"value\":1200}]}]}");
	cr_expect_eq(number(session(2), "energyWh"), 200);
	cr_expect_eq(events(EVENT "SessionStarted"), 1);
	cr_expect_eq(events(EVENT "SessionEnded"), 1);
}

Test(ocpp_events, a_token_is_answered_whenever_one_comes)
{
	answered("TransactionEvent",
		 "{\"eventType\":\"Started\",\"seqNo\":0,\"timestamp\":\"2025-01-15T02:00:00Z\",\"triggerReason\":"
		 "\"Authorized\",\"transactionInfo\":{\"transactionId\":\"tx-1\"}," EVSE "," TOKEN("FAMILY") "}",
		 "{\"idTokenInfo\":{\"status\":\"Accepted\",\"groupIdToken\":{\"idToken\":\"P\\\"1\",\"type\":"
		 "\"Central\"}}}");
	answered("TransactionEvent",
		 "{\"eventType\":\"Updated\",\"seqNo\":1,\"timestamp\":\"2025-01-15T02:00:00Z\",\"triggerReason\":"
		 "\"Trigger\",\"transactionInfo\":{\"transactionId\":\"tx-1\"}}",
		 ",{}]");
	answered("TransactionEvent",
		 "{\"eventType\":\"Ended\",\"seqNo\":2,\"timestamp\":\"2025-01-15T02:10:00Z\",\"triggerReason\":"
		 "\"StopAuthorized\",\"transactionInfo\":{\"transactionId\":\"tx-1\"}," TOKEN("other") "}",
		 "{\"idTokenInfo\":{\"status\":\"Accepted\"}}");
	cr_expect_str_eq(text(session(1), "token"), "FAMILY", "who stops it does not own it");
}

Test(ocpp_events, a_refused_token_is_recorded_and_told)
{
	answered("TransactionEvent",
		 "{\"eventType\":\"Started\",\"seqNo\":0,\"timestamp\":\"2025-01-15T02:00:00Z\",\"triggerReason\":"
		 "\"Authorized\",\"transactionInfo\":{\"transactionId\":\"tx-1\"}," EVSE "," TOKEN("blocked1") "}",
		 "\"status\":\"Blocked\"");
	cr_expect_eq(events(EVENT "SessionStarted"), 1);
	cr_expect_str_eq(text(session(1), "tokenStatus"), "Blocked");
}

Test(ocpp_events, the_start_that_asked_for_it_is_known_by_its_number)
{
	char request_id[40], info[100];
	const char *at;

	cp.reply = "{\"status\":\"Accepted\"}";
	ask(CHARGING "Start", "{\"device\":\"ocpp:CP001\",\"connector\":1,\"token\":\"remote\"}");
	snprintf(request_id, sizeof request_id, "%s", text(kept, "requestId"));
	at = strstr(cp.inbox[0], "\"remoteStartId\":");
	cr_assert_not_null(at, "%s", cp.inbox[0]);
	snprintf(info, sizeof info, "\"remoteStartId\":%d", atoi(at + strlen("\"remoteStartId\":")));
	transaction("Started", 0, "02:00:00", info, EVSE);
	cr_expect_str_eq(text(session(1), "requestId"), request_id);
	cr_expect_str_eq(text(session(1), "token"), "remote", "the charger has been told the token");
	cr_expect_str_eq(text(session(1), "tokenType"), "Central", "and what it is made of");
	cr_expect_eq(events(EVENT "SessionStarted"), 1);
	ask(CHARGING "Stop", "{\"sessionId\":\"ocpp:CP001/1\"}");
	cr_expect(strstr(cp.inbox[cp.received - 1], "\"RequestStopTransaction\",{\"transactionId\":\"tx-1\"}"), "%s",
		  cp.inbox[cp.received - 1]);
}

Test(ocpp_events, what_waited_in_the_charger_says_so)
{
	transaction("Started", 0, "02:00:00", "", "\"offline\":true," EVSE "," TOKEN("A"));
	cr_expect(flagged(session(1), "offline"));
}

Test(ocpp_events, units_multipliers_and_signatures)
{
	const cJSON *s, *sample;

	started();
	transaction("Updated", 1, "02:10:00", "\"chargingState\":\"Charging\"",
		    "\"numberOfPhasesUsed\":3,\"cableMaxCurrent\":32,\"meterValue\":[{\"timestamp\":\"2025-01-15T02:10:"
		    "00Z\",\"sampledValue\":[{\"value\":15,\"unitOfMeasure\":{\"unit\":\"Wh\",\"multiplier\":2},"
		    "\"signedMeterValue\":{\"signedMeterData\":\"c2ln\",\"signingMethod\":\"m\","
		    "\"encodingMethod\":\"e\",\"publicKey\":\"k\"}},{\"value\":7.2,\"measurand\":\"Power.Active."
		    "Import\",\"unitOfMeasure\":{"
		    "\"unit\":\"kW\"}},{\"value\":2301,\"measurand\":\"Voltage\",\"unitOfMeasure\":{\"unit\":\"V\","
		    "\"multiplier\":-1}}]}]");
	cr_expect_eq(number(event(EVENT "SessionMetered", 1), "powerW"), 7200);
	s = session(1);
	cr_expect_eq(number(s, "energyWh"), 500);
	cr_expect_eq(get(s, "phases")->valueint, 3);
	cr_expect_eq(number(s, "cableMa"), 32000);
	sample = cJSON_GetArrayItem(get(s, "samples"), 1);
	cr_expect_eq(get(sample, "value")->valuedouble, 1500);
	cr_expect(strstr(text(sample, "text"), "\"signedMeterData\":\"c2ln\""), "%s", text(sample, "text"));
	cr_expect_eq(get(cJSON_GetArrayItem(get(s, "samples"), 3), "value")->valuedouble, 230.1);
}

Test(ocpp_events, a_meter_that_runs_backwards_costs_nothing)
{
	started();
	updated();
	transaction("Ended", 2, "02:20:00", "", READ("02:20:00", "3", "Transaction.End"));
	cr_expect_eq(number(session(1), "energyWh"), 403, "what it has shown before, and since it began anew");
	cr_expect_eq(number(session(1), "meterStopWh"), 3);
	cr_expect(flagged(session(1), "meter-backwards"));
}

Test(ocpp_events, the_next_transaction_ends_the_one_before)
{
	started();
	updated();
	fine("TransactionEvent",
	     "{\"eventType\":\"Started\",\"seqNo\":0,\"timestamp\":\"2025-01-15T03:00:00Z\",\"triggerReason\":"
	     "\"Authorized\",\"transactionInfo\":{\"transactionId\":\"tx-2\"}," EVSE "," TOKEN("B") "}");
	cr_expect(flagged(session(1), "no-stop"));
	cr_expect_eq(number(session(1), "energyWh"), 400);
	ended();
	cr_expect(flagged(session(1), "late-stop"), "its own end knows better");
	cr_expect_eq(number(session(1), "energyWh"), 900);
	cr_expect_str_eq(text(session(2), "state"), "ACTIVE");
	fine("TransactionEvent",
	     "{\"eventType\":\"Updated\",\"seqNo\":4,\"timestamp\":\"2025-01-15T01:00:00Z\",\"triggerReason\":"
	     "\"Trigger\",\"transactionInfo\":{\"transactionId\":\"tx-0\"}," EVSE "," TOKEN("C") "}");
	cr_expect_str_eq(text(session(3), "state"), "ENDED", "one that began before is over");
	cr_expect_str_eq(text(session(2), "state"), "ACTIVE");
}

Test(ocpp_events, the_evse_may_come_late)
{
	transaction("Updated", 1, "02:10:00", "", TOKEN("A"));
	cr_expect_eq(get(session(1), "connector")->valueint, 0);
	transaction("Started", 0, "02:00:00", "", "\"evse\":{\"id\":2}");
	cr_expect_eq(get(session(1), "connector")->valueint, 2);
	ask(CHARGING "ListSessions", "{\"device\":\"ocpp:CP001\",\"state\":\"ACTIVE\"}");
	cr_expect_eq(cJSON_GetArraySize(get(kept, "sessions")), 1);
}

Test(ocpp_events, where_there_is_one_evse_it_is_meant)
{
	fine("StatusNotification",
	     "{\"timestamp\":\"2025-01-15T01:00:00Z\",\"connectorStatus\":\"Occupied\",\"evseId\":3,"
	     "\"connectorId\":1}");
	transaction("Updated", 1, "02:10:00", "", TOKEN("A"));
	cr_expect_eq(get(session(1), "connector")->valueint, 3);
}

Test(ocpp_events, the_token_of_the_lowest_number_counts)
{
	transaction("Updated", 5, "02:10:00", "", EVSE "," TOKEN("B"));
	cr_expect_str_eq(text(session(1), "token"), "B");
	transaction("Updated", 2, "02:05:00", "", TOKEN("A"));
	cr_expect_str_eq(text(session(1), "token"), "A", "it came later and was said before");
	transaction("Updated", 3, "02:06:00", "", TOKEN("C"));
	cr_expect_str_eq(text(session(1), "token"), "A");
	cr_expect_eq(events(EVENT "SessionStarted"), 1);
	transaction("Ended", 6, "02:20:00", "", "");
	cr_expect_str_eq(text(get(event(EVENT "SessionEnded", 0), "session"), "token"), "A");
}

Test(ocpp_events, a_message_without_a_number_is_the_newest)
{
	started();
	fine("TransactionEvent",
	     "{\"eventType\":\"Ended\",\"timestamp\":\"2025-01-15T02:20:00Z\",\"triggerReason\":\"EVDeparted\","
	     "\"transactionInfo\":{\"transactionId\":\"tx-1\"}," READ("02:20:00", "1100", "Transaction.End") "}");
	cr_expect_str_eq(text(session(1), "state"), "ENDED");
	cr_expect_eq(number(session(1), "energyWh"), 100);
	answered("TransactionEvent",
		 "{\"eventType\":\"Ended\",\"seqNo\":1,\"timestamp\":\"2025-01-15T02:20:00Z\",\"triggerReason\":"
		 "\"EVDeparted\",\"transactionInfo\":{\"transactionId\":\"\"}}",
		 "PropertyConstraintViolation");
}

Test(ocpp_events, operators_end_what_never_ends_and_its_own_end_corrects_them)
{
	started();
	updated();
	ask(OCPP "CloseSession", "{\"sessionId\":\"ocpp:CP001/1\"}");
	cr_expect(flagged(session(1), "closed-by-operator"));
	cr_expect_eq(events(EVENT "SessionEnded"), 1);
	transaction("Updated", 3, "02:15:00", "", READ("02:15:00", "1800", "Sample.Periodic"));
	cr_expect_eq(events(EVENT "SessionEnded"), 1, "more of it is kept, and told with its end");
	transaction("Ended", 2, "02:20:00", LOCAL, READ("02:20:00", "1900", "Transaction.End"));
	cr_expect_eq(events(EVENT "SessionEnded"), 2);
	cr_expect(flagged(session(1), "late-stop"));
	cr_expect_eq(number(session(1), "energyWh"), 900);
}

Test(ocpp_events, a_number_that_comes_again_with_news_loses_no_energy)
{
	started();
	updated();
	transaction("Updated", 1, "02:15:00", "", READ("02:15:00", "1700", "Sample.Periodic"));
	cr_expect_eq(number(session(1), "energyWh"), 700, "chargers exist that count from 0 after a restart");
	transaction("Ended", 0, "02:20:00", LOCAL, "");
	cr_expect_str_eq(text(session(1), "state"), "ENDED");
	cr_expect(flagged(session(1), "no-meter-stop"));
	cr_expect_eq(number(session(1), "meterStopWh"), 1700);
}

Test(ocpp_events, a_1_6_session_stays_one)
{
	int id;

	host_station_drop(cp.station);
	bench_connect("ocpp1.6");
	id = begin(START("A", T0, "0"));
	host_station_drop(cp.station);
	bench_connect("ocpp2.0.1");
	cp.reply = "{\"status\":\"Accepted\"}";
	refused(CHARGING "Stop", "{\"sessionId\":\"ocpp:CP001/1\"}", GV_INVALID_ARGUMENT, "another version");
	cr_expect_str_eq(text(session(id), "state"), "ACTIVE");
	fine("MeterValues", "{\"evseId\":1,\"meterValue\":[{\"timestamp\":\"2025-01-15T03:00:00Z\",\"sampledValue\":[{"
			    "\"value\":5000}]}]}");
	cr_expect_eq(samples(session(id)), 0, "2.0.1's MeterValues belong to no transaction");
	host_station_drop(cp.station);
	bench_connect("ocpp1.6");
	stop_with(id, "\"meterStop\":10,\"timestamp\":\"2025-01-15T04:00:00Z\"");
	cr_expect_eq(number(session(id), "energyWh"), 10);
}
