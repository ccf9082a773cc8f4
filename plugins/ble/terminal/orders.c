/* Start and Stop at the terminal (S1): an order is a row until the pile has answered it, or its time is over. A visit
 * that breaks is made again with the same order, which a pile answers as before. */
#include "terminal.h"

#include <string.h>

static int reply(struct gv_turn *t, const Ble__CommandRow *c, const struct ble_term_step *step)
{
	struct gv_ticket ticket = { c->call, c->caller };
	Ble__StartReply started = BLE__START_REPLY__INIT;
	Ble__StopReply stopped = BLE__STOP_REPLY__INIT;
	char *session = gv_alloc(t, PILE_HEX);
	char *status = (char *)(step->result == BLE_OK ? "Accepted" : "Rejected");

	if (c->stop) {
		stopped.status = status;
		stopped.result = (char *)ble_result_name(step->result);
		stopped.seq = step->seq;
		return gv_reply(t, ticket, &stopped);
	}
	if (step->result == BLE_OK)
		hex_write(step->session, 16, session);
	started.status = status;
	started.result = (char *)ble_result_name(step->result);
	started.session = session;
	started.seq = step->seq;
	return gv_reply(t, ticket, &started);
}

int visit_order_answered(struct gv_turn *t, const char *device, const struct ble_term_step *step)
{
	const Ble__CommandRow *c = gv_get(t, &terminal_commands, gv_key(device));
	int r;

	if (!c)
		return 0;
	r = reply(t, c, step);
	return r < 0 ? r : gv_delete(t, &terminal_commands, gv_key(device));
}

static int give_up(struct gv_turn *t, const char *device, const Ble__CommandRow *c)
{
	int r = gv_refuse(t, (struct gv_ticket){ c->call, c->caller }, GV_UNAVAILABLE, "%s: %s%s", device,
			  *c->why ? c->why : "the pile did not answer in time; is it in reach?",
			  c->said ? "; whether it was done is not known: the same order again gets the same answer"
				  : "");

	return r < 0 ? r : gv_delete(t, &terminal_commands, gv_key(device));
}

int order_failed(struct gv_turn *t, const char *device, const char *why)
{
	Ble__CommandRow *c;

	if (!gv_get(t, &terminal_commands, gv_key(device)))
		return 0;
	c = gv_edit(t, &terminal_commands, gv_key(device));
	c->why = gv_strdup(t, why);
	return gv_timer(t, TERMINAL_TICK, gv_now_ms(t) + RECONNECT_MS, NULL);
}

int orders_tick(struct terminal *s, struct gv_turn *t)
{
	struct gv_scan scan = { .table = &terminal_commands };
	int r = 0;

	while (r == 0 && gv_next(t, &scan)) {
		const Ble__CommandRow *c = scan.row;
		const char *device = scan.key.part[0].s;

		if (gv_now_ms(t) >= c->until_ms) {
			r = visit_leave(s, t, device);
			r = r < 0 ? r : give_up(t, device, c);
		} else {
			r = visit_begin(s, t, device, false);
		}
	}
	return r;
}

/* ---- what people ask for --------------------------------------------------------------------- */

/* What is wrong with it, or NULL. */
static const char *device_problem(const char *device)
{
	if (strncmp(device, "ble:", ADDRESS_AT) != 0 || strlen(device) != ADDRESS_AT + 17)
		return "device: \"ble:\" and the pile's address, as in ble:AA-BB-CC-00-11-22";
	return NULL;
}

static int begin(struct terminal *s, struct gv_turn *t, struct gv_ticket ticket, const char *device,
		 Ble__CommandRow *row)
{
	const char *problem = device_problem(device);
	int r;

	if (problem)
		return gv_refuse(t, ticket, GV_INVALID_ARGUMENT, "%s", problem);
	if (row->connector > UINT8_MAX)
		return gv_refuse(t, ticket, GV_INVALID_ARGUMENT, "connector: 1 to 255; 0 stands for 1");
	if (gv_get(t, &terminal_commands, gv_key(device)))
		return gv_refuse(t, ticket, GV_ABORTED, "%s has a Start or Stop under way; wait for its answer",
				 device);
	row->call = ticket.call;
	row->caller = ticket.caller;
	row->until_ms = gv_now_ms(t) + COMMAND_MS;
	row->connector = row->connector ? row->connector : 1;
	r = gv_put(t, &terminal_commands, gv_key(device), row);
	if (r == 0)
		r = visit_leave(s, t, device); /* one that carries, without this order's voucher */
	return r < 0 ? r : visit_begin(s, t, device, false);
}

/* Fetched beforehand, not bound to a connection, in case the cloud is not there when the pile is. */
static void fetch_voucher(struct terminal *s, struct gv_turn *t, const char *device, const Ble__CommandRow *row)
{
	const Ble__SeenRow *seen = gv_get(t, &terminal_piles, gv_key(device));
	struct ble_voucher_get wish = { .connector = (uint8_t)row->connector };

	if (!seen || row->voucher.len || !*row->token || !hex_read(seen->id, wish.pile, 16))
		return;
	memcpy(wish.order, row->order.data, 16);
	memcpy(wish.holder, s->public_key, 32);
	line_voucher(s, t, device, &wish);
}

static uint8_t *random_order(struct gv_turn *t)
{
	uint64_t *order = gv_alloc(t, 16);

	order[0] = gv_random(t);
	order[1] = gv_random(t);
	return (uint8_t *)order;
}

int order_start(struct terminal *s, struct gv_turn *t, struct gv_ticket ticket, const Ble__StartRequest *r)
{
	Ble__CommandRow row = BLE__COMMAND_ROW__INIT;
	struct ble_voucher voucher;
	int result;

	row.connector = r->connector;
	row.token = r->order;
	row.voucher = r->voucher;
	row.order.data = random_order(t);
	row.order.len = 16;
	if (strlen(r->order) > BLE_TOKEN_MAX)
		return gv_refuse(t, ticket, GV_INVALID_ARGUMENT, "order: at most %d bytes", BLE_TOKEN_MAX);
	if (*r->order)
		ble_order_id(&ble_openssl, r->order, strlen(r->order), row.order.data);
	if (r->voucher.len && ble_voucher_read(r->voucher.data, r->voucher.len, &voucher) < 0)
		return gv_refuse(t, ticket, GV_INVALID_ARGUMENT, "voucher: it is none");
	if (r->voucher.len && !ble_same(voucher.holder, s->public_key, 32))
		return gv_refuse(t, ticket, GV_INVALID_ARGUMENT,
				 "voucher: it is for another holder; this terminal's key is in galvan rows ble "
				 "terminal_keys");
	if (r->voucher.len)
		memcpy(row.order.data, voucher.order, 16);
	result = begin(s, t, ticket, r->device, &row);
	if (result == 0 && gv_get(t, &terminal_commands, gv_key(r->device)))
		fetch_voucher(s, t, r->device, &row);
	return result;
}

int order_stop(struct terminal *s, struct gv_turn *t, struct gv_ticket ticket, const Ble__StopRequest *r)
{
	Ble__CommandRow row = BLE__COMMAND_ROW__INIT;

	row.stop = true;
	row.connector = r->connector;
	row.order.data = random_order(t);
	row.order.len = 16;
	return begin(s, t, ticket, r->device, &row);
}
