/* What sessions that go on cost billing: processor time for each meter value, and memory for each session.
 *
 *     bench-live BILLING.so FOLDER [SESSIONS] [ROUNDS]
 *
 * In each round every session has a meter value, a second after the one before by the plugin's clock. Once with
 * sessions of a card, once with orders, whose cost is told every ten seconds. Prints JSON. */
#include "bench_actor.h"

#include <galvan/billing.pb-c.h>
#include <galvan/charging.pb-c.h>
#include <kernel/loader.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define BILLING "galvan.billing.v1.Billing/"
#define A_PACKET 512
#define WH_A_VALUE 3
#define FIRST_MS INT64_C(1760000000000)

static const char tariff[] =
	"{\"id\":\"T1\",\"country_code\":\"DE\",\"party_id\":\"ABC\",\"currency\":\"EUR\",\"last_updated\":"
	"\"2025-01-01T00:00:00Z\",\"elements\":[{\"price_components\":[{\"type\":\"ENERGY\",\"price\":0.4,\"vat\":20,"
	"\"step_size\":1},{\"type\":\"FLAT\",\"price\":0.5,\"vat\":20,\"step_size\":1},{\"type\":\"PARKING_TIME\","
	"\"price\":2,\"vat\":20,\"step_size\":60}]}]}";

static struct gv_actor *a;
static int64_t now_ms = FIRST_MS, begun_ms; /* the clock, and when the sessions began */
static uint64_t seq = 1, call_id = 1;
static size_t sessions;
static char (*tokens)[24]; /* what each session is started with */

/* Starts that wait for their answer. */
static struct {
	uint64_t ids[4096];
	size_t n;
} asked;

static int64_t clock_ms(void *arg)
{
	return now_ms;
}

static void die(const char *what)
{
	fprintf(stderr, "bench-live: %s\n", what);
	exit(1);
}

static size_t number_of(const char *device)
{
	return strtoul(strrchr(device, 'P') + 1, NULL, 10);
}

/* ---- what billing sends ---------------------------------------------------------------------- */

static void start_asked(const Env__Call *call)
{
	Charging__StartRequest *r = charging__start_request__unpack(NULL, call->request.len, call->request.data);

	if (!r || asked.n == sizeof asked.ids / sizeof *asked.ids)
		die("too many starts at once");
	snprintf(tokens[number_of(r->device)], sizeof *tokens, "%s", r->token);
	asked.ids[asked.n++] = call->id;
	charging__start_request__free_unpacked(r, NULL);
}

static void on_item(const char *to, const Env__Item *item)
{
	if (item->kind_case == ENV__ITEM__KIND_CALL && strstr(item->call->method, "Charging/Start"))
		start_asked(item->call);
	else if (item->kind_case == ENV__ITEM__KIND_CALL)
		die(item->call->method);
	if (item->kind_case == ENV__ITEM__KIND_REPLY && item->reply->code)
		die(item->reply->error);
}

static void answer_starts(void)
{
	uint8_t packed[64];
	Charging__StartReply accepted = CHARGING__START_REPLY__INIT;

	accepted.status = (char *)"Accepted";
	for (size_t i = 0; i < asked.n; i++) {
		Env__Item item = ENV__ITEM__INIT, *items[] = { &item };
		Env__Reply reply = ENV__REPLY__INIT;

		reply.id = asked.ids[i];
		reply.reply = (ProtobufCBinaryData){ charging__start_reply__pack(&accepted, packed), packed };
		item.kind_case = ENV__ITEM__KIND_REPLY;
		item.reply = &reply;
		if (bench_actor_items(a, items, 1) < 0)
			die("out of memory");
	}
	asked.n = 0;
}

static void settle(void)
{
	for (int more = 1; more > 0 || asked.n;) {
		answer_starts();
		more = gv_actor_run(a);
		gv_actor_flush(a);
		if (more < 0)
			die("the actor has died");
	}
}

static void call(const char *method, const void *request)
{
	size_t size = protobuf_c_message_get_packed_size(request);
	uint8_t *packed = malloc(size + 1);

	protobuf_c_message_pack(request, packed);
	if (bench_actor_call(a, ++call_id, method, packed, size) < 0)
		die("out of memory");
	free(packed);
}

/* ---- what it is told ------------------------------------------------------------------------- */

struct packets {
	uint8_t **data;
	size_t *sizes;
	size_t n;
};

/* A packet for each so many events, made before anything is measured. */
static struct packets make(void (*fill)(size_t number, void *arg, Env__Event *event), void *arg)
{
	struct packets p = { 0 };
	Env__Item items[A_PACKET], *list[A_PACKET];
	static Env__Event events[A_PACKET];

	p.data = calloc(sessions / A_PACKET + 1, sizeof *p.data);
	p.sizes = calloc(sessions / A_PACKET + 1, sizeof *p.sizes);
	for (size_t i = 0, k = 0; i < sessions; i++) {
		env__event__init(&events[k]);
		env__item__init(&items[k]);
		events[k].prev = seq == 1 ? 0 : seq;
		events[k].seq = ++seq;
		events[k].time_ms = now_ms;
		fill(i, arg, &events[k]);
		items[k].kind_case = ENV__ITEM__KIND_EVENT;
		items[k].event = &events[k];
		list[k] = &items[k];
		if (++k < A_PACKET && i + 1 < sessions)
			continue;
		p.data[p.n] = bench_actor_pack(list, k, &p.sizes[p.n]);
		p.n++;
		for (; k; k--) {
			free(events[k - 1].payload.data);
			free(events[k - 1].key);
		}
	}
	return p;
}

static void hand_in(struct packets *p)
{
	for (size_t i = 0; i < p->n; i++) {
		if (gv_actor_receive(a, p->data[i], p->sizes[i]) < 0)
			die("the actor takes no packet");
		settle();
		free(p->data[i]);
	}
	free(p->data);
	free(p->sizes);
}

static void payload(Env__Event *e, const char *type, const char *device, const void *message)
{
	e->type = (char *)type;
	e->key = strdup(device);
	e->payload.len = protobuf_c_message_get_packed_size(message);
	e->payload.data = malloc(e->payload.len);
	protobuf_c_message_pack(message, e->payload.data);
}

struct kind {
	const char *name;
	bool orders;
};

static void name_device(char to[32], const struct kind *k, size_t number)
{
	snprintf(to, 32, "ocpp:%sP%zu", k->orders ? "O" : "C", number);
}

static void started(size_t number, void *arg, Env__Event *e)
{
	Charging__SessionStarted m = CHARGING__SESSION_STARTED__INIT;
	Charging__Session s = CHARGING__SESSION__INIT;
	char device[32], id[48];

	name_device(device, arg, number);
	snprintf(id, sizeof id, "%s/1", device);
	m.device = s.device = device;
	m.session = &s;
	s.id = id;
	s.connector = 1;
	s.token = tokens[number];
	s.state = CHARGING__SESSION_STATE__ACTIVE;
	s.started_at_ms = now_ms;
	s.token_status = (char *)"Accepted";
	payload(e, "galvan.charging.v1.SessionStarted", device, &m);
}

static void metered(size_t number, void *arg, Env__Event *e)
{
	Charging__SessionMetered m = CHARGING__SESSION_METERED__INIT;
	Charging__Sample energy = CHARGING__SAMPLE__INIT, power = energy, *list[] = { &energy, &power };
	int64_t rounds = (now_ms - begun_ms) / 1000;
	char device[32], id[48];

	name_device(device, arg, number);
	snprintf(id, sizeof id, "%s/1", device);
	m.device = device;
	m.session_id = id;
	m.energy_wh = rounds * WH_A_VALUE;
	m.power_w = 11000;
	energy.time_ms = power.time_ms = now_ms;
	energy.measurand = (char *)"Energy.Active.Import.Register";
	energy.value = (double)m.energy_wh;
	energy.unit = (char *)"Wh";
	power.measurand = (char *)"Power.Active.Import";
	power.value = 11000;
	power.unit = (char *)"W";
	m.samples = list;
	m.n_samples = 2;
	payload(e, "galvan.charging.v1.SessionMetered", device, &m);
}

/* ---- the run --------------------------------------------------------------------------------- */

static void check_out(const struct kind *k)
{
	for (size_t i = 0; i < sessions; i++) {
		Billing__CheckoutRequest r = BILLING__CHECKOUT_REQUEST__INIT;
		char device[32], id[32];

		name_device(device, k, i);
		snprintf(id, sizeof id, "O-%zu", i);
		r.id = id;
		r.device = device;
		r.connector = 1;
		r.customer = (char *)"C-1";
		call(BILLING "Checkout", &r);
		if (i % A_PACKET == A_PACKET - 1 || i + 1 == sessions)
			settle();
	}
}

static void measure(const struct kind *k, unsigned rounds)
{
	long kib = bench_own_kib();
	double begun_s = bench_cpu_s(), cpu_s = 0;
	struct packets p;

	begun_ms = now_ms;
	for (size_t i = 0; i < sessions; i++)
		snprintf(tokens[i], sizeof *tokens, "CARD-1");
	if (k->orders)
		check_out(k);
	p = make(started, (void *)k);
	hand_in(&p);
	kib = bench_own_kib() - kib;
	printf("{\"kind\": \"%s\", \"sessions\": %zu, \"startUs\": %.1f, \"bytesASession\": %.0f", k->name, sessions,
	       (bench_cpu_s() - begun_s) * 1e6 / (double)sessions, (double)kib * 1024 / (double)sessions);
	for (unsigned i = 0; i < rounds; i++) {
		now_ms += 1000;
		p = make(metered, (void *)k);
		begun_s = bench_cpu_s();
		hand_in(&p);
		cpu_s += bench_cpu_s() - begun_s;
	}
	printf(", \"rounds\": %u, \"usAValue\": %.2f, \"ofACore\": %.3f}\n", rounds,
	       cpu_s * 1e6 / (double)sessions / rounds, cpu_s / rounds);
}

static void prepare(void)
{
	Billing__PutTariffRequest put = BILLING__PUT_TARIFF_REQUEST__INIT;
	Billing__AssignTariffRequest assign = BILLING__ASSIGN_TARIFF_REQUEST__INIT;
	Billing__Assignment assignment = BILLING__ASSIGNMENT__INIT;
	Billing__TopUpRequest money = BILLING__TOP_UP_REQUEST__INIT;
	Billing__Tariff t = BILLING__TARIFF__INIT;

	t.id = (char *)"T1";
	t.terms_case = BILLING__TARIFF__TERMS_OCPI;
	t.ocpi = (char *)tariff;
	put.tariff = &t;
	call(BILLING "PutTariff", &put);
	settle();
	assignment.tariff = (char *)"T1";
	assign.assignment = &assignment;
	call(BILLING "AssignTariff", &assign);
	money.id = (char *)"T";
	money.customer = (char *)"C-1";
	money.amount = INT64_C(90000000000);
	money.provider = (char *)"desk";
	money.desk = (char *)"main";
	call(BILLING "TopUp", &money);
	settle();
}

static uint8_t *config(size_t *ret_size)
{
	Billing__Config c = BILLING__CONFIG__INIT;
	Billing__HoldPolicy hold = BILLING__HOLD_POLICY__INIT;
	Billing__SignIn sign_in = BILLING__SIGN_IN__INIT;
	Billing__Customer customer = BILLING__CUSTOMER__INIT, *customers[] = { &customer };
	Billing__Token token = BILLING__TOKEN__INIT, *list[] = { &token };
	char *desks[] = { (char *)"main" };
	uint8_t *packed;

	hold.amount = hold.card_amount = 5000;
	hold.open_s = 900;
	hold.start_s = 120;
	hold.no_stop_s = 86400;
	sign_in.adapter = (char *)"console";
	c.currency = (char *)"EUR";
	c.hold = &hold;
	c.sign_in = &sign_in;
	c.desks = desks;
	c.n_desks = 1;
	c.customers = customers;
	c.tokens = list;
	c.n_customers = c.n_tokens = 1;
	customer.id = token.customer = (char *)"C-1";
	customer.name = (char *)"Ada";
	token.id = (char *)"CARD-1";
	*ret_size = billing__config__get_packed_size(&c);
	packed = malloc(*ret_size);
	billing__config__pack(&c, packed);
	return packed;
}

int main(int argc, char **argv)
{
	static const struct kind kinds[] = { { "cards", false }, { "orders", true } };
	char *serves[] = { (char *)"galvan.charging.v1.Charging" }, *error = NULL, command[4200];
	unsigned rounds = argc > 4 ? (unsigned)strtoul(argv[4], NULL, 10) : 20;
	struct gv_loaded code;
	size_t size;

	if (argc < 3) {
		fprintf(stderr, "usage: bench-live BILLING.so FOLDER [SESSIONS] [ROUNDS]\n");
		return 2;
	}
	sessions = argc > 3 ? strtoul(argv[3], NULL, 10) : 100000;
	tokens = calloc(sessions, sizeof *tokens);
	snprintf(command, sizeof command, "rm -rf '%s'", argv[2]); /* of an earlier run */
	if (!tokens || system(command) != 0)
		return 1;
	if (gv_loader_open(argv[1], &code, &error) < 0)
		die(error ? error : "the plugin cannot be loaded");
	struct bench_actor_options o = { .folder = argv[2],
					 .plugin = &code.plugin,
					 .config = config(&size),
					 .other_plugin = "ocpp",
					 .serves = serves,
					 .n_serves = 1,
					 .now_ms = clock_ms,
					 .item = on_item };
	o.config_size = size;
	a = bench_actor_open(&o);
	if (!a)
		return 1;
	prepare();
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		measure(&kinds[i], rounds);
	gv_actor_destroy(a);
	return 0;
}
