/* Token buckets by address. Each is one number: the time at which the bucket will be full again; it runs ahead of the
 * present by an interval for each thing done, and by a burst at most. */
#include "limits.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MINUTE_US INT64_C(60000000)

int api_limits_init(struct api_limits *l, uint32_t per_minute, uint32_t burst, uint64_t seed)
{
	if (!per_minute)
		return 0;
	l->origins = calloc(API_ORIGINS_MAX, sizeof(*l->origins));
	if (!l->origins)
		return -ENOMEM;
	l->interval_us = MINUTE_US / per_minute;
	l->burst = burst ? burst : 1;
	l->seed = seed;
	return 0;
}

void api_limits_fini(struct api_limits *l)
{
	free(l->origins);
	memset(l, 0, sizeof(*l));
}

static void network_of(const uint8_t address[static API_ADDRESS_SIZE], uint8_t ret[static API_ADDRESS_SIZE])
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	memcpy(ret, address, API_ADDRESS_SIZE);
	if (memcmp(address, mapped, sizeof(mapped)) != 0)
		memset(ret + 8, 0, 8);
}

static uint16_t *slot_of(struct api_limits *l, const uint8_t network[static API_ADDRESS_SIZE])
{
	uint64_t hash = l->seed;

	for (unsigned i = 0; i < API_ADDRESS_SIZE; i++)
		hash = (hash ^ network[i]) * UINT64_C(0x100000001b3);
	return &l->slots[(hash ^ hash >> 32) % API_ORIGINS_MAX];
}

static struct api_origin *at(struct api_limits *l, uint16_t index)
{
	return &l->origins[index - 1];
}

/* 0: it is not remembered. */
static uint16_t find(struct api_limits *l, const uint8_t network[static API_ADDRESS_SIZE])
{
	uint16_t i = *slot_of(l, network);

	while (i && memcmp(at(l, i)->address, network, API_ADDRESS_SIZE) != 0)
		i = at(l, i)->next;
	return i;
}

static void unlink_age(struct api_limits *l, uint16_t i)
{
	struct api_origin *o = at(l, i);

	*(o->newer ? &at(l, o->newer)->older : &l->newest) = o->older;
	*(o->older ? &at(l, o->older)->newer : &l->oldest) = o->newer;
}

static void link_newest(struct api_limits *l, uint16_t i)
{
	at(l, i)->newer = 0;
	at(l, i)->older = l->newest;
	*(l->newest ? &at(l, l->newest)->newer : &l->oldest) = i;
	l->newest = i;
}

/* An unused entry, the oldest one's if there is none. */
static uint16_t make_room(struct api_limits *l)
{
	uint16_t i = l->oldest, *slot;

	if (l->n < API_ORIGINS_MAX)
		return ++l->n;
	slot = slot_of(l, at(l, i)->address);
	while (*slot != i)
		slot = &at(l, *slot)->next;
	*slot = at(l, i)->next;
	unlink_age(l, i);
	return i;
}

static struct api_origin *remember(struct api_limits *l, const uint8_t network[static API_ADDRESS_SIZE])
{
	uint16_t i = find(l, network), *slot;

	if (i) {
		unlink_age(l, i);
	} else {
		i = make_room(l);
		slot = slot_of(l, network);
		*at(l, i) = (struct api_origin){ .next = *slot };
		memcpy(at(l, i)->address, network, API_ADDRESS_SIZE);
		*slot = i;
	}
	link_newest(l, i);
	return at(l, i);
}

int64_t api_limits_wait_ms(struct api_limits *l, const uint8_t address[static API_ADDRESS_SIZE], enum api_limit limit,
			   int64_t now_ms)
{
	uint8_t network[API_ADDRESS_SIZE];
	int64_t ahead_us;
	uint16_t i;

	if (!l->interval_us)
		return 0;
	network_of(address, network);
	i = find(l, network);
	if (!i)
		return 0;
	ahead_us = at(l, i)->due_us[limit] - now_ms * 1000 - l->interval_us * (l->burst - 1);
	return ahead_us > 0 ? (ahead_us + 999) / 1000 : 0;
}

void api_limits_take(struct api_limits *l, const uint8_t address[static API_ADDRESS_SIZE], enum api_limit limit,
		     int64_t now_ms)
{
	uint8_t network[API_ADDRESS_SIZE];
	struct api_origin *o;

	if (!l->interval_us)
		return;
	network_of(address, network);
	o = remember(l, network);
	if (o->due_us[limit] < now_ms * 1000)
		o->due_us[limit] = now_ms * 1000;
	o->due_us[limit] += l->interval_us;
}

void api_limits_give_back(struct api_limits *l, const uint8_t address[static API_ADDRESS_SIZE], enum api_limit limit)
{
	uint8_t network[API_ADDRESS_SIZE];
	uint16_t i;

	if (!l->interval_us)
		return;
	network_of(address, network);
	i = find(l, network);
	if (i)
		at(l, i)->due_us[limit] -= l->interval_us;
}
