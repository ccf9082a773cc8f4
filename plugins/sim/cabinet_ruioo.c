/* A cabinet of the Ruioo text protocol: its frames, with the liberties that real ones take. */
#include "cabinet_model.h"

#include <stdio.h>
#include <string.h>

static void send_frame(struct cabinet *c, struct gv_ruioo_frame *f)
{
	char text[GV_RUIOO_FRAME_MAX];
	memcpy(f->imei, c->imei, sizeof f->imei);
	int n = gv_ruioo_write(f, c->check, c->style, text, sizeof text);
	if (n > 0)
		cabinet_send(c, text, (size_t)n);
}

static void say_bank(struct cabinet *c, enum gv_ruioo_command command, enum gv_ruioo_sub sub, unsigned slot,
		     const char *bank)
{
	struct gv_ruioo_frame f = { .command = command, .sub = sub, .slot = (uint8_t)slot };
	snprintf(f.bank, sizeof f.bank, "%s", bank);
	send_frame(c, &f);
}

static void hello(struct cabinet *c, bool first)
{
	struct gv_ruioo_frame f = { .command = GV_RUIOO_CH };
	if (first && c->iccid[0])
		cabinet_send(c, c->iccid, strlen(c->iccid));
	send_frame(c, &f);
}

static void ask(struct cabinet *c, unsigned slot, const char *bank)
{
	say_bank(c, GV_RUIOO_MQ, GV_RUIOO_NONE, slot, bank);
}

static void report(struct cabinet *c, const struct report *r)
{
	switch (r->word) {
	case CABINET_LENT:
		say_bank(c, GV_RUIOO_MC, GV_RUIOO_BO, r->slot, r->bank);
		break;
	case CABINET_TAKEN:
		say_bank(c, GV_RUIOO_MC, GV_RUIOO_RO, r->slot, r->bank);
		break;
	case CABINET_NOT_LENT:
		say_bank(c, GV_RUIOO_MR, GV_RUIOO_BF, r->slot, r->bank);
		break;
	default:
		say_bank(c, GV_RUIOO_MR, c->faults.bf_for_rf ? GV_RUIOO_BF : GV_RUIOO_RF, r->slot, r->bank);
	}
}

/* ---- the list -------------------------------------------------------------------------------- */

static void show(struct cabinet *c, unsigned slot, struct gv_ruioo_frame *f)
{
	const struct bay *b = cabinet_bay(c, slot);
	bool ghost = !b->bank[0] && b->ghost_ms > c->now_ms;
	struct gv_ruioo_slot *s = &f->slots[f->n_slots];
	if (!b->bank[0] && !b->broken && !ghost && !c->faults.empty_as_em)
		return;
	f->n_slots++;
	s->slot = (uint8_t)slot;
	snprintf(s->bank, sizeof s->bank, "%s", ghost ? b->ghost : b->bank);
	if (b->broken)
		s->state = GV_RUIOO_ER;
	else if (!s->bank[0] || bay_level(c, b) <= 5)
		s->state = GV_RUIOO_EM;
	else
		s->state = bay_level(c, b) >= 95 ? GV_RUIOO_FU : GV_RUIOO_NF;
}

static uint16_t crc_of(const struct cabinet *c, const char *text, size_t fields)
{
	size_t from = c->check.cover == GV_RUIOO_FRAME ? 0 : 2, to = fields + (c->check.cover != GV_RUIOO_FIELDS);
	uint16_t crc = gv_crc16(c->check.crc, text + from, to - from);
	return c->check.swap ? (uint16_t)(crc << 8 | crc >> 8) : crc;
}

static size_t write_entry(const struct cabinet *c, const struct gv_ruioo_slot *s, char *ret, size_t size)
{
	bool comma = c->faults.comma_list, glued = c->faults.glued_list && !comma;
	bool nu = c->faults.nu_for_nf && s->state == GV_RUIOO_NF;
	const char *before = comma ? "," : "", *inside = comma ? "," : glued ? "" : ".";
	const char *bank = comma ? "," : glued ? " " : ".", *after = comma ? "" : ";";
	return (size_t)snprintf(ret, size, "%s%u%s%s%s%s%s", before, s->slot, inside,
				nu ? "NU" : gv_ruioo_state_name(s->state), s->bank[0] ? bank : "", s->bank, after);
}

/* The list as firmware writes it that has read the document in its own way. */
static void send_odd_list(struct cabinet *c, const struct gv_ruioo_frame *f)
{
	char text[GV_RUIOO_FRAME_MAX + 64];
	size_t n = (size_t)snprintf(text, sizeof text, "{\"%s,AQ%s", c->imei, c->faults.comma_list ? "" : ",");
	for (unsigned i = 0; i < f->n_slots; i++)
		n += write_entry(c, &f->slots[i], text + n, sizeof text - n);
	text[n] = c->faults.glued_list && !c->faults.comma_list ? ';' : ',';
	n += 1 + (size_t)snprintf(text + n + 1, sizeof text - n - 1, "%04X\"}\r\n", crc_of(c, text, n));
	cabinet_send(c, text, n);
}

static void send_list(struct cabinet *c)
{
	struct gv_ruioo_frame f = { .command = GV_RUIOO_AQ };
	for (unsigned i = 1; i <= c->n_bays; i++)
		show(c, i, &f);
	cabinet_spoke(c, CABINET_LIST, 0, "");
	if (f.n_slots && (c->faults.glued_list || c->faults.comma_list || c->faults.nu_for_nf))
		send_odd_list(c, &f);
	else
		send_frame(c, &f);
}

/* ---- hearing --------------------------------------------------------------------------------- */

static void understand(struct cabinet *c, const struct gv_ruioo_frame *f)
{
	switch (f->command) {
	case GV_RUIOO_CQ:
		cabinet_spoke(c, CABINET_QUERY, 0, "");
		if (!c->faults.never_answers)
			send_list(c);
		break;
	case GV_RUIOO_CC:
		cabinet_spoke(c, CABINET_LEND, f->slot, f->bank);
		slot_lend(c, f->slot, f->bank, false);
		break;
	case GV_RUIOO_RQ:
		cabinet_spoke(c, f->sub == GV_RUIOO_T ? CABINET_ALLOW : CABINET_REFUSE, f->slot, f->bank);
		(f->sub == GV_RUIOO_T ? slot_allow : slot_refuse)(c, f->slot, f->bank);
		break;
	case GV_RUIOO_AM:
		cabinet_spoke(c, CABINET_CONFIRM, f->slot, f->bank);
		report_confirm(c, f->sub == GV_RUIOO_BO ? CABINET_LENT : CABINET_TAKEN, f->slot, f->bank);
		break;
	case GV_RUIOO_AR:
		cabinet_spoke(c, CABINET_CONFIRM, f->slot, f->bank);
		report_confirm(c, f->sub == GV_RUIOO_BF ? CABINET_NOT_LENT : CABINET_NOT_TAKEN, f->slot, f->bank);
		break;
	default:
		cabinet_spoke(c, CABINET_OTHER, 0, "");
	}
}

static size_t hear(struct cabinet *c, const uint8_t *data, size_t size)
{
	struct gv_ruioo_rules rules = { .check = c->check, .slots = (uint8_t)c->n_bays };
	struct gv_ruioo_frame f;
	struct gv_ruioo_found found;
	gv_ruioo_next(&rules, GV_RUIOO_SERVER, (const char *)data, size, &f, &found);
	if (found.frame && found.error == GV_RUIOO_OK && strcmp(f.imei, c->imei) == 0)
		understand(c, &f);
	else if (found.frame)
		c->count.unexpected++;
	return found.used;
}

const struct cabinet_tongue cabinet_ruioo = {
	.hello = hello, .ask = ask, .report = report, .hear = hear, .repeats = true
};
