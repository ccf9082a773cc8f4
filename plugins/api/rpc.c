/* POST /api/{package.Service}/{Method}: JSON in, a call over the bus, JSON out. Works for every service by reflection.
 */
#include "api.h"

#include <lib/json.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define KEY_MAX 512
#define TIMEOUT_MAX_MS 600000

/* "application/json", with or without parameters. */
static bool is_json(const char *content_type)
{
	size_t n = strcspn(content_type, "; \t");

	return n == 16 && strncasecmp(content_type, "application/json", n) == 0;
}

/* Connect-Timeout-Ms; 0 where there is none or it makes no sense. */
static int64_t timeout_ms(const Link__HttpRequest *request)
{
	const char *text = api_header(request, "connect-timeout-ms");
	int64_t ms = 0;

	if (strlen(text) > 10 || strspn(text, "0123456789") != strlen(text))
		return 0;
	for (; *text; text++)
		ms = ms * 10 + (*text - '0');
	return ms > TIMEOUT_MAX_MS ? TIMEOUT_MAX_MS : ms;
}

static void refuse_unknown(struct api *api, struct gv_turn *t, const struct api_exchange *x)
{
	size_t size = strcspn(x->route.rpc, "/");
	struct gv_buf known = { 0 };

	if (api_catalog_serves(api->catalog, x->route.rpc, size)) {
		const struct gv_service_type *s = gv_schema_service(api->catalog->schema,
								    gv_str(t, "%.*s", (int)size, x->route.rpc));

		for (size_t i = 0; s && i < s->n_methods; i++)
			gv_buf_printf(&known, "%s%s", i ? ", " : "", s->methods[i].name);
		api_refuse(t, x->conn, GV_NOT_FOUND, "service %.*s has no method \"%.100s\"; it has %s", (int)size,
			   x->route.rpc, x->route.rpc + size + 1, gv_buf_str(&known));
	} else {
		for (size_t i = 0; i < api->catalog->n_services; i++)
			gv_buf_printf(&known, "%s%s", i ? ", " : "", api->catalog->services[i]->name);
		api_refuse(t, x->conn, GV_NOT_FOUND, "no plugin of this node serves \"%.*s\"; there are %s",
			   size > 200 ? 200 : (int)size, x->route.rpc, gv_buf_str(&known));
	}
	gv_buf_fini(&known);
}

bool api_may_be_new(const struct api *api, struct gv_turn *t, const struct api_exchange *x)
{
	return !x->waited && gv_now_ms(t) - api->catalog_at_ms >= API_CATALOG_AGE_MIN_MS;
}

static bool type_refused(struct gv_turn *t, const struct api_exchange *x)
{
	if (is_json(api_header(x->request, "content-type")))
		return false;
	api_refuse_as(t, x->conn, 415, "accept-post", "application/json", GV_INVALID_ARGUMENT,
		      "the body must be JSON, with the header Content-Type: application/json");
	return true;
}

/* The body, which link hands over as a blob where it is large. An empty one stands for {}. False when it has been
 * refused. */
static bool read_body(struct api *api, struct gv_turn *t, const struct api_exchange *x, const char **ret,
		      size_t *ret_size)
{
	const Link__HttpRequest *r = x->request;
	int64_t size = *r->body_blob ? gv_blob_size(t, r->body_blob) : (int64_t)r->body.len;
	char *copy;

	if (size > api->max_body_bytes) {
		api_refuse_as(t, x->conn, 413, NULL, NULL, GV_INVALID_ARGUMENT, "the body is larger than %u bytes",
			      api->max_body_bytes);
		return false;
	}
	if (*r->body_blob) {
		copy = gv_alloc(t, size > 0 ? (size_t)size : 1);
		if (size < 0 || gv_blob_read(t, r->body_blob, 0, copy, (size_t)size) != size) {
			api_refuse(t, x->conn, GV_INTERNAL, "the body, blob %s, cannot be read", r->body_blob);
			return false;
		}
		*ret = copy;
	} else {
		*ret = (const char *)r->body.data;
	}
	*ret_size = (size_t)size;
	if (size == 0) {
		*ret = "{}";
		*ret_size = 2;
	}
	return true;
}

static bool method_refused(struct gv_turn *t, const struct api_exchange *x, const struct gv_rpc *rpc)
{
	enum api_role needed = api_role(rpc->role);

	if (!api_is_public(rpc->role) && x->token->role < (needed ? needed : API_OPERATOR)) {
		api_refuse(t, x->conn, GV_PERMISSION_DENIED, "%s needs the role %s; token \"%s\" has the role %s",
			   x->route.rpc, rpc->role, x->token->name, api_role_name(x->token->role));
		return true;
	}
	if (strcmp(x->route.rpc, "galvan.api.v1.Api/GetToken") == 0) {
		api_refuse(t, x->conn, GV_PERMISSION_DENIED,
			   "the token is not given out over HTTP: ask `galvan call %s '{}'` on the node", x->route.rpc);
		return true;
	}
	if (x->again && needed != API_VIEWER) {
		api_refuse(t, x->conn, GV_ABORTED,
			   "api was restarted while %s was at work; whether it took effect is not known: look before "
			   "trying again",
			   x->route.rpc);
		return true;
	}
	return false;
}

/* Whether an answer that is no refusal shows that the caller is who it says: then its request has a secret. */
static bool has_secret(const struct gv_type *input)
{
	for (size_t i = 0; i < input->n_fields; i++) {
		if (input->fields[i].secret && input->fields[i].required)
			return true;
	}
	return false;
}

static void call(struct api *api, struct gv_turn *t, const struct api_exchange *x, const struct gv_rpc *rpc,
		 const struct gv_buf *packed)
{
	bool stranger = api_is_public(rpc->role) && !x->token;
	struct api_pending *p;
	char key[KEY_MAX];

	if (gv_type_key(rpc->input, packed->data, packed->size, key, sizeof(key))) {
		api_refuse(t, x->conn, GV_INVALID_ARGUMENT,
			   "the field that says where the call goes is longer than %d bytes", KEY_MAX - 1);
		return;
	}
	if (api_role(rpc->role) != API_VIEWER && !api_is_public(rpc->role))
		gv_log(t, GV_INFO, "called method=%s key=\"%s\" token=\"%s\" peer=%s", x->route.rpc, key,
		       x->token->name, x->request->peer);
	p = api_call(api, t, x->conn, API_CALL_RPC,
		     &(struct gv_call){ .method = x->route.rpc,
					.packed = packed->data ? packed->data : (const uint8_t *)"",
					.packed_size = packed->size,
					.to = *key ? key : NULL,
					.timeout_ms = timeout_ms(x->request) });
	if (p && stranger && has_secret(rpc->input)) {
		p->proves = true;
		memcpy(p->client, x->client, sizeof(p->client));
	}
}

/* Counts a public call without a token, whether it makes sense or not. */
static bool stranger_refused(struct api *api, struct gv_turn *t, const struct api_exchange *x, const struct gv_rpc *rpc)
{
	if (!api_is_public(rpc->role) || x->token)
		return false;
	if (api_too_often(api, t, x, API_LIMIT_PUBLIC))
		return true;
	api_limits_take(&api->limits, x->client, API_LIMIT_PUBLIC, gv_now_ms(t));
	return false;
}

void api_rpc(struct api *api, struct gv_turn *t, struct api_exchange *x)
{
	struct gv_json_error error = { 0 };
	struct gv_buf packed = { 0 };
	const struct gv_rpc *rpc;
	const char *body;
	size_t size;
	int r;

	if (type_refused(t, x))
		return;
	rpc = api_catalog_method(api->catalog, x->route.rpc);
	if (!rpc) {
		if (api_may_be_new(api, t, x))
			api_hold(api, t, x);
		else
			refuse_unknown(api, t, x);
		return;
	}
	if (method_refused(t, x, rpc) || stranger_refused(api, t, x, rpc) || !read_body(api, t, x, &body, &size))
		return;
	r = gv_json_parse(rpc->input, body, size, GV_JSON_RULES, &packed, &error);
	if (r == 0)
		call(api, t, x, rpc, &packed);
	else if (r == -ENOMEM)
		api_refuse(t, x->conn, GV_UNAVAILABLE, "api has no memory left for this request: try again later");
	else if (api_may_be_new(api, t, x))
		api_hold(api, t, x);
	else
		api_refuse(t, x->conn, GV_INVALID_ARGUMENT, "%s%s%s", error.path, *error.path ? ": " : "", error.text);
	gv_buf_fini(&packed);
}

void api_rpc_answer(struct api *api, struct gv_turn *t, uint64_t conn, const struct gv_answer *answer)
{
	const struct gv_rpc *rpc = api_catalog_method(api->catalog, answer->method);
	struct gv_buf json = { 0 };
	int r;

	if (answer->code == GV_UNIMPLEMENTED)
		api->catalog_at_ms = 0;
	if (answer->code != GV_OK) {
		api_refuse(t, conn, answer->code, "%s", answer->error);
		return;
	}
	if (!rpc) {
		api_refuse(t, conn, GV_UNAVAILABLE, "%s was taken off this node while its answer was under way",
			   answer->method);
		return;
	}
	r = gv_json_write(rpc->output, answer->packed, answer->packed_size, 0, &json);
	if (r || json.error)
		api_refuse(t, conn, GV_INTERNAL, "the answer of %s cannot be written as JSON: %s", answer->method,
			   strerror(r ? -r : -json.error));
	else
		api_respond(t, conn, 200, "application/json", json.data, json.size);
	gv_buf_fini(&json);
}
