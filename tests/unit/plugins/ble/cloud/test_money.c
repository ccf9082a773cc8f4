/* Payment comes first at a pile, too: what was held limits the start, and each session is charged once, whichever road
 * its records take and however many ways its device tells of it. */
#include "rig.h"
#include "charging.schema.h"

#include <galvan/charging.pb-c.h>

#define BILLING "galvan.billing.v1.Billing/"

static void setup(void)
{
	rig_start(NULL);
	with_billing();
}

static void sound(void)
{
	cr_expect_eq(host_parked(h, "billing.0"), 0);
	must(BILLING "Verify", "{}");
	cr_expect_str_eq(text("sound"), "true");
	rig_stop();
}
TestSuite(money, .init = setup, .fini = sound);

static void checkout(const char *id)
{
	must(BILLING "Checkout", "{\"id\":\"%s\",\"device\":\"" P1 "\",\"connector\":1,\"customer\":\"C-1\"}", id);
	settle();
}

static const char *state(const char *id)
{
	must(BILLING "GetOrder", "{\"id\":\"%s\"}", id);
	return text("order.state") + strlen("ORDER_STATE_");
}

static const char *token_of(const char *id)
{
	must(BILLING "GetOrder", "{\"id\":\"%s\"}", id);
	return text("order.token");
}

static int64_t available(void)
{
	must(BILLING "GetAccount", "{\"id\":\"wallet:C-1\"}");
	return number("account.available");
}

static unsigned n_charges(void)
{
	must(BILLING "ListCharges", "{}");
	return length("charges");
}

/* ---- what was agreed ------------------------------------------------------------------------- */

/* The start and end of a session that name a tariff, by a phone. */
static void session_naming(const uint8_t jti[16], const uint8_t tariff[8])
{
	struct ble_record end = { .has = BLE_HAS(BLE_RECORD_CONNECTOR) | BLE_HAS(BLE_RECORD_SESSION) |
					 BLE_HAS(BLE_RECORD_METER_WH) | BLE_HAS(BLE_RECORD_JTI) |
					 BLE_HAS(BLE_RECORD_SESSION_WH) | BLE_HAS(BLE_RECORD_TARIFF),
				  .type = BLE_RECORD_END,
				  .connector = 1,
				  .session_wh = 5000 };
	uint64_t seq = start_record(&pile, jti);

	post(&pile, seq);
	memcpy(end.session, pile.session, 16);
	memcpy(end.jti, jti, 16);
	memcpy(end.tariff, tariff, 8);
	pile.meter_wh += 5000;
	end.meter_wh = pile.meter_wh;
	post(&pile, record(&pile, &end));
}

static struct ble_voucher ordered(const char *id)
{
	struct ble_voucher v;
	struct paper paper;
	uint8_t jti[16];

	checkout(id);
	paper = voucher(kept(token_of(id)), jti);
	cr_assert_eq(ble_voucher_read(paper.at, paper.size, &v), 0);
	return v;
}

Test(money, a_voucher_names_the_tariff_that_the_driver_was_shown)
{
	struct ble_voucher v;
	const char *shown;

	must(BILLING "Quote", "{\"device\":\"" P1 "\",\"connector\":1}");
	shown = kept(text("tariffHash"));
	v = ordered("O-1");
	cr_expect_str_eq(hex(v.tariff, 8), shown);
	must(BILLING "GetOrder", "{\"id\":\"O-1\"}");
	cr_expect_str_eq(text("order.tariffHash"), shown);
	session_naming(v.jti, v.tariff);
	cr_expect_eq(cases("tariff"), 0);
	cr_expect_str_eq(state("O-1"), "CLOSED");
}

Test(money, a_record_that_names_another_tariff_is_charged_as_agreed_and_looked_at)
{
	struct ble_voucher v = ordered("O-1");
	const uint8_t other[8] = { 1 };

	session_naming(v.jti, other);
	cr_expect_eq(cases("tariff"), 1);
	cr_expect(session_has_flag("tariff-mismatch"));
	cr_expect_str_eq(state("O-1"), "CLOSED");
	cr_expect_eq(available(), 4500, "by the cloud's own terms");
}

/* ---- on line --------------------------------------------------------------------------------- */

Test(money, a_pile_on_line_is_told_what_was_paid_for)
{
	struct peer *p = connect_peer(P1);
	struct ble_answer ok = { .result = BLE_OK };
	struct ble_command it;
	struct ble_frame f;
	uint8_t body[64];

	checkout("O-1");
	cr_assert(hear(p, BLE_START, &f));
	cr_assert_eq(ble_command_read(f.body.at, f.body.size, &it), 0);
	cr_expect_eq(it.grant.max_minor, 1000);
	cr_expect(it.grant.max_wh >= 10000 && it.grant.max_wh < 10010, "a cent for 10 Wh: %u", it.grant.max_wh);
	say(p, BLE_START_RES, f.counter, body, ble_answer_write(&ok, body, sizeof(body)));
	start_record(&pile, it.grant.jti);
	say(p, BLE_REC, 1, pile.records[1].at, (int)pile.records[1].size);
	cr_expect_str_eq(state("O-1"), "STARTED");
	end_record(&pile, 5000);
	say(p, BLE_REC, 3, pile.records[2].at, (int)pile.records[2].size);
	cr_expect_str_eq(state("O-1"), "CLOSED");
	cr_expect_eq(n_charges(), 1);
	cr_expect_eq(available(), 4500);
}

Test(money, a_refusal_gives_the_money_back_at_once)
{
	struct peer *p = connect_peer(P1);
	struct ble_answer no = { .result = BLE_STORE_FULL };
	struct ble_frame f;
	uint8_t body[64];

	checkout("O-1");
	cr_assert(hear(p, BLE_START, &f));
	say(p, BLE_START_RES, f.counter, body, ble_answer_write(&no, body, sizeof(body)));
	cr_expect_str_eq(state("O-1"), "VOIDED");
	cr_expect_eq(available(), 5000);
}

/* ---- off line -------------------------------------------------------------------------------- */

Test(money, a_session_that_nobody_could_ask_for_becomes_money_once)
{
	struct peer *p;
	uint8_t jti[16];

	checkout("O-1");
	cr_expect_str_eq(state("O-1"), "STARTING");
	voucher(token_of("O-1"), jti);
	start_record(&pile, jti);
	pass(20 * HOUR_MS);
	end_record(&pile, 5000);
	cr_expect_str_eq(state("O-1"), "STARTING", "longer than a charger has to start");
	cr_expect_eq(available(), 4000);
	post(&pile, 2);
	cr_expect_str_eq(state("O-1"), "CLOSED", "an end has totals");
	p = connect_peer(P1);
	for (uint64_t seq = 1; seq <= 2; seq++)
		say(p, BLE_REC, (uint32_t)seq, pile.records[seq].at, (int)pile.records[seq].size);
	post(&pile, 1);
	cr_expect_eq(n_charges(), 1);
	cr_expect_eq(available(), 4500);
}

Test(money, the_silence_of_a_pile_without_a_network_ends_nothing)
{
	uint8_t jti[16];

	checkout("O-1");
	voucher(token_of("O-1"), jti);
	start_record(&pile, jti);
	post(&pile, 1);
	pass(30 * HOUR_MS);
	cr_expect_str_eq(state("O-1"), "STARTED", "longer than a charger may be silent");
	cr_expect_eq(available(), 4000);
	end_record(&pile, 5000);
	post(&pile, 2);
	cr_expect_str_eq(state("O-1"), "CLOSED");
	cr_expect_eq(n_charges(), 1);
	cr_expect_eq(available(), 4500);
}

Test(money, what_did_not_begin_goes_back_as_soon_as_that_is_shown)
{
	struct ble_record boot = { .type = BLE_RECORD_BOOT };
	uint8_t jti[16];

	checkout("O-1");
	voucher(token_of("O-1"), jti);
	pass(3 * HOUR_MS);
	cr_expect_eq(available(), 4000);
	record(&pile, &boot);
	post(&pile, 1);
	cr_expect_str_eq(state("O-1"), "VOIDED");
	cr_expect_eq(available(), 5000);
}

Test(money, what_was_never_heard_of_stays_held_until_a_person_says_so)
{
	uint8_t jti[16];

	checkout("O-1");
	voucher(token_of("O-1"), jti);
	pass(60 * HOUR_MS);
	cr_expect_str_eq(state("O-1"), "STARTING");
	cr_expect_eq(available(), 4000);
	cr_expect_eq(cases("unheard"), 1);
	must("CloseCase", "{\"id\":\"%s\",\"note\":\"the pile was scrapped\"}", kept(text("cases.0.id")));
	settle();
	cr_expect_str_eq(state("O-1"), "VOIDED");
	cr_expect_eq(available(), 5000);
}

Test(money, an_order_whose_voucher_nobody_fetched_is_void_with_its_time)
{
	checkout("O-1");
	pass(3 * HOUR_MS);
	cr_expect_str_eq(state("O-1"), "VOIDED");
	cr_expect_eq(available(), 5000);
}

Test(money, a_voucher_that_somebody_carries_about_keeps_nobody_else_from_the_pile)
{
	uint8_t first[16], second[16];

	checkout("O-1");
	voucher(token_of("O-1"), first);
	checkout("O-2");
	voucher(token_of("O-2"), second);
	start_record(&pile, second);
	end_record(&pile, 5000);
	post(&pile, 1);
	post(&pile, 2);
	cr_expect_str_eq(state("O-2"), "CLOSED");
	cr_expect_str_eq(state("O-1"), "STARTING", "it may still be used");
	cr_expect_eq(available(), 3500);
}

Test(money, an_order_that_is_stopped_before_anybody_has_its_voucher_is_void_at_once)
{
	checkout("O-1");
	checkout("O-2");
	must(BILLING "StopOrder", "{\"id\":\"O-1\"}");
	settle();
	cr_expect_str_eq(state("O-1"), "VOIDED");
	cr_expect_str_eq(state("O-2"), "STARTING", "another's at the same pile");
	cr_expect_eq(available(), 4000);
}

Test(money, an_order_whose_voucher_is_out_may_still_begin_though_it_is_stopped)
{
	uint8_t jti[16];

	checkout("O-1");
	voucher(token_of("O-1"), jti);
	must(BILLING "StopOrder", "{\"id\":\"O-1\"}");
	settle();
	cr_expect_str_eq(state("O-1"), "STARTING");
	start_record(&pile, jti);
	end_record(&pile, 5000);
	post(&pile, 1);
	post(&pile, 2);
	cr_expect_str_eq(state("O-1"), "CLOSED");
	cr_expect_eq(available(), 4500);
}

Test(money, crashes_of_both_change_nothing)
{
	uint8_t jti[16];

	checkout("O-1");
	voucher(token_of("O-1"), jti);
	start_record(&pile, jti);
	end_record(&pile, 5000);
	host_crash(h, "billing.0");
	for (uint64_t n = 1; n <= 4; n++) {
		host_crash_at(h, n % 2 ? "ble.0" : "billing.0", n);
		post(&pile, 2);
		post(&pile, 1);
		pass(10 * SECOND_MS);
	}
	cr_expect_str_eq(state("O-1"), "CLOSED");
	cr_expect_eq(n_charges(), 1);
	cr_expect_eq(available(), 4500);
}

/* ---- a pile that is a charger, too ----------------------------------------------------------- */

/* The charger's plugin, which tells what the test wants when it is asked to unlock. */
static Charging__Session told;

static int on_unlock(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *m)
{
	Charging__SessionStarted started = CHARGING__SESSION_STARTED__INIT;
	Charging__SessionEnded ended = CHARGING__SESSION_ENDED__INIT;
	Charging__CommandReply reply = CHARGING__COMMAND_REPLY__INIT;

	started.device = ended.device = (char *)"dev:1";
	started.session = ended.session = &told;
	if (told.state == CHARGING__SESSION_STATE__ACTIVE)
		gv_emit(t, &started);
	else
		gv_emit(t, &ended);
	return gv_reply(t, to, &reply);
}

static int on_get(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *m)
{
	Charging__GetSessionReply reply = CHARGING__GET_SESSION_REPLY__INIT;

	reply.session = &told;
	return gv_reply(t, to, &reply);
}

static const struct gv_method methods[] = { { "Unlock", on_unlock }, { "GetSession", on_get }, { 0 } };
static const struct gv_service services[] = { { &charging__charging__descriptor, methods }, { 0 } };
static const struct gv_emits emits[] = { { &charging__session_started__descriptor, NULL },
					 { &charging__session_ended__descriptor, NULL },
					 { 0 } };
static const struct gv_plugin charger = {
	GV_STAMP,           .name = "dev",  .version = "0",
	.serves = services, .emits = emits, .schema_set = GV_SCHEMA(charging),
	.schema = 1,        .self_size = 1,
};

/* One device by two ways: dev:1, whose alias is the pile. */
static void with_charger(void)
{
	cr_assert_eq(host_load_record(h, &charger, 1, NULL), 0);
	must("galvan.registry.v1.Registry/DeleteDevice", "{\"id\":\"" P1 "\"}");
	must("galvan.registry.v1.Registry/PutDevice", "{\"device\":{\"id\":\"dev:1\",\"aliases\":[\"" P1 "\"]}}");
	settle();
	make_pile(&pile, P1, 1, "pile");
}

static void charger_tells(const char *token, int64_t started_ms, int64_t ended_ms, int64_t wh)
{
	charging__session__init(&told);
	told.id = (char *)"dev:1/77";
	told.device = (char *)"dev:1";
	told.connector = 1;
	told.token = (char *)token;
	told.started_at_ms = started_ms;
	told.meter_start_wh = 100000;
	for (int i = 0; i < 2; i++) {
		told.state = i ? CHARGING__SESSION_STATE__ENDED : CHARGING__SESSION_STATE__ACTIVE;
		told.ended_at_ms = i ? ended_ms : 0;
		told.energy_wh = i ? wh : 0;
		told.meter_stop_wh = i ? 100000 + wh : 0;
		must("galvan.charging.v1.Charging/Unlock", "{\"device\":\"dev:1\",\"connector\":1}");
		settle();
	}
}

static void pile_tells(void)
{
	for (uint64_t seq = 1; seq <= 2; seq++)
		cr_expect_str_eq(post(&pile, seq), "OK");
}

/* A session of an hour from now, as the pile writes it down. */
static int64_t an_hour(const char *token, uint8_t jti[16])
{
	int64_t began_ms = host_now_ms(h);

	must("galvan.charging.v1.Charging/Start", "{\"device\":\"" P1 "\",\"connector\":1,\"token\":\"%s\"}", token);
	voucher(token, jti);
	start_record(&pile, jti);
	pass(HOUR_MS);
	end_record(&pile, 6000);
	return began_ms;
}

Test(money, told_by_the_pile_and_then_by_the_charger_it_is_charged_once)
{
	uint8_t jti[16];
	int64_t began_ms;

	with_charger();
	began_ms = an_hour("CARD", jti);
	pile_tells();
	cr_expect_eq(n_charges(), 1);
	charger_tells("CARD", began_ms + 40 * SECOND_MS, began_ms + HOUR_MS, 5990);
	cr_expect_eq(n_charges(), 1);
}

Test(money, told_by_the_charger_and_then_by_the_pile_it_is_charged_once)
{
	uint8_t jti[16];
	int64_t began_ms;

	with_charger();
	began_ms = an_hour("CARD", jti);
	charger_tells("CARD", began_ms - 40 * SECOND_MS, began_ms + HOUR_MS, 5990);
	cr_expect_eq(n_charges(), 1);
	pile_tells();
	cr_expect_eq(n_charges(), 1);
	cr_expect_str_eq(text("charges.0.session"), "dev:1/77");
}

Test(money, two_sessions_one_after_the_other_are_two)
{
	uint8_t jti[16];
	int64_t began_ms;

	with_charger();
	began_ms = an_hour("CARD", jti);
	pile_tells();
	charger_tells("CARD", began_ms + 2 * HOUR_MS, began_ms + 3 * HOUR_MS, 100);
	cr_expect_eq(n_charges(), 2);
}

Test(money, another_persons_session_is_another)
{
	uint8_t jti[16];
	int64_t began_ms;

	with_charger();
	began_ms = an_hour("CARD", jti);
	pile_tells();
	charger_tells("OTHER", began_ms, began_ms + HOUR_MS, 100);
	cr_expect_eq(n_charges(), 2);
}

Test(money, its_module_is_known_by_the_registrys_id)
{
	struct peer *p;

	with_charger();
	p = connect_peer("dev:1");
	start_record(&pile, NULL);
	say(p, BLE_REC, 1, pile.records[1].at, (int)pile.records[1].size);
	cr_expect_eq(heard_result(p), BLE_OK);
	must("ListRecords", "{\"device\":\"" P1 "\"}");
	cr_expect_str_eq(text("records.0.roads.0.kind"), "pile");
}
