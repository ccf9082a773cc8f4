/* Checks a payload against its table, and makes it what the table says where a charger is known to differ. Pure. */
#ifndef OCPP_VALIDATE_H
#define OCPP_VALIDATE_H

#include "quirk.h"
#include "spec.h"

#include <protobuf-c/protobuf-c.h>
#include <stdint.h>

struct check {
	const struct spec_version *version; /* whose rules hold; NULL: as in 1.6 */
	bool strict;                        /* in: no leniency, for what galvan itself sends */
	bool plain_times;                   /* in: times are rewritten in the form that every charger takes */
	const ProtobufCAllocator *memory;   /* in: the payload's, for what is changed in it; NULL: cJSON's own */
	unsigned times_rewritten;           /* out: how many were written in another */
	uint64_t quirks;                    /* out: bits of enum quirk */
	enum rpc_code code;                 /* out, on failure */
	char path[128];                     /* "meterValue[2].timestamp" */
	char text[160];                     /* "must be a string, is a number" */
};

/* 0, or -EINVAL with code, path and text. `payload` is an object; it may be changed (leniency converts what differs).
 */
int validate(const struct spec_object *spec, struct cJSON *payload, struct check *check);

#endif
