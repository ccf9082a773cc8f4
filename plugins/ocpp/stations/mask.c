/* Secrets stand in few places of OCPP: in the values of keys (1.6) and variables (2.0.1) whose names say so, in a
 * network profile, and before the @ of a URL to upload to or to download from. What a charger tells of a person is
 * hidden, too. */
#include "mask.h"

#include <plugins/ocpp/files/files.h>

#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define SHOWN "***"

static const char *const actions[] = {
	"ChangeConfiguration",
	"GetConfiguration",
	"GetDiagnostics",
	"GetLog",
	"NotifyEvent",
	"CustomerInformation",
	"NotifyCustomerInformation",
	"GetVariables",
	"NotifyReport",
	"SetNetworkProfile",
	"SetVariables",
	"SignedUpdateFirmware",
	"UpdateFirmware",
	"PublishFirmware",
	"PublishFirmwareStatusNotification",
};

bool mask_needed(const char *action)
{
	for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++)
		if (!strcmp(actions[i], action))
			return true;
	return false;
}

bool mask_is_secret(const char *name)
{
	return !strcasecmp(name, "AuthorizationKey") || strcasestr(name, "password") || strcasestr(name, "secret") ||
	       !strcasecmp(name, "simPin");
}

bool mask_suspect(const char *text)
{
	return strcasestr(text, "AuthorizationKey") || strcasestr(text, "CustomerInformation") ||
	       strcasestr(text, "password") || strcasestr(text, "secret");
}

static void hide(cJSON *object, const char *name)
{
	cJSON *value = cJSON_GetObjectItemCaseSensitive(object, name);

	if (value && !(cJSON_IsString(value) && !value->valuestring[0]))
		cJSON_ReplaceItemInObjectCaseSensitive(object, name, cJSON_CreateString(SHOWN));
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

static void hide_between(cJSON *object, const cJSON *item, const char *from, const char *to)
{
	char *shown = cJSON_malloc(strlen(item->valuestring) + sizeof SHOWN);

	if (!shown)
		return;
	sprintf(shown, "%.*s" SHOWN "%s", (int)(from - item->valuestring), item->valuestring, to);
	cJSON_ReplaceItemInObjectCaseSensitive(object, item->string, cJSON_CreateString(shown));
	cJSON_free(shown);
}

/* Of a URL: who asks, which stands before the @, and the secret in an address of our own for files. */
static void hide_in_url(cJSON *object, const cJSON *item)
{
	const char *host = strstr(item->valuestring, "://"), *end, *at = NULL, *token;

	if (!host)
		return;
	host += 3;
	end = host + strcspn(host, "/?#");
	for (const char *p = host; p < end; p++)
		at = *p == '@' ? p : at;
	token = strstr(end, FILES_PATH);
	if (at)
		hide_between(object, item, host, at);
	else if (token)
		hide_between(object, item, token + strlen(FILES_PATH),
			     token + strlen(FILES_PATH) + strcspn(token + strlen(FILES_PATH), "/"));
}

static void mask_tree(cJSON *json)
{
	if (cJSON_IsObject(json)) {
		hide_value(json);
		if (json_get(json, "server") && json_get(json, "type")) /* of a VPN, "key" is one */
			hide(json, "key");
		if (json_get(json, "seqNo")) /* of a person, as no other message that is numbered has */
			hide(json, "data");
		hide(json, "customerIdentifier");
	}
	for (cJSON *item = json ? json->child : NULL, *next; item; item = next) {
		next = item->next;
		if (item->string && mask_is_secret(item->string))
			hide(json, item->string);
		else if (item->string && cJSON_IsString(item))
			hide_in_url(json, item);
		else
			mask_tree(item);
	}
}

const char *mask(struct gv_turn *t, const cJSON *payload)
{
	cJSON *copy = payload ? cJSON_Duplicate(payload, true) : NULL;
	const char *text;

	if (!copy)
		return "{}";
	mask_tree(copy);
	text = json_print(t, copy);
	cJSON_Delete(copy);
	return text;
}
