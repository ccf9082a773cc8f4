/* Names and values of devices' attributes. */
#ifndef REGISTRY_ATTRIBUTES_H
#define REGISTRY_ATTRIBUTES_H

struct gv_turn;

/* What is wrong with an attribute, for people, in the turn's memory; NULL: nothing. Names that nobody here reads are
 * people's own; but one that is nearly one of those that are read, or is a field of the device, is taken for a slip. */
const char *attribute_problem(struct gv_turn *t, const char *name, const char *value);

#endif
