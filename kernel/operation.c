/* What ADR 1 promises of a hot reload: nothing of the running version is touched before the new file has been probed,
 * its config checked and its code loaded in a host that waits; then the old one stops, the new one opens the store; and
 * where that fails the old file starts again. Reading files and probing block, so they run on a worker thread. */
#include "operation.h"
#include "config.h"
#include "text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum phase {
	PREPARING,       /* on the worker */
	WARMING,         /* reload: hosts with the new file load beside the running ones */
	STOPPING,        /* the instance in hand goes down */
	STARTING,        /* it comes up with the new plan */
	RETURN_STOPPING, /* reload failed: it goes down again ... */
	RETURNING,       /* ... and comes up with the old plan */
};

struct gv_operation {
	uv_work_t work;
	struct gv_supervisor *supervisor;
	enum gv_operation_kind kind;
	enum phase phase;
	char *name;
	struct gv_unit *unit; /* NULL until a new plugin has been added */
	gv_operation_done *done;
	void *arg;
	bool working, ended;
	struct gv_plan *before, *plan; /* before: what ran when a reload began */
	uint32_t index;                /* the instance in hand */
	uint32_t warm;                 /* so many wait */
	char *reason;                  /* why the reload failed */
	/* the worker's */
	char *config_file, *copies;
	struct gv_plan *made;
	char *error;
};

static const char *const verbs[] = { [GV_OP_LOAD] = "load", [GV_OP_UNLOAD] = "unload", [GV_OP_RELOAD] = "reload" };

static void free_operation(struct gv_operation *op)
{
	gv_plan_unref(op->before);
	gv_plan_unref(op->plan);
	gv_plan_unref(op->made);
	free(op->reason);
	free(op->error);
	free(op->config_file);
	free(op->copies);
	free(op->name);
	free(op);
}

static void finish(struct gv_operation *op, enum gv_code code, const char *text)
{
	const struct gv_logger *log = gv_supervisor_options(op->supervisor)->log;

	if (op->unit && op->unit->operation == op)
		op->unit->operation = NULL;
	if (code == GV_OK)
		gv_info(log, "%s: %s plugin=%s", verbs[op->kind], text ? text : "done", op->name);
	else
		gv_err(log, "%s failed: %s plugin=%s", verbs[op->kind], text ? text : "out of memory", op->name);
	op->ended = true;
	op->done(op->arg, code, text ? text : "out of memory");
	if (!op->working)
		free_operation(op);
}

/* As finish, with a text that it frees. */
static void finish_text(struct gv_operation *op, enum gv_code code, char *text)
{
	finish(op, code, text);
	free(text);
}

/* ---- one instance after the other ------------------------------------------------------------ */

static struct gv_instance *in_hand(struct gv_operation *op)
{
	return &op->unit->instances[op->index];
}

static char *version_text(const struct gv_operation *op)
{
	const struct gv_plan *before = op->before;

	if (before && strcmp(before->hash, op->plan->hash) == 0)
		return gv_text("%s %s runs again, from the same file (%s, %.8s)", op->name, op->plan->record->version,
			       op->plan->path, op->plan->hash);
	if (before && strcmp(before->record->version, op->plan->record->version) == 0)
		return gv_text("%s %s runs, the same version with other content: %.8s before, %.8s now (%s)", op->name,
			       op->plan->record->version, before->hash, op->plan->hash, op->plan->path);
	return gv_text("%s %s runs (%s, %.12s)", op->name, op->plan->record->version, op->plan->path, op->plan->hash);
}

static void start_in_hand(struct gv_operation *op)
{
	struct gv_instance *inst = in_hand(op);

	op->phase = STARTING;
	gv_restart_reset(&inst->restart);
	if (inst->warm) {
		gv_instance_promote(inst);
		return;
	}
	gv_instance_set_plan(inst, op->plan);
	gv_instance_launch(inst);
}

static void stop_in_hand(struct gv_operation *op)
{
	char *message = op->kind == GV_OP_UNLOAD ? gv_text("unloaded; `galvan ctl load %s` starts it again", op->name)
						 : NULL;

	op->phase = STOPPING;
	if (gv_instance_stop(in_hand(op), message) == 1)
		gv_operation_event(op, in_hand(op), GV_EVENT_STOPPED, NULL);
	free(message);
}

/* The next instance that has something to be done, from op->index on; false: there is none. */
static bool next_in_hand(struct gv_operation *op)
{
	for (; op->index < op->unit->count; op->index++) {
		enum gv_instance_state state = in_hand(op)->state;
		if (op->kind == GV_OP_RELOAD || (op->kind == GV_OP_UNLOAD && !(state == GV_INSTANCE_STOPPED)))
			return true;
		if (op->kind == GV_OP_LOAD && !in_hand(op)->host && state != GV_RESTARTING)
			return true;
	}
	return false;
}

static void go_on(struct gv_operation *op)
{
	if (next_in_hand(op)) {
		if (op->kind == GV_OP_LOAD)
			start_in_hand(op);
		else
			stop_in_hand(op);
		return;
	}
	if (op->kind == GV_OP_UNLOAD)
		finish_text(op, GV_OK, gv_text("%s is unloaded; its store stays", op->name));
	else
		finish_text(op, GV_OK, version_text(op));
}

/* ---- back to the old version ----------------------------------------------------------------- */

static void return_in_hand(struct gv_operation *op)
{
	struct gv_instance *inst = in_hand(op);

	gv_instance_drop_warm(inst);
	op->phase = RETURNING;
	gv_instance_set_plan(inst, op->before);
	gv_instance_launch(inst);
}

/* The instance in hand is settled; those before it run the new version: back with them too, unless their tables have
 * been migrated. */
static void return_next(struct gv_operation *op)
{
	bool migrated = op->plan->record->schema != op->before->record->schema;

	for (uint32_t i = 0; i < op->unit->count; i++)
		gv_instance_drop_warm(&op->unit->instances[i]);
	if (op->index == 0 || migrated) {
		finish_text(op, GV_FAILED_PRECONDITION,
			    gv_text("%s; version %s runs again%s", op->reason ? op->reason : "out of memory",
				    op->before->record->version,
				    op->index > 0 ? " in this instance; instances before it have migrated their tables "
						    "and stay new"
						  : ""));
		return;
	}
	op->index--;
	op->phase = RETURN_STOPPING;
	if (gv_instance_stop(in_hand(op), NULL) == 1)
		gv_operation_event(op, in_hand(op), GV_EVENT_STOPPED, NULL);
}

static void on_lost(struct gv_operation *op, const char *text)
{
	struct gv_instance *inst = in_hand(op);

	if (op->phase == RETURNING) {
		finish_text(op, GV_INTERNAL,
			    gv_text("%s; and version %s does not start again either: %s",
				    op->reason ? op->reason : "it failed", op->before->record->version, text));
		return;
	}
	if (op->kind == GV_OP_RELOAD) {
		op->reason = gv_text("version %s of %s does not start: %s", op->plan->record->version, op->name, text);
		return_in_hand(op);
		return;
	}
	gv_instance_set_state(inst, GV_FAILED, text);
	finish_text(op, GV_FAILED_PRECONDITION, gv_text("%s does not start: %s", inst->name, text));
}

static void on_warm_lost(struct gv_operation *op, const char *text)
{
	for (uint32_t i = 0; i < op->unit->count; i++)
		gv_instance_drop_warm(&op->unit->instances[i]);
	finish_text(op, GV_FAILED_PRECONDITION,
		    gv_text("the new file cannot be loaded, %s goes on as it was: %s", op->name, text));
}

bool gv_operation_event(struct gv_operation *op, struct gv_instance *inst, enum gv_instance_event event,
			const char *text)
{
	if (op->phase == PREPARING)
		return false;
	if (op->phase == WARMING) {
		if (event == GV_EVENT_WARM_LOST)
			on_warm_lost(op, text);
		else if (event == GV_EVENT_WARM && ++op->warm == op->unit->count)
			go_on(op);
		return event == GV_EVENT_WARM || event == GV_EVENT_WARM_LOST;
	}
	if (event == GV_EVENT_WARM_LOST) {
		/* One that waits for its turn died: its instance will be started afresh. */
		return true;
	}
	if (inst != in_hand(op))
		return false;
	switch (event) {
	case GV_EVENT_STOPPED:
		if (op->phase == STOPPING && op->kind == GV_OP_RELOAD) {
			start_in_hand(op);
		} else if (op->phase == STOPPING) {
			op->index++;
			go_on(op);
		} else if (op->phase == RETURN_STOPPING) {
			return_in_hand(op);
		}
		return true;
	case GV_EVENT_STARTED:
		if (op->phase == RETURNING) {
			return_next(op);
		} else if (op->phase == STARTING) {
			op->index++;
			go_on(op);
		}
		return true;
	case GV_EVENT_LOST:
		if (op->phase == STOPPING) /* it died before it could stop: as good */
			return gv_operation_event(op, inst, GV_EVENT_STOPPED, NULL);
		if (op->phase == RETURN_STOPPING) {
			return_in_hand(op);
			return true;
		}
		if (op->phase == RETURNING) {
			on_lost(op, text);
			return false; /* and the supervisor tries on */
		}
		on_lost(op, text);
		return true;
	default:
		return false;
	}
}

bool gv_operation_returns(const struct gv_operation *op)
{
	return op && op->kind == GV_OP_RELOAD;
}

void gv_operation_abort(struct gv_operation *op)
{
	finish(op, GV_UNAVAILABLE, "the node is stopping");
}

/* ---- preparing ------------------------------------------------------------------------------- */

static void prepare(uv_work_t *work)
{
	struct gv_operation *op = work->data;
	const struct gv_config_plugin *p;
	struct gv_config *config;

	if (gv_config_load(op->config_file, &config, &op->error) < 0)
		return;
	p = gv_config_find(config, op->name);
	if (!p)
		gv_text_error(&op->error, -ENOENT, "%s names no plugin '%s': add it there first", op->config_file,
			      op->name);
	else
		gv_plan_make(config, p, op->copies, &op->made, &op->error);
	gv_config_destroy(config);
}

static void begin_reload(struct gv_operation *op)
{
	char *error = NULL;

	if (op->plan->instances != op->unit->count) {
		finish_text(op, GV_FAILED_PRECONDITION,
			    gv_text("the config says `instances: %u` for %s, which runs with %u: their number is fixed "
				    "when the stores are made",
				    op->plan->instances, op->name, op->unit->count));
		return;
	}
	op->phase = WARMING;
	op->before = gv_plan_ref(op->unit->plan);
	for (uint32_t i = 0; i < op->unit->count; i++)
		if (gv_instance_warm(&op->unit->instances[i], op->plan, &error) < 0) {
			on_warm_lost(op, error ? error : "out of memory");
			free(error);
			return;
		}
}

static void begin_load(struct gv_operation *op)
{
	if (!op->unit && gv_supervisor_find(op->supervisor, op->name)) {
		finish_text(op, GV_FAILED_PRECONDITION, gv_text("%s has been loaded meanwhile", op->name));
		return;
	}
	if (!op->unit) {
		if (gv_supervisor_add(op->supervisor, op->plan, &op->unit) < 0) {
			finish(op, GV_RESOURCE_EXHAUSTED, "this node holds no more plugins");
			return;
		}
		op->unit->operation = op;
	} else if (op->plan->instances != op->unit->count) {
		begin_reload(op); /* says so */
		return;
	}
	go_on(op);
}

static void on_prepared(uv_work_t *work, int status)
{
	struct gv_operation *op = work->data;

	op->working = false;
	if (op->ended) {
		free_operation(op);
		return;
	}
	if (!op->made) {
		finish(op, GV_FAILED_PRECONDITION, op->error);
		return;
	}
	op->plan = gv_plan_ref(op->made);
	if (op->kind == GV_OP_RELOAD)
		begin_reload(op);
	else
		begin_load(op);
}

/* ---- the request ----------------------------------------------------------------------------- */

static bool any_running(const struct gv_unit *u)
{
	for (uint32_t i = 0; i < u->count; i++)
		if (u->instances[i].host)
			return true;
	return false;
}

static bool all_failed(const struct gv_unit *u)
{
	for (uint32_t i = 0; i < u->count; i++)
		if (u->instances[i].state != GV_FAILED)
			return false;
	return true;
}

/* Why it cannot be begun at all; NULL: it can. malloc'd. */
static char *refusal(const struct gv_operation *op, enum gv_code *ret_code)
{
	const struct gv_unit *u = op->unit;

	*ret_code = GV_FAILED_PRECONDITION;
	if (!u && op->kind != GV_OP_LOAD) {
		*ret_code = GV_NOT_FOUND;
		return gv_text("this node has no plugin '%s' (galvan ctl plugins lists them)", op->name);
	}
	if (u && u->operation)
		return gv_text("a %s of %s is under way: try again when it has ended", verbs[u->operation->kind],
			       op->name);
	if (op->kind == GV_OP_LOAD && u && !next_in_hand((struct gv_operation *)op))
		return gv_text("%s runs already; `galvan ctl reload %s` replaces it", op->name, op->name);
	if (op->kind == GV_OP_UNLOAD && !next_in_hand((struct gv_operation *)op))
		return gv_text("%s is not loaded", op->name);
	return NULL;
}

void gv_operation_start(struct gv_supervisor *s, enum gv_operation_kind kind, const char *name, gv_operation_done *done,
			void *arg)
{
	const struct gv_supervisor_options *o = gv_supervisor_options(s);
	struct gv_operation *op = calloc(1, sizeof *op);
	enum gv_code code;
	char *text;

	if (!op) {
		done(arg, GV_RESOURCE_EXHAUSTED, "out of memory");
		return;
	}
	op->supervisor = s;
	op->kind = kind;
	op->done = done;
	op->arg = arg;
	op->work.data = op;
	op->name = strdup(name);
	op->config_file = strdup(o->config_file);
	op->copies = gv_text("%s/plugins", o->data->path);
	op->unit = gv_supervisor_find(s, name);
	if (kind == GV_OP_RELOAD && op->unit && all_failed(op->unit))
		op->kind = GV_OP_LOAD; /* there is no version to go back to */
	if (!op->name || !op->config_file || !op->copies) {
		done(arg, GV_RESOURCE_EXHAUSTED, "out of memory");
		free_operation(op);
		return;
	}
	text = refusal(op, &code);
	if (text) {
		done(arg, code, text);
		free(text);
		free_operation(op);
		return;
	}
	op->index = 0;
	if (op->unit)
		op->unit->operation = op;
	if (kind == GV_OP_UNLOAD) {
		go_on(op);
		return;
	}
	if (op->kind == GV_OP_LOAD && op->unit && any_running(op->unit)) {
		op->plan = gv_plan_ref(op->unit->plan); /* its siblings' version */
		go_on(op);
		return;
	}
	op->working = true;
	if (uv_queue_work(o->loop, &op->work, prepare, on_prepared) < 0) {
		op->working = false;
		finish(op, GV_INTERNAL, "no worker thread is to be had");
	}
}
