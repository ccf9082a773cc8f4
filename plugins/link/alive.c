/* Peers that vanish without a word, found by the kernel: with keepalive where nobody speaks, with TCP_USER_TIMEOUT
 * where we do. The latter is set only while something may be unacknowledged: as long as it is set, Linux gives an idle
 * peer up after the first probe that is lost, however many are allowed, and mobile networks lose one now and then. */
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "link.h"

#define KEEPALIVE_IDLE_S 60
#define KEEPALIVE_INTERVAL_S 20
#define KEEPALIVE_PROBES 3
#define UNACKNOWLEDGED_MS 45000 /* below KEEPALIVE_IDLE_S, so that it is off before the first probe */

static void set(int fd, int level, int option, int value)
{
	setsockopt(fd, level, option, &value, sizeof(value));
}

void alive_accepted(int fd)
{
	set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	set(fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE_S);
	set(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S);
	set(fd, IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_PROBES);
}

void alive_written(struct conn *c)
{
	if (!c->armed_ms)
		set(wire_descriptor(c), IPPROTO_TCP, TCP_USER_TIMEOUT, UNACKNOWLEDGED_MS);
	c->armed_ms = link_now(c->link);
}

void alive_check(struct conn *c, uint64_t now)
{
	if (!c->armed_ms || c->stuck_ms || now - c->armed_ms <= UNACKNOWLEDGED_MS)
		return;
	/* what was written is acknowledged by now, or the kernel has ended the connection */
	set(wire_descriptor(c), IPPROTO_TCP, TCP_USER_TIMEOUT, 0);
	c->armed_ms = 0;
}
