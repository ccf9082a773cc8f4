/* galvan.kernel.v1.Kernel: what the node says of itself and lets be done to it. */
#include "control_internal.h"
#include "metrics.h"
#include "operation.h"

#include <galvan/kernel.schema.h>

#include <stdlib.h>
#include <string.h>

#define STOP_AFTER_MS 50 /* the answer to Stop leaves first */

struct pending_operation { /* somebody waits for the end of a load, unload or reload */
	struct pending_operation *next;
	struct gv_control *control; /* NULL: it has gone */
	struct origin from;
};

static void reply_message(struct gv_control *c, const struct origin *to, const ProtobufCMessage *m)
{
	size_t size = protobuf_c_message_get_packed_size(m);
	uint8_t *data = malloc(size ? size : 1);

	if (!data) {
		gv_control_reply(c, to, GV_RESOURCE_EXHAUSTED, "out of memory", NULL, 0);
		return;
	}
	protobuf_c_message_pack(m, data);
	gv_control_reply(c, to, GV_OK, NULL, data, size);
	free(data);
}

/* ---- status ---------------------------------------------------------------------------------- */

static void fill_status(Kernel__PluginStatus *p, const struct gv_instance *inst)
{
	kernel__plugin_status__init(p);
	p->name = inst->unit->name;
	p->instance = inst->index;
	p->version = inst->plan->record->version;
	p->state = (char *)gv_instance_state_name(inst->state);
	p->isolation = (char *)(inst->plan->isolation == GV_ISOLATION_THREAD ? "thread" : "process");
	p->pid = inst->host ? inst->host->pid : 0;
	p->restarts = inst->restarts;
	p->message = inst->message ? inst->message : (char *)"";
	p->path = inst->plan->path;
	p->hash = inst->plan->hash;
}

static void status(struct gv_control *c, const struct origin *from, const Env__Call *call)
{
	Kernel__StatusReply r = KERNEL__STATUS_REPLY__INIT;
	Kernel__PluginStatus *plugins;
	Kernel__PluginStatus **pointers;
	const struct gv_unit *u;
	size_t count = 0;

	for (size_t k = 0; (u = gv_supervisor_unit(c->supervisor, k)); k++)
		count += u->count;
	plugins = calloc(count ? count : 1, sizeof *plugins);
	pointers = calloc(count ? count : 1, sizeof *pointers);
	if (plugins && pointers) {
		for (size_t k = 0; (u = gv_supervisor_unit(c->supervisor, k)); k++)
			for (uint32_t i = 0; i < u->count; i++) {
				fill_status(&plugins[r.n_plugins], &u->instances[i]);
				pointers[r.n_plugins] = &plugins[r.n_plugins];
				r.n_plugins++;
			}
		r.plugins = pointers;
		r.node = (char *)c->o.node;
		r.version = (char *)c->o.version;
		r.started_at_ms = c->started_at_ms;
		r.ready = gv_supervisor_is_ready(c->supervisor);
		reply_message(c, from, &r.base);
	} else {
		gv_control_reply(c, from, GV_RESOURCE_EXHAUSTED, "out of memory", NULL, 0);
	}
	free(plugins);
	free(pointers);
}

/* ---- describe -------------------------------------------------------------------------------- */

static void describe(struct gv_control *c, const struct origin *from, const Env__Call *call)
{
	static char *serves[] = { (char *)"galvan.kernel.v1.Kernel", (char *)"galvan.kernel.v1.Plugin" };
	Kernel__DescribeReply r = KERNEL__DESCRIBE_REPLY__INIT;
	Kernel__Record own = KERNEL__RECORD__INIT;
	Kernel__Record *records[GV_SUPERVISOR_UNITS_MAX + 1];
	const struct gv_unit *u;

	own.name = (char *)"kernel";
	own.version = (char *)c->o.version;
	own.summary = (char *)"the node itself, and what every plugin's run-time answers";
	own.serves = serves;
	own.n_serves = 2;
	own.file_descriptor_set.data = (uint8_t *)kernel_schema;
	own.file_descriptor_set.len = sizeof kernel_schema;
	records[r.n_plugins++] = &own;
	for (size_t k = 0; (u = gv_supervisor_unit(c->supervisor, k)); k++)
		if (gv_plan_runs(u->plan))
			records[r.n_plugins++] = u->plan->record;
	r.plugins = records;
	reply_message(c, from, &r.base);
}

static void metrics(struct gv_control *c, const struct origin *from, const Env__Call *call)
{
	Kernel__MetricsReply r = KERNEL__METRICS_REPLY__INIT;
	struct gv_buf text = { 0 };

	if (gv_metrics_render(c->supervisor, c->o.version, c->started_at_ms, &text) < 0) {
		gv_control_reply(c, from, GV_RESOURCE_EXHAUSTED, "out of memory", NULL, 0);
	} else {
		r.text = (char *)gv_buf_str(&text);
		reply_message(c, from, &r.base);
	}
	gv_buf_fini(&text);
}

/* ---- operations ------------------------------------------------------------------------------ */

static void on_operation_done(void *arg, enum gv_code code, const char *text)
{
	struct pending_operation *p = arg;
	Kernel__PluginReply r = KERNEL__PLUGIN_REPLY__INIT;
	struct pending_operation **at;

	if (p->control) {
		for (at = &p->control->operations; *at != p;)
			at = &(*at)->next;
		*at = p->next;
		r.message = (char *)text;
		if (code == GV_OK)
			reply_message(p->control, &p->from, &r.base);
		else
			gv_control_reply(p->control, &p->from, code, text, NULL, 0);
	}
	free(p);
}

/* A caller that asks again, after its restart, for what is under way is not heard twice. */
static bool is_pending(const struct gv_control *c, const struct origin *from)
{
	for (const struct pending_operation *p = c->operations; p; p = p->next)
		if (p->from.call == from->call && p->from.is_client == from->is_client &&
		    p->from.identity_size == from->identity_size &&
		    memcmp(p->from.identity, from->identity, from->identity_size) == 0)
			return true;
	return false;
}

static void operate(struct gv_control *c, const struct origin *from, const Env__Call *call, enum gv_operation_kind kind)
{
	Kernel__PluginRequest *request = kernel__plugin_request__unpack(NULL, call->request.len, call->request.data);
	struct pending_operation *p;

	if (!request || !*request->name) {
		gv_control_reply(c, from, GV_INVALID_ARGUMENT,
				 "which plugin? `name` must name one (galvan ctl plugins lists them)", NULL, 0);
	} else if (!is_pending(c, from)) {
		p = calloc(1, sizeof *p);
		if (p) {
			p->control = c;
			p->from = *from;
			p->next = c->operations;
			c->operations = p;
			gv_operation_start(c->supervisor, kind, request->name, on_operation_done, p);
		} else {
			gv_control_reply(c, from, GV_RESOURCE_EXHAUSTED, "out of memory", NULL, 0);
		}
	}
	if (request)
		kernel__plugin_request__free_unpacked(request, NULL);
}

static void load(struct gv_control *c, const struct origin *from, const Env__Call *call)
{
	operate(c, from, call, GV_OP_LOAD);
}

static void unload(struct gv_control *c, const struct origin *from, const Env__Call *call)
{
	operate(c, from, call, GV_OP_UNLOAD);
}

static void reload(struct gv_control *c, const struct origin *from, const Env__Call *call)
{
	operate(c, from, call, GV_OP_RELOAD);
}

static void on_stop(uv_timer_t *timer)
{
	struct gv_control *c = timer->data;

	c->o.stop(c->o.arg);
}

static void stop(struct gv_control *c, const struct origin *from, const Env__Call *call)
{
	Kernel__StopReply r = KERNEL__STOP_REPLY__INIT;

	reply_message(c, from, &r.base);
	uv_timer_start(&c->stop, on_stop, STOP_AFTER_MS, 0);
}

/* ---- dispatch -------------------------------------------------------------------------------- */

static const struct {
	const char *name;
	void (*fn)(struct gv_control *c, const struct origin *from, const Env__Call *call);
} methods[] = {
	{ "Status", status }, { "Describe", describe }, { "Metrics", metrics }, { "Load", load },
	{ "Unload", unload }, { "Reload", reload },     { "Stop", stop },
};

void gv_service_call(struct gv_control *c, const struct origin *from, const Env__Call *call)
{
	const char *name = strchr(call->method, '/') + 1;

	for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
		if (strcmp(methods[i].name, name) == 0) {
			methods[i].fn(c, from, call);
			return;
		}
	gv_control_reply(c, from, GV_UNIMPLEMENTED,
			 "galvan.kernel.v1.Kernel has no such method: it has Status, Describe, Metrics, Load, Unload, "
			 "Reload and Stop",
			 NULL, 0);
}

void gv_service_fini(struct gv_control *c)
{
	for (struct pending_operation *p = c->operations; p; p = p->next)
		p->control = NULL; /* freed when the operation ends */
	c->operations = NULL;
}
