/* The binary contract with plugins built elsewhere, restated: a change of any number here breaks every plugin that
 * exists, and needs a new major version. Structs may grow at their end, with a new minor; then their size here is
 * raised with it. x86-64 and aarch64 (LP64). */
#include <galvan/driver.h>
#include <galvan/plugin.h>

#include <stdio.h>

static int failures;

#define SIZE(type, n) expect(sizeof(type) == (n), "sizeof(" #type ") is %zu, not " #n, sizeof(type))
#define OFFSET(type, field, n)                                                                                         \
	expect(offsetof(type, field) == (n), "offsetof(" #type ", " #field ") is %zu, not " #n, offsetof(type, field))
#define VALUE(name, n) expect((long long)(name) == (n), #name " is %zu, not " #n, (size_t)(name))

static void expect(int ok, const char *fmt, size_t value)
{
	if (ok)
		return;
	failures++;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	printf(fmt, value);
#pragma GCC diagnostic pop
	putchar('\n');
}

static void check_record(void)
{
	VALUE(GV_ABI_MAGIC, 0x4e564c47);
	VALUE(GV_ABI_MAJOR, 1);
	VALUE(GV_ABI_MINOR, 1);
	/* the loader reads these sixteen bytes alone, before it trusts the rest */
	OFFSET(struct gv_plugin, magic, 0);
	OFFSET(struct gv_plugin, abi_major, 4);
	OFFSET(struct gv_plugin, abi_minor, 8);
	OFFSET(struct gv_plugin, size, 12);
	OFFSET(struct gv_plugin, name, 16);
	OFFSET(struct gv_plugin, version, 24);
	OFFSET(struct gv_plugin, summary, 32);
	OFFSET(struct gv_plugin, config, 40);
	OFFSET(struct gv_plugin, serves, 48);
	OFFSET(struct gv_plugin, hears, 56);
	OFFSET(struct gv_plugin, emits, 64);
	OFFSET(struct gv_plugin, calls, 72);
	OFFSET(struct gv_plugin, listens, 80);
	OFFSET(struct gv_plugin, tables, 88);
	OFFSET(struct gv_plugin, old_tables, 96);
	OFFSET(struct gv_plugin, notes, 104);
	OFFSET(struct gv_plugin, schema_set, 112);
	OFFSET(struct gv_plugin, schema, 128);
	OFFSET(struct gv_plugin, migrate, 136);
	OFFSET(struct gv_plugin, self_size, 144);
	OFFSET(struct gv_plugin, start, 152);
	OFFSET(struct gv_plugin, stop, 160);
	OFFSET(struct gv_plugin, on_answer, 168);
	OFFSET(struct gv_plugin, on_timer, 176);
	OFFSET(struct gv_plugin, on_open, 184);
	OFFSET(struct gv_plugin, on_frame, 192);
	OFFSET(struct gv_plugin, on_close, 200);
	OFFSET(struct gv_plugin, on_event, 208);
	OFFSET(struct gv_plugin, on_resync, 216);
	OFFSET(struct gv_plugin, driver, 224);
	OFFSET(struct gv_plugin, calls_any, 232);
	OFFSET(struct gv_plugin, hears_any, 233);
	OFFSET(struct gv_plugin, finish, 240);
	SIZE(struct gv_plugin, 248);
}

static void check_lists(void)
{
	OFFSET(struct gv_service, type, 0);
	OFFSET(struct gv_service, methods, 8);
	SIZE(struct gv_service, 16);
	OFFSET(struct gv_method, name, 0);
	OFFSET(struct gv_method, on, 8);
	SIZE(struct gv_method, 16);
	OFFSET(struct gv_hears, type, 0);
	OFFSET(struct gv_hears, on, 8);
	SIZE(struct gv_hears, 16);
	OFFSET(struct gv_emits, type, 0);
	OFFSET(struct gv_emits, snapshot, 8);
	SIZE(struct gv_emits, 16);
	OFFSET(struct gv_table, name, 0);
	OFFSET(struct gv_table, key, 8);
	OFFSET(struct gv_table, value, 16);
	OFFSET(struct gv_table, append, 24);
	SIZE(struct gv_table, 32);
	VALUE(GV_KEY_PARTS, 4);
	OFFSET(struct gv_part, kind, 0);
	OFFSET(struct gv_part, s, 8);
	OFFSET(struct gv_part, i, 8);
	OFFSET(struct gv_part, u, 8);
	SIZE(struct gv_part, 16);
	OFFSET(struct gv_key, count, 0);
	OFFSET(struct gv_key, part, 8);
	SIZE(struct gv_key, 72);
	OFFSET(struct gv_scan, table, 0);
	OFFSET(struct gv_scan, prefix, 8);
	OFFSET(struct gv_scan, after, 80);
	OFFSET(struct gv_scan, reverse, 152);
	OFFSET(struct gv_scan, row, 160);
	OFFSET(struct gv_scan, key, 168);
	OFFSET(struct gv_scan, opaque_, 240);
	SIZE(struct gv_scan, 256);
}

static void check_messages(void)
{
	OFFSET(struct gv_self, node, 0);
	OFFSET(struct gv_self, plugin, 8);
	OFFSET(struct gv_self, instance, 16);
	OFFSET(struct gv_self, instances, 20);
	SIZE(struct gv_self, 24);
	OFFSET(struct gv_emitter, instance, 0);
	OFFSET(struct gv_emitter, key, 8);
	OFFSET(struct gv_emitter, time_ms, 16);
	OFFSET(struct gv_emitter, seq, 24);
	OFFSET(struct gv_emitter, snapshot, 32);
	OFFSET(struct gv_emitter, late, 33);
	SIZE(struct gv_emitter, 40);
	OFFSET(struct gv_ticket, call, 0);
	OFFSET(struct gv_ticket, caller, 8);
	SIZE(struct gv_ticket, 16);
	OFFSET(struct gv_call, method, 0);
	OFFSET(struct gv_call, request, 8);
	OFFSET(struct gv_call, to, 16);
	OFFSET(struct gv_call, timeout_ms, 24);
	OFFSET(struct gv_call, note, 32);
	OFFSET(struct gv_call, tag, 40);
	OFFSET(struct gv_call, packed, 48);
	OFFSET(struct gv_call, packed_size, 56);
	SIZE(struct gv_call, 64);
	OFFSET(struct gv_answer, method, 0);
	OFFSET(struct gv_answer, note, 8);
	OFFSET(struct gv_answer, tag, 16);
	OFFSET(struct gv_answer, code, 24);
	OFFSET(struct gv_answer, error, 32);
	OFFSET(struct gv_answer, reply, 40);
	OFFSET(struct gv_answer, packed, 48);
	OFFSET(struct gv_answer, packed_size, 56);
	SIZE(struct gv_answer, 64);
	OFFSET(struct gv_conn, id, 0);
	OFFSET(struct gv_conn, device, 8);
	OFFSET(struct gv_conn, listener, 16);
	OFFSET(struct gv_conn, subprotocol, 24);
	OFFSET(struct gv_conn, peer, 32);
	OFFSET(struct gv_conn, path, 40);
	OFFSET(struct gv_conn, again, 48);
	SIZE(struct gv_conn, 56);
	OFFSET(struct gv_frame, conn, 0);
	OFFSET(struct gv_frame, kind, 8);
	OFFSET(struct gv_frame, data, 16);
	OFFSET(struct gv_frame, size, 24);
	OFFSET(struct gv_frame, request, 32);
	OFFSET(struct gv_frame, again, 40);
	SIZE(struct gv_frame, 48);
}

static void check_driver(void)
{
	OFFSET(struct gv_driver, size, 0);
	OFFSET(struct gv_driver, open, 8);
	OFFSET(struct gv_driver, drain, 16);
	OFFSET(struct gv_driver, on_listen, 24);
	OFFSET(struct gv_driver, on_send, 32);
	OFFSET(struct gv_driver, on_disconnect, 40);
	OFFSET(struct gv_driver, on_pause, 48);
	OFFSET(struct gv_driver, on_overrun, 56);
	OFFSET(struct gv_driver, on_flush, 64);
	SIZE(struct gv_driver, 72);
	OFFSET(struct gv_world_limits, window_frames, 0);
	OFFSET(struct gv_world_limits, hold_bytes, 8);
	OFFSET(struct gv_world_limits, hold_ms, 16);
	SIZE(struct gv_world_limits, 24);
}

static void check_numbers(void)
{
	VALUE(GV_ERR, 3);
	VALUE(GV_WARN, 4);
	VALUE(GV_INFO, 6);
	VALUE(GV_DEBUG, 7);
	VALUE(GV_OK, 0);
	VALUE(GV_CANCELLED, 1);
	VALUE(GV_UNKNOWN, 2);
	VALUE(GV_INVALID_ARGUMENT, 3);
	VALUE(GV_DEADLINE_EXCEEDED, 4);
	VALUE(GV_NOT_FOUND, 5);
	VALUE(GV_ALREADY_EXISTS, 6);
	VALUE(GV_PERMISSION_DENIED, 7);
	VALUE(GV_RESOURCE_EXHAUSTED, 8);
	VALUE(GV_FAILED_PRECONDITION, 9);
	VALUE(GV_ABORTED, 10);
	VALUE(GV_OUT_OF_RANGE, 11);
	VALUE(GV_UNIMPLEMENTED, 12);
	VALUE(GV_INTERNAL, 13);
	VALUE(GV_UNAVAILABLE, 14);
	VALUE(GV_DATA_LOSS, 15);
	VALUE(GV_UNAUTHENTICATED, 16);
	VALUE(GV_TEXT, 0);
	VALUE(GV_BINARY, 1);
	VALUE(GV_BYTES, 2);
	VALUE(GV_REQUEST, 3);
	VALUE(GV_BLOB_ID_SIZE, 65);
}

int main(void)
{
	check_record();
	check_lists();
	check_messages();
	check_driver();
	check_numbers();
	if (failures)
		printf("%d numbers of the ABI differ\n", failures);
	return failures != 0;
}
