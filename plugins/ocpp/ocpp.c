/* ocpp: the central system of OCPP. The plugin's record, and where what comes in goes. */
#include "ocpp.h"
#include "contracts/contracts.h"
#include "device/device.h"
#include "edge/edge.h"
#include "files/files.h"
#include "sessions/costs.h"
#include "limits/limits.h"
#include "lists/lists.h"
#include "lists/reservations.h"
#include "ocpp.schema.h"
#include "stations/certificates.h"
#include "stations/command_log.h"
#include "stations/forget.h"
#include "stations/known.h"
#include "stations/passwords.h"
#include "stations/registration.h"
#include "stations/reports.h"
#include "stations/security.h"
#include "stations/soap_station.h"
#include "updates/updates.h"

#include <galvan/link.pb-c.h>

#include <cjson/cJSON.h>
#include <errno.h>
#include <inttypes.h>
#include <lib/websocket.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- connections and timers ------------------------------------------------------------------ */

static int on_frame(void *self, struct gv_turn *t, const struct gv_frame *f)
{
	struct ocpp *o = self;
	struct station *st;
	int error = 0;

	if (files_is_request(f))
		return files_request(o, t, f);
	if (f->kind == GV_REQUEST)
		return soap_request(o, t, f);
	st = station_find(o, f->conn->device);
	if (!st && forget_ignores(t, f->conn->device))
		return 0;
	if (!st)
		error = station_open(o, t, f->conn, &st);
	if (error)
		return error;
	st->last_ms = gv_now_ms(t);
	if (f->kind != GV_TEXT) {
		gv_log(t, GV_WARN, "connection is closed: OCPP-J has text frames only");
		return gv_disconnect(t, f->conn->id, 1003, "OCPP-J has text frames only");
	}
	return f->size ? frames_text(o, t, f, st) : 0; /* some chargers keep the line open with empty frames */
}

int ocpp_opened(struct ocpp *o, struct gv_turn *t, struct station *st, bool again)
{
	int error = commands_opened(o, t, st, again);

	if (!error && !again)
		error = boot_expect(t, st);
	if (!error)
		error = limits_opened(o, t, st);
	if (!error)
		error = reservations_opened(o, t, st);
	if (!error)
		error = certificate_opened(o, t, st);
	if (!error)
		error = costs_opened(o, t, st);
	return error ? error : fleet_opened(o, t, st);
}

static int on_open(void *self, struct gv_turn *t, const struct gv_conn *conn)
{
	struct ocpp *o = self;
	struct station *st;
	int error;

	if (!strcmp(conn->listener, SOAP_LISTENER))
		return 0;
	if (conn->again && forget_ignores(t, conn->device))
		return 0;
	error = forget_created(o, t, conn->device);
	if (!error)
		error = station_open(o, t, conn, &st);
	if (!error)
		error = soap_left(t, st->device);
	return error ? error : ocpp_opened(o, t, st, conn->again);
}

int ocpp_closed(struct ocpp *o, struct gv_turn *t, const char *device, uint64_t conn)
{
	struct station *st = station_find(o, device);

	if (st && st->conn == conn) {
		fleet_busy(o, st, false);
		sync_closed(t, st->device);
		pack_write(o, t, st);
		station_close(o, st);
		st = NULL;
	}
	return commands_closed(o, t, device, conn, st);
}

static int on_close(void *self, struct gv_turn *t, const struct gv_conn *conn, unsigned code, const char *reason)
{
	struct station *st = station_find(self, conn->device);

	if (!strcmp(conn->listener, SOAP_LISTENER))
		return 0;
	if (st && st->conn == conn->id && !strcmp(reason, GV_WS_COMPRESSED_UNASKED))
		station_quirks(self, t, st, QUIRK_BIT(QUIRK_COMPRESSED_UNASKED));
	return ocpp_closed(self, t, conn->device, conn->id);
}

static int on_timer(void *self, struct gv_turn *t, const char *name, const void *note)
{
	if (!strncmp(name, SOAP_TIMER, strlen(SOAP_TIMER)))
		return soap_due(self, t, name);
	if (!strncmp(name, LEASES_TIMER, strlen(LEASES_TIMER)))
		return lease_due(self, t, name);
	if (!strncmp(name, UPDATES_TIMER, strlen(UPDATES_TIMER)))
		return settings_due(t, name + strlen(UPDATES_TIMER));
	if (!strcmp(name, RETENTION_TIMER))
		return retention_due(self, t);
	if (!strcmp(name, LISTED_TIMER))
		return listed_walk_on(self, t);
	if (!strcmp(name, FLEET_TIMER))
		return fleet_run(self, t);
	if (!strcmp(name, RESERVATIONS_TIMER))
		return reservations_due(t);
	if (!strcmp(name, PACKS_TIMER))
		return packs_due(self, t);
	if (!strcmp(name, COMMAND_LOG_TIMER))
		return command_log_purge(self, t);
	if (!strcmp(name, REQUESTS_TIMER))
		return requests_due(self, t);
	if (!strcmp(name, STUCK_TIMER))
		return stuck_due(self, t);
	if (!strcmp(name, SILENT_TIMER))
		return silent_due(self, t);
	if (!strncmp(name, FORGET_TIMER, strlen(FORGET_TIMER)))
		return forget_due(self, t, name + strlen(FORGET_TIMER));
	if (!strncmp(name, HOARD_TIMER, strlen(HOARD_TIMER)))
		return hoard_due(self, t, name + strlen(HOARD_TIMER));
	if (!strncmp(name, REPORT_TIMER, strlen(REPORT_TIMER)))
		return report_due(t, name);
	if (!strncmp(name, MODEL_TIMER, strlen(MODEL_TIMER)))
		return model_due(self, t, name + strlen(MODEL_TIMER));
	if (!strncmp(name, COST_TIMER, strlen(COST_TIMER)))
		return costs_due(self, t, name);
	if (!strncmp(name, CAR_TIMER, strlen(CAR_TIMER)))
		return car_due(self, t, name + strlen(CAR_TIMER));
	if (!strncmp(name, BOOT_TIMER, strlen(BOOT_TIMER)))
		return boot_due(self, t, name + strlen(BOOT_TIMER));
	return strcmp(name, MESSAGES_TIMER) ? commands_due(self, t) : message_purge(self, t);
}

/* ---- what registry and billing say ----------------------------------------------------------- */

static int device_changed(struct ocpp *o, struct gv_turn *t, const Registry__DeviceChanged *e,
			  const struct gv_emitter *from)
{
	const char *plugin = gv_self(t)->plugin;
	size_t size = strlen(plugin);

	if (strncmp(e->id, plugin, size) != 0 || e->id[size] != ':')
		return 0;
	known_changed(t, e, from);
	if (!gv_owns(t, e->id))
		return 0;
	if (e->deleted || !e->device)
		return forget_deleted(o, t, e->id);
	forget_created(o, t, e->id);
	station_set_place(o, t, e->id, e->device->site, e->time_zone);
	registration_changed(o, t, e->id);
	return sync_device(o, t, e);
}
GV_ON_EVENT(device_changed, struct ocpp, Registry__DeviceChanged)

static int token_changed(struct ocpp *o, struct gv_turn *t, const Billing__TokenChanged *e,
			 const struct gv_emitter *from)
{
	authorize_told(t, e, from);
	return listed_refresh(o, t, model_fold(t, e->token));
}
GV_ON_EVENT(token_changed, struct ocpp, Billing__TokenChanged)

static int session_priced(struct ocpp *o, struct gv_turn *t, const Billing__SessionPriced *e,
			  const struct gv_emitter *from)
{
	return gv_owns(t, e->device) ? costs_priced(o, t, e) : 0;
}
GV_ON_EVENT(session_priced, struct ocpp, Billing__SessionPriced)
GV_ON_EVENT(security_refused, struct ocpp, Link__HandshakeRefused)
GV_ON_EVENT(authority_changed, struct ocpp, Pki__AuthorityChanged)
GV_ON_EVENT(renewal_due, struct ocpp, Pki__RenewalDue)

static int on_answer(void *self, struct gv_turn *t, const struct gv_answer *answer)
{
	const ProtobufCMessage *note = answer->note;

	if (note && note->descriptor == &ocpp__settings_asked__descriptor)
		return settings_answered(t, answer->note, answer);
	if (note && note->descriptor == &ocpp__signing__descriptor)
		return certificate_answered(self, t, answer, answer->note);
	if (note && note->descriptor == &ocpp__ocsp_asked__descriptor)
		return contract_answered(self, t, (Ocpp__OcspAsked *)answer->note, answer);
	if (note && note->descriptor == &ocpp__pool_asked__descriptor)
		return pool_answered(self, t, answer->note, answer);
	if (note && note->descriptor == &ocpp__v2g_asked__descriptor)
		return v2g_answered(self, t, answer->note, answer);
	if (note && note->descriptor == &ocpp__rotation__descriptor)
		return password_answered(self, t, answer, answer->note);
	if (note && note->descriptor == &ocpp__file_forward__descriptor)
		return files_forwarded(t, answer->note, answer);
	if (note && note->descriptor == &ocpp__soap_call__descriptor)
		return soap_answered(self, t, answer->note, answer);
	if (note && note->descriptor == &ocpp__soap_forward__descriptor)
		return soap_forward_answered(t, answer->note, answer);
	return 0;
}

static int on_resync(void *self, struct gv_turn *t, const char *emitter, bool first)
{
	known_forget(t, emitter);
	authorize_forget(t, emitter);
	return listed_walk(self, t);
}

/* ---- start and stop -------------------------------------------------------------------------- */

static uint64_t last(struct gv_turn *t, const struct gv_table *table)
{
	struct gv_scan scan = { .table = table, .reverse = true };

	return gv_next(t, &scan) ? scan.key.part[0].u : 0;
}

/* Counters go on behind the last row: nothing else has to be written to remember them. Instances share the ids of
 * transactions among themselves. */
static void restore_counters(struct ocpp *o, struct gv_turn *t)
{
	const struct gv_self *self = gv_self(t);
	uint64_t newest = last(t, &ocpp_transactions);

	o->transaction_step = self->instances;
	o->next_transaction = newest - newest % self->instances + self->instance + 1;
	while (o->next_transaction <= newest)
		o->next_transaction += self->instances;
	o->next_sample = last(t, &ocpp_samples) + 1;
	o->next_command = (uint64_t)gv_now_ms(t); /* numbers are not used again when their rows are gone */
	snprintf(o->epoch, sizeof o->epoch, "%016" PRIx64, gv_random(t));
}

static int listen_for(struct gv_turn *t, const Ocpp__Config *c)
{
	Link__Listener l = LINK__LISTENER__INIT;
	const char *plugin = gv_self(t)->plugin;

	l.name = "ocpp-j";
	l.kind = LINK__LISTENER__KIND__WEBSOCKET;
	l.path = "/ocpp/";
	for (const struct edge *const *e = edges; *e; e++)
		*GV_APPEND(t, l.subprotocols, l.n_subprotocols) = (char *)(*e)->spec->subprotocol;
	l.identity = LINK__LISTENER__IDENTITY__LAST_SEGMENT;
	l.device_prefix = gv_str(t, "%s:", plugin);
	l.unknown = strcmp(c->unknown_station, "accept") ? LINK__LISTENER__UNKNOWN__REFUSE
							 : LINK__LISTENER__UNKNOWN__ACCEPT;
	l.default_subprotocol = (char *)edge_assumed->spec->subprotocol;
	l.max_frame_bytes = OCPP_FRAME_MAX;
	l.ping_s = c->ping_s;
	l.one_per_device = true;
	l.compression = strcmp(c->compression, "off") != 0;
	return gv_listen(t, &l);
}

static int start(void *self, struct gv_turn *t, const void *config)
{
	struct ocpp *o = self;
	int error;

	error = config_take(o, t, config);
	if (error)
		return error;
	restore_counters(o, t);
	security_restore(o, t);
	error = commands_restore(o, t);
	if (!error)
		error = limits_restore(o, t);
	if (!error)
		error = retention_start(o, t);
	if (!error)
		error = message_start(o, t);
	if (!error)
		error = command_log_start(o, t);
	if (!error)
		error = listed_start(o, t);
	if (!error)
		error = stuck_start(o, t);
	if (!error)
		error = soap_restore(o, t);
	if (!error)
		error = listen_for(t, config);
	if (!error)
		error = soap_listen(t);
	return error ? error : files_listen(t, config);
}

static int finish(void *self, struct gv_turn *t)
{
	return packs_finish(self, t);
}

static void stop(void *self)
{
	struct ocpp *o = self;

	station_close_all(o);
	config_free(o);
	messages_fini(&o->messages);
	lists_destroy(o->lists);
	gv_zones_fini(&o->zones);
	gv_buf_fini(&o->out);
}

/* ---- the record ------------------------------------------------------------------------------ */

/* A subscriber that lost its place learns of what runs now; what has ended it asks for. */
static int snapshot_started(void *self, struct gv_turn *t)
{
	struct gv_scan scan = { .table = &ocpp_active };

	while (gv_next(t, &scan)) {
		Charging__SessionStarted event = CHARGING__SESSION_STARTED__INIT;

		if (!transaction_is_told(scan.row))
			continue;
		event.device = (char *)scan.key.part[0].s;
		event.session = model_session(t, event.device, transaction_now(t, event.device, scan.row), true);
		event.session->shows_cost = costs_shows(t, event.device, scan.row);
		gv_emit(t, &event);
	}
	return 0;
}

static int snapshot_connectors(void *self, struct gv_turn *t)
{
	struct gv_scan scan = { .table = &ocpp_connectors };

	while (gv_next(t, &scan)) {
		Charging__ConnectorStatusChanged event = CHARGING__CONNECTOR_STATUS_CHANGED__INIT;

		event.device = (char *)scan.key.part[0].s;
		event.status = model_connector(t, event.device, (uint32_t)scan.key.part[1].u, scan.row,
					       station_find(self, event.device) != NULL);
		gv_emit(t, &event);
	}
	return 0;
}

static const struct gv_hears hears[] = {
	{ &registry__device_changed__descriptor, device_changed_event },
	{ &billing__token_changed__descriptor, token_changed_event },
	{ &billing__session_priced__descriptor, session_priced_event },
	{ &link__handshake_refused__descriptor, security_refused_event },
	{ &pki__authority_changed__descriptor, authority_changed_event },
	{ &pki__renewal_due__descriptor, renewal_due_event },
	{ 0 },
};
static const struct gv_emits emits[] = {
	{ &charging__session_started__descriptor, snapshot_started },
	{ &charging__session_metered__descriptor, NULL },
	{ &charging__session_shows_cost__descriptor, NULL },
	{ &charging__session_ended__descriptor, NULL },
	{ &charging__connector_status_changed__descriptor, snapshot_connectors },
	{ &charging__reservation_changed__descriptor, reservations_snapshot },
	{ &charging__vehicle_needs_changed__descriptor, NULL },
	{ &ocpp__station_booted__descriptor, NULL },
	{ &ocpp__station_presence_changed__descriptor, NULL },
	{ &ocpp__station_notified__descriptor, NULL },
	{ &ocpp__data_transferred__descriptor, NULL },
	{ &ocpp__file_uploaded__descriptor, NULL },
	{ &ocpp__command_answered_late__descriptor, NULL },
	{ &charging__diagnostics_uploaded__descriptor, NULL },
	{ &ocpp__station_alerted__descriptor, NULL },
	{ &update__lease_changed__descriptor, lease_snapshot },
	{ &update__update_progressed__descriptor, NULL },
	{ &update__device_identified__descriptor, lease_snapshot_identities },
	{ 0 },
};
static const struct gv_table *const tables[] = {
	&ocpp_active,
	&ocpp_progress,
	&ocpp_history,
	&ocpp_transactions,
	&ocpp_starts,
	&ocpp_samples,
	&ocpp_days,
	&ocpp_readings,
	&ocpp_connectors,
	&ocpp_stations,
	&ocpp_commands,
	&ocpp_command_log,
	&ocpp_requests,
	&ocpp_usage,
	&ocpp_forgotten,
	&ocpp_orphans,
	&ocpp_tokens,
	&ocpp_running,
	&ocpp_messages,
	&ocpp_packs,
	&ocpp_profiles,
	&ocpp_abilities,
	&ocpp_limits,
	&ocpp_cars,
	&ocpp_closings,
	&ocpp_security_events,
	&ocpp_security_by_device,
	&ocpp_authorities,
	&ocpp_undelivered,
	&ocpp_listed,
	&ocpp_list_changes,
	&ocpp_device_lists,
	&ocpp_counters,
	&ocpp_reservations,
	&ocpp_reservation_ends,
	&ocpp_stuck,
	&ocpp_transfers,
	&ocpp_transfer_tokens,
	&ocpp_soap,
	&ocpp_devices,
	&ocpp_variables,
	&ocpp_models,
	&ocpp_reports,
	&ocpp_report_parts,
	&ocpp_monitors,
	&ocpp_device_events,
	&ocpp_device_event_digests,
	&ocpp_displays,
	&ocpp_costs,
	&ocpp_ocsp,
	&ocpp_ocsp_ends,
	&leases_table,
	&ocpp_settings,
	NULL,
};

GV_PLUGIN = {
	GV_STAMP,
	.name = "ocpp",
	.version = "0.1.0",
	.summary = "OCPP 1.5, 1.6 and 2.0.1 central system: chargers, their sessions and their meters",
	.config = &ocpp__config__descriptor,
	.serves = ocpp_services,
	.hears = hears,
	.emits = emits,
	.calls = GV_CALLS(&ocpp__ocpp__descriptor, &charging__charging__descriptor, &link__http__descriptor,
			  &pki__pki__descriptor, &registry__registry__descriptor),
	.notes = GV_NOTES(&ocpp__settings_asked__descriptor, &ocpp__file_forward__descriptor,
			  &ocpp__signing__descriptor, &ocpp__rotation__descriptor, &ocpp__soap_call__descriptor,
			  &ocpp__soap_forward__descriptor, &ocpp__ocsp_asked__descriptor, &ocpp__pool_asked__descriptor,
			  &ocpp__v2g_asked__descriptor),
	.listens = GV_LISTENS("/ocpp/", "/ocpp/files/", "/ocpp/soap"),
	.tables = tables,
	.old_tables = ocpp_old_tables,
	.schema_set = GV_SCHEMA(ocpp),
	.schema = 1,
	.self_size = sizeof(struct ocpp),
	.start = start,
	.stop = stop,
	.finish = finish,
	.on_timer = on_timer,
	.on_open = on_open,
	.on_frame = on_frame,
	.on_close = on_close,
	.on_resync = on_resync,
	.on_answer = on_answer,
};
