/* Who is connected. A station's lasting facts are a row; this is the little that only matters while its connection
 * lives. */
#include "registration.h"
#include "soap_station.h"

#include <plugins/ocpp/edge/edge.h>
#include <plugins/ocpp/lists/lists.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static unsigned bucket(const char *device)
{
	uint32_t hash = 2166136261u;

	for (; *device; device++)
		hash = (hash ^ (unsigned char)*device) * 16777619u;
	return hash % OCPP_STATIONS_BUCKETS;
}

struct station *station_find(struct ocpp *o, const char *device)
{
	struct station *st = o->stations[bucket(device)];

	while (st && strcmp(st->device, device) != 0)
		st = st->next;
	return st;
}

const struct edge *station_edge(struct ocpp *o, struct gv_turn *t, const char *device)
{
	const struct station *st = station_find(o, device);
	const Ocpp__StationRow *row = st ? NULL : gv_get(t, &ocpp_stations, gv_key(device));
	const struct edge *edge = st ? st->edge : row ? edge_find(row->subprotocol) : NULL;

	return edge ? edge : edge_assumed;
}

/* What is not the default is written, once. */
static void remember_version(struct gv_turn *t, const struct station *st)
{
	const Ocpp__StationRow *row = gv_get(t, &ocpp_stations, gv_key(st->device));
	const char *spoken = st->edge == edge_assumed ? "" : st->edge->spec->subprotocol;

	if (strcmp(row ? row->subprotocol : "", spoken) != 0)
		((Ocpp__StationRow *)gv_edit(t, &ocpp_stations, gv_key(st->device)))->subprotocol = (char *)spoken;
}

int station_open(struct ocpp *o, struct gv_turn *t, const struct gv_conn *conn, struct station **ret)
{
	struct station *st = station_find(o, conn->device);
	const Ocpp__StationRow *row = gv_get(t, &ocpp_stations, gv_key(conn->device));
	const Ocpp__UsageRow *usage;

	if (!st) {
		size_t size = strlen(conn->device) + 1;
		unsigned at = bucket(conn->device);

		st = calloc(1, sizeof *st + size);
		if (!st)
			return -ENOMEM;
		memcpy(st->device, conn->device, size);
		if (row) {
			st->quirks = row->quirks;
			st->zone = when_zone(o, t, row->time_zone);
		}
		usage = gv_get(t, &ocpp_usage, gv_key(conn->device));
		st->first = usage ? usage->first : 0;
		st->next = o->stations[at];
		o->stations[at] = st;
	}
	st->conn = conn->id;
	st->edge = edge_find(conn->subprotocol);
	if (!st->edge)
		st->edge = edge_assumed; /* an older store's connection, or a listener without subprotocols */
	station_profile(o, st, row ? row->station : NULL);
	st->opened_ms = gv_now_ms(t);
	registration_opened(t, st);
	remember_version(t, st);
	*ret = st;
	return 0;
}

void station_profile(struct ocpp *o, struct station *st, const Ocpp__Station *said)
{
	struct profile_subject subject = { st->device, "", "", "", st->edge->name };

	if (said) {
		subject.vendor = said->vendor;
		subject.model = said->model;
		subject.firmware = said->firmware;
	}
	profile_resolve(o->rules, o->n_rules, &subject, &st->profile);
}

void station_close(struct ocpp *o, struct station *st)
{
	struct station **at = &o->stations[bucket(st->device)];

	while (*at != st)
		at = &(*at)->next;
	*at = st->next;
	gv_buf_fini(&st->pack.said);
	free(st);
}

void station_close_all(struct ocpp *o)
{
	for (unsigned i = 0; i < OCPP_STATIONS_BUCKETS; i++)
		while (o->stations[i])
			station_close(o, o->stations[i]);
}

void station_quirks(struct ocpp *o, struct gv_turn *t, struct station *st, uint64_t quirks)
{
	uint64_t new = quirks & ~st->quirks & ~st->profile.tolerated;
	Ocpp__StationRow *row;

	for (uint64_t left = quirks; left; left &= left - 1)
		gv_count(t, quirk_info[__builtin_ctzll(left)].counter, 1);
	if (!new)
		return;
	st->quirks |= new;
	row = gv_edit(t, &ocpp_stations, gv_key(st->device));
	row->quirks |= new;
	for (unsigned i = 0; i < QUIRKS; i++)
		if (new &QUIRK_BIT(i))
			gv_log(t, GV_WARN, "charger breaks the specification device=%s quirk=%s served=%s", st->device,
			       quirk_name(i), st->profile.refused & QUIRK_BIT(i) ? "no" : "yes");
}

int station_set_place(struct ocpp *o, struct gv_turn *t, const char *device, const char *site, const char *zone)
{
	const Ocpp__StationRow *row = gv_get(t, &ocpp_stations, gv_key(device));
	struct station *st = station_find(o, device);

	if (strcmp(row ? row->time_zone : "", zone) != 0 || strcmp(row ? row->site : "", site) != 0) {
		Ocpp__StationRow *edit = gv_edit(t, &ocpp_stations, gv_key(device));

		edit->time_zone = gv_strdup(t, zone);
		edit->site = gv_strdup(t, site);
	}
	if (st)
		st->zone = when_zone(o, t, zone);
	return 0;
}

Ocpp__Station *station_describe(struct ocpp *o, struct gv_turn *t, const char *device, const Ocpp__StationRow *row)
{
	Ocpp__Station *s = gv_alloc(t, sizeof *s);
	const struct station *st = station_find(o, device);
	uint64_t quirks = (row ? row->quirks : 0) | (st ? st->quirks : 0);

	if (row && row->station)
		*s = *row->station;
	else
		ocpp__station__init(s);
	s->device = gv_strdup(t, device);
	if (row) {
		const struct edge *edge = edge_find(row->subprotocol);

		s->time_zone = row->time_zone;
		s->version = (char *)(edge ? edge->name : "");
	}
	s->local_list = sync_describe(o, t, device);
	if (st) {
		s->version = (char *)st->edge->name;
		s->online = true;
		s->registration = (char *)registration_status(st);
		s->connected_at_ms = st->opened_ms;
		s->last_message_at_ms = st->last_ms;
		if (st->conn == STATION_SOAP)
			s->callback = gv_strdup(t, soap_callback(t, device));
	}
	for (unsigned i = 0; i < QUIRKS; i++)
		if (quirks & (1ull << i))
			*GV_APPEND(t, s->quirks, s->n_quirks) = (char *)quirk_name(i);
	return s;
}
