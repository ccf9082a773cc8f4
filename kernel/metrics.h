/* What the hosts count, and what the kernel counts of them, in Prometheus's text format. */
#ifndef GV_METRICS_H
#define GV_METRICS_H

#include "supervisor.h"

/* Appends the whole exposition (format 0.0.4). */
int gv_metrics_render(const struct gv_supervisor *s, const char *version, int64_t started_at_ms, struct gv_buf *out);

/* ---- for its tests: one family after the other from samples in any order */
struct gv_sample {
	const Kernel__Metric *metric;
	const char *plugin;
	uint32_t instance;
};
/* Sorts the samples. Names that Prometheus would refuse are mended, label values escaped by who made them. */
int gv_metrics_render_samples(struct gv_sample *samples, size_t count, struct gv_buf *out);

#endif
