/* Slots as the books have them: which bank is in, whether it could be lent, and whether the slot is fit for service. */
#include "powerbank.h"

#include <string.h>

#define FAULT "fault"       /* the cabinet says so */
#define FAILURES "failures" /* it did not do what it was told, again and again */

const Rental__Slot *slot_get(const Powerbank__CabinetRow *row, uint32_t id)
{
	for (size_t i = 0; row && i < row->n_slots; i++)
		if (row->slots[i]->id == id)
			return row->slots[i];
	return NULL;
}

Rental__Slot *slot_edit(struct gv_turn *t, Powerbank__CabinetRow *row, uint32_t id)
{
	Rental__Slot *slot = (Rental__Slot *)slot_get(row, id), **at;

	if (slot)
		return slot;
	slot = gv_alloc(t, sizeof *slot);
	rental__slot__init(slot);
	slot->id = id;
	GV_APPEND(t, row->slots, row->n_slots);
	at = &row->slots[row->n_slots - 1];
	for (; at > row->slots && at[-1]->id > id; at--)
		*at = at[-1];
	*at = slot;
	return slot;
}

/* ---- in and out ------------------------------------------------------------------------------ */

void slot_emptied(struct gv_turn *t, Powerbank__CabinetRow *row, uint32_t id)
{
	Rental__Slot *slot = slot_edit(t, row, id);

	slot->state = RENTAL__SLOT_STATE__SLOT_STATE_EMPTY;
	slot->bank = (char *)"";
	slot->charge_percent = (char *)"";
	slot->idle_since_ms = 0;
	slot->seen_at_ms = gv_now_ms(t);
}

void slot_filled(struct gv_turn *t, Powerbank__CabinetRow *row, uint32_t id, const char *bank)
{
	Rental__Slot *slot = slot_edit(t, row, id);

	slot->state = RENTAL__SLOT_STATE__SLOT_STATE_UNKNOWN;
	slot->bank = gv_strdup(t, bank);
	slot->charge_percent = (char *)"";
	slot->idle_since_ms = slot->seen_at_ms = gv_now_ms(t);
}

/* ---- service --------------------------------------------------------------------------------- */

static void tell(struct gv_turn *t, const char *device, const Rental__Slot *slot, bool over)
{
	const char *text = over ? gv_str(t, "slot %u is back in service", slot->id)
				: gv_str(t, "slot %u is out of service: %s", slot->id,
					 !strcmp(slot->out_of_service, FAULT)
						 ? "the cabinet reports a fault"
						 : gv_str(t, "it failed %u times in a row", slot->failures));

	incident(t, &(struct incident){ .device = device,
					.kind = "slot-fault",
					.text = text,
					.slot = slot->id,
					.bank = slot->bank,
					.epoch = (uint64_t)gv_now_ms(t),
					.over = over });
}

void slot_put_out(struct gv_turn *t, const char *device, Powerbank__CabinetRow *row, uint32_t id, const char *why)
{
	Rental__Slot *slot = slot_edit(t, row, id);

	slot->good_cycles = 0;
	if (*slot->out_of_service)
		return;
	slot->out_of_service = gv_strdup(t, why);
	tell(t, device, slot, false);
}

void slot_put_back(struct gv_turn *t, const char *device, Powerbank__CabinetRow *row, uint32_t id)
{
	Rental__Slot *slot = slot_edit(t, row, id);

	slot->failures = slot->good_cycles = 0;
	if (!*slot->out_of_service)
		return;
	slot->out_of_service = (char *)"";
	tell(t, device, slot, true);
}

void slot_failed(struct gv_turn *t, const char *device, Powerbank__CabinetRow *row, uint32_t id)
{
	Rental__Slot *slot = slot_edit(t, row, id);

	slot->failures++;
	slot->good_cycles = 0;
	if (slot->failures >= PB_FAILURES_MAX)
		slot_put_out(t, device, row, id, FAILURES);
}

static void good_cycle(struct gv_turn *t, const char *device, Powerbank__CabinetRow *row, Rental__Slot *slot)
{
	if (*slot->out_of_service && ++slot->good_cycles >= PB_GOOD_CYCLES)
		slot_put_back(t, device, row, slot->id);
}

void slot_worked(struct gv_turn *t, const char *device, Powerbank__CabinetRow *row, uint32_t id)
{
	Rental__Slot *slot = slot_edit(t, row, id);

	slot->failures = 0;
	good_cycle(t, device, row, slot);
}

void slot_sound(struct gv_turn *t, const char *device, Powerbank__CabinetRow *row, uint32_t id, bool sound)
{
	Rental__Slot *slot = slot_edit(t, row, id);

	if (!sound)
		slot_put_out(t, device, row, id, FAULT);
	else if (!strcmp(slot->out_of_service, FAULT)) /* a slot that is stuck looks sound in an inventory */
		good_cycle(t, device, row, slot);
}

/* ---- what can be lent ------------------------------------------------------------------------ */

static bool holds_charge(const Rental__Slot *slot)
{
	return slot->state == RENTAL__SLOT_STATE__SLOT_STATE_FULL ||
	       slot->state == RENTAL__SLOT_STATE__SLOT_STATE_CHARGING;
}

static bool fit_to_lend(struct gv_turn *t, const char *device, const Rental__Slot *slot)
{
	const Rental__Bank *bank = bank_get(t, slot->bank);

	return holds_charge(slot) && !slot->frozen && !*slot->out_of_service && bank && !bank->refused &&
	       bank_is_in(bank, device, slot->id);
}

bool slot_lendable(struct gv_turn *t, const char *device, const Rental__Slot *slot)
{
	return fit_to_lend(t, device, slot) && !ejects_at(t, device, slot->id);
}

static bool tried(const Powerbank__EjectRow *eject, uint32_t id)
{
	for (size_t i = 0; i < eject->n_tries; i++)
		if (eject->tries[i]->slot == id)
			return true;
	return false;
}

static bool better(const Rental__Slot *a, const Rental__Slot *b)
{
	bool a_full = a->state == RENTAL__SLOT_STATE__SLOT_STATE_FULL;
	bool b_full = b->state == RENTAL__SLOT_STATE__SLOT_STATE_FULL;

	return a_full != b_full ? a_full : a->idle_since_ms < b->idle_since_ms;
}

const Rental__Slot *slots_pick(struct gv_turn *t, const char *device, const Powerbank__CabinetRow *row,
			       const Powerbank__EjectRow *eject)
{
	const Rental__Slot *best = NULL;

	for (size_t i = 0; i < row->n_slots; i++) {
		const Rental__Slot *slot = row->slots[i];

		if ((eject->wanted && slot->id != eject->wanted) || tried(eject, slot->id))
			continue;
		if (slot->id == eject->slot ? !fit_to_lend(t, device, slot) : !slot_lendable(t, device, slot))
			continue;
		if (!best || better(slot, best))
			best = slot;
	}
	return best;
}

/* ---- how many -------------------------------------------------------------------------------- */

void slots_count(struct gv_turn *t, const char *device, const Powerbank__CabinetRow *row, uint32_t *ret_free,
		 uint32_t *ret_full)
{
	bool none = ejects_none(t, device);

	*ret_free = *ret_full = 0;
	for (size_t i = 0; i < row->n_slots; i++) {
		const Rental__Slot *slot = row->slots[i];

		*ret_free += slot->state == RENTAL__SLOT_STATE__SLOT_STATE_EMPTY && !slot->frozen &&
			     !*slot->out_of_service;
		*ret_full += none ? fit_to_lend(t, device, slot) : slot_lendable(t, device, slot);
	}
}

void slots_alarms(struct powerbank *p, struct gv_turn *t, const char *device, Powerbank__CabinetRow *row)
{
	uint32_t n_free, n_full;
	bool was_full = alarm_stands(row, "no-free-slot");

	if (!row->ready)
		return;
	slots_count(t, device, row, &n_free, &n_full);
	/* A bank that has just come in is of unknown charge until the inventory that follows. */
	for (size_t i = 0; i < row->n_slots && !n_full; i++)
		n_full = row->slots[i]->state == RENTAL__SLOT_STATE__SLOT_STATE_UNKNOWN && *row->slots[i]->bank;
	alarm_set(t, device, row, "no-free-slot", n_free == 0,
		  n_free ? "banks can be returned again" : "no slot is free: nobody can return a bank here");
	alarm_set(t, device, row, "no-full-bank", n_full == 0,
		  n_full ? "a bank can be borrowed again" : "no bank can be lent");
	if (!was_full && n_free == 0)
		rentals_freeze(t, device, "full", gv_now_ms(t));
	else if (was_full && n_free)
		rentals_thaw(t, device, "full");
}

/* ---- failures that may be told again --------------------------------------------------------- */

const Powerbank__Told *slot_told(struct powerbank *p, struct gv_turn *t, const Powerbank__CabinetRow *row, uint32_t id)
{
	int64_t window_ms = 1000 * (int64_t)p->config->repeat_window_s;

	for (size_t i = 0; row && i < row->n_told; i++)
		if (row->told[i]->slot == id && gv_now_ms(t) - row->told[i]->at_ms <= window_ms)
			return row->told[i];
	return NULL;
}

void slot_untell(struct gv_turn *t, const char *device, uint32_t id)
{
	const Powerbank__CabinetRow *known = cabinet_get(t, device);
	Powerbank__CabinetRow *row;
	size_t kept = 0;

	while (known && kept < known->n_told && known->told[kept]->slot != id)
		kept++;
	if (!known || kept == known->n_told)
		return; /* most questions are of slots that have not failed: they write nothing here */
	row = cabinet_edit(t, device);
	kept = 0;
	for (size_t i = 0; i < row->n_told; i++)
		if (row->told[i]->slot != id)
			row->told[kept++] = row->told[i];
	row->n_told = kept;
}

void slot_tell(struct gv_turn *t, const char *device, uint32_t id, const char *bank, bool returned, bool echo)
{
	Powerbank__CabinetRow *row = cabinet_edit(t, device);
	Powerbank__Told *told = gv_alloc(t, sizeof *told);

	slot_untell(t, device, id);
	powerbank__told__init(told);
	told->slot = id;
	told->bank = gv_strdup(t, bank);
	told->returned = returned;
	told->echo = echo;
	told->at_ms = gv_now_ms(t);
	*GV_APPEND(t, row->told, row->n_told) = told;
}
