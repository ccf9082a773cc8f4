/* What the billing tests share: zones without tzdata, tariffs from a line of JSON, random numbers from a seed. */
#ifndef WORLD_H
#define WORLD_H

#include <plugins/billing/pricing/ocpi.h>
#include <plugins/billing/pricing/pricing.h>

/* By IANA name: Europe/Amsterdam, Asia/Shanghai, UTC. */
struct gv_zone *world_zone(const char *name);
/* A tariff that must be right; single quotes stand for double ones. */
struct billing_tariff world_tariff(const char *json);
/* Local times without a zone are taken in that zone. */
int64_t world_time(const char *text, const struct gv_zone *zone);

struct world_random {
	uint64_t state;
};
uint64_t world_draw(struct world_random *r);
/* 0 .. below - 1 */
int64_t world_below(struct world_random *r, int64_t below);

#endif
