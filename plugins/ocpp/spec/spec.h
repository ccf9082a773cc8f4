/* What the messages of a version of OCPP look like, as data. A version is one table; validate.c reads it, and SOAP's
 * envelopes are written by it. */
#ifndef OCPP_SPEC_H
#define OCPP_SPEC_H

#include <plugins/ocpp/wire/rpc.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* SPEC_ANY: whatever JSON there is. */
enum spec_type { SPEC_STRING, SPEC_INT, SPEC_NUMBER, SPEC_BOOL, SPEC_TIME, SPEC_ENUM, SPEC_OBJECT, SPEC_ANY };

enum spec_flag {
	SPEC_REQUIRED = 1 << 0,
	SPEC_LIST = 1 << 1,     /* a list of the type */
	SPEC_NONEMPTY = 1 << 2, /* of at least one element */
	SPEC_TENTH = 1 << 3,    /* a number with one decimal at most */
	SPEC_NATURAL = 1 << 4,  /* an integer of 0 or more */
	/* Where chargers are known to differ, and to be served all the same. None holds for what galvan sends. */
	SPEC_CONVERT =
		1 << 5,     /* a string may come as number or boolean, and the reverse; one object for a list of them */
	SPEC_OPEN = 1 << 6, /* an enum with values that the specification does not have */
	SPEC_EXCUSED = 1 << 7, /* required, but its absence is no reason to refuse the message */
	SPEC_ALIAS = 1 << 8,   /* no field of the specification's: what some write for the field before this one */
	/* How SOAP writes the field, where not as an element of its own. */
	SPEC_ATTRIBUTE = 1 << 9, /* an attribute of its object's element */
	SPEC_TEXT = 1 << 10,     /* the text of its object's element */
};

struct spec_object;
struct spec_field {
	const char *name;
	enum spec_type type : 8;
	uint16_t flags;
	uint16_t max;  /* SPEC_STRING: characters; SPEC_INT: the largest value; 0: any */
	uint16_t most; /* SPEC_LIST: elements; 0: any number */
	union {
		const char *const *values;        /* SPEC_ENUM: ends with NULL */
		const struct spec_object *object; /* SPEC_OBJECT */
	};
};
/* The fields stand in the order in which SOAP wants them (xs:sequence). */
struct spec_object {
	const struct spec_field *fields;
	uint16_t count; /* at most 32 */
	bool open;      /* may have other fields, too */
};

enum spec_direction { SPEC_UP = 1, SPEC_DOWN = 2 }; /* up: from the charger */

/* What else the plugin has to know of an action, so that no other file names it. */
enum spec_trait {
	SPEC_METERED = 1 << 0,   /* tells of energy: no quirk refuses it, and it is kept where nothing can take it */
	SPEC_MILESTONE = 1 << 1, /* begins or ends a session: few, and each counts */
	SPEC_ROUTINE = 1 << 2,   /* said all the time, each like the other: the history keeps many a row */
	SPEC_SECRET = 1 << 3,    /* it or its answer may hold a secret, or what is a person's: shown with that masked */
	SPEC_PERSONAL = 1 << 4,  /* so much so that nothing of it is shown where its form cannot be read */
	SPEC_JSON_ONLY = 1 << 5, /* OCPP-S does not have it */
	/* For chargers that are pending: see stations/registration.c. */
	SPEC_BOOT = 1 << 6,      /* how a charger says that it is there */
	SPEC_BEGINS = 1 << 7,    /* begins a session, whatever runs */
	SPEC_ASKS_BACK = 1 << 8, /* what it asks for comes as calls of the charger's */
	SPEC_REMOTE = 1 << 9,    /* starts or stops a session from afar */
};

struct spec_action {
	const char *name;
	unsigned directions;
	bool repeatable; /* DOWN: doing it twice is the same as once, so it is sent again where a crash may have lost it
			  */
	const struct spec_object *request;
	const struct spec_object *answer;
	unsigned traits;
};

struct spec_version {
	const char *subprotocol;
	const struct spec_action *actions; /* sorted by name */
	size_t count;
	const struct rpc_dialect *rpc;       /* how it is framed as OCPP-J */
	enum rpc_code missing;               /* the code for a required field that is absent */
	const struct spec_field *everywhere; /* a field that every object may have; NULL: there is none */
};

extern const struct spec_version spec_v15, spec_v16, spec_v201;

/* NULL where the version has no such action. */
const struct spec_action *spec_find(const struct spec_version *version, const char *action);

/* The names of measured things in the order of the enums of ocpp.proto; NULL ends each. */
extern const char *const spec_measurands[], *const spec_units[], *const spec_phases[], *const spec_contexts[],
											       *const spec_locations[];
/* 1.6's error codes of a connector; NULL ends them. */
extern const char *const spec_error_codes[];

#endif
