/* Lending a power bank for an order that is paid. The order's id is the rental's identity, so a lost answer is simply
 * asked for again; but only as long as somebody still stands there. After that nothing is told any more, only looked
 * for. What became of the lend says the cabinet's plugin, within a day. */
#include "orders.h"

#include <string.h>

#define LEND_TIMEOUT_MIN_MS 1000
#define FIND_TIMEOUT_MS 30000
#define FIND_EVERY_MS 300000
#define FIND_RENTALS 1000 /* the newest of the cabinet */
#define SETTLED_MS 60000  /* a lend that nobody has got by then comes no more */
#define NO_BANK "no power bank came out"

static void arm(struct gv_turn *t, const Billing__OrderRow *row, int64_t at_ms)
{
	gv_timer(t, gv_str(t, "order:%s", row->order->id), at_ms, NULL);
}

static int64_t tell_until_ms(const struct billing *b, const Billing__OrderRow *row)
{
	return row->deadline_ms - ORDERS_LEND_MS + 1000 * (int64_t)b->config->hold->start_s;
}

int orders_lend(struct billing *b, struct gv_turn *t, Billing__OrderRow *row)
{
	Rental__LendRequest request = RENTAL__LEND_REQUEST__INIT;
	int64_t left_ms = tell_until_ms(b, row) - gv_now_ms(t);
	int r;

	row->again = false;
	request.device = row->order->device;
	request.order = row->order->id;
	request.slot = row->order->connector;
	request.token = row->order->token;
	r = orders_ask(t, row, "galvan.rental.v1.Lending/Lend", &request, BILLING__ORDER_STEP__ORDER_STEP_LEND,
		       left_ms < LEND_TIMEOUT_MIN_MS ? LEND_TIMEOUT_MIN_MS : left_ms);
	if (r == 0 && row->asked) {
		row->starts++;
		orders_put(t, row);
	}
	return r;
}

static int find(struct gv_turn *t, Billing__OrderRow *row)
{
	Rental__ListRentalsRequest list = RENTAL__LIST_RENTALS_REQUEST__INIT;
	Rental__GetRentalRequest get = RENTAL__GET_RENTAL_REQUEST__INIT;

	get.id = row->lent;
	list.device = row->order->device;
	list.limit = FIND_RENTALS;
	if (*row->lent)
		return orders_ask(t, row, "galvan.rental.v1.Rental/GetRental", &get,
				  BILLING__ORDER_STEP__ORDER_STEP_FIND, FIND_TIMEOUT_MS);
	return orders_ask(t, row, "galvan.rental.v1.Rental/ListRentals", &list, BILLING__ORDER_STEP__ORDER_STEP_FIND,
			  FIND_TIMEOUT_MS);
}

int orders_lend_due(struct billing *b, struct gv_turn *t, Billing__OrderRow *row)
{
	bool may_tell = gv_now_ms(t) < tell_until_ms(b, row) && !*row->lent;

	return may_tell && (row->again || row->unsure || !row->starts) ? orders_lend(b, t, row) : find(t, row);
}

/* Waits on; at the end of its time what was held must not stay so. */
static int wait_on(struct billing *b, struct gv_turn *t, Billing__OrderRow *row, int64_t ms, const char *why)
{
	int64_t now_ms = gv_now_ms(t), at_ms = now_ms + ms;

	if (now_ms >= row->deadline_ms)
		return orders_void(b, t, row, why);
	orders_put(t, row);
	arm(t, row, at_ms < row->deadline_ms ? at_ms : row->deadline_ms);
	return 0;
}

static int become(struct billing *b, struct gv_turn *t, Billing__OrderRow *row, const Rental__RentalRow *r)
{
	if (r->state == RENTAL__RENTAL_STATE__RENTAL_STATE_FAILED)
		return orders_void(b, t, row, *r->error ? r->error : NO_BANK);
	row->lent = gv_strdup(t, r->id);
	if (r->state != RENTAL__RENTAL_STATE__RENTAL_STATE_ACTIVE && !rents_is_over(r))
		return wait_on(b, t, row, FIND_EVERY_MS,
			       "the cabinet did not say in a day whether a power bank came out");
	orders_put(t, row);
	return rents_heard(b, t, r, "");
}

static int lend_answered(struct billing *b, struct gv_turn *t, Billing__OrderRow *row, const struct gv_answer *a)
{
	const Rental__LendReply *reply = a->reply;

	if (reply && reply->rental && *reply->rental->id)
		return become(b, t, row, reply->rental);
	/* Of an order that has a rental the answer is that rental: there is none. */
	if (orders_is_refusal(a->code))
		return orders_void(b, t, row, a->error);
	if (a->code == GV_UNAVAILABLE && !row->unsure && row->starts >= ORDERS_STARTS_MAX)
		return orders_void(b, t, row, a->error);
	if (a->code != GV_UNAVAILABLE)
		row->unsure = true;
	row->again = true;
	orders_put(t, row);
	arm(t, row, gv_now_ms(t) + ORDERS_AGAIN_MS);
	return 0;
}

/* Its rental among those of the cabinet; NULL: it is not there. */
static const Rental__RentalRow *among(const Rental__ListRentalsReply *list, const char *order)
{
	for (size_t i = 0; i < list->n_rentals; i++)
		if (!strcmp(list->rentals[i]->order, order))
			return list->rentals[i];
	return NULL;
}

static int find_answered(struct billing *b, struct gv_turn *t, Billing__OrderRow *row, const struct gv_answer *a)
{
	bool one = !strcmp(a->method, "galvan.rental.v1.Rental/GetRental");
	const Rental__GetRentalReply *got = one ? a->reply : NULL;
	const Rental__ListRentalsReply *list = one ? NULL : a->reply;
	const Rental__RentalRow *r = got ? got->rental : list ? among(list, row->order->id) : NULL;

	if (r && *r->id)
		return become(b, t, row, r);
	if (list && list->n_rentals < FIND_RENTALS && gv_now_ms(t) >= tell_until_ms(b, row) + SETTLED_MS)
		return orders_void(b, t, row, NO_BANK);
	return wait_on(b, t, row, list ? SETTLED_MS : FIND_EVERY_MS, "nobody could say whether a power bank came out");
}

int orders_lend_answered(struct billing *b, struct gv_turn *t, Billing__OrderRow *row, const struct gv_answer *a,
			 Billing__OrderStep step)
{
	return step == BILLING__ORDER_STEP__ORDER_STEP_LEND ? lend_answered(b, t, row, a) : find_answered(b, t, row, a);
}
