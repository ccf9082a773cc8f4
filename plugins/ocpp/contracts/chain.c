/* A contract's certificates: the car's own, and those that lead from it to a root which the config names. */
#include "contracts.h"

#include <errno.h>
#include <lib/certificate.h>
#include <lib/hex.h>
#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/pem.h>
#include <string.h>

static int take(STACK_OF(X509) * list, BIO *in)
{
	X509 *x;

	while ((x = PEM_read_bio_X509(in, NULL, certificate_no_password, NULL)))
		if (sk_X509_num(list) >= CONTRACT_CERTIFICATES_MAX || !sk_X509_push(list, x)) {
			X509_free(x);
			return -EINVAL;
		}
	ERR_clear_error(); /* that there is no more */
	return sk_X509_num(list) ? 0 : -EINVAL;
}

STACK_OF(X509) * chain_read(const char *pem)
{
	STACK_OF(X509) *list = sk_X509_new_null();
	BIO *in = BIO_new_mem_buf(pem, -1);
	bool good = list && in && !take(list, in);

	BIO_free(in);
	if (good)
		return list;
	sk_X509_pop_free(list, X509_free);
	return NULL;
}

const char *chain_name(struct gv_turn *t, const char *pem)
{
	STACK_OF(X509) *list = chain_read(pem);
	struct certificate c = { 0 };

	if (list)
		certificate_read(sk_X509_value(list, 0), &c);
	sk_X509_pop_free(list, X509_free);
	return gv_strdup(t, c.common_name);
}

/* ---- how it can be asked about --------------------------------------------------------------- */

static char *hex_of(struct gv_turn *t, const ASN1_STRING *s)
{
	size_t n = (size_t)ASN1_STRING_length(s);
	const unsigned char *data = ASN1_STRING_get0_data(s);
	char *text = gv_alloc(t, 2 * n + 1);

	for (size_t i = 0; i < n; i++)
		snprintf(text + 2 * i, 3, "%02x", data[i]);
	return text;
}

/* NULL: it names no responder. */
static Ocpp__OcspId *question_of(struct gv_turn *t, X509 *x, X509 *issuer)
{
	STACK_OF(OPENSSL_STRING) *urls = X509_get1_ocsp(x);
	OCSP_CERTID *made = urls ? OCSP_cert_to_id(EVP_sha256(), x, issuer) : NULL;
	ASN1_OCTET_STRING *name_hash, *key_hash;
	ASN1_INTEGER *serial;
	Ocpp__OcspId *id = NULL;

	if (made && OCSP_id_get0_info(&name_hash, NULL, &key_hash, &serial, made)) {
		id = gv_alloc(t, sizeof *id);
		ocpp__ocsp_id__init(id);
		id->algorithm = "SHA256";
		id->name_hash = hex_of(t, name_hash);
		id->key_hash = hex_of(t, key_hash);
		id->serial = hex_of(t, serial);
		id->url = gv_strdup(t, sk_OPENSSL_STRING_value(urls, 0));
	}
	OCSP_CERTID_free(made);
	X509_email_free(urls);
	return id;
}

/* ---- the check ------------------------------------------------------------------------------- */

static const char *word_of(int error)
{
	switch (error) {
	case X509_V_OK:
		return "Accepted";
	case X509_V_ERR_CERT_HAS_EXPIRED:
	case X509_V_ERR_CERT_NOT_YET_VALID:
		return "CertificateExpired";
	case X509_V_ERR_CERT_SIGNATURE_FAILURE:
		return "SignatureError";
	default:
		return "CertChainError";
	}
}

const char *chain_check(struct gv_turn *t, const char *pem, X509_STORE *roots, int64_t now_ms, Ocpp__OcspId ***ret_ids,
			size_t *ret_n_ids)
{
	STACK_OF(X509) *list = chain_read(pem), *path = NULL;
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	int error = X509_V_ERR_UNSPECIFIED;

	*ret_n_ids = 0;
	if (list && ctx && X509_STORE_CTX_init(ctx, roots, sk_X509_value(list, 0), list)) {
		X509_STORE_CTX_set_time(ctx, 0, (time_t)(now_ms / 1000));
		error = X509_verify_cert(ctx) == 1 ? X509_V_OK : X509_STORE_CTX_get_error(ctx);
		path = X509_STORE_CTX_get0_chain(ctx);
	}
	for (int i = 0; error == X509_V_OK && i + 1 < sk_X509_num(path); i++) {
		Ocpp__OcspId *id = question_of(t, sk_X509_value(path, i), sk_X509_value(path, i + 1));

		if (id)
			*GV_APPEND(t, *ret_ids, *ret_n_ids) = id;
	}
	X509_STORE_CTX_free(ctx);
	sk_X509_pop_free(list, X509_free);
	return word_of(error);
}
