/* Charges as they are kept: numbered without gaps, hashed, found by whose they are, taken back only by another one. */
#include "charges.h"
#include <plugins/billing/people/people_rows.h>
#include <plugins/billing/tariffs/places.h>

#include <lib/hex.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define ID_PREFIX "CDR-"
#define PURPOSE_MAX 64 /* bytes of a session's id that the ledger's ids have room for */

const struct gv_table charges_table = {
	.name = "charges", .key = "s", .value = &billing__charge_row__descriptor, .append = true
};
const struct gv_table charges_sessions = { .name = "charge_sessions",
					   .key = "s",
					   .value = &billing__charge_ref__descriptor };
const struct gv_table charges_credits = { .name = "charge_credits",
					  .key = "s",
					  .value = &billing__charge_ref__descriptor };
const struct gv_table charges_times = { .name = "charge_times",
					.key = "sis",
					.value = &billing__charge_at__descriptor };

const Billing__ChargeRow *charges_row(struct gv_turn *t, const char *id)
{
	return strlen(id) <= PURPOSE_MAX ? gv_get(t, &charges_table, gv_key(id)) : NULL;
}

const Billing__ChargeRow *charges_of_session(struct gv_turn *t, const char *session)
{
	const Billing__ChargeRef *ref = gv_get(t, &charges_sessions, gv_key(session));

	return ref ? charges_row(t, ref->charge) : NULL;
}

const char *charges_purpose(struct gv_turn *t, const char *session)
{
	uint8_t hash[EVP_MAX_MD_SIZE];
	char hex[33];

	if (strlen(session) <= PURPOSE_MAX)
		return gv_str(t, "session:%s", session);
	EVP_Digest(session, strlen(session), hash, NULL, EVP_sha256(), NULL);
	gv_hex_write(hash, 16, hex);
	return gv_str(t, "session:%s", hex);
}

char *charges_next_id(struct gv_turn *t)
{
	struct gv_scan scan = { .table = &charges_table, .reverse = true };
	unsigned long long last = 0;

	if (gv_next(t, &scan))
		last = strtoull(scan.key.part[0].s + strlen(ID_PREFIX), NULL, 10);
	return gv_str(t, ID_PREFIX "%012llu", last + 1);
}

void charges_hash(struct gv_turn *t, const Billing__Charge *charge, uint8_t ret[static 32])
{
	Billing__Charge c = *charge;
	uint8_t *packed;
	size_t size;

	c.hash = (ProtobufCBinaryData){ 0 };
	packed = gv_alloc(t, billing__charge__get_packed_size(&c) + 1);
	size = billing__charge__pack(&c, packed);
	EVP_Digest(packed, size, ret, NULL, EVP_sha256(), NULL);
}

void charges_record(struct gv_turn *t, Billing__ChargeRow *row)
{
	static const Billing__ChargeAt none = BILLING__CHARGE_AT__INIT;
	Billing__ChargeRecorded event = BILLING__CHARGE_RECORDED__INIT;
	Billing__ChargeRef ref = BILLING__CHARGE_REF__INIT;
	Billing__Charge *c = row->charge;

	c->recorded_at_ms = gv_now_ms(t);
	c->hash.data = gv_alloc(t, 32);
	charges_hash(t, c, c->hash.data);
	c->hash.len = 32;
	gv_put(t, &charges_table, gv_key(c->id), row);
	ref.charge = c->id;
	if (*c->credit_of)
		gv_put(t, &charges_credits, gv_key(c->credit_of), &ref);
	else
		gv_put(t, &charges_sessions, gv_key(c->session), &ref);
	gv_put(t, &charges_times, gv_key("", c->ended_at_ms, c->id), &none);
	gv_put(t, &charges_times, gv_key(gv_str(t, "d:%s", c->device), c->ended_at_ms, c->id), &none);
	gv_put(t, &charges_times, gv_key(gv_str(t, "t:%s", people_fold(t, c->token)), c->ended_at_ms, c->id), &none);
	if (*c->customer)
		gv_put(t, &charges_times, gv_key(gv_str(t, "c:%s", c->customer), c->ended_at_ms, c->id), &none);
	event.partition = c->device;
	event.charge = c;
	gv_emit(t, &event);
	gv_log(t, GV_INFO, "charge is recorded charge=%s session=%s energy_wh=%lld incl=%lld", c->id, c->session,
	       (long long)c->energy_wh, (long long)c->price->incl);
}

/* ---- taking back ----------------------------------------------------------------------------- */

static Billing__Price *negated(struct gv_turn *t, const Billing__Price *p)
{
	Billing__Price *n = gv_alloc(t, sizeof *n);

	*n = *p;
	n->excl = -p->excl;
	n->incl = -p->incl;
	n->adjustment = -p->adjustment;
	n->taxes = NULL;
	n->lines = NULL;
	n->flags = NULL;
	n->n_taxes = n->n_lines = n->n_flags = 0;
	for (size_t i = 0; i < p->n_taxes; i++) {
		Billing__TaxShare *x = gv_alloc(t, sizeof *x);

		*x = *p->taxes[i];
		x->tax = -x->tax;
		*GV_APPEND(t, n->taxes, n->n_taxes) = x;
	}
	for (size_t i = 0; i < p->n_lines; i++) {
		Billing__PriceLine *x = gv_alloc(t, sizeof *x);

		*x = *p->lines[i];
		x->excl = -x->excl;
		*GV_APPEND(t, n->lines, n->n_lines) = x;
	}
	for (size_t i = 0; i < p->n_flags; i++)
		orders_add_flag(t, &n->flags, &n->n_flags, p->flags[i]);
	orders_add_flag(t, &n->flags, &n->n_flags, "credit");
	return n;
}

int charges_credit_now(struct billing *b, struct gv_turn *t, const Billing__ChargeRow *of, const char *reason,
		       const Billing__ChargeRow **ret)
{
	Billing__ChargeRow *row = gv_alloc(t, sizeof *row);
	Billing__Charge *c = gv_alloc(t, sizeof *c);

	*row = *of;
	*c = *of->charge;
	row->charge = c;
	c->id = charges_next_id(t);
	c->credit_of = of->charge->id;
	c->reason = gv_strdup(t, reason);
	c->price = negated(t, of->charge->price);
	c->receivable = -c->receivable;
	row->paid = -of->paid;
	if (settle_credit(b, t, row, of))
		return -1;
	charges_record(t, row);
	*ret = row;
	return 0;
}

/* A provider's money goes back to the person; an account's is back already. */
static int refund(struct billing *b, struct gv_turn *t, const Billing__ChargeRow *of, const Billing__ChargeRow *credit)
{
	Billing__OrderRow *order = *of->charge->order ? orders_take(t, of->charge->order) : NULL;

	if (!order || !*order->order->payment || of->paid <= 0)
		return 0;
	return orders_send_back(b, t, order, gv_str(t, "%s:back", credit->charge->id), of->paid);
}

int charges_credit(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *request)
{
	const Billing__CreditChargeRequest *r = (const Billing__CreditChargeRequest *)request;
	Billing__CreditChargeReply reply = BILLING__CREDIT_CHARGE_REPLY__INIT;
	const Billing__ChargeRow *row = charges_row(t, r->id), *credit;
	const Billing__ChargeRef *before = row ? gv_get(t, &charges_credits, gv_key(r->id)) : NULL;

	if (!row)
		return gv_refuse(t, to, GV_NOT_FOUND, "there is no charge \"%.64s\"", r->id);
	if (*row->charge->credit_of)
		return gv_refuse(t, to, GV_FAILED_PRECONDITION, "%s takes %s back itself, and cannot be taken back",
				 r->id, row->charge->credit_of);
	if (!*r->reason || contact_text_problem(r->reason, 200))
		return gv_refuse(t, to, GV_INVALID_ARGUMENT, "reason must have 1 to 200 characters");
	if (before) { /* said again */
		reply.charge = charges_row(t, before->charge)->charge;
		return gv_reply(t, to, &reply);
	}
	if (charges_credit_now(self, t, row, r->reason, &credit) || refund(self, t, row, credit))
		return -1;
	reply.charge = credit->charge;
	return gv_reply(t, to, &reply);
}

/* ---- reading --------------------------------------------------------------------------------- */

/* Whose list it is that is the shortest. */
static const char *whose(struct gv_turn *t, const Billing__ListChargesRequest *r)
{
	const Billing__PlaceRow *place = *r->device ? places_find(t, r->device) : NULL;

	if (*r->token)
		return gv_str(t, "t:%s", people_fold(t, r->token));
	if (*r->customer)
		return gv_str(t, "c:%s", r->customer);
	return *r->device ? gv_str(t, "d:%s", place ? place->device : r->device) : "";
}

static bool wanted(const Billing__ListChargesRequest *r, const Billing__Charge *c)
{
	return (!*r->customer || !strcmp(r->customer, c->customer)) &&
	       (!*r->token || !strcasecmp(r->token, c->token)) && (!*r->device || !strcasecmp(r->device, c->device)) &&
	       c->ended_at_ms >= r->from_ms && (!r->until_ms || c->ended_at_ms < r->until_ms);
}

/* Newest end first. */
static int list(struct gv_turn *t, struct gv_ticket to, const Billing__ListChargesRequest *r)
{
	Billing__ListChargesReply reply = BILLING__LIST_CHARGES_REPLY__INIT;
	struct gv_scan scan = { .table = &charges_times, .prefix = gv_key(whose(t, r)), .reverse = true };
	uint32_t limit = billing_limit(r->limit), seen = 0;
	bool more = true;

	if (*r->page && gv_page_from(t, &scan, r->page) < 0)
		return gv_refuse(t, to, GV_INVALID_ARGUMENT, "page: \"%s\" is not the nextPage of an answer", r->page);
	if (!*r->page && r->until_ms)
		scan.after = gv_key(scan.prefix.part[0].s, r->until_ms, "");
	while (reply.n_charges < limit && seen++ < PEOPLE_SCAN_MAX && (more = gv_next(t, &scan))) {
		const Billing__ChargeRow *row;

		if (scan.key.part[1].i < r->from_ms) {
			more = false;
			break;
		}
		row = charges_row(t, scan.key.part[2].s);
		if (row && wanted(r, row->charge))
			*GV_APPEND(t, reply.charges, reply.n_charges) = row->charge;
	}
	if (more)
		reply.next_page = gv_page(t, &scan);
	return gv_reply(t, to, &reply);
}

int charges_list(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *request)
{
	return list(t, to, (const Billing__ListChargesRequest *)request);
}

int charges_list_mine(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *request)
{
	const Billing__ListMyChargesRequest *r = (const Billing__ListMyChargesRequest *)request;
	const char *customer = people_signed_in(self, t, r->access);
	Billing__ListChargesRequest all = BILLING__LIST_CHARGES_REQUEST__INIT;

	if (!customer)
		return gv_refuse(t, to, GV_UNAUTHENTICATED, "access is not valid, or not any more: sign in again");
	all.customer = (char *)customer;
	all.limit = r->limit;
	all.page = r->page;
	return list(t, to, &all);
}

int charges_get(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *request)
{
	const char *id = ((const Billing__GetChargeRequest *)request)->id;
	Billing__GetChargeReply reply = BILLING__GET_CHARGE_REPLY__INIT;
	const Billing__ChargeRow *row = charges_row(t, id);

	if (!row)
		return gv_refuse(t, to, GV_NOT_FOUND, "there is no charge \"%.64s\"", id);
	reply.charge = row->charge;
	if (row->charge->bank)
		reply.no_ocpi = (char *)"OCPI has no form for the rental of a power bank";
	else
		reply.ocpi = charges_ocpi(self, t, row);
	return gv_reply(t, to, &reply);
}
