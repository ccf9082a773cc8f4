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
	char *path; /* the file as people know it */
	char *file; /* what hosts load: the copy, or `path` where no copy was asked for */
	char hash[GV_HASH_SIZE];
	Kernel__Record *record;
	struct gv_buf config; /* packed; empty where the plugin takes none */
	enum gv_isolation isolation;
	uint32_t instances;
	unsigned references; /* 1 when made */
};

/* `copies`: the folder for copies named by hash; NULL: the file is probed where it lies. On failure *ret_error is a
 * sentence that names the plugin, its file or the config's line. */
int gv_plan_make(const struct gv_config *c, const struct gv_config_plugin *p, const char *copies, struct gv_plan **ret,
		 char **ret_error);
struct gv_plan *gv_plan_ref(struct gv_plan *plan);
/* NULL is fine. */
void gv_plan_unref(struct gv_plan *plan);

#endif
