/* Whose request it is: the address that it came from or, behind proxies that are trusted, the one that they say. */
#ifndef API_CLIENT_H
#define API_CLIENT_H

#include <galvan/link.pb-c.h>
#include <stddef.h>
#include <stdint.h>

#define API_ADDRESS_SIZE 16     /* IPv4 mapped into IPv6 */
#define API_CLIENT_TEXT_SIZE 46 /* of an address as text, with a zero */

struct api_network {
	uint8_t address[API_ADDRESS_SIZE];
	unsigned bits; /* of address that count */
};

/* "192.0.2.1", "10.0.0.0/8", "2001:db8::/32". -EINVAL for anything else. */
int api_network_read(const char *text, struct api_network *ret);

/* The client of a request: its peer or, where that is one of the trusted, the last one in X-Forwarded-For (without it,
 * in Forwarded, RFC 7239) that is not trusted. What stands before that may be invented and is not looked at. */
void api_client(const Link__HttpRequest *request, const struct api_network *trusted, size_t n_trusted,
		uint8_t ret[static API_ADDRESS_SIZE]);
void api_client_text(const uint8_t address[static API_ADDRESS_SIZE], char ret[static API_CLIENT_TEXT_SIZE]);

#endif
