/* Cabinets over real sockets: they come, go and come back as real ones do, people carry their banks about, and nothing
 * is left behind. */
#include "cabinet_server.h"
#include "plugins/sim/racks.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

static struct racks *racks;
static unsigned heartbeats, lent, asked, taken;
static bool closed;
static int64_t ahead_ms; /* the models' clock runs before the real one */

static void say(const char *imei, enum gv_ruioo_command command, enum gv_ruioo_sub sub, unsigned slot, const char *bank)
{
	struct gv_ruioo_frame f = { .command = command, .sub = sub, .slot = (uint8_t)slot };
	char text[512];
	snprintf(f.imei, sizeof f.imei, "%s", imei);
	snprintf(f.bank, sizeof f.bank, "%s", bank);
	int n = gv_ruioo_write(&f, gv_ruioo_check_at(0), GV_RUIOO_COMMA, text, sizeof text);
	cr_assert_gt(n, 0);
	for (struct peer *p = server.peers; p; p = p->next)
		if (strcmp(p->imei, imei) == 0)
			put(p, text, (size_t)n);
}

static void understand(struct peer *p, struct gv_ruioo_frame *f)
{
	switch (f->command) {
	case GV_RUIOO_CH:
		heartbeats++;
		break;
	case GV_RUIOO_MQ:
		asked++;
		say(f->imei, GV_RUIOO_RQ, GV_RUIOO_T, f->slot, f->bank);
		break;
	case GV_RUIOO_MC:
		lent += f->sub == GV_RUIOO_BO;
		taken += f->sub == GV_RUIOO_RO;
		say(f->imei, GV_RUIOO_AM, f->sub, f->slot, f->bank);
		break;
	default:
		cr_assert_fail("%s", gv_ruioo_command_name(f->command));
	}
}

static int64_t on_now(void *arg)
{
	return 1763700000000 + (int64_t)uv_now(&server.loop) + ahead_ms;
}

static void on_closed(void *arg)
{
	closed = true;
}

static void set_up(void)
{
	serve(understand);
	racks = racks_create(&server.loop, 7);
	racks->all.now_ms = on_now;
	racks->all.closed = on_closed;
}

/* Everything that the fleets put on the loop must be gone again. */
static void tear_down(void)
{
	racks_close(racks);
	while (!closed)
		uv_run(&server.loop, UV_RUN_ONCE);
	cr_assert_eq(racks->all.handles, 0);
	cr_assert_eq(racks->all.connected, 0);
	cr_assert_eq(racks->cabinets, 0);
	racks_destroy(racks);
	serve_no_more();
}

TestSuite(racks, .init = set_up, .fini = tear_down, .timeout = 60);

/* Runs the loop until the condition holds; the suite's timeout says if it never does. */
#define UNTIL(condition)                                                                                               \
	while (!(condition))                                                                                           \
	uv_run(&server.loop, UV_RUN_ONCE)

#define FIRST "860000000000001"

static Sim__CabinetFleet *fleet_of(unsigned count, const char *name)
{
	static Sim__CabinetFleet want;
	sim__cabinet_fleet__init(&want);
	want.name = (char *)name;
	want.count = count;
	want.url = server.url;
	return &want;
}

static struct cabinet_slot slot_of(const char *imei, unsigned slot)
{
	struct cabinet_slot ret;
	struct rack *rack = rack_find(racks, imei);
	cr_assert_not_null(rack, "%s", imei);
	cr_assert_eq(cabinet_get_slot(rack->model, on_now(NULL), slot, &ret), 0);
	return ret;
}

Test(racks, connects_each_cabinet_and_says_hello)
{
	cr_assert_eq(rack_fleet_add(racks, fleet_of(5, "mall"), false), 0);
	UNTIL(heartbeats == 5 && racks->all.connected == 5);
	cr_assert_eq(racks->cabinets, 5);
	cr_assert_not_null(rack_find(racks, "860000000000005"));
	cr_assert_null(rack_find(racks, "860000000000006"));
	cr_assert_str_neq(slot_of(FIRST, 2).bank, "");
	cr_assert_str_eq(slot_of(FIRST, 3).bank, "", "one slot is free at first");
}

Test(racks, people_bring_back_what_was_lent)
{
	Sim__CabinetFleet *want = fleet_of(2, "mall");
	want->return_s = 1;
	cr_assert_eq(rack_fleet_add(racks, want, false), 0);
	UNTIL(heartbeats == 2);
	say(FIRST, GV_RUIOO_CC, GV_RUIOO_BW, 1, slot_of(FIRST, 1).bank);
	UNTIL(lent == 1);
	cr_assert_eq(rack_fleet_find(racks, "mall")->n_hands, 1);
	UNTIL(taken == 1);
	cr_assert_eq(asked, 1);
	cr_assert_eq(rack_fleet_find(racks, "mall")->n_hands, 0);
}

Test(racks, people_return_and_take_when_they_are_told_to)
{
	char bank[CABINET_BANK_SIZE], other[CABINET_BANK_SIZE];
	cr_assert_eq(rack_fleet_add(racks, fleet_of(1, "mall"), false), 0);
	struct rack *rack = rack_find(racks, FIRST);
	UNTIL(heartbeats == 1);
	cr_assert_eq(rack_return(rack, 0, "", bank), -ENODATA, "nobody has one");
	cr_assert_eq(rack_take(rack, 1, bank), 0);
	cr_assert_eq(rack_take(rack, 1, other), -ENODATA);
	cr_assert_eq(rack_return(rack, 2, "", other), -EBUSY);
	cr_assert_eq(rack_return(rack, 0, "", other), 1);
	cr_assert_str_eq(bank, other);
	uplink_schedule(&rack->uplink);
	UNTIL(taken == 1);
	cr_assert_str_eq(slot_of(FIRST, 1).bank, bank);
}

Test(racks, comes_back_when_the_server_hangs_up_and_after_a_power_cut)
{
	cr_assert_eq(rack_fleet_add(racks, fleet_of(1, "mall"), false), 0);
	UNTIL(heartbeats == 1);
	hang_up(server.peers);
	UNTIL(heartbeats == 2);
	cr_assert_str_neq(rack_find(racks, FIRST)->uplink.last_error, "");
	cabinet_power_cycle(rack_find(racks, FIRST)->model, on_now(NULL), 0);
	ahead_ms += 20000; /* a boot takes a while */
	uplink_schedule(&rack_find(racks, FIRST)->uplink);
	UNTIL(heartbeats == 3);
}

Test(racks, leaves_an_old_socket_open_and_makes_a_new_one)
{
	Sim__CabinetFaults faults = SIM__CABINET_FAULTS__INIT;
	Sim__CabinetFleet *want = fleet_of(1, "mall");
	faults.half_open_pm = 1000;
	want->faults = &faults;
	cr_assert_eq(rack_fleet_add(racks, want, false), 0);
	UNTIL(heartbeats == 1);
	say(FIRST, GV_RUIOO_CC, GV_RUIOO_BW, 1, slot_of(FIRST, 1).bank);
	UNTIL(server.opened == 2);
	cr_assert_eq(server.open, 2, "the server has not heard that the old one is gone");
	cabinet_set_faults(rack_find(racks, FIRST)->model, &(struct cabinet_faults){ .jam_pm = 1 });
}

Test(racks, clones_have_one_imei)
{
	Sim__CabinetFleet *want = fleet_of(2, "mall");
	want->clones = true;
	cr_assert_eq(rack_fleet_add(racks, want, false), 0);
	UNTIL(heartbeats == 4);
	unsigned same = 0;
	for (struct peer *p = server.peers; p; p = p->next)
		same += strcmp(p->imei, FIRST) == 0;
	cr_assert_eq(same, 2);
}

Test(racks, says_what_is_wrong_with_a_fleet)
{
	static const struct {
		const char *field, *sentence;
	} wrong[] = { { "url", "tcp://HOST:PORT" }, { "name", "name" },
		      { "first", "15 digits" },     { "slots", "99 slots" },
		      { "driver", "ruioo" },        { "crc", "MODBUS/fields" },
		      { "taken", "IMEIs" },         { "twice", "one of this name" } };
	char error[400];
	cr_assert_eq(rack_fleet_add(racks, fleet_of(10, "there"), false), 0);
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		Sim__CabinetFleet *want = fleet_of(2, "mall");
		want->first = (char *)"860000000000100";
		switch (i) {
		case 0:
			want->url = (char *)"ws://127.0.0.1:9/x";
			break;
		case 1:
			want->name = (char *)"";
			break;
		case 2:
			want->first = (char *)"1234";
			break;
		case 3:
			want->slots = 2;
			want->banks = 3;
			break;
		case 4:
			want->driver = (char *)"volinks";
			break;
		case 5:
			want->crc = (char *)"CRC32";
			break;
		case 6:
			want->first = (char *)"860000000000010";
			break;
		case 7:
			want->name = (char *)"there";
			break;
		}
		cr_assert_lt(rack_fleet_check(racks, want, error, sizeof error), 0, "%s", wrong[i].field);
		cr_assert_not_null(strstr(error, wrong[i].sentence), "%s: %s", wrong[i].field, error);
	}
	cr_assert_eq(rack_fleet_check(racks, fleet_of(2, "mall"), error, sizeof error), -EEXIST);
	Sim__CabinetFleet *want = fleet_of(2, "mall");
	want->first = (char *)"860000000000011";
	cr_assert_eq(rack_fleet_check(racks, want, error, sizeof error), 0);
}
