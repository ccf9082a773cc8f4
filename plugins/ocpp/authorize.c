/* Who may charge: the tags of the config. All that asks goes through this one function, so that a plugin which knows
 * people and their cards can answer instead without another file knowing. */
#include "ocpp.h"

#include <lib/json.h>

#include <stdlib.h>
#include <string.h>

static int compare(const void *id, const void *tag)
{
	return strcmp(id, ((const struct tag *)tag)->id);
}

struct verdict authorize(struct ocpp *o, struct gv_turn *t, const char *tag, bool asked_for)
{
	const struct tag *known = o->n_tags ? bsearch(model_fold(t, tag), o->tags, o->n_tags, sizeof *o->tags, compare)
					    : NULL;

	if (known)
		return (struct verdict){ known->status, known->parent };
	return (struct verdict){ asked_for || o->accept_unknown_token ? "Accepted" : "Invalid", "" };
}

const char *authorize_info(struct gv_turn *t, const struct verdict *v)
{
	struct gv_buf parent = { 0 };
	const char *info;

	if (!v->parent[0])
		return gv_str(t, "{\"status\":\"%s\"}", v->status);
	gv_json_string(&parent, v->parent, strlen(v->parent));
	info = gv_str(t, "{\"status\":\"%s\",\"parentIdTag\":%s}", v->status, gv_buf_str(&parent));
	gv_buf_fini(&parent);
	return info;
}
