/* Time zones by name, as plugins ask for them. */
#include <lib/zones.h>

#include <criterion/criterion.h>
#include <errno.h>

Test(zones, a_name_is_read_once_and_utc_is_no_zone)
{
	static struct gv_zones z;
	const struct gv_zone *berlin, *again, *utc;

	cr_expect_eq(gv_zones_get(&z, "", &utc), 0);
	cr_expect_null(utc);
	cr_expect_eq(gv_zones_get(&z, "UTC", &utc), 0);
	cr_expect_null(utc);
	cr_expect_eq(gv_zones_get(&z, "Europe/Berlin", &berlin), 0);
	cr_expect_eq(gv_zone_offset_s(berlin, 1736906994), 3600);
	cr_expect_eq(gv_zones_get(&z, "Europe/Berlin", &again), 0);
	cr_expect_eq(berlin, again);
	cr_expect_eq(z.count, 1);
	gv_zones_fini(&z);
}

Test(zones, what_is_no_zone_is_told_once_and_is_utc)
{
	static const char *const wrong[] = { "Europe/Nowhere", "../../etc/passwd", "/etc/passwd",
					     "Europe/../../../etc/passwd" };
	static struct gv_zones z;
	const struct gv_zone *zone;

	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		cr_expect_eq(gv_zones_get(&z, wrong[i], &zone), -ENOENT, "%s", wrong[i]);
		cr_expect_null(zone);
		cr_expect_eq(gv_zones_get(&z, wrong[i], &zone), 0, "once");
	}
	gv_zones_fini(&z);
}
