/* Calls to a charger: what comes of them, and when it is too late. */
#include "charger.h"

#include <string.h>

TestSuite(ocpp_commands, BENCH);

Test(ocpp_commands, a_command_to_a_charger_that_is_away_is_refused_at_once)
{
	host_station_drop(cp.station);
	host_settle(h, 100);
	refused(CHARGING "Start", "{\"device\":\"ocpp:CP001\",\"token\":\"A\"}", GV_UNAVAILABLE,
		"ocpp:CP001 is not connected");
	refused(OCPP "Call", "{\"device\":\"ocpp:NONE\",\"action\":\"ClearCache\"}", GV_UNAVAILABLE, "ocpp:NONE");
}

Test(ocpp_commands, bad_requests_say_what_to_do)
{
	refused(CHARGING "Start", "{\"device\":\"ocpp:CP001\",\"token\":\"A\",\"chargingProfile\":\"{\"}",
		GV_INVALID_ARGUMENT, "chargingProfile");
	refused(CHARGING "Start",
		"{\"device\":\"ocpp:CP001\",\"token\":\"A\",\"chargingProfile\":{\"chargingProfileId\":\"x\"}}",
		GV_INVALID_ARGUMENT, "chargingProfile.chargingProfileId must be an integer, is a string");
	refused(CHARGING "Stop", "{\"device\":\"ocpp:CP001\"}", GV_NOT_FOUND, "no session runs on ocpp:CP001");
	refused(CHARGING "Stop", "{\"sessionId\":\"ocpp:CP001/7\"}", GV_NOT_FOUND, "ocpp:CP001/7");
	refused(CHARGING "GetSession", "{\"id\":\"ocpp:CP001/x\"}", GV_NOT_FOUND, "ocpp:CP001/x");
	refused(OCPP "Call", "{\"device\":\"ocpp:CP001\",\"action\":\"Heartbeat\"}", GV_INVALID_ARGUMENT,
		"TriggerMessage");
	refused(OCPP "Call", "{\"device\":\"ocpp:CP001\",\"action\":\"Reset\",\"payload\":{\"type\":\"Cold\"}}",
		GV_INVALID_ARGUMENT, "payload.type cannot be \"Cold\", but Hard, Soft");
	refused(CHARGING "Trigger", "{\"device\":\"ocpp:CP001\",\"message\":\"Nothing\"}", GV_INVALID_ARGUMENT,
		"requestedMessage cannot be \"Nothing\", but BootNotification, ");
	cr_expect_eq(cp.received, 0, "none of it reached the charger");
}

Test(ocpp_commands, any_action_can_be_called)
{
	cp.reply = "{\"configurationKey\":[{\"key\":\"AuthorizationKey\",\"readonly\":false,\"value\":\"s3cret\"}],"
		   "\"unknownKey\":[]}";
	ask(OCPP "Call",
	    "{\"device\":\"ocpp:CP001\",\"action\":\"GetConfiguration\",\"payload\":{\"key\":[\"AuthorizationKey\"]}}");
	cr_expect_str_eq(text(cJSON_GetArrayItem(get(get(kept, "payload"), "configurationKey"), 0), "value"), "s3cret");
	cp.reply = "{\"status\":\"Accepted\"}";
	ask(OCPP "Call", "{\"device\":\"ocpp:CP001\",\"action\":\"ChangeConfiguration\",\"payload\":{\"key\":"
			 "\"AuthorizationKey\",\"value\":\"s3cret\"}}");
	cr_expect(strstr(cp.inbox[1], "s3cret"));
	ask(CHARGING "Unlock", "{\"device\":\"ocpp:CP001\",\"connector\":1}");
	ask(CHARGING "Reset", "{\"device\":\"ocpp:CP001\"}");
	ask(CHARGING "SetAvailability", "{\"device\":\"ocpp:CP001\",\"connector\":1}");
	cr_expect(strstr(cp.inbox[4], "Inoperative"));
	ask(OCPP "Call", "{\"device\":\"ocpp:CP001\",\"action\":\"ClearCache\"}");
	ask(OCPP "ListMessages", "{\"device\":\"ocpp:CP001\"}");
	cr_expect_eq(cJSON_GetArraySize(get(kept, "messages")), 12);
	for (int i = 0; i < 12; i++)
		cr_expect_null(strstr(text(cJSON_GetArrayItem(get(kept, "messages"), i), "text"), "s3cret"),
			       "secrets are masked");
}

static const char *quirks_of_cp001(void)
{
	static char list[200];
	const cJSON *station = cJSON_GetArrayItem(get(ask(OCPP "ListStations", "{}"), "stations"), 0), *quirk;

	list[0] = '\0';
	cJSON_ArrayForEach(quirk, get(station, "quirks"))
		snprintf(list + strlen(list), sizeof list - strlen(list), "%s ", cJSON_GetStringValue(quirk));
	return list;
}

Test(ocpp_commands, a_wrong_answer_is_passed_on_and_noted)
{
	cp.reply = "{\"status\":\"Accepted\"}";
	ask(OCPP "Call", "{\"device\":\"ocpp:CP001\",\"action\":\"ClearCache\"}");
	cr_expect_str_eq(quirks_of_cp001(), "", "this one was right");
	cp.reply = "{\"configurationKey\":[{\"key\":\"K\",\"readonly\":0,\"value\":30}]}";
	ask(OCPP "Call", "{\"device\":\"ocpp:CP001\",\"action\":\"GetConfiguration\"}");
	cr_expect_str_eq(text(cJSON_GetArrayItem(get(get(kept, "payload"), "configurationKey"), 0), "value"), "30",
			 "what can be told is made what it should be");
	cr_expect_str_eq(quirks_of_cp001(), "wrong-type ");
	cp.reply = "{\"status\":\"Perhaps\"}";
	ask(OCPP "Call", "{\"device\":\"ocpp:CP001\",\"action\":\"ClearCache\"}");
	cr_expect_str_eq(text(get(kept, "payload"), "status"), "Perhaps", "it is what the charger has to say");
	cr_expect_str_eq(quirks_of_cp001(), "wrong-type wrong-answer ");
}

Test(ocpp_commands, a_call_error_is_an_outcome)
{
	struct host_answer *a, *b;
	char answer[200], id[64];

	a = host_call_later(h, NULL, OCPP "Call", "{\"device\":\"ocpp:CP001\",\"action\":\"ClearCache\"}");
	b = host_call_later(h, NULL, CHARGING "Reset", "{\"device\":\"ocpp:CP001\",\"hard\":true}");
	host_settle(h, 100);
	cr_assert_eq(cp.received, 1, "one call at a time");
	sscanf(cp.inbox[0], "[2,\"%63[^\"]\"", id);
	snprintf(answer, sizeof answer, "[4,\"%s\",\"NotSupported\",\"no cache\",{}]", id);
	raw(answer);
	raw(answer);
	host_settle(h, 100);
	cr_assert(a->done && a->code == GV_OK);
	cr_expect_str_eq(text(get(keep(a->json), "error"), "code"), "NotSupported");
	cr_assert_eq(cp.received, 2, "the next goes when the one before is answered");
	sscanf(cp.inbox[1], "[2,\"%63[^\"]\"", id);
	snprintf(answer, sizeof answer, "[4,\"%s\",\"InternalError\",\"broken\",{}]", id);
	raw(answer);
	host_settle(h, 100);
	cr_expect(b->done);
	cr_expect_eq(b->code, GV_ABORTED);
	cr_expect(strstr(b->error, "InternalError: broken"), "%s", b->error);
}

Test(ocpp_commands, a_charger_that_does_not_answer_is_waited_for_no_longer_than_the_deadline)
{
	struct host_answer *a, *b;

	host_durable(h, true);
	a = host_call_later(h, NULL, OCPP "Call",
			    "{\"device\":\"ocpp:CP001\",\"action\":\"ClearCache\",\"timeoutS\":5}");
	b = host_call_later(h, NULL, OCPP "Call",
			    "{\"device\":\"ocpp:CP001\",\"action\":\"GetConfiguration\",\"timeoutS\":8}");
	host_run_ms(h, 4000);
	cr_expect(!a->done);
	fine("Heartbeat", "{}");
	host_run_ms(h, 2000);
	cr_expect(a->done);
	cr_expect_eq(a->code, GV_DEADLINE_EXCEEDED);
	cr_expect(strstr(a->error, "ClearCache"), "%s", a->error);
	host_run_ms(h, 4000);
	cr_expect(b->done);
	cr_expect_eq(b->code, GV_DEADLINE_EXCEEDED);
	cr_expect(received("GetConfiguration"), "the next was sent");
}

Test(ocpp_commands, the_queue_to_a_charger_is_bounded)
{
	struct host_answer *a[20];
	unsigned full = 0;

	for (unsigned i = 0; i < 20; i++)
		a[i] = host_call_later(h, NULL, OCPP "Call", "{\"device\":\"ocpp:CP001\",\"action\":\"ClearCache\"}");
	host_settle(h, 100);
	for (unsigned i = 0; i < 20; i++)
		full += a[i]->done && a[i]->code == GV_RESOURCE_EXHAUSTED;
	cr_expect_eq(full, 4);
	host_station_drop(cp.station);
	host_settle(h, 100);
	for (unsigned i = 0; i < 20; i++)
		cr_expect(a[i]->done, "whoever waits learns that the connection is gone");
}
