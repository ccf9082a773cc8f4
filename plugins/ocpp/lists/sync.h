/* What the files of the talk with a charger share: sync.c says what is next, list_answers.c takes what came of it,
 * asked.c is for whoever wants to know or to have something done. */
#ifndef OCPP_SYNC_H
#define OCPP_SYNC_H

#include "lists.h"

#include <plugins/ocpp/edge/edge.h>

/* What was asked, in a command's `about`; of a cache's clearing the change stands above it. */
enum question { ASK_LIMITS, ASK_VERSION, ASK_TAKE, ASK_CLEAR, QUESTIONS };

Ocpp__ListPlace *sync_place(struct gv_turn *t);
/* The charger's row, to be changed; its place is there. */
Ocpp__DeviceList *sync_edit(struct gv_turn *t, const char *device);
/* Whoever waits for SyncLocalList. */
void sync_tell(struct gv_turn *t, Ocpp__DeviceList *row, const char *status);
void sync_refuse(struct gv_turn *t, Ocpp__DeviceList *row, enum gv_code code, const char *why);

#endif
