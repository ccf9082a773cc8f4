/* What a package that was paid up front has cost in the end: its price, less what comes back of an unused rest. */
#include "tariff_package.h"

#include "rental.h"

#include <errno.h>

#define PPM 1000000

int billing_package_check(const struct billing_package *p, struct billing_error *ret_error)
{
	const int64_t max = p->unit == BILLING_PACKAGE_TIME ? BILLING_TIME_MAX_MS : BILLING_ENERGY_MAX_UWH;
	const char *field = NULL, *text = "is out of range";
	if (billing_currency_exponent(p->currency) < 0) {
		field = "currency";
		text = "is no currency: give three capital letters of ISO 4217, like EUR";
	} else if (p->price_minor < 0 || p->price_minor > BILLING_MINOR_MAX) {
		field = "price";
	} else if (p->amount <= 0 || p->amount > max) {
		field = "amount";
	} else if (p->step <= 0 || p->step > p->amount) {
		field = "step";
		text = "must be above 0 and not above amount";
	} else if (p->vat_ppm < 0 || p->vat_ppm > BILLING_VAT_MAX_PPM) {
		field = "vat";
	}
	if (!field)
		return 0;
	billing_error_set(ret_error, text, "%s", field);
	return -EINVAL;
}

int billing_package_price(const struct billing_package *p, int64_t used, struct billing_package_price *ret)
{
	if (used < 0)
		return -EINVAL;
	struct billing_package_price price = { .incl_minor = p->price_minor };
	price.left = used < p->amount ? p->amount - used : 0;
	price.beyond = used > p->amount ? used - p->amount : 0;
	if (p->refund == BILLING_REFUND_PRO_RATA && price.left > 0) {
		billing_wide steps = (p->amount - 1) / p->step + 1, begun = used ? (used - 1) / p->step + 1 : 0;
		int r = billing_round(begun * p->price_minor * 2, steps * 2, &price.incl_minor);
		if (r < 0)
			return r;
	}
	price.refund_minor = p->price_minor - price.incl_minor;
	int r = billing_round((billing_wide)price.incl_minor * PPM * 2, (billing_wide)(PPM + p->vat_ppm) * 2,
			      &price.excl_minor);
	if (r == 0)
		*ret = price;
	return r;
}
