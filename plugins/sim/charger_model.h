/* What the files of the charger model share. */
#ifndef SIM_CHARGER_MODEL_H
#define SIM_CHARGER_MODEL_H

#include "charger.h"

#include <cjson/cJSON.h>

#define NEVER INT64_MAX
#define TOKEN_SIZE 24 /* idTag: 20 characters, and a little more for what servers send by mistake */
#define MESSAGE_ID_SIZE 37

/* A call of this charger that waits to be sent, or for its answer. */
struct call {
	struct call *next;
	const char *action;
	cJSON *payload;
	char id[MESSAGE_ID_SIZE];
	unsigned connector;   /* 0: none */
	uint64_t transaction; /* the charger's own number of the transaction it is about; 0: none */
	bool keep;            /* about a transaction: survives the connection and is tried again */
	bool repeat;          /* a StartTransaction sent once more by fault: its answer changes nothing */
	unsigned tries;
	int64_t not_before_ms;
	unsigned number;      /* among the messages of the transaction */
	int32_t start_number; /* of a StartTransaction: the server's number of the start that caused it; 0: none did */
};

struct late { /* an answer that is held back */
	struct late *next;
	int64_t at_ms;
	char *text;
};

struct connector {
	unsigned id;
	const char *status, *told_status;    /* told: as last sent */
	bool operative, becomes_inoperative; /* becomes: when the session ends */
	bool plugged, in_transaction, full;
	char token[TOKEN_SIZE]; /* authorized: of the session or of the one about to start; "" none */
	uint64_t transaction;   /* the charger's own number; 0: none */
	unsigned messages;      /* about it, beyond the first */
	int64_t transaction_id; /* the server's; 0: not known */
	double meter_wh, start_wh, target_wh;
	double limit_w;                                                          /* by the charging profiles, now */
	int64_t started_ms, limit_ms;                                            /* limit: when it may be another */
	int64_t metered_ms;                                                      /* up to when the energy is counted */
	int64_t sample_ms, full_ms, customer_ms, plug_ms, unplug_ms, give_up_ms; /* when what is due; NEVER */
	int32_t reservation;                                                     /* 0: none */
	int64_t reserved_until_ms;
	char reserved_token[TOKEN_SIZE];
};

enum boot { NOT_BOOTED, BOOTED };

#define PROFILES_MAX 16
#define PROFILE_PERIODS 24

struct profile {
	int64_t id, from_ms, to_ms; /* valid */
	unsigned connector;         /* 0: the whole charger */
	int purpose, level;
	uint64_t transaction; /* the charger's own number; 0: of the one that is about to start */
	int64_t start_ms;     /* 0: the session's start */
	int64_t duration_ms;  /* 0: without an end */
	int64_t every_ms;     /* 0: once */
	unsigned n_periods;
	struct {
		int64_t start_ms;
		double limit_w;
	} period[PROFILE_PERIODS];
};

#define CONFIG_KEYS 26
#define CONFIG_VALUE_SIZE 128

struct charger {
	const struct charger_env *env;
	struct charger_faults faults;
	struct charger_pattern pattern;
	char *identity, *vendor, *model, *serial, *firmware;
	char **tokens;
	unsigned n_tokens, n_connectors;
	struct connector connector[CHARGER_MAX_CONNECTORS + 1]; /* 0: the charger as a whole */
	char config[CONFIG_KEYS][CONFIG_VALUE_SIZE];
	int32_t local_list_version;
	struct profile *profile;
	unsigned n_profiles;

	int64_t now_ms, powered_up_ms, clock_skew_ms;
	bool connected;
	enum boot boot;
	int64_t boot_ms, heartbeat_ms, reset_ms, call_timeout_ms;
	bool hard_reset;
	struct call *first, *last; /* the first is in flight if in_flight */
	bool in_flight;
	struct late *late;
	unsigned queued, n_late;
	uint64_t transactions;
	bool v201;                  /* it speaks OCPP 2.0.1 */
	int64_t created_ms;         /* makes the names of its transactions its own */
	int32_t start_number;       /* of the server's start whose transaction is about to begin; 0: none */
	struct charger_state count; /* the counters of it */
};

/* ---- charger.c ------------------------------------------------------------------------------- */
/* The charger's own clock as OCPP writes it. */
const char *charger_timestamp(struct charger *c, char ret[32]);
uint64_t charger_random_below(struct charger *c, uint64_t limit);
bool charger_chance(struct charger *c, uint32_t per_mille);
void charger_log(struct charger *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Gives the connection up: drop of env, then as charger_disconnected. */
void charger_drop_line(struct charger *c, enum charger_drop how, int64_t reconnect_at_ms);
void charger_send_status(struct charger *c, struct connector *k, bool even_if_told);
void charger_send_boot(struct charger *c);
/* A call of this charger is over; NULL: without an answer, or with an error. */
void charger_answered(struct charger *c, const struct call *call, const cJSON *answer);

/* ---- charger_rpc.c: calls out, answers in ---------------------------------------------------- */
/* Takes payload over (NULL: out of memory somewhere, then nothing is sent). The call stays the queue's; NULL if it did
 * not come to be. */
struct call *rpc_call(struct charger *c, const char *action, cJSON *payload);
/* The same at the head of the queue, behind what is in flight. */
struct call *rpc_call_first(struct charger *c, const char *action, cJSON *payload);
/* Sends what may be sent now. */
void rpc_flush(struct charger *c);
void rpc_receive(struct charger *c, const char *text, size_t size);
/* The connection is gone: what is not kept is lost. */
void rpc_reset(struct charger *c);
void rpc_run(struct charger *c);
int64_t rpc_next_ms(const struct charger *c);
void rpc_fini(struct charger *c);

/* ---- charger_session.c: connectors, sessions, meters ----------------------------------------- */
void session_init(struct charger *c);
void session_run(struct charger *c);
int64_t session_next_ms(const struct charger *c);
/* The answer to a call that is about a connector; NULL: there was none, or an error. */
void session_answered(struct charger *c, const struct call *call, const cJSON *answer);
void session_set_status(struct charger *c, struct connector *k, const char *status);
/* Authorized: starts when a vehicle is plugged in. */
void session_authorized(struct charger *c, struct connector *k, const char *token);
/* Whoever is authorized there does not start: it became inoperative before. */
void session_forget(struct connector *k);
void session_stop(struct charger *c, struct connector *k, const char *reason);
void session_plug(struct charger *c, struct connector *k);
void session_unplug(struct charger *c, struct connector *k);
/* As charger_swipe. */
int session_swipe(struct charger *c, struct connector *k, const char *token);
void session_send_sample(struct charger *c, struct connector *k, const char *context);
bool session_may_start(const struct charger *c, const struct connector *k, const char *token);
double session_power_w(const struct charger *c, const struct connector *k);

/* ---- charger_commands.c: the server's calls -------------------------------------------------- */
/* The answer's payload, or NULL with the CALLERROR's code in *ret_error. */
cJSON *command_serve(struct charger *c, const char *action, const cJSON *payload, const char **ret_error);

/* ---- charger_v201.c: the same in OCPP 2.0.1 -------------------------------------------------- */
/* The payload of a call, and its action. */
cJSON *v201_call(const struct charger *c, const struct call *call, const char **ret_action);
/* An answer to it as 1.6 would have it. */
cJSON *v201_answer(const struct call *call, const cJSON *answer);
/* As command_serve. */
cJSON *v201_serve(struct charger *c, const char *action, const cJSON *payload, const char **ret_error);

/* The charging profiles have changed, or say something else now. */
void session_limits(struct charger *c);

/* ---- charger_profiles.c ---------------------------------------------------------------------- */
/* OCPP's status. `starts`: of the session that is about to start there. */
const char *profiles_set(struct charger *c, const struct connector *k, const cJSON *json, bool starts);
const char *profiles_clear(struct charger *c, const cJSON *criteria);
void profiles_started(struct charger *c, const struct connector *k);
void profiles_ended(struct charger *c, const struct connector *k);
/* What they let a connector draw now; *ret_next_ms: when that may be something else. */
double profiles_limit_w(const struct charger *c, const struct connector *k, int64_t *ret_next_ms);

/* ---- charger_config.c: configuration keys ---------------------------------------------------- */
void config_init(struct charger *c);
int config_number(const struct charger *c, const char *key);
bool config_flag(const struct charger *c, const char *key);
cJSON *config_get(struct charger *c, const cJSON *keys);
const char *config_change(struct charger *c, const char *key, const char *value);

#endif
