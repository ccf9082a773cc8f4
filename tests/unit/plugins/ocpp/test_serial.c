/* A charger says which one it is; its certificate says so, too. Where they differ somebody has another's. */
#include "charger.h"

#define BOOT(serial)                                                                                                   \
	"{\"chargePointVendor\":\"V\",\"chargePointModel\":\"M\",\"chargePointSerialNumber\":\"" serial "\"}"
#define BOOT_V201(serial)                                                                                              \
	"{\"reason\":\"PowerUp\",\"chargingStation\":{\"vendorName\":\"V\",\"model\":\"M\",\"serialNumber\":\"" serial \
	"\"}}"

TestSuite(ocpp_serial, .fini = bench_teardown, .timeout = 60);

static void setup(const char *subprotocol, const char *config)
{
	bench_load_as(subprotocol, config);
	ask("galvan.registry.v1.Registry/PutDevice",
	    "{\"device\":{\"id\":\"ocpp:CP001\",\"attributes\":{\"certificateCn\":\"SN-0815\"}}}");
}

/* What the newest security event of the charger says; "": there is none. */
static const char *told(void)
{
	const cJSON *list = get(ask(OCPP "ListSecurityEvents", "{\"device\":\"ocpp:CP001\"}"), "events");
	const cJSON *newest = cJSON_GetArrayItem(list, 0);

	if (!newest)
		return "";
	cr_expect_str_eq(text(newest, "type"), "serial-mismatch");
	cr_expect_str_eq(text(newest, "source"), "cloud");
	return text(newest, "detail");
}

Test(ocpp_serial, the_certificates_number_is_no_news)
{
	setup("ocpp1.6", "{}");
	answered("BootNotification", BOOT("SN-0815"), "Accepted");
	cr_expect_str_eq(told(), "");
}

Test(ocpp_serial, another_number_is_told_and_served)
{
	setup("ocpp1.6", "{}");
	answered("BootNotification", BOOT("SN-0816"), "Accepted");
	cr_expect(strstr(told(), "\"SN-0816\"") && strstr(told(), "\"SN-0815\""), "%s", told());
}

Test(ocpp_serial, in_2_0_1_likewise)
{
	setup("ocpp2.0.1", "{}");
	answered("BootNotification", BOOT_V201("SN-0815"), "Accepted");
	cr_expect_str_eq(told(), "");
	answered("BootNotification", BOOT_V201("SN-0816"), "Accepted");
	cr_expect(strstr(told(), "SN-0816"));
}

Test(ocpp_serial, where_the_config_says_so_it_is_refused)
{
	setup("ocpp1.6", "{\"serialMismatch\":\"refuse\"}");
	answered("BootNotification", BOOT("SN-0816"), "SecurityError");
	host_run_ms(h, 1000);
	cr_expect_eq(cp.code, 1008, "and it is shown the door");
	bench_connect("ocpp1.6");
	answered("BootNotification", BOOT("SN-0815"), "Accepted");
}

Test(ocpp_serial, without_the_attribute_there_is_nothing_to_compare)
{
	bench_load("{\"serialMismatch\":\"refuse\"}");
	answered("BootNotification", BOOT("SN-0816"), "Accepted");
	cr_expect_str_eq(told(), "");
}
