/* What scenarios share: where plugins lie, how seeds become weather, and reading JSON. */
#include "scenario.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char plugin_folder[512], zoo_folder[512];

/* Of the build folder in which this program lies, wherever it is called from. */
static void own_folders(void)
{
	char self[400];
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);

	self[n > 0 ? n : 0] = '\0';
	*(strrchr(self, '/') ? strrchr(self, '/') : self) = '\0';
	snprintf(plugin_folder, sizeof plugin_folder, "%s/../../plugins", self);
	snprintf(zoo_folder, sizeof zoo_folder, "%s/zoo", self);
}

void scenario_folders(const char *plugins, const char *zoo)
{
	own_folders();
	if (plugins)
		snprintf(plugin_folder, sizeof plugin_folder, "%s", plugins);
	if (zoo)
		snprintf(zoo_folder, sizeof zoo_folder, "%s", zoo);
}

bool scenario_has(const char *plugin)
{
	char path[600];

	snprintf(path, sizeof path, "%s/%s.so", plugin_folder, plugin);
	return !access(path, R_OK);
}

static void load(struct host *h, const char *plugin, const char *path, uint32_t instances, const char *config)
{
	int r = host_load(h, plugin, path, instances, config);

	host_check(h, r == 0, "%s does not start: %s", plugin, host_error(h));
}

void scenario_load(struct host *h, const char *plugin, uint32_t instances, const char *config)
{
	char path[600];

	snprintf(path, sizeof path, "%s/%s.so", plugin_folder, plugin);
	load(h, plugin, path, instances, config);
}

void scenario_load_zoo(struct host *h, const char *plugin, uint32_t instances)
{
	char path[600];

	snprintf(path, sizeof path, "%s/zoo_%s.so", zoo_folder, plugin);
	load(h, plugin, path, instances, NULL);
}

/* Three bits of the seed say what may go wrong; none of them where the seed names one crash. */
static unsigned weather(const struct host *h)
{
	return host_seed(h) >= ONE_CRASH ? 0 : (unsigned)(host_seed(h) % 8);
}

static void one_crash(struct host *h, const char *const *victims)
{
	uint64_t n = host_seed(h) / ONE_CRASH - 1;

	for (uint64_t i = 0; i <= n; i++)
		host_check(h, victims[i], "there are only %llu instances to kill", (unsigned long long)i);
	host_crash_at(h, victims[n], host_seed(h) % ONE_CRASH + 1);
}

void scenario_weather(struct host *h, const char *const *victims)
{
	unsigned kind = weather(h);

	if (host_seed(h) >= ONE_CRASH)
		one_crash(h, victims);
	if (kind & 1)
		host_set(h, HOST_CRASH, 2 + host_below(h, 40));
	if (kind & 2) {
		host_set(h, HOST_DELAY, 1 + host_below(h, 100));
		host_set(h, HOST_DROP, host_below(h, 60));
		host_set(h, HOST_LATE, 300 + host_below(h, 600));
	}
	if (kind & 4) {
		host_set(h, HOST_FULL, host_below(h, 200));
		host_set(h, HOST_LOSE, host_below(h, 60));
	}
	if (kind == 7 || kind == 3)
		host_spare(h, "link", false);
}

bool scenario_must_answer(struct host *h)
{
	return weather(h) == 0;
}

void scenario_calm(struct host *h)
{
	for (int i = 0; i < HOST_FAULTS; i++)
		host_set(h, i, 0);
}

void scenario_shake(struct host *h, const char *const *emitters)
{
	bool lossy = weather(h) & 4;

	host_settle(h, 5);
	host_run_ms(h, 15000); /* failures are tried again until they are parked */
	for (size_t i = 0; lossy && emitters[i]; i++) {
		if (!host_has(h, emitters[i]))
			continue;
		host_stop(h, emitters[i]);
		host_run_ms(h, 10);
		host_check(h, host_start(h, emitters[i]) == 0, "%s does not start again: %s", emitters[i],
			   host_error(h));
	}
	host_run_ms(h, 15000);
	host_settle(h, 5);
}

static const cJSON *find(struct host *h, const cJSON *object, const char *path, const char *json)
{
	char name[128];

	while (object && *path) {
		size_t n = strcspn(path, ".");

		snprintf(name, sizeof name, "%.*s", (int)n, path);
		object = cJSON_IsArray(object) ? cJSON_GetArrayItem(object, atoi(name))
					       : cJSON_GetObjectItemCaseSensitive(object, name);
		path += n + (path[n] == '.');
	}
	host_check(h, object, "no %s in %s", path, json);
	return object;
}

int64_t scenario_int(struct host *h, const char *json, const char *path)
{
	cJSON *root = cJSON_Parse(json);
	const cJSON *item = find(h, root, path, json);
	int64_t value = cJSON_IsString(item) ? strtoll(item->valuestring, NULL, 10)
			: cJSON_IsBool(item) ? cJSON_IsTrue(item)
					     : (int64_t)item->valuedouble;

	cJSON_Delete(root);
	return value;
}

const char *scenario_str(struct host *h, const char *json, const char *path)
{
	static char values[4][512];
	static unsigned next;
	cJSON *root = cJSON_Parse(json);
	const cJSON *item = find(h, root, path, json);
	char *value = values[next++ % 4];

	host_check(h, cJSON_IsString(item), "%s is no string in %s", path, json);
	snprintf(value, sizeof values[0], "%s", item->valuestring);
	cJSON_Delete(root);
	return value;
}

size_t scenario_count(struct host *h, const char *json, const char *path)
{
	cJSON *root = cJSON_Parse(json);
	const cJSON *item = find(h, root, path, json);
	size_t n = (size_t)cJSON_GetArraySize(item);

	host_check(h, cJSON_IsArray(item), "%s is no list in %s", path, json);
	cJSON_Delete(root);
	return n;
}
