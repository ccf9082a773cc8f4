/* What tests do with the charger of smart.h. */
#include "smart.h"

#include <lib/iso8601.h>
#include <stdlib.h>
#include <string.h>

const char *smart_call(const char *action, const char *payload)
{
	char frame[2000];
	int n = snprintf(frame, sizeof frame, "[2,\"s%u\",\"%s\",%s]", ++smart.calls, action, payload);

	smart.answer[0] = '\0';
	host_station_send(smart.station, GV_TEXT, frame, (size_t)n);
	host_settle(h, 100);
	cr_assert_eq(smart.answer[1], '3', "%s: %s", frame, smart.answer);
	return smart.answer;
}

void smart_connectors(unsigned n)
{
	char payload[200];

	for (unsigned i = 1; i <= n; i++) {
		if (smart.v201)
			snprintf(payload, sizeof payload,
				 "{\"timestamp\":\"" T0 "\",\"evseId\":%u,\"connectorId\":1,\"connectorStatus\":"
				 "\"Available\"}",
				 i);
		else
			snprintf(payload, sizeof payload,
				 "{\"connectorId\":%u,\"errorCode\":\"NoError\",\"status\":\"Available\"}", i);
		smart_call("StatusNotification", payload);
	}
}

static void start_up(const char *subprotocol, const char *boot)
{
	bench_setup();
	smart.how = "Rejected";
	smart.station = host_station(h, "ocpp", SMART, subprotocol, &smart_model, &smart);
	host_station_connect(smart.station);
	host_run_ms(h, 100);
	cr_assert(host_station_connected(smart.station));
	smart_call("BootNotification", boot);
	smart_connectors(1);
}

void smart_setup(void)
{
	smart.settings = "[{\"key\":\"ChargeProfileMaxStackLevel\",\"readonly\":true,\"value\":\"5\"},{\"key\":"
			 "\"ChargingScheduleAllowedChargingRateUnit\",\"readonly\":true,\"value\":\"Current,Power\"},{"
			 "\"key\":\"ChargingScheduleMaxPeriods\",\"readonly\":true,\"value\":\"10\"}]";
	start_up("ocpp1.6", "{\"chargePointVendor\":\"V\",\"chargePointModel\":\"M\",\"firmwareVersion\":\"1\"}");
}

#define VARIABLE(name, value)                                                                                          \
	"{\"attributeStatus\":\"Accepted\",\"attributeValue\":\"" value                                                \
	"\",\"component\":{\"name\":\"SmartChargingCtrlr\"},\"variable\":{\"name\":\"" name "\"}}"

void smart_setup_v201(void)
{
	smart.v201 = true;
	smart.settings = "[" VARIABLE("ProfileStackLevel",
				      "5") "," VARIABLE("RateUnit", "A,W") "," VARIABLE("PeriodsPerSchedule", "10") "]";
	start_up("ocpp2.0.1", "{\"reason\":\"PowerUp\",\"chargingStation\":{\"vendorName\":\"V\",\"model\":\"M\","
			      "\"firmwareVersion\":\"1\"}}");
}

/* ---- transactions ---------------------------------------------------------------------------- */

static int begin_v16(unsigned connector, const char *time)
{
	static char name[12];
	char payload[200];
	int id;

	snprintf(payload, sizeof payload, "{\"connectorId\":%u,\"idTag\":\"A\",\"meterStart\":0,\"timestamp\":\"%s\"}",
		 connector, time);
	id = atoi(strstr(smart_call("StartTransaction", payload), "\"transactionId\":") + strlen("\"transactionId\":"));
	snprintf(name, sizeof name, "%d", id);
	smart.b.connectors[0].transaction = name;
	return id;
}

static void event_v201(const char *type, unsigned number, unsigned evse, const char *time)
{
	char payload[600];

	snprintf(payload, sizeof payload,
		 "{\"eventType\":\"%s\",\"timestamp\":\"%s\",\"triggerReason\":\"Authorized\",\"seqNo\":%u,"
		 "\"transactionInfo\":{\"transactionId\":\"" SMART_TRANSACTION
		 "\"},\"evse\":{\"id\":%u,\"connectorId\":1},\"idToken\":{\"idToken\":\"A\",\"type\":\"ISO14443\"}}",
		 type, time, number, evse);
	smart_call("TransactionEvent", payload);
}

static int begin_v201(unsigned evse, const char *time)
{
	const cJSON *sessions;

	event_v201("Started", 0, evse, time);
	smart.b.connectors[0].transaction = SMART_TRANSACTION;
	sessions = get(ask(CHARGING "ListSessions", "{\"device\":\"" SMART "\",\"state\":\"ACTIVE\"}"), "sessions");
	cr_assert_eq(cJSON_GetArraySize(sessions), 1);
	return atoi(strchr(text(cJSON_GetArrayItem(sessions, 0), "id"), '/') + 1);
}

int smart_begin(unsigned connector)
{
	char time[25];

	gv_time_format(host_now_ms(h), time);
	smart.b.connectors[0].started_ms = host_now_ms(h);
	return smart.v201 ? begin_v201(connector, time) : begin_v16(connector, time);
}

void smart_end(int id)
{
	char payload[200], time[25];

	gv_time_format(host_now_ms(h), time);
	smart_forget_transaction();
	snprintf(payload, sizeof payload, "{\"transactionId\":%d,\"meterStop\":0,\"timestamp\":\"%s\"}", id, time);
	if (smart.v201)
		event_v201("Ended", 1, 1, time);
	else
		smart_call("StopTransaction", payload);
}

const char *smart_limit(const char *rest)
{
	char request[2000];

	snprintf(request, sizeof request, "{\"device\":\"" SMART "\",%s}", rest);
	return text(ask(CHARGING "SetLimit", request), "status");
}
