/* How the tables of messages are written. */
#ifndef OCPP_FIELDS_H
#define OCPP_FIELDS_H

#include "spec.h"

/* clang-format off */
#define SHARED_VALUES(name, ...) const char *const name[] = { __VA_ARGS__, NULL }
#define VALUES(name, ...) static SHARED_VALUES(name, __VA_ARGS__)
#define SHARED_OBJECT(name, ...) \
	static const struct spec_field name##_fields[] = { __VA_ARGS__ }; \
	const struct spec_object name = { name##_fields, sizeof name##_fields / sizeof name##_fields[0], false }
#define OBJECT(name, ...) \
	static const struct spec_field name##_fields[] = { __VA_ARGS__ }; \
	static const struct spec_object name = { name##_fields, sizeof name##_fields / sizeof name##_fields[0], false }
/* The last argument of each is the field's flags; what else it has may follow: SOME, .most = 4. */
#define STRING(n, m, ...) { .name = n, .type = SPEC_STRING, .max = m, .flags = __VA_ARGS__ }
#define INTEGER(n, ...) { .name = n, .type = SPEC_INT, .flags = __VA_ARGS__ }
#define NUMBER(n, ...) { .name = n, .type = SPEC_NUMBER, .flags = __VA_ARGS__ }
#define BOOL(n, ...) { .name = n, .type = SPEC_BOOL, .flags = __VA_ARGS__ }
#define TIME(n, ...) { .name = n, .type = SPEC_TIME, .flags = __VA_ARGS__ }
#define ENUM(n, v, ...) { .name = n, .type = SPEC_ENUM, .values = v, .flags = __VA_ARGS__ }
#define NESTED(n, o, ...) { .name = n, .type = SPEC_OBJECT, .object = &(o), .flags = __VA_ARGS__ }
#define ANY(n, ...) { .name = n, .type = SPEC_ANY, .flags = __VA_ARGS__ }

/* Actions: their name, request and answer, and their traits where they have any. AGAIN: down, and repeatable. */
#define UP(n, r, a, ...) { n, SPEC_UP, false, &(r), &(a), ##__VA_ARGS__ }
#define DOWN(n, r, a, ...) { n, SPEC_DOWN, false, &(r), &(a), ##__VA_ARGS__ }
#define AGAIN(n, r, a, ...) { n, SPEC_DOWN, true, &(r), &(a), ##__VA_ARGS__ }
#define BOTH(n, r, a, ...) { n, SPEC_UP | SPEC_DOWN, false, &(r), &(a), ##__VA_ARGS__ }
/* clang-format on */

#define REQ SPEC_REQUIRED
#define OPEN SPEC_OPEN
#define LIST SPEC_LIST
#define SOME (SPEC_LIST | SPEC_NONEMPTY)
/* A transaction message is confirmed whenever it can be understood at all (OCPP 1.6, 4.2; its errata 3.18). */
#define TX (SPEC_REQUIRED | SPEC_CONVERT)
#define STOP (SPEC_REQUIRED | SPEC_CONVERT | SPEC_EXCUSED)

#endif
