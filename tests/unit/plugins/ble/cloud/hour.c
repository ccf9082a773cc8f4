/* A pile in its hour without a network, and those who come to it afterwards. */
#include "hour.h"

#include <lib/hex.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#define CONNECTORS 4
#define BETWEEN_S 7 /* one start and the next */
#define AT_ONCE 50  /* records, as a terminal posts them */
#define VOUCHER_S 7200
#define BILLING "galvan.billing.v1.Billing/"

struct board alone;
struct hour_session sessions[HOUR_SESSIONS];
bool brought[HOUR_RECORDS + 1];

static const struct ble_crypto *const c = &ble_openssl;
static uint8_t root[32];
static struct paper keyset, certificate, operators, customers[HOUR_CUSTOMERS];

/* What somebody comes for; connector 0: not for that. */
struct errand {
	const struct paper *voucher; /* NULL: by his key alone */
	struct hour_session *stop, *start;
	uint8_t connector, order[16];
	struct hour_terminal *terminal; /* NULL: he carries nothing */
};

uint64_t hour_records(void)
{
	return alone.pile.chain.next - 1;
}

/* ---- a visit --------------------------------------------------------------------------------- */

static void enter(struct ble_term *t, const struct errand *e)
{
	const uint8_t nonce[16] = "a nonce of ours";
	uint8_t order[16];
	struct hour_terminal *carrier = e->terminal;

	memcpy(order, e->order, 16);
	cr_assert_eq(ble_term_put(t, BLE_KEYSET_PUT, keyset.at, keyset.size), 0);
	cr_assert_eq(ble_term_auth(t, e->voucher ? e->voucher->at : NULL, e->voucher ? e->voucher->size : 0), 0);
	order[15] = 1;
	if (e->stop)
		cr_assert_eq(ble_term_stop(t, e->connector, order), 0);
	order[15] = 2;
	if (e->start)
		cr_assert_eq(ble_term_start(t, e->connector, order), 0);
	if (!carrier)
		return;
	if (carrier->receipt.size)
		cr_assert_eq(ble_term_put(t, BLE_RCPT_PUT, carrier->receipt.at, carrier->receipt.size), 0);
	cr_assert_eq(ble_term_fetch(t, carrier->next > 1 ? alone.pile.chain.chain : 0, carrier->next,
				    BLE_TERM_CARRY_MAX, nonce),
		     0);
}

static void answered(const struct errand *e, const struct ble_term_step *s)
{
	uint64_t wh = e->connector ? alone.meter_wh[e->connector - 1] : 0;

	cr_assert_eq(s->result, BLE_OK, "0x%02x: %s", s->request, ble_result_name(s->result));
	if (s->request == BLE_STOP) {
		cr_assert_arr_eq(s->session, e->stop->id, 16);
		e->stop->end_seq = s->seq;
		e->stop->to_wh = wh;
	} else if (s->request == BLE_START) {
		memcpy(e->start->id, s->session, 16);
		e->start->start_seq = s->seq;
		e->start->from_wh = wh;
	} else if (s->request == BLE_RCPT_PUT) {
		e->terminal->receipt.size = 0;
	}
}

static void keep(struct ble_term *t, struct hour_terminal *carrier, const struct ble_term_step *s)
{
	cr_assert_leq(s->seq, HOUR_RECORDS);
	memcpy(carrier->carried[s->seq].at, s->data, s->size);
	carrier->carried[s->seq].size = s->size;
	carrier->next = s->seq + 1;
	ble_term_stored(t, true);
}

static void keep_head(struct hour_terminal *carrier, const struct ble_term_step *s)
{
	memcpy(carrier->head.at, s->data, s->size);
	carrier->head.size = s->size;
}

/* What the terminal has to do, until it waits. */
static void act(struct ble_term *t, struct ble_pile_visit *v, const struct errand *e)
{
	struct ble_term_step s;
	enum ble_term_action action;

	while ((action = ble_term_next(t, alone.now_ms, &s)) != BLE_TERM_WAIT) {
		cr_assert_neq(action, BLE_TERM_CLOSED, "%s", ble_result_name(s.result));
		if (action == BLE_TERM_WRITE)
			cr_assert_eq(ble_pile_receive(v, s.data, s.size, alone.now_ms), 0);
		else if (action == BLE_TERM_MET)
			enter(t, e);
		else if (action == BLE_TERM_ANSWER)
			answered(e, &s);
		else if (action == BLE_TERM_RECORD)
			keep(t, e->terminal, &s);
		else if (action == BLE_TERM_HEAD)
			keep_head(e->terminal, &s);
	}
}

static void visit(const struct errand *e)
{
	static unsigned n;
	const struct ble_term_config config = { .crypto = c,
						.root = root,
						.wanted = board_id,
						.holder_key = vector_key("holder"),
						.holder_public = vector_public("holder"),
						.mtu = 517 };
	struct ble_pile_visit *v = ble_pile_connect(&alone.pile, alone.now_ms);
	struct ble_term t;
	uint8_t random[48], value[BLE_VALUE_MAX];
	int size;

	cr_assert_not_null(v);
	for (size_t i = 0; i < sizeof(random); i++)
		random[i] = (uint8_t)(++n * 37 >> i % 8);
	cr_assert_eq(ble_term_open(&t, &config, random, alone.now_ms), 0);
	act(&t, v, e);
	while (!ble_term_idle(&t)) {
		size = ble_pile_segment(v, config.mtu, alone.now_ms, value, sizeof(value));
		cr_assert_gt(size, 0, "the pile says nothing");
		cr_assert_eq(ble_term_value(&t, value, (size_t)size, alone.now_ms), 0);
		act(&t, v, e);
	}
	ble_pile_disconnect(v);
	ble_term_close(&t);
}

/* ---- before the hour ------------------------------------------------------------------------- */

static void enrol(void)
{
	must("SignCertificate", "{\"pile\":\"%s\",\"publicKey\":\"%s\",\"expires\":4000000000}", hex(board_id, 16),
	     hex(vector_public("pile"), 32));
	cr_assert_eq(gv_hex_read(text("root"), 64, root, 32), 0);
	certificate = bytes("certificate");
	must("PutPile", "{\"device\":\"" P1 "\",\"certificate\":\"%s\"}", kept(text("certificate")));
}

/* With a blank flash, as it leaves its maker. */
static void switch_on(void)
{
	board_init(&alone);
	memset(alone.state, 0, sizeof(alone.state));
	memset(alone.records, 0, sizeof(alone.records));
	alone.config.root = root;
	alone.config.certificate = (struct ble_bytes){ certificate.at, certificate.size };
	alone.config.connectors = CONNECTORS;
	alone.config.built = 1;
	cr_assert_eq(board_boot(&alone), 0);
}

/* The cloud signs it with the key that docs/protocols/ble.md derives. */
static void sign_operators(const struct ble_keyset *keys)
{
	struct ble_voucher v = { .version = BLE_VERSION,
				 .jti = "an operator's",
				 .order = "nobody's",
				 .issued = (uint32_t)(host_now_ms(h) / SECOND_MS),
				 .not_before = (uint32_t)(host_now_ms(h) / SECOND_MS),
				 .max_minor = 1000,
				 .currency = { 'E', 'U', 'R' },
				 .flags = BLE_MAY_START | BLE_MAY_STOP | BLE_OPERATOR | BLE_OFFLINE_OK,
				 .counter = 1 };
	uint8_t secret[32], key[32];
	char name[24];
	int size;

	for (unsigned i = 0; i < 4; i++)
		v.kid = v.kid << 8 | keys->voucher_key[0][i];
	v.expires = v.issued + VOUCHER_S;
	memcpy(v.pile, board_id, 16);
	memcpy(v.holder, vector_public("holder"), 32);
	snprintf(name, sizeof(name), "voucher %u", v.kid / 4);
	cr_assert_eq(EVP_Digest(SECRET, strlen(SECRET), secret, NULL, EVP_sha256(), NULL), 1);
	c->hkdf_sha256(NULL, "galvan ble", 10, secret, name, key, 32);
	size = ble_voucher_write(c, &v, key, operators.at, sizeof(operators.at));
	cr_assert_gt(size, 0);
	operators.size = (size_t)size;
}

/* Fetched before they went to where no network is. */
static void hand_out(void)
{
	uint8_t jti[16];
	char token[16];

	for (unsigned i = 0; i < HOUR_CUSTOMERS; i++) {
		snprintf(token, sizeof(token), "T-%u", i);
		must(BILLING "PutToken", "{\"token\":{\"id\":\"%s\",\"customer\":\"C-1\"}}", token);
		grant(token);
		customers[i] = voucher(token, jti);
	}
}

/* ---- the hour -------------------------------------------------------------------------------- */

/* Session i ends the one at its connector. Customers' grants are for the first connector. */
static void charge(unsigned i)
{
	struct errand e = { .voucher = &operators, .connector = (uint8_t)(i % CONNECTORS + 1) };
	bool customer = i % CONNECTORS == 0 && i / CONNECTORS < HOUR_CUSTOMERS;

	memcpy(e.order, &i, sizeof(i));
	e.stop = i >= CONNECTORS ? &sessions[i - CONNECTORS] : NULL;
	if (i < HOUR_SESSIONS && !customer)
		e.start = &sessions[i];
	visit(&e);
	if (customer) {
		e.voucher = &customers[i / CONNECTORS];
		e.stop = NULL;
		e.start = &sessions[i];
		e.start->customer = true;
		visit(&e);
	}
	board_pass(&alone, BETWEEN_S);
}

void hour_start(void)
{
	struct ble_keyset keys;

	rig_load("\"voucherS\":7200");
	known(P1);
	with_billing();
	enrol();
	keys = key_set(&keyset);
	switch_on();
	sign_operators(&keys);
	hand_out();
	for (unsigned i = 0; i < HOUR_SESSIONS + CONNECTORS; i++)
		charge(i);
	cr_assert_leq(alone.now_ms, (uint64_t)HOUR_MS);
	pass(HOUR_MS);
}

/* ---- after it -------------------------------------------------------------------------------- */

unsigned hour_carry(struct hour_terminal *t)
{
	const struct errand e = { .terminal = t };
	unsigned visits = 0;
	uint64_t before;

	do {
		before = t->next;
		visit(&e);
		visits++;
	} while (t->next > before);
	return visits;
}

static void post_batch(struct hour_terminal *t, const char *records, unsigned n, const char *head)
{
	must("PutRecords", "{\"terminal\":\"%s\",\"records\":[%s],\"heads\":[%s]}", t->name, records, head);
	cr_assert_eq(length("results"), n);
	for (unsigned i = 0; i < n; i++) {
		char path[24];

		snprintf(path, sizeof(path), "results.%u", i);
		cr_assert(strcmp(text(path), "OK") == 0 || strcmp(text(path), "GAP") == 0 ||
				  strcmp(text(path), "DUPLICATE") == 0,
			  "%s", text(path));
	}
	if (length("receipts"))
		t->receipt = bytes("receipts.0");
}

void hour_hand_in(struct hour_terminal *t, bool (*hides)(uint64_t seq))
{
	static char body[AT_ONCE * 500], head[500];
	const struct errand e = { .terminal = t };
	struct paper p;
	unsigned n = 0;
	size_t at = 0;

	for (uint64_t seq = 1; seq < t->next; seq++) {
		if (!t->carried[seq].size || hides(seq))
			continue;
		memcpy(p.at, t->carried[seq].at, t->carried[seq].size);
		p.size = t->carried[seq].size;
		at += (size_t)snprintf(body + at, sizeof(body) - at, "%s\"%s\"", n++ ? "," : "", base64(&p));
		brought[seq] = true;
		if (n == AT_ONCE) {
			post_batch(t, body, n, "");
			at = n = 0;
		}
	}
	body[at] = 0;
	snprintf(head, sizeof(head), "\"%s\"", base64(&t->head));
	post_batch(t, body, n, head);
	settle();
	visit(&e);
}
