/* The repository in a node under a virtual clock: files that nothing names, documents that expire, counters. */
#include <criterion/criterion.h>
#include <galvan/link.pb-c.h>
#include <tests/host/private.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOUR_MS (60 * 60 * 1000LL)
#define OTA "galvan.ota.v1.Ota/"

/* A client of the node's port: what it was answered last. */
struct client {
	struct host_station *station;
	unsigned status;
	char body[300];
};

static void on_frame(struct host_station *s, void *arg, enum gv_frame_kind kind, const char *data, size_t size)
{
	struct client *c = arg;
	Link__HttpResponse *r = link__http_response__unpack(NULL, size, (const uint8_t *)data);

	cr_assert_not_null(r);
	c->status = r->status;
	snprintf(c->body, sizeof c->body, "%.*s", (int)r->body.len, (const char *)r->body.data);
	link__http_response__free_unpacked(r, NULL);
}

static void on_open(struct host_station *s, void *arg)
{
}

static void on_close(struct host_station *s, void *arg, unsigned code)
{
}

static const struct host_station_model model = { on_open, on_frame, on_close };

static struct host *node(const char *config)
{
	struct host *h = host_create(7);

	cr_assert_eq(host_load(h, "ota", PLUGINS "/ota.so", 1, config), 0, "%s", host_error(h));
	host_settle(h, 5);
	return h;
}

static void request(struct host *h, struct client *c, const char *method, const char *path, const char *body)
{
	Link__HttpRequest r = LINK__HTTP_REQUEST__INIT;
	uint8_t packed[2000];

	r.method = (char *)method;
	r.path = (char *)path;
	r.body.data = (uint8_t *)body;
	r.body.len = strlen(body);
	if (!c->station)
		c->station = host_http(h, "ota", "ota", "client", &model, c);
	if (!host_station_connected(c->station))
		host_station_connect(c->station);
	host_run_ms(h, 1000);
	host_station_send(c->station, GV_REQUEST, packed, link__http_request__pack(&r, packed));
	host_run_ms(h, 1000);
}

/* The path of an address to which a file can be put. */
static void upload_path(struct host *h, char ret[300])
{
	struct host_answer *a = host_call(h, OTA "OpenUpload", "{\"name\":\"a file.bin\"}");
	const char *path = strstr(a->json, "/ota/upload/");

	cr_assert_not_null(path, "%s %s", a->json, a->error);
	snprintf(ret, 300, "%.*s", (int)strcspn(path, "\""), path);
}

static void upload(struct host *h, struct client *c, const char *body, char ret_blob[65])
{
	char path[300];

	upload_path(h, path);
	request(h, c, "PUT", path, body);
	cr_assert_eq(c->status, 201, "%u %s", c->status, c->body);
	snprintf(ret_blob, 65, "%s", strstr(c->body, "\"blob\":\"") + strlen("\"blob\":\""));
}

static struct host_answer *put(struct host *h, const char *blob, const char *version, unsigned counter)
{
	return host_call(
		h, OTA "PutArtifact",
		"{\"artifact\":{\"id\":\"m/%s/fw.bin\",\"product\":\"m\",\"kind\":\"firmware\",\"version\":\"%s\","
		"\"counter\":\"%u\",\"blob\":\"%s\"}}",
		version, version, counter, blob);
}

Test(repository, a_file_that_no_artifact_names_is_gone_after_a_day)
{
	struct host *h = node("{\"keys\":\"node\",\"url\":\"http://node.example\"}");
	struct client c = { 0 };
	char named[65], forgotten[65];

	upload(h, &c, "named", named);
	upload(h, &c, "forgotten", forgotten);
	cr_expect_eq(put(h, named, "1.0", 1)->code, GV_OK);
	host_run_ms(h, 26 * HOUR_MS);
	cr_expect_not_null(strstr(put(h, forgotten, "1.1", 2)->error, "there is no file"));
	cr_expect_eq(put(h, named, "1.1", 2)->code, GV_OK, "it is still there");
	host_destroy(h);
}

Test(repository, an_address_that_was_never_given_takes_nothing)
{
	struct host *h = node("{\"keys\":\"node\",\"url\":\"http://node.example\"}");
	struct client c = { 0 };
	char path[300];

	upload_path(h, path);
	path[strlen("/ota/upload/") + 10] ^= 1;
	request(h, &c, "PUT", path, "anything");
	cr_expect_eq(c.status, 403);
	host_destroy(h);
}

Test(repository, what_expires_is_signed_anew_in_time)
{
	struct host *h = node(
		"{\"keys\":\"node\",\"url\":\"http://node.example\",\"timestampS\":3600,\"snapshotS\":7200}");

	for (int hours = 0; hours < 30; hours++) {
		struct host_answer *a = host_call(h, OTA "GetRepository", "{}");
		const char *at = a->json;

		while ((at = strstr(at, "\"expiresAtMs\":\""))) {
			at += strlen("\"expiresAtMs\":\"");
			cr_assert_gt(strtoll(at, NULL, 10), host_now_ms(h), "after %d hours: %s", hours, a->json);
		}
		host_run_ms(h, HOUR_MS);
	}
	host_destroy(h);
}

Test(repository, the_same_artifact_again_is_no_other_and_another_is_refused)
{
	struct host *h = node("{\"keys\":\"node\",\"url\":\"http://node.example\"}");
	struct client c = { 0 };
	char blob[65], other[65];

	upload(h, &c, "one", blob);
	upload(h, &c, "two", other);
	cr_expect_eq(put(h, blob, "1.0", 1)->code, GV_OK);
	cr_expect_eq(put(h, blob, "1.0", 1)->code, GV_OK);
	cr_expect_eq(put(h, other, "1.0", 1)->code, GV_ALREADY_EXISTS);
	host_destroy(h);
}

Test(repository, nothing_is_in_force_before_people_have_signed)
{
	struct host *h = node("{\"url\":\"http://node.example\"}");
	struct client c = { 0 };
	char blob[65];
	struct host_answer *a;

	upload(h, &c, "one", blob);
	a = put(h, blob, "1.0", 1);
	cr_expect_eq(a->code, GV_OK);
	cr_expect_not_null(strstr(a->json, "\"state\":\"unsigned\""));
	a = host_call(h, OTA "PutCampaign",
		      "{\"campaign\":{\"id\":\"c\",\"target\":{\"tags\":[\"x\"]},\"artifacts\":[\"m/1.0/fw.bin\"]}}");
	cr_expect_eq(a->code, GV_INVALID_ARGUMENT, "%s", a->json);
	host_destroy(h);
}

/* What lies where a blob lies, as a disk that goes bad would leave it. */
static void damage(struct host *h, const char *blob)
{
	char command[400];

	snprintf(command, sizeof command, "f=$(find '%s/blobs' -name '*%s*' -type f) && chmod u+w $f && printf x > $f",
		 h->folder, blob + 2);
	cr_assert_eq(system(command), 0, "%s", command);
}

Test(repository, a_file_that_is_damaged_is_found_after_a_start_and_said)
{
	struct host *h = node("{\"keys\":\"node\",\"url\":\"http://node.example\"}");
	struct client c = { 0 };
	char blob[65];

	upload(h, &c, "one", blob);
	cr_expect_eq(put(h, blob, "1.0", 1)->code, GV_OK);
	cr_expect_null(strstr(host_call(h, OTA "GetRepository", "{}")->json, "is damaged"));
	damage(h, blob);
	host_stop(h, "ota.0");
	cr_assert_eq(host_start(h, "ota.0"), 0);
	host_settle(h, 5);
	cr_expect_not_null(strstr(host_call(h, OTA "GetRepository", "{}")->json, blob));
	upload(h, &c, "one", blob);
	cr_expect_null(strstr(host_call(h, OTA "GetRepository", "{}")->json, "is damaged"), "the same again heals it");
	host_destroy(h);
}
