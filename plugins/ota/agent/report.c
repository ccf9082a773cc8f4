/* Reports: they wait in the state, so that what they tell and that they are told are one write. */
#include "agent.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static cJSON *outbox(const struct agent *a)
{
	return cJSON_GetObjectItemCaseSensitive(a->state, "outbox");
}

static bool is_outcome(const cJSON *report)
{
	static const char *const OUTCOMES[] = { "installed", "reverted", "installation-failed" };
	const cJSON *step = cJSON_GetObjectItemCaseSensitive(report, "step");

	for (size_t i = 0; i < sizeof(OUTCOMES) / sizeof(OUTCOMES[0]); i++)
		if (cJSON_IsString(step) && strcmp(step->valuestring, OUTCOMES[i]) == 0)
			return true;
	return false;
}

/* The oldest that is no outcome, or the oldest. */
static void make_room(cJSON *list)
{
	int count = cJSON_GetArraySize(list), at = 0;

	if (count < AGENT_OUTBOX_MAX)
		return;
	while (at < count && is_outcome(cJSON_GetArrayItem(list, at)))
		at++;
	cJSON_DeleteItemFromArray(list, at < count ? at : 0);
}

static cJSON *installed(const struct agent *a)
{
	cJSON *it = cJSON_CreateObject();

	for (int kind = 0; kind < OTA_KINDS; kind++) {
		struct agent_image image = agent_confirmed(a, (enum ota_kind)kind);
		cJSON *entry;

		if (image.slot < 0)
			continue;
		entry = cJSON_AddObjectToObject(it, ota_kind_name((enum ota_kind)kind));
		cJSON_AddStringToObject(entry, "version", image.version);
		cJSON_AddNumberToObject(entry, "counter", (double)image.counter);
		cJSON_AddStringToObject(entry, "sha256", image.sha256);
	}
	return it;
}

void agent_report(struct agent *a, const char *step, int result, const char *detail, int64_t bytes)
{
	const cJSON *last = cJSON_GetObjectItemCaseSensitive(a->state, "sequence");
	double sequence = cJSON_IsNumber(last) ? last->valuedouble + 1 : 1;
	cJSON *it = cJSON_CreateObject();
	char at[24];

	fprintf(stderr, "device=%s assignment=%s step=%s result=%s detail=\"%s\"\n", a->config.device, a->about.id,
		step, tuf_result_name(result), detail);
	make_room(outbox(a));
	tuf_time_write(a->now_s, at);
	cJSON_AddNumberToObject(it, "sequence", sequence);
	cJSON_AddStringToObject(it, "at", at);
	cJSON_AddStringToObject(it, "assignment", a->about.id);
	cJSON_AddNumberToObject(it, "version", (double)a->about.version);
	cJSON_AddStringToObject(it, "step", step);
	cJSON_AddStringToObject(it, "result", tuf_result_name(result));
	cJSON_AddStringToObject(it, "detail", detail);
	cJSON_AddNumberToObject(it, "bytes", (double)bytes);
	cJSON_AddNumberToObject(it, "total", (double)a->about.total);
	cJSON_AddItemToObject(it, "installed", installed(a));
	cJSON_AddItemToArray(outbox(a), it);
	cJSON_DeleteItemFromObjectCaseSensitive(a->state, "sequence");
	cJSON_AddNumberToObject(a->state, "sequence", sequence);
}

void agent_send(struct agent *a)
{
	char path[OTA_DEVICE_MAX + 32], *text;
	struct tuf_error err;
	size_t size;

	snprintf(path, sizeof(path), "devices/%s/report", a->config.device);
	while (outbox(a)->child) {
		int status;

		if (tuf_json_write(outbox(a)->child, &text, &size, NULL) < 0)
			return;
		text = realloc(text, size + 1);
		if (!text)
			return;
		text[size] = '\0';
		err.text[0] = '\0';
		status = agent_post(a, path, text, &err);
		free(text);
		/* 400 will be 400 again. */
		if (status != 400 && (status < 200 || status > 299)) {
			fprintf(stderr, "device=%s report=kept status=%d why=\"%s\"\n", a->config.device, status,
				err.text);
			return;
		}
		cJSON_DeleteItemFromArray(outbox(a), 0);
		if (agent_save(a) < 0)
			return;
	}
}
