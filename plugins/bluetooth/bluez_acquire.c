/* The last steps of a connection over BlueZ: to be notified, then to write, by sockets where it can be
 * (AcquireNotify, AcquireWrite), else by StartNotify and WriteValue. */
#include "bluez.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

static bool is_error(const sd_bus_error *e, const char *name)
{
	return sd_bus_error_has_name(e, name);
}

/* ---- to write -------------------------------------------------------------------------------- */

/* "hq": a descriptor, duplicated as the message owns it, and the MTU. A negative errno. */
static int read_acquired(struct radio *r, sd_bus_message *m)
{
	uint16_t mtu;
	int fd, n = sd_bus_message_read(m, "hq", &fd, &mtu);

	if (n < 0)
		return n;
	fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (fd < 0)
		return -errno;
	r->mtu = mtu;
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	return fd;
}

static void opened(struct radio *r)
{
	r->step = RADIO_OPEN;
	gv_world_log(r->conn->b->world, GV_DEBUG, "Values come by %s and go by %s peripheral=%s",
		     r->notify_fd >= 0 ? "AcquireNotify" : "StartNotify",
		     r->write_fd >= 0 ? "AcquireWrite" : "WriteValue", radio_address(r));
	conn_opened(r->conn, r->mtu);
	radio_deliver(r);
}

static int on_mtu(sd_bus_message *m, void *arg, sd_bus_error *error)
{
	struct radio *r = arg;

	r->call = sd_bus_slot_unref(r->call);
	if (sd_bus_message_is_method_error(m, NULL) || sd_bus_message_read(m, "v", "q", &r->mtu) < 0)
		r->mtu = 0; /* before BlueZ 5.62 there is none: what every peripheral takes */
	opened(r);
	return 0;
}

/* Without a socket nobody has told the MTU. It is a property of the characteristic, but only as long as there is a
 * connection, and BlueZ tells its change only where it is exchanged anew: it has to be asked for. */
static void ask_mtu(struct radio *r)
{
	sd_bus_message *m = NULL;
	int n = sd_bus_message_new_method_call(bus_sd(r->z->bus), &m, BLUEZ, r->write, PROPERTIES, "Get");

	if (n >= 0)
		n = sd_bus_message_append(m, "ss", CHARACTERISTIC, "MTU");
	if (n >= 0)
		n = bluez_send(r->z, m, CALL_MS, on_mtu, r, &r->call);
	else
		sd_bus_message_unref(m);
	if (n < 0)
		conn_end(r->conn, GV_UNAVAILABLE, 1006, "out of memory");
}

static void can_write(struct radio *r)
{
	if (r->mtu)
		opened(r);
	else
		ask_mtu(r);
}

static int on_write(sd_bus_message *m, void *arg, sd_bus_error *error)
{
	struct radio *r = arg;
	const sd_bus_error *e = sd_bus_message_get_error(m);
	int fd;

	r->call = sd_bus_slot_unref(r->call);
	if (e && !is_error(e, "org.bluez.Error.NotSupported") && !is_error(e, SD_BUS_ERROR_UNKNOWN_METHOD)) {
		radio_again(r, GV_UNAVAILABLE,
			    is_error(e, "org.bluez.Error.NotPermitted")
				    ? "cannot be written to, as somebody else holds it, or bluetoothd holds what is "
				      "left of "
				      "a connection "
				      "before: `bluetoothctl disconnect`, or restart bluetoothd"
				    : "cannot be written to",
			    e);
		return 0;
	}
	fd = e ? -1 : read_acquired(r, m);
	if (e || (fd >= 0 && radio_take_write(r, fd) == 0))
		can_write(r);
	else
		conn_end(r->conn, GV_UNAVAILABLE, 1006, "AcquireWrite of %s gave no socket", radio_address(r));
	return 0;
}

static bool may_acquire(const struct radio *r)
{
	const Bluetooth__Config *config = r->conn->b->config;
	char named[ADDRESS_SIZE];

	for (size_t i = 0; i < config->n_no_sockets; i++)
		if (strcmp(config->no_sockets[i], "*") == 0 ||
		    (address_read(config->no_sockets[i], named) && strcmp(named, radio_address(r)) == 0))
			return false;
	return true;
}

static int call_acquire(struct radio *r, const char *path, const char *method, sd_bus_message_handler_t fn)
{
	sd_bus_message *m = NULL;
	int n = sd_bus_message_new_method_call(bus_sd(r->z->bus), &m, BLUEZ, path, CHARACTERISTIC, method);

	if (n >= 0)
		n = sd_bus_message_append(m, "a{sv}", 0);
	if (n >= 0)
		return bluez_send(r->z, m, CALL_MS, fn, r, &r->call);
	sd_bus_message_unref(m);
	return n;
}

static void ask_write(struct radio *r)
{
	r->step = RADIO_WRITE;
	if (!(r->flags & FLAG_COMMAND) || !may_acquire(r))
		can_write(r);
	else if (call_acquire(r, r->write, "AcquireWrite", on_write) < 0)
		conn_end(r->conn, GV_UNAVAILABLE, 1006, "out of memory");
}

/* ---- to be notified -------------------------------------------------------------------------- */

static int on_notify_started(sd_bus_message *m, void *arg, sd_bus_error *error)
{
	struct radio *r = arg;
	const sd_bus_error *e = sd_bus_message_get_error(m);

	r->call = sd_bus_slot_unref(r->call);
	if (e)
		radio_again(r, GV_UNAVAILABLE, "does not let itself be listened to (StartNotify)", e);
	else
		ask_write(r);
	return 0;
}

static void start_notify(struct radio *r)
{
	if (bluez_call(r->z, r->notify, CHARACTERISTIC, "StartNotify", CALL_MS, on_notify_started, r, &r->call) < 0)
		conn_end(r->conn, GV_UNAVAILABLE, 1006, "out of memory");
}

static int on_notify(sd_bus_message *m, void *arg, sd_bus_error *error)
{
	struct radio *r = arg;
	const sd_bus_error *e = sd_bus_message_get_error(m);
	int fd;

	r->call = sd_bus_slot_unref(r->call);
	if (e && (is_error(e, "org.bluez.Error.NotSupported") || is_error(e, SD_BUS_ERROR_UNKNOWN_METHOD))) {
		start_notify(r);
		return 0;
	}
	if (e) {
		radio_again(
			r, GV_UNAVAILABLE,
			is_error(e, "org.bluez.Error.NotPermitted")
				? "cannot be listened to, as somebody else does, or bluetoothd holds what is left of a "
				  "connection "
				  "before: `bluetoothctl disconnect`, or restart bluetoothd"
				: "cannot be listened to (if it is this peripheral's fault, name it in config "
				  "no_sockets)",
			e);
		return 0;
	}
	fd = read_acquired(r, m);
	if (fd >= 0 && radio_take_notify(r, fd) == 0)
		ask_write(r);
	else
		conn_end(r->conn, GV_UNAVAILABLE, 1006, "AcquireNotify of %s gave no socket", radio_address(r));
	return 0;
}

void radio_acquire(struct radio *r)
{
	const struct object *o = object_find(r->z, r->notify);

	r->step = RADIO_NOTIFY;
	if (!o || !(o->flags & FLAG_NOTIFY) || !may_acquire(r))
		start_notify(r);
	else if (call_acquire(r, r->notify, "AcquireNotify", on_notify) < 0)
		conn_end(r->conn, GV_UNAVAILABLE, 1006, "out of memory");
}
