/* Calls that wait for their answers, and the catalogue that the kernel's answer keeps fresh. All of it is in memory: an
 * HTTP client whose answer was lost with a restart sees its connection end and asks again. */
#include "api.h"

#include <galvan/kernel.pb-c.h>
#include <stdlib.h>
#include <string.h>

#define DESCRIBE_TIMEOUT_MS 5000
#define TAG_DESCRIBE UINT64_MAX

static struct api_pending *pending_get(struct api *api, uint64_t tag)
{
	size_t i = tag & 0xffffffff;

	if (i >= api->n_pending || !api->pending[i].used || api->pending[i].round != tag >> 32)
		return NULL;
	return &api->pending[i];
}

static struct api_pending *pending_new(struct api *api)
{
	struct api_pending *grown;
	size_t more;

	for (size_t i = 0; i < api->n_pending; i++) {
		if (!api->pending[i].used)
			return &api->pending[i];
	}
	more = api->n_pending ? api->n_pending * 2 : 64;
	if (more > API_PENDING_MAX)
		return NULL;
	grown = reallocarray(api->pending, more, sizeof(*grown));
	if (!grown)
		return NULL;
	memset(&grown[api->n_pending], 0, (more - api->n_pending) * sizeof(*grown));
	api->pending = grown;
	grown += api->n_pending;
	api->n_pending = more;
	return grown;
}

struct api_pending *api_call(struct api *api, struct gv_turn *t, uint64_t conn, enum api_call_kind kind,
			     const struct gv_call *call)
{
	struct api_pending *p = pending_new(api);
	struct gv_call tagged = *call;

	if (!p) {
		api_refuse(t, conn, GV_RESOURCE_EXHAUSTED, "%d requests wait for an answer already: try again later",
			   API_PENDING_MAX);
		return NULL;
	}
	p->round = (p->round + 1) & 0x7fffffff;
	tagged.tag = (uint64_t)p->round << 32 | (uint64_t)(p - api->pending);
	if (gv_call(t, &tagged) != 0) {
		api_refuse(t, conn, GV_RESOURCE_EXHAUSTED,
			   "too many calls to the plugin that serves %s wait already: try again later", call->method);
		return NULL;
	}
	p->used = true;
	p->conn = conn;
	p->kind = kind;
	p->proves = false;
	return p;
}

void api_describe(struct api *api, struct gv_turn *t)
{
	Kernel__DescribeRequest request = KERNEL__DESCRIBE_REQUEST__INIT;

	if (api->describing)
		return;
	api->describing = gv_call(t, &(struct gv_call){ .method = "galvan.kernel.v1.Kernel/Describe",
							.request = &request,
							.timeout_ms = DESCRIBE_TIMEOUT_MS,
							.tag = TAG_DESCRIBE }) == 0;
}

void api_hold(struct api *api, struct gv_turn *t, const struct api_exchange *x)
{
	/* By its own descriptor, which is the host's and not ours where the host unpacked it. */
	size_t size = protobuf_c_message_get_packed_size(&x->request->base);
	struct api_held *held;

	if (!api->held)
		api->held = calloc(API_HELD_MAX, sizeof(*api->held));
	api_describe(api, t);
	if (!api->held || !api->describing || api->n_held == API_HELD_MAX ||
	    api->held_bytes + size > API_HELD_BYTES_MAX) {
		api_refuse(t, x->conn, GV_UNAVAILABLE,
			   "too many requests wait until the node has said what it serves: try again later");
		return;
	}
	held = &api->held[api->n_held];
	*held = (struct api_held){ .conn = x->conn, .packed = malloc(size + 1), .size = size, .again = x->again };
	if (!held->packed) {
		api_refuse(t, x->conn, GV_UNAVAILABLE, "api has no memory left for this request: try again later");
		return;
	}
	protobuf_c_message_pack(&x->request->base, held->packed);
	api->n_held++;
	api->held_bytes += size;
}

/* Every held request, once; none is held a second time. */
static void release(struct api *api, struct gv_turn *t)
{
	struct api_held *held = api->held;
	size_t n = api->n_held;

	api->held = NULL;
	api->n_held = api->held_bytes = 0;
	for (size_t i = 0; i < n; i++) {
		struct api_exchange x = { .conn = held[i].conn, .again = held[i].again, .waited = true };

		x.request = link__http_request__unpack(gv_allocator(t), held[i].size, held[i].packed);
		if (x.request)
			api_handle(api, t, &x);
		free(held[i].packed);
	}
	free(held);
	api_stream_release(api, t);
}

static void described(struct api *api, struct gv_turn *t, const struct gv_answer *answer)
{
	struct api_catalog *catalog;
	char left_out[200];
	int error;

	api->describing = false;
	if (answer->code != GV_OK) {
		/* At start the kernel may not be listed yet; that is nobody's business until somebody waits. */
		gv_log(t, api->n_held ? GV_WARN : GV_DEBUG,
		       "the kernel did not say what it serves; asking again with the next request code=%s error=\"%s\"",
		       gv_code_name(answer->code), answer->error);
	} else if (api->catalog && api->catalog->packed_size == answer->packed_size &&
		   memcmp(api->catalog->packed, answer->packed, answer->packed_size) == 0) {
		api->catalog_at_ms = gv_now_ms(t);
	} else {
		error = api_catalog_create(answer->packed, answer->packed_size, &catalog, left_out, sizeof(left_out));
		if (error) {
			gv_log(t, GV_ERR,
			       "what the kernel says it serves cannot be read; going on with what was known "
			       "error=\"%s\"",
			       strerror(-error));
		} else {
			if (*left_out)
				gv_log(t, GV_ERR,
				       "the types of some plugins cannot be read; their services are left out "
				       "plugins=\"%s\"",
				       left_out);
			api_catalog_destroy(api->catalog);
			api->catalog = catalog;
			api->catalog_at_ms = gv_now_ms(t);
			gv_buf_fini(&api->openapi);
			api->openapi = (struct gv_buf){ 0 };
		}
	}
	release(api, t);
}

static void ready(struct gv_turn *t, uint64_t conn, const struct gv_answer *answer)
{
	Kernel__StatusReply *status = NULL;

	if (answer->code == GV_OK)
		status = kernel__status_reply__unpack(gv_allocator(t), answer->packed_size, answer->packed);
	if (status && status->ready)
		api_respond(t, conn, 200, "text/plain; charset=utf-8", "ready\n", 6);
	else if (answer->code == GV_OK)
		api_refuse(t, conn, GV_UNAVAILABLE, "not every plugin is running: Kernel/Status says which");
	else
		api_refuse(t, conn, GV_UNAVAILABLE, "the kernel did not answer: %s", answer->error);
}

static void metrics(struct gv_turn *t, uint64_t conn, const struct gv_answer *answer)
{
	Kernel__MetricsReply *reply = NULL;

	if (answer->code == GV_OK)
		reply = kernel__metrics_reply__unpack(gv_allocator(t), answer->packed_size, answer->packed);
	if (reply)
		api_respond(t, conn, 200, "text/plain; version=0.0.4; charset=utf-8", reply->text, strlen(reply->text));
	else
		api_refuse(t, conn, GV_UNAVAILABLE, "the kernel did not answer: %s", answer->error);
}

int api_on_answer(void *self, struct gv_turn *t, const struct gv_answer *answer)
{
	struct api *api = self;
	struct api_pending *p;

	if (answer->tag == TAG_DESCRIBE) {
		described(api, t, answer);
		return 0;
	}
	p = pending_get(api, answer->tag);
	if (!p)
		return 0;
	p->used = false;
	switch (p->kind) {
	case API_CALL_RPC:
		if (p->proves && answer->code == GV_OK)
			api_limits_give_back(&api->limits, p->client, API_LIMIT_PUBLIC);
		api_rpc_answer(api, t, p->conn, answer);
		break;
	case API_CALL_READY:
		ready(t, p->conn, answer);
		break;
	case API_CALL_METRICS:
		metrics(t, p->conn, answer);
		break;
	}
	return 0;
}

void api_calls_fini(struct api *api)
{
	for (size_t i = 0; i < api->n_held; i++)
		free(api->held[i].packed);
	free(api->held);
	free(api->pending);
	gv_buf_fini(&api->openapi);
	api_catalog_destroy(api->catalog);
}
