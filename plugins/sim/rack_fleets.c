/* Fleets of simulated cabinets: made, removed, found, and whether one can be. */
#include "racks.h"

#include <lib/message.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct racks *racks_create(uv_loop_t *loop, uint64_t seed)
{
	struct racks *r = calloc(1, sizeof *r);
	if (!r)
		return NULL;
	uplinks_init(&r->all, loop, seed);
	return r;
}

static void free_fleet(struct rack_fleet *f)
{
	struct rack_fleet **at = &f->owner->first;
	while (*at && *at != f)
		at = &(*at)->next;
	if (*at)
		*at = f->next;
	sim__cabinet_fleet__free_unpacked(f->want, NULL);
	free(f->by_number);
	free(f->hands);
	free(f);
}

void rack_fleet_release(struct rack_fleet *f)
{
	if (--f->alive == 0)
		free_fleet(f);
}

static void people_closed(uv_handle_t *handle)
{
	struct rack_fleet *f = handle->data;
	struct uplinks *all = &f->owner->all;
	rack_fleet_release(f);
	uplinks_release(all);
}

void rack_fleet_remove(struct rack_fleet *f)
{
	f->removed = true;
	for (unsigned i = 0; i < f->count; i++)
		rack_remove(f->by_number[i]);
	uv_close((uv_handle_t *)&f->people, people_closed);
}

void racks_close(struct racks *r)
{
	for (struct rack_fleet *f = r->first, *next; f; f = next) {
		next = f->next;
		if (!f->removed)
			rack_fleet_remove(f);
	}
	uplinks_close(&r->all);
}

void racks_destroy(struct racks *r)
{
	free(r);
}

static uint64_t first_imei(const Sim__CabinetFleet *want)
{
	return *want->first ? strtoull(want->first, NULL, 10) : UINT64_C(860000000000001);
}

int rack_fleet_add(struct racks *r, const Sim__CabinetFleet *want, bool configured)
{
	char error[400];
	struct rack_fleet *f = calloc(1, sizeof *f);
	if (f)
		f->want = gv_message_copy(&want->base);
	unsigned count = want->count ? want->count : 1, copies = want->clones ? 2 : 1;
	if (f && f->want)
		f->by_number = calloc((size_t)count * copies, sizeof(struct rack *));
	if (!f || !f->by_number || line_tcp_parse(want->url, &f->target, error, sizeof error) < 0) {
		if (f && f->want)
			sim__cabinet_fleet__free_unpacked(f->want, NULL);
		if (f)
			free(f->by_number);
		free(f);
		return -ENOMEM;
	}
	f->want->count = count;
	f->owner = r;
	f->configured = configured;
	f->next = r->first;
	r->first = f;
	f->people.data = f;
	uv_timer_init(r->all.io.loop, &f->people);
	r->all.handles++;
	f->alive++;
	int e = 0;
	for (unsigned i = 0; e == 0 && i < count * copies; i++)
		e = rack_add(f, first_imei(want) + i % count, i);
	if (e < 0)
		rack_fleet_remove(f);
	return e;
}

/* ---- fleets: found and checked --------------------------------------------------------------- */

struct rack_fleet *rack_fleet_find(const struct racks *r, const char *name)
{
	for (struct rack_fleet *f = r->first; f; f = f->next)
		if (!f->removed && strcmp(f->want->name, name) == 0)
			return f;
	return NULL;
}

struct rack *rack_find(const struct racks *r, const char *imei)
{
	for (struct rack_fleet *f = r->first; f; f = f->next)
		for (unsigned i = 0; !f->removed && i < f->count; i++)
			if (strcmp(f->by_number[i]->imei, imei) == 0)
				return f->by_number[i];
	return NULL;
}

/* What is wrong with a fleet by itself; NULL: nothing. */
static const char *problem(const Sim__CabinetFleet *want)
{
	struct gv_ruioo_check check;
	size_t digits = strspn(want->first, "0123456789");
	unsigned slots = want->slots ? want->slots : 3;
	if (!*want->name || strlen(want->name) > 64)
		return "it needs a name of at most 64 characters";
	if (*want->first && (digits != GV_RUIOO_IMEI_SIZE - 1 || want->first[digits]))
		return "first: an IMEI has 15 digits";
	if (slots > CABINET_MAX_SLOTS || want->banks > slots)
		return "a cabinet has at most 99 slots, and no more banks than slots";
	if (*want->driver && strcmp(want->driver, "ruioo") != 0 && strcmp(want->driver, "woshi") != 0)
		return "driver: expected ruioo or woshi";
	if (*want->crc && gv_ruioo_check_parse(want->crc, &check) < 0)
		return "crc: expected one like MODBUS/fields or XMODEM/frame/swap";
	return NULL;
}

static bool overlap(const Sim__CabinetFleet *a, const Sim__CabinetFleet *b)
{
	uint64_t a_count = a->count ? a->count : 1, b_count = b->count ? b->count : 1;
	return first_imei(a) < first_imei(b) + b_count && first_imei(b) < first_imei(a) + a_count;
}

int rack_fleet_check(const struct racks *r, const Sim__CabinetFleet *want, char *ret_error, size_t error_size)
{
	struct line_target target;
	const char *wrong = problem(want);
	unsigned count = (want->count ? want->count : 1) * (want->clones ? 2 : 1);
	int e = line_tcp_parse(want->url, &target, ret_error, error_size);
	if (e < 0)
		return e;
	if (wrong) {
		snprintf(ret_error, error_size, "fleet \"%.64s\": %s", want->name, wrong);
		return -EINVAL;
	}
	if (rack_fleet_find(r, want->name)) {
		snprintf(ret_error, error_size, "fleet \"%.64s\": there is one of this name; remove it first",
			 want->name);
		return -EEXIST;
	}
	if (count > RACKS_MAX || r->cabinets + count > RACKS_MAX) {
		snprintf(ret_error, error_size, "fleet \"%.64s\": at most %d cabinets in all", want->name, RACKS_MAX);
		return -ENOSPC;
	}
	for (const struct rack_fleet *other = r->first; other; other = other->next) {
		if (other->removed || !overlap(want, other->want))
			continue;
		snprintf(ret_error, error_size,
			 "fleet \"%.64s\": some of its IMEIs are also fleet \"%.64s\"'s; choose another first one",
			 want->name, other->want->name);
		return -EEXIST;
	}
	return 0;
}
