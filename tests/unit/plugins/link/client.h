/* A client that can be as rude as a test needs, and link in a process of its own to be rude to. Every wait has an end:
 * what does not come within CLIENT_WAIT_S fails the test. */
#ifndef LINK_CLIENT_H
#define LINK_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "world.h"

#define CLIENT_WAIT_S 15

struct server {
	int pid;
	struct world_options options; /* ports filled in */
	char folder[64];              /* for blobs and certificates; removed by server_stop */
};
/* Starts link with these options on free ports; returns when it listens. */
void server_start(struct server *s, const struct world_options *options);
/* Drains it: it must close everything and exit in order. */
void server_stop(struct server *s);

int client_connect(uint16_t port);
/* From another address of this machine: "127.0.0.2". */
int client_connect_from(const char *address, uint16_t port);
void client_send(int fd, const void *data, size_t size);
void client_puts(int fd, const char *text);
/* Exactly `size` bytes. */
void client_read(int fd, void *ret, size_t size);
/* Everything up to the end of the connection, as text; its size. */
size_t client_read_all(int fd, char *ret, size_t ret_size);
/* Up to and with the empty line; then, if it names a Content-Length and `body`, the body. */
void client_read_reply(int fd, char *ret, size_t ret_size, bool body);
/* The connection must end. */
void client_expect_end(int fd);

/* A handshake with these extra header lines ("" or "Name: value\r\n..."); the answer's head goes to ret. */
int client_upgrade(uint16_t port, const char *target, const char *headers, char *ret, size_t ret_size);
/* The same with subprotocol ocpp1.6, and it must succeed. */
int client_open(uint16_t port, const char *target);
/* A frame; first byte as in RFC 6455 (0x81: whole text). */
void client_frame(int fd, uint8_t first, const void *payload, size_t size);
void client_text(int fd, const char *text);
/* The next frame: its first byte; the payload with a zero byte behind it goes to ret. */
uint8_t client_receive(int fd, char *ret, size_t ret_size, size_t *ret_payload);
/* The next frame must be this text. */
void client_expect_text(int fd, const char *text);
/* The next frame must be a close with this code, and then the connection must end. */
void client_expect_close(int fd, unsigned code);

#endif
