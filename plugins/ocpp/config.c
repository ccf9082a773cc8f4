/* The config, as the plugin keeps it. */
#include "ocpp.h"
#include "contracts/contracts.h"
#include "lists/lists.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int by_id(const void *a, const void *b)
{
	return strcmp(((const struct tag *)a)->id, ((const struct tag *)b)->id);
}

static int take_tags(struct ocpp *o, struct gv_turn *t, const Ocpp__Config *c)
{
	o->tags = calloc(c->n_tags ? c->n_tags : 1, sizeof *o->tags);
	if (!o->tags)
		return -ENOMEM;
	for (o->n_tags = 0; o->n_tags < c->n_tags; o->n_tags++) {
		const Ocpp__Tag *from = c->tags[o->n_tags];
		struct tag *tag = &o->tags[o->n_tags];

		tag->id = strdup(model_fold(t, from->id));
		tag->spelling = strdup(from->id);
		tag->status = strdup(from->status[0] ? from->status : "Accepted");
		tag->parent = strdup(from->parent_id);
		tag->type = strdup(from->type);
		if (!tag->id || !tag->spelling || !tag->status || !tag->parent || !tag->type)
			return -ENOMEM;
	}
	qsort(o->tags, o->n_tags, sizeof *o->tags, by_id);
	for (size_t i = 1; i < o->n_tags; i++)
		if (!strcmp(o->tags[i - 1].id, o->tags[i].id))
			return gv_fault(
				t,
				"tag %s stands twice in the config's tags (letters' case does not matter): remove one",
				o->tags[i].id);
	return 0;
}

/* Without the slashes at its end: paths follow it. */
static int take_files_url(struct ocpp *o, struct gv_turn *t, const char *url)
{
	const char *host = !strncmp(url, "https://", 8) ? url + 8 : !strncmp(url, "http://", 7) ? url + 7 : "";
	size_t size = strlen(url);

	if (url[0] && (!host[0] || host[0] == '/'))
		return gv_fault(t,
				"files_url must say how chargers reach this node, as \"https://charge.example:9443\" "
				"does; it is \"%.100s\"",
				url);
	while (size && url[size - 1] == '/')
		size--;
	o->files_url = strndup(url, size);
	return o->files_url ? 0 : -ENOMEM;
}

int config_take(struct ocpp *o, struct gv_turn *t, const Ocpp__Config *c)
{
	int error;

	o->heartbeat_s = c->heartbeat_s;
	o->pending_retry_s = c->pending_retry_s;
	o->accept_unknown_token = !strcmp(c->unknown_token, "accept");
	o->accept_unknown_station = !strcmp(c->unknown_station, "accept");
	o->refuse_serial = !strcmp(c->serial_mismatch, "refuse");
	o->soap_private = c->soap_private_addresses;
	o->call_timeout_ms = (int64_t)c->call_timeout_s * 1000;
	o->start_window_ms = (int64_t)c->start_window_s * 1000;
	o->start_every_ms = c->new_transactions_per_hour ? 3600000 / c->new_transactions_per_hour : 0; /* 0: no bound */
	o->keep_days = c->keep_samples_days;
	o->keep_samples = c->keep_samples_per_station;
	o->keep_events_ms = (int64_t)c->keep_events_days * 86400000;
	o->report_delay_ms = strcmp(c->base_report, "off") ? (int64_t)c->base_report_delay_s * 1000 : 0;
	o->nominal_voltage_v = c->nominal_voltage_v;
	o->files_valid_ms = (int64_t)c->files_valid_h * 3600000;
	error = take_files_url(o, t, c->files_url);
	if (error)
		return error;
	o->close_stuck_ms = (int64_t)c->close_stuck_s * 1000;
	o->close_silent_ms = (int64_t)c->close_silent_h * 3600000;
	o->close_gone_ms = (int64_t)c->close_gone_h * 3600000;
	o->vendors = calloc(c->n_data_transfer_vendors ? c->n_data_transfer_vendors : 1, sizeof *o->vendors);
	if (!o->vendors)
		return -ENOMEM;
	for (o->n_vendors = 0; o->n_vendors < c->n_data_transfer_vendors; o->n_vendors++) {
		o->vendors[o->n_vendors] = strdup(c->data_transfer_vendors[o->n_vendors]);
		if (!o->vendors[o->n_vendors])
			return -ENOMEM;
	}
	if (messages_init(&o->messages, c->message_log_bytes))
		return -ENOMEM;
	o->messages.keep_days = c->keep_messages_days;
	o->messages.keep_per_station = c->keep_messages_per_station;
	o->messages.keep_bytes = c->keep_messages_bytes_per_station;
	o->messages.keep_packs_bytes = c->keep_messages_days ? c->keep_routine_bytes_per_station : 0;
	if (lists_create(o, c))
		return -ENOMEM;
	error = contracts_create(t, c->contracts, &o->contracts);
	if (error)
		return error;
	error = profile_take(o, t, c);
	return error ? error : take_tags(o, t, c);
}

void config_free(struct ocpp *o)
{
	for (size_t i = 0; o->tags && i < o->n_tags; i++) {
		free(o->tags[i].id);
		free(o->tags[i].spelling);
		free(o->tags[i].status);
		free(o->tags[i].parent);
		free(o->tags[i].type);
	}
	for (size_t i = 0; o->vendors && i < o->n_vendors; i++)
		free(o->vendors[i]);
	free(o->tags);
	free(o->vendors);
	profile_free(o);
	free(o->files_url);
	contracts_destroy(o->contracts);
}
