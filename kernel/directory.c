/* Routing by key, as ADR 1 has it ("Who a call goes to"), for calls that come from outside; a plugin's own calls are
 * routed by its actor with the same rules. */
#include "directory.h"
#include "actor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Every plugin's run-time serves this beside what its record says. */
#define PLUGIN_SERVICE "galvan.kernel.v1.Plugin"
#define KERNEL_PLUGIN "kernel"
#define NAMES_SHOWN 6

const Kernel__Peer *gv_directory_find(const Kernel__Directory *d, const char *instance)
{
	for (size_t i = 0; i < d->n_peers; i++)
		if (strcmp(d->peers[i]->name, instance) == 0)
			return d->peers[i];
	return NULL;
}

bool gv_directory_serves(const Kernel__Peer *p, const char *service)
{
	if (strcmp(service, PLUGIN_SERVICE) == 0)
		return strcmp(p->plugin, KERNEL_PLUGIN) != 0;
	for (size_t i = 0; i < p->n_serves; i++)
		if (strcmp(p->serves[i], service) == 0)
			return true;
	return false;
}

unsigned gv_text_distance(const char *a, const char *b)
{
	unsigned row[129];
	size_t m = strlen(a), n = strlen(b);

	if (n > 128 || m > 128)
		return 255;
	for (size_t j = 0; j <= n; j++)
		row[j] = (unsigned)j;
	for (size_t i = 1; i <= m; i++) {
		unsigned diagonal = row[0];
		row[0] = (unsigned)i;
		for (size_t j = 1; j <= n; j++) {
			unsigned above = row[j], best = diagonal + (a[i - 1] != b[j - 1]);
			if (above + 1 < best)
				best = above + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
			diagonal = above;
		}
	}
	return row[n];
}

/* ---- refusals that help ---------------------------------------------------------------------- */

struct near {
	const char *name;
	unsigned distance;
};

static int by_distance(const void *a, const void *b)
{
	const struct near *x = a, *y = b;

	return x->distance != y->distance ? (x->distance < y->distance ? -1 : 1) : strcmp(x->name, y->name);
}

static const char *last_part(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot ? dot + 1 : name;
}

static void add_name(struct near *names, size_t *count, const char *name, const char *wanted)
{
	for (size_t i = 0; i < *count; i++)
		if (strcmp(names[i].name, name) == 0)
			return;
	if (*count < GV_ROUTE_MAX)
		names[(*count)++] = (struct near){ name, gv_text_distance(last_part(name), last_part(wanted)) };
}

static void refuse_service(const Kernel__Directory *d, const char *service, struct gv_route *ret)
{
	struct near names[GV_ROUTE_MAX];
	size_t count = 0;
	int at;

	for (size_t i = 0; i < d->n_peers; i++)
		for (size_t k = 0; k < d->peers[i]->n_serves; k++)
			add_name(names, &count, d->peers[i]->serves[k], service);
	qsort(names, count, sizeof *names, by_distance);
	ret->code = GV_UNIMPLEMENTED;
	at = snprintf(ret->error, sizeof ret->error, "no plugin of this node serves %.200s; it has", service);
	for (size_t i = 0; i < count && i < NAMES_SHOWN && at < (int)sizeof ret->error; i++)
		at += snprintf(ret->error + at, sizeof ret->error - (size_t)at, "%s %s", i ? "," : "", names[i].name);
	if (count > NAMES_SHOWN && at < (int)sizeof ret->error)
		snprintf(ret->error + at, sizeof ret->error - (size_t)at, " and %zu more (galvan describe)",
			 count - NAMES_SHOWN);
}

/* The names of the plugins that serve, after what has been written already. */
static void list_plugins(const Kernel__Directory *d, const char *service, char *text, size_t size)
{
	const char *before = "";
	size_t at = strlen(text);

	for (size_t i = 0; i < d->n_peers && at < size; i++) {
		const Kernel__Peer *p = d->peers[i];
		if (p->instance != 0 || (service && !gv_directory_serves(p, service)))
			continue;
		at += (size_t)snprintf(text + at, size - at, "%s %s", before, p->plugin);
		before = ",";
	}
}

/* ---- the way --------------------------------------------------------------------------------- */

static void add_peer(struct gv_route *r, const Kernel__Peer *p)
{
	if (r->count < GV_ROUTE_MAX) {
		r->peers[r->count++] = p;
		return;
	}
	r->code = GV_RESOURCE_EXHAUSTED;
	snprintf(r->error, sizeof r->error, "more than %d instances serve it: name one, or a device", GV_ROUTE_MAX);
}

/* Instances of `plugin` (NULL: of every plugin) that serve; where `shard` is given, only the one that it belongs to. */
static void add_serving(const Kernel__Directory *d, const char *service, const char *plugin, const char *shard,
			struct gv_route *r)
{
	for (size_t i = 0; i < d->n_peers; i++) {
		const Kernel__Peer *p = d->peers[i];
		if ((plugin && strcmp(p->plugin, plugin) != 0) || !gv_directory_serves(p, service))
			continue;
		if (!shard || p->instance == gv_shard(shard, p->instances ? p->instances : 1))
			add_peer(r, p);
	}
}

static const Kernel__Peer *find_plugin(const Kernel__Directory *d, const char *plugin)
{
	for (size_t i = 0; i < d->n_peers; i++)
		if (strcmp(d->peers[i]->plugin, plugin) == 0)
			return d->peers[i];
	return NULL;
}

/* The only plugin that serves; NULL where there are several. */
static const char *only_plugin(const struct gv_route *all)
{
	for (size_t i = 1; i < all->count; i++)
		if (strcmp(all->peers[i]->plugin, all->peers[0]->plugin) != 0)
			return NULL;
	return all->count ? all->peers[0]->plugin : NULL;
}

static void route_by_key(const Kernel__Directory *d, const char *service, const char *to, struct gv_route *all,
			 struct gv_route *ret)
{
	const Kernel__Peer *exact = gv_directory_find(d, to);
	char shard[512], plugin[64];
	const char *colon, *only;

	if (exact && gv_directory_serves(exact, service)) {
		add_peer(ret, exact);
		return;
	}
	if (find_plugin(d, to)) {
		add_serving(d, service, to, NULL, ret);
		if (ret->count > 0)
			return;
	}
	snprintf(shard, sizeof shard, "%.*s", (int)strcspn(to, "/"), to);
	colon = strchr(shard, ':');
	snprintf(plugin, sizeof plugin, "%.*s", colon ? (int)(colon - shard) : 0, shard);
	if (*plugin)
		add_serving(d, service, plugin, shard, ret);
	only = only_plugin(all);
	if (ret->count == 0 && only && strcmp(service, PLUGIN_SERVICE) != 0)
		add_serving(d, service, only, shard, ret);
	if (ret->count > 0)
		return;
	ret->code = GV_NOT_FOUND;
	if (*plugin && find_plugin(d, plugin))
		snprintf(ret->error, sizeof ret->error, "the plugin %s does not serve %.200s; it is served by", plugin,
			 service);
	else
		snprintf(ret->error, sizeof ret->error,
			 "'%.128s' names no plugin that serves %.200s (a device's or session's id begins with "
			 "its plugin and a colon); it is served by",
			 to, service);
	list_plugins(d, service, ret->error, sizeof ret->error);
}

void gv_directory_route(const Kernel__Directory *d, const char *method, const char *to, struct gv_route *ret)
{
	const char *slash = strrchr(method, '/');
	struct gv_route all;
	char service[256];

	ret->count = 0;
	ret->code = GV_OK;
	ret->error[0] = '\0';
	if (!slash || slash == method || (size_t)(slash - method) >= sizeof service || !slash[1]) {
		ret->code = GV_INVALID_ARGUMENT;
		snprintf(ret->error, sizeof ret->error, "'%.128s' is no method: write package.Service/Method", method);
		return;
	}
	snprintf(service, sizeof service, "%.*s", (int)(slash - method), method);
	all.count = 0;
	all.code = GV_OK;
	add_serving(d, service, NULL, NULL, &all);
	if (all.count == 0) {
		refuse_service(d, service, ret);
		return;
	}
	if (*to) {
		route_by_key(d, service, to, &all, ret);
		return;
	}
	if (strcmp(service, PLUGIN_SERVICE) == 0) {
		ret->code = GV_INVALID_ARGUMENT;
		snprintf(ret->error, sizeof ret->error, "which plugin? The request's field `plugin` must name one of");
		list_plugins(d, service, ret->error, sizeof ret->error);
		return;
	}
	for (size_t i = 0; i < all.count; i++)
		add_peer(ret, all.peers[i]);
}
