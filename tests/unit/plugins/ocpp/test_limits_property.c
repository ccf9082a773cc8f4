/* Whatever a charger takes and whatever is asked: what it accepts it keeps to, second by second, and never allows more.
 */
#include "smart.h"

#include <string.h>

#define SEEDS 60
#define ORDERS 4
#define STEP_S 7

static uint64_t state;

static unsigned below(unsigned n)
{
	state = state * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(state >> 33) % n;
}

struct asked {
	unsigned n, start_s[4], ma[4], valid_s, fallback_ma;
	bool falls_back;
};

static void any_charger(unsigned *ret_max_periods)
{
	static const char *const levels[] = { "", "0", "1", "5" }, *const units[] = { "", "Current", "Power", "A,W" };
	static const unsigned periods[] = { 0, 1, 2, 5 };
	static const char *const refuses[] = { NULL, NULL, "ChargePointMaxProfile", "TxDefaultProfile", "TxProfile" };
	static char settings[500];
	unsigned level = below(4);

	*ret_max_periods = periods[below(4)];
	snprintf(settings, sizeof settings,
		 "[{\"key\":\"ChargeProfileMaxStackLevel\",\"value\":\"%s\"},{\"key\":"
		 "\"ChargingScheduleAllowedChargingRateUnit\","
		 "\"value\":\"%s\"},{\"key\":\"ChargingScheduleMaxPeriods\",\"value\":\"%u\"}]",
		 levels[level], units[below(4)], *ret_max_periods);
	smart.settings = settings;
	smart.level_zero_only = below(2);
	smart.refuses = refuses[below(5)];
	smart.how = below(2) ? "Rejected" : "NotSupported";
}

static const char *any_order(struct asked *a)
{
	static char request[1000];
	int at = snprintf(request, sizeof request, "\"connector\":1,\"periods\":[");

	memset(a, 0, sizeof *a);
	a->n = 1 + below(4);
	for (unsigned i = 0; i < a->n; i++) {
		a->start_s[i] = i ? a->start_s[i - 1] + 1 + below(200) : 0;
		a->ma[i] = below(5) ? 6000 + 100 * below(260) : 0;
		at += snprintf(request + at, sizeof request - (size_t)at, "%s{\"startS\":%u,\"currentMa\":%u}",
			       i ? "," : "", a->start_s[i], a->ma[i]);
	}
	a->valid_s = below(4) ? 1 + below(600) : 0;
	a->falls_back = a->valid_s && below(3);
	a->fallback_ma = 1000 * below(17);
	at += snprintf(request + at, sizeof request - (size_t)at, "],\"validS\":%u", a->valid_s);
	if (a->falls_back)
		snprintf(request + at, sizeof request - (size_t)at, ",\"fallback\":{\"currentMa\":%u}", a->fallback_ma);
	return request;
}

/* What was asked for, in tenths, so many seconds later. */
static int64_t right(const struct asked *a, unsigned second)
{
	int64_t limit = 0;

	if (a->valid_s && second >= a->valid_s)
		return a->falls_back ? a->fallback_ma / 100 : COMPOSITE_UNLIMITED;
	for (unsigned i = 0; i < a->n; i++)
		if (second >= a->start_s[i])
			limit = a->ma[i] / 100;
	return limit;
}

static void order_once(unsigned seed, unsigned max_periods)
{
	struct asked a;
	const char *request = any_order(&a);
	int64_t asked_ms;

	host_run_ms(h, 1000 - host_now_ms(h) % 1000); /* whole seconds, as OCPP's */
	asked_ms = host_now_ms(h);
	if (strcmp(smart_limit(request), "Accepted") != 0)
		return;
	for (unsigned i = 0; i < 120; i++) {
		unsigned second = (unsigned)((host_now_ms(h) - asked_ms) / 1000);
		int64_t limit = smart_now(1), most = right(&a, second);

		cr_assert_leq(limit, most, "seed %u, second %u of %s: %lld", seed, second, request, (long long)limit);
		if (!max_periods || a.n + 1 <= max_periods)
			cr_assert_eq(limit, most, "seed %u, second %u of %s: %lld", seed, second, request,
				     (long long)limit);
		host_run_ms(h, STEP_S * S);
	}
}

Test(ocpp_limits_property, what_a_charger_accepts_it_keeps_to, .timeout = 120)
{
	for (unsigned seed = 1; seed <= SEEDS; seed++) {
		unsigned max_periods;

		state = seed;
		smart_setup();
		any_charger(&max_periods);
		if (below(2))
			smart_begin(1);
		for (unsigned i = 0; i < ORDERS; i++)
			order_once(seed, max_periods);
		cr_assert_leq(smart_profiles(), 2, "seed %u: profiles pile up", seed);
		bench_teardown();
		memset(&smart, 0, sizeof smart);
	}
}
