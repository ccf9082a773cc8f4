/* What was used and what it came to, a day at a time: for a customer's monthly bill, a site's owner, an accountant.
 * Each charge counts for the local day on which it ended, so that the days add up to the charges to the minor unit. */
#include "charges.h"
#include "paper.h"
#include <plugins/billing/people/people.h>
#include <plugins/billing/people/people_rows.h>
#include <plugins/billing/tariffs/places.h>

#include <lib/iso8601.h>
#include <string.h>
#include <strings.h>

#define STATEMENT_MAX 20000 /* charges */

struct statement {
	struct billing *b;
	const Billing__GetStatementRequest *request;
	const char *device; /* its own id, where an alias was asked for */
	const struct gv_zone *zone;
	Billing__GetStatementReply reply;
	struct paper paper;
};

/* ---- sums ------------------------------------------------------------------------------------ */

static Billing__StatementDay *new_day(struct gv_turn *t, const char *date)
{
	Billing__StatementDay *day = gv_alloc(t, sizeof *day);

	billing__statement_day__init(day);
	day->date = gv_strdup(t, date);
	return day;
}

/* Days come nearly in order: charges of sites in other zones may fall on the day before. */
static Billing__StatementDay *day_of(struct statement *s, const char *date)
{
	Billing__GetStatementReply *r = &s->reply;
	size_t at = r->n_days;

	while (at > 0 && strcmp(r->days[at - 1]->date, date) > 0)
		at--;
	if (at > 0 && !strcmp(r->days[at - 1]->date, date))
		return r->days[at - 1];
	GV_APPEND(s->paper.t, r->days, r->n_days);
	memmove(r->days + at + 1, r->days + at, (r->n_days - 1 - at) * sizeof *r->days);
	r->days[at] = new_day(s->paper.t, date);
	return r->days[at];
}

static void add(Billing__StatementDay *day, const Billing__Charge *c)
{
	int64_t sign = *c->credit_of ? -1 : 1; /* its amounts are negative already, what was used is as it was */

	*(sign < 0 ? &day->credits : &day->charges) += 1;
	day->energy_wh += sign * c->energy_wh;
	day->working_ms += sign * c->price->charging_ms;
	day->occupied_ms += sign * (c->ended_at_ms - c->started_at_ms);
	day->excl += c->price->excl;
	day->tax += c->price->incl - c->price->excl;
	day->incl += c->price->incl;
	day->open += c->receivable;
}

static void add_taxes(struct statement *s, const Billing__Price *p)
{
	Billing__GetStatementReply *r = &s->reply;

	for (size_t i = 0; i < p->n_taxes; i++) {
		const Billing__TaxShare *x = p->taxes[i];
		Billing__TaxShare *sum = NULL;

		for (size_t k = 0; k < r->n_taxes && !sum; k++)
			if (r->taxes[k]->named == x->named && r->taxes[k]->vat_ppm == x->vat_ppm)
				sum = r->taxes[k];
		if (!sum) {
			sum = gv_alloc(s->paper.t, sizeof *sum);
			billing__tax_share__init(sum);
			sum->named = x->named;
			sum->vat_ppm = x->vat_ppm;
			*GV_APPEND(s->paper.t, r->taxes, r->n_taxes) = sum;
		}
		sum->tax += x->tax;
	}
}

/* ---- lines ----------------------------------------------------------------------------------- */

static void head(struct statement *s)
{
	const Billing__GetStatementRequest *r = s->request;
	const Billing__Customer *customer = *r->customer ? people_customer(s->paper.t, r->customer) : NULL;

	paper_text(&s->paper, "STATEMENT");
	if (customer)
		paper_line(&s->paper, "For", *customer->name ? customer->name : customer->id);
	if (*r->token)
		paper_line(&s->paper, "Card", r->token);
	if (*s->device)
		paper_line(&s->paper, "Device", s->device);
	if (*r->site)
		paper_line(&s->paper, "Site", r->site);
	paper_line(&s->paper, "From", r->from_ms ? paper_time(&s->paper, r->from_ms) : "the beginning");
	paper_line(&s->paper, "Until", paper_time(&s->paper, r->until_ms ? r->until_ms : gv_now_ms(s->paper.t)));
	paper_text(&s->paper, "");
}

static void charge_line(struct statement *s, const Billing__Charge *c, const char *date)
{
	struct paper *p = &s->paper;

	paper_line(p, gv_str(p->t, "%s %s %s %s kWh", date, c->id, c->device, paper_decimal(p, c->energy_wh, 3)),
		   paper_money(p, c->price->incl));
}

static void sums(struct statement *s)
{
	const Billing__StatementDay *total = s->reply.total;
	struct paper *p = &s->paper;

	paper_text(p, "");
	for (size_t i = 0; i < s->reply.n_days; i++) {
		const Billing__StatementDay *d = s->reply.days[i];

		paper_line(p,
			   gv_str(p->t, "%s: %s kWh, %s", d->date, paper_decimal(p, d->energy_wh, 3),
				  paper_duration(p, d->working_ms)),
			   paper_money(p, d->incl));
	}
	paper_text(p, "");
	paper_line(p, "Energy", gv_str(p->t, "%s kWh", paper_decimal(p, total->energy_wh, 3)));
	paper_line(p, "Before taxes", paper_money(p, total->excl));
	paper_taxes(p, s->reply.taxes, s->reply.n_taxes);
	paper_line(p, "Total", paper_money(p, total->incl));
	if (total->open)
		paper_line(p, "Open", paper_money(p, total->open));
}

/* ---- which ----------------------------------------------------------------------------------- */

static bool wanted(const struct statement *s, const Billing__Charge *c)
{
	const Billing__GetStatementRequest *r = s->request;

	return (!*r->customer || !strcmp(r->customer, c->customer)) &&
	       (!*r->token || !strcasecmp(r->token, c->token)) && (!*s->device || !strcasecmp(s->device, c->device)) &&
	       (!*r->site || !strcmp(r->site, c->site));
}

static void take(struct statement *s, const Billing__Charge *c)
{
	const struct gv_zone *zone = *s->request->zone ? s->zone : places_zone(s->b, s->paper.t, c->zone);
	char local[25], date[11];

	gv_time_format(c->ended_at_ms + 1000 * (int64_t)gv_zone_offset_s(zone, c->ended_at_ms / 1000), local);
	memcpy(date, local, 10);
	date[10] = 0;
	add(day_of(s, date), c);
	add(s->reply.total, c);
	add_taxes(s, c->price);
	charge_line(s, c, date);
}

/* Whose list is the shortest to read. */
static const char *whose(struct statement *s)
{
	if (*s->request->token)
		return gv_str(s->paper.t, "t:%s", people_fold(s->paper.t, s->request->token));
	if (*s->request->customer)
		return gv_str(s->paper.t, "c:%s", s->request->customer);
	return *s->device ? gv_str(s->paper.t, "d:%s", s->device) : "";
}

/* False: there are more than a statement may have. */
static bool walk(struct statement *s)
{
	struct gv_scan scan = { .table = &charges_times, .prefix = gv_key(whose(s)) };
	const Billing__GetStatementRequest *r = s->request;
	unsigned seen = 0;

	if (r->from_ms)
		scan.after = gv_key(scan.prefix.part[0].s, r->from_ms, "");
	while (gv_next(s->paper.t, &scan) && (!r->until_ms || scan.key.part[1].i < r->until_ms)) {
		const Billing__ChargeRow *row = charges_row(s->paper.t, scan.key.part[2].s);

		if (seen++ == STATEMENT_MAX)
			return false;
		if (row && wanted(s, row->charge))
			take(s, row->charge);
	}
	return true;
}

int statement_get(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *request)
{
	const Billing__GetStatementRequest *r = (const Billing__GetStatementRequest *)request;
	const Billing__PlaceRow *place = *r->device ? places_find(t, r->device) : NULL;
	struct statement s = { .b = self, .request = r, .device = place ? place->device : r->device };

	if (r->from_ms < 0 || r->until_ms < 0 || (r->until_ms && r->until_ms <= r->from_ms))
		return gv_refuse(t, to, GV_INVALID_ARGUMENT, "until_ms must be after from_ms; 0 means now");
	s.zone = places_zone(self, t, r->zone);
	if (*r->zone && !s.zone && strcmp(r->zone, "UTC") != 0)
		return gv_refuse(t, to, GV_INVALID_ARGUMENT, "zone: there is no time zone \"%.64s\"", r->zone);
	s.paper = (struct paper){ .t = t, .currency = s.b->config->currency, .zone = s.zone };
	billing__get_statement_reply__init(&s.reply);
	s.reply.total = new_day(t, "");
	s.reply.currency = s.b->config->currency;
	head(&s);
	if (!walk(&s))
		return gv_refuse(t, to, GV_RESOURCE_EXHAUSTED,
				 "more than %d charges ended in that time: ask for shorter times", STATEMENT_MAX);
	sums(&s);
	s.reply.lines = s.paper.lines;
	s.reply.n_lines = s.paper.n;
	if (r->pdf && paper_pdf(&s.paper, &s.reply.pdf))
		return gv_refuse(t, to, GV_INTERNAL, "the statement could not be set as PDF");
	return gv_reply(t, to, &s.reply);
}
