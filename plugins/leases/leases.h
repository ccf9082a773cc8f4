/* Leases and claims (proto/galvan/update.proto, docs/adr/0025), for every plugin that serves Updates: who may have a
 * device next, a driver or an update. All of it is one row of the plugin's own store, so of two that race one wins.
 *
 *   leases.c  the services Claim, Unclaim, Lease, EndLease, GetUpdateState
 *   orders.c  Install and CancelInstall: what was handed over, and how far it is
 *
 * The plugin lists leases_table among its tables, leases_methods among its services, the three events among those that
 * it emits, and hands on its timers that begin with LEASES_TIMER. */
#ifndef LEASES_H
#define LEASES_H

#include <galvan/plugin.h>
#include <galvan/update.pb-c.h>

#define LEASES_TIMER "lease "     /* and the device */
#define LEASES_CLAIMS_MAX 64      /* of one device that stand */
#define LEASES_CLAIM_MS 86400000  /* the longest claim, from now: a day */
#define LEASES_LEASE_MS 604800000 /* the longest lease: a week */

/* What a plugin that embeds this says of its devices. */
struct leases_device {
	/* The devices decide by themselves when they install, and nothing starts there meanwhile: nobody can ask one
	 * that has no network. Then a lease bars nothing and gives way to nothing, and every claim is granted. */
	bool gates_itself;
	/* What would be in the way of a lease that ends at until_ms, besides claims and other leases. *ret_detail: a
	 * sentence; *ret_free_ms: when it may be over, 0 where nobody knows. */
	Update__Hindrance (*hindrance)(void *self, struct gv_turn *t, const char *device, int64_t until_ms,
				       const char **ret_detail, int64_t *ret_free_ms);
	/* It is out of service from now on, or back again. NULL: nothing is to be done. */
	int (*changed)(void *self, struct gv_turn *t, const char *device, bool leased);
	/* Hands it over, and answers by order_answered when the device has. order->number is a new one; where the
	 * protocol has its own it is changed. NULL: these devices take none. */
	int (*install)(void *self, struct gv_turn *t, struct gv_ticket ticket, Update__Order *order);
	/* Takes it back, and answers by order_cancelled. NULL: that cannot be done. */
	int (*cancel)(void *self, struct gv_turn *t, struct gv_ticket ticket, const Update__Order *order);
};
/* Defined by the plugin. */
extern const struct leases_device leases_device;

extern const struct gv_table leases_table; /* device -> LeaseRow */
extern const struct gv_method leases_methods[];

/* ---- leases.c -------------------------------------------------------------------------------- */

/* The lease that stands; NULL: none. */
const Update__Lease *lease_of(struct gv_turn *t, const char *device);
/* True where nothing can begin there as it is being updated: the ticket has been answered. */
bool lease_bars(struct gv_turn *t, struct gv_ticket ticket, const char *device);
/* A session or rental has begun with this token, or of this order: its claim has come to its end. */
int lease_claim_used(struct gv_turn *t, const char *device, const char *whose);
/* Likewise, of a session that nobody could keep from beginning: a lease under which nothing was handed over yet gives
 * way to it. */
int lease_begun(void *self, struct gv_turn *t, const char *device, const char *whose);
int lease_due(void *self, struct gv_turn *t, const char *timer);
/* The device was deleted. */
int lease_forget(void *self, struct gv_turn *t, const char *device);
/* What a device says it is; told where it is news or `booted`. */
int lease_identified(struct gv_turn *t, const char *device, const Update__Identity *said, bool booted);
int lease_snapshot(void *self, struct gv_turn *t);
int lease_snapshot_identities(void *self, struct gv_turn *t);

/* ---- orders.c -------------------------------------------------------------------------------- */

gv_method_fn order_install, order_cancel;
/* The last that was handed over; NULL: none. */
const Update__Order *order_of(struct gv_turn *t, const char *device);
/* Its plugin has refused to hand it over: the device has heard nothing of it. */
void order_dropped(struct gv_turn *t, const char *device);
/* The device has answered, or whether it has heard of it is not known (UNSURE). */
int order_answered(struct gv_turn *t, struct gv_ticket ticket, const char *device, uint64_t number,
		   Update__Order__State state, const char *detail);
int order_cancelled(struct gv_turn *t, struct gv_ticket ticket, const char *device, bool cancelled, const char *detail);
struct order_step {
	uint64_t number; /* what the device called it; 0: it did not say which */
	Update__Step step;
	const char *detail;
	uint32_t percent;
};
/* How far the device says it is. What it has said already is not told again. */
int order_progress(struct gv_turn *t, const char *device, const struct order_step *s);

#endif
