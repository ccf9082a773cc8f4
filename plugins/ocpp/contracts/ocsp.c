/* RFC 6960, as far as OCPP needs it: a question about one certificate, of which only hashes are known, and the answer.
 */
#include "contracts.h"

#include <lib/hex.h>

#include <errno.h>
#include <limits.h>
#include <openssl/evp.h>
#include <openssl/ocsp.h>
#include <string.h>
#include <time.h>

#define SKEW_MS (5 * 60 * 1000) /* by which clocks may differ */
#define SERIAL_BYTES_MAX 20     /* RFC 5280 */

static const EVP_MD *algorithm(const char *name)
{
	if (!strcmp(name, "SHA256"))
		return EVP_sha256();
	if (!strcmp(name, "SHA384"))
		return EVP_sha384();
	return strcmp(name, "SHA512") ? NULL : EVP_sha512();
}

static bool is_hex(const char *text, size_t least, size_t most)
{
	size_t n = strspn(text, "0123456789abcdef");

	return !text[n] && n >= least && n <= most;
}

bool ocsp_valid(const Ocpp__OcspId *id)
{
	const EVP_MD *md = algorithm(id->algorithm);
	size_t digits = md ? 2 * (size_t)EVP_MD_get_size(md) : 0;

	return md && is_hex(id->name_hash, digits, digits) && is_hex(id->key_hash, digits, digits) &&
	       is_hex(id->serial, 1, 2 * SERIAL_BYTES_MAX);
}

static bool set_hash(ASN1_OCTET_STRING *to, const char *hex)
{
	unsigned char hash[EVP_MAX_MD_SIZE];
	size_t n = strlen(hex) / 2;

	for (size_t i = 0; i < n; i++)
		hash[i] = (unsigned char)OPENSSL_hexchar2int((unsigned char)hex[2 * i]) << 4 |
			  (unsigned char)OPENSSL_hexchar2int((unsigned char)hex[2 * i + 1]);
	return ASN1_OCTET_STRING_set(to, hash, (int)n) == 1;
}

/* The library makes one of a name and a key, which nobody has here: of empty ones, whose hashes are then replaced. */
static OCSP_CERTID *make_id(const Ocpp__OcspId *id)
{
	X509_NAME *name = X509_NAME_new();
	ASN1_BIT_STRING *key = ASN1_BIT_STRING_new();
	ASN1_OCTET_STRING *name_hash, *key_hash;
	ASN1_INTEGER *serial = NULL;
	OCSP_CERTID *made = NULL;
	BIGNUM *number = NULL;

	if (BN_hex2bn(&number, id->serial))
		serial = BN_to_ASN1_INTEGER(number, NULL);
	if (name && key && serial)
		made = OCSP_cert_id_new(algorithm(id->algorithm), name, key, serial);
	if (made && (!OCSP_id_get0_info(&name_hash, NULL, &key_hash, NULL, made) ||
		     !set_hash(name_hash, id->name_hash) || !set_hash(key_hash, id->key_hash))) {
		OCSP_CERTID_free(made);
		made = NULL;
	}
	X509_NAME_free(name);
	ASN1_BIT_STRING_free(key);
	ASN1_INTEGER_free(serial);
	BN_free(number);
	return made;
}

/* No nonce: responders answer with what they have signed ahead (RFC 5019). */
int ocsp_request(struct gv_turn *t, const Ocpp__OcspId *id, ProtobufCBinaryData *ret)
{
	OCSP_REQUEST *request = OCSP_REQUEST_new();
	OCSP_CERTID *made = make_id(id);
	unsigned char *der = NULL;
	int size = -1;

	if (request && made && OCSP_request_add0_id(request, made)) {
		made = NULL; /* the request's now */
		size = i2d_OCSP_REQUEST(request, &der);
	}
	if (size > 0) {
		ret->data = gv_alloc(t, (size_t)size);
		ret->len = (size_t)size;
		memcpy(ret->data, der, (size_t)size);
	}
	OPENSSL_free(der);
	OCSP_CERTID_free(made);
	OCSP_REQUEST_free(request);
	return size > 0 ? 0 : -EINVAL;
}

/* ---- the answer ------------------------------------------------------------------------------ */

/* 0: there is none. */
static int64_t time_of(const ASN1_GENERALIZEDTIME *time)
{
	struct tm tm;

	return time && ASN1_TIME_to_tm(time, &tm) ? (int64_t)timegm(&tm) * 1000 : 0;
}

static const char *find(OCSP_BASICRESP *basic, const Ocpp__OcspId *id, int64_t now_ms, struct ocsp_answer *ret)
{
	ASN1_GENERALIZEDTIME *from = NULL, *until = NULL;
	OCSP_CERTID *made = make_id(id);
	int status, found = made && OCSP_resp_find_status(basic, made, &status, NULL, NULL, &from, &until);

	OCSP_CERTID_free(made);
	if (!found)
		return "it is about another certificate";
	if (time_of(from) > now_ms + SKEW_MS)
		return "it holds from a time that has not come";
	ret->until_ms = time_of(until);
	if (ret->until_ms && ret->until_ms < now_ms - SKEW_MS)
		return "its time is over";
	ret->status = status == V_OCSP_CERTSTATUS_GOOD      ? OCSP_GOOD
		      : status == V_OCSP_CERTSTATUS_REVOKED ? OCSP_REVOKED
							    : OCSP_UNKNOWN;
	return NULL;
}

static bool is_signed(OCSP_BASICRESP *basic, int64_t now_ms, X509_STORE *roots, const char *chain)
{
	STACK_OF(X509) *helpers = chain[0] ? chain_read(chain) : NULL;
	bool good;

	X509_VERIFY_PARAM_set_time(X509_STORE_get0_param(roots), (time_t)(now_ms / 1000));
	good = OCSP_basic_verify(basic, helpers, roots, 0) == 1;
	sk_X509_pop_free(helpers, X509_free);
	return good;
}

const char *ocsp_read(const ProtobufCBinaryData *response, const Ocpp__OcspId *id, int64_t now_ms, X509_STORE *roots,
		      const char *chain, struct ocsp_answer *ret)
{
	const unsigned char *at = response->data;
	OCSP_RESPONSE *r = response->len <= INT_MAX ? d2i_OCSP_RESPONSE(NULL, &at, (long)response->len) : NULL;
	OCSP_BASICRESP *basic = NULL;
	const char *problem = "it is no OCSP response";

	if (r && OCSP_response_status(r) != OCSP_RESPONSE_STATUS_SUCCESSFUL)
		problem = "the responder has refused";
	else if (r)
		basic = OCSP_response_get1_basic(r);
	if (basic)
		problem = find(basic, id, now_ms, ret);
	if (!problem && roots && !is_signed(basic, now_ms, roots, chain))
		problem = "it is not signed below a root that is trusted";
	OCSP_BASICRESP_free(basic);
	OCSP_RESPONSE_free(r);
	return problem;
}
