/* The test as a peer on the bus: calls services, subscribes to every event, and keeps its side of the protocol by its
 * own code, so that the actor's is checked against something other than itself. */
#include "private.h"

#include "kernel.schema.h"

#include <errno.h>
#include <galvan/envelope.pb-c.h>
#include <galvan/kernel.pb-c.h>
#include <lib/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROBE_CALL_MS 60000
#define PROBE_ROWS_A_PAGE 500

struct probe_call {
	struct host_answer answer;
	struct probe_call *parent; /* of a call that several instances are asked */
	unsigned waiting;          /* children without an answer */
	struct host_peer *to;
	uint64_t sent_to; /* incarnation */
	uint8_t *request;
	size_t request_size;
	int64_t deadline_ms;
	bool durable, acked;
	const struct gv_rpc *rpc;
};

struct probe_source {         /* an instance that emits */
	uint64_t incarnation; /* subscribed to */
	uint64_t cursor, acked;
	bool in_snapshot, asking;
	bool ack_due;
};

struct host_probe {
	struct host_peer *peer;
	struct probe_call **calls;
	size_t n_calls, cap_calls;
	struct host_event *events;
	size_t n_events, cap_events;
	struct probe_source sources[HOST_MAX_PEERS];
	bool hold_acks, durable, terse;
};

static void send_items(struct host *h, struct host_peer *to, Env__Item *items[], size_t n)
{
	Env__Packet p = ENV__PACKET__INIT;
	uint8_t *bytes;
	size_t size;

	p.from = h->probe->peer->name;
	p.incarnation = h->probe->peer->incarnation;
	p.items = items;
	p.n_items = n;
	size = env__packet__get_packed_size(&p);
	bytes = host_zalloc(size);
	env__packet__pack(&p, bytes);
	host_bus_send(h->probe->peer, to->name, bytes, size);
	free(bytes);
}

static void send_item(struct host *h, struct host_peer *to, Env__Item *item)
{
	send_items(h, to, &item, 1);
}

/* ---- calls ----------------------------------------------------------------------------------- */

static void send_call(struct host *h, struct probe_call *c)
{
	Env__Item item = ENV__ITEM__INIT;
	Env__Call call = ENV__CALL__INIT;

	if (!c->to->alive)
		return;
	call.id = c->answer.id;
	call.method = c->answer.method;
	call.request = (ProtobufCBinaryData){ c->request_size, c->request };
	call.deadline_ms = c->deadline_ms;
	call.again = c->sent_to != 0;
	call.durable = c->durable;
	item.kind_case = ENV__ITEM__KIND_CALL;
	item.call = &call;
	c->sent_to = c->to->incarnation;
	send_item(h, c->to, &item);
}

static void ack_call(struct host *h, struct probe_call *c)
{
	Env__Item item = ENV__ITEM__INIT;
	Env__CallAck ack = ENV__CALL_ACK__INIT;

	if (c->acked || h->probe->hold_acks)
		return;
	ack.ids = &c->answer.id;
	ack.n_ids = 1;
	item.kind_case = ENV__ITEM__KIND_CALL_ACK;
	item.call_ack = &ack;
	send_item(h, c->to, &item);
}

void host_hold_call_acks(struct host *h, bool hold)
{
	h->probe->hold_acks = hold;
}

void host_durable(struct host *h, bool durable)
{
	h->probe->durable = durable;
}

void host_terse(struct host *h, bool terse)
{
	h->probe->terse = terse;
}

static void fill_json(struct host *h, struct probe_call *c)
{
	struct gv_buf out = { 0 };

	if (h->probe->terse)
		return;
	if (c->answer.code == GV_OK &&
	    gv_json_write(c->rpc->output, c->answer.packed, c->answer.packed_size, 0, &out) < 0)
		host_fail(h, "%s answers with bytes that are no %s", c->answer.method, c->rpc->output->name);
	free(c->answer.json);
	c->answer.json = host_dup(gv_buf_str(&out), strlen(gv_buf_str(&out)));
	gv_buf_fini(&out);
}

/* An instance's part of an answer that several give: packed replies are merged by joining their bytes. */
static void add_part(struct host *h, struct probe_call *parent, const struct probe_call *part)
{
	struct host_answer *a = &parent->answer;
	uint8_t *joined = host_zalloc(a->packed_size + part->answer.packed_size);

	if (a->packed_size)
		memcpy(joined, a->packed, a->packed_size);
	if (part->answer.packed_size)
		memcpy(joined + a->packed_size, part->answer.packed, part->answer.packed_size);
	free(a->packed);
	a->packed = joined;
	a->packed_size += part->answer.packed_size;
	if (part->answer.code && !a->code) {
		a->code = part->answer.code;
		free(a->error);
		a->error = host_dup(part->answer.error, strlen(part->answer.error));
	}
	if (--parent->waiting)
		return;
	a->done = true;
	fill_json(h, parent);
}

static void receive_reply(struct host *h, struct host_peer *from, const Env__Reply *r)
{
	struct probe_call *c;

	host_check(h, r->id && r->id <= h->probe->n_calls, "%s answers a call that nobody made: %llx", from->name,
		   (unsigned long long)r->id);
	c = h->probe->calls[r->id - 1];
	host_check(h, c->to == from, "%s answers a call that %s was asked: %s", from->name, c->to->name,
		   c->answer.method);
	if (c->answer.done) {
		bool same = c->answer.code == r->code && c->answer.packed_size == r->reply.len &&
			    (!r->reply.len || !memcmp(c->answer.packed, r->reply.data, r->reply.len));

		/* a query may be answered anew; what wrote may not be told twice in two ways */
		host_check(h, same || !r->kept, "%s answers %s (%llx) a second time, otherwise than before: %u %s",
			   from->name, c->answer.method, (unsigned long long)r->id, r->code, r->error);
		c->answer.replies++;
	} else {
		c->answer.done = true;
		c->answer.replies = 1;
		c->answer.code = r->code;
		c->answer.error = host_dup(r->error, strlen(r->error));
		c->answer.packed = host_dup(r->reply.data, r->reply.len);
		c->answer.packed_size = r->reply.len;
		fill_json(h, c);
		if (c->parent)
			add_part(h, c->parent, c);
	}
	if (r->kept)
		ack_call(h, c);
}

static struct probe_call *new_call(struct host *h, const char *method, const void *request, size_t size)
{
	struct host_probe *p = h->probe;
	struct probe_call *c = host_zalloc(sizeof *c);

	c->rpc = gv_schema_method(host_schema(h), method);
	host_check(h, c->rpc, "no loaded schema has a method %s", method);
	c->answer.method = host_dup(method, strlen(method));
	c->answer.json = host_dup("", 0);
	c->request = host_dup(request, size);
	c->request_size = size;
	c->deadline_ms = h->now + PROBE_CALL_MS;
	c->durable = p->durable;
	if (p->n_calls == p->cap_calls) {
		p->cap_calls = p->cap_calls ? p->cap_calls * 2 : 64;
		p->calls = realloc(p->calls, p->cap_calls * sizeof *p->calls);
		if (!p->calls)
			abort();
	}
	p->calls[p->n_calls++] = c;
	c->answer.id = p->n_calls;
	return c;
}

static bool serves(const struct host_plugin *g, const char *service, size_t size)
{
	if (size == strlen("galvan.kernel.v1.Plugin") && !memcmp(service, "galvan.kernel.v1.Plugin", size))
		return true;
	for (const struct gv_service *s = g->record->serves; s && s->type; s++)
		if (strlen(s->type->name) == size && !memcmp(s->type->name, service, size))
			return true;
	return false;
}

static struct host_plugin *route(struct host *h, const char *method, const char *to)
{
	size_t service = strcspn(method, "/"), name = strcspn(to, ":.");
	struct host_plugin *only = NULL;

	for (size_t i = 0; i < h->n_plugins; i++) {
		struct host_plugin *g = &h->plugins[i];

		if (!serves(g, method, service))
			continue;
		if (strlen(g->name) == name && !memcmp(g->name, to, name))
			return g;
		only = only ? only : g;
	}
	host_check(h, only, "no loaded plugin serves %s", method);
	return only;
}

static struct probe_call *begin(struct host *h, const char *to, const char *method, const void *request, size_t size)
{
	struct probe_call *c = new_call(h, method, request, size);
	char key[512] = "";
	struct host_plugin *g = NULL;

	if (to)
		snprintf(key, sizeof key, "%s", to);
	else
		host_check(h, gv_type_key(c->rpc->input, c->request, size, key, sizeof key) == 0,
			   "the key of %s does not fit", method);
	c->to = host_peer(h, key);
	if (!c->to) {
		g = route(h, method, key);
		if (g->instances == 1 || (*key && strcmp(key, g->name) != 0)) {
			char name[80];

			key[strcspn(key, "/")] = 0;
			snprintf(name, sizeof name, "%s.%u", g->name,
				 g->instances == 1 ? 0 : gv_shard(key, g->instances));
			c->to = host_peer_or_fail(h, name);
		}
	}
	if (c->to) {
		send_call(h, c);
		return c;
	}
	c->waiting = g->instances;
	for (uint32_t i = 0; i < g->instances; i++) {
		struct probe_call *part = new_call(h, method, request, size);
		char name[80];

		snprintf(name, sizeof name, "%s.%u", g->name, i);
		part->parent = c;
		part->to = host_peer_or_fail(h, name);
		send_call(h, part);
	}
	return c;
}

static bool is_done(struct host *h, void *arg)
{
	return ((struct probe_call *)arg)->answer.done;
}

static struct host_answer *wait_for(struct host *h, struct probe_call *c)
{
	host_check(h, host_run_until(h, is_done, c, PROBE_CALL_MS), "%s is not answered", c->answer.method);
	return &c->answer;
}

struct host_answer *host_call_later(struct host *h, const char *to, const char *method, const char *json)
{
	const struct gv_rpc *rpc = gv_schema_method(host_schema(h), method);
	struct gv_json_error error = { 0 };
	struct gv_buf request = { 0 };
	struct probe_call *c;

	host_check(h, rpc, "no loaded schema has a method %s", method);
	if (gv_json_parse(rpc->input, json, strlen(json), 0, &request, &error) < 0)
		host_fail(h, "%s: %s: %s", method, error.path, error.text);
	c = begin(h, to, method, request.data, request.size);
	gv_buf_fini(&request);
	return &c->answer;
}

struct host_answer *host_say_later(struct host *h, const char *to, const char *method, const void *message)
{
	size_t size = protobuf_c_message_get_packed_size(message);
	uint8_t *packed = host_zalloc(size);
	struct probe_call *c;

	protobuf_c_message_pack(message, packed);
	c = begin(h, to, method, packed, size);
	free(packed);
	return &c->answer;
}

struct host_answer *host_call(struct host *h, const char *method, const char *json_fmt, ...)
{
	struct gv_buf json = { 0 };
	struct host_answer *a;
	va_list ap;

	va_start(ap, json_fmt);
	gv_buf_vprintf(&json, json_fmt, ap);
	va_end(ap);
	a = host_call_later(h, NULL, method, gv_buf_str(&json));
	gv_buf_fini(&json);
	return wait_for(h, h->probe->calls[a->id - 1]);
}

/* ---- what every run-time serves -------------------------------------------------------------- */

static void give_row(struct host *h, const Kernel__Row *row, void *arg,
		     void (*fn)(struct host *, void *, const char *const *, size_t, const char *))
{
	const struct gv_type *type = gv_schema_type(host_schema(h), row->type);
	struct gv_buf json = { 0 };

	if (type && gv_json_write(type, row->value.data, row->value.len, GV_JSON_SECRETS, &json) < 0)
		host_fail(h, "a row is no %s", row->type);
	fn(h, arg, (const char *const *)row->key, row->n_key, gv_buf_str(&json));
	gv_buf_fini(&json);
}

size_t host_rows(struct host *h, const char *instance, const char *table,
		 void (*fn)(struct host *h, void *arg, const char *const *key, size_t parts, const char *json),
		 void *arg)
{
	Kernel__ListRowsRequest q = KERNEL__LIST_ROWS_REQUEST__INIT;
	uint8_t *after = NULL, packed[1024];
	size_t total = 0, n;

	q.plugin = (char *)instance;
	q.table = (char *)table;
	q.limit = PROBE_ROWS_A_PAGE;
	do {
		struct host_answer *a;
		Kernel__ListRowsReply *reply;

		host_check(h, kernel__list_rows_request__get_packed_size(&q) <= sizeof packed,
			   "a key is too long to page by");
		a = wait_for(h, begin(h, instance, "galvan.kernel.v1.Plugin/ListRows", packed,
				      kernel__list_rows_request__pack(&q, packed)));
		host_check(h, a->code == GV_OK, "%s does not list the rows of %s: %s", instance, table, a->error);
		reply = kernel__list_rows_reply__unpack(NULL, a->packed_size, a->packed);
		host_check(h, reply, "%s lists malformed rows", instance);
		n = reply->n_rows;
		for (size_t i = 0; fn && i < n; i++)
			give_row(h, reply->rows[i], arg, fn);
		total += n;
		free(after);
		after = n ? host_dup(reply->rows[n - 1]->raw_key.data, reply->rows[n - 1]->raw_key.len) : NULL;
		if (n)
			q.after = (ProtobufCBinaryData){ reply->rows[n - 1]->raw_key.len, after };
		kernel__list_rows_reply__free_unpacked(reply, NULL);
	} while (n == PROBE_ROWS_A_PAGE);
	free(after);
	return total;
}

double host_counter(struct host *h, const char *instance, const char *name)
{
	struct host_peer *p = host_peer_or_fail(h, instance);
	const Kernel__Metric *const *list;
	char full[200];
	size_t n;

	snprintf(full, sizeof full, "galvan_%.*s_%s_total", (int)strcspn(instance, "."), instance, name);
	n = p->actor ? gv_actor_metrics(p->actor, &list) : 0;
	for (size_t i = 0; i < n; i++)
		if (!strcmp(list[i]->name, full))
			return list[i]->value;
	return 0;
}

size_t host_parked(struct host *h, const char *instance)
{
	Kernel__ListParkedRequest q = KERNEL__LIST_PARKED_REQUEST__INIT;
	Kernel__ListParkedReply *reply;
	struct host_answer *a;
	uint8_t packed[256];
	size_t n;

	q.plugin = (char *)instance;
	a = wait_for(h, begin(h, instance, "galvan.kernel.v1.Plugin/ListParked", packed,
			      kernel__list_parked_request__pack(&q, packed)));
	host_check(h, a->code == GV_OK, "%s does not list what it parked: %s", instance, a->error);
	reply = kernel__list_parked_reply__unpack(NULL, a->packed_size, a->packed);
	host_check(h, reply, "%s lists malformed parked messages", instance);
	n = reply->n_parked;
	for (size_t i = 0; i < n; i++)
		host_say(h, "%s has parked %s %s: %s", instance, reply->parked[i]->kind, reply->parked[i]->what,
			 reply->parked[i]->error);
	kernel__list_parked_reply__free_unpacked(reply, NULL);
	return n;
}

/* ---- events ---------------------------------------------------------------------------------- */

static void subscribe(struct host *h, size_t i)
{
	char *types[64];
	Env__Item item = ENV__ITEM__INIT;
	Env__Subscribe s = ENV__SUBSCRIBE__INIT;

	s.types = types;
	for (const struct gv_emits *e = h->peers[i].plugin->record->emits; e->type && s.n_types < 64; e++)
		types[s.n_types++] = (char *)e->type->name;
	s.cursor = h->probe->sources[i].cursor;
	item.kind_case = ENV__ITEM__KIND_SUBSCRIBE;
	item.subscribe = &s;
	h->probe->sources[i].in_snapshot = false;
	send_item(h, &h->peers[i], &item);
}

static void ack_events(struct host *h, void *arg, uint64_t i)
{
	struct probe_source *s = &h->probe->sources[i];
	Env__Item item = ENV__ITEM__INIT;
	Env__EventAck ack = ENV__EVENT_ACK__INIT;

	s->ack_due = false;
	if (s->cursor == s->acked || !h->peers[i].alive)
		return;
	ack.cursor = s->acked = s->cursor;
	item.kind_case = ENV__ITEM__KIND_EVENT_ACK;
	item.event_ack = &ack;
	send_item(h, &h->peers[i], &item);
}

static void keep_event(struct host *h, struct host_peer *from, const Env__Event *e, bool snapshot)
{
	struct host_probe *p = h->probe;
	const struct gv_type *type = gv_schema_type(host_schema(h), e->type);
	struct gv_buf json = { 0 };
	struct host_event *kept;

	if (type && !p->terse && gv_json_write(type, e->payload.data, e->payload.len, 0, &json) < 0)
		host_fail(h, "%s emitted bytes that are no %s", from->name, e->type);
	if (p->n_events == p->cap_events) {
		p->cap_events = p->cap_events ? p->cap_events * 2 : 256;
		p->events = realloc(p->events, p->cap_events * sizeof *p->events);
		if (!p->events)
			abort();
	}
	kept = &p->events[p->n_events++];
	*kept = (struct host_event){
		.instance = from->name,
		.type = host_dup(e->type, strlen(e->type)),
		.key = host_dup(e->key, strlen(e->key)),
		.json = host_dup(gv_buf_str(&json), strlen(gv_buf_str(&json))),
		.seq = e->seq,
		.time_ms = e->time_ms,
		.packed = host_dup(e->payload.data, e->payload.len),
		.packed_size = e->payload.len,
		.snapshot = snapshot,
	};
	host_say(h, "the test hears %s of %s: %s", e->type, from->name, kept->json);
	gv_buf_fini(&json);
}

static void ask_again(struct host *h, void *arg, uint64_t i)
{
	struct probe_source *s = &h->probe->sources[i];

	if (!s->asking)
		return;
	s->asking = false;
	if (h->peers[i].alive)
		subscribe(h, i);
}

static void receive_event(struct host *h, struct host_peer *from, const Env__Event *e)
{
	size_t i = (size_t)(from - h->peers);
	struct probe_source *s = &h->probe->sources[i];

	if (s->in_snapshot) {
		keep_event(h, from, e, true);
		return;
	}
	if (e->seq > s->cursor && e->prev != s->cursor) {
		if (!s->asking) {
			host_say(h, "the test misses events of %s between %llu and %llu", from->name,
				 (unsigned long long)s->cursor, (unsigned long long)e->seq);
			s->asking = true;
			host_at(h, h->now + 20, ask_again, NULL, i);
		}
		return;
	}
	if (e->seq > s->cursor) {
		s->cursor = e->seq;
		s->asking = false;
		keep_event(h, from, e, false);
	}
	if (!s->ack_due) {
		s->ack_due = true;
		host_at(h, h->now + (int64_t)(host_next(&h->rng_bus) % 50), ack_events, NULL, i);
	}
}

static void receive_snapshot(struct host *h, struct host_peer *from, const Env__Snapshot *m)
{
	struct probe_source *s = &h->probe->sources[from - h->peers];

	if (m->edge == ENV__SNAPSHOT__EDGE__BEGIN) {
		s->in_snapshot = true;
	} else if (s->in_snapshot) { /* without a begin it only confirms the subscription */
		s->in_snapshot = false;
		s->cursor = m->cursor;
	}
}

static bool wanted(const struct host_event *e, const char *type)
{
	return !type || !strcmp(e->type, type);
}

const struct host_event *host_event(struct host *h, const char *type, size_t i)
{
	if (!type)
		return i < h->probe->n_events ? &h->probe->events[i] : NULL;
	for (size_t j = 0; j < h->probe->n_events; j++)
		if (wanted(&h->probe->events[j], type) && !i--)
			return &h->probe->events[j];
	return NULL;
}

size_t host_events(struct host *h, const char *type)
{
	size_t n = 0;

	for (size_t j = 0; j < h->probe->n_events; j++)
		n += wanted(&h->probe->events[j], type);
	return n;
}

/* ---- the peer -------------------------------------------------------------------------------- */

void host_probe_receive(struct host *h, const uint8_t *packet, size_t size)
{
	Env__Packet *p = env__packet__unpack(NULL, size, packet);
	struct host_peer *from = p ? host_peer(h, p->from) : NULL;

	host_check(h, from, "a malformed packet reached the test");
	for (size_t i = 0; i < p->n_items && p->incarnation >= h->probe->sources[from - h->peers].incarnation; i++) {
		const Env__Item *item = p->items[i];

		if (item->kind_case == ENV__ITEM__KIND_REPLY)
			receive_reply(h, from, item->reply);
		else if (item->kind_case == ENV__ITEM__KIND_EVENT)
			receive_event(h, from, item->event);
		else if (item->kind_case == ENV__ITEM__KIND_SNAPSHOT)
			receive_snapshot(h, from, item->snapshot);
	}
	env__packet__free_unpacked(p, NULL);
}

void host_probe_directory(struct host *h)
{
	for (size_t i = 0; i < h->n_peers; i++) {
		struct host_peer *peer = &h->peers[i];
		struct probe_source *s = &h->probe->sources[i];

		if (!peer->plugin || !peer->alive || s->incarnation == peer->incarnation)
			continue;
		s->incarnation = peer->incarnation;
		s->asking = false;
		if (peer->plugin->record->emits)
			subscribe(h, i);
		for (size_t j = 0; j < h->probe->n_calls; j++) {
			struct probe_call *c = h->probe->calls[j];

			if (c->to == peer && !c->answer.done && c->sent_to != peer->incarnation &&
			    h->now < c->deadline_ms)
				send_call(h, c);
		}
	}
}

void host_probe_create(struct host *h)
{
	h->probe = host_zalloc(sizeof *h->probe);
	h->probe->peer = host_add_peer(h, NULL, "test", 0);
	h->probe->peer->alive = h->probe->peer->wanted = true;
	h->probe->peer->life = h->probe->peer->incarnation = 1;
	host_schema_learn(h, kernel_schema, sizeof kernel_schema, "the kernel");
}

void host_probe_destroy(struct host *h)
{
	struct host_probe *p = h->probe;

	for (size_t i = 0; p && i < p->n_calls; i++) {
		free(p->calls[i]->request);
		free(p->calls[i]->answer.method);
		free(p->calls[i]->answer.error);
		free(p->calls[i]->answer.json);
		free(p->calls[i]->answer.packed);
		free(p->calls[i]);
	}
	for (size_t i = 0; p && i < p->n_events; i++) {
		free((char *)p->events[i].type);
		free((char *)p->events[i].key);
		free((char *)p->events[i].json);
		free((uint8_t *)p->events[i].packed);
	}
	if (p) {
		free(p->calls);
		free(p->events);
	}
	free(p);
}
