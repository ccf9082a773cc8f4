/* lib/near.h: what is proposed for a name that does not exist. */
#include <lib/near.h>

#include <criterion/criterion.h>
#include <string.h>

Test(near, counts_inserted_removed_replaced_and_swapped_characters)
{
	cr_assert_eq(gv_near_distance("heartbeat_s", "heartbeat_s"), 0);
	cr_assert_eq(gv_near_distance("heartbeats", "heartbeat_s"), 1);
	cr_assert_eq(gv_near_distance("hearbeat_s", "heartbeat_s"), 1);
	cr_assert_eq(gv_near_distance("heratbeat_s", "heartbeat_s"), 1);
	cr_assert_eq(gv_near_distance("", "abc"), 3);
	cr_assert_eq(gv_near_distance("abc", ""), 3);
}

Test(near, ignores_case_and_the_kind_of_dash)
{
	cr_assert_eq(gv_near_distance("Heartbeat-S", "heartbeat_s"), 0);
}

Test(near, proposes_slips_and_nothing_else)
{
	cr_assert(gv_near("pasword", "password"));
	cr_assert(gv_near("lisetn", "listen"));
	cr_assert(!gv_near("colour", "listen"));
	cr_assert(!gv_near("ws", "http"));
}

Test(near, proposes_the_nearest_of_several)
{
	struct gv_nearest near = { 0 };
	gv_nearest_offer(&near, "GREN", "BLUE");
	cr_assert_null(near.name);
	gv_nearest_offer(&near, "GREN", "RED");
	gv_nearest_offer(&near, "GREN", "GREEN");
	gv_nearest_offer(&near, "GREN", "GRAY");
	cr_assert_str_eq(near.name, "GREEN");
}

Test(near, gives_up_on_names_beyond_its_limit)
{
	char name[GV_NEAR_NAME_MAX + 2];
	memset(name, 'a', sizeof name - 1);
	name[sizeof name - 1] = '\0';
	cr_assert(!gv_near(name, name));
}
