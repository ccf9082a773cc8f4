/* Raw TCP: bytes go to the plugin as they come; framing is its business. */
#include <errno.h>

#include "link.h"

static bool tcp_open(struct conn *c)
{
	char why[LINK_SENTENCE_MAX];
	struct route *route = route_find_tcp(c->link, c->port, why);
	int r = route ? conn_open(c, route, NULL, NULL, (struct slice){ 0 }) : -EHOSTDOWN;

	if (r < 0) {
		link_log_refusal(c, "", 503, route ? "the plugin is down" : why);
		conn_kill(c, 1013, "plugin is down");
	}
	return r == 0;
}

void tcp_accepted(struct conn *c)
{
	if (!c->tls) /* with TLS, when its handshake has brought the first bytes */
		tcp_open(c);
}

size_t tcp_input(struct conn *c, uint8_t *data, size_t size)
{
	size_t n = size;

	if (!c->id && !tcp_open(c))
		return size;
	if (n > c->route->max_frame)
		n = c->route->max_frame;
	c->frames_in++;
	c->link->frames_in++;
	rate_count(c, 1 + n / LINK_TCP_FRAME_BYTES);
	if (gv_world_frame(c->link->world, c->id, GV_BYTES, data, n) < 0)
		conn_finish(c, 1013, "plugin is down");
	return n;
}

void tcp_send(struct conn *c, const uint8_t *data, size_t size)
{
	conn_write(c, data, size);
	c->frames_out++;
	c->link->frames_out++;
}
