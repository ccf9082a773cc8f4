/* sd-bus brings a descriptor, what it waits for, and until when; before the loop goes to poll all three are looked at
 * anew. sd_bus_get_timeout(3): the time is CLOCK_MONOTONIC's, in microseconds, as uv_hrtime's is in nanoseconds. */
#include "bus.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MESSAGES_AT_ONCE 64 /* before the loop's others have their turn */
#define HANDLES 3

struct bus {
	sd_bus *sd;
	const struct bus_events *events;
	void *arg;
	uv_poll_t poll;
	uv_prepare_t prepare;
	uv_timer_t timer;
	int waits_for; /* of the poll handle; -1: it does not run */
	unsigned open; /* handles */
	bool lost;
};

static void process(struct bus *b)
{
	int r = 1;

	for (int i = 0; i < MESSAGES_AT_ONCE && r > 0; i++)
		r = sd_bus_process(b->sd, NULL);
	if (r >= 0 || b->lost)
		return;
	b->lost = true;
	uv_poll_stop(&b->poll);
	uv_timer_stop(&b->timer);
	b->events->lost(b->arg, r);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
	process(poll->data);
}

static void on_timer(uv_timer_t *timer)
{
	process(timer->data);
}

static void on_prepare(uv_prepare_t *prepare)
{
	struct bus *b = prepare->data;
	int events = b->lost ? 0 : sd_bus_get_events(b->sd), wanted = 0;
	uint64_t until_us = UINT64_MAX, now_us = uv_hrtime() / 1000;

	if (b->lost)
		return;
	if (events < 0 || sd_bus_get_timeout(b->sd, &until_us) < 0)
		until_us = 0; /* process says why */
	wanted |= events > 0 && events & POLLIN ? UV_READABLE : 0;
	wanted |= events > 0 && events & POLLOUT ? UV_WRITABLE : 0;
	if (wanted != b->waits_for)
		uv_poll_start(&b->poll, wanted | UV_DISCONNECT, on_poll);
	b->waits_for = wanted;
	if (until_us == UINT64_MAX)
		uv_timer_stop(&b->timer);
	else
		uv_timer_start(&b->timer, on_timer, until_us > now_us ? (until_us - now_us + 999) / 1000 : 0, 0);
}

static int connect_to(const char *address, sd_bus **ret)
{
	sd_bus *sd = NULL;
	int r;

	if (!*address)
		return sd_bus_open_system(ret);
	r = sd_bus_new(&sd);
	if (r >= 0)
		r = sd_bus_set_address(sd, address);
	if (r >= 0)
		r = sd_bus_set_bus_client(sd, true);
	if (r >= 0)
		r = sd_bus_start(sd);
	if (r < 0)
		sd_bus_unref(sd);
	else
		*ret = sd;
	return r;
}

int bus_open(uv_loop_t *loop, const char *address, const struct bus_events *events, void *arg, struct bus **ret)
{
	struct bus *b = calloc(1, sizeof *b);
	int r = b ? connect_to(address, &b->sd) : -ENOMEM;

	if (r < 0) {
		free(b);
		return r;
	}
	b->events = events;
	b->arg = arg;
	b->waits_for = -1;
	b->open = HANDLES;
	uv_poll_init(loop, &b->poll, sd_bus_get_fd(b->sd));
	uv_prepare_init(loop, &b->prepare);
	uv_timer_init(loop, &b->timer);
	b->poll.data = b->prepare.data = b->timer.data = b;
	uv_prepare_start(&b->prepare, on_prepare);
	*ret = b;
	return 0;
}

sd_bus *bus_sd(struct bus *b)
{
	return b->sd;
}

static void on_closed(uv_handle_t *handle)
{
	struct bus *b = handle->data;

	if (--b->open)
		return;
	b->events->closed(b->arg);
	free(b);
}

void bus_close(struct bus *b)
{
	b->lost = true;
	uv_close((uv_handle_t *)&b->poll, on_closed);
	uv_close((uv_handle_t *)&b->prepare, on_closed);
	uv_close((uv_handle_t *)&b->timer, on_closed);
	sd_bus_close(b->sd);
	b->sd = sd_bus_unref(b->sd);
}

const char *bus_error_text(const sd_bus_error *e, char *ret, size_t size)
{
	snprintf(ret, size, "%s%s%s", e->name, e->message && *e->message ? ": " : "", e->message ? e->message : "");
	return ret;
}
