/* A simulated pile between its two roads. */
#include "posts.h"

#include <lib/hex.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define START_SPREAD_MS 2 /* a fleet's piles come one after the other */
#define SUBPROTOCOL "cpb1"
#define HARDWARE "sim"

uint64_t post_uptime_ms(const struct post *post)
{
	return (uint64_t)(uplink_now_ms(&post->uplink) - post->booted_ms);
}

/* ---- its own line ---------------------------------------------------------------------------- */

static int on_dial(struct uplink *u, struct line *l, const struct line_events *events)
{
	const struct post *post = (struct post *)u;
	const char *password = post->fleet->want->password;

	return line_open(l, &u->all->io, events, &post->fleet->target, post->address, *password ? password : NULL,
			 SUBPROTOCOL);
}

static void on_connected(struct uplink *u, int64_t now_ms)
{
	struct post *post = (struct post *)u;

	ble_pile_uplink_open(&post->mind, post_uptime_ms(post));
	post_pump(post);
}

static void on_disconnected(struct uplink *u, int64_t now_ms)
{
	struct post *post = (struct post *)u;

	ble_pile_uplink_close(&post->mind, post_uptime_ms(post));
	post_pump(post);
}

static void on_receive(struct uplink *u, int64_t now_ms, const char *data, size_t size)
{
	struct post *post = (struct post *)u;

	if (ble_pile_uplink_receive(&post->mind, (const uint8_t *)data, size, post_uptime_ms(post)) < 0)
		line_close(u->line, 1002);
	post_pump(post);
}

static void pump_line(struct post *post)
{
	uint8_t message[GV_WS_HEADER_MAX + BLE_HEADER_SIZE + BLE_DOCUMENT_MAX];
	int size;

	while (post->uplink.line &&
	       (size = ble_pile_uplink_message(&post->mind, post_uptime_ms(post), message + GV_WS_HEADER_MAX,
					       sizeof message - GV_WS_HEADER_MAX)) > 0)
		line_send(post->uplink.line, message, (size_t)size, GV_WS_BINARY);
}

void post_pump(struct post *post)
{
	if (!post->on)
		return;
	pump_line(post);
	post_radio_pump(post);
	post_gatt_pump(post);
	uplink_schedule(&post->uplink);
}

/* ---- time ------------------------------------------------------------------------------------ */

static void on_run(struct uplink *u, int64_t now_ms)
{
	struct post *post = (struct post *)u;

	if (post->on && post->board.reboot)
		post_power_cycle(post);
	if (post->on && u->line && ble_pile_uplink_dead(&post->mind, post_uptime_ms(post)))
		line_abort(u->line, true);
	post_pump(post);
}

static int64_t on_next(const struct uplink *u)
{
	struct post *post = (struct post *)u;
	uint64_t next = post->on ? ble_pile_tick(&post->mind, post_uptime_ms(post)) : UINT64_MAX;

	if (post->on && post->board.reboot)
		return uplink_now_ms(u);
	return next == UINT64_MAX ? INT64_MAX : post->booted_ms + (int64_t)next;
}

static void on_closed(struct uplink *u)
{
	struct post *post = (struct post *)u;
	struct post_fleet *f = post->fleet;

	post_board_fini(&post->board);
	free(post);
	post_fleet_release(f);
}

static const struct uplink_model model = { on_dial, on_connected, on_disconnected, on_receive,
					   on_run,  on_next,      on_closed };

/* ---- power ----------------------------------------------------------------------------------- */

static void say(const struct post *post, const char *line)
{
	const struct uplinks *all = &post->fleet->owner->all;

	if (all->log)
		all->log(all->arg, post->address, line);
}

static void power_on(struct post *post)
{
	const Sim__PileFleet *want = post->fleet->want;
	struct ble_pile_config config = { .crypto = &ble_openssl,
					  .id = post->board.id,
					  .key = post->board.seed,
					  .root = post->board.root,
					  .certificate = { post->board.certificate, post->board.certificate_size },
					  .connectors = want->connectors,
					  .records = post->board.records,
					  .firmware = post->board.firmware,
					  .counter = post->board.counter,
					  .makers = { (const uint8_t(*)[32])post->board.makers, post->board.n_makers,
						      want->maker_threshold },
					  .cap_minor = (uint32_t)want->cap_minor,
					  .meter_s = want->meter_s,
					  .heartbeat_s = want->heartbeat_s,
					  .letter_max = post->board.letter_max };
	struct ble_pile_hardware hardware;

	memcpy(config.hardware, *want->hardware ? want->hardware : HARDWARE,
	       strnlen(*want->hardware ? want->hardware : HARDWARE, sizeof config.hardware));
	post->board.reboot = false;
	post->booted_ms = uplink_now_ms(&post->uplink);
	post_board_hardware(&post->board, &hardware);
	if (ble_pile_boot(&post->mind, &config, &hardware) < 0)
		say(post, "The pile's store has failed: nothing starts there");
	post->on = true;
	post_radio_on(post);
	post_gatt_on(post);
	post->uplink.connect_ms = post->offline || !*want->url ? INT64_MAX : uplink_now_ms(&post->uplink);
	uplink_schedule(&post->uplink);
}

static void cut_line(struct post *post)
{
	struct line *l = uplink_let_go(&post->uplink, INT64_MAX);

	if (l)
		line_abort(l, true);
}

void post_power_cycle(struct post *post)
{
	cut_line(post);
	post_radio_off(post);
	post_gatt_off(post);
	post_board_power_off(&post->board);
	power_on(post);
}

void post_certify(struct post *post, const uint8_t *certificate, size_t size, const uint8_t root[32])
{
	post_board_certify(&post->board, certificate, size, root);
	post_power_cycle(post);
}

void post_set_network(struct post *post, bool off)
{
	post->offline = off;
	if (off) {
		cut_line(post);
		ble_pile_uplink_close(&post->mind, post_uptime_ms(post));
	} else if (*post->fleet->want->url && !post->uplink.line) {
		post->uplink.connect_ms = uplink_now_ms(&post->uplink);
	}
	post_pump(post);
}

/* ---- made and removed ------------------------------------------------------------------------ */

static int64_t board_now(void *arg)
{
	return uplink_now_ms(&((struct post *)arg)->uplink);
}

static uint64_t board_random(void *arg)
{
	return uplinks_random(((struct post *)arg)->uplink.all);
}

/* The first address, and the number on top of it. */
static void name(struct post *post, unsigned number)
{
	const char *first = post->fleet->want->first;
	unsigned byte[6] = { 0xc0, 0, 0, 0, 0, 1 };
	uint64_t address = 0;

	sscanf(first, "%2x-%2x-%2x-%2x-%2x-%2x", &byte[0], &byte[1], &byte[2], &byte[3], &byte[4], &byte[5]);
	for (int i = 0; i < 6; i++)
		address = address << 8 | byte[i];
	address += number;
	snprintf(post->address, sizeof post->address, "%02X-%02X-%02X-%02X-%02X-%02X", (unsigned)(address >> 40) & 0xff,
		 (unsigned)(address >> 32) & 0xff, (unsigned)(address >> 24) & 0xff, (unsigned)(address >> 16) & 0xff,
		 (unsigned)(address >> 8) & 0xff, (unsigned)address & 0xff);
}

int post_add(struct post_fleet *f, unsigned number)
{
	const Sim__PileFleet *want = f->want;
	struct post *post = calloc(1, sizeof *post);
	double speed = want->speed > 0 ? want->speed : 1;
	char file[512];
	int r;

	if (!post)
		return -ENOMEM;
	post->fleet = f;
	post->radio.fd = -1;
	for (size_t i = 0; i < BLE_PILE_VISITS; i++)
		post->radio.visits[i].fd = -1;
	name(post, number);
	snprintf(file, sizeof file, "%s/%s", want->store, post->address);
	r = post_board_init(&post->board, want->secret, post->address, *want->store ? file : NULL, want->records,
			    want->letter_max);
	if (r < 0) {
		post_board_fini(&post->board);
		free(post);
		return r;
	}
	f->alive++;
	f->by_number[f->count++] = post;
	f->owner->count++;
	uplink_begin(&post->uplink, &f->owner->all, &model, (uint64_t)want->count * START_SPREAD_MS);
	post->uplink.connect_ms = INT64_MAX; /* not before it has power */
	for (size_t i = 0; i < want->n_makers; i++)
		gv_hex_read(want->makers[i], strlen(want->makers[i]), post->board.makers[i], 32);
	post->board.n_makers = (unsigned)want->n_makers;
	post->board.connectors = want->connectors;
	post->board.wh_per_ms = want->power_w * speed / 3600e3;
	post->board.arg = post;
	post->board.now_ms = board_now;
	post->board.random = board_random;
	post->board.metered_ms = uplink_now_ms(&post->uplink);
	if (post->board.certificate_size)
		power_on(post);
	return 0;
}

void post_remove(struct post *post)
{
	post->fleet->owner->count--;
	post_radio_off(post);
	post_gatt_off(post);
	post_board_power_off(&post->board);
	post->on = false;
	uplink_end(&post->uplink);
}
