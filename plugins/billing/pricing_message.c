/* Contracts are messages; the engine computes on plain structs. A result is packed field by field, in one pass and
 * without a tree of allocations. */
#include "pricing_message.h"

#include <errno.h>
#include <lib/wire.h>
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

/* ---- the result ------------------------------------------------------------------------------ */

static void put_number(struct gv_buf *b, uint32_t number, int64_t value)
{
	if (value == 0)
		return;
	gv_wire_put_tag(b, number, GV_WIRE_VARINT);
	gv_wire_put_varint(b, (uint64_t)value);
}

static void put_text(struct gv_buf *b, uint32_t number, const char *text)
{
	gv_wire_put_bytes(b, number, text, strlen(text));
}

/* Packs what `part` holds as a field and empties it. */
static void put_part(struct gv_buf *b, uint32_t number, struct gv_buf *part)
{
	gv_wire_put_bytes(b, number, part->data, part->size);
	b->error = part->error ? part->error : b->error;
	part->size = 0;
}

static void put_lines(const struct billing_run *run, struct gv_buf *part, struct gv_buf *out)
{
	for (size_t i = 0; i < run->n_lines; i++) {
		const struct billing_line *l = &run->lines[i];
		put_text(part, 1, billing_dimension_name(l->component->dimension));
		put_number(part, 2, l->lookup != BILLING_IN_SESSION);
		put_number(part, 3, l->component->element);
		put_number(part, 4, l->start_ms);
		put_number(part, 5, l->end_ms);
		put_number(part, 6, l->billed);
		put_number(part, 7, l->component->price_micro);
		put_number(part, 8, l->excl_minor);
		put_part(out, 6, part);
	}
	for (size_t i = 0; i < run->n_periods; i++) {
		const struct billing_period *p = &run->periods[i];
		put_number(part, 1, p->start_ms);
		put_number(part, 2, p->lookup != BILLING_IN_SESSION);
		put_number(part, 3, p->kind == BILLING_IDLE);
		put_number(part, 4, p->energy_uwh);
		put_part(out, 7, part);
	}
}

int billing_price_write(const struct billing_run *run, const struct billing_price *p, struct gv_buf *out)
{
	static const char *const flags[] = { "min-price",   "max-price",       "idle-cap",     "flat-waived",
					     "tax-unknown", "current-assumed", "tax-prorated", "credit" };
	struct gv_buf part = { 0 };
	put_text(out, 1, run->tariff->currency);
	put_number(out, 2, p->excl_minor);
	put_number(out, 3, p->incl_minor);
	put_number(out, 4, p->adjustment_minor);
	for (size_t i = 0; i < p->n_taxes; i++) {
		bool named = p->taxes[i].vat_ppm != BILLING_VAT_NONE;
		put_number(&part, 1, named);
		put_number(&part, 2, named ? p->taxes[i].vat_ppm : 0);
		put_number(&part, 3, p->taxes[i].tax_minor);
		put_part(out, 5, &part);
	}
	put_lines(run, &part, out);
	put_number(out, 8, run->energy_uwh);
	put_number(out, 9, run->charging_ms);
	put_number(out, 10, run->idle_ms);
	put_number(out, 11, run->reserved_ms);
	for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
		if (p->flags >> i & 1)
			put_text(out, 12, flags[i]);
	gv_buf_fini(&part);
	return out->error;
}
