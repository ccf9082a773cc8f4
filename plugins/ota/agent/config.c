/* agent.json: who the device is, where its server is, what it runs and where its slots are. */
#include "agent.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONFIG_MAX 65536

static int wrong(struct tuf_error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));
static int wrong(struct tuf_error *err, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(err->text, sizeof(err->text), format, ap);
	va_end(ap);
	return -EINVAL;
}

static int text(const cJSON *json, const char *name, bool required, char *ret, size_t size, struct tuf_error *err)
{
	const cJSON *it = cJSON_GetObjectItemCaseSensitive(json, name);

	*ret = '\0';
	if (!it)
		return required ? wrong(err, "agent.json: %s is missing", name) : 0;
	if (!cJSON_IsString(it) || strlen(it->valuestring) >= size || (required && !*it->valuestring))
		return wrong(err, "agent.json: %s must be a text of at most %zu bytes", name, size - 1);
	memcpy(ret, it->valuestring, strlen(it->valuestring) + 1);
	return 0;
}

static int seconds(const cJSON *json, const char *name, int usual, int *ret, struct tuf_error *err)
{
	const cJSON *it = cJSON_GetObjectItemCaseSensitive(json, name);

	if (it && (!cJSON_IsNumber(it) || it->valuedouble < 1 || it->valuedouble > 86400))
		return wrong(err, "agent.json: %s must be 1 to 86400 seconds", name);
	*ret = it ? it->valueint : usual;
	return 0;
}

static int read_run(struct agent_config *c, const cJSON *json, struct tuf_error *err)
{
	const cJSON *list = cJSON_GetObjectItemCaseSensitive(json, "run"), *item;
	int count = 0;

	if (!cJSON_IsArray(list) || cJSON_GetArraySize(list) < 1 || cJSON_GetArraySize(list) > AGENT_ARGUMENTS_MAX)
		return wrong(err, "agent.json: run must be a list of 1 to %d texts", AGENT_ARGUMENTS_MAX);
	cJSON_ArrayForEach(item, list)
	{
		if (!cJSON_IsString(item))
			return wrong(err, "agent.json: run must be a list of texts");
		c->run[count] = strdup(item->valuestring);
		if (!c->run[count++])
			return -ENOMEM;
	}
	return 0;
}

static int slot_path(const struct agent *a, const cJSON *pair, int slot, char ret[PATH_MAX])
{
	const cJSON *it = cJSON_GetArrayItem(pair, slot);

	if (!cJSON_IsString(it) || !*it->valuestring || strlen(it->valuestring) >= PATH_MAX)
		return -EINVAL;
	if (*it->valuestring != '/')
		return agent_path(a, it->valuestring, ret);
	memcpy(ret, it->valuestring, strlen(it->valuestring) + 1);
	return 0;
}

static int read_slots(struct agent *a, const cJSON *json, struct tuf_error *err)
{
	const cJSON *slots = cJSON_GetObjectItemCaseSensitive(json, "slots");
	int taken = 0;

	for (int kind = 0; kind < OTA_KINDS; kind++) {
		const cJSON *pair = cJSON_GetObjectItemCaseSensitive(slots, ota_kind_name((enum ota_kind)kind));

		if (!pair)
			continue;
		if (cJSON_GetArraySize(pair) != 2 || slot_path(a, pair, 0, a->config.slots[kind][0]) < 0 ||
		    slot_path(a, pair, 1, a->config.slots[kind][1]) < 0 ||
		    strcmp(a->config.slots[kind][0], a->config.slots[kind][1]) == 0)
			return wrong(err, "agent.json: slots.%s must be two different paths",
				     ota_kind_name((enum ota_kind)kind));
		taken++;
	}
	if (!taken)
		return wrong(err, "agent.json: slots must name two paths for firmware, software or config");
	return 0;
}

static int read_all(struct agent *a, const cJSON *json, struct tuf_error *err)
{
	struct agent_config *c = &a->config;
	int r;

	if ((r = text(json, "server", true, c->server, sizeof(c->server), err)) < 0 ||
	    (r = text(json, "device", true, c->device, sizeof(c->device), err)) < 0 ||
	    (r = text(json, "password", false, c->password, sizeof(c->password), err)) < 0 ||
	    (r = text(json, "ca", false, c->ca, sizeof(c->ca), err)) < 0 ||
	    (r = text(json, "product", true, c->product, sizeof(c->product), err)) < 0 ||
	    (r = text(json, "vendor", false, c->vendor, sizeof(c->vendor), err)) < 0 ||
	    (r = text(json, "model", false, c->model, sizeof(c->model), err)) < 0 ||
	    (r = text(json, "hardware", false, c->hardware, sizeof(c->hardware), err)) < 0 ||
	    (r = seconds(json, "health_s", 60, &c->health_s, err)) < 0 ||
	    (r = seconds(json, "poll_s", 300, &c->poll_s, err)) < 0 ||
	    (r = seconds(json, "timeout_s", 60, &c->timeout_s, err)) < 0 || (r = read_run(c, json, err)) < 0)
		return r;
	if (strncmp(c->server, "http://", 7) != 0 && strncmp(c->server, "https://", 8) != 0)
		return wrong(err, "agent.json: server must be an address such as https://cloud.example:8080/ota");
	return read_slots(a, json, err);
}

int agent_read_config(struct agent *a, struct tuf_error *err)
{
	cJSON *json = NULL;
	char *data;
	size_t size;
	int r = agent_read(a, "agent.json", CONFIG_MAX, &data, &size);

	if (r < 0)
		return wrong(err, "%s/agent.json cannot be read: %s", a->folder, strerror(-r));
	r = tuf_json_read(data, size, &json, err);
	free(data);
	if (r < 0)
		return -EINVAL;
	r = read_all(a, json, err);
	cJSON_Delete(json);
	return r;
}
