/* Bluetooth piles, people with phones, and the cloud: twenty lives in each world, each an interleaving of its own of
 * orders, vouchers, visits that are cut, records that are hidden, doubled and late, lines that come and go, power that
 * goes in the middle of a write, clones, and hours that pass at once. Whatever happened, in the end every Wh that went
 * through a relay has been told once, or stands in an open case; nothing starts without a grant, and none starts twice.
 */
#include "caller.h"
#include "quick_crypto.h"
#include "scenario.h"

#include <galvan/charging.pb-c.h>
#include <galvan/piles.pb-c.h>
#include <lib/base64.h>
#include <lib/buf.h>
#include <lib/hex.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PILES 20
#define CALLERS 3
#define ORDERS 3 /* of one pile */
#define HAPPEN_MS 40000
#define DAY_MS (12 * 60 * 1000)
#define JUMP_MS (3 * 3600 * 1000)
#define CALM_MS (3 * 3600 * 1000)
#define LATE_MS (27 * 3600 * 1000)
#define CONFIG "{\"cloud\":{\"secret\":\"a secret of the simulation\",\"holeS\":36000}}"

struct order {
	char token[32];
	struct caller *by;
	struct host_answer *start, *voucher;
	uint8_t document[BLE_DOCUMENT_MAX], number[16];
	size_t size;
};

struct life {
	struct world *world;
	struct post post;
	struct order orders[ORDERS];
	unsigned n_orders;
};

struct world {
	struct host *h;
	struct life life[PILES];
	struct caller callers[CALLERS];
	struct host_answer *handed_in[CALLERS], *fetched[CALLERS];
	struct life *fetched_for[CALLERS];
	bool clones, well;
};

extern const struct gv_plugin quick_ble; /* quick_ble.h */

/* ---- texts ----------------------------------------------------------------------------------- */

static const char *hex(const uint8_t *data, size_t size)
{
	static char text[4][2 * 64 + 1];
	static unsigned at;

	at = (at + 1) % 4;
	gv_hex_write(data, size, text[at]);
	return text[at];
}

static void unhex(struct host *h, const char *text, uint8_t *ret, size_t size)
{
	host_check(h, gv_hex_read(text, strlen(text), ret, size) == 0, "not hex: %s", text);
}

static bool good(const struct host_answer *a)
{
	return a && a->done && a->code == GV_OK;
}

/* ---- orders ---------------------------------------------------------------------------------- */

static struct order *newest(struct life *l)
{
	return l->n_orders ? &l->orders[l->n_orders - 1] : NULL;
}

static void make_order(struct life *l)
{
	struct world *w = l->world;
	char json[256];
	struct order *o = &l->orders[l->n_orders];

	if (l->n_orders == ORDERS)
		return;
	snprintf(o->token, sizeof o->token, "T-%ld-%u", (long)(l - w->life), l->n_orders);
	snprintf(json, sizeof json,
		 "{\"device\":\"%s\",\"connector\":1,\"token\":\"%s\",\"maxEnergyWh\":%u,\"maxAmount\":500,"
		 "\"currency\":\"EUR\"}",
		 l->post.device, o->token, 200 + host_below(w->h, 9000));
	o->by = &w->callers[host_below(w->h, CALLERS)];
	o->start = host_call_later(w->h, NULL, "galvan.charging.v1.Charging/Start", json);
	l->n_orders++;
}

static void ask_for_voucher(struct life *l)
{
	struct order *o = newest(l);
	char json[400];

	if (!o || !good(o->start) || (o->voucher && !o->voucher->done) || o->size)
		return;
	snprintf(json, sizeof json, "{\"order\":\"%s\",\"device\":\"%s\",\"holderKey\":\"%s\",\"offlineOk\":true}",
		 o->token, l->post.device, hex(o->by->public_key, 32));
	o->voucher = host_call_later(l->world->h, NULL, "galvan.ble.v1.Piles/GetVoucher", json);
}

/* What has come of it. */
static void look_for_voucher(struct life *l)
{
	struct order *o = newest(l);
	Ble__GetVoucherReply *reply;

	if (!o || o->size || !good(o->voucher))
		return;
	reply = ble__get_voucher_reply__unpack(NULL, o->voucher->packed_size, o->voucher->packed);
	host_check(l->world->h, reply && reply->voucher.len <= sizeof o->document, "a voucher that is none");
	o->size = reply->voucher.len;
	memcpy(o->document, reply->voucher.data, o->size);
	unhex(l->world->h, reply->order, o->number, 16);
	ble__get_voucher_reply__free_unpacked(reply, NULL);
}

/* ---- visits ---------------------------------------------------------------------------------- */

static void visit(struct life *l, enum caller_wish wish)
{
	struct world *w = l->world;
	struct order *o = newest(l);
	struct caller *c = o && wish != CALLER_RELAYS ? o->by : &w->callers[host_below(w->h, CALLERS)];
	unsigned values = host_below(w->h, 2) ? 1 + host_below(w->h, 150) : 1000000;

	look_for_voucher(l);
	if (c->post)
		return;
	c->voucher_size = 0;
	memset(c->order, (int)host_below(w->h, 256), 16);
	if (o && wish != CALLER_RELAYS && o->size) {
		memcpy(c->voucher, o->document, o->size);
		c->voucher_size = o->size;
		memcpy(c->order, o->number, 16);
	}
	caller_visit(c, &l->post, wish, values);
}

/* ---- what callers hand in -------------------------------------------------------------------- */

/* The first records that were not handed in, less what he hides; some again. */
static void hand_in(struct world *w, struct caller *c, bool all)
{
	unsigned i = (unsigned)(c - w->callers), n = 0;
	struct gv_buf json = { 0 };

	if (w->handed_in[i] && !w->handed_in[i]->done)
		return;
	gv_buf_printf(&json, "{\"terminal\":\"phone-%u\",\"records\":[", i);
	for (unsigned k = 0; k < c->n_carried; k++) {
		struct caller_record *r = &c->carried[k];

		if ((r->handed_in && host_below(w->h, 8)) || (!all && host_below(w->h, 3) == 0))
			continue;
		gv_buf_printf(&json, "%s\"", n++ ? "," : "");
		gv_base64_write(&json, r->at, r->size);
		gv_buf_printf(&json, "\"");
		r->handed_in = true;
	}
	gv_buf_printf(&json, "],\"heads\":[");
	if (c->head_size && host_below(w->h, 2)) {
		gv_buf_printf(&json, "\"");
		gv_base64_write(&json, c->head, c->head_size);
		gv_buf_printf(&json, "\"");
	}
	gv_buf_printf(&json, "]}");
	if (n)
		w->handed_in[i] = host_call_later(w->h, "ble", "galvan.ble.v1.Piles/PutRecords", gv_buf_str(&json));
	gv_buf_fini(&json);
}

/* Room for more; a phone that lost its records has lost no more than a copy. */
static void forget(struct caller *c)
{
	unsigned kept = 0;

	for (unsigned k = 0; k < c->n_carried; k++)
		if (!c->carried[k].handed_in)
			c->carried[kept++] = c->carried[k];
	c->n_carried = kept;
}

static void fetch(struct world *w, struct caller *c, struct life *l)
{
	unsigned i = (unsigned)(c - w->callers);
	char json[128];

	if (w->fetched[i] && !w->fetched[i]->done)
		return;
	snprintf(json, sizeof json, "{\"pile\":\"%s\"}", hex(l->post.id, 16));
	w->fetched[i] = host_call_later(w->h, "ble", "galvan.ble.v1.Piles/Fetch", json);
}

static void look_for_fetched(struct world *w, struct caller *c)
{
	unsigned i = (unsigned)(c - w->callers);
	Ble__FetchReply *reply;

	if (!good(w->fetched[i]))
		return;
	reply = ble__fetch_reply__unpack(NULL, w->fetched[i]->packed_size, w->fetched[i]->packed);
	w->fetched[i] = NULL;
	host_check(w->h, reply, "a Fetch that is none");
	c->keyset_size = reply->keyset.len;
	if (c->keyset_size)
		memcpy(c->keyset, reply->keyset.data, c->keyset_size);
	if (reply->n_receipts) {
		c->receipt_size = reply->receipts[0].len;
		memcpy(c->receipt, reply->receipts[0].data, c->receipt_size);
	}
	ble__fetch_reply__free_unpacked(reply, NULL);
}

/* ---- what happens ---------------------------------------------------------------------------- */

static void power_returns(struct host *h, void *arg)
{
	post_power_on(arg);
}

static void lose_power(struct life *l)
{
	struct host *h = l->world->h;

	if (host_below(h, 2))
		l->post.write_left = 1 + host_below(h, 6);
	else
		post_power_off(&l->post);
	host_after(h, 1000 + host_below(h, 300000), power_returns, &l->post);
}

static void stop_from_afar(struct life *l)
{
	char json[128];

	snprintf(json, sizeof json, "{\"device\":\"%s\",\"connector\":1}", l->post.device);
	host_call_later(l->world->h, NULL, "galvan.charging.v1.Charging/Stop", json);
}

static void unplug(struct life *l)
{
	if (!l->post.on)
		return;
	ble_pile_unplugged(&l->post.mind, 1, post_uptime_ms(&l->post));
	post_pump(&l->post);
}

/* At most once in a life, and with something in between. */
static void go_back(struct life *l)
{
	if (!l->world->clones || l->post.forked)
		return;
	if (!l->post.older)
		post_image(&l->post);
	else if (host_below(l->world->h, 4) == 0)
		post_go_back(&l->post);
}

static void happen(struct host *h, void *arg)
{
	struct life *l = arg;
	struct world *w = l->world;
	struct caller *c = &w->callers[host_below(h, CALLERS)];

	if (w->well)
		return;
	look_for_fetched(w, c);
	switch (host_below(h, 16)) {
	case 0:
	case 1:
		make_order(l);
		break;
	case 2:
	case 3:
		ask_for_voucher(l);
		break;
	case 4:
	case 5:
	case 6:
		visit(l, CALLER_STARTS);
		break;
	case 7:
		visit(l, CALLER_STOPS);
		break;
	case 8:
		visit(l, CALLER_RELAYS);
		break;
	case 9:
		post_network(&l->post, !l->post.wants_line);
		break;
	case 10:
		lose_power(l);
		break;
	case 11:
		unplug(l);
		break;
	case 12:
		hand_in(w, c, false);
		break;
	case 13:
		fetch(w, c, l);
		forget(c);
		break;
	case 14:
		go_back(l);
		break;
	default:
		stop_from_afar(l);
	}
	host_after(h, 500 + host_below(h, HAPPEN_MS), happen, l);
}

/* ---- what must hold -------------------------------------------------------------------------- */

/* Later news of it changes when and how much, and is no second session (charging.proto, SessionEnded). */
static bool is_news(const Charging__Session *s)
{
	for (size_t i = 0; i < s->n_flags; i++)
		if (strncmp(s->flags[i], "late-", 5) == 0)
			return true;
	return false;
}

/* How often that session was told as ended, and with what in the end. */
static unsigned told(struct world *w, const uint8_t session[16], int64_t *ret_wh, char *ret_token, size_t size)
{
	const struct host_event *e;
	unsigned n = 0;

	for (size_t i = 0; (e = host_event(w->h, "galvan.charging.v1.SessionEnded", i)); i++) {
		Charging__SessionEnded *m = charging__session_ended__unpack(NULL, e->packed_size, e->packed);

		host_check(w->h, m && m->session, "an event without a session");
		if (strstr(m->session->id, hex(session, 16))) {
			n += !is_news(m->session);
			*ret_wh = m->session->energy_wh;
			snprintf(ret_token, size, "%s", m->session->token);
		}
		charging__session_ended__free_unpacked(m, NULL);
	}
	return n;
}

static bool has_case(struct world *w, const char *device)
{
	struct host_answer *a = host_call(w->h, "galvan.ble.v1.Piles/ListCases", "{\"device\":\"%s\"}", device);

	host_check(w->h, a->code == GV_OK, "ListCases: %s", a->error);
	return scenario_count(w->h, a->json, "cases") > 0;
}

static void check_given(struct life *l, unsigned i)
{
	struct host *h = l->world->h;
	const struct post_given *g = &l->post.given[i];
	char token[64] = "";
	int64_t wh = 0;
	unsigned n = told(l->world, g->session, &wh, token, sizeof token), orders = 0;

	host_check(h, n <= 1, "%s: session %s was told %u times", l->post.device, hex(g->session, 16), n);
	if (l->post.forked)
		return; /* its two histories share numbers: the case is what counts */
	host_check(h, n == 1, "%s: %llu Wh of session %s were never told", l->post.device,
		   (unsigned long long)(g->to_wh - g->from_wh), hex(g->session, 16));
	host_check(h, wh == (int64_t)(g->to_wh - g->from_wh), "%s: session %s gave %llu Wh, told were %lld",
		   l->post.device, hex(g->session, 16), (unsigned long long)(g->to_wh - g->from_wh), (long long)wh);
	for (unsigned k = 0; k < l->n_orders; k++)
		orders += strcmp(l->orders[k].token, token) == 0;
	host_check(h, orders == 1, "%s: session %s has the token \"%s\", which nobody ordered", l->post.device,
		   hex(g->session, 16), token);
	for (unsigned k = 0; k < i; k++)
		host_check(h, memcmp(l->post.given[k].jti, g->jti, 16) != 0, "%s: a grant started twice",
			   l->post.device);
}

static void check_store(struct life *l)
{
	struct host *h = l->world->h;
	struct ble_pile *p = &l->post.mind;
	uint8_t record[BLE_RECORD_MAX];

	for (uint64_t seq = p->state.acked + 1; seq < p->chain.next; seq++)
		host_check(h, ble_pile_record(p, seq, record) > 0, "%s: record %llu is gone without a receipt",
			   l->post.device, (unsigned long long)seq);
	host_check(h, l->post.forked || ble_pile_pending(p) == 0, "%s: %llu records never got a receipt",
		   l->post.device, (unsigned long long)ble_pile_pending(p));
}

static void check(struct life *l)
{
	struct host *h = l->world->h;
	bool all = true;

	host_check(h, !l->post.mind.broken, "%s: its store has failed", l->post.device);
	check_store(l);
	for (unsigned i = 0; i < l->post.n_given; i++) {
		char token[64];
		int64_t wh = 0;

		check_given(l, i);
		all = all && told(l->world, l->post.given[i].session, &wh, token, sizeof token) == 1 &&
		      wh == (int64_t)(l->post.given[i].to_wh - l->post.given[i].from_wh);
	}
	host_check(h, all || has_case(l->world, l->post.device), "%s: energy was given that is in no case",
		   l->post.device);
}

/* ---- the run --------------------------------------------------------------------------------- */

static struct host_answer *call(struct world *w, const char *method, const char *json)
{
	struct host_answer *a = host_call(w->h, method, "%s", json);

	host_check(w->h, a->code == GV_OK, "%s: %s", method, a->error);
	return a;
}

static void enrol(struct life *l)
{
	struct world *w = l->world;
	Ble__SignCertificateReply *reply;
	struct gv_buf json = { 0 };
	struct host_answer *a;
	char text[300];

	snprintf(text, sizeof text, "{\"device\":{\"id\":\"%s\"}}", l->post.device);
	call(w, "galvan.registry.v1.Registry/PutDevice", text);
	snprintf(text, sizeof text, "{\"pile\":\"%s\",\"publicKey\":\"%s\",\"expires\":4294967295}",
		 hex(l->post.id, 16), hex(l->post.public_key, 32));
	a = call(w, "galvan.ble.v1.Piles/SignCertificate", text);
	reply = ble__sign_certificate_reply__unpack(NULL, a->packed_size, a->packed);
	unhex(w->h, reply->root, l->post.root, 32);
	l->post.certificate_size = reply->certificate.len;
	memcpy(l->post.certificate, reply->certificate.data, reply->certificate.len);
	gv_buf_printf(&json, "{\"device\":\"%s\",\"certificate\":\"", l->post.device);
	gv_base64_write(&json, reply->certificate.data, reply->certificate.len);
	gv_buf_printf(&json, "\"}");
	call(w, "galvan.ble.v1.Piles/PutPile", gv_buf_str(&json));
	gv_buf_fini(&json);
	ble__sign_certificate_reply__free_unpacked(reply, NULL);
	post_power_on(&l->post);
}

/* Everybody comes home, and everything has a network. */
static void calm(struct world *w)
{
	w->well = true;
	for (unsigned i = 0; i < PILES; i++) {
		post_power_on(&w->life[i].post);
		w->life[i].post.write_left = 0;
		post_network(&w->life[i].post, true);
	}
	host_run_ms(w->h, CALM_MS);
	for (unsigned i = 0; i < PILES; i++)
		unplug(&w->life[i]);
	host_run_ms(w->h, CALM_MS);
	for (unsigned i = 0; i < CALLERS; i++)
		hand_in(w, &w->callers[i], true);
	host_run_ms(w->h, LATE_MS);
}

static void run(struct host *h)
{
	struct world *w = calloc(1, sizeof *w);
	static const char *const victims[] = { "ble.0", NULL };

	host_check(h, w, "no memory");
	w->h = h;
	w->clones = host_seed(h) % 4 == 0;
	scenario_load(h, "registry", 1, NULL);
	host_check(h, host_load_record(h, &quick_ble, 1, CONFIG) == 0, "ble does not start: %s", host_error(h));
	for (unsigned i = 0; i < PILES; i++) {
		w->life[i].world = w;
		post_init(&w->life[i].post, h, i + 1);
		enrol(&w->life[i]);
	}
	for (unsigned i = 0; i < CALLERS; i++)
		caller_init(&w->callers[i], h, w->life[0].post.root);
	scenario_weather(h, victims);
	for (unsigned i = 0; i < PILES; i++)
		host_after(h, host_below(h, HAPPEN_MS), happen, &w->life[i]);
	host_run_ms(h, DAY_MS);
	scenario_calm(h);
	host_run_ms(h, host_below(h, 3) ? JUMP_MS : LATE_MS);
	calm(w);
	host_check(h, host_parked(h, "ble.0") == 0, "ble has parked messages");
	for (unsigned i = 0; i < PILES; i++)
		check(&w->life[i]);
	for (unsigned i = 0; i < PILES; i++)
		post_fini(&w->life[i].post);
	free(w);
}

const struct scenario scenario_piles = {
	"piles", "Bluetooth piles, phones and the cloud: each Wh told once or in a case, each grant started once", run
};
