/* Messages and turns. A turn takes a batch from the inbox over one transaction; what it made leaves when that has been
 * committed. A message whose handler fails is undone and held, parked or refused, by its kind. */
#include "actor_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- inbox ----------------------------------------------------------------------------------- */

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

void gv_packet_release(struct packet *p)
{
	if (!p || --p->messages)
		return;
	gv_arena_fini(&p->arena);
	free(p);
}

static void message_release(struct message *m)
{
	gv_packet_release(m->packet);
	if (m->kind == M_ANSWER)
		free(m->answer.owned);
	else if (m->kind == M_TIMER)
		free(m->timer.name);
	else if (m->kind == M_CLOSE && m->made_here)
		free((void *)m->close);
}

void gv_inbox_clear(struct gv_actor *a)
{
	while (a->inbox.count) {
		struct message m = inbox_take(&a->inbox);
		message_release(&m);
	}
	free(a->inbox.ring);
	a->inbox.ring = NULL;
	a->inbox.capacity = 0;
}

bool gv_actor_full(const struct gv_actor *a)
{
	return a->inbox.bytes > GV_INBOX_BYTES;
}

/* ---- one message ----------------------------------------------------------------------------- */

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

/* What a message is, and whose, for the people who read that it killed the plugin. */
static const char *what_is(struct gv_actor *a, const struct message *m, const char **ret_whose)
{
	struct conn *c;
	*ret_whose = m->from ? m->from->name : a->name;
	switch (m->kind) {
	case M_EVENT:
		*ret_whose = m->event->key;
		return m->event->type;
	case M_CALL:
		return m->call->method;
	case M_ANSWER:
		return m->answer.call->method;
	case M_FRAME:
		c = gv_frames_conn(a, m->frame.conn);
		*ret_whose = c ? gv_conn_device(c) : "";
		return "frame";
	case M_TIMER:
		*ret_whose = m->timer.name;
		return "timer";
	default:
		return "held message";
	}
}

static bool take_in_hand(struct gv_actor *a, const struct message *m, uint64_t id)
{
	const char *whose, *what = what_is(a, m, &whose);
	return gv_hand_take(a, id, what, whose);
}

static const char *call_key(struct gv_turn *t, const Env__Call *c)
{
	static char key[GV_KEY_MAX];
	const struct gv_rpc *rpc = gv_schema_method(t->a->schema, c->method);
	if (!rpc || gv_type_key(rpc->input, c->request.data, c->request.len, key, sizeof key) < 0)
		return "";
	return gv_arena_strdup(&t->arena, key);
}

/* True where the message has been dealt with before any handler: a repeat, or one that has to wait behind a held one.
 */
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
		return gv_journal_deliver(t, m->from->name, m->event, false);
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
	case M_FINISH:
		a->unfinished = a->plugin->finish(a->self, t);
		return a->unfinished > 0 ? 0 : a->unfinished;
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
		gv_log(t, GV_ERR, "A handler failed on an event that is not kept. type=%s error=\"%s\"", m->event->type,
		       gv_quotable(t, row->error));
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
	if (gv_calls_take(t, k, m->call) < 0)
		return t->failed;
	if (t->fail_code)
		return gv_calls_give_up(t, k, t->fail_code, row->error);
	if (!m->call->durable) {
		gv_log(t, GV_ERR, "A handler failed on a call. error=\"%s\"", gv_quotable(t, row->error));
		return gv_calls_give_up(t, k, GV_INTERNAL, row->error);
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
		if (gv_calls_give_up(t, k, GV_INTERNAL, why) < 0)
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
	row->parked =
		true; /* nobody was answered: the station tries again by itself, and its later frames must not wait */
	gv_frames_done(t, &m->frame);
	return gv_parking_hold(t, row);
}

static int hold_answer(struct gv_turn *t, struct message *m, Rows__Held *row)
{
	const struct outcall *c = m->answer.call;
	gv_calls_answered(t, m);
	if (!c->durable) {
		gv_log(t, GV_ERR, "A handler failed on the answer to a query. error=\"%s\"",
		       gv_quotable(t, row->error));
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

static const char *handler_name(const struct message *m)
{
	return m->kind == M_OPEN              ? "on_open"
	       : m->kind == M_CLOSE           ? "on_close"
	       : m->kind == M_SNAPSHOT_EDGE   ? "on_resync"
	       : m->kind == M_SNAPSHOT_WANTED ? "snapshot"
	       : m->kind == M_FINISH          ? "finish"
					      : "of the driver";
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
		a->unfinished = 0;
		gv_log(t, GV_ERR, "A handler failed. handler=%s error=\"%s\"", handler_name(m), gv_quotable(t, error));
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
		bool deadly = id && take_in_hand(a, m, id);
		if (deadly) {
			gv_fault(t, "it killed the plugin twice%s%s", a->options.cause ? ": " : "",
				 a->options.cause ? a->options.cause : "");
			r = fail_message(t, m, -EINVAL, true);
		} else {
			r = run_handler(t, m);
			if (r > 0)
				r = gv_turn_fail(t, -EINVAL,
						 "the handler returned %d, which is neither 0 nor a negative errno", r);
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

/* ---- the turn -------------------------------------------------------------------------------- */

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
	int r = gv_note_ids(a);
	if (r == 0)
		r = gv_journal_write(t);
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

void gv_turn_committed(struct gv_turn *t)
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

void gv_turn_clear(struct gv_turn *t)
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
	gv_arena_reset(&t->kept);
}

/* A broken store, or death by the test host: nothing of this turn may leave, nothing more may happen. */
int gv_die(struct gv_actor *a, int error)
{
	gv_store_abort(a->store);
	a->in_turn = false;
	if (!a->dead)
		a->dead = error;
	for (size_t i = 0; i < a->peers.count; i++)
		gv_out_drop(a->peers.items[i]);
	if (a->dead != -ECANCELED)
		gv_actor_log(a, GV_ERR, "The store failed; this instance must restart. error=\"%s\"",
			     gv_store_strerror(a->dead));
	gv_turn_clear(&a->turn);
	return a->dead;
}

static bool turn_has_room(const struct gv_actor *a, size_t messages, size_t bytes)
{
	if (!a->inbox.count)
		return false;
	if (a->careful_until_ms && messages)
		return false;
	return messages < GV_TURN_MESSAGES && bytes < GV_TURN_BYTES && a->turn.kept.used < GV_TURN_ARENA / 4;
}

static int begin_turn(struct gv_actor *a)
{
	struct gv_turn *t = &a->turn;
	int r = gv_store_begin(a->store);
	if (r < 0)
		return gv_die(a, r);
	int64_t now_ms = gv_now(a);
	t->now_ms = now_ms > t->now_ms ? now_ms : t->now_ms;
	a->in_turn = true;
	a->count.turns++;
	return 0;
}

static int end_turn(struct gv_actor *a, int r)
{
	struct gv_turn *t = &a->turn;
	if (r == 0)
		r = commit(t);
	if (r < 0)
		return gv_die(a, r);
	a->in_turn = false;
	gv_turn_committed(t);
	gv_turn_clear(t);
	return 0;
}

static int turn(struct gv_actor *a)
{
	struct gv_turn *t = &a->turn;
	int r = begin_turn(a);
	if (r < 0)
		return r;
	size_t bytes = 0;
	for (size_t n = 0; r == 0 && turn_has_room(a, n, bytes); n++) {
		struct message *m = PUSH(t->done);
		*m = inbox_take(&a->inbox);
		bytes += m->size;
		struct message in_hand = *m; /* `done` may move */
		r = handle(t, &in_hand);
	}
	return end_turn(a, r);
}

int gv_actor_finish(struct gv_actor *a)
{
	if (a->dead || !a->started || !a->plugin->finish)
		return a->dead;
	a->unfinished = 1;
	for (unsigned n = 0; a->unfinished > 0 && n < GV_FINISH_TURNS; n++) {
		struct message m = { .kind = M_FINISH };
		int r = begin_turn(a);
		if (r == 0)
			r = end_turn(a, handle(&a->turn, &m));
		if (r < 0)
			return r;
	}
	return gv_out_flush(a);
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
	return r < 0 ? gv_die(a, r) : 0;
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
	int64_t next = INT64_MAX, times[] = { gv_timers_next_ms(a),  gv_calls_next_ms(a),
					      gv_parking_next_ms(a), gv_journal_next_ms(a),
					      gv_world_next_ms(a),   a->retry_send_ms ? a->retry_send_ms : INT64_MAX };
	for (size_t i = 0; i < sizeof times / sizeof *times; i++)
		if (times[i] < next)
			next = times[i];
	if (!a->started || a->dead || !a->directory_seen)
		return INT64_MAX;
	return a->inbox.count || a->journal_unlevel || a->follow_changed ? 0 : next;
}
