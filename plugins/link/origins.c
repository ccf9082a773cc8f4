/* Where connections come from: how many an address may hold and how fast it may open them, so that one that floods does
 * not take the place of all others. An address is an IPv4 address or the /64 of an IPv6 one, which is what a site is
 * given. 127.0.0.1 and ::1 are not counted: a proxy on this machine speaks for everybody. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "link.h"

#define SLOTS 16384           /* a power of two */
#define ORIGINS_MAX (1 << 20) /* remembered; beyond it a new address is not counted */
#define NEW_BURST_S 10        /* seconds' worth of new connections that may come at once */
#define REPORT_EVERY_MS 1000

struct origin {
	struct origin *next; /* same slot */
	uint8_t address[16];
	uint32_t connections;
	uint64_t due_us; /* the rate's clock runs ahead to here */
};

void address_read(const struct sockaddr_storage *from, uint8_t ret[static 16], uint16_t *ret_port)
{
	memset(ret, 0, 16);
	*ret_port = 0;
	if (from->ss_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)from;

		memcpy(ret, &in6->sin6_addr, 16);
		*ret_port = ntohs(in6->sin6_port);
	} else if (from->ss_family == AF_INET) {
		const struct sockaddr_in *in4 = (const struct sockaddr_in *)from;

		ret[10] = ret[11] = 0xff;
		memcpy(ret + 12, &in4->sin_addr, 4);
		*ret_port = ntohs(in4->sin_port);
	}
}

const char *address_print(const uint8_t address[static 16], uint16_t port, char ret[static PEER_MAX])
{
	char text[INET6_ADDRSTRLEN] = "";
	bool mapped = address_is_mapped(address);

	inet_ntop(mapped ? AF_INET : AF_INET6, mapped ? address + 12 : address, text, sizeof(text));
	if (!port)
		snprintf(ret, PEER_MAX, "%s", text);
	else
		snprintf(ret, PEER_MAX, mapped ? "%s:%u" : "[%s]:%u", text, (unsigned)port);
	return ret;
}

bool address_is_mapped(const uint8_t address[static 16])
{
	static const uint8_t prefix[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

	return memcmp(address, prefix, sizeof(prefix)) == 0;
}

static bool is_exempt(const uint8_t address[static 16])
{
	static const uint8_t v4[4] = { 127, 0, 0, 1 }, v6[16] = { [15] = 1 };

	return address_is_mapped(address) ? memcmp(address + 12, v4, sizeof(v4)) == 0
					  : memcmp(address, v6, sizeof(v6)) == 0;
}

static struct origin **slot_of(struct link *l, const uint8_t address[static 16])
{
	uint64_t hash = l->origins.seed;

	for (unsigned i = 0; i < 16; i++)
		hash = (hash ^ address[i]) * UINT64_C(0x100000001b3);
	return &l->origins.slots[(hash ^ hash >> 32) & (SLOTS - 1)];
}

int origins_init(struct link *l, struct gv_turn *t)
{
	if (!l->origins.max_connections && !l->origins.max_new_per_s)
		return 0;
	l->origins.seed = gv_random(t);
	l->origins.slots = calloc(SLOTS, sizeof(struct origin *));
	return l->origins.slots ? 0 : -ENOMEM;
}

void origins_fini(struct link *l)
{
	for (size_t i = 0; l->origins.slots && i < SLOTS; i++) {
		struct origin *o, *next;

		for (o = l->origins.slots[i]; o; o = next) {
			next = o->next;
			free(o);
		}
	}
	free(l->origins.slots);
	l->origins.slots = NULL;
}

static struct origin *find(struct link *l, const uint8_t address[static 16])
{
	uint8_t network[16];
	struct origin **slot, *o;

	memcpy(network, address, 16);
	if (!address_is_mapped(network))
		memset(network + 8, 0, 8);
	slot = slot_of(l, network);
	for (o = *slot; o && memcmp(o->address, network, 16) != 0; o = o->next)
		;
	if (o || l->origins.count >= ORIGINS_MAX || !(o = calloc(1, sizeof(*o))))
		return o;
	memcpy(o->address, network, 16);
	o->next = *slot;
	*slot = o;
	l->origins.count++;
	return o;
}

/* Whether one more connection keeps within the rate; then it counts. */
static bool in_time(struct link *l, struct origin *o)
{
	uint32_t limit = l->origins.max_new_per_s;
	uint64_t now_us = link_now(l) * 1000;

	if (!limit)
		return true;
	if (o->due_us < now_us)
		o->due_us = now_us;
	if (o->due_us + 1000000 / limit - now_us > NEW_BURST_S * UINT64_C(1000000))
		return false;
	o->due_us += 1000000 / limit;
	return true;
}

void origins_refused(struct link *l, const uint8_t address[static 16], const char *why)
{
	l->origins.refusals++;
	l->origins.why = why;
	memcpy(l->origins.refused, address, 16);
}

bool origins_admit(struct link *l, const uint8_t address[static 16], struct origin **ret)
{
	struct origin *o = l->origins.slots && !is_exempt(address) ? find(l, address) : NULL;

	*ret = NULL;
	if (!o)
		return true;
	if (l->origins.max_connections && o->connections >= l->origins.max_connections) {
		gv_world_count(l->world, "too_many_of_address", 1);
		origins_refused(l, address, "the address has max_connections_per_address open");
		return false;
	}
	if (!in_time(l, o)) {
		gv_world_count(l->world, "too_fast_of_address", 1);
		origins_refused(l, address, "the address opens more than max_new_per_address_per_s");
		return false;
	}
	o->connections++;
	*ret = o;
	return true;
}

void origins_leave(struct origin *o)
{
	if (o)
		o->connections--;
}

void origins_sweep(struct link *l, uint64_t now)
{
	char text[INET6_ADDRSTRLEN] = "";
	const uint8_t *from = l->origins.refused;
	bool mapped = address_is_mapped(from);

	for (size_t i = 0; l->origins.count && i < SLOTS; i++) {
		for (struct origin **at = &l->origins.slots[i]; *at;) {
			struct origin *o = *at;

			if (o->connections || o->due_us > now * 1000) {
				at = &o->next;
				continue;
			}
			*at = o->next;
			free(o);
			l->origins.count--;
		}
	}
	if (!l->origins.refusals || now - l->origins.reported_ms < REPORT_EVERY_MS)
		return;
	inet_ntop(mapped ? AF_INET : AF_INET6, mapped ? from + 12 : from, text, sizeof(text));
	gv_world_log(l->world, GV_WARN, "Connections were refused; the last because %s count=%u address=%s",
		     l->origins.why, l->origins.refusals, text);
	l->origins.refusals = 0;
	l->origins.reported_ms = now;
}
