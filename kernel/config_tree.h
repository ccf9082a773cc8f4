/* A tree of config values as a packed protobuf message. Used by config.c only. */
#ifndef GV_CONFIG_TREE_H
#define GV_CONFIG_TREE_H

#include "yaml_tree.h"

#include <lib/buf.h>
#include <lib/schema.h>

struct gv_config;

struct gv_config_tree {
	const char *file;
	const char *where;               /* the tree's place in the file: "plugins.link.config" */
	const struct gv_yaml_node *node; /* NULL: nothing is given, defaults only */
	const char *skip;                /* a key of the tree that is not part of the message; NULL: none */
	const struct gv_config *config;  /* whose plugins a field with the rule `plugin` may name; NULL: any */
	unsigned line, column;           /* for what has no place of its own */
};

/* Appends the packed message with rules checked and defaults filled in. -EINVAL: *ret_error says where and what is
 * wrong, a line for each thing. */
int gv_config_tree_pack(const struct gv_config_tree *tree, const struct gv_type *type, struct gv_buf *ret,
			char **ret_error);

/* Adds a line "FILE:LINE:COLUMN: text" to the malloc'd *ret_error, NULL for none so far; beyond GV_CONFIG_ERRORS_MAX
 * bytes none is added. -EINVAL, or -ENOMEM. */
int gv_config_wrong(const char *file, unsigned line, unsigned column, char **ret_error, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));

#endif
