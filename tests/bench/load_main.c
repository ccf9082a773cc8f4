/* The simulator's load by itself, for a server of any kind, without a node around it:
 *
 *     bench-load '{"url": "ws://127.0.0.1:9000/ocpp/", "connections": 1000, "seconds": 10}'
 *
 *     bench-load cabinets '{"url": "tcp://127.0.0.1:9010", "cabinets": 1000, "rate": 200, "seconds": 10}'
 *
 * takes a galvan.sim.v1.LoadRequest or LoadCabinetsRequest as JSON, says each state on stderr as it is reached, and
 * prints the LoadReport on stdout. */
#include "plugins/sim/cabinet_load.h"
#include "plugins/sim/load.h"
#include "sim.schema.h"

#include <lib/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

struct run {
	struct load *load; /* one of these two */
	struct cabinet_load *cabinets;
	uv_timer_t watch;
	char state[16];
};

static void report_of(const struct run *run, bool stations, Sim__LoadReport *ret)
{
	if (run->cabinets)
		cabinet_load_report(run->cabinets, ret);
	else
		load_report(run->load, stations, ret);
}

static void look(uv_timer_t *timer)
{
	struct run *run = timer->data;
	Sim__LoadReport report;
	report_of(run, false, &report);
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

/* The request that the text says, packed, or -EINVAL with the reason on stderr. */
static int read_request(const struct gv_schema *schema, const char *name, const char *text, struct gv_buf *ret)
{
	struct gv_json_error error;
	int r = gv_json_parse(gv_schema_type(schema, name), text, strlen(text), GV_JSON_RULES, ret, &error);

	if (r < 0)
		fprintf(stderr, "bench-load: %s: %s\n", error.path, error.text);
	return r;
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

static int start(uv_loop_t *loop, struct run *run, bool cabinets, const struct gv_buf *packed, bool *ret_stations)
{
	char error[400] = "out of memory";
	Sim__LoadCabinetsRequest *racks = NULL;
	Sim__LoadRequest *request = NULL;
	int r = -1;

	if (cabinets && (racks = sim__load_cabinets_request__unpack(NULL, packed->size, packed->data)))
		r = cabinet_load_start(loop, racks, on_done, run, &run->cabinets, error, sizeof error);
	else if (!cabinets && (request = sim__load_request__unpack(NULL, packed->size, packed->data)))
		r = load_start(loop, request, on_done, run, &run->load, error, sizeof error);
	*ret_stations = request && request->stations;
	if (r < 0)
		fprintf(stderr, "bench-load: %s\n", error);
	sim__load_cabinets_request__free_unpacked(racks, NULL);
	sim__load_request__free_unpacked(request, NULL);
	return r;
}

static int run_load(const struct gv_schema *schema, bool cabinets, const struct gv_buf *packed)
{
	struct run run = { 0 };
	uv_loop_t loop;
	bool stations;
	Sim__LoadReport report;

	uv_loop_init(&loop);
	if (start(&loop, &run, cabinets, packed, &stations) < 0)
		return 2;
	run.watch.data = &run;
	uv_timer_init(&loop, &run.watch);
	uv_timer_start(&run.watch, look, 0, 20);
	uv_run(&loop, UV_RUN_DEFAULT);
	report_of(&run, stations, &report);
	int r = print_report(schema, &report) < 0 || strcmp(report.state, "done") != 0;
	if (run.load)
		load_report_fini(&report);
	load_destroy(run.load);
	cabinet_load_destroy(run.cabinets);
	uv_loop_close(&loop);
	return r;
}

int main(int argc, char **argv)
{
	bool cabinets = argc == 3 && !strcmp(argv[1], "cabinets");
	const char *name = cabinets ? "galvan.sim.v1.LoadCabinetsRequest" : "galvan.sim.v1.LoadRequest";
	struct gv_buf packed = { 0 };
	struct rlimit files;
	struct gv_schema *schema;

	if (argc != 2 && !cabinets) {
		fprintf(stderr, "usage: bench-load [cabinets] REQUEST_AS_JSON\n");
		return 2;
	}
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	if (gv_schema_create(&schema) < 0 || gv_schema_add(schema, sim_schema, sizeof sim_schema) < 0)
		return 1;
	int r = read_request(schema, name, argv[argc - 1], &packed) < 0 ? 2 : run_load(schema, cabinets, &packed);
	gv_buf_fini(&packed);
	gv_schema_destroy(schema);
	return r;
}
