/* A charger's certificate, from its request to its answer (OCPP 2.0.1 A02 and A03, the same in 1.6's security
 * extension): SignCertificate is answered at once, pki signs, CertificateSigned brings it. What goes wrong on the way
 * is a security event: nobody waits for an answer who could be told. */
#include "certificates.h"
#include "reports.h"
#include "security.h"

#include <plugins/ocpp/edge/credentials.h>

#include <string.h>

#define SIGN_TIMEOUT_MS 60000
#define NOTE_PERIOD_MS 60000 /* of a charger that asks without end, one refusal is told in so long */

const struct gv_table ocpp_authorities = { .name = "authorities",
					   .key = "s",
					   .value = &ocpp__known_authority__descriptor };

const struct gv_table ocpp_undelivered = { .name = "undelivered",
					   .key = "s",
					   .value = &ocpp__signed_certificate__descriptor };

int authority_changed(struct ocpp *o, struct gv_turn *t, const Pki__AuthorityChanged *e, const struct gv_emitter *from)
{
	Ocpp__KnownAuthority row = OCPP__KNOWN_AUTHORITY__INIT;

	return gv_put(t, &ocpp_authorities, gv_key(e->instance), &row);
}

/* ---- a request ------------------------------------------------------------------------------- */

/* What is not told is counted. */
int certificate_not_signed(struct ocpp *o, struct gv_turn *t, const char *device, const char *why)
{
	struct station *st = station_find(o, device);

	gv_count(t, "certificates_not_signed", 1);
	if (st && st->sign_noted_ms && gv_now_ms(t) - st->sign_noted_ms < NOTE_PERIOD_MS)
		return 0;
	if (st)
		st->sign_noted_ms = gv_now_ms(t);
	return security_note(o, t, device, "certificate-not-signed", why);
}

/* One request of a charger is with pki at a time: while it is, another is not taken. */
const char *certificate_asked(struct ocpp *o, struct gv_turn *t, struct inbound *in, const char *csr, const char *type)
{
	struct gv_scan scan = { .table = &ocpp_authorities };
	Pki__SignRequest request = PKI__SIGN_REQUEST__INIT;
	Ocpp__Signing note = OCPP__SIGNING__INIT;
	struct gv_call call = { .method = "galvan.pki.v1.Pki/Sign", .request = &request, .note = &note };

	if (!gv_next(t, &scan))
		return "NoCA";
	if (in->st->signing_until_ms > gv_now_ms(t))
		return "Busy";
	if (report_told(t, in))
		return NULL;
	request.device = (char *)in->device;
	request.csr = (char *)csr;
	note.device = (char *)in->device;
	note.type = (char *)type;
	call.timeout_ms = SIGN_TIMEOUT_MS;
	if (gv_call(t, &call) < 0)
		certificate_not_signed(o, t, in->device, "too many requests wait for pki already");
	else
		in->st->signing_until_ms = gv_now_ms(t) + SIGN_TIMEOUT_MS;
	return NULL;
}

static int deliver(struct ocpp *o, struct gv_turn *t, const struct station *st, const Ocpp__SignedCertificate *made)
{
	struct command c = { .kind = OCPP__COMMAND__KIND__CERTIFICATE, .request_id = made->serial };

	if (!st->edge->security)
		return security_note(o, t, st->device, "certificate-undelivered",
				     "it speaks a version now that has no certificates");
	st->edge->security->signed_certificate(t, made->chain, made->type, &c);
	return command_send(o, t, (struct gv_ticket){ 0 }, st->device, &c);
}

int certificate_made(struct ocpp *o, struct gv_turn *t, const char *device, const Ocpp__SignedCertificate *made)
{
	struct station *st = station_find(o, device);
	Ocpp__SignedCertificate *row, *copy;

	if (st)
		return deliver(o, t, st, made);
	row = gv_edit(t, &ocpp_undelivered, gv_key(device));
	copy = row;
	if (!strcmp(made->type, "V2GCertificate")) {
		copy = row->v2g = gv_alloc(t, sizeof *copy);
		ocpp__signed_certificate__init(copy);
	}
	copy->chain = gv_strdup(t, made->chain);
	copy->type = gv_strdup(t, made->type);
	copy->serial = gv_strdup(t, made->serial);
	return 0;
}

int certificate_answered(struct ocpp *o, struct gv_turn *t, const struct gv_answer *answer, const Ocpp__Signing *note)
{
	const Pki__SignReply *reply = answer->reply;
	struct station *st = station_find(o, note->device);
	Ocpp__SignedCertificate row = OCPP__SIGNED_CERTIFICATE__INIT;

	if (st)
		st->signing_until_ms = 0;
	if (answer->code != GV_OK || !reply)
		return certificate_not_signed(o, t, note->device, answer->error);
	row.chain = reply->chain;
	row.type = note->type;
	row.serial = reply->certificate->serial;
	return certificate_made(o, t, note->device, &row);
}

int certificate_opened(struct ocpp *o, struct gv_turn *t, const struct station *st)
{
	const Ocpp__SignedCertificate *row = gv_get(t, &ocpp_undelivered, gv_key(st->device));
	int error = row && row->chain[0] ? deliver(o, t, st, row) : 0;

	if (row && row->v2g && !error)
		error = deliver(o, t, st, row->v2g);
	return row && !error ? gv_delete(t, &ocpp_undelivered, gv_key(st->device)) : error;
}

/* ---- the charger's word ---------------------------------------------------------------------- */

/* What it said, or why it said nothing. */
static const char *word(struct gv_turn *t, const struct outcome *out)
{
	switch (out->kind) {
	case OUTCOME_ERROR:
		return gv_str(t, "%.60s%s%.180s", out->code, out->description[0] ? ": " : "", out->description);
	case OUTCOME_LOST:
	case OUTCOME_UNSENT:
		return "its connection was lost";
	case OUTCOME_TIMEOUT:
		return "no answer came";
	case OUTCOME_UNREACHED:
		return "it could not be called";
	case OUTCOME_ANSWERED:
		break;
	}
	return outcome_status(out);
}

int certificate_concluded(struct ocpp *o, struct gv_turn *t, const char *device, const Ocpp__Command *row,
			  const struct outcome *out)
{
	if (strcmp(outcome_status(out), "Accepted") == 0) {
		gv_log(t, GV_INFO, "charger has taken its new certificate device=%s serial=%s", device,
		       row->request_id);
		return 0;
	}
	return security_note(o, t, device, "certificate-refused",
			     gv_str(t, "the charger was sent certificate %s: %s", row->request_id, word(t, out)));
}

int renewal_concluded(struct ocpp *o, struct gv_turn *t, const char *device, const Ocpp__Command *row,
		      const struct outcome *out)
{
	if (strcmp(outcome_status(out), "Accepted") == 0)
		return 0;
	return security_note(o, t, device, "renewal-refused",
			     gv_str(t, "the charger was to ask for a new certificate: %s", word(t, out)));
}

int renewal_due(struct ocpp *o, struct gv_turn *t, const Pki__RenewalDue *e, const struct gv_emitter *from)
{
	const struct station *st = station_find(o, e->device);
	struct command c = { .kind = OCPP__COMMAND__KIND__RENEWAL };

	if (!st || !st->edge->security) /* tomorrow again */
		return 0;
	st->edge->security->renew(t, &c);
	return command_send(o, t, (struct gv_ticket){ 0 }, e->device, &c);
}
