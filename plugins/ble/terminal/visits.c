/* Visits to piles: what is asked of a pile and of the cloud, one after the other, until there is nothing to do. The
 * turn commits before anything leaves, so whatever a pile hears of (REC_STORED) is durable. */
#include "terminal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SERVICE "f3a10001-2b6e-4d38-9c57-8e0d4c1b7a60"
#define TICK_MS 500

/* ---- places ---------------------------------------------------------------------------------- */

struct visit *visit_of(struct terminal *s, const char *device)
{
	for (unsigned i = 0; i < VISITS_MAX; i++) {
		if (s->visits[i].used && strcmp(s->visits[i].device, device) == 0)
			return &s->visits[i];
	}
	return NULL;
}

static struct visit *visit_on(struct terminal *s, uint64_t conn)
{
	for (unsigned i = 0; i < VISITS_MAX; i++) {
		if (s->visits[i].used && s->visits[i].conn == conn)
			return &s->visits[i];
	}
	return NULL;
}

static void forget(struct visit *v)
{
	ble_term_close(&v->term);
	memset(v, 0, sizeof(*v));
}

static int arm(struct gv_turn *t)
{
	return gv_timer(t, TERMINAL_TICK, gv_now_ms(t) + TICK_MS, NULL);
}

int visit_begin(struct terminal *s, struct gv_turn *t, const char *device, bool relay)
{
	Bluetooth__ConnectRequest request = BLUETOOTH__CONNECT_REQUEST__INIT;
	struct visit *v = NULL;

	if (visit_of(s, device))
		return arm(t);
	for (unsigned i = 0; i < VISITS_MAX && !v; i++)
		v = s->visits[i].used ? NULL : &s->visits[i];
	if (!v)
		return arm(t); /* an order has time to wait for a place */
	memset(v, 0, sizeof(*v));
	v->used = true;
	v->relay = relay;
	v->since_ms = gv_now_ms(t);
	snprintf(v->device, sizeof(v->device), "%s", device);
	request.address = v->device + ADDRESS_AT;
	request.service = (char *)SERVICE;
	gv_call(t, &(struct gv_call){ .method = "galvan.bluetooth.v1.Bluetooth/Connect",
				      .request = &request,
				      .tag = (uint64_t)(v - s->visits) });
	return arm(t);
}

int visit_connected(struct terminal *s, struct gv_turn *t, const struct gv_answer *a)
{
	struct visit *v = a->tag < VISITS_MAX ? &s->visits[a->tag] : NULL;
	int r = 0;

	if (!v || !v->used || v->conn)
		return 0;
	if (a->code == GV_OK) { /* on_open tells the rest */
		v->promised_ms = gv_now_ms(t);
		return 0;
	}
	r = order_failed(t, v->device, a->error);
	if (v->relay && mail_waits(t, v->device))
		reach_again(s, t, v->device, LETTER_AGAIN_MS);
	forget(v);
	return r;
}

static int leave(struct gv_turn *t, struct visit *v)
{
	uint64_t conn = v->conn;

	forget(v);
	return conn ? gv_disconnect(t, conn, 1000, "") : 0;
}

int visit_leave(struct terminal *s, struct gv_turn *t, const char *device)
{
	struct visit *v = visit_of(s, device);

	return v ? leave(t, v) : 0;
}

/* ---- who one is ------------------------------------------------------------------------------ */

const Ble__CommandRow *command_of_visit(struct gv_turn *t, const struct visit *v)
{
	return gv_get(t, &terminal_commands, gv_key(v->device));
}

/* The best there is: what was given, what is bound to this connection, what was fetched before. None: the holder's key
 * is enough to carry, and to stop what it started. */
static struct ble_bytes voucher_for(struct gv_turn *t, const struct visit *v, const Ble__CommandRow *command)
{
	const Ble__SeenRow *row = gv_get(t, &terminal_piles, gv_key(v->device));
	char order[PILE_HEX];

	if (!command || command->stop)
		return (struct ble_bytes){ NULL, 0 };
	if (command->voucher.len)
		return (struct ble_bytes){ command->voucher.data, command->voucher.len };
	if (v->voucher_size)
		return (struct ble_bytes){ v->voucher, v->voucher_size };
	hex_write(command->order.data, 16, order);
	if (row && row->voucher.len && strcmp(row->order, order) == 0)
		return (struct ble_bytes){ row->voucher.data, row->voucher.len };
	return (struct ble_bytes){ NULL, 0 };
}

static bool put_brought(struct gv_turn *t, struct visit *v, enum ble_type type)
{
	const Ble__BringRow *row = gv_get(t, &terminal_bring, gv_key(v->pile, (uint32_t)type));

	return row && ble_term_put(&v->term, type, row->document.data, row->document.len) == 0;
}

static void enter(struct gv_turn *t, struct visit *v)
{
	struct ble_bytes voucher = voucher_for(t, v, command_of_visit(t, v));

	v->entered = true;
	v->wait_ms = 0;
	put_brought(t, v, BLE_KEYSET_PUT);
	if (v->time_size)
		ble_term_put(&v->term, BLE_TIME_PUT, v->time, v->time_size);
	ble_term_auth(&v->term, voucher.at, voucher.size);
	put_brought(t, v, BLE_RCPT_PUT);
	v->receipt_asked = put_brought(t, v, BLE_COURIER);
}

/* What there is for the pile, and a voucher for this connection. A line that is just being dialled is waited for where
 * nothing can be started without it. */
static void ask_cloud(struct terminal *s, struct gv_turn *t, struct visit *v)
{
	const Ble__CommandRow *command = command_of_visit(t, v);
	const uint8_t *nonce = v->term.link.nonce[BLE_PILE];
	bool wished = command && !command->stop && !command->voucher.len && *command->token;
	struct ble_voucher_get wish = { .has = BLE_HAS(BLE_VOUCHER_GET_NONCE) };

	v->awaited = line_fetch(s, t, v->device, v->pile, nonce);
	if (wished && hex_read(v->pile, wish.pile, 16)) {
		memcpy(wish.nonce, nonce, 16);
		memcpy(wish.order, command->order.data, 16);
		memcpy(wish.holder, s->public_key, 32);
		wish.connector = (uint8_t)command->connector;
		v->awaited += line_voucher(s, t, v->device, &wish);
	}
	if (v->awaited || (wished && s->dials && !voucher_for(t, v, command).size))
		v->wait_ms = gv_now_ms(t) + CLOUD_WAIT_MS;
	else
		enter(t, v);
}

static int met(struct terminal *s, struct gv_turn *t, struct visit *v, const struct ble_term_step *step)
{
	Ble__SeenRow *row = seen_edit(t, v->device);

	hex_write(step->pile, 16, v->pile);
	if (row && *row->id && strcmp(row->id, v->pile) != 0)
		gv_log(t, GV_WARN,
		       "Another pile than before answers here; was it replaced? device=%s pile=%s before=%s", v->device,
		       v->pile, row->id);
	if (row) {
		row->id = gv_strdup(t, v->pile);
		row->highest = step->facts.next_seq - 1;
		v->pile_online = row->online;
	}
	ask_cloud(s, t, v);
	return 0;
}

/* ---- what is to be done next ----------------------------------------------------------------- */

static int closed(struct terminal *s, struct gv_turn *t, struct visit *v, const struct ble_term_step *step)
{
	Ble__CommandRow *command = NULL;
	char device[DEVICE_MAX];
	int r;

	memcpy(device, v->device, sizeof(device));
	if ((step->request == BLE_START || step->request == BLE_STOP) && command_of_visit(t, v))
		command = gv_edit(t, &terminal_commands, gv_key(device));
	if (command)
		command->said = true;
	if (v->letter > v->letter_done && v->relay)
		reach_again(s, t, device, LETTER_AGAIN_MS);
	r = leave(t, v);
	return r < 0 ? r : order_failed(t, device, gv_str(t, "the visit ended: %s", ble_result_name(step->result)));
}

static int finish(struct gv_turn *t, struct visit *v)
{
	return command_of_visit(t, v) ? order_failed(t, v->device, "the pile did not come to it") : leave(t, v);
}

/* The pile waits: what the visit is for, its status, its records, their receipt, the end. */
static int go_on(struct terminal *s, struct gv_turn *t, struct visit *v)
{
	const Ble__CommandRow *command = command_of_visit(t, v);
	uint64_t nonce[2] = { gv_random(t), gv_random(t) };

	if (command && !v->ordered) {
		v->ordered = true;
		return command->stop ? ble_term_stop(&v->term, (uint8_t)command->connector, command->order.data)
				     : ble_term_start(&v->term, (uint8_t)command->connector, command->order.data);
	}
	if (!v->status_asked) {
		v->status_asked = true;
		return ble_term_status(&v->term);
	}
	if (v->more && v->rounds < VISIT_ROUNDS) {
		v->more = false;
		v->rounds++;
		return ble_term_fetch(&v->term, v->chain, v->kept ? v->kept + 1 : 0, BLE_TERM_CARRY_FOR,
				      (const uint8_t *)nonce);
	}
	if (mail_go_on(s, t, v))
		return 0;
	if (!s->line || (!v->kept && !v->own_upto) || v->fetched)
		return v->awaited && v->wait_ms ? 0 : finish(t, v);
	if (!v->wait_ms)
		v->wait_ms = gv_now_ms(t) + RECEIPT_WAIT_MS;
	if (store_carries(t, v->pile))
		return 0;
	v->fetched = true;
	v->awaited += line_fetch(s, t, v->device, v->pile, NULL);
	return 0;
}

static int act(struct terminal *s, struct gv_turn *t, struct visit *v, const struct ble_term_step *step,
	       enum ble_term_action action)
{
	switch (action) {
	case BLE_TERM_WRITE:
		return gv_send(t, v->conn, GV_BYTES, step->data, step->size);
	case BLE_TERM_MET:
		return met(s, t, v, step);
	case BLE_TERM_ANSWER:
		return visit_answered(t, v, step);
	case BLE_TERM_RECORD:
		return visit_record(s, t, v, step);
	case BLE_TERM_HEAD:
		return visit_head(t, v, step);
	case BLE_TERM_CLOSED:
		return closed(s, t, v, step);
	default:
		return 0;
	}
}

/* All that can be done without waiting. */
static int pump(struct terminal *s, struct gv_turn *t, struct visit *v)
{
	uint64_t now = (uint64_t)gv_now_ms(t);
	struct ble_term_step step;
	enum ble_term_action action;
	int r = 0;

	while (r == 0 && v->used) {
		action = ble_term_next(&v->term, now, &step);
		if (action != BLE_TERM_WAIT) {
			r = act(s, t, v, &step, action);
			continue;
		}
		if (!ble_term_idle(&v->term))
			break;
		r = go_on(s, t, v);
		if (r != 0 || !v->used || ble_term_idle(&v->term))
			break; /* nothing was asked: it waits for the cloud, or is over */
	}
	if (r == 0 && s->line)
		r = line_flush(s, t);
	return r;
}

/* ---- what happens ---------------------------------------------------------------------------- */

int visit_open(struct terminal *s, struct gv_turn *t, const struct gv_conn *conn)
{
	struct visit *v = visit_of(s, conn->device);
	const char *mtu = strstr(conn->path, "mtu=");
	struct ble_term_config config = { .crypto = &ble_openssl,
					  .root = s->root,
					  .utc = (uint32_t)(gv_now_ms(t) / 1000),
					  .holder_key = s->secret,
					  .holder_public = s->public_key,
					  .mtu = mtu ? (unsigned)strtoul(mtu + 4, NULL, 10) : BLE_MTU_MIN };
	uint64_t random[6];

	if (conn->again || !v || v->conn)
		return gv_disconnect(t, conn->id, 1000, "its keys are gone"); /* a visit is made anew */
	for (unsigned i = 0; i < 6; i++)
		random[i] = gv_random(t);
	v->conn = conn->id;
	if (ble_term_open(&v->term, &config, (const uint8_t *)random, (uint64_t)gv_now_ms(t)) < 0)
		return leave(t, v);
	return pump(s, t, v);
}

int visit_value(struct terminal *s, struct gv_turn *t, const struct gv_frame *f)
{
	struct visit *v = visit_on(s, f->conn->id);

	if (!v)
		return gv_disconnect(t, f->conn->id, 1000, "no visit");
	ble_term_value(&v->term, (const uint8_t *)f->data, f->size, (uint64_t)gv_now_ms(t));
	return pump(s, t, v);
}

int visit_close(struct terminal *s, struct gv_turn *t, const struct gv_conn *conn)
{
	struct visit *v = visit_on(s, conn->id);
	struct ble_term_step step = { .result = BLE_CLOSED };

	if (!v)
		return 0;
	step.request = v->term.asked;
	v->conn = 0;
	return closed(s, t, v, &step);
}

static int look_at(struct terminal *s, struct gv_turn *t, struct visit *v)
{
	int64_t now = gv_now_ms(t);

	if (now - v->since_ms > (v->letter ? LETTERS_VISIT_MS : VISIT_MS) ||
	    (!v->conn && v->promised_ms && now - v->promised_ms > PROMISE_MS))
		return leave(t, v);
	if (!v->conn)
		return 0;
	if (v->wait_ms && now >= v->wait_ms) { /* the cloud is too slow */
		v->awaited = 0;
		v->wait_ms = 0;
		if (v->entered)
			v->fetched = true;
		else
			enter(t, v);
	}
	return pump(s, t, v);
}

int visit_tick(struct terminal *s, struct gv_turn *t)
{
	bool any = false;
	int r = 0;

	for (unsigned i = 0; i < VISITS_MAX && r == 0; i++) {
		if (s->visits[i].used)
			r = look_at(s, t, &s->visits[i]);
		any |= s->visits[i].used;
	}
	return r == 0 && any ? arm(t) : r;
}

static void take(uint8_t *to, size_t *to_size, const uint8_t *data, size_t size)
{
	memcpy(to, data, size); /* at most BLE_DOCUMENT_MAX: line.c */
	*to_size = size;
}

int visit_cloud(struct terminal *s, struct gv_turn *t, struct visit *v, enum ble_type type, const uint8_t *data,
		size_t size, bool last)
{
	if (type == BLE_TIME_PUT)
		take(v->time, &v->time_size, data, size);
	else if (type == BLE_VOUCHER)
		take(v->voucher, &v->voucher_size, data, size);
	else if (type == BLE_RCPT_PUT && v->entered)
		ble_term_put(&v->term, type, data, size);
	else if (type == BLE_COURIER && v->entered && !v->receipt_asked)
		v->receipt_asked = put_brought(t, v, type);
	if (last && v->awaited && --v->awaited == 0) {
		v->wait_ms = 0;
		if (!v->entered && *v->pile)
			enter(t, v);
	}
	return v->conn ? pump(s, t, v) : 0;
}

int visit_line(struct terminal *s, struct gv_turn *t)
{
	int r = 0;

	for (unsigned i = 0; i < VISITS_MAX && r == 0; i++) {
		struct visit *v = &s->visits[i];

		if (!v->used || !*v->pile || v->entered || v->awaited)
			continue;
		ask_cloud(s, t, v);
		r = pump(s, t, v);
	}
	return r;
}

int visit_relayed(struct terminal *s, struct gv_turn *t, const char *pile)
{
	for (unsigned i = 0; i < VISITS_MAX; i++) {
		struct visit *v = &s->visits[i];

		if (v->used && v->conn && v->entered && strcmp(v->pile, pile) == 0)
			return pump(s, t, v);
	}
	return 0;
}
