/* What plugins asked link to listen for, and which of it a request is meant for. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "link.h"

struct route *route_hold(struct route *r)
{
	r->references++;
	return r;
}

void route_release(struct route *r)
{
	if (!r || --r->references)
		return;
	free(r->plugin);
	free(r->name);
	free(r->path);
	for (size_t i = 0; i < r->n_subprotocols; i++)
		free(r->subprotocols[i]);
	free(r->subprotocols);
	free(r->device_prefix);
	free(r->default_subprotocol);
	free(r);
}

static uint32_t at_most(uint32_t value, uint32_t default_value, uint32_t limit)
{
	if (!value)
		value = default_value;
	return value < limit ? value : limit;
}

struct route *route_make(const struct link *l, const char *plugin, const Link__Listener *from)
{
	struct route *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->references = 1;
	r->kind = from->kind;
	r->plugin = strdup(plugin);
	r->name = strdup(from->name);
	r->path = strdup(from->path);
	r->device_prefix = strdup(from->device_prefix);
	r->default_subprotocol = strdup(from->default_subprotocol);
	r->subprotocols = calloc(from->n_subprotocols + 1, sizeof(*r->subprotocols));
	if (!r->plugin || !r->name || !r->path || !r->device_prefix || !r->default_subprotocol || !r->subprotocols)
		goto fail;
	for (size_t i = 0; i < from->n_subprotocols; i++) {
		r->subprotocols[i] = strdup(from->subprotocols[i]);
		if (!r->subprotocols[i])
			goto fail;
		r->n_subprotocols++;
	}
	r->by_identity = from->identity == LINK__LISTENER__IDENTITY__LAST_SEGMENT;
	r->accept_unknown = from->unknown == LINK__LISTENER__UNKNOWN__ACCEPT;
	r->one_per_device = from->one_per_device;
	r->compression = from->compression;
	r->max_frame = at_most(from->max_frame_bytes, LINK_FRAME_DEFAULT, l->max_frame);
	r->max_body = from->max_body_bytes ? from->max_body_bytes : LINK_BODY_DEFAULT;
	r->max_frames_per_s = from->max_frames_per_s;
	r->ping_s = from->ping_s;
	r->idle_s = from->idle_s;
	r->window_frames = from->window_frames;
	return r;
fail:
	route_release(r);
	return NULL;
}

/* What is wrong with a listener, for people; NULL: nothing. */
static const char *listener_problem(const struct link *l, const char *plugin, const Link__Listener *from)
{
	if (from->path[0] && from->path[0] != '/')
		return "its path does not begin with '/'";
	if (from->kind == LINK__LISTENER__KIND__TCP && from->path[0])
		return "a TCP listener has no path";
	for (size_t i = 0; i < from->n_subprotocols; i++) {
		if (!from->subprotocols[i][0] || strpbrk(from->subprotocols[i], ", \t\r\n"))
			return "a subprotocol is empty or has a comma or a blank";
	}
	for (const struct route *r = l->routes; r; r = r->next) {
		if (from->path[0] && strcmp(r->plugin, plugin) != 0 && r->kind == from->kind &&
		    strcmp(r->path, from->path) == 0)
			return "another plugin has registered the same path";
	}
	return NULL;
}

static void drop_routes(struct link *l, const char *plugin)
{
	for (struct route **at = &l->routes; *at;) {
		struct route *r = *at;

		if (plugin && strcmp(r->plugin, plugin) != 0) {
			at = &r->next;
			continue;
		}
		*at = r->next;
		route_release(r);
	}
}

/* The ports of a plugin for which it registered nothing: people hear of it now and not with the first cabinet. */
static void check_ports(struct link *l, const char *plugin)
{
	char why[LINK_SENTENCE_MAX];

	for (size_t i = 0; i < l->n_ports; i++) {
		const struct port *p = &l->ports[i];

		if (p->kind == PORT_TCP && strcmp(p->to, plugin) == 0 && !route_find_tcp(l, p, why))
			gv_world_log(l->world, GV_ERR, "Connections to this port are refused: %s port=%u", why,
				     (unsigned)p->number);
	}
}

int routes_register(struct link *l, const char *plugin, const void *const *listeners, size_t count)
{
	struct route *made = NULL, **end = &made;
	size_t n = count;
	int error = 0;

	for (const struct route *r = l->routes; r; r = r->next)
		n += strcmp(r->plugin, plugin) != 0;
	if (n > LINK_ROUTES_MAX) {
		gv_world_log(l->world, GV_ERR,
			     "%s registers more listeners than link takes from all plugins together limit=%d", plugin,
			     LINK_ROUTES_MAX);
		return -ENOSPC;
	}
	for (size_t i = 0; i < count; i++) {
		const Link__Listener *from = listeners[i];
		const char *problem = listener_problem(l, plugin, from);

		if (from->kind == LINK__LISTENER__KIND__GATT)
			continue; /* bluetooth's */
		if (problem) {
			gv_world_log(l->world, GV_ERR, "listener %s of %s is left out: %s path=%s", from->name, plugin,
				     problem, from->path);
			error = -EINVAL;
			continue;
		}
		*end = route_make(l, plugin, from);
		if (!*end) {
			error = -ENOMEM;
			break;
		}
		end = &(*end)->next;
	}
	drop_routes(l, plugin);
	*end = l->routes;
	l->routes = made;
	check_ports(l, plugin);
	return error;
}

void routes_fini(struct link *l)
{
	drop_routes(l, NULL);
}

struct route *route_find(struct link *l, const struct port *port, Link__Listener__Kind kind, struct slice path)
{
	struct route *best = NULL;

	for (struct route *r = l->routes; r; r = r->next) {
		size_t n = strlen(r->path);

		if (r->kind != kind || (port->to && strcmp(port->to, r->plugin) != 0) || (!port->to && n == 0))
			continue;
		if (n > path.size || memcmp(r->path, path.data, n) != 0)
			continue;
		if (!best || n > strlen(best->path))
			best = r;
	}
	return best;
}

struct device *routes_device_of(struct link *l, const char *common_name)
{
	char id[VIEW_ID_MAX + 1];
	struct device *d = *common_name ? view_find_certificate(&l->view, common_name) : NULL;

	for (const struct route *r = l->routes; !d && *common_name && r; r = r->next) {
		if (!r->by_identity)
			continue;
		snprintf(id, sizeof(id), "%s%s", r->device_prefix, common_name);
		d = view_find(&l->view, id);
	}
	return d;
}

struct route *route_find_tcp(struct link *l, const struct port *port, char ret[static LINK_SENTENCE_MAX])
{
	size_t n = 0;
	int at = snprintf(ret, LINK_SENTENCE_MAX, "plugin %s has no TCP listener named %s; it has ", port->to,
			  port->listener ? port->listener : "");

	for (struct route *r = l->routes; r; r = r->next) {
		if (r->kind != LINK__LISTENER__KIND__TCP || strcmp(r->plugin, port->to) != 0)
			continue;
		if (!port->listener || strcmp(r->name, port->listener) == 0)
			return r;
		if (at < LINK_SENTENCE_MAX)
			at += snprintf(ret + at, (size_t)(LINK_SENTENCE_MAX - at), "%s%s", n++ ? ", " : "", r->name);
	}
	if (n == 0)
		snprintf(ret, LINK_SENTENCE_MAX, "plugin %s has registered no TCP listener", port->to);
	return NULL;
}
