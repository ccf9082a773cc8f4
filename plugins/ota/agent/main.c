/* galvan-ota-agent: keeps a device's software what its server assigns and its vendor has signed. */
#include "agent.h"

#include <curl/curl.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>

static int usage(void)
{
	fputs("usage: galvan-ota-agent run FOLDER              runs the device's process and keeps it up to date\n"
	      "       galvan-ota-agent once FOLDER             one look at the server and all that follows\n"
	      "       galvan-ota-agent factory FOLDER KIND FILE VERSION COUNTER\n"
	      "                                                what the device leaves the factory with\n"
	      "FOLDER holds agent.json and root.json: docs/guide-operations.md\n",
	      stderr);
	return 2;
}

static int stop_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

static int factory(struct agent *a, char **argv, struct tuf_error *err)
{
	char *end;
	long long counter = strtoll(argv[6], &end, 10);

	for (int kind = 0; kind < OTA_KINDS && *argv[6] && !*end && counter > 0; kind++)
		if (strcmp(argv[3], ota_kind_name((enum ota_kind)kind)) == 0)
			return agent_factory(a, (enum ota_kind)kind, argv[4], argv[5], counter, err);
	snprintf(err->text, sizeof(err->text), "KIND is firmware, software or config; COUNTER a number from 1");
	return -EINVAL;
}

int main(int argc, char **argv)
{
	struct tuf_error err = { "" };
	struct agent a;
	int r;

	if (argc < 3 || (strcmp(argv[1], "factory") == 0 ? argc != 7 : argc != 3))
		return usage();
	curl_global_init(CURL_GLOBAL_DEFAULT);
	r = agent_open(argv[2], &a, &err);
	a.stop_fd = stop_signals();
	if (r == 0 && strcmp(argv[1], "factory") == 0)
		r = factory(&a, argv, &err);
	else if (r == 0 && strcmp(argv[1], "once") == 0)
		r = agent_cycle(&a, &err);
	else if (r == 0 && strcmp(argv[1], "run") == 0)
		r = agent_run(&a, &err);
	else if (r == 0)
		r = usage();
	agent_close(&a);
	curl_global_cleanup();
	if (r < 0)
		fprintf(stderr, "galvan-ota-agent: %s\n", *err.text ? err.text : strerror(-r));
	return r < 0 ? 1 : r == 2 ? 2 : 0;
}
