/* Rentals as billing sees them: uses that cost by the time on their clock, wherever the bank comes back. The cabinet's
 * plugin says when a bank is out and when it is back; billing says when it is sold. A rental is looked at now and then,
 * for what its clock stood meanwhile, what it costs, and an end that was not heard of. */
#include <plugins/billing/charges/charges.h>
#include <plugins/billing/people/people_rows.h>
#include <plugins/billing/pricing/rental.h>
#include <plugins/billing/tariffs/places.h>
#include <plugins/billing/tariffs/tariffs.h>

#include <string.h>

#define CHECK_MIN_MS USES_CHECK_MS
#define CHECK_MAX_MS (6 * 3600000)
#define AGAIN_MS 60000

bool rents_is_over(const Rental__RentalRow *r)
{
	return r->state == RENTAL__RENTAL_STATE__RENTAL_STATE_RETURNED ||
	       r->state == RENTAL__RENTAL_STATE__RENTAL_STATE_SOLD ||
	       r->state == RENTAL__RENTAL_STATE__RENTAL_STATE_CLOSED;
}

/* To change and put back. */
static Billing__UseRow *own(struct gv_turn *t, Billing__UseRow *row)
{
	Billing__RentedUse *rented = gv_alloc(t, sizeof *rented);
	Billing__RentedBank *bank = gv_alloc(t, sizeof *bank);

	*rented = *row->rented;
	*bank = *row->rented->bank;
	row->rented = rented;
	rented->bank = bank;
	return row;
}

static bool has_terms(const Billing__UseRow *row)
{
	return row->tariff && row->tariff->terms_case == BILLING__TARIFF__TERMS_RENTAL;
}

/* ---- the clock ------------------------------------------------------------------------------- */

/* A clock that runs ahead must not cost anybody anything. */
static int64_t in_time(struct gv_turn *t, int64_t ms, int64_t least_ms)
{
	int64_t now_ms = gv_now_ms(t);

	ms = ms < now_ms ? ms : now_ms;
	return ms > least_ms ? ms : least_ms;
}

/* The freezes that count by the tariff, up to a time. */
static void take_stops(struct gv_turn *t, Billing__UseRow *row, const Rental__RentalRow *r, int64_t until_ms)
{
	Billing__RentedUse *u = row->rented;

	u->stops = NULL;
	u->n_stops = 0;
	for (size_t i = 0; has_terms(row) && i < r->n_freezes; i++) {
		const Rental__Freeze *f = r->freezes[i];
		int64_t from_ms = f->from_ms > row->started_at_ms ? f->from_ms : row->started_at_ms;
		int64_t end_ms = f->until_ms && f->until_ms < until_ms ? f->until_ms : until_ms;
		Billing__ClockStop *stop;

		if (from_ms >= end_ms || !tariffs_clock_stops(row->tariff->rental, f->why))
			continue;
		if (u->n_stops == BILLING_FREEZES_MAX) { /* one that lasts from there on, for the one who pays */
			u->stops[u->n_stops - 1]->until_ms = until_ms;
			continue;
		}
		stop = gv_alloc(t, sizeof *stop);
		billing__clock_stop__init(stop);
		stop->from_ms = from_ms;
		stop->until_ms = end_ms;
		*GV_APPEND(t, u->stops, u->n_stops) = stop;
	}
}

static const Billing__Price *price_now(struct billing *b, struct gv_turn *t, const Billing__UseRow *row)
{
	const char *problem;

	return has_terms(row)
		       ? tariffs_price(b, t, row->tariff,
				       charge_rented(t, row, in_time(t, INT64_MAX, row->started_at_ms)), &problem)
		       : NULL;
}

static int64_t next_check(struct gv_turn *t, const Billing__UseRow *row)
{
	int64_t ms = has_terms(row) ? 1000 * row->tariff->rental->interval_s : CHECK_MAX_MS;

	ms = ms < CHECK_MIN_MS ? CHECK_MIN_MS : ms;
	return gv_now_ms(t) + (ms < CHECK_MAX_MS ? ms : CHECK_MAX_MS);
}

/* The first moment at which the bank is sold, as far as it is known. */
static int64_t sale_ms(struct billing *b, struct gv_turn *t, const Billing__UseRow *row)
{
	return has_terms(row) && !row->unpaid
		       ? tariffs_sale_ms(b, t, row->tariff, charge_rented(t, row, row->started_at_ms))
		       : INT64_MAX;
}

static void arm(struct billing *b, struct gv_turn *t, const Billing__UseRow *row)
{
	int64_t at_ms = next_check(t, row), sold_ms = sale_ms(b, t, row);

	uses_arm(t, row, at_ms < sold_ms ? at_ms : sold_ms);
}

/* ---- a bank is out --------------------------------------------------------------------------- */

/* A rental without an order, or one that came when its order had been given up: nobody's money is held for it. */
static void whose(struct gv_turn *t, Billing__UseRow *row, const Rental__RentalRow *r)
{
	Billing__OrderRow *order = *r->order && strlen(r->order) <= ORDERS_ID_MAX ? orders_take(t, r->order) : NULL;

	if (!order || !order->rental) {
		row->unpaid = true;
		row->tariff = (Billing__Tariff *)tariffs_for(t, row->device, row->connector, row->site, NULL, 0,
							     row->started_at_ms);
		if (!has_terms(row))
			row->tariff = NULL;
		orders_add_flag(t, &row->flags, &row->n_flags, "unpaid");
		return;
	}
	row->order = order->order->id;
	row->customer = order->order->customer;
	if (order->order->state == BILLING__ORDER_STATE__ORDER_STATE_STARTING && !*order->order->session) {
		uses_take_over(t, row, order);
		return;
	}
	row->tariff = order->terms;
	orders_add_flag(t, &row->flags, &row->n_flags, "late-start");
	orders_flag(t, order, "late-start");
	orders_put(t, order);
	orders_tell(t, order);
}

static Billing__UseRow *begin(struct gv_turn *t, const Rental__RentalRow *r, const char *flag)
{
	const Billing__PlaceRow *place = places_find(t, r->device);
	Billing__UseRow *row = gv_alloc(t, sizeof *row);

	billing__use_row__init(row);
	row->session = gv_strdup(t, r->id);
	row->device = gv_strdup(t, r->device);
	row->connector = r->slot;
	row->token = gv_strdup(t, r->token);
	row->site = place ? place->site : row->site;
	row->zone = place ? place->zone : row->zone;
	row->started_at_ms = in_time(t, r->started_at_ms, 0);
	row->rented = gv_alloc(t, sizeof *row->rented);
	billing__rented_use__init(row->rented);
	row->rented->bank = gv_alloc(t, sizeof *row->rented->bank);
	billing__rented_bank__init(row->rented->bank);
	row->rented->bank->id = gv_strdup(t, r->bank);
	for (size_t i = 0; i < r->n_flags; i++)
		orders_add_flag(t, &row->flags, &row->n_flags, r->flags[i]);
	orders_add_flag(t, &row->flags, &row->n_flags, flag);
	whose(t, row, r);
	return row;
}

/* ---- it is over ------------------------------------------------------------------------------ */

static int settle_now(struct billing *b, struct gv_turn *t, Billing__UseRow *row, bool sold)
{
	Billing__OrderRow *order = *row->order ? orders_take(t, row->order) : NULL;

	row->ended_heard_ms = gv_now_ms(t);
	if (order && order->order->state == BILLING__ORDER_STATE__ORDER_STATE_STARTED &&
	    !strcmp(order->order->session, row->session))
		orders_to(t, order, BILLING__ORDER_STATE__ORDER_STATE_STOPPED);
	return settle_rental(b, t, row, sold);
}

static int over(struct billing *b, struct gv_turn *t, Billing__UseRow *row, const Rental__RentalRow *r)
{
	bool sold = r->state == RENTAL__RENTAL_STATE__RENTAL_STATE_SOLD;
	Billing__RentedBank *bank = row->rented->bank;
	Billing__UseEnd *end = gv_alloc(t, sizeof *end);

	billing__use_end__init(end);
	row->end = end;
	if (sold && row->rented->sold_at_ms) { /* as it stood when billing said so */
		end->at_ms = row->rented->sold_at_ms;
	} else {
		end->at_ms = in_time(t, r->ended_at_ms, row->started_at_ms);
		take_stops(t, row, r, end->at_ms);
	}
	for (size_t i = 0; i < r->n_flags; i++)
		orders_add_flag(t, &end->flags, &end->n_flags, r->flags[i]);
	bank->id = *r->bank ? gv_strdup(t, r->bank) : bank->id;
	bank->return_device = gv_strdup(t, r->return_device);
	bank->return_slot = r->return_slot;
	return settle_now(b, t, row, sold);
}

int rents_heard(struct billing *b, struct gv_turn *t, const Rental__RentalRow *r, const char *flag)
{
	Billing__UseRow *row = uses_take(t, r->device, r->id);

	if (!*r->id || !*r->device || (!row && charges_of_session(t, r->id)))
		return 0;
	if (!row) {
		row = begin(t, r, flag);
		uses_put(t, row);
		arm(b, t, row);
	}
	return row->rented && rents_is_over(r) ? over(b, t, own(t, row), r) : 0;
}

/* ---- what the cabinets' plugins tell --------------------------------------------------------- */

int rents_started(void *self, struct gv_turn *t, const ProtobufCMessage *event, const struct gv_emitter *from)
{
	const Rental__RentalStarted *e = (const Rental__RentalStarted *)event;

	return e->rental ? rents_heard(self, t, e->rental, "") : 0;
}

int rents_ended(void *self, struct gv_turn *t, const ProtobufCMessage *event, const struct gv_emitter *from)
{
	const Rental__RentalEnded *e = (const Rental__RentalEnded *)event;

	return e->rental && rents_is_over(e->rental) ? rents_heard(self, t, e->rental, "no-start-heard") : 0;
}

int rents_failed(void *self, struct gv_turn *t, const ProtobufCMessage *event, const struct gv_emitter *from)
{
	const Rental__RentalRow *r = ((const Rental__RentalFailed *)event)->rental;
	Billing__OrderRow *order = r && *r->order && strlen(r->order) <= ORDERS_ID_MAX ? orders_take(t, r->order)
										       : NULL;

	if (!order || !order->rental || order->order->state != BILLING__ORDER_STATE__ORDER_STATE_STARTING)
		return 0;
	return orders_void(self, t, order, *r->error ? r->error : "no power bank came out");
}

/* ---- meanwhile ------------------------------------------------------------------------------- */

static int read_rental(struct gv_turn *t, Billing__UseRow *row)
{
	Rental__GetRentalRequest request = RENTAL__GET_RENTAL_REQUEST__INIT;
	bool asked;
	int r;

	request.id = row->session;
	r = uses_ask(t, row, "galvan.rental.v1.Rental/GetRental", &request, BILLING__USE_STEP__USE_STEP_READ, &asked);
	row->read_asked = asked;
	uses_put(t, row);
	return r;
}

/* Its time has come: whether it is sold or came back just before, says the cabinet's plugin. */
static int sell(struct gv_turn *t, Billing__UseRow *row)
{
	Rental__EndRentalRequest request = RENTAL__END_RENTAL_REQUEST__INIT;
	bool asked;
	int r;

	request.id = row->session;
	request.how = (char *)"sold";
	request.at_ms = row->rented->sold_at_ms;
	request.reason = (char *)"not returned in time";
	uses_arm(t, row, gv_now_ms(t) + AGAIN_MS);
	r = uses_ask(t, row, "galvan.rental.v1.Rental/EndRental", &request, BILLING__USE_STEP__USE_STEP_SELL, &asked);
	row->stop_asked = asked;
	uses_put(t, row);
	return r;
}

static void tell(struct billing *b, struct gv_turn *t, const Billing__UseRow *row)
{
	const Billing__Price *price = price_now(b, t, row);
	Billing__OrderRow *order = *row->order ? orders_take(t, row->order) : NULL;

	if (!price || !order || order->order->state != BILLING__ORDER_STATE__ORDER_STATE_STARTED ||
	    strcmp(order->order->session, row->session) != 0 || order->order->cost == price->incl)
		return;
	order->order->cost = price->incl;
	orders_put(t, order);
	orders_tell(t, order);
}

static int still_out(struct billing *b, struct gv_turn *t, Billing__UseRow *row, const Rental__RentalRow *r)
{
	int64_t sold_ms;

	row->rented->missing_since_ms = 0;
	take_stops(t, row, r, gv_now_ms(t));
	sold_ms = sale_ms(b, t, row);
	row->rented->sold_at_ms = gv_now_ms(t) >= sold_ms ? sold_ms : 0;
	tell(b, t, row);
	if (row->rented->sold_at_ms)
		return sell(t, row);
	uses_put(t, row);
	arm(b, t, row);
	return 0;
}

/* Whoever knew of it does so no more. After a while it is settled as if the bank had come straight back. */
static int missing(struct billing *b, struct gv_turn *t, Billing__UseRow *row)
{
	Rental__RentalRow lost = RENTAL__RENTAL_ROW__INIT;
	Billing__RentedUse *u = row->rented;

	if (!u->missing_since_ms)
		u->missing_since_ms = gv_now_ms(t);
	if (gv_now_ms(t) - u->missing_since_ms < 1000 * (int64_t)b->config->hold->no_stop_s) {
		uses_put(t, row);
		return 0;
	}
	gv_log(t, GV_ERR, "nobody knows of a rental any more, it is settled as if it had not lasted session=%s",
	       row->session);
	lost.state = RENTAL__RENTAL_STATE__RENTAL_STATE_CLOSED;
	orders_add_flag(t, &row->flags, &row->n_flags, "rental-lost");
	return over(b, t, row, &lost);
}

static int read_answered(struct billing *b, struct gv_turn *t, Billing__UseRow *row, const struct gv_answer *a)
{
	const Rental__GetRentalReply *reply = a->reply;
	const Rental__RentalRow *r = reply ? reply->rental : NULL;

	row->read_asked = false;
	uses_arm(t, row, next_check(t, row));
	if (r && rents_is_over(r))
		return over(b, t, row, r);
	if (r && r->state == RENTAL__RENTAL_STATE__RENTAL_STATE_ACTIVE)
		return still_out(b, t, row, r);
	if (r || a->code == GV_NOT_FOUND || a->code == GV_INVALID_ARGUMENT || a->code == GV_UNIMPLEMENTED)
		return missing(b, t, row);
	uses_put(t, row);
	return 0;
}

static int sell_answered(struct billing *b, struct gv_turn *t, Billing__UseRow *row, const struct gv_answer *a)
{
	const Rental__EndRentalReply *reply = a->reply;

	row->stop_asked = false;
	if (reply && reply->rental && rents_is_over(reply->rental))
		return over(b, t, row, reply->rental);
	uses_put(t, row); /* its timer asks how it stands */
	return 0;
}

int rents_answered(struct billing *b, struct gv_turn *t, Billing__UseRow *row, const struct gv_answer *a,
		   Billing__UseStep step)
{
	row = own(t, row);
	return step == BILLING__USE_STEP__USE_STEP_SELL ? sell_answered(b, t, row, a) : read_answered(b, t, row, a);
}

int rents_due(struct billing *b, struct gv_turn *t, Billing__UseRow *row)
{
	uses_arm(t, row, gv_now_ms(t) + AGAIN_MS);
	return row->read_asked || row->stop_asked ? 0 : read_rental(t, own(t, row));
}

void rents_show(struct billing *b, struct gv_turn *t, Billing__Order *order)
{
	const Billing__UseRow *row = order->state == BILLING__ORDER_STATE__ORDER_STATE_STARTED
					     ? uses_take(t, order->device, order->session)
					     : NULL;
	const Billing__Price *price = row && row->rented ? price_now(b, t, row) : NULL;

	order->cost = price ? price->incl : order->cost;
}
