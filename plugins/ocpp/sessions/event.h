/* What the files about numbered messages share: events.c, event_meter.c, event_apart.c. */
#ifndef OCPP_EVENT_H
#define OCPP_EVENT_H

#include "sessions.h"

/* A message and what it is about. */
struct event {
	struct ocpp *o;
	struct gv_turn *t;
	struct inbound *in;
	const struct said_event *said;
	Ocpp__Transaction *x;
	bool active, begins;
	bool newest; /* of all that have come */
	int64_t order;
	struct meter values; /* in the end: what is new of them */
};

/* Appends what is new of its samples, and takes the meter's start and readings from all of them. */
int event_take_meter(struct event *e);
/* Energy, and whether messages are missing, from all that has come. */
void event_reckon(Ocpp__Transaction *x);

#endif
