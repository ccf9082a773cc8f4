/* Fleets of simulated Bluetooth piles: made, removed, found, and whether one can be. */
#include "posts.h"

#include <lib/hex.h>
#include <lib/message.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct posts *posts_create(uv_loop_t *loop, uint64_t seed)
{
	struct posts *p = calloc(1, sizeof *p);

	if (!p)
		return NULL;
	uplinks_init(&p->all, loop, seed);
	return p;
}

static void free_fleet(struct post_fleet *f)
{
	struct post_fleet **at = &f->owner->first;

	while (*at && *at != f)
		at = &(*at)->next;
	if (*at)
		*at = f->next;
	sim__pile_fleet__free_unpacked(f->want, NULL);
	free(f->by_number);
	free(f);
}

void post_fleet_release(struct post_fleet *f)
{
	if (--f->alive == 0 && f->removed)
		free_fleet(f);
}

void post_fleet_remove(struct post_fleet *f)
{
	f->removed = true;
	f->alive++;
	for (unsigned i = 0; i < f->count; i++)
		post_remove(f->by_number[i]);
	post_fleet_release(f);
}

void posts_close(struct posts *p)
{
	for (struct post_fleet *f = p->first, *next; f; f = next) {
		next = f->next;
		if (!f->removed)
			post_fleet_remove(f);
	}
	uplinks_close(&p->all);
}

void posts_destroy(struct posts *p)
{
	free(p);
}

static Sim__PileFleet *copy_of(const Sim__PileFleet *want)
{
	Sim__PileFleet *ret = gv_message_copy(&want->base);

	if (!ret)
		return NULL;
	/* What a call leaves out, as config would have it. */
	ret->count = ret->count ? ret->count : 1;
	ret->mtu = ret->mtu ? ret->mtu : 247;
	ret->connectors = ret->connectors ? ret->connectors : 1;
	ret->power_w = ret->power_w ? ret->power_w : 7000;
	ret->records = ret->records ? ret->records : 2048;
	ret->heartbeat_s = ret->heartbeat_s ? ret->heartbeat_s : 60;
	ret->maker_threshold = ret->maker_threshold ? ret->maker_threshold : 1;
	ret->letter_max = ret->letter_max ? ret->letter_max : 1048576;
	return ret;
}

int post_fleet_add(struct posts *p, const Sim__PileFleet *want, bool configured)
{
	struct post_fleet *f = calloc(1, sizeof *f);
	char error[400];
	int r = 0;

	if (f)
		f->want = copy_of(want);
	if (f && f->want)
		f->by_number = calloc(f->want->count, sizeof(struct post *));
	if (!f || !f->want || !f->by_number) {
		if (f && f->want)
			sim__pile_fleet__free_unpacked(f->want, NULL);
		free(f);
		return -ENOMEM;
	}
	if (*f->want->url)
		line_target_parse(f->want->url, &f->target, error, sizeof error);
	f->owner = p;
	f->configured = configured;
	f->next = p->first;
	p->first = f;
	for (unsigned i = 0; r == 0 && i < f->want->count; i++)
		r = post_add(f, i);
	if (r < 0)
		post_fleet_remove(f);
	return r;
}

/* ---- found and checked ----------------------------------------------------------------------- */

struct post_fleet *post_fleet_find(const struct posts *p, const char *name)
{
	for (struct post_fleet *f = p->first; f; f = f->next)
		if (!f->removed && strcmp(f->want->name, name) == 0)
			return f;
	return NULL;
}

struct post *post_find(const struct posts *p, const char *address)
{
	for (struct post_fleet *f = p->first; f; f = f->next)
		for (unsigned i = 0; !f->removed && i < f->count; i++)
			if (strcmp(f->by_number[i]->address, address) == 0)
				return f->by_number[i];
	return NULL;
}

static int64_t first_of(const Sim__PileFleet *want)
{
	unsigned byte[6] = { 0xc0, 0, 0, 0, 0, 1 };
	int64_t ret = 0;
	int end = 0;

	if (*want->first && (sscanf(want->first, "%2x-%2x-%2x-%2x-%2x-%2x%n", &byte[0], &byte[1], &byte[2], &byte[3],
				    &byte[4], &byte[5], &end) != 6 ||
			     end != 17 || want->first[end]))
		return -1;
	for (int i = 0; i < 6; i++)
		ret = ret << 8 | byte[i];
	return ret;
}

static bool makers_are_keys(const Sim__PileFleet *want)
{
	uint8_t key[32];

	for (size_t i = 0; i < want->n_makers; i++)
		if (i >= BLE_IMAGE_MAKERS_MAX || gv_hex_read(want->makers[i], strlen(want->makers[i]), key, 32) < 0)
			return false;
	return want->maker_threshold <= BLE_IMAGE_MAKERS_MAX;
}

/* What is wrong with a fleet by itself; NULL: nothing. */
static const char *problem(const Sim__PileFleet *want)
{
	if (!*want->name || strlen(want->name) > 64)
		return "it needs a name of at most 64 characters";
	if (first_of(want) < 0)
		return "first: an address is six bytes, like C0-00-00-00-00-01";
	if (!*want->url && !*want->loopback && !want->gatt)
		return "without a url, a loopback and gatt nobody could reach its piles";
	if (want->gatt && (want->count > 1 || *want->loopback))
		return "gatt: an adapter is the radio of one pile, and that has no loopback";
	if (strlen(want->secret) < 8)
		return "it needs a secret of at least 8 characters, which its keys are made of";
	if (!makers_are_keys(want))
		return "makers: at most 8 public keys of 64 hexadecimal digits, of which an image needs as many "
		       "signatures";
	if (want->connectors > BLE_PILE_CONNECTORS || (want->records && want->records < BLE_PILE_RECORDS_MIN))
		return "a pile has at most 4 connectors, and places for at least 64 records";
	return NULL;
}

static bool overlap(const Sim__PileFleet *a, const Sim__PileFleet *b)
{
	int64_t a_first = first_of(a), b_first = first_of(b);

	return a_first < b_first + (b->count ? b->count : 1) && b_first < a_first + (a->count ? a->count : 1);
}

int post_fleet_check(const struct posts *p, const Sim__PileFleet *want, char *ret_error, size_t error_size)
{
	struct line_target target;
	const char *wrong = problem(want);
	int r = *want->url ? line_target_parse(want->url, &target, ret_error, error_size) : 0;

	if (r < 0)
		return r;
	if (wrong) {
		snprintf(ret_error, error_size, "fleet \"%.64s\": %s", want->name, wrong);
		return -EINVAL;
	}
	if (post_fleet_find(p, want->name)) {
		snprintf(ret_error, error_size, "fleet \"%.64s\": there is one of this name; remove it first",
			 want->name);
		return -EEXIST;
	}
	if (p->count + (want->count ? want->count : 1) > POSTS_MAX) {
		snprintf(ret_error, error_size, "fleet \"%.64s\": at most %d piles in all", want->name, POSTS_MAX);
		return -ENOSPC;
	}
	for (const struct post_fleet *other = p->first; other; other = other->next) {
		if (other->removed || !overlap(want, other->want))
			continue;
		snprintf(ret_error, error_size,
			 "fleet \"%.64s\": some of its addresses are also fleet \"%.64s\"'s; choose another first one",
			 want->name, other->want->name);
		return -EEXIST;
	}
	return 0;
}
