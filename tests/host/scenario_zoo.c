/* The run-time's promises, with the zoo's plugins as instruments: stations talk, sagas run, alarms ring, handlers fail,
 * all at once and in all weathers; at the end every number must be what it would have been in a world without failures.
 */
#include "scenario.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STATIONS 3
#define MESSAGES 6
#define CHAINS 3
#define STEPS 4
#define ADDS 5
#define ALARMS 3
#define RINGS 3
#define PATIENCE_MS 3000
#define END_MS (30 * 60 * 1000)

struct talker {
	struct host_station *station;
	unsigned sent;     /* the message that waits for its answer; 0: none yet */
	unsigned answered; /* all up to here */
	uint64_t attempt;  /* counts, so that an old alarm clock does nothing */
};

struct zoo {
	struct host *h;
	struct talker talkers[STATIONS];
	struct host_answer *chains[CHAINS], *adds[ADDS], *alarms[ALARMS], *told_to_fail;
};

static uint32_t counters(const struct host *h)
{
	return 1 + host_seed(h) / 8 % 2;
}

struct clock {
	struct talker *talker;
	uint64_t attempt;
};

/* ---- stations: say one thing at a time, again after each failure, until it is answered ------- */

static void give_up(struct host *h, void *arg)
{
	struct clock c = *(struct clock *)arg;

	free(arg);
	if (c.attempt != c.talker->attempt)
		return;
	if (host_station_connected(c.talker->station)) {
		host_check(h, !scenario_must_answer(h),
			   "message %u of %s is not answered although its connection lives", c.talker->sent,
			   host_station_device(c.talker->station));
		host_station_drop(c.talker->station);
	}
	c.talker->attempt++;
	host_station_connect(c.talker->station);
}

static void say(struct talker *k)
{
	struct host *h = host_of_station(k->station);
	struct clock *c;
	char text[64];

	k->attempt++;
	if (k->answered == MESSAGES)
		return;
	k->sent = k->answered + 1;
	if (k->sent == 2)
		host_station_send(k->station, GV_TEXT, "bad luck", 8);
	snprintf(text, sizeof text, "m%u hello", k->sent);
	host_station_send(k->station, GV_TEXT, text, strlen(text));
	c = calloc(1, sizeof *c);
	*c = (struct clock){ k, k->attempt };
	host_after(h, PATIENCE_MS, give_up, c);
}

static void on_open(struct host_station *s, void *arg)
{
	say(arg);
}

static void on_close(struct host_station *s, void *arg, unsigned code)
{
	struct talker *k = arg;
	struct clock *c = calloc(1, sizeof *c);

	k->attempt++;
	*c = (struct clock){ k, k->attempt };
	host_after(host_of_station(s), 10 + host_below(host_of_station(s), 1000), give_up, c);
}

static void on_frame(struct host_station *s, void *arg, enum gv_frame_kind kind, const char *data, size_t size)
{
	struct talker *k = arg;
	struct host *h = host_of_station(s);
	unsigned id, number;

	host_check(h, sscanf(data, "m%u %u", &id, &number) == 2, "%s is answered \"%s\"", host_station_device(s), data);
	host_check(h, id == number, "message %u of %s was given number %u", id, host_station_device(s), number);
	if (id != k->answered + 1)
		return; /* an answer given twice, to what was said twice */
	k->answered = id;
	say(k);
}

static const struct host_station_model talker_model = { on_open, on_frame, on_close };

/* ---- what must hold -------------------------------------------------------------------------- */

struct sums {
	char key[64][64];
	int64_t total[64], times[64];
	size_t n;
};

static void add_total(struct host *h, void *arg, const char *const *key, size_t parts, const char *json)
{
	struct sums *s = arg;

	host_check(h, s->n < 64, "more keys than anyone counted");
	snprintf(s->key[s->n], sizeof s->key[0], "%s", key[0]);
	s->total[s->n] = scenario_int(h, json, "total");
	s->times[s->n++] = scenario_int(h, json, "times");
}

static size_t index_of(struct host *h, const struct sums *s, const char *key)
{
	for (size_t i = 0; i < s->n; i++)
		if (!strcmp(s->key[i], key))
			return i;
	host_fail(h, "the counter has no row for %s", key);
}

struct context {
	struct zoo *z;
	const struct sums *sums;
	size_t rows, late;
};

static void check_device(struct host *h, void *arg, const char *const *key, size_t parts, const char *json)
{
	struct context *x = arg;
	char counter[64];

	x->rows++;
	host_check(h, scenario_int(h, json, "count") == MESSAGES, "%s said %d things, the plugin counts %s", key[0],
		   MESSAGES, json);
	host_check(h, scenario_int(h, json, "answered") == MESSAGES,
		   "the answers to %s's durable calls are not all handled once: %s", key[0], json);
	snprintf(counter, sizeof counter, "counter:%s", key[0] + strlen("chat:"));
	host_check(h, x->sums->total[index_of(h, x->sums, counter)] == MESSAGES, "the counter counts %lld for %s",
		   (long long)x->sums->total[index_of(h, x->sums, counter)], key[0]);
}

static void check_chain(struct host *h, void *arg, const char *const *key, size_t parts, const char *json)
{
	((struct context *)arg)->rows++;
	host_check(h, scenario_int(h, json, "done") == STEPS && !scenario_int(h, json, "faults"),
		   "chain %s ended as %s", key[0], json);
}

static void check_seen(struct host *h, void *arg, const char *const *key, size_t parts, const char *json)
{
	struct context *x = arg;
	size_t i = index_of(h, x->sums, key[0]);

	x->rows++;
	host_check(h, !scenario_int(h, json, "faults") && !scenario_int(h, json, "snapshot"),
		   "the watcher saw %s out of order: %s", key[0], json);
	host_check(h,
		   scenario_int(h, json, "total") == x->sums->total[i] &&
			   scenario_int(h, json, "times") == x->sums->times[i],
		   "the watcher saw %s of %s, the counter is at %lld", json, key[0], (long long)x->sums->total[i]);
}

static void check_alarm(struct host *h, void *arg, const char *const *key, size_t parts, const char *json)
{
	((struct context *)arg)->rows++;
	host_check(h, scenario_int(h, json, "rang") == RINGS, "the alarm %s rang: %s", key[0], json);
}

static void check_faulty(struct host *h, void *arg, const char *const *key, size_t parts, const char *json)
{
	struct context *x = arg;

	if (!strcmp(key[0], "told")) {
		host_fail(h, "what a failed call wrote is there: %s", json);
	} else {
		size_t i = index_of(h, x->sums, key[0]);

		host_check(h, !strstr(key[0], "poison"), "what a failed handler wrote is there: %s", json);
		x->late += !!strstr(key[0], "late");
		host_check(h, scenario_int(h, json, "times") == x->sums->times[i],
			   "%s of %lld events of %s took effect", json, (long long)x->sums->times[i], key[0]);
	}
	x->rows++;
}

/* Each event once, numbered without a hole per key. */
static void check_events(struct host *h, const char *type, const char *number, size_t expected)
{
	size_t n = host_events(h, type);

	host_check(h, n == expected, "%zu events %s reached the test, not %zu", n, type, expected);
	for (size_t i = 0; i < n; i++) {
		const struct host_event *e = host_event(h, type, i);
		int64_t before = 0;

		for (size_t j = 0; number && j < i; j++) {
			const struct host_event *earlier = host_event(h, type, j);

			if (!strcmp(earlier->key, e->key))
				before = scenario_int(h, earlier->json, number);
		}
		host_check(h, !number || scenario_int(h, e->json, number) == before + 1, "%s follows number %lld",
			   e->json, (long long)before);
	}
}

static void check_all(struct zoo *z)
{
	struct host *h = z->h;
	struct sums sums = { .n = 0 };
	struct context x = { .z = z, .sums = &sums };
	size_t counted = 0, late;
	char name[32];

	for (unsigned i = 0; i < counters(h); i++) {
		snprintf(name, sizeof name, "counter.%u", i);
		host_rows(h, name, "totals", add_total, &sums);
	}
	for (size_t i = 0; i < sums.n; i++)
		counted += (size_t)sums.times[i];
	host_check(h, sums.total[index_of(h, &sums, "counter:direct")] == ADDS, "%d calls of the test added up to %lld",
		   ADDS, (long long)sums.total[index_of(h, &sums, "counter:direct")]);
	host_check(h, sums.total[index_of(h, &sums, "counter:chained")] == CHAINS * STEPS, "%d steps added up to %lld",
		   CHAINS * STEPS, (long long)sums.total[index_of(h, &sums, "counter:chained")]);
	host_rows(h, "chat.0", "devices", check_device, &x);
	host_check(h, x.rows == STATIONS, "%zu devices have a row, not %d", x.rows, STATIONS);
	x.rows = 0;
	host_rows(h, "chain.0", "chains", check_chain, &x);
	host_check(h, x.rows == CHAINS, "%zu chains have a row, not %d", x.rows, CHAINS);
	x.rows = 0;
	host_rows(h, "watcher.0", "seen", check_seen, &x);
	host_check(h, x.rows == sums.n, "the watcher saw %zu keys of %zu", x.rows, sums.n);
	x.rows = 0;
	host_rows(h, "alarm.0", "alarms", check_alarm, &x);
	host_check(h, x.rows == ALARMS, "%zu alarms have a row, not %d", x.rows, ALARMS);
	x.rows = 0;
	host_rows(h, "faulty.0", "rows", check_faulty, &x);
	late = !x.late; /* tried too often, in too many lives */
	host_check(h, x.rows == sums.n - 1 - late, "the faulty plugin handled %zu keys of %zu", x.rows,
		   sums.n - 1 - late);
	host_check(h, host_parked(h, "faulty.0") == 1 + late, "%zu messages of the faulty plugin are parked, not %zu",
		   host_parked(h, "faulty.0"), 1 + late);
	host_check(h, host_parked(h, "chat.0") >= STATIONS, "what could not be handled is not parked");
	host_check(h, !host_parked(h, "chain.0") && !host_parked(h, "watcher.0") && !host_parked(h, "alarm.0"),
		   "a message is parked that hurt nobody");
	check_events(h, "galvan.zoo.v1.Counted", "times", counted);
	check_events(h, "galvan.zoo.v1.Heard", "number", STATIONS * MESSAGES);
	check_events(h, "galvan.zoo.v1.ChainDone", NULL, CHAINS);
	check_events(h, "galvan.zoo.v1.Rang", "times", ALARMS * RINGS);
	check_events(h, "galvan.zoo.v1.FaultyDone", "times", counted - 1 - late);
}

/* ---- the run --------------------------------------------------------------------------------- */

static bool finished(struct host *h, void *arg)
{
	struct zoo *z = arg;

	for (int i = 0; i < STATIONS; i++)
		if (z->talkers[i].answered < MESSAGES)
			return false;
	for (int i = 0; i < CHAINS; i++)
		if (!z->chains[i]->done)
			return false;
	for (int i = 0; i < ADDS; i++)
		if (!z->adds[i]->done)
			return false;
	return z->told_to_fail->done && host_events(h, "galvan.zoo.v1.Rang") == ALARMS * RINGS;
}

static struct host_answer *later(struct host *h, const char *method, const char *fmt, ...)
{
	char json[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(json, sizeof json, fmt, ap);
	va_end(ap);
	return host_call_later(h, NULL, method, json);
}

static void begin(struct zoo *z)
{
	struct host *h = z->h;

	for (int i = 0; i < STATIONS; i++) {
		char device[32];

		snprintf(device, sizeof device, "chat:S%d", i);
		z->talkers[i].station = host_station(h, "chat", device, "", &talker_model, &z->talkers[i]);
		host_station_connect(z->talkers[i].station);
	}
	for (int i = 0; i < CHAINS; i++)
		z->chains[i] = later(h, "galvan.zoo.v1.Chain/Run",
				     "{\"id\":\"c%d\",\"key\":\"counter:chained\",\"steps\":%d}", i, STEPS);
	for (int i = 0; i < ADDS; i++)
		z->adds[i] = later(h, "galvan.zoo.v1.Counter/Add", "{\"key\":\"counter:direct\",\"by\":1}");
	for (int i = 0; i < ALARMS; i++)
		z->alarms[i] = later(h, "galvan.zoo.v1.Alarm/Set", "{\"name\":\"a%d\",\"inMs\":%u,\"repeat\":%d}", i,
				     host_below(h, 500), RINGS - 1);
	later(h, "galvan.zoo.v1.Counter/Add", "{\"key\":\"counter:poison\",\"by\":1}");
	later(h, "galvan.zoo.v1.Counter/Add", "{\"key\":\"counter:late\",\"by\":1}");
	z->told_to_fail = later(h, "galvan.zoo.v1.Faulty/Act", "{\"key\":\"told\",\"how\":\"fail\"}");
}

static void run(struct host *h)
{
	static const char *const victims[] = { "counter.0", "chat.0",   "watcher.0", "chain.0",
					       "alarm.0",   "faulty.0", "link.0",    NULL };
	static const char *const emitters[] = { "counter.0", "counter.1", "chat.0", "chain.0",
						"alarm.0",   "faulty.0",  NULL };
	struct zoo z = { .h = h };

	scenario_load_zoo(h, "counter", counters(h));
	scenario_load_zoo(h, "watcher", 1);
	scenario_load_zoo(h, "chain", 1);
	scenario_load_zoo(h, "chat", 1);
	scenario_load_zoo(h, "alarm", 1);
	scenario_load_zoo(h, "faulty", 1);
	host_settle(h, 5); /* all have subscribed: who comes later gets a snapshot instead of events */
	scenario_weather(h, victims);
	begin(&z);
	if (!host_run_until(h, finished, &z, END_MS)) {
		for (int i = 0; i < STATIONS; i++)
			host_check(h, z.talkers[i].answered == MESSAGES, "message %u of station %d is not answered",
				   z.talkers[i].answered + 1, i);
		for (int i = 0; i < CHAINS; i++)
			host_check(h, z.chains[i]->done, "chain %d is not answered", i);
		host_fail(h, "%zu of %d rings were heard, or a call of the test is not answered",
			  host_events(h, "galvan.zoo.v1.Rang"), ALARMS * RINGS);
	}
	scenario_calm(h);
	scenario_shake(h, emitters);
	for (int i = 0; i < CHAINS; i++)
		host_check(h, z.chains[i]->code == GV_OK, "chain %d was refused: %s", i, z.chains[i]->error);
	for (int i = 0; i < ADDS; i++)
		host_check(h, z.adds[i]->code == GV_OK, "call %d was refused: %s", i, z.adds[i]->error);
	host_check(h, z.told_to_fail->code == GV_INTERNAL, "a call whose handler failed was answered %u",
		   z.told_to_fail->code);
	check_all(&z);
}

const struct scenario scenario_zoo = { "zoo", "the run-time's promises in all weathers", run };
