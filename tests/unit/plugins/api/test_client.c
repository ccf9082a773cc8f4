/* Whose request it is: proxies that are trusted are believed, and nobody else. */
#include <plugins/api/client.h>

#include <criterion/criterion.h>
#include <string.h>

static char got[API_CLIENT_TEXT_SIZE];

/* The client of a request from `peer` with these headers, names and values in turn, NULL at the end; this machine and
 * 10.0.0.0/8 are trusted. */
static const char *client(const char *peer, const char *const *headers)
{
	Link__HttpRequest r = LINK__HTTP_REQUEST__INIT;
	Link__HttpHeader lines[8], *list[8];
	struct api_network trusted[3];
	uint8_t address[API_ADDRESS_SIZE];

	cr_assert_eq(api_network_read("127.0.0.0/8", &trusted[0]), 0);
	cr_assert_eq(api_network_read("::1", &trusted[1]), 0);
	cr_assert_eq(api_network_read("10.0.0.0/8", &trusted[2]), 0);
	r.peer = (char *)peer;
	r.headers = list;
	for (; *headers; headers += 2) {
		link__http_header__init(&lines[r.n_headers]);
		lines[r.n_headers].name = (char *)headers[0];
		lines[r.n_headers].value = (char *)headers[1];
		list[r.n_headers] = &lines[r.n_headers];
		r.n_headers++;
	}
	api_client(&r, trusted, 3, address);
	api_client_text(address, got);
	return got;
}
#define CLIENT(peer, ...) client(peer, (const char *const[]){ __VA_ARGS__ __VA_OPT__(, ) NULL })
#define X "x-forwarded-for"
#define F "forwarded"

Test(client, is_the_peer_where_no_proxy_says_another)
{
	cr_expect_str_eq(CLIENT("192.0.2.1"), "192.0.2.1");
	cr_expect_str_eq(CLIENT("2001:db8::1"), "2001:db8::1");
	cr_expect_str_eq(CLIENT("127.0.0.1"), "127.0.0.1");
	cr_expect_str_eq(CLIENT("::ffff:192.0.2.1"), "192.0.2.1");
	cr_expect_str_eq(CLIENT("127.0.0.1", X, ""), "127.0.0.1");
}

Test(client, is_what_a_trusted_proxy_says)
{
	cr_expect_str_eq(CLIENT("127.0.0.1", X, "192.0.2.9"), "192.0.2.9");
	cr_expect_str_eq(CLIENT("::1", X, " 192.0.2.9:4711 "), "192.0.2.9");
	cr_expect_str_eq(CLIENT("10.1.2.3", X, "[2001:db8::9]:80"), "2001:db8::9");
	cr_expect_str_eq(CLIENT("127.0.0.1", F, "for=192.0.2.9;proto=https;by=10.0.0.1"), "192.0.2.9");
	cr_expect_str_eq(CLIENT("127.0.0.1", F, "proto=https; For=\"[2001:db8::9]:4711\""), "2001:db8::9");
}

Test(client, of_a_chain_is_the_last_that_is_not_trusted)
{
	cr_expect_str_eq(CLIENT("127.0.0.1", X, "192.0.2.9, 10.0.0.1"), "192.0.2.9");
	cr_expect_str_eq(CLIENT("127.0.0.1", X, "192.0.2.9", X, "10.0.0.1, 10.0.0.2"), "192.0.2.9");
	cr_expect_str_eq(CLIENT("127.0.0.1", X, "10.0.0.1, 10.0.0.2"), "10.0.0.1");
}

Test(client, cannot_be_invented_by_the_client)
{
	cr_expect_str_eq(CLIENT("192.0.2.1", X, "198.51.100.1"), "192.0.2.1", "the peer is no proxy of ours");
	cr_expect_str_eq(CLIENT("127.0.0.1", X, "198.51.100.1, 192.0.2.9"), "192.0.2.9");
	cr_expect_str_eq(CLIENT("127.0.0.1", X, "198.51.100.1", X, "192.0.2.9"), "192.0.2.9");
	cr_expect_str_eq(CLIENT("127.0.0.1", F, "for=198.51.100.1, for=192.0.2.9"), "192.0.2.9");
	cr_expect_str_eq(CLIENT("127.0.0.1", F, "for=\"198.51.100.1, for=192.0.2.9"), "192.0.2.9");
	cr_expect_str_eq(CLIENT("127.0.0.1", F, "for=198.51.100.1", X, "192.0.2.9"), "192.0.2.9",
			 "X-Forwarded-For counts where both are there");
}

Test(client, that_cannot_be_read_is_its_proxy)
{
	cr_expect_str_eq(CLIENT("127.0.0.1", X, "192.0.2.9, unknown"), "127.0.0.1");
	cr_expect_str_eq(CLIENT("127.0.0.1", F, "for=_hidden"), "127.0.0.1");
	cr_expect_str_eq(CLIENT("127.0.0.1", F, "proto=https"), "127.0.0.1");
	cr_expect_str_eq(CLIENT("127.0.0.1", X, "192.0.2.9, [::1"), "127.0.0.1");
	cr_expect_str_eq(CLIENT("127.0.0.1", X, "192.0.2.9, , 10.0.0.1"), "10.0.0.1");
	cr_expect_str_eq(CLIENT("127.0.0.1", X, ",,,,"), "127.0.0.1");
}

Test(network, is_an_address_or_a_prefix)
{
	static const char *const wrong[] = {
		"",       "x",           "10.0.0",      "10.0.0.0/", "10.0.0.0/33",     "10.0.0.0/-1",
		"::/129", "10.0.0.0/8x", "10.0.0.1:80", "[::1]",     "10.0.0.0/0000008"
	};
	struct api_network n;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		cr_expect_lt(api_network_read(wrong[i], &n), 0, "%s", wrong[i]);
	cr_expect_eq(api_network_read("2001:db8::/33", &n), 0);
	cr_expect_eq(n.bits, 33);
	cr_expect_eq(api_network_read("192.0.2.1", &n), 0);
	cr_expect_eq(n.bits, 128);
	cr_expect_eq(api_network_read("0.0.0.0/0", &n), 0);
	cr_expect_eq(n.bits, 96);
}

Test(network, ends_at_its_last_bit)
{
	static const char *const no[] = { NULL };
	const char *const forwarded[] = { X, "192.0.2.9", NULL };

	cr_expect_str_eq(client("10.255.255.255", forwarded), "192.0.2.9");
	cr_expect_str_eq(client("11.0.0.0", forwarded), "11.0.0.0");
	cr_expect_str_eq(client("9.255.255.255", no), "9.255.255.255");
}
