/* Times and a zone with two changes a year, for tests of what goes by the clock on a wall. */
#ifndef TEST_BERLIN_H
#define TEST_BERLIN_H

#include <criterion/criterion.h>

#include <lib/iso8601.h>
#include <lib/zone.h>

#include <stdio.h>
#include <string.h>

static inline int64_t at(const char *text)
{
	int64_t ms;

	cr_assert_eq(gv_time_parse(text, strlen(text), NULL, &ms, NULL), 0, "%s", text);
	return ms;
}

/* To be destroyed. */
static inline struct gv_zone *berlin(void)
{
	static uint8_t data[GV_ZONE_SIZE_MAX];
	FILE *file = fopen("/usr/share/zoneinfo/Europe/Berlin", "re");
	struct gv_zone *zone;

	cr_assert_not_null(file, "tzdata is installed");
	cr_assert_eq(gv_zone_parse(data, fread(data, 1, sizeof data, file), &zone), 0);
	fclose(file);
	return zone;
}

#endif
