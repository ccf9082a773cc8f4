/* What became of a call can be looked up by whoever asked, however late the answer comes, and never shows a secret. */
#include "charger.h"

#include <stdlib.h>
#include <string.h>

#define DEVICE "{\"device\":\"ocpp:CP001\"}"
#define SECRET "c0ffee11"
#define DAY_MS (24LL * 3600 * 1000)
#define CLEAR_CACHE "{\"device\":\"ocpp:CP001\",\"action\":\"ClearCache\"}"
#define CLEAR_CACHE_SOON "{\"device\":\"ocpp:CP001\",\"action\":\"ClearCache\",\"timeoutS\":5}"
#define SET_KEY                                                                                                        \
	"{\"device\":\"ocpp:CP001\",\"action\":\"ChangeConfiguration\",\"timeoutS\":5,\"payload\":{\"key\":"           \
	"\"AuthorizationKey\",\"value\":\"" SECRET "\"}}"

TestSuite(ocpp_command_log, BENCH);

static const cJSON *list(const char *request)
{
	return get(ask(OCPP "ListCommands", request), "commands");
}

/* Of those that the test has asked for. */
static int count(const char *request)
{
	const cJSON *command;
	int n = 0;

	cJSON_ArrayForEach(command, list(request)) n += !cJSON_IsTrue(get(command, "internal"));
	return n;
}

static const cJSON *newest(void)
{
	const cJSON *command = list(DEVICE)->child;

	while (command && cJSON_IsTrue(get(command, "internal")))
		command = command->next;
	cr_assert_not_null(command);
	return command;
}

/* The charger answers, or repeats its answer to, the i-th frame that it has received. */
static void answer(size_t i, int type, const char *rest)
{
	char id[64], frame[400];

	cr_assert_lt(i, cp.received);
	cr_assert_eq(sscanf(cp.inbox[i], "[2,\"%63[^\"]\"", id), 1);
	snprintf(frame, sizeof frame, "[%d,\"%s\",%s]", type, id, rest);
	raw(frame);
	host_settle(h, 100);
}

#define RESULT 3
#define ERROR 4
#define ACCEPTED RESULT, "{\"status\":\"Accepted\"}"

/* A call that gets no answer in time. */
static struct host_answer *unanswered(const char *request)
{
	struct host_answer *a = host_call_later(h, NULL, OCPP "Call", request);

	host_run_ms(h, 6000);
	cr_assert(a->done && a->code == GV_DEADLINE_EXCEEDED);
	return a;
}

Test(ocpp_command_log, shows_what_waits_what_is_under_way_and_what_is_over)
{
	const cJSON *commands;

	cp.reply = "{\"status\":\"Accepted\"}";
	ask(OCPP "Call", CLEAR_CACHE);
	cp.reply = NULL;
	host_call_later(h, NULL, OCPP "Call", "{\"device\":\"ocpp:CP001\",\"action\":\"GetConfiguration\"}");
	host_run_ms(h, 100);
	host_call_later(h, NULL, OCPP "Call", SET_KEY);
	host_run_ms(h, 100);
	commands = list(DEVICE);
	cr_assert_eq(cJSON_GetArraySize(commands), 3);
	cr_expect_str_eq(text(cJSON_GetArrayItem(commands, 0), "action"), "ChangeConfiguration", "newest first");
	cr_expect_str_eq(text(cJSON_GetArrayItem(commands, 0), "payload"),
			 "{\"key\":\"AuthorizationKey\",\"value\":\"***\"}");
	cr_expect_eq(number(cJSON_GetArrayItem(commands, 0), "sentAtMs"), 0, "it waits");
	cr_expect_gt(number(cJSON_GetArrayItem(commands, 1), "sentAtMs"), 0, "it is under way");
	cr_expect_str_eq(text(cJSON_GetArrayItem(commands, 1), "outcome"), "");
	cr_expect_str_eq(text(cJSON_GetArrayItem(commands, 2), "outcome"), "answered");
	cr_expect_eq(count("{\"device\":\"ocpp:CP001\",\"state\":\"waiting\"}"), 2);
	cr_expect_eq(count("{\"device\":\"ocpp:CP001\",\"state\":\"done\"}"), 1);
	cr_expect_eq(count("{\"device\":\"ocpp:CP002\"}"), 0, "of one charger only");
}

Test(ocpp_command_log, an_answer_is_kept_under_the_id_that_the_reply_names)
{
	char id[32];
	const cJSON *command;

	cp.reply = "{\"status\":\"Accepted\"}";
	snprintf(id, sizeof id, "%s", text(ask(OCPP "Call", CLEAR_CACHE), "commandId"));
	command = newest();
	cr_expect_str_eq(text(command, "id"), id);
	cr_expect_str_eq(text(command, "device"), "ocpp:CP001");
	cr_expect_str_eq(text(command, "payload"), "{}");
	cr_expect_str_eq(text(command, "status"), "Accepted");
	cr_expect_str_eq(text(command, "answer"), cp.reply);
	cr_expect_leq(number(command, "askedAtMs"), number(command, "sentAtMs"));
	cr_expect_leq(number(command, "sentAtMs"), number(command, "answeredAtMs"));
	cr_expect_lt(number(command, "answeredAtMs"), number(command, "deadlineMs"));
	cr_expect_not(cJSON_IsTrue(get(command, "late")));
	cr_expect_not(cJSON_IsTrue(get(command, "internal")));
}

Test(ocpp_command_log, a_callerror_is_kept)
{
	host_call_later(h, NULL, OCPP "Call", CLEAR_CACHE);
	host_settle(h, 100);
	answer(0, ERROR, "\"NotSupported\",\"no cache\",{}");
	cr_expect_str_eq(text(newest(), "outcome"), "error");
	cr_expect_str_eq(text(newest(), "errorCode"), "NotSupported");
	cr_expect_str_eq(text(newest(), "errorDescription"), "no cache");
}

/* The late answer is with its call, and was told once. */
static void expect_late(const char *outcome)
{
	const cJSON *told;

	cr_expect_str_eq(text(newest(), "outcome"), outcome, "what whoever asked was told stays");
	cr_expect(cJSON_IsTrue(get(newest(), "late")));
	cr_expect_str_eq(text(newest(), "status"), "Accepted");
	cr_expect_gt(number(newest(), "answeredAtMs"), number(newest(), "sentAtMs"));
	cr_assert_eq(host_events(h, "galvan.ocpp.v1.CommandAnsweredLate"), 1);
	told = keep(host_event(h, "galvan.ocpp.v1.CommandAnsweredLate", 0)->json);
	cr_expect_str_eq(text(get(told, "command"), "action"), "ClearCache");
	cr_expect_str_eq(text(get(told, "command"), "status"), "Accepted");
}

Test(ocpp_command_log, an_answer_after_the_deadline_is_kept_and_told)
{
	struct host_answer *a = unanswered(CLEAR_CACHE_SOON);

	cr_expect(strstr(a->error, text(newest(), "id")), "\"%s\" must name the command", a->error);
	cr_expect_str_eq(text(newest(), "outcome"), "timeout");
	answer(0, ACCEPTED);
	expect_late("timeout");
	cr_expect_eq(met("late-answer"), 1);
}

Test(ocpp_command_log, an_answer_after_the_deadline_and_a_crash_is_kept)
{
	unanswered(CLEAR_CACHE_SOON);
	host_crash(h, "ocpp.0");
	host_settle(h, 5000);
	answer(0, ACCEPTED);
	expect_late("timeout");
}

Test(ocpp_command_log, an_answer_on_the_next_connection_is_kept)
{
	struct host_answer *a = host_call_later(h, NULL, OCPP "Call", CLEAR_CACHE);

	host_settle(h, 100);
	host_station_drop(cp.station);
	host_settle(h, 100);
	cr_assert(a->done && a->code == GV_UNKNOWN);
	cr_expect(strstr(a->error, text(newest(), "id")), "\"%s\" must name the command", a->error);
	host_station_connect(cp.station);
	host_run_ms(h, 100);
	answer(0, ACCEPTED);
	expect_late("lost");
}

Test(ocpp_command_log, of_doubled_answers_the_first_counts)
{
	host_call_later(h, NULL, OCPP "Call", CLEAR_CACHE);
	host_settle(h, 100);
	answer(0, ACCEPTED);
	answer(0, RESULT, "{\"status\":\"Rejected\"}");
	answer(0, ERROR, "\"InternalError\",\"\",{}");
	cr_expect_str_eq(text(newest(), "status"), "Accepted");
	cr_expect_str_eq(text(newest(), "outcome"), "answered");
	cr_expect_str_eq(text(newest(), "errorCode"), "");
	cr_expect_eq(get(newest(), "repeats")->valueint, 2);
	cr_expect_eq(host_events(h, "galvan.ocpp.v1.CommandAnsweredLate"), 0);
}

Test(ocpp_command_log, an_answer_to_what_was_never_sent_is_none)
{
	char other[64], frame[100];
	const char *dash;

	host_call_later(h, NULL, OCPP "Call", CLEAR_CACHE_SOON);
	host_run_ms(h, 100);
	unanswered("{\"device\":\"ocpp:CP001\",\"action\":\"Reset\",\"payload\":{\"type\":\"Soft\"},\"timeoutS\":1}");
	cr_assert_eq(sscanf(cp.inbox[0], "[2,\"%63[^\"]\"", other), 1);
	dash = strrchr(other, '-');
	cr_assert_not_null(dash);
	cr_assert_str_eq(text(newest(), "action"), "Reset");
	snprintf(frame, sizeof frame, "[3,\"%.*s-%s\",{\"status\":\"Accepted\"}]", (int)(dash - other), other,
		 text(newest(), "id"));
	raw(frame);
	raw("[3,\"-1\",{}]");
	raw("[3,\"\",{}]");
	host_settle(h, 100);
	cr_expect_str_eq(text(newest(), "status"), "");
	cr_expect_eq(host_events(h, "galvan.ocpp.v1.CommandAnsweredLate"), 0);
}

/* ---- bounds ---------------------------------------------------------------------------------- */

Test(ocpp_command_log, calls_of_galvans_own_push_nobodys_out_and_are_bounded_too)
{
	int internal = 0;
	const cJSON *commands, *command;

	cp.reply = "{\"status\":\"Accepted\"}";
	for (int i = 0; i < 60; i++) {
		ask(OCPP "Call", CLEAR_CACHE);
		bench_forget_frames();
	}
	cr_expect_eq(count("{\"device\":\"ocpp:CP001\",\"limit\":100}"), 50, "COMMAND_LOG_KEEP of command_log.h");
	for (int i = 0; i < 30; i++) {
		ask(CHARGING "SetLimit", "{\"device\":\"ocpp:CP001\",\"connector\":1,\"periods\":[{\"currentMa\":"
					 "\"16000\"}],\"validS\":600}");
		bench_forget_frames();
	}
	commands = list("{\"device\":\"ocpp:CP001\",\"limit\":100}");
	cJSON_ArrayForEach(command, commands) internal += cJSON_IsTrue(get(command, "internal"));
	cr_expect_eq(internal, 20, "COMMAND_LOG_KEEP_INTERNAL");
	cr_expect_eq(cJSON_GetArraySize(commands), 70);
}

Test(ocpp_command_log, pages_follow_one_another_without_holes)
{
	char request[120], page[40] = "";
	double before = 0;
	int seen = 0;

	cp.reply = "{\"status\":\"Accepted\"}";
	for (int i = 0; i < 7; i++)
		ask(OCPP "Call", CLEAR_CACHE);
	do {
		const cJSON *reply, *command;

		snprintf(request, sizeof request, "{\"device\":\"ocpp:CP001\",\"limit\":3,\"page\":\"%s\"}", page);
		reply = ask(OCPP "ListCommands", request);
		cJSON_ArrayForEach(command, get(reply, "commands"))
		{
			cr_expect(!seen || number(command, "id") < before);
			before = number(command, "id");
			seen++;
		}
		snprintf(page, sizeof page, "%s", text(reply, "nextPage"));
	} while (page[0]);
	cr_expect_eq(seen, 7);
	refused(OCPP "ListCommands", "{\"device\":\"ocpp:CP001\",\"page\":\"x\"}", GV_INVALID_ARGUMENT, "page");
	refused(OCPP "ListCommands", "{\"device\":\"ocpp:CP001\",\"state\":\"x\"}", GV_INVALID_ARGUMENT, "state");
	refused(OCPP "ListCommands", "{\"device\":\"\"}", GV_INVALID_ARGUMENT, "device");
}

Test(ocpp_command_log, long_payloads_are_cut_between_characters)
{
	char data[3001], request[3200];

	for (size_t i = 0; i + 1 < sizeof data; i += 2)
		memcpy(data + i, "é", 2);
	data[sizeof data - 1] = '\0';
	snprintf(request, sizeof request,
		 "{\"device\":\"ocpp:CP001\",\"action\":\"DataTransfer\",\"payload\":{\"vendorId\":\"v\",\"data\":\"%"
		 "s\"}}",
		 data);
	cp.reply = "{\"status\":\"Accepted\"}";
	ask(OCPP "Call", request);
	cr_expect(cJSON_IsTrue(get(newest(), "payloadCut")));
	cr_expect_leq(strlen(text(newest(), "payload")), 2048);
	cr_expect_geq(strlen(text(newest(), "payload")), 2047);
	cr_expect_not(cJSON_IsTrue(get(newest(), "answerCut")));
}

TestSuite(ocpp_command_log_config, .fini = bench_teardown, .timeout = 60);

Test(ocpp_command_log_config, is_kept_for_days_not_for_ever)
{
	bench_load("{\"unknownToken\":\"accept\",\"keepMessagesDays\":1}");
	cp.reply = "{\"status\":\"Accepted\"}";
	ask(OCPP "Call", CLEAR_CACHE);
	host_run_ms(h, DAY_MS - 3600 * 1000);
	ask(OCPP "Call", CLEAR_CACHE);
	cr_expect_eq(count(DEVICE), 2);
	host_run_ms(h, 3 * 3600 * 1000);
	cr_expect_eq(count(DEVICE), 1, "the first is older than a day");
	host_run_ms(h, DAY_MS);
	cr_expect_eq(count(DEVICE), 0);
}

Test(ocpp_command_log_config, is_not_kept_where_messages_are_not)
{
	bench_load("{\"unknownToken\":\"accept\",\"keepMessagesDays\":0}");
	host_call_later(h, NULL, OCPP "Call", CLEAR_CACHE);
	host_settle(h, 100);
	cr_expect_eq(count(DEVICE), 1, "what is under way is shown");
	answer(0, ACCEPTED);
	cr_expect_eq(count(DEVICE), 0);
}

/* ---- secrets --------------------------------------------------------------------------------- */

static void without_secret(struct host *host, void *arg, const char *const *key, size_t parts, const char *json)
{
	cr_expect_null(strstr(json, SECRET), "%s", json);
}

/* Neither the list nor the log's rows. */
static void expect_no_secret(size_t rows)
{
	cr_expect_null(strstr(host_call(h, OCPP "ListCommands", DEVICE)->json, SECRET));
	cr_expect_eq(host_rows(h, "ocpp.0", "command_log", without_secret, NULL), rows);
}

Test(ocpp_command_log, holds_no_secret)
{
	static const char *const calls[] = {
		SET_KEY,
		"{\"device\":\"ocpp:CP001\",\"action\":\"GetDiagnostics\",\"payload\":{\"location\":\"ftp://me:" SECRET
		"@host/x\"}}",
		"{\"device\":\"ocpp:CP001\",\"action\":\"UpdateFirmware\",\"payload\":{\"location\":"
		"\"https://host/x?sig=" SECRET "\",\"retrieveDate\":\"2025-01-15T02:09:54Z\"}}",
		"{\"device\":\"ocpp:CP001\",\"action\":\"UpdateFirmware\",\"payload\":{\"location\":"
		"\"https://me@host/ocpp/files/" SECRET "/x\",\"retrieveDate\":\"2025-01-15T02:09:54Z\"}}",
		"{\"device\":\"ocpp:CP001\",\"action\":\"GetConfiguration\"}",
	};

	cp.reply = "{\"status\":\"Accepted\",\"configurationKey\":[{\"key\":\"AuthorizationKey\",\"readonly\":false,"
		   "\"value\":\"" SECRET "\"}]}";
	for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++)
		ask(OCPP "Call", calls[i]);
	expect_no_secret(5);
}

Test(ocpp_command_log, holds_no_secret_that_waits_or_comes_back)
{
	host_call_later(h, NULL, OCPP "Call", CLEAR_CACHE);
	host_run_ms(h, 100);
	host_call_later(h, NULL, OCPP "Call", SET_KEY);
	host_run_ms(h, 100);
	expect_no_secret(0);
	answer(0, ACCEPTED);
	host_run_ms(h, 6000);
	answer(1, ERROR, "\"PropertyConstraintViolation\",\"value " SECRET " is too short\",{}");
	cr_expect(cJSON_IsTrue(get(newest(), "late")));
	cr_expect_str_eq(text(newest(), "errorCode"), "PropertyConstraintViolation");
	cr_expect_str_eq(text(newest(), "errorDescription"), "***");
	expect_no_secret(2);
}

/* Messages of the history in which the secret stands. */
static int shown(void)
{
	return cJSON_GetArraySize(
		get(ask(OCPP "ListMessages", "{\"device\":\"ocpp:CP001\",\"contains\":\"" SECRET "\"}"), "messages"));
}

/* A charger says in its own words what it does not like, in an error's description or its details. */
Test(ocpp_command_log, an_error_repeats_no_secret_in_the_history_and_to_the_caller)
{
	struct host_answer *a = host_call_later(h, NULL, OCPP "Call", SET_KEY);
	const cJSON *messages;

	host_run_ms(h, 100);
	answer(0, ERROR, "\"PropertyConstraintViolation\",\"value " SECRET " is too short\",{\"was\":\"" SECRET "\"}");
	cr_assert(a->done && a->code == GV_OK);
	cr_expect_not(strstr(a->json, SECRET));
	cr_expect(strstr(a->json, "PropertyConstraintViolation"), "what it is stays");
	answer(0, ERROR, "\"PropertyConstraintViolation\",\"value " SECRET " is too short\",{}");
	raw("[4,\"unknown\",\"PropertyConstraintViolation\",\"value " SECRET " is too short\",{}]");
	host_settle(h, 100);
	cr_expect_eq(shown(), 0);
	messages = get(
		ask(OCPP "ListMessages",
		    "{\"device\":\"ocpp:CP001\",\"contains\":\"\\\"PropertyConstraintViolation\\\",\\\"***\\\"\"}"),
		"messages");
	cr_expect_eq(cJSON_GetArraySize(messages), 3, "answered, repeated, and to no call that is known");
}

Test(ocpp_command_log, an_error_in_a_broken_frame_repeats_no_secret)
{
	char id[64], frame[200];

	host_call_later(h, NULL, OCPP "Call", SET_KEY);
	host_run_ms(h, 100);
	cr_assert_eq(sscanf(cp.inbox[0], "[2,\"%63[^\"]\"", id), 1);
	snprintf(frame, sizeof frame, "[4,\"%s\",\"GenericError\",\"value " SECRET " is too short\",{", id);
	raw(frame);
	host_settle(h, 100);
	cr_expect_eq(shown(), 0);
}

Test(ocpp_command_log, an_error_to_a_call_without_a_secret_is_shown_whole)
{
	struct host_answer *a = host_call_later(h, NULL, OCPP "Call", CLEAR_CACHE);

	host_run_ms(h, 100);
	answer(0, ERROR, "\"GenericError\",\"the cache is " SECRET "\",{}");
	cr_expect(strstr(a->json, SECRET));
	cr_expect_eq(shown(), 1);
}

TestSuite(ocpp_command_log_v201, BENCH_V201);

Test(ocpp_command_log_v201, holds_no_secret)
{
	cp.reply =
		"{\"setVariableResult\":[{\"attributeStatus\":\"Rejected\",\"component\":{\"name\":\"SecurityCtrlr\"},"
		"\"variable\":{\"name\":\"BasicAuthPassword\"},\"attributeStatusInfo\":{\"reasonCode\":\"No\","
		"\"additionalInfo\":\"" SECRET " is weak\"}}]}";
	ask(OCPP "Call", "{\"device\":\"ocpp:CP001\",\"action\":\"SetVariables\",\"payload\":{\"setVariableData\":[{"
			 "\"attributeValue\":\"" SECRET "\",\"component\":{\"name\":\"SecurityCtrlr\"},\"variable\":{"
			 "\"name\":\"BasicAuthPassword\"}}]}}");
	cr_expect(strstr(text(newest(), "payload"), "***"));
	cr_expect(strstr(text(newest(), "answer"), "Rejected"));
	expect_no_secret(1);
	cr_expect_eq(shown(), 0, "in the history");
}
