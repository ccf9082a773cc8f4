/* Names and serial numbers of certificates and of requests for them, as text. */
#ifndef GV_CERTIFICATE_H
#define GV_CERTIFICATE_H

#include <openssl/x509.h>
#include <stdbool.h>

#define CERTIFICATE_NAME_MAX 129    /* bytes of CN or O, with a zero: twice what X.520 allows */
#define CERTIFICATE_SERIAL_MAX 65   /* hex digits of a serial number, with a zero: RFC 5280 allows 40 */
#define CERTIFICATE_SUBJECT_MAX 256 /* bytes of the whole subject as people read it, with a zero */

struct certificate {
	char common_name[CERTIFICATE_NAME_MAX]; /* "" where there is none, or none that can be compared */
	char operator_name[CERTIFICATE_NAME_MAX];
	char serial[CERTIFICATE_SERIAL_MAX]; /* upper case; not of a request */
	char subject[CERTIFICATE_SUBJECT_MAX];
};

/* For PEM of strangers, as a pem_password_cb: what is under a password is not read. Without it OpenSSL would ask the
 * terminal for one. */
int certificate_no_password(char *buf, int size, int writes, void *arg);

/* Each reads what is there and never fails: what cannot be read is "". */
void certificate_read(X509 *x, struct certificate *ret);
void certificate_read_names(const X509_NAME *name, struct certificate *ret);

#endif
