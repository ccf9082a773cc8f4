/* The gate before a device is leased: what ota itself can see. Whether a driver is in the way is known by the device's
 * plugin alone, and asked with the lease. */
#include "campaigns.h"
#include "../repository/repository.h"
#include "windows.h"

#include <string.h>

#define FILE_RETRY_MS 5000 /* a file that is being looked at */

static const struct gv_zone *zone_of(struct ota *o, struct gv_turn *t, const char *device, const char *name)
{
	const struct gv_zone *zone = NULL;

	if (gv_zones_get(&o->zones, name, &zone))
		gv_log(t, GV_WARN, "no such time zone, UTC counts: correct its site's time_zone device=%s zone=%s",
		       device, name);
	return zone;
}

/* Of this one's site how many are out of service, in all and of its plugin; and how many of that there are. */
struct site {
	uint32_t busy, busy_alike, alike;
};

static struct site look_at_site(struct gv_turn *t, const char *site, const char *device)
{
	const char *plugin = device_plugin(t, device);
	struct gv_scan busy = { .table = &ota_busy, .prefix = gv_key(site) };
	struct gv_scan alike = { .table = &ota_members, .prefix = gv_key(site, plugin) };
	struct site n = { 0 };

	while (gv_next(t, &busy)) {
		n.busy++;
		n.busy_alike += !strcmp(busy.key.part[1].s, plugin);
	}
	while (n.alike <= n.busy_alike + 1 && gv_next(t, &alike))
		n.alike++;
	return n;
}

/* Never all devices of a kind at once, where there are several: one stays to charge at, or to bring a bank back to. */
static bool site_full(struct assignment *a, const Ota__Campaign *c, const Ota__DeviceRow *row)
{
	uint32_t most = c->in_flight_per_site ? c->in_flight_per_site : PER_SITE_DEFAULT;
	struct site n;

	if (!*row->site)
		return false;
	n = look_at_site(a->t, row->site, a->device);
	return n.busy >= most || (n.alike > 1 && n.busy_alike + 1 >= n.alike);
}

/* Another campaign that has the device, or goes before this one. NULL: none. */
static const char *rival(struct assignment *a, const Ota__Campaign *c)
{
	const Ota__ActiveRow *active = gv_get(a->t, &ota_active, gv_key(a->device));
	struct gv_scan scan = { .table = &ota_by_device, .prefix = gv_key(a->device) };

	if (active)
		return active->campaign;
	while (gv_next(a->t, &scan)) {
		const char *id = scan.key.part[1].s;
		const Ota__Campaign *other = campaign_get(a->t, id);
		const Ota__AssignmentWork *w = gv_get(a->t, &ota_doing, gv_key(id, a->device));

		if (!strcmp(id, c->id) || !other || other->state != CAMPAIGN(RUNNING) || !w || !w->queued)
			continue;
		if (other->weight > c->weight ||
		    (other->weight == c->weight && other->created_at_ms < c->created_at_ms))
			return other->id;
	}
	return NULL;
}

/* It was taken for one that has not heard of its update, or could not fetch it, and runs with it. */
static void took_it(struct assignment *a, const Ota__Artifact *final)
{
	a->row->artifact = a->row->final = final->id;
	assignment_unqueue(a);
	assignment_occupy(a);
	hear_booted(a);
}

/* What it gets next, as things are now. False: nothing, and it is out of the campaign. */
static bool choose(struct assignment *a, const Ota__DeviceRow *row, const struct paths *paths)
{
	struct subject s;
	struct choice choice;

	if (a->w->rolling_back)
		return true;
	device_subject(a->t, a->device, row, &s);
	choice = paths_choose(paths, a->t, &s, row);
	if (!choice.next && a->row->tries && choice.final &&
	    !strcmp(device_version(row, choice.final->kind), choice.final->version)) {
		took_it(a, choice.final);
		return false;
	}
	if (!choice.next) {
		assignment_unqueue(a);
		assignment_enter(a, ASSIGNMENT(SKIPPED), choice.reason);
		return false;
	}
	a->row->artifact = choice.next->id;
	a->row->final = choice.final->id;
	return true;
}

/* False: it waits, or is out. */
static bool ready(struct assignment *a, const Ota__Campaign *c, const Ota__DeviceRow *row, const struct paths *paths)
{
	int64_t now_ms = gv_now_ms(a->t), opens_ms;
	const Ota__Artifact *artifact;
	const char *other;

	if (!row || !row->registered) {
		assignment_unqueue(a);
		assignment_enter(a, ASSIGNMENT(SKIPPED), "is gone");
		return false;
	}
	if (!choose(a, row, paths))
		return false;
	artifact = assignment_artifact(a);
	if (!windows_open(c->windows, c->n_windows, zone_of(a->o, a->t, a->device, row->time_zone), now_ms, &opens_ms))
		assignment_wait(a, opens_ms, "its window is closed");
	else if ((other = rival(a, c)))
		assignment_wait(a, now_ms + a->o->retry_ms, gv_str(a->t, "the campaign %s goes first", other));
	else if (site_full(a, c, row))
		assignment_wait(a, now_ms + SITE_RETRY_MS, "others of its site are under way");
	else if (!artifact || file_state(a->o, a->t, artifact->blob) >= FILE_DAMAGED)
		assignment_wait(a, now_ms + a->o->retry_ms, "its file is damaged or gone: put it again");
	else if (file_state(a->o, a->t, artifact->blob) == FILE_UNCHECKED)
		assignment_wait(a, now_ms + FILE_RETRY_MS, "its file is being looked at");
	else
		return true;
	return false;
}

void begin(struct assignment *a, const Ota__Campaign *c, const struct paths *paths)
{
	const Ota__DeviceRow *row = device_get(a->t, a->device);
	const Ota__Artifact *artifact;

	if (!ready(a, c, row, paths))
		return;
	artifact = assignment_artifact(a);
	if (!a->w->rolling_back && !a->w->stepped)
		a->row->from_version = (char *)device_version(row, artifact->kind);
	a->row->to_version = artifact->version;
	assignment_unqueue(a);
	assignment_occupy(a);
	assignment_enter(a, ASSIGNMENT(LEASING), "");
	drive_lease(a);
}
