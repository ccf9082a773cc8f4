/* What was signed: remembered, listed, revoked. Of what was refused, when it was, for a day. */
#include "pki.h"

#include <string.h>

const struct gv_table pki_certificates = { .name = "certificates", .key = "s", .value = &pki__certificate__descriptor };
const struct gv_table pki_by_device = { .name = "by_device", .key = "sis", .value = &pki__ref__descriptor };
const struct gv_table pki_expiring = { .name = "expiring", .key = "is", .value = &pki__ref__descriptor };
const struct gv_table pki_refused = { .name = "refused", .key = "s", .value = &pki__refused_row__descriptor };

static const Pki__Certificate *at(struct gv_turn *t, const struct gv_scan *scan)
{
	return gv_get(t, &pki_certificates, gv_key(scan->key.part[2].s));
}

static bool is_today(struct gv_turn *t, int64_t ms)
{
	return ms > gv_now_ms(t) - PKI_DAY_MS;
}

bool issued_fits(struct gv_turn *t, const char *device)
{
	struct gv_scan scan = { .table = &pki_by_device, .prefix = gv_key(device), .reverse = true };
	const Pki__RefusedRow *refused = gv_get(t, &pki_refused, gv_key(device));
	unsigned n = 0;

	for (size_t i = 0; refused && i < refused->n_at_ms; i++)
		n += is_today(t, refused->at_ms[i]);
	while (n < PKI_REQUESTS_PER_DAY && gv_next(t, &scan) && is_today(t, scan.key.part[1].i))
		n++;
	return n < PKI_REQUESTS_PER_DAY;
}

int issued_refused(struct gv_turn *t, const char *device)
{
	const Pki__RefusedRow *before = gv_get(t, &pki_refused, gv_key(device));
	Pki__RefusedRow row = PKI__REFUSED_ROW__INIT;

	for (size_t i = 0; before && i < before->n_at_ms; i++)
		if (is_today(t, before->at_ms[i]))
			*GV_APPEND(t, row.at_ms, row.n_at_ms) = before->at_ms[i];
	*GV_APPEND(t, row.at_ms, row.n_at_ms) = gv_now_ms(t);
	return gv_put(t, &pki_refused, gv_key(device), &row);
}

int issued_forget_refused(struct gv_turn *t, const char *device)
{
	return gv_get(t, &pki_refused, gv_key(device)) ? gv_delete(t, &pki_refused, gv_key(device)) : 0;
}

int issued_keep(struct gv_turn *t, const Pki__Certificate *c)
{
	struct gv_scan scan = { .table = &pki_by_device, .prefix = gv_key(c->device), .reverse = true };
	Pki__Ref ref = PKI__REF__INIT;

	while (gv_next(t, &scan)) { /* those before are renewed by it; behind the first that is, all are */
		const Pki__Certificate *before = at(t, &scan);

		if (!before || before->renewed)
			break;
		((Pki__Certificate *)gv_edit(t, &pki_certificates, gv_key(before->serial)))->renewed = true;
	}
	gv_put(t, &pki_certificates, gv_key(c->serial), c);
	gv_put(t, &pki_by_device, gv_key(c->device, c->not_before_ms, c->serial), &ref);
	return gv_put(t, &pki_expiring, gv_key(c->not_after_ms, c->serial), &ref);
}

int issued_forget(struct gv_turn *t, const Pki__Certificate *c)
{
	gv_delete(t, &pki_by_device, gv_key(c->device, c->not_before_ms, c->serial));
	gv_delete(t, &pki_expiring, gv_key(c->not_after_ms, c->serial));
	return gv_delete(t, &pki_certificates, gv_key(c->serial));
}

/* ---- List ------------------------------------------------------------------------------------ */

int pki_list(void *self, struct gv_turn *t, struct gv_ticket ticket, const ProtobufCMessage *m)
{
	const Pki__ListRequest *r = (const Pki__ListRequest *)m;
	Pki__ListReply reply = PKI__LIST_REPLY__INIT;
	struct gv_scan scan = { .table = &pki_by_device };
	size_t limit = r->limit ? r->limit : PKI_LIST_DEFAULT;

	if (limit > PKI_LIST_MAX)
		return gv_refuse(t, ticket, GV_INVALID_ARGUMENT, "limit must be at most %d", PKI_LIST_MAX);
	if (r->device[0])
		scan.prefix = gv_key(r->device);
	if (r->page[0] && gv_page_from(t, &scan, r->page) < 0)
		return gv_refuse(t, ticket, GV_INVALID_ARGUMENT, "page is none that List gave");
	while (reply.n_certificates < limit && gv_next(t, &scan)) {
		const Pki__Certificate *c = at(t, &scan);

		if (c)
			*GV_APPEND(t, reply.certificates, reply.n_certificates) = (Pki__Certificate *)c;
	}
	if (reply.n_certificates == limit)
		reply.next = gv_page(t, &scan);
	return gv_reply(t, ticket, &reply);
}

/* ---- Revoke ---------------------------------------------------------------------------------- */

static void revoke(struct gv_turn *t, const char *serial, const char *reason, Pki__RevokeReply *reply)
{
	Pki__Certificate *c = gv_edit(t, &pki_certificates, gv_key(serial));
	Pki__CertificateRevoked e = PKI__CERTIFICATE_REVOKED__INIT;

	c->revoked_at_ms = gv_now_ms(t);
	c->revoked_for = gv_strdup(t, reason);
	e.device = c->device;
	e.serial = c->serial;
	e.not_after_ms = c->not_after_ms;
	gv_log(t, GV_INFO, "certificate revoked device=%s serial=%s reason=\"%s\"", c->device, c->serial, reason);
	gv_emit(t, &e);
	*GV_APPEND(t, reply->certificates, reply->n_certificates) = c;
}

static void revoke_device(struct gv_turn *t, const Pki__RevokeRequest *r, Pki__RevokeReply *reply)
{
	struct gv_scan scan = { .table = &pki_by_device, .prefix = gv_key(r->device) };

	while (gv_next(t, &scan)) {
		const Pki__Certificate *c = at(t, &scan);

		if (c && !c->revoked_at_ms && c->not_after_ms > gv_now_ms(t))
			revoke(t, c->serial, r->reason, reply);
	}
}

int pki_revoke(void *self, struct gv_turn *t, struct gv_ticket ticket, const ProtobufCMessage *m)
{
	const Pki__RevokeRequest *r = (const Pki__RevokeRequest *)m;
	Pki__RevokeReply reply = PKI__REVOKE_REPLY__INIT;
	const Pki__Certificate *c;

	if (!r->serial[0] == !r->device[0])
		return gv_refuse(t, ticket, GV_INVALID_ARGUMENT, "give serial or device, and not both");
	if (r->device[0]) {
		revoke_device(t, r, &reply);
		if (!reply.n_certificates)
			return gv_refuse(t, ticket, GV_NOT_FOUND, "%s has no valid certificate of this authority",
					 r->device);
		return gv_reply_when_heard(t, ticket, &reply);
	}
	c = gv_get(t, &pki_certificates, gv_key(r->serial));
	if (!c)
		return gv_refuse(t, ticket, GV_NOT_FOUND,
				 "this authority has signed no certificate %s: List shows the serial numbers",
				 r->serial);
	if (c->revoked_at_ms)
		*GV_APPEND(t, reply.certificates, reply.n_certificates) = (Pki__Certificate *)c;
	else
		revoke(t, r->serial, r->reason, &reply);
	return gv_reply_when_heard(t, ticket, &reply);
}

int issued_snapshot_revoked(void *self, struct gv_turn *t)
{
	struct gv_scan scan = { .table = &pki_certificates };

	while (gv_next(t, &scan)) {
		const Pki__Certificate *c = scan.row;
		Pki__CertificateRevoked e = PKI__CERTIFICATE_REVOKED__INIT;

		if (!c->revoked_at_ms || c->not_after_ms < gv_now_ms(t))
			continue;
		e.device = c->device;
		e.serial = c->serial;
		e.not_after_ms = c->not_after_ms;
		gv_emit(t, &e);
	}
	return 0;
}
