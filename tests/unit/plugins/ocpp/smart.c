/* The charger of smart.h. It reads JSON on its own, as a foreign charger would. */
#include "smart.h"

#include <lib/iso8601.h>
#include <stdlib.h>
#include <string.h>

struct smart smart;

static const char *const purposes[] = { "ChargePointMaxProfile", "TxDefaultProfile", "TxProfile" };

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
		if (!strcmp(text(profile, "chargingProfilePurpose"), purposes[i]))
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

static void keep_profile(const cJSON *payload)
{
	const cJSON *profile_json = get(payload, "csChargingProfiles"),
		    *schedule = get(profile_json, "chargingSchedule"), *item;
	uint32_t connector = (uint32_t)real(payload, "connectorId", 0);
	Ocpp__Profile__Purpose purpose = purpose_of(profile_json);
	int64_t id = (int64_t)real(profile_json, "chargingProfileId", 0);
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
	m->profile.valid_to_ms = time_of(profile_json, "validTo");
	cr_assert_str_eq(text(profile_json, "chargingProfileKind"), "Absolute");
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

/* ---- its answers ----------------------------------------------------------------------------- */

static const char *set_profile(const cJSON *payload)
{
	const cJSON *profile_json = get(payload, "csChargingProfiles");
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
	keep_profile(payload);
	return "Accepted";
}

static const char *clear_profile(const cJSON *payload)
{
	const char *status = "Unknown";

	smart.cleared++;
	for (size_t i = 0; i < smart.b.n;)
		if (!get(payload, "id") || smart.b.list[i].profile->id == (int64_t)real(payload, "id", 0)) {
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
	unsigned connector = (unsigned)real(payload, "connectorId", 0),
		 duration = (unsigned)real(payload, "duration", 0);
	int64_t now = host_now_ms(h) / 1000 * 1000, last = -1;
	char start[25];
	int at;

	connect_ask(connector, now);
	smart.b.ask.power = !strcmp(text(payload, "chargingRateUnit"), "W");
	gv_time_format(now, start);
	at = snprintf(out, sizeof out,
		      "{\"status\":\"Accepted\",\"connectorId\":%u,\"scheduleStart\":\"%s\",\"chargingSchedule\":{"
		      "\"duration\":%u,\"chargingRateUnit\":\"%s\",\"chargingSchedulePeriod\":[",
		      connector, start, duration, smart.b.ask.power ? "W" : "A");
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

	snprintf(payload, sizeof payload, "{\"configurationKey\":%s}", smart.settings);
	reply(id, payload);
}

static void fail(const char *id, const char *code)
{
	char frame[200];
	int n = snprintf(frame, sizeof frame, "[4,\"%s\",\"%s\",\"\",{}]", id, code);

	host_station_send(smart.station, GV_TEXT, frame, (size_t)n);
}

static void answer(const char *id, const char *action, const cJSON *payload)
{
	bool set = !strcmp(action, "SetChargingProfile");

	smart.asked += !strcmp(action, "GetConfiguration");
	smart.set += set;
	if (set && smart.silent)
		return;
	if (set && smart.fault)
		fail(id, smart.fault);
	else if (set)
		reply_status(id, set_profile(payload));
	else if (!strcmp(action, "ClearChargingProfile"))
		reply_status(id, clear_profile(payload));
	else if (!strcmp(action, "GetCompositeSchedule"))
		reply(id, composite_schedule(payload));
	else if (strcmp(action, "GetConfiguration") != 0)
		reply_status(id, "Accepted");
	else if (smart.settings)
		reply_settings(id);
	else
		fail(id, "InternalError");
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

static const struct host_station_model model = { on_open, on_frame, on_close };

/* ---- what tests do with it ------------------------------------------------------------------- */

static const char *call(const char *action, const char *payload)
{
	char frame[2000];
	int n = snprintf(frame, sizeof frame, "[2,\"s%u\",\"%s\",%s]", ++smart.calls, action, payload);

	smart.answer[0] = '\0';
	host_station_send(smart.station, GV_TEXT, frame, (size_t)n);
	host_settle(h, 100);
	cr_assert_eq(smart.answer[1], '3', "%s: %s", frame, smart.answer);
	return smart.answer;
}

void smart_connectors(unsigned n)
{
	char payload[100];

	for (unsigned i = 1; i <= n; i++) {
		snprintf(payload, sizeof payload,
			 "{\"connectorId\":%u,\"errorCode\":\"NoError\",\"status\":\"Available\"}", i);
		call("StatusNotification", payload);
	}
}

void smart_setup(void)
{
	bench_setup();
	smart.settings = "[{\"key\":\"ChargeProfileMaxStackLevel\",\"readonly\":true,\"value\":\"5\"},{\"key\":"
			 "\"ChargingScheduleAllowedChargingRateUnit\",\"readonly\":true,\"value\":\"Current,Power\"},{"
			 "\"key\":\"ChargingScheduleMaxPeriods\",\"readonly\":true,\"value\":\"10\"}]";
	smart.how = "Rejected";
	smart.station = host_station(h, "ocpp", SMART, "ocpp1.6", &model, &smart);
	host_station_connect(smart.station);
	host_run_ms(h, 100);
	cr_assert(host_station_connected(smart.station));
	call("BootNotification", "{\"chargePointVendor\":\"V\",\"chargePointModel\":\"M\",\"firmwareVersion\":\"1\"}");
	smart_connectors(1);
}

int smart_begin(unsigned connector)
{
	static char name[12];
	char payload[200], time[25];
	int id;

	gv_time_format(host_now_ms(h), time);
	snprintf(payload, sizeof payload, "{\"connectorId\":%u,\"idTag\":\"A\",\"meterStart\":0,\"timestamp\":\"%s\"}",
		 connector, time);
	id = atoi(strstr(call("StartTransaction", payload), "\"transactionId\":") + strlen("\"transactionId\":"));
	snprintf(name, sizeof name, "%d", id);
	smart.b.connectors[0].transaction = name;
	smart.b.connectors[0].started_ms = host_now_ms(h);
	return id;
}

void smart_end(int id)
{
	char payload[200], time[25];

	gv_time_format(host_now_ms(h), time);
	snprintf(payload, sizeof payload, "{\"transactionId\":%d,\"meterStop\":0,\"timestamp\":\"%s\"}", id, time);
	for (size_t i = 0; i < smart.b.n;)
		if (smart.b.list[i].profile->purpose == TX)
			forget(i);
		else
			i++;
	smart.b.connectors[0].transaction = NULL;
	call("StopTransaction", payload);
}

const char *smart_limit(const char *rest)
{
	char request[2000];

	snprintf(request, sizeof request, "{\"device\":\"" SMART "\",%s}", rest);
	return text(ask(CHARGING "SetLimit", request), "status");
}
