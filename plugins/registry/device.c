/* Devices: what exists, what it is called, who may connect as it. */
#include "attributes.h"
#include "registry.h"

#include <string.h>

const struct gv_table registry_devices = { .name = "devices", .key = "s", .value = &registry__device_row__descriptor };

REGISTRY_MERGE_ATTRIBUTES(merge_attributes, Registry__Device__AttributesEntry, registry__device__attributes_entry__init)

int registry_emit(struct gv_turn *t, const Registry__DeviceRow *row)
{
	Registry__DeviceChanged event = REGISTRY__DEVICE_CHANGED__INIT;
	const Registry__Site *site = *row->device->site ? gv_get(t, &registry_sites, gv_key(row->device->site)) : NULL;

	event.id = row->device->id;
	event.device = row->device;
	event.credential = row->credential;
	event.pending = row->pending;
	if (site)
		event.time_zone = site->time_zone;
	return gv_emit(t, &event);
}

static const char *connector_problem(struct gv_turn *t, const Registry__Device *d, size_t i)
{
	const Registry__Connector *c = d->connectors[i];
	const char *problem;

	if (c->id == 0)
		return gv_str(t, "device.connectors[%zu].id must be at least 1", i);
	for (size_t j = 0; j < i; j++) {
		if (d->connectors[j]->id == c->id)
			return gv_str(t, "device.connectors[%zu].id %u is there twice", i, c->id);
	}
	if ((problem = registry_text_problem(c->type, 32)))
		return gv_str(t, "device.connectors[%zu].type %s", i, problem);
	if (c->phases > 3)
		return gv_str(t, "device.connectors[%zu].phases must be at most 3", i);
	if (c->max_power_w < 0)
		return gv_str(t, "device.connectors[%zu].maxPowerW must not be negative", i);
	if (c->max_current_ma < 0)
		return gv_str(t, "device.connectors[%zu].maxCurrentMa must not be negative", i);
	if (c->max_current_ma > 0 && c->max_current_ma < REGISTRY_CURRENT_MIN_MA)
		return gv_str(
			t,
			"device.connectors[%zu].maxCurrentMa is in mA, and %lld mA is less than an ampere: %lld A is "
			"%lld000",
			i, (long long)c->max_current_ma, (long long)c->max_current_ma, (long long)c->max_current_ma);
	return NULL;
}

static const char *list_problem(struct gv_turn *t, const Registry__Device *d)
{
	const char *problem;

	if (d->n_connectors > REGISTRY_CONNECTORS_MAX)
		return gv_str(t, "device.connectors: at most %d", REGISTRY_CONNECTORS_MAX);
	if (d->n_aliases > REGISTRY_ALIASES_MAX)
		return gv_str(t, "device.aliases: at most %d", REGISTRY_ALIASES_MAX);
	if (d->n_tags > REGISTRY_TAGS_MAX)
		return gv_str(t, "device.tags: at most %d", REGISTRY_TAGS_MAX);
	for (size_t i = 0; i < d->n_connectors; i++) {
		if ((problem = connector_problem(t, d, i)))
			return problem;
	}
	for (size_t i = 0; i < d->n_aliases; i++) {
		if ((problem = registry_id_problem(d->aliases[i])))
			return gv_str(t, "device.aliases[%zu] \"%s\" %s", i, d->aliases[i], problem);
	}
	for (size_t i = 0; i < d->n_tags; i++) {
		if (!*d->tags[i] || registry_text_problem(d->tags[i], REGISTRY_TAG_MAX))
			return gv_str(t, "device.tags[%zu] must have 1 to %d bytes of plain text", i, REGISTRY_TAG_MAX);
	}
	for (size_t i = 0; i < d->n_attributes; i++) {
		if (!*d->attributes[i]->key ||
		    registry_text_problem(d->attributes[i]->key, REGISTRY_ATTRIBUTE_NAME_MAX))
			return gv_str(t, "device.attributes: a name must have 1 to %d bytes of plain text",
				      REGISTRY_ATTRIBUTE_NAME_MAX);
		if ((problem = registry_text_problem(d->attributes[i]->value, REGISTRY_ATTRIBUTE_VALUE_MAX)))
			return gv_str(t, "device.attributes[\"%s\"] %s", d->attributes[i]->key, problem);
		if ((problem = attribute_problem(t, d->attributes[i]->key, d->attributes[i]->value)))
			return problem;
	}
	return NULL;
}

/* What is wrong with what a caller gave, by itself; NULL: nothing. */
static const char *device_problem(struct gv_turn *t, const Registry__Device *d)
{
	const char *problem;

	if ((problem = registry_id_problem(d->id)))
		return gv_str(t, "device.id \"%s\" %s", d->id, problem);
	if (*d->site && (problem = registry_site_problem(d->site)))
		return gv_str(t, "device.site \"%s\" %s", d->site, problem);
	if ((problem = registry_text_problem(d->name, 200)))
		return gv_str(t, "device.name %s", problem);
	if (strlen(d->password) > 128)
		return "device.password is longer than 128 bytes";
	if (*d->password && d->clear_password)
		return "device.password and device.clearPassword exclude each other: give one of them";
	if (strlen(d->pending_password) > 128)
		return "device.pendingPassword is longer than 128 bytes";
	if (*d->pending_password && d->clear_pending_password)
		return "device.pendingPassword and device.clearPendingPassword exclude each other: give one of them";
	if (d->security_profile > REGISTRY_PROFILE_MAX)
		return gv_str(t, "device.securityProfile must be at most %d", REGISTRY_PROFILE_MAX);
	return list_problem(t, d);
}

/* A name that another device has already, or that is there twice; NULL: none. */
static const char *name_problem(struct gv_turn *t, const Registry__Device *d, enum gv_code *ret_code)
{
	const char *holder = registry_holder(t, d->id);

	*ret_code = GV_ALREADY_EXISTS;
	if (*holder && strcmp(holder, d->id) != 0)
		return gv_str(t,
			      "device.id \"%s\" is taken: device %s has this id in other letter case or as an alias; "
			      "change that "
			      "device, or delete it first",
			      d->id, holder);
	for (size_t i = 0; i < d->n_aliases; i++) {
		char alias[REGISTRY_ID_MAX + 1], other[REGISTRY_ID_MAX + 1];

		holder = registry_holder(t, d->aliases[i]);
		if (*holder && strcmp(holder, d->id) != 0)
			return gv_str(t, "device.aliases[%zu] \"%s\" is taken by device %s", i, d->aliases[i], holder);
		registry_fold(d->aliases[i], alias);
		registry_fold(d->id, other);
		for (size_t j = 0; strcmp(alias, other) != 0 && j < i; j++)
			registry_fold(d->aliases[j], other);
		if (strcmp(alias, other) == 0) {
			*ret_code = GV_INVALID_ARGUMENT;
			return gv_str(t, "device.aliases[%zu] \"%s\" is there twice", i, d->aliases[i]);
		}
	}
	return NULL;
}

/* Empty keeps; a list that is given replaces; attributes merge. */
static void merge(struct gv_turn *t, Registry__Device *into, const Registry__Device *from)
{
	into->id = from->id;
	if (*from->site)
		into->site = from->site;
	if (*from->name)
		into->name = from->name;
	if (from->security_profile)
		into->security_profile = from->security_profile;
	if (from->n_connectors) {
		into->connectors = from->connectors;
		into->n_connectors = from->n_connectors;
	}
	if (from->n_aliases) {
		into->aliases = from->aliases;
		into->n_aliases = from->n_aliases;
	}
	if (from->n_tags) {
		into->tags = from->tags;
		into->n_tags = from->n_tags;
	}
	merge_attributes(t, &into->attributes, &into->n_attributes, from->attributes, from->n_attributes);
}

/* NULL, or what is wrong with a name in `clear`. */
static const char *clear(struct gv_turn *t, Registry__Device *d, const char *field)
{
	if (!strcmp(field, "site"))
		d->site = "";
	else if (!strcmp(field, "name"))
		d->name = "";
	else if (!strcmp(field, "connectors"))
		d->n_connectors = 0;
	else if (!strcmp(field, "aliases"))
		d->n_aliases = 0;
	else if (!strcmp(field, "tags"))
		d->n_tags = 0;
	else if (!strcmp(field, "attributes"))
		d->n_attributes = 0;
	else if (!strcmp(field, "security_profile"))
		d->security_profile = 0;
	else
		return gv_str(
			t,
			"clear: \"%s\" is none of site, name, connectors, aliases, tags, attributes, security_profile",
			field);
	return NULL;
}

/* What keeps the device from being stored as it was given; NULL: nothing. */
static const char *refusal(struct gv_turn *t, const Registry__Device *from, enum gv_code *ret_code)
{
	const char *problem;

	*ret_code = GV_INVALID_ARGUMENT;
	if (!from)
		return "device is missing";
	if ((problem = device_problem(t, from)))
		return problem;
	if ((problem = name_problem(t, from, ret_code)))
		return problem;
	*ret_code = GV_FAILED_PRECONDITION;
	if (*from->site && !gv_get(t, &registry_sites, gv_key(from->site)))
		return gv_str(t, "device.site \"%s\" is not known: PutSite it first", from->site);
	return NULL;
}

/* NULL, or what is wrong. */
static const char *set_passwords(const struct registry *registry, struct gv_turn *t, Registry__DeviceRow *row,
				 const Registry__Device *from, enum gv_code *ret_code)
{
	uint32_t iterations = registry->password_iterations, profile = row->device->security_profile;

	if (from->clear_password)
		row->credential = NULL;
	if (from->clear_pending_password || from->clear_password || *from->password)
		row->pending = NULL; /* who sets a password by hand means that one alone */
	*ret_code = GV_INTERNAL;
	if ((*from->password && !(row->credential = registry_credential(t, from->password, iterations))) ||
	    (*from->pending_password && !(row->pending = registry_credential(t, from->pending_password, iterations))))
		return gv_str(t, "cannot hash the password of device %s: OpenSSL refused PBKDF2-HMAC-SHA256", from->id);
	row->device->has_password = row->credential != NULL;
	row->device->has_pending_password = row->pending != NULL;
	*ret_code = GV_FAILED_PRECONDITION;
	if ((profile == 1 || profile == 2) && !row->credential)
		return gv_str(t, "device.securityProfile %u needs a password: give one, or clear security_profile",
			      profile);
	return NULL;
}

const char *registry_store_device(const struct registry *registry, struct gv_turn *t,
				  const Registry__PutDeviceRequest *request, Registry__Device *device,
				  enum gv_code *ret_code)
{
	const Registry__Device *from = request->device;
	Registry__DeviceRow row = REGISTRY__DEVICE_ROW__INIT;
	const Registry__DeviceRow *before;
	const char *problem = refusal(t, from, ret_code);

	if (problem)
		return problem;
	*device = (Registry__Device)REGISTRY__DEVICE__INIT;
	before = gv_get(t, &registry_devices, gv_key(from->id));
	if (before) {
		row = *before;
		*device = *before->device;
	}
	row.device = device;
	*ret_code = GV_INVALID_ARGUMENT;
	for (size_t i = 0; i < request->n_clear; i++)
		if ((problem = clear(t, device, request->clear[i])))
			return problem;
	merge(t, device, from);
	if (device->n_attributes > REGISTRY_ATTRIBUTES_MAX)
		return gv_str(t, "device.attributes: at most %d, these would be %zu", REGISTRY_ATTRIBUTES_MAX,
			      device->n_attributes);
	problem = set_passwords(registry, t, &row, from, ret_code);
	if (problem)
		return problem;
	device->updated_at_ms = gv_now_ms(t);
	if (!before)
		device->created_at_ms = device->updated_at_ms;
	gv_put(t, &registry_devices, gv_key(device->id), &row);
	registry_index(t, before ? before->device : NULL, device);
	registry_emit(t, &row);
	return NULL;
}

int registry_put_device(void *self, struct gv_turn *t, struct gv_ticket ticket, const ProtobufCMessage *m)
{
	Registry__PutDeviceReply reply = REGISTRY__PUT_DEVICE_REPLY__INIT;
	Registry__Device device;
	enum gv_code code;
	const char *problem = registry_store_device(self, t, (const Registry__PutDeviceRequest *)m, &device, &code);

	if (problem)
		return gv_refuse(t, ticket, code, "%s", problem);
	reply.device = &device;
	return gv_reply_when_heard(t, ticket, &reply);
}

int registry_get_device(void *self, struct gv_turn *t, struct gv_ticket ticket, const ProtobufCMessage *m)
{
	const char *id = ((const Registry__GetDeviceRequest *)m)->id;
	const Registry__DeviceRow *row = registry_find(t, id);
	Registry__GetDeviceReply reply = REGISTRY__GET_DEVICE_REPLY__INIT;

	if (!row)
		return gv_refuse(t, ticket, GV_NOT_FOUND, "there is no device \"%s\"", id);
	reply.device = row->device;
	return gv_reply(t, ticket, &reply);
}

/* Whether the walk is past the devices of a plugin. */
static bool of_plugin(const char *id, const char *plugin)
{
	size_t n = strlen(plugin);

	return n == 0 || (strncmp(id, plugin, n) == 0 && id[n] == ':');
}

static bool has_tag(const Registry__Device *d, const char *tag)
{
	for (size_t i = 0; i < d->n_tags; i++) {
		if (strcmp(d->tags[i], tag) == 0)
			return true;
	}
	return *tag == '\0';
}

/* Walks the narrowest index from behind `after`. */
static void list(struct gv_turn *t, const Registry__ListDevicesRequest *request, const char *after, size_t limit,
		 Registry__ListDevicesReply *reply)
{
	const char *narrow = *request->site ? request->site : request->tag;
	struct gv_scan scan = { .table = &registry_devices };

	if (*narrow) {
		scan.table = *request->site ? &registry_by_site : &registry_by_tag;
		scan.prefix = gv_key(narrow);
	}
	if (*after)
		scan.after = *narrow ? gv_key(narrow, after) : gv_key(after);
	while (reply->n_devices < limit && gv_next(t, &scan)) {
		const Registry__DeviceRow *row = scan.row;

		if (*narrow)
			row = gv_get(t, &registry_devices, gv_key(((const Registry__Ref *)scan.row)->id));
		if (!row)
			continue;
		if (!of_plugin(row->device->id, request->plugin))
			break; /* ids are sorted, and the walk began at the plugin's first */
		if (has_tag(row->device, request->tag))
			*GV_APPEND(t, reply->devices, reply->n_devices) = row->device;
	}
}

int registry_list_devices(void *self, struct gv_turn *t, struct gv_ticket ticket, const ProtobufCMessage *m)
{
	const Registry__ListDevicesRequest *request = (const Registry__ListDevicesRequest *)m;
	Registry__ListDevicesReply reply = REGISTRY__LIST_DEVICES_REPLY__INIT;
	size_t limit = request->limit ? request->limit : REGISTRY_PAGE_DEFAULT;
	const char *after = request->after;

	if (limit > REGISTRY_PAGE_MAX)
		return gv_refuse(t, ticket, GV_INVALID_ARGUMENT, "limit must be at most %d", REGISTRY_PAGE_MAX);
	if (*after && registry_id_problem(after))
		return gv_refuse(t, ticket, GV_INVALID_ARGUMENT, "after \"%s\" is no device id", after);
	if (strlen(request->plugin) > REGISTRY_PLUGIN_MAX || strchr(request->plugin, ':'))
		return gv_refuse(t, ticket, GV_INVALID_ARGUMENT, "plugin \"%s\" is no plugin's name", request->plugin);
	if (*request->site && registry_site_problem(request->site))
		return gv_refuse(t, ticket, GV_INVALID_ARGUMENT, "site \"%s\" is no site's id", request->site);
	if (strlen(request->tag) > REGISTRY_TAG_MAX)
		return gv_refuse(t, ticket, GV_INVALID_ARGUMENT, "tag is longer than %d bytes", REGISTRY_TAG_MAX);
	if (*request->plugin) {
		const char *first = gv_str(t, "%s:", request->plugin);

		if (strcmp(after, first) < 0)
			after = first;
	}
	list(t, request, after, limit, &reply);
	return gv_reply(t, ticket, &reply);
}

int registry_delete_device(void *self, struct gv_turn *t, struct gv_ticket ticket, const ProtobufCMessage *m)
{
	const char *id = ((const Registry__DeleteDeviceRequest *)m)->id, *holder = registry_holder(t, id);
	Registry__DeleteDeviceReply reply = REGISTRY__DELETE_DEVICE_REPLY__INIT;
	Registry__DeviceChanged event = REGISTRY__DEVICE_CHANGED__INIT;
	const Registry__DeviceRow *row = registry_find(t, id);

	if (!row)
		return gv_refuse(t, ticket, GV_NOT_FOUND, "there is no device \"%s\"", id);
	if (strcmp(holder, id) != 0)
		return gv_refuse(t, ticket, GV_FAILED_PRECONDITION,
				 "\"%s\" is another name of device %s: name that one to delete it", id, holder);
	registry_index(t, row->device, NULL);
	gv_delete(t, &registry_devices, gv_key(id));
	event.id = row->device->id;
	event.deleted = true;
	gv_emit(t, &event);
	return gv_reply_when_heard(t, ticket, &reply);
}
