/* state.json: all that the agent must not forget, replaced as a whole.
 *
 *   {"sequence": 7, "seen": 12, "outbox": [REPORT...],
 *    "confirmed": {"firmware": IMAGE, ...}, "trial": {"kind": "firmware", ...IMAGE}}
 *   IMAGE = {"slot": 0, "version", "counter", "sha256", "length"}; on trial with "id", "assignment" and "starts" */
#include "agent.h"

#include <cjson/cJSON.h>
#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const cJSON *member(const cJSON *object, const char *name)
{
	return cJSON_GetObjectItemCaseSensitive(object, name);
}

static int64_t number(const cJSON *object, const char *name)
{
	const cJSON *it = member(object, name);

	return cJSON_IsNumber(it) ? (int64_t)it->valuedouble : 0;
}

static void set(cJSON *object, const char *name, cJSON *value)
{
	cJSON_DeleteItemFromObjectCaseSensitive(object, name);
	cJSON_AddItemToObject(object, name, value);
}

/* ---- reading and saving ---------------------------------------------------------------------- */

int agent_read_state(struct agent *a, struct tuf_error *err)
{
	char *data;
	size_t size;
	int r = agent_read(a, "state.json", AGENT_STATE_MAX, &data, &size);

	if (r == -ENOENT) {
		a->state = cJSON_CreateObject();
		cJSON_AddObjectToObject(a->state, "confirmed");
		cJSON_AddArrayToObject(a->state, "outbox");
		return a->state ? 0 : -ENOMEM;
	}
	if (r == 0) {
		r = tuf_json_read(data, size, &a->state, err);
		free(data);
	}
	if (r < 0 || !cJSON_IsObject(member(a->state, "confirmed")) || !cJSON_IsArray(member(a->state, "outbox"))) {
		snprintf(err->text, sizeof(err->text),
			 "%.200s/state.json is spoilt: restore it, or start over with factory", a->folder);
		return -EINVAL;
	}
	return 0;
}

int agent_save(struct agent *a)
{
	char *text;
	size_t size;
	int r = tuf_json_write(a->state, &text, &size, NULL);

	if (r < 0)
		return -ENOMEM;
	r = agent_replace(a, "state.json", text, size);
	free(text);
	return r;
}

static int make_folder(const struct agent *a, const char *name)
{
	char path[PATH_MAX];
	int r = agent_path(a, name, path);

	return r < 0 ? r : mkdir(path, 0700) < 0 && errno != EEXIST ? -errno : 0;
}

int agent_open(const char *folder, struct agent *ret, struct tuf_error *err)
{
	int r;

	*ret = (struct agent){ .stop_fd = -1 };
	if (!realpath(folder, ret->folder)) {
		r = -errno;
		snprintf(err->text, sizeof(err->text), "%.200s: %s", folder, strerror(-r));
		return r;
	}
	if ((r = make_folder(ret, "metadata")) < 0 || (r = make_folder(ret, "download")) < 0) {
		snprintf(err->text, sizeof(err->text), "%.200s cannot be written: %s", ret->folder, strerror(-r));
		return r;
	}
	if ((r = agent_read_config(ret, err)) < 0 || (r = agent_read_state(ret, err)) < 0)
		return r;
	ret->curl = curl_easy_init();
	if (!ret->curl)
		snprintf(err->text, sizeof(err->text), "no memory for a connection");
	return ret->curl ? 0 : -ENOMEM;
}

void agent_close(struct agent *a)
{
	agent_stop(a);
	cJSON_Delete(a->state);
	curl_easy_cleanup(a->curl);
	for (int i = 0; i < AGENT_ARGUMENTS_MAX; i++)
		free(a->config.run[i]);
}

/* ---- images ---------------------------------------------------------------------------------- */

static void copy(const cJSON *object, const char *name, char *ret, size_t size)
{
	const cJSON *it = member(object, name);

	snprintf(ret, size, "%s", cJSON_IsString(it) ? it->valuestring : "");
}

static struct agent_image read_image(const cJSON *json)
{
	struct agent_image it = { .slot = -1 };

	if (!cJSON_IsObject(json))
		return it;
	it.slot = number(json, "slot") == 1;
	copy(json, "version", it.version, sizeof(it.version));
	copy(json, "sha256", it.sha256, sizeof(it.sha256));
	it.counter = number(json, "counter");
	it.length = number(json, "length");
	copy(json, "id", it.id, sizeof(it.id));
	it.assignment = number(json, "assignment");
	it.starts = number(json, "starts");
	return it;
}

static cJSON *write_image(const struct agent_image *it)
{
	cJSON *json = cJSON_CreateObject();

	cJSON_AddNumberToObject(json, "slot", it->slot);
	cJSON_AddStringToObject(json, "version", it->version);
	cJSON_AddStringToObject(json, "sha256", it->sha256);
	cJSON_AddNumberToObject(json, "counter", (double)it->counter);
	cJSON_AddNumberToObject(json, "length", (double)it->length);
	return json;
}

struct agent_image agent_confirmed(const struct agent *a, enum ota_kind kind)
{
	return read_image(member(member(a->state, "confirmed"), ota_kind_name(kind)));
}

bool agent_trial(const struct agent *a, enum ota_kind *ret_kind, struct agent_image *ret)
{
	const cJSON *trial = member(a->state, "trial"), *name = member(trial, "kind");

	for (int kind = 0; cJSON_IsString(name) && kind < OTA_KINDS; kind++)
		if (strcmp(name->valuestring, ota_kind_name((enum ota_kind)kind)) == 0) {
			*ret_kind = (enum ota_kind)kind;
			*ret = read_image(trial);
			return true;
		}
	return false;
}

void agent_set_confirmed(struct agent *a, enum ota_kind kind, const struct agent_image *it)
{
	set((cJSON *)member(a->state, "confirmed"), ota_kind_name(kind), write_image(it));
}

void agent_set_trial(struct agent *a, enum ota_kind kind, const struct agent_image *it)
{
	cJSON *json = write_image(it);

	cJSON_AddStringToObject(json, "kind", ota_kind_name(kind));
	cJSON_AddNumberToObject(json, "assignment", (double)it->assignment);
	cJSON_AddNumberToObject(json, "starts", (double)it->starts);
	cJSON_AddStringToObject(json, "id", it->id);
	set(a->state, "trial", json);
}

void agent_clear_trial(struct agent *a)
{
	cJSON_DeleteItemFromObjectCaseSensitive(a->state, "trial");
}

int64_t agent_seen(const struct agent *a)
{
	return number(a->state, "seen");
}

void agent_set_seen(struct agent *a, int64_t version)
{
	set(a->state, "seen", cJSON_CreateNumber((double)version));
}

/* ---- from the factory ------------------------------------------------------------------------ */

static int copy_file(const char *from, const char *to, int64_t *ret_length)
{
	static char chunk[65536];
	int in = open(from, O_RDONLY | O_CLOEXEC), out, r = 0;
	ssize_t n;

	if (in < 0)
		return -errno;
	out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
	if (out < 0)
		r = -errno;
	*ret_length = 0;
	while (r == 0 && (n = read(in, chunk, sizeof(chunk))) != 0) {
		r = n < 0 ? -errno : agent_write_all(out, chunk, (size_t)n);
		*ret_length += n;
	}
	if (r == 0 && fsync(out) < 0)
		r = -errno;
	close(in);
	if (out >= 0)
		close(out);
	return r;
}

int agent_factory(struct agent *a, enum ota_kind kind, const char *file, const char *version, int64_t counter,
		  struct tuf_error *err)
{
	struct agent_image it = { .slot = 0, .counter = counter };
	const char *slot = a->config.slots[kind][0];
	int r = *slot ? copy_file(file, slot, &it.length) : -ENOENT;

	if (r == 0 && (r = agent_sync_folder(slot)) == 0)
		r = agent_hash(slot, it.length, it.sha256);
	if (r == 0) {
		snprintf(it.version, sizeof(it.version), "%s", version);
		agent_clear_trial(a);
		agent_set_confirmed(a, kind, &it);
		r = agent_save(a);
	}
	if (r < 0)
		snprintf(err->text, sizeof(err->text), "%.200s cannot be put into the first slot for %s: %s", file,
			 ota_kind_name(kind), strerror(-r));
	return r;
}
