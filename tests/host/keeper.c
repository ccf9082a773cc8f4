/* What a charger does with its list, told by OCPP and by nothing of galvan. */
#include "keeper.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* type NULL: any. */
static int find(const struct keeper *k, const char *id, const char *type)
{
	for (int i = 0; i < k->n; i++)
		if (!strcasecmp(k->entries[i].id, id) && (!type || !strcmp(k->entries[i].type, type)))
			return i;
	return -1;
}

const struct keeper_entry *keeper_find(const struct keeper *k, const char *id)
{
	int i = find(k, id, NULL);

	return i < 0 ? NULL : &k->entries[i];
}

int keeper_accepted(const struct keeper *k)
{
	int n = 0;

	for (int i = 0; i < k->n; i++)
		n += !strcmp(k->entries[i].status, "Accepted");
	return n;
}

static const char *text(const cJSON *object, const char *name)
{
	const char *s = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));

	return s ? s : "";
}

/* Applies one entry; false where there is no room. */
static bool apply(struct keeper *k, const cJSON *entry, bool full)
{
	const cJSON *info = cJSON_GetObjectItemCaseSensitive(entry, k->v201 ? "idTokenInfo" : "idTagInfo"),
		    *token = cJSON_GetObjectItemCaseSensitive(entry, "idToken"),
		    *group = cJSON_GetObjectItemCaseSensitive(info, "groupIdToken");
	const char *id = k->v201 ? text(token, "idToken") : text(entry, "idTag"), *type = text(token, "type");
	int i = find(k, id, type); /* 2.0.1: the same text of another type is another token */

	k->mistakes += !*id || strlen(id) > 20 || (full && (!info || i >= 0)) || (k->v201 && !*type);
	if (!info) {
		if (i >= 0)
			k->entries[i] = k->entries[--k->n];
		return true;
	}
	if (i < 0) {
		if (k->n == (k->entries_max ? k->entries_max : k->room ? k->room : KEEPER_ENTRIES))
			return false;
		i = k->n++;
	}
	snprintf(k->entries[i].id, sizeof k->entries[i].id, "%s", id);
	snprintf(k->entries[i].type, sizeof k->entries[i].type, "%s", type);
	snprintf(k->entries[i].status, sizeof k->entries[i].status, "%s", text(info, "status"));
	snprintf(k->entries[i].parent, sizeof k->entries[i].parent, "%s",
		 k->v201 ? text(group, "idToken") : text(info, "parentIdTag"));
	return true;
}

static const char *take(struct keeper *k, const cJSON *payload)
{
	static struct keeper before;
	bool full = !strcmp(text(payload, "updateType"), "Full");
	const cJSON *list = cJSON_GetObjectItemCaseSensitive(payload, "localAuthorizationList"), *entry;
	int version = (int)cJSON_GetNumberValue(
		cJSON_GetObjectItemCaseSensitive(payload, k->v201 ? "versionNumber" : "listVersion"));

	k->fulls += full;
	k->differences += !full;
	k->mistakes += version <= 0 || (k->chunk_max && cJSON_GetArraySize(list) > k->chunk_max) ||
		       (k->v201 && list && !cJSON_GetArraySize(list));
	if (k->unsupported)
		return "NotSupported";
	if (k->fail > 0) {
		k->fail--;
		return "Failed";
	}
	if (k->bite && cJSON_GetArraySize(list) > k->bite)
		return "Failed";
	if (!full && version <= k->version)
		return "VersionMismatch";
	before = *k;
	if (full)
		k->n = 0;
	cJSON_ArrayForEach(entry, list)
	{
		if (apply(k, entry, full))
			continue;
		*k = before;
		return "Failed";
	}
	k->version = version;
	return "Accepted";
}

static void configuration(struct keeper *k, char *out, size_t size)
{
	size_t at = (size_t)snprintf(out, size,
				     "{\"configurationKey\":[{\"key\":\"LocalAuthListEnabled\","
				     "\"readonly\":false,\"value\":\"%s\"}",
				     k->off ? "false" : "true");

	if (k->chunk_max)
		at += (size_t)snprintf(out + at, size - at,
				       ",{\"key\":\"sendLocalListMaxLength\",\"readonly\":true,\"value\":\" %d\"}",
				       k->chunk_max);
	if (k->entries_max)
		at += (size_t)snprintf(out + at, size - at,
				       ",{\"key\":\"LocalAuthListMaxLength\",\"readonly\":true,\"value\":\"%d\"}",
				       k->entries_max);
	snprintf(out + at, size - at, "]}");
}

static void variables(const struct keeper *k, char *out, size_t size)
{
	snprintf(out, size,
		 "{\"getVariableResult\":[{\"attributeStatus\":\"Accepted\",\"attributeValue\":\"%s\",\"component\":{"
		 "\"name\":\"LocalAuthListCtrlr\"},\"variable\":{\"name\":\"Enabled\"}},"
		 "{\"attributeStatus\":\"%s\",\"attributeValue\":\"%d\",\"component\":{\"name\":"
		 "\"LocalAuthListCtrlr\"},\"variable\":{\"name\":\"ItemsPerMessage\"}}]}",
		 k->off ? "false" : "true", k->chunk_max ? "Accepted" : "UnknownVariable", k->chunk_max);
}

/* ---- reservations ---------------------------------------------------------------------------- */

static int *place_of(struct keeper *k, int id)
{
	for (int i = 0; i < KEEPER_RESERVATIONS; i++)
		if (k->reservations[i] == id)
			return &k->reservations[i];
	return NULL;
}

bool keeper_reserved(const struct keeper *k, int id)
{
	return place_of((struct keeper *)k, id) != NULL;
}

int keeper_reservations(const struct keeper *k)
{
	int n = 0;

	for (int i = 0; i < KEEPER_RESERVATIONS; i++)
		n += k->reservations[i] != 0;
	return n;
}

static const char *reserve(struct keeper *k, const cJSON *payload, bool cancel)
{
	int id = (int)cJSON_GetNumberValue(
		cJSON_GetObjectItemCaseSensitive(payload, k->v201 && !cancel ? "id" : "reservationId"));
	int *held = place_of(k, id), *empty = place_of(k, 0);

	k->mistakes += id <= 0;
	if (cancel ? !held : !held && !empty)
		return "Rejected";
	if (cancel)
		*held = 0;
	else if (!held)
		*empty = id;
	return "Accepted";
}

bool keeper_answer(struct keeper *k, const char *action, const cJSON *payload, char *out, size_t size)
{
	if (!strcmp(action, k->v201 ? "GetVariables" : "GetConfiguration")) {
		if (k->v201)
			variables(k, out, size);
		else
			configuration(k, out, size);
		k->configurations++;
	} else if (!strcmp(action, "GetLocalListVersion")) {
		k->versions++;
		snprintf(out, size, "{\"%s\":%d}", k->v201 ? "versionNumber" : "listVersion",
			 k->unsupported ? -1 : k->version);
	} else if (!strcmp(action, "SendLocalList")) {
		snprintf(out, size, "{\"status\":\"%s\"}", take(k, payload));
	} else if (!strcmp(action, "ReserveNow") || !strcmp(action, "CancelReservation")) {
		snprintf(out, size, "{\"status\":\"%s\"}", reserve(k, payload, *action == 'C'));
	} else if (!strcmp(action, "ClearCache")) {
		k->caches++;
		snprintf(out, size, "{\"status\":\"Accepted\"}");
	} else {
		return false;
	}
	return true;
}
