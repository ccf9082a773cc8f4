/* A report is whole when its last part and all before it have come. Until then it replaces nothing: what its parts say
 * is kept as they come, and what it does not name is forgotten at its end only. What a part names is remembered by
 * digests, in a row of its own, so that no row grows with the report. */
#include "device.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define QUIET_MS 600000 /* without a further part, a report is not awaited any more */
#define AWAITED_MAX 8   /* reports of one charger */

const struct gv_table ocpp_reports = { .name = "reports", .key = "suu", .value = &ocpp__report_row__descriptor };
const struct gv_table ocpp_report_parts = { .name = "report_parts",
					    .key = "suuu",
					    .value = &ocpp__report_part__descriptor };

static struct gv_key row_key(const struct report_key *key)
{
	return gv_key(key->device, (unsigned)key->kind, (uint64_t)key->id);
}

static struct gv_key part_key(const struct report_key *key, uint32_t number)
{
	return gv_key(key->device, (unsigned)key->kind, (uint64_t)key->id, number);
}

static const char *timer_name(struct gv_turn *t, const struct report_key *key)
{
	return gv_str(t, REPORT_TIMER "%u %" PRId64 " %s", (unsigned)key->kind, key->id, key->device);
}

struct gv_ticket report_ticket(const Ocpp__ReportRow *row)
{
	return (struct gv_ticket){ .call = row->ticket_call, .caller = row->ticket_caller };
}

const Ocpp__ReportRow *report_find(struct gv_turn *t, const struct report_key *key)
{
	return gv_get(t, &ocpp_reports, row_key(key));
}

int64_t report_id(struct gv_turn *t, const char *device, Ocpp__ReportRow__Kind kind)
{
	struct report_key key = { device, kind, 0 };

	do
		key.id = (int64_t)(gv_random(t) & INT32_MAX);
	while (!key.id || report_find(t, &key));
	return key.id;
}

/* ---- expected, forgotten --------------------------------------------------------------------- */

int report_expect(struct gv_turn *t, const struct report_key *key, Ocpp__ReportRow *row)
{
	struct gv_scan scan = { .table = &ocpp_reports, .prefix = gv_key(key->device) };
	int64_t now = gv_now_ms(t);
	unsigned awaited = 0;

	while (gv_next(t, &scan))
		awaited++;
	if (awaited >= AWAITED_MAX && !report_find(t, key))
		return -ENOSPC;
	report_drop(t, key);
	row->heard_at_ms = now;
	if (!row->deadline_ms)
		row->deadline_ms = now + QUIET_MS;
	gv_put(t, &ocpp_reports, row_key(key), row);
	return gv_timer(t, timer_name(t, key), row->deadline_ms, NULL);
}

int report_drop(struct gv_turn *t, const struct report_key *key)
{
	struct gv_scan scan = { .table = &ocpp_report_parts,
				.prefix = gv_key(key->device, (unsigned)key->kind, (uint64_t)key->id) };

	if (!report_find(t, key))
		return 0;
	while (gv_next(t, &scan))
		gv_delete(t, &ocpp_report_parts, scan.key);
	gv_timer_cancel(t, timer_name(t, key));
	return gv_delete(t, &ocpp_reports, row_key(key));
}

/* ---- what it names --------------------------------------------------------------------------- */

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

struct report_items report_items(struct gv_turn *t, const struct report_key *key, const Ocpp__ReportRow *row)
{
	struct report_items items = { .digests = gv_alloc(t, (row->items + 1) * sizeof *items.digests) };

	for (uint32_t i = 0; i < row->last; i++) {
		const Ocpp__ReportPart *part = gv_get(t, &ocpp_report_parts, part_key(key, i));

		for (size_t k = 0; part && k < part->n_items && items.n < row->items; k++)
			items.digests[items.n++] = part->items[k];
	}
	qsort(items.digests, items.n, sizeof *items.digests, by_value);
	return items;
}

bool report_names(const struct report_items *items, uint64_t digest)
{
	return items->n && bsearch(&digest, items->digests, items->n, sizeof digest, by_value);
}

const char *report_text(struct gv_turn *t, const struct report_key *key)
{
	const Ocpp__ReportPart *part;
	struct gv_buf b = { 0 };
	const char *text;

	for (uint32_t i = 0; (part = gv_get(t, &ocpp_report_parts, part_key(key, i))); i++)
		gv_buf_puts(&b, part->text);
	text = gv_strdup(t, gv_buf_str(&b));
	gv_buf_fini(&b);
	return text;
}

/* ---- the end --------------------------------------------------------------------------------- */

static int tell_refreshed(struct gv_turn *t, const Ocpp__ReportRow *row, bool complete, uint32_t removed)
{
	Ocpp__RefreshVariablesReply reply = OCPP__REFRESH_VARIABLES_REPLY__INIT;

	reply.status = "Accepted";
	reply.complete = complete;
	reply.parts = row->parts;
	reply.variables = row->items;
	reply.removed = removed;
	return gv_reply(t, report_ticket(row), &reply);
}

static int tell_configuration(struct gv_turn *t, const struct report_key *key, const Ocpp__ReportRow *row,
			      bool complete)
{
	Charging__GetConfigurationReply reply = CHARGING__GET_CONFIGURATION_REPLY__INIT;

	if (!complete)
		return gv_refuse(t, report_ticket(row), GV_DEADLINE_EXCEEDED,
				 "%s has not reported all its variables in time (%u messages came): try again later, "
				 "or name the keys",
				 key->device, row->parts);
	variables_configuration(t, key->device, &reply);
	return gv_reply(t, report_ticket(row), &reply);
}

static int tell(struct gv_turn *t, const struct report_key *key, const Ocpp__ReportRow *row, bool complete,
		uint32_t removed)
{
	switch (row->purpose) {
	case OCPP__REPORT_ROW__PURPOSE__REFRESH:
		return tell_refreshed(t, row, complete, removed);
	case OCPP__REPORT_ROW__PURPOSE__CONFIGURATION:
		return tell_configuration(t, key, row, complete);
	case OCPP__REPORT_ROW__PURPOSE__INFORMATION:
		return customer_tell(t, key, row, complete);
	default:
		return 0;
	}
}

/* Away with what it does not name. How many. */
static uint32_t replace(struct gv_turn *t, const struct report_key *key, const Ocpp__ReportRow *row)
{
	struct report_items items;

	if (row->replaces == OCPP__REPORT_ROW__REPLACES__NOTHING)
		return 0;
	items = report_items(t, key, row);
	switch (key->kind) {
	case OCPP__REPORT_ROW__KIND__VARIABLES:
		return variables_but(t, key->device, &items, row->replaces == OCPP__REPORT_ROW__REPLACES__WRITABLE);
	case OCPP__REPORT_ROW__KIND__MONITORS:
		return monitors_but(t, key->device, &items);
	case OCPP__REPORT_ROW__KIND__DISPLAYS:
		return displays_but(t, key->device, &items);
	default:
		return 0;
	}
}

static int finish(struct gv_turn *t, const struct report_key *key, const Ocpp__ReportRow *row)
{
	uint32_t removed = replace(t, key, row);

	tell(t, key, row, true, removed);
	return report_drop(t, key);
}

static bool whole(struct gv_turn *t, const struct report_key *key, const Ocpp__ReportRow *row)
{
	bool all = row->last && row->parts >= row->last;

	for (uint32_t i = 0; all && i < row->last; i++)
		all = gv_get(t, &ocpp_report_parts, part_key(key, i)) != NULL;
	return all;
}

int report_part(struct gv_turn *t, const struct report_key *key, const struct report_part *part)
{
	const Ocpp__ReportRow *known = report_find(t, key);
	Ocpp__ReportPart row = OCPP__REPORT_PART__INIT;
	Ocpp__ReportRow *report;
	uint32_t number;

	if (!known)
		return 0;
	number = part->number >= 0 ? (uint32_t)part->number : known->parts;
	if (part->number >= REPORT_PARTS_MAX || number >= REPORT_PARTS_MAX) {
		gv_count(t, "report_parts_beyond", 1);
		return 0;
	}
	if (gv_get(t, &ocpp_report_parts, part_key(key, number)))
		return 0;
	report = gv_edit(t, &ocpp_reports, row_key(key));
	report->cut |= report->bytes + strlen(part->text) > REPORT_TEXT_MAX;
	row.text = report->cut ? "" : (char *)part->text;
	row.items = (uint64_t *)part->items;
	row.n_items = part->n_items;
	gv_put(t, &ocpp_report_parts, part_key(key, number), &row);
	report->bytes += (uint32_t)strlen(row.text);
	report->items += (uint32_t)part->n_items;
	report->parts++;
	report->heard_at_ms = gv_now_ms(t);
	if (!part->more)
		report->last = number + 1;
	return whole(t, key, report) ? finish(t, key, report) : 0;
}

int reports_forget(struct gv_turn *t, const char *device)
{
	struct gv_scan scan = { .table = &ocpp_reports, .prefix = gv_key(device) };

	while (gv_next(t, &scan)) {
		struct report_key key = { .device = device,
					  .kind = (Ocpp__ReportRow__Kind)scan.key.part[1].u,
					  .id = (int64_t)scan.key.part[2].u };

		tell(t, &key, scan.row, false, 0);
		report_drop(t, &key);
	}
	return 0;
}

int report_nothing(struct gv_turn *t, const struct report_key *key)
{
	const Ocpp__ReportRow *row = report_find(t, key);

	return row ? finish(t, key, row) : 0;
}

/* Whoever waits is told what there is. Where nobody waits, or no longer, the report may still come. */
int report_due(struct gv_turn *t, const char *name)
{
	struct report_key key = { 0 };
	Ocpp__ReportRow *row;
	unsigned kind;
	int at = 0;

	if (sscanf(name, REPORT_TIMER "%u %" SCNd64 " %n", &kind, &key.id, &at) != 2 || !at)
		return 0;
	key.kind = (Ocpp__ReportRow__Kind)kind;
	key.device = name + at;
	if (!report_find(t, &key))
		return 0;
	row = gv_edit(t, &ocpp_reports, row_key(&key));
	tell(t, &key, row, false, 0);
	if (row->purpose == OCPP__REPORT_ROW__PURPOSE__INFORMATION || gv_now_ms(t) - row->heard_at_ms >= QUIET_MS)
		return report_drop(t, &key);
	row->purpose = OCPP__REPORT_ROW__PURPOSE__NOBODY;
	row->ticket_call = row->ticket_caller = 0;
	return gv_timer(t, name, row->heard_at_ms + QUIET_MS, NULL);
}
