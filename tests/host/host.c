/* The clock of the test host: one heap of what is due, popped in the order of virtual time, ties broken by the seed. */
#include "private.h"

#include <errno.h>
#include <ftw.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HOST_EPOCH_MS 1736906994000 /* 2025-01-15T02:09:54Z */

void *host_zalloc(size_t size)
{
	void *p = calloc(1, size ? size : 1);

	if (!p)
		abort();
	return p;
}

void *host_dup(const void *data, size_t size)
{
	uint8_t *copy = host_zalloc(size + 1);

	if (size)
		memcpy(copy, data, size);
	return copy;
}

/* splitmix64 */
uint64_t host_next(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15u);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

bool host_chance(uint64_t *state, unsigned per_mille)
{
	return per_mille && host_next(state) % 1000 < per_mille;
}

uint64_t host_random(struct host *h)
{
	return host_next(&h->rng_test);
}

uint32_t host_below(struct host *h, uint32_t n)
{
	return (uint32_t)(host_random(h) % n);
}

void host_mix(struct host *h, const void *data, size_t size)
{
	const uint8_t *p = data;
	uint64_t x = h->trace ^ size, word;

	for (; size >= sizeof word; p += sizeof word, size -= sizeof word) {
		memcpy(&word, p, sizeof word);
		x = (x ^ word) * 0x9fb21c651e98df25u;
		x ^= x >> 32;
	}
	for (word = 0; size; size--)
		word = word << 8 | *p++;
	x = (x ^ word) * 0x9fb21c651e98df25u;
	h->trace = x ^ x >> 29;
}

void host_say(struct host *h, const char *fmt, ...)
{
	va_list ap;

	if (!h->verbose)
		return;
	fprintf(stderr, "%8lld.%03lld ", (long long)(h->now - HOST_EPOCH_MS) / 1000,
		(long long)(h->now - HOST_EPOCH_MS) % 1000);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

void host_fail(struct host *h, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "seed %llu, step %llu, %lld ms in: ", (unsigned long long)h->seed, (unsigned long long)h->steps,
		(long long)(h->now - HOST_EPOCH_MS));
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "\nagain: %s --seed %llu\n", h->again, (unsigned long long)h->seed);
	fflush(stderr);
	nftw(h->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS); /* its seed brings everything back */
	_exit(1);
}

/* ---- what is due ----------------------------------------------------------------------------- */

static bool sooner(const struct host_due *a, const struct host_due *b)
{
	if (a->at != b->at)
		return a->at < b->at;
	return a->tie != b->tie ? a->tie < b->tie : a->order < b->order;
}

void host_at(struct host *h, int64_t at, host_fn *fn, void *arg, uint64_t tag)
{
	struct host_due d = { .at = at < h->now ? h->now : at,
			      .tie = host_next(&h->rng_run),
			      .order = h->order++,
			      .fn = fn,
			      .arg = arg,
			      .tag = tag };
	size_t i;

	if (h->n_due == h->cap_due) {
		h->cap_due = h->cap_due ? h->cap_due * 2 : 256;
		h->due = realloc(h->due, h->cap_due * sizeof *h->due);
		if (!h->due)
			abort();
	}
	for (i = h->n_due++; i && sooner(&d, &h->due[(i - 1) / 2]); i = (i - 1) / 2)
		h->due[i] = h->due[(i - 1) / 2];
	h->due[i] = d;
}

static struct host_due pop(struct host *h)
{
	struct host_due top = h->due[0], last = h->due[--h->n_due];
	size_t i = 0, child;

	while ((child = 2 * i + 1) < h->n_due) {
		if (child + 1 < h->n_due && sooner(&h->due[child + 1], &h->due[child]))
			child++;
		if (!sooner(&h->due[child], &last))
			break;
		h->due[i] = h->due[child];
		i = child;
	}
	h->due[i] = last;
	return top;
}

bool host_step(struct host *h)
{
	struct host_due d;

	if (!h->n_due)
		return false;
	d = pop(h);
	h->now = d.at;
	h->steps++;
	host_mix(h, &d.at, sizeof d.at);
	d.fn(h, d.arg, d.tag);
	return true;
}

int64_t host_now_ms(const struct host *h)
{
	return h->now;
}

struct after {
	void (*fn)(struct host *h, void *arg);
	void *arg;
};

static void run_after(struct host *h, void *arg, uint64_t tag)
{
	struct after after = *(struct after *)arg;

	free(arg);
	after.fn(h, after.arg);
}

void host_after(struct host *h, int64_t delay_ms, void (*fn)(struct host *h, void *arg), void *arg)
{
	struct after *after = host_zalloc(sizeof *after);

	*after = (struct after){ fn, arg };
	host_at(h, h->now + delay_ms, run_after, after, 0);
}

void host_run_ms(struct host *h, int64_t ms)
{
	int64_t until = h->now + ms;

	while (h->n_due && h->due[0].at <= until)
		host_step(h);
	h->now = until;
}

bool host_run_until(struct host *h, bool (*done)(struct host *h, void *arg), void *arg, int64_t within_ms)
{
	int64_t until = h->now + within_ms;

	while (!done(h, arg)) {
		if (!h->n_due || h->due[0].at > until) {
			h->now = until;
			return done(h, arg);
		}
		host_step(h);
	}
	return true;
}

static bool quiet(struct host *h, int64_t quiet_ms)
{
	if (h->in_flight)
		return false;
	for (size_t i = 0; i < h->n_peers; i++) {
		const struct host_peer *p = &h->peers[i];

		if (p->wanted && !p->alive)
			return false;
		if (p->alive && (p->directory_seen != h->directory_version || p->wake_at <= h->now + quiet_ms))
			return false;
	}
	return true;
}

void host_settle(struct host *h, int64_t quiet_ms)
{
	int64_t limit = h->now + 10 * 60 * 1000;

	while (!quiet(h, quiet_ms)) {
		host_check(h, h->now < limit && h->n_due,
			   "the node does not come to rest within ten minutes of its time");
		host_step(h);
	}
}

/* ---- faults ---------------------------------------------------------------------------------- */

void host_set(struct host *h, enum host_fault fault, unsigned per_mille)
{
	h->faults[fault] = per_mille;
}

uint64_t host_seed(const struct host *h)
{
	return h->seed;
}

uint64_t host_trace(const struct host *h)
{
	return h->trace;
}

uint64_t host_crashes(const struct host *h)
{
	return h->crashes;
}

void host_again(struct host *h, const char *command)
{
	h->again = command;
}

void host_verbose(struct host *h, bool on)
{
	h->verbose = on;
}

const char *host_error(const struct host *h)
{
	return h->error;
}

/* ---- life ------------------------------------------------------------------------------------ */

struct host *host_create(uint64_t seed)
{
	struct host *h = host_zalloc(sizeof *h);
	uint64_t state = seed;

	/* LMDB asks for 2 MB of zeroes at each start: fresh pages are zero for nothing. */
	mallopt(M_MMAP_THRESHOLD, 1 << 20);
	h->seed = seed;
	h->again = "the test";
	h->rng_test = host_next(&state);
	h->rng_bus = host_next(&state);
	h->rng_run = host_next(&state);
	h->rng_crash = host_next(&state);
	h->now = HOST_EPOCH_MS;
	snprintf(h->folder, sizeof h->folder, "%s/galvan-sim-XXXXXX", access("/dev/shm", W_OK) ? P_tmpdir : "/dev/shm");
	if (!mkdtemp(h->folder))
		host_fail(h, "no temporary folder %s: %s", h->folder, strerror(errno));
	host_probe_create(h);
	if (host_link_create(h) < 0)
		host_fail(h, "no memory for the host");
	return h;
}

void host_destroy(struct host *h)
{
	struct host_pair *pair;

	if (!h)
		return;
	for (size_t i = 0; i < h->n_peers; i++)
		gv_actor_destroy(h->peers[i].actor);
	for (size_t i = 0; i < h->n_plugins; i++)
		free(h->plugins[i].config);
	while ((pair = h->pairs)) {
		struct host_item *item;

		h->pairs = pair->next;
		while ((item = pair->head)) {
			pair->head = item->next;
			free(item);
		}
		free(pair);
	}
	for (size_t i = 0; i < h->n_due; i++)
		if (h->due[i].fn == run_after)
			free(h->due[i].arg);
	host_link_destroy(h);
	host_probe_destroy(h);
	nftw(h->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(h->due);
	free(h);
}
