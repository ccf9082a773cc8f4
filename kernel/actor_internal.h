/* The parts of an actor, shared by the files that make it up: actor.c (life and turns), turn.c (what handlers call),
 * outbox.c (packets), journal.c (events), calls.c, timers.c, frames.c (connections, plugin side), world.c (connections,
 * driver side), parking.c. */
#ifndef GV_ACTOR_INTERNAL_H
#define GV_ACTOR_INTERNAL_H

#include "actor.h"
#include "arena.h"
#include "blob.h"
#include "key.h"
#include "map.h"
#include "store.h"

#include <galvan/envelope.pb-c.h>
#include <galvan/link.pb-c.h>
#include <galvan/rows.pb-c.h>
#include <lib/buf.h>
#include <lib/schema.h>

/* ---- limits; reaching each has a defined outcome --------------------------------------------- */

#define GV_TURN_MESSAGES 1024          /* a turn takes no more */
#define GV_TURN_BYTES (4u << 20)       /* of messages, likewise */
#define GV_TURN_ARENA (64u << 20)      /* beyond: the message in hand fails */
#define GV_SNAPSHOT_ARENA (512u << 20) /* of a snapshot, which shows a whole table at once; beyond: it fails */
#define GV_INBOX_BYTES (32u << 20)     /* beyond: gv_actor_full, the bus is not read */
#define GV_LIMBO_PACKETS 1024          /* from peers not yet in the directory; beyond: dropped, their senders repeat */
#define GV_CALL_WINDOW 1024            /* unanswered calls to one instance; beyond: -ENOSPC to the handler */
#define GV_EVENT_WINDOW 1024           /* unacknowledged events to one subscriber; beyond: the journal fills in */
#define GV_FOLLOW_BYTES (8u << 20)     /* queued for one follower; beyond: it misses events */
#define GV_PENDING_BYTES (64u << 20)   /* queued for one peer that does not read; beyond: dropped, repeated later */
#define GV_PACKET_BYTES (1u << 20)     /* a packet of events is sent when it has grown past this */
#define GV_FRAMES_BYTES 32768          /* a packet of inbound frames waits for no more when it has grown past this */
#define GV_FINISH_TURNS 10000          /* of one plugin; beyond: it is stopped as it is */
#define GV_HELD_TRIES 5
#define GV_HELD_FIRST_MS 50
#define GV_HELD_ROWS 100000 /* beyond: messages are parked at once and the oldest parked ones dropped */
#define GV_CALL_TIMEOUT_MS 30000
#define GV_CALL_TIMEOUT_MAX_MS (30ll * 24 * 3600 * 1000)
#define GV_ANSWER_KEEP_MS 60000    /* after the deadline of a call, its kept answer stays this long */
#define GV_HEARD_TIMEOUT_MS 5000   /* gv_reply_when_heard waits no longer for one that runs but does not acknowledge */
#define GV_SUBSCRIBE_AGAIN_MS 2000 /* without a sign of life from the emitter */
#define GV_EVENTS_AGAIN_MS 10000   /* without an acknowledgement from a subscriber */
#define GV_CAREFUL_MS 60000        /* one message a turn after a crash, at most this long */
#define GV_ID_BITS 20              /* of an id of a call or connection that count within an incarnation */
#define GV_MAX_EMITS 63
#define GV_MAX_INSTANCES 64
#define GV_WINDOW_FRAMES 16

struct peer;
struct conn;
struct wire;

/* ---- what comes in --------------------------------------------------------------------------- */

struct packet { /* freed when the last of its messages is done */
	struct gv_arena arena;
	unsigned messages;
	size_t size;
	uint8_t data[];
};

struct frame {
	uint64_t conn, seq;
	unsigned kind;
	const char *data;
	size_t size;
	bool again;
};

enum message_kind {
	M_EVENT,
	M_SNAPSHOT_EDGE,
	M_SNAPSHOT_WANTED,
	M_CALL,
	M_ANSWER,
	M_OPEN,
	M_FRAME,
	M_CLOSE,
	M_TIMER,
	M_HELD,
	M_WORLD,
	M_FINISH
};

struct message {
	enum message_kind kind;
	struct packet *packet; /* NULL: made here */
	struct peer *from;     /* NULL: made here */
	bool made_here;        /* what the union points to is malloc'd */
	size_t size;           /* towards the turn's limit */
	union {
		const Env__Event *event;
		const Env__Snapshot *snapshot;
		const Env__Call *call;
		struct {
			struct outcall *call;
			unsigned code;
			const char *error; /* NULL: "" */
			const uint8_t *reply;
			size_t reply_size;
			char *owned; /* freed with the message; what error or reply point to, where there is no packet
				      */
			bool kept;
		} answer;
		const Env__Open *open;
		struct frame frame;
		const Env__Close *close;
		struct {
			char *name; /* freed with the message */
			int64_t at_ms;
		} timer;
		uint64_t held;
		struct {
			int (*fn)(void *self, struct gv_turn *t, void *arg);
			void *arg;
		} world;
	};
};

struct inbox { /* a ring */
	struct message *ring;
	size_t head, count, capacity;
	size_t bytes;
};

/* ---- peers ----------------------------------------------------------------------------------- */

struct queued {
	struct queued *next;
	size_t size;
	uint8_t data[];
};

struct sub {               /* a registered subscriber of ours */
	bool active;       /* it has said where it stands */
	uint64_t wants;    /* bit i: our emits[i] */
	uint64_t examined; /* up to here of the journal: sent or not for it */
	uint64_t last;     /* seq of the event sent last */
	uint64_t acked;    /* what it has committed */
	uint64_t skip_to;  /* up to here a snapshot has shown the types that have one */
	uint64_t written;  /* of `acked`, what our store knows */
	uint64_t *ring;    /* seqs in flight */
	unsigned head, in_flight;
	int64_t progress_ms; /* when it last acknowledged, or had nothing to */
	bool snapshot;       /* wanted and not yet made */
};

struct peer {
	char *name, *plugin;
	uint64_t hash; /* of the name */
	uint32_t instance, instances;
	bool listed, up, driver, gone;
	bool self;            /* this very actor */
	uint64_t incarnation; /* as the directory says */
	uint64_t newest;      /* greatest seen in the directory or in a packet */
	int64_t down_since_ms;
	char **serves, **hears, **emits;
	/* out */
	struct gv_buf out; /* the packet in the making; empty: not even a header */
	size_t mark;       /* size of `out` when the message in hand began */
	bool touched;      /* `mark` is set */
	bool gathering;    /* `out` holds nothing but inbound frames, which may wait for more of them */
	struct queued *queue, **queue_end;
	size_t queued_bytes;
	/* events, we emit */
	uint64_t hears_mask; /* by the directory */
	struct sub sub;
	bool follows;
	uint64_t follow_mask;
	/* events, we hear */
	bool heard;        /* it emits what we hear */
	bool follow_heard; /* it emits what we follow */
	bool had_cursor;
	uint64_t cursor;         /* committed */
	uint64_t next_cursor;    /* with the turn in hand */
	uint64_t received;       /* put into the inbox */
	bool receiving_snapshot; /* between the markers, as packets come in */
	bool resyncing;          /* between the markers, as turns handle them */
	int64_t subscribe_at_ms; /* when to say again where we stand; 0: confirmed */
	/* calls */
	unsigned outstanding;
	/* frames, we are the driver */
	uint64_t listen_incarnation; /* of the plugin's last Listen */
	uint64_t synced_incarnation; /* to which the open connections were sent */
	ProtobufCMessage **listeners;
	size_t n_listeners;
	uint64_t held_bytes;
	unsigned n_wires;
	bool overrun;
};

/* ---- calls ----------------------------------------------------------------------------------- */

struct scatter {          /* one call to several instances */
	unsigned waiting; /* outcalls that point here */
	unsigned expected, seen;
	struct gv_buf merged;
	unsigned code; /* of the first refusal */
	char *error;
	unsigned answered; /* with GV_OK */
};

struct outcall {
	uint64_t id;
	struct peer *to;
	char *to_name; /* as in the row */
	char *method;
	uint8_t *request;
	size_t request_size;
	int64_t deadline_ms;
	bool durable, sent, answered;
	char *note_type;
	uint8_t *note;
	size_t note_size;
	uint64_t tag;
	struct scatter *scatter;
	size_t heap_index;
};

struct ticket { /* a call that we have not answered yet */
	struct gv_ticket ticket;
	const ProtobufCMessageDescriptor *output; /* NULL: taken before a restart */
	int64_t deadline_ms;
	bool row; /* it has a row in _answers */
	bool durable;
};

struct reply { /* made in the message in hand */
	struct gv_ticket to;
	unsigned code;
	const char *error;
	const uint8_t *data;
	size_t size;
	bool when_heard;
};

struct waiting_reply { /* gv_reply_when_heard, committed */
	struct waiting_reply *next;
	struct peer *to;
	uint64_t seq, mask;
	int64_t until_ms;
	size_t size;
	uint8_t item[];
};

/* ---- the turn -------------------------------------------------------------------------------- */

struct table { /* a plugin's table, opened */
	const struct gv_table *def;
	gv_dbi dbi;
	bool old;                 /* for migrate only */
	uint8_t last[GV_KEY_MAX]; /* append tables: the greatest key */
	size_t last_size;
};

struct write { /* of the message in hand, not yet in the store */
	struct table *table;
	uint8_t *key;
	size_t key_size;
	void *row;       /* handed out by gv_edit: packed at the end; NULL: `packed` counts */
	uint8_t *packed; /* given to gv_put; both NULL: delete */
	size_t packed_size;
	bool edited; /* `row` is in the plugin's hands, which may change it until its callback returns */
};

struct undo {
	gv_dbi table;
	const uint8_t *key, *old; /* old NULL: there was none */
	size_t key_size, old_size;
};

struct emitted {
	unsigned type; /* index in emits */
	const char *key;
	const uint8_t *data;
	size_t size;
	uint64_t seq; /* 0: not journalled */
};

struct timer_op {
	char *name;
	int64_t at_ms; /* INT64_MIN: cancelled */
};

#define VECTOR(type)                                                                                                   \
	struct {                                                                                                       \
		type *items;                                                                                           \
		size_t count, capacity;                                                                                \
	}

struct grown { /* by gv_append */
	const void *array;
	size_t room; /* in elements */
};

struct gv_turn {
	struct gv_actor *a;
	struct gv_arena arena; /* of the message in hand: small, and so always in the cache */
	struct gv_arena kept;  /* of the whole turn */
	int64_t now_ms;
	bool starting; /* in start: gv_listen is allowed, nothing may go wrong half-way */
	/* the message in hand */
	struct message *message;
	int failed;         /* the sticky error */
	const char *fault;  /* the first word on it, in the arena */
	unsigned fail_code; /* gv_fail's */
	bool wrote;
	struct peer *snapshot_for; /* in a snapshot callback */
	VECTOR(struct write) writes;
	size_t n_flushed; /* the first so many of them are in the store as they were, and edited: written again at the
			     end */
	VECTOR(struct undo) undos;
	VECTOR(struct reply) replies;
	VECTOR(struct peer *) touched;
	VECTOR(struct gv_cursor *) cursors;
	size_t emitted_mark, calls_mark, timer_ops_mark;
	struct grown grown[4]; /* the one used last first */
	/* of the whole turn */
	VECTOR(struct emitted) emitted;
	VECTOR(struct outcall *) calls;    /* made */
	VECTOR(struct outcall *) answered; /* handled: forget after the commit */
	VECTOR(struct timer_op) timer_ops;
	VECTOR(struct waiting_reply *) waiting;
	VECTOR(struct peer *) cursors_moved;
	VECTOR(struct conn *) acked;
	VECTOR(struct message) done; /* to release after the commit */
};

/* Appends a zeroed element to a turn's vector (malloc'd, kept from turn to turn) and returns it. */
void *gv_vector_add(void *vector, size_t item_size);
#define PUSH(vector) ((__typeof__((vector).items))gv_vector_add(&(vector), sizeof *(vector).items))

struct timer {
	char *name;
	int64_t at_ms;
	size_t heap_index;
	struct timer *same_hash; /* other names of the same hash */
};

/* A binary heap of pointers ordered by a time; elements know their index. */
struct heap {
	void **items;
	size_t count, capacity;
};

struct counters {
	double turns, messages, commits, commit_s, packets_in, packets_out, bytes_in, bytes_out, dropped_packets,
		dropped_follow;
	double events_emitted, events_heard, calls_made, calls_served, frames_in, frames_out, failures, parked, resyncs,
		gaps;
	double commit_bucket[12];
};
struct custom {
	const char *name;
	double value;
	bool gauge;
	char full[96];
};

#define GV_HAND_TEXT 96
struct hand { /* the marker file: which message is in hand, and which have killed before */
	uint64_t magic, in_hand;
	struct {
		uint64_t id;
		uint64_t crashes;
	} suspects[16];
	char what[GV_HAND_TEXT], whose[GV_HAND_TEXT]; /* of the message in hand, for people; cut if too long */
};

struct rpc { /* a method this plugin may call */
	char *path;
	const ProtobufCMessageDescriptor *input, *output;
	unsigned key_offsets[2], n_keys; /* of the key fields in the input struct */
};

struct gv_actor {
	const struct gv_plugin *plugin;
	struct gv_env env;
	struct gv_actor_options options;
	struct gv_self self_info;
	char *name, *node;
	uint64_t hash;
	void *self;
	uint64_t incarnation;
	uint64_t ids_noted; /* the store says: the incarnations up to this one have given their ids away */
	bool started, opened, draining, returns, drained, directory_seen;
	int dead; /* a negative errno once nothing works any more */
	const struct gv_schema *schema;
	struct gv_schema *own_schema; /* NULL where the options have one */
	/* store */
	struct gv_store *store;
	gv_dbi meta, journal, subscribers, cursors, calls_rows, answers, timers_rows, held;
	struct table *tables; /* the present ones, then the old ones */
	size_t n_tables, n_old_tables;
	gv_dbi shapes;
	/* bus */
	VECTOR(struct peer *) peers;
	struct inbox inbox;
	VECTOR(struct packet *) limbo;
	struct gv_buf header; /* of each packet */
	struct gv_turn turn;
	bool in_turn;
	int unfinished;        /* what the plugin's finish returned */
	bool gathered;         /* inbound frames came since gv_actor_gathers was last asked */
	int64_t retry_send_ms; /* 0: no packet waits */
	/* events */
	unsigned n_emits;
	unsigned *key_offsets;                /* emits index → offset of the key field; UINT_MAX: none */
	uint64_t registered_mask;             /* types that some registered subscriber wants */
	uint64_t journal_first, journal_last; /* first > last: empty */
	uint64_t journal_bytes;
	bool journal_unlevel; /* some subscriber is behind: pump in the next run */
	VECTOR(char *) follow_types;
	bool follow_changed;
	struct waiting_reply *waiting;
	int64_t trim_at_ms, subscribers_at_ms;
	/* calls */
	struct rpc *rpcs;
	size_t n_rpcs;
	uint64_t next_call;
	struct gv_map outcalls; /* id → outcall */
	struct heap deadlines;
	struct gv_map tickets;                /* caller and id mixed → ticket */
	VECTOR(struct gv_ticket) acked_calls; /* rows of _answers to delete in the next writing turn */
	int64_t tickets_purge_ms;
	/* timers */
	struct gv_map timers; /* hash of the name → timer */
	struct heap timer_heap;
	/* held and parked */
	uint64_t next_held;
	struct gv_map held_keys; /* hash of sender and key → held_queue */
	struct heap held_heap;   /* of held_queues, by when their first row is due */
	uint64_t n_parked;
	struct hand *hand;
	struct hand *hand_file; /* mapped; equals hand unless mapping failed */
	uint64_t suspect;
	int64_t careful_until_ms;
	/* frames, plugin side */
	struct gv_map conns;
	VECTOR(struct gv_buf) listeners; /* packed */
	/* frames, driver side */
	struct gv_world *world;
	uint64_t next_wire;
	bool wires_unsent;
	struct gv_map wires;
	struct gv_world_limits limits;
	/* metrics */
	struct counters count;
	VECTOR(struct custom) customs;
	VECTOR(Kernel__Metric) metric_list;
	VECTOR(Kernel__Metric *) metric_pointers;
};

struct gv_world {
	struct gv_actor *a;
};

/* ---- actor.c: life --------------------------------------------------------------------------- */

int gv_note_ids(struct gv_actor *a); /* before the commit */

int64_t gv_now(const struct gv_actor *a);
void gv_actor_log(struct gv_actor *a, enum gv_level level, const char *fmt, ...) GV_PRINTF(3, 4);
/* Asks the test host whether the actor dies here; -ECANCELED if so. */
int gv_die_at(struct gv_actor *a, enum gv_point where);
/* Big endian, as a key. */
void gv_key_u64(uint64_t v, uint8_t ret[8]);
uint64_t gv_u64_key(const void *key);
int gv_put_row(struct gv_actor *a, gv_dbi table, const void *key, size_t key_size, const void *message);
/* The row unpacked into the turn's arena, or NULL. */
void *gv_get_row(struct gv_actor *a, gv_dbi table, const void *key, size_t key_size,
		 const ProtobufCMessageDescriptor *d);

/* ---- run.c: messages and turns --------------------------------------------------------------- */

/* Puts a message into the inbox; takes a reference to its packet. */
int gv_inbox_add(struct gv_actor *a, struct message m);
void gv_inbox_clear(struct gv_actor *a);
void gv_packet_release(struct packet *p);
/* What a committed turn made leaves. */
void gv_turn_committed(struct gv_turn *t);
void gv_turn_clear(struct gv_turn *t);
/* A broken store, or death by the test host: nothing of this turn leaves, nothing more happens. Returns the error. */
int gv_die(struct gv_actor *a, int error);

/* ---- peers.c --------------------------------------------------------------------------------- */

struct peer *gv_peer_named(const struct gv_actor *a, const char *name);
struct peer *gv_peer_hashed(const struct gv_actor *a, uint64_t hash);
void gv_peer_meet(struct gv_actor *a, struct peer *p, uint64_t incarnation);
void gv_peer_free(struct peer *p);

/* ---- turn.c: memory, failing, the message in hand -------------------------------------------- */

/* Unpacks into the turn's arena; NULL if malformed. */
void *gv_turn_unpack(struct gv_turn *t, const ProtobufCMessageDescriptor *d, const void *data, size_t size);
/* Fails the message in hand, unless it has failed already; returns its error. */
int gv_turn_fail(struct gv_turn *t, int error, const char *fmt, ...) GV_PRINTF(3, 4);
/* The text fit to stand between double quotes in a log line. */
const char *gv_quotable(struct gv_turn *t, const char *text);
/* Writes to the store, undone if the message in hand fails. */
int gv_turn_put(struct gv_turn *t, gv_dbi table, const void *key, size_t key_size, const void *message);
int gv_turn_delete(struct gv_turn *t, gv_dbi table, const void *key, size_t key_size);
void gv_message_begin(struct gv_turn *t, struct message *m);
/* Writes what the handler changed; `final`: it has succeeded, and what fails now fails the whole turn. */
int gv_message_flush(struct gv_turn *t, bool final);
void gv_message_end(struct gv_turn *t);
void gv_message_undo(struct gv_turn *t);
void gv_turn_fini(struct gv_turn *t);

/* ---- outbox.c -------------------------------------------------------------------------------- */

/* The peer's packet in the making, with its header. */
struct gv_buf *gv_out(struct gv_actor *a, struct peer *p);
void gv_out_item(struct gv_actor *a, struct peer *p, const Env__Item *item);
void gv_out_packed_item(struct gv_actor *a, struct peer *p, const uint8_t *item, size_t size);
void gv_out_frame(struct gv_actor *a, struct peer *p, const struct frame *f);
/* Hands everything that is ready to the bus. -ECANCELED: died. */
int gv_out_flush(struct gv_actor *a);
int gv_out_flush_peer(struct gv_actor *a, struct peer *p);
void gv_out_drop(struct peer *p);
/* Reads a packet into messages and immediate effects. */
int gv_packet_read(struct gv_actor *a, struct packet *p);

/* ---- journal.c ------------------------------------------------------------------------------- */

int gv_journal_open(struct gv_actor *a);
int gv_journal_directory(struct gv_actor *a); /* after the peers changed */
void gv_journal_peer_up(struct gv_actor *a, struct peer *p);
int gv_journal_write(struct gv_turn *t); /* before the commit: events, cursors, trimming */
void gv_journal_sent(struct gv_turn *t); /* after it: to level subscribers and followers */
int gv_journal_pump(struct gv_actor *a); /* from the journal to those behind; in a transaction */
void gv_journal_subscribe(struct gv_actor *a, struct peer *p, const Env__Subscribe *s);
void gv_journal_ack(struct gv_actor *a, struct peer *p, uint64_t cursor);
bool gv_journal_accept(struct gv_actor *a, struct peer *p, const Env__Event *e);
/* True where the marker has to be handled in a turn. */
bool gv_journal_edge_in(struct gv_actor *a, struct peer *p, const Env__Snapshot *s);
int gv_journal_snapshot(struct gv_turn *t, struct peer *p);
int gv_journal_edge(struct gv_turn *t, struct peer *p, const Env__Snapshot *s);
bool gv_journal_heard_all(const struct gv_actor *a, const char *type);
/* To the handler; `late`: replayed by people. */
int gv_journal_deliver(struct gv_turn *t, const char *from, const Env__Event *e, bool late);
void gv_journal_moved(struct gv_turn *t, struct peer *p, uint64_t cursor);
void gv_journal_ack_out(struct gv_turn *t);
void gv_journal_tick(struct gv_actor *a, int64_t now_ms);
int64_t gv_journal_next_ms(const struct gv_actor *a);
void gv_journal_release_heard(struct gv_actor *a);
void gv_sub_fini(struct peer *p);

/* ---- subscribe.c: as subscriber -------------------------------------------------------------- */

void gv_subscribe(struct gv_actor *a, struct peer *p); /* says where we stand */
void gv_subscribe_follow(struct gv_actor *a, struct peer *p);

/* ---- calls.c: the caller --------------------------------------------------------------------- */

int gv_calls_open(struct gv_actor *a);
void gv_calls_peer_up(struct gv_actor *a, struct peer *p);
void gv_calls_directory(struct gv_actor *a);
void gv_calls_tick(struct gv_actor *a, int64_t now_ms);
int64_t gv_calls_next_ms(const struct gv_actor *a);
void gv_calls_reply_in(struct gv_actor *a, struct peer *from, struct packet *packet, const Env__Reply *r);
int gv_calls_answer(struct gv_turn *t, struct message *m);
void gv_calls_answered(struct gv_turn *t, const struct message *m); /* handled or held */
int gv_calls_deliver_answer(struct gv_turn *t, const char *method, const char *note_type, const void *note,
			    size_t note_size, uint64_t tag, unsigned code, const char *error, const void *reply,
			    size_t reply_size);
void gv_calls_commit(struct gv_turn *t); /* send what was called, forget what was answered */
void gv_outcall_free(struct outcall *c);
void gv_outcall_forget(struct gv_actor *a, struct outcall *c);
void gv_calls_fini(struct gv_actor *a);

/* ---- serve.c: the callee --------------------------------------------------------------------- */

int gv_tickets_open(struct gv_actor *a);
/* False where the call is a repeat that needs no handler (answered or being answered), or too late. */
bool gv_calls_accept(struct gv_turn *t, struct peer *from, const Env__Call *c);
int gv_calls_serve(struct gv_turn *t, uint64_t caller, const Env__Call *c);
int gv_calls_refuse_packed(struct gv_turn *t, struct gv_ticket to, unsigned code, const char *text);
/* The handler failed and the call is not tried again. */
int gv_calls_give_up(struct gv_turn *t, struct gv_ticket k, unsigned code, const char *why);
/* Makes sure that there is a ticket to answer. */
int gv_calls_take(struct gv_turn *t, struct gv_ticket k, const Env__Call *c);
int gv_calls_pend(struct gv_turn *t, struct gv_ticket k); /* its handler failed and will be tried again */
int gv_calls_settle(struct gv_turn *t);                   /* the message succeeded: its replies and its ticket */
void gv_calls_acked(struct gv_actor *a, struct peer *from, const Env__CallAck *ack);
int gv_calls_purge(struct gv_turn *t); /* rows nobody needs; only in a turn that writes anyway */
void gv_tickets_fini(struct gv_actor *a);

/* ---- timers.c -------------------------------------------------------------------------------- */

int gv_timers_open(struct gv_actor *a);
void gv_timers_due(struct gv_actor *a, int64_t now_ms);
int64_t gv_timers_next_ms(const struct gv_actor *a);
int gv_timers_fire(struct gv_turn *t, const char *name, int64_t at_ms);
void gv_timers_commit(struct gv_turn *t);
void gv_timers_fini(struct gv_actor *a);
int gv_timers_deliver(struct gv_turn *t, const char *name, const char *note_type, const void *note, size_t note_size);

int gv_heap_add(struct heap *h, void *item, int64_t (*when)(const void *), void (*moved)(void *, size_t));
void gv_heap_remove(struct heap *h, size_t index, int64_t (*when)(const void *), void (*moved)(void *, size_t));

/* ---- frames.c -------------------------------------------------------------------------------- */

void gv_frames_peer_up(struct gv_actor *a, struct peer *p);
void gv_frames_peer_down(struct gv_actor *a, struct peer *p);
int gv_frames_open(struct gv_turn *t, struct peer *from, const Env__Open *o);
int gv_frames_deliver(struct gv_turn *t, const struct frame *f);
int gv_frames_close(struct gv_turn *t, const Env__Close *c);
struct conn *gv_frames_conn(struct gv_actor *a, uint64_t id);
const char *gv_conn_device(const struct conn *c);
bool gv_frames_seen(struct gv_turn *t, const struct frame *f); /* a repeat: acknowledged again, not handled */
void gv_frames_done(struct gv_turn *t, const struct frame *f); /* acknowledge with this turn */
void gv_frames_commit(struct gv_turn *t);
void gv_frames_fini(struct gv_actor *a);

/* ---- world.c --------------------------------------------------------------------------------- */

void gv_world_listen_in(struct gv_actor *a, struct peer *p, uint64_t incarnation, const Env__Listen *l);
void gv_world_sync(struct gv_actor *a, struct peer *p);
void gv_world_send_in(struct gv_actor *a, const struct frame *f);
void gv_world_ack_in(struct gv_actor *a, const Env__FrameAck *ack);
bool gv_world_close_in(struct gv_actor *a, const Env__Close *c);
void gv_world_unsent(struct gv_actor *a); /* what was opened or came in during a turn leaves after it */
void gv_world_packet_end(struct gv_actor *a);
void gv_world_tick(struct gv_actor *a, int64_t now_ms);
int64_t gv_world_next_ms(const struct gv_actor *a);
void gv_world_peer_fini(struct peer *p);
void gv_world_fini(struct gv_actor *a);

/* ---- parking.c: messages whose handler failed ------------------------------------------------ */

int gv_parking_open(struct gv_actor *a);
/* True where an earlier message of the same sender and key waits, so that this one has to queue behind it. */
bool gv_parking_must_wait(const struct gv_actor *a, const char *from, const char *key);
/* Keeps a message as a row: to be tried again, or parked. In the transaction of the turn. */
int gv_parking_hold(struct gv_turn *t, Rows__Held *row);
void gv_parking_due(struct gv_actor *a, int64_t now_ms);
int64_t gv_parking_next_ms(const struct gv_actor *a);
int gv_parking_retry(struct gv_turn *t, uint64_t number);   /* the handler again */
int gv_parking_retried(struct gv_turn *t, uint64_t number); /* it succeeded: the row goes */
int gv_parking_failed(struct gv_turn *t, uint64_t number, const char *error, bool park); /* later, or parked */
/* galvan.kernel.v1.Plugin: false where the method is not one of its. */
bool gv_parking_serve(struct gv_turn *t, struct gv_ticket ticket, const Env__Call *c);
void gv_parking_fini(struct gv_actor *a);

/* ---- hand.c: which message is in hand, for the next incarnation ------------------------------ */

int gv_hand_open(struct gv_actor *a);
void gv_hand_close(struct gv_actor *a);
/* Marks the message; true where it has killed twice and must be parked instead of run. */
bool gv_hand_take(struct gv_actor *a, uint64_t id, const char *what, const char *whose);
void gv_hand_drop(struct gv_actor *a, uint64_t id);

const ProtobufCMessageDescriptor *gv_note_type(const struct gv_actor *a, const char *name);

/* ---- record.c: what the plugin's record says, checked and indexed ---------------------------- */

int gv_record_open(struct gv_actor *a, char **ret_error);

/* ---- tables.c: the plugin's tables in the store, their shapes, and what a migration sees ----- */

/* Opens them. `schema`: of the store, 0: a new one. A changed shape without a greater schema is refused. */
int gv_tables_open(struct gv_actor *a, uint32_t schema, char **ret_error);
/* After migrate: old tables go, the shapes are written down. */
int gv_tables_settle(struct gv_actor *a);

#endif
