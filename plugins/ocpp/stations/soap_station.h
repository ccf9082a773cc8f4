/* Stations that call over SOAP. Such a station has no connection: it is online while it is heard of, and what is asked
 * of it is posted to the address that its last request named (OCPP-S 1.6, 3.7). */
#ifndef OCPP_STATIONS_SOAP_H
#define OCPP_STATIONS_SOAP_H

#include <plugins/ocpp/ocpp.h>
#include <plugins/ocpp/wire/soap.h>

#define SOAP_TIMER "soap:" /* and the device: when it will have been silent for too long */
#define SOAP_SILENCE 3     /* heartbeat intervals without a word after which a station is offline */
#define SOAP_FAILURES 3    /* calls in a row that do not reach it, after which it is offline as well */
#define SOAP_URL_MAX 1000  /* bytes of an address that is called */

/* A request of this station has come: it is online, where this says. *ret_again: it is its last one again.
 * -EISCONN: it is connected over WebSocket. */
int soap_heard(struct ocpp *o, struct gv_turn *t, const char *device, const struct soap_envelope *e, const char *peer,
	       uint64_t digest, struct station **ret, bool *ret_again);
/* The address at which it is called; "": it has never named one that could be. */
const char *soap_callback(struct gv_turn *t, const char *device);
/* The timer of that name. */
int soap_due(struct ocpp *o, struct gv_turn *t, const char *name);
int soap_restore(struct ocpp *o, struct gv_turn *t);
/* It is connected over WebSocket now. */
int soap_left(struct gv_turn *t, const char *device);
/* A call has reached it, or has not. True: that was one failure too many, and it is offline from now on. */
bool soap_called(struct gv_turn *t, const char *device, bool reached);

/* Whether OCPP-S has this action, in the station's version. */
bool soap_knows(const struct station *st, const char *action);
/* Posts a call. The answer comes to soap_answered, and from there to commands.c. */
int soap_post(struct ocpp *o, struct gv_turn *t, const struct station *st, const Ocpp__Command *row);
int soap_answered(struct ocpp *o, struct gv_turn *t, const Ocpp__SoapCall *note, const struct gv_answer *answer);

/* ---- envelopes.c of the plugin --------------------------------------------------------------- */

struct soap_exchange {
	const char *data; /* an envelope */
	size_t size;
	const char *peer;
	bool again;            /* may have been handled already */
	unsigned status;       /* out: HTTP's; the answer is in o->out */
	const char *elsewhere; /* out: nothing was done, as the device is another instance's; NULL: it is this one's */
};
int soap_handle(struct ocpp *o, struct gv_turn *t, struct soap_exchange *x);

/* ---- soap_http.c of the plugin: requests ----------------------------------------------------- */

#define SOAP_LISTENER "ocpp-s"
int soap_listen(struct gv_turn *t);
int soap_request(struct ocpp *o, struct gv_turn *t, const struct gv_frame *f);
/* Between instances. */
int soap_forwarded(struct ocpp *o, struct gv_turn *t, struct gv_ticket ticket, const Ocpp__SoapRequest *r);
int soap_forward_answered(struct gv_turn *t, const Ocpp__SoapForward *note, const struct gv_answer *answer);

#endif
