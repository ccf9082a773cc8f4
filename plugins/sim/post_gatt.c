/* A simulated pile as a real Bluetooth peripheral, over BlueZ (docs/protocols/ble.md, "Attribute values"). */
#include "posts.h"

#include <plugins/bluetooth/peripheral/gatt_server.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define UUID(number) "f3a1" number "-2b6e-4d38-9c57-8e0d4c1b7a60"

enum { INFO, RX, TX, STATUS };
static const struct gatt_characteristic characteristics[] = {
	[INFO] = { UUID("0002"), GATT_READ },
	[RX] = { UUID("0003"), GATT_WRITE | GATT_COMMAND },
	[TX] = { UUID("0004"), GATT_NOTIFY },
	[STATUS] = { UUID("0005"), GATT_READ | GATT_NOTIFY },
};

struct post_gatt {
	struct post *post; /* NULL: it is being closed */
	struct uplinks *all;
	struct gatt_server *server;
	struct ble_pile_visit *visit; /* NULL: nobody has written yet */
	unsigned mtu;
	uint8_t advertised[BLE_PILE_ADVERTISED_SIZE], status[BLE_PILE_STATUS_SIZE];
	bool told;
};

static void say(const struct post *post, const char *line)
{
	const struct uplinks *all = &post->fleet->owner->all;

	if (all->log)
		all->log(all->arg, post->address, line);
}

static void end_visit(struct post_gatt *g)
{
	if (g->visit)
		ble_pile_disconnect(g->visit);
	g->visit = NULL;
}

/* ---- what BlueZ tells ------------------------------------------------------------------------ */

static void on_ready(void *arg)
{
	struct post_gatt *g = arg;

	if (g->post)
		say(g->post, "The pile can be found over Bluetooth");
}

static void on_trouble(void *arg, const char *sentence)
{
	struct post_gatt *g = arg;

	if (g->post)
		say(g->post, sentence);
}

static void on_listening(void *arg, unsigned characteristic, bool on)
{
}

static void on_written(void *arg, const char *device, uint16_t mtu, unsigned characteristic, const uint8_t *data,
		       size_t size)
{
	struct post_gatt *g = arg;
	struct post *post = g->post;

	if (!post || characteristic != RX)
		return;
	if (!g->visit) {
		g->mtu = mtu < BLE_MTU_MIN ? BLE_MTU_MIN : mtu;
		g->visit = ble_pile_connect(&post->mind, post_uptime_ms(post));
	}
	if (!g->visit || ble_pile_receive(g->visit, data, size, post_uptime_ms(post)) < 0)
		say(post, "A visitor is sent away");
	post_pump(post);
}

static size_t on_read(void *arg, unsigned characteristic, uint8_t ret[static GATT_VALUE_MAX])
{
	const struct post_gatt *g = arg;

	if (!g->post || characteristic == RX || characteristic == TX)
		return 0;
	if (characteristic == INFO) {
		ble_pile_info(&g->post->mind, ret);
		return BLE_PILE_INFO_SIZE;
	}
	ble_pile_status(&g->post->mind, 1, ret);
	return BLE_PILE_STATUS_SIZE;
}

static void on_gone(void *arg)
{
	end_visit(arg);
}

static void on_closed(void *arg)
{
	struct post_gatt *g = arg;
	struct uplinks *all = g->all;

	free(g);
	uplinks_release(all);
}

static const struct gatt_events events = {
	on_ready, on_trouble, on_listening, on_written, on_read, on_gone, on_closed
};

/* ---- what it shows --------------------------------------------------------------------------- */

static void tell(struct post_gatt *g)
{
	uint8_t advertised[BLE_PILE_ADVERTISED_SIZE], status[BLE_PILE_STATUS_SIZE];

	ble_pile_advertised(&g->post->mind, advertised);
	ble_pile_status(&g->post->mind, 1, status);
	if (!g->told || memcmp(advertised, g->advertised, sizeof advertised) != 0)
		gatt_server_advertise(g->server, advertised, sizeof advertised);
	if (g->told && memcmp(status, g->status, sizeof status) != 0)
		gatt_server_notify(g->server, STATUS, status, sizeof status);
	memcpy(g->advertised, advertised, sizeof advertised);
	memcpy(g->status, status, sizeof status);
	g->told = true;
}

/* ---- on and off ------------------------------------------------------------------------------ */

void post_gatt_on(struct post *post)
{
	const Sim__GattPeripheral *want = post->fleet->want->gatt;
	struct post_gatt *g;
	struct gatt_config config = { .name = post->address,
				      .service = UUID("0001"),
				      .characteristics = characteristics,
				      .n_characteristics = sizeof characteristics / sizeof *characteristics };

	if (!want || post->gatt)
		return;
	config.bus = want->bus;
	config.adapter = want->adapter;
	g = calloc(1, sizeof *g);
	if (!g)
		return;
	g->post = post;
	g->all = &post->fleet->owner->all;
	if (gatt_server_open(g->all->io.loop, &config, &events, g, &g->server) < 0) {
		say(post, "The pile has no Bluetooth: there is no memory, or the bus has no such address");
		free(g);
		return;
	}
	g->all->handles++;
	post->gatt = g;
	tell(g); /* so that it is in the first advertisement */
}

void post_gatt_off(struct post *post)
{
	struct post_gatt *g = post->gatt;

	if (!g)
		return;
	end_visit(g);
	post->gatt = NULL;
	g->post = NULL;
	gatt_server_close(g->server);
}

void post_gatt_pump(struct post *post)
{
	struct post_gatt *g = post->gatt;
	uint8_t value[BLE_VALUE_MAX];
	int size;

	if (!g)
		return;
	while (g->visit && (size = ble_pile_segment(g->visit, g->mtu, post_uptime_ms(post), value, sizeof value)) > 0)
		gatt_server_notify(g->server, TX, value, (size_t)size);
	if (g->visit && ble_pile_visit_over(g->visit)) {
		end_visit(g);
		gatt_server_disconnect(g->server);
	}
	tell(g);
}

bool post_gatt_visited(const struct post *post)
{
	return post->gatt && post->gatt->visit;
}
