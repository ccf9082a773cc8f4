/* What the files about samples share: meter_read.c, meter_digest.c. */
#ifndef OCPP_METER_H
#define OCPP_METER_H

#include <stdint.h>

struct cJSON;

/* Stands for a list of MeterValue whose times are not their own. Not 0. */
uint64_t meter_digest(const struct cJSON *list);

#endif
