/* A pile's store: a ring of records, and two places for its state of which the younger whole one counts. A place whose
 * writing the power cut short is told by its check. */
#include "pile_internal.h"

#include <string.h>

#define STATE_VERSION 1
#define RESERVE_BESIDES 4 /* places beyond a start and an end for each connector */

struct state_place {
	uint8_t check[8];
	uint32_t version;
	struct ble_pile_state state;
};
_Static_assert(sizeof(struct state_place) <= BLE_PILE_STATE_SIZE, "a state fits its place");
_Static_assert(sizeof(struct place) == BLE_PILE_PLACE_SIZE, "a record fits its place");

/* ---- checks ---------------------------------------------------------------------------------- */

bool mind_store_check(const struct ble_pile *p, const void *at, size_t size, uint8_t ret[8])
{
	const struct ble_crypto *c = p->config.crypto;
	uint8_t hash[32];

	if (c->sha256(c->user, (const uint8_t *)at + 8, size - 8, hash) != 0)
		return false;
	memcpy(ret, hash, 8);
	return true;
}

bool mind_store_whole(const struct ble_pile *p, const void *at, size_t size)
{
	uint8_t check[8];

	return mind_store_check(p, at, size, check) && ble_same(check, at, 8);
}

static int broken(struct ble_pile *p)
{
	p->broken = true;
	return -BLE_STORE_FULL;
}

/* ---- the state ------------------------------------------------------------------------------- */

static bool blank(const uint8_t *at, size_t size)
{
	for (size_t i = 1; i < size; i++)
		if (at[i] != at[0])
			return false;
	return at[0] == 0 || at[0] == 0xff;
}

int mind_store_load_state(struct ble_pile *p)
{
	struct ble_pile_hardware *h = &p->hardware;
	struct state_place *it = (struct state_place *)(void *)p->scratch;
	bool found = false, unused = true;

	for (uint32_t place = 0; place < 2; place++) {
		if (h->read(h->user, BLE_PILE_STATE, place, p->scratch, BLE_PILE_STATE_SIZE) != 0)
			return broken(p);
		unused = unused && blank(p->scratch, BLE_PILE_STATE_SIZE);
		if (!mind_store_whole(p, p->scratch, BLE_PILE_STATE_SIZE) || it->version != STATE_VERSION)
			continue;
		if (!found || it->state.generation > p->state.generation)
			p->state = it->state;
		found = true;
	}
	if (found)
		return 1;
	return unused ? 0 : broken(p); /* which vouchers were used is lost: nothing may start */
}

int mind_store_write_state(struct ble_pile *p)
{
	struct ble_pile_hardware *h = &p->hardware;
	struct state_place *it = (struct state_place *)(void *)p->scratch;

	if (p->broken)
		return -BLE_STORE_FULL;
	p->state.generation++;
	p->state.low = ble_clock_low(&p->clock, p->now_ms);
	memset(p->scratch, 0, sizeof(p->scratch));
	it->version = STATE_VERSION;
	it->state = p->state;
	if (!mind_store_check(p, p->scratch, BLE_PILE_STATE_SIZE, it->check) ||
	    h->write(h->user, BLE_PILE_STATE, p->state.generation % 2, p->scratch, BLE_PILE_STATE_SIZE) != 0)
		return broken(p);
	return 0;
}

/* ---- records --------------------------------------------------------------------------------- */

static uint32_t place_of(const struct ble_pile *p, uint64_t seq)
{
	return (uint32_t)(seq % p->config.records);
}

static bool read_place(struct ble_pile *p, uint32_t at, struct place *ret)
{
	struct ble_pile_hardware *h = &p->hardware;

	return h->read(h->user, BLE_PILE_RECORDS, at, ret, sizeof(*ret)) == 0 &&
	       mind_store_whole(p, ret, sizeof(*ret)) && ret->chain == p->state.chain &&
	       ret->size <= sizeof(ret->record);
}

bool mind_store_read(struct ble_pile *p, uint64_t seq, struct place *ret)
{
	return seq > 0 && seq < p->chain.next && read_place(p, place_of(p, seq), ret) && ret->seq == seq;
}

bool mind_store_find_head(struct ble_pile *p)
{
	struct place it, last = { .seq = 0 };
	struct ble_record record;

	for (uint32_t i = 0; i < p->config.records; i++)
		if (read_place(p, i, &it) && it.seq > last.seq)
			last = it;
	p->chain.next = last.seq + 1;
	if (last.seq == 0)
		return false;
	if (ble_record_hash(p->config.crypto, last.record, last.size, p->chain.head) != 0)
		broken(p);
	if (ble_record_read(last.record, last.size, &record) == 0)
		ble_clock_raise(&p->clock, record.utc, 0);
	return true;
}

static int sealed_to(const struct ble_pile *p, uint8_t ephemeral[32], struct ble_seal *ret)
{
	if (!(p->keys.has & BLE_HAS(BLE_KEYSET_SEAL_KEY)))
		return 0;
	p->hardware.random(p->hardware.user, ephemeral, 32);
	ret->kid = (uint32_t)p->keys.seal_key[0] << 24 | (uint32_t)p->keys.seal_key[1] << 16 |
		   (uint32_t)p->keys.seal_key[2] << 8 | p->keys.seal_key[3];
	ret->public_key = p->keys.seal_key + 4;
	ret->ephemeral = ephemeral;
	return 1;
}

int mind_store_append(struct ble_pile *p, unsigned connector, struct ble_record *record)
{
	struct ble_pile_hardware *h = &p->hardware;
	struct ble_chain chain = p->chain;
	struct place it = {
		.type = record->type, .connector = (uint8_t)connector, .chain = chain.chain, .seq = chain.next
	};
	uint8_t ephemeral[32];
	struct ble_seal seal;
	int size;

	if (p->broken || mind_store_free(p) == 0)
		return -BLE_STORE_FULL;
	record->boot = p->state.boot;
	record->uptime_ms = p->now_ms;
	record->utc = ble_clock_utc(&p->clock, p->now_ms);
	record->trust = p->clock.trust;
	if (connector) {
		record->connector = (uint8_t)connector;
		record->has |= BLE_HAS(BLE_RECORD_CONNECTOR);
	}
	size = ble_record_write(p->config.crypto, &chain, record, sealed_to(p, ephemeral, &seal) ? &seal : NULL,
				p->config.key, it.record, sizeof(it.record));
	if (size < 0)
		return broken(p);
	it.size = (uint16_t)size;
	if (!mind_store_check(p, &it, sizeof(it), it.check) ||
	    h->write(h->user, BLE_PILE_RECORDS, place_of(p, it.seq), &it, sizeof(it)) != 0)
		return broken(p);
	p->chain = chain;
	return 0;
}

uint64_t mind_store_free(const struct ble_pile *p)
{
	return p->config.records - ble_pile_pending(p);
}

bool mind_store_at_reserve(const struct ble_pile *p)
{
	return mind_store_free(p) <= 2 * p->config.connectors + RESERVE_BESIDES;
}

bool mind_store_nearly_full(const struct ble_pile *p)
{
	return ble_pile_pending(p) * 5 >= (uint64_t)p->config.records * 4;
}

void mind_store_note(struct ble_pile *p, unsigned connector, struct ble_record *record)
{
	if (!mind_store_at_reserve(p))
		mind_store_append(p, connector, record);
	else
		p->thinned++;
}

uint64_t ble_pile_pending(const struct ble_pile *p)
{
	return p->chain.next - 1 - p->state.acked;
}

int ble_pile_record(struct ble_pile *p, uint64_t seq, uint8_t *ret)
{
	struct place it;

	if (!mind_store_read(p, seq, &it))
		return -BLE_STALE;
	memcpy(ret, it.record, it.size);
	return it.size;
}
