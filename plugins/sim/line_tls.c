/* TLS on a line: what comes from the socket goes through OpenSSL's memory to the line, and back. The server's
 * certificate is not looked at: this is a load, and a test harness, which has nothing to hide. */
#include "line_internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

static int ready(struct line_io *io)
{
	SSL_CTX *ctx = io->tls ? io->tls : SSL_CTX_new(TLS_client_method());

	if (!ctx)
		return -ENOMEM;
	io->tls = ctx;
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
	return 0;
}

/* What OpenSSL wants to say. */
static int flush(struct line *l)
{
	BIO *out = SSL_get_wbio(l->ssl);
	char *data;
	long size = BIO_get_mem_data(out, &data);
	int r = size > 0 ? line_put(l, (const uint8_t *)data, (size_t)size) : 0;

	(void)BIO_reset(out);
	return r;
}

static void shake_hands(struct line *l)
{
	int r = SSL_do_handshake(l->ssl);
	bool waits = r <= 0 && SSL_get_error(l->ssl, r) == SSL_ERROR_WANT_READ;

	flush(l);
	ERR_clear_error();
	if (r == 1)
		line_handshake(l);
	else if (!waits)
		line_fail_dial(l, "the server refused TLS");
}

int line_tls_start(struct line *l, const char *host)
{
	struct in6_addr address;
	bool literal = inet_pton(AF_INET, host, &address) == 1 || inet_pton(AF_INET6, host, &address) == 1;
	BIO *in, *out;

	if (ready(l->io) < 0 || !(l->ssl = SSL_new(l->io->tls)))
		return -ENOMEM;
	in = BIO_new(BIO_s_mem());
	out = BIO_new(BIO_s_mem());
	if (!in || !out) {
		BIO_free(in);
		BIO_free(out);
		return -ENOMEM;
	}
	SSL_set_bio(l->ssl, in, out);
	SSL_set_connect_state(l->ssl);
	if (!literal)
		SSL_set_tlsext_host_name(l->ssl, host);
	shake_hands(l);
	return 0;
}

void line_tls_end(struct line *l)
{
	SSL_free(l->ssl);
	l->ssl = NULL;
}

void line_tls_fini(struct line_io *io)
{
	SSL_CTX_free(io->tls);
	io->tls = NULL;
}

void line_tls_received(struct line *l, const char *data, size_t size)
{
	BIO_write(SSL_get_rbio(l->ssl), data, (int)size);
	if (!SSL_is_init_finished(l->ssl))
		shake_hands(l);
	while (SSL_is_init_finished(l->ssl) && !uv_is_closing((uv_handle_t *)&l->tcp)) {
		int n = SSL_read(l->ssl, l->io->plain, sizeof(l->io->plain));
		int why = n > 0 ? SSL_ERROR_NONE : SSL_get_error(l->ssl, n);

		flush(l);
		ERR_clear_error();
		if (n > 0)
			line_received(l, l->io->plain, (size_t)n);
		else if (why == SSL_ERROR_WANT_READ)
			return;
		else
			line_lost(l, why == SSL_ERROR_ZERO_RETURN ? "the server ended the connection"
								  : "the server broke TLS");
	}
}

int line_tls_send(struct line *l, const uint8_t *data, size_t size)
{
	int n = SSL_write(l->ssl, data, (int)size);

	ERR_clear_error();
	if (n != (int)size) {
		line_finish(l, "TLS cannot be written");
		return -EPIPE;
	}
	return flush(l);
}
