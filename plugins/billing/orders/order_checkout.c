/* Checkout, and what people ask of orders afterwards. */
#include "orders.h"
#include <plugins/billing/ledger/ledger.h>
#include <plugins/billing/payments/pay.h>
#include <plugins/billing/people/people_rows.h>
#include <plugins/billing/tariffs/places.h>
#include <plugins/billing/tariffs/tariffs.h>

#include <string.h>

#define PLAN_MS 1 /* the use whose price is what a start alone costs */

/* A checkout as it is being looked at. */
struct checkout {
	const Billing__CheckoutRequest *r;
	const char *id, *device, *provider;
	const Billing__PlaceRow *place;
	const Billing__Customer *customer;
	const Billing__Tariff *tariff;
	int64_t hold;
	enum gv_code code;
};

static bool plain(const char *text, size_t max)
{
	size_t n = strlen(text);

	for (size_t i = 0; i < n; i++)
		if ((unsigned char)text[i] <= ' ' || (unsigned char)text[i] >= 0x7f)
			return false;
	return n > 0 && n <= max;
}

/* ---- what speaks against it ------------------------------------------------------------------ */

static const char *request_problem(struct gv_turn *t, struct checkout *c)
{
	const Billing__CheckoutRequest *r = c->r;

	c->code = GV_INVALID_ARGUMENT;
	if (!plain(c->id, ORDERS_ID_MAX))
		return gv_str(t, "id must have 1 to %d visible ASCII characters and no blank", ORDERS_ID_MAX);
	if (!plain(r->device, 128) || !strchr(r->device, ':'))
		return "device must be a device's id, such as ocpp:CP001";
	if (r->limit < 0)
		return "limit must not be negative; 0 leaves it to the tariff";
	if (r->pay_by != BILLING__PAY_BY__PAY_BY_BALANCE && r->pay_by != BILLING__PAY_BY__PAY_BY_PROVIDER)
		return gv_str(t, "payBy: there is no way %d to pay", r->pay_by);
	if (r->pay_by == BILLING__PAY_BY__PAY_BY_BALANCE && !*r->customer)
		return "customer must be given to pay by balance; a guest pays by provider";
	return NULL;
}

static const char *person_problem(struct gv_turn *t, struct checkout *c)
{
	if (!*c->r->customer)
		return NULL;
	c->customer = people_customer(t, c->r->customer);
	c->code = GV_NOT_FOUND;
	if (!c->customer)
		return gv_str(t, "there is no customer \"%s\"", c->r->customer);
	c->code = GV_PERMISSION_DENIED;
	return c->customer->blocked ? gv_str(t, "customer %s is blocked", c->customer->id) : NULL;
}

static bool is_rental(const struct checkout *c)
{
	return c->tariff->terms_case == BILLING__TARIFF__TERMS_RENTAL;
}

/* Several people may wait at one cabinet, and its banks may be out for days; but of one slot comes one bank. */
static const char *cabinet_problem(struct gv_turn *t, const struct checkout *c)
{
	struct gv_scan scan = { .table = &orders_open, .prefix = gv_key(c->device) };
	unsigned waiting = 0, out = 0;

	while (gv_next(t, &scan)) {
		const Billing__OrderRow *row = gv_get(t, &orders_table,
						      gv_key(((const Billing__OrderRef *)scan.row)->order));

		if (!row || !strcmp(row->order->id, c->id))
			continue;
		if (row->order->state >= BILLING__ORDER_STATE__ORDER_STATE_STARTED) {
			out++;
			continue;
		}
		waiting++;
		if (c->r->connector && row->order->connector == c->r->connector)
			return gv_str(t, "slot %u of %s is taken by order %s: leave slot 0, or take another one",
				      c->r->connector, c->device, row->order->id);
	}
	if (waiting >= ORDERS_OPEN_MAX || out >= ORDERS_RENTED_MAX)
		return gv_str(t, "%s has %u open orders: wait until one is over", c->device, waiting + out);
	return NULL;
}

/* It may begin within a day where nobody sees it, or not at all: the device decides who comes first, and nobody else
 * has to wait for it. */
static bool is_granted(const Billing__OrderRow *row)
{
	return row->order->state == BILLING__ORDER_STATE__ORDER_STATE_STARTING && row->begins_until_ms;
}

/* Another order of the connector, or a session on it. */
static const char *connector_problem(struct gv_turn *t, const struct checkout *c)
{
	struct gv_scan scan = { .table = &orders_open, .prefix = gv_key(c->device) };
	const char *session;
	unsigned n = 0;

	for (; gv_next(t, &scan); n++) {
		const Billing__OrderRow *row = gv_get(t, &orders_table,
						      gv_key(((const Billing__OrderRef *)scan.row)->order));

		if (row && row->order->connector == c->r->connector && strcmp(row->order->id, c->id) != 0 &&
		    row->order->state <= BILLING__ORDER_STATE__ORDER_STATE_STARTED && !is_granted(row))
			return gv_str(t,
				      "connector %u of %s is taken by order %s: wait until it is over, or take another "
				      "connector",
				      c->r->connector, c->device, row->order->id);
	}
	if (n >= ORDERS_OPEN_MAX)
		return gv_str(t, "%s has %d open orders: wait until one is over", c->device, ORDERS_OPEN_MAX);
	if (uses_on(t, c->device, c->r->connector, &session))
		return gv_str(t, "session %s runs on connector %u of %s: stop it first, or take another connector",
			      session, c->r->connector, c->device);
	return NULL;
}

/* What begins costs already: a start fee, a minimum price, a first interval. */
static const char *least_problem(struct billing *b, struct gv_turn *t, const struct checkout *c)
{
	Billing__Segment segment = BILLING__SEGMENT__INIT, *segments = &segment;
	Billing__PricedUse use = BILLING__PRICED_USE__INIT;
	const Billing__Price *price;
	const char *problem;

	use.start_ms = gv_now_ms(t);
	segment.end_ms = use.start_ms + PLAN_MS + (is_rental(c) ? 1000 * c->tariff->rental->free_s : 0);
	use.segments = &segments;
	use.n_segments = 1;
	use.zone = c->place ? c->place->zone : (char *)protobuf_c_empty_string;
	price = tariffs_price(b, t, c->tariff, &use, &problem);
	if (!price)
		return problem;
	return price->incl > c->hold
		       ? gv_str(t,
				"to begin costs %lld minor units of %s by tariff %s, and only %lld can be held: top up "
				"first",
				(long long)price->incl, b->config->currency, c->tariff->id, (long long)c->hold)
		       : NULL;
}

static const char *tariff_problem(struct billing *b, struct gv_turn *t, struct checkout *c)
{
	const char *groups[TARIFFS_GROUPS_MAX];
	size_t n = tariffs_groups(c->customer, NULL, groups);

	c->tariff = tariffs_for(t, c->device, c->r->connector, c->place ? c->place->site : "", groups, n, gv_now_ms(t));
	if (!c->tariff)
		return gv_str(t, "no tariff is assigned to connector %u of %s: AssignTariff does that", c->r->connector,
			      c->device);
	if (strcmp(tariffs_currency(t, c->tariff), b->config->currency) != 0)
		return gv_str(t, "tariff %s is in another currency than this node, which has %s", c->tariff->id,
			      b->config->currency);
	if (is_rental(c))
		return cabinet_problem(t, c);
	if (!c->r->connector) {
		c->code = GV_INVALID_ARGUMENT;
		return "connector must be given: 1 is the first";
	}
	return connector_problem(t, c);
}

/* Deposits and packages are held whole or not at all. */
static const char *whole_problem(struct billing *b, struct gv_turn *t, const struct checkout *c, int64_t can)
{
	return tariffs_hold_is_whole(c->tariff) && can < c->hold
		       ? gv_str(t, "tariff %s needs %lld minor units of %s held, and only %lld can be: top up first",
				c->tariff->id, (long long)c->hold, b->config->currency, (long long)can)
		       : NULL;
}

static const char *money_problem(struct billing *b, struct gv_turn *t, struct checkout *c)
{
	const char *problem;
	int64_t available;

	c->hold = tariffs_hold(b, c->tariff, false);
	if (c->r->limit && c->r->limit < c->hold) {
		if (tariffs_hold_is_whole(c->tariff)) {
			c->code = GV_INVALID_ARGUMENT;
			return gv_str(t, "limit: tariff %s needs %lld minor units held; leave the limit 0",
				      c->tariff->id, (long long)c->hold);
		}
		c->hold = c->r->limit;
	}
	if (c->r->pay_by == BILLING__PAY_BY__PAY_BY_PROVIDER)
		return least_problem(b, t, c);
	available = ledger_available(t, gv_str(t, "wallet:%s", c->r->customer), b->config->currency);
	if (available <= 0)
		return gv_str(t, "customer %s has nothing left to hold: top up first, or pay by provider",
			      c->r->customer);
	problem = whole_problem(b, t, c, available);
	if (problem)
		return problem;
	c->hold = available < c->hold ? available : c->hold;
	return least_problem(b, t, c);
}

static const char *provider_problem(struct billing *b, struct gv_turn *t, struct checkout *c)
{
	struct pay_request request = { .id = gv_str(t, ORDERS_PAYMENT "%s", c->id),
				       .provider = c->provider,
				       .kind = BILLING__PAYMENT_KIND__PAYMENT_KIND_HOLD,
				       .amount = c->hold,
				       .currency = b->config->currency,
				       .return_url = c->r->return_url };

	c->code = GV_INVALID_ARGUMENT;
	return c->r->pay_by == BILLING__PAY_BY__PAY_BY_PROVIDER ? pay_problem(b, t, &request) : NULL;
}

/* ---- Checkout -------------------------------------------------------------------------------- */

static bool same(const Billing__OrderRow *row, const struct checkout *c)
{
	const Billing__Order *o = row->order;

	return !strcmp(o->device, c->device) && o->connector == c->r->connector &&
	       !strcmp(o->customer, c->r->customer) && o->pay_by == c->r->pay_by && row->limit == c->r->limit &&
	       !strcmp(row->provider, c->r->pay_by == BILLING__PAY_BY__PAY_BY_PROVIDER ? c->provider : "");
}

static int answer(struct gv_turn *t, struct gv_ticket to, Billing__OrderRow *row)
{
	Billing__CheckoutReply reply = BILLING__CHECKOUT_REPLY__INIT;

	reply.order = row->order;
	return gv_reply(t, to, &reply);
}

static int make(struct billing *b, struct gv_turn *t, struct gv_ticket to, const struct checkout *c)
{
	Billing__OrderRow *row = gv_alloc(t, sizeof *row);
	Billing__Order *o = gv_alloc(t, sizeof *o);
	char token[21];

	billing__order_row__init(row);
	billing__order__init(o);
	row->order = o;
	people_guest_token(b, t, c->r->customer, token);
	o->id = gv_strdup(t, c->id);
	o->device = gv_strdup(t, c->device);
	o->connector = c->r->connector;
	o->customer = gv_strdup(t, c->r->customer);
	o->token = gv_strdup(t, token);
	o->tariff = c->tariff->id;
	o->tariff_hash = tariffs_hash_text(t, c->tariff);
	o->held = c->hold;
	o->currency = b->config->currency;
	o->pay_by = c->r->pay_by;
	o->created_at_ms = gv_now_ms(t);
	row->limit = c->r->limit;
	row->provider = gv_strdup(t, o->pay_by == BILLING__PAY_BY__PAY_BY_PROVIDER ? c->provider : "");
	row->terms = (Billing__Tariff *)c->tariff;
	row->site = c->place ? c->place->site : o->error;
	row->zone = c->place ? c->place->zone : o->error;
	row->rental = is_rental(c);
	row->return_url = gv_strdup(t, c->r->return_url);
	row->ticket_call = to.call;
	row->ticket_caller = to.caller;
	orders_to(t, row, BILLING__ORDER_STATE__ORDER_STATE_CREATED);
	return orders_claim(b, t, row);
}

int orders_checkout(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *request)
{
	const Billing__CheckoutRequest *r = (const Billing__CheckoutRequest *)request;
	struct checkout c = { .r = r, .device = r->device, .provider = *r->provider ? r->provider : "stripe" };
	struct billing *b = self;
	Billing__OrderRow *row;
	const char *problem;

	c.id = *r->id ? r->id : people_random_id(t, "O-", 16);
	problem = request_problem(t, &c);
	if (problem)
		return gv_refuse(t, to, c.code, "%s", problem);
	c.place = places_find(t, r->device);
	if (c.place)
		c.device = c.place->device;
	row = orders_take(t, c.id);
	if (row)
		return same(row, &c) ? answer(t, to, row)
				     : gv_refuse(t, to, GV_ALREADY_EXISTS,
						 "id: %s is another order; take an id of its own for each", c.id);
	problem = person_problem(t, &c);
	if (!problem) {
		c.code = GV_FAILED_PRECONDITION;
		problem = tariff_problem(b, t, &c);
	}
	if (!problem)
		problem = money_problem(b, t, &c);
	if (!problem)
		problem = provider_problem(b, t, &c);
	if (problem)
		return gv_refuse(t, to, c.code, "%s", problem);
	return make(b, t, to, &c);
}

/* ---- GetOrder, ListOrders, StopOrder --------------------------------------------------------- */

void orders_show(struct billing *b, struct gv_turn *t, Billing__OrderRow *row)
{
	if (row->rental)
		rents_show(b, t, row->order);
	else
		live_show(b, t, row->order);
}

int orders_get(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *request)
{
	const char *id = ((const Billing__GetOrderRequest *)request)->id;
	Billing__GetOrderReply reply = BILLING__GET_ORDER_REPLY__INIT;
	Billing__OrderRow *row = orders_take(t, id);

	if (!row)
		return gv_refuse(t, to, GV_NOT_FOUND, "there is no order \"%.64s\"", id);
	orders_show(self, t, row);
	reply.order = row->order;
	return gv_reply(t, to, &reply);
}

static void list_one(struct billing *b, struct gv_turn *t, const Billing__ListOrdersRequest *r, const char *id,
		     Billing__ListOrdersReply *reply)
{
	Billing__OrderRow *row = orders_take(t, id);

	if (!row || (r->open && orders_is_over(row)) ||
	    (*r->customer && strcmp(row->order->customer, r->customer) != 0))
		return;
	orders_show(b, t, row);
	*GV_APPEND(t, reply->orders, reply->n_orders) = row->order;
}

int orders_list(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *request)
{
	const Billing__ListOrdersRequest *r = (const Billing__ListOrdersRequest *)request;
	const Billing__PlaceRow *place = *r->device ? places_find(t, r->device) : NULL;
	Billing__ListOrdersReply reply = BILLING__LIST_ORDERS_REPLY__INIT;
	struct gv_scan scan = { .table = &orders_times, .prefix = gv_key(""), .reverse = true };
	uint32_t limit = billing_limit(r->limit), seen = 0;
	bool more = true;

	if (*r->device)
		scan.prefix = gv_key(gv_str(t, "d:%s", place ? place->device : r->device));
	else if (*r->customer)
		scan.prefix = gv_key(gv_str(t, "c:%s", r->customer));
	else if (r->open)
		scan = (struct gv_scan){ .table = &orders_open };
	if (gv_page_from(t, &scan, r->page) < 0)
		return gv_refuse(t, to, GV_INVALID_ARGUMENT, "page: \"%s\" is not the nextPage of an answer", r->page);
	while (reply.n_orders < limit && seen++ < PEOPLE_SCAN_MAX && (more = gv_next(t, &scan)))
		list_one(self, t, r,
			 scan.table == &orders_open ? ((const Billing__OrderRef *)scan.row)->order : scan.key.part[2].s,
			 &reply);
	if (more)
		reply.next_page = gv_page(t, &scan);
	return gv_reply(t, to, &reply);
}

/* Before the device was told, the order just ends. While it is not known whether it starts, its hold must stay. */
static int stop_order(struct billing *b, struct gv_turn *t, Billing__OrderRow *row)
{
	Billing__UseRow *use;

	switch (row->order->state) {
	case BILLING__ORDER_STATE__ORDER_STATE_CREATED:
	case BILLING__ORDER_STATE__ORDER_STATE_PAYING:
	case BILLING__ORDER_STATE__ORDER_STATE_PAID:
		return orders_void(b, t, row, "stopped before it began");
	case BILLING__ORDER_STATE__ORDER_STATE_STARTING:
		row->stop = true;
		if (row->begins_until_ms && !row->asked)
			return orders_cancel(b, t, row);
		orders_put(t, row);
		return 0;
	case BILLING__ORDER_STATE__ORDER_STATE_STARTED:
		use = uses_take(t, row->order->device, row->order->session);
		return use ? uses_stop(b, t, use, "") : 0;
	default:
		return 0;
	}
}

int orders_stop(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *request)
{
	const char *id = ((const Billing__StopOrderRequest *)request)->id;
	Billing__StopOrderReply reply = BILLING__STOP_ORDER_REPLY__INIT;
	Billing__OrderRow *row = orders_take(t, id);

	if (!row)
		return gv_refuse(t, to, GV_NOT_FOUND, "there is no order \"%.64s\"", id);
	if (row->rental && row->order->state >= BILLING__ORDER_STATE__ORDER_STATE_STARTING &&
	    row->order->state <= BILLING__ORDER_STATE__ORDER_STATE_STARTED)
		return gv_refuse(t, to, GV_FAILED_PRECONDITION,
				 "order %s rents a power bank: bring it back to a cabinet, and the rental ends", id);
	if (stop_order(self, t, row))
		return -1;
	reply.order = orders_take(t, id)->order;
	return gv_reply(t, to, &reply);
}
