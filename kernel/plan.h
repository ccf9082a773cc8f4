/* What it takes to start a plugin: its file found, copied and probed, its config checked and packed, its grants
 * checked.
 *
 * Nothing of a plan refers to the config it was made from. A plan is made on any thread (it blocks on the disk and on a
 * child process), then only read, and counted by its users on one thread. */
#ifndef GV_PLAN_H
#define GV_PLAN_H

#include "config.h"
#include "loader.h"

struct gv_plan {
	char *name;
	char *place; /* in the config: "cloud.yaml:12:3: plugins.ocpp" */
	char *path;  /* the file as people know it */
	char *file;  /* what hosts load: the copy, or `path` where no copy was asked for */
	char hash[GV_HASH_SIZE];
	Kernel__Record *record;
	struct gv_buf config; /* packed; empty where the plugin takes none */
	char *note;           /* what people must know of it while it runs, or why it cannot; NULL: nothing */
	bool outside;         /* named by `path:`, not of the host's own folder */
	enum gv_isolation isolation;
	uint32_t instances;
	unsigned references; /* 1 when made */
};

/* True where there is a file to start; false for what gv_plan_make_without made. */
static inline bool gv_plan_runs(const struct gv_plan *plan)
{
	return plan->file != NULL;
}

/* `copies`: the folder for copies named by hash; NULL: the file is probed where it lies. On failure *ret_error is a
 * sentence that names the plugin, its file or the config's line; -ENOEXEC: the config may be right, but the file that
 * its `path:` names cannot be loaded. */
int gv_plan_make(const struct gv_config *c, const struct gv_config_plugin *p, const char *copies, struct gv_plan **ret,
		 char **ret_error);
/* The same with `file`, a copy that ran before, in the place of what `path:` names now. `why`: what is wrong with that;
 * it becomes part of the plan's note. */
int gv_plan_make_last(const struct gv_config *c, const struct gv_config_plugin *p, const char *file, const char *hash,
		      const char *why, struct gv_plan **ret, char **ret_error);
/* A plan for a plugin that cannot run, with the reason as its note: it has a name and instances, an empty record and no
 * file. */
int gv_plan_make_without(const struct gv_config *c, const struct gv_config_plugin *p, const char *why,
			 struct gv_plan **ret);
struct gv_plan *gv_plan_ref(struct gv_plan *plan);
/* NULL is fine. */
void gv_plan_unref(struct gv_plan *plan);

#endif
