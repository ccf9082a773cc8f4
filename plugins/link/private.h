/* Which addresses are not the public internet's: a pure function over what a name was resolved to. */
#ifndef LINK_PRIVATE_H
#define LINK_PRIVATE_H

#include <stdbool.h>
#include <sys/socket.h>

/* True for loopback, link-local, private, shared, reserved and multicast addresses of IPv4 and IPv6 (IANA's
 * special-purpose registries, RFC 6890), for IPv6 addresses that hold such an IPv4 one, and for other families. */
bool address_is_private(const struct sockaddr *address);

#endif
