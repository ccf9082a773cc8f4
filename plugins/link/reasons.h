/* Why somebody is kept out. */
#ifndef LINK_REASONS_H
#define LINK_REASONS_H

enum reason {
	REASON_EXPIRED, /* the certificate */
	REASON_NOT_YET_VALID,
	REASON_WRONG_CA,
	REASON_REVOKED,
	REASON_BAD_CERTIFICATE, /* anything else that is wrong with it */
	REASON_WRONG_IDENTITY,  /* it is somebody else's */
	REASON_WRONG_OPERATOR,
	REASON_NO_CERTIFICATE, /* and the security profile wants one */
	REASON_PLAIN_TEXT,     /* and the security profile wants TLS; or no TLS on a TLS port */
	REASON_NO_PASSWORD,
	REASON_WRONG_PASSWORD,
	REASON_TOO_MANY_PASSWORDS,
	REASON_TLS_VERSION,
	REASON_TLS_CIPHER,
	REASON_NOT_TRUSTED, /* the peer does not take our certificate */
	REASON_TLS,         /* anything else about the TLS handshake */
	REASONS
};

const char *reason_word(enum reason reason);    /* "wrong-ca" */
const char *reason_counter(enum reason reason); /* "refused_wrong_ca": a literal */

#endif
