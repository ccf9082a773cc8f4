/* The Update Framework (specification 1.0, https://theupdateframework.github.io/specification/): the metadata of a
 * repository, for the server that keeps it, for devices, and for whoever stands between (docs/protocols/ota.md).
 *
 * Bytes in, decisions out: no I/O, no clock, no randomness. Needs C's standard library, libcrypto and cJSON. Documents
 * are those of the package `tuf` of PyPI, byte by byte: JSON, signed over its canonical form, keys named by the SHA-256
 * of theirs.
 *
 * Functions return 0 or a negative enum tuf_result and then say why in *err (which may be NULL); what they return by
 * pointer is untouched on failure. Nothing is shared between two objects. Times are seconds since 1970, UTC.
 */
#ifndef TUF_H
#define TUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct cJSON;

/* Bytes of a document at most: those of python-tuf's client, so that what it takes is taken here. */
#define TUF_ROOT_MAX 512000
#define TUF_TIMESTAMP_MAX 16384
#define TUF_SNAPSHOT_MAX 2000000
#define TUF_TARGETS_MAX 5000000
#define TUF_ASSIGNMENT_MAX 65536
#define TUF_VALUES_MAX (1 << 18) /* lists, objects and their members in a document: what bounds its memory */
#define TUF_DEPTH_MAX 32         /* lists and objects within each other */
#define TUF_KEYS_MAX 64          /* keys of a role, and signatures of a document */
#define TUF_ROTATIONS_MAX 256    /* roots that a client goes through in one run */
#define TUF_TARGET_LENGTH_MAX (INT64_C(1) << 40)
#define TUF_NUMBER_MAX ((INT64_C(1) << 53) - 1) /* what every reader of JSON keeps exactly */
#define TUF_PATH_MAX 512
#define TUF_HASH_TEXT 65 /* a SHA-256 in hex with its final zero */
#define TUF_SEED_SIZE 32 /* an Ed25519 private key */
#define TUF_ERROR_MAX 320

/* Why something was refused. Reports carry the names, so they never change their meaning. */
enum tuf_result {
	TUF_OK = 0,
	TUF_MALFORMED = 1,     /* no JSON, or a field is missing or of another type */
	TUF_TOO_LARGE = 2,     /* endless data: more bytes than the role, or the signed length, allows */
	TUF_WRONG_ROLE = 3,    /* a document of another role or of another major version of the specification */
	TUF_BAD_KEYID = 4,     /* a key's name is not the hash of the key */
	TUF_THRESHOLD = 5,     /* fewer good signatures than the role asks for */
	TUF_EXPIRED = 6,       /* freeze: the metadata's time is over */
	TUF_ROLLBACK = 7,      /* older than what is trusted already */
	TUF_WRONG_VERSION = 8, /* mix and match: not the version that the metadata above names */
	TUF_WRONG_HASH = 9,    /* not the bytes that the metadata above names */
	TUF_WRONG_LENGTH = 10, /* shorter than the metadata above says */
	TUF_MISSING = 11,      /* the metadata above does not name it, or the server does not have it */
	TUF_ORDER = 12,        /* the caller gave something that was not asked for */
	TUF_NO_MEMORY = 13,
	TUF_CRYPTO = 14,       /* libcrypto failed by itself */
	TUF_NO_TARGET = 15,    /* arbitrary package: no trusted target has this path */
	TUF_WRONG_DEVICE = 16, /* the assignment is another device's */
	TUF_NOT_FOR_US = 17,   /* another product, hardware or installed version */
	TUF_FAILED = 18,       /* it was not refused, it went wrong: an agent's disk, process or network */
	TUF_RESULTS = 19,
};
const char *tuf_result_name(int result); /* "THRESHOLD", for either sign; "?" for what is none */

struct tuf_error {
	char text[TUF_ERROR_MAX]; /* a sentence without its full stop */
};

enum tuf_role {
	TUF_ROOT,
	TUF_TIMESTAMP,
	TUF_SNAPSHOT,
	TUF_TARGETS,
	TUF_ASSIGNMENT, /* ours: what the server tells one device to run, signed by the role that targets delegates to
			 */
	TUF_ROLES,
};
const char *tuf_role_name(enum tuf_role role); /* "timestamp"; of an assignment the delegated role's: "director" */
size_t tuf_role_max(enum tuf_role role);

/* ---- canonical JSON and time ----------------------------------------------------------------- */

/* Reads bounded JSON: nothing behind it, no double names in an object, no text with a zero character, whole numbers
 * only. cJSON_Delete frees. */
int tuf_json_read(const void *data, size_t size, struct cJSON **ret, struct tuf_error *err);
/* The canonical form as securesystemslib has it (OLPC): what is signed and hashed. Followed by a zero byte that the
 * size does not count; free() frees. */
int tuf_canonical(const struct cJSON *value, char **ret, size_t *ret_size, struct tuf_error *err);
/* The same with control characters as JSON wants them: what is served. Its canonical form is that of `value`. */
int tuf_json_write(const struct cJSON *value, char **ret, size_t *ret_size, struct tuf_error *err);
/* "2026-11-28T21:40:00Z", no other form. */
int tuf_time_read(const char *text, int64_t *ret_s);
void tuf_time_write(int64_t time_s, char ret[24]);
void tuf_hex(const uint8_t *data, size_t size, char *ret);  /* 2 * size + 1 bytes */
int tuf_unhex(const char *text, uint8_t *ret, size_t size); /* exactly size bytes, lower case */
int tuf_sha256(const void *data, size_t size, char ret[TUF_HASH_TEXT]);

/* ---- documents ------------------------------------------------------------------------------- */

struct tuf_document;

/* Reads a document and checks all of its fields, but no signature and no time: nothing in it is to be believed before
 * tuf_verify() has said so. */
int tuf_read(enum tuf_role role, const void *data, size_t size, struct tuf_document **ret, struct tuf_error *err);
void tuf_document_destroy(struct tuf_document *it);
/* Whether enough keys of the role in `delegator` have signed: a trusted root for the four roles (a root's own, for the
 * first), trusted targets for an assignment. A key counts once, under whatever names it stands. */
int tuf_verify(const struct tuf_document *it, const struct tuf_document *delegator, struct tuf_error *err);
/* Whether `next` is the root after `trusted`: its version is one more, and it is signed by both (5.3.4, 5.3.5). */
int tuf_root_follows(const struct tuf_document *next, const struct tuf_document *trusted, struct tuf_error *err);
int tuf_check_expiry(const struct tuf_document *it, int64_t now_s, struct tuf_error *err);

enum tuf_role tuf_role_of(const struct tuf_document *it);
int64_t tuf_version(const struct tuf_document *it);
int64_t tuf_expires_s(const struct tuf_document *it);
bool tuf_consistent(const struct tuf_document *root);          /* consistent_snapshot */
const struct cJSON *tuf_signed(const struct tuf_document *it); /* borrowed: what is signed */
/* Whether `keyid` may sign for `role`, by a root (the four roles) or by targets (TUF_ASSIGNMENT). */
bool tuf_names_key(const struct tuf_document *delegator, enum tuf_role role, const char *keyid);
/* Keys that must sign for the role; 0: it is not named. */
int tuf_threshold(const struct tuf_document *delegator, enum tuf_role role);

/* What timestamp and snapshot say of a document, and targets of a file. */
struct tuf_file {
	int64_t version;            /* of a document; 0 of a target */
	int64_t length;             /* bytes; -1: not said */
	char sha256[TUF_HASH_TEXT]; /* "": not said */
	const struct cJSON *custom; /* of a target, borrowed; NULL: none */
	const char *path;           /* of a target, borrowed */
};
/* Of timestamp ("snapshot.json") and snapshot ("targets.json"). */
int tuf_meta(const struct tuf_document *it, const char *name, struct tuf_file *ret, struct tuf_error *err);
/* A target by its path: it always has a length and a SHA-256. TUF_NO_TARGET. */
int tuf_target(const struct tuf_document *targets, const char *path, struct tuf_file *ret, struct tuf_error *err);
/* One after the other: *cursor is NULL at first. False: there are no more. */
bool tuf_target_each(const struct tuf_document *targets, const struct cJSON **cursor, struct tuf_file *ret);
/* Whether the bytes are those that `meta` names. `what` begins the error's text. */
int tuf_check_file(const struct tuf_file *meta, const void *data, size_t size, const char *what, struct tuf_error *err);
/* Where a target's file lies below the repository's targets/: "dir/HASH.name" with consistent snapshots. TUF_TOO_LARGE:
 * `ret` is too small. */
int tuf_target_location(const struct tuf_document *root, const struct tuf_file *target, char *ret, size_t size);

/* ---- the roles whose keys are online --------------------------------------------------------- */

/* An Ed25519 key. Offline roles may have ecdsa-sha2-nistp256 too, which this only verifies: it needs randomness. */
struct tuf_public {
	char keyid[TUF_HASH_TEXT];
	char public_key[TUF_HASH_TEXT];
};
int tuf_public_of(const uint8_t seed[TUF_SEED_SIZE], struct tuf_public *ret);
/* The key as root.json and delegations carry it; the caller's to delete. NULL: no memory. */
struct cJSON *tuf_public_json(const struct tuf_public *key);
/* A document of `payload` (borrowed) with a signature of each key: JSON text, free() frees. */
int tuf_sign(const struct cJSON *payload, const uint8_t (*seeds)[TUF_SEED_SIZE], size_t count, char **ret,
	     size_t *ret_size, struct tuf_error *err);
/* What a snapshot and a timestamp say, to be signed; the caller's to delete. NULL: no memory. The names' bytes are
 * those that will be served. */
struct tuf_content {
	const char *name; /* "targets.json" */
	int64_t version;
	const void *data;
	size_t size;
};
struct cJSON *tuf_make_snapshot(int64_t version, int64_t expires_s, const struct tuf_content *documents, size_t count);
struct cJSON *tuf_make_timestamp(int64_t version, int64_t expires_s, const struct tuf_content *snapshot);

/* ---- the client's workflow (5) --------------------------------------------------------------- */

struct tuf_client;

struct tuf_bytes {
	const void *data; /* NULL: there is none */
	size_t size;
};
/* What the client kept from earlier runs. The root must be there; the others may be missing or spoilt. */
struct tuf_stored {
	struct tuf_bytes root, timestamp, snapshot, targets;
};
/* `now_s` is the time for the whole run (5.1). Refuses a root that is not signed by itself. */
int tuf_client_create(const struct tuf_stored *stored, int64_t now_s, struct tuf_client **ret, struct tuf_error *err);
void tuf_client_destroy(struct tuf_client *c);

struct tuf_fetch {
	enum tuf_role role;
	char name[64]; /* below the repository's address: "3.root.json", "timestamp.json" */
	size_t max;    /* bytes: stop reading behind them, it is no use to go on */
};
/* What to fetch next. False: all is here, or the run has ended with a refusal. */
bool tuf_client_wants(const struct tuf_client *c, struct tuf_fetch *ret);
bool tuf_client_done(const struct tuf_client *c);

/* What the caller has to keep, in this order, each before it goes on. */
struct tuf_keep {
	bool drop; /* remove the stored timestamp and snapshot: their keys changed (5.3.11, fast-forward recovery) */
	bool keep; /* replace the stored document of the role that was asked for by these bytes */
};
/* What was fetched. A refusal ends the run: the trusted state is as it was. */
int tuf_client_give(struct tuf_client *c, const void *data, size_t size, struct tuf_keep *ret, struct tuf_error *err);
/* The server does not have what is wanted (404, 403). Of the next root that is how a run finds the newest; of another
 * it is TUF_MISSING. */
int tuf_client_absent(struct tuf_client *c, struct tuf_error *err);

/* What is trusted; NULL before its turn. Borrowed from the client. */
const struct tuf_document *tuf_client_trusted(const struct tuf_client *c, enum tuf_role role);

#ifdef __cplusplus
}
#endif

#endif
