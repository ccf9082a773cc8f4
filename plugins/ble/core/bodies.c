/* What messages say that are no documents: commands, answers, and the asking for records. */
#include "core_internal.h"

static const struct field answer_fields[] = {
	NUMBER(0x01, struct ble_answer, result),
	MAYBE_NUMBER(BLE_ANSWER_SEQ, struct ble_answer, seq),
	MAYBE_FIXED(BLE_ANSWER_SESSION, struct ble_answer, session),
};
static const struct form answer = FORM(ble_answer, answer_fields);

/* What a grant allows, between other fields whose tags lie in front of, in and behind it. */
#define GRANT_BOUNDS(TYPE)                                                                                             \
	MAYBE_NUMBER(BLE_GRANT_EXPIRES, TYPE, grant.expires), MAYBE_NUMBER(BLE_GRANT_WH, TYPE, grant.max_wh),          \
		MAYBE_NUMBER(BLE_GRANT_MINUTES, TYPE, grant.max_minutes),                                              \
		MAYBE_NUMBER(BLE_GRANT_AMOUNT, TYPE, grant.max_minor),                                                 \
		MAYBE_FIXED(BLE_GRANT_CURRENCY, TYPE, grant.currency),                                                 \
		MAYBE_FIXED(BLE_GRANT_TARIFF, TYPE, grant.tariff)

static const struct field command_fields[] = {
	MAYBE_FIXED(BLE_GRANT_JTI, struct ble_command, grant.jti),
	NUMBER(0x05, struct ble_command, connector),
	GRANT_BOUNDS(struct ble_command),
	FIXED(0x11, struct ble_command, order),
};
static const struct form command = FORM(ble_command, command_fields);

static const struct field ask_fields[] = {
	MAYBE_FIXED(BLE_ASK_JTI, struct ble_ask, jti),
	NUMBER(0x05, struct ble_ask, connector),
	FIXED(0x11, struct ble_ask, order),
	FIXED(0x23, struct ble_ask, holder),
};
static const struct form ask = FORM(ble_ask, ask_fields);

static const struct field ask_result_fields[] = {
	NUMBER(0x01, struct ble_ask_result, result),
	MAYBE_FIXED(BLE_GRANT_JTI, struct ble_ask_result, grant.jti),
	GRANT_BOUNDS(struct ble_ask_result),
};
static const struct form ask_result = FORM(ble_ask_result, ask_result_fields);

static const struct field voucher_get_fields[] = {
	FIXED(0x04, struct ble_voucher_get, pile),
	NUMBER(0x05, struct ble_voucher_get, connector),
	MAYBE_FIXED(BLE_VOUCHER_GET_NONCE, struct ble_voucher_get, nonce),
	FIXED(0x11, struct ble_voucher_get, order),
	FIXED(0x23, struct ble_voucher_get, holder),
};
static const struct form voucher_get = FORM(ble_voucher_get, voucher_get_fields);

static const struct field fetch_fields[] = {
	FIXED(0x04, struct ble_fetch, pile),
	MAYBE_FIXED(BLE_FETCH_NONCE, struct ble_fetch, nonce),
};
static const struct form fetch = FORM(ble_fetch, fetch_fields);

static const struct field status_fields[] = {
	NUMBER(0x02, struct ble_status, state),
	NUMBER(0x05, struct ble_status, connector),
	MAYBE_FIXED(BLE_STATUS_SESSION, struct ble_status, session),
	MAYBE_NUMBER(BLE_STATUS_WH, struct ble_status, session_wh),
	NUMBER(0x15, struct ble_status, power_w),
	NUMBER(0x16, struct ble_status, pending),
};
static const struct form status = FORM(ble_status, status_fields);

static const struct field get_fields[] = {
	NUMBER(0x05, struct ble_record_get, chain),
	NUMBER(0x06, struct ble_record_get, from),
	FIXED(0x22, struct ble_record_get, nonce),
	NUMBER(0x28, struct ble_record_get, most),
};
static const struct form get = FORM(ble_record_get, get_fields);

static const struct field stored_fields[] = {
	NUMBER(0x05, struct ble_record_stored, chain),
	NUMBER(0x06, struct ble_record_stored, upto),
};
static const struct form stored = FORM(ble_record_stored, stored_fields);

#define BODY(NAME, FORM_OF)                                                                                            \
	int ble_##NAME##_write(const struct ble_##NAME *from, uint8_t *ret, size_t room)                               \
	{                                                                                                              \
		return form_write(&FORM_OF, from, ret, room);                                                          \
	}                                                                                                              \
	int ble_##NAME##_read(const uint8_t *data, size_t size, struct ble_##NAME *ret)                                \
	{                                                                                                              \
		struct ble_##NAME it;                                                                                  \
		int r = form_read(&FORM_OF, data, size, &it);                                                          \
                                                                                                                       \
		if (r == 0)                                                                                            \
			*ret = it;                                                                                     \
		return r;                                                                                              \
	}

BODY(answer, answer)
BODY(command, command)
BODY(status, status)
BODY(record_get, get)
BODY(record_stored, stored)
BODY(ask, ask)
BODY(ask_result, ask_result)
BODY(voucher_get, voucher_get)
BODY(fetch, fetch)
