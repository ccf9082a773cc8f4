/* What people ask of campaigns, among devices that obey, under a virtual clock. */
#include <criterion/criterion.h>
#include <galvan/link.pb-c.h>
#include <tests/host/gear.h>
#include <tests/host/private.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MINUTE_MS (60 * 1000LL)
#define OTA "galvan.ota.v1.Ota/"
#define CONFIG "{\"keys\":\"node\",\"url\":\"http://node.example\",\"retryS\":20}"

static struct gears w;

/* A node with so many devices, 1.0 on each, and the artifacts 2.0 and 3.0 for them. */
static struct host *node(unsigned devices, unsigned per_site, const char *config)
{
	struct host *h = host_create(7);

	gears_init(&w, h, devices, per_site, 1000);
	cr_assert_eq(host_load_record(h, &gear_record, 1, NULL), 0);
	cr_assert_eq(host_load(h, "ota", PLUGINS "/ota.so", 1, config), 0, "%s", host_error(h));
	host_settle(h, 5);
	host_run_ms(h, 5000);
	for (unsigned v = 1; v <= 3; v++) {
		struct host_answer *a = host_call(
			h, OTA "PutArtifact",
			"{\"artifact\":{\"id\":\"gear/%u.0/g.bin\",\"product\":\"gear\",\"kind\":\"firmware\","
			"\"version\":\"%u.0\",\"counter\":\"%u\",\"blob\":\"%s\",\"install\":{\"seconds\":60}}}",
			v, v, v, gear_blob());
		cr_assert_eq(a->code, GV_OK, "%s", a->error);
	}
	return h;
}

static void end(struct host *h)
{
	host_destroy(h);
	gears_fini(&w);
}

/* For all devices, by ann; `more`: other fields. */
static struct host_answer *put(struct host *h, const char *id, unsigned version, const char *more)
{
	return host_call(h, OTA "PutCampaign",
			 "{\"campaign\":{\"id\":\"%s\",\"target\":{\"filter\":\"plugin = gear\"},\"artifacts\":"
			 "[\"gear/%u.0/g.bin\"],\"probationS\":60%s},\"by\":\"ann\"}",
			 id, version, more);
}

static struct host_answer *ask(struct host *h, const char *method, const char *id, const char *by)
{
	char path[64];

	snprintf(path, sizeof path, OTA "%sCampaign", method);
	return host_call(h, path, *by ? "{\"id\":\"%s\",\"by\":\"%s\"}" : "{\"id\":\"%s\"}", id, by);
}

static void start(struct host *h, const char *id, unsigned version, const char *more)
{
	struct host_answer *a = put(h, id, version, more);

	cr_assert_eq(a->code, GV_OK, "%s", a->error);
	a = ask(h, "Start", id, "ann");
	cr_assert_eq(a->code, GV_OK, "%s", a->error);
}

static bool in_state(struct host *h, const char *id, const char *state)
{
	return strstr(ask(h, "Get", id, "")->json, state) != NULL;
}

static const char *assignment(struct host *h, const char *campaign, unsigned device)
{
	return host_call(h, OTA "ListAssignments", "{\"campaign\":\"%s\",\"device\":\"gear:G%05u\",\"anyState\":true}",
			 campaign, device)
		->json;
}

static void expect(struct host *h, const char *campaign, unsigned device, const char *text)
{
	cr_expect_not_null(strstr(assignment(h, campaign, device), text), "%s of %u: %s", text, device,
			   assignment(h, campaign, device));
}

static unsigned leased(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < w.n; i++)
		n += w.gear[i].unavailable;
	return n;
}

/* The most that were out of service at once, while it ran to its end. */
static unsigned most_leased(struct host *h, const char *id)
{
	unsigned most = 0;

	for (int s = 0; s < 7200 && !in_state(h, id, "STATE_DONE"); s++) {
		unsigned n = leased();

		most = n > most ? n : most;
		host_run_ms(h, 1000);
	}
	cr_expect(in_state(h, id, "STATE_DONE"), "%s", ask(h, "Get", id, "")->json);
	return most;
}

/* ---- approval -------------------------------------------------------------------------------- */

Test(campaigns, somebody_else_approves_what_one_has_made)
{
	struct host *h = node(1, 1, "{\"keys\":\"node\",\"url\":\"http://node.example\",\"approval\":true}");

	cr_expect_eq(put(h, "c", 2, "")->code, GV_OK);
	cr_expect_eq(ask(h, "Start", "c", "bob")->code, GV_FAILED_PRECONDITION);
	cr_expect_eq(ask(h, "Approve", "c", "ann")->code, GV_PERMISSION_DENIED);
	cr_expect_eq(ask(h, "Approve", "c", "")->code, GV_PERMISSION_DENIED);
	cr_expect_eq(ask(h, "Approve", "c", "bob")->code, GV_OK);
	cr_expect_eq(put(h, "c", 3, "")->code, GV_OK, "it is changed,");
	cr_expect_eq(ask(h, "Start", "c", "ann")->code, GV_FAILED_PRECONDITION, "and so nobody has approved it");
	cr_expect_eq(ask(h, "Approve", "c", "bob")->code, GV_OK);
	cr_expect_eq(ask(h, "Start", "c", "ann")->code, GV_OK);
	end(h);
}

Test(campaigns, what_nobody_has_made_nobody_else_can_approve)
{
	struct host *h = node(1, 1, "{\"keys\":\"node\",\"url\":\"http://node.example\",\"approval\":true}");
	struct host_answer *a = host_call(
		h, OTA "PutCampaign",
		"{\"campaign\":{\"id\":\"c\",\"target\":{\"filter\":\"plugin = gear\"},\"artifacts\":"
		"[\"gear/2.0/g.bin\"]}}");

	cr_expect_eq(a->code, GV_INVALID_ARGUMENT);
	cr_expect_not_null(strstr(a->error, "by must say"), "%s", a->error);
	end(h);
}

/* ---- which campaign -------------------------------------------------------------------------- */

static void two_campaigns(const char *first, const char *second)
{
	struct host *h = node(1, 1, CONFIG);

	cr_assert(gear_plug_in(&w.gear[0], host_now_ms(h), 5 * MINUTE_MS));
	host_run_ms(h, 3000);
	start(h, "first", 2, first);
	host_run_ms(h, 1000);
	start(h, "second", 3, second);
	host_run_ms(h, 1000);
	expect(h, "first", 0, "STATE_WAITING");
	expect(h, "second", 0, "STATE_WAITING");
	host_run_ms(h, 30 * MINUTE_MS);
}

Test(campaigns, the_heavier_one_has_the_device)
{
	two_campaigns(",\"weight\":1", ",\"weight\":2");
	expect(w.h, "second", 0, "STATE_SUCCEEDED");
	expect(w.h, "first", 0, "STATE_SKIPPED");
	expect(w.h, "first", 0, "has release 3, and this one is 2");
	cr_expect_eq(w.gear[0].offers, 1);
	end(w.h);
}

Test(campaigns, of_two_of_one_weight_the_elder_goes_first)
{
	two_campaigns("", "");
	expect(w.h, "first", 0, "STATE_SUCCEEDED");
	expect(w.h, "second", 0, "STATE_SUCCEEDED");
	cr_expect_eq(w.gear[0].offers, 2);
	cr_expect_str_eq(w.gear[0].version, "3.0");
	end(w.h);
}

/* ---- sites ----------------------------------------------------------------------------------- */

Test(campaigns, of_a_site_no_more_are_out_of_service_than_it_may)
{
	struct host *h = node(4, 4, CONFIG);

	start(h, "c", 2, ",\"inFlightPerSite\":2");
	cr_expect_eq(most_leased(h, "c"), 2);
	end(h);
}

Test(campaigns, of_a_site_one_always_stays_in_service)
{
	struct host *h = node(4, 4, CONFIG);

	start(h, "c", 2, ",\"inFlightPerSite\":100");
	cr_expect_eq(most_leased(h, "c"), 3);
	end(h);
}

Test(campaigns, a_site_that_has_only_one_is_updated_all_the_same)
{
	struct host *h = node(2, 1, CONFIG);

	start(h, "c", 2, "");
	cr_expect_eq(most_leased(h, "c"), 2);
	end(h);
}

/* ---- sessions on probation ------------------------------------------------------------------- */

static void session(struct host *h, const char *reason)
{
	w.gear[0].reason = reason;
	cr_assert(gear_plug_in(&w.gear[0], host_now_ms(h), MINUTE_MS));
	host_run_ms(h, 2 * MINUTE_MS);
}

static struct host *on_probation(void)
{
	struct host *h = node(1, 1, CONFIG);

	start(h, "c", 2, ",\"probationSessions\":2");
	host_run_ms(h, 3 * MINUTE_MS);
	expect(h, "c", 0, "STATE_PROBATION");
	return h;
}

Test(campaigns, sessions_that_break_off_with_a_new_version_are_its_failure)
{
	struct host *h = on_probation();

	session(h, "PowerLoss");
	expect(h, "c", 0, "STATE_PROBATION");
	session(h, "PowerLoss");
	expect(h, "c", 0, "2 of its 2 sessions broke off: PowerLoss");
	end(h);
}

Test(campaigns, one_session_that_breaks_off_among_others_is_none)
{
	struct host *h = on_probation();

	session(h, "ImmediateReset");
	session(h, NULL);
	expect(h, "c", 0, "STATE_PROBATION");
	session(h, "EVDisconnected");
	expect(h, "c", 0, "STATE_SUCCEEDED");
	end(h);
}

/* ---- pause, resume, abort, an end ------------------------------------------------------------ */

Test(campaigns, while_it_is_paused_nobody_is_told_and_who_was_goes_on)
{
	struct host *h = node(4, 1, CONFIG);

	start(h, "c", 2, ",\"inFlight\":1");
	host_run_ms(h, 10000);
	cr_expect_eq(ask(h, "Pause", "c", "ann")->code, GV_OK);
	host_run_ms(h, 60 * MINUTE_MS);
	cr_expect(in_state(h, "c", "\"succeeded\":1"), "%s", ask(h, "Get", "c", "")->json);
	cr_expect_eq(leased(), 0);
	cr_expect_eq(ask(h, "Pause", "c", "ann")->code, GV_FAILED_PRECONDITION);
	cr_expect_eq(ask(h, "Resume", "c", "ann")->code, GV_OK);
	host_run_ms(h, 60 * MINUTE_MS);
	cr_expect(in_state(h, "c", "\"succeeded\":4"), "%s", ask(h, "Get", "c", "")->json);
	end(h);
}

Test(campaigns, what_is_aborted_is_taken_back_but_from_who_installs)
{
	struct host *h = node(3, 1, CONFIG);

	w.gear[1].offline = true;
	start(h, "c", 2, ",\"inFlight\":2");
	host_run_ms(h, 40000);
	w.gear[1].offline = false;
	host_run_ms(h, 21000);
	cr_expect_eq(leased(), 2, "%u", leased());
	cr_expect_eq(ask(h, "Abort", "c", "ann")->code, GV_OK);
	host_run_ms(h, 60 * MINUTE_MS);
	for (unsigned i = 0; i < 3; i++)
		expect(h, "c", i, strcmp(w.gear[i].version, "2.0") ? "STATE_CANCELLED" : "STATE_SUCCEEDED");
	cr_expect(in_state(h, "c", "STATE_ABORTED"));
	cr_expect_eq(leased(), 0);
	cr_expect_eq(ask(h, "Resume", "c", "ann")->code, GV_FAILED_PRECONDITION);
	end(h);
}

Test(campaigns, at_its_end_nobody_else_is_told_and_who_was_goes_on)
{
	struct host *h = node(3, 1, CONFIG);
	char more[100];

	snprintf(more, sizeof more, ",\"inFlight\":1,\"endsAtMs\":\"%lld\"", (long long)host_now_ms(h) + MINUTE_MS);
	start(h, "c", 2, more);
	host_run_ms(h, 60 * MINUTE_MS);
	cr_expect(in_state(h, "c", "STATE_DONE"));
	cr_expect(in_state(h, "c", "\"succeeded\":1"), "%s", ask(h, "Get", "c", "")->json);
	cr_expect_eq(w.gear[0].offers + w.gear[1].offers + w.gear[2].offers, 1);
	end(h);
}

/* ---- stopped, twice -------------------------------------------------------------------------- */

Test(campaigns, what_is_resumed_after_it_went_back_goes_back_again)
{
	struct host *h = node(8, 1, CONFIG);

	for (unsigned i = 0; i < 8; i++)
		w.gear[i].manner = GEAR_FAILS;
	start(h, "c", 2, ",\"inFlight\":3,\"rollBack\":true");
	host_run_ms(h, 60 * MINUTE_MS);
	cr_assert(in_state(h, "c", "STATE_STOPPED"), "%s", ask(h, "Get", "c", "")->json);
	for (unsigned i = 0, obeys = 2; i < 8; i++)
		if (!w.gear[i].offers && obeys && obeys--)
			w.gear[i].manner = GEAR_OBEYS;
		else
			w.gear[i].offline = true;
	cr_expect_eq(ask(h, "Resume", "c", "ann")->code, GV_OK);
	host_run_ms(h, 30 * MINUTE_MS);
	cr_expect(in_state(h, "c", "\"succeeded\":2"), "%s", ask(h, "Get", "c", "")->json);
	for (unsigned i = 0; i < 8; i++)
		w.gear[i].offline = false;
	host_run_ms(h, 120 * MINUTE_MS);
	cr_expect(in_state(h, "c", "STATE_STOPPED"), "%s", ask(h, "Get", "c", "")->json);
	cr_expect(in_state(h, "c", "\"rolledBack\":2"), "%s", ask(h, "Get", "c", "")->json);
	for (unsigned i = 0; i < 8; i++)
		cr_expect_str_eq(w.gear[i].version, "1.0");
	end(h);
}

/* ---- Preview --------------------------------------------------------------------------------- */

Test(campaigns, a_preview_says_what_each_would_get_or_why_nothing)
{
	struct host *h = node(3, 1, CONFIG);
	struct host_answer *a;

	strcpy(w.gear[1].version, "2.0");
	gear_touch(&w.gear[1]);
	host_run_ms(h, 5000);
	a = host_call(h, OTA "Preview",
		      "{\"target\":{\"filter\":\"plugin = gear\"},\"artifacts\":[\"gear/2.0/g.bin\"],\"limit\":2}");
	cr_assert_eq(a->code, GV_OK, "%s", a->error);
	cr_expect_not_null(strstr(a->json, "\"devices\":3"), "%s", a->json);
	cr_expect_not_null(strstr(a->json, "gear:G00000"));
	cr_expect_not_null(strstr(a->json, "has 2.0 already"));
	cr_expect_null(strstr(a->json, "gear:G00002"), "two were asked for");
	a = host_call(h, OTA "Preview", "{\"target\":{\"filter\":\"plugin = \"}}");
	cr_expect_eq(a->code, GV_INVALID_ARGUMENT);
	end(h);
}

/* ---- bandwidth ------------------------------------------------------------------------------- */

static char budgets[600];

static void on_frame(struct host_station *s, void *arg, enum gv_frame_kind kind, const char *data, size_t size)
{
	Link__HttpResponse *r = link__http_response__unpack(NULL, size, (const uint8_t *)data);

	cr_assert_not_null(r);
	cr_expect_eq(r->status, 200, "%u", r->status);
	for (size_t i = 0; i < r->n_budgets; i++)
		snprintf(budgets + strlen(budgets), sizeof budgets - strlen(budgets), "%s=%llu ", r->budgets[i]->name,
			 (unsigned long long)r->budgets[i]->bytes_per_s);
	link__http_response__free_unpacked(r, NULL);
}

static void on_open(struct host_station *s, void *arg)
{
}

static void on_close(struct host_station *s, void *arg, unsigned code)
{
}

Test(campaigns, a_download_shares_bandwidth_with_all_its_campaigns_its_sites_and_its_devices)
{
	static const struct host_station_model model = { on_open, on_frame, on_close };
	struct host *h = node(1, 1,
			      "{\"keys\":\"node\",\"url\":\"http://node.example\",\"bytesPerS\":\"9000\","
			      "\"siteBytesPerS\":\"500\",\"deviceBytesPerS\":\"400\"}");
	Link__HttpRequest r = LINK__HTTP_REQUEST__INIT;
	struct host_station *client = host_http(h, "ota", "ota", "client", &model, NULL);
	uint8_t packed[1000];

	start(h, "c", 2, ",\"bytesPerS\":\"2000\",\"siteBytesPerS\":\"800\",\"deviceBytesPerS\":\"300\"");
	host_run_ms(h, 5000);
	r.method = (char *)"GET";
	r.path = strstr(w.gear[0].url, "/ota/");
	cr_assert_not_null(r.path, "%s", w.gear[0].url);
	host_station_connect(client);
	host_run_ms(h, 1000);
	host_station_send(client, GV_REQUEST, packed, link__http_request__pack(&r, packed));
	host_run_ms(h, 1000);
	cr_expect_str_eq(budgets, "ota=9000 ota:campaign:c=2000 ota:site:site-0=500 ota:device:gear:G00000=300 ");
	end(h);
}
