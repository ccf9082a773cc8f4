/* Lines of text for people, on a page, in a mail or on paper: two columns of fixed width. */
#ifndef BILLING_PAPER_H
#define BILLING_PAPER_H

#include <galvan/billing.pb-c.h>
#include <galvan/plugin.h>
#include <lib/zone.h>

struct paper {
	struct gv_turn *t;
	const char *currency;
	const struct gv_zone *zone; /* whose clock; NULL: UTC */
	char **lines;               /* in the turn's memory, as all that follows */
	size_t n;
};

/* What it is about on the left, the value on the right. */
void paper_line(struct paper *p, const char *left, const char *right);
void paper_text(struct paper *p, const char *text);
const char *paper_money(struct paper *p, int64_t minor);
const char *paper_decimal(struct paper *p, int64_t value, int decimals);
void paper_taxes(struct paper *p, Billing__TaxShare *const *taxes, size_t n); /* a line a rate */
/* As the clock on the wall shows it: "2025-01-15 03:09:54 UTC+01:00". */
const char *paper_time(struct paper *p, int64_t ms);
const char *paper_duration(struct paper *p, int64_t ms); /* "0:31:00 h" */
/* Sets the lines as PDF, on as many pages as it takes. -ENOMEM */
int paper_pdf(struct paper *p, ProtobufCBinaryData *ret);

#endif
