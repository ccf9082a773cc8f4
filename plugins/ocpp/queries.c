/* Questions that change nothing. Every answer is bounded: in what it holds, and in the rows that are looked at for it.
 */
#include "ocpp.h"

#include <stdlib.h>
#include <string.h>

static uint32_t bound(uint32_t asked, uint32_t or_else, uint32_t max)
{
	return asked == 0 ? or_else : asked < max ? asked : max;
}

/* ---- sessions -------------------------------------------------------------------------------- */

struct listing {
	const struct ocpp *o;
	struct gv_turn *t;
	Charging__ListSessionsReply *reply;
	uint32_t limit;
};

static bool add(struct listing *l, const char *device, const Ocpp__Transaction *x, bool active)
{
	if (l->reply->n_sessions >= l->limit)
		return false;
	if (active)
		x = transaction_now(l->t, device, x);
	*GV_APPEND(l->t, l->reply->sessions, l->reply->n_sessions) = model_session(l->t, device, x, active);
	return true;
}

struct running {
	const char *device;
	uint32_t connector, age;
};

static int newest_first(const void *a, const void *b)
{
	const struct running *x = a, *y = b;

	return x->age > y->age ? 1 : x->age < y->age ? -1 : 0;
}

/* Their rows lie by device, so all are sorted before the limit counts. */
static void list_active(struct listing *l, const char *device)
{
	struct gv_scan scan = { .table = &ocpp_active };
	struct running *found = NULL;
	size_t n = 0;

	if (device[0])
		scan.prefix = gv_key(device);
	while (n < OCPP_SCAN_MAX && gv_next(l->t, &scan)) {
		struct running *r = GV_APPEND(l->t, found, n);

		r->device = gv_strdup(l->t, scan.key.part[0].s);
		r->connector = (uint32_t)scan.key.part[1].u;
		r->age = id_age(l->o, ((const Ocpp__Transaction *)scan.row)->id);
	}
	if (n > 1)
		qsort(found, n, sizeof *found, newest_first);
	for (size_t i = 0; i < n && l->reply->n_sessions < l->limit; i++)
		add(l, found[i].device, gv_get(l->t, &ocpp_active, gv_key(found[i].device, found[i].connector)), true);
}

static void list_ended(struct listing *l, const char *device)
{
	struct ended_walk walk = { .device = device };

	while (ended_next(l->o, l->t, &walk) && add(l, device, walk.row, false))
		;
}

/* Of all devices, newest first. */
static void list_all(struct listing *l, Charging__SessionState state)
{
	struct gv_scan scan = { .table = &ocpp_transactions, .reverse = true };

	for (unsigned looked = 0; looked < OCPP_SCAN_MAX && l->reply->n_sessions < l->limit && gv_next(l->t, &scan);
	     looked++) {
		const Ocpp__TransactionRef *ref = scan.row;
		int32_t id = id_of(scan.key.part[0].u);
		const Ocpp__Transaction *x = gv_get(l->t, &ocpp_active, gv_key(ref->device, ref->connector));
		bool active = x && x->id == id;

		if (!active)
			x = transaction_ended(l->t, ref->device, id);
		if (!x) { /* its connector was not known when it began */
			x = transaction_active(l->t, ref->device, id);
			active = x != NULL;
		}
		if (x && (state == CHARGING__SESSION_STATE__SESSION_STATE_UNSPECIFIED || !active))
			add(l, ref->device, x, active);
	}
}

int list_sessions(void *self, struct gv_turn *t, struct gv_ticket ticket, const ProtobufCMessage *m)
{
	const Charging__ListSessionsRequest *r = (const Charging__ListSessionsRequest *)m;
	Charging__ListSessionsReply reply = CHARGING__LIST_SESSIONS_REPLY__INIT;
	struct listing l = { self, t, &reply, bound(r->limit, 100, OCPP_SESSIONS_MAX) };

	if (r->state == CHARGING__SESSION_STATE__ACTIVE) {
		list_active(&l, r->device);
	} else if (!r->device[0]) {
		list_all(&l, r->state);
	} else {
		if (r->state != CHARGING__SESSION_STATE__ENDED)
			list_active(&l, r->device);
		list_ended(&l, r->device);
	}
	return gv_reply(t, ticket, &reply);
}

int get_session(void *self, struct gv_turn *t, struct gv_ticket ticket, const ProtobufCMessage *m)
{
	const Charging__GetSessionRequest *r = (const Charging__GetSessionRequest *)m;
	Charging__GetSessionReply reply = CHARGING__GET_SESSION_REPLY__INIT;
	const Ocpp__Transaction *x;
	const char *device;
	bool active;

	x = model_find(t, ticket, r->id, &device, &active);
	if (!x)
		return 0;
	reply.session = model_session(t, device, x, active);
	meter_collect(t, x, reply.session);
	return gv_reply(t, ticket, &reply);
}

/* ---- devices --------------------------------------------------------------------------------- */

int list_connectors(void *self, struct gv_turn *t, struct gv_ticket ticket, const ProtobufCMessage *m)
{
	const Charging__ListConnectorsRequest *r = (const Charging__ListConnectorsRequest *)m;
	Charging__ListConnectorsReply reply = CHARGING__LIST_CONNECTORS_REPLY__INIT;
	struct gv_scan scan = { .table = &ocpp_connectors };

	if (r->device[0])
		scan.prefix = gv_key(r->device);
	while (reply.n_connectors < OCPP_SCAN_MAX && gv_next(t, &scan)) {
		const char *device = scan.key.part[0].s;

		*GV_APPEND(t, reply.connectors, reply.n_connectors) = model_connector(
			t, device, (uint32_t)scan.key.part[1].u, scan.row, station_find(self, device) != NULL);
	}
	return gv_reply(t, ticket, &reply);
}

int list_messages(void *self, struct gv_turn *t, struct gv_ticket ticket, const ProtobufCMessage *m)
{
	const Ocpp__ListMessagesRequest *r = (const Ocpp__ListMessagesRequest *)m;
	Ocpp__ListMessagesReply reply = OCPP__LIST_MESSAGES_REPLY__INIT;
	struct message_filter filter = { .device = r->device,
					 .action = r->action,
					 .contains = r->contains,
					 .in = strcmp(r->direction, "out") != 0,
					 .out = strcmp(r->direction, "in") != 0,
					 .from_ms = r->from_ms,
					 .until_ms = r->until_ms,
					 .before = r->before,
					 .limit = bound(r->limit, 100, 1000) };

	message_list(self, t, &filter, &reply);
	return gv_reply(t, ticket, &reply);
}

/* Those that have a row, and those that are connected and never told anything worth one. */
int list_stations(void *self, struct gv_turn *t, struct gv_ticket ticket, const ProtobufCMessage *m)
{
	const Ocpp__ListStationsRequest *r = (const Ocpp__ListStationsRequest *)m;
	uint32_t limit = bound(r->limit, 1000, OCPP_SCAN_MAX);
	Ocpp__ListStationsReply reply = OCPP__LIST_STATIONS_REPLY__INIT;
	struct gv_scan scan = { .table = &ocpp_stations };
	struct ocpp *o = self;

	if (r->device[0])
		scan.prefix = gv_key(r->device);
	while (reply.n_stations < limit && gv_next(t, &scan))
		*GV_APPEND(t, reply.stations, reply.n_stations) = station_describe(o, t, scan.key.part[0].s, scan.row);
	for (unsigned i = 0; i < OCPP_STATIONS_BUCKETS; i++)
		for (const struct station *st = o->stations[i]; st && reply.n_stations < limit; st = st->next)
			if ((!r->device[0] || !strcmp(r->device, st->device)) &&
			    !gv_get(t, &ocpp_stations, gv_key(st->device)))
				*GV_APPEND(t, reply.stations, reply.n_stations) = station_describe(o, t, st->device,
												   NULL);
	return gv_reply(t, ticket, &reply);
}

int list_orphans(void *self, struct gv_turn *t, struct gv_ticket ticket, const ProtobufCMessage *m)
{
	const Ocpp__ListOrphansRequest *r = (const Ocpp__ListOrphansRequest *)m;
	Ocpp__ListOrphansReply reply = OCPP__LIST_ORPHANS_REPLY__INIT;
	uint32_t limit = bound(r->limit, 100, 2 * OCPP_ORPHANS_MAX);
	struct gv_scan scan = { .table = &ocpp_orphans };

	if (r->device[0]) {
		orphans_list(t, r->device, limit, &reply);
		return gv_reply(t, ticket, &reply);
	}
	while (reply.n_orphans < OCPP_SCAN_MAX && gv_next(t, &scan)) {
		const char *device = gv_strdup(t, scan.key.part[0].s);

		orphans_list(t, device, limit, &reply);
		scan = (struct gv_scan){ .table = &ocpp_orphans, .after = gv_key(device, UINT64_MAX) };
	}
	return gv_reply(t, ticket, &reply);
}
