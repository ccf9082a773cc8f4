/* Sessions that have a package: stopped when its energy is about to be used up, as a hold is. A package of time ends by
 * the use's own timer. */
#include "live_internal.h"
#include <plugins/billing/pricing/pricing_message.h>

void live_package_begin(struct live_session *s, const Billing__UseRow *row)
{
	struct billing_error error;

	if (billing_package_read(row->tariff->package, &s->package, &error) < 0)
		s->package.amount = 0;
	s->started_ms = row->started_at_ms;
}

int64_t live_package_cost(struct gv_turn *t, const struct live_session *s)
{
	int64_t time_ms = gv_now_ms(t) - s->started_ms;
	int64_t used = s->package.unit == BILLING_PACKAGE_ENERGY ? s->used_uwh : time_ms > 0 ? time_ms : 0;
	struct billing_package_price price;

	return billing_package_price(&s->package, used, &price) < 0 ? s->package.price_minor : price.incl_minor;
}

static int limit(struct billing *b, struct gv_turn *t, struct live_session *s, int64_t next_uwh)
{
	Billing__UseRow *row;

	if (s->package.unit != BILLING_PACKAGE_ENERGY || s->stopping || !s->held ||
	    s->used_uwh + next_uwh <= s->package.amount)
		return 0;
	row = uses_take(t, s->device, s->item.a);
	if (!row)
		return 0;
	s->stopping = true;
	gv_log(t, GV_INFO, "session is stopped, %lld Wh of its package's %lld are used session=%s",
	       (long long)(s->used_uwh / LIVE_UWH_PER_WH), (long long)(s->package.amount / LIVE_UWH_PER_WH), s->item.a);
	return uses_stop(b, t, row, "package-used-up");
}

static void use(struct live_session *s, int64_t energy_wh)
{
	if (energy_wh > s->used_uwh / LIVE_UWH_PER_WH && energy_wh <= BILLING_ENERGY_MAX_UWH / LIVE_UWH_PER_WH)
		s->used_uwh = energy_wh * LIVE_UWH_PER_WH;
}

int live_package_metered(struct billing *b, struct gv_turn *t, struct live_session *s, int64_t energy_wh)
{
	int64_t before = s->used_uwh;

	use(s, energy_wh);
	s->cost = live_package_cost(t, s);
	return live_tell(b, t, s) ? -1 : limit(b, t, s, s->used_uwh - before);
}

void live_package_restore(struct gv_turn *t, struct live_session *s, const Charging__Session *session)
{
	use(s, session->energy_wh);
	s->cost = live_package_cost(t, s);
}

int live_package_check(struct billing *b, struct gv_turn *t, struct live_session *s)
{
	int64_t time_ms = gv_now_ms(t) - s->started_ms;
	__int128 next = time_ms > 0 ? (__int128)s->used_uwh * USES_CHECK_MS / time_ms : 0;

	return limit(b, t, s, next > s->package.amount ? s->package.amount : (int64_t)next);
}
