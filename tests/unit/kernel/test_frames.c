/* Connections, from both ends: what a station sent is handled once in effect and acknowledged when that is committed;
 * what it is answered leaves after the commit; neither end loses a frame when the other dies. */
#include "puppet.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <galvan/link.pb-c.h>
#include <stdio.h>
#include <string.h>

/* ---- the protocol plugin's end --------------------------------------------------------------- */

static char heard[512];

static void note(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(heard + strlen(heard), sizeof heard - strlen(heard), fmt, ap);
	va_end(ap);
}

static int listens(struct gv_turn *t)
{
	Link__Listener l = LINK__LISTENER__INIT;

	l.name = (char *)"chat";
	return gv_listen(t, &l);
}

static int on_open(struct gv_turn *t, const struct gv_conn *c)
{
	note("open %s%s;", c->device, c->again ? " again" : "");
	return 0;
}

static int on_frame(struct gv_turn *t, const struct gv_frame *f)
{
	char answer[64];

	note("%s%s;", f->data, f->again ? " again" : "");
	cr_expect_eq(f->data[f->size], 0, "text ends with a zero byte");
	if (!strcmp(f->data, "bad"))
		return gv_fault(t, "a bad frame");
	if (!strcmp(f->data, "ping"))
		return gv_send(t, f->conn->id, GV_TEXT, "pong", 4);
	((Zoo__Total *)gv_edit(t, &puppet_totals, gv_key(f->conn->device)))->total++;
	snprintf(answer, sizeof answer, "re %s", f->data);
	return gv_send(t, f->conn->id, GV_TEXT, answer, strlen(answer));
}

static int on_close(struct gv_turn *t, const struct gv_conn *c, unsigned code)
{
	note("close %s %u;", c->device, code);
	return 0;
}

static void setup(void)
{
	puppet = (struct puppet){ .start = listens, .open = on_open, .frame = on_frame, .close = on_close };
	*heard = 0;
	rig_init(&rig, &puppet_record);
	if (rig_start(&rig) < 0)
		cr_assert_fail("the puppet does not start: %s", rig.error);
	rig_peer(&rig, "test.0", 7);
	rig_peer(&rig, "link.0", 9)->driver = true;
	rig_directory(&rig);
	rig_run(&rig);
}

TestSuite(frames, .init = setup, .fini = puppet_teardown);

static const Env__FrameAck *last_ack(void)
{
	size_t n = rig_count(&rig, "link.0", ENV__ITEM__KIND_FRAME_ACK);

	return n ? rig_sent(&rig, "link.0", ENV__ITEM__KIND_FRAME_ACK, n - 1)->frame_ack : NULL;
}

static const char *answer(size_t i)
{
	static char text[128];
	const Env__Item *item = rig_sent(&rig, "link.0", ENV__ITEM__KIND_FRAME, i);

	snprintf(text, sizeof text, "%.*s", item ? (int)item->frame->data.len : 4,
		 item ? (char *)item->frame->data.data : "none");
	return text;
}

static void open_conn(void)
{
	rig_open(&rig, "link.0", 1, "chat:A", false);
	rig_run(&rig);
	rig_clear(&rig);
}

Test(frames, start_with_the_listeners_at_the_driver)
{
	cr_assert_eq(rig_count(&rig, "link.0", ENV__ITEM__KIND_LISTEN), 1);
	rig_peer(&rig, "link.0", 10);
	rig_run(&rig);
	cr_assert_eq(rig_count(&rig, "link.0", ENV__ITEM__KIND_LISTEN), 2, "its next incarnation is told anew");
}

Test(frames, are_handled_in_order_and_acknowledged_after_the_commit)
{
	open_conn();
	rig_frame(&rig, "link.0", 1, 1, "one", false);
	rig_frame(&rig, "link.0", 1, 2, "two", false);
	rig_run(&rig);
	cr_assert_str_eq(heard, "open chat:A;one;two;");
	cr_assert_str_eq(rig.trace, "bas", "one commit, then one packet with answers and acknowledgement: %s",
			 rig.trace);
	cr_assert_str_eq(answer(0), "re one");
	cr_assert_str_eq(answer(1), "re two");
	cr_assert_eq(last_ack()->conns[0], 1);
	cr_assert_eq(last_ack()->seqs[0], 2, "cumulative");
}

Test(frames, that_wrote_nothing_are_acknowledged_without_a_commit)
{
	open_conn();
	rig_frame(&rig, "link.0", 1, 1, "ping", false);
	rig_run(&rig);
	cr_assert_str_eq(rig.trace, "s");
	cr_assert_str_eq(answer(0), "pong");
	cr_assert_eq(last_ack()->seqs[0], 1);
}

Test(frames, of_a_turn_that_did_not_commit_are_neither_acknowledged_nor_answered)
{
	open_conn();
	rig.die_at_commit = 1;
	rig_frame(&rig, "link.0", 1, 1, "one", false);
	rig_run(&rig);
	cr_assert_null(last_ack());
	cr_assert_str_eq(answer(0), "none");
	rig_restart(&rig, true);
	rig_open(&rig, "link.0", 1, "chat:A", true);
	rig_frame(&rig, "link.0", 1, 1, "one", true);
	rig_run(&rig);
	cr_assert_str_eq(heard, "open chat:A;one;open chat:A again;one again;");
	cr_assert_eq(last_ack()->seqs[0], 1);
	cr_assert_eq(puppet_total("chat:A"), 1);
}

Test(frames, repeated_within_an_incarnation_are_handled_once)
{
	open_conn();
	rig_frame(&rig, "link.0", 1, 1, "one", false);
	rig_run(&rig);
	rig_frame(&rig, "link.0", 1, 1, "one", true);
	rig_run(&rig);
	cr_assert_str_eq(heard, "open chat:A;one;");
	cr_assert_eq(puppet_total("chat:A"), 1);
}

Test(frames, that_fail_are_parked_and_do_not_stop_the_connection)
{
	open_conn();
	rig_frame(&rig, "link.0", 1, 1, "bad", false);
	rig_frame(&rig, "link.0", 1, 2, "two", false);
	rig_run(&rig);
	cr_assert_str_eq(heard, "open chat:A;bad;two;");
	cr_assert_eq(last_ack()->seqs[0], 2, "a parked frame is acknowledged: it is kept here");
	cr_assert_str_eq(answer(0), "re two");
	rig_pass(&rig, 60000);
	cr_assert_str_eq(heard, "open chat:A;bad;two;", "it is not tried again: the station will");
}

Test(frames, of_a_closed_connection_are_not_answered)
{
	open_conn();
	rig_frame(&rig, "link.0", 1, 1, "one", false);
	rig_close(&rig, "link.0", 1);
	rig_run(&rig);
	cr_assert_str_eq(heard, "open chat:A;one;close chat:A 1000;");
	rig_clear(&rig);
	rig_frame(&rig, "link.0", 1, 2, "late", false);
	rig_run(&rig);
	cr_assert_str_eq(heard, "open chat:A;one;close chat:A 1000;");
}

Test(frames, end_with_the_driver)
{
	open_conn();
	rig_peer(&rig, "link.0", 10);
	rig_run(&rig);
	cr_assert_str_eq(heard, "open chat:A;close chat:A 1006;",
			 "a driver's next incarnation has none of the old sockets");
}

static int listens_late(struct gv_turn *t, struct gv_ticket ticket, const Zoo__AddRequest *q)
{
	return listens(t);
}

Test(frames, cannot_be_listened_for_after_the_start)
{
	puppet.add = listens_late;
	rig_add(&rig, "test.0", 1, "", 0);
	rig_run(&rig);
	cr_assert_eq(rig_answer(&rig, 1)->code, GV_INTERNAL);
}

/* ---- the driver's end ------------------------------------------------------------------------ */

static struct gv_world *world;
static char seen[512];

static void see(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(seen + strlen(seen), sizeof seen - strlen(seen), fmt, ap);
	va_end(ap);
}

static int driver_open(void *self, struct gv_world *w)
{
	world = w;
	return 0;
}

static int driver_listen(void *self, const char *plugin, const void *const *listeners, size_t count)
{
	see("listen %s %zu;", plugin, count);
	return 0;
}

static void driver_send(void *self, uint64_t conn, enum gv_frame_kind kind, const uint8_t *data, size_t size)
{
	see("send %.*s;", (int)size, (const char *)data);
}

static void driver_disconnect(void *self, uint64_t conn, unsigned code, const char *reason)
{
	see("disconnect %u;", code);
}

static void driver_pause(void *self, uint64_t conn, bool pause)
{
	see(pause ? "pause;" : "resume;");
}

static void driver_overrun(void *self, const char *plugin)
{
	see("overrun %s;", plugin);
}

static int start(void *self, struct gv_turn *t, const void *config)
{
	return 0;
}

static const struct gv_driver driver = {
	.size = sizeof(struct gv_driver),
	.open = driver_open,
	.on_listen = driver_listen,
	.on_send = driver_send,
	.on_disconnect = driver_disconnect,
	.on_pause = driver_pause,
	.on_overrun = driver_overrun,
};
static const struct gv_plugin driver_record = { GV_STAMP,    .name = "link", .version = "1",   .summary = "A driver.",
						.schema = 1, .start = start, .driver = &driver };
static uint64_t conn;

static void listen_in(const char *from)
{
	Env__Item item = ENV__ITEM__INIT;
	Env__Listen listen = ENV__LISTEN__INIT;
	Link__Listener l = LINK__LISTENER__INIT;
	ProtobufCBinaryData packed;
	uint8_t bytes[64];

	l.name = (char *)"chat";
	packed = (ProtobufCBinaryData){ link__listener__pack(&l, bytes), bytes };
	listen.listeners = &packed;
	listen.n_listeners = 1;
	item.kind_case = ENV__ITEM__KIND_LISTEN;
	item.listen = &listen;
	rig_feed(&rig, from, &item, 1);
	rig_run(&rig);
}

static void start_driver(const struct gv_plugin *record)
{
	*seen = 0;
	rig_init(&rig, record);
	if (rig_start(&rig) < 0)
		cr_assert_fail("the driver does not start: %s", rig.error);
	rig_peer(&rig, "chat.0", 4);
	rig_directory(&rig);
	rig_run(&rig);
}

static void setup_driver(void)
{
	start_driver(&driver_record);
}

TestSuite(wires, .init = setup_driver, .fini = puppet_teardown);

static void open_wire(void)
{
	struct gv_conn info = { .device = "chat:A", .listener = "chat", .subprotocol = "x", .peer = "192.0.2.1" };

	listen_in("chat.0");
	conn = gv_world_open(world, "chat", &info, 4);
	cr_assert_neq(conn, 0);
	rig_run(&rig);
}

static void frame_in(const char *text)
{
	cr_assert_eq(gv_world_frame(world, conn, GV_TEXT, text, strlen(text)), 0);
	rig_run(&rig);
}

static void restart_chat(uint64_t incarnation)
{
	rig_peer(&rig, "chat.0", incarnation - 1)->up = false;
	rig_directory(&rig);
	rig_run(&rig);
	rig_peer(&rig, "chat.0", incarnation)->up = true;
	rig_directory(&rig);
	rig_clear(&rig);
	listen_in("chat.0");
}

Test(wires, a_path_is_nobodys_when_all_have_said_what_they_listen_for)
{
	struct rig_peer *late = rig_peer(&rig, "late.0", 5), *broken = rig_peer(&rig, "broken.0", 6);

	late->up = broken->up = false;
	broken->gone = true;
	rig_directory(&rig);
	cr_assert_not(gv_world_settled(world));
	listen_in("chat.0");
	cr_assert_not(gv_world_settled(world), "late is to run and may listen; broken is not");
	late->up = true;
	rig_directory(&rig);
	listen_in("late.0");
	cr_assert(gv_world_settled(world));
	late->up = false;
	rig_directory(&rig);
	cr_assert(gv_world_settled(world), "it has said so once");
}

Test(wires, cannot_be_opened_to_a_plugin_that_does_not_listen)
{
	struct gv_conn info = { .device = "chat:A" };

	cr_assert_not(gv_world_available(world, "chat", "chat:A"));
	cr_assert_eq(gv_world_open(world, "chat", &info, 0), 0);
	listen_in("chat.0");
	cr_assert(gv_world_available(world, "chat", "chat:A"));
	cr_assert_not(gv_world_available(world, "nobody", "chat:A"));
	cr_assert_str_eq(seen, "listen chat 1;");
}

Test(wires, tell_the_plugin_of_the_connection_then_of_its_frames)
{
	const Env__Item *open;

	open_wire();
	open = rig_sent(&rig, "chat.0", ENV__ITEM__KIND_OPEN, 0);
	cr_assert(open);
	cr_assert_str_eq(open->open->device, "chat:A");
	cr_assert_str_eq(open->open->subprotocol, "x");
	cr_assert_not(open->open->again);
	frame_in("one");
	frame_in("two");
	cr_assert_eq(rig_sent(&rig, "chat.0", ENV__ITEM__KIND_FRAME, 0)->frame->seq, 1);
	cr_assert_eq(rig_sent(&rig, "chat.0", ENV__ITEM__KIND_FRAME, 1)->frame->seq, 2);
	cr_assert_eq(rig_sent(&rig, "chat.0", ENV__ITEM__KIND_FRAME, 1)->frame->conn, conn);
}

/* Who was let in can ask for something at once by another way; the driver's next commit may take its time. */
Test(wires, are_told_of_before_anything_else_is_done)
{
	struct gv_conn info = { .device = "chat:a", .listener = "chat", .subprotocol = "", .peer = "", .path = "" };

	listen_in("chat.0");
	rig_clear(&rig);
	cr_assert_neq(gv_world_open(world, "chat", &info, 4), 0);
	cr_assert_eq(rig_count(&rig, "chat.0", ENV__ITEM__KIND_OPEN), 1, "before the next turn");
}

/* A plugin knows its connections by their ids alone, whichever driver brought them. */
Test(wires, of_two_drivers_that_start_in_the_same_millisecond_have_ids_of_their_own)
{
	struct gv_plugin other = driver_record;
	uint64_t first;

	open_wire();
	first = conn;
	rig_fini(&rig);
	other.name = "radio";
	start_driver(&other);
	open_wire();
	cr_assert_gt(conn > first ? conn - first : first - conn, 10000);
}

Test(wires, keep_frames_until_they_are_acknowledged_and_send_them_to_the_next_incarnation)
{
	open_wire();
	frame_in("one");
	frame_in("two");
	frame_in("three");
	cr_assert_eq(gv_world_unacknowledged(world, conn), 3);
	rig_frame_ack(&rig, "chat.0", conn, 1);
	rig_run(&rig);
	cr_assert_eq(gv_world_unacknowledged(world, conn), 2);
	restart_chat(5);
	cr_assert(rig_sent(&rig, "chat.0", ENV__ITEM__KIND_OPEN, 0)->open->again, "first the open connections");
	cr_assert_eq(rig_count(&rig, "chat.0", ENV__ITEM__KIND_FRAME), 2, "then what was not acknowledged");
	cr_assert_eq(rig_sent(&rig, "chat.0", ENV__ITEM__KIND_FRAME, 0)->frame->seq, 2);
	cr_assert(rig_sent(&rig, "chat.0", ENV__ITEM__KIND_FRAME, 0)->frame->again);
}

Test(wires, hold_what_comes_in_while_the_plugin_is_down)
{
	open_wire();
	rig_peer(&rig, "chat.0", 4)->up = false;
	rig_directory(&rig);
	rig_run(&rig);
	cr_assert(gv_world_available(world, "chat", "chat:A"), "it is expected back");
	frame_in("one");
	restart_chat(5);
	cr_assert_eq(rig_count(&rig, "chat.0", ENV__ITEM__KIND_FRAME), 1);
}

Test(wires, are_given_up_when_the_plugin_is_down_too_long)
{
	open_wire();
	rig_peer(&rig, "chat.0", 4)->up = false;
	rig_directory(&rig);
	rig_pass(&rig, 29000);
	cr_assert_null(strstr(seen, "overrun"));
	rig_pass(&rig, 2000);
	cr_assert(strstr(seen, "overrun chat;"), "%s", seen);
	cr_assert_not(gv_world_available(world, "chat", "chat:A"), "new handshakes are refused");
}

Test(wires, refuse_a_frame_beyond_the_bytes_that_may_be_held)
{
	gv_world_set_limits(world, &(struct gv_world_limits){ .hold_bytes = 10 });
	open_wire();
	rig_peer(&rig, "chat.0", 4)->up = false;
	rig_directory(&rig);
	rig_run(&rig);
	frame_in("12345");
	cr_assert_eq(gv_world_frame(world, conn, GV_TEXT, "1234567", 7), -ENOBUFS);
}

/* Frames wait for more of them while their plugin has enough to do; it has nothing as long as its queue is full. */
Test(wires, are_heard_of_when_a_full_queue_has_room_again)
{
	static char large[40000];

	memset(large, 'x', sizeof large - 1);
	open_wire();
	rig.send_error = -EAGAIN;
	frame_in(large);
	frame_in("small");
	cr_assert_eq(rig_count(&rig, "chat.0", ENV__ITEM__KIND_FRAME), 0);
	rig.send_error = 0;
	rig_pass(&rig, 100);
	cr_assert_eq(rig_count(&rig, "chat.0", ENV__ITEM__KIND_FRAME), 2);
}

Test(wires, pause_at_their_window_and_go_on_below_it)
{
	open_wire(); /* of 4 */
	frame_in("1");
	frame_in("2");
	frame_in("3");
	cr_assert_null(strstr(seen, "pause"));
	frame_in("4");
	cr_assert(strstr(seen, "pause;"));
	rig_frame_ack(&rig, "chat.0", conn, 4);
	rig_run(&rig);
	cr_assert(strstr(seen, "pause;resume;"), "%s", seen);
}

Test(wires, deliver_the_last_frames_before_the_close)
{
	open_wire();
	rig_peer(&rig, "chat.0", 4)->up = false;
	rig_directory(&rig);
	rig_run(&rig);
	frame_in("last");
	gv_world_close(world, conn, 1000, "");
	rig_run(&rig);
	restart_chat(5);
	cr_assert_eq(rig_count(&rig, "chat.0", ENV__ITEM__KIND_FRAME), 1);
	cr_assert_eq(rig_count(&rig, "chat.0", ENV__ITEM__KIND_CLOSE), 1);
	rig_frame_ack(&rig, "chat.0", conn, 1);
	rig_run(&rig);
	restart_chat(6);
	cr_assert_eq(rig_count(&rig, "chat.0", ENV__ITEM__KIND_OPEN), 0, "and then it is forgotten");
}

Test(wires, send_what_the_plugin_says)
{
	Env__Item items[2] = { ENV__ITEM__INIT, ENV__ITEM__INIT };
	Env__Frame f = ENV__FRAME__INIT;
	Env__Close c = ENV__CLOSE__INIT;

	open_wire();
	f.conn = conn;
	f.data = (ProtobufCBinaryData){ 5, (uint8_t *)"hello" };
	items[0].kind_case = ENV__ITEM__KIND_FRAME;
	items[0].frame = &f;
	c.conn = conn;
	c.code = 1008;
	items[1].kind_case = ENV__ITEM__KIND_CLOSE;
	items[1].close = &c;
	rig_feed(&rig, "chat.0", items, 2);
	rig_run(&rig);
	cr_assert_str_eq(seen, "listen chat 1;send hello;disconnect 1008;");
	f.conn = conn + 12345;
	rig_feed(&rig, "chat.0", items, 1);
	rig_run(&rig);
	cr_assert_str_eq(seen, "listen chat 1;send hello;disconnect 1008;", "to a connection that is gone: dropped");
}
