/* Keeps every configured plugin instance running: starts it, watches it, starts it again when it dies, gives it up when
 * it keeps dying, and tells everybody who runs (the directory). Loading, unloading and reloading while the node runs
 * are operations on top: operation.c.
 *
 * Environment, for tests: GALVAN_HANG_MS (default 15000), GALVAN_START_TIMEOUT_MS (60000), GALVAN_STOP_TIMEOUT_MS
 * (20000). */
#ifndef GV_SUPERVISOR_H
#define GV_SUPERVISOR_H

#include "datadir.h"
#include "hosts.h"
#include "restart.h"

#define GV_SUPERVISOR_UNITS_MAX 64

enum gv_instance_state {
	GV_STARTING,
	GV_RUNNING,
	GV_STOPPING,
	GV_INSTANCE_STOPPED, /* by someone's wish */
	GV_RESTARTING,       /* died; starts again after its back-off */
	GV_QUARANTINED,
	GV_FAILED,
};

struct gv_unit;
struct gv_operation;
struct gv_supervisor;

struct gv_instance {
	struct gv_unit *unit;
	uint32_t index;
	char name[64]; /* "ocpp.0" */
	enum gv_instance_state state;
	char *message;        /* why it does not run and what to do; NULL: nothing to say */
	struct gv_plan *plan; /* what runs, or is to run: a reference */
	struct gv_host *host; /* the one that has, or is to have, the store; NULL: none */
	struct gv_host *warm; /* a reload's, waiting */
	struct gv_restart restart;
	uint32_t restarts;
	int64_t up_ms; /* uv_now when it came up; 0: not up */
	uv_timer_t back_off;
	bool first;   /* has not come up since the node started */
	bool crashed; /* the incarnation before died unasked */
	char *cause;  /* of what */
};

struct gv_unit { /* a plugin with its instances */
	struct gv_supervisor *supervisor;
	char *name;
	struct gv_plan *plan; /* the latest that runs: a reference */
	struct gv_instance *instances;
	uint32_t count;
	struct gv_operation *operation; /* NULL: none is under way */
};

struct gv_supervisor_events {
	void *arg;
	/* The directory has changed. It lives until the next change. */
	void (*changed)(void *arg, const Kernel__Directory *d);
	/* Every instance has come up once, or, of a third party's plugin, has been given up. */
	void (*ready)(void *arg);
	/* A plugin of a third party did not start the first time: another plan to start it by, whose reference the
	 * supervisor takes, or NULL. */
	struct gv_plan *(*instead)(void *arg, const struct gv_plan *plan, const char *reason);
	/* An instance did not come up the first time, and without it the node must not start. */
	void (*failed)(void *arg, const char *sentence);
	/* After gv_supervisor_stop: nothing runs any more. `in_order`: nothing had to be killed. */
	void (*stopped)(void *arg, bool in_order);
};

struct gv_supervisor_options {
	uv_loop_t *loop;
	void *context;
	const struct gv_logger *log;
	const struct gv_datadir *data;
	const char *node;
	bool log_json;
	const char *log_level;
	uint64_t store_limit_bytes, journal_limit_bytes;
	int64_t journal_limit_ms;
	const char *config_file;    /* read again by load and reload */
	const Kernel__Peer *kernel; /* the kernel's own entry in the directory */
	bool strict;                /* a third party's plugin that does not start the first time ends the node too */
	struct gv_supervisor_events events;
};

int gv_supervisor_create(const struct gv_supervisor_options *o, struct gv_supervisor **ret, char **ret_error);
/* Adds a plugin; takes a reference to the plan. Its instances start with gv_supervisor_start. */
int gv_supervisor_add(struct gv_supervisor *s, struct gv_plan *plan, struct gv_unit **ret);
void gv_supervisor_start(struct gv_supervisor *s);
/* Drivers drain first, then the others stop. `events.stopped` ends it. */
void gv_supervisor_stop(struct gv_supervisor *s);
/* At once, with SIGKILL. */
void gv_supervisor_kill(struct gv_supervisor *s);
bool gv_supervisor_is_ready(const struct gv_supervisor *s);
/* NULL past the end, in the config's order. */
struct gv_unit *gv_supervisor_unit(const struct gv_supervisor *s, size_t i);
struct gv_unit *gv_supervisor_find(const struct gv_supervisor *s, const char *name);
const Kernel__Directory *gv_supervisor_directory(const struct gv_supervisor *s);
const struct gv_supervisor_options *gv_supervisor_options(const struct gv_supervisor *s);
/* Instances are down and the loop runs once more after it for the handles. NULL is fine. */
void gv_supervisor_destroy(struct gv_supervisor *s);

const char *gv_instance_state_name(enum gv_instance_state state);

/* ---- for operations -------------------------------------------------------------------------- */

/* Starts a host with the instance's plan for its store. A failure to start one counts as a death. */
void gv_instance_launch(struct gv_instance *inst);
/* Tells the running host to stop (GV_EVENT_STOPPED follows), or, where none runs, ends what was planned: 1 then, 0
 * otherwise. */
int gv_instance_stop(struct gv_instance *inst, const char *message);
/* Starts a host with another plan that waits warm beside the running one. */
int gv_instance_warm(struct gv_instance *inst, struct gv_plan *plan, char **ret_error);
/* The warm host takes over; nothing else may run. */
void gv_instance_promote(struct gv_instance *inst);
/* Ends the warm host, if any. */
void gv_instance_drop_warm(struct gv_instance *inst);
void gv_instance_set_plan(struct gv_instance *inst, struct gv_plan *plan);
void gv_instance_set_state(struct gv_instance *inst, enum gv_instance_state state, const char *message);

enum gv_instance_event {
	GV_EVENT_WARM,      /* the warm host is loaded */
	GV_EVENT_WARM_LOST, /* it failed: text */
	GV_EVENT_STARTED,
	GV_EVENT_LOST,    /* it did not come up, or died: text */
	GV_EVENT_STOPPED, /* as asked */
};
/* An event of an instance, offered to its unit's operation first. True: taken, the supervisor does nothing more. */
bool gv_operation_event(struct gv_operation *op, struct gv_instance *inst, enum gv_instance_event event,
			const char *text);
/* Whether what it stops comes back by itself, as in a reload; false for NULL. */
bool gv_operation_returns(const struct gv_operation *op);
/* The node stops: ends the operation with a refusal. */
void gv_operation_abort(struct gv_operation *op);

#endif
