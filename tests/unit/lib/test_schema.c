/* lib/schema.h: types at run time say what the .proto says, comments and rules included. */
#include "sample.h"

#include <errno.h>

TestSuite(schema, .init = sample_setup, .fini = sample_teardown);

Test(schema, knows_types_by_full_name)
{
	cr_assert_str_eq(gv_schema_type(schema, "sample.v1.Place")->name, "sample.v1.Place");
	cr_assert_null(gv_schema_type(schema, "sample.v1.Nothing"));
	cr_assert_null(gv_schema_type(schema, ".sample.v1.Place"));
	cr_assert_null(gv_schema_type(schema, "Place"));
}

Test(schema, keeps_comments_before_and_behind)
{
	cr_assert_str_eq(type("Place")->comment, "Where it stands.\nIn two lines.");
	cr_assert_str_eq(gv_type_field(type("Place"), "name")->comment, "short");
	cr_assert_str_eq(gv_type_field(type("Place"), "floor")->comment, "");
	cr_assert_str_eq(gv_type_field(type("All"), "a_color")->enum_type->values[0].comment, "none");
}

Test(schema, has_fields_in_the_order_of_the_proto_by_either_name)
{
	const struct gv_type *t = type("All");
	cr_assert_eq(t->n_fields, 31);
	for (size_t i = 0; i < t->n_fields; i++) {
		cr_assert_eq(t->fields[i].number, i + 1);
		cr_assert_eq(gv_type_field_numbered(t, (uint32_t)i + 1), &t->fields[i]);
	}
	cr_assert_eq(gv_type_field(t, "placesByNumber"), gv_type_field(t, "places_by_number"));
	cr_assert_null(gv_type_field(t, "PlacesByNumber"));
}

Test(schema, tells_lists_maps_oneofs_enums_and_messages_apart)
{
	const struct gv_field *f = gv_type_field(type("All"), "places_by_number");
	cr_assert(f->repeated && f->map && f->type->map_entry);
	cr_assert_eq(gv_type_field_numbered(f->type, 1)->kind, GV_KIND_INT64);
	cr_assert_eq(gv_type_field_numbered(f->type, 2)->type, type("Place"));
	f = gv_type_field(type("All"), "numbers");
	cr_assert(f->repeated && !f->map && !f->oneof);
	cr_assert_str_eq(gv_type_field(type("All"), "by_place")->oneof, "choice");
	cr_assert_str_eq(gv_type_field(type("All"), "a_color")->enum_type->values[3].name, "BELOW");
	cr_assert_eq(gv_type_field(type("All"), "a_color")->enum_type->values[3].number, -1);
}

Test(schema, has_the_rules_of_fields_and_methods)
{
	const struct gv_field *f = gv_type_field(type("Ruled"), "period_s");
	cr_assert_str_eq(f->unit, "s");
	cr_assert_str_eq(f->min, "10");
	cr_assert_str_eq(f->max, "3600");
	cr_assert_str_eq(f->default_value, "300");
	cr_assert_str_eq(f->one_of, "");
	cr_assert(gv_type_field(type("Ruled"), "device")->key && gv_type_field(type("Ruled"), "device")->required);
	cr_assert(gv_type_field(type("Ruled"), "password")->secret);
	cr_assert_str_eq(gv_schema_method(schema, "sample.v1.Sampler/Take")->role, "viewer");
	cr_assert_str_eq(gv_schema_method(schema, "sample.v1.Sampler/Put")->role, "operator",
			 "operator is meant where nothing is said");
}

Test(schema, knows_services_and_methods)
{
	const struct gv_rpc *m = gv_schema_method(schema, "sample.v1.Sampler/Take");
	cr_assert(m->input == type("Place") && m->output == type("All"));
	cr_assert_str_eq(m->comment, "Takes one.");
	cr_assert_eq(gv_schema_service(schema, "sample.v1.Sampler")->n_methods, 2);
	cr_assert_null(gv_schema_method(schema, "sample.v1.Sampler/Nothing"));
	cr_assert_null(gv_schema_method(schema, "sample.v1.Sampler"));
	cr_assert_null(gv_schema_method(schema, "/Take"));
}

Test(schema, a_set_added_again_changes_nothing)
{
	size_t types = 0, services = 0;
	const struct gv_type *before = type("Place");
	while (gv_schema_type_at(schema, types))
		types++;
	while (gv_schema_service_at(schema, services))
		services++;
	cr_assert_eq(gv_schema_add(schema, sample_schema, sizeof sample_schema), 0);
	cr_assert_eq(type("Place"), before);
	cr_assert_null(gv_schema_type_at(schema, types));
	cr_assert_null(gv_schema_service_at(schema, services));
}

Test(schema, refuses_broken_sets_and_stays_as_it_was)
{
	struct gv_schema *s;
	cr_assert_eq(gv_schema_create(&s), 0);
	cr_assert_eq(gv_schema_add(s, (const uint8_t *)"\xff\xff", 2), -EBADMSG);
	cr_assert_eq(gv_schema_add(s, sample_schema, sizeof sample_schema / 2), -EBADMSG);
	/* one file with one message with one field of a type that is nowhere */
	static const char lost[] = "\x0a\x18\x0a\x01x\x22\x13\x0a\x01M\x12\x0e\x0a\x01"
				   "f\x18\x01 \x01(\x0b\x32\x03.No";
	cr_assert_eq(gv_schema_add(s, (const uint8_t *)lost, sizeof lost - 1), -EBADMSG);
	cr_assert_null(gv_schema_type_at(s, 0));
	cr_assert_eq(gv_schema_add(s, sample_schema, sizeof sample_schema), 0, "a good set is taken after bad ones");
	gv_schema_destroy(s);
	gv_schema_destroy(NULL);
}

static const char *key_of(const char *json)
{
	static char key[16];
	cr_assert_eq(read_json("Ruled", 0, json), 0);
	cr_assert_eq(gv_type_key(type("Ruled"), packed.data, packed.size, key, sizeof key), 0);
	return key;
}

Test(schema, the_key_is_the_first_key_field_that_is_not_empty)
{
	cr_assert_str_eq(key_of("{\"device\":\"ocpp:A\",\"session\":\"ocpp:A/1\"}"), "ocpp:A");
	cr_assert_str_eq(key_of("{\"session\":\"ocpp:A/1\"}"), "ocpp:A/1");
	cr_assert_str_eq(key_of("{\"mode\":\"fast\"}"), "");
}

Test(schema, a_key_that_does_not_fit_or_has_a_zero_byte_is_an_error)
{
	char key[4] = "abc";
	cr_assert_eq(read_json("Ruled", 0, "{\"device\":\"four\"}"), 0);
	cr_assert_eq(gv_type_key(type("Ruled"), packed.data, packed.size, key, sizeof key), -ENOSPC);
	cr_assert_eq(gv_type_key(type("Ruled"), (const uint8_t *)"\x0a\x02\x61\x00", 4, key, sizeof key), -EBADMSG);
	cr_assert_eq(gv_type_key(type("Ruled"), (const uint8_t *)"\x0a\x02\x61", 3, key, sizeof key), -EBADMSG);
	cr_assert_str_eq(key, "abc");
}
