/* An address or UUID has one form, in whichever it came, and what is none is none. */
#include <criterion/criterion.h>
#include <plugins/bluetooth/names.h>

Test(addresses, have_one_form)
{
	char a[ADDRESS_SIZE] = "";

	cr_assert(address_read("aa:bb:cc:00:11:2f", a));
	cr_assert_str_eq(a, "AA-BB-CC-00-11-2F");
	cr_assert(address_read("AA_BB_CC_00_11_2F", a), "as in BlueZ's object paths");
	cr_assert_str_eq(a, "AA-BB-CC-00-11-2F");
}

Test(addresses, that_are_none_are_refused)
{
	static const char *const none[] = { "",
					    "AA",
					    "AA-BB-CC-00-11-2",
					    "AA-BB-CC-00-11-2G",
					    "AA-BB-CC-00-11-2F0",
					    "AA BB CC 00 11 2F",
					    "AABBCC00112F",
					    "-----------------" };
	char a[ADDRESS_SIZE] = "as before";

	for (size_t i = 0; i < sizeof none / sizeof *none; i++)
		cr_assert_not(address_read(none[i], a), "%s", none[i]);
	cr_assert_str_eq(a, "as before");
}

Test(uuids, have_one_form)
{
	char u[UUID_SIZE];

	cr_assert(uuid_read("F3A10001-2B6E-4D38-9C57-8E0D4C1B7A60", u));
	cr_assert_str_eq(u, "f3a10001-2b6e-4d38-9c57-8e0d4c1b7a60");
	cr_assert(uuid_read("180A", u), "those of the SIG are short");
	cr_assert_str_eq(u, "0000180a-0000-1000-8000-00805f9b34fb");
	cr_assert(uuid_read("1234180a", u));
	cr_assert_str_eq(u, "1234180a-0000-1000-8000-00805f9b34fb");
}

Test(uuids, that_are_none_are_refused)
{
	static const char *const none[] = { "",
					    "18",
					    "180g",
					    "f3a10001-2b6e-4d38-9c57-8e0d4c1b7a6",
					    "f3a10001+2b6e-4d38-9c57-8e0d4c1b7a60",
					    "f3a100012b6e4d389c578e0d4c1b7a60" };
	char u[UUID_SIZE] = "as before";

	for (size_t i = 0; i < sizeof none / sizeof *none; i++)
		cr_assert_not(uuid_read(none[i], u), "%s", none[i]);
	cr_assert_str_eq(u, "as before");
}
