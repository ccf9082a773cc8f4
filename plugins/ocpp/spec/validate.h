/* Checks a payload against its table, and makes it what the table says where a charger is known to differ. Pure. */
#ifndef OCPP_VALIDATE_H
#define OCPP_VALIDATE_H

#include "spec.h"

#include <stdint.h>

/* How a charger breaks the specification. The numbers are stored: add at the end only. */
enum quirk {
	QUIRK_WRONG_TYPE,
	QUIRK_TOO_LONG,
	QUIRK_UNKNOWN_VALUE,
	QUIRK_EXTRA_FIELD,
	QUIRK_DOUBLE_KEY,
	QUIRK_NULL,
	QUIRK_MISSING_FIELD,
	QUIRK_NO_LIST,
	QUIRK_NO_PAYLOAD,
	QUIRK_NUMERIC_ID,
	QUIRK_NO_ZONE,
	QUIRK_BAD_TIME,
	QUIRK_CLOCK_UNSET,
	QUIRK_CLOCK_AHEAD,
	QUIRK_EMPTY_VALUE,
	QUIRK_UNKNOWN_TRANSACTION,
	QUIRK_NO_TRANSACTION_ID,
	QUIRK_METER_BACKWARDS,
	QUIRK_LATE_ANSWER,
	QUIRK_BROKEN_JSON,
	QUIRK_OUT_OF_RANGE,
	QUIRK_WRONG_NAME,
	QUIRK_WRONG_ANSWER,
	QUIRKS
};
/* "wrong-type". */
const char *quirk_name(unsigned quirk);

struct check {
	const struct spec_version *version; /* whose rules hold; NULL: as in 1.6 */
	bool strict;                        /* in: no leniency, for what galvan itself sends */
	uint64_t quirks;                    /* out: bits of enum quirk */
	enum rpc_code code;                 /* out, on failure */
	char path[128];                     /* "meterValue[2].timestamp" */
	char text[160];                     /* "must be a string, is a number" */
};

/* 0, or -EINVAL with code, path and text. `payload` is an object; it may be changed (leniency converts what differs).
 */
int validate(const struct spec_object *spec, struct cJSON *payload, struct check *check);

#endif
