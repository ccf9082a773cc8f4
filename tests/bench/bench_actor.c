/* A plugin's instance driven by hand. */
#include "bench_actor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

#define DEADLINE_MS 3600000

static struct bench_actor_options options;
static char other[64];

static int64_t clock_ms(void *arg)
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
		fprintf(stderr, "bench: %s\n", line);
}

static int env_send(void *arg, const char *to, const uint8_t *data, size_t size)
{
	Env__Packet *packet = env__packet__unpack(NULL, size, data);
	for (size_t i = 0; packet && i < packet->n_items; i++)
		options.item(to, packet->items[i]);
	if (packet)
		env__packet__free_unpacked(packet, NULL);
	return 0;
}

uint8_t *bench_actor_pack(Env__Item **items, size_t n, size_t *ret_size)
{
	Env__Packet packet = ENV__PACKET__INIT;
	packet.from = other;
	packet.incarnation = 1;
	packet.items = items;
	packet.n_items = n;
	*ret_size = env__packet__get_packed_size(&packet);
	uint8_t *packed = malloc(*ret_size);
	if (packed)
		env__packet__pack(&packet, packed);
	return packed;
}

int bench_actor_items(struct gv_actor *a, Env__Item **items, size_t n)
{
	size_t size;
	uint8_t *packed = bench_actor_pack(items, n, &size);
	int r = packed ? gv_actor_receive(a, packed, size) : -1;
	free(packed);
	return r < 0 ? -1 : 0;
}

int bench_actor_call(struct gv_actor *a, uint64_t id, const char *method, const uint8_t *request, size_t size)
{
	Env__Item item = ENV__ITEM__INIT, *items[] = { &item };
	Env__Call call = ENV__CALL__INIT;
	call.id = id;
	call.method = (char *)method;
	call.request = (ProtobufCBinaryData){ size, (uint8_t *)request };
	call.deadline_ms = options.now_ms(NULL) + DEADLINE_MS;
	item.kind_case = ENV__ITEM__KIND_CALL;
	item.call = &call;
	return bench_actor_items(a, items, 1);
}

int bench_actor_wait(void *actor)
{
	int r = gv_actor_run(actor);
	gv_actor_flush(actor);
	return r < 0 ? -1 : 0;
}

struct gv_actor *bench_actor_open(const struct bench_actor_options *o)
{
	static char store[4096], blobs[4096];
	static struct gv_env env = { .random = env_random, .send = env_send, .log = env_log };
	char *error = NULL;
	struct gv_actor *a = NULL;
	Kernel__Directory directory = KERNEL__DIRECTORY__INIT;
	Kernel__Peer peer = KERNEL__PEER__INIT, *peers[] = { &peer };
	options = *o;
	if (!options.now_ms)
		options.now_ms = clock_ms;
	env.now_ms = options.now_ms;
	mkdir(o->folder, 0700);
	snprintf(store, sizeof store, "%s/store", o->folder);
	snprintf(blobs, sizeof blobs, "%s/blobs", o->folder);
	snprintf(other, sizeof other, "%s.0", o->other_plugin);
	const struct gv_actor_options actor = { .plugin = o->plugin,
						.env = &env,
						.node = "bench",
						.instances = 1,
						.store = store,
						.store_limit_bytes = o->store_limit_bytes,
						.blobs = blobs };
	peer.name = other;
	peer.plugin = (char *)o->other_plugin;
	peer.instances = 1;
	peer.incarnation = 1;
	peer.up = true;
	peer.serves = o->serves;
	peer.n_serves = o->n_serves;
	peer.driver = o->other_is_driver;
	directory.version = 1;
	directory.peers = peers;
	directory.n_peers = 1;
	int r = gv_actor_create(&actor, &a, &error);
	if (r == 0)
		r = gv_actor_start(a, o->config, o->config_size, &error);
	if (r == 0)
		r = gv_actor_directory(a, &directory);
	if (r == 0)
		return a;
	fprintf(stderr, "bench: %s\n", error ? error : strerror(-r));
	return NULL;
}

double bench_cpu_s(void)
{
	struct rusage u;
	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

long bench_own_kib(void)
{
	static const char name[] = "RssAnon:";
	FILE *f = fopen("/proc/self/status", "r");
	char line[256];
	long kib = 0;
	while (f && fgets(line, sizeof line, f))
		if (!strncmp(line, name, strlen(name)))
			kib = strtol(line + strlen(name), NULL, 10);
	if (f)
		fclose(f);
	return kib;
}
