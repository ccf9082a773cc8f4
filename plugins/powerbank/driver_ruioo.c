/* The text protocol of lib/ruioo.h as the engine sees it. It asks before a return, confirms with AM and AR, and has no
 * forced eject: a lend that belongs to no rental stands for it. */
#include "driver.h"

#include <lib/ruioo.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int check_parse(const char *text, unsigned *ret)
{
	struct gv_ruioo_check check;

	if (gv_ruioo_check_parse(text, &check) < 0)
		return -EINVAL;
	for (unsigned n = 0; n < GV_RUIOO_CHECKS; n++) {
		struct gv_ruioo_check other = gv_ruioo_check_at(n);

		if (other.crc == check.crc && other.cover == check.cover && other.swap == check.swap) {
			*ret = n;
			return 0;
		}
	}
	return -EINVAL;
}

static const char *check_name(unsigned check)
{
	return gv_ruioo_check_name(gv_ruioo_check_at(check));
}

static enum pb_slot_state state_of(const struct gv_ruioo_slot *s)
{
	switch (s->state) {
	case GV_RUIOO_FU:
		return PB_FULL;
	case GV_RUIOO_NF:
		return PB_CHARGING;
	case GV_RUIOO_EM:
		return s->bank[0] ? PB_FLAT : PB_EMPTY;
	default:
		return PB_FAULT;
	}
}

static void take_slots(const struct gv_ruioo_frame *frame, struct pb_report *ret)
{
	ret->n_slots = frame->n_slots;
	for (size_t i = 0; i < frame->n_slots; i++) {
		struct pb_slot *s = &ret->slots[i];

		s->slot = frame->slots[i].slot;
		s->state = state_of(&frame->slots[i]);
		s->percent = -1;
		snprintf(s->bank, sizeof s->bank, "%s", frame->slots[i].bank);
	}
}

static enum pb_report_kind kind_of(const struct gv_ruioo_frame *frame)
{
	switch (frame->command) {
	case GV_RUIOO_CH:
		return PB_HEARTBEAT;
	case GV_RUIOO_AQ:
		return PB_INVENTORY;
	case GV_RUIOO_MQ:
		return PB_MAY_RETURN;
	case GV_RUIOO_MC:
		return frame->sub == GV_RUIOO_BO ? PB_LENT : PB_RETURNED;
	case GV_RUIOO_MR:
		/* Some firmware says BF for a return that failed. */
		return frame->sub == GV_RUIOO_BF ? PB_FAILED : PB_RETURN_FAILED;
	default:
		return PB_NOTED;
	}
}

static size_t decode(const struct pb_wire *wire, const uint8_t *data, size_t size, struct pb_report *ret)
{
	struct gv_ruioo_rules rules = {
		.check = gv_ruioo_check_at(wire->check),
		.strict = wire->strict,
		.learn = wire->any_check,
		.unchecked = wire->unchecked,
		.slots = wire->slots,
		.bank_size = wire->bank_size,
	};
	struct gv_ruioo_frame frame;
	struct gv_ruioo_found found;

	memset(ret, 0, sizeof *ret);
	memset(&found, 0, sizeof found);
	gv_ruioo_next(&rules, GV_RUIOO_CABINET, (const char *)data, size, &frame, &found);
	ret->junk = found.junk;
	snprintf(ret->iccid, sizeof ret->iccid, "%s", found.iccid);
	if (!found.frame)
		return found.used;
	ret->dot = found.style == GV_RUIOO_DOT;
	ret->fits = found.matches;
	if (found.error != GV_RUIOO_OK) {
		ret->kind = PB_BROKEN;
		ret->error = gv_ruioo_error_name(found.error);
		ret->bad_check = found.error == GV_RUIOO_BAD_CRC;
		return found.used;
	}
	ret->kind = kind_of(&frame);
	snprintf(ret->identity, sizeof ret->identity, "%s", frame.imei);
	snprintf(ret->bank, sizeof ret->bank, "%s", frame.bank);
	ret->slot = frame.slot;
	ret->luhn = gv_ruioo_imei_luhn(frame.imei);
	if (ret->kind == PB_INVENTORY)
		take_slots(&frame, ret);
	return found.used;
}

/* Whether the cabinet may take the bank. A slot that the books have full is the cabinet's to know. */
static bool may_come_in(enum pb_verdict verdict)
{
	return verdict == PB_WELCOME || verdict == PB_REPEATED || verdict == PB_NOT_EMPTY;
}

static int encode(const struct pb_wire *wire, const struct pb_command *c, uint8_t ret[PB_OUT_MAX])
{
	static const struct {
		enum gv_ruioo_command command;
		enum gv_ruioo_sub sub;
	} words[] = {
		[PB_SAY_HEARTBEAT] = { GV_RUIOO_CH, GV_RUIOO_NONE },
		[PB_SAY_QUERY] = { GV_RUIOO_CQ, GV_RUIOO_NONE },
		[PB_SAY_LEND] = { GV_RUIOO_CC, GV_RUIOO_BW },
		[PB_SAY_MAY_RETURN] = { GV_RUIOO_RQ, GV_RUIOO_T },
		[PB_SAY_LENT] = { GV_RUIOO_AM, GV_RUIOO_BO },
		[PB_SAY_LEND_FAILED] = { GV_RUIOO_AR, GV_RUIOO_BF },
		[PB_SAY_RETURNED] = { GV_RUIOO_AM, GV_RUIOO_RO },
		[PB_SAY_RETURN_FAILED] = { GV_RUIOO_AR, GV_RUIOO_RF },
	};
	struct gv_ruioo_frame frame = { .slot = c->slot };

	if (c->say == PB_SAY_LOGIN || (c->say == PB_SAY_HEARTBEAT && !wire->hb_echo))
		return 0;
	if (c->say == PB_SAY_MAY_RETURN && c->verdict == PB_CANNOT_SAY)
		return 0; /* it asks again */
	if (c->say == PB_SAY_FORCE_EJECT || c->say == PB_SAY_REBOOT || c->say == PB_SAY_SERVER)
		return -ENOTSUP;
	frame.command = words[c->say].command;
	frame.sub = words[c->say].sub;
	if (c->say == PB_SAY_MAY_RETURN && !may_come_in(c->verdict))
		frame.sub = GV_RUIOO_F;
	snprintf(frame.imei, sizeof frame.imei, "%.15s", wire->identity);
	snprintf(frame.bank, sizeof frame.bank, "%s", c->bank ? c->bank : "");
	return gv_ruioo_write(&frame, gv_ruioo_check_at(wire->check), wire->dot ? GV_RUIOO_DOT : GV_RUIOO_COMMA,
			      (char *)ret, PB_OUT_MAX);
}

const struct pb_driver pb_driver_ruioo = {
	.name = "ruioo",
	.can = PB_LEND_SLOT | PB_LEND_BANK | PB_ASK_RETURN,
	.resyncs = true,
	.identifies = true,
	.decode = decode,
	.encode = encode,
	.check_parse = check_parse,
	.check_name = check_name,
};
