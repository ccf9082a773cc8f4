/* Devices as a campaign meets them, for scenarios of ota: a plugin that serves galvan.update.v1.Updates, and the
 * devices themselves, which are no plugin's: what a device has taken in it has, whether its plugin's turn is committed
 * or not. They obey, skip steps, say nothing, lie, fail, refuse, are silent, go back; drivers come and pay, or just
 * plug in. */
#ifndef TEST_HOST_GEAR_H
#define TEST_HOST_GEAR_H

#include "host.h"

/* The file of all artifacts, which the plugin has put into the blob store. */
const char *gear_blob(void);

enum gear_manner {
	GEAR_OBEYS,
	GEAR_SKIPS,    /* says nothing but that it has installed, when it has booted */
	GEAR_MUTE,     /* says nothing at all, and boots the new version */
	GEAR_LIES,     /* says that it has installed, and boots the old version */
	GEAR_STUMBLES, /* its first download fails */
	GEAR_FAILS,    /* its installation fails, always */
	GEAR_SILENT,   /* takes it, and is never heard of again */
	GEAR_REFUSES,
	GEAR_RELAPSES, /* boots the new version, and goes back to the old soon */
	GEAR_MANNERS
};

struct gear {
	char device[24], site[16], version[16];
	enum gear_manner manner;
	bool offline;
	int64_t booted_ms;
	/* the update that it has in hand */
	char id[24], offered[16], url[400];
	int64_t offered_ms; /* 0: none */
	bool booted, went_back;
	bool plain; /* takes nothing back, as OCPP 1.6's UpdateFirmware; and its answer gets lost now and then */
	unsigned offers;
	/* who is there */
	bool unavailable; /* its plugin has taken it out of service */
	uint64_t session; /* the number of the one that runs; 0: none */
	int64_t session_until_ms;
	const char *reason;        /* of its sessions' ends; NULL: as their drivers end them */
	struct host_answer *claim; /* somebody pays: */
	int64_t claim_until_ms;    /* not later than that */
	int64_t paid_ms;           /* somebody has paid, and starts then; 0: nobody */
	bool dirty;                /* its plugin has something to hear of it */
};

struct gears {
	struct host *h;
	struct gear *gear;
	unsigned n;
	unsigned *dirty; /* indexes of those that are so */
	unsigned n_dirty;
	unsigned *paying; /* of those that somebody pays at */
	unsigned n_paying;
	int64_t poll_ms;
	uint64_t sessions, interrupted, paid_refused, told_to_wait;
	unsigned noise; /* per mille of steps that are told again, or late */
};

extern const struct gv_plugin gear_record;

/* The devices that the plugin drives from now on: gear:G00000 and so on, `per_site` of them at each site. */
void gears_init(struct gears *w, struct host *h, unsigned n, unsigned per_site, int64_t poll_ms);
void gears_fini(struct gears *w);
/* The plugin looks at it the next time. */
void gear_touch(struct gear *g);
/* Lets time pass for a device: what is due happens. */
void gear_pass(struct gear *g, int64_t now_ms);
/* A driver plugs in; false: the device is out of service, or taken. */
bool gear_plug_in(struct gear *g, int64_t now_ms, int64_t length_ms);
/* A driver wants to pay: the order is claimed first. */
void gear_order(struct gear *g);
/* What has become of orders; a session that is paid is of 1 to 11 minutes. */
void gears_serve(struct gears *w);

#endif
