/* What a charger says of its transactions, whatever the version. Nothing here refuses, but what quota.c has too many
 * of: a charger whose start, stop or meter values are not confirmed keeps its queue for ever (1.6, 4.2; errata 3.18),
 * so what was wrong is kept beside the energy. */
#ifndef OCPP_SESSIONS_H
#define OCPP_SESSIONS_H

#include <plugins/ocpp/ocpp.h>

struct said_start {
	uint32_t connector;
	const char *tag;
	int64_t meter_wh;
	struct when when;
	const char *time;    /* as the charger wrote it */
	int64_t reservation; /* that it uses, by the charger's word; not positive: none */
};
struct begun {
	int32_t id;
	struct verdict verdict;
};
/* Begins a transaction, or finds the one that this start began when it came before. Without *ret where in->code refuses
 * one too many. */
int sessions_start(struct ocpp *o, struct gv_turn *t, struct inbound *in, const struct said_start *said,
		   struct begun *ret);

struct said_stop {
	int64_t id;      /* of the transaction; what is no id of ours means that the charger has none */
	const char *tag; /* "": none */
	bool has_meter;
	int64_t meter_wh;
	const char *reason; /* "": Local */
	struct when when;
	uint64_t digest;            /* stands for this stop among others; not 0 */
	const struct meter *values; /* that came with it */
};
/* Ends the transaction that is meant. in->payload is kept where there is none. ret_verdict: about the tag, where there
 * is one. */
int sessions_stop(struct ocpp *o, struct gv_turn *t, struct inbound *in, const struct said_stop *said,
		  struct verdict *ret_verdict);

struct said_values {
	uint32_t connector;
	int64_t id; /* of the transaction; 0: none was named */
	struct meter *values;
};
int sessions_meter(struct ocpp *o, struct gv_turn *t, struct inbound *in, const struct said_values *said);
/* Samples that belong to no transaction: kept, see readings.c. */
int sessions_reading(struct ocpp *o, struct gv_turn *t, struct inbound *in, uint32_t connector, struct meter *m);
/* Samples that by the version's own rules belong to none: kept with what runs there all the same, see event_apart.c. */
int sessions_apart(struct ocpp *o, struct gv_turn *t, struct inbound *in, uint32_t connector, struct meter *m);

/* SessionMetered: what of `m` was new. */
int sessions_tell_meter(struct gv_turn *t, const char *device, const Ocpp__Transaction *x, const struct meter *m);

/* What a charger says that names its transactions and numbers their messages. */
enum event_kind { EVENT_STARTED, EVENT_UPDATED, EVENT_ENDED };
struct said_event {
	const char *name; /* of the transaction; not "" */
	enum event_kind kind;
	int64_t number; /* among the transaction's; -1: it has none */
	struct when when;
	bool offline; /* it waited in the charger for a connection */
	bool has_connector;
	uint32_t connector;
	const char *token, *token_type; /* token NULL: none was named */
	int32_t start_number;           /* of the Start that caused it; 0: none */
	uint32_t reservation;           /* 0: none */
	const char *use;                /* what it makes of its connector, in 1.6's names; "": not said */
	const char *reason;             /* of ENDED; "": Local */
	uint32_t phases, cable_a;       /* 0: not said */
	const struct meter *values;
};
/* Begins, goes on with or ends a transaction, whatever came before, in any order, any number of times; in->code refuses
 * one too many. ret: about the token, where one was named. */
int sessions_event(struct ocpp *o, struct gv_turn *t, struct inbound *in, const struct said_event *said,
		   struct verdict *ret);

#endif
