/* What must hold of billing's books in the end, whatever its orders were for: each order is closed or voided, nothing
 * is held any more, and wallets, cards, the provider, income and taxes add up to what the charges say. */
#ifndef TEST_HOST_BOOKS_H
#define TEST_HOST_BOOKS_H

#include "host.h"

#include <cjson/cJSON.h>

#define BOOKS_BY_HAND "by hand" /* the reason of a credit that no other charge follows */

struct books;

struct books_purse {
	const char *account;
	const char *customer; /* whose orders it pays; NULL: of a card, which has none */
	int64_t top_up;
};

struct host_answer *books_call(struct host *h, const char *method, const char *json);
/* Fails the test unless it is answered with GV_OK. */
struct host_answer *books_must(struct host *h, const char *method, const char *json);

/* The charges as they are now. */
struct books *books_open(struct host *h);
void books_close(struct books *b);
const cJSON *books_charges(const struct books *b);
/* What a session or a rental was charged with, what was corrected left out; *ret_n is how often. */
const cJSON *books_charge_of(const struct books *b, const char *session, unsigned *ret_n);
/* `purses`: all that were filled, one card at most. The provider is the plugin "till". */
void books_check(const struct books *b, const struct books_purse *purses, size_t n);

/* Whether a list of strings has one. */
bool books_has(const cJSON *list, const char *text);
/* A member of an object; "" and 0 without. */
const char *books_text(const cJSON *of, const char *name);
int64_t books_number(const cJSON *of, const char *name);

#endif
