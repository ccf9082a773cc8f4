/* What the folders of ota share: its state and its tables. */
#ifndef OTA_H
#define OTA_H

#include <galvan/ota.pb-c.h>
#include <galvan/plugin.h>
#include <lib/zones.h>

#define OTA_PAGE_DEFAULT 100
#define OTA_PAGE_MAX 1000
#define OTA_LOOKED_MAX 10000 /* rows that a list looks at for one page */
#define OTA_DAY_MS INT64_C(86400000)

struct fleet;
struct checks;

struct ota {
	char *url;  /* owned; "": none */
	bool signs; /* this node signs root and targets itself */
	bool approval;
	int64_t timestamp_ms, snapshot_ms, targets_ms, url_ms, retry_ms;
	uint64_t bytes_per_s, site_bytes_per_s, device_bytes_per_s;
	struct gv_zones zones;
	struct fleet *fleet;   /* owned: fleet/fleet.h */
	struct checks *checks; /* owned: repository/files.c */
};

/* ---- tables ---------------------------------------------------------------------------------- */

extern const struct gv_table ota_devices;     /* device -> DeviceRow */
extern const struct gv_table ota_members;     /* site, plugin, device -> Ref */
extern const struct gv_table ota_secrets;     /* name -> SecretRow */
extern const struct gv_table ota_counters;    /* product, kind -> CounterRow */
extern const struct gv_table ota_artifacts;   /* id -> Artifact */
extern const struct gv_table ota_products;    /* product, kind, counter -> Ref: the artifact */
extern const struct gv_table ota_blobs;       /* SHA-256 -> BlobRow */
extern const struct gv_table ota_documents;   /* role, version -> DocumentRow */
extern const struct gv_table ota_roles;       /* role -> RoleRow */
extern const struct gv_table ota_campaigns;   /* id -> Campaign */
extern const struct gv_table ota_work;        /* id -> CampaignWork */
extern const struct gv_table ota_assignments; /* campaign, device -> Assignment */
extern const struct gv_table ota_doing;       /* campaign, device -> AssignmentWork */
extern const struct gv_table ota_by_device;   /* device, campaign -> Ref */
extern const struct gv_table ota_queue;       /* campaign, class, time, device -> QueueRow */
extern const struct gv_table ota_active;      /* device -> ActiveRow */
extern const struct gv_table ota_attempts;    /* number -> ActiveRow */
extern const struct gv_table ota_busy;        /* site, plugin, device -> Ref: out of service */
extern const struct gv_table ota_audit;       /* number -> AuditLine */

/* Lists: what a page holds at most, of what was asked for. */
static inline size_t ota_limit(uint32_t asked)
{
	return !asked ? OTA_PAGE_DEFAULT : asked < OTA_PAGE_MAX ? asked : OTA_PAGE_MAX;
}

/* ---- audit.c: what was done, by whom --------------------------------------------------------- */

void audit(struct gv_turn *t, const char *by, const char *about, const char *fmt, ...) GV_PRINTF(4, 5);
gv_method_fn audit_list;

#endif
