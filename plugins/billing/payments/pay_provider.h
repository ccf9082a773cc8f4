/* What a payment provider is to pay.c: how to ask it, and what its answers mean. A provider keeps nothing; all state is
 * the payment's row. */
#ifndef BILLING_PAY_PROVIDER_H
#define BILLING_PAY_PROVIDER_H

#include "pay.h"

/* What an answer means for the step that was asked. */
enum pay_verdict {
	PAY_DONE,    /* understood: `facts` say how things stand */
	PAY_REFUSED, /* this request will never succeed as it is */
	PAY_AGAIN,   /* the outcome is not known, or not now: look how things stand, then the same again */
	PAY_NEW_KEY, /* the outcome is not known, and the provider will say the same for ever under this key */
	PAY_SETUP,   /* nothing happens before people have changed the configuration */
};

struct pay_fact_refund {
	const char *id; /* ours */
	const char *reference, *error;
	int64_t amount;
	Billing__RefundState state;
	bool elsewhere; /* not ours: `id` is made of the provider's */
};

struct pay_fact_dispute {
	const char *reference, *reason;
	int64_t amount; /* -1: it cannot be read, or is in another currency */
	Billing__DisputeState state;
	bool taken, returned; /* the money is gone; and is back */
};

/* How a payment stands with the provider. */
struct pay_facts {
	bool standing; /* the fields up to `url` are known */
	Billing__PaymentState state;
	bool page_open;       /* the person can still act */
	int64_t amount;       /* -1: not known */
	const char *currency; /* as ours, upper case; NULL: not known */
	const char *payment;  /* the id of ours that the provider keeps with it; NULL: none */
	int64_t captured;
	int64_t refunded;                   /* by whomever; -1: not known */
	int64_t capture_before_ms;          /* 0: not known */
	const char *page, *url, *reference; /* NULL: not known */
	bool refunds_known;                 /* `refunds` are all of ours that the provider has */
	struct pay_fact_refund *refunds;
	size_t n_refunds;
	int64_t refunds_total; /* refunds_known: of all that the provider has, failed ones too */
	bool disputed;         /* there is, or was, a dispute */
	struct pay_fact_dispute *disputes;
	size_t n_disputes;
};

struct pay_answer {
	enum pay_verdict verdict;
	const char *text; /* why, for people; "" where PAY_DONE and nothing is to be said */
	bool too_small;   /* PAY_REFUSED: the provider does not take so little */
	int64_t wait_ms;  /* PAY_AGAIN: not before; 0: pay.c decides */
	struct pay_facts facts;
};

#define PAY_ANSWER_INIT                                                                                                \
	{                                                                                                              \
		.text = "", .facts = {.amount = -1, .refunded = -1 }                                                   \
	}

/* What is asked. `key` is to go with it as idempotency key; it is the same for the same request. */
struct pay_ask {
	struct billing *b;
	struct gv_turn *t;
	const Billing__PaymentRow *row;
	Billing__PaymentStep step;
	const Billing__PaymentRefund *refund; /* PAYMENT_STEP_REFUND */
	const char *key;
	const Billing__PaymentAsked *note;
};

struct pay_provider {
	const char *name;
	/* As pay_problem. */
	const char *(*problem)(struct billing *b, struct gv_turn *t, const struct pay_request *r);
	/* Our account in which its money is. */
	const char *(*clearing)(struct gv_turn *t, const Billing__Payment *payment);
	/* Each sends its request as a durable call with ask->note, or has its answer at once: then it fills *ret and
	 * returns
	 * 1. -ENOSPC: nothing was sent. NULL: the provider never gets there. */
	int (*begin)(const struct pay_ask *ask, struct pay_answer *ret);
	int (*retrieve)(const struct pay_ask *ask, struct pay_answer *ret);
	int (*capture)(const struct pay_ask *ask, struct pay_answer *ret);
	int (*release)(const struct pay_ask *ask, struct pay_answer *ret);
	int (*cancel)(const struct pay_ask *ask, struct pay_answer *ret);
	int (*refund)(const struct pay_ask *ask, struct pay_answer *ret);
	int (*refunds)(const struct pay_ask *ask, struct pay_answer *ret);
	int (*disputes)(const struct pay_ask *ask, struct pay_answer *ret);
	/* What the answer to a durable call means. */
	void (*read)(struct gv_turn *t, const Billing__PaymentRow *row, const Billing__PaymentAsked *note,
		     const struct gv_answer *answer, struct pay_answer *ret);
	/* A request to /pay/NAME. Must answer it, and call pay_heard for the payments it is about. */
	int (*webhook)(struct billing *b, struct gv_turn *t, uint64_t conn, const void *request);
};

extern const struct pay_provider pay_desk, pay_stripe;

/* The provider has said something about a payment: it is asked how the payment and its refunds stand, and where
 * `disputed`, its disputes. */
int pay_heard(struct billing *b, struct gv_turn *t, const char *payment, bool disputed);
/* The payment that has the provider's id, or NULL. */
const char *pay_by_reference(struct gv_turn *t, const struct pay_provider *p, const char *reference);
/* What sets this store apart from others that use the same account. */
const char *pay_store_name(struct gv_turn *t);
/* Remembers an event of a provider's; false: it was there already. */
bool pay_event_new(struct gv_turn *t, const struct pay_provider *p, const char *event);

/* Takes over what is known into the payment, which never goes back; refunds made elsewhere and disputes are added, in
 * the turn's memory. 1: something has changed that its owner must know;
 * 0: nothing has; -EBADMSG: what is said cannot be of this payment, nothing was taken over. ret_problem is what people
 * must look at, or NULL. What `facts` points to must live as long as the row. */
int pay_merge(struct gv_turn *t, Billing__PaymentRow *row, const struct pay_facts *facts, const char **ret_problem);
/* What goes back of a payment: what the provider has accepted, with `wanted` also what it is yet to be asked. */
int64_t pay_refunded(const Billing__Payment *p, bool wanted);
/* What disputes have taken, and not given back. */
int64_t pay_disputed(const Billing__Payment *p);
/* Whether something may still become of it. */
bool pay_dispute_is_open(const Billing__PaymentDispute *d);
bool pay_has_open_dispute(const Billing__Payment *p);

#endif
