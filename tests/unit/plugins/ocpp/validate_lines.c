/* The validator as a filter, for tests in other languages. Each line of its input is
 *
 *     VERSION request|answer strict|lenient ACTION PAYLOAD
 *
 * with VERSION a subprotocol and PAYLOAD a JSON object; for each, it writes one line: "ok QUIRK..." or "CODE PATH". */
#include <plugins/ocpp/spec/validate.h>

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct spec_version *const versions[] = { &spec_v15, &spec_v16, &spec_v201 };

static const struct spec_version *find_version(const char *name)
{
	for (size_t i = 0; i < sizeof versions / sizeof versions[0]; i++)
		if (!strcmp(versions[i]->subprotocol, name))
			return versions[i];
	return NULL;
}

static int judge(char *line)
{
	const char *version_name = strtok(line, " "), *direction = strtok(NULL, " "), *way = strtok(NULL, " ");
	const char *action_name = strtok(NULL, " "), *json = strtok(NULL, "\n");
	const struct spec_version *version = version_name ? find_version(version_name) : NULL;
	const struct spec_action *action = version && action_name ? spec_find(version, action_name) : NULL;
	struct check check = { .version = version };
	cJSON *payload = json ? cJSON_Parse(json) : NULL;

	if (!action || !cJSON_IsObject(payload)) {
		fprintf(stderr, "no such action, or no JSON object: %s %s\n", version_name, action_name);
		cJSON_Delete(payload);
		return -1;
	}
	check.strict = !strcmp(way, "strict");
	if (validate(!strcmp(direction, "answer") ? action->answer : action->request, payload, &check)) {
		printf("%s %s\n", rpc_code_name(version->rpc, check.code), check.path);
	} else {
		printf("ok");
		for (unsigned i = 0; i < QUIRKS; i++)
			if (check.quirks & QUIRK_BIT(i))
				printf(" %s", quirk_name(i));
		printf("\n");
	}
	cJSON_Delete(payload);
	return 0;
}

int main(void)
{
	char *line = NULL;
	size_t room = 0;
	int result = 0;

	while (result == 0 && getline(&line, &room, stdin) > 0)
		result = judge(line);
	free(line);
	return result ? 1 : 0;
}
