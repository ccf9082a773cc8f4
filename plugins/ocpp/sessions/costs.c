/* Billing tells what a session costs as it goes on and when it has been charged; the charger's display follows. One
 * word is under way at a time, and the newest is the next: a slow charger misses what is old, not what is last. */
#include "costs.h"

#include <plugins/ocpp/device/device.h>
#include <plugins/ocpp/edge/edge.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define COSTS_MAX 16 /* transactions of one charger, the newest */
#define DECIMALS_MAX 4
#define WAIT_MS 2000 /* that an answer waits for a price; chargers wait for half a minute */

const struct gv_table ocpp_costs = { .name = "costs", .key = "su", .value = &ocpp__cost_row__descriptor };

/* ---- the display ----------------------------------------------------------------------------- */

/* The instance Cost, or the variable itself where a charger tells no instances apart. */
static const char *display(struct gv_turn *t, const char *device, const char *variable)
{
	const char *value = variable_text(t, device, gv_str(t, COSTS_COMPONENT "/%s.Cost", variable));

	return value[0] ? value : variable_text(t, device, gv_str(t, COSTS_COMPONENT "/%s", variable));
}

bool costs_shown(struct gv_turn *t, const char *device)
{
	const char *enabled = display(t, device, "Enabled");

	return !strcasecmp(enabled[0] ? enabled : display(t, device, "Available"), "true");
}

bool costs_shows(struct gv_turn *t, const char *device, const Ocpp__Transaction *x)
{
	return x->name[0] && costs_shown(t, device);
}

int costs_appeared(struct gv_turn *t, const char *device)
{
	struct gv_scan scan = { .table = &ocpp_active, .prefix = gv_key(device) };
	int error = 0;

	while (!error && gv_next(t, &scan)) {
		Charging__SessionShowsCost event = CHARGING__SESSION_SHOWS_COST__INIT;
		const Ocpp__Transaction *x = scan.row;

		if (!x->name[0] || !transaction_is_told(x))
			continue;
		event.device = (char *)device;
		event.session_id = (char *)model_session_id(t, device, x->id);
		error = gv_emit(t, &event);
	}
	return error;
}

/* A number in another currency than the display's would be a lie. */
static bool other_currency(struct gv_turn *t, const char *device, const char *currency)
{
	const char *shown = variable_text(t, device, COSTS_COMPONENT "/Currency");

	return shown[0] && strcasecmp(shown, currency) != 0;
}

/* ---- telling --------------------------------------------------------------------------------- */

static const char *amount(struct gv_turn *t, const Ocpp__CostRow *row)
{
	int64_t unit = 1;

	for (uint32_t i = 0; i < row->decimals; i++)
		unit *= 10;
	if (!row->decimals)
		return gv_str(t, "%" PRId64, row->cost);
	return gv_str(t, "%s%" PRId64 ".%0*" PRId64, row->cost < 0 ? "-" : "", (int64_t)llabs(row->cost) / unit,
		      (int)row->decimals, (int64_t)llabs(row->cost) % unit);
}

static bool is_told(const Ocpp__CostRow *row)
{
	return row->told && row->told_cost == row->cost;
}

static int tell(struct ocpp *o, struct gv_turn *t, const char *device, uint64_t id)
{
	const struct station *st = station_find(o, device);
	Ocpp__CostRow *row = gv_edit(t, &ocpp_costs, gv_key(device, id));
	struct command c = { .kind = OCPP__COMMAND__KIND__COST, .about = id };

	if (is_told(row) || row->asking || !st || !st->edge->orders->cost || st->profile.ask_nothing ||
	    !command_fits(t, device))
		return 0;
	if (st->edge->orders->cost(t, row->name, amount(t, row), &c)) {
		gv_log(t, GV_WARN, "what a session costs cannot be told: %s device=%s", c.problem, device);
		row->told = true;
		row->told_cost = row->cost;
		return 0;
	}
	row->asking = true;
	row->asking_cost = row->cost;
	return command_send(o, t, (struct gv_ticket){ 0 }, device, &c);
}

int costs_concluded(struct ocpp *o, struct gv_turn *t, const char *device, const Ocpp__Command *command,
		    const struct outcome *out)
{
	const Ocpp__CostRow *known = gv_get(t, &ocpp_costs, gv_key(device, command->about));
	Ocpp__CostRow *row;

	if (!known)
		return 0;
	row = gv_edit(t, &ocpp_costs, gv_key(device, command->about));
	row->asking = false;
	if (out->kind == OUTCOME_LOST || out->kind == OUTCOME_UNSENT) /* told when it is there again */
		return 0;
	if (out->kind == OUTCOME_ERROR)
		gv_log(t, GV_INFO, "charger refused to show what a session costs device=%s code=%.60s", device,
		       out->code);
	row->told = true;
	row->told_cost = row->asking_cost;
	return tell(o, t, device, command->about);
}

int costs_opened(struct ocpp *o, struct gv_turn *t, const struct station *st)
{
	struct gv_scan scan = { .table = &ocpp_costs, .prefix = gv_key(st->device) };
	int error = 0;

	while (!error && st->edge->orders->cost && gv_next(t, &scan))
		error = is_told(scan.row) ? 0 : tell(o, t, st->device, scan.key.part[1].u);
	return error;
}

/* ---- answers that wait ----------------------------------------------------------------------- */

static const char *timer_of(struct gv_turn *t, const char *device, uint64_t id)
{
	return gv_str(t, COST_TIMER "%" PRIu64 " %s", id, device);
}

/* Its row, by the charger's own name; false: nobody has said a price of it. */
static bool find(struct gv_turn *t, const char *device, const char *name, uint64_t *ret_id)
{
	struct gv_scan scan = { .table = &ocpp_costs, .prefix = gv_key(device), .reverse = true };

	while (gv_next(t, &scan)) {
		*ret_id = scan.key.part[1].u;
		if (!strcmp(((const Ocpp__CostRow *)scan.row)->name, name))
			return true;
	}
	return false;
}

bool costs_wait(struct gv_turn *t, struct inbound *in, const char *name, const char *token_info)
{
	Ocpp__CostWait *wait;
	uint64_t id;

	if (!find(t, in->device, name, &id))
		return false;
	wait = gv_alloc(t, sizeof *wait);
	ocpp__cost_wait__init(wait);
	wait->conn = in->st->conn;
	wait->message_id = gv_strdup(t, in->id);
	wait->numeric_id = in->id_is_number;
	wait->action = (char *)in->action->name;
	wait->token_info = gv_strdup(t, token_info);
	((Ocpp__CostRow *)gv_edit(t, &ocpp_costs, gv_key(in->device, id)))->wait = wait;
	gv_timer(t, timer_of(t, in->device, id), gv_now_ms(t) + WAIT_MS, NULL);
	return true;
}

/* cost NULL: it has not come. True where the charger is told it so. */
static bool answer(struct ocpp *o, struct gv_turn *t, const char *device, Ocpp__CostRow *row, const char *cost)
{
	struct station *st = station_find(o, device);
	const Ocpp__CostWait *wait = row->wait;

	row->wait = NULL;
	if (!st || st->conn != wait->conn || !st->edge->ended)
		return false;
	frames_answer(o, t, st, wait->message_id, wait->numeric_id, wait->action,
		      st->edge->ended(t, cost, wait->token_info));
	return cost != NULL;
}

int costs_due(struct ocpp *o, struct gv_turn *t, const char *name)
{
	char *device;
	uint64_t id = strtoull(name + strlen(COST_TIMER), &device, 10);
	const Ocpp__CostRow *row = gv_get(t, &ocpp_costs, gv_key(device + 1, id));

	if (row && row->wait) {
		gv_count(t, "prices_late", 1);
		answer(o, t, device + 1, gv_edit(t, &ocpp_costs, gv_key(device + 1, id)), NULL);
	}
	return 0;
}

/* ---- what billing says ----------------------------------------------------------------------- */

/* The oldest goes. */
static void make_room(struct gv_turn *t, const char *device)
{
	struct gv_scan scan = { .table = &ocpp_costs, .prefix = gv_key(device) }, oldest = scan;
	unsigned n = 0;

	while (gv_next(t, &scan))
		n++;
	if (n >= COSTS_MAX && gv_next(t, &oldest))
		gv_delete(t, &ocpp_costs, oldest.key);
}

int costs_priced(struct ocpp *o, struct gv_turn *t, const Billing__SessionPriced *e)
{
	const char *device;
	const Ocpp__Transaction *x = model_session_find(t, e->session, &device);
	const Ocpp__CostRow *known;
	Ocpp__CostRow *row;

	if (!x || !x->name[0] || e->decimals > DECIMALS_MAX)
		return 0;
	known = gv_get(t, &ocpp_costs, gv_key(device, (uint64_t)x->id));
	if (!known && other_currency(t, device, e->currency)) {
		gv_log(t, GV_WARN,
		       "what sessions cost is not told: the charger shows another currency than %s, set "
		       "its " COSTS_COMPONENT "/Currency device=%s session=%s",
		       e->currency, device, e->session);
		return 0;
	}
	if (!known)
		make_room(t, device);
	row = gv_edit(t, &ocpp_costs, gv_key(device, (uint64_t)x->id));
	row->name = x->name;
	row->cost = e->cost;
	row->currency = e->currency;
	row->decimals = e->decimals;
	row->final |= e->final;
	if (row->final && row->wait) {
		gv_timer_cancel(t, timer_of(t, device, (uint64_t)x->id));
		if (answer(o, t, device, row, amount(t, row))) {
			row->told = true;
			row->told_cost = row->cost;
		}
	}
	return tell(o, t, device, (uint64_t)x->id);
}

const char *costs_final(struct gv_turn *t, const char *device, const char *name)
{
	const Ocpp__CostRow *row;
	uint64_t id;

	if (!find(t, device, name, &id))
		return NULL;
	row = gv_get(t, &ocpp_costs, gv_key(device, id));
	return row->final ? amount(t, row) : NULL;
}
