/* The ledger by itself, as a plugin of nothing else, driven by hand. */
#include "ledger_actor.h"
#include "billing.schema.h"

#include <plugins/billing/ledger/ledger_methods.h>
#include <plugins/billing/ledger/ledger_rows.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

static void (*on_reply)(const Env__Reply *reply);

static int start(void *self, struct gv_turn *t, const void *config)
{
	static Billing__Config none = BILLING__CONFIG__INIT;
	struct billing *b = self;

	none.currency = (char *)"EUR";
	b->config = &none;
	return ledger_start(b, t);
}

static void stop(void *self)
{
	ledger_stop(self);
}

static int on_timer(void *self, struct gv_turn *t, const char *name, const void *note)
{
	return ledger_due(self, t, name);
}

static const struct gv_method methods[] = {
	{ "Post", ledger_post }, { "GetAccount", ledger_get_account }, { "Verify", ledger_verify }, { 0 }
};
static const struct gv_plugin record = {
	GV_STAMP,
	.name = "billing",
	.version = "1",
	.summary = "The ledger alone",
	.serves = GV_SERVES({ &billing__billing__descriptor, methods }),
	.tables = GV_TABLES(&ledger_accounts, &ledger_transfers, &ledger_entries, &ledger_orders, &ledger_expiries,
			    &ledger_heads, &ledger_verifications),
	.schema_set = GV_SCHEMA(billing),
	.schema = 1,
	.self_size = sizeof(struct billing),
	.start = start,
	.stop = stop,
	.on_timer = on_timer,
};

static int64_t env_now_ms(void *arg)
{
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	return t.tv_sec * INT64_C(1000) + t.tv_nsec / 1000000;
}

static uint64_t env_random(void *arg)
{
	static uint64_t random;
	return random += 0x9e3779b97f4a7c15u;
}

static void env_log(void *arg, enum gv_level level, const char *line)
{
	if (level <= GV_WARN)
		fprintf(stderr, "bench-ledger: %s\n", line);
}

static int env_send(void *arg, const char *to, const uint8_t *data, size_t size)
{
	Env__Packet *packet = env__packet__unpack(NULL, size, data);
	for (size_t i = 0; packet && i < packet->n_items; i++) {
		if (packet->items[i]->kind_case == ENV__ITEM__KIND_REPLY)
			on_reply(packet->items[i]->reply);
	}
	if (packet)
		env__packet__free_unpacked(packet, NULL);
	return 0;
}

int bench_actor_call(struct gv_actor *a, uint64_t id, const char *method, const uint8_t *request, size_t size)
{
	Env__Packet packet = ENV__PACKET__INIT;
	Env__Item item = ENV__ITEM__INIT, *items[] = { &item };
	Env__Call call = ENV__CALL__INIT;
	call.id = id;
	call.method = (char *)method;
	call.request = (ProtobufCBinaryData){ size, (uint8_t *)request };
	call.deadline_ms = env_now_ms(NULL) + 3600000;
	item.kind_case = ENV__ITEM__KIND_CALL;
	item.call = &call;
	packet.from = (char *)"bench.0";
	packet.incarnation = 1;
	packet.items = items;
	packet.n_items = 1;
	size_t packed_size = env__packet__get_packed_size(&packet);
	uint8_t *packed = malloc(packed_size);
	env__packet__pack(&packet, packed);
	int r = gv_actor_receive(a, packed, packed_size);
	free(packed);
	return r < 0 ? -1 : 0;
}

int bench_actor_wait(void *actor)
{
	int r = gv_actor_run(actor);
	gv_actor_flush(actor);
	return r < 0 ? -1 : 0;
}

struct gv_actor *bench_actor_open(const char *folder, void (*reply)(const Env__Reply *reply))
{
	static char store[4096], blobs[4096];
	static const struct gv_env env = {
		.now_ms = env_now_ms, .random = env_random, .send = env_send, .log = env_log
	};
	char *error = NULL;
	struct gv_actor *a = NULL;
	Kernel__Directory directory = KERNEL__DIRECTORY__INIT;
	Kernel__Peer peer = KERNEL__PEER__INIT, *peers[] = { &peer };
	mkdir(folder, 0700);
	snprintf(store, sizeof store, "%s/store", folder);
	snprintf(blobs, sizeof blobs, "%s/blobs", folder);
	const struct gv_actor_options options = {
		.plugin = &record, .env = &env, .node = "bench", .instances = 1, .store = store, .blobs = blobs
	};
	on_reply = reply;
	peer.name = (char *)"bench.0";
	peer.plugin = (char *)"bench";
	peer.instances = 1;
	peer.incarnation = 1;
	peer.up = true;
	directory.version = 1;
	directory.peers = peers;
	directory.n_peers = 1;
	int r = gv_actor_create(&options, &a, &error);
	if (r == 0)
		r = gv_actor_start(a, NULL, 0, &error);
	if (r == 0)
		r = gv_actor_directory(a, &directory);
	if (r == 0)
		return a;
	fprintf(stderr, "bench-ledger: %s\n", error ? error : strerror(-r));
	return NULL;
}
