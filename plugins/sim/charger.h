/* A simulated charger of OCPP 1.6J, or 2.0.1: events in, JSON frames out.
 *
 * The model does no I/O and reads neither clock nor randomness by itself: every entry point takes the time, and
 * everything that leaves goes through `env`. So the same model runs over real sockets (plugins/sim) and under the test
 * host's virtual clock. What a real charger keeps over a power cut (unsent transaction messages, meters, running
 * sessions) lives in the model; the connection does not.
 *
 * Times are ms since the Unix epoch, UTC. Not thread-safe. No entry point may be called from inside an env callback. */
#ifndef SIM_CHARGER_H
#define SIM_CHARGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHARGER_MAX_CONNECTORS 16
#define CHARGER_MAX_QUEUE 512 /* calls that wait; beyond it the oldest meter values go first, as in real chargers */
#define CHARGER_MAX_LATE 64   /* own answers held back by late_answers_ms; beyond it they leave at once */
#define CHARGER_MAX_FRAME (1 << 20) /* a longer frame is ignored */

struct charger;

/* How the connection ends when the charger wants it to. */
enum charger_drop {
	CHARGER_CLOSE,     /* WebSocket close, as before a reboot */
	CHARGER_ABORT,     /* the line is cut: no close frame */
	CHARGER_HALF_OPEN, /* the old socket stays open and silent, a new one is opened: power loss behind a mobile
			      network */
};

struct charger_env {
	void *arg;
	uint64_t (*random)(void *arg);
	/* One text frame; `text` is followed by a zero byte and lives until it returns. */
	void (*send)(void *arg, const char *text, size_t size);
	/* The connection is given up; the owner opens a new one not before `reconnect_at_ms`. charger_disconnected is
	 * not called for it. */
	void (*drop)(void *arg, enum charger_drop how, int64_t reconnect_at_ms);
	/* May be NULL. A call of this charger was answered: `request` and `answer` are the payloads (the error's code
	 * and description for a CALLERROR, then `error` is true). */
	void (*answered)(void *arg, const char *action, const char *request, const char *answer, bool error);
	/* May be NULL. One line for the log. */
	void (*log)(void *arg, const char *line);
};

/* What can be wrong with a charger. All zero: it behaves. */
struct charger_faults {
	bool no_boot_on_reconnect; /* BootNotification only after power-up and Reset, not after each reconnect */
	uint32_t repeat_start;     /* sends each StartTransaction so many times more, with new message ids */
	uint32_t lost_answers_pm;  /* per mille of the answers to its calls that it behaves as if it never got */
	uint32_t late_answers_ms;  /* answers the server's calls so much later */
	uint32_t drop_pm;          /* per mille of its meter values after which the line is cut */
	uint32_t half_open_pm;     /* the same, leaving the old socket half-open */
	bool wrong_types;          /* numbers as strings and meter readings as numbers */
	bool clock_1970;           /* its clock starts at the epoch and is never set */
	bool missing_zone;         /* timestamps without a zone */
	bool meter_backwards; /* now and then the register goes back, and meterStop is 1 Wh below meterStart of an empty
				 session */
	bool transaction_minus_one;   /* names every transaction -1 */
	bool never_answer;            /* never answers the server's calls */
	bool repeat_answers;          /* answers each of the server's calls twice */
	uint32_t call_timeout_ms;     /* gives up an answer after this; 0: 30 s */
	bool session_profiles_only;   /* takes charging profiles of a running transaction only */
	uint32_t refused_profiles_pm; /* per mille of the charging profiles that it refuses */
};

/* How its customers behave. All zero: nobody comes unless told. */
struct charger_pattern {
	double sessions_per_hour;  /* per connector, in the mean */
	int64_t energy_wh;         /* per session, in the mean; 0: 10000 */
	int64_t power_w;           /* at most; 0: 11000 */
	bool taper;                /* the power falls in the last fifth, as a battery's does; false: constant */
	uint32_t meter_interval_s; /* 0: 60 */
	double speed;              /* of the energy, to make sessions short: 10 charges ten times as fast; 0: 1 */
	bool stay_unplugged;       /* does not plug in by itself when the server starts a session; it then times out
				      (ConnectionTimeOut) */
};

struct charger_options {
	const char *identity;                           /* copied, as all strings */
	const char *vendor, *model, *serial, *firmware; /* NULL: "Galvan", "Sim-AC", identity, "1.0" */
	unsigned connectors;                            /* 1 .. CHARGER_MAX_CONNECTORS; 0: 1 */
	const char *const *tokens;                      /* NULL-ended: the cards of its customers; NULL: "SIM-0001" */
	struct charger_pattern pattern;
	struct charger_faults faults;
	bool v201;                     /* speaks OCPP 2.0.1 instead of 1.6 */
	const struct charger_env *env; /* must outlive the charger */
	int64_t powered_up_ms;         /* now */
};

/* -EINVAL for an impossible option, -ENOMEM. */
int charger_create(const struct charger_options *o, struct charger **ret);
/* NULL is fine. */
void charger_destroy(struct charger *c);

/* The WebSocket is open, with the subprotocol of its version. */
void charger_connected(struct charger *c, int64_t now_ms);
/* A text frame came in. Anything may be in it. */
void charger_receive(struct charger *c, int64_t now_ms, const char *text, size_t size);
/* The connection ended, not by the charger's own drop. The owner reconnects when it sees fit. */
void charger_disconnected(struct charger *c, int64_t now_ms);
/* Does what is due. To be called at charger_next_ms or a little later. */
void charger_run(struct charger *c, int64_t now_ms);
/* When charger_run is next needed; INT64_MAX: not until something else happens. */
int64_t charger_next_ms(const struct charger *c);

/* What a customer does. -ENOENT: no such connector; -EBUSY: not possible in its present state. */
int charger_plug(struct charger *c, int64_t now_ms, unsigned connector);
/* Ends a running session (reason EVDisconnected). */
int charger_unplug(struct charger *c, int64_t now_ms, unsigned connector);
/* Authorizes, then starts a session at `connector` (or, where one runs with the same card, stops it). */
int charger_swipe(struct charger *c, int64_t now_ms, unsigned connector, const char *token);

void charger_set_faults(struct charger *c, const struct charger_faults *faults);
const struct charger_faults *charger_faults(const struct charger *c);
/* Cuts and restores the mains: the model forgets what a real one's RAM forgets. Drops the connection (CHARGER_ABORT).
 */
void charger_power_cycle(struct charger *c, int64_t now_ms);

struct charger_connector {
	const char *status; /* OCPP 1.6's names */
	bool plugged;
	bool in_transaction;    /* as the charger sees it, from the StartTransaction it queued to the StopTransaction it
				   queued */
	int64_t transaction_id; /* as the server said; 0 until then */
	const char *token;      /* of the session; "" where none */
	int64_t meter_wh;       /* register */
	int64_t session_wh;
	int64_t power_w;
};
struct charger_state {
	const char *identity;
	unsigned connectors;
	bool connected, accepted; /* accepted: the server said so to a BootNotification, once */
	unsigned queued;          /* calls that wait, the one in flight included */
	/* Since it was created. */
	uint64_t calls_sent, calls_answered, calls_refused,
		calls_lost;  /* refused: CALLERROR; lost: no answer in time or connection gone */
	uint64_t served;     /* calls of the server that it answered */
	uint64_t unexpected; /* answers nobody waits for, frames that are no OCPP-J */
	uint64_t dropped;    /* calls that fell out of the full queue */
	uint64_t sessions_started, sessions_ended;
};
void charger_get_state(const struct charger *c, struct charger_state *ret);
/* -ENOENT. Connectors count from 1. Strings live until the next entry. */
int charger_get_connector(const struct charger *c, unsigned connector, struct charger_connector *ret);

#endif
