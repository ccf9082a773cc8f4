/* Orders: what is paid first and then started. An order is a row and a state machine; each change of its state is in
 * one turn with the effect that follows it, so that nothing happens twice and nothing is forgotten.
 *
 * Uses: sessions and rentals that billing has heard of, an order's or a card's at the charger, until they are charged.
 *
 * docs/adr/0011-orders.md has the states, and what each crash leads to. */
#ifndef BILLING_ORDERS_H
#define BILLING_ORDERS_H

#include <plugins/billing/billing.h>

#include <galvan/charging.pb-c.h>
#include <galvan/rental.pb-c.h>
#include <galvan/update.pb-c.h>

#define ORDERS_ID_MAX 64
#define ORDERS_PAGE_MS 15000       /* so long Checkout waits for the page to pay at */
#define ORDERS_STARTS_MAX 3        /* times that a device is told to start for one order */
#define ORDERS_AGAIN_MS 5000       /* between tries */
#define ORDERS_TOLD_EVERY_MS 10000 /* at most, of the running cost of one order */
#define ORDERS_OPEN_MAX 64         /* orders of one device at once; of a cabinet those whose bank is not out yet */
#define ORDERS_RENTED_MAX 1000     /* and banks of one cabinet that are out */
#define ORDERS_LEND_MS 90000000    /* 25 h: within a day a cabinet's plugin says what became of a lend */
#define ORDERS_GRANTED_MS                                                                                              \
	21600000                 /* 6 h: an order that may still begin is looked at so often when its time is over     \
				  */
#define USES_STOP_AGAIN_MS 30000 /* a charger that does not stop is told again */
#define USES_CHECK_MS 900000     /* what is paid from a hold is looked at so often though it says nothing */
#define ORDERS_PAYMENT "order:"  /* begins the ids of their payments */

extern const struct gv_table orders_table, orders_tokens, orders_open, orders_times, uses_table, twins_table;

/* ---- orders.c: rows */

/* To change and put back, in the turn's memory; NULL: there is none. */
Billing__OrderRow *orders_take(struct gv_turn *t, const char *id);
/* The order whose token it is, or NULL. */
Billing__OrderRow *orders_by_token(struct gv_turn *t, const char *token);
void orders_put(struct gv_turn *t, Billing__OrderRow *row);
/* Writes the row with its new state and tells it. */
void orders_to(struct gv_turn *t, Billing__OrderRow *row, Billing__OrderState state);
void orders_tell(struct gv_turn *t, const Billing__OrderRow *row);
void orders_flag(struct gv_turn *t, Billing__OrderRow *row, const char *flag);
/* "order:O-1:hold", the id of what it holds in the ledger. */
const char *orders_hold(struct gv_turn *t, const Billing__OrderRow *row);
bool orders_is_over(const Billing__OrderRow *row);

/* ---- flags.c */

/* Adds a copy of the flag to a list where it is not there yet; "" adds nothing. */
void orders_add_flag(struct gv_turn *t, char ***flags, size_t *n, const char *flag);
bool orders_has_flag(char *const *flags, size_t n, const char *flag);

/* ---- order_checkout.c */

gv_method_fn orders_checkout, orders_get, orders_list, orders_stop;
/* Fills what it costs as it is now, where it goes on. */
void orders_show(struct billing *b, struct gv_turn *t, Billing__OrderRow *row);

/* ---- order_run.c: the machine */

/* Goes on from the state that it is in. */
int orders_go(struct billing *b, struct gv_turn *t, Billing__OrderRow *row);
/* It does not start: what was held or paid goes back. */
int orders_void(struct billing *b, struct gv_turn *t, Billing__OrderRow *row, const char *why);
/* Checkout has waited for the page to pay at, or for what came instead. */
void orders_answer(struct gv_turn *t, Billing__OrderRow *row);
/* After its charge is in the ledger: what the provider must do, and the end. */
int orders_settled(struct billing *b, struct gv_turn *t, Billing__OrderRow *row);
/* So much of what the provider has captured is to go back, as soon as it has been. Puts the row. */
int orders_send_back(struct billing *b, struct gv_turn *t, Billing__OrderRow *row, const char *refund, int64_t amount);
int orders_due(struct billing *b, struct gv_turn *t, const char *name);               /* timers "order:ID" */
int orders_answered(struct billing *b, struct gv_turn *t, const struct gv_answer *a); /* notes OrderAsked */

/* ---- order_claim.c: its device is promised to it before its driver pays */

int orders_claim(struct billing *b, struct gv_turn *t, Billing__OrderRow *row);
int orders_claim_answered(struct billing *b, struct gv_turn *t, Billing__OrderRow *row, const struct gv_answer *a);
/* It will not begin: somebody else, or an update, may have the device. */
void orders_unclaim(struct gv_turn *t, Billing__OrderRow *row);

/* ---- order_start.c */

int orders_start(struct billing *b, struct gv_turn *t, Billing__OrderRow *row);
int orders_look(struct billing *b, struct gv_turn *t, Billing__OrderRow *row);
/* A start that was granted is to begin no more, where nobody has been given it yet. */
int orders_cancel(struct billing *b, struct gv_turn *t, Billing__OrderRow *row);
/* A durable call about the order; puts the row. */
int orders_ask(struct gv_turn *t, Billing__OrderRow *row, const char *method, const void *request,
	       Billing__OrderStep step, int64_t timeout_ms);

/* A start that was granted will not begin any more. */
gv_event_fn orders_start_abandoned;

/* Whether the answer says that nothing was done, nor will be. */
bool orders_is_refusal(unsigned code);

/* ---- order_lend.c: the same for power banks */

int orders_lend(struct billing *b, struct gv_turn *t, Billing__OrderRow *row);
int orders_lend_due(struct billing *b, struct gv_turn *t, Billing__OrderRow *row);
int orders_lend_answered(struct billing *b, struct gv_turn *t, Billing__OrderRow *row, const struct gv_answer *a,
			 Billing__OrderStep step);

/* ---- uses.c */

gv_event_fn uses_started, uses_ended;
Billing__UseRow *uses_take(struct gv_turn *t, const char *device, const char *session);
void uses_put(struct gv_turn *t, const Billing__UseRow *row);
/* A session has begun, or turns out to have: finds who pays for it. Does nothing where that is known. */
int uses_begin(struct billing *b, struct gv_turn *t, const char *device, const Charging__Session *s, const char *flag);
int uses_stop(struct billing *b, struct gv_turn *t, Billing__UseRow *row, const char *flag);
/* Whether a session runs on the connector (0: any); *ret_session is whose. */
bool uses_on(struct gv_turn *t, const char *device, uint32_t connector, const char **ret_session);
int uses_due(struct billing *b, struct gv_turn *t, const void *note);               /* timers "use:SESSION" */
int uses_answered(struct billing *b, struct gv_turn *t, const struct gv_answer *a); /* notes UseAsked */
void uses_forget(struct billing *b, struct gv_turn *t, const Billing__UseRow *row);
/* Its timer: when it is looked at next. */
void uses_arm(struct gv_turn *t, const Billing__UseRow *row, int64_t at_ms);
/* A durable call about it. *ret_asked false: the window is full, and its timer is armed. */
int uses_ask(struct gv_turn *t, const Billing__UseRow *row, const char *method, const void *request,
	     Billing__UseStep step, bool *ret_asked);

/* ---- twins.c */

/* Is it a session that the device's other way has told of before? Then it is linked to that one, and no use. */
bool twins_is_second(struct gv_turn *t, const char *device, const Charging__Session *s);

/* ---- uses_whose.c. False: it must not go on. */

/* A card at the charger, or a token that nobody knows. */
bool uses_whose_card(struct billing *b, struct gv_turn *t, Billing__UseRow *row, bool ended);
bool uses_whose_order(struct gv_turn *t, Billing__UseRow *row, Billing__OrderRow *order);
/* The order has begun: its hold and its terms are the use's. */
void uses_take_over(struct gv_turn *t, Billing__UseRow *row, Billing__OrderRow *order);

/* ---- rents.c: uses that are rentals */

gv_event_fn rents_started, rents_failed, rents_ended;
/* What became of a lend, whoever said it: the bank is out, or has been and the rental is over. */
int rents_heard(struct billing *b, struct gv_turn *t, const Rental__RentalRow *r, const char *flag);
bool rents_is_over(const Rental__RentalRow *r);
int rents_due(struct billing *b, struct gv_turn *t, Billing__UseRow *row);
int rents_answered(struct billing *b, struct gv_turn *t, Billing__UseRow *row, const struct gv_answer *a,
		   Billing__UseStep step);
/* Fills the cost of a rental that goes on as it is now. */
void rents_show(struct billing *b, struct gv_turn *t, Billing__Order *order);

/* ---- priced.c */

/* It is over, or free: told where its charger shows it. */
int priced_in_the_end(struct billing *b, struct gv_turn *t, const Billing__UseRow *use, int64_t cost);

/* ---- live.c: what goes on at this moment, kept in memory and found again after a restart */

gv_event_fn live_metered, priced_shown;
int live_answered(struct billing *b, struct gv_turn *t, const struct gv_answer *a); /* GetSession without a note */
void live_begin(struct billing *b, struct gv_turn *t, const Billing__UseRow *row);
void live_end(struct billing *b, const char *session);
/* Looks at a session of which nothing was heard, as its plugin knows it: its time may cost money too. */
int live_check(struct billing *b, struct gv_turn *t, Billing__UseRow *row, const Charging__Session *s);
/* Fills cost and energy of a running order as they are now. */
void live_show(struct billing *b, struct gv_turn *t, Billing__Order *order);
void live_stop(struct billing *b);

#endif
