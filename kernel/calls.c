/* Calls, the caller's side: routing, windows, deadlines, repeats, and calls with a note that outlive a crash. The
 * callee's side is serve.c. */
#include "actor_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *gv_code_name(unsigned code)
{
	static const char *const names[] = {
		"ok",        "cancelled",      "unknown",           "invalid_argument",   "deadline_exceeded",
		"not_found", "already_exists", "permission_denied", "resource_exhausted", "failed_precondition",
		"aborted",   "out_of_range",   "unimplemented",     "internal",           "unavailable",
		"data_loss", "unauthenticated"
	};
	return code < sizeof names / sizeof *names ? names[code] : "unknown";
}

static int64_t when(const void *item)
{
	return ((const struct outcall *)item)->deadline_ms;
}

static void moved(void *item, size_t index)
{
	((struct outcall *)item)->heap_index = index;
}

static void scatter_release(struct scatter *s)
{
	if (!s || --s->waiting)
		return;
	gv_buf_fini(&s->merged);
	free(s->error);
	free(s);
}

void gv_outcall_free(struct outcall *c)
{
	if (!c)
		return;
	scatter_release(c->scatter);
	free(c->to_name);
	free(c->method);
	free(c->request);
	free(c->note_type);
	free(c->note);
	free(c);
}

void gv_outcall_forget(struct gv_actor *a, struct outcall *c)
{
	gv_map_take(&a->outcalls, c->id);
	if (c->heap_index != SIZE_MAX)
		gv_heap_remove(&a->deadlines, c->heap_index, when, moved);
	if (c->to && c->to->outstanding)
		c->to->outstanding--;
	gv_outcall_free(c);
}

static int remember(struct gv_actor *a, struct outcall *c)
{
	c->heap_index = SIZE_MAX;
	int r = gv_map_put(&a->outcalls, c->id, c);
	return r < 0 ? r : gv_heap_add(&a->deadlines, c, when, moved);
}

/* ---- who is meant ---------------------------------------------------------------------------- */

static struct peer *peer_instance(const struct gv_actor *a, const char *plugin, size_t n, const char *key)
{
	for (size_t i = 0; i < a->peers.count; i++) {
		struct peer *p = a->peers.items[i];
		if (!p->listed || strncmp(p->plugin, plugin, n) || p->plugin[n])
			continue;
		if (p->instances <= 1 || p->instance == gv_shard(key, p->instances))
			return p;
	}
	return NULL;
}

static bool serves(const struct peer *p, const char *service, size_t n)
{
	for (char **s = p->serves; s && *s; s++)
		if (!strncmp(*s, service, n) && !(*s)[n])
			return true;
	return false;
}

static bool is_other(const struct peer *p)
{
	return p->listed && !p->self;
}

/* The instances that a call goes to, at most `max`; 0 with *ret_why set where there is none. */
static size_t route(const struct gv_actor *a, const char *to, const char *method, struct peer **ret, size_t max,
		    char *ret_why, size_t why_size)
{
	size_t service = strcspn(method, "/"), n = 0;
	if (to && *to) {
		struct peer *exact = gv_peer_named(a, to);
		size_t plugin = strcspn(to, ":");
		if (exact && exact->listed) {
			ret[n++] = exact;
		} else if (to[plugin] == ':') {
			ret[0] = peer_instance(a, to, plugin, to);
			n = ret[0] ? 1 : 0;
		} else {
			for (size_t i = 0; i < a->peers.count && n < max; i++)
				if (is_other(a->peers.items[i]) && !strcmp(a->peers.items[i]->plugin, to))
					ret[n++] = a->peers.items[i];
		}
		if (!n)
			snprintf(ret_why, why_size, "no plugin \"%.*s\" in this node (from \"%s\")", (int)plugin, to,
				 to);
		return n;
	}
	for (size_t i = 0; i < a->peers.count && n < max; i++)
		if (is_other(a->peers.items[i]) && serves(a->peers.items[i], method, service))
			ret[n++] = a->peers.items[i];
	if (!n)
		snprintf(ret_why, why_size, "no plugin of this node serves %.*s", (int)service, method);
	return n;
}

static const struct rpc *find_rpc(const struct gv_actor *a, const char *method)
{
	for (size_t i = 0; i < a->n_rpcs; i++)
		if (!strcmp(a->rpcs[i].path, method))
			return &a->rpcs[i];
	return NULL;
}

static const char *request_key(const struct rpc *rpc, const void *request)
{
	for (unsigned i = 0; i < rpc->n_keys; i++) {
		const char *key = *(char *const *)((const char *)request + rpc->key_offsets[i]);
		if (key && *key)
			return key;
	}
	return NULL;
}

/* ---- making a call --------------------------------------------------------------------------- */

static int fill_request(struct outcall *c, const struct gv_call *call)
{
	const ProtobufCMessage *m = call->request;
	c->request_size = m ? protobuf_c_message_get_packed_size(m) : call->packed_size;
	c->request = malloc(c->request_size + 1);
	if (!c->request)
		return -ENOMEM;
	if (m)
		protobuf_c_message_pack(m, c->request);
	else if (c->request_size)
		memcpy(c->request, call->packed, c->request_size);
	return 0;
}

static int fill_note(struct gv_turn *t, struct outcall *c, const void *note)
{
	if (!note)
		return 0;
	const ProtobufCMessage *m = note;
	if (!gv_note_type(t->a, m->descriptor->name))
		return gv_turn_fail(t, -EINVAL, "%s is not among the record's notes", m->descriptor->name);
	c->durable = true;
	c->note_type = strdup(m->descriptor->name);
	c->note_size = protobuf_c_message_get_packed_size(m);
	c->note = malloc(c->note_size + 1);
	if (!c->note_type || !c->note)
		return -ENOMEM;
	protobuf_c_message_pack(m, c->note);
	return 0;
}

static int write_row(struct gv_turn *t, const struct outcall *c)
{
	Rows__OutCall row = ROWS__OUT_CALL__INIT;
	row.to = c->to_name;
	row.method = c->method;
	row.request = (ProtobufCBinaryData){ c->request_size, c->request };
	row.deadline_ms = c->deadline_ms;
	row.note_type = c->note_type;
	row.note = (ProtobufCBinaryData){ c->note_size, c->note };
	uint8_t key[8];
	gv_key_u64(c->id, key);
	return gv_turn_put(t, t->a->calls_rows, key, sizeof key, &row);
}

/* The call joins the turn's; it is remembered and sent when the turn has committed. */
static int make(struct gv_turn *t, const struct gv_call *call, struct peer *to, const char *to_name,
		struct scatter *scatter)
{
	struct gv_actor *a = t->a;
	struct outcall *c = calloc(1, sizeof *c);
	if (!c)
		return gv_turn_fail(t, -ENOMEM, "out of memory");
	int64_t timeout = call->timeout_ms > 0 ? call->timeout_ms : GV_CALL_TIMEOUT_MS;
	c->id = a->next_call++;
	c->to = to;
	c->tag = call->tag;
	c->deadline_ms = t->now_ms + (timeout < GV_CALL_TIMEOUT_MAX_MS ? timeout : GV_CALL_TIMEOUT_MAX_MS);
	c->method = strdup(call->method);
	c->to_name = strdup(to ? to->name : to_name);
	c->scatter = scatter;
	if (scatter) {
		scatter->waiting++;
		scatter->expected++;
	}
	struct outcall **made = PUSH(t->calls);
	*made = c; /* from here on an undo frees it */
	if (!c->method || !c->to_name || fill_request(c, call) < 0 || fill_note(t, c, call->note) < 0)
		return gv_turn_fail(t, -ENOMEM, "out of memory");
	return c->durable ? write_row(t, c) : 0;
}

static unsigned made_now(const struct gv_turn *t, const struct peer *p)
{
	unsigned n = 0;
	for (size_t i = 0; i < t->calls.count; i++)
		n += t->calls.items[i]->to == p;
	return n;
}

static bool calls_service(const struct gv_actor *a, const char *method)
{
	size_t n = strcspn(method, "/");
	for (const ProtobufCServiceDescriptor *const *s = a->plugin->calls; s && *s; s++)
		if (!strncmp((*s)->name, method, n) && !(*s)->name[n])
			return true;
	return false;
}

int gv_call(struct gv_turn *t, const struct gv_call *call)
{
	struct gv_actor *a = t->a;
	const struct rpc *rpc = find_rpc(a, call->method);
	if (!rpc && !(a->plugin->calls_any && !call->request))
		return gv_turn_fail(t, -EPERM,
				    calls_service(a, call->method)
					    ? "%s: the service has no such method"
					    : "%s belongs to no service among the record's calls",
				    call->method);
	if (rpc && call->request &&
	    strcmp(((const ProtobufCMessage *)call->request)->descriptor->name, rpc->input->name))
		return gv_turn_fail(t, -EINVAL, "%s takes a %s, not a %s", call->method, rpc->input->name,
				    ((const ProtobufCMessage *)call->request)->descriptor->name);
	const char *to = call->to ? call->to : call->request && rpc ? request_key(rpc, call->request) : NULL;
	struct peer *peers[GV_MAX_INSTANCES];
	char why[256];
	size_t n = route(a, to, call->method, peers, GV_MAX_INSTANCES, why, sizeof why);
	if (n > 1 && call->note)
		return gv_turn_fail(t, -EINVAL, "%s goes to several instances: a call with a note needs one",
				    call->method);
	if (!n)
		return make(t, call, NULL, to ? to : "", NULL); /* answered at once, see gv_calls_commit */
	for (size_t i = 0; i < n; i++)
		if (peers[i]->outstanding + made_now(t, peers[i]) >= GV_CALL_WINDOW)
			return -ENOSPC;
	struct scatter *scatter = n > 1 ? calloc(1, sizeof *scatter) : NULL;
	if (n > 1 && !scatter)
		return gv_turn_fail(t, -ENOMEM, "out of memory");
	for (size_t i = 0; i < n; i++) {
		int r = make(t, call, peers[i], NULL, scatter);
		if (r < 0)
			return r;
	}
	a->count.calls_made++;
	return 0;
}

/* ---- sending and repeating ------------------------------------------------------------------- */

static void send_call(struct gv_actor *a, struct outcall *c)
{
	Env__Call call = ENV__CALL__INIT;
	call.id = c->id;
	call.method = c->method;
	call.request = (ProtobufCBinaryData){ c->request_size, c->request };
	call.deadline_ms = c->deadline_ms;
	call.again = c->sent;
	call.durable = c->durable;
	Env__Item item = ENV__ITEM__INIT;
	item.kind_case = ENV__ITEM__KIND_CALL;
	item.call = &call;
	gv_out_item(a, c->to, &item);
	c->sent = true;
}

/* An answer that nobody sent: deadline passed, nobody there. */
static void answer_here(struct gv_actor *a, struct outcall *c, unsigned code, const char *text)
{
	if (c->answered)
		return;
	struct message m = { .kind = M_ANSWER };
	m.answer.call = c;
	m.answer.code = code;
	m.answer.owned = strdup(text);
	m.answer.error = m.answer.owned;
	if (gv_inbox_add(a, m) == 0)
		c->answered = true;
	else
		free(m.answer.owned);
}

static void refuse_unroutable(struct gv_actor *a, struct outcall *c)
{
	char why[256];
	struct peer *none[1];
	if (route(a, *c->to_name ? c->to_name : NULL, c->method, none, 1, why, sizeof why))
		snprintf(why, sizeof why, "%s came up only now: call again", none[0]->name);
	answer_here(a, c, *c->to_name ? GV_NOT_FOUND : GV_UNIMPLEMENTED, why);
}

static void answer_gone(struct gv_actor *a, struct outcall *c)
{
	char text[256];
	snprintf(text, sizeof text, "%s is not running and will not come back by itself: see `galvan ctl status`",
		 c->to->name);
	answer_here(a, c, GV_UNAVAILABLE, text);
}

static void send_or_refuse(struct gv_actor *a, struct outcall *c)
{
	if (c->answered)
		return;
	if (!c->to) {
		if (a->directory_seen)
			refuse_unroutable(a, c);
	} else if (c->to->gone && !c->durable) {
		answer_gone(a, c);
	} else if (c->to->up || c->to->newest > c->to->incarnation) {
		send_call(a, c);
	}
}

void gv_calls_commit(struct gv_turn *t)
{
	struct gv_actor *a = t->a;
	for (size_t i = 0; i < t->calls.count; i++) {
		struct outcall *c = t->calls.items[i];
		if (remember(a, c) < 0) {
			gv_actor_log(a, GV_ERR,
				     "Out of memory for a call; it will be repeated after a restart if it has a note. "
				     "method=%s",
				     c->method);
			continue;
		}
		if (c->to)
			c->to->outstanding++;
		send_or_refuse(a, c);
	}
	t->calls.count = 0;
	for (size_t i = 0; i < t->answered.count; i++)
		gv_outcall_forget(a, t->answered.items[i]);
	t->answered.count = 0;
}

void gv_calls_peer_up(struct gv_actor *a, struct peer *p)
{
	size_t i = 0;
	for (struct outcall *c; (c = gv_map_next(&a->outcalls, &i));)
		if (c->to == p)
			send_or_refuse(a, c);
}

/* Made in start, or taken over from before a restart: now it is known who there is. */
static void find_callee(struct gv_actor *a, struct outcall *c)
{
	struct peer *peers[1];
	char why[256];
	if (!route(a, *c->to_name ? c->to_name : NULL, c->method, peers, 1, why, sizeof why)) {
		if (!c->durable)
			answer_here(a, c, *c->to_name ? GV_NOT_FOUND : GV_UNIMPLEMENTED, why);
		return;
	}
	c->to = peers[0];
	c->to->outstanding++;
	if (c->to->up)
		send_or_refuse(a, c);
}

void gv_calls_directory(struct gv_actor *a)
{
	size_t i = 0;
	for (struct outcall *c; (c = gv_map_next(&a->outcalls, &i));) {
		if (c->answered)
			continue;
		if (!c->to)
			find_callee(a, c);
		else if (!c->durable && (c->to->gone || !c->to->listed))
			answer_gone(a, c);
	}
}

void gv_calls_tick(struct gv_actor *a, int64_t now_ms)
{
	while (a->deadlines.count) {
		struct outcall *c = a->deadlines.items[0];
		if (c->deadline_ms > now_ms)
			break;
		gv_heap_remove(&a->deadlines, 0, when, moved);
		c->heap_index = SIZE_MAX;
		char text[256];
		snprintf(text, sizeof text, "%s did not answer %s in time", *c->to_name ? c->to_name : "nobody",
			 c->method);
		answer_here(a, c, GV_DEADLINE_EXCEEDED, text);
	}
}

int64_t gv_calls_next_ms(const struct gv_actor *a)
{
	return a->deadlines.count ? ((struct outcall *)a->deadlines.items[0])->deadline_ms : INT64_MAX;
}

/* ---- answers --------------------------------------------------------------------------------- */

static void acknowledge(struct gv_actor *a, struct peer *to, uint64_t id)
{
	Env__CallAck ack = ENV__CALL_ACK__INIT;
	ack.ids = &id;
	ack.n_ids = 1;
	Env__Item item = ENV__ITEM__INIT;
	item.kind_case = ENV__ITEM__KIND_CALL_ACK;
	item.call_ack = &ack;
	gv_out_item(a, to, &item);
}

void gv_calls_reply_in(struct gv_actor *a, struct peer *from, struct packet *packet, const Env__Reply *r)
{
	struct outcall *c = gv_map_get(&a->outcalls, r->id);
	if (!c) {
		if (r->kept)
			acknowledge(a, from, r->id); /* handled before: the callee must not keep it for ever */
		return;
	}
	if (c->answered || c->to != from)
		return;
	struct message m = { .kind = M_ANSWER, .packet = packet, .from = from, .size = r->reply.len };
	m.answer.call = c;
	m.answer.code = r->code;
	m.answer.error = r->error;
	m.answer.reply = r->reply.data;
	m.answer.reply_size = r->reply.len;
	m.answer.kept = r->kept;
	if (gv_inbox_add(a, m) == 0)
		c->answered = true;
}

int gv_calls_deliver_answer(struct gv_turn *t, const char *method, const char *note_type, const void *note,
			    size_t note_size, uint64_t tag, unsigned code, const char *error, const void *reply,
			    size_t reply_size)
{
	struct gv_actor *a = t->a;
	const struct rpc *rpc = find_rpc(a, method);
	struct gv_answer answer = { .method = method, .tag = tag, .code = code, .error = error ? error : "" };
	if (note_type && *note_type) {
		const ProtobufCMessageDescriptor *d = gv_note_type(a, note_type);
		answer.note = d ? gv_turn_unpack(t, d, note, note_size) : NULL;
		if (!answer.note)
			return gv_turn_fail(t, -EBADMSG,
					    "the note of a call of %s is a %s, which this version does not know",
					    method, note_type);
	}
	if (code == GV_OK) {
		answer.packed = reply;
		answer.packed_size = reply_size;
		answer.reply = rpc ? gv_turn_unpack(t, rpc->output, reply, reply_size) : NULL;
		if (rpc && !answer.reply)
			return gv_turn_fail(t, -EBADMSG, "the reply to %s is malformed", method);
	}
	return a->plugin->on_answer ? a->plugin->on_answer(a->self, t, &answer) : 0;
}

/* One of several: the last one to come delivers what all said. Nothing is lost if the handler fails: a query has no
 * effects to keep. */
static int gather(struct gv_turn *t, struct outcall *c, const struct message *m)
{
	struct scatter *s = c->scatter;
	if (m->answer.code == GV_OK) {
		gv_buf_add(&s->merged, m->answer.reply, m->answer.reply_size);
		s->answered++;
	} else if (!s->code) {
		s->code = m->answer.code;
		s->error = strdup(m->answer.error ? m->answer.error : "");
	}
	if (++s->seen < s->expected)
		return 0;
	/* Several serve but not each must know the thing asked for: one answer is enough. */
	unsigned code = s->answered ? GV_OK : s->code;
	return gv_calls_deliver_answer(t, c->method, NULL, NULL, 0, c->tag, code, s->error,
				       s->merged.data ? s->merged.data : (void *)"", s->merged.size);
}

int gv_calls_answer(struct gv_turn *t, struct message *m)
{
	struct outcall *c = m->answer.call;
	if (c->scatter)
		return gather(t, c, m);
	if (c->durable) {
		uint8_t key[8];
		gv_key_u64(c->id, key);
		if (gv_turn_delete(t, t->a->calls_rows, key, sizeof key) < 0)
			return t->failed;
	}
	return gv_calls_deliver_answer(t, c->method, c->note_type, c->note, c->note_size, c->tag, m->answer.code,
				       m->answer.error, m->answer.reply ? m->answer.reply : (const uint8_t *)"",
				       m->answer.reply_size);
}

/* The answer has been handled (or held): forget the call when the turn has committed. */
void gv_calls_answered(struct gv_turn *t, const struct message *m)
{
	struct outcall **done = PUSH(t->answered);
	*done = m->answer.call;
	if (m->answer.kept && m->from)
		acknowledge(t->a, m->from, m->answer.call->id);
}

/* ---- start and end --------------------------------------------------------------------------- */

static struct outcall *from_row(const Rows__OutCall *row, uint64_t id)
{
	struct outcall *c = calloc(1, sizeof *c);
	if (!c)
		return NULL;
	c->id = id;
	c->durable = c->sent = true;
	c->deadline_ms = row->deadline_ms;
	c->to_name = strdup(row->to);
	c->method = strdup(row->method);
	c->note_type = strdup(row->note_type);
	c->request_size = row->request.len;
	c->note_size = row->note.len;
	c->request = malloc(c->request_size + 1);
	c->note = malloc(c->note_size + 1);
	if (!c->to_name || !c->method || !c->note_type || !c->request || !c->note) {
		gv_outcall_free(c);
		return NULL;
	}
	if (c->request_size)
		memcpy(c->request, row->request.data, c->request_size);
	if (c->note_size)
		memcpy(c->note, row->note.data, c->note_size);
	return c;
}

int gv_calls_open(struct gv_actor *a)
{
	a->next_call = a->incarnation << GV_ID_BITS;
	struct gv_walk w = { .table = a->calls_rows };
	while (gv_walk(a->store, &w)) {
		Rows__OutCall *row = gv_turn_unpack(&a->turn, &rows__out_call__descriptor, w.value, w.size);
		struct outcall *c = row ? from_row(row, gv_u64_key(w.key)) : NULL;
		int r = c ? remember(a, c) : -ENOMEM;
		if (r < 0) {
			gv_walk_end(&w);
			return r;
		}
	}
	return w.error < 0 ? w.error : gv_tickets_open(a);
}

void gv_calls_fini(struct gv_actor *a)
{
	size_t i = 0;
	for (struct outcall *c; (c = gv_map_next(&a->outcalls, &i));)
		gv_outcall_free(c);
	gv_map_fini(&a->outcalls);
	free(a->deadlines.items);
	for (size_t j = 0; j < a->n_rpcs; j++)
		free(a->rpcs[j].path);
	free(a->rpcs);
	gv_tickets_fini(a);
}
