/* What a stranger may have called is the internet and nothing else, however he spells it. */
#include <private.h>

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <string.h>

static bool is_private(const char *text)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };

	if (inet_pton(AF_INET, text, &v4.sin_addr) == 1)
		return address_is_private((struct sockaddr *)&v4);
	cr_assert_eq(inet_pton(AF_INET6, text, &v6.sin6_addr), 1, "%s", text);
	return address_is_private((struct sockaddr *)&v6);
}

Test(link_private, the_nodes_own_networks_are)
{
	static const char *const texts[] = {
		"0.0.0.0",         "10.1.2.3",    "100.64.0.1",   "100.127.255.255",  "127.0.0.1",
		"127.9.9.9",       "169.254.1.1", "172.16.0.1",   "172.31.9.9",       "192.0.0.8",
		"192.168.0.1",     "198.18.0.1",  "198.19.0.1",   "224.0.0.1",        "240.0.0.1",
		"255.255.255.255", "::",          "::1",          "fc00::1",          "fdff::1",
		"fe80::1",         "fec0::1",     "ff02::1",      "::ffff:10.0.0.1",  "100::1",
		"64:ff9b::7f00:1", "2001::1",     "2002:a00:1::", "::ffff:127.0.0.1",
	};

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		cr_expect(is_private(texts[i]), "%s", texts[i]);
}

Test(link_private, the_internet_is_not)
{
	static const char *const texts[] = {
		"1.1.1.1",         "9.255.255.255", "11.0.0.1",       "100.63.255.255",  "100.128.0.1",
		"126.0.0.1",       "128.0.0.1",     "172.15.255.255", "172.32.0.1",      "192.0.1.1",
		"192.167.255.255", "198.17.0.1",    "198.20.0.1",     "223.255.255.255", "2a00::1",
		"2001:4860::1",    "2606:4700::1",  "::ffff:1.1.1.1", "2002:101:1::",    "64:ff9b::101:101",
	};

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		cr_expect_not(is_private(texts[i]), "%s", texts[i]);
}

Test(link_private, other_families_are)
{
	struct sockaddr local = { .sa_family = AF_UNIX };

	cr_expect(address_is_private(&local));
}
