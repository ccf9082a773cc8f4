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

int sim_load_call(void *self, struct gv_turn *t, struct gv_ticket ticket, const ProtobufCMessage *m)
{
	struct sim *sim = self;
	const Sim__LoadRequest *request = (const Sim__LoadRequest *)m;
	char error[400];
	if (!sim->fleets || sim->draining)
		return gv_refuse(t, ticket, GV_UNAVAILABLE, "sim is starting or stopping; try again in a moment");
	if (sim->load_running)
		return gv_refuse(t, ticket, GV_FAILED_PRECONDITION,
				 "a load is running; wait for it, or end it with StopLoad");
	struct load *load;
	if (load_start(gv_world_loop(sim->world), request, on_done, sim, &load, error, sizeof error) < 0)
		return gv_refuse(t, ticket, GV_INVALID_ARGUMENT, "%s", error);
	load_destroy(sim->load);
	sim->load = load;
	sim->load_running = true;
	sim->load_stations = request->stations;
	sim->load_waited = !request->detach;
	sim->load_ticket = ticket;
	return request->detach ? reply_report(sim, t, ticket, false) : 0;
}

int sim_get_load_call(void *self, struct gv_turn *t, struct gv_ticket ticket, const ProtobufCMessage *m)
{
	return reply_report(self, t, ticket, ((const Sim__GetLoadRequest *)m)->stations);
}

int sim_stop_load_call(void *self, struct gv_turn *t, struct gv_ticket ticket, const ProtobufCMessage *m)
{
	struct sim *sim = self;
	if (sim->load_running)
		load_stop(sim->load);
	return reply_report(sim, t, ticket, false);
}
