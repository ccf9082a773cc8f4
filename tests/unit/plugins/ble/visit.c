/* The wire of a visit, and what must hold at its end. */
#include "visit.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

void visit_random(struct visit *v, uint8_t *ret, size_t size)
{
	for (size_t i = 0; i < size; i++)
		ret[i] = (uint8_t)rand_r(&v->seed);
}

void visit_init(struct visit *v, unsigned seed)
{
	struct vector bound = vector_signed("voucher_bound");
	struct ble_voucher voucher;

	memset(v, 0, sizeof(*v));
	v->seed = seed;
	memcpy(v->pile.chain.pile, visit_id, 16);
	v->pile.chain.chain = v->pile.chain.next = 1;
	memcpy(v->cloud.chain.pile, visit_id, 16);
	v->cloud.chain.chain = 1;
	ble_clock_init(&v->pile.clock, 0);
	/* One that is good offline, on any connection. */
	cr_assert_eq(ble_voucher_read(bound.at, bound.size, &voucher), 0);
	voucher.has &= ~BLE_HAS(BLE_VOUCHER_NONCE);
	v->terminal.voucher.size = (size_t)ble_voucher_write(&ble_openssl, &voucher, vector_key("cloud"),
							     v->terminal.voucher.at, VECTOR_MAX);
}

/* ---- what is heard is what was said ---------------------------------------------------------- */

void talk_say(struct talk *talk, enum ble_type type, const uint8_t *body, size_t size)
{
	cr_assert_lt(talk->n_said, SAID);
	cr_assert_leq(size, sizeof(talk->said[0].bytes));
	talk->said[talk->n_said].type = type;
	talk->said[talk->n_said].body.size = size;
	if (size)
		memcpy(talk->said[talk->n_said].bytes, body, size);
	talk->n_said++;
}

void talk_hear(struct talk *talk, const struct ble_message *m)
{
	unsigned i = talk->n_heard++;

	cr_assert_lt(i, talk->n_said, "a message that nobody sent");
	cr_assert_eq(talk->said[i].type, m->type);
	if (m->type >= BLE_AUTH_OK) /* the others' bodies are the library's own */
		cr_assert(talk->said[i].body.size == m->body.size &&
			  memcmp(talk->said[i].bytes, m->body.at, m->body.size) == 0);
}

/* ---- the wire -------------------------------------------------------------------------------- */

struct value {
	uint8_t at[BLE_VALUE_MAX];
	int size;
};

/* One value arrives. false: that end has closed. */
static bool arrive(struct visit *v, enum ble_end at, const struct value *value)
{
	struct ble_link *link = at == BLE_PILE ? &v->pile.link : &v->terminal.link;
	struct ble_message m;
	int r = ble_link_receive(link, value->at, (size_t)value->size, v->now_ms, &m);

	if (r == 1 && at == BLE_PILE)
		pile_hear(v, &m);
	else if (r == 1)
		terminal_hear(v, &m);
	return r >= 0;
}

/* The next value of one end, with what the wire does to it. 1: it went; 0: there is none; -1: the connection is over.
 */
static int carry(struct visit *v, enum ble_end to, struct value *late)
{
	struct ble_link *from = to == BLE_PILE ? &v->terminal.link : &v->pile.link;
	struct value value = { .size = ble_link_segment(from, v->mtu, value.at, sizeof(value.at)) };
	unsigned fault;
	bool open = true;

	cr_assert_geq(value.size, 0);
	if (value.size == 0)
		return 0;
	if (++v->segments == v->cut_at)
		return -1;
	v->now_ms += 10;
	fault = v->one_in && (unsigned)rand_r(&v->seed) % v->one_in == 0 ? 1 + (unsigned)rand_r(&v->seed) % 3 : 0;
	v->faults += fault != 0;
	if (fault == 1) /* lost */
		return 1;
	if (fault == 2 && !late->size) { /* late: behind the next one */
		*late = value;
		return 1;
	}
	open = arrive(v, to, &value);
	if (open && fault == 3) /* doubled */
		open = arrive(v, to, &value);
	if (open && late->size)
		open = arrive(v, to, late);
	late->size = 0;
	return open ? 1 : -1;
}

void visit_run(struct visit *v, unsigned mtu)
{
	struct value late[2] = { { .size = 0 }, { .size = 0 } };
	int there, back;

	v->mtu = mtu;
	v->segments = v->faults = 0;
	v->now_ms += 1000;
	pile_open(v);
	terminal_open(v);
	do {
		terminal_speak(v);
		there = carry(v, BLE_PILE, &late[0]);
		if (there >= 0)
			pile_speak(v);
		back = there < 0 ? -1 : carry(v, BLE_TERMINAL, &late[1]);
	} while (there >= 0 && back >= 0 &&
		 (there || back || ble_link_busy(&v->pile.link) || ble_link_busy(&v->terminal.link)));
	ble_link_fini(&v->pile.link);
	ble_link_fini(&v->terminal.link);
}

void visit_check(const struct visit *v)
{
	const struct pile *p = &v->pile;
	struct ble_record start, end;

	cr_assert(v->terminal.done, "the last visit did not come to its end");
	cr_assert_eq(p->starts, 1, "a voucher started %u sessions", p->starts);
	cr_assert_eq(p->stops, 1);
	cr_assert_eq(p->chain.next, 4);
	cr_assert_eq(p->acked, 3, "the pile may forget up to %lu", (unsigned long)p->acked);
	cr_assert_eq(v->cloud.chain.next, 4);
	cr_assert_eq(v->cloud.forks, 0);
	cr_assert_arr_eq(v->cloud.chain.head, p->chain.head, 32);
	for (size_t i = 0; i < 3; i++)
		cr_assert(v->cloud.store[i].size == p->store[i].size &&
			  memcmp(v->cloud.store[i].at, p->store[i].at, p->store[i].size) == 0);
	cr_assert_eq(ble_record_read(v->cloud.store[0].at, v->cloud.store[0].size, &start), 0);
	cr_assert_eq(ble_record_read(v->cloud.store[2].at, v->cloud.store[2].size, &end), 0);
	cr_assert_eq(ble_session_adds_up(&start, &end), 0);
}
