/* A visit: keys, voucher, receipt, wish, records, each as ble_term says that it goes. */
#include "caller.h"
#include "quick_crypto.h"

#include <string.h>

static void fill(struct caller *c, uint8_t *ret, size_t size)
{
	uint64_t word;

	for (size_t i = 0, n; i < size; i += n) {
		n = size - i < sizeof word ? size - i : sizeof word;
		word = host_random(c->h);
		memcpy(ret + i, &word, n);
	}
}

static uint64_t now_ms(const struct caller *c)
{
	return (uint64_t)(host_now_ms(c->h) + c->ahead_ms);
}

static uint32_t utc(const struct caller *c)
{
	return (uint32_t)(host_now_ms(c->h) / 1000 + c->off_s);
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
	if (c->post->on)
		ble_pile_disconnect(c->at);
	ble_term_close(&c->term);
	c->post->changed = NULL;
	c->post = NULL;
	c->at = NULL;
}

void caller_restart(struct caller *c)
{
	if (c->post)
		leave(c);
	c->keyset_size = c->receipt_size = c->head_size = 0;
}

/* ---- what is to be done ---------------------------------------------------------------------- */

/* The time of a wrong clock, for this connection of the pile's alone. */
static void put_time(struct caller *c, const struct ble_term_step *met)
{
	struct ble_time it = { .utc = utc(c) };
	uint8_t document[BLE_DOCUMENT_MAX];
	struct ble_keyset keys;
	int size;

	if (ble_keyset_check(&quick_crypto, c->root, 0, c->keyset, c->keyset_size, &keys) < 0)
		return;
	for (unsigned i = 0; i < 4; i++)
		it.kid = it.kid << 8 | keys.receipt_key[i];
	memcpy(it.pile, met->pile, sizeof it.pile);
	memcpy(it.nonce, met->nonce, sizeof it.nonce);
	size = quick_time(&it, keys.receipt_key + 4, document, sizeof document);
	host_check(c->h, size > 0, "a time cannot be written");
	ble_term_put(&c->term, BLE_TIME_PUT, document, (size_t)size);
}

/* The pile has said who it is. */
static void enter(struct caller *c, const struct ble_term_step *met)
{
	uint8_t nonce[16];

	fill(c, nonce, sizeof nonce);
	if (c->keyset_size)
		ble_term_put(&c->term, BLE_KEYSET_PUT, c->keyset, c->keyset_size);
	if (c->keyset_size && c->brings_time)
		put_time(c, met);
	ble_term_auth(&c->term, c->voucher, c->voucher_size);
	if (c->receipt_size)
		ble_term_put(&c->term, BLE_RCPT_PUT, c->receipt, c->receipt_size);
	if (c->wish == CALLER_STARTS)
		ble_term_start(&c->term, 1, c->order);
	if (c->wish == CALLER_STOPS)
		ble_term_stop(&c->term, 1, c->order);
	ble_term_fetch(&c->term, 0, 0, CALLER_MOST, nonce);
}

static void keep(struct caller *c, const struct ble_term_step *s)
{
	struct caller_record *r = &c->carried[c->n_carried];
	bool room = c->n_carried < CALLER_CARRIED;

	if (room) {
		memcpy(r->at, s->data, s->size);
		r->size = s->size;
		r->handed_in = false;
		c->n_carried++;
	}
	ble_term_stored(&c->term, room);
}

/* ---- the link -------------------------------------------------------------------------------- */

static bool cut(struct caller *c)
{
	return c->values_left == 0 || --c->values_left == 0;
}

/* What the terminal has to do and to say. false: the visit is over. */
static bool there(struct caller *c)
{
	struct ble_term_step s;
	enum ble_term_action action;

	while ((action = ble_term_next(&c->term, now_ms(c), &s)) != BLE_TERM_WAIT) {
		if (action == BLE_TERM_CLOSED)
			return false;
		if (action == BLE_TERM_MET)
			enter(c, &s);
		if (action == BLE_TERM_RECORD)
			keep(c, &s);
		if (action == BLE_TERM_HEAD) {
			memcpy(c->head, s.data, s.size);
			c->head_size = s.size;
		}
		if (action == BLE_TERM_WRITE &&
		    (cut(c) || ble_pile_receive(c->at, s.data, s.size, post_uptime_ms(c->post)) < 0 || !c->post->on))
			return false;
	}
	return !ble_term_idle(&c->term);
}

/* A value of the pile's. 1: one came; 0: it has none; negative: the visit is over. */
static int back(struct caller *c)
{
	uint8_t value[BLE_VALUE_MAX];
	int r = ble_pile_segment(c->at, c->term.config.mtu, post_uptime_ms(c->post), value, sizeof value);

	if (r < 0 || !c->post->on)
		return -1;
	if (r == 0)
		return ble_pile_visit_over(c->at) ? -1 : 0;
	if (cut(c))
		return -1;
	ble_term_value(&c->term, value, (size_t)r, now_ms(c));
	return 1;
}

void caller_pump(struct caller *c)
{
	int r = 1;

	if (c->pumping || !c->post)
		return;
	c->pumping = true;
	while (r > 0)
		r = c->post->on && there(c) ? back(c) : -1;
	if (r < 0)
		leave(c);
	c->pumping = false;
}

void caller_jump(struct caller *c, int64_t ms)
{
	c->ahead_ms += ms;
	caller_pump(c);
}

static void changed(struct post *post, void *arg)
{
	caller_pump(arg);
}

bool caller_visit(struct caller *c, struct post *post, enum caller_wish wish, unsigned values)
{
	static const unsigned mtus[] = { 23, 185, 185, 517, 517, 517 };
	struct ble_term_config config = { .crypto = &quick_crypto,
					  .root = c->root,
					  .wanted = post->id,
					  .utc = utc(c),
					  .holder_key = c->seed,
					  .holder_public = c->public_key,
					  .mtu = mtus[host_below(c->h, 6)] };
	uint8_t random[48];

	if (c->post || post->changed || !post->on)
		return false;
	c->at = ble_pile_connect(&post->mind, post_uptime_ms(post));
	if (!c->at)
		return false;
	c->post = post;
	c->wish = wish;
	c->values_left = values;
	fill(c, random, sizeof random);
	ble_term_open(&c->term, &config, random, now_ms(c));
	post->changed = changed;
	post->arg = c;
	caller_pump(c);
	post_pump(post);
	return true;
}
