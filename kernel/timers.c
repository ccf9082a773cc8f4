/* Durable timers: rows by name, and a heap in memory that knows which is next. */
#include "actor_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- a heap of pointers ---------------------------------------------------------------------- */

static void place(struct heap *h, size_t i, void *item, void (*moved)(void *, size_t))
{
	h->items[i] = item;
	moved(item, i);
}

static void sift_up(struct heap *h, size_t i, void *item, int64_t (*when)(const void *), void (*moved)(void *, size_t))
{
	while (i && when(h->items[(i - 1) / 2]) > when(item)) {
		place(h, i, h->items[(i - 1) / 2], moved);
		i = (i - 1) / 2;
	}
	place(h, i, item, moved);
}

static void sift_down(struct heap *h, size_t i, void *item, int64_t (*when)(const void *),
		      void (*moved)(void *, size_t))
{
	for (;;) {
		size_t child = 2 * i + 1;
		if (child >= h->count)
			break;
		if (child + 1 < h->count && when(h->items[child + 1]) < when(h->items[child]))
			child++;
		if (when(h->items[child]) >= when(item))
			break;
		place(h, i, h->items[child], moved);
		i = child;
	}
	place(h, i, item, moved);
}

int gv_heap_add(struct heap *h, void *item, int64_t (*when)(const void *), void (*moved)(void *, size_t))
{
	if (h->count == h->capacity) {
		size_t capacity = h->capacity ? h->capacity * 2 : 64;
		void **items = realloc(h->items, capacity * sizeof *items);
		if (!items)
			return -ENOMEM;
		h->items = items;
		h->capacity = capacity;
	}
	sift_up(h, h->count++, item, when, moved);
	return 0;
}

void gv_heap_remove(struct heap *h, size_t index, int64_t (*when)(const void *), void (*moved)(void *, size_t))
{
	void *last = h->items[--h->count];
	if (index == h->count)
		return;
	if (index && when(h->items[(index - 1) / 2]) > when(last))
		sift_up(h, index, last, when, moved);
	else
		sift_down(h, index, last, when, moved);
}

/* ---- timers ---------------------------------------------------------------------------------- */

static int64_t when(const void *item)
{
	return ((const struct timer *)item)->at_ms;
}

static void moved(void *item, size_t index)
{
	((struct timer *)item)->heap_index = index;
}

static struct timer *find(const struct gv_actor *a, const char *name)
{
	struct timer *timer = gv_map_get(&a->timers, gv_hash_str(name));
	while (timer && strcmp(timer->name, name))
		timer = timer->same_hash;
	return timer;
}

static void forget(struct gv_actor *a, struct timer *timer)
{
	uint64_t hash = gv_hash_str(timer->name);
	struct timer *first = gv_map_take(&a->timers, hash);
	if (first == timer) {
		first = timer->same_hash;
	} else {
		struct timer *before = first;
		while (before->same_hash != timer)
			before = before->same_hash;
		before->same_hash = timer->same_hash;
	}
	if (first)
		gv_map_put(&a->timers, hash, first);
	gv_heap_remove(&a->timer_heap, timer->heap_index, when, moved);
	free(timer->name);
	free(timer);
}

static int arm(struct gv_actor *a, const char *name, int64_t at_ms)
{
	struct timer *timer = find(a, name);
	if (timer)
		forget(a, timer);
	timer = calloc(1, sizeof *timer);
	if (!timer || !(timer->name = strdup(name))) {
		free(timer);
		return -ENOMEM;
	}
	timer->at_ms = at_ms;
	uint64_t hash = gv_hash_str(name);
	timer->same_hash = gv_map_get(&a->timers, hash);
	int r = gv_map_put(&a->timers, hash, timer);
	return r < 0 ? r : gv_heap_add(&a->timer_heap, timer, when, moved);
}

int gv_timers_open(struct gv_actor *a)
{
	struct gv_walk w = { .table = a->timers_rows };
	while (gv_walk(a->store, &w)) {
		Rows__Timer *row = gv_turn_unpack(&a->turn, &rows__timer__descriptor, w.value, w.size);
		int r = row ? arm(a, gv_arena_dup(&a->turn.arena, w.key, w.key_size), row->at_ms) : -EBADMSG;
		if (r < 0) {
			gv_walk_end(&w);
			return r;
		}
	}
	return w.error;
}

static int check_name(struct gv_turn *t, const char *name)
{
	size_t n = strlen(name);
	return n > 0 && n <= GV_KEY_MAX ? 0 : gv_turn_fail(t, -EINVAL, "a timer's name has 1 to %d bytes", GV_KEY_MAX);
}

int gv_timer(struct gv_turn *t, const char *name, int64_t at_ms, const void *note)
{
	if (check_name(t, name) < 0)
		return t->failed;
	Rows__Timer row = ROWS__TIMER__INIT;
	row.at_ms = at_ms;
	if (note) {
		const ProtobufCMessage *m = note;
		if (!gv_note_type(t->a, m->descriptor->name))
			return gv_turn_fail(t, -EINVAL, "%s is not among the record's notes", m->descriptor->name);
		row.note_type = (char *)m->descriptor->name;
		row.note.len = protobuf_c_message_get_packed_size(m);
		row.note.data = gv_alloc(t, row.note.len);
		protobuf_c_message_pack(m, row.note.data);
	}
	if (gv_turn_put(t, t->a->timers_rows, name, strlen(name), &row) < 0)
		return t->failed;
	struct timer_op *op = PUSH(t->timer_ops);
	op->name = strdup(name);
	op->at_ms = at_ms;
	return op->name ? 0 : gv_turn_fail(t, -ENOMEM, "out of memory");
}

int gv_timer_cancel(struct gv_turn *t, const char *name)
{
	if (check_name(t, name) < 0)
		return t->failed;
	const void *old;
	size_t old_size;
	if (gv_store_get(t->a->store, t->a->timers_rows, name, strlen(name), &old, &old_size) < 0)
		return 0;
	if (gv_turn_delete(t, t->a->timers_rows, name, strlen(name)) < 0)
		return t->failed;
	struct timer_op *op = PUSH(t->timer_ops);
	op->name = strdup(name);
	op->at_ms = INT64_MIN;
	return op->name ? 0 : gv_turn_fail(t, -ENOMEM, "out of memory");
}

void gv_timers_commit(struct gv_turn *t)
{
	struct gv_actor *a = t->a;
	for (size_t i = 0; i < t->timer_ops.count; i++) {
		struct timer_op *op = &t->timer_ops.items[i];
		if (op->at_ms == INT64_MIN) {
			struct timer *timer = find(a, op->name);
			if (timer)
				forget(a, timer);
		} else if (arm(a, op->name, op->at_ms) < 0) {
			gv_actor_log(a, GV_ERR, "Out of memory for a timer; it will fire after a restart. timer=%s",
				     op->name);
		}
		free(op->name);
	}
	t->timer_ops.count = 0;
}

/* A due timer becomes a message and is forgotten here; its row stays until the message has been handled. */
void gv_timers_due(struct gv_actor *a, int64_t now_ms)
{
	while (a->timer_heap.count) {
		struct timer *timer = a->timer_heap.items[0];
		if (timer->at_ms > now_ms)
			break;
		struct message m = { .kind = M_TIMER, .timer = { strdup(timer->name), timer->at_ms } };
		if (!m.timer.name || gv_inbox_add(a, m) < 0)
			break;
		forget(a, timer);
	}
}

int64_t gv_timers_next_ms(const struct gv_actor *a)
{
	return a->timer_heap.count ? ((struct timer *)a->timer_heap.items[0])->at_ms : INT64_MAX;
}

int gv_timers_deliver(struct gv_turn *t, const char *name, const char *note_type, const void *note, size_t note_size)
{
	const struct gv_plugin *p = t->a->plugin;
	void *unpacked = NULL;
	if (*note_type) {
		const ProtobufCMessageDescriptor *d = gv_note_type(t->a, note_type);
		unpacked = d ? gv_turn_unpack(t, d, note, note_size) : NULL;
		if (!unpacked)
			return gv_turn_fail(t, -EBADMSG,
					    "the note of timer %s is a %s, which this version does not know", name,
					    note_type);
	}
	if (!p->on_timer)
		return gv_turn_fail(t, -ENOSYS, "timer %s is due and the plugin has no on_timer", name);
	return p->on_timer(t->a->self, t, name, unpacked);
}

/* The row is read again: the timer may have been cancelled or set anew by a message before this one. */
int gv_timers_fire(struct gv_turn *t, const char *name, int64_t at_ms)
{
	Rows__Timer *row = gv_get_row(t->a, t->a->timers_rows, name, strlen(name), &rows__timer__descriptor);
	if (!row || row->at_ms != at_ms)
		return 0;
	if (gv_turn_delete(t, t->a->timers_rows, name, strlen(name)) < 0)
		return t->failed;
	return gv_timers_deliver(t, name, row->note_type, row->note.data, row->note.len);
}

void gv_timers_fini(struct gv_actor *a)
{
	size_t i = 0;
	for (struct timer *timer; (timer = gv_map_next(&a->timers, &i));) {
		while (timer) {
			struct timer *next = timer->same_hash;
			free(timer->name);
			free(timer);
			timer = next;
		}
	}
	gv_map_fini(&a->timers);
	free(a->timer_heap.items);
}
