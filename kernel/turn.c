/* What a handler may do with its turn: memory, log, rows. Rows are written when the handler has succeeded (or when it
 * starts to scan), so that a failing handler usually has nothing to undo; what was written before is put back from its
 * before-image. */
#include "actor_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOG_LINE 2048

void *gv_vector_add(void *vector, size_t item_size)
{
	VECTOR(char) *v = vector;
	if (v->count == v->capacity) {
		size_t capacity = v->capacity ? v->capacity * 2 : 16;
		char *items = realloc(v->items, capacity * item_size);
		if (!items)
			abort(); /* the host process is contained and restarted */
		v->items = items;
		v->capacity = capacity;
	}
	char *item = v->items + v->count++ * item_size;
	memset(item, 0, item_size);
	return item;
}

/* ---- failing --------------------------------------------------------------------------------- */

int gv_turn_fail(struct gv_turn *t, int error, const char *fmt, ...)
{
	if (!t->failed)
		t->failed = error;
	if (!t->fault) {
		va_list ap;
		va_start(ap, fmt);
		char text[1024];
		vsnprintf(text, sizeof text, fmt, ap);
		va_end(ap);
		t->fault = gv_arena_strdup(&t->arena, text);
	}
	return t->failed;
}

int gv_fault(struct gv_turn *t, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	char text[1024];
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	gv_turn_fail(t, -EINVAL, "%s", text);
	return -EINVAL;
}

int gv_fail(struct gv_turn *t, enum gv_code code, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	char text[1024];
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	if (!t->failed)
		t->fail_code = code == GV_OK ? GV_UNKNOWN : code;
	gv_turn_fail(t, -EINVAL, "%s", text);
	return -EINVAL;
}

const char *gv_quotable(struct gv_turn *t, const char *text)
{
	char *copy = gv_arena_strdup(&t->arena, text);
	for (char *c = copy; *c; c++)
		if (*c == '"')
			*c = '\'';
	return copy;
}

/* ---- the world as far as it can be seen ------------------------------------------------------ */

int64_t gv_now_ms(struct gv_turn *t)
{
	return t->now_ms;
}

uint64_t gv_random(struct gv_turn *t)
{
	return t->a->env.random(t->a->env.arg);
}

const struct gv_self *gv_self(struct gv_turn *t)
{
	return &t->a->self_info;
}

bool gv_owns(struct gv_turn *t, const char *key)
{
	return gv_shard(key, t->a->self_info.instances) == t->a->self_info.instance;
}

void *gv_alloc(struct gv_turn *t, size_t size)
{
	void *memory = gv_arena_alloc(&t->arena, size);
	if (t->arena.exhausted)
		gv_turn_fail(t, -ENOMEM, "it uses more than %u MiB of memory", GV_TURN_ARENA >> 20);
	return memory;
}

char *gv_strdup(struct gv_turn *t, const char *s)
{
	return gv_arena_strdup(&t->arena, s);
}

char *gv_str(struct gv_turn *t, const char *fmt, ...)
{
	va_list ap, again;
	va_start(ap, fmt);
	va_copy(again, ap);
	int n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	size_t size = n < 0 ? 0 : (size_t)n;
	char *s = gv_alloc(t, size + 1);
	vsnprintf(s, size + 1, fmt, again);
	va_end(again);
	return s;
}

ProtobufCAllocator *gv_allocator(struct gv_turn *t)
{
	return &t->arena.allocator;
}

/* The room of an array that grew lately in this message, moved to the front. Any other array, of an unpacked row for
 * one, has none to spare: it takes the place of the one that was not used for longest. */
static struct grown *find_grown(struct gv_turn *t, const void *array)
{
	const size_t last = sizeof t->grown / sizeof *t->grown - 1;
	size_t i = 0;
	while (i < last && t->grown[i].array != array)
		i++;
	struct grown found = t->grown[i].array == array ? t->grown[i] : (struct grown){ 0 };
	memmove(t->grown + 1, t->grown, i * sizeof *t->grown);
	t->grown[0] = found;
	return t->grown;
}

void *gv_append(struct gv_turn *t, void *ret_array, size_t *n, size_t size)
{
	char **array = ret_array;
	struct grown *g = find_grown(t, *array);
	if (*n >= g->room) {
		size_t room = *n < 4 ? 4 : *n * 2;
		char *bigger = gv_alloc(t, room * size);
		if (*n)
			memcpy(bigger, *array, *n * size);
		*g = (struct grown){ bigger, room };
		*array = bigger;
	}
	char *item = *array + *n * size;
	memset(item, 0, size);
	++*n;
	return item;
}

/* What the line does not say itself: the message in hand. */
static const char *message_context(const struct gv_turn *t, const char *line, char *ret, size_t size)
{
	const struct message *m = t->message;
	*ret = 0;
	if (!m)
		return ret;
	switch (m->kind) {
	case M_EVENT:
		snprintf(ret, size, " msg=event:%s/%llu", m->from->name, (unsigned long long)m->event->seq);
		break;
	case M_CALL:
		snprintf(ret, size, " msg=call:%s/%llx method=%s", m->from ? m->from->name : "",
			 (unsigned long long)m->call->id, m->call->method);
		break;
	case M_FRAME: {
		struct conn *c = gv_frames_conn(t->a, m->frame.conn);
		bool said = !c || strstr(line, " device=");
		snprintf(ret, size, "%s%s msg=frame:%llx/%llu", said ? "" : " device=", said ? "" : gv_conn_device(c),
			 (unsigned long long)m->frame.conn, (unsigned long long)m->frame.seq);
		break;
	}
	case M_TIMER:
		snprintf(ret, size, " msg=timer:%s", m->timer.name);
		break;
	case M_ANSWER:
		if (m->answer.call)
			snprintf(ret, size, " msg=answer:%llx method=%s", (unsigned long long)m->answer.call->id,
				 m->answer.call->method);
		break;
	case M_HELD:
		snprintf(ret, size, " msg=held:%llu", (unsigned long long)m->held);
		break;
	default:
		break;
	}
	return ret;
}

void gv_log(struct gv_turn *t, enum gv_level level, const char *fmt, ...)
{
	char line[LOG_LINE], context[256];
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(line, sizeof line - sizeof context, fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	strcat(line, message_context(t, line, context, sizeof context));
	t->a->env.log(t->a->env.arg, level, line);
}

static void count(struct gv_actor *a, const char *name, double by, bool gauge)
{
	struct custom *c = NULL;
	for (size_t i = 0; i < a->customs.count && !c; i++)
		if (a->customs.items[i].name == name || !strcmp(a->customs.items[i].name, name))
			c = &a->customs.items[i];
	if (!c) {
		if (a->customs.count == 256)
			return;
		c = PUSH(a->customs);
		c->name = name;
		c->gauge = gauge;
	}
	c->value = gauge ? by : c->value + by;
}

void gv_count(struct gv_turn *t, const char *name, double by)
{
	count(t->a, name, by, false);
}

void gv_world_count(struct gv_world *w, const char *name, double by)
{
	count(w->a, name, by, false);
}

void gv_world_gauge(struct gv_world *w, const char *name, double value)
{
	count(w->a, name, value, true);
}

/* ---- the message in hand --------------------------------------------------------------------- */

void gv_message_begin(struct gv_turn *t, struct message *m)
{
	t->message = m;
	t->failed = 0;
	t->fault = NULL;
	t->fail_code = GV_OK;
	t->wrote = false;
	t->snapshot_for = NULL;
	t->writes.count = t->n_flushed = t->undos.count = t->replies.count = t->touched.count = 0;
	memset(t->grown, 0, sizeof t->grown);
	t->emitted_mark = t->emitted.count;
	t->calls_mark = t->calls.count;
	t->timer_ops_mark = t->timer_ops.count;
}

static void remember(struct gv_turn *t, gv_dbi table, const void *key, size_t size)
{
	struct undo *u = PUSH(t->undos);
	u->table = table;
	u->key = gv_arena_dup(&t->arena, key, size);
	u->key_size = size;
	const void *old;
	if (gv_store_get(t->a->store, table, key, size, &old, &u->old_size) == 0)
		u->old = gv_arena_dup(&t->arena, old, u->old_size);
}

int gv_turn_put(struct gv_turn *t, gv_dbi table, const void *key, size_t key_size, const void *message)
{
	remember(t, table, key, key_size);
	void *to;
	int r = gv_store_put(t->a->store, table, key, key_size, protobuf_c_message_get_packed_size(message), &to);
	if (r < 0)
		return gv_turn_fail(t, r, "cannot write: %s", gv_store_strerror(r));
	protobuf_c_message_pack(message, to);
	t->wrote = true;
	return 0;
}

int gv_turn_delete(struct gv_turn *t, gv_dbi table, const void *key, size_t key_size)
{
	remember(t, table, key, key_size);
	int r = gv_store_delete(t->a->store, table, key, key_size);
	if (r < 0 && r != -ENOENT)
		return gv_turn_fail(t, r, "cannot write: %s", gv_store_strerror(r));
	t->wrote = true;
	return 0;
}

static int write_one(struct gv_turn *t, const struct write *w)
{
	void *to;
	struct gv_store *s = t->a->store;
	int r;
	if (!w->row && !w->packed) {
		r = gv_store_delete(s, w->table->dbi, w->key, w->key_size);
		return r == -ENOENT ? 0 : r;
	}
	size_t size = w->row ? protobuf_c_message_get_packed_size(w->row) : w->packed_size;
	r = gv_store_put(s, w->table->dbi, w->key, w->key_size, size, &to);
	if (r < 0)
		return r;
	if (w->row)
		protobuf_c_message_pack(w->row, to);
	else
		memcpy(to, w->packed, size);
	return 0;
}

int gv_message_flush(struct gv_turn *t, bool final)
{
	size_t kept = final ? 0 : t->n_flushed;
	for (size_t i = kept; i < t->writes.count; i++) {
		const struct write *w = &t->writes.items[i];
		if (!final)
			remember(t, w->table->dbi, w->key, w->key_size);
		int r = write_one(t, w);
		if (r < 0) {
			if (final)
				t->a->dead = r;
			return gv_turn_fail(t, r, "cannot write table \"%s\": %s", w->table->def->name,
					    gv_store_strerror(r));
		}
		if (!final && w->edited)
			t->writes.items[kept++] = *w;
	}
	t->writes.count = t->n_flushed = kept;
	return 0;
}

static void close_cursors(struct gv_turn *t)
{
	for (size_t i = 0; i < t->cursors.count; i++)
		gv_cursor_close(t->cursors.items[i]);
	t->cursors.count = 0;
}

void gv_message_end(struct gv_turn *t)
{
	close_cursors(t);
	for (size_t i = 0; i < t->touched.count; i++)
		t->touched.items[i]->touched = false;
	t->touched.count = 0;
	t->message = NULL;
	gv_arena_reset(&t->arena);
}

void gv_message_undo(struct gv_turn *t)
{
	close_cursors(t);
	for (size_t i = t->undos.count; i-- > 0;) {
		struct undo *u = &t->undos.items[i];
		void *to;
		int r = u->old ? gv_store_put(t->a->store, u->table, u->key, u->key_size, u->old_size, &to)
			       : gv_store_delete(t->a->store, u->table, u->key, u->key_size);
		if (r == 0 && u->old)
			memcpy(to, u->old, u->old_size);
		else if (r < 0 && r != -ENOENT)
			t->a->dead = r; /* cannot be undone: the turn must not commit */
	}
	for (size_t i = 0; i < t->touched.count; i++)
		t->touched.items[i]->out.size = t->touched.items[i]->mark;
	for (size_t i = t->calls_mark; i < t->calls.count; i++)
		gv_outcall_free(t->calls.items[i]);
	for (size_t i = t->timer_ops_mark; i < t->timer_ops.count; i++)
		free(t->timer_ops.items[i].name);
	t->calls.count = t->calls_mark;
	t->timer_ops.count = t->timer_ops_mark;
	t->emitted.count = t->emitted_mark;
	t->undos.count = t->writes.count = t->n_flushed = t->replies.count = 0;
	t->wrote = false;
}

void gv_turn_fini(struct gv_turn *t)
{
	gv_arena_fini(&t->arena);
	gv_arena_fini(&t->kept);
	free(t->writes.items);
	free(t->undos.items);
	free(t->replies.items);
	free(t->touched.items);
	free(t->cursors.items);
	free(t->emitted.items);
	free(t->calls.items);
	free(t->answered.items);
	free(t->timer_ops.items);
	free(t->waiting.items);
	free(t->cursors_moved.items);
	free(t->acked.items);
	free(t->done.items);
}

/* ---- blobs ----------------------------------------------------------------------------------- */

int gv_blob_put(struct gv_turn *t, const void *data, size_t size, char ret_id[GV_BLOB_ID_SIZE])
{
	int r = gv_blobs_put(t->a->options.blobs, data, size, ret_id);
	return r < 0 ? gv_turn_fail(t, r, "cannot store a blob: %s", strerror(-r)) : 0;
}

int64_t gv_blob_read(struct gv_turn *t, const char *id, uint64_t offset, void *ret_data, size_t size)
{
	return gv_blobs_read(t->a->options.blobs, id, offset, ret_data, size);
}

int64_t gv_blob_size(struct gv_turn *t, const char *id)
{
	return gv_blobs_size(t->a->options.blobs, id);
}

int gv_blob_drop(struct gv_turn *t, const char *id)
{
	return gv_blobs_drop(t->a->options.blobs, id);
}
