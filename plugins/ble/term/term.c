/* See ble_term.h. The link (core) knows which message has a place where; this knows what a terminal wants, one request
 * after the other, and what is to be told of it. */
#include "ble_term.h"

#include <string.h>

/* ---- requests -------------------------------------------------------------------------------- */

static int queue(struct ble_term *t, enum ble_type type, const uint8_t *body, size_t size)
{
	struct ble_term_request *r;

	if (t->count == BLE_TERM_REQUESTS || size > sizeof(r->body))
		return -BLE_NO_ROOM;
	r = &t->requests[(t->first + t->count++) % BLE_TERM_REQUESTS];
	r->type = type;
	r->size = size;
	if (size)
		memcpy(r->body, body, size);
	return 0;
}

int ble_term_put(struct ble_term *t, enum ble_type type, const uint8_t *document, size_t size)
{
	if (type != BLE_KEYSET_PUT && type != BLE_TIME_PUT && type != BLE_RCPT_PUT && type != BLE_COURIER &&
	    type != BLE_COURIER_GET)
		return -BLE_UNSUPPORTED;
	return queue(t, type, document, size);
}

int ble_term_auth(struct ble_term *t, const uint8_t *voucher, size_t size)
{
	return queue(t, BLE_AUTH, voucher, size);
}

static int command(struct ble_term *t, enum ble_type type, uint8_t connector, const uint8_t order[16])
{
	struct ble_command c = { .connector = connector };
	uint8_t body[64];
	int size;

	memcpy(c.order, order, 16);
	size = ble_command_write(&c, body, sizeof(body));
	return size < 0 ? size : queue(t, type, body, (size_t)size);
}

int ble_term_start(struct ble_term *t, uint8_t connector, const uint8_t order[16])
{
	return command(t, BLE_START, connector, order);
}

int ble_term_stop(struct ble_term *t, uint8_t connector, const uint8_t order[16])
{
	return command(t, BLE_STOP, connector, order);
}

int ble_term_status(struct ble_term *t)
{
	return queue(t, BLE_STATUS, NULL, 0);
}

int ble_term_fetch(struct ble_term *t, uint32_t chain, uint64_t from, unsigned most, const uint8_t nonce[16])
{
	struct ble_record_get get = { .chain = chain, .from = from };
	uint8_t body[64];
	int size;

	get.most = (uint16_t)(most < BLE_TERM_CARRY_MAX ? most : BLE_TERM_CARRY_MAX);
	memcpy(get.nonce, nonce, 16);
	size = ble_record_get_write(&get, body, sizeof(body));
	return size < 0 ? size : queue(t, BLE_REC_GET, body, (size_t)size);
}

static void begin_fetch(struct ble_term *t, const struct ble_term_request *r)
{
	struct ble_record_get get = { 0 };

	ble_record_get_read(r->body, r->size, &get);
	memcpy(t->nonce, get.nonce, 16);
	t->kept = t->sent = 0;
	t->most = get.most;
	t->chain = 0;
	t->upto = 0;
	t->declined = false;
}

/* The next one goes, if the one before has its answer. */
static void ask(struct ble_term *t, uint64_t now_ms)
{
	struct ble_term_request *r = &t->requests[t->first];
	struct ble_record_stored stored = { .chain = t->chain, .upto = t->upto };
	uint8_t body[32];
	int n;

	if (ble_link_busy(&t->link) || t->asked || t->link.state == BLE_ENDED)
		return;
	if (t->stored_due) { /* has no answer */
		t->stored_due = false;
		n = ble_record_stored_write(&stored, body, sizeof(body));
		if (n > 0)
			ble_link_send(&t->link, BLE_REC_STORED, body, (size_t)n);
		return;
	}
	if (!t->count || t->link.state == BLE_OPENED || t->link.state == BLE_GREETED)
		return;
	t->first = (t->first + 1) % BLE_TERM_REQUESTS;
	t->count--;
	if (r->type == BLE_AUTH && r->size)
		n = ble_link_auth(&t->link, r->body, r->size, t->config.holder_key);
	else if (r->type == BLE_AUTH)
		n = ble_link_auth_holder(&t->link, t->config.holder_public, t->config.holder_key);
	else
		n = ble_link_send(&t->link, r->type, r->body, r->size);
	if (r->type == BLE_REC_GET)
		begin_fetch(t, r);
	t->asked = r->type;
	t->asked_ms = now_ms;
	if (n < 0) { /* it has no place here: the answer is ours */
		t->asked = (enum ble_type)0;
		t->answered = r->type;
		t->result = -n;
		t->heard.body.size = 0;
		t->due = BLE_TERM_ANSWER;
	}
}

/* ---- what the pile says ---------------------------------------------------------------------- */

static enum ble_type answer_to(enum ble_type asked)
{
	switch (asked) {
	case BLE_AUTH:
		return BLE_AUTH_OK;
	case BLE_START:
		return BLE_START_RES;
	case BLE_STOP:
		return BLE_STOP_RES;
	case BLE_STATUS:
		return BLE_STATUS_RES;
	case BLE_REC_GET:
		return BLE_REC_END;
	case BLE_COURIER_GET:
		return BLE_COURIER;
	default:
		return BLE_PUT_RES;
	}
}

static void answered(struct ble_term *t, int result)
{
	t->answered = t->asked;
	t->asked = (enum ble_type)0;
	t->result = result;
	t->due = BLE_TERM_ANSWER;
}

static int record_came(struct ble_term *t, uint64_t now_ms)
{
	if (t->asked != BLE_REC_GET || t->sent >= t->most)
		return -BLE_UNEXPECTED;
	t->asked_ms = now_ms;
	t->sent++;
	if (t->declined)
		return 0;
	t->due = BLE_TERM_RECORD;
	t->storing = true;
	return 0;
}

static int message_came(struct ble_term *t, uint64_t now_ms)
{
	struct ble_answer answer = { 0 };
	enum ble_type type = t->heard.type;

	if (type == BLE_HELLO_ACK) {
		t->due = BLE_TERM_MET;
		return 0;
	}
	if (type == BLE_REC)
		return record_came(t, now_ms);
	if (type == BLE_REC_END && t->asked == BLE_REC_GET) {
		t->due = BLE_TERM_HEAD; /* its answer is told behind it */
		return 0;
	}
	if (!t->asked || (type != answer_to(t->asked) && type != BLE_ERR &&
			  !(t->asked == BLE_COURIER_GET && type == BLE_PUT_RES))) /* which refuses it */
		return -BLE_UNEXPECTED;
	if (type != BLE_STATUS_RES && type != BLE_COURIER &&
	    ble_answer_read(t->heard.body.at, t->heard.body.size, &answer) < 0)
		return -BLE_MALFORMED;
	answered(t, answer.result);
	return 0;
}

static void end(struct ble_term *t, int why)
{
	if (t->link.state != BLE_ENDED) {
		t->link.state = BLE_ENDED;
		t->link.why = -why;
	}
}

int ble_term_value(struct ble_term *t, const uint8_t *value, size_t size, uint64_t now_ms)
{
	int r;

	if (t->due != BLE_TERM_WAIT || t->storing)
		return -BLE_BUSY;
	r = ble_link_receive(&t->link, value, size, now_ms, &t->heard);
	if (r == 1)
		r = message_came(t, now_ms);
	if (r < 0)
		end(t, r);
	return r < 0 ? r : 0;
}

/* ---- what is told ---------------------------------------------------------------------------- */

static int told_record(struct ble_term *t, struct ble_term_step *ret)
{
	struct ble_record it;
	int r = ble_record_read(t->heard.body.at, t->heard.body.size, &it);

	if (r == 0 && !ble_same(it.pile, t->link.certificate.pile, 16))
		r = -BLE_OTHER_PILE;
	if (r < 0)
		return r;
	ret->chain = it.chain;
	ret->seq = it.seq;
	return 0;
}

static int told_head(struct ble_term *t, struct ble_term_step *ret)
{
	struct ble_head it;
	int r = ble_head_check(t->config.crypto, t->link.certificate.pile_key, t->nonce, t->heard.body.at,
			       t->heard.body.size, &it);

	if (r < 0)
		return r;
	ret->chain = it.chain;
	ret->seq = it.seq;
	ret->records = t->sent;
	t->chain = it.chain;
	t->stored_due = t->upto > 0;
	return 0;
}

static void told_answer(const struct ble_term *t, struct ble_term_step *ret)
{
	struct ble_answer answer = { 0 };

	ret->request = t->answered;
	ret->result = t->result;
	ret->records = t->answered == BLE_REC_GET ? t->kept : 0;
	if (!t->heard.body.size)
		return;
	if (t->heard.type == BLE_STATUS_RES) {
		ret->result = -ble_status_read(t->heard.body.at, t->heard.body.size, &ret->status);
	} else if (t->heard.type != BLE_REC_END && t->heard.type != BLE_COURIER &&
		   ble_answer_read(t->heard.body.at, t->heard.body.size, &answer) == 0) {
		ret->seq = answer.seq;
		memcpy(ret->session, answer.session, 16);
	}
}

static enum ble_term_action tell(struct ble_term *t, struct ble_term_step *ret)
{
	enum ble_term_action action = t->due;
	int r = 0;

	t->due = BLE_TERM_WAIT;
	ret->data = t->heard.body.at;
	ret->size = t->heard.body.size;
	if (action == BLE_TERM_MET) {
		ret->facts = t->link.facts;
	} else if (action == BLE_TERM_RECORD) {
		r = told_record(t, ret);
	} else if (action == BLE_TERM_HEAD) {
		r = told_head(t, ret);
		if (r == 0)
			answered(t, 0);
	} else if (action == BLE_TERM_ANSWER) {
		told_answer(t, ret);
	}
	if (r < 0) {
		t->storing = false;
		end(t, r);
		action = BLE_TERM_WAIT;
	}
	return action;
}

static enum ble_term_action over(struct ble_term *t, struct ble_term_step *ret)
{
	if (t->told_closed)
		return BLE_TERM_WAIT;
	t->told_closed = true;
	ret->result = t->link.why;
	ret->request = t->asked;
	return BLE_TERM_CLOSED;
}

enum ble_term_action ble_term_next(struct ble_term *t, uint64_t now_ms, struct ble_term_step *ret)
{
	enum ble_term_action action;
	int size;

	memset(ret, 0, sizeof(*ret));
	memcpy(ret->pile, t->link.certificate.pile, 16);
	memcpy(ret->nonce, t->link.nonce[BLE_PILE], 16);
	if (t->storing && t->due == BLE_TERM_WAIT)
		return BLE_TERM_WAIT; /* for ble_term_stored() */
	action = t->due != BLE_TERM_WAIT ? tell(t, ret) : BLE_TERM_WAIT;
	if (action != BLE_TERM_WAIT)
		return action;
	if (ble_link_tick(&t->link, now_ms) == 0 && t->asked && now_ms - t->asked_ms > BLE_TERM_ANSWER_MS)
		end(t, -BLE_LATE);
	ask(t, now_ms);
	if (t->due != BLE_TERM_WAIT)
		return tell(t, ret);
	size = ble_link_segment(&t->link, t->config.mtu, t->value, sizeof(t->value));
	if (size > 0) {
		ret->data = t->value;
		ret->size = (size_t)size;
		return BLE_TERM_WRITE;
	}
	return t->link.state == BLE_ENDED ? over(t, ret) : BLE_TERM_WAIT;
}

void ble_term_stored(struct ble_term *t, bool kept)
{
	struct ble_record it;

	if (!t->storing)
		return;
	t->storing = false;
	t->declined |= !kept;
	if (!kept || ble_record_read(t->heard.body.at, t->heard.body.size, &it) < 0)
		return;
	t->kept++;
	t->chain = it.chain;
	if (t->upto == 0 || it.seq == t->upto + 1)
		t->upto = it.seq;
}

/* ---- life ------------------------------------------------------------------------------------ */

int ble_term_open(struct ble_term *t, const struct ble_term_config *config, const uint8_t random[48], uint64_t now_ms)
{
	struct ble_link_config link = { .end = BLE_TERMINAL,
					.crypto = config->crypto,
					.root = config->root,
					.wanted = config->wanted,
					.utc = config->utc };

	memset(t, 0, sizeof(*t));
	if (config->mtu < BLE_MTU_MIN || config->mtu > BLE_MTU_MAX)
		return -BLE_UNSUPPORTED;
	t->config = *config;
	memcpy(t->ephemeral, random, 32);
	ble_link_init(&t->link, &link, now_ms);
	return ble_link_hello(&t->link, t->ephemeral, random + 32);
}

void ble_term_close(struct ble_term *t)
{
	ble_link_fini(&t->link);
	memset(t->ephemeral, 0, sizeof(t->ephemeral));
	t->count = 0;
}

uint64_t ble_term_deadline_ms(const struct ble_term *t)
{
	uint64_t link = ble_link_deadline_ms(&t->link) + 1, answer = t->asked_ms + BLE_TERM_ANSWER_MS + 1;

	return t->asked && answer < link ? answer : link;
}

bool ble_term_idle(const struct ble_term *t)
{
	return !t->count && !t->asked && !t->storing && !t->stored_due && t->due == BLE_TERM_WAIT &&
	       !ble_link_busy(&t->link) && t->link.state >= BLE_READY;
}
