/* The sockets of control.h and who talks on them; what is said goes to forward.c, follow.c and service.c. */
#include "control_internal.h"
#include "directory.h"
#include "text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

#define TICK_MS 100
#define PACKETS_PER_ROUND 1000
#define UNSENT_MAX 4096 /* packets that wait for room in a peer's queue; beyond: dropped */
#define CLIENT_QUEUE_PACKETS 10000

struct unsent {
	struct unsent *next;
	char instance[64];
	size_t size;
	uint8_t data[];
};

int64_t gv_control_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- sending --------------------------------------------------------------------------------- */

static int pack_packet(struct gv_control *c, const Env__Packet *p)
{
	size_t size = env__packet__get_packed_size(p);

	c->packed.size = 0;
	c->packed.error = 0;
	if (gv_buf_reserve(&c->packed, size ? size : 1) < 0)
		return -ENOMEM;
	c->packed.size = env__packet__pack(p, c->packed.data);
	return 0;
}

void gv_control_send_client(struct gv_control *c, const uint8_t *identity, size_t size, const Env__Packet *p)
{
	if (pack_packet(c, p) < 0)
		return;
	/* A client that is gone or does not read loses it: ROUTER drops the message. */
	if (zmq_send(c->router, identity, size, ZMQ_SNDMORE | ZMQ_DONTWAIT) >= 0)
		zmq_send(c->router, c->packed.data, c->packed.size, ZMQ_DONTWAIT);
	c->readable = true;
}

static void keep_unsent(struct gv_control *c, const char *instance)
{
	struct unsent *u, **at = &c->unsent;

	if (c->n_unsent >= UNSENT_MAX)
		return;
	u = malloc(sizeof *u + c->packed.size);
	if (!u)
		return;
	u->next = NULL;
	u->size = c->packed.size;
	snprintf(u->instance, sizeof u->instance, "%s", instance);
	memcpy(u->data, c->packed.data, c->packed.size);
	while (*at)
		at = &(*at)->next;
	*at = u;
	c->n_unsent++;
}

static void send_unsent(struct gv_control *c)
{
	struct unsent **at = &c->unsent;

	while (*at) {
		struct unsent *u = *at;
		if (gv_bus_send(c->bus, u->instance, u->data, u->size) == -EAGAIN) {
			at = &u->next;
			continue;
		}
		*at = u->next;
		c->n_unsent--;
		free(u);
	}
}

int gv_control_send_peer(struct gv_control *c, const char *instance, Env__Item *item, bool keep)
{
	Env__Packet p = ENV__PACKET__INIT;
	int rc;

	p.from = c->peer.name;
	p.incarnation = c->o.incarnation;
	p.items = &item;
	p.n_items = 1;
	rc = pack_packet(c, &p);
	if (rc == 0)
		rc = gv_bus_send(c->bus, instance, c->packed.data, c->packed.size);
	if (rc == -EAGAIN && keep)
		keep_unsent(c, instance);
	return rc;
}

void gv_control_reply(struct gv_control *c, const struct origin *to, enum gv_code code, const char *error,
		      const uint8_t *reply, size_t size)
{
	Env__Packet p = ENV__PACKET__INIT;
	Env__Item item = ENV__ITEM__INIT, *items = &item;
	Env__Reply r = ENV__REPLY__INIT;

	r.id = to->call;
	r.code = code;
	r.error = (char *)(error ? error : "");
	r.reply.data = (uint8_t *)reply;
	r.reply.len = size;
	item.kind_case = ENV__ITEM__KIND_REPLY;
	item.reply = &r;
	if (!to->is_client) {
		gv_control_send_peer(c, (const char *)to->identity, &item, true);
		return;
	}
	p.from = c->peer.name;
	p.incarnation = c->o.incarnation;
	p.items = &items;
	p.n_items = 1;
	gv_control_send_client(c, to->identity, to->identity_size, &p);
}

/* ---- clients --------------------------------------------------------------------------------- */

static void free_client(struct client *client)
{
	gv_follow_forget_client(client);
	free(client);
}

static void drop_client(struct gv_control *c, struct client *client)
{
	struct client **at = &c->clients;
	bool followed = client->n_types > 0;

	while (*at != client)
		at = &(*at)->next;
	*at = client->next;
	c->n_clients--;
	free_client(client);
	if (followed)
		gv_follow_update(c);
}

struct client *gv_control_client(struct gv_control *c, const uint8_t *identity, size_t size)
{
	for (struct client *client = c->clients; client; client = client->next)
		if (client->identity_size == size && memcmp(client->identity, identity, size) == 0)
			return client;
	return NULL;
}

/* Room for another: the one that has been silent longest and waits for nothing goes. */
static bool make_room(struct gv_control *c)
{
	struct client *oldest = NULL;

	if (c->n_clients < GV_CLIENTS_MAX)
		return true;
	for (struct client *client = c->clients; client; client = client->next)
		if (client->calls == 0 && client->n_types == 0 && (!oldest || client->heard_ms < oldest->heard_ms))
			oldest = client;
	if (oldest)
		drop_client(c, oldest);
	return oldest != NULL;
}

static struct client *add_client(struct gv_control *c, const uint8_t *identity, size_t size)
{
	struct client *client;

	if (size > sizeof client->identity || !make_room(c))
		return NULL;
	client = calloc(1, sizeof *client);
	if (!client)
		return NULL;
	memcpy(client->identity, identity, size);
	client->identity_size = (uint8_t)size;
	client->next = c->clients;
	c->clients = client;
	c->n_clients++;
	return client;
}

static void drop_silent_clients(struct gv_control *c)
{
	int64_t now = (int64_t)uv_now(c->o.loop);
	struct client *client, *next;

	for (client = c->clients; client; client = next) {
		next = client->next;
		if (client->calls == 0 && now - client->heard_ms > GV_CLIENT_SILENCE_MS)
			drop_client(c, client);
	}
}

/* ---- what comes in --------------------------------------------------------------------------- */

static void on_call(struct gv_control *c, const struct origin *from, const Env__Call *call)
{
	static const char own[] = "galvan.kernel.v1.Kernel/";

	if (strncmp(call->method, own, sizeof own - 1) == 0)
		gv_service_call(c, from, call);
	else if (from->is_client)
		gv_forward_call(c, from, call);
	else
		gv_control_reply(c, from, GV_UNIMPLEMENTED, "the kernel serves galvan.kernel.v1.Kernel only", NULL, 0);
}

static void on_client_packet(struct gv_control *c, const uint8_t *identity, size_t identity_size, const uint8_t *data,
			     size_t size)
{
	struct client *client = gv_control_client(c, identity, identity_size);
	struct origin from = { .is_client = true };
	Env__Packet *p = env__packet__unpack(NULL, size, data);

	if (!p)
		return;
	if (!client)
		client = add_client(c, identity, identity_size);
	if (client) {
		client->heard_ms = (int64_t)uv_now(c->o.loop);
		from.identity_size = client->identity_size;
		memcpy(from.identity, identity, identity_size);
	}
	for (size_t i = 0; client && i < p->n_items; i++) {
		const Env__Item *item = p->items[i];
		if (item->kind_case == ENV__ITEM__KIND_CALL) {
			from.call = item->call->id;
			on_call(c, &from, item->call);
		} else if (item->kind_case == ENV__ITEM__KIND_SUBSCRIBE) {
			gv_follow_set(c, client, item->subscribe);
		}
	}
	env__packet__free_unpacked(p, NULL);
}

/* One message of a client: its identity and one frame. True: there was one. */
static bool read_client(struct gv_control *c)
{
	zmq_msg_t identity, body;
	bool more;

	zmq_msg_init(&identity);
	if (zmq_msg_recv(&identity, c->router, ZMQ_DONTWAIT) < 0) {
		zmq_msg_close(&identity);
		return false;
	}
	more = zmq_msg_more(&identity);
	while (more) {
		zmq_msg_init(&body);
		if (zmq_msg_recv(&body, c->router, ZMQ_DONTWAIT) < 0) {
			zmq_msg_close(&body);
			break;
		}
		more = zmq_msg_more(&body);
		if (!more)
			on_client_packet(c, zmq_msg_data(&identity), zmq_msg_size(&identity), zmq_msg_data(&body),
					 zmq_msg_size(&body));
		zmq_msg_close(&body);
	}
	zmq_msg_close(&identity);
	return true;
}

static bool on_peer_packet(void *arg, const uint8_t *data, size_t size)
{
	struct gv_control *c = arg;
	Env__Packet *p = env__packet__unpack(NULL, size, data);
	const Kernel__Peer *peer = p && c->directory ? gv_directory_find(c->directory, p->from) : NULL;
	struct origin from = { 0 };

	if (peer && (!peer->up || peer->incarnation <= p->incarnation) && strlen(p->from) < sizeof from.identity) {
		from.identity_size = (uint8_t)strlen(p->from);
		memcpy(from.identity, p->from, from.identity_size);
		for (size_t i = 0; i < p->n_items; i++) {
			const Env__Item *item = p->items[i];
			if (item->kind_case == ENV__ITEM__KIND_CALL) {
				from.call = item->call->id;
				on_call(c, &from, item->call);
			} else if (item->kind_case == ENV__ITEM__KIND_REPLY) {
				gv_forward_reply(c, p->from, item->reply);
			}
		}
		gv_follow_events(c, p);
	}
	if (p)
		env__packet__free_unpacked(p, NULL);
	return true;
}

static void on_readable(void *arg)
{
	struct gv_control *c = arg;

	c->readable = true;
}

/* All sockets are read here, before the loop polls. */
static void pump(uv_prepare_t *prepare)
{
	struct gv_control *c = prepare->data;
	int left = PACKETS_PER_ROUND;

	if (c->readable) {
		while (left > 0 && read_client(c))
			left--;
		c->readable = left == 0;
	}
	if (gv_bus_readable(c->bus))
		gv_bus_receive(c->bus, PACKETS_PER_ROUND, on_peer_packet, c);
	if (c->readable || gv_bus_readable(c->bus))
		uv_timer_start(&c->tick, c->tick.timer_cb, 0, TICK_MS); /* come round at once */
}

static void on_tick(uv_timer_t *timer)
{
	struct gv_control *c = timer->data;

	send_unsent(c);
	gv_forward_go_on(c);
	drop_silent_clients(c);
}

static void on_bus_wake(void *arg)
{
	struct gv_control *c = arg;

	send_unsent(c);
}

void gv_control_directory(struct gv_control *c, const Kernel__Directory *d)
{
	c->directory = d;
	gv_bus_directory(c->bus, d);
	gv_forward_go_on(c);
	gv_follow_update(c);
}

/* ---- life ------------------------------------------------------------------------------------ */

static int open_router(struct gv_control *c, char **ret_error)
{
	char *path = gv_text("%s/control.sock", c->o.run), *address = gv_text("ipc://%s/control.sock", c->o.run);
	int linger = 500, hwm = CLIENT_QUEUE_PACKETS, rc = 0;
	int64_t max = GV_CLIENT_PACKET_MAX;

	if (!path || !address) {
		rc = -ENOMEM;
		goto out;
	}
	c->router = zmq_socket(c->o.context, ZMQ_ROUTER);
	if (!c->router) {
		rc = gv_text_error(ret_error, -errno, "no control socket: %s", zmq_strerror(errno));
		goto out;
	}
	zmq_setsockopt(c->router, ZMQ_LINGER, &linger, sizeof linger);
	zmq_setsockopt(c->router, ZMQ_SNDHWM, &hwm, sizeof hwm);
	zmq_setsockopt(c->router, ZMQ_RCVHWM, &hwm, sizeof hwm);
	zmq_setsockopt(c->router, ZMQ_MAXMSGSIZE, &max, sizeof max);
	if (zmq_bind(c->router, address) < 0 || chmod(path, 0600) < 0)
		rc = gv_text_error(ret_error, -errno, "the control socket %s cannot be bound: %s", path,
				   zmq_strerror(errno));
	else if (c->o.tcp && zmq_bind(c->router, c->o.tcp) < 0)
		rc = gv_text_error(ret_error, -errno, "the control address %s (node.control) cannot be bound: %s",
				   c->o.tcp, zmq_strerror(errno));
	if (rc == 0) {
		rc = gv_zmq_poll_start(c->o.loop, c->router, on_readable, c, &c->poll);
		if (rc < 0)
			gv_text_error(ret_error, rc, "the control socket cannot be watched: %s", gv_text_errno(rc));
	}
out:
	free(path);
	free(address);
	return rc;
}

static int open_inbox(struct gv_control *c, char **ret_error)
{
	struct gv_bus_options o = {
		.context = c->o.context, .loop = c->o.loop, .pid = getpid(), .wake = on_bus_wake, .arg = c
	};

	c->endpoint = gv_text("ipc://%s/kernel", c->o.run);
	c->local_endpoint = strdup("inproc://galvan-kernel");
	if (!c->endpoint || !c->local_endpoint)
		return -ENOMEM;
	o.endpoint = c->endpoint;
	o.local_endpoint = c->local_endpoint;
	kernel__peer__init(&c->peer);
	c->serves[0] = (char *)"galvan.kernel.v1.Kernel";
	c->peer.name = (char *)"kernel.0";
	c->peer.plugin = (char *)"kernel";
	c->peer.instances = 1;
	c->peer.up = true;
	c->peer.incarnation = c->o.incarnation;
	c->peer.endpoint = c->endpoint;
	c->peer.local_endpoint = c->local_endpoint;
	c->peer.pid = getpid();
	c->peer.serves = c->serves;
	c->peer.n_serves = 1;
	return gv_bus_create(&o, &c->bus, ret_error);
}

int gv_control_create(const struct gv_control_options *o, struct gv_control **ret, char **ret_error)
{
	struct gv_control *c = calloc(1, sizeof *c);
	int rc;

	if (!c)
		return -ENOMEM;
	c->o = *o;
	c->started_at_ms = gv_control_now_ms();
	c->readable = true;
	uv_prepare_init(o->loop, &c->prepare);
	uv_timer_init(o->loop, &c->tick);
	uv_timer_init(o->loop, &c->stop);
	c->prepare.data = c->tick.data = c->stop.data = c;
	c->handles = 3;
	rc = open_inbox(c, ret_error);
	if (rc == 0)
		rc = open_router(c, ret_error);
	c->o.run = NULL; /* the caller's */
	if (rc < 0) {
		gv_control_destroy(c);
		return rc;
	}
	uv_prepare_start(&c->prepare, pump);
	uv_timer_start(&c->tick, on_tick, TICK_MS, TICK_MS);
	*ret = c;
	return 0;
}

const Kernel__Peer *gv_control_peer(const struct gv_control *c)
{
	return &c->peer;
}

void gv_control_set_supervisor(struct gv_control *c, struct gv_supervisor *s)
{
	c->supervisor = s;
}

static void on_closed(uv_handle_t *handle)
{
	struct gv_control *c = handle->data;

	if (--c->handles > 0)
		return;
	free(c->endpoint);
	free(c->local_endpoint);
	gv_buf_fini(&c->packed);
	free(c);
}

void gv_control_destroy(struct gv_control *c)
{
	struct client *next;
	struct unsent *next_unsent;

	if (!c)
		return;
	gv_forward_fini(c);
	gv_service_fini(c);
	gv_follow_fini(c);
	for (struct client *client = c->clients; client; client = next) {
		next = client->next;
		free_client(client);
	}
	for (struct unsent *u = c->unsent; u; u = next_unsent) {
		next_unsent = u->next;
		free(u);
	}
	gv_zmq_poll_stop(c->poll);
	gv_bus_destroy(c->bus, 0);
	if (c->router)
		zmq_close(c->router);
	uv_close((uv_handle_t *)&c->prepare, on_closed);
	uv_close((uv_handle_t *)&c->tick, on_closed);
	uv_close((uv_handle_t *)&c->stop, on_closed);
}
