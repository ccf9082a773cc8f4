/* galvan-sim: runs a scenario under many seeds, or one of them again. */
#include "scenario.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const struct scenario *const scenarios[] = {
	&scenario_zoo,   &scenario_registry, &scenario_ocpp,   &scenario_events,    &scenario_ledger,  &scenario_tokens,
	&scenario_lists, &scenario_billing,  &scenario_stream, &scenario_powerbank, &scenario_rentals, &scenario_energy,
	&scenario_power, &scenario_piles,    &scenario_ota,    &scenario_week
};

static int usage(void)
{
	fprintf(stderr,
		"galvan-sim [--plugin NAME] [--seed N] [--seeds COUNT] [--plugins DIR] [--zoo DIR] [--verbose]\n"
		"Runs the scenario of a plugin in the deterministic test host, once for each seed. Scenarios:\n");
	for (size_t i = 0; i < sizeof scenarios / sizeof *scenarios; i++)
		fprintf(stderr, "  %-10s %s\n", scenarios[i]->name, scenarios[i]->summary);
	return 2;
}

static const struct scenario *find(const char *name)
{
	for (size_t i = 0; i < sizeof scenarios / sizeof *scenarios; i++)
		if (!strcmp(scenarios[i]->name, name))
			return scenarios[i];
	return NULL;
}

static double now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

struct totals {
	uint64_t crashes, trace;
};

static void run_one(const struct scenario *s, uint64_t seed, bool verbose, struct totals *totals)
{
	struct host *h = host_create(seed);
	char again[64];

	snprintf(again, sizeof again, "galvan-sim --plugin %s", s->name);
	host_again(h, again);
	host_verbose(h, verbose);
	s->run(h);
	totals->crashes += host_crashes(h);
	totals->trace = totals->trace * 31 + host_trace(h);
	if (verbose)
		fprintf(stderr, "seed %llu: trace %016llx\n", (unsigned long long)seed,
			(unsigned long long)host_trace(h));
	host_destroy(h);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "seed", required_argument, NULL, 's' },   { "seeds", required_argument, NULL, 'n' },
		{ "plugin", required_argument, NULL, 'p' }, { "plugins", required_argument, NULL, 'd' },
		{ "zoo", required_argument, NULL, 'z' },    { "verbose", no_argument, NULL, 'v' },
		{ "twice", no_argument, NULL, 't' },        { 0 },
	};
	const struct scenario *s = &scenario_zoo;
	const char *plugins = NULL, *zoo = NULL;
	uint64_t seed = 1, seeds = 1;
	bool verbose = false, twice = false;
	struct totals totals = { 0 }, again = { 0 };
	double began;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		switch (c) {
		case 's':
			seed = strtoull(optarg, NULL, 0);
			break;
		case 'n':
			seeds = strtoull(optarg, NULL, 0);
			break;
		case 'p':
			s = find(optarg);
			break;
		case 'd':
			plugins = optarg;
			break;
		case 'z':
			zoo = optarg;
			break;
		case 'v':
			verbose = true;
			break;
		case 't':
			twice = true;
			break;
		default:
			return usage();
		}
		if (!s)
			return usage();
	}
	scenario_folders(plugins, zoo);
	printf("%s: seeds %llu..%llu\n", s->name, (unsigned long long)seed, (unsigned long long)(seed + seeds - 1));
	fflush(stdout);
	began = now_s();
	for (uint64_t i = 0; i < seeds; i++) {
		run_one(s, seed + i, verbose, &totals);
		if (!twice)
			continue;
		run_one(s, seed + i, verbose, &again);
		if (totals.trace != again.trace) {
			fprintf(stderr, "seed %llu: two runs differ\n", (unsigned long long)(seed + i));
			return 1;
		}
	}
	printf("passed: %llu crashes, trace %016llx, %.1f s\n", (unsigned long long)totals.crashes,
	       (unsigned long long)totals.trace, now_s() - began);
	return 0;
}
