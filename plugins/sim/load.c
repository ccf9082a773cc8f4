/* The load generator. Every station always waits for its answer and sends the next call the moment it comes, so the
 * server sets the pace; and because each answer is matched to its call, what is lost, doubled or wrong is known
 * exactly, over reloads and crashes of the server. */
#include "load_run.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TICK_MS 20
#define MAX_DIALING 256 /* handshakes under way where no rate is given */
#define DIAL_TIMEOUT_NS 60000000000ull
#define REDIAL_NS 200000000ull /* after a connection ended, where `reconnect` is asked for */
#define LINGER_NS 250000000ull /* after the last answer: a second answer to the same call would come now */
#define CLOSE_NS 2000000000ull /* for the server's half of the closing handshake */

static void dial_more(struct load *l, uint64_t now_ns)
{
	uint64_t due = l->want.connections;
	if (l->want.connect_rate)
		due = (now_ns - l->account.begun_ns) * l->want.connect_rate / 1000000000u + 1;
	while (l->born < l->want.connections && l->born < due && (l->want.connect_rate || l->dialing < MAX_DIALING)) {
		struct station *s = &l->stations[l->born];
		*s = (struct station){ .load = l, .index = l->born, .slots = s->slots, .meter_wh = LOAD_METER_BASE_WH };
		if (l->want.echo)
			s->transaction_id = s->index + 1;
		l->born++;
		load_dial(l, s, now_ns);
	}
}

static void give_up(struct station *s, const char *why)
{
	load_account_complain(&s->load->account, "a station could not be set up", why, strlen(why));
	s->load->account.failed_connections++;
	line_abort(&s->line, true);
}

/* Every now and then: handshakes that take too long, connections to be made again. */
static void look_after(struct load *l, uint64_t now_ns)
{
	for (uint32_t i = 0; i < l->born; i++) {
		struct station *s = &l->stations[i];
		if (s->state == DIALING && now_ns - s->since_ns > DIAL_TIMEOUT_NS) {
			give_up(s, "no answer to the handshake in 60 s");
		} else if (s->state == SETTING_UP &&
			   now_ns - s->since_ns > (uint64_t)l->want.answer_timeout_s * 1000000000u) {
			give_up(s, "no answer to BootNotification or StartTransaction in time");
		} else if (s->state == GONE && s->set_up && l->want.reconnect && l->account.phase < LINGERING &&
			   now_ns - s->since_ns > REDIAL_NS && (l->account.phase < FINISHING || s->in_flight)) {
			load_dial(l, s, now_ns);
		}
	}
}

/* ---- the run --------------------------------------------------------------------------------- */

static void kick(struct load *l, uint64_t now_ns)
{
	struct load_account *a = &l->account;
	if (a->up == 0) {
		a->failed = true;
		load_account_complain(a, "no connection came to be", l->target.authority, strlen(l->target.authority));
		load_account_enter(a, FINISHING, now_ns);
		return;
	}
	load_account_enter(a, WARMING, now_ns);
	for (uint32_t i = 0; i < l->born; i++)
		if (l->stations[i].state == READY)
			load_fill(&l->stations[i], now_ns);
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
	l->done(l->arg);
}

static bool measured_enough(const struct load *l, uint64_t now_ns)
{
	uint64_t took_ns = now_ns - l->account.phase_ns;
	if (l->storm)
		return !l->away || took_ns >= (uint64_t)l->want.answer_timeout_s * 1000000000u;
	return (l->want.calls && l->account.latency.count >= l->want.calls) ||
	       (l->want.seconds && took_ns >= (uint64_t)l->want.seconds * 1000000000u);
}

static uint64_t linger_ns(const struct load *l)
{
	uint64_t quiet_ns = l->storm ? (uint64_t)l->want.warm_up_s * 1000000000u : 0;
	return quiet_ns > LINGER_NS ? quiet_ns : LINGER_NS;
}

/* Goes from phase to phase as far as it can be gone now. */
void load_pace(struct load *l)
{
	struct load_account *a = &l->account;
	uint64_t now_ns = uv_hrtime();
	if (a->phase == CONNECTING) {
		if (!l->stopping)
			dial_more(l, now_ns);
		if (l->stopping)
			load_account_enter(a, FINISHING, now_ns);
		else if (l->born == l->want.connections && l->unsettled == 0)
			kick(l, now_ns);
	}
	if (a->phase == WARMING && (l->stopping || now_ns - a->phase_ns >= (uint64_t)l->want.warm_up_s * 1000000000u)) {
		load_account_enter(a, MEASURING, now_ns);
		if (l->storm && !l->stopping)
			load_storm_begin(l);
	}
	if (a->phase == MEASURING && (l->stopping || measured_enough(l, now_ns)))
		load_account_enter(a, FINISHING, now_ns);
	if (a->phase == FINISHING &&
	    (a->waiting == 0 || now_ns - a->phase_ns >= (uint64_t)l->want.answer_timeout_s * 1000000000u ||
	     (!l->open_lines && !l->want.reconnect)))
		load_account_enter(a, LINGERING, now_ns);
	if (a->phase == LINGERING && (a->failed || now_ns - a->phase_ns >= linger_ns(l))) {
		load_account_enter(a, CLOSING, now_ns);
		close_all(l, a->failed);
	}
	if (a->phase == CLOSING && l->open_lines && now_ns - a->phase_ns >= CLOSE_NS)
		close_all(l, true);
	if (a->phase == CLOSING && !l->open_lines) {
		load_account_enter(a, DONE, now_ns);
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
	load_pace(l);
}

/* ---- from outside ---------------------------------------------------------------------------- */

static int set_up(struct load *l, const Sim__LoadRequest *r, char *ret_error, size_t error_size)
{
	static const struct {
		const char *name;
		enum load_kind kind;
	} messages[] = { { "MeterValues", LOAD_METER },
			 { "Heartbeat", LOAD_HEARTBEAT },
			 { "StartStop", LOAD_START },
			 { "Idle", LOAD_BOOT },
			 { "Storm", LOAD_METER } };
	const char *message = *r->message ? r->message : "MeterValues";
	l->want = *r;
	l->want.message = NULL;
	for (size_t i = 0; i < sizeof messages / sizeof messages[0]; i++)
		if (strcmp(message, messages[i].name) == 0) {
			l->want.message = (char *)messages[i].name;
			l->kind = messages[i].kind;
		}
	if (!l->want.message) {
		snprintf(ret_error, error_size,
			 "message \"%.40s\": expected MeterValues, Heartbeat, StartStop, Idle or Storm", message);
		return -EINVAL;
	}
	l->idle = strcmp(message, "Idle") == 0;
	l->storm = strcmp(message, "Storm") == 0;
	l->want.reconnect |= l->storm;
	if (l->want.in_flight > LOAD_MAX_IN_FLIGHT || l->want.payload_bytes > LOAD_MAX_PAYLOAD) {
		snprintf(ret_error, error_size, "at most in_flight %d and payload_bytes %d", LOAD_MAX_IN_FLIGHT,
			 LOAD_MAX_PAYLOAD);
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
	int error = line_target_parse(r->url, &l->target, ret_error, error_size);
	l->target.compression = r->compression;
	return error;
}

static int make_room(struct load *l)
{
	l->tail = load_tail(l->want.payload_bytes ? l->want.payload_bytes : 360, &l->tail_size);
	l->stations = calloc(l->want.connections, sizeof *l->stations);
	l->scratch = malloc(GV_WS_HEADER_MAX + LOAD_CALL_ROOM + l->tail_size);
	struct slot *slots = calloc((size_t)l->want.connections * l->want.in_flight, sizeof *slots);
	if (!l->tail || !l->stations || !l->scratch || !slots) {
		free(slots);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < l->want.connections; i++)
		l->stations[i].slots = slots + (size_t)i * l->want.in_flight;
	return 0;
}

int load_start(uv_loop_t *loop, const Sim__LoadRequest *request, void (*done)(void *arg), void *arg, struct load **ret,
	       char *ret_error, size_t error_size)
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
	l->account.begun_ns = l->account.last_open_ns = uv_hrtime();
	l->clock_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000 - (int64_t)(l->account.begun_ns / 1000000);
	l->io.loop = loop;
	l->io.random = l->account.begun_ns | 1;
	l->done = done;
	l->arg = arg;
	l->timer.data = l;
	uv_timer_init(loop, &l->timer);
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
	if (l->account.phase >= CLOSING)
		return;
	l->stopping = true;
	load_account_enter(&l->account, CLOSING, uv_hrtime());
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
	line_io_fini(&l->io);
	free(l);
}
