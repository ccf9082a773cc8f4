/* What the files of this plugin share; meson.build says what each folder holds.
 *
 * wire and spec are pure: they know each other and nothing of the rest. sessions, lists, limits, files, device and
 * stations keep rows and speak no version's words; what is to be asked of a charger they ask of its edge, which is one
 * version's messages to and from theirs. frames and soap bring what a charger says to its edge, services and queries
 * what the rest of galvan asks to these folders; ocpp is the record. */
#ifndef OCPP_H
#define OCPP_H

#include "stations/messages.h"
#include "stations/packs.h"
#include "stations/profile.h"
#include "wire/rpc.h"
#include "spec/spec.h"
#include "spec/validate.h"

#include <galvan/charging.pb-c.h>
#include <galvan/ocpp.pb-c.h>
#include <galvan/people.pb-c.h>
#include <galvan/plugin.h>
#include <galvan/registry.pb-c.h>

#include <lib/buf.h>
#include <lib/iso8601.h>
#include <lib/zones.h>

#define OCPP_DEVICE_MAX 255     /* bytes of a device id */
#define OCPP_CONNECTOR_MAX 1000 /* greatest connector id that is believed */
#define OCPP_QUEUE_MAX 16       /* calls to one charger that wait or are under way */
#define OCPP_REQUESTS_MAX 64    /* remote starts of one charger whose transactions are awaited */
#define OCPP_ORPHANS_MAX 256    /* kept per charger, the newest: of starts and stops, and of samples */
#define OCPP_ORPHAN_BYTES 4096  /* of a payload */
#define OCPP_WALK_MAX 512       /* rows of samples looked at to find a repeated one */
#define OCPP_READINGS_MAX 1000  /* of one message that are kept, the first */
#define OCPP_SAMPLES_MAX 50000  /* that GetSession answers, the newest */
#define OCPP_SESSIONS_MAX 1000  /* that ListSessions answers */
#define OCPP_SCAN_MAX 20000     /* rows that one list call looks at */
#define OCPP_TEXT_MAX 4096      /* bytes of a sample that is no number */
#define OCPP_SIGNED_MAX 8192    /* bytes of a sample's signed form, as JSON */
#define OCPP_TAG_MAX 64         /* bytes of an idTag that are kept */
#define OCPP_METER_MAX_WH                                                                                              \
	INT64_C(1000000000000000) /* of a register that is believed: a large power station's year is a hundredth */
#define OCPP_FRAME_MAX (256 * 1024)
#define OCPP_STATIONS_BUCKETS 4096

struct cJSON;
struct edge;
struct contracts;
struct lists;
struct outcome;

#define STATION_SOAP UINT64_MAX /* instead of a connection's id: it calls over SOAP, see stations/soap_station.h */

struct station {
	struct station *next;
	uint64_t conn;
	const struct edge *edge; /* the version that it speaks */
	int64_t opened_ms, last_ms;
	uint64_t first;        /* number of its first transaction: see UsageRow */
	int64_t kept_since_ms; /* messages that became rows since then: see stations/history.c */
	unsigned kept;
	struct pack pack;        /* of its meter values and heartbeats */
	int64_t booted_since_ms; /* boots since then: see stations/boot.c */
	unsigned boots;
	int64_t signing_until_ms, sign_noted_ms; /* see stations/certificates.c */
	int64_t v2g_until_ms;                    /* see contracts/v2g.c */
	uint64_t last_digest;                    /* of its last call: see frames.c */
	bool owes;                               /* it was called and has not answered yet */
	bool pending;                            /* it waits to be put into service: see stations/registration.c */
	int64_t asked_ms;        /* when it was last asked for what comes as calls of its own; 0: never */
	uint32_t max_keys;       /* of a GetConfiguration; 0: not known. See stations/configuration.c */
	uint64_t newest_command; /* in table `commands`; 0: none in this incarnation */
	struct profile profile;
	uint64_t quirks;            /* as in its row */
	const struct gv_zone *zone; /* of its site; NULL: UTC */
	int64_t list_due_ms;        /* when its list of tokens is looked at; 0: never. See lists/ */
	bool list_busy, list_check; /* it was asked something about it; it connected and was not asked yet */
	char device[];
};

struct tag {
	char *id; /* in lower case */
	char *spelling;
	char *status, *parent, *type;
};

struct ocpp {
	/* config */
	uint32_t heartbeat_s, pending_retry_s;
	bool accept_unknown_token, accept_unknown_station;
	bool refuse_serial;                       /* whose serial number is not its certificate's */
	bool soap_private;                        /* stations in private networks are called */
	int64_t soap_refused_ms, soap_guarded_ms; /* when it was last said that a SOAP request was refused */
	int64_t call_timeout_ms, start_window_ms;
	uint32_t nominal_voltage_v;
	struct tag *tags; /* sorted by id */
	size_t n_tags;
	char **vendors;
	size_t n_vendors;
	/* counters, restored at each start */
	uint64_t next_sample, next_command, next_limit;
	uint64_t last_security_event;
	uint64_t next_transaction, transaction_step; /* numbers, not ids: see sessions/ids.c */
	int64_t start_every_ms; /* of one charger, on the average, 0: no bound; see sessions/quota.c */
	int64_t day;            /* of the newest row of ocpp_days */
	uint32_t keep_days;
	uint64_t keep_samples; /* of the ended sessions of one charger */
	int64_t keep_events_ms;
	int64_t report_delay_ms; /* after the boot of a charger whose firmware is new; 0: it is not asked */
	int64_t timer_ms;        /* when the timer of the commands is due; 0: not set */
	char epoch[17];          /* makes the message ids of this incarnation its own */
	struct gv_buf out;
	struct messages messages;
	int64_t packs_due_ms;       /* when the timer of the packs is due; 0: not set */
	char log_purged[256];       /* the charger that command_log_purge has come to; "": none */
	struct profile_rule *rules; /* the config's */
	size_t n_rules;
	int64_t close_stuck_ms, close_silent_ms, close_gone_ms; /* 0: never */
	char silent_device[OCPP_DEVICE_MAX +
			   1]; /* how far the walk over silent sessions has come; "": at the beginning */
	uint32_t silent_connector;
	char *files_url; /* "": files are neither taken nor given */
	int64_t files_valid_ms;
	struct gv_zones zones;
	struct lists *lists;
	struct contracts *contracts; /* NULL: the config has none */
	struct station *stations[OCPP_STATIONS_BUCKETS];
};

/* ---- tables ---------------------------------------------------------------------------------- */

extern const struct gv_table ocpp_active;       /* device, connector -> Transaction */
extern const struct gv_table ocpp_progress;     /* device, connector -> Progress: written with each MeterValues */
extern const struct gv_table ocpp_history;      /* device, id -> Transaction that has ended */
extern const struct gv_table ocpp_transactions; /* number -> TransactionRef */
extern const struct gv_table ocpp_starts;       /* device, what was started -> StartRef */
extern const struct gv_table ocpp_samples;      /* number -> SampleRow */
extern const struct gv_table ocpp_days;         /* day -> DayRow */
extern const struct gv_table ocpp_readings;     /* device, connector, number -> SampleRow outside a transaction */
extern const struct gv_table *const ocpp_old_tables[]; /* which earlier versions had: they go */
extern const struct gv_table ocpp_connectors;          /* device, connector -> ConnectorRow */
extern const struct gv_table ocpp_stations;            /* device -> StationRow */
extern const struct gv_table ocpp_commands;            /* device, number -> Command */
extern const struct gv_table ocpp_requests;            /* device, request id -> Request */
extern const struct gv_table ocpp_soap;                /* device -> SoapRow */
extern const struct gv_table ocpp_devices;             /* id or alias in lower case -> KnownDevice */
extern const struct gv_table ocpp_usage;               /* device -> UsageRow */
extern const struct gv_table ocpp_orphans;             /* device, number -> OrphanRow */
extern const struct gv_table ocpp_counters;            /* name -> Counter */
extern const struct gv_table ocpp_tokens;              /* token in lower case -> KnownToken */
extern const struct gv_table ocpp_stuck;               /* device, connector -> StuckRow */
extern const struct gv_table ocpp_running;             /* known token in lower case, device, id -> RunningRow */

/* ---- json.c: cJSON as the handlers need it --------------------------------------------------- */

/* The first field of this name; NULL where there is none, or `object` is none. */
const struct cJSON *json_get(const struct cJSON *object, const char *name);
/* The field's text or number; the default where it is absent, null or of another type. */
const char *json_string(const struct cJSON *object, const char *name);
int64_t json_int(const struct cJSON *object, const char *name, int64_t or_else);
/* A meter's Wh, cut at what is believed: sums of two stay within int64_t. */
int64_t json_wh(const struct cJSON *object, const char *name, int64_t or_else);
/* Structs in the turn's memory. NULL beyond 32 levels or 20000 values. */
Google__Protobuf__Struct *json_to_struct(struct gv_turn *t, const struct cJSON *object);
/* To be deleted; NULL beyond the same limits, or where `s` holds a number that JSON has not. */
struct cJSON *json_from_struct(const Google__Protobuf__Struct *s);
/* The text in the turn's memory, without spaces. */
const char *json_print(struct gv_turn *t, const struct cJSON *json);

/* ---- model.c: rows as the rest of galvan sees them ------------------------------------------- */

/* What was odd about a session. The numbers are stored: add at the end only. */
enum session_flag {
	FLAG_METER_BACKWARDS,
	FLAG_STOP_WITHOUT_ID, /* the charger never had the transaction's id */
	FLAG_NO_STOP,         /* ended without the charger: by the next start or by hand */
	FLAG_LATE_STOP,       /* and its stop came afterwards */
	FLAG_CLOCK_UNSET,     /* a time was not usable: the time of arrival was taken */
	FLAG_NO_ZONE,         /* a time had no zone: the site's was taken */
	FLAG_STOP_BEFORE_START,
	FLAG_NO_METER_STOP,
	FLAG_SAMPLES_AFTER_STOP,
	FLAG_CLOSED_BY_OPERATOR,
	FLAG_METER_WITHOUT_ID, /* samples that named no transaction, or none that exists */
	FLAG_TOKEN_CUT,
	FLAG_RESERVED_FOR_ANOTHER, /* a reservation kept the connector for another token */
	FLAG_INCOMPLETE,           /* messages of it have not come */
	FLAG_LATE_EVENTS,          /* and some came behind its end and changed it */
	FLAG_OFFLINE,              /* the charger was offline meanwhile */
	FLAG_DEVICE_DELETED,       /* ended as its device was deleted */
	FLAG_METER_RESET,          /* what the meter counted before it fell is carried: sessions/register.c */
	FLAG_METER_FOREIGN_ID,     /* samples that named a transaction which is none here, or over */
	SESSION_FLAGS
};
#define FLAG(f) (1u << (f))

const char *model_session_id(struct gv_turn *t, const char *device, int32_t id);
/* The session that a caller means, in the turn's memory; NULL: there is none, and the ticket has been answered. */
Ocpp__Transaction *model_find(struct gv_turn *t, struct gv_ticket ticket, const char *session_id,
			      const char **ret_device, bool *ret_active);
/* NULL: there is none. */
const Ocpp__Transaction *model_session_find(struct gv_turn *t, const char *session_id, const char **ret_device);
Charging__Session *model_session(struct gv_turn *t, const char *device, const Ocpp__Transaction *x, bool active);
void model_sample(Charging__Sample *ret, int64_t row_ms, const Ocpp__Reading *r);
Charging__ConnectorStatus *model_connector(struct gv_turn *t, const char *device, uint32_t connector,
					   const Ocpp__ConnectorRow *row, bool online);
/* The tag in lower case, cut at OCPP_TAG_MAX: tags are compared without regard to case (1.6, 3.17). */
const char *model_fold(struct gv_turn *t, const char *tag);

/* ---- time.c ---------------------------------------------------------------------------------- */

struct when {
	int64_t ms;    /* usable: what the charger said, or now */
	bool replaced; /* now, as the charger said nothing usable */
	bool zoned;    /* the charger named a zone */
	uint64_t quirks;
	unsigned flags; /* FLAG(..) for a session */
};
/* A charger's time: leniently, without a zone in its site's. */
void when_read(struct gv_turn *t, const struct station *st, const struct cJSON *time, struct when *ret);
/* The quirk of a message that has waited in its charger for long; 0: it has not. */
uint64_t when_old(struct gv_turn *t, const struct when *w);
const char *when_now(struct gv_turn *t); /* "2025-01-15T02:09:54.000Z" */
/* Counts the times that people wrote in a form which some chargers refuse, and that are sent in this one (quirk row
 * 24). */
void when_rewritten(struct gv_turn *t, const struct check *c);

/* A time zone by its IANA name. NULL: UTC, or unknown (logged). */
const struct gv_zone *when_zone(struct ocpp *o, struct gv_turn *t, const char *name);

/* ---- station.c ------------------------------------------------------------------------------- */

/* NULL: not connected. */
struct station *station_find(struct ocpp *o, const char *device);
int station_open(struct ocpp *o, struct gv_turn *t, const struct gv_conn *conn, struct station **ret);
/* Finds its profile anew; `said`: its last BootNotification, or NULL. */
void station_profile(struct ocpp *o, struct station *st, const Ocpp__Station *said);
void station_close(struct ocpp *o, struct station *st);
void station_close_all(struct ocpp *o);
/* Remembers how this charger differs; writes only what is new. */
void station_quirks(struct ocpp *o, struct gv_turn *t, struct station *st, uint64_t quirks);
/* The version that a charger speaks, or spoke last; 1.6 where nobody knows. */
const struct edge *station_edge(struct ocpp *o, struct gv_turn *t, const char *device);
/* Registry's word on a device's site and its time zone. */
int station_set_place(struct ocpp *o, struct gv_turn *t, const char *device, const char *site, const char *zone);
Ocpp__Station *station_describe(struct ocpp *o, struct gv_turn *t, const char *device, const Ocpp__StationRow *row);

/* ---- tag.c ----------------------------------------------------------------------------------- */

/* A tag as the charger means it: where its profile says so, without what it mixes in. */
const char *tag_read(struct ocpp *o, struct gv_turn *t, struct station *st, const char *tag);

/* ---- token_type.c ---------------------------------------------------------------------------- */

#define TOKEN_TYPE_CARD "ISO14443"
#define TOKEN_TYPE_CENTRAL "Central"
bool token_type_known(const char *type);
/* The caller's word where that is not "", else what is known of the token, else `or_else`. */
const char *token_type(struct ocpp *o, struct gv_turn *t, const char *token, const char *said, const char *or_else);

/* ---- authorize.c: the one place that decides about tags -------------------------------------- */

struct verdict {
	const char *status;     /* Accepted, Blocked, Expired, Invalid, ConcurrentTx */
	const char *parent;     /* "" where there is none */
	int64_t valid_until_ms; /* 0: for ever */
	const char *exact;      /* the status in 2.0.1's words, which tell more reasons apart; NULL: the same */
};
struct ask {
	const char *device, *tag;
	bool asked_for; /* somebody inside galvan asked for a session with this tag */
	bool starts;    /* a session begins: how many run already counts */
};
struct verdict authorize(struct ocpp *o, struct gv_turn *t, const struct ask *ask);
/* {"status":...} */
/* Some source knows this token, or it has been asked for, is reserved for or charges at this charger. */
bool authorize_knows(struct ocpp *o, struct gv_turn *t, const char *device, const char *tag);
const char *authorize_info(struct gv_turn *t, const struct verdict *v);
/* After transaction_begin: it counts among its token's. */
int authorize_started(struct gv_turn *t, const char *device, const Ocpp__Transaction *x);
/* What lists of chargers say of a token; the status is "" for one that is unknown. */
struct listed_as {
	const char *id; /* as it is written */
	const char *status, *parent;
	const char *type; /* "": TOKEN_TYPE_CARD */
	int64_t valid_until_ms;
	char **sites; /* where it is good */
	size_t n_sites;
};
void authorize_listing(struct ocpp *o, struct gv_turn *t, const char *fold, struct listed_as *ret);
/* What billing says of a token; and that what this emitter said so far is void. */
int authorize_told(struct gv_turn *t, const Billing__TokenChanged *e, const struct gv_emitter *from);
int authorize_forget(struct gv_turn *t, const char *emitter);

/* ---- meter.c, meter_read.c ------------------------------------------------------------------- */

/* What a register showed, and when. */
struct meter_register {
	int64_t ms;
	double wh;
};
struct meter {
	Ocpp__Reading **readings;
	size_t n;
	size_t n_beyond; /* of its samples, those after OCPP_READINGS_MAX, which are not among the readings */
	int64_t base_ms; /* what their offsets count from */
	int64_t oldest_ms, newest_ms;
	bool replaced;   /* some time was not the charger's */
	uint64_t digest; /* of all of it; 0 unless replaced */
	bool has_register, has_power;
	double register_wh; /* the newest reading */
	bool has_first, has_begin;
	double first_wh; /* with has_first: the earliest reading */
	int64_t first_ms;
	int64_t register_ms;              /* of register_wh */
	struct meter_register *registers; /* all of them, oldest first; NULL: register_wh alone */
	size_t n_registers;
	double begin_wh; /* at Transaction.Begin */
	int64_t power_w;
	uint64_t quirks;
	unsigned flags;
};
/* Reads a list of MeterValue, validated. */
void meter_read(struct gv_turn *t, const struct station *st, const struct cJSON *list, struct meter *ret);
/* Takes out of m what the transaction has already, and appends the rest to its samples, if any; changes x, which the
 * caller writes. */
int meter_append(struct ocpp *o, struct gv_turn *t, Ocpp__Transaction *x, struct meter *m);
/* The register, over all of its readings. */
void meter_take_registers(struct gv_turn *t, Ocpp__Transaction *x, const struct meter *m);
/* Energy and power so far. */
void meter_apply(struct gv_turn *t, Ocpp__Transaction *x, const struct meter *m);
Charging__Sample **meter_samples(struct gv_turn *t, const struct meter *m);
/* The samples of a transaction, oldest first. */
void meter_collect(struct gv_turn *t, const Ocpp__Transaction *x, Charging__Session *session);

/* Takes out of m what the row has already. */
void meter_drop_known(const Ocpp__SampleRow *row, struct meter *m);

/* ---- readings.c: what is read outside of transactions ---------------------------------------- */

/* Changes m: what is new of it. */
int readings_keep(struct ocpp *o, struct gv_turn *t, const char *device, uint32_t connector, struct meter *m);

/* ---- thin.c, hoard.c: how much of it is kept ------------------------------------------------- */

/* Before the message's readings become the transaction's newest row: makes room, and counts them; changes x. */
void thin_append(struct gv_turn *t, Ocpp__Transaction *x, const struct meter *m);
/* What readings count for. */
uint32_t thin_weight(Ocpp__Reading *const *readings, size_t n);
#define HOARD_TIMER "hoard:" /* and the device */
/* The samples of the device's ended sessions weigh so much more, or less. */
int hoard_add(struct ocpp *o, struct gv_turn *t, const char *device, int64_t weight);
int hoard_due(struct ocpp *o, struct gv_turn *t, const char *device);

/* ---- transaction.c: rows of transactions ----------------------------------------------------- */

/* A copy to change and write, in the turn's memory; NULL where there is none. */
Ocpp__Transaction *transaction_on(struct gv_turn *t, const char *device, uint32_t connector);
Ocpp__Transaction *transaction_active(struct gv_turn *t, const char *device, int32_t id);
Ocpp__Transaction *transaction_ended(struct gv_turn *t, const char *device, int32_t id);
/* A row of `active` with what meter values have changed since. */
Ocpp__Transaction *transaction_now(struct gv_turn *t, const char *device, const Ocpp__Transaction *row);
/* Only what meter values need and change, of the one that runs on a connector; NULL where there is none. */
Ocpp__Transaction *transaction_metered(struct gv_turn *t, const char *device, uint32_t connector);
int transaction_put_progress(struct gv_turn *t, const char *device, const Ocpp__Transaction *x);
int transaction_put_ended(struct ocpp *o, struct gv_turn *t, const char *device, const Ocpp__Transaction *x);
/* Writes a new one, with the next id, and says so. */
int transaction_begin(struct ocpp *o, struct gv_turn *t, const char *device, Ocpp__Transaction *x);
/* The parts of that: a number, and by it and what started it the way to its row; its row; its event. */
int transaction_number(struct ocpp *o, struct gv_turn *t, const char *device, Ocpp__Transaction *x);
int transaction_put_start(struct gv_turn *t, const char *device, const Ocpp__Transaction *x);
int transaction_put_active(struct gv_turn *t, const char *device, const Ocpp__Transaction *x);
int transaction_tell_start(struct ocpp *o, struct gv_turn *t, const char *device, Ocpp__Transaction *x);
/* Whether SessionStarted has been told. */
bool transaction_is_told(const Ocpp__Transaction *x);
/* Moves it to the history and says so. */
int transaction_end(struct ocpp *o, struct gv_turn *t, const char *device, Ocpp__Transaction *x);
/* Ends it from what is known, as the charger does not. `at_ms` 0: at its newest sample. */
int transaction_give_up(struct ocpp *o, struct gv_turn *t, const char *device, Ocpp__Transaction *x, int64_t at_ms,
			unsigned flags);

/* ---- ids.c: what transactions are called ----------------------------------------------------- */

/* The id of a transaction of this number. */
int32_t id_of(uint64_t number);
/* How many numbers ago the id was used; a larger one is an older transaction. */
uint32_t id_age(const struct ocpp *o, int32_t id);
/* Whether the transaction began when the device had not been deleted and created again: it was another charger. */
bool id_is_anothers(const struct ocpp *o, const struct station *st, int32_t id);
/* A device's transactions that have ended, from the one that began last: { .device = ... }. */
struct ended_walk {
	const char *device;
	const Ocpp__Transaction *row; /* out */
	struct gv_scan scan;
	bool older; /* than the numbers' last turn */
};
bool ended_next(const struct ocpp *o, struct gv_turn *t, struct ended_walk *walk);

/* ---- quota.c --------------------------------------------------------------------------------- */

/* Whether the charger may begin another transaction now, which is counted then. False: the call is refused. */
struct inbound;
bool quota_start(struct ocpp *o, struct gv_turn *t, struct inbound *in);

/* ---- requests.c ------------------------------------------------------------------------------ */

#define REQUESTS_TIMER "requests"
/* Is there room for another of this charger? */
bool request_fits(struct ocpp *o, struct gv_turn *t, const char *device);
int request_put(struct ocpp *o, struct gv_turn *t, const char *device, const char *id, const Ocpp__Request *request);
/* Forgets those whose time is over. */
int requests_due(struct ocpp *o, struct gv_turn *t);
/* The request, still awaited, that this tag on this connector answers; NULL: none. *ret_id: its id. */
const Ocpp__Request *request_match(struct ocpp *o, struct gv_turn *t, const char *device, const char *tag,
				   const uint32_t *connector, const char **ret_id);
/* The request of this number; NULL: none. */
const Ocpp__Request *request_numbered(struct gv_turn *t, const char *device, int32_t number, const char **ret_id);

/* ---- stuck.c: sessions that nobody ends ------------------------------------------------------ */

#define STUCK_TIMER "stuck"
#define SILENT_TIMER "silent"
int stuck_start(struct ocpp *o, struct gv_turn *t);
/* A connector has told its state. */
int stuck_note(struct ocpp *o, struct gv_turn *t, const char *device, uint32_t connector, const char *status);
int stuck_due(struct ocpp *o, struct gv_turn *t);
int silent_due(struct ocpp *o, struct gv_turn *t);

/* ---- orphans.c ------------------------------------------------------------------------------- */

int orphan_keep(struct gv_turn *t, const char *device, const struct spec_action *action, const struct cJSON *payload);
/* Of a frame that cannot be read but for its action: its text; where it may hold a secret, the meter's numbers alone.
 */
int orphan_keep_broken(struct gv_turn *t, const char *device, const struct spec_action *action, const char *frame,
		       bool secret);
/* Starts and stops first, then samples; the newest of each first. */
int orphans_list(struct gv_turn *t, const char *device, uint32_t limit, Ocpp__ListOrphansReply *reply);

/* ---- calls of chargers: see edge/ ------------------------------------------------------------ */

struct inbound {
	struct station *st;
	const char *device;
	const struct spec_action *action;
	const struct cJSON *payload; /* validated; an object */
	const char *id;              /* of the message */
	bool id_is_number;
	bool again;         /* may have been handled already */
	uint64_t digest;    /* of connection, message id and action */
	const char *answer; /* out: JSON; "{}" unless set; NULL: it comes later, by frames_answer */
	enum rpc_code code; /* out: not RPC_OK refuses */
	bool farewell;      /* out: and its connection is closed behind that */
	const char *why;    /* out */
};
typedef int inbound_fn(struct ocpp *o, struct gv_turn *t, struct inbound *in);

/* ---- commands.c: calls to chargers ----------------------------------------------------------- */

/* True where the charger cannot be asked now: the ticket has been answered. */
bool command_impossible(struct ocpp *o, struct gv_turn *t, struct gv_ticket ticket, const char *device);
/* Whether another call fits the charger's queue. */
bool command_fits(struct gv_turn *t, const char *device);
struct command {
	Ocpp__Command__Kind kind;
	const char *action, *payload, *request_id;
	int64_t timeout_ms;             /* 0: the config's */
	const Ocpp__Setting *setting;   /* of a configuration: see stations/configuration.c */
	const Ocpp__Question *question; /* of variables: see device/variables_read.c */
	uint64_t about;                 /* for whoever concludes it: see commands.h */
	const char *problem;            /* of an order that cannot be given so: see edge.h */
};
struct start_order {
	uint32_t connector; /* 0: the charger chooses */
	const char *token, *token_type, *request_id;
	int32_t number;              /* stands for request_id where a charger takes no text */
	const struct cJSON *profile; /* as 1.6 has it; NULL: none */
};
struct reserve_order {
	uint64_t id;
	uint32_t connector;        /* 0: whichever */
	const char *token, *group; /* group "": none */
	const char *token_type;
	int64_t expires_at_ms;
};
/* After command_impossible said no. */
int command_send(struct ocpp *o, struct gv_turn *t, struct gv_ticket ticket, const char *device,
		 const struct command *c);
int commands_answered(struct ocpp *o, struct gv_turn *t, struct station *st, const struct gv_frame *f,
		      const struct rpc_frame *frame);
/* No answer will come to the call with this message id. go_on: the next that waits is sent. */
int commands_failed(struct ocpp *o, struct gv_turn *t, struct station *st, const char *message_id,
		    const struct outcome *out, bool go_on);
int commands_opened(struct ocpp *o, struct gv_turn *t, struct station *st, bool again);
int commands_closed(struct ocpp *o, struct gv_turn *t, const char *device, uint64_t conn, struct station *current);
int commands_due(struct ocpp *o, struct gv_turn *t);
int commands_restore(struct ocpp *o, struct gv_turn *t);

/* ---- frames.c -------------------------------------------------------------------------------- */

/* The answer to a call that had to wait for it. */
int frames_answer(struct ocpp *o, struct gv_turn *t, struct station *st, const char *id, bool id_is_number,
		  const char *action, const char *answer);
int frames_text(struct ocpp *o, struct gv_turn *t, const struct gv_frame *f, struct station *st);
/* What the charger's profile does not let pass, of a message with these quirks; RPC_OK: nothing. */
enum rpc_code frames_refusal(struct gv_turn *t, const struct station *st, const struct spec_action *action,
			     uint64_t quirks, const char **ret_why);
/* Before a message is refused: its payload, where it stands for energy, becomes an orphan. `action`: NULL is none. */
void frames_keep(struct gv_turn *t, const struct station *st, const struct spec_action *action,
		 const struct cJSON *payload);
/* The charger's answer to a call of galvan's was of no use: it is told so where its version has a way to. */
int frames_unusable(struct ocpp *o, struct gv_turn *t, struct station *st, const struct rpc_frame *answer,
		    const char *action, enum rpc_code code, const char *why);

/* ---- config.c -------------------------------------------------------------------------------- */

int config_take(struct ocpp *o, struct gv_turn *t, const Ocpp__Config *c);
void config_free(struct ocpp *o);

/* ---- ocpp.c ---------------------------------------------------------------------------------- */

/* What is due when a station is there, over WebSocket or SOAP. `again`: it was before this incarnation. */
int ocpp_opened(struct ocpp *o, struct gv_turn *t, struct station *st, bool again);
/* What is due when a connection, or STATION_SOAP, is not there any more. */
int ocpp_closed(struct ocpp *o, struct gv_turn *t, const char *device, uint64_t conn);

/* ---- retention.c: samples are not kept for ever ---------------------------------------------- */

#define RETENTION_TIMER "retention"
int retention_start(struct ocpp *o, struct gv_turn *t);
/* Before a sample is appended: remembers where a day begins. */
int retention_note(struct ocpp *o, struct gv_turn *t);
int retention_due(struct ocpp *o, struct gv_turn *t);

/* ---- services.c, queries.c ------------------------------------------------------------------- */

extern const struct gv_service ocpp_services[];
gv_method_fn list_sessions, get_session, list_connectors, list_messages, list_stations, list_orphans, list_readings;

#endif
