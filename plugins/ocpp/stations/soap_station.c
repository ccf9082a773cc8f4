/* The presence of stations that call over SOAP: a row each, and one durable timer each that looks, when it fires,
 * whether there was a word since it was set. */
#include "soap_station.h"

#include "forget.h"

#include <plugins/ocpp/edge/edge.h>

#include <errno.h>
#include <string.h>

static int64_t silence_ms(const struct ocpp *o)
{
	return (int64_t)o->heartbeat_s * 1000 * SOAP_SILENCE;
}

/* An address that could be called: http or https, a host, and nothing that would end up elsewhere than in the URL. */
static bool is_url(const char *s)
{
	size_t size = strlen(s), host;

	if (!strncmp(s, SOAP_ADDRESSING, strlen(SOAP_ADDRESSING)) ||
	    !strncmp(s, SOAP_ADDRESSING_OLD, strlen(SOAP_ADDRESSING_OLD)))
		return false; /* "anonymous" and "none" are no addresses */
	host = !strncmp(s, "http://", 7) ? 7 : !strncmp(s, "https://", 8) ? 8 : 0;
	if (!host || size > SOAP_URL_MAX || strcspn(s + host, "/?#") == 0 || strpbrk(s, "@ \t\r\n\"<>\\"))
		return false;
	for (const char *c = s; *c; c++)
		if ((unsigned char)*c <= 0x20 || *c == 0x7f)
			return false;
	return true;
}

static int open_station(struct ocpp *o, struct gv_turn *t, const char *device, const char *version,
			struct station **ret)
{
	struct gv_conn conn = { .id = STATION_SOAP, .device = device, .subprotocol = version };

	return station_open(o, t, &conn, ret);
}

static int watch(struct ocpp *o, struct gv_turn *t, const char *device, int64_t heard_ms)
{
	return gv_timer(t, gv_str(t, SOAP_TIMER "%s", device), heard_ms + silence_ms(o), NULL);
}

static int tell(struct gv_turn *t, const char *device, bool online, const char *why)
{
	Ocpp__StationPresenceChanged e = OCPP__STATION_PRESENCE_CHANGED__INIT;

	e.device = (char *)device;
	e.online = online;
	e.why = (char *)why;
	if (!online)
		gv_log(t, GV_INFO, "charger is offline: %s device=%s", why, device);
	return gv_emit(t, &e);
}

int soap_heard(struct ocpp *o, struct gv_turn *t, const char *device, const struct soap_envelope *e, const char *peer,
	       uint64_t digest, struct station **ret, bool *ret_again)
{
	struct station *st = station_find(o, device);
	const char *version = e->version->spec->subprotocol;
	Ocpp__SoapRow *row;
	bool opened = false;
	int error = 0;

	if (st && st->conn != STATION_SOAP)
		return -EISCONN;
	if (!st)
		error = forget_created(o, t, device);
	if (error)
		return error;
	if (!st || strcmp(st->edge->spec->subprotocol, version) != 0) {
		opened = !st;
		error = open_station(o, t, device, version, &st);
	}
	if (error)
		return error;
	row = gv_edit(t, &ocpp_soap, gv_key(device));
	*ret_again = row->online && row->digest == digest;
	row->version = (char *)version;
	row->identity = gv_strdup(t, e->identity);
	if (is_url(e->from))
		row->callback = gv_strdup(t, e->from);
	row->address = gv_strdup(t, e->to);
	row->old_addressing = e->old_addressing;
	row->peer = gv_strdup(t, peer);
	row->heard_at_ms = gv_now_ms(t);
	row->digest = digest;
	row->failures = 0;
	if (opened || !row->online)
		watch(o, t, device, row->heard_at_ms);
	if (!row->online)
		tell(t, device, true, "");
	row->online = true;
	st->last_ms = row->heard_at_ms;
	*ret = st;
	return opened ? ocpp_opened(o, t, st, false) : 0;
}

const char *soap_callback(struct gv_turn *t, const char *device)
{
	const Ocpp__SoapRow *row = gv_get(t, &ocpp_soap, gv_key(device));

	return row ? row->callback : "";
}

int soap_due(struct ocpp *o, struct gv_turn *t, const char *name)
{
	const char *device = name + strlen(SOAP_TIMER);
	const Ocpp__SoapRow *known = gv_get(t, &ocpp_soap, gv_key(device));
	struct station *st = station_find(o, device);
	Ocpp__SoapRow *row;

	if (!known || !known->online || (st && st->conn != STATION_SOAP))
		return 0;
	if (gv_now_ms(t) < known->heard_at_ms + silence_ms(o))
		return watch(o, t, device, known->heard_at_ms);
	row = gv_edit(t, &ocpp_soap, gv_key(device));
	row->online = false;
	tell(t, device, false,
	     gv_str(t, "it calls over SOAP and has been silent for %lld s", (long long)(silence_ms(o) / 1000)));
	return ocpp_closed(o, t, device, STATION_SOAP);
}

static int leave(struct gv_turn *t, const char *device, Ocpp__SoapRow *row, const char *why)
{
	row->online = false;
	gv_timer_cancel(t, gv_str(t, SOAP_TIMER "%s", device));
	return tell(t, device, false, why);
}

int soap_left(struct gv_turn *t, const char *device)
{
	const Ocpp__SoapRow *row = gv_get(t, &ocpp_soap, gv_key(device));

	if (!row || !row->online)
		return 0;
	return leave(t, device, gv_edit(t, &ocpp_soap, gv_key(device)),
		     "it does not call over SOAP any more, but is connected over WebSocket");
}

bool soap_called(struct gv_turn *t, const char *device, bool reached)
{
	const Ocpp__SoapRow *row = gv_get(t, &ocpp_soap, gv_key(device));
	Ocpp__SoapRow *edit;

	if (!row || !row->online || (reached && !row->failures))
		return false;
	edit = gv_edit(t, &ocpp_soap, gv_key(device));
	edit->failures = reached ? 0 : edit->failures + 1;
	if (edit->failures < SOAP_FAILURES)
		return false;
	leave(t, device, edit,
	      gv_str(t, "%u calls in a row have not reached it at %s", edit->failures, edit->callback));
	return true;
}

/* Calls that were under way are durable: the host repeats them. */
int soap_restore(struct ocpp *o, struct gv_turn *t)
{
	struct gv_scan scan = { .table = &ocpp_soap };
	int error = 0;

	while (!error && gv_next(t, &scan)) {
		const Ocpp__SoapRow *row = scan.row;
		struct station *st;

		if (!row->online)
			continue;
		error = open_station(o, t, scan.key.part[0].s, row->version, &st);
		if (!error) {
			st->last_ms = row->heard_at_ms;
			error = ocpp_opened(o, t, st, true);
		}
	}
	return error;
}
