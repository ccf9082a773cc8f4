/* Cars that pay by a contract of their own (ISO 15118, 2.0.1 C07 and M06): whether its certificate is good.
 *
 *   ocsp.c        what a responder is asked, and what its answer says (pure)
 *   chain.c       a contract's certificates, up to a root that is trusted (pure)
 *   responders.c  which responders may be asked, and what they have said
 *   contracts.c   the charger's call, which waits until all of its certificates are known
 *   servers.c     how those are asked whom the config names
 *   pool.c        cars that ask for a contract's certificate
 *   v2g.c         chargers that ask for one of their own, to show to cars */
#ifndef OCPP_CONTRACTS_H
#define OCPP_CONTRACTS_H

#include <plugins/ocpp/ocpp.h>

#include <openssl/x509_vfy.h>

#define CONTRACT_CERTIFICATES_MAX 6 /* of one contract */

extern const struct gv_table ocpp_ocsp;      /* digest of an OcspId -> OcspRow */
extern const struct gv_table ocpp_ocsp_ends; /* time, digest -> OcspEnd */

struct contract_server {
	char *url, *authorization; /* "": none */
	int64_t timeout_ms;
};
struct contracts { /* of the config */
	char **hosts;
	size_t n_hosts;
	bool private_addresses;
	int64_t timeout_ms;
	X509_STORE *roots; /* NULL: none */
	struct contract_server pool, v2g;
};
/* NULL where the config has none. 0; -ENOMEM; what gv_fault gives where a root is no certificate. */
int contracts_create(struct gv_turn *t, const Ocpp__Contracts *config, struct contracts **ret);
void contracts_destroy(struct contracts *c);

/* ---- ocsp.c ---------------------------------------------------------------------------------- */

enum ocsp_status { OCSP_GOOD, OCSP_REVOKED, OCSP_UNKNOWN };
struct ocsp_answer {
	enum ocsp_status status;
	int64_t until_ms; /* nextUpdate; 0: not said */
};
/* False: it is no question that could be asked. */
bool ocsp_valid(const Ocpp__OcspId *id);
/* DER in the turn's memory. */
int ocsp_request(struct gv_turn *t, const Ocpp__OcspId *id, ProtobufCBinaryData *ret);
/* NULL; or why it is no answer to the question, for people. `roots`: it must be signed below one of them; NULL: whoever
 * asked looks at that himself. `chain`: certificates that may help, PEM. */
const char *ocsp_read(const ProtobufCBinaryData *response, const Ocpp__OcspId *id, int64_t now_ms, X509_STORE *roots,
		      const char *chain, struct ocsp_answer *ret);

/* ---- chain.c --------------------------------------------------------------------------------- */

/* To be freed with sk_X509_pop_free. NULL: it holds no certificates, or too many. */
STACK_OF(X509) * chain_read(const char *pem);
/* Of the leaf, its common name; "" where there is none. */
const char *chain_name(struct gv_turn *t, const char *pem);
/* "Accepted", or what is wrong, in OCPP's words. Accepted: how each certificate below the root can be asked about. */
const char *chain_check(struct gv_turn *t, const char *pem, X509_STORE *roots, int64_t now_ms, Ocpp__OcspId ***ret_ids,
			size_t *ret_n_ids);

/* ---- responders.c ---------------------------------------------------------------------------- */

/* Whether the config lets this address be asked. */
bool responder_allowed(const struct contracts *c, const char *url);
/* What is known of it now; NULL: nothing. */
const Ocpp__OcspRow *responder_said(struct gv_turn *t, const Ocpp__OcspId *id);
int responder_keep(struct gv_turn *t, const Ocpp__OcspId *id, const ProtobufCBinaryData *response, int64_t until_ms);
/* NULL: it is asked, and the answer comes with the note. Else why it cannot be. */
const char *responder_ask(struct ocpp *o, struct gv_turn *t, const Ocpp__OcspId *id, const Ocpp__OcspAsked *note);

/* ---- contracts.c ----------------------------------------------------------------------------- */

/* GetCertificateStatus: in->answer, now or later. */
int contract_status(struct ocpp *o, struct gv_turn *t, struct inbound *in, Ocpp__OcspId *id);
/* Authorize with certificates, or with hashes of some: likewise. */
struct said_contract {
	const char *token;
	const char *chain; /* PEM, the contract's own first; "": the charger has checked them, and asks about `ids` */
	Ocpp__OcspId **ids;
	size_t n_ids;
};
int contract_authorize(struct ocpp *o, struct gv_turn *t, struct inbound *in, const struct said_contract *said);
/* A responder has answered, or has not. */
int contract_answered(struct ocpp *o, struct gv_turn *t, Ocpp__OcspAsked *note, const struct gv_answer *answer);

/* ---- servers.c ------------------------------------------------------------------------------- */

/* False: no memory; server_drop is for that, too. */
bool server_take(struct contract_server *s, const char *url, const char *authorization, uint32_t timeout_s);
void server_drop(struct contract_server *s);
/* The answer comes with the note; as gv_call otherwise. */
int server_post(struct gv_turn *t, const struct contract_server *s, const char *json, uint32_t max_reply_bytes,
		const void *note);

/* ---- pool.c ---------------------------------------------------------------------------------- */

/* Get15118EVCertificate: likewise. `request`: its payload, as JSON. */
int pool_ask(struct ocpp *o, struct gv_turn *t, struct inbound *in, const char *request);
int pool_answered(struct ocpp *o, struct gv_turn *t, const Ocpp__PoolAsked *note, const struct gv_answer *answer);

/* ---- v2g.c ----------------------------------------------------------------------------------- */

/* A charger's SignCertificate of type V2GCertificate. NULL: it is taken; else why it is rejected, a reason code. */
const char *v2g_ask(struct ocpp *o, struct gv_turn *t, struct inbound *in, const char *csr);
int v2g_answered(struct ocpp *o, struct gv_turn *t, const Ocpp__V2gAsked *note, const struct gv_answer *answer);

#endif
