/* The client commands' front: options, which command, the connection, and one call at a time. Each command has a file
 * of its own. */
#include "cli_command.h"

#include <galvan/plugin.h>
#include <kernel.schema.h>
#include <lib/near.h>

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_DATA "/var/lib/galvan"
#define CONNECT_TIMEOUT_MS 3000
#define DESCRIBE_TIMEOUT_MS 10000
#define ANSWER_GRACE_MS 2000 /* beyond a call's deadline, for the node's own refusal to arrive */

static const struct {
	const char *name;
	gv_cli_command_fn *run;
	int min_args, max_args;
	const char *usage;
} commands[] = {
	{ "ctl", gv_cli_ctl, 1, 2,
	  "ctl status|plugins|load|unload|reload|stop [NAME]   look at and manage a running node" },
	{ "call", gv_cli_call, 1, 2,
	  "call SERVICE/METHOD [JSON | -]                     call any service; -: one JSON request a line" },
	{ "events", gv_cli_events, 0, INT_MAX,
	  "events [TYPE...]                                   follow events, one JSON a line" },
	{ "rows", gv_cli_rows, 1, 2, "rows PLUGIN[.INSTANCE] [TABLE]                     print a plugin's tables" },
	{ "describe", gv_cli_describe, 0, INT_MAX,
	  "describe [NAME...]                                 services, events, config of a node's plugins" },
	{ "check", gv_cli_check, 1, 1,
	  "check CONFIG.yaml                                  everything `run` would refuse; needs no node" },
};
#define COMMANDS (sizeof commands / sizeof commands[0])

static const char options_usage[] =
	"options of the client commands:\n"
	"  --data DIR      the node's data folder (else GALVAN_DATA, else " DEFAULT_DATA ")\n"
	"  --node ADDR     the node's control address, ipc://PATH or tcp://HOST:PORT (else GALVAN_NODE)\n"
	"  --timeout S     seconds to wait for an answer\n"
	"  --json          ctl, describe: JSON instead of text\n"
	"  --limit N       rows: no more than N\n"
	"exit codes: 0 done, 1 refused, 2 wrong usage, 3 no node answers\n";

const char *gv_cli_usage(void)
{
	static char text[4096];
	size_t n = 0;

	for (size_t i = 0; i < COMMANDS; i++)
		n += (size_t)snprintf(text + n, sizeof text - n, "  galvan %s\n", commands[i].usage);
	snprintf(text + n, sizeof text - n, "\n%s", options_usage);
	return text;
}

int gv_cli_fail(enum gv_cli_exit code, const char *fmt, ...)
{
	va_list ap;

	fflush(stdout);
	fputs("galvan: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	return code;
}

int gv_cli_gone(void)
{
	return gv_cli_fail(GV_CLI_UNREACHABLE,
			   "the node has gone: it stopped, crashed or was restarted; look at its log");
}

static void on_reply(void *arg, const Env__Reply *reply)
{
	struct gv_cli *cli = arg;

	if (cli->awaited && reply->id == cli->awaited) {
		size_t size = env__reply__get_packed_size(reply);
		uint8_t *copy = malloc(size + 1);

		if (!copy)
			return;
		env__reply__pack(reply, copy);
		if (cli->answer)
			env__reply__free_unpacked(cli->answer, NULL);
		cli->answer = env__reply__unpack(NULL, size, copy);
		free(copy);
		cli->awaited = 0;
	} else if (cli->on_reply) {
		cli->on_reply(cli, reply);
	}
}

static void on_event(void *arg, const char *from, const Env__Event *event)
{
	struct gv_cli *cli = arg;

	if (cli->on_event)
		cli->on_event(cli, from, event);
}

int gv_cli_connect(struct gv_cli *cli)
{
	const struct gv_client_handler handler = { .arg = cli, .reply = on_reply, .event = on_event };
	const char *node = cli->node, *data = cli->data;
	char address[PATH_MAX + 64], *error = NULL;
	int r;

	if (!node && !data)
		node = getenv("GALVAN_NODE");
	if (!data)
		data = getenv("GALVAN_DATA");
	if (!node || !node[0]) {
		snprintf(address, sizeof address, "ipc://%s/run/control.sock", data && data[0] ? data : DEFAULT_DATA);
		node = address;
	}
	r = gv_client_open(node, CONNECT_TIMEOUT_MS, &handler, &cli->client, &error);
	if (!r)
		return GV_CLI_OK;
	gv_cli_fail(GV_CLI_UNREACHABLE, "%s", error ? error : strerror(-r));
	free(error);
	return r == -EINVAL ? GV_CLI_USAGE : GV_CLI_UNREACHABLE;
}

/* Waits until the awaited reply is there or the time is up. */
static int await(struct gv_cli *cli, int64_t until_ms)
{
	while (cli->awaited) {
		int64_t left = until_ms - gv_client_clock_ms();
		int r;

		if (left <= 0)
			return -ETIMEDOUT;
		r = gv_client_wait(cli->client, -1, (int)left);
		if (r < 0 && r != -EINTR && cli->awaited)
			return r;
	}
	return cli->answer ? 0 : -ENOMEM;
}

int gv_cli_ask(struct gv_cli *cli, const char *method, const char *to, const uint8_t *request, size_t size,
	       int64_t timeout_ms, uint8_t **ret, size_t *ret_size)
{
	int r = gv_client_send_call(cli->client, method, to, request, size, timeout_ms, &cli->awaited);
	int code = GV_CLI_OK;

	if (!r)
		r = await(cli, gv_client_clock_ms() + timeout_ms + ANSWER_GRACE_MS);
	cli->awaited = 0;
	if (r == -ENOTCONN)
		return gv_cli_gone();
	if (r == -ETIMEDOUT)
		return gv_cli_fail(GV_CLI_UNREACHABLE,
				   "the node did not answer %s within %lld ms: is it stopped or overloaded? --timeout "
				   "waits longer",
				   method, (long long)timeout_ms);
	if (r)
		return gv_cli_fail(GV_CLI_UNREACHABLE, "cannot ask the node: %s", strerror(-r));
	if (cli->answer->code != GV_OK) {
		fprintf(stderr, "%s: %s\n", gv_code_name(cli->answer->code), cli->answer->error);
		code = GV_CLI_REFUSED;
	} else if (ret) {
		*ret = cli->answer->reply.data;
		*ret_size = cli->answer->reply.len;
		cli->answer->reply.data = NULL;
		cli->answer->reply.len = 0;
	}
	env__reply__free_unpacked(cli->answer, NULL);
	cli->answer = NULL;
	return code;
}

static int build_schema(struct gv_cli *cli)
{
	int r = gv_schema_create(&cli->schema);

	if (!r)
		r = gv_schema_add(cli->schema, kernel_schema, sizeof kernel_schema);
	if (r)
		return gv_cli_fail(GV_CLI_REFUSED, "cannot read the kernel's own schema: %s", strerror(-r));
	for (size_t i = 0; i < cli->records->n_plugins; i++) {
		const Kernel__Record *record = cli->records->plugins[i];

		if (!record->file_descriptor_set.len)
			continue;
		r = gv_schema_add(cli->schema, record->file_descriptor_set.data, record->file_descriptor_set.len);
		if (r)
			gv_cli_fail(GV_CLI_REFUSED,
				    "the schema of plugin %s cannot be read (%s): its services are left out",
				    record->name, strerror(-r));
	}
	return GV_CLI_OK;
}

int gv_cli_learn(struct gv_cli *cli)
{
	Kernel__DescribeReply *records;
	uint8_t *packed = NULL;
	size_t size = 0;
	int code = cli->client ? GV_CLI_OK : gv_cli_connect(cli);

	if (code)
		return code;
	code = gv_cli_ask(cli, "galvan.kernel.v1.Kernel/Describe", "", NULL, 0, DESCRIBE_TIMEOUT_MS, &packed, &size);
	if (code)
		return code;
	records = kernel__describe_reply__unpack(NULL, size, packed);
	free(packed);
	if (!records)
		return gv_cli_fail(
			GV_CLI_REFUSED,
			"the node's description cannot be read: it runs another version of galvan than this command");
	if (cli->records)
		kernel__describe_reply__free_unpacked(cli->records, NULL);
	gv_schema_destroy(cli->schema);
	cli->schema = NULL;
	cli->records = records;
	return build_schema(cli);
}

const Kernel__Record *gv_cli_server(const struct gv_cli *cli, const char *service)
{
	for (size_t i = 0; i < cli->records->n_plugins; i++) {
		for (size_t j = 0; j < cli->records->plugins[i]->n_serves; j++) {
			if (!strcmp(cli->records->plugins[i]->serves[j], service))
				return cli->records->plugins[i];
		}
	}
	return NULL;
}

static int parse_number(const char *option, const char *text, double max, double *ret)
{
	char *end;
	double value;

	errno = 0;
	value = strtod(text, &end);
	if (errno || end == text || *end || !(value > 0) || value > max)
		return gv_cli_fail(GV_CLI_USAGE, "--%s %s: expected a number above 0, up to %.0f", option, text, max);
	*ret = value;
	return GV_CLI_OK;
}

static int parse_options(struct gv_cli *cli, int argc, char **argv)
{
	static const struct option options[] = {
		{ "data", required_argument, NULL, 'd' },
		{ "node", required_argument, NULL, 'n' },
		{ "timeout", required_argument, NULL, 't' },
		{ "json", no_argument, NULL, 'j' },
		{ "limit", required_argument, NULL, 'l' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	double number = 0;
	int c, code;

	optind = 1;
	opterr = 0;
	while ((c = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		code = GV_CLI_OK;
		switch (c) {
		case 'd':
			cli->data = optarg;
			break;
		case 'n':
			cli->node = optarg;
			break;
		case 't':
			code = parse_number("timeout", optarg, 86400, &number);
			cli->timeout_ms = (int64_t)(number * 1000) > 0 ? (int64_t)(number * 1000) : 1;
			break;
		case 'l':
			code = parse_number("limit", optarg, 1e9, &number);
			cli->limit = (uint64_t)number;
			break;
		case 'j':
			cli->json = true;
			break;
		case 'h':
			return -1;
		case ':':
			return gv_cli_fail(GV_CLI_USAGE, "%s needs a value", argv[optind - 1]);
		default:
			return gv_cli_fail(
				GV_CLI_USAGE,
				"unknown option %s; there are --data, --node, --timeout, --json, --limit, --help",
				argv[optind - 1]);
		}
		if (code)
			return code;
	}
	cli->argc = argc - optind;
	cli->argv = argv + optind;
	return GV_CLI_OK;
}

static void finish(struct gv_cli *cli)
{
	gv_client_close(cli->client);
	gv_schema_destroy(cli->schema);
	if (cli->records)
		kernel__describe_reply__free_unpacked(cli->records, NULL);
	if (cli->answer)
		env__reply__free_unpacked(cli->answer, NULL);
}

static int unknown(const char *command)
{
	struct gv_nearest near = { 0 };

	gv_nearest_offer(&near, command, "run");
	gv_nearest_offer(&near, command, "help");
	for (size_t i = 0; i < COMMANDS; i++)
		gv_nearest_offer(&near, command, commands[i].name);
	if (*command == '-')
		return gv_cli_fail(GV_CLI_USAGE, "%s without a command; `galvan --help` lists them", command);
	if (near.name)
		return gv_cli_fail(GV_CLI_USAGE, "there is no command %s; did you mean %s?", command, near.name);
	return gv_cli_fail(GV_CLI_USAGE, "there is no command %s; `galvan --help` lists them", command);
}

int gv_cli_main(int argc, char **argv)
{
	struct gv_cli cli = { .program = argv[0] };
	size_t i = 0;
	int code;

	if (argc < 2)
		return gv_cli_fail(GV_CLI_USAGE, "no command given; there are:\n%s", gv_cli_usage());
	while (i < COMMANDS && strcmp(commands[i].name, argv[1]))
		i++;
	if (i == COMMANDS)
		return unknown(argv[1]);
	code = parse_options(&cli, argc - 1, argv + 1);
	if (code < 0) {
		printf("usage: galvan %s\n\n%s", commands[i].usage, options_usage);
		return GV_CLI_OK;
	}
	if (code)
		return code;
	if (cli.argc < commands[i].min_args || cli.argc > commands[i].max_args)
		return gv_cli_fail(GV_CLI_USAGE, "usage: galvan %s", commands[i].usage);
	code = commands[i].run(&cli);
	finish(&cli);
	if (fflush(stdout) && !code)
		return gv_cli_fail(GV_CLI_REFUSED, "cannot write the output: %s", strerror(errno));
	return code;
}
