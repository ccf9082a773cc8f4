/* The talk with one charger until its list is right: what it takes, which version it has, then all of the list or what
 * has changed. One step at a time, each a command from inside; what the charger is known to hold is a row, so that a
 * crash anywhere costs a question and no more. */
#include "lists.h"

#include <plugins/ocpp/edge/edge.h>

#include <inttypes.h>
#include <string.h>

#define LIMITS_MS (24 * 60 * 60 * 1000) /* how long what a charger said of itself is believed */
#define CONFLICT_MS (10 * 60 * 1000)    /* between full lists that answer a conflict */
#define RETRY_MS 30000                  /* after the first failure; doubled with each */
#define RETRY_MAX_MS (60 * 60 * 1000)
#define LOOKS_MAX 4 /* of LISTS_LOOK_MAX rows, in one visit */
#define AGAIN_MS 1

const struct gv_table ocpp_device_lists = { .name = "device_lists",
					    .key = "s",
					    .value = &ocpp__device_list__descriptor };

/* What was asked, in a command's `about`; of a cache's clearing the change stands above it. */
enum question { ASK_LIMITS, ASK_VERSION, ASK_TAKE, ASK_CLEAR, QUESTIONS };

static Ocpp__ListPlace *new_place(struct gv_turn *t)
{
	Ocpp__ListPlace *place = gv_alloc(t, sizeof *place);

	ocpp__list_place__init(place);
	return place;
}

static Ocpp__DeviceList *edit(struct gv_turn *t, const char *device)
{
	Ocpp__DeviceList *row = gv_edit(t, &ocpp_device_lists, gv_key(device));

	if (!row->place)
		row->place = new_place(t);
	return row;
}

/* ---- whoever waits --------------------------------------------------------------------------- */

static void tell_waiters(struct gv_turn *t, Ocpp__DeviceList *row, const char *status)
{
	Charging__SyncLocalListReply reply = CHARGING__SYNC_LOCAL_LIST_REPLY__INIT;

	reply.status = (char *)status;
	reply.version = row->version;
	reply.entries = row->place->entries;
	for (size_t i = 0; i < row->n_waiting; i++)
		gv_reply(t, (struct gv_ticket){ row->waiting[i]->call, row->waiting[i]->caller }, &reply);
	row->n_waiting = 0;
}

static void refuse_waiters(struct gv_turn *t, Ocpp__DeviceList *row, enum gv_code code, const char *why)
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
	row->sending = new_place(t);
	*row->sending = *place;
	st->edge->lists->send(t, m, &c);
	gv_count(t, m->full ? "lists_full" : "lists_difference", 1);
	return ask(o, t, st, ASK_TAKE, 0, &c);
}

/* A version beyond the last one, another site, or nothing that could be built upon. */
static bool must_refill(const Ocpp__DeviceList *row, const char *site)
{
	return row->full_due || !row->version || row->version == INT32_MAX || strcmp(row->site, site) != 0;
}

static void refill(struct ocpp *o, struct gv_turn *t, Ocpp__DeviceList *row, const char *site)
{
	row->place = new_place(t);
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
				  .chunk_max = least(row->chunk_max, o->lists->chunk, LISTS_CHUNK_MAX),
				  .entries_max = least(row->entries_max, o->lists->entries, LISTS_ENTRIES_MAX) };
	struct list_message m;

	if (must_refill(row, site))
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
		tell_waiters(t, row,
			     row->support == OCPP__DEVICE_LIST__SUPPORT__NOT_SUPPORTED ? "NotSupported"
										       : "SwitchedOff");
	} else if (on || row->n_waiting) {
		if (must_check(o, t, st, row))
			return ask_version(o, t, st);
		if (go_on(o, t, st, row, site))
			return 0;
		row->failures = 0;
		row->problem = (char *)"";
		tell_waiters(t, row, "Accepted");
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
	if (under_way(t, st->device))
		return 0;
	return next(o, t, st, edit(t, st->device), on, site);
}

/* ---- what came of it ------------------------------------------------------------------------- */

static void fail(struct gv_turn *t, const char *device, Ocpp__DeviceList *row, const char *problem)
{
	int64_t wait = RETRY_MS;

	for (unsigned i = 0; i < row->failures && wait < RETRY_MAX_MS; i++)
		wait *= 2;
	row->failures++;
	row->problem = gv_strdup(t, problem);
	row->retry_ms = gv_now_ms(t) + (wait < RETRY_MAX_MS ? wait : RETRY_MAX_MS);
	gv_count(t, "lists_failed", 1);
	gv_log(t, row->failures == 1 ? GV_WARN : GV_DEBUG,
	       "local list is not in step and is tried again device=%s failures=%u why=\"%s\"", device, row->failures,
	       problem);
}

static void not_supported(struct gv_turn *t, Ocpp__DeviceList *row)
{
	row->support = OCPP__DEVICE_LIST__SUPPORT__NOT_SUPPORTED;
	row->version = row->sending_version = 0;
	tell_waiters(t, row, "NotSupported");
}

static bool says_unsupported(const struct outcome *out)
{
	return out->kind == OUTCOME_ERROR &&
	       (!strcmp(out->code, "NotSupported") || !strcmp(out->code, "NotImplemented"));
}

/* The text of a failure, where the charger gave no usable answer at all. */
static const char *silence(struct gv_turn *t, const Ocpp__Command *row, const struct outcome *out)
{
	if (out->kind == OUTCOME_ERROR)
		return gv_str(t, "the charger answered %s with %.60s: %.200s", row->action, out->code,
			      out->description);
	return out->kind == OUTCOME_TIMEOUT ? gv_str(t, "the charger did not answer %s in time", row->action)
					    : gv_str(t, "the connection was lost during %s", row->action);
}

static void read_limits(struct gv_turn *t, struct station *st, Ocpp__DeviceList *row, const struct outcome *out)
{
	struct list_limits limits = { 0 };

	if (out->kind == OUTCOME_ANSWERED && out->payload && st)
		st->edge->lists->read_limits(out->payload, &limits);
	row->limits_ms = gv_now_ms(t);
	row->chunk_max = limits.chunk_max;
	row->entries_max = limits.entries_max;
	row->no_cache = limits.no_cache;
	row->support = limits.off ? OCPP__DEVICE_LIST__SUPPORT__SWITCHED_OFF
				  : OCPP__DEVICE_LIST__SUPPORT__SUPPORT_UNKNOWN;
}

static void take(struct gv_turn *t, Ocpp__DeviceList *row)
{
	row->place = row->sending ? row->sending : row->place;
	row->version = row->sending_version;
	row->sending = NULL;
	row->sending_version = 0;
	row->updated_ms = gv_now_ms(t);
}

/* Of a message whose fate is not known, the version tells it. */
static void read_version(struct gv_turn *t, struct station *st, const char *device, Ocpp__DeviceList *row,
			 const struct outcome *out)
{
	int64_t version = st && out->payload ? st->edge->lists->read_version(out->payload) : INT64_MIN;

	if (version == -1) {
		not_supported(t, row);
		return;
	}
	if (version < 0 || version > INT32_MAX) {
		fail(t, device, row, "the charger answered without a version of its list");
		tell_waiters(t, row, "Failed");
		return;
	}
	row->support = OCPP__DEVICE_LIST__SUPPORT__SUPPORTED;
	row->checked_ms = gv_now_ms(t);
	if (row->sending_version && version == row->sending_version)
		take(t, row);
	row->sending = NULL;
	row->sending_version = 0;
	if (version == row->version)
		return;
	if (row->version)
		gv_log(t, GV_INFO, "charger has another version of its local list device=%s has=%" PRId64 " sent=%d",
		       device, version, row->version);
	row->version = (int32_t)version;
	row->full_due = true;
}

/* A difference that a charger cannot take is followed by the whole list; a whole list, by patience. */
static void read_taken(struct gv_turn *t, const char *device, Ocpp__DeviceList *row, const struct outcome *out)
{
	const char *status = outcome_status(out);
	bool full = row->place->filling && !row->place->filled[0];

	if (!strcmp(status, "Accepted")) {
		take(t, row);
		return;
	}
	row->sending = NULL;
	row->sending_version = 0;
	if (!strcmp(status, "NotSupported")) {
		not_supported(t, row);
		return;
	}
	if (out->kind == OUTCOME_ANSWERED)
		gv_log(t, GV_INFO, "charger refused its local list device=%s status=%.50s full=%d", device, status,
		       full);
	if (full || row->failures) {
		fail(t, device, row,
		     out->kind == OUTCOME_ANSWERED ? gv_str(t, "the charger answered SendLocalList with %.50s", status)
						   : gv_str(t, "the charger refused SendLocalList: %.60s %.200s",
							    out->code, out->description));
		tell_waiters(t, row, status[0] ? status : "Failed");
	} else {
		row->failures++;
	}
	row->full_due = true;
	row->checked_ms = 0;
}

static void unanswered(struct gv_turn *t, const char *device, Ocpp__DeviceList *row, const Ocpp__Command *command,
		       const struct outcome *out)
{
	const char *why = silence(t, command, out);

	if (out->kind == OUTCOME_UNSENT || (out->kind == OUTCOME_TIMEOUT && !command->conn))
		row->sending_version = 0;
	if (out->kind == OUTCOME_TIMEOUT || out->kind == OUTCOME_ERROR)
		fail(t, device, row, why);
	refuse_waiters(t, row, out->kind == OUTCOME_TIMEOUT ? GV_DEADLINE_EXCEEDED : GV_UNAVAILABLE,
		       gv_str(t, "%s: %s: try again when it is back", device, why));
}

int sync_conclude(struct ocpp *o, struct gv_turn *t, const char *device, const Ocpp__Command *command,
		  const struct outcome *out)
{
	enum question what = command->about % QUESTIONS;
	struct station *st = station_find(o, device);
	Ocpp__DeviceList *row = edit(t, device);
	bool answered = out->kind == OUTCOME_ANSWERED || out->kind == OUTCOME_ERROR;

	if (answered && what == ASK_LIMITS)
		read_limits(t, st, row, out);
	else if (answered && what == ASK_CLEAR)
		row->cache_change = command->about / QUESTIONS;
	else if (says_unsupported(out))
		not_supported(t, row);
	else if (answered && what == ASK_TAKE)
		read_taken(t, device, row, out);
	else if (out->kind == OUTCOME_ANSWERED && what == ASK_VERSION)
		read_version(t, st, device, row, out);
	else
		unanswered(t, device, row, command, out);
	if (!st)
		return 0;
	fleet_busy(o, st, false);
	st->list_due_ms = gv_now_ms(t);
	return fleet_run(o, t);
}

/* ---- others ask ------------------------------------------------------------------------------ */

int sync_local_list(void *self, struct gv_turn *t, struct gv_ticket ticket, const ProtobufCMessage *m)
{
	const Charging__SyncLocalListRequest *r = (const Charging__SyncLocalListRequest *)m;
	struct ocpp *o = self;
	Ocpp__DeviceList *row;
	Ocpp__ListWaiter *waiter;
	struct station *st;

	if (!r->device[0])
		return gv_refuse(t, ticket, GV_INVALID_ARGUMENT, "device must be given");
	if (command_impossible(o, t, ticket, r->device))
		return 0;
	st = station_find(o, r->device);
	if (!st->edge->lists)
		return gv_refuse(t, ticket, GV_UNIMPLEMENTED, "%s speaks %s, which has no local list", r->device,
				 st->edge->name);
	row = edit(t, r->device);
	if (row->n_waiting >= LISTS_WAITERS_MAX)
		return gv_refuse(t, ticket, GV_RESOURCE_EXHAUSTED, "%d callers wait for the list of %s already",
				 LISTS_WAITERS_MAX, r->device);
	waiter = gv_alloc(t, sizeof *waiter);
	ocpp__list_waiter__init(waiter);
	waiter->call = ticket.call;
	waiter->caller = ticket.caller;
	*GV_APPEND(t, row->waiting, row->n_waiting) = waiter;
	row->checked_ms = row->limits_ms = row->retry_ms = 0;
	row->full_due |= r->full;
	return sync_next(o, t, st);
}

int sync_conflict(struct ocpp *o, struct gv_turn *t, struct station *st)
{
	int64_t now = gv_now_ms(t);
	Ocpp__DeviceList *row = edit(t, st->device);

	row->conflicts++;
	gv_count(t, "list_conflicts", 1);
	gv_log(t, GV_WARN, "charger says that its local list and an answer contradict each other device=%s",
	       st->device);
	if (!row->version || (row->conflict_ms && row->conflict_ms + CONFLICT_MS > now))
		return 0;
	row->conflict_ms = now;
	row->full_due = true;
	return fleet_due(o, t, st, now);
}

int sync_closed(struct gv_turn *t, const char *device)
{
	const Ocpp__DeviceList *row = gv_get(t, &ocpp_device_lists, gv_key(device));

	if (row && row->n_waiting)
		refuse_waiters(t, edit(t, device), GV_UNAVAILABLE,
			       gv_str(t,
				      "%s lost its connection before its list was in step: try again when it is back",
				      device));
	return 0;
}

int sync_device(struct ocpp *o, struct gv_turn *t, const Registry__DeviceChanged *e)
{
	const Ocpp__StationRow *row = gv_get(t, &ocpp_stations, gv_key(e->id));
	struct station *st = station_find(o, e->id);
	const char *wanted = "";

	for (size_t i = 0; !e->deleted && e->device && i < e->device->n_attributes; i++)
		if (!strcmp(e->device->attributes[i]->key, "localList"))
			wanted = e->device->attributes[i]->value;
	if (e->deleted)
		gv_delete(t, &ocpp_device_lists, gv_key(e->id));
	if (strcmp(row ? row->local_list : "", wanted) != 0)
		((Ocpp__StationRow *)gv_edit(t, &ocpp_stations, gv_key(e->id)))->local_list = gv_strdup(t, wanted);
	return st && o->lists->change ? fleet_due(o, t, st, gv_now_ms(t) + o->lists->delay_ms) : 0;
}

static const char *state_of(const struct ocpp *o, const Ocpp__DeviceList *row)
{
	if (row->support == OCPP__DEVICE_LIST__SUPPORT__NOT_SUPPORTED)
		return "not supported";
	if (row->support == OCPP__DEVICE_LIST__SUPPORT__SWITCHED_OFF)
		return "switched off";
	if (row->failures)
		return "failed";
	return row->version && !row->full_due && !row->sending_version && !row->place->filling &&
			       row->place->change == o->lists->change
		       ? "in step"
		       : "behind";
}

Ocpp__LocalList *sync_describe(struct ocpp *o, struct gv_turn *t, const char *device)
{
	const Ocpp__DeviceList *row = gv_get(t, &ocpp_device_lists, gv_key(device));
	Ocpp__LocalList *list;

	if (!row || !row->place)
		return NULL;
	list = gv_alloc(t, sizeof *list);
	ocpp__local_list__init(list);
	list->state = (char *)state_of(o, row);
	list->version = row->version;
	list->entries = row->place->entries;
	list->partial = row->place->cutoff[0] != '\0';
	list->problem = row->problem;
	list->updated_at_ms = row->updated_ms;
	list->conflicts = row->conflicts;
	return list;
}
