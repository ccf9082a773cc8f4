/* A visit, step by step: keys, voucher, receipt, wish, records. */
#include "caller.h"
#include "quick_crypto.h"

#include <string.h>

#define CUT (-BLE_RESULTS)

static void fill(struct caller *c, uint8_t *ret, size_t size)
{
	for (size_t i = 0; i < size; i++)
		ret[i] = (uint8_t)host_random(c->h);
}

void caller_init(struct caller *c, struct host *h, const uint8_t root[32])
{
	memset(c, 0, sizeof *c);
	c->h = h;
	fill(c, c->seed, sizeof c->seed);
	quick_public(c->seed, c->public_key);
	memcpy(c->root, root, 32);
}

static void leave(struct caller *c)
{
	if (c->at && c->post->on)
		ble_pile_disconnect(c->at);
	ble_link_fini(&c->link);
	c->post->changed = NULL;
	c->post = NULL;
	c->at = NULL;
}

/* ---- what is said ---------------------------------------------------------------------------- */

static int say_command(struct caller *c, enum ble_type type)
{
	struct ble_command it = { .connector = 1 };
	uint8_t body[64];

	memcpy(it.order, c->order, 16);
	return ble_link_send(&c->link, type, body, (size_t)ble_command_write(&it, body, sizeof body));
}

static int ask_for_records(struct caller *c)
{
	struct ble_record_get it = { .chain = 0, .from = 1, .most = CALLER_MOST };
	uint8_t body[64];

	fill(c, it.nonce, sizeof it.nonce);
	c->heads_due = true;
	return ble_link_send(&c->link, BLE_REC_GET, body, (size_t)ble_record_get_write(&it, body, sizeof body));
}

/* The next thing, when the answer to the last has come. 0: nothing is left. */
static int say_next(struct caller *c)
{
	if (c->link.state == BLE_KEYED && !c->keys_brought && c->keyset_size) {
		c->keys_brought = true;
		return ble_link_send(&c->link, BLE_KEYSET_PUT, c->keyset, c->keyset_size) == 0;
	}
	if (c->link.state == BLE_KEYED)
		return (c->voucher_size ? ble_link_auth(&c->link, c->voucher, c->voucher_size, c->seed)
					: ble_link_auth_holder(&c->link, c->public_key, c->seed)) == 0;
	if (!c->receipt_brought && c->receipt_size) {
		c->receipt_brought = true;
		return ble_link_send(&c->link, BLE_RCPT_PUT, c->receipt, c->receipt_size) == 0;
	}
	if (!c->asked && c->wish != CALLER_RELAYS) {
		c->asked = true;
		return say_command(c, c->wish == CALLER_STARTS ? BLE_START : BLE_STOP) == 0;
	}
	if (!c->told) {
		c->told = true;
		return ask_for_records(c) == 0;
	}
	return 0;
}

/* ---- what is heard --------------------------------------------------------------------------- */

static void carry_home(struct caller *c, const struct ble_bytes *record)
{
	struct caller_record *r = &c->carried[c->n_carried];

	if (c->n_carried == CALLER_CARRIED)
		return; /* he has no room */
	memcpy(r->at, record->at, record->size);
	r->size = record->size;
	r->handed_in = false;
	c->n_carried++;
}

/* Is something to be said now? */
static bool hear(struct caller *c, const struct ble_message *m)
{
	struct ble_answer answer;

	switch (m->type) {
	case BLE_REC:
		carry_home(c, &m->body);
		return false;
	case BLE_REC_END:
		memcpy(c->head, m->body.at, m->body.size);
		c->head_size = m->body.size;
		c->heads_due = false;
		return true;
	case BLE_START_RES:
	case BLE_STOP_RES:
		host_check(c->h, ble_answer_read(m->body.at, m->body.size, &answer) == 0, "an answer that is none");
		c->result = -answer.result;
		return true;
	case BLE_ERR:
		if (ble_answer_read(m->body.at, m->body.size, &answer) == 0)
			c->result = -answer.result;
		return false;
	default:
		return true;
	}
}

/* ---- the link -------------------------------------------------------------------------------- */

static bool cut(struct caller *c)
{
	return c->values_left == 0 || --c->values_left == 0;
}

/* 1: a value went; 0: there is none; negative: the visit is over. */
static int there(struct caller *c)
{
	uint8_t value[BLE_VALUE_MAX];
	int size = ble_link_segment(&c->link, c->mtu, value, sizeof value);

	if (size <= 0)
		return size;
	if (cut(c))
		return CUT;
	size = ble_pile_receive(c->at, value, (size_t)size, post_uptime_ms(c->post));
	return size < 0 ? size : 1;
}

static int back(struct caller *c)
{
	uint8_t value[BLE_VALUE_MAX];
	struct ble_message m;
	int r = ble_pile_segment(c->at, c->mtu, post_uptime_ms(c->post), value, sizeof value);

	if (!c->post->on || r < 0)
		return CUT;
	if (r == 0)
		return ble_pile_visit_over(c->at) ? CUT : 0;
	if (cut(c))
		return CUT;
	r = ble_link_receive(&c->link, value, (size_t)r, (uint64_t)host_now_ms(c->h), &m);
	if (r == 1 && hear(c, &m) && !say_next(c))
		return CUT; /* all is said */
	return r < 0 ? r : 1;
}

void caller_pump(struct caller *c)
{
	int r = 1;

	if (c->pumping || !c->post)
		return;
	c->pumping = true;
	while (c->post->on && r > 0) {
		int to = there(c), from = to < 0 || !c->post->on ? CUT : back(c);

		r = to < 0 ? to : from < 0 ? from : to | from;
	}
	if (r < 0 || !c->post->on)
		leave(c);
	c->pumping = false;
}

static void changed(struct post *post, void *arg)
{
	caller_pump(arg);
}

bool caller_visit(struct caller *c, struct post *post, enum caller_wish wish, unsigned values)
{
	static const unsigned mtus[] = { 23, 185, 517 };
	struct ble_link_config config = {
		.end = BLE_TERMINAL, .crypto = &quick_crypto, .root = c->root, .wanted = post->id
	};
	uint8_t nonce[16];

	if (c->post || post->changed || !post->on)
		return false;
	c->at = ble_pile_connect(&post->mind, post_uptime_ms(post));
	if (!c->at)
		return false;
	c->post = post;
	c->wish = wish;
	c->values_left = values;
	c->mtu = mtus[host_below(c->h, 3)];
	c->keys_brought = c->receipt_brought = c->asked = c->told = c->heads_due = false;
	c->result = 1;
	c->head_size = 0;
	fill(c, c->ephemeral, sizeof c->ephemeral);
	fill(c, nonce, sizeof nonce);
	ble_link_init(&c->link, &config, (uint64_t)host_now_ms(c->h));
	ble_link_hello(&c->link, c->ephemeral, nonce);
	post->changed = changed;
	post->arg = c;
	caller_pump(c);
	post_pump(post);
	return true;
}
