/* The price of a session by a tariff: exact until the last step, then rounded once.
 *
 * A run is fed the session's segments in order; it splits them where another component takes over and keeps one line
 * for each stretch of one component. Asked at any time, also while the session goes on, it says what the session costs
 * if it ends here. Pure: no clock, no I/O, no memory but the caller's. docs/adr/0008-pricing.md has the rules. */
#ifndef BILLING_PRICING_H
#define BILLING_PRICING_H

#include "tariff.h"

#include <lib/zone.h>

/* Money in fractions: of a major unit. All prices per kWh and hour are whole numbers of it per µWh and ms. */
#define BILLING_FINE ((billing_wide)9000000000000000) /* 10^6 micro, times what divides 10^9 µWh and 3.6 * 10^6 ms */

enum billing_kind { BILLING_CHARGING, BILLING_IDLE };

#define BILLING_UNKNOWN (-1)

/* A stretch of a session with nothing known in between: energy flows evenly, current and power do not change. */
struct billing_segment {
	int64_t start_ms, end_ms;
	enum billing_kind kind; /* does the vehicle take or ask for energy */
	int64_t energy_uwh;
	int64_t current_ma; /* all phases together; unknown: taken as 0, and the result says so if that mattered */
	int64_t power_mw;   /* unknown: the average over the segment */
};

/* A number of µWh or ms (or 1, for FLAT) and fractions of one. A line has no more than two: at its two ends. */
struct billing_quantity {
	int64_t whole;
	struct {
		uint64_t rem, den; /* rem < den; rem 0: none */
	} parts[2];
};

/* A stretch of a session for which one component applied. */
struct billing_line {
	const struct billing_component *component; /* the tariff's */
	enum billing_lookup lookup;                /* of the session or of its reservation */
	int64_t start_ms, end_ms;                  /* the last ms that began before its end; gaps may lie between */
	struct billing_quantity quantity;          /* before step_size */
	/* Set by billing_run_price: */
	int64_t billed;         /* µWh, ms or 1; with what step_size adds, cut to whole ones */
	billing_wide excl_fine; /* before taxes, floored */
	int64_t excl_minor;     /* the lines' add up to the price, but for the adjustment */
};

/* What OCPI calls a charging period: until the next one begins, the same components apply. */
struct billing_period {
	int64_t start_ms;
	int64_t energy_uwh; /* in it; the periods' add up to the session's */
	enum billing_lookup lookup;
	enum billing_kind kind;
	const struct billing_component *components[BILLING_DIMENSIONS]; /* NULL: free */
};

/* A part of a session in which all restrictions but those of power and current hold throughout, or do not. Ends with
 * whichever comes first. */
struct billing_cell {
	int64_t until_ms, until_uwh; /* of the clock; of the session's energy */
	billing_set holds;
};

struct billing_run {
	const struct billing_tariff *tariff;
	const struct gv_zone *zone;
	struct billing_line *lines; /* the caller's */
	size_t lines_max, n_lines;
	struct billing_period *periods; /* the caller's; may be NULL */
	size_t periods_max, n_periods;
	int64_t start_ms, at_ms; /* of the session */
	int64_t energy_uwh, idle_ms, charging_ms, reserved_ms;
	bool started, reserved, flat_done, current_assumed;
	/* private */
	enum billing_lookup lookup;
	size_t open[BILLING_DIMENSIONS]; /* the line that may go on, plus 1; 0: none */
	struct billing_cell cell;
	int64_t offset_until_ms; /* so long the zone's offset holds */
	int32_t offset_s;
};

/* Begins. The tariff must be prepared; zone NULL: UTC; periods may be NULL. All are borrowed. */
void billing_run_init(struct billing_run *run, const struct billing_tariff *tariff, const struct gv_zone *zone,
		      struct billing_line *lines, size_t lines_max, struct billing_period *periods, size_t periods_max);
/* The reservation that came before the session, or that expired without one. Before all segments; at most once.
 * -EINVAL: twice, too late, ends before it begins; -ENOBUFS: too many lines or periods. */
int billing_run_reserve(struct billing_run *run, int64_t start_ms, int64_t end_ms, bool expired);
/* The next segment. -EINVAL: it does not begin where the last one ended, ends before it begins, has negative energy or
 * a value out of range; -ENOBUFS: too many lines or periods. After a failure the run is as it was. */
int billing_run_add(struct billing_run *run, const struct billing_segment *s);

#define BILLING_RATES_MAX 16

struct billing_tax_share {
	int32_t vat_ppm; /* BILLING_VAT_NONE: on what no rate is named for */
	int64_t tax_minor;
};

enum billing_flags {
	BILLING_MIN_APPLIED = 1 << 0, /* min_price or, below, max_price changed the price */
	BILLING_MAX_APPLIED = 1 << 1,
	BILLING_IDLE_CAPPED = 1 << 2,
	BILLING_FLAT_WAIVED = 1 << 3,
	BILLING_TAX_UNKNOWN = 1 << 4,     /* something was charged for which the tariff names no rate */
	BILLING_CURRENT_ASSUMED = 1 << 5, /* a restriction asked for a current that is not known */
	BILLING_TAX_PRORATED = 1 << 6,    /* a limit names no price after taxes: they changed in proportion */
	BILLING_CREDIT = 1 << 7,
};

struct billing_price {
	int64_t excl_minor, incl_minor;
	billing_wide excl_fine, incl_fine; /* the same before they were rounded, floored */
	int64_t adjustment_minor;          /* what limits and caps changed, before taxes; not in any line */
	int64_t dimension_minor[BILLING_DIMENSIONS], reservation_minor; /* before taxes; sums of lines; the former are
									   the session's */
	struct billing_tax_share taxes[BILLING_RATES_MAX];              /* add up to incl - excl */
	size_t n_taxes;
	unsigned flags;
};

/* What the session costs if it ends here. Fills the lines' results too. -EOVERFLOW: beyond what 128 bits or the named
 * limits hold; -E2BIG: more than BILLING_RATES_MAX tax rates. */
int billing_run_price(struct billing_run *run, struct billing_price *ret);

/* The price that takes `p` back: all amounts negated. With the lines, where given. */
void billing_credit(const struct billing_price *p, const struct billing_line *lines, size_t n_lines,
		    struct billing_price *ret, struct billing_line *ret_lines);

/* ---- from a meter ---------------------------------------------------------------------------- */

#define BILLING_READINGS_MAX 65536

enum billing_state { BILLING_STATE_UNKNOWN, BILLING_STATE_CHARGING, BILLING_STATE_IDLE };

/* What was known at a moment, each value until the next one of its kind. */
struct billing_reading {
	int64_t time_ms;
	int64_t energy_uwh; /* the meter's register; BILLING_UNKNOWN: none here */
	int64_t current_ma, power_mw;
	enum billing_state state;
};

enum billing_reading_flags {
	BILLING_READING_BACKWARDS = 1 << 0, /* a register fell, or exceeded its end: left out */
	BILLING_READING_OUTSIDE = 1 << 1,   /* before the begin or after the end: left out */
	BILLING_READING_JUMP = 1 << 2,      /* more energy than max_power_mw allows; kept */
};

/* Makes segments of a session's readings, in whatever order they came. The readings are sorted and filled in. The
 * register at the begin and at the end are the session's; an end that is unknown is the last reading's. Between
 * registers energy flows evenly, cut to whole µWh. Without a state, a stretch with energy is charging. max_power_mw: of
 * the connector, or BILLING_UNKNOWN. -EINVAL: the session ends before it begins, a register is negative at its begin,
 * or too many readings; -ENOBUFS: segments_max is less than n + 1. */
int billing_segments(const struct billing_reading *begin, const struct billing_reading *end,
		     struct billing_reading *readings, size_t n, int64_t max_power_mw, struct billing_segment *segments,
		     size_t segments_max, size_t *ret_n, unsigned *ret_flags);

/* ---- for the parts of the engine ------------------------------------------------------------- */

/* Finds the cell in which a moment of the run lies: what its session has used until then is given. Moments come in
 * order. */
void billing_find_cell(struct billing_run *run, int64_t at_ms, int64_t energy_uwh);
/* The component that applies to a part of the segment that lies in the run's cell, or NULL: free. */
const struct billing_component *billing_pick(struct billing_run *run, enum billing_dimension d,
					     const struct billing_segment *s);

#endif
