/* How chargers break the specification, as data: a name, what is done about it unless a profile says otherwise, and the
 * error that refuses it. docs/protocols/ocpp-quirks.md has the chargers that they were seen on. */
#ifndef OCPP_QUIRK_H
#define OCPP_QUIRK_H

#include <plugins/ocpp/wire/rpc.h>

#include <stdint.h>

enum quirk_policy {
	QUIRK_TOLERATE, /* served and counted */
	QUIRK_FLAG,     /* and shown on the charger */
	QUIRK_REFUSE    /* a CALLERROR, and shown; the connection stays */
};

/* The numbers are stored: add at the end only. Those with OK cannot be refused: there is nothing to answer, or energy
 * would be lost. A field that is missing is refused with its version's own code (struct spec_version). */
#define QUIRK_LIST(X)                                                                                                  \
	X(WRONG_TYPE, "wrong-type", "quirk_wrong_type", FLAG, TYPE_CONSTRAINT_VIOLATION)                               \
	X(TOO_LONG, "too-long", "quirk_too_long", FLAG, PROPERTY_CONSTRAINT_VIOLATION)                                 \
	X(UNKNOWN_VALUE, "unknown-value", "quirk_unknown_value", TOLERATE, PROPERTY_CONSTRAINT_VIOLATION)              \
	X(EXTRA_FIELD, "extra-field", "quirk_extra_field", TOLERATE, FORMATION_VIOLATION)                              \
	X(DOUBLE_KEY, "double-key", "quirk_double_key", FLAG, FORMATION_VIOLATION)                                     \
	X(NULL, "null", "quirk_null", FLAG, TYPE_CONSTRAINT_VIOLATION)                                                 \
	X(MISSING_FIELD, "missing-field", "quirk_missing_field", FLAG, PROTOCOL_ERROR)                                 \
	X(NO_LIST, "no-list", "quirk_no_list", TOLERATE, TYPE_CONSTRAINT_VIOLATION)                                    \
	X(NO_PAYLOAD, "no-payload", "quirk_no_payload", TOLERATE, FORMATION_VIOLATION)                                 \
	X(NUMERIC_ID, "numeric-id", "quirk_numeric_id", FLAG, FORMATION_VIOLATION)                                     \
	X(NO_ZONE, "no-zone", "quirk_no_zone", FLAG, PROPERTY_CONSTRAINT_VIOLATION)                                    \
	X(BAD_TIME, "bad-time", "quirk_bad_time", FLAG, PROPERTY_CONSTRAINT_VIOLATION)                                 \
	X(CLOCK_UNSET, "clock-unset", "quirk_clock_unset", FLAG, OK)                                                   \
	X(CLOCK_AHEAD, "clock-ahead", "quirk_clock_ahead", FLAG, OK)                                                   \
	X(EMPTY_VALUE, "empty-value", "quirk_empty_value", FLAG, PROPERTY_CONSTRAINT_VIOLATION)                        \
	X(UNKNOWN_TRANSACTION, "unknown-transaction", "quirk_unknown_transaction", FLAG, OK)                           \
	X(NO_TRANSACTION_ID, "no-transaction-id", "quirk_no_transaction_id", FLAG, OK)                                 \
	X(METER_BACKWARDS, "meter-backwards", "quirk_meter_backwards", FLAG, OK)                                       \
	X(LATE_ANSWER, "late-answer", "quirk_late_answer", TOLERATE, OK)                                               \
	X(BROKEN_JSON, "broken-json", "quirk_broken_json", REFUSE, OK)                                                 \
	X(OUT_OF_RANGE, "out-of-range", "quirk_out_of_range", FLAG, PROPERTY_CONSTRAINT_VIOLATION)                     \
	X(WRONG_NAME, "wrong-name", "quirk_wrong_name", TOLERATE, FORMATION_VIOLATION)                                 \
	X(WRONG_ANSWER, "wrong-answer", "quirk_wrong_answer", FLAG, OK)                                                \
	X(SCHEDULE_DIFFERS, "schedule-differs", "quirk_schedule_differs", FLAG, OK)                                    \
	X(REFUSES_PROFILES, "refuses-profiles", "quirk_refuses_profiles", FLAG, OK)                                    \
	X(COMPRESSED_UNASKED, "compressed-unasked", "quirk_compressed_unasked", FLAG, OK)                              \
	X(OTHER_VERSION, "other-version", "quirk_other_version", REFUSE, OK)                                           \
	X(BOOT_STORM, "boot-storm", "quirk_boot_storm", FLAG, OK)                                                      \
	X(NO_BOOT, "no-boot", "quirk_no_boot", FLAG, OK)                                                               \
	X(NO_STOP, "no-stop", "quirk_no_stop", FLAG, OK)                                                               \
	X(NO_START, "no-start", "quirk_no_start", FLAG, OK)                                                            \
	X(TAG_GARBLED, "tag-garbled", "quirk_tag_garbled", FLAG, OK)                                                   \
	X(CONNECTOR_ZERO, "connector-zero", "quirk_connector_zero", TOLERATE, OK)                                      \
	X(CONTEXT_IGNORED, "context-ignored", "quirk_context_ignored", TOLERATE, OK)                                   \
	X(WRONG_TOTAL, "wrong-total", "quirk_wrong_total", FLAG, OK)                                                   \
	X(SETTING_IGNORED, "setting-ignored", "quirk_setting_ignored", FLAG, OK)                                       \
	X(TOO_MANY_SAMPLES, "too-many-samples", "quirk_too_many_samples", FLAG, OK)                                    \
	X(SAME_ID, "same-id", "quirk_same_id", TOLERATE, OK)                                                           \
	X(OTHER_TYPE, "other-type", "quirk_other_type", TOLERATE, OK)                                                  \
	X(KEY_CASE, "key-case", "quirk_key_case", TOLERATE, OK)                                                        \
	X(RESERVATION_ZERO, "reservation-zero", "quirk_reservation_zero", TOLERATE, OK)                                \
	X(REPEATED_START, "repeated-start", "quirk_repeated_start", TOLERATE, OK)                                      \
	X(LATE_SAMPLES, "late-samples", "quirk_late_samples", TOLERATE, OK)                                            \
	X(WARNING_STATUS, "warning-status", "quirk_warning_status", TOLERATE, OK)                                      \
	X(TOO_MANY_TRANSACTIONS, "too-many-transactions", "quirk_too_many_transactions", REFUSE, OK)                   \
	X(OLD_ADDRESSING, "old-addressing", "quirk_old_addressing", FLAG, OK)                                          \
	X(OTHER_SERVICE, "other-service", "quirk_other_service", FLAG, OK)                                             \
	X(CROSSING_CALL, "crossing-call", "quirk_crossing_call", TOLERATE, OK)                                         \
	X(OLD_VALUE, "old-value", "quirk_old_value", TOLERATE, OK)                                                     \
	X(LATE_START, "late-start", "quirk_late_start", TOLERATE, OK)                                                  \
	X(TEXT_VALUE, "text-value", "quirk_text_value", TOLERATE, OK)                                                  \
	X(NO_TOTAL, "no-total", "quirk_no_total", TOLERATE, OK)                                                        \
	X(TELLS_SECRETS, "tells-secrets", "quirk_tells_secrets", FLAG, OK)                                             \
	X(OLD_MESSAGES, "old-messages", "quirk_old_messages", TOLERATE, OK)                                            \
	X(MANY_CONNECTORS, "many-connectors", "quirk_many_connectors", TOLERATE, OK)                                   \
	X(FOREIGN_TRANSACTION, "foreign-transaction", "quirk_foreign_transaction", FLAG, OK)                           \
	X(AVAILABLE_IN_USE, "available-in-use", "quirk_available_in_use", TOLERATE, OK)                                \
	X(RESTARTS_WHEN_ASKED, "restarts-when-asked", "quirk_restarts_when_asked", FLAG, OK)

#define QUIRK_ENTRY(id, name, counter, policy, code) QUIRK_##id,
enum quirk { QUIRK_LIST(QUIRK_ENTRY) QUIRKS };
#undef QUIRK_ENTRY

_Static_assert(QUIRKS <= 64, "they are bits of a row");

#define QUIRK_BIT(quirk) (UINT64_C(1) << (quirk))

struct quirk_info {
	const char *name;    /* "wrong-type" */
	const char *counter; /* "quirk_wrong_type": galvan_ocpp_quirk_wrong_type_total */
	enum quirk_policy policy;
	enum rpc_code refusal; /* RPC_OK: it cannot be refused */
};
extern const struct quirk_info quirk_info[QUIRKS];

const char *quirk_name(unsigned quirk);
/* The quirk of this name; -1: there is none. */
int quirk_find(const char *name);

#endif
