/* The life of each instance as a small state machine, moved by three things only: what hosts say, how hosts end, and
 * time. */
#include "supervisor_internal.h"
#include "text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HELLO_TIMEOUT_MS 20000
#define EXIT_TIMEOUT_MS 5000 /* from the closed store to the end of the process */

static const char *const state_names[] = {
	[GV_STARTING] = "starting",     [GV_RUNNING] = "running",
	[GV_STOPPING] = "stopping",     [GV_INSTANCE_STOPPED] = "stopped",
	[GV_RESTARTING] = "restarting", [GV_QUARANTINED] = "quarantined",
	[GV_FAILED] = "failed",
};

const char *gv_instance_state_name(enum gv_instance_state state)
{
	return state_names[state];
}

/* ---- instances ------------------------------------------------------------------------------- */

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
	gv_supervisor_publish(inst->unit->supervisor);
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
	if (!gv_plan_runs(inst->plan)) {
		inst->first = false;
		gv_instance_set_state(inst, GV_FAILED, inst->plan->note);
		return;
	}
	gv_instance_set_state(inst, GV_STARTING, NULL);
	if (gv_hosts_start(s->hosts, inst->name, inst->plan, inst, &inst->host, &error) < 0) {
		died(inst, error ? error : "out of memory", true);
		free(error);
		return;
	}
	set_deadline(inst->host, HELLO_TIMEOUT_MS, "it had not loaded in time");
}

static void on_back_off(uv_timer_t *timer)
{
	gv_instance_launch(timer->data);
}

static void tell_stop(struct gv_host *h, bool returns)
{
	Kernel__ToHost m = KERNEL__TO_HOST__INIT;
	Kernel__StopHost stop = KERNEL__STOP_HOST__INIT;

	stop.returns = returns;
	m.kind_case = KERNEL__TO_HOST__KIND_STOP;
	m.stop = &stop;
	gv_hosts_send(h, &m);
}

int gv_instance_stop(struct gv_instance *inst, const char *message)
{
	uv_timer_stop(&inst->back_off);
	if (!inst->host) {
		gv_instance_set_state(inst, GV_INSTANCE_STOPPED, message);
		return 1;
	}
	if (inst->host->state != GV_HOST_STOPPING) {
		inst->host->state = GV_HOST_STOPPING;
		set_deadline(inst->host, inst->unit->supervisor->stop_timeout_ms, "it did not stop in time");
		tell_stop(inst->host, gv_operation_returns(inst->unit->operation));
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
	tell_stop(inst->warm, false);
	disown(inst->warm, EXIT_TIMEOUT_MS);
	inst->warm = NULL;
}

/* ---- how an instance goes down --------------------------------------------------------------- */

/* Without one of ours the node is not what its config says, so it does not start; whoever supervises it tries again. */
static void fail_node(struct gv_instance *inst, const char *reason)
{
	struct gv_supervisor *s = inst->unit->supervisor;
	char *sentence = gv_text("%s: %s does not start: %s. Mend that, or take the plugin out of the config",
				 inst->plan->place, inst->name, reason);

	gv_instance_set_state(inst, GV_FAILED, reason);
	s->o.events.failed(s->o.events.arg, sentence ? sentence : reason);
	free(sentence);
}

/* The first start since the node's own. True: that settles it; false: it died, as it may at any time. */
static bool first_failed(struct gv_instance *inst, const char *reason, bool refused)
{
	struct gv_supervisor *s = inst->unit->supervisor;
	struct gv_plan *instead;
	char *message;

	if (!inst->plan->outside || s->o.strict) {
		fail_node(inst, reason);
		return true;
	}
	instead = s->o.events.instead(s->o.events.arg, inst->plan, reason);
	if (instead) {
		gv_instance_set_plan(inst, instead);
		gv_plan_unref(instead);
		gv_instance_launch(inst);
		return true;
	}
	inst->first = false;
	if (!refused)
		return false;
	message = gv_text("%s: %s of version %s does not start: %s. `galvan ctl load %s` starts it once that is mended",
			  inst->plan->place, inst->plan->path, inst->plan->record->version, reason, inst->unit->name);
	gv_err(s->o.log, "the node starts without a plugin: %s plugin=%s", message ? message : reason, inst->name);
	gv_instance_set_state(inst, GV_FAILED, message ? message : reason);
	free(message);
	return true;
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
		gv_supervisor_go_on_stopping(s);
		return;
	}
	if (!refused || up_ms != 0) {
		inst->crashed = true;
		set_text(&inst->cause, reason);
	}
	if (offer(inst, GV_EVENT_LOST, reason))
		return;
	if (inst->first && first_failed(inst, reason, refused)) {
		gv_supervisor_check_ready(s);
		return;
	}
	if (!gv_restart_crashed(&inst->restart, up_ms, gv_supervisor_now_ms(s), &delay_ms)) {
		message = gv_text("it died %d times within %d s, the last time of: %s. It is left down; `galvan ctl "
				  "load %s` starts it again, "
				  "`galvan ctl reload %s` with a repaired file",
				  GV_RESTART_CRASHES, GV_RESTART_WINDOW_MS / 1000, reason, inst->unit->name,
				  inst->unit->name);
		gv_err(s->o.log, "plugin quarantined: %s plugin=%s", message ? message : reason, inst->name);
		gv_instance_set_state(inst, GV_QUARANTINED, message);
		free(message);
		return;
	}
	inst->restarts++;
	message = gv_text("it died: %s; it starts again after %u ms", reason, delay_ms);
	gv_warn(s->o.log, "plugin died, starting it again: %s plugin=%s restarts=%u delay_ms=%u", reason, inst->name,
		inst->restarts, delay_ms);
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
	gv_instance_set_state(inst, GV_INSTANCE_STOPPED, message);
	free(message);
	gv_info(s->o.log, "plugin stopped plugin=%s", inst->name);
	if (s->phase != UP)
		gv_supervisor_go_on_stopping(s);
	else
		offer(inst, GV_EVENT_STOPPED, NULL);
}

/* ---- what hosts say -------------------------------------------------------------------------- */

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
	inst->up_ms = gv_supervisor_now_ms(s);
	inst->first = false;
	inst->crashed = false;
	set_text(&inst->cause, NULL);
	inst->unit->plan = gv_plan_ref(h->plan);
	gv_plan_unref(before);
	if (h->state == GV_HOST_STOPPING)
		return; /* told to stop meanwhile */
	h->state = GV_HOST_STARTED;
	h->deadline_ms = 0;
	gv_instance_set_state(inst, GV_RUNNING, h->plan->note);
	if (h->plan->outside && gv_datadir_remember(s->o.data, inst->unit->name, h->plan->hash) < 0)
		gv_warn(s->o.log, "cannot note in the data folder which file runs plugin=%s", inst->unit->name);
	gv_info(s->o.log, "plugin running plugin=%s version=%s incarnation=%" PRIu64 " pid=%" PRId64, inst->name,
		h->plan->record->version, incarnation, h->pid);
	offer(inst, GV_EVENT_STARTED, NULL);
	gv_supervisor_check_ready(s);
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

void gv_supervisor_on_message(void *arg, struct gv_host *h, const Kernel__FromHost *m)
{
	struct gv_supervisor *s = arg;
	struct gv_instance *inst = h->owner;

	h->heard_ms = gv_supervisor_now_ms(s);
	/* A stop that was sent before it could listen is lost. */
	if (m->kind_case == KERNEL__FROM_HOST__KIND_HELLO && (!inst || h->state == GV_HOST_STOPPING))
		tell_stop(h, inst && gv_operation_returns(inst->unit->operation));
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
		gv_supervisor_check_ready(s);
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

void gv_supervisor_on_ended(void *arg, struct gv_host *h, bool clean)
{
	struct gv_supervisor *s = arg;
	struct gv_instance *inst = h->owner;
	const char *reason = h->failure ? h->failure : h->cause ? h->cause : "out of memory";

	if (!inst) {
		if (s->phase != UP)
			gv_supervisor_go_on_stopping(s);
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
