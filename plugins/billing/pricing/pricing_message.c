/* Contracts are messages; the engine computes on plain structs. */
#include "pricing_message.h"

#include <errno.h>
#include <string.h>

int billing_run_feed(struct billing_run *run, const Billing__PricedUse *use)
{
	int64_t at_ms = use->start_ms;
	int r = 0;
	if (use->reservation)
		r = billing_run_reserve(run, use->reservation->start_ms, use->reservation->end_ms,
					use->reservation->expired);
	for (size_t i = 0; r == 0 && i < use->n_segments; i++) {
		const Billing__Segment *m = use->segments[i];
		struct billing_segment s = { .start_ms = at_ms,
					     .end_ms = m->end_ms,
					     .kind = m->idle ? BILLING_IDLE : BILLING_CHARGING,
					     .energy_uwh = m->energy_uwh,
					     .current_ma = m->current ? m->current->ma : BILLING_UNKNOWN,
					     .power_mw = m->power ? m->power->mw : BILLING_UNKNOWN };
		r = billing_run_add(run, &s);
		at_ms = m->end_ms;
	}
	return r;
}

static int out_of_range(struct billing_error *error, const char *field)
{
	billing_error_set(error, "is out of range", "%s", field);
	return -EINVAL;
}

static void read_currency(const char *from, char to[static 4])
{
	if (strlen(from) == 3)
		memcpy(to, from, 4);
}

int billing_rental_read(const Billing__RentalTariff *m, struct billing_rental_tariff *ret,
			struct billing_error *ret_error)
{
	struct billing_rental_tariff t = { .free_mode = (enum billing_free_mode)m->free_mode,
					   .interval_minor = m->interval_price,
					   .has_first = m->first_interval,
					   .first_interval_minor = m->first_interval ? m->first_interval->price : 0,
					   .cap_window = (enum billing_cap_window)m->cap_window,
					   .cap_minor = m->cap_amount,
					   .total_cap_minor = m->total_cap,
					   .deposit_minor = m->deposit,
					   .vat_ppm = m->vat_ppm > INT32_MAX ? INT32_MAX : (int32_t)m->vat_ppm };
	if ((unsigned)m->free_mode > BILLING_FREE_DEDUCT)
		return out_of_range(ret_error, "free_mode");
	if ((unsigned)m->cap_window > BILLING_CAP_CALENDAR_DAY)
		return out_of_range(ret_error, "cap_window");
	if (__builtin_mul_overflow(m->free_s, 1000, &t.free_ms))
		return out_of_range(ret_error, "free_s");
	if (__builtin_mul_overflow(m->interval_s, 1000, &t.interval_ms))
		return out_of_range(ret_error, "interval_s");
	read_currency(m->currency, t.currency);
	if (m->buyout) {
		t.buyout_mode = (enum billing_buyout_mode)m->buyout->mode;
		t.buyout_minor = m->buyout->price;
		if ((unsigned)m->buyout->mode > BILLING_BUYOUT_ADD)
			return out_of_range(ret_error, "buyout.mode");
		if (__builtin_mul_overflow(m->buyout->after_s, 1000, &t.buyout_after_ms))
			return out_of_range(ret_error, "buyout.after_s");
	}
	int r = billing_rental_check(&t, ret_error);
	if (r == 0)
		*ret = t;
	return r;
}

int billing_package_read(const Billing__PackageTariff *m, struct billing_package *ret, struct billing_error *ret_error)
{
	const bool energy = m->unit == BILLING__PACKAGE_UNIT__PACKAGE_UNIT_ENERGY;
	const int64_t times = energy ? 1000000 : 1000;
	struct billing_package p = { .price_minor = m->price,
				     .unit = energy ? BILLING_PACKAGE_ENERGY : BILLING_PACKAGE_TIME,
				     .refund = (enum billing_package_refund)m->refund,
				     .vat_ppm = m->vat_ppm > INT32_MAX ? INT32_MAX : (int32_t)m->vat_ppm };
	if (!energy && m->unit != BILLING__PACKAGE_UNIT__PACKAGE_UNIT_TIME)
		return out_of_range(ret_error, "unit");
	if ((unsigned)m->refund > BILLING_REFUND_PRO_RATA)
		return out_of_range(ret_error, "refund");
	if (__builtin_mul_overflow(m->amount, times, &p.amount))
		return out_of_range(ret_error, "amount");
	if (__builtin_mul_overflow(m->step ? m->step : m->amount, times, &p.step))
		return out_of_range(ret_error, "step");
	read_currency(m->currency, p.currency);
	int r = billing_package_check(&p, ret_error);
	if (r == 0)
		*ret = p;
	return r;
}
