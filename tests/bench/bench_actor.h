/* One instance of a plugin on the kernel's actor, in this process: no bus, no other process, the disk as a node has it.
 * What would be other instances is the bench: it hands packets in and gets what comes out. */
#ifndef BENCH_ACTOR_H
#define BENCH_ACTOR_H

#include <kernel/actor.h>

#include <galvan/envelope.pb-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bench_actor_options {
	const char *folder; /* its store's; made where it is not there */
	const struct gv_plugin *plugin;
	const uint8_t *config; /* packed */
	size_t config_size;
	const char *other_plugin; /* whose only instance the bench is: "ocpp" */
	char **serves;            /* its services */
	size_t n_serves;
	bool other_is_driver;         /* it opens connections */
	uint64_t store_limit_bytes;   /* 0: the kernel's; valgrind has no room for that */
	int64_t (*now_ms)(void *arg); /* NULL: the clock's */
	void (*item)(const char *to, const Env__Item *item);
};
/* NULL with the reason printed. There can be one at a time. */
struct gv_actor *bench_actor_open(const struct bench_actor_options *o);
/* What the other instance sends in one turn, packed; malloc'd. */
uint8_t *bench_actor_pack(Env__Item **items, size_t n, size_t *ret_size);
/* Hands in what the other instance sends in one turn. 0, or -1. */
int bench_actor_items(struct gv_actor *a, Env__Item **items, size_t n);
int bench_actor_call(struct gv_actor *a, uint64_t id, const char *method, const uint8_t *request, size_t size);
/* Runs a turn and sends what it made. 0, or -1. */
int bench_actor_wait(void *actor);

double bench_cpu_s(void);
/* Memory of this process that is its own, unlike the store's pages. */
long bench_own_kib(void);

#endif
