/* Plugins as threads of one process, for ThreadSanitizer: several hosts on one ZeroMQ context, calls and events between
 * them, and one of them stopped and started again under load. This program is their kernel and their caller. It also
 * says whether the sums are right. */
#include <galvan/envelope.pb-c.h>
#include <galvan/kernel.pb-c.h>
#include <kernel/bus.h>
#include <kernel/host.h>
#include <zoo.pb-c.h>

#include <ftw.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>
#include <zmq.h>

#define KERNEL "inproc://race-kernel"
#define CHAINS 60
#define STEPS 5
#define RESTARTS 4
#define LIMIT_S 240

struct host {
	const char *plugin;
	char name[80], file[512], endpoint[160], local[80];
	uint64_t token, incarnation;
	bool up, running;
	atomic_int result;
	pthread_t thread;
};

struct call {
	struct host *to;
	const char *method;
	uint8_t request[128];
	size_t size;
	uint64_t sent_to; /* incarnation */
	bool answered;
	ProtobufCBinaryData reply;
};

static struct host hosts[] = { { .plugin = "counter" }, { .plugin = "watcher" }, { .plugin = "chain" } };
enum { N_HOSTS = sizeof hosts / sizeof *hosts };
static char folder[64];
static const char *zoo_folder;
static void *context, *router;
static struct gv_bus *bus;
static uv_loop_t loop;
static uint64_t tokens, directory_version;
static struct call calls[CHAINS + 16];
static uint64_t n_calls;

static void fail(const char *what)
{
	fprintf(stderr, "race_hosts: %s\n", what);
	_exit(1);
}

/* ---- the kernel's part ----------------------------------------------------------------------- */

static void to_host(struct host *h, Kernel__ToHost *m)
{
	char identity[GV_HOST_IDENTITY_SIZE];
	size_t size = kernel__to_host__get_packed_size(m);
	uint8_t *data = malloc(size + 1);

	kernel__to_host__pack(m, data);
	gv_host_identity(h->token, identity);
	if (zmq_send(router, identity, strlen(identity), ZMQ_SNDMORE) < 0 || zmq_send(router, data, size, 0) < 0)
		fail("a host cannot be reached");
	free(data);
}

static void assign(struct host *h)
{
	Kernel__ToHost m = KERNEL__TO_HOST__INIT;
	Kernel__Assign a = KERNEL__ASSIGN__INIT;
	char store[160], blobs[160];

	snprintf(store, sizeof store, "%s/%s", folder, h->name);
	snprintf(blobs, sizeof blobs, "%s/blobs", folder);
	snprintf(h->endpoint, sizeof h->endpoint, "ipc://%s/%s-%llu", folder, h->name, (unsigned long long)h->token);
	snprintf(h->local, sizeof h->local, "inproc://%s-%llu", h->name, (unsigned long long)h->token);
	a.plugin = (char *)h->plugin;
	a.instances = 1;
	a.node = (char *)"race";
	a.file = h->file;
	a.store = store;
	a.blobs = blobs;
	a.endpoint = h->endpoint;
	a.local_endpoint = h->local;
	a.log_format = (char *)"text";
	a.log_level = (char *)"error";
	a.store_limit_bytes = 64 << 20;
	a.token = h->token;
	m.kind_case = KERNEL__TO_HOST__KIND_ASSIGN;
	m.assign = &a;
	to_host(h, &m);
}

static void publish(void)
{
	static char *counted = (char *)"galvan.zoo.v1.Counted", *counter = (char *)"galvan.zoo.v1.Counter",
		    *chain = (char *)"galvan.zoo.v1.Chain";
	Kernel__ToHost m = KERNEL__TO_HOST__INIT;
	Kernel__Directory d = KERNEL__DIRECTORY__INIT;
	Kernel__Peer rows[N_HOSTS + 1], *pointers[N_HOSTS + 1];
	char endpoint[160];

	for (size_t i = 0; i <= N_HOSTS; i++) {
		pointers[i] = &rows[i];
		kernel__peer__init(&rows[i]);
		rows[i].instances = 1;
		rows[i].pid = getpid();
	}
	for (size_t i = 0; i < N_HOSTS; i++) {
		rows[i].name = hosts[i].name;
		rows[i].plugin = (char *)hosts[i].plugin;
		rows[i].up = hosts[i].up;
		rows[i].incarnation = hosts[i].incarnation;
		rows[i].endpoint = hosts[i].endpoint;
		rows[i].local_endpoint = hosts[i].local;
	}
	rows[0].serves = &counter;
	rows[0].n_serves = 1;
	rows[0].emits = &counted;
	rows[0].n_emits = 1;
	rows[1].hears = &counted;
	rows[1].n_hears = 1;
	rows[2].serves = &chain;
	rows[2].n_serves = 1;
	snprintf(endpoint, sizeof endpoint, "ipc://%s/test", folder);
	rows[N_HOSTS].name = (char *)"test.0";
	rows[N_HOSTS].plugin = (char *)"test";
	rows[N_HOSTS].up = true;
	rows[N_HOSTS].incarnation = 1;
	rows[N_HOSTS].endpoint = endpoint;
	rows[N_HOSTS].local_endpoint = (char *)"inproc://race-test";
	d.version = ++directory_version;
	d.peers = pointers;
	d.n_peers = N_HOSTS + 1;
	m.kind_case = KERNEL__TO_HOST__KIND_DIRECTORY;
	m.directory = &d;
	for (size_t i = 0; i < N_HOSTS; i++)
		if (hosts[i].up)
			to_host(&hosts[i], &m);
	if (gv_bus_directory(bus, &d) < 0)
		fail("the bus refuses the directory");
}

static void *run_host(void *arg)
{
	struct host *h = arg;
	struct gv_host_options o = {
		.context = context, .kernel = KERNEL, .token = h->token, .instance = h->name, .file = h->file
	};

	atomic_store(&h->result, gv_host_run(&o));
	return NULL;
}

static void start(struct host *h)
{
	h->token = ++tokens;
	h->running = true;
	snprintf(h->name, sizeof h->name, "%s.0", h->plugin);
	snprintf(h->file, sizeof h->file, "%s/zoo_%s.so", zoo_folder, h->plugin);
	if (pthread_create(&h->thread, NULL, run_host, h))
		fail("no thread");
}

static void stop(struct host *h)
{
	Kernel__ToHost m = KERNEL__TO_HOST__INIT;
	Kernel__StopHost s = KERNEL__STOP_HOST__INIT;

	m.kind_case = KERNEL__TO_HOST__KIND_STOP;
	m.stop = &s;
	to_host(h, &m);
}

static void read_router(void)
{
	for (;;) {
		uint8_t identity[64], data[65536];
		Kernel__FromHost *m;
		int size;

		if (zmq_recv(router, identity, sizeof identity, ZMQ_DONTWAIT) < 0)
			return;
		size = zmq_recv(router, data, sizeof data, 0);
		m = size >= 0 && (size_t)size <= sizeof data ? kernel__from_host__unpack(NULL, (size_t)size, data)
							     : NULL;
		if (!m)
			fail("a host says what is no FromHost");
		for (size_t i = 0; i < N_HOSTS; i++) {
			struct host *h = &hosts[i];

			if (h->token != m->token)
				continue;
			if (m->kind_case == KERNEL__FROM_HOST__KIND_HELLO) {
				assign(h);
			} else if (m->kind_case == KERNEL__FROM_HOST__KIND_STARTED) {
				h->incarnation = m->started->incarnation;
				h->up = true;
				publish();
			} else if (m->kind_case == KERNEL__FROM_HOST__KIND_STOPPED) {
				h->up = h->running = false;
				publish();
			} else if (m->kind_case == KERNEL__FROM_HOST__KIND_FAILED) {
				fail(m->failed->message);
			}
		}
		kernel__from_host__free_unpacked(m, NULL);
	}
}

/* ---- the caller's part ----------------------------------------------------------------------- */

static void send_call(struct call *c)
{
	Env__Packet p = ENV__PACKET__INIT;
	Env__Item item = ENV__ITEM__INIT, *items[1] = { &item };
	Env__Call call = ENV__CALL__INIT;
	struct timespec now;
	uint8_t packet[512];

	if (!c->to->up || c->answered || c->sent_to == c->to->incarnation)
		return;
	clock_gettime(CLOCK_REALTIME, &now);
	p.from = (char *)"test.0";
	p.incarnation = 1;
	p.items = items;
	p.n_items = 1;
	call.id = (uint64_t)(c - calls) + 1;
	call.method = (char *)c->method;
	call.request = (ProtobufCBinaryData){ c->size, c->request };
	call.deadline_ms = (int64_t)now.tv_sec * 1000 + LIMIT_S * 1000;
	call.again = c->sent_to != 0;
	item.kind_case = ENV__ITEM__KIND_CALL;
	item.call = &call;
	if (gv_bus_send(bus, c->to->name, packet, env__packet__pack(&p, packet)) == 0)
		c->sent_to = c->to->incarnation;
}

static struct call *begin(struct host *to, const char *method, const ProtobufCMessage *request)
{
	struct call *c = &calls[n_calls++];

	c->to = to;
	c->method = method;
	c->size = protobuf_c_message_pack(request, c->request);
	send_call(c);
	return c;
}

static bool on_packet(void *arg, const uint8_t *data, size_t size)
{
	Env__Packet *p = env__packet__unpack(NULL, size, data);

	if (!p)
		fail("a malformed packet");
	for (size_t i = 0; i < p->n_items; i++) {
		Env__Reply *r = p->items[i]->kind_case == ENV__ITEM__KIND_REPLY ? p->items[i]->reply : NULL;
		struct call *c = r && r->id && r->id <= n_calls ? &calls[r->id - 1] : NULL;

		if (!c || c->answered)
			continue;
		if (r->code)
			fail(r->error);
		c->answered = true;
		free(c->reply.data);
		c->reply = r->reply;
		r->reply = (ProtobufCBinaryData){ 0, NULL }; /* taken over */
	}
	env__packet__free_unpacked(p, NULL);
	return true;
}

/* ---- both ------------------------------------------------------------------------------------ */

static void on_tick(uv_timer_t *timer)
{
}

static void wait_for(bool (*done)(void *arg), void *arg)
{
	time_t until = time(NULL) + LIMIT_S;

	while (!done(arg)) {
		if (time(NULL) > until)
			fail("nothing goes on");
		uv_run(&loop, UV_RUN_ONCE);
		read_router();
		gv_bus_receive(bus, 1000, on_packet, NULL);
		for (uint64_t i = 0; i < n_calls; i++)
			send_call(&calls[i]);
	}
}

static bool all_up(void *arg)
{
	for (size_t i = 0; i < N_HOSTS; i++)
		if (!hosts[i].up)
			return false;
	return true;
}

static bool stopped(void *arg)
{
	return !((struct host *)arg)->running;
}

static bool all_answered(void *arg)
{
	uint64_t answered = 0;

	for (uint64_t i = 0; i < n_calls; i++)
		answered += calls[i].answered;
	return answered >= (arg ? *(uint64_t *)arg : n_calls);
}

static void join(struct host *h)
{
	wait_for(stopped, h);
	pthread_join(h->thread, NULL);
	if (atomic_load(&h->result))
		fail("a host ended with an error");
}

static void check_sums(void)
{
	Zoo__GetRequest q = ZOO__GET_REQUEST__INIT;
	struct call *c;
	Zoo__AddReply *reply;

	q.key = (char *)"counter:race";
	c = begin(&hosts[0], "galvan.zoo.v1.Counter/Get", &q.base);
	wait_for(all_answered, NULL);
	reply = zoo__add_reply__unpack(NULL, c->reply.len, c->reply.data);
	if (!reply || reply->total != CHAINS * STEPS)
		fail("the sum is wrong: a call was lost or took effect twice");
	zoo__add_reply__free_unpacked(reply, NULL);
}

static bool watcher_is_level(void *arg)
{
	struct call *c = arg;
	Kernel__ListRowsReply *rows;
	Zoo__Seen *seen = NULL;
	bool level;

	if (!c->answered)
		return false;
	rows = kernel__list_rows_reply__unpack(NULL, c->reply.len, c->reply.data);
	if (rows && rows->n_rows)
		seen = zoo__seen__unpack(NULL, rows->rows[0]->value.len, rows->rows[0]->value.data);
	if (seen && seen->faults)
		fail("the watcher saw events lost, doubled or out of order");
	level = seen && seen->total == CHAINS * STEPS;
	if (seen)
		zoo__seen__free_unpacked(seen, NULL);
	if (rows)
		kernel__list_rows_reply__free_unpacked(rows, NULL);
	if (!level) { /* ask again */
		c->answered = false;
		c->sent_to = 0;
	}
	return level;
}

static void check_watcher(void)
{
	Kernel__ListRowsRequest q = KERNEL__LIST_ROWS_REQUEST__INIT;

	q.plugin = (char *)"watcher";
	q.table = (char *)"seen";
	wait_for(watcher_is_level, begin(&hosts[1], "galvan.kernel.v1.Plugin/ListRows", &q.base));
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

static void open_all(void)
{
	struct gv_bus_options o = { 0 };
	char endpoint[160], *error = NULL;
	static uv_timer_t tick;

	strcpy(folder, "/tmp/galvan-race-XXXXXX");
	if (!mkdtemp(folder))
		fail("no temporary folder");
	uv_loop_init(&loop);
	uv_timer_init(&loop, &tick);
	uv_timer_start(&tick, on_tick, 1, 1);
	context = zmq_ctx_new();
	router = zmq_socket(context, ZMQ_ROUTER);
	snprintf(endpoint, sizeof endpoint, "ipc://%s/test", folder);
	o.context = context;
	o.loop = &loop;
	o.endpoint = endpoint;
	o.local_endpoint = "inproc://race-test";
	o.pid = getpid();
	if (zmq_bind(router, KERNEL) < 0 || gv_bus_create(&o, &bus, &error) < 0)
		fail(error ? error : "no sockets");
}

int main(int argc, char **argv)
{
	int none = 0;

	if (argc < 2)
		fail("race_hosts ZOO_FOLDER");
	zoo_folder = argv[1];
	open_all();
	for (size_t i = 0; i < N_HOSTS; i++)
		start(&hosts[i]);
	wait_for(all_up, NULL);
	for (uint64_t i = 0; i < CHAINS; i++) {
		Zoo__RunRequest q = ZOO__RUN_REQUEST__INIT;
		char id[32];

		snprintf(id, sizeof id, "c%llu", (unsigned long long)i);
		q.id = id;
		q.key = (char *)"counter:race";
		q.steps = STEPS;
		begin(&hosts[2], "galvan.zoo.v1.Chain/Run", &q.base);
	}
	for (uint64_t i = 1; i <= RESTARTS; i++) {
		struct host *h = &hosts[i % N_HOSTS];
		uint64_t answered = CHAINS * i / (RESTARTS + 2);

		wait_for(all_answered, &answered);
		stop(h);
		join(h);
		start(h);
		wait_for(all_up, NULL);
	}
	wait_for(all_answered, NULL);
	check_sums();
	check_watcher();
	for (size_t i = 0; i < N_HOSTS; i++) {
		stop(&hosts[i]);
		join(&hosts[i]);
	}
	for (uint64_t i = 0; i < n_calls; i++)
		free(calls[i].reply.data);
	gv_bus_destroy(bus, 0);
	uv_run(&loop, UV_RUN_NOWAIT);
	zmq_setsockopt(router, ZMQ_LINGER, &none, sizeof none);
	zmq_close(router);
	zmq_ctx_term(context);
	nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	printf("%d chains of %d calls between %d threads, %llu starts of hosts\n", CHAINS, STEPS, (int)N_HOSTS,
	       (unsigned long long)tokens);
	return 0;
}
