/* One actor on a bench: the test is its whole world. Packets are fed by hand, time stands still until it is moved, what
 * the actor sends is kept for inspection. For tests of single promises; whole nodes are tested in tests/host. */
#ifndef TEST_RIG_H
#define TEST_RIG_H

#include <galvan/envelope.pb-c.h>
#include <kernel/actor.h>
#include <zoo.pb-c.h>

#define RIG_PEERS 8
#define RIG_EPOCH_MS 1736906994000

struct rig_sent {
	char to[80];
	Env__Packet *packet;
	const Env__Item *item;
};

struct rig_peer {
	char name[80], plugin[64];
	uint32_t instance, instances;
	uint64_t incarnation;
	bool up, driver, gone;
	const char *serves[4], *hears[4], *emits[4];
};

struct rig {
	const struct gv_plugin *plugin;
	struct gv_actor *actor;
	struct gv_env env;
	struct gv_actor_options options; /* change before rig_start or between rig_stop and rig_restart */
	char folder[64], store[96], blobs[96];
	int64_t now;
	uint64_t random;
	struct rig_peer peers[RIG_PEERS];
	size_t n_peers;
	uint64_t directory_version;
	struct rig_sent *sent; /* each item by itself, in the order sent */
	size_t n_sent, cap_sent;
	Env__Packet **packets;
	size_t n_packets, cap_packets;
	int send_error;   /* what the bus answers; 0: takes it */
	char trace[4096]; /* "b" before commit, "a" after commit, "s" a send: the order in which they came */
	size_t traced;
	unsigned commits;
	int die_at_commit; /* >0: dies before that commit from now; <0: after it */
	char *log;         /* all lines so far */
	char *error;       /* of a start that failed */
	const uint8_t *config;
	size_t config_size;
};

/* Makes the folder; the actor is started by rig_start. */
void rig_init(struct rig *r, const struct gv_plugin *plugin);
void rig_fini(struct rig *r);
int rig_start(struct rig *r);
/* Destroys the actor; what it committed stays. */
void rig_stop(struct rig *r);
/* stop, then start as the next incarnation; the directory is told again. */
void rig_restart(struct rig *r, bool crashed);

/* A peer of the directory, "ocpp.0" of one instance. A new one, and changes to what is returned, become known by
 * rig_directory; a new incarnation of a known one at once. */
struct rig_peer *rig_peer(struct rig *r, const char *name, uint64_t incarnation);
void rig_directory(struct rig *r);

/* A packet from a peer with its present incarnation; the items' case is set by the macros below. */
void rig_feed(struct rig *r, const char *from, Env__Item *items, size_t n);
void rig_feed_as(struct rig *r, const char *from, uint64_t incarnation, Env__Item *items, size_t n);
/* Runs turns until none has more to do. */
int rig_run(struct rig *r);
/* Moves the clock, running whatever becomes due on the way. */
void rig_pass(struct rig *r, int64_t ms);

/* The i-th item of a kind sent to a peer (NULL: any); NULL where there is none. */
const Env__Item *rig_sent(struct rig *r, const char *to, Env__Item__KindCase kind, size_t i);
size_t rig_count(struct rig *r, const char *to, Env__Item__KindCase kind);
/* Forgets what was sent and traced. */
void rig_clear(struct rig *r);
bool rig_logged(struct rig *r, const char *text);

/* The shortest way to say things. */
void rig_call(struct rig *r, const char *from, uint64_t id, const char *method, const ProtobufCMessage *request,
	      bool durable, bool again);
void rig_add(struct rig *r, const char *from, uint64_t id, const char *key, int64_t by); /* Counter/Add, not durable */
void rig_event(struct rig *r, const char *from, uint64_t seq, uint64_t prev, const char *key, int64_t by,
	       int64_t total);
void rig_subscribe(struct rig *r, const char *from, const char *type, uint64_t cursor, bool follow);
void rig_event_ack(struct rig *r, const char *from, uint64_t cursor);
void rig_reply(struct rig *r, const char *from, uint64_t id, unsigned code, const ProtobufCMessage *reply, bool kept);
void rig_call_ack(struct rig *r, const char *from, uint64_t id);
void rig_open(struct rig *r, const char *from, uint64_t conn, const char *device, bool again);
void rig_frame(struct rig *r, const char *from, uint64_t conn, uint64_t seq, const char *text, bool again);
void rig_close(struct rig *r, const char *from, uint64_t conn);
void rig_frame_ack(struct rig *r, const char *from, uint64_t conn, uint64_t seq);
/* The reply to a call, or NULL. */
const Env__Reply *rig_answer(struct rig *r, uint64_t id);

#endif
