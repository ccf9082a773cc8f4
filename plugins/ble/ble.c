/* ble: Bluetooth piles. On the cloud it keeps their records and allows their starts; on a terminal it visits them. This
 * file tells the roles that the config has chosen what happens; docs/adr/0022 says who they are. */
#include "ble.h"
#include "ble.schema.h"

#include <string.h>

static const struct ble_role *const roles[BLE_ROLES] = { &ble_cloud_role };

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

GV_PLUGIN = {
	GV_STAMP,
	.name = "ble",
	.version = "0.1.0",
	.summary = "Bluetooth piles: their records and vouchers on the cloud, visits to them on a terminal",
	.config = &ble__config__descriptor,
	.listens = GV_LISTENS("/ble/"),
	.schema_set = GV_SCHEMA(ble),
	.schema = 1,
	.self_size = sizeof(struct ble),
	.start = start,
	.stop = stop,
	.on_timer = on_timer,
	.on_open = on_open,
	.on_frame = on_frame,
	.on_close = on_close,
};
