/* Registry under random orders in all weathers: it must end with what a plain list in the test's memory ends with, and
 * who listened to its events must know the same. */
#include "scenario.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEVICES 6
#define ORDERS 30

struct device {
	bool there;
	unsigned version;
};

static char *id_of(unsigned i)
{
	static char id[32];

	snprintf(id, sizeof id, "ocpp:CP%u", i);
	return id;
}

static void order(struct host *h, struct device *devices, unsigned n)
{
	unsigned i = host_below(h, DEVICES);
	struct device *d = &devices[i];
	struct host_answer *a;

	if (host_below(h, 4)) {
		a = host_call(h, "galvan.registry.v1.Registry/PutDevice",
			      "{\"device\":{\"id\":\"%s\",\"name\":\"v%u\",\"aliases\":[\"ocpp:also-%u\"],"
			      "\"connectors\":[{\"id\":1,\"type\":\"CCS2\"}]}}",
			      id_of(i), n, i);
		host_check(h, a->code == GV_OK, "PutDevice is refused: %s", a->error);
		*d = (struct device){ true, n };
		return;
	}
	a = host_call(h, "galvan.registry.v1.Registry/DeleteDevice", "{\"id\":\"%s\"}", id_of(i));
	host_check(h, a->code == (d->there ? GV_OK : GV_NOT_FOUND), "DeleteDevice of a device that is %s: %s",
		   d->there ? "there" : "not there", a->error);
	d->there = false;
}

/* What the events say last of a device. */
static const char *last_event(struct host *h, const char *id)
{
	const char *last = NULL;

	for (size_t i = 0; i < host_events(h, "galvan.registry.v1.DeviceChanged"); i++) {
		const struct host_event *e = host_event(h, "galvan.registry.v1.DeviceChanged", i);

		if (!strcmp(e->key, id))
			last = e->json;
	}
	return last;
}

static void check_device(struct host *h, unsigned i, const struct device *d)
{
	struct host_answer *a = host_call(h, "galvan.registry.v1.Registry/GetDevice", "{\"id\":\"%s\"}", id_of(i));
	const char *event = last_event(h, id_of(i));
	char name[32];

	snprintf(name, sizeof name, "v%u", d->version);
	host_check(h, a->code == (d->there ? GV_OK : GV_NOT_FOUND), "%s should be %s: %s", id_of(i),
		   d->there ? "there" : "gone", a->error);
	host_check(h, !d->there || !strcmp(scenario_str(h, a->json, "device.name"), name), "%s should be named %s: %s",
		   id_of(i), name, a->json);
	if (!d->version)
		return;
	host_check(h, event, "nobody was told of %s", id_of(i));
	host_check(h, scenario_int(h, event, "deleted") == !d->there, "the last word on %s is %s", id_of(i), event);
	host_check(h, !d->there || !strcmp(scenario_str(h, event, "device.name"), name), "the last word on %s is %s",
		   id_of(i), event);
	if (!d->there)
		return;
	a = host_call(h, "galvan.registry.v1.Registry/GetDevice", "{\"id\":\"ocpp:also-%u\"}", i);
	host_check(h, a->code == GV_OK && !strcmp(scenario_str(h, a->json, "device.id"), id_of(i)),
		   "the alias of %s leads to %s", id_of(i), a->json);
}

static void run(struct host *h)
{
	static const char *const emitters[] = { "registry.0", NULL };
	struct device devices[DEVICES] = { 0 };
	struct host_answer *a;
	size_t there = 0;

	scenario_load(h, "registry", 1, "{\"passwordIterations\":1000}");
	host_settle(h, 5);
	scenario_weather(h, emitters);
	for (unsigned n = 1; n <= ORDERS; n++)
		order(h, devices, n);
	scenario_calm(h);
	scenario_shake(h, emitters);
	for (unsigned i = 0; i < DEVICES; i++) {
		check_device(h, i, &devices[i]);
		there += devices[i].there;
	}
	a = host_call(h, "galvan.registry.v1.Registry/ListDevices", "{}");
	host_check(h, a->code == GV_OK && scenario_count(h, a->json, "devices") == there,
		   "%zu devices should be there: %s", there, a->json);
	host_check(h, !host_parked(h, "registry.0"), "registry has parked a message");
}

const struct scenario scenario_registry = { "registry", "random orders against a plain list", run };
