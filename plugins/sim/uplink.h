/* A model's connection to its server: it comes back whenever it ends, and a timer tells the model what is due. */
#ifndef SIM_UPLINK_H
#define SIM_UPLINK_H

#include "line.h"

struct uplinks { /* what all uplinks of a loop share */
	struct line_io io;
	unsigned connected;
	unsigned handles; /* timers and lines that are not closed yet */
	bool closing;     /* none is begun any more */
	void *arg;
	int64_t (*now_ms)(void *arg);
	void (*log)(void *arg, const char *identity, const char *line); /* may be NULL */
	void (*closed)(void *arg); /* it is closing, and no handle is left; called once */
};

struct uplink;
struct uplink_model { /* what stands behind it */
	/* line_open or line_open_tcp. */
	int (*dial)(struct uplink *u, struct line *l, const struct line_events *events);
	void (*connected)(struct uplink *u, int64_t now_ms);
	void (*disconnected)(struct uplink *u, int64_t now_ms);
	void (*receive)(struct uplink *u, int64_t now_ms, const char *data, size_t size);
	void (*run)(struct uplink *u, int64_t now_ms);
	int64_t (*next_ms)(const struct uplink *u); /* when to run; INT64_MAX: never */
	void (*closed)(struct uplink *u);           /* after uplink_end: its memory is the owner's again */
};

struct uplink { /* zeroed before its first use */
	struct uplinks *all;
	const struct uplink_model *model;
	struct line *line;  /* NULL: none, or given up */
	struct line *ghost; /* given up, but its socket is still there */
	uv_timer_t timer;
	int64_t connect_ms; /* when to connect; INT64_MAX: is connected, or connects */
	int64_t give_up_ms; /* connecting takes too long after this */
	unsigned failures;  /* in a row */
	uint64_t connects;
	char last_error[200];
};

void uplinks_init(struct uplinks *all, uv_loop_t *loop, uint64_t seed);
/* No uplink is left, or uplink_end was called for each: `closed` follows, or is called from here. */
void uplinks_close(struct uplinks *all);
/* A handle is closed that was counted in `handles`. */
void uplinks_release(struct uplinks *all);
uint64_t uplinks_random(struct uplinks *all);

/* Connects at a random moment of the next spread_ms, or of the next 20 s if those are over sooner. */
void uplink_begin(struct uplink *u, struct uplinks *all, const struct uplink_model *model, uint64_t spread_ms);
int64_t uplink_now_ms(const struct uplink *u);
/* After anything was done to the model. */
void uplink_schedule(struct uplink *u);
/* The model gives its connection up, and connects again at a time. What is left of it, for the caller to close, cut or
 * freeze; NULL: there was none. */
struct line *uplink_let_go(struct uplink *u, int64_t reconnect_at_ms);
/* Closes it in the background; the model's `closed` follows. */
void uplink_end(struct uplink *u);

#endif
