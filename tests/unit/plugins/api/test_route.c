/* Paths and query strings. */
#include <criterion/criterion.h>
#include <plugins/api/route.h>

#include <errno.h>
#include <string.h>

Test(route, a_call_is_api_service_method)
{
	struct api_route r = api_route("/api/galvan.registry.v1.Registry/PutDevice");

	cr_assert_eq(r.kind, API_ROUTE_CALL);
	cr_expect_str_eq(r.rpc, "galvan.registry.v1.Registry/PutDevice");
	cr_expect_str_eq(r.allow, "POST");
}

Test(route, fixed_paths_win_over_calls)
{
	cr_expect_eq(api_route("/api/events").kind, API_ROUTE_EVENTS);
	cr_expect_eq(api_route("/api/openapi.json").kind, API_ROUTE_OPENAPI);
	cr_expect_eq(api_route("/metrics").kind, API_ROUTE_METRICS);
	cr_expect_eq(api_route("/healthz").kind, API_ROUTE_HEALTH);
	cr_expect_eq(api_route("/readyz").kind, API_ROUTE_READY);
}

Test(route, the_page_and_its_files_are_compiled_in)
{
	struct api_route r = api_route("/");

	cr_assert_eq(r.kind, API_ROUTE_PAGE);
	cr_expect_gt(r.page->size, 100);
	cr_expect_str_eq(r.page->content_type, "text/html; charset=utf-8");
	cr_expect_eq(api_route("/console.js").kind, API_ROUTE_PAGE);
	cr_expect_eq(api_route("/console.css").kind, API_ROUTE_PAGE);
}

Test(route, anything_else_is_nothing)
{
	static const char *const paths[] = { "",           "/api",          "/api/",
					     "/api/x",     "/api/x/",       "/api//x",
					     "/api/x/y/z", "/apis/x/y",     "/console.js/",
					     "/healthz/",  "/../etc/passwd" };

	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++)
		cr_expect_eq(api_route(paths[i]).kind, API_ROUTE_NONE, "%s must lead nowhere", paths[i]);
}

Test(route, takes_only_its_methods)
{
	struct api_route call = api_route("/api/a.B/C"), health = api_route("/healthz"), none = api_route("/x");

	cr_expect(api_route_takes(&call, "POST"));
	cr_expect_not(api_route_takes(&call, "GET"));
	cr_expect_not(api_route_takes(&call, "POS"));
	cr_expect_not(api_route_takes(&call, ""));
	cr_expect(api_route_takes(&health, "GET"));
	cr_expect(api_route_takes(&health, "HEAD"));
	cr_expect_not(api_route_takes(&health, "POST"));
	cr_expect_not(api_route_takes(&none, "GET"));
}

Test(query, gives_each_value_of_a_name_in_turn)
{
	const char *query = "type=a.B&x=1&type=c%2eD&types=no&type";
	char value[API_QUERY_VALUE_MAX];
	size_t at = 0;

	cr_assert_eq(api_query_next(query, "type", &at, value), 1);
	cr_expect_str_eq(value, "a.B");
	cr_assert_eq(api_query_next(query, "type", &at, value), 1);
	cr_expect_str_eq(value, "c.D");
	cr_assert_eq(api_query_next(query, "type", &at, value), 1);
	cr_expect_str_eq(value, "");
	cr_expect_eq(api_query_next(query, "type", &at, value), 0);
}

Test(query, plus_is_a_space)
{
	char value[API_QUERY_VALUE_MAX];
	size_t at = 0;

	cr_assert_eq(api_query_next("a=x+y", "a", &at, value), 1);
	cr_expect_str_eq(value, "x y");
}

Test(query, refuses_broken_escapes_zero_bytes_and_long_values)
{
	static const char *const broken[] = { "a=%", "a=%4", "a=%4&b=1", "a=%zz", "a=%00" };
	char value[API_QUERY_VALUE_MAX] = "as it was", big[API_QUERY_VALUE_MAX + 8] = "a=";
	size_t at;

	for (size_t i = 0; i < sizeof(broken) / sizeof(*broken); i++) {
		at = 0;
		cr_expect_eq(api_query_next(broken[i], "a", &at, value), -EINVAL, "%s", broken[i]);
	}
	memset(big + 2, 'x', API_QUERY_VALUE_MAX);
	at = 0;
	cr_expect_eq(api_query_next(big, "a", &at, value), -ENOSPC);
	cr_expect_str_eq(value, "as it was");
	big[2 + API_QUERY_VALUE_MAX - 1] = '\0';
	at = 0;
	cr_expect_eq(api_query_next(big, "a", &at, value), 1);
	cr_expect_eq(strlen(value), API_QUERY_VALUE_MAX - 1);
}
