/* What the two roles of this plugin share: how a role is told of what happens. A node may have both: piles in reach,
 * and the books. Each role has its folder, its config message and its state, and knows nothing of the other. */
#ifndef BLE_H
#define BLE_H

#include <galvan/ble.pb-c.h>
#include <galvan/plugin.h>

/* Functions that a role has no use for are NULL. `state` is what start made. */
struct ble_role {
	const char *name; /* its listeners and timers are called "NAME" or "NAME:..." */
	bool (*chosen)(const Ble__Config *);
	/* What it makes outside the turn it gives by ret_state, also where it then fails. */
	int (*start)(struct gv_turn *t, const Ble__Config *, void **ret_state);
	void (*stop)(void *state); /* frees it; NULL is nothing */
	int (*on_timer)(void *state, struct gv_turn *t, const char *name, const void *note);
	int (*on_answer)(void *state, struct gv_turn *t, const struct gv_answer *answer);
	int (*on_open)(void *state, struct gv_turn *t, const struct gv_conn *conn);
	int (*on_frame)(void *state, struct gv_turn *t, const struct gv_frame *frame);
	int (*on_close)(void *state, struct gv_turn *t, const struct gv_conn *conn, unsigned code, const char *reason);
	int (*on_resync)(void *state, struct gv_turn *t, const char *emitter, bool first);
};

enum { BLE_ROLES = 2 };
struct ble {
	void *state[BLE_ROLES]; /* NULL: that role was not chosen */
};
/* The state of a role; NULL where this node does not have it. */
void *ble_state(const struct ble *b, const struct ble_role *role);

extern const struct ble_role ble_cloud_role;    /* cloud/cloud.c */
extern const struct ble_role ble_terminal_role; /* terminal/terminal.c */

#endif
