/* See rig.h. The pile decides by the code of firmware, the cloud judges as it does. */
#include "rig.h"
#include "bluetooth.schema.h"

#include <galvan/ble.pb-c.h>
#include <galvan/bluetooth.pb-c.h>

#include <criterion/criterion.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ADDRESS (RIG_PILE + 4)

static const struct ble_crypto *const c = &ble_openssl;

struct host *h;
struct board pile;
struct rig_cloud cloud;
bool in_reach, mute, cut_at_stop, cut_once, leaves_at_receipt, uplink_in_fetch;
unsigned mtu, longest;
unsigned connects, cut_after;
cJSON *last;
static struct host_station *antenna; /* the pile's end of a connection */
static unsigned values;
static struct vector keyset;

/* ---- the radio ------------------------------------------------------------------------------- */

static int on_connect(void *self, struct gv_turn *t, struct gv_ticket ticket, const ProtobufCMessage *m)
{
	Bluetooth__ConnectReply reply = BLUETOOTH__CONNECT_REPLY__INIT;
	const Bluetooth__ConnectRequest *r = (const Bluetooth__ConnectRequest *)m;
	char path[16];

	connects++;
	if (!in_reach || strcmp(r->address, ADDRESS) != 0)
		return gv_refuse(t, ticket, GV_NOT_FOUND, "%s is not in reach", r->address);
	snprintf(path, sizeof(path), "mtu=%u", mtu);
	host_station_path(antenna, path);
	if (!host_station_connected(antenna))
		host_station_connect(antenna);
	reply.mtu = mtu;
	return gv_reply(t, ticket, &reply);
}

/* Whoever lists them makes the radio say whom it sees. */
static int on_list(void *self, struct gv_turn *t, struct gv_ticket ticket, const ProtobufCMessage *m)
{
	Bluetooth__ListPeripheralsReply reply = BLUETOOTH__LIST_PERIPHERALS_REPLY__INIT;
	Bluetooth__PeripheralSeen seen = BLUETOOTH__PERIPHERAL_SEEN__INIT;
	Bluetooth__PeripheralGone gone = BLUETOOTH__PERIPHERAL_GONE__INIT;
	Bluetooth__Peripheral it = BLUETOOTH__PERIPHERAL__INIT;
	uint8_t data[BLE_PILE_ADVERTISED_SIZE];

	ble_pile_advertised(&pile.pile, data);
	it.address = seen.address = (char *)ADDRESS;
	it.service_data.data = data;
	it.service_data.len = mute ? 0 : sizeof(data);
	seen.peripheral = &it;
	gone.address = (char *)ADDRESS;
	gv_emit(t, in_reach ? (void *)&seen : (void *)&gone);
	return gv_reply(t, ticket, &reply);
}

static int start(void *self, struct gv_turn *t, const void *config)
{
	return 0;
}

static const struct gv_method methods[] = { { "Connect", on_connect }, { "ListPeripherals", on_list }, { 0 } };
static const struct gv_plugin radio = {
	GV_STAMP,
	.name = "bluetooth",
	.version = "1",
	.summary = "A radio that a test moves.",
	.serves = GV_SERVES({ &bluetooth__bluetooth__descriptor, methods }),
	.emits = GV_EMITS({ &bluetooth__peripheral_seen__descriptor, NULL },
			  { &bluetooth__peripheral_gone__descriptor, NULL }),
	.schema_set = GV_SCHEMA(bluetooth),
	.schema = 1,
	.self_size = 1,
	.start = start,
};

static bool cut(struct host_station *s)
{
	longest = ++values > longest ? values : longest;
	if (!cut_after || values < cut_after)
		return false;
	values = 0;
	cut_after = cut_once ? 0 : cut_after;
	host_station_drop(s);
	return true;
}

static void notify(struct host_station *s)
{
	uint8_t value[BLE_VALUE_MAX];
	int size;

	while (pile.visit && (size = ble_pile_segment(pile.visit, mtu, pile.now_ms, value, sizeof(value))) > 0)
		if (host_station_send(s, GV_BYTES, value, (size_t)size) < 0 || cut(s))
			return;
	if (pile.visit && ble_pile_visit_over(pile.visit))
		host_station_finish(s);
}

static void pile_open(struct host_station *s, void *arg)
{
	values = 0;
	if (!in_reach) {
		host_station_drop(s);
		return;
	}
	if (pile.visit)
		ble_pile_disconnect(pile.visit);
	pile.visit = ble_pile_connect(&pile.pile, pile.now_ms);
}

static void pile_frame(struct host_station *s, void *arg, enum gv_frame_kind kind, const char *data, size_t size)
{
	bool active = pile.pile.state.sessions[0].active;

	if (!pile.visit || cut(s))
		return;
	cr_assert_leq(size, mtu - 3, "values fit the connection");
	ble_pile_receive(pile.visit, (const uint8_t *)data, size, pile.now_ms);
	notify(s);
	cr_assert(!pile.pile.state.acked || pile.pile.state.acked < cloud.chain.next,
		  "it forgets what the cloud has, and nothing else");
	if (cut_at_stop && active && !pile.pile.state.sessions[0].active) {
		cut_at_stop = false;
		host_station_finish(s);
	}
}

static void pile_close(struct host_station *s, void *arg, unsigned code)
{
	if (pile.visit)
		ble_pile_disconnect(pile.visit);
	pile.visit = NULL;
}

static const struct host_station_model pile_model = { pile_open, pile_frame, pile_close };

static void second(struct host *host, void *arg)
{
	if (in_reach)
		board_pass(&pile, 1);
	if (host_station_connected(antenna))
		notify(antenna);
	host_after(host, in_reach ? 1000 : 60000, second, NULL);
}

/* ---- the cloud ------------------------------------------------------------------------------- */

static void say(enum ble_type type, uint32_t counter, const void *body, size_t size)
{
	struct ble_frame f = { .type = (uint8_t)type, .counter = counter, .body = { body, size } };
	uint8_t out[BLE_MESSAGE_MAX];
	int n = ble_frame_write(&f, out, sizeof(out));

	cr_assert_gt(n, 0);
	host_station_send(cloud.line, GV_BINARY, out, (size_t)n);
}

static void answer(uint32_t counter, int result)
{
	struct ble_answer it = { .result = (uint8_t)result };
	uint8_t body[64];

	say(BLE_PUT_RES, counter, body, (size_t)ble_answer_write(&it, body, sizeof(body)));
}

static int ingest(const uint8_t *data, size_t size)
{
	struct ble_neighbours known = { 0 };
	struct ble_record it;
	uint8_t hash[32];
	int r = ble_record_read(data, size, &it);

	cr_assert_eq(r, 0);
	cr_assert(it.seq >= 1 && it.seq <= RIG_RECORDS);
	cloud.records++;
	if (cloud.says)
		return cloud.says;
	if (cloud.has[it.seq - 1])
		known.same = cloud.hashes[it.seq - 1];
	r = ble_record_judge(c, vector_public("pile"), &cloud.chain, &known, data, size, &it, hash);
	cr_assert(r == 0 || r == -BLE_DUPLICATE || r == -BLE_GAP, "%s", ble_result_name(r));
	cloud.duplicates += r == -BLE_DUPLICATE;
	cloud.gaps += r == -BLE_GAP;
	if (r == 0) {
		memcpy(cloud.hashes[it.seq - 1], hash, 32);
		cloud.has[it.seq - 1] = true;
		ble_chain_move(&cloud.chain, &it, hash);
	}
	return -r;
}

void rig_uplink(void)
{
	const uint8_t ok[] = { 1, 1, 0 };
	struct ble_frame f;
	struct vector receipt;

	board_uplink_online(&pile);
	while (board_uplink_next(&pile, &f) == 1) {
		if (f.type != BLE_REC)
			continue;
		ingest(f.body.at, f.body.size);
		cr_assert_eq(board_uplink_say(&pile, BLE_PUT_RES, f.counter, ok, sizeof(ok)), 0);
	}
	if (!ble_pile_pending(&pile.pile))
		return;
	receipt = board_receipt_for(&pile, cloud.chain.next - 1);
	cr_assert_eq(board_uplink_say(&pile, BLE_RCPT_PUT, 9, receipt.at, receipt.size), 0);
	while (board_uplink_next(&pile, &f) == 1)
		;
}

/* ---- its letters ----------------------------------------------------------------------------- */

uint8_t rig_letter_byte(uint32_t at)
{
	return (uint8_t)(at * 7 + at / 256);
}

static void say_courier(uint32_t counter, const struct ble_courier *it)
{
	uint8_t body[BLE_DOCUMENT_MAX];
	int size = ble_courier_write(it, body, sizeof(body));

	cr_assert_gt(size, 0);
	say(BLE_COURIER, counter, body, (size_t)size);
}

static void tell_letters(uint32_t counter)
{
	struct ble_letter letter = {
		.kid = 0x20260001, .number = RIG_LETTER, .size = cloud.letter_size, .expires = UINT32_MAX, .kind = 9
	};
	struct ble_letter_receipt own = { .kid = 0x20260001, .box = cloud.box, .upto = cloud.own };
	struct ble_courier it = { 0 };
	uint8_t paper[2][BLE_LETTER_PAPER_MAX], bytes[BOARD_LETTER_MAX];

	memcpy(letter.pile, board_id, 16);
	memcpy(own.pile, board_id, 16);
	for (uint32_t i = 0; i < cloud.letter_size; i++)
		bytes[i] = rig_letter_byte(i);
	if (cloud.letter_size && !cloud.had && !cloud.withdrawn) {
		cr_assert_eq(c->sha256(c->user, bytes, cloud.letter_size, letter.hash), 0);
		it.has = BLE_HAS(BLE_COURIER_COVER);
		it.cover = (struct ble_bytes){ paper[0], (size_t)ble_letter_write(c, &letter, vector_key("cloud"),
										  paper[0], sizeof(paper[0])) };
		say_courier(counter, &it);
	}
	if (cloud.own) {
		it = (struct ble_courier){ .has = BLE_HAS(BLE_COURIER_RECEIPT) };
		it.receipt = (struct ble_bytes){ paper[1],
						 (size_t)ble_letter_receipt_write(c, &own, vector_key("cloud"),
										  paper[1], sizeof(paper[1])) };
		say_courier(counter, &it);
	}
}

static void piece_wished(const struct ble_frame *f)
{
	struct ble_courier asked,
		it = { .has = BLE_HAS(BLE_COURIER_NUMBER) | BLE_HAS(BLE_COURIER_OFFSET) | BLE_HAS(BLE_COURIER_BYTES) };
	uint8_t bytes[BLE_LETTER_PIECE];

	cr_assert_eq(ble_courier_read(f->body.at, f->body.size, &asked), 0);
	cr_assert_eq(asked.number, RIG_LETTER);
	cr_assert_lt(asked.offset, cloud.letter_size);
	cloud.pieces++;
	if (cloud.withdrawn) {
		answer(f->counter, BLE_NOT_ALLOWED);
		return;
	}
	it.number = asked.number;
	it.offset = asked.offset;
	while (it.bytes.size < sizeof(bytes) && it.offset + it.bytes.size < cloud.letter_size) {
		bytes[it.bytes.size] = rig_letter_byte(it.offset + (uint32_t)it.bytes.size);
		it.bytes.size++;
	}
	it.bytes.at = bytes;
	say_courier(f->counter, &it);
}

static void courier_came(const struct ble_frame *f)
{
	struct ble_courier it;
	struct ble_letter_box box;
	struct ble_own_letter own;

	cr_assert_eq(ble_courier_read(f->body.at, f->body.size, &it), 0);
	cr_assert_eq(ble_letter_box_check(c, vector_public("pile"), it.box.at, it.box.size, &box), 0);
	cloud.boxes++;
	cloud.box = box.box;
	cloud.had = box.had.top > cloud.had ? box.had.top : cloud.had;
	if (it.cover.size) {
		cr_assert_eq(ble_own_letter_check(c, vector_public("pile"), it.cover.at, it.cover.size, &own), 0);
		cloud.own_times++;
		cr_assert(own.number <= cloud.own + 1);
		cloud.own = own.number > cloud.own ? own.number : cloud.own;
	}
	answer(f->counter, BLE_OK);
}

static void fetched(const struct ble_frame *f)
{
	struct ble_receipt it = { .chain = cloud.chain.chain, .upto = cloud.chain.next - 1, .kid = 0x20260001 };
	uint8_t body[BLE_DOCUMENT_MAX];

	cloud.fetches++;
	if (leaves_at_receipt && !pile.pile.state.sessions[0].active && cloud.chain.next == pile.pile.chain.next) {
		leaves_at_receipt = false;
		rig_leave();
	}
	memcpy(it.pile, board_id, 16);
	memcpy(it.hash, cloud.chain.head, 32);
	say(BLE_KEYSET_PUT, f->counter, keyset.at, keyset.size);
	tell_letters(f->counter);
	if (it.upto)
		say(BLE_RCPT_PUT, f->counter, body,
		    (size_t)ble_receipt_write(c, &it, vector_key("cloud"), body, sizeof(body)));
	answer(f->counter, BLE_OK);
}

static void voucher_wished(const struct ble_frame *f)
{
	struct ble_voucher_get wish;
	struct ble_voucher it;
	struct vector v;

	cr_assert_eq(ble_voucher_get_read(f->body.at, f->body.size, &wish), 0);
	if (!cloud.gives_voucher) {
		answer(f->counter, BLE_NOT_ALLOWED);
		return;
	}
	cloud.vouchers++;
	board_voucher_from(77, &it); /* of one order: its jti is the grant's, however often */
	memcpy(it.holder, wish.holder, 32);
	memcpy(it.order, wish.order, 16);
	if (wish.has & BLE_HAS(BLE_VOUCHER_GET_NONCE)) {
		it.has |= BLE_HAS(BLE_VOUCHER_NONCE);
		memcpy(it.nonce, wish.nonce, 16);
	}
	v = board_voucher_of(&it);
	say(BLE_VOUCHER, f->counter, v.at, v.size);
}

static void record_came(const struct ble_frame *f)
{
	answer(f->counter, ingest(f->body.at, f->body.size));
	if (!uplink_in_fetch || !pile.visit || rig_rows("terminal_records") >= ble_pile_pending(&pile.pile))
		return;
	uplink_in_fetch = false;
	rig_uplink();
}

static void cloud_frame(struct host_station *s, void *arg, enum gv_frame_kind kind, const char *data, size_t size)
{
	struct ble_frame f;

	cr_assert_eq(kind, GV_BINARY);
	cr_assert_eq(ble_frame_read((const uint8_t *)data, size, &f), 0);
	if (cloud.silent)
		return;
	if (f.type == BLE_REC)
		record_came(&f);
	else if (f.type == BLE_REC_END)
		answer(f.counter, (cloud.heads++, BLE_OK));
	else if (f.type == BLE_FETCH)
		fetched(&f);
	else if (f.type == BLE_VOUCHER_GET)
		voucher_wished(&f);
	else if (f.type == BLE_COURIER_GET)
		piece_wished(&f);
	else if (f.type == BLE_COURIER)
		courier_came(&f);
	else
		cr_assert_fail("a message %02x for the cloud", f.type);
}

static void redial(struct host *host, void *arg)
{
	if (cloud.up && !host_station_connected(cloud.line))
		host_station_connect(cloud.line);
}

static void cloud_open(struct host_station *s, void *arg)
{
	cloud.opened++;
}

static void cloud_close(struct host_station *s, void *arg, unsigned code)
{
	host_after(h, 1000, redial, NULL);
}

static const struct host_station_model cloud_model = { cloud_open, cloud_frame, cloud_close };

void rig_cloud_up(bool up)
{
	cloud.up = up;
	if (up)
		redial(h, NULL);
	else
		host_station_drop(cloud.line);
}

/* ---- the node -------------------------------------------------------------------------------- */

static int load(const char *config)
{
#ifdef TEST_HOST_QUICK_BLE_H
	return host_load_record(h, &quick_ble, 1, config);
#else
	return host_load(h, "ble", PLUGINS "/ble.so", 1, config);
#endif
}

void rig_start(uint64_t seed, const char *config)
{
	char text[1024], root[65];

	memset(&cloud, 0, sizeof(cloud));
	in_reach = true;
	mute = cut_at_stop = cut_once = leaves_at_receipt = uplink_in_fetch = false;
	mtu = BLE_MTU_MIN;
	connects = cut_after = values = longest = 0;
	board_init(&pile);
	keyset = vector_signed("keyset");
	cloud.chain.chain = pile.pile.chain.chain;
	memcpy(cloud.chain.pile, board_id, 16);
	for (int i = 0; i < 32; i++)
		snprintf(root + 2 * i, 3, "%02x", vector_public("cloud")[i]);
	h = host_create(seed);
	cr_assert_eq(host_load_record(h, &radio, 1, NULL), 0, "%s", host_error(h));
	snprintf(text, sizeof(text), "{\"terminal\":{\"root\":\"%s\",\"cloud\":\"wss://cloud.example/ble/T1\"%s}}",
		 root, config ? config : "");
	cr_assert_eq(load(text), 0, "%s", host_error(h));
	antenna = host_station(h, "ble", RIG_PILE, "", &pile_model, NULL);
	cloud.line = host_dialled(h, "ble", "terminal:cloud", &cloud_model, NULL);
	host_after(h, 1000, second, NULL);
	rig_run(100);
}

void rig_stop(void)
{
	cJSON_Delete(last);
	last = NULL;
	host_destroy(h);
}

void rig_run(int64_t ms)
{
	host_run_ms(h, ms);
}

void rig_leave(void)
{
	in_reach = false;
	host_station_drop(antenna);
}

void rig_seen(void)
{
	host_call(h, "galvan.bluetooth.v1.Bluetooth/ListPeripherals", "{}");
}

unsigned rig_call(const char *method, const char *json)
{
	char full[96];
	struct host_answer *a;

	snprintf(full, sizeof(full), RIG_BLE "%s", method);
	a = host_call(h, full, "%s", json);
	cJSON_Delete(last);
	last = a->code ? NULL : cJSON_Parse(a->json);
	return a->code;
}

const char *rig_text(const char *field)
{
	const cJSON *it = cJSON_GetObjectItem(last, field);

	return cJSON_IsString(it) ? it->valuestring : "";
}

static void count(struct host *host, void *arg, const char *const *key, size_t parts, const char *json)
{
}

size_t rig_rows(const char *table)
{
	return host_rows(h, "ble.0", table, count, NULL);
}

static bool receipted(struct host *host, void *arg)
{
	return ble_pile_pending(&pile.pile) == 0;
}

bool rig_until_receipted(int64_t within_ms)
{
	return host_run_until(h, receipted, NULL, within_ms);
}

static void find_key(struct host *host, void *arg, const char *const *key, size_t parts, const char *json)
{
	cJSON *row = cJSON_Parse(json);
	const char *text = cJSON_GetObjectItem(row, "public")->valuestring;
	uint8_t out[48];

	cr_assert_geq(EVP_DecodeBlock(out, (const unsigned char *)text, (int)strlen(text)), 32);
	memcpy(arg, out, 32);
	cJSON_Delete(row);
}

void rig_voucher_json(uint8_t number, char *ret, size_t room)
{
	struct ble_voucher it;
	struct vector v;
	unsigned char base64[VECTOR_MAX * 4 / 3 + 4];

	board_voucher_from(number, &it);
	memset(it.order, number, 16);
	host_rows(h, "ble.0", "terminal_keys", find_key, it.holder);
	v = board_voucher_of(&it);
	EVP_EncodeBlock(base64, v.at, (int)v.size);
	snprintf(ret, room, "{\"device\":\"" RIG_PILE "\",\"voucher\":\"%s\"}", base64);
}
