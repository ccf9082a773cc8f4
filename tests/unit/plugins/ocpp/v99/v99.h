/* OCPP 9.9, which nobody speaks: a version in which everything is called otherwise, so that a plugin which carries it
 * through without a changed line knows versions by their tables and edges alone. */
#ifndef TEST_OCPP_V99_H
#define TEST_OCPP_V99_H

#include <plugins/ocpp/edge/edge.h>

extern const struct spec_version spec_v99;
extern const struct edge edge_v99;

#endif
