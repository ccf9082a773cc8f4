/* A repository of updates whose keys are all at hand, so that a test can be its operator, its server and its attacker;
 * and a device's refresh from it. */
#ifndef REPOSITORY_H
#define REPOSITORY_H

#include "plugins/ota/core/artifact.h"

#define NOW_S INT64_C(1800000000) /* 2027-01-15 */
#define DAY_S 86400
#define ARTIFACT_PATH "pile/firmware-1.1.0.bin"
#define ARTIFACT "the firmware 1.1.0 of a pile"

/* Keys by what they are for; a role's keys follow each other. */
enum { ROOT_KEY = 1, TARGETS_KEY = 11, SNAPSHOT_KEY = 21, TIMESTAMP_KEY = 31, DIRECTOR_KEY = 41 };

struct served {
	char name[64];
	char *data;
	size_t size;
};

struct repository {
	int first[TUF_ROLES];   /* the first key of each role */
	int signers[TUF_ROLES]; /* how many of them sign: more than the threshold never hurt */
	int64_t version[TUF_ROLES];
	int64_t expires_s[TUF_ROLES];
	int64_t counter; /* of the artifact */
	struct served documents[64];
	size_t count;
};

void repository_init(struct repository *r);
void repository_fini(struct repository *r);
/* Signs anew what the role stands for and serves it, by its name with a version where it has one. */
void repository_sign(struct repository *r, enum tuf_role role);
/* Root first, then upwards from targets: a consistent state. */
void repository_publish(struct repository *r);
const struct served *repository_find(const struct repository *r, const char *name);
void repository_replace(struct repository *r, const char *name, const void *data, size_t size);
const uint8_t *repository_seed(int key);
/* An assignment of the artifact, to be changed and signed. */
struct ota_assignment repository_assignment(const struct repository *r);
char *repository_assign(const struct repository *r, const struct ota_assignment *it, int key, size_t *ret_size);

/* What a device keeps between two refreshes. */
struct device {
	struct served stored[TUF_ASSIGNMENT];
	int fetched; /* documents that the last refresh took from the server */
	struct tuf_error error;
	struct tuf_client *client; /* of the last refresh */
};

void device_init(struct device *d, const struct repository *r);
void device_fini(struct device *d);
/* TUF_OK or why it was refused; `now_s` is the device's time. */
enum tuf_result device_refresh(struct device *d, const struct repository *r, int64_t now_s);

#endif
