/* The serial number in a BootNotification, and that of the certificate. */
#ifndef OCPP_SERIAL_H
#define OCPP_SERIAL_H

#include <plugins/ocpp/ocpp.h>

#define SERIAL_MISMATCH "serial-mismatch" /* the security event */

/* False where the config has it refused: `in` says so, and the connection will be closed behind that. */
bool serial_check(struct ocpp *o, struct gv_turn *t, struct inbound *in, const Ocpp__Station *said);

#endif
