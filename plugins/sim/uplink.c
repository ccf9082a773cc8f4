/* Puts a model behind a real socket, with a back-off for when the server is away. Each line has memory of its own,
 * since its socket may outlive both the connection and the model. */
#include "uplink.h"

#include <stdio.h>
#include <stdlib.h>

#define DIAL_TIMEOUT_MS 30000
#define FIRST_BACKOFF_MS 1000
#define MAX_BACKOFF_MS 60000
#define MAX_SPREAD_MS 20000

void uplinks_init(struct uplinks *all, uv_loop_t *loop, uint64_t seed)
{
	all->io.loop = loop;
	all->io.random = seed | 1;
}

uint64_t uplinks_random(struct uplinks *all)
{
	uint64_t z = all->io.random += 0x9e3779b97f4a7c15u; /* splitmix64 */
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static void close_all(struct uplinks *all)
{
	line_io_fini(&all->io);
	all->closed(all->arg);
}

void uplinks_release(struct uplinks *all)
{
	if (--all->handles == 0 && all->closing)
		close_all(all);
}

void uplinks_close(struct uplinks *all)
{
	all->closing = true;
	if (all->handles == 0)
		close_all(all);
}

int64_t uplink_now_ms(const struct uplink *u)
{
	return u->all->now_ms(u->all->arg);
}

/* ---- lines ----------------------------------------------------------------------------------- */

static void on_open(struct line *l)
{
	struct uplink *u = l->owner;
	if (!u || u->line != l)
		return;
	u->failures = 0;
	u->connects++;
	u->give_up_ms = INT64_MAX;
	u->all->connected++;
	u->model->connected(u, uplink_now_ms(u));
	uplink_schedule(u);
}

static void on_data(struct line *l, const char *data, size_t size)
{
	struct uplink *u = l->owner;
	if (!u || u->line != l)
		return;
	u->model->receive(u, uplink_now_ms(u), data, size);
	uplink_schedule(u);
}

static void back_off(struct uplink *u)
{
	int64_t wait_ms = FIRST_BACKOFF_MS << (u->failures < 6 ? u->failures : 6);
	wait_ms = wait_ms < MAX_BACKOFF_MS ? wait_ms : MAX_BACKOFF_MS;
	u->failures++;
	u->connect_ms = uplink_now_ms(u) + wait_ms + (int64_t)(uplinks_random(u->all) % (uint64_t)wait_ms);
}

static void on_end(struct line *l, bool opened, const char *why)
{
	struct uplinks *all = (struct uplinks *)((char *)l->io - offsetof(struct uplinks, io));
	struct uplink *u = l->owner;
	if (u && u->ghost == l) {
		u->ghost = NULL;
	} else if (u && u->line == l) {
		u->line = NULL;
		u->give_up_ms = INT64_MAX;
		all->connected -= opened;
		snprintf(u->last_error, sizeof u->last_error, "%s", *why ? why : "connecting took too long");
		back_off(u);
		if (opened)
			u->model->disconnected(u, uplink_now_ms(u));
		uplink_schedule(u);
	}
	free(l);
	uplinks_release(all);
}

static const struct line_events events = { on_open, on_data, on_end };

static void lay_ghost(struct uplink *u)
{
	if (u->ghost) {
		u->ghost->owner = NULL;
		line_abort(u->ghost, true);
	}
	u->ghost = NULL;
}

struct line *uplink_let_go(struct uplink *u, int64_t reconnect_at_ms)
{
	struct line *l = u->line;
	u->connect_ms = reconnect_at_ms;
	if (!l)
		return NULL;
	u->line = NULL;
	u->all->connected -= l->opened;
	lay_ghost(u);
	u->ghost = l;
	return l;
}

static void connect_now(struct uplink *u)
{
	struct line *l = calloc(1, sizeof *l);
	u->connect_ms = INT64_MAX;
	if (u->ghost && !u->ghost->frozen)
		lay_ghost(u); /* the server did not answer the closing handshake */
	if (l)
		l->owner = u;
	if (!l || u->model->dial(u, l, &events) < 0) {
		free(l);
		back_off(u);
		return;
	}
	u->line = l;
	u->give_up_ms = uplink_now_ms(u) + DIAL_TIMEOUT_MS;
	u->all->handles++;
}

/* ---- time ------------------------------------------------------------------------------------ */

static void on_timer(uv_timer_t *timer)
{
	struct uplink *u = timer->data;
	int64_t now_ms = uplink_now_ms(u);
	if (u->connect_ms <= now_ms && !u->line)
		connect_now(u);
	if (u->give_up_ms <= now_ms && u->line && !u->line->opened) {
		u->give_up_ms = INT64_MAX;
		line_abort(u->line, true);
	}
	u->model->run(u, now_ms);
	uplink_schedule(u);
}

void uplink_schedule(struct uplink *u)
{
	int64_t next = u->model->next_ms(u), now_ms = uplink_now_ms(u);
	if (uv_is_closing((uv_handle_t *)&u->timer))
		return;
	next = u->connect_ms < next ? u->connect_ms : next;
	next = u->give_up_ms < next ? u->give_up_ms : next;
	if (next == INT64_MAX) {
		uv_timer_stop(&u->timer);
		return;
	}
	uv_update_time(u->all->io.loop);
	uv_timer_start(&u->timer, on_timer, next > now_ms ? (uint64_t)(next - now_ms) : 0, 0);
}

/* ---- begun and ended ------------------------------------------------------------------------- */

void uplink_begin(struct uplink *u, struct uplinks *all, const struct uplink_model *model, uint64_t spread_ms)
{
	spread_ms = spread_ms < MAX_SPREAD_MS ? spread_ms : MAX_SPREAD_MS;
	u->all = all;
	u->model = model;
	u->give_up_ms = INT64_MAX;
	u->connect_ms = uplink_now_ms(u) + (int64_t)(uplinks_random(all) % (1 + spread_ms));
	u->timer.data = u;
	uv_timer_init(all->io.loop, &u->timer);
	all->handles++;
	uplink_schedule(u);
}

static void timer_closed(uv_handle_t *handle)
{
	struct uplink *u = handle->data;
	struct uplinks *all = u->all;
	u->model->closed(u);
	uplinks_release(all);
}

void uplink_end(struct uplink *u)
{
	lay_ghost(u);
	if (u->line) {
		u->all->connected -= u->line->opened;
		u->line->owner = NULL;
		line_abort(u->line, false);
		u->line = NULL;
	}
	uv_close((uv_handle_t *)&u->timer, timer_closed);
}
