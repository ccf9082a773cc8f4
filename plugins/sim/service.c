/* The service galvan.sim.v1.Sim, as far as it is about fleets and their chargers. */
#include "sim.h"

#include <errno.h>
#include <string.h>

int sim_no_loop(struct gv_turn *t, struct gv_ticket ticket)
{
	return gv_refuse(t, ticket, GV_UNAVAILABLE,
			 "sim is not running yet, or has no loop to run on; try again in a moment");
}

int sim_refuse_fleet(struct gv_turn *t, struct gv_ticket ticket, int r, const char *why)
{
	return gv_refuse(t, ticket,
			 r == -EEXIST   ? GV_ALREADY_EXISTS
			 : r == -ENOSPC ? GV_RESOURCE_EXHAUSTED
					: GV_INVALID_ARGUMENT,
			 "%s", why);
}

static int add_fleet(struct sim *sim, struct gv_turn *t, struct gv_ticket ticket, const Sim__AddFleetRequest *request)
{
	char error[400];
	const Sim__Fleet *fleet = request->fleet;
	if (!sim->fleets)
		return sim_no_loop(t, ticket);
	if (!fleet)
		return gv_refuse(t, ticket, GV_INVALID_ARGUMENT, "fleet is missing");
	int r = fleet_check(sim->fleets, fleet, error, sizeof error);
	if (r < 0)
		return sim_refuse_fleet(t, ticket, r, error);
	r = gv_put(t, &sim_fleets, gv_key(fleet->name), fleet);
	if (r < 0)
		return r;
	r = fleet_add(sim->fleets, fleet, false);
	if (r < 0)
		return r;
	Sim__AddFleetReply reply = SIM__ADD_FLEET_REPLY__INIT;
	reply.chargers = fleet_find(sim->fleets, fleet->name)->count;
	return gv_reply(t, ticket, &reply);
}
GV_ON_CALL(add_fleet, struct sim, Sim__AddFleetRequest)

static int remove_fleet(struct sim *sim, struct gv_turn *t, struct gv_ticket ticket,
			const Sim__RemoveFleetRequest *request)
{
	if (!sim->fleets)
		return sim_no_loop(t, ticket);
	struct fleet *fleet = fleet_find(sim->fleets, request->name);
	if (!fleet)
		return gv_refuse(t, ticket, GV_NOT_FOUND, "there is no fleet \"%s\"", request->name);
	if (fleet->configured)
		return gv_refuse(t, ticket, GV_FAILED_PRECONDITION,
				 "fleet \"%s\" is in the config file; remove it there and reload sim", request->name);
	int r = gv_delete(t, &sim_fleets, gv_key(request->name));
	if (r < 0)
		return r;
	Sim__RemoveFleetReply reply = SIM__REMOVE_FLEET_REPLY__INIT;
	reply.chargers = fleet->count;
	fleet_remove(fleet);
	return gv_reply(t, ticket, &reply);
}
GV_ON_CALL(remove_fleet, struct sim, Sim__RemoveFleetRequest)

static void connector_message(struct gv_turn *t, const struct charger *model, unsigned id, Sim__Connector *ret)
{
	struct charger_connector k;
	if (charger_get_connector(model, id, &k) < 0)
		return;
	ret->id = id;
	ret->status = gv_strdup(t, k.status);
	ret->plugged = k.plugged;
	ret->transaction_id = k.in_transaction ? k.transaction_id : 0;
	ret->token = gv_strdup(t, k.token);
	ret->meter_wh = k.meter_wh;
	ret->session_wh = k.session_wh;
	ret->power_w = k.power_w;
}

static Sim__Charger *charger_message(struct gv_turn *t, const struct member *m)
{
	struct charger_state state;
	Sim__Charger *c = gv_alloc(t, sizeof *c);
	sim__charger__init(c);
	charger_get_state(m->model, &state);
	c->identity = gv_strdup(t, m->identity);
	c->fleet = gv_strdup(t, m->fleet->want->name);
	c->connected = state.connected;
	c->accepted = state.accepted;
	c->queued = state.queued;
	c->calls = state.calls_sent;
	c->answered = state.calls_answered;
	c->refused = state.calls_refused;
	c->lost = state.calls_lost;
	c->served = state.served;
	c->unexpected = state.unexpected;
	c->reconnects = m->uplink.connects ? m->uplink.connects - 1 : 0;
	c->last_error = gv_strdup(t, m->uplink.last_error);
	c->sessions_started = state.sessions_started;
	c->sessions_ended = state.sessions_ended;
	c->connectors = gv_alloc(t, state.connectors * sizeof *c->connectors);
	for (unsigned i = 0; i < state.connectors; i++) {
		c->connectors[i] = gv_alloc(t, sizeof *c->connectors[i]);
		sim__connector__init(c->connectors[i]);
		connector_message(t, m->model, i + 1, c->connectors[i]);
	}
	c->n_connectors = state.connectors;
	return c;
}

static int list_chargers(struct sim *sim, struct gv_turn *t, struct gv_ticket ticket,
			 const Sim__ListChargersRequest *request)
{
	Sim__ListChargersReply reply = SIM__LIST_CHARGERS_REPLY__INIT;
	uint32_t limit = request->limit ? request->limit : 100;
	struct charger_state state;
	if (!sim->fleets)
		return sim_no_loop(t, ticket);
	for (struct fleet *fleet = sim->fleets->first; fleet; fleet = fleet->next) {
		if (fleet->removed || (*request->fleet && strcmp(request->fleet, fleet->want->name) != 0))
			continue;
		for (struct member *m = fleet->members; m; m = m->next) {
			if (*request->charger && strcmp(request->charger, m->identity) != 0)
				continue;
			charger_get_state(m->model, &state);
			reply.total++;
			reply.connected += state.connected;
			if (reply.n_chargers < limit)
				*GV_APPEND(t, reply.chargers, reply.n_chargers) = charger_message(t, m);
		}
	}
	return gv_reply(t, ticket, &reply);
}
GV_ON_CALL(list_chargers, struct sim, Sim__ListChargersRequest)

/* ---- what customers do ----------------------------------------------------------------------- */

typedef int act_fn(struct member *m, int64_t now_ms, unsigned connector, const char *token);

static int plug(struct member *m, int64_t now_ms, unsigned connector, const char *token)
{
	return charger_plug(m->model, now_ms, connector);
}

static int unplug(struct member *m, int64_t now_ms, unsigned connector, const char *token)
{
	return charger_unplug(m->model, now_ms, connector);
}

static int swipe(struct member *m, int64_t now_ms, unsigned connector, const char *token)
{
	const Sim__Fleet *fleet = m->fleet->want;
	return charger_swipe(m->model, now_ms, connector,
			     *token            ? token
			     : fleet->n_tokens ? fleet->tokens[0]
					       : "SIM-0001");
}

static int power_cycle(struct member *m, int64_t now_ms, unsigned connector, const char *token)
{
	charger_power_cycle(m->model, now_ms);
	return 0;
}

static int act(struct sim *sim, struct gv_turn *t, struct gv_ticket ticket, const Sim__ChargerRequest *request,
	       act_fn *fn)
{
	unsigned connector = request->connector ? request->connector : 1;
	struct member *m = sim->fleets ? fleet_member(sim->fleets, request->charger) : NULL;
	if (!m)
		return gv_refuse(t, ticket, GV_NOT_FOUND,
				 "there is no simulated charger \"%s\"; ListChargers shows all", request->charger);
	int r = fn(m, gv_world_now_ms(sim->world), connector, request->token);
	if (r == -ENOENT)
		return gv_refuse(t, ticket, GV_NOT_FOUND, "charger \"%s\" has no connector %u", request->charger,
				 connector);
	if (r < 0)
		return gv_refuse(t, ticket, GV_FAILED_PRECONDITION,
				 "not possible at connector %u of \"%s\" now; ListChargers shows its state", connector,
				 request->charger);
	uplink_schedule(&m->uplink);
	Sim__ChargerReply reply = SIM__CHARGER_REPLY__INIT;
	reply.charger = charger_message(t, m);
	return gv_reply(t, ticket, &reply);
}

static int plug_call(void *self, struct gv_turn *t, struct gv_ticket ticket, const ProtobufCMessage *m)
{
	return act(self, t, ticket, (const Sim__ChargerRequest *)m, plug);
}

static int unplug_call(void *self, struct gv_turn *t, struct gv_ticket ticket, const ProtobufCMessage *m)
{
	return act(self, t, ticket, (const Sim__ChargerRequest *)m, unplug);
}

static int swipe_call(void *self, struct gv_turn *t, struct gv_ticket ticket, const ProtobufCMessage *m)
{
	return act(self, t, ticket, (const Sim__ChargerRequest *)m, swipe);
}

static int power_cycle_call(void *self, struct gv_turn *t, struct gv_ticket ticket, const ProtobufCMessage *m)
{
	return act(self, t, ticket, (const Sim__ChargerRequest *)m, power_cycle);
}

static int set_faults(struct sim *sim, struct gv_turn *t, struct gv_ticket ticket, const Sim__SetFaultsRequest *request)
{
	struct charger_faults faults;
	Sim__SetFaultsReply reply = SIM__SET_FAULTS_REPLY__INIT;
	if (!sim->fleets)
		return sim_no_loop(t, ticket);
	if (!*request->charger == !*request->fleet)
		return gv_refuse(t, ticket, GV_INVALID_ARGUMENT, "give either a charger or a fleet");
	struct fleet *fleet = *request->fleet ? fleet_find(sim->fleets, request->fleet) : NULL;
	struct member *one = *request->charger ? fleet_member(sim->fleets, request->charger) : NULL;
	if (!fleet && !one)
		return gv_refuse(t, ticket, GV_NOT_FOUND, "there is no simulated %s \"%s\"",
				 *request->fleet ? "fleet" : "charger",
				 *request->fleet ? request->fleet : request->charger);
	fleet_faults(request->faults, &faults);
	for (struct member *m = one ? one : fleet->members; m; m = one ? NULL : m->next) {
		charger_set_faults(m->model, &faults);
		uplink_schedule(&m->uplink);
		reply.chargers++;
	}
	return gv_reply(t, ticket, &reply);
}
GV_ON_CALL(set_faults, struct sim, Sim__SetFaultsRequest)

const struct gv_method sim_methods[] = {
	{ "AddFleet", add_fleet_call },
	{ "RemoveFleet", remove_fleet_call },
	{ "ListChargers", list_chargers_call },
	{ "Plug", plug_call },
	{ "Unplug", unplug_call },
	{ "Swipe", swipe_call },
	{ "PowerCycle", power_cycle_call },
	{ "SetFaults", set_faults_call },
	{ "Load", sim_load_call },
	{ "GetLoad", sim_get_load_call },
	{ "StopLoad", sim_stop_load_call },
	{ "AddCabinets", sim_add_cabinets_call },
	{ "RemoveCabinets", sim_remove_cabinets_call },
	{ "ListCabinets", sim_list_cabinets_call },
	{ "ReturnBank", sim_return_bank_call },
	{ "TakeBank", sim_take_bank_call },
	{ "BreakSlot", sim_break_slot_call },
	{ "PowerCycleCabinet", sim_power_cycle_cabinet_call },
	{ "SetCabinetFaults", sim_set_cabinet_faults_call },
	{ "LoadCabinets", sim_load_cabinets_call },
	{ "AddPiles", sim_add_piles_call },
	{ "RemovePiles", sim_remove_piles_call },
	{ "ListPiles", sim_list_piles_call },
	{ "SetPileCertificate", sim_set_pile_certificate_call },
	{ "UnplugPile", sim_unplug_pile_call },
	{ "StopPile", sim_stop_pile_call },
	{ "WritePileLetter", sim_write_pile_letter_call },
	{ "PowerCyclePile", sim_power_cycle_pile_call },
	{ "SetPileNetwork", sim_set_pile_network_call },
	{ "SetPileRadio", sim_set_pile_radio_call },
	{ 0 },
};
