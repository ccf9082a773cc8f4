/* See post.h. What hardware does is here what memory and the clock of the machine give. */
#include "post.h"

#include <poll.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>

#define POWER_W 11000u
#define WAIT_MS 200 /* between two looks at what the pile has to say by itself */

uint64_t post_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static uint8_t *place_of(struct post *p, enum ble_pile_area area, uint32_t place)
{
	return area == BLE_PILE_RECORDS ? p->records[place] : p->state[place];
}

static int read_place(void *user, enum ble_pile_area area, uint32_t place, void *ret, size_t size)
{
	memcpy(ret, place_of(user, area, place), size);
	return 0;
}

static int write_place(void *user, enum ble_pile_area area, uint32_t place, const void *data, size_t size)
{
	memcpy(place_of(user, area, place), data, size);
	return 0;
}

static void fill_random(void *user, uint8_t *ret, size_t size)
{
	while (getrandom(ret, size, 0) != (ssize_t)size)
		;
}

static uint64_t meter_wh(void *user, unsigned connector)
{
	const struct post *p = user;

	return p->before_wh + (p->closed_ms ? (post_now_ms() - p->closed_ms) * POWER_W / 3600000 : 0);
}

static uint32_t power_w(void *user, unsigned connector)
{
	return ((const struct post *)user)->closed_ms ? POWER_W : 0;
}

static void relay(void *user, unsigned connector, bool closed)
{
	struct post *p = user;

	p->before_wh = meter_wh(p, connector);
	p->closed_ms = closed ? post_now_ms() : 0;
}

int post_boot(struct post *p)
{
	const struct ble_pile_hardware hardware = { .user = p,
						    .read = read_place,
						    .write = write_place,
						    .random = fill_random,
						    .meter_wh = meter_wh,
						    .power_w = power_w,
						    .relay = relay };
	const struct ble_pile_config config = { .crypto = &ble_openssl,
						.id = p->id,
						.key = p->key,
						.root = p->root,
						.certificate = { p->certificate, p->certificate_size },
						.connectors = 1,
						.records = POST_RECORDS,
						.firmware = 1,
						.built = 0x60000000,
						.cap_minor = 1000000,
						.meter_s = 60,
						.heartbeat_s = 60 };

	return ble_pile_boot(&p->pile, &config, &hardware);
}

/* What the pile has to say now. False: the visitor has gone. */
static bool speak(struct ble_pile_visit *v, int fd, unsigned mtu)
{
	uint8_t value[BLE_VALUE_MAX];
	int size;

	while ((size = ble_pile_segment(v, mtu, post_now_ms(), value, sizeof(value))) > 0) {
		if (send(fd, value, (size_t)size, MSG_NOSIGNAL) < 0)
			return false;
	}
	return !ble_pile_visit_over(v);
}

void post_serve(struct post *p, int fd, unsigned mtu)
{
	struct ble_pile_visit *v = ble_pile_connect(&p->pile, post_now_ms());
	struct pollfd waits = { .fd = fd, .events = POLLIN };
	uint8_t value[BLE_VALUE_MAX];
	ssize_t size = 1;

	while (v && size > 0) {
		ble_pile_tick(&p->pile, post_now_ms());
		if (!speak(v, fd, mtu))
			break;
		if (poll(&waits, 1, WAIT_MS) <= 0)
			continue;
		size = recv(fd, value, sizeof(value), 0);
		if (size > 0)
			ble_pile_receive(v, value, (size_t)size, post_now_ms());
	}
	if (v)
		ble_pile_disconnect(v);
}
