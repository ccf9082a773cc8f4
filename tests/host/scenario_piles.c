/* Bluetooth piles, people with terminals, the cloud and billing: many lives in each world (life.h), each an
 * interleaving of its own of orders, vouchers, visits that are cut, records that are hidden, doubled and late, lines
 * that come and go, power that goes in the middle of a write, clones that take turns or live side by side, clocks of
 * piles and terminals that jump, times that are signed and wrong, and terminals that start again,
 * while the plugins of the cloud die and their bus delays and loses. Whatever happened, in the end every Wh that went
 * through a relay is billed once or stands in an open case, no record is erased that the cloud has not, nothing started
 * without a grant, and no voucher twice. */
#include "life.h"
#include "quick_crypto.h"
#include "scenario.h"

#include <galvan/billing.pb-c.h>
#include <galvan/piles.pb-c.h>
#include <lib/hex.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIVES SCENARIO_LIVES
#define CUSTOMERS 20
#define DAY_MS (24 * 3600000)
#define ROUND_MS 60000
#define ROUNDS_MAX 20
#define LATE_MS (4 * 3600000)
#define CRASH_PER_MILLE 1 /* of points */
#define LINK_CRASHES 5
#define LINK_MS (30 * 60000)
#define CONFIG                                                                                                         \
	"{\"cloud\":{\"secret\":\"a secret of the simulation\",\"holeS\":7200,\"silentS\":7200,\"voucherS\":7200}}"

static const char tariff[] =
	"{\"tariff\":{\"id\":\"T1\",\"ocpi\":\"{\\\"id\\\":\\\"T1\\\",\\\"country_code\\\":\\\"DE\\\",\\\"party_id\\\":"
	"\\\"ABC\\\",\\\"currency\\\":\\\"EUR\\\",\\\"last_updated\\\":\\\"2025-01-01T00:00:00Z\\\",\\\"elements\\\":[{"
	"\\\"price_components\\\":[{\\\"type\\\":\\\"ENERGY\\\",\\\"price\\\":0.4,\\\"step_size\\\":1}]}]}\"}}";

extern const struct gv_plugin quick_ble; /* quick_ble.h */

static void must(struct host *h, const char *method, const char *json)
{
	struct host_answer *a = host_call(h, method, "%s", json);

	host_check(h, a->code == GV_OK, "%s: %s", method, a->error);
}

/* ---- before anything goes wrong -------------------------------------------------------------- */

/* A customer with money enough, and his tokens: those of the lives whose number leaves this one. */
static void put_customer(struct host *h, unsigned number)
{
	Billing__PutTokenRequest put = BILLING__PUT_TOKEN_REQUEST__INIT;
	Billing__Token token = BILLING__TOKEN__INIT;
	char text[150], id[20], customer[12];

	snprintf(text, sizeof text, "{\"customer\":{\"id\":\"C-%u\",\"name\":\"Ada\"}}", number);
	must(h, "galvan.billing.v1.Billing/PutCustomer", text);
	snprintf(text, sizeof text,
		 "{\"id\":\"%u\",\"customer\":\"C-%u\",\"amount\":\"1000000\",\"provider\":\"desk\",\"desk\":\"main\"}",
		 number, number);
	must(h, "galvan.billing.v1.Billing/TopUp", text);
	snprintf(customer, sizeof customer, "C-%u", number);
	put.token = &token;
	token.id = id;
	token.customer = customer;
	for (unsigned i = number * LIFE_ORDERS; i < LIVES * LIFE_ORDERS; i += CUSTOMERS * LIFE_ORDERS)
		for (unsigned k = 0; k < LIFE_ORDERS; k++) {
			snprintf(id, sizeof id, "T-%u-%u", i / LIFE_ORDERS, k);
			host_say_later(h, "billing", "galvan.billing.v1.Billing/PutToken", &put);
		}
}

static void load_billing(struct host *h)
{
	scenario_load(h, "billing", 1, "{\"hold\":{\"cardAmount\":\"1000\"}}");
	must(h, "galvan.billing.v1.Billing/PutTariff", tariff);
	must(h, "galvan.billing.v1.Billing/AssignTariff", "{\"assignment\":{\"tariff\":\"T1\"}}");
	for (unsigned i = 0; i < CUSTOMERS; i++)
		put_customer(h, i);
}

static void certify(struct life *l, const struct host_answer *a)
{
	Ble__SignCertificateReply *reply;
	Ble__PutPileRequest put = BLE__PUT_PILE_REQUEST__INIT;

	host_check(l->h, life_answered(a), "SignCertificate: %s", a->error);
	reply = ble__sign_certificate_reply__unpack(NULL, a->packed_size, a->packed);
	gv_hex_read(reply->root, strlen(reply->root), l->post.root, 32);
	l->post.certificate_size = reply->certificate.len;
	memcpy(l->post.certificate, reply->certificate.data, reply->certificate.len);
	put.device = l->post.device;
	put.certificate = reply->certificate;
	life_say(l, "galvan.ble.v1.Piles/PutPile", &put);
	ble__sign_certificate_reply__free_unpacked(reply, NULL);
}

static void enrol(struct host *h, struct life *const *lives)
{
	struct host_answer *signed_by[LIVES];

	for (unsigned i = 0; i < LIVES; i++) {
		Ble__SignCertificateRequest r = BLE__SIGN_CERTIFICATE_REQUEST__INIT;
		char id[33], key[65];

		gv_hex_write(lives[i]->post.id, 16, id);
		gv_hex_write(lives[i]->post.public_key, 32, key);
		r.pile = id;
		r.public_key = key;
		r.expires = UINT32_MAX;
		signed_by[i] = life_say(lives[i], "galvan.ble.v1.Piles/SignCertificate", &r);
	}
	host_settle(h, 5);
	for (unsigned i = 0; i < LIVES; i++)
		certify(lives[i], signed_by[i]);
	host_settle(h, 5);
}

/* ---- the run --------------------------------------------------------------------------------- */

static bool all_over(struct host *h, void *arg)
{
	struct life *const *lives = arg;

	for (unsigned i = 0; i < LIVES; i++)
		if (lives[i]->steps_left)
			return false;
	return true;
}

/* Everybody comes home, everything has a network or somebody who comes by. */
static void calm(struct host *h, struct life *const *lives)
{
	bool more = true;

	scenario_calm(h);
	host_run_ms(h, ROUND_MS);
	for (unsigned i = 0; i < LIVES; i++)
		life_rest(lives[i]);
	for (unsigned round = 0; more && round < ROUNDS_MAX; round++) {
		host_run_ms(h, ROUND_MS);
		more = false;
		for (unsigned i = 0; i < LIVES; i++)
			more = life_drain(lives[i]) || more;
	}
	host_run_ms(h, LATE_MS);
}

static void kill_link(struct host *h, void *arg)
{
	host_crash(h, "link.0");
}

/* Points are those of many lives: where each was as dangerous as in other scenarios, nobody would come to anything, and
 * link, to which all come back at once, would do nothing but die. */
static void soften(struct host *h)
{
	if (host_seed(h) >= ONE_CRASH || host_seed(h) % 2 == 0)
		return;
	host_set(h, HOST_CRASH, CRASH_PER_MILLE);
	host_spare(h, "link", true);
	for (unsigned i = host_below(h, LINK_CRASHES); i; i--)
		host_after(h, host_below(h, LINK_MS), kill_link, NULL);
}

static void run(struct host *h)
{
	static const char *const victims[] = { "ble.0", "billing.0", NULL };
	struct life *lives[LIVES];

	host_terse(h, true);
	load_billing(h);
	host_check(h, host_load_record(h, &quick_ble, 1, CONFIG) == 0, "ble does not start: %s", host_error(h));
	for (unsigned i = 0; i < LIVES; i++) {
		lives[i] = calloc(1, sizeof **lives);
		host_check(h, lives[i], "no memory");
		life_init(lives[i], h, i, i % 8 == 0 ? LIFE_BACK : i % 8 == 4 ? LIFE_TWIN : LIFE_HONEST);
	}
	enrol(h, lives);
	for (unsigned i = 0; i < LIVES; i++)
		life_begin(lives[i]);
	scenario_weather(h, victims);
	soften(h);
	host_check(h, host_run_until(h, all_over, lives, DAY_MS), "a life does not end");
	calm(h, lives);
	host_check(h, host_parked(h, "ble.0") == 0, "ble has parked messages");
	host_check(h, host_parked(h, "billing.0") == 0, "billing has parked messages");
	lives_check(h, lives, LIVES);
	for (unsigned i = 0; i < LIVES; i++) {
		life_fini(lives[i]);
		free(lives[i]);
	}
}

const struct scenario scenario_piles = {
	"piles", "lives of Bluetooth piles with terminals, the cloud and billing: each Wh billed once or in a case", run
};
