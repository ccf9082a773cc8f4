/* Grants: who may start, until when, and what became of it. An order that was paid is a grant, whether a pile is told
 * on line or a holder fetches a voucher; it starts once, and is the session's that names its jti. */
#include "cloud.h"
#include "../core/ble_openssl.h"

#include <lib/hex.h>
#include <string.h>

#define TARIFF_SIZE 8

static const char *hex_of(struct gv_turn *t, const Ble__GrantRow *g)
{
	return pile_hex(t, g->jti.data, g->jti.len);
}

const Ble__GrantRow *grant_find(struct gv_turn *t, const char *device, const uint8_t jti[16])
{
	return gv_get(t, &cloud_grants, gv_key(device, pile_hex(t, jti, 16)));
}

static const Ble__GrantRow *by_ref(struct gv_turn *t, const Ble__GrantRef *ref)
{
	return ref ? gv_get(t, &cloud_grants, gv_key(ref->device, ref->jti)) : NULL;
}

const Ble__GrantRow *grant_by_token(struct gv_turn *t, const char *token, const char *device)
{
	struct gv_scan scan = { .table = &cloud_grant_tokens, .prefix = gv_key(token) };
	const Ble__GrantRef *only;

	if (device[0])
		return by_ref(t, gv_get(t, &cloud_grant_tokens, gv_key(token, device)));
	only = gv_next(t, &scan) ? scan.row : NULL;
	return only && !gv_next(t, &scan) ? by_ref(t, only) : NULL;
}

int64_t grant_until_ms(const Ble__GrantRow *g)
{
	return 1000 * (int64_t)g->expires + CLOUD_DAY_MS;
}

unsigned grants_count(struct gv_turn *t, const char *device)
{
	struct gv_scan scan = { .table = &cloud_open_grants, .prefix = gv_key(device) };
	unsigned n = 0;

	while (n <= CLOUD_OPEN_GRANTS_MAX && gv_next(t, &scan))
		n++;
	return n;
}

static bool is_open(const Ble__GrantRow *g)
{
	return !strcmp(g->state, "open");
}

/* ---- made ------------------------------------------------------------------------------------ */

static void arm(struct gv_turn *t, const Ble__GrantRow *g, int64_t at_ms)
{
	Ble__Due due = BLE__DUE__INIT;

	due.device = g->device;
	due.jti = (char *)hex_of(t, g);
	gv_timer(t, gv_str(t, CLOUD_NAME ":grant:%s", due.jti), at_ms, &due);
}

static void random16(struct gv_turn *t, uint8_t ret[16])
{
	for (int half = 0; half < 2; half++) {
		uint64_t draw = gv_random(t);

		for (int i = 0; i < 8; i++)
			ret[8 * half + i] = (uint8_t)(draw >> 8 * i);
	}
}

/* By the token; a card's that has started before gets another each time, as the same order starts once. */
static int name_order(struct gv_turn *t, const char *token, uint8_t ret[16])
{
	const char *name = token;
	int r;

	for (;;) {
		r = ble_order_id(&ble_openssl, name, strlen(name), ret);
		if (r < 0 || !gv_get(t, &cloud_grant_orders, gv_key(pile_hex(t, ret, 16))))
			return r;
		name = gv_str(t, "%s %llx", token, (unsigned long long)gv_random(t));
	}
}

static void index_new(struct gv_turn *t, const Ble__GrantRow *g)
{
	Ble__GrantRef ref = BLE__GRANT_REF__INIT;

	ref.device = g->device;
	ref.jti = (char *)hex_of(t, g);
	gv_put(t, &cloud_open_grants, gv_key(g->device, ref.jti), &ref);
	gv_put(t, &cloud_grant_orders, gv_key(pile_hex(t, g->order.data, g->order.len)), &ref);
	gv_put(t, &cloud_grant_tokens, gv_key(g->token, g->device), &ref);
}

static Ble__GrantRow *make(struct cloud *c, struct gv_turn *t, const struct pile *p, const Charging__StartRequest *r,
			   const uint8_t order[16])
{
	uint8_t jti[16];
	Ble__GrantRow *g;

	random16(t, jti);
	g = gv_edit(t, &cloud_grants, gv_key(p->device, pile_hex(t, jti, 16)));
	g->device = (char *)p->device;
	g->jti = pile_bytes(t, jti, 16);
	g->order = pile_bytes(t, order, 16);
	g->token = gv_strdup(t, r->token);
	g->connector = r->connector;
	g->max_minor = r->max_amount;
	g->currency = gv_strdup(t, r->currency);
	g->max_wh = r->max_energy_wh;
	if (r->tariff.len == TARIFF_SIZE)
		g->tariff = pile_bytes(t, r->tariff.data, TARIFF_SIZE);
	g->made_at_ms = gv_now_ms(t);
	g->expires = (uint32_t)(gv_now_ms(t) / 1000) + c->settings->voucher_s;
	g->state = (char *)"open";
	g->request_id = (char *)hex_of(t, g);
	g->chain = p->row->chain;
	index_new(t, g);
	arm(t, g, 1000 * (int64_t)g->expires + 1000);
	return g;
}

Ble__GrantRow *grant_make(struct cloud *c, struct gv_turn *t, struct pile *p, const Charging__StartRequest *r,
			  const char **ret_why)
{
	const Ble__GrantRow *before = grant_by_token(t, r->token, p->device);
	uint8_t order[16];

	if (p->row->quarantined)
		*ret_why = gv_str(t, "%s is in quarantine, as its key signed two histories: CloseCase releases it",
				  p->device);
	else if (!keys_ready(t))
		*ret_why = "there is no key set yet: the root elsewhere has to sign one (GetKeySet, PutKeySet)";
	else if (r->connector > UINT8_MAX || r->max_amount < 0 || r->max_amount > UINT32_MAX || r->max_energy_wh < 0 ||
		 r->max_energy_wh > UINT32_MAX)
		*ret_why = "connector, max_amount or max_energy_wh is out of a voucher's range";
	else if (r->tariff.len && r->tariff.len != TARIFF_SIZE)
		*ret_why = "tariff: 8 bytes, or none";
	else if (before && is_open(before) && before->connector == r->connector &&
		 gv_now_ms(t) < 1000 * (int64_t)before->expires)
		return gv_edit(t, &cloud_grants, gv_key(p->device, hex_of(t, before)));
	else if (grants_count(t, p->device) >= CLOUD_OPEN_GRANTS_MAX)
		*ret_why = gv_str(t, "%s has %d starts open: wait until one has begun or expired", p->device,
				  CLOUD_OPEN_GRANTS_MAX);
	else if (name_order(t, r->token, order) < 0)
		*ret_why = gv_str(t, "token: it must have 1 to %d bytes", BLE_TOKEN_MAX);
	else
		return make(c, t, p, r, order);
	return NULL;
}

/* ---- asked for ------------------------------------------------------------------------------- */

int grant_allows(struct cloud *c, struct gv_turn *t, const struct pile *p, const uint8_t *jti, const uint8_t order[16],
		 uint8_t connector, Ble__GrantRow **ret)
{
	const Ble__GrantRow *g = jti ? grant_find(t, p->device, jti)
				     : by_ref(t, gv_get(t, &cloud_grant_orders, gv_key(pile_hex(t, order, 16))));

	if (!g || strcmp(g->device, p->device) != 0)
		return -BLE_NOT_ALLOWED;
	if (p->row->quarantined)
		return -BLE_FORK;
	if (g->connector && connector && g->connector != connector)
		return -BLE_NOT_ALLOWED;
	if (!strcmp(g->state, "started"))
		return -BLE_USED;
	if (!is_open(g) || gv_now_ms(t) >= 1000 * (int64_t)g->expires)
		return -BLE_EXPIRED;
	if (keys_revoked(t, g->jti.data))
		return -BLE_REVOKED;
	*ret = gv_edit(t, &cloud_grants, gv_key(p->device, hex_of(t, g)));
	return 0;
}

void grant_write(struct cloud *c, const Ble__GrantRow *g, uint64_t *has, struct ble_grant *ret)
{
	*ret = (struct ble_grant){ .expires = g->expires,
				   .max_wh = (uint32_t)g->max_wh,
				   .max_minutes = (uint16_t)c->settings->max_minutes,
				   .max_minor = (uint32_t)g->max_minor };
	memcpy(ret->jti, g->jti.data, sizeof(ret->jti));
	*has |= BLE_HAS(BLE_GRANT_JTI) | BLE_HAS(BLE_GRANT_EXPIRES) | BLE_HAS(BLE_GRANT_MINUTES);
	if (g->max_wh)
		*has |= BLE_HAS(BLE_GRANT_WH);
	if (g->tariff.len == TARIFF_SIZE) {
		memcpy(ret->tariff, g->tariff.data, TARIFF_SIZE);
		*has |= BLE_HAS(BLE_GRANT_TARIFF);
	}
	if (!g->max_minor || strlen(g->currency) != sizeof(ret->currency))
		return;
	memcpy(ret->currency, g->currency, sizeof(ret->currency));
	*has |= BLE_HAS(BLE_GRANT_AMOUNT) | BLE_HAS(BLE_GRANT_CURRENCY);
}

bool grant_agrees(const Ble__GrantRow *g, const uint8_t tariff[8])
{
	static const uint8_t none[TARIFF_SIZE];

	return memcmp(g->tariff.len == TARIFF_SIZE ? g->tariff.data : none, tariff, TARIFF_SIZE) == 0;
}

/* ---- over ------------------------------------------------------------------------------------ */

static void close_grant(struct gv_turn *t, Ble__GrantRow *g, const char *state)
{
	const char *jti = hex_of(t, g);

	g->state = (char *)state;
	gv_delete(t, &cloud_open_grants, gv_key(g->device, jti));
	gv_timer_cancel(t, gv_str(t, CLOUD_NAME ":grant:%s", jti));
	case_settled(t, g->device, "unheard", jti);
}

static void answer(struct gv_turn *t, Ble__GrantRow *g, const char *status)
{
	struct gv_ticket to = { g->ticket_call, g->ticket_caller };
	Charging__StartReply reply = CHARGING__START_REPLY__INIT;

	if (!to.call && !to.caller)
		return;
	g->ticket_call = g->ticket_caller = 0;
	reply.status = (char *)status;
	reply.request_id = g->request_id;
	gv_reply(t, to, &reply);
}

void grant_started(struct gv_turn *t, const char *device, const uint8_t jti[16], const char *session)
{
	Ble__GrantRow *g = gv_edit(t, &cloud_grants, gv_key(device, pile_hex(t, jti, 16)));

	if (!strcmp(g->state, "started"))
		return;
	g->session = gv_strdup(t, session);
	answer(t, g, "Accepted");
	close_grant(t, g, "started");
}

void grant_abandon(struct gv_turn *t, Ble__GrantRow *g, const char *why)
{
	Charging__StartAbandoned e = CHARGING__START_ABANDONED__INIT;

	if (!is_open(g))
		return;
	answer(t, g, "Rejected");
	close_grant(t, g, "abandoned");
	e.device = g->device;
	e.token = g->token;
	e.request_id = g->request_id;
	e.reason = (char *)why;
	gv_emit(t, &e);
	gv_log(t, GV_INFO, "a start that was granted did not begin: %s device=%s jti=%s", why, g->device,
	       g->request_id);
}

bool grant_cancel(struct gv_turn *t, const char *device, const char *jti)
{
	const Ble__GrantRow *g = strlen(jti) < HEX16 ? gv_get(t, &cloud_grants, gv_key(device, jti)) : NULL;

	if (!g || !is_open(g) || g->given || g->counter)
		return false;
	grant_abandon(t, gv_edit(t, &cloud_grants, gv_key(device, jti)), "stopped before it began");
	return true;
}

void grants_settle(struct gv_turn *t, const char *device, uint32_t chain, uint32_t trusted_utc)
{
	struct gv_scan scan = { .table = &cloud_open_grants, .prefix = gv_key(device) };

	while (gv_next(t, &scan)) {
		const char *jti = scan.key.part[1].s;
		const Ble__GrantRow *g = gv_get(t, &cloud_grants, gv_key(device, jti));

		/* Another chain than it was made in: the end of that one may be missing. */
		if (g && g->expires < trusted_utc && (!g->chain || g->chain == chain))
			grant_abandon(t, gv_edit(t, &cloud_grants, gv_key(device, jti)),
				      "the pile's records show that it did not start");
	}
}

static void unheard(struct gv_turn *t, const Ble__GrantRow *g)
{
	Ble__Case it = BLE__CASE__INIT;

	it.device = g->device;
	it.kind = (char *)"unheard";
	it.jti = g->request_id;
	it.token = g->token;
	it.text = gv_str(t, "a start was granted and may have been used, and nothing was heard of it: bring the pile's "
			    "records, or close the case, and the money goes back");
	case_open(t, &it, hex_of(t, g));
}

/* Its time is over: who never had it cannot have used it. */
int grants_due(struct cloud *c, struct gv_turn *t, const Ble__Due *due)
{
	const Ble__GrantRow *g = due ? gv_get(t, &cloud_grants, gv_key(due->device, due->jti)) : NULL;
	const Ble__ChainRow *chain;

	if (!g || !is_open(g))
		return 0;
	if (!g->given && !g->counter) {
		grant_abandon(t, gv_edit(t, &cloud_grants, gv_key(due->device, due->jti)), "nobody fetched it in time");
		return 0;
	}
	chain = gv_get(t, &cloud_chains, gv_key(g->device, g->chain));
	if (chain && chain->trusted_utc > g->expires)
		grants_settle(t, g->device, g->chain, chain->trusted_utc);
	else if (gv_now_ms(t) < grant_until_ms(g))
		arm(t, g, grant_until_ms(g));
	else
		unheard(t, g);
	return 0;
}
