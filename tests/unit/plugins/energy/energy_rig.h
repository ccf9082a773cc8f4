/* What the tests of the load manager share: the plugin's .so in the test host, a site "yard" of 32 A, and outlets that
 * do as they are told. */
#ifndef TEST_ENERGY_RIG_H
#define TEST_ENERGY_RIG_H

#include <cjson/cJSON.h>
#include <criterion/criterion.h>
#include <tests/host/host.h>
#include <tests/host/outlets.h>

#define SERVICE "galvan.energy.v1.Energy/"
#define MINUTE_MS 60000
#define AHEAD_MS (92 * 1000) /* validS and answerS and lateS and driftS of the rig's config */

extern struct host *h;
extern struct outlets o;

void setup(void);
void teardown(void);

/* The answer's JSON; anything but an answer fails the test. */
const char *ok(const char *method, const char *fmt, ...) GV_PRINTF(2, 3);
/* `method` of Energy is refused with that code, in words that name `word`. */
void refused(const char *method, const char *json, enum gv_code code, const char *word);
/* Puts the site; `more`: of it, with a comma before it. */
void site(const char *more);
/* Outlets 0 .. n - 1 stand at the site; `more` likewise, of each device. */
void outlets(unsigned n, const char *more);
void pass(int64_t ms);
/* A car comes to outlet i. */
void car(unsigned i, int64_t wish_ma);
/* What outlet i lets its car draw. */
int64_t allowed(unsigned i);
void expect(unsigned i, int64_t ma);
/* The i-th of GetSite, the caller's to delete. */
cJSON *allocation(unsigned i);
/* Of GetSite's state: a number, that of L1 where there are three, or how many there are of a list. */
int64_t state_of(const char *field);
void expect_state(unsigned i, const char *state);

#endif
