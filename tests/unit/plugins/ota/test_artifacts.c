/* What an artifact's custom and an assignment must hold, for whom they are, and each refusal's sentence. */
#include "plugins/ota/core/artifact.h"

#include <cjson/cJSON.h>
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/leaks.h"

TestSuite(ota_artifacts, .fini = check_leaks);

#define GOOD                                                                                                           \
	"{\"product\":\"pile\",\"kind\":\"firmware\",\"version\":\"1.1.0\",\"counter\":7,\"hardware\":[\"rev-a\","     \
	"\"rev-b\"],"                                                                                                  \
	"\"vendors\":[\"Acme\"],\"models\":[\"P1\"],\"from\":[\"1.0.0\"],\"install\":{\"seconds\":30,\"reboots\":"     \
	"true,\"slots\":2,\"charges\":false}}"

static int read_custom(const char *text, struct ota_artifact *it, cJSON **ret_custom, struct tuf_error *err)
{
	struct tuf_file target = { .length = 1, .path = "pile/fw.bin", .custom = *ret_custom = cJSON_Parse(text) };

	cr_assert_not_null(target.custom, "%s", text);
	return ota_artifact_read(&target, it, err);
}

Test(ota_artifacts, reads_what_an_operator_signed)
{
	struct ota_artifact it;
	cJSON *custom;

	cr_assert_eq(read_custom(GOOD, &it, &custom, NULL), 0);
	cr_assert_str_eq(it.product, "pile");
	cr_assert_eq(it.kind, OTA_FIRMWARE);
	cr_assert_eq(it.counter, 7);
	cr_assert_eq(it.install.seconds, 30);
	cr_assert_eq(it.install.slots, 2);
	cr_assert(it.install.reboots && !it.install.charges);
	cJSON_Delete(custom);
}

Test(ota_artifacts, each_flaw_is_named)
{
	static const struct {
		const char *from, *to, *words;
	} flaws[] = {
		{ "\"product\":\"pile\",", "", "product must be a text" },
		{ "\"pile\"", "\"pi\\nle\"", "product has control characters" },
		{ "firmware", "hardware-kind", "kind must be firmware, software or config" },
		{ "1.1.0", "12345678901234567890123456789012345678901234567890123456789012345",
		  "version has more than 64 bytes" },
		{ ":7", ":0", "counter must be a whole number from 1" },
		{ ":7", ":7.5", "counter must be a whole number" },
		{ "[\"rev-a\",\"rev-b\"]", "[7]", "hardware must hold texts" },
		{ "[\"1.0.0\"]", "\"1.0.0\"", "from must be a list" },
		{ "\"seconds\":30", "\"seconds\":-1", "seconds must be a whole number from 0" },
		{ "\"reboots\":true", "\"reboots\":1", "reboots must be true or false" },
		{ "\"slots\":2", "\"slots\":3", "slots must be a whole number from 1 to 2" },
		{ "\"from\"", "\"vendor\":{\"signature\":\"AA==\"},\"from\"", "certificate must be a text" },
		{ "\"from\"", "\"vendor\":{\"signature\":\"AA==\",\"certificate\":\"x\"},\"from\"", "must be PEM" },
	};

	for (size_t i = 0; i < sizeof(flaws) / sizeof(flaws[0]); i++) {
		char text[1024] = GOOD, rest[1024];
		char *at = strstr(text, flaws[i].from);
		struct ota_artifact it;
		struct tuf_error err;
		cJSON *custom;

		strcpy(rest, at + strlen(flaws[i].from));
		strcpy(at, flaws[i].to);
		strcat(at, rest);
		cr_assert_eq(read_custom(text, &it, &custom, &err), -TUF_MALFORMED, "%s", text);
		cr_assert(strstr(err.text, flaws[i].words), "%s", err.text);
		cr_assert(strstr(err.text, "the target pile/fw.bin"), "%s", err.text);
		cJSON_Delete(custom);
	}
}

Test(ota_artifacts, fit_a_device_by_product_hardware_version_and_counter)
{
	static const struct {
		struct ota_device device;
		int result;
		const char *words;
	} cases[] = {
		{ { "d", "pile", "Acme", "P1", "rev-b", "1.0.0", 6 }, 0, "" },
		{ { "d", "pile", "Acme", "P1", "rev-b", "1.0.0", 7 }, 0, "" },
		{ { "d", "cabinet", "Acme", "P1", "rev-b", "1.0.0", 6 }, -TUF_NOT_FOR_US, "for the product pile" },
		{ { "d", "pile", "Acme", "P1", "rev-c", "1.0.0", 6 }, -TUF_NOT_FOR_US, "not for the hardware rev-c" },
		{ { "d", "pile", "Acme", "P1", "rev-a", "0.9.0", 6 },
		  -TUF_NOT_FOR_US,
		  "may not be installed from version 0.9.0" },
		{ { "d", "pile", "Acme", "P1", "rev-a", "", 6 }, -TUF_NOT_FOR_US, "from version (unknown)" },
		{ { "d", "pile", "Other", "P1", "rev-a", "1.0.0", 6 }, -TUF_NOT_FOR_US, "not for the vendor Other" },
		{ { "d", "pile", "Acme", "", "rev-a", "1.0.0", 6 }, -TUF_NOT_FOR_US, "not for the model (unknown)" },
		{ { "d", "pile", "Acme", "P1", "rev-b", "1.0.0", 8 },
		  -TUF_ROLLBACK,
		  "has the counter 7, the device runs 8" },
	};
	struct ota_artifact it;
	cJSON *custom;

	cr_assert_eq(read_custom(GOOD, &it, &custom, NULL), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tuf_error err = { "" };

		cr_assert_eq(ota_artifact_fits(&it, &cases[i].device, &err), cases[i].result, "%zu", i);
		cr_assert(strstr(err.text, cases[i].words), "%s", err.text);
	}
	cJSON_Delete(custom);
}

Test(ota_artifacts, an_assignment_is_read_as_it_was_made)
{
	struct ota_assignment made = { .device = "ocpp:CP001",
				       .id = "campaign-7",
				       .version = 12,
				       .expires_s = 1800000000,
				       .path = "a/b.bin",
				       .length = 1234,
				       .counter = TUF_NUMBER_MAX,
				       .window_from_s = 1799990000,
				       .window_until_s = 1799999000,
				       .delta_count = 1 };
	static const uint8_t seed[1][TUF_SEED_SIZE] = { { 1 } };
	struct ota_assignment got;
	struct tuf_document *document;
	struct tuf_error err;
	cJSON *payload;
	char *text;
	size_t size;

	tuf_sha256("x", 1, made.sha256);
	strcpy(made.deltas[0].algorithm, "gd1");
	tuf_sha256("y", 1, made.deltas[0].from);
	tuf_sha256("z", 1, made.deltas[0].sha256);
	made.deltas[0].length = 99;
	payload = ota_assignment_make(&made);
	cr_assert_eq(tuf_sign(payload, seed, 1, &text, &size, &err), 0, "%s", err.text);
	cr_assert_eq(tuf_read(TUF_ASSIGNMENT, text, size, &document, &err), 0, "%s", err.text);
	cr_assert_eq(ota_assignment_read(document, &got, &err), 0, "%s", err.text);
	cr_assert_eq(memcmp(&got, &made, sizeof(got)), 0);
	tuf_document_destroy(document);
	free(text);
	cJSON_Delete(payload);
}
