/* Some chargers echo a tag with control characters around it, with spaces between its bytes, or with - and backslashes
 * that nobody wrote (quirk row 18). Only the last two may belong to a token: they stay where it is known with them. */
#include <plugins/ocpp/ocpp.h>

#include <string.h>

/* Without blanks, control characters and those of `garbage`. */
static const char *without(struct gv_turn *t, const char *tag, const char *garbage)
{
	char *clean = gv_alloc(t, strlen(tag) + 1);
	size_t n = 0;

	for (const char *s = tag; *s; s++)
		if ((unsigned char)*s > ' ' && *s != 0x7f && !strchr(garbage, *s))
			clean[n++] = *s;
	return clean;
}

const char *tag_read(struct ocpp *o, struct gv_turn *t, struct station *st, const char *tag)
{
	static const char *const garbage[] = { "", "\\", "\\-" };
	const char *clean = tag;

	if (!st->profile.clean_tags)
		return tag;
	for (unsigned i = 0; i < sizeof garbage / sizeof garbage[0]; i++) {
		clean = without(t, tag, garbage[i]);
		if (!strpbrk(clean, "-\\") || authorize_knows(o, t, st->device, clean))
			break;
	}
	if (!strcmp(clean, tag))
		return tag;
	station_quirks(o, t, st, QUIRK_BIT(QUIRK_TAG_GARBLED));
	return clean;
}
