/* registry: the one place that knows which sites and devices exist. Others keep a view of it, fed by DeviceChanged. */
#include "registry.h"
#include "registry.schema.h"

#include <galvan/link.pb-c.h>
#include <galvan/registry.pb-c.h>

static int snapshot_devices(void *self, struct gv_turn *t)
{
	struct gv_scan scan = { .table = &registry_devices };

	while (gv_next(t, &scan))
		registry_emit(t, scan.row);
	return 0;
}

/* What the config names and the store lacks; what is there already stays as people have changed it. */
static int make_missing(struct registry *registry, struct gv_turn *t, const Registry__Config *c)
{
	for (size_t i = 0; i < c->n_sites; i++) {
		Registry__Site site;
		const char *problem;

		if (!registry_site_problem(c->sites[i]->id) && gv_get(t, &registry_sites, gv_key(c->sites[i]->id)))
			continue;
		problem = registry_store_site(t, c->sites[i], &site);
		if (problem)
			return gv_fault(t, "the config's sites[%zu]: %s", i, problem);
	}
	for (size_t i = 0; i < c->n_devices; i++) {
		Registry__PutDeviceRequest request = REGISTRY__PUT_DEVICE_REQUEST__INIT;
		Registry__Device device;
		enum gv_code code;
		const char *problem;

		if (registry_find(t, c->devices[i]->id))
			continue;
		request.device = c->devices[i];
		problem = registry_store_device(registry, t, &request, &device, &code);
		if (problem)
			return gv_fault(t, "the config's devices[%zu]: %s", i, problem);
	}
	return 0;
}

static int start(void *self, struct gv_turn *t, const void *config)
{
	struct registry *registry = self;
	const Registry__Config *c = config;

	if (gv_self(t)->instances != 1)
		return gv_fault(t, "registry runs as one instance, since ids must be unique: remove `instances` from "
				   "its entry in the config file");
	registry->password_iterations = c->password_iterations;
	return make_missing(registry, t, c);
}

static const struct gv_method methods[] = {
	{ "PutSite", registry_put_site },
	{ "GetSite", registry_get_site },
	{ "ListSites", registry_list_sites },
	{ "DeleteSite", registry_delete_site },
	{ "PutDevice", registry_put_device },
	{ "GetDevice", registry_get_device },
	{ "ListDevices", registry_list_devices },
	{ "DeleteDevice", registry_delete_device },
	{ 0 },
};
static const struct gv_service services[] = {
	{ &registry__registry__descriptor, methods },
	{ 0 },
};
static const struct gv_hears hears[] = {
	{ &link__profile_raised__descriptor, registry_profile_raised },
	{ &link__pending_password_used__descriptor, registry_pending_used },
	{ 0 },
};
static const struct gv_emits emits[] = {
	{ &registry__device_changed__descriptor, snapshot_devices },
	{ 0 },
};
static const struct gv_table *const tables[] = {
	&registry_sites, &registry_devices, &registry_names, &registry_by_site, &registry_by_tag, NULL,
};

GV_PLUGIN = {
	GV_STAMP,
	.name = "registry",
	.version = "0.1.0",
	.summary = "Sites and devices: what exists, what it is called, who may connect as it",
	.config = &registry__config__descriptor,
	.serves = services,
	.hears = hears,
	.emits = emits,
	.tables = tables,
	.schema_set = GV_SCHEMA(registry),
	.schema = 1,
	.self_size = sizeof(struct registry),
	.start = start,
};
