/* The charger model against a small central system: what a real OCPP 1.6 charger does, and what each fault makes of it.
 */
#include "plugins/sim/charger.h"

#include <cjson/cJSON.h>
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define START_MS 1763700000000 /* 2025-11-21T04:40:00Z */
#define MAX_SEEN 4096

/* ---- a central system that accepts everything ------------------------------------------------ */

static struct world {
	struct charger *charger;
	int64_t now_ms, reconnect_ms;
	uint64_t random;
	bool open, mute; /* mute: answers nothing */
	enum charger_drop dropped;
	unsigned drops, seen_count, transactions, answers_count;
	struct seen {
		char *action, *text;
	} seen[MAX_SEEN];  /* the charger's calls, in order */
	char *inbox[1024]; /* its frames that have not been looked at */
	unsigned inbox_count;
	char *answer[64]; /* to our calls */
	const char *tag_status;
} w;

static uint64_t next_random(void *arg)
{
	w.random = w.random * 6364136223846793005u + 1442695040888963407u;
	return w.random >> 16 | w.random << 48;
}

static void on_send(void *arg, const char *text, size_t size)
{
	cr_assert(w.open, "sent while not connected: %s", text);
	cr_assert_eq(strlen(text), size);
	cr_assert_lt(w.inbox_count, 1024);
	w.inbox[w.inbox_count++] = strdup(text);
}

static void on_drop(void *arg, enum charger_drop how, int64_t reconnect_at_ms)
{
	cr_assert(w.open);
	w.open = false;
	w.dropped = how;
	w.drops++;
	w.reconnect_ms = reconnect_at_ms;
}

static const struct charger_env env = { NULL, next_random, on_send, on_drop, NULL, NULL };

static void reply_to(const cJSON *message)
{
	char text[400];
	const char *id = cJSON_GetArrayItem(message, 1)->valuestring,
		   *action = cJSON_GetArrayItem(message, 2)->valuestring;
	if (strcmp(action, "BootNotification") == 0)
		snprintf(text, sizeof text,
			 "[3,\"%s\",{\"status\":\"Accepted\",\"currentTime\":\"2025-11-21T04:40:00.000Z\",\"interval\":"
			 "300}]",
			 id);
	else if (strcmp(action, "StartTransaction") == 0)
		snprintf(text, sizeof text, "[3,\"%s\",{\"transactionId\":%u,\"idTagInfo\":{\"status\":\"%s\"}}]", id,
			 ++w.transactions + 1000, w.tag_status);
	else if (strcmp(action, "Authorize") == 0)
		snprintf(text, sizeof text, "[3,\"%s\",{\"idTagInfo\":{\"status\":\"%s\"}}]", id, w.tag_status);
	else
		snprintf(text, sizeof text, "[3,\"%s\",{}]", id);
	charger_receive(w.charger, w.now_ms, text, strlen(text));
}

static void look_at_inbox(void)
{
	for (unsigned i = 0; i < w.inbox_count; i++) {
		cJSON *message = cJSON_Parse(w.inbox[i]);
		cr_assert_not_null(message, "not JSON: %s", w.inbox[i]);
		if (cJSON_GetArrayItem(message, 0)->valueint == 2) {
			cr_assert_lt(w.seen_count, MAX_SEEN);
			w.seen[w.seen_count++] = (struct seen){ strdup(cJSON_GetArrayItem(message, 2)->valuestring),
								strdup(w.inbox[i]) };
			if (!w.mute && w.open)
				reply_to(message);
		} else {
			free(w.answer[w.answers_count % 64]);
			w.answer[w.answers_count++ % 64] = strdup(w.inbox[i]);
		}
		cJSON_Delete(message);
		free(w.inbox[i]);
	}
	w.inbox_count = 0;
}

static void run_for(int64_t ms)
{
	int64_t until = w.now_ms + ms;
	for (;;) {
		look_at_inbox();
		int64_t next = charger_next_ms(w.charger);
		if (!w.open && w.reconnect_ms < next)
			next = w.reconnect_ms;
		if (next > until)
			break;
		if (next > w.now_ms)
			w.now_ms = next;
		if (!w.open && w.reconnect_ms <= w.now_ms) {
			w.open = true;
			w.reconnect_ms = INT64_MAX;
			charger_connected(w.charger, w.now_ms);
		}
		charger_run(w.charger, w.now_ms);
	}
	w.now_ms = until;
}

static void set_up(const struct charger_faults *faults, const struct charger_pattern *pattern)
{
	w.random = 42;
	w.now_ms = START_MS;
	w.reconnect_ms = START_MS;
	w.tag_status = "Accepted";
	struct charger_options o = { .identity = "SIM-0001", .connectors = 2, .env = &env, .powered_up_ms = START_MS };
	if (faults)
		o.faults = *faults;
	if (pattern)
		o.pattern = *pattern;
	cr_assert_eq(charger_create(&o, &w.charger), 0);
	run_for(1000);
}

static void tear_down(void)
{
	charger_destroy(w.charger);
	for (unsigned i = 0; i < w.seen_count; i++) {
		free(w.seen[i].action);
		free(w.seen[i].text);
	}
	for (unsigned i = 0; i < 64; i++)
		free(w.answer[i]);
}

static unsigned count(const char *action)
{
	unsigned n = 0;
	for (unsigned i = 0; i < w.seen_count; i++)
		n += strcmp(w.seen[i].action, action) == 0;
	return n;
}

/* The last call of an action, as text. */
static const char *last(const char *action)
{
	for (unsigned i = w.seen_count; i > 0; i--)
		if (strcmp(w.seen[i - 1].action, action) == 0)
			return w.seen[i - 1].text;
	return "";
}

static const char *ask(const char *action, const char *payload)
{
	char text[1000];
	unsigned before = w.answers_count;
	snprintf(text, sizeof text, "[2,\"q%u\",\"%s\",%s]", before, action, payload);
	charger_receive(w.charger, w.now_ms, text, strlen(text));
	look_at_inbox();
	return w.answers_count > before ? w.answer[(w.answers_count - 1) % 64] : "";
}

static struct charger_connector connector(unsigned id)
{
	struct charger_connector k;
	cr_assert_eq(charger_get_connector(w.charger, id, &k), 0);
	return k;
}

#define CONTAINS(text, part) cr_assert(strstr((text), (part)), "expected %s in %s", (part), (text))

TestSuite(charger, .fini = tear_down);

/* ---- behaving -------------------------------------------------------------------------------- */

Test(charger, boots_first_then_tells_the_status_of_each_connector)
{
	set_up(NULL, NULL);
	cr_assert_str_eq(w.seen[0].action, "BootNotification");
	cr_assert_eq(count("StatusNotification"), 3, "the charger itself and two connectors");
	CONTAINS(last("StatusNotification"), "\"connectorId\":2");
}

Test(charger, beats_at_the_interval_that_the_server_names)
{
	set_up(NULL, NULL);
	run_for(3600000);
	cr_assert_eq(count("Heartbeat"), 12);
}

Test(charger, says_nothing_but_boot_until_it_is_accepted_and_asks_again)
{
	set_up(&(struct charger_faults){ .call_timeout_ms = 5000 }, NULL);
	charger_power_cycle(w.charger, w.now_ms);
	unsigned before = w.seen_count;
	w.mute = true;
	run_for(120000);
	cr_assert_gt(w.seen_count, before + 2, "it asks again");
	for (unsigned i = before; i < w.seen_count; i++)
		cr_assert_str_eq(w.seen[i].action, "BootNotification");
}

Test(charger, charges_when_a_card_is_swiped_and_stops_when_it_is_unplugged)
{
	set_up(NULL, &(struct charger_pattern){ .energy_wh = 100000, .power_w = 6000 });
	cr_assert_eq(charger_plug(w.charger, w.now_ms, 1), 0);
	cr_assert_eq(charger_swipe(w.charger, w.now_ms, 1, "CARD1"), 0);
	run_for(600000);
	cr_assert_eq(count("Authorize"), 1);
	cr_assert_eq(count("StartTransaction"), 1);
	cr_assert_eq(count("MeterValues"), 10, "one a minute");
	cr_assert_eq(connector(1).transaction_id, 1001);
	cr_assert_eq(connector(1).power_w, 6000);
	CONTAINS(last("MeterValues"), "\"transactionId\":1001");
	cr_assert_eq(charger_unplug(w.charger, w.now_ms, 1), 0);
	run_for(1000);
	CONTAINS(last("StopTransaction"), "\"reason\":\"EVDisconnected\"");
	CONTAINS(last("StopTransaction"), "\"transactionId\":1001");
	cr_assert_geq(connector(1).session_wh, 999);
	cr_assert_leq(connector(1).session_wh, 1001, "ten minutes at 6 kW are 1 kWh");
	cr_assert_str_eq(connector(1).status, "Available");
}

Test(charger, starts_and_stops_when_the_server_says_so)
{
	set_up(NULL, NULL);
	CONTAINS(ask("RemoteStartTransaction", "{\"connectorId\":2,\"idTag\":\"remote-1\"}"), "Accepted");
	run_for(5000);
	CONTAINS(last("StartTransaction"), "\"idTag\":\"remote-1\"");
	CONTAINS(last("StartTransaction"), "\"connectorId\":2");
	CONTAINS(ask("RemoteStartTransaction", "{\"connectorId\":2,\"idTag\":\"remote-2\"}"), "Rejected");
	CONTAINS(ask("RemoteStopTransaction", "{\"transactionId\":77}"), "Rejected");
	CONTAINS(ask("RemoteStopTransaction", "{\"transactionId\":1001}"), "Accepted");
	run_for(1000);
	CONTAINS(last("StopTransaction"), "\"reason\":\"Remote\"");
}

Test(charger, gives_up_a_remote_start_when_nobody_plugs_in)
{
	set_up(NULL, &(struct charger_pattern){ .stay_unplugged = true });
	CONTAINS(ask("RemoteStartTransaction", "{\"idTag\":\"remote-1\"}"), "Accepted");
	cr_assert_str_eq(connector(1).status, "Preparing");
	run_for(61000);
	cr_assert_str_eq(connector(1).status, "Available");
	cr_assert_eq(count("StartTransaction"), 0);
}

Test(charger, stops_a_transaction_whose_tag_is_refused)
{
	set_up(NULL, NULL);
	w.tag_status = "Invalid";
	ask("RemoteStartTransaction", "{\"connectorId\":1,\"idTag\":\"remote-1\"}");
	run_for(5000);
	CONTAINS(last("StopTransaction"), "DeAuthorized");
}

Test(charger, keeps_what_is_about_transactions_while_it_is_offline)
{
	set_up(NULL, NULL);
	ask("RemoteStartTransaction", "{\"connectorId\":1,\"idTag\":\"remote-1\"}");
	run_for(5000);
	unsigned samples = count("MeterValues");
	w.open = false;
	w.reconnect_ms = INT64_MAX;
	charger_disconnected(w.charger, w.now_ms);
	run_for(300000);
	charger_unplug(w.charger, w.now_ms, 1);
	w.reconnect_ms = w.now_ms;
	run_for(5000);
	cr_assert_eq(count("MeterValues"), samples + 5);
	cr_assert_eq(count("StopTransaction"), 1);
	CONTAINS(last("StopTransaction"), "\"transactionId\":1001");
}

Test(charger, sends_a_start_again_with_the_same_facts_until_it_is_answered)
{
	set_up(&(struct charger_faults){ .call_timeout_ms = 2000 }, NULL);
	w.mute = true;
	charger_plug(w.charger, w.now_ms, 1);
	ask("RemoteStartTransaction", "{\"connectorId\":1,\"idTag\":\"remote-1\"}");
	run_for(60000);
	cr_assert_gt(count("StartTransaction"), 1);
	const char *again = strstr(last("StartTransaction"), "StartTransaction"), *first = NULL;
	for (unsigned i = 0; !first; i++)
		first = strstr(w.seen[i].text, "StartTransaction");
	cr_assert_str_eq(first, again, "only the message id differs");
	w.mute = false;
	run_for(120000);
	CONTAINS(last("MeterValues"), "\"transactionId\":1001");
}

Test(charger, reboots_and_ends_its_sessions_when_it_is_reset)
{
	set_up(NULL, NULL);
	ask("RemoteStartTransaction", "{\"connectorId\":1,\"idTag\":\"remote-1\"}");
	run_for(5000);
	CONTAINS(ask("Reset", "{\"type\":\"Soft\"}"), "Accepted");
	run_for(30000);
	cr_assert_eq(w.drops, 1);
	cr_assert_eq(w.dropped, CHARGER_CLOSE);
	cr_assert_eq(count("BootNotification"), 2);
	CONTAINS(last("StopTransaction"), "SoftReset");
}

Test(charger, puts_off_unavailability_until_the_session_ends)
{
	set_up(NULL, NULL);
	ask("RemoteStartTransaction", "{\"connectorId\":1,\"idTag\":\"remote-1\"}");
	run_for(5000);
	CONTAINS(ask("ChangeAvailability", "{\"connectorId\":0,\"type\":\"Inoperative\"}"), "Scheduled");
	cr_assert_str_eq(connector(2).status, "Unavailable");
	charger_unplug(w.charger, w.now_ms, 1);
	cr_assert_str_eq(connector(1).status, "Unavailable");
	CONTAINS(ask("ChangeAvailability", "{\"connectorId\":0,\"type\":\"Operative\"}"), "Accepted");
	cr_assert_str_eq(connector(1).status, "Available");
}

Test(charger, answers_a_trigger_before_it_sends_what_was_triggered)
{
	set_up(NULL, NULL);
	unsigned before = w.seen_count;
	charger_receive(w.charger, w.now_ms, "[2,\"t\",\"TriggerMessage\",{\"requestedMessage\":\"Heartbeat\"}]", 60);
	cr_assert_eq(w.inbox_count, 2);
	CONTAINS(w.inbox[0], "[3,\"t\"");
	CONTAINS(w.inbox[1], "Heartbeat");
	look_at_inbox();
	cr_assert_eq(w.seen_count, before + 1);
}

Test(charger, knows_its_configuration)
{
	set_up(NULL, NULL);
	CONTAINS(ask("GetConfiguration", "{\"key\":[\"numberofconnectors\",\"Nonsense\"]}"),
		 "\"unknownKey\":[\"Nonsense\"]");
	CONTAINS(ask("GetConfiguration", "{\"key\":[\"numberofconnectors\"]}"), "\"value\":\"2\"");
	CONTAINS(ask("ChangeConfiguration", "{\"key\":\"HeartbeatInterval\",\"value\":\"60\"}"), "Accepted");
	CONTAINS(ask("ChangeConfiguration", "{\"key\":\"HeartbeatInterval\",\"value\":\"-1\"}"), "Rejected");
	CONTAINS(ask("ChangeConfiguration", "{\"key\":\"NumberOfConnectors\",\"value\":\"3\"}"), "Rejected");
	CONTAINS(ask("ChangeConfiguration", "{\"key\":\"Nonsense\",\"value\":\"3\"}"), "NotSupported");
	run_for(600000);
	cr_assert_eq(count("Heartbeat"), 10);
}

Test(charger, refuses_what_it_does_not_know_and_survives_nonsense)
{
	static const char *const nonsense[] = { "",
						"[",
						"[]",
						"{}",
						"null",
						"[2]",
						"[2,3,4,5]",
						"[3,\"x\"]",
						"[3,\"x\",{}]",
						"[4,\"x\"]",
						"[2,\"a\",\"Reset\"]",
						"[2,\"a\",\"Reset\",null]",
						"[9,\"a\",{}]",
						"[\"2\",\"a\",\"b\",{}]" };
	set_up(NULL, NULL);
	CONTAINS(ask("Dance", "{}"), "NotImplemented");
	for (size_t i = 0; i < sizeof nonsense / sizeof nonsense[0]; i++)
		charger_receive(w.charger, w.now_ms, nonsense[i], strlen(nonsense[i]));
	for (size_t i = 0; i < 4; i++) {
		static const char *const actions[] = { "RemoteStartTransaction", "SetChargingProfile",
						       "ChangeAvailability", "ReserveNow" };
		ask(actions[i], "{\"connectorId\":\"x\",\"idTag\":5,\"csChargingProfiles\":[],\"chargingProfile\":{"
				"\"chargingSchedule\":[1]}}");
		ask(actions[i], "{\"connectorId\":-1}");
		ask(actions[i], "{\"connectorId\":99}");
	}
	run_for(1000);
	struct charger_state state;
	charger_get_state(w.charger, &state);
	cr_assert_gt(state.unexpected, 5);
}

/* ---- charging profiles ----------------------------------------------------------------------- */

TestSuite(profiles, .fini = tear_down);

static int64_t power_w(void)
{
	return connector(1).power_w;
}

static void begin_session(void)
{
	set_up(NULL, &(struct charger_pattern){ .energy_wh = 100000, .power_w = 22000 });
	charger_plug(w.charger, w.now_ms, 1);
	charger_swipe(w.charger, w.now_ms, 1, "CARD");
	run_for(1000);
	cr_assert_eq(power_w(), 22000);
}

#define PROFILE(id, level, purpose, more)                                                                              \
	"{\"connectorId\":1,\"csChargingProfiles\":{\"chargingProfileId\":" #id ",\"stackLevel\":" #level              \
	",\"chargingProfilePurpose\":\"" purpose "\",\"chargingProfileKind\":\"Absolute\",\"chargingSchedule\":{" more \
	"}}}"

Test(profiles, a_limit_with_an_end_gives_way_to_the_one_below_it)
{
	begin_session();
	CONTAINS(ask("SetChargingProfile", PROFILE(1, 0, "TxDefaultProfile",
						   "\"chargingRateUnit\":\"A\",\"chargingSchedulePeriod\":[{"
						   "\"startPeriod\":0,\"limit\":6}]")),
		 "Accepted");
	cr_expect_eq(power_w(), 6 * 690);
	CONTAINS(ask("SetChargingProfile", PROFILE(2, 1, "TxDefaultProfile",
						   "\"startSchedule\":\"2025-11-21T04:40:00Z\",\"duration\":600,"
						   "\"chargingRateUnit\":\"A\",\"chargingSchedulePeriod\":[{"
						   "\"startPeriod\":0,\"limit\":16}]")),
		 "Accepted");
	cr_expect_eq(power_w(), 16 * 690);
	run_for(START_MS + 599000 - w.now_ms);
	cr_expect_eq(power_w(), 16 * 690);
	run_for(1000);
	cr_expect_eq(power_w(), 6 * 690, "nobody has renewed it");
}

Test(profiles, nothing_suspends_the_session_and_clearing_lets_it_go_on)
{
	begin_session();
	ask("SetChargingProfile", PROFILE(1, 0, "TxDefaultProfile",
					  "\"chargingRateUnit\":\"W\",\"chargingSchedulePeriod\":[{\"startPeriod\":0,"
					  "\"limit\":0}]"));
	cr_expect_eq(power_w(), 0);
	CONTAINS(last("StatusNotification"), "SuspendedEVSE");
	CONTAINS(ask("ClearChargingProfile", "{\"id\":1}"), "Accepted");
	cr_expect_eq(power_w(), 22000);
	CONTAINS(last("StatusNotification"), "Charging");
	CONTAINS(ask("ClearChargingProfile", "{\"id\":1}"), "Unknown");
}

Test(profiles, a_transactions_own_goes_before_the_default_and_ends_with_it)
{
	begin_session();
	ask("SetChargingProfile", PROFILE(1, 5, "TxDefaultProfile",
					  "\"chargingRateUnit\":\"W\",\"chargingSchedulePeriod\":[{\"startPeriod\":0,"
					  "\"limit\":5000}]"));
	ask("SetChargingProfile", PROFILE(2, 0, "TxProfile",
					  "\"chargingRateUnit\":\"W\",\"chargingSchedulePeriod\":[{\"startPeriod\":0,"
					  "\"limit\":9000}]"));
	cr_expect_eq(power_w(), 9000);
	charger_unplug(w.charger, w.now_ms, 1);
	run_for(1000);
	charger_plug(w.charger, w.now_ms, 1);
	charger_swipe(w.charger, w.now_ms, 1, "CARD");
	run_for(1000);
	cr_expect_eq(power_w(), 5000);
}

Test(profiles, outlive_a_power_cut)
{
	begin_session();
	ask("SetChargingProfile", PROFILE(1, 0, "TxDefaultProfile",
					  "\"chargingRateUnit\":\"W\",\"chargingSchedulePeriod\":[{\"startPeriod\":0,"
					  "\"limit\":5000}]"));
	charger_power_cycle(w.charger, w.now_ms);
	run_for(60000);
	charger_plug(w.charger, w.now_ms, 1);
	charger_swipe(w.charger, w.now_ms, 1, "CARD");
	run_for(1000);
	cr_expect_eq(power_w(), 5000);
}

Test(charger, lives_by_its_pattern)
{
	set_up(NULL,
	       &(struct charger_pattern){ .sessions_per_hour = 6, .energy_wh = 2000, .power_w = 22000, .taper = true });
	run_for(4 * 3600000);
	struct charger_state state;
	charger_get_state(w.charger, &state);
	cr_assert_gt(state.sessions_started, 8, "two connectors, four hours: %u", (unsigned)state.sessions_started);
	cr_assert_leq(state.sessions_started - state.sessions_ended, 2);
	cr_assert_eq(count("StartTransaction"), state.sessions_started);
	cr_assert_eq(count("StopTransaction"), state.sessions_ended);
}

/* ---- with faults ----------------------------------------------------------------------------- */

Test(charger, repeats_a_start_with_new_ids_when_told)
{
	set_up(&(struct charger_faults){ .repeat_start = 2 }, NULL);
	ask("RemoteStartTransaction", "{\"connectorId\":1,\"idTag\":\"remote-1\"}");
	run_for(5000);
	cr_assert_eq(count("StartTransaction"), 3);
	cr_assert_eq(connector(1).transaction_id, 1001, "the first answer counts");
}

Test(charger, tries_again_when_answers_are_lost)
{
	set_up(NULL, NULL);
	charger_set_faults(w.charger, &(struct charger_faults){ .lost_answers_pm = 1000, .call_timeout_ms = 1000 });
	ask("RemoteStartTransaction", "{\"connectorId\":1,\"idTag\":\"remote-1\"}");
	run_for(60000);
	cr_assert_gt(count("StartTransaction"), 2);
	charger_set_faults(w.charger, &(struct charger_faults){ 0 });
	run_for(60000);
	cr_assert_gt(connector(1).transaction_id, 1000);
}

Test(charger, answers_late_twice_or_never)
{
	set_up(NULL, NULL);
	charger_set_faults(w.charger, &(struct charger_faults){ .late_answers_ms = 5000 });
	cr_assert_str_eq(ask("ClearCache", "{}"), "");
	run_for(4999);
	cr_assert_eq(w.answers_count, 0);
	run_for(1);
	cr_assert_eq(w.answers_count, 1);
	charger_set_faults(w.charger, &(struct charger_faults){ .repeat_answers = true });
	ask("ClearCache", "{}");
	cr_assert_eq(w.answers_count, 3);
	charger_set_faults(w.charger, &(struct charger_faults){ .never_answer = true });
	ask("ClearCache", "{}");
	run_for(100000);
	cr_assert_eq(w.answers_count, 3);
}

Test(charger, drops_its_line_in_the_middle_of_a_session_and_goes_on)
{
	set_up(&(struct charger_faults){ .drop_pm = 1000, .no_boot_on_reconnect = true }, NULL);
	ask("RemoteStartTransaction", "{\"connectorId\":1,\"idTag\":\"remote-1\"}");
	run_for(600000);
	cr_assert_geq(w.drops, 5);
	cr_assert_eq(w.dropped, CHARGER_ABORT);
	cr_assert_eq(count("BootNotification"), 1, "not again without a power-up");
	charger_set_faults(w.charger, &(struct charger_faults){ .half_open_pm = 1000 });
	run_for(120000);
	cr_assert_eq(w.dropped, CHARGER_HALF_OPEN);
	cr_assert_eq(connector(1).in_transaction, true);
}

Test(charger, sends_odd_types_times_and_ids_when_told)
{
	set_up(
		&(struct charger_faults){
			.wrong_types = true, .missing_zone = true, .clock_1970 = true, .transaction_minus_one = true },
		NULL);
	ask("RemoteStartTransaction", "{\"connectorId\":1,\"idTag\":\"remote-1\"}");
	run_for(120000);
	CONTAINS(last("StartTransaction"), "\"meterStart\":\"");
	CONTAINS(last("MeterValues"), "\"transactionId\":-1");
	CONTAINS(last("MeterValues"), "\"timestamp\":\"1970-01-01T00:0");
	cr_assert_null(strstr(last("MeterValues"), "Z\""));
	cr_assert_null(strstr(last("MeterValues"), "\"value\":\""));
}

Test(charger, lets_its_meter_go_backwards_when_told)
{
	set_up(&(struct charger_faults){ .meter_backwards = true }, NULL);
	ask("RemoteStartTransaction", "{\"connectorId\":1,\"idTag\":\"remote-1\"}");
	run_for(3600000);
	double before = 0;
	bool back = false;
	for (unsigned i = 0; i < w.seen_count; i++) {
		const char *value = strcmp(w.seen[i].action, "MeterValues") == 0
					    ? strstr(w.seen[i].text, "\"value\":\"")
					    : NULL;
		double now = value ? strtod(value + 9, NULL) : before;
		back |= now < before;
		before = now;
	}
	cr_assert(back);
}

Test(charger, keeps_its_queue_bounded)
{
	set_up(NULL, &(struct charger_pattern){ .energy_wh = 1000000000, .meter_interval_s = 1 });
	ask("RemoteStartTransaction", "{\"connectorId\":1,\"idTag\":\"remote-1\"}");
	run_for(5000);
	w.open = false;
	w.reconnect_ms = INT64_MAX;
	charger_disconnected(w.charger, w.now_ms);
	run_for(3600000);
	struct charger_state state;
	charger_get_state(w.charger, &state);
	cr_assert_leq(state.queued, CHARGER_MAX_QUEUE);
	cr_assert_gt(state.dropped, 3000);
	charger_unplug(w.charger, w.now_ms, 1);
	w.reconnect_ms = w.now_ms;
	run_for(60000);
	cr_assert_eq(count("StopTransaction"), 1, "a stop is never what goes");
}
