/* The plugin's tables in its store. The shape of each (key and type of row) is written beside it, so that a version
 * with another shape cannot read rows it would misunderstand: it has to raise its schema, and its migrate sees the old
 * rows through the record's old_tables. */
#include "actor_internal.h"
#include "text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOTHING "_nothing" /* stays empty: what old tables are that this store does not have */

static Rows__Shape *shape_of(struct gv_actor *a, const char *name)
{
	return gv_get_row(a, a->shapes, name, strlen(name), &rows__shape__descriptor);
}

static bool fits(const struct gv_table *def, const Rows__Shape *shape)
{
	return !strcmp(def->key, shape->key) && !strcmp(def->value->name, shape->type);
}

static bool is_present(const struct gv_actor *a, const char *name)
{
	for (size_t i = 0; i < a->n_tables; i++)
		if (!strcmp(a->tables[i].def->name, name))
			return true;
	return false;
}

static struct table *old_table(struct gv_actor *a, const char *name, const Rows__Shape *shape)
{
	for (size_t i = a->n_tables; i < a->n_tables + a->n_old_tables; i++)
		if (!strcmp(a->tables[i].def->name, name) && fits(a->tables[i].def, shape))
			return &a->tables[i];
	return NULL;
}

/* The rows make room for those of another shape under the same name. */
static int move_rows(struct gv_actor *a, gv_dbi from, gv_dbi to)
{
	struct gv_walk w = { .table = from };
	while (gv_walk(a->store, &w)) {
		void *room;
		int r = gv_store_append(a->store, to, w.key, w.key_size, w.size, &room);
		if (r < 0) {
			gv_walk_end(&w);
			return r;
		}
		memcpy(room, w.value, w.size);
	}
	return w.error < 0 ? w.error : gv_store_empty(a->store, from);
}

static int set_aside(struct gv_actor *a, const struct table *present, const Rows__Shape *shape, char **ret_error)
{
	const struct gv_table *def = present->def;
	struct table *old = old_table(a, def->name, shape);
	if (!old)
		return gv_text_error(
			ret_error, -EINVAL,
			"table \"%s\" in the store has the key \"%s\" and rows %s; version %s has \"%s\" and %s, "
			"and no such table "
			"among its old_tables: name the old shape there",
			def->name, shape->key, shape->type, a->plugin->version, def->key, def->value->name);
	char *name;
	if (asprintf(&name, "%s~old", def->name) < 0)
		return -ENOMEM;
	int r = gv_store_table(a->store, name, &old->dbi);
	free(name);
	if (r == 0)
		r = gv_store_empty(a->store, old->dbi);
	old->old = true;
	return r < 0 ? r : move_rows(a, present->dbi, old->dbi);
}

static int open_present(struct gv_actor *a, struct table *t, uint32_t schema, char **ret_error)
{
	Rows__Shape *shape = shape_of(a, t->def->name);
	int r = gv_store_table(a->store, t->def->name, &t->dbi);
	if (r < 0 || !shape || fits(t->def, shape))
		return r;
	if (schema == a->plugin->schema)
		return gv_text_error(
			ret_error, -EINVAL,
			"table \"%s\" in the store has the key \"%s\" and rows %s; version %s has \"%s\" and %s "
			"under the same "
			"schema %u: raise .schema and migrate",
			t->def->name, shape->key, shape->type, a->plugin->version, t->def->key, t->def->value->name,
			schema);
	return set_aside(a, t, shape, ret_error);
}

static int open_old(struct gv_actor *a, struct table *t, gv_dbi nothing)
{
	if (t->old)
		return 0;
	Rows__Shape *shape = is_present(a, t->def->name) ? NULL : shape_of(a, t->def->name);
	t->dbi = nothing;
	if (!shape || !fits(t->def, shape))
		return 0;
	t->old = true;
	return gv_store_table(a->store, t->def->name, &t->dbi);
}

int gv_tables_open(struct gv_actor *a, uint32_t schema, char **ret_error)
{
	gv_dbi nothing;
	int r = gv_store_table(a->store, NOTHING, &nothing);
	for (size_t i = 0; i < a->n_tables && r == 0; i++)
		r = open_present(a, &a->tables[i], schema, ret_error);
	for (size_t i = a->n_tables; i < a->n_tables + a->n_old_tables && r == 0; i++)
		r = open_old(a, &a->tables[i], nothing);
	return r;
}

int gv_tables_settle(struct gv_actor *a)
{
	int r = 0;
	for (size_t i = a->n_tables; i < a->n_tables + a->n_old_tables && r == 0; i++) {
		struct table *t = &a->tables[i];
		if (!t->old)
			continue;
		r = gv_store_drop(a->store, t->dbi);
		if (r == 0 && !is_present(a, t->def->name))
			r = gv_store_delete(a->store, a->shapes, t->def->name, strlen(t->def->name));
		t->old = false;
	}
	for (size_t i = 0; i < a->n_tables && r == 0; i++) {
		const struct gv_table *def = a->tables[i].def;
		Rows__Shape *before = shape_of(a, def->name), shape = ROWS__SHAPE__INIT;
		if (before && fits(def, before))
			continue;
		shape.key = (char *)def->key;
		shape.type = (char *)def->value->name;
		r = gv_put_row(a, a->shapes, def->name, strlen(def->name), &shape);
	}
	return r == -ENOENT ? 0 : r;
}
