/* The board and the line of a simulated pile. */
#include "post.h"
#include "quick_crypto.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RECONNECT_MS 2000
#define HEARTBEAT_S (6 * 3600)
#define IDLE_MS 3600000
#define LOOK_MS 30000 /* between two looks at a meter that may reach its limit */

uint64_t post_uptime_ms(const struct post *post)
{
	return (uint64_t)(host_now_ms(post->h) - post->booted_ms + post->ahead_ms);
}

void post_jump(struct post *post, int64_t ms)
{
	post->ahead_ms += ms;
	post_pump(post);
}

/* ---- the board ------------------------------------------------------------------------------- */

static uint8_t *place(struct post *post, enum ble_pile_area area, uint32_t at)
{
	return area == BLE_PILE_RECORDS ? post->flash.records[at] : post->flash.state[at];
}

static int read_place(void *user, enum ble_pile_area area, uint32_t at, void *ret, size_t size)
{
	memcpy(ret, place(user, area, at), size);
	return 0;
}

static int write_place(void *user, enum ble_pile_area area, uint32_t at, const void *data, size_t size)
{
	struct post *post = user;

	if (!post->on)
		return -1;
	if (post->write_left && --post->write_left == 0) {
		memcpy(place(post, area, at), data, host_below(post->h, (uint32_t)size));
		post_power_off(post);
		return -1;
	}
	memcpy(place(post, area, at), data, size);
	return 0;
}

static void fill_random(void *user, uint8_t *ret, size_t size)
{
	uint64_t word;

	for (size_t i = 0, n; i < size; i += n) {
		n = size - i < sizeof word ? size - i : sizeof word;
		word = host_random(((struct post *)user)->h);
		memcpy(ret + i, &word, n);
	}
}

static void advance(struct post *post)
{
	int64_t now_ms = host_now_ms(post->h);

	if (post->closed)
		post->meter_wh += (double)(now_ms - post->metered_ms) * POST_POWER_W / 3600e3;
	post->metered_ms = now_ms;
}

static uint64_t meter_wh(void *user, unsigned connector)
{
	advance(user);
	return (uint64_t)((struct post *)user)->meter_wh;
}

static uint32_t power_w(void *user, unsigned connector)
{
	return ((struct post *)user)->closed ? POST_POWER_W : 0;
}

static void open_relay(struct post *post)
{
	advance(post);
	if (post->closed) {
		post->given[post->n_given - 1].to_wh = (uint64_t)post->meter_wh;
		post->given[post->n_given - 1].over = true;
	}
	post->closed = false;
}

static void relay(void *user, unsigned connector, bool closed)
{
	struct post *post = user;
	const struct ble_pile_session *s = &post->mind.state.sessions[0];
	struct post_given *given = &post->given[post->n_given];

	if (!closed || !post->on) {
		open_relay(post);
		return;
	}
	host_check(post->h, !post->closed, "%s closes a relay that is closed", post->device);
	host_check(post->h, post->n_given < POST_GIVEN, "%s has more sessions than a test has room for", post->device);
	advance(post);
	*given = (struct post_given){ .from_wh = (uint64_t)post->meter_wh };
	memcpy(given->session, s->id, 16);
	memcpy(given->jti, s->jti, 16);
	post->n_given++;
	post->closed = true;
}

/* ---- the line -------------------------------------------------------------------------------- */

static void connect_line(struct host *h, void *arg)
{
	struct post *post = arg;

	if (!post->on || !post->wants_line || post->connecting || host_station_connected(post->line))
		return;
	post->connecting = true;
	host_station_connect(post->line);
}

static void on_open(struct host_station *s, void *arg)
{
	struct post *post = arg;

	post->connecting = false;
	if (!post->on || !post->wants_line) {
		host_station_drop(s);
		return;
	}
	ble_pile_uplink_open(&post->mind, post_uptime_ms(post));
	post_pump(post);
}

static void on_frame(struct host_station *s, void *arg, enum gv_frame_kind kind, const char *data, size_t size)
{
	struct post *post = arg;
	int r;

	if (!post->on || !post->mind.uplink.open)
		return; /* it has hung up, and this was under way */
	r = ble_pile_uplink_receive(&post->mind, (const uint8_t *)data, size, post_uptime_ms(post));
	host_check(post->h, r == 0, "%s does not understand the cloud: %s", post->device, ble_result_name(r));
	post_pump(post);
}

static void on_close(struct host_station *s, void *arg, unsigned code)
{
	struct post *post = arg;

	post->connecting = false;
	if (post->on)
		ble_pile_uplink_close(&post->mind, post_uptime_ms(post));
	post_pump(post);
	host_after(post->h, RECONNECT_MS, connect_line, post);
}

static const struct host_station_model model = { on_open, on_frame, on_close };

static void pump_line(struct post *post)
{
	uint8_t message[BLE_HEADER_SIZE + BLE_DOCUMENT_MAX];
	int size;

	while (post->on && host_station_connected(post->line) &&
	       (size = ble_pile_uplink_message(&post->mind, post_uptime_ms(post), message, sizeof message)) > 0)
		host_station_send(post->line, GV_BINARY, message, (size_t)size);
}

void post_network(struct post *post, bool on)
{
	post->wants_line = on;
	if (on) {
		connect_line(post->h, post);
		return;
	}
	if (host_station_connected(post->line))
		host_station_drop(post->line);
	if (post->on)
		ble_pile_uplink_close(&post->mind, post_uptime_ms(post));
	post_pump(post);
}

/* ---- time ------------------------------------------------------------------------------------ */

/* An alarm that was set before the plan changed finds nothing due. */
static void ring(struct host *h, void *arg)
{
	struct post *post = arg;

	if (post->on && host_now_ms(h) >= post->due_ms)
		post_pump(post);
}

static void set_alarm(struct post *post)
{
	uint64_t next = ble_pile_tick(&post->mind, post_uptime_ms(post)), now = post_uptime_ms(post);
	int64_t in_ms = next == UINT64_MAX ? IDLE_MS : next > now ? (int64_t)(next - now) : 1;

	if (post->closed && in_ms < LOOK_MS && !post->changed)
		in_ms = LOOK_MS;
	if (host_now_ms(post->h) + in_ms == post->due_ms)
		return;
	post->due_ms = host_now_ms(post->h) + in_ms;
	host_after(post->h, in_ms, ring, post);
}

void post_pump(struct post *post)
{
	if (post->pumping) {
		post->again = true;
		return;
	}
	post->pumping = true;
	do {
		post->again = false;
		if (post->on)
			set_alarm(post);
		pump_line(post);
		if (post->changed)
			post->changed(post, post->arg);
	} while (post->again);
	post->pumping = false;
}

/* ---- power ----------------------------------------------------------------------------------- */

void post_power_on(struct post *post)
{
	struct ble_pile_config config = { .crypto = &quick_crypto,
					  .id = post->id,
					  .key = post->seed,
					  .root = post->root,
					  .certificate = { post->certificate, post->certificate_size },
					  .connectors = 1,
					  .records = POST_RECORDS,
					  .firmware = 1,
					  .built = 1,
					  .cap_minor = 100000,
					  .meter_s = 600,
					  .heartbeat_s = HEARTBEAT_S };
	struct ble_pile_hardware hardware = { .user = post,
					      .read = read_place,
					      .write = write_place,
					      .random = fill_random,
					      .meter_wh = meter_wh,
					      .power_w = power_w,
					      .relay = relay };

	if (post->on)
		return;
	post->on = true;
	post->ahead_ms = 0;
	post->booted_ms = post->metered_ms = host_now_ms(post->h);
	ble_pile_boot(&post->mind, &config, &hardware);
	post_pump(post);
	connect_line(post->h, post);
}

void post_power_off(struct post *post)
{
	open_relay(post);
	post->on = false;
	post->write_left = 0;
	if (host_station_connected(post->line))
		host_station_vanish(post->line);
	post_pump(post);
}

void post_image(struct post *post)
{
	if (!post->older)
		post->older = malloc(sizeof *post->older);
	if (post->older)
		*post->older = post->flash;
}

void post_go_back(struct post *post)
{
	if (!post->older)
		return;
	post_power_off(post);
	post->flash = *post->older;
	post->forked = true;
	post_power_on(post);
}

/* ---- made ------------------------------------------------------------------------------------ */

void post_init(struct post *post, struct host *h, unsigned number)
{
	memset(post, 0, sizeof *post);
	post->h = h;
	snprintf(post->address, sizeof post->address, "C0-00-00-00-%02X-%02X", number >> 8 & 0xff, number & 0xff);
	snprintf(post->device, sizeof post->device, "ble:%s", post->address);
	memset(post->id, 1, sizeof post->id);
	memset(post->seed, 2, sizeof post->seed);
	memcpy(post->id, &number, sizeof number);
	memcpy(post->seed, &number, sizeof number);
	quick_public(post->seed, post->public_key);
	post->line = host_station(h, "ble", post->device, "cpb1", &model, post);
}

void post_twin(struct post *ret, struct post *of)
{
	advance(of);
	memset(ret, 0, sizeof *ret);
	ret->h = of->h;
	memcpy(ret->device, of->device, sizeof ret->device);
	memcpy(ret->address, of->address, sizeof ret->address);
	memcpy(ret->id, of->id, sizeof ret->id);
	memcpy(ret->seed, of->seed, sizeof ret->seed);
	memcpy(ret->public_key, of->public_key, sizeof ret->public_key);
	memcpy(ret->root, of->root, sizeof ret->root);
	memcpy(ret->certificate, of->certificate, sizeof ret->certificate);
	ret->certificate_size = of->certificate_size;
	ret->flash = of->flash;
	ret->meter_wh = of->meter_wh;
	ret->forked = of->forked = true;
	ret->line = host_station(ret->h, "ble", ret->device, "cpb1", &model, ret);
	post_power_on(ret);
}

void post_fini(struct post *post)
{
	free(post->older);
}
