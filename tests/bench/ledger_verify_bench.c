/* What it takes to read all of a ledger again: the time, the memory, and how long others wait meanwhile. One query and
 * one transfer are under way all the time, as a node at work would have them. */
#include "ledger_actor.h"
#include "ledger_load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BILLING "galvan.billing.v1.Billing/"
#define WAITS_MAX 4000000

/* Calls of three kinds, told apart by their ids. */
enum { FILL, VERIFY, QUERY, TRANSFER, KINDS };
static struct {
	uint64_t id;
	double begun_s;
	double *waits_us;
	size_t n;
	bool under_way;
} calls[KINDS];
static Billing__VerifyReply *verified;

static void reply(const Env__Reply *r)
{
	unsigned kind = (unsigned)(r->id % KINDS);

	if (r->code) {
		fprintf(stderr, "bench-ledger: refused: %s\n", r->error);
		exit(1);
	}
	if (kind == VERIFY)
		verified = billing__verify_reply__unpack(NULL, r->reply.len, r->reply.data);
	if (calls[kind].n < WAITS_MAX)
		calls[kind].waits_us[calls[kind].n++] = (load_now_s() - calls[kind].begun_s) * 1e6;
	calls[kind].under_way = false;
}

static int call(struct gv_actor *a, unsigned kind, const char *method, const uint8_t *request, size_t size)
{
	static uint64_t number;

	if (!number) /* those of an earlier run are for ever too */
		number = (uint64_t)load_now_s() << 24;
	calls[kind].begun_s = load_now_s();
	calls[kind].under_way = true;
	return bench_actor_call(a, ++number * KINDS + kind, method, request, size);
}

static int post(struct gv_actor *a, unsigned kind, const struct load_transfer *of, size_t n)
{
	size_t size;
	uint8_t *packed = load_pack(of, n, &size);
	int r = packed ? call(a, kind, BILLING "Post", packed, size) : -1;

	free(packed);
	return r;
}

static int wait_for(struct gv_actor *a, unsigned kind)
{
	int r = 0;

	while (r == 0 && calls[kind].under_way)
		r = bench_actor_wait(a);
	return r;
}

static int fill(struct gv_actor *a, struct load_transfer *room, uint64_t lines)
{
	int r = 0;

	for (uint64_t done = 0; r == 0 && done < lines;) {
		bool funds = done < LOAD_WALLETS;
		uint64_t left = (funds ? LOAD_WALLETS : lines) - done;
		size_t n = left < LOAD_BATCH_MAX ? left : LOAD_BATCH_MAX;

		if (funds)
			load_fund(room, n, done);
		else
			load_next(room, n);
		r = post(a, FILL, room, n);
		if (r == 0)
			r = wait_for(a, FILL);
		done += n;
		if (done % 1000000 < n)
			fprintf(stderr, "bench-ledger: %llu lines\n", (unsigned long long)done);
	}
	return r;
}

static int query(struct gv_actor *a)
{
	Billing__GetAccountRequest request = BILLING__GET_ACCOUNT_REQUEST__INIT;
	uint8_t packed[64];
	char id[24];

	snprintf(id, sizeof id, "wallet:C-%06u", (unsigned)(calls[QUERY].n * 7919 % LOAD_WALLETS));
	request.id = id;
	return call(a, QUERY, BILLING "GetAccount", packed, billing__get_account_request__pack(&request, packed));
}

/* A transfer of its own each time: by an id that no load has. */
static int transfer(struct gv_actor *a, uint64_t run)
{
	struct load_transfer x;

	load_fund(&x, 1, calls[TRANSFER].n % LOAD_WALLETS);
	snprintf(x.id, sizeof x.id, "meanwhile:%llu:%zu", (unsigned long long)run, calls[TRANSFER].n);
	return post(a, TRANSFER, &x, 1);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static void print_waits(const char *name, unsigned kind)
{
	size_t n = calls[kind].n;
	double *waits = calls[kind].waits_us;

	qsort(waits, n, sizeof *waits, by_value);
	printf(", \"%s\": {\"n\": %zu, \"p50Us\": %.0f, \"p99Us\": %.0f, \"maxUs\": %.0f}", name, n,
	       n ? waits[n / 2] : 0, n ? waits[n * 99 / 100] : 0, n ? waits[n - 1] : 0);
}

static int verify(struct gv_actor *a)
{
	double begun_s = load_now_s(), begun_cpu_s = bench_cpu_s();
	long own_kib = bench_own_kib(), most_kib = 0;
	uint64_t run = (uint64_t)begun_s;
	int r = call(a, VERIFY, BILLING "Verify", NULL, 0);

	for (unsigned n = 0; r == 0 && calls[VERIFY].under_way; n++) {
		if (!calls[QUERY].under_way)
			r = query(a);
		if (r == 0 && !calls[TRANSFER].under_way)
			r = transfer(a, run);
		if (r == 0)
			r = bench_actor_wait(a);
		if (n % 100 == 0 && bench_own_kib() > most_kib)
			most_kib = bench_own_kib();
	}
	if (r < 0 || !verified)
		return -1;
	printf("{\"lines\": %llu, \"sound\": %s, \"seconds\": %.1f, \"cpuSeconds\": %.1f, \"ownKibBefore\": %ld, "
	       "\"ownKibMost\": %ld",
	       (unsigned long long)verified->entries, verified->sound ? "true" : "false", load_now_s() - begun_s,
	       bench_cpu_s() - begun_cpu_s, own_kib, most_kib);
	print_waits("query", QUERY);
	print_waits("transfer", TRANSFER);
	printf("}\n");
	return verified->sound ? 0 : -1;
}

int bench_verify(const char *folder, uint64_t lines)
{
	struct load_transfer *room = calloc(LOAD_BATCH_MAX, sizeof *room);
	struct gv_actor *a = ledger_actor_open(folder, reply);
	char made[4096];
	FILE *mark;
	int r = a && room ? 0 : -1;

	for (unsigned kind = 0; kind < KINDS; kind++)
		calls[kind].waits_us = calloc(WAITS_MAX, sizeof(double));
	snprintf(made, sizeof made, "%s/made", folder);
	mark = fopen(made, "r");
	if (r == 0 && !mark) {
		r = fill(a, room, lines);
		mark = fopen(made, "w");
	}
	if (mark)
		fclose(mark);
	if (r == 0)
		r = verify(a);
	if (a)
		gv_actor_destroy(a);
	free(room);
	return r < 0;
}
