/* OCPP 1.6 with its security extension: each of its 39 messages, both ways. */
#include "every.h"

TestSuite(ocpp_v16_every, BENCH);

Test(ocpp_v16_every, message_of_a_charger_is_answered_as_the_version_says)
{
	cr_expect_eq(every_message_is_answered(&spec_v16), 14);
}

Test(ocpp_v16_every, call_of_ours_reaches_a_charger_and_its_answer_comes_back)
{
	cr_expect_eq(every_call_is_passed_on(&spec_v16), 26, "DataTransfer goes both ways");
}

/* Security whitepaper, L01: with a signature it is another message, which knows a time of installation. */
Test(ocpp_v16_every, firmware_with_a_signature_is_a_message_of_its_own)
{
	cp.reply = "{\"status\":\"Accepted\"}";
	ask(CHARGING "UpdateFirmware",
	    "{\"device\":\"ocpp:CP001\",\"url\":\"http://files.example/f.bin\",\"installAtMs\":\"1736906994000\","
	    "\"retries\":3,\"retryIntervalS\":60,\"signingCertificate\":\"PEM\",\"signature\":\"c2ln\"}");
	cr_expect_str_eq(text(kept, "status"), "Accepted");
	cr_assert(received("\"SignedUpdateFirmware\""), "%s", cp.inbox[0]);
	cr_expect(received("\"retries\":3,\"retryInterval\":60,\"requestId\":"), "%s", cp.inbox[0]);
	cr_expect(received("\"firmware\":{\"location\":\"http://files.example/f.bin\",\"retrieveDateTime\":\""), "%s",
		  cp.inbox[0]);
	cr_expect(received("\"installDateTime\":\"2025-01-15T02:09:54.000Z\",\"signingCertificate\":\"PEM\","
			   "\"signature\":\"c2ln\"}"),
		  "%s", cp.inbox[0]);
}
