/* What the billing tests share. */
#include "world.h"

#include <criterion/criterion.h>
#include <lib/iso8601.h>
#include <stdio.h>
#include <string.h>

static void put32(uint8_t *to, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		to[i] = (uint8_t)(value >> (24 - 8 * i));
}

struct gv_zone *world_zone(const char *name)
{
	static const char *const rules[][2] = { { "Europe/Amsterdam", "CET-1CEST,M3.5.0,M10.5.0/3" },
						{ "Asia/Shanghai", "CST-8" },
						{ "UTC", "UTC0" } };
	uint8_t file[256] = { 0 };
	struct gv_zone *zone = NULL;
	size_t size = 0;
	for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
		if (strcmp(rules[i][0], name) != 0)
			continue;
		/* two blocks of a TZif file with one type and no transitions, and the rule */
		memcpy(file, "TZif2", 5);
		put32(file + 36, 1);
		memcpy(file + 50, "TZif2", 5);
		put32(file + 50 + 36, 1);
		size = 100 + (size_t)sprintf((char *)file + 100, "\n%s\n", rules[i][1]);
	}
	cr_assert_eq(gv_zone_parse(file, size, &zone), 0, "no zone %s", name);
	return zone;
}

struct billing_tariff world_tariff(const char *json)
{
	struct billing_tariff t;
	struct billing_error error;
	char text[8192];
	size_t size = strlen(json);
	cr_assert_lt(size, sizeof text);
	for (size_t i = 0; i < size; i++)
		text[i] = json[i] == '\'' ? '"' : json[i];
	cr_assert_eq(billing_ocpi_read(text, size, &t, &error), 0, "%s: %s\n%s", error.field, error.text, json);
	return t;
}

int64_t world_time(const char *text, const struct gv_zone *zone)
{
	int64_t ms;
	cr_assert_eq(gv_time_parse(text, strlen(text), zone, &ms, NULL), 0, "%s is no time", text);
	return ms;
}

uint64_t world_draw(struct world_random *r)
{
	/* splitmix64 */
	uint64_t z = r->state += UINT64_C(0x9e3779b97f4a7c15);
	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

int64_t world_below(struct world_random *r, int64_t below)
{
	return (int64_t)(world_draw(r) % (uint64_t)below);
}
