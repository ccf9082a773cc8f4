/* What those may do who have shown nothing: public calls, and guesses at tokens, so many a minute from one address. */
#include "api.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LOG_EVERY_MS 1000

int api_strangers_init(struct api *api, struct gv_turn *t, const Api__Config *config)
{
	static const char *const own[] = { "127.0.0.0/8", "::1" };

	api->trusted = calloc(config->n_trusted_proxies + 2, sizeof(*api->trusted));
	if (!api->trusted || api_limits_init(&api->limits, config->stranger_calls_per_minute,
					     config->stranger_calls_at_once, gv_random(t)) < 0)
		return gv_fault(t, "no memory for the limits of strangers");
	for (size_t i = 0; i < 2; i++)
		api_network_read(own[i], &api->trusted[api->n_trusted++]);
	for (size_t i = 0; i < config->n_trusted_proxies; i++) {
		if (api_network_read(config->trusted_proxies[i], &api->trusted[api->n_trusted++]) < 0)
			return gv_fault(t,
					"trusted_proxies[%zu]: \"%s\" is no address and no network; write it as "
					"192.0.2.1, 10.0.0.0/8 or 2001:db8::/32",
					i, config->trusted_proxies[i]);
	}
	return 0;
}

void api_strangers_fini(struct api *api)
{
	api_limits_fini(&api->limits);
	free(api->trusted);
}

bool api_too_often(struct api *api, struct gv_turn *t, const struct api_exchange *x, enum api_limit limit)
{
	int64_t wait_ms = api_limits_wait_ms(&api->limits, x->client, limit, gv_now_ms(t));
	long long wait_s = (long long)(wait_ms + 999) / 1000;
	char client[API_CLIENT_TEXT_SIZE];

	if (!wait_ms)
		return false;
	gv_count(t, "limited", 1);
	api->limited++;
	if (gv_now_ms(t) - api->limited_log_ms >= LOG_EVERY_MS) {
		api_client_text(x->client, client);
		gv_log(t, GV_INFO, "refused who asks too often without a token count=%u client=%s path=\"%.100s\"",
		       api->limited, client, x->request->path);
		api->limited = 0;
		api->limited_log_ms = gv_now_ms(t);
	}
	api_refuse_as(t, x->conn, 429, "retry-after", gv_str(t, "%lld", wait_s), GV_RESOURCE_EXHAUSTED,
		      limit == API_LIMIT_PUBLIC
			      ? "too many calls without a token from your address: try again in %lld s"
			      : "too many wrong tokens from your address: try again in %lld s",
		      wait_s);
	return true;
}
