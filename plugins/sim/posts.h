/* Fleets of simulated Bluetooth piles: a mind that firmware would have (plugins/ble/pile), a board that is not there,
 * and two roads, a line of its own to the cloud and a radio in a loopback's folder. */
#ifndef SIM_POSTS_H
#define SIM_POSTS_H

#include "post_board.h"
#include "uplink.h"

#include <galvan/sim.pb-c.h>

#define POSTS_MAX 2000 /* of all fleets together */

struct post;

/* A connection over the radio. */
struct post_visit {
	struct post *post;
	uv_poll_t *poll;
	int fd;       /* -1: none */
	unsigned mtu; /* 0: not exchanged yet */
	struct ble_pile_visit *visit;
	uint8_t held[BLE_VALUE_MAX]; /* a value that the socket has not taken yet */
	int held_size;
};

/* Its socket in the folder, and what it advertises beside it. */
struct post_radio {
	uv_poll_t *poll;
	int fd; /* -1: off */
	char path[108];
	uint8_t advertised[BLE_PILE_ADVERTISED_SIZE];
	bool written; /* what is advertised */
	struct post_visit visits[BLE_PILE_VISITS];
};

struct post_gatt; /* its radio, where it is a real one */

struct post { /* a pile of a fleet */
	struct uplink uplink;
	struct post_fleet *fleet;
	char address[18];
	struct post_board board;
	struct ble_pile mind;
	int64_t booted_ms;
	bool on; /* it has its certificate, and power */
	bool offline;
	struct post_radio radio;
	struct post_gatt *gatt; /* NULL: none */
};

struct post_fleet {
	struct post_fleet *next;
	struct posts *owner;
	Sim__PileFleet *want; /* a copy */
	bool configured, removed;
	struct line_target target;
	struct post **by_number;
	unsigned count, alive; /* alive: handles that are not closed yet */
};

struct posts {
	struct uplinks all;
	struct post_fleet *first;
	unsigned count;
};

struct posts *posts_create(uv_loop_t *loop, uint64_t seed);
void posts_close(struct posts *p); /* `closed` of `all` follows, and then posts_destroy may */
void posts_destroy(struct posts *p);
/* Whether such a fleet can be. -EINVAL, -EEXIST or -ENOSPC, with a sentence. */
int post_fleet_check(const struct posts *p, const Sim__PileFleet *want, char *ret_error, size_t error_size);
/* Adds a fleet that post_fleet_check let pass, and starts those of its piles that have a certificate. */
int post_fleet_add(struct posts *p, const Sim__PileFleet *want, bool configured);
void post_fleet_remove(struct post_fleet *f);
struct post_fleet *post_fleet_find(const struct posts *p, const char *name);
struct post *post_find(const struct posts *p, const char *address);

/* ---- one pile: posts.c ----------------------------------------------------------------------- */

int post_add(struct post_fleet *f, unsigned number);
void post_remove(struct post *post);
void post_fleet_release(struct post_fleet *f); /* the fleet goes with its last handle */
/* What it needs to be spoken to; it boots. */
void post_certify(struct post *post, const uint8_t *certificate, size_t size, const uint8_t root[32]);
void post_power_cycle(struct post *post);
void post_set_network(struct post *post, bool off);
uint64_t post_uptime_ms(const struct post *post);
void post_pump(struct post *post); /* after anything was done to the mind */

/* ---- its radio, a real one: post_gatt.c; one client at a time -------------------------------- */

void post_gatt_on(struct post *post);
void post_gatt_off(struct post *post);
void post_gatt_pump(struct post *post);
bool post_gatt_visited(const struct post *post);

/* ---- its radio: post_radio.c ----------------------------------------------------------------- */

/* Into the folder, and in reach. A failure is told in the log. */
void post_radio_on(struct post *post);
/* Out of reach; connections end. */
void post_radio_off(struct post *post);
/* Brings what the mind has to say, and tells if it advertises something else than before. */
void post_radio_pump(struct post *post);
unsigned post_radio_visits(const struct post *post);

#endif
