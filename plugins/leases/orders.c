/* Updates that are handed to devices: one at a time of a device, under its lease. */
#include "leases.h"

#include <string.h>

const Update__Order *order_of(struct gv_turn *t, const char *device)
{
	const Update__LeaseRow *row = gv_get(t, &leases_table, gv_key(device));

	return row ? row->order : NULL;
}

/* ---- Install --------------------------------------------------------------------------------- */

static int reply(struct gv_turn *t, struct gv_ticket ticket, bool accepted, const char *detail)
{
	Update__InstallReply said = UPDATE__INSTALL_REPLY__INIT;

	said.accepted = accepted;
	said.detail = (char *)detail;
	return gv_reply(t, ticket, &said);
}

/* What was asked before is not asked again; true: the ticket has been answered. */
static bool known(struct gv_turn *t, struct gv_ticket ticket, const Update__Order *order, const char *id)
{
	if (!order || strcmp(order->request->id, id) != 0 || order->state == UPDATE__ORDER__STATE__UNSURE ||
	    order->state == UPDATE__ORDER__STATE__DROPPED)
		return false;
	if (order->state == UPDATE__ORDER__STATE__ASKED)
		gv_refuse(t, ticket, GV_ABORTED, "update %s is being handed over: its first call is answered", id);
	else
		reply(t, ticket, order->state == UPDATE__ORDER__STATE__ACCEPTED, order->detail);
	return true;
}

/* The row's order from now on, which the device does not know yet. */
static Update__Order *write_order(struct gv_turn *t, const Update__InstallRequest *r)
{
	Update__LeaseRow *row = gv_edit(t, &leases_table, gv_key(r->device));
	uint64_t last = row->order ? row->order->number : 0;

	if (!row->order || strcmp(row->order->request->id, r->id) != 0) {
		row->order = gv_alloc(t, sizeof *row->order);
		update__order__init(row->order);
		row->order->number = last + 1;
		row->progress = NULL;
	}
	row->order->request = (Update__InstallRequest *)r;
	row->order->state = UPDATE__ORDER__STATE__ASKED;
	row->order->detail = "";
	return row->order;
}

static int install(void *self, struct gv_turn *t, struct gv_ticket ticket, const Update__InstallRequest *r)
{
	const Update__Lease *lease = lease_of(t, r->device);

	if (!leases_device.install)
		return gv_refuse(t, ticket, GV_UNIMPLEMENTED, "%s takes no updates", r->device);
	if (known(t, ticket, order_of(t, r->device), r->id))
		return 0;
	if (!lease || strcmp(lease->id, r->lease) != 0)
		return gv_refuse(t, ticket, GV_FAILED_PRECONDITION, "lease %s of %s does not stand", r->lease,
				 r->device);
	return leases_device.install(self, t, ticket, write_order(t, r));
}
GV_ON_CALL(install, void, Update__InstallRequest)

int order_install(void *self, struct gv_turn *t, struct gv_ticket ticket, const ProtobufCMessage *m)
{
	return install_call(self, t, ticket, m);
}

void order_dropped(struct gv_turn *t, const char *device)
{
	Update__LeaseRow *row = gv_edit(t, &leases_table, gv_key(device));

	row->order->state = UPDATE__ORDER__STATE__DROPPED;
}

int order_answered(struct gv_turn *t, struct gv_ticket ticket, const char *device, uint64_t number,
		   Update__Order__State state, const char *detail)
{
	const Update__Order *order = order_of(t, device);

	if (order && order->number == number) {
		Update__LeaseRow *row = gv_edit(t, &leases_table, gv_key(device));

		row->order->state = state;
		row->order->detail = (char *)detail;
	}
	if (state == UPDATE__ORDER__STATE__UNSURE)
		return gv_refuse(t, ticket, GV_UNKNOWN, "whether %s has heard of the update is not known: %s", device,
				 detail);
	return reply(t, ticket, state == UPDATE__ORDER__STATE__ACCEPTED, detail);
}

/* ---- CancelInstall --------------------------------------------------------------------------- */

int order_cancelled(struct gv_turn *t, struct gv_ticket ticket, const char *device, bool cancelled, const char *detail)
{
	Update__CancelInstallReply said = UPDATE__CANCEL_INSTALL_REPLY__INIT;

	said.cancelled = cancelled;
	said.detail = (char *)detail;
	if (cancelled)
		order_progress(t, device,
			       &(struct order_step){ .step = UPDATE__STEP__STEP_CANCELLED, .detail = detail });
	return gv_reply(t, ticket, &said);
}

static int cancel(void *self, struct gv_turn *t, struct gv_ticket ticket, const Update__CancelInstallRequest *r)
{
	const Update__Order *order = order_of(t, r->device);

	if (!order || strcmp(order->request->id, r->id) != 0 || order->state == UPDATE__ORDER__STATE__DROPPED)
		return gv_refuse(t, ticket, GV_NOT_FOUND, "no update %s was handed to %s", r->id, r->device);
	if (!leases_device.cancel)
		return order_cancelled(t, ticket, r->device, false, "its protocol has no way to take an update back");
	return leases_device.cancel(self, t, ticket, order);
}
GV_ON_CALL(cancel, void, Update__CancelInstallRequest)

int order_cancel(void *self, struct gv_turn *t, struct gv_ticket ticket, const ProtobufCMessage *m)
{
	return cancel_call(self, t, ticket, m);
}

/* ---- progress -------------------------------------------------------------------------------- */

int order_progress(struct gv_turn *t, const char *device, const struct order_step *s)
{
	const Update__LeaseRow *known = gv_get(t, &leases_table, gv_key(device));
	Update__UpdateProgressed event = UPDATE__UPDATE_PROGRESSED__INIT;
	Update__LeaseRow *row;
	bool ours = known && known->order && known->order->state != UPDATE__ORDER__STATE__DROPPED &&
		    (!s->number || known->order->number == s->number);
	const char *id = ours ? known->order->request->id : "";

	if (known && known->progress && known->progress->step == s->step && !strcmp(known->progress->id, id) &&
	    known->progress->percent == s->percent)
		return 0;
	row = gv_edit(t, &leases_table, gv_key(device));
	row->progress = gv_alloc(t, sizeof *row->progress);
	update__progress__init(row->progress);
	row->progress->id = (char *)id;
	row->progress->step = s->step;
	row->progress->detail = (char *)s->detail;
	row->progress->percent = s->percent;
	row->progress->at_ms = gv_now_ms(t);
	event.device = (char *)device;
	event.progress = row->progress;
	return gv_emit(t, &event);
}
