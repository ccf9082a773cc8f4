/* OCPP 2.0.1: smart charging. */
#ifndef OCPP_V201_LIMITS_H
#define OCPP_V201_LIMITS_H

#include "edge.h"

extern const struct edge_profiles v201_profiles;
inbound_fn v201_told_limit, v201_told_cleared, v201_told_profiles, v201_told_needs, v201_told_schedule;

#endif
