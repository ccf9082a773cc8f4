/* What the messages of a version of OCPP look like, as data. A version is one table; validate.c reads it. */
#ifndef OCPP_SPEC_H
#define OCPP_SPEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum spec_type { SPEC_STRING, SPEC_INT, SPEC_NUMBER, SPEC_BOOL, SPEC_TIME, SPEC_ENUM, SPEC_OBJECT };

enum spec_flag {
	SPEC_REQUIRED = 1 << 0,
	SPEC_LIST = 1 << 1,     /* a list of the type */
	SPEC_NONEMPTY = 1 << 2, /* of at least one element */
	/* Where chargers are known to differ, and to be served all the same. None holds for what galvan sends. */
	SPEC_CONVERT =
		1 << 3,     /* a string may come as number or boolean, and the reverse; one object for a list of them */
	SPEC_OPEN = 1 << 4, /* an enum with values that the specification does not have */
	SPEC_EXCUSED = 1 << 5, /* required, but its absence is no reason to refuse the message */
	SPEC_TENTH = 1 << 6,   /* a number with one decimal at most */
};

struct spec_object;
struct spec_field {
	const char *name;
	enum spec_type type;
	unsigned flags;
	unsigned max;              /* SPEC_STRING: characters; 0: any */
	const char *const *values; /* SPEC_ENUM: ends with NULL */
	const struct spec_object *object;
};
struct spec_object {
	const struct spec_field *fields;
	unsigned count; /* at most 32 */
};

enum spec_direction { SPEC_UP = 1, SPEC_DOWN = 2 }; /* up: from the charger */

struct spec_action {
	const char *name;
	unsigned directions;
	bool repeatable; /* DOWN: doing it twice is the same as once, so it is sent again where a crash may have lost it
			  */
	const struct spec_object *request;
};

struct spec_version {
	const char *subprotocol;
	const struct spec_action *actions; /* sorted by name */
	size_t count;
};

extern const struct spec_version spec_v16;

/* NULL where the version has no such action. */
const struct spec_action *spec_find(const struct spec_version *version, const char *action);

/* The names of measured things in the order of the enums of ocpp.proto; NULL ends each. */
extern const char *const spec_measurands[], *const spec_units[], *const spec_phases[], *const spec_contexts[],
											       *const spec_locations[];

#endif
