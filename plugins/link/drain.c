/* The orderly end: stop listening, say goodbye to everyone, wait a moment, close what is left, and only when not a
 * single handle of ours is on the loop tell the host. */
#include <stdlib.h>

#include "link.h"

#define DRAIN_TICK_MS 10
#define DRAIN_GOODBYE_MS 1000 /* how long peers may take to close from their side */

void *link_handle(struct link *l, size_t size)
{
	void *handle = calloc(1, size);

	if (handle)
		link_busy(l);
	return handle;
}

static void check_drained(struct link *l)
{
	if (l->draining && !l->drained && !l->handles && !l->lws) {
		l->drained = true;
		gv_world_drained(l->world);
	}
}

void link_busy(struct link *l)
{
	l->handles++;
}

void link_idle(struct link *l)
{
	l->handles--;
	check_drained(l);
}

static void on_handle_closed(uv_handle_t *handle)
{
	struct link *l = handle->data;

	free(handle);
	link_idle(l);
}

void link_handle_close(struct link *l, void *handle)
{
	uv_handle_t *h = handle;

	h->data = l;
	uv_close(h, on_handle_closed);
}

static void close_handles(struct link *l)
{
	void *handles[] = { l->sweep, l->rate, l->prepare, l->drain };

	l->sweep = l->rate = l->drain = NULL;
	l->prepare = NULL;
	for (size_t i = 0; i < sizeof(handles) / sizeof(*handles); i++) {
		if (handles[i])
			link_handle_close(l, handles[i]);
	}
}

struct goodbye {
	unsigned code;
	const char *reason;
};

/* RFC 6455, 7.4.1, and IANA's registry of close codes: 1012 tells a client to come back soon. */
static struct goodbye goodbye(const struct link *l)
{
	return gv_world_returns(l->world) ? (struct goodbye){ 1012, "service restart" }
					  : (struct goodbye){ 1001, "going away" };
}

static void on_tick(uv_timer_t *timer)
{
	struct link *l = timer->data;
	struct goodbye bye = goodbye(l);

	if (link_now(l) - l->drain_ms > DRAIN_GOODBYE_MS) {
		for (struct conn *c = l->conns; c; c = c->next)
			conn_kill(c, bye.code, bye.reason);
	}
	if (l->n_conns)
		return;
	context_close(l);
	if (!l->lws)
		close_handles(l);
}

void drain_begin(struct link *l)
{
	struct goodbye bye = goodbye(l);

	if (l->draining)
		return;
	l->draining = true;
	l->drain_ms = link_now(l);
	gv_world_log(l->world, GV_INFO, "Closing all connections connections=%zu", l->n_conns);
	ports_close(l);
	fetch_close(l);
	dials_close(l);
	for (struct conn *c = l->conns; c; c = c->next)
		conn_close(c, bye.code, bye.reason);
	link_flush(l);
	l->drain = link_handle(l, sizeof(*l->drain));
	if (!l->drain) {
		gv_world_drained(l->world);
		return;
	}
	uv_timer_init(l->loop, l->drain);
	l->drain->data = l;
	uv_timer_start(l->drain, on_tick, 0, DRAIN_TICK_MS);
}
