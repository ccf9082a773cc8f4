/* What is offered: artifacts, their files, and the signed documents that name them. */
#ifndef OTA_REPOSITORY_H
#define OTA_REPOSITORY_H

#include "../core/tuf.h"
#include "../ota.h"

/* ---- secrets.c ------------------------------------------------------------------------------- */

#define SECRET_SIZE 32
/* A secret of this node, made when it is first asked for. Lives as long as the turn's memory. */
const uint8_t *secret_get(struct gv_turn *t, const char *name);

/* ---- files.c: the blobs that artifacts and documents are ------------------------------------- */

enum file_state { FILE_READY, FILE_UNCHECKED, FILE_DAMAGED, FILE_GONE };
/* Whether a file may be handed out: each is read and hashed once after a start, some at a time. */
enum file_state file_state(const struct ota *o, struct gv_turn *t, const char *blob);
/* A file has come by an upload. `ours`: nobody had it before. */
void file_came(struct gv_turn *t, const char *blob, uint64_t size, bool ours);
/* A document of ours, as a file that is referred to. */
char *file_make(struct gv_turn *t, const void *data, size_t size);
void file_refer(struct gv_turn *t, const char *blob);
void file_release(struct gv_turn *t, const char *blob);
/* The whole, in the turn's memory; NULL: it is not there, or larger than `most`. */
char *file_read(struct gv_turn *t, const char *blob, size_t most, size_t *ret_size);
int files_start(struct ota *o, struct gv_turn *t);
void files_stop(struct ota *o);
/* Timers "check" and "sweep". */
int files_check(struct ota *o, struct gv_turn *t);
int files_sweep(struct gv_turn *t);
/* The files that are damaged, as warnings. */
void files_warn(struct gv_turn *t, Ota__GetRepositoryReply *reply);

/* ---- artifacts.c, settings.c, vendor.c ------------------------------------------------------- */

const Ota__Artifact *artifact_get(struct gv_turn *t, const char *id);
/* What is wrong with one; NULL: nothing. */
const char *artifact_problem(struct gv_turn *t, const Ota__Artifact *a);
/* Writes a row and its indexes, in a state; what was there before is released. */
void artifact_store(struct gv_turn *t, const Ota__Artifact *a, const char *state);
/* Whether two say the same, as far as people say it. */
bool artifact_same(struct gv_turn *t, const Ota__Artifact *a, const Ota__Artifact *b);
/* A withdrawn one goes when no document in force names it. */
void artifact_remove(struct gv_turn *t, const Ota__Artifact *a);
gv_method_fn artifact_put, artifact_find, artifact_list, artifact_delete;

#define SETTINGS_SIZE_MAX 262144
#define SETTINGS_MAX 500
/* The settings of a configuration file. False: *ret_problem says why. */
bool settings_read(struct gv_turn *t, const char *blob, Update__Setting ***ret, size_t *ret_count,
		   const char **ret_problem);

/* Whether the vendor's signature is over the file, by its certificate. NULL: it is. */
const char *vendor_problem(struct gv_turn *t, const Ota__Artifact *a);
/* When the certificate ends; 0: it cannot be read. */
int64_t vendor_ends_ms(const Ota__Artifact *a);

/* ---- targets.c, documents.c, roots.c, put.c: The Update Framework ---------------------------- */

#define ROLE_ROOT "root"
#define ROLE_TARGETS "targets"
#define ROLE_SNAPSHOT "snapshot"
#define ROLE_TIMESTAMP "timestamp"
#define KEY_ONLINE "online"     /* signs snapshot and timestamp */
#define KEY_DIRECTOR "director" /* signs assignments */

/* The artifacts have changed: the next targets document is made. "": it is in force; else what is to be signed. */
const char *targets_make(struct ota *o, struct gv_turn *t);
/* Takes a targets document that is signed well: artifacts follow it, snapshot and timestamp are made. NULL, or what is
 * wrong. */
const char *targets_take(struct ota *o, struct gv_turn *t, const struct tuf_document *it, const char *text,
			 size_t size);

const Ota__RoleRow *role_get(struct gv_turn *t, const char *role);
/* The document in force; NULL: there is none. tuf_document_destroy frees. */
struct tuf_document *document_load(struct gv_turn *t, enum tuf_role role);
const Ota__DocumentRow *document_row(struct gv_turn *t, const char *role, uint64_t version);
/* Keeps a document, which is then the one in force. */
void document_store(struct gv_turn *t, const char *role, uint64_t version, int64_t expires_s, const char *text,
		    size_t size);
/* Signs what people of this node sign: text in the turn's memory, NULL: a fault was said. Deletes the payload. */
char *document_sign(struct gv_turn *t, struct cJSON *payload, const char *key, size_t *ret_size);
/* _type, spec_version, version, expires; NULL: no memory. */
struct cJSON *document_begin(const char *type, uint64_t version, int64_t expires_s);
/* A new snapshot of targets, and its timestamp. */
void documents_publish(struct ota *o, struct gv_turn *t);
int documents_start(struct ota *o, struct gv_turn *t);
/* Timer "sign": what expires is signed anew. */
int documents_renew(struct ota *o, struct gv_turn *t);
/* keys: node. */
void roots_make(struct ota *o, struct gv_turn *t);
struct tuf_public key_public(struct gv_turn *t, const char *name);
gv_method_fn document_put, signature_put, repository_get;

#endif
