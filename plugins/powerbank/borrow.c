/* The two ways to a bank: Borrow, a front of billing's checkout for whoever knows a cabinet and no money; and Lend, by
 * which billing comes back once the money is held. */
#include "powerbank.h"

#include <galvan/billing.pb-c.h>

#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* What stands in the way of lending there now: the ticket has been answered. */
static bool is_impossible(struct powerbank *p, struct gv_turn *t, struct gv_ticket to, const char *device,
			  uint32_t slot)
{
	const Powerbank__CabinetRow *row = cabinet_get(t, device);
	Powerbank__EjectRow any = POWERBANK__EJECT_ROW__INIT;

	any.wanted = slot;
	if (!row || !row->known)
		gv_refuse(t, to, GV_NOT_FOUND, "no cabinet %s is known", device);
	else if (*row->paused)
		gv_refuse(t, to, GV_FAILED_PRECONDITION, "%s is out of service (%s): take another cabinet", device,
			  row->paused);
	else if (!cabinet_line(p, device))
		gv_refuse(t, to, GV_UNAVAILABLE, "%s is offline: try again when it is back", device);
	else if (!row->ready)
		gv_refuse(t, to, GV_UNAVAILABLE, "%s has not said yet what it holds: try again in a moment", device);
	else if (ejects_waiting(t, device) >= PB_QUEUE_MAX)
		gv_refuse(t, to, GV_RESOURCE_EXHAUSTED, "%d banks are to come out of %s already: try again in a moment",
			  PB_QUEUE_MAX, device);
	else if (!slots_pick(t, device, row, &any))
		gv_refuse(t, to, GV_FAILED_PRECONDITION,
			  slot ? "slot %2$u of %1$s has no bank that can be lent" : "%s has no bank that can be lent",
			  device, slot);
	else
		return false;
	return true;
}

/* ---- Borrow ---------------------------------------------------------------------------------- */

int borrow_call(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *m)
{
	const Rental__BorrowRequest *r = (const void *)m;
	Billing__CheckoutRequest request = BILLING__CHECKOUT_REQUEST__INIT;
	Powerbank__BorrowAsked note = POWERBANK__BORROW_ASKED__INIT;
	int error;

	/* One that was lent already is asked for once more: billing says how it stands. */
	if (!(*r->id && rental_of_order(t, r->id)) && is_impossible(self, t, to, r->device, r->slot))
		return 0;
	request.id = r->id;
	request.device = r->device;
	request.connector = r->slot;
	request.customer = r->customer;
	request.pay_by = *r->customer && !*r->provider ? BILLING__PAY_BY__PAY_BY_BALANCE
						       : BILLING__PAY_BY__PAY_BY_PROVIDER;
	request.provider = r->provider;
	request.limit = r->limit;
	request.return_url = r->return_url;
	note.call = to.call;
	note.caller = to.caller;
	error = gv_call(t, &(struct gv_call){ .method = "galvan.billing.v1.Billing/Checkout",
					      .request = &request,
					      .note = &note });
	if (error == -ENOSPC)
		return gv_refuse(t, to, GV_RESOURCE_EXHAUSTED, "billing has too much to do: try again in a moment");
	return error;
}

int borrow_answered(struct powerbank *p, struct gv_turn *t, const struct gv_answer *a)
{
	const Powerbank__BorrowAsked *note = a->note;
	const Billing__CheckoutReply *checkout = a->reply;
	struct gv_ticket to = { note->call, note->caller };
	Rental__BorrowReply reply = RENTAL__BORROW_REPLY__INIT;
	const ProtobufCEnumValue *state;

	if (a->code != GV_OK)
		return gv_refuse(t, to, a->code, "%s", a->error);
	if (!checkout || !checkout->order)
		return gv_refuse(t, to, GV_INTERNAL, "billing answered without an order");
	reply.order = checkout->order->id;
	state = protobuf_c_enum_descriptor_get_value(&billing__order_state__descriptor, checkout->order->state);
	reply.state = (char *)(state ? state->name : "");
	reply.url = checkout->order->url;
	reply.held = checkout->order->held;
	reply.currency = checkout->order->currency;
	reply.error = checkout->order->error;
	return gv_reply(t, to, &reply);
}

/* ---- Lend ------------------------------------------------------------------------------------ */

static int answer(struct gv_turn *t, struct gv_ticket to, const Rental__RentalRow *rental)
{
	Rental__LendReply reply = RENTAL__LEND_REPLY__INIT;

	reply.rental = (Rental__RentalRow *)rental;
	return gv_reply(t, to, &reply);
}

static int begin(struct powerbank *p, struct gv_turn *t, const Rental__LendRequest *r, const char **ret_id)
{
	Powerbank__EjectRow eject = POWERBANK__EJECT_ROW__INIT;
	const Powerbank__CabinetRow *row = cabinet_get(t, r->device);
	const Rental__Slot *slot;
	Rental__RentalRow *rental;
	uint64_t number;
	int error;

	eject.wanted = r->slot;
	slot = slots_pick(t, r->device, row, &eject);
	eject.slot = slot->id;
	eject.bank = slot->bank;
	eject.rental = gv_str(t, "%s/%06" PRIu64, r->device, row->ejects + 1);
	error = eject_begin(p, t, r->device, &eject, &number);
	if (error)
		return error;
	rental = rental_begin(t, eject.rental, r);
	rental->slot = slot->id;
	rental->bank = gv_strdup(t, slot->bank);
	*ret_id = eject.rental;
	return 0;
}

int lend_call(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *m)
{
	const Rental__LendRequest *r = (const void *)m;
	const Rental__RentalRow *known = rental_of_order(t, r->order);
	struct powerbank *p = self;
	const char *id;
	int error;

	if (known && strcmp(known->device, r->device) != 0)
		return gv_refuse(t, to, GV_ALREADY_EXISTS, "order %s is the rental %s, of another cabinet", r->order,
				 known->id);
	if (known)
		return answer(t, to, known);
	if (is_impossible(p, t, to, r->device, r->slot))
		return 0;
	error = begin(p, t, r, &id);
	if (error)
		return error;
	ejects_next(p, t, r->device);
	cabinet_tell(p, t, r->device);
	return answer(t, to, rental_get(t, id));
}
