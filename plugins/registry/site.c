/* Sites: where devices stand, and so in which time zone. */
#include "registry.h"

#include <string.h>

const struct gv_table registry_sites = { .name = "sites", .key = "s", .value = &registry__site__descriptor };

REGISTRY_MERGE_ATTRIBUTES(merge_attributes, Registry__Site__AttributesEntry, registry__site__attributes_entry__init)

static const char *site_problem(struct gv_turn *t, const Registry__Site *s)
{
	const char *problem;

	if ((problem = registry_site_problem(s->id)))
		return gv_str(t, "site.id \"%s\" %s", s->id, problem);
	if ((problem = registry_text_problem(s->name, 200)))
		return gv_str(t, "site.name %s", problem);
	if ((problem = registry_zone_problem(s->time_zone)))
		return gv_str(t, "site.timeZone \"%s\" %s", s->time_zone, problem);
	if ((problem = registry_text_problem(s->address, 500)))
		return gv_str(t, "site.address %s", problem);
	for (size_t i = 0; i < s->n_attributes; i++) {
		if (!*s->attributes[i]->key ||
		    registry_text_problem(s->attributes[i]->key, REGISTRY_ATTRIBUTE_NAME_MAX))
			return gv_str(t, "site.attributes: a name must have 1 to %d bytes of plain text",
				      REGISTRY_ATTRIBUTE_NAME_MAX);
		problem = registry_text_problem(s->attributes[i]->value, REGISTRY_ATTRIBUTE_VALUE_MAX);
		if (problem)
			return gv_str(t, "site.attributes[\"%s\"] %s", s->attributes[i]->key, problem);
	}
	return NULL;
}

/* Every device of the site hears of its new time zone. */
static int emit_devices(struct gv_turn *t, const char *site)
{
	struct gv_scan scan = { .table = &registry_by_site, .prefix = gv_key(site) };

	while (gv_next(t, &scan)) {
		const Registry__Ref *ref = scan.row;
		const Registry__DeviceRow *row = gv_get(t, &registry_devices, gv_key(ref->id));

		if (row)
			registry_emit(t, row);
	}
	return 0;
}

const char *registry_store_site(struct gv_turn *t, const Registry__Site *from, Registry__Site *site)
{
	const Registry__Site *before;
	const char *problem;

	if (!from)
		return "site is missing";
	if ((problem = site_problem(t, from)))
		return problem;
	*site = (Registry__Site)REGISTRY__SITE__INIT;
	before = gv_get(t, &registry_sites, gv_key(from->id));
	if (before)
		*site = *before;
	site->id = from->id;
	if (*from->name)
		site->name = from->name;
	if (*from->time_zone)
		site->time_zone = from->time_zone;
	if (*from->address)
		site->address = from->address;
	merge_attributes(t, &site->attributes, &site->n_attributes, from->attributes, from->n_attributes);
	if (site->n_attributes > REGISTRY_ATTRIBUTES_MAX)
		return gv_str(t, "site.attributes: at most %d, these would be %zu", REGISTRY_ATTRIBUTES_MAX,
			      site->n_attributes);
	gv_put(t, &registry_sites, gv_key(site->id), site);
	if (before && strcmp(before->time_zone, site->time_zone) != 0)
		emit_devices(t, site->id);
	return NULL;
}

int registry_put_site(void *self, struct gv_turn *t, struct gv_ticket ticket, const ProtobufCMessage *m)
{
	Registry__PutSiteReply reply = REGISTRY__PUT_SITE_REPLY__INIT;
	Registry__Site site;
	const char *problem = registry_store_site(t, ((const Registry__PutSiteRequest *)m)->site, &site);

	if (problem)
		return gv_refuse(t, ticket, GV_INVALID_ARGUMENT, "%s", problem);
	reply.site = &site;
	return gv_reply_when_heard(t, ticket, &reply);
}

int registry_get_site(void *self, struct gv_turn *t, struct gv_ticket ticket, const ProtobufCMessage *m)
{
	const char *id = ((const Registry__GetSiteRequest *)m)->id;
	Registry__GetSiteReply reply = REGISTRY__GET_SITE_REPLY__INIT;

	if (!registry_site_problem(id))
		reply.site = (Registry__Site *)gv_get(t, &registry_sites, gv_key(id));
	if (!reply.site)
		return gv_refuse(t, ticket, GV_NOT_FOUND, "there is no site \"%s\"", id);
	return gv_reply(t, ticket, &reply);
}

int registry_list_sites(void *self, struct gv_turn *t, struct gv_ticket ticket, const ProtobufCMessage *m)
{
	const Registry__ListSitesRequest *request = (const Registry__ListSitesRequest *)m;
	Registry__ListSitesReply reply = REGISTRY__LIST_SITES_REPLY__INIT;
	struct gv_scan scan = { .table = &registry_sites };
	size_t limit = request->limit ? request->limit : REGISTRY_PAGE_DEFAULT;

	if (limit > REGISTRY_PAGE_MAX)
		return gv_refuse(t, ticket, GV_INVALID_ARGUMENT, "limit must be at most %d", REGISTRY_PAGE_MAX);
	if (*request->after) {
		if (registry_site_problem(request->after))
			return gv_refuse(t, ticket, GV_INVALID_ARGUMENT, "after is no site's id");
		scan.after = gv_key(request->after);
	}
	while (reply.n_sites < limit && gv_next(t, &scan))
		*GV_APPEND(t, reply.sites, reply.n_sites) = (Registry__Site *)scan.row;
	return gv_reply(t, ticket, &reply);
}

int registry_delete_site(void *self, struct gv_turn *t, struct gv_ticket ticket, const ProtobufCMessage *m)
{
	const char *id = ((const Registry__DeleteSiteRequest *)m)->id;
	Registry__DeleteSiteReply reply = REGISTRY__DELETE_SITE_REPLY__INIT;
	struct gv_scan scan = { .table = &registry_by_site, .prefix = gv_key(id) };

	if (registry_site_problem(id) || !gv_get(t, &registry_sites, gv_key(id)))
		return gv_refuse(t, ticket, GV_NOT_FOUND, "there is no site \"%s\"", id);
	if (gv_next(t, &scan))
		return gv_refuse(
			t, ticket, GV_FAILED_PRECONDITION,
			"devices stand at site \"%s\" (%s is one): delete them or put them at another site first", id,
			((const Registry__Ref *)scan.row)->id);
	gv_delete(t, &registry_sites, gv_key(id));
	return gv_reply(t, ticket, &reply);
}
