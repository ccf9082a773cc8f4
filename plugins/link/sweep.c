/* Time: what is too late is found by looking at every connection twice a second, which costs less than a timer for each
 * of ten thousand. And frames that come too fast make link read more slowly, never drop. */
#include <errno.h>

#include "link.h"

#define PONG_MIN_MS 2000
#define PONG_MAX_MS 20000
#define FLUSH_MS 5000  /* how long the last bytes of a connection may take to leave */
#define RATE_BURST_S 5 /* seconds' worth of frames that may come at once */
#define RATE_TICK_MS 20

static uint64_t pong_timeout(const struct conn *c)
{
	return c->ping_ms < PONG_MIN_MS ? PONG_MIN_MS : c->ping_ms > PONG_MAX_MS ? PONG_MAX_MS : c->ping_ms;
}

static void check_alive(struct conn *c, uint64_t now)
{
	uint64_t silent = now - c->heard_ms;
	uint32_t idle_s = c->route ? c->route->idle_s : 0;

	if (c->paused) { /* it is we who do not listen */
		c->heard_ms = now;
		c->pinged_ms = 0;
	} else if (idle_s && silent > (uint64_t)idle_s * 1000) {
		conn_close(c, 1001, "nothing was heard for too long");
	} else if (c->state != CONN_WEBSOCKET || !c->ping_ms) {
		return;
	} else if (c->pinged_ms && now - c->pinged_ms > pong_timeout(c)) {
		gv_world_count(c->link->world, "ping_timeouts", 1);
		conn_kill(c, 1006, "no answer to a ping");
	} else if (!c->pinged_ms && silent >= c->ping_ms) {
		websocket_ping(c);
	}
}

static void check(struct conn *c, uint64_t now)
{
	uint64_t handshake_ms = c->link->handshake_timeout_ms;

	if (c->stuck_ms && now - c->stuck_ms > LINK_STUCK_MS) {
		if (!http_moves(c)) {
			conn_kill(c, 1008, "did not read what it was sent");
			return;
		}
		c->stuck_ms = now;
	}
	if (c->unwanted) {
		conn_close(c, 1008, c->unwanted);
		c->unwanted = NULL;
	}
	switch (c->state) {
	case CONN_HEAD:
		if (now - c->since_ms <= handshake_ms)
			break;
		if (c->in.size)
			http_refuse(c, 408, "the request took too long", false);
		else
			conn_finish(c, 1001, "idle");
		break;
	case CONN_BODY:
		if (now - c->since_ms > handshake_ms + http_body_ms(c))
			http_refuse(c, 408, "the request's body took too long", false);
		break;
	case CONN_WAIT:
		if (now - c->since_ms > LINK_REPLY_MS)
			http_refuse(c, 504, "the plugin that answers here did not", false);
		break;
	case CONN_TCP:
		if (!c->id && now - c->since_ms > handshake_ms) {
			conn_kill(c, 1001, "no TLS handshake"); /* without TLS it was opened at once */
			break;
		}
		/* fall through */
	case CONN_WEBSOCKET:
		check_alive(c, now);
		break;
	case CONN_DIALLING:
		if (now - c->since_ms > handshake_ms) {
			dial_problem(c, "no answer within %u s; is the address right, and is it let through?",
				     (unsigned)(handshake_ms / 1000));
			conn_kill(c, 1006, "no answer");
		}
		break;
	case CONN_CLOSING:
		if (now - c->since_ms > (c->half_closed ? LINK_LINGER_MS : FLUSH_MS))
			conn_kill(c, 1006, "did not notice the close");
		break;
	default:
		break;
	}
}

/* What is too frequent to be counted at once. */
static void count(struct link *l, const char *name, uint64_t *n)
{
	if (*n)
		gv_world_count(l->world, name, (double)*n);
	*n = 0;
}

static void report(struct link *l)
{
	gv_world_gauge(l->world, "connections", (double)l->n_conns);
	gv_world_gauge(l->world, "input_bytes_held", (double)l->in_bytes);
	gv_world_gauge(l->world, "devices_known", (double)l->view.n_devices);
	gv_world_gauge(l->world, "files_open", (double)l->n_files);
	gv_world_gauge(l->world, "downloads", (double)l->n_transfers);
	gv_world_gauge(l->world, "budgets", (double)l->n_budgets);
	count(l, "file_bytes", &l->file_bytes);
	count(l, "frames_in", &l->frames_in);
	count(l, "frames_out", &l->frames_out);
	count(l, "quirk_fragmented", &l->fragmented_in);
	count(l, "quirk_empty_message", &l->empty_in);
	count(l, "compressed_in", &l->compressed_in);
	count(l, "compressed_out", &l->compressed_out);
	count(l, "compression_saved_bytes", &l->saved_bytes);
}

static void on_sweep(uv_timer_t *timer)
{
	struct link *l = timer->data;
	uint64_t now = link_now(l);

	for (struct conn *c = l->conns; c; c = c->next) { /* nothing below frees a connection */
		if (!c->dead)
			check(c, now);
		if (!c->dead)
			alive_check(c, now);
	}
	link_flush(l);
	ports_retry(l);
	origins_sweep(l, now);
	budgets_sweep(l, now);
	report(l);
}

/* ---- rate ------------------------------------------------------------------------------------ */

static void on_rate(uv_timer_t *timer)
{
	struct link *l = timer->data;
	uint64_t now_us = link_now(l) * 1000;
	struct conn *later = l->limited, *c;

	l->limited = NULL;
	while ((c = later)) {
		later = c->limited_next;
		c->limited_next = NULL;
		if (!c->dead && c->rate_due_us > now_us) {
			c->limited_next = l->limited;
			l->limited = c;
		} else {
			conn_resume(c, PAUSE_RATE); /* may put it on the list again */
		}
	}
	link_flush(l);
	if (!l->limited)
		uv_timer_stop(timer);
}

void rate_count(struct conn *c, size_t frames)
{
	struct link *l = c->link;
	uint32_t limit = c->route->max_frames_per_s;
	uint64_t now_us;

	if (!limit)
		return;
	now_us = link_now(l) * 1000;
	if (c->rate_due_us < now_us)
		c->rate_due_us = now_us;
	c->rate_due_us += frames * 1000000 / limit;
	if (c->rate_due_us - now_us <= RATE_BURST_S * UINT64_C(1000000) || c->paused & PAUSE_RATE ||
	    c->state == CONN_CLOSING)
		return;
	gv_world_count(l->world, "slowed", 1);
	conn_pause(c, PAUSE_RATE);
	c->limited_next = l->limited;
	l->limited = c;
	if (!uv_is_active((uv_handle_t *)l->rate))
		uv_timer_start(l->rate, on_rate, RATE_TICK_MS, RATE_TICK_MS);
}

/* ---- start ----------------------------------------------------------------------------------- */

/* The loop goes to poll: nothing may wait unsent, and what is dead is freed. */
static void on_prepare(uv_prepare_t *prepare)
{
	struct link *l = prepare->data;

	dials_step(l);
	link_flush(l);
	conn_reap(l);
}

int sweep_start(struct link *l)
{
	l->sweep = link_handle(l, sizeof(*l->sweep));
	l->rate = link_handle(l, sizeof(*l->rate));
	l->prepare = link_handle(l, sizeof(*l->prepare));
	if (!l->sweep || !l->rate || !l->prepare)
		return -ENOMEM;
	uv_timer_init(l->loop, l->sweep);
	uv_timer_init(l->loop, l->rate);
	uv_prepare_init(l->loop, l->prepare);
	l->sweep->data = l->rate->data = l->prepare->data = l;
	uv_timer_start(l->sweep, on_sweep, LINK_SWEEP_MS, LINK_SWEEP_MS);
	return uv_prepare_start(l->prepare, on_prepare);
}
