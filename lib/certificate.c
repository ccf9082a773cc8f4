/* A name that holds a zero byte, or stands there twice, is
 * none: two readers of it could see two devices. */
#include <lib/certificate.h>

#include <openssl/bn.h>
#include <stdio.h>
#include <string.h>

int certificate_no_password(char *buf, int size, int writes, void *arg)
{
	return -1;
}

static void read_name(const X509_NAME *name, int nid, char ret[static CERTIFICATE_NAME_MAX])
{
	int at = X509_NAME_get_index_by_NID(name, nid, -1), size;
	unsigned char *text = NULL;

	ret[0] = '\0';
	if (at < 0 || X509_NAME_get_index_by_NID(name, nid, at) >= 0)
		return;
	size = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
	if (size > 0 && size < CERTIFICATE_NAME_MAX && memchr(text, 0, (size_t)size) == NULL) {
		memcpy(ret, text, (size_t)size);
		ret[size] = '\0';
	}
	OPENSSL_free(text);
}

static void read_serial(const X509 *x, char ret[static CERTIFICATE_SERIAL_MAX])
{
	BIGNUM *number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(x), NULL);
	char *hex = number ? BN_bn2hex(number) : NULL;

	snprintf(ret, CERTIFICATE_SERIAL_MAX, "%s", hex ? hex : "");
	OPENSSL_free(hex);
	BN_free(number);
}

void certificate_read_names(const X509_NAME *name, struct certificate *ret)
{
	BIO *out = BIO_new(BIO_s_mem());
	int n = -1;

	read_name(name, NID_commonName, ret->common_name);
	read_name(name, NID_organizationName, ret->operator_name);
	ret->serial[0] = ret->subject[0] = '\0';
	if (out && X509_NAME_print_ex(out, name, 0, XN_FLAG_ONELINE & ~ASN1_STRFLGS_ESC_MSB) >= 0)
		n = BIO_read(out, ret->subject, CERTIFICATE_SUBJECT_MAX - 1);
	ret->subject[n > 0 ? n : 0] = '\0';
	BIO_free(out);
}

void certificate_read(X509 *x, struct certificate *ret)
{
	certificate_read_names(X509_get_subject_name(x), ret);
	read_serial(x, ret->serial);
}
