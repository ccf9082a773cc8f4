/* api: the node over HTTP. Knows paths, tokens and JSON; what the services are it learns from the kernel. */
#include "api.h"
#include "api.schema.h"
#include "openapi.h"

#include <galvan/kernel.pb-c.h>
#include <stdlib.h>
#include <string.h>

#define VERSION "0.1.0"
#define PROBE_TIMEOUT_MS 2000
#define RETURNED "returned"

const struct gv_table api_secrets = { .name = "secrets", .key = "s", .value = &api__secret__descriptor };

/* ---- one request ----------------------------------------------------------------------------- */

/* What is open to this machine without a token: nothing that changes anything or names a device or person, but for
 * methods that say so themselves. Of what the catalogue does not know yet, that is asked again when it has been read.
 */
static bool needs_token(const struct api *api, struct gv_turn *t, const struct api_exchange *x)
{
	const struct gv_rpc *rpc;

	switch (x->route.kind) {
	case API_ROUTE_PAGE:
	case API_ROUTE_HEALTH:
	case API_ROUTE_READY:
		return false;
	case API_ROUTE_METRICS:
	case API_ROUTE_OPENAPI:
		return !x->local;
	case API_ROUTE_CALL:
		rpc = api->catalog ? api_catalog_method(api->catalog, x->route.rpc) : NULL;
		return rpc ? !api_is_public(rpc->role) : api->catalog && !api_may_be_new(api, t, x);
	default:
		return true;
	}
}

/* Refuses (true) who has shown too many wrong tokens lately, whatever this one is: it would be the next guess. */
static bool guesses(struct api *api, struct gv_turn *t, const struct api_exchange *x)
{
	if (!api_bearer(api_header(x->request, "authorization")))
		return false;
	if (api_too_often(api, t, x, API_LIMIT_WRONG_TOKEN))
		return true;
	if (!x->token && !x->waited)
		api_limits_take(&api->limits, x->client, API_LIMIT_WRONG_TOKEN, gv_now_ms(t));
	return false;
}

/* Refuses (true) who may not, or what is not there. */
static bool refused(struct api *api, struct gv_turn *t, const struct api_exchange *x)
{
	if (!x->local && !api->allow_remote) {
		api_refuse(t, x->conn, GV_PERMISSION_DENIED,
			   "only requests from this machine are served: allow_remote: true in api's config "
			   "opens it to others");
		return true;
	}
	if (guesses(api, t, x))
		return true;
	if (x->route.kind == API_ROUTE_NONE) {
		api_refuse(t, x->conn, GV_NOT_FOUND,
			   "there is nothing at %.200s; calls go to /api/{package.Service}/{Method}", x->request->path);
		return true;
	}
	if (!api_route_takes(&x->route, x->request->method)) {
		api_refuse_as(t, x->conn, 405, "allow", x->route.allow, GV_INVALID_ARGUMENT, "%.200s takes %s",
			      x->request->path, x->route.allow);
		return true;
	}
	if (!x->token && needs_token(api, t, x)) {
		api_refuse_as(t, x->conn, 401, "www-authenticate", "Bearer realm=\"galvan\"", GV_UNAUTHENTICATED,
			      "%s%s",
			      *api_header(x->request, "authorization")
				      ? "this token is not known; the header must read Authorization: Bearer TOKEN"
				      : "a token is needed; send the header Authorization: Bearer TOKEN",
			      api->own_token ? " (galvan call galvan.api.v1.Api/GetToken '{}' says it)" : "");
		return true;
	}
	return false;
}

static void openapi(struct api *api, struct gv_turn *t, const struct api_exchange *x)
{
	if (!api->openapi.size)
		api_openapi_write(api->catalog, VERSION, &api->openapi);
	if (api->openapi.error) {
		gv_buf_fini(&api->openapi);
		api->openapi = (struct gv_buf){ 0 };
		api_refuse(t, x->conn, GV_UNAVAILABLE, "api has no memory left for the document: try again later");
		return;
	}
	api_respond(t, x->conn, 200, "application/json", api->openapi.data, api->openapi.size);
}

/* For what needs the catalogue. True if it is there; otherwise the request has been held or refused. */
static bool catalog_there(struct api *api, struct gv_turn *t, struct api_exchange *x)
{
	if (!api->catalog) {
		if (x->waited)
			api_refuse(t, x->conn, GV_UNAVAILABLE,
				   "the kernel has not said yet what this node serves: try again later");
		else
			api_hold(api, t, x);
		return false;
	}
	if (!x->waited && gv_now_ms(t) - api->catalog_at_ms >= API_CATALOG_AGE_MAX_MS)
		api_describe(api, t);
	return true;
}

void api_handle(struct api *api, struct gv_turn *t, struct api_exchange *x)
{
	const char *bearer = api_bearer(api_header(x->request, "authorization"));
	Kernel__MetricsRequest metrics = KERNEL__METRICS_REQUEST__INIT;
	Kernel__StatusRequest status = KERNEL__STATUS_REQUEST__INIT;

	x->route = api_route(x->request->path);
	api_client(x->request, api->trusted, api->n_trusted, x->client);
	x->token = bearer ? api_token_find(api->tokens, api->n_tokens, bearer) : NULL;
	x->local = x->request->loopback && !*api_header(x->request, "x-forwarded-for") &&
		   !*api_header(x->request, "forwarded");
	if (refused(api, t, x))
		return;
	switch (x->route.kind) {
	case API_ROUTE_PAGE:
		api_respond(t, x->conn, 200, x->route.page->content_type, x->route.page->data, x->route.page->size);
		break;
	case API_ROUTE_HEALTH:
		api_respond(t, x->conn, 200, "text/plain; charset=utf-8", "ok\n", 3);
		break;
	case API_ROUTE_READY:
		api_call(api, t, x->conn, API_CALL_READY,
			 &(struct gv_call){ .method = "galvan.kernel.v1.Kernel/Status",
					    .request = &status,
					    .timeout_ms = PROBE_TIMEOUT_MS });
		break;
	case API_ROUTE_METRICS:
		api_call(api, t, x->conn, API_CALL_METRICS,
			 &(struct gv_call){ .method = "galvan.kernel.v1.Kernel/Metrics",
					    .request = &metrics,
					    .timeout_ms = PROBE_TIMEOUT_MS });
		break;
	case API_ROUTE_OPENAPI:
		if (catalog_there(api, t, x))
			openapi(api, t, x);
		break;
	case API_ROUTE_EVENTS:
		if (x->again) /* part of the answer may have left: the client opens another */
			gv_disconnect(t, x->conn, 0, "api was restarted");
		else if (catalog_there(api, t, x))
			api_stream_open(api, t, x);
		break;
	case API_ROUTE_CALL:
		if (catalog_there(api, t, x))
			api_rpc(api, t, x);
		break;
	case API_ROUTE_NONE:
		break;
	}
}

/* ---- connections ----------------------------------------------------------------------------- */

/* A connection that was open before this incarnation: either its request comes again, or its answer was lost and it
 * must end. */
static int on_open(void *self, struct gv_turn *t, const struct gv_conn *conn)
{
	struct api *api = self;

	if (!conn->again)
		return 0;
	if (!api->returned)
		api->returned = calloc(API_RETURNED_MAX, sizeof(*api->returned));
	if (!api->returned || api->n_returned == API_RETURNED_MAX)
		return gv_disconnect(t, conn->id, 0, "api was restarted");
	if (api->n_returned == 0)
		gv_timer(t, RETURNED, gv_now_ms(t) + API_RETURNED_MS, NULL);
	api->returned[api->n_returned++] = conn->id;
	return 0;
}

static void forget_returned(struct api *api, uint64_t conn)
{
	for (size_t i = 0; i < api->n_returned; i++) {
		if (api->returned[i] == conn) {
			api->returned[i] = api->returned[--api->n_returned];
			return;
		}
	}
}

static int on_frame(void *self, struct gv_turn *t, const struct gv_frame *frame)
{
	struct api *api = self;
	struct api_exchange x = { .conn = frame->conn->id, .request = frame->request, .again = frame->again };

	forget_returned(api, frame->conn->id);
	if (frame->kind != GV_REQUEST || !frame->request)
		return gv_disconnect(t, frame->conn->id, 0, "api speaks HTTP only");
	gv_count(t, "requests", 1);
	api_handle(api, t, &x);
	return 0;
}

static int on_close(void *self, struct gv_turn *t, const struct gv_conn *conn, unsigned code, const char *reason)
{
	struct api *api = self;

	forget_returned(api, conn->id);
	api_stream_close(api, t, conn->id);
	return 0;
}

static int on_timer(void *self, struct gv_turn *t, const char *name, const void *note)
{
	struct api *api = self;

	if (strcmp(name, RETURNED) != 0) {
		api_stream_keepalive(api, t);
		return 0;
	}
	for (size_t i = 0; i < api->n_returned; i++)
		gv_disconnect(t, api->returned[i], 0, "api was restarted");
	api->n_returned = 0;
	return 0;
}

/* ---- life ------------------------------------------------------------------------------------ */

static int add_token(struct api *api, const char *token, enum api_role role, const char *name)
{
	struct api_token *entry = &api->tokens[api->n_tokens];

	entry->name = strdup(name);
	if (!entry->name)
		return -1;
	entry->role = role;
	api_digest(token, entry->digest);
	api->n_tokens++;
	return 0;
}

/* The token of a node whose config names none: made once, kept, said once. */
static int own_token(struct api *api, struct gv_turn *t)
{
	const Api__Secret *kept = gv_get(t, &api_secrets, gv_key("token"));
	Api__Secret made = API__SECRET__INIT;

	if (!kept) {
		made.token = gv_str(t, "%016llx%016llx%016llx", (unsigned long long)gv_random(t),
				    (unsigned long long)gv_random(t), (unsigned long long)gv_random(t));
		gv_put(t, &api_secrets, gv_key("token"), &made);
		gv_log(t, GV_INFO, "made the token of this node's HTTP API; it may do everything token=%s", made.token);
		kept = &made;
	}
	api->own_token = true;
	return add_token(api, kept->token, API_ADMIN, "default");
}

static int read_tokens(struct api *api, struct gv_turn *t, const Api__Config *config)
{
	api->tokens = calloc(config->n_tokens + 1, sizeof(*api->tokens));
	if (!api->tokens)
		return gv_fault(t, "no memory for the tokens");
	for (size_t i = 0; i < config->n_tokens; i++) {
		const Api__Token *token = config->tokens[i];
		enum api_role role = api_role(token->role);

		if (role == API_NOBODY)
			return gv_fault(t, "tokens[%zu].role \"%s\": must be viewer, operator or admin", i,
					token->role);
		if (strlen(token->token) < 16 || strchr(token->token, ' '))
			return gv_fault(t, "tokens[%zu].token: must have at least 16 characters and no space", i);
		if (api_token_find(api->tokens, api->n_tokens, token->token))
			return gv_fault(t, "tokens[%zu].token is there twice", i);
		if (add_token(api, token->token, role, token->name))
			return gv_fault(t, "no memory for the tokens");
	}
	if (config->n_tokens == 0 && own_token(api, t))
		return gv_fault(t, "no memory for the tokens");
	return 0;
}

static int start(void *self, struct gv_turn *t, const void *config)
{
	const Api__Config *c = config;
	Link__Listener listener = LINK__LISTENER__INIT;
	struct api *api = self;
	int error;

	if (gv_self(t)->instances != 1)
		return gv_fault(t, "api runs as one instance: remove `instances` from its entry in the config file");
	error = read_tokens(api, t, c);
	if (!error)
		error = api_strangers_init(api, t, c);
	if (error)
		return error;
	api->allow_remote = c->allow_remote;
	api->max_streams = c->max_streams;
	api->max_body_bytes = c->max_body_bytes;
	listener.name = (char *)"http";
	listener.kind = LINK__LISTENER__KIND__HTTP;
	listener.max_body_bytes = c->max_body_bytes;
	gv_listen(t, &listener);
	api_describe(api, t);
	return 0;
}

static void stop(void *self)
{
	struct api *api = self;

	api_streams_fini(api);
	api_calls_fini(api);
	api_strangers_fini(api);
	for (size_t i = 0; i < api->n_tokens; i++)
		free(api->tokens[i].name);
	free(api->tokens);
	free(api->returned);
}

static int get_token(void *self, struct gv_turn *t, struct gv_ticket ticket, const ProtobufCMessage *request)
{
	const Api__Secret *kept = gv_get(t, &api_secrets, gv_key("token"));
	Api__GetTokenReply reply = API__GET_TOKEN_REPLY__INIT;
	const struct api *api = self;

	if (!api->own_token || !kept)
		return gv_refuse(t, ticket, GV_FAILED_PRECONDITION,
				 "the config file names api's tokens: use one of those");
	reply.token = kept->token;
	return gv_reply(t, ticket, &reply);
}

static const struct gv_method methods[] = {
	{ "GetToken", get_token },
	{ 0 },
};
static const struct gv_service services[] = {
	{ &api__api__descriptor, methods },
	{ 0 },
};
static const struct gv_table *const tables[] = { &api_secrets, NULL };
static const ProtobufCServiceDescriptor *const calls[] = { &kernel__kernel__descriptor, NULL };

GV_PLUGIN = {
	GV_STAMP,
	.name = "api",
	.version = VERSION,
	.summary = "HTTP/JSON API for every service, event streams, metrics and the console",
	.config = &api__config__descriptor,
	.serves = services,
	.calls = calls,
	.tables = tables,
	.schema_set = GV_SCHEMA(api),
	.schema = 1,
	.self_size = sizeof(struct api),
	.start = start,
	.stop = stop,
	.on_answer = api_on_answer,
	.on_timer = on_timer,
	.on_open = on_open,
	.on_frame = on_frame,
	.on_close = on_close,
	.on_event = api_on_event,
	.calls_any = true,
	.hears_any = true,
};
