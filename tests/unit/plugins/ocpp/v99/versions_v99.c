/* The plugin's list of versions with one line more. */
#include "v99.h"

#include <plugins/ocpp/edge/profiles.h>
#include <plugins/ocpp/edge/v16.h>
#include <plugins/ocpp/edge/v201.h>

const struct edge *const edges[] = { &edge_v99, &edge_v201, &edge_v16, &edge_v15, NULL };
const struct edge *const edge_assumed = &edge_v16;
const struct edge_profiles *const profiles_asked = &v16_profiles;
