/* A device that the registry knows and nobody has put into service yet: its attribute `registration` is "pending". Its
 * charger is Pending (1.6, 4.2; 2.0.1, B02): it may be asked and configured, says only what it was asked for, and
 * begins no sessions. It boots again by and by; when the attribute goes it is asked to, so that it need not wait. */
#include "registration.h"

#include "known.h"

#include <plugins/ocpp/edge/edge.h>

#include <string.h>

#define ASKED_MS 60000 /* in which what was asked for may come */

static bool is_pending(struct gv_turn *t, const char *device)
{
	const Ocpp__KnownDevice *known = known_find(t, device);

	return known && known->pending;
}

void registration_opened(struct gv_turn *t, struct station *st)
{
	st->pending = is_pending(t, st->device);
	st->asked_ms = 0;
}

/* It learns of it by a boot. One that cannot be asked for one boots when it has waited. */
static int ask_to_boot(struct ocpp *o, struct gv_turn *t, struct station *st)
{
	struct command c = { .kind = OCPP__COMMAND__KIND__QUIET };

	if (!st->edge->orders->trigger || !command_fits(t, st->device) || profile_asks_nothing(t, st) ||
	    st->edge->orders->trigger(t, TRIGGER_BOOT, 0, &c))
		return 0;
	return command_send(o, t, (struct gv_ticket){ 0 }, st->device, &c);
}

int registration_changed(struct ocpp *o, struct gv_turn *t, const char *device)
{
	struct station *st = station_find(o, device);
	bool pending = is_pending(t, device);

	if (!st || st->pending == pending)
		return 0;
	st->pending = pending;
	gv_log(t, GV_INFO, "charger is %s device=%s", pending ? "pending: it waits to be put into service" : "accepted",
	       device);
	return ask_to_boot(o, t, st);
}

const char *registration_status(const struct station *st)
{
	return st->pending ? "Pending" : "Accepted";
}

uint32_t registration_interval_s(const struct ocpp *o, const struct station *st)
{
	return st->pending ? o->pending_retry_s : o->heartbeat_s;
}

void registration_asked(struct gv_turn *t, struct station *st, const Ocpp__Command *row,
			const struct spec_action *action)
{
	/* A boot, which is what galvan asks for by itself, may come in any case. */
	if (action && action->traits & SPEC_ASKS_BACK && row->kind != OCPP__COMMAND__KIND__QUIET)
		st->asked_ms = gv_now_ms(t);
}

/* A session that began when it was accepted goes on and ends: its energy is nobody's else. */
static bool is_of_a_session(struct gv_turn *t, const struct station *st, const struct spec_action *action)
{
	struct gv_scan scan = { .table = &ocpp_active, .prefix = gv_key(st->device) };

	return action->traits & SPEC_METERED && !(action->traits & SPEC_BEGINS) && gv_next(t, &scan);
}

bool registration_keeps_out(struct gv_turn *t, const struct station *st, const struct spec_action *action,
			    const char **ret_why)
{
	bool asked = st->asked_ms && gv_now_ms(t) - st->asked_ms <= ASKED_MS;

	if (!st->pending || action->traits & SPEC_BOOT || is_of_a_session(t, st, action) ||
	    (asked && !(action->traits & SPEC_BEGINS)))
		return false;
	gv_count(t, "calls_while_pending", 1);
	*ret_why = "the charger is pending: it may send BootNotification, and what it was asked for";
	return true;
}

bool registration_refuses(struct ocpp *o, struct gv_turn *t, struct gv_ticket ticket, const char *device)
{
	const struct station *st = station_find(o, device);

	if (!st || !st->pending)
		return false;
	gv_refuse(t, ticket, GV_FAILED_PRECONDITION,
		  "%s is pending, and begins and ends no sessions: put it into service by taking its attribute "
		  "registration away (PutDevice with \"registration\":\"\")",
		  device);
	return true;
}
