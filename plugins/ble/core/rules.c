/* Which message has a place where: both ends walk the same table, one as it sends, the other as it receives. */
#include "core_internal.h"

struct rule {
	uint8_t type, from, state, next;
};

static const struct rule rules[] = {
	{ BLE_HELLO, BLE_TERMINAL, BLE_OPENED, BLE_GREETED },
	{ BLE_HELLO_ACK, BLE_PILE, BLE_GREETED, BLE_KEYED },
	{ BLE_ERROR, BLE_PILE, BLE_OPENED, BLE_ENDED },
	{ BLE_ERROR, BLE_PILE, BLE_GREETED, BLE_ENDED },
	/* Before AUTH, as a pile may need a key or the time to judge the voucher. */
	{ BLE_KEYSET_PUT, BLE_TERMINAL, BLE_KEYED, BLE_KEYED },
	{ BLE_TIME_PUT, BLE_TERMINAL, BLE_KEYED, BLE_KEYED },
	{ BLE_PUT_RES, BLE_PILE, BLE_KEYED, BLE_KEYED },
	{ BLE_PUT_RES, BLE_PILE, BLE_CLAIMED, BLE_CLAIMED },
	{ BLE_AUTH, BLE_TERMINAL, BLE_KEYED, BLE_CLAIMED },
	{ BLE_AUTH_OK, BLE_PILE, BLE_CLAIMED, BLE_READY },
	{ BLE_ERR, BLE_PILE, BLE_CLAIMED, BLE_ENDED },
	/* An answer belongs to the last command of its kind; who asks and who answers is the engines' affair. */
	{ BLE_START, BLE_TERMINAL, BLE_READY, BLE_READY },
	{ BLE_START_RES, BLE_PILE, BLE_READY, BLE_READY },
	{ BLE_STOP, BLE_TERMINAL, BLE_READY, BLE_READY },
	{ BLE_STOP_RES, BLE_PILE, BLE_READY, BLE_READY },
	{ BLE_STATUS, BLE_TERMINAL, BLE_READY, BLE_READY },
	{ BLE_STATUS_RES, BLE_PILE, BLE_READY, BLE_READY },
	{ BLE_REC_GET, BLE_TERMINAL, BLE_READY, BLE_READY },
	{ BLE_REC, BLE_PILE, BLE_READY, BLE_READY },
	{ BLE_REC_END, BLE_PILE, BLE_READY, BLE_READY },
	{ BLE_REC_STORED, BLE_TERMINAL, BLE_READY, BLE_READY },
	{ BLE_RCPT_PUT, BLE_TERMINAL, BLE_READY, BLE_READY },
	{ BLE_KEYSET_PUT, BLE_TERMINAL, BLE_READY, BLE_READY },
	{ BLE_TIME_PUT, BLE_TERMINAL, BLE_READY, BLE_READY },
	{ BLE_CFG_PUT, BLE_TERMINAL, BLE_READY, BLE_READY },
	{ BLE_PUT_RES, BLE_PILE, BLE_READY, BLE_READY },
	{ BLE_COURIER_GET, BLE_TERMINAL, BLE_READY, BLE_READY },
	{ BLE_COURIER, BLE_TERMINAL, BLE_READY, BLE_READY },
	{ BLE_COURIER, BLE_PILE, BLE_READY, BLE_READY },
	{ BLE_ERR, BLE_PILE, BLE_READY, BLE_READY },
};

int rules_next(enum ble_end from, enum ble_state state, uint8_t type)
{
	for (size_t i = 0; i < sizeof(rules) / sizeof(*rules); i++)
		if (rules[i].type == type && rules[i].from == from && rules[i].state == state)
			return rules[i].next;
	return -BLE_UNEXPECTED;
}
