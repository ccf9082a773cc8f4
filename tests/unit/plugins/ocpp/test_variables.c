/* The device model of OCPP 2.0.1: variables as reports, answers and settings tell them. */
#include "model.h"

#include <string.h>

TestSuite(ocpp_variables, BENCH_V201);

/* ---- reports --------------------------------------------------------------------------------- */

Test(ocpp_variables, what_is_reported_is_listed)
{
	report(1, 0, false,
	       "{\"component\":{\"name\":\"EVSE\",\"instance\":\"a\",\"evse\":{\"id\":2,\"connectorId\":1}},"
	       "\"variable\":{"
	       "\"name\":\"Power\",\"instance\":\"max\"},\"variableAttribute\":[{\"value\":\"11\",\"mutability\":"
	       "\"ReadOnly\",\"constant\":true},{\"type\":\"MaxSet\",\"value\":\"22\",\"persistent\":true}],"
	       "\"variableCharacteristics\":{\"dataType\":\"decimal\",\"unit\":\"kW\",\"minLimit\":0,\"maxLimit\":22.5,"
	       "\"valuesList\":\"11,22\",\"supportsMonitoring\":true}}");
	const cJSON *v = variable(0), *first = cJSON_GetArrayItem(get(v, "attributes"), 0);

	cr_expect_str_eq(text(v, "key"), "EVSE.a#2.1/Power.max");
	cr_expect_str_eq(text(v, "dataType"), "decimal");
	cr_expect_str_eq(text(v, "unit"), "kW");
	cr_expect(cJSON_IsTrue(get(v, "hasMin")) && cJSON_IsTrue(get(v, "monitorable")));
	cr_expect_eq(get(v, "max")->valuedouble, 22.5);
	cr_expect_str_eq(text(first, "type"), "Actual");
	cr_expect_str_eq(text(first, "value"), "11");
	cr_expect_str_eq(text(first, "mutability"), "ReadOnly");
	cr_expect(cJSON_IsTrue(get(first, "constant")));
	cr_expect_str_eq(text(cJSON_GetArrayItem(get(v, "attributes"), 1), "value"), "22");
}

Test(ocpp_variables, lists_are_searched_and_paged)
{
	report(1, 0, false,
	       VARIABLE("AlignedDataCtrlr", "Interval", "1") "," VARIABLE("ClockCtrlr", "TimeZone", "UTC") "," VARIABLE(
		       "SampledDataCtrlr", "TxInterval", "60"));
	ask(OCPP "ListVariables", "{\"device\":\"ocpp:CP001\",\"variable\":\"interval\"}");
	cr_expect_eq(cJSON_GetArraySize(get(kept, "variables")), 2);
	ask(OCPP "ListVariables", "{\"device\":\"ocpp:CP001\",\"component\":\"clock\"}");
	cr_expect_eq(cJSON_GetArraySize(get(kept, "variables")), 1);
	ask(OCPP "ListVariables", "{\"device\":\"ocpp:CP001\",\"limit\":2}");
	char request[300];
	snprintf(request, sizeof request, "{\"device\":\"ocpp:CP001\",\"limit\":2,\"page\":\"%s\"}",
		 text(kept, "nextPage"));
	ask(OCPP "ListVariables", request);
	cr_expect_eq(cJSON_GetArraySize(get(kept, "variables")), 1);
	cr_expect_str_eq(text(kept, "nextPage"), "");
	refused(OCPP "ListVariables", "{\"device\":\"ocpp:CP001\",\"page\":\"?\"}", GV_INVALID_ARGUMENT, "page");
}

Test(ocpp_variables, secrets_are_not_kept)
{
	report(1, 0, false,
	       VARIABLE("SecurityCtrlr", "BasicAuthPassword",
			"hunter2hunter2hunter2") ",{\"component\":{\"name\":\"C\"},\"variable\":{\"name\":\"Pin\"},"
						 "\"variableAttribute\":[{\"value\":"
						 "\"4711\",\"mutability\":\"WriteOnly\"}]}");
	cr_expect_str_eq(value("Pin"), "");
	cr_expect_str_eq(value("BasicAuthPassword"), "");
	cr_expect(cJSON_IsTrue(get(cJSON_GetArrayItem(get(variable(0), "attributes"), 0), "hidden")));
}

/* csms section 5: the VCP simulator sends one behind its boot. */
Test(ocpp_variables, a_report_of_nothing_is_confirmed)
{
	fine("NotifyReport", "{\"requestId\":1,\"generatedAt\":\"" T0 "\",\"seqNo\":0,\"reportData\":[]}");
	ask(OCPP "ListStations", "{\"device\":\"ocpp:CP001\"}");
	cr_expect_str_eq(
		cJSON_GetArrayItem(get(cJSON_GetArrayItem(get(kept, "stations"), 0), "quirks"), 0)->valuestring,
		"empty-value");
	cr_expect_eq(variables(), 0);
}

Test(ocpp_variables, a_row_changes_only_where_what_is_said_changes)
{
	char first[40];

	report(1, 0, false, VARIABLE("C", "V", "1"));
	strcpy(first, text(variable(0), "changedAtMs"));
	host_run_ms(h, 5000);
	report(2, 0, false, VARIABLE("C", "V", "1"));
	cr_expect_str_eq(text(variable(0), "changedAtMs"), first);
	report(3, 0, false, VARIABLE("C", "V", "2"));
	cr_expect_str_neq(text(variable(0), "changedAtMs"), first);
	cr_expect_str_eq(value("V"), "2");
}

Test(ocpp_variables, names_are_the_same_in_any_case)
{
	report(1, 0, false, VARIABLE("Ctrlr", "Name", "1"));
	report(2, 0, false, VARIABLE("CTRLR", "name", "2"));
	cr_expect_eq(variables(), 1);
	cr_expect_str_eq(value("name"), "2");
}

Test(ocpp_variables, a_charger_cannot_report_without_end)
{
	char data[20000];

	for (int i = 0; i < 101; i++) {
		data[0] = '\0';
		for (int k = 0; k < 100; k++)
			sprintf(data + strlen(data), "%s" VARIABLE("C", "V%d", "1"), k ? "," : "", i * 100 + k);
		report(1, i, true, data);
		bench_forget_frames();
	}
	host_rows(h, "ocpp.0", "models", keep_row, NULL);
	cr_expect_eq(get(kept, "variables")->valueint, 10000, "others are not kept");
}

/* ---- a full report replaces ------------------------------------------------------------------ */

Test(ocpp_variables, a_refresh_is_answered_when_all_parts_have_come_in_any_order)
{
	struct host_answer *a;
	int id;

	report(1, 0, false, VARIABLE("Old", "Gone", "1") "," VARIABLE("C", "A", "1"));
	a = refresh();
	id = asked_for("GetBaseReport");
	cr_expect(received("\"reportBase\":\"FullInventory\""));
	answer_call("{\"status\":\"Accepted\"}");
	report(id, 2, false, VARIABLE("C", "C", "3"));
	report(id, 0, true, VARIABLE("C", "A", "1"));
	report(id, 0, true, VARIABLE("C", "A", "1"));
	cr_expect(!a->done);
	cr_expect_eq(variables(), 3, "nothing is forgotten before the report is whole");
	report(id, 1, true, VARIABLE("C", "B", "2"));
	cr_assert(a->done);
	cr_expect_eq(a->code, GV_OK, "%s", a->error);
	keep(a->json);
	cr_expect_str_eq(text(kept, "status"), "Accepted");
	cr_expect(cJSON_IsTrue(get(kept, "complete")));
	cr_expect_eq(get(kept, "parts")->valueint, 3);
	cr_expect_eq(get(kept, "variables")->valueint, 3);
	cr_expect_eq(get(kept, "removed")->valueint, 1);
	cr_expect_eq(variables(), 3);
	cr_expect_eq(rows("reports") + rows("report_parts"), 0, "nothing stays of what came whole");
}

Test(ocpp_variables, a_crash_between_parts_loses_none)
{
	struct host_answer *a = refresh();
	int id = asked_for("GetBaseReport");

	answer_call("{\"status\":\"Accepted\"}");
	report(id, 0, true, VARIABLE("C", "A", "1"));
	host_crash(h, "ocpp.0");
	host_settle(h, 5000);
	bench_forget_frames();
	report(id, 1, false, VARIABLE("C", "B", "1"));
	host_settle(h, 1000);
	cr_assert(a->done);
	cr_expect(strstr(a->json, "\"complete\":true"), "%s %s", a->json, a->error);
	cr_expect_eq(variables(), 2);
}

static void part(int id, int number, const char *data)
{
	char frame[1000];

	snprintf(frame, sizeof frame,
		 "[2,\"p%d\",\"NotifyReport\",{\"requestId\":%d,\"generatedAt\":\"" T0
		 "\",\"seqNo\":%d,\"tbc\":%s,\"reportData\":[%s]}]",
		 number, id, number, number < 2 ? "true" : "false", data);
	raw(frame);
	host_settle(h, 3000);
}

/* A report in three parts; the plugin dies at the n-th of its points. False where it has fewer. */
static bool dies_at(uint64_t n)
{
	struct host_answer *a;
	bool died;
	int id;

	bench_load_as("ocpp2.0.1", "{\"localList\":\"off\"}");
	report(1, 0, false, VARIABLE("Old", "Gone", "1"));
	a = refresh();
	id = asked_for("GetBaseReport");
	host_crash_at(h, "ocpp.0", n);
	answer_call("{\"status\":\"Accepted\"}");
	part(id, 0, VARIABLE("C", "A", "1"));
	part(id, 2, VARIABLE("C", "C", "1"));
	part(id, 1, VARIABLE("C", "B", "1"));
	cr_assert(a->done, "death %lu", (unsigned long)n);
	cr_expect(strstr(a->json, "\"complete\":true,\"parts\":3,\"variables\":3,\"removed\":1"), "death %lu: %s %s",
		  (unsigned long)n, a->json, a->error);
	cr_expect_eq(variables(), 3, "death %lu", (unsigned long)n);
	cr_expect_eq(rows("report_parts"), 0, "death %lu", (unsigned long)n);
	died = host_crashes(h) > 0;
	bench_teardown();
	return died;
}

Test(ocpp_variables_config, a_report_is_whole_wherever_the_plugin_dies, .timeout = 120)
{
	uint64_t n = 1;

	while (dies_at(n))
		n++;
	cr_expect_gt(n, 4);
}

Test(ocpp_variables, a_refresh_ends_at_its_deadline_and_the_report_may_still_come)
{
	struct host_answer *a;
	int id;

	report(1, 0, false, VARIABLE("Old", "Gone", "1"));
	a = refresh();
	id = asked_for("GetBaseReport");
	answer_call("{\"status\":\"Accepted\"}");
	report(id, 1, false, VARIABLE("C", "B", "1"));
	host_run_ms(h, 30000);
	cr_assert(a->done);
	cr_expect(strstr(a->json, "\"complete\":false,\"parts\":1"), "%s", a->json);
	cr_expect_eq(variables(), 2);
	report(id, 0, true, VARIABLE("C", "A", "1"));
	cr_expect_eq(variables(), 2, "the report is whole now, and replaces what it does not name");
	cr_expect_str_eq(value("A"), "1");
}

Test(ocpp_variables, a_refused_refresh_says_so)
{
	cp.reply = "{\"status\":\"NotSupported\"}";
	ask(OCPP "RefreshVariables", "{\"device\":\"ocpp:CP001\"}");
	cr_expect_str_eq(text(kept, "status"), "NotSupported");
	cr_expect_eq(rows("reports"), 0);
	refused(OCPP "RefreshVariables", "{\"device\":\"ocpp:CP002\"}", GV_UNAVAILABLE, "not connected");
}

Test(ocpp_variables, reports_that_people_ask_for_replace_what_they_cover)
{
	report(1, 0, false,
	       VARIABLE("C", "Writable", "1") ",{\"component\":{\"name\":\"C\"},\"variable\":{\"name\":\"Fixed\"},"
					      "\"variableAttribute\":[{\"value\":\"1\",\"mutability\":\"ReadOnly\"}]}");
	cp.reply = "{\"status\":\"Accepted\"}";
	ask(OCPP "Call", "{\"device\":\"ocpp:CP001\",\"action\":\"GetBaseReport\",\"payload\":{\"requestId\":5,"
			 "\"reportBase\":\"ConfigurationInventory\"}}");
	bench_forget_frames();
	report(5, 0, false, VARIABLE("C", "Other", "1"));
	cr_expect_eq(variables(), 2);
	cr_expect_str_eq(value("Fixed"), "1");
	cr_expect_str_eq(value("Other"), "1");
	ask(OCPP "Call", "{\"device\":\"ocpp:CP001\",\"action\":\"GetBaseReport\",\"payload\":{\"requestId\":6,"
			 "\"reportBase\":\"SummaryInventory\"}}");
	bench_forget_frames();
	report(6, 0, false, VARIABLE("C", "Problem", "1"));
	cr_expect_eq(variables(), 3, "a summary names some only");
}

/* ---- asked by itself ------------------------------------------------------------------------- */

#define BOOT(firmware)                                                                                                 \
	"{\"reason\":\"PowerUp\",\"chargingStation\":{\"model\":\"M\",\"vendorName\":\"V\",\"firmwareVersion\":"       \
	"\"" firmware "\"}}"

Test(ocpp_variables, a_new_firmware_is_asked_once)
{
	cp.reply = "{\"status\":\"Accepted\"}";
	fine("BootNotification", BOOT("1"));
	host_run_ms(h, 400000);
	cr_assert_eq(cp.received, 2);
	cr_expect(strstr(cp.inbox[1], "GetBaseReport"), "%s", cp.inbox[1]);
	fine("BootNotification", BOOT("1"));
	host_run_ms(h, 4000000);
	cr_expect_eq(cp.received, 3, "the same firmware is not asked again");
	fine("BootNotification", BOOT("2"));
	host_run_ms(h, 4000000);
	cr_expect_eq(cp.received, 5);
}

Test(ocpp_variables_config, who_is_to_be_asked_nothing_is_not_asked, .timeout = 60)
{
	bench_load_as("ocpp2.0.1", "{\"profiles\":[{\"vendor\":\"V\",\"askNothing\":true}],\"localList\":\"off\"}");
	fine("BootNotification", BOOT("1"));
	host_run_ms(h, 4000000);
	cr_expect_eq(cp.received, 1);
	bench_teardown();
}
