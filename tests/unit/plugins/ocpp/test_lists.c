/* Lists of tokens: what a charger is told, and when; and that it ends up with what it should have. */
#include "charger.h"

#include <tests/host/keeper.h>

#include <stdlib.h>
#include <string.h>

#define QUIET_MS 30000 /* behind the delay in which changes are collected */

/* A charger that keeps a list. What it is asked besides is answered with Accepted, or waits. */
static struct lister {
	struct host_station *station;
	struct keeper keeper;
	bool slow;                   /* answers only when the test says so */
	char waiting[64];            /* the message that waits; "": none */
	char action[64], last[8000]; /* the latest call */
	cJSON *waiting_payload;
} one;

static void answer(struct lister *l, const char *id, const char *action, const cJSON *payload)
{
	char body[600], text[800];

	if (!keeper_answer(&l->keeper, action, payload, body, sizeof body))
		snprintf(body, sizeof body, "{\"status\":\"Accepted\"}");
	snprintf(text, sizeof text, "[3,\"%s\",%s]", id, body);
	host_station_send(l->station, GV_TEXT, text, strlen(text));
}

static void on_open(struct host_station *s, void *arg)
{
	const char *boot =
		((struct lister *)arg)->keeper.v201
			? "[2,\"b\",\"BootNotification\",{\"reason\":\"PowerUp\",\"chargingStation\":{\"vendorName\":"
			  "\"V\",\"model\":\"M\"}}]"
			: "[2,\"b\",\"BootNotification\",{\"chargePointVendor\":\"V\",\"chargePointModel\":\"M\"}]";

	host_station_send(s, GV_TEXT, boot, strlen(boot));
}

static void on_frame(struct host_station *s, void *arg, enum gv_frame_kind kind, const char *data, size_t size)
{
	struct lister *l = arg;
	cJSON *frame = cJSON_ParseWithLength(data, size);
	const char *id = cJSON_GetArrayItem(frame, 1)->valuestring;

	if (cJSON_GetArrayItem(frame, 0)->valueint == 2) {
		snprintf(l->action, sizeof l->action, "%s", cJSON_GetArrayItem(frame, 2)->valuestring);
		snprintf(l->last, sizeof l->last, "%.*s", (int)size, data);
		if (l->slow) {
			snprintf(l->waiting, sizeof l->waiting, "%s", id);
			cJSON_Delete(l->waiting_payload);
			l->waiting_payload = cJSON_DetachItemFromArray(frame, 3);
		} else {
			answer(l, id, l->action, cJSON_GetArrayItem(frame, 3));
		}
	}
	cJSON_Delete(frame);
}

static void on_close(struct host_station *s, void *arg, unsigned code)
{
}

static const struct host_station_model model = { on_open, on_frame, on_close };

static void let_it_answer(struct lister *l)
{
	cr_assert(*l->waiting, "the charger was asked nothing");
	answer(l, l->waiting, l->action, l->waiting_payload);
	l->waiting[0] = '\0';
	host_run_ms(h, 200);
}

static void load(const char *config)
{
	h = host_create(7);
	host_verbose(h, getenv("VERBOSE") != NULL);
	cr_assert_eq(host_load(h, "registry", PLUGINS "/registry.so", 1, NULL), 0, "%s", host_error(h));
	cr_assert_eq(host_load(h, "billing", PLUGINS "/billing.so", 1, "{\"hold\":{},\"signIn\":{}}"), 0, "%s",
		     host_error(h));
	cr_assert_eq(host_load(h, "ocpp", PLUGINS "/ocpp.so", 1, config), 0, "%s", host_error(h));
	host_settle(h, 100);
	ask("galvan.registry.v1.Registry/PutSite", "{\"site\":{\"id\":\"hill\"}}");
	ask("galvan.registry.v1.Registry/PutDevice", "{\"device\":{\"id\":\"ocpp:CP001\",\"site\":\"hill\"}}");
	one.station = host_station(h, "ocpp", "ocpp:CP001", "ocpp1.6", &model, &one);
}

/* Connects, and says what it is: a charger that does not is asked. */
static void connect_lister(struct lister *l)
{
	const char *boot = "[2,\"b\",\"BootNotification\",{\"chargePointVendor\":\"V\",\"chargePointModel\":\"M\"}]";

	host_station_connect(l->station);
	host_run_ms(h, 100);
	host_station_send(l->station, GV_TEXT, boot, strlen(boot));
}

static void connect_one(void)
{
	connect_lister(&one);
	host_run_ms(h, QUIET_MS);
}

/* Until it is asked the first question. */
static void connect_slow_one(void)
{
	one.slow = true;
	host_station_connect(one.station);
	host_run_ms(h, 11000);
}

static void setup(void)
{
	load("{\"unknownToken\":\"refuse\",\"localListCheckS\":0}");
}

static void teardown(void)
{
	cr_expect_eq(one.keeper.mistakes, 0, "every message is one that 1.6 allows");
	cr_expect_eq(host_parked(h, "billing.0"), 0);
	cJSON_Delete(one.waiting_payload);
	memset(&one, 0, sizeof one);
	bench_teardown();
}

TestSuite(ocpp_lists, .init = setup, .fini = teardown, .timeout = 60);
TestSuite(ocpp_lists_config, .fini = teardown, .timeout = 60);

static void put(const char *id, const char *more)
{
	char request[400];

	snprintf(request, sizeof request, "{\"token\":{\"id\":\"%s\",\"use\":\"TOKEN_USE_PRIVATE\"%s%s}}", id,
		 *more ? "," : "", more);
	ask("galvan.billing.v1.Billing/PutToken", request);
}

static void put_many(int n)
{
	char id[24];

	for (int i = 0; i < n; i++) {
		snprintf(id, sizeof id, "CARD%03d", i);
		put(id, "");
	}
}

static const char *status(const char *id)
{
	const struct keeper_entry *e = keeper_find(&one.keeper, id);

	return e ? e->status : "(none)";
}

static const cJSON *local_list(void)
{
	return get(cJSON_GetArrayItem(get(ask(OCPP "ListStations", "{\"device\":\"ocpp:CP001\"}"), "stations"), 0),
		   "localList");
}

/* ---- the whole list -------------------------------------------------------------------------- */

Test(ocpp_lists, a_charger_gets_the_whole_list_as_its_owners_wrote_it)
{
	put("Card1", "\"parent\":\"FAMILY\"");
	put("Card2", "\"state\":\"TOKEN_STATE_BLOCKED\"");
	connect_one();
	cr_expect_eq(one.keeper.fulls, 1);
	cr_expect_eq(one.keeper.n, 1, "what is not good is not listed");
	cr_expect_str_eq(one.keeper.entries[0].id, "Card1", "some chargers compare letters' case");
	cr_expect_str_eq(one.keeper.entries[0].parent, "FAMILY");
	cr_expect_str_eq(text(local_list(), "state"), "in step");
}

Test(ocpp_lists, a_long_list_comes_in_pieces_that_the_charger_takes)
{
	one.keeper.chunk_max = 10;
	put_many(35);
	connect_one();
	cr_expect_eq(one.keeper.n, 35);
	cr_expect_eq(one.keeper.fulls, 1);
	cr_expect_eq(one.keeper.differences, 3);
}

Test(ocpp_lists, what_changes_between_the_pieces_is_told_too)
{
	one.keeper.chunk_max = 10;
	put_many(35);
	connect_slow_one();
	let_it_answer(&one); /* GetConfiguration */
	let_it_answer(&one); /* GetLocalListVersion */
	let_it_answer(&one); /* the first ten */
	put("CARD001", "\"state\":\"TOKEN_STATE_BLOCKED\"");
	put("CARD030", "\"state\":\"TOKEN_STATE_BLOCKED\"");
	put("CARD0001", "");
	one.slow = false;
	let_it_answer(&one);
	host_run_ms(h, QUIET_MS);
	cr_expect_str_eq(status("CARD001"), "Blocked");
	cr_expect_str_neq(status("CARD030"), "Accepted");
	cr_expect_str_eq(status("CARD0001"), "Accepted");
	cr_expect_eq(keeper_accepted(&one.keeper), 34);
}

Test(ocpp_lists, where_there_is_nothing_to_list_no_charger_is_asked)
{
	connect_one();
	cr_expect_eq(one.keeper.configurations + one.keeper.versions, 0);
}

/* ---- differences ----------------------------------------------------------------------------- */

Test(ocpp_lists, a_blocked_token_is_told_as_a_difference)
{
	put("CARD1", "");
	put("CARD2", "");
	connect_one();
	put("CARD1", "\"state\":\"TOKEN_STATE_BLOCKED\"");
	host_run_ms(h, QUIET_MS);
	cr_expect_eq(one.keeper.fulls, 1);
	cr_expect_eq(one.keeper.differences, 1);
	cr_expect_str_eq(status("CARD1"), "Blocked", "it stands in the list: a cache may say otherwise");
	cr_expect_str_eq(status("CARD2"), "Accepted");
	put("CARD1", "");
	host_run_ms(h, QUIET_MS);
	cr_expect_str_eq(status("CARD1"), "Accepted");
}

Test(ocpp_lists, changes_are_collected)
{
	put("CARD", "");
	connect_one();
	put_many(100);
	host_run_ms(h, QUIET_MS);
	cr_expect_eq(one.keeper.n, 101);
	cr_expect_leq(one.keeper.differences, 4, "one message for many tokens, not %d", one.keeper.differences);
}

Test(ocpp_lists, a_token_of_another_site_is_not_listed)
{
	ask("galvan.registry.v1.Registry/PutSite", "{\"site\":{\"id\":\"harbour\"}}");
	put("HERE", "\"sites\":[\"hill\"]");
	put("THERE", "\"sites\":[\"harbour\"]");
	connect_one();
	cr_expect_str_eq(status("HERE"), "Accepted");
	cr_expect_str_eq(status("THERE"), "(none)");
	put("HERE", "\"sites\":[\"harbour\"]");
	host_run_ms(h, QUIET_MS);
	cr_expect_str_eq(status("HERE"), "Blocked");
	ask("galvan.registry.v1.Registry/PutDevice", "{\"device\":{\"id\":\"ocpp:CP001\",\"site\":\"harbour\"}}");
	host_run_ms(h, QUIET_MS);
	cr_expect_eq(one.keeper.fulls, 2, "at another site all is different");
	cr_expect_str_eq(status("HERE"), "Accepted");
	cr_expect_str_eq(status("THERE"), "Accepted");
}

/* ---- versions -------------------------------------------------------------------------------- */

Test(ocpp_lists, a_charger_with_another_version_gets_the_whole_list)
{
	put("CARD", "");
	connect_one();
	one.keeper.version = one.keeper.n = 0;
	host_station_drop(one.station);
	host_run_ms(h, 1000);
	connect_one();
	cr_expect_eq(one.keeper.fulls, 2);
	cr_expect_str_eq(status("CARD"), "Accepted");
	one.keeper.version = 77;
	host_station_drop(one.station);
	host_run_ms(h, 1000);
	connect_one();
	cr_expect_eq(one.keeper.fulls, 3);
	cr_expect_gt(one.keeper.version, 77, "versions rise");
	host_station_drop(one.station);
	host_run_ms(h, 1000);
	connect_one();
	cr_expect_eq(one.keeper.fulls, 3, "nothing is sent where nothing differs");
}

Test(ocpp_lists, a_difference_that_is_refused_is_followed_by_the_whole_list)
{
	put("CARD", "");
	connect_one();
	one.keeper.version += 5; /* behind galvan's back: the next difference is not newer */
	put("CARD2", "");
	host_run_ms(h, QUIET_MS);
	cr_expect_eq(one.keeper.fulls, 2);
	cr_expect_str_eq(status("CARD2"), "Accepted");
}

Test(ocpp_lists, a_whole_list_that_is_refused_is_tried_again_with_patience)
{
	one.keeper.fail = 3;
	put("CARD", "");
	connect_one();
	cr_expect_eq(one.keeper.fulls, 1);
	cr_expect_str_eq(text(local_list(), "state"), "failed");
	cr_expect(strstr(text(local_list(), "problem"), "Failed"));
	host_run_ms(h, 600000);
	cr_expect_eq(one.keeper.fulls, 4);
	cr_expect_str_eq(status("CARD"), "Accepted");
	cr_expect_str_eq(text(local_list(), "state"), "in step");
}

Test(ocpp_lists, a_charger_that_takes_less_than_it_says_gets_less_at_a_time)
{
	one.keeper.bite = 10;
	put_many(60);
	connect_one();
	host_run_ms(h, 600000);
	cr_expect_eq(one.keeper.n, 60);
	cr_expect_str_eq(text(local_list(), "state"), "in step");
}

Test(ocpp_lists, a_charger_with_less_room_than_it_says_gets_what_it_has_taken)
{
	one.keeper.chunk_max = 8;
	one.keeper.room = 20;
	put_many(60);
	connect_one();
	host_run_ms(h, 600000);
	cr_expect_eq(one.keeper.n, 16, "%d", one.keeper.n);
	cr_expect(cJSON_IsTrue(get(local_list(), "partial")));
	cr_expect_str_eq(text(local_list(), "state"), "in step");
}

Test(ocpp_lists, a_charger_that_keeps_no_list_is_not_asked_again)
{
	one.keeper.unsupported = true;
	put("CARD", "");
	connect_one();
	put("CARD2", "");
	host_run_ms(h, QUIET_MS);
	cr_expect_eq(one.keeper.versions, 1);
	cr_expect_eq(one.keeper.fulls, 0);
	cr_expect_str_eq(text(local_list(), "state"), "not supported");
}

Test(ocpp_lists, a_charger_whose_list_is_switched_off_is_left_alone)
{
	one.keeper.off = true;
	put("CARD", "");
	connect_one();
	cr_expect_eq(one.keeper.versions, 0);
	cr_expect_str_eq(text(local_list(), "state"), "switched off");
}

/* ---- room ------------------------------------------------------------------------------------ */

Test(ocpp_lists, where_not_all_fit_the_first_are_listed)
{
	one.keeper.entries_max = 10;
	one.keeper.chunk_max = 4;
	put_many(20);
	connect_one();
	cr_expect_eq(one.keeper.n, 10);
	cr_expect(cJSON_IsTrue(get(local_list(), "partial")));
	put("CARD003", "\"state\":\"TOKEN_STATE_BLOCKED\"");
	put("CARD015", "\"state\":\"TOKEN_STATE_BLOCKED\"");
	host_run_ms(h, QUIET_MS);
	cr_expect_str_eq(status("CARD003"), "Blocked");
	cr_expect_str_eq(status("CARD015"), "(none)");
	put("CARD0001", "");
	host_run_ms(h, QUIET_MS);
	cr_expect_str_eq(status("CARD0001"), "Accepted", "one more has its place by a list that is made anew");
	cr_expect_eq(one.keeper.fulls, 2);
	cr_expect_str_eq(text(local_list(), "state"), "in step");
}

/* ---- another version ------------------------------------------------------------------------- */

Test(ocpp_lists, a_charger_of_2_0_1_keeps_one_too)
{
	one.station = host_station(h, "ocpp", "ocpp:CP001", "ocpp2.0.1", &model, &one);
	one.keeper.v201 = true;
	one.keeper.chunk_max = 2;
	put_many(4);
	put("CARD", "\"parent\":\"FAMILY\",\"validUntilMs\":\"9000000000000\"");
	connect_one();
	cr_expect_eq(one.keeper.fulls, 1);
	cr_expect_eq(one.keeper.n, 5);
	cr_expect_str_eq(keeper_find(&one.keeper, "CARD")->parent, "FAMILY");
	put("CARD", "\"state\":\"TOKEN_STATE_LOST\"");
	host_run_ms(h, QUIET_MS);
	cr_expect_str_eq(status("CARD"), "Blocked");
	one.keeper.version = one.keeper.n = 0;
	ask(CHARGING "SyncLocalList", "{\"device\":\"ocpp:CP001\"}");
	cr_expect_eq(one.keeper.n, 4);
	cr_expect_eq(one.keeper.fulls, 2);
}

static const char *type(const char *id)
{
	const struct keeper_entry *e = keeper_find(&one.keeper, id);

	return e ? e->type : "(none)";
}

Test(ocpp_lists, a_list_of_2_0_1_says_what_tokens_are_made_of)
{
	one.station = host_station(h, "ocpp", "ocpp:CP001", "ocpp2.0.1", &model, &one);
	one.keeper.v201 = true;
	put("CARD", "");
	put("TAG", "\"type\":\"ISO15693\"");
	put("PHONE", "\"kind\":\"TOKEN_KIND_APP\"");
	connect_one();
	cr_expect_str_eq(type("CARD"), "ISO14443", "what nobody says more of is a card");
	cr_expect_str_eq(type("TAG"), "ISO15693");
	cr_expect_str_eq(type("PHONE"), "Central", "a driver's app has no card");
	put("CARD", "\"type\":\"ISO15693\"");
	host_run_ms(h, QUIET_MS);
	cr_expect_str_eq(type("CARD"), "ISO15693");
	cr_expect_eq(one.keeper.n, 3, "the card is not there with its former type besides");
}

Test(ocpp_lists, where_a_list_knows_no_types_a_change_of_one_is_a_difference)
{
	put("CARD", "");
	connect_one();
	put("CARD", "\"type\":\"ISO15693\"");
	host_run_ms(h, QUIET_MS);
	cr_expect_eq(one.keeper.fulls, 1);
	cr_expect_str_eq(status("CARD"), "Accepted");
}

Test(ocpp_lists, a_list_of_2_0_1_can_become_empty)
{
	one.station = host_station(h, "ocpp", "ocpp:CP001", "ocpp2.0.1", &model, &one);
	one.keeper.v201 = true;
	one.keeper.version = 7;
	one.keeper.n = 1;
	put("CARD", "\"sites\":[\"harbour\"]");
	connect_one();
	cr_expect_eq(one.keeper.n, 0);
	cr_expect_gt(one.keeper.version, 7);
}

/* ---- people ---------------------------------------------------------------------------------- */

Test(ocpp_lists, people_can_have_a_list_brought_up_to_date)
{
	put("CARD", "");
	host_station_connect(one.station);
	host_run_ms(h, 100);
	ask(CHARGING "SyncLocalList", "{\"device\":\"ocpp:CP001\"}");
	cr_expect_str_eq(text(kept, "status"), "Accepted");
	cr_expect_eq(number(kept, "version"), 1);
	cr_expect_eq(get(kept, "entries")->valueint, 1);
	ask(CHARGING "SyncLocalList", "{\"device\":\"ocpp:CP001\"}");
	cr_expect_eq(one.keeper.fulls, 1, "it is up to date");
	ask(CHARGING "SyncLocalList", "{\"device\":\"ocpp:CP001\",\"full\":true}");
	cr_expect_eq(one.keeper.fulls, 2);
	one.keeper.unsupported = true;
	ask(CHARGING "SyncLocalList", "{\"device\":\"ocpp:CP001\"}");
	cr_expect_str_eq(text(kept, "status"), "NotSupported");
	refused(CHARGING "SyncLocalList", "{}", GV_INVALID_ARGUMENT, "device must be given");
	host_station_drop(one.station);
	host_run_ms(h, 1000);
	refused(CHARGING "SyncLocalList", "{\"device\":\"ocpp:CP001\"}", GV_UNAVAILABLE, "ocpp:CP001");
}

Test(ocpp_lists, whoever_waits_learns_that_the_charger_is_gone)
{
	struct host_answer *a;

	put("CARD", "");
	one.slow = true;
	host_station_connect(one.station);
	host_run_ms(h, 100);
	a = host_call_later(h, NULL, CHARGING "SyncLocalList", "{\"device\":\"ocpp:CP001\"}");
	host_run_ms(h, 1000);
	cr_expect_not(a->done);
	host_station_drop(one.station);
	host_run_ms(h, 1000);
	cr_assert(a->done);
	cr_expect_eq(a->code, GV_UNAVAILABLE, "%s", a->error);
}

Test(ocpp_lists, commands_of_people_come_first)
{
	struct host_answer *a;

	one.keeper.chunk_max = 1;
	put_many(10);
	connect_slow_one();
	let_it_answer(&one);
	let_it_answer(&one);
	cr_expect_str_eq(one.action, "SendLocalList");
	a = host_call_later(h, NULL, CHARGING "Unlock", "{\"device\":\"ocpp:CP001\",\"connector\":1}");
	host_run_ms(h, 200);
	let_it_answer(&one);
	cr_expect_str_eq(one.action, "UnlockConnector", "not the next piece of the list");
	one.slow = false;
	let_it_answer(&one);
	host_run_ms(h, QUIET_MS);
	cr_expect(a->done);
	cr_expect_eq(one.keeper.n, 10);
}

/* ---- many chargers --------------------------------------------------------------------------- */

#define CROWD 40
#define AT_ONCE 32 /* as docs/protocols/ocpp-lists.md says */

static struct lister crowd[CROWD];

static int waiting(void)
{
	int n = 0;

	for (int i = 0; i < CROWD; i++)
		n += *crowd[i].waiting != 0;
	return n;
}

static void crowd_answers(void)
{
	for (int i = 0; i < CROWD; i++)
		if (*crowd[i].waiting) {
			answer(&crowd[i], crowd[i].waiting, crowd[i].action, crowd[i].waiting_payload);
			crowd[i].waiting[0] = '\0';
		}
	host_run_ms(h, 100);
}

Test(ocpp_lists, not_all_chargers_are_asked_at_once)
{
	char request[100], device[20];

	put("CARD", "");
	for (int i = 0; i < CROWD; i++) {
		snprintf(device, sizeof device, "ocpp:M%03d", i);
		snprintf(request, sizeof request, "{\"device\":{\"id\":\"%s\"}}", device);
		ask("galvan.registry.v1.Registry/PutDevice", request);
		crowd[i].slow = true;
		crowd[i].station = host_station(h, "ocpp", device, "ocpp1.6", &model, &crowd[i]);
		connect_lister(&crowd[i]);
	}
	host_run_ms(h, 20000);
	cr_expect_eq(waiting(), AT_ONCE, "%d", waiting());
	for (int i = 0; waiting() && i < 100; i++)
		crowd_answers();
	for (int i = 0; i < CROWD; i++) {
		cr_expect_eq(crowd[i].keeper.n, 1, "charger %d has its list", i);
		cJSON_Delete(crowd[i].waiting_payload);
	}
}

/* ---- conflicts, switches, caches ------------------------------------------------------------- */

Test(ocpp_lists, a_conflict_is_answered_with_the_whole_list_once)
{
	const char *conflict =
			   "[2,\"c1\",\"StatusNotification\",{\"connectorId\":0,\"errorCode\":\"LocalListConflict\","
			   "\"status\":\"Available\"}]",
		   *fine_again = "[2,\"c2\",\"StatusNotification\",{\"connectorId\":0,\"errorCode\":\"NoError\","
				 "\"status\":\"Available\"}]";

	put("CARD", "");
	connect_one();
	for (int i = 0; i < 3; i++) {
		host_station_send(one.station, GV_TEXT, conflict, strlen(conflict));
		host_station_send(one.station, GV_TEXT, fine_again, strlen(fine_again));
		host_run_ms(h, QUIET_MS);
	}
	cr_expect_eq(one.keeper.fulls, 2, "a charger that goes on complaining does not get it each time");
	cr_expect_eq(get(local_list(), "conflicts")->valueint, 3);
}

Test(ocpp_lists, a_device_can_be_left_out)
{
	ask("galvan.registry.v1.Registry/PutDevice",
	    "{\"device\":{\"id\":\"ocpp:CP001\",\"attributes\":{\"localList\":\"off\"}}}");
	put("CARD", "");
	connect_one();
	cr_expect_eq(one.keeper.configurations, 0);
	ask(CHARGING "SyncLocalList", "{\"device\":\"ocpp:CP001\"}");
	cr_expect_eq(one.keeper.fulls, 1, "but people may");
}

Test(ocpp_lists_config, or_all_but_some)
{
	load("{\"localList\":\"off\"}");
	put("CARD", "");
	connect_one();
	cr_expect_eq(one.keeper.configurations, 0);
	ask("galvan.registry.v1.Registry/PutDevice",
	    "{\"device\":{\"id\":\"ocpp:CP001\",\"attributes\":{\"localList\":\"auto\"}}}");
	host_run_ms(h, QUIET_MS);
	cr_expect_eq(one.keeper.fulls, 1);
}

Test(ocpp_lists_config, the_configs_tags_are_listed_and_go_with_it)
{
	load("{\"tags\":[{\"id\":\"Master\",\"parentId\":\"STAFF\"},{\"id\":\"Old\",\"status\":\"Blocked\"}]}");
	put("MASTER", "\"state\":\"TOKEN_STATE_BLOCKED\"");
	connect_one();
	cr_expect_eq(one.keeper.n, 1);
	cr_expect_str_eq(one.keeper.entries[0].id, "Master");
	cr_expect_str_eq(one.keeper.entries[0].parent, "STAFF");
}

Test(ocpp_lists_config, a_charger_without_a_list_empties_its_cache_when_a_token_is_blocked)
{
	load("{\"clearCacheOnBlock\":true}");
	one.keeper.unsupported = true;
	put("CARD", "");
	put("CARD2", "");
	connect_one();
	cr_expect_eq(one.keeper.caches, 0);
	put("CARD", "\"state\":\"TOKEN_STATE_BLOCKED\"");
	put("CARD2", "\"state\":\"TOKEN_STATE_LOST\"");
	host_run_ms(h, QUIET_MS);
	cr_expect_eq(one.keeper.caches, 1, "once for all that was blocked");
	put("CARD3", "");
	host_run_ms(h, QUIET_MS);
	cr_expect_eq(one.keeper.caches, 1);
}

/* ---- crashes --------------------------------------------------------------------------------- */

/* A charger gets a list in pieces, a token is blocked; the plugin dies at the n-th of its points. False where it has
 * fewer. */
static bool dies_at(uint64_t n)
{
	bool died;

	load("{\"localListDelayS\":1}");
	one.keeper.chunk_max = 2;
	put_many(5);
	host_crash_at(h, "ocpp.0", n);
	connect_one();
	put("CARD001", "\"state\":\"TOKEN_STATE_BLOCKED\"");
	host_run_ms(h, 5 * 60000);
	cr_expect_str_neq(status("CARD001"), "Accepted", "death %lu", (unsigned long)n);
	cr_expect_eq(keeper_accepted(&one.keeper), 4, "death %lu", (unsigned long)n);
	died = host_crashes(h) > 0;
	teardown();
	return died;
}

Test(ocpp_lists_crashes, a_list_is_right_in_the_end_wherever_it_dies, .timeout = 120)
{
	uint64_t n = 1;

	while (dies_at(n))
		n++;
	cr_expect_gt(n, 20, "points were passed");
}
