/* `galvan events`: follows events as they happen, one JSON object a line. Nothing is held back for a follower and
 * nothing from before it came is shown: tables and services say what is, this says what happens. */
#include "cli_command.h"

#include <lib/json.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TYPES_MAX 256
#define QUEUE_MAX 65536 /* events that may wait for a new schema */
#define BARRIER_TIMEOUT_MS 3000

struct event {
	char *from;
	Env__Event *event;
};

struct follower {
	const char *types[TYPES_MAX];
	size_t n_types;
	struct event *queue;
	size_t n_queue, capacity;
	uint64_t lost;
};

static void on_event(struct gv_cli *cli, const char *from, const Env__Event *event)
{
	struct follower *f = cli->arg;
	size_t size = env__event__get_packed_size(event);
	uint8_t *copy = malloc(size + 1);
	struct event *e;

	if (f->n_queue == f->capacity) {
		size_t more = f->capacity ? f->capacity * 2 : 64;
		void *grown = more <= QUEUE_MAX ? realloc(f->queue, more * sizeof *f->queue) : NULL;

		if (!grown) {
			f->lost++;
			free(copy);
			return;
		}
		f->queue = grown;
		f->capacity = more;
	}
	if (!copy)
		return;
	e = &f->queue[f->n_queue];
	env__event__pack(event, copy);
	e->event = env__event__unpack(NULL, size, copy);
	e->from = strdup(from);
	free(copy);
	if (e->event && e->from)
		f->n_queue++;
}

static int print_event(struct gv_cli *cli, const struct event *e)
{
	const struct gv_type *type = gv_schema_type(cli->schema, e->event->type);
	struct gv_buf out = { 0 };
	int r;

	if (!type) { /* of a plugin that was loaded or replaced meanwhile */
		int code = gv_cli_learn(cli);

		if (code)
			return code;
		type = gv_schema_type(cli->schema, e->event->type);
	}
	gv_buf_puts(&out, "{\"type\":");
	gv_json_string(&out, e->event->type, strlen(e->event->type));
	gv_buf_puts(&out, ",\"key\":");
	gv_json_string(&out, e->event->key, strlen(e->event->key));
	gv_buf_printf(&out, ",\"timeMs\":\"%" PRId64 "\",\"instance\":", e->event->time_ms);
	gv_json_string(&out, e->from, strlen(e->from));
	gv_buf_printf(&out, ",\"seq\":\"%" PRIu64 "\",\"event\":", e->event->seq);
	r = type ? gv_json_write(type, e->event->payload.data, e->event->payload.len, 0, &out) : -ENOENT;
	if (!r && !out.error) {
		gv_buf_puts(&out, "}");
		puts(gv_buf_str(&out));
	} else {
		gv_cli_fail(GV_CLI_OK, "an event %s of %s cannot be read by the node's schema and is left out",
			    e->event->type, e->from);
	}
	gv_buf_fini(&out);
	return GV_CLI_OK;
}

static int print_queue(struct gv_cli *cli)
{
	struct follower *f = cli->arg;
	int code = GV_CLI_OK;

	/* Printing may learn a new schema and so let the queue grow. */
	for (size_t i = 0; i < f->n_queue; i++) {
		struct event e = f->queue[i];

		if (!code)
			code = print_event(cli, &e);
		env__event__free_unpacked(e.event, NULL);
		free(e.from);
	}
	f->n_queue = 0;
	if (f->lost)
		gv_cli_fail(GV_CLI_OK, "%" PRIu64 " events were left out: they came faster than they could be printed",
			    f->lost);
	f->lost = 0;
	if (fflush(stdout))
		code = gv_cli_fail(GV_CLI_REFUSED, "cannot write the output: %s", strerror(errno));
	return code;
}

static size_t emitted(const struct gv_cli *cli, const char **names)
{
	size_t n = 0;

	for (size_t i = 0; i < cli->records->n_plugins; i++) {
		const Kernel__Record *record = cli->records->plugins[i];

		for (size_t j = 0; j < record->n_emits && n < TYPES_MAX; j++)
			names[n++] = record->emits[j];
	}
	return n;
}

static bool names_type(const char *wanted, const char *full)
{
	size_t n = strlen(wanted), m = strlen(full);

	return n == m ? !strcmp(wanted, full) : n < m && full[m - n - 1] == '.' && !strcmp(full + m - n, wanted);
}

/* Full or short names to full ones; a short name takes every type that ends so. */
static int resolve_types(struct gv_cli *cli, struct follower *f)
{
	const char *names[TYPES_MAX];
	size_t n = emitted(cli, names);

	for (int i = 0; i < cli->argc; i++) {
		size_t before = f->n_types;
		char hint[512];

		if (!strcmp(cli->argv[i], "*")) {
			f->types[0] = "*";
			f->n_types = 1;
			return GV_CLI_OK;
		}
		for (size_t j = 0; j < n && f->n_types < TYPES_MAX; j++) {
			if (names_type(cli->argv[i], names[j]))
				f->types[f->n_types++] = names[j];
		}
		if (f->n_types > before)
			continue;
		gv_cli_suggest(cli->argv[i], names, n, hint, sizeof hint);
		fprintf(stderr, "not_found: no plugin of this node emits %s%s\n", cli->argv[i],
			hint[0] ? hint : "; `galvan describe` lists what there is");
		return GV_CLI_REFUSED;
	}
	if (!cli->argc)
		f->types[f->n_types++] = "*";
	return GV_CLI_OK;
}

/* A subscription is on its way to the emitters when the kernel has taken it; a question that goes the same way and is
 * answered shows that it has arrived. Emitters that are down answer nothing and are subscribed to when they come up. */
static int wait_until_subscribed(struct gv_cli *cli)
{
	uint8_t *packed = NULL;
	size_t size = 0;
	Kernel__StatusReply *status;
	int code = gv_cli_ask(cli, "galvan.kernel.v1.Kernel/Status", "", NULL, 0, BARRIER_TIMEOUT_MS, &packed, &size);

	if (code)
		return code;
	status = kernel__status_reply__unpack(NULL, size, packed);
	free(packed);
	for (size_t i = 0; status && !code && i < status->n_plugins; i++) {
		const Kernel__PluginStatus *plugin = status->plugins[i];
		Kernel__ListParkedRequest question = KERNEL__LIST_PARKED_REQUEST__INIT;
		char instance[128];
		uint8_t request[256];
		uint64_t id;

		if (strcmp(plugin->state, "running") || strlen(plugin->name) > 64)
			continue;
		snprintf(instance, sizeof instance, "%s.%u", plugin->name, plugin->instance);
		question.plugin = instance;
		size = kernel__list_parked_request__pack(&question, request);
		/* Refused or not: an answer is an answer. */
		if (gv_client_send_call(cli->client, "galvan.kernel.v1.Plugin/ListParked", instance, request, size,
					BARRIER_TIMEOUT_MS, &id))
			continue;
		cli->awaited = id;
		for (int64_t until = gv_client_clock_ms() + BARRIER_TIMEOUT_MS;
		     cli->awaited && gv_client_clock_ms() < until;) {
			if (gv_client_wait(cli->client, -1, 100) == -ENOTCONN) {
				code = gv_cli_gone();
				break;
			}
		}
		cli->awaited = 0;
	}
	if (status)
		kernel__status_reply__free_unpacked(status, NULL);
	return code;
}

static int follow(struct gv_cli *cli)
{
	int64_t alive_ms = gv_client_clock_ms() + GV_CLIENT_KEEP_ALIVE_MS;
	int code = print_queue(cli);

	while (!code) {
		int64_t now = gv_client_clock_ms();
		int r;

		if (now >= alive_ms) {
			gv_client_keep_alive(cli->client);
			alive_ms = now + GV_CLIENT_KEEP_ALIVE_MS;
		}
		r = gv_client_wait(cli->client, -1, (int)(alive_ms - now > 0 ? alive_ms - now : 0));
		code = print_queue(cli);
		if (!code && r == -ENOTCONN)
			code = gv_cli_gone();
	}
	return code;
}

int gv_cli_events(struct gv_cli *cli)
{
	struct follower *f = calloc(1, sizeof *f);
	int code = f ? gv_cli_learn(cli) : gv_cli_fail(GV_CLI_REFUSED, "out of memory");

	if (!code)
		code = resolve_types(cli, f);
	if (!code) {
		cli->arg = f;
		cli->on_event = on_event;
		if (gv_client_subscribe(cli->client, f->types, f->n_types))
			code = gv_cli_fail(GV_CLI_UNREACHABLE, "cannot send to the node");
	}
	if (!code)
		code = wait_until_subscribed(cli);
	if (!code) {
		fputs("following\n", stderr);
		code = follow(cli);
	}
	cli->on_event = NULL;
	if (f)
		free(f->queue);
	free(f);
	return code;
}
