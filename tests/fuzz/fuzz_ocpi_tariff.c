/* Tariffs from other operators. What is taken is written and read back the same, and prices a night's session whose
 * columns add up and which costs the same in two halves. */
#include "fuzz.h"

#include <errno.h>
#include <plugins/billing/pricing/ocpi.h>
#include <plugins/billing/pricing/pricing.h>
#include <string.h>

#define LINES_MAX 256
#define HOUR INT64_C(3600000)

static int price(const struct billing_tariff *t, int parts, struct billing_price *ret)
{
	struct billing_line lines[LINES_MAX];
	struct billing_period periods[LINES_MAX];
	struct billing_run run;
	int64_t at_ms = INT64_C(1795035600000), sum = 0; /* a Wednesday evening */
	int r;
	billing_run_init(&run, t, NULL, lines, LINES_MAX, periods, LINES_MAX);
	r = billing_run_reserve(&run, at_ms - HOUR / 3, at_ms, false);
	for (int i = 0; r == 0 && i < 3 * parts; i++) {
		struct billing_segment s = { at_ms,
					     at_ms + 4 * HOUR / parts,
					     i < 2 * parts ? BILLING_CHARGING : BILLING_IDLE,
					     i < 2 * parts ? INT64_C(14000000000) / parts : 0,
					     16000,
					     BILLING_UNKNOWN };
		r = billing_run_add(&run, &s);
		at_ms = s.end_ms;
	}
	FUZZ_ASSERT(r == 0 || r == -ENOBUFS);
	if (r < 0)
		return r;
	r = billing_run_price(&run, ret);
	FUZZ_ASSERT(r == 0 || r == -E2BIG || (r == -EOVERFLOW && (t->min_price.set || t->max_price.set)));
	if (r < 0)
		return r;
	for (size_t i = 0; i < run.n_lines; i++)
		sum += lines[i].excl_minor;
	FUZZ_ASSERT(sum + ret->adjustment_minor == ret->excl_minor);
	FUZZ_ASSERT(ret->excl_minor >= 0 && ret->incl_minor >= ret->excl_minor);
	sum = 0;
	for (size_t i = 0; i < ret->n_taxes; i++)
		sum += ret->taxes[i].tax_minor;
	FUZZ_ASSERT(ret->n_taxes == 0 || sum == ret->incl_minor - ret->excl_minor);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct billing_tariff t, again;
	struct billing_error error = { 0 };
	struct billing_price whole, halves;
	struct gv_buf first = { 0 }, second = { 0 };
	int r = billing_ocpi_read((const char *)data, size, &t, &error);
	if (r < 0) {
		FUZZ_ASSERT(r == -EINVAL && error.text[0]);
		return 0;
	}
	FUZZ_ASSERT(billing_ocpi_write(&t, &first) == 0);
	/* an object that was near the limit may be written longer */
	if (first.size <= BILLING_OCPI_SIZE_MAX) {
		FUZZ_ASSERT(billing_ocpi_read((char *)first.data, first.size, &again, &error) == 0);
		FUZZ_ASSERT(billing_ocpi_write(&again, &second) == 0);
		FUZZ_ASSERT(first.size == second.size && memcmp(first.data, second.data, first.size) == 0);
		billing_tariff_fini(&again);
	}
	if (price(&t, 1, &whole) == 0 && price(&t, 2, &halves) == 0)
		FUZZ_ASSERT(whole.excl_fine == halves.excl_fine && whole.incl_minor == halves.incl_minor);
	billing_tariff_fini(&t);
	gv_buf_fini(&first);
	gv_buf_fini(&second);
	return 0;
}
