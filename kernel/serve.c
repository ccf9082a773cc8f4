/* Calls, the callee's side: open tickets, and the answers of calls whose handler wrote, kept until nobody can ask
 * again. */
#include "actor_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PURGE_EVERY_MS 10000

static uint64_t ticket_id(struct gv_ticket k)
{
	return gv_hash_mix(k.caller, k.call);
}

static void answer_key(struct gv_ticket k, uint8_t ret[16])
{
	gv_key_u64(k.caller, ret);
	gv_key_u64(k.call, ret + 8);
}

static struct ticket *open_ticket(struct gv_actor *a, struct gv_ticket k, int64_t deadline_ms, bool durable)
{
	struct ticket *ticket = calloc(1, sizeof *ticket);
	if (!ticket)
		return NULL;
	*ticket = (struct ticket){ .ticket = k, .deadline_ms = deadline_ms, .durable = durable };
	if (gv_map_put(&a->tickets, ticket_id(k), ticket) < 0) {
		free(ticket);
		return NULL;
	}
	return ticket;
}

static void close_ticket(struct gv_actor *a, struct gv_ticket k)
{
	free(gv_map_take(&a->tickets, ticket_id(k)));
}

static void send_reply(struct gv_actor *a, struct peer *to, const Env__Reply *reply)
{
	Env__Item item = ENV__ITEM__INIT;
	item.kind_case = ENV__ITEM__KIND_REPLY;
	item.reply = (Env__Reply *)reply;
	gv_out_item(a, to, &item);
}

/* ---- a call comes in ------------------------------------------------------------------------- */

bool gv_calls_accept(struct gv_turn *t, struct peer *from, const Env__Call *c)
{
	struct gv_actor *a = t->a;
	struct gv_ticket k = { c->id, from->hash };
	if (c->deadline_ms < t->now_ms || gv_map_get(&a->tickets, ticket_id(k)))
		return false;
	uint8_t key[16];
	answer_key(k, key);
	Rows__Answer *kept = gv_get_row(a, a->answers, key, sizeof key, &rows__answer__descriptor);
	if (!kept)
		return true;
	if (kept->pending) /* its ticket was purged: it will be answered by who holds it, or never */
		return false;
	Env__Reply reply = ENV__REPLY__INIT;
	reply.id = c->id;
	reply.code = kept->code;
	reply.error = kept->error;
	reply.reply = kept->reply;
	reply.kept = true;
	send_reply(a, from, &reply);
	return false;
}

static const struct gv_method *find_method(const struct gv_plugin *p, const char *path,
					   const ProtobufCMethodDescriptor **ret)
{
	size_t n = strcspn(path, "/");
	for (const struct gv_service *s = p->serves; path[n] && s && s->type; s++) {
		if (strncmp(s->type->name, path, n) || s->type->name[n])
			continue;
		for (const struct gv_method *m = s->methods; m && m->name; m++) {
			const ProtobufCMethodDescriptor *d = protobuf_c_service_descriptor_get_method_by_name(s->type,
													      m->name);
			if (!strcmp(m->name, path + n + 1) && d) {
				*ret = d;
				return m;
			}
		}
	}
	return NULL;
}

int gv_calls_take(struct gv_turn *t, struct gv_ticket k, const Env__Call *c)
{
	if (!gv_map_get(&t->a->tickets, ticket_id(k)) && !open_ticket(t->a, k, c->deadline_ms, c->durable))
		return gv_turn_fail(t, -ENOMEM, "out of memory");
	return 0;
}

int gv_calls_serve(struct gv_turn *t, uint64_t caller, const Env__Call *c)
{
	struct gv_actor *a = t->a;
	struct gv_ticket k = { c->id, caller };
	a->count.calls_served++;
	if (gv_calls_take(t, k, c) < 0)
		return t->failed;
	if (gv_parking_serve(t, k, c))
		return t->failed;
	const ProtobufCMethodDescriptor *d;
	const struct gv_method *m = find_method(a->plugin, c->method, &d);
	if (!m)
		return gv_refuse(t, k, GV_UNIMPLEMENTED, "plugin %s does not serve %s", a->plugin->name, c->method);
	struct ticket *ticket = gv_map_get(&a->tickets, ticket_id(k));
	ticket->output = d->output;
	ProtobufCMessage *request = gv_turn_unpack(t, d->input, c->request.data, c->request.len);
	if (!request)
		return gv_refuse(t, k, GV_INVALID_ARGUMENT, "the request is no %s", d->input->name);
	return m->on(a->self, t, k, request);
}

/* ---- answering ------------------------------------------------------------------------------- */

static int add_reply(struct gv_turn *t, struct gv_ticket to, unsigned code, const char *error, const void *data,
		     size_t size, bool when_heard)
{
	for (size_t i = 0; i < t->replies.count; i++)
		if (t->replies.items[i].to.call == to.call && t->replies.items[i].to.caller == to.caller)
			return gv_turn_fail(t, -EALREADY, "a call was answered twice");
	struct reply *r = PUSH(t->replies);
	*r = (struct reply){ to, code, error, data, size, when_heard };
	return 0;
}

static int reply_message(struct gv_turn *t, struct gv_ticket to, const void *reply, bool when_heard)
{
	const struct ticket *ticket = gv_map_get(&t->a->tickets, ticket_id(to));
	const char *type = ((const ProtobufCMessage *)reply)->descriptor->name;
	if (ticket && ticket->output && strcmp(ticket->output->name, type))
		return gv_turn_fail(t, -EINVAL, "the answer must be a %s, not a %s", ticket->output->name, type);
	size_t size = protobuf_c_message_get_packed_size(reply);
	uint8_t *data = gv_alloc(t, size);
	protobuf_c_message_pack(reply, data);
	return add_reply(t, to, GV_OK, "", data, size, when_heard);
}

int gv_reply(struct gv_turn *t, struct gv_ticket to, const void *reply)
{
	return reply_message(t, to, reply, false);
}

int gv_reply_when_heard(struct gv_turn *t, struct gv_ticket to, const void *reply)
{
	return reply_message(t, to, reply, true);
}

int gv_reply_packed(struct gv_turn *t, struct gv_ticket to, const uint8_t *reply, size_t size)
{
	return add_reply(t, to, GV_OK, "", gv_arena_dup(&t->arena, reply, size), size, false);
}

int gv_calls_refuse_packed(struct gv_turn *t, struct gv_ticket to, unsigned code, const char *text)
{
	return add_reply(t, to, code, gv_arena_strdup(&t->arena, text), NULL, 0, false);
}

int gv_refuse(struct gv_turn *t, struct gv_ticket to, enum gv_code code, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	char text[1024];
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	return gv_calls_refuse_packed(t, to, code == GV_OK ? GV_UNKNOWN : code, text);
}

/* ---- the message has succeeded --------------------------------------------------------------- */

static int keep(struct gv_turn *t, struct gv_ticket k, int64_t deadline_ms, const struct reply *r)
{
	Rows__Answer row = ROWS__ANSWER__INIT;
	row.pending = !r;
	row.deadline_ms = deadline_ms;
	if (r) {
		row.code = r->code;
		row.error = (char *)r->error;
		row.reply = (ProtobufCBinaryData){ r->size, (uint8_t *)r->data };
	}
	uint8_t key[16];
	answer_key(k, key);
	return gv_turn_put(t, t->a->answers, key, sizeof key, &row);
}

/* Waits with the reply, packed, until the events of this message have been heard. The seq is known when the journal has
 * been written. */
static int hold_until_heard(struct gv_turn *t, struct peer *to, const Env__Reply *reply, int64_t deadline_ms)
{
	Env__Item item = ENV__ITEM__INIT;
	item.kind_case = ENV__ITEM__KIND_REPLY;
	item.reply = (Env__Reply *)reply;
	size_t size = env__item__get_packed_size(&item);
	struct waiting_reply *w = calloc(1, sizeof *w + size);
	if (!w)
		return gv_turn_fail(t, -ENOMEM, "out of memory");
	w->to = to;
	w->size = size;
	for (size_t i = t->emitted_mark; i < t->emitted.count; i++)
		w->mask |= 1ull << t->emitted.items[i].type;
	w->mask &= t->a->registered_mask;
	w->seq = t->emitted.count; /* as a count of this turn's events, until gv_calls_heard_from */
	int64_t latest = t->now_ms + GV_HEARD_TIMEOUT_MS;
	w->until_ms = deadline_ms < latest ? deadline_ms : latest;
	env__item__pack(&item, w->item);
	struct waiting_reply **waiting = PUSH(t->waiting);
	*waiting = w;
	return 0;
}

static int settle_reply(struct gv_turn *t, const struct reply *r)
{
	struct gv_actor *a = t->a;
	struct ticket *ticket = gv_map_get(&a->tickets, ticket_id(r->to));
	if (!ticket) {
		gv_log(t, GV_DEBUG, "A call was answered twice or too late. call=%llx", (unsigned long long)r->to.call);
		return 0;
	}
	bool kept = t->wrote || ticket->row || ticket->durable;
	if (kept && keep(t, r->to, ticket->deadline_ms, r) < 0)
		return t->failed;
	ticket->row |= kept;
	struct peer *to = gv_peer_hashed(a, r->to.caller);
	Env__Reply reply = ENV__REPLY__INIT;
	reply.id = r->to.call;
	reply.code = r->code;
	reply.error = (char *)r->error;
	reply.reply = (ProtobufCBinaryData){ r->size, (uint8_t *)r->data };
	reply.kept = kept;
	int r2 = 0;
	if (to && r->when_heard && t->emitted.count > t->emitted_mark)
		r2 = hold_until_heard(t, to, &reply, ticket->deadline_ms);
	else if (to)
		send_reply(a, to, &reply);
	close_ticket(a, r->to);
	return r2;
}

int gv_calls_settle(struct gv_turn *t)
{
	for (size_t i = 0; i < t->replies.count; i++)
		if (settle_reply(t, &t->replies.items[i]) < 0)
			return t->failed;
	const struct message *m = t->message;
	if (!m || m->kind != M_CALL || !t->wrote) /* no message: start */
		return 0;
	struct gv_ticket k = { m->call->id, m->from->hash };
	struct ticket *ticket = gv_map_get(&t->a->tickets, ticket_id(k));
	if (!ticket || ticket->row)
		return 0;
	ticket->row = true;
	return keep(t, k, ticket->deadline_ms, NULL);
}

/* The handler failed for good: its caller is told, and a repeat will be told the same where a row says so. */
int gv_calls_give_up(struct gv_turn *t, struct gv_ticket k, unsigned code, const char *why)
{
	t->replies.count = 0;
	gv_calls_refuse_packed(t, k, code, why);
	return settle_reply(t, &t->replies.items[0]);
}

/* ---- rows that nobody needs ------------------------------------------------------------------ */

void gv_calls_acked(struct gv_actor *a, struct peer *from, const Env__CallAck *ack)
{
	for (size_t i = 0; i < ack->n_ids; i++) {
		struct gv_ticket *k = PUSH(a->acked_calls);
		*k = (struct gv_ticket){ ack->ids[i], from->hash };
	}
}

static int purge_expired(struct gv_turn *t)
{
	struct gv_actor *a = t->a;
	struct gv_walk w = { .table = a->answers };
	while (gv_walk(a->store, &w)) {
		Rows__Answer *row = gv_turn_unpack(t, &rows__answer__descriptor, w.value, w.size);
		if (row && row->deadline_ms + GV_ANSWER_KEEP_MS > t->now_ms)
			continue;
		int r = gv_walk_delete(a->store, &w);
		if (r < 0) {
			gv_walk_end(&w);
			return r;
		}
	}
	return w.error;
}

static void purge_tickets(struct gv_actor *a, int64_t now_ms)
{
	VECTOR(struct gv_ticket) late = { 0 };
	size_t i = 0;
	for (struct ticket *k; (k = gv_map_next(&a->tickets, &i));) {
		if (k->deadline_ms + GV_ANSWER_KEEP_MS > now_ms)
			continue;
		struct gv_ticket *item = PUSH(late);
		*item = k->ticket;
	}
	for (size_t j = 0; j < late.count; j++)
		close_ticket(a, late.items[j]);
	free(late.items);
}

int gv_calls_purge(struct gv_turn *t)
{
	struct gv_actor *a = t->a;
	if (t->now_ms >= a->tickets_purge_ms) {
		a->tickets_purge_ms = t->now_ms + PURGE_EVERY_MS;
		purge_tickets(a, t->now_ms);
		int r = purge_expired(t);
		if (r < 0)
			return r;
	}
	for (size_t i = 0; i < a->acked_calls.count; i++) {
		uint8_t key[16];
		answer_key(a->acked_calls.items[i], key);
		int r = gv_store_delete(a->store, a->answers, key, sizeof key);
		if (r < 0 && r != -ENOENT)
			return r;
	}
	a->acked_calls.count = 0;
	return 0;
}

/* Calls taken before the last restart and not answered yet: their tickets lie in the plugin's tables. */
int gv_tickets_open(struct gv_actor *a)
{
	struct gv_walk w = { .table = a->answers };
	while (gv_walk(a->store, &w)) {
		Rows__Answer *row = gv_turn_unpack(&a->turn, &rows__answer__descriptor, w.value, w.size);
		if (!row || !row->pending)
			continue;
		struct gv_ticket k = { gv_u64_key((const uint8_t *)w.key + 8), gv_u64_key(w.key) };
		struct ticket *ticket = open_ticket(a, k, row->deadline_ms, false);
		if (!ticket) {
			gv_walk_end(&w);
			return -ENOMEM;
		}
		ticket->row = true;
	}
	return w.error;
}

void gv_tickets_fini(struct gv_actor *a)
{
	size_t i = 0;
	for (struct ticket *k; (k = gv_map_next(&a->tickets, &i));)
		free(k);
	gv_map_fini(&a->tickets);
	free(a->acked_calls.items);
	while (a->waiting) {
		struct waiting_reply *w = a->waiting;
		a->waiting = w->next;
		free(w);
	}
}

/* The call will be handled later: a repeat of it must not run the handler again, not even after a restart. */
int gv_calls_pend(struct gv_turn *t, struct gv_ticket k)
{
	struct ticket *ticket = gv_map_get(&t->a->tickets, ticket_id(k));
	if (!ticket || ticket->row)
		return 0;
	ticket->row = true;
	return keep(t, k, ticket->deadline_ms, NULL);
}
