/* What a charger's MeterValues costs ocpp, from the packet of frames to the commit and the answers.
 *
 *     bench-frames OCPP.so FOLDER [CHARGERS] [ROUNDS]
 *
 * As tests/bench/run has it, without sockets: in each round every charger sends one, in packets of 64. Prints JSON.
 * Instructions a call, which a busy machine does not change: the difference between two numbers of rounds under
 *     valgrind --tool=callgrind --callgrind-out-file=/dev/null build/tests/bench/bench-frames ... */
#include "bench_actor.h"

#include <galvan/ocpp.pb-c.h>
#include <kernel/loader.h>
#include <plugins/sim/load_call.h>

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define A_PACKET 64
#define FRAME_BYTES 360
#define STORE_BYTES ((uint64_t)4 << 30)

static struct gv_actor *a;
static size_t chargers, answered, tail_size;
static int64_t *transactions; /* of each charger */
static uint32_t said;         /* frames of each charger so far */
static enum load_kind kind;   /* of the newest */
static char *tail;            /* of a MeterValues */

static void die(const char *what)
{
	fprintf(stderr, "bench-frames: %s\n", what);
	exit(1);
}

static void on_item(const char *to, const Env__Item *item)
{
	struct load_answer answer;
	const Env__Frame *f = item->frame;

	if (item->kind_case != ENV__ITEM__KIND_FRAME)
		return;
	if (load_answer_read((const char *)f->data.data, f->data.len, &answer) < 0 ||
	    !load_answer_right(&answer, kind, &transactions[f->conn - 1]))
		die("a frame was answered wrongly");
	answered++;
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return t.tv_sec * INT64_C(1000) + t.tv_nsec / 1000000;
}

static void settle(void)
{
	for (int more = 1; more > 0;) {
		more = gv_actor_run(a);
		gv_actor_flush(a);
		if (more < 0)
			die("the actor has died");
	}
}

/* A frame of every charger. */
static void all_say(enum load_kind what)
{
	static Env__Item items[A_PACKET], *list[A_PACKET];
	static Env__Frame frames[A_PACKET];
	static char texts[A_PACKET][FRAME_BYTES + LOAD_CALL_ROOM];
	struct load_call c = { .kind = what, .seq = ++said, .token = "TAG", .tail = tail, .tail_size = tail_size };

	kind = what;
	answered = 0;
	for (size_t i = 0, n = 0; i < chargers; i++) {
		c.station = (uint32_t)i;
		c.time_ms = now_ms();
		c.transaction_id = transactions[i];
		c.meter_wh = LOAD_METER_BASE_WH + said;
		env__item__init(&items[n]);
		env__frame__init(&frames[n]);
		frames[n].conn = i + 1;
		frames[n].seq = said;
		frames[n].data = (ProtobufCBinaryData){ load_call_write(&c, texts[n]), (uint8_t *)texts[n] };
		items[n].kind_case = ENV__ITEM__KIND_FRAME;
		items[n].frame = &frames[n];
		list[n] = &items[n];
		if (++n < A_PACKET && i + 1 < chargers)
			continue;
		if (bench_actor_items(a, list, n) < 0)
			die("the actor takes no packet");
		n = 0;
		settle();
	}
	if (answered != chargers)
		die("a frame was not answered");
}

static void connect_all(void)
{
	for (size_t i = 0; i < chargers; i++) {
		Env__Item item = ENV__ITEM__INIT, *items[] = { &item };
		Env__Open open = ENV__OPEN__INIT;
		char device[32];

		snprintf(device, sizeof device, "ocpp:CP-%04zu", i + 1);
		open.conn = i + 1;
		open.device = device;
		open.listener = (char *)"ocpp-j";
		open.subprotocol = (char *)"ocpp1.6";
		item.kind_case = ENV__ITEM__KIND_OPEN;
		item.open = &open;
		if (bench_actor_items(a, items, 1) < 0)
			die("the actor takes no packet");
	}
	settle();
}

static uint8_t *config(size_t *ret_size)
{
	Ocpp__Config c = OCPP__CONFIG__INIT;
	uint8_t *packed;

	c.heartbeat_s = 300;
	c.unknown_station = c.unknown_token = (char *)"accept";
	c.call_timeout_s = 29;
	c.start_window_s = 600;
	c.new_transactions_per_hour = 240;
	c.message_log_bytes = 16 << 20;
	c.keep_samples_days = 400;
	c.keep_messages_days = 30;
	c.keep_messages_per_station = 2000;
	c.keep_messages_bytes_per_station = 4 << 20;
	c.keep_routine_bytes_per_station = 1 << 20;
	c.compression = (char *)"on";
	c.nominal_voltage_v = 230;
	*ret_size = ocpp__config__get_packed_size(&c);
	packed = malloc(*ret_size);
	ocpp__config__pack(&c, packed);
	return packed;
}

int main(int argc, char **argv)
{
	char *error = NULL, command[4200];
	unsigned rounds = argc > 4 ? (unsigned)strtoul(argv[4], NULL, 10) : 200;
	struct bench_actor_options o = {
		.other_plugin = "link", .other_is_driver = true, .store_limit_bytes = STORE_BYTES, .item = on_item
	};
	struct gv_loaded code;
	double begun_s;

	if (argc < 3) {
		fprintf(stderr, "usage: bench-frames OCPP.so FOLDER [CHARGERS] [ROUNDS]\n");
		return 2;
	}
	chargers = argc > 3 ? strtoul(argv[3], NULL, 10) : 1000;
	transactions = calloc(chargers, sizeof *transactions);
	snprintf(command, sizeof command, "rm -rf '%s'", argv[2]); /* of an earlier run */
	tail = load_tail(FRAME_BYTES, &tail_size);
	if (!transactions || !tail || system(command) != 0)
		return 1;
	if (gv_loader_open(argv[1], &code, &error) < 0)
		die(error ? error : "the plugin cannot be loaded");
	o.folder = argv[2];
	o.plugin = &code.plugin;
	o.config = config(&o.config_size);
	a = bench_actor_open(&o);
	if (!a)
		return 1;
	connect_all();
	all_say(LOAD_BOOT);
	all_say(LOAD_START);
	begun_s = bench_cpu_s();
	for (unsigned i = 0; i < rounds; i++)
		all_say(LOAD_METER);
	printf("{\"chargers\": %zu, \"rounds\": %u, \"usACall\": %.2f}\n", chargers, rounds,
	       (bench_cpu_s() - begun_s) * 1e6 / (double)chargers / (rounds ? rounds : 1));
	gv_actor_destroy(a);
	return 0;
}
