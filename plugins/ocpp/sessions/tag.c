/* Some chargers echo a tag with control characters around it, or with spaces between its bytes (quirk row 18). */
#include <plugins/ocpp/ocpp.h>

#include <string.h>

const char *tag_read(struct ocpp *o, struct gv_turn *t, struct station *st, const char *tag)
{
	size_t n = 0;
	char *clean;

	if (!st->profile.clean_tags)
		return tag;
	clean = gv_alloc(t, strlen(tag) + 1);
	for (const char *s = tag; *s; s++)
		if ((unsigned char)*s > ' ' && *s != 0x7f)
			clean[n++] = *s;
	if (n == strlen(tag))
		return tag;
	station_quirks(o, t, st, QUIRK_BIT(QUIRK_TAG_GARBLED));
	return clean;
}
