/* What the registry says of devices, for those that call over SOAP: link answers a WebSocket's handshake from its own
 * view, but a SOAP request says who it comes from only inside. */
#ifndef OCPP_KNOWN_H
#define OCPP_KNOWN_H

#include <plugins/ocpp/ocpp.h>

/* Whether all that the registry has to say has been heard: until then who is not found may be known all the same. */
bool known_all(struct gv_turn *t);
/* By id or alias, without regard to the case of letters; NULL: the registry does not know it. */
const Ocpp__KnownDevice *known_find(struct gv_turn *t, const char *id);
int known_changed(struct gv_turn *t, const Registry__DeviceChanged *e, const struct gv_emitter *from);
/* What this emitter said so far is void. */
int known_forget(struct gv_turn *t, const char *emitter);

#endif
