/* What billing's files share. One concern a file, each with its header: people, tokens, ledger, pay, orders, charges.
 */
#ifndef BILLING_BILLING_H
#define BILLING_BILLING_H

#include <galvan/plugin.h>

#include <galvan/billing.pb-c.h>

struct billing {
	Billing__Config *config; /* lives as long as the plugin */
};

/* The page size that a request means. */
static inline uint32_t billing_limit(uint32_t asked)
{
	return asked == 0 ? 100 : asked > 1000 ? 1000 : asked;
}

#endif
