/* Remote starts whose transactions are awaited. */
#include <plugins/ocpp/ocpp.h>

#include <string.h>

bool request_fits(struct ocpp *o, struct gv_turn *t, const char *device)
{
	struct gv_scan scan = { .table = &ocpp_requests, .prefix = gv_key(device) };
	unsigned n = 0;

	while (gv_next(t, &scan))
		n++;
	return n < OCPP_REQUESTS_MAX;
}

int request_put(struct ocpp *o, struct gv_turn *t, const char *device, const char *id, const Ocpp__Request *request)
{
	struct gv_scan any = { .table = &ocpp_requests };

	if (!gv_next(t, &any))
		gv_timer(t, REQUESTS_TIMER, request->requested_at_ms + o->start_window_ms + 1, NULL);
	return gv_put(t, &ocpp_requests, gv_key(device, id), request);
}

/* The charger said that it would start, and nothing came (quirk row 36). */
static void forget(struct ocpp *o, struct gv_turn *t, const char *device, struct gv_key key)
{
	struct station *st = station_find(o, device);

	if (st)
		station_quirks(o, t, st, QUIRK_BIT(QUIRK_NO_START));
	gv_delete(t, &ocpp_requests, key);
}

int requests_due(struct ocpp *o, struct gv_turn *t)
{
	struct gv_scan scan = { .table = &ocpp_requests };
	int64_t next = INT64_MAX;

	while (gv_next(t, &scan)) {
		int64_t due = ((const Ocpp__Request *)scan.row)->requested_at_ms + o->start_window_ms + 1;

		if (due <= gv_now_ms(t))
			forget(o, t, scan.key.part[0].s, scan.key);
		else if (due < next)
			next = due;
	}
	return next == INT64_MAX ? 0 : gv_timer(t, REQUESTS_TIMER, next, NULL);
}

const Ocpp__Request *request_match(struct ocpp *o, struct gv_turn *t, const char *device, const char *tag,
				   const uint32_t *connector, const char **ret_id)
{
	struct gv_scan scan = { .table = &ocpp_requests, .prefix = gv_key(device) };
	const Ocpp__Request *best = NULL;

	while (gv_next(t, &scan)) {
		const Ocpp__Request *r = scan.row;

		if (best && best->requested_at_ms >= r->requested_at_ms)
			continue;
		if (gv_now_ms(t) - r->requested_at_ms > o->start_window_ms || strcmp(model_fold(t, r->token), tag) != 0)
			continue;
		if (connector && r->connector && r->connector != *connector)
			continue;
		*ret_id = scan.key.part[1].s;
		best = r;
	}
	return best;
}

const Ocpp__Request *request_numbered(struct gv_turn *t, const char *device, int32_t number, const char **ret_id)
{
	struct gv_scan scan = { .table = &ocpp_requests, .prefix = gv_key(device) };

	while (gv_next(t, &scan)) {
		const Ocpp__Request *r = scan.row;

		if (r->number != number)
			continue;
		*ret_id = scan.key.part[1].s;
		return r;
	}
	return NULL;
}
