/* What a cabinet says it holds, against the books: who is asked when, and what follows from each difference. */
#include "powerbank.h"

#include <string.h>

/* ---- asking ---------------------------------------------------------------------------------- */

void inventory_ask(struct powerbank *p, struct gv_turn *t, struct line *l)
{
	int64_t now = gv_now_ms(t);

	if (l->asked_ms && now - l->asked_ms < 1000 * (int64_t)p->config->query_timeout_s)
		return; /* one question at a time: its answer is on the way */
	l->queries = l->asked_ms ? l->queries + 1 : 0;
	l->asked_ms = now;
	gv_count(t, "inventories_asked", 1);
	line_say(t, l, &(struct pb_command){ .say = PB_SAY_QUERY });
}

void inventory_soon(struct gv_turn *t, struct line *l, int64_t at_ms)
{
	if (at_ms < l->poll_ms || l->poll_ms <= gv_now_ms(t))
		l->poll_ms = at_ms;
}

/* Give or take a tenth, so that cabinets that came together are not asked together for ever. */
static int64_t next_poll(struct powerbank *p, struct gv_turn *t)
{
	int64_t period_ms = 1000 * (int64_t)p->config->poll_s;

	return gv_now_ms(t) + period_ms - period_ms / 10 + (int64_t)(gv_random(t) % (uint64_t)(period_ms / 5));
}

/* ---- comparing ------------------------------------------------------------------------------- */

struct view {
	struct powerbank *p;
	struct gv_turn *t;
	struct line *l;
	const char *device;
	Powerbank__CabinetRow *cab;
	const struct pb_report *report;
	int64_t early_ms; /* when what could not be told yet can be */
	char **differences;
	size_t n_differences;
};

static void differs(struct view *v, char *text)
{
	*GV_APPEND(v->t, v->differences, v->n_differences) = text;
}

static void later(struct view *v, int64_t at_ms)
{
	if (!v->early_ms || at_ms < v->early_ms)
		v->early_ms = at_ms;
}

static const struct pb_slot *shown_at(const struct pb_report *r, uint32_t slot)
{
	for (size_t i = 0; i < r->n_slots; i++)
		if (r->slots[i].slot == slot)
			return &r->slots[i];
	return NULL;
}

static bool is_shown(const struct pb_report *r, const char *bank)
{
	for (size_t i = 0; i < r->n_slots; i++)
		if (!strcmp(r->slots[i].bank, bank))
			return true;
	return false;
}

/* The earliest moment at which a bank can have come in that nobody told of: when the cabinet was last known without it.
 */
static int64_t missed_at(const struct view *v, const Rental__RentalRow *r)
{
	int64_t since = v->cab->inventory_at_ms;

	if (strcmp(v->p->config->missed_return, "customer") != 0)
		return gv_now_ms(v->t);
	if (v->cab->offline_since_ms > since)
		since = v->cab->offline_since_ms;
	return since > r->started_at_ms ? since : r->started_at_ms;
}

/* A rented bank is in a slot, and no report of it came. */
static void missed(struct view *v, uint32_t slot, const Rental__Bank *bank)
{
	const Rental__RentalRow *r = rental_get(v->t, bank->rental);
	const char *id = bank->id, *rental = bank->rental;
	uint64_t epoch = bank->epoch;
	int64_t pending_ms = returns_pending(v->p, v->t, v->device, slot, id);
	int64_t quiet_ms = 1000 * (int64_t)v->p->config->quiet_s;

	if (pending_ms) {
		later(v, pending_ms + 1);
		return;
	}
	if (r && !strcmp(r->device, v->device) && r->slot == slot &&
	    gv_now_ms(v->t) - r->started_at_ms < quiet_ms) { /* it may still show the bank that has just left */
		later(v, r->started_at_ms + quiet_ms);
		return;
	}
	incident(v->t, &(struct incident){
			       .device = v->device,
			       .kind = "missed-return",
			       .text = gv_str(v->t, "rented bank %s is in slot %u, and no report of it came", id, slot),
			       .slot = slot,
			       .bank = id,
			       .rental = rental,
			       .epoch = epoch });
	differs(v, gv_str(v->t, "slot %u: bank %s is rented by the books, and it is here", slot, id));
	returns_book(v->p, v->t, v->device, slot, id, r ? missed_at(v, r) : gv_now_ms(v->t), "missed-return");
}

static void found_elsewhere(struct view *v, uint32_t slot, const Rental__Bank *bank)
{
	bool same_cabinet = !strcmp(bank->device, v->device);

	differs(v, gv_str(v->t, "slot %u: bank %s is in slot %u of %s by the books, and it is here", slot, bank->id,
			  bank->slot, bank->device));
	if (!same_cabinet)
		incident(v->t, &(struct incident){ .device = v->device,
						   .kind = "ghost",
						   .text = gv_str(v->t, "bank %s is here; the books have it at %s",
								  bank->id, bank->device),
						   .slot = slot,
						   .bank = bank->id,
						   .epoch = bank->epoch });
	returns_book(v->p, v->t, v->device, slot, bank->id, gv_now_ms(v->t), NULL);
}

static void unknown_bank(struct view *v, uint32_t slot, const char *bank)
{
	const Rental__Slot *before = slot_get(v->cab, slot);

	if (before && !strcmp(before->bank, bank))
		return; /* said before */
	differs(v, gv_str(v->t, "slot %u: nobody knows bank %s", slot, bank));
	returns_book(v->p, v->t, v->device, slot, bank, gv_now_ms(v->t), NULL);
}

/* A bank is in a slot: what the books make of it. */
static void found(struct view *v, uint32_t slot, const char *id)
{
	const Rental__Bank *bank = bank_get(v->t, id);

	if (!bank) {
		if (strcmp(v->p->config->unknown_banks, "adopt"))
			unknown_bank(v, slot, id);
		else
			returns_book(v->p, v->t, v->device, slot, id, gv_now_ms(v->t), NULL);
		return;
	}
	if (bank_is_in(bank, v->device, slot))
		return;
	if (ejects_seen_out(v->p, v->t, id))
		bank = bank_get(v->t, id);
	switch (bank->place) {
	case RENTAL__BANK_PLACE__BANK_PLACE_RENTED:
		missed(v, slot, bank);
		break;
	case RENTAL__BANK_PLACE__BANK_PLACE_IN_SLOT:
		found_elsewhere(v, slot, bank);
		break;
	case RENTAL__BANK_PLACE__BANK_PLACE_SOLD:
		differs(v, gv_str(v->t, "slot %u: bank %s is sold by the books, and it is here", slot, id));
		incident(v->t, &(struct incident){ .device = v->device,
						   .kind = "ghost",
						   .text = gv_str(v->t, "bank %s was sold, and it is here", id),
						   .slot = slot,
						   .bank = id,
						   .rental = bank->rental,
						   .epoch = bank->epoch });
		returns_book(v->p, v->t, v->device, slot, id, gv_now_ms(v->t), NULL);
		break;
	default:
		differs(v, gv_str(v->t, "slot %u: bank %s is here, which the books do not say", slot, id));
		returns_book(v->p, v->t, v->device, slot, id, gv_now_ms(v->t), NULL);
	}
}

static void missing(struct view *v, uint32_t slot, const char *id)
{
	const Rental__Bank *bank = bank_get(v->t, id);

	if (!bank_is_in(bank, v->device, slot) || is_shown(v->report, id))
		return;
	differs(v, gv_str(v->t, "slot %u: the books have bank %s, the cabinet has not", slot, id));
	bank_move(v->t, id, RENTAL__BANK_PLACE__BANK_PLACE_MISSING, v->device, slot, NULL);
	bank = bank_get(v->t, id);
	incident(v->t, &(struct incident){ .device = v->device,
					   .kind = "bank-missing",
					   .text = gv_str(v->t, "bank %s has left slot %u, and nobody told", id, slot),
					   .slot = slot,
					   .bank = id,
					   .epoch = bank->epoch });
}

/* ---- writing --------------------------------------------------------------------------------- */

static void set_slot(struct view *v, uint32_t id, const struct pb_slot *shown)
{
	static const Rental__SlotState states[] = {
		[PB_EMPTY] = RENTAL__SLOT_STATE__SLOT_STATE_EMPTY,
		[PB_FULL] = RENTAL__SLOT_STATE__SLOT_STATE_FULL,
		[PB_CHARGING] = RENTAL__SLOT_STATE__SLOT_STATE_CHARGING,
		[PB_FLAT] = RENTAL__SLOT_STATE__SLOT_STATE_FLAT,
		[PB_FAULT] = RENTAL__SLOT_STATE__SLOT_STATE_FAULT,
	};
	Rental__Slot *slot = slot_edit(v->t, v->cab, id);
	const char *bank = shown ? shown->bank : "";

	if (strcmp(slot->bank, bank) != 0) {
		slot->bank = gv_strdup(v->t, bank);
		slot->idle_since_ms = *bank ? gv_now_ms(v->t) : 0;
	}
	slot->state = states[shown ? shown->state : PB_EMPTY];
	slot->charge_percent = shown && shown->percent >= 0 ? gv_str(v->t, "%d", shown->percent) : (char *)"";
	slot->seen_at_ms = gv_now_ms(v->t);
	/* A bank that is broken is not the slot's fault, but no other can come into its place. */
	slot_sound(v->t, v->device, v->cab, id, !shown || shown->state != PB_FAULT);
}

/* Banks that two slots claim are in the first. */
static void drop_doubles(struct pb_report *r)
{
	for (size_t i = 0; i < r->n_slots; i++)
		for (size_t k = 0; k < i && *r->slots[i].bank; k++)
			if (!strcmp(r->slots[i].bank, r->slots[k].bank)) {
				r->slots[i].bank[0] = 0;
				r->slots[i].state = PB_FAULT;
			}
}

static void reconcile(struct view *v)
{
	unsigned n = v->l->wire.slots;
	bool none = ejects_none(v->t, v->device);

	for (uint32_t id = 1; id <= n; id++) {
		const struct pb_slot *shown = shown_at(v->report, id);

		if (shown && *shown->bank && (none || !ejects_moving_at(v->t, v->device, id)))
			found(v, id, shown->bank);
	}
	for (uint32_t id = 1; id <= n; id++) {
		const Rental__Slot *before = slot_get(v->cab, id);

		if (!none && ejects_moving_at(v->t, v->device, id))
			continue; /* its mechanics are moving */
		if (before && *before->bank)
			missing(v, id, before->bank);
		set_slot(v, id, shown_at(v->report, id));
	}
}

/* The cabinet has become smaller: what lay behind its last slot is not there. */
static void drop_slots(struct view *v)
{
	unsigned n = v->l->wire.slots;
	size_t kept = 0;

	while (kept < v->cab->n_slots && v->cab->slots[kept]->id <= n)
		kept++;
	for (size_t i = kept; i < v->cab->n_slots; i++)
		if (*v->cab->slots[i]->bank)
			missing(v, v->cab->slots[i]->id, v->cab->slots[i]->bank);
	v->cab->n_slots = kept;
}

static void answer_audits(struct view *v)
{
	const Powerbank__AuditRow *row = gv_get(v->t, &pb_audits, gv_key(v->device));
	Rental__AuditReply reply = RENTAL__AUDIT_REPLY__INIT;

	if (!row)
		return;
	reply.differences = v->differences;
	reply.n_differences = v->n_differences;
	reply.cabinet = cabinet_describe(v->p, v->t, v->device, v->cab);
	for (size_t i = 0; i < row->n_tickets; i++)
		gv_reply(v->t, (struct gv_ticket){ row->tickets[i]->call, row->tickets[i]->caller }, &reply);
	gv_delete(v->t, &pb_audits, gv_key(v->device));
	gv_timer_cancel(v->t, gv_str(v->t, "audit:%s", v->device));
}

void inventory_received(struct powerbank *p, struct gv_turn *t, struct line *l, const struct pb_report *r)
{
	struct pb_report report = *r;
	ProtobufCBinaryData before = cabinet_look(p, t, l->cabinet->device), after;
	struct view v = { .p = p, .t = t, .l = l, .device = l->cabinet->device, .report = &report };
	int64_t quiet_ms = 1000 * (int64_t)p->config->quiet_s;

	drop_doubles(&report);
	l->asked_ms = 0;
	l->queries = 0;
	l->poll_ms = next_poll(p, t);
	v.cab = cabinet_edit(t, v.device);
	v.cab->ready = true;
	if (ejects_settle(p, t, l, &report))
		later(&v, gv_now_ms(t) + quiet_ms);
	reconcile(&v);
	drop_slots(&v);
	v.cab->inventory_at_ms = gv_now_ms(t);
	ejects_next(p, t, v.device);
	slots_alarms(p, t, v.device, v.cab);
	if (v.early_ms)
		inventory_soon(t, l, v.early_ms);
	answer_audits(&v);
	after = cabinet_look(p, t, v.device);
	if (after.len != before.len || memcmp(after.data, before.data, after.len) != 0)
		cabinet_tell(p, t, v.device);
}

/* ---- audits ---------------------------------------------------------------------------------- */

static int arm_audit(struct powerbank *p, struct gv_turn *t, const char *device)
{
	Powerbank__AuditDue note = POWERBANK__AUDIT_DUE__INIT;

	note.device = (char *)device;
	return gv_timer(t, gv_str(t, "audit:%s", device), gv_now_ms(t) + 1000 * (int64_t)p->config->query_timeout_s,
			&note);
}

int inventory_audit(struct powerbank *p, struct gv_turn *t, struct gv_ticket ticket, struct line *l)
{
	const char *device = l->cabinet->device;
	Powerbank__AuditRow *row = gv_edit(t, &pb_audits, gv_key(device));
	Powerbank__AuditTicket *waits = gv_alloc(t, sizeof *waits);

	if (row->n_tickets == PB_AUDITS_MAX)
		return gv_refuse(t, ticket, GV_RESOURCE_EXHAUSTED, "%d audits of %s wait already", PB_AUDITS_MAX,
				 device);
	powerbank__audit_ticket__init(waits);
	waits->call = ticket.call;
	waits->caller = ticket.caller;
	*GV_APPEND(t, row->tickets, row->n_tickets) = waits;
	if (row->n_tickets == 1)
		arm_audit(p, t, device);
	inventory_ask(p, t, l);
	return 0;
}

int inventory_audit_due(struct powerbank *p, struct gv_turn *t, const char *device)
{
	Powerbank__AuditRow *row = gv_edit(t, &pb_audits, gv_key(device));
	struct line *l = cabinet_line(p, device);

	if (l && row->queries < p->config->query_repeats) {
		row->queries++;
		inventory_ask(p, t, l);
		return arm_audit(p, t, device);
	}
	for (size_t i = 0; i < row->n_tickets; i++)
		gv_refuse(t, (struct gv_ticket){ row->tickets[i]->call, row->tickets[i]->caller }, GV_UNAVAILABLE,
			  "%s does not say what it holds: try again when it is online", device);
	return gv_delete(t, &pb_audits, gv_key(device));
}
