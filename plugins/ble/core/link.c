/* One end of one connection: values in and out, and in between messages, sealed as soon as there are keys. */
#include "core_internal.h"

#include <string.h>

static bool is_clear(uint8_t type)
{
	return type == BLE_HELLO || type == BLE_HELLO_ACK || type == BLE_ERROR;
}

static enum ble_end peer(const struct ble_link *l)
{
	return l->config.end == BLE_PILE ? BLE_TERMINAL : BLE_PILE;
}

void ble_link_init(struct ble_link *l, const struct ble_link_config *config, uint64_t now_ms)
{
	struct ble_link_config own = *config; /* which may be that of this link */

	memset(l, 0, sizeof(*l));
	l->config = own;
	l->since_ms = l->now_ms = now_ms;
}

void ble_link_fini(struct ble_link *l)
{
	bytes_wipe(l, sizeof(*l));
	l->state = BLE_ENDED;
}

int link_close(struct ble_link *l, int why)
{
	l->state = BLE_ENDED;
	l->why = -why;
	l->ephemeral = NULL;
	bytes_wipe(&l->keys, sizeof(l->keys));
	return why;
}

static void move(struct ble_link *l, int next)
{
	if ((int)l->state != next || next == BLE_READY)
		l->since_ms = l->now_ms;
	l->state = (enum ble_state)next;
	if (next == BLE_ENDED)
		bytes_wipe(&l->keys, sizeof(l->keys));
}

/* ---- out ------------------------------------------------------------------------------------- */

bool ble_link_busy(const struct ble_link *l)
{
	return l->out.at < l->out.size;
}

/* May `type` go now? The state behind it. */
static int may_send(const struct ble_link *l, enum ble_type type)
{
	if (l->state == BLE_ENDED)
		return -BLE_CLOSED;
	return ble_link_busy(l) ? -BLE_BUSY : rules_next(l->config.end, l->state, (uint8_t)type);
}

static void header(uint8_t *at, enum ble_type type, uint32_t counter)
{
	at[0] = (uint8_t)type;
	at[1] = 0;
	bytes_put(at + 2, counter, 4);
}

int link_send_clear(struct ble_link *l, enum ble_type type, const uint8_t *body, size_t size)
{
	int next = may_send(l, type);
	struct ble_split *out = &l->out;

	if (next < 0)
		return next;
	header(out->data, type, 0);
	memcpy(out->data + BLE_HEADER_SIZE, body, size);
	size += BLE_HEADER_SIZE;
	bytes_put(out->data + size, bytes_crc16(out->data, size), 2);
	out->size = (uint16_t)(size + 2);
	out->at = 0;
	move(l, next);
	return 0;
}

static void nonce(const struct ble_link *l, enum ble_end from, uint32_t counter, uint8_t ret[12])
{
	uint8_t be[4];

	memcpy(ret, l->keys.iv[from], 12);
	bytes_put(be, counter, 4);
	for (int i = 0; i < 4; i++)
		ret[8 + i] ^= be[i];
}

int link_send_sealed(struct ble_link *l, enum ble_type type, const struct ble_bytes *parts, size_t n)
{
	const struct ble_crypto *c = l->config.crypto;
	enum ble_end own = l->config.end;
	uint8_t *out = l->out.data, iv[12];
	int next = may_send(l, type);
	size_t size = 0;

	if (next < 0)
		return next;
	for (size_t i = 0; i < n; i++) {
		if (parts[i].size > BLE_BODY_MAX - size)
			return -BLE_TOO_LONG;
		if (parts[i].size)
			memcpy(out + BLE_HEADER_SIZE + size, parts[i].at, parts[i].size);
		size += parts[i].size;
	}
	if (l->counter[own] == UINT32_MAX)
		return link_close(l, -BLE_CLOSED);
	header(out, type, ++l->counter[own]);
	nonce(l, own, l->counter[own], iv);
	if (c->seal(c->user, l->keys.key[own], iv, out, BLE_HEADER_SIZE, out + BLE_HEADER_SIZE, size) != 0)
		return link_close(l, -BLE_CRYPTO);
	l->out.size = (uint16_t)(BLE_HEADER_SIZE + size + BLE_TAG_SIZE);
	l->out.at = 0;
	move(l, next);
	return 0;
}

int ble_link_send(struct ble_link *l, enum ble_type type, const uint8_t *body, size_t size)
{
	struct ble_bytes part = { body, size };

	/* These have functions of their own, which know what they say. */
	if (is_clear((uint8_t)type) || type == BLE_AUTH || type == BLE_AUTH_OK)
		return -BLE_UNEXPECTED;
	return link_send_sealed(l, type, &part, 1);
}

int ble_link_segment(struct ble_link *l, unsigned mtu, uint8_t *ret, size_t room)
{
	return ble_split(&l->out, mtu, ret, room);
}

/* ---- in -------------------------------------------------------------------------------------- */

static int open_clear(struct ble_message *m, uint8_t *data, size_t size)
{
	if (size < BLE_HEADER_SIZE + 2 || bytes_get(data + 2, 4) != 0)
		return -BLE_MALFORMED;
	if (bytes_get(data + size - 2, 2) != bytes_crc16(data, size - 2))
		return -BLE_BAD_CRC;
	m->body = (struct ble_bytes){ data + BLE_HEADER_SIZE, size - BLE_HEADER_SIZE - 2 };
	return 0;
}

static int open_sealed(struct ble_link *l, struct ble_message *m, uint8_t *data, size_t size)
{
	const struct ble_crypto *c = l->config.crypto;
	enum ble_end from = peer(l);
	uint8_t iv[12];

	if (size < BLE_HEADER_SIZE + BLE_TAG_SIZE)
		return -BLE_MALFORMED;
	if (l->counter[from] == UINT32_MAX || bytes_get(data + 2, 4) != l->counter[from] + 1)
		return -BLE_OUT_OF_ORDER;
	nonce(l, from, l->counter[from] + 1, iv);
	if (c->open(c->user, l->keys.key[from], iv, data, BLE_HEADER_SIZE, data + BLE_HEADER_SIZE,
		    size - BLE_HEADER_SIZE) != 0)
		return -BLE_BAD_SEAL;
	l->counter[from]++;
	m->body = (struct ble_bytes){ data + BLE_HEADER_SIZE, size - BLE_HEADER_SIZE - BLE_TAG_SIZE };
	return 0;
}

/* A whole message; the state behind it. */
static int take(struct ble_link *l, struct ble_message *m)
{
	uint8_t *data = l->in.data;
	size_t size = l->in.size;
	int next, r;

	if (size < BLE_HEADER_SIZE)
		return -BLE_MALFORMED;
	if (data[1] != 0)
		return -BLE_UNSUPPORTED;
	next = rules_next(peer(l), l->state, data[0]);
	if (next < 0)
		return next;
	m->type = (enum ble_type)data[0];
	r = is_clear(data[0]) ? open_clear(m, data, size) : open_sealed(l, m, data, size);
	if (r == 0 && m->type == BLE_HELLO)
		r = link_got_hello(l, data, size);
	if (r == 0 && m->type == BLE_HELLO_ACK)
		r = link_got_hello_ack(l, data, size);
	return r < 0 ? r : next;
}

/* Before there are keys a pile says why it does not go on; the terminal takes that for a hint. */
static void complain(struct ble_link *l, int why)
{
	struct ble_answer answer = { .result = (uint8_t)-why };
	uint8_t body[8];
	int size = ble_answer_write(&answer, body, sizeof(body));

	if (size > 0 && l->config.end == BLE_PILE && l->state == BLE_OPENED)
		link_send_clear(l, BLE_ERROR, body, (size_t)size);
}

int ble_link_receive(struct ble_link *l, const uint8_t *value, size_t size, uint64_t now_ms, struct ble_message *ret)
{
	struct ble_message m = { 0 };
	int r;

	if (l->state == BLE_ENDED)
		return -BLE_CLOSED;
	l->now_ms = now_ms;
	r = ble_join(&l->in, value, size, now_ms);
	if (r == 0)
		return 0;
	if (r > 0)
		r = take(l, &m);
	if (r < 0) {
		complain(l, r);
		return link_close(l, r);
	}
	move(l, r);
	*ret = m;
	return 1;
}

/* ---- time ------------------------------------------------------------------------------------ */

uint64_t ble_link_deadline_ms(const struct ble_link *l)
{
	static const uint64_t waits[] = {
		[BLE_OPENED] = BLE_HELLO_WAIT_MS, [BLE_GREETED] = BLE_HELLO_WAIT_MS, [BLE_KEYED] = BLE_AUTH_WAIT_MS,
		[BLE_CLAIMED] = BLE_AUTH_WAIT_MS, [BLE_READY] = BLE_IDLE_MS,
	};
	uint64_t until, segment = l->in.last_ms + BLE_SEGMENT_GAP_MS;

	if (l->state == BLE_ENDED)
		return UINT64_MAX;
	until = l->since_ms + waits[l->state];
	return l->in.inside && segment < until ? segment : until;
}

int ble_link_tick(struct ble_link *l, uint64_t now_ms)
{
	if (l->state == BLE_ENDED)
		return -BLE_CLOSED;
	l->now_ms = now_ms;
	return now_ms > ble_link_deadline_ms(l) ? link_close(l, -BLE_LATE) : 0;
}
