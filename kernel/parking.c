/* Messages whose handler failed. Each is a row: tried again with back-off, the later ones of the same sender and
 * partition key behind it, and parked when it has failed too often. Parked rows wait for people: list, replay, drop. */
#include "actor_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct held_queue { /* rows of one sender and key that are to be tried again, oldest first */
	uint64_t hash;
	VECTOR(uint64_t) numbers;
	int64_t due_ms;
	size_t heap_index;
	bool running; /* its first row is a message in the inbox */
};

static int64_t when(const void *item)
{
	return ((const struct held_queue *)item)->due_ms;
}

static void moved(void *item, size_t index)
{
	((struct held_queue *)item)->heap_index = index;
}

static uint64_t queue_hash(const char *from, const char *key)
{
	return gv_hash_mix(gv_hash_str(from), gv_hash_str(key)) | 1;
}

bool gv_parking_must_wait(const struct gv_actor *a, const char *from, const char *key)
{
	return a->held_keys.count && gv_map_get(&a->held_keys, queue_hash(from, key));
}

static int enqueue(struct gv_actor *a, const Rows__Held *row, uint64_t number)
{
	uint64_t hash = queue_hash(row->from, row->key);
	struct held_queue *q = gv_map_get(&a->held_keys, hash);
	if (!q) {
		q = calloc(1, sizeof *q);
		if (!q || gv_map_put(&a->held_keys, hash, q) < 0) {
			free(q);
			return -ENOMEM;
		}
		q->hash = hash;
		q->due_ms = row->at_ms;
		if (gv_heap_add(&a->held_heap, q, when, moved) < 0)
			return -ENOMEM;
	}
	uint64_t *last = PUSH(q->numbers);
	*last = number;
	return 0;
}

static void dequeue(struct gv_actor *a, const Rows__Held *row, int64_t next_ms, bool remove)
{
	struct held_queue *q = gv_map_get(&a->held_keys, queue_hash(row->from, row->key));
	if (!q)
		return;
	q->running = false;
	gv_heap_remove(&a->held_heap, q->heap_index, when, moved);
	if (remove && q->numbers.count)
		memmove(q->numbers.items, q->numbers.items + 1, --q->numbers.count * sizeof *q->numbers.items);
	if (q->numbers.count) {
		q->due_ms = next_ms;
		gv_heap_add(&a->held_heap, q, when, moved);
		return;
	}
	gv_map_take(&a->held_keys, q->hash);
	free(q->numbers.items);
	free(q);
}

static Rows__Held *read_row(struct gv_actor *a, uint64_t number)
{
	uint8_t key[8];
	gv_key_u64(number, key);
	return gv_get_row(a, a->held, key, sizeof key, &rows__held__descriptor);
}

static int write_row(struct gv_turn *t, uint64_t number, const Rows__Held *row)
{
	uint8_t key[8];
	gv_key_u64(number, key);
	return gv_turn_put(t, t->a->held, key, sizeof key, row);
}

static int delete_row(struct gv_turn *t, uint64_t number)
{
	uint8_t key[8];
	gv_key_u64(number, key);
	return gv_turn_delete(t, t->a->held, key, sizeof key);
}

/* ---- walking --------------------------------------------------------------------------------- */

struct walk {
	struct gv_walk rows;
	uint64_t number;
	Rows__Held *row;
};

static bool walk(struct gv_actor *a, struct walk *w)
{
	w->rows.table = a->held;
	if (!gv_walk(a->store, &w->rows))
		return false;
	w->number = gv_u64_key(w->rows.key);
	w->row = gv_turn_unpack(&a->turn, &rows__held__descriptor, w->rows.value, w->rows.size);
	if (!w->row)
		gv_walk_end(&w->rows);
	return w->row != NULL;
}

int gv_parking_open(struct gv_actor *a)
{
	struct walk w = { 0 };
	while (walk(a, &w)) {
		a->next_held = w.number + 1;
		if (w.row->parked) {
			a->n_parked++;
		} else if (enqueue(a, w.row, w.number) < 0) {
			gv_walk_end(&w.rows);
			return -ENOMEM;
		}
	}
	if (!a->next_held)
		a->next_held = 1;
	return 0;
}

/* The table is bounded: what was parked first goes first. */
static int make_room(struct gv_turn *t)
{
	struct gv_actor *a = t->a;
	if (gv_store_rows(a->store, a->held) < GV_HELD_ROWS)
		return 0;
	struct walk w = { 0 };
	while (walk(a, &w)) {
		if (!w.row->parked)
			continue;
		gv_walk_end(&w.rows);
		a->n_parked--;
		gv_log(t, GV_ERR,
		       "The parking table is full: the oldest parked message is dropped. id=%s/%llu what=%s key=%s",
		       a->name, (unsigned long long)w.number, w.row->what, w.row->key);
		return delete_row(t, w.number);
	}
	return 0;
}

/* ---- holding and trying again ---------------------------------------------------------------- */

static void log_parked(struct gv_turn *t, const Rows__Held *row, uint64_t number)
{
	gv_log(t, GV_ERR,
	       "A message is parked: its handler failed. See `galvan call galvan.kernel.v1.Plugin/ListParked "
	       "'{\"plugin\":\"%s\"}'`, mend the "
	       "cause, then ReplayParked or DropParked. id=%s/%llu what=%s from=%s key=%s tries=%u error=\"%s\"",
	       t->a->plugin->name, t->a->name, (unsigned long long)number, row->what, row->from, row->key, row->tries,
	       gv_quotable(t, row->error));
}

static int64_t back_off(unsigned tries)
{
	return (int64_t)GV_HELD_FIRST_MS << (tries < 2 ? 0 : tries < 10 ? tries - 1 : 9);
}

int gv_parking_hold(struct gv_turn *t, Rows__Held *row)
{
	struct gv_actor *a = t->a;
	if (make_room(t) < 0)
		return t->failed;
	uint64_t number = a->next_held++;
	row->at_ms = row->parked ? t->now_ms : t->now_ms + back_off(row->tries);
	if (write_row(t, number, row) < 0)
		return t->failed;
	if (row->parked) {
		a->n_parked++;
		a->count.parked++;
		log_parked(t, row, number);
		return 0;
	}
	if (row->tries)
		gv_log(t, GV_WARN, "A handler failed; its message will be tried again. in_ms=%lld error=\"%s\"",
		       (long long)back_off(row->tries), gv_quotable(t, row->error));
	return enqueue(a, row, number) < 0 ? gv_turn_fail(t, -ENOMEM, "out of memory") : 0;
}

void gv_parking_due(struct gv_actor *a, int64_t now_ms)
{
	while (a->held_heap.count) {
		struct held_queue *q = a->held_heap.items[0];
		if (q->due_ms > now_ms || q->running)
			break;
		if (gv_inbox_add(a, (struct message){ .kind = M_HELD, .held = q->numbers.items[0] }) < 0)
			break;
		q->running = true;
		gv_heap_remove(&a->held_heap, q->heap_index, when, moved);
		q->due_ms = INT64_MAX; /* until it has run */
		gv_heap_add(&a->held_heap, q, when, moved);
	}
}

int64_t gv_parking_next_ms(const struct gv_actor *a)
{
	return a->held_heap.count ? ((struct held_queue *)a->held_heap.items[0])->due_ms : INT64_MAX;
}

static int redeliver_call(struct gv_turn *t, const Rows__Held *row)
{
	Env__Call c = ENV__CALL__INIT;
	c.id = row->id;
	c.method = row->what;
	c.request = row->payload;
	c.deadline_ms = row->deadline_ms;
	c.durable = row->durable;
	return gv_calls_serve(t, gv_hash_str(row->from), &c);
}

static int redeliver_frame(struct gv_turn *t, const Rows__Held *row)
{
	struct gv_actor *a = t->a;
	struct gv_conn gone = { .id = row->id,
				.device = row->what,
				.listener = "",
				.subprotocol = row->note_type,
				.peer = "",
				.path = "" };
	struct gv_frame f = { .conn = &gone,
			      .kind = row->frame_kind,
			      .data = (const char *)row->payload.data,
			      .size = row->payload.len,
			      .again = true };
	if (!f.data)
		f.data = "";
	if (f.kind == GV_REQUEST)
		f.request = gv_turn_unpack(t, &link__http_request__descriptor, f.data, f.size);
	return a->plugin->on_frame ? a->plugin->on_frame(a->self, t, &f) : 0;
}

static int redeliver(struct gv_turn *t, const Rows__Held *row, bool late)
{
	switch (row->kind) {
	case ROWS__HELD__KIND__EVENT: {
		Env__Event e = ENV__EVENT__INIT;
		e.seq = row->id;
		e.type = row->what;
		e.key = row->key;
		e.time_ms = row->time_ms;
		e.payload = row->payload;
		return gv_journal_deliver(t, row->from, &e, late);
	}
	case ROWS__HELD__KIND__CALL:
		return redeliver_call(t, row);
	case ROWS__HELD__KIND__FRAME:
		return redeliver_frame(t, row);
	case ROWS__HELD__KIND__TIMER:
		return gv_timers_deliver(t, row->what, row->note_type, row->note.data, row->note.len);
	case ROWS__HELD__KIND__ANSWER:
		return gv_calls_deliver_answer(t, row->what, row->note_type, row->note.data, row->note.len, 0,
					       row->code, row->text,
					       row->payload.data ? row->payload.data : (uint8_t *)"", row->payload.len);
	default:
		return gv_turn_fail(t, -EBADMSG, "a held message of unknown kind %d", row->kind);
	}
}

int gv_parking_retry(struct gv_turn *t, uint64_t number)
{
	Rows__Held *row = read_row(t->a, number);
	return row && !row->parked ? redeliver(t, row, false) : 0;
}

int gv_parking_retried(struct gv_turn *t, uint64_t number)
{
	Rows__Held *row = read_row(t->a, number);
	if (!row)
		return 0;
	dequeue(t->a, row, t->now_ms, true);
	return delete_row(t, number);
}

int gv_parking_failed(struct gv_turn *t, uint64_t number, const char *error, bool park)
{
	struct gv_actor *a = t->a;
	Rows__Held *row = read_row(a, number);
	if (!row)
		return 0;
	row->tries++;
	row->error = gv_arena_strdup(&t->arena, error);
	row->parked = park || row->tries >= GV_HELD_TRIES;
	row->at_ms = row->parked ? t->now_ms : t->now_ms + back_off(row->tries);
	dequeue(a, row, row->at_ms, row->parked);
	if (row->parked) {
		a->n_parked++;
		a->count.parked++;
		log_parked(t, row, number);
		if (row->kind == ROWS__HELD__KIND__CALL) {
			struct gv_ticket k = { row->id, gv_hash_str(row->from) };
			char *why = gv_str(t, "%s parked the call as %s/%llu: %s", a->name, a->name,
					   (unsigned long long)number, error);
			if (gv_calls_give_up(t, k, GV_INTERNAL, why) < 0)
				return t->failed;
		}
	}
	return write_row(t, number, row);
}

/* ---- for people: galvan.kernel.v1.Plugin ----------------------------------------------------- */

static const char *const kind_names[] = { "event", "call", "frame", "timer", "answer" };

static int list_parked(struct gv_turn *t, struct gv_ticket ticket)
{
	Kernel__ListParkedReply reply = KERNEL__LIST_PARKED_REPLY__INIT;
	struct walk w = { 0 };
	while (walk(t->a, &w)) {
		Kernel__Parked **item = GV_APPEND(t, reply.parked, reply.n_parked);
		Kernel__Parked *p = *item = gv_alloc(t, sizeof *p);
		kernel__parked__init(p);
		p->id = gv_str(t, "%s/%llu", t->a->name, (unsigned long long)w.number);
		p->kind = (char *)kind_names[w.row->kind % 5];
		p->what = w.row->what;
		p->from = w.row->from;
		p->key = w.row->key;
		p->error = w.row->error;
		p->tries = w.row->tries;
		p->parked_at_ms = w.row->parked ? w.row->at_ms : 0; /* 0: still tried again */
		p->payload = w.row->payload;
		p->state = w.row->parked ? "parked" : w.row->tries ? "retrying" : "waiting";
	}
	return gv_reply(t, ticket, &reply);
}

/* "ocpp.0/17" → 17, if the instance is this one. */
static uint64_t parse_id(const struct gv_actor *a, const char *id)
{
	size_t n = strlen(a->name);
	if (strncmp(id, a->name, n) || id[n] != '/')
		return 0;
	char *end;
	uint64_t number = strtoull(id + n + 1, &end, 10);
	return *end ? 0 : number;
}

static int replay(struct gv_turn *t, struct gv_ticket ticket, const char *id, bool drop)
{
	struct gv_actor *a = t->a;
	uint64_t number = parse_id(a, id);
	Rows__Held *row = number ? read_row(a, number) : NULL;
	if (!row || !row->parked)
		return gv_refuse(t, ticket, GV_NOT_FOUND, "%s has no parked message %s: see ListParked", a->name, id);
	int r = drop ? 0 : redeliver(t, row, true);
	if (r < 0 || t->failed) {
		const char *fault = t->fault ? t->fault : strerror(-(t->failed ? t->failed : r));
		gv_message_undo(t);
		t->failed = 0;
		return gv_refuse(t, ticket, GV_FAILED_PRECONDITION, "the handler failed again: %s", fault);
	}
	a->n_parked--;
	if (delete_row(t, number) < 0)
		return t->failed;
	Kernel__ReplayParkedReply reply = KERNEL__REPLAY_PARKED_REPLY__INIT;
	reply.outcome = drop ? "dropped" : "handled";
	return gv_reply(t, ticket, &reply);
}

static int list_rows(struct gv_turn *t, struct gv_ticket ticket, const Kernel__ListRowsRequest *r)
{
	struct gv_actor *a = t->a;
	const struct table *table = NULL;
	for (size_t i = 0; i < a->n_tables && !table; i++)
		if (!strcmp(a->tables[i].def->name, r->table))
			table = &a->tables[i];
	if (!table)
		return gv_refuse(t, ticket, GV_NOT_FOUND, "plugin %s has no table \"%s\"", a->plugin->name, r->table);
	Kernel__ListRowsReply reply = KERNEL__LIST_ROWS_REPLY__INIT;
	struct gv_scan scan = { .table = table->def };
	if (r->after.len &&
	    gv_key_decode(table->def->key, r->after.data, r->after.len, gv_allocator(t), &scan.after) < 0)
		return gv_refuse(t, ticket, GV_INVALID_ARGUMENT, "after: no key of table \"%s\"", r->table);
	size_t limit = r->limit ? r->limit : 100;
	while (reply.n_rows < (limit < 10000 ? limit : 10000) && gv_next(t, &scan)) {
		Kernel__Row **item = GV_APPEND(t, reply.rows, reply.n_rows);
		Kernel__Row *row = *item = gv_alloc(t, sizeof *row);
		kernel__row__init(row);
		row->type = (char *)table->def->value->name;
		row->value.len = protobuf_c_message_get_packed_size(scan.row);
		row->value.data = gv_alloc(t, row->value.len);
		protobuf_c_message_pack(scan.row, row->value.data);
		uint8_t key[GV_KEY_MAX];
		int size = gv_key_encode(table->def->key, scan.key, key);
		row->raw_key = (ProtobufCBinaryData){ (size_t)size, gv_arena_dup(&t->arena, key, (size_t)size) };
		for (unsigned i = 0; i < scan.key.count; i++) {
			const struct gv_part *p = &scan.key.part[i];
			char **part = GV_APPEND(t, row->key, row->n_key);
			*part = p->kind == 's'   ? (char *)p->s
				: p->kind == 'i' ? gv_str(t, "%lld", (long long)p->i)
						 : gv_str(t, "%llu", (unsigned long long)p->u);
		}
	}
	return gv_reply(t, ticket, &reply);
}

bool gv_parking_serve(struct gv_turn *t, struct gv_ticket ticket, const Env__Call *c)
{
	static const char prefix[] = "galvan.kernel.v1.Plugin/";
	if (strncmp(c->method, prefix, sizeof prefix - 1))
		return false;
	const char *method = c->method + sizeof prefix - 1;
	const ProtobufCMethodDescriptor *d = protobuf_c_service_descriptor_get_method_by_name(
		&kernel__plugin__descriptor, method);
	void *request = d ? gv_turn_unpack(t, d->input, c->request.data, c->request.len) : NULL;
	if (!d)
		gv_refuse(t, ticket, GV_UNIMPLEMENTED, "galvan.kernel.v1.Plugin has no method %s", method);
	else if (!request)
		gv_refuse(t, ticket, GV_INVALID_ARGUMENT, "the request is no %s", d->input->name);
	else if (!strcmp(method, "ListParked"))
		list_parked(t, ticket);
	else if (!strcmp(method, "ListRows"))
		list_rows(t, ticket, request);
	else
		replay(t, ticket, ((Kernel__ReplayParkedRequest *)request)->id, !strcmp(method, "DropParked"));
	return true;
}

void gv_parking_fini(struct gv_actor *a)
{
	size_t i = 0;
	for (struct held_queue *q; (q = gv_map_next(&a->held_keys, &i));) {
		free(q->numbers.items);
		free(q);
	}
	gv_map_fini(&a->held_keys);
	free(a->held_heap.items);
}
