/* What a driver can besides lending. The cabinet's answer is waited for, and where none comes that is what is said: it
 * may have obeyed all the same. */
#include "powerbank.h"

#include <stdlib.h>
#include <string.h>

static const char *timer_name(struct gv_turn *t, const char *device)
{
	return gv_str(t, "command:%s", device);
}

static int answer(struct gv_turn *t, const char *device, const char *status, const char *error)
{
	const Powerbank__CommandRow *row = gv_get(t, &pb_commands, gv_key(device));
	Rental__CommandReply reply = RENTAL__COMMAND_REPLY__INIT;
	struct gv_ticket to = { row->ticket_call, row->ticket_caller };

	gv_timer_cancel(t, timer_name(t, device));
	gv_delete(t, &pb_commands, gv_key(device));
	reply.status = (char *)status;
	reply.error = (char *)error;
	return gv_reply(t, to, &reply);
}

static int wait_for(struct powerbank *p, struct gv_turn *t, struct gv_ticket to, const Rental__CommandRequest *r)
{
	Powerbank__CommandRow *row = gv_edit(t, &pb_commands, gv_key(r->device));
	Powerbank__CommandDue note = POWERBANK__COMMAND_DUE__INIT;

	row->command = gv_strdup(t, r->command);
	row->ticket_call = to.call;
	row->ticket_caller = to.caller;
	note.device = r->device;
	return gv_timer(t, timer_name(t, r->device), gv_now_ms(t) + 1000 * (int64_t)p->config->query_timeout_s, &note);
}

/* HOST:PORT into its parts. */
static bool split_address(struct gv_turn *t, const char *address, struct pb_command *c)
{
	const char *colon = strrchr(address, ':');
	const char *digits = colon ? colon + 1 : "";
	unsigned long port = strtoul(digits, NULL, 10);

	if (!*digits || digits[strspn(digits, "0123456789")] || colon == address || colon - address > 63 || port < 1 ||
	    port > UINT16_MAX)
		return false;
	c->host = gv_str(t, "%.*s", (int)(colon - address), address);
	c->port = (uint16_t)port;
	return true;
}

/* False: the ticket has been answered. */
static bool read_request(struct gv_turn *t, struct gv_ticket to, const struct line *l, const Rental__CommandRequest *r,
			 struct pb_command *ret)
{
	bool reboot = !strcmp(r->command, "reboot");
	const Powerbank__CommandRow *before = gv_get(t, &pb_commands, gv_key(r->device));

	*ret = (struct pb_command){ .say = reboot ? PB_SAY_REBOOT : PB_SAY_SERVER };
	ret->heartbeat_s = (uint8_t)(r->heartbeat_s ? r->heartbeat_s : (uint32_t)(l->profile.heartbeat_ms / 1000));
	if (!reboot && strcmp(r->command, "set-server") != 0)
		gv_refuse(t, to, GV_INVALID_ARGUMENT, "command must be reboot or set-server, is \"%.20s\"", r->command);
	else if (!(l->profile.driver->can & (reboot ? PB_REBOOT : PB_SET_SERVER)))
		gv_refuse(t, to, GV_UNIMPLEMENTED, "the protocol of %s has no command for %s", r->device, r->command);
	else if (!reboot && !split_address(t, r->address, ret))
		gv_refuse(t, to, GV_INVALID_ARGUMENT, "address must be HOST:PORT, is \"%.128s\"", r->address);
	else if (before)
		gv_refuse(t, to, GV_FAILED_PRECONDITION, "%s has been told %s and has not answered yet: wait for that",
			  r->device, before->command);
	else
		return true;
	return false;
}

int command_call(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *m)
{
	const Rental__CommandRequest *r = (const void *)m;
	struct line *l = service_line(self, t, to, r->device);
	struct pb_command c;

	if (!l || !read_request(t, to, l, r, &c))
		return 0;
	if (line_say(t, l, &c) < 0)
		return gv_refuse(t, to, GV_INVALID_ARGUMENT, "%s cannot be told so: %s", r->device, r->address);
	gv_log(t, GV_INFO, "cabinet is told a command device=%s command=%s address=%s", r->device, r->command,
	       r->address);
	return wait_for(self, t, to, r);
}

void commands_done(struct gv_turn *t, struct line *l, enum pb_say done)
{
	const char *device = l->cabinet->device;
	const Powerbank__CommandRow *row = gv_get(t, &pb_commands, gv_key(device));

	if (row && !strcmp(row->command, done == PB_SAY_REBOOT ? "reboot" : "set-server"))
		answer(t, device, "Done", "");
}

void commands_line_lost(struct gv_turn *t, const char *device)
{
	if (gv_get(t, &pb_commands, gv_key(device)))
		answer(t, device, "Unknown",
		       gv_str(t, "%s lost its connection before it answered: look whether it comes back", device));
}

int commands_due(struct powerbank *p, struct gv_turn *t, const char *device)
{
	if (!gv_get(t, &pb_commands, gv_key(device)))
		return 0;
	return answer(t, device, "Unknown",
		      gv_str(t, "%s has not answered within %u s: it may have obeyed all the same", device,
			     p->config->query_timeout_s));
}
