/* The price of a rented power bank. Pure; all amounts are minor units, taxes included. */
#ifndef BILLING_RENTAL_H
#define BILLING_RENTAL_H

#include "tariff.h"

#include <lib/zone.h>

#define BILLING_RENTAL_MAX_MS (INT64_C(3660) * 86400 * 1000)
#define BILLING_RENTAL_INTERVAL_MIN_MS 1000
#define BILLING_FREEZES_MAX 256
#define BILLING_MINOR_MAX INT64_C(1000000000000) /* of any one price */

enum billing_free_mode {
	BILLING_FREE_THRESHOLD, /* a rental that is not longer costs nothing; a longer one costs from its beginning */
	BILLING_FREE_DEDUCT,    /* the clock starts after it */
};
enum billing_cap_window {
	BILLING_CAP_NONE,
	BILLING_CAP_ROLLING_24H,  /* days of 24 hours since the clock started */
	BILLING_CAP_CALENDAR_DAY, /* local days; intervals start anew at midnight */
};
enum billing_buyout_mode {
	BILLING_BUYOUT_NONE,
	BILLING_BUYOUT_REPLACE, /* the price is instead of what the use has cost */
	BILLING_BUYOUT_ADD,     /* on top of it */
};

struct billing_rental_tariff {
	char currency[4];
	int64_t free_ms;
	enum billing_free_mode free_mode;
	int64_t interval_ms; /* begun ones are charged whole */
	int64_t interval_minor;
	bool has_first;
	int64_t first_interval_minor; /* instead, for a rental's first one */
	enum billing_cap_window cap_window;
	int64_t cap_minor;       /* of each window */
	int64_t total_cap_minor; /* of the use, without a buy-out; 0: none */
	enum billing_buyout_mode buyout_mode;
	int64_t buyout_after_ms; /* not returned within this, the bank is sold and the clock stops */
	int64_t buyout_minor;
	int64_t deposit_minor;
	int32_t vat_ppm;
};

/* Times during which the clock stands: the cabinet could not take the bank back. In any order; they may overlap. */
struct billing_freeze {
	int64_t from_ms, until_ms;
};

struct billing_rental_price {
	int64_t excl_minor, incl_minor;
	int64_t use_minor, buyout_minor; /* add up to incl */
	int64_t charged_ms;              /* on the clock: without freezes, without what was free */
	int64_t intervals;
	int64_t sold_at_ms; /* INT64_MAX: not sold */
	bool capped;
	/* The deposit against the price: what is kept of it, goes back, and is still owed. */
	int64_t kept_minor, back_minor, owed_minor;
};

/* Refuses what cannot be meant. -EINVAL with *ret_error filled. */
int billing_rental_check(const struct billing_rental_tariff *t, struct billing_error *ret_error);
/* The price of a rental from the confirmed eject to the return, or to now. The tariff must have passed the check. zone
 * is that of the cabinet, for calendar days; NULL: UTC. -EINVAL: it ends before it begins, or too many freezes;
 * -ERANGE: longer than BILLING_RENTAL_MAX_MS; -EOVERFLOW. */
int billing_rental_price(const struct billing_rental_tariff *t, const struct gv_zone *zone, int64_t start_ms,
			 int64_t end_ms, const struct billing_freeze *freezes, size_t n_freezes,
			 struct billing_rental_price *ret);

#endif
