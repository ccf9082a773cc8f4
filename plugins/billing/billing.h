/* What billing's files share. One concern a file, each with its header: people, tokens, ledger, pay, orders, charges.
 */
#ifndef BILLING_BILLING_H
#define BILLING_BILLING_H

#include <galvan/plugin.h>

#include <galvan/billing.pb-c.h>

struct ledger;
struct places;
struct tariffs;
struct live;

struct billing {
	Billing__Config *config; /* lives as long as the plugin */
	struct ledger *ledger;   /* ledger_rows.h */
	struct live *live;       /* live.c: the sessions that go on */
	struct gv_zones *zones;  /* places.c: time zones read so far */
	struct tariffs *tariffs; /* tariffs_price.c: tariffs read so far */
	/* The ledger says that a wallet or a card's purse has run empty, or has money again, in the turn in which it
	 * has: that is what decides whether it may be used. May be NULL. */
	int (*account_changed)(struct billing *b, struct gv_turn *t, const char *account);
	int64_t pay_warned_ms; /* pay_stripe.c: when a wrong signature was last told of */
	int64_t codes_minute;  /* signin.c: the minute in which */
	uint32_t codes_sent;   /* so many codes were asked for */
};

/* The page size that a request means. */
static inline uint32_t billing_limit(uint32_t asked)
{
	return asked == 0 ? 100 : asked > 1000 ? 1000 : asked;
}

#endif
