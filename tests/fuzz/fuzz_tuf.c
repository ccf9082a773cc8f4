/* A document of metadata from a stranger, the first byte saying of which role: it is refused with a reason, or it can
 * be asked everything, and its canonical form is one that reads the same. */
#include "fuzz.h"

#include "plugins/ota/core/artifact.h"

#include <cjson/cJSON.h>
#include <string.h>

static void ask_targets(const struct tuf_document *it, struct tuf_error *err)
{
	const struct cJSON *cursor = NULL;
	struct ota_artifact artifact;
	struct tuf_file file;

	while (tuf_target_each(it, &cursor, &file)) {
		struct ota_device device = { "d", "p", "v", "m", "h", "1", 1 };

		FUZZ_ASSERT(file.length >= 0 && strlen(file.sha256) == 64);
		if (ota_artifact_read(&file, &artifact, err) == 0)
			ota_artifact_fits(&artifact, &device, err);
	}
	tuf_verify(it, it, err);
}

static void ask(const struct tuf_document *it, struct tuf_error *err)
{
	struct ota_assignment assignment;
	struct tuf_file file;

	switch (tuf_role_of(it)) {
	case TUF_ROOT:
		tuf_verify(it, it, err);
		FUZZ_ASSERT(tuf_root_follows(it, it, err) < 0);
		break;
	case TUF_TIMESTAMP:
		FUZZ_ASSERT(tuf_meta(it, "snapshot.json", &file, err) == 0);
		break;
	case TUF_SNAPSHOT:
		FUZZ_ASSERT(tuf_meta(it, "targets.json", &file, err) == 0);
		break;
	case TUF_TARGETS:
		ask_targets(it, err);
		break;
	default:
		if (ota_assignment_read(it, &assignment, err) == 0)
			FUZZ_ASSERT(assignment.delta_count <= OTA_DELTAS_MAX);
	}
}

static void write_again(const struct tuf_document *it)
{
	struct cJSON *again = NULL;
	char *text, *canonical, *second;
	size_t text_size, size, second_size;

	FUZZ_ASSERT(tuf_json_write(tuf_signed(it), &text, &text_size, NULL) == 0);
	FUZZ_ASSERT(tuf_canonical(tuf_signed(it), &canonical, &size, NULL) == 0);
	FUZZ_ASSERT(tuf_json_read(text, text_size, &again, NULL) == 0);
	FUZZ_ASSERT(tuf_canonical(again, &second, &second_size, NULL) == 0);
	FUZZ_ASSERT(size == second_size && memcmp(canonical, second, size) == 0);
	free(text);
	free(canonical);
	free(second);
	cJSON_Delete(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tuf_document *it;
	struct tuf_error err = { "" };

	if (size == 0)
		return 0;
	if (tuf_read((enum tuf_role)(data[0] % TUF_ROLES), data + 1, size - 1, &it, &err) < 0) {
		FUZZ_ASSERT(err.text[0]);
		return 0;
	}
	ask(it, &err);
	write_again(it);
	tuf_document_destroy(it);
	return 0;
}
