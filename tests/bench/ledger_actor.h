/* The ledger by itself, as a plugin of nothing else. */
#ifndef BENCH_LEDGER_ACTOR_H
#define BENCH_LEDGER_ACTOR_H

#include "bench_actor.h"

/* Opens or makes the ledger in a folder; `reply` gets each answer. NULL with the reason printed. */
struct gv_actor *ledger_actor_open(const char *folder, void (*reply)(const Env__Reply *reply));

/* ledger_verify_bench.c: makes a ledger of so many lines, verifies it, and prints what that took. The exit code. */
int bench_verify(const char *folder, uint64_t lines);

#endif
