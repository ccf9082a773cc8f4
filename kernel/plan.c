/* `run`, `reload`, `load` and `check` must refuse the same things with the same words: they all make a plan, and only
 * then act on it. */
#include "plan.h"
#include "text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int find_file(struct gv_plan *plan, const struct gv_config_plugin *p, const char *copies, char **ret_error)
{
	struct gv_image image = { 0 };
	int rc = 0;

	if (p->path) {
		plan->path = strdup(p->path);
		if (!plan->path)
			return -ENOMEM;
	} else {
		rc = gv_loader_find(p->name, &plan->path, ret_error);
		if (rc < 0)
			return rc;
	}
	rc = gv_image_read(plan->path, &image, ret_error);
	if (rc < 0)
		return rc;
	memcpy(plan->hash, image.hash, sizeof plan->hash);
	if (copies) {
		rc = gv_image_place(&image, copies, &plan->file, ret_error);
	} else {
		plan->file = strdup(plan->path);
		rc = plan->file ? 0 : -ENOMEM;
	}
	gv_image_fini(&image);
	return rc;
}

static int check_config(struct gv_plan *plan, const struct gv_config *c, const struct gv_config_plugin *p,
			char **ret_error)
{
	const Kernel__Record *r = plan->record;
	const struct gv_type *type = NULL;
	struct gv_schema *schema;
	int rc = gv_schema_create(&schema);

	if (rc < 0)
		return rc;
	if (r->file_descriptor_set.len > 0)
		rc = gv_schema_add(schema, r->file_descriptor_set.data, r->file_descriptor_set.len);
	if (rc == 0 && *r->config_type)
		type = gv_schema_type(schema, r->config_type);
	if (rc < 0 || (*r->config_type && !type))
		rc = gv_text_error(ret_error, -EINVAL,
				   "%s is refused: its schema_set does not hold its config's type %s", plan->path,
				   r->config_type);
	if (rc == 0)
		rc = gv_config_pack(c, p, type, &plan->config, ret_error);
	gv_schema_destroy(schema);
	return rc;
}

/* Puts the plugin's place before a sentence that does not begin with the config's file. */
static void name_plugin(const struct gv_config *c, const struct gv_plan *plan, char **error)
{
	char *named;

	if (!error || !*error || strncmp(*error, c->file, strlen(c->file)) == 0)
		return;
	named = gv_text("%s: %s", plan->place, *error);
	if (!named)
		return;
	free(*error);
	*error = named;
}

/* Both, so that all that is wrong is said at once. */
static int check_by_record(struct gv_plan *plan, const struct gv_config *c, const struct gv_config_plugin *p,
			   char **ret_error)
{
	char *grants = NULL, *config = NULL;
	int rc = gv_config_grants(c, p, plan->record, &grants), second = check_config(plan, c, p, &config);

	if (grants && config)
		gv_text_error(ret_error, rc, "%s\n%s", grants, config);
	else if (rc < 0 || second < 0)
		gv_text_error(ret_error, rc, "%s", grants ? grants : config ? config : "out of memory");
	free(grants);
	free(config);
	return rc < 0 ? rc : second;
}

static struct gv_plan *create(const struct gv_config *c, const struct gv_config_plugin *p)
{
	struct gv_plan *plan = calloc(1, sizeof *plan);

	if (!plan)
		return NULL;
	plan->references = 1;
	plan->isolation = p->isolation;
	plan->instances = p->instances;
	plan->outside = p->path != NULL;
	plan->name = strdup(p->name);
	plan->place = gv_text("%s:%u:%u: plugins.%s", c->file, p->line, p->column, p->name);
	if (!plan->name || !plan->place) {
		gv_plan_unref(plan);
		return NULL;
	}
	return plan;
}

/* The second half, once the file is known: its record, and the config by it. Takes the plan. */
static int complete(struct gv_plan *plan, const struct gv_config *c, const struct gv_config_plugin *p,
		    struct gv_plan **ret, char **ret_error)
{
	int rc = gv_probe(plan->file, plan->path, &plan->record, ret_error);

	if (rc < 0 && rc != -ENOMEM && p->path)
		rc = -ENOEXEC;
	if (rc == 0 && strcmp(plan->record->name, p->name) != 0)
		rc = gv_text_error(ret_error, -EINVAL, "%s calls itself '%s': name it so in the config", plan->path,
				   plan->record->name);
	if (rc == 0)
		rc = check_by_record(plan, c, p, ret_error);
	if (rc < 0) {
		name_plugin(c, plan, ret_error);
		gv_plan_unref(plan);
		return rc;
	}
	*ret = plan;
	return 0;
}

int gv_plan_make(const struct gv_config *c, const struct gv_config_plugin *p, const char *copies, struct gv_plan **ret,
		 char **ret_error)
{
	struct gv_plan *plan = create(c, p);
	int rc;

	if (!plan)
		return -ENOMEM;
	rc = find_file(plan, p, copies, ret_error);
	if (rc < 0) {
		name_plugin(c, plan, ret_error);
		gv_plan_unref(plan);
		return p->path && rc != -ENOMEM ? -ENOEXEC : rc;
	}
	return complete(plan, c, p, ret, ret_error);
}

int gv_plan_make_last(const struct gv_config *c, const struct gv_config_plugin *p, const char *file, const char *hash,
		      const char *why, struct gv_plan **ret, char **ret_error)
{
	struct gv_plan *plan = create(c, p);

	if (!plan)
		return -ENOMEM;
	plan->path = strdup(p->path);
	plan->file = strdup(file);
	plan->note = gv_text("the copy that ran last (%.8s) runs, because: %s", hash, why);
	snprintf(plan->hash, sizeof plan->hash, "%s", hash);
	if (!plan->path || !plan->file || !plan->note) {
		gv_plan_unref(plan);
		return -ENOMEM;
	}
	return complete(plan, c, p, ret, ret_error);
}

int gv_plan_make_without(const struct gv_config *c, const struct gv_config_plugin *p, const char *why,
			 struct gv_plan **ret)
{
	struct gv_plan *plan = create(c, p);

	if (!plan)
		return -ENOMEM;
	plan->path = strdup(p->path);
	plan->note = gv_text("%s. `galvan ctl load %s` starts it once the file is repaired", why, p->name);
	plan->record = kernel__record__unpack(NULL, 0, NULL);
	if (plan->record)
		plan->record->name = strdup(p->name);
	if (!plan->path || !plan->note || !plan->record || !plan->record->name) {
		gv_plan_unref(plan);
		return -ENOMEM;
	}
	*ret = plan;
	return 0;
}

struct gv_plan *gv_plan_ref(struct gv_plan *plan)
{
	plan->references++;
	return plan;
}

void gv_plan_unref(struct gv_plan *plan)
{
	if (!plan || --plan->references > 0)
		return;
	if (plan->record)
		kernel__record__free_unpacked(plan->record, NULL);
	gv_buf_fini(&plan->config);
	free(plan->note);
	free(plan->name);
	free(plan->place);
	free(plan->path);
	free(plan->file);
	free(plan);
}
