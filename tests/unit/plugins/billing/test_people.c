/* Customers, tokens and signing in as callers and subscribers see them, in the test host: the plugin's .so, unchanged,
 * under a clock of the test's own. */
#include <cjson/cJSON.h>
#include <criterion/criterion.h>
#include <galvan/link.pb-c.h>
#include <tests/host/host.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BILLING "galvan.billing.v1.Billing/"
#define DRIVER "galvan.billing.v1.Driver/"
#define CHANGED "galvan.billing.v1.TokenChanged"
#define HOUR_MS 3600000

static struct host *h;
static cJSON *last; /* reply or event looked at last */
static char code[7];
static unsigned posts;
static uint32_t web_status;

/* ---- the web server that codes are posted to ------------------------------------------------- */

static int fetch(void *self, struct gv_turn *t, struct gv_ticket ticket, const ProtobufCMessage *m)
{
	const Link__FetchRequest *r = (const Link__FetchRequest *)m;
	Link__FetchReply reply = LINK__FETCH_REPLY__INIT;
	cJSON *body = cJSON_ParseWithLength((const char *)r->body.data, r->body.len);

	posts++;
	snprintf(code, sizeof code, "%s", cJSON_GetStringValue(cJSON_GetObjectItem(body, "code")));
	cJSON_Delete(body);
	reply.status = web_status;
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

static int load(const char *more)
{
	char config[2000];

	snprintf(config, sizeof config,
		 "{\"signIn\":{\"adapter\":\"webhook\",\"url\":\"http://sms.example/\",\"codesPerMinute\":100}%s}",
		 more);
	return host_load(h, "billing", PLUGINS "/billing.so", 1, config);
}

static void setup(void)
{
	h = host_create(3);
	posts = 0;
	web_status = 200;
	host_verbose(h, getenv("VERBOSE") != NULL);
	cr_assert_eq(host_load_record(h, &web, 1, NULL), 0);
	cr_assert_eq(load(",\"customers\":[{\"id\":\"C-1\",\"name\":\"Anna Ember\",\"email\":\"Anna@Example.com\"}]"),
		     0, "%s", host_error(h));
	host_settle(h, 10);
}

static void teardown(void)
{
	cr_expect_eq(host_parked(h, "billing.0"), 0, "nothing that a caller sends may fail in the plugin");
	cJSON_Delete(last);
	last = NULL;
	host_destroy(h);
}

TestSuite(people, .init = setup, .fini = teardown, .timeout = 60);

static const cJSON *keep(const char *json)
{
	cJSON_Delete(last);
	last = cJSON_Parse(json);
	cr_assert_not_null(last, "%s", json);
	return last;
}

static const char *text_of(const char *fmt, va_list ap)
{
	static char text[4000];

	vsnprintf(text, sizeof text, fmt, ap);
	return text;
}

static const cJSON *ok(const char *method, const char *fmt, ...)
{
	struct host_answer *a;
	const char *request;
	va_list ap;

	va_start(ap, fmt);
	request = text_of(fmt, ap);
	va_end(ap);
	a = host_call(h, method, "%s", request);
	cr_assert_eq(a->code, GV_OK, "%s %s: %s", method, request, a->error);
	return keep(a->json);
}

static void refused(const char *method, enum gv_code expected, const char *word, const char *fmt, ...)
{
	struct host_answer *a;
	const char *request;
	va_list ap;

	va_start(ap, fmt);
	request = text_of(fmt, ap);
	va_end(ap);
	a = host_call(h, method, "%s", request);
	cr_expect_eq(a->code, expected, "%s %s: %s %s", method, request, gv_code_name(a->code), a->error);
	cr_expect(strstr(a->error, word), "\"%s\" must name %s", a->error, word);
}

/* A string member, "a.0.b". */
static const char *at(const cJSON *json, const char *path)
{
	char part[64];

	while (json && *path) {
		size_t n = strcspn(path, ".");

		snprintf(part, sizeof part, "%.*s", (int)n, path);
		json = cJSON_IsArray(json) ? cJSON_GetArrayItem(json, atoi(part)) : cJSON_GetObjectItem(json, part);
		path += n + (path[n] == '.');
	}
	return cJSON_IsString(json) ? json->valuestring : cJSON_IsTrue(json) ? "true" : "(none)";
}

static int count(const cJSON *json, const char *list)
{
	return cJSON_GetArraySize(cJSON_GetObjectItem(json, list));
}

/* What was told last of a token; "" where nothing was. */
static const char *told(const char *token)
{
	static char status[40];

	status[0] = '\0';
	host_settle(h, 100);
	for (size_t i = 0; i < host_events(h, CHANGED); i++) {
		const cJSON *e = keep(host_event(h, CHANGED, i)->json);

		if (!strcmp(at(e, "token"), token))
			snprintf(status, sizeof status, "%s", at(e, "status"));
	}
	return status;
}

static size_t times_told(const char *token)
{
	size_t n = 0;

	host_settle(h, 100);
	for (size_t i = 0; i < host_events(h, CHANGED); i++)
		n += !strcmp(at(keep(host_event(h, CHANGED, i)->json), "token"), token);
	return n;
}

static void pay(const char *id, const char *account, int amount)
{
	ok(BILLING "Post",
	   "{\"transfers\":[{\"id\":\"%s\",\"debit\":\"%s\",\"credit\":\"%s\",\"amount\":%d,\"currency\":\"EUR\"}]}",
	   id, amount > 0 ? "cash:main" : account, amount > 0 ? account : "cash:main", abs(amount));
}

/* ---- customers ------------------------------------------------------------------------------- */

Test(people, the_config_makes_who_is_missing_and_leaves_who_is_there)
{
	cr_expect_str_eq(at(ok(BILLING "GetCustomer", "{\"id\":\"C-1\"}"), "customer.email"), "anna@example.com");
	ok(BILLING "PutCustomer", "{\"customer\":{\"id\":\"C-1\",\"name\":\"Anna Ash\"}}");
	cr_assert_eq(host_reload(h, "billing", NULL), 0);
	cr_expect_str_eq(at(ok(BILLING "GetCustomer", "{\"id\":\"C-1\"}"), "customer.name"), "Anna Ash");
}

Test(people, what_is_put_is_all_there_is_then)
{
	const cJSON *c = ok(BILLING "PutCustomer", "{\"customer\":{\"id\":\"C-1\",\"phone\":\"+36301234567\"}}");

	cr_expect_str_eq(at(c, "customer.name"), "");
	cr_expect_str_eq(at(c, "customer.email"), "");
	ok(BILLING "PutCustomer", "{\"customer\":{\"id\":\"C-2\",\"email\":\"anna@example.com\"}}"); /* free again */
}

Test(people, a_contact_is_one_customers)
{
	refused(BILLING "PutCustomer", GV_ALREADY_EXISTS, "C-1", "{\"customer\":{\"email\":\"ANNA@example.com\"}}");
	ok(BILLING "PutCustomer", "{\"customer\":{\"id\":\"C-2\",\"phone\":\"+36301234567\"}}");
	refused(BILLING "PutCustomer", GV_ALREADY_EXISTS, "C-2",
		"{\"customer\":{\"id\":\"C-1\",\"email\":\"other@example.com\",\"phone\":\"0036 30 123 4567\"}}");
	cr_expect_str_eq(at(ok(BILLING "GetCustomer", "{\"id\":\"C-1\"}"), "customer.email"), "anna@example.com",
			 "what was refused changed nothing");
}

Test(people, a_customer_without_an_id_gets_one_that_cannot_be_counted_up)
{
	char first[40];

	snprintf(first, sizeof first, "%s",
		 at(ok(BILLING "PutCustomer", "{\"customer\":{\"name\":\"A\"}}"), "customer.id"));
	cr_expect_eq(strlen(first), 14);
	cr_expect_str_neq(at(ok(BILLING "PutCustomer", "{\"customer\":{\"name\":\"A\"}}"), "customer.id"), first);
}

Test(people, customers_are_found_by_name_and_contact_in_pages)
{
	char page[200] = "", seen[200] = "";
	const cJSON *reply;

	for (int i = 2; i < 9; i++)
		ok(BILLING "PutCustomer", "{\"customer\":{\"id\":\"C-%d\",\"name\":\"%s %d\"}}", i,
		   i % 2 ? "Boris" : "Chloe", i);
	do {
		reply = ok(BILLING "ListCustomers", "{\"search\":\"bori\",\"limit\":2,\"page\":\"%s\"}", page);
		for (int i = 0; i < count(reply, "customers"); i++) {
			char path[30];

			snprintf(path, sizeof path, "customers.%d.id", i);
			strcat(seen, at(reply, path));
		}
		snprintf(page, sizeof page, "%s", at(reply, "nextPage"));
	} while (page[0]);
	cr_expect_str_eq(seen, "C-3C-5C-7");
	reply = ok(BILLING "ListCustomers", "{\"search\":\"ANNA@example.com\"}");
	cr_expect_eq(count(reply, "customers"), 1);
	cr_expect_str_eq(at(reply, "customers.0.id"), "C-1");
	cr_expect_eq(count(ok(BILLING "ListCustomers", "{\"search\":\"nobody@example.com\"}"), "customers"), 0);
	refused(BILLING "ListCustomers", GV_INVALID_ARGUMENT, "page", "{\"page\":\"zz\"}");
}

/* ---- tokens ---------------------------------------------------------------------------------- */

Test(people, a_token_is_told_of_when_what_it_may_do_has_changed_and_only_then)
{
	ok(BILLING "PutToken", "{\"token\":{\"id\":\"CARD\",\"customer\":\"C-1\"}}");
	cr_expect_str_eq(told("card"), "Blocked");
	pay("a", "wallet:C-1", 100);
	cr_expect_str_eq(told("card"), "Accepted");
	pay("b", "wallet:C-1", 100);
	pay("c", "wallet:C-1", -150);
	cr_expect_eq(times_told("card"), 2, "a balance that stays above nothing changes nothing");
	ok(BILLING "PutToken", "{\"token\":{\"id\":\"card\",\"customer\":\"C-1\",\"label\":\"hers\"}}");
	cr_expect_eq(times_told("card"), 3, "who puts a token is answered when what was told last has been heard");
	pay("d", "wallet:C-1", -50);
	cr_expect_str_eq(told("card"), "Blocked");
	cr_expect_str_eq(at(ok(BILLING "ListTokens", "{}"), "tokens.0.id"), "CARD", "its first spelling stays");
}

Test(people, money_that_is_held_is_not_there_for_another_session)
{
	ok(BILLING "PutToken", "{\"token\":{\"id\":\"CARD\",\"ownPurse\":true}}");
	pay("a", "card:CARD", 100);
	cr_expect_str_eq(told("card"), "Accepted");
	ok(BILLING "Post",
	   "{\"transfers\":[{\"id\":\"hold\",\"kind\":\"TRANSFER_KIND_PENDING\",\"debit\":\"card:CARD\","
	   "\"credit\":\"income:suspense\",\"amount\":100,\"currency\":\"EUR\"}]}");
	cr_expect_str_eq(told("card"), "Blocked");
	ok(BILLING "Post",
	   "{\"transfers\":[{\"id\":\"void\",\"kind\":\"TRANSFER_KIND_VOID_PENDING\",\"pending\":\"hold\"}]}");
	cr_expect_str_eq(told("card"), "Accepted");
}

Test(people, a_private_token_needs_no_money_and_nobody)
{
	ok(BILLING "PutToken", "{\"token\":{\"id\":\"CARD\",\"use\":\"TOKEN_USE_PRIVATE\"}}");
	cr_expect_str_eq(told("card"), "Accepted");
}

Test(people, a_token_is_told_with_what_it_is_made_of)
{
	static const char *const types[][2] = {
		{ "", "ISO14443" },
		{ ",\"type\":\"ISO15693\"", "ISO15693" },
		{ ",\"kind\":\"TOKEN_KIND_APP\"", "Central" },
		{ ",\"kind\":\"TOKEN_KIND_APP\",\"type\":\"eMAID\"", "eMAID" },
	};

	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		ok(BILLING "PutToken", "{\"token\":{\"id\":\"CARD\",\"use\":\"TOKEN_USE_PRIVATE\"%s}}", types[i][0]);
		cr_expect_str_eq(at(keep(host_event(h, CHANGED, host_events(h, CHANGED) - 1)->json), "type"),
				 types[i][1]);
	}
}

Test(people, tokens_end_by_the_clock_one_timer_for_all)
{
	long long now = host_now_ms(h);

	for (int i = 0; i < 5; i++)
		ok(BILLING "PutToken",
		   "{\"token\":{\"id\":\"T%d\",\"use\":\"TOKEN_USE_PRIVATE\",\"validUntilMs\":\"%lld\"}}", i,
		   now + HOUR_MS * (5 - i));
	host_run_ms(h, HOUR_MS / 2);
	cr_expect_str_eq(told("t4"), "Accepted");
	host_run_ms(h, HOUR_MS);
	cr_expect_str_eq(told("t4"), "Expired");
	cr_expect_str_eq(told("t3"), "Accepted");
	ok(BILLING "PutToken", "{\"token\":{\"id\":\"T3\",\"use\":\"TOKEN_USE_PRIVATE\"}}"); /* for ever now */
	host_crash(h, "billing.0");
	host_run_ms(h, 5 * HOUR_MS);
	cr_expect_str_eq(told("t3"), "Accepted");
	cr_expect_str_eq(told("t0"), "Expired");
	cr_expect_str_eq(at(ok(BILLING "ListTokens", "{}"), "tokens.0.state"), "TOKEN_STATE_EXPIRED");
}

Test(people, what_a_token_cannot_be_is_refused_with_the_field)
{
	static const char *const bad[][2] = {
		{ "\"id\":\"a b\"", "token.id" },
		{ "\"id\":\"x234567890123456789012345678901234567\"", "token.id" },
		{ "\"id\":\"A\",\"kind\":\"TOKEN_KIND_GUEST\"", "token.kind" },
		{ "\"id\":\"A\",\"state\":\"TOKEN_STATE_REPLACED\"", "token.state" },
		{ "\"id\":\"A\",\"customer\":\"nobody\"", "token.customer" },
		{ "\"id\":\"A\",\"parent\":\"x23456789012345678901\"", "token.parent" },
		{ "\"id\":\"A\",\"type\":\"RFID\"", "token.type" },
		{ "\"id\":\"A\",\"validUntilMs\":\"-1\"", "token.validUntilMs" },
		{ "\"id\":\"A\",\"sites\":[\"\"]", "token.sites[0]" },
		{ "\"id\":\"A\",\"label\":\"a\\nb\"", "token.label" },
	};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct host_answer *a = host_call(h, BILLING "PutToken", "{\"token\":{%s}}", bad[i][0]);

		cr_expect(a->code == GV_INVALID_ARGUMENT || a->code == GV_FAILED_PRECONDITION, "%s", bad[i][0]);
		cr_expect(strstr(a->error, bad[i][1]), "%s: %s", bad[i][0], a->error);
	}
	cr_expect_eq(host_events(h, CHANGED), 0);
}

Test(people, a_purse_with_money_is_not_taken_away)
{
	ok(BILLING "PutToken", "{\"token\":{\"id\":\"CARD\",\"ownPurse\":true,\"customer\":\"C-1\"}}");
	pay("a", "card:CARD", 100);
	refused(BILLING "PutToken", GV_FAILED_PRECONDITION, "purse",
		"{\"token\":{\"id\":\"CARD\",\"customer\":\"C-1\"}}");
	pay("b", "card:CARD", -100);
	ok(BILLING "PutToken", "{\"token\":{\"id\":\"CARD\",\"customer\":\"C-1\"}}");
}

Test(people, a_card_with_money_held_is_not_replaced_yet)
{
	ok(BILLING "PutToken", "{\"token\":{\"id\":\"OLD\",\"ownPurse\":true}}");
	pay("a", "card:OLD", 100);
	ok(BILLING "Post", "{\"transfers\":[{\"id\":\"hold\",\"kind\":\"TRANSFER_KIND_PENDING\",\"debit\":\"card:OLD\","
			   "\"credit\":\"income:suspense\",\"amount\":60,\"currency\":\"EUR\"}]}");
	refused(BILLING "ReplaceToken", GV_FAILED_PRECONDITION, "held", "{\"old\":\"OLD\",\"new\":\"NEW\"}");
	ok(BILLING "Post",
	   "{\"transfers\":[{\"id\":\"post\",\"kind\":\"TRANSFER_KIND_POST_PENDING\",\"pending\":\"hold\","
	   "\"amount\":25}]}");
	ok(BILLING "ReplaceToken", "{\"old\":\"old\",\"new\":\"NEW\"}");
	cr_expect_str_eq(at(ok(BILLING "GetAccount", "{\"id\":\"card:NEW\"}"), "account.available"), "75");
	cr_expect_str_eq(told("old"), "Blocked");
	cr_expect_str_eq(told("new"), "Accepted");
	refused(BILLING "ReplaceToken", GV_FAILED_PRECONDITION, "NEW", "{\"old\":\"OLD\",\"new\":\"THIRD\"}");
	refused(BILLING "ReplaceToken", GV_ALREADY_EXISTS, "token new", "{\"old\":\"NEW\",\"new\":\"new\"}");
	refused(BILLING "ReplaceToken", GV_NOT_FOUND, "NONE", "{\"old\":\"NONE\",\"new\":\"A\"}");
}

Test(people, a_blocked_card_stays_blocked_when_it_is_replaced)
{
	ok(BILLING "PutToken",
	   "{\"token\":{\"id\":\"OLD\",\"use\":\"TOKEN_USE_PRIVATE\",\"state\":\"TOKEN_STATE_BLOCKED\"}}");
	cr_expect_str_eq(at(ok(BILLING "ReplaceToken", "{\"old\":\"OLD\",\"new\":\"NEW\"}"), "token.state"),
			 "TOKEN_STATE_BLOCKED");
	cr_expect_str_eq(told("new"), "Blocked");
}

/* ---- signing in ------------------------------------------------------------------------------ */

static void request_code(const char *contact)
{
	code[0] = '\0';
	ok(DRIVER "RequestCode", "{\"contact\":\"%s\"}", contact);
	host_settle(h, 100);
	cr_assert_eq(strlen(code), 6);
}

static const char *sign_in(const char *contact)
{
	static char access[40];

	request_code(contact);
	snprintf(access, sizeof access, "%s",
		 at(ok(DRIVER "SignIn", "{\"contact\":\"%s\",\"code\":\"%s\"}", contact, code), "access"));
	cr_assert_eq(strlen(access), 32, "128 random bits");
	return access;
}

Test(people, a_code_is_good_for_ten_minutes)
{
	request_code("anna@example.com");
	host_run_ms(h, 600000);
	refused(DRIVER "SignIn", GV_UNAUTHENTICATED, "wrong or too old",
		"{\"contact\":\"anna@example.com\",\"code\":\"%s\"}", code);
	request_code("anna@example.com");
	host_run_ms(h, 590000);
	ok(DRIVER "SignIn", "{\"contact\":\"anna@example.com\",\"code\":\"%s\"}", code);
}

Test(people, three_codes_an_hour_go_to_one_contact)
{
	for (int i = 0; i < 3; i++) {
		request_code("anna@example.com");
		host_run_ms(h, 60000);
	}
	refused(DRIVER "RequestCode", GV_RESOURCE_EXHAUSTED, "wait", "{\"contact\":\"Anna@example.com\"}");
	cr_expect_eq(posts, 3);
	request_code("boris@example.com"); /* another's are counted for themselves */
	host_run_ms(h, HOUR_MS - 150000);
	request_code("anna@example.com"); /* the first is an hour old */
	refused(DRIVER "RequestCode", GV_RESOURCE_EXHAUSTED, "wait", "{\"contact\":\"anna@example.com\"}");
}

Test(people, what_is_over_leaves_nothing_behind)
{
	sign_in("anna@example.com");
	request_code("boris@example.com");
	host_run_ms(h, 31ll * 24 * HOUR_MS);
	cr_expect_eq(host_rows(h, "billing.0", "codes", NULL, NULL), 0);
	cr_expect_eq(host_rows(h, "billing.0", "accesses", NULL, NULL), 0);
	cr_expect_eq(host_rows(h, "billing.0", "accesses_of", NULL, NULL), 0);
	cr_expect_eq(host_rows(h, "billing.0", "ends", NULL, NULL), 0);
}

Test(people, signed_in_is_for_thirty_days_and_over_a_crash)
{
	const char *access = sign_in("anna@example.com");

	host_run_ms(h, 29ll * 24 * HOUR_MS);
	host_crash(h, "billing.0");
	cr_expect_str_eq(at(ok(DRIVER "GetMe", "{\"access\":\"%s\"}", access), "customer.id"), "C-1");
	host_run_ms(h, 25ll * HOUR_MS);
	refused(DRIVER "GetMe", GV_UNAUTHENTICATED, "sign in again", "{\"access\":\"%s\"}", access);
}

Test(people, one_customer_is_signed_in_at_most_twenty_times)
{
	char first[40], second[40];

	snprintf(first, sizeof first, "%s", sign_in("anna@example.com"));
	host_run_ms(h, HOUR_MS);
	snprintf(second, sizeof second, "%s", sign_in("anna@example.com"));
	for (int i = 0; i < 19; i++) {
		host_run_ms(h, HOUR_MS);
		sign_in("anna@example.com");
	}
	refused(DRIVER "GetMe", GV_UNAUTHENTICATED, "sign in again", "{\"access\":\"%s\"}", first);
	ok(DRIVER "GetMe", "{\"access\":\"%s\"}", second);
	cr_expect_eq(host_rows(h, "billing.0", "accesses", NULL, NULL), 20);
}

Test(people, who_loses_a_contact_is_signed_out)
{
	char access[40];

	snprintf(access, sizeof access, "%s", sign_in("anna@example.com"));
	ok(BILLING "PutCustomer",
	   "{\"customer\":{\"id\":\"C-1\",\"email\":\"anna@example.com\",\"phone\":\"+36301234567\"}}");
	ok(DRIVER "GetMe", "{\"access\":\"%s\"}", access); /* one more does no harm */
	ok(BILLING "PutCustomer", "{\"customer\":{\"id\":\"C-1\",\"email\":\"other@example.com\"}}");
	refused(DRIVER "GetMe", GV_UNAUTHENTICATED, "sign in again", "{\"access\":\"%s\"}", access);
}

Test(people, a_code_that_could_not_be_sent_is_the_operators_worry)
{
	web_status = 500;
	ok(DRIVER "RequestCode", "{\"contact\":\"anna@example.com\"}");
	host_settle(h, 100);
	cr_expect_eq(posts, 1);
}

Test(people, a_config_that_cannot_send_is_refused_at_the_start)
{
	static const char *const bad[][2] = {
		{ "{\"signIn\":{\"adapter\":\"smtp\",\"from\":\"a@b\"}}", "sign_in.url" },
		{ "{\"signIn\":{\"adapter\":\"smtp\",\"url\":\"smtp://mail\"}}", "sign_in.from" },
		{ "{\"signIn\":{\"adapter\":\"webhook\"}}", "sign_in.url" },
		{ "{\"customers\":[{\"name\":\"A\"}]}", "customers[0]" },
		{ "{\"tokens\":[{\"id\":\"A\",\"customer\":\"C-9\"}]}", "tokens[0]" },
	};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct host *other = host_create(4);

		cr_expect_neq(host_load(other, "billing", PLUGINS "/billing.so", 1, bad[i][0]), 0, "%s", bad[i][0]);
		cr_expect(strstr(host_error(other), bad[i][1]), "%s: %s", bad[i][0], host_error(other));
		host_destroy(other);
	}
}
