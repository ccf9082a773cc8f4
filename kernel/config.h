/* The deployment file: which plugins a node runs, where, with what config. proto/galvan/config.proto says what keys it
 * has.
 *
 * Two steps, because a plugin's config can be checked only when the plugin's record has been read:
 *     gv_config_load     the file itself: its own keys, plugins by name, each `config:` kept as a tree that knows its
 * lines gv_config_pack     one plugin's `config:` by its protobuf config message, to packed bytes gv_config_grants what
 * the record asks for against what the file grants
 *
 * An error is a text for people, a line for each thing: "FILE:LINE:COLUMN: what is wrong; what is allowed". Where
 * *ret_error is set it is malloc'd; the caller frees it. It is NULL after -ENOMEM. A loaded config is only read; it may
 * be read from several threads. */
#ifndef GV_CONFIG_H
#define GV_CONFIG_H

#include <galvan/kernel.pb-c.h>
#include <lib/buf.h>
#include <lib/schema.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GV_CONFIG_SIZE_MAX (1024 * 1024) /* bytes of the file */
#define GV_CONFIG_PLUGINS_MAX 64
#define GV_CONFIG_INSTANCES_MAX 64u
#define GV_CONFIG_GRANTS_MAX 256
#define GV_CONFIG_NAME_MAX 32      /* bytes of a node's or plugin's name */
#define GV_CONFIG_ERRORS_MAX 16384 /* bytes of what is said of a file that is all wrong */

enum gv_isolation { GV_ISOLATION_PROCESS, GV_ISOLATION_THREAD };

struct gv_yaml_node;

struct gv_config_node {
	const char *name; /* "galvan" where the file gives none */
	const char
		*data; /* NULL: not given. A relative path is taken from the file's folder; this one is ready to use. */
	const char *control; /* "tcp://127.0.0.1:PORT", an additional control address; NULL: none */
	bool log_json;
	const char *log_level;                           /* "error", "warning", "info" or "debug" */
	uint64_t store_limit_bytes, journal_limit_bytes; /* of each instance */
	int64_t journal_limit_ms;
};

struct gv_config_plugin {
	const char *name; /* lower case, digits and '_' */
	const char *path; /* of the .so, ready to use (relative ones are taken from the file's folder); NULL: the host's
			     own folder */
	enum gv_isolation isolation;
	uint32_t instances; /* from 1 */
	const char *const *grants;
	size_t n_grants;
	unsigned line, column;             /* of the plugin's name in the file */
	bool wrong;                        /* its own keys are: only gv_config_survey lets such a one out */
	const struct gv_yaml_node *config; /* NULL: no `config:` */
};

struct gv_config {
	const char *file; /* as it was given to gv_config_load */
	struct gv_config_node node;
	const struct gv_config_plugin *plugins; /* in the file's order */
	size_t n_plugins;
};

/* Reads and checks a deployment file. -ENOENT and the like where it cannot be read, -EINVAL where it says something
 * wrong. */
int gv_config_load(const char *path, struct gv_config **ret, char **ret_error);
/* The same, but of a file that says something wrong *ret is what else could be read of it, or NULL: not to run, but to
 * find out what more is wrong. */
int gv_config_survey(const char *path, struct gv_config **ret, char **ret_error);
/* The same as gv_config_load from text; `file` is what messages call it and what relative paths are taken from. */
int gv_config_parse(const char *file, const char *text, size_t size, struct gv_config **ret, char **ret_error);
/* NULL is fine. */
void gv_config_destroy(struct gv_config *c);

/* NULL where the file does not name it. */
const struct gv_config_plugin *gv_config_find(const struct gv_config *c, const char *name);

/* Appends the plugin's config, as a packed message of `type` with the rules' defaults filled in, to *ret. `type` NULL:
 * the plugin takes no config, and giving one is an error. -EINVAL: what is wrong, with line and column. */
int gv_config_pack(const struct gv_config *c, const struct gv_config_plugin *p, const struct gv_type *type,
		   struct gv_buf *ret, char **ret_error);

/* Checks that everything that the record declares (hears, emits, serves, calls, and the network for a driver) is
 * granted: one message names everything that is missing and the line to write. A plugin of the host's own folder (no
 * `path:`) needs no grants. A grant that the record does not ask for is not an error. -EPERM. */
int gv_config_grants(const struct gv_config *c, const struct gv_config_plugin *p, const Kernel__Record *record,
		     char **ret_error);

#endif
