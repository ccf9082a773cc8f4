/* A YAML document as a tree that knows its lines: what config.h stands on.
 *
 * The part of YAML that config files use: one document of mappings, lists and scalars, anchors and aliases. Tags, keys
 * that are no scalars and a key given twice are refused. In scalars, ${NAME} is replaced by the environment variable,
 * ${NAME:-default} likewise where it may be missing, and
 * $${ is a plain ${. A scalar that is one variable and nothing else may be a number or a boolean even in quotes, which
 * YAML wants around it within { } and [ ]. */
#ifndef GV_YAML_H
#define GV_YAML_H

#include <stdbool.h>
#include <stddef.h>

#define GV_YAML_DEPTH_MAX 32
#define GV_YAML_NODES_MAX 20000 /* aliases count with all that they stand for */
#define GV_YAML_MAP_MAX 1024    /* keys of one mapping */
#define GV_YAML_TEXT_MAX 65536  /* bytes of a scalar */

enum gv_yaml_kind { GV_YAML_SCALAR, GV_YAML_LIST, GV_YAML_MAP };

struct gv_yaml_node {
	enum gv_yaml_kind kind;
	bool quoted;                       /* a scalar in quotes or a block: a string whatever it looks like */
	bool variable;                     /* a scalar that is one environment variable; never quoted */
	unsigned line, column;             /* from 1; a member of a mapping is where its key is */
	const char *key;                   /* NULL outside mappings */
	const char *text;                  /* of a scalar; "" for the others */
	struct gv_yaml_node *child, *next; /* elements of a list, members of a mapping, in the file's order */
	size_t count;                      /* of children */
};

struct gv_yaml;

/* -EINVAL: *ret_error (malloc'd) says "FILE:LINE:COLUMN: what is wrong". An empty document is a null scalar. */
int gv_yaml_parse(const char *file, const char *text, size_t size, struct gv_yaml **ret, char **ret_error);
/* NULL is fine. */
void gv_yaml_destroy(struct gv_yaml *y);
/* Owned by the document. */
const struct gv_yaml_node *gv_yaml_root(const struct gv_yaml *y);

/* The member of a mapping; NULL where there is none. */
const struct gv_yaml_node *gv_yaml_member(const struct gv_yaml_node *map, const char *key);
/* Nothing was given: an empty plain scalar, ~ or null, an empty variable. */
bool gv_yaml_is_null(const struct gv_yaml_node *n);

#endif
