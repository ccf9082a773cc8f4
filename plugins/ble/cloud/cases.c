/* Cases: what a person has to look at. Nothing in them is lost, and nothing of them billed twice; they say what is
 * known, and wait. */
#include "cloud.h"

#include <string.h>

static const char *about_key(const char *about)
{
	return about[0] ? about : "-";
}

static uint64_t next_id(struct gv_turn *t)
{
	struct gv_scan scan = { .table = &cloud_cases, .reverse = true };

	return gv_next(t, &scan) ? scan.key.part[0].u + 1 : 1;
}

void case_open(struct gv_turn *t, const Ble__Case *what, const char *about)
{
	struct gv_key key = gv_key(what->device, what->kind, about_key(about));
	Ble__CaseRef ref = BLE__CASE_REF__INIT;
	Ble__CaseRow row = BLE__CASE_ROW__INIT;
	Ble__Case it = *what;

	if (gv_get(t, &cloud_open_cases, key))
		return;
	it.id = ref.id = next_id(t);
	it.state = (char *)"open";
	it.opened_at_ms = gv_now_ms(t);
	row.it = &it;
	gv_put(t, &cloud_cases, gv_key(it.id), &row);
	gv_put(t, &cloud_open_cases, key, &ref);
	gv_count(t, "cases", 1);
	gv_log(t, GV_WARN, "a case is open: %s case=%llu kind=%s device=%s", it.text, (unsigned long long)it.id,
	       it.kind, it.device);
}

static Ble__Case *shut(struct gv_turn *t, uint64_t id, const char *note)
{
	const Ble__CaseRow *found = gv_get(t, &cloud_cases, gv_key(id));
	Ble__CaseRow row = BLE__CASE_ROW__INIT;
	Ble__Case *it = gv_alloc(t, sizeof(*it));

	*it = *found->it;
	it->state = (char *)"closed";
	it->closed_at_ms = gv_now_ms(t);
	it->note = gv_strdup(t, note);
	row.it = it;
	gv_put(t, &cloud_cases, gv_key(id), &row);
	return it;
}

void case_settled(struct gv_turn *t, const char *device, const char *kind, const char *about)
{
	struct gv_key key = gv_key(device, kind, about_key(about));
	const Ble__CaseRef *ref = gv_get(t, &cloud_open_cases, key);

	if (!ref)
		return;
	shut(t, ref->id, "by itself");
	gv_delete(t, &cloud_open_cases, key);
}

unsigned cases_count(struct gv_turn *t, const char *device)
{
	struct gv_scan scan = { .table = &cloud_open_cases, .prefix = gv_key(device) };
	unsigned n = 0;

	while (n < CLOUD_SCAN_MAX && gv_next(t, &scan))
		n++;
	return n;
}

int cases_list(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *m)
{
	const Ble__ListCasesRequest *r = (const Ble__ListCasesRequest *)m;
	struct gv_scan scan = { .table = &cloud_cases, .reverse = true };
	Ble__ListCasesReply reply = BLE__LIST_CASES_REPLY__INIT;
	unsigned seen = 0;

	if (!cloud_of(self, t, to))
		return 0;
	while (reply.n_cases < cloud_limit(r->limit) && seen++ < CLOUD_SCAN_MAX && gv_next(t, &scan)) {
		Ble__Case *it = ((const Ble__CaseRow *)scan.row)->it;

		if ((r->closed || !strcmp(it->state, "open")) && (!r->device[0] || !strcmp(r->device, it->device)) &&
		    (!r->kind[0] || !strcmp(r->kind, it->kind)))
			*GV_APPEND(t, reply.cases, reply.n_cases) = it;
	}
	return gv_reply(t, to, &reply);
}

/* ---- closing --------------------------------------------------------------------------------- */

/* The entry of the open cases that leads to it goes. */
static void forget_open(struct gv_turn *t, const Ble__Case *it)
{
	struct gv_scan scan = { .table = &cloud_open_cases, .prefix = gv_key(it->device, it->kind) };

	while (gv_next(t, &scan))
		if (((const Ble__CaseRef *)scan.row)->id == it->id)
			gv_delete(t, &cloud_open_cases, scan.key);
}

/* What follows from a person's word. */
static void act(struct gv_turn *t, const Ble__Case *it)
{
	struct pile p;
	uint8_t jti[16];

	if (!strcmp(it->kind, "fork") && pile_find(t, it->device, &p)) {
		pile_edit(t, &p)->quarantined = false;
		gv_log(t, GV_INFO, "pile is out of quarantine device=%s", it->device);
	}
	if (!strcmp(it->kind, "unheard") && pile_unhex(it->jti, jti, 16) && grant_find(t, it->device, jti))
		grant_abandon(t, gv_edit(t, &cloud_grants, gv_key(it->device, it->jti)),
			      "nothing was heard of it, and its case was closed");
	if (!strcmp(it->kind, "no-end"))
		session_end_as_it_stands(t, it->session);
}

int cases_close(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *m)
{
	const Ble__CloseCaseRequest *r = (const Ble__CloseCaseRequest *)m;
	Ble__CloseCaseReply reply = BLE__CLOSE_CASE_REPLY__INIT;
	const Ble__CaseRow *row;

	if (!cloud_of(self, t, to))
		return 0;
	row = gv_get(t, &cloud_cases, gv_key(r->id));
	if (!row)
		return gv_refuse(t, to, GV_NOT_FOUND, "there is no case %llu", (unsigned long long)r->id);
	if (strcmp(row->it->state, "open") != 0) {
		reply.closed = row->it;
		return gv_reply(t, to, &reply);
	}
	forget_open(t, row->it);
	reply.closed = shut(t, r->id, r->note);
	act(t, reply.closed);
	return gv_reply(t, to, &reply);
}
