/* The run-time of one plugin instance, without I/O of its own: packets in, turns, packets out.
 *
 * An actor owns its store, its journal, its calls, its timers, its connections and the plugin's self. It sees the world
 * through `env` only, so that the same code runs over ZeroMQ in a process or thread (kernel/host.c) and under the test
 * host's virtual clock and bus. Not thread-safe: one thread per actor. */
#ifndef GV_ACTOR_H
#define GV_ACTOR_H

#include <galvan/driver.h>
#include <galvan/plugin.h>
#include <galvan/kernel.pb-c.h>

struct gv_actor;

/* Where the test host may kill an actor; a node passes no hook. */
enum gv_point { GV_BEFORE_COMMIT, GV_AFTER_COMMIT, GV_BEFORE_SEND, GV_AFTER_SEND };

struct gv_env {
	void *arg;
	int64_t (*now_ms)(void *arg);
	uint64_t (*random)(void *arg);
	/* Hands a packet to the bus. 0; -EAGAIN: the peer's queue is full, try later; -ENOTCONN: not there. Never
	 * blocks. */
	int (*send)(void *arg, const char *instance, const uint8_t *packet, size_t size);
	void (*log)(void *arg, enum gv_level level, const char *line);
	/* May be NULL. A non-zero return means: die here. Every actor function then returns -ECANCELED and only destroy
	 * may follow. */
	int (*point)(void *arg, enum gv_point where);
	/* The actor has something to do at this time (0: nothing); may be NULL where the owner asks gv_actor_next_ms.
	 */
};

struct gv_actor_options {
	const struct gv_plugin *plugin;
	const struct gv_schema *schema; /* that the plugin carries, must outlive the actor; NULL: the actor builds it */
	const struct gv_env *env;       /* must outlive the actor */
	const char *node;
	uint32_t instance, instances;
	const char *store;            /* folder; made if missing */
	const char *blobs;            /* folder; made if missing */
	uint64_t store_limit_bytes;   /* 0: 64 GiB of address space */
	uint64_t journal_limit_bytes; /* 0: 256 MiB */
	int64_t journal_limit_ms;     /* 0: 7 days */
	bool crashed;                 /* the incarnation before died unasked */
	const char *cause;            /* how, for the parking table; may be NULL */
	bool no_sync;                 /* the test host: crashes are simulated, the disk need not be */
	uv_loop_t *loop;              /* drivers only; NULL in the test host unless it simulates the world */
};

/* Opens the store. On failure *ret_error (malloc'd, may be NULL on -ENOMEM) says why, for people. */
int gv_actor_create(const struct gv_actor_options *o, struct gv_actor **ret, char **ret_error);
/* Migration and start in one transaction; a failure leaves the tables untouched. `config`: a packed config message. */
int gv_actor_start(struct gv_actor *a, const uint8_t *config, size_t config_size, char **ret_error);
uint64_t gv_actor_incarnation(const struct gv_actor *a);
/* "ocpp.0" */
const char *gv_actor_name(const struct gv_actor *a);

/* The present directory; copied. Peers that came up get their subscriptions, listeners, repeated calls and frames. */
int gv_actor_directory(struct gv_actor *a, const Kernel__Directory *d);
/* True when all that are up in the directory have said what they want of this actor: subscribers of its events have
 * subscribed and, for a driver, plugins have said what they listen for. */
bool gv_actor_settled(const struct gv_actor *a);
/* A packet from the bus; copied. Malformed or outdated ones are counted and dropped. */
int gv_actor_receive(struct gv_actor *a, const uint8_t *packet, size_t size);
/* Runs at most one turn over what has been received or is due, commits, sends. Returns 1 if there is more to do at
 * once, 0 if not, or a negative errno that only a restart can cure (the store is full or broken: the reason has been
 * logged). */
int gv_actor_run(struct gv_actor *a);
/* When gv_actor_run should be called next even if nothing arrives (ms since the epoch); INT64_MAX: no such time. */
int64_t gv_actor_next_ms(const struct gv_actor *a);
/* Bytes that wait in the inbox: beyond its limit the owner stops reading from the bus (back-pressure). */
bool gv_actor_full(const struct gv_actor *a);

/* Driver life cycle, a no-op for others. `open` after start; after drain the actor calls back through
 * gv_actor_is_drained. `returns`: it starts again at once, a reload. */
int gv_actor_open(struct gv_actor *a);
void gv_actor_drain(struct gv_actor *a, bool returns);
bool gv_actor_is_drained(const struct gv_actor *a);
/* Drivers: inbound frames wait for others that come in at the same time. True if some came since this was last asked:
 * then there may be more of them, and the loop should look before it flushes. */
bool gv_actor_gathers(struct gv_actor *a);
/* Sends what waits (before the loop blocks). */
void gv_actor_flush(struct gv_actor *a);

/* Lets the plugin write what it had in memory only, and sends what that makes. Before an orderly gv_actor_destroy, and
 * nothing else follows. A negative errno as of gv_actor_run. */
int gv_actor_finish(struct gv_actor *a);
/* Calls the plugin's stop, closes the store. NULL is fine. */
void gv_actor_destroy(struct gv_actor *a);

/* The present counters, for Beat; memory of the actor, valid until the next call. */
size_t gv_actor_metrics(struct gv_actor *a, const Kernel__Metric *const **ret);

/* FNV-1a over key, modulo instances: which instance a partition key belongs to. Part of the store's format: must never
 * change. */
uint32_t gv_shard(const char *key, uint32_t instances);

#endif
