/* Whose a session is, and what pays for it: an order's hold, a card's purse, or nobody. */
#include <plugins/billing/charges/charges.h>
#include <plugins/billing/ledger/ledger.h>
#include <plugins/billing/people/people_rows.h>
#include <plugins/billing/tariffs/places.h>
#include <plugins/billing/tariffs/tariffs.h>

#include <string.h>

static void flag(struct gv_turn *t, Billing__UseRow *row, const char *name)
{
	orders_add_flag(t, &row->flags, &row->n_flags, name);
}

static char *receivable_flag(struct gv_turn *t, Billing__UseRow *row, bool known)
{
	row->unpaid = !known;
	return known ? "" : gv_strdup(t, "unpaid");
}

/* Holds what the card's account has, up to the config's amount. False: it has nothing. */
static bool hold_card(struct billing *b, struct gv_turn *t, Billing__UseRow *row, const char *id)
{
	int64_t available = ledger_available(t, row->account, b->config->currency);
	int64_t most = b->config->hold->card_amount;
	Billing__Transfer x = BILLING__TRANSFER__INIT;
	const Billing__Transfer *chain = &x;
	struct ledger_error error;

	if (available <= 0)
		return false;
	x.id = gv_str(t, "%s:hold", id);
	x.kind = BILLING__TRANSFER_KIND__TRANSFER_KIND_PENDING;
	x.debit = row->account;
	x.credit = (char *)"suspense";
	x.amount = available < most ? available : most;
	x.currency = b->config->currency;
	x.order = (char *)id;
	x.reason = (char *)"hold";
	if (ledger_book(b, t, &chain, 1, &error) == LEDGER_REFUSED) {
		gv_log(t, GV_WARN, "the card's money could not be held: %s session=%s", error.text, row->session);
		return false;
	}
	row->hold = x.id;
	row->held = x.amount;
	return true;
}

bool uses_whose_card(struct billing *b, struct gv_turn *t, Billing__UseRow *row, bool ended)
{
	const Billing__Token *token = people_token(t, row->token);
	const Billing__Customer *customer;
	const char *groups[TARIFFS_GROUPS_MAX], *account;
	size_t n;

	if (token && token->use == BILLING__TOKEN_USE__TOKEN_USE_PRIVATE)
		row->use = BILLING__TOKEN_USE_OF_CHARGE__CHARGE_USE_PRIVATE;
	if (token)
		row->customer = token->customer;
	customer = token && *token->customer ? people_customer(t, token->customer) : NULL;
	n = tariffs_groups(customer, token, groups);
	row->tariff = (Billing__Tariff *)tariffs_for(t, row->device, row->connector, row->site, groups, n,
						     row->started_at_ms);
	if (row->use == BILLING__TOKEN_USE_OF_CHARGE__CHARGE_USE_PRIVATE)
		return true;
	if (row->tariff && row->tariff->terms_case != BILLING__TARIFF__TERMS_OCPI) {
		row->tariff = NULL;
		flag(t, row, "not-for-cards");
		row->unpaid = true;
		return false;
	}
	account = token ? people_account(t, token) : NULL;
	flag(t, row, receivable_flag(t, row, account != NULL));
	if (!account || !row->tariff || ended) {
		row->account = gv_strdup(t, account ? account : "");
		return true;
	}
	row->account = gv_strdup(t, account);
	if (hold_card(b, t, row, charges_purpose(t, row->session)))
		return true;
	flag(t, row, "no-funds");
	return false;
}

void uses_take_over(struct gv_turn *t, Billing__UseRow *row, Billing__OrderRow *order)
{
	Billing__Order *o = order->order;

	row->account = order->account;
	row->hold = (char *)orders_hold(t, order);
	row->held = o->held;
	row->tariff = order->terms;
	row->site = order->site;
	row->zone = order->zone;
	o->session = row->session;
	if (!order->rental)
		order->terms = NULL;
	gv_timer_cancel(t, gv_str(t, "order:%s", o->id));
	orders_to(t, order, BILLING__ORDER_STATE__ORDER_STATE_STARTED);
}

bool uses_whose_order(struct gv_turn *t, Billing__UseRow *row, Billing__OrderRow *order)
{
	Billing__Order *o = order->order;
	bool in_time = o->state == BILLING__ORDER_STATE__ORDER_STATE_STARTING && !*o->session;

	row->order = o->id;
	row->customer = o->customer;
	if (!in_time) {
		const Billing__PlaceRow *place = places_find(t, row->device);
		const Billing__Customer *customer = *o->customer ? people_customer(t, o->customer) : NULL;
		const char *groups[TARIFFS_GROUPS_MAX];
		size_t n = tariffs_groups(customer, NULL, groups);

		row->tariff = (Billing__Tariff *)tariffs_for(t, row->device, row->connector, place ? place->site : "",
							     groups, n, row->started_at_ms);
		if (row->tariff && row->tariff->terms_case != BILLING__TARIFF__TERMS_OCPI)
			row->tariff = NULL; /* a package that was paid back is not sold a second time */
		flag(t, row, "late-start");
		orders_flag(t, order, "late-start");
		orders_put(t, order);
		orders_tell(t, order);
		return false;
	}
	uses_take_over(t, row, order);
	return !order->stop;
}
