/* `galvan call`: any method of any service by reflection. JSON becomes the packed request by the schema that the node
 * describes, and the packed reply becomes JSON. With "-" the requests come from stdin, one a line, many on their way at
 * once, answers printed in order. */
#include "cli_command.h"

#include <galvan/plugin.h>
#include <lib/json.h>

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CALL_TIMEOUT_MS 30000
#define KEY_MAX 512
#define METHOD_NAMES_MAX 1024
#define LINE_MAX_BYTES (16 * 1024 * 1024)
#define WINDOW 128 /* calls on their way at once */
#define READ_BYTES 65536
#define ERROR_MAX 1024
#define ANSWER_GRACE_MS 2000 /* beyond a call's deadline, for the node's own refusal to arrive */

struct slot {
	uint64_t id; /* 0: answered */
	int64_t until_ms;
	char *text; /* the line to print once its turn has come */
};

struct pipeline {
	const char *method;
	const struct gv_rpc *rpc;
	int64_t timeout_ms;
	struct slot slots[WINDOW];
	uint64_t head, tail; /* slots [head, tail) are in use, modulo WINDOW */
	struct gv_buf input;
	size_t scanned; /* of input, known to hold no newline */
	bool ended, refused;
};

static size_t method_names(const struct gv_cli *cli, const char **names, char (*texts)[256])
{
	const struct gv_service_type *service;
	size_t n = 0;

	for (size_t i = 0; (service = gv_schema_service_at(cli->schema, i)); i++) {
		if (strncmp(service->name, "galvan.kernel.", 14) && !gv_cli_server(cli, service->name))
			continue;
		for (size_t j = 0; j < service->n_methods && n < METHOD_NAMES_MAX; j++) {
			snprintf(texts[n], sizeof texts[n], "%s/%s", service->name, service->methods[j].name);
			names[n] = texts[n];
			n++;
		}
	}
	return n;
}

/* Whether `name` is `full` or its end behind a '.': "Charging/Start" for "galvan.charging.v1.Charging/Start". */
static bool is_short_for(const char *name, const char *full)
{
	size_t n = strlen(name), m = strlen(full);

	return n == m ? !strcmp(name, full) : n < m && full[m - n - 1] == '.' && !strcmp(full + m - n, name);
}

/* Finds the method, by its full name or by a short one that only one fits. */
static int find_method(struct gv_cli *cli, const char *name, struct pipeline *p, char *full, size_t full_size)
{
	char(*texts)[256] = calloc(METHOD_NAMES_MAX, sizeof *texts), hint[512];
	const char **names = calloc(METHOD_NAMES_MAX, sizeof *names);
	size_t n = 0, hits = 0;
	int code = GV_CLI_OK;

	if (texts && names)
		n = method_names(cli, names, texts);
	for (size_t i = 0; i < n; i++) {
		if (!is_short_for(name, names[i]))
			continue;
		hits++;
		snprintf(full, full_size, "%s", names[i]);
	}
	gv_cli_suggest(name, names, n, hint, sizeof hint);
	if (!hits) {
		fprintf(stderr, "unimplemented: no plugin of this node serves %s%s\n", name,
			hint[0] ? hint : "; `galvan describe` lists what there is");
		code = GV_CLI_REFUSED;
	} else if (hits > 1) {
		fprintf(stderr, "invalid_argument: %s is the end of several methods' names: write it in full\n", name);
		code = GV_CLI_REFUSED;
	}
	free(names);
	free(texts);
	p->method = full;
	p->rpc = code ? NULL : gv_schema_method(cli->schema, full);
	if (!code && !p->rpc)
		code = gv_cli_fail(GV_CLI_REFUSED, "method %s is in no schema", full);
	return code;
}

/* Packs a request and finds its routing key. -EINVAL with what is wrong with it in `error`. */
static int pack_request(const struct pipeline *p, const char *json, size_t size, struct gv_buf *packed,
			char key[KEY_MAX], char error[ERROR_MAX])
{
	struct gv_json_error wrong = { 0 };
	int r = gv_json_parse(p->rpc->input, json, size, GV_JSON_RULES, packed, &wrong);

	if (r) {
		snprintf(error, ERROR_MAX, "%s%s%s", wrong.path, wrong.path[0] ? ": " : "",
			 wrong.text[0] ? wrong.text : strerror(-r));
		return -EINVAL;
	}
	if (gv_type_key(p->rpc->input, packed->data, packed->size, key, KEY_MAX)) {
		snprintf(error, ERROR_MAX, "the key of the request (a device or session id) is longer than %d bytes",
			 KEY_MAX - 1);
		return -EINVAL;
	}
	return 0;
}

static char *reply_json(const struct pipeline *p, const Env__Reply *reply)
{
	struct gv_buf out = { 0 };
	char *text = NULL;

	if (!gv_json_write(p->rpc->output, reply->reply.data, reply->reply.len, 0, &out) && !out.error)
		text = strdup(gv_buf_str(&out));
	gv_buf_fini(&out);
	return text;
}

static char *error_json(unsigned code, const char *message)
{
	struct gv_buf out = { 0 };
	char *text;

	gv_buf_printf(&out, "{\"error\":{\"code\":\"%s\",\"message\":", gv_code_name(code));
	gv_json_string(&out, message, strlen(message));
	gv_buf_puts(&out, "}}");
	text = strdup(gv_buf_str(&out));
	gv_buf_fini(&out);
	return text;
}

/* ---- one call -------------------------------------------------------------------------------- */

static void print_json(const char *text)
{
	cJSON *json = isatty(STDOUT_FILENO) ? cJSON_Parse(text) : NULL;
	char *pretty = json ? cJSON_Print(json) : NULL;

	puts(pretty ? pretty : text);
	cJSON_free(pretty);
	cJSON_Delete(json);
}

static int call_once(struct gv_cli *cli, struct pipeline *p, const char *json)
{
	struct gv_buf packed = { 0 };
	Env__Reply reply = ENV__REPLY__INIT;
	char key[KEY_MAX] = "", error[ERROR_MAX], *text;
	int code;

	if (pack_request(p, json, strlen(json), &packed, key, error)) {
		fprintf(stderr, "%s: %s\n", gv_code_name(GV_INVALID_ARGUMENT), error);
		gv_buf_fini(&packed);
		return GV_CLI_REFUSED;
	}
	code = gv_cli_ask(cli, p->method, key, packed.data, packed.size, p->timeout_ms, &reply.reply.data,
			  &reply.reply.len);
	gv_buf_fini(&packed);
	if (code)
		return code;
	text = reply_json(p, &reply);
	if (text)
		print_json(text);
	else
		code = gv_cli_fail(
			GV_CLI_REFUSED,
			"the reply of %s is not a %s: the plugin was built from another schema than it describes",
			p->method, p->rpc->output->name);
	free(text);
	free(reply.reply.data);
	return code;
}

/* ---- many calls ------------------------------------------------------------------------------ */

static void answer_slot(struct pipeline *p, struct slot *slot, unsigned code, const char *message,
			const Env__Reply *reply)
{
	slot->id = 0;
	slot->text = code ? error_json(code, message) : reply_json(p, reply);
	if (!slot->text)
		slot->text = error_json(GV_INTERNAL, "the reply cannot be read by its type");
	if (code)
		p->refused = true;
}

static void on_pipelined_reply(struct gv_cli *cli, const Env__Reply *reply)
{
	struct pipeline *p = cli->arg;

	for (uint64_t i = p->head; i < p->tail; i++) {
		struct slot *slot = &p->slots[i % WINDOW];

		if (slot->id == reply->id) {
			answer_slot(p, slot, reply->code, reply->error, reply);
			return;
		}
	}
}

static void print_answered(struct pipeline *p)
{
	bool printed = false;

	while (p->head < p->tail && !p->slots[p->head % WINDOW].id) {
		struct slot *slot = &p->slots[p->head++ % WINDOW];

		puts(slot->text ? slot->text : "{\"error\":{\"code\":\"internal\",\"message\":\"out of memory\"}}");
		free(slot->text);
		slot->text = NULL;
		printed = true;
	}
	if (printed)
		fflush(stdout);
}

static bool is_blank(const char *line, size_t size)
{
	while (size && strchr(" \t\r", line[size - 1]) && line[size - 1])
		size--;
	return !size;
}

/* Takes one line. -EAGAIN: the socket is full, keep the line. */
static int take_line(struct gv_cli *cli, struct pipeline *p, const char *line, size_t size)
{
	struct slot *slot = &p->slots[p->tail % WINDOW];
	struct gv_buf packed = { 0 };
	char key[KEY_MAX] = "", error[ERROR_MAX];
	uint64_t id = 0;
	int r;

	if (is_blank(line, size))
		return 0;
	r = pack_request(p, line, size, &packed, key, error);
	if (!r)
		r = gv_client_send_call(cli->client, p->method, key, packed.data, packed.size, p->timeout_ms, &id);
	gv_buf_fini(&packed);
	if (r == -EAGAIN)
		return r;
	memset(slot, 0, sizeof *slot);
	p->tail++;
	if (r == -EINVAL) {
		answer_slot(p, slot, GV_INVALID_ARGUMENT, error, NULL);
	} else if (r) {
		answer_slot(p, slot, GV_UNAVAILABLE, strerror(-r), NULL);
	} else {
		slot->id = id;
		slot->until_ms = gv_client_clock_ms() + p->timeout_ms + ANSWER_GRACE_MS;
	}
	return 0;
}

/* Takes the whole lines that have been read, as far as the window allows. */
static void take_lines(struct gv_cli *cli, struct pipeline *p)
{
	size_t start = 0;

	while (p->tail - p->head < WINDOW && start < p->input.size) {
		char *from = (char *)p->input.data + start;
		size_t skip = p->scanned > start ? p->scanned - start : 0;
		char *end = memchr(from + skip, '\n', p->input.size - start - skip);
		size_t size = end ? (size_t)(end - from) : p->input.size - start;

		if (!end && !p->ended) {
			p->scanned = p->input.size;
			break;
		}
		if (take_line(cli, p, from, size) == -EAGAIN)
			break;
		start += size + (end ? 1 : 0);
	}
	if (start) {
		memmove(p->input.data, p->input.data + start, p->input.size - start);
		p->input.size -= start;
		p->scanned = p->scanned > start ? p->scanned - start : 0;
	}
}

static int read_input(struct pipeline *p)
{
	ssize_t n;

	if (p->input.size > LINE_MAX_BYTES)
		return gv_cli_fail(GV_CLI_USAGE, "a request of more than %d bytes on one line", LINE_MAX_BYTES);
	if (gv_buf_reserve(&p->input, READ_BYTES))
		return gv_cli_fail(GV_CLI_REFUSED, "out of memory");
	n = read(STDIN_FILENO, p->input.data + p->input.size, READ_BYTES);
	if (n < 0 && errno != EINTR && errno != EAGAIN)
		return gv_cli_fail(GV_CLI_REFUSED, "cannot read stdin: %s", strerror(errno));
	if (n == 0)
		p->ended = true;
	if (n > 0)
		p->input.size += (size_t)n;
	return GV_CLI_OK;
}

static int expire(struct pipeline *p)
{
	int64_t now = gv_client_clock_ms(), next = now + 1000;

	for (uint64_t i = p->head; i < p->tail; i++) {
		struct slot *slot = &p->slots[i % WINDOW];

		if (slot->id && slot->until_ms <= now)
			answer_slot(p, slot, GV_DEADLINE_EXCEEDED, "the node did not answer in time", NULL);
		else if (slot->id && slot->until_ms < next)
			next = slot->until_ms;
	}
	return (int)(next - now);
}

static int call_lines(struct gv_cli *cli, struct pipeline *p)
{
	int code = GV_CLI_OK;

	cli->arg = p;
	cli->on_reply = on_pipelined_reply;
	while (!code && (!p->ended || p->input.size || p->head < p->tail)) {
		bool room, idle;
		int wait_ms, r;

		take_lines(cli, p);
		wait_ms = expire(p);
		print_answered(p);
		room = !p->ended && p->tail - p->head < WINDOW;
		idle = p->ended && p->input.size &&
		       p->tail - p->head < WINDOW; /* the socket was full: try again soon */
		if (p->ended && !p->input.size && p->head == p->tail)
			break;
		r = gv_client_wait(cli->client, room ? STDIN_FILENO : -1, idle ? 10 : wait_ms);
		if (r == 1)
			code = read_input(p);
		else if (r == -ENOTCONN)
			code = gv_cli_gone();
	}
	print_answered(p);
	for (uint64_t i = p->head; i < p->tail; i++)
		free(p->slots[i % WINDOW].text);
	gv_buf_fini(&p->input);
	return code ? code : p->refused ? GV_CLI_REFUSED : GV_CLI_OK;
}

int gv_cli_call(struct gv_cli *cli)
{
	const char *json = cli->argc > 1 ? cli->argv[1] : "{}";
	char full[256];
	struct pipeline *p = calloc(1, sizeof *p);
	int code;

	if (!p)
		return gv_cli_fail(GV_CLI_REFUSED, "out of memory");
	p->timeout_ms = cli->timeout_ms ? cli->timeout_ms : CALL_TIMEOUT_MS;
	code = gv_cli_learn(cli);
	if (!code)
		code = find_method(cli, cli->argv[0], p, full, sizeof full);
	if (!code)
		code = strcmp(json, "-") ? call_once(cli, p, json) : call_lines(cli, p);
	free(p);
	return code;
}
