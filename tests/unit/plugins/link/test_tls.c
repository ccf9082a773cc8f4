/* The same over TLS: old versions are refused, both kinds of certificate are served, client certificates are demanded
 * where configured. */
#include "client.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct server server;
static char cert[128], key[128], second_cert[128], second_key[128];

TestSuite(tls, .timeout = 60);

/* A self-signed certificate for localhost. */
static void make(EVP_PKEY *pkey, const char *cert_file, const char *key_file)
{
	X509 *x = X509_new();
	FILE *f;

	ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
	X509_gmtime_adj(X509_getm_notBefore(x), -60);
	X509_gmtime_adj(X509_getm_notAfter(x), 3600);
	X509_set_pubkey(x, pkey);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC, (const unsigned char *)"localhost", -1,
				   -1, 0);
	X509_set_issuer_name(x, X509_get_subject_name(x));
	cr_assert(X509_sign(x, pkey, EVP_sha256()));
	cr_assert(f = fopen(cert_file, "w"));
	PEM_write_X509(f, x);
	fclose(f);
	cr_assert(f = fopen(key_file, "w"));
	PEM_write_PrivateKey(f, pkey, NULL, NULL, 0, NULL, NULL);
	fclose(f);
	X509_free(x);
	EVP_PKEY_free(pkey);
}

static void setup(bool client_ca)
{
	struct world_options o = { 0 };

	strcpy(server.folder, "/tmp/galvan-link-XXXXXX");
	cr_assert(mkdtemp(server.folder));
	snprintf(cert, sizeof(cert), "%s/cert.pem", server.folder);
	snprintf(key, sizeof(key), "%s/key.pem", server.folder);
	snprintf(second_cert, sizeof(second_cert), "%s/cert2.pem", server.folder);
	snprintf(second_key, sizeof(second_key), "%s/key2.pem", server.folder);
	make(EVP_RSA_gen(2048), cert, key);
	make(EVP_EC_gen("P-256"), second_cert, second_key);
	o.cert = cert;
	o.key = key;
	o.second_cert = second_cert;
	o.second_key = second_key;
	o.client_ca = client_ca ? cert : NULL;
	server_start(&server, &o);
}

static SSL_CTX *context(int max_version, const char *sigalgs)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

	SSL_CTX_set_security_level(ctx, 0);
	SSL_CTX_set_min_proto_version(ctx, 0);
	if (max_version)
		SSL_CTX_set_max_proto_version(ctx, max_version);
	if (sigalgs)
		SSL_CTX_set1_sigalgs_list(ctx, sigalgs);
	return ctx;
}

static SSL *dial(SSL_CTX *ctx, int *ret_fd)
{
	SSL *ssl = SSL_new(ctx);

	*ret_fd = client_connect(server.options.tls);
	SSL_set_fd(ssl, *ret_fd);
	return ssl;
}

static void hang_up(SSL *ssl, SSL_CTX *ctx, int fd)
{
	SSL_free(ssl);
	SSL_CTX_free(ctx);
	close(fd);
}

static const char upgrade[] =
	"GET /ocpp/CP001 HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: x\r\n"
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: ocpp1.6\r\n\r\n";

Test(tls, a_session_with_large_frames_both_ways)
{
	static uint8_t frame[60008] = { 0x81, 0xfe, 60000 >> 8, 60000 & 0xff }, answer[60004];
	char head[1024];
	int fd, n, at = 0;
	setup(false);
	SSL_CTX *ctx = context(0, NULL);
	SSL *ssl = dial(ctx, &fd);

	cr_assert_eq(SSL_connect(ssl), 1);
	SSL_write(ssl, upgrade, sizeof(upgrade) - 1);
	n = SSL_read(ssl, head, sizeof(head));
	cr_assert(n > 0 && strncmp(head, "HTTP/1.1 101 ", 13) == 0);
	memset(frame + 8, 't', 60000);
	for (unsigned i = 0; i < 20; i++) {
		cr_assert_eq(SSL_write(ssl, frame, sizeof(frame)), (int)sizeof(frame));
		for (at = 0; at < (int)sizeof(answer); at += n) {
			n = SSL_read(ssl, answer + at, (int)sizeof(answer) - at);
			cr_assert_gt(n, 0);
		}
		cr_assert(answer[0] == 0x81 && answer[4] == 't' && answer[60003] == 't');
	}
	hang_up(ssl, ctx, fd);
	server_stop(&server);
}

/* curl and browsers offer both; a client that offers HTTP/2 alone is not promised it. */
Test(tls, http_2_is_not_agreed_to)
{
	static const unsigned char both[] = "\x02h2\x08http/1.1", alone[] = "\x02h2";
	const unsigned char *chosen;
	unsigned size;
	char head[1024];
	int fd, n;

	setup(false);
	for (int i = 0; i < 2; i++) {
		SSL_CTX *ctx = context(0, NULL);
		SSL *ssl = dial(ctx, &fd);

		SSL_set_alpn_protos(ssl, i ? alone : both, i ? sizeof(alone) - 1 : sizeof(both) - 1);
		cr_assert_eq(SSL_connect(ssl), 1);
		SSL_get0_alpn_selected(ssl, &chosen, &size);
		cr_expect(size == (i ? 0 : 8) && (i || memcmp(chosen, "http/1.1", 8) == 0));
		SSL_write(ssl, upgrade, sizeof(upgrade) - 1);
		n = SSL_read(ssl, head, sizeof(head));
		cr_expect(n > 0 && strncmp(head, "HTTP/1.1 101 ", 13) == 0);
		hang_up(ssl, ctx, fd);
	}
	server_stop(&server);
}

Test(tls, a_close_ends_the_session_properly)
{
	char head[1024];
	int fd, n;
	setup(false);
	SSL_CTX *ctx = context(TLS1_2_VERSION, NULL);
	SSL *ssl = dial(ctx, &fd);

	cr_assert_eq(SSL_connect(ssl), 1);
	SSL_write(ssl, "GET /nowhere HTTP/1.0\r\n\r\n", 25);
	while ((n = SSL_read(ssl, head, sizeof(head))) > 0)
		;
	cr_expect_eq(SSL_get_error(ssl, n), SSL_ERROR_ZERO_RETURN, "close_notify came, not a bare end");
	hang_up(ssl, ctx, fd);
	server_stop(&server);
}

Test(tls, both_kinds_of_certificate_and_no_old_versions)
{
	int fd;
	setup(false);
	SSL_CTX *ctx = context(TLS1_2_VERSION, "RSA+SHA256");
	SSL *ssl = dial(ctx, &fd);

	cr_expect_eq(SSL_connect(ssl), 1);
	cr_expect_eq(EVP_PKEY_base_id(X509_get0_pubkey(SSL_get0_peer_certificate(ssl))), EVP_PKEY_RSA);
	hang_up(ssl, ctx, fd);
	ctx = context(TLS1_2_VERSION, "ECDSA+SHA256");
	ssl = dial(ctx, &fd);
	cr_expect_eq(SSL_connect(ssl), 1);
	cr_expect_eq(EVP_PKEY_base_id(X509_get0_pubkey(SSL_get0_peer_certificate(ssl))), EVP_PKEY_EC);
	hang_up(ssl, ctx, fd);
	ctx = context(TLS1_1_VERSION, NULL);
	ssl = dial(ctx, &fd);
	cr_expect_neq(SSL_connect(ssl), 1, "TLS 1.1 is refused");
	hang_up(ssl, ctx, fd);
	server_stop(&server);
}

Test(tls, a_client_certificate_is_demanded_where_configured)
{
	char byte;
	int fd;
	setup(true);
	SSL_CTX *ctx = context(TLS1_2_VERSION, NULL);
	SSL *ssl = dial(ctx, &fd);

	cr_expect_neq(SSL_connect(ssl), 1, "none shown");
	hang_up(ssl, ctx, fd);
	ctx = context(TLS1_2_VERSION, NULL);
	SSL_CTX_use_certificate_file(ctx, cert, SSL_FILETYPE_PEM);
	SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM);
	ssl = dial(ctx, &fd);
	cr_expect_eq(SSL_connect(ssl), 1);
	SSL_write(ssl, upgrade, sizeof(upgrade) - 1);
	cr_expect_eq(SSL_read(ssl, &byte, 1), 1);
	hang_up(ssl, ctx, fd);
	server_stop(&server);
}

Test(tls, garbage_instead_of_a_handshake)
{
	char got[256];
	setup(false);
	int fd = client_connect(server.options.tls);

	errno = 0;
	client_puts(fd, "GET / HTTP/1.1\r\n\r\n");
	while (recv(fd, got, sizeof(got), 0) > 0) /* an alert, an end or a reset, but soon */
		;
	cr_expect(errno != EAGAIN);
	close(fd);
	fd = client_connect(server.options.tls); /* and one that is never finished: draining must not wait for it */
	server_stop(&server);
	close(fd);
}
