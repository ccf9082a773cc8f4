/* A cabinet that is out of service as a whole. Whether it lends or is updated is decided here, in the store that both
 * ask: a lend and a pause that race have exactly one winner. It still takes banks back, as long as it asks. */
#include "powerbank.h"

#include <plugins/leases/leases.h>

#include <string.h>

#define UPDATE "update" /* the freeze of rentals, too */

static bool is_reason(const char *why)
{
	return !*why || !strcmp(why, UPDATE) || !strcmp(why, "repair");
}

static void set(struct powerbank *p, struct gv_turn *t, const char *device, const char *why)
{
	Powerbank__CabinetRow *row = cabinet_edit(t, device);

	if (!strcmp(row->paused, why))
		return;
	if (!strcmp(row->paused, UPDATE))
		rentals_thaw(t, device, UPDATE);
	if (!strcmp(why, UPDATE))
		rentals_freeze(t, device, UPDATE, gv_now_ms(t));
	row->paused = gv_strdup(t, why);
	gv_log(t, GV_INFO, "cabinet is %s device=%s why=%s", *why ? "out of service" : "back in service", device, why);
	cabinet_tell(p, t, device);
}

int pause_cabinet_call(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *m)
{
	const Rental__PauseCabinetRequest *r = (const void *)m;
	const Powerbank__CabinetRow *row = cabinet_get(t, r->device);
	Rental__PauseCabinetReply reply = RENTAL__PAUSE_CABINET_REPLY__INIT;

	if (!row || !row->known)
		return gv_refuse(t, to, GV_NOT_FOUND, "no cabinet %s is known", r->device);
	if (!is_reason(r->why))
		return gv_refuse(t, to, GV_INVALID_ARGUMENT,
				 "why must be update or repair, or empty to resume; is \"%.20s\"", r->why);
	if (lease_of(t, r->device))
		return gv_refuse(t, to, GV_FAILED_PRECONDITION, "%s is being updated (%s): pause or abort its campaign",
				 r->device, lease_of(t, r->device)->why);
	if (*r->why && !*row->paused && ejects_waiting(t, r->device))
		return gv_refuse(t, to, GV_FAILED_PRECONDITION, "a bank is coming out of %s: try again in a moment",
				 r->device);
	set(self, t, r->device, r->why);
	reply.cabinet = cabinet_describe(self, t, r->device, cabinet_get(t, r->device));
	return gv_reply(t, to, &reply);
}

/* ---- updates --------------------------------------------------------------------------------- */

static bool takes_a_bank(struct gv_turn *t, const char *device)
{
	struct gv_scan scan = { .table = &pb_returns, .prefix = gv_key(device) };

	return gv_next(t, &scan);
}

static Update__Hindrance hindrance(void *self, struct gv_turn *t, const char *device, int64_t until_ms,
				   const char **ret_detail, int64_t *ret_free_ms)
{
	const Powerbank__CabinetRow *row = cabinet_get(t, device);

	if (!row || !row->known) {
		*ret_detail = "no such cabinet is known";
		return UPDATE__HINDRANCE__HINDRANCE_UNKNOWN;
	}
	if (*row->paused) {
		*ret_detail = gv_str(t, "people have taken it out of service: %s", row->paused);
		return UPDATE__HINDRANCE__HINDRANCE_REPAIR;
	}
	if (ejects_waiting(t, device) || takes_a_bank(t, device)) {
		*ret_detail = "a bank is coming out or going in";
		return UPDATE__HINDRANCE__HINDRANCE_EJECT;
	}
	if (cabinet_line(self, device))
		return UPDATE__HINDRANCE__HINDRANCE_NONE;
	*ret_detail = "it is offline";
	return UPDATE__HINDRANCE__HINDRANCE_OFFLINE;
}

/* The clocks of what it lent stand while it is updated, as its banks cannot be given back to it. */
static int leased(void *self, struct gv_turn *t, const char *device, bool is)
{
	set(self, t, device, is ? UPDATE : "");
	return 0;
}

const struct leases_device leases_device = { .hindrance = hindrance, .changed = leased };
