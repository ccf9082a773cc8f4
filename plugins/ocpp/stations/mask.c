/* Secrets stand in few places of OCPP: in the values of keys (1.6) and variables (2.0.1) whose names say so, in a
 * network profile, before the @ or in the query of a URL to upload to or to download from, and in what vendors add as
 * they like. What a charger tells of a person is hidden, too. */
#include "mask.h"

#include <plugins/ocpp/files/files.h>
#include <plugins/ocpp/spec/spec.h>

#include <cjson/cJSON.h>
#include <string.h>

bool mask_needed(const struct spec_action *action)
{
	return action && action->traits & SPEC_SECRET;
}

static void hide(cJSON *object, const char *name)
{
	cJSON *value = cJSON_GetObjectItemCaseSensitive(object, name);

	if (value && !(cJSON_IsString(value) && !value->valuestring[0]))
		cJSON_ReplaceItemInObjectCaseSensitive(object, name, cJSON_CreateString(MASKED));
}

/* What a vendor writes as it likes is hidden as a whole where a secret may be in it. */
static void hide_suspect(cJSON *object, const char *name)
{
	const cJSON *value = cJSON_GetObjectItemCaseSensitive(object, name);
	char *printed = cJSON_IsObject(value) || cJSON_IsArray(value) ? cJSON_PrintUnformatted(value) : NULL;
	const char *text = printed ? printed : cJSON_GetStringValue(value);

	if (text && mask_suspect(text))
		hide(object, name);
	cJSON_free(printed);
}

/* A key or a variable, and what it holds. */
static void hide_value(cJSON *object)
{
	const cJSON *variable = json_get(object, "variable");
	cJSON *attributes;

	if (mask_is_secret(json_string(object, "key")))
		hide(object, "value");
	if (!mask_is_secret(json_string(variable, "name")))
		return;
	hide(object, "attributeValue");
	hide(object, "actualValue");
	attributes = cJSON_GetObjectItemCaseSensitive(object, "variableAttribute");
	for (cJSON *a = cJSON_IsArray(attributes) ? attributes->child : NULL; a; a = a->next)
		hide(a, "value");
}

/* The text with *** from `from`, of `size` bytes. */
static const char *replaced(struct gv_turn *t, const char *text, const char *from, size_t size)
{
	return gv_str(t, "%.*s" MASKED "%s", (int)(from - text), text, from + size);
}

/* Of a URL: who asks, which stands before the @; the secret in an address of our own for files; and the query, by which
 * addresses are signed. */
const char *mask_url(struct gv_turn *t, const char *text)
{
	const char *host = strstr(text, "://"), *at = NULL, *found;

	if (!host)
		return text;
	host += 3;
	for (const char *p = host; *p && !strchr("/?#", *p); p++)
		at = *p == '@' ? p : at;
	if (at)
		text = replaced(t, text, host, (size_t)(at - host));
	found = strstr(text, FILES_PATH);
	if (found) {
		found += strlen(FILES_PATH);
		text = replaced(t, text, found, strcspn(found, "/"));
	}
	found = strchr(strstr(text, "://"), '?');
	return found ? replaced(t, text, found + 1, strcspn(found + 1, "# ")) : text;
}

struct masking {
	struct gv_turn *t;
	bool remarks; /* are hidden, too */
};

static void mask_tree(const struct masking *m, cJSON *json)
{
	if (cJSON_IsObject(json)) {
		hide_value(json);
		if (json_get(json, "server") && json_get(json, "type")) /* of a VPN, "key" is one */
			hide(json, "key");
		if (json_get(json, "seqNo")) /* of a person, as no other message that is numbered has */
			hide(json, "data");
		hide_suspect(json, "data");
		hide_suspect(json, "techInfo");
		hide(json, "customerIdentifier");
		if (m->remarks)
			hide(json, "additionalInfo");
	}
	for (cJSON *item = json ? json->child : NULL, *next; item; item = next) {
		const char *shown = cJSON_IsString(item) ? mask_url(m->t, item->valuestring) : NULL;

		next = item->next;
		if (item->string && mask_is_secret(item->string))
			hide(json, item->string);
		else if (item->string && shown && shown != item->valuestring)
			cJSON_ReplaceItemInObjectCaseSensitive(json, item->string, cJSON_CreateString(shown));
		else
			mask_tree(m, item);
	}
}

static const char *mask_with(const struct masking *m, const cJSON *payload)
{
	cJSON *copy = payload ? cJSON_Duplicate(payload, true) : NULL;
	const char *text;

	if (!copy)
		return "{}";
	mask_tree(m, copy);
	text = json_print(m->t, copy);
	cJSON_Delete(copy);
	return text;
}

const char *mask(struct gv_turn *t, const cJSON *payload)
{
	return mask_with(&(struct masking){ .t = t }, payload);
}

const char *mask_answer(struct gv_turn *t, const cJSON *payload)
{
	return mask_with(&(struct masking){ .t = t, .remarks = true }, payload);
}

bool mask_is_masked(const char *text)
{
	return strstr(text, MASKED) != NULL;
}
