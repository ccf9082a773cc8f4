/* Starting the device for an order that is paid. The token is the order's alone, so a session that has it is the
 * order's, however often the device was told and whatever became of the answers. Where an answer does not say whether
 * the device has acted, it is asked what runs before it is told again. */
#include "orders.h"
#include <plugins/billing/people/people_rows.h>
#include <plugins/billing/tariffs/tariffs.h>

#include <errno.h>
#include <string.h>

#define LOOK_SESSIONS 50 /* the newest of the device */
#define LOOK_TIMEOUT_MS 30000
#define START_TIMEOUT_MIN_MS 1000
#define ENERGY_MOST_WH 1000000 /* no start is granted more */
#define UWH_PER_WH 1000000

static void arm(struct gv_turn *t, const Billing__OrderRow *row, int64_t at_ms)
{
	gv_timer(t, gv_str(t, "order:%s", row->order->id), at_ms, NULL);
}

int orders_ask(struct gv_turn *t, Billing__OrderRow *row, const char *method, const void *request,
	       Billing__OrderStep step, int64_t timeout_ms)
{
	Billing__OrderAsked note = BILLING__ORDER_ASKED__INIT;
	int r;

	note.order = row->order->id;
	note.step = step;
	r = gv_call(t,
		    &(struct gv_call){ .method = method, .request = request, .timeout_ms = timeout_ms, .note = &note });
	row->asked = r == 0;
	if (r == -ENOSPC) {
		arm(t, row, gv_now_ms(t) + ORDERS_AGAIN_MS);
		r = 0;
	}
	orders_put(t, row);
	return r;
}

/* ---- what is granted with a start ------------------------------------------------------------ */

/* What so much energy costs at once; INT64_MAX where it cannot be priced. */
static int64_t costs(struct billing *b, struct gv_turn *t, const Billing__OrderRow *row, int64_t energy_wh)
{
	Billing__Segment segment = BILLING__SEGMENT__INIT, *segments = &segment;
	Billing__PricedUse use = BILLING__PRICED_USE__INIT;
	const Billing__Price *price;
	const char *problem;

	use.start_ms = gv_now_ms(t);
	segment.end_ms = use.start_ms + 1;
	segment.energy_uwh = energy_wh * UWH_PER_WH;
	use.segments = &segments;
	use.n_segments = 1;
	use.zone = row->zone;
	price = tariffs_price(b, t, row->terms, &use, &problem);
	return price ? price->incl : INT64_MAX;
}

/* The most energy that what is held pays for, by the tariff as it is now; 0: it sets no such limit. A device that
 * nobody may reach stops there by itself. */
static int64_t most_wh(struct billing *b, struct gv_turn *t, const Billing__OrderRow *row)
{
	const Billing__Tariff *terms = row->terms;
	int64_t fits = 0, too_much = ENERGY_MOST_WH;

	if (terms && terms->terms_case == BILLING__TARIFF__TERMS_PACKAGE)
		return terms->package->unit == BILLING__PACKAGE_UNIT__PACKAGE_UNIT_ENERGY ? terms->package->amount : 0;
	if (!terms || terms->terms_case != BILLING__TARIFF__TERMS_OCPI ||
	    costs(b, t, row, ENERGY_MOST_WH) <= row->order->held)
		return 0;
	while (too_much - fits > 1) {
		int64_t middle = fits + (too_much - fits) / 2;

		if (costs(b, t, row, middle) <= row->order->held)
			fits = middle;
		else
			too_much = middle;
	}
	return fits;
}

/* ---- the start ------------------------------------------------------------------------------- */

int orders_start(struct billing *b, struct gv_turn *t, Billing__OrderRow *row)
{
	Charging__StartRequest request = CHARGING__START_REQUEST__INIT;
	int64_t left_ms = row->deadline_ms - gv_now_ms(t);
	uint8_t hash[TARIFFS_HASH_SIZE];
	int r;

	row->again = false;
	request.device = row->order->device;
	request.connector = row->order->connector;
	request.token = row->order->token;
	request.max_amount = row->order->held;
	request.currency = row->order->currency;
	request.max_energy_wh = most_wh(b, t, row);
	if (row->terms) {
		tariffs_hash(t, row->terms, hash);
		request.tariff = (ProtobufCBinaryData){ sizeof hash, hash };
	}
	r = orders_ask(t, row, "galvan.charging.v1.Charging/Start", &request, BILLING__ORDER_STEP__ORDER_STEP_START,
		       left_ms < START_TIMEOUT_MIN_MS ? START_TIMEOUT_MIN_MS : left_ms);
	if (r == 0 && row->asked) {
		row->starts++;
		orders_put(t, row);
	}
	return r;
}

int orders_cancel(struct billing *b, struct gv_turn *t, Billing__OrderRow *row)
{
	Charging__StopRequest request = CHARGING__STOP_REQUEST__INIT;

	request.device = row->order->device;
	request.request_id = row->request_id;
	return orders_ask(t, row, "galvan.charging.v1.Charging/Stop", &request, BILLING__ORDER_STEP__ORDER_STEP_CANCEL,
			  LOOK_TIMEOUT_MS);
}

int orders_look(struct billing *b, struct gv_turn *t, Billing__OrderRow *row)
{
	Charging__ListSessionsRequest request = CHARGING__LIST_SESSIONS_REQUEST__INIT;

	request.device = row->order->device;
	request.limit = LOOK_SESSIONS;
	return orders_ask(t, row, "galvan.charging.v1.Charging/ListSessions", &request,
			  BILLING__ORDER_STEP__ORDER_STEP_LOOK, LOOK_TIMEOUT_MS);
}

bool orders_is_refusal(unsigned code)
{
	switch (code) {
	case GV_INVALID_ARGUMENT:
	case GV_NOT_FOUND:
	case GV_ALREADY_EXISTS:
	case GV_PERMISSION_DENIED:
	case GV_RESOURCE_EXHAUSTED:
	case GV_FAILED_PRECONDITION:
	case GV_ABORTED:
	case GV_OUT_OF_RANGE:
	case GV_UNIMPLEMENTED:
	case GV_UNAUTHENTICATED:
		return true;
	default:
		return false;
	}
}

/* The device, or the plugin that drives it, has said that it does not start. */
static bool is_refusal(const struct gv_answer *a)
{
	if (a->code == GV_OK)
		return strcmp(((const Charging__StartReply *)a->reply)->status, "Accepted") != 0;
	return orders_is_refusal(a->code);
}

/* It was not told: it may be on its way back. */
static int unreachable(struct billing *b, struct gv_turn *t, Billing__OrderRow *row, const char *why)
{
	if (row->starts >= ORDERS_STARTS_MAX)
		return row->unsure ? orders_look(b, t, row) : orders_void(b, t, row, why);
	row->again = true;
	orders_put(t, row);
	arm(t, row, gv_now_ms(t) + ORDERS_AGAIN_MS);
	return 0;
}

static int start_answered(struct billing *b, struct gv_turn *t, Billing__OrderRow *row, const struct gv_answer *a)
{
	if (a->code == GV_UNAVAILABLE)
		return unreachable(b, t, row, a->error);
	if (is_refusal(a)) {
		if (!row->unsure)
			return orders_void(b, t, row,
					   a->code == GV_OK ? gv_str(t, "%s refused to start", row->order->device)
							    : a->error);
		return orders_look(b, t, row);
	}
	if (a->code != GV_OK) {
		row->unsure = true;
		return orders_look(b, t, row);
	}
	row->begins_until_ms = ((const Charging__StartReply *)a->reply)->begins_until_ms;
	row->request_id = ((const Charging__StartReply *)a->reply)->request_id;
	if (row->begins_until_ms > row->deadline_ms)
		row->deadline_ms = row->begins_until_ms;
	orders_put(t, row);
	arm(t, row, row->deadline_ms); /* by then its session must have begun */
	return 0;
}

int orders_start_abandoned(void *self, struct gv_turn *t, const ProtobufCMessage *event, const struct gv_emitter *from)
{
	const Charging__StartAbandoned *e = (const Charging__StartAbandoned *)event;
	Billing__OrderRow *row = orders_by_token(t, e->token);

	if (!row || row->order->state != BILLING__ORDER_STATE__ORDER_STATE_STARTING ||
	    strcmp(row->order->device, e->device) != 0)
		return 0;
	return orders_void(self, t, row, *e->reason ? e->reason : gv_str(t, "%s did not start", e->device));
}

static int look_answered(struct billing *b, struct gv_turn *t, Billing__OrderRow *row, const struct gv_answer *a)
{
	const Charging__ListSessionsReply *reply = a->reply;
	bool late = gv_now_ms(t) >= row->deadline_ms;

	for (size_t i = 0; reply && i < reply->n_sessions; i++) {
		const Charging__Session *s = reply->sessions[i];

		if (strcmp(people_fold(t, s->token), people_fold(t, row->order->token)) != 0)
			continue;
		orders_put(t, row);
		return uses_begin(b, t, row->order->device, s, "");
	}
	/* It may have begun where nobody saw it: the money stays until the device's plugin says that it did not. */
	if (late && row->begins_until_ms) {
		orders_put(t, row);
		arm(t, row, gv_now_ms(t) + ORDERS_GRANTED_MS);
		return 0;
	}
	/* Without an answer nothing is known: twice the time, and then it is taken as not started. */
	if (late && (reply || gv_now_ms(t) >= row->deadline_ms + 1000 * (int64_t)b->config->hold->start_s))
		return orders_void(b, t, row, gv_str(t, "%s did not start in time", row->order->device));
	if (reply && !late && row->unsure && row->starts < ORDERS_STARTS_MAX) {
		row->unsure = true;
		return orders_start(b, t, row);
	}
	orders_put(t, row);
	arm(t, row, reply && !late ? row->deadline_ms : gv_now_ms(t) + ORDERS_AGAIN_MS);
	return 0;
}

int orders_answered(struct billing *b, struct gv_turn *t, const struct gv_answer *a)
{
	const Billing__OrderAsked *note = a->note;
	Billing__OrderRow *row = orders_take(t, note->order);

	if (row && note->step == BILLING__ORDER_STEP__ORDER_STEP_CLAIM)
		return orders_claim_answered(b, t, row, a);
	if (!row || row->order->state != BILLING__ORDER_STATE__ORDER_STATE_STARTING ||
	    note->step == BILLING__ORDER_STEP__ORDER_STEP_UNCLAIM)
		return 0; /* its session has come meanwhile */
	row->asked = false;
	if (row->rental)
		return orders_lend_answered(b, t, row, a, note->step);
	if (note->step == BILLING__ORDER_STEP__ORDER_STEP_CANCEL) { /* StartAbandoned says so, or it may still begin */
		orders_put(t, row);
		arm(t, row, row->deadline_ms);
		return 0;
	}
	return note->step == BILLING__ORDER_STEP__ORDER_STEP_START ? start_answered(b, t, row, a)
								   : look_answered(b, t, row, a);
}
