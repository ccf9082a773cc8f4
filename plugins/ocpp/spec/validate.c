/* One pass over a payload by its table. Two ways to look at the same table: strict for what galvan sends, lenient for
 * what chargers send, because a charger in the field is not repaired by refusing it, and energy that is not recorded is
 * lost. Single values: scalar.c. */
#include "validate.h"
#include "scalar.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int check_fail(struct check *c, enum rpc_code code, const char *fmt, ...)
{
	va_list ap;

	c->code = code;
	memset(c->path, 0, sizeof c->path);
	va_start(ap, fmt);
	vsnprintf(c->text, sizeof c->text, fmt, ap);
	va_end(ap);
	return -EINVAL;
}

/* Puts what leads to a field before the path so far. */
static int within(struct check *c, const char *name, int index)
{
	char path[2 * sizeof c->path];
	const char *dot = c->path[0] && c->path[0] != '[' ? "." : "";

	if (index < 0)
		snprintf(path, sizeof path, "%.60s%s%s", name, dot, c->path);
	else
		snprintf(path, sizeof path, "%.60s[%d]%s%s", name, index, dot, c->path);
	memcpy(c->path, path, sizeof c->path - 1);
	return -EINVAL;
}

static int check_object(const struct spec_object *spec, cJSON *object, struct check *c);

static int check_value(const struct spec_field *f, cJSON *item, struct check *c)
{
	if (f->type != SPEC_OBJECT)
		return check_scalar(f, item, c);
	if (!cJSON_IsObject(item))
		return check_wrong_type(c, "an object", item);
	return check_object(f->object, item, c);
}

/* Makes {..} of a list's only element [{..}], in place. */
static bool to_list(cJSON *item, const struct check *c)
{
	cJSON *only = check_alloc(c, sizeof *only);

	if (!only)
		return false;
	memset(only, 0, sizeof *only);
	only->type = item->type;
	only->child = item->child;
	only->valuestring = item->valuestring;
	only->valuedouble = item->valuedouble;
	only->prev = only;
	item->type = cJSON_Array;
	item->valuestring = NULL;
	item->child = only;
	return true;
}

static int check_list(const struct spec_field *f, cJSON *list, struct check *c)
{
	int index = 0;

	if (!cJSON_IsArray(list)) {
		if (c->strict || !(f->flags & SPEC_CONVERT) || !cJSON_IsObject(list) || !to_list(list, c))
			return check_wrong_type(c, "a list", list);
		c->quirks |= QUIRK_BIT(QUIRK_NO_LIST);
	}
	if (!list->child && (f->flags & SPEC_NONEMPTY)) {
		if (c->strict || (f->flags & (SPEC_REQUIRED | SPEC_EXCUSED)) == SPEC_REQUIRED)
			return check_fail(c, RPC_OCCURENCE_CONSTRAINT_VIOLATION, "must have at least one element");
		c->quirks |= QUIRK_BIT(QUIRK_EMPTY_VALUE);
	}
	for (cJSON *item = list->child; item; item = item->next, index++)
		if (check_value(f, item, c))
			return within(c, "", index);
	if (!f->most || index <= f->most)
		return 0;
	if (c->strict)
		return check_fail(c, RPC_OCCURENCE_CONSTRAINT_VIOLATION, "may have %u elements, has %d", f->most,
				  index);
	c->quirks |= QUIRK_BIT(QUIRK_TOO_LONG);
	return 0;
}

/* The field of this name, looked for first where the last one ended: chargers write fields in much the same order. */
static int find_field(const struct spec_object *spec, const char *name, unsigned *hint)
{
	for (unsigned i = 0; i < spec->count; i++) {
		unsigned at = *hint + i < spec->count ? *hint + i : *hint + i - spec->count;

		if (spec->fields[at].name[0] == name[0] && !strcmp(spec->fields[at].name, name)) {
			*hint = at + 1 < spec->count ? at + 1 : 0;
			return (int)at;
		}
	}
	return -1;
}

/* Names the field as the specification does. False where there is no memory for it. */
static bool rename_item(cJSON *item, const char *name, const struct check *c)
{
	char *copy = check_alloc(c, strlen(name) + 1);

	if (!copy)
		return false;
	memcpy(copy, name, strlen(name) + 1);
	if (!(item->type & cJSON_StringIsConst))
		check_free(c, item->string);
	item->type &= ~cJSON_StringIsConst;
	item->string = copy;
	return true;
}

static int check_missing(const struct spec_object *spec, uint32_t seen, struct check *c)
{
	for (unsigned i = 0; i < spec->count; i++) {
		const struct spec_field *f = &spec->fields[i];

		if (!(f->flags & SPEC_REQUIRED) || (seen & (1u << i)))
			continue;
		if (c->strict || !(f->flags & SPEC_EXCUSED)) {
			check_fail(c, c->version ? c->version->missing : RPC_PROTOCOL_ERROR, "is missing");
			return within(c, f->name, -1);
		}
		c->quirks |= QUIRK_BIT(QUIRK_MISSING_FIELD);
	}
	return 0;
}

/* A field that is not in the table of its object. */
static int check_other(const struct spec_object *spec, cJSON *item, struct check *c)
{
	const struct spec_field *f = c->version ? c->version->everywhere : NULL;

	if (spec->open)
		return 0;
	if (f && !strcmp(f->name, item->string)) {
		if (cJSON_IsNull(item) && !c->strict)
			c->quirks |= QUIRK_BIT(QUIRK_NULL);
		else if (check_value(f, item, c))
			return within(c, f->name, -1);
		return 0;
	}
	c->quirks |= QUIRK_BIT(QUIRK_EXTRA_FIELD);
	if (!c->strict)
		return 0;
	check_fail(c, RPC_FORMATION_VIOLATION, "is not a field of this message");
	return within(c, item->string, -1);
}

static int check_object(const struct spec_object *spec, cJSON *object, struct check *c)
{
	uint32_t named = 0, seen = 0; /* fields that occurred; that have a value */
	unsigned hint = 0;

	for (cJSON *item = object->child; item; item = item->next) {
		const struct spec_field *f;
		int at = find_field(spec, item->string, &hint);

		if (at >= 0 && (spec->fields[at].flags & SPEC_ALIAS)) {
			at = c->strict || !rename_item(item, spec->fields[at - 1].name, c) ? -1 : at - 1;
			c->quirks |= QUIRK_BIT(QUIRK_WRONG_NAME);
		}
		if (at < 0) {
			if (check_other(spec, item, c))
				return -EINVAL;
			continue;
		}
		f = &spec->fields[at];
		if (named & (1u << at)) {
			c->quirks |= QUIRK_BIT(QUIRK_DOUBLE_KEY); /* the first is the one that readers find */
			continue;
		}
		named |= 1u << at;
		if (cJSON_IsNull(item) && !c->strict && f->type != SPEC_ANY) {
			c->quirks |= QUIRK_BIT(QUIRK_NULL);
			continue;
		}
		seen |= 1u << at;
		if (f->flags & SPEC_LIST ? check_list(f, item, c) : check_value(f, item, c))
			return within(c, f->name, -1);
	}
	return check_missing(spec, seen, c);
}

int validate(const struct spec_object *spec, cJSON *payload, struct check *check)
{
	check->quirks = 0;
	check->times_rewritten = 0;
	check->code = RPC_OK;
	memset(check->path, 0, sizeof check->path);
	check->text[0] = '\0';
	return check_object(spec, payload, check);
}
