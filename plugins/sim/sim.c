/* sim: the test harness. A driver that holds simulated chargers, simulated cabinets of power banks, simulated Bluetooth
 * piles and load over real sockets, against any server, galvan or not. */
#include "sim.h"
#include "sim.schema.h"

#include <galvan/piles.pb-c.h>
#include <lib/message.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

const struct gv_table sim_fleets = { "fleets", "s", &sim__fleet__descriptor, false };
const struct gv_table sim_piles = { "piles", "s", &sim__pile_fleet__descriptor, false };
const struct gv_table sim_cabinets = { "cabinets", "s", &sim__cabinet_fleet__descriptor, false };

/* ---- the fleets that there are at the start -------------------------------------------------- */

/* Appends a copy of a message to a list that lives outside of turns. */
static int keep(const ProtobufCMessage *message, void ***list, size_t *n)
{
	ProtobufCMessage *copy = gv_message_copy(message);
	void **grown = realloc(*list, (*n + 1) * sizeof *grown);
	if (grown)
		*list = grown;
	if (!copy || !grown) {
		if (copy)
			protobuf_c_message_free_unpacked(copy, NULL);
		return -ENOMEM;
	}
	(*list)[(*n)++] = copy;
	return 0;
}

static int keep_pending(struct sim *sim, const Sim__Fleet *fleet)
{
	return keep(&fleet->base, (void ***)&sim->pending, &sim->n_pending);
}

static int keep_pending_cabinets(struct sim *sim, const Sim__CabinetFleet *fleet)
{
	return keep(&fleet->base, (void ***)&sim->pending_cabinets, &sim->n_pending_cabinets);
}

static int keep_pending_piles(struct sim *sim, const Sim__PileFleet *fleet)
{
	return keep(&fleet->base, (void ***)&sim->pending_piles, &sim->n_pending_piles);
}

static void drop_pending(struct sim *sim)
{
	for (size_t i = 0; i < sim->n_pending; i++)
		sim__fleet__free_unpacked(sim->pending[i], NULL);
	for (size_t i = 0; i < sim->n_pending_cabinets; i++)
		sim__cabinet_fleet__free_unpacked(sim->pending_cabinets[i], NULL);
	for (size_t i = 0; i < sim->n_pending_piles; i++)
		sim__pile_fleet__free_unpacked(sim->pending_piles[i], NULL);
	free(sim->pending);
	free(sim->pending_cabinets);
	free(sim->pending_piles);
	sim->pending = NULL;
	sim->pending_cabinets = NULL;
	sim->pending_piles = NULL;
	sim->n_pending = sim->n_pending_cabinets = sim->n_pending_piles = 0;
}

/* Each is checked by itself; against each other they are checked when they start. */
static int configured(struct sim *sim, struct gv_turn *t, const Sim__Config *c)
{
	char error[400];
	struct fleets *trial = fleets_create(NULL, 1);
	struct racks *racks = racks_create(NULL, 1);
	struct posts *posts = posts_create(NULL, 1);
	int r = trial && racks && posts ? 0 : -ENOMEM;
	for (size_t i = 0; r == 0 && i < c->n_fleets; i++)
		if (fleet_check(trial, c->fleets[i], error, sizeof error) < 0)
			r = gv_fault(t, "config.fleets[%zu]: %s", i, error);
		else
			r = keep_pending(sim, c->fleets[i]);
	for (size_t i = 0; r == 0 && i < c->n_cabinets; i++)
		if (rack_fleet_check(racks, c->cabinets[i], error, sizeof error) < 0)
			r = gv_fault(t, "config.cabinets[%zu]: %s", i, error);
		else
			r = keep_pending_cabinets(sim, c->cabinets[i]);
	for (size_t i = 0; r == 0 && i < c->n_piles; i++)
		if (post_fleet_check(posts, c->piles[i], error, sizeof error) < 0)
			r = gv_fault(t, "config.piles[%zu]: %s", i, error);
		else
			r = keep_pending_piles(sim, c->piles[i]);
	fleets_destroy(trial);
	racks_destroy(racks);
	posts_destroy(posts);
	sim->n_configured = sim->n_pending;
	sim->n_configured_cabinets = sim->n_pending_cabinets;
	sim->n_configured_piles = sim->n_pending_piles;
	return r;
}

static int start(void *self, struct gv_turn *t, const void *config)
{
	struct sim *sim = self;
	struct gv_scan fleets = { .table = &sim_fleets }, cabinets = { .table = &sim_cabinets },
		       piles = { .table = &sim_piles };
	int r = configured(sim, t, config);
	while (r == 0 && gv_next(t, &fleets))
		r = keep_pending(sim, fleets.row);
	while (r == 0 && gv_next(t, &cabinets))
		r = keep_pending_cabinets(sim, cabinets.row);
	while (r == 0 && gv_next(t, &piles))
		r = keep_pending_piles(sim, piles.row);
	return r < 0 || !sim->n_pending_piles ? r : sim_enrol_soon(t);
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

static void on_cabinet_log(void *arg, const char *imei, const char *line)
{
	struct sim *sim = arg;
	gv_world_log(sim->world, GV_DEBUG, "%s cabinet=%s", line, imei);
}

static void on_racks_closed(void *arg)
{
	struct sim *sim = arg;
	sim->racks_closed = true;
	sim_look_drained(sim);
}

static void on_pile_log(void *arg, const char *address, const char *line)
{
	struct sim *sim = arg;
	gv_world_log(sim->world, GV_DEBUG, "%s pile=%s", line, address);
}

static void on_posts_closed(void *arg)
{
	struct sim *sim = arg;
	sim->posts_closed = true;
	sim_look_drained(sim);
}

static void on_fleets_closed(void *arg)
{
	struct sim *sim = arg;
	sim->fleets_closed = true;
	sim_look_drained(sim);
}

void sim_look_drained(struct sim *sim)
{
	if (sim->draining && sim->fleets_closed && sim->racks_closed && sim->posts_closed && !sim->load_running)
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

static void start_fleets(struct sim *sim)
{
	char error[400];
	for (size_t i = 0; i < sim->n_pending; i++) {
		const Sim__Fleet *fleet = sim->pending[i];
		if (fleet_check(sim->fleets, fleet, error, sizeof error) < 0)
			gv_world_log(sim->world, GV_ERR, "Left a fleet out: %s", error);
		else if (fleet_add(sim->fleets, fleet, i < sim->n_configured) < 0)
			gv_world_log(sim->world, GV_ERR, "Left a fleet out: out of memory. fleet=%s", fleet->name);
	}
	for (size_t i = 0; i < sim->n_pending_cabinets; i++) {
		const Sim__CabinetFleet *fleet = sim->pending_cabinets[i];
		if (rack_fleet_check(sim->racks, fleet, error, sizeof error) < 0)
			gv_world_log(sim->world, GV_ERR, "Left cabinets out: %s", error);
		else if (rack_fleet_add(sim->racks, fleet, i < sim->n_configured_cabinets) < 0)
			gv_world_log(sim->world, GV_ERR, "Left cabinets out: out of memory. fleet=%s", fleet->name);
	}
	for (size_t i = 0; i < sim->n_pending_piles; i++) {
		const Sim__PileFleet *fleet = sim->pending_piles[i];
		if (post_fleet_check(sim->posts, fleet, error, sizeof error) < 0)
			gv_world_log(sim->world, GV_ERR, "Left piles out: %s", error);
		else if (post_fleet_add(sim->posts, fleet, i < sim->n_configured_piles) < 0)
			gv_world_log(sim->world, GV_ERR,
				     "Left piles out: their store cannot be opened, or there is no memory. fleet=%s "
				     "store=%s",
				     fleet->name, fleet->store);
	}
}

static int open_world(void *self, struct gv_world *w)
{
	struct sim *sim = self;
	uv_loop_t *loop = gv_world_loop(w);
	sim->world = w;
	if (!loop) { /* the test host: nothing to connect over */
		drop_pending(sim);
		return 0;
	}
	allow_many_files(w);
	uint64_t seed = (uint64_t)gv_world_now_ms(w) * 0x9e3779b97f4a7c15u ^ uv_hrtime();
	sim->fleets = fleets_create(loop, seed);
	sim->racks = racks_create(loop, ~seed);
	sim->posts = posts_create(loop, seed * 3);
	if (!sim->fleets || !sim->racks || !sim->posts)
		return -ENOMEM;
	struct uplinks *chargers = &sim->fleets->all, *cabinets = &sim->racks->all, *piles = &sim->posts->all;
	chargers->arg = cabinets->arg = piles->arg = sim;
	chargers->now_ms = cabinets->now_ms = piles->now_ms = on_now;
	piles->log = on_pile_log;
	piles->closed = on_posts_closed;
	chargers->log = on_log;
	cabinets->log = on_cabinet_log;
	chargers->closed = on_fleets_closed;
	cabinets->closed = on_racks_closed;
	start_fleets(sim);
	drop_pending(sim);
	return 0;
}

static void drain(void *self)
{
	struct sim *sim = self;
	if (sim->draining)
		return;
	sim->draining = true;
	if (sim->load_running && sim->load)
		load_abort(sim->load);
	else if (sim->load_running)
		cabinet_load_abort(sim->cabinet_load);
	if (sim->fleets)
		fleets_close(sim->fleets);
	else
		sim->fleets_closed = true;
	if (sim->racks)
		racks_close(sim->racks);
	else
		sim->racks_closed = true;
	if (sim->posts)
		posts_close(sim->posts);
	else
		sim->posts_closed = true;
	sim_look_drained(sim);
}

static void ignore(void *arg)
{
}

static void stop(void *self)
{
	struct sim *sim = self;
	drop_pending(sim);
	if (sim->posts &&
	    (!sim->fleets_closed || !sim->racks_closed || !sim->posts_closed)) { /* sockets end with the loop */
		sim->fleets->all.closed = sim->racks->all.closed = sim->posts->all.closed = ignore;
		return;
	}
	posts_destroy(sim->posts);
	fleets_destroy(sim->fleets);
	racks_destroy(sim->racks);
	if (!sim->load_running) {
		load_destroy(sim->load);
		cabinet_load_destroy(sim->cabinet_load);
	}
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
static const struct gv_table *const tables[] = { &sim_fleets, &sim_cabinets, &sim_piles, NULL };
static const ProtobufCServiceDescriptor *const calls[] = { &ble__piles__descriptor, NULL };
static const ProtobufCMessageDescriptor *const notes[] = { &sim__enrolment__descriptor, NULL };

GV_PLUGIN = {
	GV_STAMP,
	.name = "sim",
	.version = "0.1.0",
	.summary = "Simulated chargers, power-bank cabinets and Bluetooth piles over real sockets, and load, for demos "
		   "and tests",
	.config = &sim__config__descriptor,
	.serves = services,
	.calls = calls,
	.tables = tables,
	.notes = notes,
	.schema_set = GV_SCHEMA(sim),
	.schema = 1,
	.self_size = sizeof(struct sim),
	.start = start,
	.stop = stop,
	.on_answer = sim_on_answer,
	.on_timer = sim_on_timer,
	.driver = &driver,
};
