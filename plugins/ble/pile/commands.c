/* What both roads ask of a pile, however they came. */
#include "pile_internal.h"

#include <string.h>

#define CLOCK_OFF_S 10 /* a clock that is off by less is set without a record */

static void answer_started(const struct ble_pile_session *s, struct ble_answer *ret)
{
	*ret = (struct ble_answer){ .has = BLE_HAS(BLE_ANSWER_SEQ) | BLE_HAS(BLE_ANSWER_SESSION), .seq = s->start_seq };
	memcpy(ret->session, s->id, 16);
}

bool mind_command_started(struct ble_pile *p, const struct ble_command *command, const uint8_t holder[32],
			  struct ble_answer *ret)
{
	const struct ble_pile_session *s = mind_session_of(p, command->connector);

	if (!s || s->start_seq == 0 || !ble_same(s->order, command->order, 16) || !ble_same(s->holder, holder, 32))
		return false;
	answer_started(s, ret);
	return true;
}

int mind_command_start(struct ble_pile *p, const struct ble_command *command, const struct leave *leave,
		       struct ble_answer *ret)
{
	int r = 0;

	if (mind_command_started(p, command, leave->holder, ret))
		return 0;
	r = mind_session_start(p, command->connector, leave);
	if (r < 0) {
		p->refused++;
		return r;
	}
	answer_started(mind_session_of(p, command->connector), ret);
	return 0;
}

int mind_command_stop(struct ble_pile *p, const struct ble_command *command, enum ble_reason reason,
		      struct ble_answer *ret)
{
	struct ble_pile_session *s = mind_session_of(p, command->connector);
	int r = 0;

	if (!s || s->start_seq == 0)
		return -BLE_NOT_ALLOWED;
	if (s->active)
		r = mind_session_end(p, command->connector, reason);
	if (r < 0)
		return r;
	*ret = (struct ble_answer){ .has = BLE_HAS(BLE_ANSWER_SEQ) | BLE_HAS(BLE_ANSWER_SESSION), .seq = s->end_seq };
	memcpy(ret->session, s->id, 16);
	return 0;
}

/* ---- what is put ----------------------------------------------------------------------------- */

/* The hash of the record that the receipt ends with, into `ret`; NULL where there is none. */
static const uint8_t *hash_of(struct ble_pile *p, uint64_t seq, uint8_t ret[32])
{
	const struct ble_crypto *c = p->config.crypto;
	struct place it;

	if (!mind_store_read(p, seq, &it))
		return NULL;
	return ble_record_hash(c, it.record, it.size, ret) == 0 ? ret : NULL;
}

int mind_command_receipt(struct ble_pile *p, const uint8_t *body, size_t size)
{
	struct ble_receipt it;
	uint8_t hash[32];
	int r = ble_receipt_read(body, size, &it);

	if (r == 0)
		r = ble_receipt_check(p->config.crypto, &p->keys, &p->chain, p->state.acked, hash_of(p, it.upto, hash),
				      body, size, &it);
	if (r < 0)
		return r == -BLE_STALE ? 0 : r;
	p->state.acked = it.upto;
	return mind_store_write_state(p);
}

int mind_command_keyset(struct ble_pile *p, const uint8_t *body, size_t size)
{
	struct ble_record record = { .has = BLE_HAS(BLE_RECORD_VALUE), .type = BLE_RECORD_KEYS };
	struct ble_keyset it;
	int r;

	if (size > sizeof(p->state.keyset))
		return -BLE_TOO_LONG;
	r = ble_keyset_check(p->config.crypto, p->config.root, p->keys.number, body, size, &it);
	if (r < 0)
		return r == -BLE_STALE ? 0 : r;
	memcpy(p->state.keyset, body, size);
	p->state.keyset_size = (uint16_t)size;
	r = ble_keyset_check(p->config.crypto, p->config.root, p->keys.number, p->state.keyset, size, &p->keys);
	if (r == 0)
		r = mind_store_write_state(p);
	record.value = p->keys.number;
	mind_store_note(p, 0, &record);
	return r;
}

int mind_command_time(struct ble_pile *p, const uint8_t nonce[16], const uint8_t *body, size_t size)
{
	struct ble_record record = { .has = BLE_HAS(BLE_RECORD_VALUE), .type = BLE_RECORD_TIME };
	struct ble_time it;
	uint32_t before = ble_clock_utc(&p->clock, p->now_ms), off;
	int r = ble_time_check(p->config.crypto, &p->keys, p->config.id, nonce, body, size, &it);

	if (r < 0)
		return r;
	off = before > it.utc ? before - it.utc : it.utc - before;
	ble_clock_set(&p->clock, BLE_TRUST_SIGNED, it.utc, p->now_ms);
	if (off < CLOCK_OFF_S)
		return 0;
	record.value = before;
	mind_store_note(p, 0, &record);
	return mind_store_write_state(p);
}

/* ---- what is asked for ----------------------------------------------------------------------- */

int mind_command_head(struct ble_pile *p, const uint8_t nonce[16], uint8_t *ret, size_t room)
{
	struct ble_head head = { .chain = p->chain.chain,
				 .seq = p->chain.next - 1,
				 .boot = p->state.boot,
				 .utc = ble_clock_utc(&p->clock, p->now_ms) };

	memcpy(head.pile, p->config.id, 16);
	memcpy(head.hash, p->chain.head, 32);
	memcpy(head.nonce, nonce, 16);
	return ble_head_write(p->config.crypto, &head, p->config.key, ret, room);
}

void mind_command_range(const struct ble_pile *p, const struct ble_record_get *get, uint64_t *ret_next,
			uint64_t *ret_last)
{
	uint64_t most = get->most < BLE_PILE_RELAY_MOST ? get->most : BLE_PILE_RELAY_MOST;
	uint64_t from = get->from > p->state.acked && get->chain == p->chain.chain ? get->from : p->state.acked + 1;

	*ret_next = from;
	*ret_last = from + most - 1;
	if (*ret_last >= p->chain.next)
		*ret_last = p->chain.next - 1;
}

void mind_command_status(const struct ble_pile *p, unsigned connector, struct ble_status *ret)
{
	const struct ble_pile_session *s;

	connector = connector >= 1 && connector <= p->config.connectors ? connector : 1;
	s = &p->state.sessions[connector - 1];
	*ret = (struct ble_status){ .connector = (uint8_t)connector,
				    .power_w = p->hardware.power_w(p->hardware.user, connector),
				    .pending = (uint32_t)ble_pile_pending(p) };
	if (p->broken || p->fault)
		ret->state = 3;
	if (!s->active)
		return;
	ret->state = 2;
	ret->has = BLE_HAS(BLE_STATUS_SESSION) | BLE_HAS(BLE_STATUS_WH);
	memcpy(ret->session, s->id, 16);
	ret->session_wh = (uint32_t)(p->hardware.meter_wh(p->hardware.user, connector) - s->start_meter_wh);
}
