/* Peers that talk lines over bare TCP: pieces come cut and glued, connections break, end and go stale, and the plugin
 * dies between the halves of a line. Each line is counted once, and in good weather each is answered. */
#include "scenario.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PEERS 4
#define LINES 24
#define BURST 5 /* lines that are said at once */
#define PATIENCE_MS 3000
#define END_MS (30 * 60 * 1000)

struct peer {
	struct host *h;
	struct host_station *station;
	char name[16];
	const char *listener;
	unsigned way;      /* in which it ends connections: none, closes, asks to be closed, goes without a word */
	unsigned answered; /* all up to here, so the next burst begins behind it */
	uint64_t clock;    /* makes older alarms do nothing */
	char rest[256];    /* the unfinished end of what came */
};

struct alarm {
	struct peer *peer;
	uint64_t clock;
};

struct world {
	struct peer peers[PEERS];
	size_t rows;
};

static void say(struct peer *p);

static void give_up(struct host *h, void *arg)
{
	struct alarm a = *(struct alarm *)arg;

	free(arg);
	if (a.clock != a.peer->clock)
		return;
	if (host_station_connected(a.peer->station)) {
		host_check(h, !scenario_must_answer(h), "line %u of %s is not answered although its connection lives",
			   a.peer->answered + 1, a.peer->name);
		host_station_drop(a.peer->station);
	}
	a.peer->clock++;
	host_station_connect(a.peer->station);
}

static void set_alarm(struct peer *p, int64_t in_ms)
{
	struct alarm *a = calloc(1, sizeof *a);

	*a = (struct alarm){ p, ++p->clock };
	host_after(p->h, in_ms, give_up, a);
}

static void part(struct peer *p)
{
	switch (p->way) {
	case 1:
		host_station_finish(p->station);
		break;
	case 2:
		host_station_send(p->station, GV_BYTES, "bye\n", 4);
		break;
	case 3:
		host_station_vanish(p->station);
		set_alarm(p, 1);
		break;
	}
}

static void say(struct peer *p)
{
	unsigned n = 1 + host_below(p->h, BURST);
	char text[BURST * 32] = "";
	size_t size = 0;

	for (unsigned i = 1; i <= n && p->answered + i <= LINES; i++)
		size += (size_t)snprintf(text + size, sizeof text - size, "%s %u\n", p->name, p->answered + i);
	set_alarm(p, PATIENCE_MS);
	host_station_send(p->station, GV_BYTES, text, size);
}

static void on_line(struct peer *p, const char *line)
{
	unsigned id, number;
	char where[16];

	host_check(p->h, sscanf(line, "%u %u %15s", &id, &number, where) == 3, "%s is told \"%s\"", p->name, line);
	host_check(p->h, id == number && id <= p->answered + 1, "line %u of %s has number %u", id, p->name, number);
	host_check(p->h, !strcmp(where, p->listener), "%s knocked at %s and came to %s", p->name, p->listener, where);
	if (id == p->answered + 1)
		p->answered = id;
}

static void on_frame(struct host_station *s, void *arg, enum gv_frame_kind kind, const char *data, size_t size)
{
	struct peer *p = arg;
	unsigned before = p->answered;
	char *at = p->rest, *end;

	host_check(p->h, kind == GV_BYTES, "%s is sent a frame of kind %d", p->name, (int)kind);
	host_check(p->h, strlen(p->rest) + size < sizeof p->rest, "%s is told \"%s%s\"", p->name, p->rest, data);
	strncat(p->rest, data, size);
	for (; (end = strchr(at, '\n')); at = end + 1) {
		*end = 0;
		on_line(p, at);
	}
	memmove(p->rest, at, strlen(at) + 1);
	if (p->answered == LINES)
		p->clock++;
	else if (p->answered > before && p->way && !host_below(p->h, 4))
		part(p);
	else if (p->answered > before)
		say(p);
}

static void on_open(struct host_station *s, void *arg)
{
	struct peer *p = arg;

	p->rest[0] = 0;
	say(p);
}

static void on_close(struct host_station *s, void *arg, unsigned code)
{
	struct peer *p = arg;

	if (p->answered < LINES)
		set_alarm(p, 10 + host_below(p->h, 1000));
}

static const struct host_station_model model = { on_open, on_frame, on_close };

/* ---- what must hold -------------------------------------------------------------------------- */

static void check_name(struct host *h, void *arg, const char *const *key, size_t parts, const char *json)
{
	((struct world *)arg)->rows++;
	host_check(h, scenario_int(h, json, "count") == LINES, "%s said %d lines, the plugin counts %s", key[0], LINES,
		   json);
}

static void check_rest(struct host *h, void *arg, const char *const *key, size_t parts, const char *json)
{
	host_fail(h, "every connection is closed, and the rest of one is kept: %s", json);
}

/* ---- the run --------------------------------------------------------------------------------- */

static bool finished(struct host *h, void *arg)
{
	struct world *w = arg;

	for (int i = 0; i < PEERS; i++)
		if (w->peers[i].answered < LINES)
			return false;
	return true;
}

static void run(struct host *h)
{
	static const char *const victims[] = { "stream.0", "link.0", NULL };
	struct world w = { 0 };

	scenario_load_zoo(h, "stream", 1);
	host_settle(h, 5);
	scenario_weather(h, victims);
	for (unsigned i = 0; i < PEERS; i++) {
		struct peer *p = &w.peers[i];

		p->h = h;
		p->way = i;
		p->listener = i % 2 ? "back" : "front";
		snprintf(p->name, sizeof p->name, "peer-%u", i);
		p->station = host_tcp(h, "stream", p->listener, p->name, &model, p);
		host_station_connect(p->station);
	}
	if (!host_run_until(h, finished, &w, END_MS))
		for (int i = 0; i < PEERS; i++)
			host_check(h, w.peers[i].answered == LINES, "line %u of %s is not answered",
				   w.peers[i].answered + 1, w.peers[i].name);
	scenario_calm(h);
	for (int i = 0; i < PEERS; i++)
		host_station_finish(w.peers[i].station);
	host_run_ms(h, 150000); /* until link knows of those that vanished */
	host_settle(h, 5);
	host_rows(h, "stream.0", "names", check_name, &w);
	host_check(h, w.rows == PEERS, "%zu peers are known, not %d", w.rows, PEERS);
	host_rows(h, "stream.0", "rests", check_rest, &w);
}

const struct scenario scenario_stream = { "stream", "lines over bare TCP in all weathers", run };
