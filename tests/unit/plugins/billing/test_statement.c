/* Statements: the plugin's .so, unchanged, hears of sessions at chosen times, and what it says of days is added up here
 * once more. */
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
#define DAY_MS INT64_C(86400000)
#define NOON_MS INT64_C(1736942400000) /* 2025-01-15T12:00:00Z */

static struct host *h;
static cJSON *last;
static Charging__Session session;

/* ---- the device: tells of one session from its begin to its end when it is told to unlock ---- */

static int on_unlock(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *m)
{
	Charging__CommandReply reply = CHARGING__COMMAND_REPLY__INIT;
	Charging__SessionStarted started = CHARGING__SESSION_STARTED__INIT;
	Charging__SessionEnded ended = CHARGING__SESSION_ENDED__INIT;

	started.device = ended.device = session.device;
	started.session = ended.session = &session;
	session.state = CHARGING__SESSION_STATE__ACTIVE;
	gv_emit(t, &started);
	session.state = CHARGING__SESSION_STATE__ENDED;
	gv_emit(t, &ended);
	return gv_reply(t, to, &reply);
}

static int on_get(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *m)
{
	Charging__GetSessionReply reply = CHARGING__GET_SESSION_REPLY__INIT;

	reply.session = &session;
	return gv_reply(t, to, &reply);
}

static const struct gv_plugin device = {
	GV_STAMP,
	.name = "dev",
	.version = "0",
	.serves = (const struct gv_service[]){ { &charging__charging__descriptor,
						 (const struct gv_method[]){
							 { "GetSession", on_get }, { "Unlock", on_unlock }, { 0 } } },
					       { 0 } },
	.emits = (const struct gv_emits[]){ { &charging__session_started__descriptor, NULL },
					    { &charging__session_ended__descriptor, NULL },
					    { 0 } },
	.schema_set = GV_SCHEMA(charging),
	.schema = 1,
	.self_size = 1,
};

/* ---- asking ---------------------------------------------------------------------------------- */

static unsigned ask(const char *method, const char *fmt, ...) GV_PRINTF(2, 3);
static unsigned ask(const char *method, const char *fmt, ...)
{
	char name[80], json[2000];
	struct host_answer *a;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(json, sizeof json, fmt, ap);
	va_end(ap);
	snprintf(name, sizeof name, BILLING "%s", method);
	a = host_call(h, name, "%s", json);
	cJSON_Delete(last);
	last = cJSON_Parse(a->json);
	return a->code;
}

static const cJSON *member(const cJSON *of, const char *name)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(of, name);

	cr_assert_not_null(item, "%s is missing", name);
	return item;
}

static int64_t number(const cJSON *of, const char *name)
{
	const cJSON *item = member(of, name);

	return cJSON_IsString(item) ? atoll(item->valuestring) : item->valueint;
}

static const cJSON *day(int i)
{
	const cJSON *found = cJSON_GetArrayItem(member(last, "days"), i);

	cr_assert_not_null(found, "there is no day %d", i);
	return found;
}

/* A session of half an hour that ends then, and costs a cent for 10 Wh and 20 % of it. */
static void charge(const char *at, const char *token, int64_t wh, int64_t end_ms)
{
	static unsigned n;
	static char id[40], who[40];

	snprintf(id, sizeof id, "%s/%u", at, ++n);
	snprintf(who, sizeof who, "%s", token);
	charging__session__init(&session);
	session.id = id;
	session.device = (char *)at;
	session.connector = 1;
	session.token = who;
	session.token_status = (char *)"Accepted";
	session.started_at_ms = end_ms - 1800000;
	session.ended_at_ms = end_ms;
	session.meter_stop_wh = session.energy_wh = wh;
	cr_assert_eq(
		host_call(h, "galvan.charging.v1.Charging/Unlock", "{\"device\":\"%s\",\"connector\":1}", at)->code,
		GV_OK);
	host_settle(h, 5);
}

static void setup(void)
{
	h = host_create(1);
	cr_assert_eq(host_load_record(h, &device, 1, NULL), 0);
	cr_assert_eq(host_load(h, "billing", PLUGINS "/billing.so", 1,
			       "{\"customers\":[{\"id\":\"C-1\",\"name\":\"Ada\"},{\"id\":\"C-2\",\"name\":\"Bo\"}],"
			       "\"tokens\":["
			       "{\"id\":\"CARD-1\",\"customer\":\"C-1\"},{\"id\":\"CARD-2\",\"customer\":\"C-2\"}]}"),
		     0, "%s", host_error(h));
	cr_assert_eq(
		ask("PutTariff",
		    "{\"tariff\":{\"id\":\"T\",\"ocpi\":\"{\\\"id\\\":\\\"T\\\",\\\"country_code\\\":\\\"DE\\\","
		    "\\\"party_id\\\":\\\"ABC\\\",\\\"currency\\\":\\\"EUR\\\",\\\"last_updated\\\":\\\"2025-01-01T00:"
		    "00:00Z"
		    "\\\",\\\"elements\\\":[{\\\"price_components\\\":[{\\\"type\\\":\\\"ENERGY\\\",\\\"price\\\":1,"
		    "\\\"vat\\\":20,\\\"step_size\\\":1}]}]}\"}}"),
		GV_OK);
	cr_assert_eq(ask("AssignTariff", "{\"assignment\":{\"tariff\":\"T\"}}"), GV_OK);
	for (int i = 1; i <= 2; i++)
		cr_assert_eq(
			ask("TopUp",
			    "{\"id\":\"%d\",\"customer\":\"C-%d\",\"amount\":\"9000\",\"provider\":\"desk\",\"desk\":"
			    "\"main\"}",
			    i, i),
			GV_OK);
}

static void teardown(void)
{
	cr_expect_eq(host_parked(h, "billing.0"), 0);
	cJSON_Delete(last);
	last = NULL;
	host_destroy(h);
}

TestSuite(statement, .init = setup, .fini = teardown);

Test(statement, days_add_up_to_what_the_charges_are)
{
	charge("dev:1", "CARD-1", 1000, NOON_MS);
	charge("dev:1", "CARD-1", 2000, NOON_MS + 3600000);
	charge("dev:2", "CARD-1", 4000, NOON_MS + 2 * DAY_MS);
	cr_assert_eq(ask("GetStatement", "{\"customer\":\"C-1\"}"), GV_OK);
	cr_assert_eq(cJSON_GetArraySize(member(last, "days")), 2, "a day on which nothing ended is not listed");
	cr_expect_str_eq(member(day(0), "date")->valuestring, "2025-01-15");
	cr_expect_eq(number(day(0), "charges"), 2);
	cr_expect_eq(number(day(0), "energyWh"), 3000);
	cr_expect_eq(number(day(0), "occupiedMs"), 3600000);
	cr_expect_eq(number(day(0), "workingMs"), 3600000);
	cr_expect_eq(number(day(0), "excl"), 300);
	cr_expect_eq(number(day(0), "tax"), 60);
	cr_expect_eq(number(day(0), "incl"), 360);
	cr_expect_str_eq(member(day(1), "date")->valuestring, "2025-01-17");
	cr_expect_eq(number(day(1), "incl"), 480);
	cr_expect_eq(number(member(last, "total"), "incl"), 840);
	cr_expect_eq(number(member(last, "total"), "charges"), 3);
	cr_expect_eq(number(cJSON_GetArrayItem(member(last, "taxes"), 0), "tax"), 140);
}

Test(statement, is_of_a_customer_a_card_a_device_or_all)
{
	charge("dev:1", "CARD-1", 1000, NOON_MS);
	charge("dev:1", "CARD-2", 2000, NOON_MS);
	charge("dev:2", "CARD-2", 4000, NOON_MS);
	ask("GetStatement", "{\"customer\":\"C-2\"}");
	cr_expect_eq(number(member(last, "total"), "energyWh"), 6000);
	ask("GetStatement", "{\"token\":\"card-1\"}");
	cr_expect_eq(number(member(last, "total"), "energyWh"), 1000,
		     "cards are told apart without the case of letters");
	ask("GetStatement", "{\"device\":\"dev:1\"}");
	cr_expect_eq(number(member(last, "total"), "energyWh"), 3000);
	ask("GetStatement", "{\"device\":\"dev:1\",\"customer\":\"C-2\"}");
	cr_expect_eq(number(member(last, "total"), "energyWh"), 2000, "all that is given must fit");
	ask("GetStatement", "{}");
	cr_expect_eq(number(member(last, "total"), "energyWh"), 7000);
}

Test(statement, a_day_is_that_of_the_wall_clock)
{
	charge("dev:1", "CARD-1", 1000,
	       NOON_MS + 11 * 3600000 + 1800000); /* 23:30 UTC: half past midnight in Budapest */
	ask("GetStatement", "{\"zone\":\"Europe/Budapest\"}");
	cr_expect_str_eq(member(day(0), "date")->valuestring, "2025-01-16");
	ask("GetStatement", "{}");
	cr_expect_str_eq(member(day(0), "date")->valuestring, "2025-01-15", "a site without a zone has UTC");
}

Test(statement, holds_what_ended_from_its_begin_on_and_before_its_end)
{
	charge("dev:1", "CARD-1", 1000, NOON_MS);
	charge("dev:1", "CARD-1", 2000, NOON_MS + DAY_MS);
	charge("dev:1", "CARD-1", 4000, NOON_MS + 2 * DAY_MS);
	ask("GetStatement", "{\"fromMs\":\"%lld\",\"untilMs\":\"%lld\"}", (long long)(NOON_MS + DAY_MS),
	    (long long)(NOON_MS + 2 * DAY_MS));
	cr_expect_eq(number(member(last, "total"), "energyWh"), 2000);
}

Test(statement, a_charge_that_was_taken_back_counts_for_nothing)
{
	charge("dev:1", "CARD-1", 1000, NOON_MS);
	charge("dev:1", "CARD-1", 2000, NOON_MS);
	cr_assert_eq(ask("CreditCharge", "{\"id\":\"CDR-000000000001\",\"reason\":\"the cable was broken\"}"), GV_OK);
	ask("GetStatement", "{\"customer\":\"C-1\"}");
	cr_expect_eq(number(member(last, "total"), "charges"), 2);
	cr_expect_eq(number(member(last, "total"), "credits"), 1);
	cr_expect_eq(number(member(last, "total"), "energyWh"), 2000);
	cr_expect_eq(number(member(last, "total"), "occupiedMs"), 1800000);
	cr_expect_eq(number(member(last, "total"), "incl"), 240);
}

Test(statement, goes_on_paper_line_by_line)
{
	charge("dev:1", "CARD-1", 1000, NOON_MS);
	ask("GetStatement", "{\"customer\":\"C-1\",\"pdf\":true}");
	cr_expect_not_null(strstr(cJSON_GetArrayItem(member(last, "lines"), 1)->valuestring, "Ada"));
	cr_expect_eq(strncmp(member(last, "pdf")->valuestring, "JVBERi0", 7), 0, "%%PDF- in base64");
}

Test(statement, what_cannot_be_meant_is_refused)
{
	cr_expect_eq(ask("GetStatement", "{\"fromMs\":\"2000\",\"untilMs\":\"1000\"}"), GV_INVALID_ARGUMENT);
	cr_expect_eq(ask("GetStatement", "{\"zone\":\"Europe/Nowhere\"}"), GV_INVALID_ARGUMENT);
}
