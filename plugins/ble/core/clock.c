/* The time of a pile that may have no clock: what it was told, and a lower bound that only rises (3). */
#include "core_internal.h"

#include <string.h>

void ble_clock_init(struct ble_clock *clock, uint32_t low)
{
	memset(clock, 0, sizeof(*clock));
	clock->low = low;
}

/* Some time plus the seconds since, which stops at the end of 32 bits. */
static uint32_t later(uint32_t utc, uint64_t at_ms, uint64_t uptime_ms)
{
	uint64_t since = uptime_ms > at_ms ? (uptime_ms - at_ms) / 1000 : 0;

	return since > UINT32_MAX - utc ? UINT32_MAX : (uint32_t)(utc + since);
}

uint32_t ble_clock_utc(const struct ble_clock *clock, uint64_t uptime_ms)
{
	return clock->utc ? later(clock->utc, clock->utc_at_ms, uptime_ms) : 0;
}

uint32_t ble_clock_low(const struct ble_clock *clock, uint64_t uptime_ms)
{
	return later(clock->low, clock->low_at_ms, uptime_ms);
}

void ble_clock_raise(struct ble_clock *clock, uint32_t utc, uint64_t uptime_ms)
{
	if (utc <= ble_clock_low(clock, uptime_ms))
		return;
	clock->low = utc;
	clock->low_at_ms = uptime_ms;
}

void ble_clock_set(struct ble_clock *clock, enum ble_trust trust, uint32_t utc, uint64_t uptime_ms)
{
	clock->trust = (uint8_t)trust;
	clock->utc = utc;
	clock->utc_at_ms = uptime_ms;
	if (trust >= BLE_TRUST_SIGNED)
		ble_clock_raise(clock, utc, uptime_ms);
}
