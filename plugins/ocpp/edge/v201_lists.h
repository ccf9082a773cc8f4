/* OCPP 2.0.1: reservations, and the list of tokens that a charger keeps. */
#ifndef OCPP_V201_LISTS_H
#define OCPP_V201_LISTS_H

#include "edge.h"

extern const struct edge_lists v201_lists;
int v201_reserve(struct gv_turn *t, const struct reserve_order *order, struct command *ret);

#endif
