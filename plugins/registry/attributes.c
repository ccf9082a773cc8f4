/* Attributes are free: plugins and people put there what they need. So a misspelt one would be stored and do nothing,
 * and nobody would know that a charger is not treated as was meant. The names that galvan's own plugins read stand
 * here, for that and nothing else. */
#include "attributes.h"

#include <galvan/plugin.h>
#include <lib/near.h>
#include <string.h>

static const struct {
	const char *name;
	const char *one_of; /* NULL: the plugin that reads it judges the value */
} known[] = {
	{ "certificateCn", NULL },      { "compression", "on|off" }, { "connectionUpgrade", "optional|required" },
	{ "defaultSubprotocol", NULL }, { "energy", "on|off" },      { "localList", "auto|off" },
	{ "phaseRotation", NULL },      { "pingS", NULL },           { "registration", "accepted|pending" },
	{ "soap", "allow|refuse" },     { "tlsCiphers", NULL },      { "tlsMin", "1.2|1.3" },
};
#define KNOWN (sizeof(known) / sizeof(known[0]))

/* Those that are meant as attributes now and then. */
static const char *const fields[] = { "securityProfile", "password", "clearPassword", "pendingPassword", "connectors",
				      "aliases",         NULL };

#define SHORT 8 /* letters: shorter names have many neighbours that mean something else */

struct nearest {
	const char *name;
	unsigned distance;
};

static void offer(struct nearest *n, const char *wanted, const char *name)
{
	unsigned distance = gv_near_distance(wanted, name);

	if (distance <= (strlen(name) < SHORT ? 1 : 3) && (!n->name || distance < n->distance))
		*n = (struct nearest){ name, distance };
}

static bool is_one_of(const char *value, const char *list)
{
	size_t size = strlen(value);

	for (const char *at = list; at; at = strchr(at, '|'), at = at ? at + 1 : NULL)
		if (strncmp(at, value, size) == 0 && (at[size] == '|' || !at[size]))
			return true;
	return false;
}

/* Without a prefix such as "ocpp.", which no attribute that is read has. */
static const char *bare(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot ? dot + 1 : name;
}

const char *attribute_problem(struct gv_turn *t, const char *name, const char *value)
{
	struct nearest near = { 0 }, field = { 0 };

	if (!*value) /* removes it, whatever it is */
		return NULL;
	for (size_t i = 0; i < KNOWN; i++) {
		if (strcmp(known[i].name, name) == 0)
			return !known[i].one_of || is_one_of(value, known[i].one_of)
				       ? NULL
				       : gv_str(t, "device.attributes[\"%s\"] must be one of %s, not \"%s\"", name,
						known[i].one_of, value);
		offer(&near, bare(name), known[i].name);
	}
	for (const char *const *f = fields; *f; f++)
		offer(&field, bare(name), *f);
	if (field.name && (!near.name || field.distance < near.distance))
		return gv_str(t,
			      "device.attributes[\"%s\"] is nothing that is read; did you mean the field device.%s? An "
			      "attribute of your own needs a name that is less like it",
			      name, field.name);
	return near.name ? gv_str(t,
				  "device.attributes[\"%s\"] is nothing that is read; did you mean \"%s\"? An "
				  "attribute of "
				  "your own needs a name that is less like it",
				  name, near.name)
			 : NULL;
}
