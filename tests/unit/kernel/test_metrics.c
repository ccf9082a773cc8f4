/* Prometheus's text format: each family once, its samples together. */
#include <criterion/criterion.h>

#include <math.h>
#include <string.h>

#include "metrics.h"

static Kernel__Metric metric(const char *name, const char *help, bool gauge, const char *labels, double value)
{
	Kernel__Metric m = KERNEL__METRIC__INIT;

	m.name = (char *)name;
	m.help = (char *)help;
	m.gauge = gauge;
	m.labels = (char *)labels;
	m.value = value;
	return m;
}

Test(metrics, families)
{
	Kernel__Metric m[] = {
		metric("galvan_turns_total", "Turns", false, "", 3),
		metric("galvan_commit_seconds_bucket", "Time of a \"commit\"\nin \\", false, "le=\"0.1\"", 1),
		metric("galvan_commit_seconds_bucket", "", false, "le=\"+Inf\"", 2),
		metric("galvan_commit_seconds_sum", "", false, "", 0.25),
		metric("galvan_commit_seconds_count", "", false, "", 2),
		metric("galvan_connections", "Open", true, "", 1e9),
	};
	struct gv_sample samples[12];
	struct gv_buf out = { 0 };

	for (size_t i = 0; i < 6; i++) {
		samples[i] = (struct gv_sample){ &m[i], "ocpp", 0 };
		samples[6 + i] = (struct gv_sample){ &m[i], "link", 1 };
	}
	cr_assert_eq(gv_metrics_render_samples(samples, 12, &out), 0);
	cr_expect_str_eq(gv_buf_str(&out),
			 "# HELP galvan_commit_seconds Time of a \"commit\"\\nin \\\\\n"
			 "# TYPE galvan_commit_seconds histogram\n"
			 "galvan_commit_seconds_bucket{plugin=\"link\",instance=\"1\",le=\"0.1\"} 1\n"
			 "galvan_commit_seconds_bucket{plugin=\"link\",instance=\"1\",le=\"+Inf\"} 2\n"
			 "galvan_commit_seconds_bucket{plugin=\"ocpp\",instance=\"0\",le=\"0.1\"} 1\n"
			 "galvan_commit_seconds_bucket{plugin=\"ocpp\",instance=\"0\",le=\"+Inf\"} 2\n"
			 "galvan_commit_seconds_count{plugin=\"link\",instance=\"1\"} 2\n"
			 "galvan_commit_seconds_count{plugin=\"ocpp\",instance=\"0\"} 2\n"
			 "galvan_commit_seconds_sum{plugin=\"link\",instance=\"1\"} 0.25\n"
			 "galvan_commit_seconds_sum{plugin=\"ocpp\",instance=\"0\"} 0.25\n"
			 "# HELP galvan_connections Open\n"
			 "# TYPE galvan_connections gauge\n"
			 "galvan_connections{plugin=\"link\",instance=\"1\"} 1000000000\n"
			 "galvan_connections{plugin=\"ocpp\",instance=\"0\"} 1000000000\n"
			 "# HELP galvan_turns_total Turns\n"
			 "# TYPE galvan_turns_total counter\n"
			 "galvan_turns_total{plugin=\"link\",instance=\"1\"} 3\n"
			 "galvan_turns_total{plugin=\"ocpp\",instance=\"0\"} 3\n");
	gv_buf_fini(&out);
}

Test(metrics, odd_names_and_values)
{
	Kernel__Metric m[] = { metric("galvan a-b", "", true, "", NAN), metric("galvan_b", "", true, "", -INFINITY),
			       metric("galvan_c", "", true, "", 0.1) };
	struct gv_sample samples[] = { { &m[0], "x", 0 }, { &m[1], "x", 0 }, { &m[2], "x", 0 } };
	struct gv_buf out = { 0 };

	cr_assert_eq(gv_metrics_render_samples(samples, 3, &out), 0);
	cr_expect_not_null(strstr(gv_buf_str(&out), "\ngalvan_a_b{plugin=\"x\",instance=\"0\"} NaN\n"));
	cr_expect_not_null(strstr(gv_buf_str(&out), "} -Inf\n"));
	cr_expect_not_null(strstr(gv_buf_str(&out), "} 0.1\n"));
	gv_buf_fini(&out);
}
