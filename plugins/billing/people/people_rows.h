/* What the files about people share: their tables, and what each does for the others. */
#ifndef BILLING_PEOPLE_ROWS_H
#define BILLING_PEOPLE_ROWS_H

#include "contact.h"
#include "people.h"

#define PEOPLE_ID_MAX 36           /* characters, of customers and tokens */
#define PEOPLE_TOKENS_MAX 1000     /* of one customer */
#define PEOPLE_ACCESSES_MAX 20     /* signed in at once, of one customer; one more ends the oldest */
#define PEOPLE_SCAN_MAX 10000      /* rows that one page of a list looks at */
#define PEOPLE_ENDS_MAX 500        /* that one turn handles; the rest in the next */
#define PEOPLE_TIMER "people:ends" /* due when the first row of people_ends is */

extern const struct gv_table people_customers;   /* id -> Customer */
extern const struct gv_table people_contacts;    /* normalised contact -> ContactRow */
extern const struct gv_table people_tokens;      /* id in lower case -> TokenRow */
extern const struct gv_table people_tokens_of;   /* customer, id in lower case -> TokenOf */
extern const struct gv_table people_guests;      /* id in lower case -> Token */
extern const struct gv_table people_ends;        /* time, kind, key -> EndRow */
extern const struct gv_table people_codes;       /* contact -> CodeRow */
extern const struct gv_table people_accesses;    /* hash -> AccessRow */
extern const struct gv_table people_accesses_of; /* customer, end, hash -> AccessOf */

/* ---- people.c */

/* Stores a customer as PutCustomer does; *ret is what is stored. NULL, or a sentence that says what is wrong: then
 * nothing was. */
const char *people_store_customer(struct billing *b, struct gv_turn *t, const Billing__Customer *from,
				  Billing__Customer *ret, enum gv_code *ret_code);
/* `prefix` and so many random characters of 5 bits each, in the turn's memory. */
char *people_random_id(struct gv_turn *t, const char *prefix, unsigned n);
/* Tokens and accounts, as GetCustomer and GetMe answer them. */
void people_collect(struct billing *b, struct gv_turn *t, const char *customer, Billing__Token ***ret_tokens,
		    size_t *ret_n_tokens, Billing__Account ***ret_accounts, size_t *ret_n_accounts);

/* ---- tokens.c */

const char *people_store_token(struct billing *b, struct gv_turn *t, const Billing__Token *from, Billing__Token *ret,
			       enum gv_code *ret_code);
/* In lower case, in the turn's memory: tokens are compared without regard to case (OCPP 1.6, 3.17). */
char *people_fold(struct gv_turn *t, const char *id);
/* Tells of all the customer's tokens; `again`: even what was told already. */
int people_tell_all(struct billing *b, struct gv_turn *t, const char *customer, bool again);
int people_token_ends(struct billing *b, struct gv_turn *t, const char *fold);

/* ---- token_type.c */

bool people_type_known(const char *type); /* "" is, too */
/* The token's own, or that of its kind. */
const char *people_type(const Billing__Token *token);

/* ---- ends.c: what ends by the clock alone. `kind`: "token", "code", "access". */

void people_ends_at(struct gv_turn *t, int64_t at_ms, const char *kind, const char *key);
void people_ends_not(struct gv_turn *t, int64_t at_ms, const char *kind, const char *key);
/* Sets the timer for the first. */
int people_ends_arm(struct gv_turn *t);

/* ---- signin.c */

int people_code_ends(struct gv_turn *t, const char *contact);
int people_access_ends(struct gv_turn *t, const char *hash);
/* Signs the customer out everywhere. */
void people_end_accesses(struct gv_turn *t, const char *customer);

/* ---- deliver.c */

/* What is wrong with the config, or NULL. */
const char *people_deliver_config_problem(const Billing__SignIn *config);
/* Whether codes can be brought to such a contact; NULL, or why not. */
const char *people_deliver_problem(const struct billing *b, const char *contact);
int people_deliver(struct billing *b, struct gv_turn *t, const char *contact, const char *code, const char *customer,
		   uint32_t minutes);

#endif
