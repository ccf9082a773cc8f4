/* ble: Bluetooth piles. On the cloud it keeps their records and allows their starts; on a terminal it visits them. This
 * file tells the roles that the config has chosen what happens; docs/adr/0022 says who they are. */
#include "cloud/cloud.h"
#include "ble.schema.h"
#include "terminal/terminal.h"

#include <galvan/link.pb-c.h>
#include <plugins/leases/leases.h>

#include <string.h>

static const struct ble_role *const roles[BLE_ROLES] = { &ble_cloud_role, &ble_terminal_role };

void *ble_state(const struct ble *b, const struct ble_role *role)
{
	for (size_t i = 0; i < BLE_ROLES; i++)
		if (roles[i] == role)
			return b->state[i];
	return NULL;
}

/* Is it that role's, by its name in front? */
static bool named(const struct ble_role *role, const char *name)
{
	size_t n = strlen(role->name);

	return !strncmp(name, role->name, n) && (name[n] == '\0' || name[n] == ':');
}

/* The chosen role that `name` belongs to, or NULL. */
static const struct ble_role *whose(const struct ble *b, const char *name, void **ret_state)
{
	for (size_t i = 0; i < BLE_ROLES; i++)
		if (b->state[i] && named(roles[i], name)) {
			*ret_state = b->state[i];
			return roles[i];
		}
	return NULL;
}

static int start(void *self, struct gv_turn *t, const void *config)
{
	struct ble *b = self;
	bool any = false;

	for (size_t i = 0; i < BLE_ROLES; i++) {
		int r = 0;

		if (!roles[i]->chosen(config))
			continue;
		any = true;
		r = roles[i]->start(t, config, &b->state[i]);
		if (r < 0)
			return r;
	}
	return any ? 0
		   : gv_fault(t, "ble has no role: give it `cloud: {}` or `terminal: {}`, or both, in the config file");
}

static void stop(void *self)
{
	struct ble *b = self;

	for (size_t i = 0; i < BLE_ROLES; i++) {
		if (b->state[i])
			roles[i]->stop(b->state[i]);
		b->state[i] = NULL;
	}
}

static int on_timer(void *self, struct gv_turn *t, const char *name, const void *note)
{
	void *state;
	const struct ble_role *role = whose(self, name, &state);

	if (!strncmp(name, LEASES_TIMER, strlen(LEASES_TIMER)))
		return lease_due(self, t, name);
	return role && role->on_timer ? role->on_timer(state, t, name, note) : 0;
}

/* Connections of a role that was taken out of the config are closed. */
static int on_open(void *self, struct gv_turn *t, const struct gv_conn *conn)
{
	void *state;
	const struct ble_role *role = whose(self, conn->listener, &state);

	return role ? role->on_open(state, t, conn) : gv_disconnect(t, conn->id, 1001, "not served here any more");
}

static int on_frame(void *self, struct gv_turn *t, const struct gv_frame *frame)
{
	void *state;
	const struct ble_role *role = whose(self, frame->conn->listener, &state);

	return role ? role->on_frame(state, t, frame) : 0;
}

static int on_close(void *self, struct gv_turn *t, const struct gv_conn *conn, unsigned code, const char *reason)
{
	void *state;
	const struct ble_role *role = whose(self, conn->listener, &state);

	return role ? role->on_close(state, t, conn, code, reason) : 0;
}

static int on_answer(void *self, struct gv_turn *t, const struct gv_answer *answer)
{
	void *state = ble_state(self, &ble_terminal_role); /* the cloud asks nobody */

	return state ? ble_terminal_role.on_answer(state, t, answer) : 0;
}

static int on_resync(void *self, struct gv_turn *t, const char *emitter, bool first)
{
	struct ble *b = self;
	int r = 0;

	for (size_t i = 0; i < BLE_ROLES && r == 0; i++)
		if (b->state[i] && roles[i]->on_resync)
			r = roles[i]->on_resync(b->state[i], t, emitter, first);
	return r;
}

/* A role that this node does not have hears and tells of nothing. */
static int device_changed(struct ble *b, struct gv_turn *t, const Registry__DeviceChanged *e,
			  const struct gv_emitter *from)
{
	struct cloud *c = ble_state(b, &ble_cloud_role);

	return c ? piles_device_changed(c, t, e) : 0;
}
GV_ON_EVENT(device_changed, struct ble, Registry__DeviceChanged)

static int snapshot_connectors(void *self, struct gv_turn *t)
{
	struct cloud *c = ble_state(self, &ble_cloud_role);

	return c ? connectors_snapshot(c, t) : 0;
}

/* The books, where they are kept here; else what the radio knows. */
static int list_piles(void *self, struct gv_turn *t, struct gv_ticket ticket, const ProtobufCMessage *request)
{
	return ble_state(self, &ble_cloud_role) ? piles_list(self, t, ticket, request)
						: terminal_list(self, t, ticket, request);
}

static const struct gv_method ble_methods[] = {
	{ "Start", terminal_start },
	{ "Stop", terminal_stop },
	{ "ListPiles", list_piles },
	{ "Flush", terminal_flush },
	{ 0 },
};
static const struct gv_method piles_methods[] = {
	{ "PutPile", piles_put },       { "SignCertificate", piles_sign }, { "GetPile", piles_get },
	{ "DeletePile", piles_delete }, { "GetKeySet", keyset_get },       { "RotateKeys", keyset_rotate },
	{ "Revoke", keyset_revoke },    { "PutKeySet", keyset_put },       { "GetVoucher", vouchers_get },
	{ "PutRecords", carried_put },  { "Fetch", carried_fetch },        { "ListRecords", records_list },
	{ "ListCases", cases_list },    { "CloseCase", cases_close },      { 0 },
};
static const struct gv_method letters_methods[] = {
	{ "PutLetter", letters_put },
	{ "WithdrawLetter", letters_withdraw },
	{ "ListLetters", letters_list },
	{ "GetPiece", letters_piece },
	{ 0 },
};
/* A pile can do no more: what is missing here is refused as unimplemented. */
static const struct gv_method charging_methods[] = {
	{ "Start", charging_start },
	{ "Stop", charging_stop },
	{ "ListSessions", sessions_list },
	{ "GetSession", sessions_get },
	{ "ListConnectors", connectors_list },
	{ "ListReservations", reservations_list },
	{ 0 },
};

GV_PLUGIN = {
	GV_STAMP,
	.name = "ble",
	.version = "0.1.0",
	.summary = "Bluetooth piles: their records and vouchers on the cloud, visits to them on a terminal",
	.config = &ble__config__descriptor,
	.serves = GV_SERVES({ &ble__ble__descriptor, ble_methods }, { &ble__piles__descriptor, piles_methods },
			    { &ble__letters__descriptor, letters_methods },
			    { &charging__charging__descriptor, charging_methods },
			    { &update__updates__descriptor, leases_methods }),
	.hears = GV_HEARS({ &registry__device_changed__descriptor, device_changed_event },
			  { &bluetooth__peripheral_seen__descriptor, terminal_seen },
			  { &bluetooth__peripheral_gone__descriptor, terminal_gone }),
	.calls = GV_CALLS(&bluetooth__bluetooth__descriptor, &link__link__descriptor),
	.emits = GV_EMITS(
		{ &charging__session_started__descriptor, sessions_snapshot },
		{ &charging__session_metered__descriptor, NULL }, { &charging__session_ended__descriptor, NULL },
		{ &charging__start_abandoned__descriptor, NULL },
		{ &charging__connector_status_changed__descriptor, snapshot_connectors },
		{ &ble__letter_delivered__descriptor, NULL }, { &ble__letter_expired__descriptor, NULL },
		{ &ble__letter_received__descriptor, NULL }, { &update__lease_changed__descriptor, lease_snapshot },
		{ &update__update_progressed__descriptor, NULL },
		{ &update__device_identified__descriptor, lease_snapshot_identities }),
	.tables = GV_TABLES(&cloud_keys, &cloud_piles, &cloud_ids, &cloud_aliases, &cloud_chains, &cloud_records,
			    &cloud_forks, &cloud_grants, &cloud_open_grants, &cloud_grant_orders, &cloud_grant_tokens,
			    &cloud_sessions, &cloud_open_sessions, &cloud_session_times, &cloud_connectors,
			    &cloud_cases, &cloud_open_cases, &cloud_stops, &cloud_letters, &cloud_letter_ids,
			    &cloud_letter_boxes, &cloud_own_letters, &terminal_keys, &terminal_store, &terminal_records,
			    &terminal_queue, &terminal_bring, &terminal_piles, &terminal_commands, &terminal_letters,
			    &terminal_pieces, &leases_table),
	.notes = GV_NOTES(&ble__due__descriptor),
	.listens = GV_LISTENS("/ble/"),
	.schema_set = GV_SCHEMA(ble),
	.schema = 1,
	.self_size = sizeof(struct ble),
	.start = start,
	.stop = stop,
	.on_answer = on_answer,
	.on_timer = on_timer,
	.on_open = on_open,
	.on_frame = on_frame,
	.on_close = on_close,
	.on_resync = on_resync,
};
