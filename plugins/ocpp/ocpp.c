/* ocpp: the central system of OCPP. The plugin's record, and the way of a frame through it. */
#include "ocpp.h"
#include "device/device.h"
#include "edge/edge.h"
#include "files/files.h"
#include "limits/limits.h"
#include "lists/lists.h"
#include "lists/reservations.h"
#include "ocpp.schema.h"
#include "stations/certificates.h"
#include "stations/known.h"
#include "stations/mask.h"
#include "stations/passwords.h"
#include "stations/reports.h"
#include "stations/security.h"
#include "stations/soap.h"

#include <galvan/link.pb-c.h>

#include <cjson/cJSON.h>
#include <errno.h>
#include <inttypes.h>
#include <lib/websocket.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- frames ---------------------------------------------------------------------------------- */

static int send_out(struct ocpp *o, struct gv_turn *t, struct station *st, const char *action)
{
	if (o->out.error)
		return o->out.error;
	message_log(o, t, st, false, action, (const char *)o->out.data, o->out.size);
	return gv_send(t, st->conn, GV_TEXT, o->out.data, o->out.size);
}

static int refuse(struct ocpp *o, struct gv_turn *t, struct station *st, const struct rpc_frame *frame,
		  enum rpc_code code, const char *why)
{
	const struct rpc_frame unreadable = { .id = RPC_ID_UNKNOWN };

	gv_count(t, "call_errors", 1);
	if (!frame->id)
		frame = &unreadable;
	rpc_write_error(&o->out, frame, st->edge->spec->rpc, code, why);
	return send_out(o, t, st, frame->action ? frame->action : "");
}

/* Energy is never refused, whatever is wrong with how it is told. */
static bool is_transaction(const char *action)
{
	static const char *const actions[] = { "MeterValues", "StartTransaction", "StopTransaction",
					       "TransactionEvent" };

	for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++)
		if (!strcmp(actions[i], action))
			return true;
	return false;
}

enum rpc_code ocpp_refusal(struct gv_turn *t, const struct station *st, const char *action, uint64_t quirks,
			   const char **ret_why)
{
	uint64_t refused = quirks & st->profile.refused;
	unsigned quirk;

	if (!refused || is_transaction(action))
		return RPC_OK;
	quirk = (unsigned)__builtin_ctzll(refused);
	*ret_why = gv_str(t, "%s: this charger's profile does not let it pass", quirk_name(quirk));
	return quirk_info[quirk].refusal;
}

/* Stands for this message among those of its connection. */
static uint64_t digest(uint64_t conn, const struct rpc_frame *frame)
{
	uint64_t h = 14695981039346656037u ^ conn;

	for (const char *s = frame->id; *s; s++)
		h = (h ^ (unsigned char)*s) * 1099511628211u;
	for (const char *s = frame->action; *s; s++)
		h = (h ^ (unsigned char)*s) * 1099511628211u;
	return h;
}

/* What is refused may be right in another version: the charger has agreed to one and speaks another. */
static void other_version(struct ocpp *o, struct gv_turn *t, struct station *st, const struct rpc_frame *frame)
{
	const struct edge *other = frame->payload ? edge_of_message(st->edge, frame->action, frame->payload) : NULL;

	if (!other)
		return;
	gv_log(t, st->quirks & QUIRK_BIT(QUIRK_OTHER_VERSION) ? GV_DEBUG : GV_WARN,
	       "call is refused: it is one of another version than the connection's action=%s connection=\"%s\" "
	       "call=\"%s\"",
	       frame->action, st->edge->name, other->name);
	station_quirks(o, t, st, QUIRK_BIT(QUIRK_OTHER_VERSION));
}

static int call(struct ocpp *o, struct gv_turn *t, const struct gv_frame *f, struct station *st,
		struct rpc_frame *frame)
{
	uint64_t conn = f->conn->id;
	const struct spec_action *action = spec_find(st->edge->spec, frame->action);
	struct inbound in = { .st = st, .device = st->device, .payload = frame->payload, .answer = "{}" };
	uint64_t quirks = 0;
	struct check check = { .version = st->edge->spec };
	inbound_fn *handler;
	int error;

	if (!action) {
		other_version(o, t, st, frame);
		return refuse(o, t, st, frame, RPC_NOT_IMPLEMENTED,
			      gv_str(t, "this action is not one of %s", st->edge->name));
	}
	handler = action->directions & SPEC_UP ? st->edge->handler(action->name) : NULL;
	if (!handler)
		return refuse(o, t, st, frame, RPC_NOT_SUPPORTED, "only a central system sends this action");
	if (!frame->payload) {
		frame->payload = cJSON_CreateObject();
		if (!frame->payload)
			return -ENOMEM;
		cJSON_AddItemToArray(frame->root, frame->payload);
		in.payload = frame->payload;
		quirks = QUIRK_BIT(QUIRK_NO_PAYLOAD);
	}
	if (validate(action->request, frame->payload, &check)) {
		other_version(o, t, st, frame);
		return refuse(o, t, st, frame, check.code, gv_str(t, "%s: %s", check.path, check.text));
	}
	quirks |= check.quirks | (frame->id_is_number ? QUIRK_BIT(QUIRK_NUMERIC_ID) : 0);
	station_quirks(o, t, st, quirks);
	in.code = ocpp_refusal(t, st, action->name, quirks, &in.why);
	if (in.code)
		return refuse(o, t, st, frame, in.code, in.why);
	in.again = f->again;
	in.digest = digest(conn, frame);
	error = handler(o, t, &in);
	if (error)
		return error;
	if (in.code)
		return refuse(o, t, st, frame, in.code, in.why);
	rpc_write_result(&o->out, frame, in.answer);
	return send_out(o, t, st, action->name);
}

/* A frame that is no message. Who sent it is told where its id can be read; the connection stays, since a broken
 * message is no reason to lose those behind it. */
static int broken(struct ocpp *o, struct gv_turn *t, const struct gv_frame *f, struct station *st,
		  struct rpc_frame *frame)
{
	bool answered = frame->kind == RPC_CALL || (frame->kind == RPC_OTHER && st->edge->spec->rpc != RPC_V16);

	gv_count(t, "broken_frames", 1);
	gv_log(t, st->quirks & QUIRK_BIT(QUIRK_BROKEN_JSON) ? GV_DEBUG : GV_WARN,
	       "frame is no OCPP message bytes=%zu why=\"%s\"", f->size, frame->why);
	station_quirks(o, t, st, QUIRK_BIT(QUIRK_BROKEN_JSON));
	if (!answered || (!frame->id && st->edge->spec->rpc == RPC_V16))
		return 0;
	if (!frame->id)
		frame->fault = RPC_FRAMEWORK_ERROR;
	return refuse(o, t, st, frame, frame->fault, frame->why);
}

/* A message of a type that there is not. */
static int other_type(struct ocpp *o, struct gv_turn *t, struct station *st, const struct rpc_frame *frame)
{
	if (st->edge->spec->rpc == RPC_V16)
		return 0;
	return refuse(o, t, st, frame, RPC_MESSAGE_TYPE_NOT_SUPPORTED, "a message is of type 2, 3 or 4");
}

static void show_call(struct ocpp *o, struct gv_turn *t, const struct gv_frame *f, struct station *st,
		      const struct rpc_frame *frame)
{
	const char *action = frame->action ? frame->action : "", *text = f->data;
	size_t size = f->size;

	if (mask_needed(action)) {
		text = gv_str(t, "[2,\"%.*s\",\"%s\",%s]", RPC_ECHO_MAX, frame->id ? frame->id : "", action,
			      mask(t, frame->payload));
		size = strlen(text);
	} else if (frame->fault && mask_suspect(f->data)) {
		text = "(no OCPP message, and it may hold a secret)";
		size = strlen(text);
	}
	message_log(o, t, st, true, action, text, size);
}

static int text_frame(struct ocpp *o, struct gv_turn *t, const struct gv_frame *f, struct station *st)
{
	struct rpc_frame frame;
	int error = rpc_parse(f->data, f->size, &frame);

	if (error || frame.kind == RPC_CALL || frame.kind == RPC_OTHER)
		show_call(o, t, f, st, &frame);
	if (error == -EBADMSG)
		error = broken(o, t, f, st, &frame);
	else if (!error && frame.kind == RPC_CALL)
		error = call(o, t, f, st, &frame);
	else if (!error && frame.kind == RPC_OTHER)
		error = other_type(o, t, st, &frame);
	else if (!error)
		error = commands_answered(o, t, st, f, &frame);
	rpc_free(&frame);
	return error;
}

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
	if (!st)
		error = station_open(o, t, f->conn, &st);
	if (error)
		return error;
	st->last_ms = gv_now_ms(t);
	if (f->kind != GV_TEXT) {
		gv_log(t, GV_WARN, "connection is closed: OCPP-J has text frames only");
		return gv_disconnect(t, f->conn->id, 1003, "OCPP-J has text frames only");
	}
	return f->size ? text_frame(o, t, f, st) : 0; /* some chargers keep the line open with empty frames */
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
	return error ? error : fleet_opened(o, t, st);
}

static int on_open(void *self, struct gv_turn *t, const struct gv_conn *conn)
{
	struct ocpp *o = self;
	struct station *st;
	int error;

	if (!strcmp(conn->listener, SOAP_LISTENER))
		return 0;
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
	if (!strcmp(name, RETENTION_TIMER))
		return retention_due(self, t);
	if (!strcmp(name, LISTED_TIMER))
		return listed_walk_on(self, t);
	if (!strcmp(name, FLEET_TIMER))
		return fleet_run(self, t);
	if (!strcmp(name, RESERVATIONS_TIMER))
		return reservations_due(t);
	if (!strcmp(name, REQUESTS_TIMER))
		return requests_due(self, t);
	if (!strcmp(name, STUCK_TIMER))
		return stuck_due(self, t);
	if (!strcmp(name, SILENT_TIMER))
		return silent_due(self, t);
	if (!strncmp(name, REPORT_TIMER, strlen(REPORT_TIMER)))
		return report_due(t, name);
	if (!strncmp(name, MODEL_TIMER, strlen(MODEL_TIMER)))
		return model_due(self, t, name + strlen(MODEL_TIMER));
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
	station_set_place(o, t, e->id, e->deleted || !e->device ? "" : e->device->site, e->deleted ? "" : e->time_zone);
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
GV_ON_EVENT(security_refused, struct ocpp, Link__HandshakeRefused)
GV_ON_EVENT(authority_changed, struct ocpp, Pki__AuthorityChanged)
GV_ON_EVENT(renewal_due, struct ocpp, Pki__RenewalDue)

static int on_answer(void *self, struct gv_turn *t, const struct gv_answer *answer)
{
	const ProtobufCMessage *note = answer->note;

	if (note && note->descriptor == &ocpp__signing__descriptor)
		return certificate_answered(self, t, answer, answer->note);
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

static int by_id(const void *a, const void *b)
{
	return strcmp(((const struct tag *)a)->id, ((const struct tag *)b)->id);
}

static int take_tags(struct ocpp *o, struct gv_turn *t, const Ocpp__Config *c)
{
	o->tags = calloc(c->n_tags ? c->n_tags : 1, sizeof *o->tags);
	if (!o->tags)
		return -ENOMEM;
	for (o->n_tags = 0; o->n_tags < c->n_tags; o->n_tags++) {
		const Ocpp__Tag *from = c->tags[o->n_tags];
		struct tag *tag = &o->tags[o->n_tags];

		tag->id = strdup(model_fold(t, from->id));
		tag->spelling = strdup(from->id);
		tag->status = strdup(from->status[0] ? from->status : "Accepted");
		tag->parent = strdup(from->parent_id);
		if (!tag->id || !tag->spelling || !tag->status || !tag->parent)
			return -ENOMEM;
	}
	qsort(o->tags, o->n_tags, sizeof *o->tags, by_id);
	for (size_t i = 1; i < o->n_tags; i++)
		if (!strcmp(o->tags[i - 1].id, o->tags[i].id))
			return gv_fault(
				t,
				"tag %s stands twice in the config's tags (letters' case does not matter): remove one",
				o->tags[i].id);
	return 0;
}

static int take_config(struct ocpp *o, struct gv_turn *t, const Ocpp__Config *c)
{
	int error;

	o->heartbeat_s = c->heartbeat_s;
	o->accept_unknown_token = !strcmp(c->unknown_token, "accept");
	o->accept_unknown_station = !strcmp(c->unknown_station, "accept");
	o->soap_private = c->soap_private_addresses;
	o->call_timeout_ms = (int64_t)c->call_timeout_s * 1000;
	o->start_window_ms = (int64_t)c->start_window_s * 1000;
	o->keep_days = c->keep_samples_days;
	o->report_delay_ms = strcmp(c->base_report, "off") ? (int64_t)c->base_report_delay_s * 1000 : 0;
	o->nominal_voltage_v = c->nominal_voltage_v;
	o->files_valid_ms = (int64_t)c->files_valid_h * 3600000;
	o->files_url = strdup(c->files_url);
	if (!o->files_url)
		return -ENOMEM;
	while (o->files_url[0] && o->files_url[strlen(o->files_url) - 1] == '/')
		o->files_url[strlen(o->files_url) - 1] = '\0';
	o->close_stuck_ms = (int64_t)c->close_stuck_s * 1000;
	o->close_silent_ms = (int64_t)c->close_silent_h * 3600000;
	o->vendors = calloc(c->n_data_transfer_vendors ? c->n_data_transfer_vendors : 1, sizeof *o->vendors);
	if (!o->vendors)
		return -ENOMEM;
	for (o->n_vendors = 0; o->n_vendors < c->n_data_transfer_vendors; o->n_vendors++) {
		o->vendors[o->n_vendors] = strdup(c->data_transfer_vendors[o->n_vendors]);
		if (!o->vendors[o->n_vendors])
			return -ENOMEM;
	}
	if (messages_init(&o->messages, c->message_log_bytes))
		return -ENOMEM;
	o->messages.keep_days = c->keep_messages_days;
	o->messages.keep_per_station = c->keep_messages_per_station;
	if (lists_create(o, c))
		return -ENOMEM;
	error = profile_take(o, t, c);
	return error ? error : take_tags(o, t, c);
}

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
	int64_t newest = (int64_t)last(t, &ocpp_transactions);

	o->transaction_step = self->instances;
	o->next_transaction = newest - newest % self->instances + self->instance + 1;
	while (o->next_transaction <= newest)
		o->next_transaction += self->instances;
	o->next_sample = last(t, &ocpp_samples) + 1;
	o->next_command = o->next_message = 1;
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
	l.default_subprotocol = (char *)spec_v16.subprotocol;
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

	if (zones_create(&o->zones))
		return -ENOMEM;
	error = take_config(o, t, config);
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

static void stop(void *self)
{
	struct ocpp *o = self;

	station_close_all(o);
	for (size_t i = 0; o->tags && i < o->n_tags; i++) {
		free(o->tags[i].id);
		free(o->tags[i].spelling);
		free(o->tags[i].status);
		free(o->tags[i].parent);
	}
	for (size_t i = 0; o->vendors && i < o->n_vendors; i++)
		free(o->vendors[i]);
	free(o->tags);
	free(o->vendors);
	profile_free(o);
	free(o->files_url);
	messages_fini(&o->messages);
	lists_destroy(o->lists);
	zones_destroy(o->zones);
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
	{ &link__handshake_refused__descriptor, security_refused_event },
	{ &pki__authority_changed__descriptor, authority_changed_event },
	{ &pki__renewal_due__descriptor, renewal_due_event },
	{ 0 },
};
static const struct gv_emits emits[] = {
	{ &charging__session_started__descriptor, snapshot_started },
	{ &charging__session_metered__descriptor, NULL },
	{ &charging__session_ended__descriptor, NULL },
	{ &charging__connector_status_changed__descriptor, snapshot_connectors },
	{ &charging__reservation_changed__descriptor, reservations_snapshot },
	{ &ocpp__station_booted__descriptor, NULL },
	{ &ocpp__station_notified__descriptor, NULL },
	{ &ocpp__data_transferred__descriptor, NULL },
	{ &ocpp__file_uploaded__descriptor, NULL },
	{ &charging__diagnostics_uploaded__descriptor, NULL },
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
	&ocpp_requests,
	&ocpp_orphans,
	&ocpp_tokens,
	&ocpp_running,
	&ocpp_messages,
	&ocpp_profiles,
	&ocpp_abilities,
	&ocpp_limits,
	&ocpp_cars,
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
	NULL,
};

GV_PLUGIN = {
	GV_STAMP,
	.name = "ocpp",
	.version = "0.1.0",
	.summary = "OCPP central system: chargers, their sessions and their meters",
	.config = &ocpp__config__descriptor,
	.serves = ocpp_services,
	.hears = hears,
	.emits = emits,
	.calls = GV_CALLS(&ocpp__ocpp__descriptor, &link__http__descriptor, &pki__pki__descriptor,
			  &registry__registry__descriptor),
	.notes = GV_NOTES(&ocpp__file_forward__descriptor, &ocpp__signing__descriptor, &ocpp__rotation__descriptor,
			  &ocpp__soap_call__descriptor, &ocpp__soap_forward__descriptor),
	.listens = GV_LISTENS("/ocpp/", "/ocpp/files/", "/ocpp/soap"),
	.tables = tables,
	.schema_set = GV_SCHEMA(ocpp),
	.schema = 1,
	.self_size = sizeof(struct ocpp),
	.start = start,
	.stop = stop,
	.on_timer = on_timer,
	.on_open = on_open,
	.on_frame = on_frame,
	.on_close = on_close,
	.on_resync = on_resync,
	.on_answer = on_answer,
};
