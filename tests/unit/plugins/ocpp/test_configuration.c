/* The keys of a 1.6 charger's configuration: as many in a message as it takes, and one answer for who asked. */
#include "charger.h"

#include <string.h>

TestSuite(ocpp_configuration, BENCH);

#define FIVE "{\"device\":\"ocpp:CP001\",\"keys\":[\"A\",\"B\",\"C\",\"D\",\"E\"]}"
#define ENTRY(key, value) "{\"key\":\"" key "\",\"readonly\":false,\"value\":\"" value "\"}"
#define MOST(n) "{\"configurationKey\":[" ENTRY("GetConfigurationMaxKeys", n) "]}"

/* The charger answers the call that it got last. */
static void reply(const char *payload)
{
	char frame[2000], id[64];

	cr_assert_gt(cp.received, 0);
	cr_assert_eq(sscanf(cp.inbox[cp.received - 1], "[2,\"%63[^\"]\"", id), 1);
	bench_forget_frames();
	snprintf(frame, sizeof frame, "[%s,\"%s\",%s]", *payload == '"' ? "4" : "3", id, payload);
	raw(frame);
	host_settle(h, 100);
}

static struct host_answer *read_five(void)
{
	struct host_answer *a = host_call_later(h, NULL, CHARGING "GetConfiguration", FIVE);

	host_settle(h, 100);
	return a;
}

static void answered_in_pieces_of_two(struct host_answer *a)
{
	cr_expect(received("{\"key\":[\"A\",\"B\"]}"), "two at a time");
	reply("{\"configurationKey\":[" ENTRY("A", "1") "," ENTRY("B", "2") "]}");
	cr_expect(received("{\"key\":[\"C\",\"D\"]}"));
	reply("{\"configurationKey\":[" ENTRY("D", "4") "],\"unknownKey\":[\"C\"]}");
	cr_expect(received("{\"key\":[\"E\"]}"));
	cr_expect(!a->done, "one answer, when all is there");
	reply("{\"configurationKey\":[" ENTRY("E", "5") "]}");
	cr_assert(a->done);
	keep(a->json);
	cr_expect_eq(cJSON_GetArraySize(get(kept, "entries")), 4, "%s", a->json);
	cr_expect_eq(cJSON_GetArraySize(get(kept, "unknown")), 1);
	cr_expect_str_eq(text(cJSON_GetArrayItem(get(kept, "entries"), 3), "key"), "E");
}

Test(ocpp_configuration, more_keys_than_the_charger_takes_are_asked_in_pieces)
{
	struct host_answer *a = read_five();

	cr_expect(received("{\"key\":[\"GetConfigurationMaxKeys\"]}"), "it says how many");
	reply(MOST("2"));
	answered_in_pieces_of_two(a);
	answered_in_pieces_of_two(read_five());
}

Test(ocpp_configuration, as_many_as_it_takes_are_asked_at_once)
{
	struct host_answer *a = read_five();

	reply(MOST("5"));
	cr_expect(received("{\"key\":[\"A\",\"B\",\"C\",\"D\",\"E\"]}"));
	reply("{\"configurationKey\":[" ENTRY("A", "1") "]}");
	cr_assert(a->done);
	cr_expect_eq(a->code, GV_OK);
}

Test(ocpp_configuration, one_that_names_no_limit_has_none)
{
	static const char *const says[] = { "{\"unknownKey\":[\"GetConfigurationMaxKeys\"]}", "{}", MOST("0"),
					    MOST("many"), "\"InternalError\",\"\",{}" };

	for (size_t i = 0; i < sizeof says / sizeof says[0]; i++) {
		struct host_answer *a = read_five();

		reply(says[i]);
		cr_expect(received("{\"key\":[\"A\",\"B\",\"C\",\"D\",\"E\"]}"), "%s", says[i]);
		reply("{\"configurationKey\":[]}");
		cr_expect(a->done && a->code == GV_OK);
		host_station_drop(cp.station); /* it is asked once a connection */
		host_settle(h, 1000);
		bench_forget_frames();
		host_station_connect(cp.station);
		host_run_ms(h, 100);
	}
}

Test(ocpp_configuration, a_single_key_and_all_keys_need_no_question)
{
	cp.reply = "{\"configurationKey\":[]}";
	ask(CHARGING "GetConfiguration", "{\"device\":\"ocpp:CP001\",\"keys\":[\"A\"]}");
	ask(CHARGING "GetConfiguration", "{\"device\":\"ocpp:CP001\"}");
	cr_expect(!received("GetConfigurationMaxKeys"));
}

Test(ocpp_configuration, what_was_answered_outlives_a_crash)
{
	struct host_answer *a = read_five();

	reply(MOST("3"));
	reply("{\"configurationKey\":[" ENTRY("A", "1") "," ENTRY("AuthorizationKey", "x") "]}");
	bench_forget_frames();
	host_crash(h, "ocpp.0");
	host_settle(h, 5000);
	cr_expect(received("{\"key\":[\"D\",\"E\"]}"), "asked again: that does no harm");
	reply("{\"configurationKey\":[" ENTRY("D", "4") "]}");
	cr_assert(a->done);
	keep(a->json);
	cr_expect_eq(cJSON_GetArraySize(get(kept, "entries")), 3);
	cr_expect_str_eq(text(cJSON_GetArrayItem(get(kept, "entries"), 1), "value"), "", "a secret");
}

Test(ocpp_configuration, a_charger_that_is_lost_amid_it_is_told_of)
{
	struct host_answer *a = read_five();

	reply(MOST("2"));
	host_station_drop(cp.station);
	host_settle(h, 1000);
	cr_expect(a->done && a->code == GV_UNKNOWN, "%s", a->error);
}
