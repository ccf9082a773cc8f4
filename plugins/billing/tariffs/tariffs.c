/* Tariffs as people keep them: put, listed, assigned to places and groups, found for a use. */
#include "tariffs.h"
#include <plugins/billing/pricing/ocpi.h>
#include <plugins/billing/people/people.h>
#include "places.h"
#include <plugins/billing/pricing/pricing_message.h>

#include <errno.h>
#include <string.h>

#define TARIFF_ID_MAX 36
#define NAME_MAX_BYTES 128 /* of a site, device or group in an assignment; together they fit into a key */

const struct gv_table tariffs_table = { .name = "tariffs", .key = "s", .value = &billing__tariff_row__descriptor };
const struct gv_table tariffs_assignments = { .name = "assignments",
					      .key = "ssus",
					      .value = &billing__assignment__descriptor };

static const Billing__TariffRow *find(struct gv_turn *t, const char *id)
{
	return *id && strlen(id) <= TARIFF_ID_MAX ? gv_get(t, &tariffs_table, gv_key(id)) : NULL;
}

const Billing__Tariff *tariffs_get(struct gv_turn *t, const char *id)
{
	const Billing__TariffRow *row = find(t, id);

	return row ? row->tariff : NULL;
}

/* ---- putting --------------------------------------------------------------------------------- */

static char *problem(struct gv_turn *t, const char *terms, const struct billing_error *e)
{
	return gv_str(t, "tariff.%s%s%s: %s", terms, *e->field ? "." : "", e->field, e->text);
}

/* Reads the OCPI tariff and puts what the row keeps of it in its place, in a fixed form. */
static const char *take_ocpi(struct gv_turn *t, Billing__Tariff *m, Billing__TariffRow *row)
{
	struct billing_tariff tariff = { 0 };
	struct billing_error error = { 0 };
	struct gv_buf text = { 0 };
	const char *wrong = NULL;
	int r = billing_ocpi_read(m->ocpi, strlen(m->ocpi), &tariff, &error);

	if (r < 0)
		return r == -EINVAL ? problem(t, "ocpi", &error) : "out of memory";
	if (strcmp(tariff.id, m->id) != 0)
		wrong = gv_str(t, "tariff.ocpi.id: it is \"%s\", and tariff.id is \"%s\"; make them the same",
			       tariff.id, m->id);
	else if (billing_ocpi_write(&tariff, &text) < 0)
		wrong = "out of memory";
	else
		m->ocpi = gv_strdup(t, gv_buf_str(&text));
	row->valid_from_ms = tariff.valid_from_ms;
	row->valid_until_ms = tariff.valid_until_ms;
	gv_buf_fini(&text);
	billing_tariff_fini(&tariff);
	return wrong;
}

/* What the pricing engine would take, and nobody can mean. */
static const char *rental_problem(struct gv_turn *t, const Billing__RentalTariff *m)
{
	if (m->buyout && m->buyout->mode == BILLING__BUYOUT_MODE__BUYOUT_MODE_NONE)
		return "tariff.rental.buyout.mode: must be BUYOUT_MODE_REPLACE or BUYOUT_MODE_ADD; without a buyout "
		       "the bank is never sold";
	for (size_t i = 0; i < m->n_freeze_on; i++)
		if (strcmp(m->freeze_on[i], "offline") != 0 && strcmp(m->freeze_on[i], "update") != 0 &&
		    strcmp(m->freeze_on[i], "full") != 0 && strcmp(m->freeze_on[i], "none") != 0)
			return gv_str(t, "tariff.rental.freeze_on: \"%.20s\" is none of offline, update, full and none",
				      m->freeze_on[i]);
	for (size_t i = 0; m->n_freeze_on > 1 && i < m->n_freeze_on; i++)
		if (!strcmp(m->freeze_on[i], "none"))
			return "tariff.rental.freeze_on: none stands alone";
	return NULL;
}

/* NULL, or what is wrong with the tariff. */
static const char *take(struct gv_turn *t, Billing__Tariff *m, Billing__TariffRow *row)
{
	struct billing_rental_tariff rental;
	struct billing_package package;
	struct billing_error error = { 0 };

	row->valid_until_ms = INT64_MAX;
	switch (m->terms_case) {
	case BILLING__TARIFF__TERMS_OCPI:
		return take_ocpi(t, m, row);
	case BILLING__TARIFF__TERMS_RENTAL:
		return billing_rental_read(m->rental, &rental, &error) < 0 ? problem(t, "rental", &error)
									   : rental_problem(t, m->rental);
	case BILLING__TARIFF__TERMS_PACKAGE:
		return billing_package_read(m->package, &package, &error) < 0 ? problem(t, "package", &error) : NULL;
	default:
		return "tariff: one of \"ocpi\", \"rental\" and \"package\" must be given";
	}
}

int tariffs_put(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *m)
{
	const Billing__PutTariffRequest *r = (const void *)m;
	Billing__PutTariffReply reply = BILLING__PUT_TARIFF_REPLY__INIT;
	Billing__TariffRow row = BILLING__TARIFF_ROW__INIT;
	const char *wrong;

	if (!r->tariff || !*r->tariff->id || strlen(r->tariff->id) > TARIFF_ID_MAX)
		return gv_refuse(t, to, GV_INVALID_ARGUMENT, "tariff.id: 1 to %d bytes are needed", TARIFF_ID_MAX);
	wrong = take(t, r->tariff, &row);
	if (wrong)
		return gv_refuse(t, to, GV_INVALID_ARGUMENT, "%s", wrong);
	row.tariff = r->tariff;
	gv_put(t, &tariffs_table, gv_key(r->tariff->id), &row);
	reply.tariff = r->tariff;
	return gv_reply(t, to, &reply);
}

/* All assignments come with the first page. */
int tariffs_list(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *m)
{
	const Billing__ListTariffsRequest *r = (const void *)m;
	Billing__ListTariffsReply reply = BILLING__LIST_TARIFFS_REPLY__INIT;
	struct gv_scan scan = { .table = &tariffs_table }, assignments = { .table = &tariffs_assignments };

	if (gv_page_from(t, &scan, r->page) < 0)
		return gv_refuse(t, to, GV_INVALID_ARGUMENT, "page: \"%.80s\" is not the next_page of an answer",
				 r->page);
	while (reply.n_tariffs < billing_limit(r->limit) && gv_next(t, &scan))
		*GV_APPEND(t, reply.tariffs, reply.n_tariffs) = ((const Billing__TariffRow *)scan.row)->tariff;
	if (reply.n_tariffs == billing_limit(r->limit))
		reply.next_page = gv_page(t, &scan);
	while (!*r->page && gv_next(t, &assignments))
		*GV_APPEND(t, reply.assignments, reply.n_assignments) = (Billing__Assignment *)assignments.row;
	return gv_reply(t, to, &reply);
}

/* ---- assigning ------------------------------------------------------------------------------- */

static struct gv_key key_of(const Billing__Assignment *a)
{
	return gv_key(a->site, a->device, a->connector, a->group);
}

static const char *assignment_problem(struct gv_turn *t, const Billing__Assignment *a)
{
	if (!a)
		return "assignment: it must be given";
	if (strlen(a->site) > NAME_MAX_BYTES || strlen(a->device) > NAME_MAX_BYTES ||
	    strlen(a->group) > NAME_MAX_BYTES - 32)
		return "assignment: site and device have at most 128 bytes, a group 96";
	if (*a->site && *a->device)
		return "assignment: a site or a device, not both: a device stands where it stands";
	if (a->connector && !*a->device)
		return "assignment.connector: it needs its device";
	if (*a->tariff && !find(t, a->tariff))
		return gv_str(t, "assignment.tariff: there is no tariff \"%.40s\"; PutTariff makes one", a->tariff);
	return NULL;
}

int tariffs_assign(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *m)
{
	const Billing__AssignTariffRequest *r = (const void *)m;
	Billing__AssignTariffReply reply = BILLING__ASSIGN_TARIFF_REPLY__INIT;
	const char *wrong = assignment_problem(t, r->assignment);

	if (wrong)
		return gv_refuse(t, to, GV_INVALID_ARGUMENT, "%s", wrong);
	if (*r->assignment->tariff)
		gv_put(t, &tariffs_assignments, key_of(r->assignment), r->assignment);
	else
		gv_delete(t, &tariffs_assignments, key_of(r->assignment));
	return gv_reply(t, to, &reply);
}

/* ---- finding --------------------------------------------------------------------------------- */

struct use {
	const char *const *groups;
	size_t n_groups;
	int64_t at_ms;
};

static const Billing__Tariff *assigned(struct gv_turn *t, const struct use *u, const char *site, const char *device,
				       uint32_t connector)
{
	for (size_t i = 0; i <= u->n_groups; i++) {
		const char *group = i < u->n_groups ? u->groups[i] : "";
		const Billing__Assignment *a = gv_get(t, &tariffs_assignments, gv_key(site, device, connector, group));
		const Billing__TariffRow *row = a ? find(t, a->tariff) : NULL;

		if (row && u->at_ms >= row->valid_from_ms && u->at_ms < row->valid_until_ms)
			return row->tariff;
	}
	return NULL;
}

const Billing__Tariff *tariffs_for(struct gv_turn *t, const char *device, uint32_t connector, const char *site,
				   const char *const *groups, size_t n_groups, int64_t at_ms)
{
	struct use u = { groups, n_groups, at_ms };
	const Billing__Tariff *found = connector ? assigned(t, &u, "", device, connector) : NULL;

	if (!found)
		found = assigned(t, &u, "", device, 0);
	if (!found && *site)
		found = assigned(t, &u, site, "", 0);
	return found ? found : assigned(t, &u, "", "", 0);
}

size_t tariffs_groups(const Billing__Customer *customer, const Billing__Token *token,
		      const char *ret[static TARIFFS_GROUPS_MAX])
{
	size_t n = 0;

	if (token && *token->group)
		ret[n++] = token->group;
	for (size_t i = 0; customer && i < customer->n_groups && n < TARIFFS_GROUPS_MAX; i++)
		ret[n++] = customer->groups[i];
	return n;
}

/* ---- quoting --------------------------------------------------------------------------------- */

struct quote {
	const Billing__QuoteRequest *request;
	const Billing__PlaceRow *place;
	const Billing__Tariff *tariff;
	bool card;
};

/* Energy flows evenly, as fast as it is said or as the connector can; then the vehicle stands. */
static const char *plan(struct gv_turn *t, const struct quote *q, Billing__PricedUse *use)
{
	const Billing__QuoteRequest *r = q->request;
	int64_t charging_ms = r->charging_s * 1000, power_w = places_power_w(q->place, r->connector);
	Billing__Segment *charging = gv_alloc(t, sizeof *charging), *idle = gv_alloc(t, sizeof *idle);

	if (r->energy_wh && q->tariff->terms_case == BILLING__TARIFF__TERMS_RENTAL)
		return "energy_wh: a rental has none; charging_s is how long it lasts";
	if (r->energy_wh && !charging_ms && !power_w)
		return "charging_s: needed with energy_wh, as the connector's power is not known";
	if (r->energy_wh && !charging_ms)
		charging_ms = (r->energy_wh * 3600000 + power_w - 1) / power_w;
	billing__segment__init(charging);
	billing__segment__init(idle);
	use->start_ms = r->start_ms ? r->start_ms : gv_now_ms(t);
	charging->end_ms = use->start_ms + charging_ms;
	charging->energy_uwh = r->energy_wh * 1000000;
	idle->end_ms = charging->end_ms + r->idle_s * 1000;
	idle->idle = true;
	if (charging_ms)
		*GV_APPEND(t, use->segments, use->n_segments) = charging;
	if (r->idle_s)
		*GV_APPEND(t, use->segments, use->n_segments) = idle;
	use->zone = q->place ? q->place->zone : use->zone;
	return NULL;
}

static const char *range_problem(const Billing__QuoteRequest *r)
{
	static const int64_t month_s = 2592000;

	if (r->energy_wh < 0 || r->energy_wh > 1000000)
		return "energy_wh: 0 to 1000000";
	if (r->charging_s < 0 || r->charging_s > month_s || r->idle_s < 0 || r->idle_s > month_s)
		return "charging_s, idle_s: 0 to 2592000";
	if (r->start_ms < 0 || r->start_ms > INT64_C(253402300800000))
		return "start_ms: a time before the year 10000";
	return NULL;
}

static const char *find_tariff(struct gv_turn *t, struct quote *q)
{
	const Billing__QuoteRequest *r = q->request;
	const Billing__Token *token = *r->token ? people_token(t, r->token) : NULL;
	const char *owner = *r->customer ? r->customer : token ? token->customer : "";
	const Billing__Customer *customer = *owner ? people_customer(t, owner) : NULL;
	const char *groups[TARIFFS_GROUPS_MAX], *device = q->place ? q->place->device : r->device;

	if (*r->token && !token)
		return gv_str(t, "token: there is no token \"%.40s\"", r->token);
	if (*r->customer && !customer)
		return gv_str(t, "customer: there is no customer \"%.40s\"", r->customer);
	q->card = token && token->own_purse;
	q->tariff = tariffs_for(t, device, r->connector, q->place ? q->place->site : "", groups,
				tariffs_groups(customer, token, groups), r->start_ms ? r->start_ms : gv_now_ms(t));
	return q->tariff
		       ? NULL
		       : gv_str(t, "no tariff is assigned to %.128s, nor to its site, nor to all: AssignTariff does it",
				device);
}

int tariffs_quote(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *m)
{
	const Billing__QuoteRequest *r = (const void *)m;
	Billing__QuoteReply reply = BILLING__QUOTE_REPLY__INIT;
	Billing__PricedUse use = BILLING__PRICED_USE__INIT;
	struct quote q = { .request = r, .place = places_find(t, r->device) };
	const char *wrong = range_problem(r);

	if (wrong)
		return gv_refuse(t, to, GV_INVALID_ARGUMENT, "%s", wrong);
	wrong = find_tariff(t, &q);
	if (wrong)
		return gv_refuse(t, to, GV_NOT_FOUND, "%s", wrong);
	if (r->energy_wh || r->charging_s || r->idle_s) {
		wrong = plan(t, &q, &use);
		if (!wrong)
			reply.price = (Billing__Price *)tariffs_price(self, t, q.tariff, &use, &wrong);
		if (wrong)
			return gv_refuse(t, to, GV_INVALID_ARGUMENT, "%s", wrong);
	}
	reply.tariff = (Billing__Tariff *)q.tariff;
	reply.currency = (char *)tariffs_currency(t, q.tariff);
	reply.hold = tariffs_hold(self, q.tariff, q.card);
	reply.tariff_hash = tariffs_hash_text(t, q.tariff);
	reply.words = tariffs_words(t, q.tariff, "en", &reply.n_words);
	return gv_reply(t, to, &reply);
}
