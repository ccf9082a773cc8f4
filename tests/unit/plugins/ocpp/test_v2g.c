/* A charger's certificate for talking to cars, which an authority elsewhere signs: in virtual time, the authority made
 * by libcrypto in place of link's HTTP. With sockets and openssl's authority: tests/e2e. */
#include "charger.h"

#include <galvan/link.pb-c.h>

#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>

#define URL "https://ca.example/v2g"
#define CONFIG                                                                                                         \
	"{\"localList\":\"off\",\"contracts\":{\"v2gCaUrl\":\"" URL "\",\"v2gCaAuthorization\":\"Bearer v\","          \
	"\"v2gCaTimeoutS\":60}}"

static struct {
	unsigned http, asked;
	bool silent, slow, authorized, other_key;
	const char *says; /* NULL: what it signs */
	struct gv_ticket waits;
} ca;
static EVP_PKEY *key;

/* Into JSON: each end of a line as the two letters that stand for it. */
static const char *as_json(BIO *pem)
{
	static char text[5000];
	char *data, *to = text;
	long size = BIO_get_mem_data(pem, &data);

	for (long i = 0; i < size; i++) {
		if (data[i] == '\n')
			*to++ = '\\';
		*to++ = data[i] == '\n' ? 'n' : data[i];
	}
	*to = '\0';
	BIO_free(pem);
	return text;
}

static const char *chain(void)
{
	EVP_PKEY *another = EVP_EC_gen("P-256");
	BIO *out = BIO_new(BIO_s_mem());
	X509 *x = X509_new();

	ASN1_INTEGER_set(X509_get_serialNumber(x), 0x4711);
	X509_gmtime_adj(X509_getm_notBefore(x), 0);
	X509_gmtime_adj(X509_getm_notAfter(x), 86400);
	X509_set_pubkey(x, ca.other_key ? another : key);
	cr_assert(X509_sign(x, key, EVP_sha256()));
	PEM_write_bio_X509(out, x);
	X509_free(x);
	EVP_PKEY_free(another);
	return as_json(out);
}

static const char *request(void)
{
	BIO *out = BIO_new(BIO_s_mem());
	X509_REQ *r = X509_REQ_new();

	X509_REQ_set_pubkey(r, key);
	cr_assert(X509_REQ_sign(r, key, EVP_sha256()));
	PEM_write_bio_X509_REQ(out, r);
	X509_REQ_free(r);
	return as_json(out);
}

static int answer(struct gv_turn *t, struct gv_ticket ticket)
{
	Link__FetchReply reply = LINK__FETCH_REPLY__INIT;
	const char *body = ca.says ? ca.says : gv_str(t, "{\"certificateChain\":\"%s\"}", chain());

	reply.status = ca.http;
	reply.body.data = (uint8_t *)body;
	reply.body.len = strlen(body);
	return gv_reply(t, ticket, &reply);
}

static int fetch(void *self, struct gv_turn *t, struct gv_ticket ticket, const ProtobufCMessage *m)
{
	const Link__FetchRequest *r = (const Link__FetchRequest *)m;

	cr_assert_str_eq(r->url, URL);
	cr_expect(memmem(r->body.data, r->body.len, "BEGIN CERTIFICATE REQUEST", 25));
	ca.asked++;
	ca.authorized = r->n_headers == 2 && !strcmp(r->headers[1]->value, "Bearer v");
	ca.waits = ticket;
	if (ca.slow)
		return gv_timer(t, "slow", gv_now_ms(t) + 5000, NULL);
	return ca.silent ? 0 : answer(t, ticket);
}

static int slowly(void *self, struct gv_turn *t, const char *name, const void *note)
{
	return answer(t, ca.waits);
}

static const struct gv_plugin web = {
	GV_STAMP,
	.name = "web",
	.version = "0",
	.serves = (const struct gv_service[]){ { &link__http__descriptor,
						 (const struct gv_method[]){ { "Fetch", fetch }, { 0 } } },
					       { 0 } },
	.schema = 1,
	.self_size = 1,
	.on_timer = slowly,
};

static void setup(void)
{
	memset(&ca, 0, sizeof ca);
	ca.http = 200;
	key = EVP_EC_gen("P-256");
	bench_load_as("ocpp2.0.1", CONFIG);
	cr_assert_eq(host_load_record(h, &web, 1, NULL), 0, "%s", host_error(h));
	host_settle(h, 100);
	cp.reply = "{\"status\":\"Accepted\"}";
}

static void fini(void)
{
	EVP_PKEY_free(key);
	bench_teardown();
}

TestSuite(ocpp_v2g, .init = setup, .fini = fini, .timeout = 60);

/* Whether its answer, at once, holds this. */
static bool asks(const char *answer)
{
	char frame[6000];

	snprintf(frame, sizeof frame,
		 "[2,\"v2g\",\"SignCertificate\",{\"csr\":\"%s\",\"certificateType\":\"V2GCertificate\"}]", request());
	bench_forget_frames();
	raw(frame);
	host_settle(h, 1000);
	return received(answer);
}

static const char *event_text(void)
{
	const cJSON *e = cJSON_GetArrayItem(
		get(ask(OCPP "ListSecurityEvents", "{\"device\":\"ocpp:CP001\"}"), "events"), 0);

	cr_assert_not_null(e, "a security event");
	cr_expect_str_eq(text(e, "type"), "certificate-not-signed");
	return text(e, "detail");
}

Test(ocpp_v2g, what_the_authority_signs_is_sent_behind_the_answer)
{
	cr_expect(asks("[3,\"v2g\",{\"status\":\"Accepted\"}]"));
	cr_expect(received(",\"CertificateSigned\","));
	cr_expect(received("\"certificateType\":\"V2GCertificate\""));
	cr_expect(ca.authorized);
}

Test(ocpp_v2g, what_is_no_request_does_not_leave)
{
	raw("[2,\"v2g\",\"SignCertificate\",{\"csr\":\"no PEM\",\"certificateType\":\"V2GCertificate\"}]");
	host_settle(h, 1000);
	cr_expect(received("{\"status\":\"Rejected\",\"statusInfo\":{\"reasonCode\":\"InvalidCSR\"}}"));
	cr_expect_eq(ca.asked, 0);
}

Test(ocpp_v2g, a_certificate_for_another_key_is_not_passed_on)
{
	ca.other_key = true;
	cr_expect(asks("\"Accepted\""));
	cr_expect_not(received(",\"CertificateSigned\","));
	cr_expect(strstr(event_text(), "another key"));
}

Test(ocpp_v2g, what_it_says_amiss_becomes_a_security_event)
{
	static const struct {
		unsigned http;
		const char *says, *why;
	} amiss[] = {
		{ 503, "{}", "HTTP 503" },
		{ 200, "no JSON", "no JSON with a certificateChain" },
		{ 200, "{\"certificateChain\":5}", "no JSON with a certificateChain" },
		{ 200, "{\"certificateChain\":\"no PEM\"}", "certificates in PEM" },
	};

	for (size_t i = 0; i < sizeof amiss / sizeof *amiss; i++) {
		ca.http = amiss[i].http;
		ca.says = amiss[i].says;
		cr_expect(asks("\"Accepted\""));
		cr_expect_not(received(",\"CertificateSigned\","));
		cr_expect(strstr(event_text(), amiss[i].why), "%s", event_text());
		host_run_ms(h, 61000);
	}
}

Test(ocpp_v2g, while_one_is_under_way_another_is_not_taken_and_silence_ends_it)
{
	ca.silent = true;
	cr_expect(asks("\"Accepted\""));
	cr_expect(asks("\"reasonCode\":\"Busy\""));
	host_run_ms(h, 62000);
	cr_expect(strstr(event_text(), "did not answer"), "%s", event_text());
	ca.silent = false;
	cr_expect(asks("\"Accepted\""));
	cr_expect(received(",\"CertificateSigned\","));
}

Test(ocpp_v2g, a_charger_that_is_away_gets_it_when_it_comes_back)
{
	ca.slow = true;
	cr_expect(asks("\"Accepted\""));
	host_station_drop(cp.station);
	host_run_ms(h, 6000);
	cr_expect_eq(ca.asked, 1);
	bench_forget_frames();
	host_station_connect(cp.station);
	host_run_ms(h, 1000);
	cr_expect(received("\"certificateType\":\"V2GCertificate\""));
	host_crash(h, "ocpp.0");
	host_settle(h, 5000);
	bench_forget_frames();
	host_station_drop(cp.station);
	host_settle(h, 1000);
	host_station_connect(cp.station);
	host_run_ms(h, 1000);
	cr_expect_not(received(",\"CertificateSigned\","), "once");
}
