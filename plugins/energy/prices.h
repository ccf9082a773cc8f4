/* Which hours are cheap enough for a vehicle that can wait. */
#ifndef ENERGY_PRICES_H
#define ENERGY_PRICES_H

#include <galvan/energy.pb-c.h>

#include <stdbool.h>
#include <stddef.h>

/* Whether a vehicle that needs to charge for need_ms until departure_ms can leave the present hour to dearer needs: the
 * cheapest hours before its departure, without this one, are enough. *ret_change_ms becomes the earlier of itself and
 * the time at which to ask again. Prices are in the order of their time; where none is known the vehicle does not wait.
 */
bool prices_wait(Energy__Price *const *prices, size_t n, int64_t now_ms, int64_t departure_ms, int64_t need_ms,
		 int64_t *ret_change_ms);

#endif
