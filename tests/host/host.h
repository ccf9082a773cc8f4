/* The deterministic test host: a whole node of plugins in one thread, under a virtual clock, on a simulated bus, with
 * simulated sockets and injected crashes. What a run does follows from its seed alone, so a failure is repeated by its
 * seed.
 *
 *     struct host *h = host_create(seed);
 *     host_load(h, "ocpp", "build/plugins/ocpp/ocpp.so", 1, "{}");
 *     host_set(h, HOST_CRASH, 20);
 *     struct host_answer *a = host_call(h, "galvan.charging.v1.Charging/ListSessions", "{\"device\":\"ocpp:CP001\"}");
 *     host_destroy(h);
 *
 * A broken promise ends the program: host_fail prints the sentence and the seed. Functions that take a name fail on one
 * that is not loaded. */
#ifndef TEST_HOST_H
#define TEST_HOST_H

#include <galvan/plugin.h>
#include <kernel/actor.h>
#include <lib/schema.h>

struct host;

/* ---- life ------------------------------------------------------------------------------------ */

/* A node with no plugins but the simulated `link`, which starts with the first plugin that is loaded. */
struct host *host_create(uint64_t seed);
void host_destroy(struct host *h);
uint64_t host_seed(const struct host *h);
/* A number that everything which happened so far went into: bytes of packets, times, crashes. */
uint64_t host_trace(const struct host *h);
/* What a failure says to be run again, with its seed: lives as long as the host. */
void host_again(struct host *h, const char *command);
/* Prints each step to stderr. */
void host_verbose(struct host *h, bool on);
void host_fail(struct host *h, const char *fmt, ...) GV_PRINTF(2, 3) __attribute__((noreturn));
#define host_check(h, condition, ...)                                                                                  \
	do {                                                                                                           \
		if (!(condition))                                                                                      \
			host_fail((h), __VA_ARGS__);                                                                   \
	} while (0)
/* Random numbers of the test's own stream; below: 0 .. n - 1. */
uint64_t host_random(struct host *h);
uint32_t host_below(struct host *h, uint32_t n);

/* Loads a plugin's shared object, unchanged, or a record that is linked in, and starts its instances. `config` is JSON,
 * NULL: none. 0, or the negative errno of a refused start with the reason in host_error. */
int host_load(struct host *h, const char *name, const char *path, uint32_t instances, const char *config);
int host_load_record(struct host *h, const struct gv_plugin *record, uint32_t instances, const char *config);
const char *host_error(const struct host *h);
/* Stops every instance of a plugin and starts it from another record (NULL: the same), with the config as before. If a
 * start fails the old record comes back on the untouched tables, and the failure is returned. */
int host_reload(struct host *h, const char *plugin, const struct gv_plugin *record);
/* A graceful stop of one instance, which stays down until host_start. */
void host_stop(struct host *h, const char *instance);
int host_start(struct host *h, const char *instance);
bool host_has(struct host *h, const char *instance);
bool host_up(struct host *h, const char *instance);
uint64_t host_incarnation(struct host *h, const char *instance);

/* ---- time ------------------------------------------------------------------------------------ */

int64_t host_now_ms(const struct host *h);
/* Calls fn once, `delay_ms` from now. */
void host_after(struct host *h, int64_t delay_ms, void (*fn)(struct host *h, void *arg), void *arg);
/* Does the next thing that is to happen; false if nothing ever will. */
bool host_step(struct host *h);
void host_run_ms(struct host *h, int64_t ms);
/* Runs until done returns true; false if it did not within that time. */
bool host_run_until(struct host *h, bool (*done)(struct host *h, void *arg), void *arg, int64_t within_ms);
/* Runs until every instance is up, no packet is under way and no instance has anything to do within `quiet_ms`. */
void host_settle(struct host *h, int64_t quiet_ms);

/* ---- what goes wrong ------------------------------------------------------------------------- */

enum host_fault {
	HOST_DELAY, /* per mille of packets that are delayed by up to a second; a pair stays in order */
	HOST_FULL,  /* per mille of sends that find the queue full */
	HOST_LATE, /* per mille of a dead sender's packets under way that arrive after all, maybe behind its successor's
		    */
	HOST_LOSE, /* per mille of event items that vanish within a pair: unkinder than the real bus */
	HOST_CRASH, /* per mille of commit and send points at which an instance dies */
	HOST_DROP,  /* per mille of frames to or from a station at which its connection breaks */
	HOST_FAULTS
};
void host_set(struct host *h, enum host_fault fault, unsigned per_mille);
/* Whether seeded crashes may hit this plugin; all but link may at first. */
void host_spare(struct host *h, const char *plugin, bool spare);
/* Kills an instance now, as kill -9 would: what it committed stays, the rest is gone. It is restarted after a while. */
void host_crash(struct host *h, const char *instance);
/* Kills it at its n-th point from now (1: the next). */
void host_crash_at(struct host *h, const char *instance, uint64_t n);
/* How many points it passed, over all incarnations. */
uint64_t host_points(struct host *h, const char *instance);
uint64_t host_crashes(const struct host *h);

/* ---- the test as a peer of the plugins ------------------------------------------------------- */

struct host_answer {
	bool done;
	unsigned code; /* enum gv_code */
	char *error;
	char *json; /* the reply; "" unless GV_OK */
	uint8_t *packed;
	size_t packed_size;
	unsigned replies; /* how often an answer came; more than one is checked to be the same */
	uint64_t id;
	char *method;
};
/* Calls a service by JSON and runs the node until the answer is there. Repeats it to the callee's later incarnations.
 * Fails the test if none comes within a virtual minute. Owned by the host. */
struct host_answer *host_call(struct host *h, const char *method, const char *json_fmt, ...) GV_PRINTF(3, 4);
/* The same, without waiting. `to`: NULL (by the request's key), a plugin or an instance. */
struct host_answer *host_call_later(struct host *h, const char *to, const char *method, const char *json);
/* The same with a protobuf message. */
struct host_answer *host_say_later(struct host *h, const char *to, const char *method, const void *message);
/* Later answers and events have no JSON (""), which takes longer than most turns. */
void host_terse(struct host *h, bool terse);
/* Later calls are durable: what fails is tried again and parked, not refused at once. */
void host_durable(struct host *h, bool durable);
/* Keeps the acknowledgements of answers back, so that callees must keep the answers. */
void host_hold_call_acks(struct host *h, bool hold);

struct host_event {
	const char *instance; /* of the emitter */
	const char *type, *key, *json;
	uint64_t seq;
	int64_t time_ms;
	const uint8_t *packed;
	size_t packed_size;
	bool snapshot;
};
/* The test subscribes to all events at the start, as a plugin would: registered, with a cursor, resubscribing at a gap.
 * The i-th event of that type (NULL: any), or NULL. Each appears once. */
const struct host_event *host_event(struct host *h, const char *type, size_t i);
size_t host_events(struct host *h, const char *type);

/* The rows of a plugin's table, by galvan.kernel.v1.Plugin/ListRows: calls fn with each row's key parts and its value
 * as JSON. */
size_t host_rows(struct host *h, const char *instance, const char *table,
		 void (*fn)(struct host *h, void *arg, const char *const *key, size_t parts, const char *json),
		 void *arg);
/* One of an instance's own counters (gv_count), by its name; 0 where it has none, and after each restart. */
double host_counter(struct host *h, const char *instance, const char *name);
/* How many messages an instance has parked. */
size_t host_parked(struct host *h, const char *instance);
/* The schema of all that is loaded. */
const struct gv_schema *host_schema(const struct host *h);

/* ---- stations -------------------------------------------------------------------------------- */

/* A station at the far end of a simulated socket. Its callbacks run in host_step; from them it may send, drop and
 * reconnect. */
struct host_station;
struct host_station_model {
	void (*on_open)(struct host_station *s, void *arg);
	void (*on_frame)(struct host_station *s, void *arg, enum gv_frame_kind kind, const char *data, size_t size);
	/* Also when no connection could be had: code 503. */
	void (*on_close)(struct host_station *s, void *arg, unsigned code);
};
struct host_station *host_station(struct host *h, const char *plugin, const char *device, const char *subprotocol,
				  const struct host_station_model *model, void *arg);
/* A client of the plugin's listener of kind TCP of that name ("": its first). What both ends send is a stream, of kind
 * GV_BYTES: it arrives in order, cut and glued anywhere. The plugin is told no device; `name` is for messages and
 * traces. Its close has code 1006, whoever closed. */
struct host_station *host_tcp(struct host *h, const char *plugin, const char *listener, const char *name,
			      const struct host_station_model *model, void *arg);
/* A client of the plugin's listener of kind HTTP of that name. What it sends is a packed galvan.link.v1.HttpRequest,
 * what it gets an HttpResponse, each of kind GV_REQUEST. The plugin is told no device. */
struct host_station *host_http(struct host *h, const char *plugin, const char *listener, const char *name,
			       const struct host_station_model *model, void *arg);
/* What link reaches when the plugin has it dial that name (Link/Dial): it must be connected by the test, again after
 * each end, and is refused while nobody dials. The plugin is told no device. */
struct host_station *host_dialled(struct host *h, const char *plugin, const char *name,
				  const struct host_station_model *model, void *arg);
/* What the plugin is told as the path of the connections that are made from now on; "" otherwise. */
void host_station_path(struct host_station *s, const char *path);
void host_station_connect(struct host_station *s);
bool host_station_connected(const struct host_station *s);
/* -ENOTCONN without a connection. */
int host_station_send(struct host_station *s, enum gv_frame_kind kind, const void *data, size_t size);
/* The network breaks: part of what is under way is lost. */
void host_station_drop(struct host_station *s);
/* The station closes: what it sent before arrives, what is sent to it may not. */
void host_station_finish(struct host_station *s);
/* The station is gone without a word, with no on_close: it may connect again at once, while link takes the old
 * connection for open and learns within two minutes that it is not. */
void host_station_vanish(struct host_station *s);
struct host *host_of_station(struct host_station *s);
const char *host_station_device(const struct host_station *s);

#endif
