/* Before a driver pays, the plugin that drives the device promises it to the order: from then on no update can take it,
 * and whoever pays can start. Where it is being updated its driver is told when it is back instead of where to pay. A
 * plugin that knows no updates promises nothing, and none is needed. docs/adr/0025-updates.md */
#include "orders.h"

#include <lib/iso8601.h>

#define CLAIM_TIMEOUT_MS 10000
#define CLAIM_SPARE_MS 60000 /* beyond the time to pay and to start */
#define CLAIM_MOST_MS 86400000

int orders_claim(struct billing *b, struct gv_turn *t, Billing__OrderRow *row)
{
	Update__ClaimRequest request = UPDATE__CLAIM_REQUEST__INIT;
	int64_t needs_ms = 1000 * ((int64_t)b->config->hold->open_s + b->config->hold->start_s) + CLAIM_SPARE_MS;

	request.device = row->order->device;
	request.connector = row->order->connector;
	request.order = row->order->id;
	request.token = row->order->token;
	request.until_ms = gv_now_ms(t) + (needs_ms < CLAIM_MOST_MS ? needs_ms : CLAIM_MOST_MS);
	return orders_ask(t, row, "galvan.update.v1.Updates/Claim", &request, BILLING__ORDER_STEP__ORDER_STEP_CLAIM,
			  CLAIM_TIMEOUT_MS);
}

static int refuse(struct billing *b, struct gv_turn *t, Billing__OrderRow *row, int64_t back_ms)
{
	struct gv_ticket to = { row->ticket_call, row->ticket_caller };
	char back[25];
	const char *why;

	gv_time_format(back_ms, back);
	why = gv_str(t, "%s is being updated and expected back at %s: nothing was charged", row->order->device, back);
	row->ticket_call = row->ticket_caller = 0;
	if (to.call || to.caller)
		gv_refuse(t, to, GV_FAILED_PRECONDITION, "%s", why);
	return orders_void(b, t, row, why);
}

/* The order goes on, and Checkout is answered: at once, or when it is known where to pay. */
static int go_on(struct billing *b, struct gv_turn *t, const char *id)
{
	Billing__OrderRow *row = orders_take(t, id);

	if (orders_go(b, t, row))
		return -1;
	row = orders_take(t, id);
	if (row->order->state == BILLING__ORDER_STATE__ORDER_STATE_PAYING && !*row->order->url)
		return gv_timer(t, gv_str(t, "order:%s", id), gv_now_ms(t) + ORDERS_PAGE_MS, NULL);
	orders_answer(t, row);
	orders_put(t, row);
	return 0;
}

int orders_claim_answered(struct billing *b, struct gv_turn *t, Billing__OrderRow *row, const struct gv_answer *a)
{
	const Update__ClaimReply *reply = a->reply;

	row->asked = false;
	row->claimed = reply && reply->claimed;
	if (row->order->state != BILLING__ORDER_STATE__ORDER_STATE_CREATED) { /* it was stopped meanwhile */
		orders_unclaim(t, row);
		orders_put(t, row);
		return 0;
	}
	if (reply && !reply->claimed)
		return refuse(b, t, row, reply->back_at_ms);
	orders_put(t, row);
	return go_on(b, t, row->order->id);
}

void orders_unclaim(struct gv_turn *t, Billing__OrderRow *row)
{
	Update__UnclaimRequest request = UPDATE__UNCLAIM_REQUEST__INIT;
	Billing__OrderAsked note = BILLING__ORDER_ASKED__INIT;

	if (!row->claimed)
		return;
	row->claimed = false;
	request.device = row->order->device;
	request.order = row->order->id;
	note.order = row->order->id;
	note.step = BILLING__ORDER_STEP__ORDER_STEP_UNCLAIM;
	/* Where it cannot be asked, the claim ends at its time. */
	gv_call(t, &(struct gv_call){ .method = "galvan.update.v1.Updates/Unclaim",
				      .request = &request,
				      .timeout_ms = CLAIM_TIMEOUT_MS,
				      .note = &note });
}
