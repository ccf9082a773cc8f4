/* Holds that end by themselves. One timer, for the earliest of them: `expiries` knows the others by time. */
#include "ledger_rows.h"

#include <string.h>

#define EXPIRIES_A_TURN 500

static int expire_due(struct billing *b, struct gv_turn *t)
{
	struct gv_scan scan = { .table = &ledger_expiries };
	const char *ids[EXPIRIES_A_TURN];
	size_t n = 0;
	int64_t next_ms = 0;
	Billing__LedgerRow *head;

	while (!next_ms && gv_next(t, &scan)) {
		const Billing__ExpiryRow *row = scan.row;
		int64_t at_ms = scan.key.part[0].i;

		if (n == EXPIRIES_A_TURN || at_ms > gv_now_ms(t))
			next_ms = at_ms;
		else
			ids[n++] = row->id;
	}
	ledger_expire(b, t, ids, n);
	head = ledger_head(t);
	head->timer_ms = next_ms;
	if (next_ms)
		gv_timer(t, LEDGER_EXPIRY_TIMER, next_ms, NULL);
	return ledger_put_head(t, head);
}

int ledger_due(struct billing *b, struct gv_turn *t, const char *name)
{
	return !strcmp(name, LEDGER_VERIFY_TIMER) ? ledger_verify_on(b, t) : expire_due(b, t);
}
