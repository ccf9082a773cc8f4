/* What must hold of each life in the end. */
#include "life.h"

#include <galvan/billing.pb-c.h>
#include <galvan/charging.pb-c.h>
#include <galvan/piles.pb-c.h>
#include <lib/hex.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE 1000
#define MISREAD_WH POST_GIVEN /* a session's meter may differ by one from the register (ble_session_adds_up) */
#define CHARGED_MIN 100
#define JTI_CASES (LIFE_CASE_FORK | LIFE_CASE_METER | LIFE_CASE_JTI) /* what two histories may lead to */

struct lives {
	struct host *h;
	struct life *const *life;
	unsigned n;
};

static const char *hex(const uint8_t *data, size_t size)
{
	static char text[4][2 * 32 + 1];
	static unsigned at;

	at = (at + 1) % 4;
	gv_hex_write(data, size, text[at]);
	return text[at];
}

/* ---- what was told, charged and opened ------------------------------------------------------- */

/* By the last two bytes of its address. */
static struct life *life_of(const struct lives *w, const char *device)
{
	unsigned high, low;

	if (sscanf(device, "ble:C0-00-00-00-%2X-%2X", &high, &low) != 2 || high * 256 + low == 0 ||
	    high * 256 + low > w->n)
		host_fail(w->h, "something was told of a device that nobody has: %s", device);
	return w->life[high * 256 + low - 1];
}

/* NULL: the pile gave nothing in it. */
static struct life_session *session_of(struct life *l, const uint8_t id[16])
{
	const struct post_given *g;

	for (unsigned i = 0; (g = life_given(l, i)); i++)
		if (memcmp(g->session, id, 16) == 0)
			return &l->sessions[i];
	return NULL;
}

static struct life_session *session_named(struct life *l, const char *id)
{
	const char *slash = strchr(id, '/');
	uint8_t number[16];

	return slash && gv_hex_read(slash + 1, strlen(slash + 1), number, 16) == 0 ? session_of(l, number) : NULL;
}

/* Later news of it changes when and how much, and is no second session (charging.proto, SessionEnded). */
static bool is_news(const Charging__Session *s)
{
	for (size_t i = 0; i < s->n_flags; i++)
		if (strncmp(s->flags[i], "late-", 5) == 0)
			return true;
	return false;
}

static void read_told(const struct lives *w)
{
	const struct host_event *e;

	for (size_t i = 0; (e = host_event(w->h, NULL, i)); i++) {
		Charging__SessionEnded *m;
		struct life_session *s;
		struct life *l;

		if (strcmp(e->type, "galvan.charging.v1.SessionEnded") != 0)
			continue;
		m = charging__session_ended__unpack(NULL, e->packed_size, e->packed);
		host_check(w->h, m && m->session, "an event without a session");
		l = life_of(w, m->device);
		s = session_named(l, m->session->id);
		l->strange += !s && m->session->energy_wh;
		if (s) {
			s->told += !is_news(m->session);
			s->told_wh = m->session->energy_wh;
		}
		charging__session_ended__free_unpacked(m, NULL);
	}
}

/* A call that must be answered, and its answer unpacked, which is the caller's. */
static ProtobufCMessage *ask(struct host *h, const char *to, const char *method, const void *message,
			     const ProtobufCMessageDescriptor *type)
{
	struct host_answer *a = host_say_later(h, to, method, message);
	ProtobufCMessage *ret;

	while (!a->done && host_step(h))
		;
	host_check(h, a->code == GV_OK, "%s: %s", method, a->error);
	ret = protobuf_c_message_unpack(type, NULL, a->packed_size, a->packed);
	host_check(h, ret, "the answer to %s is none", method);
	return ret;
}

static void read_charge(const struct lives *w, const Billing__Charge *c)
{
	struct life *l = life_of(w, c->device);
	struct life_session *s = session_named(l, c->session);
	int sign = *c->credit_of ? -1 : 1;

	if (!s) {
		l->strange += c->energy_wh != 0;
		return;
	}
	s->charges += sign;
	s->charged_wh += sign * c->energy_wh;
	snprintf(s->token, sizeof s->token, "%s", c->token);
}

static void read_charges(const struct lives *w)
{
	Billing__ListChargesRequest r = BILLING__LIST_CHARGES_REQUEST__INIT;
	char page[200] = "";

	r.limit = PAGE;
	do {
		Billing__ListChargesReply *reply;

		r.page = page;
		reply = (Billing__ListChargesReply *)ask(w->h, "billing", "galvan.billing.v1.Billing/ListCharges", &r,
							 &billing__list_charges_reply__descriptor);
		for (size_t i = 0; i < reply->n_charges; i++)
			read_charge(w, reply->charges[i]);
		snprintf(page, sizeof page, "%s", reply->next_page);
		billing__list_charges_reply__free_unpacked(reply, NULL);
	} while (*page);
}

static enum life_case case_of(const char *kind)
{
	return !strcmp(kind, "fork")          ? LIFE_CASE_FORK
	       : !strcmp(kind, "meter")       ? LIFE_CASE_METER
	       : !strcmp(kind, "unknown-jti") ? LIFE_CASE_JTI
					      : LIFE_CASE_OTHER;
}

static void read_cases(const struct lives *w)
{
	Ble__ListCasesRequest r = BLE__LIST_CASES_REQUEST__INIT;
	Ble__ListCasesReply *reply;

	r.limit = PAGE;
	reply = (Ble__ListCasesReply *)ask(w->h, "ble", "galvan.ble.v1.Piles/ListCases", &r,
					   &ble__list_cases_reply__descriptor);
	host_check(w->h, reply->n_cases < PAGE, "there are more cases than a test reads");
	for (size_t i = 0; i < reply->n_cases; i++)
		life_of(w, reply->cases[i]->device)->cases |= case_of(reply->cases[i]->kind);
	ble__list_cases_reply__free_unpacked(reply, NULL);
}

/* ---- what must hold -------------------------------------------------------------------------- */

/* No unacknowledged record is erased, and a receipt is the cloud's word that it has them: the cloud's history is the
 * pile's. */
static void check_history(struct life *l, const struct host_answer *a)
{
	const struct ble_pile *p = &l->post.mind;
	const char *device = l->post.device;
	uint8_t record[BLE_RECORD_MAX];
	Ble__GetPileReply *reply;
	bool found = false;

	for (uint64_t seq = p->state.acked + 1; seq < p->chain.next; seq++)
		host_check(l->h, ble_pile_record((struct ble_pile *)p, seq, record) > 0,
			   "%s: record %llu is gone without a receipt", device, (unsigned long long)seq);
	if (l->post.forked)
		return;
	host_check(l->h, ble_pile_pending(p) == 0, "%s: %llu records never got a receipt", device,
		   (unsigned long long)ble_pile_pending(p));
	host_check(l->h, life_answered(a), "GetPile %s: %s", device, a->error);
	reply = ble__get_pile_reply__unpack(NULL, a->packed_size, a->packed);
	for (size_t i = 0; i < reply->pile->n_chains; i++) {
		const Ble__ChainState *it = reply->pile->chains[i];

		if (it->chain != p->chain.chain)
			continue;
		found = true;
		host_check(l->h, it->upto == p->chain.next - 1 && !strcmp(it->hash, hex(p->chain.head, 32)),
			   "%s wrote %llu records, and the cloud has %llu", device,
			   (unsigned long long)(p->chain.next - 1), (unsigned long long)it->upto);
	}
	host_check(l->h, found, "%s: the cloud does not know its chain", device);
	ble__get_pile_reply__free_unpacked(reply, NULL);
}

static const struct life_order *order_of(const struct life *l, const char *token)
{
	for (unsigned i = 0; i < l->n_orders; i++)
		if (!strcmp(l->orders[i].token, token))
			return &l->orders[i];
	return NULL;
}

/* The cloud has said no: not merely that it does not know. */
static bool refused(const struct life_order *o)
{
	return life_answered(o->start) && !o->granted;
}

/* NULL, or why that session cannot be charged to that token. */
static const char *wrong_order(const struct life *l, const struct post_given *g, const char *token)
{
	const struct life_order *o = order_of(l, token);

	if (!o)
		return "nobody ordered";
	if (refused(o))
		return "was refused";
	return o->granted && memcmp(o->jti, g->jti, 16) != 0 ? "has another grant" : NULL;
}

/* It was told and charged once, as much as went through the relay, to whoever had ordered it. */
static void check_session(struct life *l, unsigned i)
{
	const struct post_given *g = life_given(l, i);
	const struct life_session *s = &l->sessions[i];
	long long wh = (long long)(g->to_wh - g->from_wh);
	const char *id = hex(g->session, 16), *device = l->post.device, *wrong = wrong_order(l, g, s->token);

	host_check(l->h, s->told == 1, "%s: session %s was told %u times", device, id, s->told);
	host_check(l->h, s->charges == 1, "%s: session %s has %d charges", device, id, s->charges);
	host_check(l->h, s->told_wh == wh && s->charged_wh == wh,
		   "%s: session %s gave %lld Wh, told are %lld, charged %lld", device, id, wh, (long long)s->told_wh,
		   (long long)s->charged_wh);
	host_check(l->h, !wrong, "%s: session %s is charged to the token \"%s\", which %s", device, id, s->token,
		   wrong);
	for (unsigned k = 0; k < i; k++)
		host_check(l->h, memcmp(l->post.given[k].jti, g->jti, 16) != 0, "%s: voucher %s started twice", device,
			   hex(g->jti, 16));
}

/* ---- what must hold of two histories --------------------------------------------------------- */

/* They share numbers, and so sessions, and a session that its older image takes for running ends with what the register
 * says, whoever got it: all that they gave is charged once, or stands in a case. */
static bool settled(const struct life *l)
{
	int64_t given_wh = 0, charged_wh = 0;
	const struct post_given *g;

	for (unsigned i = 0; (g = life_given(l, i)); i++) {
		const struct life_session *s = &l->sessions[i];

		host_check(l->h, s->told <= 1 && s->charges <= 1, "%s: session %s was told %u times, charged %d",
			   l->post.device, hex(g->session, 16), s->told, s->charges);
		given_wh += (int64_t)(g->to_wh - g->from_wh);
		charged_wh += s->charged_wh;
	}
	return llabs(given_wh - charged_wh) <= MISREAD_WH;
}

/* It began and gave nothing, and its pile has forgotten it since: no record and no register tells of it. */
static bool left_no_trace(const struct life *l, unsigned i)
{
	const struct post_given *g = life_given(l, i);

	return !l->sessions[i].told && !l->sessions[i].charges && g->to_wh - g->from_wh <= 1;
}

/* Another session of theirs began by the same jti before. */
static bool same_voucher(const struct life *l, unsigned i)
{
	const struct post_given *g = life_given(l, i), *before;

	for (unsigned k = 0; k < i; k++) {
		before = life_given(l, k);
		if (memcmp(before->jti, g->jti, 16) == 0 && memcmp(before->session, g->session, 16) != 0 &&
		    !left_no_trace(l, i) && !left_no_trace(l, k))
			return true;
	}
	return false;
}

/* The charge is to whoever ordered a session of that id: two histories may each have one. */
static bool ordered(const struct life *l, unsigned i)
{
	const struct post_given *g = life_given(l, i), *other;

	for (unsigned k = i; (other = life_given(l, k)); k++)
		if (memcmp(other->session, g->session, 16) == 0 && !wrong_order(l, other, l->sessions[i].token))
			return true;
	return false;
}

/* Its twin has gone on alone: receipts are for records that it does not have, and it believes none of them. */
static bool is_behind(const struct life *l)
{
	return l->twin && l->post.mind.chain.next == l->copied_at;
}

/* What is not as it must be with one history; NULL: nothing. */
static const char *amiss(const struct life *l)
{
	const struct post_given *g;

	if (!settled(l))
		return "energy was given that is not charged";
	if (l->strange)
		return "a session was told or charged in which it gave nothing";
	if (ble_pile_pending(&l->post.mind) && !is_behind(l))
		return "records never got a receipt";
	for (unsigned i = 0; (g = life_given(l, i)); i++) {
		if (same_voucher(l, i))
			return "a voucher started twice";
		if (l->sessions[i].charges && !ordered(l, i))
			return "a session is charged to whom it was not ordered by";
	}
	return NULL;
}

/* Both have gone on since: where only one has, there is one history yet. */
static bool diverged(const struct life *l)
{
	return l->twin && l->post.mind.chain.next > l->copied_at && l->twin->mind.chain.next > l->copied_at;
}

static void check_fork(struct life *l)
{
	const char *what = amiss(l);

	host_check(l->h, !what || l->cases & JTI_CASES, "%s: %s, and no case says so", l->post.device, what);
	host_check(l->h, !diverged(l) || l->cases & LIFE_CASE_FORK, "%s: it has two histories, and no case says so",
		   l->post.device);
}

static void check_life(struct life *l, const struct host_answer *a)
{
	host_check(l->h, l->steps_left == 0 && !l->post.closed, "%s is not at rest", l->post.device);
	host_check(l->h, !l->post.mind.broken, "%s: its store has failed", l->post.device);
	check_history(l, a);
	if (l->post.forked) {
		check_fork(l);
		return;
	}
	host_check(l->h, !l->strange, "%s: a session was told or charged in which it gave nothing", l->post.device);
	for (unsigned i = 0; i < l->post.n_given; i++)
		check_session(l, i);
}

/* A world in which nothing happens shows nothing. */
static void check_floor(const struct lives *w)
{
	unsigned charged = 0, kinds[LIFE_TWIN + 1] = { 0 }, cases = 0;

	for (unsigned i = 0; i < w->n; i++) {
		const struct life *l = w->life[i];

		kinds[l->post.forked ? l->kind : LIFE_HONEST]++;
		cases += (l->cases & LIFE_CASE_FORK) != 0;
		for (unsigned k = 0; life_given(l, k); k++)
			charged += l->sessions[k].charges > 0;
	}
	host_check(w->h, charged >= CHARGED_MIN, "%u sessions were charged in this world", charged);
	host_check(w->h, kinds[LIFE_BACK] && kinds[LIFE_TWIN], "%u piles went back, and %u were copied",
		   kinds[LIFE_BACK], kinds[LIFE_TWIN]);
	host_check(w->h, cases, "no fork was noticed in this world");
}

void lives_check(struct host *h, struct life *const *lives, unsigned n)
{
	struct lives w = { h, lives, n };
	struct host_answer **piles = calloc(n, sizeof *piles);

	host_check(h, piles, "no memory");
	for (unsigned i = 0; i < n; i++) {
		Ble__GetPileRequest r = BLE__GET_PILE_REQUEST__INIT;

		r.device = lives[i]->post.device;
		piles[i] = life_say(lives[i], "galvan.ble.v1.Piles/GetPile", &r);
	}
	read_told(&w);
	read_charges(&w);
	read_cases(&w);
	host_run_ms(h, 1000);
	for (unsigned i = 0; i < n; i++)
		check_life(lives[i], piles[i]);
	check_floor(&w);
	free(piles);
}
