/* Charges as a table for spreadsheets: RFC 4180, and no cell that a spreadsheet would take for a formula. */
#include "charges.h"
#include <plugins/billing/pricing/money.h>

#include <lib/buf.h>
#include <lib/iso8601.h>
#include <string.h>

#define EXPORT_MAX 20000 /* charges of one table */

static const char header[] =
	"charge,recorded,started,ended,device,connector,site,customer,token,order,session,use,energy_kwh,"
	"excl,tax,incl,currency,open,credit_of,reason,flags,bank,returned_to\r\n";

static void cell(struct gv_buf *out, const char *text)
{
	gv_buf_add(out, "\"", 1);
	if (*text && strchr("=+-@\t\r", *text)) /* as text it begins with a quote mark (OWASP, CSV injection) */
		gv_buf_add(out, "'", 1);
	for (; *text; text++)
		gv_buf_add(out, *text == '"' ? "\"\"" : text, *text == '"' ? 2 : 1);
	gv_buf_add(out, "\",", 2);
}

static void number(struct gv_buf *out, int64_t value, int decimals)
{
	char text[BILLING_DECIMAL_MAX];

	billing_decimal_write(value, decimals, text);
	gv_buf_add(out, text, strlen(text));
	gv_buf_add(out, ",", 1);
}

static void time_cell(struct gv_buf *out, int64_t ms)
{
	char text[25];

	gv_time_format(ms, text);
	gv_buf_add(out, text, strlen(text));
	gv_buf_add(out, ",", 1);
}

static void row(struct gv_turn *t, const Billing__Charge *c, struct gv_buf *out)
{
	int exponent = billing_currency_exponent(c->price->currency);
	const char *flags = "";

	exponent = exponent < 0 ? 0 : exponent;
	cell(out, c->id);
	time_cell(out, c->recorded_at_ms);
	time_cell(out, c->started_at_ms);
	time_cell(out, c->ended_at_ms);
	cell(out, c->device);
	number(out, c->connector, 0);
	cell(out, c->site);
	cell(out, c->customer);
	cell(out, c->token);
	cell(out, c->order);
	cell(out, c->session);
	cell(out, c->use == BILLING__TOKEN_USE_OF_CHARGE__CHARGE_USE_PRIVATE ? "private" : "paid");
	number(out, c->energy_wh, 3);
	number(out, c->price->excl, exponent);
	number(out, c->price->incl - c->price->excl, exponent);
	number(out, c->price->incl, exponent);
	cell(out, c->price->currency);
	number(out, c->receivable, exponent);
	cell(out, c->credit_of);
	cell(out, c->reason);
	for (size_t i = 0; i < c->n_flags; i++)
		flags = gv_str(t, "%s%s%s", flags, i ? " " : "", c->flags[i]);
	cell(out, flags);
	cell(out, c->bank ? c->bank->id : "");
	cell(out, c->bank ? c->bank->return_device : "");
	if (out->size)
		out->size--; /* the last comma */
	gv_buf_add(out, "\r\n", 2);
}

int charges_export(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *request)
{
	const Billing__ExportChargesRequest *r = (const Billing__ExportChargesRequest *)request;
	Billing__ExportChargesReply reply = BILLING__EXPORT_CHARGES_REPLY__INIT;
	const char *whose = *r->customer ? gv_str(t, "c:%s", r->customer) : "";
	struct gv_scan scan = { .table = &charges_times, .prefix = gv_key(whose) };
	struct gv_buf out = { 0 };
	unsigned n = 0;
	int answer;

	gv_buf_add(&out, header, strlen(header));
	if (r->from_ms)
		scan.after = gv_key(whose, r->from_ms, "");
	while (n <= EXPORT_MAX && gv_next(t, &scan) && (!r->until_ms || scan.key.part[1].i < r->until_ms)) {
		const Billing__ChargeRow *found = charges_row(t, scan.key.part[2].s);

		if (found && n++ < EXPORT_MAX)
			row(t, found->charge, &out);
	}
	reply.csv = (char *)gv_buf_str(&out);
	if (n > EXPORT_MAX)
		answer = gv_refuse(t, to, GV_RESOURCE_EXHAUSTED,
				   "more than %d charges ended in that time: ask for shorter times", EXPORT_MAX);
	else
		answer = gv_reply(t, to, &reply);
	gv_buf_fini(&out);
	return answer;
}
