/* The pile's own line to the cloud: every record until there is a receipt for it, the cloud's commands, and its word on
 * who may start. One message is received or sent at a time; the counters of records are odd and come from their
 * numbers. */
#include "pile_internal.h"

#include <string.h>

static uint32_t counter_of(uint64_t seq)
{
	return (uint32_t)(seq << 1 | 1);
}

static uint32_t next_counter(struct ble_pile_uplink *u)
{
	return u->counter += 2; /* even */
}

/* ---- the connection -------------------------------------------------------------------------- */

void ble_pile_uplink_open(struct ble_pile *p, uint64_t now_ms)
{
	struct ble_pile_uplink *u = &p->uplink;

	p->now_ms = now_ms;
	memset(u, 0, sizeof(*u));
	u->open = u->fetch_due = u->status_due = true;
	u->said = p->state.acked;
	u->heard_ms = now_ms;
	p->hardware.random(p->hardware.user, u->nonce, sizeof(u->nonce));
	mind_line_letters_open(p);
}

void ble_pile_uplink_close(struct ble_pile *p, uint64_t now_ms)
{
	struct ble_pile_visit *asking = p->uplink.asking;

	p->now_ms = now_ms;
	memset(&p->uplink, 0, sizeof(p->uplink));
	if (asking)
		mind_visit_asked(asking, 0, NULL);
}

/* ---- a START of which the cloud is asked ----------------------------------------------------- */

bool mind_uplink_ask(struct ble_pile *p, struct ble_pile_visit *v)
{
	struct ble_pile_uplink *u = &p->uplink;

	if (u->asking)
		return false;
	u->asking = v;
	u->ask_due = true;
	return true;
}

void mind_uplink_forget(struct ble_pile *p, const struct ble_pile_visit *v)
{
	if (p->uplink.asking != v)
		return;
	p->uplink.asking = NULL;
	p->uplink.ask_due = false;
}

static int asked(struct ble_pile *p, const struct ble_frame *f)
{
	struct ble_pile_uplink *u = &p->uplink;
	struct ble_pile_visit *v = u->asking;
	struct ble_ask_result it;
	int r = ble_ask_result_read(f->body.at, f->body.size, &it);

	if (r < 0 || !v || f->counter != u->ask_counter)
		return r; /* an answer that came too late is one to nobody */
	mind_uplink_forget(p, v);
	mind_visit_asked(v, -it.result, &it.grant);
	return 0;
}

/* ---- commands of the cloud ------------------------------------------------------------------- */

static int owe(struct ble_pile_uplink *u, const struct ble_frame *f, enum ble_type type, int result)
{
	if (result < 0)
		u->answer = (struct ble_answer){ .result = (uint8_t)-result };
	u->answer_type = (uint8_t)type;
	u->answer_counter = f->counter;
	return 0;
}

static int start(struct ble_pile *p, const struct ble_frame *f)
{
	static const uint8_t nobody[32];
	struct ble_command it;
	struct leave leave = { .holder = nobody, .once = true };
	int r = ble_command_read(f->body.at, f->body.size, &it);

	if (r == 0 && !(it.has & BLE_HAS(BLE_GRANT_JTI)))
		r = -BLE_MALFORMED;
	if (r == 0 && it.grant.expires < ble_clock_low(&p->clock, p->now_ms))
		r = -BLE_EXPIRED;
	leave.grant = it.grant;
	leave.order = it.order;
	if (r == 0)
		r = mind_command_start(p, &it, &leave, &p->uplink.answer);
	return owe(&p->uplink, f, BLE_START_RES, r);
}

static int stop(struct ble_pile *p, const struct ble_frame *f)
{
	struct ble_command it;
	int r = ble_command_read(f->body.at, f->body.size, &it);

	if (r == 0)
		r = mind_command_stop(p, &it, BLE_REASON_CLOUD, &p->uplink.answer);
	return owe(&p->uplink, f, BLE_STOP_RES, r);
}

static int get_records(struct ble_pile *p, const struct ble_frame *f)
{
	struct ble_pile_uplink *u = &p->uplink;
	struct ble_record_get get;
	int r = ble_record_get_read(f->body.at, f->body.size, &get);

	if (r < 0)
		return owe(u, f, BLE_PUT_RES, r);
	mind_command_range(p, &get, &u->next, &u->last);
	u->head_due = true;
	u->get_counter = f->counter;
	memcpy(u->head_nonce, get.nonce, 16);
	return 0;
}

static int put(struct ble_pile *p, const struct ble_frame *f)
{
	struct ble_pile_uplink *u = &p->uplink;
	bool asked_for = f->type == BLE_COURIER && f->counter == u->piece_counter;
	int r;

	if (f->type == BLE_RCPT_PUT)
		r = mind_command_receipt(p, f->body.at, f->body.size);
	else if (f->type == BLE_KEYSET_PUT)
		r = mind_command_keyset(p, f->body.at, f->body.size);
	else if (f->type == BLE_TIME_PUT)
		r = mind_command_time(p, u->nonce, f->body.at, f->body.size);
	else
		r = mind_line_letters_put(p, f);
	if (u->said < p->state.acked)
		u->said = p->state.acked;
	if (asked_for || (u->fetching && f->counter == u->fetch_counter))
		return 0; /* asked for: its end is the cloud's to say */
	u->answer = (struct ble_answer){ 0 };
	return owe(u, f, BLE_PUT_RES, r);
}

static int answered(struct ble_pile *p, const struct ble_frame *f)
{
	struct ble_pile_uplink *u = &p->uplink;

	mind_line_letters_refused(p, f->counter);
	if (u->fetching && f->counter == u->fetch_counter)
		u->fetching = false;
	for (uint64_t seq = u->answered + 1; f->counter % 2 && seq <= u->said; seq++)
		if (counter_of(seq) == f->counter)
			u->answered = seq;
	return 0;
}

int ble_pile_uplink_receive(struct ble_pile *p, const uint8_t *message, size_t size, uint64_t now_ms)
{
	struct ble_pile_uplink *u = &p->uplink;
	struct ble_frame f;
	int r = ble_frame_read(message, size, &f);

	p->now_ms = now_ms;
	if (!u->open)
		return -BLE_CLOSED;
	if (r < 0)
		return r;
	if (u->answer_type)
		return -BLE_BUSY;
	u->heard_ms = now_ms;
	u->greeted = true;
	switch (f.type) {
	case BLE_PUT_RES:
		return answered(p, &f);
	case BLE_ASK_RES:
		return asked(p, &f);
	case BLE_START:
		return start(p, &f);
	case BLE_STOP:
		return stop(p, &f);
	case BLE_STATUS:
		u->status_due = true;
		u->status_counter = f.counter;
		return 0;
	case BLE_REC_GET:
		return get_records(p, &f);
	case BLE_RCPT_PUT:
	case BLE_KEYSET_PUT:
	case BLE_TIME_PUT:
	case BLE_COURIER:
		return put(p, &f);
	default:
		return -BLE_UNEXPECTED;
	}
}

/* ---- what the pile says ---------------------------------------------------------------------- */

static int say(enum ble_type type, uint32_t counter, const uint8_t *body, int size, uint8_t *ret, size_t room)
{
	const struct ble_frame f = { .type = (uint8_t)type, .counter = counter, .body = { body, (size_t)size } };

	return size < 0 ? size : ble_frame_write(&f, ret, room);
}

static int say_answer(struct ble_pile *p, uint8_t *ret, size_t room)
{
	struct ble_pile_uplink *u = &p->uplink;
	uint8_t body[64];
	enum ble_type type = (enum ble_type)u->answer_type;

	u->answer_type = 0;
	return say(type, u->answer_counter, body, ble_answer_write(&u->answer, body, sizeof(body)), ret, room);
}

static int say_ask(struct ble_pile *p, uint8_t *ret, size_t room)
{
	struct ble_pile_uplink *u = &p->uplink;
	const struct ble_pile_visit *v = u->asking;
	struct ble_ask it = { .connector = v->command.connector };
	uint8_t body[128];

	u->ask_due = false;
	u->ask_counter = next_counter(u);
	if (!ble_voucher_none(&v->voucher)) {
		it.has = BLE_HAS(BLE_ASK_JTI);
		memcpy(it.jti, v->voucher.jti, 16);
	}
	memcpy(it.order, v->command.order, 16);
	memcpy(it.holder, v->voucher.holder, 32);
	return say(BLE_ASK, u->ask_counter, body, ble_ask_write(&it, body, sizeof(body)), ret, room);
}

static int say_fetch(struct ble_pile *p, uint8_t *ret, size_t room)
{
	struct ble_pile_uplink *u = &p->uplink;
	struct ble_fetch it = { .has = BLE_HAS(BLE_FETCH_NONCE) };
	uint8_t body[64];

	u->fetch_due = false;
	u->fetching = true;
	u->fetch_ms = p->now_ms;
	u->fetch_counter = next_counter(u);
	memcpy(it.pile, p->config.id, 16);
	memcpy(it.nonce, u->nonce, 16);
	return say(BLE_FETCH, u->fetch_counter, body, ble_fetch_write(&it, body, sizeof(body)), ret, room);
}

static int say_status(struct ble_pile *p, uint8_t *ret, size_t room)
{
	struct ble_pile_uplink *u = &p->uplink;
	struct ble_status it;
	uint8_t body[64];
	uint32_t counter = u->status_counter;

	u->status_due = false;
	u->status_counter = 0;
	mind_command_status(p, 1, &it);
	return say(BLE_STATUS_RES, counter, body, ble_status_write(&it, body, sizeof(body)), ret, room);
}

/* What the cloud asked for: the next of the records, or the head behind the last. */
static int say_asked(struct ble_pile *p, uint8_t *ret, size_t room)
{
	struct ble_pile_uplink *u = &p->uplink;
	uint8_t body[BLE_DOCUMENT_MAX];

	while (u->next <= u->last) {
		int size = ble_pile_record(p, u->next++, body);

		if (size > 0)
			return say(BLE_REC, u->get_counter, body, size, ret, room);
	}
	u->head_due = false;
	return say(BLE_REC_END, u->get_counter, body, mind_command_head(p, u->head_nonce, body, sizeof(body)), ret,
		   room);
}

static bool record_due(const struct ble_pile *p)
{
	const struct ble_pile_uplink *u = &p->uplink;
	uint64_t done = u->answered > p->state.acked ? u->answered : p->state.acked;

	return u->greeted && u->said + 1 < p->chain.next && u->said < done + BLE_PILE_UPLINK_WINDOW;
}

static int say_record(struct ble_pile *p, uint8_t *ret, size_t room)
{
	struct ble_pile_uplink *u = &p->uplink;
	uint8_t body[BLE_RECORD_MAX];
	uint64_t seq = ++u->said;

	return say(BLE_REC, counter_of(seq), body, ble_pile_record(p, seq, body), ret, room);
}

static int say_letters(struct ble_pile *p, uint8_t *ret, size_t room)
{
	struct ble_pile_uplink *u = &p->uplink;
	uint8_t body[BLE_DOCUMENT_MAX];
	int size = 0;
	enum ble_type type = mind_line_letters_say(p, u->counter + 2, body, sizeof(body), &size);

	return type ? say(type, next_counter(u), body, size, ret, room) : 0;
}

int ble_pile_uplink_message(struct ble_pile *p, uint64_t now_ms, uint8_t *ret, size_t room)
{
	struct ble_pile_uplink *u = &p->uplink;

	p->now_ms = now_ms;
	if (!u->open)
		return 0;
	if (u->answer_type)
		return say_answer(p, ret, room);
	if (u->ask_due)
		return say_ask(p, ret, room);
	if (u->fetch_due)
		return say_fetch(p, ret, room);
	if (u->head_due)
		return say_asked(p, ret, room);
	if (record_due(p))
		return say_record(p, ret, room);
	if (u->status_due)
		return say_status(p, ret, room);
	return say_letters(p, ret, room);
}

bool ble_pile_uplink_dead(const struct ble_pile *p, uint64_t now_ms)
{
	return p->uplink.open && now_ms - p->uplink.heard_ms > 2000 * (uint64_t)p->config.heartbeat_s;
}

uint64_t mind_uplink_tick(struct ble_pile *p)
{
	struct ble_pile_uplink *u = &p->uplink;

	if (!u->open)
		return UINT64_MAX;
	if (p->now_ms - u->fetch_ms >= (uint64_t)p->config.heartbeat_s * 1000)
		u->fetch_due = true;
	return u->fetch_ms + (uint64_t)p->config.heartbeat_s * 1000;
}
