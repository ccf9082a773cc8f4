/* A simulated pile's radio: a SOCK_SEQPACKET socket in the folder of bluetooth's loopback, whose name is the pile's
 * address, and beside it what it advertises (galvan/bluetooth.proto, Loopback). A packet is an attribute value. */
#include "posts.h"

#include <lib/base64.h>
#include <lib/buf.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define SERVICE "f3a10001-2b6e-4d38-9c57-8e0d4c1b7a60"
#define MTU_REQUEST 0x02 /* of ATT; a packet of three bytes */
#define MTU_RESPONSE 0x03

static void say(const struct post *post, const char *what, int error)
{
	const struct uplinks *all = &post->fleet->owner->all;
	char line[300];

	snprintf(line, sizeof line, "%s: %s", what, strerror(error));
	if (all->log)
		all->log(all->arg, post->address, line);
}

/* ---- what it advertises ---------------------------------------------------------------------- */

static void advertise(struct post *post)
{
	struct post_radio *r = &post->radio;
	uint8_t data[BLE_PILE_ADVERTISED_SIZE];
	struct gv_buf text = { 0 };
	char path[140], fresh[150];
	FILE *f;

	ble_pile_advertised(&post->mind, data);
	if (r->written && memcmp(data, r->advertised, sizeof data) == 0)
		return;
	snprintf(path, sizeof path, "%s.json", r->path);
	snprintf(fresh, sizeof fresh, "%s.new", path);
	f = fopen(fresh, "we");
	if (!f) {
		say(post, "Cannot write what the pile advertises", errno);
		return;
	}
	gv_base64_write(&text, data, sizeof data);
	fprintf(f,
		"{\"address\": \"%s\", \"name\": \"%s\", \"rssiDbm\": -60, \"service\": \"" SERVICE "\", "
		"\"serviceData\": \"%.*s\"}\n",
		post->address, post->address, (int)text.size, (const char *)text.data);
	gv_buf_fini(&text);
	if (fclose(f) == 0 && rename(fresh, path) == 0) {
		memcpy(r->advertised, data, sizeof data);
		r->written = true;
	}
}

/* ---- sockets that are watched ---------------------------------------------------------------- */

static void unwatched(uv_handle_t *handle)
{
	struct uplinks *all = handle->data;

	free(handle);
	uplinks_release(all);
}

static uv_poll_t *watch(struct post *post, int fd, uv_poll_cb on_event, void *arg)
{
	struct uplinks *all = &post->fleet->owner->all;
	uv_poll_t *poll = calloc(1, sizeof *poll);

	if (!poll || uv_poll_init(all->io.loop, poll, fd) < 0) {
		free(poll);
		return NULL;
	}
	all->handles++;
	poll->data = arg;
	uv_poll_start(poll, UV_READABLE, on_event);
	return poll;
}

static void unwatch(struct post *post, uv_poll_t **poll, int *fd)
{
	if (*poll) {
		(*poll)->data = &post->fleet->owner->all;
		uv_close((uv_handle_t *)*poll, unwatched);
	}
	if (*fd >= 0)
		close(*fd);
	*poll = NULL;
	*fd = -1;
}

/* ---- visits ---------------------------------------------------------------------------------- */

static void hang_up(struct post_visit *v)
{
	if (v->visit)
		ble_pile_disconnect(v->visit);
	v->visit = NULL;
	v->held_size = 0;
	unwatch(v->post, &v->poll, &v->fd);
}

/* false: there is nothing to say, or the socket is full; it is watched until it takes more. */
static bool notify(struct post_visit *v)
{
	if (v->held_size == 0)
		v->held_size = ble_pile_segment(v->visit, v->mtu, post_uptime_ms(v->post), v->held, sizeof v->held);
	if (v->held_size <= 0 || send(v->fd, v->held, (size_t)v->held_size, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		return false;
	v->held_size = 0;
	return true;
}

static void on_visit(uv_poll_t *poll, int status, int events);

static void speak(struct post_visit *v)
{
	if (!v->visit)
		return;
	while (notify(v))
		;
	if (ble_pile_visit_over(v->visit) && v->held_size <= 0)
		hang_up(v);
	else
		uv_poll_start(v->poll, UV_READABLE | (v->held_size > 0 ? UV_WRITABLE : 0), on_visit);
}

static void exchange_mtu(struct post_visit *v, const uint8_t *packet, ssize_t size)
{
	const unsigned own = v->post->fleet->want->mtu;
	const uint8_t answer[] = { MTU_RESPONSE, (uint8_t)own, (uint8_t)(own >> 8) };
	unsigned theirs = size == 3 && packet[0] == MTU_REQUEST ? packet[1] | packet[2] << 8 : 0;

	if (theirs >= BLE_MTU_MIN && send(v->fd, answer, sizeof answer, MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
		v->visit = ble_pile_connect(&v->post->mind, post_uptime_ms(v->post));
	v->mtu = theirs < own ? theirs : own;
	if (!v->visit)
		hang_up(v);
}

static void take(struct post_visit *v, const uint8_t *packet, ssize_t size)
{
	if (size <= 0)
		hang_up(v);
	else if (v->visit)
		ble_pile_receive(v->visit, packet, (size_t)size, post_uptime_ms(v->post));
	else
		exchange_mtu(v, packet, size);
}

static void on_visit(uv_poll_t *poll, int status, int events)
{
	struct post_visit *v = poll->data;
	struct post *post = v->post;
	uint8_t packet[BLE_MTU_MAX];

	while (v->fd >= 0) {
		ssize_t size = recv(v->fd, packet, sizeof packet, MSG_DONTWAIT);

		if (size < 0 && errno == EAGAIN)
			break;
		take(v, packet, size);
		speak(v);
	}
	post_pump(post);
}

static void on_visitor(uv_poll_t *poll, int status, int events)
{
	struct post *post = poll->data;
	int fd = accept4(post->radio.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	for (size_t i = 0; fd >= 0 && i < BLE_PILE_VISITS; i++) {
		struct post_visit *v = &post->radio.visits[i];

		if (v->fd >= 0)
			continue;
		*v = (struct post_visit){ .post = post, .fd = fd, .poll = watch(post, fd, on_visit, v) };
		if (!v->poll)
			hang_up(v);
		return;
	}
	if (fd >= 0)
		close(fd); /* as many are connected as may be */
}

/* ---- on and off ------------------------------------------------------------------------------ */

static int listen_at(const char *path)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	snprintf(at.sun_path, sizeof at.sun_path, "%s", path);
	unlink(path);
	if (fd >= 0 && (bind(fd, (struct sockaddr *)&at, sizeof at) < 0 || listen(fd, BLE_PILE_VISITS) < 0)) {
		close(fd);
		return -1;
	}
	return fd;
}

void post_radio_on(struct post *post)
{
	struct post_radio *r = &post->radio;
	const char *folder = post->fleet->want->loopback;

	if (!*folder || r->fd >= 0)
		return;
	mkdir(folder, 0700);
	if (snprintf(r->path, sizeof r->path, "%s/%s", folder, post->address) >= (int)sizeof r->path) {
		say(post, "The loopback's folder has too long a name", ENAMETOOLONG);
		return;
	}
	r->fd = listen_at(r->path);
	if (r->fd >= 0)
		r->poll = watch(post, r->fd, on_visitor, post);
	if (!r->poll) {
		say(post, "The pile is not in reach", errno);
		unwatch(post, &r->poll, &r->fd);
		return;
	}
	advertise(post);
}

void post_radio_off(struct post *post)
{
	struct post_radio *r = &post->radio;
	char path[140];

	if (r->fd < 0)
		return;
	for (size_t i = 0; i < BLE_PILE_VISITS; i++)
		if (r->visits[i].fd >= 0)
			hang_up(&r->visits[i]);
	snprintf(path, sizeof path, "%s.json", r->path);
	unlink(path);
	unlink(r->path);
	unwatch(post, &r->poll, &r->fd);
	r->written = false;
}

void post_radio_pump(struct post *post)
{
	if (post->radio.fd < 0)
		return;
	for (size_t i = 0; i < BLE_PILE_VISITS; i++)
		speak(&post->radio.visits[i]);
	advertise(post);
}

unsigned post_radio_visits(const struct post *post)
{
	unsigned ret = 0;

	for (size_t i = 0; i < BLE_PILE_VISITS; i++)
		ret += post->radio.visits[i].visit != NULL;
	return ret;
}
