/* What plugins listen for: a service by its UUID, and its two characteristics. Listeners of other kinds are link's. */
#include "bluetooth.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

const struct service *service_find(const struct bluetooth *b, const char *uuid)
{
	for (size_t i = 0; i < b->n_services; i++)
		if (strcmp(b->services[i].uuid, uuid) == 0)
			return &b->services[i];
	return NULL;
}

const struct service *service_of(const struct bluetooth *b, const struct peripheral *p, const char *uuid)
{
	for (size_t i = 0; i < p->n_services; i++) {
		const struct service *s = service_find(b, p->services[i].uuid);

		if (s && (!*uuid || strcmp(s->uuid, uuid) == 0))
			return s;
	}
	return NULL;
}

/* What is wrong with it, for people; NULL: nothing. */
static const char *problem(const struct bluetooth *b, const Link__Listener *l, struct service *ret)
{
	if (!uuid_read(l->gatt_service, ret->uuid))
		return "gatt_service is no UUID";
	if (!uuid_read(l->gatt_write, ret->write))
		return "gatt_write is no UUID";
	if (!uuid_read(l->gatt_notify, ret->notify))
		return "gatt_notify is no UUID";
	if (strlen(l->name) >= sizeof ret->listener || strlen(l->device_prefix) >= sizeof ret->device_prefix)
		return "its name or device_prefix is too long";
	if (service_find(b, ret->uuid))
		return "somebody listens for the same service already";
	if (b->n_services == SERVICES_MAX)
		return "all plugins together listen for too many services";
	return NULL;
}

static void drop_of(struct bluetooth *b, const char *plugin)
{
	size_t kept = 0;

	for (size_t i = 0; i < b->n_services; i++)
		if (strcmp(b->services[i].plugin, plugin) != 0)
			b->services[kept++] = b->services[i];
	b->n_services = kept;
}

int services_register(struct bluetooth *b, const char *plugin, const void *const *listeners, size_t count)
{
	int r = 0;

	drop_of(b, plugin);
	for (size_t i = 0; i < count; i++) {
		const Link__Listener *l = listeners[i];
		struct service s = { .window_frames = l->window_frames };
		const char *wrong;

		if (l->kind != LINK__LISTENER__KIND__GATT)
			continue;
		wrong = strlen(plugin) < sizeof s.plugin ? problem(b, l, &s) : "the plugin's name is too long";
		if (wrong) {
			gv_world_log(b->world, GV_ERR, "listener %s of %s is left out: %s service=%s", l->name, plugin,
				     wrong, l->gatt_service);
			r = -EINVAL;
			continue;
		}
		snprintf(s.plugin, sizeof s.plugin, "%s", plugin);
		snprintf(s.listener, sizeof s.listener, "%s", l->name);
		snprintf(s.device_prefix, sizeof s.device_prefix, "%s", l->device_prefix);
		b->services[b->n_services++] = s;
	}
	return r;
}
