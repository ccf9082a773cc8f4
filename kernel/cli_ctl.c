/* `galvan ctl`: what runs on a node, and loading, unloading, reloading and stopping it. */
#include "cli_command.h"

#include <lib/json.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define STATUS_TIMEOUT_MS 10000
#define CHANGE_TIMEOUT_MS 120000 /* a reload waits for the old version to finish its turn and drain */
#define REQUEST_MAX 512

static void print_as_json(struct gv_cli *cli, const char *type_name, const uint8_t *packed, size_t size)
{
	const struct gv_type *type = gv_schema_type(cli->schema, type_name);
	struct gv_buf out = { 0 };

	if (type && !gv_json_write(type, packed, size, 0, &out) && !out.error)
		puts(gv_buf_str(&out));
	gv_buf_fini(&out);
}

static void print_node(const Kernel__StatusReply *status)
{
	struct timespec now;
	int64_t up_s;

	clock_gettime(CLOCK_REALTIME, &now);
	up_s = now.tv_sec - status->started_at_ms / 1000;
	printf("node %s: galvan %s, %s, up %" PRId64 " s\n", status->node, status->version,
	       status->ready ? "ready" : "not ready", up_s);
}

static void print_status(const Kernel__StatusReply *status)
{
	print_node(status);
	printf("%-20s %-12s %-9s %9s %9s  %s\n", "INSTANCE", "STATE", "VERSION", "PID", "RESTARTS", "MESSAGE");
	for (size_t i = 0; i < status->n_plugins; i++) {
		const Kernel__PluginStatus *p = status->plugins[i];
		char instance[128];

		snprintf(instance, sizeof instance, "%s.%u", p->name, p->instance);
		printf("%-20s %-12s %-9s %9" PRId64 " %9u  %s\n", instance, p->state, p->version, p->pid, p->restarts,
		       p->message);
	}
}

/* One line a plugin: what is loaded, not how its instances fare. */
static void print_plugins(const Kernel__StatusReply *status)
{
	printf("%-16s %-9s %-9s %9s  %-16s  %s\n", "PLUGIN", "VERSION", "ISOLATION", "INSTANCES", "SHA-256", "FILE");
	for (size_t i = 0; i < status->n_plugins; i++) {
		const Kernel__PluginStatus *p = status->plugins[i];
		unsigned instances = 0;
		bool first = true;

		for (size_t j = 0; j < status->n_plugins; j++) {
			if (strcmp(status->plugins[j]->name, p->name))
				continue;
			instances++;
			first = first && j >= i;
		}
		if (first)
			printf("%-16s %-9s %-9s %9u  %-16.16s  %s\n", p->name, p->version, p->isolation, instances,
			       p->hash, p->path);
	}
}

static int show(struct gv_cli *cli, bool plugins)
{
	uint8_t *packed = NULL;
	size_t size = 0;
	Kernel__StatusReply *status;
	int code = cli->json ? gv_cli_learn(cli) : gv_cli_connect(cli);

	if (!code)
		code = gv_cli_ask(cli, "galvan.kernel.v1.Kernel/Status", "", NULL, 0,
				  cli->timeout_ms ? cli->timeout_ms : STATUS_TIMEOUT_MS, &packed, &size);
	if (code)
		return code;
	status = kernel__status_reply__unpack(NULL, size, packed);
	if (!status)
		code = gv_cli_fail(
			GV_CLI_REFUSED,
			"the node's answer cannot be read: it runs another version of galvan than this command");
	else if (cli->json)
		print_as_json(cli, "galvan.kernel.v1.StatusReply", packed, size);
	else if (plugins)
		print_plugins(status);
	else
		print_status(status);
	if (status)
		kernel__status_reply__free_unpacked(status, NULL);
	free(packed);
	return code;
}

static int change(struct gv_cli *cli, const char *method, const char *name)
{
	Kernel__PluginRequest request = KERNEL__PLUGIN_REQUEST__INIT;
	Kernel__PluginReply *reply;
	uint8_t bytes[REQUEST_MAX], *packed = NULL;
	size_t size = 0;
	int code;

	if (strlen(name) > REQUEST_MAX - 16)
		return gv_cli_fail(GV_CLI_USAGE, "a plugin's name of %zu bytes is too long", strlen(name));
	request.name = (char *)name;
	code = gv_cli_connect(cli);
	if (!code)
		code = gv_cli_ask(cli, method, "", bytes, kernel__plugin_request__pack(&request, bytes),
				  cli->timeout_ms ? cli->timeout_ms : CHANGE_TIMEOUT_MS, &packed, &size);
	if (code)
		return code;
	reply = kernel__plugin_reply__unpack(NULL, size, packed);
	if (reply)
		puts(reply->message);
	kernel__plugin_reply__free_unpacked(reply, NULL);
	free(packed);
	return GV_CLI_OK;
}

static int stop_node(struct gv_cli *cli)
{
	int code = gv_cli_connect(cli);

	if (!code)
		code = gv_cli_ask(cli, "galvan.kernel.v1.Kernel/Stop", "", NULL, 0,
				  cli->timeout_ms ? cli->timeout_ms : CHANGE_TIMEOUT_MS, NULL, NULL);
	if (!code)
		puts("the node is stopping");
	return code;
}

int gv_cli_ctl(struct gv_cli *cli)
{
	static const struct {
		const char *verb, *method;
	} changes[] = {
		{ "load", "galvan.kernel.v1.Kernel/Load" },
		{ "unload", "galvan.kernel.v1.Kernel/Unload" },
		{ "reload", "galvan.kernel.v1.Kernel/Reload" },
		{ "stop", "galvan.kernel.v1.Kernel/Unload" },
	};
	const char *verb = cli->argv[0];

	if (!strcmp(verb, "status") && cli->argc == 1)
		return show(cli, false);
	if (!strcmp(verb, "plugins") && cli->argc == 1)
		return show(cli, true);
	if (!strcmp(verb, "stop") && cli->argc == 1)
		return stop_node(cli);
	for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
		if (strcmp(verb, changes[i].verb))
			continue;
		if (cli->argc == 1)
			return gv_cli_fail(GV_CLI_USAGE,
					   "ctl %s needs the plugin's name; `galvan ctl plugins` lists them", verb);
		return change(cli, changes[i].method, cli->argv[1]);
	}
	return gv_cli_fail(GV_CLI_USAGE,
			   "ctl %s%s is not a command: there are status, plugins, load NAME, unload NAME, reload NAME, "
			   "stop, stop NAME",
			   verb, cli->argc > 1 ? " with a name" : "");
}
