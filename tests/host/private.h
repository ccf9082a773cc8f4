/* What the files of the test host share. Objects live until host_destroy, so that what is scheduled may point to them.
 */
#ifndef TEST_HOST_PRIVATE_H
#define TEST_HOST_PRIVATE_H

#include "host.h"
#include <lib/buf.h>

#define HOST_MAX_PEERS 64
#define HOST_HIGH_WATER 1000 /* packets under way between two instances */

typedef void host_fn(struct host *h, void *arg, uint64_t tag);

struct host_due {
	int64_t at;
	uint64_t tie, order;
	host_fn *fn;
	void *arg;
	uint64_t tag;
};

struct host_item {
	struct host_item *next;
	int64_t at;
	uint64_t life; /* of the receiver that it is meant for */
	size_t size;
	uint8_t data[];
};

/* One direction between two instances: what was sent first arrives first. */
struct host_pair {
	struct host_pair *next;
	struct host_peer *from, *to;
	uint64_t from_life;
	struct host_item *head, *tail;
	int64_t last_at;
	size_t count;
	bool scheduled;
};

struct host_plugin {
	char name[64];
	const struct gv_plugin *record;
	void *dl;
	uint8_t *config;
	size_t config_size;
	uint32_t instances;
	bool spare;
};

struct host_peer {
	struct host *h;
	struct host_plugin *plugin; /* NULL: the test itself */
	char name[80];
	uint32_t instance;
	struct gv_env env;
	struct gv_actor *actor; /* NULL while down */
	bool alive, dying, crashed, wanted;
	uint64_t life; /* counts starts */
	uint64_t incarnation;
	uint64_t points, die_at;
	bool committing;
	int64_t wake_at;   /* when a run is scheduled; INT64_MAX: none */
	uint64_t wake_tag; /* of the valid one */
	uint64_t directory_seen;
	int64_t directory_at;
};

struct host_probe;
struct host_link;

struct host {
	uint64_t seed, trace;
	const char *again; /* the command that runs such a test, without its seed */
	uint64_t rng_test, rng_bus, rng_run, rng_crash;
	int64_t now;
	bool verbose, link_loaded;
	char folder[128];
	char error[1024];
	struct host_due *due;
	size_t n_due, cap_due;
	uint64_t order;
	struct host_peer peers[HOST_MAX_PEERS];
	size_t n_peers;
	struct host_plugin plugins[HOST_MAX_PEERS];
	size_t n_plugins;
	struct host_pair *pairs;
	size_t in_flight;
	unsigned faults[HOST_FAULTS];
	uint64_t crashes, directory_version, steps;
	struct host_probe *probe;
	struct host_link *link;
};

/* host.c */
uint64_t host_next(uint64_t *state);
bool host_chance(uint64_t *state, unsigned per_mille);
void host_mix(struct host *h, const void *data, size_t size);
void host_say(struct host *h, const char *fmt, ...) GV_PRINTF(2, 3);
void host_at(struct host *h, int64_t at, host_fn *fn, void *arg, uint64_t tag);
void *host_zalloc(size_t size);
void *host_dup(const void *data, size_t size); /* with a zero byte behind it */

/* instance.c */
struct host_peer *host_peer(struct host *h, const char *name); /* NULL: none */
struct host_peer *host_peer_or_fail(struct host *h, const char *name);
struct host_peer *host_add_peer(struct host *h, struct host_plugin *plugin, const char *name, uint32_t instance);
void host_wake(struct host_peer *p, int64_t at);
void host_publish(struct host *h);
/* After each call into an actor: buries it if it died in it. True if it did. */
bool host_bury(struct host_peer *p);

/* bus.c */
int host_bus_send(struct host_peer *from, const char *to, const uint8_t *packet, size_t size);
void host_bus_sender_died(struct host_peer *p);
void host_bus_receiver_up(struct host_peer *p);

/* schemas.c */
/* What a record carries (NULL: nothing), which host_schema has too from then on. Fails where it is malformed. */
const struct gv_schema *host_schema_of(struct host *h, const struct gv_plugin *record);
const struct gv_schema *host_schema_learn(struct host *h, const uint8_t *set, size_t size, const char *who);

/* probe.c */
void host_probe_create(struct host *h);
void host_probe_destroy(struct host *h);
void host_probe_receive(struct host *h, const uint8_t *packet, size_t size);
void host_probe_directory(struct host *h);

/* link.c */
extern const struct gv_plugin host_link_record;
int host_link_create(struct host *h);
void host_link_destroy(struct host *h);
void host_link_died(struct host *h);

#endif
