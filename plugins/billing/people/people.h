/* Customers and tokens: who may use devices, and which account pays. */
#ifndef BILLING_PEOPLE_H
#define BILLING_PEOPLE_H

#include <plugins/billing/billing.h>

/* In the turn's memory; NULL where there is none. Tokens are looked up without regard to case. */
const Billing__Customer *people_customer(struct gv_turn *t, const char *id);
const Billing__Token *people_token(struct gv_turn *t, const char *id);
/* "card:04A1..." or "wallet:C-1"; NULL: nobody pays (a private token, or one without customer and purse). */
const char *people_account(struct gv_turn *t, const Billing__Token *token);
/* The signed-in customer's id, or NULL. */
const char *people_signed_in(struct billing *b, struct gv_turn *t, const char *access);
/* A token that no card has, for one order: at most 20 characters, hard to guess. */
int people_guest_token(struct billing *b, struct gv_turn *t, const char *customer, char ret_id[static 21]);
/* Tells the plugins that let people charge what the token may do now; to be called whenever something it depends on has
 * changed (its account's balance, its sessions). */
int people_tell(struct billing *b, struct gv_turn *t, const char *token);
/* The account of people's money has changed: tells of all tokens that it pays for. Called by the ledger. */
int people_account_changed(struct billing *b, struct gv_turn *t, const char *account);
int people_snapshot(void *self, struct gv_turn *t);

int people_start(struct billing *b, struct gv_turn *t);
int people_due(struct billing *b, struct gv_turn *t, const char *name); /* timers "people:..." */
/* Answers to calls that people.c and signin.c made (SMTP, webhook): by the note's type. */
int people_answered(struct billing *b, struct gv_turn *t, const struct gv_answer *answer);

gv_method_fn people_put_customer, people_get_customer, people_list_customers;
gv_method_fn people_put_token, people_replace_token, people_list_tokens;
gv_method_fn people_request_code, people_sign_in, people_sign_out, people_get_me;

#endif
