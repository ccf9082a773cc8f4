/* galvan/plugin.h: all that a plugin may know of its host.
 *
 * A plugin is an actor. The host hands it messages in turns; a turn is one transaction over the plugin's own store.
 * What a handler reads, writes, emits, calls, sends and replies hangs on the turn it is given. When the turn ends the
 * host commits once, and only then does anything leave. A handler that returns a negative errno undoes its own
 * message's effects and nothing else.
 *
 * Rules that hold for every function below, unless it says otherwise:
 * - Call it only from a callback, with the turn that the callback was given, on the same thread.
 * - Memory that it returns lives until the callback returns. Strings and bytes passed in are copied.
 * - It returns 0 or a negative errno. A failure sticks to the message: the host undoes the message's effects even if
 * the callback returns 0, so `return gv_emit(t, &e);` and ignoring the result are both safe.
 * - Nothing blocks. A callback that takes longer than 15 s is taken for hung: its process is killed, and a message that
 * has done so twice is parked.
 *
 * Words: a *plugin* runs as one or more *instances* ("ocpp.0"); each start of an instance is a new *incarnation*. A
 * *turn* is one transaction over a batch of messages. A *note* is what a plugin keeps with a call or timer to know
 * later what it was about. A *ticket* is where a reply goes. */
#ifndef GALVAN_PLUGIN_H
#define GALVAN_PLUGIN_H

#include <protobuf-c/protobuf-c.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define GV_API __attribute__((visibility("default")))
#define GV_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

#define GV_ABI_MAGIC 0x4e564c47u /* "GLVN", little endian */
#define GV_ABI_MAJOR 1u          /* another major is refused */
#define GV_ABI_MINOR 1u          /* a newer minor than the host's is refused */

struct gv_turn;
struct gv_driver;

/* ---- the turn and the world as far as it can be seen ----------------------------------------- */

/* Milliseconds since the Unix epoch, UTC; the same for the whole turn. Never goes backwards within an incarnation. */
GV_API int64_t gv_now_ms(struct gv_turn *t);
/* 64 random bits: cryptographic in a node, from the seed in the test host. */
GV_API uint64_t gv_random(struct gv_turn *t);

/* Who this is. The strings live as long as the plugin. */
struct gv_self {
	const char *node;   /* "cloud-1" */
	const char *plugin; /* "ocpp" */
	uint32_t instance;  /* 0 .. instances - 1 */
	uint32_t instances;
};
GV_API const struct gv_self *gv_self(struct gv_turn *t);

/* True if this instance is the one that `key` belongs to, where a plugin runs as several instances. */
GV_API bool gv_owns(struct gv_turn *t, const char *key);

/* Memory, zeroed, aligned for anything. Never NULL: a callback that asks for too much (64 MiB) fails. */
GV_API void *gv_alloc(struct gv_turn *t, size_t size);
GV_API char *gv_str(struct gv_turn *t, const char *fmt, ...) GV_PRINTF(2, 3);
GV_API char *gv_strdup(struct gv_turn *t, const char *s);
/* The same memory as protobuf-c's allocator; its free does nothing. */
GV_API ProtobufCAllocator *gv_allocator(struct gv_turn *t);
/* Appends to a repeated field: the array behind *ret_array (of *n elements of `size` bytes) moves to new memory with
 * room for one more, zeroed, whose address is returned; *n grows by one. Use GV_APPEND. */
GV_API void *gv_append(struct gv_turn *t, void *ret_array, size_t *n, size_t size);
#define GV_APPEND(t, array, n) ((__typeof__(array))gv_append((t), &(array), &(n), sizeof *(array)))

enum gv_level { GV_ERR = 3, GV_WARN = 4, GV_INFO = 6, GV_DEBUG = 7 };
/* One line: a sentence, then key=value pairs. The host adds time, node, instance and the message in hand. */
GV_API void gv_log(struct gv_turn *t, enum gv_level level, const char *fmt, ...) GV_PRINTF(3, 4);
/* Why a callback fails, for people; the text goes to the log, to the parking table and to whoever asked. The first word
 * counts. Returns -EINVAL. */
GV_API int gv_fault(struct gv_turn *t, const char *fmt, ...) GV_PRINTF(2, 3);
/* Adds to a counter that /metrics shows as galvan_<plugin>_<name>_total. `name` must be a string literal. */
GV_API void gv_count(struct gv_turn *t, const char *name, double by);

/* ---- state: tables of protobuf messages, sorted by key --------------------------------------- */

/* Key parts sort as people expect: strings by bytes, numbers by value. A key holds at most GV_KEY_PARTS parts and 400
 * bytes. */
#define GV_KEY_PARTS 4
struct gv_part {
	char kind; /* 's' string, 'i' int64, 'u' uint64 */
	union {
		const char *s;
		int64_t i;
		uint64_t u;
	};
};
struct gv_key {
	unsigned count;
	struct gv_part part[GV_KEY_PARTS];
};

struct gv_table {
	const char *name; /* lower case, digits and '_' */
	const char *key;  /* kinds of its parts: "s", "su", ... */
	const ProtobufCMessageDescriptor *value;
	bool append; /* rows are only ever added at the end: cheaper, and a key that is not the greatest fails */
};

/* The row, or NULL where there is none. */
GV_API const void *gv_get(struct gv_turn *t, const struct gv_table *table, struct gv_key key);
/* The row to change in place; a fresh one where there is none. Written as it is when the callback succeeds. Never NULL.
 * What is hung on it must be memory of gv_alloc or constant. Walks see it as it was when it was last asked for. */
GV_API void *gv_edit(struct gv_turn *t, const struct gv_table *table, struct gv_key key);
/* Writes a row whole. */
GV_API int gv_put(struct gv_turn *t, const struct gv_table *table, struct gv_key key, const void *row);
/* 0 also where there was none. */
GV_API int gv_delete(struct gv_turn *t, const struct gv_table *table, struct gv_key key);

/* A walk over the rows whose key begins with `prefix` (no parts: all rows).
 *     struct gv_scan scan = { .table = &sessions, .prefix = gv_key(device) };
 *     while (gv_next(t, &scan)) use(scan.row, scan.key);
 * Rows may be changed meanwhile; whether the walk sees them is unspecified. Nothing needs to be closed. */
struct gv_scan {
	const struct gv_table *table;
	struct gv_key prefix;
	struct gv_key
		after;     /* start behind this whole key (before it, if reverse); no parts: at the end of the range */
	bool reverse;      /* from the greatest key down */
	const void *row;   /* out; lives until the callback returns */
	struct gv_key key; /* out; likewise */
	uint64_t opaque_[2];
};
GV_API bool gv_next(struct gv_turn *t, struct gv_scan *scan);
/* For lists in pages: the place of the row that gv_next gave last, as text to hand out, and a walk that goes on behind
 * such a place. "" stands for the beginning. -EINVAL for a text that is no place in this table: the message does not
 * fail. */
GV_API char *gv_page(struct gv_turn *t, const struct gv_scan *scan);
GV_API int gv_page_from(struct gv_turn *t, struct gv_scan *scan, const char *page);

/* gv_key(a, b): up to four parts, each a string or an integer. */
static inline struct gv_part gv_part_s(const char *s)
{
	struct gv_part p;
	p.kind = 's';
	p.s = s;
	return p;
}
static inline struct gv_part gv_part_i(int64_t i)
{
	struct gv_part p;
	p.kind = 'i';
	p.i = i;
	return p;
}
static inline struct gv_part gv_part_u(uint64_t u)
{
	struct gv_part p;
	p.kind = 'u';
	p.u = u;
	return p;
}
#ifndef __cplusplus
#define GV_PART(x)                                                                                                     \
	_Generic((x), char *: gv_part_s, const char *: gv_part_s, _Bool: gv_part_u, \
	int: gv_part_i, long: gv_part_i, long long: gv_part_i, \
	unsigned: gv_part_u, unsigned long: gv_part_u, unsigned long long: gv_part_u)(x)
#define GV_KEY1(a) ((struct gv_key){ 1, { GV_PART(a) } })
#define GV_KEY2(a, b) ((struct gv_key){ 2, { GV_PART(a), GV_PART(b) } })
#define GV_KEY3(a, b, c) ((struct gv_key){ 3, { GV_PART(a), GV_PART(b), GV_PART(c) } })
#define GV_KEY4(a, b, c, d) ((struct gv_key){ 4, { GV_PART(a), GV_PART(b), GV_PART(c), GV_PART(d) } })
#define GV_KEY_N(a, b, c, d, n, ...) n
#define gv_key(...) GV_KEY_N(__VA_ARGS__, GV_KEY4, GV_KEY3, GV_KEY2, GV_KEY1, )(__VA_ARGS__)
#endif

/* ---- events ---------------------------------------------------------------------------------- */

/* A fact, journalled with this turn's writes; it reaches every subscriber, in order per partition key, exactly once in
 * effect. The key is the field marked (galvan.field).key. The event's type must be among the record's `emits`. */
GV_API int gv_emit(struct gv_turn *t, const void *event);

struct gv_emitter {           /* who an event comes from */
	const char *instance; /* "registry.0" */
	const char *key;
	int64_t time_ms; /* when it was emitted */
	uint64_t seq;    /* its place in the emitter's journal; 0: in a snapshot, or nobody needed it in the journal */
	bool snapshot;   /* part of a snapshot: the present state, not a change */
	bool late;       /* was parked, and people replayed it: later ones of the same key may have come before */
};

/* Whether what this plugin has heard of an event type, which `hears` names, is the whole present state: each emitter of
 * it has shown it, and no snapshot is under way. Until then "not heard of" does not mean "not there". */
GV_API bool gv_heard_all(struct gv_turn *t, const ProtobufCMessageDescriptor *type);

/* ---- calls ----------------------------------------------------------------------------------- */

/* Connect's codes. */
enum gv_code {
	GV_OK = 0,
	GV_CANCELLED = 1,
	GV_UNKNOWN = 2,
	GV_INVALID_ARGUMENT = 3,
	GV_DEADLINE_EXCEEDED = 4,
	GV_NOT_FOUND = 5,
	GV_ALREADY_EXISTS = 6,
	GV_PERMISSION_DENIED = 7,
	GV_RESOURCE_EXHAUSTED = 8,
	GV_FAILED_PRECONDITION = 9,
	GV_ABORTED = 10,
	GV_OUT_OF_RANGE = 11,
	GV_UNIMPLEMENTED = 12,
	GV_INTERNAL = 13,
	GV_UNAVAILABLE = 14,
	GV_DATA_LOSS = 15,
	GV_UNAUTHENTICATED = 16
};
/* "not_found" and so on; "unknown" for any other number. */
GV_API const char *gv_code_name(unsigned code);

/* Where a reply goes. A plain value: put it in a table to answer in a later turn, even after a restart. */
struct gv_ticket {
	uint64_t call;
	uint64_t caller;
};

struct gv_call {
	const char *method;  /* "galvan.charging.v1.Charging/Start", of a service among the record's `calls` */
	const void *request; /* a message of the method's input type */
	const char *to; /* NULL: by the request's key field. A device or session id, a plugin ("ocpp") or an instance
			 * ("ocpp.0"). Without either, the only other plugin that serves it; several: all are asked
			 * and the answers merged. What is this plugin's own to answer it answers, too. */
	int64_t timeout_ms; /* 0: 30 s */
	/* Given: the call survives a crash of either side, and the note comes back with the answer; its type must be
	 * among the record's `notes`. NULL: a query, forgotten if this plugin dies. */
	const void *note;
	uint64_t tag;          /* comes back with the answer to a query */
	const uint8_t *packed; /* instead of `request`, where its type is known at run time only */
	size_t packed_size;
};
/* The answer, a refusal or GV_DEADLINE_EXCEEDED comes to on_answer, once. -ENOSPC beyond the window of calls to one
 * instance: nothing was sent, nothing will come (and, as an exception, the message does not fail). */
GV_API int gv_call(struct gv_turn *t, const struct gv_call *call);

struct gv_answer {
	const char *method;
	const void *note; /* unpacked, or NULL */
	uint64_t tag;
	unsigned code;     /* enum gv_code */
	const char *error; /* for people; "" where code is GV_OK */
	const void *
		reply; /* unpacked message of the method's output type; NULL unless GV_OK and the type is compiled in */
	const uint8_t *packed;
	size_t packed_size;
};

/* Exactly one of these answers a ticket, now or in a later turn. */
GV_API int gv_reply(struct gv_turn *t, struct gv_ticket to, const void *reply);
/* A refusal that a person can act on: what, which one, what to do. It is an answer like any other: what the handler
 * wrote stays. */
GV_API int gv_refuse(struct gv_turn *t, struct gv_ticket to, enum gv_code code, const char *fmt, ...) GV_PRINTF(4, 5);
/* Refuses the call in hand and undoes what its handler did; nothing is tried again. Elsewhere than in a call's handler:
 * as gv_fault. Returns -EINVAL, for the handler to return. */
GV_API int gv_fail(struct gv_turn *t, enum gv_code code, const char *fmt, ...) GV_PRINTF(3, 4);
/* Like gv_reply, but the reply leaves only when every running subscriber has committed the events of this turn (or the
 * call's deadline has come): what the caller does next finds them informed. */
GV_API int gv_reply_when_heard(struct gv_turn *t, struct gv_ticket to, const void *reply);
/* As gv_reply, for a plugin that forwards what another said. */
GV_API int gv_reply_packed(struct gv_turn *t, struct gv_ticket to, const uint8_t *reply, size_t size);

/* ---- timers ---------------------------------------------------------------------------------- */

/* Calls on_timer at `at_ms` or soon after, once, also after a restart. The same name replaces. `note` may be NULL. */
GV_API int gv_timer(struct gv_turn *t, const char *name, int64_t at_ms, const void *note);
GV_API int gv_timer_cancel(struct gv_turn *t, const char *name);

/* ---- connections (what a driver, link above all, brings) ------------------------------------- */

/* Registers a galvan.link.v1.Listener. Only from `start`. Its path must be among the record's `listens` (an empty one
 * need not: it gets what the node's config sends `to:` this plugin), its name unique, and its device_prefix, if any,
 * this plugin's name and a colon. */
GV_API int gv_listen(struct gv_turn *t, const void *listener);

struct gv_conn {
	uint64_t id;             /* unique for the node's life */
	const char *device;      /* "ocpp:CP001"; "" where there is none */
	const char *listener;    /* its name */
	const char *subprotocol; /* as negotiated */
	const char *peer;        /* network address, for logs */
	const char *path; /* of the request that opened it, as it came, with its query; "" where there was none */
	bool again;       /* on_open only: was already open before this incarnation of the plugin */
};
enum gv_frame_kind { GV_TEXT = 0, GV_BINARY = 1, GV_BYTES = 2, GV_REQUEST = 3 };
struct gv_frame {
	const struct gv_conn *conn;
	enum gv_frame_kind kind;
	const char *data; /* followed by a zero byte that size does not count */
	size_t size;
	const void *request; /* GV_REQUEST: the galvan.link.v1.HttpRequest, unpacked; answer with gv_respond */
	bool again;          /* may have been handled before: the plugin or its process died since */
};
/* Sends when the turn has committed; dropped with the connection if that is gone. */
GV_API int gv_send(struct gv_turn *t, uint64_t conn, enum gv_frame_kind kind, const void *data, size_t size);
GV_API int gv_respond(struct gv_turn *t, uint64_t conn, const void *http_response);
GV_API int gv_disconnect(struct gv_turn *t, uint64_t conn, unsigned code, const char *reason);

/* ---- blobs: large files, named by what they hold --------------------------------------------- */

#define GV_BLOB_ID_SIZE 65 /* SHA-256 in hex and the zero byte */
/* Stores bytes in the node's blob store, durably, at once; storing them twice is one blob. */
GV_API int gv_blob_put(struct gv_turn *t, const void *data, size_t size, char ret_id[GV_BLOB_ID_SIZE]);
/* Up to `size` bytes from `offset`; the number read, 0 at the end, -ENOENT. */
GV_API int64_t gv_blob_read(struct gv_turn *t, const char *id, uint64_t offset, void *ret_data, size_t size);
/* The blob's size or -ENOENT. */
GV_API int64_t gv_blob_size(struct gv_turn *t, const char *id);
/* Takes a blob away, at once: only one of which it is certain that nobody else refers to it, as of a request's body
 * that came new (HttpRequest.body_new) and is not wanted. 0 also where there is none. */
GV_API int gv_blob_drop(struct gv_turn *t, const char *id);

/* ---- what a plugin is ------------------------------------------------------------------------ */

typedef int gv_event_fn(void *self, struct gv_turn *t, const ProtobufCMessage *event, const struct gv_emitter *from);
typedef int gv_method_fn(void *self, struct gv_turn *t, struct gv_ticket ticket, const ProtobufCMessage *request);

struct gv_hears {
	const ProtobufCMessageDescriptor *type;
	gv_event_fn *on;
};
struct gv_method {
	const char *name;
	gv_method_fn *on;
};
struct gv_service {
	const ProtobufCServiceDescriptor *type;
	const struct gv_method
		*methods; /* ends with a zeroed entry; a method without one is refused as unimplemented */
};
struct gv_emits {
	const ProtobufCMessageDescriptor *type;
	/* Emits, for one subscriber that lost its place in the journal, what makes up the present state. NULL: such a
	 * subscriber goes on from the oldest event that is left. Must not write. */
	int (*snapshot)(void *self, struct gv_turn *t);
};
/* Each list below ends with a zeroed or NULL entry, or is NULL. */
struct gv_plugin {
	uint32_t magic, abi_major, abi_minor, size; /* the stamp, read first and alone */
	const char *name, *version, *summary;       /* the name: lower case, digits and '_' */
	const ProtobufCMessageDescriptor *config;   /* NULL: takes no config */
	const struct gv_service *serves;
	const struct gv_hears *hears;
	const struct gv_emits *emits;
	const ProtobufCServiceDescriptor *const *calls;
	const char *const *listens; /* paths: "/ocpp/" */
	const struct gv_table *const *tables;
	/* What earlier versions had and this one has not, or has with another key or value under the same name. Only
	 * migrate may read them; after it they are gone. */
	const struct gv_table *const *old_tables;
	const ProtobufCMessageDescriptor *const *notes;
	struct {
		const uint8_t *data;
		size_t size;
	} schema_set;    /* the serialized FileDescriptorSet that gv-proto generates: GV_SCHEMA(name) */
	uint32_t schema; /* version of the tables, from 1; a store with a newer one is refused */
	/* Brings tables of version `from` up to `schema`, in the transaction in which start runs, just before it: if
	 * either fails, the tables stay as they were and the version before runs on. */
	int (*migrate)(void *self, struct gv_turn *t, uint32_t from, const void *config);
	size_t self_size; /* the host allocates and zeroes it */
	/* May refuse with gv_fault. Everything in self that is not in the store is built here. */
	int (*start)(void *self, struct gv_turn *t, const void *config);
	/* Called once after the last callback; frees what start made outside the turn. May be called after a failed
	 * start. */
	void (*stop)(void *self);
	int (*on_answer)(void *self, struct gv_turn *t, const struct gv_answer *answer);
	int (*on_timer)(void *self, struct gv_turn *t, const char *name, const void *note);
	int (*on_open)(void *self, struct gv_turn *t, const struct gv_conn *conn);
	int (*on_frame)(void *self, struct gv_turn *t, const struct gv_frame *frame);
	/* code: WebSocket's, 1006 where the connection was just lost. */
	int (*on_close)(void *self, struct gv_turn *t, const struct gv_conn *conn, unsigned code, const char *reason);
	/* Any event that `hears` does not name, once gv_follow asked for it (see driver.h). */
	int (*on_event)(void *self, struct gv_turn *t, const char *type, const uint8_t *packed, size_t size,
			const struct gv_emitter *from);
	/* This subscriber has no place in the emitter's journal: it is its `first` time, or what comes next is no
	 * longer there. A snapshot follows where a type has one. */
	int (*on_resync)(void *self, struct gv_turn *t, const char *emitter, bool first);
	const struct gv_driver *driver; /* NULL for a plugin that only thinks */
	bool calls_any;                 /* the capability "call:*" */
	bool hears_any;                 /* the capability "hear:*", for gv_follow */
	/* The last callback before stop where an incarnation ends in order, by a stop or a reload, and not after a
	 * crash: writes what was in memory only. A turn of its own; returns 1 to be called again in another. Since ABI
	 * 1.1. */
	int (*finish)(void *self, struct gv_turn *t);
};

/* The one exported symbol. */
#define GV_PLUGIN                                                                                                      \
	extern GV_API const struct gv_plugin gv_plugin;                                                                \
	const struct gv_plugin gv_plugin
#define GV_STAMP GV_ABI_MAGIC, GV_ABI_MAJOR, GV_ABI_MINOR, sizeof(struct gv_plugin)

/* .schema_set = GV_SCHEMA(loyalty), of the generated loyalty.schema.h */
#define GV_SCHEMA(name)                                                                                                \
	{                                                                                                              \
		name##_schema, sizeof name##_schema                                                                    \
	}

/* The record's lists: .hears = GV_HEARS({ &x__descriptor, on_x_event }), .tables = GV_TABLES(&a, &b). */
#define GV_HEARS(...)                                                                                                  \
	(const struct gv_hears[])                                                                                      \
	{                                                                                                              \
		__VA_ARGS__,                                                                                           \
		{                                                                                                      \
			0                                                                                              \
		}                                                                                                      \
	}
#define GV_EMITS(...)                                                                                                  \
	(const struct gv_emits[])                                                                                      \
	{                                                                                                              \
		__VA_ARGS__,                                                                                           \
		{                                                                                                      \
			0                                                                                              \
		}                                                                                                      \
	}
#define GV_SERVES(...)                                                                                                 \
	(const struct gv_service[])                                                                                    \
	{                                                                                                              \
		__VA_ARGS__,                                                                                           \
		{                                                                                                      \
			0                                                                                              \
		}                                                                                                      \
	}
#define GV_METHODS(...)                                                                                                \
	(const struct gv_method[])                                                                                     \
	{                                                                                                              \
		__VA_ARGS__,                                                                                           \
		{                                                                                                      \
			0                                                                                              \
		}                                                                                                      \
	}
#define GV_TABLES(...)                                                                                                 \
	(const struct gv_table *const[])                                                                               \
	{                                                                                                              \
		__VA_ARGS__, NULL                                                                                      \
	}
#define GV_NOTES(...)                                                                                                  \
	(const ProtobufCMessageDescriptor *const[])                                                                    \
	{                                                                                                              \
		__VA_ARGS__, NULL                                                                                      \
	}
#define GV_CALLS(...)                                                                                                  \
	(const ProtobufCServiceDescriptor *const[])                                                                    \
	{                                                                                                              \
		__VA_ARGS__, NULL                                                                                      \
	}
#define GV_LISTENS(...)                                                                                                \
	(const char *const[])                                                                                          \
	{                                                                                                              \
		__VA_ARGS__, NULL                                                                                      \
	}

/* Typed handlers: GV_ON_EVENT(session_ended, struct loyalty, Charging__SessionEnded) makes session_ended_event() for
 * `hears`. */
#define GV_ON_EVENT(fn, Self, Type)                                                                                    \
	static int fn##_event(void *self, struct gv_turn *t, const ProtobufCMessage *m, const struct gv_emitter *from) \
	{                                                                                                              \
		return fn((Self *)self, t, (const Type *)m, from);                                                     \
	}
#define GV_ON_CALL(fn, Self, Type)                                                                                     \
	static int fn##_call(void *self, struct gv_turn *t, struct gv_ticket ticket, const ProtobufCMessage *m)        \
	{                                                                                                              \
		return fn((Self *)self, t, ticket, (const Type *)m);                                                   \
	}
/* GV_ON_START(begin, struct loyalty, Loyalty__Config) makes begin_start(), GV_ON_TIMER and GV_ON_ANSWER likewise. */
#define GV_ON_START(fn, Self, Config)                                                                                  \
	static int fn##_start(void *self, struct gv_turn *t, const void *config)                                       \
	{                                                                                                              \
		return fn((Self *)self, t, (const Config *)config);                                                    \
	}
#define GV_ON_TIMER(fn, Self, Note)                                                                                    \
	static int fn##_timer(void *self, struct gv_turn *t, const char *name, const void *note)                       \
	{                                                                                                              \
		return fn((Self *)self, t, name, (const Note *)note);                                                  \
	}
#define GV_ON_ANSWER(fn, Self)                                                                                         \
	static int fn##_answer(void *self, struct gv_turn *t, const struct gv_answer *answer)                          \
	{                                                                                                              \
		return fn((Self *)self, t, answer);                                                                    \
	}

#ifdef __cplusplus
}
#endif
#endif
