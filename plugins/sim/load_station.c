/* One station of a load run: its connection, its calls and what becomes of them. */
#include "load_run.h"

#include <stdio.h>
#include <string.h>

/* ---- calls ----------------------------------------------------------------------------------- */

static void transmit(struct station *s, struct slot *slot, uint64_t now_ns)
{
	struct load *l = s->load;
	size_t size = load_call_write(&slot->call, (char *)l->scratch + GV_WS_HEADER_MAX);
	slot->sent_ns = now_ns;
	line_send(&s->line, l->scratch, size, GV_WS_TEXT);
}

void load_send(struct station *s, enum load_kind kind, uint64_t now_ns)
{
	struct load *l = s->load;
	struct slot *slot = s->slots;
	while (slot->used)
		slot++;
	int64_t time_ms = l->clock_ms + (int64_t)(now_ns / 1000000);
	s->time_ms = time_ms > s->time_ms ? time_ms : s->time_ms + 1;
	if (kind == LOAD_METER)
		s->meter_wh++;
	else if (kind == LOAD_START)
		s->start_wh = s->meter_wh;
	slot->used = true;
	slot->call = (struct load_call){ kind,        s->index, ++s->seq, s->time_ms,  s->transaction_id,
					 s->meter_wh, l->token, l->tail,  l->tail_size };
	s->in_flight++;
	l->account.waiting++;
	l->account.sent++;
	transmit(s, slot, now_ns);
}

/* Sends what the run wants of a station that is ready. */
void load_fill(struct station *s, uint64_t now_ns)
{
	struct load *l = s->load;
	if (l->idle || l->storm)
		return;
	if (l->want.message[0] == 'S') { /* StartStop: one after the other */
		if (s->in_flight == 0)
			load_send(s, s->transaction_id ? LOAD_STOP : LOAD_START, now_ns);
		return;
	}
	while (s->in_flight < l->want.in_flight)
		load_send(s, l->kind, now_ns);
}

static void settle(struct station *s, uint64_t now_ns)
{
	struct load *l = s->load;
	s->state = READY;
	s->set_up = true;
	l->account.up++;
	l->unsettled--;
	if (l->account.phase == CONNECTING || l->storm)
		load_pace(l);
	else if (load_account_running(&l->account))
		load_fill(s, now_ns);
}

/* The next step of a station whose line is open: what it owes, then the set-up, then the run. */
static void go_on(struct station *s, uint64_t now_ns)
{
	struct load *l = s->load;
	if (s->in_flight || l->account.phase >= FINISHING)
		return;
	if (s->state == READY) {
		if (load_account_running(&l->account))
			load_fill(s, now_ns);
		return;
	}
	if (l->storm && s->set_up && load_storm_call(s, now_ns))
		return;
	if (l->idle || l->want.echo || s->set_up)
		settle(s, now_ns);
	else if (s->seq == 0)
		load_send(s, LOAD_BOOT, now_ns);
	else if (l->kind == LOAD_METER && !s->transaction_id)
		load_send(s, LOAD_START, now_ns);
	else
		settle(s, now_ns);
}

static void fail_station(struct station *s)
{
	s->load->account.failed_connections++;
	line_close(&s->line, 1000);
}

static void on_answered(struct station *s, struct slot *slot, const struct load_answer *a, uint64_t now_ns)
{
	struct load *l = s->load;
	enum load_kind kind = slot->call.kind;
	int64_t transaction_id = 0;
	bool right = l->want.echo || (a->type == 3 && load_answer_right(a, kind, &transaction_id));
	slot->used = false;
	s->in_flight--;
	l->account.waiting--;
	if (right) {
		l->account.answered++;
		s->answered++;
	} else if (a->type == 4) {
		l->account.errors++;
		load_account_complain(&l->account, "the server answered with an error", a->payload, a->payload_size);
	} else {
		l->account.wrong++;
		load_account_complain(&l->account, "the server's answer is wrong", a->id,
				      (size_t)(a->payload - a->id) + a->payload_size);
	}
	if (right && kind == LOAD_METER) {
		s->answered_wh = slot->call.meter_wh;
		s->answered_time_ms = slot->call.time_ms;
	} else if (right && kind == LOAD_START) {
		s->transaction_id = transaction_id;
	} else if (right && kind == LOAD_STOP) {
		s->transaction_id = 0;
	}
	if (l->account.phase == MEASURING && !l->storm) {
		histogram_add(&l->account.latency, now_ns - slot->sent_ns);
		if (l->want.calls && l->account.latency.count >= l->want.calls)
			load_pace(l);
	}
	if (!right && s->state == SETTING_UP)
		fail_station(s);
	else
		go_on(s, now_ns);
	if (s->state == READY && load_account_running(&l->account) && s->in_flight < l->want.in_flight)
		load_fill(s, now_ns);
}

static void refuse_call(struct station *s, const struct load_answer *a)
{
	char text[200];
	int n = snprintf(text, sizeof text, "[4,\"%.*s\",\"NotSupported\",\"\",{}]",
			 (int)(a->id_size < 100 ? a->id_size : 100), a->id);
	line_send_text(&s->line, text, (size_t)n);
}

static void on_text(struct line *line, const char *data, size_t size)
{
	struct station *s = line->owner;
	struct load *l = s->load;
	struct load_answer a;
	if (load_answer_read(data, size, &a) < 0) {
		l->account.unexpected++;
		load_account_complain(&l->account, "the server sent what is no OCPP-J message", data, size);
		return;
	}
	if (a.type == 2 && !l->want.echo) {
		refuse_call(s, &a);
		return;
	}
	if (!a.ours || a.station != s->index || a.seq == 0 || a.seq > s->seq) {
		l->account.unexpected++;
		load_account_complain(&l->account, "the server answered a call that was not made", data, size);
		return;
	}
	for (struct slot *slot = s->slots; slot < s->slots + l->want.in_flight; slot++)
		if (slot->used && slot->call.seq == a.seq) {
			on_answered(s, slot, &a, uv_hrtime());
			return;
		}
	l->account.doubled++;
	load_account_complain(&l->account, "the server answered a call twice", data, size);
}

/* ---- connections ----------------------------------------------------------------------------- */

static void on_open(struct line *line)
{
	struct station *s = line->owner;
	struct load *l = s->load;
	uint64_t now_ns = uv_hrtime();
	l->dialing--;
	if (l->storm && l->account.phase == MEASURING)
		histogram_add(&l->account.latency, now_ns - s->since_ns);
	s->state = SETTING_UP;
	s->since_ns = now_ns;
	if (l->account.phase == CONNECTING)
		l->account.last_open_ns = now_ns;
	for (struct slot *slot = s->slots; slot < s->slots + l->want.in_flight; slot++)
		if (slot->used) { /* after a reconnect: the server may have seen it or not */
			l->account.repeated++;
			transmit(s, slot, now_ns);
		}
	go_on(s, now_ns);
	if (l->account.phase == CONNECTING && !l->want.connect_rate)
		load_pace(l);
}

/* Nobody will answer its calls any more. */
static void lose(struct station *s)
{
	struct load *l = s->load;
	for (struct slot *slot = s->slots; slot < s->slots + l->want.in_flight; slot++)
		slot->used = false;
	if (l->account.phase < CLOSING) {
		l->account.lost += s->in_flight;
		l->account.waiting -= s->in_flight;
		s->in_flight = 0;
	}
}

static void on_end(struct line *line, bool opened, const char *why)
{
	struct station *s = line->owner;
	struct load *l = s->load;
	if (s->state == DIALING)
		l->dialing--;
	if (s->state == READY)
		l->account.up--;
	else
		l->unsettled--;
	if (*why)
		load_account_complain(&l->account, opened ? "a connection ended" : "a connection failed", why,
				      strlen(why));
	if (*why && opened && l->account.phase < CLOSING)
		l->account.dropped++;
	if (*why && !s->set_up)
		l->account.failed_connections++;
	if (!l->want.reconnect || !s->set_up)
		lose(s);
	s->state = GONE;
	s->since_ns = uv_hrtime();
	s->line_up = false;
	l->open_lines--;
	if (l->storm && l->account.phase == MEASURING && s->set_up && !*why)
		load_dial(l, s, s->since_ns);
	else if (l->account.phase == CONNECTING || l->account.phase == CLOSING)
		load_pace(l);
}

static const struct line_events events = { on_open, on_text, on_end };

void load_dial(struct load *l, struct station *s, uint64_t now_ns)
{
	char identity[96];
	snprintf(identity, sizeof identity, "%s%04u", l->prefix, s->index + 1);
	s->line.owner = s;
	s->state = DIALING;
	s->since_ns = now_ns;
	int r = line_open(&s->line, &l->io, &events, &l->target, identity, l->has_password ? l->password : NULL,
			  l->subprotocol);
	if (r < 0) {
		s->state = GONE;
		l->account.failed_connections++;
		load_account_complain(&l->account, "a connection failed", uv_strerror(r), strlen(uv_strerror(r)));
		return;
	}
	s->line_up = true;
	l->dialing++;
	l->unsettled++;
	l->open_lines++;
}
