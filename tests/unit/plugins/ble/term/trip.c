/* The cloud judges as it does; the wire is cut where the test wants it. */
#include "trip.h"

#include <criterion/criterion.h>
#include <string.h>

static const struct ble_crypto *const c = &ble_openssl;

void trip_init(struct trip *t, unsigned mtu)
{
	memset(t, 0, sizeof(*t));
	board_init(&t->board);
	t->mtu = mtu;
	t->voucher = board_voucher(7);
	t->chain.chain = t->board.pile.chain.chain;
	memcpy(t->chain.pile, board_id, 16);
}

void trip_fini(struct trip *t)
{
	ble_term_close(&t->term);
}

uint64_t trip_pending(const struct trip *t)
{
	return ble_pile_pending(&t->board.pile);
}

unsigned trip_carried(const struct trip *t)
{
	unsigned n = 0;

	for (size_t i = 0; i < TRIP_RECORDS; i++)
		n += t->carried[i].size != 0;
	return n;
}

/* ---- the cloud ------------------------------------------------------------------------------- */

/* By whichever road. */
static int ingest(struct trip *t, const uint8_t *data, size_t size)
{
	struct ble_neighbours known = { 0 };
	struct ble_record it;
	uint8_t hash[32], same[32];
	int r;

	if (t->distrusts) {
		t->refused++;
		return -BLE_FORK;
	}
	cr_assert_eq(ble_record_read(data, size, &it), 0);
	cr_assert(it.seq >= 1 && it.seq <= TRIP_RECORDS);
	if (t->kept[it.seq - 1].size) {
		cr_assert_eq(ble_record_hash(c, t->kept[it.seq - 1].at, t->kept[it.seq - 1].size, same), 0);
		known.same = same;
	}
	r = ble_record_judge(c, vector_public("pile"), &t->chain, &known, data, size, &it, hash);
	cr_assert(r == 0 || r == -BLE_DUPLICATE, "record %lu: %s", (unsigned long)it.seq, ble_result_name(r));
	t->duplicates += r == -BLE_DUPLICATE;
	if (r < 0)
		return r;
	memcpy(t->kept[it.seq - 1].at, data, size);
	t->kept[it.seq - 1].size = size;
	ble_chain_move(&t->chain, &it, hash);
	return 0;
}

static struct vector receipt(struct trip *t)
{
	return board_receipt_for(&t->board, t->chain.next - 1);
}

void trip_flush(struct trip *t)
{
	for (size_t i = 0; i < TRIP_RECORDS; i++) {
		int r = t->carried[i].size && !t->poison[i] ? ingest(t, t->carried[i].at, t->carried[i].size) : -1;

		if (r == 0 || r == -BLE_DUPLICATE)
			t->carried[i].size = 0; /* the cloud has it */
		else if (r == -BLE_FORK)
			t->poison[i] = true;
	}
	if (t->chain.next > 1 && t->chain.next - 1 > t->board.pile.state.acked)
		t->receipt = receipt(t);
}

void trip_uplink(struct trip *t)
{
	struct board *b = &t->board;
	const uint8_t ok[] = { 1, 1, 0 };
	struct ble_frame f;
	struct vector r;

	board_uplink_online(b);
	while (board_uplink_next(b, &f) == 1) {
		if (f.type != BLE_REC)
			continue;
		ingest(t, f.body.at, f.body.size);
		cr_assert_eq(board_uplink_say(b, BLE_PUT_RES, f.counter, ok, sizeof(ok)), 0);
	}
	if (!trip_pending(t))
		return;
	r = receipt(t);
	cr_assert_eq(board_uplink_say(b, BLE_RCPT_PUT, 9, r.at, r.size), 0);
	while (board_uplink_next(b, &f) == 1)
		;
}

/* ---- the visit ------------------------------------------------------------------------------- */

static bool cut(struct trip *t)
{
	return t->cut_at && ++t->segments >= t->cut_at;
}

static void enter(struct trip *t, unsigned errands)
{
	uint8_t nonce[16] = "a nonce of ours", order[16] = "an order of ours", other[16] = "the end of ours";

	cr_assert_eq(ble_term_auth(&t->term, t->voucher.at, t->voucher.size), 0);
	if (t->receipt.size)
		cr_assert_eq(ble_term_put(&t->term, BLE_RCPT_PUT, t->receipt.at, t->receipt.size), 0);
	if (errands & TRIP_START && !t->started)
		cr_assert_eq(ble_term_start(&t->term, 1, order), 0);
	if (errands & TRIP_STOP && !t->stopped)
		cr_assert_eq(ble_term_stop(&t->term, 1, other), 0);
	cr_assert_eq(ble_term_status(&t->term), 0);
	if (errands & TRIP_RELAY)
		cr_assert_eq(ble_term_fetch(&t->term, 0, 0, BLE_TERM_CARRY_FOR, nonce), 0);
}

static void keep(struct trip *t, const struct ble_term_step *s)
{
	cr_assert(s->seq >= 1 && s->seq <= TRIP_RECORDS);
	if (!t->full) {
		memcpy(t->carried[s->seq - 1].at, s->data, s->size);
		t->carried[s->seq - 1].size = s->size;
	}
	ble_term_stored(&t->term, !t->full);
}

static void answer(struct trip *t, const struct ble_term_step *s)
{
	if (s->request == BLE_RCPT_PUT) {
		cr_assert(s->result == BLE_OK || s->result == BLE_STALE, "%s", ble_result_name(s->result));
		t->receipt.size = 0;
		return;
	}
	cr_assert_eq(s->result, BLE_OK, "0x%02x: %s", s->request, ble_result_name(s->result));
	t->started |= s->request == BLE_START;
	t->stopped |= s->request == BLE_STOP;
	if (s->request != BLE_REC_GET || !t->online)
		return;
	trip_flush(t);
	if (t->receipt.size && !t->leaves)
		cr_assert_eq(ble_term_put(&t->term, BLE_RCPT_PUT, t->receipt.at, t->receipt.size), 0);
}

/* What the terminal has to do; false: the visit is over. */
static bool act(struct trip *t, struct ble_pile_visit *v, unsigned errands)
{
	struct ble_term_step s;
	enum ble_term_action action;

	while ((action = ble_term_next(&t->term, t->board.now_ms, &s)) != BLE_TERM_WAIT) {
		if (action == BLE_TERM_WRITE) {
			if (ble_pile_receive(v, s.data, s.size, t->board.now_ms) < 0 || cut(t))
				return false;
		} else if (action == BLE_TERM_MET) {
			cr_assert_arr_eq(s.pile, board_id, 16);
			enter(t, errands);
		} else if (action == BLE_TERM_RECORD) {
			keep(t, &s);
		} else if (action == BLE_TERM_HEAD) {
			memcpy(t->head.at, s.data, s.size);
			t->head.size = s.size;
		} else if (action == BLE_TERM_ANSWER) {
			answer(t, &s);
		} else if (action == BLE_TERM_CLOSED) {
			t->closed = s.result;
			t->unanswered = s.request;
			return false;
		}
	}
	return true;
}

void trip_visit(struct trip *t, unsigned errands)
{
	struct ble_term_config config = { .crypto = c,
					  .root = vector_public("cloud"),
					  .wanted = board_id,
					  .holder_key = vector_key("holder"),
					  .holder_public = vector_public("holder"),
					  .mtu = t->mtu };
	struct ble_pile_visit *v = ble_pile_connect(&t->board.pile, t->board.now_ms);
	uint8_t random[48], value[BLE_VALUE_MAX];
	int size = 1;

	for (size_t i = 0; i < sizeof(random); i++)
		random[i] = (uint8_t)(++t->board.seed * 37);
	cr_assert_not_null(v);
	cr_assert_eq(ble_term_open(&t->term, &config, random, t->board.now_ms), 0);
	t->segments = 0;
	t->closed = -1;
	while (act(t, v, errands) && !ble_term_idle(&t->term)) {
		size = ble_pile_segment(v, t->mtu, t->board.now_ms, value, sizeof(value));
		if (size <= 0 || cut(t))
			break; /* a pile that asks its cloud says nothing for a while */
		ble_term_value(&t->term, value, (size_t)size, t->board.now_ms);
	}
	ble_pile_disconnect(v);
	ble_term_close(&t->term);
}
