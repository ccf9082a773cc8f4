/* Raw TCP: bytes as they come, and which of a plugin's listeners a port belongs to. */
#include "client.h"

#include <criterion/criterion.h>
#include <string.h>
#include <unistd.h>

static struct server server;
static char got[256];

TestSuite(tcp, .timeout = 60);

static int expect_listener(uint16_t port, const char *name)
{
	int fd = client_connect(port);

	client_puts(fd, "?");
	client_read(fd, got, strlen(name));
	got[strlen(name)] = '\0';
	cr_expect_str_eq(got, name);
	return fd;
}

Test(tcp, bytes_are_passed_as_they_come)
{
	server_start(&server, &(struct world_options){ 0 });
	int fd = client_connect(server.options.tcp);

	client_send(fd, "\xaa\x00\x55", 3);
	client_read(fd, got, 3);
	cr_expect_arr_eq(got, "\xaa\x00\x55", 3);
	close(fd);
	server_stop(&server);
}

Test(tcp, a_port_belongs_to_the_listener_that_it_names_or_to_the_first)
{
	server_start(&server, &(struct world_options){ .listener = "other" });
	int first = expect_listener(server.options.tcp, "tcp"), other = expect_listener(server.options.named, "other");

	close(first);
	close(other);
	server_stop(&server);
}

Test(tcp, a_port_whose_listener_is_not_there_refuses_and_the_others_serve)
{
	server_start(&server, &(struct world_options){ .listener = "nobody" });

	client_expect_end(client_connect(server.options.named));
	close(expect_listener(server.options.tcp, "tcp"));
	server_stop(&server);
}
