/* Banks that come back: the question before, the report after, and failures. Answered from the plugin's own books, so
 * that no other plugin's silence keeps a person waiting in front of a slot. */
#include "powerbank.h"

#include <string.h>

/* ---- the question ---------------------------------------------------------------------------- */

int64_t returns_pending(struct powerbank *p, struct gv_turn *t, const char *device, uint32_t slot, const char *bank)
{
	const Powerbank__ReturnRow *row = gv_get(t, &pb_returns, gv_key(device, slot));
	int64_t until_ms = row ? row->since_ms + 1000 * (int64_t)p->config->return_timeout_s : 0;

	return row && !strcmp(row->bank, bank) && gv_now_ms(t) <= until_ms ? until_ms : 0;
}

/* Whether the books have another bank in that slot, as an inventory of this connection has shown it. */
static bool holds_another(struct gv_turn *t, const char *device, uint32_t slot, const char *bank)
{
	const Powerbank__CabinetRow *cab = cabinet_get(t, device);
	const Rental__Slot *s = slot_get(cab, slot);

	return cab->ready && s && *s->bank && strcmp(s->bank, bank) != 0 &&
	       bank_is_in(bank_get(t, s->bank), device, slot) && !ejects_moving_at(t, device, slot);
}

static enum pb_verdict judge(struct powerbank *p, struct gv_turn *t, const char *device, uint32_t slot,
			     const char *bank)
{
	const Rental__Bank *known = bank_get(t, bank);

	if (!known)
		return banks_none(t) ? PB_CANNOT_SAY : PB_ILLEGAL;
	if (known->refused)
		return PB_ABNORMAL;
	if (bank_is_in(known, device, slot)) /* soon after its return this is the same report once more */
		return gv_now_ms(t) - known->since_ms <= 1000 * (int64_t)p->config->repeat_window_s ? PB_WELCOME
												    : PB_REPEATED;
	return holds_another(t, device, slot, bank) ? PB_NOT_EMPTY : PB_WELCOME;
}

static void foreign(struct gv_turn *t, const char *device, uint32_t slot, const char *bank, bool refused)
{
	incident(t,
		 &(struct incident){
			 .device = device,
			 .kind = "bank-foreign",
			 .text = gv_str(t, refused ? "bank %s is not to be taken back" : "bank %s is not one of ours",
					bank),
			 .slot = slot,
			 .bank = bank,
			 .epoch = (uint64_t)gv_now_ms(t) / PB_MINUTE_MS });
}

static bool has_gone_by_the_books(const Rental__Bank *bank, const char *device, uint32_t slot)
{
	switch (bank->place) {
	case RENTAL__BANK_PLACE__BANK_PLACE_IN_SLOT:
		return bank_is_in(bank, device, slot);
	case RENTAL__BANK_PLACE__BANK_PLACE_MISSING:
	case RENTAL__BANK_PLACE__BANK_PLACE_SOLD:
		return false;
	default:
		return true;
	}
}

/* The books had it elsewhere, lost or sold. */
static void ghost(struct gv_turn *t, const char *device, uint32_t slot, const Rental__Bank *bank)
{
	static const char *const where[] = { "in no known place", "in a slot", "rented", "missing", "sold", "out" };
	const char *was = (unsigned)bank->place < sizeof where / sizeof *where ? where[bank->place] : "?";

	incident(t, &(struct incident){ .device = device,
					.kind = "ghost",
					.text = gv_str(t, "bank %s is here; the books have it %s%s%s", bank->id, was,
						       *bank->device ? " at " : "", bank->device),
					.slot = slot,
					.bank = bank->id,
					.rental = bank->rental,
					.epoch = bank->epoch });
}

void returns_asked(struct powerbank *p, struct gv_turn *t, struct line *l, const struct pb_report *r)
{
	const char *device = l->cabinet->device;
	enum pb_verdict verdict = judge(p, t, device, r->slot, r->bank);
	const Rental__Bank *bank = bank_get(t, r->bank);

	if (verdict == PB_ILLEGAL || verdict == PB_ABNORMAL) {
		gv_count(t, "returns_refused", 1);
		foreign(t, device, r->slot, r->bank, verdict == PB_ABNORMAL);
	} else if (verdict != PB_CANNOT_SAY) {
		Powerbank__ReturnRow *row;

		if (!returns_pending(p, t, device, r->slot, r->bank) && !has_gone_by_the_books(bank, device, r->slot))
			ghost(t, device, r->slot, bank);
		row = gv_edit(t, &pb_returns, gv_key(device, (uint32_t)r->slot));
		row->bank = gv_strdup(t, r->bank);
		row->since_ms = gv_now_ms(t);
		slot_untell(t, device, r->slot);
	}
	line_say(
		t, l,
		&(struct pb_command){ .say = PB_SAY_MAY_RETURN, .slot = r->slot, .bank = r->bank, .verdict = verdict });
}

/* ---- it is in -------------------------------------------------------------------------------- */

void returns_book(struct powerbank *p, struct gv_turn *t, const char *device, uint32_t slot, const char *bank,
		  int64_t at_ms, const char *flag)
{
	const Rental__Bank *known;

	ejects_seen_out(p, t, bank);
	known = bank_get(t, bank);
	if (known && known->place == RENTAL__BANK_PLACE__BANK_PLACE_RENTED) {
		const Rental__RentalRow *r = rental_get(t, known->rental);

		if (r && r->state == RENTAL__RENTAL_STATE__RENTAL_STATE_ACTIVE)
			rental_end(t, r->id,
				   &(struct rental_end){ .state = RENTAL__RENTAL_STATE__RENTAL_STATE_RETURNED,
							 .at_ms = at_ms,
							 .device = device,
							 .slot = slot,
							 .flag = flag });
	} else if (known && known->place == RENTAL__BANK_PLACE__BANK_PLACE_SOLD && rental_get(t, known->rental)) {
		rental_flag(t, rental_edit(t, known->rental), "ghost");
	} else if (known && known->place == RENTAL__BANK_PLACE__BANK_PLACE_MISSING) {
		incident(t, &(struct incident){
				    .device = known->device,
				    .kind = "bank-missing",
				    .text = gv_str(t, "bank %s is found, in slot %u of %s", bank, slot, device),
				    .slot = known->slot,
				    .bank = bank,
				    .epoch = known->epoch,
				    .over = true });
	}
	if (!known && strcmp(p->config->unknown_banks, "adopt") != 0)
		foreign(t, device, slot, bank, false);
	else
		bank_move(t, bank, RENTAL__BANK_PLACE__BANK_PLACE_IN_SLOT, device, slot, NULL);
}

static void was_not_asked(struct gv_turn *t, const char *device, uint32_t slot, const Rental__Bank *bank)
{
	incident(t, &(struct incident){ .device = device,
					.kind = "no-ask",
					.text = gv_str(t, "bank %s was taken back without a question before", bank->id),
					.slot = slot,
					.bank = bank->id,
					.rental = bank->rental,
					.epoch = bank->epoch });
}

static void take_in(struct powerbank *p, struct gv_turn *t, struct line *l, uint32_t slot, const char *bank)
{
	const char *device = l->cabinet->device;
	Powerbank__CabinetRow *cab = cabinet_edit(t, device);
	bool asked = returns_pending(p, t, device, slot, bank) || !(l->profile.driver->can & PB_ASK_RETURN);
	const Rental__Bank *known = bank_get(t, bank);

	if (known && known->place == RENTAL__BANK_PLACE__BANK_PLACE_RENTED && !asked)
		was_not_asked(t, device, slot, known);
	else if (known && !asked && !has_gone_by_the_books(known, device, slot))
		ghost(t, device, slot, known);
	returns_book(p, t, device, slot, bank, gv_now_ms(t), asked ? NULL : "no-ask");
	gv_delete(t, &pb_returns, gv_key(device, slot));
	slot_filled(t, cab, slot, bank);
	slot_worked(t, device, cab, slot);
	slot_untell(t, device, slot);
	slots_alarms(p, t, device, cab);
	/* How full it is the cabinet has not said. */
	inventory_soon(t, l, gv_now_ms(t) + 1000 * (int64_t)p->config->quiet_s);
	cabinet_tell(p, t, device);
}

/* By the books of banks; or, of one that nobody is to know, by what is known of the slot. */
static bool is_in_already(struct gv_turn *t, const char *device, uint32_t slot, const char *bank)
{
	const Rental__Bank *known = bank_get(t, bank);
	const Rental__Slot *s = slot_get(cabinet_get(t, device), slot);

	return known ? bank_is_in(known, device, slot) : s && !strcmp(s->bank, bank);
}

void returns_done(struct powerbank *p, struct gv_turn *t, struct line *l, const struct pb_report *r)
{
	const char *device = l->cabinet->device;
	enum pb_verdict verdict = judge(p, t, device, r->slot, r->bank);
	bool decides = !(l->profile.driver->can & PB_ASK_RETURN);

	line_say(t, l,
		 &(struct pb_command){ .say = PB_SAY_RETURNED, .slot = r->slot, .bank = r->bank, .verdict = verdict });
	if (is_in_already(t, device, r->slot, r->bank)) {
		gv_count(t, "repeats", 1);
	} else if (!decides || verdict == PB_WELCOME) {
		take_in(p, t, l, r->slot, r->bank);
	} else {
		gv_count(t, "returns_refused", 1);
		if (verdict == PB_NOT_EMPTY)
			inventory_ask(p, t, l);
		else if (verdict != PB_CANNOT_SAY)
			foreign(t, device, r->slot, r->bank, verdict == PB_ABNORMAL);
	}
}

/* ---- failures -------------------------------------------------------------------------------- */

static void acknowledge(struct gv_turn *t, struct line *l, uint32_t slot, const char *bank, bool returned)
{
	line_say(t, l,
		 &(struct pb_command){ .say = returned ? PB_SAY_RETURN_FAILED : PB_SAY_LEND_FAILED,
				       .slot = (uint8_t)slot,
				       .bank = bank });
}

/* A return failed. `echo`: the firmware insists on being answered as it spoke. */
static void return_failed(struct powerbank *p, struct gv_turn *t, struct line *l, const struct pb_report *r, bool echo)
{
	const char *device = l->cabinet->device;
	Powerbank__CabinetRow *cab = cabinet_edit(t, device);
	const Rental__Bank *bank = bank_get(t, r->bank);

	slot_failed(t, device, cab, r->slot);
	slot_tell(t, device, r->slot, r->bank, true, echo);
	incident(t, &(struct incident){ .device = device,
					.kind = "return-failed",
					.text = gv_str(t, "slot %u could not take bank %s: another slot is to be tried",
						       r->slot, r->bank),
					.slot = r->slot,
					.bank = r->bank,
					.rental = bank ? bank->rental : NULL,
					.epoch = (uint64_t)gv_now_ms(t) });
	slots_alarms(p, t, device, cab);
	cabinet_tell(p, t, device);
	acknowledge(t, l, r->slot, r->bank, !echo);
}

/* The same failure once more: the same answer. */
static bool is_told_again(struct powerbank *p, struct gv_turn *t, struct line *l, const struct pb_report *r)
{
	const Powerbank__Told *told = slot_told(p, t, cabinet_get(t, l->cabinet->device), r->slot);
	/* RF is always a return's; BF may have been either. */
	bool same = told && !strcmp(told->bank, r->bank) && (r->kind != PB_RETURN_FAILED || told->returned);

	if (!same)
		return false;
	gv_count(t, "repeats", 1);
	acknowledge(t, l, r->slot, r->bank, r->kind == PB_RETURN_FAILED || (told->returned && !told->echo));
	return true;
}

void returns_failed(struct powerbank *p, struct gv_turn *t, struct line *l, const struct pb_report *r)
{
	if (!is_told_again(p, t, l, r))
		return_failed(p, t, l, r, false);
}

static void lend_failed(struct powerbank *p, struct gv_turn *t, struct line *l, const struct pb_report *r)
{
	slot_tell(t, l->cabinet->device, r->slot, r->bank, false, true);
	acknowledge(t, l, r->slot, r->bank, false);
	ejects_failed(p, t, l, r->slot, r->bank);
}

static void orphan(struct powerbank *p, struct gv_turn *t, struct line *l, const struct pb_report *r)
{
	const char *device = l->cabinet->device;

	slot_tell(t, device, r->slot, r->bank, false, true);
	incident(t,
		 &(struct incident){ .device = device,
				     .kind = "orphan-failure",
				     .text = gv_str(t, "slot %u reports a failure of nothing that is known", r->slot),
				     .slot = r->slot,
				     .bank = r->bank,
				     .epoch = (uint64_t)gv_now_ms(t) });
	acknowledge(t, l, r->slot, r->bank, false);
}

static int64_t pending_since(struct powerbank *p, struct gv_turn *t, const char *device, const struct pb_report *r)
{
	int64_t until_ms = returns_pending(p, t, device, r->slot, r->bank);

	return until_ms ? until_ms - 1000 * (int64_t)p->config->return_timeout_s : 0;
}

void returns_or_ejects_failed(struct powerbank *p, struct gv_turn *t, struct line *l, const struct pb_report *r)
{
	const char *device = l->cabinet->device;
	int64_t lent_ms = 0, asked_ms = r->kind == PB_FAILED ? pending_since(p, t, device, r) : 0;
	bool lending = ejects_expect(t, device, r->slot, r->bank, &lent_ms), returning = asked_ms != 0;
	const Rental__Bank *bank = bank_get(t, r->bank);

	if (lending && returning) {
		incident(t, &(struct incident){ .device = device,
						.kind = "orphan-failure",
						.text = gv_str(t,
							       "slot %u reports a failure while a bank was to come "
							       "out of it and to go in: the newer one is meant",
							       r->slot),
						.slot = r->slot,
						.bank = r->bank,
						.epoch = (uint64_t)gv_now_ms(t) });
		lending = lent_ms >= asked_ms;
	}
	if (lending)
		lend_failed(p, t, l, r);
	else if (is_told_again(p, t, l, r))
		return;
	else if (returning || (r->kind == PB_FAILED && bank && bank->place == RENTAL__BANK_PLACE__BANK_PLACE_RENTED))
		return_failed(p, t, l, r, l->profile.ar_echo);
	else
		orphan(p, t, l, r);
}
