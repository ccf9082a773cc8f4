/* Where a line goes to: a URL taken apart. */
#include "line.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int parse(const char *url, const char *scheme, const char *expected, struct line_target *ret, char *ret_error,
		 size_t error_size)
{
	struct line_target t = { .port = 80 };
	if (strncmp(url, "wss://", 6) == 0 && strcmp(scheme, "ws://") == 0) {
		scheme = "wss://";
		t.port = 443;
		t.tls = true;
	}
	if (strncmp(url, scheme, strlen(scheme)) != 0) {
		snprintf(ret_error, error_size, "url \"%.100s\": expected %s", url, expected);
		return -EINVAL;
	}
	const char *host = url + strlen(scheme), *path = strchr(host, '/');
	size_t authority = path ? (size_t)(path - host) : strlen(host);
	if (authority == 0 || authority >= sizeof t.host || (path && strlen(path) + 2 > sizeof t.path)) {
		snprintf(ret_error, error_size, "url \"%.100s\": the host is missing, or it is too long", url);
		return -EINVAL;
	}
	snprintf(t.authority, sizeof t.authority, "%.*s", (int)authority, host);
	snprintf(t.path, sizeof t.path, "%s", path ? path : "/");
	if (t.path[strlen(t.path) - 1] != '/')
		strcat(t.path, "/");
	char *colon = strrchr(t.authority, ':'), *bracket = strrchr(t.authority, ']');
	size_t name = strlen(t.authority);
	if (colon && (!bracket || colon > bracket)) {
		char *end;
		long port = strtol(colon + 1, &end, 10);
		if (*end || end == colon + 1 || port < 1 || port > 65535) {
			snprintf(ret_error, error_size, "url \"%.100s\": the port must be a number from 1 to 65535",
				 url);
			return -EINVAL;
		}
		t.port = (int)port;
		name = (size_t)(colon - t.authority);
	}
	bool literal6 = t.authority[0] == '[' && bracket;
	snprintf(t.host, sizeof t.host, "%.*s", (int)(literal6 ? (size_t)(bracket - t.authority - 1) : name),
		 t.authority + literal6);
	*ret = t;
	return 0;
}

int line_target_parse(const char *url, struct line_target *ret, char *ret_error, size_t error_size)
{
	return parse(url, "ws://", "ws://HOST:PORT/PATH/ or wss://HOST:PORT/PATH/", ret, ret_error, error_size);
}

int line_tcp_parse(const char *url, struct line_target *ret, char *ret_error, size_t error_size)
{
	static const char expected[] = "tcp://HOST:PORT (simulated cabinets do not speak TLS)";
	int r = parse(url, "tcp://", expected, ret, ret_error, error_size);
	if (r == 0 && ret->path[1]) {
		snprintf(ret_error, error_size, "url \"%.100s\": expected %s", url, expected);
		r = -EINVAL;
	}
	return r;
}
