/* A version of OCPP as the rest of the plugin meets it: the tables of its messages, and their translation to and from
 * the neutral model (charging.proto, and the structs of sessions.h and reports.h). Another version is a table and an
 * edge, listed in versions.c, and nothing else. */
#ifndef OCPP_EDGE_H
#define OCPP_EDGE_H

#include <plugins/ocpp/ocpp.h>

struct edge_profiles;

struct log_order {
	const char *url; /* to upload to */
	int32_t request_id;
	int64_t from_ms, until_ms; /* 0: not bounded */
	bool security;             /* the log of security events */
};
struct firmware_order {
	const Charging__UpdateFirmwareRequest *request;
	const char *url; /* to fetch from */
	int32_t request_id;
	int64_t retrieve_at_ms;
};

#define TRIGGER_BOOT "BootNotification" /* a message of TriggerMessageRequest */

/* What charging.proto asks of a charger, made a call of the version: fills the action and the payload of *ret, in the
 * turn's memory. 0; -EINVAL where it cannot be asked so, with the reason for people in ret->problem. NULL: the version
 * has nothing of the kind. */
struct edge_orders {
	int (*start)(struct gv_turn *t, const struct start_order *order, struct command *ret);
	int (*stop)(struct gv_turn *t, const Ocpp__Transaction *x, struct command *ret);
	/* plug: the physical connector; 0: not known. */
	int (*unlock)(struct gv_turn *t, uint32_t connector, uint32_t plug, struct command *ret);
	int (*reset)(struct gv_turn *t, bool hard, struct command *ret);
	int (*set_availability)(struct gv_turn *t, uint32_t connector, bool operative, struct command *ret);
	/* message: as TriggerMessageRequest names it. */
	int (*trigger)(struct gv_turn *t, const char *message, uint32_t connector, struct command *ret);
	int (*clear_cache)(struct gv_turn *t, struct command *ret);
	int (*get_log)(struct gv_turn *t, const struct log_order *order, struct command *ret);
	int (*update_firmware)(struct gv_turn *t, const struct firmware_order *order, struct command *ret);
	bool plain_firmware_stays; /* one without a signature cannot be taken back by another */
	int (*reserve)(struct gv_turn *t, const struct reserve_order *order, struct command *ret);
	int (*cancel_reservation)(struct gv_turn *t, uint64_t id, struct command *ret);
	/* What the transaction with that name costs; amount: a decimal number. */
	int (*cost)(struct gv_turn *t, const char *name, const char *amount, struct command *ret);
	/* Keys as ConfigurationEntry has them. n 0: all. most_keys: the key that says of how many a charger can be
	 * asked in one call; NULL: the version has none. */
	const char *most_keys;
	int (*get_configuration)(struct gv_turn *t, char *const *keys, size_t n, struct command *ret);
	int (*set_configuration)(struct gv_turn *t, const char *key, const char *value, struct command *ret);
	/* The charger's answers to these. */
	void (*read_configuration)(struct gv_turn *t, const struct cJSON *payload,
				   Charging__GetConfigurationReply *ret);
	const char *(*configuration_status)(struct gv_turn *t, const struct cJSON *payload); /* "": none */
};

struct list_message;
struct list_limits {
	uint32_t chunk_max, entries_max; /* of a message, of the list; 0: the charger does not say */
	bool off;                        /* it keeps no list, by its own configuration */
	bool no_cache;
};
/* The charger's list of tokens. The questions cannot fail. */
struct edge_lists {
	size_t id_max; /* characters of a token */
	bool types;    /* a token of another type is another token */
	int (*limits)(struct gv_turn *t, struct command *ret);
	void (*read_limits)(const struct cJSON *payload, struct list_limits *ret);
	int (*version)(struct gv_turn *t, struct command *ret);
	int64_t (*read_version)(const struct cJSON *payload); /* -1: it keeps none; less: it did not say */
	int (*send)(struct gv_turn *t, const struct list_message *m, struct command *ret);
};

/* What a version with a device model says of it, and how it is asked. */
struct edge_model {
	const char *items_key, *bytes_key; /* what tells how much of one message of questions a charger takes */
	int (*report)(struct gv_turn *t, int64_t request_id, struct command *ret); /* of all variables; cannot fail */
	/* As orders are: of what it keeps of a person. */
	int (*customer)(struct gv_turn *t, int64_t request_id, const Ocpp__GetCustomerInformationRequest *r,
			struct command *ret);
	/* A person is about to ask this (Ocpp/Call): a report may be awaited from now on. */
	void (*asking)(struct gv_turn *t, const char *device, const char *action, const struct cJSON *payload);
};

/* Answers to chargers that have waited for them: see contracts/. */
struct edge_contracts {
	/* To Authorize: the token's, and what its certificates are. */
	const char *(*authorized)(struct ocpp *o, struct gv_turn *t, const char *device, const char *token,
				  const char *certificates);
	/* To GetCertificateStatus; response NULL: there is none, and why. */
	const char *(*status)(struct gv_turn *t, const ProtobufCBinaryData *response, const char *why);
	/* To Get15118EVCertificate: what a pool of contract certificates says, as JSON; NULL: nothing, and why. */
	const char *(*certificate)(struct gv_turn *t, const char *said, size_t size, const char *why);
};

struct edge {
	const struct spec_version *spec;
	const char *name;                           /* "OCPP 1.6", for people */
	inbound_fn *(*handler)(const char *action); /* NULL: no charger sends it */
	/* What the answer to a call says of the charger is kept, before whoever asked has it. NULL: nothing is. */
	void (*answered)(struct ocpp *o, struct gv_turn *t, struct station *st, const Ocpp__Command *row,
			 const struct cJSON *payload);
	/* The answer to what ended a transaction, as JSON. cost: a decimal number; NULL: nobody has said it.
	 * token_info: as sessions/costs.h was given it; "": none. NULL: the version's answers know no costs. */
	const char *(*ended)(struct gv_turn *t, const char *cost, const char *token_info);
	const struct edge_orders *orders;
	const struct edge_profiles *profiles; /* charging profiles: see profiles.h; NULL: the version has none */
	const struct edge_security
		*security;              /* certificates and passwords: see credentials.h; NULL: the version has none */
	const struct edge_lists *lists; /* NULL: chargers of this version keep none */
	const struct edge_model *model; /* NULL: the version has no device model */
	const struct edge_contracts *contracts; /* NULL: it knows none */
};

/* versions.c: all that are spoken, the one that is spoken rather first; ends with NULL. And the one that is meant where
 * nobody says which. */
extern const struct edge *const edges[];
extern const struct edge *const edge_assumed;

/* The action in that version's table, or else in another's, as chargers mix versions up. NULL: no version has it. */
const struct spec_action *edge_action(const struct edge *rather, const char *action);
/* Does the text name an action of SPEC_PERSONAL, of whatever version? */
bool edge_is_personal(const char *text);

/* Another version of which this is a message, to the letter; NULL: none. */
const struct edge *edge_of_message(const struct edge *not_this, const char *action, const struct cJSON *payload);

/* NULL: none of that name. */
const struct edge *edge_find(const char *subprotocol);

#endif
