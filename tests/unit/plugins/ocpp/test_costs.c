/* What a session costs, on the display of a charger that has one: billing and ocpp as they are, and a charger. */
#include "model.h"

#include <stdlib.h>
#include <string.h>

#define BILLING "galvan.billing.v1.Billing/"
#define COST(variable, value)                                                                                          \
	"{\"component\":{\"name\":\"TariffCostCtrlr\"},\"variable\":{\"name\":\"" variable                             \
	"\",\"instance\":\"Cost\"},\"variableAttribute\":[{\"value\":\"" value "\"}]}"
#define DISPLAY COST("Available", "true") "," COST("Enabled", "true")
#define CARD "\"idToken\":{\"idToken\":\"CARD\",\"type\":\"ISO14443\"}"

/* A kWh is a euro. CARD has money, GUEST is free. */
static void load(const char *subprotocol)
{
	bench_load_as(subprotocol, "{\"localList\":\"off\",\"callTimeoutS\":60}");
	cr_assert_eq(host_load(h, "billing", PLUGINS "/billing.so", 1,
			       "{\"currency\":\"EUR\",\"hold\":{\"cardAmount\":\"2000\"},\"signIn\":{},\"customers\":[{"
			       "\"id\":\"C-1\"}]}"),
		     0, "%s", host_error(h));
	host_settle(h, 100);
	ask(BILLING "TopUp",
	    "{\"id\":\"1\",\"customer\":\"C-1\",\"amount\":\"5000\",\"provider\":\"desk\",\"desk\":\"main\"}");
	ask(BILLING "PutTariff",
	    "{\"tariff\":{\"id\":\"T\",\"ocpi\":\"{\\\"id\\\":\\\"T\\\",\\\"country_code\\\":\\\"DE\\\",\\\"party_"
	    "id\\\":"
	    "\\\"ABC\\\",\\\"currency\\\":\\\"EUR\\\",\\\"last_updated\\\":\\\"2025-01-01T00:00:00Z\\\","
	    "\\\"elements\\\":["
	    "{\\\"price_components\\\":[{\\\"type\\\":\\\"ENERGY\\\",\\\"price\\\":1,\\\"step_size\\\":1}]}]}\"}}");
	ask(BILLING "AssignTariff", "{\"assignment\":{\"tariff\":\"T\"}}");
	ask(BILLING "PutToken", "{\"token\":{\"id\":\"CARD\",\"customer\":\"C-1\"}}");
	ask(BILLING "PutToken", "{\"token\":{\"id\":\"FREE\",\"use\":\"TOKEN_USE_PRIVATE\"}}");
	cp.reply = "{}";
}

static void setup(void)
{
	load("ocpp2.0.1");
}

TestSuite(ocpp_costs, .init = setup, .fini = bench_teardown, .timeout = 60);

static const char *answer_in_inbox(const char *head)
{
	for (size_t i = 0; i < cp.received; i++)
		if (!strncmp(cp.inbox[i], head, strlen(head)))
			return cp.inbox[i];
	return NULL;
}

/* TransactionEvent of tx-1 now; what follows from it has happened behind it. The answer's frame. */
static const char *event_of(const char *type, int number, long wh, const char *rest)
{
	char frame[1000], id[20], head[30];
	static unsigned n;
	int64_t now = host_now_ms(h);
	time_t at = (time_t)(now / 1000);
	struct tm tm;
	char when[40];

	gmtime_r(&at, &tm);
	strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &tm);
	snprintf(id, sizeof id, "e%u", ++n);
	snprintf(frame, sizeof frame,
		 "[2,\"%s\",\"TransactionEvent\",{\"eventType\":\"%s\",\"timestamp\":\"%s\",\"triggerReason\":"
		 "\"Authorized\",\"seqNo\":%d,\"transactionInfo\":{\"transactionId\":\"tx-1\"},\"evse\":{\"id\":1},"
		 "\"meterValue\":[{\"timestamp\":\"%s\",\"sampledValue\":[{\"value\":%ld}]}]%s%s}]",
		 id, type, when, number, when, wh, *rest ? "," : "", rest);
	raw(frame);
	host_settle(h, 500);
	snprintf(head, sizeof head, "[3,\"%s\",", id);
	if (!answer_in_inbox(head))
		host_run_ms(h, 5000); /* it may wait for a price */
	cr_assert_not_null(answer_in_inbox(head), "no answer to %s", frame);
	return answer_in_inbox(head);
}

static unsigned told(const char *cost)
{
	char payload[100];
	unsigned n = 0;

	snprintf(payload, sizeof payload, "\"CostUpdated\",{\"totalCost\":%s,\"transactionId\":\"tx-1\"}]", cost);
	for (size_t i = 0; i < cp.received; i++)
		n += strstr(cp.inbox[i], payload) != NULL;
	return n;
}

static void crash_ocpp(struct host *host, void *arg)
{
	host_crash(host, "ocpp.0");
}

static void begin_here(void)
{
	event_of("Started", 0, 1000, CARD);
	host_run_ms(h, 60000);
}

Test(ocpp_costs, the_driver_sees_what_it_costs_so_far_and_in_the_end)
{
	report(1, 0, false, DISPLAY);
	begin_here();
	event_of("Updated", 1, 2500, "");
	cr_expect_eq(told("1.5"), 1, "1.5 kWh");
	host_run_ms(h, 60000);
	cr_expect(strstr(event_of("Ended", 2, 4250, ""), "{\"totalCost\":3.25}"),
		  "the answer waits until it is charged");
	cr_expect_eq(told("3.25"), 0, "it has been said");
	cr_expect(strstr(event_of("Ended", 2, 4250, ""), "{\"totalCost\":3.25}"), "and is said again");
}

Test(ocpp_costs, an_answer_does_not_wait_for_a_price_that_does_not_come)
{
	report(1, 0, false, DISPLAY);
	begin_here();
	event_of("Updated", 1, 2500, "");
	host_stop(h, "billing.0");
	cr_expect_null(strstr(event_of("Ended", 2, 4250, ""), "totalCost"),
		       "what is not known is not said: no cost would be a free session");
	cr_expect_eq(met("prices_late"), 1);
	host_start(h, "billing.0");
	host_settle(h, 5000);
	cr_expect_eq(told("3.25"), 1, "and follows when it has been charged");
}

Test(ocpp_costs, an_answer_that_waits_outlives_a_crash)
{
	report(1, 0, false, DISPLAY);
	begin_here();
	event_of("Updated", 1, 2500, "");
	host_stop(h, "billing.0");
	host_after(h, 400, crash_ocpp, NULL);
	cr_expect_null(strstr(event_of("Ended", 2, 4250, ""), "totalCost"));
}

Test(ocpp_costs, meter_values_that_come_quickly_are_not_all_told)
{
	report(1, 0, false, DISPLAY);
	begin_here();
	for (int i = 1; i <= 59; i++) {
		event_of("Updated", i, 1000 + 10 * i, "");
		host_run_ms(h, 500);
	}
	cr_expect_eq(told("0.01"), 1);
	cr_expect_leq(host_events(h, "galvan.billing.v1.SessionPriced"), 3, "at most every 30 s");
}

Test(ocpp_costs, a_slow_charger_is_told_what_is_last_and_not_all_that_was)
{
	report(1, 0, false, DISPLAY);
	begin_here();
	cp.reply = NULL;
	event_of("Updated", 1, 2000, "");
	host_run_ms(h, 31000);
	event_of("Updated", 2, 3000, "");
	cr_expect_eq(told("1"), 1);
	cr_expect_eq(told("2"), 0, "one is under way at a time");
	cp.reply = "{}";
	answer_call("{}");
	host_settle(h, 100);
	cr_expect_eq(told("2"), 1);
}

Test(ocpp_costs, a_free_session_is_said_to_cost_nothing)
{
	report(1, 0, false, DISPLAY);
	event_of("Started", 0, 1000, "\"idToken\":{\"idToken\":\"FREE\",\"type\":\"ISO14443\"}");
	cr_expect_eq(told("0"), 1);
	cr_expect(strstr(event_of("Ended", 1, 9000, ""), "{\"totalCost\":0.00}"));
}

Test(ocpp_costs, a_charger_without_a_display_is_told_nothing)
{
	report(1, 0, false, COST("Available", "true") "," COST("Enabled", "false"));
	begin_here();
	event_of("Updated", 1, 2500, "");
	host_run_ms(h, 60000);
	event_of("Ended", 2, 4250, "");
	cr_expect(!received("CostUpdated"));
	cr_expect_eq(host_events(h, "galvan.billing.v1.SessionPriced"), 0, "and billing writes nothing for it");
}

/* What a session costs so far is told behind its answer. */
static void shows_its_display(int request)
{
	char frame[1000];

	snprintf(frame, sizeof frame,
		 "[2,\"r%d\",\"NotifyReport\",{\"requestId\":%d,\"generatedAt\":\"" T0
		 "\",\"seqNo\":0,\"reportData\":[" DISPLAY "]}]",
		 request, request);
	raw(frame);
	host_settle(h, 500);
}

Test(ocpp_costs, a_display_that_is_reported_after_the_start_shows_the_cost_too)
{
	begin_here();
	event_of("Updated", 1, 2500, "");
	cr_expect_eq(host_events(h, "galvan.billing.v1.SessionPriced"), 0, "nobody has said that it has a display");
	shows_its_display(1);
	cr_expect_eq(events(EVENT "SessionShowsCost"), 1);
	cr_expect_eq(told("1.5"), 1, "at once");
	shows_its_display(2);
	cr_expect_eq(events(EVENT "SessionShowsCost"), 1, "it was known");
	cr_expect(strstr(event_of("Ended", 2, 4250, ""), "{\"totalCost\":3.25}"));
}

Test(ocpp_costs, a_display_that_is_switched_on_shows_what_goes_on)
{
	report(1, 0, false, COST("Available", "true") "," COST("Enabled", "false"));
	begin_here();
	shows_its_display(2);
	cr_expect_eq(told("0"), 1);
	host_run_ms(h, 31000);
	event_of("Updated", 1, 2500, "");
	cr_expect_eq(told("1.5"), 1);
}

Test(ocpp_costs, a_number_in_another_currency_is_not_shown)
{
	report(1, 0, false, DISPLAY "," VARIABLE("TariffCostCtrlr", "Currency", "CHF"));
	begin_here();
	event_of("Updated", 1, 2500, "");
	cr_expect(!received("CostUpdated"));
}

Test(ocpp_costs, what_was_lost_with_the_connection_is_told_again)
{
	report(1, 0, false, DISPLAY);
	begin_here();
	cp.reply = NULL;
	event_of("Ended", 1, 3000, "");
	for (unsigned again = 0; again < 2; again++) {
		host_station_drop(cp.station);
		host_settle(h, 100);
		bench_forget_frames();
		cp.reply = "{}";
		bench_connect("ocpp2.0.1");
		host_settle(h, 500);
		cr_expect_eq(told("2"), !again, "until it has been answered");
	}
}

Test(ocpp_costs, a_cost_is_told_whatever_dies_between)
{
	report(1, 0, false, DISPLAY);
	begin_here();
	cp.reply = NULL;
	event_of("Ended", 1, 3000, "");
	cr_expect_eq(told("2"), 1);
	host_crash(h, "ocpp.0");
	host_crash(h, "billing.0");
	host_station_drop(cp.station);
	host_settle(h, 5000);
	bench_forget_frames();
	cp.reply = "{}";
	bench_connect("ocpp2.0.1");
	host_settle(h, 5000);
	cr_expect_eq(told("2"), 1);
}
