/* Random transfers, four for each order, and the clock. */
#include "ledger_load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LATENCIES_MAX 4000000

const struct load_case load_cases[] = { { 1, 1 }, { 1, 256 }, { 100, 1 }, { 8190, 1 } };
const size_t load_n_cases = sizeof load_cases / sizeof *load_cases;

static uint64_t made;
static struct {
	double *begun_s; /* by number, modulo the window */
	double *latencies_us;
	size_t n, under_way;
	unsigned window;
} m;

static uint64_t mix(uint64_t x)
{
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ x >> 27) * 0x94d049bb133111ebull;
	return x ^ x >> 31;
}

double load_now_s(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

void load_next(struct load_transfer *to, size_t n)
{
	static const char *const steps[] = { "hold", "settle", "vat", "rest" };
	for (size_t i = 0; i < n; i++, made++) {
		unsigned debit = (unsigned)(mix(made * 2) % LOAD_WALLETS), by = 1 + (unsigned)(mix(made) % 9999);
		snprintf(to[i].order, sizeof to[i].order, "O-%013llx", (unsigned long long)mix(made / 4) >> 12);
		snprintf(to[i].id, sizeof to[i].id, "order:%s:%s", to[i].order, steps[made % 4]);
		snprintf(to[i].debit, sizeof to[i].debit, "wallet:C-%06u", debit);
		snprintf(to[i].credit, sizeof to[i].credit, "wallet:C-%06u", (debit + by) % LOAD_WALLETS);
		to[i].amount = 1 + (int64_t)(made % 100);
	}
}

void load_fund(struct load_transfer *to, size_t n, size_t first)
{
	for (size_t i = 0; i < n; i++) {
		snprintf(to[i].order, sizeof to[i].order, "fund");
		snprintf(to[i].id, sizeof to[i].id, "fund:%zu", first + i);
		snprintf(to[i].debit, sizeof to[i].debit, "bank");
		snprintf(to[i].credit, sizeof to[i].credit, "wallet:C-%06zu", first + i);
		to[i].amount = 1000000000;
	}
}

uint8_t *load_pack(const struct load_transfer *of, size_t n, size_t *ret_size)
{
	static Billing__Transfer transfers[LOAD_BATCH_MAX], *pointers[LOAD_BATCH_MAX];
	Billing__PostRequest request = BILLING__POST_REQUEST__INIT;
	for (size_t i = 0; i < n; i++) {
		Billing__Transfer *x = pointers[i] = &transfers[i];
		billing__transfer__init(x);
		x->id = (char *)of[i].id;
		x->debit = (char *)of[i].debit;
		x->credit = (char *)of[i].credit;
		x->order = (char *)of[i].order;
		x->amount = of[i].amount;
		x->currency = (char *)"EUR";
		x->reason = (char *)"charge";
	}
	request.transfers = pointers;
	request.n_transfers = n;
	*ret_size = billing__post_request__get_packed_size(&request);
	uint8_t *packed = malloc(*ret_size);
	if (packed)
		billing__post_request__pack(&request, packed);
	return packed;
}

/* ---- measuring ------------------------------------------------------------------------------- */

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

void load_print(const char *name, const struct load_case *c, double took_s, double *latencies_us, size_t n, bool last)
{
	qsort(latencies_us, n, sizeof *latencies_us, by_value);
	printf("{\"way\": \"%s\", \"batch\": %u, \"window\": %u, \"transfersPerS\": %.0f, \"p50Us\": %.0f, \"p99Us\": "
	       "%.0f, \"maxUs\": %.0f, \"requests\": %zu}%s\n",
	       name, c->batch, c->window, (double)n * c->batch / took_s, latencies_us[n / 2],
	       latencies_us[n * 99 / 100], latencies_us[n - 1], n, last ? "]" : ",");
	fflush(stdout);
}

void load_answered(uint64_t number)
{
	m.under_way--;
	if (m.n < LATENCIES_MAX)
		m.latencies_us[m.n++] = (load_now_s() - m.begun_s[number % m.window]) * 1e6;
}

static int send_one(const struct load_way *way, struct load_transfer *of, size_t n, uint64_t number)
{
	size_t size;
	uint8_t *packed = load_pack(of, n, &size);
	m.begun_s[number % m.window] = load_now_s();
	m.under_way++;
	int r = packed ? way->send(way->arg, packed, size, number) : -1;
	free(packed);
	return r;
}

static int fund(const struct load_way *way, struct load_transfer *room)
{
	int r = 0;
	m.window = 1;
	m.n = 0;
	for (size_t done = 0; r == 0 && done < LOAD_WALLETS; done += LOAD_BATCH_MAX) {
		size_t n = LOAD_WALLETS - done < LOAD_BATCH_MAX ? LOAD_WALLETS - done : LOAD_BATCH_MAX;
		load_fund(room, n, done);
		r = send_one(way, room, n, 0);
		while (r == 0 && m.under_way)
			r = way->wait(way->arg);
	}
	return r;
}

static int measure(const struct load_way *way, const char *name, const struct load_case *c, double seconds,
		   struct load_transfer *room, bool last)
{
	double begun_s = load_now_s(), took_s = 0;
	int r = 0;
	m.window = c->window;
	m.n = 0;
	for (uint64_t number = 0; r == 0 && (took_s < seconds || m.under_way); took_s = load_now_s() - begun_s) {
		while (r == 0 && took_s < seconds && m.under_way < c->window) {
			load_next(room, c->batch);
			r = send_one(way, room, c->batch, number++);
		}
		if (r == 0)
			r = way->wait(way->arg);
	}
	if (r == 0)
		load_print(name, c, took_s, m.latencies_us, m.n, last);
	return r;
}

int load_run(const struct load_way *way, const char *name, double seconds)
{
	struct load_transfer *room = calloc(LOAD_BATCH_MAX, sizeof *room);
	m.begun_s = calloc(1024, sizeof *m.begun_s);
	m.latencies_us = calloc(LATENCIES_MAX, sizeof *m.latencies_us);
	int r = room && m.begun_s && m.latencies_us ? fund(way, room) : -1;
	printf("[");
	for (size_t i = 0; r == 0 && i < load_n_cases; i++)
		r = measure(way, name, &load_cases[i], seconds, room, i + 1 == load_n_cases);
	free(room);
	free(m.begun_s);
	free(m.latencies_us);
	return r;
}
