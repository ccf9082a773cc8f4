/* Who may have a device next. */
#include "leases.h"

#include <lib/iso8601.h>

#include <string.h>

const struct gv_table leases_table = { .name = "leases", .key = "s", .value = &update__lease_row__descriptor };

/* ---- rows ------------------------------------------------------------------------------------ */

static const Update__LeaseRow *row_of(struct gv_turn *t, const char *device)
{
	return gv_get(t, &leases_table, gv_key(device));
}

static bool stands(const Update__LeaseRow *row, int64_t now)
{
	return row && row->lease && row->lease->until_ms > now;
}

const Update__Lease *lease_of(struct gv_turn *t, const char *device)
{
	const Update__LeaseRow *row = row_of(t, device);

	return stands(row, gv_now_ms(t)) ? row->lease : NULL;
}

/* The claims that stand go to the front; those whose time is over go away. */
static void drop_stale(Update__LeaseRow *row, int64_t now)
{
	size_t kept = 0;

	for (size_t i = 0; i < row->n_claims; i++)
		if (row->claims[i]->until_ms > now)
			row->claims[kept++] = row->claims[i];
	row->n_claims = kept;
}

static Update__Claim *claim_of(const Update__LeaseRow *row, const char *order)
{
	for (size_t i = 0; i < row->n_claims; i++)
		if (!strcmp(row->claims[i]->order, order))
			return row->claims[i];
	return NULL;
}

static const Update__Claim *last_claim(const Update__LeaseRow *row, int64_t now)
{
	const Update__Claim *last = NULL;

	for (size_t i = 0; row && i < row->n_claims; i++)
		if (row->claims[i]->until_ms > now && (!last || row->claims[i]->until_ms > last->until_ms))
			last = row->claims[i];
	return last;
}

static void drop_claim(Update__LeaseRow *row, const Update__Claim *claim)
{
	size_t kept = 0;

	for (size_t i = 0; i < row->n_claims; i++)
		if (row->claims[i] != claim)
			row->claims[kept++] = row->claims[i];
	row->n_claims = kept;
}

static const char *until(struct gv_turn *t, int64_t ms)
{
	char text[25];

	gv_time_format(ms, text);
	return gv_strdup(t, text);
}

/* ---- the end of a lease ---------------------------------------------------------------------- */

static int tell(struct gv_turn *t, const char *device, Update__Lease *lease, const char *ended, const char *reason)
{
	Update__LeaseChanged event = UPDATE__LEASE_CHANGED__INIT;
	Update__Lease none = UPDATE__LEASE__INIT;

	event.device = (char *)device;
	event.lease = lease ? lease : &none;
	event.ended = (char *)ended;
	event.reason = (char *)reason;
	return gv_emit(t, &event);
}

static int end(void *self, struct gv_turn *t, const char *device, const char *reason)
{
	Update__LeaseRow *row = gv_edit(t, &leases_table, gv_key(device));
	const char *id = row->lease->id;

	row->lease = NULL;
	gv_timer_cancel(t, gv_str(t, LEASES_TIMER "%s", device));
	gv_log(t, GV_INFO, "lease is over device=%s id=%s reason=%s", device, id, reason);
	tell(t, device, NULL, id, reason);
	return leases_device.changed ? leases_device.changed(self, t, device, false) : 0;
}

int lease_due(void *self, struct gv_turn *t, const char *timer)
{
	const char *device = timer + strlen(LEASES_TIMER);
	const Update__LeaseRow *row = row_of(t, device);

	return row && row->lease && !stands(row, gv_now_ms(t)) ? end(self, t, device, "expired") : 0;
}

int lease_claim_used(struct gv_turn *t, const char *device, const char *whose)
{
	const Update__LeaseRow *row = row_of(t, device);

	for (size_t i = 0; row && i < row->n_claims; i++)
		if (!strcmp(row->claims[i]->token, whose) || !strcmp(row->claims[i]->order, whose)) {
			const char *order = gv_strdup(t, row->claims[i]->order);
			Update__LeaseRow *changed = gv_edit(t, &leases_table, gv_key(device));

			drop_claim(changed, claim_of(changed, order));
			return 0;
		}
	return 0;
}

int lease_begun(void *self, struct gv_turn *t, const char *device, const char *whose)
{
	const Update__LeaseRow *row;

	lease_claim_used(t, device, whose);
	row = row_of(t, device);
	if (leases_device.gates_itself || !row || !row->lease ||
	    (row->order && !strcmp(row->order->request->lease, row->lease->id)))
		return 0;
	return end(self, t, device, "started");
}

int lease_forget(void *self, struct gv_turn *t, const char *device)
{
	const Update__LeaseRow *row = row_of(t, device);

	if (row && row->lease)
		end(self, t, device, "deleted");
	return gv_delete(t, &leases_table, gv_key(device));
}

bool lease_bars(struct gv_turn *t, struct gv_ticket ticket, const char *device)
{
	const Update__Lease *lease = leases_device.gates_itself ? NULL : lease_of(t, device);

	if (lease)
		gv_refuse(t, ticket, GV_FAILED_PRECONDITION, "%s is being updated (%s) and expected back at %s", device,
			  lease->why, until(t, lease->until_ms));
	return lease != NULL;
}

/* ---- claims ---------------------------------------------------------------------------------- */

static int refuse_time(struct gv_turn *t, struct gv_ticket ticket, int64_t most_ms)
{
	return gv_refuse(t, ticket, GV_INVALID_ARGUMENT, "untilMs must be later than now, by at most %lld s",
			 (long long)most_ms / 1000);
}

static bool is_time(struct gv_turn *t, int64_t until_ms, int64_t most_ms)
{
	return until_ms > gv_now_ms(t) && until_ms <= gv_now_ms(t) + most_ms;
}

static int claim(void *self, struct gv_turn *t, struct gv_ticket ticket, const Update__ClaimRequest *r)
{
	Update__ClaimReply reply = UPDATE__CLAIM_REPLY__INIT;
	const Update__Lease *lease = lease_of(t, r->device);
	Update__LeaseRow *row;
	Update__Claim *c;

	if (!is_time(t, r->until_ms, LEASES_CLAIM_MS))
		return refuse_time(t, ticket, LEASES_CLAIM_MS);
	if (leases_device.gates_itself) {
		reply.claimed = true;
		return gv_reply(t, ticket, &reply);
	}
	if (lease) {
		reply.back_at_ms = lease->until_ms;
		return gv_reply(t, ticket, &reply);
	}
	row = gv_edit(t, &leases_table, gv_key(r->device));
	drop_stale(row, gv_now_ms(t));
	c = claim_of(row, r->order);
	if (!c && row->n_claims >= LEASES_CLAIMS_MAX)
		return gv_fail(t, GV_RESOURCE_EXHAUSTED, "%d orders claim %s already", LEASES_CLAIMS_MAX, r->device);
	if (!c) {
		c = gv_alloc(t, sizeof *c);
		update__claim__init(c);
		*GV_APPEND(t, row->claims, row->n_claims) = c;
	}
	c->order = r->order;
	c->connector = r->connector;
	c->token = r->token;
	c->until_ms = r->until_ms;
	reply.claimed = true;
	return gv_reply(t, ticket, &reply);
}
GV_ON_CALL(claim, void, Update__ClaimRequest)

static int unclaim(void *self, struct gv_turn *t, struct gv_ticket ticket, const Update__UnclaimRequest *r)
{
	Update__UnclaimReply reply = UPDATE__UNCLAIM_REPLY__INIT;
	const Update__LeaseRow *known = row_of(t, r->device);

	if (known && claim_of(known, r->order)) {
		Update__LeaseRow *row = gv_edit(t, &leases_table, gv_key(r->device));

		drop_claim(row, claim_of(row, r->order));
	}
	return gv_reply(t, ticket, &reply);
}
GV_ON_CALL(unclaim, void, Update__UnclaimRequest)

/* ---- leases ---------------------------------------------------------------------------------- */

/* What is in the way for whoever holds, or asks for, the lease `id`. */
static Update__Hindrance look(void *self, struct gv_turn *t, const char *device, const char *id, int64_t until_ms,
			      const char **ret_detail, int64_t *ret_free_ms)
{
	const Update__Lease *lease = lease_of(t, device);
	const Update__Claim *c = last_claim(row_of(t, device), gv_now_ms(t));

	*ret_detail = "";
	*ret_free_ms = 0;
	if (lease && strcmp(lease->id, id) != 0) {
		*ret_detail = gv_str(t, "it is leased already: %s", lease->why);
		*ret_free_ms = lease->until_ms;
		return UPDATE__HINDRANCE__HINDRANCE_LEASED;
	}
	if (c) {
		*ret_detail = gv_str(t, "order %s is being paid, or is paid and has not begun", c->order);
		*ret_free_ms = c->until_ms;
		return UPDATE__HINDRANCE__HINDRANCE_PAID;
	}
	return leases_device.hindrance(self, t, device, until_ms, ret_detail, ret_free_ms);
}

static int grant(void *self, struct gv_turn *t, const Update__LeaseRequest *r)
{
	Update__LeaseRow *row = gv_edit(t, &leases_table, gv_key(r->device));
	bool renewed = row->lease && !strcmp(row->lease->id, r->id);

	if (renewed && row->lease->until_ms == r->until_ms)
		return 0;
	if (!renewed) {
		row->lease = gv_alloc(t, sizeof *row->lease);
		update__lease__init(row->lease);
		row->lease->id = r->id;
		row->lease->since_ms = gv_now_ms(t);
	}
	row->lease->why = r->why;
	row->lease->until_ms = r->until_ms;
	gv_timer(t, gv_str(t, LEASES_TIMER "%s", r->device), r->until_ms, NULL);
	gv_log(t, GV_INFO, "leased for an update: %s device=%s id=%s until=%s", r->why, r->device, r->id,
	       until(t, r->until_ms));
	tell(t, r->device, row->lease, "", "");
	return leases_device.changed && !renewed ? leases_device.changed(self, t, r->device, true) : 0;
}

static int lease(void *self, struct gv_turn *t, struct gv_ticket ticket, const Update__LeaseRequest *r)
{
	const Update__Lease *held = lease_of(t, r->device);
	Update__LeaseReply reply = UPDATE__LEASE_REPLY__INIT;
	const char *detail = "";

	if (!is_time(t, r->until_ms, LEASES_LEASE_MS))
		return refuse_time(t, ticket, LEASES_LEASE_MS);
	if (!held || strcmp(held->id, r->id) != 0)
		reply.hindrance = look(self, t, r->device, r->id, r->until_ms, &detail, &reply.until_ms);
	reply.detail = (char *)detail;
	reply.granted = !reply.hindrance;
	if (reply.granted)
		grant(self, t, r);
	return gv_reply(t, ticket, &reply);
}
GV_ON_CALL(lease, void, Update__LeaseRequest)

static int end_lease(void *self, struct gv_turn *t, struct gv_ticket ticket, const Update__EndLeaseRequest *r)
{
	Update__EndLeaseReply reply = UPDATE__END_LEASE_REPLY__INIT;
	const Update__LeaseRow *row = row_of(t, r->device);

	if (row && row->lease && !strcmp(row->lease->id, r->id))
		end(self, t, r->device, "ended");
	return gv_reply(t, ticket, &reply);
}
GV_ON_CALL(end_lease, void, Update__EndLeaseRequest)

static int get_update_state(void *self, struct gv_turn *t, struct gv_ticket ticket,
			    const Update__GetUpdateStateRequest *r)
{
	Update__GetUpdateStateReply reply = UPDATE__GET_UPDATE_STATE_REPLY__INIT;
	const Update__LeaseRow *row = row_of(t, r->device);
	const char *detail;
	int64_t free_ms, now = gv_now_ms(t);

	reply.hindrance = look(self, t, r->device, "", now + 60000, &detail, &free_ms);
	reply.detail = (char *)detail;
	for (size_t i = 0; row && i < row->n_claims; i++)
		if (row->claims[i]->until_ms > now)
			*GV_APPEND(t, reply.claims, reply.n_claims) = row->claims[i];
	if (row) {
		reply.identity = row->identity;
		reply.lease = stands(row, now) ? row->lease : NULL;
		reply.progress = row->progress;
	}
	return gv_reply(t, ticket, &reply);
}
GV_ON_CALL(get_update_state, void, Update__GetUpdateStateRequest)

/* ---- who the device is ----------------------------------------------------------------------- */

static bool same_ways(const Update__Identity *a, const Update__Identity *b)
{
	for (size_t i = 0; a->n_ways == b->n_ways && i < a->n_ways; i++)
		if (strcmp(a->ways[i], b->ways[i]) != 0)
			return false;
	return a->n_ways == b->n_ways;
}

static bool same(const Update__Identity *a, const Update__Identity *b)
{
	return !strcmp(a->vendor, b->vendor) && !strcmp(a->model, b->model) && !strcmp(a->hardware, b->hardware) &&
	       !strcmp(a->version, b->version) && !strcmp(a->serial, b->serial) && same_ways(a, b);
}

static int tell_identity(struct gv_turn *t, const char *device, const Update__Identity *identity)
{
	Update__DeviceIdentified event = UPDATE__DEVICE_IDENTIFIED__INIT;

	event.device = (char *)device;
	event.identity = (Update__Identity *)identity;
	return gv_emit(t, &event);
}

int lease_identified(struct gv_turn *t, const char *device, const Update__Identity *said, bool booted)
{
	const Update__LeaseRow *known = row_of(t, device);
	Update__LeaseRow *row;

	if (!booted && known && known->identity && same(known->identity, said))
		return 0;
	row = gv_edit(t, &leases_table, gv_key(device));
	row->identity = (Update__Identity *)said;
	return tell_identity(t, device, said);
}

/* ---- snapshots ------------------------------------------------------------------------------- */

int lease_snapshot(void *self, struct gv_turn *t)
{
	struct gv_scan scan = { .table = &leases_table };

	while (gv_next(t, &scan)) {
		const Update__LeaseRow *row = scan.row;

		if (stands(row, gv_now_ms(t)))
			tell(t, scan.key.part[0].s, row->lease, "", "");
	}
	return 0;
}

int lease_snapshot_identities(void *self, struct gv_turn *t)
{
	struct gv_scan scan = { .table = &leases_table };

	while (gv_next(t, &scan)) {
		const Update__LeaseRow *row = scan.row;

		if (row->identity)
			tell_identity(t, scan.key.part[0].s, row->identity);
	}
	return 0;
}

const struct gv_method leases_methods[] = {
	{ "Claim", claim_call },
	{ "Unclaim", unclaim_call },
	{ "Lease", lease_call },
	{ "EndLease", end_lease_call },
	{ "GetUpdateState", get_update_state_call },
	{ "Install", order_install },
	{ "CancelInstall", order_cancel },
	{ 0 },
};
