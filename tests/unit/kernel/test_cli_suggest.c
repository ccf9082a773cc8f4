/* Whoever mistypes a method or an event is told the nearest one there is, and nothing where none is near. */
#include <criterion/criterion.h>
#include <kernel/cli_command.h>

static const char *const names[] = {
	"galvan.charging.v1.Charging/Start",
	"galvan.charging.v1.Charging/Stop",
	"galvan.registry.v1.Registry/GetDevice",
	"galvan.registry.v1.Registry/PutDevice",
};

static const char *suggest(const char *wanted)
{
	static char text[256];

	gv_cli_suggest(wanted, names, sizeof names / sizeof names[0], text, sizeof text);
	return text;
}

Test(cli_suggest, the_whole_name_with_a_slip)
{
	cr_assert_str_eq(suggest("galvan.registry.v1.Registry/GetDevise"),
			 "; did you mean galvan.registry.v1.Registry/GetDevice?");
}

Test(cli_suggest, the_part_that_people_remember)
{
	cr_assert_str_eq(suggest("Registry/PutDevise"), "; did you mean galvan.registry.v1.Registry/PutDevice?");
	cr_assert_str_eq(suggest("wrong.package.Charging/Stopp"), "; did you mean galvan.charging.v1.Charging/Stop?");
}

Test(cli_suggest, nothing_near_is_nothing_said)
{
	cr_assert_str_eq(suggest("example.weather.v1.Weather/Forecast"), "");
	cr_assert_str_eq(suggest(""), "");
}

Test(cli_suggest, a_short_buffer_is_not_overrun)
{
	char text[8];

	gv_cli_suggest("Registry/PutDevise", names, 4, text, sizeof text);
	cr_assert_str_eq(text, "; did y");
}
