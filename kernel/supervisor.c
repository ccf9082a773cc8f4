/* The life of each instance as a small state machine, moved by three things only: what hosts say, how hosts end, and time. */
#include "supervisor.h"
#include "text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TICK_MS 100
#define HELLO_TIMEOUT_MS 20000
#define EXIT_TIMEOUT_MS 5000 /* from the closed store to the end of the process */
#define SETTLE_TIMEOUT_MS 10000 /* from the last start to `ready`, at the latest */
#define STALL_MS 5000        /* the kernel's own loop stood still this long: silence proves nothing */

struct gv_supervisor {
	struct gv_supervisor_options o;
	struct gv_hosts *hosts;
	struct gv_unit *units[GV_SUPERVISOR_UNITS_MAX];
	size_t n_units;
	uv_timer_t tick;
	int64_t ticked_ms;
	int64_t started_ms; /* when all had started for the first time; 0: not yet */
	unsigned handles;
	int64_t hang_ms, start_timeout_ms, stop_timeout_ms;
	bool ready, in_order;
	enum { UP, DRIVERS_STOP, OTHERS_STOP, DOWN } phase;
	Kernel__Directory directory;
	Kernel__Peer *peers;
	Kernel__Peer **peer_pointers;
	size_t peers_capacity;
};

static const char *const state_names[] = {
	[GV_STARTING] = "starting",	  [GV_RUNNING] = "running",	    [GV_STOPPING] = "stopping", [GV_INSTANCE_STOPPED] = "stopped",
	[GV_RESTARTING] = "restarting", [GV_QUARANTINED] = "quarantined", [GV_FAILED] = "failed",
};

const char *gv_instance_state_name(enum gv_instance_state state)
{
	return state_names[state];
}

static int64_t now_ms(const struct gv_supervisor *s)
{
	return (int64_t)uv_now(s->o.loop);
}

/* ---- the directory ----------------------------------------------------------------------------------------------------------------- */

static void fill_peer(Kernel__Peer *p, const struct gv_instance *inst)
{
	const struct gv_host *h = inst->host;
	const Kernel__Record *r = inst->plan->record;

	kernel__peer__init(p);
	p->name = (char *)inst->name;
	p->plugin = inst->unit->name;
	p->instance = inst->index;
	p->instances = inst->unit->count;
	p->up = h && (h->state == GV_HOST_STARTED || h->state == GV_HOST_STOPPING) && inst->up_ms != 0;
	if (p->up) {
		p->incarnation = h->incarnation;
		p->endpoint = h->endpoint;
		p->local_endpoint = h->local_endpoint;
		p->pid = h->pid;
	}
	p->serves = r->serves;
	p->n_serves = r->n_serves;
	p->hears = r->hears;
	p->n_hears = r->n_hears;
	p->emits = r->emits;
	p->n_emits = r->n_emits;
	p->driver = r->driver;
	p->gone = inst->state == GV_QUARANTINED || inst->state == GV_FAILED ||
		  (inst->state == GV_INSTANCE_STOPPED && !gv_operation_returns(inst->unit->operation));
}

/* Makes the directory anew and tells everybody. */
static void publish(struct gv_supervisor *s)
{
	size_t count = 0, wanted = 1;

	for (size_t u = 0; u < s->n_units; u++)
		wanted += s->units[u]->count;
	if (wanted > s->peers_capacity) {
		Kernel__Peer *peers = reallocarray(s->peers, wanted, sizeof *peers);
		Kernel__Peer **pointers;

		if (!peers)
			return;
		s->peers = peers;
		pointers = reallocarray(s->peer_pointers, wanted, sizeof *pointers);
		if (!pointers)
			return;
		s->peer_pointers = pointers;
		s->peers_capacity = wanted;
	}
	s->peers[count++] = *s->o.kernel;
	for (size_t u = 0; u < s->n_units; u++)
		for (uint32_t i = 0; i < s->units[u]->count; i++)
			fill_peer(&s->peers[count++], &s->units[u]->instances[i]);
	for (size_t i = 0; i < count; i++)
		s->peer_pointers[i] = &s->peers[i];
	s->directory.version++;
	s->directory.peers = s->peer_pointers;
	s->directory.n_peers = count;
	gv_hosts_send_directory(s->hosts, &s->directory);
	s->o.events.changed(s->o.events.arg, &s->directory);
}

/* ---- instances --------------------------------------------------------------------------------------------------------------------- */

static bool offer(struct gv_instance *inst, enum gv_instance_event event, const char *text)
{
	return inst->unit->operation && gv_operation_event(inst->unit->operation, inst, event, text);
}

static void set_text(char **at, const char *text)
{
	char *copy = text ? strdup(text) : NULL;

	free(*at);
	*at = copy;
}

void gv_instance_set_state(struct gv_instance *inst, enum gv_instance_state state, const char *message)
{
	set_text(&inst->message, message);
	inst->state = state;
	publish(inst->unit->supervisor);
}

void gv_instance_set_plan(struct gv_instance *inst, struct gv_plan *plan)
{
	struct gv_plan *before = inst->plan;

	inst->plan = gv_plan_ref(plan);
	gv_plan_unref(before);
}

static void set_deadline(struct gv_host *h, int64_t after_ms, const char *why)
{
	h->deadline_ms = (int64_t)uv_now(h->grace.loop) + after_ms;
	h->deadline_why = why;
}

/* The kernel keeps no more of the host than that it has to end. */
static void disown(struct gv_host *h, int64_t exit_after_ms)
{
	h->owner = NULL;
	set_deadline(h, exit_after_ms, "it did not end by itself");
}

static void assign(struct gv_instance *inst)
{
	const struct gv_supervisor_options *o = &inst->unit->supervisor->o;
	struct gv_host *h = inst->host;
	Kernel__ToHost m = KERNEL__TO_HOST__INIT;
	Kernel__Assign a = KERNEL__ASSIGN__INIT;
	char *store = gv_text("%s/stores/%s", o->data->path, inst->name);
	char *blobs = gv_text("%s/blobs", o->data->path);

	if (!store || !blobs) {
		free(store);
		free(blobs);
		gv_hosts_kill(h, "out of memory");
		return;
	}
	a.plugin = inst->unit->name;
	a.instance = inst->index;
	a.instances = inst->unit->count;
	a.node = (char *)o->node;
	a.file = h->plan->file;
	a.store = store;
	a.blobs = blobs;
	a.config.data = h->plan->config.data;
	a.config.len = h->plan->config.size;
	a.endpoint = h->endpoint;
	a.local_endpoint = h->local_endpoint;
	a.crashed = inst->crashed;
	a.cause = (char *)(inst->cause ? inst->cause : "");
	a.store_limit_bytes = o->store_limit_bytes;
	a.journal_limit_bytes = o->journal_limit_bytes;
	a.journal_limit_ms = o->journal_limit_ms;
	a.log_format = (char *)(o->log_json ? "json" : "text");
	a.log_level = (char *)o->log_level;
	a.token = h->token;
	m.kind_case = KERNEL__TO_HOST__KIND_ASSIGN;
	m.assign = &a;
	h->state = GV_HOST_ASSIGNED;
	set_deadline(h, inst->unit->supervisor->start_timeout_ms, "it had not started in time");
	gv_hosts_send(h, &m);
	free(store);
	free(blobs);
}

static void died(struct gv_instance *inst, const char *reason, bool refused);

void gv_instance_launch(struct gv_instance *inst)
{
	struct gv_supervisor *s = inst->unit->supervisor;
	char *error = NULL;

	inst->up_ms = 0;
	gv_instance_set_state(inst, GV_STARTING, NULL);
	if (gv_hosts_start(s->hosts, inst->name, inst->plan, inst, &inst->host, &error) < 0) {
		died(inst, error ? error : "out of memory", true);
		free(error);
		return;
	}
	set_deadline(inst->host, HELLO_TIMEOUT_MS, "it had not loaded in time");
}

/* What an instance is when its host has gone as asked. */
static enum gv_instance_state down_state(const struct gv_instance *inst)
{
	const struct gv_operation *op = inst->unit->operation;

	return op && gv_operation_revives(op, inst) ? GV_STARTING : GV_INSTANCE_STOPPED;
}

static void on_back_off(uv_timer_t *timer)
{
	gv_instance_launch(timer->data);
}

static void tell_stop(struct gv_host *h)
{
	Kernel__ToHost m = KERNEL__TO_HOST__INIT;
	Kernel__StopHost stop = KERNEL__STOP_HOST__INIT;

	m.kind_case = KERNEL__TO_HOST__KIND_STOP;
	m.stop = &stop;
	gv_hosts_send(h, &m);
}

int gv_instance_stop(struct gv_instance *inst, const char *message)
{
	uv_timer_stop(&inst->back_off);
	if (!inst->host) {
		gv_instance_set_state(inst, down_state(inst), message);
		return 1;
	}
	if (inst->host->state != GV_HOST_STOPPING) {
		inst->host->state = GV_HOST_STOPPING;
		set_deadline(inst->host, inst->unit->supervisor->stop_timeout_ms, "it did not stop in time");
		tell_stop(inst->host);
	}
	gv_instance_set_state(inst, GV_STOPPING, message);
	return 0;
}

int gv_instance_warm(struct gv_instance *inst, struct gv_plan *plan, char **ret_error)
{
	int rc = gv_hosts_start(inst->unit->supervisor->hosts, inst->name, plan, inst, &inst->warm, ret_error);

	if (rc == 0)
		set_deadline(inst->warm, HELLO_TIMEOUT_MS, "it had not loaded in time");
	return rc;
}

void gv_instance_promote(struct gv_instance *inst)
{
	inst->host = inst->warm;
	inst->warm = NULL;
	inst->up_ms = 0;
	gv_instance_set_plan(inst, inst->host->plan);
	assign(inst);
	gv_instance_set_state(inst, GV_STARTING, NULL);
}

void gv_instance_drop_warm(struct gv_instance *inst)
{
	if (!inst->warm)
		return;
	tell_stop(inst->warm);
	disown(inst->warm, EXIT_TIMEOUT_MS);
	inst->warm = NULL;
}

/* ---- how an instance goes down ----------------------------------------------------------------------------------------------------- */

static void go_on_stopping(struct gv_supervisor *s);

static void fail_first(struct gv_instance *inst, const char *reason)
{
	struct gv_supervisor *s = inst->unit->supervisor;
	char *sentence = gv_text("plugin %s does not start: %s", inst->name, reason);

	gv_instance_set_state(inst, GV_FAILED, reason);
	s->o.events.failed(s->o.events.arg, sentence ? sentence : reason);
	free(sentence);
}

/* It died unasked, or did not come up. `refused`: it said itself that it cannot. */
static void died(struct gv_instance *inst, const char *reason, bool refused)
{
	struct gv_supervisor *s = inst->unit->supervisor;
	int64_t up_ms = inst->up_ms;
	char *message;
	uint32_t delay_ms;

	inst->up_ms = 0;
	if (s->phase != UP) {
		gv_instance_set_state(inst, GV_INSTANCE_STOPPED, NULL);
		go_on_stopping(s);
		return;
	}
	if (!refused || up_ms != 0) {
		inst->crashed = true;
		set_text(&inst->cause, reason);
	}
	if (offer(inst, GV_EVENT_LOST, reason))
		return;
	if (inst->first) {
		fail_first(inst, reason);
		return;
	}
	if (!gv_restart_crashed(&inst->restart, up_ms, now_ms(s), &delay_ms)) {
		message = gv_text("it died %d times within %d s, the last time of: %s. It is left down; `galvan ctl load %s` starts it again, "
				  "`galvan ctl reload %s` with a repaired file",
				  GV_RESTART_CRASHES, GV_RESTART_WINDOW_MS / 1000, reason, inst->unit->name, inst->unit->name);
		gv_err(s->o.log, "plugin quarantined: %s plugin=%s", message ? message : reason, inst->name);
		gv_instance_set_state(inst, GV_QUARANTINED, message);
		free(message);
		return;
	}
	inst->restarts++;
	message = gv_text("it died: %s; it starts again after %u ms", reason, delay_ms);
	gv_warn(s->o.log, "plugin died, starting it again: %s plugin=%s restarts=%u delay_ms=%u", reason, inst->name, inst->restarts,
		delay_ms);
	gv_instance_set_state(inst, GV_RESTARTING, message);
	free(message);
	uv_update_time(s->o.loop);
	uv_timer_start(&inst->back_off, on_back_off, delay_ms, 0);
}

/* It went down as it was told to. */
static void went_down(struct gv_instance *inst)
{
	struct gv_supervisor *s = inst->unit->supervisor;
	char *message = inst->message;

	inst->up_ms = 0;
	inst->message = NULL;
	gv_instance_set_state(inst, down_state(inst), message);
	free(message);
	gv_info(s->o.log, "plugin stopped plugin=%s", inst->name);
	if (s->phase != UP)
		go_on_stopping(s);
	else
		offer(inst, GV_EVENT_STOPPED, NULL);
}

/* ---- what hosts say ---------------------------------------------------------------------------------------------------------------- */

static bool is_settled(const struct gv_supervisor *s, const struct gv_instance *inst)
{
	const struct gv_host *h = inst->host;

	return inst->state != GV_RUNNING || (h && h->beat && h->beat->beat->settled >= s->directory.version);
}

/* Ready is when all have started, and know of each other what they will need: before that, a connection might find no listener. */
static void check_ready(struct gv_supervisor *s)
{
	const struct gv_instance *unsettled = NULL;

	if (s->ready || s->phase != UP)
		return;
	for (size_t u = 0; u < s->n_units; u++) {
		for (uint32_t i = 0; i < s->units[u]->count; i++) {
			const struct gv_instance *inst = &s->units[u]->instances[i];

			if (inst->first)
				return;
			if (!is_settled(s, inst))
				unsettled = inst;
		}
	}
	if (!s->started_ms)
		s->started_ms = now_ms(s);
	if (unsettled && now_ms(s) - s->started_ms < SETTLE_TIMEOUT_MS)
		return;
	if (unsettled)
		gv_warn(s->o.log, "ready, though a plugin has not heard from all others plugin=%s", unsettled->name);
	s->ready = true;
	s->o.events.ready(s->o.events.arg);
}

static void on_hello(struct gv_instance *inst, struct gv_host *h)
{
	h->state = GV_HOST_WARM;
	h->deadline_ms = 0;
	if (h == inst->host)
		assign(inst);
	else
		offer(inst, GV_EVENT_WARM, NULL);
}

static void on_started(struct gv_instance *inst, struct gv_host *h, uint64_t incarnation)
{
	struct gv_supervisor *s = inst->unit->supervisor;
	struct gv_plan *before = inst->unit->plan;

	h->incarnation = incarnation;
	inst->up_ms = now_ms(s);
	inst->first = false;
	inst->crashed = false;
	set_text(&inst->cause, NULL);
	inst->unit->plan = gv_plan_ref(h->plan);
	gv_plan_unref(before);
	if (h->state == GV_HOST_STOPPING)
		return; /* told to stop meanwhile */
	h->state = GV_HOST_STARTED;
	h->deadline_ms = 0;
	gv_instance_set_state(inst, GV_RUNNING, NULL);
	gv_info(s->o.log, "plugin running plugin=%s version=%s incarnation=%" PRIu64 " pid=%" PRId64, inst->name, h->plan->record->version,
		incarnation, h->pid);
	offer(inst, GV_EVENT_STARTED, NULL);
	check_ready(s);
}

static void keep_beat(struct gv_host *h, const Kernel__FromHost *m)
{
	size_t size = kernel__from_host__get_packed_size(m);
	uint8_t *data = malloc(size ? size : 1);
	Kernel__FromHost *copy;

	if (!data)
		return;
	kernel__from_host__pack(m, data);
	copy = kernel__from_host__unpack(NULL, size, data);
	free(data);
	if (!copy)
		return;
	if (h->beat)
		kernel__from_host__free_unpacked(h->beat, NULL);
	h->beat = copy;
}

static void on_message(void *arg, struct gv_host *h, const Kernel__FromHost *m)
{
	struct gv_supervisor *s = arg;
	struct gv_instance *inst = h->owner;

	h->heard_ms = now_ms(s);
	/* A stop that was sent before it could listen is lost. */
	if (m->kind_case == KERNEL__FROM_HOST__KIND_HELLO && (!inst || h->state == GV_HOST_STOPPING))
		tell_stop(h);
	if (!inst)
		return;
	switch (m->kind_case) {
	case KERNEL__FROM_HOST__KIND_HELLO:
		if (h->state == GV_HOST_SPAWNED)
			on_hello(inst, h);
		break;
	case KERNEL__FROM_HOST__KIND_STARTED:
		if (h == inst->host && (h->state == GV_HOST_ASSIGNED || h->state == GV_HOST_STOPPING))
			on_started(inst, h, m->started->incarnation);
		break;
	case KERNEL__FROM_HOST__KIND_FAILED:
		set_text(&h->failure, m->failed->message);
		break;
	case KERNEL__FROM_HOST__KIND_BEAT:
		keep_beat(h, m);
		check_ready(s);
		break;
	case KERNEL__FROM_HOST__KIND_STOPPED:
		if (h != inst->host || h->state != GV_HOST_STOPPING)
			break;
		h->state = GV_HOST_STOPPED;
		inst->host = NULL;
		disown(h, EXIT_TIMEOUT_MS);
		went_down(inst);
		break;
	default:
		break;
	}
}

static void on_ended(void *arg, struct gv_host *h, bool clean)
{
	struct gv_supervisor *s = arg;
	struct gv_instance *inst = h->owner;
	const char *reason = h->failure ? h->failure : h->cause ? h->cause : "out of memory";

	if (!inst) {
		if (s->phase != UP)
			go_on_stopping(s);
		return;
	}
	if (h == inst->warm) {
		inst->warm = NULL;
		offer(inst, GV_EVENT_WARM_LOST, reason);
		return;
	}
	inst->host = NULL;
	if (h->state != GV_HOST_STOPPING) {
		died(inst, reason, h->failure != NULL);
		return;
	}
	if (!clean) {
		gv_warn(s->o.log, "plugin ended while it was told to stop: %s plugin=%s", reason, inst->name);
		inst->crashed = true;
		set_text(&inst->cause, reason);
		s->in_order = false;
	}
	went_down(inst);
}

/* ---- time -------------------------------------------------------------------------------------------------------------------------- */

static void kill_host(struct gv_supervisor *s, struct gv_host *h, const char *why)
{
	bool was_stuck = h->stuck;

	if (gv_hosts_kill(h, why) == 0 || was_stuck)
		return;
	gv_err(s->o.log, "a plugin that runs as a thread hangs and cannot be killed (%s): restart the node, and run it with `isolation: process` "
	       "plugin=%s", why, h->instance);
	if (h->owner) {
		struct gv_instance *inst = h->owner;
		gv_instance_set_state(inst, inst->state, "it hangs and, being a thread, cannot be killed: restart the node, and run it with "
							 "`isolation: process`");
	}
	s->in_order = false;
	if (s->phase != UP)
		go_on_stopping(s);
}

static void on_tick(uv_timer_t *timer)
{
	struct gv_supervisor *s = timer->data;
	struct gv_host *h, *next;
	int64_t now = now_ms(s);
	bool stalled = now - s->ticked_ms > STALL_MS;
	char why[64];

	s->ticked_ms = now;
	for (h = gv_hosts_first(s->hosts); h; h = next) {
		next = h->next;
		if (stalled)
			h->heard_ms = now;
		if (h->deadline_ms != 0 && now >= h->deadline_ms) {
			if (!h->stuck)
				s->in_order = s->in_order && h->state == GV_HOST_STOPPED;
			kill_host(s, h, h->deadline_why);
		} else if (h->state == GV_HOST_STARTED && now - h->heard_ms > s->hang_ms) {
			snprintf(why, sizeof why, "no sign of life for %" PRId64 " ms, killed", s->hang_ms);
			kill_host(s, h, why);
		}
	}
	check_ready(s);
}

/* ---- the node's stop --------------------------------------------------------------------------------------------------------------- */

/* True while an instance of this sort still has a host that can be waited for. */
static bool any_left(const struct gv_supervisor *s, bool drivers_only)
{
	for (struct gv_host *h = gv_hosts_first(s->hosts); h; h = h->next)
		if (!h->stuck && (!drivers_only || (h->plan->record->driver && h->owner)))
			return true;
	return false;
}

static void stop_all(struct gv_supervisor *s, bool drivers)
{
	for (size_t u = 0; u < s->n_units; u++)
		for (uint32_t i = 0; i < s->units[u]->count; i++) {
			struct gv_instance *inst = &s->units[u]->instances[i];
			if (inst->plan->record->driver == drivers)
				gv_instance_stop(inst, inst->message);
		}
}

static void go_on_stopping(struct gv_supervisor *s)
{
	if (s->phase == DRIVERS_STOP && !any_left(s, true)) {
		s->phase = OTHERS_STOP;
		stop_all(s, false);
	}
	if (s->phase == OTHERS_STOP && !any_left(s, false)) {
		s->phase = DOWN;
		s->o.events.stopped(s->o.events.arg, s->in_order);
	}
}

void gv_supervisor_stop(struct gv_supervisor *s)
{
	if (s->phase != UP)
		return;
	s->phase = DRIVERS_STOP;
	s->in_order = true;
	for (size_t u = 0; u < s->n_units; u++) {
		if (s->units[u]->operation)
			gv_operation_abort(s->units[u]->operation);
		for (uint32_t i = 0; i < s->units[u]->count; i++) {
			uv_timer_stop(&s->units[u]->instances[i].back_off);
			gv_instance_drop_warm(&s->units[u]->instances[i]);
		}
	}
	stop_all(s, true);
	go_on_stopping(s);
}

void gv_supervisor_kill(struct gv_supervisor *s)
{
	gv_supervisor_stop(s);
	for (struct gv_host *h = gv_hosts_first(s->hosts); h; h = h->next)
		gv_hosts_kill(h, "the node was told to stop at once");
	go_on_stopping(s);
}

/* ---- life -------------------------------------------------------------------------------------------------------------------------- */

static int64_t env_ms(const char *name, int64_t otherwise)
{
	const char *text = getenv(name);
	long long value = text ? strtoll(text, NULL, 10) : 0;

	return value > 0 ? value : otherwise;
}

int gv_supervisor_create(const struct gv_supervisor_options *o, struct gv_supervisor **ret, char **ret_error)
{
	struct gv_supervisor *s = calloc(1, sizeof *s);
	struct gv_hosts_options ho = { .loop = o->loop, .context = o->context, .log = o->log };
	char *run = gv_text("%s/run", o->data->path);
	int rc;

	if (!s || !run) {
		free(s);
		free(run);
		return -ENOMEM;
	}
	s->o = *o;
	s->hang_ms = env_ms("GALVAN_HANG_MS", 15000);
	s->start_timeout_ms = env_ms("GALVAN_START_TIMEOUT_MS", 60000);
	s->stop_timeout_ms = env_ms("GALVAN_STOP_TIMEOUT_MS", 20000);
	kernel__directory__init(&s->directory);
	ho.run = run;
	ho.events = (struct gv_hosts_events){ .arg = s, .message = on_message, .ended = on_ended };
	rc = gv_hosts_create(&ho, &s->hosts, ret_error);
	if (rc < 0) {
		free(run);
		free(s);
		return rc;
	}
	uv_timer_init(o->loop, &s->tick);
	s->tick.data = s;
	s->handles = 1;
	s->ticked_ms = now_ms(s);
	uv_timer_start(&s->tick, on_tick, TICK_MS, TICK_MS);
	*ret = s;
	return 0;
}

static void free_unit(struct gv_unit *u)
{
	for (uint32_t i = 0; i < u->count; i++) {
		gv_plan_unref(u->instances[i].plan);
		free(u->instances[i].message);
		free(u->instances[i].cause);
	}
	gv_plan_unref(u->plan);
	free(u->instances);
	free(u->name);
	free(u);
}

int gv_supervisor_add(struct gv_supervisor *s, struct gv_plan *plan, struct gv_unit **ret)
{
	struct gv_unit *u;

	if (s->n_units >= GV_SUPERVISOR_UNITS_MAX)
		return -ENOSPC;
	u = calloc(1, sizeof *u);
	if (!u)
		return -ENOMEM;
	u->supervisor = s;
	u->name = strdup(plan->name);
	u->instances = calloc(plan->instances, sizeof *u->instances);
	if (!u->name || !u->instances) {
		free_unit(u);
		return -ENOMEM;
	}
	u->plan = gv_plan_ref(plan);
	u->count = plan->instances;
	for (uint32_t i = 0; i < u->count; i++) {
		struct gv_instance *inst = &u->instances[i];
		inst->unit = u;
		inst->index = i;
		inst->first = !s->ready;
		inst->state = GV_INSTANCE_STOPPED;
		inst->plan = gv_plan_ref(plan);
		snprintf(inst->name, sizeof inst->name, "%s.%u", u->name, i);
		uv_timer_init(s->o.loop, &inst->back_off);
		inst->back_off.data = inst;
		s->handles++;
		/* A thread that died took the whole node with it. */
		if (s->o.data->unclean && plan->isolation == GV_ISOLATION_THREAD) {
			inst->crashed = true;
			inst->cause = strdup("the node died");
		}
	}
	s->units[s->n_units++] = u;
	if (ret)
		*ret = u;
	return 0;
}

void gv_supervisor_start(struct gv_supervisor *s)
{
	for (size_t u = 0; u < s->n_units; u++)
		for (uint32_t i = 0; i < s->units[u]->count && s->phase == UP; i++)
			gv_instance_launch(&s->units[u]->instances[i]);
	check_ready(s);
}

bool gv_supervisor_is_ready(const struct gv_supervisor *s)
{
	return s->ready;
}

struct gv_unit *gv_supervisor_unit(const struct gv_supervisor *s, size_t i)
{
	return i < s->n_units ? s->units[i] : NULL;
}

struct gv_unit *gv_supervisor_find(const struct gv_supervisor *s, const char *name)
{
	for (size_t u = 0; u < s->n_units; u++)
		if (strcmp(s->units[u]->name, name) == 0)
			return s->units[u];
	return NULL;
}

const Kernel__Directory *gv_supervisor_directory(const struct gv_supervisor *s)
{
	return &s->directory;
}

const struct gv_supervisor_options *gv_supervisor_options(const struct gv_supervisor *s)
{
	return &s->o;
}

static void free_supervisor(struct gv_supervisor *s)
{
	for (size_t u = 0; u < s->n_units; u++)
		free_unit(s->units[u]);
	free(s->peers);
	free(s->peer_pointers);
	free(s);
}

static void on_tick_closed(uv_handle_t *handle)
{
	struct gv_supervisor *s = handle->data;

	if (--s->handles == 0)
		free_supervisor(s);
}

static void on_back_off_closed(uv_handle_t *handle)
{
	struct gv_instance *inst = handle->data;
	struct gv_supervisor *s = inst->unit->supervisor;

	if (--s->handles == 0)
		free_supervisor(s);
}

void gv_supervisor_destroy(struct gv_supervisor *s)
{
	if (!s)
		return;
	gv_hosts_destroy(s->hosts);
	for (size_t u = 0; u < s->n_units; u++)
		for (uint32_t i = 0; i < s->units[u]->count; i++)
			uv_close((uv_handle_t *)&s->units[u]->instances[i].back_off, on_back_off_closed);
	uv_close((uv_handle_t *)&s->tick, on_tick_closed);
}
