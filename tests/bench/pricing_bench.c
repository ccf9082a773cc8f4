/* Sessions priced per second on one core, beside the same loop without the engine: in memory, asked after each
 * segment, and from the packed message of the use to the packed message of the price. A session has 8 segments, the
 * tariff 8 elements with times of the day, weekdays, bands of energy and power, steps and two tax rates; every second
 * session crosses a change of price. */
#include <galvan/billing.pb-c.h>
#include <plugins/billing/pricing/ocpi.h>
#include <plugins/billing/pricing/pricing_message.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SEGMENTS 8
#define SESSIONS 512
#define ROUNDS_MAX 2000 /* fewer by an argument: for a profiler */
#define LINES_MAX 64

static const char tariff_json[] =
	"{\"id\":\"bench\",\"currency\":\"EUR\",\"max_price\":{\"before_taxes\":60},\"elements\":["
	"{\"price_components\":[{\"type\":\"FLAT\",\"price\":0.5,\"vat\":19,\"step_size\":1}]},"
	"{\"price_components\":[{\"type\":\"ENERGY\",\"price\":0.29,\"vat\":19,\"step_size\":1}],"
	"\"restrictions\":{\"start_time\":\"22:00\",\"end_time\":\"06:00\"}},"
	"{\"price_components\":[{\"type\":\"ENERGY\",\"price\":0.35,\"vat\":19,\"step_size\":1}],"
	"\"restrictions\":{\"day_of_week\":[\"SATURDAY\",\"SUNDAY\"]}},"
	"{\"price_components\":[{\"type\":\"ENERGY\",\"price\":0.59,\"vat\":19,\"step_size\":1}],"
	"\"restrictions\":{\"min_power\":50}},"
	"{\"price_components\":[{\"type\":\"ENERGY\",\"price\":0.45,\"vat\":19,\"step_size\":1}],"
	"\"restrictions\":{\"max_kwh\":10}},"
	"{\"price_components\":[{\"type\":\"ENERGY\",\"price\":0.49,\"vat\":19,\"step_size\":1}]},"
	"{\"price_components\":[{\"type\":\"PARKING_TIME\",\"price\":6,\"vat\":7,\"step_size\":60}],"
	"\"restrictions\":{\"start_time\":\"08:00\",\"end_time\":\"20:00\"}},"
	"{\"price_components\":[{\"type\":\"PARKING_TIME\",\"price\":1,\"vat\":7,\"step_size\":60}]}]}";

struct use {
	struct billing_segment segments[SEGMENTS];
	uint8_t packed[512];
	size_t packed_size;
};

static struct use uses[SESSIONS];
static struct billing_tariff tariff;
static struct gv_zone *zone;
static int rounds = ROUNDS_MAX;

static void make_uses(void)
{
	uint64_t random = 1;
	for (int i = 0; i < SESSIONS; i++) {
		Billing__PricedUse m = BILLING__PRICED_USE__INIT;
		Billing__Segment parts[SEGMENTS], *pointers[SEGMENTS];
		int64_t at_ms = INT64_C(1795000000000) + i * INT64_C(7200000);
		m.start_ms = at_ms;
		for (int j = 0; j < SEGMENTS; j++) {
			struct billing_segment *s = &uses[i].segments[j];
			random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
			s->start_ms = at_ms;
			s->end_ms = at_ms += 300000 + (int64_t)(random >> 33) % 900000;
			s->kind = j == SEGMENTS - 1 ? BILLING_IDLE : BILLING_CHARGING;
			s->energy_uwh = s->kind == BILLING_IDLE ? 0 : (int64_t)(random >> 20) % INT64_C(4000000000);
			s->current_ma = s->power_mw = BILLING_UNKNOWN;
			billing__segment__init(&parts[j]);
			parts[j].end_ms = s->end_ms;
			parts[j].idle = s->kind == BILLING_IDLE;
			parts[j].energy_uwh = s->energy_uwh;
			pointers[j] = &parts[j];
		}
		m.segments = pointers;
		m.n_segments = SEGMENTS;
		uses[i].packed_size = billing__priced_use__pack(&m, uses[i].packed);
	}
}

/* Stays apart from the engine: what the loop itself costs. */
static int64_t price_nothing(struct use *u)
{
	int64_t sum = 0;
	for (int i = 0; i < SEGMENTS; i++)
		sum += u->segments[i].energy_uwh;
	return sum;
}

static int64_t price_in_memory(struct use *u)
{
	struct billing_line lines[LINES_MAX];
	struct billing_run run;
	struct billing_price p;
	billing_run_init(&run, &tariff, zone, lines, LINES_MAX, NULL, 0);
	for (int i = 0; i < SEGMENTS; i++)
		if (billing_run_add(&run, &u->segments[i]) < 0)
			abort();
	if (billing_run_price(&run, &p) < 0)
		abort();
	return p.incl_minor;
}

/* As a session is followed: without its price at the end, and with it whenever there is more of it. */
static int64_t add_segments(struct use *u)
{
	struct billing_line lines[LINES_MAX];
	struct billing_run run;
	billing_run_init(&run, &tariff, zone, lines, LINES_MAX, NULL, 0);
	for (int i = 0; i < SEGMENTS; i++)
		if (billing_run_add(&run, &u->segments[i]) < 0)
			abort();
	return (int64_t)run.n_lines;
}

static int64_t price_each_segment(struct use *u)
{
	struct billing_line lines[LINES_MAX];
	struct billing_run run;
	struct billing_price p = { 0 };
	billing_run_init(&run, &tariff, zone, lines, LINES_MAX, NULL, 0);
	for (int i = 0; i < SEGMENTS; i++)
		if (billing_run_add(&run, &u->segments[i]) < 0 || billing_run_price(&run, &p) < 0)
			abort();
	return p.incl_minor;
}

static int64_t price_messages(struct use *u)
{
	static struct gv_buf out;
	struct billing_line lines[LINES_MAX];
	struct billing_period periods[LINES_MAX];
	struct billing_run run;
	struct billing_price p;
	out.size = 0;
	billing_run_init(&run, &tariff, zone, lines, LINES_MAX, periods, LINES_MAX);
	if (billing_run_read(&run, u->packed, u->packed_size) < 0 || billing_run_price(&run, &p) < 0 ||
	    billing_price_write(&run, &p, &out) < 0)
		abort();
	return p.incl_minor;
}

static int64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static int compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return (x > y) - (x < y);
}

/* Others' load takes caches and clock rates away from some rounds and not from others: the fastest one shows what the
 * engine takes, the median what a core gives today. Returns the sessions per second of the fastest. */
static double measure(const char *name, int64_t (*work)(struct use *))
{
	static int64_t took_ns[ROUNDS_MAX];
	static volatile int64_t sink;
	int64_t sum = 0;
	for (int round = 0; round < rounds; round++) {
		int64_t start_ns = now_ns();
		for (int i = 0; i < SESSIONS; i++)
			sum += work(&uses[i]);
		took_ns[round] = now_ns() - start_ns;
	}
	sink = sum;
	(void)sink;
	qsort(took_ns, (size_t)rounds, sizeof *took_ns, compare);
	double fastest = SESSIONS * 1e9 / (double)took_ns[0], median = SESSIONS * 1e9 / (double)took_ns[rounds / 2];
	printf("%-24s %11.0f sessions/s per core in the fastest round (%.0f ns each), %11.0f in the median\n", name,
	       fastest, 1e9 / fastest, median);
	return fastest;
}

static void read_zone(void)
{
	static uint8_t data[GV_ZONE_SIZE_MAX];
	FILE *f = fopen("/usr/share/zoneinfo/Europe/Amsterdam", "rb");
	size_t size = f ? fread(data, 1, sizeof data, f) : 0;
	if (f)
		fclose(f);
	if (gv_zone_parse(data, size, &zone) < 0)
		printf("without tzdata: in UTC\n");
}

int main(int argc, char **argv)
{
	struct billing_error error;
	if (argc > 1)
		rounds = atoi(argv[1]);
	if (rounds < 1 || rounds > ROUNDS_MAX) {
		fprintf(stderr, "usage: %s [ROUNDS of 1 .. %d]\n", argv[0], ROUNDS_MAX);
		return 1;
	}
	if (billing_ocpi_read(tariff_json, sizeof tariff_json - 1, &tariff, &error) < 0) {
		fprintf(stderr, "%s: %s\n", error.field, error.text);
		return 1;
	}
	read_zone();
	make_uses();
	measure("the loop alone", price_nothing);
	measure("segments added", add_segments);
	measure("each segment's price", price_each_segment);
	double memory = measure("in memory", price_in_memory),
	       messages = measure("from message to message", price_messages);
	printf("ratio to 1,000,000 sessions/s: %.2f in memory, %.2f with messages\n", memory / 1e6, messages / 1e6);
	billing_tariff_fini(&tariff);
	gv_zone_destroy(zone);
	return 0;
}
