/* The life of an actor and its turns: what comes in is put into the inbox, a turn takes a batch of it over one
 * transaction, and what the turn made leaves when the transaction has been committed. */
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

/* ---- small things ---------------------------------------------------------------------------- */

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

void *gv_get_row(struct gv_actor *a, gv_dbi table, const void *key, size_t key_size,
		 const ProtobufCMessageDescriptor *d)
{
	const void *data;
	size_t size;
	if (gv_store_get(a->store, table, key, key_size, &data, &size) < 0)
		return NULL;
	return gv_turn_unpack(&a->turn, d, data, size);
}

/* ---- start and end --------------------------------------------------------------------------- */

static int open_system_tables(struct gv_actor *a)
{
	const struct {
		const char *name;
		gv_dbi *dbi;
	} tables[] = {
		{ "_meta", &a->meta },          { "_journal", &a->journal },  { "_subscribers", &a->subscribers },
		{ "_cursors", &a->cursors },    { "_calls", &a->calls_rows }, { "_answers", &a->answers },
		{ "_timers", &a->timers_rows }, { "_held", &a->held },        { "_shapes", &a->shapes }
	};
	for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
		int r = gv_store_table(a->store, tables[i].name, tables[i].dbi);
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
		return set_error(ret_error, -EINVAL,
				 "the store %s has format %u, this galvan reads %u: use the version that wrote it",
				 a->options.store, m->format, STORE_FORMAT);
	if (strcmp(m->plugin, a->plugin->name))
		return set_error(ret_error, -EINVAL, "the store %s belongs to plugin %s, not to %s", a->options.store,
				 m->plugin, a->plugin->name);
	if (m->instances != a->options.instances)
		return set_error(ret_error, -EINVAL,
				 "the store %s was made for %u instances, the config asks for %u: set `instances` back",
				 a->options.store, m->instances, a->options.instances);
	if (m->schema > a->plugin->schema)
		return set_error(
			ret_error, -EINVAL,
			"the tables in %s are of version %u, plugin %s %s knows only up to %u: load a newer version",
			a->options.store, m->schema, a->plugin->name, a->plugin->version, a->plugin->schema);
	return 0;
}

/* A greater incarnation at each start: the time, or, where the clock was set back, behind what is noted. */
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
	gv_arena_init(&a->turn.kept, GV_TURN_ARENA);
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

static int migrate(struct gv_actor *a, uint32_t from, const void *config)
{
	const struct gv_plugin *p = a->plugin;
	if (from == 0 || from == p->schema)
		return 0;
	if (!p->migrate)
		return gv_turn_fail(&a->turn, -ENOSYS, "the tables are of version %u and the record has no migrate",
				    from);
	int r = p->migrate(a->self, &a->turn, from, config);
	return r < 0 ? r : a->turn.failed;
}

static int run_start(struct gv_actor *a, uint32_t schema, const uint8_t *config, size_t config_size)
{
	struct gv_turn *t = &a->turn;
	const struct gv_plugin *p = a->plugin;
	void *unpacked = NULL;
	if (p->config && !(unpacked = gv_turn_unpack(t, p->config, config, config_size)))
		return gv_turn_fail(t, -EBADMSG, "its config is no %s", p->config->name);
	int r = migrate(a, schema, unpacked);
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
	m.incarnation = a->ids_noted;
	m.plugin = (char *)a->plugin->name;
	m.instance = a->options.instance;
	m.instances = a->options.instances;
	m.schema = a->plugin->schema;
	return gv_put_row(a, a->meta, META_KEY, sizeof META_KEY, &m);
}

/* Ids begin with the incarnation. One that makes more than a million of them uses up those of incarnations to come,
 * which is noted half a million ahead: the next one begins behind them even if the clock is set back. */
int gv_note_ids(struct gv_actor *a)
{
	uint64_t last = a->next_call > a->next_wire ? a->next_call : a->next_wire;
	uint64_t noted = (last + (1ull << (GV_ID_BITS - 1))) >> GV_ID_BITS;

	if (noted <= a->ids_noted)
		return 0;
	a->ids_noted = noted;
	return write_meta(a);
}

/* A plugin may have connections of several drivers, and drivers that start in the same millisecond are of the same
 * incarnation: each counts from a place of its own, in the lower half of what an incarnation has. */
static uint64_t first_wire(const struct gv_actor *a)
{
	return a->incarnation << GV_ID_BITS | (a->hash & ((1ull << (GV_ID_BITS - 1)) - 1)) | 1;
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
	a->ids_noted = a->incarnation;
	a->next_wire = first_wire(a);
	r = gv_tables_open(a, old ? old->schema : 0, ret_error);
	if (r == 0)
		r = load(a);
	if (r < 0)
		return r;
	gv_message_begin(t, NULL);
	r = run_start(a, old ? old->schema : 0, config, config_size);
	gv_message_end(t);
	if (r < 0)
		return set_error(ret_error, r, "%s", t->fault ? t->fault : strerror(-r));
	r = gv_tables_settle(a);
	if (r == 0)
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
		set_error(ret_error, r, "its start cannot be committed: %s", gv_store_strerror(r));
		a->dead = r;
		gv_turn_clear(t);
		return r;
	}
	a->started = true;
	gv_turn_committed(t);
	gv_turn_clear(t);
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

void gv_actor_drain(struct gv_actor *a, bool returns)
{
	const struct gv_driver *d = a->plugin->driver;
	if (a->draining)
		return;
	a->draining = true;
	a->returns = returns;
	if (d && d->drain && a->opened)
		d->drain(a->self);
	else
		a->drained = true;
}

bool gv_actor_is_drained(const struct gv_actor *a)
{
	return a->drained;
}

bool gv_actor_gathers(struct gv_actor *a)
{
	bool gathered = a->gathered;
	a->gathered = false;
	return gathered;
}

void gv_actor_flush(struct gv_actor *a)
{
	if (a->dead)
		return;
	for (size_t i = 0; i < a->peers.count; i++) {
		struct peer *p = a->peers.items[i];
		/* A plugin that has enough to do is not told of a few more frames: it answers, and then they go. What
		 * still waits in the queue it cannot answer. */
		if (p->queue || p->held_bytes <= p->out.size + GV_FRAMES_BYTES)
			p->gathering = false;
	}
	gv_out_flush(a);
}

void gv_actor_destroy(struct gv_actor *a)
{
	if (!a)
		return;
	if (a->self && a->plugin->stop)
		a->plugin->stop(a->self);
	gv_turn_clear(&a->turn);
	gv_inbox_clear(a);
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
		gv_peer_free(a->peers.items[i]);
	for (size_t i = 0; i < a->follow_types.count; i++)
		free(a->follow_types.items[i]);
	gv_schema_destroy(a->own_schema);
	gv_turn_fini(&a->turn);
	gv_buf_fini(&a->header);
	free(a->peers.items);
	free(a->limbo.items);
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
