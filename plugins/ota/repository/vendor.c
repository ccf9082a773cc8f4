/* The vendor's own signature over a firmware, as OCPP's SignedUpdateFirmware takes it: RSA-PSS or ECDSA over SHA-256
 * (OCPP 1.6 security whitepaper, L01.FR.04). It is checked when the artifact comes, for chargers that cannot. */
#include "repository.h"

#include <lib/base64.h>
#include <lib/hex.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>
#include <string.h>
#include <time.h>

static X509 *certificate(const Ota__Artifact *a)
{
	BIO *in = BIO_new_mem_buf(a->certificate, -1);
	X509 *x = in ? PEM_read_bio_X509(in, NULL, NULL, NULL) : NULL;

	BIO_free(in);
	ERR_clear_error();
	return x;
}

int64_t vendor_ends_ms(const Ota__Artifact *a)
{
	X509 *x = *a->certificate ? certificate(a) : NULL;
	struct tm end;
	int64_t ms = x && ASN1_TIME_to_tm(X509_get0_notAfter(x), &end) == 1 ? (int64_t)timegm(&end) * 1000 : 0;

	X509_free(x);
	return ms;
}

/* A file is named by its SHA-256, which is what is signed. */
static bool signed_by(EVP_PKEY *key, const uint8_t digest[SHA256_DIGEST_LENGTH], const struct gv_buf *signature)
{
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(key, NULL);
	bool rsa = EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA;
	bool good = c && EVP_PKEY_verify_init(c) == 1 && EVP_PKEY_CTX_set_signature_md(c, EVP_sha256()) == 1;

	good = good && (!rsa || (EVP_PKEY_CTX_set_rsa_padding(c, RSA_PKCS1_PSS_PADDING) == 1 &&
				 EVP_PKEY_CTX_set_rsa_pss_saltlen(c, RSA_PSS_SALTLEN_AUTO) == 1));
	good = good && EVP_PKEY_verify(c, signature->data, signature->size, digest, SHA256_DIGEST_LENGTH) == 1;
	EVP_PKEY_CTX_free(c);
	ERR_clear_error();
	return good;
}

const char *vendor_problem(struct gv_turn *t, const Ota__Artifact *a)
{
	struct gv_buf signature = { 0 };
	uint8_t digest[SHA256_DIGEST_LENGTH];
	const char *problem = NULL;
	X509 *x;

	if (!*a->signature && !*a->certificate)
		return NULL;
	if (!*a->signature || !*a->certificate)
		return "signature and certificate belong together: give both or none";
	x = certificate(a);
	if (!x)
		return "certificate must be an X.509 certificate in PEM";
	if (gv_base64_read(&signature, a->signature, strlen(a->signature)) < 0)
		problem = "signature must be base64";
	else if (gv_hex_read(a->blob, strlen(a->blob), digest, sizeof digest) < 0 ||
		 !signed_by(X509_get0_pubkey(x), digest, &signature))
		problem = "signature is not the certificate's over this file (RSA-PSS or ECDSA, SHA-256)";
	gv_buf_fini(&signature);
	X509_free(x);
	return problem;
}
