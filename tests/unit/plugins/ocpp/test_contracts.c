/* Contracts of cars, and what OCSP responders say: the plugin as it is, a charger, and a responder made by libcrypto in
 * place of link's. With sockets and the responder of openssl: tests/e2e. */
#include "charger.h"

#include <galvan/link.pb-c.h>

#include <openssl/ocsp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>

#define URL "http://ocsp.example/"
#define POOL "https://pool.example/certificates"
#define HOUR_MS INT64_C(3600000)
#define DAY_S 86400

/* ---- and a pool of contracts */

static struct {
	char asked[1000];
	const char *says;
	unsigned http;
	bool authorized;
} pool;

/* ---- an authority ---------------------------------------------------------------------------- */

static struct {
	EVP_PKEY *key;
	X509 *cert;
} root, other;

static void extend(X509 *x, int nid, const char *value)
{
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

	cr_assert_not_null(e);
	X509_add_ext(x, e, -1);
	X509_EXTENSION_free(e);
}

/* Valid from a day ago, for `days` from now. */
static X509 *certificate(const char *name, EVP_PKEY *key, X509 *issuer, EVP_PKEY *by, long serial, int days)
{
	X509 *x = X509_new();
	time_t now = (time_t)(host_now_ms(h) / 1000);

	X509_set_version(x, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(x), serial);
	X509_time_adj(X509_getm_notBefore(x), -2 * DAY_S, &now);
	X509_time_adj(X509_getm_notAfter(x), (long)days * DAY_S, &now);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1,
				   0);
	X509_set_issuer_name(x, X509_get_subject_name(issuer ? issuer : x));
	X509_set_pubkey(x, key);
	if (issuer)
		extend(x, NID_info_access, "OCSP;URI:" URL);
	else
		extend(x, NID_basic_constraints, "critical,CA:TRUE");
	cr_assert(X509_sign(x, by, EVP_sha256()));
	return x;
}

/* As a JSON string's inside. */
static const char *pem_of(X509 *x)
{
	static char text[4000];
	BIO *out = BIO_new(BIO_s_mem());
	char *pem, *at = text;
	long size;

	PEM_write_bio_X509(out, x);
	size = BIO_get_mem_data(out, &pem);
	for (long i = 0; i < size; i++) {
		*at++ = pem[i] == '\n' ? '\\' : pem[i];
		if (pem[i] == '\n')
			*at++ = 'n';
	}
	*at = '\0';
	BIO_free(out);
	return text;
}

/* ---- a responder ----------------------------------------------------------------------------- */

static struct {
	unsigned asked;
	int says;      /* V_OCSP_CERTSTATUS_... */
	unsigned http; /* its status */
	bool silent, stranger, about_another;
	char url[200];
	bool forbid_private;
} responder;

static OCSP_BASICRESP *respond(OCSP_REQUEST *request)
{
	OCSP_BASICRESP *basic = OCSP_BASICRESP_new();
	time_t now = (time_t)(host_now_ms(h) / 1000);
	ASN1_TIME *from = X509_time_adj(NULL, 0, &now), *until = X509_time_adj(NULL, 3600, &now),
		  *before = X509_time_adj(NULL, -3600, &now);
	OCSP_CERTID *id = OCSP_onereq_get0_id(OCSP_request_onereq_get0(request, 0)), *wrong = OCSP_CERTID_dup(id);
	ASN1_INTEGER *serial;

	OCSP_id_get0_info(NULL, NULL, NULL, &serial, wrong);
	ASN1_INTEGER_set(serial, 999);
	OCSP_basic_add1_status(basic, responder.about_another ? wrong : id, responder.says,
			       responder.says == V_OCSP_CERTSTATUS_REVOKED ? OCSP_REVOKED_STATUS_KEYCOMPROMISE : -1,
			       responder.says == V_OCSP_CERTSTATUS_REVOKED ? before : NULL, from, until);
	if (responder.stranger)
		OCSP_basic_sign(basic, other.cert, other.key, EVP_sha256(), NULL, 0);
	else
		OCSP_basic_sign(basic, root.cert, root.key, EVP_sha256(), NULL, 0);
	OCSP_CERTID_free(wrong);
	ASN1_TIME_free(from);
	ASN1_TIME_free(until);
	ASN1_TIME_free(before);
	return basic;
}

static int fetch_pool(struct gv_turn *t, struct gv_ticket ticket, const Link__FetchRequest *r)
{
	Link__FetchReply reply = LINK__FETCH_REPLY__INIT;

	snprintf(pool.asked, sizeof pool.asked, "%.*s", (int)r->body.len, (const char *)r->body.data);
	pool.authorized = r->n_headers == 2 && !strcmp(r->headers[1]->value, "Bearer p");
	reply.status = pool.http;
	reply.body.data = (uint8_t *)pool.says;
	reply.body.len = strlen(pool.says);
	return gv_reply(t, ticket, &reply);
}

static int fetch(void *self, struct gv_turn *t, struct gv_ticket ticket, const ProtobufCMessage *m)
{
	const Link__FetchRequest *r = (const Link__FetchRequest *)m;
	Link__FetchReply reply = LINK__FETCH_REPLY__INIT;
	const unsigned char *at = r->body.data;
	OCSP_REQUEST *request = strcmp(r->url, POOL) ? d2i_OCSP_REQUEST(NULL, &at, (long)r->body.len) : NULL;
	OCSP_BASICRESP *basic;
	OCSP_RESPONSE *response;
	unsigned char *der = NULL;
	int error;

	if (!strcmp(r->url, POOL))
		return fetch_pool(t, ticket, r);
	cr_assert_not_null(request, "what is asked is an OCSP request");
	responder.asked++;
	responder.forbid_private = r->forbid_private;
	snprintf(responder.url, sizeof responder.url, "%s", r->url);
	if (responder.silent) {
		OCSP_REQUEST_free(request);
		return 0;
	}
	basic = respond(request);
	response = OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic);
	reply.status = responder.http;
	reply.body.len = (size_t)i2d_OCSP_RESPONSE(response, &der);
	reply.body.data = der;
	error = gv_reply(t, ticket, &reply);
	OPENSSL_free(der);
	OCSP_RESPONSE_free(response);
	OCSP_BASICRESP_free(basic);
	OCSP_REQUEST_free(request);
	return error;
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
};

/* ---- the bench ------------------------------------------------------------------------------- */

static char config[6000];

static void load(const char *contracts)
{
	snprintf(config, sizeof config,
		 "{\"unknownToken\":\"accept\",\"localList\":\"off\",\"tags\":[{\"id\":\"DECANC123456\",\"status\":"
		 "\"Expired\"}]%s%s}",
		 *contracts ? ",\"contracts\":" : "", contracts);
	bench_load_as("ocpp2.0.1", config);
}

static void setup(void)
{
	char contracts[5000];

	memset(&responder, 0, sizeof responder);
	responder.http = 200;
	h = host_create(7); /* for its clock */
	root.key = EVP_EC_gen("P-256");
	other.key = EVP_EC_gen("P-256");
	root.cert = certificate("MO root", root.key, NULL, root.key, 1, 30);
	other.cert = certificate("somebody", other.key, NULL, other.key, 1, 30);
	host_destroy(h);
	snprintf(contracts, sizeof contracts,
		 "{\"ocspHosts\":[\"ocsp.example\",\"*.pki.example:8080\"],\"poolUrl\":\"" POOL
		 "\",\"poolAuthorization\":\"Bearer p\",\"roots\":[\"%s\"]}",
		 pem_of(root.cert));
	pool.http = 200;
	load(contracts);
	cr_assert_eq(host_load_record(h, &web, 1, NULL), 0, "%s", host_error(h));
	host_settle(h, 100);
}

static void fini(void)
{
	X509_free(root.cert);
	X509_free(other.cert);
	EVP_PKEY_free(root.key);
	EVP_PKEY_free(other.key);
	memset(&root, 0, sizeof root);
	memset(&other, 0, sizeof other);
	bench_teardown();
}

TestSuite(ocpp_contracts, .init = setup, .fini = fini, .timeout = 60);

/* The answer to a call, which may come later than others; "" none has come. */
static const char *tell(const char *action, const char *payload)
{
	static unsigned n;
	char frame[9000], head[40];

	snprintf(frame, sizeof frame, "[2,\"c%u\",\"%s\",%s]", ++n, action, payload);
	raw(frame);
	host_settle(h, 500);
	snprintf(head, sizeof head, "[3,\"c%u\",", n);
	for (size_t i = 0; i < cp.received; i++)
		if (!strncmp(cp.inbox[i], head, strlen(head)))
			return cp.inbox[i];
	return "";
}

static const char *hash_data(const char *url, long serial)
{
	static char text[600];
	unsigned char name[32], key[32];
	char hex[2][65];

	X509_NAME_digest(X509_get_subject_name(root.cert), EVP_sha256(), name, NULL);
	EVP_Digest(X509_get0_pubkey_bitstr(root.cert)->data, (size_t)X509_get0_pubkey_bitstr(root.cert)->length, key,
		   NULL, EVP_sha256(), NULL);
	for (unsigned i = 0; i < 32; i++) {
		snprintf(hex[0] + 2 * i, 3, "%02X", name[i]);
		snprintf(hex[1] + 2 * i, 3, "%02X", key[i]);
	}
	snprintf(text, sizeof text,
		 "{\"hashAlgorithm\":\"SHA256\",\"issuerNameHash\":\"%s\",\"issuerKeyHash\":\"%s\",\"serialNumber\":\"%"
		 "lX\","
		 "\"responderURL\":\"%s\"}",
		 hex[0], hex[1], serial, url);
	return text;
}

static const char *status_at(const char *url, long serial)
{
	char payload[700];

	snprintf(payload, sizeof payload, "{\"ocspRequestData\":%s}", hash_data(url, serial));
	return tell("GetCertificateStatus", payload);
}

/* ---- GetCertificateStatus -------------------------------------------------------------------- */

Test(ocpp_contracts, a_charger_gets_what_the_responder_says)
{
	const char *answer = status_at(URL, 17), *at;
	unsigned char der[4096];
	const unsigned char *p = der;
	OCSP_RESPONSE *response;
	int size;

	cr_assert(strstr(answer, "{\"status\":\"Accepted\",\"ocspResult\":\""), "%s", answer);
	at = strstr(answer, "ocspResult\":\"") + strlen("ocspResult\":\"");
	size = EVP_DecodeBlock(der, (const unsigned char *)at, (int)strcspn(at, "\""));
	response = d2i_OCSP_RESPONSE(NULL, &p, size);
	cr_expect_not_null(response);
	OCSP_RESPONSE_free(response);
	cr_expect_str_eq(responder.url, URL);
	cr_expect(responder.forbid_private, "the address comes from a charger");
}

Test(ocpp_contracts, it_is_not_asked_again_before_it_will_know_more)
{
	status_at(URL, 17);
	cr_expect(strstr(status_at(URL, 17), "Accepted"));
	cr_expect_eq(responder.asked, 1);
	status_at(URL, 18);
	cr_expect_eq(responder.asked, 2, "another certificate");
	host_run_ms(h, 2 * HOUR_MS);
	bench_forget_frames();
	status_at(URL, 17);
	cr_expect_eq(responder.asked, 3);
}

Test(ocpp_contracts, only_responders_that_the_config_names_are_asked)
{
	static const char *const refused[] = {
		"http://evil.example/",      "http://ocsp.example.evil/", "http://ocsp.example@evil/",
		"http://evil@ocsp.example/", "http://ocsp.example:8080/", "ftp://ocsp.example/",
		"file:///etc/passwd",        "http://127.0.0.1/",         "http://[::1]/",
		"http://pki.example:8080/",  "http://a.pki.example/",     "http://evilpki.example:8080/",
		"http:///ocsp.example",      "http://ocsp.example:/"
	};

	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
		cr_expect(strstr(status_at(refused[i], 17),
				 "{\"status\":\"Failed\",\"statusInfo\":{\"reasonCode\":\"NotAllowed\""),
			  "%s", refused[i]);
	cr_expect_eq(responder.asked, 0);
	cr_expect(strstr(status_at("HTTP://OCSP.example:80/x?y", 17), "Accepted"));
	cr_expect(strstr(status_at("http://a.pki.example:8080/", 18), "Accepted"));
}

Test(ocpp_contracts, what_is_no_answer_to_the_question_is_not_passed_on)
{
	responder.http = 500;
	cr_expect(strstr(status_at(URL, 17), "\"Failed\",\"statusInfo\":{\"reasonCode\":\"NoAnswer\""));
	responder.http = 200;
	responder.about_another = true;
	cr_expect(strstr(status_at(URL, 17), "\"NoAnswer\""));
	responder.silent = true;
	cr_expect_str_eq(status_at(URL, 17), "");
	host_run_ms(h, 20000);
	cr_expect(received("\"NoAnswer\""), "a charger is told before it gives up");
}

Test(ocpp_contracts, a_question_that_makes_no_sense_is_not_asked)
{
	cr_expect(strstr(
		tell("GetCertificateStatus",
		     "{\"ocspRequestData\":{\"hashAlgorithm\":\"SHA256\",\"issuerNameHash\":\"ab\",\"issuerKeyHash\":"
		     "\"cd\",\"serialNumber\":\"xyz\",\"responderURL\":\"" URL "\"}}"),
		"\"InvalidRequestData\""));
	cr_expect_eq(responder.asked, 0);
}

Test(ocpp_contracts, a_charger_that_waits_is_answered_after_a_crash)
{
	responder.silent = true;
	cr_expect_str_eq(status_at(URL, 17), "");
	host_crash(h, "ocpp.0");
	host_run_ms(h, 20000);
	cr_expect(received("\"NoAnswer\""), "the call to the responder has outlived it");
}

Test(ocpp_contracts_config, without_a_config_nothing_is_asked, .fini = bench_teardown, .timeout = 60)
{
	load("");
	answered("GetCertificateStatus",
		 "{\"ocspRequestData\":{\"hashAlgorithm\":\"SHA256\",\"issuerNameHash\":\"a\",\"issuerKeyHash\":\"b\","
		 "\"serialNumber\":\"1\",\"responderURL\":\"http://x\"}}",
		 "{\"status\":\"Failed\",\"statusInfo\":{\"reasonCode\":\"NoOcspResponder\"");
	answered("Authorize",
		 "{\"idToken\":{\"idToken\":\"any\",\"type\":\"eMAID\"},\"iso15118CertificateHashData\":[{"
		 "\"hashAlgorithm\":\"SHA256\",\"issuerNameHash\":\"a\",\"issuerKeyHash\":\"b\",\"serialNumber\":\"1\","
		 "\"responderURL\":\"http://x\"}]}",
		 "{\"idTokenInfo\":{\"status\":\"Invalid\"},\"certificateStatus\":\"NoCertificateAvailable\"}");
}

Test(ocpp_contracts_config, a_root_that_is_none_is_said, .timeout = 60)
{
	h = host_create(7);
	cr_expect_neq(host_load(h, "ocpp", PLUGINS "/ocpp.so", 1, "{\"contracts\":{\"roots\":[\"MIIB\"]}}"), 0);
	cr_expect(strstr(host_error(h), "contracts.roots[0]"), "%s", host_error(h));
	host_destroy(h);
}

/* ---- Authorize ------------------------------------------------------------------------------- */

/* With the certificate of this contract, that is valid for so many days more. */
static const char *authorize_with(const char *token, const char *name, int days, X509 *issuer, EVP_PKEY *by)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x = certificate(name, key, issuer, by, 17, days);
	char payload[5000];

	snprintf(payload, sizeof payload,
		 "{\"idToken\":{\"idToken\":\"%s\",\"type\":\"eMAID\"},\"certificate\":\"%s\"}", token, pem_of(x));
	X509_free(x);
	EVP_PKEY_free(key);
	return tell("Authorize", payload);
}

static const char *authorize_good(void)
{
	return authorize_with("DEABC12345678X", "DE-ABC-12345678-X", 10, root.cert, root.key);
}

#define INVALID(word) "{\"idTokenInfo\":{\"status\":\"Invalid\"},\"certificateStatus\":\"" word "\"}"

Test(ocpp_contracts, a_contract_below_a_root_that_is_not_revoked_is_good)
{
	cr_expect(strstr(authorize_good(),
			 "{\"idTokenInfo\":{\"status\":\"Accepted\"},\"certificateStatus\":\"Accepted\"}"));
	cr_expect_eq(responder.asked, 1, "its issuer's responder has been asked");
}

Test(ocpp_contracts, each_thing_that_is_wrong_with_a_contract_has_its_word)
{
	cr_expect(strstr(authorize_with("DEABC1", "DEABC1", -1, root.cert, root.key), INVALID("CertificateExpired")));
	cr_expect(strstr(authorize_with("DEABC1", "DEABC1", 10, other.cert, other.key), INVALID("CertChainError")));
	cr_expect(strstr(authorize_with("DEABC1", "DEABC1", 10, root.cert, other.key), INVALID("SignatureError")));
	cr_expect(strstr(authorize_with("DEXYZ9", "DEABC1", 10, root.cert, root.key), INVALID("CertChainError")),
		  "it is somebody else's");
	cr_expect_eq(responder.asked, 0);
	responder.says = V_OCSP_CERTSTATUS_REVOKED;
	cr_expect(strstr(authorize_with("DEABC1", "DEABC1", 10, root.cert, root.key), INVALID("CertificateRevoked")));
}

Test(ocpp_contracts, a_contract_that_is_known_to_have_ended_is_cancelled)
{
	cr_expect(strstr(authorize_with("DECANC123456", "DECANC123456", 10, root.cert, root.key),
			 "{\"idTokenInfo\":{\"status\":\"Expired\"},\"certificateStatus\":\"ContractCancelled\"}"));
}

Test(ocpp_contracts, who_cannot_be_asked_about_is_not_let_in)
{
	responder.http = 503;
	cr_expect(strstr(authorize_good(), INVALID("NoCertificateAvailable")));
	responder.http = 200;
	responder.says = V_OCSP_CERTSTATUS_UNKNOWN;
	cr_expect(strstr(authorize_good(), INVALID("NoCertificateAvailable")));
}

Test(ocpp_contracts, what_a_stranger_says_of_a_contract_counts_nothing)
{
	responder.stranger = true;
	cr_expect(strstr(authorize_good(), INVALID("NoCertificateAvailable")), "anybody could answer over plain HTTP");
}

Test(ocpp_contracts, certificates_that_the_charger_has_checked_are_asked_about)
{
	char payload[1500];

	snprintf(payload, sizeof payload,
		 "{\"idToken\":{\"idToken\":\"DEABC1\",\"type\":\"eMAID\"},\"iso15118CertificateHashData\":[%s",
		 hash_data(URL, 17));
	snprintf(payload + strlen(payload), sizeof payload - strlen(payload), ",%s]}", hash_data(URL, 18));
	cr_expect(strstr(tell("Authorize", payload),
			 "{\"idTokenInfo\":{\"status\":\"Accepted\"},\"certificateStatus\":\"Accepted\"}"));
	cr_expect_eq(responder.asked, 2, "each of them");
}

/* ---- Get15118EVCertificate ------------------------------------------------------------------- */

#define WANTED                                                                                                         \
	"{\"iso15118SchemaVersion\":\"urn:iso:15118:2:2013:MsgDef\",\"action\":\"Install\",\"exiRequest\":\"gJgC\"}"

Test(ocpp_contracts, what_a_car_asks_for_goes_to_the_pool_and_back)
{
	pool.says = "{\"status\":\"Accepted\",\"exiResponse\":\"gJgD\"}";
	cr_expect(strstr(tell("Get15118EVCertificate", WANTED), "{\"status\":\"Accepted\",\"exiResponse\":\"gJgD\"}"));
	cr_expect_str_eq(pool.asked, WANTED);
	cr_expect(pool.authorized);
}

Test(ocpp_contracts, what_a_pool_says_amiss_is_not_passed_on)
{
	static const char *const amiss[] = {
		"", "no JSON", "[]", "{}", "{\"status\":\"Accepted\"}", "{\"status\":\"Fine\",\"exiResponse\":\"\"}"
	};

	for (size_t i = 0; i < sizeof amiss / sizeof *amiss; i++) {
		pool.says = amiss[i];
		cr_expect(strstr(tell("Get15118EVCertificate", WANTED),
				 "{\"status\":\"Failed\",\"exiResponse\":\"\","
				 "\"statusInfo\":{\"reasonCode\":\"NoAnswer\"}}"),
			  "%s", amiss[i]);
	}
	pool.says = "{\"status\":\"Accepted\",\"exiResponse\":\"gJgD\"}";
	pool.http = 502;
	cr_expect(strstr(tell("Get15118EVCertificate", WANTED), "\"NoAnswer\""));
}
