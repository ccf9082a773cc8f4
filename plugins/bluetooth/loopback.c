/* The loopback: instead of a radio, a folder. A peripheral is a SOCK_SEQPACKET socket there whose name is its address,
 * and beside it a file ADDRESS.json, a galvan.bluetooth.v1.Peripheral, that says what it advertises; it is in reach
 * while both are there. A packet is an attribute value (see loopback_conn.c). */
#include "loopback.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <lib/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bluetooth.schema.h"

#define DESCRIPTOR_MAX 4096 /* bytes of a descriptor file */

static ssize_t read_file(int folder, const char *name, char *data, size_t size)
{
	int fd = openat(folder, name, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -errno : read(fd, data, size);

	if (fd >= 0)
		close(fd);
	return n;
}

static void advertise(struct peripheral *said, const Bluetooth__Peripheral *m)
{
	struct advertised *a = &said->services[0];

	if (uuid_read(m->service, a->uuid))
		said->n_services = 1;
	a->size = m->service_data.len < SERVICE_DATA_MAX ? m->service_data.len : SERVICE_DATA_MAX;
	if (a->size)
		memcpy(a->data, m->service_data.data, a->size);
	snprintf(said->name, sizeof said->name, "%s", m->name);
	said->rssi_dbm = m->rssi_dbm;
}

/* A file that is just being written is none yet: its last write is told, too. */
static bool read_descriptor(struct bluetooth *b, int folder, const char *name, struct peripheral *said)
{
	const struct loopback *l = b->port_self;
	struct gv_buf packed = { 0 };
	struct gv_json_error error;
	Bluetooth__Peripheral *m;
	char text[DESCRIPTOR_MAX];
	ssize_t n = read_file(folder, name, text, sizeof text);

	if (n <= 0)
		return false;
	if (gv_json_parse(l->type, text, (size_t)n, 0, &packed, &error) < 0) {
		gv_world_log(b->world, GV_DEBUG, "Not read as a galvan.bluetooth.v1.Peripheral: %s: %s file=%s",
			     error.path, error.text, name);
		gv_buf_fini(&packed);
		return false;
	}
	m = bluetooth__peripheral__unpack(NULL, packed.size, packed.data);
	gv_buf_fini(&packed);
	if (!m)
		return false;
	advertise(said, m);
	bluetooth__peripheral__free_unpacked(m, NULL);
	return true;
}

static void look_at(struct bluetooth *b, int folder, const char *name)
{
	struct peripheral said = { 0 }, *p;
	char address[ADDRESS_SIZE], file[ADDRESS_SIZE + 8];
	struct stat st;

	if (!address_read(name, address) || strcmp(name, address) != 0 || fstatat(folder, name, &st, 0) < 0 ||
	    !S_ISSOCK(st.st_mode))
		return;
	snprintf(file, sizeof file, "%s.json", address);
	if (!read_descriptor(b, folder, file, &said))
		return;
	p = peripheral_get(b, address);
	if (!p)
		return;
	p->marked = true;
	peripheral_seen(b, p, &said);
}

static void look(struct bluetooth *b)
{
	DIR *folder = opendir(b->config->loopback->folder);

	for (struct peripheral *p = b->peripherals; p; p = p->next)
		p->marked = false;
	for (struct dirent *e; folder && (e = readdir(folder));)
		look_at(b, dirfd(folder), e->d_name);
	for (struct peripheral *p = b->peripherals; p; p = p->next)
		if (p->in_reach && !p->marked)
			peripheral_gone(b, p);
	if (folder)
		closedir(folder);
}

static void on_change(uv_fs_event_t *watch, const char *name, int events, int status)
{
	look(watch->data);
}

static int watch(struct bluetooth *b)
{
	struct loopback *l = b->port_self;
	const char *folder = b->config->loopback->folder;
	int r;

	if (mkdir(folder, 0700) < 0 && errno != EEXIST)
		r = -errno;
	else if (!(l->watch = handle_new(b, sizeof *l->watch)))
		return -ENOMEM;
	else if ((r = uv_fs_event_init(b->loop, l->watch)) == 0)
		r = uv_fs_event_start(l->watch, on_change, folder, 0);
	if (r < 0)
		gv_world_log(b->world, GV_ERR, "config loopback.folder: cannot watch %s: %s", folder, strerror(-r));
	else
		l->watch->data = b;
	return r;
}

static int loopback_open(struct bluetooth *b)
{
	const Bluetooth__Loopback *config = b->config->loopback;
	struct loopback *l = calloc(1, sizeof *l);
	int r;

	if (!l)
		return -ENOMEM;
	b->port_self = l;
	l->seed = config->seed ? config->seed : (uint64_t)gv_world_now_ms(b->world);
	r = gv_schema_create(&l->schema);
	if (r == 0)
		r = gv_schema_add(l->schema, bluetooth_schema, sizeof bluetooth_schema);
	if (r == 0)
		r = watch(b);
	if (r < 0)
		return r;
	l->type = gv_schema_type(l->schema, bluetooth__peripheral__descriptor.name);
	gv_world_log(b->world, GV_INFO, "Peripherals are sockets: this is no radio folder=%s seed=%llu", config->folder,
		     (unsigned long long)l->seed);
	look(b);
	return 0;
}

static void loopback_listen(struct bluetooth *b)
{
}

static void loopback_drain(struct bluetooth *b)
{
	struct loopback *l = b->port_self;

	if (!l)
		return;
	handle_close(b, l->watch);
	gv_schema_destroy(l->schema);
	b->port_self = NULL;
	free(l);
}

const struct port loopback_port = {
	.open = loopback_open,
	.listen = loopback_listen,
	.connect = loopback_connect,
	.write = loopback_write,
	.pause = loopback_pause,
	.close = loopback_close,
	.drain = loopback_drain,
};
