/* sim: the test harness. A driver that holds simulated chargers and load over real sockets, against any server, galvan
 * or not. */
#include "sim.h"
#include "sim.schema.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

const struct gv_table sim_fleets = { "fleets", "s", &sim__fleet__descriptor, false };

/* ---- the fleets that there are at the start -------------------------------------------------- */

static int keep_pending(struct sim *sim, const Sim__Fleet *fleet)
{
	size_t size = sim__fleet__get_packed_size(fleet);
	uint8_t *packed = malloc(size + 1);
	Sim__Fleet **grown = realloc(sim->pending, (sim->n_pending + 1) * sizeof *grown);
	if (grown)
		sim->pending = grown;
	Sim__Fleet *copy = NULL;
	if (packed && grown) {
		sim__fleet__pack(fleet, packed);
		copy = sim__fleet__unpack(NULL, size, packed);
	}
	free(packed);
	if (!copy)
		return -ENOMEM;
	sim->pending[sim->n_pending++] = copy;
	return 0;
}

static void drop_pending(struct sim *sim)
{
	for (size_t i = 0; i < sim->n_pending; i++)
		sim__fleet__free_unpacked(sim->pending[i], NULL);
	free(sim->pending);
	sim->pending = NULL;
	sim->n_pending = 0;
}

static int start(void *self, struct gv_turn *t, const void *config)
{
	struct sim *sim = self;
	const Sim__Config *c = config;
	struct gv_scan scan = { .table = &sim_fleets };
	char error[400];
	struct fleets *trial = fleets_create(
		NULL, 1); /* to check each by itself; against each other they are checked when they start */
	int r = trial ? 0 : -ENOMEM;
	for (size_t i = 0; r == 0 && i < c->n_fleets; i++)
		if (fleet_check(trial, c->fleets[i], error, sizeof error) < 0)
			r = gv_fault(t, "config.fleets[%zu]: %s", i, error);
		else
			r = keep_pending(sim, c->fleets[i]);
	fleets_destroy(trial);
	sim->n_configured = sim->n_pending;
	while (r == 0 && gv_next(t, &scan))
		r = keep_pending(sim, scan.row);
	return r;
}

/* ---- the loop -------------------------------------------------------------------------------- */

static int64_t on_now(void *arg)
{
	struct sim *sim = arg;
	return gv_world_now_ms(sim->world);
}

static void on_log(void *arg, const char *identity, const char *line)
{
	struct sim *sim = arg;
	gv_world_log(sim->world, GV_DEBUG, "%s charger=%s", line, identity);
}

static void on_fleets_closed(void *arg)
{
	struct sim *sim = arg;
	sim->fleets_closed = true;
	sim_look_drained(sim);
}

void sim_look_drained(struct sim *sim)
{
	if (sim->draining && sim->fleets_closed && !sim->load_running)
		gv_world_drained(sim->world);
}

static void allow_many_files(struct gv_world *w)
{
	struct rlimit files;
	if (getrlimit(RLIMIT_NOFILE, &files) < 0 || files.rlim_cur >= files.rlim_max)
		return;
	files.rlim_cur = files.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &files) < 0)
		gv_world_log(w, GV_WARN,
			     "Cannot raise the limit of open files; large fleets will not connect. limit=%llu",
			     (unsigned long long)files.rlim_cur);
}

static int open_world(void *self, struct gv_world *w)
{
	struct sim *sim = self;
	uv_loop_t *loop = gv_world_loop(w);
	char error[400];
	sim->world = w;
	if (!loop) { /* the test host: nothing to connect over */
		drop_pending(sim);
		return 0;
	}
	allow_many_files(w);
	sim->fleets = fleets_create(loop, (uint64_t)gv_world_now_ms(w) * 0x9e3779b97f4a7c15u ^ uv_hrtime());
	if (!sim->fleets)
		return -ENOMEM;
	sim->fleets->arg = sim;
	sim->fleets->now_ms = on_now;
	sim->fleets->log = on_log;
	sim->fleets->closed = on_fleets_closed;
	for (size_t i = 0; i < sim->n_pending; i++) {
		const Sim__Fleet *fleet = sim->pending[i];
		if (fleet_check(sim->fleets, fleet, error, sizeof error) < 0)
			gv_world_log(w, GV_ERR, "Left a fleet out: %s", error);
		else if (fleet_add(sim->fleets, fleet, i < sim->n_configured) < 0)
			gv_world_log(w, GV_ERR, "Left a fleet out: out of memory. fleet=%s", fleet->name);
	}
	drop_pending(sim);
	return 0;
}

static void drain(void *self)
{
	struct sim *sim = self;
	if (sim->draining)
		return;
	sim->draining = true;
	if (sim->load_running)
		load_abort(sim->load);
	if (sim->fleets)
		fleets_close(sim->fleets);
	else
		sim->fleets_closed = true;
	sim_look_drained(sim);
}

static void ignore(void *arg)
{
}

static void stop(void *self)
{
	struct sim *sim = self;
	drop_pending(sim);
	if (sim->fleets && !sim->fleets_closed) { /* not drained: its sockets end with the loop */
		sim->fleets->closed = ignore;
		return;
	}
	fleets_destroy(sim->fleets);
	if (!sim->load_running)
		load_destroy(sim->load);
}

static const struct gv_driver driver = {
	.size = sizeof(struct gv_driver),
	.open = open_world,
	.drain = drain,
};

static const struct gv_service services[] = {
	{ &sim__sim__descriptor, sim_methods },
	{ 0 },
};
static const struct gv_table *const tables[] = { &sim_fleets, NULL };

GV_PLUGIN = {
	GV_STAMP,
	.name = "sim",
	.version = "0.1.0",
	.summary = "Simulated chargers over real sockets, and load, for demos and tests",
	.config = &sim__config__descriptor,
	.serves = services,
	.tables = tables,
	.schema_set = GV_SCHEMA(sim),
	.schema = 1,
	.self_size = sizeof(struct sim),
	.start = start,
	.stop = stop,
	.driver = &driver,
};
