/* The run of a load by cabinets: connects them, keeps their heartbeats and the rate of questions, and ends. The rate is
 * the run's and not the server's: a slow one is asked all the same, and its latencies show it. */
#include "cabinet_load_run.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TICK_MS 1
#define MAX_DIALING 256 /* connections under way where no rate is given */
#define DIAL_TIMEOUT_NS 60000000000ull
#define LINGER_NS 250000000ull /* after the last answer: a second answer to the same question would come now */
#define FIRST_IMEI UINT64_C(860000000000001)
#define IMEI_DIGITS 15
#define STRIDE 7919 /* a prime: who comes next is no neighbour */

/* ---- what is due ----------------------------------------------------------------------------- */

static void dial_more(struct cabinet_load *l, uint64_t now_ns)
{
	uint64_t due = l->want.cabinets;
	if (l->want.connect_rate)
		due = (now_ns - l->account.begun_ns) * l->want.connect_rate / 1000000000u + 1;
	while (l->born < l->want.cabinets && l->born < due && (l->want.connect_rate || l->dialing < MAX_DIALING)) {
		struct loaded *c = &l->cabinets[l->born];
		c->load = l;
		c->index = l->born++;
		loaded_dial(c, now_ns);
	}
}

/* One after the other, evenly over the period. */
static void heartbeats(struct cabinet_load *l, uint64_t now_ns)
{
	uint64_t period_ns = (uint64_t)l->want.heartbeat_s * 1000000000u;
	uint64_t due = (uint64_t)((double)(now_ns - l->account.begun_ns) / (double)period_ns * l->want.cabinets);
	for (; l->heartbeats < due; l->heartbeats++) {
		struct loaded *c = &l->cabinets[l->heartbeats % l->want.cabinets];
		if (c->state == LOADED_UP && now_ns - l->account.begun_ns > period_ns / 8)
			loaded_heartbeat(c);
	}
}

static void visits(struct cabinet_load *l, uint64_t now_ns)
{
	uint64_t due = (uint64_t)((double)(now_ns - l->account.phase_ns) / 1e9 * l->want.rate);
	for (; load_account_running(&l->account) && l->visits < due; l->visits++) {
		uint32_t i = 0;
		l->next_visitor = (l->next_visitor + STRIDE) % l->want.cabinets;
		while (i < l->want.cabinets && !loaded_visit(&l->cabinets[l->next_visitor], VISITORS_SLOT, now_ns)) {
			l->next_visitor = (l->next_visitor + 1) % l->want.cabinets;
			i++;
		}
		if (i == l->want.cabinets) { /* all of them wait: so do all visitors of this moment */
			l->visits = due;
			return;
		}
	}
}

static void returns(struct cabinet_load *l, uint64_t now_ns)
{
	while (l->n_back && l->back[l->back_at].at_ns <= now_ns) {
		struct coming_back *b = &l->back[l->back_at];
		struct loaded *c = &l->cabinets[b->index];
		if (c->state == LOADED_UP && !loaded_visit(c, b->slot, now_ns)) /* its lend is not answered yet */
			return;
		l->back_at = (l->back_at + 1) % l->cap_back;
		l->n_back--;
	}
}

/* ---- the run --------------------------------------------------------------------------------- */

static void enter(struct cabinet_load *l, enum load_phase phase, uint64_t now_ns)
{
	load_account_enter(&l->account, phase, now_ns);
	l->visits = 0;
}

static void close_all(struct cabinet_load *l)
{
	for (uint32_t i = 0; i < l->born; i++)
		if (l->cabinets[i].line_up)
			line_abort(&l->cabinets[i].line, true);
}

static void give_up_dialing(struct cabinet_load *l, uint64_t now_ns)
{
	for (uint32_t i = 0; i < l->born; i++)
		if (l->cabinets[i].state == LOADED_DIALING && now_ns - l->cabinets[i].since_ns > DIAL_TIMEOUT_NS)
			line_abort(&l->cabinets[i].line, true);
}

static void on_timer_closed(uv_handle_t *handle)
{
	struct cabinet_load *l = handle->data;
	l->done(l->arg);
}

static void connecting(struct cabinet_load *l, uint64_t now_ns)
{
	struct load_account *a = &l->account;
	if (!l->stopping)
		dial_more(l, now_ns);
	if (l->stopping) {
		enter(l, FINISHING, now_ns);
	} else if (l->born == l->want.cabinets && l->dialing == 0) {
		a->failed = a->up == 0;
		if (a->failed)
			load_account_complain(a, "no connection came to be", l->target.authority,
					      strlen(l->target.authority));
		enter(l, a->failed ? FINISHING : WARMING, now_ns);
	}
}

static uint64_t seconds_ns(uint32_t s)
{
	return (uint64_t)s * 1000000000u;
}

/* Goes from phase to phase as far as it can be gone now. */
static void pace(struct cabinet_load *l)
{
	struct load_account *a = &l->account;
	uint64_t now_ns = uv_hrtime();
	if (a->phase == CONNECTING)
		connecting(l, now_ns);
	if (a->phase == WARMING && (l->stopping || now_ns - a->phase_ns >= seconds_ns(l->want.warm_up_s)))
		enter(l, MEASURING, now_ns);
	if (a->phase == MEASURING && (l->stopping || now_ns - a->phase_ns >= seconds_ns(l->want.seconds)))
		enter(l, FINISHING, now_ns);
	if (a->phase == FINISHING && ((a->waiting == 0 && (l->n_back == 0 || a->failed)) ||
				      now_ns - a->phase_ns >= seconds_ns(l->want.answer_timeout_s) || !l->open_lines))
		enter(l, LINGERING, now_ns);
	if (a->phase == LINGERING && (a->failed || now_ns - a->phase_ns >= LINGER_NS)) {
		enter(l, CLOSING, now_ns);
		close_all(l);
	}
	if (a->phase == CLOSING && !l->open_lines) {
		enter(l, DONE, now_ns);
		uv_close((uv_handle_t *)&l->timer, on_timer_closed);
	}
}

static void on_tick(uv_timer_t *timer)
{
	struct cabinet_load *l = timer->data;
	uint64_t now_ns = uv_hrtime();
	if (l->account.phase == CONNECTING && now_ns / 1000000000u != (now_ns - TICK_MS * 1000000u) / 1000000000u)
		give_up_dialing(l, now_ns);
	if (l->account.phase < LINGERING) {
		heartbeats(l, now_ns);
		visits(l, now_ns);
		returns(l, now_ns);
	}
	pace(l);
}

/* ---- from outside ---------------------------------------------------------------------------- */

static int set_up(struct cabinet_load *l, const Sim__LoadCabinetsRequest *r, char *ret_error, size_t error_size)
{
	size_t digits = strspn(r->first, "0123456789");
	if (*r->first && (digits != IMEI_DIGITS || r->first[digits])) {
		snprintf(ret_error, error_size, "first \"%.20s\": an IMEI has 15 digits", r->first);
		return -EINVAL;
	}
	l->want = *r;
	l->want.url = l->want.first = NULL;
	l->first = *r->first ? strtoull(r->first, NULL, 10) : FIRST_IMEI;
	l->want.cabinets += !l->want.cabinets;
	l->want.return_s += !l->want.return_s;
	if (!l->want.heartbeat_s)
		l->want.heartbeat_s = 60;
	if (!l->want.seconds)
		l->want.seconds = 10;
	if (!l->want.answer_timeout_s)
		l->want.answer_timeout_s = 30;
	return line_tcp_parse(r->url, &l->target, ret_error, error_size);
}

int cabinet_load_start(uv_loop_t *loop, const Sim__LoadCabinetsRequest *request, void (*done)(void *arg), void *arg,
		       struct cabinet_load **ret, char *ret_error, size_t error_size)
{
	struct cabinet_load *l = calloc(1, sizeof *l);
	snprintf(ret_error, error_size, "out of memory");
	if (!l)
		return -ENOMEM;
	int r = set_up(l, request, ret_error, error_size);
	if (r == 0) {
		l->cap_back = (size_t)l->want.cabinets * LOADED_SLOTS;
		l->cabinets = calloc(l->want.cabinets, sizeof *l->cabinets);
		l->back = calloc(l->cap_back, sizeof *l->back);
		r = l->cabinets && l->back ? 0 : -ENOMEM;
	}
	if (r < 0) {
		cabinet_load_destroy(l);
		return r;
	}
	l->account.begun_ns = l->account.last_open_ns = uv_hrtime();
	l->io.loop = loop;
	l->io.random = l->account.begun_ns | 1;
	l->done = done;
	l->arg = arg;
	l->timer.data = l;
	uv_timer_init(loop, &l->timer);
	uv_timer_start(&l->timer, on_tick, 0, TICK_MS);
	*ret = l;
	return 0;
}

void cabinet_load_stop(struct cabinet_load *l)
{
	l->stopping = true;
}

void cabinet_load_abort(struct cabinet_load *l)
{
	if (l->account.phase >= CLOSING)
		return;
	l->stopping = true;
	enter(l, CLOSING, uv_hrtime());
	close_all(l);
}

void cabinet_load_destroy(struct cabinet_load *l)
{
	if (!l)
		return;
	for (uint32_t i = 0; i < l->born; i++)
		free(l->cabinets[i].rest);
	free(l->cabinets);
	free(l->back);
	free(l);
}

void cabinet_load_report(const struct cabinet_load *l, Sim__LoadReport *ret)
{
	load_account_report(&l->account, l->want.cabinets, ret);
}
