/* A plugin "rack" that lends banks as the test says, beside billing; more of what orders_rig.h has. */
#ifndef TEST_BILLING_RENTAL_RIG_H
#define TEST_BILLING_RENTAL_RIG_H

#include <galvan/plugin.h>
#include <galvan/rental.pb-c.h>

#define RENTALS 4

/* ---- the cabinet ----------------------------------------------------------------------------- */

extern enum gv_code lend_says, end_says;
extern unsigned lends, ends; /* how often it was asked */
extern bool acts;            /* on a lend, whatever it answers */
extern Rental__RentalRow rentals[RENTALS];
extern unsigned n_rentals;
extern const char *ended_elsewhere; /* what is true as soon as an end was refused */
extern unsigned speaker;            /* which rental is told of */

enum rack_says { OUT, FAILED_LEND, OVER };
/* Tells of the speaker's rental as it is. */
void say(enum rack_says what);
void come_out(void);
void fail_to_come_out(void);
void return_silently(Rental__RentalState how);
void come_back(void);
/* The i-th time that the first rental's clock stood. */
void freeze(unsigned i, int64_t from_ms, int64_t until_ms, const char *why);

/* ---- billing --------------------------------------------------------------------------------- */

#define USUAL                                                                                                          \
	"\"currency\":\"EUR\",\"freeS\":300,\"intervalS\":1800,\"intervalPrice\":150,\"capWindow\":\"CAP_WINDOW_"      \
	"ROLLING_24H\",\"capAmount\":900,\"vatPpm\":200000,\"deposit\":2000,\"buyout\":{\"mode\":\"BUYOUT_MODE_"       \
	"REPLACE\",\"afterS\":259200,\"price\":3500}"

/* A node with billing and the rack, and the usual tariff. `more`: of billing's config. */
void load(uint64_t seed, const char *more);
/* The same, and 50.00 in the wallet of C-1. */
void setup(void);
void rent_by(const char *terms);
void borrow(const char *id, const char *more);
/* Order O-1, of C-1. */
void borrow_one(void);
/* Of the newest charge. */
const char *charge(const char *path);
int64_t posted(const char *account);

#endif
