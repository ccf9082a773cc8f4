/* Prometheus wants each family once, with its HELP and TYPE, and all its samples together; hosts report theirs
 * separately. So all samples are gathered and sorted by name. */
#include "metrics.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int by_family(const void *a, const void *b)
{
	const struct gv_sample *x = a, *y = b;
	int order = strcmp(x->metric->name, y->metric->name);

	if (order == 0)
		order = strcmp(x->plugin, y->plugin);
	if (order == 0)
		order = x->instance < y->instance ? -1 : x->instance > y->instance;
	/* Within an instance as reported: the buckets of a histogram are in order. */
	return order ? order : (x->metric < y->metric ? -1 : x->metric > y->metric);
}

static void add_name(struct gv_buf *out, const char *name, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		char c = name[i];
		bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9' && i > 0) ||
			    c == '_' || c == ':';
		gv_buf_putc(out, good ? c : '_');
	}
}

static void add_help(struct gv_buf *out, const char *s)
{
	for (; *s; s++) {
		if (*s == '\\')
			gv_buf_puts(out, "\\\\");
		else if (*s == '\n')
			gv_buf_puts(out, "\\n");
		else
			gv_buf_putc(out, *s);
	}
}

static void add_value(struct gv_buf *out, double v)
{
	char text[32];

	if (isnan(v))
		snprintf(text, sizeof text, "NaN");
	else if (isinf(v))
		snprintf(text, sizeof text, v > 0 ? "+Inf" : "-Inf");
	else {
		snprintf(text, sizeof text, "%.15g", v);
		if (strtod(text, NULL) != v)
			snprintf(text, sizeof text, "%.17g", v);
	}
	gv_buf_puts(out, text);
}

/* A histogram's samples are NAME_bucket, NAME_sum and NAME_count of the family NAME. The length of the family's name;
 * *ret_histogram tells. */
static size_t family_size(const struct gv_sample *samples, size_t count, const char *name, bool *ret_histogram)
{
	static const char *const endings[] = { "_bucket", "_sum", "_count" };
	size_t size = strlen(name);

	*ret_histogram = false;
	for (size_t e = 0; e < 3; e++) {
		size_t ending = strlen(endings[e]), base;
		if (size <= ending || strcmp(name + size - ending, endings[e]) != 0)
			continue;
		base = size - ending;
		for (size_t i = 0; i < count; i++)
			if (strncmp(samples[i].metric->name, name, base) == 0 &&
			    strcmp(samples[i].metric->name + base, "_bucket") == 0) {
				*ret_histogram = true;
				return base;
			}
	}
	return size;
}

static const char *help_of(const struct gv_sample *samples, size_t count, const char *name, size_t size)
{
	for (size_t i = 0; i < count; i++)
		if (strncmp(samples[i].metric->name, name, size) == 0 && *samples[i].metric->help)
			return samples[i].metric->help;
	return "";
}

int gv_metrics_render_samples(struct gv_sample *samples, size_t count, struct gv_buf *out)
{
	const char *family = NULL;
	size_t size = 0;

	qsort(samples, count, sizeof *samples, by_family);
	for (size_t i = 0; i < count; i++) {
		const Kernel__Metric *m = samples[i].metric;
		bool histogram;
		size_t s = family_size(samples, count, m->name, &histogram);

		if (!family || s != size || strncmp(family, m->name, s) != 0) {
			const char *help = help_of(samples + i, count - i, m->name, s);
			family = m->name;
			size = s;
			gv_buf_puts(out, "# HELP ");
			add_name(out, family, size);
			gv_buf_putc(out, ' ');
			add_help(out, help);
			gv_buf_puts(out, "\n# TYPE ");
			add_name(out, family, size);
			gv_buf_puts(out, histogram ? " histogram\n" : m->gauge ? " gauge\n" : " counter\n");
		}
		add_name(out, m->name, strlen(m->name));
		gv_buf_printf(out, "{plugin=\"%s\",instance=\"%" PRIu32 "\"%s%s} ", samples[i].plugin,
			      samples[i].instance, *m->labels ? "," : "", m->labels);
		add_value(out, m->value);
		gv_buf_putc(out, '\n');
	}
	return out->error;
}

/* ---- the kernel's own ------------------------------------------------------------------------ */

static double resident_bytes(int64_t pid)
{
	char path[64];
	unsigned long long pages = 0;
	FILE *f;

	snprintf(path, sizeof path, "/proc/%" PRId64 "/statm", pid);
	f = fopen(path, "re");
	if (!f)
		return 0;
	if (fscanf(f, "%*u %llu", &pages) != 1)
		pages = 0;
	fclose(f);
	return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

struct own {
	Kernel__Metric up, restarts, resident, state[GV_FAILED + 1];
	char labels[GV_FAILED + 1][32];
};
#define OWN_SAMPLES (3 + GV_FAILED + 1)

static void fill(Kernel__Metric *m, const char *name, const char *help, bool gauge, const char *labels, double value)
{
	kernel__metric__init(m);
	m->name = (char *)name;
	m->help = (char *)help;
	m->gauge = gauge;
	m->labels = (char *)labels;
	m->value = value;
}

static size_t add_sample(struct gv_sample *samples, size_t at, const struct gv_instance *inst, const Kernel__Metric *m)
{
	samples[at] = (struct gv_sample){ m, inst->unit->name, inst->index };
	return at + 1;
}

static size_t add_own(struct gv_sample *samples, size_t at, const struct gv_instance *inst, struct own *own)
{
	bool process = inst->host && inst->plan->isolation == GV_ISOLATION_PROCESS;

	fill(&own->up, "galvan_up", "Whether the plugin runs.", true, "", inst->state == GV_RUNNING);
	fill(&own->restarts, "galvan_restarts_total", "How often the plugin was started again after it had died.",
	     false, "", inst->restarts);
	at = add_sample(samples, at, inst, &own->up);
	at = add_sample(samples, at, inst, &own->restarts);
	if (process) {
		fill(&own->resident, "galvan_resident_bytes", "Memory that the plugin's process holds.", true, "",
		     resident_bytes(inst->host->pid));
		at = add_sample(samples, at, inst, &own->resident);
	}
	for (int s = 0; s <= GV_FAILED; s++) {
		snprintf(own->labels[s], sizeof own->labels[s], "state=\"%s\"",
			 gv_instance_state_name((enum gv_instance_state)s));
		fill(&own->state[s], "galvan_state", "1 for the state in which the plugin is.", true, own->labels[s],
		     inst->state == (enum gv_instance_state)s);
		at = add_sample(samples, at, inst, &own->state[s]);
	}
	return at;
}

static size_t add_reported(struct gv_sample *samples, size_t at, const struct gv_instance *inst)
{
	const Kernel__FromHost *beat = inst->host ? inst->host->beat : NULL;

	for (size_t i = 0; beat && i < beat->beat->n_metrics; i++)
		at = add_sample(samples, at, inst, beat->beat->metrics[i]);
	return at;
}

static void count_all(const struct gv_supervisor *s, size_t *ret_instances, size_t *ret_reported)
{
	const struct gv_unit *u;

	for (size_t k = 0; (u = gv_supervisor_unit(s, k)); k++)
		for (uint32_t i = 0; i < u->count; i++) {
			const struct gv_host *h = u->instances[i].host;
			(*ret_instances)++;
			*ret_reported += h && h->beat ? h->beat->beat->n_metrics : 0;
		}
}

int gv_metrics_render(const struct gv_supervisor *s, const char *version, int64_t started_at_ms, struct gv_buf *out)
{
	size_t instances = 0, reported = 0, at = 0, n = 0;
	struct gv_sample *samples;
	const struct gv_unit *u;
	struct own *own;
	int rc = -ENOMEM;

	count_all(s, &instances, &reported);
	samples = calloc(instances * OWN_SAMPLES + reported + 1, sizeof *samples);
	own = calloc(instances + 1, sizeof *own);
	if (samples && own) {
		for (size_t k = 0; (u = gv_supervisor_unit(s, k)); k++)
			for (uint32_t i = 0; i < u->count; i++) {
				at = add_own(samples, at, &u->instances[i], &own[n++]);
				at = add_reported(samples, at, &u->instances[i]);
			}
		gv_buf_puts(out, "# HELP galvan_build_info Which version runs.\n# TYPE galvan_build_info gauge\n");
		gv_buf_printf(out, "galvan_build_info{version=\"%s\"} 1\n", version);
		gv_buf_puts(out, "# HELP galvan_start_time_seconds When the node started, since the epoch.\n"
				 "# TYPE galvan_start_time_seconds gauge\n");
		gv_buf_printf(out, "galvan_start_time_seconds %" PRId64 ".%03d\n", started_at_ms / 1000,
			      (int)(started_at_ms % 1000));
		gv_buf_puts(out, "# HELP galvan_kernel_resident_bytes Memory that the kernel's process holds.\n"
				 "# TYPE galvan_kernel_resident_bytes gauge\n");
		gv_buf_printf(out, "galvan_kernel_resident_bytes %.0f\n", resident_bytes(getpid()));
		rc = gv_metrics_render_samples(samples, at, out);
	}
	free(samples);
	free(own);
	return rc;
}
