/* OCPP 2.0.1: what chargers keep of people. */
#include "model.h"

#include <string.h>

TestSuite(ocpp_customers, BENCH_V201);

static struct host_answer *inquire(const char *request)
{
	struct host_answer *a = host_call_later(h, NULL, OCPP "GetCustomerInformation", request);

	host_settle(h, 100);
	return a;
}

static void inform(int request, int number, bool more, const char *data)
{
	static char payload[1000];

	snprintf(payload, sizeof payload,
		 "{\"requestId\":%d,\"seqNo\":%d,\"tbc\":%s,\"generatedAt\":\"" T0 "\",\"data\":\"%s\"}", request,
		 number, more ? "true" : "false", data);
	fine("NotifyCustomerInformation", payload);
}

#define OF_TOKEN "{\"device\":\"ocpp:CP001\",\"token\":\"04AB\",\"clear\":true}"

Test(ocpp_customers, what_is_kept_of_a_person_is_answered_and_kept_nowhere)
{
	struct host_answer *a = inquire(OF_TOKEN);
	int id = asked_for("CustomerInformation");

	cr_expect(received("\"report\":true,\"clear\":true,\"idToken\":{\"idToken\":\"04AB\",\"type\":\"ISO14443\"}"));
	answer_call("{\"status\":\"Accepted\"}");
	inform(id, 1, false, "Lovelace");
	host_crash(h, "ocpp.0");
	host_settle(h, 5000);
	bench_forget_frames();
	inform(id, 0, true, "Ada ");
	host_settle(h, 1000);
	cr_assert(a->done);
	cr_expect(
		strstr(a->json, "{\"status\":\"Accepted\",\"text\":\"Ada Lovelace\",\"complete\":true,\"cut\":false}"),
		"%s %s", a->json, a->error);
	cr_expect_eq(rows("reports") + rows("report_parts") + rows("commands"), 0);
	ask(OCPP "ListMessages", DEVICE);
	cr_expect(!shown("Lovelace"));
	cr_expect(shown("NotifyCustomerInformation"));
	inform(id, 2, false, "late");
	cr_expect_eq(rows("report_parts"), 0, "what nobody waits for is not kept");
}

Test(ocpp_customers, at_the_deadline_what_has_come_is_answered)
{
	struct host_answer *a = inquire("{\"device\":\"ocpp:CP001\",\"customerIdentifier\":\"secret name\"}");
	int id = asked_for("CustomerInformation");

	answer_call("{\"status\":\"Accepted\"}");
	inform(id, 0, true, "Ada ");
	host_run_ms(h, 30000);
	cr_assert(a->done);
	cr_expect(strstr(a->json, "\"text\":\"Ada \",\"complete\":false"), "%s", a->json);
	cr_expect_eq(rows("reports") + rows("report_parts"), 0);
	ask(OCPP "ListMessages", DEVICE);
	cr_expect(!shown("secret name"));
}

Test(ocpp_customers, a_charger_cannot_tell_of_a_person_without_end)
{
	struct host_answer *a = inquire(OF_TOKEN);
	int id = asked_for("CustomerInformation");
	char data[513];

	memset(data, 'x', 512);
	data[512] = '\0';
	answer_call("{\"status\":\"Accepted\"}");
	for (int i = 0; i < 300; i++) {
		inform(id, i, i < 299, data);
		if (i % 30 == 0)
			bench_forget_frames();
	}
	cr_assert(a->done);
	cr_expect(strstr(a->json, "\"cut\":true"));
	cr_expect_eq(strlen(text(keep(a->json), "text")), 131072);
}

Test(ocpp_customers, what_a_charger_says_to_an_inquiry_is_passed_on)
{
	cp.reply = "{\"status\":\"Invalid\"}";
	ask(OCPP "GetCustomerInformation", OF_TOKEN);
	cr_expect_str_eq(text(kept, "status"), "Invalid");
	refused(OCPP "GetCustomerInformation", DEVICE, GV_INVALID_ARGUMENT, "either token or customerIdentifier");
	refused(OCPP "GetCustomerInformation", "{\"device\":\"ocpp:CP001\",\"token\":\"A\",\"tokenType\":\"Fax\"}",
		GV_INVALID_ARGUMENT, "idToken.type");
	cr_expect_eq(rows("reports"), 0);
}
