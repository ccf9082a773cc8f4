/* The documents of the roles whose keys are online: snapshot and timestamp. */
#include "tuf_internal.h"

#define SPEC_VERSION "1.0.31" /* what python-tuf 7 writes */

cJSON *tuf_make_common(const char *type, int64_t version, int64_t expires_s)
{
	cJSON *it = cJSON_CreateObject();
	char expires[24];

	tuf_time_write(expires_s, expires);
	if (it && cJSON_AddStringToObject(it, "_type", type) &&
	    cJSON_AddStringToObject(it, "spec_version", SPEC_VERSION) &&
	    cJSON_AddNumberToObject(it, "version", (double)version) && cJSON_AddStringToObject(it, "expires", expires))
		return it;
	cJSON_Delete(it);
	return NULL;
}

static bool add_content(cJSON *meta, const struct tuf_content *content)
{
	char sha256[TUF_HASH_TEXT];
	cJSON *entry = cJSON_AddObjectToObject(meta, content->name), *hashes;

	return entry && tuf_sha256(content->data, content->size, sha256) == 0 &&
	       cJSON_AddNumberToObject(entry, "version", (double)content->version) &&
	       cJSON_AddNumberToObject(entry, "length", (double)content->size) &&
	       (hashes = cJSON_AddObjectToObject(entry, "hashes")) && cJSON_AddStringToObject(hashes, "sha256", sha256);
}

static cJSON *make(const char *type, int64_t version, int64_t expires_s, const struct tuf_content *contents,
		   size_t count)
{
	cJSON *it = tuf_make_common(type, version, expires_s), *meta = it ? cJSON_AddObjectToObject(it, "meta") : NULL;
	bool good = meta != NULL;

	for (size_t i = 0; i < count && good; i++)
		good = add_content(meta, &contents[i]);
	if (good)
		return it;
	cJSON_Delete(it);
	return NULL;
}

cJSON *tuf_make_snapshot(int64_t version, int64_t expires_s, const struct tuf_content *documents, size_t count)
{
	return make("snapshot", version, expires_s, documents, count);
}

cJSON *tuf_make_timestamp(int64_t version, int64_t expires_s, const struct tuf_content *snapshot)
{
	return make("timestamp", version, expires_s, snapshot, 1);
}
