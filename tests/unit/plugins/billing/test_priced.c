/* What sessions cost, told to chargers that show it. */
#include "orders_rig.h"

#include <criterion/criterion.h>

#include <stdlib.h>

#define PRICED "galvan.billing.v1.SessionPriced"

static void setup(void)
{
	h = host_create(1);
	host_verbose(h, getenv("VERBOSE") != NULL);
	device_reset();
	cr_assert_eq(host_load_record(h, &device, 1, NULL), 0);
	cr_assert_eq(host_load(h, "billing", PLUGINS "/billing.so", 1,
			       "{\"customers\":[{\"id\":\"C-1\",\"name\":\"Ada\"}],\"hold\":{\"amount\":\"1000\"}}"),
		     0, "%s", host_error(h));
	assign("{\\\"type\\\":\\\"ENERGY\\\",\\\"price\\\":1,\\\"step_size\\\":1}"); /* a cent for 10 Wh */
	must("TopUp",
	     "{\"id\":\"1\",\"customer\":\"C-1\",\"amount\":\"5000\",\"provider\":\"desk\",\"desk\":\"main\"}");
	checkout();
}

TestSuite(priced, .init = setup, .fini = sound_and_gone);

static void begin(bool shows_cost)
{
	begin_session("dev:1/1", token, host_now_ms(h));
	session.shows_cost = shows_cost;
	do_tell(STARTED);
	host_run_ms(h, MINUTE_MS);
}

/* The newest, as "cost currency decimals final". */
static const char *newest(void)
{
	static char line[100];
	size_t n = host_events(h, PRICED);
	cJSON *e = n ? cJSON_Parse(host_event(h, PRICED, n - 1)->json) : NULL;

	snprintf(line, sizeof line, "%s %s %d %s", cJSON_GetStringValue(cJSON_GetObjectItem(e, "cost")),
		 cJSON_GetStringValue(cJSON_GetObjectItem(e, "currency")),
		 (int)cJSON_GetNumberValue(cJSON_GetObjectItem(e, "decimals")),
		 cJSON_IsTrue(cJSON_GetObjectItem(e, "final")) ? "final" : "so far");
	cJSON_Delete(e);
	return line;
}

Test(priced, a_session_of_a_charger_with_a_display_is_priced_as_it_goes_on)
{
	begin(true);
	measure(1000);
	cr_expect_str_eq(newest(), "100 EUR 2 so far");
	host_run_ms(h, 10000);
	measure(2000);
	cr_expect_eq(host_events(h, PRICED), 1, "not at each meter value");
	host_run_ms(h, 20000);
	measure(3000);
	cr_expect_str_eq(newest(), "300 EUR 2 so far");
	end_session(3500);
	cr_expect_str_eq(newest(), "350 EUR 2 final");
}

Test(priced, a_cost_that_stands_is_not_told_again)
{
	begin(true);
	measure(1000);
	host_run_ms(h, MINUTE_MS);
	measure(1000);
	cr_expect_eq(host_events(h, PRICED), 1);
	end_session(1000);
}

Test(priced, after_a_crash_it_goes_on)
{
	begin(true);
	measure(1000);
	host_crash(h, "billing.0");
	host_run_ms(h, MINUTE_MS);
	measure(2000);
	host_run_ms(h, MINUTE_MS);
	measure(3000);
	cr_expect_str_eq(newest(), "300 EUR 2 so far");
	end_session(3000);
	cr_expect_str_eq(newest(), "300 EUR 2 final");
}

Test(priced, of_a_charger_without_a_display_nothing_is_told)
{
	begin(false);
	measure(1000);
	end_session(2000);
	cr_expect_eq(host_events(h, PRICED), 0);
}
