/* Which CRC a cabinet uses, over which bytes, nobody says: its frames do. Three in a row that agree on one of all
 * combinations settle it, for ever; frames that later agree on another one are an alarm and are not believed. */
#include "powerbank.h"

#include <string.h>

static unsigned lowest(uint32_t fits)
{
	unsigned n = 0;

	while (!(fits >> n & 1))
		n++;
	return n;
}

/* How many frames in a row have agreed on something, this one among them. */
static unsigned agree(struct line *l, uint32_t fits)
{
	if (!fits) {
		l->agree = 0;
		return 0;
	}
	if (l->agree && (l->fits & fits)) {
		l->fits &= fits;
		return ++l->agree;
	}
	l->fits = fits;
	return l->agree = 1;
}

static void changed(struct powerbank *p, struct gv_turn *t, struct line *l, const char *device, uint32_t fits)
{
	if (agree(l, fits) < PB_LEARN_FRAMES)
		return;
	alarm_set(t, device, cabinet_edit(t, device), "crc-changed", true,
		  gv_str(t,
			 "its frames have the check %s now; give its attribute crc in the registry, if that is right",
			 l->profile.driver->check_name(lowest(l->fits))));
}

bool learn_check(struct powerbank *p, struct gv_turn *t, struct line *l, const struct pb_report *r, const char *device,
		 bool *ret_bad)
{
	const struct pb_driver *driver = l->profile.driver;
	const Powerbank__CabinetRow *row;
	unsigned check = l->wire.check;
	bool learned;

	*ret_bad = false;
	if (!l->wire.any_check || l->wire.unchecked)
		return true;
	row = l->profile.learn ? cabinet_get(t, device) : NULL;
	learned = row && *row->learned && driver->check_parse(row->learned, &check) == 0;
	if (!l->profile.learn || learned) {
		l->wire.check = check;
		if (r->fits >> check & 1) {
			l->agree = 0;
			return true;
		}
		*ret_bad = true;
		if (learned)
			changed(p, t, l, device, r->fits);
		return false;
	}
	if (agree(l, r->fits) < PB_LEARN_FRAMES)
		return false;
	l->wire.check = lowest(l->fits);
	l->agree = 0;
	cabinet_edit(t, device)->learned = gv_strdup(t, driver->check_name(l->wire.check));
	gv_log(t, GV_INFO, "the cabinet's check is learned device=%s crc=%s", device,
	       driver->check_name(l->wire.check));
	return true;
}
