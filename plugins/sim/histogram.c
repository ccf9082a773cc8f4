/* A load run records a hundred thousand durations a second: a log-linear histogram takes each in a few ns and never
 * grows. */
#include "histogram.h"

static unsigned bucket_of(uint64_t ns)
{
	if (ns < (1u << HISTOGRAM_BITS))
		return (unsigned)ns;
	if (ns >> HISTOGRAM_TOP)
		return HISTOGRAM_BUCKETS - 1;
	unsigned doubling = 63 - (unsigned)__builtin_clzll(ns) -
			    HISTOGRAM_BITS; /* 0: the first that is twice as wide as 128 */
	return ((doubling + 1) << HISTOGRAM_BITS) + (unsigned)((ns >> doubling) - (1u << HISTOGRAM_BITS));
}

static uint64_t middle_of(unsigned bucket)
{
	if (bucket < (1u << HISTOGRAM_BITS))
		return bucket;
	unsigned doubling = (bucket >> HISTOGRAM_BITS) - 1;
	uint64_t low = ((uint64_t)(bucket & ((1u << HISTOGRAM_BITS) - 1)) + (1u << HISTOGRAM_BITS)) << doubling;
	return low + (((uint64_t)1 << doubling) >> 1);
}

void histogram_add(struct histogram *h, uint64_t ns)
{
	h->count++;
	if (ns > h->max_ns)
		h->max_ns = ns;
	h->bucket[bucket_of(ns)]++;
}

uint64_t histogram_at(const struct histogram *h, double fraction)
{
	if (!h->count)
		return 0;
	double want = fraction * (double)h->count;
	uint64_t seen = 0;
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
		seen += h->bucket[i];
		if (h->bucket[i] && (double)seen >= want) {
			uint64_t middle = middle_of(i);
			return middle < h->max_ns ? middle : h->max_ns;
		}
	}
	return h->max_ns;
}
