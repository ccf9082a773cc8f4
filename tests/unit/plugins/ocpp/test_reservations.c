/* Reservations: made, used, and every way in which they end. */
#include "charger.h"

#include <stdlib.h>
#include <string.h>

#define RESERVE(token, more)                                                                                           \
	"{\"device\":\"ocpp:CP001\",\"connector\":1,\"token\":\"" token "\",\"expiresAtMs\":\"%lld\"" more "}"
#define HOUR_MS 3600000

static void setup(void)
{
	bench_load("{\"unknownToken\":\"accept\",\"localList\":\"off\",\"tags\":[{\"id\":\"MOTHER\",\"parentId\":"
		   "\"FAMILY\"},"
		   "{\"id\":\"SON\",\"parentId\":\"family\"},{\"id\":\"STOLEN\",\"status\":\"Blocked\"}]}");
	cp.reply = "{\"status\":\"Accepted\"}";
}

TestSuite(ocpp_reservations, .init = setup, .fini = bench_teardown, .timeout = 60);
TestSuite(ocpp_reservations_crashes, .timeout = 120);

/* A request with a time in it, so many milliseconds from now. */
static const char *in(int64_t ms, const char *format)
{
	static char text[400];
	char number[24], *at;
	const char *mark = strstr(format, "%lld");

	snprintf(number, sizeof number, "%lld", (long long)(host_now_ms(h) + ms));
	if (!mark)
		return format;
	at = text + snprintf(text, sizeof text, "%.*s", (int)(mark - format), format);
	snprintf(at, sizeof text - (size_t)(at - text), "%s%s", number, mark + strlen("%lld"));
	return text;
}

static long reserve(const char *format)
{
	ask(CHARGING "Reserve", in(HOUR_MS, format));
	cr_assert_str_eq(text(kept, "status"), "Accepted");
	return number(kept, "reservationId");
}

/* The state of the newest. */
static const char *state(void)
{
	return text(
		cJSON_GetArrayItem(get(ask(CHARGING "ListReservations", "{\"device\":\"ocpp:CP001\",\"ended\":true}"),
				       "reservations"),
				   0),
		"state");
}

static void status(int connector, const char *status)
{
	char frame[200];

	bench_forget_frames();
	snprintf(frame, sizeof frame,
		 "[2,\"s\",\"StatusNotification\",{\"connectorId\":%d,\"errorCode\":\"NoError\",\"status\":\"%s\"}]",
		 connector, status);
	raw(frame);
	host_settle(h, 100);
	cr_assert(received("[3,\"s\",{}]"));
}

static const char *last_state_told(void)
{
	size_t n = events(EVENT "ReservationChanged");

	cr_assert_gt(n, 0);
	return text(get(event(EVENT "ReservationChanged", n - 1), "reservation"), "state");
}

/* ---- making ---------------------------------------------------------------------------------- */

Test(ocpp_reservations, the_charger_is_asked_and_the_group_is_the_tokens_own)
{
	long id = reserve(RESERVE("MOTHER", ""));

	cr_expect_gt(id, 0);
	cr_expect(strstr(cp.inbox[0], "\"ReserveNow\""), "%s", cp.inbox[0]);
	cr_expect(strstr(cp.inbox[0], "\"idTag\":\"MOTHER\",\"parentIdTag\":\"FAMILY\""), "%s", cp.inbox[0]);
	cr_expect_str_eq(state(), "RESERVED");
	cr_expect_str_eq(last_state_told(), "RESERVED");
	cr_expect_eq(reserve(RESERVE("MOTHER", "")), id + 1, "ids are not used twice");
}

Test(ocpp_reservations, what_the_charger_refuses_is_none)
{
	cp.reply = "{\"status\":\"Occupied\"}";
	ask(CHARGING "Reserve", in(HOUR_MS, RESERVE("A", "")));
	cr_expect_str_eq(text(kept, "status"), "Occupied");
	cr_expect_eq(number(kept, "reservationId"), 0);
	cr_expect_eq(cJSON_GetArraySize(get(ask(CHARGING "ListReservations", "{\"ended\":true}"), "reservations")), 0);
	cr_expect_eq(events(EVENT "ReservationChanged"), 0);
}

Test(ocpp_reservations, bad_requests_say_what_to_do)
{
	refused(CHARGING "Reserve", "{\"device\":\"ocpp:CP001\",\"token\":\"A\",\"expiresAtMs\":\"1\"}",
		GV_INVALID_ARGUMENT, "expiresAtMs");
	refused(CHARGING "Reserve", in(HOUR_MS, RESERVE("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "")), GV_INVALID_ARGUMENT,
		"20 characters");
	refused(CHARGING "Reserve", in(HOUR_MS, RESERVE("STOLEN", "")), GV_FAILED_PRECONDITION, "Blocked");
	refused(CHARGING "Reserve", in(HOUR_MS, RESERVE("A", ",\"reservationId\":\"7\"")), GV_NOT_FOUND,
		"no reservation 7");
	refused(CHARGING "CancelReservation", "{\"device\":\"ocpp:CP001\",\"reservationId\":\"7\"}", GV_NOT_FOUND,
		"no reservation 7");
	cr_expect_eq(cp.received, 0, "none of it reached the charger");
}

Test(ocpp_reservations, one_can_be_changed)
{
	long id = reserve(RESERVE("A", ""));
	char more[200];

	snprintf(more, sizeof more,
		 "{\"device\":\"ocpp:CP001\",\"connector\":2,\"token\":\"A\",\"reservationId\":\"%ld\",\"expiresAtMs\":"
		 "\"%lld\"}",
		 id, (long long)host_now_ms(h) + 2 * HOUR_MS);
	ask(CHARGING "Reserve", more);
	cr_expect_eq(number(kept, "reservationId"), id);
	host_run_ms(h, HOUR_MS + 1000);
	cr_expect_str_eq(state(), "RESERVED", "the first time is not its end any more");
	host_run_ms(h, HOUR_MS);
	cr_expect_str_eq(state(), "EXPIRED");
	cr_expect_eq(events(EVENT "ReservationChanged"), 3);
}

/* ---- using ----------------------------------------------------------------------------------- */

Test(ocpp_reservations, it_ends_with_the_session_that_names_it)
{
	long id = reserve(RESERVE("A", ""));
	char payload[300];
	int session;

	snprintf(payload, sizeof payload,
		 "{\"connectorId\":1,\"idTag\":\"A\",\"meterStart\":0,\"timestamp\":\"" T0 "\",\"reservationId\":%ld}",
		 id);
	session = begin(payload);
	cr_expect_str_eq(state(), "USED");
	cr_expect_str_eq(last_state_told(), "USED");
	cr_expect(strstr(text(get(kept, "reservation"), "sessionId"), "ocpp:CP001/"));
	cr_expect_not(flagged(get(ask(CHARGING "GetSession", in(0, "{\"id\":\"ocpp:CP001/1\"}")), "session"),
			      "reserved-for-another"));
	cr_expect_eq(begin(payload), session, "a start that comes again");
	cr_expect_eq(events(EVENT "ReservationChanged"), 2);
}

Test(ocpp_reservations, a_tag_of_the_group_uses_it_and_number_0_is_none)
{
	reserve(RESERVE("MOTHER", ""));
	answered("StartTransaction",
		 "{\"connectorId\":1,\"idTag\":\"SON\",\"meterStart\":0,\"timestamp\":\"" T0 "\",\"reservationId\":0}",
		 "\"parentIdTag\":\"family\"");
	cr_expect_str_eq(state(), "USED");
}

Test(ocpp_reservations_strangers, whoever_it_was_made_for_is_let_in, .fini = bench_teardown, .timeout = 60)
{
	bench_load("{\"unknownToken\":\"refuse\",\"localList\":\"off\"}");
	cp.reply = "{\"status\":\"Accepted\"}";
	answered("Authorize", "{\"idTag\":\"APP-1\"}", "Invalid");
	reserve(RESERVE("app-1", ""));
	answered("Authorize", "{\"idTag\":\"APP-1\"}", "Accepted");
	answered("StartTransaction", START("APP-1", T0, "0"), "Accepted");
	cr_expect_str_eq(state(), "USED");
	answered("Authorize", "{\"idTag\":\"APP-2\"}", "Invalid");
}

Test(ocpp_reservations, a_start_with_another_tag_is_recorded_and_flagged)
{
	int id;

	reserve(RESERVE("MOTHER", ""));
	id = begin(START("STRANGER", T0, "0"));
	cr_expect(flagged(session(id), "reserved-for-another"));
	cr_expect_str_eq(state(), "RESERVED", "the charger has not said that it is over");
}

Test(ocpp_reservations, others_cannot_be_started_where_it_is)
{
	reserve(RESERVE("MOTHER", ""));
	refused(CHARGING "Start", "{\"device\":\"ocpp:CP001\",\"connector\":1,\"token\":\"STRANGER\"}",
		GV_FAILED_PRECONDITION, "reserved for token MOTHER until ");
	ask(CHARGING "Start", "{\"device\":\"ocpp:CP001\",\"connector\":2,\"token\":\"STRANGER\"}");
	ask(CHARGING "Start", "{\"device\":\"ocpp:CP001\",\"connector\":1,\"token\":\"SON\"}");
}

Test(ocpp_reservations, one_without_a_connector_keeps_one_free)
{
	status(1, "Available");
	status(2, "Available");
	ask(CHARGING "Reserve",
	    in(HOUR_MS, "{\"device\":\"ocpp:CP001\",\"token\":\"MOTHER\",\"expiresAtMs\":\"%lld\"}"));
	ask(CHARGING "Start", "{\"device\":\"ocpp:CP001\",\"connector\":1,\"token\":\"STRANGER\"}");
	status(1, "Charging");
	refused(CHARGING "Start", "{\"device\":\"ocpp:CP001\",\"connector\":2,\"token\":\"STRANGER\"}",
		GV_FAILED_PRECONDITION, "MOTHER");
	fine("StartTransaction", "{\"connectorId\":2,\"idTag\":\"MOTHER\",\"meterStart\":0,\"timestamp\":\"" T0 "\"}");
	cr_expect_str_eq(state(), "USED");
}

/* ---- ending ---------------------------------------------------------------------------------- */

Test(ocpp_reservations, it_expires_by_galvans_clock)
{
	reserve(RESERVE("A", ""));
	host_crash(h, "ocpp.0");
	host_run_ms(h, HOUR_MS - 60000);
	cr_expect_str_eq(state(), "RESERVED");
	host_run_ms(h, 61000);
	cr_expect_str_eq(state(), "EXPIRED");
	ask(CHARGING "Start", "{\"device\":\"ocpp:CP001\",\"connector\":1,\"token\":\"STRANGER\"}");
}

Test(ocpp_reservations, a_start_of_before_its_end_that_comes_late_has_used_it)
{
	long id = reserve(RESERVE("A", ""));
	char payload[300];

	host_run_ms(h, HOUR_MS + 1000);
	snprintf(payload, sizeof payload,
		 "{\"connectorId\":1,\"idTag\":\"A\",\"meterStart\":0,\"timestamp\":\"" T0 "\",\"reservationId\":%ld}",
		 id);
	begin(payload);
	cr_expect_str_eq(state(), "USED");
}

Test(ocpp_reservations, it_is_lost_with_its_connector)
{
	static const char *const ends[] = { "Faulted", "Unavailable" };

	for (int i = 0; i < 2; i++) {
		reserve(RESERVE("A", ""));
		status(2, ends[i]);
		cr_expect_str_eq(state(), "RESERVED", "another connector");
		status(1, ends[i]);
		cr_expect_str_eq(state(), "LOST", "%s", ends[i]);
	}
	reserve(RESERVE("A", ""));
	status(0, "Faulted");
	cr_expect_str_eq(state(), "RESERVED", "its connectors speak for themselves");
	status(0, "Unavailable");
	cr_expect_str_eq(state(), "LOST", "the whole charger");
	cr_expect_str_eq(last_state_told(), "LOST");
}

Test(ocpp_reservations, the_charger_is_told_of_one_that_was_lost_with_its_connector)
{
	char cancel[60];
	long id = reserve(RESERVE("A", ""));

	snprintf(cancel, sizeof cancel, "\"CancelReservation\",{\"reservationId\":%ld}", id);
	cp.reply = "{\"status\":\"Rejected\"}";
	status(1, "Faulted");
	cr_expect(received(cancel), "it might keep it, and refuse others");
	cr_expect_str_eq(state(), "LOST", "whatever it answers");
}

Test(ocpp_reservations, it_is_lost_when_the_charger_lets_it_go)
{
	reserve(RESERVE("A", ""));
	status(1, "Reserved");
	status(1, "Available");
	cr_expect_str_eq(state(), "LOST");
	ask(CHARGING "Reserve", in(60000, RESERVE("A", "")));
	status(1, "Reserved");
	status(1, "Available");
	cr_expect_str_eq(state(), "EXPIRED", "by the charger's clock");
}

Test(ocpp_reservations, it_can_be_cancelled_once)
{
	char request[100];

	snprintf(request, sizeof request, "{\"device\":\"ocpp:CP001\",\"reservationId\":\"%ld\"}",
		 reserve(RESERVE("A", "")));
	ask(CHARGING "CancelReservation", request);
	cr_expect_str_eq(state(), "CANCELLED");
	refused(CHARGING "CancelReservation", request, GV_FAILED_PRECONDITION, "over already");
}

Test(ocpp_reservations, one_that_the_charger_does_not_know_any_more_is_over_when_it_is_cancelled)
{
	char request[100];

	snprintf(request, sizeof request, "{\"device\":\"ocpp:CP001\",\"reservationId\":\"%ld\"}",
		 reserve(RESERVE("A", "")));
	cp.reply = "{\"status\":\"Rejected\"}";
	ask(CHARGING "CancelReservation", request);
	cr_expect_str_eq(text(kept, "status"), "Rejected");
	cr_expect_str_eq(state(), "CANCELLED");
}

/* ---- lost connections ------------------------------------------------------------------------ */

Test(ocpp_reservations, one_whose_answer_was_lost_is_taken_back)
{
	struct host_answer *a;

	cp.reply = NULL;
	a = host_call_later(h, NULL, CHARGING "Reserve", in(HOUR_MS, RESERVE("A", "")));
	host_settle(h, 100);
	host_station_drop(cp.station);
	host_run_ms(h, 1000);
	cr_assert(a->done);
	cr_expect_eq(a->code, GV_UNKNOWN, "%s", a->error);
	bench_forget_frames();
	cp.reply = "{\"status\":\"Accepted\"}";
	host_station_connect(cp.station);
	host_run_ms(h, 1000);
	cr_assert_eq(cp.received, 1);
	cr_expect(strstr(cp.inbox[0], "\"CancelReservation\""), "%s", cp.inbox[0]);
	cr_expect_eq(events(EVENT "ReservationChanged"), 0, "for others there never was one");
	host_station_drop(cp.station);
	host_run_ms(h, 1000);
	bench_forget_frames();
	host_station_connect(cp.station);
	host_run_ms(h, 1000);
	cr_expect_eq(cp.received, 0, "once");
}

Test(ocpp_reservations, a_cancel_whose_answer_was_lost_is_said_again)
{
	struct host_answer *a;
	char request[100];

	snprintf(request, sizeof request, "{\"device\":\"ocpp:CP001\",\"reservationId\":\"%ld\"}",
		 reserve(RESERVE("A", "")));
	cp.reply = NULL;
	a = host_call_later(h, NULL, CHARGING "CancelReservation", request);
	host_settle(h, 100);
	host_station_drop(cp.station);
	host_run_ms(h, 1000);
	cr_expect_eq(a->code, GV_UNKNOWN, "%s", a->error);
	cr_expect_str_eq(state(), "RESERVED");
	cp.reply = "{\"status\":\"Rejected\"}";
	host_station_connect(cp.station);
	host_run_ms(h, 1000);
	cr_expect_str_eq(state(), "CANCELLED");
}

Test(ocpp_reservations, a_late_answer_does_not_leave_one_behind)
{
	struct host_answer *a;
	char answer[200], id[64];

	fine("BootNotification", "{\"chargePointVendor\":\"V\",\"chargePointModel\":\"M\"}");
	bench_forget_frames();
	cp.reply = NULL;
	a = host_call_later(h, NULL, CHARGING "Reserve", in(HOUR_MS, RESERVE("A", "")));
	host_run_ms(h, 35000);
	cr_assert(a->done);
	cr_expect_eq(a->code, GV_DEADLINE_EXCEEDED, "%s", a->error);
	sscanf(cp.inbox[0], "[2,\"%63[^\"]\"", id);
	snprintf(answer, sizeof answer, "[3,\"%s\",{\"status\":\"Accepted\"}]", id);
	raw(answer);
	host_settle(h, 100);
	cr_expect(received("\"CancelReservation\""));
	ask(CHARGING "ListReservations", "{\"device\":\"ocpp:CP001\"}");
	cr_expect_eq(cJSON_GetArraySize(get(kept, "reservations")), 0);
}

/* ---- another version ------------------------------------------------------------------------- */

Test(ocpp_reservations_v201, a_charger_of_2_0_1_says_when_one_is_over, .fini = bench_teardown, .timeout = 60)
{
	char update[200];
	long id;

	bench_load_as("ocpp2.0.1", "{\"unknownToken\":\"accept\",\"localList\":\"off\"}");
	cp.reply = "{\"status\":\"Accepted\"}";
	id = reserve(RESERVE("A", ",\"group\":\"FAMILY\""));
	cr_expect(strstr(cp.inbox[0], "\"evseId\":1,\"idToken\":{\"idToken\":\"A\",\"type\":\"ISO14443\"},"
				      "\"groupIdToken\":{\"idToken\":\"FAMILY\",\"type\":\"Central\"}"),
		  "%s", cp.inbox[0]);
	snprintf(update, sizeof update, "{\"reservationId\":%ld,\"reservationUpdateStatus\":\"Expired\"}", id);
	fine("ReservationStatusUpdate", update);
	cr_expect_str_eq(state(), "EXPIRED");
	id = reserve(RESERVE("A", ""));
	snprintf(update, sizeof update, "{\"reservationId\":%ld,\"reservationUpdateStatus\":\"Removed\"}", id);
	fine("ReservationStatusUpdate", update);
	cr_expect_str_eq(state(), "LOST");
}

Test(ocpp_reservations_v201, a_charger_of_2_0_1_is_told_what_the_token_is_made_of, .fini = bench_teardown,
     .timeout = 60)
{
	bench_load_as("ocpp2.0.1", "{\"unknownToken\":\"accept\",\"localList\":\"off\",\"tags\":[{\"id\":\"TAG\","
				   "\"type\":\"ISO15693\"}]}");
	cp.reply = "{\"status\":\"Accepted\"}";
	reserve(RESERVE("A", ",\"tokenType\":\"KeyCode\""));
	cr_expect(strstr(cp.inbox[0], "{\"idToken\":\"A\",\"type\":\"KeyCode\"}"), "%s", cp.inbox[0]);
	reserve(RESERVE("tag", ""));
	cr_expect(strstr(cp.inbox[1], "{\"idToken\":\"tag\",\"type\":\"ISO15693\"}"), "%s", cp.inbox[1]);
	ask(CHARGING "ListReservations", "{\"device\":\"ocpp:CP001\"}");
	cr_expect_str_eq(text(cJSON_GetArrayItem(get(kept, "reservations"), 0), "tokenType"), "ISO15693");
}

/* ---- crashes --------------------------------------------------------------------------------- */

/* Reserved, used by a session; the plugin dies at the n-th of its points. False where it has fewer. */
static bool dies_at(uint64_t n)
{
	struct host_answer *a;
	bool died;

	setup();
	host_crash_at(h, "ocpp.0", n);
	a = host_call(h, CHARGING "Reserve", "%s", in(HOUR_MS, RESERVE("A", "")));
	host_run_ms(h, 60000);
	if (a->code == GV_OK) {
		cr_expect_eq(events(EVENT "ReservationChanged"), 1, "death %lu", (unsigned long)n);
		cr_expect_str_eq(state(), "RESERVED");
	} else {
		cr_expect_eq(events(EVENT "ReservationChanged"), 0, "death %lu", (unsigned long)n);
	}
	host_run_ms(h, HOUR_MS);
	cr_expect_eq(cJSON_GetArraySize(get(ask(CHARGING "ListReservations", "{}"), "reservations")), 0, "death %lu",
		     (unsigned long)n);
	died = host_crashes(h) > 0;
	bench_teardown();
	return died;
}

Test(ocpp_reservations_crashes, one_is_there_for_all_or_for_nobody_wherever_it_dies)
{
	uint64_t n = 1;

	while (dies_at(n))
		n++;
	cr_expect_gt(n, 10, "points were passed");
}
