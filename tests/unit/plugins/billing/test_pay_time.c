/* What payments do over hours and days: keys that the provider forgets, pages and holds that run out. billing's
 * payments alone (tests/fixtures/payments), on the kernel's actor, under a virtual clock, with a provider that is
 * scripted here. */
#include <cJSON.h>
#include <criterion/criterion.h>
#include <galvan/link.pb-c.h>
#include <tests/host/host.h>

#include <stdio.h>
#include <string.h>

#define PAY "galvan.paytest.v1.PayTest/"
#define HOUR_MS INT64_C(3600000)
#define KEY_MAX 80

static struct host *h;
static cJSON *last;

/* ---- the provider ---------------------------------------------------------------------------- */

static struct {
	bool down;          /* whatever would change anything is answered with a 500 */
	const char *page;   /* status of the page */
	const char *intent; /* status of the intent; NULL: none yet */
	int64_t captured, capture_before_s;
	unsigned begins, retrieves, captures, keys;
	unsigned blind; /* captures without a look at how things stand since the one before */
	bool looked;
	char key[KEY_MAX];              /* of the last capture */
	int64_t key_at_ms, key_life_ms; /* the longest that any key was in use */
} provider;

static const char *intent(struct gv_turn *t)
{
	return gv_str(
		t,
		"{\"object\":\"payment_intent\",\"id\":\"pi_1\",\"status\":\"%s\",\"amount\":5000,\"currency\":\"eur\","
		"\"amount_received\":%lld,\"metadata\":{\"galvan_payment\":\"order:1\"},\"latest_charge\":{\"amount\":"
		"5000,"
		"\"amount_captured\":%lld,\"amount_refunded\":0,\"payment_method_details\":{\"type\":\"card\",\"card\":"
		"{"
		"\"capture_before\":%lld}}}}",
		provider.intent, (long long)provider.captured, (long long)provider.captured,
		(long long)provider.capture_before_s);
}

static const char *page(struct gv_turn *t)
{
	return gv_str(t,
		      "{\"object\":\"checkout.session\",\"id\":\"cs_1\",\"status\":\"%s\",\"amount_total\":5000,"
		      "\"currency\":\"eur\","
		      "\"url\":\"https://pay\",\"metadata\":{\"galvan_payment\":\"order:1\"},\"payment_intent\":%s}",
		      provider.page, provider.intent ? intent(t) : "null");
}

static void note_capture(struct gv_turn *t, const char *key)
{
	provider.blind += provider.captures && !provider.looked;
	provider.looked = false;
	provider.captures++;
	if (strcmp(provider.key, key) != 0) {
		provider.keys++;
		provider.key_at_ms = gv_now_ms(t);
		snprintf(provider.key, sizeof(provider.key), "%s", key);
	}
	if (gv_now_ms(t) - provider.key_at_ms > provider.key_life_ms)
		provider.key_life_ms = gv_now_ms(t) - provider.key_at_ms;
}

static const char *act(struct gv_turn *t, const Link__FetchRequest *r, uint32_t *ret_status)
{
	bool get = strcmp(r->method, "GET") == 0;

	*ret_status = provider.down && !get ? 500 : 200;
	if (get) {
		provider.retrieves++;
		provider.looked = true;
		return strstr(r->url, "checkout/sessions") ? page(t) : intent(t);
	}
	if (strstr(r->url, "/capture")) {
		note_capture(t, r->idempotency_key);
		if (!provider.down) {
			provider.intent = "succeeded";
			provider.captured = 1234;
		}
		return provider.down ? "{}" : intent(t);
	}
	provider.begins++;
	return provider.down ? "{}" : page(t);
}

static int fetch(void *self, struct gv_turn *t, struct gv_ticket ticket, const ProtobufCMessage *m)
{
	const Link__FetchRequest *r = (const Link__FetchRequest *)m;
	Link__FetchReply reply = LINK__FETCH_REPLY__INIT;
	const char *body = act(t, r, &reply.status);

	reply.body.data = (uint8_t *)body;
	reply.body.len = strlen(body);
	return gv_reply(t, ticket, &reply);
}

static const struct gv_plugin web = {
	GV_STAMP,
	.name = "web",
	.version = "0",
	.serves = (const struct gv_service[]){ { &link__http__descriptor,
						 (const struct gv_method[]){ { "Fetch", fetch }, { 0 } } },
					       { 0 } },
	.schema = 1,
	.self_size = 1,
};

/* ---- asking ---------------------------------------------------------------------------------- */

static void setup(void)
{
	memset(&provider, 0, sizeof(provider));
	provider.page = "open";
	h = host_create(5);
	cr_assert_eq(host_load_record(h, &web, 1, NULL), 0, "%s", host_error(h));
	cr_assert_eq(
		host_load(h, "paytest", PAYTEST, 1,
			  "{\"stripe\":{\"secretKey\":\"sk\",\"webhookSecret\":\"wh\"},\"publicUrl\":\"https://x\"}"),
		0, "%s", host_error(h));
	host_settle(h, 10);
}

static void teardown(void)
{
	cJSON_Delete(last);
	last = NULL;
	host_destroy(h);
}

TestSuite(pay_time, .init = setup, .fini = teardown, .timeout = 60);

static void ask(const char *method, const char *request)
{
	struct host_answer *a = host_call(h, method, "%s", request);

	cr_assert_eq(a->code, GV_OK, "%s %s: %s", method, request, a->error);
	cJSON_Delete(last);
	last = cJSON_Parse(a->json);
}

static const char *field(const char *name)
{
	ask(PAY "Get", "{\"id\":\"order:1\"}");
	return cJSON_GetStringValue(cJSON_GetObjectItem(cJSON_GetObjectItem(last, "payment"), name));
}

static void begin(void)
{
	ask(PAY "Begin",
	    "{\"id\":\"order:1\",\"amount\":5000,\"hold\":true,\"provider\":\"stripe\",\"thenCapture\":-1}");
	host_run_ms(h, 1000);
}

static void authorise(void)
{
	begin();
	provider.page = "complete";
	provider.intent = "requires_capture";
	host_run_ms(h, 20000); /* no event comes: it is asked */
	cr_assert_str_eq(field("state"), "PAYMENT_STATE_AUTHORISED");
}

/* ---- what must hold -------------------------------------------------------------------------- */

Test(pay_time, a_key_is_not_used_for_longer_than_the_provider_keeps_it)
{
	authorise();
	provider.down = true;
	ask(PAY "Capture", "{\"id\":\"order:1\",\"amount\":1234}");
	host_run_ms(h, 50 * HOUR_MS);
	cr_expect_gt(provider.captures, 100, "it is tried on: %u", provider.captures);
	cr_expect_lt(provider.captures, 1000, "with pauses: %u", provider.captures);
	cr_expect_eq(provider.keys, 3, "a new one every 23 hours: %u", provider.keys);
	cr_expect_leq(provider.key_life_ms, 23 * HOUR_MS);
	cr_expect_eq(provider.blind, 0, "never without asking whether it was done");
	cr_expect(strstr(field("problem"), "has not done what was asked"));
	provider.down = false;
	host_run_ms(h, HOUR_MS);
	cr_expect_str_eq(field("state"), "PAYMENT_STATE_CAPTURED");
	cr_expect_str_eq(field("captured"), "1234");
	cr_expect_str_eq(field("problem"), "");
}

Test(pay_time, what_was_done_unheard_is_not_done_again)
{
	unsigned captures;

	authorise();
	provider.down = true;
	ask(PAY "Capture", "{\"id\":\"order:1\",\"amount\":1234}");
	host_run_ms(h, 30 * HOUR_MS);
	captures = provider.captures;
	provider.intent = "succeeded"; /* one of them had come through after all */
	provider.captured = 1234;
	host_run_ms(h, HOUR_MS);
	cr_expect_str_eq(field("state"), "PAYMENT_STATE_CAPTURED");
	cr_expect_leq(provider.captures, captures);
}

Test(pay_time, a_page_that_cannot_be_made_within_a_day_is_given_up)
{
	unsigned begins;

	provider.down = true;
	begin();
	host_run_ms(h, 22 * HOUR_MS);
	cr_expect_str_eq(field("state"), "PAYMENT_STATE_CREATED");
	host_run_ms(h, 2 * HOUR_MS);
	cr_expect_str_eq(field("state"), "PAYMENT_STATE_FAILED");
	cr_expect(strstr(field("error"), "given up"));
	begins = provider.begins;
	host_run_ms(h, 48 * HOUR_MS);
	cr_expect_eq(provider.begins, begins);
}

Test(pay_time, an_open_page_is_looked_at_ever_less_often)
{
	begin();
	host_run_ms(h, HOUR_MS);
	cr_expect_leq(provider.retrieves, 12, "%u", provider.retrieves);
	host_run_ms(h, 22 * HOUR_MS);
	cr_expect_leq(provider.retrieves, 110, "%u", provider.retrieves);
	provider.page = "expired";
	host_run_ms(h, HOUR_MS);
	cr_expect_str_eq(field("state"), "PAYMENT_STATE_FAILED");
	provider.retrieves = 0;
	host_run_ms(h, 48 * HOUR_MS);
	cr_expect_eq(provider.retrieves, 0, "and no more when it is over");
}

Test(pay_time, a_hold_that_runs_out_is_noticed_when_it_does)
{
	provider.capture_before_s = host_now_ms(h) / 1000 + 7 * 86400;
	authorise();
	host_run_ms(h, 7 * 24 * HOUR_MS - HOUR_MS);
	cr_expect_str_eq(field("state"), "PAYMENT_STATE_AUTHORISED");
	provider.intent = "canceled";
	host_run_ms(h, HOUR_MS + 2000);
	cr_expect_str_eq(field("state"), "PAYMENT_STATE_RELEASED");
}

Test(pay_time, a_crash_at_any_moment_of_a_capture_takes_the_money_once)
{
	authorise();
	provider.down = true;
	ask(PAY "Capture", "{\"id\":\"order:1\",\"amount\":1234}");
	for (unsigned i = 1; i < 60; i++) {
		host_crash_at(h, "paytest.0", 1 + i % 7);
		host_run_ms(h, 60000);
		provider.down = i < 50;
	}
	host_run_ms(h, HOUR_MS);
	cr_expect_str_eq(field("state"), "PAYMENT_STATE_CAPTURED");
	cr_expect_str_eq(field("captured"), "1234");
	cr_expect_eq(provider.keys, 1);
}
