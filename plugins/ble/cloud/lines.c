/* The WebSocket that piles and terminals speak on (docs/protocols/ble.md, "On the WebSocket"): who is on line. */
#include "cloud.h"

#include <galvan/link.pb-c.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct line **bucket(struct cloud *c, uint64_t conn)
{
	return &c->lines[conn & (CLOUD_BUCKETS - 1)];
}

static struct line *find(struct cloud *c, uint64_t conn)
{
	struct line *l = *bucket(c, conn);

	while (l && l->conn != conn)
		l = l->next;
	return l;
}

/* FNV-1a. */
static struct line **bucket_of(struct cloud *c, const char *device)
{
	uint32_t hash = 2166136261u;

	for (; *device; device++)
		hash = (hash ^ (uint8_t)*device) * 16777619u;
	return &c->devices[hash & (CLOUD_BUCKETS - 1)];
}

struct line *line_of(struct cloud *c, const char *device)
{
	struct line *l = *bucket_of(c, device);

	while (l && strcmp(l->device, device) != 0)
		l = l->next_device;
	return l;
}

static void add(struct cloud *c, struct line *l)
{
	struct line **conns = bucket(c, l->conn), **devices = bucket_of(c, l->device);

	l->next = *conns;
	*conns = l;
	l->next_device = *devices; /* the newest of a device is found first */
	*devices = l;
}

static void take_out(struct cloud *c, struct line *l)
{
	struct line **at = bucket(c, l->conn);

	while (*at != l)
		at = &(*at)->next;
	*at = l->next;
	at = bucket_of(c, l->device);
	while (*at != l)
		at = &(*at)->next_device;
	*at = l->next_device;
}

int line_say(struct gv_turn *t, const struct line *l, uint8_t type, uint32_t counter, const void *body, int size)
{
	struct ble_frame f = { .type = type, .counter = counter, .body = { body, (size_t)(size < 0 ? 0 : size) } };
	uint8_t out[BLE_MESSAGE_MAX];
	int r = size < 0 ? size : ble_frame_write(&f, out, sizeof(out));

	if (r < 0)
		return gv_fault(t, "a message %02x could not be written: %s", type, ble_result_name(r));
	return gv_send(t, l->conn, GV_BINARY, out, (size_t)r);
}

/* ---- start and stop -------------------------------------------------------------------------- */

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
	if (gv_listen(t, &l))
		return -1;
	return gv_timer(t, CLOUD_NAME ":restored", gv_now_ms(t) + CLOUD_RESTORE_MS, NULL);
}

void lines_stop(struct cloud *c)
{
	for (size_t i = 0; i < CLOUD_BUCKETS; i++)
		for (struct line *l = c->lines[i], *next; l; l = next) {
			next = l->next;
			free(l);
		}
}

/* Link has told of every connection that outlived this plugin's last incarnation: the others are gone. */
int lines_restored(struct cloud *c, struct gv_turn *t)
{
	struct gv_scan scan = { .table = &cloud_piles };

	while (gv_next(t, &scan)) {
		struct pile p = { scan.key.part[0].s, scan.row };

		if (p.row->online && !line_of(c, p.device))
			connectors_online(c, t, &p, false);
	}
	return 0;
}

/* ---- who comes and goes ---------------------------------------------------------------------- */

/* A pile's module sends by itself what has no receipt; it is asked for a head, which says how much there is. */
static int ask_head(struct gv_turn *t, const struct line *l, struct pile *p)
{
	struct ble_record_get get = { .chain = p->row->chain, .from = 1, .most = 0 };
	uint64_t nonce[2] = { gv_random(t), gv_random(t) };
	uint8_t body[64];

	memcpy(get.nonce, nonce, sizeof(get.nonce));
	return line_say(t, l, BLE_REC_GET, ++pile_edit(t, p)->counter, body,
			ble_record_get_write(&get, body, sizeof(body)));
}

/* Its id here; a pile that is a charger too has another one in the registry. */
static const char *device_of(struct gv_turn *t, const struct gv_conn *conn)
{
	return pile_alias(t, conn->device);
}

int lines_open(void *state, struct gv_turn *t, const struct gv_conn *conn)
{
	struct cloud *c = state;
	const char *device = device_of(t, conn);
	struct line *l;
	struct pile p;

	if (!device)
		return gv_disconnect(t, conn->id, 1008, "no pile or terminal: its registry entry has no id ble:...");
	if (find(c, conn->id))
		return 0;
	l = calloc(1, sizeof(*l) + strlen(device) + 1);
	if (!l)
		return -ENOMEM;
	memcpy(l->device, device, strlen(device) + 1);
	l->conn = conn->id;
	add(c, l);
	if (!pile_find(t, device, &p))
		return 0;
	connectors_online(c, t, &p, true);
	return ask_head(t, l, &p);
}

int lines_close(void *state, struct gv_turn *t, const struct gv_conn *conn, unsigned code, const char *reason)
{
	struct cloud *c = state;
	struct line *l = find(c, conn->id);
	struct pile p;

	if (!l)
		return 0;
	take_out(c, l);
	if (pile_find(t, l->device, &p) && !line_of(c, l->device))
		connectors_online(c, t, &p, false);
	free(l);
	return 0;
}

/* Who sends what is no message does not speak cpb1. */
int lines_frame(void *state, struct gv_turn *t, const struct gv_frame *f)
{
	struct line *l = find(state, f->conn->id);
	struct ble_frame frame;

	if (!l)
		return 0;
	if (f->kind == GV_BINARY && ble_frame_read((const uint8_t *)f->data, f->size, &frame) == 0)
		return heard(state, t, l, &frame);
	return gv_disconnect(t, f->conn->id, 1002, "no message of cpb1");
}
