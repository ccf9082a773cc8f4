/* The engine's structs from and to the messages of billing.proto. */
#ifndef BILLING_PRICING_MESSAGE_H
#define BILLING_PRICING_MESSAGE_H

#include "pricing.h"
#include "rental.h"
#include "tariff_package.h"

#include <galvan/billing.pb-c.h>

/* Feeds the run with all of it. Errors are those of billing_run_reserve and billing_run_add. */
int billing_run_feed(struct billing_run *run, const Billing__PricedUse *use);
/* The same with a packed PricedUse. -EBADMSG: it is none; the run may have been fed with the beginning of it. */
int billing_run_read(struct billing_run *run, const void *packed, size_t size);

/* -EINVAL with *ret_error filled. */
int billing_rental_read(const Billing__RentalTariff *m, struct billing_rental_tariff *ret,
			struct billing_error *ret_error);
int billing_package_read(const Billing__PackageTariff *m, struct billing_package *ret, struct billing_error *ret_error);

/* Appends a packed Price. -ENOMEM. */
int billing_price_write(const struct billing_run *run, const struct billing_price *p, struct gv_buf *out);

#endif
