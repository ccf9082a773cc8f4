/* What providers say of their own accord: requests to /pay/NAME, each event of theirs once. */
#include "pay_internal.h"

#include <galvan/link.pb-c.h>

#include <string.h>

#define BODY_MAX 262144                        /* bytes; what is larger would come as a blob */
#define EVENTS_KEEP_MS (5 * INT64_C(86400000)) /* providers repeat an event for three days */
#define EVENTS_DROPPED 4                       /* for each one that comes, so that the table does not grow */

const struct gv_table pay_events = { .name = "payment_events",
				     .key = "ss",
				     .value = &billing__payment_event_seen__descriptor };
const struct gv_table pay_event_times = { .name = "payment_event_times",
					  .key = "iss",
					  .value = &billing__payment_event_seen__descriptor };

static void drop_old_events(struct gv_turn *t)
{
	struct gv_scan scan = { .table = &pay_event_times };

	for (unsigned i = 0; i < EVENTS_DROPPED && gv_next(t, &scan); i++) {
		if (scan.key.part[0].i + EVENTS_KEEP_MS > gv_now_ms(t))
			break;
		gv_delete(t, &pay_events, gv_key(scan.key.part[1].s, scan.key.part[2].s));
		gv_delete(t, &pay_event_times, scan.key);
	}
}

bool pay_event_new(struct gv_turn *t, const struct pay_provider *p, const char *event)
{
	Billing__PaymentEventSeen seen = BILLING__PAYMENT_EVENT_SEEN__INIT;

	if (gv_get(t, &pay_events, gv_key(p->name, event)))
		return false;
	drop_old_events(t);
	seen.at_ms = gv_now_ms(t);
	gv_put(t, &pay_events, gv_key(p->name, event), &seen);
	gv_put(t, &pay_event_times, gv_key(seen.at_ms, p->name, event), &seen);
	return true;
}

const char *pay_by_reference(struct gv_turn *t, const struct pay_provider *p, const char *reference)
{
	const Billing__PaymentRef *ref = gv_get(t, &pay_refs, gv_key(p->name, reference));

	return ref ? ref->payment : NULL;
}

int pay_respond(struct gv_turn *t, uint64_t conn, unsigned status, const char *body)
{
	Link__HttpResponse response = LINK__HTTP_RESPONSE__INIT;
	Link__HttpHeader type = LINK__HTTP_HEADER__INIT, *headers[] = { &type };

	type.name = "content-type";
	type.value = "text/plain; charset=utf-8";
	response.status = status;
	response.headers = headers;
	response.n_headers = 1;
	response.body.data = (uint8_t *)body;
	response.body.len = strlen(body);
	return gv_respond(t, conn, &response);
}

int pay_frame(struct billing *b, struct gv_turn *t, const struct gv_frame *frame)
{
	const Link__HttpRequest *request = frame->request;
	const struct pay_provider *p;

	if (frame->kind != GV_REQUEST || !request)
		return gv_disconnect(t, frame->conn->id, 0, "only HTTP is spoken here");
	p = strncmp(request->path, "/pay/", 5) == 0 ? pay_provider_of(request->path + 5) : NULL;
	if (!p || !p->webhook)
		return pay_respond(t, frame->conn->id, 404, "there is no such payment provider\n");
	if (strcmp(request->method, "POST") != 0)
		return pay_respond(t, frame->conn->id, 405, "events are posted here\n");
	return p->webhook(b, t, frame->conn->id, request);
}

int pay_start(struct billing *b, struct gv_turn *t)
{
	Link__Listener listener = LINK__LISTENER__INIT;
	Billing__PaymentStore store = BILLING__PAYMENT_STORE__INIT;

	if (!gv_get(t, &pay_store, gv_key("name"))) {
		store.name = gv_str(t, "%016llx", (unsigned long long)gv_random(t));
		gv_put(t, &pay_store, gv_key("name"), &store);
	}
	listener.name = "pay";
	listener.kind = LINK__LISTENER__KIND__HTTP;
	listener.path = "/pay/";
	listener.max_body_bytes = BODY_MAX;
	return gv_listen(t, &listener);
}
