/* What people do with cabinets, slots, banks and rentals. */
#include "powerbank.h"

#include <errno.h>
#include <string.h>

struct line *service_line(struct powerbank *p, struct gv_turn *t, struct gv_ticket to, const char *device)
{
	const Powerbank__CabinetRow *row = cabinet_get(t, device);
	struct line *l = cabinet_line(p, device);

	if (!row || !row->known)
		gv_refuse(t, to, GV_NOT_FOUND, "no cabinet %s is known", device);
	else if (!l)
		gv_refuse(t, to, GV_UNAVAILABLE, "%s is offline: try again when it is back", device);
	else
		return l;
	return NULL;
}

/* ---- EndRental ------------------------------------------------------------------------------- */

/* False: the ticket has been answered. */
static bool end_active(struct gv_turn *t, struct gv_ticket to, const Rental__EndRentalRequest *r,
		       const Rental__RentalRow *rental, bool sold)
{
	int64_t now = gv_now_ms(t);
	const char *bank = rental->bank;

	if (r->at_ms && (r->at_ms < rental->started_at_ms || r->at_ms > now)) {
		gv_refuse(t, to, GV_INVALID_ARGUMENT, "atMs must lie between the start of the rental and now");
		return false;
	}
	rental_end(t, r->id,
		   &(struct rental_end){ .state = sold ? RENTAL__RENTAL_STATE__RENTAL_STATE_SOLD
						       : RENTAL__RENTAL_STATE__RENTAL_STATE_CLOSED,
					 .at_ms = r->at_ms ? r->at_ms : now,
					 .flag = sold ? NULL : "by-hand" });
	bank_move(t, bank, sold ? RENTAL__BANK_PLACE__BANK_PLACE_SOLD : RENTAL__BANK_PLACE__BANK_PLACE_OUT,
		  rental->device, rental->slot, r->id);
	gv_log(t, GV_INFO, "rental is ended by a call rental=%s how=%s reason=\"%s\"", r->id, r->how, r->reason);
	return true;
}

static int end_rental(struct powerbank *p, struct gv_turn *t, struct gv_ticket to, const Rental__EndRentalRequest *r)
{
	const Rental__RentalRow *rental = rental_get(t, r->id);
	Rental__EndRentalReply reply = RENTAL__END_RENTAL_REPLY__INIT;
	bool sold = !strcmp(r->how, "sold");

	if (!rental)
		return gv_refuse(t, to, GV_NOT_FOUND, "no rental %s is known", r->id);
	if (!sold && strcmp(r->how, "closed") != 0)
		return gv_refuse(t, to, GV_INVALID_ARGUMENT, "how must be sold or closed, is \"%.20s\"", r->how);
	if (rental->state == RENTAL__RENTAL_STATE__RENTAL_STATE_ACTIVE) {
		if (!end_active(t, to, r, rental, sold))
			return 0;
	} else if (!rental_is_over(rental)) {
		if (sold)
			return gv_refuse(t, to, GV_FAILED_PRECONDITION, "rental %s has not begun: its bank is not out",
					 r->id);
		if (!eject_cancel(p, t, r->id, *r->reason ? r->reason : "ended by hand"))
			return gv_refuse(t, to, GV_FAILED_PRECONDITION,
					 "the cabinet has just been told to open for %s: wait for what becomes of it",
					 r->id);
		rental_flag(t, rental_edit(t, r->id), "by-hand");
		ejects_next(p, t, rental->device);
	} else if (rental->state !=
		   (sold ? RENTAL__RENTAL_STATE__RENTAL_STATE_SOLD : RENTAL__RENTAL_STATE__RENTAL_STATE_CLOSED)) {
		return gv_refuse(t, to, GV_FAILED_PRECONDITION, "rental %s is over already, otherwise than %s", r->id,
				 r->how);
	}
	reply.rental = (Rental__RentalRow *)rental_get(t, r->id);
	return gv_reply(t, to, &reply);
}

int end_rental_call(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *m)
{
	return end_rental(self, t, to, (const void *)m);
}

/* ---- Eject, FreezeSlot, Audit ---------------------------------------------------------------- */

static const Rental__Slot *slot_of(struct gv_turn *t, struct gv_ticket to, const char *device, uint32_t id)
{
	const Powerbank__CabinetRow *row = cabinet_get(t, device);
	const Rental__Slot *slot = slot_get(row, id);

	if (!row || !row->known)
		gv_refuse(t, to, GV_NOT_FOUND, "no cabinet %s is known", device);
	else if (!slot)
		gv_refuse(t, to, GV_NOT_FOUND, "%s has no slot %u, as far as is known", device, id);
	return row && row->known ? slot : NULL;
}

static int eject(struct powerbank *p, struct gv_turn *t, struct gv_ticket to, const Rental__EjectRequest *r)
{
	struct line *l = service_line(p, t, to, r->device);
	const Rental__Slot *slot = l ? slot_of(t, to, r->device, r->slot) : NULL;
	Powerbank__EjectRow row = POWERBANK__EJECT_ROW__INIT;
	unsigned can = l ? l->profile.driver->can : 0;
	uint64_t number;

	if (!slot)
		return 0;
	if (r->force && !(can & PB_FORCE_EJECT))
		return gv_refuse(t, to, GV_UNIMPLEMENTED,
				 "%s has no forced eject: without force it is told to give the bank out", r->device);
	if (!r->force && (can & PB_LEND_BANK) && !*slot->bank)
		return gv_refuse(t, to, GV_FAILED_PRECONDITION,
				 "no bank is known to be in slot %u of %s, and it opens a slot for a known bank only",
				 r->slot, r->device);
	if (ejects_at(t, r->device, r->slot))
		return gv_refuse(t, to, GV_FAILED_PRECONDITION, "slot %u of %s is about to open for somebody else",
				 r->slot, r->device);
	row.wanted = row.slot = r->slot;
	row.bank = slot->bank;
	row.force = r->force;
	row.ticket_call = to.call;
	row.ticket_caller = to.caller;
	if (eject_begin(p, t, r->device, &row, &number) < 0)
		return gv_refuse(t, to, GV_RESOURCE_EXHAUSTED, "%d banks are to come out of %s already", PB_QUEUE_MAX,
				 r->device);
	gv_log(t, GV_INFO, "slot is opened by hand device=%s slot=%u reason=\"%s\"", r->device, r->slot, r->reason);
	ejects_next(p, t, r->device);
	return 0;
}

int eject_call(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *m)
{
	return eject(self, t, to, (const void *)m);
}

int freeze_slot_call(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *m)
{
	const Rental__FreezeSlotRequest *r = (const void *)m;
	Rental__FreezeSlotReply reply = RENTAL__FREEZE_SLOT_REPLY__INIT;
	Powerbank__CabinetRow *row;

	if (!slot_of(t, to, r->device, r->slot))
		return 0;
	row = cabinet_edit(t, r->device);
	reply.slot = slot_edit(t, row, r->slot);
	reply.slot->frozen = r->frozen;
	if (!r->frozen)
		slot_put_back(t, r->device, row, r->slot);
	slots_alarms(self, t, r->device, row);
	cabinet_tell(self, t, r->device);
	return gv_reply(t, to, &reply);
}

int audit_call(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *m)
{
	const Rental__AuditRequest *r = (const void *)m;
	struct line *l = service_line(self, t, to, r->device);

	return l ? inventory_audit(self, t, to, l) : 0;
}

/* ---- PutBank --------------------------------------------------------------------------------- */

static bool is_bank_id(const char *id)
{
	size_t n = strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789");

	return n >= PB_BANK_MIN && n < PB_BANK_SIZE && !id[n];
}

int put_bank_call(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *m)
{
	const Rental__PutBankRequest *r = (const void *)m;
	Rental__PutBankReply reply = RENTAL__PUT_BANK_REPLY__INIT;
	const Powerbank__CabinetRow *cab;
	Rental__Bank *bank;

	if (!r->bank || !is_bank_id(r->bank->id))
		return gv_refuse(t, to, GV_INVALID_ARGUMENT,
				 "bank.id must be 4 to 20 digits and capital letters, as the cabinets say it");
	bank = gv_edit(t, &pb_banks, gv_key(r->bank->id));
	if (!*bank->id) {
		bank->id = gv_strdup(t, r->bank->id);
		bank->since_ms = gv_now_ms(t);
	}
	bank->refused = r->bank->refused;
	bank->tags = r->bank->tags;
	bank->n_tags = r->bank->n_tags;
	cab = *bank->device ? cabinet_get(t, bank->device) : NULL;
	if (cab && bank->place == RENTAL__BANK_PLACE__BANK_PLACE_IN_SLOT)
		slots_alarms(self, t, bank->device, cabinet_edit(t, bank->device));
	reply.bank = bank;
	return gv_reply(t, to, &reply);
}
