/* Certificates: the authority's own and those that it signs. ECDSA on P-256 over SHA-256 (OCPP 2.0.1 A00.FR.507); what
 * stands in them is ours, of a request only the key is taken. */
#include "pki.h"

#include <lib/certificate.h>
#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>

#define BACK_MS 300000 /* a charger's clock may be behind by so much */

/* 127 random bits: unique, and none to guess (RFC 5280, 4.1.2.2). */
static int set_serial(struct gv_turn *t, X509 *x)
{
	uint64_t bytes[2] = { gv_random(t), gv_random(t) };
	BIGNUM *number;
	int ok = 0;

	((uint8_t *)bytes)[0] = (uint8_t)((((uint8_t *)bytes)[0] & 0x7f) | 0x40);
	number = BN_bin2bn((uint8_t *)bytes, sizeof(bytes), NULL);
	if (number)
		ok = BN_to_ASN1_INTEGER(number, X509_get_serialNumber(x)) != NULL;
	BN_free(number);
	return ok;
}

static int add_name(X509_NAME *name, const char *field, const char *value)
{
	return X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8, (const unsigned char *)value, -1, -1, 0);
}

static int extend(X509 *x, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *extension;
	int ok;

	X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
	extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	ok = extension && X509_add_ext(x, extension, -1) == 1;
	X509_EXTENSION_free(extension);
	return ok;
}

/* All but the subject and the extensions. */
static X509 *begin(struct gv_turn *t, EVP_PKEY *key, int64_t from_ms, int64_t until_ms)
{
	X509 *x = X509_new();

	if (x && X509_set_version(x, X509_VERSION_3) == 1 && set_serial(t, x) && X509_set_pubkey(x, key) == 1 &&
	    ASN1_TIME_set(X509_getm_notBefore(x), (time_t)(from_ms / 1000)) &&
	    ASN1_TIME_set(X509_getm_notAfter(x), (time_t)(until_ms / 1000)))
		return x;
	X509_free(x);
	return NULL;
}

X509 *issue_root(struct gv_turn *t, const char *operator_name, EVP_PKEY *key, int64_t validity_ms)
{
	X509 *x = begin(t, key, gv_now_ms(t) - BACK_MS, gv_now_ms(t) + validity_ms);
	X509_NAME *name = x ? X509_get_subject_name(x) : NULL;

	if (x && add_name(name, "O", operator_name) && add_name(name, "CN", "Station CA") &&
	    X509_set_issuer_name(x, name) && extend(x, x, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
	    extend(x, x, NID_key_usage, "critical,keyCertSign,cRLSign") &&
	    extend(x, x, NID_subject_key_identifier, "hash") && X509_sign(x, key, EVP_sha256()))
		return x;
	X509_free(x);
	return NULL;
}

static X509 *issue_client(struct pki *pki, struct gv_turn *t, const char *common_name, EVP_PKEY *key, int64_t until_ms)
{
	X509 *x = begin(t, key, gv_now_ms(t) - BACK_MS, until_ms);
	X509_NAME *name = x ? X509_get_subject_name(x) : NULL;
	const char *usage = EVP_PKEY_is_a(key, "RSA") ? "critical,digitalSignature,keyEncipherment"
						      : "critical,digitalSignature";

	if (x && add_name(name, "O", pki->operator_name) && add_name(name, "CN", common_name) &&
	    X509_set_issuer_name(x, X509_get_subject_name(pki->root)) &&
	    extend(x, pki->root, NID_basic_constraints, "critical,CA:FALSE") &&
	    extend(x, pki->root, NID_key_usage, usage) && extend(x, pki->root, NID_ext_key_usage, "clientAuth") &&
	    extend(x, pki->root, NID_subject_key_identifier, "hash") &&
	    extend(x, pki->root, NID_authority_key_identifier, "keyid:always") && X509_sign(x, pki->key, EVP_sha256()))
		return x;
	X509_free(x);
	return NULL;
}

const char *issue_pem(struct gv_turn *t, X509 *x)
{
	BIO *out = BIO_new(BIO_s_mem());
	char *data, *text = NULL;
	long size;

	if (out && PEM_write_bio_X509(out, x) == 1) {
		size = BIO_get_mem_data(out, &data);
		text = gv_str(t, "%.*s", (int)size, data);
	}
	BIO_free(out);
	return text;
}

const char *issue(struct pki *pki, struct gv_turn *t, const char *common_name, EVP_PKEY *key, Pki__Certificate *ret)
{
	int64_t until_ms = gv_now_ms(t) + pki->validity_ms;
	struct certificate names;
	const char *pem = NULL;
	X509 *x = issue_client(pki, t, common_name, key, until_ms);

	if (x && (pem = issue_pem(t, x))) {
		certificate_read(x, &names);
		ret->serial = gv_strdup(t, names.serial);
		ret->subject = gv_strdup(t, names.subject);
		ret->key = gv_str(t, "%s %d", EVP_PKEY_is_a(key, "RSA") ? "RSA" : "EC", EVP_PKEY_get_bits(key));
		ret->not_before_ms = gv_now_ms(t) - BACK_MS;
		ret->not_after_ms = until_ms;
	}
	X509_free(x);
	ERR_clear_error();
	return pem;
}
