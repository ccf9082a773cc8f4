/* Envelopes: what a station writes, however it writes it, becomes the payload that JSON would have had; what we write
 * has the WSDL's order; and what is no envelope is a fault that the station can be told of. */
#include <plugins/ocpp/wire/soap.h>
#include <plugins/ocpp/spec/validate.h>

#include <cjson/cJSON.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CS16 "urn://Ocpp/Cs/2015/10/"
#define CP16 "urn://Ocpp/Cp/2015/10/"
#define CS15 "urn://Ocpp/Cs/2012/06/"
#define HEAD                                                                                                           \
	"<c:chargeBoxIdentity xmlns:c=\"" CS16 "\">CP001</c:chargeBoxIdentity>"                                        \
	"<a:Action>/Heartbeat</a:Action><a:MessageID>uuid:1</a:MessageID>"                                             \
	"<a:From><a:Address>http://192.0.2.7:8080/cp</a:Address></a:From>"                                             \
	"<a:To>http://192.0.2.1:9000/ocpp/soap</a:To>"

static struct soap_envelope e;
static struct gv_buf out;
static char *printed;

static void teardown(void)
{
	soap_free(&e);
	gv_buf_fini(&out);
	free(printed);
}

TestSuite(soap, .fini = teardown);

static int parse(const char *text)
{
	soap_free(&e);
	return soap_parse(text, strlen(text), &e);
}

static int envelope(const char *header, const char *body)
{
	char *text = NULL;
	int n = asprintf(&text,
			 "<?xml version=\"1.0\"?><s:Envelope xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\" "
			 "xmlns:a=\"http://www.w3.org/2005/08/addressing\"><s:Header>%s</s:Header><s:Body>%s</s:Body>"
			 "</s:Envelope>",
			 header, body);
	int error = n < 0 ? -ENOMEM : parse(text);

	free(text);
	return error;
}

static const char *payload(void)
{
	free(printed);
	printed = cJSON_PrintUnformatted(e.payload);
	return printed;
}

Test(soap, a_request_has_a_version_an_operation_and_whom_it_comes_from)
{
	cr_assert_eq(envelope(HEAD, "<heartbeatRequest xmlns=\"" CS16 "\"/>"), 0, "%s", e.why);
	cr_expect_eq(e.kind, SOAP_REQUEST);
	cr_expect(e.up);
	cr_expect_eq(e.version, &soap_v16);
	cr_expect_str_eq(e.action->name, "Heartbeat");
	cr_expect_str_eq(e.identity, "CP001");
	cr_expect_str_eq(e.message_id, "uuid:1");
	cr_expect_str_eq(e.from, "http://192.0.2.7:8080/cp");
	cr_expect_str_eq(e.to, "http://192.0.2.1:9000/ocpp/soap");
	cr_expect_str_eq(e.relates_to, "");
	cr_expect_str_eq(payload(), "{}");
}

Test(soap, the_version_is_that_of_the_bodys_first_element)
{
	cr_assert_eq(envelope(HEAD, " <!-- here --> <x:heartbeatRequest xmlns:x=\"" CS15 "\"/>"), 0, "%s", e.why);
	cr_expect_eq(e.version, &soap_v15, "whatever the headers' namespace is");
}

Test(soap, the_table_says_what_text_means)
{
	cr_assert_eq(envelope(HEAD,
			      "<c:startTransactionRequest xmlns:c=\"" CS16 "\"><c:meterStart> 1500 </c:meterStart>"
			      "<c:idTag>0042</c:idTag><c:connectorId>1</c:connectorId>"
			      "<c:timestamp>2026-11-21T04:30:41Z</c:timestamp></c:startTransactionRequest>"),
		     0, "%s", e.why);
	cr_expect_str_eq(
		payload(),
		"{\"meterStart\":1500,\"idTag\":\"0042\",\"connectorId\":1,\"timestamp\":\"2026-11-21T04:30:41Z\"}",
		"in any order, white space around numbers does not count, and a tag of digits stays text");
}

Test(soap, a_list_is_one_although_it_has_but_one_element)
{
	cr_assert_eq(envelope(HEAD,
			      "<c:meterValuesRequest xmlns:c=\"" CS16
			      "\"><c:connectorId>1</c:connectorId><c:meterValue>"
			      "<c:timestamp>2026-11-21T04:30:41Z</c:timestamp><c:sampledValue><c:value>1500</c:value>"
			      "<c:unit>Wh</c:unit></c:sampledValue></c:meterValue></c:meterValuesRequest>"),
		     0, "%s", e.why);
	cr_expect_str_eq(payload(), "{\"connectorId\":1,\"meterValue\":[{\"timestamp\":\"2026-11-21T04:30:41Z\","
				    "\"sampledValue\":[{\"value\":\"1500\",\"unit\":\"Wh\"}]}]}");
}

Test(soap, attributes_of_1_5_become_fields)
{
	cr_assert_eq(envelope(HEAD,
			      "<c:meterValuesRequest xmlns:c=\"" CS15 "\"><c:connectorId>1</c:connectorId><c:values>"
			      "<c:timestamp>2026-11-21T04:30:41Z</c:timestamp>"
			      "<c:value unit=\"Wh\" context=\"Sample.Periodic\">1500</c:value><c:value>7</c:value>"
			      "</c:values></c:meterValuesRequest>"),
		     0, "%s", e.why);
	cr_expect_str_eq(payload(),
			 "{\"connectorId\":1,\"values\":[{\"timestamp\":\"2026-11-21T04:30:41Z\",\"value\":["
			 "{\"unit\":\"Wh\",\"context\":\"Sample.Periodic\",\"value\":\"1500\"},{\"value\":\"7\"}]}]}");
}

Test(soap, an_empty_element_is_an_absent_field)
{
	cr_assert_eq(envelope(HEAD,
			      "<c:stopTransactionRequest xmlns:c=\"" CS16 "\" xmlns:i="
			      "\"http://www.w3.org/2001/XMLSchema-instance\"><c:transactionId>7</c:transactionId>"
			      "<c:idTag></c:idTag><c:reason i:nil=\"true\"/><c:meterStop/></c:stopTransactionRequest>"),
		     0, "%s", e.why);
	cr_expect_str_eq(payload(), "{\"transactionId\":7}");
}

Test(soap, what_is_not_in_the_table_is_left_out_and_remembered)
{
	cr_assert_eq(envelope(HEAD, "<c:authorizeRequest xmlns:c=\"" CS16 "\"><c:connectorId>1</c:connectorId>"
				    "<c:idTag>A</c:idTag><c:idTag>B</c:idTag></c:authorizeRequest>"),
		     0, "%s", e.why);
	cr_expect_str_eq(payload(), "{\"idTag\":\"A\"}");
	cr_expect_eq(e.quirks, QUIRK_BIT(QUIRK_EXTRA_FIELD) | QUIRK_BIT(QUIRK_DOUBLE_KEY));
}

Test(soap, a_number_that_is_none_is_the_validators_to_judge)
{
	struct check check = { .version = &spec_v16 };

	cr_assert_eq(envelope(HEAD,
			      "<c:statusNotificationRequest xmlns:c=\"" CS16 "\"><c:connectorId>one</c:connectorId>"
			      "<c:status>Available</c:status><c:errorCode>NoError</c:errorCode>"
			      "</c:statusNotificationRequest>"),
		     0, "%s", e.why);
	cr_assert_neq(validate(e.action->request, e.payload, &check), 0);
	cr_expect_str_eq(check.path, "connectorId");
}

Test(soap, characters_and_sections_are_text)
{
	cr_assert_eq(envelope(HEAD,
			      "<c:dataTransferRequest xmlns:c=\"" CS16 "\"><c:vendorId>a&amp;b&#x20AC;</c:vendorId>"
			      "<c:data><![CDATA[<x>]]>1</c:data></c:dataTransferRequest>"),
		     0, "%s", e.why);
	cr_expect_str_eq(payload(), "{\"vendorId\":\"a&b\xe2\x82\xac\",\"data\":\"<x>1\"}");
}

static void faulty(int error, enum soap_fault fault, const char *word)
{
	cr_expect_eq(error, -EBADMSG);
	cr_expect_eq(e.fault, fault, "%s: %s", soap_fault_name(e.fault), e.why);
	cr_expect(strstr(e.why, word), "\"%s\" must say %s", e.why, word);
}

Test(soap, what_is_no_envelope_is_a_fault)
{
	faulty(parse(""), SOAP_PROTOCOL_ERROR, "well-formed");
	faulty(parse("{\"a\":1}"), SOAP_PROTOCOL_ERROR, "well-formed");
	faulty(parse("<a/>"), SOAP_PROTOCOL_ERROR, "Envelope");
	faulty(parse("<Envelope xmlns=\"http://schemas.xmlsoap.org/soap/envelope/\"/>"), SOAP_VERSION_MISMATCH, "1.1");
	faulty(envelope(HEAD, ""), SOAP_PROTOCOL_ERROR, "Body");
	faulty(envelope(HEAD, "<heartbeatRequest/>"), SOAP_PROTOCOL_ERROR, "namespace");
	faulty(envelope(HEAD, "<heartbeatRequest xmlns=\"urn://Ocpp/Cs/2010/08/\"/>"), SOAP_PROTOCOL_ERROR, "2010");
	faulty(envelope(HEAD, "<bakeRequest xmlns=\"" CS16 "\"/>"), SOAP_NOT_SUPPORTED, "bakeRequest");
	faulty(envelope(HEAD, "<getLogRequest xmlns=\"" CS16 "\"/>"), SOAP_NOT_SUPPORTED, "getLogRequest");
	cr_expect_str_eq(e.message_id, "uuid:1", "whose sender can still be answered");
}

#define OLD_HEAD                                                                                                       \
	"<c:chargeBoxIdentity xmlns:c=\"" CP16 "\">CP001</c:chargeBoxIdentity>"                                        \
	"<o:MessageID xmlns:o=\"" SOAP_ADDRESSING_OLD "\" s:mustUnderstand=\"1\">1</o:MessageID>"                      \
	"<o:From xmlns:o=\"" SOAP_ADDRESSING_OLD "\">http://192.0.2.7/cp</o:From>"

Test(soap, the_addressing_of_2004_is_answered_in_its_words)
{
	cJSON *json = cJSON_CreateObject();

	cr_assert_eq(envelope(OLD_HEAD, "<heartbeatRequest xmlns=\"" CS16 "\"/>"), 0, "%s", e.why);
	cr_expect_str_eq(e.from, "http://192.0.2.7/cp", "the address alone");
	cr_expect_eq(e.quirks, QUIRK_BIT(QUIRK_OLD_ADDRESSING));
	soap_write_response(&out, &e, "urn:uuid:2", json);
	cJSON_Delete(json);
	cr_expect(strstr(gv_buf_str(&out), "xmlns:a=\"" SOAP_ADDRESSING_OLD "\""), "%s", gv_buf_str(&out));
	cr_assert_eq(parse(gv_buf_str(&out)), 0, "%s", e.why);
	cr_expect_str_eq(e.to, "http://192.0.2.7/cp", "such a station takes only what is addressed to it");
	cr_expect_str_eq(e.identity, "CP001");
}

Test(soap, the_other_services_namespace_is_taken_and_given_back)
{
	cJSON *json = cJSON_CreateObject();

	cr_assert_eq(envelope(HEAD, "<heartbeatRequest xmlns=\"" CP16 "\"/>"), 0, "%s", e.why);
	cr_expect(e.up);
	cr_expect_eq(e.quirks, QUIRK_BIT(QUIRK_OTHER_SERVICE));
	soap_write_response(&out, &e, "urn:uuid:2", json);
	cJSON_Delete(json);
	cr_expect(strstr(gv_buf_str(&out), "<heartbeatResponse xmlns=\"" CP16 "\">"), "%s", gv_buf_str(&out));
	cr_assert_eq(envelope(HEAD, "<resetResponse xmlns=\"" CS16 "\"/>"), 0, "%s", e.why);
	cr_expect_not(e.up);
}

Test(soap, an_answer_may_be_called_a_confirmation)
{
	cr_assert_eq(envelope(HEAD, "<resetConfirmation xmlns=\"" CP16 "\"/>"), 0, "%s", e.why);
	cr_expect_eq(e.kind, SOAP_RESPONSE);
	cr_expect_eq(e.quirks, QUIRK_BIT(QUIRK_WRONG_NAME));
}

Test(soap, the_security_extension_is_not_there_in_soap)
{
	faulty(envelope(HEAD, "<signCertificateRequest xmlns=\"" CS16 "\"><csr>x</csr></signCertificateRequest>"),
	       SOAP_NOT_SUPPORTED, "signCertificateRequest");
}

Test(soap, a_header_that_must_be_understood_and_is_not_is_a_fault)
{
	faulty(envelope(HEAD "<w:Security xmlns:w=\"urn:wss\" s:mustUnderstand=\"true\"/>",
			"<heartbeatRequest xmlns=\"" CS16 "\"/>"),
	       SOAP_MUST_UNDERSTAND, "Security");
	cr_expect_eq(envelope(HEAD "<w:Trace xmlns:w=\"urn:x\"/><a:ReplyTo s:mustUnderstand=\"1\"/>",
			      "<heartbeatRequest xmlns=\"" CS16 "\"/>"),
		     0, "other headers, and ours, may say so");
}

Test(soap, there_are_no_document_types_and_so_no_entities)
{
	faulty(parse("<!DOCTYPE a [<!ENTITY x \"y\">]><a>&x;</a>"), SOAP_PROTOCOL_ERROR, "document type");
	faulty(parse("<!DOCTYPE a SYSTEM \"http://192.0.2.1/a.dtd\"><a/>"), SOAP_PROTOCOL_ERROR, "document type");
	faulty(parse("<a>&x;</a>"), SOAP_PROTOCOL_ERROR, "well-formed");
}

Test(soap, an_envelope_has_bounds)
{
	char *text = malloc(SOAP_SIZE_MAX + 2);

	memset(text, ' ', SOAP_SIZE_MAX + 1);
	text[SOAP_SIZE_MAX + 1] = '\0';
	faulty(parse(text), SOAP_PROTOCOL_ERROR, "bytes");
	memset(text, 0, SOAP_SIZE_MAX);
	for (int i = 0; i <= SOAP_DEPTH_MAX; i++)
		strcat(text, "<a>");
	faulty(parse(text), SOAP_PROTOCOL_ERROR, "deep");
	memset(text, ' ', SOAP_TAG_MAX + 3);
	memcpy(text, "<a b=\">", 7);
	strcpy(text + SOAP_TAG_MAX + 3, "\"/>");
	faulty(parse(text), SOAP_PROTOCOL_ERROR, "tag");
	free(text);
}

Test(soap, a_request_is_written_in_the_order_of_the_wsdl)
{
	const struct spec_action *action = soap_action(&soap_v16, "RemoteStartTransaction");
	struct soap_addresses a = { "CP<1>", "urn:uuid:9", "http://us/ocpp/soap", "http://192.0.2.7/cp?a=1&b" };
	cJSON *json = cJSON_Parse(
		"{\"idTag\":\"T\\u0001&\",\"connectorId\":2,\"chargingProfile\":{\"chargingSchedule\":{"
		"\"chargingSchedulePeriod\":[{\"limit\":16.1,\"startPeriod\":0},{\"startPeriod\":60,\"limit\":"
		"8}],\"chargingRateUnit\":\"A\"},\"chargingProfilePurpose\":\"TxProfile\",\"stackLevel\":0,"
		"\"chargingProfileKind\":\"Relative\",\"chargingProfileId\":1}}");
	const char *text,
		*body = "<remoteStartTransactionRequest xmlns=\"" CP16 "\"><connectorId>2</connectorId><idTag>T"
			"\xef\xbf\xbd&amp;</idTag><chargingProfile><chargingProfileId>1</chargingProfileId>"
			"<stackLevel>0</stackLevel><chargingProfilePurpose>TxProfile</chargingProfilePurpose>"
			"<chargingProfileKind>Relative</chargingProfileKind><chargingSchedule><chargingRateUnit>A"
			"</chargingRateUnit><chargingSchedulePeriod><startPeriod>0</startPeriod><limit>16.1</limit>"
			"</chargingSchedulePeriod><chargingSchedulePeriod><startPeriod>60</startPeriod><limit>8"
			"</limit></chargingSchedulePeriod></chargingSchedule></chargingProfile>"
			"</remoteStartTransactionRequest>";

	soap_write_request(&out, &soap_v16, action, json, &a);
	cJSON_Delete(json);
	text = gv_buf_str(&out);
	cr_expect_eq(strncmp(text, "<?xml", 5), 0);
	cr_expect(strstr(text, body), "%s", text);
	cr_assert_eq(parse(text), 0, "%s", e.why);
	cr_expect_not(e.up);
	cr_expect_str_eq(e.identity, a.identity);
	cr_expect_str_eq(e.wsa_action, "/RemoteStartTransaction");
	cr_expect_str_eq(e.message_id, a.message_id);
	cr_expect_str_eq(e.from, a.from);
	cr_expect_str_eq(e.to, a.to);
}

Test(soap, an_answer_has_four_headers_and_relates_to_its_request)
{
	cJSON *json = cJSON_Parse(
		"{\"currentTime\":\"2026-11-21T04:28:51.460Z\",\"heartbeatInterval\":60,\"status\":\"Accepted\"}");

	cr_assert_eq(envelope(HEAD, "<bootNotificationRequest xmlns=\"" CS15 "\"/>"), 0, "%s", e.why);
	soap_write_response(&out, &e, "urn:uuid:2", json);
	cJSON_Delete(json);
	cr_expect(strstr(gv_buf_str(&out), "<bootNotificationResponse xmlns=\"" CS15 "\"><status>Accepted</status>"
					   "<currentTime>2026-11-21T04:28:51.460Z</currentTime><heartbeatInterval>60<"),
		  "%s", gv_buf_str(&out));
	cr_assert_eq(parse(gv_buf_str(&out)), 0, "%s", e.why);
	cr_expect_eq(e.kind, SOAP_RESPONSE);
	cr_expect_str_eq(e.wsa_action, "/BootNotificationResponse");
	cr_expect_str_eq(e.message_id, "urn:uuid:2");
	cr_expect_str_eq(e.relates_to, "uuid:1");
	cr_expect_str_eq(e.to, SOAP_ANONYMOUS);
}

Test(soap, attributes_are_written_as_such)
{
	const struct spec_action *action = soap_action(&soap_v15, "MeterValues");
	cJSON *json = cJSON_Parse("{\"connectorId\":1,\"values\":[{\"timestamp\":\"t\",\"value\":[{\"value\":\"1\","
				  "\"unit\":\"<\\\"\"}]}]}");

	soap_write_object(&out, json, action->request);
	cJSON_Delete(json);
	cr_expect_str_eq(gv_buf_str(&out), "<connectorId>1</connectorId><values><timestamp>t</timestamp>"
					   "<value unit=\"&lt;&quot;\">1</value></values>");
}

Test(soap, a_fault_says_whose_it_is_and_what_the_specification_calls_it)
{
	cr_assert_eq(envelope("", "<heartbeatRequest xmlns=\"" CS15 "\"/>"), 0, "%s", e.why);
	soap_write_fault(&out, &e, "urn:uuid:3", SOAP_SECURITY_ERROR, "ocpp:X is unknown");
	cr_assert_eq(parse(gv_buf_str(&out)), 0, "%s", e.why);
	cr_expect_eq(e.kind, SOAP_FAULT);
	cr_expect_str_eq(e.code, "SecurityError");
	cr_expect_str_eq(e.reason, "Sender failed authentication or is not authorized to use the requested operation. "
				   "ocpp:X is unknown");
	cr_expect_str_eq(e.relates_to, SOAP_UNSPECIFIED, "there was no MessageID");
	cr_expect_eq(soap_fault_status(SOAP_SECURITY_ERROR), 400);
	cr_expect_eq(soap_fault_status(SOAP_NOT_SUPPORTED), 500);
}

Test(soap, stations_write_faults_of_many_shapes)
{
	cr_assert_eq(envelope("", "<s:Fault><s:Code><s:Value>s:Receiver</s:Value></s:Code></s:Fault>"), 0);
	cr_expect_str_eq(e.code, "Receiver");
	cr_expect_str_eq(e.reason, "");
	cr_assert_eq(envelope("", "<s:Fault><faultcode>x:Client</faultcode><faultstring>no</faultstring></s:Fault>"),
		     0);
	cr_expect_str_eq(e.code, "Client");
	cr_expect_str_eq(e.reason, "no");
}
