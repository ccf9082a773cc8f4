/* Messages that hurt: tried again, held back in order, parked, listed, replayed; and the one that kills its process is
 * found. */
#include "puppet.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <galvan/kernel.pb-c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char tried[512];
static bool mended;
static int64_t try_times[16];
static unsigned n_tries;

/* Events of "bad" keys fail until mended; each leaves a trace of itself that must go. */
static int on_counted(struct gv_turn *t, const Zoo__Counted *e, const struct gv_emitter *from)
{
	snprintf(tried + strlen(tried), sizeof tried - strlen(tried), "%s%d ", e->key, (int)e->total);
	((Zoo__Total *)gv_edit(t, &puppet_totals, gv_key(e->key)))->total++;
	if (strncmp(e->key, "bad", 3) != 0 || mended)
		return 0;
	if (n_tries < 16)
		try_times[n_tries++] = rig.now;
	return gv_fault(t, "cannot stand %s", e->key);
}

static void setup(void)
{
	puppet_setup();
	*tried = 0;
	mended = false;
	n_tries = 0;
	puppet.counted = on_counted;
	rig_peer(&rig, "emitter.0", 5)->emits[0] = "galvan.zoo.v1.Counted";
	rig_directory(&rig);
	rig_run(&rig);
}

TestSuite(parking, .init = setup, .fini = puppet_teardown);

static uint64_t next_id = 7000;

static Kernel__ListParkedReply *list(void)
{
	Kernel__ListParkedRequest q = KERNEL__LIST_PARKED_REQUEST__INIT;

	q.plugin = (char *)"puppet";
	rig_call(&rig, "test.0", ++next_id, "galvan.kernel.v1.Plugin/ListParked", &q.base, false, false);
	rig_run(&rig);
	return kernel__list_parked_reply__unpack(NULL, rig_answer(&rig, next_id)->reply.len,
						 rig_answer(&rig, next_id)->reply.data);
}

static size_t parked(void)
{
	Kernel__ListParkedReply *reply = list();
	size_t n = 0;

	for (size_t i = 0; i < reply->n_parked; i++)
		n += reply->parked[i]->parked_at_ms != 0;
	kernel__list_parked_reply__free_unpacked(reply, NULL);
	return n;
}

static unsigned act(const char *method, const char *id)
{
	Kernel__ReplayParkedRequest q = KERNEL__REPLAY_PARKED_REQUEST__INIT;

	q.plugin = (char *)"puppet";
	q.id = (char *)id;
	rig_call(&rig, "test.0", ++next_id, method, &q.base, false, false);
	rig_run(&rig);
	return rig_answer(&rig, next_id)->code;
}

static uint64_t acked(void)
{
	size_t n = rig_count(&rig, "emitter.0", ENV__ITEM__KIND_EVENT_ACK);

	return n ? rig_sent(&rig, "emitter.0", ENV__ITEM__KIND_EVENT_ACK, n - 1)->event_ack->cursor : 0;
}

Test(parking, tries_five_times_with_growing_pauses_then_parks)
{
	rig_event(&rig, "emitter.0", 1, 0, "bad", 1, 1);
	rig_run(&rig);
	rig_pass(&rig, 60000);
	cr_assert_eq(n_tries, 5, "%u tries", n_tries);
	for (unsigned i = 2; i < n_tries; i++)
		cr_assert_geq(try_times[i] - try_times[i - 1], 2 * (try_times[i - 1] - try_times[i - 2]) - 5,
			      "the pause doubles");
	cr_assert_geq(try_times[1] - try_times[0], 50);
	cr_assert_eq(parked(), 1);
	cr_assert_eq(puppet_total("bad"), -1, "nothing of it is left");
	cr_assert(rig_logged(&rig, "cannot stand bad"));
	cr_assert(rig_logged(&rig, "ReplayParked"), "the log says what to do");
}

Test(parking, holds_back_the_same_key_only)
{
	rig_event(&rig, "emitter.0", 1, 0, "bad", 1, 1);
	rig_event(&rig, "emitter.0", 2, 1, "good", 1, 2);
	rig_event(&rig, "emitter.0", 3, 2, "bad", 1, 3);
	rig_run(&rig);
	cr_assert_str_eq(tried, "bad1 good2 ", "the third waits behind the first");
	cr_assert_eq(acked(), 3, "what is held is kept here: the cursor goes on");
	mended = true;
	rig_pass(&rig, 1000);
	cr_assert_str_eq(tried, "bad1 good2 bad1 bad3 ", "in the order of the key");
	cr_assert_eq(parked(), 0);
	cr_assert_eq(puppet_total("bad"), 2);
}

Test(parking, goes_on_with_the_next_of_the_key_once_one_is_parked)
{
	rig_event(&rig, "emitter.0", 1, 0, "bad", 1, 1);
	rig_event(&rig, "emitter.0", 2, 1, "bad", 1, 2);
	rig_run(&rig);
	rig_pass(&rig, 120000);
	cr_assert_eq(parked(), 2);
	mended = true;
	rig_event(&rig, "emitter.0", 3, 2, "bad", 1, 3);
	rig_run(&rig);
	cr_assert_eq(puppet_total("bad"), 1, "nothing waits behind what is parked");
}

Test(parking, survives_a_restart)
{
	rig_event(&rig, "emitter.0", 1, 0, "bad", 1, 1);
	rig_event(&rig, "emitter.0", 2, 1, "bad", 1, 2);
	rig_run(&rig);
	rig_restart(&rig, false);
	mended = true;
	rig_event(&rig, "emitter.0", 3, 2, "bad", 1, 3);
	rig_pass(&rig, 5000);
	cr_assert_str_eq(tried, "bad1 bad1 bad2 bad3 ");
	cr_assert_eq(puppet_total("bad"), 3);
}

Test(parking, lists_what_a_person_needs_to_know)
{
	Kernel__ListParkedReply *reply;
	const Kernel__Parked *p;

	rig_event(&rig, "emitter.0", 1, 0, "bad", 1, 1);
	rig_run(&rig);
	rig_pass(&rig, 60000);
	reply = list();
	cr_assert_eq(reply->n_parked, 1);
	p = reply->parked[0];
	cr_assert_str_eq(p->kind, "event");
	cr_assert_str_eq(p->what, "galvan.zoo.v1.Counted");
	cr_assert_str_eq(p->from, "emitter.0");
	cr_assert_str_eq(p->key, "bad");
	cr_assert_str_eq(p->error, "cannot stand bad");
	cr_assert_eq(p->tries, 5);
	cr_assert_gt(p->payload.len, 0);
	cr_assert(!strncmp(p->id, "puppet.0/", 9), "%s", p->id);
	kernel__list_parked_reply__free_unpacked(reply, NULL);
}

Test(parking, replays_after_a_fix_and_only_then)
{
	char id[64];
	Kernel__ListParkedReply *reply;

	rig_event(&rig, "emitter.0", 1, 0, "bad", 1, 1);
	rig_run(&rig);
	rig_pass(&rig, 60000);
	reply = list();
	snprintf(id, sizeof id, "%s", reply->parked[0]->id);
	kernel__list_parked_reply__free_unpacked(reply, NULL);
	cr_assert_eq(act("galvan.kernel.v1.Plugin/ReplayParked", id), GV_FAILED_PRECONDITION,
		     "it fails again: it stays parked");
	cr_assert_eq(parked(), 1);
	cr_assert_eq(puppet_total("bad"), -1);
	mended = true;
	cr_assert_eq(act("galvan.kernel.v1.Plugin/ReplayParked", id), GV_OK);
	cr_assert_eq(parked(), 0);
	cr_assert_eq(puppet_total("bad"), 1);
	cr_assert_eq(act("galvan.kernel.v1.Plugin/ReplayParked", id), GV_NOT_FOUND, "once");
	cr_assert_eq(puppet_total("bad"), 1);
}

Test(parking, drops_what_it_is_told_to)
{
	Kernel__ListParkedReply *reply;

	rig_event(&rig, "emitter.0", 1, 0, "bad", 1, 1);
	rig_run(&rig);
	rig_pass(&rig, 60000);
	reply = list();
	cr_assert_eq(act("galvan.kernel.v1.Plugin/DropParked", reply->parked[0]->id), GV_OK);
	kernel__list_parked_reply__free_unpacked(reply, NULL);
	cr_assert_eq(parked(), 0);
	cr_assert_eq(act("galvan.kernel.v1.Plugin/DropParked", "other.0/1"), GV_NOT_FOUND);
}

static int always_fails(struct gv_turn *t, struct gv_ticket ticket, const Zoo__AddRequest *q)
{
	return gv_fault(t, "never");
}

Test(parking, tells_the_caller_of_a_parked_call)
{
	Zoo__AddRequest q = ZOO__ADD_REQUEST__INIT;

	puppet.add = always_fails;
	q.key = (char *)"a";
	rig_call(&rig, "test.0", 1, "galvan.zoo.v1.Counter/Add", &q.base, true, false);
	rig_run(&rig);
	rig_pass(&rig, 10000);
	cr_assert_eq(parked(), 1);
	cr_assert(rig_answer(&rig, 1), "it waits no longer for what only a person can mend");
	cr_assert_eq(rig_answer(&rig, 1)->code, GV_INTERNAL);
	cr_assert_eq(rig_count(&rig, "test.0", ENV__ITEM__KIND_REPLY), 2,
		     "one answer to the call and one to the listing");
}

/* ---- the message that kills ------------------------------------------------------------------ */

static int dies_of_poison(struct gv_turn *t, const Zoo__Counted *e, const struct gv_emitter *from)
{
	on_counted(t, e, from);
	if (!strcmp(e->key, "poison"))
		_exit(99);
	return 0;
}

/* Runs an incarnation in a child, which gets all events again from the cursor, and says how it ended: 0 alive, 99
 * killed. */
static int live_once(bool crashed, uint64_t from, uint64_t to)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		rig_restart(&rig, crashed);
		for (uint64_t seq = from; seq <= to; seq++)
			rig_event(&rig, "emitter.0", seq, seq - 1, seq == 3 ? "poison" : "good", 1, (int64_t)seq);
		rig_run(&rig);
		rig_pass(&rig, 2000);
		rig_stop(&rig);
		_exit(0);
	}
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert(WIFEXITED(status), "the child ended by signal %d", WTERMSIG(status));
	return WEXITSTATUS(status);
}

Test(parking, finds_the_message_that_kills_its_process)
{
	int lives = 0;

	puppet.counted = dies_of_poison;
	rig_stop(&rig);
	while (lives < 5 && live_once(lives > 0, 1, 6) == 99)
		lives++;
	cr_assert_leq(lives, 3, "it killed %d incarnations", lives);
	cr_assert_geq(lives, 1);
	rig_restart(&rig, false);
	cr_assert_eq(parked(), 1, "the culprit is parked");
	cr_assert_eq(puppet_total("good"), 5, "and nobody else");
	cr_assert_eq(puppet_total("poison"), -1);
}
