/* The talk with one charger until its list is right: what it takes, which version it has, then all of the list or what
 * has changed. One step at a time, each a command from inside; what the charger is known to hold is a row, so that a
 * crash anywhere costs a question and no more. */
#include "sync.h"

#include <string.h>

#define LIMITS_MS (24 * 60 * 60 * 1000) /* how long what a charger said of itself is believed */
#define PATIENCE_MS 15000               /* with a charger's answer: what people want waits behind it */
#define LOOKS_MAX 4                     /* of LISTS_LOOK_MAX rows, in one visit */
#define AGAIN_MS 1

const struct gv_table ocpp_device_lists = { .name = "device_lists",
					    .key = "s",
					    .value = &ocpp__device_list__descriptor };

Ocpp__ListPlace *sync_place(struct gv_turn *t)
{
	Ocpp__ListPlace *place = gv_alloc(t, sizeof *place);

	ocpp__list_place__init(place);
	return place;
}

Ocpp__DeviceList *sync_edit(struct gv_turn *t, const char *device)
{
	Ocpp__DeviceList *row = gv_edit(t, &ocpp_device_lists, gv_key(device));

	if (!row->place)
		row->place = sync_place(t);
	return row;
}

/* ---- whoever waits --------------------------------------------------------------------------- */

void sync_tell(struct gv_turn *t, Ocpp__DeviceList *row, const char *status)
{
	Charging__SyncLocalListReply reply = CHARGING__SYNC_LOCAL_LIST_REPLY__INIT;

	reply.status = (char *)status;
	reply.version = row->version;
	reply.entries = row->place->entries;
	for (size_t i = 0; i < row->n_waiting; i++)
		gv_reply(t, (struct gv_ticket){ row->waiting[i]->call, row->waiting[i]->caller }, &reply);
	row->n_waiting = 0;
}

void sync_refuse(struct gv_turn *t, Ocpp__DeviceList *row, enum gv_code code, const char *why)
{
	for (size_t i = 0; i < row->n_waiting; i++)
		gv_refuse(t, (struct gv_ticket){ row->waiting[i]->call, row->waiting[i]->caller }, code, "%s", why);
	row->n_waiting = 0;
}

/* ---- what is to be done ---------------------------------------------------------------------- */

static const char *site_of(struct gv_turn *t, const char *device, bool *ret_on)
{
	const Ocpp__StationRow *row = gv_get(t, &ocpp_stations, gv_key(device));

	if (row && row->local_list[0])
		*ret_on = !strcmp(row->local_list, "auto");
	return row ? row->site : "";
}

static bool under_way(struct gv_turn *t, const char *device)
{
	struct gv_scan scan = { .table = &ocpp_commands, .prefix = gv_key(device) };

	while (gv_next(t, &scan))
		if (((const Ocpp__Command *)scan.row)->kind == OCPP__COMMAND__KIND__LIST)
			return true;
	return false;
}

static int ask(struct ocpp *o, struct gv_turn *t, struct station *st, enum question what, uint64_t change,
	       struct command *c)
{
	c->kind = OCPP__COMMAND__KIND__LIST;
	c->about = change * QUESTIONS + what;
	c->timeout_ms = o->call_timeout_ms < PATIENCE_MS ? o->call_timeout_ms : PATIENCE_MS;
	fleet_busy(o, st, true);
	return command_send(o, t, (struct gv_ticket){ 0 }, st->device, c);
}

static uint32_t least(uint32_t said, uint32_t or_else, uint32_t max)
{
	uint32_t n = said ? said : or_else;

	return n < max ? n : max;
}

static int say(struct ocpp *o, struct gv_turn *t, struct station *st, Ocpp__DeviceList *row,
	       const Ocpp__ListPlace *place, struct list_message *m)
{
	struct command c = { 0 };

	m->version = row->version + 1;
	row->sending_version = m->version;
	row->sending = sync_place(t);
	*row->sending = *place;
	st->edge->lists->send(t, m, &c);
	gv_count(t, m->full ? "lists_full" : "lists_difference", 1);
	return ask(o, t, st, ASK_TAKE, 0, &c);
}

/* A version beyond the last one, another site, nothing that could be built upon, or more room than there was. */
static bool must_refill(const Ocpp__DeviceList *row, const struct list_room *room)
{
	return row->full_due || !row->version || row->version == INT32_MAX || strcmp(row->site, room->site) != 0 ||
	       (row->place->cutoff[0] && row->place->entries < room->entries_max);
}

static void refill(struct ocpp *o, struct gv_turn *t, Ocpp__DeviceList *row, const char *site)
{
	row->place = sync_place(t);
	difference_begin(o, row->place);
	row->full_due = false;
	row->site = gv_strdup(t, site);
	if (row->version == INT32_MAX)
		row->version = 0;
}

/* True where the charger was sent something, or is to be looked at again at once. */
static bool go_on(struct ocpp *o, struct gv_turn *t, struct station *st, Ocpp__DeviceList *row, const char *site)
{
	struct list_room room = { .site = site,
				  .id_max = st->edge->lists->id_max,
				  .types = st->edge->lists->types,
				  .chunk_max = least(row->chunk_max, o->lists->chunk, LISTS_CHUNK_MAX),
				  .entries_max = least(row->entries_max, o->lists->entries, LISTS_ENTRIES_MAX) };
	struct list_message m;

	if (must_refill(row, &room))
		refill(o, t, row, site);
	for (unsigned i = 0; i < LOOKS_MAX; i++) {
		Ocpp__ListPlace place = *row->place;
		enum list_step step = difference_next(o, t, &room, &place, &m);

		if (step == LIST_REFILL) {
			refill(o, t, row, site);
			continue;
		}
		if (step == LIST_SAY) {
			say(o, t, st, row, &place, &m);
			return true;
		}
		*row->place = place;
		if (step == LIST_IN_STEP)
			return false;
	}
	fleet_due(o, t, st, gv_now_ms(t) + AGAIN_MS);
	return true;
}

/* ---- the cache ------------------------------------------------------------------------------- */

/* Whether a token was blocked since that the charger may have in its cache. */
static bool blocked_since(struct gv_turn *t, const char *site, uint64_t change)
{
	struct gv_scan scan = { .table = &ocpp_list_changes, .after = gv_key(change) };

	for (unsigned looked = 0; gv_next(t, &scan); looked++) {
		const Ocpp__ListedToken *row = gv_get(t, &ocpp_listed,
						      gv_key(((const Ocpp__ListChange *)scan.row)->token));

		if (looked == LISTS_LOOK_MAX || (row && row->blocked > change && listed_earlier(row, site)))
			return true;
	}
	return false;
}

/* A charger with a list is told in its list, which counts more than its cache. */
static int clear_cache(struct ocpp *o, struct gv_turn *t, struct station *st, Ocpp__DeviceList *row, const char *site)
{
	struct command c = { 0 };
	uint64_t since = row->cache_change;

	if (!o->lists->clear_cache || row->no_cache || row->version || !st->edge->orders->clear_cache)
		return 0;
	if (since && blocked_since(t, site, since)) {
		st->edge->orders->clear_cache(t, &c);
		return ask(o, t, st, ASK_CLEAR, o->lists->change, &c);
	}
	row->cache_change = o->lists->change;
	return 0;
}

/* ---- the next step --------------------------------------------------------------------------- */

static int ask_limits(struct ocpp *o, struct gv_turn *t, struct station *st, Ocpp__DeviceList *row)
{
	struct command c = { 0 };

	st->edge->lists->limits(t, &c);
	return ask(o, t, st, ASK_LIMITS, 0, &c);
}

static int ask_version(struct ocpp *o, struct gv_turn *t, struct station *st)
{
	struct command c = { 0 };

	st->list_check = false;
	st->edge->lists->version(t, &c);
	return ask(o, t, st, ASK_VERSION, 0, &c);
}

static bool must_check(const struct ocpp *o, struct gv_turn *t, const struct station *st, const Ocpp__DeviceList *row)
{
	return !row->checked_ms || row->sending_version ||
	       (st->list_check && row->checked_ms + o->lists->check_ms <= gv_now_ms(t));
}

static int next(struct ocpp *o, struct gv_turn *t, struct station *st, Ocpp__DeviceList *row, bool on, const char *site)
{
	if (!row->limits_ms || row->limits_ms + LIMITS_MS <= gv_now_ms(t))
		return ask_limits(o, t, st, row);
	if (row->support == OCPP__DEVICE_LIST__SUPPORT__NOT_SUPPORTED ||
	    row->support == OCPP__DEVICE_LIST__SUPPORT__SWITCHED_OFF) {
		sync_tell(t, row,
			  row->support == OCPP__DEVICE_LIST__SUPPORT__NOT_SUPPORTED ? "NotSupported" : "SwitchedOff");
	} else if (on || row->n_waiting) {
		if (must_check(o, t, st, row))
			return ask_version(o, t, st);
		if (go_on(o, t, st, row, site))
			return 0;
		row->failures = row->refused_at = 0;
		row->problem = (char *)"";
		sync_tell(t, row, "Accepted");
	}
	return clear_cache(o, t, st, row, site);
}

int sync_next(struct ocpp *o, struct gv_turn *t, struct station *st)
{
	const Ocpp__DeviceList *known = gv_get(t, &ocpp_device_lists, gv_key(st->device));
	bool on = o->lists->on, waited_for = known && known->n_waiting;
	const char *site = site_of(t, st->device, &on);

	if (!st->edge->lists || (!waited_for && (!o->lists->change || !(on || o->lists->clear_cache))))
		return 0;
	if (!waited_for && known && known->retry_ms > gv_now_ms(t))
		return fleet_due(o, t, st, known->retry_ms);
	if (under_way(t, st->device) || (!waited_for && profile_asks_nothing(t, st)))
		return 0;
	return next(o, t, st, sync_edit(t, st->device), on, site);
}
