/* What a request's path asks for. Pure functions. */
#ifndef API_ROUTE_H
#define API_ROUTE_H

#include "pages.h"

#include <stdbool.h>
#include <stddef.h>

enum api_route_kind {
	API_ROUTE_NONE,
	API_ROUTE_PAGE,
	API_ROUTE_HEALTH,
	API_ROUTE_READY,
	API_ROUTE_METRICS,
	API_ROUTE_OPENAPI,
	API_ROUTE_EVENTS,
	API_ROUTE_CALL,
};

struct api_route {
	enum api_route_kind kind;
	const char *allow;           /* the methods it takes, as the Allow header says them */
	const struct api_page *page; /* API_ROUTE_PAGE */
	const char *rpc;             /* API_ROUTE_CALL: "package.Service/Method", within the path */
};

/* `path` is percent-decoded and has no query. */
struct api_route api_route(const char *path);
/* Whether a route takes this HTTP method. */
bool api_route_takes(const struct api_route *route, const char *method);

#define API_QUERY_VALUE_MAX 256
/* The next value of `name` in a raw query string; *at starts at 0 and is where to go on. Percent-decoded, '+' is a
 * space. 1 with ret set, 0 at the end, -EINVAL for a broken escape or a zero byte, -ENOSPC for a value that is too
 * long. */
int api_query_next(const char *query, const char *name, size_t *at, char ret[static API_QUERY_VALUE_MAX]);

#endif
