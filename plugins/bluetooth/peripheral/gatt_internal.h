/* What the files of the GATT server share. gatt_server.c: the bus and what is asked of bluetoothd; gatt_objects.c: what
 * bluetoothd asks of us. BlueZ 5.66, doc/gatt-api.txt and doc/advertising-api.txt. */
#ifndef BLUETOOTH_GATT_INTERNAL_H
#define BLUETOOTH_GATT_INTERNAL_H

#include "bus.h"
#include "gatt_server.h"

#define GATT_APPLICATION "/galvan/gatt"
#define GATT_SERVICE GATT_APPLICATION "/service0"
#define GATT_ADVERTISEMENT "/galvan/advertisement"
#define GATT_CHARACTERISTIC_INTERFACE "org.bluez.GattCharacteristic1"
#define GATT_PATH_MAX 128

struct gatt_point { /* a characteristic */
	struct gatt_server *server;
	char uuid[37], path[GATT_PATH_MAX];
	unsigned flags, number;
	bool listening;
	uint8_t value[GATT_VALUE_MAX]; /* notified last */
	size_t size;
};

struct gatt_server {
	uv_loop_t *loop;
	const struct gatt_events *events;
	void *arg;
	char bus_address[256], adapter_name[17], name[32], service[37];
	struct gatt_point points[GATT_CHARACTERISTICS_MAX];
	unsigned n_points;
	struct bus *bus; /* NULL: none */
	uv_timer_t timer;
	unsigned open; /* handles and the bus */
	bool closing;
	char adapter[64];                /* its path; "": none */
	bool application, advertisement; /* they are registered */
	bool asking;
	bool without_data;                  /* the advertisement has no room for service data */
	size_t asked_size, advertised_size; /* of the data that bluetoothd was asked to advertise, and has taken */
	uint8_t data[GATT_ADVERTISED_MAX];
	size_t data_size;
	char client[GATT_PATH_MAX], client_name[GATT_DEVICE_SIZE]; /* path of its device; "": none */
	char told[400];
};

/* gatt_objects.c */
int gatt_objects_add(struct gatt_server *s);
/* gatt_server.c: of this device's path from now on; false: there is another client. */
bool gatt_client_is(struct gatt_server *s, const char *path);
void gatt_client_gone(struct gatt_server *s);

#endif
