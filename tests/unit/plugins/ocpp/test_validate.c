/* The messages of 1.6 as data: what is refused, with which code, and what is taken all the same. */
#include <plugins/ocpp/spec/validate.h>

#include <cjson/cJSON.h>
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static cJSON *payload;
static struct check check;

static const struct spec_version *version = &spec_v16;

static int run(const char *action, const char *json, bool strict)
{
	const struct spec_action *a = spec_find(version, action);

	cr_assert_not_null(a, "%s", action);
	cJSON_Delete(payload);
	payload = cJSON_Parse(json);
	cr_assert_not_null(payload, "%s", json);
	check = (struct check){ .version = version, .strict = strict };
	return validate(a->request, payload, &check);
}

static void takes(const char *action, const char *json, uint64_t quirks)
{
	cr_expect_eq(run(action, json, false), 0, "%s %s: %s %s", action, json, check.path, check.text);
	cr_expect_eq(check.quirks, quirks, "%s %s: quirks %llx", action, json, (unsigned long long)check.quirks);
}

static void refuses(const char *action, const char *json, enum rpc_code code, const char *path)
{
	cr_expect_neq(run(action, json, false), 0, "%s %s", action, json);
	cr_expect_eq(check.code, code, "%s %s: %s", action, json, rpc_code_name(&rpc_16, check.code));
	cr_expect_str_eq(check.path, path);
}

static void teardown(void)
{
	cJSON_Delete(payload);
}

TestSuite(validate, .fini = teardown);

#define BIT(q) (1u << (q))
#define START "\"connectorId\":1,\"idTag\":\"A\",\"meterStart\":0"
#define AT "\"timestamp\":\"2025-01-15T02:09:54.000Z\""

static const struct spec_version *const versions[] = { &spec_v15, &spec_v16, &spec_v201 };
#define VERSIONS (sizeof versions / sizeof versions[0])

Test(spec, actions_are_sorted_so_that_they_are_found)
{
	for (size_t v = 0; v < VERSIONS; v++) {
		const struct spec_action *a = versions[v]->actions;

		for (size_t i = 1; i < versions[v]->count; i++)
			cr_expect_lt(strcmp(a[i - 1].name, a[i].name), 0, "%s", a[i].name);
		for (size_t i = 0; i < versions[v]->count; i++)
			cr_expect_eq(spec_find(versions[v], a[i].name), &a[i]);
		cr_expect_null(spec_find(versions[v], "heartbeat"), "actions are case-sensitive");
		cr_expect_null(spec_find(versions[v], ""));
	}
}

/* As counted in the specifications; of 1.6, 28 of the base and 11 of the security extension. */
Test(spec, has_every_action_of_each_version_in_its_direction)
{
	static const struct {
		unsigned count, up, down;
	} expected[VERSIONS] = { { 24, 10, 15 }, { 39, 14, 26 }, { 64, 25, 40 } };

	for (size_t v = 0; v < VERSIONS; v++) {
		unsigned up = 0, down = 0;

		for (size_t i = 0; i < versions[v]->count; i++) {
			up += (versions[v]->actions[i].directions & SPEC_UP) != 0;
			down += (versions[v]->actions[i].directions & SPEC_DOWN) != 0;
		}
		cr_expect_eq(versions[v]->count, expected[v].count, "%s", versions[v]->subprotocol);
		cr_expect_eq(up, expected[v].up, "%s: %u", versions[v]->subprotocol, up);
		cr_expect_eq(down, expected[v].down, "%s: %u", versions[v]->subprotocol, down);
	}
}

static void look_at(const char *action, const struct spec_object *object)
{
	cr_assert_leq(object->count, 32, "%s: the bits of what was seen", action);
	for (unsigned i = 0; i < object->count; i++) {
		const struct spec_field *f = &object->fields[i];

		cr_expect_eq(f->type == SPEC_ENUM, f->type == SPEC_ENUM && f->values != NULL, "%s %s", action, f->name);
		cr_expect(!(f->flags & SPEC_ALIAS) || i > 0, "%s %s stands for the field before it", action, f->name);
		cr_expect(!(f->flags & SPEC_NONEMPTY) || (f->flags & SPEC_LIST), "%s %s", action, f->name);
		for (unsigned k = 0; k < i; k++)
			cr_expect_str_neq(f->name, object->fields[k].name, "%s", action);
		if (f->type == SPEC_OBJECT)
			look_at(action, f->object);
	}
}

Test(spec, tables_are_what_the_validator_can_read)
{
	for (size_t v = 0; v < VERSIONS; v++)
		for (size_t i = 0; i < versions[v]->count; i++) {
			look_at(versions[v]->actions[i].name, versions[v]->actions[i].request);
			look_at(versions[v]->actions[i].name, versions[v]->actions[i].answer);
		}
}

Test(validate, what_the_specification_shows_is_taken_without_remark)
{
	takes("Heartbeat", "{}", 0);
	takes("Authorize", "{\"idTag\":\"12345678901234567890\"}", 0);
	takes("BootNotification", "{\"chargePointVendor\":\"V\",\"chargePointModel\":\"M\"}", 0);
	takes("StatusNotification", "{\"connectorId\":0,\"errorCode\":\"NoError\",\"status\":\"Available\"," AT "}", 0);
	takes("StartTransaction", "{" START "," AT "}", 0);
	takes("StopTransaction",
	      "{\"meterStop\":6379,\"timestamp\":\"2025-01-15T02:40:49\",\"transactionId\":1,\"reason\":"
	      "\"EVDisconnected\"}",
	      0);
	takes("MeterValues",
	      "{\"connectorId\":1,\"transactionId\":1,\"meterValue\":[{" AT
	      ",\"sampledValue\":[{\"value\":\"241.10\",\"measurand\":\"Voltage\",\"unit\":\"V\"},"
	      "{\"value\":\"0\",\"unit\":\"Celcius\",\"measurand\":\"Temperature\"},{\"value\":\"0\",\"unit\":"
	      "\"Celsius\",\"measurand\":\"Temperature\"}]}]}",
	      0);
}

Test(validate, a_missing_field_is_a_protocol_error)
{
	refuses("BootNotification", "{\"chargePointVendor\":\"V\"}", RPC_PROTOCOL_ERROR, "chargePointModel");
	refuses("StartTransaction", "{\"connectorId\":1,\"meterStart\":0," AT "}", RPC_PROTOCOL_ERROR, "idTag");
	refuses("Authorize", "{\"idTag\":null}", RPC_PROTOCOL_ERROR, "idTag");
}

Test(validate, a_wrong_type_is_named)
{
	refuses("Authorize", "{\"idTag\":12}", RPC_TYPE_CONSTRAINT_VIOLATION, "idTag");
	refuses("BootNotification", "{\"chargePointVendor\":{},\"chargePointModel\":\"M\"}",
		RPC_TYPE_CONSTRAINT_VIOLATION, "chargePointVendor");
	refuses("StatusNotification", "{\"connectorId\":\"1\",\"errorCode\":\"NoError\",\"status\":\"Available\"}",
		RPC_TYPE_CONSTRAINT_VIOLATION, "connectorId");
	refuses("StartTransaction", "{\"connectorId\":\"one\",\"idTag\":\"A\",\"meterStart\":0," AT "}",
		RPC_TYPE_CONSTRAINT_VIOLATION, "connectorId");
	refuses("MeterValues",
		"{\"connectorId\":1,\"meterValue\":[{" AT ",\"sampledValue\":[{\"value\":\"1\"},{\"value\":[]}]}]}",
		RPC_TYPE_CONSTRAINT_VIOLATION, "meterValue[0].sampledValue[1].value");
	refuses("MeterValues", "{\"connectorId\":1,\"meterValue\":\"none\"}", RPC_TYPE_CONSTRAINT_VIOLATION,
		"meterValue");
	refuses("StatusNotification", "{\"connectorId\":1.5,\"errorCode\":\"NoError\",\"status\":\"Available\"}",
		RPC_TYPE_CONSTRAINT_VIOLATION, "connectorId");
}

Test(validate, a_value_outside_its_range_is_named)
{
	char long_tag[200] = "{\"idTag\":\"";

	refuses("StatusNotification", "{\"connectorId\":1,\"errorCode\":\"NoError\",\"status\":\"Sleeping\"}",
		RPC_PROPERTY_CONSTRAINT_VIOLATION, "status");
	memset(long_tag + strlen(long_tag), 'x', 100);
	strcat(long_tag, "\"}");
	refuses("Authorize", long_tag, RPC_PROPERTY_CONSTRAINT_VIOLATION, "idTag");
}

/* Each row stands for chargers in the field. */
Test(validate, what_chargers_are_known_to_do_is_taken_and_noted)
{
	takes("BootNotification", "{\"chargePointVendor\":\"V\",\"chargePointModel\":\"a model of 23 letters..\"}",
	      BIT(QUIRK_TOO_LONG));
	takes("Authorize", "{\"idTag\":\"1234567890123456789012\"}", BIT(QUIRK_TOO_LONG));
	takes("Authorize", "{\"idTag\":\"A\",\"connectorId\":1}", BIT(QUIRK_EXTRA_FIELD));
	takes("StatusNotification", "{\"connectorId\":1,\"errorCode\":\"Error\",\"status\":\"Faulted\"}",
	      BIT(QUIRK_UNKNOWN_VALUE));
	takes("MeterValues",
	      "{\"connectorId\":1,\"meterValue\":[{" AT ",\"sampledValue\":[{\"value\":241.1,\"unit\":\"Hz\"}]}]}",
	      BIT(QUIRK_WRONG_TYPE) | BIT(QUIRK_UNKNOWN_VALUE));
	takes("MeterValues", "{\"connectorId\":1,\"meterValue\":{" AT ",\"sampledValue\":{\"value\":\"1\"}}}",
	      BIT(QUIRK_NO_LIST));
	takes("MeterValues", "{\"connectorId\":1,\"meterValue\":[]}", BIT(QUIRK_EMPTY_VALUE));
	takes("MeterValues",
	      "{\"connectorId\":1,\"transactionId\":null,\"meterValue\":[{" AT
	      ",\"sampledValue\":[{\"value\":\"\"}]}]}",
	      BIT(QUIRK_NULL));
	takes("StartTransaction", "{\"connectorId\":\"1\",\"idTag\":\"A\",\"meterStart\":\"0\"," AT "}",
	      BIT(QUIRK_WRONG_TYPE));
	takes("StartTransaction", "{" START "}", BIT(QUIRK_MISSING_FIELD));
	takes("StartTransaction", "{" START ",\"timestamp\":1736906994}", BIT(QUIRK_BAD_TIME));
	takes("StopTransaction", "{\"meterStop\":6379.26," AT ",\"transactionId\":1,\"reason\":\"Suspended\"}",
	      BIT(QUIRK_WRONG_TYPE) | BIT(QUIRK_UNKNOWN_VALUE));
	takes("StopTransaction", "{}", BIT(QUIRK_MISSING_FIELD));
}

Test(validate, what_is_converted_reads_as_the_right_type)
{
	const cJSON *value;

	run("StartTransaction", "{\"connectorId\":\"1\",\"idTag\":\"A\",\"meterStart\":\" 12.4 \"," AT "}", false);
	cr_expect_eq(cJSON_GetNumberValue(cJSON_GetObjectItem(payload, "meterStart")), 12);
	run("MeterValues", "{\"connectorId\":1,\"meterValue\":{" AT ",\"sampledValue\":[{\"value\":241.1}]}}", false);
	value = cJSON_GetObjectItem(payload, "meterValue");
	cr_assert(cJSON_IsArray(value));
	value = cJSON_GetArrayItem(cJSON_GetObjectItem(cJSON_GetArrayItem(value, 0), "sampledValue"), 0);
	cr_expect_str_eq(cJSON_GetStringValue(cJSON_GetObjectItem(value, "value")), "241.1");
}

Test(validate, of_a_key_that_stands_twice_the_first_counts)
{
	takes("Authorize", "{\"idTag\":\"first\",\"idTag\":{}}", BIT(QUIRK_DOUBLE_KEY));
	cr_expect_str_eq(cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(payload, "idTag")), "first");
	refuses("Authorize", "{\"idTag\":null,\"idTag\":\"second\"}", RPC_PROTOCOL_ERROR, "idTag");
}

Test(validate, what_galvan_sends_is_held_to_the_letter)
{
	cr_expect_eq(run("ChangeConfiguration", "{\"key\":\"HeartbeatInterval\",\"value\":\"60\"}", true), 0);
	cr_expect_neq(run("ChangeConfiguration", "{\"key\":\"HeartbeatInterval\",\"value\":60}", true), 0);
	cr_expect_eq(check.code, RPC_TYPE_CONSTRAINT_VIOLATION);
	cr_expect_neq(run("Reset", "{\"type\":\"Soft\",\"when\":\"now\"}", true), 0);
	cr_expect_str_eq(check.path, "when");
	cr_expect_neq(run("Reset", "{\"type\":\"soft\"}", true), 0);
	cr_expect_neq(run("UnlockConnector", "{\"connectorId\":4294967296}", true), 0);
	cr_expect_neq(run("ReserveNow",
			  "{\"connectorId\":1,\"expiryDate\":\"tomorrow\",\"idTag\":\"A\",\"reservationId\":1}", true),
		      0);
	cr_expect_str_eq(check.path, "expiryDate");
}

Test(validate, a_limit_has_one_decimal_whatever_its_double)
{
	static const char profile[] =
		"{\"idTag\":\"A\",\"chargingProfile\":{\"chargingProfileId\":1,\"stackLevel\":0,"
		"\"chargingProfilePurpose\":"
		"\"TxProfile\",\"chargingProfileKind\":\"Relative\",\"chargingSchedule\":{\"chargingRateUnit\":\"A\","
		"\"chargingSchedulePeriod\":[{\"startPeriod\":0,\"limit\":%s}]}}}";
	static const char *const fine[] = { "32", "16.1", "0.3", "6.7", "1000000.1", "0" };
	char json[500];

	for (size_t i = 0; i < sizeof fine / sizeof fine[0]; i++) {
		snprintf(json, sizeof json, profile, fine[i]);
		cr_expect_eq(run("RemoteStartTransaction", json, true), 0, "%s: %s %s", fine[i], check.path,
			     check.text);
	}
	snprintf(json, sizeof json, profile, "16.15");
	cr_expect_neq(run("RemoteStartTransaction", json, true), 0);
	cr_expect_str_eq(check.path, "chargingProfile.chargingSchedule.chargingSchedulePeriod[0].limit");
	cr_expect_neq(run("RemoteStartTransaction",
			  "{\"idTag\":\"A\",\"chargingProfile\":{\"chargingProfileId\":1,\"stackLevel\":0,"
			  "\"chargingProfilePurpose\":\"TxProfile\","
			  "\"chargingProfileKind\":\"Relative\",\"chargingSchedule\":{\"chargingRateUnit\":\"A\","
			  "\"chargingSchedulePeriod\":[]}}}",
			  true),
		      0);
	cr_expect_eq(check.code, RPC_OCCURENCE_CONSTRAINT_VIOLATION);
}

/* 1.5 has no schema: its WSDL says what stands here, and its JSON is that with attributes as fields. */
Test(validate, meter_values_of_1_5_have_their_own_names)
{
	const cJSON *samples;

	version = &spec_v15;
	takes("MeterValues",
	      "{\"connectorId\":1,\"transactionId\":2,\"values\":[{" AT
	      ",\"value\":[{\"value\":\"1500\",\"unit\":\"Amp\",\"measurand\":\"Current.Import\"}]}]}",
	      0);
	/* Stations were seen to repeat the name of the list. */
	takes("MeterValues", "{\"connectorId\":1,\"values\":[{" AT ",\"values\":[{\"value\":\"1500\"}]}]}",
	      BIT(QUIRK_WRONG_NAME));
	samples = cJSON_GetObjectItem(cJSON_GetArrayItem(cJSON_GetObjectItem(payload, "values"), 0), "value");
	cr_expect_eq(cJSON_GetArraySize(samples), 1, "it is found under its right name");
	cr_expect_neq(
		run("MeterValues", "{\"connectorId\":1,\"values\":[{" AT ",\"values\":[{\"value\":\"1\"}]}]}", true),
		0);
	takes("StopTransaction",
	      "{\"transactionId\":1,\"meterStop\":5," AT ",\"transactionData\":[{\"values\":[{" AT
	      ",\"value\":[{\"value\":\"1\"}]}]}]}",
	      0);
	refuses("StatusNotification", "{\"connectorId\":1,\"errorCode\":\"NoError\",\"status\":\"Charging\"}",
		RPC_PROPERTY_CONSTRAINT_VIOLATION, "status");
	cr_expect_null(spec_find(version, "TriggerMessage"));
}

Test(validate, of_2_0_1_a_missing_field_breaks_a_constraint_of_occurrence)
{
	version = &spec_v201;
	refuses("Authorize", "{}", RPC_OCCURENCE_CONSTRAINT_VIOLATION, "idToken");
}

Test(validate, of_2_0_1_every_object_may_have_custom_data_with_fields_of_a_vendors_own)
{
	version = &spec_v201;
	cr_expect_eq(run("Heartbeat", "{\"customData\":{\"vendorId\":\"V\",\"own\":[1]}}", true), 0);
	cr_expect_eq(run("Authorize",
			 "{\"idToken\":{\"idToken\":\"A\",\"type\":\"Central\",\"customData\":{\"vendorId\":\"V\"}}}",
			 true),
		     0);
	cr_expect_neq(run("Heartbeat", "{\"customData\":{\"own\":1}}", true), 0);
	cr_expect_str_eq(check.path, "customData.vendorId");
	version = &spec_v16;
	cr_expect_neq(run("Heartbeat", "{\"customData\":{\"vendorId\":\"V\"}}", true), 0, "1.6 has none");
}

/* Energy is recorded whatever stands beside it. */
Test(validate, a_transaction_event_is_taken_whenever_it_can_be_understood)
{
	version = &spec_v201;
	takes("TransactionEvent",
	      "{\"eventType\":\"Updated\",\"transactionInfo\":{\"transactionId\":7,\"chargingState\":\"Paused\"},"
	      "\"meterValue\":[{" AT ",\"sampledValue\":[{\"value\":\"1.5\"},{\"value\":\"\"}]}]}",
	      BIT(QUIRK_MISSING_FIELD) | BIT(QUIRK_WRONG_TYPE) | BIT(QUIRK_UNKNOWN_VALUE) | BIT(QUIRK_EMPTY_VALUE));
	refuses("TransactionEvent", "{\"eventType\":\"Updated\",\"transactionInfo\":{}}",
		RPC_OCCURENCE_CONSTRAINT_VIOLATION, "transactionInfo.transactionId");
	takes("NotifyReport",
	      "{\"requestId\":1,\"generatedAt\":\"2025-01-15T02:09:54Z\",\"seqNo\":0,\"reportData\":[]}",
	      BIT(QUIRK_EMPTY_VALUE));
}

Test(validate, quirks_have_names)
{
	for (unsigned i = 0; i < QUIRKS; i++)
		cr_expect(quirk_name(i) && quirk_name(i)[0], "%u", i);
	cr_expect_str_eq(quirk_name(QUIRKS), "unknown");
}
