/* What came of a question to a charger about its list. */
#include "sync.h"

#include <inttypes.h>
#include <string.h>

#define RETRY_MS 30000 /* after the first failure; doubled with each */
#define RETRY_MAX_MS (60 * 60 * 1000)

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
	sync_tell(t, row, "NotSupported");
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
		sync_tell(t, row, "Failed");
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

/* A charger that refuses a piece may take less than it says, or than the config takes for granted: fewer entries at
 * once, where it is the first; fewer at all, where it has taken some. So it is believed for a day. */
static void learn(Ocpp__DeviceList *row)
{
	uint32_t n = row->sending ? row->sending->entries - row->place->entries : 0;

	if (!row->place->filling)
		return;
	if (!row->place->filled[0] && n > 1)
		row->chunk_max = n / 2;
	else if (row->place->filled[0] && row->refused_at == row->place->entries)
		row->entries_max = row->place->entries;
	if (row->place->filled[0])
		row->refused_at = row->place->entries;
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
	learn(row);
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
		     out->kind == OUTCOME_ANSWERED
			     ? gv_str(t, "the charger answered its list with %.50s", status)
			     : gv_str(t, "the charger refused its list: %.60s %.200s", out->code, out->description));
		sync_tell(t, row, status[0] ? status : "Failed");
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
	sync_refuse(t, row, out->kind == OUTCOME_TIMEOUT ? GV_DEADLINE_EXCEEDED : GV_UNAVAILABLE,
		    gv_str(t, "%s: %s: try again when it is back", device, why));
}

int sync_conclude(struct ocpp *o, struct gv_turn *t, const char *device, const Ocpp__Command *command,
		  const struct outcome *out)
{
	enum question what = command->about % QUESTIONS;
	struct station *st = station_find(o, device);
	Ocpp__DeviceList *row = sync_edit(t, device);
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
