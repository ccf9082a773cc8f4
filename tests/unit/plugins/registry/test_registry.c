/* The registry as its callers and subscribers see it, in the test host: the plugin's .so, unchanged, on the kernel's
 * actor. */
#include <cJSON.h>
#include <criterion/criterion.h>
#include <galvan/registry.pb-c.h>
#include <openssl/evp.h>
#include <tests/host/host.h>

#include <stdio.h>
#include <string.h>

#define SERVICE "galvan.registry.v1.Registry/"
#define CHANGED "galvan.registry.v1.DeviceChanged"

static struct host *h;
static cJSON *last; /* reply or event looked at last */

static void setup(void)
{
	h = host_create(1);
	cr_assert_eq(host_load(h, "registry", PLUGINS "/registry.so", 1, NULL), 0, "%s", host_error(h));
}

static void teardown(void)
{
	cJSON_Delete(last);
	host_destroy(h);
}

TestSuite(registry, .init = setup, .fini = teardown, .timeout = 30);

static const cJSON *keep(const char *json)
{
	cJSON_Delete(last);
	last = cJSON_Parse(json);
	cr_assert_not_null(last, "%s", json);
	return last;
}

static const cJSON *ok(const char *method, const char *request)
{
	struct host_answer *a = host_call(h, method, "%s", request);

	cr_assert_eq(a->code, GV_OK, "%s %s: %s", method, request, a->error);
	return keep(a->json);
}

static void refused(const char *method, const char *request, enum gv_code code, const char *word)
{
	struct host_answer *a = host_call(h, method, "%s", request);

	cr_assert_eq(a->code, code, "%s %s: %s %s", method, request, gv_code_name(a->code), a->error);
	cr_expect(strstr(a->error, word), "\"%s\" must name %s", a->error, word);
}

static const cJSON *get(const cJSON *json, const char *name)
{
	return cJSON_GetObjectItemCaseSensitive(json, name);
}

static const char *text(const cJSON *json, const char *name)
{
	const char *s = cJSON_GetStringValue(get(json, name));

	return s ? s : "(none)";
}

static const cJSON *device(const char *id)
{
	char request[200];

	snprintf(request, sizeof(request), "{\"id\":\"%s\"}", id);
	return get(ok(SERVICE "GetDevice", request), "device");
}

static const cJSON *last_change(void)
{
	host_settle(h, 100);
	cr_assert_gt(host_events(h, CHANGED), 0);
	return keep(host_event(h, CHANGED, host_events(h, CHANGED) - 1)->json);
}

static const char *ids(const char *request)
{
	static char list[500];
	const cJSON *item;

	list[0] = '\0';
	cJSON_ArrayForEach(item, get(ok(SERVICE "ListDevices", request), "devices"))
	{
		strncat(list, text(item, "id"), sizeof(list) - strlen(list) - 1);
		strncat(list, " ", sizeof(list) - strlen(list) - 1);
	}
	return list;
}

Test(registry, a_device_is_there_once_it_has_been_put)
{
	const cJSON *d;

	refused(SERVICE "GetDevice", "{\"id\":\"ocpp:CP001\"}", GV_NOT_FOUND, "ocpp:CP001");
	ok(SERVICE "PutDevice",
	   "{\"device\":{\"id\":\"ocpp:CP001\",\"name\":\"Gate\",\"connectors\":[{\"id\":1,\"type\":\"CCS2\"}]}}");
	d = device("ocpp:CP001");
	cr_expect_str_eq(text(d, "name"), "Gate");
	cr_expect_eq(cJSON_GetArraySize(get(d, "connectors")), 1);
	cr_expect_str_neq(text(d, "createdAtMs"), "0");
}

Test(registry, what_is_left_empty_keeps_what_it_was)
{
	const cJSON *d;

	ok(SERVICE "PutDevice", "{\"device\":{\"id\":\"ocpp:A\",\"name\":\"one\",\"tags\":[\"x\",\"y\"],\"attributes\":"
				"{\"a\":\"1\",\"b\":\"2\"}}}");
	ok(SERVICE "PutDevice",
	   "{\"device\":{\"id\":\"ocpp:A\",\"tags\":[\"z\"],\"attributes\":{\"a\":\"\",\"c\":\"3\"}}}");
	d = device("ocpp:A");
	cr_expect_str_eq(text(d, "name"), "one");
	cr_expect_eq(cJSON_GetArraySize(get(d, "tags")), 1, "a list that is given replaces");
	cr_expect_str_eq(cJSON_GetStringValue(get(d, "tags")->child), "z");
	cr_expect_null(get(get(d, "attributes"), "a"), "an empty value removes");
	cr_expect_str_eq(text(get(d, "attributes"), "b"), "2", "attributes merge by name");
	cr_expect_str_eq(text(get(d, "attributes"), "c"), "3");
}

#define WITH(attribute) "{\"device\":{\"id\":\"ocpp:A\",\"attributes\":{" attribute "}}}"

Test(registry, an_attribute_that_is_nearly_one_that_is_read_is_a_slip)
{
	refused(SERVICE "PutDevice", WITH("\"certificateCN\":\"x\""), GV_INVALID_ARGUMENT,
		"did you mean \"certificateCn\"");
	refused(SERVICE "PutDevice", WITH("\"pings\":\"20\""), GV_INVALID_ARGUMENT, "\"pingS\"");
	refused(SERVICE "PutDevice", WITH("\"ocpp.securty_profile\":\"2\""), GV_INVALID_ARGUMENT,
		"device.securityProfile");
	refused(SERVICE "PutDevice", WITH("\"tlsMin\":\"1.1\""), GV_INVALID_ARGUMENT, "1.2|1.3");
	ok(SERVICE "PutDevice", WITH("\"tlsMin\":\"1.3\",\"step\":\"2\",\"entry\":\"left\",\"vendor.colour\":\"red\""));
	ok(SERVICE "PutDevice", WITH("\"pings\":\"\"")); /* what an older store has can be removed */
}

Test(registry, a_current_below_an_ampere_was_meant_in_amperes)
{
	refused(SERVICE "PutDevice", "{\"device\":{\"id\":\"ocpp:A\",\"connectors\":[{\"id\":1,\"maxCurrentMa\":32}]}}",
		GV_INVALID_ARGUMENT, "32 A is 32000");
}

Test(registry, what_clear_names_is_emptied_first)
{
	const cJSON *d;

	ok(SERVICE "PutDevice",
	   "{\"device\":{\"id\":\"ocpp:A\",\"name\":\"one\",\"tags\":[\"x\"],\"attributes\":{\"a\":\"1\"}}}");
	ok(SERVICE "PutDevice",
	   "{\"device\":{\"id\":\"ocpp:A\",\"attributes\":{\"b\":\"2\"}},\"clear\":[\"tags\",\"attributes\"]}");
	d = device("ocpp:A");
	cr_expect_str_eq(text(d, "name"), "one", "what is not named stays");
	cr_expect_eq(cJSON_GetArraySize(get(d, "tags")), 0);
	cr_expect_null(get(get(d, "attributes"), "a"));
	cr_expect_str_eq(text(get(d, "attributes"), "b"), "2", "what is given applies afterwards");
	refused(SERVICE "PutDevice", "{\"device\":{\"id\":\"ocpp:A\"},\"clear\":[\"id\"]}", GV_INVALID_ARGUMENT,
		"clear");
}

Test(registry, refusals_name_the_field)
{
	refused(SERVICE "PutDevice", "{\"device\":{\"id\":\"CP001\"}}", GV_INVALID_ARGUMENT, "device.id");
	refused(SERVICE "PutDevice", "{\"device\":{\"id\":\"ocpp:a/b\"}}", GV_INVALID_ARGUMENT, "device.id");
	refused(SERVICE "PutDevice", "{\"device\":{\"id\":\"ocpp:a\",\"connectors\":[{\"id\":1},{\"id\":1}]}}",
		GV_INVALID_ARGUMENT, "device.connectors[1].id");
	refused(SERVICE "PutDevice", "{\"device\":{\"id\":\"ocpp:a\",\"aliases\":[\"b\"]}}", GV_INVALID_ARGUMENT,
		"device.aliases[0]");
	refused(SERVICE "PutDevice", "{\"device\":{\"id\":\"ocpp:a\",\"site\":\"nowhere\"}}", GV_FAILED_PRECONDITION,
		"nowhere");
	refused(SERVICE "PutSite", "{\"site\":{\"id\":\"s\",\"timeZone\":\"../etc\"}}", GV_INVALID_ARGUMENT,
		"site.timeZone");
	refused(SERVICE "ListDevices", "{\"limit\":10001}", GV_INVALID_ARGUMENT, "limit");
	cr_expect_str_eq(ids("{}"), "", "a refused request leaves nothing behind");
}

Test(registry, a_password_is_kept_as_a_salted_hash_and_never_shown)
{
	const struct host_event *e;
	Registry__DeviceChanged *m;
	unsigned char hash[32];
	const cJSON *d;

	ok(SERVICE "PutDevice", "{\"device\":{\"id\":\"ocpp:A\",\"password\":\"correct horse\"}}");
	d = device("ocpp:A");
	cr_expect_str_eq(text(d, "password"), "");
	cr_expect(cJSON_IsTrue(get(d, "hasPassword")));
	host_settle(h, 100);
	e = host_event(h, CHANGED, 0);
	m = registry__device_changed__unpack(NULL, e->packed_size, e->packed);
	cr_assert_not_null(m->credential);
	cr_expect_str_eq(m->device->password, "");
	cr_expect_eq(m->credential->iterations, 2000);
	cr_expect_geq(m->credential->salt.len, 16);
	PKCS5_PBKDF2_HMAC("correct horse", -1, m->credential->salt.data, (int)m->credential->salt.len,
			  (int)m->credential->iterations, EVP_sha256(), sizeof(hash), hash);
	cr_expect_eq(m->credential->hash.len, sizeof(hash));
	cr_expect_arr_eq(m->credential->hash.data, hash, sizeof(hash));
	registry__device_changed__free_unpacked(m, NULL);
}

Test(registry, a_password_stays_until_it_is_replaced_or_cleared)
{
	ok(SERVICE "PutDevice", "{\"device\":{\"id\":\"ocpp:A\",\"password\":\"secret\"}}");
	ok(SERVICE "PutDevice", "{\"device\":{\"id\":\"ocpp:A\",\"name\":\"n\"}}");
	cr_expect(cJSON_IsTrue(get(device("ocpp:A"), "hasPassword")));
	refused(SERVICE "PutDevice", "{\"device\":{\"id\":\"ocpp:A\",\"password\":\"x\",\"clearPassword\":true}}",
		GV_INVALID_ARGUMENT, "device.clearPassword");
	ok(SERVICE "PutDevice", "{\"device\":{\"id\":\"ocpp:A\",\"clearPassword\":true}}");
	cr_expect(cJSON_IsFalse(get(device("ocpp:A"), "hasPassword")));
	cr_expect(cJSON_IsNull(get(last_change(), "credential")));
}

/* The new one beside the old, until link has seen it used or somebody sets or drops one by hand. */
Test(registry, a_pending_password_is_told_beside_the_other)
{
	ok(SERVICE "PutDevice", "{\"device\":{\"id\":\"ocpp:A\",\"password\":\"secret\"}}");
	ok(SERVICE "PutDevice", "{\"device\":{\"id\":\"ocpp:A\",\"pendingPassword\":\"another\"}}");
	cr_expect(cJSON_IsTrue(get(device("ocpp:A"), "hasPendingPassword")));
	cr_expect_str_eq(text(device("ocpp:A"), "pendingPassword"), "");
	cr_expect_not(cJSON_IsNull(get(last_change(), "credential")));
	cr_expect_not(cJSON_IsNull(get(last_change(), "pending")));
	ok(SERVICE "PutDevice", "{\"device\":{\"id\":\"ocpp:A\",\"clearPendingPassword\":true}}");
	cr_expect(cJSON_IsFalse(get(device("ocpp:A"), "hasPendingPassword")));
	ok(SERVICE "PutDevice", "{\"device\":{\"id\":\"ocpp:A\",\"pendingPassword\":\"another\"}}");
	ok(SERVICE "PutDevice", "{\"device\":{\"id\":\"ocpp:A\",\"password\":\"by hand\"}}");
	cr_expect(cJSON_IsNull(get(last_change(), "pending")));
}

Test(registry, a_security_profile_stays_until_it_is_changed_or_cleared)
{
	refused(SERVICE "PutDevice", "{\"device\":{\"id\":\"ocpp:A\",\"securityProfile\":4}}", GV_INVALID_ARGUMENT,
		"securityProfile");
	ok(SERVICE "PutDevice", "{\"device\":{\"id\":\"ocpp:A\",\"securityProfile\":3}}");
	ok(SERVICE "PutDevice", "{\"device\":{\"id\":\"ocpp:A\",\"name\":\"n\"}}");
	cr_expect_eq(get(device("ocpp:A"), "securityProfile")->valueint, 3);
	ok(SERVICE "PutDevice", "{\"device\":{\"id\":\"ocpp:A\"},\"clear\":[\"security_profile\"]}");
	cr_expect_eq(get(device("ocpp:A"), "securityProfile")->valueint, 0);
}

/* It could not come in at all. */
Test(registry, a_profile_of_passwords_needs_one)
{
	refused(SERVICE "PutDevice", "{\"device\":{\"id\":\"ocpp:A\",\"securityProfile\":2}}", GV_FAILED_PRECONDITION,
		"needs a password");
	ok(SERVICE "PutDevice", "{\"device\":{\"id\":\"ocpp:A\",\"securityProfile\":2,\"password\":\"secret\"}}");
	refused(SERVICE "PutDevice", "{\"device\":{\"id\":\"ocpp:A\",\"clearPassword\":true}}", GV_FAILED_PRECONDITION,
		"needs a password");
}

Test(registry, no_two_ids_differ_in_case_only)
{
	ok(SERVICE "PutDevice", "{\"device\":{\"id\":\"ocpp:CP001\"}}");
	refused(SERVICE "PutDevice", "{\"device\":{\"id\":\"ocpp:cp001\"}}", GV_ALREADY_EXISTS, "ocpp:CP001");
	cr_expect_str_eq(text(device("ocpp:cp001"), "id"), "ocpp:CP001", "it is found in any case");
}

Test(registry, an_alias_leads_to_its_device_and_to_no_other)
{
	ok(SERVICE "PutDevice", "{\"device\":{\"id\":\"ble:AA\",\"aliases\":[\"ocpp:PILE1\"]}}");
	cr_expect_str_eq(text(device("ocpp:PILE1"), "id"), "ble:AA");
	refused(SERVICE "PutDevice", "{\"device\":{\"id\":\"ocpp:pile1\"}}", GV_ALREADY_EXISTS, "ble:AA");
	refused(SERVICE "PutDevice", "{\"device\":{\"id\":\"ocpp:B\",\"aliases\":[\"ocpp:Pile1\"]}}", GV_ALREADY_EXISTS,
		"ble:AA");
	refused(SERVICE "PutDevice", "{\"device\":{\"id\":\"ocpp:B\",\"aliases\":[\"ocpp:b\"]}}", GV_INVALID_ARGUMENT,
		"aliases[0]");
	refused(SERVICE "DeleteDevice", "{\"id\":\"ocpp:PILE1\"}", GV_FAILED_PRECONDITION, "ble:AA");
	ok(SERVICE "PutDevice", "{\"device\":{\"id\":\"ble:AA\",\"aliases\":[\"ocpp:PILE2\"]}}");
	refused(SERVICE "GetDevice", "{\"id\":\"ocpp:PILE1\"}", GV_NOT_FOUND, "ocpp:PILE1");
	ok(SERVICE "PutDevice", "{\"device\":{\"id\":\"ocpp:PILE1\"}}");
}

Test(registry, a_deleted_device_is_gone_with_all_its_names)
{
	ok(SERVICE "PutSite", "{\"site\":{\"id\":\"s\"}}");
	ok(SERVICE "PutDevice",
	   "{\"device\":{\"id\":\"ocpp:A\",\"site\":\"s\",\"tags\":[\"t\"],\"aliases\":[\"ocpp:B\"]}}");
	refused(SERVICE "DeleteSite", "{\"id\":\"s\"}", GV_FAILED_PRECONDITION, "ocpp:A");
	ok(SERVICE "DeleteDevice", "{\"id\":\"ocpp:A\"}");
	cr_expect(cJSON_IsTrue(get(last_change(), "deleted")));
	refused(SERVICE "GetDevice", "{\"id\":\"ocpp:B\"}", GV_NOT_FOUND, "ocpp:B");
	refused(SERVICE "DeleteDevice", "{\"id\":\"ocpp:A\"}", GV_NOT_FOUND, "ocpp:A");
	cr_expect_str_eq(ids("{\"site\":\"s\"}"), "");
	cr_expect_str_eq(ids("{\"tag\":\"t\"}"), "");
	ok(SERVICE "DeleteSite", "{\"id\":\"s\"}");
	refused(SERVICE "GetSite", "{\"id\":\"s\"}", GV_NOT_FOUND, "\"s\"");
}

Test(registry, devices_hear_of_a_new_time_zone_of_their_site)
{
	ok(SERVICE "PutSite", "{\"site\":{\"id\":\"s\",\"timeZone\":\"Europe/Berlin\"}}");
	ok(SERVICE "PutDevice", "{\"device\":{\"id\":\"ocpp:A\",\"site\":\"s\"}}");
	ok(SERVICE "PutDevice", "{\"device\":{\"id\":\"ocpp:B\"}}");
	cr_expect_str_eq(text(last_change(), "timeZone"), "");
	ok(SERVICE "PutSite", "{\"site\":{\"id\":\"s\",\"name\":\"Yard\"}}");
	host_settle(h, 100);
	cr_expect_eq(host_events(h, CHANGED), 2, "a new name of the site changes nothing for its devices");
	ok(SERVICE "PutSite", "{\"site\":{\"id\":\"s\",\"timeZone\":\"Asia/Shanghai\"}}");
	cr_expect_str_eq(text(last_change(), "timeZone"), "Asia/Shanghai");
	cr_expect_str_eq(text(last, "id"), "ocpp:A");
	cr_expect_eq(host_events(h, CHANGED), 3);
}

Test(registry, lists_are_sorted_filtered_and_paged)
{
	ok(SERVICE "PutSite", "{\"site\":{\"id\":\"s\"}}");
	ok(SERVICE "PutDevice", "{\"device\":{\"id\":\"powerbank:1\",\"site\":\"s\",\"tags\":[\"t\"]}}");
	ok(SERVICE "PutDevice", "{\"device\":{\"id\":\"ocpp:B\",\"site\":\"s\"}}");
	ok(SERVICE "PutDevice", "{\"device\":{\"id\":\"ocpp:A\",\"tags\":[\"t\"]}}");
	ok(SERVICE "PutDevice", "{\"device\":{\"id\":\"ocpp:C\",\"site\":\"s\",\"tags\":[\"t\"]}}");
	ok(SERVICE "PutDevice", "{\"device\":{\"id\":\"ocpp2:X\"}}");
	cr_expect_str_eq(ids("{}"), "ocpp2:X ocpp:A ocpp:B ocpp:C powerbank:1 ");
	cr_expect_str_eq(ids("{\"limit\":2}"), "ocpp2:X ocpp:A ");
	cr_expect_str_eq(ids("{\"limit\":2,\"after\":\"ocpp:A\"}"), "ocpp:B ocpp:C ");
	cr_expect_str_eq(ids("{\"plugin\":\"ocpp\"}"), "ocpp:A ocpp:B ocpp:C ");
	cr_expect_str_eq(ids("{\"plugin\":\"ocpp\",\"after\":\"ocpp:B\"}"), "ocpp:C ");
	cr_expect_str_eq(ids("{\"site\":\"s\"}"), "ocpp:B ocpp:C powerbank:1 ");
	cr_expect_str_eq(ids("{\"site\":\"s\",\"after\":\"ocpp:B\",\"limit\":1}"), "ocpp:C ");
	cr_expect_str_eq(ids("{\"tag\":\"t\"}"), "ocpp:A ocpp:C powerbank:1 ");
	cr_expect_str_eq(ids("{\"tag\":\"t\",\"site\":\"s\"}"), "ocpp:C powerbank:1 ");
	cr_expect_str_eq(ids("{\"tag\":\"t\",\"site\":\"s\",\"plugin\":\"ocpp\"}"), "ocpp:C ");
	cr_expect_str_eq(ids("{\"plugin\":\"oc\"}"), "");
}

Test(registry, everything_outlives_a_crash)
{
	ok(SERVICE "PutDevice", "{\"device\":{\"id\":\"ocpp:A\",\"aliases\":[\"ocpp:B\"]}}");
	host_crash(h, "registry.0");
	host_settle(h, 1000);
	cr_expect_str_eq(text(device("ocpp:B"), "id"), "ocpp:A");
}

Test(registry, the_config_makes_what_is_missing_and_leaves_alone_what_is_there)
{
	static const char config[] =
		"{\"sites\":[{\"id\":\"s\",\"timeZone\":\"Europe/Berlin\"}],\"devices\":[{\"id\":\"ocpp:A\","
		"\"site\":\"s\",\"name\":\"from the config\"}]}";

	host_destroy(h);
	h = host_create(3);
	cr_assert_eq(host_load(h, "registry", PLUGINS "/registry.so", 1, config), 0, "%s", host_error(h));
	cr_expect_str_eq(text(device("ocpp:A"), "name"), "from the config");
	cr_expect_str_eq(text(last_change(), "timeZone"), "Europe/Berlin");
	ok(SERVICE "PutDevice", "{\"device\":{\"id\":\"ocpp:A\",\"name\":\"changed\"}}");
	host_crash(h, "registry.0");
	host_settle(h, 1000);
	cr_expect_str_eq(text(device("ocpp:A"), "name"), "changed");
}

Test(registry, runs_as_one_instance_since_ids_are_unique)
{
	struct host *other = host_create(2);

	cr_expect_lt(host_load(other, "registry", PLUGINS "/registry.so", 2, NULL), 0);
	cr_expect(strstr(host_error(other), "one instance"), "%s", host_error(other));
	host_destroy(other);
}

/* Puts and deletes at random while instances die at commits and sends; then the table and what a subscriber heard last
 * must both be what was answered last. */
static uint64_t storm(uint64_t seed)
{
	uint64_t crashes;
	int name[8] = { 0 }; /* the last that was answered; 0: not there */

	h = host_create(seed);
	cr_assert_eq(host_load(h, "registry", PLUGINS "/registry.so", 1, NULL), 0, "%s", host_error(h));
	host_set(h, HOST_CRASH, 40);
	host_set(h, HOST_DELAY, 50);
	host_set(h, HOST_LATE, 100);
	for (int i = 1; i <= 40; i++) {
		uint32_t n = host_below(h, 8);
		struct host_answer *a;

		if (host_below(h, 4) == 0) {
			a = host_call(h, SERVICE "DeleteDevice", "{\"id\":\"ocpp:%u\"}", n);
			cr_assert_eq(a->code, name[n] ? GV_OK : GV_NOT_FOUND, "seed %lu: %s", (unsigned long)seed,
				     a->error);
			name[n] = 0;
		} else {
			a = host_call(h, SERVICE "PutDevice", "{\"device\":{\"id\":\"ocpp:%u\",\"name\":\"n%d\"}}", n,
				      i);
			cr_assert_eq(a->code, GV_OK, "seed %lu: %s", (unsigned long)seed, a->error);
			name[n] = i;
		}
	}
	host_set(h, HOST_CRASH, 0);
	host_settle(h, 1000);
	for (unsigned n = 0; n < 8; n++) {
		struct host_answer *a = host_call(h, SERVICE "GetDevice", "{\"id\":\"ocpp:%u\"}", n);
		char key[20], want[30], heard[30] = "";

		snprintf(key, sizeof(key), "ocpp:%u", n);
		snprintf(want, sizeof(want), "\"name\":\"n%d\"", name[n]);
		for (size_t i = 0; i < host_events(h, CHANGED); i++) {
			const struct host_event *e = host_event(h, CHANGED, i);

			if (strcmp(e->key, key) == 0)
				snprintf(heard, sizeof(heard), "%s",
					 strstr(e->json, "\"deleted\":true") ? "deleted"
					 : strstr(e->json, want)             ? want
									     : "other");
		}
		if (name[n])
			cr_assert(a->code == GV_OK && strstr(a->json, want), "seed %lu: %s", (unsigned long)seed,
				  a->json);
		else
			cr_assert_eq(a->code, GV_NOT_FOUND, "seed %lu", (unsigned long)seed);
		cr_assert(strcmp(heard, name[n] ? want : "deleted") == 0 || (!name[n] && !*heard),
			  "seed %lu: %s heard %s", (unsigned long)seed, key, heard);
	}
	crashes = host_crashes(h);
	host_destroy(h);
	return crashes;
}

Test(registry_storm, what_was_answered_is_there_and_was_heard_whatever_crashes, .timeout = 60)
{
	uint64_t crashes = 0;

	for (uint64_t seed = 1; seed <= 60; seed++)
		crashes += storm(seed);
	cr_expect_gt(crashes, 60, "only %lu crashes: it tests nothing", (unsigned long)crashes);
}
