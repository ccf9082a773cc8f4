/* Banks that are to come out, each from the order to the outcome. A cabinet has one under way; the others wait. What
 * was told to a cabinet is never told again blindly: its frames carry no number, and it may have opened. Without an
 * answer its inventory decides. */
#include "ejects.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* ---- rows ------------------------------------------------------------------------------------ */

static const char *timer_name(struct gv_turn *t, const struct eject *e)
{
	return gv_str(t, "eject:%s/%" PRIu64, e->device, e->number);
}

/* Asks for the row once more: walks see it as it was when it was last asked for, and one follows at once. */
void eject_step(struct gv_turn *t, struct eject *e, Powerbank__EjectStep step, int64_t due_ms)
{
	Powerbank__EjectDue note = POWERBANK__EJECT_DUE__INIT;

	e->row = gv_edit(t, &pb_ejects, gv_key(e->device, e->number));
	e->row->step = step;
	e->row->due_ms = due_ms;
	note.device = (char *)e->device;
	note.number = e->number;
	gv_timer(t, timer_name(t, e), due_ms, &note);
}

static void forget(struct gv_turn *t, const struct eject *e)
{
	gv_timer_cancel(t, timer_name(t, e));
	gv_delete(t, &pb_ejects, gv_key(e->device, e->number));
}

bool eject_next_row(struct gv_turn *t, struct gv_scan *scan, struct eject *ret)
{
	while (gv_next(t, scan)) {
		ret->device = scan->key.part[0].s;
		ret->number = scan->key.part[1].u;
		/* As it is by now: a walk does not see what changed since a row was taken. */
		ret->row = (Powerbank__EjectRow *)gv_get(t, &pb_ejects, scan->key);
		if (ret->row)
			return true;
	}
	return false;
}

struct eject eject_take(struct gv_turn *t, const struct eject *e)
{
	return (struct eject){ e->device, e->number, gv_edit(t, &pb_ejects, gv_key(e->device, e->number)) };
}

bool eject_is_under_way(const Powerbank__EjectRow *row)
{
	return row->step == POWERBANK__EJECT_STEP__EJECT_STEP_TOLD ||
	       row->step == POWERBANK__EJECT_STEP__EJECT_STEP_PROBING;
}

bool eject_is_told(const Powerbank__EjectRow *row)
{
	return eject_is_under_way(row) || row->step == POWERBANK__EJECT_STEP__EJECT_STEP_UNKNOWN;
}

bool eject_is_expired(struct powerbank *p, struct gv_turn *t, const Powerbank__EjectRow *row)
{
	return gv_now_ms(t) >= row->begun_at_ms + 1000 * (int64_t)p->config->lend_s;
}

bool ejects_none(struct gv_turn *t, const char *device)
{
	struct gv_scan scan = { .table = &pb_ejects, .prefix = gv_key(device) };

	return !gv_next(t, &scan);
}

bool ejects_at(struct gv_turn *t, const char *device, uint32_t slot)
{
	struct gv_scan scan = { .table = &pb_ejects, .prefix = gv_key(device) };
	struct eject e;

	while (eject_next_row(t, &scan, &e))
		if (e.row->slot == slot && e.row->step != POWERBANK__EJECT_STEP__EJECT_STEP_FAILED)
			return true;
	return false;
}

bool ejects_moving_at(struct gv_turn *t, const char *device, uint32_t slot)
{
	struct gv_scan scan = { .table = &pb_ejects, .prefix = gv_key(device) };
	struct eject e;

	while (eject_next_row(t, &scan, &e))
		if (e.row->slot == slot && eject_is_told(e.row))
			return true;
	return false;
}

uint32_t ejects_waiting(struct gv_turn *t, const char *device)
{
	struct gv_scan scan = { .table = &pb_ejects, .prefix = gv_key(device) };
	struct eject e;
	uint32_t n = 0;

	while (eject_next_row(t, &scan, &e))
		n += eject_is_under_way(e.row) || e.row->step == POWERBANK__EJECT_STEP__EJECT_STEP_WAITING;
	return n;
}

static Powerbank__EjectTry *try_of(struct gv_turn *t, Powerbank__EjectRow *row, uint32_t slot, const char *bank)
{
	Powerbank__EjectTry *try;

	for (size_t i = 0; i < row->n_tries; i++)
		if (row->tries[i]->slot == slot)
			return row->tries[i];
	try = gv_alloc(t, sizeof *try);
	powerbank__eject_try__init(try);
	try->slot = slot;
	try->bank = gv_strdup(t, bank);
	return *GV_APPEND(t, row->tries, row->n_tries) = try;
}

/* ---- outcomes -------------------------------------------------------------------------------- */

static struct gv_ticket ticket_of(const Powerbank__EjectRow *row)
{
	return (struct gv_ticket){ row->ticket_call, row->ticket_caller };
}

static int answer(struct gv_turn *t, const Powerbank__EjectRow *row, const char *status, const char *bank,
		  const char *error)
{
	Rental__EjectReply reply = RENTAL__EJECT_REPLY__INIT;

	reply.status = (char *)status;
	reply.bank = (char *)bank;
	reply.error = (char *)error;
	return row->ticket_call ? gv_reply(t, ticket_of(row), &reply) : 0;
}

/* Nothing came out, as far as can be known. The row stays for a while, as the report may only be late. */
void eject_fail(struct powerbank *p, struct gv_turn *t, struct eject *e, const char *why, bool unknown)
{
	if (*e->row->rental) {
		if (unknown)
			rental_flag(t, rental_edit(t, e->row->rental), "unknown-outcome");
		rental_fail(t, e->row->rental, why);
	} else {
		answer(t, e->row, unknown ? "Unknown" : "Failed", "", why);
		e->row->ticket_call = 0;
	}
	eject_step(t, e, POWERBANK__EJECT_STEP__EJECT_STEP_FAILED,
		   gv_now_ms(t) + 1000 * (int64_t)p->config->repeat_window_s);
}

/* It came out of a slot while the books have it rented: it had been put in, and nobody had told yet. */
static bool came_back(struct gv_turn *t, const char *bank, const char *rental)
{
	const Rental__Bank *known = bank_get(t, bank);

	return known && known->place == RENTAL__BANK_PLACE__BANK_PLACE_RENTED && strcmp(known->rental, rental) != 0;
}

/* The bank is out. `flag`: how that is known, if not by a report in time. */
void eject_succeed(struct powerbank *p, struct gv_turn *t, struct eject *e, uint32_t slot, const char *bank,
		   const char *flag)
{
	const char *expected = e->row->bank, *rental = e->row->rental;
	bool other = *bank && *expected && slot == e->row->slot && strcmp(bank, expected) != 0;
	Powerbank__CabinetRow *cab = cabinet_edit(t, e->device);

	if (!*bank)
		bank = expected;
	if (*rental && flag)
		rental_flag(t, rental_edit(t, rental), flag);
	if (other) {
		incident(t, &(struct incident){ .device = e->device,
						.kind = "dev-mismatch",
						.text = gv_str(t, "slot %u gave bank %s where the books have %s", slot,
							       bank, expected),
						.slot = slot,
						.bank = bank,
						.rental = rental,
						.epoch = e->number });
		if (*rental)
			rental_flag(t, rental_edit(t, rental), "dev-mismatch");
		if (bank_is_in(bank_get(t, expected), e->device, slot))
			bank_move(t, expected, RENTAL__BANK_PLACE__BANK_PLACE_UNKNOWN, e->device, slot, NULL);
	}
	if (other || came_back(t, bank, rental))
		returns_book(p, t, e->device, slot, bank, gv_now_ms(t), "missed-return");
	slot_emptied(t, cab, slot);
	slot_worked(t, e->device, cab, slot);
	if (*rental) {
		bank_move(t, bank, RENTAL__BANK_PLACE__BANK_PLACE_RENTED, e->device, slot, rental);
		rental_start(t, rental, slot, bank);
	} else {
		bank_move(t, bank, RENTAL__BANK_PLACE__BANK_PLACE_OUT, e->device, slot, NULL);
		answer(t, e->row, "Ejected", bank, "");
	}
	forget(t, e);
	slots_alarms(p, t, e->device, cab);
}

/* ---- telling the cabinet --------------------------------------------------------------------- */

/* People's ejects take what is in the slot, whatever state it is in. */
static const Rental__Slot *pick(struct gv_turn *t, const struct line *l, const struct eject *e,
				const Powerbank__CabinetRow *cab)
{
	const Rental__Slot *slot;

	if (*e->row->rental)
		return slots_pick(t, e->device, cab, e->row);
	slot = slot_get(cab, e->row->wanted);
	return slot && (*slot->bank || e->row->force || !(l->profile.driver->can & PB_LEND_BANK)) ? slot : NULL;
}

static bool is_busy(struct gv_turn *t, const struct eject *but)
{
	struct gv_scan scan = { .table = &pb_ejects, .prefix = gv_key(but->device) };
	struct eject e;

	while (eject_next_row(t, &scan, &e))
		if (e.number != but->number && eject_is_under_way(e.row))
			return true;
	return false;
}

static void tell(struct powerbank *p, struct gv_turn *t, struct line *l, struct eject *e)
{
	Powerbank__EjectRow *row = e->row;

	try_of(t, row, row->slot, row->bank)->told++;
	row->told_at_ms = gv_now_ms(t);
	row->queries = 0;
	slot_untell(t, e->device, row->slot);
	gv_delete(t, &pb_returns, gv_key(e->device, row->slot));
	if (*row->rental) {
		rental_edit(t, row->rental)->slot = row->slot;
		rental_to(t, row->rental, RENTAL__RENTAL_STATE__RENTAL_STATE_EJECTING);
	}
	eject_step(t, e, POWERBANK__EJECT_STEP__EJECT_STEP_TOLD,
		   gv_now_ms(t) + 1000 * (int64_t)p->config->eject_timeout_s);
	gv_count(t, "ejects_told", 1);
	line_say(t, l,
		 &(struct pb_command){ .say = row->force ? PB_SAY_FORCE_EJECT : PB_SAY_LEND,
				       .slot = (uint8_t)row->slot,
				       .bank = row->bank });
}

/* Tells the cabinet to open the best slot that is left, or gives up. */
void eject_try(struct powerbank *p, struct gv_turn *t, struct line *l, struct eject *e, const char *why)
{
	const Powerbank__CabinetRow *cab = cabinet_get(t, e->device);
	const Rental__Slot *slot = NULL;

	if (!eject_is_expired(p, t, e->row) && e->row->n_tries < PB_SLOT_TRIES_MAX &&
	    (*e->row->rental || e->row->n_tries == 0))
		slot = pick(t, l, e, cab);
	if (!slot) {
		eject_fail(p, t, e, why, false);
		return;
	}
	e->row->slot = slot->id;
	e->row->bank = gv_strdup(t, slot->bank);
	if (!is_busy(t, e)) {
		tell(p, t, l, e);
		return;
	}
	/* It was given up as unknown, and the next has got its turn. */
	if (*e->row->rental)
		rental_to(t, e->row->rental, RENTAL__RENTAL_STATE__RENTAL_STATE_EJECTING);
	eject_step(t, e, POWERBANK__EJECT_STEP__EJECT_STEP_WAITING,
		   e->row->begun_at_ms + 1000 * (int64_t)p->config->lend_s);
}

void eject_again(struct powerbank *p, struct gv_turn *t, struct line *l, struct eject *e)
{
	if (eject_is_expired(p, t, e->row) || try_of(t, e->row, e->row->slot, e->row->bank)->told >= PB_TELLS_MAX)
		eject_refused(p, t, l, e);
	else if (!is_busy(t, e)) /* otherwise the next inventory decides */
		tell(p, t, l, e);
}

/* The slot did not open. */
void eject_refused(struct powerbank *p, struct gv_turn *t, struct line *l, struct eject *e)
{
	slot_failed(t, e->device, cabinet_edit(t, e->device), e->row->slot);
	eject_try(p, t, l, e, gv_str(t, "slot %u of %s did not open", e->row->slot, e->device));
}

void ejects_next(struct powerbank *p, struct gv_turn *t, const char *device)
{
	struct line *l = cabinet_line(p, device);
	const Powerbank__CabinetRow *cab = cabinet_get(t, device);

	while (l && cab && cab->ready) {
		struct gv_scan scan = { .table = &pb_ejects, .prefix = gv_key(device) };
		struct eject e, first = { 0 };

		while (eject_next_row(t, &scan, &e)) {
			if (eject_is_under_way(e.row))
				return;
			if (!first.row && e.row->step == POWERBANK__EJECT_STEP__EJECT_STEP_WAITING)
				first = e;
		}
		if (!first.row)
			return;
		first = eject_take(t, &first);
		eject_try(p, t, l, &first, gv_str(t, "%s has no bank that can be lent", device));
	}
}

int eject_begin(struct powerbank *p, struct gv_turn *t, const char *device, const Powerbank__EjectRow *row,
		uint64_t *ret_number)
{
	Powerbank__CabinetRow *cab;
	struct eject e = { .device = device };

	if (ejects_waiting(t, device) >= PB_QUEUE_MAX)
		return -ENOSPC;
	cab = cabinet_edit(t, device);
	e.number = ++cab->ejects;
	e.row = gv_edit(t, &pb_ejects, gv_key(device, e.number));
	e.row->rental = gv_strdup(t, row->rental);
	e.row->wanted = row->wanted;
	e.row->slot = row->slot;
	e.row->bank = gv_strdup(t, row->bank);
	e.row->force = row->force;
	e.row->ticket_call = row->ticket_call;
	e.row->ticket_caller = row->ticket_caller;
	e.row->begun_at_ms = gv_now_ms(t);
	eject_step(t, &e, POWERBANK__EJECT_STEP__EJECT_STEP_WAITING,
		   e.row->begun_at_ms + 1000 * (int64_t)p->config->lend_s);
	*ret_number = e.number;
	return 0;
}

bool eject_cancel(struct powerbank *p, struct gv_turn *t, const char *rental, const char *why)
{
	const Rental__RentalRow *r = rental_get(t, rental);
	struct gv_scan scan = { .table = &pb_ejects, .prefix = gv_key(r->device) };
	struct eject e;

	while (eject_next_row(t, &scan, &e)) {
		if (strcmp(e.row->rental, rental) != 0)
			continue;
		if (eject_is_under_way(e.row))
			return false;
		e = eject_take(t, &e);
		eject_fail(p, t, &e, why, false);
		return true;
	}
	return false;
}
