/* Rows as a handler sees them. What it changes is written when it has succeeded, or when it starts to scan. */
#include "actor_internal.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WRITES_BEFORE_FLUSH 64 /* searched one by one for each read; edited rows stay beyond that */

/* ---- rows ------------------------------------------------------------------------------------ */

/* By what it is, not by where its definition lies: two files may each have one. */
static bool same(const struct gv_table *a, const struct gv_table *b)
{
	return !strcmp(a->name, b->name) && !strcmp(a->key, b->key) && a->value == b->value;
}

static struct table *find_table(struct gv_turn *t, const struct gv_table *def)
{
	size_t n = t->a->n_tables + (t->starting ? t->a->n_old_tables : 0);
	for (size_t i = 0; i < n; i++) /* the usual case, without looking into each */
		if (t->a->tables[i].def == def)
			return &t->a->tables[i];
	for (size_t i = 0; i < n; i++)
		if (same(t->a->tables[i].def, def))
			return &t->a->tables[i];
	gv_turn_fail(t, -EINVAL, "table \"%s\" with key \"%s\" and rows %s is not among the record's tables", def->name,
		     def->key, def->value->name);
	return NULL;
}

static const char *kinds(struct gv_turn *t, const char *shape)
{
	char *text = "";
	for (; *shape; shape++)
		text = gv_str(t, "%s%s%s", text, *text ? ", " : "",
			      *shape == 's'   ? "string"
			      : *shape == 'i' ? "int64"
					      : "uint64");
	return text;
}

static int refuse_key(struct gv_turn *t, const struct gv_table *def, struct gv_key key)
{
	char given[GV_KEY_PARTS + 1] = "";
	for (unsigned i = 0; i < key.count && i < GV_KEY_PARTS; i++)
		given[i] = key.part[i].kind;
	return gv_turn_fail(t, -EINVAL, "table \"%s\" has the key (%s); the one given is (%s)", def->name,
			    kinds(t, def->key), kinds(t, given));
}

/* The encoded key, or a size below 0 with the message failed. */
static int encode_key(struct gv_turn *t, const struct gv_table *def, struct gv_key key, bool whole,
		      uint8_t ret[GV_KEY_MAX])
{
	if (key.count > strlen(def->key) || (whole && def->key[key.count]))
		return refuse_key(t, def, key);
	int size = gv_key_encode(def->key, key, ret);
	if (size == -ENAMETOOLONG)
		return gv_turn_fail(t, size, "a key of table \"%s\" is longer than %d bytes", def->name, GV_KEY_MAX);
	if (size == -EFAULT)
		return gv_turn_fail(t, size, "a string in a key of table \"%s\" is NULL", def->name);
	return size < 0 ? refuse_key(t, def, key) : size;
}

void *gv_turn_unpack(struct gv_turn *t, const ProtobufCMessageDescriptor *d, const void *data, size_t size)
{
	return protobuf_c_message_unpack(d, &t->arena.allocator, size, data);
}

static struct write *find_write(struct gv_turn *t, const struct table *table, const uint8_t *key, size_t size)
{
	for (size_t i = t->writes.count; i-- > 0;) {
		struct write *w = &t->writes.items[i];
		if (w->table == table && w->key_size == size && !memcmp(w->key, key, size))
			return w;
	}
	return NULL;
}

static void *read_row(struct gv_turn *t, const struct table *table, const uint8_t *key, size_t size)
{
	const void *data;
	size_t data_size;
	int r = gv_store_get(t->a->store, table->dbi, key, size, &data, &data_size);
	if (r == -ENOENT)
		return NULL;
	if (r < 0) {
		gv_turn_fail(t, r, "cannot read table \"%s\": %s", table->def->name, gv_store_strerror(r));
		return NULL;
	}
	void *row = gv_turn_unpack(t, table->def->value, data, data_size);
	if (!row)
		gv_turn_fail(t, -EBADMSG, "a row of table \"%s\" is damaged", table->def->name);
	return row;
}

/* The row as this message sees it: its own write, if there is one, or the store's. */
static void *present_row(struct gv_turn *t, struct table *table, struct write *w, const uint8_t *key, size_t size)
{
	if (!w)
		return read_row(t, table, key, size);
	if (!w->row && w->packed)
		w->row = gv_turn_unpack(t, table->def->value, w->packed, w->packed_size);
	return w->row;
}

const void *gv_get(struct gv_turn *t, const struct gv_table *def, struct gv_key key)
{
	uint8_t encoded[GV_KEY_MAX];
	struct table *table = find_table(t, def);
	int size = table ? encode_key(t, def, key, true, encoded) : -1;
	if (size < 0)
		return NULL;
	return present_row(t, table, find_write(t, table, encoded, (size_t)size), encoded, (size_t)size);
}

static bool may_write(struct gv_turn *t)
{
	if (t->snapshot_for)
		gv_turn_fail(t, -EPERM, "a snapshot callback must not write");
	return !t->snapshot_for;
}

static struct write *add_write(struct gv_turn *t, struct table *table, const uint8_t *key, size_t size)
{
	if (t->writes.count - t->n_flushed >= WRITES_BEFORE_FLUSH)
		gv_message_flush(t, false);
	struct write *w = PUSH(t->writes);
	w->table = table;
	w->key = gv_arena_dup(&t->arena, key, size);
	w->key_size = size;
	t->wrote = true;
	return w;
}

/* The write to change: one that is in the store already goes back among those that are not, so that the next walk sees
 * what it becomes. */
static struct write *open_write(struct gv_turn *t, struct write *w, struct table *table, const uint8_t *key,
				size_t size)
{
	if (!w)
		return add_write(t, table, key, size);
	if (w >= t->writes.items + t->n_flushed)
		return w;
	struct write *last = &t->writes.items[--t->n_flushed], moved = *w;
	*w = *last;
	*last = moved;
	return last;
}

static void *fresh_row(struct gv_turn *t, const ProtobufCMessageDescriptor *d)
{
	ProtobufCMessage *row = gv_arena_alloc(&t->arena, d->sizeof_message);
	d->message_init(row);
	return row;
}

void *gv_edit(struct gv_turn *t, const struct gv_table *def, struct gv_key key)
{
	uint8_t encoded[GV_KEY_MAX];
	struct table *table = find_table(t, def);
	int size = table && may_write(t) ? encode_key(t, def, key, true, encoded) : -1;
	if (size < 0)
		return fresh_row(t, def->value);
	if (def->append) {
		gv_turn_fail(t, -EPERM, "table \"%s\" is append-only", def->name);
		return fresh_row(t, def->value);
	}
	struct write *w = find_write(t, table, encoded, (size_t)size);
	void *row = present_row(t, table, w, encoded, (size_t)size);
	w = open_write(t, w, table, encoded, (size_t)size);
	w->edited = true;
	return w->row = row ? row : fresh_row(t, def->value);
}

static int append_row(struct gv_turn *t, struct table *table, const uint8_t *key, size_t size,
		      const ProtobufCMessage *row)
{
	void *to;
	int r = gv_store_append(t->a->store, table->dbi, key, size, protobuf_c_message_get_packed_size(row), &to);
	if (r == -EEXIST)
		return gv_turn_fail(t, r, "table \"%s\" is append-only: the key is not greater than all others",
				    table->def->name);
	if (r < 0)
		return gv_turn_fail(t, r, "cannot write table \"%s\": %s", table->def->name, gv_store_strerror(r));
	protobuf_c_message_pack(row, to);
	struct undo *u = PUSH(t->undos);
	*u = (struct undo){ .table = table->dbi, .key = gv_arena_dup(&t->arena, key, size), .key_size = size };
	t->wrote = true;
	return 0;
}

int gv_put(struct gv_turn *t, const struct gv_table *def, struct gv_key key, const void *row)
{
	uint8_t encoded[GV_KEY_MAX];
	struct table *table = find_table(t, def);
	int size = table && may_write(t) ? encode_key(t, def, key, true, encoded) : -1;
	if (size < 0)
		return t->failed;
	if (((const ProtobufCMessage *)row)->descriptor != def->value)
		return gv_turn_fail(t, -EINVAL, "table \"%s\" holds %s, not %s", def->name, def->value->name,
				    ((const ProtobufCMessage *)row)->descriptor->name);
	if (def->append)
		return append_row(t, table, encoded, (size_t)size, row);
	struct write *w = find_write(t, table, encoded, (size_t)size);
	w = open_write(t, w, table, encoded, (size_t)size);
	w->edited = false;
	w->row = NULL;
	w->packed_size = protobuf_c_message_get_packed_size(row);
	w->packed = gv_alloc(t, w->packed_size);
	protobuf_c_message_pack(row, w->packed);
	return t->failed;
}

int gv_delete(struct gv_turn *t, const struct gv_table *def, struct gv_key key)
{
	uint8_t encoded[GV_KEY_MAX];
	struct table *table = find_table(t, def);
	int size = table && may_write(t) ? encode_key(t, def, key, true, encoded) : -1;
	if (size < 0)
		return t->failed;
	struct write *w = find_write(t, table, encoded, (size_t)size);
	w = open_write(t, w, table, encoded, (size_t)size);
	w->edited = false;
	w->row = NULL;
	w->packed = NULL;
	return 0;
}

/* ---- scanning -------------------------------------------------------------------------------- */

struct scan_state {
	uint64_t message; /* to notice a scan kept from an earlier callback */
	struct table *table;
	struct gv_cursor *cursor;
	uint8_t prefix[GV_KEY_MAX], last[GV_KEY_MAX];
	size_t prefix_size, last_size;
	bool started;
};

static struct scan_state *scan_begin(struct gv_turn *t, struct gv_scan *scan)
{
	struct table *table = find_table(t, scan->table);
	if (!table)
		return NULL;
	struct scan_state *s = gv_arena_alloc(&t->arena, sizeof *s);
	s->table = table;
	int size = encode_key(t, scan->table, scan->prefix, false, s->prefix);
	int after = size < 0 ? size : encode_key(t, scan->table, scan->after, scan->after.count > 0, s->last);
	if (after < 0)
		return NULL;
	s->prefix_size = (size_t)size;
	s->last_size = (size_t)after;
	s->started = after > 0;
	int r = gv_store_cursor(t->a->store, table->dbi, &s->cursor);
	if (r < 0) {
		gv_turn_fail(t, r, "cannot scan table \"%s\": %s", scan->table->name, gv_store_strerror(r));
		return NULL;
	}
	struct gv_cursor **open = PUSH(t->cursors);
	*open = s->cursor;
	return s;
}

/* The smallest byte string greater than all that begin with these bytes; 0 where there is none. */
static size_t behind_prefix(uint8_t *bytes, size_t size)
{
	while (size && bytes[size - 1] == 0xff)
		size--;
	if (size)
		bytes[size - 1]++;
	return size;
}

struct pair {
	const void *key, *value;
	size_t key_size, value_size;
};

/* The greatest row below `bytes` (size 0: of all). */
static int seek_below(struct gv_cursor *c, const uint8_t *bytes, size_t size, struct pair *p)
{
	if (!size)
		return gv_cursor_seek(c, GV_SEEK_LAST, &p->key, &p->key_size, &p->value, &p->value_size);
	p->key = bytes;
	p->key_size = size;
	int r = gv_cursor_seek(c, GV_SEEK_AT_LEAST, &p->key, &p->key_size, &p->value, &p->value_size);
	if (r == -ENOENT)
		return gv_cursor_seek(c, GV_SEEK_LAST, &p->key, &p->key_size, &p->value, &p->value_size);
	return r < 0 ? r : gv_cursor_seek(c, GV_SEEK_PREVIOUS, &p->key, &p->key_size, &p->value, &p->value_size);
}

static int seek_above(struct gv_cursor *c, const uint8_t *bytes, size_t size, bool equal_too, struct pair *p)
{
	if (!size)
		return gv_cursor_seek(c, GV_SEEK_FIRST, &p->key, &p->key_size, &p->value, &p->value_size);
	p->key = bytes;
	p->key_size = size;
	int r = gv_cursor_seek(c, GV_SEEK_AT_LEAST, &p->key, &p->key_size, &p->value, &p->value_size);
	if (r == 0 && !equal_too && p->key_size == size && !memcmp(p->key, bytes, size))
		r = gv_cursor_seek(c, GV_SEEK_NEXT, &p->key, &p->key_size, &p->value, &p->value_size);
	return r;
}

static int scan_step(struct scan_state *s, bool reverse, struct pair *p)
{
	if (s->started)
		return reverse ? seek_below(s->cursor, s->last, s->last_size, p)
			       : seek_above(s->cursor, s->last, s->last_size, false, p);
	s->started = true;
	if (!reverse)
		return seek_above(s->cursor, s->prefix, s->prefix_size, true, p);
	uint8_t end[GV_KEY_MAX];
	memcpy(end, s->prefix, s->prefix_size);
	return seek_below(s->cursor, end, behind_prefix(end, s->prefix_size), p);
}

bool gv_next(struct gv_turn *t, struct gv_scan *scan)
{
	struct scan_state *s = (struct scan_state *)(uintptr_t)scan->opaque_[0];
	if (t->writes.count > t->n_flushed)
		gv_message_flush(t, false);
	if (!s && !t->failed) {
		s = scan_begin(t, scan);
		scan->opaque_[0] = (uintptr_t)s;
	}
	struct pair p;
	if (t->failed || !s || scan_step(s, scan->reverse, &p) < 0)
		return false;
	if (p.key_size < s->prefix_size || memcmp(p.key, s->prefix, s->prefix_size) || p.key_size > GV_KEY_MAX)
		return false;
	memcpy(s->last, p.key, p.key_size);
	s->last_size = p.key_size;
	scan->row = gv_turn_unpack(t, scan->table->value, p.value, p.value_size);
	if (!scan->row || gv_key_decode(scan->table->key, s->last, s->last_size, &t->arena.allocator, &scan->key) < 0) {
		gv_turn_fail(t, -EBADMSG, "a row of table \"%s\" is damaged", scan->table->name);
		return false;
	}
	return true;
}

/* ---- pages ----------------------------------------------------------------------------------- */

char *gv_page(struct gv_turn *t, const struct gv_scan *scan)
{
	uint8_t key[GV_KEY_MAX];
	int size = scan->key.count ? gv_key_encode(scan->table->key, scan->key, key) : 0;
	char *text = gv_alloc(t, size > 0 ? 2 * (size_t)size + 1 : 1);
	for (int i = 0; i < size; i++)
		sprintf(text + 2 * i, "%02x", key[i]);
	return text;
}

int gv_page_from(struct gv_turn *t, struct gv_scan *scan, const char *page)
{
	uint8_t key[GV_KEY_MAX];
	size_t n = strlen(page);
	if (n % 2 || n / 2 > sizeof key || strspn(page, "0123456789abcdef") != n)
		return -EINVAL;
	for (size_t i = 0; i < n / 2; i++) {
		char pair[3] = { page[2 * i], page[2 * i + 1], 0 };
		key[i] = (uint8_t)strtoul(pair, NULL, 16);
	}
	if (n == 0) {
		scan->after.count = 0;
		return 0;
	}
	return gv_key_decode(scan->table->key, key, n / 2, gv_allocator(t), &scan->after) < 0 ? -EINVAL : 0;
}
