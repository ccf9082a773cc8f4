/* Lines of text for people: how amounts, times and durations are written on receipts and statements. */
#include "paper.h"
#include <plugins/billing/pricing/money.h>

#include <lib/iso8601.h>
#include <stdlib.h>
#include <string.h>

#define WIDTH 64 /* columns */

void paper_line(struct paper *p, const char *left, const char *right)
{
	size_t used = strlen(left) + strlen(right);

	*GV_APPEND(p->t, p->lines, p->n) = gv_str(p->t, "%s%*s%s", left, used < WIDTH ? (int)(WIDTH - used) : 2, "",
						  right);
}

void paper_text(struct paper *p, const char *text)
{
	*GV_APPEND(p->t, p->lines, p->n) = gv_strdup(p->t, text);
}

const char *paper_money(struct paper *p, int64_t minor)
{
	char out[BILLING_MONEY_MAX];

	billing_money_write(minor, p->currency, out);
	return gv_strdup(p->t, out);
}

const char *paper_decimal(struct paper *p, int64_t value, int decimals)
{
	char out[BILLING_DECIMAL_MAX];

	billing_decimal_write(value, decimals, out);
	return gv_strdup(p->t, out);
}

const char *paper_time(struct paper *p, int64_t ms)
{
	int32_t offset = gv_zone_offset_s(p->zone, ms / 1000);
	char local[25];

	gv_time_format(ms + 1000 * (int64_t)offset, local);
	return gv_str(p->t, "%.10s %.8s UTC%c%02d:%02d", local, local + 11, offset < 0 ? '-' : '+', abs(offset) / 3600,
		      abs(offset) / 60 % 60);
}

const char *paper_duration(struct paper *p, int64_t ms)
{
	return gv_str(p->t, "%lld:%02d:%02d h", (long long)(ms / 3600000), (int)(ms / 60000 % 60),
		      (int)(ms / 1000 % 60));
}

void paper_taxes(struct paper *p, Billing__TaxShare *const *taxes, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const char *rate = taxes[i]->named ? paper_decimal(p, taxes[i]->vat_ppm, 4) : NULL;

		paper_line(p, rate ? gv_str(p->t, "VAT %s %%", rate) : "Taxes", paper_money(p, taxes[i]->tax));
	}
}
