/* Orders and what their devices answer: the plugin's .so, unchanged, beside a device that says what the test wants,
 * under a clock of the test's own. */
#include "charging.schema.h"

#include <cjson/cJSON.h>
#include <criterion/criterion.h>
#include <galvan/charging.pb-c.h>
#include <tests/host/host.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BILLING "galvan.billing.v1.Billing/"
#define MINUTE_MS 60000
#define HOUR_MS (60 * MINUTE_MS)

static struct host *h;
static cJSON *last;

/* ---- the device ------------------------------------------------------------------------------ */

static enum gv_code start_says;
static const char *start_status;
static unsigned starts, stops, reads;
static bool begins; /* whatever it answers */
static char token[40];
static Charging__Session session; /* the only one; its id is "" before it begins */
static Charging__Sample meter[64], *meters[64];
/* What the device is to tell as soon as it is told to, in a turn of its own. */
static enum { NOTHING, STARTED, METERED, ENDED } tells;

static int tell(struct gv_turn *t)
{
	Charging__SessionStarted started = CHARGING__SESSION_STARTED__INIT;
	Charging__SessionMetered metered = CHARGING__SESSION_METERED__INIT;
	Charging__SessionEnded ended = CHARGING__SESSION_ENDED__INIT;
	Charging__Session bare = session;

	bare.n_samples = 0;
	started.device = metered.device = ended.device = (char *)"dev:1";
	started.session = ended.session = &bare;
	metered.session_id = session.id;
	metered.energy_wh = session.energy_wh;
	metered.samples = session.n_samples ? &session.samples[session.n_samples - 1] : NULL;
	metered.n_samples = session.n_samples != 0;
	switch (tells) {
	case STARTED:
		return gv_emit(t, &started);
	case METERED:
		return gv_emit(t, &metered);
	case ENDED:
		return gv_emit(t, &ended);
	default:
		return 0;
	}
}

static void begin_session(const char *id, const char *with, int64_t at_ms)
{
	charging__session__init(&session);
	session.id = (char *)id;
	session.device = (char *)"dev:1";
	session.connector = 1;
	session.token = (char *)with;
	session.state = CHARGING__SESSION_STATE__ACTIVE;
	session.started_at_ms = at_ms;
	session.token_status = (char *)"Accepted";
	session.samples = meters;
}

static int on_start(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *m)
{
	Charging__StartReply reply = CHARGING__START_REPLY__INIT;

	starts++;
	snprintf(token, sizeof token, "%s", ((const Charging__StartRequest *)m)->token);
	if (begins && !*session.id)
		begin_session("dev:1/1", token, gv_now_ms(t));
	if (start_says != GV_OK)
		return gv_refuse(t, to, start_says, "the device says no");
	reply.status = (char *)start_status;
	return gv_reply(t, to, &reply);
}

static int on_stop(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *m)
{
	Charging__StopReply reply = CHARGING__STOP_REPLY__INIT;

	stops++;
	reply.status = (char *)"Accepted";
	return gv_reply(t, to, &reply);
}

static int on_get(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *m)
{
	Charging__GetSessionReply reply = CHARGING__GET_SESSION_REPLY__INIT;

	reads++;
	reply.session = &session;
	return *session.id ? gv_reply(t, to, &reply) : gv_refuse(t, to, GV_NOT_FOUND, "there is no such session");
}

static int on_list(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *m)
{
	Charging__ListSessionsReply reply = CHARGING__LIST_SESSIONS_REPLY__INIT;
	Charging__Session *list = &session;

	reply.sessions = &list;
	reply.n_sessions = *session.id != 0;
	return gv_reply(t, to, &reply);
}

/* Stands for the device's own acts. */
static int on_unlock(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *m)
{
	Charging__CommandReply reply = CHARGING__COMMAND_REPLY__INIT;

	tell(t);
	return gv_reply(t, to, &reply);
}

static const struct gv_plugin device = {
	GV_STAMP,
	.name = "dev",
	.version = "0",
	.serves = (const struct gv_service[]){ { &charging__charging__descriptor,
						 (const struct gv_method[]){ { "Start", on_start },
									     { "Stop", on_stop },
									     { "GetSession", on_get },
									     { "ListSessions", on_list },
									     { "Unlock", on_unlock },
									     { 0 } } },
					       { 0 } },
	.emits = (const struct gv_emits[]){ { &charging__session_started__descriptor, NULL },
					    { &charging__session_metered__descriptor, NULL },
					    { &charging__session_ended__descriptor, NULL },
					    { 0 } },
	.schema_set = GV_SCHEMA(charging),
	.schema = 1,
	.self_size = 1,
};

static void do_tell(int what)
{
	tells = what;
	cr_assert_eq(host_call(h, "galvan.charging.v1.Charging/Unlock", "{\"device\":\"dev:1\",\"connector\":1}")->code,
		     GV_OK);
	host_settle(h, 5);
}

static void start_session(void)
{
	begin_session("dev:1/1", token, host_now_ms(h));
	do_tell(STARTED);
}

static void measure(int64_t wh)
{
	Charging__Sample *s = &meter[session.n_samples];

	charging__sample__init(s);
	s->time_ms = host_now_ms(h);
	s->measurand = (char *)"Energy.Active.Import.Register";
	s->unit = (char *)"Wh";
	s->value = (double)wh;
	meters[session.n_samples++] = s;
	session.energy_wh = wh;
	do_tell(METERED);
}

static void end_session(int64_t wh)
{
	session.state = CHARGING__SESSION_STATE__ENDED;
	session.ended_at_ms = host_now_ms(h);
	session.meter_stop_wh = session.energy_wh = wh;
	do_tell(ENDED);
}

/* ---- asking ---------------------------------------------------------------------------------- */

static const char *text(const char *path)
{
	static char out[200];
	const cJSON *item = last;
	char name[80];

	for (const char *at = path; item && *at;) {
		size_t n = strcspn(at, ".");

		snprintf(name, sizeof name, "%.*s", (int)n, at);
		item = cJSON_IsArray(item) ? cJSON_GetArrayItem(item, atoi(name))
					   : cJSON_GetObjectItemCaseSensitive(item, name);
		at += n + (at[n] == '.');
	}
	snprintf(out, sizeof out, "%s", cJSON_IsString(item) ? item->valuestring : "(none)");
	return out;
}

static unsigned ask(const char *method, const char *json)
{
	char name[80];
	struct host_answer *a;

	snprintf(name, sizeof name, BILLING "%s", method);
	a = host_call(h, name, "%s", json);
	cJSON_Delete(last);
	last = cJSON_Parse(a->json);
	return a->code;
}

static void must(const char *method, const char *json)
{
	cr_assert_eq(ask(method, json), GV_OK, "%s %s", method, json);
}

static const char *state(void)
{
	must("GetOrder", "{\"id\":\"O-1\"}");
	return text("order.state") + strlen("ORDER_STATE_");
}

static int64_t available(void)
{
	must("GetAccount", "{\"id\":\"wallet:C-1\"}");
	return atoll(text("account.available"));
}

static unsigned n_charges(void)
{
	must("ListCharges", "{}");
	return (unsigned)cJSON_GetArraySize(cJSON_GetObjectItem(last, "charges"));
}

static bool has_flag(const char *path, const char *flag)
{
	const cJSON *list = cJSON_GetObjectItem(strcmp(path, "order")
							? cJSON_GetArrayItem(cJSON_GetObjectItem(last, "charges"), 0)
							: cJSON_GetObjectItem(last, "order"),
						"flags"),
		    *item;

	cJSON_ArrayForEach(item, list)
	{
		if (!strcmp(item->valuestring, flag))
			return true;
	}
	return false;
}

static void checkout(void)
{
	must("Checkout", "{\"id\":\"O-1\",\"device\":\"dev:1\",\"connector\":1,\"customer\":\"C-1\"}");
	host_settle(h, 5);
}

static void assign(const char *components)
{
	char json[1000];

	snprintf(json, sizeof json,
		 "{\"tariff\":{\"id\":\"T\",\"ocpi\":\"{\\\"id\\\":\\\"T\\\",\\\"country_code\\\":\\\"DE\\\",\\\"party_"
		 "id\\\":"
		 "\\\"ABC\\\",\\\"currency\\\":\\\"EUR\\\",\\\"last_updated\\\":\\\"2025-01-01T00:00:00Z\\\","
		 "\\\"elements\\\":[{"
		 "\\\"price_components\\\":[%s]}]}\"}}",
		 components);
	must("PutTariff", json);
	must("AssignTariff", "{\"assignment\":{\"tariff\":\"T\"}}");
}

static void setup(void)
{
	h = host_create(1);
	host_verbose(h, getenv("VERBOSE") != NULL);
	charging__session__init(&session);
	start_says = GV_OK;
	start_status = "Accepted";
	starts = stops = reads = 0;
	begins = false;
	cr_assert_eq(host_load_record(h, &device, 1, NULL), 0);
	cr_assert_eq(
		host_load(h, "billing", PLUGINS "/billing.so", 1,
			  "{\"customers\":[{\"id\":\"C-1\",\"name\":\"Ada\"}],\"hold\":{\"amount\":\"1000\",\"startS\":"
			  "120,\"noStopS\":3600}}"),
		0, "%s", host_error(h));
	assign("{\\\"type\\\":\\\"ENERGY\\\",\\\"price\\\":1,\\\"step_size\\\":1}"); /* a cent for 10 Wh */
	must("TopUp",
	     "{\"id\":\"1\",\"customer\":\"C-1\",\"amount\":\"5000\",\"provider\":\"desk\",\"desk\":\"main\"}");
	host_settle(h, 5);
}

static void teardown(void)
{
	cr_expect_eq(host_parked(h, "billing.0"), 0, "nothing that a device does may fail in the plugin");
	must("Verify", "{}");
	cr_expect(cJSON_IsTrue(cJSON_GetObjectItem(last, "sound")), "%s", cJSON_PrintUnformatted(last));
	cJSON_Delete(last);
	last = NULL;
	host_destroy(h);
}

TestSuite(orders, .init = setup, .fini = teardown);

/* ---- the start ------------------------------------------------------------------------------- */

Test(orders, a_refused_start_gives_the_money_back_in_the_same_turn)
{
	start_status = "Rejected";
	checkout();
	cr_expect_str_eq(state(), "VOIDED");
	cr_expect_eq(available(), 5000);
	cr_expect_eq(starts, 1, "a device that has refused is not asked again");
}

Test(orders, a_device_that_cannot_be_reached_is_told_three_times)
{
	start_says = GV_UNAVAILABLE;
	checkout();
	cr_expect_str_eq(state(), "STARTING");
	host_run_ms(h, 20000);
	cr_expect_eq(starts, 3);
	cr_expect_str_eq(state(), "VOIDED");
	cr_expect_eq(available(), 5000);
}

Test(orders, an_answer_that_says_nothing_is_followed_by_a_look_at_what_runs)
{
	start_says = GV_UNKNOWN;
	begins = true;
	checkout();
	cr_expect_eq(starts, 1, "its session was found: it must not be started again");
	cr_expect_str_eq(state(), "STARTED");
	cr_expect_eq(available(), 4000);
	end_session(500);
	cr_expect_str_eq(state(), "CLOSED");
	cr_expect_eq(available(), 4950);
}

Test(orders, where_nothing_runs_the_device_is_told_again_and_then_waited_for)
{
	start_says = GV_UNKNOWN;
	checkout();
	cr_expect_eq(starts, 3);
	cr_expect_str_eq(state(), "STARTING", "one of the three may still begin");
	start_session();
	cr_expect_str_eq(state(), "STARTED");
	end_session(0);
	cr_expect_str_eq(state(), "CLOSED");
}

Test(orders, a_refusal_after_an_unknown_answer_is_not_believed)
{
	start_says = GV_UNKNOWN;
	checkout();
	cr_expect_eq(starts, 3);
	host_run_ms(h, 119000);
	cr_expect_str_eq(state(), "STARTING");
	host_run_ms(h, 2000);
	cr_expect_str_eq(state(), "VOIDED", "at the deadline it is looked once more");
	cr_expect_eq(available(), 5000);
}

Test(orders, a_session_that_comes_too_late_is_stopped_and_owed)
{
	checkout();
	host_run_ms(h, 121000);
	cr_expect_str_eq(state(), "VOIDED");
	start_session();
	cr_expect_eq(stops, 1);
	end_session(100);
	cr_expect_eq(n_charges(), 1);
	cr_expect(has_flag("charge", "late-start"));
	cr_expect_str_eq(text("charges.0.receivable"), "10");
	cr_expect_str_eq(state(), "VOIDED");
	cr_expect(has_flag("order", "late-start"));
	cr_expect_eq(available(), 5000, "what was given back stays given back");
}

Test(orders, a_second_session_with_the_orders_token_is_stopped)
{
	checkout();
	start_session();
	cr_expect_str_eq(state(), "STARTED");
	end_session(100);
	cr_expect_str_eq(state(), "CLOSED");
	begin_session("dev:1/2", token, host_now_ms(h));
	do_tell(STARTED);
	cr_expect_eq(stops, 1);
	end_session(50);
	cr_expect_eq(n_charges(), 2);
}

Test(orders, stopped_before_it_has_begun_it_ends_as_soon_as_it_begins)
{
	checkout();
	must("StopOrder", "{\"id\":\"O-1\"}");
	cr_expect_str_eq(state(), "STARTING", "its money must be there should it begin");
	start_session();
	cr_expect_eq(stops, 1);
	end_session(0);
	cr_expect_str_eq(state(), "CLOSED");
	cr_expect_eq(available(), 5000);
}

/* ---- while it goes on ------------------------------------------------------------------------ */

Test(orders, the_running_cost_is_there_at_once_and_told_now_and_then)
{
	size_t told;

	checkout();
	start_session();
	told = host_events(h, "galvan.billing.v1.OrderChanged");
	for (int i = 1; i <= 20; i++) {
		host_run_ms(h, 1000);
		measure(10 * i);
	}
	must("GetOrder", "{\"id\":\"O-1\"}");
	cr_expect_str_eq(text("order.cost"), "20");
	cr_expect_str_eq(text("order.energyWh"), "200");
	cr_expect_leq(host_events(h, "galvan.billing.v1.OrderChanged") - told, 3, "not with each meter value");
	end_session(200);
}

Test(orders, a_session_is_stopped_before_the_next_meter_value_would_exceed_the_hold)
{
	checkout();
	start_session();
	for (int i = 1; i <= 3; i++) {
		host_run_ms(h, MINUTE_MS);
		measure(3000 * i); /* 300 cents each, of 1000 */
		cr_expect_eq(stops, i == 3, "after value %d", i);
	}
	end_session(9100);
	cr_expect_str_eq(state(), "CLOSED");
	cr_expect(has_flag("order", "stopped-at-limit"));
	cr_expect_eq(available(), 5000 - 910);
}

Test(orders, after_a_restart_the_limit_still_holds)
{
	checkout();
	start_session();
	host_run_ms(h, MINUTE_MS);
	measure(3000);
	host_crash(h, "billing.0");
	host_settle(h, 5);
	host_run_ms(h, MINUTE_MS);
	measure(6000);
	cr_expect_eq(reads, 1, "what it knew is read from the device's plugin, once");
	host_run_ms(h, MINUTE_MS);
	measure(9000);
	cr_expect_eq(stops, 1);
	end_session(9000);
}

Test(orders, time_costs_money_though_no_meter_value_comes)
{
	assign("{\\\"type\\\":\\\"TIME\\\",\\\"price\\\":5,\\\"step_size\\\":1}"); /* 5 an hour: 10 are held, for two
										      hours */
	checkout();
	start_session();
	for (int i = 1; i <= 3; i++) { /* signs of life, so that it is not taken as having ended */
		host_run_ms(h, 30 * MINUTE_MS);
		measure(i);
		cr_expect_eq(stops, 0, "after %d minutes", 30 * i);
	}
	host_run_ms(h, 29 * MINUTE_MS);
	cr_expect_gt(stops, 0, "before the two hours are over");
	end_session(4);
	cr_expect_eq(n_charges(), 1);
	cr_expect_str_eq(text("charges.0.receivable"), "0");
}

/* ---- the end --------------------------------------------------------------------------------- */

Test(orders, a_session_of_which_nothing_is_heard_is_settled_as_it_stands_and_corrected_later)
{
	checkout();
	start_session();
	host_run_ms(h, MINUTE_MS);
	measure(1000);
	host_run_ms(h, 2 * HOUR_MS);
	cr_expect_str_eq(state(), "CLOSED");
	cr_expect(has_flag("order", "no-stop"));
	cr_expect_eq(available(), 4900);
	end_session(3000); /* its end comes after all */
	cr_expect_eq(n_charges(), 3, "the first, its credit, and the right one");
	cr_expect_eq(available(), 4700);
	do_tell(ENDED);
	cr_expect_eq(n_charges(), 3, "told twice it is the same end");
}

Test(orders, the_tariff_at_the_start_is_the_one_that_counts)
{
	checkout();
	start_session();
	assign("{\\\"type\\\":\\\"ENERGY\\\",\\\"price\\\":9,\\\"step_size\\\":1}");
	end_session(1000);
	cr_expect_eq(available(), 4900);
}

Test(orders, a_session_that_its_plugin_has_forgotten_is_charged_with_what_its_end_said)
{
	checkout();
	start_session();
	session.state = CHARGING__SESSION_STATE__ENDED;
	session.ended_at_ms = host_now_ms(h) + 1000;
	session.meter_stop_wh = session.energy_wh = 1000;
	host_run_ms(h, 1000);
	tells = ENDED;
	host_call(h, "galvan.charging.v1.Charging/Unlock", "{\"device\":\"dev:1\",\"connector\":1}");
	session.id = (char *)"";
	host_run_ms(h, MINUTE_MS);
	cr_expect_eq(n_charges(), 1);
	cr_expect_eq(available(), 4900);
}
