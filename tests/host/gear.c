/* Devices that are updated, and the plugin that drives them: see gear.h. */
#include "gear.h"
#include "update.schema.h"

#include <galvan/charging.pb-c.h>
#include <galvan/registry.pb-c.h>
#include <galvan/update.pb-c.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* From when it was offered. */
#define DOWNLOADING_MS 2000
#define DOWNLOADED_MS 20000
#define INSTALLING_MS 30000
#define REBOOTING_MS 60000
#define BOOTED_MS 90000
#define RELAPSE_MS 30000
#define PAY_MS 20000
#define CLAIM_MS 120000
#define LOST_PER_MILLE 300 /* of answers of those that take nothing back */

/* What its plugin has told of a device: identity and progress as they were last emitted, the lease, the claims, and in
 * `detail` the session that it thinks runs there. */
static const struct gv_table told = { .name = "told",
				      .key = "s",
				      .value = &update__get_update_state_reply__descriptor };

static struct gears *world;
static char blob[GV_BLOB_ID_SIZE];

static struct gear *find(const char *device)
{
	unsigned long i = strncmp(device, "gear:G", 6) ? world->n : strtoul(device + 6, NULL, 10);

	return i < world->n ? &world->gear[i] : NULL;
}

const char *gear_blob(void)
{
	return blob;
}

/* ---- the devices ----------------------------------------------------------------------------- */

void gears_init(struct gears *w, struct host *h, unsigned n, unsigned per_site, int64_t poll_ms)
{
	*w = (struct gears){ .h = h,
			     .gear = calloc(n, sizeof *w->gear),
			     .n = n,
			     .dirty = calloc(n, sizeof *w->dirty),
			     .paying = calloc(n, sizeof *w->paying),
			     .poll_ms = poll_ms };
	for (unsigned i = 0; i < n; i++) {
		struct gear *g = &w->gear[i];

		snprintf(g->device, sizeof g->device, "gear:G%05u", i);
		snprintf(g->site, sizeof g->site, "site-%u", i / per_site);
		strcpy(g->version, "1.0");
		g->booted_ms = host_now_ms(h);
	}
	world = w;
}

void gears_fini(struct gears *w)
{
	free(w->gear);
	free(w->dirty);
	free(w->paying);
	world = NULL;
}

void gear_touch(struct gear *g)
{
	if (!g->dirty)
		world->dirty[world->n_dirty++] = (unsigned)(g - world->gear);
	g->dirty = true;
}

/* Whether what it has in hand will never be installed. */
static bool comes_to_nothing(const struct gear *g)
{
	return !g->offered_ms || g->manner == GEAR_SILENT || g->manner == GEAR_FAILS ||
	       (g->manner == GEAR_STUMBLES && g->offers == 1);
}

/* It serves nobody while it installs. */
static bool away(const struct gear *g, int64_t now_ms)
{
	return !comes_to_nothing(g) && now_ms >= g->offered_ms + INSTALLING_MS && now_ms < g->offered_ms + BOOTED_MS;
}

static void boot(struct gear *g, int64_t at_ms)
{
	g->booted = true;
	g->booted_ms = at_ms;
	if (g->manner != GEAR_LIES)
		strcpy(g->version, g->offered);
	gear_touch(g);
}

/* A session that runs when it installs is broken off: it does not wait by itself. */
static void update_passes(struct gear *g, int64_t now_ms)
{
	if (g->booted || comes_to_nothing(g))
		return;
	if (now_ms >= g->offered_ms + INSTALLING_MS && g->session) {
		world->interrupted++;
		g->session = 0;
	}
	if (now_ms >= g->offered_ms + BOOTED_MS)
		boot(g, g->offered_ms + BOOTED_MS);
}

void gear_pass(struct gear *g, int64_t now_ms)
{
	update_passes(g, now_ms);
	if (g->manner == GEAR_RELAPSES && g->booted && !g->went_back && now_ms >= g->booted_ms + RELAPSE_MS) {
		g->went_back = true;
		g->booted_ms = now_ms;
		strcpy(g->version, "1.0");
		gear_touch(g);
	}
	if (g->session && now_ms >= g->session_until_ms) {
		g->session = 0;
		gear_touch(g);
	}
	if (g->offered_ms && !g->booted)
		gear_touch(g);
}

static void end_session(struct host *h, void *arg)
{
	gear_pass(arg, host_now_ms(h));
}

static void start_session(struct gear *g, int64_t now_ms, int64_t length_ms)
{
	g->session = ++world->sessions;
	g->session_until_ms = now_ms + length_ms;
	gear_touch(g);
	host_after(world->h, length_ms, end_session, g);
}

bool gear_plug_in(struct gear *g, int64_t now_ms, int64_t length_ms)
{
	gear_pass(g, now_ms);
	if (g->unavailable || g->session || g->paid_ms || g->claim || g->offline || away(g, now_ms))
		return false;
	start_session(g, now_ms, length_ms);
	return true;
}

/* ---- orders ---------------------------------------------------------------------------------- */

void gear_order(struct gear *g)
{
	char json[200];

	if (g->claim || g->paid_ms || g->session || g->offline)
		return;
	g->claim_until_ms = host_now_ms(world->h) + CLAIM_MS;
	snprintf(json, sizeof json, "{\"device\":\"%s\",\"order\":\"o%llu\",\"untilMs\":\"%lld\"}", g->device,
		 (unsigned long long)host_random(world->h) >> 1, (long long)g->claim_until_ms);
	world->paying[world->n_paying++] = (unsigned)(g - world->gear);
	g->claim = host_call_later(world->h, NULL, "galvan.update.v1.Updates/Claim", json);
}

static void pay(struct gear *g, int64_t now_ms)
{
	if (g->claim && g->claim->done) {
		bool claimed = g->claim->code == GV_OK && strstr(g->claim->json, "\"claimed\":true");

		g->claim = NULL;
		if (claimed && now_ms + 2 * PAY_MS < g->claim_until_ms)
			g->paid_ms = now_ms + PAY_MS;
		else
			world->told_to_wait++;
	}
	if (!g->paid_ms || now_ms < g->paid_ms)
		return;
	g->paid_ms = 0;
	if (away(g, now_ms) || g->unavailable)
		world->paid_refused++;
	else if (!g->session)
		start_session(g, now_ms, 60000 + (int64_t)host_below(world->h, 600000));
}

void gears_serve(struct gears *w)
{
	int64_t now_ms = host_now_ms(w->h);

	for (unsigned i = 0; i < w->n_paying;) {
		struct gear *g = &w->gear[w->paying[i]];

		gear_pass(g, now_ms);
		pay(g, now_ms);
		if (g->claim || g->paid_ms)
			i++;
		else
			w->paying[i] = w->paying[--w->n_paying];
	}
}

/* ---- the plugin: the lease and the claim ----------------------------------------------------- */

static Update__GetUpdateStateReply *row_of(struct gv_turn *t, const char *device)
{
	return gv_edit(t, &told, gv_key(device));
}

static bool leased(const Update__GetUpdateStateReply *row, int64_t now_ms)
{
	return row->lease && *row->lease->id && row->lease->until_ms > now_ms;
}

static bool claimed(Update__GetUpdateStateReply *row, int64_t now_ms)
{
	size_t n = 0;

	for (size_t i = 0; i < row->n_claims; i++)
		if (row->claims[i]->until_ms > now_ms)
			row->claims[n++] = row->claims[i];
	row->n_claims = n;
	return n > 0;
}

static int claim(void *self, struct gv_turn *t, struct gv_ticket to, const Update__ClaimRequest *r)
{
	struct gear *g = find(r->device);
	Update__GetUpdateStateReply *row = row_of(t, r->device);
	Update__ClaimReply reply = UPDATE__CLAIM_REPLY__INIT;
	Update__Claim *c = gv_alloc(t, sizeof *c);

	gear_pass(g, gv_now_ms(t));
	if (leased(row, gv_now_ms(t))) {
		reply.back_at_ms = row->lease->until_ms;
		return gv_reply(t, to, &reply);
	}
	if (g->session || claimed(row, gv_now_ms(t)))
		return gv_refuse(t, to, GV_FAILED_PRECONDITION, "%s is taken", r->device);
	update__claim__init(c);
	c->order = r->order;
	c->until_ms = r->until_ms;
	*GV_APPEND(t, row->claims, row->n_claims) = c;
	reply.claimed = true;
	return gv_reply(t, to, &reply);
}
GV_ON_CALL(claim, void, Update__ClaimRequest)

static Update__Hindrance hindrance(struct gear *g, Update__GetUpdateStateReply *row, const char *id, int64_t now_ms)
{
	if (g->offline)
		return UPDATE__HINDRANCE__HINDRANCE_OFFLINE;
	if (g->session || *row->detail)
		return UPDATE__HINDRANCE__HINDRANCE_SESSION;
	if (claimed(row, now_ms))
		return UPDATE__HINDRANCE__HINDRANCE_PAID;
	if (leased(row, now_ms) && strcmp(row->lease->id, id) != 0)
		return UPDATE__HINDRANCE__HINDRANCE_LEASED;
	return UPDATE__HINDRANCE__HINDRANCE_NONE;
}

static int lease(void *self, struct gv_turn *t, struct gv_ticket to, const Update__LeaseRequest *r)
{
	struct gear *g = find(r->device);
	Update__GetUpdateStateReply *row = row_of(t, r->device);
	Update__LeaseReply reply = UPDATE__LEASE_REPLY__INIT;
	bool renewed = leased(row, gv_now_ms(t)) && !strcmp(row->lease->id, r->id);

	gear_pass(g, gv_now_ms(t));
	if (!renewed)
		reply.hindrance = hindrance(g, row, r->id, gv_now_ms(t));
	reply.granted = reply.hindrance == UPDATE__HINDRANCE__HINDRANCE_NONE;
	if (!reply.granted)
		return gv_reply(t, to, &reply);
	row->lease = gv_alloc(t, sizeof *row->lease);
	update__lease__init(row->lease);
	row->lease->id = r->id;
	row->lease->until_ms = r->until_ms;
	g->unavailable = true;
	gear_touch(g);
	return gv_reply(t, to, &reply);
}
GV_ON_CALL(lease, void, Update__LeaseRequest)

static int end_lease(void *self, struct gv_turn *t, struct gv_ticket to, const Update__EndLeaseRequest *r)
{
	Update__GetUpdateStateReply *row = row_of(t, r->device);
	Update__EndLeaseReply reply = UPDATE__END_LEASE_REPLY__INIT;

	if (row->lease && !strcmp(row->lease->id, r->id)) {
		row->lease = NULL;
		find(r->device)->unavailable = false;
	}
	return gv_reply(t, to, &reply);
}
GV_ON_CALL(end_lease, void, Update__EndLeaseRequest)

/* ---- the plugin: updates --------------------------------------------------------------------- */

static int install(void *self, struct gv_turn *t, struct gv_ticket to, const Update__InstallRequest *r)
{
	struct gear *g = find(r->device);
	Update__GetUpdateStateReply *row = row_of(t, r->device);
	Update__InstallReply reply = UPDATE__INSTALL_REPLY__INIT;

	gear_pass(g, gv_now_ms(t));
	if (!leased(row, gv_now_ms(t)) || strcmp(row->lease->id, r->lease) != 0 || g->session) {
		row->lease = NULL;
		g->unavailable = false;
		return gv_refuse(t, to, GV_FAILED_PRECONDITION, "the lease %s of %s has ended", r->lease, r->device);
	}
	if (g->offline)
		return gv_refuse(t, to, GV_UNAVAILABLE, "%s is not connected", r->device);
	reply.accepted = g->manner != GEAR_REFUSES;
	reply.detail = (char *)(reply.accepted ? "" : "Rejected");
	if (reply.accepted && strcmp(g->id, r->id) != 0) {
		snprintf(g->id, sizeof g->id, "%s", r->id);
		snprintf(g->offered, sizeof g->offered, "%s", r->version);
		snprintf(g->url, sizeof g->url, "%s", r->url);
		g->offered_ms = gv_now_ms(t);
		g->booted = g->went_back = false;
		g->offers++;
	}
	gear_touch(g);
	if (g->plain && gv_random(t) % 1000 < LOST_PER_MILLE)
		return gv_refuse(t, to, GV_UNKNOWN, "whether %s has heard of it is not known", r->device);
	return gv_reply(t, to, &reply);
}
GV_ON_CALL(install, void, Update__InstallRequest)

static int cancel(void *self, struct gv_turn *t, struct gv_ticket to, const Update__CancelInstallRequest *r)
{
	struct gear *g = find(r->device);
	Update__CancelInstallReply reply = UPDATE__CANCEL_INSTALL_REPLY__INIT;
	bool ours = !strcmp(g->id, r->id);

	gear_pass(g, gv_now_ms(t));
	if (g->plain && !ours)
		return gv_refuse(t, to, GV_NOT_FOUND, "%s was not told of %s", r->device, r->id);
	if (g->plain)
		return gv_reply(t, to, &reply);
	reply.cancelled = !ours || !g->offered_ms || gv_now_ms(t) < g->offered_ms + INSTALLING_MS;
	if (ours && reply.cancelled)
		g->offered_ms = 0;
	return gv_reply(t, to, &reply);
}
GV_ON_CALL(cancel, void, Update__CancelInstallRequest)

/* ---- the plugin: what it tells --------------------------------------------------------------- */

static void tell_identity(struct gv_turn *t, const struct gear *g, Update__GetUpdateStateReply *row)
{
	static char *ways[] = { (char *)"firmware", (char *)"config" };
	Update__DeviceIdentified e = UPDATE__DEVICE_IDENTIFIED__INIT;
	Update__Identity *i = gv_alloc(t, sizeof *i);

	if (row->identity && !strcmp(row->identity->version, g->version) && row->identity->booted_at_ms == g->booted_ms)
		return;
	update__identity__init(i);
	i->vendor = (char *)"Gear";
	i->model = (char *)"G1";
	i->version = gv_strdup(t, g->version);
	i->booted_at_ms = g->booted_ms;
	i->ways = ways;
	i->n_ways = 2;
	row->identity = i;
	e.device = (char *)g->device;
	e.identity = i;
	gv_emit(t, &e);
}

/* Whoever asks hears what the device is now. */
static int get_state(void *self, struct gv_turn *t, struct gv_ticket to, const Update__GetUpdateStateRequest *r)
{
	struct gear *g = find(r->device);
	Update__GetUpdateStateReply *row = row_of(t, r->device), reply;

	gear_pass(g, gv_now_ms(t));
	if (!g->offline)
		tell_identity(t, g, row);
	reply = *row;
	reply.hindrance = hindrance(g, &reply, "", gv_now_ms(t));
	return gv_reply(t, to, &reply);
}
GV_ON_CALL(get_state, void, Update__GetUpdateStateRequest)

/* The step that it is at, as it says it; STEP_NONE: it says nothing. */
static Update__Step step_of(const struct gear *g, int64_t now_ms)
{
	int64_t ms = now_ms - g->offered_ms;

	if (!g->offered_ms || g->manner == GEAR_MUTE || g->manner == GEAR_SILENT)
		return UPDATE__STEP__STEP_NONE;
	if (g->manner == GEAR_SKIPS)
		return g->booted ? UPDATE__STEP__STEP_INSTALLED : UPDATE__STEP__STEP_NONE;
	if (g->booted)
		return UPDATE__STEP__STEP_INSTALLED;
	if (g->manner == GEAR_STUMBLES && g->offers == 1)
		return ms < DOWNLOADED_MS ? UPDATE__STEP__STEP_DOWNLOADING : UPDATE__STEP__STEP_DOWNLOAD_FAILED;
	if (ms < DOWNLOADING_MS)
		return UPDATE__STEP__STEP_NONE;
	if (ms < DOWNLOADED_MS)
		return UPDATE__STEP__STEP_DOWNLOADING;
	if (ms < INSTALLING_MS)
		return UPDATE__STEP__STEP_DOWNLOADED;
	if (g->manner == GEAR_FAILS)
		return ms < REBOOTING_MS ? UPDATE__STEP__STEP_INSTALLING : UPDATE__STEP__STEP_INSTALLATION_FAILED;
	/* One that lies says so before it boots. */
	return ms < REBOOTING_MS        ? UPDATE__STEP__STEP_INSTALLING
	       : g->manner == GEAR_LIES ? UPDATE__STEP__STEP_INSTALLED
					: UPDATE__STEP__STEP_REBOOTING;
}

static void emit_step(struct gv_turn *t, const struct gear *g, Update__Progress *p)
{
	Update__UpdateProgressed e = UPDATE__UPDATE_PROGRESSED__INIT;

	e.device = (char *)g->device;
	e.progress = p;
	gv_emit(t, &e);
}

static void tell_step(struct gv_turn *t, struct gear *g, Update__GetUpdateStateReply *row)
{
	Update__Step step = step_of(g, gv_now_ms(t));
	Update__Progress *was = row->progress, *p = gv_alloc(t, sizeof *p);

	if (step == UPDATE__STEP__STEP_NONE || (was && !strcmp(was->id, g->id) && was->step == step))
		return;
	update__progress__init(p);
	p->id = gv_strdup(t, g->id);
	p->step = step;
	p->at_ms = gv_now_ms(t);
	row->progress = p;
	emit_step(t, g, p);
	if (was && gv_random(t) % 1000 < world->noise)
		emit_step(t, g, was); /* late */
	if (gv_random(t) % 1000 < world->noise)
		emit_step(t, g, p); /* twice */
}

static void tell_session(struct gv_turn *t, const struct gear *g, Update__GetUpdateStateReply *row)
{
	const char *runs = g->session ? gv_str(t, "%s/%llu", g->device, (unsigned long long)g->session) : "";
	Charging__SessionEnded e = CHARGING__SESSION_ENDED__INIT;
	Charging__Session s = CHARGING__SESSION__INIT;

	if (!strcmp(row->detail, runs))
		return;
	if (*row->detail) {
		e.device = s.device = (char *)g->device;
		s.id = row->detail;
		s.reason = (char *)(g->reason ? g->reason : "Local");
		s.started_at_ms = gv_now_ms(t);
		s.state = CHARGING__SESSION_STATE__ENDED;
		e.session = &s;
		gv_emit(t, &e);
	}
	row->detail = (char *)runs;
	if (*runs)
		row->n_claims = 0;
}

/* What the device does by the lease is its plugin's to keep up: one that has ended, or was never committed, binds
 * nobody. */
static bool tell(struct gv_turn *t, struct gear *g)
{
	Update__GetUpdateStateReply *row = row_of(t, g->device);
	bool bound = leased(row, gv_now_ms(t));

	gear_pass(g, gv_now_ms(t));
	g->unavailable = bound;
	if (g->offline)
		return true;
	tell_identity(t, g, row);
	tell_step(t, g, row);
	tell_session(t, g, row);
	return bound || (g->offered_ms && !g->booted) || (g->manner == GEAR_RELAPSES && g->booted && !g->went_back);
}

/* A turn that is undone has told nothing: what was looked at is looked at once more. */
static int on_timer(void *self, struct gv_turn *t, const char *name, const void *note)
{
	static unsigned *again;
	unsigned n = world->n_dirty;

	again = realloc(again, (n + 1) * sizeof *again);
	memcpy(again, world->dirty, n * sizeof *again);
	world->n_dirty = 0;
	for (unsigned i = 0; i < n; i++)
		world->gear[again[i]].dirty = false;
	for (unsigned i = 0; i < n; i++) {
		struct gear *g = &world->gear[again[i]];
		bool dirty = tell(t, g);

		if (dirty)
			gear_touch(g);
	}
	return gv_timer(t, "poll", gv_now_ms(t) + world->poll_ms, NULL);
}

/* ---- the plugin: its devices ----------------------------------------------------------------- */

static void tell_device(struct gv_turn *t, const struct gear *g)
{
	Registry__DeviceChanged e = REGISTRY__DEVICE_CHANGED__INIT;
	Registry__Device d = REGISTRY__DEVICE__INIT;

	e.id = d.id = (char *)g->device;
	d.site = (char *)g->site;
	e.device = &d;
	gv_emit(t, &e);
}

static int snapshot_devices(void *self, struct gv_turn *t)
{
	for (unsigned i = 0; i < world->n; i++)
		tell_device(t, &world->gear[i]);
	return 0;
}

static int snapshot_identities(void *self, struct gv_turn *t)
{
	struct gv_scan scan = { .table = &told };

	while (gv_next(t, &scan)) {
		const Update__GetUpdateStateReply *row = scan.row;
		Update__DeviceIdentified e = UPDATE__DEVICE_IDENTIFIED__INIT;

		if (!row->identity)
			continue;
		e.device = (char *)scan.key.part[0].s;
		e.identity = row->identity;
		gv_emit(t, &e);
	}
	return 0;
}

static int start(void *self, struct gv_turn *t, const void *config)
{
	static const char image[] = "an image";

	gv_blob_put(t, image, sizeof image, blob);
	for (unsigned i = 0; i < world->n; i++) {
		if (!gv_get(t, &told, gv_key(world->gear[i].device)))
			tell_device(t, &world->gear[i]);
		gear_touch(&world->gear[i]);
	}
	return gv_timer(t, "poll", gv_now_ms(t), NULL);
}

static const struct gv_method methods[] = {
	{ "Claim", claim_call },
	{ "Lease", lease_call },
	{ "EndLease", end_lease_call },
	{ "GetUpdateState", get_state_call },
	{ "Install", install_call },
	{ "CancelInstall", cancel_call },
	{ 0 },
};

const struct gv_plugin gear_record = {
	GV_STAMP,
	.name = "gear",
	.version = "1",
	.summary = "Devices that are updated, or not",
	.serves = GV_SERVES({ &update__updates__descriptor, methods }),
	.emits = GV_EMITS({ &registry__device_changed__descriptor, snapshot_devices },
			  { &update__device_identified__descriptor, snapshot_identities },
			  { &update__update_progressed__descriptor, NULL },
			  { &charging__session_ended__descriptor, NULL }),
	.tables = GV_TABLES(&told),
	.schema_set = GV_SCHEMA(update),
	.schema = 1,
	.self_size = 1,
	.start = start,
	.on_timer = on_timer,
};
