/* What the files of the port to BlueZ share. bluez.c: the bus and bluetoothd's coming and going; bluez_objects.c: what
 * there is in its tree; bluez_search.c: the adapter and discovery; bluez_conn.c: a connection from Connect to its end;
 * bluez_values.c: its values. The interfaces are those of BlueZ 5.66's doc/{adapter,device,gatt}-api.txt. */
#ifndef BLUETOOTH_BLUEZ_H
#define BLUETOOTH_BLUEZ_H

#include "bluetooth.h"
#include "peripheral/bus.h"

#define BLUEZ "org.bluez"
#define ADAPTER "org.bluez.Adapter1"
#define DEVICE "org.bluez.Device1"
#define SERVICE "org.bluez.GattService1"
#define CHARACTERISTIC "org.bluez.GattCharacteristic1"
#define PROPERTIES "org.freedesktop.DBus.Properties"
#define OBJECT_MANAGER "org.freedesktop.DBus.ObjectManager"

#define OBJECTS_MAX 8192    /* of the tree that are remembered */
#define TICK_MS 2000        /* how often what did not work is tried again */
#define STALE_MS 60000      /* unheard for so long, a peripheral that is not connected is out of reach */
#define CALL_MS 30000       /* a call of BlueZ's that is to be answered at once */
#define LONG_CALL_MS 130000 /* one that waits for a peripheral: behind our own deadline */

enum object_kind { OBJECT_ADAPTER, OBJECT_DEVICE, OBJECT_SERVICE, OBJECT_CHARACTERISTIC };
enum { FLAG_WRITE = 1, FLAG_COMMAND = 2, FLAG_NOTIFY = 4, FLAG_INDICATE = 8 }; /* of a characteristic */

struct object {
	struct object *next;
	enum object_kind kind;
	bool marked;
	bool powered;                    /* adapter */
	bool connected, resolved, heard; /* device; heard: in this discovery, as it has an RSSI or has advertised */
	struct peripheral *said;         /* device: address, name, rssi, services that somebody listens for */
	uint64_t heard_ms;               /* device: of the loop's clock */
	char uuid[UUID_SIZE];            /* service, characteristic */
	unsigned flags;                  /* characteristic */
	char path[];
};

struct bluez {
	struct bluetooth *b;
	struct bus *bus; /* NULL: none */
	uv_timer_t *tick;
	bool there;             /* bluetoothd is on the bus and its tree is known */
	bool refreshing, again; /* the tree is asked for; and once more */
	uint64_t retry_ms;      /* of the loop's clock: not before then the bus is tried again */
	struct object *objects;
	size_t n_objects;
	char adapter[64];        /* its path; "": none */
	bool asked_power;        /* to switch it on; once, for who switches it off may mean it */
	bool searching, asking;  /* for what plugins listen for; BlueZ is asked something */
	bool discovers;          /* BlueZ does, for us */
	char told[SENTENCE_MAX]; /* the last complaint: it is said once */
};

enum radio_step {
	RADIO_CONNECT, /* asks for the connection */
	RADIO_RESOLVE, /* waits until its services are known */
	RADIO_NOTIFY,  /* asks to be notified */
	RADIO_WRITE,   /* asks to write */
	RADIO_OPEN,
	RADIO_RESET, /* breaks off, to begin anew in a moment */
	RADIO_FLUSH, /* ends; what was written may leave */
	RADIO_END,   /* breaks off */
};
struct radio {
	struct conn *conn;
	struct bluez *z;
	enum radio_step step;
	sd_bus_slot *call; /* the one that is waited for; NULL: none */
	uv_timer_t *timer;
	unsigned tries;
	bool refreshed;          /* the tree was asked for, as something is missing in it */
	bool seen_connected;     /* BlueZ has said that it is connected */
	bool done;               /* it may be freed when its timer fires */
	int notify_fd, write_fd; /* -1: none; by PropertiesChanged and WriteValue instead */
	uv_poll_t *notify_poll, *write_poll;
	struct values in, out;
	uint16_t mtu;                              /* what was told last; 0: nothing */
	unsigned flags;                            /* of the characteristic that is written */
	char device[128], notify[192], write[192]; /* paths */
};

/* ---- bluez.c */
void bluez_refresh(struct bluez *z);
/* Says it once, until something else is said. */
void bluez_complain(struct bluez *z, const char *fmt, ...) GV_PRINTF(2, 3);
/* Calls a method without arguments. `ret` may be NULL: nobody waits. A negative errno. */
int bluez_call(struct bluez *z, const char *path, const char *interface, const char *method, uint64_t timeout_ms,
	       sd_bus_message_handler_t fn, void *arg, sd_bus_slot **ret);
/* The same with a message that was made; takes it. */
int bluez_send(struct bluez *z, sd_bus_message *m, uint64_t timeout_ms, sd_bus_message_handler_t fn, void *arg,
	       sd_bus_slot **ret);

/* ---- bluez_objects.c */
struct object *object_find(const struct bluez *z, const char *path);
/* A service below a device, a characteristic below a service, by UUID; NULL: none. */
struct object *object_below(const struct bluez *z, enum object_kind kind, const char *path, const char *uuid);
/* The device of this address behind the adapter in use; NULL: none. */
struct object *object_device(const struct bluez *z, const char *address);
/* Reads the answer of GetManagedObjects: what is not in it is gone. */
int objects_read(struct bluez *z, sd_bus_message *m);
int objects_added(struct bluez *z, sd_bus_message *m);
int objects_removed(struct bluez *z, sd_bus_message *m);
int objects_changed(struct bluez *z, sd_bus_message *m);
void objects_fini(struct bluez *z);

/* ---- bluez_properties.c */
/* Reads an a{sv} of an object's; `change`: as a signal told it. */
int properties_read(struct bluez *z, sd_bus_message *m, struct object *o, bool change);

/* ---- bluez_search.c */
/* Does what is to be done next to hear peripherals. */
void search_go_on(struct bluez *z);
/* Something is different: an adapter, what plugins listen for. */
void search_changed(struct bluez *z);
/* The adapter in use is gone or off: everything ends. */
void search_lost(struct bluez *z, const char *why);
/* A device was heard, or has changed. */
void search_heard(struct bluez *z, struct object *device);
void search_age(struct bluez *z);

/* ---- bluez_conn.c */
void radio_connect(struct conn *c);
void radio_close(struct conn *c);
/* A device's properties have changed, or it is gone (`device` NULL). */
void radio_device_changed(struct bluez *z, const char *path, const struct object *device);
/* The tree was read anew. */
void radios_refreshed(struct bluez *z);
/* bluetoothd is gone. */
void radios_lost(struct bluez *z, const char *why);

/* ---- bluez_acquire.c: a connection's last steps */
/* Its characteristics are known (r->notify, r->write, r->flags): to be notified, to write, open. */
void radio_acquire(struct radio *r);

/* ---- bluez_values.c */
/* Takes descriptors (owned from here on) that were acquired. -ENOMEM. */
int radio_take_notify(struct radio *r, int fd);
int radio_take_write(struct radio *r, int fd);
/* What came in goes to the plugin, as far as it takes it. */
void radio_deliver(struct radio *r);
/* Reads what is left in the socket. */
void radio_drain(struct radio *r);
void radio_notified(struct radio *r, const void *data, size_t size);
void radio_write(struct conn *c, const uint8_t *data, size_t size);
void radio_pause(struct conn *c);
void radio_close_sockets(struct radio *r);
void radio_value_changed(struct bluez *z, const char *path, const void *data, size_t size);

/* ---- bluez_conn.c, for the others */
/* What was to be written is written. */
void radio_flushed(struct radio *r);
void radio_lost(struct radio *r);
/* It begins anew in a moment, or has been tried often enough and ends with this sentence. */
void radio_again(struct radio *r, unsigned code, const char *what, const sd_bus_error *e);
const char *radio_address(const struct radio *r);

#endif
