/* The simulator's load by itself, for a server of any kind, without a node around it:
 *
 *     bench-load '{"url": "ws://127.0.0.1:9000/ocpp/", "connections": 1000, "seconds": 10}'
 *     bench-load cabinets '{"url": "tcp://127.0.0.1:9010", "cabinets": 20000, "rate": 200}'
 *
 * takes a galvan.sim.v1.LoadRequest, or LoadCabinetsRequest, as JSON, says each state on stderr as it is reached, and
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
	if (run->load)
		load_report(run->load, stations, ret);
	else
		cabinet_load_report(run->cabinets, ret);
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

/* The request that the text says, or NULL with the reason on stderr. */
static ProtobufCMessage *read_request(const struct gv_schema *schema, const ProtobufCMessageDescriptor *descriptor,
				      const char *text)
{
	struct gv_buf packed = { 0 };
	struct gv_json_error error;
	const struct gv_type *type = gv_schema_type(schema, descriptor->name);
	ProtobufCMessage *request = NULL;
	if (gv_json_parse(type, text, strlen(text), GV_JSON_RULES, &packed, &error) < 0)
		fprintf(stderr, "bench-load: %s: %s\n", error.path, error.text);
	else
		request = protobuf_c_message_unpack(descriptor, NULL, packed.size, packed.data);
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

static int run_load(const struct gv_schema *schema, const ProtobufCMessage *request)
{
	const Sim__LoadRequest *load = (const Sim__LoadRequest *)request;
	const Sim__LoadCabinetsRequest *cabinets = (const Sim__LoadCabinetsRequest *)request;
	bool of_cabinets = request->descriptor == &sim__load_cabinets_request__descriptor;
	struct run run = { 0 };
	uv_loop_t loop;
	char error[400];
	Sim__LoadReport report;
	uv_loop_init(&loop);
	int r = of_cabinets ? cabinet_load_start(&loop, cabinets, on_done, &run, &run.cabinets, error, sizeof error)
			    : load_start(&loop, load, on_done, &run, &run.load, error, sizeof error);
	if (r < 0) {
		fprintf(stderr, "bench-load: %s\n", error);
		return 2;
	}
	run.watch.data = &run;
	uv_timer_init(&loop, &run.watch);
	uv_timer_start(&run.watch, look, 0, 20);
	uv_run(&loop, UV_RUN_DEFAULT);
	report_of(&run, !of_cabinets && load->stations, &report);
	r = print_report(schema, &report) < 0 || strcmp(report.state, "done") != 0;
	load_report_fini(&report);
	load_destroy(run.load);
	cabinet_load_destroy(run.cabinets);
	uv_loop_close(&loop);
	return r;
}

int main(int argc, char **argv)
{
	struct rlimit files;
	struct gv_schema *schema;
	bool of_cabinets = argc == 3 && strcmp(argv[1], "cabinets") == 0;
	if (argc != 2 && !of_cabinets) {
		fprintf(stderr, "usage: bench-load LOAD_REQUEST_AS_JSON\n"
				"       bench-load cabinets LOAD_CABINETS_REQUEST_AS_JSON\n");
		return 2;
	}
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	if (gv_schema_create(&schema) < 0 || gv_schema_add(schema, sim_schema, sizeof sim_schema) < 0)
		return 1;
	ProtobufCMessage *request = read_request(
		schema, of_cabinets ? &sim__load_cabinets_request__descriptor : &sim__load_request__descriptor,
		argv[argc - 1]);
	int r = request ? run_load(schema, request) : 2;
	if (request)
		protobuf_c_message_free_unpacked(request, NULL);
	gv_schema_destroy(schema);
	return r;
}
