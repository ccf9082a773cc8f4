/* Counts durations in buckets that are at most 1/128 wide of their value, from 1 ns to 18 minutes: what percentiles are
 * read from. */
#ifndef SIM_HISTOGRAM_H
#define SIM_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_BITS 7 /* 128 buckets for each doubling */
#define HISTOGRAM_TOP 40 /* longer than 2^40 ns counts as that */
#define HISTOGRAM_BUCKETS ((HISTOGRAM_TOP - HISTOGRAM_BITS + 1) << HISTOGRAM_BITS)

struct histogram { /* zeroed: empty */
	uint64_t count, max_ns;
	uint64_t bucket[HISTOGRAM_BUCKETS];
};

void histogram_add(struct histogram *h, uint64_t ns);
/* The middle of the bucket below or in which `fraction` (0 .. 1) of all lie; 0 where there are none. */
uint64_t histogram_at(const struct histogram *h, double fraction);

#endif
