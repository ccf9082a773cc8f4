/* Certificates end. Some days before, whoever can talk to the device is told, once a day until there is a newer one.
 * And long after its end a certificate is forgotten. */
#include "pki.h"

#define PERIOD_MS (60 * 60 * 1000)
#define AGAIN_MS 1000 /* while there is more to look at */
#define ROWS_MAX 2000 /* looked at in one turn */

static int arm(struct gv_turn *t, int64_t delay_ms)
{
	return gv_timer(t, "renewals", gv_now_ms(t) + delay_ms, NULL);
}

int renewals_start(struct gv_turn *t)
{
	return arm(t, PERIOD_MS);
}

/* The newest of a device that is not asked for already today. */
static bool is_due(struct gv_turn *t, const Pki__Certificate *c)
{
	return !c->renewed && !c->revoked_at_ms && c->renewal_asked_at_ms <= gv_now_ms(t) - PKI_DAY_MS;
}

static int ask(struct gv_turn *t, const char *serial)
{
	Pki__Certificate *c = gv_edit(t, &pki_certificates, gv_key(serial));
	Pki__RenewalDue e = PKI__RENEWAL_DUE__INIT;

	c->renewal_asked_at_ms = gv_now_ms(t);
	e.device = c->device;
	e.serial = c->serial;
	e.not_after_ms = c->not_after_ms;
	return gv_emit(t, &e);
}

/* Those that ended long ago; true where more may be left. */
static bool forget(struct gv_turn *t)
{
	struct gv_scan scan = { .table = &pki_expiring };
	int64_t before = gv_now_ms(t) - PKI_KEPT_DAYS * PKI_DAY_MS;
	unsigned n = 0;

	while (n < ROWS_MAX && gv_next(t, &scan) && scan.key.part[0].i < before) {
		const Pki__Certificate *c = gv_get(t, &pki_certificates, gv_key(scan.key.part[1].s));

		n++;
		if (c)
			issued_forget(t, c);
		else
			gv_delete(t, &pki_expiring, scan.key);
	}
	return n == ROWS_MAX;
}

int renewals_due(struct pki *pki, struct gv_turn *t)
{
	struct gv_scan scan = { .table = &pki_expiring, .after = gv_key(gv_now_ms(t), "") };
	int64_t until = gv_now_ms(t) + pki->renew_ms;
	unsigned asked = 0;

	while (asked < ROWS_MAX && gv_next(t, &scan) && scan.key.part[0].i <= until) {
		const Pki__Certificate *c = gv_get(t, &pki_certificates, gv_key(scan.key.part[1].s));

		if (c && is_due(t, c)) {
			ask(t, c->serial);
			asked++;
		}
	}
	return arm(t, forget(t) || asked == ROWS_MAX ? AGAIN_MS : PERIOD_MS);
}
