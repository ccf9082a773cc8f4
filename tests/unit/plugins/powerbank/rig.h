/* What the tests of powerbank share: the plugin's .so, unchanged, beside the registry, and cabinets whose every word
 * the test says itself, under a clock of its own.
 *
 *     struct box *b = box("860000000000001");
 *     holds(b, "1.FU.BANK0001;2.EM;3.EM;");       answers each question for its inventory from now on
 *     lend("O-1", 0);
 *     cr_expect_str_eq(heard(b), "CC,BW,1,BANK0001");
 *     say(b, "MC,BO,1,BANK0001");
 */
#ifndef POWERBANK_RIG_H
#define POWERBANK_RIG_H

#include <cjson/cJSON.h>
#include <criterion/criterion.h>
#include <lib/crc16.h>
#include <tests/host/host.h>

#define IMEI "860000000000001"
#define OTHER_IMEI "860000000000002"
#define DEVICE "powerbank:" IMEI
#define OTHER "powerbank:" OTHER_IMEI
#define SECOND_MS 1000
#define MINUTE_MS 60000
#define HOUR_MS (60 * MINUTE_MS)

struct box {
	struct host_station *station;
	char imei[16];
	const char *inventory; /* what it answers; NULL: it is silent, and CQ is among what it heard */
	char heard[64][64];    /* without IMEI and CRC */
	unsigned n_heard, n_read, asked;
	char in[4096];
	size_t n_in;
	unsigned closed;
	enum gv_crc16 crc;
};

extern struct host *h;

void rig_start(const char *config); /* NULL: the defaults */
void rig_stop(void);

/* A cabinet, connected; known() makes it known before. */
struct box *box(const char *imei);
struct box *box_unconnected(const char *imei, const char *listener);
void known(const char *imei, const char *attributes); /* JSON; NULL: none */
void holds(struct box *b, const char *inventory);
/* Says what stands behind the IMEI and before the CRC: "CH,", "MQ,1,BANK0001". */
void say(struct box *b, const char *words);
void say_as(struct box *b, const char *imei, const char *words);
void say_raw(struct box *b, const char *bytes);
const char *frame_of(const struct box *b, const char *imei, const char *words);
/* The next that it was told and the test has not read; "" if there is none. */
const char *heard(struct box *b);
/* Time goes by while the cabinets' hearts beat. */
void pass(int64_t ms);
void settle(void);
/* Connected, known, with its inventory told: ready to lend. */
struct box *ready(const char *imei, const char *inventory);

/* Calls galvan.rental.v1.Rental/METHOD, or the service that the name begins with; its code. What it answered is read by
 * text() and number(). */
unsigned ask(const char *method, const char *json_fmt, ...) GV_PRINTF(2, 3);
const char *text(const char *path);
int64_t number(const char *path);
unsigned lend(const char *order, unsigned slot);
/* Of the rental of that number of the first cabinet: "ACTIVE", its field, whether it has the flag. */
const char *state(unsigned rental);
const char *of(unsigned rental, const char *field);
bool flagged(unsigned rental, const char *flag);
const char *place(const char *bank); /* "IN_SLOT" */
unsigned incidents(const char *kind);
unsigned events(const char *type); /* "RentalStarted" */
const char *slot_field(const char *device, unsigned slot, const char *field);
bool alarmed(const char *device, const char *kind);

#endif
