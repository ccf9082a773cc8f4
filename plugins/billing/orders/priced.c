/* What sessions cost is told to those that show it to drivers: of chargers with a display, and of no others, as each
 * word of it is a write. */
#include "live_internal.h"
#include <plugins/billing/pricing/money.h>

#define PRICED_EVERY_MS 30000 /* at most, of a session that goes on */

static int tell(struct billing *b, struct gv_turn *t, const char *device, const char *session, int64_t cost, bool final)
{
	Billing__SessionPriced event = BILLING__SESSION_PRICED__INIT;

	event.device = (char *)device;
	event.session = (char *)session;
	event.cost = cost;
	event.currency = b->config->currency;
	event.decimals = (uint32_t)billing_currency_exponent(event.currency);
	event.final = final;
	return gv_emit(t, &event);
}

int priced_so_far(struct billing *b, struct gv_turn *t, struct live_session *s)
{
	if (!s->shows_cost ||
	    (s->shown_ms && (s->cost == s->shown_cost || gv_now_ms(t) - s->shown_ms < PRICED_EVERY_MS)))
		return 0;
	s->shown_cost = s->cost;
	s->shown_ms = gv_now_ms(t);
	return tell(b, t, s->device, s->item.a, s->cost, false);
}

int priced_in_the_end(struct billing *b, struct gv_turn *t, const Billing__UseRow *use, int64_t cost)
{
	return use->shows_cost ? tell(b, t, use->device, use->session, cost, true) : 0;
}

/* Its charger's display was not known when it started. */
int priced_shown(void *self, struct gv_turn *t, const ProtobufCMessage *event, const struct gv_emitter *from)
{
	const Charging__SessionShowsCost *e = (const Charging__SessionShowsCost *)event;
	const Billing__UseRow *known = gv_get(t, &uses_table, gv_key(e->device, e->session_id));
	struct live_session *s = live_find(self, e->session_id);

	if (!known || known->shows_cost)
		return 0;
	((Billing__UseRow *)gv_edit(t, &uses_table, gv_key(e->device, e->session_id)))->shows_cost = true;
	if (!s)
		return 0;
	s->shows_cost = true;
	return priced_so_far(self, t, s);
}
