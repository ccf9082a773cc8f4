/* A pile from its power on; what it shows; and what happens at it. */
#include "pile_internal.h"

#include <string.h>

enum { FLAG_ONLINE = 1, FLAG_CHARGING = 2, FLAG_PENDING = 4, FLAG_FAULT = 8, FLAG_FILLING = 16, FLAG_LETTERS = 32 };

/* A chain that nobody has seen, as a store that lost its records must not go on with numbers that were used. The next
 * one, where the pile still knows which it had: the cloud takes the greatest for the newest. */
static void new_chain(struct ble_pile *p)
{
	uint8_t random[4];

	if (p->state.chain && p->state.chain < UINT32_MAX)
		p->state.chain++;
	else
		p->state.chain = 0;
	while (p->state.chain == 0) {
		p->hardware.random(p->hardware.user, random, sizeof(random));
		memcpy(&p->state.chain, random, sizeof(random));
	}
	p->state.acked = 0;
	p->chain = (struct ble_chain){ .chain = p->state.chain, .next = 1 };
	memcpy(p->chain.pile, p->config.id, 16);
}

static void load(struct ble_pile *p)
{
	int found = mind_store_load_state(p);

	ble_clock_init(&p->clock, p->config.built);
	if (found < 0)
		return;
	ble_clock_raise(&p->clock, p->state.low, 0);
	p->chain.chain = p->state.chain;
	memcpy(p->chain.pile, p->config.id, 16);
	if (found == 0 || (!mind_store_find_head(p) && p->state.boot > 0) || p->state.acked >= p->chain.next)
		new_chain(p);
	if (p->state.keyset_size)
		ble_keyset_check(p->config.crypto, p->config.root, 0, p->state.keyset, p->state.keyset_size, &p->keys);
}

/* What all connectors' registers say: whatever went through them since the last boot is in records, or was lost. */
static uint64_t register_wh(const struct ble_pile *p)
{
	uint64_t wh = 0;

	for (unsigned c = 1; c <= p->config.connectors; c++)
		wh += p->hardware.meter_wh(p->hardware.user, c);
	return wh;
}

int ble_pile_boot(struct ble_pile *p, const struct ble_pile_config *config, const struct ble_pile_hardware *hardware)
{
	struct ble_pile_config c = *config;
	struct ble_pile_hardware h = *hardware;
	struct ble_record boot = { .has = BLE_HAS(BLE_RECORD_METER_WH), .type = BLE_RECORD_BOOT };
	struct ble_record firmware = { .has = BLE_HAS(BLE_RECORD_VALUE),
				       .type = BLE_RECORD_FIRMWARE,
				       .value = c.firmware };
	bool updated;

	if (c.connectors < 1 || c.connectors > BLE_PILE_CONNECTORS || c.records < BLE_PILE_RECORDS_MIN)
		return -BLE_UNSUPPORTED;
	memset(p, 0, sizeof(*p));
	p->config = c;
	p->hardware = h;
	load(p);
	mind_letters_load(p);
	updated = p->state.firmware != c.firmware;
	p->state.boot++;
	p->state.firmware = c.firmware;
	mind_store_write_state(p);
	mind_sessions_recover(p);
	boot.meter_wh = register_wh(p);
	mind_store_note(p, 0, &boot);
	if (updated)
		mind_store_note(p, 0, &firmware);
	mind_images_boot(p);
	return p->broken ? -BLE_STORE_FULL : 0;
}

uint64_t ble_pile_tick(struct ble_pile *p, uint64_t now_ms)
{
	uint64_t next[4], ret = UINT64_MAX;

	p->now_ms = now_ms;
	next[0] = mind_sessions_tick(p);
	next[1] = mind_visits_tick(p);
	next[2] = mind_uplink_tick(p);
	next[3] = mind_images_tick(p);
	for (size_t i = 0; i < 4; i++)
		ret = next[i] < ret ? next[i] : ret;
	return ret;
}

bool ble_pile_online(const struct ble_pile *p, uint64_t now_ms)
{
	return p->uplink.open && p->uplink.greeted &&
	       now_ms - p->uplink.heard_ms <= 2000 * (uint64_t)p->config.heartbeat_s;
}

/* ---- what happens at the pile ---------------------------------------------------------------- */

int ble_pile_unplugged(struct ble_pile *p, unsigned connector, uint64_t now_ms)
{
	struct ble_pile_session *s = mind_session_of(p, connector);

	p->now_ms = now_ms;
	if (!s)
		return -BLE_NOT_ALLOWED;
	return s->active ? mind_session_end(p, connector, BLE_REASON_UNPLUGGED) : 0;
}

int ble_pile_emergency(struct ble_pile *p, uint64_t now_ms)
{
	int r = 0;

	p->now_ms = now_ms;
	for (unsigned c = 1; c <= p->config.connectors; c++)
		if (mind_session_of(p, c)->active)
			r = mind_session_end(p, c, BLE_REASON_EMERGENCY);
	return r;
}

int ble_pile_fault(struct ble_pile *p, unsigned connector, uint32_t code, uint64_t now_ms)
{
	struct ble_pile_session *s = mind_session_of(p, connector);
	struct ble_record record = { .has = BLE_HAS(BLE_RECORD_VALUE), .type = BLE_RECORD_FAULT, .value = code };

	p->now_ms = now_ms;
	if (!s)
		return -BLE_NOT_ALLOWED;
	p->fault = true;
	mind_store_note(p, connector, &record);
	return s->active ? mind_session_end(p, connector, BLE_REASON_FAULT) : 0;
}

/* ---- what it shows --------------------------------------------------------------------------- */

static void put(uint8_t *at, uint64_t value, unsigned size)
{
	for (unsigned i = 0; i < size; i++)
		at[i] = (uint8_t)(value >> 8 * (size - 1 - i));
}

static uint8_t flags(const struct ble_pile *p)
{
	unsigned ret = 0;

	for (unsigned c = 0; c < p->config.connectors; c++)
		ret |= p->state.sessions[c].active ? FLAG_CHARGING : 0;
	ret |= ble_pile_online(p, p->now_ms) ? FLAG_ONLINE : 0;
	ret |= ble_pile_pending(p) ? FLAG_PENDING : 0;
	ret |= p->fault || p->broken ? FLAG_FAULT : 0;
	ret |= mind_store_nearly_full(p) ? FLAG_FILLING : 0;
	ret |= mind_letters_next(p, 0) ? FLAG_LETTERS : 0;
	return (uint8_t)ret;
}

static uint64_t pending_shown(const struct ble_pile *p)
{
	return ble_pile_pending(p) < UINT16_MAX ? ble_pile_pending(p) : UINT16_MAX;
}

void ble_pile_info(const struct ble_pile *p, uint8_t ret[BLE_PILE_INFO_SIZE])
{
	ret[0] = BLE_VERSION;
	memcpy(ret + 1, p->config.id, 16);
	put(ret + 17, p->config.connectors, 2);
	ret[19] = flags(p);
	put(ret + 20, pending_shown(p), 2);
	put(ret + 22, p->state.boot, 4);
	put(ret + 26, p->config.firmware, 4);
}

void ble_pile_advertised(const struct ble_pile *p, uint8_t ret[BLE_PILE_ADVERTISED_SIZE])
{
	ret[0] = BLE_VERSION;
	ret[1] = flags(p);
	put(ret + 2, pending_shown(p), 2);
	memcpy(ret + 4, p->config.id, 4);
}

void ble_pile_status(const struct ble_pile *p, unsigned connector, uint8_t ret[BLE_PILE_STATUS_SIZE])
{
	struct ble_status it;

	mind_command_status(p, connector, &it);
	ret[0] = it.state;
	put(ret + 1, it.power_w, 4);
	put(ret + 5, it.session_wh, 4);
}
