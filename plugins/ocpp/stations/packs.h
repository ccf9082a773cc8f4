/* Meter values and heartbeats of a charger: collected in memory, and written many messages a row. docs/adr/0024. */
#ifndef OCPP_PACKS_H
#define OCPP_PACKS_H

#include <galvan/ocpp.pb-c.h>
#include <galvan/plugin.h>

#include <lib/buf.h>

struct message;
struct ocpp;
struct station;

struct pack {
	struct gv_buf said; /* what is not written yet: a MessagePack on the wire */
	int64_t since_ms;   /* of the oldest in it */
	uint64_t newest;    /* number of the newest */
	uint64_t end;       /* bytes of the charger that were ever written; 0: not looked for yet, or none were */
	uint64_t full;      /* at this end its oldest row goes; 0: not looked for yet */
};

extern const struct gv_table ocpp_packs; /* device, bytes ever written with this row -> MessagePackRow */

/* Whether there is room for another message of the charger before what is collected is written. */
bool pack_fits(struct ocpp *o, struct gv_turn *t, const struct station *st);
/* After pack_fits. */
void pack_add(struct ocpp *o, struct gv_turn *t, struct station *st, const struct message *m, uint64_t number);
/* Writes what is collected of the charger, and drops its oldest rows beyond keep_routine_bytes_per_station. */
void pack_write(struct ocpp *o, struct gv_turn *t, struct station *st);
/* What is in a row, or collected: oldest first, in the turn's memory. NULL: nothing. */
Ocpp__MessagePack *pack_read(struct gv_turn *t, const Ocpp__MessagePackRow *row);
Ocpp__MessagePack *pack_collected(struct gv_turn *t, const struct station *st);

#define PACKS_TIMER "packs"
int packs_due(struct ocpp *o, struct gv_turn *t);
/* At the plugin's end: 1 while there is more to write. */
int packs_finish(struct ocpp *o, struct gv_turn *t);
/* Takes away rows whose messages all have lower numbers than `oldest`, of some chargers: those behind `after` ("": from
 * the first on). The last of them; "": there is no other. */
const char *packs_purge(struct gv_turn *t, const char *after, uint64_t oldest);

#endif
