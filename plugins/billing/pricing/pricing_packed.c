/* A use as it came and a price as it goes, without a tree of allocations in between: whoever prices many sessions
 * spends more on these than on their prices. Both are read and packed field by field. */
#include "pricing_message.h"

#include <errno.h>
#include <lib/wire.h>
#include <string.h>

#define VARINT_MAX 10 /* bytes */

/* ---- the use --------------------------------------------------------------------------------- */

static inline int take_varint(struct gv_wire *w, uint64_t *ret)
{
	const uint8_t *at = w->at, *const end = w->end - at > VARINT_MAX ? at + VARINT_MAX : w->end;
	uint64_t value = 0;
	for (unsigned shift = 0; at < end; shift += 7) {
		uint64_t byte = *at++;
		value |= (byte & 0x7f) << shift;
		if (byte < 0x80) {
			w->at = at;
			*ret = value;
			return 0;
		}
	}
	return -EBADMSG;
}

/* gv_wire_next, but what has a tag of one byte, as nearly all numbers and messages have, is read where it is called. */
static inline int next_field(struct gv_wire *w, struct gv_wire_value *ret)
{
	if (w->at == w->end)
		return 0;
	ret->number = *w->at >> 3;
	ret->wire = (enum gv_wire_type)(*w->at & 7);
	if (ret->number == 0 || ret->number >= 16 || (ret->wire != GV_WIRE_VARINT && ret->wire != GV_WIRE_BYTES))
		return gv_wire_next(w, ret);
	w->at++;
	if (take_varint(w, &ret->u) < 0)
		return -EBADMSG;
	if (ret->wire == GV_WIRE_VARINT)
		return 1;
	if (ret->u > (size_t)(w->end - w->at))
		return -EBADMSG;
	ret->data = w->at;
	ret->size = (size_t)ret->u;
	w->at += ret->size;
	return 1;
}

/* Numbers of a message, by the numbers of its fields: 0 where they are absent. */
static int read_numbers(const struct gv_wire_value *message, int64_t *to, size_t n)
{
	struct gv_wire w = gv_wire_over(message->data, message->size);
	struct gv_wire_value field;
	int r;
	if (message->wire != GV_WIRE_BYTES)
		return -EBADMSG;
	memset(to, 0, n * sizeof *to);
	while ((r = next_field(&w, &field)) > 0) {
		if (field.number > n)
			continue;
		if (field.wire != GV_WIRE_VARINT)
			return -EBADMSG;
		to[field.number - 1] = (int64_t)field.u;
	}
	return r;
}

static int read_segment(const struct gv_wire_value *message, struct billing_segment *s)
{
	struct gv_wire w = gv_wire_over(message->data, message->size);
	struct gv_wire_value field;
	int r;
	if (message->wire != GV_WIRE_BYTES)
		return -EBADMSG;
	while ((r = next_field(&w, &field)) > 0) {
		if (field.number <= 3 && field.wire != GV_WIRE_VARINT)
			return -EBADMSG;
		switch (field.number) {
		case 1:
			s->end_ms = (int64_t)field.u;
			break;
		case 2:
			s->kind = field.u ? BILLING_IDLE : BILLING_CHARGING;
			break;
		case 3:
			s->energy_uwh = (int64_t)field.u;
			break;
		case 4:
			r = read_numbers(&field, &s->current_ma, 1); /* there: known */
			break;
		case 5:
			r = read_numbers(&field, &s->power_mw, 1);
			break;
		}
		if (r < 0)
			return r;
	}
	return r;
}

/* Fields may come in any order: where the first segment begins, and what was before it. */
static int begin(struct billing_run *run, struct gv_wire w, int64_t *ret_start_ms)
{
	struct gv_wire_value field;
	int64_t reservation[3]; /* begin, end, whether it expired */
	bool is_reserved = false;
	int r;
	*ret_start_ms = 0;
	while ((r = next_field(&w, &field)) > 0) {
		if (field.number == 1 && field.wire != GV_WIRE_VARINT)
			return -EBADMSG;
		if (field.number == 1)
			*ret_start_ms = (int64_t)field.u;
		if (field.number != 3)
			continue;
		is_reserved = true;
		r = read_numbers(&field, reservation, 3);
		if (r < 0)
			return r;
	}
	return r == 0 && is_reserved ? billing_run_reserve(run, reservation[0], reservation[1], reservation[2] != 0)
				     : r;
}

int billing_run_read(struct billing_run *run, const void *packed, size_t size)
{
	struct gv_wire w = gv_wire_over(packed, size);
	struct gv_wire_value field;
	int64_t at_ms;
	int r = begin(run, w, &at_ms);
	if (r < 0)
		return r;
	while ((r = next_field(&w, &field)) > 0) {
		if (field.number != 2)
			continue;
		struct billing_segment s = { .start_ms = at_ms,
					     .current_ma = BILLING_UNKNOWN,
					     .power_mw = BILLING_UNKNOWN };
		r = read_segment(&field, &s);
		if (r == 0)
			r = billing_run_add(run, &s);
		if (r < 0)
			return r;
		at_ms = s.end_ms;
	}
	return r;
}

/* ---- the price ------------------------------------------------------------------------------- */

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
