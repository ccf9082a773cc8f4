/* The ledger on the kernel's actor, in this process: no bus, no other process, the disk as a node has it. */
#ifndef BENCH_LEDGER_ACTOR_H
#define BENCH_LEDGER_ACTOR_H

#include <kernel/actor.h>

#include <galvan/envelope.pb-c.h>
#include <stddef.h>
#include <stdint.h>

/* Opens or makes the ledger in a folder; `reply` gets each answer. NULL with the reason printed. */
struct gv_actor *bench_actor_open(const char *folder, void (*reply)(const Env__Reply *reply));
/* 0, or -1. */
int bench_actor_call(struct gv_actor *a, uint64_t id, const char *method, const uint8_t *request, size_t size);
/* Runs a turn and sends what it made. 0, or -1. */
int bench_actor_wait(void *actor);

/* ledger_verify_bench.c: makes a ledger of so many lines, verifies it, and prints what that took. The exit code. */
int bench_verify(const char *folder, uint64_t lines);

#endif
