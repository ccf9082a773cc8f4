/* OCPP 1.6: reservations, and the list of tokens that a charger keeps. 1.5 differs in the list's name only. */
#include "v16.h"
#include "shared.h"

#include <lib/json.h>

#include <cjson/cJSON.h>
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <strings.h>

#define LONGEST_NUMBER 9 /* digits of a limit */

/* ---- reservations ---------------------------------------------------------------------------- */

int v16_reserve(struct gv_turn *t, const struct reserve_order *order, struct command *ret)
{
	struct gv_buf b = { 0 };
	char until[25];

	if (strlen(order->token) > V16_TAG_MAX || strlen(order->group) > V16_TAG_MAX) {
		ret->problem = gv_str(t, "token and group must have at most %d characters for OCPP 1.6", V16_TAG_MAX);
		return -EINVAL;
	}
	gv_time_format(order->expires_at_ms, until);
	gv_buf_printf(&b, "{\"connectorId\":%u,\"expiryDate\":\"%s\",\"idTag\":", order->connector, until);
	gv_json_string(&b, order->token, strlen(order->token));
	if (order->group[0]) {
		gv_buf_puts(&b, ",\"parentIdTag\":");
		gv_json_string(&b, order->group, strlen(order->group));
	}
	gv_buf_printf(&b, ",\"reservationId\":%" PRIu64 "}", order->id);
	ret->action = "ReserveNow";
	ret->payload = shared_take(t, &b);
	return 0;
}

/* ---- what the charger takes ------------------------------------------------------------------ */

int v16_list_limits(struct gv_turn *t, struct command *ret)
{
	ret->action = "GetConfiguration";
	ret->payload = "{\"key\":[\"LocalAuthListEnabled\",\"LocalAuthListMaxLength\",\"SendLocalListMaxLength\","
		       "\"AuthorizationCacheEnabled\"]}";
	return 0;
}

/* A value without what chargers put around it: blanks and quotes. */
static const char *bare(const char *value)
{
	while (isspace((unsigned char)*value) || *value == '"')
		value++;
	return value;
}

static uint32_t number(const char *value)
{
	value = bare(value);
	return isdigit((unsigned char)*value) && strspn(value, "0123456789") <= LONGEST_NUMBER
		       ? (uint32_t)strtoul(value, NULL, 10)
		       : 0;
}

static bool is_false(const char *value)
{
	return !strncasecmp(bare(value), "false", strlen("false"));
}

void v16_read_list_limits(const cJSON *payload, struct list_limits *ret)
{
	const cJSON *list = json_get(payload, "configurationKey");

	for (const cJSON *entry = cJSON_IsArray(list) ? list->child : NULL; entry; entry = entry->next) {
		const char *key = json_string(entry, "key"), *value = json_string(entry, "value");

		if (!strcasecmp(key, "LocalAuthListEnabled"))
			ret->off = is_false(value);
		else if (!strcasecmp(key, "AuthorizationCacheEnabled"))
			ret->no_cache = is_false(value);
		else if (!strcasecmp(key, "LocalAuthListMaxLength"))
			ret->entries_max = number(value);
		else if (!strcasecmp(key, "SendLocalListMaxLength"))
			ret->chunk_max = number(value);
	}
}

/* ---- the list -------------------------------------------------------------------------------- */

int v16_list_version(struct gv_turn *t, struct command *ret)
{
	ret->action = "GetLocalListVersion";
	ret->payload = "{}";
	return 0;
}

int64_t v16_read_list_version(const cJSON *payload)
{
	int64_t said = json_int(payload, "listVersion", INT64_MIN);

	return said < -1 ? INT64_MIN : said;
}

int v16_write_list(struct gv_turn *t, const struct list_message *m, const char *list, struct command *ret)
{
	struct gv_buf b = { 0 };

	gv_buf_printf(&b, "{\"listVersion\":%d,\"updateType\":\"%s\",\"%s\":[", m->version,
		      m->full ? "Full" : "Differential", list);
	for (size_t i = 0; i < m->n; i++) {
		const struct list_entry *e = &m->entries[i];
		struct verdict v = { e->status, e->parent, e->valid_until_ms };

		gv_buf_puts(&b, i ? ",{\"idTag\":" : "{\"idTag\":");
		gv_json_string(&b, e->id, strlen(e->id));
		if (e->status[0])
			gv_buf_printf(&b, ",\"idTagInfo\":%s", authorize_info(t, &v));
		gv_buf_putc(&b, '}');
	}
	gv_buf_puts(&b, "]}");
	ret->action = "SendLocalList";
	ret->payload = shared_take(t, &b);
	return 0;
}

static int send(struct gv_turn *t, const struct list_message *m, struct command *ret)
{
	return v16_write_list(t, m, "localAuthorizationList", ret);
}

const struct edge_lists v16_lists = {
	.id_max = V16_TAG_MAX,
	.limits = v16_list_limits,
	.read_limits = v16_read_list_limits,
	.version = v16_list_version,
	.read_version = v16_read_list_version,
	.send = send,
};
