/* The engine reads a use and packs a price by hand: both must be as protobuf-c would have it. */
#include "world.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <plugins/billing/pricing/pricing_message.h>
#include <string.h>

#include "../../leaks.h"

TestSuite(packed, .fini = check_leaks);

#define LINES_MAX 64
#define ROUNDS 50000

/* Fields in another order than most would pack them, twice, and unknown ones. */
static const uint8_t mixed[] = {
	0x12, 0x06, 0x08, 0x80, 0x89, 0x7a, 0x18, 0x07,                   /* a segment, before the use's begin */
	0x22, 0x03, 'U',  'T',  'C',                                      /* the zone */
	0x12, 0x08, 0x08, 0xff, 0xff, 0x7f, 0x22, 0x02, 0x08, 0x05,       /* with a current */
	0x12, 0x09, 0x08, 0x80, 0x80, 0x80, 0x01, 0x10, 0x01, 0x2a, 0x00, /* idle, at a power of 0 */
	0xa2, 0x06, 0x01, 0xff, 0xa8, 0x06, 0xff, 0x01,                   /* fields of tomorrow */
	0x1a, 0x04, 0x10, 0x04, 0x18, 0x01,                               /* a reservation that expired */
	0x08, 0x80, 0x01, 0x08, 0x05,                                     /* two begins: the last one counts */
};

struct priced {
	struct billing_line lines[LINES_MAX];
	struct billing_period periods[LINES_MAX];
	struct billing_run run;
	struct gv_buf out;
};

static void begin(struct priced *p, const struct billing_tariff *t)
{
	p->out.size = 0;
	billing_run_init(&p->run, t, NULL, p->lines, LINES_MAX, p->periods, LINES_MAX);
}

static int end(struct priced *p, int r)
{
	struct billing_price price;
	if (r == 0)
		r = billing_run_price(&p->run, &price);
	return r < 0 ? r : billing_price_write(&p->run, &price, &p->out);
}

Test(packed, reads_a_use_as_protobuf_does)
{
	static struct priced read, fed;
	struct billing_tariff t = world_tariff(
		"{'id':'p','currency':'EUR','elements':[{'price_components':[{'type':'ENERGY','price':0.3,'step_size':"
		"1},"
		"{'type':'TIME','price':2,'step_size':1}],'restrictions':{'min_current':1,'min_power':1}},"
		"{'price_components':[{'type':'FLAT','price':1,'step_size':1}],"
		"'restrictions':{'reservation':'RESERVATION_EXPIRES'}},"
		"{'price_components':[{'type':'TIME','price':1,'step_size':1},{'type':'PARKING_TIME','price':6,'step_"
		"size':60}"
		"]}]}");
	size_t taken = 0, refused = 0, strict = 0;
	struct world_random r = { 1 };
	for (int round = 0; round < ROUNDS; round++) {
		uint8_t packed[sizeof mixed];
		size_t size = world_below(&r, 4) ? sizeof mixed : (size_t)world_below(&r, sizeof mixed);
		memcpy(packed, mixed, sizeof mixed);
		for (int64_t changes = round ? world_below(&r, 4) : 0; changes > 0; changes--)
			packed[world_below(&r, sizeof packed)] = (uint8_t)world_below(&r, 256);
		begin(&read, &t);
		begin(&fed, &t);
		Billing__PricedUse *use = billing__priced_use__unpack(NULL, size, packed);
		int got = end(&read, billing_run_read(&read.run, packed, size));
		if (use && got == -EBADMSG) {
			strict++; /* protobuf-c takes a bool of any type */
		} else if (use) {
			cr_assert_eq(got, end(&fed, billing_run_feed(&fed.run, use)), "round %d: %d", round, got);
			cr_assert(read.out.size == fed.out.size, "round %d", round);
			cr_assert(got || !memcmp(read.out.data, fed.out.data, fed.out.size), "round %d", round);
		}
		if (use)
			billing__priced_use__free_unpacked(use, NULL);
		*(got == 0 ? &taken : &refused) += 1;
	}
	cr_assert(taken > 5000 && refused > 5000 && strict < 100, "%zu, %zu, %zu", taken, refused, strict);
	gv_buf_fini(&read.out);
	gv_buf_fini(&fed.out);
	billing_tariff_fini(&t);
}

Test(packed, refuses_what_is_no_use)
{
	static struct priced p;
	static const struct {
		const char *what;
		size_t size;
		uint8_t packed[16];
	} wrong[] = {
		{ "a begin that is no number", 3, { 0x0a, 0x01, 0x00 } },
		{ "a segment that is no message", 2, { 0x10, 0x01 } },
		{ "a segment longer than the use", 2, { 0x12, 0x01 } },
		{ "an end that is no number", 5, { 0x12, 0x03, 0x0a, 0x01, 0x00 } },
		{ "a current that is no message", 4, { 0x12, 0x02, 0x20, 0x01 } },
		{ "a reservation's end that is no number", 5, { 0x1a, 0x03, 0x12, 0x01, 0x00 } },
		{ "a number without an end", 2, { 0x08, 0x80 } },
		{ "a number of eleven bytes",
		  12,
		  { 0x08, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00 } },
		{ "a field without a number", 2, { 0x00, 0x00 } },
	};
	struct billing_tariff t = world_tariff("{'id':'p','currency':'EUR','elements':[{'price_components':["
					       "{'type':'ENERGY','price':0.3,'step_size':1}]}]}");
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		begin(&p, &t);
		cr_expect_eq(billing_run_read(&p.run, wrong[i].packed, wrong[i].size), -EBADMSG, "%s", wrong[i].what);
	}
	begin(&p, &t);
	cr_expect_eq(billing_run_read(&p.run, NULL, 0), 0, "nothing at all is a use of nothing");
	billing_tariff_fini(&t);
}

/* Also the longest numbers. */
Test(packed, packs_a_price_as_protobuf_does)
{
	enum { LINES = 3, PERIODS = 3 };
	struct billing_tariff tariff = { .currency = "EUR" };
	const struct billing_component component = { .dimension = BILLING_PARKING,
						     .element = UINT32_MAX,
						     .price_micro = INT64_MIN };
	struct billing_line lines[LINES];
	struct billing_period periods[PERIODS];
	struct billing_run run = { .tariff = &tariff,
				   .lines = lines,
				   .n_lines = LINES,
				   .periods = periods,
				   .n_periods = PERIODS,
				   .energy_uwh = -1,
				   .charging_ms = -1,
				   .idle_ms = -1,
				   .reserved_ms = -1 };
	struct billing_price p = {
		.excl_minor = -1, .incl_minor = -1, .adjustment_minor = -1, .n_taxes = BILLING_RATES_MAX, .flags = 0xff
	};
	struct gv_buf out = { 0 };
	for (int i = 0; i < LINES; i++) {
		lines[i] = (struct billing_line){ .component = &component,
						  .lookup = BILLING_IN_RESERVATION,
						  .start_ms = -1,
						  .end_ms = -1,
						  .billed = -1,
						  .excl_minor = -1 };
		periods[i] = (struct billing_period){
			.start_ms = -1, .energy_uwh = -1, .lookup = BILLING_IN_RESERVATION, .kind = BILLING_IDLE
		};
	}
	for (int i = 0; i < BILLING_RATES_MAX; i++)
		p.taxes[i] = (struct billing_tax_share){ .vat_ppm = i ? INT32_MAX : BILLING_VAT_NONE, .tax_minor = -1 };
	cr_assert_eq(billing_price_write(&run, &p, &out), 0);
	Billing__Price *m = billing__price__unpack(NULL, out.size, out.data);
	uint8_t packed[8192];
	cr_assert_not_null(m);
	cr_assert_eq(billing__price__get_packed_size(m), out.size);
	billing__price__pack(m, packed);
	cr_expect_arr_eq(packed, out.data, out.size);
	cr_expect(m->n_lines == LINES && m->n_periods == PERIODS && m->n_flags == 8);
	billing__price__free_unpacked(m, NULL);
	gv_buf_fini(&out);
}
