/* What an operator publishes and what a device is told to run (docs/protocols/ota.md): artifacts, which are TUF targets
 * with a `custom` of ours, signed offline; and assignments, signed online by the role `director` (Uptane's), which
 * targets.json delegates to. A device installs only what both name with the same hash and length.
 *
 * As tuf.h: bytes in, decisions out; 0 or a negative enum tuf_result with a sentence in *err.
 */
#ifndef OTA_ARTIFACT_H
#define OTA_ARTIFACT_H

#include "tuf.h"

#ifdef __cplusplus
extern "C" {
#endif

#define OTA_NAME_MAX 64    /* bytes of a name: a product's, a vendor's, a model's, a hardware's */
#define OTA_VERSION_MAX 64 /* bytes of a version */
#define OTA_NAMES_MAX 64   /* entries of a list of names or versions */
#define OTA_SECONDS_MAX 86400
#define OTA_SIGNATURE_MAX 800    /* what SignedUpdateFirmware takes */
#define OTA_CERTIFICATE_MAX 5500 /* the same */
#define OTA_DEVICE_MAX 128
#define OTA_DELTAS_MAX 8
#define OTA_ROLE_DIRECTOR "director"
#define OTA_PATHS_DIRECTOR "assignments/*" /* what the delegation is for: no artifact's path matches it */

enum ota_kind { OTA_FIRMWARE, OTA_SOFTWARE, OTA_CONFIG, OTA_KINDS };
const char *ota_kind_name(enum ota_kind kind); /* "firmware" */

/* A target's `custom`. Texts and lists are borrowed from the document. */
struct ota_artifact {
	const char *product;
	enum ota_kind kind;
	const char *version;
	int64_t counter; /* rises with each release of a product's kind; a device never goes below its own */
	/* Lists of texts; NULL: any. For a device all three must name it. */
	const struct cJSON *vendors, *models, *hardware;
	const struct cJSON *from; /* versions from which it may be installed; NULL: any */
	struct {
		int seconds;  /* how long the device is away */
		bool reboots; /* the device restarts as a whole, not only a process of it */
		int slots;    /* 2: the device keeps the version before and can go back by itself */
		bool charges; /* sessions go on meanwhile */
	} install;
	const char *signature, *certificate; /* the vendor's, for SignedUpdateFirmware; NULL: none */
};
/* Refuses what is not exactly so, by name: `path` begins the error's text. Unknown members are for later versions. */
int ota_artifact_read(const struct tuf_file *target, struct ota_artifact *ret, struct tuf_error *err);
/* Whether such a list is NULL or holds the text. */
bool ota_artifact_names(const struct cJSON *list, const char *text);

/* A device as the decision sees it. */
struct ota_device {
	const char *id, *product;
	const char *vendor, *model, *hardware; /* "": unknown, then only artifacts that do not ask */
	const char
		*version; /* of the artifact's kind, as installed; "": unknown, then only artifacts from any version */
	int64_t counter;  /* the highest of the artifact's kind that was confirmed */
	const char *sha256; /* of what is installed of it; NULL: unknown */
};
/* TUF_NOT_FOR_US, or TUF_ROLLBACK: its counter is lower than what the device runs. */
int ota_artifact_fits(const struct ota_artifact *it, const struct ota_device *device, struct tuf_error *err);

/* A way from what is installed to the target. Its own hash is signed online, its outcome is the target's, offline. */
struct ota_delta {
	char algorithm[16]; /* "gd1" or "zstd" (plugins/ota/delta); others are passed over */
	char from[TUF_HASH_TEXT];
	char sha256[TUF_HASH_TEXT]; /* of the delta; and its place: deltas/SHA256 */
	int64_t length;             /* of the delta, bytes */
};

struct ota_assignment {
	char device[OTA_DEVICE_MAX + 1];
	char id[OTA_NAME_MAX + 1]; /* the server's, for reports */
	int64_t version;           /* rises with each assignment of a device */
	int64_t expires_s;
	char path[TUF_PATH_MAX + 1];
	int64_t length;
	char sha256[TUF_HASH_TEXT];
	int64_t counter;
	int64_t window_from_s, window_until_s; /* when to install; 0, 0: whenever it is fit */
	struct ota_delta deltas[OTA_DELTAS_MAX];
	size_t delta_count;
};
/* Of a document of TUF_ASSIGNMENT, which the caller has verified. */
int ota_assignment_read(const struct tuf_document *it, struct ota_assignment *ret, struct tuf_error *err);
/* What is to be signed by the director; the caller's to delete. NULL: no memory. */
struct cJSON *ota_assignment_make(const struct ota_assignment *it);

/* The whole decision of a device over the bytes of an assignment: signature, expiry, device, that it is not older than
 * `seen_version`, that the trusted targets name the same file, and that it fits or is installed already. OTA_DONE: it
 * is the one of seen_version, and *ret is untouched. `device`'s version and counter are those of the kind that is
 * assigned: `of_kind` is called with it to fill them in. */
#define OTA_DONE 1
struct ota_order {
	struct ota_assignment assignment;
	struct tuf_file target;
	struct ota_artifact artifact;
};
int ota_decide(const struct tuf_document *targets, const void *data, size_t size, int64_t now_s, int64_t seen_version,
	       struct ota_device *device, void (*of_kind)(void *arg, enum ota_kind kind, struct ota_device *device),
	       void *arg, struct ota_order *ret, struct tuf_error *err);

#ifdef __cplusplus
}
#endif

#endif
