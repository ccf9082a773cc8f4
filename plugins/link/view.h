/* What link knows of the registry's devices, in memory: who may connect, and with which password. */
#ifndef LINK_VIEW_H
#define LINK_VIEW_H

#include <galvan/plugin.h>
#include <stdbool.h>
#include <stdint.h>

#define VIEW_HASH_MAX 64 /* bytes of a password's hash */
#define VIEW_ID_MAX 128  /* bytes of a device id */

struct credential {
	uint8_t *salt;
	size_t salt_size;
	uint32_t iterations;
	uint8_t hash[VIEW_HASH_MAX];
	size_t hash_size; /* 0: no password */
};

/* How many security events it may still cause; alarms.c. */
struct alarm_budget {
	uint64_t due_ms; /* of the loop's clock: each event moves it on, ahead of the present after several */
	uint32_t more;   /* refusals since the last event */
};

struct device {
	char *id;     /* as the registry spells it */
	char **names; /* id and aliases */
	size_t n_names;
	struct credential now, pending;
	unsigned security_profile; /* the least; 0: any */
	unsigned told_profile;     /* what the registry said last: less, until it has heard that it was raised */
	char *certificate_cn;      /* NULL: its identity */
	struct alarm_budget alarms;
	int64_t ping_s;            /* -1: the listener's */
	char *default_subprotocol; /* NULL: none */
	unsigned tls_min;          /* TLS 1.x that it must speak at least, with OpenSSL's number; 0: any, or none */
	char *tls_ciphers;         /* the suites one of which it must speak, with colons between; NULL: any, or none */
	bool no_compression;
	bool upgrade_optional;    /* it may leave out `Connection: Upgrade` */
	uint32_t subprotocol_was; /* a hash of what it spoke last; 0: not known */
	/* Fingerprints of the password that was right and of the one that was wrong last, so that a station that comes
	 * again is cheap. */
	uint8_t right[32], wrong[32];
	bool right_known, wrong_known;
	bool other_form;   /* the right one was shown in another form than it was given in: hex digits for bytes, ... */
	uint64_t wrong_ms; /* of the loop's clock: each wrong one that was checked moves it on, ahead of the present
			      after several */
};

/* Of a name, or another short text, ASCII case ignored. */
uint32_t view_hash(const char *s);

struct view_name;
struct view {
	struct view_name **slots;
	size_t n_slots, n_names, n_devices;
	size_t n_certificates; /* devices with a certificate_cn */
	uint8_t key[32];       /* of the fingerprints: random, of this process only */
};

int view_init(struct view *v);
void view_fini(struct view *v);
/* The device of this id or alias, ASCII case ignored; NULL: unknown. Valid until the next change. */
struct device *view_find(const struct view *v, const char *name);
/* The device whose certificate_cn this is; NULL: none. Looks at all of them where any has one. */
struct device *view_find_certificate(const struct view *v, const char *common_name);
/* Puts or replaces; takes what the row says by copy. */
int view_put(struct view *v, const void *known_device);
void view_remove(struct view *v, const char *id);

extern const struct gv_table view_table;
/* Fills the view from the table. */
int view_load(struct view *v, struct gv_turn *t);
/* The handlers of registry's events, over table and view. */
int view_changed(struct view *v, struct gv_turn *t, const void *device_changed, const struct gv_emitter *from);
int view_resync(struct view *v, struct gv_turn *t, const char *emitter);

/* May who showed these bytes as password connect as `d`? PASSWORD_PENDING: yes, with the new one; password_promote
 * makes it the only one. PASSWORD_BUSY: too many wrong ones lately. */
enum password { PASSWORD_RIGHT, PASSWORD_PENDING, PASSWORD_WRONG, PASSWORD_BUSY };
void password_promote(struct device *d);
enum password password_check(struct view *v, struct device *d, const uint8_t *password, size_t size, uint64_t now_ms);

#endif
