/* The one place where the kernel looks into a plugin's config: the ports of link, by its contract (galvan/link.proto).
 */
#include "announce.h"

#include <galvan/link.pb-c.h>

#include <string.h>

void gv_announce(const struct gv_plan *plan, FILE *out)
{
	Link__Config *config;

	if (strcmp(plan->record->config_type, "galvan.link.v1.Config") != 0)
		return;
	config = link__config__unpack(NULL, plan->config.size, plan->config.data);
	for (size_t i = 0; config && i < config->n_listen; i++) {
		const Link__Port *p = config->listen[i];
		bool any = strcmp(p->host, "0.0.0.0") == 0 || strcmp(p->host, "::") == 0;
		bool v6 = strchr(p->host, ':') != NULL && !any;

		if (p->http == 0)
			continue;
		fprintf(out, "http%s://%s%s%s:%u/ (%s)\n", p->tls ? "s" : "", v6 ? "[" : "",
			!*p->host || any ? "127.0.0.1" : p->host, v6 ? "]" : "", p->http, *p->to ? p->to : "by path");
	}
	if (config)
		link__config__free_unpacked(config, NULL);
}
