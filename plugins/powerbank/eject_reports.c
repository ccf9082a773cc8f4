/* What becomes of an eject by what the cabinet says, or does not say: reports, inventories, time, a lost connection. */
#include "ejects.h"

#include <string.h>

/* ---- a bank is out --------------------------------------------------------------------------- */

static bool has_tried(const Powerbank__EjectRow *row, uint32_t slot, const char *bank)
{
	for (size_t i = 0; i < row->n_tries; i++)
		if (row->tries[i]->slot == slot && (!bank || !*bank || !strcmp(row->tries[i]->bank, bank)))
			return true;
	return false;
}

/* Whether the report that an eject was given up without may still come: not once the bank has been put in again, since
 * then it tells of what came out in between. */
static bool may_be_late(const Powerbank__EjectRow *row, const Rental__Bank *bank)
{
	return !bank || bank->place != RENTAL__BANK_PLACE__BANK_PLACE_IN_SLOT || bank->since_ms < row->told_at_ms;
}

/* The eject that a report of an open slot belongs to: the one that slot was told for, before one that tried it and went
 * on, before one that was given up. */
enum told_for { TOLD_NONE, TOLD_LATE, TOLD_BEFORE, TOLD_NOW };
static enum told_for find_told(struct gv_turn *t, const char *device, uint32_t slot, const char *bank,
			       struct eject *ret)
{
	struct gv_scan scan = { .table = &pb_ejects, .prefix = gv_key(device) };
	enum told_for best = TOLD_NONE;
	struct eject e;

	while (eject_next_row(t, &scan, &e)) {
		enum told_for how = TOLD_NONE;

		if (eject_is_told(e.row) && e.row->slot == slot)
			how = TOLD_NOW;
		else if (eject_is_told(e.row) && has_tried(e.row, slot, NULL))
			how = TOLD_BEFORE;
		else if (e.row->step == POWERBANK__EJECT_STEP__EJECT_STEP_FAILED && has_tried(e.row, slot, bank) &&
			 may_be_late(e.row, bank_get(t, bank)))
			how = TOLD_LATE;
		if (how == TOLD_NONE || how < best) /* of those that were given up the newest */
			continue;
		best = how;
		*ret = e;
	}
	return best;
}

/* It is out of that slot already by the books, so this is said once more. */
static bool is_repeat(const Rental__Bank *bank, const char *device, uint32_t slot)
{
	return bank && bank->slot == slot && !strcmp(bank->device, device) &&
	       (bank->place == RENTAL__BANK_PLACE__BANK_PLACE_RENTED ||
		bank->place == RENTAL__BANK_PLACE__BANK_PLACE_SOLD ||
		bank->place == RENTAL__BANK_PLACE__BANK_PLACE_OUT);
}

/* By the books it can have been in that cabinet. Where nobody waits for that slot, a report of what is in somebody's
 * hands, sold or in another cabinet has been under way for long. */
static bool can_have_been(const Rental__Bank *bank, const char *device)
{
	if (!bank)
		return true;
	switch (bank->place) {
	case RENTAL__BANK_PLACE__BANK_PLACE_RENTED:
	case RENTAL__BANK_PLACE__BANK_PLACE_SOLD:
		return false;
	case RENTAL__BANK_PLACE__BANK_PLACE_IN_SLOT:
		return !strcmp(bank->device, device);
	default:
		return true;
	}
}

/* Nobody asked for it. What it says is tried on the books, and asked for. */
static void unsolicited(struct powerbank *p, struct gv_turn *t, struct line *l, uint32_t slot, const char *bank,
			bool believed)
{
	const char *device = l->cabinet->device;
	Powerbank__CabinetRow *cab = cabinet_edit(t, device);
	const Rental__Slot *book = slot_get(cab, slot);
	const Rental__Bank *known = bank_get(t, bank);

	incident(t, &(struct incident){ .device = device,
					.kind = "unsolicited-eject",
					.text = gv_str(t, "slot %u gave a bank that nobody had asked for", slot),
					.slot = slot,
					.bank = bank,
					.rental = known ? known->rental : NULL,
					.epoch = known ? known->epoch : (uint64_t)gv_now_ms(t) });
	if (believed)
		bank_move(t, bank, RENTAL__BANK_PLACE__BANK_PLACE_OUT, device, slot, NULL);
	if (book && !strcmp(book->bank, bank))
		slot_emptied(t, cab, slot);
	slots_alarms(p, t, device, cab);
	inventory_soon(t, l, gv_now_ms(t) + 1000 * (int64_t)p->config->quiet_s);
}

static void confirmed(struct powerbank *p, struct gv_turn *t, struct line *l, struct eject e, uint32_t slot,
		      const char *bank, bool late)
{
	bool another = !late && e.row->slot != slot;

	e = eject_take(t, &e);
	if (late)
		incident(t,
			 &(struct incident){ .device = e.device,
					     .kind = "late-eject",
					     .text = gv_str(t, "slot %u gave a bank after it had been given up", slot),
					     .slot = slot,
					     .bank = bank,
					     .rental = e.row->rental,
					     .epoch = e.number });
	eject_succeed(p, t, &e, slot, bank, late ? "late" : NULL);
	if (another) { /* the slot that was told last may open as well: until that is known, none is told */
		cabinet_edit(t, e.device)->ready = false;
		inventory_soon(t, l, gv_now_ms(t) + 1000 * (int64_t)p->config->quiet_s);
	}
	ejects_next(p, t, e.device);
	cabinet_tell(p, t, e.device);
}

void ejects_lent(struct powerbank *p, struct gv_turn *t, struct line *l, uint32_t slot, const char *bank)
{
	const char *device = l->cabinet->device;
	const Rental__Bank *known = bank_get(t, bank);
	struct eject e;
	enum told_for how = find_told(t, device, slot, bank, &e);
	bool believed = how == TOLD_NOW || can_have_been(known, device);

	line_say(t, l, &(struct pb_command){ .say = PB_SAY_LENT, .slot = (uint8_t)slot, .bank = bank });
	if (is_repeat(known, device, slot))
		gv_count(t, "repeats", 1);
	else if (believed && how != TOLD_NONE)
		confirmed(p, t, l, e, slot, bank, how == TOLD_LATE);
	else
		unsolicited(p, t, l, slot, bank, believed);
}

/* ---- a slot did not open --------------------------------------------------------------------- */

static bool find_at(struct gv_turn *t, const char *device, uint32_t slot, const char *bank, struct eject *ret)
{
	struct gv_scan scan = { .table = &pb_ejects, .prefix = gv_key(device) };

	while (eject_next_row(t, &scan, ret))
		if (eject_is_told(ret->row) && ret->row->slot == slot && (!*bank || !strcmp(ret->row->bank, bank)))
			return true;
	return false;
}

bool ejects_expect(struct gv_turn *t, const char *device, uint32_t slot, const char *bank, int64_t *ret_since)
{
	struct eject e;

	if (!find_at(t, device, slot, bank, &e))
		return false;
	*ret_since = e.row->told_at_ms;
	return true;
}

void ejects_failed(struct powerbank *p, struct gv_turn *t, struct line *l, uint32_t slot, const char *bank)
{
	struct eject e;

	if (!find_at(t, l->cabinet->device, slot, bank, &e))
		return;
	e = eject_take(t, &e);
	eject_refused(p, t, l, &e);
	ejects_next(p, t, e.device);
	cabinet_tell(p, t, e.device);
}

/* ---- an inventory decides -------------------------------------------------------------------- */

enum shown { SHOWN_IN, SHOWN_OUT, SHOWN_UNCLEAR };

static enum shown shown(const struct pb_report *report, const Powerbank__EjectRow *row)
{
	for (size_t i = 0; i < report->n_slots; i++) {
		const struct pb_slot *s = &report->slots[i];

		if (s->slot != row->slot)
			continue;
		if (*s->bank)
			return *row->bank && strcmp(s->bank, row->bank) != 0 ? SHOWN_OUT : SHOWN_IN;
		return s->state == PB_EMPTY ? SHOWN_OUT : SHOWN_UNCLEAR;
	}
	return SHOWN_OUT; /* not listed: empty */
}

/* True: it is too early to say. */
static bool settle(struct powerbank *p, struct gv_turn *t, struct line *l, struct eject *e, enum shown how)
{
	if (how == SHOWN_OUT) {
		eject_succeed(p, t, e, e->row->slot, e->row->bank, "inferred");
		return false;
	}
	if (how == SHOWN_UNCLEAR)
		return false; /* its time will come */
	if (gv_now_ms(t) - e->row->told_at_ms < 1000 * (int64_t)p->config->quiet_s)
		return true;
	eject_again(p, t, l, e);
	return false;
}

bool ejects_settle(struct powerbank *p, struct gv_turn *t, struct line *l, const struct pb_report *report)
{
	struct gv_scan scan = { .table = &pb_ejects, .prefix = gv_key(l->cabinet->device) };
	bool early = false, busy = false;
	struct eject e;

	while (eject_next_row(t, &scan, &e)) {
		enum shown how = shown(report, e.row);

		if (e.row->step == POWERBANK__EJECT_STEP__EJECT_STEP_TOLD)
			busy = true;
		if (e.row->step != POWERBANK__EJECT_STEP__EJECT_STEP_PROBING &&
		    e.row->step != POWERBANK__EJECT_STEP__EJECT_STEP_UNKNOWN)
			continue;
		if (how == SHOWN_IN && busy)
			continue; /* one command at a time: the next inventory decides */
		e = eject_take(t, &e);
		early |= settle(p, t, l, &e, how);
		busy |= eject_is_under_way(e.row);
	}
	return early;
}

bool ejects_seen_out(struct powerbank *p, struct gv_turn *t, const char *bank)
{
	const Rental__Bank *known = bank_get(t, bank);
	struct gv_scan scan = { .table = &pb_ejects };
	struct eject e;

	if (!known || known->place != RENTAL__BANK_PLACE__BANK_PLACE_IN_SLOT)
		return false;
	scan.prefix = gv_key(known->device);
	while (eject_next_row(t, &scan, &e)) {
		if (!eject_is_told(e.row) || strcmp(e.row->bank, bank) != 0 || e.row->slot != known->slot)
			continue;
		e = eject_take(t, &e);
		eject_succeed(p, t, &e, e.row->slot, bank, "inferred");
		return true;
	}
	return false;
}

/* ---- nothing is said ------------------------------------------------------------------------- */

static void unknown(struct powerbank *p, struct gv_turn *t, struct eject *e)
{
	if (*e->row->rental)
		rental_to(t, e->row->rental, RENTAL__RENTAL_STATE__RENTAL_STATE_UNKNOWN);
	else if (e->row->ticket_call) { /* people do not wait for a day */
		Rental__EjectReply reply = RENTAL__EJECT_REPLY__INIT;

		reply.status = (char *)"Unknown";
		reply.error = gv_str(t, "%s does not say what became of it: the next inventory will tell", e->device);
		gv_reply(t, (struct gv_ticket){ e->row->ticket_call, e->row->ticket_caller }, &reply);
		e->row->ticket_call = 0;
	}
	eject_step(t, e, POWERBANK__EJECT_STEP__EJECT_STEP_UNKNOWN,
		   e->row->begun_at_ms + 3600000 * (int64_t)p->config->unknown_h);
}

void ejects_line_lost(struct powerbank *p, struct gv_turn *t, const char *device)
{
	struct gv_scan scan = { .table = &pb_ejects, .prefix = gv_key(device) };
	struct eject e;

	while (eject_next_row(t, &scan, &e)) {
		if (!eject_is_under_way(e.row))
			continue;
		e = eject_take(t, &e);
		unknown(p, t, &e);
	}
}

static void probe(struct powerbank *p, struct gv_turn *t, struct line *l, struct eject *e)
{
	if (l && e->row->queries <= p->config->query_repeats) {
		if (*e->row->rental)
			rental_to(t, e->row->rental, RENTAL__RENTAL_STATE__RENTAL_STATE_PROBING);
		e->row->queries++;
		eject_step(t, e, POWERBANK__EJECT_STEP__EJECT_STEP_PROBING,
			   gv_now_ms(t) + 1000 * (int64_t)p->config->query_timeout_s);
		inventory_ask(p, t, l);
		return;
	}
	unknown(p, t, e);
	cabinet_edit(t, e->device)->ready = false; /* who does not say what he holds lends nothing more */
}

static void give_up(struct powerbank *p, struct gv_turn *t, struct eject *e)
{
	incident(t, &(struct incident){
			    .device = e->device,
			    .kind = "unknown-outcome",
			    .text = gv_str(t, "what became of an eject of slot %u was never told", e->row->slot),
			    .slot = e->row->slot,
			    .bank = e->row->bank,
			    .rental = e->row->rental,
			    .epoch = e->number });
	eject_fail(p, t, e, gv_str(t, "%s never said what became of it", e->device), true);
}

int ejects_due(struct powerbank *p, struct gv_turn *t, const Powerbank__EjectDue *due)
{
	struct line *l = cabinet_line(p, due->device);
	struct eject e = { due->device, due->number, NULL };

	if (!gv_get(t, &pb_ejects, gv_key(due->device, due->number)))
		return 0;
	e = eject_take(t, &e);
	switch (e.row->step) {
	case POWERBANK__EJECT_STEP__EJECT_STEP_WAITING:
		eject_fail(p, t, &e, gv_str(t, "%s did not come to it in time", e.device), false);
		break;
	case POWERBANK__EJECT_STEP__EJECT_STEP_TOLD:
	case POWERBANK__EJECT_STEP__EJECT_STEP_PROBING:
		probe(p, t, l, &e);
		break;
	case POWERBANK__EJECT_STEP__EJECT_STEP_UNKNOWN:
		give_up(p, t, &e);
		break;
	default:
		return gv_delete(t, &pb_ejects, gv_key(due->device, due->number));
	}
	ejects_next(p, t, e.device);
	cabinet_tell(p, t, e.device);
	return 0;
}
