/* The service galvan.sim.v1.Sim, as far as it is about load: one run at a time, whose report outlives it until the next
 * begins. */
#include "sim.h"

#include <string.h>

static int reply_report(struct sim *sim, struct gv_turn *t, struct gv_ticket ticket, bool stations)
{
	Sim__LoadReport report = SIM__LOAD_REPORT__INIT;
	Sim__LoadReply reply = SIM__LOAD_REPLY__INIT;
	if (sim->load)
		load_report(sim->load, stations, &report);
	else if (sim->cabinet_load)
		cabinet_load_report(sim->cabinet_load, &report);
	else
		report.state = "none";
	reply.report = &report;
	int r = gv_reply(t, ticket, &reply);
	load_report_fini(&report);
	return r;
}

static int answer_waiting(void *self, struct gv_turn *t, void *arg)
{
	struct sim *sim = self;
	return reply_report(sim, t, sim->load_ticket, sim->load_stations);
}

static void on_done(void *arg)
{
	struct sim *sim = arg;
	sim->load_running = false;
	if (sim->load_waited)
		gv_world_turn(sim->world, answer_waiting, NULL);
	sim->load_waited = false;
	sim_look_drained(sim);
}

/* Refuses where no load can begin now. */
static bool busy(struct sim *sim, struct gv_turn *t, struct gv_ticket ticket)
{
	if (!sim->fleets || sim->draining)
		gv_refuse(t, ticket, GV_UNAVAILABLE, "sim is starting or stopping; try again in a moment");
	else if (sim->load_running)
		gv_refuse(t, ticket, GV_FAILED_PRECONDITION, "a load is running; wait for it, or end it with StopLoad");
	else
		return false;
	return true;
}

static int begun(struct sim *sim, struct gv_turn *t, struct gv_ticket ticket, bool stations, bool detach)
{
	sim->load_running = true;
	sim->load_stations = stations;
	sim->load_waited = !detach;
	sim->load_ticket = ticket;
	return detach ? reply_report(sim, t, ticket, false) : 0;
}

static void forget(struct sim *sim)
{
	load_destroy(sim->load);
	cabinet_load_destroy(sim->cabinet_load);
	sim->load = NULL;
	sim->cabinet_load = NULL;
}

int sim_load_cabinets_call(void *self, struct gv_turn *t, struct gv_ticket ticket, const ProtobufCMessage *m)
{
	struct sim *sim = self;
	const Sim__LoadCabinetsRequest *request = (const Sim__LoadCabinetsRequest *)m;
	char error[400];
	struct cabinet_load *load;
	if (busy(sim, t, ticket))
		return 0;
	if (cabinet_load_start(gv_world_loop(sim->world), request, on_done, sim, &load, error, sizeof error) < 0)
		return gv_refuse(t, ticket, GV_INVALID_ARGUMENT, "%s", error);
	forget(sim);
	sim->cabinet_load = load;
	return begun(sim, t, ticket, false, request->detach);
}

int sim_load_call(void *self, struct gv_turn *t, struct gv_ticket ticket, const ProtobufCMessage *m)
{
	struct sim *sim = self;
	const Sim__LoadRequest *request = (const Sim__LoadRequest *)m;
	char error[400];
	if (busy(sim, t, ticket))
		return 0;
	struct load *load;
	if (load_start(gv_world_loop(sim->world), request, on_done, sim, &load, error, sizeof error) < 0)
		return gv_refuse(t, ticket, GV_INVALID_ARGUMENT, "%s", error);
	forget(sim);
	sim->load = load;
	return begun(sim, t, ticket, request->stations, request->detach);
}

int sim_get_load_call(void *self, struct gv_turn *t, struct gv_ticket ticket, const ProtobufCMessage *m)
{
	return reply_report(self, t, ticket, ((const Sim__GetLoadRequest *)m)->stations);
}

int sim_stop_load_call(void *self, struct gv_turn *t, struct gv_ticket ticket, const ProtobufCMessage *m)
{
	struct sim *sim = self;
	if (sim->load_running && sim->load)
		load_stop(sim->load);
	else if (sim->load_running)
		cabinet_load_stop(sim->cabinet_load);
	return reply_report(sim, t, ticket, false);
}
