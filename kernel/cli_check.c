/* `galvan check`: everything that `galvan run` would refuse, told all at once and without running anything. */
#include "cli_command.h"
#include "rehearse.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void say(const char *sentence)
{
	fprintf(stderr, "%s\n", sentence);
}

int gv_cli_check(struct gv_cli *cli)
{
	struct gv_config *config = NULL;
	char *error = NULL;
	unsigned instances = 0, refused = 0;
	int r = gv_config_survey(cli->argv[0], &config, &error);

	if (r < 0)
		say(error ? error : strerror(-r));
	free(error);
	if (config)
		refused = gv_rehearse_all(config, say, &instances);
	if (refused)
		fprintf(stderr, "%s: %u of %zu plugins would be refused\n", config->file, refused, config->n_plugins);
	else if (r == 0)
		printf("%s: node %s, %zu plugin%s, %u instance%s: nothing to refuse\n", config->file, config->node.name,
		       config->n_plugins, config->n_plugins == 1 ? "" : "s", instances, instances == 1 ? "" : "s");
	gv_config_destroy(config);
	return r < 0 || refused ? GV_CLI_REFUSED : GV_CLI_OK;
}
