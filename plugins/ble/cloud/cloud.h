/* The cloud of Bluetooth piles: what the files of this role share. */
#ifndef BLE_CLOUD_H
#define BLE_CLOUD_H

#include "../ble.h"
#include "../core/ble_core.h"

#define CLOUD_NAME "cloud"
#define CLOUD_FRAMES_PER_S 200 /* of one connection: a visit's records at once */
#define CLOUD_PING_S 60
#define CLOUD_IDLE_S 150

struct cloud {
	Ble__Config *config; /* lives as long as the plugin */
};

/* ---- lines.c: the WebSocket */

int lines_start(struct cloud *c, struct gv_turn *t);
int lines_open(void *state, struct gv_turn *t, const struct gv_conn *conn);
int lines_frame(void *state, struct gv_turn *t, const struct gv_frame *frame);
int lines_close(void *state, struct gv_turn *t, const struct gv_conn *conn, unsigned code, const char *reason);

#endif
