/* One binary: the node, its hosts, the child that reads records, and the client. The first argument says which. */
#include "cli.h"
#include "host.h"
#include "loader.h"
#include "node.h"
#include "rehearse.h"

#include <stdio.h>
#include <string.h>

static void usage(FILE *out)
{
	fprintf(out,
		"usage:\n"
		"  galvan run CONFIG.yaml [--data DIR] [--strict]\n"
		"      runs a node; it is ready when it prints `ready`; --strict: not without a plugin whose file "
		"cannot be loaded\n"
		"%s"
		"  galvan --version\n",
		gv_cli_usage());
}

/* `galvan --data X ctl status` is `galvan ctl --data X status`: brings the command to the front. */
static void put_command_first(int argc, char **argv)
{
	static const char *const with_value[] = { "--data", "--node", "--timeout", "--limit" };
	char *command;
	int i = 1;

	while (i < argc && argv[i][0] == '-') {
		int skip = 1;

		for (size_t j = 0; j < sizeof with_value / sizeof *with_value; j++)
			if (strcmp(argv[i], with_value[j]) == 0)
				skip = 2;
		i += skip;
	}
	if (i >= argc)
		return;
	command = argv[i];
	memmove(&argv[2], &argv[1], (size_t)(i - 1) * sizeof *argv);
	argv[1] = command;
}

int main(int argc, char **argv)
{
	const char *command;

	put_command_first(argc, argv);
	command = argc > 1 ? argv[1] : "";
	if (strcmp(command, "run") == 0)
		return gv_node_main(argc, argv);
	if (strcmp(command, "host") == 0)
		return gv_host_main(argc, argv);
	if (strcmp(command, "probe") == 0)
		return gv_probe_main(argc, argv);
	if (strcmp(command, "rehearse") == 0)
		return gv_rehearse_main(argc, argv);
	if (strcmp(command, "--version") == 0) {
		puts("galvan " GALVAN_VERSION);
		return 0;
	}
	if (strcmp(command, "--help") == 0 || strcmp(command, "-h") == 0 || strcmp(command, "help") == 0) {
		usage(stdout);
		return 0;
	}
	if (!*command) {
		usage(stderr);
		return GV_CLI_USAGE;
	}
	return gv_cli_main(argc, argv);
}
