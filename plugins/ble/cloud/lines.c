/* The WebSocket that piles and terminals speak on (docs/protocols/ble.md, "On the WebSocket"). */
#include "cloud.h"

#include <galvan/link.pb-c.h>

int lines_start(struct cloud *c, struct gv_turn *t)
{
	Link__Listener l = LINK__LISTENER__INIT;
	char *subprotocols[] = { (char *)"cpb1" };

	l.name = (char *)CLOUD_NAME;
	l.path = (char *)"/ble/";
	l.n_subprotocols = 1;
	l.subprotocols = subprotocols;
	l.identity = LINK__LISTENER__IDENTITY__LAST_SEGMENT;
	l.device_prefix = (char *)"ble:";
	l.max_frame_bytes = BLE_MESSAGE_MAX;
	l.max_frames_per_s = CLOUD_FRAMES_PER_S;
	l.ping_s = CLOUD_PING_S;
	l.idle_s = CLOUD_IDLE_S;
	l.one_per_device = true;
	return gv_listen(t, &l);
}

int lines_open(void *state, struct gv_turn *t, const struct gv_conn *conn)
{
	return 0;
}

/* Who sends what is no message does not speak cpb1. */
int lines_frame(void *state, struct gv_turn *t, const struct gv_frame *f)
{
	struct ble_frame frame;

	if (f->kind == GV_BINARY && ble_frame_read((const uint8_t *)f->data, f->size, &frame) == 0)
		return 0;
	return gv_disconnect(t, f->conn->id, 1002, "no message of cpb1");
}

int lines_close(void *state, struct gv_turn *t, const struct gv_conn *conn, unsigned code, const char *reason)
{
	return 0;
}
