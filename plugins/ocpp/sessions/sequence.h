/* Which of a row of numbered messages have come: ranges, as pairs of first and last, ascending and apart. Pure but for
 * the turn's memory. */
#ifndef OCPP_SEQUENCE_H
#define OCPP_SEQUENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SEQUENCE_RANGES_MAX 64

struct gv_turn;

bool sequence_has(const uint32_t *seen, size_t n, uint32_t number);
/* Where the number begins a range for which there is no room any more it is left out: the hole that it leaves is
 * truthful enough, since something is missing around it. */
void sequence_add(struct gv_turn *t, uint32_t **seen, size_t *n, uint32_t number);

#endif
