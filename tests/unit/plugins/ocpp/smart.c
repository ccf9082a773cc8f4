/* The charger of smart.h. It reads JSON on its own, as a foreign charger would. */
#include "smart.h"

#include <lib/iso8601.h>
#include <stdlib.h>
#include <string.h>

struct smart smart;

static const char *const purposes[][3] = { { "ChargePointMaxProfile", "TxDefaultProfile", "TxProfile" },
					   { "ChargingStationMaxProfile", "TxDefaultProfile", "TxProfile" } };

/* One of two words: 1.6's or 2.0.1's. */
static const char *word(const char *v16, const char *v201)
{
	return smart.v201 ? v201 : v16;
}

/* ---- its profiles ---------------------------------------------------------------------------- */

static void forget(size_t i)
{
	for (; i + 1 < smart.b.n; i++) {
		struct made *to = &smart.b.made[i], *from = &smart.b.made[i + 1];

		*to = *from;
		to->schedules[0] = &to->schedule;
		to->profile.schedules = to->schedules;
		to->schedule.periods = to->periods;
		for (size_t k = 0; k < to->schedule.n_periods; k++)
			to->periods[k] = &to->period[k];
		smart.b.list[i].connector = smart.b.list[i + 1].connector;
		smart.b.list[i].profile = &to->profile;
	}
	memset(&smart.b.made[--smart.b.n], 0, sizeof smart.b.made[0]);
}

static Ocpp__Profile__Purpose purpose_of(const cJSON *profile)
{
	for (unsigned i = 0; i < 3; i++)
		if (!strcmp(text(profile, "chargingProfilePurpose"), purposes[smart.v201][i]))
			return (Ocpp__Profile__Purpose)i;
	cr_assert_fail("no such purpose");
	return 0;
}

static int64_t time_of(const cJSON *object, const char *name)
{
	const char *s = cJSON_GetStringValue(get(object, name));
	int64_t ms = 0;

	if (s)
		cr_assert_eq(gv_time_parse(s, strlen(s), NULL, &ms, NULL), 0, "%s", s);
	return ms;
}

static double real(const cJSON *object, const char *name, double or_else)
{
	const cJSON *item = get(object, name);

	return item ? item->valuedouble : or_else;
}

static const cJSON *profile_in(const cJSON *payload)
{
	const cJSON *item = get(payload, word("csChargingProfiles", "chargingProfile"));

	cr_assert_not_null(item);
	return item;
}

static const cJSON *schedule_in(const cJSON *profile_json)
{
	const cJSON *item = get(profile_json, "chargingSchedule");

	return smart.v201 ? cJSON_GetArrayItem(item, 0) : item;
}

/* 2.0.1, K01.FR.06: another one of the same EVSE, purpose and level. */
static bool in_the_way(const cJSON *payload)
{
	const cJSON *profile_json = profile_in(payload);

	for (size_t i = 0; i < smart.b.n; i++)
		if (smart.b.list[i].connector == (uint32_t)real(payload, "evseId", 0) &&
		    smart.b.list[i].profile->purpose == purpose_of(profile_json) &&
		    smart.b.list[i].profile->stack_level == (int)real(profile_json, "stackLevel", 0) &&
		    smart.b.list[i].profile->id != (int64_t)real(profile_json, "id", 0))
			return true;
	return false;
}

static void keep_profile(const cJSON *payload)
{
	const cJSON *profile_json = profile_in(payload), *schedule = schedule_in(profile_json), *item;
	uint32_t connector = (uint32_t)real(payload, word("connectorId", "evseId"), 0);
	Ocpp__Profile__Purpose purpose = purpose_of(profile_json);
	int64_t id = (int64_t)real(profile_json, word("chargingProfileId", "id"), 0);
	int level = (int)real(profile_json, "stackLevel", 0);
	struct made *m;

	for (size_t i = 0; i < smart.b.n;)
		if (smart.b.list[i].profile->id == id ||
		    (smart.b.list[i].connector == connector && smart.b.list[i].profile->purpose == purpose &&
		     smart.b.list[i].profile->stack_level == level))
			forget(i);
		else
			i++;
	cr_assert_lt(smart.b.n, PROFILES_MAX, "profiles pile up");
	m = profile(&smart.b, connector, purpose, level, time_of(schedule, "startSchedule"));
	m->profile.id = id;
	m->profile.set_at_ms = host_now_ms(h);
	m->profile.valid_from_ms = time_of(profile_json, "validFrom");
	m->profile.valid_to_ms = time_of(profile_json, "validTo");
	m->profile.kind = !strcmp(text(profile_json, "chargingProfileKind"), "Relative") ? OCPP__PROFILE__KIND__RELATIVE
			  : get(profile_json, "recurrencyKind") ? OCPP__PROFILE__KIND__RECURRING
								: OCPP__PROFILE__KIND__ABSOLUTE;
	m->profile.recurrency = !strcmp(text(profile_json, "recurrencyKind"), "Weekly")
					? OCPP__PROFILE__RECURRENCY__WEEKLY
					: OCPP__PROFILE__RECURRENCY__DAILY;
	m->schedule.power = !strcmp(text(schedule, "chargingRateUnit"), "W");
	if (get(schedule, "duration"))
		lasting(m, (uint32_t)real(schedule, "duration", 0));
	cJSON_ArrayForEach(item, get(schedule, "chargingSchedulePeriod"))
		period(m, (uint32_t)real(item, "startPeriod", 0), (int64_t)(real(item, "limit", 0) * 10 + 0.5),
		       (uint32_t)real(item, "numberPhases", 0));
}

static void connect_ask(unsigned connector, int64_t now)
{
	asking(&smart.b, now, 0);
	smart.b.connectors[0].id = connector;
	smart.b.ask.station = !connector;
	smart.b.ask.n_connectors = 1;
}

int64_t smart_now(unsigned connector)
{
	connect_ask(connector, host_now_ms(h));
	return reference_at(&smart.b.ask, 0).limit_tenths;
}

size_t smart_profiles(void)
{
	return smart.b.n;
}

void smart_forget_transaction(void)
{
	for (size_t i = 0; i < smart.b.n;)
		if (smart.b.list[i].profile->purpose == TX)
			forget(i);
		else
			i++;
	smart.b.connectors[0].transaction = NULL;
}

/* ---- its answers ----------------------------------------------------------------------------- */

static const char *set_profile(const cJSON *payload)
{
	const cJSON *profile_json = profile_in(payload);
	char *printed = cJSON_PrintUnformatted(payload);
	const char *purpose = text(profile_json, "chargingProfilePurpose");

	snprintf(smart.last, sizeof smart.last, "%s", printed);
	free(printed);
	if (smart.refuses && strstr(smart.refuses, purpose))
		return smart.how;
	if (smart.level_zero_only && real(profile_json, "stackLevel", 0) > 0)
		return "Rejected";
	if (!strcmp(purpose, "TxProfile") && !smart.b.connectors[0].transaction)
		return "Rejected";
	if (smart.v201 && in_the_way(payload))
		return "Rejected";
	if (smart.v201 && !strcmp(purpose, "TxProfile") &&
	    strcmp(text(profile_json, "transactionId"), SMART_TRANSACTION) != 0)
		return "Rejected";
	keep_profile(payload);
	return "Accepted";
}

static const char *clear_profile(const cJSON *payload)
{
	const char *status = "Unknown", *id = word("id", "chargingProfileId");

	smart.cleared++;
	for (size_t i = 0; i < smart.b.n;)
		if (!get(payload, id) || smart.b.list[i].profile->id == (int64_t)real(payload, id, 0)) {
			forget(i);
			status = "Accepted";
		} else {
			i++;
		}
	return status;
}

static const char *composite_schedule(const cJSON *payload)
{
	static char out[8000];
	unsigned connector = (unsigned)real(payload, word("connectorId", "evseId"), 0),
		 duration = (unsigned)real(payload, "duration", 0);
	int64_t now = host_now_ms(h) / 1000 * 1000, last = -1;
	char start[25];
	int at;

	connect_ask(connector, now);
	smart.b.ask.power = !strcmp(text(payload, "chargingRateUnit"), "W");
	gv_time_format(now, start);
	at = snprintf(out, sizeof out, "{\"status\":\"Accepted\",%s\"%s\":%u,\"scheduleStart\":\"%s\",%s",
		      word("", "\"schedule\":{"), word("connectorId", "evseId"), connector, start,
		      word("\"chargingSchedule\":{", ""));
	at += snprintf(out + at, sizeof out - (size_t)at,
		       "\"duration\":%u,\"chargingRateUnit\":\"%s\",\"chargingSchedulePeriod\":[", duration,
		       smart.b.ask.power ? "W" : "A");
	for (unsigned s = 0; s < duration; s++) {
		int64_t limit = reference_at(&smart.b.ask, s).limit_tenths;

		/* Its own maximum, where nobody sets one. */
		limit = limit == COMPOSITE_UNLIMITED ? smart.b.ask.power ? 220000 : 320 : limit - smart.sharper;
		if (limit != last)
			at += snprintf(out + at, sizeof out - (size_t)at, "%s{\"startPeriod\":%u,\"limit\":%lld.%lld}",
				       s ? "," : "", s, (long long)limit / 10, (long long)limit % 10);
		last = limit;
	}
	snprintf(out + at, sizeof out - (size_t)at, "]}}");
	return out;
}

static void reply(const char *id, const char *payload)
{
	char frame[9000];
	int n = snprintf(frame, sizeof frame, "[3,\"%s\",%s]", id, payload);

	host_station_send(smart.station, GV_TEXT, frame, (size_t)n);
}

static void reply_status(const char *id, const char *status)
{
	char payload[100];

	snprintf(payload, sizeof payload, "{\"status\":\"%s\"}", status);
	reply(id, payload);
}

static void reply_settings(const char *id)
{
	char payload[2000];

	snprintf(payload, sizeof payload, "{\"%s\":%s}", word("configurationKey", "getVariableResult"), smart.settings);
	reply(id, payload);
}

static void fail(const char *id, const char *code)
{
	char frame[200];
	int n = snprintf(frame, sizeof frame, "[4,\"%s\",\"%s\",\"\",{}]", id, code);

	host_station_send(smart.station, GV_TEXT, frame, (size_t)n);
}

/* 2.0.1: each of its profiles in a message of its own, the last of which says so. */
static void report(int request_id)
{
	for (size_t i = 0; i < smart.b.n; i++) {
		const Ocpp__Profile *p = smart.b.list[i].profile;
		char frame[2000];
		int n = snprintf(
			frame, sizeof frame,
			"[2,\"r%u\",\"ReportChargingProfiles\",{\"requestId\":%d,\"chargingLimitSource\":\"CSO\","
			"\"evseId\":%u,\"tbc\":%s,\"chargingProfile\":[{\"id\":%lld,\"stackLevel\":%lld,"
			"\"chargingProfilePurpose\":\"%s\",\"chargingProfileKind\":\"Absolute\","
			"\"chargingSchedule\":[{\"id\":1,\"chargingRateUnit\":\"A\",\"chargingSchedulePeriod\":[{"
			"\"startPeriod\":0,\"limit\":%lld}]}]}]}]",
			++smart.calls, request_id, smart.b.list[i].connector, i + 1 < smart.b.n ? "true" : "false",
			(long long)p->id, (long long)p->stack_level, purposes[1][p->purpose],
			(long long)p->schedules[0]->periods[0]->limit_tenths / 10);

		host_station_send(smart.station, GV_TEXT, frame, (size_t)n);
	}
}

static void answer_set(const char *id, const cJSON *payload)
{
	smart.set++;
	if (smart.silent)
		return;
	if (smart.fault)
		fail(id, smart.fault);
	else
		reply_status(id, set_profile(payload));
}

/* 1.6, 5.2: what runs may go on, what comes after may not begin. */
static const char *availability(const cJSON *payload)
{
	smart.switched++;
	if (smart.stays_open)
		return "Rejected";
	smart.closed = !strcmp(text(payload, word("type", "operationalStatus")), "Inoperative");
	return smart.closed && smart.b.connectors[0].transaction ? "Scheduled" : "Accepted";
}

/* True where it was about its key. */
static bool answer_key(const char *id, const char *action, const cJSON *payload)
{
	char out[200];

	if (!smart.key)
		return false;
	if (!strcmp(action, "ChangeConfiguration") && !strcmp(text(payload, "key"), smart.key)) {
		smart.changed++;
		snprintf(smart.value, sizeof smart.value, "%s", text(payload, "value"));
		reply_status(id, "Accepted");
		return true;
	}
	if (strcmp(action, "GetConfiguration") != 0 ||
	    strcmp(cJSON_GetArrayItem(get(payload, "key"), 0)->valuestring, smart.key) != 0)
		return false;
	snprintf(out, sizeof out, "{\"configurationKey\":[{\"key\":\"%s\",\"readonly\":false,\"value\":\"%s\"}]}",
		 smart.key, smart.value);
	reply(id, out);
	return true;
}

static void refuse_clear(const char *id)
{
	smart.kept++;
	fail(id, "InternalError");
}

static void answer(const char *id, const char *action, const cJSON *payload)
{
	bool settings = !strcmp(action, word("GetConfiguration", "GetVariables"));

	if (answer_key(id, action, payload))
		return;
	smart.asked += settings;
	if (settings && smart.settings)
		reply_settings(id);
	else if (settings)
		fail(id, "InternalError");
	else if (!strcmp(action, "SetChargingProfile"))
		answer_set(id, payload);
	else if (!strcmp(action, "ClearChargingProfile") && smart.keeps)
		refuse_clear(id);
	else if (!strcmp(action, "ClearChargingProfile"))
		reply_status(id, clear_profile(payload));
	else if (!strcmp(action, "ChangeAvailability"))
		reply_status(id, availability(payload));
	else if (!strcmp(action, "GetCompositeSchedule"))
		reply(id, composite_schedule(payload));
	else if (!strcmp(action, "GetChargingProfiles"))
		reply_status(id, smart.b.n ? "Accepted" : "NoProfiles");
	else
		reply_status(id, "Accepted");
	if (!strcmp(action, "GetChargingProfiles"))
		report((int)real(payload, "requestId", 0));
}

static void on_open(struct host_station *s, void *arg)
{
}

static void on_close(struct host_station *s, void *arg, unsigned code)
{
}

static void on_frame(struct host_station *s, void *arg, enum gv_frame_kind kind, const char *data, size_t size)
{
	cJSON *frame = cJSON_ParseWithLength(data, size);

	cr_assert_not_null(frame);
	if (cJSON_GetArrayItem(frame, 0)->valueint == 2)
		answer(cJSON_GetArrayItem(frame, 1)->valuestring, cJSON_GetArrayItem(frame, 2)->valuestring,
		       cJSON_GetArrayItem(frame, 3));
	else
		snprintf(smart.answer, sizeof smart.answer, "%.*s", (int)size, data);
	cJSON_Delete(frame);
}

const struct host_station_model smart_model = { on_open, on_frame, on_close };
