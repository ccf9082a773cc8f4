/* What this node's own certificate authority says: its root, and which of its certificates are void. In memory, as the
 * TLS handshake asks for it, and in tables, so that it is there at once after a restart. */
#include <errno.h>
#include <galvan/link.pb-c.h>
#include <galvan/pki.pb-c.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>

#include "link.h"

const struct gv_table authorities_table = { "authorities", "s", &link__authority__descriptor, false };
const struct gv_table revoked_table = { "revoked", "s", &link__revoked_certificate__descriptor, false };

#define SLOTS 1024u /* chains get longer beyond; a revoked certificate is rare */

struct revoked {
	struct revoked *next;
	char serial[];
};

static struct revoked **slot(const struct link *l, const char *serial)
{
	uint32_t h = 2166136261u; /* FNV-1a */

	for (const char *s = serial; *s; s++)
		h = (h ^ (unsigned char)*s) * 16777619u;
	return &l->revoked[h % SLOTS];
}

bool revoked_has(const struct link *l, const char *serial)
{
	for (const struct revoked *r = *slot(l, serial); r; r = r->next) {
		if (strcmp(r->serial, serial) == 0)
			return true;
	}
	return false;
}

static int remember(struct link *l, const char *serial)
{
	struct revoked **at = slot(l, serial), *r;
	size_t size = strlen(serial) + 1;

	if (revoked_has(l, serial))
		return 0;
	r = malloc(sizeof(*r) + size);
	if (!r)
		return -ENOMEM;
	memcpy(r->serial, serial, size);
	r->next = *at;
	*at = r;
	return 0;
}

/* Their sockets are closed when the loop goes round: a turn is no place to write to them. */
static void cut(struct link *l, const char *serial)
{
	for (struct conn *c = l->conns; c; c = c->next) {
		if (c->certificate && strcmp(c->certificate, serial) == 0)
			c->unwanted = "its certificate was revoked";
	}
}

int certificate_revoked(struct link *l, struct gv_turn *t, const Pki__CertificateRevoked *e,
			const struct gv_emitter *from)
{
	Link__RevokedCertificate row = LINK__REVOKED_CERTIFICATE__INIT;

	row.expires_at_ms = e->not_after_ms;
	gv_put(t, &revoked_table, gv_key(e->serial), &row);
	cut(l, e->serial);
	return remember(l, e->serial);
}

/* ---- authorities ----------------------------------------------------------------------------- */

static X509 *parse(const char *pem)
{
	BIO *in = BIO_new_mem_buf(pem, -1);
	X509 *x = in ? PEM_read_bio_X509(in, NULL, NULL, NULL) : NULL;

	BIO_free(in);
	return x;
}

static int know(struct link *l, const char *pem)
{
	X509 *x = parse(pem);

	if (!x)
		return -EINVAL;
	if (l->n_authorities == LINK_AUTHORITIES_MAX) {
		X509_free(x);
		return -ENOSPC;
	}
	l->authorities[l->n_authorities++] = x;
	return 0;
}

static void forget_authorities(struct link *l)
{
	while (l->n_authorities)
		X509_free(l->authorities[--l->n_authorities]);
}

void authorities_add(const struct link *l, struct x509_store_st *store)
{
	for (size_t i = 0; i < l->n_authorities; i++)
		X509_STORE_add_cert(store, l->authorities[i]);
}

int authority_changed(struct link *l, struct gv_turn *t, const Pki__AuthorityChanged *e, const struct gv_emitter *from)
{
	Link__Authority row = LINK__AUTHORITY__INIT;
	struct gv_scan scan = { .table = &authorities_table };
	int r = 0;

	row.certificate = e->certificate;
	gv_put(t, &authorities_table, gv_key(e->instance), &row);
	forget_authorities(l);
	r = know(l, e->certificate);
	while (r == 0 && gv_next(t, &scan)) { /* those of other instances */
		if (strcmp(scan.key.part[0].s, e->instance) != 0)
			r = know(l, ((const Link__Authority *)scan.row)->certificate);
	}
	if (r < 0)
		return gv_fault(t, "the certificate of authority %s cannot be used", e->instance);
	for (size_t i = 0; i < l->n_ports; i++)
		tls_trust_again(&l->ports[i]);
	return 0;
}

/* ---- life ------------------------------------------------------------------------------------ */

int revoked_load(struct link *l, struct gv_turn *t)
{
	struct gv_scan authorities = { .table = &authorities_table }, revoked = { .table = &revoked_table };
	int r = 0;

	l->revoked = calloc(SLOTS, sizeof(*l->revoked));
	if (!l->revoked)
		return -ENOMEM;
	while (r == 0 && gv_next(t, &authorities))
		r = know(l, ((const Link__Authority *)authorities.row)->certificate);
	while (r == 0 && gv_next(t, &revoked)) {
		if (((const Link__RevokedCertificate *)revoked.row)->expires_at_ms < gv_now_ms(t))
			r = gv_delete(t, &revoked_table, revoked.key); /* nobody comes in with it anyway */
		else
			r = remember(l, revoked.key.part[0].s);
	}
	return r;
}

void revoked_fini(struct link *l)
{
	for (unsigned i = 0; l->revoked && i < SLOTS; i++) {
		for (struct revoked *r = l->revoked[i], *next; r; r = next) {
			next = r->next;
			free(r);
		}
	}
	free(l->revoked);
	l->revoked = NULL;
	forget_authorities(l);
}
