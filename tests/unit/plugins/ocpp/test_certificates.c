/* Certificates and passwords of chargers in virtual time: ocpp, pki and registry as they are, in either version. What
 * needs sockets and real verification is in tests/e2e. */
#include "charger.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PKI "galvan.pki.v1.Pki/"
#define REGISTRY "galvan.registry.v1.Registry/"
#define DAY_MS INT64_C(86400000)
#define PKI_CONFIG                                                                                                     \
	"{\"secret\":\"only for these tests\",\"operatorName\":\"Tests\",\"validityDays\":60,\"renewDays\":20,"        \
	"\"sealIterations\":1000}"

static void load(const char *subprotocol)
{
	bench_load_as(subprotocol, "{\"unknownToken\":\"accept\",\"localList\":\"off\"}");
	cr_assert_eq(host_load(h, "pki", PLUGINS "/pki.so", 1, PKI_CONFIG), 0, "%s", host_error(h));
	host_settle(h, 1000);
	bench_forget_frames();
	cp.reply = "{\"status\":\"Accepted\"}";
}

static void setup(void)
{
	load("ocpp1.6");
}

static void setup_v201(void)
{
	load("ocpp2.0.1");
}

TestSuite(ocpp_certificates, .init = setup, .fini = bench_teardown, .timeout = 60);
TestSuite(ocpp_certificates_v201, .init = setup_v201, .fini = bench_teardown, .timeout = 60);

/* A request for this common name as a JSON string's inside. */
static const char *request_of(const char *common_name)
{
	static char text[3000];
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509_REQ *r = X509_REQ_new();
	X509_NAME *name = X509_REQ_get_subject_name(r);
	BIO *out = BIO_new(BIO_s_mem());
	char *pem, *at = text;
	long size;

	X509_NAME_add_entry_by_txt(name, "O", MBSTRING_ASC, (const unsigned char *)"Tests", -1, -1, 0);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)common_name, -1, -1, 0);
	X509_REQ_set_pubkey(r, key);
	cr_assert(X509_REQ_sign(r, key, EVP_sha256()));
	PEM_write_bio_X509_REQ(out, r);
	size = BIO_get_mem_data(out, &pem);
	for (long i = 0; i < size; i++) {
		if (pem[i] == '\n') {
			*at++ = '\\';
			*at++ = 'n';
		} else {
			*at++ = pem[i];
		}
	}
	*at = '\0';
	BIO_free(out);
	X509_REQ_free(r);
	EVP_PKEY_free(key);
	return text;
}

static const char *request(void)
{
	return request_of("CP001");
}

/* It is answered at once, and what comes of it comes behind. */
static void ask_for_certificate(const char *more)
{
	static unsigned number;
	char frame[4000], answer[100];
	bool found = false;

	snprintf(frame, sizeof frame, "[2,\"sign-%u\",\"SignCertificate\",{\"csr\":\"%s\"%s}]", ++number, request(),
		 more);
	snprintf(answer, sizeof answer, "[3,\"sign-%u\",{\"status\":\"Accepted\"}]", number);
	raw(frame);
	host_settle(h, 1000);
	for (size_t i = 0; i < cp.received; i++)
		found |= strcmp(cp.inbox[i], answer) == 0;
	cr_assert(found, "no %s", answer);
}

/* The last call of this action that the charger was sent; NULL: none. */
static const char *called(const char *action)
{
	char mark[80];

	snprintf(mark, sizeof mark, ",\"%s\",", action);
	for (size_t i = cp.received; i > 0; i--)
		if (strncmp(cp.inbox[i - 1], "[2,", 3) == 0 && strstr(cp.inbox[i - 1], mark))
			return cp.inbox[i - 1];
	return NULL;
}

/* Of the newest security event. */
static const char *event_type(void)
{
	return text(cJSON_GetArrayItem(get(ask(OCPP "ListSecurityEvents", "{\"device\":\"ocpp:CP001\"}"), "events"), 0),
		    "type");
}

Test(ocpp_certificates, come_as_a_chain)
{
	ask_for_certificate("");
	cr_assert(called("CertificateSigned"));
	cr_expect(strstr(called("CertificateSigned"), "-----BEGIN CERTIFICATE-----"));
	cr_expect_not(strstr(called("CertificateSigned"), "certificateType"), "1.6 has no such field");
}

/* A02.FR.06: as it was asked for. */
Test(ocpp_certificates_v201, come_with_the_type_that_was_named)
{
	ask_for_certificate(",\"certificateType\":\"ChargingStationCertificate\"");
	cr_assert(called("CertificateSigned"));
	cr_expect(strstr(called("CertificateSigned"), "\"certificateType\":\"ChargingStationCertificate\""));
}

/* They come from a root of the cars' world, which this authority is not. */
Test(ocpp_certificates_v201, of_cars_are_rejected)
{
	char payload[4000];

	snprintf(payload, sizeof payload, "{\"csr\":\"%s\",\"certificateType\":\"V2GCertificate\"}", request());
	answered("SignCertificate", payload, "\"status\":\"Rejected\"");
}

Test(ocpp_certificates, that_the_charger_refuses_are_a_security_event)
{
	cp.reply = "{\"status\":\"Rejected\"}";
	ask_for_certificate("");
	cr_expect_str_eq(event_type(), "certificate-refused");
}

/* Two thirds of its time have passed: once a day it is asked, and no more once it has another. */
Test(ocpp_certificates, are_renewed_before_they_end)
{
	ask_for_certificate("");
	bench_forget_frames();
	host_run_ms(h, 39 * DAY_MS);
	cr_expect_not(called("ExtendedTriggerMessage"), "it is too early");
	bench_forget_frames();
	host_run_ms(h, 2 * DAY_MS);
	cr_assert(called("ExtendedTriggerMessage"), "it is time");
	cr_expect(strstr(called("ExtendedTriggerMessage"), "SignChargePointCertificate"));
	bench_forget_frames();
	host_run_ms(h, DAY_MS);
	cr_assert(called("ExtendedTriggerMessage"), "it did nothing about it: again");
	ask_for_certificate("");
	bench_forget_frames();
	host_run_ms(h, 2 * DAY_MS);
	cr_expect_not(called("ExtendedTriggerMessage"), "it has another");
}

Test(ocpp_certificates_v201, are_renewed_by_a_trigger)
{
	ask_for_certificate(",\"certificateType\":\"ChargingStationCertificate\"");
	bench_forget_frames();
	host_run_ms(h, 41 * DAY_MS);
	cr_assert(called("TriggerMessage"));
	cr_expect(strstr(called("TriggerMessage"), "SignChargingStationCertificate"));
}

Test(ocpp_certificates, that_were_revoked_are_not_renewed)
{
	ask_for_certificate("");
	ask(PKI "Revoke", "{\"device\":\"ocpp:CP001\"}");
	bench_forget_frames();
	host_run_ms(h, 45 * DAY_MS);
	cr_expect_not(called("ExtendedTriggerMessage"));
	refused(PKI "Revoke", "{\"device\":\"ocpp:CP001\"}", GV_NOT_FOUND, "no valid certificate");
}

/* A charger that loops must not fill the authority's store. */
Test(ocpp_certificates, are_twelve_a_day_at_most)
{
	for (int i = 0; i < 12; i++)
		ask_for_certificate("");
	cr_assert(called("CertificateSigned"));
	bench_forget_frames();
	ask_for_certificate("");
	cr_expect_not(called("CertificateSigned"));
	cr_expect_str_eq(event_type(), "certificate-not-signed");
	host_run_ms(h, DAY_MS);
	ask_for_certificate("");
	cr_expect(called("CertificateSigned"), "the next day is another");
}

/* One certificate at a time: what a charger has signed meanwhile would be thrown away by it. */
/* OpenSSL would ask the terminal, or read what stands in standard input, and a node's waits for nobody. */
Test(ocpp_certificates, under_a_password_are_nobodys_and_ask_for_none)
{
	char line[] = "password\n";
	int pipes[2];

	cr_assert_eq(pipe(pipes), 0);
	cr_assert_eq(dup2(pipes[0], STDIN_FILENO), STDIN_FILENO);
	cr_assert_eq(write(pipes[1], line, sizeof line - 1), (ssize_t)sizeof line - 1);
	close(pipes[1]);
	answered("SignCertificate",
		 "{\"csr\":\"-----BEGIN CERTIFICATE REQUEST-----\\nProc-Type: 4,ENCRYPTED\\nDEK-Info: "
		 "AES-256-CBC,00112233445566778899AABBCCDDEEFF\\n\\nAAAAAAAAAAAAAAAAAAAAAA==\\n-----END CERTIFICATE "
		 "REQUEST-----\\n\"}",
		 "\"status\"");
	host_settle(h, 1000);
	cr_expect_eq(getchar(), 'p', "nobody has read from it");
	cr_expect(!received("CertificateSigned"));
}

Test(ocpp_certificates, are_asked_for_one_after_another)
{
	char frame[4000];

	for (int i = 0; i < 2; i++) {
		snprintf(frame, sizeof frame, "[2,\"both-%d\",\"SignCertificate\",{\"csr\":\"%s\"}]", i, request());
		raw(frame);
	}
	host_settle(h, 1000);
	cr_expect(received("[3,\"both-0\",{\"status\":\"Accepted\"}]"));
	cr_expect(received("[3,\"both-1\",{\"status\":\"Rejected\"}]"), "the first is with pki");
	ask_for_certificate("");
}

static int notes(void)
{
	return cJSON_GetArraySize(
		get(ask(OCPP "ListSecurityEvents", "{\"device\":\"ocpp:CP001\",\"limit\":1000}"), "events"));
}

/* What it costs to refuse is as much as to sign, and a charger that loops must not fill the log either. */
Test(ocpp_certificates, that_are_refused_count_and_are_told_once_a_minute)
{
	char payload[4000];

	snprintf(payload, sizeof payload, "{\"csr\":\"%s\"}", request_of("SOMEBODY"));
	for (int i = 0; i < 40; i++) {
		answered("SignCertificate", payload, "\"status\":\"Accepted\"");
		host_settle(h, 1000);
		bench_forget_frames();
	}
	cr_expect_eq(notes(), 1, "not %d", notes());
	host_run_ms(h, 60000);
	ask_for_certificate("");
	cr_expect_not(called("CertificateSigned"), "it has asked twelve times today");
	cr_expect_eq(notes(), 2);
	cr_expect(strstr(text(cJSON_GetArrayItem(get(kept, "events"), 0), "detail"), "12 certificate requests"));
	host_run_ms(h, DAY_MS);
	ask_for_certificate("");
	cr_expect(called("CertificateSigned"), "the next day is another");
}

Test(ocpp_certificates, survive_crashes_of_all_who_have_a_part_in_them)
{
	static const char *const instances[] = { "ocpp.0", "pki.0" };

	for (size_t i = 0; i < 2; i++)
		for (uint64_t point = 1; point <= 6; point++) {
			host_crash_at(h, instances[i], point);
			bench_forget_frames();
			ask_for_certificate("");
			host_settle(h, 5000);
			cr_expect(called("CertificateSigned"), "%s died at its point %d", instances[i], (int)point);
			host_run_ms(h, DAY_MS);
		}
}

/* ---- passwords ------------------------------------------------------------------------------- */

static bool is_pending(void)
{
	return cJSON_IsTrue(
		get(get(ask(REGISTRY "GetDevice", "{\"id\":\"ocpp:CP001\"}"), "device"), "hasPendingPassword"));
}

Test(ocpp_certificates_v201, a_new_password_is_set_as_a_variable)
{
	cp.reply =
		"{\"setVariableResult\":[{\"attributeStatus\":\"Accepted\",\"component\":{\"name\":\"SecurityCtrlr\"},"
		"\"variable\":{\"name\":\"BasicAuthPassword\"}}]}";
	cr_expect_str_eq(text(ask(OCPP "RotatePassword", "{\"device\":\"ocpp:CP001\"}"), "status"), "Accepted");
	cr_assert(called("SetVariables"));
	cr_expect(strstr(called("SetVariables"), "\"BasicAuthPassword\""));
	cr_expect(is_pending());
}

Test(ocpp_certificates_v201, a_password_that_is_refused_is_dropped)
{
	cp.reply =
		"{\"setVariableResult\":[{\"attributeStatus\":\"Rejected\",\"component\":{\"name\":\"SecurityCtrlr\"},"
		"\"variable\":{\"name\":\"BasicAuthPassword\"}}]}";
	cr_expect_str_eq(text(ask(OCPP "RotatePassword", "{\"device\":\"ocpp:CP001\"}"), "status"), "Rejected");
	host_settle(h, 1000);
	cr_expect_not(is_pending());
	cr_expect_str_eq(event_type(), "password-refused");
}

/* A call that has not left is none: the charger cannot have the new password. */
Test(ocpp_certificates, a_password_that_nobody_answered_stays_pending)
{
	cp.reply = NULL;
	refused(OCPP "RotatePassword", "{\"device\":\"ocpp:CP001\"}", GV_DEADLINE_EXCEEDED, "not known");
	cr_expect(is_pending());
}

/* Whoever dies, and when: a charger that was told a new password can come in with it. */
Test(ocpp_certificates, a_password_that_was_told_is_known_to_the_registry)
{
	static const char *const instances[] = { "ocpp.0", "registry.0" };
	unsigned told = 0;

	for (size_t i = 0; i < 2; i++)
		for (uint64_t point = 1; point <= 6; point++) {
			bench_forget_frames();
			host_crash_at(h, instances[i], point);
			host_call(h, OCPP "RotatePassword", "%s", "{\"device\":\"ocpp:CP001\"}");
			host_settle(h, 5000);
			if (!called("ChangeConfiguration"))
				continue;
			told++;
			cr_expect(is_pending(), "%s died at its point %d", instances[i], (int)point);
			ask(REGISTRY "PutDevice", "{\"device\":{\"id\":\"ocpp:CP001\",\"clearPendingPassword\":true}}");
		}
	cr_expect_geq(told, 6, "it was told %u times only", told);
}
