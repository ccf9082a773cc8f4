/* One end of the bus against another, in one process and on one loop. */
#include <criterion/criterion.h>

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>

#include "bus.h"

static char dir[] = "/tmp/galvan-bus-XXXXXX";
static void *context;
static uv_loop_t loop;
static unsigned woken;

static void setup(void)
{
	cr_assert_not_null(mkdtemp(dir));
	context = zmq_ctx_new();
	uv_loop_init(&loop);
}

static void teardown(void)
{
	char command[64];

	while (uv_run(&loop, UV_RUN_NOWAIT))
		continue;
	cr_expect_eq(uv_loop_close(&loop), 0, "no handle is left");
	zmq_ctx_term(context);
	snprintf(command, sizeof command, "rm -rf %s", dir);
	cr_expect_eq(system(command), 0);
}

TestSuite(bus, .init = setup, .fini = teardown, .timeout = 60);

static void on_wake(void *arg)
{
	woken++;
}

static void on_pause(uv_timer_t *timer)
{
	/* its being due ends the round */
}

struct end {
	struct gv_bus *bus;
	char endpoint[128], local[128];
	char last[64];
	unsigned received;
};

static void make_end(struct end *e, unsigned number, bool local)
{
	struct gv_bus_options o = { .context = context, .loop = &loop, .pid = local ? 1 : 0, .wake = on_wake };
	char *error = NULL;

	memset(e, 0, sizeof *e);
	snprintf(e->endpoint, sizeof e->endpoint, "ipc://%s/i%u", dir, number);
	if (local)
		snprintf(e->local, sizeof e->local, "inproc://i%u", number);
	o.endpoint = e->endpoint;
	o.local_endpoint = e->local;
	cr_assert_eq(gv_bus_create(&o, &e->bus, &error), 0, "%s", error);
}

/* Tells `from` that "peer.0" is up at the endpoint of `to`; NULL: down. */
static void tell(struct end *from, const struct end *to)
{
	Kernel__Directory d = KERNEL__DIRECTORY__INIT;
	Kernel__Peer p = KERNEL__PEER__INIT, *peers = &p;

	p.name = (char *)"peer.0";
	if (to) {
		p.up = true;
		p.endpoint = (char *)to->endpoint;
		p.local_endpoint = (char *)to->local;
		p.pid = *to->local ? 1 : 2;
	}
	d.peers = &peers;
	d.n_peers = 1;
	cr_assert_eq(gv_bus_directory(from->bus, &d), 0);
}

static bool on_packet(void *arg, const uint8_t *packet, size_t size)
{
	struct end *e = arg;

	e->received++;
	snprintf(e->last, sizeof e->last, "%.*s", (int)size, (const char *)packet);
	return true;
}

static void receive_until(struct end *e, unsigned count)
{
	while (e->received < count) {
		if (gv_bus_readable(e->bus))
			gv_bus_receive(e->bus, 100, on_packet, e);
		else
			uv_run(&loop, UV_RUN_ONCE);
	}
}

static unsigned open_descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned n = 0;

	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static void pass_packets(bool local)
{
	struct end a, b;

	make_end(&a, 1, local);
	make_end(&b, 2, local);
	cr_expect_eq(gv_bus_send(a.bus, "peer.0", (const uint8_t *)"early", 5), -ENOTCONN);
	tell(&a, &b);
	cr_expect_eq(gv_bus_send(a.bus, "nobody.0", (const uint8_t *)"x", 1), -ENOTCONN);
	for (unsigned i = 0; i < 500; i++) {
		char text[16];
		int n = snprintf(text, sizeof text, "%u", i);
		cr_assert_eq(gv_bus_send(a.bus, "peer.0", (const uint8_t *)text, (size_t)n), 0);
	}
	receive_until(&b, 500);
	cr_expect_str_eq(b.last, "499", "in order");
	cr_assert_eq(gv_bus_send(a.bus, "peer.0", NULL, 0), 0);
	receive_until(&b, 501);
	cr_expect_eq(gv_bus_counters(a.bus)->packets_out, 501);
	cr_expect_eq(gv_bus_counters(b.bus)->packets_in, 501);
	gv_bus_destroy(a.bus, 0);
	gv_bus_destroy(b.bus, 0);
}

Test(bus, between_processes)
{
	pass_packets(false);
}

Test(bus, within_a_process)
{
	pass_packets(true);
}

Test(bus, a_full_queue_refuses_at_once_and_says_when_there_is_room)
{
	struct end a, b;
	unsigned sent = 0;
	static uint8_t packet[4096];

	make_end(&a, 1, false);
	make_end(&b, 2, false);
	tell(&a, &b);
	while (gv_bus_send(a.bus, "peer.0", packet, sizeof packet) == 0)
		sent++;
	cr_expect_geq(sent, GV_BUS_QUEUE_PACKETS);
	cr_expect_eq(gv_bus_send(a.bus, "peer.0", packet, sizeof packet), -EAGAIN);
	cr_expect_geq(gv_bus_counters(a.bus)->full, 1);
	woken = 0;
	receive_until(&b, sent);
	while (!woken)
		uv_run(&loop, UV_RUN_ONCE);
	while (gv_bus_send(a.bus, "peer.0", packet, sizeof packet) == -EAGAIN)
		uv_run(&loop, UV_RUN_ONCE);
	receive_until(&b, sent + 1);
	gv_bus_destroy(a.bus, 0);
	gv_bus_destroy(b.bus, 0);
}

Test(bus, what_waits_for_a_dead_incarnation_never_reaches_the_next)
{
	struct end a, b;

	make_end(&a, 1, false);
	make_end(&b, 2, false);
	tell(&a, &b);
	gv_bus_destroy(b.bus, 0);
	for (int i = 0; i < 10; i++)
		gv_bus_send(a.bus, "peer.0", (const uint8_t *)"old", 3);
	make_end(&b, 3, false);
	tell(&a, &b);
	cr_assert_eq(gv_bus_send(a.bus, "peer.0", (const uint8_t *)"new", 3), 0);
	receive_until(&b, 1);
	cr_expect_str_eq(b.last, "new");
	cr_expect_eq(b.received, 1);
	tell(&a, NULL);
	cr_expect_eq(gv_bus_send(a.bus, "peer.0", (const uint8_t *)"late", 4), -ENOTCONN);
	gv_bus_destroy(a.bus, 0);
	gv_bus_destroy(b.bus, 0);
}

Test(bus, a_thousand_incarnations_leave_nothing_behind)
{
	struct end a, b;
	unsigned before = 0;

	make_end(&a, 0, false);
	for (unsigned i = 1; i <= 1010; i++) {
		make_end(&b, i, i % 2);
		tell(&a, &b);
		cr_assert_eq(gv_bus_send(a.bus, "peer.0", (const uint8_t *)"x", 1), 0);
		receive_until(&b, 1);
		if (i % 3)
			tell(&a, NULL);
		gv_bus_destroy(b.bus, 0);
		uv_run(&loop, UV_RUN_NOWAIT);
		if (i == 10)
			before = open_descriptors();
	}
	tell(&a, NULL);
	uv_run(&loop, UV_RUN_NOWAIT);
	/* ZeroMQ closes in threads of its own: what is still on its way is waited for. */
	for (int i = 0; i < 500 && open_descriptors() > before + 2; i++) {
		uv_timer_t pause;
		uv_timer_init(&loop, &pause);
		uv_timer_start(&pause, on_pause, 10, 0);
		uv_run(&loop, UV_RUN_ONCE);
		uv_close((uv_handle_t *)&pause, NULL);
		uv_run(&loop, UV_RUN_NOWAIT);
	}
	cr_expect_leq(open_descriptors(), before + 2);
	gv_bus_destroy(a.bus, 0);
}

/* The trap of ZMQ_FD: an owner that does not read must not make the loop spin, and must not miss what is there when it
 * reads again. */
Test(bus, an_inbox_that_is_not_read_for_a_while)
{
	struct end a, b;
	unsigned rounds = 0;
	uint64_t end;

	make_end(&a, 1, false);
	make_end(&b, 2, false);
	tell(&a, &b);
	receive_until(&b, 0);
	for (int i = 0; i < 100; i++)
		cr_assert_eq(gv_bus_send(a.bus, "peer.0", (const uint8_t *)"x", 1), 0);
	end = uv_hrtime() + 200000000u;
	while (uv_hrtime() < end) {
		uv_timer_t limit;
		uv_timer_init(&loop, &limit);
		uv_timer_start(&limit, on_pause, 50, 0);
		uv_run(&loop, UV_RUN_ONCE);
		uv_close((uv_handle_t *)&limit, NULL);
		uv_run(&loop, UV_RUN_NOWAIT);
		rounds++;
	}
	cr_expect_lt(rounds, 200, "the loop slept");
	receive_until(&b, 100);
	gv_bus_destroy(a.bus, 0);
	gv_bus_destroy(b.bus, 0);
}
