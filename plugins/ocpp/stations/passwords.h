/* New passwords for chargers. */
#ifndef OCPP_PASSWORDS_H
#define OCPP_PASSWORDS_H

#include "commands.h"

gv_method_fn rotate_password;
int password_answered(struct ocpp *o, struct gv_turn *t, const struct gv_answer *answer, const Ocpp__Rotation *note);
conclude_fn password_concluded;

#endif
