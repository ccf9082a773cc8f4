/* The catalogue of a node and the document that is made of it. */
#include "billing.schema.h"
#include "charging.schema.h"
#include "kernel.schema.h"
#include "registry.schema.h"

#include <cJSON.h>
#include <criterion/criterion.h>
#include <plugins/api/openapi.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct api_catalog *catalog;
static char left_out[100];

/* A node with the registry, a charger plugin, and one whose types are garbage. */
static void setup(void)
{
	Kernel__DescribeReply reply = KERNEL__DESCRIBE_REPLY__INIT;
	Kernel__Record registry = KERNEL__RECORD__INIT, ocpp = KERNEL__RECORD__INIT, broken = KERNEL__RECORD__INIT;
	Kernel__Record billing = KERNEL__RECORD__INIT, *records[] = { &registry, &broken, &ocpp, &billing };
	char *billing_serves[] = { (char *)"galvan.billing.v1.Driver" };
	char *registry_serves[] = { (char *)"galvan.registry.v1.Registry" },
	     *registry_emits[] = { (char *)"galvan.registry.v1.DeviceChanged" };
	char *ocpp_serves[] = { (char *)"galvan.charging.v1.Charging" };
	char *ocpp_emits[] = { (char *)"galvan.charging.v1.SessionStarted", (char *)"galvan.charging.v1.SessionEnded" };
	uint8_t *packed;
	size_t size;

	registry.name = (char *)"registry";
	registry.serves = registry_serves;
	registry.emits = registry_emits;
	registry.n_serves = registry.n_emits = 1;
	registry.file_descriptor_set = (ProtobufCBinaryData){ sizeof(registry_schema), (uint8_t *)registry_schema };
	ocpp.name = (char *)"ocpp";
	ocpp.serves = ocpp_serves;
	ocpp.n_serves = 1;
	ocpp.emits = ocpp_emits;
	ocpp.n_emits = 2;
	ocpp.file_descriptor_set = (ProtobufCBinaryData){ sizeof(charging_schema), (uint8_t *)charging_schema };
	broken.name = (char *)"broken";
	broken.file_descriptor_set = (ProtobufCBinaryData){ 3, (uint8_t *)"\xff\xff\xff" };
	billing.name = (char *)"billing";
	billing.serves = billing_serves;
	billing.n_serves = 1;
	billing.file_descriptor_set = (ProtobufCBinaryData){ sizeof(billing_schema), (uint8_t *)billing_schema };
	reply.plugins = records;
	reply.n_plugins = 4;
	size = kernel__describe_reply__get_packed_size(&reply);
	packed = malloc(size);
	kernel__describe_reply__pack(&reply, packed);
	cr_assert_eq(api_catalog_create(packed, size, &catalog, left_out, sizeof(left_out)), 0);
	free(packed);
}

static void teardown(void)
{
	api_catalog_destroy(catalog);
}

TestSuite(catalog, .init = setup, .fini = teardown);
TestSuite(openapi, .init = setup, .fini = teardown);

Test(catalog, names_the_plugin_whose_types_cannot_be_read_and_goes_on)
{
	cr_expect_str_eq(left_out, "broken");
}

Test(catalog, knows_what_is_served_and_the_kernels_own)
{
	const struct gv_rpc *put = api_catalog_method(catalog, "galvan.registry.v1.Registry/PutDevice");

	cr_assert_not_null(put);
	cr_expect_str_eq(put->input->name, "galvan.registry.v1.PutDeviceRequest");
	cr_expect_not_null(api_catalog_method(catalog, "galvan.kernel.v1.Kernel/Status"));
	cr_expect_not_null(api_catalog_method(catalog, "galvan.kernel.v1.Plugin/ListParked"));
	cr_expect_null(api_catalog_method(catalog, "galvan.registry.v1.Registry/Nope"));
	cr_expect_null(api_catalog_method(catalog, "galvan.registry.v1.Regis/PutDevice"));
	cr_expect_null(api_catalog_method(catalog, "galvan.registry.v1.Registry"));
	cr_expect_null(api_catalog_method(catalog, ""));
}

Test(catalog, finds_events_by_full_and_by_short_name)
{
	const struct gv_type *ended = api_catalog_event(catalog, "galvan.charging.v1.SessionEnded");

	cr_assert_not_null(ended);
	cr_expect_eq(api_catalog_event(catalog, "SessionEnded"), ended);
	cr_expect_null(api_catalog_event(catalog, "SessionMetered"), "nobody emits it here");
	cr_expect_null(api_catalog_event(catalog, "v1.SessionEnded"));
	cr_expect_null(api_catalog_event(catalog, ""));
}

Test(catalog, refuses_what_is_no_reply_and_leaves_the_output_alone)
{
	struct api_catalog *other = catalog;
	char none[8];

	cr_expect_eq(api_catalog_create((const uint8_t *)"\xff\xff", 2, &other, none, sizeof(none)), -EBADMSG);
	cr_expect_eq(other, catalog);
}

static cJSON *document(void)
{
	struct gv_buf out = { 0 };
	cJSON *json;

	cr_assert_eq(api_openapi_write(catalog, "1.2.3", &out), 0);
	json = cJSON_Parse(gv_buf_str(&out));
	cr_assert_not_null(json, "the document must be JSON");
	gv_buf_fini(&out);
	return json;
}

static const cJSON *at(const cJSON *json, const char *a, const char *b, const char *c)
{
	json = cJSON_GetObjectItemCaseSensitive(json, a);
	if (b)
		json = cJSON_GetObjectItemCaseSensitive(json, b);
	return c ? cJSON_GetObjectItemCaseSensitive(json, c) : json;
}

static const cJSON *member(const cJSON *json, const char *type, const char *name)
{
	return at(at(json, "components", "schemas", type), "properties", name, NULL);
}

Test(openapi, has_a_path_for_each_method_and_the_role_it_needs)
{
	cJSON *json = document();
	const cJSON *post = at(json, "paths", "/api/galvan.registry.v1.Registry/GetDevice", "post");

	cr_expect_str_eq(cJSON_GetStringValue(at(json, "openapi", NULL, NULL)), "3.1.0");
	cr_expect_str_eq(cJSON_GetStringValue(at(json, "info", "version", NULL)), "1.2.3");
	cr_assert_not_null(post);
	cr_expect_str_eq(cJSON_GetStringValue(at(post, "x-role", NULL, NULL)), "viewer");
	cr_expect_null(at(post, "security", NULL, NULL), "a token, as everywhere");
	cr_expect_not_null(at(json, "paths", "/api/events", "get"));
	post = at(json, "paths", "/api/galvan.billing.v1.Driver/SignIn", "post");
	cr_expect_str_eq(cJSON_GetStringValue(at(post, "x-role", NULL, NULL)), "public");
	cr_expect(cJSON_IsArray(at(post, "security", NULL, NULL)) && !at(post, "security", NULL, NULL)->child,
		  "none is needed");
	cJSON_Delete(json);
}

Test(openapi, secrets_are_write_only_and_bounds_and_units_are_told)
{
	cJSON *json = document();
	const cJSON *password = member(json, "galvan.registry.v1.Device", "password");
	const cJSON *power = member(json, "galvan.registry.v1.Connector", "maxPowerW");

	cr_expect(cJSON_IsTrue(at(password, "writeOnly", NULL, NULL)));
	cr_expect_eq(at(password, "maxLength", NULL, NULL)->valueint, 128);
	cr_expect_str_eq(cJSON_GetStringValue(at(power, "x-unit", NULL, NULL)), "W");
	cr_expect_str_eq(cJSON_GetStringValue(at(power, "type", NULL, NULL)), "string",
			 "64-bit integers are strings in JSON");
	cr_expect_eq(at(member(json, "galvan.registry.v1.Connector", "phases"), "maximum", NULL, NULL)->valueint, 3);
	cr_expect_str_eq(cJSON_GetStringValue(at(at(json, "components", "schemas", "galvan.registry.v1.Device"),
						 "required", NULL, NULL)
						      ->child),
			 "id");
	cJSON_Delete(json);
}

/* Walks all of it: each reference must lead to a component that is there. */
static void check_references(const cJSON *root, const cJSON *json)
{
	static const char schemas[] = "#/components/schemas/", responses[] = "#/components/responses/";

	for (const cJSON *item = json->child; item; item = item->next) {
		if (item->string && strcmp(item->string, "$ref") == 0) {
			const char *to = cJSON_GetStringValue(item);

			if (strncmp(to, schemas, strlen(schemas)) == 0)
				cr_expect_not_null(at(root, "components", "schemas", to + strlen(schemas)),
						   "%s leads nowhere", to);
			else
				cr_expect_not_null(at(root, "components", "responses", to + strlen(responses)),
						   "%s leads nowhere", to);
		}
		check_references(root, item);
	}
}

Test(openapi, every_reference_leads_to_a_component)
{
	cJSON *json = document();

	check_references(json, json);
	cr_expect_not_null(at(json, "components", "schemas", "galvan.charging.v1.SessionEnded"),
			   "events are described too");
	cJSON_Delete(json);
}
