/* Sessions as billing sees them: whose they are, what pays for them, when they must stop. A use is a row from the
 * session's first word until its charge; the samples stay with the plugin that drives the device and are read from
 * there once, when the session has ended. */
#include <plugins/billing/charges/charges.h>
#include <plugins/billing/ledger/ledger.h>
#include <plugins/billing/people/people_rows.h>
#include <plugins/billing/tariffs/places.h>
#include <plugins/billing/tariffs/tariffs.h>

#include <errno.h>
#include <string.h>

#define READ_TIMEOUT_MS 30000

const struct gv_table uses_table = { .name = "uses", .key = "ss", .value = &billing__use_row__descriptor };

Billing__UseRow *uses_take(struct gv_turn *t, const char *device, const char *session)
{
	const Billing__UseRow *found = gv_get(t, &uses_table, gv_key(device, session));
	Billing__UseRow *row;

	if (!found)
		return NULL;
	row = gv_alloc(t, sizeof *row);
	*row = *found;
	return row;
}

void uses_put(struct gv_turn *t, const Billing__UseRow *row)
{
	gv_put(t, &uses_table, gv_key(row->device, row->session), row);
}

bool uses_on(struct gv_turn *t, const char *device, uint32_t connector, const char **ret_session)
{
	struct gv_scan scan = { .table = &uses_table, .prefix = gv_key(device) };

	while (gv_next(t, &scan)) {
		const Billing__UseRow *row = scan.row;

		if (row->end || (connector && row->connector != connector))
			continue;
		*ret_session = row->session;
		return true;
	}
	return false;
}

static char *timer_name(struct gv_turn *t, const char *session)
{
	return gv_str(t, "use:%s", session);
}

void uses_arm(struct gv_turn *t, const Billing__UseRow *row, int64_t at_ms)
{
	Billing__UseAsked note = BILLING__USE_ASKED__INIT;

	note.device = row->device;
	note.session = row->session;
	gv_timer(t, timer_name(t, row->session), at_ms, &note);
}

void uses_forget(struct billing *b, struct gv_turn *t, const Billing__UseRow *row)
{
	gv_delete(t, &uses_table, gv_key(row->device, row->session));
	gv_timer_cancel(t, timer_name(t, row->session));
	live_end(b, row->session);
}

/* ---- calls about a session ------------------------------------------------------------------- */

int uses_ask(struct gv_turn *t, const Billing__UseRow *row, const char *method, const void *request,
	     Billing__UseStep step, bool *ret_asked)
{
	Billing__UseAsked note = BILLING__USE_ASKED__INIT;
	int r;

	note.device = row->device;
	note.session = row->session;
	note.step = step;
	r = gv_call(t, &(struct gv_call){
			       .method = method, .request = request, .timeout_ms = READ_TIMEOUT_MS, .note = &note });
	*ret_asked = r == 0;
	if (r == -ENOSPC) {
		uses_arm(t, row, gv_now_ms(t) + ORDERS_AGAIN_MS);
		return 0;
	}
	return r;
}

/* Puts the row. */
static int read_session(struct gv_turn *t, Billing__UseRow *row)
{
	Charging__GetSessionRequest request = CHARGING__GET_SESSION_REQUEST__INIT;
	bool asked;
	int r;

	if (row->read_asked)
		return 0;
	request.id = row->session;
	r = uses_ask(t, row, "galvan.charging.v1.Charging/GetSession", &request, BILLING__USE_STEP__USE_STEP_READ,
		     &asked);
	row->read_asked = asked;
	uses_put(t, row);
	return r;
}

static int tell_stop(struct gv_turn *t, Billing__UseRow *row)
{
	Charging__StopRequest request = CHARGING__STOP_REQUEST__INIT;
	bool asked;
	int r;

	if (row->stop_asked)
		return 0;
	request.session_id = row->session;
	r = uses_ask(t, row, "galvan.charging.v1.Charging/Stop", &request, BILLING__USE_STEP__USE_STEP_STOP, &asked);
	row->stop_asked = asked;
	uses_put(t, row);
	return r;
}

static void flag(struct gv_turn *t, Billing__UseRow *row, const char *name)
{
	orders_add_flag(t, &row->flags, &row->n_flags, name);
}

/* What is odd about an order's session is odd about the order. */
static void flag_order(struct gv_turn *t, const Billing__UseRow *row, const char *name)
{
	Billing__OrderRow *order = *row->order && *name ? orders_take(t, row->order) : NULL;

	if (!order || orders_has_flag(order->order->flags, order->order->n_flags, name))
		return;
	orders_flag(t, order, name);
	orders_put(t, order);
	orders_tell(t, order);
}

int uses_stop(struct billing *b, struct gv_turn *t, Billing__UseRow *row, const char *why)
{
	flag(t, row, why);
	flag_order(t, row, why);
	row->stop = true;
	uses_put(t, row);
	return row->end ? 0 : tell_stop(t, row);
}

/* ---- a session begins ------------------------------------------------------------------------ */

/* When a package of time is used up; INT64_MAX: it is none. */
static int64_t package_end_ms(const Billing__UseRow *row)
{
	const Billing__Tariff *f = row->tariff;

	if (!*row->hold || !f || f->terms_case != BILLING__TARIFF__TERMS_PACKAGE ||
	    f->package->unit != BILLING__PACKAGE_UNIT__PACKAGE_UNIT_TIME)
		return INT64_MAX;
	return row->started_at_ms + 1000 * f->package->amount;
}

/* When it is looked at although nothing is heard of it. */
static int64_t next_check(struct billing *b, struct gv_turn *t, const Billing__UseRow *row)
{
	int64_t silent_ms = 1000 * (int64_t)b->config->hold->no_stop_s, end_ms = package_end_ms(row), at_ms;

	if (row->stop)
		return gv_now_ms(t) + USES_STOP_AGAIN_MS;
	at_ms = gv_now_ms(t) + (*row->hold && silent_ms > USES_CHECK_MS ? USES_CHECK_MS : silent_ms);
	return at_ms < end_ms ? at_ms : end_ms;
}

static Billing__UseRow *begin_row(struct gv_turn *t, const char *device, const Charging__Session *s, const char *why)
{
	const Billing__PlaceRow *place = places_find(t, device);
	Billing__UseRow *row = gv_alloc(t, sizeof *row);

	billing__use_row__init(row);
	row->session = gv_strdup(t, s->id);
	row->device = gv_strdup(t, device);
	row->connector = s->connector;
	row->token = gv_strdup(t, s->token);
	row->site = place ? place->site : row->site;
	row->zone = place ? place->zone : row->zone;
	row->started_at_ms = s->started_at_ms;
	row->meter_start_wh = s->meter_start_wh;
	row->shows_cost = s->shows_cost;
	flag(t, row, why);
	return row;
}

int uses_begin(struct billing *b, struct gv_turn *t, const char *device, const Charging__Session *s, const char *why)
{
	bool ended = s->state == CHARGING__SESSION_STATE__ENDED, may_go_on;
	Billing__OrderRow *order;
	Billing__UseRow *row;

	if (gv_get(t, &uses_table, gv_key(device, s->id)) || charges_of_session(t, s->id) ||
	    twins_is_second(t, device, s))
		return 0;
	row = begin_row(t, device, s, why);
	order = orders_by_token(t, s->token);
	may_go_on = order ? uses_whose_order(t, row, order) : uses_whose_card(b, t, row, ended);
	uses_put(t, row);
	uses_arm(t, row, ended ? gv_now_ms(t) : next_check(b, t, row));
	if (ended)
		return 0;
	live_begin(b, t, row);
	if (row->use == BILLING__TOKEN_USE_OF_CHARGE__CHARGE_USE_PRIVATE && priced_in_the_end(b, t, row, 0))
		return -1;
	if (may_go_on)
		return 0;
	gv_log(t, GV_INFO, "a session that is not paid for is stopped session=%s", row->session);
	return uses_stop(b, t, row, "");
}

/* ---- what the devices' plugins tell ---------------------------------------------------------- */

int uses_started(void *self, struct gv_turn *t, const ProtobufCMessage *event, const struct gv_emitter *from)
{
	const Charging__SessionStarted *e = (const Charging__SessionStarted *)event;

	return e->session ? uses_begin(self, t, e->device, e->session, "") : 0;
}

static Billing__UseEnd *take_end(struct gv_turn *t, const Charging__Session *s)
{
	Billing__UseEnd *end = gv_alloc(t, sizeof *end);

	billing__use_end__init(end);
	end->at_ms = s->ended_at_ms < s->started_at_ms ? s->started_at_ms : s->ended_at_ms;
	end->meter_stop_wh = s->meter_stop_wh;
	end->energy_wh = s->energy_wh;
	for (size_t i = 0; i < s->n_flags; i++)
		orders_add_flag(t, &end->flags, &end->n_flags, s->flags[i]);
	return end;
}

/* A session that has been charged ends again: what was not known then is known now. */
static Billing__UseRow *correction(struct gv_turn *t, const Billing__ChargeRow *charged, const Charging__Session *s)
{
	const Billing__Charge *c = charged->charge;
	Billing__UseRow *row;

	if (c->started_at_ms == s->started_at_ms && c->ended_at_ms == s->ended_at_ms && c->energy_wh == s->energy_wh)
		return NULL; /* the same end again */
	if (gv_get(t, &charges_credits, gv_key(c->id)))
		return NULL; /* people have taken it back */
	if (!orders_has_flag(c->flags, c->n_flags, "no-stop") && !orders_has_flag(s->flags, s->n_flags, "late-stop") &&
	    !orders_has_flag(s->flags, s->n_flags, "late-events"))
		return NULL;
	row = begin_row(t, c->device, s, "");
	row->order = c->order;
	row->customer = c->customer;
	row->account = charged->account;
	row->tariff = c->tariff;
	row->site = c->site;
	row->zone = c->zone;
	row->use = c->use;
	row->unpaid = orders_has_flag(c->flags, c->n_flags, "unpaid");
	flag(t, row, row->unpaid ? "unpaid" : "");
	row->corrects = c->id;
	return row;
}

int uses_ended(void *self, struct gv_turn *t, const ProtobufCMessage *event, const struct gv_emitter *from)
{
	const Charging__SessionEnded *e = (const Charging__SessionEnded *)event;
	const Billing__ChargeRow *charged;
	Billing__OrderRow *order;
	Billing__UseRow *row;

	if (!e->session)
		return 0;
	row = uses_take(t, e->device, e->session->id);
	charged = row ? NULL : charges_of_session(t, e->session->id);
	if (charged) {
		row = correction(t, charged, e->session);
		if (!row)
			return 0;
	} else if (!row) { /* it began before billing was there to hear of it */
		Charging__Session s = *e->session;

		s.state = CHARGING__SESSION_STATE__ENDED;
		if (uses_begin(self, t, e->device, &s, "no-start-heard"))
			return -1;
		row = uses_take(t, e->device, e->session->id);
		if (!row) /* the device's other way has told of it before */
			return 0;
	}
	/* Its end knows best when and where it began: messages may have come out of order. */
	row->connector = e->session->connector;
	row->started_at_ms = e->session->started_at_ms;
	row->meter_start_wh = e->session->meter_start_wh;
	row->end = take_end(t, e->session);
	row->ended_heard_ms = gv_now_ms(t);
	live_end(self, row->session);
	order = *row->order && !*row->corrects ? orders_take(t, row->order) : NULL;
	if (order && order->order->state == BILLING__ORDER_STATE__ORDER_STATE_STARTED &&
	    !strcmp(order->order->session, row->session))
		orders_to(t, order, BILLING__ORDER_STATE__ORDER_STATE_STOPPED);
	uses_put(t, row);
	uses_arm(t, row, gv_now_ms(t) + 2 * READ_TIMEOUT_MS);
	return read_session(t, row);
}

/* ---- answers and timers ---------------------------------------------------------------------- */

/* The session as it ended, with the samples that were read, or without where they are gone. */
static int charge_ended(struct billing *b, struct gv_turn *t, Billing__UseRow *row, const Charging__Session *read)
{
	Charging__Session s = CHARGING__SESSION__INIT;

	s.id = row->session;
	s.device = row->device;
	s.connector = row->connector;
	s.token = row->token;
	s.state = CHARGING__SESSION_STATE__ENDED;
	s.started_at_ms = row->started_at_ms;
	s.meter_start_wh = row->meter_start_wh;
	s.ended_at_ms = row->end->at_ms;
	s.meter_stop_wh = row->end->meter_stop_wh;
	s.energy_wh = row->end->energy_wh;
	s.flags = row->end->flags;
	s.n_flags = row->end->n_flags;
	s.samples = read ? read->samples : NULL;
	s.n_samples = read ? read->n_samples : 0;
	if (!read)
		flag(t, row, "no-samples");
	return settle(b, t, row, &s);
}

static int64_t newest_ms(const Charging__Session *s)
{
	int64_t newest = s->started_at_ms;

	for (size_t i = 0; i < s->n_samples; i++)
		if (s->samples[i]->time_ms > newest)
			newest = s->samples[i]->time_ms;
	return newest;
}

/* It goes on, says the plugin. One that has been silent for too long is taken as having ended with its last word, but
 * for one at a device that has no way to speak: its plugin opens a case and ends it, if a person says so. */
static int still_going(struct billing *b, struct gv_turn *t, Billing__UseRow *row, const Charging__Session *s)
{
	int64_t newest = newest_ms(s), silent_ms = 1000 * (int64_t)b->config->hold->no_stop_s;
	Charging__Session end = *s;

	if (gv_now_ms(t) - newest < silent_ms || orders_has_flag(s->flags, s->n_flags, "off-line")) {
		uses_put(t, row);
		uses_arm(t, row, next_check(b, t, row));
		return live_check(b, t, row, s);
	}
	end.ended_at_ms = newest;
	end.meter_stop_wh = s->meter_start_wh + s->energy_wh;
	row->end = take_end(t, &end);
	flag(t, row, "no-stop");
	flag_order(t, row, "no-stop");
	gv_log(t, GV_WARN, "session is settled as it stands, nothing was heard of it for %u s session=%s",
	       b->config->hold->no_stop_s, row->session);
	return charge_ended(b, t, row, s);
}

static int read_answered(struct billing *b, struct gv_turn *t, Billing__UseRow *row, const struct gv_answer *a)
{
	const Charging__GetSessionReply *reply = a->reply;
	const Charging__Session *s = reply ? reply->session : NULL;
	int64_t give_up_ms = row->ended_heard_ms + 1000 * (int64_t)b->config->hold->no_stop_s;
	bool gone = a->code == GV_NOT_FOUND || a->code == GV_INVALID_ARGUMENT || a->code == GV_UNIMPLEMENTED;

	row->read_asked = false;
	if (s && !row->end && s->state == CHARGING__SESSION_STATE__ENDED) {
		row->end = take_end(t, s); /* its end was never told, or is about to be */
		return charge_ended(b, t, row, s);
	}
	if (s)
		return row->end ? charge_ended(b, t, row, s) : still_going(b, t, row, s);
	if (row->end && (gone || gv_now_ms(t) >= give_up_ms))
		return charge_ended(b, t, row, NULL);
	if (gone) { /* nobody knows of it any more: it ended with what is known here */
		Charging__Session lost = CHARGING__SESSION__INIT;

		lost.started_at_ms = lost.ended_at_ms = row->started_at_ms;
		lost.meter_stop_wh = row->meter_start_wh;
		row->end = take_end(t, &lost);
		flag(t, row, "no-stop");
		return charge_ended(b, t, row, NULL);
	}
	uses_put(t, row);
	uses_arm(t, row, gv_now_ms(t) + ORDERS_AGAIN_MS);
	return 0;
}

/* Accepted or not, the session ends by its own event; until then it is told again. */
static int stop_answered(struct gv_turn *t, Billing__UseRow *row, const struct gv_answer *a)
{
	row->stop_asked = false;
	uses_put(t, row);
	if (row->end)
		return 0;
	uses_arm(t, row, gv_now_ms(t) + USES_STOP_AGAIN_MS);
	return a->code == GV_FAILED_PRECONDITION || a->code == GV_NOT_FOUND ? read_session(t, row) : 0;
}

int uses_answered(struct billing *b, struct gv_turn *t, const struct gv_answer *a)
{
	const Billing__UseAsked *note = a->note;
	Billing__UseRow *row = uses_take(t, note->device, note->session);

	if (!row)
		return 0;
	if (row->rented)
		return rents_answered(b, t, row, a, note->step);
	return note->step == BILLING__USE_STEP__USE_STEP_READ ? read_answered(b, t, row, a) : stop_answered(t, row, a);
}

int uses_due(struct billing *b, struct gv_turn *t, const void *p)
{
	const Billing__UseAsked *note = p;
	Billing__UseRow *row = note ? uses_take(t, note->device, note->session) : NULL;

	if (!row)
		return 0;
	if (row->rented)
		return rents_due(b, t, row);
	if (!row->end && !row->stop && gv_now_ms(t) >= package_end_ms(row)) {
		uses_arm(t, row, gv_now_ms(t) + USES_STOP_AGAIN_MS);
		return uses_stop(b, t, row, "package-used-up");
	}
	uses_arm(t, row, row->end ? gv_now_ms(t) + 2 * READ_TIMEOUT_MS : next_check(b, t, row));
	if (row->stop && !row->end && tell_stop(t, row))
		return -1;
	return read_session(t, row);
}
