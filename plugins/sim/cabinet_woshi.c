/* A cabinet of the binary family: it logs in, answers each command once, and asks about a bank that it has locked until
 * it is told. */
#include "cabinet_model.h"

#include <stdio.h>
#include <string.h>

static void send_packet(struct cabinet *c, struct gv_woshi_packet *p)
{
	uint8_t data[GV_WOSHI_PACKET_MAX];
	p->token = GV_WOSHI_TOKEN;
	int n = gv_woshi_write(p, GV_WOSHI_CABINET, data, sizeof data);
	if (n > 0)
		cabinet_send(c, data, (size_t)n);
}

static void hello(struct cabinet *c, bool first)
{
	struct gv_woshi_packet p = { .command = first ? GV_WOSHI_LOGIN : GV_WOSHI_HEARTBEAT };
	p.random = (uint32_t)cabinet_random_below(c, UINT32_MAX);
	p.magic = 0x5445;
	if (first)
		snprintf(p.text, sizeof p.text, "%s", c->imei);
	send_packet(c, &p);
}

static void ask(struct cabinet *c, unsigned slot, const char *bank)
{
	struct gv_woshi_packet p = { .command = GV_WOSHI_RETURN, .slot = (uint8_t)slot };
	snprintf(p.bank, sizeof p.bank, "%.16s", bank);
	send_packet(c, &p);
}

static void report(struct cabinet *c, const struct report *r)
{
	struct gv_woshi_packet p = { .command = r->forced ? GV_WOSHI_FORCE_EJECT : GV_WOSHI_LEND,
				     .slot = (uint8_t)r->slot,
				     .result = r->word == CABINET_LENT };
	snprintf(p.bank, sizeof p.bank, "%.16s", r->bank);
	send_packet(c, &p);
}

static void send_list(struct cabinet *c)
{
	struct gv_woshi_packet p = { .command = GV_WOSHI_INVENTORY };
	for (unsigned i = 1; i <= c->n_bays; i++) {
		const struct bay *b = cabinet_bay(c, i);
		bool ghost = !b->bank[0] && b->ghost_ms > c->now_ms;
		if (!b->bank[0] && !ghost)
			continue;
		struct gv_woshi_slot *s = &p.slots[p.n_slots++];
		s->slot = (uint8_t)i;
		s->level = (uint8_t)(bay_level(c, b) / 20 < 4 ? bay_level(c, b) / 20 : 4);
		snprintf(s->bank, sizeof s->bank, "%.16s", ghost ? b->ghost : b->bank);
	}
	cabinet_spoke(c, CABINET_LIST, 0, "");
	send_packet(c, &p);
}

static void on_return(struct cabinet *c, const struct gv_woshi_packet *p)
{
	bool stays = p->result == GV_WOSHI_RETURN_OK || p->result == GV_WOSHI_RETURN_REPEATED;
	if (p->result == GV_WOSHI_RETURN_SERVER_ERROR)
		return; /* it asks again */
	cabinet_spoke(c, stays ? CABINET_ALLOW : CABINET_REFUSE, p->slot, "");
	(stays ? slot_allow : slot_refuse)(c, p->slot, "");
}

/* Commands that are answered with what it is, or with nothing. */
static void answer(struct cabinet *c, const struct gv_woshi_packet *asked)
{
	struct gv_woshi_packet p = { .command = asked->command, .csq = 21, .network = 7 };
	cabinet_spoke(c, CABINET_OTHER, 0, "");
	if (c->faults.never_answers)
		return;
	if (asked->command == GV_WOSHI_ICCID)
		snprintf(p.text, sizeof p.text, "%s", c->iccid);
	else if (asked->command == GV_WOSHI_VERSION_OF)
		snprintf(p.text, sizeof p.text, "SIM 1.0");
	else if (asked->command == GV_WOSHI_SERVER && asked->heartbeat_s)
		c->heartbeat_s = asked->heartbeat_s;
	send_packet(c, &p);
	if (asked->command == GV_WOSHI_REBOOT)
		cabinet_power_cycle(c, c->now_ms, 0);
}

static void understand(struct cabinet *c, const struct gv_woshi_packet *p)
{
	switch (p->command) {
	case GV_WOSHI_LOGIN:
		c->logged_in = p->result != GV_WOSHI_LOGIN_FAILED;
		break;
	case GV_WOSHI_HEARTBEAT:
		break;
	case GV_WOSHI_INVENTORY:
		cabinet_spoke(c, CABINET_QUERY, 0, "");
		if (!c->faults.never_answers)
			send_list(c);
		break;
	case GV_WOSHI_LEND:
	case GV_WOSHI_FORCE_EJECT:
		cabinet_spoke(c, CABINET_LEND, p->slot, "");
		slot_lend(c, p->slot, "", p->command == GV_WOSHI_FORCE_EJECT);
		break;
	case GV_WOSHI_RETURN:
		on_return(c, p);
		break;
	default:
		answer(c, p);
	}
}

static size_t hear(struct cabinet *c, const uint8_t *data, size_t size)
{
	struct gv_woshi_packet p;
	struct gv_woshi_found found;
	gv_woshi_next(GV_WOSHI_SERVER_SIDE, data, size, &p, &found);
	if (found.packet && found.error == GV_WOSHI_OK)
		understand(c, &p);
	else if (found.packet)
		c->count.unexpected++;
	return found.used;
}

const struct cabinet_tongue cabinet_woshi = {
	.hello = hello, .ask = ask, .report = report, .hear = hear, .asks_on = true
};
