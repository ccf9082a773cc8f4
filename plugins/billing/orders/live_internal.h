/* What live.c and live_package.c share. */
#ifndef BILLING_LIVE_INTERNAL_H
#define BILLING_LIVE_INTERNAL_H

#include "orders.h"
#include <plugins/billing/map.h>
#include <plugins/billing/pricing/pricing.h>
#include <plugins/billing/pricing/tariff_package.h>

#define LIVE_UWH_PER_WH 1000000

/* A tariff in the engine's form, shared by the sessions that have it. */
struct live_tariff {
	char *text;
	struct billing_tariff tariff;
	size_t users;
};

struct live_session {
	struct billing_item item; /* its id */
	char *device, *order;
	struct live_tariff *tariff; /* NULL: it is being read, or it is a package's */
	struct billing_run run;
	struct billing_line *lines;
	int64_t held; /* 0: no limit */
	int64_t cost, told_cost, told_ms, asked_ms;
	bool stopping;
	bool shows_cost;
	int64_t shown_cost, shown_ms;   /* told last to its charger */
	struct billing_package package; /* amount 0: none */
	int64_t started_ms, used_uwh;   /* of a package */
};

/* NULL: it is not followed. */
struct live_session *live_find(const struct billing *b, const char *id);
/* What it costs so far: as an order's change, and to a charger that shows it. */
int live_tell(struct billing *b, struct gv_turn *t, struct live_session *s);
int priced_so_far(struct billing *b, struct gv_turn *t, struct live_session *s); /* priced.c */
int64_t live_energy_uwh(const struct live_session *s);

/* ---- live_package.c */

/* Leaves the package's amount 0 where its tariff cannot be read. */
void live_package_begin(struct live_session *s, const Billing__UseRow *row);
int64_t live_package_cost(struct gv_turn *t, const struct live_session *s);
int live_package_metered(struct billing *b, struct gv_turn *t, struct live_session *s, int64_t energy_wh);
void live_package_restore(struct gv_turn *t, struct live_session *s, const Charging__Session *session);
/* Nothing was heard of it for a while: whether it lasts until the next look. */
int live_package_check(struct billing *b, struct gv_turn *t, struct live_session *s);

#endif
