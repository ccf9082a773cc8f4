/* TLS of a port: which versions and suites, its certificates, whose client certificates it takes. Files that have
 * changed count from the next connection on. What is refused here has its reason logged and told: libwebsockets would
 * only close. */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <string.h>
#include <sys/stat.h>

#include "link.h"

/* OCPP 2.0.1 A00.FR.318 wants ECDHE-ECDSA and plain RSA with AES-GCM; the others are what the world speaks. */
#define CIPHERS                                                                                                        \
	"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256:"                     \
	"ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:AES128-GCM-SHA256:"     \
	"AES256-GCM-SHA384"

static int port_index = -1; /* of SSL_CTX: the port it belongs to */

static const char *problem(void)
{
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());

	return reason ? reason : "unknown";
}

/* ---- what is refused ------------------------------------------------------------------------- */

static void raise_alarm(const struct port *p, const SSL *ssl, enum reason reason, const char *detail,
			const struct certificate *certificate)
{
	struct alarm a = { .reason = reason, .detail = detail, .port = p->number };
	struct sockaddr_storage from = { 0 };
	socklen_t size = sizeof(from);
	struct device *d = NULL;
	uint8_t address[16];
	uint16_t number;

	if (getpeername(SSL_get_fd(ssl), (struct sockaddr *)&from, &size) == 0) {
		address_read(&from, address, &number);
		address_print(address, 0, a.peer);
	}
	if (certificate) {
		a.subject = certificate->subject;
		d = routes_device_of(p->link, certificate->common_name);
	}
	alarm_raise(p->link, d, &a);
}

static enum reason reason_of(int error)
{
	switch (error) {
	case X509_V_ERR_CERT_HAS_EXPIRED:
		return REASON_EXPIRED;
	case X509_V_ERR_CERT_NOT_YET_VALID:
		return REASON_NOT_YET_VALID;
	case X509_V_ERR_CERT_REVOKED:
		return REASON_REVOKED;
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
	case X509_V_ERR_CERT_SIGNATURE_FAILURE:
	case X509_V_ERR_CERT_UNTRUSTED:
		return REASON_WRONG_CA;
	default:
		return REASON_BAD_CERTIFICATE;
	}
}

/* An authority without a list has revoked nothing that we could know of; an outdated list still says what it says, and
 * to lock a fleet out for it would help nobody. */
static int tolerate(int ok, X509_STORE_CTX *x)
{
	int error = X509_STORE_CTX_get_error(x);

	if (ok || (error != X509_V_ERR_UNABLE_TO_GET_CRL && error != X509_V_ERR_CRL_HAS_EXPIRED))
		return ok;
	X509_STORE_CTX_set_error(x, X509_V_OK);
	return 1;
}

/* In place of OpenSSL's own check, which it calls. Returns 1: it holds. */
static int verify(X509_STORE_CTX *x, void *arg)
{
	const struct port *p = arg;
	X509 *leaf = X509_STORE_CTX_get0_cert(x);
	const SSL *ssl = X509_STORE_CTX_get_ex_data(x, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct certificate certificate;
	int ok;

	certificate_read(leaf, &certificate);
	X509_STORE_CTX_set_verify_cb(x, tolerate);
	ok = X509_verify_cert(x) > 0;
	if (ok && revoked_has(p->link, certificate.serial)) {
		X509_STORE_CTX_set_error(x, X509_V_ERR_CERT_REVOKED);
		ok = 0;
	}
	if (!ok)
		raise_alarm(p, ssl, reason_of(X509_STORE_CTX_get_error(x)),
			    X509_verify_cert_error_string(X509_STORE_CTX_get_error(x)), &certificate);
	return ok;
}

/* Handshakes that fail for other reasons than the client's certificate. */
static void informed(const SSL *ssl, int where, int ret)
{
	const struct port *p = SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), port_index);
	unsigned long error = ERR_peek_last_error();

	if (where != SSL_CB_ACCEPT_EXIT || ret > 0 || strcmp(SSL_state_string(ssl), "SSLERR") != 0)
		return; /* done, or more is to come */
	if (!error || ERR_GET_LIB(error) != ERR_LIB_SSL)
		return;
	switch (ERR_GET_REASON(error)) {
	case SSL_R_CERTIFICATE_VERIFY_FAILED: /* verify() has told */
		break;
	case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
		raise_alarm(p, ssl, REASON_NO_CERTIFICATE, "this port demands a client certificate", NULL);
		break;
	case SSL_R_HTTP_REQUEST:
		raise_alarm(p, ssl, REASON_PLAIN_TEXT, "plain HTTP on a TLS port", NULL);
		break;
	case SSL_R_UNSUPPORTED_PROTOCOL:
	case SSL_R_VERSION_TOO_LOW:
	case SSL_R_WRONG_VERSION_NUMBER:
		raise_alarm(p, ssl, REASON_TLS_VERSION, "no TLS 1.2 or later", NULL);
		break;
	case SSL_R_NO_SHARED_CIPHER:
		raise_alarm(p, ssl, REASON_TLS_CIPHER, "no cipher suite in common", NULL);
		break;
	case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
	case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
	case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
	case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
	case SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE:
		raise_alarm(p, ssl, REASON_NOT_TRUSTED, "the peer does not take this port's certificate", NULL);
		break;
	default:
		raise_alarm(p, ssl, REASON_TLS, problem(), NULL);
		break;
	}
}

/* ---- what is loaded -------------------------------------------------------------------------- */

static int load_pair(const struct port *p, SSL_CTX *ctx, const char *cert, const char *key)
{
	if (!cert)
		return 0;
	if (SSL_CTX_use_certificate_chain_file(ctx, cert) == 1 &&
	    SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) == 1 && SSL_CTX_check_private_key(ctx) == 1)
		return 0;
	gv_world_log(p->link->world, GV_ERR, "A certificate cannot be used: %s port=%u cert=%s key=%s", problem(),
		     (unsigned)p->number, cert, key);
	return -EINVAL;
}

static int load_pairs(const struct port *p, SSL_CTX *ctx)
{
	int r = load_pair(p, ctx, p->tls.cert, p->tls.key);

	return r < 0 ? r : load_pair(p, ctx, p->tls.second_cert, p->tls.second_key);
}

static int add_files(const struct port *p, X509_STORE *store)
{
	const struct tls *tls = &p->tls;
	X509_LOOKUP *lookup = X509_STORE_add_lookup(store, X509_LOOKUP_file());

	if (tls->client_ca && (!lookup || X509_load_cert_file(lookup, tls->client_ca, X509_FILETYPE_PEM) <= 0)) {
		gv_world_log(p->link->world, GV_ERR, "client_ca cannot be used: %s port=%u client_ca=%s", problem(),
			     (unsigned)p->number, tls->client_ca);
		return -EINVAL;
	}
	if (tls->crl && (!lookup || X509_load_crl_file(lookup, tls->crl, X509_FILETYPE_PEM) <= 0)) {
		gv_world_log(p->link->world, GV_ERR, "crl cannot be used: %s port=%u crl=%s", problem(),
			     (unsigned)p->number, tls->crl);
		return -EINVAL;
	}
	if (tls->crl)
		X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK);
	return 0;
}

static STACK_OF(X509_NAME) * names_of(X509_STORE *store)
{
	STACK_OF(X509) *all = X509_STORE_get1_all_certs(store);
	STACK_OF(X509_NAME) *names = sk_X509_NAME_new_null();

	for (int i = 0; all && names && i < sk_X509_num(all); i++) {
		X509_NAME *name = X509_NAME_dup(X509_get_subject_name(sk_X509_value(all, i)));

		if (name && !sk_X509_NAME_push(names, name))
			X509_NAME_free(name);
	}
	sk_X509_pop_free(all, X509_free);
	return names;
}

/* Whose client certificates are taken, anew. */
static int trust(const struct port *p, SSL_CTX *ctx)
{
	X509_STORE *store = X509_STORE_new();
	int r = store ? add_files(p, store) : -ENOMEM;

	if (r < 0) {
		X509_STORE_free(store);
		return r;
	}
	if (p->tls.local_ca)
		authorities_add(p->link, store);
	SSL_CTX_set_client_CA_list(ctx, names_of(store));
	SSL_CTX_set_cert_store(ctx, store);
	return 0;
}

static bool asks(const struct tls *tls)
{
	return tls->client_ca || tls->local_ca;
}

int tls_prepare(struct port *p, SSL_CTX *ctx)
{
	struct tls *tls = &p->tls;
	int r;

	if (port_index < 0)
		port_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, NULL);
	if (port_index < 0 || !SSL_CTX_set_ex_data(ctx, port_index, p))
		return -ENOMEM;
	SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
	/* A write that is repeated may come from another place: files are read into the stack. */
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
				      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
	SSL_CTX_set_info_callback(ctx, informed);
	if (!tls->ciphers && SSL_CTX_set_cipher_list(ctx, CIPHERS) != 1)
		return -EINVAL;
	r = load_pairs(p, ctx);
	if (r == 0 && asks(tls))
		r = trust(p, ctx);
	if (r < 0)
		return r;
	if (asks(tls)) {
		SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | (tls->demand ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0), NULL);
		SSL_CTX_set_cert_verify_callback(ctx, verify, p);
		/* A session that is resumed brings no certificate that could be looked at again. */
		SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
		SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
		SSL_CTX_set_num_tickets(ctx, 0);
	}
	tls_seen(p);
	tls->ctx = ctx;
	return 0;
}

void tls_trust_again(struct port *p)
{
	if (p->tls.ctx && p->tls.local_ca)
		trust(p, p->tls.ctx);
}

/* ---- files that change ----------------------------------------------------------------------- */

static bool stamp(struct tls *tls, struct stamp ret[static TLS_FILES])
{
	const char *files[TLS_FILES] = { tls->cert,       tls->key,       tls->second_cert,
					 tls->second_key, tls->client_ca, tls->crl };
	bool changed = false;

	for (size_t i = 0; i < TLS_FILES; i++) {
		struct stat s;

		memset(&ret[i], 0, sizeof(ret[i]));
		if (files[i] && stat(files[i], &s) == 0) {
			ret[i].inode = s.st_ino;
			ret[i].size = s.st_size;
			ret[i].changed = s.st_mtim;
		}
		changed |= memcmp(&ret[i], &tls->stamps[i], sizeof(ret[i])) != 0;
	}
	return changed;
}

bool tls_seen(struct port *p)
{
	struct stamp now[TLS_FILES];
	bool changed = stamp(&p->tls, now);

	memcpy(p->tls.stamps, now, sizeof(now));
	return changed;
}

/* All of it in a context of its own first: a certificate whose key is not there yet must not replace one that works. */
static int try_out(const struct port *p)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	int r = ctx ? load_pairs(p, ctx) : -ENOMEM;

	if (r == 0 && asks(&p->tls))
		r = trust(p, ctx);
	SSL_CTX_free(ctx);
	return r;
}

void tls_refresh(struct port *p)
{
	if (!p->tls.ctx || !tls_seen(p))
		return;
	ERR_clear_error();
	if (try_out(p) < 0) {
		gv_world_log(p->link->world, GV_ERR,
			     "TLS files have changed and cannot be used yet; what was loaded before stays port=%u",
			     (unsigned)p->number);
		return;
	}
	load_pairs(p, p->tls.ctx);
	if (asks(&p->tls))
		trust(p, p->tls.ctx);
	gv_world_log(p->link->world, GV_INFO, "TLS files have changed and are used from now on port=%u",
		     (unsigned)p->number);
}
