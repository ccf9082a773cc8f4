/* What a charger reports of a transaction that nobody knows is confirmed, since it would never stop sending it
 * otherwise, and kept here, since it may stand for energy; so is what has to be refused of a transaction, as it cannot
 * be understood. The newest few of each charger: of what begins or ends a transaction, and, with a bound of their own,
 * of samples, which are many and push nothing else out. */
#include <plugins/ocpp/ocpp.h>

#include <cjson/cJSON.h>
#include <string.h>

#define LOOK_BACK 16  /* rows in which a repeated message is looked for */
#define ID_MAX 64     /* bytes of a transaction's id */
#define NUMBER_MAX 15 /* digits of a register */
#define MILESTONES                                                                                                     \
	(UINT64_C(1) << 63) /* the numbers of what begins or ends a transaction are greater than this one              \
			     */

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

/* Does it begin or end a transaction? */
static bool is_milestone(const struct spec_action *action, const cJSON *payload)
{
	const char *type = json_string(payload, "eventType"); /* 2.0.1 */

	return action->traits & SPEC_MILESTONE || !strcmp(type, "Started") || !strcmp(type, "Ended");
}

/* ---- payloads that are too long -------------------------------------------------------------- */

/* Drops the oldest samples of a list until `*size`, that of the whole payload, fits; the last one stays. */
static void drop_oldest(struct gv_turn *t, cJSON *list, size_t *size)
{
	while (*size > OCPP_ORPHAN_BYTES && list->child && list->child->next) {
		*size -= strlen(json_print(t, list->child)) + 1;
		cJSON_DeleteItemFromArray(list, 0);
	}
}

/* Bytes of a member, its name and a comma with it, at most. */
static size_t member_size(struct gv_turn *t, const cJSON *item)
{
	return strlen(json_print(t, item)) + 6 * strlen(item->string) + 4;
}

/* Drops what does not fit into *left bytes: of the lists and objects, or of the plain values. */
static void drop_long(struct gv_turn *t, cJSON *object, bool nested, size_t *left)
{
	for (cJSON *item = object->child, *next; item; item = next) {
		size_t size = member_size(t, item);

		next = item->next;
		if ((item->child != NULL) != nested)
			continue;
		if (size <= *left)
			*left -= size;
		else
			cJSON_Delete(cJSON_DetachItemViaPointer(object, item));
	}
}

/* The payload, whose text has `size` bytes, with as many of its newest samples as fit, and without what is still too
 * long: a meter's register outlives the samples, wherever it stands. */
static const char *shortened(struct gv_turn *t, const cJSON *payload, size_t size)
{
	cJSON *copy = cJSON_Duplicate(payload, true);
	size_t left = OCPP_ORPHAN_BYTES - strlen("{}");
	const char *text;

	if (!copy)
		return "{}";
	for (cJSON *item = copy->child; item; item = item->next)
		if (cJSON_IsArray(item))
			drop_oldest(t, item, &size);
	if (size > OCPP_ORPHAN_BYTES) {
		drop_long(t, copy, false, &left);
		drop_long(t, copy, true, &left);
	}
	text = json_print(t, copy);
	cJSON_Delete(copy);
	return text;
}

/* ---- what is kept ---------------------------------------------------------------------------- */

/* Counts the message that is kept already. False: it is a new one, and *ret_newest is the number of the newest of its
 * kind; 0: there is none. */
static bool is_repeated(struct gv_turn *t, const char *device, bool milestone, uint64_t key, uint64_t *ret_newest)
{
	struct gv_scan scan = { .table = &ocpp_orphans,
				.prefix = gv_key(device),
				.after = gv_key(device, milestone ? UINT64_MAX : MILESTONES),
				.reverse = true };

	*ret_newest = milestone ? MILESTONES : 0;
	for (unsigned i = 0; i < LOOK_BACK && gv_next(t, &scan); i++) {
		const Ocpp__OrphanRow *known = scan.row;

		if (milestone && scan.key.part[1].u < MILESTONES)
			break;
		if (i == 0)
			*ret_newest = scan.key.part[1].u;
		if (known->digest == key && known->orphan) {
			Ocpp__OrphanRow *again = gv_edit(t, &ocpp_orphans, scan.key);

			again->orphan->count++;
			return true;
		}
	}
	return false;
}

/* key: the digest of the message as it came. */
static int add(struct gv_turn *t, const char *device, const struct spec_action *action, bool milestone, uint64_t key,
	       Ocpp__Orphan *orphan)
{
	Ocpp__OrphanRow row = OCPP__ORPHAN_ROW__INIT;
	uint64_t first = milestone ? MILESTONES : 0, newest;

	if (is_repeated(t, device, milestone, key, &newest))
		return 0;
	orphan->action = (char *)action->name;
	orphan->received_at_ms = gv_now_ms(t);
	orphan->count = 1;
	row.orphan = orphan;
	row.digest = key;
	gv_count(t, "orphans", 1);
	/* What begins or ends stands for a whole session; the others may come every second. */
	gv_log(t, milestone ? GV_WARN : GV_DEBUG,
	       "message that no transaction could take is kept action=%s transaction=\"%s\"", action->name,
	       orphan->transaction_id);
	if (newest - first >= OCPP_ORPHANS_MAX)
		gv_delete(t, &ocpp_orphans, gv_key(device, newest + 1 - OCPP_ORPHANS_MAX));
	return gv_put(t, &ocpp_orphans, gv_key(device, newest + 1), &row);
}

int orphan_keep(struct gv_turn *t, const char *device, const struct spec_action *action, const cJSON *payload)
{
	const char *text = json_print(t, payload);
	size_t size = strlen(text);
	Ocpp__Orphan orphan = OCPP__ORPHAN__INIT;

	orphan.transaction_id = (char *)transaction_text(t, payload);
	orphan.cut = size > OCPP_ORPHAN_BYTES;
	orphan.payload = (char *)(orphan.cut ? shortened(t, payload, size) : text);
	return add(t, device, action, is_milestone(action, payload), digest(action->name, text), &orphan);
}

/* Of a frame that may hold a secret: what a meter showed and whose it is, which are numbers and no secrets. */
static const char *numbers_of(struct gv_turn *t, const char *frame)
{
	static const char *const names[] = { "\"transactionId\"", "\"connectorId\"", "\"meterStart\"",
					     "\"meterStop\"" };
	const char *text = "";

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		const char *at = strstr(frame, names[i]);
		size_t digits;

		if (!at)
			continue;
		at += strlen(names[i]);
		at += strspn(at, " \t:");
		digits = strspn(at, "-0123456789");
		if (digits && digits <= NUMBER_MAX)
			text = gv_str(t, "%s%s%s:%.*s", text, *text ? "," : "", names[i], (int)digits, at);
	}
	return gv_str(t, "{%s}", text);
}

int orphan_keep_broken(struct gv_turn *t, const char *device, const struct spec_action *action, const char *frame,
		       bool secret)
{
	const char *shown = secret ? numbers_of(t, frame) : frame;
	Ocpp__Orphan orphan = OCPP__ORPHAN__INIT;
	size_t size = strlen(shown);

	orphan.broken = true;
	orphan.cut = size > OCPP_ORPHAN_BYTES;
	if (orphan.cut)
		for (size = OCPP_ORPHAN_BYTES; size && ((unsigned char)shown[size] & 0xc0) == 0x80; size--)
			;
	orphan.payload = gv_str(t, "%.*s", (int)size, shown);
	return add(t, device, action, action->traits & SPEC_MILESTONE, digest(action->name, frame), &orphan);
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
