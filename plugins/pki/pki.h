/* What the authority's files share. */
#ifndef PKI_H
#define PKI_H

#include <galvan/pki.pb-c.h>
#include <galvan/plugin.h>
#include <galvan/registry.pb-c.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#define PKI_DAY_MS INT64_C(86400000)
#define PKI_CSR_MAX 5500        /* bytes of PEM (OCPP 2.0.1, SignCertificateRequest) */
#define PKI_REQUESTS_PER_DAY 12 /* of one device, signed or refused: more is a charger that loops */
#define PKI_KEPT_DAYS 400       /* after its end a certificate is forgotten */
#define PKI_LIST_DEFAULT 100
#define PKI_LIST_MAX 1000

struct pki {
	const char *operator_name; /* owned */
	int64_t validity_ms, renew_ms, root_validity_ms;
	EVP_PKEY *key; /* the authority's */
	X509 *root;
};

extern const struct gv_table pki_authority;    /* 0 -> AuthorityRow */
extern const struct gv_table pki_certificates; /* serial -> Certificate */
extern const struct gv_table pki_by_device;    /* device, not_before_ms, serial -> Ref */
extern const struct gv_table pki_expiring;     /* not_after_ms, serial -> Ref */
extern const struct gv_table pki_refused;      /* device -> RefusedRow */
extern const struct gv_table pki_names;        /* device -> NameRow */

/* ---- authority.c: the root and its key */
/* Opens the authority with the config's secret, or makes it where there is none yet. */
int authority_open(struct pki *pki, struct gv_turn *t, const Pki__Config *c);
int authority_snapshot(void *self, struct gv_turn *t);

/* ---- names.c: what common name a device has to have */
const char *name_wanted(struct gv_turn *t, const char *device);
int name_changed(struct gv_turn *t, const Registry__DeviceChanged *e, const struct gv_emitter *from);
int names_forget(struct gv_turn *t, const char *emitter);

/* ---- request.c: PKCS #10 */
/* Reads and judges a device's request. NULL: *ret_key, to be freed, is what is to be certified; else what is wrong. */
const char *request_read(struct pki *pki, struct gv_turn *t, const char *device, const char *pem, EVP_PKEY **ret_key);

/* ---- issue.c: X.509 */
/* A certificate over the key, as PEM in the turn's memory, and what is to be remembered of it. NULL: OpenSSL refused.
 */
const char *issue(struct pki *pki, struct gv_turn *t, const char *common_name, EVP_PKEY *key, Pki__Certificate *ret);
X509 *issue_root(struct gv_turn *t, const char *operator_name, EVP_PKEY *key, int64_t validity_ms);
/* In the turn's memory; NULL: OpenSSL refused. */
const char *issue_pem(struct gv_turn *t, X509 *x);

/* ---- issued.c: what was signed */
/* False where the device has asked too often within a day: looked up before any cryptography. */
bool issued_fits(struct gv_turn *t, const char *device);
/* A request was refused, which counts like one that was signed. */
int issued_refused(struct gv_turn *t, const char *device);
int issued_forget_refused(struct gv_turn *t, const char *device);
int issued_keep(struct gv_turn *t, const Pki__Certificate *c);
int issued_forget(struct gv_turn *t, const Pki__Certificate *c);
int issued_snapshot_revoked(void *self, struct gv_turn *t);
gv_method_fn pki_list, pki_revoke;

/* ---- renewals.c */
int renewals_start(struct gv_turn *t);
int renewals_due(struct pki *pki, struct gv_turn *t);

#endif
