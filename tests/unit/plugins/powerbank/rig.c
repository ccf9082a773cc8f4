/* What the tests of powerbank share. */
#include "rig.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct host *h;
static struct box *boxes[32];
static size_t n_boxes;
static cJSON *last;

/* ---- cabinets -------------------------------------------------------------------------------- */

const char *frame_of(const struct box *b, const char *imei, const char *words)
{
	static char out[1024];
	char covered[900];

	snprintf(covered, sizeof covered, "%s,%s", imei, words);
	snprintf(out, sizeof out, "{\"%s,%04X\"}\r\n", covered, gv_crc16(b->crc, covered, strlen(covered)));
	return out;
}

static void take(struct box *b, const char *frame, size_t size)
{
	char words[512];
	size_t skip = strlen("{\"") + strlen(b->imei) + 1, tail = strlen(",0000\"}");

	cr_assert_gt(size, skip + tail);
	snprintf(words, sizeof words, "%.*s", (int)(size - skip - tail), frame + skip);
	if (!strcmp(words, "CQ,")) {
		b->asked++;
		if (b->inventory) {
			snprintf(words, sizeof words, "AQ,%s", b->inventory);
			say(b, words);
			return;
		}
	}
	cr_assert_lt(b->n_heard, 64u);
	snprintf(b->heard[b->n_heard++], sizeof *b->heard, "%.63s", words);
}

static void on_frame(struct host_station *s, void *arg, enum gv_frame_kind kind, const char *data, size_t size)
{
	struct box *b = arg;
	char *end;

	cr_assert_lt(b->n_in + size, sizeof b->in);
	memcpy(b->in + b->n_in, data, size);
	b->n_in += size;
	b->in[b->n_in] = 0;
	while ((end = strstr(b->in, "\r\n"))) {
		size_t used = (size_t)(end - b->in) + 2;

		take(b, b->in, used - 2);
		memmove(b->in, b->in + used, b->n_in - used + 1);
		b->n_in -= used;
	}
}

static void on_open(struct host_station *s, void *arg)
{
	((struct box *)arg)->n_in = 0;
}

static void on_close(struct host_station *s, void *arg, unsigned code)
{
	((struct box *)arg)->closed++;
}

static const struct host_station_model model = { on_open, on_frame, on_close };

struct box *box_unconnected(const char *imei, const char *listener)
{
	struct box *b = calloc(1, sizeof *b);

	snprintf(b->imei, sizeof b->imei, "%s", imei);
	b->station = host_tcp(h, "powerbank", listener, imei, &model, b);
	boxes[n_boxes++] = b;
	return b;
}

struct box *box(const char *imei)
{
	struct box *b = box_unconnected(imei, "");

	host_station_connect(b->station);
	settle();
	return b;
}

void known(const char *imei, const char *attributes)
{
	struct host_answer *a = host_call(h, "galvan.registry.v1.Registry/PutDevice",
					  "{\"device\":{\"id\":\"powerbank:%s\",\"attributes\":%s}}", imei,
					  attributes ? attributes : "{}");

	cr_assert_eq(a->code, GV_OK, "%s", a->error);
	settle();
}

void holds(struct box *b, const char *inventory)
{
	b->inventory = inventory;
}

void say_raw(struct box *b, const char *bytes)
{
	host_station_send(b->station, GV_BYTES, bytes, strlen(bytes));
}

void say_as(struct box *b, const char *imei, const char *words)
{
	say_raw(b, frame_of(b, imei, words));
}

void say(struct box *b, const char *words)
{
	say_as(b, b->imei, words);
}

const char *heard(struct box *b)
{
	settle();
	return b->n_read < b->n_heard ? b->heard[b->n_read++] : "";
}

struct box *ready(const char *imei, const char *inventory)
{
	struct box *b;

	known(imei, NULL);
	b = box(imei);
	holds(b, inventory);
	say(b, "CH,");
	settle();
	return b;
}

void settle(void)
{
	host_run_ms(h, 50); /* what is about to be connected or delivered */
	host_settle(h, 5);
}

void pass(int64_t ms)
{
	while (ms > 0) {
		int64_t step = ms < 30 * SECOND_MS ? ms : 30 * SECOND_MS;

		host_run_ms(h, step);
		ms -= step;
		for (size_t i = 0; i < n_boxes; i++)
			if (step == 30 * SECOND_MS && host_station_connected(boxes[i]->station))
				say(boxes[i], "CH,");
	}
	settle();
}

/* ---- asking ---------------------------------------------------------------------------------- */

unsigned ask(const char *method, const char *json_fmt, ...)
{
	char name[100], json[1000];
	struct host_answer *a;
	va_list ap;

	va_start(ap, json_fmt);
	vsnprintf(json, sizeof json, json_fmt, ap);
	va_end(ap);
	snprintf(name, sizeof name, "galvan.rental.v1.%s%s", strchr(method, '/') ? "" : "Rental/", method);
	a = host_call(h, name, "%s", json);
	cJSON_Delete(last);
	last = a->code == GV_OK ? cJSON_Parse(a->json) : cJSON_CreateObject();
	if (a->code != GV_OK)
		cJSON_AddStringToObject(last, "error", a->error);
	settle();
	return a->code;
}

static const cJSON *at(const char *path)
{
	const cJSON *item = last;
	char name[80];

	while (item && *path) {
		size_t n = strcspn(path, ".");

		snprintf(name, sizeof name, "%.*s", (int)n, path);
		item = cJSON_IsArray(item) ? cJSON_GetArrayItem(item, atoi(name))
					   : cJSON_GetObjectItemCaseSensitive(item, name);
		path += n + (path[n] == '.');
	}
	return item;
}

const char *text(const char *path)
{
	static char out[4][300];
	static unsigned turn;
	const cJSON *item = at(path);
	char *to = out[turn++ % 4];

	if (cJSON_IsBool(item))
		snprintf(to, sizeof *out, "%s", cJSON_IsTrue(item) ? "true" : "false");
	else if (cJSON_IsNumber(item))
		snprintf(to, sizeof *out, "%.0f", item->valuedouble);
	else
		snprintf(to, sizeof *out, "%s", cJSON_IsString(item) ? item->valuestring : "(none)");
	return to;
}

int64_t number(const char *path)
{
	return atoll(text(path));
}

unsigned lend(const char *order, unsigned slot)
{
	return ask("Lending/Lend", "{\"device\":\"" DEVICE "\",\"order\":\"%s\",\"slot\":%u,\"token\":\"T\"}", order,
		   slot);
}

static void get(unsigned rental)
{
	cr_assert_eq(ask("GetRental", "{\"id\":\"" DEVICE "/%06u\"}", rental), GV_OK, "%s", text("error"));
}

const char *of(unsigned rental, const char *field)
{
	char path[60];

	get(rental);
	snprintf(path, sizeof path, "rental.%s", field);
	return text(path);
}

const char *state(unsigned rental)
{
	return of(rental, "state") + strlen("RENTAL_STATE_");
}

bool flagged(unsigned rental, const char *flag)
{
	const cJSON *item;

	get(rental);
	cJSON_ArrayForEach(item, at("rental.flags"))
	{
		if (!strcmp(item->valuestring, flag))
			return true;
	}
	return false;
}

const char *place(const char *bank)
{
	const cJSON *item;

	cr_assert_eq(ask("ListBanks", "{\"limit\":1000}"), GV_OK);
	cJSON_ArrayForEach(item, at("banks"))
	{
		if (!strcmp(cJSON_GetObjectItem(item, "id")->valuestring, bank))
			return cJSON_GetObjectItem(item, "place")->valuestring + strlen("BANK_PLACE_");
	}
	return "(unknown)";
}

unsigned incidents(const char *kind)
{
	char sought[80];
	const struct host_event *e;
	unsigned n = 0;

	snprintf(sought, sizeof sought, "\"kind\":\"%s\"", kind);
	for (size_t i = 0; (e = host_event(h, "galvan.rental.v1.CabinetIncident", i)); i++)
		n += strstr(e->json, sought) != NULL;
	return n;
}

unsigned events(const char *type)
{
	char name[80];

	snprintf(name, sizeof name, "galvan.rental.v1.%s", type);
	return (unsigned)host_events(h, name);
}

const char *slot_field(const char *device, unsigned slot, const char *field)
{
	char path[60];

	cr_assert_eq(ask("GetCabinet", "{\"device\":\"%s\"}", device), GV_OK, "%s", text("error"));
	for (unsigned i = 0; i < 99; i++) {
		snprintf(path, sizeof path, "cabinet.slots.%u.id", i);
		if (number(path) != slot)
			continue;
		snprintf(path, sizeof path, "cabinet.slots.%u.%s", i, field);
		return text(path);
	}
	return "(none)";
}

bool alarmed(const char *device, const char *kind)
{
	const cJSON *item;

	cr_assert_eq(ask("GetCabinet", "{\"device\":\"%s\"}", device), GV_OK, "%s", text("error"));
	cJSON_ArrayForEach(item, at("cabinet.alarms"))
	{
		if (!strcmp(item->valuestring, kind))
			return true;
	}
	return false;
}

/* ---- life ------------------------------------------------------------------------------------ */

void rig_start(const char *config)
{
	h = host_create(1);
	host_verbose(h, getenv("VERBOSE") != NULL);
	cr_assert_eq(host_load(h, "registry", PLUGINS "/registry.so", 1, "{}"), 0, "%s", host_error(h));
	cr_assert_eq(host_load(h, "powerbank", PLUGINS "/powerbank.so", 1, config ? config : "{}"), 0, "%s",
		     host_error(h));
	settle();
}

void rig_stop(void)
{
	cr_expect_eq(host_parked(h, "powerbank.0"), 0, "nothing that a cabinet does may fail in the plugin");
	cJSON_Delete(last);
	last = NULL;
	host_destroy(h);
	while (n_boxes)
		free(boxes[--n_boxes]);
}
