/* Visits over Bluetooth: one message at a time, answered in order; the records that were asked for go in between. */
#include "pile_internal.h"

#include <string.h>

/* ---- coming and going ------------------------------------------------------------------------ */

static bool known(const struct ble_pile_visit *v)
{
	return v->link.state == BLE_READY;
}

struct ble_pile_visit *ble_pile_connect(struct ble_pile *p, uint64_t now_ms)
{
	struct ble_link_config config = { .end = BLE_PILE,
					  .crypto = p->config.crypto,
					  .pile = p->config.id,
					  .pile_key = p->config.key,
					  .certificate = p->config.certificate };
	struct ble_pile_visit *free = NULL;

	p->now_ms = now_ms;
	for (size_t i = 0; i < BLE_PILE_VISITS; i++) {
		if (!p->visits[i].open)
			free = &p->visits[i];
		else if (!known(&p->visits[i]))
			return NULL; /* one stranger at a time */
	}
	if (!free)
		return NULL;
	memset(free, 0, sizeof(*free));
	free->pile = p;
	free->open = true;
	ble_link_init(&free->link, &config, now_ms);
	return free;
}

void ble_pile_disconnect(struct ble_pile_visit *v)
{
	if (!v->open)
		return;
	mind_uplink_forget(v->pile, v);
	ble_link_fini(&v->link);
	memset(v->ephemeral, 0, sizeof(v->ephemeral));
	v->open = false;
}

bool ble_pile_visit_over(const struct ble_pile_visit *v)
{
	return !v->open || (v->link.state == BLE_ENDED && !ble_link_busy(&v->link));
}

/* ---- answers --------------------------------------------------------------------------------- */

static int reply(struct ble_pile_visit *v, enum ble_type type, int result, struct ble_answer *answer)
{
	uint8_t body[64];
	int size;

	if (result < 0)
		*answer = (struct ble_answer){ .result = (uint8_t)-result };
	size = ble_answer_write(answer, body, sizeof(body));
	return ble_link_send(&v->link, type, body, (size_t)size);
}

static struct ble_gate gate(const struct ble_pile_visit *v, bool online)
{
	struct ble_pile *p = v->pile;

	return (struct ble_gate){ .pile = p->config.id,
				  .keys = &p->keys,
				  .clock = &p->clock,
				  .uptime_ms = p->now_ms,
				  .used = &p->state.used,
				  .online = online,
				  .store_full = p->broken || mind_store_at_reserve(p),
				  .cap_minor = p->config.cap_minor };
}

static int greet(struct ble_pile_visit *v)
{
	struct ble_pile *p = v->pile;
	struct ble_facts facts = { .boot = p->state.boot,
				   .utc = ble_clock_utc(&p->clock, p->now_ms),
				   .trust = p->clock.trust,
				   .next_seq = p->chain.next };
	uint8_t nonce[16];

	p->hardware.random(p->hardware.user, v->ephemeral, sizeof(v->ephemeral));
	p->hardware.random(p->hardware.user, nonce, sizeof(nonce));
	return ble_link_hello_ack(&v->link, v->ephemeral, nonce, &facts);
}

/* ---- START ----------------------------------------------------------------------------------- */

static bool starts_once(const struct ble_voucher *v)
{
	return !(v->flags & BLE_OPERATOR) || (v->flags & BLE_ONCE);
}

static uint32_t narrower(uint32_t a, uint32_t b) /* 0: no limit */
{
	return a == 0 || (b != 0 && b < a) ? b : a;
}

/* By the voucher alone, or by the cloud's word, which may give less. */
static int begin(struct ble_pile_visit *v, const struct ble_grant *word)
{
	struct ble_voucher shown = v->voucher;
	struct ble_gate g = gate(v, word != NULL);
	struct leave leave = { .order = v->command.order,
			       .holder = v->voucher.holder,
			       .once = starts_once(&v->voucher) };
	struct ble_answer answer = { 0 };
	int r;

	if (word && ble_voucher_none(&shown)) {
		memcpy(shown.jti, word->jti, 16);
		shown.expires = word->expires;
		memcpy(shown.tariff, word->tariff, 8);
	}
	memcpy(leave.grant.jti, shown.jti, 16);
	memcpy(leave.grant.tariff, shown.tariff, 8);
	leave.grant.expires = shown.expires;
	leave.grant.max_wh = word ? narrower(shown.max_wh, word->max_wh) : shown.max_wh;
	leave.grant.max_minutes = (uint16_t)(word ? narrower(shown.max_minutes, word->max_minutes) : shown.max_minutes);
	r = ble_gate_start(v->pile->config.crypto, &g, v->link.nonce[BLE_PILE], &shown, v->command.connector);
	if (r == 0)
		r = mind_command_start(v->pile, &v->command, &leave, &answer);
	return reply(v, BLE_START_RES, r, &answer);
}

void mind_visit_asked(struct ble_pile_visit *v, int result, const struct ble_grant *grant)
{
	struct ble_answer answer = { 0 };

	v->asking = false;
	v->type = 0;
	if (result == 0)
		begin(v, grant);
	else
		reply(v, BLE_START_RES, result, &answer);
}

/* With a network the cloud decides; without one, what it has signed. */
static int start(struct ble_pile_visit *v)
{
	struct ble_pile *p = v->pile;
	struct ble_answer answer = { 0 };
	int r = ble_command_read(v->body, v->size, &v->command);

	if (r < 0)
		return reply(v, BLE_START_RES, r, &answer);
	if (mind_command_started(p, &v->command, v->voucher.holder, &answer))
		return reply(v, BLE_START_RES, 0, &answer);
	if (!ble_pile_online(p, p->now_ms))
		return begin(v, NULL);
	v->asking = mind_uplink_ask(p, v);
	v->asked_ms = p->now_ms;
	return v->asking ? 0 : -BLE_BUSY;
}

static int stop(struct ble_pile_visit *v)
{
	struct ble_pile *p = v->pile;
	struct ble_command command;
	struct ble_answer answer = { 0 };
	const struct ble_pile_session *s;
	int r = ble_command_read(v->body, v->size, &command);

	s = r == 0 ? mind_session_of(p, command.connector) : NULL;
	if (r == 0)
		r = s ? ble_gate_stop(&v->voucher, s->holder) : -BLE_NOT_ALLOWED;
	if (r == 0)
		r = mind_command_stop(
			p, &command,
			ble_same(v->voucher.holder, s->holder, 32) ? BLE_REASON_HOLDER : BLE_REASON_OPERATOR, &answer);
	return reply(v, BLE_STOP_RES, r, &answer);
}

/* ---- the rest -------------------------------------------------------------------------------- */

static int tell_status(struct ble_pile_visit *v)
{
	struct ble_status it;
	uint8_t body[64];
	int size;

	mind_command_status(v->pile, v->voucher.connector, &it);
	size = ble_status_write(&it, body, sizeof(body));
	return ble_link_send(&v->link, BLE_STATUS_RES, body, (size_t)size);
}

static int records_asked(struct ble_pile_visit *v)
{
	struct ble_record_get get;
	struct ble_answer answer = { 0 };
	int r = ble_record_get_read(v->body, v->size, &get);

	if (r < 0)
		return reply(v, BLE_ERR, r, &answer);
	mind_command_range(v->pile, &get, &v->next, &v->last);
	v->head_due = true;
	memcpy(v->nonce, get.nonce, 16);
	return 0;
}

static int letters_asked(struct ble_pile_visit *v)
{
	struct ble_courier c;
	struct ble_answer answer = { 0 };
	uint8_t body[BLE_DOCUMENT_MAX];
	int r = ble_courier_read(v->body, v->size, &c);

	if (r == 0)
		r = mind_letters_say(v->pile, mind_letters_next(v->pile, c.number), true, body, sizeof(body));
	return r < 0 ? reply(v, BLE_PUT_RES, r, &answer) : ble_link_send(&v->link, BLE_COURIER, body, (size_t)r);
}

/* Whatever becomes of it, the answer says how much is here of the letter in hand. */
static int letter_put(struct ble_pile_visit *v)
{
	struct ble_pile *p = v->pile;
	struct ble_courier c;
	struct ble_answer answer = { .has = BLE_HAS(BLE_ANSWER_SEQ) };
	int r = ble_courier_read(v->body, v->size, &c);

	if (r == 0)
		r = mind_letters_put(p, &c);
	answer.result = (uint8_t)-r;
	answer.seq = p->mail.have;
	return reply(v, BLE_PUT_RES, 0, &answer);
}

static int respond(struct ble_pile_visit *v)
{
	struct ble_pile *p = v->pile;
	struct ble_answer answer = { 0 };
	struct ble_gate g;

	switch (v->type) {
	case BLE_HELLO:
		return greet(v);
	case BLE_AUTH:
		g = gate(v, ble_pile_online(p, p->now_ms));
		return ble_link_admit(&v->link, &g, v->body, v->size, &v->voucher);
	case BLE_START:
		return start(v);
	case BLE_STOP:
		return stop(v);
	case BLE_STATUS:
		return tell_status(v);
	case BLE_REC_GET:
		return records_asked(v);
	case BLE_RCPT_PUT:
		return reply(v, BLE_PUT_RES, mind_command_receipt(p, v->body, v->size), &answer);
	case BLE_KEYSET_PUT:
		return reply(v, BLE_PUT_RES, mind_command_keyset(p, v->body, v->size), &answer);
	case BLE_TIME_PUT:
		return reply(v, BLE_PUT_RES, mind_command_time(p, v->link.nonce[BLE_PILE], v->body, v->size), &answer);
	case BLE_COURIER_GET:
		return letters_asked(v);
	case BLE_COURIER:
		return letter_put(v);
	default: /* nothing here is configured */
		return reply(v, BLE_PUT_RES, -BLE_UNSUPPORTED, &answer);
	}
}

/* The next record that was asked for, or the head behind the last. */
static int tell_record(struct ble_pile_visit *v)
{
	uint8_t body[BLE_DOCUMENT_MAX];
	int size;

	while (v->next <= v->last) {
		size = ble_pile_record(v->pile, v->next++, body);
		if (size > 0)
			return ble_link_send(&v->link, BLE_REC, body, (size_t)size);
	}
	v->head_due = false;
	size = mind_command_head(v->pile, v->nonce, body, sizeof(body));
	return size < 0 ? size : ble_link_send(&v->link, BLE_REC_END, body, (size_t)size);
}

/* ---- values ---------------------------------------------------------------------------------- */

int ble_pile_receive(struct ble_pile_visit *v, const uint8_t *value, size_t size, uint64_t now_ms)
{
	struct ble_message m;
	int r;

	if (!v->open)
		return -BLE_CLOSED;
	v->pile->now_ms = now_ms;
	r = ble_link_receive(&v->link, value, size, now_ms, &m);
	if (r <= 0)
		return r;
	if (m.type == BLE_REC_STORED)
		return 0; /* a terminal's word lets nothing be forgotten */
	if (v->type || m.body.size > sizeof(v->body))
		return -BLE_BUSY; /* it did not wait for its answer */
	v->type = (uint8_t)m.type;
	v->size = (uint16_t)m.body.size;
	if (m.body.size)
		memcpy(v->body, m.body.at, m.body.size);
	return 0;
}

static void speak(struct ble_pile_visit *v)
{
	int r = 0;

	if (ble_link_busy(&v->link) || v->asking || v->link.state == BLE_ENDED)
		return;
	if (v->type) {
		r = respond(v);
		if (r != -BLE_BUSY && !v->asking)
			v->type = 0;
	}
	if (!v->type && v->head_due && !ble_link_busy(&v->link))
		tell_record(v);
}

int ble_pile_segment(struct ble_pile_visit *v, unsigned mtu, uint64_t now_ms, uint8_t *ret, size_t room)
{
	int size;

	if (!v->open)
		return 0;
	v->pile->now_ms = now_ms;
	size = ble_link_segment(&v->link, mtu, ret, room);
	if (size != 0)
		return size;
	speak(v);
	return ble_link_segment(&v->link, mtu, ret, room);
}

uint64_t mind_visits_tick(struct ble_pile *p)
{
	uint64_t next = UINT64_MAX;

	for (size_t i = 0; i < BLE_PILE_VISITS; i++) {
		struct ble_pile_visit *v = &p->visits[i];
		uint64_t deadline;

		if (!v->open)
			continue;
		ble_link_tick(&v->link, p->now_ms);
		if (v->asking && p->now_ms - v->asked_ms >= ASK_WAIT_MS) {
			mind_uplink_forget(p, v);
			mind_visit_asked(v, 0, NULL); /* no word: what was signed counts */
		}
		deadline = v->asking ? v->asked_ms + ASK_WAIT_MS : ble_link_deadline_ms(&v->link) + 1;
		next = deadline < next ? deadline : next;
	}
	return next;
}
