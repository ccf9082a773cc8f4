/* What Verify asks of orders and charges: that they and the ledger tell the same story. Numbered as the invariants of
 * docs/adr/0011-orders.md. */
#include "charges.h"
#include <plugins/billing/ledger/ledger_rows.h>
#include <plugins/billing/tariffs/tariffs.h>

#include <stdio.h>
#include <string.h>

#define CHARGES_A_PART 1000            /* each is priced anew */
#define CHARGED_WITHIN_MS (10 * 60000) /* behind the policy's own patience */

/* Where a part has come to. False: at the end. */
static bool leave(struct gv_turn *t, const struct gv_scan *scan, bool more, char place[LEDGER_PLACE_MAX])
{
	snprintf(place, LEDGER_PLACE_MAX, "%s", more ? gv_page(t, scan) : "");
	return more;
}

static bool go_on(struct gv_turn *t, struct gv_scan *scan, const char *place)
{
	return !*place || gv_page_from(t, scan, place) == 0;
}

/* ---- charges --------------------------------------------------------------------------------- */

/* What a transfer of the charge has moved; 0 where there is none. */
static int64_t moved(struct gv_turn *t, const Billing__Charge *c, const char *name)
{
	const Billing__TransferRow *x = gv_get(t, &ledger_transfers, gv_key(gv_str(t, "%s:%s", c->id, name)));
	const Billing__EntryRow *line = x && x->entry ? ledger_entry(t, x->entry) : NULL;

	return line ? line->amount : 0;
}

static int64_t size_of(int64_t amount)
{
	return amount < 0 ? -amount : amount;
}

/* I5: what was paid and what is owed are the charge, in its row and in the ledger. */
static void check_paid(struct gv_turn *t, struct ledger_audit *a, const Billing__ChargeRow *row)
{
	const Billing__Charge *c = row->charge;
	int64_t paid = moved(t, c, "paid") + moved(t, c, "more"), owed = moved(t, c, "owed");

	if (!row->booked) {
		if (paid || owed)
			ledger_problem(a, "charge %s is nobody's to pay, and %lld were booked", c->id,
				       (long long)(paid + owed));
		return;
	}
	if (row->paid + c->receivable != c->price->incl)
		ledger_problem(a, "charge %s is %lld, of which %lld are paid and %lld owed", c->id,
			       (long long)c->price->incl, (long long)row->paid, (long long)c->receivable);
	if (paid != size_of(row->paid) || owed != size_of(c->receivable))
		ledger_problem(a, "charge %s has %lld paid and %lld owed, the ledger %lld and %lld", c->id,
			       (long long)row->paid, (long long)c->receivable, (long long)paid, (long long)owed);
}

/* I10: each tax line has its transfer, and they are what lies between the two prices. */
static void check_taxes(struct gv_turn *t, struct ledger_audit *a, const Billing__ChargeRow *row)
{
	const Billing__Price *p = row->charge->price;
	int64_t sum = 0;

	for (size_t i = 0; i < p->n_taxes; i++) {
		int64_t booked = row->booked ? moved(t, row->charge, gv_str(t, "vat%zu", i))
					     : size_of(p->taxes[i]->tax);

		sum += p->taxes[i]->tax;
		if (booked != size_of(p->taxes[i]->tax))
			ledger_problem(a, "charge %s has a tax line of %lld, booked are %lld", row->charge->id,
				       (long long)p->taxes[i]->tax, (long long)booked);
	}
	if (sum != p->incl - p->excl)
		ledger_problem(a, "charge %s has taxes of %lld, and its prices differ by %lld", row->charge->id,
			       (long long)sum, (long long)(p->incl - p->excl));
}

/* The price comes out again from what it was computed from. */
static void check_price(struct billing *b, struct gv_turn *t, struct ledger_audit *a, const Billing__ChargeRow *row)
{
	const Billing__Charge *c = row->charge;
	const char *problem = "";
	const Billing__Price *price;

	if (*c->credit_of || !c->tariff || !row->priced || c->use != BILLING__TOKEN_USE_OF_CHARGE__CHARGE_USE_PAID ||
	    orders_has_flag(c->flags, c->n_flags, "unpriced"))
		return;
	price = tariffs_price(b, t, c->tariff, row->priced, &problem);
	if (!price || price->incl != c->price->incl || price->excl != c->price->excl)
		ledger_problem(a, "charge %s is %lld, and priced again %lld %s", c->id, (long long)c->price->incl,
			       price ? (long long)price->incl : 0, problem);
}

static bool check_charges(struct billing *b, struct gv_turn *t, struct ledger_audit *a, char place[LEDGER_PLACE_MAX])
{
	struct gv_scan scan = { .table = &charges_table };
	uint8_t hash[32];
	bool more = true;

	if (!go_on(t, &scan, place))
		return false;
	for (unsigned n = 0; n < CHARGES_A_PART && (more = gv_next(t, &scan)); n++) {
		const Billing__ChargeRow *row = scan.row;

		charges_hash(t, row->charge, hash);
		if (row->charge->hash.len != sizeof hash || memcmp(row->charge->hash.data, hash, sizeof hash) != 0)
			ledger_problem(a, "charge %s was changed: its hash is another", row->charge->id);
		check_paid(t, a, row);
		check_taxes(t, a, row);
		check_price(b, t, a, row);
	}
	return leave(t, &scan, more, place);
}

/* ---- orders ---------------------------------------------------------------------------------- */

/* I7: whoever was told to start had money held before. I3: an order that is over holds none. I8: what has begun will be
 * charged. */
static void check_order(struct gv_turn *t, struct ledger_audit *a, const Billing__OrderRow *row)
{
	const char *hold = orders_hold(t, row);
	const Billing__TransferRow *x = gv_get(t, &ledger_transfers, gv_key(hold));

	if (row->starts && (!x || !x->entry))
		ledger_problem(a, "order %s was started, and nothing was held for it", row->order->id);
	if (orders_is_over(row) && x && x->entry && x->state == BILLING__PENDING_STATE__PENDING_STATE_HELD)
		ledger_problem(a, "order %s is over, and %s is still held", row->order->id, hold);
	if (row->order->state == BILLING__ORDER_STATE__ORDER_STATE_CLOSED && !charges_row(t, row->order->charge))
		ledger_problem(a, "order %s is closed, and has no charge", row->order->id);
	if (row->order->state == BILLING__ORDER_STATE__ORDER_STATE_STARTED &&
	    !uses_take(t, row->order->device, row->order->session))
		ledger_problem(a, "order %s has begun, and nobody waits for the end of %s", row->order->id,
			       row->order->session);
}

static bool check_orders(struct billing *b, struct gv_turn *t, struct ledger_audit *a, char place[LEDGER_PLACE_MAX])
{
	struct gv_scan scan = { .table = &orders_table };
	bool more = true;

	if (!go_on(t, &scan, place))
		return false;
	for (unsigned n = 0; n < LEDGER_CHECK_ROWS && (more = gv_next(t, &scan)); n++)
		check_order(t, a, scan.row);
	return leave(t, &scan, more, place);
}

/* I8: no session has ended long ago without its charge. */
static bool check_uses(struct billing *b, struct gv_turn *t, struct ledger_audit *a, char place[LEDGER_PLACE_MAX])
{
	int64_t patience_ms = 1000 * (int64_t)b->config->hold->no_stop_s + CHARGED_WITHIN_MS;
	struct gv_scan scan = { .table = &uses_table };
	bool more = true;

	if (!go_on(t, &scan, place))
		return false;
	for (unsigned n = 0; n < LEDGER_CHECK_ROWS && (more = gv_next(t, &scan)); n++) {
		const Billing__UseRow *row = scan.row;

		if (row->end && gv_now_ms(t) - row->ended_heard_ms > patience_ms)
			ledger_problem(a, "session %s has ended %lld s ago, and has no charge", row->session,
				       (long long)(gv_now_ms(t) - row->ended_heard_ms) / 1000);
	}
	return leave(t, &scan, more, place);
}

int charges_start(struct billing *b)
{
	static const struct ledger_check checks[] = {
		{ "I5, I10", check_charges },
		{ "I3, I7", check_orders },
		{ "I8", check_uses },
	};

	for (size_t i = 0; i < sizeof checks / sizeof *checks; i++)
		if (ledger_add_check(b, &checks[i]))
			return -1;
	return 0;
}
