/* A device that updates itself (docs/protocols/ota.md): fetches metadata and its assignment, downloads, writes the slot
 * that does not run, switches, restarts its process, and confirms or goes back. For Linux; galvan-ota-agent is the
 * command.
 *
 * All that must survive is one file, state.json, which is replaced as a whole: what is confirmed, what is on trial,
 * what was seen, and the reports that wait. A power loss between any two instructions leaves the one before or the one
 * after. A slot that the state does not name may hold anything.
 *
 * One thread; functions return 0 or a negative errno, having said why in *err.
 */
#ifndef OTA_AGENT_H
#define OTA_AGENT_H

#include "plugins/ota/core/artifact.h"

#include <limits.h>
#include <sys/types.h>

struct cJSON;

#define AGENT_ARGUMENTS_MAX 32
#define AGENT_TEXT_MAX 256
#define AGENT_OUTBOX_MAX 64  /* reports that wait; beyond it the oldest that is no outcome goes */
#define AGENT_STARTS_MAX 3   /* of what is on trial, before it is given up */
#define AGENT_ATTEMPTS_MAX 5 /* of a download in a row */
#define AGENT_STATE_MAX (1 << 20)
#define AGENT_WINDOW_MAX (256 << 20) /* of a zstd delta */

struct agent_config {
	char server[AGENT_TEXT_MAX]; /* "https://cloud.example:8080/ota" */
	char device[OTA_DEVICE_MAX + 1], password[AGENT_TEXT_MAX], ca[PATH_MAX];
	char product[OTA_NAME_MAX + 1], vendor[OTA_NAME_MAX + 1], model[OTA_NAME_MAX + 1], hardware[OTA_NAME_MAX + 1];
	char *run[AGENT_ARGUMENTS_MAX +
		  1]; /* the process; @firmware@, @software@, @config@ stand for the files that run */
	int health_s, poll_s, timeout_s;
	char slots[OTA_KINDS][2][PATH_MAX]; /* "": the device takes nothing of the kind */
};

/* A file that is in a slot. */
struct agent_image {
	int slot; /* -1: there is none */
	char version[OTA_VERSION_MAX + 1], sha256[TUF_HASH_TEXT];
	int64_t counter, length;
	/* On trial only: */
	char id[OTA_NAME_MAX + 1]; /* the assignment's */
	int64_t assignment;        /* its version */
	int64_t starts;
};

/* What is reported of an assignment. */
struct agent_about {
	char id[OTA_NAME_MAX + 1];
	int64_t version, total;
};

struct agent {
	char folder[PATH_MAX];
	struct agent_config config;
	struct cJSON *state;
	struct agent_about about;
	void *curl;
	int64_t now_s; /* of the cycle */
	pid_t child;   /* 0: none */
	int stop_fd;   /* readable when the agent shall end; -1: never */
};

/* ---- files.c: what is on disk when they return ----------------------------------------------- */

int agent_path(const struct agent *a, const char *name, char ret[PATH_MAX]);
/* What a rename, a removal or a new file needs to be on disk: the folder that `path` lies in. */
int agent_sync_folder(const char *path);
/* Replaces a file of the agent's folder as a whole. */
int agent_replace(const struct agent *a, const char *name, const void *data, size_t size);
int agent_remove(const struct agent *a, const char *name);
/* A whole file of at most `max` bytes; free() frees. -ENOENT: there is none. */
int agent_read(const struct agent *a, const char *name, size_t max, char **ret, size_t *ret_size);
/* SHA-256 of the first `length` bytes; -ENODATA: there are fewer. */
int agent_hash(const char *path, int64_t length, char ret[TUF_HASH_TEXT]);
int agent_write_all(int fd, const void *data, size_t size);

/* ---- config.c and state.c -------------------------------------------------------------------- */

int agent_open(const char *folder, struct agent *ret, struct tuf_error *err);
void agent_close(struct agent *a);
int agent_read_config(struct agent *a, struct tuf_error *err);
int agent_read_state(struct agent *a, struct tuf_error *err);
int agent_save(struct agent *a);
struct agent_image agent_confirmed(const struct agent *a, enum ota_kind kind);
/* What is on trial, of whatever kind. */
bool agent_trial(const struct agent *a, enum ota_kind *ret_kind, struct agent_image *ret);
void agent_set_confirmed(struct agent *a, enum ota_kind kind, const struct agent_image *it);
void agent_set_trial(struct agent *a, enum ota_kind kind, const struct agent_image *it);
void agent_clear_trial(struct agent *a);
int64_t agent_seen(const struct agent *a); /* the version of the newest assignment that was acted on to its end */
void agent_set_seen(struct agent *a, int64_t version);
/* What the device leaves the factory with: copies a file into the first slot and confirms it. */
int agent_factory(struct agent *a, enum ota_kind kind, const char *file, const char *version, int64_t counter,
		  struct tuf_error *err);

/* ---- http.c ---------------------------------------------------------------------------------- */

struct agent_body {
	char *data; /* free() frees */
	size_t size, max;
	bool too_large;
};
/* Status of the answer, or negative: none came. A body beyond `max` ends the request. */
int agent_get(struct agent *a, const char *path, size_t max, struct agent_body *ret, struct tuf_error *err);
int agent_post(struct agent *a, const char *path, const char *json, struct tuf_error *err);
/* Into download/NAME, going on where it broke off; `sha256` is what the server's ETag is. 0: all bytes are there and on
 * disk, unverified. */
int agent_download(struct agent *a, const char *path, const char *name, int64_t length, const char *sha256,
		   struct tuf_error *err);

/* ---- report.c -------------------------------------------------------------------------------- */

/* Adds a report to the state, which the caller saves. */
void agent_report(struct agent *a, const char *step, int result, const char *detail, int64_t bytes);
/* Sends what waits, in order, until the server does not answer. */
void agent_send(struct agent *a);

/* ---- refresh.c, fetch.c, install.c, process.c ------------------------------------------------ */

/* A client with all roles trusted; its refusals are results of tuf.h. */
int agent_refresh(struct agent *a, struct tuf_client **ret, struct tuf_error *err);
/* The order's file, verified, into download/SHA256. */
int agent_fetch(struct agent *a, const struct tuf_document *root, const struct ota_order *order, struct tuf_error *err);
/* Into the slot that does not run, read back, and on trial. */
int agent_install(struct agent *a, const struct ota_order *order, struct tuf_error *err);
/* Removes downloads, but for those whose names begin with `kept`; "": all. */
void agent_tidy(struct agent *a, const char *kept);
/* Starts the process with what is on trial or confirmed, in place of the one that runs. */
int agent_start(struct agent *a, struct tuf_error *err);
void agent_stop(struct agent *a);
/* Starts what is on trial, and confirms it or goes back. 1: confirmed, 0: gone back. */
int agent_try(struct agent *a, struct tuf_error *err);

/* ---- cycle.c --------------------------------------------------------------------------------- */

/* One look at the server and all that follows. 1: something was installed; 0: there was nothing to do; negative: *err.
 */
int agent_cycle(struct agent *a, struct tuf_error *err);
/* Cycles until stop_fd is readable, restarting the process where it dies. */
int agent_run(struct agent *a, struct tuf_error *err);

#endif
