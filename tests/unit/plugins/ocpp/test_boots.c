/* Quirk row 26: chargers that boot over and over are answered each time and told of a few times, and one that restarts
 * when it is asked something is not asked again. */
#include "charger.h"

#include <string.h>

#define BOOTED "galvan.ocpp.v1.StationBooted"
#define SET "{\"device\":\"ocpp:CP001\",\"key\":\"HeartbeatInterval\",\"value\":\"60\"}"

TestSuite(ocpp_boots, BENCH);

static void boot(const char *firmware)
{
	char payload[160];

	snprintf(payload, sizeof payload,
		 "{\"chargePointVendor\":\"V\",\"chargePointModel\":\"M\",\"firmwareVersion\":\"%s\"}", firmware);
	answered("BootNotification", payload, "Accepted");
}

/* Off for some seconds and on again, as a charger that starts anew. */
static void power_cycle(const char *firmware, int off_s)
{
	host_station_drop(cp.station);
	host_run_ms(h, off_s * 1000);
	bench_forget_frames();
	host_station_connect(cp.station);
	host_run_ms(h, 100);
	boot(firmware);
}

static bool shows(const char *quirk)
{
	const cJSON *s = cJSON_GetArrayItem(get(ask(OCPP "ListStations", "{\"device\":\"ocpp:CP001\"}"), "stations"),
					    0);
	const cJSON *item;

	cJSON_ArrayForEach(item, get(s, "quirks"))
	{
		if (!strcmp(item->valuestring, quirk))
			return true;
	}
	return false;
}

Test(ocpp_boots, q26_a_charger_that_restarts_all_the_time_is_told_of_five_times_in_five_minutes)
{
	boot("1");
	for (int i = 0; i < 9; i++)
		power_cycle((const char *[]){ "a", "b", "c", "d", "e", "f", "g", "h", "i" }[i], 10);
	cr_expect_eq(events(BOOTED), 5, "each was another firmware");
	cr_expect_eq(met("boots_not_told"), 5, "and all were answered");
	cr_expect(shows("boot-storm"));
	power_cycle("3", 300);
	cr_expect_eq(events(BOOTED), 6, "after a while it is news again");
}

static void restarts_instead_of_one_answer(void)
{
	cp.reply = NULL;
	host_call_later(h, NULL, CHARGING "GetConfiguration", "{\"device\":\"ocpp:CP001\"}");
	host_run_ms(h, 1000);
	cr_assert(received("GetConfiguration"));
	power_cycle("1", 80);
}

static void restarts_instead_of_answering(void)
{
	for (int i = 0; i < 3; i++)
		restarts_instead_of_one_answer();
}

/* Reads back what is set, as galvan does by itself. */
static bool is_asked(void)
{
	cp.reply = "{\"status\":\"Accepted\"}";
	bench_forget_frames();
	ask(CHARGING "SetConfiguration", SET);
	return received("GetConfiguration");
}

Test(ocpp_boots, q26_a_charger_that_restarts_when_it_is_asked_is_not_asked_again)
{
	boot("1");
	cr_expect(is_asked());
	restarts_instead_of_answering();
	cr_expect(shows("restarts-when-asked"));
	cr_expect_eq(met("restarts-when-asked"), 1);
	cr_expect(!is_asked());
	cr_expect_eq(met("not_asked"), 1);
	cp.reply = "{\"configurationKey\":[]}";
	ask(CHARGING "GetConfiguration", "{\"device\":\"ocpp:CP001\"}");
	cr_expect(received("GetConfiguration"), "people may ask it all the same");
}

Test(ocpp_boots, a_charger_that_answers_in_between_has_restarted_by_chance)
{
	boot("1");
	for (int i = 0; i < 4; i++) {
		restarts_instead_of_one_answer();
		cr_expect(is_asked());
	}
	cr_expect(!shows("restarts-when-asked"));
}

Test(ocpp_boots, q26_with_another_firmware_it_is_asked_again)
{
	boot("1");
	restarts_instead_of_answering();
	cr_expect(!is_asked());
	power_cycle("2", 10);
	cr_expect(is_asked());
	cr_expect(!shows("restarts-when-asked"));
}

Test(ocpp_boots, a_connection_that_is_lost_long_before_a_boot_is_no_restart)
{
	boot("1");
	host_call_later(h, NULL, CHARGING "GetConfiguration", "{\"device\":\"ocpp:CP001\"}");
	host_run_ms(h, 1000);
	power_cycle("1", 600);
	cr_expect(!shows("restarts-when-asked"));
	cr_expect(is_asked());
}

Test(ocpp_boots_config, a_profile_may_have_it_asked_all_the_same, .timeout = 60)
{
	bench_load("{\"profiles\":[{\"vendor\":\"V\",\"tolerate\":[\"restarts-when-asked\"]}]}");
	boot("1");
	restarts_instead_of_answering();
	cr_expect_eq(met("restarts-when-asked"), 1);
	cr_expect(is_asked());
	bench_teardown();
}
