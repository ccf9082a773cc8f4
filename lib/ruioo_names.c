/* The words of the protocol, and the names that people read. */
#include "ruioo_internal.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

const struct ruioo_word ruioo_words[GV_RUIOO_COMMANDS] = {
	[GV_RUIOO_CH] = { "CH", GV_RUIOO_CABINET, RUIOO_NOTHING, { GV_RUIOO_NONE } },
	[GV_RUIOO_CQ] = { "CQ", GV_RUIOO_SERVER, RUIOO_NOTHING, { GV_RUIOO_NONE } },
	[GV_RUIOO_AQ] = { "AQ", GV_RUIOO_CABINET, RUIOO_LIST, { GV_RUIOO_NONE } },
	[GV_RUIOO_CC] = { "CC", GV_RUIOO_SERVER, RUIOO_BANK, { GV_RUIOO_BW } },
	[GV_RUIOO_MQ] = { "MQ", GV_RUIOO_CABINET, RUIOO_BANK, { GV_RUIOO_NONE } },
	[GV_RUIOO_RQ] = { "RQ", GV_RUIOO_SERVER, RUIOO_BANK, { GV_RUIOO_T, GV_RUIOO_F } },
	[GV_RUIOO_MC] = { "MC", GV_RUIOO_CABINET, RUIOO_BANK, { GV_RUIOO_BO, GV_RUIOO_RO } },
	[GV_RUIOO_AM] = { "AM", GV_RUIOO_SERVER, RUIOO_BANK, { GV_RUIOO_BO, GV_RUIOO_RO } },
	[GV_RUIOO_MR] = { "MR", GV_RUIOO_CABINET, RUIOO_BANK, { GV_RUIOO_BF, GV_RUIOO_RF } },
	[GV_RUIOO_AR] = { "AR", GV_RUIOO_SERVER, RUIOO_BANK, { GV_RUIOO_BF, GV_RUIOO_RF } },
};
const char ruioo_subs[GV_RUIOO_SUBS][3] = { "", "BW", "T", "F", "BO", "RO", "BF", "RF" };
const char ruioo_states[GV_RUIOO_STATES][3] = { "FU", "NF", "EM", "ER" };

const char *gv_ruioo_command_name(enum gv_ruioo_command command)
{
	return ruioo_words[command].name;
}

const char *gv_ruioo_sub_name(enum gv_ruioo_sub sub)
{
	return ruioo_subs[sub];
}

const char *gv_ruioo_state_name(enum gv_ruioo_state state)
{
	return ruioo_states[state];
}

const char *gv_ruioo_error_name(enum gv_ruioo_error error)
{
	static const char *const names[] = {
		[GV_RUIOO_OK] = "OK",
		[GV_RUIOO_TRUNCATED] = "TRUNCATED",
		[GV_RUIOO_TOO_LONG] = "TOO_LONG",
		[GV_RUIOO_NEWLINE_IN_FRAME] = "NEWLINE_IN_FRAME",
		[GV_RUIOO_NO_CRC] = "NO_CRC",
		[GV_RUIOO_BAD_CRC] = "BAD_CRC",
		[GV_RUIOO_BAD_IMEI] = "BAD_IMEI",
		[GV_RUIOO_BAD_CMD] = "BAD_CMD",
		[GV_RUIOO_BAD_SUBCMD] = "BAD_SUBCMD",
		[GV_RUIOO_SLOT_RANGE] = "SLOT_RANGE",
		[GV_RUIOO_SLOT_DUP] = "SLOT_DUP",
		[GV_RUIOO_BAD_DEVID] = "BAD_DEVID",
		[GV_RUIOO_FIELD_COUNT] = "FIELD_COUNT",
		[GV_RUIOO_UNEXPECTED_DATA] = "UNEXPECTED_DATA",
		[GV_RUIOO_BAD_SLOT_LIST] = "BAD_SLOT_LIST",
		[GV_RUIOO_WRONG_DIRECTION] = "WRONG_DIRECTION",
		[GV_RUIOO_NOT_CANONICAL] = "NOT_CANONICAL",
	};

	return names[error];
}

/* ---- checks ---------------------------------------------------------------------------------- */

struct gv_ruioo_check gv_ruioo_check_at(unsigned n)
{
	assert(n < GV_RUIOO_CHECKS);
	return (struct gv_ruioo_check){ .crc = (enum gv_crc16)(n / 2 / GV_RUIOO_COVERS),
					.cover = (enum gv_ruioo_cover)(n / 2 % GV_RUIOO_COVERS),
					.swap = n % 2 };
}

const char *gv_ruioo_check_name(struct gv_ruioo_check check)
{
	static const char *const names[GV_CRC16_KINDS][GV_RUIOO_COVERS][2] = {
		{ { "MODBUS/fields", "MODBUS/fields/swap" },
		  { "MODBUS/fields+sep", "MODBUS/fields+sep/swap" },
		  { "MODBUS/frame", "MODBUS/frame/swap" } },
		{ { "CCITT-FALSE/fields", "CCITT-FALSE/fields/swap" },
		  { "CCITT-FALSE/fields+sep", "CCITT-FALSE/fields+sep/swap" },
		  { "CCITT-FALSE/frame", "CCITT-FALSE/frame/swap" } },
		{ { "XMODEM/fields", "XMODEM/fields/swap" },
		  { "XMODEM/fields+sep", "XMODEM/fields+sep/swap" },
		  { "XMODEM/frame", "XMODEM/frame/swap" } },
	};

	return names[check.crc][check.cover][check.swap];
}

int gv_ruioo_check_parse(const char *text, struct gv_ruioo_check *ret)
{
	for (unsigned n = 0; n < GV_RUIOO_CHECKS; n++)
		if (strcmp(text, gv_ruioo_check_name(gv_ruioo_check_at(n))) == 0) {
			*ret = gv_ruioo_check_at(n);
			return 0;
		}
	return -EINVAL;
}
