/* Security events: what chargers report (SecurityEventNotification), what link refused, what went wrong with
 * certificates and passwords. People look at them when something has happened, so the newest of each charger are kept,
 * however many another one makes. */
#include "security.h"

#include <string.h>

#define KEPT_PER_DEVICE 200u
#define LIST_DEFAULT 100u
#define LIST_MAX 1000u
#define NUMBERS_PER_MS 4096u /* numbers are times, so that pages of several instances fit together */

const struct gv_table ocpp_security_events = { .name = "security_events",
					       .key = "u",
					       .value = &ocpp__security_event__descriptor };
const struct gv_table ocpp_security_by_device = { .name = "security_by_device",
						  .key = "su",
						  .value = &ocpp__security_event_ref__descriptor };

/* Of 1.6 (security whitepaper, table 5) and 2.0.1 (appendix 1): those that a charger must tell at once. */
static bool is_critical(const char *type)
{
	static const char *const critical[] = {
		"FirmwareUpdated",        "SettingSystemTime",        "StartupOfTheDevice",
		"ResetOrReboot",          "SecurityLogWasCleared",    "MemoryExhaustion",
		"InvalidCsmsCertificate", "TamperDetectionActivated", "InvalidChargingStationCertificate",
		"InvalidTLSVersion",      "InvalidTLSCipherSuite",    "MaintenanceLoginAccepted",
		"MaintenanceLoginFailed",
	};

	for (size_t i = 0; i < sizeof critical / sizeof critical[0]; i++)
		if (!strcmp(critical[i], type))
			return true;
	return false;
}

static void forget_oldest(struct gv_turn *t, const char *device)
{
	struct gv_scan scan = { .table = &ocpp_security_by_device, .prefix = gv_key(device), .reverse = true };
	unsigned n = 0;

	while (gv_next(t, &scan)) {
		if (++n < KEPT_PER_DEVICE)
			continue;
		gv_delete(t, &ocpp_security_events, gv_key(scan.key.part[1].u));
		gv_delete(t, &ocpp_security_by_device, scan.key);
	}
}

int security_keep(struct ocpp *o, struct gv_turn *t, Ocpp__SecurityEvent *e)
{
	Ocpp__SecurityEventRef ref = OCPP__SECURITY_EVENT_REF__INIT;
	uint64_t now = (uint64_t)gv_now_ms(t) * NUMBERS_PER_MS;

	forget_oldest(t, e->device);
	e->number = o->last_security_event < now ? now : o->last_security_event + 1;
	o->last_security_event = e->number;
	e->received_at_ms = gv_now_ms(t);
	e->critical = is_critical(e->type);
	gv_count(t, "security_events", 1);
	gv_put(t, &ocpp_security_by_device, gv_key(e->device, e->number), &ref);
	return gv_put(t, &ocpp_security_events, gv_key(e->number), e);
}

int security_note(struct ocpp *o, struct gv_turn *t, const char *device, const char *type, const char *detail)
{
	Ocpp__SecurityEvent e = OCPP__SECURITY_EVENT__INIT;

	gv_log(t, GV_WARN, "security event device=%s type=%s detail=\"%s\"", device, type, detail);
	e.device = (char *)device;
	e.source = "cloud";
	e.type = (char *)type;
	e.detail = (char *)detail;
	e.time_ms = gv_now_ms(t);
	return security_keep(o, t, &e);
}

/* What names no device of this plugin is kept by its first instance. */
static bool is_ours(struct gv_turn *t, const char *device)
{
	const struct gv_self *self = gv_self(t);
	size_t size = strlen(self->plugin);

	if (!device[0])
		return self->instance == 0;
	return strncmp(device, self->plugin, size) == 0 && device[size] == ':' && gv_owns(t, device);
}

int security_refused(struct ocpp *o, struct gv_turn *t, const Link__HandshakeRefused *e, const struct gv_emitter *from)
{
	Ocpp__SecurityEvent row = OCPP__SECURITY_EVENT__INIT;

	if (!is_ours(t, e->device))
		return 0;
	row.device = e->device;
	row.source = "link";
	row.type = e->reason;
	row.detail = e->detail;
	row.time_ms = e->time_ms;
	row.peer = e->peer;
	row.subject = e->subject;
	row.more = e->more;
	return security_keep(o, t, &row);
}

void security_restore(struct ocpp *o, struct gv_turn *t)
{
	struct gv_scan scan = { .table = &ocpp_security_events, .reverse = true };

	o->last_security_event = gv_next(t, &scan) ? scan.key.part[0].u : 0;
}

/* ---- the list -------------------------------------------------------------------------------- */

static void list(struct gv_turn *t, const Ocpp__ListSecurityEventsRequest *r, size_t limit,
		 Ocpp__ListSecurityEventsReply *reply)
{
	struct gv_scan scan = { .table = &ocpp_security_events, .reverse = true };
	const Ocpp__SecurityEvent *e;

	if (r->device[0]) {
		scan.table = &ocpp_security_by_device;
		scan.prefix = gv_key(r->device);
	}
	if (r->before)
		scan.after = r->device[0] ? gv_key(r->device, r->before) : gv_key(r->before);
	while (reply->n_events < limit && gv_next(t, &scan)) {
		e = r->device[0] ? gv_get(t, &ocpp_security_events, gv_key(scan.key.part[1].u)) : scan.row;
		if (e)
			*GV_APPEND(t, reply->events, reply->n_events) = (Ocpp__SecurityEvent *)e;
	}
	if (reply->n_events == limit)
		reply->next_before = reply->events[limit - 1]->number;
}

int list_security_events(void *self, struct gv_turn *t, struct gv_ticket ticket, const ProtobufCMessage *m)
{
	const Ocpp__ListSecurityEventsRequest *r = (const Ocpp__ListSecurityEventsRequest *)m;
	Ocpp__ListSecurityEventsReply reply = OCPP__LIST_SECURITY_EVENTS_REPLY__INIT;

	if (r->limit > LIST_MAX)
		return gv_refuse(t, ticket, GV_INVALID_ARGUMENT, "limit must be at most %u", LIST_MAX);
	list(t, r, r->limit ? r->limit : LIST_DEFAULT, &reply);
	return gv_reply(t, ticket, &reply);
}
