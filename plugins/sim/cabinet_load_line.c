/* One cabinet of a load run: its connection, what it says, and whether it is answered rightly. */
#include "cabinet_load_run.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void cabinet_load_visitor(uint32_t n, char *ret, size_t size)
{
	snprintf(ret, size, "LV%08" PRIu32, n + 1);
}

static void bank_of(const struct loaded *c, unsigned slot, char ret[GV_RUIOO_BANK_SIZE])
{
	if (slot == VISITORS_SLOT)
		cabinet_load_visitor(c->index, ret, GV_RUIOO_BANK_SIZE);
	else
		snprintf(ret, GV_RUIOO_BANK_SIZE, "LB%08" PRIu32 "%u", c->index + 1, slot);
}

/* ---- saying ---------------------------------------------------------------------------------- */

static void say(struct loaded *c, struct gv_ruioo_frame *f)
{
	char text[512];
	snprintf(f->imei, sizeof f->imei, "%015" PRIu64, (c->load->first + c->index) % UINT64_C(1000000000000000));
	int n = gv_ruioo_write(f, gv_ruioo_check_at(0), GV_RUIOO_COMMA, text, sizeof text);
	if (n > 0)
		line_send_bytes(&c->line, text, (size_t)n);
}

void loaded_heartbeat(struct loaded *c)
{
	struct gv_ruioo_frame f = { .command = GV_RUIOO_CH };
	say(c, &f);
}

static void say_list(struct loaded *c)
{
	struct gv_ruioo_frame f = { .command = GV_RUIOO_AQ };
	for (unsigned slot = 1; slot < VISITORS_SLOT; slot++) {
		if (c->out[slot])
			continue;
		struct gv_ruioo_slot *s = &f.slots[f.n_slots++];
		s->slot = (uint8_t)slot;
		s->state = GV_RUIOO_FU;
		bank_of(c, slot, s->bank);
	}
	say(c, &f);
}

/* Says what must be answered. */
static void put(struct loaded *c, unsigned slot, enum gv_ruioo_command command, enum gv_ruioo_sub sub, uint64_t now_ns)
{
	struct gv_ruioo_frame f = { .command = command, .sub = sub, .slot = (uint8_t)slot };
	bank_of(c, slot, f.bank);
	c->question[slot] = (struct question){
		.sent_ns = now_ns, .command = command, .sub = sub, .waits = true, .asked = true
	};
	c->load->account.sent++;
	c->load->account.waiting++;
	say(c, &f);
}

bool loaded_visit(struct loaded *c, unsigned slot, uint64_t now_ns)
{
	if (c->state != LOADED_UP || c->question[slot].waits)
		return false;
	put(c, slot, GV_RUIOO_MQ, GV_RUIOO_NONE, now_ns);
	return true;
}

/* ---- hearing --------------------------------------------------------------------------------- */

static void come_back_later(struct loaded *c, unsigned slot, uint64_t now_ns)
{
	struct cabinet_load *l = c->load;
	if (l->n_back == l->cap_back)
		return; /* as many as there are banks: cannot be */
	l->back[(l->back_at + l->n_back++) % l->cap_back] = (struct coming_back){
		now_ns + (uint64_t)l->want.return_s * 1000000000u, c->index, slot
	};
}

static void open_slot(struct loaded *c, const struct gv_ruioo_frame *f, uint64_t now_ns)
{
	char bank[GV_RUIOO_BANK_SIZE];
	bool there = f->slot && f->slot < VISITORS_SLOT && !c->out[f->slot];
	if (!there || c->question[f->slot].waits) {
		c->load->account.wrong++;
		load_account_complain(&c->load->account, "the server opens a slot without a bank", f->bank,
				      strlen(f->bank));
		return;
	}
	bank_of(c, f->slot, bank);
	if (strcmp(bank, f->bank) != 0) {
		put(c, f->slot, GV_RUIOO_MR, GV_RUIOO_BF, now_ns);
		return;
	}
	c->out[f->slot] = true;
	put(c, f->slot, GV_RUIOO_MC, GV_RUIOO_BO, now_ns);
	come_back_later(c, f->slot, now_ns);
}

static bool answers(const struct question *q, const struct gv_ruioo_frame *f, bool echo)
{
	if (echo)
		return q->command == f->command && q->sub == f->sub;
	switch (q->command) {
	case GV_RUIOO_MQ:
		return f->command == GV_RUIOO_RQ;
	case GV_RUIOO_MC:
		return f->command == GV_RUIOO_AM && f->sub == q->sub;
	default:
		return f->command == GV_RUIOO_AR && f->sub == q->sub;
	}
}

static void settle(struct loaded *c, struct question *q, const struct gv_ruioo_frame *f, uint64_t now_ns)
{
	struct cabinet_load *l = c->load;
	bool refused = f->command == GV_RUIOO_RQ && f->sub == GV_RUIOO_F;
	q->waits = false;
	l->account.waiting--;
	l->account.answered += !refused;
	l->account.errors += refused;
	if (refused)
		load_account_complain(&l->account, "the server refuses a bank", f->bank, strlen(f->bank));
	if (q->command == GV_RUIOO_MQ && l->account.phase == MEASURING)
		histogram_add(&l->account.latency, now_ns - q->sent_ns);
	if (refused || l->want.echo || f->slot == VISITORS_SLOT)
		return;
	if (q->command == GV_RUIOO_MQ)
		put(c, f->slot, GV_RUIOO_MC, GV_RUIOO_RO, now_ns);
	else if (q->command == GV_RUIOO_MC && q->sub == GV_RUIOO_RO)
		c->out[f->slot] = false;
}

static void on_answer(struct loaded *c, const struct gv_ruioo_frame *f, uint64_t now_ns)
{
	struct cabinet_load *l = c->load;
	struct question *q = f->slot && f->slot <= LOADED_SLOTS ? &c->question[f->slot] : NULL;
	char bank[GV_RUIOO_BANK_SIZE] = "";
	if (q)
		bank_of(c, f->slot, bank);
	if (!q || !q->asked) {
		l->account.unexpected++;
		load_account_complain(&l->account, "the server answered what was not asked", f->bank, strlen(f->bank));
	} else if (strcmp(bank, f->bank) != 0 || !answers(q, f, l->want.echo)) {
		l->account.wrong++;
		load_account_complain(&l->account, "the server's answer is wrong", f->bank, strlen(f->bank));
	} else if (!q->waits) {
		l->account.doubled++;
		load_account_complain(&l->account, "the server answered twice", f->bank, strlen(f->bank));
	} else {
		settle(c, q, f, now_ns);
	}
}

static void understand(struct loaded *c, const struct gv_ruioo_frame *f, uint64_t now_ns)
{
	switch (f->command) {
	case GV_RUIOO_CQ:
		say_list(c);
		break;
	case GV_RUIOO_CC:
		open_slot(c, f, now_ns);
		break;
	case GV_RUIOO_CH: /* an echo */
	case GV_RUIOO_AQ:
		break;
	default:
		on_answer(c, f, now_ns);
	}
}

static size_t take_frames(struct loaded *c, const uint8_t *data, size_t size)
{
	struct gv_ruioo_rules rules = { .slots = LOADED_SLOTS };
	struct gv_ruioo_frame f;
	struct gv_ruioo_found found = { .used = 1 };
	uint64_t now_ns = uv_hrtime();
	size_t at = 0;
	while (at < size && found.used) {
		gv_ruioo_next(&rules, c->load->want.echo ? GV_RUIOO_CABINET : GV_RUIOO_SERVER, (const char *)data + at,
			      size - at, &f, &found);
		at += found.used;
		if (found.junk || (found.frame && found.error != GV_RUIOO_OK)) {
			c->load->account.unexpected++;
			load_account_complain(&c->load->account, "the server sent what is no frame",
					      gv_ruioo_error_name(found.error),
					      strlen(gv_ruioo_error_name(found.error)));
		}
		if (found.frame && found.error == GV_RUIOO_OK)
			understand(c, &f, now_ns);
	}
	return at;
}

static void on_bytes(struct line *line, const char *data, size_t size)
{
	struct loaded *c = line->owner;
	const uint8_t *bytes = (const uint8_t *)data;
	uint8_t *whole = NULL;
	if (c->rest) { /* seldom: TCP has cut a frame */
		whole = realloc(c->rest, c->rest_size + size);
		c->rest = NULL;
		if (!whole) {
			line_abort(line, true);
			return;
		}
		memcpy(whole + c->rest_size, data, size);
		bytes = whole;
		size += c->rest_size;
	}
	size_t used = take_frames(c, bytes, size);
	c->rest_size = size - used;
	if (c->rest_size && (c->rest = malloc(c->rest_size)))
		memcpy(c->rest, bytes + used, c->rest_size);
	free(whole);
}

/* ---- the connection -------------------------------------------------------------------------- */

static void on_open(struct line *line)
{
	struct loaded *c = line->owner;
	struct cabinet_load *l = c->load;
	c->state = LOADED_UP;
	l->dialing--;
	l->account.up++;
	l->account.last_open_ns = uv_hrtime();
	loaded_heartbeat(c);
}

static void on_end(struct line *line, bool opened, const char *why)
{
	struct loaded *c = line->owner;
	struct cabinet_load *l = c->load;
	l->dialing -= c->state == LOADED_DIALING;
	l->account.up -= c->state == LOADED_UP;
	if (*why)
		load_account_complain(&l->account, opened ? "a connection ended" : "a connection failed", why,
				      strlen(why));
	if (!opened)
		l->account.failed_connections++;
	else if (*why && l->account.phase < CLOSING)
		l->account.dropped++;
	for (unsigned slot = 1; slot <= LOADED_SLOTS && l->account.phase < CLOSING; slot++) {
		l->account.waiting -= c->question[slot].waits;
		l->account.lost += c->question[slot].waits;
		c->question[slot].waits = false;
	}
	free(c->rest);
	c->rest = NULL;
	c->state = LOADED_GONE;
	c->line_up = false;
	l->open_lines--;
}

static const struct line_events events = { on_open, on_bytes, on_end };

void loaded_dial(struct loaded *c, uint64_t now_ns)
{
	struct cabinet_load *l = c->load;
	c->line.owner = c;
	c->state = LOADED_DIALING;
	c->since_ns = now_ns;
	int r = line_open_tcp(&c->line, &l->io, &events, &l->target);
	if (r < 0) {
		c->state = LOADED_GONE;
		l->account.failed_connections++;
		load_account_complain(&l->account, "a connection failed", uv_strerror(r), strlen(uv_strerror(r)));
		return;
	}
	c->line_up = true;
	l->dialing++;
	l->open_lines++;
}
