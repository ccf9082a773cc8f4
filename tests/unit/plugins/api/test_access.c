/* Tokens and roles. */
#include <criterion/criterion.h>
#include <plugins/api/access.h>

Test(role, each_may_do_what_those_before_it_may)
{
	cr_expect_lt(api_role("viewer"), api_role("operator"));
	cr_expect_lt(api_role("operator"), api_role("admin"));
	cr_expect_eq(api_role("root"), API_NOBODY);
	cr_expect_eq(api_role(""), API_NOBODY);
	cr_expect_str_eq(api_role_name(api_role("operator")), "operator");
}

Test(bearer, is_the_word_behind_the_scheme)
{
	cr_expect_str_eq(api_bearer("Bearer abc"), "abc");
	cr_expect_str_eq(api_bearer("bearer  abc"), "abc");
	cr_expect_null(api_bearer(""));
	cr_expect_null(api_bearer("Bearer"));
	cr_expect_null(api_bearer("Bearer "));
	cr_expect_null(api_bearer("Basic abc"));
	cr_expect_null(api_bearer("Bearer abc def"));
	cr_expect_null(api_bearer("Bearerabc"));
}

Test(token, is_found_only_whole)
{
	struct api_token tokens[2] = { { .role = API_VIEWER }, { .role = API_ADMIN } };

	api_digest("0123456789abcdef", tokens[0].digest);
	api_digest("fedcba9876543210", tokens[1].digest);
	cr_expect_eq(api_token_find(tokens, 2, "fedcba9876543210"), &tokens[1]);
	cr_expect_eq(api_token_find(tokens, 2, "0123456789abcdef"), &tokens[0]);
	cr_expect_null(api_token_find(tokens, 2, "0123456789abcde"));
	cr_expect_null(api_token_find(tokens, 2, ""));
	cr_expect_null(api_token_find(tokens, 0, "0123456789abcdef"));
}
