/* A pile as small as can be: one connector, sessions of no length, a store that forgets nothing. */
#include "visit.h"

#include <criterion/criterion.h>
#include <string.h>

const uint8_t visit_id[16] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 };
static const struct ble_crypto *const c = &ble_openssl;

void pile_open(struct visit *v)
{
	static struct vector certificate;
	struct ble_link_config config = {
		.end = BLE_PILE, .crypto = c, .pile = visit_id, .pile_key = vector_key("pile")
	};
	struct ble_certificate from = { .version = 1, .kid = 1, .expires = UINT32_MAX };
	struct pile *p = &v->pile;

	memcpy(from.pile, visit_id, 16);
	memcpy(from.pile_key, vector_public("pile"), 32);
	certificate.size = (size_t)ble_certificate_write(c, &from, vector_key("cloud"), certificate.at, VECTOR_MAX);
	config.certificate = (struct ble_bytes){ certificate.at, certificate.size };
	ble_link_init(&p->link, &config, v->now_ms);
	p->due.size = 0;
	p->due_type = 0;
	p->next_record = 0;
	p->head_due = false;
	memset(&p->talk, 0, sizeof(p->talk));
}

static void append(struct pile *p, struct ble_record *record)
{
	struct kept *k = &p->store[p->chain.next - 1];
	int size;

	cr_assert_leq(p->chain.next, STORE);
	record->has |= BLE_HAS(BLE_RECORD_SESSION) | BLE_HAS(BLE_RECORD_METER_WH);
	memcpy(record->session, p->session, 16);
	size = ble_record_write(c, &p->chain, record, NULL, vector_key("pile"), k->at, sizeof(k->at));
	cr_assert_gt(size, 0);
	k->size = (size_t)size;
	memcpy(k->hash, p->chain.head, 32);
}

static struct ble_gate gate(struct visit *v)
{
	struct pile *p = &v->pile;

	return (struct ble_gate){
		.pile = visit_id, .keys = &p->keys, .clock = &p->clock, .uptime_ms = v->now_ms, .used = &p->used
	};
}

static void answer(struct pile *p, enum ble_type type, int result)
{
	struct ble_answer a = { .result = (uint8_t)-result };
	uint8_t body[64];
	int size = ble_answer_write(&a, body, sizeof(body));

	cr_assert_eq(ble_link_send(&p->link, type, body, (size_t)size), 0);
	talk_say(&p->talk, type, body, (size_t)size);
}

/* ---- commands -------------------------------------------------------------------------------- */

static int start(struct visit *v, const struct ble_command *command)
{
	struct ble_gate g = gate(v);
	struct pile *p = &v->pile;
	struct ble_record record = { .type = BLE_RECORD_START, .meter_wh = 100 };
	int r;

	if (p->starts && memcmp(p->order, command->order, 16) == 0)
		return 0; /* said and done; the answer was lost */
	r = ble_gate_start(c, &g, p->link.nonce[BLE_PILE], &p->voucher, command->connector);
	if (r == 0)
		r = ble_used_add(&p->used, p->voucher.jti, p->voucher.expires, ble_clock_low(&p->clock, v->now_ms));
	if (r < 0)
		return r;
	ble_session_id(c, visit_id, p->chain.chain, p->chain.next, p->session);
	memcpy(p->order, command->order, 16);
	memcpy(p->starter, p->voucher.holder, 32);
	append(p, &record);
	p->starts++;
	return 0;
}

static int stop(struct visit *v)
{
	struct pile *p = &v->pile;
	struct ble_record meter = { .type = BLE_RECORD_METER, .meter_wh = 4000 }, end = {
		.has = BLE_HAS(BLE_RECORD_SESSION_WH), .type = BLE_RECORD_END, .meter_wh = 7100, .session_wh = 7000
	};
	int r = ble_gate_stop(&p->voucher, p->starter);

	if (r < 0 || p->stops)
		return r;
	append(p, &meter);
	append(p, &end);
	p->stops++;
	return 0;
}

static int take_receipt(struct visit *v, const struct vector *body)
{
	struct pile *p = &v->pile;
	struct ble_receipt it;
	int r = ble_receipt_read(body->at, body->size, &it);

	if (r == 0)
		r = ble_receipt_check(c, &p->keys, &p->chain, p->acked,
				      it.upto <= STORE ? p->store[it.upto - 1].hash : NULL, body->at, body->size, &it);
	if (r == 0)
		p->acked = it.upto;
	return r == -BLE_STALE ? 0 : r;
}

static int take_keys(struct visit *v, const struct vector *body)
{
	struct pile *p = &v->pile;
	struct ble_keyset it;
	struct vector own = *body;
	int r = ble_keyset_check(c, vector_public("cloud"), p->keys.number, own.at, own.size, &it);

	if (r < 0)
		return r == -BLE_STALE ? 0 : r;
	p->keyset_document = own;
	return ble_keyset_check(c, vector_public("cloud"), p->keys.number, p->keyset_document.at, own.size, &p->keys);
}

static int take_time(struct visit *v, const struct vector *body)
{
	struct ble_time it;
	int r = ble_time_check(c, &v->pile.keys, visit_id, v->pile.link.nonce[BLE_PILE], body->at, body->size, &it);

	if (r == 0)
		ble_clock_set(&v->pile.clock, BLE_TRUST_SIGNED, it.utc, v->now_ms);
	return r;
}

/* ---- speaking -------------------------------------------------------------------------------- */

static void admit(struct visit *v)
{
	struct pile *p = &v->pile;
	struct ble_gate g = gate(v);

	int r = ble_link_admit(&p->link, &g, p->due.at, p->due.size, &p->voucher);

	cr_assert_eq(r, 0, "%s", ble_result_name(r));
	talk_say(&p->talk, BLE_AUTH_OK, (const uint8_t *)"\1\1\0", 3);
}

static void greet(struct visit *v)
{
	struct pile *p = &v->pile;
	struct ble_facts facts = { .boot = 1, .next_seq = p->chain.next };
	static uint8_t ephemeral[32];
	uint8_t nonce[16];

	visit_random(v, ephemeral, 32);
	visit_random(v, nonce, 16);
	cr_assert_eq(ble_link_hello_ack(&p->link, ephemeral, nonce, &facts), 0);
	talk_say(&p->talk, BLE_HELLO_ACK, NULL, 0);
}

/* The answer to what came last. */
static void respond(struct visit *v, enum ble_type to)
{
	struct pile *p = &v->pile;
	struct ble_command command = { 0 };
	struct ble_record_get get;

	switch (to) {
	case BLE_HELLO:
		greet(v);
		break;
	case BLE_AUTH:
		admit(v);
		break;
	case BLE_START:
		cr_assert_eq(ble_command_read(p->due.at, p->due.size, &command), 0);
		answer(p, BLE_START_RES, start(v, &command));
		break;
	case BLE_STOP:
		answer(p, BLE_STOP_RES, stop(v));
		break;
	case BLE_KEYSET_PUT:
		answer(p, BLE_PUT_RES, take_keys(v, &p->due));
		break;
	case BLE_TIME_PUT:
		answer(p, BLE_PUT_RES, take_time(v, &p->due));
		break;
	case BLE_RCPT_PUT:
		answer(p, BLE_PUT_RES, take_receipt(v, &p->due));
		break;
	case BLE_REC_GET:
		cr_assert_eq(ble_record_get_read(p->due.at, p->due.size, &get), 0);
		p->next_record = get.from > p->acked ? get.from : p->acked + 1;
		p->head_due = true;
		memcpy(p->nonce, get.nonce, 16);
		break;
	default:
		cr_assert_eq(to, BLE_REC_STORED);
	}
}

static void say_records(struct visit *v)
{
	struct pile *p = &v->pile;
	struct ble_head head = { .chain = p->chain.chain, .seq = p->chain.next - 1 };
	uint8_t body[BLE_DOCUMENT_MAX];
	int size;

	if (p->next_record < p->chain.next) {
		const struct kept *k = &p->store[p->next_record++ - 1];

		cr_assert_eq(ble_link_send(&p->link, BLE_REC, k->at, k->size), 0);
		talk_say(&p->talk, BLE_REC, k->at, k->size);
		return;
	}
	p->head_due = false;
	memcpy(head.pile, visit_id, 16);
	memcpy(head.hash, p->chain.head, 32);
	memcpy(head.nonce, p->nonce, 16);
	size = ble_head_write(c, &head, vector_key("pile"), body, sizeof(body));
	cr_assert_eq(ble_link_send(&p->link, BLE_REC_END, body, (size_t)size), 0);
	talk_say(&p->talk, BLE_REC_END, body, (size_t)size);
}

void pile_speak(struct visit *v)
{
	struct pile *p = &v->pile;
	enum ble_type to = p->due_type;

	if (ble_link_busy(&p->link))
		return;
	p->due_type = 0;
	if (to)
		respond(v, to);
	else if (p->head_due)
		say_records(v);
}

void pile_hear(struct visit *v, const struct ble_message *m)
{
	struct pile *p = &v->pile;

	talk_hear(&v->terminal.talk, m);
	cr_assert_eq(p->due_type, 0, "a terminal waits for its answer");
	p->due_type = m->type == BLE_REC_STORED ? 0 : m->type;
	p->due.size = m->body.size;
	memcpy(p->due.at, m->body.at, m->body.size);
}
