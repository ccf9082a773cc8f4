/* The simulator's load by itself, for a server of any kind, without a node around it:
 *
 *     bench-load '{"url": "ws://127.0.0.1:9000/ocpp/", "connections": 1000, "seconds": 10}'
 *
 * takes a galvan.sim.v1.LoadRequest as JSON, says each state on stderr as it is reached, and prints the LoadReport on
 * stdout. */
#include "plugins/sim/load.h"
#include "sim.schema.h"

#include <lib/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

struct run {
	struct load *load;
	uv_timer_t watch;
	char state[16];
};

static void look(uv_timer_t *timer)
{
	struct run *run = timer->data;
	Sim__LoadReport report;
	load_report(run->load, false, &report);
	if (strcmp(report.state, run->state) == 0)
		return;
	snprintf(run->state, sizeof run->state, "%s", report.state);
	fprintf(stderr, "%s\n", run->state);
}

static void on_done(void *arg)
{
	struct run *run = arg;
	look(&run->watch);
	uv_close((uv_handle_t *)&run->watch, NULL);
}

/* The request that the text says, or NULL with the reason on stderr. */
static Sim__LoadRequest *read_request(const struct gv_schema *schema, const char *text)
{
	struct gv_buf packed = { 0 };
	struct gv_json_error error;
	const struct gv_type *type = gv_schema_type(schema, "galvan.sim.v1.LoadRequest");
	Sim__LoadRequest *request = NULL;
	if (gv_json_parse(type, text, strlen(text), GV_JSON_RULES, &packed, &error) < 0)
		fprintf(stderr, "bench-load: %s: %s\n", error.path, error.text);
	else
		request = sim__load_request__unpack(NULL, packed.size, packed.data);
	gv_buf_fini(&packed);
	return request;
}

static int print_report(const struct gv_schema *schema, const Sim__LoadReport *report)
{
	struct gv_buf json = { 0 };
	size_t size = sim__load_report__get_packed_size(report);
	uint8_t *packed = malloc(size + 1);
	int r = -1;
	if (packed) {
		sim__load_report__pack(report, packed);
		r = gv_json_write(gv_schema_type(schema, "galvan.sim.v1.LoadReport"), packed, size, 0, &json);
	}
	if (r == 0)
		puts(gv_buf_str(&json));
	gv_buf_fini(&json);
	free(packed);
	return r;
}

static int run_load(const struct gv_schema *schema, const Sim__LoadRequest *request)
{
	struct run run = { 0 };
	uv_loop_t loop;
	char error[400];
	Sim__LoadReport report;
	uv_loop_init(&loop);
	if (load_start(&loop, request, on_done, &run, &run.load, error, sizeof error) < 0) {
		fprintf(stderr, "bench-load: %s\n", error);
		return 2;
	}
	run.watch.data = &run;
	uv_timer_init(&loop, &run.watch);
	uv_timer_start(&run.watch, look, 0, 20);
	uv_run(&loop, UV_RUN_DEFAULT);
	load_report(run.load, request->stations, &report);
	int r = print_report(schema, &report) < 0 || strcmp(report.state, "done") != 0;
	load_report_fini(&report);
	load_destroy(run.load);
	uv_loop_close(&loop);
	return r;
}

int main(int argc, char **argv)
{
	struct rlimit files;
	struct gv_schema *schema;
	if (argc != 2) {
		fprintf(stderr, "usage: bench-load LOAD_REQUEST_AS_JSON\n");
		return 2;
	}
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	if (gv_schema_create(&schema) < 0 || gv_schema_add(schema, sim_schema, sizeof sim_schema) < 0)
		return 1;
	Sim__LoadRequest *request = read_request(schema, argv[1]);
	int r = request ? run_load(schema, request) : 2;
	if (request)
		sim__load_request__free_unpacked(request, NULL);
	gv_schema_destroy(schema);
	return r;
}
