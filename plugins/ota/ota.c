/* ota: which device shall have which artifact, and when to try. It knows no device's protocol: the plugins that drive
 * devices serve galvan.update.v1.Updates. docs/adr/0025, docs/protocols/ota.md. */
#include "ota.h"
#include "campaigns/campaigns.h"
#include "fleet/fleet.h"
#include "repository/repository.h"
#include "serve/serve.h"

#include "ota.schema.h"

#include <galvan/rental.pb-c.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int start(struct ota *o, struct gv_turn *t, const Ota__Config *c)
{
	size_t size = strlen(c->url);

	if (gv_self(t)->instances != 1)
		return gv_fault(t,
				"ota runs as one instance, since a campaign counts all its devices: remove `instances` "
				"from its entry in the config file");
	if (size && strncmp(c->url, "http://", 7) != 0 && strncmp(c->url, "https://", 8) != 0)
		return gv_fault(t,
				"config url: it begins with http:// or https://, as \"https://updates.example.com\"");
	while (size && c->url[size - 1] == '/')
		size--;
	o->url = strndup(c->url, size);
	if (!o->url)
		return -ENOMEM;
	o->signs = !strcmp(c->keys, "node");
	o->approval = c->approval;
	o->timestamp_ms = (int64_t)c->timestamp_s * 1000;
	o->snapshot_ms = (int64_t)c->snapshot_s * 1000;
	o->targets_ms = (int64_t)c->targets_s * 1000;
	o->url_ms = (int64_t)c->url_s * 1000;
	o->retry_ms = (int64_t)c->retry_s * 1000;
	o->bytes_per_s = c->bytes_per_s;
	o->site_bytes_per_s = c->site_bytes_per_s;
	o->device_bytes_per_s = c->device_bytes_per_s;
	if (files_start(o, t) < 0 || documents_start(o, t) < 0)
		return -EINVAL;
	watch_start(t);
	return serve_listen(t, c);
}
GV_ON_START(start, struct ota, Ota__Config)

static void stop(void *self)
{
	struct ota *o = self;

	fleet_close(o);
	files_stop(o);
	gv_zones_fini(&o->zones);
	free(o->url);
	o->url = NULL;
}

static int on_timer(void *self, struct gv_turn *t, const char *name, const void *note)
{
	if (!strcmp(name, "check"))
		return files_check(self, t);
	if (!strcmp(name, "sweep"))
		return files_sweep(t);
	if (!strcmp(name, "sign"))
		return documents_renew(self, t);
	if (!strncmp(name, "device:", strlen("device:")))
		return watch_due(self, t, name + strlen("device:"));
	return decide(self, t, name + strlen("campaign:"));
}

static int on_answer(void *self, struct gv_turn *t, const struct gv_answer *answer)
{
	return drive_answered(self, t, answer);
}

static int on_frame(void *self, struct gv_turn *t, const struct gv_frame *f)
{
	return serve_request(self, t, f);
}

static int on_resync(void *self, struct gv_turn *t, const char *emitter, bool first)
{
	if (!strncmp(emitter, "registry.", strlen("registry.")))
		return device_resync(self, t, emitter);
	watch_start(t); /* steps may have been missed: devices that are under way are asked for */
	return 0;
}

static int changed(struct ota *o, struct gv_turn *t, const Registry__DeviceChanged *m, const struct gv_emitter *from)
{
	return device_changed(o, t, m, from);
}
GV_ON_EVENT(changed, struct ota, Registry__DeviceChanged)

static int identified(struct ota *o, struct gv_turn *t, const Update__DeviceIdentified *m,
		      const struct gv_emitter *from)
{
	device_identified(o, t, m);
	return hear_identified(o, t, m);
}
GV_ON_EVENT(identified, struct ota, Update__DeviceIdentified)

static int progressed(struct ota *o, struct gv_turn *t, const Update__UpdateProgressed *m,
		      const struct gv_emitter *from)
{
	return hear_progressed(o, t, m);
}
GV_ON_EVENT(progressed, struct ota, Update__UpdateProgressed)

static int session_ended(struct ota *o, struct gv_turn *t, const Charging__SessionEnded *m,
			 const struct gv_emitter *from)
{
	return hear_session(o, t, m);
}
GV_ON_EVENT(session_ended, struct ota, Charging__SessionEnded)

static int rental_started(struct ota *o, struct gv_turn *t, const Rental__RentalStarted *m,
			  const struct gv_emitter *from)
{
	return hear_rental(o, t, m->device, false);
}
GV_ON_EVENT(rental_started, struct ota, Rental__RentalStarted)

static int rental_failed(struct ota *o, struct gv_turn *t, const Rental__RentalFailed *m, const struct gv_emitter *from)
{
	return hear_rental(o, t, m->device, true);
}
GV_ON_EVENT(rental_failed, struct ota, Rental__RentalFailed)

static const struct gv_method methods[] = {
	{ "PutArtifact", artifact_put },
	{ "GetArtifact", artifact_find },
	{ "ListArtifacts", artifact_list },
	{ "DeleteArtifact", artifact_delete },
	{ "PutSignature", signature_put },
	{ "PutDocument", document_put },
	{ "GetRepository", repository_get },
	{ "OpenUpload", upload_open },
	{ "GetAgentToken", agent_token },
	{ "PutCampaign", campaign_put },
	{ "GetCampaign", campaign_find },
	{ "ListCampaigns", campaign_list },
	{ "ApproveCampaign", campaign_approve },
	{ "StartCampaign", campaign_start },
	{ "PauseCampaign", campaign_pause },
	{ "ResumeCampaign", campaign_resume },
	{ "AbortCampaign", campaign_abort },
	{ "ListAssignments", assignment_list },
	{ "Preview", campaign_preview },
	{ "ListAudit", audit_list },
	{ 0 },
};

GV_PLUGIN = {
	GV_STAMP,
	.name = "ota",
	.version = "0.1.0",
	.summary = "Updates over the air: signed artifacts, and campaigns that put them onto chosen devices",
	.config = &ota__config__descriptor,
	.serves = GV_SERVES({ &ota__ota__descriptor, methods }),
	.hears = GV_HEARS({ &registry__device_changed__descriptor, changed_event },
			  { &update__device_identified__descriptor, identified_event },
			  { &update__update_progressed__descriptor, progressed_event },
			  { &charging__session_ended__descriptor, session_ended_event },
			  { &rental__rental_started__descriptor, rental_started_event },
			  { &rental__rental_failed__descriptor, rental_failed_event }),
	.emits = GV_EMITS({ &ota__campaign_changed__descriptor, NULL }, { &ota__assignment_changed__descriptor, NULL }),
	.calls = GV_CALLS(&update__updates__descriptor),
	.listens = GV_LISTENS(SERVE_PATH),
	.tables = GV_TABLES(&ota_devices, &ota_members, &ota_secrets, &ota_counters, &ota_artifacts, &ota_products,
			    &ota_blobs, &ota_documents, &ota_roles, &ota_campaigns, &ota_work, &ota_assignments,
			    &ota_doing, &ota_by_device, &ota_queue, &ota_active, &ota_attempts, &ota_busy, &ota_audit),
	.notes = GV_NOTES(&ota__assignment_note__descriptor, &ota__campaign_note__descriptor),
	.schema_set = GV_SCHEMA(ota),
	.schema = 1,
	.self_size = sizeof(struct ota),
	.start = start_start,
	.stop = stop,
	.on_answer = on_answer,
	.on_timer = on_timer,
	.on_frame = on_frame,
	.on_resync = on_resync,
};
