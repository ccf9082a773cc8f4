/* OCPP 2.0.1: reservations, and the list of tokens that a charger keeps. */
#include "v201_lists.h"
#include "shared.h"

#include <plugins/ocpp/lists/lists.h>

#include <lib/json.h>

#include <cjson/cJSON.h>
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define TOKEN_MAX 36     /* characters of an idToken */
#define LONGEST_NUMBER 9 /* digits of a limit */

static void put_token(struct gv_buf *b, const char *name, const char *token, const char *type)
{
	gv_buf_printf(b, "\"%s\":{\"idToken\":", name);
	gv_json_string(b, token, strlen(token));
	gv_buf_printf(b, ",\"type\":\"%s\"}", type);
}

/* ---- reservations ---------------------------------------------------------------------------- */

int v201_reserve(struct gv_turn *t, const struct reserve_order *order, struct command *ret)
{
	struct gv_buf b = { 0 };
	char until[25];

	gv_time_format(order->expires_at_ms, until);
	gv_buf_printf(&b, "{\"id\":%" PRIu64 ",\"expiryDateTime\":\"%s\",", order->id, until);
	if (order->connector)
		gv_buf_printf(&b, "\"evseId\":%u,", order->connector);
	put_token(&b, "idToken", order->token, order->token_type);
	if (order->group[0]) {
		gv_buf_putc(&b, ',');
		put_token(&b, "groupIdToken", order->group, TOKEN_TYPE_CENTRAL);
	}
	gv_buf_putc(&b, '}');
	ret->action = "ReserveNow";
	ret->payload = shared_take(t, &b);
	return 0;
}

/* ---- what the charger takes ------------------------------------------------------------------ */

/* How many entries fit is no variable but the limit of one (LocalAuthListCtrlr.Entries), which only a report tells. */
static int limits(struct gv_turn *t, struct command *ret)
{
	ret->action = "GetVariables";
	ret->payload = "{\"getVariableData\":["
		       "{\"component\":{\"name\":\"LocalAuthListCtrlr\"},\"variable\":{\"name\":\"Enabled\"}},"
		       "{\"component\":{\"name\":\"LocalAuthListCtrlr\"},\"variable\":{\"name\":\"ItemsPerMessage\"}},"
		       "{\"component\":{\"name\":\"AuthCacheCtrlr\"},\"variable\":{\"name\":\"Enabled\"}}]}";
	return 0;
}

static void read_limits(const cJSON *payload, struct list_limits *ret)
{
	const cJSON *list = json_get(payload, "getVariableResult");

	for (const cJSON *entry = cJSON_IsArray(list) ? list->child : NULL; entry; entry = entry->next) {
		const char *component = json_string(json_get(entry, "component"), "name"),
			   *variable = json_string(json_get(entry, "variable"), "name"),
			   *value = json_string(entry, "attributeValue");
		bool known = !strcmp(json_string(entry, "attributeStatus"), "Accepted");
		bool list_of = !strcasecmp(component, "LocalAuthListCtrlr");

		if (!known)
			continue;
		if (!strcasecmp(variable, "Enabled"))
			*(list_of ? &ret->off : &ret->no_cache) = !strcasecmp(value, "false");
		else if (list_of && isdigit((unsigned char)*value) && strlen(value) <= LONGEST_NUMBER)
			ret->chunk_max = (uint32_t)strtoul(value, NULL, 10);
	}
}

/* ---- the list -------------------------------------------------------------------------------- */

static int version(struct gv_turn *t, struct command *ret)
{
	ret->action = "GetLocalListVersion";
	ret->payload = "{}";
	return 0;
}

static int64_t read_version(const cJSON *payload)
{
	int64_t said = json_int(payload, "versionNumber", INT64_MIN);

	return said < -1 ? INT64_MIN : said;
}

static void put_info(struct gv_buf *b, const struct list_entry *e)
{
	char until[25];

	gv_buf_printf(b, ",\"idTokenInfo\":{\"status\":\"%s\"", e->status);
	if (e->parent[0]) {
		gv_buf_putc(b, ',');
		put_token(b, "groupIdToken", e->parent, TOKEN_TYPE_CENTRAL);
	}
	if (e->valid_until_ms) {
		gv_time_format(e->valid_until_ms, until);
		gv_buf_printf(b, ",\"cacheExpiryDateTime\":\"%s\"", until);
	}
	gv_buf_putc(b, '}');
}

/* A list that is given has an entry at least (2.0.1, SendLocalListRequest): to empty the charger's, it is left out. */
static int send(struct gv_turn *t, const struct list_message *m, struct command *ret)
{
	struct gv_buf b = { 0 };

	gv_buf_printf(&b, "{\"versionNumber\":%d,\"updateType\":\"%s\"", m->version, m->full ? "Full" : "Differential");
	for (size_t i = 0; i < m->n; i++) {
		gv_buf_puts(&b, i ? ",{" : ",\"localAuthorizationList\":[{");
		put_token(&b, "idToken", m->entries[i].id, m->entries[i].type);
		if (m->entries[i].status[0])
			put_info(&b, &m->entries[i]);
		gv_buf_putc(&b, '}');
	}
	gv_buf_puts(&b, m->n ? "]}" : "}");
	ret->action = "SendLocalList";
	ret->payload = shared_take(t, &b);
	return 0;
}

const struct edge_lists v201_lists = {
	.id_max = TOKEN_MAX,
	.types = true,
	.limits = limits,
	.read_limits = read_limits,
	.version = version,
	.read_version = read_version,
	.send = send,
};
