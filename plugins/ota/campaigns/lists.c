/* Assignments, in pages. */
#include "campaigns.h"

#include <string.h>

int assignment_list(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *m)
{
	const Ota__ListAssignmentsRequest *r = (const Ota__ListAssignmentsRequest *)m;
	Ota__ListAssignmentsReply reply = OTA__LIST_ASSIGNMENTS_REPLY__INIT;
	bool by_device = *r->device && !*r->campaign;
	struct gv_scan scan = { .table = by_device ? &ota_by_device : &ota_assignments };
	size_t limit = ota_limit(r->limit), looked = 0;

	if (!*r->device && !*r->campaign)
		return gv_refuse(t, to, GV_INVALID_ARGUMENT, "give a campaign, a device, or both");
	scan.prefix = by_device ? gv_key(r->device) : *r->device ? gv_key(r->campaign, r->device) : gv_key(r->campaign);
	if (*r->page && gv_page_from(t, &scan, r->page) < 0)
		return gv_refuse(t, to, GV_INVALID_ARGUMENT, "page is none that ListAssignments gave");
	while (reply.n_assignments < limit && looked < OTA_LOOKED_MAX && gv_next(t, &scan)) {
		const Ota__Assignment *a = by_device
						   ? gv_get(t, &ota_assignments, gv_key(scan.key.part[1].s, r->device))
						   : scan.row;

		looked++;
		if (a && (r->any_state || a->state == r->state))
			*GV_APPEND(t, reply.assignments, reply.n_assignments) = (Ota__Assignment *)a;
	}
	if (reply.n_assignments == limit || looked == OTA_LOOKED_MAX)
		reply.next_page = gv_page(t, &scan);
	return gv_reply(t, to, &reply);
}
