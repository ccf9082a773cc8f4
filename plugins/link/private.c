/* Where a stranger names the address that is called, only the internet may be: whatever stands in the node's own
 * network trusts it more than a stranger. */
#include "private.h"

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct range {
	uint8_t prefix[16];
	unsigned bits;
};

static const struct range v4[] = {
	{ { 0 }, 8 },          /* this network */
	{ { 10 }, 8 },         /* private */
	{ { 100, 64 }, 10 },   /* shared, behind a carrier's NAT */
	{ { 127 }, 8 },        /* loopback */
	{ { 169, 254 }, 16 },  /* link-local, and clouds' metadata */
	{ { 172, 16 }, 12 },   /* private */
	{ { 192, 0, 0 }, 24 }, /* protocol assignments */
	{ { 192, 168 }, 16 },  /* private */
	{ { 198, 18 }, 15 },   /* benchmarks */
	{ { 224 }, 3 },        /* multicast, reserved, broadcast */
};
static const struct range v6[] = {
	{ { 0 }, 8 },                       /* unspecified, loopback, IPv4-compatible */
	{ { 0x01, 0x00 }, 64 },             /* discard */
	{ { 0x20, 0x01, 0x00, 0x00 }, 23 }, /* protocol assignments, Teredo among them */
	{ { 0xfc }, 7 },                    /* unique local */
	{ { 0xfe, 0x80 }, 9 },              /* link-local, site-local */
	{ { 0xff }, 8 },                    /* multicast */
};
/* What of these ranges is left is an IPv4 address, from this byte on. */
static const struct {
	struct range range;
	unsigned at;
} holding_v4[] = {
	{ { { [10] = 0xff, [11] = 0xff }, 96 }, 12 }, /* mapped */
	{ { { 0x00, 0x64, 0xff, 0x9b }, 96 }, 12 },   /* NAT64 */
	{ { { 0x20, 0x02 }, 16 }, 2 },                /* 6to4 */
};

static bool within(const uint8_t *address, const struct range *r)
{
	unsigned whole = r->bits / 8, rest = r->bits % 8;

	if (memcmp(address, r->prefix, whole) != 0)
		return false;
	return !rest || !((address[whole] ^ r->prefix[whole]) >> (8 - rest));
}

static bool any(const uint8_t *address, const struct range *ranges, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (within(address, &ranges[i]))
			return true;
	return false;
}

static bool v4_is_private(const uint8_t *address)
{
	return any(address, v4, sizeof v4 / sizeof *v4);
}

static bool v6_is_private(const uint8_t *address)
{
	for (size_t i = 0; i < sizeof holding_v4 / sizeof *holding_v4; i++)
		if (within(address, &holding_v4[i].range))
			return v4_is_private(address + holding_v4[i].at);
	return any(address, v6, sizeof v6 / sizeof *v6);
}

bool address_is_private(const struct sockaddr *address)
{
	switch (address->sa_family) {
	case AF_INET:
		return v4_is_private((const uint8_t *)&((const struct sockaddr_in *)address)->sin_addr);
	case AF_INET6:
		return v6_is_private(((const struct sockaddr_in6 *)address)->sin6_addr.s6_addr);
	default:
		return true;
	}
}
