/* OCPP 2.0.1, K15 to K17: what cars say by way of their chargers. */
#include "profiles.h"
#include "v201.h"
#include "v201_limits.h"

#include <cjson/cJSON.h>
#include <string.h>

#define MOST 10000000 /* A, V, W or Wh of a car that are believed */

struct reading {
	const cJSON *from;
	bool odd; /* a value that cannot be */
};

static int64_t value(struct reading *r, const char *name, int64_t scale)
{
	int64_t v = json_int(r->from, name, 0);

	r->odd |= v < 0 || v > MOST;
	return r->odd ? 0 : v * scale;
}

static uint32_t percent(struct reading *r, const char *name)
{
	int64_t v = value(r, name, 1);

	r->odd |= v > 100;
	return (uint32_t)v;
}

/* What is wrong with it, in one word; NULL: nothing. */
static const char *read_parameters(const cJSON *needs, Charging__VehicleNeeds *ret)
{
	struct reading ac = { .from = json_get(needs, "acChargingParameters") },
		       dc = { .from = json_get(needs, "dcChargingParameters") },
		       *r = strcmp(ret->transfer, "DC") ? &ac : &dc;

	if (!r->from)
		return "NoParameters";
	ret->energy_wh = value(r, "energyAmount", 1);
	ret->min_current_ma = value(&ac, "evMinCurrent", 1000);
	ret->max_current_ma = value(r, "evMaxCurrent", 1000);
	ret->max_voltage_mv = value(r, "evMaxVoltage", 1000);
	ret->max_power_w = value(&dc, "evMaxPower", 1);
	ret->capacity_wh = value(&dc, "evEnergyCapacity", 1);
	ret->charge_percent = percent(&dc, "stateOfCharge");
	ret->full_percent = percent(&dc, "fullSoC");
	ret->bulk_percent = percent(&dc, "bulkSoC");
	if (r->odd || ac.odd || dc.odd || !ret->max_current_ma || ret->min_current_ma > ret->max_current_ma)
		return "InvalidValues";
	return NULL;
}

static Charging__VehicleNeeds *read_needs(struct gv_turn *t, struct inbound *in, const char **ret_problem)
{
	const cJSON *needs = json_get(in->payload, "chargingNeeds"), *departure = json_get(needs, "departureTime");
	Charging__VehicleNeeds *ret = gv_alloc(t, sizeof *ret);
	int64_t most = json_int(in->payload, "maxScheduleTuples", 0);
	struct when when;

	charging__vehicle_needs__init(ret);
	ret->transfer = gv_strdup(t, json_string(needs, "requestedEnergyTransfer"));
	ret->max_periods = most > 0 && most <= INT32_MAX ? (uint32_t)most : 0;
	if (departure) {
		when_read(t, in->st, departure, &when);
		ret->departure_ms = when.replaced ? 0 : when.ms;
	}
	*ret_problem = read_parameters(needs, ret);
	return ret;
}

/* Accepted: a schedule follows (K17.FR.03). Processing: one may, as whoever shares power out has been told (FR.05). */
int v201_told_needs(struct ocpp *o, struct gv_turn *t, struct inbound *in)
{
	enum needs_answer answer;
	const char *problem, *why;
	uint32_t connector;
	Charging__VehicleNeeds *needs;
	int error;

	if (!v201_read_id(t, in, in->payload, "evseId", &connector))
		return 0;
	needs = read_needs(t, in, &problem);
	error = told_needs(o, t, in, connector, needs, connector ? problem : "InvalidEvse", &answer, &why);
	if (answer == NEEDS_REFUSED)
		in->answer = gv_str(t, "{\"status\":\"Rejected\",\"statusInfo\":{\"reasonCode\":\"%s\"}}",
				    why ? why : "TooManyLimits");
	else
		in->answer = answer == NEEDS_PENDING ? "{\"status\":\"Processing\"}" : "{\"status\":\"Accepted\"}";
	return error;
}

/* The charger has looked whether it is within the limits; so do we (K16.FR.06). */
int v201_told_schedule(struct ocpp *o, struct gv_turn *t, struct inbound *in)
{
	Ocpp__ProfileSchedule *s = profiles_read_schedule(t, json_get(in->payload, "chargingSchedule"));
	const char *problem = NULL;
	uint32_t connector;
	struct when base;
	int error;

	if (!v201_read_id(t, in, in->payload, "evseId", &connector))
		return 0;
	if (!s || !connector) {
		in->answer = gv_str(t, "{\"status\":\"Rejected\",\"statusInfo\":{\"reasonCode\":\"%s\"}}",
				    s ? "InvalidEvse" : "InvalidSchedule");
		return 0;
	}
	when_read(t, in->st, json_get(in->payload, "timeBase"), &base);
	s->start_ms = base.ms;
	error = told_schedule(o, t, in, connector, s, &problem);
	in->answer = problem ? gv_str(t,
				      "{\"status\":\"Rejected\",\"statusInfo\":{\"reasonCode\":\"OverLimit\","
				      "\"additionalInfo\":\"%s\"}}",
				      problem)
			     : "{\"status\":\"Accepted\"}";
	return error;
}
