/* The service galvan.sim.v1.Sim, as far as it is about cabinets of power banks and what people do there. */
#include "sim.h"

#include <errno.h>
#include <string.h>

int sim_add_cabinets_call(void *self, struct gv_turn *t, struct gv_ticket ticket, const ProtobufCMessage *m)
{
	struct sim *sim = self;
	const Sim__CabinetFleet *fleet = ((const Sim__AddCabinetsRequest *)m)->fleet;
	Sim__AddCabinetsReply reply = SIM__ADD_CABINETS_REPLY__INIT;
	char error[400];
	if (!sim->racks)
		return sim_no_loop(t, ticket);
	if (!fleet)
		return gv_refuse(t, ticket, GV_INVALID_ARGUMENT, "fleet is missing");
	int r = rack_fleet_check(sim->racks, fleet, error, sizeof error);
	if (r < 0)
		return sim_refuse_fleet(t, ticket, r, error);
	r = gv_put(t, &sim_cabinets, gv_key(fleet->name), fleet);
	if (r == 0)
		r = rack_fleet_add(sim->racks, fleet, false);
	if (r < 0)
		return r;
	reply.cabinets = rack_fleet_find(sim->racks, fleet->name)->count;
	return gv_reply(t, ticket, &reply);
}

int sim_remove_cabinets_call(void *self, struct gv_turn *t, struct gv_ticket ticket, const ProtobufCMessage *m)
{
	struct sim *sim = self;
	const char *name = ((const Sim__RemoveCabinetsRequest *)m)->name;
	Sim__RemoveCabinetsReply reply = SIM__REMOVE_CABINETS_REPLY__INIT;
	if (!sim->racks)
		return sim_no_loop(t, ticket);
	struct rack_fleet *fleet = rack_fleet_find(sim->racks, name);
	if (!fleet)
		return gv_refuse(t, ticket, GV_NOT_FOUND, "there is no fleet \"%s\" of cabinets", name);
	if (fleet->configured)
		return gv_refuse(t, ticket, GV_FAILED_PRECONDITION,
				 "fleet \"%s\" is in the config file; remove it there and reload sim", name);
	int r = gv_delete(t, &sim_cabinets, gv_key(name));
	if (r < 0)
		return r;
	reply.cabinets = fleet->count;
	rack_fleet_remove(fleet);
	return gv_reply(t, ticket, &reply);
}

/* ---- what there is --------------------------------------------------------------------------- */

static Sim__CabinetSlot *slot_message(struct gv_turn *t, const struct rack *rack, int64_t now_ms, unsigned id)
{
	Sim__CabinetSlot *ret = gv_alloc(t, sizeof *ret);
	struct cabinet_slot slot = { .bank = "" };
	sim__cabinet_slot__init(ret);
	cabinet_get_slot(rack->model, now_ms, id, &slot);
	ret->id = id;
	ret->bank = gv_strdup(t, slot.bank);
	ret->offered = gv_strdup(t, slot.offered);
	ret->charge_percent = slot.level_percent;
	ret->broken = slot.broken;
	ret->moving = slot.moving;
	return ret;
}

static Sim__Cabinet *cabinet_message(struct gv_turn *t, const struct rack *rack, int64_t now_ms)
{
	struct cabinet_state state;
	Sim__Cabinet *c = gv_alloc(t, sizeof *c);
	sim__cabinet__init(c);
	cabinet_get_state(rack->model, &state);
	c->imei = gv_strdup(t, rack->imei);
	c->fleet = gv_strdup(t, rack->fleet->want->name);
	c->connected = state.connected;
	c->reports = state.reports;
	c->ejects = state.ejects;
	c->returns = state.returns;
	c->lends = state.spoke[CABINET_LEND];
	c->queries = state.spoke[CABINET_QUERY];
	c->asked = state.spoke[CABINET_ASK];
	c->allowed = state.spoke[CABINET_ALLOW];
	c->refused = state.spoke[CABINET_REFUSE];
	c->reported = state.spoke[CABINET_LENT] + state.spoke[CABINET_NOT_LENT] + state.spoke[CABINET_TAKEN] +
		      state.spoke[CABINET_NOT_TAKEN];
	c->confirmed = state.spoke[CABINET_CONFIRM];
	c->unexpected = state.unexpected;
	c->power_cycles = state.power_cycles;
	c->reconnects = rack->uplink.connects ? rack->uplink.connects - 1 : 0;
	c->last_error = gv_strdup(t, rack->uplink.last_error);
	for (unsigned i = 1; i <= state.slots; i++)
		*GV_APPEND(t, c->slots, c->n_slots) = slot_message(t, rack, now_ms, i);
	return c;
}

int sim_list_cabinets_call(void *self, struct gv_turn *t, struct gv_ticket ticket, const ProtobufCMessage *m)
{
	struct sim *sim = self;
	const Sim__ListCabinetsRequest *request = (const Sim__ListCabinetsRequest *)m;
	Sim__ListCabinetsReply reply = SIM__LIST_CABINETS_REPLY__INIT;
	uint32_t limit = request->limit ? request->limit : 100;
	struct cabinet_state state;
	if (!sim->racks)
		return sim_no_loop(t, ticket);
	int64_t now_ms = gv_world_now_ms(sim->world);
	for (const struct rack_fleet *f = sim->racks->first; f; f = f->next) {
		if (f->removed || (*request->fleet && strcmp(request->fleet, f->want->name) != 0))
			continue;
		reply.banks_out += f->n_hands;
		for (unsigned i = 0; i < f->count; i++) {
			if (*request->cabinet && strcmp(request->cabinet, f->by_number[i]->imei) != 0)
				continue;
			cabinet_get_state(f->by_number[i]->model, &state);
			reply.total++;
			reply.connected += state.connected;
			if (reply.n_cabinets < limit)
				*GV_APPEND(t, reply.cabinets, reply.n_cabinets) = cabinet_message(t, f->by_number[i],
												  now_ms);
		}
	}
	return gv_reply(t, ticket, &reply);
}

/* ---- what people do -------------------------------------------------------------------------- */

struct deed {
	unsigned slot;
	char bank[CABINET_BANK_SIZE];
};
/* 0, or as cabinet_insert and its like. */
typedef int deed_fn(struct rack *rack, int64_t now_ms, const Sim__CabinetRequest *request, struct deed *deed);

static int return_bank(struct rack *rack, int64_t now_ms, const Sim__CabinetRequest *request, struct deed *deed)
{
	int r = rack_return(rack, request->slot, request->bank, deed->bank);
	deed->slot = r > 0 ? (unsigned)r : 0;
	return r < 0 ? r : 0;
}

static int take_bank(struct rack *rack, int64_t now_ms, const Sim__CabinetRequest *request, struct deed *deed)
{
	return rack_take(rack, request->slot, deed->bank);
}

static int break_slot(struct rack *rack, int64_t now_ms, const Sim__CabinetRequest *request, struct deed *deed)
{
	return cabinet_break(rack->model, now_ms, request->slot, request->broken);
}

static int power_cycle(struct rack *rack, int64_t now_ms, const Sim__CabinetRequest *request, struct deed *deed)
{
	cabinet_power_cycle(rack->model, now_ms, 0);
	return 0;
}

static int refuse(struct gv_turn *t, struct gv_ticket ticket, const Sim__CabinetRequest *request, int r)
{
	switch (r) {
	case -ENOENT:
		return gv_refuse(t, ticket, GV_NOT_FOUND, "cabinet \"%s\" has no slot %u", request->cabinet,
				 request->slot);
	case -ENODATA:
		return gv_refuse(t, ticket, GV_FAILED_PRECONDITION,
				 "there is no bank: the slot holds none, or nobody of the fleet has one to return");
	case -EINVAL:
		return gv_refuse(t, ticket, GV_INVALID_ARGUMENT,
				 "bank \"%s\": expected 4 to 20 digits and upper-case letters, or 16 hex digits for "
				 "the binary family",
				 request->bank);
	default:
		return gv_refuse(t, ticket, GV_FAILED_PRECONDITION,
				 "not possible at slot %u of \"%s\" now; ListCabinets shows its state", request->slot,
				 request->cabinet);
	}
}

static int act(struct sim *sim, struct gv_turn *t, struct gv_ticket ticket, const ProtobufCMessage *m, deed_fn *fn)
{
	const Sim__CabinetRequest *request = (const Sim__CabinetRequest *)m;
	struct rack *rack = sim->racks ? rack_find(sim->racks, request->cabinet) : NULL;
	struct deed deed = { .slot = request->slot };
	Sim__CabinetReply reply = SIM__CABINET_REPLY__INIT;
	if (!rack)
		return gv_refuse(t, ticket, GV_NOT_FOUND,
				 "there is no simulated cabinet \"%s\"; ListCabinets shows all", request->cabinet);
	int64_t now_ms = gv_world_now_ms(sim->world);
	int r = fn(rack, now_ms, request, &deed);
	if (r < 0)
		return refuse(t, ticket, request, r);
	uplink_schedule(&rack->uplink);
	reply.cabinet = cabinet_message(t, rack, now_ms);
	reply.slot = deed.slot;
	reply.bank = gv_strdup(t, deed.bank);
	return gv_reply(t, ticket, &reply);
}

int sim_return_bank_call(void *self, struct gv_turn *t, struct gv_ticket ticket, const ProtobufCMessage *m)
{
	return act(self, t, ticket, m, return_bank);
}

int sim_take_bank_call(void *self, struct gv_turn *t, struct gv_ticket ticket, const ProtobufCMessage *m)
{
	return act(self, t, ticket, m, take_bank);
}

int sim_break_slot_call(void *self, struct gv_turn *t, struct gv_ticket ticket, const ProtobufCMessage *m)
{
	return act(self, t, ticket, m, break_slot);
}

int sim_power_cycle_cabinet_call(void *self, struct gv_turn *t, struct gv_ticket ticket, const ProtobufCMessage *m)
{
	return act(self, t, ticket, m, power_cycle);
}

int sim_set_cabinet_faults_call(void *self, struct gv_turn *t, struct gv_ticket ticket, const ProtobufCMessage *m)
{
	struct sim *sim = self;
	const Sim__SetCabinetFaultsRequest *request = (const Sim__SetCabinetFaultsRequest *)m;
	Sim__SetCabinetFaultsReply reply = SIM__SET_CABINET_FAULTS_REPLY__INIT;
	struct cabinet_faults faults;
	if (!sim->racks)
		return sim_no_loop(t, ticket);
	if (!*request->cabinet == !*request->fleet)
		return gv_refuse(t, ticket, GV_INVALID_ARGUMENT, "give either a cabinet or a fleet");
	struct rack_fleet *fleet = *request->fleet ? rack_fleet_find(sim->racks, request->fleet) : NULL;
	struct rack *one = *request->cabinet ? rack_find(sim->racks, request->cabinet) : NULL;
	if (!fleet && !one)
		return gv_refuse(t, ticket, GV_NOT_FOUND, "there is no simulated %s \"%s\"",
				 *request->fleet ? "fleet" : "cabinet",
				 *request->fleet ? request->fleet : request->cabinet);
	rack_faults(request->faults, &faults);
	for (unsigned i = 0; i < (one ? 1 : fleet->count); i++) {
		struct rack *rack = one ? one : fleet->by_number[i];
		cabinet_set_faults(rack->model, &faults);
		uplink_schedule(&rack->uplink);
		reply.cabinets++;
	}
	return gv_reply(t, ticket, &reply);
}
