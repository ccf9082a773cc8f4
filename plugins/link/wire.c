/* What carries a connection's bytes: libwebsockets for those that came in, a socket of our own for those that link
 * made (outgoing.c). Everything above sees no difference. */
#include <errno.h>
#include <libwebsockets.h>

#include "outgoing.h"

int wire_write(struct conn *c, const uint8_t *data, size_t size)
{
	if (c->outgoing)
		return outgoing_write(c->outgoing, data, size);
	return lws_write(c->wsi, (unsigned char *)data, size, LWS_WRITE_RAW) < 0 ? -EPIPE : 0;
}

bool wire_choked(const struct conn *c)
{
	return c->outgoing ? outgoing_choked(c->outgoing) : lws_partial_buffered(c->wsi) != 0;
}

void wire_listen(struct conn *c, bool on)
{
	if (c->outgoing) {
		outgoing_listen(c->outgoing, on);
		return;
	}
	lws_rx_flow_control(c->wsi, on);
	if (on && c->tls)
		lws_cancel_service_pt(c->wsi); /* decrypted bytes may wait that no event will announce */
}

int wire_descriptor(const struct conn *c)
{
	return c->outgoing ? outgoing_descriptor(c->outgoing) : lws_get_socket_fd(c->wsi);
}

struct ssl_st *wire_ssl(const struct conn *c)
{
	if (!c->tls)
		return NULL;
	return c->outgoing ? outgoing_ssl(c->outgoing) : lws_get_ssl(c->wsi);
}

void wire_ask_writable(struct conn *c)
{
	if (!c->outgoing) /* files go to who came in */
		lws_callback_on_writable(c->wsi);
}

void wire_kill(struct conn *c)
{
	if (!c->outgoing) {
		lws_set_timeout(c->wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_SYNC); /* calls conn_closed */
		return;
	}
	outgoing_destroy(c->outgoing);
	conn_closed(c);
}
