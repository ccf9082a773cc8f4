/* OCPP 9.9: its messages. It is framed as 2.1 is, so that what is told without an answer comes as SEND. */
#include "v99.h"

#include <plugins/ocpp/spec/fields.h>
#include <plugins/ocpp/spec/spec_shared.h>

VALUES(replies, "Accepted", "No");

OBJECT(hello, STRING("maker", 50, REQ), STRING("kind", 50, REQ), STRING("software", 50, 0));
OBJECT(hello_answer, TIME("now", REQ), INTEGER("every", REQ));
OBJECT(begin, STRING("charge", 36, REQ), INTEGER("plug", REQ), STRING("card", 36, REQ), INTEGER("wh", REQ),
       TIME("at", REQ), INTEGER("order", 0));
OBJECT(begin_answer, STRING("card", 20, REQ));
OBJECT(measure, STRING("charge", 36, REQ), INTEGER("wh", REQ), TIME("at", REQ));
OBJECT(finish, STRING("charge", 36, REQ), INTEGER("wh", REQ), TIME("at", REQ), STRING("why", 40, 0));
OBJECT(go, INTEGER("plug", REQ), STRING("card", 36, REQ), INTEGER("order", REQ));
OBJECT(halt, STRING("charge", 36, REQ));
OBJECT(reply, ENUM("status", replies, REQ));
OBJECT(key, STRING("masterKey", 40, REQ), STRING("password", 40, REQ));

static const struct spec_action actions[] = {
	UP("Begin", begin, begin_answer, SPEC_METERED | SPEC_MILESTONE),
	UP("Finish", finish, spec_nothing, SPEC_METERED | SPEC_MILESTONE),
	DOWN("Go", go, reply),
	DOWN("Halt", halt, reply),
	UP("Hello", hello, hello_answer),
	UP("Measure", measure, spec_nothing, SPEC_METERED | SPEC_ROUTINE),
	UP("Tick", spec_nothing, spec_nothing, SPEC_ROUTINE),
	DOWN("TurnKey", key, reply, SPEC_SECRET),
};

const struct spec_version spec_v99 = {
	"ocpp9.9", actions, sizeof actions / sizeof actions[0], &rpc_21, RPC_OCCURENCE_CONSTRAINT_VIOLATION, NULL
};
