/* The serial number that a charger reports, against the one in its certificate (OCPP 2.0.1 B01.FR.11 and .12).
 * link has let in only who shows the certificate of the registry's attribute certificateCn; here the
 * charger behind it says which one it is. Where the attribute is not set certificates carry the identity, and there is
 * nothing to hold against a serial number. */
#include "serial.h"

#include "known.h"
#include "security.h"

#include <string.h>

#define NOTE_PERIOD_MS 60000 /* a charger that comes again and again is told of once in so long */

static bool told_lately(struct gv_turn *t, const char *device)
{
	struct gv_scan scan = { .table = &ocpp_security_by_device, .prefix = gv_key(device), .reverse = true };
	const Ocpp__SecurityEvent *e;

	if (!gv_next(t, &scan))
		return false;
	e = gv_get(t, &ocpp_security_events, gv_key(scan.key.part[1].u));
	return e && !strcmp(e->type, SERIAL_MISMATCH) && gv_now_ms(t) - e->received_at_ms < NOTE_PERIOD_MS;
}

bool serial_check(struct ocpp *o, struct gv_turn *t, struct inbound *in, const Ocpp__Station *said)
{
	const Ocpp__KnownDevice *known = known_find(t, in->device);
	const char *wanted = known ? known->certificate_cn : "";
	const char *why;

	if (!wanted[0] || !strcmp(wanted, said->charge_point_serial) || !strcmp(wanted, said->charge_box_serial))
		return true;
	why = gv_str(t,
		     "it reports serial number \"%s\", and its certificate is of \"%s\": put the right one into the "
		     "device's attribute certificateCn, or find out whose certificate this charger has",
		     said->charge_point_serial[0] ? said->charge_point_serial : said->charge_box_serial, wanted);
	gv_count(t, "serial_mismatches", 1);
	if (!told_lately(t, in->device))
		security_note(o, t, in->device, SERIAL_MISMATCH, why);
	if (!o->refuse_serial)
		return true;
	in->code = RPC_SECURITY_ERROR;
	in->why = "the serial number is not the certificate's";
	in->farewell = true;
	return false;
}
