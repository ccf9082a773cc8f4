/* The versions that are spoken: another one is another line. */
#include "profiles.h"
#include "v16.h"
#include "v201.h"

const struct edge *const edges[] = { &edge_v201, &edge_v16, &edge_v15, NULL };
const struct edge *const edge_assumed = &edge_v16;
const struct edge_profiles *const profiles_asked = &v16_profiles;
