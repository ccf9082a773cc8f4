/* pki: the certificate authority of this node. Stations ask for certificates over their own protocol; the plugin that
 * speaks it has them signed here, and link takes what this authority has signed and not revoked. */
#include "pki.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pki.schema.h"

static int sign(struct pki *pki, struct gv_turn *t, struct gv_ticket ticket, const Pki__SignRequest *r)
{
	Pki__Certificate certificate = PKI__CERTIFICATE__INIT;
	Pki__SignReply reply = PKI__SIGN_REPLY__INIT;
	EVP_PKEY *key = NULL;
	const char *problem;

	if (!issued_fits(t, r->device))
		return gv_refuse(t, ticket, GV_RESOURCE_EXHAUSTED,
				 "%s has made %d certificate requests within a day, signed or refused: try again later",
				 r->device, PKI_REQUESTS_PER_DAY);
	problem = request_read(pki, t, r->device, r->csr, &key);
	if (problem) {
		issued_refused(t, r->device);
		return gv_refuse(t, ticket, GV_INVALID_ARGUMENT, "the certificate request of %s is refused: %s",
				 r->device, problem);
	}
	certificate.device = r->device;
	reply.chain = (char *)issue(pki, t, name_wanted(t, r->device), key, &certificate);
	EVP_PKEY_free(key);
	if (!reply.chain)
		return gv_refuse(t, ticket, GV_INTERNAL, "OpenSSL could not sign the certificate of %s", r->device);
	issued_keep(t, &certificate);
	reply.certificate = &certificate;
	gv_log(t, GV_INFO, "certificate signed device=%s serial=%s", r->device, certificate.serial);
	return gv_reply(t, ticket, &reply);
}
GV_ON_CALL(sign, struct pki, Pki__SignRequest)

static int get_root(struct pki *pki, struct gv_turn *t, struct gv_ticket ticket, const Pki__GetRootRequest *r)
{
	Pki__GetRootReply reply = PKI__GET_ROOT_REPLY__INIT;
	struct tm end;

	reply.certificate = (char *)issue_pem(t, pki->root);
	if (!reply.certificate || ASN1_TIME_to_tm(X509_get0_notAfter(pki->root), &end) != 1)
		return gv_refuse(t, ticket, GV_INTERNAL, "OpenSSL could not write the root");
	reply.not_after_ms = (int64_t)timegm(&end) * 1000;
	return gv_reply(t, ticket, &reply);
}
GV_ON_CALL(get_root, struct pki, Pki__GetRootRequest)

static int device_changed(struct pki *pki, struct gv_turn *t, const Registry__DeviceChanged *e,
			  const struct gv_emitter *from)
{
	if (e->deleted)
		issued_forget_refused(t, e->id);
	return name_changed(t, e, from);
}
GV_ON_EVENT(device_changed, struct pki, Registry__DeviceChanged)

static int on_resync(void *self, struct gv_turn *t, const char *emitter, bool first)
{
	return names_forget(t, emitter);
}

static int on_timer(void *self, struct gv_turn *t, const char *name, const void *note)
{
	return renewals_due(self, t);
}

static int start(void *self, struct gv_turn *t, const void *config)
{
	const Pki__Config *c = config;
	struct pki *pki = self;
	int r;

	if (gv_self(t)->instances != 1)
		return gv_fault(
			t, "pki runs as one instance, as it is one authority: remove `instances` from its entry in "
			   "the config file");
	pki->operator_name = strdup(c->operator_name);
	if (!pki->operator_name)
		return -ENOMEM;
	pki->validity_ms = c->validity_days * PKI_DAY_MS;
	pki->renew_ms = c->renew_days * PKI_DAY_MS;
	pki->root_validity_ms = c->root_validity_days * PKI_DAY_MS;
	r = authority_open(pki, t, c);
	return r < 0 ? r : renewals_start(t);
}

static void stop(void *self)
{
	struct pki *pki = self;

	EVP_PKEY_free(pki->key);
	X509_free(pki->root);
	free((char *)pki->operator_name);
}

static const struct gv_method methods[] = {
	{ "Sign", sign_call }, { "List", pki_list }, { "Revoke", pki_revoke }, { "GetRoot", get_root_call }, { 0 },
};
static const struct gv_service services[] = { { &pki__pki__descriptor, methods }, { 0 } };
static const struct gv_hears hears[] = { { &registry__device_changed__descriptor, device_changed_event }, { 0 } };
static const struct gv_emits emits[] = {
	{ &pki__authority_changed__descriptor, authority_snapshot },
	{ &pki__certificate_revoked__descriptor, issued_snapshot_revoked },
	{ &pki__renewal_due__descriptor, NULL },
	{ 0 },
};
static const struct gv_table *const tables[] = {
	&pki_authority, &pki_certificates, &pki_by_device, &pki_expiring, &pki_names, &pki_refused, NULL,
};

GV_PLUGIN = {
	GV_STAMP,
	.name = "pki",
	.version = "0.1.0",
	.summary = "The node's certificate authority: signs stations' certificates, revokes them, has them renewed",
	.config = &pki__config__descriptor,
	.serves = services,
	.hears = hears,
	.emits = emits,
	.tables = tables,
	.schema_set = GV_SCHEMA(pki),
	.schema = 1,
	.self_size = sizeof(struct pki),
	.start = start,
	.stop = stop,
	.on_timer = on_timer,
	.on_resync = on_resync,
};
