/* Who a call from outside is for. */
#include <criterion/criterion.h>

#include <string.h>

#include "actor.h"
#include "directory.h"

static char *charging[] = { "galvan.charging.v1.Charging" };
static char *registry[] = { "galvan.registry.v1.Registry" };
static char *kernel[] = { "galvan.kernel.v1.Kernel" };

#define PEER(n, p, i, of, s, count)                                                                                    \
	{                                                                                                              \
		PROTOBUF_C_MESSAGE_INIT(&kernel__peer__descriptor),                                                    \
			.name = n, .plugin = p, .instance = i, .instances = of, .up = true, .endpoint = "",            \
			.local_endpoint = "", .n_serves = count, .serves = s                                           \
	}

static Kernel__Peer peers[] = {
	PEER("kernel.0", "kernel", 0, 1, kernel, 1), PEER("registry.0", "registry", 0, 1, registry, 1),
	PEER("ocpp.0", "ocpp", 0, 2, charging, 1),   PEER("ocpp.1", "ocpp", 1, 2, charging, 1),
	PEER("ble.0", "ble", 0, 1, charging, 1),     PEER("link.0", "link", 0, 1, NULL, 0),
};
static Kernel__Peer *pointers[6];
static Kernel__Directory directory;

static void make_directory(void)
{
	kernel__directory__init(&directory);
	for (size_t i = 0; i < 6; i++)
		pointers[i] = &peers[i];
	directory.peers = pointers;
	directory.n_peers = 6;
}

TestSuite(directory, .init = make_directory);

static struct gv_route route(const char *method, const char *to)
{
	struct gv_route r;

	gv_directory_route(&directory, method, to, &r);
	return r;
}

static void expect_one(const char *method, const char *to, const char *instance)
{
	struct gv_route r = route(method, to);

	cr_assert_eq(r.code, GV_OK, "%s %s: %s", method, to, r.error);
	cr_assert_eq(r.count, 1);
	cr_expect_str_eq(r.peers[0]->name, instance);
}

#define START "galvan.charging.v1.Charging/Start"

Test(directory, the_part_before_the_colon_is_the_plugin_the_whole_tells_the_instance)
{
	char wanted[16], key[32];

	for (int i = 0; i < 50; i++) {
		snprintf(key, sizeof key, "ocpp:CP%d", i);
		snprintf(wanted, sizeof wanted, "ocpp.%u", gv_shard(key, 2));
		expect_one(START, key, wanted);
		/* A session's id begins with its device's: it goes where the device is. */
		snprintf(key, sizeof key, "ocpp:CP%d/1/abc", i);
		expect_one(START, key, wanted);
	}
	expect_one(START, "ble:AA-BB", "ble.0");
}

Test(directory, an_instance_by_name)
{
	expect_one(START, "ocpp.1", "ocpp.1");
	expect_one("galvan.kernel.v1.Plugin/ListParked", "ocpp.0", "ocpp.0");
}

Test(directory, a_plugin_by_name_is_all_its_instances)
{
	struct gv_route r = route("galvan.kernel.v1.Plugin/ListParked", "ocpp");

	cr_assert_eq(r.count, 2);
	cr_expect_str_eq(r.peers[0]->name, "ocpp.0");
	cr_expect_str_eq(r.peers[1]->name, "ocpp.1");
}

Test(directory, a_key_of_another_plugin_goes_to_the_only_one_that_serves)
{
	expect_one("galvan.registry.v1.Registry/GetDevice", "ocpp:CP1", "registry.0");
	expect_one("galvan.registry.v1.Registry/GetSite", "harbour", "registry.0");
	/* even where it is called like a plugin */
	expect_one("galvan.registry.v1.Registry/GetSite", "link", "registry.0");
}

Test(directory, without_a_key_all_that_serve)
{
	cr_expect_eq(route("galvan.charging.v1.Charging/ListSessions", "").count, 3);
	expect_one("galvan.registry.v1.Registry/ListDevices", "", "registry.0");
}

Test(directory, a_key_that_names_nobody)
{
	struct gv_route r = route(START, "powerbank:1");

	cr_expect_eq(r.code, GV_NOT_FOUND);
	cr_expect_eq(r.count, 0);
	cr_expect_not_null(strstr(r.error, "ocpp, ble"));
	r = route(START, "registry:1");
	cr_expect_eq(r.code, GV_NOT_FOUND);
	cr_expect_not_null(strstr(r.error, "registry does not serve"));
	cr_expect_eq(route(START, "CP001").code, GV_NOT_FOUND);
}

Test(directory, a_service_that_nobody_serves_names_near_ones)
{
	struct gv_route r = route("galvan.registry.v1.Registri/GetDevice", "");

	cr_expect_eq(r.code, GV_UNIMPLEMENTED);
	cr_expect_not_null(strstr(r.error, "it has galvan.registry.v1.Registry,"), "%s", r.error);
}

Test(directory, what_is_no_method)
{
	static const char *const methods[] = { "", "Start", "/Start", "galvan.charging.v1.Charging/" };

	for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
		cr_expect_eq(route(methods[i], "").code, GV_INVALID_ARGUMENT);
}

Test(directory, the_run_time_s_own_service_needs_a_plugin)
{
	struct gv_route r = route("galvan.kernel.v1.Plugin/ListRows", "");

	cr_expect_eq(r.code, GV_INVALID_ARGUMENT);
	cr_expect_not_null(strstr(r.error, "registry, ocpp, ble, link"), "%s", r.error);
	cr_expect_eq(route("galvan.kernel.v1.Plugin/ListRows", "kernel").code, GV_NOT_FOUND);
}

Test(directory, distance)
{
	cr_expect_eq(gv_text_distance("", ""), 0);
	cr_expect_eq(gv_text_distance("kitten", "sitting"), 3);
	cr_expect_eq(gv_text_distance("abc", ""), 3);
}
