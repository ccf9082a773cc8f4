/* A client's call on its way through the node: to one instance or several, again to one that has restarted, and the
 * answers back as one. */
#include "control_internal.h"
#include "directory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct target {
	char instance[64];
	uint64_t incarnation; /* it was sent to; 0: to none yet */
	bool done;
};

struct forward {
	uint64_t id;
	struct origin from;
	char *method;
	uint8_t *request;
	size_t request_size;
	int64_t deadline_ms;
	struct target *targets;
	size_t count, done;
	struct gv_buf merged;
	unsigned succeeded;
	enum gv_code code; /* the refusal that counts */
	char error[1024];
};

static void free_forward(struct forward *f)
{
	free(f->method);
	free(f->request);
	free(f->targets);
	gv_buf_fini(&f->merged);
	free(f);
}

/* Answers and forgets. */
static void settle(struct gv_control *c, struct forward *f, enum gv_code code, const char *error)
{
	struct client *client = gv_control_client(c, f->from.identity, f->from.identity_size);

	if (client && client->calls > 0)
		client->calls--;
	if (code == GV_OK)
		gv_control_reply(c, &f->from, GV_OK, NULL, f->merged.data, f->merged.size);
	else
		gv_control_reply(c, &f->from, code, error, NULL, 0);
	c->forwards[f->id % GV_FORWARDS_MAX] = NULL;
	c->n_forwards--;
	free_forward(f);
}

/* One target has answered. True: it was the last, the forward is gone. What several say: refusals win, but for
 * not_found where another found it. */
static bool take(struct gv_control *c, struct forward *f, struct target *t, enum gv_code code, const char *error,
		 const ProtobufCBinaryData *reply)
{
	t->done = true;
	f->done++;
	if (code == GV_OK) {
		f->succeeded++;
		gv_buf_add(&f->merged, reply->data, reply->len);
	} else if (f->code == GV_OK || f->code == GV_NOT_FOUND) {
		f->code = code;
		snprintf(f->error, sizeof f->error, "%s", error);
	}
	if (f->done < f->count)
		return false;
	if (f->code != GV_OK && !(f->code == GV_NOT_FOUND && f->succeeded > 0))
		settle(c, f, f->code, f->error);
	else if (f->merged.error < 0)
		settle(c, f, GV_RESOURCE_EXHAUSTED, "out of memory");
	else
		settle(c, f, GV_OK, NULL);
	return true;
}

/* What the supervisor says of an instance that does not run. */
static void down_text(struct gv_control *c, const char *instance, char *text, size_t size)
{
	char plugin[64];
	const struct gv_unit *u;

	snprintf(plugin, sizeof plugin, "%.*s", (int)strcspn(instance, "."), instance);
	u = gv_supervisor_find(c->supervisor, plugin);
	for (uint32_t i = 0; u && i < u->count; i++)
		if (strcmp(u->instances[i].name, instance) == 0) {
			snprintf(text, size, "%s is %s%s%.700s", instance,
				 gv_instance_state_name(u->instances[i].state), u->instances[i].message ? ": " : "",
				 u->instances[i].message ? u->instances[i].message : "");
			return;
		}
	snprintf(text, size, "%s is not there any more", instance);
}

static void send_to(struct gv_control *c, struct forward *f, struct target *t, const Kernel__Peer *peer)
{
	Env__Item item = ENV__ITEM__INIT;
	Env__Call call = ENV__CALL__INIT;

	call.id = f->id;
	call.method = f->method;
	call.request.data = f->request;
	call.request.len = f->request_size;
	call.deadline_ms = f->deadline_ms;
	call.again = t->incarnation != 0;
	item.kind_case = ENV__ITEM__KIND_CALL;
	item.call = &call;
	if (gv_control_send_peer(c, t->instance, &item, false) == 0)
		t->incarnation = peer->incarnation;
}

/* Sends to each target's present incarnation. True: the forward is gone. */
static bool advance(struct gv_control *c, struct forward *f)
{
	char text[1024];

	for (size_t i = 0; i < f->count; i++) {
		struct target *t = &f->targets[i];
		const Kernel__Peer *peer = gv_directory_find(c->directory, t->instance);

		if (t->done)
			continue;
		if (!peer || peer->gone) {
			down_text(c, t->instance, text, sizeof text);
			if (take(c, f, t, GV_UNAVAILABLE, text, NULL))
				return true;
		} else if (peer->up && peer->incarnation != t->incarnation) {
			send_to(c, f, t, peer);
		}
	}
	return false;
}

static void expire(struct gv_control *c, struct forward *f)
{
	char text[1024], down[900];

	for (size_t i = 0; i < f->count; i++) {
		const struct target *t = &f->targets[i];
		const Kernel__Peer *peer = gv_directory_find(c->directory, t->instance);

		if (t->done)
			continue;
		if (peer && peer->up) {
			snprintf(text, sizeof text, "%s did not answer in time", t->instance);
		} else {
			down_text(c, t->instance, down, sizeof down);
			snprintf(text, sizeof text, "%s", down);
		}
		settle(c, f, GV_DEADLINE_EXCEEDED, text);
		return;
	}
}

void gv_forward_go_on(struct gv_control *c)
{
	int64_t now = gv_control_now_ms();

	if (c->n_forwards == 0 || !c->directory)
		return;
	for (size_t i = 0; i < GV_FORWARDS_MAX; i++) {
		struct forward *f = c->forwards[i];
		if (f && !advance(c, f) && now > f->deadline_ms)
			expire(c, f);
	}
}

static struct forward *new_forward(struct gv_control *c, const struct origin *from, const Env__Call *call,
				   const struct gv_route *route)
{
	struct forward *f = calloc(1, sizeof *f);
	int64_t now = gv_control_now_ms();

	if (!f)
		return NULL;
	f->id = (c->o.incarnation << 40) | (++c->calls & 0xffffffffffull);
	f->from = *from;
	f->method = strdup(call->method);
	f->request_size = call->request.len;
	f->request = malloc(f->request_size ? f->request_size : 1);
	f->targets = calloc(route->count, sizeof *f->targets);
	if (!f->method || !f->request || !f->targets) {
		free_forward(f);
		return NULL;
	}
	if (f->request_size)
		memcpy(f->request, call->request.data, f->request_size);
	f->deadline_ms = call->deadline_ms > 0 ? call->deadline_ms : now + GV_FORWARD_TIMEOUT_MS;
	if (f->deadline_ms > now + GV_FORWARD_TIMEOUT_MAX_MS)
		f->deadline_ms = now + GV_FORWARD_TIMEOUT_MAX_MS;
	f->count = route->count;
	for (size_t i = 0; i < route->count; i++)
		snprintf(f->targets[i].instance, sizeof f->targets[i].instance, "%s", route->peers[i]->name);
	return f;
}

void gv_forward_call(struct gv_control *c, const struct origin *from, const Env__Call *call)
{
	struct client *client = gv_control_client(c, from->identity, from->identity_size);
	struct gv_route route;
	struct forward *f;

	if (!c->directory) {
		gv_control_reply(c, from, GV_UNAVAILABLE, "the node is starting", NULL, 0);
		return;
	}
	gv_directory_route(c->directory, call->method, call->to, &route);
	if (route.code != GV_OK) {
		gv_control_reply(c, from, route.code, route.error, NULL, 0);
		return;
	}
	/* The slot of the next id may still be taken by an old call: ids are dense, so that means that too many wait.
	 */
	if (c->forwards[(((c->calls + 1) & 0xffffffffffull) | (c->o.incarnation << 40)) % GV_FORWARDS_MAX]) {
		c->calls++;
		gv_control_reply(c, from, GV_RESOURCE_EXHAUSTED, "too many calls wait for an answer: try again later",
				 NULL, 0);
		return;
	}
	f = new_forward(c, from, call, &route);
	if (!f) {
		gv_control_reply(c, from, GV_RESOURCE_EXHAUSTED, "out of memory", NULL, 0);
		return;
	}
	c->forwards[f->id % GV_FORWARDS_MAX] = f;
	c->n_forwards++;
	if (client)
		client->calls++;
	advance(c, f);
}

static void acknowledge(struct gv_control *c, const char *instance, uint64_t id)
{
	Env__Item item = ENV__ITEM__INIT;
	Env__CallAck ack = ENV__CALL_ACK__INIT;

	ack.ids = &id;
	ack.n_ids = 1;
	item.kind_case = ENV__ITEM__KIND_CALL_ACK;
	item.call_ack = &ack;
	gv_control_send_peer(c, instance, &item, true);
}

void gv_forward_reply(struct gv_control *c, const char *from, const Env__Reply *reply)
{
	struct forward *f = c->forwards[reply->id % GV_FORWARDS_MAX];

	if (reply->kept)
		acknowledge(c, from, reply->id);
	if (!f || f->id != reply->id)
		return; /* too late: it has been answered */
	for (size_t i = 0; i < f->count; i++)
		if (!f->targets[i].done && strcmp(f->targets[i].instance, from) == 0) {
			take(c, f, &f->targets[i], (enum gv_code)reply->code, reply->error, &reply->reply);
			return;
		}
}

void gv_forward_fini(struct gv_control *c)
{
	for (size_t i = 0; i < GV_FORWARDS_MAX; i++)
		if (c->forwards[i])
			settle(c, c->forwards[i], GV_UNAVAILABLE, "the node is stopping");
}
