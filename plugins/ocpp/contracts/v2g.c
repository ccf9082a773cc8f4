/* A charger's own certificate for talking to cars (ISO 15118; 2.0.1 A02, certificateType V2GCertificate). It comes from
 * below a V2G root, which our authority is not: the request goes to whoever the config names. The charger is answered
 * at once and gets what was signed as CertificateSigned; what went wrong is a security event, as nobody waits. */
#include "contracts.h"

#include <plugins/ocpp/stations/certificates.h>

#include <cjson/cJSON.h>
#include <galvan/link.pb-c.h>
#include <lib/certificate.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>

#define TYPE "V2GCertificate"
#define CHAIN_MAX 10000  /* characters of certificateChain that a charger takes */
#define ANSWER_MAX 32768 /* bytes: a chain as JSON */

static X509_REQ *read_request(const char *pem)
{
	BIO *in = BIO_new_mem_buf(pem, -1);
	X509_REQ *csr = in ? PEM_read_bio_X509_REQ(in, NULL, certificate_no_password, NULL) : NULL;

	BIO_free(in);
	ERR_clear_error();
	return csr;
}

const char *v2g_ask(struct ocpp *o, struct gv_turn *t, struct inbound *in, const char *csr)
{
	Ocpp__V2gAsked note = OCPP__V2G_ASKED__INIT;
	X509_REQ *readable;
	cJSON *body;

	if (!o->contracts || !o->contracts->v2g.url[0])
		return "NoCA";
	if (in->st->v2g_until_ms > gv_now_ms(t))
		return "Busy";
	readable = read_request(csr);
	X509_REQ_free(readable);
	if (!readable)
		return "InvalidCSR";
	note.device = (char *)in->device;
	note.csr = (char *)csr;
	body = cJSON_CreateObject();
	cJSON_AddStringToObject(body, "csr", csr);
	cJSON_AddStringToObject(body, "certificateType", TYPE);
	if (server_post(t, &o->contracts->v2g, json_print(t, body), ANSWER_MAX, &note))
		certificate_not_signed(o, t, in->device, "too many requests wait for contracts.v2g_ca_url already");
	else
		in->st->v2g_until_ms = gv_now_ms(t) + o->contracts->v2g.timeout_ms;
	cJSON_Delete(body);
	return NULL;
}

/* ---- what it says ---------------------------------------------------------------------------- */

static bool is_for(const X509 *leaf, const char *csr)
{
	X509_REQ *request = read_request(csr);
	EVP_PKEY *wanted = request ? X509_REQ_get0_pubkey(request) : NULL;
	bool same = wanted && EVP_PKEY_eq(wanted, X509_get0_pubkey(leaf)) == 1;

	X509_REQ_free(request);
	return same;
}

/* NULL, and the leaf's serial number; or what is wrong with the chain. */
static const char *chain_problem(struct gv_turn *t, const char *chain, const char *csr, const char **ret_serial)
{
	STACK_OF(X509) *list = strlen(chain) <= CHAIN_MAX ? chain_read(chain) : NULL;
	struct certificate c = { 0 };
	const char *problem = NULL;

	if (!list)
		return gv_str(
			t, "its certificateChain is none of one to %d certificates in PEM with %d characters at most",
			CONTRACT_CERTIFICATES_MAX, CHAIN_MAX);
	certificate_read(sk_X509_value(list, 0), &c);
	*ret_serial = gv_strdup(t, c.serial);
	if (!is_for(sk_X509_value(list, 0), csr))
		problem = "the first certificate of its chain has another key than the request";
	sk_X509_pop_free(list, X509_free);
	return problem;
}

static const char *reply_problem(struct gv_turn *t, const Link__FetchReply *reply, const char *csr,
				 Ocpp__SignedCertificate *ret)
{
	cJSON *json;
	const char *serial = "", *problem;

	if (reply->status != 200)
		return gv_str(t, "it answered HTTP %u", reply->status);
	json = cJSON_ParseWithLength((const char *)reply->body.data, reply->body.len);
	ret->chain = gv_strdup(t, json_string(json, "certificateChain"));
	cJSON_Delete(json);
	if (!ret->chain[0])
		return "its answer is no JSON with a certificateChain";
	problem = chain_problem(t, ret->chain, csr, &serial);
	ret->serial = (char *)serial;
	return problem;
}

int v2g_answered(struct ocpp *o, struct gv_turn *t, const Ocpp__V2gAsked *note, const struct gv_answer *answer)
{
	const Link__FetchReply *reply = answer->code == GV_OK ? answer->reply : NULL;
	struct station *st = station_find(o, note->device);
	Ocpp__SignedCertificate made = OCPP__SIGNED_CERTIFICATE__INIT;
	const char *problem;

	if (st)
		st->v2g_until_ms = 0;
	made.type = TYPE;
	problem = reply ? reply_problem(t, reply, note->csr, &made)
			: gv_str(t, "it did not answer: %.200s", answer->error ? answer->error : "");
	if (!problem)
		return certificate_made(o, t, note->device, &made);
	gv_log(t, GV_WARN, "the authority of V2G certificates is of no use: %s; see contracts.v2g_ca_url device=%s",
	       problem, note->device);
	return certificate_not_signed(o, t, note->device, gv_str(t, "V2G certificate: %s", problem));
}
