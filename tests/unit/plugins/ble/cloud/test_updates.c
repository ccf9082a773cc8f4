/* Updates of piles, as ota sees them: an image is a letter, what the pile says of it is a step, what it boots with is
 * its identity; and a lease of a pile keeps nobody from paying or starting. */
#include "rig.h"

#include <galvan/update.pb-c.h>
#include <plugins/ble/core/ble_image.h>
#include <plugins/ble/core/ble_letters.h>

#define UPDATES "galvan.update.v1.Updates/"
#define PROGRESSED "galvan.update.v1.UpdateProgressed"
#define IDENTIFIED "galvan.update.v1.DeviceIdentified"
#define LETTERS "galvan.ble.v1.Letters/"
#define DAY_MS (24 * HOUR_MS)

static const struct ble_crypto *const c = &ble_openssl;
static char image[GV_BLOB_ID_SIZE], nonsense[GV_BLOB_ID_SIZE];

/* Whoever has put files into the node's blobs. */
static int shelf_start(void *self, struct gv_turn *t, const void *config)
{
	const struct ble_image it = { .format = BLE_VERSION, .counter = 2, .size = 4, .version = 2 };
	uint8_t fields[BLE_IMAGE_FIELDS_MAX], file[BLE_IMAGE_HEAD_MAX + 4];
	int size = ble_image_write(&it, fields, sizeof(fields));
	int head = ble_image_head(fields, (size_t)size, NULL, 0, file, sizeof(file));

	memcpy(file + head, "code", 4);
	gv_blob_put(t, file, (size_t)head + 4, image);
	return gv_blob_put(t, "no image", 8, nonsense);
}

static const struct gv_plugin shelf = {
	GV_STAMP, .name = "shelf", .version = "1", .summary = "files", .start = shelf_start,
};

static void setup(void)
{
	rig_start(NULL);
	cr_assert_eq(host_load_record(h, &shelf, 1, NULL), 0, "%s", host_error(h));
	settle();
}
TestSuite(updates, .init = setup, .fini = rig_stop);

static void lease(int64_t ms)
{
	must(UPDATES "Lease", "{\"device\":\"" P1 "\",\"id\":\"u1\",\"untilMs\":\"%lld\",\"why\":\"firmware 2\"}",
	     (long long)(host_now_ms(h) + ms));
	cr_assert_str_eq(text("granted"), "true");
}

/* By its answer: whether it was taken. */
static bool install(const char *id, const char *kind, const char *version, const char *blob)
{
	must(UPDATES "Install",
	     "{\"device\":\"" P1 "\",\"lease\":\"u1\",\"id\":\"%s\",\"kind\":\"%s\",\"version\":\"%s\",\"sha256\":"
	     "\"%s\"}",
	     id, kind, version, blob);
	return !strcmp(text("accepted"), "true");
}

/* The newest step that was told, with its update's id in front. */
static const char *step(void)
{
	unsigned n = events(PROGRESSED);
	static char out[128];

	if (!n)
		return "";
	snprintf(out, sizeof(out), "%s %s", event(PROGRESSED, n - 1, "progress.id"),
		 event(PROGRESSED, n - 1, "progress.step"));
	return out;
}

static const char *version(void)
{
	unsigned n = events(IDENTIFIED);

	return n ? event(IDENTIFIED, n - 1, "identity.version") : "";
}

/* A courier brings the pile's own letter. */
static void say_of_image(uint64_t own, const struct ble_image_said *said)
{
	struct ble_own_letter it = { .box = 5, .number = own, .kind = BLE_LETTER_FIRMWARE_SAID };
	struct ble_courier courier = { .has = BLE_HAS(BLE_COURIER_NUMBER) | BLE_HAS(BLE_COURIER_COVER) |
					      BLE_HAS(BLE_COURIER_BYTES),
				       .number = own };
	uint8_t bytes[64], paper[BLE_LETTER_PAPER_MAX], body[BLE_DOCUMENT_MAX];
	struct peer *p = connect_peer(PHONE);
	int size = ble_image_said_write(said, bytes, sizeof(bytes));

	it.size = (uint32_t)size;
	memcpy(it.pile, pile.id, 16);
	cr_assert_eq(c->sha256(c->user, bytes, (size_t)size, it.hash), 0);
	courier.bytes = (struct ble_bytes){ bytes, (size_t)size };
	courier.cover = (struct ble_bytes){ paper, (size_t)ble_own_letter_write(c, &it, vector_key("pile"), paper,
										sizeof(paper)) };
	say(p, BLE_COURIER, 12, body, ble_courier_write(&courier, body, sizeof(body)));
	cr_assert_eq(heard_result(p), BLE_OK);
	settle();
}

static struct ble_image_said said(enum ble_image_step how, int result, uint32_t boot, uint32_t firmware)
{
	return (struct ble_image_said){ .step = (uint8_t)how,
					.result = (uint8_t)-result,
					.chain = 1,
					.number = 1,
					.boot = boot,
					.firmware = firmware };
}

static void firmware_record(uint32_t boot, uint32_t firmware)
{
	struct ble_record it = { .has = BLE_HAS(BLE_RECORD_VALUE), .type = BLE_RECORD_FIRMWARE, .value = firmware };

	pile.boot = boot;
	cr_assert_str_eq(post(&pile, record(&pile, &it)), "OK");
	settle();
}

Test(updates, an_image_is_a_letter_and_what_the_pile_says_of_it_are_its_steps)
{
	struct ble_image_said it = said(BLE_IMAGE_WAITS, 0, 1, 1);

	lease(HOUR_MS);
	cr_assert(install("u1", "firmware", "2", image));
	must(LETTERS "ListLetters", "{\"device\":\"" P1 "\"}");
	cr_assert_eq(length("toPile"), 1);
	cr_assert_str_eq(text("toPile.0.state"), "open");
	cr_assert(install("u1", "firmware", "2", image), "the same again is the same");
	must(LETTERS "ListLetters", "{\"device\":\"" P1 "\"}");
	cr_assert_eq(length("toPile"), 1);
	say_of_image(1, &it);
	cr_expect_str_eq(step(), "u1 STEP_VERIFIED");
	it.step = BLE_IMAGE_INSTALLING;
	say_of_image(2, &it);
	cr_expect_str_eq(step(), "u1 STEP_INSTALLING");
	it = said(BLE_IMAGE_INSTALLED, 0, 2, 2);
	say_of_image(3, &it);
	cr_expect_str_eq(step(), "u1 STEP_INSTALLED");
	cr_expect_str_eq(version(), "2");
}

Test(updates, a_refusal_is_told_with_its_reason)
{
	struct ble_image_said it = said(BLE_IMAGE_REFUSED, -BLE_BAD_CRC, 1, 1);

	lease(HOUR_MS);
	cr_assert(install("u1", "firmware", "2", image));
	say_of_image(1, &it);
	cr_expect_str_eq(step(), "u1 STEP_VERIFICATION_FAILED");
	cr_expect_str_eq(event(PROGRESSED, events(PROGRESSED) - 1, "progress.detail"),
			 "its bytes are not those that its makers have signed");
	it.result = BLE_BAD_SIG;
	say_of_image(2, &it);
	cr_expect_str_eq(step(), "u1 STEP_INVALID_SIGNATURE");
}

Test(updates, what_no_pile_could_take_is_refused_before_anybody_carries_it)
{
	lease(HOUR_MS);
	cr_expect_not(install("u1", "config", "2", image));
	cr_expect_not(install("u2", "firmware", "2", nonsense));
	cr_expect_not(install("u3", "firmware", "3", image), "another version than its head says");
	must(LETTERS "ListLetters", "{\"device\":\"" P1 "\"}");
	cr_expect_eq(length("toPile"), 0);
}

Test(updates, what_it_runs_is_what_its_newest_boot_said)
{
	struct ble_image_said it = said(BLE_IMAGE_INSTALLED, 0, 7, 2);

	firmware_record(1, 1);
	cr_expect_str_eq(version(), "1");
	say_of_image(1, &it);
	cr_expect_str_eq(version(), "2", "its letter came before its records");
	firmware_record(4, 1);
	cr_expect_str_eq(version(), "2", "what an earlier boot ran is old news");
	firmware_record(8, 3);
	cr_expect_str_eq(version(), "3");
}

Test(updates, one_that_nobody_has_brought_can_be_taken_back)
{
	lease(HOUR_MS);
	cr_assert(install("u1", "firmware", "2", image));
	must(UPDATES "CancelInstall", "{\"device\":\"" P1 "\",\"id\":\"u1\"}");
	cr_expect_str_eq(text("cancelled"), "true");
	must(UPDATES "CancelInstall", "{\"device\":\"" P1 "\",\"id\":\"u1\"}");
	cr_expect_str_eq(text("cancelled"), "false");
	must(LETTERS "ListLetters", "{\"device\":\"" P1 "\",\"state\":\"withdrawn\"}");
	cr_expect_eq(length("toPile"), 1);
}

Test(updates, of_images_only_the_last_that_was_ordered_goes_on_its_way)
{
	lease(HOUR_MS);
	cr_assert(install("u1", "firmware", "2", image));
	cr_assert(install("u2", "firmware", "2", image));
	must(LETTERS "ListLetters", "{\"device\":\"" P1 "\",\"state\":\"open\"}");
	cr_expect_eq(length("toPile"), 1);
}

Test(updates, one_that_no_courier_brings_in_its_time_is_told)
{
	lease(HOUR_MS);
	cr_assert(install("u1", "firmware", "2", image));
	pass(29 * DAY_MS);
	cr_expect_str_eq(step(), "", "days without a word are nothing unusual");
	pass(2 * DAY_MS);
	cr_expect_str_eq(step(), "u1 STEP_DOWNLOAD_FAILED");
}

Test(updates, a_lease_bars_nobody_as_the_pile_decides_by_itself)
{
	lease(HOUR_MS);
	must(UPDATES "Claim", "{\"device\":\"" P1 "\",\"order\":\"O-1\",\"untilMs\":\"%lld\"}",
	     (long long)(host_now_ms(h) + HOUR_MS));
	cr_expect_str_eq(text("claimed"), "true");
	grant("TOKEN-1");
	cr_expect_eq(ask(UPDATES "Lease", "{\"device\":\"ble:NONE\",\"id\":\"u9\",\"untilMs\":\"%lld\"}",
			 (long long)(host_now_ms(h) + HOUR_MS)),
		     GV_OK);
	cr_expect_str_eq(text("hindrance"), "HINDRANCE_UNKNOWN");
}

Test(updates, a_lease_is_renewed_for_as_long_as_it_takes)
{
	lease(HOUR_MS);
	cr_assert(install("u1", "firmware", "2", image));
	for (unsigned i = 0; i < 5; i++) {
		pass(2 * HOUR_MS); /* it has ended meanwhile, as the node was down */
		lease(HOUR_MS);
	}
	must(UPDATES "GetUpdateState", "{\"device\":\"" P1 "\"}");
	cr_expect_str_eq(text("lease.id"), "u1");
	must(LETTERS "ListLetters", "{\"device\":\"" P1 "\",\"state\":\"open\"}");
	cr_expect_eq(length("toPile"), 1);
}

/* ---- with ota -------------------------------------------------------------------------------- */

static const char *assignment(const char *path)
{
	must("galvan.ota.v1.Ota/ListAssignments", "{\"device\":\"" P1 "\",\"anyState\":true}");
	return text(path);
}

Test(updates, a_campaign_waits_for_a_pile_as_long_as_it_was_told_to_and_no_longer)
{
	cr_assert_eq(host_load(h, "ota", PLUGINS "/ota.so", 1, "{\"url\":\"http://127.0.0.1\",\"keys\":\"node\"}"), 0,
		     "%s", host_error(h));
	settle();
	must("galvan.ota.v1.Ota/PutArtifact",
	     "{\"artifact\":{\"id\":\"pile/2/image\",\"product\":\"pile\",\"kind\":\"firmware\",\"version\":\"2\","
	     "\"counter\":\"2\",\"blob\":\"%s\",\"install\":{\"seconds\":80000}}}",
	     image);
	must("galvan.ota.v1.Ota/PutCampaign",
	     "{\"by\":\"ann\",\"campaign\":{\"id\":\"spring\",\"target\":{\"devices\":[\"" P1 "\"]},\"artifacts\":"
	     "[\"pile/2/image\"],\"silentAfterS\":%d}}",
	     20 * 86400);
	must("galvan.ota.v1.Ota/StartCampaign", "{\"id\":\"spring\",\"by\":\"ann\"}");
	pass(19 * DAY_MS);
	cr_expect_str_eq(assignment("assignments.0.state"), "ASSIGNMENT_STATE_UNDER_WAY");
	must(UPDATES "GetUpdateState", "{\"device\":\"" P1 "\"}");
	cr_expect_str_eq(text("lease.id"), "u1", "renewed all the time");
	pass(2 * DAY_MS);
	cr_expect_str_eq(assignment("assignments.0.state"), "ASSIGNMENT_STATE_FAILED");
	cr_expect(strstr(assignment("assignments.0.reason"), "silent"));
}
