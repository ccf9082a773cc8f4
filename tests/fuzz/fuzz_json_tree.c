/* JSON from chargers: what cJSON's own reader takes is taken, nothing else, and means the same. */
#include "fuzz.h"

#include <lib/json_tree.h>
#include <tests/memory.h>

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

static bool same_text(const char *a, const char *b)
{
	return !a == !b && (!a || !strcmp(a, b));
}

static void check_same(const cJSON *a, const cJSON *b)
{
	for (; a && b; a = a->next, b = b->next) {
		FUZZ_ASSERT(a->type == b->type && a->valueint == b->valueint);
		FUZZ_ASSERT(!memcmp(&a->valuedouble, &b->valuedouble, sizeof a->valuedouble));
		FUZZ_ASSERT(same_text(a->string, b->string) && same_text(a->valuestring, b->valuestring));
		FUZZ_ASSERT(!a->next || a->next->prev == a);
		FUZZ_ASSERT(!a->child || !a->child->prev->next);
		check_same(a->child, b->child);
	}
	FUZZ_ASSERT(!a && !b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	struct memory memory;
	cJSON *ours, *theirs;
	int error;

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	memory_init(&memory);
	theirs = strlen(text) < size ? NULL : cJSON_ParseWithLengthOpts(text, size + 1, NULL, true);
	error = gv_json_tree(&memory.allocator, text, size, &ours);
	FUZZ_ASSERT(error == (theirs ? 0 : -EBADMSG));
	if (theirs)
		check_same(ours, theirs);
	cJSON_Delete(theirs);
	memory_fini(&memory);
	free(text);
	return 0;
}
