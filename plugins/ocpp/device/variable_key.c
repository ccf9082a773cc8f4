/* How variables of a device model are named in one text, so that configurations of all versions are lists of keys and
 * values. Names are compared without regard to case (2.0.1, part 1, 4). */
#include "device.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY_BYTES_MAX 250 /* of a row's key; 2.0.1's names have 50 characters at most, and there are four */

/* What would be read as something else is escaped: % everywhere, . in names, / and # up to the variable. */
static void put_name(struct gv_buf *b, const char *name, const char *escaped)
{
	for (; *name; name++)
		if (*name == '%' || strchr(escaped, *name))
			gv_buf_printf(b, "%%%02X", (unsigned char)*name);
		else
			gv_buf_putc(b, *name);
}

const char *key_write(struct gv_turn *t, const Ocpp__Variable *v)
{
	struct gv_buf b = { 0 };
	const char *text;

	put_name(&b, v->component, "./#");
	if (v->component_instance[0]) {
		gv_buf_putc(&b, '.');
		put_name(&b, v->component_instance, "/#");
	}
	if (v->evse)
		gv_buf_printf(&b, "#%u", v->evse);
	if (v->evse && v->connector)
		gv_buf_printf(&b, ".%u", v->connector);
	gv_buf_putc(&b, '/');
	put_name(&b, v->variable, ".");
	if (v->variable_instance[0]) {
		gv_buf_putc(&b, '.');
		put_name(&b, v->variable_instance, "");
	}
	text = gv_strdup(t, gv_buf_str(&b));
	gv_buf_fini(&b);
	return text;
}

static char *unescape(char *name)
{
	char *to = name;
	unsigned code;
	int size;

	for (char *from = name; *from; to++) {
		bool escaped = *from == '%' && isxdigit((unsigned char)from[1]) && isxdigit((unsigned char)from[2]) &&
			       sscanf(from + 1, "%2x%n", &code, &size) == 1 && code;

		*to = escaped ? (char)code : *from;
		from += escaped ? 3 : 1;
	}
	*to = '\0';
	return name;
}

/* Cuts the text at the first `mark`; what is behind it, or NULL. */
static char *cut(char *text, char mark)
{
	char *at = text ? strchr(text, mark) : NULL;

	if (at)
		*at++ = '\0';
	return at;
}

static bool read_number(const char *text, uint32_t *ret)
{
	*ret = 0;
	if (!text)
		return true;
	if (!*text || strlen(text) > 4 || strspn(text, "0123456789") != strlen(text))
		return false;
	*ret = (uint32_t)strtoul(text, NULL, 10);
	return *ret > 0 && *ret <= OCPP_CONNECTOR_MAX;
}

const char *key_read(struct gv_turn *t, const char *key, Ocpp__Variable *ret)
{
	char *component = gv_strdup(t, key), *variable = cut(component, '/'), *evse = cut(component, '#');
	char *connector = cut(evse, '.'), *instance = cut(component, '.'), *part = cut(variable, '.');

	ocpp__variable__init(ret);
	if (!variable || !component[0] || !variable[0] || !read_number(evse, &ret->evse) ||
	    !read_number(connector, &ret->connector))
		return gv_str(t,
			      "key \"%.120s\" is none of a charger with a device model: write "
			      "Component[.instance][#evse[.connector]]/Variable[.instance], such as "
			      "\"OCPPCommCtrlr/HeartbeatInterval\"",
			      key);
	ret->component = unescape(component);
	ret->component_instance = instance ? unescape(instance) : "";
	ret->variable = unescape(variable);
	ret->variable_instance = part ? unescape(part) : "";
	return NULL;
}

const char *key_fold(struct gv_turn *t, const Ocpp__Variable *v)
{
	char *fold = gv_strdup(t, key_write(t, v));

	for (char *c = fold; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	return strlen(fold) <= KEY_BYTES_MAX ? fold : NULL;
}

uint64_t key_digest(const char *fold)
{
	uint64_t h = 14695981039346656037u;

	for (const char *s = fold; *s; s++)
		h = (h ^ (unsigned char)*s) * 1099511628211u;
	return h;
}
