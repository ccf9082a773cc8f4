/* A connection as its plugin knows it: opened, ended, named in logs. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "link.h"

#define REFUSALS_PER_SECOND 20

int conn_open(struct conn *c, struct route *route, const char *device, const char *subprotocol, struct slice target)
{
	struct link *l = c->link;
	char peer[PEER_MAX], path[LINK_PATH_MAX], *copy = NULL;
	struct gv_conn info = { .device = device ? device : "",
				.listener = route->name,
				.subprotocol = subprotocol ? subprotocol : "" };
	uint64_t id;

	if (device) {
		copy = strdup(device);
		if (!copy)
			return -ENOMEM;
	}
	snprintf(path, sizeof(path), "%.*s", (int)target.size, target.data ? target.data : "");
	info.path = path;
	info.peer = conn_peer(c, true, peer);
	id = gv_world_open(l->world, route->plugin, &info, route->window_frames);
	if (!id) {
		free(copy);
		return -EHOSTDOWN;
	}
	route_hold(route);
	route_release(c->route);
	c->route = route;
	c->subprotocol = subprotocol;
	c->opened_ms = link_now(l);
	c->opened_at_ms = gv_world_now_ms(l->world);
	table_set_id(l, c, id);
	table_set_device(l, c, copy);
	presence_opened(c);
	return 0;
}

void conn_end(struct conn *c, unsigned code, const char *reason)
{
	uint64_t id = c->id;

	if (!id)
		return;
	presence_closed(c, code, reason);
	dial_problem(c, "the connection ended with %u%s%s", code, *reason ? ": " : "", reason);
	table_set_id(c->link, c, 0);
	table_set_device(c->link, c, NULL);
	free(c->certificate);
	c->certificate = NULL;
	gv_world_close(c->link->world, id, code, reason);
}

void conn_close(struct conn *c, unsigned code, const char *reason)
{
	switch (c->state) {
	case CONN_WEBSOCKET:
		websocket_close(c, code, reason);
		break;
	case CONN_BODY:
	case CONN_WAIT:
		http_refuse(c, 503, reason, false);
		break;
	case CONN_REPLY:
	case CONN_DIALLING:
		conn_kill(c, code, reason);
		break;
	case CONN_HEAD:
	case CONN_TCP:
		conn_finish(c, code, reason);
		break;
	default:
		break;
	}
}

const char *conn_peer(const struct conn *c, bool with_port, char ret[static PEER_MAX])
{
	return address_print(c->address, with_port ? c->peer_port : 0, ret);
}

bool conn_is_loopback(const struct conn *c)
{
	static const uint8_t v6[16] = { [15] = 1 };

	return address_is_mapped(c->address) ? c->address[12] == 127 : memcmp(c->address, v6, sizeof(v6)) == 0;
}

void refusal_log(struct link *l, const char *device, const struct alarm *a)
{
	uint64_t second = link_now(l) / 1000;

	if (second != l->second) {
		if (l->refusals > REFUSALS_PER_SECOND)
			gv_world_log(l->world, GV_INFO, "Further refusals were not logged count=%u",
				     l->refusals - REFUSALS_PER_SECOND);
		l->second = second;
		l->refusals = 0;
	}
	gv_world_count(l->world, "refusals", 1);
	if (++l->refusals > REFUSALS_PER_SECOND)
		return;
	gv_world_log(l->world, GV_INFO, "Refused: %s%s%s status=%u device=%s peer=%s port=%u%s%s%s", a->detail,
		     a->reason < REASONS ? " reason=" : "", a->reason < REASONS ? reason_word(a->reason) : "",
		     a->status, device, a->peer, a->port, a->subject ? " subject=\"" : "", a->subject ? a->subject : "",
		     a->subject ? "\"" : "");
}

void link_log_refusal(struct conn *c, const char *device, unsigned status, const char *why)
{
	struct alarm a = { .reason = REASONS, .status = status, .port = c->port ? c->port->number : 0, .detail = why };

	conn_peer(c, true, a.peer);
	refusal_log(c->link, device, &a);
}
