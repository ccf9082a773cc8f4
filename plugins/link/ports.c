/* Ports: what the config says, the listening sockets, accepting. The sockets are ours and not libwebsockets', so that
 * listening can end before the connections do, and so that running out of descriptors has an answer. */
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "link.h"

#define BACKLOG 4096
#define ACCEPTS_AT_ONCE 128 /* before other connections get their turn */

/* ---- config ---------------------------------------------------------------------------------- */

static int take(char **ret, const char *text)
{
	if (!text[0])
		return 0;
	*ret = strdup(text);
	return *ret ? 0 : -ENOMEM;
}

static int init_tls(struct tls *ret, struct gv_turn *t, const Link__Tls *from, bool websocket, size_t i)
{
	const char *files[TLS_FILES] = { from->cert,       from->key,       from->second_cert,
					 from->second_key, from->client_ca, from->crl };
	static const char *const names[TLS_FILES] = { "cert", "key", "second_cert", "second_key", "client_ca", "crl" };
	int r = 0;

	if (!from->cert[0] || !from->key[0])
		return gv_fault(t, "config listen[%zu].tls: needs cert and key", i);
	if ((from->crl[0] || from->client_certificate[0]) && !from->client_ca[0] && !from->local_ca)
		return gv_fault(
			t,
			"config listen[%zu].tls: crl and client_certificate need client_ca or local_ca, which say "
			"whose certificates are meant",
			i);
	if (!from->second_cert[0] != !from->second_key[0])
		return gv_fault(t, "config listen[%zu].tls: second_cert and second_key go together", i);
	for (size_t k = 0; k < TLS_FILES; k++) {
		if (files[k][0] && access(files[k], R_OK) < 0)
			return gv_fault(
				t, "config listen[%zu].tls.%s: cannot read %s: %s%s", i, names[k], files[k],
				strerror(errno),
				files[k][0] == '/'
					? ""
					: " (write it from / on: a plugin does not know where the config lies)");
	}
	r |= take(&ret->cert, from->cert) | take(&ret->key, from->key) | take(&ret->ciphers, from->ciphers);
	r |= take(&ret->second_cert, from->second_cert) | take(&ret->second_key, from->second_key);
	r |= take(&ret->client_ca, from->client_ca) | take(&ret->crl, from->crl);
	ret->local_ca = from->local_ca;
	ret->demand = from->client_certificate[0] ? !strcmp(from->client_certificate, "demand") : !websocket;
	return r ? -ENOMEM : 0;
}

static int init_port(struct link *l, struct gv_turn *t, const Link__Port *from, size_t i)
{
	struct port *p = &l->ports[l->n_ports];
	int given = (from->ws != 0) + (from->http != 0) + (from->tcp != 0);
	uint32_t number = from->ws ? from->ws : from->http ? from->http : from->tcp;

	p->link = l;
	p->fds[0] = p->fds[1] = -1;
	l->n_ports++;
	if (given != 1)
		return gv_fault(t, "config listen[%zu]: give exactly one of ws, http and tcp", i);
	if (number > UINT16_MAX)
		return gv_fault(t, "config listen[%zu]: %u is no port; 1 to 65535 are", i, number);
	p->kind = from->ws ? PORT_WS : from->http ? PORT_HTTP : PORT_TCP;
	p->number = (uint16_t)number;
	if (p->kind != PORT_WS && !from->to[0])
		return gv_fault(t, "config listen[%zu]: 'to' must name the plugin that port %u belongs to", i, number);
	for (size_t k = 0; k < i; k++)
		if (l->ports[k].number == p->number && !strcmp(l->ports[k].host ? l->ports[k].host : "", from->host))
			return gv_fault(t, "config listen[%zu]: port %u is that of listen[%zu] already", i, number, k);
	if (p->kind != PORT_TCP && from->listener[0])
		return gv_fault(t,
				"config listen[%zu]: only a tcp port names a listener; on others the path tells which "
				"one is meant",
				i);
	if (take(&p->to, from->to) < 0 || take(&p->host, from->host) < 0 || take(&p->listener, from->listener) < 0)
		return -ENOMEM;
	return from->tls ? init_tls(&p->tls, t, from->tls, p->kind == PORT_WS, i) : 0;
}

int ports_init(struct link *l, struct gv_turn *t, const Link__Config *config)
{
	if (config->n_listen > LINK_PORTS_MAX)
		return gv_fault(t, "config listen: %zu ports; at most %d", config->n_listen, LINK_PORTS_MAX);
	for (size_t i = 0; i < config->n_listen; i++) {
		int r = init_port(l, t, config->listen[i], i);

		if (r < 0)
			return r;
	}
	return 0;
}

void ports_fini(struct link *l)
{
	for (size_t i = 0; i < l->n_ports; i++) {
		struct port *p = &l->ports[i];

		free(p->to);
		free(p->host);
		free(p->listener);
		free(p->tls.cert);
		free(p->tls.key);
		free(p->tls.second_cert);
		free(p->tls.second_key);
		free(p->tls.ciphers);
		free(p->tls.client_ca);
		free(p->tls.crl);
	}
	l->n_ports = 0;
}

/* ---- accepting ------------------------------------------------------------------------------- */

/* A descriptor that was accepted: a connection, or closed again where that would be one too many. */
static void take_in(struct port *p, int fd, const struct sockaddr_storage *peer)
{
	struct link *l = p->link;
	uint8_t address[16];
	uint16_t peer_port;
	struct origin *origin;
	struct conn *c;

	address_read(peer, address, &peer_port);
	if (l->n_conns >= l->max_connections) {
		gv_world_count(l->world, "too_many", 1);
		origins_refused(l, address, "max_connections are open");
		close(fd);
		return;
	}
	if (!origins_admit(l, address, &origin)) {
		close(fd);
		return;
	}
	alive_accepted(fd);
	if (p->tls.cert)
		tls_refresh(p);
	c = conn_adopt(l, p, fd, address, peer_port, origin);
	if (c && p->kind == PORT_TCP)
		tcp_accepted(c);
}

/* False: the rest has to wait. */
static bool accept_one(struct port *p, int listener)
{
	struct link *l = p->link;
	struct sockaddr_storage peer = { 0 };
	socklen_t size = sizeof(peer);
	int fd = accept4(listener, (struct sockaddr *)&peer, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)) {
		gv_world_log(l->world, GV_ERR,
			     "Out of descriptors or memory; accepting again soon port=%u connections=%zu error=%s",
			     (unsigned)p->number, l->n_conns, strerror(errno));
		p->waiting = true;
		for (size_t i = 0; i < 2; i++) {
			if (p->polls[i])
				uv_poll_stop(p->polls[i]);
		}
	}
	if (fd < 0)
		return errno == EINTR || errno == ECONNABORTED;
	take_in(p, fd, &peer);
	return true;
}

static void on_acceptable(uv_poll_t *poll, int status, int events)
{
	struct port *p = poll->data;
	uv_os_fd_t fd;

	if (status < 0 || uv_fileno((uv_handle_t *)poll, &fd) < 0)
		return;
	for (unsigned i = 0; i < ACCEPTS_AT_ONCE && accept_one(p, fd); i++)
		;
}

void ports_retry(struct link *l)
{
	for (size_t i = 0; i < l->n_ports; i++) {
		struct port *p = &l->ports[i];

		for (size_t k = 0; p->waiting && k < 2; k++) {
			if (p->polls[k])
				uv_poll_start(p->polls[k], UV_READABLE, on_acceptable);
		}
		p->waiting = false;
	}
}

/* ---- listening ------------------------------------------------------------------------------- */

static int make_socket(const struct addrinfo *a, bool dual)
{
	int yes = 1, v6only = !dual, fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (a->ai_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6only, sizeof(v6only));
	if (bind(fd, a->ai_addr, a->ai_addrlen) < 0 || listen(fd, BACKLOG) < 0) {
		int error = -errno;

		close(fd);
		return error;
	}
	return fd;
}

static int listen_at(struct port *p, const struct addrinfo *a, bool dual, size_t i)
{
	struct link *l = p->link;
	int fd = make_socket(a, dual);

	if (fd < 0)
		return fd;
	p->polls[i] = link_handle(l, sizeof(uv_poll_t));
	if (!p->polls[i]) {
		close(fd);
		return -ENOMEM;
	}
	p->fds[i] = fd;
	uv_poll_init(l->loop, p->polls[i], fd);
	p->polls[i]->data = p;
	return uv_poll_start(p->polls[i], UV_READABLE, on_acceptable);
}

/* All addresses: one socket for IPv6 and IPv4, or one for IPv4 where there is no IPv6. */
static int listen_everywhere(struct port *p)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(p->number) };
	struct sockaddr_in in4 = { .sin_family = AF_INET, .sin_port = htons(p->number) };
	struct addrinfo any6 = { .ai_family = AF_INET6, .ai_addr = (struct sockaddr *)&in6, .ai_addrlen = sizeof(in6) };
	struct addrinfo any4 = { .ai_family = AF_INET, .ai_addr = (struct sockaddr *)&in4, .ai_addrlen = sizeof(in4) };
	int r = listen_at(p, &any6, true, 0);

	return r == -EAFNOSUPPORT || r == -EADDRNOTAVAIL ? listen_at(p, &any4, false, 0) : r;
}

static int listen_on(struct port *p, const char *host)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV }, *all = NULL;
	char number[8];
	size_t n = 0;
	int r;

	snprintf(number, sizeof(number), "%u", (unsigned)p->number);
	r = getaddrinfo(host, number, &hints, &all);
	if (r != 0) {
		gv_world_log(p->link->world, GV_ERR,
			     "config listen: the host is not an address of this machine host=%s error=%s", host,
			     gai_strerror(r));
		return -EADDRNOTAVAIL;
	}
	r = -EADDRNOTAVAIL;
	for (const struct addrinfo *a = all; a && n < 2; a = a->ai_next) {
		r = listen_at(p, a, false, n);
		if (r < 0)
			break;
		n++;
	}
	freeaddrinfo(all);
	return r;
}

static int open_port(struct link *l, struct port *p)
{
	const char *host = p->host ? p->host : p->kind == PORT_HTTP ? "127.0.0.1" : NULL;
	int r;

	p->vhost = context_vhost(l, p);
	if (!p->vhost)
		return -EINVAL;
	r = host ? listen_on(p, host) : listen_everywhere(p);
	if (r < 0)
		gv_world_log(
			l->world, GV_ERR,
			"Cannot listen; give another port in the config of link, or stop what holds this one port=%u "
			"host=%s error=%s",
			(unsigned)p->number, host ? host : "*", strerror(-r));
	else
		gv_world_log(l->world, GV_INFO, "Listening port=%u host=%s kind=%s tls=%s", (unsigned)p->number,
			     host ? host : "*",
			     p->kind == PORT_WS     ? "ws"
			     : p->kind == PORT_HTTP ? "http"
						    : "tcp",
			     p->tls.cert ? "yes" : "no");
	return r;
}

int ports_open(struct link *l)
{
	for (size_t i = 0; i < l->n_ports; i++) {
		int r = open_port(l, &l->ports[i]);

		if (r < 0)
			return r;
	}
	return 0;
}

void ports_close(struct link *l)
{
	for (size_t i = 0; i < l->n_ports; i++) {
		struct port *p = &l->ports[i];

		for (size_t k = 0; k < 2; k++) {
			if (p->polls[k])
				link_handle_close(l, p->polls[k]);
			p->polls[k] = NULL;
			if (p->fds[k] >= 0)
				close(p->fds[k]);
			p->fds[k] = -1;
		}
	}
}
