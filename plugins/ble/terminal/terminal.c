/* The role `terminal`: what happens, handed to the files beside this one. */
#include "terminal.h"

#include <errno.h>
#include <galvan/link.pb-c.h>
#include <stdlib.h>
#include <string.h>

#define GATT(n) "f3a1000" #n "-2b6e-4d38-9c57-8e0d4c1b7a60"

static bool chosen(const Ble__Config *config)
{
	return config->terminal != NULL;
}

/* The holder's key is made once; whoever has it has this terminal's vouchers and may stop its sessions. */
static int load_key(struct terminal *s, struct gv_turn *t)
{
	const Ble__HolderRow *row = gv_get(t, &terminal_keys, gv_key("holder"));
	Ble__HolderRow made = BLE__HOLDER_ROW__INIT;
	uint64_t random[4];

	if (row && row->secret.len == 32 && row->public_.len == 32) {
		memcpy(s->secret, row->secret.data, 32);
		memcpy(s->public_key, row->public_.data, 32);
		return 0;
	}
	for (unsigned i = 0; i < 4; i++)
		random[i] = gv_random(t);
	memcpy(s->secret, random, 32);
	if (ble_openssl_public(s->secret, s->public_key) < 0)
		return gv_fault(t, "the terminal's key could not be made: libcrypto has no Ed25519");
	made.secret.data = s->secret;
	made.public_.data = s->public_key;
	made.secret.len = made.public_.len = 32;
	return gv_put(t, &terminal_keys, gv_key("holder"), &made);
}

static int listen(struct gv_turn *t)
{
	Link__Listener l = LINK__LISTENER__INIT;

	l.name = (char *)TERMINAL_PILES;
	l.kind = LINK__LISTENER__KIND__GATT;
	l.device_prefix = (char *)"ble:";
	l.gatt_service = (char *)GATT(1);
	l.gatt_write = (char *)GATT(3);
	l.gatt_notify = (char *)GATT(4);
	l.window_frames = 64; /* values: a message of the greatest size has many at MTU 23 */
	return gv_listen(t, &l);
}

static int start(struct gv_turn *t, const Ble__Config *all, void **ret_state)
{
	const Ble__Terminal *config = all->terminal;
	struct terminal *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	*ret_state = s;
	if (!hex_read(config->root, s->root, 32))
		return gv_fault(t, "config terminal.root: 64 hex digits, as the cloud's Piles/GetKeySet has them");
	s->max_records = config->max_records;
	s->max_bytes = config->max_bytes;
	s->max_letter_bytes = config->max_letter_bytes;
	s->max_visits = config->max_visits;
	s->relay_off = config->relay_off;
	s->counter = (uint32_t)gv_random(t); /* answers to questions of before a crash are nobody's */
	s->dials = *config->cloud;
	r = load_key(s, t);
	if (r == 0)
		r = listen(t);
	if (r == 0)
		r = line_dial(t, config, gv_self(t)->plugin);
	if (r == 0)
		r = gv_timer(t, TERMINAL_LOOK, gv_now_ms(t) + LOOK_MS, NULL);
	if (r == 0)
		r = gv_timer(t, TERMINAL_TICK, gv_now_ms(t), NULL); /* orders that a crash left */
	return r;
}

static void stop(void *state)
{
	struct terminal *s = state;

	if (!s)
		return;
	for (unsigned i = 0; i < VISITS_MAX; i++)
		ble_term_close(&s->visits[i].term);
	memset(s->secret, 0, sizeof(s->secret));
	free(s);
}

static int on_timer(void *state, struct gv_turn *t, const char *name, const void *note)
{
	int r;

	if (strcmp(name, TERMINAL_LOOK) == 0)
		return reach_look(state, t);
	if (strcmp(name, TERMINAL_AGAIN) == 0)
		return reach_soon(state, t);
	if (strcmp(name, TERMINAL_FLUSH) == 0)
		return line_due(state, t);
	r = visit_tick(state, t);
	return r < 0 ? r : orders_tick(state, t);
}

static int on_answer(void *state, struct gv_turn *t, const struct gv_answer *a)
{
	if (strcmp(a->method, "galvan.bluetooth.v1.Bluetooth/Connect") == 0)
		return visit_connected(state, t, a);
	if (a->code != GV_OK)
		gv_log(t, GV_ERR, "link does not dial the cloud: %s; look at config terminal.cloud", a->error);
	return 0;
}

static int on_open(void *state, struct gv_turn *t, const struct gv_conn *conn)
{
	return strcmp(conn->listener, TERMINAL_LINE) == 0 ? line_open(state, t, conn->id) : visit_open(state, t, conn);
}

static int on_frame(void *state, struct gv_turn *t, const struct gv_frame *f)
{
	return strcmp(f->conn->listener, TERMINAL_LINE) == 0 ? line_heard(state, t, f) : visit_value(state, t, f);
}

static int on_close(void *state, struct gv_turn *t, const struct gv_conn *conn, unsigned code, const char *reason)
{
	struct terminal *s = state;

	if (strcmp(conn->listener, TERMINAL_LINE) != 0)
		return visit_close(s, t, conn);
	return conn->id == s->line ? line_close(s, t) : 0;
}

static int on_resync(void *state, struct gv_turn *t, const char *emitter, bool first)
{
	return strncmp(emitter, "bluetooth.", 10) == 0 ? reach_lost(t) : 0;
}

const struct ble_role ble_terminal_role = {
	.name = TERMINAL_NAME,
	.chosen = chosen,
	.start = start,
	.stop = stop,
	.on_timer = on_timer,
	.on_answer = on_answer,
	.on_open = on_open,
	.on_frame = on_frame,
	.on_close = on_close,
	.on_resync = on_resync,
};
