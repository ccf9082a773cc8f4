/* The API as its clients see it, in the test host: the .so of api, registry and billing, unchanged, beside a kernel
 * that only describes them. */
#include "api.schema.h"
#include "billing.schema.h"
#include "registry.schema.h"

#include <cJSON.h>
#include <criterion/criterion.h>
#include <galvan/kernel.pb-c.h>
#include <galvan/link.pb-c.h>
#include <lib/buf.h>
#include <tests/host/host.h>

#include <stdlib.h>
#include <string.h>

#define REGISTRY "/api/galvan.registry.v1.Registry/"
#define VIEWER "viewer-0123456789"
#define OPERATOR "operator-0123456789"
#define ADMIN "admin-0123456789"
#define TOKENS                                                                                                         \
	"{\"tokens\":[{\"token\":\"" VIEWER "\",\"role\":\"viewer\",\"name\":\"v\"},{\"token\":\"" OPERATOR            \
	"\",\"role\":\"operator\",\"name\":\"o\"},{\"token\":\"" ADMIN                                                 \
	"\",\"role\":\"admin\",\"name\":\"a\"}],\"maxStreams\":2,\"maxBodyBytes\":4096}"

/* ---- a kernel that only describes ----------------------------------------------------------------------------------
 */

static bool node_ready, registry_described, billing_described;
static unsigned described;

static int describe(void *self, struct gv_turn *t, struct gv_ticket ticket, const ProtobufCMessage *request)
{
	static char *serves[] = { (char *)"galvan.registry.v1.Registry" },
		    *emits[] = { (char *)"galvan.registry.v1.DeviceChanged" };
	static char *api_serves[] = { (char *)"galvan.api.v1.Api" };
	static char *billing_serves[] = { (char *)"galvan.billing.v1.Billing", (char *)"galvan.billing.v1.Driver" };
	Kernel__DescribeReply reply = KERNEL__DESCRIBE_REPLY__INIT;
	Kernel__Record api = KERNEL__RECORD__INIT, registry = KERNEL__RECORD__INIT, billing = KERNEL__RECORD__INIT;
	Kernel__Record *records[] = { &api, &registry, &billing };

	api.name = (char *)"api";
	api.serves = api_serves;
	api.n_serves = 1;
	api.file_descriptor_set = (ProtobufCBinaryData){ sizeof(api_schema), (uint8_t *)api_schema };
	registry.name = (char *)"registry";
	registry.serves = serves;
	registry.emits = emits;
	registry.n_serves = registry.n_emits = 1;
	registry.file_descriptor_set = (ProtobufCBinaryData){ sizeof(registry_schema), (uint8_t *)registry_schema };
	reply.plugins = records;
	billing.name = (char *)"billing";
	billing.serves = billing_serves;
	billing.n_serves = 2;
	billing.file_descriptor_set = (ProtobufCBinaryData){ sizeof(billing_schema), (uint8_t *)billing_schema };
	reply.n_plugins = billing_described ? 3 : registry_described ? 2 : 1;
	described++;
	return gv_reply(t, ticket, &reply);
}

static int status(void *self, struct gv_turn *t, struct gv_ticket ticket, const ProtobufCMessage *request)
{
	Kernel__StatusReply reply = KERNEL__STATUS_REPLY__INIT;

	reply.ready = node_ready;
	return gv_reply(t, ticket, &reply);
}

static int metrics(void *self, struct gv_turn *t, struct gv_ticket ticket, const ProtobufCMessage *request)
{
	Kernel__MetricsReply reply = KERNEL__METRICS_REPLY__INIT;

	reply.text = (char *)"galvan_up 1\n";
	return gv_reply(t, ticket, &reply);
}

static const struct gv_plugin kernel_record = {
	GV_STAMP,
	.name = "kernel",
	.version = "0",
	.serves = (const struct gv_service[]){ { &kernel__kernel__descriptor,
						 (const struct gv_method[]){ { "Describe", describe },
									     { "Status", status },
									     { "Metrics", metrics },
									     { 0 } } },
					       { 0 } },
	.schema = 1,
	.self_size = 1,
};

/* ---- a client -------------------------------------------------------------------------------------------------------
 */

static struct host *h;
static struct client *clients; /* all of the test */

struct client {
	struct client *next;
	struct host_station *line;
	unsigned status;
	char content_type[64], allow[64], retry_after[16];
	struct gv_buf body;
	bool open, done, closed;
};

static void on_open(struct host_station *s, void *arg)
{
	((struct client *)arg)->open = true;
}

static void on_frame(struct host_station *s, void *arg, enum gv_frame_kind kind, const char *data, size_t size)
{
	Link__HttpResponse *r = link__http_response__unpack(NULL, size, (const uint8_t *)data);
	struct client *c = arg;

	cr_assert_eq(kind, GV_REQUEST);
	cr_assert_not_null(r);
	if (r->status)
		c->status = r->status;
	for (size_t i = 0; i < r->n_headers; i++) {
		if (strcmp(r->headers[i]->name, "content-type") == 0)
			strncpy(c->content_type, r->headers[i]->value, sizeof(c->content_type) - 1);
		if (strcmp(r->headers[i]->name, "allow") == 0)
			strncpy(c->allow, r->headers[i]->value, sizeof(c->allow) - 1);
		if (strcmp(r->headers[i]->name, "retry-after") == 0)
			strncpy(c->retry_after, r->headers[i]->value, sizeof(c->retry_after) - 1);
	}
	gv_buf_add(&c->body, r->body.data, r->body.len);
	c->done = !r->more;
	link__http_response__free_unpacked(r, NULL);
}

static void on_close(struct host_station *s, void *arg, unsigned code)
{
	((struct client *)arg)->closed = true;
}

static bool is_open(struct host *host, void *arg)
{
	return ((struct client *)arg)->open;
}

static bool is_done(struct host *host, void *arg)
{
	return ((struct client *)arg)->done || ((struct client *)arg)->closed;
}

struct question {
	const char *method, *path, *query, *token, *type, *body, *forwarded_for;
	bool remote;
};

/* Sends a request on a connection of its own. */
static struct client *request(struct question q)
{
	static const struct host_station_model model = { on_open, on_frame, on_close };
	Link__HttpHeader headers[3], *list[3];
	Link__HttpRequest r = LINK__HTTP_REQUEST__INIT;
	struct client *c = calloc(1, sizeof(*c));
	char authorization[200];
	uint8_t packed[16384];

	snprintf(authorization, sizeof(authorization), "Bearer %s", q.token ? q.token : "");
	r.headers = list;
	for (size_t i = 0; i < 3; i++) {
		const char *names[] = { "authorization", "content-type", "x-forwarded-for" };
		const char *values[] = { q.token ? authorization : NULL, q.type, q.forwarded_for };

		if (!values[i])
			continue;
		link__http_header__init(&headers[i]);
		headers[i].name = (char *)names[i];
		headers[i].value = (char *)values[i];
		list[r.n_headers++] = &headers[i];
	}
	r.method = (char *)(q.method ? q.method : "GET");
	r.path = (char *)q.path;
	r.query = (char *)(q.query ? q.query : "");
	r.peer = (char *)(q.remote ? "192.0.2.7" : "127.0.0.1");
	r.loopback = !q.remote;
	r.body.data = (uint8_t *)q.body;
	r.body.len = q.body ? strlen(q.body) : 0;
	cr_assert_lt(link__http_request__get_packed_size(&r), sizeof(packed));
	c->next = clients;
	clients = c;
	c->line = host_station(h, "api", "", "", &model, c);
	host_station_connect(c->line);
	cr_assert(host_run_until(h, is_open, c, 5000));
	cr_assert_eq(host_station_send(c->line, GV_REQUEST, packed, link__http_request__pack(&r, packed)), 0);
	return c;
}

static struct client *ask(struct question q)
{
	struct client *c = request(q);

	cr_assert(host_run_until(h, is_done, c, 60000), "%s was not answered", q.path);
	return c;
}

static struct client *post(const char *path, const char *token, const char *body)
{
	return ask((struct question){ "POST", path, .token = token, .type = "application/json", .body = body });
}

static const char *body(struct client *c)
{
	return gv_buf_str(&c->body);
}

static void expect(struct client *c, unsigned code, const char *word)
{
	cr_expect_eq(c->status, code, "%u %s", c->status, body(c));
	cr_expect(strstr(body(c), word), "%s must say %s", body(c), word);
}

static void start(const char *config)
{
	h = host_create(1);
	node_ready = registry_described = true;
	billing_described = false;
	described = 0;
	cr_assert_eq(host_load_record(h, &kernel_record, 1, NULL), 0, "%s", host_error(h));
	cr_assert_eq(host_load(h, "registry", PLUGINS "/registry.so", 1, NULL), 0, "%s", host_error(h));
	cr_assert_eq(host_load(h, "api", PLUGINS "/api.so", 1, config), 0, "%s", host_error(h));
	host_settle(h, 10);
}

static void setup(void)
{
	start(TOKENS);
}

static void teardown(void)
{
	struct client *c;

	host_destroy(h);
	while ((c = clients)) {
		clients = c->next;
		gv_buf_fini(&c->body);
		free(c);
	}
}

TestSuite(http, .init = setup, .fini = teardown, .timeout = 30);
TestSuite(events, .init = setup, .fini = teardown, .timeout = 30);
TestSuite(token, .timeout = 30);

/* ---- calls ----------------------------------------------------------------------------------------------------------
 */

Test(http, a_call_goes_to_the_plugin_that_serves_it_and_comes_back_as_json)
{
	struct client *c = post(REGISTRY "PutDevice", OPERATOR,
				"{\"device\":{\"id\":\"ocpp:A\",\"password\":\"secret\"}}");

	expect(c, 200, "\"id\":\"ocpp:A\"");
	cr_expect_str_eq(c->content_type, "application/json");
	cr_expect_not(strstr(body(c), "secret"));
	expect(post(REGISTRY "GetDevice", VIEWER, "{\"id\":\"ocpp:A\"}"), 200, "\"hasPassword\":true");
	expect(post(REGISTRY "ListDevices", VIEWER, ""), 200, "ocpp:A");
}

Test(http, a_refusal_has_connects_code_and_status)
{
	expect(post(REGISTRY "GetDevice", VIEWER, "{\"id\":\"ocpp:A\"}"), 404,
	       "{\"code\":\"not_found\",\"message\":\"");
	expect(post(REGISTRY "PutDevice", OPERATOR, "{\"device\":{\"id\":\"ocpp:A\",\"site\":\"x\"}}"), 400,
	       "failed_precondition");
}

Test(http, bad_json_is_refused_with_the_place)
{
	expect(post(REGISTRY "PutDevice", OPERATOR, "{\"device\":{\"idd\":1}}"), 400, "idd");
	expect(post(REGISTRY "PutDevice", OPERATOR, "{\"device\":{\"id\":\"ocpp:A\",\"connectors\":[{\"id\":\"x\"}]}}"),
	       400, "device.connectors[0].id");
	expect(post(REGISTRY "PutDevice", OPERATOR, "{\"device\":"), 400, "invalid_argument");
	expect(post(REGISTRY "PutDevice", OPERATOR, "[]"), 400, "invalid_argument");
}

Test(http, a_role_may_do_what_it_may)
{
	expect(post(REGISTRY "PutDevice", VIEWER, "{\"device\":{\"id\":\"ocpp:A\"}}"), 403, "operator");
	expect(post("/api/galvan.kernel.v1.Kernel/Stop", OPERATOR, "{}"), 403, "admin");
	expect(post(REGISTRY "PutDevice", ADMIN, "{\"device\":{\"id\":\"ocpp:A\"}}"), 200, "ocpp:A");
}

Test(http, without_a_known_token_nothing_is_told)
{
	struct client *c = post(REGISTRY "ListDevices", NULL, "{}");

	expect(c, 401, "unauthenticated");
	expect(post(REGISTRY "ListDevices", "viewer-012345678", "{}"), 401, "unauthenticated");
	expect(post("/api/no.Such/Method", NULL, "{}"), 401, "unauthenticated");
	expect(ask((struct question){ .path = "/api/events" }), 401, "unauthenticated");
}

Test(http, a_public_method_needs_no_token_and_finds_out_itself_who_calls)
{
	static const char get_me[] = "/api/galvan.billing.v1.Driver/GetMe";

	cr_assert_eq(host_load(h, "billing", PLUGINS "/billing.so", 1, NULL), 0, "%s", host_error(h));
	host_settle(h, 10);
	expect(post(get_me, NULL, "{\"access\":\"x\"}"), 401, "a token is needed");
	billing_described = true;
	host_run_ms(h, 300);
	expect(post(get_me, NULL, "{\"access\":\"x\"}"), 401, "sign in again"); /* found though it came later */
	expect(post(get_me, VIEWER, "{\"access\":\"x\"}"), 401, "sign in again");
	expect(post(get_me, "no-such-token-at-all", "{\"access\":\"x\"}"), 401, "sign in again");
	expect(post(get_me, NULL, "{\"access\":1}"), 400, "access");
	expect(post("/api/galvan.billing.v1.Billing/ListCustomers", NULL, "{}"), 401, "a token is needed");
	expect(post("/api/galvan.billing.v1.Driver/Nope", NULL, "{}"), 401, "a token is needed");
	expect(ask((struct question){ "POST", get_me, .type = "application/json", .body = "{}", .remote = true }), 403,
	       "allow_remote");
}

Test(http, other_machines_are_refused_unless_allowed)
{
	expect(ask((struct question){ .path = "/healthz", .remote = true }), 403, "allow_remote");
	expect(ask((struct question){ .path = "/metrics", .forwarded_for = "192.0.2.9" }), 403, "allow_remote");
}

Test(http, wrong_paths_methods_types_and_sizes_have_their_statuses)
{
	static char big[6000];
	struct client *c;

	expect(ask((struct question){ .path = "/nope" }), 404, "not_found");
	expect(post("/api/galvan.registry.v1.Registry/Nope", VIEWER, "{}"), 404, "ListDevices");
	expect(post("/api/no.Such/Method", VIEWER, "{}"), 404, "galvan.registry.v1.Registry");
	c = ask((struct question){ .path = REGISTRY "ListDevices", .token = VIEWER });
	expect(c, 405, "POST");
	cr_expect_str_eq(c->allow, "POST");
	expect(ask((struct question){ "DELETE", "/healthz" }), 405, "GET");
	expect(ask((struct question){ "POST", REGISTRY "ListDevices", .token = VIEWER, .type = "text/plain",
				      .body = "{}" }),
	       415, "JSON");
	memset(big, ' ', sizeof(big) - 1);
	expect(post(REGISTRY "ListDevices", VIEWER, big), 413, "4096");
}

Test(http, a_plugin_that_was_loaded_later_is_found_at_once)
{
	registry_described = false;
	host_run_ms(h, 3000);
	expect(post("/api/galvan.api.v1.Api/Nope", VIEWER, "{}"), 404, "GetToken"); /* the registry is forgotten now */
	host_run_ms(h, 300);
	registry_described = true;
	expect(post(REGISTRY "ListDevices", VIEWER, "{}"), 200, "devices");
}

Test(http, unknown_names_do_not_make_the_kernel_describe_each_time)
{
	unsigned before = described;

	for (int i = 0; i < 20; i++)
		expect(post("/api/no.Such/Method", VIEWER, "{}"), 404, "not_found");
	cr_expect_leq(described - before, 5);
}

Test(http, probes_tell_the_nodes_state)
{
	expect(ask((struct question){ .path = "/healthz" }), 200, "ok");
	expect(ask((struct question){ .path = "/readyz" }), 200, "ready");
	node_ready = false;
	expect(ask((struct question){ .path = "/readyz" }), 503, "unavailable");
	expect(ask((struct question){ .path = "/metrics" }), 200, "galvan_up 1");
}

Test(http, the_document_and_the_page_are_served)
{
	struct client *c = ask((struct question){ .path = "/api/openapi.json" });
	cJSON *json = cJSON_Parse(body(c));

	expect(c, 200, "/api/galvan.registry.v1.Registry/PutDevice");
	cr_expect_not_null(json);
	cJSON_Delete(json);
	c = ask((struct question){ .path = "/" });
	expect(c, 200, "<!doctype html>");
	cr_expect_str_eq(c->content_type, "text/html; charset=utf-8");
}

Test(http, a_silent_kernel_is_said_so_and_does_no_lasting_harm)
{
	struct client *c;

	host_stop(h, "kernel.0");
	c = ask((struct question){ .path = "/readyz" });
	expect(c, 503, "unavailable");
	cr_assert_eq(host_start(h, "kernel.0"), 0);
	expect(ask((struct question){ .path = "/readyz" }), 200, "ready");
	expect(post(REGISTRY "ListDevices", VIEWER, "{}"), 200, "devices");
}

Test(http, a_connection_whose_answer_was_lost_with_a_crash_ends)
{
	struct client *c;

	host_stop(h, "kernel.0");
	c = request((struct question){ .path = "/readyz" });
	host_run_ms(h, 500);
	host_crash(h, "api.0");
	cr_expect(host_run_until(h, is_done, c, 30000));
	cr_expect(c->closed || c->status == 503, "%u", c->status);
}

/* ---- strangers ------------------------------------------------------------------------------------------------------
 */

#define GET_ME "/api/galvan.billing.v1.Driver/GetMe"

static void start_strangers(const char *config)
{
	start(config);
	cr_assert_eq(host_load(h, "billing", PLUGINS "/billing.so", 1, NULL), 0, "%s", host_error(h));
	billing_described = true;
	host_run_ms(h, 3000);
	post(GET_ME, VIEWER, "{\"access\":\"x\"}"); /* the catalogue is read again */
	host_run_ms(h, 300);
}

/* A call without a token that costs somebody something, by a proxy on this machine that says for whom. */
static struct client *stranger(const char *path, const char *forwarded_for)
{
	return ask((struct question){ "POST", path, .type = "application/json", .body = "{\"access\":\"x\"}",
				      .forwarded_for = forwarded_for });
}

TestSuite(strangers, .timeout = 60);

Test(strangers, call_public_methods_only_so_often_from_one_address)
{
	struct client *c;

	start_strangers("{\"allowRemote\":true,\"tokens\":[{\"token\":\"" VIEWER
			"\",\"role\":\"viewer\",\"name\":\"v\"}]}");
	for (int i = 0; i < 10; i++)
		expect(stranger(GET_ME, "192.0.2.1"), 401, "sign in again");
	c = stranger(GET_ME, "192.0.2.1");
	expect(c, 429, "{\"code\":\"resource_exhausted\",\"message\":\"too many calls without a token");
	cr_expect_str_eq(c->retry_after, "2");
	expect(stranger(GET_ME, "192.0.2.1, 198.51.100.2"), 401, "sign in again");
	expect(stranger(GET_ME, "198.51.100.3, 192.0.2.1"), 429, "resource_exhausted"); /* what a client invents */
	expect(ask((struct question){ "POST", GET_ME, .type = "application/json", .body = "{\"access\":\"x\"}",
				      .token = VIEWER, .forwarded_for = "192.0.2.1" }),
	       401, "sign in again"); /* who shows a token is no stranger */
	expect(ask((struct question){ .path = "/healthz", .forwarded_for = "192.0.2.1" }), 200, "ok");
	host_run_ms(h, 2000);
	expect(stranger(GET_ME, "192.0.2.1"), 401, "sign in again");
	expect(stranger(GET_ME, "192.0.2.1"), 429, "resource_exhausted");
	teardown();
}

Test(strangers, whose_secret_was_right_are_none)
{
	/* SignOut answers whatever is signed out; what counts is a secret and no refusal. */
	static const char sign_out[] = "/api/galvan.billing.v1.Driver/SignOut";

	start_strangers("{\"allowRemote\":true,\"strangerCallsAtOnce\":1,\"tokens\":[{\"token\":\"" VIEWER
			"\",\"role\":\"viewer\",\"name\":\"v\"}]}");
	for (int i = 0; i < 5; i++)
		expect(stranger(sign_out, "192.0.2.1"), 200, "{}");
	expect(stranger(GET_ME, "192.0.2.1"), 401, "sign in again");
	expect(stranger(sign_out, "192.0.2.1"), 429, "resource_exhausted");
	teardown();
}

Test(strangers, guess_tokens_only_so_often)
{
	struct client *c;

	start("{\"allowRemote\":true,\"strangerCallsAtOnce\":3,\"tokens\":[{\"token\":\"" VIEWER
	      "\",\"role\":\"viewer\",\"name\":\"v\"}]}");
	for (int i = 0; i < 3; i++)
		expect(post(REGISTRY "ListDevices", "viewer-0123456780", "{}"), 401, "unauthenticated");
	c = post(REGISTRY "ListDevices", "viewer-0123456780", "{}");
	expect(c, 429, "too many wrong tokens");
	cr_expect_str_eq(c->retry_after, "2");
	expect(post(REGISTRY "ListDevices", VIEWER, "{}"), 429,
	       "too many wrong tokens"); /* or it were the next guess */
	expect(ask((struct question){ "POST", REGISTRY "ListDevices", .token = VIEWER, .type = "application/json",
				      .body = "{}", .forwarded_for = "192.0.2.1" }),
	       200, "devices");
	host_run_ms(h, 2000);
	for (int i = 0; i < 5; i++)
		expect(post(REGISTRY "ListDevices", VIEWER, "{}"), 200, "devices");
	teardown();
}

Test(strangers, a_proxy_that_is_no_address_is_refused_at_the_start)
{
	h = host_create(1);
	cr_expect_lt(host_load(h, "api", PLUGINS "/api.so", 1, "{\"trustedProxies\":[\"proxy.example\"]}"), 0);
	cr_expect(strstr(host_error(h), "trusted_proxies[0]: \"proxy.example\" is no address"), "%s", host_error(h));
	teardown();
}

/* ---- tokens ---------------------------------------------------------------------------------------------------------
 */

Test(token, is_made_once_where_the_config_names_none)
{
	struct host_answer *a;
	char token[100] = "";
	const char *s;

	start(NULL);
	a = host_call(h, "galvan.api.v1.Api/GetToken", "{}");
	cr_assert_eq(a->code, GV_OK, "%s", a->error);
	s = strstr(a->json, "\"token\":\"");
	cr_assert_not_null(s);
	sscanf(s, "\"token\":\"%99[0-9a-f]", token);
	cr_expect_eq(strlen(token), 48);
	expect(post(REGISTRY "PutDevice", token, "{\"device\":{\"id\":\"ocpp:A\"}}"), 200, "ocpp:A");
	expect(post("/api/galvan.api.v1.Api/GetToken", token, "{}"), 403, "galvan call");
	host_crash(h, "api.0");
	host_settle(h, 1000);
	expect(post(REGISTRY "ListDevices", token, "{}"), 200, "ocpp:A");
	teardown();
}

Test(token, is_not_given_out_where_the_config_names_some)
{
	start(TOKENS);
	cr_expect_eq(host_call(h, "galvan.api.v1.Api/GetToken", "{}")->code, GV_FAILED_PRECONDITION);
	teardown();
}

Test(token, of_an_unknown_role_or_too_short_is_refused_at_the_start)
{
	h = host_create(1);
	cr_expect_lt(host_load(h, "api", PLUGINS "/api.so", 1,
			       "{\"tokens\":[{\"token\":\"" ADMIN "\",\"role\":\"root\",\"name\":\"x\"}]}"),
		     0);
	teardown();
}

/* ---- event streams --------------------------------------------------------------------------------------------------
 */

Test(events, a_stream_shows_what_happens_from_now_on)
{
	struct client *all, *some;

	post(REGISTRY "PutDevice", OPERATOR, "{\"device\":{\"id\":\"ocpp:BEFORE\"}}");
	all = request((struct question){ .path = "/api/events", .token = VIEWER });
	some = request((struct question){ .path = "/api/events", .query = "type=DeviceChanged", .token = VIEWER });
	host_run_ms(h, 200);
	expect(all, 200, ": following\n");
	cr_expect_str_eq(all->content_type, "text/event-stream");
	post(REGISTRY "PutDevice", OPERATOR, "{\"device\":{\"id\":\"ocpp:AFTER\"}}");
	host_run_ms(h, 200);
	expect(all, 200,
	       "\nevent: galvan.registry.v1.DeviceChanged\ndata: "
	       "{\"type\":\"galvan.registry.v1.DeviceChanged\",\"key\":\"ocpp:AFTER\"");
	expect(some, 200, "ocpp:AFTER");
	cr_expect_not(strstr(body(all), "BEFORE"), "nothing from before");
	cr_expect_not(all->done, "the stream goes on");
}

Test(events, secrets_are_not_shown)
{
	struct client *c = request((struct question){ .path = "/api/events", .token = VIEWER });

	host_run_ms(h, 200);
	post(REGISTRY "PutDevice", OPERATOR, "{\"device\":{\"id\":\"ocpp:A\",\"password\":\"hush-hush\"}}");
	host_run_ms(h, 200);
	expect(c, 200, "ocpp:A");
	cr_expect_not(strstr(body(c), "hash\":\""), "%s", body(c));
}

Test(events, a_comment_every_15_s_shows_that_the_line_is_alive)
{
	struct client *c = request((struct question){ .path = "/api/events", .token = VIEWER });
	size_t before;

	host_run_ms(h, 200);
	before = c->body.size;
	host_run_ms(h, 31000);
	cr_expect_eq(c->body.size, before + 2 * strlen(":\n\n"), "%s", body(c));
}

Test(events, unknown_types_and_too_many_streams_are_refused)
{
	expect(ask((struct question){ .path = "/api/events", .query = "type=Nope", .token = VIEWER }), 400,
	       "DeviceChanged");
	expect(ask((struct question){ .path = "/api/events", .query = "type=%zz", .token = VIEWER }), 400, "type");
	for (int i = 0; i < 2; i++)
		request((struct question){ .path = "/api/events", .token = VIEWER });
	expect(ask((struct question){ .path = "/api/events", .token = VIEWER }), 429, "resource_exhausted");
}

Test(events, a_stream_that_ends_makes_room)
{
	struct client *c[2];

	for (int i = 0; i < 2; i++)
		c[i] = request((struct question){ .path = "/api/events", .token = VIEWER });
	host_run_ms(h, 200);
	host_station_drop(c[0]->line);
	host_run_ms(h, 200);
	c[0] = request((struct question){ .path = "/api/events", .token = VIEWER });
	host_run_ms(h, 200);
	cr_expect_eq(c[0]->status, 200);
}
