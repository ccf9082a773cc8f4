/* Whose request it is. Proxies append to what a client sent them, so the list is read from its end. */
#include "client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MAPPED_BITS 96

struct text {
	const char *data;
	size_t size;
};

/* ---- addresses ------------------------------------------------------------------------------- */

static void map(uint8_t ret[static API_ADDRESS_SIZE], const void *v4)
{
	memset(ret, 0, 10);
	memset(ret + 10, 0xff, 2);
	memcpy(ret + 12, v4, 4);
}

/* An address as people and proxies write it: "192.0.2.1", "192.0.2.1:4711", "2001:db8::1", "[2001:db8::1]:4711". */
static bool address_read(struct text from, uint8_t ret[static API_ADDRESS_SIZE], bool *ret_v4)
{
	char text[API_CLIENT_TEXT_SIZE], *colon;
	uint8_t v4[4];

	if (from.size && from.data[0] == '[') {
		const char *end = memchr(from.data, ']', from.size);

		if (!end)
			return false;
		from.data++;
		from.size = (size_t)(end - from.data);
	}
	if (from.size >= sizeof(text))
		return false;
	snprintf(text, sizeof(text), "%.*s", (int)from.size, from.data);
	colon = strchr(text, ':');
	if (colon && !strchr(colon + 1, ':')) /* one: a port */
		*colon = '\0';
	*ret_v4 = inet_pton(AF_INET, text, v4) == 1;
	if (*ret_v4)
		map(ret, v4);
	return *ret_v4 || inet_pton(AF_INET6, text, ret) == 1;
}

int api_network_read(const char *text, struct api_network *ret)
{
	size_t size = strcspn(text, "/");
	struct api_network n;
	unsigned long bits;
	char *end;
	bool v4;

	if (!address_read((struct text){ text, size }, n.address, &v4) || text[0] == '[' ||
	    (v4 && memchr(text, ':', size)))
		return -EINVAL;
	n.bits = 8 * API_ADDRESS_SIZE;
	if (text[size] == '/') {
		if (strspn(text + size + 1, "0123456789") != strlen(text + size + 1) || strlen(text + size + 1) > 3)
			return -EINVAL;
		bits = strtoul(text + size + 1, &end, 10);
		if (end == text + size + 1 || bits > (v4 ? 32 : 128))
			return -EINVAL;
		n.bits = (unsigned)bits + (v4 ? MAPPED_BITS : 0);
	}
	*ret = n;
	return 0;
}

static bool is_in(const uint8_t address[static API_ADDRESS_SIZE], const struct api_network *n)
{
	unsigned bytes = n->bits / 8, rest = n->bits % 8;

	if (memcmp(address, n->address, bytes) != 0)
		return false;
	return !rest || !((address[bytes] ^ n->address[bytes]) >> (8 - rest));
}

static bool is_trusted(const uint8_t address[static API_ADDRESS_SIZE], const struct api_network *trusted, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (is_in(address, &trusted[i]))
			return true;
	}
	return false;
}

void api_client_text(const uint8_t address[static API_ADDRESS_SIZE], char ret[static API_CLIENT_TEXT_SIZE])
{
	static const struct api_network mapped = { .address = { [10] = 0xff, [11] = 0xff }, .bits = MAPPED_BITS };
	bool v4 = is_in(address, &mapped);

	inet_ntop(v4 ? AF_INET : AF_INET6, v4 ? address + 12 : address, ret, API_CLIENT_TEXT_SIZE);
}

/* ---- what proxies say ------------------------------------------------------------------------ */

/* The elements of a header, over all its lines, from the last one to the first. */
struct elements {
	const Link__HttpRequest *request;
	const char *name;
	size_t lines;     /* not yet begun */
	const char *line; /* at hand; NULL: none */
	size_t size;      /* of it, not yet read */
};

static struct text trim(struct text s, const char *what)
{
	while (s.size && strchr(what, s.data[0])) {
		s.data++;
		s.size--;
	}
	while (s.size && strchr(what, s.data[s.size - 1]))
		s.size--;
	return s;
}

static bool previous(struct elements *e, struct text *ret)
{
	size_t end;

	while (!e->line) {
		if (!e->lines)
			return false;
		e->lines--;
		if (strcmp(e->request->headers[e->lines]->name, e->name) != 0)
			continue;
		e->line = e->request->headers[e->lines]->value;
		e->size = strlen(e->line);
	}
	end = e->size;
	while (e->size && e->line[e->size - 1] != ',')
		e->size--;
	*ret = trim((struct text){ e->line + e->size, end - e->size }, " \t");
	if (e->size)
		e->size--; /* the comma */
	else
		e->line = NULL;
	return true;
}

static bool has(const Link__HttpRequest *request, const char *name)
{
	for (size_t i = 0; i < request->n_headers; i++) {
		if (strcmp(request->headers[i]->name, name) == 0)
			return true;
	}
	return false;
}

/* The value of `for` in an element of Forwarded: for="[2001:db8::1]:4711";proto=https. */
static struct text forwarded_for(struct text element)
{
	while (element.size) {
		const char *end = memchr(element.data, ';', element.size);
		size_t size = end ? (size_t)(end - element.data) : element.size;
		struct text pair = trim((struct text){ element.data, size }, " \t");

		if (pair.size > 4 && strncasecmp(pair.data, "for=", 4) == 0)
			return trim((struct text){ pair.data + 4, pair.size - 4 }, "\"");
		element.data += size + (end != NULL);
		element.size -= size + (end != NULL);
	}
	return element;
}

void api_client(const Link__HttpRequest *request, const struct api_network *trusted, size_t n_trusted,
		uint8_t ret[static API_ADDRESS_SIZE])
{
	bool x = has(request, "x-forwarded-for"), v4;
	struct elements e = { .request = request,
			      .name = x ? "x-forwarded-for" : "forwarded",
			      .lines = request->n_headers };
	struct text element;

	if (!address_read((struct text){ request->peer, strlen(request->peer) }, ret, &v4))
		memset(ret, 0, API_ADDRESS_SIZE);
	while (is_trusted(ret, trusted, n_trusted) && previous(&e, &element)) {
		uint8_t address[API_ADDRESS_SIZE];

		if (!address_read(x ? element : forwarded_for(element), address, &v4))
			return; /* "unknown", "_hidden": whoever said so stands for it */
		memcpy(ret, address, API_ADDRESS_SIZE);
	}
}
