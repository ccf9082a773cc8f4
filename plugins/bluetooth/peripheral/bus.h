/* A connection to a D-Bus by sd-bus on a libuv loop: nothing blocks, and callbacks of sd-bus run in the loop. It is
 * closed from the loop, never from a callback of its own sd_bus. */
#ifndef BLUETOOTH_BUS_H
#define BLUETOOTH_BUS_H

#include <systemd/sd-bus.h>
#include <uv.h>

struct bus;
struct bus_events {
	/* The bus has closed the connection; bus_close is still to be called. `error`: a negative errno. */
	void (*lost)(void *arg, int error);
	/* After bus_close: nothing of it is left on the loop. */
	void (*closed)(void *arg);
};

/* Begins to connect. `address`: as D-Bus writes it, "unix:path=/run/dbus/system_bus_socket"; "": the system's bus.
 * Calls may be made at once, they leave when the bus has let us in. A negative errno: there is no such bus. */
int bus_open(uv_loop_t *loop, const char *address, const struct bus_events *events, void *arg, struct bus **ret);
sd_bus *bus_sd(struct bus *bus);
/* Ends all calls without an answer. */
void bus_close(struct bus *bus);

/* "NAME: MESSAGE" of an error that a call was answered with. */
const char *bus_error_text(const sd_bus_error *e, char *ret, size_t size);

#endif
