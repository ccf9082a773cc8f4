/* Certificates of chargers: they ask, the plugin pki signs. */
#ifndef OCPP_CERTIFICATES_H
#define OCPP_CERTIFICATES_H

#include "commands.h"

#include <galvan/pki.pb-c.h>

extern const struct gv_table ocpp_authorities; /* instance of pki -> KnownAuthority */
extern const struct gv_table ocpp_undelivered; /* device -> SignedCertificate */

/* A charger's SignCertificate; `type` "": it named none. NULL: it is taken; else it is to be rejected, and this is
 * the reason code: "NoCA", there is no authority, or "Busy", the request before is not through yet. */
const char *certificate_asked(struct ocpp *o, struct gv_turn *t, struct inbound *in, const char *csr, const char *type);
int certificate_answered(struct ocpp *o, struct gv_turn *t, const struct gv_answer *answer, const Ocpp__Signing *note);
/* What became of a request: the certificate is sent, or waits for the charger's next connection; or a security event
 * tells why there is none. */
int certificate_made(struct ocpp *o, struct gv_turn *t, const char *device, const Ocpp__SignedCertificate *made);
int certificate_not_signed(struct ocpp *o, struct gv_turn *t, const char *device, const char *why);
/* It has connected: a certificate that waits for it is sent. */
int certificate_opened(struct ocpp *o, struct gv_turn *t, const struct station *st);
conclude_fn certificate_concluded, renewal_concluded;
int authority_changed(struct ocpp *o, struct gv_turn *t, const Pki__AuthorityChanged *e, const struct gv_emitter *from);
int renewal_due(struct ocpp *o, struct gv_turn *t, const Pki__RenewalDue *e, const struct gv_emitter *from);

#endif
