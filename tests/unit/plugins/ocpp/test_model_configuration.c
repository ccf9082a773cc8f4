/* The variables of OCPP 2.0.1 as a configuration: read by their keys, and set. */
#include "model.h"

#include <string.h>

TestSuite(ocpp_model_configuration, BENCH_V201);

#define GOT(status, component, variable, value)                                                                        \
	"{\"attributeStatus\":\"" status "\",\"attributeValue\":\"" value "\",\"component\":{\"name\":\"" component    \
	"\"},\"variable\":{\"name\":\"" variable "\"}}"

Test(ocpp_model_configuration, keys_are_read_from_the_charger_and_kept)
{
	cp.reply = "{\"getVariableResult\":[" GOT("Accepted", "C", "A", "1") "," GOT(
		"UnknownVariable", "C", "B", "") "," GOT("Rejected", "C", "Pin", "") "," GOT("UnknownComponent", "D",
											     "A", "") "]}";
	ask(CHARGING "GetConfiguration", "{\"device\":\"ocpp:CP001\",\"keys\":[\"C/A\",\"C/B\",\"C/Pin\",\"D/A\"]}");
	cr_expect(received("{\"getVariableData\":[{\"component\":{\"name\":\"C\"},\"variable\":{\"name\":\"A\"}},"));
	const cJSON *first = cJSON_GetArrayItem(get(kept, "entries"), 0),
		    *pin = cJSON_GetArrayItem(get(kept, "entries"), 1);
	cr_expect_str_eq(text(first, "key"), "C/A");
	cr_expect_str_eq(text(first, "value"), "1");
	cr_expect(cJSON_IsTrue(get(pin, "secret")), "there is one, and it is not shown");
	cr_expect_str_eq(cJSON_GetArrayItem(get(kept, "unknown"), 0)->valuestring, "C/B");
	cr_expect_str_eq(cJSON_GetArrayItem(get(kept, "unknown"), 1)->valuestring, "D/A");
	cr_expect_str_eq(value("A"), "1");
	refused(CHARGING "GetConfiguration", "{\"device\":\"ocpp:CP001\",\"keys\":[\"HeartbeatInterval\"]}",
		GV_INVALID_ARGUMENT, "Component");
}

Test(ocpp_model_configuration, names_of_any_kind_have_a_key)
{
	cp.reply =
		"{\"getVariableResult\":[{\"attributeStatus\":\"Accepted\",\"attributeValue\":\"1\",\"component\":{"
		"\"name\":\"a.b\",\"instance\":\"c/d\",\"evse\":{\"id\":1,\"connectorId\":2}},\"variable\":{\"name\":"
		"\"e.f\",\"instance\":\"g.h/i#%\"}}]}";
	ask(CHARGING "GetConfiguration", "{\"device\":\"ocpp:CP001\",\"keys\":[\"a%2Eb.c%2Fd#1.2/e%2Ef.g.h/i#%25\"]}");
	cr_expect(
		received("{\"component\":{\"evse\":{\"id\":1,\"connectorId\":2},\"name\":\"a.b\",\"instance\":\"c/d\"},"
			 "\"variable\":{\"name\":\"e.f\",\"instance\":\"g.h/i#%\"}}"));
	cr_expect_str_eq(text(cJSON_GetArrayItem(get(kept, "entries"), 0), "key"), "a%2Eb.c%2Fd#1.2/e%2Ef.g.h/i#%25");
}

Test(ocpp_model_configuration, a_charger_is_asked_for_as_many_at_a_time_as_it_takes)
{
	struct host_answer *a;

	report(1, 0, false,
	       "{\"component\":{\"name\":\"DeviceDataCtrlr\"},\"variable\":{\"name\":\"ItemsPerMessage\",\"instance\":"
	       "\"GetVariables\"},\"variableAttribute\":[{\"value\":\"2\"}]}");
	bench_forget_frames();
	a = host_call_later(h, NULL, CHARGING "GetConfiguration",
			    "{\"device\":\"ocpp:CP001\",\"keys\":[\"C/A\",\"C/B\",\"C/C\"]}");
	host_settle(h, 100);
	cr_expect(!received("\"C\"},\"variable\":{\"name\":\"C\"}"), "two at a time");
	answer_call("{\"getVariableResult\":[" GOT("Accepted", "C", "A", "1") "," GOT("Accepted", "C", "B", "2") "]}");
	host_crash(h, "ocpp.0");
	host_settle(h, 5000);
	answer_call("{\"getVariableResult\":[" GOT("Accepted", "C", "C", "3") "]}");
	cr_assert(a->done);
	keep(a->json);
	cr_expect_eq(cJSON_GetArraySize(get(kept, "entries")), 3, "%s %s", a->json, a->error);
}

Test(ocpp_model_configuration, messages_stay_below_the_bytes_that_a_charger_takes)
{
	report(1, 0, false,
	       "{\"component\":{\"name\":\"DeviceDataCtrlr\"},\"variable\":{\"name\":\"BytesPerMessage\",\"instance\":"
	       "\"GetVariables\"},\"variableAttribute\":[{\"value\":\"220\"}]}");
	bench_forget_frames();
	cp.reply = "{\"getVariableResult\":[" GOT("Accepted", "C", "A", "1") "]}";
	ask(CHARGING "GetConfiguration",
	    "{\"device\":\"ocpp:CP001\",\"keys\":[\"C/A\",\"C/A\",\"C/A\",\"C/A\",\"C/A\",\"C/A\"]}");
	cr_expect_gt(cp.received, 1);
	for (size_t i = 0; i < cp.received; i++)
		cr_expect_leq(strlen(cp.inbox[i]), 220, "%s", cp.inbox[i]);
}

Test(ocpp_model_configuration, without_keys_all_come_from_a_report_and_later_from_what_is_kept)
{
	struct host_answer *a = host_call_later(h, NULL, CHARGING "GetConfiguration", "{\"device\":\"ocpp:CP001\"}");
	int id;

	host_settle(h, 100);
	id = asked_for("GetBaseReport");
	answer_call("{\"status\":\"Accepted\"}");
	report(id, 0, false, VARIABLE("C", "A", "1") "," VARIABLE("SecurityCtrlr", "BasicAuthPassword", "secret"));
	cr_assert(a->done);
	keep(a->json);
	cr_expect_str_eq(text(cJSON_GetArrayItem(get(kept, "entries"), 0), "key"), "C/A");
	cr_expect(cJSON_IsTrue(get(cJSON_GetArrayItem(get(kept, "entries"), 1), "secret")));
	host_station_drop(cp.station);
	host_settle(h, 100);
	ask(CHARGING "GetConfiguration", "{\"device\":\"ocpp:CP001\"}");
	cr_expect_eq(cJSON_GetArraySize(get(kept, "entries")), 2, "also of one that is away");
}

#define SET(status)                                                                                                    \
	"{\"setVariableResult\":[{\"attributeStatus\":\"" status                                                       \
	"\",\"component\":{\"name\":\"C\"},\"variable\":{\"name\":\"A\"}}]}"

static struct host_answer *set(const char *status)
{
	struct host_answer *a = host_call_later(h, NULL, CHARGING "SetConfiguration",
						"{\"device\":\"ocpp:CP001\",\"key\":\"C/A\",\"value\":\"7\"}");

	host_settle(h, 100);
	answer_call(status);
	return a;
}

Test(ocpp_model_configuration, what_is_set_is_read_back_and_kept)
{
	struct host_answer *a = set(SET("Accepted"));

	cr_expect(received("{\"setVariableData\":[{\"component\":{\"name\":\"C\"},\"variable\":{\"name\":\"A\"},"
			   "\"attributeValue\":\"7\"}]}"));
	cr_expect_str_eq(value("A"), "7");
	answer_call("{\"getVariableResult\":[" GOT("Accepted", "C", "A", "6") "]}");
	cr_assert(a->done);
	cr_expect(strstr(a->json, "{\"status\":\"Accepted\",\"value\":\"6\",\"asSet\":false}"), "%s", a->json);
	cr_expect_str_eq(value("A"), "6");
}

Test(ocpp_model_configuration, what_the_charger_says_to_a_setting_is_passed_on)
{
	static const struct {
		const char *answer, *status;
	} said[] = {
		{ SET("Rejected"), "Rejected" },
		{ SET("UnknownComponent"), "UnknownComponent" },
		{ SET("UnknownVariable"), "UnknownVariable" },
		{ SET("NotSupportedAttributeType"), "NotSupportedAttributeType" },
		{ SET("RebootRequired"), "RebootRequired" },
	};

	for (size_t i = 0; i < sizeof said / sizeof said[0]; i++) {
		struct host_answer *a = set(said[i].answer);

		cr_assert(a->done);
		cr_expect(strstr(a->json, said[i].status), "%s: %s", said[i].status, a->json);
		bench_forget_frames();
	}
	cr_expect_eq(variables(), 0);
}
