/* A terminal that is online, and the cloud behind it. It does not know whether what it said was heard, so on each visit
 * it says again whatever it has no answer to. */
#include "visit.h"

#include <criterion/criterion.h>
#include <string.h>

static const struct ble_crypto *const c = &ble_openssl;

enum step { WAIT, HELLO, KEYS, TIME, AUTH, START, STOP, GET, STORED, RECEIPT };

void terminal_open(struct visit *v)
{
	struct ble_link_config config = { .crypto = c, .root = vector_public("cloud"), .wanted = visit_id };
	struct terminal *t = &v->terminal;

	ble_link_init(&t->link, &config, v->now_ms);
	t->step = HELLO;
	memset(&t->talk, 0, sizeof(t->talk));
}

/* ---- the cloud ------------------------------------------------------------------------------- */

static void ingest(struct cloud *cloud, const struct kept *k)
{
	struct ble_neighbours known = { 0 };
	struct ble_record it;
	uint8_t hash[32];
	struct kept *place;
	int r = ble_record_read(k->at, k->size, &it);

	cr_assert_eq(r, 0);
	place = &cloud->store[it.seq - 1];
	known.same = place->size ? place->hash : NULL;
	r = ble_record_judge(c, vector_public("pile"), &cloud->chain, &known, k->at, k->size, &it, hash);
	cloud->forks += r == -BLE_FORK;
	cloud->duplicates += r == -BLE_DUPLICATE;
	cr_assert(r == 0 || r == -BLE_DUPLICATE, "record %lu: %s", (unsigned long)it.seq, ble_result_name(r));
	if (r < 0)
		return;
	*place = *k;
	memcpy(place->hash, hash, 32);
	ble_chain_move(&cloud->chain, &it, hash);
}

static void ask_cloud(struct visit *v)
{
	struct cloud *cloud = &v->cloud;
	struct terminal *t = &v->terminal;
	struct ble_receipt receipt = { .kid = 0x20260001, .chain = cloud->chain.chain };

	for (size_t i = 0; i < STORE; i++)
		if (t->carried[i].size)
			ingest(cloud, &t->carried[i]);
	memcpy(receipt.pile, visit_id, 16);
	receipt.upto = cloud->chain.next - 1;
	memcpy(receipt.hash, cloud->chain.head, 32);
	t->receipt.size = (size_t)ble_receipt_write(c, &receipt, vector_key("cloud"), t->receipt.at, VECTOR_MAX);
}

/* ---- speaking -------------------------------------------------------------------------------- */

static void say(struct terminal *t, enum ble_type type, const uint8_t *body, size_t size)
{
	cr_assert_eq(ble_link_send(&t->link, type, body, size), 0);
	talk_say(&t->talk, type, body, size);
}

static void greet(struct visit *v)
{
	static uint8_t ephemeral[32];
	uint8_t nonce[16];

	visit_random(v, ephemeral, 32);
	visit_random(v, nonce, 16);
	cr_assert_eq(ble_link_hello(&v->terminal.link, ephemeral, nonce), 0);
	talk_say(&v->terminal.talk, BLE_HELLO, NULL, 0);
}

static void tell_time(struct visit *v)
{
	struct ble_time from = { .kid = 0x20260001, .utc = 0x6b00e000 };
	uint8_t body[BLE_DOCUMENT_MAX];

	memcpy(from.pile, visit_id, 16);
	memcpy(from.nonce, v->terminal.link.nonce[BLE_PILE], 16);
	say(&v->terminal, BLE_TIME_PUT, body,
	    (size_t)ble_time_write(c, &from, vector_key("cloud"), body, sizeof(body)));
}

static void command(struct terminal *t, enum ble_type type)
{
	struct ble_command from = { .connector = 1, .order = "an order of ours" };
	uint8_t body[64];

	say(t, type, body, (size_t)ble_command_write(&from, body, sizeof(body)));
}

static void get(struct terminal *t)
{
	struct ble_record_get from = { .chain = 1, .from = 1, .nonce = "a nonce of ours", .most = 16 };
	uint8_t body[64];

	say(t, BLE_REC_GET, body, (size_t)ble_record_get_write(&from, body, sizeof(body)));
}

void terminal_speak(struct visit *v)
{
	struct terminal *t = &v->terminal;
	struct vector keys;
	enum step step = (enum step)t->step;

	if (step == WAIT || ble_link_busy(&t->link))
		return;
	t->step = step == STORED ? RECEIPT : WAIT;
	if (step == HELLO) {
		greet(v);
	} else if (step == KEYS) {
		keys = vector_signed("keyset");
		say(t, BLE_KEYSET_PUT, keys.at, keys.size);
	} else if (step == TIME) {
		tell_time(v);
	} else if (step == AUTH) {
		cr_assert_eq(ble_link_auth(&t->link, t->voucher.at, t->voucher.size, vector_key("holder")), 0);
		talk_say(&t->talk, BLE_AUTH, NULL, 0);
	} else if (step == START) {
		command(t, BLE_START);
	} else if (step == STOP) {
		command(t, BLE_STOP);
	} else if (step == GET) {
		get(t);
	} else if (step == STORED) {
		say(t, BLE_REC_STORED, NULL, 0);
	} else {
		say(t, BLE_RCPT_PUT, t->receipt.at, t->receipt.size);
	}
}

/* ---- hearing --------------------------------------------------------------------------------- */

static void keep(struct terminal *t, const struct ble_message *m)
{
	struct ble_record it;

	cr_assert_eq(ble_record_read(m->body.at, m->body.size, &it), 0);
	memcpy(t->carried[it.seq - 1].at, m->body.at, m->body.size);
	t->carried[it.seq - 1].size = m->body.size;
}

static enum step after_put(struct terminal *t)
{
	enum ble_type last = t->talk.said[t->talk.n_said - 1].type;

	t->done |= last == BLE_RCPT_PUT;
	return last == BLE_KEYSET_PUT ? TIME : last == BLE_TIME_PUT ? AUTH : WAIT;
}

void terminal_hear(struct visit *v, const struct ble_message *m)
{
	struct terminal *t = &v->terminal;
	struct ble_answer answer = { 0 };

	talk_hear(&v->pile.talk, m);
	if (m->type != BLE_HELLO_ACK && m->type != BLE_REC && m->type != BLE_REC_END) {
		cr_assert_eq(ble_answer_read(m->body.at, m->body.size, &answer), 0);
		cr_assert_eq(answer.result, 0, "0x%02x: %s", m->type, ble_result_name(answer.result));
	}
	t->started |= m->type == BLE_START_RES;
	t->stopped |= m->type == BLE_STOP_RES;
	if (m->type == BLE_HELLO_ACK) {
		t->step = KEYS;
	} else if (m->type == BLE_PUT_RES) {
		t->step = after_put(t);
	} else if (m->type == BLE_REC) {
		keep(t, m);
	} else if (m->type == BLE_REC_END) {
		ask_cloud(v);
		t->step = STORED;
	} else {
		t->step = !t->started ? START : !t->stopped ? STOP : GET;
	}
}
