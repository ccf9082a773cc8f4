/* As chargers do it: a message that is not answered is sent again. */
#include "insisting.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scenario.h"

#define PATIENCE_MS 8000

struct alarm {
	struct insisting *charger;
	uint64_t clock;
};

static void give_up(struct host *h, void *arg);

static void set_alarm(struct insisting *c, int64_t in_ms)
{
	struct alarm *a = calloc(1, sizeof *a);

	*a = (struct alarm){ c, ++c->clock };
	host_after(c->h, in_ms, give_up, a);
}

static void say(struct insisting *c)
{
	char call[2048], text[2200];

	if (insisting_done(c) || !host_station_connected(c->station))
		return;
	c->write(c->owner, c->at, call, sizeof call);
	snprintf(text, sizeof text, "[2,\"%u-%u\",%s]", c->at, c->repeats, call);
	host_station_send(c->station, GV_TEXT, text, strlen(text));
	set_alarm(c, PATIENCE_MS);
}

static void give_up(struct host *h, void *arg)
{
	struct alarm a = *(struct alarm *)arg;
	struct insisting *c = a.charger;

	free(arg);
	if (a.clock != c->clock)
		return;
	host_check(h, !scenario_must_answer(h) || !host_station_connected(c->station),
		   "call %u of %s is not answered although its connection lives", c->at,
		   host_station_device(c->station));
	c->repeats += host_below(h, 2);
	if (host_station_connected(c->station) && host_below(h, 2)) {
		say(c);
		return;
	}
	host_station_drop(c->station);
	c->clock++;
	host_station_connect(c->station);
}

static void on_open(struct host_station *s, void *arg)
{
	struct insisting *c = arg;

	c->repeats += host_below(c->h, 2);
	say(c);
}

static void on_close(struct host_station *s, void *arg, unsigned code)
{
	set_alarm(arg, 10 + host_below(((struct insisting *)arg)->h, 2000));
}

static void was_answered(struct insisting *c, unsigned call, const cJSON *payload, const char *text)
{
	host_check(c->h, call < c->n_calls && call <= c->at, "%s is answered what it has not said: %s",
		   host_station_device(c->station), text);
	if (c->answered)
		c->answered(c->owner, call, payload, text);
	if (call < c->at)
		return;
	c->at++;
	c->repeats = 0;
	c->clock++;
	say(c);
}

static void was_asked(struct insisting *c, const char *id, const char *action, const cJSON *payload)
{
	bool idle = insisting_done(c);
	char text[512];

	snprintf(text, sizeof text, "[3,\"%s\",%s]", id, c->asked(c->owner, action, payload));
	host_station_send(c->station, GV_TEXT, text, strlen(text));
	if (idle && !insisting_done(c))
		say(c);
}

static void on_frame(struct host_station *s, void *arg, enum gv_frame_kind kind, const char *data, size_t size)
{
	struct insisting *c = arg;
	cJSON *root = cJSON_ParseWithLength(data, size);
	int type = cJSON_IsArray(root) ? cJSON_GetArrayItem(root, 0)->valueint : 0;
	const char *id = type ? cJSON_GetArrayItem(root, 1)->valuestring : "";

	if (type == 3)
		was_answered(c, (unsigned)atoi(id), cJSON_GetArrayItem(root, 2), data);
	else if (type == 2)
		was_asked(c, id, cJSON_GetArrayItem(root, 2)->valuestring, cJSON_GetArrayItem(root, 3));
	else
		host_fail(c->h, "%s gets %.*s", host_station_device(s), (int)size, data);
	cJSON_Delete(root);
}

void insisting_begin(struct insisting *c, struct host *h, const char *device, const char *subprotocol)
{
	static const struct host_station_model model = { on_open, on_frame, on_close };

	c->h = h;
	c->station = host_station(h, "ocpp", device, subprotocol, &model, c);
	host_station_connect(c->station);
}

struct host_answer *insisting_start(struct host *h, const char *device, unsigned n)
{
	char json[128];

	snprintf(json, sizeof json, "{\"device\":\"%s\",\"connector\":2,\"token\":\"remote-%u\"}", device, n);
	return host_call_later(h, NULL, "galvan.charging.v1.Charging/Start", json);
}
