/* What a charger says of energy is kept, however it is said and however much of it there is. */
#include "charger.h"

#include <stdlib.h>
#include <string.h>

#define READINGS_MAX 1000 /* of a message, as ocpp.h has it */
#define TIME "2025-01-15T02:20:00Z"

TestSuite(ocpp_energy, BENCH);

/* MeterValues with the registers first, first + 1 .. of one time. */
static void meter_many(int id, int first, int n)
{
	size_t size = 200 + (size_t)n * 20, length;
	char *text = malloc(size);

	length = (size_t)snprintf(text, size,
				  "[2,\"many\",\"MeterValues\",{\"connectorId\":1,\"transactionId\":%d,"
				  "\"meterValue\":[{\"timestamp\":\"" TIME "\",\"sampledValue\":[",
				  id);
	for (int i = 0; i < n; i++)
		length += (size_t)snprintf(text + length, size - length, "%s{\"value\":\"%d\"}", i ? "," : "",
					   first + i);
	snprintf(text + length, size - length, "]}]}]");
	raw(text);
	free(text);
	host_settle(h, 100);
	cr_assert(received("[3,\"many\","));
	bench_forget_frames();
}

static bool has(const char *quirk)
{
	const cJSON *stations = get(ask(OCPP "ListStations", "{\"device\":\"ocpp:CP001\"}"), "stations"), *q;

	cJSON_ArrayForEach(
		q, get(cJSON_GetArrayItem(stations, 0), "quirks")) if (!strcmp(q->valuestring, quirk)) return true;
	return false;
}

/* ---- how much -------------------------------------------------------------------------------- */

Test(ocpp_energy, the_samples_of_a_message_are_bounded_and_its_register_is_still_the_last)
{
	int id = begin(START("A", T0, "0"));

	meter_many(id, 1, 10000);
	cr_expect_eq(samples(session(id)), READINGS_MAX);
	cr_expect_eq(number(session(id), "energyWh"), 10000);
	cr_expect(has("too-many-samples"));
	cr_expect_eq(met("too-many-samples"), 1);
	cr_expect_eq(met("samples_beyond"), 10000 - READINGS_MAX);
	meter_many(id, 1, 10000);
	cr_expect_eq(samples(session(id)), READINGS_MAX, "the same again");
}

Test(ocpp_energy, as_many_samples_as_may_be_are_no_remark)
{
	int id = begin(START("A", T0, "0"));

	meter_many(id, 1, READINGS_MAX);
	cr_expect_eq(samples(session(id)), READINGS_MAX);
	cr_expect(!has("too-many-samples"));
}

Test(ocpp_energy, a_repeat_is_looked_for_so_far_and_no_further)
{
	int id = begin(START("A", T0, "0")), messages = 8;

	for (int i = 0; i < messages; i++)
		meter_many(id, 1 + i * READINGS_MAX, READINGS_MAX);
	meter_many(id, 1 + (messages - 2) * READINGS_MAX, READINGS_MAX);
	cr_expect_eq(samples(session(id)), messages * READINGS_MAX, "one of lately is found");
	meter_many(id, 1, READINGS_MAX);
	cr_expect_eq(samples(session(id)), (messages + 1) * READINGS_MAX, "one of long ago is kept again: not lost");
	cr_expect_eq(number(session(id), "energyWh"), messages * READINGS_MAX);
}

/* ---- however it is said ---------------------------------------------------------------------- */

/* What is answered with `code` in it: "" is a result. */
struct odd {
	const char *action, *payload, *code;
};

static int orphans(void)
{
	return cJSON_GetArraySize(get(ask(OCPP "ListOrphans", "{\"device\":\"ocpp:CP001\"}"), "orphans"));
}

static void each_is_taken_or_kept(const struct odd *odd, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int before = orphans();
		const char *answer = say(odd[i].action, odd[i].payload);

		if (!*odd[i].code) {
			cr_expect_eq(answer[1], '3', "%s: %s", odd[i].payload, answer);
			continue;
		}
		cr_expect(strstr(answer, odd[i].code), "%s: %s, not %s", odd[i].payload, answer, odd[i].code);
		cr_expect_eq(orphans(), before + 1, "%s is kept", odd[i].payload);
	}
}

#define AT "\"timestamp\":\"" T0 "\""
#define VALUES(sample) "\"meterValue\":[{" AT ",\"sampledValue\":[{\"value\":\"7\"" sample "}]}]"

Test(ocpp_energy, of_1_6_is_taken_or_kept)
{
	static const struct odd odd[] = {
		{ "MeterValues", "{" VALUES("") "}", "" },
		{ "MeterValues", "{\"connectorId\":\"one\"," VALUES("") "}", "" },
		{ "MeterValues", "{\"connectorId\":-3," VALUES("") "}", "" },
		{ "MeterValues", "{\"connectorId\":1,\"transactionId\":\"one\"," VALUES("") "}", "" },
		{ "MeterValues", "{\"connectorId\":1," VALUES(",\"unit\":5") "}", "" },
		{ "MeterValues", "{\"connectorId\":1," VALUES(",\"unit\":{}") "}", "" },
		{ "MeterValues", "{\"connectorId\":1," VALUES(",\"measurand\":[],\"phase\":1,\"context\":true") "}",
		  "" },
		{ "MeterValues", "{\"connectorId\":1,\"meterValue\":\"7\"}", "TypeConstraintViolation" },
		{ "StopTransaction", "{\"transactionId\":\"one\",\"meterStop\":9," AT "}", "" },
		{ "StopTransaction", "{\"transactionId\":{},\"meterStop\":9,\"reason\":5," AT "}", "" },
		{ "StopTransaction", "{\"transactionId\":1,\"meterStop\":\"much\"," AT "}", "" },
		{ "StopTransaction", "{\"transactionId\":1,\"meterStop\":9,\"transactionData\":5," AT "}",
		  "TypeConstraintViolation" },
		{ "StartTransaction", "{\"connectorId\":1,\"meterStart\":5," AT "}", "ProtocolError" },
		{ "StartTransaction", "{\"connectorId\":1,\"idTag\":\"A\"," AT "}", "ProtocolError" },
		{ "StartTransaction", "{\"idTag\":\"A\",\"meterStart\":5," AT "}", "ProtocolError" },
		{ "StartTransaction", "{\"connectorId\":1,\"idTag\":{},\"meterStart\":5," AT "}",
		  "TypeConstraintViolation" },
		{ "StartTransaction", "{\"connectorId\":1001,\"idTag\":\"A\",\"meterStart\":5," AT "}",
		  "PropertyConstraintViolation" },
		{ "TransactionEvent", "{\"eventType\":\"Started\"}", "NotImplemented" },
	};

	each_is_taken_or_kept(odd, sizeof odd / sizeof odd[0]);
}

Test(ocpp_energy, a_decimal_number_is_read_exactly_however_long_it_is)
{
	static const struct {
		const char *text;
		double value;
	} numbers[] = {
		{ "6379.259277", 6379.259277 },
		{ "-0.1", -0.1 },
		{ "241.10000000000000000000000000000000000000", 241.1 },
		{ "123456789012345", 123456789012345.0 },
		{ "123456789012345.", 123456789012345.0 },
		{ "1234567890123456789", 1234567890123456789.0 },
		{ "0.00000000000000000001", 1e-20 },
		{ "1.00000000000000000001", 1.0 },
		{ "1.5e3", 1500.0 },
	};
	int id = begin(START("A", T0, "0"));

	for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
		char payload[256];

		snprintf(payload, sizeof payload,
			 "{\"connectorId\":1,\"transactionId\":%d,\"meterValue\":[{\"timestamp\":\"2025-01-15T02:2%zu:"
			 "00Z\","
			 "\"sampledValue\":[{\"value\":\"%s\",\"measurand\":\"Voltage\"}]}]}",
			 id, i, numbers[i].text);
		fine("MeterValues", payload);
	}
	for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
		cr_expect_eq(get(cJSON_GetArrayItem(get(session(id), "samples"), (int)i), "value")->valuedouble,
			     numbers[i].value, "%s", numbers[i].text);
}

Test(ocpp_energy, of_1_6_without_a_connector_is_a_reading_of_connector_0)
{
	fine("MeterValues", "{" VALUES("") "}");
	cr_expect(has("missing-field"));
	cr_expect_eq(orphans(), 0);
}

Test(ocpp_energy, a_start_that_is_refused_is_kept_as_it_came)
{
	const cJSON *orphan;

	say("StartTransaction", "{\"connectorId\":1,\"meterStart\":5," AT "}");
	say("StartTransaction", "{\"connectorId\":1,\"meterStart\":5," AT "}");
	orphan = cJSON_GetArrayItem(get(ask(OCPP "ListOrphans", "{\"device\":\"ocpp:CP001\"}"), "orphans"), 0);
	cr_expect_str_eq(text(orphan, "action"), "StartTransaction");
	cr_expect_str_eq(text(orphan, "payload"), "{\"connectorId\":1,\"meterStart\":5," AT "}");
	cr_expect_eq(get(orphan, "count")->valueint, 2);
}

/* A TransactionEvent with `info` in its transactionInfo, and the rest. */
#define TX(info, rest)                                                                                                 \
	"{\"eventType\":\"Updated\",\"seqNo\":1," AT                                                                   \
	",\"triggerReason\":\"MeterValuePeriodic\",\"transactionInfo\":{" info "}" rest "}"
#define ID "\"transactionId\":\"tx-1\""

TestSuite(ocpp_energy_v201, BENCH_V201);

Test(ocpp_energy_v201, of_2_0_1_is_taken_or_kept)
{
	static const struct odd odd[] = {
		{ "TransactionEvent", TX(ID, ",\"evse\":{\"id\":-1}"), "" },
		{ "TransactionEvent", TX(ID, ",\"evse\":{\"id\":1001}"), "" },
		{ "TransactionEvent", TX(ID ",\"chargingState\":5,\"stoppedReason\":{}", ""), "" },
		{ "TransactionEvent",
		  TX(ID, ",\"meterValue\":[{" AT ",\"sampledValue\":[{\"value\":7,\"measurand\":5,\"context\":{},"
			 "\"unitOfMeasure\":{\"unit\":5}}]}]"),
		  "" },
		{ "TransactionEvent", TX("\"transactionId\":\"\"", ""), "PropertyConstraintViolation" },
		{ "TransactionEvent", TX("", ""), "OccurrenceConstraintViolation" },
		{ "TransactionEvent", TX(ID, ",\"meterValue\":\"7\""), "TypeConstraintViolation" },
		{ "TransactionEvent", "{\"transactionInfo\":{" ID "}}", "OccurrenceConstraintViolation" },
		{ "MeterValues", "{" VALUES("") "}", "" },
		{ "MeterValues", "{\"evseId\":1001," VALUES("") "}", "" },
		{ "MeterValues", "{\"evseId\":1,\"meterValue\":5}", "TypeConstraintViolation" },
		{ "StopTransaction", "{\"transactionId\":1,\"meterStop\":9," AT "}", "NotImplemented" },
	};

	each_is_taken_or_kept(odd, sizeof odd / sizeof odd[0]);
}
