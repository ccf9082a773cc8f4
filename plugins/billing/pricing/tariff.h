/* A tariff of OCPI 2.2.1 or 2.3 as the pricing engine reads it, with what galvan adds.
 *
 * Filled by ocpi.h (or by hand), then checked and prepared by billing_tariff_prepare; from then on only read, from any
 * thread. All strings end with a zero byte. */
#ifndef BILLING_TARIFF_H
#define BILLING_TARIFF_H

#include "money.h"

#include <lib/buf.h>

#define BILLING_ELEMENTS_MAX 64
#define BILLING_ENERGY_MAX_UWH INT64_C(500000000000000)   /* 500 MWh: of a session, of a threshold, of a step */
#define BILLING_TIME_MAX_MS (INT64_C(366) * 86400 * 1000) /* of a session, of a threshold, of a step */
#define BILLING_CURRENT_MAX_MA INT64_C(100000000)
#define BILLING_POWER_MAX_MW INT64_C(100000000000) /* 100 MW */
#define BILLING_VAT_MAX_PPM 1000000                /* 100 % */
#define BILLING_VAT_NONE (-1)                      /* the tariff names no rate, which is not 0 % */

/* In the order in which lines begin. */
enum billing_dimension { BILLING_FLAT, BILLING_ENERGY, BILLING_TIME, BILLING_PARKING, BILLING_DIMENSIONS };
/* OCPI's name: "PARKING_TIME". */
const char *billing_dimension_name(enum billing_dimension d);

struct billing_component {
	enum billing_dimension dimension;
	int64_t price_micro; /* per kWh, per hour, or flat */
	int32_t vat_ppm;     /* 200000: 20 % */
	int64_t step;        /* Wh, s; 0 and 1 for FLAT */
	uint32_t element;    /* where it stands; set by billing_tariff_prepare */
};

enum billing_reservation { BILLING_NO_RESERVATION, BILLING_RESERVATION, BILLING_RESERVATION_EXPIRES };

/* Which restrictions an element has: the bits of `set`. */
enum {
	BILLING_START_TIME = 1 << 0,
	BILLING_END_TIME = 1 << 1,
	BILLING_START_DATE = 1 << 2,
	BILLING_END_DATE = 1 << 3,
	BILLING_MIN_KWH = 1 << 4,
	BILLING_MAX_KWH = 1 << 5,
	BILLING_MIN_CURRENT = 1 << 6,
	BILLING_MAX_CURRENT = 1 << 7,
	BILLING_MIN_POWER = 1 << 8,
	BILLING_MAX_POWER = 1 << 9,
	BILLING_MIN_DURATION = 1 << 10,
	BILLING_MAX_DURATION = 1 << 11,
	BILLING_DAY_OF_WEEK = 1 << 12,
};

/* All that are set must hold. Minima, start dates and start times belong to the range, maxima and ends do not. */
struct billing_restrictions {
	unsigned set;
	int32_t start_time_s, end_time_s;       /* of the local day; an end at or before the start is on the next day */
	int64_t start_day, end_day;             /* local; days since 1970-01-01 */
	int64_t min_uwh, max_uwh;               /* of the session so far */
	int64_t min_current_ma, max_current_ma; /* at this moment, all phases together */
	int64_t min_power_mw, max_power_mw;     /* at this moment */
	int64_t min_duration_ms, max_duration_ms; /* since the session began; in reservations: since these did */
	unsigned days;                            /* bit 0: Monday */
	enum billing_reservation reservation;
};

struct billing_element {
	struct billing_component components[BILLING_DIMENSIONS]; /* each dimension at most once */
	size_t n_components;
	struct billing_restrictions restrictions;
	bool has_restrictions; /* for export */
};

struct billing_limit {
	bool set, has_after;
	int64_t before_micro, after_micro; /* taxes */
};

enum billing_tax { BILLING_TAX_UNSAID, BILLING_TAX_EXCLUDED, BILLING_TAX_INCLUDED, BILLING_TAX_NONE };

/* What OCPI does not know. All zero: nothing. */
struct billing_extras {
	int64_t idle_grace_ms;           /* so much parking of a session is free, whichever comes first */
	int64_t idle_cap_micro;          /* what parking costs at most, before taxes */
	int64_t waive_flat_if_below_uwh; /* no FLAT for a session with less energy */
};

/* The ways to look up a component: in a session, in a reservation that led to one, in one that expired. */
enum billing_lookup { BILLING_IN_SESSION, BILLING_IN_RESERVATION, BILLING_IN_EXPIRED, BILLING_LOOKUPS };

/* An element, as it is looked up. */
struct billing_candidate {
	const struct billing_restrictions *restrictions;
	const struct billing_component *components[BILLING_DIMENSIONS]; /* NULL: it has none of these */
};

/* Candidates by bit: the first one has the lowest. */
typedef uint64_t billing_set;

/* Where restrictions of one kind begin or end, what they ask for lies in bands. */
struct billing_band {
	int64_t until;     /* does not belong to it */
	billing_set holds; /* whose restrictions of this kind hold in it */
};

struct billing_tariff {
	char id[37];
	char currency[4];
	enum billing_tax tax;
	bool old_names; /* limits are named as in 2.2.1: excl_vat, incl_vat */
	struct billing_limit min_price, max_price;
	int64_t valid_from_ms, valid_until_ms; /* 0 and INT64_MAX where unlimited */
	struct billing_extras extras;
	struct billing_element *elements;
	size_t n_elements;
	/* The members that price nothing, as they were: "key":value,"key":value; without braces. */
	struct gv_buf other;

	/* prepared */
	int exponent;
	struct billing_candidate *candidates; /* the elements; those that only expired reservations pay come first */
	billing_set with[BILLING_LOOKUPS][BILLING_DIMENSIONS]; /* the candidates that have it */
	bool asks_local;                                       /* for the time of the day, days or dates */
	billing_set weekdays[7];                               /* from Monday on: whose days they are among */
	/* Ascending; the last band ends with the day, or never. */
	struct billing_band *times_s;      /* of the local day */
	struct billing_band *days;         /* local, since 1970-01-01 */
	struct billing_band *durations_ms; /* since the session began */
	struct billing_band *energies_uwh; /* of the session so far */
	void *prepared;                    /* the memory of the above */
};

/* What is wrong with a tariff, for people: where ("elements[2].restrictions.max_kwh") and what. */
struct billing_error {
	char field[128];
	char text[256];
};

void billing_error_set(struct billing_error *e, const char *text, const char *field_format, ...)
	__attribute__((format(printf, 3, 4)));

/* Checks the tariff as billing_tariff_check does and prepares it. -EINVAL with *ret_error filled; -ENOMEM. The elements
 * must be malloc'ed; the tariff may not move its elements afterwards. */
int billing_tariff_prepare(struct billing_tariff *t, struct billing_error *ret_error);
/* Frees all that it holds; an all-zero tariff is fine. */
void billing_tariff_fini(struct billing_tariff *t);

/* Refuses values outside the limits above, restrictions that can never hold, and components that can never apply
 * because an earlier element always comes first. -EINVAL with *ret_error filled. */
int billing_tariff_check(const struct billing_tariff *t, struct billing_error *ret_error);

#endif
