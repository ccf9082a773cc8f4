/* libwebsockets' part: one context on the host's loop, one vhost per TLS configuration, and the callback through which
 * it speaks. */
#include <dlfcn.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <string.h>

#include "link.h"

#define CLOSING_ROUNDS 5     /* of the loop; two would do */
#define READ_SIZE (32 << 10) /* bytes read from a socket at a time; one buffer for all */

static _Thread_local struct gv_world *log_world; /* libwebsockets' log function takes no argument of ours */

static void log_line(int level, const char *line)
{
	if (log_world)
		gv_world_log(log_world, level == LLL_ERR ? GV_ERR : GV_WARN, "libwebsockets says: %.*s",
			     (int)strcspn(line, "\n"), line);
}

static const char *ssl_problem(void)
{
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());

	return reason ? reason : "unknown";
}

static int callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t size)
{
	switch (reason) {
	case LWS_CALLBACK_RAW_RX:
		conn_read(lws_get_opaque_user_data(wsi), in, size);
		return 0;
	case LWS_CALLBACK_RAW_WRITEABLE:
		conn_writable(lws_get_opaque_user_data(wsi));
		return 0;
	case LWS_CALLBACK_RAW_CLOSE:
		conn_closed(lws_get_opaque_user_data(wsi));
		return 0;
	case LWS_CALLBACK_OPENSSL_LOAD_EXTRA_SERVER_VERIFY_CERTS:
		return tls_prepare(lws_vhost_user(in), user);
	default:
		return 0;
	}
}

static const struct lws_protocols protocols[] = {
	{ "galvan", callback, 0, 0, 0, NULL, 0 },
	{ NULL, NULL, 0, 0, 0, NULL, 0 },
};

static bool any_tls(const struct link *l)
{
	for (size_t i = 0; i < l->n_ports; i++) {
		if (l->ports[i].tls.cert)
			return true;
	}
	return false;
}

int context_open(struct link *l)
{
	void *loops[] = { l->loop };
	struct lws_context_creation_info info = {
		.port = CONTEXT_PORT_NO_LISTEN_SERVER,
		.protocols = protocols,
		.gid = (gid_t)-1,
		.uid = (uid_t)-1,
		.options = LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_EXPLICIT_VHOSTS,
		.foreign_loops = loops,
		.pt_serv_buf_size = READ_SIZE,
		.timeout_secs = l->handshake_timeout_ms / 1000,
		.pcontext = &l->lws,
	};

	log_world = l->world;
	lws_set_log_level(LLL_ERR | LLL_WARN, log_line);
	if (any_tls(l))
		info.options |= LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
	l->lws = lws_create_context(&info);
	if (!l->lws) {
		gv_world_log(
			l->world, GV_ERR,
			"libwebsockets does not start; is its libuv plugin installed? package=libwebsockets-evlib-uv");
		return -EIO;
	}
	/* Its libuv part unloads itself from within its last callback (4.1.6), and returns into nothing: keep it. */
	dlopen("libwebsockets-evlib_uv.so", RTLD_NOW | RTLD_NODELETE);
	return 0;
}

/* On a loop that is not its own, lws_context_destroy (4.1.6) closes its handles and then has to be called once more
 * when the loop has seen them closed, which takes two rounds; nothing tells when. The callers' ticks are rounds of the
 * loop. */
void context_close(struct link *l)
{
	if (!l->lws)
		return;
	l->lws_closing++;
	if (l->lws_closing == 1 || l->lws_closing == CLOSING_ROUNDS)
		lws_context_destroy(l->lws); /* the second time sets l->lws to NULL */
}

static struct lws_vhost *plain_vhost(struct link *l)
{
	struct lws_context_creation_info info = { .port = CONTEXT_PORT_NO_LISTEN_SERVER,
						  .protocols = protocols,
						  .vhost_name = "plain" };

	if (!l->plain)
		l->plain = lws_create_vhost(l->lws, &info);
	return l->plain;
}

struct lws_vhost *context_vhost(struct link *l, struct port *port)
{
	char name[32];
	struct lws_context_creation_info info = {
		.port = CONTEXT_PORT_NO_LISTEN_SERVER,
		.protocols = protocols,
		.vhost_name = name,
		.options = LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT,
		.ssl_cert_filepath = port->tls.cert,
		.ssl_private_key_filepath = port->tls.key,
		.ssl_cipher_list = port->tls.ciphers,
		.alpn = "http/1.1", /* or it agrees to HTTP/2 and takes the connection away from us */
		.user = port,
	};
	struct lws_vhost *vhost;

	if (!port->tls.cert)
		return plain_vhost(l);
	snprintf(name, sizeof(name), "tls-%u", (unsigned)port->number);
	ERR_clear_error();
	vhost = lws_create_vhost(l->lws, &info);
	if (!vhost)
		gv_world_log(l->world, GV_ERR,
			     "TLS does not start; do certificate and key exist and belong together? port=%u cert=%s "
			     "key=%s error=%s",
			     (unsigned)port->number, port->tls.cert, port->tls.key, ssl_problem());
	else /* it would let the client name another port's vhost, and so be asked for another port's certificates */
		SSL_CTX_set_tlsext_servername_callback(port->tls.ctx, NULL);
	return vhost;
}
