/* Packages of time or energy, paid before use. Pure; amounts are minor units, taxes included. */
#ifndef BILLING_TARIFF_PACKAGE_H
#define BILLING_TARIFF_PACKAGE_H

#include "tariff.h"

enum billing_package_unit { BILLING_PACKAGE_TIME, BILLING_PACKAGE_ENERGY };
enum billing_package_refund {
	BILLING_REFUND_NONE,
	BILLING_REFUND_PRO_RATA, /* of the steps that were not begun */
};

struct billing_package {
	char currency[4];
	int64_t price_minor;
	enum billing_package_unit unit;
	int64_t amount; /* ms or µWh */
	enum billing_package_refund refund;
	int64_t step; /* ms or µWh; the amount: all or nothing */
	int32_t vat_ppm;
};

struct billing_package_price {
	int64_t excl_minor, incl_minor; /* what is paid in the end */
	int64_t refund_minor;           /* incl + refund is the package's price */
	int64_t left, beyond;           /* ms or µWh: not used; used without having been paid for */
};

/* -EINVAL with *ret_error filled. */
int billing_package_check(const struct billing_package *p, struct billing_error *ret_error);
/* After `used` ms or µWh of a package that has passed the check. -EINVAL: used is negative. */
int billing_package_price(const struct billing_package *p, int64_t used, struct billing_package_price *ret);

#endif
