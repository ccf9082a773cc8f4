/* A device's certificate request: is it one, does its sender have the key, is the key good enough, does it ask for its
 * own name (OCPP 2.0.1 A02, A03; the key sizes of A00.FR.501 on). */
#include "pki.h"

#include <lib/certificate.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>
#include <strings.h>

#define RSA_BITS_MIN 2048
#define RSA_BITS_MAX 8192 /* a larger one costs a second to check */
#define EC_BITS_MIN 224

static X509_REQ *parse(const char *pem)
{
	BIO *in = BIO_new_mem_buf(pem, -1);
	X509_REQ *request = in ? PEM_read_bio_X509_REQ(in, NULL, certificate_no_password, NULL) : NULL;

	BIO_free(in);
	ERR_clear_error();
	return request;
}

static const char *key_problem(struct gv_turn *t, const EVP_PKEY *key)
{
	int bits = EVP_PKEY_get_bits(key);

	if (EVP_PKEY_is_a(key, "RSA"))
		return bits < RSA_BITS_MIN || bits > RSA_BITS_MAX
			       ? gv_str(t, "its RSA key has %d bits; %d to %d are taken", bits, RSA_BITS_MIN,
					RSA_BITS_MAX)
			       : NULL;
	if (EVP_PKEY_is_a(key, "EC"))
		return bits < EC_BITS_MIN
			       ? gv_str(t, "its EC key has %d bits; at least %d are needed", bits, EC_BITS_MIN)
			       : NULL;
	return "its key is neither RSA nor EC";
}

static const char *subject_problem(struct pki *pki, struct gv_turn *t, const char *device,
				   const struct certificate *names)
{
	const char *wanted = name_wanted(t, device);

	if (strcasecmp(names->common_name, wanted) != 0)
		return gv_str(t,
			      "its common name is \"%s\"; that of %s must be \"%s\" (the registry's attribute "
			      "certificateCn says otherwise, such as its serial number)",
			      names->common_name, device, wanted);
	if (strcmp(names->operator_name, pki->operator_name) != 0)
		return gv_str(
			t,
			"its organisation is \"%s\"; it must be \"%s\", as operator_name in pki's config says: set "
			"the charger's CpoName to it",
			names->operator_name, pki->operator_name);
	return NULL;
}

const char *request_read(struct pki *pki, struct gv_turn *t, const char *device, const char *pem, EVP_PKEY **ret_key)
{
	X509_REQ *request = strlen(pem) <= PKI_CSR_MAX ? parse(pem) : NULL;
	EVP_PKEY *key = request ? X509_REQ_get0_pubkey(request) : NULL;
	struct certificate names;
	const char *problem;

	if (!key) {
		X509_REQ_free(request);
		return gv_str(t, "the csr is no PKCS #10 request in PEM of at most %d bytes", PKI_CSR_MAX);
	}
	problem = key_problem(t, key);
	if (!problem && X509_REQ_verify(request, key) != 1)
		problem = "it is not signed with its own key";
	if (!problem) {
		certificate_read_names(X509_REQ_get_subject_name(request), &names);
		problem = subject_problem(pki, t, device, &names);
	}
	if (!problem) {
		EVP_PKEY_up_ref(key);
		*ret_key = key;
	}
	X509_REQ_free(request);
	ERR_clear_error();
	return problem;
}
