/* The service galvan.sim.v1.Sim, as far as it is about Bluetooth piles and what happens at them; and their enrolment
 * with ble. */
#include "sim.h"

#include <galvan/piles.pb-c.h>
#include <lib/hex.h>

#include <errno.h>
#include <string.h>

#define ENROL_AGAIN_MS 5000
#define CERTIFICATE_EXPIRES UINT32_MAX
#define ENROL_TIMER "enrol"
#define SIGN "galvan.ble.v1.Piles/SignCertificate"
#define PUT "galvan.ble.v1.Piles/PutPile"

static char *hex(struct gv_turn *t, const uint8_t *data, size_t size)
{
	char *ret = gv_alloc(t, 2 * size + 1);

	gv_hex_write(data, size, ret);
	return ret;
}

/* ---- what there is --------------------------------------------------------------------------- */

static Sim__PileConnector *connector_message(struct gv_turn *t, struct post *post, unsigned i)
{
	Sim__PileConnector *ret = gv_alloc(t, sizeof *ret);
	const struct ble_pile_session *s = &post->mind.state.sessions[i];
	struct ble_pile_hardware board;

	sim__pile_connector__init(ret);
	post_board_hardware(&post->board, &board);
	ret->id = i + 1;
	ret->charging = s->active;
	ret->session = s->start_seq ? hex(t, s->id, sizeof s->id) : "";
	ret->meter_wh = (int64_t)board.meter_wh(board.user, i + 1);
	ret->delivered_wh = (int64_t)post->board.delivered_wh[i];
	return ret;
}

static void letter_messages(struct gv_turn *t, const struct post *post, Sim__Pile *ret)
{
	const struct post_board *b = &post->board;
	unsigned first = b->n_letters > POST_LETTERS ? b->n_letters - POST_LETTERS : 0;

	for (unsigned i = first; i < b->n_letters; i++) {
		const struct post_letter *from = &b->letters[i % POST_LETTERS];
		Sim__PileLetter *it = gv_alloc(t, sizeof *it);

		sim__pile_letter__init(it);
		it->number = from->number;
		it->kind = from->kind;
		it->size = from->size;
		it->hash = hex(t, from->hash, sizeof from->hash);
		*GV_APPEND(t, ret->letters, ret->n_letters) = it;
	}
	ret->letters_written = post->mind.mail.written;
	ret->letters_receipted = post->mind.mail.receipted;
	ret->letter_have = post->mind.mail.have;
}

static Sim__Pile *pile_message(struct gv_turn *t, struct post *post)
{
	Sim__Pile *ret = gv_alloc(t, sizeof *ret);

	sim__pile__init(ret);
	ret->address = gv_strdup(t, post->address);
	ret->fleet = gv_strdup(t, post->fleet->want->name);
	ret->id = hex(t, post->board.id, sizeof post->board.id);
	ret->public_key = hex(t, post->board.public_key, sizeof post->board.public_key);
	ret->certified = post->board.certificate_size > 0;
	ret->firmware = post->board.firmware;
	ret->firmware_counter = post->board.counter;
	ret->last_error = gv_strdup(t, post->uplink.last_error);
	if (!post->on)
		return ret;
	ret->connected = post->mind.uplink.open;
	ret->visits = post_radio_visits(post) + post_gatt_visited(post);
	for (unsigned i = 0; i < post->board.connectors; i++)
		*GV_APPEND(t, ret->connectors, ret->n_connectors) = connector_message(t, post, i);
	ret->chain = post->mind.state.chain;
	ret->records = post->mind.chain.next - 1;
	ret->receipted = post->mind.state.acked;
	ret->boots = post->mind.state.boot;
	ret->started = post->mind.started;
	ret->refused = post->mind.refused;
	letter_messages(t, post, ret);
	return ret;
}

int sim_list_piles_call(void *self, struct gv_turn *t, struct gv_ticket ticket, const ProtobufCMessage *m)
{
	const Sim__ListPilesRequest *request = (const Sim__ListPilesRequest *)m;
	Sim__ListPilesReply reply = SIM__LIST_PILES_REPLY__INIT;
	uint32_t limit = request->limit ? request->limit : 100;
	struct sim *sim = self;

	if (!sim->posts)
		return sim_no_loop(t, ticket);
	for (struct post_fleet *f = sim->posts->first; f; f = f->next) {
		if (f->removed || (*request->fleet && strcmp(request->fleet, f->want->name) != 0))
			continue;
		for (unsigned i = 0; i < f->count; i++) {
			if (*request->pile && strcmp(request->pile, f->by_number[i]->address) != 0)
				continue;
			if (reply.total++ < limit)
				*GV_APPEND(t, reply.piles, reply.n_piles) = pile_message(t, f->by_number[i]);
		}
	}
	return gv_reply(t, ticket, &reply);
}

/* ---- enrolment: the certificate is signed and put by this node's ble ------------------------- */

static int ask_for_certificate(struct gv_turn *t, struct post *post)
{
	Ble__SignCertificateRequest request = BLE__SIGN_CERTIFICATE_REQUEST__INIT;
	Sim__Enrolment note = SIM__ENROLMENT__INIT;

	note.pile = post->address;
	request.pile = hex(t, post->board.id, sizeof post->board.id);
	request.public_key = hex(t, post->board.public_key, sizeof post->board.public_key);
	request.expires = CERTIFICATE_EXPIRES;
	return gv_call(t, &(struct gv_call){ .method = SIGN, .request = &request, .to = "ble", .note = &note });
}

int sim_enrol(struct sim *sim, struct gv_turn *t)
{
	int r = 0;

	for (struct post_fleet *f = sim->posts ? sim->posts->first : NULL; f && r == 0; f = f->next)
		for (unsigned i = 0; f->want->enrol && !f->removed && i < f->count && r == 0; i++)
			if (!f->by_number[i]->board.certificate_size)
				r = ask_for_certificate(t, f->by_number[i]);
	return r == -ENOSPC ? gv_timer(t, ENROL_TIMER, gv_now_ms(t) + ENROL_AGAIN_MS, NULL) : r;
}

int sim_enrol_soon(struct gv_turn *t)
{
	return gv_timer(t, ENROL_TIMER, gv_now_ms(t), NULL);
}

static int signed_by_ble(struct gv_turn *t, struct post *post, const Ble__SignCertificateReply *reply)
{
	Ble__PutPileRequest request = BLE__PUT_PILE_REQUEST__INIT;
	Sim__Enrolment note = SIM__ENROLMENT__INIT;
	uint8_t root[32];

	if (gv_hex_read(reply->root, strlen(reply->root), root, sizeof root) < 0 ||
	    reply->certificate.len > BLE_CERTIFICATE_MAX)
		return 0;
	post_certify(post, reply->certificate.data, reply->certificate.len, root);
	note.pile = post->address;
	request.device = gv_str(t, "ble:%s", post->address);
	request.certificate = reply->certificate;
	return gv_call(t, &(struct gv_call){ .method = PUT, .request = &request, .note = &note });
}

int sim_on_answer(void *self, struct gv_turn *t, const struct gv_answer *answer)
{
	const Sim__Enrolment *note = answer->note;
	struct sim *sim = self;
	struct post *post = note && sim->posts ? post_find(sim->posts, note->pile) : NULL;

	if (!post)
		return 0;
	if (answer->code == GV_OK)
		return strcmp(answer->method, SIGN) == 0 ? signed_by_ble(t, post, answer->reply) : 0;
	gv_log(t, GV_WARN, "ble does not take a simulated pile: %s pile=%s", answer->error, note->pile);
	return gv_timer(t, ENROL_TIMER, gv_now_ms(t) + ENROL_AGAIN_MS, NULL);
}

int sim_on_timer(void *self, struct gv_turn *t, const char *name, const void *note)
{
	return sim_enrol(self, t);
}

/* ---- fleets ---------------------------------------------------------------------------------- */

int sim_add_piles_call(void *self, struct gv_turn *t, struct gv_ticket ticket, const ProtobufCMessage *m)
{
	const Sim__PileFleet *want = ((const Sim__AddPilesRequest *)m)->fleet;
	Sim__AddPilesReply reply = SIM__ADD_PILES_REPLY__INIT;
	struct sim *sim = self;
	struct post_fleet *f;
	char error[400];
	int r;

	if (!sim->posts)
		return sim_no_loop(t, ticket);
	if (!want)
		return gv_refuse(t, ticket, GV_INVALID_ARGUMENT, "fleet is missing");
	r = post_fleet_check(sim->posts, want, error, sizeof error);
	if (r < 0)
		return sim_refuse_fleet(t, ticket, r, error);
	r = gv_put(t, &sim_piles, gv_key(want->name), want);
	if (r == 0)
		r = post_fleet_add(sim->posts, want, false);
	if (r < 0)
		return r;
	f = post_fleet_find(sim->posts, want->name);
	for (unsigned i = 0; i < f->count; i++)
		*GV_APPEND(t, reply.piles, reply.n_piles) = pile_message(t, f->by_number[i]);
	r = sim_enrol(sim, t);
	return r < 0 ? r : gv_reply(t, ticket, &reply);
}

int sim_remove_piles_call(void *self, struct gv_turn *t, struct gv_ticket ticket, const ProtobufCMessage *m)
{
	const char *name = ((const Sim__RemovePilesRequest *)m)->name;
	Sim__RemovePilesReply reply = SIM__REMOVE_PILES_REPLY__INIT;
	struct sim *sim = self;
	struct post_fleet *f;
	int r;

	if (!sim->posts)
		return sim_no_loop(t, ticket);
	f = post_fleet_find(sim->posts, name);
	if (!f)
		return gv_refuse(t, ticket, GV_NOT_FOUND, "there is no fleet \"%s\" of piles", name);
	if (f->configured)
		return gv_refuse(t, ticket, GV_FAILED_PRECONDITION,
				 "fleet \"%s\" is in the config file; remove it there and reload sim", name);
	r = gv_delete(t, &sim_piles, gv_key(name));
	if (r < 0)
		return r;
	reply.piles = f->count;
	post_fleet_remove(f);
	return gv_reply(t, ticket, &reply);
}

/* ---- what happens at a pile ------------------------------------------------------------------ */

typedef int act_fn(struct post *post, const Sim__PileRequest *request);

static int act(struct sim *sim, struct gv_turn *t, struct gv_ticket ticket, const Sim__PileRequest *request, act_fn *fn)
{
	Sim__PileReply reply = SIM__PILE_REPLY__INIT;
	struct post *post = sim->posts ? post_find(sim->posts, request->pile) : NULL;

	if (!sim->posts)
		return sim_no_loop(t, ticket);
	if (!post)
		return gv_refuse(t, ticket, GV_NOT_FOUND, "there is no simulated pile %s", request->pile);
	if (!post->on)
		return gv_refuse(t, ticket, GV_FAILED_PRECONDITION, "%s has no certificate yet: SetPileCertificate",
				 request->pile);
	if (fn(post, request) < 0)
		return gv_refuse(t, ticket, GV_INVALID_ARGUMENT, "%s has no connector %u", request->pile,
				 request->connector);
	post_pump(post);
	reply.pile = pile_message(t, post);
	return gv_reply(t, ticket, &reply);
}

static int unplug(struct post *post, const Sim__PileRequest *request)
{
	return ble_pile_unplugged(&post->mind, request->connector ? request->connector : 1, post_uptime_ms(post));
}

static int emergency(struct post *post, const Sim__PileRequest *request)
{
	ble_pile_emergency(&post->mind, post_uptime_ms(post));
	return 0;
}

static int power_cycle(struct post *post, const Sim__PileRequest *request)
{
	post_power_cycle(post);
	return 0;
}

static int set_network(struct post *post, const Sim__PileRequest *request)
{
	post_set_network(post, request->off);
	return 0;
}

static int set_radio(struct post *post, const Sim__PileRequest *request)
{
	if (request->off) {
		post_radio_off(post);
		post_gatt_off(post);
	} else {
		post_radio_on(post);
		post_gatt_on(post);
	}
	return 0;
}

#define ACT(name, fn)                                                                                                  \
	int sim_##name##_call(void *self, struct gv_turn *t, struct gv_ticket ticket, const ProtobufCMessage *m)       \
	{                                                                                                              \
		return act(self, t, ticket, (const Sim__PileRequest *)m, fn);                                          \
	}
ACT(unplug_pile, unplug)
ACT(stop_pile, emergency)
ACT(power_cycle_pile, power_cycle)
ACT(set_pile_network, set_network)
ACT(set_pile_radio, set_radio)

int sim_write_pile_letter_call(void *self, struct gv_turn *t, struct gv_ticket ticket, const ProtobufCMessage *m)
{
	const Sim__WritePileLetterRequest *request = (const Sim__WritePileLetterRequest *)m;
	Sim__PileReply reply = SIM__PILE_REPLY__INIT;
	struct sim *sim = self;
	struct post *post = sim->posts ? post_find(sim->posts, request->pile) : NULL;
	int r;

	if (!sim->posts)
		return sim_no_loop(t, ticket);
	if (!post || !post->on)
		return gv_refuse(t, ticket, GV_NOT_FOUND, "there is no simulated pile %s that has power",
				 request->pile);
	r = ble_pile_write_letter(&post->mind, request->kind, request->body.data, request->body.len);
	if (r < 0)
		return gv_refuse(t, ticket, GV_RESOURCE_EXHAUSTED, "%s writes no letter now: %s", request->pile,
				 ble_result_name(r));
	post_pump(post);
	reply.pile = pile_message(t, post);
	return gv_reply(t, ticket, &reply);
}

int sim_set_pile_certificate_call(void *self, struct gv_turn *t, struct gv_ticket ticket, const ProtobufCMessage *m)
{
	const Sim__SetPileCertificateRequest *request = (const Sim__SetPileCertificateRequest *)m;
	Sim__PileReply reply = SIM__PILE_REPLY__INIT;
	struct sim *sim = self;
	struct post *post = sim->posts ? post_find(sim->posts, request->pile) : NULL;
	uint8_t root[32];

	if (!sim->posts)
		return sim_no_loop(t, ticket);
	if (!post)
		return gv_refuse(t, ticket, GV_NOT_FOUND, "there is no simulated pile %s", request->pile);
	if (gv_hex_read(request->root, strlen(request->root), root, sizeof root) < 0)
		return gv_refuse(t, ticket, GV_INVALID_ARGUMENT, "root is not 64 hexadecimal digits");
	post_certify(post, request->certificate.data, request->certificate.len, root);
	reply.pile = pile_message(t, post);
	return gv_reply(t, ticket, &reply);
}
