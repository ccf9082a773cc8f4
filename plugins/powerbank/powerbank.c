/* powerbank: cabinets that lend power banks, over raw TCP. It knows slots and banks and no money: billing tells it to
 * lend, and hears what became of it. */
#include "powerbank.h"
#include "powerbank.schema.h"

#include <plugins/leases/leases.h>

#include <galvan/billing.pb-c.h>
#include <lib/message.h>

#include <string.h>

static int start(void *self, struct gv_turn *t, const void *config)
{
	struct powerbank *p = self;
	int error;

	if (gv_self(t)->instances != 1)
		return gv_fault(t, "powerbank runs as one instance, since a bank comes back at another cabinet than it "
				   "left: remove `instances` from its entry in the config file");
	p->config = gv_message_copy(config); /* what start is given dies with its turn */
	if (!p->config)
		return gv_fault(t, "no memory for the config");
	error = profiles_start(p, t);
	return error ? error : lines_start(p, t);
}

static void stop(void *self)
{
	struct powerbank *p = self;

	lines_stop(p);
	cabinets_stop(p);
	if (p->config)
		powerbank__config__free_unpacked(p->config, NULL);
	p->config = NULL;
}

static int on_timer(void *self, struct gv_turn *t, const char *name, const void *note)
{
	if (!strcmp(name, "sweep"))
		return lines_sweep(self, t);
	if (!strcmp(name, "resynced"))
		return cabinets_resynced(self, t);
	if (!strcmp(name, "forget"))
		return lines_forget(self, t);
	if (!strncmp(name, LEASES_TIMER, strlen(LEASES_TIMER)))
		return lease_due(self, t, name);
	if (!strncmp(name, "eject:", 6))
		return ejects_due(self, t, note);
	if (!strncmp(name, "audit:", 6))
		return inventory_audit_due(self, t, ((const Powerbank__AuditDue *)note)->device);
	if (!strncmp(name, "command:", 8))
		return commands_due(self, t, ((const Powerbank__CommandDue *)note)->device);
	return gv_fault(t, "no timer of this version is called \"%s\"", name);
}

static int enrolled(struct gv_turn *t, const struct gv_answer *a)
{
	const Powerbank__Enrolled *note = a->note;

	if (a->code != GV_OK)
		gv_log(t, GV_ERR, "cabinet could not be made known to the registry, do it by hand device=%s why=\"%s\"",
		       note->device, a->error);
	return 0;
}

static int on_answer(void *self, struct gv_turn *t, const struct gv_answer *answer)
{
	const ProtobufCMessage *note = answer->note;

	if (note && note->descriptor == &powerbank__borrow_asked__descriptor)
		return borrow_answered(self, t, answer);
	if (note && note->descriptor == &powerbank__enrolled__descriptor)
		return enrolled(t, answer);
	return gv_fault(t, "an answer of %s comes to nobody", answer->method);
}

static int on_open(void *self, struct gv_turn *t, const struct gv_conn *conn)
{
	return lines_open(self, t, conn);
}

static int on_frame(void *self, struct gv_turn *t, const struct gv_frame *frame)
{
	return reports_read(self, t, frame);
}

static int on_close(void *self, struct gv_turn *t, const struct gv_conn *conn, unsigned code, const char *reason)
{
	return lines_close(self, t, conn);
}

static int device_changed(struct powerbank *p, struct gv_turn *t, const Registry__DeviceChanged *e,
			  const struct gv_emitter *from)
{
	return cabinets_device_changed(p, t, e);
}
GV_ON_EVENT(device_changed, struct powerbank, Registry__DeviceChanged)

/* What was deleted meanwhile nobody tells of any more. */
static int on_resync(void *self, struct gv_turn *t, const char *emitter, bool first)
{
	return first || strncmp(emitter, "registry.", strlen("registry.")) != 0 ? 0 : cabinets_resync(self, t);
}

/* ---- the record ------------------------------------------------------------------------------ */

/* A subscriber that lost its place learns of the rentals that go on; of others it asks. */
static int snapshot_started(void *self, struct gv_turn *t)
{
	struct gv_scan scan = { .table = &pb_open };

	while (gv_next(t, &scan)) {
		const Rental__RentalRow *r = rental_get(t, scan.key.part[1].s);
		Rental__RentalStarted event = RENTAL__RENTAL_STARTED__INIT;

		if (!r || r->state != RENTAL__RENTAL_STATE__RENTAL_STATE_ACTIVE)
			continue;
		event.device = r->device;
		event.rental = (Rental__RentalRow *)r;
		event.event_id = incident_id(t, "started|%s", r->id);
		gv_emit(t, &event);
	}
	return 0;
}

static int snapshot_cabinets(void *self, struct gv_turn *t)
{
	struct gv_scan scan = { .table = &pb_cabinets };

	while (gv_next(t, &scan)) {
		Rental__CabinetChanged event = RENTAL__CABINET_CHANGED__INIT;

		if (!((const Powerbank__CabinetRow *)scan.row)->known)
			continue;
		event.device = (char *)scan.key.part[0].s;
		event.cabinet = cabinet_describe(self, t, event.device, scan.row);
		gv_emit(t, &event);
	}
	return 0;
}

static const struct gv_method rental_methods[] = {
	{ "Borrow", borrow_call },
	{ "GetRental", get_rental_call },
	{ "ListRentals", list_rentals_call },
	{ "EndRental", end_rental_call },
	{ "GetCabinet", get_cabinet_call },
	{ "ListCabinets", list_cabinets_call },
	{ "Eject", eject_call },
	{ "FreezeSlot", freeze_slot_call },
	{ "PauseCabinet", pause_cabinet_call },
	{ "Audit", audit_call },
	{ "ListBanks", list_banks_call },
	{ "PutBank", put_bank_call },
	{ "Command", command_call },
	{ 0 },
};
static const struct gv_method lending_methods[] = { { "Lend", lend_call }, { 0 } };

GV_PLUGIN = {
	GV_STAMP,
	.name = "powerbank",
	.version = "0.1.0",
	.summary = "Power-bank cabinets over raw TCP: slots, banks and rentals",
	.config = &powerbank__config__descriptor,
	.serves = GV_SERVES({ &rental__rental__descriptor, rental_methods },
			    { &rental__lending__descriptor, lending_methods },
			    { &update__updates__descriptor, leases_methods }),
	.hears = GV_HEARS({ &registry__device_changed__descriptor, device_changed_event }),
	.calls = GV_CALLS(&billing__billing__descriptor, &registry__registry__descriptor),
	.emits = GV_EMITS({ &rental__rental_started__descriptor, snapshot_started },
			  { &rental__rental_failed__descriptor, NULL }, { &rental__rental_ended__descriptor, NULL },
			  { &rental__cabinet_changed__descriptor, snapshot_cabinets },
			  { &rental__cabinet_incident__descriptor, NULL },
			  { &update__lease_changed__descriptor, lease_snapshot },
			  { &update__update_progressed__descriptor, NULL }),
	.tables = GV_TABLES(&pb_cabinets, &pb_conns, &pb_rests, &pb_banks, &pb_rentals, &pb_orders, &pb_open,
			    &pb_rental_times, &pb_ejects, &pb_returns, &pb_audits, &pb_commands, &leases_table),
	.notes = GV_NOTES(&powerbank__eject_due__descriptor, &powerbank__audit_due__descriptor,
			  &powerbank__command_due__descriptor, &powerbank__borrow_asked__descriptor,
			  &powerbank__enrolled__descriptor),
	.schema_set = GV_SCHEMA(powerbank),
	.schema = 1,
	.self_size = sizeof(struct powerbank),
	.start = start,
	.stop = stop,
	.on_answer = on_answer,
	.on_timer = on_timer,
	.on_open = on_open,
	.on_frame = on_frame,
	.on_close = on_close,
	.on_resync = on_resync,
};
