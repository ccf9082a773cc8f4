/* Connectors: what they do, as their records and their pile's module say, and whether the module is on line. */
#include "cloud.h"

#include <string.h>

static Charging__ConnectorStatus *show(struct cloud *c, struct gv_turn *t, const char *device, uint32_t connector,
				       const Ble__ConnectorRow *row)
{
	Charging__ConnectorStatus *s = gv_alloc(t, sizeof(*s));

	charging__connector_status__init(s);
	s->device = (char *)device;
	s->connector = connector;
	s->status = row->status;
	s->since_ms = row->since_ms;
	s->online = line_of(c, device) != NULL;
	return s;
}

static int tell(struct cloud *c, struct gv_turn *t, const char *device, uint32_t connector,
		const Ble__ConnectorRow *row)
{
	Charging__ConnectorStatusChanged e = CHARGING__CONNECTOR_STATUS_CHANGED__INIT;

	e.device = (char *)device;
	e.status = show(c, t, device, connector, row);
	return gv_emit(t, &e);
}

void connector_say(struct cloud *c, struct gv_turn *t, const char *device, uint32_t connector, const char *status)
{
	const Ble__ConnectorRow *was = gv_get(t, &cloud_connectors, gv_key(device, connector));
	Ble__ConnectorRow *row;

	if (was && !strcmp(was->status, status))
		return;
	row = gv_edit(t, &cloud_connectors, gv_key(device, connector));
	row->status = (char *)status;
	row->since_ms = gv_now_ms(t);
	tell(c, t, device, connector, row);
}

void connectors_online(struct cloud *c, struct gv_turn *t, struct pile *p, bool online)
{
	struct gv_scan scan = { .table = &cloud_connectors, .prefix = gv_key(p->device) };

	if (p->row->online == online)
		return;
	pile_edit(t, p)->online = online;
	while (gv_next(t, &scan)) {
		const Ble__ConnectorRow *row = scan.row;

		if (row->status[0])
			tell(c, t, p->device, (uint32_t)scan.key.part[1].u, row);
	}
}

int connectors_snapshot(struct cloud *c, struct gv_turn *t)
{
	struct gv_scan scan = { .table = &cloud_connectors };

	while (gv_next(t, &scan))
		if (((const Ble__ConnectorRow *)scan.row)->status[0])
			tell(c, t, scan.key.part[0].s, (uint32_t)scan.key.part[1].u, scan.row);
	return 0;
}

int connectors_list(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *m)
{
	const Charging__ListConnectorsRequest *r = (const Charging__ListConnectorsRequest *)m;
	Charging__ListConnectorsReply reply = CHARGING__LIST_CONNECTORS_REPLY__INIT;
	struct gv_scan scan = { .table = &cloud_connectors };
	struct cloud *c = cloud_of(self, t, to);

	if (!c)
		return 0;
	if (r->device[0])
		scan.prefix = gv_key(r->device);
	while (reply.n_connectors < CLOUD_SCAN_MAX && gv_next(t, &scan))
		if (((const Ble__ConnectorRow *)scan.row)->status[0])
			*GV_APPEND(t, reply.connectors, reply.n_connectors) = show(
				c, t, scan.key.part[0].s, (uint32_t)scan.key.part[1].u, scan.row);
	return gv_reply(t, to, &reply);
}

/* There are none: piles keep no places. It is said, as who asks all chargers' plugins wants their lists together. */
int reservations_list(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *m)
{
	Charging__ListReservationsReply reply = CHARGING__LIST_RESERVATIONS_REPLY__INIT;

	return gv_reply(t, to, &reply);
}
