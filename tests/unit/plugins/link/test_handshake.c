/* Who comes in, as what, and who does not: link on real sockets. world.c says which devices there are. */
#include "client.h"

#include <criterion/criterion.h>
#include <openssl/evp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct server server;

static void setup(void)
{
	server_start(&server, &(struct world_options){ 0 });
}

static void teardown(void)
{
	server_stop(&server);
}

TestSuite(handshake, .init = setup, .fini = teardown, .timeout = 60);

#define OCPP16 "Sec-WebSocket-Protocol: ocpp1.6\r\n"

static char head[4096];

static unsigned status(const char *target, const char *headers)
{
	unsigned code = 0;

	close(client_upgrade(server.options.ws, target, headers, head, sizeof(head)));
	sscanf(head, "HTTP/1.1 %u", &code);
	return code;
}

static const char *basic(const char *user, const void *password, size_t size)
{
	static char header[1024];
	unsigned char text[256];
	size_t n = (size_t)snprintf((char *)text, sizeof(text), "%s:", user);
	int at = sprintf(header, OCPP16 "Authorization: Basic ");

	memcpy(text + n, password, size);
	at += EVP_EncodeBlock((unsigned char *)header + at, text, (int)(n + size));
	sprintf(header + at, "\r\n");
	return header;
}

Test(handshake, the_answer_is_that_of_the_rfc)
{
	cr_expect_eq(status("/ocpp/CP001", OCPP16), 101);
	cr_expect_not_null(strstr(head, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"), "%s", head);
	cr_expect_not_null(strstr(head, "Sec-WebSocket-Protocol: ocpp1.6\r\n"));
	cr_expect_null(strstr(head, "Sec-WebSocket-Extensions"));
}

Test(handshake, a_device_is_known_by_many_spellings_of_its_path)
{
	static const char *const targets[] = {
		"/ocpp/CP001",     "/ocpp/cp001", "/ocpp/CP001/",           "/ocpp/x/y/CP001",
		"/ocpp/CP001?a=b", "/ocpp/alias", "http://host/ocpp/CP001", "/ocpp/RDAM%7C123",
		"/ocpp/%43P001"
	};

	for (size_t i = 0; i < sizeof(targets) / sizeof(*targets); i++)
		cr_expect_eq(status(targets[i], OCPP16), 101, "%s: %s", targets[i], head);
}

Test(handshake, what_nobody_knows_is_not_found)
{
	cr_expect_eq(status("/ocpp/CP002", OCPP16), 404);
	cr_expect_eq(status("/ocpp/", OCPP16), 404);
	cr_expect_eq(status("/ocpp/%zz", OCPP16), 404);
	cr_expect_eq(status("/ocpp/CP001%00", OCPP16), 404);
}

Test(handshake, a_path_that_nobody_listens_at_yet_is_asked_to_come_again)
{
	int fd = client_open(server.options.ws, "/ocpp/CP001");

	cr_expect_eq(status("/nowhere/CP001", OCPP16), 404);
	client_text(fd, "!starting");
	client_expect_text(fd, "starting");
	cr_expect_eq(status("/nowhere/CP001", OCPP16), 503, "it may be the path of a plugin that is starting");
	cr_expect_not_null(strstr(head, "Retry-After: 5\r\n"));
	cr_expect_eq(status("/ocpp/CP002", OCPP16), 404, "somebody listens there, and does not know it");
	close(fd);
}

Test(handshake, whom_the_registry_may_know_is_asked_to_come_again_while_it_is_being_read)
{
	int fd = client_open(server.options.ws, "/ocpp/CP001");

	client_text(fd, "!reading");
	client_expect_text(fd, "reading");
	cr_expect_eq(status("/ocpp/CP002", OCPP16), 503);
	cr_expect_not_null(strstr(head, "Retry-After: 5\r\n"));
	cr_expect_eq(status("/ocpp/CP001", OCPP16), 101, "who has been read already comes in");
	close(fd);
}

Test(handshake, passwords_in_every_form_that_stations_send)
{
	static const char raw[] = "\x00\x01\x02\x03\x04\x05\x06\x07\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x3a";

	cr_expect_eq(status("/ocpp/Secret", basic("Secret", "pass:word", 9)), 101);
	cr_expect_eq(status("/ocpp/Secret", basic("Secret", "pass:word", 9)), 101, "and again, now from memory");
	cr_expect_eq(status("/ocpp/Secret", basic("Secret", "706173733a776f7264", 18)), 101, "its bytes in hex");
	cr_expect_eq(status("/ocpp/Hex", basic("Hex", raw, 20)), 101, "raw bytes, NUL and colon among them");
	cr_expect_eq(status("/ocpp/Hex", basic("hex", "0001020304050607ffffffffffffffffffffff3a", 40)), 101);
	cr_expect_eq(status("/ocpp/Hex", basic("Hex", "0001020304050607FFFFFFFFFFFFFFFFFFFFFF3A", 40)), 101,
		     "the other case");
}

Test(handshake, wrong_credentials_are_refused_before_the_upgrade)
{
	cr_expect_eq(status("/ocpp/Secret", OCPP16), 401);
	cr_expect_not_null(strstr(head, "WWW-Authenticate: Basic "));
	cr_expect_eq(status("/ocpp/Secret", basic("CP001", "pass:word", 9)), 401, "the user name is the identity");
	cr_expect_eq(status("/ocpp/Secret", basic("Secret", "wrong", 5)), 401);
	cr_expect_eq(status("/ocpp/Secret", basic("Secret", "wrong", 5)), 401, "the same again costs nothing");
	for (char guess = 'a'; guess < 'j'; guess++)
		cr_expect_eq(status("/ocpp/Secret", basic("Secret", &guess, 1)), 401);
	cr_expect_eq(status("/ocpp/Secret", basic("Secret", "z", 1)), 429, "guessing is slow");
	cr_expect_not_null(strstr(head, "Retry-After: 1\r\n"));
	cr_expect_eq(status("/ocpp/CP001", basic("CP001", "anything", 8)), 101,
		     "a device without a password needs none");
}

Test(handshake, the_subprotocol_is_the_stations_first_choice)
{
	cr_expect_eq(status("/ocpp/CP001",
			    "Sec-WebSocket-Protocol: ocpp1.2\r\nSec-WebSocket-Protocol: ,ocpp2.0.1, ocpp1.6\r\n"),
		     101);
	cr_expect_not_null(strstr(head, "Sec-WebSocket-Protocol: ocpp2.0.1\r\n"), "%s", head);
}

/* Stations try one version after the other (quirk 2): each is a connection of its own. */
Test(handshake, who_comes_back_with_another_version_gets_a_new_connection_of_that_version)
{
	int old = client_open(server.options.ws, "/ocpp/CP001"),
	    new = client_upgrade(server.options.ws, "/ocpp/CP001", "Sec-WebSocket-Protocol: ocpp2.0.1\r\n", head,
				 sizeof(head));

	client_expect_close(old, 1000);
	client_text(new, "!list");
	client_expect_text(new, "total=1 first=ocpp:CP001 sub=ocpp2.0.1");
	close(new);
}

Test(handshake, without_a_common_subprotocol_it_is_completed_and_closed)
{
	int fd = client_upgrade(server.options.ws, "/ocpp/CP001", "Sec-WebSocket-Protocol: ocpp1.2\r\n", head,
				sizeof(head));

	cr_expect_null(strstr(head, "Sec-WebSocket-Protocol"), "%s", head);
	client_expect_close(fd, 1002);
	fd = client_upgrade(server.options.ws, "/ocpp/CP001", "", head, sizeof(head));
	client_expect_close(fd, 1002);
}

Test(handshake, a_device_may_be_allowed_to_ask_for_none)
{
	int fd = client_upgrade(server.options.ws, "/ocpp/Lax", "", head, sizeof(head));

	cr_expect_null(strstr(head, "Sec-WebSocket-Protocol"), "%s", head);
	client_text(fd, "!list");
	client_expect_text(fd, "total=1 first=ocpp:Lax sub=ocpp1.6");
	close(fd);
}

Test(handshake, a_new_connection_replaces_the_old_one_at_once)
{
	int old = client_open(server.options.ws, "/ocpp/CP001"), new = client_open(server.options.ws, "/ocpp/alias");

	client_text(new, "!list");
	client_expect_text(new, "total=1 first=ocpp:CP001 sub=ocpp1.6");
	client_expect_close(old, 1000);
	client_text(new, "still here");
	client_expect_text(new, "still here");
	close(new);
}

Test(handshake, while_the_plugin_is_down_stations_are_asked_to_come_again)
{
	int fd = client_open(server.options.ws, "/ocpp/CP001");

	client_text(fd, "!down");
	client_expect_text(fd, "down");
	cr_expect_eq(status("/ocpp/Lax", OCPP16), 503);
	cr_expect_not_null(strstr(head, "Retry-After: 5\r\n"));
	client_text(fd, "!up");
	client_expect_text(fd, "up");
	cr_expect_eq(status("/ocpp/Lax", OCPP16), 101);
	close(fd);
}

Test(handshake, a_deleted_device_is_shown_the_door)
{
	int fd = client_open(server.options.ws, "/ocpp/CP001"), other = client_open(server.options.ws, "/ocpp/Lax");

	client_text(other, "!delete ocpp:CP001");
	client_expect_close(fd, 1008);
	cr_expect_eq(status("/ocpp/CP001", OCPP16), 404);
	cr_expect_eq(status("/ocpp/alias", OCPP16), 404);
	close(other);
}

Test(handshake, requests_that_are_no_handshake)
{
	char reply[4096];
	int fd = client_connect(server.options.ws);

	client_puts(fd, "GET /ocpp/CP001 HTTP/1.1\r\nHost: x\r\n\r\n");
	client_read_reply(fd, reply, sizeof(reply), true);
	cr_expect(strncmp(reply, "HTTP/1.1 426 ", 13) == 0, "%s", reply);
	client_puts(fd,
		    "GET /ocpp/CP001 HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: x\r\n"
		    "Sec-WebSocket-Version: 8\r\n\r\n");
	client_read_reply(fd, reply, sizeof(reply), true);
	cr_expect(strncmp(reply, "HTTP/1.1 426 ", 13) == 0, "%s", reply);
	client_expect_end(fd);
	fd = client_connect(server.options.ws);
	client_send(fd, "\x16\x03\x01\x02\x00\x01\x00", 7); /* TLS at a plain port */
	client_read_all(fd, reply, sizeof(reply));
	cr_expect(strncmp(reply, "HTTP/1.1 400 ", 13) == 0, "%s", reply);
	close(fd);
}

Test(handshake, frames_may_come_in_one_packet_with_the_handshake)
{
	static const char both[] =
		"GET /ocpp/CP001 HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: x\r\n"
		"Sec-WebSocket-Version: 13\r\n" OCPP16 "\r\n\x81\x82\0\0\0\0hi";
	int fd = client_connect(server.options.ws);

	client_send(fd, both, sizeof(both) - 1);
	client_read_reply(fd, head, sizeof(head), false);
	client_expect_text(fd, "hi");
	close(fd);
}

Test(handshake, byte_by_byte)
{
	static const char text[] =
		"GET /ocpp/CP001 HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: x\r\n"
		"Sec-WebSocket-Version: 13\r\n" OCPP16 "\r\n\x81\x82\0\0\0\0hi";
	int fd = client_connect(server.options.ws);

	for (size_t i = 0; i < sizeof(text) - 1; i++)
		client_send(fd, text + i, 1);
	client_read_reply(fd, head, sizeof(head), false);
	client_expect_text(fd, "hi");
	close(fd);
}
