/* One small binary protocol under many makers' names. Their document prints examples that break its own rules; where it
 * leaves a payload open, or is not kept to, docs/protocols/powerbank.md says what holds here. */
#include "woshi_internal.h"

#define PARTS_MAX 5

static const struct form {
	enum gv_woshi_command command;
	enum woshi_part parts[2][PARTS_MAX]; /* by enum gv_woshi_from, ended by WOSHI_END */
} forms[] = {
	{ GV_WOSHI_LOGIN, { { WOSHI_RANDOM, WOSHI_MAGIC, WOSHI_NAME }, { WOSHI_LOGGED_IN } } },
	{ GV_WOSHI_HEARTBEAT, { { WOSHI_END }, { WOSHI_END } } },
	{ GV_WOSHI_VERSION_OF, { { WOSHI_TEXT }, { WOSHI_END } } },
	{ GV_WOSHI_SERVER, { { WOSHI_END }, { WOSHI_NAME, WOSHI_PORT, WOSHI_HEARTBEAT_S } } },
	{ GV_WOSHI_INVENTORY, { { WOSHI_SLOTS }, { WOSHI_END } } },
	{ GV_WOSHI_LEND, { { WOSHI_SLOT, WOSHI_DONE, WOSHI_DONE_BANK }, { WOSHI_SLOT } } },
	{ GV_WOSHI_RETURN, { { WOSHI_SLOT, WOSHI_BANK }, { WOSHI_SLOT, WOSHI_RETURNED } } },
	{ GV_WOSHI_REBOOT, { { WOSHI_END }, { WOSHI_END } } },
	{ GV_WOSHI_ICCID, { { WOSHI_TEXT }, { WOSHI_END } } },
	{ GV_WOSHI_NETWORK, { { WOSHI_CSQ, WOSHI_BIT_ERRORS, WOSHI_NETWORK_KIND }, { WOSHI_END } } },
	{ GV_WOSHI_FORCE_EJECT, { { WOSHI_SLOT, WOSHI_DONE, WOSHI_DONE_BANK }, { WOSHI_SLOT } } },
};

const enum woshi_part *woshi_parts(unsigned command, enum gv_woshi_from from)
{
	for (size_t i = 0; i < sizeof(forms) / sizeof(*forms); i++)
		if (forms[i].command == command)
			return forms[i].parts[from];
	return NULL;
}

uint8_t woshi_xor(const uint8_t *at, size_t size)
{
	uint8_t sum = 0;

	for (size_t i = 0; i < size; i++)
		sum ^= at[i];
	return sum;
}

bool woshi_slot_valid(uint8_t slot)
{
	return slot >= 1 && slot <= GV_WOSHI_SLOTS_MAX;
}

bool woshi_printable(const char *text, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (text[i] < ' ' || text[i] > '~')
			return false;
	return true;
}

const char *gv_woshi_error_name(enum gv_woshi_error error)
{
	static const char *const names[] = {
		[GV_WOSHI_OK] = "OK",
		[GV_WOSHI_BAD_LENGTH] = "BAD_LENGTH",
		[GV_WOSHI_BAD_VERSION] = "BAD_VERSION",
		[GV_WOSHI_BAD_CHECK] = "BAD_CHECK",
		[GV_WOSHI_BAD_COMMAND] = "BAD_COMMAND",
		[GV_WOSHI_BAD_PAYLOAD] = "BAD_PAYLOAD",
	};

	return names[error];
}
