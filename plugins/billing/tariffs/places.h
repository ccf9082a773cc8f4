/* Where devices stand: billing's own view of the registry, fed by its events. */
#ifndef BILLING_PLACES_H
#define BILLING_PLACES_H

#include <plugins/billing/billing.h>

#include <lib/zone.h>

extern const struct gv_table places_table;

/* By the device's id or an alias, in the turn's memory; NULL: the registry has told of no such device. */
const Billing__PlaceRow *places_find(struct gv_turn *t, const char *device);
/* The most a connector can give, in W; 0: unknown. `place` may be NULL. */
int64_t places_power_w(const Billing__PlaceRow *place, uint32_t connector);

/* The rules of a time zone by IANA's name, read once. NULL: UTC, or unknown (logged). Lives as long as the plugin. */
const struct gv_zone *places_zone(struct billing *b, struct gv_turn *t, const char *zone);
void places_stop(struct billing *b);

/* Hears galvan.registry.v1.DeviceChanged. */
int places_device_changed(void *self, struct gv_turn *t, const ProtobufCMessage *event, const struct gv_emitter *from);

#endif
