/* Remote starts whose transactions are awaited. */
#include <plugins/ocpp/ocpp.h>

#include <string.h>

bool request_fits(struct ocpp *o, struct gv_turn *t, const char *device)
{
	struct gv_scan scan = { .table = &ocpp_requests, .prefix = gv_key(device) };
	unsigned n = 0;

	while (gv_next(t, &scan)) {
		if (gv_now_ms(t) - ((const Ocpp__Request *)scan.row)->requested_at_ms > o->start_window_ms)
			gv_delete(t, &ocpp_requests, scan.key);
		else
			n++;
	}
	return n < OCPP_REQUESTS_MAX;
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
