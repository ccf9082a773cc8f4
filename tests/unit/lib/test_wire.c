/* lib/wire.h: every malformed message is an error, never a read beyond its end. */
#include <lib/wire.h>

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#define READER(text)                                                                                                   \
	{                                                                                                              \
		(const uint8_t *)(text), (const uint8_t *)(text) + sizeof(text) - 1                                    \
	}

Test(wire, reads_what_it_wrote)
{
	struct gv_buf b = { 0 };
	struct gv_wire_value v;
	gv_wire_put_tag(&b, 1, GV_WIRE_VARINT);
	gv_wire_put_varint(&b, UINT64_MAX);
	gv_wire_put_tag(&b, GV_WIRE_NUMBER_MAX, GV_WIRE_64);
	gv_wire_put_fixed(&b, 8, 0x0102030405060708);
	gv_wire_put_tag(&b, 3, GV_WIRE_32);
	gv_wire_put_fixed(&b, 4, 0xfffffffe);
	gv_wire_put_bytes(&b, 4, "abc", 3);
	struct gv_wire w = { b.data, b.data + b.size };
	cr_assert(gv_wire_next(&w, &v) == 1 && v.number == 1 && v.u == UINT64_MAX);
	cr_assert(gv_wire_next(&w, &v) == 1 && v.number == GV_WIRE_NUMBER_MAX && v.u == 0x0102030405060708);
	cr_assert(gv_wire_next(&w, &v) == 1 && v.wire == GV_WIRE_32 && v.u == 0xfffffffe);
	cr_assert(gv_wire_next(&w, &v) == 1 && v.size == 3 && !memcmp(v.data, "abc", 3));
	cr_assert_eq(gv_wire_next(&w, &v), 0);
	gv_buf_fini(&b);
}

Test(wire, refuses_malformed_messages)
{
	static const struct {
		const char *why, *bytes;
		size_t size;
	} bad[] = {
		{ "a tag without its value", "\x08", 1 },
		{ "a number cut off", "\x08\x80", 2 },
		{ "a varint of eleven bytes", "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 12 },
		{ "a varint beyond 64 bits", "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 11 },
		{ "field 0", "\x00\x01", 2 },
		{ "a field number beyond the greatest", "\x80\x80\x80\x80\x10\x01", 6 },
		{ "4 bytes cut off", "\x0d\x01\x02\x03", 4 },
		{ "8 bytes cut off", "\x09\x01\x02\x03\x04\x05\x06\x07", 8 },
		{ "a length beyond the end", "\x0a\x02\x61", 3 },
		{ "a length near 2^64", "\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x61", 12 },
		{ "wire type 6", "\x0e\x01", 2 },
		{ "wire type 7", "\x0f\x01", 2 },
		{ "a group's end alone", "\x0c", 1 },
		{ "a group without an end", "\x0b\x08\x01", 3 },
		{ "a group that another number ends", "\x0b\x14", 2 },
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct gv_wire w = { (const uint8_t *)bad[i].bytes, (const uint8_t *)bad[i].bytes + bad[i].size };
		struct gv_wire_value v;
		cr_assert_eq(gv_wire_next(&w, &v), -EBADMSG, "%s was taken", bad[i].why);
	}
}

Test(wire, skips_groups_and_bounds_their_depth)
{
	struct gv_wire w = READER("\x0b\x13\x08\x01\x14\x0c\x10\x07");
	struct gv_wire_value v;
	cr_assert(gv_wire_next(&w, &v) == 1 && v.wire == GV_WIRE_GROUP && v.number == 1);
	cr_assert(gv_wire_next(&w, &v) == 1 && v.number == 2 && v.u == 7);
	uint8_t deep[1000];
	memset(deep, 0x0b, sizeof deep);
	w = (struct gv_wire){ deep, deep + sizeof deep };
	cr_assert_eq(gv_wire_next(&w, &v), -EBADMSG);
}

Test(wire, zigzag_is_its_own_inverse)
{
	static const int64_t values[] = { 0, -1, 1, INT64_MIN, INT64_MAX, -123456789 };
	for (size_t i = 0; i < sizeof values / sizeof *values; i++)
		cr_assert_eq(gv_unzigzag(gv_zigzag(values[i])), values[i]);
	cr_assert_eq(gv_zigzag(-1), 1);
}
