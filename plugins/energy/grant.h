/* What a connector may draw, by what it was told: a limit until a time, then what it falls back to. One that stands has
 * its limit as its fallback, and no time. */
#ifndef ENERGY_GRANT_H
#define ENERGY_GRANT_H

#include <galvan/energy.pb-c.h>

/* The most that it allows at a time; it never rises, as no fallback is above its limit. NULL: 0. */
int64_t grant_at(const Energy__Grant *g, int64_t now_ms);
/* Makes `into` one that allows, at any time, no less than it and `other` do. */
void grant_widen(Energy__Grant *into, const Energy__Grant *other);
/* The next time after now at which it allows less; INT64_MAX: never. */
int64_t grant_next(const Energy__Grant *g, int64_t now_ms);

#endif
