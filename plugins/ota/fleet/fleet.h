/* What is known of each device: its rows, and all of them in memory for filters. */
#ifndef OTA_FLEET_H
#define OTA_FLEET_H

#include "../ota.h"
#include "filter.h"

#include <galvan/registry.pb-c.h>

/* ---- devices.c: the rows --------------------------------------------------------------------- */

/* NULL: nothing was ever heard of it. */
const Ota__DeviceRow *device_get(struct gv_turn *t, const char *device);
/* A copy to change and to store. */
Ota__DeviceRow *device_edit(struct ota *o, struct gv_turn *t, const char *device);
/* The version that it has of a kind of artifact; "": not known. */
const char *device_version(const Ota__DeviceRow *row, const char *kind);
/* The greatest counter that it has confirmed. */
uint64_t device_counter(const Ota__DeviceRow *row, const char *product, const char *kind);
bool device_takes(const Ota__DeviceRow *row, const char *way);
/* Notes what a device has got from here. */
void device_installed(struct ota *o, struct gv_turn *t, const char *device, const Ota__Artifact *a);
/* The same, by the word of its agent. */
void device_reported(struct ota *o, struct gv_turn *t, const char *device, const char *kind, const char *version,
		     uint64_t counter);
int device_changed(struct ota *o, struct gv_turn *t, const Registry__DeviceChanged *m, const struct gv_emitter *from);
int device_resync(struct ota *o, struct gv_turn *t, const char *emitter);
int device_identified(struct ota *o, struct gv_turn *t, const Update__DeviceIdentified *m);
/* "ocpp" of "ocpp:CP001". */
char *device_plugin(struct gv_turn *t, const char *device);
/* What a filter sees of it. */
void device_subject(struct gv_turn *t, const char *device, const Ota__DeviceRow *row, struct subject *ret);

/* ---- subjects.c: all of them in memory ------------------------------------------------------- */

void fleet_close(struct ota *o);
/* Its row has changed, or may have: it is read again before it is used. */
void fleet_touch(struct ota *o, const char *device);
/* Whether all devices are there, as their rows are now. False: they are being read, some more at each call; try again
 * in another turn. */
bool fleet_ready(struct ota *o, struct gv_turn *t);
/* Sorted by id. None where the fleet is not ready. */
const struct subject *fleet_subjects(struct ota *o, size_t *ret_count);

/* ---- target.c: which devices a target means -------------------------------------------------- */

struct target;
/* NULL: `ret_problem` is a sentence. Lives as long as the turn's memory. */
struct target *target_open(struct gv_turn *t, const Ota__Target *target, const char **ret_problem);
bool target_matches(const struct target *x, const struct subject *s);
/* Calls `each` with the devices that it means, in order, from behind `after` on ("": from the beginning), until it says
 * false. The fleet is ready. */
void target_each(struct ota *o, const struct target *x, const char *after,
		 bool (*each)(void *arg, const struct subject *s), void *arg);

#endif
