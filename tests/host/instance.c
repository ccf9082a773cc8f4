/* The simulated kernel: starts instances, buries and restarts them, and tells everyone of it in a directory that
 * arrives late. */
#include "private.h"

#include <dlfcn.h>
#include <errno.h>
#include <lib/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOST_STORE_LIMIT (64 << 20)
#define HOST_MAX_NAMES 64 /* of one kind in a plugin's record */

struct host_peer *host_peer(struct host *h, const char *name)
{
	for (size_t i = 0; i < h->n_peers; i++)
		if (!strcmp(h->peers[i].name, name))
			return &h->peers[i];
	return NULL;
}

struct host_peer *host_peer_or_fail(struct host *h, const char *name)
{
	struct host_peer *p = host_peer(h, name);

	host_check(h, p, "no instance \"%s\" is loaded", name);
	return p;
}

static struct host_plugin *plugin_or_fail(struct host *h, const char *name)
{
	for (size_t i = 0; i < h->n_plugins; i++)
		if (!strcmp(h->plugins[i].name, name))
			return &h->plugins[i];
	host_fail(h, "no plugin \"%s\" is loaded", name);
}

/* ---- what an actor sees of the world --------------------------------------------------------- */

static int64_t env_now_ms(void *arg)
{
	return ((struct host_peer *)arg)->h->now;
}

static uint64_t env_random(void *arg)
{
	return host_next(&((struct host_peer *)arg)->h->rng_run);
}

static int env_send(void *arg, const char *instance, const uint8_t *packet, size_t size)
{
	return host_bus_send(arg, instance, packet, size);
}

static void env_log(void *arg, enum gv_level level, const char *line)
{
	struct host_peer *p = arg;

	host_say(p->h, "%s logs (%d): %s", p->name, level, line);
}

static int env_point(void *arg, enum gv_point where)
{
	static const char *const names[] = { "before its commit", "after its commit", "before a send", "after a send" };
	struct host_peer *p = arg;
	struct host *h = p->h;

	if (p->dying)
		return -ECANCELED;
	p->points++;
	p->committing = where == GV_BEFORE_COMMIT;
	host_mix(h, &where, sizeof where);
	if (p->points != p->die_at && (p->plugin->spare || !host_chance(&h->rng_crash, h->faults[HOST_CRASH])))
		return 0;
	host_say(h, "%s dies %s (point %llu)", p->name, names[where], (unsigned long long)p->points);
	p->dying = true;
	return -ECANCELED;
}

/* ---- up and down ----------------------------------------------------------------------------- */

static void run(struct host *h, void *arg, uint64_t tag)
{
	struct host_peer *p = arg;
	int r;

	if (tag != p->wake_tag)
		return;
	p->wake_at = INT64_MAX;
	if (!p->alive)
		return;
	gv_actor_flush(p->actor);
	if (host_bury(p))
		return;
	r = gv_actor_run(p->actor);
	if (host_bury(p))
		return;
	host_check(h, r >= 0, "%s failed for good: %s", p->name, strerror(-r));
	host_wake(p, r > 0 ? h->now : gv_actor_next_ms(p->actor));
}

void host_wake(struct host_peer *p, int64_t at)
{
	struct host *h = p->h;

	if (at == INT64_MAX)
		return;
	if (at < h->now)
		at = h->now;
	if (at == h->now)
		at += (int64_t)(host_next(&h->rng_run) & 1);
	if (at >= p->wake_at)
		return;
	p->wake_at = at;
	host_at(h, at, run, p, ++p->wake_tag);
}

struct directory_row {
	Kernel__Peer peer;
	char *serves[HOST_MAX_NAMES], *hears[HOST_MAX_NAMES], *emits[HOST_MAX_NAMES];
};

static void add_name(char **list, size_t *n, const char *name)
{
	if (*n < HOST_MAX_NAMES)
		list[(*n)++] = (char *)name;
}

static void fill_row(struct host *h, const struct host_peer *q, struct directory_row *row)
{
	const struct gv_plugin *record = q->plugin ? q->plugin->record : NULL;
	Kernel__Peer *p = &row->peer;

	kernel__peer__init(p);
	p->name = (char *)q->name;
	p->plugin = q->plugin ? q->plugin->name : (char *)"test";
	p->instance = q->instance;
	p->instances = q->plugin ? q->plugin->instances : 1;
	p->up = q->alive;
	p->incarnation = q->incarnation;
	p->gone = !q->wanted && !q->alive;
	p->serves = row->serves;
	p->hears = row->hears;
	p->emits = row->emits;
	for (size_t i = 0; !record && i < h->n_plugins; i++) /* the test hears whatever is emitted */
		for (const struct gv_emits *e = h->plugins[i].record->emits; e && e->type; e++)
			add_name(p->hears, &p->n_hears, e->type->name);
	if (!record)
		return;
	p->driver = record->driver != NULL;
	for (const struct gv_service *s = record->serves; s && s->type; s++)
		add_name(p->serves, &p->n_serves, s->type->name);
	for (const struct gv_hears *s = record->hears; s && s->type; s++)
		add_name(p->hears, &p->n_hears, s->type->name);
	for (const struct gv_emits *s = record->emits; s && s->type; s++)
		add_name(p->emits, &p->n_emits, s->type->name);
}

static void tell(struct host *h, void *arg, uint64_t version)
{
	static struct directory_row rows[HOST_MAX_PEERS];
	struct host_peer *p = arg;
	Kernel__Directory d = KERNEL__DIRECTORY__INIT;
	Kernel__Peer *pointers[HOST_MAX_PEERS];
	int r;

	if (version <= p->directory_seen)
		return;
	for (size_t i = 0; i < h->n_peers; i++) {
		fill_row(h, &h->peers[i], &rows[i]);
		pointers[i] = &rows[i].peer;
	}
	d.version = h->directory_version;
	d.n_peers = h->n_peers;
	d.peers = pointers;
	p->directory_seen = h->directory_version;
	if (!p->plugin) {
		host_probe_directory(h);
		return;
	}
	if (!p->alive)
		return;
	r = gv_actor_directory(p->actor, &d);
	if (host_bury(p))
		return;
	host_check(h, r >= 0, "%s refuses the directory: %s", p->name, strerror(-r));
	host_wake(p, h->now);
}

/* Everyone learns of the present state, each at a time of its own, none of an older state after a newer one. */
void host_publish(struct host *h)
{
	h->directory_version++;
	for (size_t i = 0; i < h->n_peers; i++) {
		struct host_peer *p = &h->peers[i];
		int64_t at = h->now + (int64_t)(host_next(&h->rng_bus) % 4);

		p->directory_at = at > p->directory_at ? at : p->directory_at;
		host_at(h, p->directory_at, tell, p, h->directory_version);
	}
}

static void restart(struct host *h, void *arg, uint64_t life)
{
	struct host_peer *p = arg;
	int r;

	if (p->alive || !p->wanted || p->life != life)
		return;
	r = host_start(h, p->name);
	host_check(h, r >= 0 || r == -ECANCELED, "%s does not start again: %s", p->name, h->error);
}

bool host_bury(struct host_peer *p)
{
	struct host *h = p->h;

	if (!p->dying)
		return false;
	gv_actor_destroy(p->actor);
	p->actor = NULL;
	p->dying = p->alive = p->committing = false;
	p->crashed = true;
	p->die_at = 0;
	p->wake_at = INT64_MAX;
	p->wake_tag++;
	h->crashes++;
	host_bus_sender_died(p);
	if (p->plugin->record == &host_link_record)
		host_link_died(h);
	host_publish(h);
	host_at(h, h->now + 5 + (int64_t)(host_next(&h->rng_crash) % 500), restart, p, p->life);
	return true;
}

int host_start(struct host *h, const char *instance)
{
	struct host_peer *p = host_peer_or_fail(h, instance);
	char store[256], blobs[256], *error = NULL;
	struct gv_actor_options o = {
		.plugin = p->plugin->record,
		.schema = host_schema_of(h, p->plugin->record),
		.env = &p->env,
		.node = "sim",
		.instance = p->instance,
		.instances = p->plugin->instances,
		.store = store,
		.blobs = blobs,
		.store_limit_bytes = HOST_STORE_LIMIT,
		.crashed = p->crashed,
		.cause = p->crashed ? "simulated crash" : NULL,
		.no_sync = true,
	};
	int r;

	host_check(h, !p->actor, "%s is up already", instance);
	snprintf(store, sizeof store, "%s/%s", h->folder, p->name);
	snprintf(blobs, sizeof blobs, "%s/blobs", h->folder);
	p->wanted = true;
	p->life++;
	host_say(h, "%s starts", p->name);
	r = gv_actor_create(&o, &p->actor, &error);
	if (r >= 0)
		r = gv_actor_start(p->actor, p->plugin->config, p->plugin->config_size, &error);
	if (r >= 0 && !p->dying)
		r = gv_actor_open(p->actor);
	snprintf(h->error, sizeof h->error, "%s", r < 0 ? (error ? error : strerror(-r)) : "");
	free(error);
	if (host_bury(p))
		return -ECANCELED;
	if (r < 0) {
		host_say(h, "%s does not start: %s", p->name, h->error);
		gv_actor_destroy(p->actor);
		p->actor = NULL;
		p->wanted = false;
		return r;
	}
	host_check(h, gv_actor_incarnation(p->actor) > p->incarnation,
		   "%s starts as incarnation %llu, but was %llu before", p->name,
		   (unsigned long long)gv_actor_incarnation(p->actor), (unsigned long long)p->incarnation);
	p->incarnation = gv_actor_incarnation(p->actor);
	p->alive = true;
	p->crashed = false;
	p->directory_seen = 0;
	host_bus_receiver_up(p);
	host_publish(h);
	host_wake(p, h->now);
	return 0;
}

void host_stop(struct host *h, const char *instance)
{
	struct host_peer *p = host_peer_or_fail(h, instance);

	p->wanted = false;
	if (!p->alive)
		return;
	host_say(h, "%s stops", p->name);
	gv_actor_finish(p->actor);
	if (host_bury(p))
		return;
	gv_actor_destroy(p->actor);
	p->actor = NULL;
	p->alive = false;
	p->wake_at = INT64_MAX;
	p->wake_tag++;
	if (p->plugin->record == &host_link_record)
		host_link_died(h);
	host_publish(h);
}

int host_reload(struct host *h, const char *plugin, const struct gv_plugin *record)
{
	struct host_plugin *g = plugin_or_fail(h, plugin);
	const struct gv_plugin *old = g->record;
	char name[80], error[sizeof h->error];
	int r, failed = 0;

	for (uint32_t i = 0; i < g->instances; i++) {
		snprintf(name, sizeof name, "%s.%u", g->name, i);
		host_stop(h, name);
		g->record = record ? record : old;
		r = host_start(h, name);
		if (r == 0 || r == -ECANCELED)
			continue;
		failed = r;
		memcpy(error, h->error, sizeof error);
		g->record = old;
		r = host_start(h, name);
		host_check(h, r == 0 || r == -ECANCELED, "%s does not come back after a failed reload: %s", name,
			   h->error);
		memcpy(h->error, error, sizeof error);
		break;
	}
	return failed;
}

void host_crash(struct host *h, const char *instance)
{
	struct host_peer *p = host_peer_or_fail(h, instance);

	if (!p->alive)
		return;
	host_say(h, "%s is killed", p->name);
	p->dying = true;
	host_bury(p);
}

void host_crash_at(struct host *h, const char *instance, uint64_t n)
{
	struct host_peer *p = host_peer_or_fail(h, instance);

	p->die_at = n ? p->points + n : 0;
}

uint64_t host_points(struct host *h, const char *instance)
{
	return host_peer_or_fail(h, instance)->points;
}

bool host_has(struct host *h, const char *instance)
{
	return host_peer(h, instance) != NULL;
}

bool host_up(struct host *h, const char *instance)
{
	return host_peer_or_fail(h, instance)->alive;
}

uint64_t host_incarnation(struct host *h, const char *instance)
{
	return host_peer_or_fail(h, instance)->incarnation;
}

void host_spare(struct host *h, const char *plugin, bool spare)
{
	plugin_or_fail(h, plugin)->spare = spare;
}

/* ---- loading --------------------------------------------------------------------------------- */

struct host_peer *host_add_peer(struct host *h, struct host_plugin *plugin, const char *name, uint32_t instance)
{
	struct host_peer *p;

	host_check(h, h->n_peers < HOST_MAX_PEERS, "more than %d instances", HOST_MAX_PEERS);
	p = &h->peers[h->n_peers++];
	p->h = h;
	p->plugin = plugin;
	p->instance = instance;
	p->wake_at = INT64_MAX;
	p->env = (struct gv_env){ .arg = p,
				  .now_ms = env_now_ms,
				  .random = env_random,
				  .send = env_send,
				  .log = env_log,
				  .point = env_point };
	snprintf(p->name, sizeof p->name, "%s.%u", name, instance);
	return p;
}

static int pack_config(struct host *h, struct host_plugin *g, const char *json)
{
	const struct gv_type *type;
	struct gv_json_error error = { 0 };
	struct gv_buf out = { 0 };
	int r;

	if (!g->record->config)
		return json && strcmp(json, "{}") ? -EINVAL : 0;
	type = gv_schema_type(host_schema(h), g->record->config->name);
	host_check(h, type, "the schema that %s carries lacks its config type %s", g->name, g->record->config->name);
	json = json ? json : "{}";
	r = gv_json_parse(type, json, strlen(json), GV_JSON_RULES | GV_JSON_DEFAULTS, &out, &error);
	if (r < 0)
		snprintf(h->error, sizeof h->error, "%s: %s", error.path, error.text);
	else
		g->config = out.data ? host_dup(out.data, out.size) : NULL;
	g->config_size = r < 0 ? 0 : out.size;
	gv_buf_fini(&out);
	return r;
}

int host_load_record(struct host *h, const struct gv_plugin *record, uint32_t instances, const char *config)
{
	struct host_plugin *g = &h->plugins[h->n_plugins];
	int r;

	if (!h->link_loaded && record != &host_link_record) {
		h->link_loaded = true;
		r = host_load_record(h, &host_link_record, 1, NULL);
		host_check(h, r == 0, "the simulated link does not start: %s", h->error);
		g = &h->plugins[h->n_plugins];
	}
	host_check(h, h->n_plugins < HOST_MAX_PEERS, "more than %d plugins", HOST_MAX_PEERS);
	snprintf(g->name, sizeof g->name, "%s", record->name);
	g->record = record;
	g->instances = instances;
	g->spare = record == &host_link_record;
	host_schema_of(h, record);
	r = pack_config(h, g, config);
	if (r < 0)
		return r;
	h->n_plugins++;
	for (uint32_t i = 0; i < instances; i++)
		host_add_peer(h, g, g->name, i);
	for (uint32_t i = 0; i < instances; i++) {
		char name[80];

		snprintf(name, sizeof name, "%s.%u", g->name, i);
		r = host_start(h, name);
		if (r < 0 && r != -ECANCELED)
			return r;
	}
	return 0;
}

int host_load(struct host *h, const char *name, const char *path, uint32_t instances, const char *config)
{
	const struct gv_plugin *record;
	void *dl = dlopen(path, RTLD_NOW | RTLD_LOCAL);

	host_check(h, dl, "cannot load %s: %s", path, dlerror());
	record = dlsym(dl, "gv_plugin");
	host_check(h, record, "%s exports no gv_plugin", path);
	host_check(h,
		   record->magic == GV_ABI_MAGIC && record->abi_major == GV_ABI_MAJOR &&
			   record->abi_minor <= GV_ABI_MINOR,
		   "%s was built for another ABI: %u.%u, this host has %u.%u", path, record->abi_major,
		   record->abi_minor, GV_ABI_MAJOR, GV_ABI_MINOR);
	host_check(h, !strcmp(record->name, name), "%s calls itself %s", path, record->name);
	return host_load_record(h, record, instances, config);
}
