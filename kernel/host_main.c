/* A host as a process: what it takes to be nobody's orphan and nobody's burden. */
#include "host.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

/* The kernel governs its hosts: a signal to the whole group or service must not end one behind its back. */
static void ignore_signals(void)
{
	static const int numbers[] = { SIGTERM, SIGINT, SIGHUP, SIGPIPE };
	struct sigaction ignore = { .sa_handler = SIG_IGN };

	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
		sigaction(numbers[i], &ignore, NULL);
}

int gv_host_main(int argc, char **argv)
{
	struct gv_host_options o = { 0 };

	if (argc != 7) {
		fputs("galvan host is started by galvan run; it is of no use by hand\n", stderr);
		return 2;
	}
	o.kernel = argv[2];
	o.token = strtoull(argv[3], NULL, 16);
	o.instance = argv[4];
	o.file = argv[5];
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != (pid_t)strtol(argv[6], NULL, 10))
		return 3; /* the kernel died before the line above */
	prctl(PR_SET_NAME, o.instance);
	umask(077);
	ignore_signals();
	return gv_host_run(&o) < 0 ? 1 : 0;
}
