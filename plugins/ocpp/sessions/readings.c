/* Samples that belong to no transaction, by the version's own rules: the newest messages of each connector, in the
 * order in which they came. No older than the samples of sessions (keep_samples_days), which is looked at as others
 * come and when they are asked for. */
#include <plugins/ocpp/ocpp.h>

#define ROWS_MAX 500        /* messages of one connector that are kept */
#define WEIGHT_MAX 200      /* of one message that is kept, its first readings: see thin.c */
#define LOOK_BACK 8         /* rows in which a repeated message is looked for */
#define OVERDUE_MAX 2       /* rows that go with each that comes */
#define SAMPLES_DEFAULT 100 /* that one call answers */
#define SAMPLES_MAX 1000
#define DAY_MS INT64_C(86400000)

const struct gv_table ocpp_readings = { .name = "meter_readings",
					.key = "suu",
					.value = &ocpp__sample_row__descriptor };

/* The latest of each connector, in the first versions: nobody reads them any more. */
static const struct gv_table before = { .name = "readings", .key = "su", .value = &ocpp__sample_row__descriptor };
const struct gv_table *const ocpp_old_tables[] = { &before, NULL };

static bool is_overdue(const struct ocpp *o, struct gv_turn *t, const Ocpp__SampleRow *row)
{
	return o->keep_days && row->received_ms < gv_now_ms(t) - o->keep_days * DAY_MS;
}

static void make_room(struct ocpp *o, struct gv_turn *t, const char *device, uint32_t connector, uint64_t number)
{
	struct gv_scan scan = { .table = &ocpp_readings, .prefix = gv_key(device, connector) };

	if (number > ROWS_MAX)
		gv_delete(t, &ocpp_readings, gv_key(device, connector, number - ROWS_MAX));
	for (unsigned i = 0; i < OVERDUE_MAX && gv_next(t, &scan) && is_overdue(o, t, scan.row); i++)
		gv_delete(t, &ocpp_readings, scan.key);
}

int readings_keep(struct ocpp *o, struct gv_turn *t, const char *device, uint32_t connector, struct meter *m)
{
	struct gv_scan scan = { .table = &ocpp_readings, .prefix = gv_key(device, connector), .reverse = true };
	Ocpp__SampleRow row = OCPP__SAMPLE_ROW__INIT;
	uint64_t number = 1;

	for (unsigned i = 0; i < LOOK_BACK && m->n && gv_next(t, &scan); i++) {
		if (i == 0)
			number = scan.key.part[2].u + 1;
		meter_drop_known(scan.row, m);
	}
	if (!m->n)
		return 0;
	row.n_readings = m->n;
	while (row.n_readings > 1 && thin_weight(m->readings, row.n_readings) > WEIGHT_MAX)
		row.n_readings--;
	if (row.n_readings < m->n)
		gv_count(t, "readings_cut", (double)(m->n - row.n_readings));
	row.readings = m->readings;
	row.time_ms = m->base_ms;
	row.newest_ms = m->newest_ms;
	row.received_ms = gv_now_ms(t);
	make_room(o, t, device, connector, number);
	return gv_put(t, &ocpp_readings, gv_key(device, connector, number), &row);
}

static void add(struct gv_turn *t, Ocpp__ListReadingsReply *reply, const Ocpp__SampleRow *row, const Ocpp__Reading *r)
{
	Charging__Sample *s = gv_alloc(t, sizeof *s);

	model_sample(s, row->time_ms, r);
	*GV_APPEND(t, reply->samples, reply->n_samples) = s;
}

int list_readings(void *self, struct gv_turn *t, struct gv_ticket ticket, const ProtobufCMessage *m)
{
	const Ocpp__ListReadingsRequest *r = (const Ocpp__ListReadingsRequest *)m;
	struct gv_scan scan = { .table = &ocpp_readings, .prefix = gv_key(r->device, r->connector), .reverse = true };
	size_t limit = r->limit == 0 ? SAMPLES_DEFAULT : r->limit < SAMPLES_MAX ? r->limit : SAMPLES_MAX;
	Ocpp__ListReadingsReply reply = OCPP__LIST_READINGS_REPLY__INIT;

	while (reply.n_samples < limit && gv_next(t, &scan)) {
		const Ocpp__SampleRow *row = scan.row;

		for (size_t i = is_overdue(self, t, row) ? 0 : row->n_readings; i-- > 0 && reply.n_samples < limit;) {
			int64_t ms = row->time_ms + row->readings[i]->offset_ms;

			if (ms >= r->from_ms && (!r->until_ms || ms <= r->until_ms))
				add(t, &reply, row, row->readings[i]);
		}
	}
	return gv_reply(t, ticket, &reply);
}
