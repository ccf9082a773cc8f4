/* The life of an actor and its turns: what comes in is put into the inbox, a turn takes a batch of it over one transaction, and what the turn
 * made leaves when the transaction has been committed. */
#include "actor_internal.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define STORE_FORMAT 1
static const uint8_t META_KEY[] = "meta";

/* ---- small things ---------------------------------------------------------------------------------------------------------------------------- */

uint32_t gv_shard(const char *key, uint32_t instances)
{
	return instances > 1 ? (uint32_t)(gv_hash(key, strcspn(key, "/")) % instances) : 0;
}

int64_t gv_now(const struct gv_actor *a)
{
	return a->env.now_ms(a->env.arg);
}

void gv_actor_log(struct gv_actor *a, enum gv_level level, const char *fmt, ...)
{
	char line[2048];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(line, sizeof line, fmt, ap);
	va_end(ap);
	a->env.log(a->env.arg, level, line);
}

int gv_die_at(struct gv_actor *a, enum gv_point where)
{
	if (a->dead == -ECANCELED)
		return -ECANCELED;
	if (!a->env.point || !a->env.point(a->env.arg, where))
		return 0;
	return a->dead = -ECANCELED;
}

void gv_key_u64(uint64_t v, uint8_t ret[8])
{
	for (int i = 7; i >= 0; i--, v >>= 8)
		ret[i] = (uint8_t)v;
}

uint64_t gv_u64_key(const void *key)
{
	const uint8_t *p = key;
	uint64_t v = 0;
	for (int i = 0; i < 8; i++)
		v = v << 8 | p[i];
	return v;
}

int gv_put_row(struct gv_actor *a, gv_dbi table, const void *key, size_t key_size, const void *message)
{
	void *to;
	int r = gv_store_put(a->store, table, key, key_size, protobuf_c_message_get_packed_size(message), &to);
	if (r == 0)
		protobuf_c_message_pack(message, to);
	return r;
}

void *gv_get_row(struct gv_actor *a, gv_dbi table, const void *key, size_t key_size, const ProtobufCMessageDescriptor *d)
{
	const void *data;
	size_t size;
	if (gv_store_get(a->store, table, key, key_size, &data, &size) < 0)
		return NULL;
	return gv_turn_unpack(&a->turn, d, data, size);
}

struct peer *gv_peer_named(const struct gv_actor *a, const char *name)
{
	for (size_t i = 0; i < a->peers.count; i++)
		if (!strcmp(a->peers.items[i]->name, name))
			return a->peers.items[i];
	return NULL;
}

struct peer *gv_peer_hashed(const struct gv_actor *a, uint64_t hash)
{
	for (size_t i = 0; i < a->peers.count; i++)
		if (a->peers.items[i]->hash == hash)
			return a->peers.items[i];
	return NULL;
}

/* ---- inbox ------------------------------------------------------------------------------------------------------------------------------------- */

int gv_inbox_add(struct gv_actor *a, struct message m)
{
	struct inbox *in = &a->inbox;
	if (in->count == in->capacity) {
		size_t capacity = in->capacity ? in->capacity * 2 : 64;
		struct message *ring = malloc(capacity * sizeof *ring);
		if (!ring)
			return -ENOMEM;
		for (size_t i = 0; i < in->count; i++)
			ring[i] = in->ring[(in->head + i) % in->capacity];
		free(in->ring);
		in->ring = ring;
		in->head = 0;
		in->capacity = capacity;
	}
	if (m.packet)
		m.packet->messages++;
	in->ring[(in->head + in->count++) % in->capacity] = m;
	in->bytes += m.size;
	return 0;
}

static struct message inbox_take(struct inbox *in)
{
	struct message m = in->ring[in->head];
	in->head = (in->head + 1) % in->capacity;
	in->count--;
	in->bytes -= m.size;
	return m;
}

static void packet_release(struct packet *p)
{
	if (!p || --p->messages)
		return;
	gv_arena_fini(&p->arena);
	free(p);
}

static void message_release(struct message *m)
{
	packet_release(m->packet);
	if (m->kind == M_ANSWER)
		free(m->answer.owned);
	else if (m->kind == M_TIMER)
		free(m->timer.name);
	else if (m->kind == M_CLOSE && m->made_here)
		free((void *)m->close);
}

bool gv_actor_full(const struct gv_actor *a)
{
	return a->inbox.bytes > GV_INBOX_BYTES;
}

/* ---- one message ---------------------------------------------------------------------------------------------------------------------------------- */

/* The same for a repeat of the message, in this incarnation and the next. 0: not worth a marker. */
static uint64_t identity(const struct message *m)
{
	switch (m->kind) {
	case M_EVENT:
		return gv_hash_mix(m->from->hash, m->event->seq) | 1;
	case M_CALL:
		return gv_hash_mix(m->from->hash ^ M_CALL, m->call->id) | 1;
	case M_ANSWER:
		return gv_hash_mix(M_ANSWER, m->answer.call->id) | 1;
	case M_FRAME:
		return gv_hash_mix(m->frame.conn, m->frame.seq) | 1;
	case M_TIMER:
		return gv_hash_mix(gv_hash_str(m->timer.name), (uint64_t)m->timer.at_ms) | 1;
	case M_HELD:
		return gv_hash_mix(M_HELD, m->held) | 1;
	default:
		return 0;
	}
}

static const char *call_key(struct gv_turn *t, const Env__Call *c)
{
	static char key[GV_KEY_MAX];
	const struct gv_rpc *rpc = gv_schema_method(t->a->schema, c->method);
	if (!rpc || gv_type_key(rpc->input, c->request.data, c->request.len, key, sizeof key) < 0)
		return "";
	return gv_arena_strdup(&t->arena, key);
}

/* True where the message has been dealt with before any handler: a repeat, or one that has to wait behind a held one. */
static bool set_aside(struct gv_turn *t, struct message *m, int *ret)
{
	struct gv_actor *a = t->a;
	*ret = 0;
	if (m->kind == M_FRAME && gv_frames_seen(t, &m->frame))
		return true;
	if (m->kind == M_CALL && !gv_calls_accept(t, m->from, m->call))
		return true;
	if (m->kind == M_EVENT && !m->event->follow && gv_parking_must_wait(a, m->from->name, m->event->key)) {
		Rows__Held row = ROWS__HELD__INIT;
		row.kind = ROWS__HELD__KIND__EVENT;
		row.from = m->from->name;
		row.what = m->event->type;
		row.key = m->event->key;
		row.payload = m->event->payload;
		row.id = m->event->seq;
		row.time_ms = m->event->time_ms;
		*ret = gv_parking_hold(t, &row);
		return true;
	}
	return false;
}

static int run_handler(struct gv_turn *t, struct message *m)
{
	struct gv_actor *a = t->a;
	switch (m->kind) {
	case M_EVENT:
		return gv_journal_deliver(t, m->from->name, m->event);
	case M_SNAPSHOT_EDGE:
		return gv_journal_edge(t, m->from, m->snapshot);
	case M_SNAPSHOT_WANTED:
		return gv_journal_snapshot(t, m->from);
	case M_CALL:
		return gv_calls_serve(t, m->from->hash, m->call);
	case M_ANSWER:
		return gv_calls_answer(t, m);
	case M_OPEN:
		return gv_frames_open(t, m->from, m->open);
	case M_FRAME:
		return gv_frames_deliver(t, &m->frame);
	case M_CLOSE:
		return gv_frames_close(t, m->close);
	case M_TIMER:
		return gv_timers_fire(t, m->timer.name, m->timer.at_ms);
	case M_HELD:
		return gv_parking_retry(t, m->held);
	case M_WORLD:
		return m->world.fn(a->self, t, m->world.arg);
	}
	return 0;
}

/* What the run-time itself writes for a message that its handler accepted. */
static int after_success(struct gv_turn *t, struct message *m)
{
	if (m->kind == M_EVENT && m->event->seq && !m->event->follow)
		gv_journal_moved(t, m->from, m->event->seq);
	else if (m->kind == M_FRAME)
		gv_frames_done(t, &m->frame);
	else if (m->kind == M_ANSWER)
		gv_calls_answered(t, m);
	else if (m->kind == M_HELD)
		return gv_parking_retried(t, m->held);
	return 0;
}

static int hold_event(struct gv_turn *t, struct message *m, Rows__Held *row)
{
	if (m->event->follow || !m->event->seq) {
		gv_log(t, GV_ERR, "A handler failed on an event that is not kept. type=%s error=\"%s\"", m->event->type, row->error);
		return 0;
	}
	row->kind = ROWS__HELD__KIND__EVENT;
	row->from = m->from->name;
	row->what = m->event->type;
	row->key = m->event->key;
	row->payload = m->event->payload;
	row->id = m->event->seq;
	row->time_ms = m->event->time_ms;
	gv_journal_moved(t, m->from, m->event->seq);
	return gv_parking_hold(t, row);
}

static int hold_call(struct gv_turn *t, struct message *m, Rows__Held *row)
{
	struct gv_ticket k = { m->call->id, m->from->hash };
	if (!m->call->durable && !row->parked) {
		gv_log(t, GV_ERR, "A handler failed on a call. error=\"%s\"", row->error);
		return gv_calls_give_up(t, k, row->error);
	}
	row->kind = ROWS__HELD__KIND__CALL;
	row->from = m->from->name;
	row->what = m->call->method;
	row->key = (char *)call_key(t, m->call);
	row->payload = m->call->request;
	row->id = m->call->id;
	row->deadline_ms = m->call->deadline_ms;
	row->durable = m->call->durable;
	if (row->parked) {
		char *why = gv_str(t, "%s parked the call: %s", t->a->name, row->error);
		if (gv_calls_give_up(t, k, why) < 0)
			return t->failed;
	} else if (gv_calls_pend(t, k) < 0) {
		return t->failed;
	}
	return gv_parking_hold(t, row);
}

static int hold_frame(struct gv_turn *t, struct message *m, Rows__Held *row)
{
	struct conn *c = gv_frames_conn(t->a, m->frame.conn);
	row->kind = ROWS__HELD__KIND__FRAME;
	row->from = m->from->name;
	row->what = (char *)(c ? gv_conn_device(c) : "");
	row->key = row->what;
	row->payload = (ProtobufCBinaryData){ m->frame.size, (uint8_t *)m->frame.data };
	row->id = m->frame.conn;
	row->seq = m->frame.seq;
	row->frame_kind = m->frame.kind;
	row->parked = true; /* nobody was answered: the station tries again by itself, and its later frames must not wait */
	gv_frames_done(t, &m->frame);
	return gv_parking_hold(t, row);
}

static int hold_answer(struct gv_turn *t, struct message *m, Rows__Held *row)
{
	const struct outcall *c = m->answer.call;
	gv_calls_answered(t, m);
	if (!c->durable) {
		gv_log(t, GV_ERR, "A handler failed on the answer to a query. error=\"%s\"", row->error);
		return 0;
	}
	uint8_t key[8];
	gv_key_u64(c->id, key);
	if (gv_turn_delete(t, t->a->calls_rows, key, sizeof key) < 0)
		return t->failed;
	row->kind = ROWS__HELD__KIND__ANSWER;
	row->from = c->to_name;
	row->what = c->method;
	row->key = gv_str(t, "call %llx", (unsigned long long)c->id);
	row->id = c->id;
	row->note_type = c->note_type;
	row->note = (ProtobufCBinaryData){ c->note_size, c->note };
	row->code = m->answer.code;
	row->text = (char *)(m->answer.error ? m->answer.error : "");
	row->payload = (ProtobufCBinaryData){ m->answer.reply_size, (uint8_t *)m->answer.reply };
	return gv_parking_hold(t, row);
}

static int hold_timer(struct gv_turn *t, struct message *m, Rows__Held *row)
{
	size_t n = strlen(m->timer.name);
	Rows__Timer *timer = gv_get_row(t->a, t->a->timers_rows, m->timer.name, n, &rows__timer__descriptor);
	if (!timer)
		return 0;
	row->kind = ROWS__HELD__KIND__TIMER;
	row->from = t->a->name;
	row->what = row->key = m->timer.name;
	row->note_type = timer->note_type;
	row->note = timer->note;
	if (gv_turn_delete(t, t->a->timers_rows, m->timer.name, n) < 0)
		return t->failed;
	return gv_parking_hold(t, row);
}

/* The handler failed, its effects are undone: what becomes of the message. */
static int after_failure(struct gv_turn *t, struct message *m, const char *error, bool park)
{
	struct gv_actor *a = t->a;
	a->count.failures++;
	Rows__Held row = ROWS__HELD__INIT;
	row.error = (char *)error;
	row.tries = 1;
	row.parked = park;
	switch (m->kind) {
	case M_EVENT:
		return hold_event(t, m, &row);
	case M_CALL:
		return hold_call(t, m, &row);
	case M_FRAME:
		return hold_frame(t, m, &row);
	case M_ANSWER:
		return hold_answer(t, m, &row);
	case M_TIMER:
		return hold_timer(t, m, &row);
	case M_HELD:
		return gv_parking_failed(t, m->held, error, park);
	default:
		gv_log(t, GV_ERR, "A handler failed. error=\"%s\"", error);
		return 0;
	}
}

static int fail_message(struct gv_turn *t, struct message *m, int error, bool park)
{
	const char *fault = t->fault ? t->fault : gv_arena_strdup(&t->arena, strerror(-error));
	gv_message_undo(t);
	t->failed = 0;
	t->fault = NULL;
	t->emitted_mark = t->emitted.count;
	return after_failure(t, m, fault, park);
}

static int handle(struct gv_turn *t, struct message *m)
{
	struct gv_actor *a = t->a;
	int r;
	gv_message_begin(t, m);
	a->count.messages++;
	if (!set_aside(t, m, &r)) {
		uint64_t id = identity(m);
		bool deadly = id && gv_hand_take(a, id);
		if (deadly) {
			gv_fault(t, "it killed the plugin twice%s%s", a->options.cause ? ": " : "", a->options.cause ? a->options.cause : "");
			r = fail_message(t, m, -EINVAL, true);
		} else {
			r = run_handler(t, m);
			if (r >= 0 && t->failed)
				r = t->failed;
			if (r >= 0)
				r = gv_calls_settle(t);
			if (r >= 0)
				r = gv_message_flush(t, true);
			r = r < 0 && !a->dead ? fail_message(t, m, r, false) : after_success(t, m);
		}
		if (id)
			gv_hand_drop(a, id);
	} else if (m->kind == M_EVENT && r == 0) {
		gv_journal_moved(t, m->from, m->event->seq);
	} else if (m->kind == M_FRAME) {
		gv_frames_done(t, &m->frame);
	}
	gv_message_end(t);
	return a->dead ? a->dead : r;
}

/* ---- the turn ----------------------------------------------------------------------------------------------------------------------------------------- */

static int64_t monotonic_ns(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ll + ts.tv_nsec;
}

static void count_commit(struct gv_actor *a, double seconds)
{
	static const double bounds[] = { .0001, .0002, .0005, .001, .002, .005, .01, .02, .05, .1, .5 };
	unsigned i = 0;
	while (i < 11 && seconds > bounds[i])
		i++;
	a->count.commit_bucket[i]++;
	a->count.commits++;
	a->count.commit_s += seconds;
}

static int commit(struct gv_turn *t)
{
	struct gv_actor *a = t->a;
	int r = gv_journal_write(t);
	if (r == 0 && gv_store_dirty(a->store))
		r = gv_calls_purge(t);
	if (r < 0) {
		gv_store_abort(a->store);
		return r;
	}
	if (!gv_store_dirty(a->store)) {
		gv_store_abort(a->store);
		return 0;
	}
	if (gv_die_at(a, GV_BEFORE_COMMIT) < 0) {
		gv_store_abort(a->store);
		return -ECANCELED;
	}
	int64_t begin = monotonic_ns();
	r = gv_store_commit(a->store);
	count_commit(a, (double)(monotonic_ns() - begin) / 1e9);
	return r < 0 ? r : gv_die_at(a, GV_AFTER_COMMIT);
}

/* Replies that wait for subscribers: now the journal's numbers are known. */
static void start_waiting(struct gv_turn *t)
{
	struct gv_actor *a = t->a;
	for (size_t i = 0; i < t->waiting.count; i++) {
		struct waiting_reply *w = t->waiting.items[i];
		uint64_t events = w->seq;
		w->seq = 0;
		for (size_t j = 0; j < events && j < t->emitted.count; j++)
			if (t->emitted.items[j].seq > w->seq)
				w->seq = t->emitted.items[j].seq;
		w->next = a->waiting;
		a->waiting = w;
	}
	t->waiting.count = 0;
}

static void after_commit(struct gv_turn *t)
{
	struct gv_actor *a = t->a;
	start_waiting(t);
	gv_journal_sent(t);
	gv_journal_ack_out(t);
	gv_timers_commit(t);
	gv_calls_commit(t);
	gv_frames_commit(t);
	gv_world_unsent(a);
	if (a->waiting)
		gv_journal_release_heard(a);
}

static void turn_clear(struct gv_turn *t)
{
	for (size_t i = 0; i < t->done.count; i++)
		message_release(&t->done.items[i]);
	for (size_t i = 0; i < t->calls.count; i++)
		gv_outcall_free(t->calls.items[i]);
	for (size_t i = 0; i < t->timer_ops.count; i++)
		free(t->timer_ops.items[i].name);
	for (size_t i = 0; i < t->waiting.count; i++)
		free(t->waiting.items[i]);
	t->done.count = t->calls.count = t->timer_ops.count = t->waiting.count = t->emitted.count = 0;
	gv_arena_reset(&t->arena);
}

/* A broken store, or death by the test host: nothing of this turn may leave, nothing more may happen. */
static int die(struct gv_actor *a, int error)
{
	gv_store_abort(a->store);
	a->in_turn = false;
	if (!a->dead)
		a->dead = error;
	for (size_t i = 0; i < a->peers.count; i++)
		gv_out_drop(a->peers.items[i]);
	if (a->dead != -ECANCELED)
		gv_actor_log(a, GV_ERR, "The store failed; this instance must restart. error=\"%s\"", gv_store_strerror(a->dead));
	turn_clear(&a->turn);
	return a->dead;
}

static bool turn_has_room(const struct gv_actor *a, size_t messages, size_t bytes)
{
	if (!a->inbox.count)
		return false;
	if (a->careful_until_ms && messages)
		return false;
	return messages < GV_TURN_MESSAGES && bytes < GV_TURN_BYTES && a->turn.arena.used < GV_TURN_ARENA / 4;
}

static int turn(struct gv_actor *a)
{
	struct gv_turn *t = &a->turn;
	int r = gv_store_begin(a->store);
	if (r < 0)
		return die(a, r);
	int64_t now_ms = gv_now(a);
	t->now_ms = now_ms > t->now_ms ? now_ms : t->now_ms;
	a->in_turn = true;
	a->count.turns++;
	size_t bytes = 0;
	for (size_t n = 0; r == 0 && turn_has_room(a, n, bytes); n++) {
		struct message *m = PUSH(t->done);
		*m = inbox_take(&a->inbox);
		bytes += m->size;
		struct message in_hand = *m; /* `done` may move */
		r = handle(t, &in_hand);
	}
	if (r == 0)
		r = commit(t);
	if (r < 0)
		return die(a, r);
	a->in_turn = false;
	after_commit(t);
	turn_clear(t);
	return 0;
}

static int pump(struct gv_actor *a)
{
	if (!a->journal_unlevel)
		return 0;
	int r = gv_store_begin(a->store);
	if (r == 0)
		r = gv_journal_pump(a);
	gv_store_abort(a->store);
	gv_arena_reset(&a->turn.arena);
	return r < 0 ? die(a, r) : 0;
}

int gv_actor_run(struct gv_actor *a)
{
	if (a->dead)
		return a->dead;
	if (!a->started || !a->directory_seen)
		return 0;
	int64_t now_ms = gv_now(a);
	if (a->careful_until_ms && now_ms >= a->careful_until_ms)
		a->careful_until_ms = 0;
	gv_timers_due(a, now_ms);
	gv_calls_tick(a, now_ms);
	gv_parking_due(a, now_ms);
	gv_journal_tick(a, now_ms);
	gv_world_tick(a, now_ms);
	if (a->inbox.count) {
		int r = turn(a);
		if (r < 0)
			return r;
	}
	if (pump(a) < 0 || gv_out_flush(a) < 0)
		return a->dead;
	return a->inbox.count || a->journal_unlevel || a->follow_changed;
}

int64_t gv_actor_next_ms(const struct gv_actor *a)
{
	int64_t next = INT64_MAX, times[] = { gv_timers_next_ms(a), gv_calls_next_ms(a), gv_parking_next_ms(a), gv_journal_next_ms(a),
					      gv_world_next_ms(a), a->retry_send_ms ? a->retry_send_ms : INT64_MAX };
	for (size_t i = 0; i < sizeof times / sizeof *times; i++)
		if (times[i] < next)
			next = times[i];
	if (!a->started || a->dead || !a->directory_seen)
		return INT64_MAX;
	return a->inbox.count || a->journal_unlevel || a->follow_changed ? 0 : next;
}

/* ---- packets and peers --------------------------------------------------------------------------------------------------------------------------------- */

int gv_actor_receive(struct gv_actor *a, const uint8_t *data, size_t size)
{
	if (a->dead)
		return a->dead;
	struct packet *p = calloc(1, sizeof *p + size + 1);
	if (!p)
		return -ENOMEM;
	p->size = size;
	memcpy(p->data, data, size);
	a->count.packets_in++;
	a->count.bytes_in += (double)size;
	int r = gv_packet_read(a, p);
	if (r == 1 && a->limbo.count < GV_LIMBO_PACKETS) {
		struct packet **waiting = PUSH(a->limbo);
		*waiting = p;
		return 0;
	}
	if (r != 0)
		a->count.dropped_packets++;
	if (p->messages)
		packet_release(p);
	else
		free(p);
	return 0;
}

static void read_limbo(struct gv_actor *a)
{
	size_t n = a->limbo.count;
	struct packet **waiting = a->limbo.items;
	a->limbo.items = NULL;
	a->limbo.count = a->limbo.capacity = 0;
	for (size_t i = 0; i < n; i++) {
		int r = gv_packet_read(a, waiting[i]);
		if (r != 0)
			a->count.dropped_packets++;
		if (waiting[i]->messages)
			packet_release(waiting[i]);
		else
			free(waiting[i]);
	}
	free(waiting);
}

static void free_list(char **list)
{
	for (char **s = list; s && *s; s++)
		free(*s);
	free(list);
}

static char **copy_list(char *const *items, size_t n)
{
	char **list = calloc(n + 1, sizeof *list);
	for (size_t i = 0; list && i < n; i++)
		list[i] = strdup(items[i]);
	return list;
}

static struct peer *add_peer(struct gv_actor *a, const Kernel__Peer *in)
{
	struct peer *p = calloc(1, sizeof *p);
	if (!p)
		return NULL;
	p->name = strdup(in->name);
	p->plugin = strdup(in->plugin);
	p->hash = gv_hash_str(in->name);
	p->queue_end = &p->queue;
	p->down_since_ms = gv_now(a);
	Rows__Cursor *row = gv_get_row(a, a->cursors, p->name, strlen(p->name), &rows__cursor__descriptor);
	p->had_cursor = row != NULL;
	p->cursor = p->received = p->next_cursor = row ? row->cursor : 0;
	struct peer **slot = PUSH(a->peers);
	*slot = p;
	return p;
}

/* What was queued was for the dead, and what it had asked of us it will ask again. */
static void peer_reset(struct gv_actor *a, struct peer *p)
{
	gv_out_drop(p);
	p->sub.active = false;
	p->follows = false;
	if (p->driver)
		gv_frames_peer_down(a, p);
}

/* The directory and the peer's own packets tell of a new incarnation, in either order: the first word resets. */
void gv_peer_meet(struct gv_actor *a, struct peer *p, uint64_t incarnation)
{
	if (incarnation <= p->newest)
		return;
	if (p->newest)
		peer_reset(a, p);
	p->newest = incarnation;
}

/* 1: it came up anew, -1: it went down, 0: as before. */
static int update_peer(struct gv_actor *a, struct peer *p, const Kernel__Peer *in)
{
	bool was_up = p->up;
	uint64_t was = p->incarnation;
	p->listed = true;
	p->instance = in->instance;
	p->instances = in->instances;
	p->driver = in->driver;
	p->gone = in->gone;
	free_list(p->serves);
	free_list(p->hears);
	free_list(p->emits);
	p->serves = copy_list(in->serves, in->n_serves);
	p->hears = copy_list(in->hears, in->n_hears);
	p->emits = copy_list(in->emits, in->n_emits);
	p->up = in->up;
	if (in->up) {
		gv_peer_meet(a, p, in->incarnation);
		p->incarnation = in->incarnation;
		return !was_up || was != in->incarnation;
	}
	if (!was_up)
		return 0;
	p->down_since_ms = gv_now(a);
	if (p->newest == p->incarnation)
		peer_reset(a, p);
	return -1;
}

static void peer_up(struct gv_actor *a, struct peer *p)
{
	gv_journal_peer_up(a, p);
	gv_calls_peer_up(a, p);
	gv_frames_peer_up(a, p);
	gv_world_sync(a, p);
}

int gv_actor_directory(struct gv_actor *a, const Kernel__Directory *d)
{
	if (a->dead)
		return a->dead;
	int r = gv_store_begin(a->store);
	if (r < 0)
		return die(a, r);
	int8_t *changes = calloc(a->peers.count + d->n_peers + 1, 1);
	for (size_t i = 0; i < a->peers.count; i++)
		a->peers.items[i]->listed = false;
	for (size_t i = 0; changes && i < d->n_peers; i++) {
		struct peer *p = gv_peer_named(a, d->peers[i]->name);
		if (!strcmp(d->peers[i]->name, a->name) || (!p && !(p = add_peer(a, d->peers[i]))))
			continue;
		size_t at = 0;
		while (a->peers.items[at] != p)
			at++;
		changes[at] = (int8_t)update_peer(a, p, d->peers[i]);
	}
	for (size_t i = 0; i < a->peers.count; i++) {
		struct peer *p = a->peers.items[i];
		if (p->listed || !changes)
			continue;
		if (p->up)
			peer_reset(a, p);
		p->up = false;
		p->gone = true;
	}
	r = changes ? gv_journal_directory(a) : -ENOMEM;
	if (r == 0 && gv_store_dirty(a->store) && gv_die_at(a, GV_BEFORE_COMMIT) < 0)
		r = -ECANCELED;
	if (r == 0)
		r = gv_store_commit(a->store);
	gv_arena_reset(&a->turn.arena);
	if (r < 0) {
		free(changes);
		return die(a, r);
	}
	a->directory_seen = true;
	for (size_t i = 0; i < a->peers.count; i++)
		if (changes[i] > 0)
			peer_up(a, a->peers.items[i]);
	free(changes);
	gv_calls_directory(a);
	read_limbo(a);
	return gv_out_flush(a);
}

/* ---- start and end ---------------------------------------------------------------------------------------------------------------------------------------- */

static int open_system_tables(struct gv_actor *a)
{
	const struct {
		const char *name;
		gv_dbi *dbi;
	} tables[] = { { "_meta", &a->meta }, { "_journal", &a->journal }, { "_subscribers", &a->subscribers }, { "_cursors", &a->cursors },
		       { "_calls", &a->calls_rows }, { "_answers", &a->answers }, { "_timers", &a->timers_rows }, { "_held", &a->held } };
	for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
		int r = gv_store_table(a->store, tables[i].name, tables[i].dbi);
		if (r < 0)
			return r;
	}
	return 0;
}

static int open_plugin_tables(struct gv_actor *a)
{
	for (size_t i = 0; i < a->n_tables; i++) {
		int r = gv_store_table(a->store, a->tables[i].def->name, &a->tables[i].dbi);
		if (r < 0)
			return r;
	}
	return 0;
}

static int set_error(char **ret_error, int r, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	if (*ret_error == NULL && vasprintf(ret_error, fmt, ap) < 0)
		*ret_error = NULL;
	va_end(ap);
	return r;
}

static int check_meta(struct gv_actor *a, const Rows__Meta *m, char **ret_error)
{
	if (m->format != STORE_FORMAT)
		return set_error(ret_error, -EINVAL, "the store %s has format %u, this galvan reads %u: use the version that wrote it",
				 a->options.store, m->format, STORE_FORMAT);
	if (strcmp(m->plugin, a->plugin->name))
		return set_error(ret_error, -EINVAL, "the store %s belongs to plugin %s, not to %s", a->options.store, m->plugin, a->plugin->name);
	if (m->instances != a->options.instances)
		return set_error(ret_error, -EINVAL, "the store %s was made for %u instances, the config asks for %u: set `instances` back",
				 a->options.store, m->instances, a->options.instances);
	if (m->schema > a->plugin->schema)
		return set_error(ret_error, -EINVAL, "the tables in %s are of version %u, plugin %s %s knows only up to %u: load a newer version",
				 a->options.store, m->schema, a->plugin->name, a->plugin->version, a->plugin->schema);
	return 0;
}

/* A greater incarnation at each start, never one that any clock-keeping predecessor had. */
static uint64_t next_incarnation(const struct gv_actor *a, const Rows__Meta *old)
{
	uint64_t now = (uint64_t)gv_now(a);
	return old && old->incarnation >= now ? old->incarnation + 1 : now;
}

int gv_actor_create(const struct gv_actor_options *o, struct gv_actor **ret, char **ret_error)
{
	*ret_error = NULL;
	struct gv_actor *a = calloc(1, sizeof *a);
	if (!a)
		return -ENOMEM;
	a->plugin = o->plugin;
	a->env = *o->env;
	a->options = *o;
	a->options.instances = o->instances ? o->instances : 1;
	a->options.journal_limit_bytes = o->journal_limit_bytes ? o->journal_limit_bytes : 256ull << 20;
	a->options.journal_limit_ms = o->journal_limit_ms ? o->journal_limit_ms : 7ll * 24 * 3600 * 1000;
	a->options.store = strdup(o->store);
	a->options.blobs = strdup(o->blobs ? o->blobs : "");
	a->options.cause = o->cause ? strdup(o->cause) : NULL;
	a->node = strdup(o->node ? o->node : "");
	a->registered_mask = ~0ull; /* until the directory says who hears */
	a->turn.a = a;
	gv_arena_init(&a->turn.arena, GV_TURN_ARENA);
	int r = -ENOMEM;
	if (asprintf(&a->name, "%s.%u", o->plugin->name, o->instance) < 0)
		a->name = NULL;
	a->self = calloc(1, o->plugin->self_size + 1);
	a->world = calloc(1, sizeof *a->world);
	if (!a->options.store || !a->options.blobs || !a->node || !a->name || !a->self || !a->world)
		goto fail;
	a->world->a = a;
	a->hash = gv_hash_str(a->name);
	a->self_info = (struct gv_self){ a->node, o->plugin->name, o->instance, a->options.instances };
	r = gv_record_open(a, ret_error);
	if (r < 0)
		goto fail;
	r = gv_store_open(a->options.store, o->store_limit_bytes, o->no_sync, &a->store);
	if (r < 0) {
		set_error(ret_error, r, "cannot open the store %s: %s", a->options.store, gv_store_strerror(r));
		goto fail;
	}
	r = gv_hand_open(a);
	if (r < 0) {
		set_error(ret_error, r, "cannot write in %s: %s", a->options.store, strerror(-r));
		goto fail;
	}
	*ret = a;
	return 0;
fail:
	gv_actor_destroy(a);
	return r;
}

static int load(struct gv_actor *a)
{
	int r = gv_journal_open(a);
	if (r == 0)
		r = gv_calls_open(a);
	if (r == 0)
		r = gv_timers_open(a);
	return r < 0 ? r : gv_parking_open(a);
}

static int migrate(struct gv_actor *a, uint32_t from)
{
	const struct gv_plugin *p = a->plugin;
	if (from == 0 || from == p->schema)
		return 0;
	if (!p->migrate)
		return gv_turn_fail(&a->turn, -ENOSYS, "the tables are of version %u and the record has no migrate", from);
	int r = p->migrate(&a->turn, from);
	return r < 0 ? r : a->turn.failed;
}

static int run_start(struct gv_actor *a, uint32_t schema, const uint8_t *config, size_t config_size)
{
	struct gv_turn *t = &a->turn;
	const struct gv_plugin *p = a->plugin;
	void *unpacked = NULL;
	if (p->config && !(unpacked = gv_turn_unpack(t, p->config, config, config_size)))
		return gv_turn_fail(t, -EBADMSG, "its config is no %s", p->config->name);
	int r = migrate(a, schema);
	if (r == 0 && p->start)
		r = p->start(a->self, t, unpacked);
	if (r >= 0)
		r = t->failed;
	if (r == 0)
		r = gv_message_flush(t, true);
	if (r == 0)
		r = gv_calls_settle(t);
	return r;
}

static int write_meta(struct gv_actor *a)
{
	Rows__Meta m = ROWS__META__INIT;
	m.format = STORE_FORMAT;
	m.incarnation = a->incarnation;
	m.plugin = (char *)a->plugin->name;
	m.instance = a->options.instance;
	m.instances = a->options.instances;
	m.schema = a->plugin->schema;
	return gv_put_row(a, a->meta, META_KEY, sizeof META_KEY, &m);
}

static int start_in_transaction(struct gv_actor *a, const uint8_t *config, size_t config_size, char **ret_error)
{
	struct gv_turn *t = &a->turn;
	int r = open_system_tables(a);
	if (r < 0)
		return r;
	Rows__Meta *old = gv_get_row(a, a->meta, META_KEY, sizeof META_KEY, &rows__meta__descriptor);
	r = old ? check_meta(a, old, ret_error) : 0;
	if (r < 0)
		return r;
	a->incarnation = next_incarnation(a, old);
	a->next_wire = a->incarnation << 20 | 1;
	r = open_plugin_tables(a);
	if (r == 0)
		r = load(a);
	if (r < 0)
		return r;
	gv_message_begin(t, NULL);
	r = run_start(a, old ? old->schema : 0, config, config_size);
	gv_message_end(t);
	if (r < 0)
		return set_error(ret_error, r, "plugin %s refuses to start: %s", a->plugin->name, t->fault ? t->fault : strerror(-r));
	r = write_meta(a);
	return r < 0 ? r : gv_journal_write(t);
}

int gv_actor_start(struct gv_actor *a, const uint8_t *config, size_t config_size, char **ret_error)
{
	struct gv_turn *t = &a->turn;
	*ret_error = NULL;
	int r = gv_store_begin(a->store);
	if (r < 0)
		return set_error(ret_error, r, "cannot write the store %s: %s", a->options.store, gv_store_strerror(r));
	t->now_ms = gv_now(a);
	t->starting = a->in_turn = true;
	r = start_in_transaction(a, config, config_size, ret_error);
	t->starting = a->in_turn = false;
	if (r == 0)
		r = gv_die_at(a, GV_BEFORE_COMMIT);
	if (r == 0)
		r = gv_store_commit(a->store);
	else
		gv_store_abort(a->store);
	if (r < 0) {
		set_error(ret_error, r, "plugin %s did not start: %s", a->plugin->name, gv_store_strerror(r));
		a->dead = r;
		turn_clear(t);
		return r;
	}
	a->started = true;
	after_commit(t);
	turn_clear(t);
	return 0;
}

uint64_t gv_actor_incarnation(const struct gv_actor *a)
{
	return a->incarnation;
}

const char *gv_actor_name(const struct gv_actor *a)
{
	return a->name;
}

int gv_actor_open(struct gv_actor *a)
{
	const struct gv_driver *d = a->plugin->driver;
	if (!d || a->opened)
		return 0;
	int r = d->open ? d->open(a->self, a->world) : 0;
	if (r < 0)
		return r;
	a->opened = true;
	for (size_t i = 0; i < a->peers.count; i++) {
		struct peer *p = a->peers.items[i];
		if (p->n_listeners && d->on_listen)
			d->on_listen(a->self, p->plugin, (const void *const *)p->listeners, p->n_listeners);
	}
	return gv_out_flush(a);
}

void gv_actor_drain(struct gv_actor *a)
{
	const struct gv_driver *d = a->plugin->driver;
	if (a->draining)
		return;
	a->draining = true;
	if (d && d->drain && a->opened)
		d->drain(a->self);
	else
		a->drained = true;
}

bool gv_actor_is_drained(const struct gv_actor *a)
{
	return a->drained;
}

void gv_actor_flush(struct gv_actor *a)
{
	if (!a->dead)
		gv_out_flush(a);
}

static void free_peer(struct peer *p)
{
	gv_out_drop(p);
	gv_buf_fini(&p->out);
	gv_sub_fini(p);
	gv_world_peer_fini(p);
	free_list(p->serves);
	free_list(p->hears);
	free_list(p->emits);
	free(p->name);
	free(p->plugin);
	free(p);
}

void gv_actor_destroy(struct gv_actor *a)
{
	if (!a)
		return;
	if (a->self && a->plugin->stop)
		a->plugin->stop(a->self);
	turn_clear(&a->turn);
	while (a->inbox.count) {
		struct message m = inbox_take(&a->inbox);
		message_release(&m);
	}
	for (size_t i = 0; i < a->limbo.count; i++)
		free(a->limbo.items[i]);
	gv_calls_fini(a);
	gv_timers_fini(a);
	gv_parking_fini(a);
	gv_frames_fini(a);
	gv_world_fini(a);
	gv_hand_close(a);
	gv_store_close(a->store);
	for (size_t i = 0; i < a->peers.count; i++)
		free_peer(a->peers.items[i]);
	for (size_t i = 0; i < a->follow_types.count; i++)
		free(a->follow_types.items[i]);
	gv_schema_destroy(a->schema);
	gv_turn_fini(&a->turn);
	gv_buf_fini(&a->header);
	free(a->peers.items);
	free(a->limbo.items);
	free(a->inbox.ring);
	free(a->follow_types.items);
	free(a->customs.items);
	free(a->metric_list.items);
	free(a->metric_pointers.items);
	free(a->tables);
	free(a->key_offsets);
	free((char *)a->options.store);
	free((char *)a->options.blobs);
	free((char *)a->options.cause);
	free(a->node);
	free(a->name);
	free(a->self);
	free(a);
}
