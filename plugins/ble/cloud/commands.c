/* Charging/Start and Stop. A pile on line is told at once and answers; one that is not is granted the start, and a
 * holder brings it. Whoever waits for an answer is a row, so a restart keeps it waiting. */
#include "cloud.h"

#include <string.h>

static char *start_timer(struct gv_turn *t, const Ble__GrantRow *g)
{
	return gv_str(t, CLOUD_NAME ":start:%s", g->request_id);
}

/* ---- start ----------------------------------------------------------------------------------- */

/* Granted: it begins when it begins. */
static int granted(struct gv_turn *t, struct gv_ticket to, const Ble__GrantRow *g)
{
	Charging__StartReply reply = CHARGING__START_REPLY__INIT;

	reply.status = (char *)"Accepted";
	reply.request_id = g->request_id;
	reply.begins_until_ms = grant_until_ms(g);
	return gv_reply(t, to, &reply);
}

static struct gv_ticket take_ticket(Ble__GrantRow *g)
{
	struct gv_ticket to = { g->ticket_call, g->ticket_caller };

	g->ticket_call = g->ticket_caller = 0;
	return to;
}

static bool waits(const Ble__GrantRow *g)
{
	return g->ticket_call || g->ticket_caller;
}

void command_start(struct cloud *c, struct gv_turn *t, struct pile *p, const struct line *l, Ble__GrantRow *g)
{
	struct ble_command it = { .connector = (uint8_t)(g->connector ? g->connector : 1) };
	Ble__Due due = BLE__DUE__INIT;
	uint8_t body[128];

	memcpy(it.order, g->order.data, sizeof(it.order));
	grant_write(c, g, &it.has, &it.grant);
	g->counter = ++pile_edit(t, p)->counter;
	line_say(t, l, BLE_START, g->counter, body, ble_command_write(&it, body, sizeof(body)));
	due.device = (char *)p->device;
	due.jti = g->request_id;
	gv_timer(t, start_timer(t, g), gv_now_ms(t) + CLOUD_ANSWER_MS, &due);
}

int charging_start(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *m)
{
	const Charging__StartRequest *r = (const Charging__StartRequest *)m;
	struct cloud *c = cloud_of(self, t, to);
	const struct line *l;
	const char *why = "";
	Ble__GrantRow *g;
	struct pile p;

	if (!c)
		return 0;
	if (!pile_find(t, r->device, &p))
		return gv_refuse(t, to, GV_NOT_FOUND, "%.128s is no pile: PutPile makes it one", r->device);
	g = grant_make(c, t, &p, r, &why);
	if (!g)
		return gv_refuse(t, to, GV_FAILED_PRECONDITION, "%s", why);
	l = line_of(c, p.device);
	if (!l || waits(g))
		return granted(t, to, g);
	g->ticket_call = to.call;
	g->ticket_caller = to.caller;
	command_start(c, t, &p, l, g);
	return 0;
}

/* The open grant whose START had that counter. */
static Ble__GrantRow *by_counter(struct gv_turn *t, const char *device, uint32_t counter)
{
	struct gv_scan scan = { .table = &cloud_open_grants, .prefix = gv_key(device) };

	while (counter && gv_next(t, &scan)) {
		const Ble__GrantRow *g = gv_get(t, &cloud_grants, gv_key(device, scan.key.part[1].s));

		if (g && g->counter == counter)
			return gv_edit(t, &cloud_grants, gv_key(device, scan.key.part[1].s));
	}
	return NULL;
}

/* The pile's own word. Where a holder has a voucher besides, that may still start. */
void command_started(struct cloud *c, struct gv_turn *t, const char *device, uint32_t counter, int result)
{
	Charging__StartReply reply = CHARGING__START_REPLY__INIT;
	Ble__GrantRow *g = by_counter(t, device, counter);
	struct gv_ticket to;

	if (!g)
		return; /* its start record has come before */
	gv_timer_cancel(t, start_timer(t, g));
	if (result != BLE_OK && !g->given) {
		grant_abandon(t, g, gv_str(t, "the pile refused: %s", ble_result_name(result)));
		return;
	}
	if (result != BLE_OK)
		g->counter = 0;
	if (!waits(g))
		return;
	to = take_ticket(g);
	if (result != BLE_OK) {
		granted(t, to, g);
		return;
	}
	reply.status = (char *)"Accepted";
	reply.request_id = g->request_id;
	/* It runs by the pile's word; the record that proves it may still be lost with the line. */
	reply.begins_until_ms = grant_until_ms(g);
	gv_reply(t, to, &reply);
}

/* It does not answer; it may have started. */
static int start_due(struct gv_turn *t, const Ble__Due *due)
{
	const Ble__GrantRow *found = gv_get(t, &cloud_grants, gv_key(due->device, due->jti));
	Ble__GrantRow *g;

	if (!found || !waits(found))
		return 0;
	g = gv_edit(t, &cloud_grants, gv_key(due->device, due->jti));
	return granted(t, take_ticket(g), g);
}

/* ---- stop ------------------------------------------------------------------------------------ */

static char *stop_timer(struct gv_turn *t, const char *device, uint32_t counter)
{
	return gv_str(t, CLOUD_NAME ":stop:%s:%u", device, counter);
}

/* The session that runs there, by id or by connector; NULL: *ret_why says what to do. */
static const Ble__SessionRow *meant(struct gv_turn *t, const Charging__StopRequest *r, const char **ret_why)
{
	struct gv_scan scan = { .table = &cloud_open_sessions, .prefix = gv_key(r->device) };
	const Ble__SessionRow *row = r->session_id[0] ? session_find(t, r->session_id) : NULL, *only = NULL;
	unsigned n = 0;

	*ret_why = r->session_id[0] ? gv_str(t, "session \"%.200s\" does not run", r->session_id)
				    : gv_str(t, "no session runs there on %.128s", r->device);
	if (r->session_id[0])
		return row && !row->told_end ? row : NULL;
	while (gv_next(t, &scan)) {
		row = gv_get(t, &cloud_sessions, scan.key);
		if (!row || (r->connector && row->connector != r->connector))
			continue;
		only = row;
		n++;
	}
	if (n > 1)
		*ret_why = gv_str(t, "%u sessions run on %.128s: name the session or its connector", n, r->device);
	return n == 1 ? only : NULL;
}

static void say_stop(struct gv_turn *t, struct gv_ticket to, struct pile *p, const struct line *l,
		     const Ble__SessionRow *row)
{
	struct ble_command it = { .connector = (uint8_t)row->connector };
	uint32_t counter = ++pile_edit(t, p)->counter;
	Ble__Due due = BLE__DUE__INIT;
	uint8_t body[64], jti[16];
	const Ble__GrantRow *g = pile_unhex(row->jti, jti, 16) ? grant_find(t, p->device, jti) : NULL;
	Ble__StopRow *stop = gv_edit(t, &cloud_stops, gv_key(p->device, counter));

	if (g)
		memcpy(it.order, g->order.data, sizeof(it.order));
	stop->ticket_call = to.call;
	stop->ticket_caller = to.caller;
	line_say(t, l, BLE_STOP, counter, body, ble_command_write(&it, body, sizeof(body)));
	due.device = (char *)p->device;
	due.counter = counter;
	gv_timer(t, stop_timer(t, p->device, counter), gv_now_ms(t) + CLOUD_ANSWER_MS, &due);
}

static int stop_grant(struct gv_turn *t, struct gv_ticket to, const Charging__StopRequest *r)
{
	Charging__StopReply reply = CHARGING__STOP_REPLY__INIT;

	if (!grant_cancel(t, r->device, r->request_id))
		return gv_refuse(
			t, to, GV_FAILED_PRECONDITION,
			"the start %.64s of %.128s has begun, is over, or a pile or phone has it and may still use it",
			r->request_id, r->device);
	reply.status = (char *)"Accepted";
	return gv_reply(t, to, &reply);
}

int charging_stop(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *m)
{
	const Charging__StopRequest *r = (const Charging__StopRequest *)m;
	struct cloud *c = cloud_of(self, t, to);
	const Ble__SessionRow *row;
	const struct line *l;
	const char *why;
	struct pile p;

	if (!c)
		return 0;
	if (r->request_id[0])
		return stop_grant(t, to, r);
	row = meant(t, r, &why);
	if (!row)
		return gv_refuse(t, to, GV_FAILED_PRECONDITION, "%s", why);
	if (!pile_find(t, row->device, &p))
		return gv_refuse(t, to, GV_NOT_FOUND, "%s is no pile any more", row->device);
	l = line_of(c, p.device);
	if (!l)
		return gv_refuse(
			t, to, GV_UNAVAILABLE,
			"%s is not on line: whoever started it stops it there, and it stops by itself at its limits",
			p.device);
	say_stop(t, to, &p, l, row);
	return 0;
}

static void stopped(struct gv_turn *t, const char *device, uint32_t counter, int result)
{
	const Ble__StopRow *row = gv_get(t, &cloud_stops, gv_key(device, counter));
	Charging__StopReply reply = CHARGING__STOP_REPLY__INIT;
	struct gv_ticket to;

	if (!row)
		return;
	to = (struct gv_ticket){ row->ticket_call, row->ticket_caller };
	gv_delete(t, &cloud_stops, gv_key(device, counter));
	gv_timer_cancel(t, stop_timer(t, device, counter));
	if (result < 0) {
		gv_refuse(t, to, GV_UNAVAILABLE, "%s did not answer in %d s", device, CLOUD_ANSWER_MS / 1000);
		return;
	}
	reply.status = (char *)(result == BLE_OK ? "Accepted" : "Rejected");
	gv_reply(t, to, &reply);
}

void command_stopped(struct gv_turn *t, const char *device, uint32_t counter, int result)
{
	stopped(t, device, counter, result);
}

int command_due(struct cloud *c, struct gv_turn *t, const Ble__Due *due)
{
	if (!due)
		return 0;
	if (due->jti[0])
		return start_due(t, due);
	stopped(t, due->device, due->counter, -1);
	return 0;
}
