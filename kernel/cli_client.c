/* The transport of the command-line client. ZeroMQ connects behind the caller's back and for ever, which is wrong for a
 * command that a person waits for: so the address is first tried with a plain socket, and a socket monitor tells when
 * the node has gone. */
#include "cli_client.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

#define CLIENT_NAME "cli"
#define MONITOR_ADDRESS "inproc://cli.monitor"
#define RECEIVE_QUEUE 65536 /* packets that may wait while a follower's reader is slow */
#define PACKETS_A_WAIT 1024 /* so that a flood of events cannot keep the caller from its own work */
#define LINGER_MS 500

struct gv_client {
	void *zmq, *socket, *monitor;
	struct gv_client_handler handler;
	uint64_t next_id;
	bool gone;
};

static int64_t clock_ms(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int64_t gv_client_clock_ms(void)
{
	return clock_ms(CLOCK_MONOTONIC);
}

static int connect_within(int fd, const struct sockaddr *address, socklen_t size, int timeout_ms)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	int error = 0;
	socklen_t error_size = sizeof error;

	if (!connect(fd, address, size))
		return 0;
	if (errno != EINPROGRESS)
		return -errno;
	if (poll(&p, 1, timeout_ms) != 1)
		return -ETIMEDOUT;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &error_size))
		return -errno;
	return -error;
}

static int try_ipc(const char *path, int timeout_ms)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd, r;

	if (!path[0] || strlen(path) >= sizeof address.sun_path)
		return -ENAMETOOLONG;
	memcpy(address.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	r = connect_within(fd, (const struct sockaddr *)&address, sizeof address, timeout_ms);
	close(fd);
	return r;
}

static int try_tcp(const char *host_port, int timeout_ms)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *list = NULL, *a;
	char host[256];
	const char *colon = strrchr(host_port, ':');
	size_t n = colon ? (size_t)(colon - host_port) : 0;
	int r = -EHOSTUNREACH;

	if (!n || n >= sizeof host || !colon[1])
		return -EINVAL;
	if (host_port[0] == '[' && host_port[n - 1] == ']') {
		host_port++;
		n -= 2;
	}
	memcpy(host, host_port, n);
	host[n] = 0;
	if (getaddrinfo(host, colon + 1, &hints, &list))
		return -EHOSTUNREACH;
	for (a = list; a; a = a->ai_next) {
		int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

		if (fd < 0) {
			r = -errno;
			continue;
		}
		r = connect_within(fd, a->ai_addr, a->ai_addrlen, timeout_ms);
		close(fd);
		if (!r)
			break;
	}
	freeaddrinfo(list);
	return r;
}

static int try_address(const char *address, int timeout_ms, char **ret_error)
{
	int r;

	if (!strncmp(address, "ipc://", 6))
		r = try_ipc(address + 6, timeout_ms);
	else if (!strncmp(address, "tcp://", 6))
		r = try_tcp(address + 6, timeout_ms);
	else
		r = -EINVAL;
	if (!r)
		return 0;
	*ret_error = NULL;
	if (r == -EINVAL) {
		if (asprintf(ret_error, "%s is not a node's address: write ipc://PATH or tcp://HOST:PORT", address) < 0)
			*ret_error = NULL;
		return r;
	}
	if (asprintf(ret_error,
		     "no node answers at %s (%s): start one with `galvan run CONFIG.yaml`, or name its data folder "
		     "with --data DIR or GALVAN_DATA",
		     address, strerror(-r)) < 0)
		*ret_error = NULL;
	return r == -EACCES || r == -ENAMETOOLONG ? r : -ECONNREFUSED;
}

static int open_sockets(struct gv_client *c, const char *address)
{
	int linger = LINGER_MS, queue = RECEIVE_QUEUE, never = -1, ipv6 = 1;

	c->zmq = zmq_ctx_new();
	c->socket = c->zmq ? zmq_socket(c->zmq, ZMQ_DEALER) : NULL;
	if (!c->socket)
		return -errno;
	zmq_setsockopt(c->socket, ZMQ_LINGER, &linger, sizeof linger);
	zmq_setsockopt(c->socket, ZMQ_RCVHWM, &queue, sizeof queue);
	zmq_setsockopt(c->socket, ZMQ_RECONNECT_IVL, &never, sizeof never);
	zmq_setsockopt(c->socket, ZMQ_IPV6, &ipv6, sizeof ipv6);
	if (zmq_socket_monitor(c->socket, MONITOR_ADDRESS,
			       ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_CLOSED | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL))
		return -errno;
	c->monitor = zmq_socket(c->zmq, ZMQ_PAIR);
	if (!c->monitor || zmq_connect(c->monitor, MONITOR_ADDRESS) || zmq_connect(c->socket, address))
		return -errno;
	return 0;
}

int gv_client_open(const char *address, int timeout_ms, const struct gv_client_handler *handler, struct gv_client **ret,
		   char **ret_error)
{
	struct gv_client *c;
	int r = try_address(address, timeout_ms, ret_error);

	if (r)
		return r;
	c = calloc(1, sizeof *c);
	if (!c)
		return -ENOMEM;
	c->handler = *handler;
	r = open_sockets(c, address);
	if (r) {
		gv_client_close(c);
		if (asprintf(ret_error, "cannot open a socket to %s: %s", address, zmq_strerror(-r)) < 0)
			*ret_error = NULL;
		return r;
	}
	*ret = c;
	return 0;
}

void gv_client_close(struct gv_client *c)
{
	int none = 0;

	if (!c)
		return;
	if (c->socket) {
		zmq_socket_monitor(c->socket, NULL, 0);
		if (c->gone)
			zmq_setsockopt(c->socket, ZMQ_LINGER, &none, sizeof none);
		zmq_close(c->socket);
	}
	if (c->monitor) {
		zmq_setsockopt(c->monitor, ZMQ_LINGER, &none, sizeof none);
		zmq_close(c->monitor);
	}
	if (c->zmq)
		zmq_ctx_term(c->zmq);
	free(c);
}

/* An empty packet is the keep-alive. */
static int send_item(struct gv_client *c, Env__Item *item)
{
	Env__Packet packet = ENV__PACKET__INIT;
	Env__Item *items[1] = { item };
	char name[] = CLIENT_NAME;
	uint8_t *bytes;
	size_t size;
	int r = 0;

	packet.from = name;
	packet.n_items = item ? 1 : 0;
	packet.items = items;
	size = env__packet__get_packed_size(&packet);
	bytes = malloc(size);
	if (!bytes)
		return -ENOMEM;
	env__packet__pack(&packet, bytes);
	if (zmq_send(c->socket, bytes, size, ZMQ_DONTWAIT) < 0)
		r = -errno;
	free(bytes);
	return r;
}

int gv_client_send_call(struct gv_client *c, const char *method, const char *to, const uint8_t *request, size_t size,
			int64_t timeout_ms, uint64_t *ret_id)
{
	Env__Call call = ENV__CALL__INIT;
	Env__Item item = ENV__ITEM__INIT;
	int r;

	call.id = c->next_id + 1;
	call.method = (char *)method;
	call.to = (char *)to;
	call.request.data = (uint8_t *)request;
	call.request.len = size;
	call.deadline_ms = clock_ms(CLOCK_REALTIME) + timeout_ms;
	item.kind_case = ENV__ITEM__KIND_CALL;
	item.call = &call;
	r = send_item(c, &item);
	if (!r)
		*ret_id = ++c->next_id;
	return r;
}

int gv_client_subscribe(struct gv_client *c, const char *const *types, size_t count)
{
	Env__Subscribe subscribe = ENV__SUBSCRIBE__INIT;
	Env__Item item = ENV__ITEM__INIT;

	subscribe.types = (char **)types;
	subscribe.n_types = count;
	subscribe.follow = true;
	item.kind_case = ENV__ITEM__KIND_SUBSCRIBE;
	item.subscribe = &subscribe;
	return send_item(c, &item);
}

int gv_client_keep_alive(struct gv_client *c)
{
	return send_item(c, NULL);
}

static void hand_over(struct gv_client *c, const uint8_t *data, size_t size)
{
	Env__Packet *packet = env__packet__unpack(NULL, size, data);

	if (!packet)
		return;
	for (size_t i = 0; i < packet->n_items; i++) {
		const Env__Item *item = packet->items[i];

		if (item->kind_case == ENV__ITEM__KIND_REPLY)
			c->handler.reply(c->handler.arg, item->reply);
		else if (item->kind_case == ENV__ITEM__KIND_EVENT)
			c->handler.event(c->handler.arg, packet->from, item->event);
	}
	env__packet__free_unpacked(packet, NULL);
}

/* Returns how many packets came. */
static unsigned receive(struct gv_client *c)
{
	unsigned count = 0;
	zmq_msg_t message;

	while (count < PACKETS_A_WAIT) {
		zmq_msg_init(&message);
		if (zmq_msg_recv(&message, c->socket, ZMQ_DONTWAIT) < 0) {
			zmq_msg_close(&message);
			break;
		}
		hand_over(c, zmq_msg_data(&message), zmq_msg_size(&message));
		zmq_msg_close(&message);
		count++;
	}
	return count;
}

/* Whatever the monitor says (it was asked for endings only), the node is gone: nothing reconnects. */
static void receive_ending(struct gv_client *c)
{
	zmq_msg_t message;

	zmq_msg_init(&message);
	while (zmq_msg_recv(&message, c->monitor, ZMQ_DONTWAIT) >= 0)
		c->gone = true;
	zmq_msg_close(&message);
}

int gv_client_wait(struct gv_client *c, int fd, int timeout_ms)
{
	zmq_pollitem_t items[3] = {
		{ .socket = c->socket, .events = ZMQ_POLLIN },
		{ .socket = c->monitor, .events = ZMQ_POLLIN },
		{ .fd = fd, .events = ZMQ_POLLIN },
	};

	if (c->gone)
		return -ENOTCONN;
	if (zmq_poll(items, fd < 0 ? 2 : 3, timeout_ms) < 0)
		return -errno;
	if (items[1].revents & ZMQ_POLLIN)
		receive_ending(c);
	/* What the node said before it went still counts. */
	if (receive(c) < PACKETS_A_WAIT && c->gone)
		return -ENOTCONN;
	return fd >= 0 && items[2].revents ? 1 : 0;
}
