/* A Bluetooth pile for simulations: the mind that firmware has (plugins/ble/pile) on a board whose power goes in the
 * middle of a write, whose flash is put back to an older image (a clone), and that keeps account of the energy it
 * really gave. */
#ifndef TEST_HOST_POST_H
#define TEST_HOST_POST_H

#include "host.h"

#include <plugins/ble/pile/ble_pile.h>

#define POST_RECORDS 64
#define POST_GIVEN 16 /* sessions of one pile that are kept account of */
#define POST_POWER_W 60000

/* What went through the relay in a session. */
struct post_given {
	uint8_t session[16], jti[16];
	uint64_t from_wh, to_wh; /* of the register */
	bool over;
};

struct post_flash {
	uint8_t records[POST_RECORDS][BLE_PILE_PLACE_SIZE], state[2][BLE_PILE_STATE_SIZE];
};

struct post {
	struct host *h;
	char device[32], address[20]; /* "ble:C0-..." */
	uint8_t id[16], seed[32], public_key[32], root[32];
	uint8_t certificate[BLE_CERTIFICATE_MAX];
	size_t certificate_size;
	struct ble_pile mind;
	struct post_flash flash, *older; /* older: an image that a clone may have */
	bool on, closed;                 /* power, the relay */
	bool forked;                     /* it went back to an older image, or there are two of it */
	int64_t booted_ms, metered_ms;
	int64_t ahead_ms; /* its clock has jumped so far since it booted */
	double meter_wh;
	struct post_given given[POST_GIVEN];
	unsigned n_given;
	unsigned write_left; /* the power goes in that write; 0: it stays */
	int64_t due_ms;      /* of its alarm */
	bool pumping, again;
	struct host_station *line;
	bool wants_line, connecting;
	void (*changed)(struct post *post, void *arg); /* something happened: whoever visits may go on */
	void *arg;
};

/* Keys of that number; not switched on. */
void post_init(struct post *post, struct host *h, unsigned number);
void post_power_on(struct post *post);
void post_power_off(struct post *post);
/* Takes an image of the flash now; puts the last one back, and switches on. */
void post_image(struct post *post);
void post_go_back(struct post *post);
/* A second one comes alive: all that the first is and has in its flash at this moment, on a board of its own. */
void post_twin(struct post *ret, struct post *of);
void post_network(struct post *post, bool on);
uint64_t post_uptime_ms(const struct post *post);
/* Its clock goes ahead. */
void post_jump(struct post *post, int64_t ms);
/* After anything was done to the mind: what it has to say goes, and its alarm is set. */
void post_pump(struct post *post);
void post_fini(struct post *post);

#endif
