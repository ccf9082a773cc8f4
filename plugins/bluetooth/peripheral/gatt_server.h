/* This machine as a GATT peripheral, over BlueZ: a service of a few characteristics that is advertised, and one client
 * at a time. For simulated piles and for Linux in a pile; a library, of which nothing knows galvan.
 *
 * Values come by WriteValue with the client's device in its options, and go by PropertiesChanged. The sockets of
 * AcquireWrite and AcquireNotify are not offered: BlueZ shares them among all clients and does not close them when one
 * leaves (bluez issue 460).
 *
 * Everything runs on the loop; callbacks must not close the server. Whatever is missing (a bus, bluetoothd, an adapter)
 * is waited for. */
#ifndef BLUETOOTH_GATT_SERVER_H
#define BLUETOOTH_GATT_SERVER_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#define GATT_CHARACTERISTICS_MAX 8
#define GATT_VALUE_MAX 512     /* bytes of a value */
#define GATT_ADVERTISED_MAX 27 /* bytes of service data that any advertisement could have */
#define GATT_DEVICE_SIZE 18    /* "AA-BB-CC-00-11-22" and a zero */

enum gatt_flags { GATT_READ = 1, GATT_WRITE = 2, GATT_COMMAND = 4, GATT_NOTIFY = 8 };
struct gatt_characteristic {
	const char *uuid;
	unsigned flags; /* GATT_COMMAND: written without an answer */
};
struct gatt_config {
	const char *bus;                                   /* its address; "": the system's */
	const char *adapter;                               /* "hci0"; "": the first */
	const char *name;                                  /* advertised; "": none */
	const char *service;                               /* UUID */
	const struct gatt_characteristic *characteristics; /* their order names them in the calls below */
	unsigned n_characteristics;
};
struct gatt_events {
	/* It can be found from now on. */
	void (*ready)(void *arg);
	/* What is in the way, and what to do; it is tried again. Each is said once. */
	void (*trouble)(void *arg, const char *sentence);
	/* Somebody listens to a characteristic, or nobody any more. What is notified in this very moment is lost, as
	 * BlueZ has not told the client yet: let the client speak first. */
	void (*listening)(void *arg, unsigned characteristic, bool on);
	/* A client wrote. `device` is the same until `gone`; others are refused until then. */
	void (*written)(void *arg, const char *device, uint16_t mtu, unsigned characteristic, const uint8_t *data,
			size_t size);
	/* What a characteristic reads: the bytes written to ret. */
	size_t (*read)(void *arg, unsigned characteristic, uint8_t ret[static GATT_VALUE_MAX]);
	/* The client has left. */
	void (*gone)(void *arg);
	/* After gatt_server_close: nothing of it is left on the loop. */
	void (*closed)(void *arg);
};

struct gatt_server;
/* Copies the config. -EINVAL for one that is none, -ENOMEM. */
int gatt_server_open(uv_loop_t *loop, const struct gatt_config *config, const struct gatt_events *events, void *arg,
		     struct gatt_server **ret);
/* To who listens; dropped where nobody does. -EMSGSIZE beyond GATT_VALUE_MAX; that it fits the MTU is the caller's. */
int gatt_server_notify(struct gatt_server *s, unsigned characteristic, const void *data, size_t size);
/* What is advertised as the service's data. -EMSGSIZE. */
int gatt_server_advertise(struct gatt_server *s, const void *data, size_t size);
/* Sends the client away. */
void gatt_server_disconnect(struct gatt_server *s);
void gatt_server_close(struct gatt_server *s);

#endif
