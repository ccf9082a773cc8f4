/* Who may charge: the config's tags, then the tokens that a plugin which knows people has told of, then the policy for
 * unknown ones. All that asks goes through this one function, and it answers from what is here: a charger waits. */
#include <plugins/leases/leases.h>
#include <plugins/ocpp/lists/reservations.h>

#include <lib/json.h>

#include <stdlib.h>
#include <string.h>

const struct gv_table ocpp_tokens = { .name = "tokens", .key = "s", .value = &ocpp__known_token__descriptor };
const struct gv_table ocpp_running = { .name = "running", .key = "ssu", .value = &ocpp__running_row__descriptor };

/* ---- what is told ---------------------------------------------------------------------------- */

int authorize_told(struct gv_turn *t, const Billing__TokenChanged *e, const struct gv_emitter *from)
{
	const char *fold = model_fold(t, e->token);
	Ocpp__KnownToken row = OCPP__KNOWN_TOKEN__INIT;

	if (e->gone)
		return gv_delete(t, &ocpp_tokens, gv_key(fold));
	row.status = e->status;
	row.parent = e->parent;
	row.sites = e->sites;
	row.n_sites = e->n_sites;
	row.valid_until_ms = e->valid_until_ms;
	row.max_sessions = e->max_sessions;
	row.emitter = (char *)from->instance;
	row.id = e->id;
	row.type = e->type;
	return gv_put(t, &ocpp_tokens, gv_key(fold), &row);
}

int authorize_forget(struct gv_turn *t, const char *emitter)
{
	struct gv_scan scan = { .table = &ocpp_tokens };

	while (gv_next(t, &scan))
		if (!strcmp(((const Ocpp__KnownToken *)scan.row)->emitter, emitter))
			gv_delete(t, &ocpp_tokens, scan.key);
	return 0;
}

/* ---- sessions by token ----------------------------------------------------------------------- */

/* How many sessions of the token run. Rows of those that have ended are taken away here, so that an end has nothing to
 * write for it. */
static unsigned count_running(struct gv_turn *t, const char *fold)
{
	struct gv_scan scan = { .table = &ocpp_running, .prefix = gv_key(fold) };
	unsigned n = 0;

	while (gv_next(t, &scan)) {
		const Ocpp__RunningRow *row = scan.row;
		const Ocpp__Transaction *x = gv_get(t, &ocpp_active, gv_key(scan.key.part[1].s, row->connector));

		if (x && (uint64_t)x->id == scan.key.part[2].u)
			n++;
		else
			gv_delete(t, &ocpp_running, scan.key);
	}
	return n;
}

int authorize_started(struct gv_turn *t, const char *device, const Ocpp__Transaction *x)
{
	const char *fold = model_fold(t, x->token);
	Ocpp__RunningRow row = OCPP__RUNNING_ROW__INIT;

	if (strcmp(x->token_status, "Accepted") != 0 || !gv_get(t, &ocpp_tokens, gv_key(fold)))
		return 0; /* a refused one does not count: most stations end it by themselves */
	count_running(t, fold);
	row.connector = x->connector;
	return gv_put(t, &ocpp_running, gv_key(fold, device, (uint64_t)x->id), &row);
}

/* Whether the token began a session here that it may end, whatever it may do now. */
static bool runs_here(struct gv_turn *t, const char *device, const char *fold)
{
	struct gv_scan scan = { .table = &ocpp_active, .prefix = gv_key(device) };

	while (gv_next(t, &scan)) {
		const Ocpp__Transaction *x = scan.row;

		if (!strcmp(model_fold(t, x->token), fold) && !strcmp(x->token_status, "Accepted"))
			return true;
	}
	return false;
}

/* ---- the answer ------------------------------------------------------------------------------ */

static bool good_here(struct gv_turn *t, const Ocpp__KnownToken *token, const char *device)
{
	const Ocpp__StationRow *station = token->n_sites ? gv_get(t, &ocpp_stations, gv_key(device)) : NULL;

	for (size_t i = 0; station && i < token->n_sites; i++)
		if (!strcmp(token->sites[i], station->site))
			return true;
	return !token->n_sites;
}

static const char *status_of(struct gv_turn *t, const struct ask *ask, const Ocpp__KnownToken *token, const char *fold,
			     const char **ret_exact)
{
	if (strcmp(token->status, "Accepted") != 0)
		return token->status;
	if (token->valid_until_ms && token->valid_until_ms <= gv_now_ms(t))
		return "Expired";
	if (!good_here(t, token, ask->device)) {
		*ret_exact = "NotAtThisLocation";
		return "Blocked";
	}
	/* 1.6, 7.2: only a start can be one too many. */
	if (ask->starts && token->max_sessions && count_running(t, fold) >= token->max_sessions)
		return "ConcurrentTx";
	return "Accepted";
}

static int compare(const void *id, const void *tag)
{
	return strcmp(id, ((const struct tag *)tag)->id);
}

static const struct tag *find_tag(const struct ocpp *o, const char *fold)
{
	return o->n_tags ? bsearch(fold, o->tags, o->n_tags, sizeof *o->tags, compare) : NULL;
}

bool authorize_knows(struct ocpp *o, struct gv_turn *t, const char *device, const char *tag)
{
	const char *fold = model_fold(t, tag), *request;

	return find_tag(o, fold) || gv_get(t, &ocpp_tokens, gv_key(fold)) ||
	       request_match(o, t, device, fold, NULL, &request) || reservation_holds(t, device, fold) ||
	       runs_here(t, device, fold);
}

void authorize_listing(struct ocpp *o, struct gv_turn *t, const char *fold, struct listed_as *ret)
{
	const struct tag *tag = find_tag(o, fold);
	const Ocpp__KnownToken *token = tag ? NULL : gv_get(t, &ocpp_tokens, gv_key(fold));

	*ret = (struct listed_as){ .id = fold, .status = "", .parent = "", .type = "" };
	if (tag)
		*ret = (struct listed_as){
			.id = tag->spelling, .status = tag->status, .parent = tag->parent, .type = tag->type
		};
	else if (token)
		*ret = (struct listed_as){ .id = token->id[0] ? token->id : fold,
					   .status = token->status,
					   .parent = token->parent,
					   .type = token->type,
					   .valid_until_ms = token->valid_until_ms,
					   .sites = token->sites,
					   .n_sites = token->n_sites };
	if (!strcmp(ret->type, TOKEN_TYPE_CARD))
		ret->type = "";
}

static struct verdict judge(struct ocpp *o, struct gv_turn *t, const struct ask *ask)
{
	const char *fold = model_fold(t, ask->tag), *status, *exact = NULL;
	const struct tag *tag = find_tag(o, fold);
	const Ocpp__KnownToken *token;

	if (tag)
		return (struct verdict){ .status = tag->status, .parent = tag->parent };
	token = *fold ? gv_get(t, &ocpp_tokens, gv_key(fold)) : NULL;
	if (!token && (ask->asked_for || o->accept_unknown_token || reservation_holds(t, ask->device, fold)))
		return (struct verdict){ .status = "Accepted", .parent = "" };
	if (!token)
		return (struct verdict){ .status = "Invalid", .parent = "", .exact = "Unknown" };
	status = status_of(t, ask, token, fold, &exact);
	if (strcmp(status, "Accepted") != 0 && !ask->starts && runs_here(t, ask->device, fold)) {
		status = "Accepted";
		exact = NULL;
	}
	return (struct verdict){ status, token->parent, token->valid_until_ms, exact };
}

/* Who asks before anything begins at a charger that is being updated is told so. */
struct verdict authorize(struct ocpp *o, struct gv_turn *t, const struct ask *ask)
{
	struct verdict v = judge(o, t, ask);

	if (!ask->starts && !strcmp(v.status, "Accepted") && lease_of(t, ask->device) &&
	    !runs_here(t, ask->device, model_fold(t, ask->tag))) {
		v.status = "Blocked";
		v.exact = "NotAtThisTime";
	}
	return v;
}

const char *authorize_info(struct gv_turn *t, const struct verdict *v)
{
	struct gv_buf info = { 0 };
	char until[25];
	const char *text;

	gv_buf_printf(&info, "{\"status\":\"%s\"", v->status);
	if (v->parent[0]) {
		gv_buf_puts(&info, ",\"parentIdTag\":");
		gv_json_string(&info, v->parent, strlen(v->parent));
	}
	if (v->valid_until_ms) {
		gv_time_format(v->valid_until_ms, until);
		gv_buf_printf(&info, ",\"expiryDate\":\"%s\"", until);
	}
	gv_buf_putc(&info, '}');
	text = gv_strdup(t, gv_buf_str(&info));
	gv_buf_fini(&info);
	return text;
}
