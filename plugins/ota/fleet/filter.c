/* A compiled filter, held against a device. */
#include "filter.h"

#include <string.h>

static bool test(const struct filter_node *n, const char *known)
{
	switch (n->op) {
	case FILTER_IS:
		return !strcmp(known, n->value);
	case FILTER_IS_NOT:
		return strcmp(known, n->value) != 0;
	case FILTER_LIKE:
		return pattern_matches(n->value, known);
	default:
		break;
	}
	if (!*known)
		return false;
	switch (n->op) {
	case FILTER_LESS:
		return version_compare(known, n->value) < 0;
	case FILTER_AT_MOST:
		return version_compare(known, n->value) <= 0;
	case FILTER_MORE:
		return version_compare(known, n->value) > 0;
	default:
		return version_compare(known, n->value) >= 0;
	}
}

/* "!=" holds where no tag is that one, all others where one is so. */
static bool test_tags(const struct filter_node *n, const struct subject *s)
{
	for (size_t i = 0; i < s->n_tags; i++)
		if (n->op == FILTER_IS_NOT ? !strcmp(s->tags[i], n->value) : test(n, s->tags[i]))
			return n->op != FILTER_IS_NOT;
	return n->op == FILTER_IS_NOT;
}

static const char *attribute(const struct subject *s, const char *name)
{
	for (size_t i = 0; i < s->n_attributes; i++)
		if (!strcmp(s->attributes[2 * i], name))
			return s->attributes[2 * i + 1];
	return "";
}

static bool test_field(const struct filter_node *n, const struct subject *s)
{
	switch (n->field) {
	case FILTER_DEVICE:
		return test(n, s->device);
	case FILTER_SITE:
		return test(n, s->site);
	case FILTER_PLUGIN:
		return test(n, s->plugin);
	case FILTER_VENDOR:
		return test(n, s->vendor);
	case FILTER_MODEL:
		return test(n, s->model);
	case FILTER_HARDWARE:
		return test(n, s->hardware);
	case FILTER_VERSION:
		return test(n, s->version);
	case FILTER_TAG:
		return test_tags(n, s);
	case FILTER_ATTRIBUTE:
		return test(n, attribute(s, n->name));
	}
	return false;
}

static bool holds(const struct filter *f, uint16_t at, const struct subject *s)
{
	const struct filter_node *n = &f->nodes[at];

	switch (n->kind) {
	case FILTER_AND:
		return holds(f, n->left, s) && holds(f, n->right, s);
	case FILTER_OR:
		return holds(f, n->left, s) || holds(f, n->right, s);
	case FILTER_NOT:
		return !holds(f, n->left, s);
	case FILTER_TEST:
		return test_field(n, s);
	}
	return false;
}

bool filter_matches(const struct filter *f, const struct subject *s)
{
	return holds(f, f->root, s);
}
