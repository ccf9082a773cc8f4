/* The load generator. Every station always waits for its answer and sends the next call the moment it comes, so the server sets the pace; and
 * because each answer is matched to its call, what is lost, doubled or wrong is known exactly, over reloads and crashes of the server. */
#include "load.h"

#include "histogram.h"
#include "line.h"
#include "load_call.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#define TICK_MS 20
#define MAX_DIALING 256         /* handshakes under way where no rate is given */
#define DIAL_TIMEOUT_NS 60000000000ull
#define REDIAL_NS 200000000ull  /* after a connection ended, where `reconnect` is asked for */
#define LINGER_NS 250000000ull  /* after the last answer: a second answer to the same call would come now */
#define CLOSE_NS 2000000000ull  /* for the server's half of the closing handshake */

enum phase { CONNECTING, WARMING, MEASURING, FINISHING, LINGERING, CLOSING, DONE };
enum state { UNBORN, DIALING, SETTING_UP, READY, GONE };

struct slot { /* a call that waits for its answer */
	uint64_t sent_ns;
	struct load_call call;
	bool used;
};

struct station {
	struct line line;
	struct load *load;
	struct slot *slots;
	uint64_t since_ns; /* DIALING: began; GONE: ended */
	uint32_t index, seq, in_flight;
	enum state state;
	bool line_up;      /* the line's memory is in use */
	bool set_up;       /* was READY once */
	int64_t transaction_id, time_ms, answered_time_ms;
	uint64_t meter_wh, start_wh, answered, answered_wh;
};

struct load {
	uv_timer_t timer;
	struct line_io io;
	struct line_target target;
	Sim__LoadRequest want; /* numbers with their defaults; strings below */
	char prefix[72], subprotocol[64], password[132], token[24];
	enum load_kind kind;
	bool idle, has_password, failed, stopping, handle_open;
	void (*done)(void *arg);
	void *arg;
	struct station *stations;
	char *tail;
	size_t tail_size;
	uint8_t *scratch;
	enum phase phase;
	uint32_t born, dialing, unsettled, open_lines, ready, failed_connections, dropped;
	uint64_t begun_ns, last_open_ns, phase_ns, measure_ns, measured_ns;
	uint64_t sent, answered, errors, wrong, doubled, unexpected, repeated, waiting;
	int64_t clock_ms; /* realtime = clock_ms + hrtime */
	double cpu_us, cpu_begun_us;
	char error[300];
	struct histogram latency;
};

static void pace(struct load *l);

static void complain(struct load *l, const char *what, const char *detail, size_t detail_size)
{
	if (!l->error[0])
		snprintf(l->error, sizeof l->error, "%s: %.*s", what, (int)(detail_size < 200 ? detail_size : 200), detail);
}

static double cpu_us(void)
{
	struct rusage u;
	getrusage(RUSAGE_THREAD, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e6 + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

/* ---- calls ---- */

static void transmit(struct station *s, struct slot *slot, uint64_t now_ns)
{
	struct load *l = s->load;
	size_t size = load_call_write(&slot->call, (char *)l->scratch + WS_MAX_HEADER);
	slot->sent_ns = now_ns;
	line_send(&s->line, l->scratch, size, WS_TEXT);
}

static void call(struct station *s, enum load_kind kind, uint64_t now_ns)
{
	struct load *l = s->load;
	struct slot *slot = s->slots;
	while (slot->used)
		slot++;
	int64_t time_ms = l->clock_ms + (int64_t)(now_ns / 1000000);
	s->time_ms = time_ms > s->time_ms ? time_ms : s->time_ms + 1;
	if (kind == LOAD_METER)
		s->meter_wh++;
	else if (kind == LOAD_START)
		s->start_wh = s->meter_wh;
	slot->used = true;
	slot->call = (struct load_call){ kind, s->index, ++s->seq, s->time_ms, s->transaction_id, s->meter_wh, l->token, l->tail, l->tail_size };
	s->in_flight++;
	l->waiting++;
	l->sent++;
	transmit(s, slot, now_ns);
}

static bool running(const struct load *l)
{
	return l->phase == WARMING || l->phase == MEASURING;
}

/* Sends what the run wants of a station that is ready. */
static void fill(struct station *s, uint64_t now_ns)
{
	struct load *l = s->load;
	if (l->idle)
		return;
	if (l->want.message[0] == 'S') { /* StartStop: one after the other */
		if (s->in_flight == 0)
			call(s, s->transaction_id ? LOAD_STOP : LOAD_START, now_ns);
		return;
	}
	while (s->in_flight < l->want.in_flight)
		call(s, l->kind, now_ns);
}

static void settle(struct station *s, uint64_t now_ns)
{
	struct load *l = s->load;
	s->state = READY;
	s->set_up = true;
	l->ready++;
	l->unsettled--;
	if (running(l))
		fill(s, now_ns);
	else if (l->phase == CONNECTING)
		pace(l);
}

/* The next step of a station whose line is open: what it owes, then the set-up, then the run. */
static void go_on(struct station *s, uint64_t now_ns)
{
	struct load *l = s->load;
	if (s->in_flight || l->phase >= FINISHING)
		return;
	if (s->state == READY) {
		if (running(l))
			fill(s, now_ns);
		return;
	}
	if (l->idle || l->want.echo || s->set_up)
		settle(s, now_ns);
	else if (s->seq == 0)
		call(s, LOAD_BOOT, now_ns);
	else if (l->kind == LOAD_METER && !s->transaction_id)
		call(s, LOAD_START, now_ns);
	else
		settle(s, now_ns);
}

static void fail_station(struct station *s)
{
	s->load->failed_connections++;
	line_close(&s->line, 1000);
}

static void on_answered(struct station *s, struct slot *slot, const struct load_answer *a, uint64_t now_ns)
{
	struct load *l = s->load;
	enum load_kind kind = slot->call.kind;
	int64_t transaction_id = 0;
	bool right = l->want.echo || (a->type == 3 && load_answer_right(a, kind, &transaction_id));
	slot->used = false;
	s->in_flight--;
	l->waiting--;
	if (right) {
		l->answered++;
		s->answered++;
	} else if (a->type == 4) {
		l->errors++;
		complain(l, "the server answered with an error", a->payload, a->payload_size);
	} else {
		l->wrong++;
		complain(l, "the server's answer is wrong", a->id, (size_t)(a->payload - a->id) + a->payload_size);
	}
	if (right && kind == LOAD_METER) {
		s->answered_wh = slot->call.meter_wh;
		s->answered_time_ms = slot->call.time_ms;
	} else if (right && kind == LOAD_START) {
		s->transaction_id = transaction_id;
	} else if (right && kind == LOAD_STOP) {
		s->transaction_id = 0;
	}
	if (l->phase == MEASURING) {
		histogram_add(&l->latency, now_ns - slot->sent_ns);
		if (l->want.calls && l->latency.count >= l->want.calls)
			pace(l);
	}
	if (!right && s->state == SETTING_UP)
		fail_station(s);
	else
		go_on(s, now_ns);
	if (s->state == READY && running(l) && s->in_flight < l->want.in_flight)
		fill(s, now_ns);
}

static void refuse_call(struct station *s, const struct load_answer *a)
{
	char text[200];
	int n = snprintf(text, sizeof text, "[4,\"%.*s\",\"NotSupported\",\"\",{}]", (int)(a->id_size < 100 ? a->id_size : 100), a->id);
	line_send_text(&s->line, text, (size_t)n);
}

static void on_text(struct line *line, const char *data, size_t size)
{
	struct station *s = line->owner;
	struct load *l = s->load;
	struct load_answer a;
	if (load_answer_read(data, size, &a) < 0) {
		l->unexpected++;
		complain(l, "the server sent what is no OCPP-J message", data, size);
		return;
	}
	if (a.type == 2 && !l->want.echo) {
		refuse_call(s, &a);
		return;
	}
	if (!a.ours || a.station != s->index || a.seq == 0 || a.seq > s->seq) {
		l->unexpected++;
		complain(l, "the server answered a call that was not made", data, size);
		return;
	}
	for (struct slot *slot = s->slots; slot < s->slots + l->want.in_flight; slot++)
		if (slot->used && slot->call.seq == a.seq) {
			on_answered(s, slot, &a, uv_hrtime());
			return;
		}
	l->doubled++;
	complain(l, "the server answered a call twice", data, size);
}

/* ---- connections ---- */

static void on_open(struct line *line)
{
	struct station *s = line->owner;
	struct load *l = s->load;
	uint64_t now_ns = uv_hrtime();
	l->dialing--;
	s->state = SETTING_UP;
	if (l->phase == CONNECTING)
		l->last_open_ns = now_ns;
	for (struct slot *slot = s->slots; slot < s->slots + l->want.in_flight; slot++)
		if (slot->used) { /* after a reconnect: the server may have seen it or not */
			l->repeated++;
			transmit(s, slot, now_ns);
		}
	go_on(s, now_ns);
	if (l->phase == CONNECTING && !l->want.connect_rate)
		pace(l);
}

static void on_end(struct line *line, bool opened, const char *why)
{
	struct station *s = line->owner;
	struct load *l = s->load;
	if (s->state == DIALING)
		l->dialing--;
	if (s->state == READY)
		l->ready--;
	else
		l->unsettled--;
	if (*why)
		complain(l, opened ? "a connection ended" : "a connection failed", why, strlen(why));
	if (*why && opened && l->phase < CLOSING)
		l->dropped++;
	if (*why && !s->set_up)
		l->failed_connections++;
	s->state = GONE;
	s->since_ns = uv_hrtime();
	s->line_up = false;
	l->open_lines--;
	if (l->phase == CONNECTING || l->phase == CLOSING)
		pace(l);
}

static const struct line_events events = { on_open, on_text, on_end };

static void dial_station(struct load *l, struct station *s, uint64_t now_ns)
{
	char identity[96];
	snprintf(identity, sizeof identity, "%s%04u", l->prefix, s->index + 1);
	s->line.owner = s;
	s->state = DIALING;
	s->since_ns = now_ns;
	int r = line_open(&s->line, &l->io, &events, &l->target, identity, l->has_password ? l->password : NULL, l->subprotocol);
	if (r < 0) {
		s->state = GONE;
		l->failed_connections++;
		complain(l, "a connection failed", uv_strerror(r), strlen(uv_strerror(r)));
		return;
	}
	s->line_up = true;
	l->dialing++;
	l->unsettled++;
	l->open_lines++;
}

static void dial_more(struct load *l, uint64_t now_ns)
{
	uint64_t due = l->want.connections;
	if (l->want.connect_rate)
		due = (now_ns - l->begun_ns) * l->want.connect_rate / 1000000000u + 1;
	while (l->born < l->want.connections && l->born < due && (l->want.connect_rate || l->dialing < MAX_DIALING)) {
		struct station *s = &l->stations[l->born];
		*s = (struct station){ .load = l, .index = l->born, .slots = s->slots, .meter_wh = LOAD_METER_BASE_WH };
		if (l->want.echo)
			s->transaction_id = s->index + 1;
		l->born++;
		dial_station(l, s, now_ns);
	}
}

/* Every now and then: handshakes that take too long, connections to be made again. */
static void look_after(struct load *l, uint64_t now_ns)
{
	for (uint32_t i = 0; i < l->born; i++) {
		struct station *s = &l->stations[i];
		if (s->state == DIALING && now_ns - s->since_ns > DIAL_TIMEOUT_NS) {
			complain(l, "a connection failed", "no answer to the handshake in 60 s", 34);
			l->failed_connections++;
			line_abort(&s->line, true);
		} else if (s->state == GONE && s->set_up && l->want.reconnect && l->phase < LINGERING && now_ns - s->since_ns > REDIAL_NS &&
			   (l->phase < FINISHING || s->in_flight)) {
			dial_station(l, s, now_ns);
		}
	}
}

/* ---- the run ---- */

static void enter(struct load *l, enum phase phase, uint64_t now_ns)
{
	l->phase = phase;
	l->phase_ns = now_ns;
}

static void kick(struct load *l, uint64_t now_ns)
{
	if (l->ready == 0) {
		l->failed = true;
		complain(l, "no connection came to be", l->target.authority, strlen(l->target.authority));
		enter(l, FINISHING, now_ns);
		return;
	}
	enter(l, WARMING, now_ns);
	for (uint32_t i = 0; i < l->born; i++)
		if (l->stations[i].state == READY)
			fill(&l->stations[i], now_ns);
}

static void close_all(struct load *l, bool abort)
{
	for (uint32_t i = 0; i < l->born; i++)
		if (l->stations[i].line_up && abort)
			line_abort(&l->stations[i].line, true);
		else if (l->stations[i].line_up)
			line_close(&l->stations[i].line, 1000);
}

static void on_timer_closed(uv_handle_t *handle)
{
	struct load *l = handle->data;
	l->handle_open = false;
	l->done(l->arg);
}

static bool measured_enough(const struct load *l, uint64_t now_ns)
{
	uint64_t took_ns = now_ns - l->phase_ns;
	return (l->want.calls && l->latency.count >= l->want.calls) || (l->want.seconds && took_ns >= (uint64_t)l->want.seconds * 1000000000u);
}

/* Goes from phase to phase as far as it can be gone now. */
static void pace(struct load *l)
{
	uint64_t now_ns = uv_hrtime();
	if (l->phase == CONNECTING) {
		if (!l->stopping)
			dial_more(l, now_ns);
		if (l->stopping)
			enter(l, FINISHING, now_ns);
		else if (l->born == l->want.connections && l->unsettled == 0)
			kick(l, now_ns);
	}
	if (l->phase == WARMING && (l->stopping || now_ns - l->phase_ns >= (uint64_t)l->want.warm_up_s * 1000000000u)) {
		enter(l, MEASURING, now_ns);
		l->measure_ns = now_ns;
		l->cpu_begun_us = cpu_us();
	}
	if (l->phase == MEASURING && (l->stopping || measured_enough(l, now_ns))) {
		l->measured_ns = now_ns - l->measure_ns;
		l->cpu_us = cpu_us() - l->cpu_begun_us;
		enter(l, FINISHING, now_ns);
	}
	if (l->phase == FINISHING &&
	    (l->waiting == 0 || now_ns - l->phase_ns >= (uint64_t)l->want.answer_timeout_s * 1000000000u || (!l->open_lines && !l->want.reconnect)))
		enter(l, LINGERING, now_ns);
	if (l->phase == LINGERING && (l->failed || now_ns - l->phase_ns >= LINGER_NS)) {
		enter(l, CLOSING, now_ns);
		close_all(l, l->failed);
	}
	if (l->phase == CLOSING && l->open_lines && now_ns - l->phase_ns >= CLOSE_NS)
		close_all(l, true);
	if (l->phase == CLOSING && !l->open_lines) {
		enter(l, DONE, now_ns);
		uv_close((uv_handle_t *)&l->timer, on_timer_closed);
	}
}

static void on_tick(uv_timer_t *timer)
{
	struct load *l = timer->data;
	uint64_t now_ns = uv_hrtime();
	static const uint64_t second = 1000000000u;
	if (now_ns / (second / 5) != (now_ns - TICK_MS * 1000000u) / (second / 5))
		look_after(l, now_ns);
	pace(l);
}

/* ---- from outside ---- */

static int set_up(struct load *l, const Sim__LoadRequest *r, char *ret_error, size_t error_size)
{
	static const struct {
		const char *name;
		enum load_kind kind;
	} messages[] = { { "MeterValues", LOAD_METER }, { "Heartbeat", LOAD_HEARTBEAT }, { "StartStop", LOAD_START }, { "Idle", LOAD_BOOT } };
	const char *message = *r->message ? r->message : "MeterValues";
	l->want = *r;
	l->want.message = NULL;
	for (size_t i = 0; i < sizeof messages / sizeof messages[0]; i++)
		if (strcmp(message, messages[i].name) == 0) {
			l->want.message = (char *)messages[i].name;
			l->kind = messages[i].kind;
		}
	if (!l->want.message) {
		snprintf(ret_error, error_size, "message \"%.40s\": expected MeterValues, Heartbeat, StartStop or Idle", message);
		return -EINVAL;
	}
	l->idle = strcmp(message, "Idle") == 0;
	if (l->want.in_flight > LOAD_MAX_IN_FLIGHT || l->want.payload_bytes > LOAD_MAX_PAYLOAD) {
		snprintf(ret_error, error_size, "at most in_flight %d and payload_bytes %d", LOAD_MAX_IN_FLIGHT, LOAD_MAX_PAYLOAD);
		return -EINVAL;
	}
	l->want.connections += !l->want.connections;
	l->want.in_flight += !l->want.in_flight;
	if (!l->want.seconds && (!l->want.calls || l->idle))
		l->want.seconds = 10;
	if (!l->want.answer_timeout_s)
		l->want.answer_timeout_s = 30;
	snprintf(l->prefix, sizeof l->prefix, "%s", *r->prefix ? r->prefix : "LOAD-");
	snprintf(l->subprotocol, sizeof l->subprotocol, "%s", *r->subprotocol ? r->subprotocol : "ocpp1.6");
	snprintf(l->password, sizeof l->password, "%s", r->password);
	snprintf(l->token, sizeof l->token, "%s", *r->token ? r->token : "SIM-0001");
	l->has_password = *r->password;
	return line_target_parse(r->url, &l->target, ret_error, error_size);
}

static int make_room(struct load *l)
{
	l->tail = load_tail(l->want.payload_bytes ? l->want.payload_bytes : 360, &l->tail_size);
	l->stations = calloc(l->want.connections, sizeof *l->stations);
	l->scratch = malloc(WS_MAX_HEADER + LOAD_CALL_ROOM + l->tail_size);
	struct slot *slots = calloc((size_t)l->want.connections * l->want.in_flight, sizeof *slots);
	if (!l->tail || !l->stations || !l->scratch || !slots) {
		free(slots);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < l->want.connections; i++)
		l->stations[i].slots = slots + (size_t)i * l->want.in_flight;
	return 0;
}

int load_start(uv_loop_t *loop, const Sim__LoadRequest *request, void (*done)(void *arg), void *arg, struct load **ret, char *ret_error,
	       size_t error_size)
{
	struct timespec now;
	struct load *l = calloc(1, sizeof *l);
	snprintf(ret_error, error_size, "out of memory");
	if (!l)
		return -ENOMEM;
	int r = set_up(l, request, ret_error, error_size);
	if (r == 0)
		r = make_room(l);
	if (r < 0) {
		load_destroy(l);
		return r;
	}
	clock_gettime(CLOCK_REALTIME, &now);
	l->begun_ns = l->last_open_ns = uv_hrtime();
	l->clock_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000 - (int64_t)(l->begun_ns / 1000000);
	l->io.loop = loop;
	l->io.random = l->begun_ns | 1;
	l->done = done;
	l->arg = arg;
	l->timer.data = l;
	uv_timer_init(loop, &l->timer);
	l->handle_open = true;
	uv_timer_start(&l->timer, on_tick, 0, TICK_MS);
	*ret = l;
	return 0;
}

void load_stop(struct load *l)
{
	l->stopping = true;
}

void load_abort(struct load *l)
{
	if (l->phase >= CLOSING)
		return;
	l->stopping = true;
	if (l->phase == MEASURING) {
		l->measured_ns = uv_hrtime() - l->measure_ns;
		l->cpu_us = cpu_us() - l->cpu_begun_us;
	}
	enter(l, CLOSING, uv_hrtime());
	close_all(l, true);
}

void load_destroy(struct load *l)
{
	if (!l)
		return;
	if (l->stations)
		free(l->stations[0].slots);
	free(l->stations);
	free(l->tail);
	free(l->scratch);
	free(l);
}

static void report_stations(const struct load *l, Sim__LoadReport *ret)
{
	ret->stations = calloc(l->born ? l->born : 1, sizeof *ret->stations);
	Sim__LoadStation *rows = calloc(l->born ? l->born : 1, sizeof *rows);
	char (*names)[96] = calloc(l->born ? l->born : 1, sizeof *names);
	if (!ret->stations || !rows || !names) {
		free(ret->stations);
		free(rows);
		free(names);
		ret->stations = NULL;
		return;
	}
	for (uint32_t i = 0; i < l->born; i++) {
		const struct station *s = &l->stations[i];
		sim__load_station__init(&rows[i]);
		snprintf(names[i], sizeof names[i], "%s%04u", l->prefix, i + 1);
		rows[i].identity = names[i];
		rows[i].transaction_id = s->transaction_id;
		rows[i].answered = s->answered;
		rows[i].meter_wh = s->answered_wh;
		rows[i].meter_start_wh = s->start_wh;
		rows[i].time_ms = s->answered_time_ms;
		ret->stations[i] = &rows[i];
	}
	ret->n_stations = l->born;
}

void load_report(const struct load *l, bool stations, Sim__LoadReport *ret)
{
	static const char *const names[] = { "connecting", "warming", "measuring", "finishing", "finishing", "finishing", "done" };
	sim__load_report__init(ret);
	uint64_t took_ns = l->phase == MEASURING ? uv_hrtime() - l->measure_ns : l->measured_ns;
	ret->state = (char *)(l->failed ? "failed" : names[l->phase]);
	ret->error = (char *)l->error;
	ret->connections = l->phase < CLOSING ? l->ready : l->want.connections - l->failed_connections - l->dropped;
	ret->failed_connections = l->failed_connections;
	ret->dropped_connections = l->dropped;
	ret->connect_ms = (double)(l->last_open_ns - l->begun_ns) / 1e6;
	ret->calls = l->latency.count;
	ret->seconds = (double)took_ns / 1e9;
	ret->rate_per_s = took_ns ? (double)l->latency.count * 1e9 / (double)took_ns : 0;
	ret->p50_us = (double)histogram_at(&l->latency, 0.5) / 1e3;
	ret->p90_us = (double)histogram_at(&l->latency, 0.9) / 1e3;
	ret->p99_us = (double)histogram_at(&l->latency, 0.99) / 1e3;
	ret->p999_us = (double)histogram_at(&l->latency, 0.999) / 1e3;
	ret->max_us = (double)l->latency.max_ns / 1e3;
	ret->sent = l->sent;
	ret->answered = l->answered;
	ret->errors = l->errors;
	ret->wrong = l->wrong;
	ret->doubled = l->doubled;
	ret->unexpected = l->unexpected;
	ret->unanswered = l->waiting;
	ret->repeated = l->repeated;
	ret->cpu_us_per_call = l->latency.count ? l->cpu_us / (double)l->latency.count : 0;
	if (stations)
		report_stations(l, ret);
}

void load_report_fini(Sim__LoadReport *r)
{
	if (r->stations) {
		free(r->stations[0]->identity);
		free(r->stations[0]);
		free(r->stations);
	}
	r->stations = NULL;
	r->n_stations = 0;
}
