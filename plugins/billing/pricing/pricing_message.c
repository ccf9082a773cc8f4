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

/* What a part takes at most: its fields have at most 11 bytes each, and a name of a dimension 14. All are below 128, so
 * that the length before a line, a period or a share is one byte. */
#define LINE_SIZE (2 + 14 + 7 * 11)
#define PERIOD_SIZE (2 + 4 * 11)
#define SHARE_SIZE (2 + 3 * 11)
#define REST_SIZE (8 * 11 + 6 + FLAGS * 20)
#define FLAGS 8
_Static_assert(LINE_SIZE - 2 < 128 && PERIOD_SIZE - 2 < 128 && SHARE_SIZE - 2 < 128, "a length is one byte");

/* Where the next byte goes; there is room for all of them. */
static uint8_t *put_varint(uint8_t *at, uint64_t value)
{
	for (; value >= 0x80; value >>= 7)
		*at++ = (uint8_t)(value | 0x80);
	*at++ = (uint8_t)value;
	return at;
}

static uint8_t *put_number(uint8_t *at, unsigned number, int64_t value)
{
	if (value == 0)
		return at;
	*at++ = (uint8_t)(number << 3 | GV_WIRE_VARINT);
	return put_varint(at, (uint64_t)value);
}

static uint8_t *put_text(uint8_t *at, unsigned number, const char *text)
{
	size_t size = strlen(text);
	*at++ = (uint8_t)(number << 3 | GV_WIRE_BYTES);
	*at++ = (uint8_t)size;
	memcpy(at, text, size);
	return at + size;
}

/* A message within: `at` is behind its fields, which begin two bytes behind `begin`. */
static uint8_t *end_part(uint8_t *begin, unsigned number, uint8_t *at)
{
	begin[0] = (uint8_t)(number << 3 | GV_WIRE_BYTES);
	begin[1] = (uint8_t)(at - begin - 2);
	return at;
}

static uint8_t *put_lines(const struct billing_run *run, uint8_t *to)
{
	for (size_t i = 0; i < run->n_lines; i++) {
		const struct billing_line *l = &run->lines[i];
		uint8_t *at = put_text(to + 2, 1, billing_dimension_name(l->component->dimension));
		at = put_number(at, 2, l->lookup != BILLING_IN_SESSION);
		at = put_number(at, 3, l->component->element);
		at = put_number(at, 4, l->start_ms);
		at = put_number(at, 5, l->end_ms);
		at = put_number(at, 6, l->billed);
		at = put_number(at, 7, l->component->price_micro);
		at = put_number(at, 8, l->excl_minor);
		to = end_part(to, 6, at);
	}
	for (size_t i = 0; i < run->n_periods; i++) {
		const struct billing_period *p = &run->periods[i];
		uint8_t *at = put_number(to + 2, 1, p->start_ms);
		at = put_number(at, 2, p->lookup != BILLING_IN_SESSION);
		at = put_number(at, 3, p->kind == BILLING_IDLE);
		at = put_number(at, 4, p->energy_uwh);
		to = end_part(to, 7, at);
	}
	return to;
}

static uint8_t *put_shares(const struct billing_price *p, uint8_t *to)
{
	for (size_t i = 0; i < p->n_taxes; i++) {
		bool named = p->taxes[i].vat_ppm != BILLING_VAT_NONE;
		uint8_t *at = put_number(to + 2, 1, named);
		at = put_number(at, 2, named ? p->taxes[i].vat_ppm : 0);
		at = put_number(at, 3, p->taxes[i].tax_minor);
		to = end_part(to, 5, at);
	}
	return to;
}

int billing_price_write(const struct billing_run *run, const struct billing_price *p, struct gv_buf *out)
{
	static const char *const flags[FLAGS] = { "min-price",   "max-price",       "idle-cap",     "flat-waived",
						  "tax-unknown", "current-assumed", "tax-prorated", "credit" };
	int r = gv_buf_reserve(out, run->n_lines * LINE_SIZE + run->n_periods * PERIOD_SIZE + p->n_taxes * SHARE_SIZE +
					    REST_SIZE);
	if (r < 0)
		return r;
	uint8_t *at = put_text(out->data + out->size, 1, run->tariff->currency);
	at = put_number(at, 2, p->excl_minor);
	at = put_number(at, 3, p->incl_minor);
	at = put_number(at, 4, p->adjustment_minor);
	at = put_shares(p, at);
	at = put_lines(run, at);
	at = put_number(at, 8, run->energy_uwh);
	at = put_number(at, 9, run->charging_ms);
	at = put_number(at, 10, run->idle_ms);
	at = put_number(at, 11, run->reserved_ms);
	for (size_t i = 0; i < FLAGS; i++)
		if (p->flags >> i & 1)
			at = put_text(at, 12, flags[i]);
	out->size = (size_t)(at - out->data);
	return 0;
}
