/* Which path leads where, and reading a query string. Kept apart from what is done there, so that it can be tested and
 * fuzzed alone. */
#include "route.h"

#include <errno.h>
#include <lib/hex.h>
#include <string.h>

static const struct {
	const char *path;
	enum api_route_kind kind;
} fixed[] = {
	{ "/healthz", API_ROUTE_HEALTH },    { "/readyz", API_ROUTE_READY },
	{ "/metrics", API_ROUTE_METRICS },   { "/api/openapi.json", API_ROUTE_OPENAPI },
	{ "/api/events", API_ROUTE_EVENTS },
};

struct api_route api_route(const char *path)
{
	const char *slash;

	for (size_t i = 0; i < sizeof(fixed) / sizeof(*fixed); i++) {
		if (strcmp(path, fixed[i].path) == 0)
			return (struct api_route){ .kind = fixed[i].kind,
						   .allow = fixed[i].kind == API_ROUTE_EVENTS ? "GET" : "GET, HEAD" };
	}
	for (const struct api_page *page = api_pages; page->path; page++) {
		if (strcmp(path, page->path) == 0)
			return (struct api_route){ .kind = API_ROUTE_PAGE, .allow = "GET, HEAD", .page = page };
	}
	if (strncmp(path, "/api/", 5) == 0) {
		slash = strchr(path + 5, '/');
		if (slash && slash > path + 5 && slash[1] && !strchr(slash + 1, '/'))
			return (struct api_route){ .kind = API_ROUTE_CALL, .allow = "POST", .rpc = path + 5 };
	}
	return (struct api_route){ .kind = API_ROUTE_NONE, .allow = "" };
}

bool api_route_takes(const struct api_route *route, const char *method)
{
	size_t n = strlen(method);

	for (const char *s = route->allow; n && *s; s += strspn(s, ", ")) {
		size_t word = strcspn(s, ",");

		if (word == n && strncmp(s, method, n) == 0)
			return true;
		s += word;
	}
	return false;
}

/* Decodes `size` bytes of a query; the length of the text, or a negative errno. */
static int decode(const char *s, size_t size, char *ret, size_t ret_size)
{
	size_t n = 0;

	for (size_t i = 0; i < size; i++) {
		char c = s[i] == '+' ? ' ' : s[i];

		if (s[i] == '%') {
			int high = size - i > 2 ? gv_hex_digit(s[i + 1]) : -1;
			int low = size - i > 2 ? gv_hex_digit(s[i + 2]) : -1;

			if (high < 0 || low < 0)
				return -EINVAL;
			c = (char)(high * 16 + low);
			i += 2;
		}
		if (!c)
			return -EINVAL;
		if (n + 1 >= ret_size)
			return -ENOSPC;
		ret[n++] = c;
	}
	ret[n] = '\0';
	return (int)n;
}

int api_query_next(const char *query, const char *name, size_t *at, char ret[static API_QUERY_VALUE_MAX])
{
	while (query[*at]) {
		const char *s = query + *at;
		size_t size = strcspn(s, "&"), split = strcspn(s, "=&");
		char value[API_QUERY_VALUE_MAX];
		int r;

		*at += size + (s[size] == '&');
		if (split != strlen(name) || strncmp(s, name, split) != 0)
			continue;
		r = split < size ? decode(s + split + 1, size - split - 1, value, sizeof(value))
				 : decode("", 0, value, sizeof(value));
		if (r < 0)
			return r;
		memcpy(ret, value, (size_t)r + 1);
		return 1;
	}
	return 0;
}
