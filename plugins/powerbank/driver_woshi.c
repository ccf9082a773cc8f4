/* The binary family of lib/woshi.h as the engine sees it. It says who it is once, lends by slot, and asks for a verdict
 * when a bank is in already. */
#include "driver.h"

#include <lib/woshi.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define LEVEL_FULL 4
#define LEVEL_PERCENT 20 /* at least so much for each */
#define DONE 1           /* the result of LEND and FORCE_EJECT */

static void take_slots(const struct gv_woshi_packet *packet, struct pb_report *ret)
{
	ret->n_slots = packet->n_slots;
	for (size_t i = 0; i < packet->n_slots; i++) {
		struct pb_slot *s = &ret->slots[i];
		uint8_t level = packet->slots[i].level;

		s->slot = packet->slots[i].slot;
		s->state = level >= LEVEL_FULL ? PB_FULL : level ? PB_CHARGING : PB_FLAT;
		s->percent = (int8_t)(LEVEL_PERCENT * (level > LEVEL_FULL ? LEVEL_FULL : level));
		snprintf(s->bank, sizeof s->bank, "%s", packet->slots[i].bank);
	}
}

static enum pb_report_kind kind_of(const struct gv_woshi_packet *p)
{
	switch (p->command) {
	case GV_WOSHI_LOGIN:
		return PB_LOGIN;
	case GV_WOSHI_HEARTBEAT:
		return PB_HEARTBEAT;
	case GV_WOSHI_INVENTORY:
		return PB_INVENTORY;
	case GV_WOSHI_LEND:
	case GV_WOSHI_FORCE_EJECT:
		return p->result == DONE ? PB_LENT : PB_LEND_FAILED;
	case GV_WOSHI_RETURN:
		return PB_RETURNED;
	case GV_WOSHI_SERVER:
	case GV_WOSHI_REBOOT:
		return PB_DONE;
	default:
		return PB_NOTED;
	}
}

static size_t decode(const struct pb_wire *wire, const uint8_t *data, size_t size, struct pb_report *ret)
{
	struct gv_woshi_packet packet;
	struct gv_woshi_found found;

	memset(ret, 0, sizeof *ret);
	memset(&found, 0, sizeof found);
	gv_woshi_next(GV_WOSHI_CABINET, data, size, &packet, &found);
	if (!found.packet)
		return found.used;
	if (found.error != GV_WOSHI_OK) {
		ret->kind = PB_BROKEN;
		ret->error = gv_woshi_error_name(found.error);
		ret->bad_check = found.error == GV_WOSHI_BAD_CHECK;
		ret->lost = found.error == GV_WOSHI_BAD_LENGTH;
		return found.used;
	}
	ret->kind = kind_of(&packet);
	ret->slot = packet.slot;
	ret->done = packet.command == GV_WOSHI_REBOOT ? PB_SAY_REBOOT : PB_SAY_SERVER;
	ret->token = packet.token;
	snprintf(ret->bank, sizeof ret->bank, "%s", packet.bank);
	if (packet.command == GV_WOSHI_LOGIN)
		snprintf(ret->identity, sizeof ret->identity, "%s", packet.text);
	if (packet.command == GV_WOSHI_ICCID)
		snprintf(ret->iccid, sizeof ret->iccid, "%.20s", packet.text);
	if (packet.command == GV_WOSHI_INVENTORY)
		take_slots(&packet, ret);
	return found.used;
}

static enum gv_woshi_return result_of(enum pb_verdict verdict)
{
	switch (verdict) {
	case PB_WELCOME:
		return GV_WOSHI_RETURN_OK;
	case PB_ABNORMAL:
		return GV_WOSHI_RETURN_ABNORMAL;
	case PB_REPEATED:
		return GV_WOSHI_RETURN_REPEATED;
	case PB_ILLEGAL:
		return GV_WOSHI_RETURN_ILLEGAL;
	case PB_NOT_EMPTY:
		return GV_WOSHI_RETURN_NOT_EMPTY;
	default:
		return GV_WOSHI_RETURN_SERVER_ERROR;
	}
}

static int encode(const struct pb_wire *wire, const struct pb_command *c, uint8_t ret[PB_OUT_MAX])
{
	struct gv_woshi_packet p = { .token = wire->token ? wire->token : GV_WOSHI_TOKEN, .slot = c->slot };

	switch (c->say) {
	case PB_SAY_LOGIN:
		p.command = GV_WOSHI_LOGIN;
		p.result = GV_WOSHI_LOGIN_OK;
		break;
	case PB_SAY_HEARTBEAT:
		p.command = GV_WOSHI_HEARTBEAT;
		break;
	case PB_SAY_QUERY:
		p.command = GV_WOSHI_INVENTORY;
		break;
	case PB_SAY_LEND:
		p.command = GV_WOSHI_LEND;
		break;
	case PB_SAY_FORCE_EJECT:
		p.command = GV_WOSHI_FORCE_EJECT;
		break;
	case PB_SAY_RETURNED:
		p.command = GV_WOSHI_RETURN;
		p.result = (uint8_t)result_of(c->verdict);
		break;
	case PB_SAY_REBOOT:
		p.command = GV_WOSHI_REBOOT;
		break;
	case PB_SAY_SERVER:
		p.command = GV_WOSHI_SERVER;
		snprintf(p.text, sizeof p.text, "%s", c->host);
		p.port = c->port;
		p.heartbeat_s = c->heartbeat_s;
		break;
	default:
		return 0; /* it wants no confirmation */
	}
	return gv_woshi_write(&p, GV_WOSHI_SERVER_SIDE, ret, PB_OUT_MAX);
}

const struct pb_driver pb_driver_woshi = {
	.name = "woshi",
	.can = PB_LEND_SLOT | PB_FORCE_EJECT | PB_SET_SERVER | PB_REBOOT | PB_LEVEL,
	.decode = decode,
	.encode = encode,
};
