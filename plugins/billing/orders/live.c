/* What sessions cost while they go on, so that a driver sees it and none runs beyond its hold. Kept in memory only: a
 * meter value costs a few additions and no write. After a restart a session is read once from the plugin that drives
 * its device, at the first word that is heard of it. What a session costs in the end is computed anew from all its
 * samples; nothing here is booked. */
#include "live_internal.h"
#include <plugins/billing/charges/charges.h>
#include <plugins/billing/map.h>
#include <plugins/billing/pricing/ocpi.h>
#include <plugins/billing/tariffs/places.h>

#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#define LINES_FIRST 4
#define LINES_MAX 4096
#define ASK_AGAIN_MS 60000

struct live {
	struct billing_map sessions;
	void *tariffs; /* a tree: there are few */
};

static int compare_tariffs(const void *a, const void *b)
{
	return strcmp(((const struct live_tariff *)a)->text, ((const struct live_tariff *)b)->text);
}

struct live_session *live_find(const struct billing *b, const char *id)
{
	return b->live ? (struct live_session *)billing_map_find(&b->live->sessions, id, "", false) : NULL;
}

/* ---- tariffs --------------------------------------------------------------------------------- */

static void free_tariff(void *p)
{
	struct live_tariff *x = p;

	billing_tariff_fini(&x->tariff);
	free(x->text);
	free(x);
}

static struct live_tariff *use_tariff(struct live *live, const char *text)
{
	struct live_tariff key = { .text = (char *)text }, **found = tfind(&key, &live->tariffs, compare_tariffs), *x;
	struct billing_error error;

	if (found) {
		(*found)->users++;
		return *found;
	}
	x = calloc(1, sizeof *x);
	if (!x)
		return NULL;
	x->text = strdup(text);
	x->users = 1;
	if (!x->text || billing_ocpi_read(text, strlen(text), &x->tariff, &error) ||
	    !tsearch(x, &live->tariffs, compare_tariffs)) {
		free_tariff(x);
		return NULL;
	}
	return x;
}

static void release_tariff(struct live *live, struct live_tariff *x)
{
	if (!x || --x->users)
		return;
	tdelete(x, &live->tariffs, compare_tariffs);
	free_tariff(x);
}

/* ---- sessions -------------------------------------------------------------------------------- */

static void remove_session(struct live *live, struct live_session *s)
{
	release_tariff(live, s->tariff);
	free(s->lines);
	free(s->device);
	free(s->order);
	billing_map_remove(&live->sessions, &s->item);
}

void live_end(struct billing *b, const char *session)
{
	struct live_session *s = live_find(b, session);

	if (s)
		remove_session(b->live, s);
}

static void free_node(void *p)
{
}

void live_stop(struct billing *b)
{
	struct live *live = b->live;

	for (size_t i = 0; live && i < live->sessions.n_buckets; i++)
		while (live->sessions.buckets[i])
			remove_session(live, (struct live_session *)live->sessions.buckets[i]);
	if (live) {
		billing_map_clear(&live->sessions);
		tdestroy(live->tariffs, free_node);
	}
	free(live);
	b->live = NULL;
}

/* What costs nothing, or cannot be priced, is not followed. */
static bool is_followed(const Billing__UseRow *row)
{
	return !row->end && row->use == BILLING__TOKEN_USE_OF_CHARGE__CHARGE_USE_PAID && row->tariff &&
	       row->tariff->terms_case != BILLING__TARIFF__TERMS_RENTAL && !row->unpaid;
}

static bool is_ready(const struct live_session *s)
{
	return s->tariff || s->package.amount;
}

static struct live_session *add(struct billing *b, const char *id)
{
	if (!b->live) {
		b->live = calloc(1, sizeof *b->live);
		if (!b->live)
			return NULL;
		b->live->sessions.size = sizeof(struct live_session);
	}
	return (struct live_session *)billing_map_find(&b->live->sessions, id, "", true);
}

static struct live_session *follow(struct billing *b, struct gv_turn *t, const Billing__UseRow *row)
{
	struct live_session *s = is_followed(row) ? add(b, row->session) : NULL;

	if (!s || is_ready(s))
		return s;
	free(s->device);
	s->device = strdup(row->device);
	s->order = strdup(row->order);
	s->held = *row->hold ? row->held : 0;
	s->stopping = row->stop;
	s->shows_cost = row->shows_cost;
	s->lines = malloc(LINES_FIRST * sizeof *s->lines);
	if (s->device && s->order && s->lines && row->tariff->terms_case == BILLING__TARIFF__TERMS_PACKAGE)
		live_package_begin(s, row);
	else if (s->device && s->order && s->lines)
		s->tariff = use_tariff(b->live, row->tariff->ocpi);
	if (!is_ready(s)) {
		live_end(b, row->session);
		return NULL;
	}
	if (!s->tariff)
		return s;
	billing_run_init(&s->run, &s->tariff->tariff, places_zone(b, t, row->zone), s->lines, LINES_FIRST, NULL, 0);
	return s;
}

void live_begin(struct billing *b, struct gv_turn *t, const Billing__UseRow *row)
{
	struct live_session *s = follow(b, t, row);
	struct billing_segment begin = { .start_ms = row->started_at_ms,
					 .end_ms = row->started_at_ms,
					 .current_ma = BILLING_UNKNOWN,
					 .power_mw = BILLING_UNKNOWN };

	if (s && s->tariff && !s->run.started)
		billing_run_add(&s->run, &begin);
}

/* With more lines where it needs them. */
static int run_add(struct live_session *s, const struct billing_segment *segment)
{
	struct billing_line *lines;
	int r;

	while ((r = billing_run_add(&s->run, segment)) == -ENOBUFS && s->run.lines_max < LINES_MAX) {
		lines = realloc(s->lines, 4 * s->run.lines_max * sizeof *lines);
		if (!lines)
			return r;
		s->lines = s->run.lines = lines;
		s->run.lines_max *= 4;
	}
	return r;
}

static int64_t price(struct live_session *s)
{
	struct billing_price p;

	return billing_run_price(&s->run, &p) ? s->cost : p.incl_minor;
}

int64_t live_energy_uwh(const struct live_session *s)
{
	return s->tariff ? s->run.energy_uwh : s->used_uwh;
}

/* ---- what a meter value means ---------------------------------------------------------------- */

int live_tell(struct billing *b, struct gv_turn *t, struct live_session *s)
{
	Billing__OrderRow *row;
	int error = priced_so_far(b, t, s);

	if (error)
		return error;
	if (!*s->order || s->cost == s->told_cost || gv_now_ms(t) - s->told_ms < ORDERS_TOLD_EVERY_MS)
		return 0;
	s->told_cost = s->cost;
	s->told_ms = gv_now_ms(t);
	row = orders_take(t, s->order);
	if (!row || row->order->state != BILLING__ORDER_STATE__ORDER_STATE_STARTED)
		return 0;
	row->order->cost = s->cost;
	row->order->energy_wh = live_energy_uwh(s) / LIVE_UWH_PER_WH;
	orders_put(t, row);
	orders_tell(t, row);
	return 0;
}

/* The next value is expected as long after this one as this one came after the one before, and as dear. */
static int limit(struct billing *b, struct gv_turn *t, struct live_session *s, int64_t before)
{
	Billing__UseRow *row;

	if (!s->held || s->stopping || s->cost + (s->cost - before) <= s->held)
		return 0;
	row = uses_take(t, s->device, s->item.a);
	if (!row)
		return 0;
	s->stopping = true;
	gv_log(t, GV_INFO, "session is stopped, it costs %lld of the %lld that are held session=%s", (long long)s->cost,
	       (long long)s->held, s->item.a);
	return uses_stop(b, t, row, "stopped-at-limit");
}

static int metered(struct billing *b, struct gv_turn *t, struct live_session *s, const Charging__SessionMetered *e)
{
	struct billing_segment segment = { .start_ms = s->run.at_ms };
	int64_t uwh = e->energy_wh * LIVE_UWH_PER_WH - s->run.energy_uwh, before = s->cost;
	struct rating_now now;

	rating_now(e->samples, e->n_samples, &now);
	if (now.time_ms <= s->run.at_ms)
		return 0;
	segment.end_ms = now.time_ms;
	segment.energy_uwh = uwh > 0 ? uwh : 0;
	segment.kind = uwh > 0 ? BILLING_CHARGING : BILLING_IDLE;
	segment.current_ma = now.current_ma;
	segment.power_mw = now.power_mw;
	if (run_add(s, &segment)) {
		live_end(b, s->item.a);
		return 0;
	}
	s->cost = price(s);
	if (live_tell(b, t, s))
		return -1;
	return limit(b, t, s, before);
}

/* It was followed before a restart: all of it is read once. */
static int read_again(struct billing *b, struct gv_turn *t, const Charging__SessionMetered *e)
{
	const Billing__UseRow *row = uses_take(t, e->device, e->session_id);
	Charging__GetSessionRequest request = CHARGING__GET_SESSION_REQUEST__INIT;
	struct live_session *s = row && is_followed(row) ? add(b, e->session_id) : NULL;

	if (!s || (s->asked_ms && gv_now_ms(t) - s->asked_ms < ASK_AGAIN_MS))
		return 0;
	if (!s->device)
		s->device = strdup(e->device);
	s->asked_ms = gv_now_ms(t);
	request.id = e->session_id;
	gv_call(t, &(struct gv_call){ .method = "galvan.charging.v1.Charging/GetSession", .request = &request });
	return 0;
}

int live_metered(void *self, struct gv_turn *t, const ProtobufCMessage *event, const struct gv_emitter *from)
{
	const Charging__SessionMetered *e = (const Charging__SessionMetered *)event;
	struct live_session *s = live_find(self, e->session_id);

	if (!s || !is_ready(s))
		return read_again(self, t, e);
	return s->tariff ? metered(self, t, s, e) : live_package_metered(self, t, s, e->energy_wh);
}

/* The run of a session from all its samples; NULL: it is not followed, or cannot be. `tail`: what is taken of the time
 * since the last sample. */
static struct live_session *restore(struct billing *b, struct gv_turn *t, const Billing__UseRow *row,
				    const Charging__Session *session, int64_t end_ms, enum billing_kind tail)
{
	const Billing__PricedUse *use;
	char **flags = NULL;
	size_t n_flags = 0;
	struct live_session *s;
	int64_t at_ms;

	live_end(b, row->session);
	s = follow(b, t, row);
	if (s && !s->tariff) {
		live_package_restore(t, s, session);
		return s;
	}
	use = s ? rating_use(t, session, end_ms, row->zone, 0, &flags, &n_flags) : NULL;
	if (!use)
		return NULL;
	at_ms = use->start_ms;
	for (size_t i = 0; i < use->n_segments; i++) {
		const Billing__Segment *m = use->segments[i];
		struct billing_segment segment = { .start_ms = at_ms,
						   .end_ms = m->end_ms,
						   .kind = m->energy_uwh              ? BILLING_CHARGING
							   : i + 1 == use->n_segments ? tail
										      : BILLING_IDLE,
						   .energy_uwh = m->energy_uwh,
						   .current_ma = m->current ? m->current->ma : BILLING_UNKNOWN,
						   .power_mw = m->power ? m->power->mw : BILLING_UNKNOWN };

		if (run_add(s, &segment)) {
			live_end(b, row->session);
			return NULL;
		}
		at_ms = m->end_ms;
	}
	s->cost = price(s);
	return s;
}

static int64_t last_ms(const Charging__Session *s)
{
	int64_t last = s->started_at_ms;

	for (size_t i = 0; i < s->n_samples; i++)
		if (s->samples[i]->time_ms > last)
			last = s->samples[i]->time_ms;
	return last;
}

int live_answered(struct billing *b, struct gv_turn *t, const struct gv_answer *a)
{
	const Charging__GetSessionReply *reply = a->reply;
	const Charging__Session *session = reply ? reply->session : NULL;
	const Billing__UseRow *row = session ? uses_take(t, session->device, session->id) : NULL;
	struct live_session *s;

	if (!row || session->state != CHARGING__SESSION_STATE__ACTIVE)
		return 0;
	s = restore(b, t, row, session, last_ms(session), BILLING_IDLE);
	if (!s)
		return 0;
	return live_tell(b, t, s) ? -1 : limit(b, t, s, s->cost);
}

int live_check(struct billing *b, struct gv_turn *t, Billing__UseRow *row, const Charging__Session *session)
{
	int64_t until_ms = gv_now_ms(t) + USES_CHECK_MS, cost = 0;
	struct live_session *s;

	if (!*row->hold || row->stop)
		return 0;
	if (row->tariff->terms_case == BILLING__TARIFF__TERMS_PACKAGE) {
		s = restore(b, t, row, session, last_ms(session), BILLING_IDLE);
		return s ? live_package_check(b, t, s) : 0;
	}
	/* If it goes on like that until the next look, or does nothing but stand there: whichever costs more. */
	for (int tail = BILLING_CHARGING; tail <= BILLING_IDLE; tail++) {
		s = restore(b, t, row, session, until_ms, tail);
		cost = s && s->cost > cost ? s->cost : cost;
	}
	s = restore(b, t, row, session, last_ms(session), BILLING_IDLE);
	if (!s || cost < row->held)
		return 0;
	s->stopping = true;
	return uses_stop(b, t, row, "stopped-at-limit");
}

void live_show(struct billing *b, struct gv_turn *t, Billing__Order *order)
{
	struct live_session *s = order->state == BILLING__ORDER_STATE__ORDER_STATE_STARTED
					 ? live_find(b, order->session)
					 : NULL;

	if (!s || !is_ready(s))
		return;
	order->cost = s->tariff ? s->cost : live_package_cost(t, s);
	order->energy_wh = live_energy_uwh(s) / LIVE_UWH_PER_WH;
}
