/* See outgoing.h. libwebsockets' own client is not used: with raw bytes it has no TLS (4.1), it blocks the loop while
 * it looks a name up, and it tells of a certificate that does not hold only that it does not. */
#include "outgoing.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define READ_SIZE (32 << 10)
#define READS_AT_ONCE 8 /* before others have their turn */

struct outgoing {
	struct conn *conn;
	uv_poll_t *poll;
	SSL *ssl; /* NULL: plain */
	int fd;
	struct bytes left; /* written by the connection, not yet taken by the socket */
	bool connected;    /* TCP */
	bool ready;        /* TLS as well */
	bool listening;
	bool wants_write; /* TLS has something to say */
};

static void on_event(uv_poll_t *poll, int status, int events);

static void watch(struct outgoing *o)
{
	int events = 0;

	if (!o->connected || o->wants_write || o->left.size)
		events |= UV_WRITABLE;
	if (o->connected && (!o->ready || o->listening))
		events |= UV_READABLE;
	uv_poll_start(o->poll, events, on_event);
}

/* ---- TLS ------------------------------------------------------------------------------------- */

static const char *reason(void)
{
	const char *text = ERR_reason_error_string(ERR_peek_last_error());

	return text ? text : "the connection broke";
}

SSL_CTX *outgoing_context(const char *ca, const char *cert, const char *key, char ret[static LINK_SENTENCE_MAX])
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

	ERR_clear_error();
	ret[0] = '\0';
	if (!ctx || !SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION))
		snprintf(ret, LINK_SENTENCE_MAX, "TLS does not start: %s", reason());
	else if (ca ? !SSL_CTX_load_verify_locations(ctx, ca, NULL) : !SSL_CTX_set_default_verify_paths(ctx))
		snprintf(ret, LINK_SENTENCE_MAX, "ca: %s cannot be used: %s", ca ? ca : "the system's", reason());
	else if (cert && SSL_CTX_use_certificate_chain_file(ctx, cert) != 1)
		snprintf(ret, LINK_SENTENCE_MAX, "cert: %s cannot be used: %s", cert, reason());
	else if (cert &&
		 (SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1 || SSL_CTX_check_private_key(ctx) != 1))
		snprintf(ret, LINK_SENTENCE_MAX, "key: %s is not that of cert, or cannot be used: %s", key, reason());
	if (ret[0]) {
		SSL_CTX_free(ctx);
		return NULL;
	}
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION);
	SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
				      SSL_MODE_RELEASE_BUFFERS);
	return ctx;
}

/* Whose certificate it must be: a name's, or an address's. */
static SSL *secure(SSL_CTX *ctx, const char *host, int fd)
{
	SSL *ssl = SSL_new(ctx);
	bool ok = ssl && SSL_set_fd(ssl, fd) == 1;

	if (ok) {
		SSL_set_connect_state(ssl);
		SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
		if (!X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host))
			ok = SSL_set1_host(ssl, host) == 1 && SSL_set_tlsext_host_name(ssl, host) == 1;
	}
	if (!ok) {
		SSL_free(ssl);
		return NULL;
	}
	return ssl;
}

static void tls_failed(struct outgoing *o)
{
	long verified = SSL_get_verify_result(o->ssl);

	if (verified != X509_V_OK)
		dial_problem(o->conn,
			     "the server's certificate does not hold: %s; is the name in the url right, and is its "
			     "authority among those that are trusted (ca)?",
			     X509_verify_cert_error_string(verified));
	else
		dial_problem(o->conn, "no TLS with the server: %s", reason());
	conn_kill(o->conn, 1006, "no TLS");
}

/* ---- bytes ----------------------------------------------------------------------------------- */

/* How many were taken, 0: none now, negative: lost. */
static ssize_t put(struct outgoing *o, const uint8_t *data, size_t size)
{
	ssize_t n;
	int error;

	if (!o->ssl) {
		n = send(o->fd, data, size, MSG_NOSIGNAL);
		return n < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : n;
	}
	ERR_clear_error();
	n = SSL_write(o->ssl, data, (int)size);
	if (n > 0)
		return n;
	error = SSL_get_error(o->ssl, (int)n);
	return error == SSL_ERROR_WANT_WRITE || error == SSL_ERROR_WANT_READ ? 0 : -1;
}

/* How many came; 0: none now; negative: the end. */
static ssize_t take(struct outgoing *o, uint8_t *ret, size_t size)
{
	ssize_t n;
	int error;

	if (!o->ssl) {
		n = recv(o->fd, ret, size, 0);
		return n > 0 ? n : n < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
	}
	ERR_clear_error();
	n = SSL_read(o->ssl, ret, (int)size);
	if (n > 0)
		return n;
	error = SSL_get_error(o->ssl, (int)n);
	o->wants_write = error == SSL_ERROR_WANT_WRITE;
	if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE)
		return 0;
	if (!o->conn->spoken) /* TLS 1.3: a server says no to a client's certificate only now */
		dial_problem(o->conn, "the server ended TLS: %s", reason());
	return -1;
}

/* The connection is lost; what the server said before may tell why, such as that it wants a certificate. */
static void hear_out(struct outgoing *o)
{
	uint8_t any[1];

	if (!o->conn->spoken && take(o, any, sizeof(any)) < 0)
		dial_problem(o->conn, "the server closed the connection without a word");
}

int outgoing_write(struct outgoing *o, const uint8_t *data, size_t size)
{
	while (size && !o->left.size) {
		ssize_t n = put(o, data, size);

		if (n < 0) {
			hear_out(o);
			return -EPIPE;
		}
		if (n == 0)
			break;
		data += n;
		size -= (size_t)n;
	}
	if (size) {
		if (bytes_add(&o->left, data, size) < 0)
			return -ENOMEM;
		watch(o);
	}
	return 0;
}

bool outgoing_choked(const struct outgoing *o)
{
	return o->left.size != 0;
}

static void flush(struct outgoing *o)
{
	struct conn *c = o->conn;

	while (o->left.size) {
		ssize_t n = put(o, o->left.data, o->left.size);

		if (n < 0) {
			conn_kill(c, 1006, "connection lost");
			return;
		}
		if (n == 0)
			return;
		bytes_drop(&o->left, (size_t)n);
	}
	conn_writable(c);
}

static void read_some(struct outgoing *o)
{
	static _Thread_local uint8_t buffer[READ_SIZE];
	struct conn *c = o->conn;

	for (int i = 0; i < READS_AT_ONCE && !c->dead && o->listening; i++) {
		ssize_t n = take(o, buffer, sizeof(buffer));

		if (n < 0) {
			dial_problem(c, "the server closed the connection without a word");
			conn_kill(c, 1006, "connection lost");
		}
		if (n <= 0)
			return;
		conn_read(c, buffer, (size_t)n);
	}
}

void outgoing_continue(struct outgoing *o)
{
	if (o->ready && o->listening && o->ssl && SSL_pending(o->ssl) > 0)
		read_some(o);
}

/* ---- the way up ------------------------------------------------------------------------------ */

static void shake_hands(struct outgoing *o)
{
	int n, error;

	ERR_clear_error();
	n = SSL_do_handshake(o->ssl);
	error = n == 1 ? SSL_ERROR_NONE : SSL_get_error(o->ssl, n);
	o->wants_write = error == SSL_ERROR_WANT_WRITE;
	if (error == SSL_ERROR_NONE)
		o->ready = true;
	else if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE)
		tls_failed(o);
}

static void advance(struct outgoing *o)
{
	int error = 0;
	socklen_t size = sizeof(error);

	if (!o->connected) {
		getsockopt(o->fd, SOL_SOCKET, SO_ERROR, &error, &size);
		if (error) {
			dial_problem(o->conn, "cannot connect: %s; is the server running, and the address right?",
				     strerror(error));
			conn_kill(o->conn, 1006, "cannot connect");
			return;
		}
		o->connected = true;
		alive_accepted(o->fd);
	}
	if (o->ssl)
		shake_hands(o);
	else
		o->ready = true;
	if (o->ready)
		dial_connected(o->conn);
}

static void on_event(uv_poll_t *poll, int status, int events)
{
	struct outgoing *o = poll->data;
	struct conn *c = o->conn;

	if (c->dead)
		return;
	if (status < 0 || !o->ready) { /* a socket's error is found where it is next used */
		if (o->ready) {
			hear_out(o);
			conn_kill(c, 1006, "connection lost");
		} else {
			advance(o);
		}
	} else {
		if (events & UV_WRITABLE && o->left.size)
			flush(o);
		if (!c->dead && (events & UV_READABLE || o->wants_write))
			read_some(o);
	}
	if (!c->dead)
		watch(o);
	link_flush(c->link);
}

int outgoing_create(struct conn *c, const struct sockaddr *to, socklen_t size, SSL_CTX *ctx, const char *host)
{
	struct outgoing *o = calloc(1, sizeof(*o));
	int r = -ENOMEM;

	if (!o)
		return -ENOMEM;
	o->conn = c;
	o->listening = true;
	o->fd = socket(to->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (o->fd < 0) {
		r = -errno;
		goto fail;
	}
	if (ctx && !(o->ssl = secure(ctx, host, o->fd)))
		goto fail;
	if (connect(o->fd, to, size) < 0 && errno != EINPROGRESS) {
		r = -errno;
		goto fail;
	}
	o->poll = link_handle(c->link, sizeof(*o->poll));
	if (!o->poll)
		goto fail;
	uv_poll_init_socket(c->link->loop, o->poll, o->fd);
	o->poll->data = o;
	c->outgoing = o;
	c->tls = o->ssl != NULL;
	watch(o);
	return 0;
fail:
	SSL_free(o->ssl);
	if (o->fd >= 0)
		close(o->fd);
	free(o);
	return r;
}

void outgoing_destroy(struct outgoing *o)
{
	uv_poll_stop(o->poll);
	link_handle_close(o->conn->link, o->poll);
	SSL_free(o->ssl);
	close(o->fd);
	bytes_fini(&o->left);
	free(o);
}

void outgoing_listen(struct outgoing *o, bool on)
{
	o->listening = on;
	watch(o);
}

int outgoing_descriptor(const struct outgoing *o)
{
	return o->fd;
}

SSL *outgoing_ssl(const struct outgoing *o)
{
	return o->ssl;
}
