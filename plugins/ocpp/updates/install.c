/* Firmware: handed over, taken back, and how far it is. Which of the steps a charger reports is its own business; what
 * it boots with is told as its identity, and decides. */
#include "updates.h"

#include <plugins/ocpp/edge/edge.h>
#include <plugins/ocpp/files/files.h>
#include <plugins/ocpp/services.h>

#include <string.h>

/* ---- handed over ----------------------------------------------------------------------------- */

static Charging__UpdateFirmwareRequest as_firmware(const Update__InstallRequest *r)
{
	Charging__UpdateFirmwareRequest q = CHARGING__UPDATE_FIRMWARE_REQUEST__INIT;

	q.device = r->device;
	q.url = r->url;
	q.install_at_ms = r->install_at_ms;
	q.signing_certificate = r->signing_certificate;
	q.signature = r->signature;
	return q;
}

static int send_firmware(struct ocpp *o, struct gv_turn *t, struct gv_ticket ticket, const struct station *st,
			 Update__Order *order)
{
	struct command c = { .kind = OCPP__COMMAND__KIND__INSTALL };
	const Update__InstallRequest *r = order->request;
	Charging__UpdateFirmwareRequest q = as_firmware(r);
	struct firmware_order f = { .request = &q, .retrieve_at_ms = gv_now_ms(t) };

	transfer_open(
		o, t,
		&(struct transfer_new){ .device = r->device, .kind = KIND_FIRMWARE, .name = r->version, .url = r->url },
		&order->number, &f.url);
	c.about = order->number;
	f.request_id = (int32_t)order->number;
	if (st->edge->orders->update_firmware(t, &f, &c))
		return gv_fail(t, GV_INVALID_ARGUMENT, "%s", c.problem);
	return command_send(o, t, ticket, r->device, &c);
}

static int install(void *self, struct gv_turn *t, struct gv_ticket ticket, Update__Order *order)
{
	const Update__InstallRequest *r = order->request;
	const struct station *st = service_asked(self, t, ticket, r->device, 0);

	if (!st) {
		order_dropped(t, r->device);
		return 0;
	}
	if (!strcmp(r->kind, "config"))
		return settings_install(t, ticket, order);
	if (!r->url[0])
		return gv_fail(t, GV_INVALID_ARGUMENT, "url must be given: a charger fetches its firmware itself");
	if (service_lacks(t, ticket, st, st->edge->orders->update_firmware, "update its firmware")) {
		order_dropped(t, r->device);
		return 0;
	}
	return send_firmware(self, t, ticket, st, order);
}

static bool is_certificate(const char *status)
{
	return !strcmp(status, "InvalidCertificate") || !strcmp(status, "RevokedCertificate");
}

int conclude_install(struct ocpp *o, struct gv_turn *t, const char *device, const Ocpp__Command *row,
		     const struct outcome *out)
{
	const char *status = outcome_status(out);
	Update__Order__State state = UPDATE__ORDER__STATE__UNSURE;

	if (out->kind == OUTCOME_ANSWERED && (!status[0] || !strncmp(status, "Accepted", strlen("Accepted"))))
		state = UPDATE__ORDER__STATE__ACCEPTED; /* 1.6's plain UpdateFirmware says nothing */
	else if (out->kind == OUTCOME_ANSWERED || out->kind == OUTCOME_ERROR)
		state = UPDATE__ORDER__STATE__REFUSED;
	else
		status = "its connection was lost, or it did not answer in time";
	if (out->kind == OUTCOME_ERROR)
		status = gv_str(t, "it answered %.60s %.255s", out->code, out->description);
	if (is_certificate(status))
		order_progress(t, device,
			       &(struct order_step){ .number = row->about,
						     .step = UPDATE__STEP__STEP_INVALID_CERTIFICATE,
						     .detail = status });
	return order_answered(t, command_ticket(row), device, row->about, state, gv_strdup(t, status));
}

/* ---- taken back ------------------------------------------------------------------------------ */

/* Another request takes the one before back, without a look at whether its file is there (1.6's security extension and
 * 2.0.1, L01.FR.26). 1.6's plain one has no such thing. */
static int cancel(void *self, struct gv_turn *t, struct gv_ticket ticket, const Update__Order *order)
{
	struct command c = { .kind = OCPP__COMMAND__KIND__CANCEL_INSTALL, .about = order->number };
	const Update__InstallRequest *r = order->request;
	const struct station *st = service_asked(self, t, ticket, r->device, 0);
	Charging__UpdateFirmwareRequest q = as_firmware(r);
	struct firmware_order f = { .request = &q, .retrieve_at_ms = gv_now_ms(t), .url = r->url };
	uint64_t number;

	if (!st)
		return 0;
	if (!strcmp(r->kind, "config"))
		return order_cancelled(t, ticket, r->device, false, "settings are not taken back once they are set");
	if (st->edge->orders->plain_firmware_stays && !r->signature[0])
		return order_cancelled(t, ticket, r->device, false,
				       "OCPP 1.6's UpdateFirmware cannot be taken back: only a signed one can");
	transfer_open(self, t,
		      &(struct transfer_new){
			      .device = r->device, .kind = KIND_FIRMWARE, .name = "cancelled", .url = r->url },
		      &number, &f.url);
	f.request_id = (int32_t)number;
	if (st->edge->orders->update_firmware(t, &f, &c))
		return gv_fail(t, GV_INVALID_ARGUMENT, "%s", c.problem);
	return command_send(self, t, ticket, r->device, &c);
}

int conclude_cancel_install(struct ocpp *o, struct gv_turn *t, const char *device, const Ocpp__Command *row,
			    const struct outcome *out)
{
	const char *status = outcome_status(out);

	if (out->kind != OUTCOME_ANSWERED)
		return command_refuse(t, device, row, out);
	return order_cancelled(t, command_ticket(row), device, !strcmp(status, "AcceptedCanceled"),
			       gv_strdup(t, status));
}

const struct leases_device leases_device = {
	.hindrance = updates_hindrance,
	.install = install,
	.cancel = cancel,
};

/* ---- how far it is --------------------------------------------------------------------------- */

static const struct {
	const char *status;
	Update__Step step;
} steps[] = {
	{ "DownloadScheduled", UPDATE__STEP__STEP_DOWNLOAD_SCHEDULED },
	{ "Downloading", UPDATE__STEP__STEP_DOWNLOADING },
	{ "DownloadPaused", UPDATE__STEP__STEP_DOWNLOAD_PAUSED },
	{ "Downloaded", UPDATE__STEP__STEP_DOWNLOADED },
	{ "DownloadFailed", UPDATE__STEP__STEP_DOWNLOAD_FAILED },
	{ "SignatureVerified", UPDATE__STEP__STEP_VERIFIED },
	{ "InvalidSignature", UPDATE__STEP__STEP_INVALID_SIGNATURE },
	{ "InstallScheduled", UPDATE__STEP__STEP_INSTALL_SCHEDULED },
	{ "Installing", UPDATE__STEP__STEP_INSTALLING },
	{ "InstallRebooting", UPDATE__STEP__STEP_REBOOTING },
	{ "Installed", UPDATE__STEP__STEP_INSTALLED },
	{ "InstallationFailed", UPDATE__STEP__STEP_INSTALLATION_FAILED },
	{ "InstallVerificationFailed", UPDATE__STEP__STEP_VERIFICATION_FAILED },
	{ "Idle", UPDATE__STEP__STEP_IDLE },
};

int updates_notified(struct gv_turn *t, const char *device, int64_t request_id, const char *status)
{
	for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
		if (!strcmp(steps[i].status, status))
			return order_progress(t, device,
					      &(struct order_step){ .number = request_id > 0 ? (uint64_t)request_id : 0,
								    .step = steps[i].step,
								    .detail = steps[i].status });
	return 0;
}

int updates_booted(struct ocpp *o, struct gv_turn *t, const struct station *st, const Ocpp__Station *said)
{
	const struct edge_orders *can = st->edge->orders;
	Update__Identity *identity = gv_alloc(t, sizeof *identity);

	update__identity__init(identity);
	identity->vendor = said->vendor;
	identity->model = said->model;
	identity->version = said->firmware;
	identity->serial = said->charge_point_serial[0] ? said->charge_point_serial : said->charge_box_serial;
	identity->booted_at_ms = gv_now_ms(t);
	if (can->update_firmware)
		*GV_APPEND(t, identity->ways, identity->n_ways) = "firmware";
	if (can->update_firmware && !can->plain_firmware_stays)
		*GV_APPEND(t, identity->ways, identity->n_ways) = "signed-firmware";
	if (can->set_configuration)
		*GV_APPEND(t, identity->ways, identity->n_ways) = "config";
	*GV_APPEND(t, identity->ways, identity->n_ways) = "reboot";
	settings_booted(t, st->device);
	return lease_identified(t, st->device, identity, true);
}
