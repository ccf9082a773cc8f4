/* The whole of a node's plugins: adding and starting them, the watch over time, the orderly stop. */
#include "supervisor_internal.h"
#include "text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TICK_MS 100
#define SETTLE_TIMEOUT_MS 10000 /* from the last start to `ready`, at the latest */
#define STALL_MS 5000           /* the kernel's own loop stood still this long: silence proves nothing */

/* ---- ready ----------------------------------------------------------------------------------- */

static bool is_settled(const struct gv_supervisor *s, const struct gv_instance *inst)
{
	const struct gv_host *h = inst->host;

	return inst->state != GV_RUNNING || (h && h->beat && h->beat->beat->settled >= s->directory.version);
}

/* Ready is when all have started, and know of each other what they will need: before that, a connection might find no
 * listener. */
void gv_supervisor_check_ready(struct gv_supervisor *s)
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
		s->started_ms = gv_supervisor_now_ms(s);
	if (unsettled && gv_supervisor_now_ms(s) - s->started_ms < SETTLE_TIMEOUT_MS)
		return;
	if (unsettled)
		gv_warn(s->o.log, "ready, though a plugin has not heard from all others plugin=%s", unsettled->name);
	s->ready = true;
	s->o.events.ready(s->o.events.arg);
}

/* ---- time ------------------------------------------------------------------------------------ */

static void kill_host(struct gv_supervisor *s, struct gv_host *h, const char *why)
{
	bool was_stuck = h->stuck;

	if (gv_hosts_kill(h, why) == 0 || was_stuck)
		return;
	gv_err(s->o.log,
	       "a plugin that runs as a thread hangs and cannot be killed (%s): restart the node, and run it with "
	       "`isolation: process` "
	       "plugin=%s",
	       why, h->instance);
	if (h->owner) {
		struct gv_instance *inst = h->owner;
		gv_instance_set_state(
			inst, inst->state,
			"it hangs and, being a thread, cannot be killed: restart the node, and run it with "
			"`isolation: process`");
	}
	s->in_order = false;
	if (s->phase != UP)
		gv_supervisor_go_on_stopping(s);
}

static void on_tick(uv_timer_t *timer)
{
	struct gv_supervisor *s = timer->data;
	struct gv_host *h, *next;
	int64_t now = gv_supervisor_now_ms(s);
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
	gv_supervisor_check_ready(s);
}

/* ---- the node's stop ------------------------------------------------------------------------- */

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

void gv_supervisor_go_on_stopping(struct gv_supervisor *s)
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
	gv_supervisor_go_on_stopping(s);
}

void gv_supervisor_kill(struct gv_supervisor *s)
{
	gv_supervisor_stop(s);
	for (struct gv_host *h = gv_hosts_first(s->hosts); h; h = h->next)
		gv_hosts_kill(h, "the node was told to stop at once");
	gv_supervisor_go_on_stopping(s);
}

/* ---- life ------------------------------------------------------------------------------------ */

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
	ho.events = (struct gv_hosts_events){ .arg = s,
					      .message = gv_supervisor_on_message,
					      .ended = gv_supervisor_on_ended };
	rc = gv_hosts_create(&ho, &s->hosts, ret_error);
	free(run);
	if (rc < 0) {
		free(s);
		return rc;
	}
	uv_timer_init(o->loop, &s->tick);
	s->tick.data = s;
	s->handles = 1;
	s->ticked_ms = gv_supervisor_now_ms(s);
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
	gv_supervisor_check_ready(s);
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
