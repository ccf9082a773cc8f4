/* The board of a pile under test. */
#include "board.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define MTU 185

const uint8_t board_id[16] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 };
static const struct ble_crypto *const c = &ble_openssl;

/* ---- hardware -------------------------------------------------------------------------------- */

static uint8_t *place(struct board *b, enum ble_pile_area area, uint32_t at, size_t size)
{
	static const size_t sizes[] = { BLE_PILE_PLACE_SIZE, BLE_PILE_STATE_SIZE, BLE_PILE_MAIL_SIZE };

	cr_assert_eq(size, sizes[area]);
	cr_assert_lt(at, area == BLE_PILE_RECORDS ? BOARD_RECORDS : 2);
	return area == BLE_PILE_RECORDS ? b->records[at] : area == BLE_PILE_STATE ? b->state[at] : b->mail[at];
}

static int read_place(void *user, enum ble_pile_area area, uint32_t at, void *ret, size_t size)
{
	memcpy(ret, place(user, area, at, size), size);
	return 0;
}

static int write_to(struct board *b, uint8_t *to, const void *data, size_t size)
{
	if (b->dead)
		return -1;
	if (++b->writes == b->cut_at) {
		b->dead = true;
		memset(b->closed, 0, sizeof(b->closed)); /* relays fall open */
		memcpy(to, data, size / 2);              /* torn */
		return -1;
	}
	memcpy(to, data, size);
	return 0;
}

static int write_place(void *user, enum ble_pile_area area, uint32_t at, const void *data, size_t size)
{
	return write_to(user, place(user, area, at, size), data, size);
}

static int letter_write(void *user, uint32_t offset, const void *data, size_t size)
{
	struct board *b = user;

	cr_assert_leq(offset + size, BOARD_LETTER_MAX);
	return write_to(b, b->letter + offset, data, size);
}

static int letter_hash(void *user, uint32_t offset, uint32_t size, uint8_t ret[32])
{
	return c->sha256(c->user, ((struct board *)user)->letter + offset, size, ret);
}

static int letter_read(void *user, uint32_t offset, void *ret, size_t size)
{
	memcpy(ret, ((struct board *)user)->letter + offset, size);
	return 0;
}

static int install(void *user, const struct ble_image *image, uint32_t offset)
{
	struct board *b = user;

	b->installs++;
	b->installed = *image;
	b->installed_from = offset;
	return b->install_result;
}

static void letter(void *user, unsigned kind, uint64_t number, uint32_t size)
{
	struct board *b = user;

	b->told.times = b->told.number == number ? b->told.times + 1 : 1;
	b->told.number = number;
	b->told.kind = kind;
	b->told.size = size;
	b->letters++;
	if (b->answers)
		ble_pile_write_letter(&b->pile, kind + 1, "done", 4);
}

static void fill_random(void *user, uint8_t *ret, size_t size)
{
	struct board *b = user;

	for (size_t i = 0; i < size; i++)
		ret[i] = (uint8_t)rand_r(&b->seed);
}

static uint64_t meter(void *user, unsigned connector)
{
	return ((struct board *)user)->meter_wh[connector - 1];
}

static uint32_t power(void *user, unsigned connector)
{
	return ((struct board *)user)->closed[connector - 1] ? BOARD_POWER_W : 0;
}

static void relay(void *user, unsigned connector, bool closed)
{
	struct board *b = user;

	b->closed[connector - 1] = closed && !b->dead;
}

int board_boot(struct board *b)
{
	const struct ble_pile_hardware hardware = { .user = b,
						    .read = read_place,
						    .write = write_place,
						    .random = fill_random,
						    .meter_wh = meter,
						    .power_w = power,
						    .relay = relay,
						    .letter_write = letter_write,
						    .letter_hash = letter_hash,
						    .letter_read = letter_read,
						    .install = install,
						    .letter = letter };

	b->dead = false;
	b->visit = NULL;
	b->now_ms = 0;
	memset(b->closed, 0, sizeof(b->closed));
	return ble_pile_boot(&b->pile, &b->config, &hardware);
}

void board_init(struct board *b)
{
	struct ble_certificate from = { .version = 1, .kid = 1, .expires = UINT32_MAX };
	struct vector keys = vector_signed("keyset");

	memset(b, 0, sizeof(*b));
	memcpy(from.pile, board_id, 16);
	memcpy(from.pile_key, vector_public("pile"), 32);
	b->certificate.size = (size_t)ble_certificate_write(c, &from, vector_key("cloud"), b->certificate.at,
							    VECTOR_MAX);
	b->config = (struct ble_pile_config){ .crypto = c,
					      .id = board_id,
					      .key = vector_key("pile"),
					      .root = vector_public("cloud"),
					      .certificate = { b->certificate.at, b->certificate.size },
					      .connectors = 1,
					      .records = BOARD_RECORDS,
					      .firmware = 1,
					      .built = 0x6a000000,
					      .cap_minor = 1000000,
					      .meter_s = 60,
					      .heartbeat_s = 60,
					      .letter_max = BOARD_LETTER_MAX };
	cr_assert_eq(board_boot(b), 0);
	cr_assert_eq(board_visit(b, &keys), -BLE_CLOSED); /* puts the key set, and goes */
}

void board_pass(struct board *b, unsigned seconds)
{
	static const uint64_t wh_per_s = BOARD_POWER_W / 1000; /* an hour's in 6 minutes */

	while (seconds--) {
		b->now_ms += 1000;
		for (size_t i = 0; i < BLE_PILE_CONNECTORS; i++)
			if (b->closed[i]) {
				b->meter_wh[i] += wh_per_s;
				b->delivered_wh[i] += wh_per_s;
			}
		if (!b->dead)
			ble_pile_tick(&b->pile, b->now_ms);
	}
}

static uint32_t kid_of(const uint8_t *entry)
{
	return (uint32_t)entry[0] << 24 | (uint32_t)entry[1] << 16 | (uint32_t)entry[2] << 8 | entry[3];
}

/* ---- documents ------------------------------------------------------------------------------- */

void board_voucher_from(uint8_t number, struct ble_voucher *ret)
{
	struct vector bound = vector_signed("voucher_bound");

	cr_assert_eq(ble_voucher_read(bound.at, bound.size, ret), 0);
	ret->has &= ~BLE_HAS(BLE_VOUCHER_NONCE);
	memset(ret->jti, number, 16);
	memcpy(ret->pile, board_id, 16);
	ret->flags = BLE_MAY_START | BLE_MAY_STOP | BLE_OFFLINE_OK;
	ret->max_wh = 5000;
	ret->max_minutes = 60;
}

struct vector board_voucher_of(const struct ble_voucher *from)
{
	struct vector v;

	v.size = (size_t)ble_voucher_write(c, from, vector_key("cloud"), v.at, sizeof(v.at));
	return v;
}

struct vector board_voucher(uint8_t number)
{
	struct ble_voucher it;

	board_voucher_from(number, &it);
	return board_voucher_of(&it);
}

/* ---- the caller ------------------------------------------------------------------------------ */

static int hear_all(struct board *b)
{
	uint8_t value[BLE_VALUE_MAX];
	int size, r = 0;

	while (r == 0 && (size = ble_pile_segment(b->visit, MTU, b->now_ms, value, sizeof(value))) > 0)
		r = ble_link_receive(&b->link, value, (size_t)size, b->now_ms, &b->heard);
	return r;
}

int board_hear(struct board *b)
{
	int r = hear_all(b);

	return r == 1 ? (int)b->heard.type : r == 0 ? -BLE_LATE : r;
}

static int carry(struct board *b)
{
	uint8_t value[BLE_VALUE_MAX];
	int size, r = 0;

	while (r >= 0 && (size = ble_link_segment(&b->link, MTU, value, sizeof(value))) > 0)
		r = ble_pile_receive(b->visit, value, (size_t)size, b->now_ms);
	return r < 0 ? r : board_hear(b);
}

int board_say(struct board *b, enum ble_type type, const void *body, size_t size)
{
	int r = ble_link_send(&b->link, type, body, size);

	return r < 0 ? r : carry(b);
}

static int result_of(struct board *b, int type, struct ble_answer *ret)
{
	cr_assert_geq(type, 0, "no answer: %s", ble_result_name(type));
	cr_assert_eq(ble_answer_read(b->heard.body.at, b->heard.body.size, ret), 0);
	return -ret->result;
}

int board_visit(struct board *b, const struct vector *document)
{
	struct ble_link_config config = { .end = BLE_TERMINAL, .crypto = c, .root = vector_public("cloud") };
	struct ble_keyset keys;
	struct ble_answer answer;
	static uint8_t ephemeral[32], nonce[16];

	fill_random(b, ephemeral, sizeof(ephemeral));
	fill_random(b, nonce, sizeof(nonce));
	b->visit = ble_pile_connect(&b->pile, b->now_ms);
	cr_assert_not_null(b->visit);
	ble_link_init(&b->link, &config, b->now_ms);
	cr_assert_eq(ble_link_hello(&b->link, ephemeral, nonce), 0);
	cr_assert_eq(carry(b), BLE_HELLO_ACK);
	if (!document) {
		cr_assert_eq(ble_link_auth_holder(&b->link, vector_public("holder"), vector_key("holder")), 0);
		return result_of(b, carry(b), &answer);
	}
	if (ble_keyset_check(c, vector_public("cloud"), 0, document->at, document->size, &keys) == 0) {
		cr_assert_eq(result_of(b, board_say(b, BLE_KEYSET_PUT, document->at, document->size), &answer), 0);
		board_leave(b);
		return -BLE_CLOSED;
	}
	cr_assert_eq(ble_link_auth(&b->link, document->at, document->size, vector_key("holder")), 0);
	return result_of(b, carry(b), &answer);
}

void board_leave(struct board *b)
{
	if (b->visit)
		ble_pile_disconnect(b->visit);
	b->visit = NULL;
	ble_link_fini(&b->link);
}

static int command(struct board *b, enum ble_type type, uint8_t order, struct ble_answer *ret)
{
	struct ble_command it = { .connector = 1 };
	uint8_t body[64];
	int size;

	memset(it.order, order, 16);
	size = ble_command_write(&it, body, sizeof(body));
	cr_assert_gt(size, 0);
	return result_of(b, board_say(b, type, body, (size_t)size), ret);
}

int board_start(struct board *b, uint8_t order, struct ble_answer *ret)
{
	return command(b, BLE_START, order, ret);
}

int board_stop(struct board *b, uint8_t order, struct ble_answer *ret)
{
	return command(b, BLE_STOP, order, ret);
}

struct vector board_receipt_for(struct board *b, uint64_t upto)
{
	struct ble_receipt it = { .chain = b->pile.chain.chain, .upto = upto };
	struct ble_keyset keys = vector_keyset();
	uint8_t record[BLE_RECORD_MAX];
	struct vector v;
	int size = ble_pile_record(&b->pile, upto, record);

	cr_assert_gt(size, 0);
	it.kid = kid_of(keys.receipt_key);
	memcpy(it.pile, board_id, 16);
	cr_assert_eq(ble_record_hash(c, record, (size_t)size, it.hash), 0);
	v.size = (size_t)ble_receipt_write(c, &it, vector_key("cloud"), v.at, sizeof(v.at));
	return v;
}

int board_receipt(struct board *b, uint64_t upto)
{
	struct vector v = board_receipt_for(b, upto);
	struct ble_answer answer;

	return result_of(b, board_say(b, BLE_RCPT_PUT, v.at, v.size), &answer);
}

/* ---- the cloud at the other end of the uplink ------------------------------------------------ */

int board_uplink_next(struct board *b, struct ble_frame *ret)
{
	int size = ble_pile_uplink_message(&b->pile, b->now_ms, b->line, sizeof(b->line));

	if (size <= 0)
		return size;
	cr_assert_eq(ble_frame_read(b->line, (size_t)size, ret), 0);
	return 1;
}

int board_uplink_say(struct board *b, enum ble_type type, uint32_t counter, const void *body, size_t size)
{
	const struct ble_frame f = { .type = (uint8_t)type, .counter = counter, .body = { body, size } };
	uint8_t message[BLE_MESSAGE_MAX];
	int n = ble_frame_write(&f, message, sizeof(message));

	cr_assert_gt(n, 0);
	return ble_pile_uplink_receive(&b->pile, message, (size_t)n, b->now_ms);
}

void board_uplink_online(struct board *b)
{
	const uint8_t ok[] = { 1, 1, 0 };
	struct ble_frame f;

	ble_pile_uplink_open(&b->pile, b->now_ms);
	cr_assert_eq(board_uplink_next(b, &f), 1);
	cr_assert_eq(f.type, BLE_FETCH);
	cr_assert_eq(board_uplink_say(b, BLE_PUT_RES, f.counter, ok, sizeof(ok)), 0);
	cr_assert(ble_pile_online(&b->pile, b->now_ms));
}

/* ---- what must hold -------------------------------------------------------------------------- */

static void check_end(const struct ble_record *start, const struct ble_record *end, unsigned n)
{
	cr_assert(n % 2 == 1, "an end without a start");
	cr_assert_arr_eq(start->session, end->session, 16);
	cr_assert_eq(ble_session_adds_up(start, end), 0);
}

unsigned board_check_history(struct board *b)
{
	struct ble_chain chain = { .chain = b->pile.chain.chain };
	const struct ble_neighbours none = { NULL, NULL, NULL };
	struct ble_record record, start;
	uint8_t at[BLE_RECORD_MAX], scratch[BLE_RECORD_MAX], hash[32];
	struct ble_keyset keys = vector_keyset();
	uint64_t wh = 0;
	unsigned n = 0;

	memcpy(chain.pile, board_id, 16);
	for (uint64_t seq = 1; seq < b->pile.chain.next; seq++) {
		int size = ble_pile_record(&b->pile, seq, at);
		int r;

		cr_assert_gt(size, 0, "record %lu is gone", (unsigned long)seq);
		r = ble_record_judge(c, vector_public("pile"), &chain, &none, at, (size_t)size, &record, hash);
		cr_assert_eq(r, 0, "record %lu: %s", (unsigned long)seq, ble_result_name(r));
		ble_chain_move(&chain, &record, hash);
		if (record.sealed.size)
			cr_assert_eq(ble_record_open(c, &record, kid_of(keys.seal_key), vector_key("seal"), scratch),
				     0);
		if (record.type == BLE_RECORD_START) {
			cr_assert(n++ % 2 == 0, "two starts without an end between");
			start = record;
		} else if (record.type == BLE_RECORD_END) {
			check_end(&start, &record, n++);
			wh += record.session_wh;
		}
	}
	cr_assert(n % 2 == b->pile.state.sessions[0].active);
	if (!b->pile.state.sessions[0].active)
		cr_assert_eq(wh, b->delivered_wh[0]);
	return n / 2;
}
