/* The prices of tariffs that are not OCPI's, for tariffs_price alone. */
#ifndef BILLING_TARIFFS_OWN_H
#define BILLING_TARIFFS_OWN_H

#include "tariffs.h"

/* Why a price cannot be computed, for people; `error` is the engine's. */
const char *tariffs_why(struct gv_turn *t, int error);
const Billing__Price *tariffs_price_rental(struct billing *b, struct gv_turn *t, const Billing__RentalTariff *terms,
					   const Billing__PricedUse *use, const char **ret_problem);
const Billing__Price *tariffs_price_package(struct gv_turn *t, const Billing__PackageTariff *terms,
					    const Billing__PricedUse *use, const char **ret_problem);

#endif
