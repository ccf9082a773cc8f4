/* A bench for one actor; see rig.h. */
#include "rig.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void *grow(void *array, size_t n, size_t *capacity, size_t size)
{
	if (n < *capacity)
		return array;
	*capacity = *capacity ? *capacity * 2 : 64;
	array = realloc(array, *capacity * size);
	if (!array)
		abort();
	return array;
}

static void trace(struct rig *r, char c)
{
	if (r->traced + 1 < sizeof r->trace)
		r->trace[r->traced++] = c;
	r->trace[r->traced] = 0;
}

static int64_t env_now_ms(void *arg)
{
	return ((struct rig *)arg)->now;
}

static uint64_t env_random(void *arg)
{
	return ((struct rig *)arg)->random += 0x9e3779b97f4a7c15u;
}

static int env_send(void *arg, const char *to, const uint8_t *data, size_t size)
{
	struct rig *r = arg;
	Env__Packet *packet;

	if (r->send_error)
		return r->send_error;
	packet = env__packet__unpack(NULL, size, data);
	if (!packet)
		abort();
	trace(r, 's');
	r->packets = grow(r->packets, r->n_packets, &r->cap_packets, sizeof *r->packets);
	r->packets[r->n_packets++] = packet;
	for (size_t i = 0; i < packet->n_items; i++) {
		r->sent = grow(r->sent, r->n_sent, &r->cap_sent, sizeof *r->sent);
		r->sent[r->n_sent] = (struct rig_sent){ .packet = packet, .item = packet->items[i] };
		snprintf(r->sent[r->n_sent++].to, sizeof r->sent->to, "%s", to);
	}
	return 0;
}

static void env_log(void *arg, enum gv_level level, const char *line)
{
	struct rig *r = arg;
	size_t had = r->log ? strlen(r->log) : 0;

	r->log = realloc(r->log, had + strlen(line) + 2);
	if (!r->log)
		abort();
	sprintf(r->log + had, "%s\n", line);
	if (getenv("RIG_VERBOSE"))
		fprintf(stderr, "%s\n", line);
}

static int env_point(void *arg, enum gv_point where)
{
	struct rig *r = arg;

	if (where == GV_BEFORE_COMMIT) {
		trace(r, 'b');
		if (r->die_at_commit > 0 && --r->die_at_commit == 0)
			return -1;
	} else if (where == GV_AFTER_COMMIT) {
		trace(r, 'a');
		r->commits++;
		if (r->die_at_commit < 0 && ++r->die_at_commit == 0)
			return -1;
	}
	return 0;
}

void rig_init(struct rig *r, const struct gv_plugin *plugin)
{
	*r = (struct rig){ .plugin = plugin, .now = RIG_EPOCH_MS };
	snprintf(r->folder, sizeof r->folder, "%s/galvan-rig-XXXXXX", access("/dev/shm", W_OK) ? P_tmpdir : "/dev/shm");
	if (!mkdtemp(r->folder))
		abort();
	snprintf(r->store, sizeof r->store, "%s/store", r->folder);
	snprintf(r->blobs, sizeof r->blobs, "%s/blobs", r->folder);
	r->env = (struct gv_env){ .arg = r,
				  .now_ms = env_now_ms,
				  .random = env_random,
				  .send = env_send,
				  .log = env_log,
				  .point = env_point };
	r->options = (struct gv_actor_options){ .plugin = plugin,
						.env = &r->env,
						.node = "bench",
						.instances = 1,
						.store = r->store,
						.blobs = r->blobs,
						.store_limit_bytes = 64 << 20,
						.no_sync = true };
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

void rig_clear(struct rig *r)
{
	for (size_t i = 0; i < r->n_packets; i++)
		env__packet__free_unpacked(r->packets[i], NULL);
	r->n_packets = r->n_sent = r->traced = 0;
	r->trace[0] = 0;
	r->commits = 0;
}

void rig_fini(struct rig *r)
{
	rig_stop(r);
	rig_clear(r);
	free(r->packets);
	free(r->sent);
	free(r->log);
	free(r->error);
	nftw(r->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

int rig_start(struct rig *r)
{
	int result;

	free(r->error);
	r->error = NULL;
	r->options.plugin = r->plugin;
	result = gv_actor_create(&r->options, &r->actor, &r->error);
	if (result >= 0)
		result = gv_actor_start(r->actor, r->config, r->config_size, &r->error);
	if (result >= 0)
		result = gv_actor_open(r->actor);
	if (result < 0)
		rig_stop(r);
	return result;
}

void rig_stop(struct rig *r)
{
	gv_actor_destroy(r->actor);
	r->actor = NULL;
}

void rig_restart(struct rig *r, bool crashed)
{
	rig_stop(r);
	r->options.crashed = crashed;
	r->options.cause = crashed ? "signal 11 (SIGSEGV)" : NULL;
	if (rig_start(r) < 0) {
		fprintf(stderr, "the actor does not start again: %s\n", r->error ? r->error : "?");
		abort();
	}
	if (r->n_peers)
		rig_directory(r);
}

/* ---- peers ----------------------------------------------------------------------------------- */

static size_t names(const char *const *list, char **out)
{
	size_t n = 0;

	for (; n < 4 && list[n]; n++)
		out[n] = (char *)list[n];
	return n;
}

void rig_directory(struct rig *r)
{
	Kernel__Directory d = KERNEL__DIRECTORY__INIT;
	Kernel__Peer rows[RIG_PEERS], *pointers[RIG_PEERS];
	char *lists[RIG_PEERS][3][4];

	for (size_t i = 0; i < r->n_peers; i++) {
		const struct rig_peer *p = &r->peers[i];

		kernel__peer__init(&rows[i]);
		pointers[i] = &rows[i];
		rows[i].name = (char *)p->name;
		rows[i].plugin = (char *)p->plugin;
		rows[i].instance = p->instance;
		rows[i].instances = p->instances;
		rows[i].up = p->up;
		rows[i].incarnation = p->incarnation;
		rows[i].driver = p->driver;
		rows[i].gone = p->gone;
		rows[i].serves = lists[i][0];
		rows[i].n_serves = names(p->serves, lists[i][0]);
		rows[i].hears = lists[i][1];
		rows[i].n_hears = names(p->hears, lists[i][1]);
		rows[i].emits = lists[i][2];
		rows[i].n_emits = names(p->emits, lists[i][2]);
	}
	d.version = ++r->directory_version;
	d.peers = pointers;
	d.n_peers = r->n_peers;
	if (gv_actor_directory(r->actor, &d) < 0)
		abort();
}

static struct rig_peer *find(struct rig *r, const char *name)
{
	for (size_t i = 0; i < r->n_peers; i++)
		if (!strcmp(r->peers[i].name, name))
			return &r->peers[i];
	return NULL;
}

struct rig_peer *rig_peer(struct rig *r, const char *name, uint64_t incarnation)
{
	struct rig_peer *p = find(r, name);

	if (!p) {
		if (r->n_peers == RIG_PEERS)
			abort();
		p = &r->peers[r->n_peers++];
		snprintf(p->name, sizeof p->name, "%s", name);
		snprintf(p->plugin, sizeof p->plugin, "%.*s", (int)strcspn(name, "."), name);
		p->instance = (uint32_t)strtoul(name + strcspn(name, ".") + 1, NULL, 10);
		p->instances = 1;
		p->up = true;
		p->incarnation = incarnation;
		return p;
	}
	p->incarnation = incarnation;
	if (r->actor)
		rig_directory(r);
	return p;
}

/* ---- in and out ------------------------------------------------------------------------------ */

void rig_feed_as(struct rig *r, const char *from, uint64_t incarnation, Env__Item *items, size_t n)
{
	Env__Packet p = ENV__PACKET__INIT;
	Env__Item **pointers = calloc(n + 1, sizeof *pointers);
	uint8_t *bytes;
	size_t size;

	for (size_t i = 0; i < n; i++)
		pointers[i] = &items[i];
	p.from = (char *)from;
	p.incarnation = incarnation;
	p.items = pointers;
	p.n_items = n;
	size = env__packet__get_packed_size(&p);
	bytes = malloc(size);
	env__packet__pack(&p, bytes);
	if (gv_actor_receive(r->actor, bytes, size) < 0)
		abort();
	free(bytes);
	free(pointers);
}

void rig_feed(struct rig *r, const char *from, Env__Item *items, size_t n)
{
	const struct rig_peer *p = find(r, from);

	if (!p)
		abort();
	rig_feed_as(r, from, p->incarnation, items, n);
}

int rig_run(struct rig *r)
{
	int result;

	do {
		gv_actor_flush(r->actor);
		result = gv_actor_run(r->actor);
	} while (result > 0);
	return result;
}

void rig_pass(struct rig *r, int64_t ms)
{
	int64_t until = r->now + ms;

	for (;;) {
		int64_t next = gv_actor_next_ms(r->actor);

		if (next > until)
			break;
		r->now = next > r->now ? next : r->now;
		rig_run(r);
		if (gv_actor_next_ms(r->actor) <= r->now)
			r->now++; /* whatever it waits for takes time */
	}
	r->now = until > r->now ? until : r->now;
	rig_run(r);
}

const Env__Item *rig_sent(struct rig *r, const char *to, Env__Item__KindCase kind, size_t i)
{
	for (size_t j = 0; j < r->n_sent; j++)
		if (r->sent[j].item->kind_case == kind && (!to || !strcmp(r->sent[j].to, to)) && !i--)
			return r->sent[j].item;
	return NULL;
}

size_t rig_count(struct rig *r, const char *to, Env__Item__KindCase kind)
{
	size_t n = 0;

	while (rig_sent(r, to, kind, n))
		n++;
	return n;
}

bool rig_logged(struct rig *r, const char *text)
{
	return r->log && strstr(r->log, text);
}

/* ---- the shortest way to say things ---------------------------------------------------------- */

static ProtobufCBinaryData packed(const ProtobufCMessage *m)
{
	ProtobufCBinaryData d = { 0, NULL };

	if (!m)
		return d;
	d.len = protobuf_c_message_get_packed_size(m);
	d.data = malloc(d.len + 1);
	protobuf_c_message_pack(m, d.data);
	return d;
}

void rig_call(struct rig *r, const char *from, uint64_t id, const char *method, const ProtobufCMessage *request,
	      bool durable, bool again)
{
	Env__Item item = ENV__ITEM__INIT;
	Env__Call call = ENV__CALL__INIT;

	call.id = id;
	call.method = (char *)method;
	call.request = packed(request);
	call.deadline_ms = r->now + 30000;
	call.durable = durable;
	call.again = again;
	item.kind_case = ENV__ITEM__KIND_CALL;
	item.call = &call;
	rig_feed(r, from, &item, 1);
	free(call.request.data);
}

void rig_add(struct rig *r, const char *from, uint64_t id, const char *key, int64_t by)
{
	Zoo__AddRequest q = ZOO__ADD_REQUEST__INIT;

	q.key = (char *)key;
	q.by = by;
	rig_call(r, from, id, "galvan.zoo.v1.Counter/Add", &q.base, false, false);
}

void rig_event(struct rig *r, const char *from, uint64_t seq, uint64_t prev, const char *key, int64_t by, int64_t total)
{
	Env__Item item = ENV__ITEM__INIT;
	Env__Event e = ENV__EVENT__INIT;
	Zoo__Counted counted = ZOO__COUNTED__INIT;

	counted.key = (char *)key;
	counted.by = by;
	counted.total = total;
	e.seq = seq;
	e.prev = prev;
	e.type = (char *)"galvan.zoo.v1.Counted";
	e.key = (char *)key;
	e.time_ms = r->now;
	e.payload = packed(&counted.base);
	item.kind_case = ENV__ITEM__KIND_EVENT;
	item.event = &e;
	rig_feed(r, from, &item, 1);
	free(e.payload.data);
}

void rig_subscribe(struct rig *r, const char *from, const char *type, uint64_t cursor, bool follow)
{
	Env__Item item = ENV__ITEM__INIT;
	Env__Subscribe s = ENV__SUBSCRIBE__INIT;

	s.types = (char **)&type;
	s.n_types = 1;
	s.cursor = cursor;
	s.follow = follow;
	item.kind_case = ENV__ITEM__KIND_SUBSCRIBE;
	item.subscribe = &s;
	rig_feed(r, from, &item, 1);
}

void rig_event_ack(struct rig *r, const char *from, uint64_t cursor)
{
	Env__Item item = ENV__ITEM__INIT;
	Env__EventAck a = ENV__EVENT_ACK__INIT;

	a.cursor = cursor;
	item.kind_case = ENV__ITEM__KIND_EVENT_ACK;
	item.event_ack = &a;
	rig_feed(r, from, &item, 1);
}

void rig_reply(struct rig *r, const char *from, uint64_t id, unsigned code, const ProtobufCMessage *reply, bool kept)
{
	Env__Item item = ENV__ITEM__INIT;
	Env__Reply a = ENV__REPLY__INIT;

	a.id = id;
	a.code = code;
	a.error = (char *)(code ? "refused by the bench" : "");
	a.reply = packed(reply);
	a.kept = kept;
	item.kind_case = ENV__ITEM__KIND_REPLY;
	item.reply = &a;
	rig_feed(r, from, &item, 1);
	free(a.reply.data);
}

void rig_call_ack(struct rig *r, const char *from, uint64_t id)
{
	Env__Item item = ENV__ITEM__INIT;
	Env__CallAck a = ENV__CALL_ACK__INIT;

	a.ids = &id;
	a.n_ids = 1;
	item.kind_case = ENV__ITEM__KIND_CALL_ACK;
	item.call_ack = &a;
	rig_feed(r, from, &item, 1);
}

void rig_open(struct rig *r, const char *from, uint64_t conn, const char *device, bool again)
{
	Env__Item item = ENV__ITEM__INIT;
	Env__Open o = ENV__OPEN__INIT;

	o.conn = conn;
	o.device = (char *)device;
	o.listener = (char *)"chat";
	o.subprotocol = (char *)"";
	o.peer = (char *)"192.0.2.1";
	o.again = again;
	item.kind_case = ENV__ITEM__KIND_OPEN;
	item.open = &o;
	rig_feed(r, from, &item, 1);
}

void rig_frame(struct rig *r, const char *from, uint64_t conn, uint64_t seq, const char *text, bool again)
{
	Env__Item item = ENV__ITEM__INIT;
	Env__Frame f = ENV__FRAME__INIT;

	f.conn = conn;
	f.seq = seq;
	f.data = (ProtobufCBinaryData){ strlen(text), (uint8_t *)text };
	f.again = again;
	item.kind_case = ENV__ITEM__KIND_FRAME;
	item.frame = &f;
	rig_feed(r, from, &item, 1);
}

void rig_close(struct rig *r, const char *from, uint64_t conn)
{
	Env__Item item = ENV__ITEM__INIT;
	Env__Close c = ENV__CLOSE__INIT;

	c.conn = conn;
	c.code = 1000;
	item.kind_case = ENV__ITEM__KIND_CLOSE;
	item.close = &c;
	rig_feed(r, from, &item, 1);
}

void rig_frame_ack(struct rig *r, const char *from, uint64_t conn, uint64_t seq)
{
	Env__Item item = ENV__ITEM__INIT;
	Env__FrameAck a = ENV__FRAME_ACK__INIT;

	a.conns = &conn;
	a.n_conns = 1;
	a.seqs = &seq;
	a.n_seqs = 1;
	item.kind_case = ENV__ITEM__KIND_FRAME_ACK;
	item.frame_ack = &a;
	rig_feed(r, from, &item, 1);
}

const Env__Reply *rig_answer(struct rig *r, uint64_t id)
{
	for (size_t i = 0; i < r->n_sent; i++)
		if (r->sent[i].item->kind_case == ENV__ITEM__KIND_REPLY && r->sent[i].item->reply->id == id)
			return r->sent[i].item->reply;
	return NULL;
}
