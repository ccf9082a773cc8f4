/* A new password, without a moment in which the charger could be locked out (A01.FR.02 on): the registry takes it as
 * pending, beside the old one; then the charger is told; the first connection with the new one ends the old. Where the
 * charger refuses it, the pending one is dropped; where nobody knows whether it has taken it, both stay.
 *
 * 20 random bytes as 40 hex digits: what 1.6 wants of an AuthorizationKey, and within what 2.0.1 takes as a
 * BasicAuthPassword. It is in the clear in this plugin's store until the charger has answered, and nowhere else. */
#include "passwords.h"
#include "security.h"

#include <plugins/ocpp/edge/credentials.h>

#include <lib/hex.h>
#include <string.h>

#define KEY_SIZE 20

static const char *make_password(struct gv_turn *t)
{
	uint64_t random[(KEY_SIZE + 7) / 8];
	char *text = gv_alloc(t, 2 * KEY_SIZE + 1);

	for (size_t i = 0; i < sizeof random / sizeof random[0]; i++)
		random[i] = gv_random(t);
	gv_hex_write(random, KEY_SIZE, text);
	return text;
}

/* Sets the registry's pending password, or drops it. */
static int put(struct gv_turn *t, const char *password, Ocpp__Rotation *note)
{
	Registry__PutDeviceRequest request = REGISTRY__PUT_DEVICE_REQUEST__INIT;
	Registry__Device device = REGISTRY__DEVICE__INIT;

	device.id = note->device;
	device.pending_password = (char *)password;
	device.clear_pending_password = !password[0];
	request.device = &device;
	return gv_call(t, &(struct gv_call){ .method = "galvan.registry.v1.Registry/PutDevice",
					     .request = &request,
					     .note = note });
}

int rotate_password(void *self, struct gv_turn *t, struct gv_ticket ticket, const ProtobufCMessage *m)
{
	const Ocpp__RotatePasswordRequest *r = (const Ocpp__RotatePasswordRequest *)m;
	struct ocpp *o = self;
	const struct station *st = station_find(o, r->device);
	Ocpp__Rotation note = OCPP__ROTATION__INIT;

	if (command_impossible(o, t, ticket, r->device))
		return 0;
	if (!st->edge->security)
		return gv_refuse(t, ticket, GV_UNIMPLEMENTED, "%s speaks %s, which cannot change passwords", r->device,
				 st->edge->name);
	note.device = r->device;
	note.password = (char *)make_password(t);
	note.ticket_call = ticket.call;
	note.ticket_caller = ticket.caller;
	if (put(t, note.password, &note) < 0)
		return gv_refuse(t, ticket, GV_RESOURCE_EXHAUSTED, "too many calls to registry wait: try again soon");
	return 0;
}

int password_answered(struct ocpp *o, struct gv_turn *t, const struct gv_answer *answer, const Ocpp__Rotation *note)
{
	struct gv_ticket ticket = { .call = note->ticket_call, .caller = note->ticket_caller };
	struct command c = { .kind = OCPP__COMMAND__KIND__PASSWORD };
	const struct station *st = station_find(o, note->device);

	if (!note->password[0]) /* the pending one was to be dropped */
		return 0;
	if (answer->code != GV_OK)
		return gv_refuse(t, ticket, answer->code, "registry does not take a new password for %s: %s",
				 note->device, answer->error);
	if (!st || !st->edge->security) {
		Ocpp__Rotation drop = OCPP__ROTATION__INIT;

		drop.device = note->device;
		put(t, "", &drop);
		return gv_refuse(t, ticket, GV_UNAVAILABLE,
				 "%s went away before it could be told: its password is the old one", note->device);
	}
	st->edge->security->set_password(t, note->password, &c);
	return command_send(o, t, ticket, note->device, &c);
}

/* The charger has not got the new one, for certain. */
static bool is_refused(const struct outcome *out, const char *status, const Ocpp__Command *row)
{
	if (out->kind == OUTCOME_ANSWERED)
		return strcmp(status, "Accepted") != 0 && strcmp(status, "RebootRequired") != 0;
	return out->kind == OUTCOME_ERROR || out->kind == OUTCOME_UNSENT ||
	       (out->kind == OUTCOME_TIMEOUT && !row->conn);
}

int password_concluded(struct ocpp *o, struct gv_turn *t, const char *device, const Ocpp__Command *row,
		       const struct outcome *out)
{
	const struct station *st = station_find(o, device);
	Ocpp__RotatePasswordReply reply = OCPP__ROTATE_PASSWORD_REPLY__INIT;
	const char *status = out->kind == OUTCOME_ANSWERED && st && st->edge->security
				     ? st->edge->security->password_status(out->payload)
				     : "";

	if (is_refused(out, status, row)) {
		Ocpp__Rotation drop = OCPP__ROTATION__INIT;

		drop.device = (char *)device;
		put(t, "", &drop);
		security_note(o, t, device, "password-refused",
			      gv_str(t, "the charger does not take a new password%s%.60s; the old one stays",
				     status[0] ? ": " : "", status));
	}
	if (!status[0])
		return command_refuse(t, device, row, out);
	reply.status = (char *)status;
	return gv_reply(t, command_ticket(row), &reply);
}
