/* Cabinets: which are known, which are online, and over which connection. What lasts is a row, written when a cabinet
 * comes, goes or says something new, and not with each heartbeat. */
#include "powerbank.h"

#include <plugins/leases/leases.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

unsigned pb_bucket(const char *text)
{
	uint32_t hash = 2166136261u;

	for (; *text; text++)
		hash = (hash ^ (unsigned char)*text) * 16777619u;
	return hash % PB_BUCKETS;
}

static struct cabinet *find(struct powerbank *p, const char *device)
{
	struct cabinet *c = p->cabinets[pb_bucket(device)];

	while (c && strcmp(c->device, device) != 0)
		c = c->next;
	return c;
}

struct cabinet *cabinet_keep(struct powerbank *p, const char *device)
{
	struct cabinet *c = find(p, device);
	size_t size = strlen(device) + 1;

	if (c)
		return c;
	c = calloc(1, sizeof *c + size);
	if (!c)
		return NULL;
	memcpy(c->device, device, size);
	c->next = p->cabinets[pb_bucket(device)];
	p->cabinets[pb_bucket(device)] = c;
	return c;
}

void cabinets_stop(struct powerbank *p)
{
	for (unsigned i = 0; i < PB_BUCKETS; i++)
		while (p->cabinets[i]) {
			struct cabinet *c = p->cabinets[i];

			p->cabinets[i] = c->next;
			free(c);
		}
}

const Powerbank__CabinetRow *cabinet_get(struct gv_turn *t, const char *device)
{
	return gv_get(t, &pb_cabinets, gv_key(device));
}

Powerbank__CabinetRow *cabinet_edit(struct gv_turn *t, const char *device)
{
	return gv_edit(t, &pb_cabinets, gv_key(device));
}

struct line *cabinet_line(struct powerbank *p, const char *device)
{
	struct cabinet *c = find(p, device);

	return c ? c->line : NULL;
}

/* ---- as others see it ------------------------------------------------------------------------ */

Rental__Cabinet *cabinet_describe(struct powerbank *p, struct gv_turn *t, const char *device,
				  const Powerbank__CabinetRow *row)
{
	Rental__Cabinet *c = gv_alloc(t, sizeof *c);
	const struct line *l = cabinet_line(p, device);
	const struct pb_driver *driver = pb_driver_find(row->driver);

	rental__cabinet__init(c);
	c->device = gv_strdup(t, device);
	c->online = l != NULL;
	c->ready = l && row->ready;
	c->driver = row->driver;
	c->can = profiles_can(t, driver, &c->n_can);
	c->slots = row->slots;
	c->n_slots = row->n_slots;
	c->online_since_ms = l ? row->online_since_ms : 0;
	c->peer = l ? row->peer : (char *)"";
	c->last_frame_at_ms = l ? l->last_ms : 0;
	c->inventory_at_ms = row->inventory_at_ms;
	c->iccid = row->iccid;
	if (l && driver && driver->check_name)
		c->crc = (char *)driver->check_name(l->wire.check);
	else
		c->crc = row->learned;
	slots_count(t, device, row, &c->free_slots, &c->full_banks);
	c->waiting = ejects_waiting(t, device);
	c->site = row->site;
	c->alarms = row->alarms;
	c->n_alarms = row->n_alarms;
	c->paused = row->paused;
	return c;
}

void cabinet_tell(struct powerbank *p, struct gv_turn *t, const char *device)
{
	Rental__CabinetChanged event = RENTAL__CABINET_CHANGED__INIT;
	const Powerbank__CabinetRow *row = cabinet_get(t, device);

	if (!row)
		return;
	event.device = (char *)device;
	event.cabinet = cabinet_describe(p, t, device, row);
	gv_emit(t, &event);
}

ProtobufCBinaryData cabinet_look(struct powerbank *p, struct gv_turn *t, const char *device)
{
	const Powerbank__CabinetRow *row = cabinet_get(t, device);
	Rental__Cabinet *c = cabinet_describe(p, t, device, row);
	ProtobufCBinaryData packed;

	c->last_frame_at_ms = c->inventory_at_ms = 0;
	c->slots = gv_alloc(t, c->n_slots * sizeof *c->slots);
	for (size_t i = 0; i < c->n_slots; i++) {
		c->slots[i] = gv_alloc(t, sizeof **c->slots);
		*c->slots[i] = *row->slots[i];
		c->slots[i]->seen_at_ms = 0;
	}
	packed.data = gv_alloc(t, rental__cabinet__get_packed_size(c) + 1);
	packed.len = rental__cabinet__pack(c, packed.data);
	return packed;
}

/* ---- coming and going ------------------------------------------------------------------------ */

static void count_swap(struct powerbank *p, struct gv_turn *t, struct cabinet *c)
{
	int64_t now = gv_now_ms(t), *oldest = &c->swaps[c->n_swaps % (PB_SWAPS_MAX + 1)];
	bool many = *oldest && now - *oldest < PB_FLAPPING_MS;

	*oldest = now;
	c->n_swaps++;
	if (many && !c->flapping) {
		c->flapping = true;
		alarm_set(t, c->device, cabinet_edit(t, c->device), "flapping", true,
			  gv_str(t, "it connects again and again: a second one of the same name, or a bad network"));
	}
}

void cabinet_iccid(struct gv_turn *t, const char *device, const char *iccid)
{
	const Powerbank__CabinetRow *row = cabinet_get(t, device);

	if (!*iccid || !strcmp(row->iccid, iccid))
		return;
	if (*row->iccid)
		incident(t, &(struct incident){
				    .device = device,
				    .kind = "clone",
				    .text = gv_str(t, "SIM card %s speaks for it, and it had %s: was it changed?",
						   iccid, row->iccid),
				    .epoch = (uint64_t)gv_now_ms(t) });
	cabinet_edit(t, device)->iccid = gv_strdup(t, iccid);
}

/* The newest connection wins: the one before is a half-open one, most likely. */
static void replace(struct powerbank *p, struct gv_turn *t, struct cabinet *c, struct line *l)
{
	struct line *old = c->line;

	count_swap(p, t, c);
	if (!old || old == l)
		return;
	old->cabinet = NULL;
	line_close(t, old, "a newer connection of this cabinet is there");
	gv_delete(t, &pb_conns, gv_key(old->conn));
	ejects_line_lost(p, t, c->device);
	commands_line_lost(t, c->device);
}

int cabinet_login(struct powerbank *p, struct gv_turn *t, struct line *l, const char *device)
{
	struct cabinet *c = cabinet_keep(p, device);
	Powerbank__CabinetRow *row = cabinet_edit(t, device);
	Powerbank__ConnRow conn = POWERBANK__CONN_ROW__INIT;
	bool was_online = c && c->line;

	if (!c)
		return gv_fault(t, "no memory for the cabinet");
	c->flapping = alarm_stands(row, "flapping"); /* maybe since before this incarnation */
	replace(p, t, c, l);
	c->line = l;
	l->cabinet = c;
	row->conn = l->conn;
	row->ready = false;
	row->listener = gv_strdup(t, l->profile.listener);
	row->driver = (char *)l->profile.driver->name;
	row->peer = gv_strdup(t, l->peer);
	row->online_since_ms = gv_now_ms(t);
	conn.device = (char *)device;
	gv_put(t, &pb_conns, gv_key(l->conn), &conn);
	if (!was_online)
		rentals_thaw(t, device, "offline");
	cabinet_iccid(t, device, l->iccid);
	gv_log(t, GV_INFO, "cabinet is online device=%s peer=%s listener=%s", device, l->peer, l->profile.listener);
	line_say(t, l, &(struct pb_command){ .say = PB_SAY_LOGIN });
	l->asked_ms = 0;
	inventory_ask(p, t, l);
	cabinet_tell(p, t, device);
	return 0;
}

void cabinet_offline(struct powerbank *p, struct gv_turn *t, struct line *l, int64_t at_ms)
{
	struct cabinet *c = l->cabinet;
	Powerbank__CabinetRow *row = cabinet_edit(t, c->device);

	l->cabinet = NULL;
	gv_delete(t, &pb_conns, gv_key(l->conn));
	if (c->line != l)
		return;
	c->line = NULL;
	row->conn = 0;
	row->ready = false;
	row->offline_since_ms = at_ms;
	ejects_line_lost(p, t, c->device);
	commands_line_lost(t, c->device);
	rentals_freeze(t, c->device, "offline", at_ms);
	gv_log(t, GV_INFO, "cabinet is offline device=%s", c->device);
	cabinet_tell(p, t, c->device);
}

/* ---- what the registry says ------------------------------------------------------------------ */

/* True if they differ from what was known. */
static bool take_settings(struct gv_turn *t, Powerbank__CabinetRow *row, const Registry__Device *device)
{
	Powerbank__Setting **list = NULL;
	size_t n = 0;
	bool same;

	for (size_t i = 0; device && i < device->n_attributes; i++) {
		Powerbank__Setting *s;

		if (!profiles_is_setting(device->attributes[i]->key))
			continue;
		s = gv_alloc(t, sizeof *s);
		powerbank__setting__init(s);
		s->name = gv_strdup(t, device->attributes[i]->key);
		s->value = gv_strdup(t, device->attributes[i]->value);
		*GV_APPEND(t, list, n) = s;
	}
	same = n == row->n_settings;
	for (size_t i = 0; same && i < n; i++)
		same = !strcmp(list[i]->name, row->settings[i]->name) &&
		       !strcmp(list[i]->value, row->settings[i]->value);
	row->settings = list;
	row->n_settings = n;
	return !same;
}

int cabinets_device_changed(struct powerbank *p, struct gv_turn *t, const Registry__DeviceChanged *e)
{
	const char *plugin = gv_self(t)->plugin;
	size_t size = strlen(plugin);
	const Registry__Device *device = e->deleted ? NULL : e->device;
	struct line *l = cabinet_line(p, e->id);
	Powerbank__CabinetRow *row;

	if (strncmp(e->id, plugin, size) != 0 || e->id[size] != ':')
		return 0;
	if (!device && !cabinet_get(t, e->id))
		return 0;
	row = cabinet_edit(t, e->id);
	row->known = device != NULL;
	row->site = gv_strdup(t, device ? device->site : "");
	if (take_settings(t, row, device)) {
		/* What was learned may be wrong now; a cabinet that is online is read anew. */
		row->learned = (char *)"";
		alarm_set(t, e->id, row, "crc-changed", false, "its check is learned anew");
		if (l)
			line_close(t, l, "its settings have changed");
	}
	if (!device)
		lease_forget(p, t, e->id);
	if (!device && l)
		line_close(t, l, "it is no longer known");
	else if (device)
		lines_known(p, t, e->id);
	return 0;
}

int cabinets_resync(struct powerbank *p, struct gv_turn *t)
{
	struct gv_scan scan = { .table = &pb_cabinets };

	while (gv_next(t, &scan))
		if (((const Powerbank__CabinetRow *)scan.row)->known)
			cabinet_edit(t, scan.key.part[0].s)->known = false;
	return gv_timer(t, "resynced", gv_now_ms(t) + PB_RESTORE_MS, NULL);
}

int cabinets_resynced(struct powerbank *p, struct gv_turn *t)
{
	for (unsigned i = 0; i < PB_BUCKETS; i++)
		for (const struct cabinet *c = p->cabinets[i]; c; c = c->next)
			if (c->line && !cabinet_get(t, c->device)->known)
				line_close(t, c->line, "it is no longer known");
	return 0;
}
