/* The grammar of ids and texts, in one place, so that what the registry has let in can be used as a key, in a path and
 * in a log line. */
#include "names.h"

#include <lib/utf8.h>
#include <stdint.h>
#include <string.h>

const char *registry_text_problem(const char *text, size_t max)
{
	const unsigned char *end = (const unsigned char *)text + strlen(text);

	if (strlen(text) > max)
		return "is too long";
	for (const unsigned char *s = (const unsigned char *)text; s < end;) {
		size_t n = gv_utf8_char(s, (size_t)(end - s));

		if (n == 0)
			return "is not UTF-8";
		/* C0, DEL and the two-byte C1 controls U+0080 to U+009F */
		if (*s < 0x20 || *s == 0x7f || (*s == 0xc2 && s[1] < 0xa0))
			return "has a control character";
		s += n;
	}
	return NULL;
}

static const char *segment_problem(const char *text, size_t max)
{
	if (!*text)
		return "is empty";
	if (strchr(text, '/'))
		return "has a '/'";
	return registry_text_problem(text, max);
}

const char *registry_id_problem(const char *id)
{
	const char *colon = strchr(id, ':'), *problem;

	if (!*id)
		return "is empty";
	if (!colon || colon == id)
		return "must read PLUGIN:IDENTITY, as in ocpp:CP001";
	if (colon - id > REGISTRY_PLUGIN_MAX)
		return "has more than 27 bytes before the colon";
	for (const char *s = id; s < colon; s++) {
		if (!(*s >= 'a' && *s <= 'z') && !(*s >= '0' && *s <= '9') && *s != '_')
			return "has something other than a-z, 0-9 and '_' before the colon, where the plugin's name "
			       "stands";
	}
	problem = segment_problem(colon + 1, SIZE_MAX);
	if (problem && !colon[1])
		return "has nothing behind the colon, where the identity stands";
	if (!problem && strlen(colon + 1) > REGISTRY_IDENTITY_MAX)
		return "has more than 100 bytes behind the colon";
	return problem;
}

const char *registry_site_problem(const char *id)
{
	return segment_problem(id, REGISTRY_SITE_MAX);
}

const char *registry_zone_problem(const char *zone)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+-/";

	if (strlen(zone) > REGISTRY_ZONE_MAX)
		return "is too long";
	if (zone[strspn(zone, allowed)] || zone[0] == '/' || strstr(zone, "//") ||
	    (*zone && zone[strlen(zone) - 1] == '/'))
		return "is no IANA time zone name, as Europe/Berlin is";
	return NULL;
}

void registry_fold(const char *id, char ret[static REGISTRY_ID_MAX + 1])
{
	size_t i;

	for (i = 0; id[i] && i < REGISTRY_ID_MAX; i++)
		ret[i] = id[i] >= 'A' && id[i] <= 'Z' ? (char)(id[i] - 'A' + 'a') : id[i];
	ret[i] = '\0';
}
