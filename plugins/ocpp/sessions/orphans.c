/* What a charger reports of a transaction that nobody knows is confirmed, since it would never stop sending it
 * otherwise, and kept here, since it may stand for energy; so is what has to be refused of a transaction, as it cannot
 * be understood. The newest few of each charger. */
#include <plugins/ocpp/ocpp.h>

#include <cjson/cJSON.h>
#include <string.h>

#define LOOK_BACK 16 /* rows in which a repeated message is looked for */
#define ID_MAX 64    /* bytes of a transaction's id */

static uint64_t digest(const char *action, const char *payload)
{
	uint64_t h = 14695981039346656037u;

	for (; *action; action++)
		h = (h ^ (unsigned char)*action) * 1099511628211u;
	for (; *payload; payload++)
		h = (h ^ (unsigned char)*payload) * 1099511628211u;
	return h;
}

static const char *transaction_text(struct gv_turn *t, const cJSON *payload)
{
	const cJSON *info = json_get(payload, "transactionInfo"); /* 2.0.1 */
	const cJSON *id = json_get(info ? info : payload, "transactionId");

	if (cJSON_IsNumber(id))
		return gv_str(t, "%.0f", id->valuedouble);
	return cJSON_IsString(id) ? gv_str(t, "%.*s", ID_MAX, id->valuestring) : "";
}

int orphan_keep(struct gv_turn *t, const char *device, const struct spec_action *action, const cJSON *payload)
{
	struct gv_scan scan = { .table = &ocpp_orphans, .prefix = gv_key(device), .reverse = true };
	const char *text = json_print(t, payload);
	uint64_t key = digest(action->name, text), newest = 0;
	Ocpp__OrphanRow row = OCPP__ORPHAN_ROW__INIT;
	Ocpp__Orphan orphan = OCPP__ORPHAN__INIT;

	for (unsigned i = 0; i < LOOK_BACK && gv_next(t, &scan); i++) {
		const Ocpp__OrphanRow *known = scan.row;

		if (i == 0)
			newest = scan.key.part[1].u;
		if (known->digest == key && known->orphan) {
			Ocpp__OrphanRow *again = gv_edit(t, &ocpp_orphans, scan.key);

			again->orphan->count++;
			return 0;
		}
	}
	orphan.action = (char *)action->name;
	orphan.transaction_id = (char *)transaction_text(t, payload);
	orphan.received_at_ms = gv_now_ms(t);
	orphan.count = 1;
	orphan.payload = gv_str(t, "%.*s", OCPP_ORPHAN_BYTES, text);
	row.orphan = &orphan;
	row.digest = key;
	gv_count(t, "orphans", 1);
	/* Starts and stops are few and stand for a whole session; the others may come every second. */
	gv_log(t, action->traits & SPEC_MILESTONE ? GV_WARN : GV_DEBUG,
	       "message that no transaction could take is kept action=%s transaction=\"%s\"", action->name,
	       orphan.transaction_id);
	if (newest + 1 > OCPP_ORPHANS_MAX)
		gv_delete(t, &ocpp_orphans, gv_key(device, newest + 1 - OCPP_ORPHANS_MAX));
	return gv_put(t, &ocpp_orphans, gv_key(device, newest + 1), &row);
}

int orphans_list(struct gv_turn *t, const char *device, uint32_t limit, Ocpp__ListOrphansReply *reply)
{
	struct gv_scan scan = { .table = &ocpp_orphans, .prefix = gv_key(device), .reverse = true };

	for (uint32_t i = 0; i < limit && gv_next(t, &scan); i++) {
		const Ocpp__OrphanRow *row = scan.row;
		Ocpp__Orphan *orphan = gv_alloc(t, sizeof *orphan);

		if (!row->orphan)
			continue;
		*orphan = *row->orphan;
		orphan->device = gv_strdup(t, device);
		*GV_APPEND(t, reply->orphans, reply->n_orphans) = orphan;
	}
	return 0;
}
