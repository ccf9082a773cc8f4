/* `galvan check`: everything that `galvan run` would refuse before it starts a plugin, told all at once and without
 * starting any. */
#include "cli_command.h"
#include "plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int say(char *error, int r)
{
	fprintf(stderr, "%s\n", error ? error : strerror(-r));
	free(error);
	return GV_CLI_REFUSED;
}

int gv_cli_check(struct gv_cli *cli)
{
	struct gv_config *config = NULL;
	char *error = NULL;
	unsigned instances = 0, refused = 0;
	int r = gv_config_load(cli->argv[0], &config, &error);

	if (r)
		return say(error, r);
	for (size_t i = 0; i < config->n_plugins; i++) {
		struct gv_plan *plan = NULL;

		error = NULL;
		r = gv_plan_make(config, &config->plugins[i], NULL, &plan, &error);
		if (r) {
			say(error, r);
			refused++;
			continue;
		}
		instances += plan->instances;
		gv_plan_unref(plan);
	}
	if (refused)
		fprintf(stderr, "%s: %u of %zu plugins would be refused\n", config->file, refused, config->n_plugins);
	else
		printf("%s: node %s, %zu plugins, %u instances: nothing to refuse\n", config->file, config->node.name,
		       config->n_plugins, instances);
	gv_config_destroy(config);
	return refused ? GV_CLI_REFUSED : GV_CLI_OK;
}
