/* The mechanics of one slot: a bank comes out, is offered, locked or given back, and sometimes something jams. */
#include "cabinet_model.h"

#include <stdio.h>
#include <string.h>

#define ASK_AGAIN_MS 5000
#define ASKS_MAX 3 /* then the bank is given back, where it is not locked yet */
#define STALE_MS 5000

static void moved(struct cabinet *c, enum cabinet_move what, unsigned slot, const char *bank)
{
	if (c->env->moved)
		c->env->moved(c->env->arg, what, slot, bank);
}

static int64_t soon(struct cabinet *c)
{
	return c->now_ms + 500 + (int64_t)cabinet_random_below(c, 1500);
}

static void rest(struct bay *b)
{
	b->step = STEP_STILL;
	b->at_ms = NEVER;
	b->offered[0] = 0;
	b->forced = false;
}

void slot_lend(struct cabinet *c, unsigned slot, const char *bank, bool forced)
{
	struct bay *b = cabinet_bay(c, slot);
	if (!b || c->faults.never_answers || b->step == STEP_EJECTING)
		return;
	if (b->step != STEP_STILL || !b->bank[0] || (c->faults.checks_bank && *bank && strcmp(bank, b->bank) != 0)) {
		report_add(c, CABINET_NOT_LENT, slot, *bank ? bank : b->bank, forced);
		return;
	}
	b->step = STEP_EJECTING;
	b->forced = forced;
	b->at_ms = soon(c);
}

void slot_allow(struct cabinet *c, unsigned slot, const char *bank)
{
	struct bay *b = cabinet_bay(c, slot);
	bool asks_on = cabinet_tongue(c)->asks_on;
	const char *ours = !b || b->step != STEP_OFFERED ? "" : asks_on ? b->bank : b->offered;
	if (!*ours || (*bank && strcmp(bank, ours) != 0)) {
		c->count.unexpected++;
		return;
	}
	if (asks_on) {
		c->count.returns++;
		rest(b);
		return;
	}
	b->step = STEP_LOCKING;
	b->at_ms = soon(c);
}

static void give_back(struct cabinet *c, unsigned slot)
{
	struct bay *b = cabinet_bay(c, slot);
	char bank[CABINET_BANK_SIZE];
	memcpy(bank, b->offered[0] ? b->offered : b->bank, sizeof bank);
	if (!b->offered[0])
		b->bank[0] = 0;
	rest(b);
	moved(c, CABINET_BACK, slot, bank);
}

void slot_refuse(struct cabinet *c, unsigned slot, const char *bank)
{
	struct bay *b = cabinet_bay(c, slot);
	const char *ours = !b || b->step != STEP_OFFERED ? "" : b->offered[0] ? b->offered : b->bank;
	if (!*ours || (*bank && strcmp(bank, ours) != 0))
		c->count.unexpected++;
	else
		give_back(c, slot);
}

static void eject(struct cabinet *c, unsigned slot)
{
	struct bay *b = cabinet_bay(c, slot);
	char bank[CABINET_BANK_SIZE];
	bool forced = b->forced;
	memcpy(bank, b->bank, sizeof bank);
	if (cabinet_chance(c, c->faults.reboot_before_pm)) {
		cabinet_power_cycle(c, c->now_ms, 0);
		return;
	}
	rest(b);
	if (b->broken || cabinet_chance(c, c->faults.jam_pm)) {
		moved(c, CABINET_STUCK, slot, bank);
		report_add(c, CABINET_NOT_LENT, slot, bank, forced);
		return;
	}
	b->bank[0] = 0;
	memcpy(b->ghost, bank, sizeof bank);
	b->ghost_ms = c->faults.stale_list ? c->now_ms + STALE_MS : 0;
	c->count.ejects++;
	moved(c, CABINET_OUT, slot, bank);
	if (cabinet_chance(c, c->faults.reboot_after_pm))
		cabinet_power_cycle(c, c->now_ms, 0);
	else
		report_add(c, CABINET_LENT, slot, bank, forced);
}

static void lock(struct cabinet *c, unsigned slot)
{
	struct bay *b = cabinet_bay(c, slot);
	char bank[CABINET_BANK_SIZE];
	memcpy(bank, b->offered, sizeof bank);
	if (b->broken || cabinet_chance(c, c->faults.return_jam_pm)) {
		give_back(c, slot);
		report_add(c, CABINET_NOT_TAKEN, slot, bank, false);
		return;
	}
	memcpy(b->bank, bank, sizeof bank);
	b->level = b->offered_level;
	b->level_ms = c->now_ms;
	rest(b);
	c->count.returns++;
	moved(c, CABINET_IN, slot, bank);
	report_add(c, CABINET_TAKEN, slot, bank, false);
}

static void ask(struct cabinet *c, unsigned slot)
{
	struct bay *b = cabinet_bay(c, slot);
	bool asks_on = cabinet_tongue(c)->asks_on;
	if (!asks_on && b->asked == ASKS_MAX) {
		give_back(c, slot);
		return;
	}
	b->asked++;
	b->at_ms = c->now_ms + ASK_AGAIN_MS;
	if (!c->connected)
		return;
	cabinet_spoke(c, CABINET_ASK, slot, asks_on ? b->bank : b->offered);
	cabinet_tongue(c)->ask(c, slot, asks_on ? b->bank : b->offered);
}

void slot_run(struct cabinet *c, unsigned slot)
{
	struct bay *b = cabinet_bay(c, slot);
	if (b->at_ms > c->now_ms)
		return;
	switch (b->step) {
	case STEP_STILL:
		b->at_ms = NEVER;
		break;
	case STEP_EJECTING:
		eject(c, slot);
		break;
	case STEP_OFFERED:
		ask(c, slot);
		break;
	case STEP_LOCKING:
		lock(c, slot);
		break;
	}
}

void slot_power_cut(struct cabinet *c, unsigned slot)
{
	struct bay *b = cabinet_bay(c, slot);
	if (b->offered[0])
		give_back(c, slot);
	else if (b->step == STEP_OFFERED && !c->faults.forgets)
		b->at_ms = c->up_ms + 1000; /* it is locked, and still to be asked about */
	else
		rest(b);
	b->ghost_ms = 0;
}
