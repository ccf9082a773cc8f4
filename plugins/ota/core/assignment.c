/* Assignments: what the server tells one device to run, and the device's whole decision over it. */
#include "artifact.h"
#include "tuf_internal.h"

#include <string.h>

static int copy_text(const cJSON *object, const char *name, size_t max, char *ret, struct tuf_error *err)
{
	const char *text;
	int r = tuf_text(object, name, max, "assignment", &text, err);

	if (r == 0)
		memcpy(ret, text, strlen(text) + 1);
	return r;
}

static int copy_hash(const cJSON *object, const char *name, char ret[TUF_HASH_TEXT], struct tuf_error *err)
{
	int r = copy_text(object, name, TUF_HASH_TEXT - 1, ret, err);

	if (r == 0 && !tuf_is_hash(ret))
		return tuf_refuse(err, TUF_MALFORMED, "assignment: %s must be 64 hex digits", name);
	return r;
}

static int read_target(const cJSON *payload, struct ota_assignment *it, struct tuf_error *err)
{
	const cJSON *target, *hashes;
	int r;

	if ((r = tuf_object(payload, "target", "assignment", &target, err)) < 0 ||
	    (r = copy_text(target, "path", TUF_PATH_MAX, it->path, err)) < 0 ||
	    (r = tuf_number(target, "length", 0, TUF_TARGET_LENGTH_MAX, "assignment", &it->length, err)) < 0 ||
	    (r = tuf_number(target, "counter", 1, TUF_NUMBER_MAX, "assignment", &it->counter, err)) < 0 ||
	    (r = tuf_object(target, "hashes", "assignment", &hashes, err)) < 0)
		return r;
	return copy_hash(hashes, "sha256", it->sha256, err);
}

static int read_window(const cJSON *payload, struct ota_assignment *it, struct tuf_error *err)
{
	const cJSON *window = tuf_member(payload, "window");
	const char *from, *until;
	int r;

	if (!window)
		return 0;
	if ((r = tuf_text(window, "from", 32, "assignment's window", &from, err)) < 0 ||
	    (r = tuf_text(window, "until", 32, "assignment's window", &until, err)) < 0)
		return r;
	if (tuf_time_read(from, &it->window_from_s) < 0 || tuf_time_read(until, &it->window_until_s) < 0 ||
	    it->window_until_s <= it->window_from_s)
		return tuf_refuse(
			err, TUF_MALFORMED,
			"assignment: window must be two times such as 2027-01-31T00:00:00Z, from before until");
	return 0;
}

static int read_deltas(const cJSON *payload, struct ota_assignment *it, struct tuf_error *err)
{
	const cJSON *list, *entry;
	int r;

	if (!tuf_member(payload, "deltas"))
		return 0;
	r = tuf_list(payload, "deltas", OTA_DELTAS_MAX, "assignment", &list, err);
	if (r < 0)
		return r;
	cJSON_ArrayForEach(entry, list)
	{
		struct ota_delta *delta = &it->deltas[it->delta_count++];

		if ((r = copy_text(entry, "algorithm", sizeof(delta->algorithm) - 1, delta->algorithm, err)) < 0 ||
		    (r = copy_hash(entry, "from", delta->from, err)) < 0 ||
		    (r = copy_hash(entry, "sha256", delta->sha256, err)) < 0 ||
		    (r = tuf_number(entry, "length", 1, TUF_TARGET_LENGTH_MAX, "assignment", &delta->length, err)) < 0)
			return r;
	}
	return 0;
}

int ota_assignment_read(const struct tuf_document *document, struct ota_assignment *ret, struct tuf_error *err)
{
	struct ota_assignment it = { .version = tuf_version(document), .expires_s = tuf_expires_s(document) };
	const cJSON *payload = tuf_signed(document);
	int r;

	if ((r = copy_text(payload, "device", OTA_DEVICE_MAX, it.device, err)) < 0 ||
	    (r = copy_text(payload, "id", OTA_NAME_MAX, it.id, err)) < 0 || (r = read_target(payload, &it, err)) < 0 ||
	    (r = read_window(payload, &it, err)) < 0 || (r = read_deltas(payload, &it, err)) < 0)
		return r;
	*ret = it;
	return 0;
}

/* ---- writing --------------------------------------------------------------------------------- */

static bool add_target(cJSON *payload, const struct ota_assignment *it)
{
	cJSON *target = cJSON_AddObjectToObject(payload, "target"), *hashes;

	return target && cJSON_AddStringToObject(target, "path", it->path) &&
	       cJSON_AddNumberToObject(target, "length", (double)it->length) &&
	       cJSON_AddNumberToObject(target, "counter", (double)it->counter) &&
	       (hashes = cJSON_AddObjectToObject(target, "hashes")) &&
	       cJSON_AddStringToObject(hashes, "sha256", it->sha256);
}

static bool add_window(cJSON *payload, const struct ota_assignment *it)
{
	cJSON *window = cJSON_AddObjectToObject(payload, "window");
	char from[24], until[24];

	tuf_time_write(it->window_from_s, from);
	tuf_time_write(it->window_until_s, until);
	return window && cJSON_AddStringToObject(window, "from", from) &&
	       cJSON_AddStringToObject(window, "until", until);
}

static bool add_deltas(cJSON *payload, const struct ota_assignment *it)
{
	cJSON *list = cJSON_AddArrayToObject(payload, "deltas");
	bool good = list != NULL;

	for (size_t i = 0; i < it->delta_count && good; i++) {
		cJSON *entry = cJSON_CreateObject();

		good = entry && cJSON_AddItemToArray(list, entry) &&
		       cJSON_AddStringToObject(entry, "algorithm", it->deltas[i].algorithm) &&
		       cJSON_AddStringToObject(entry, "from", it->deltas[i].from) &&
		       cJSON_AddStringToObject(entry, "sha256", it->deltas[i].sha256) &&
		       cJSON_AddNumberToObject(entry, "length", (double)it->deltas[i].length);
	}
	return good;
}

cJSON *ota_assignment_make(const struct ota_assignment *it)
{
	cJSON *payload = tuf_make_common("assignment", it->version, it->expires_s);

	if (payload && cJSON_AddStringToObject(payload, "device", it->device) &&
	    cJSON_AddStringToObject(payload, "id", it->id) && add_target(payload, it) &&
	    (!it->window_until_s || add_window(payload, it)) && (!it->delta_count || add_deltas(payload, it)))
		return payload;
	cJSON_Delete(payload);
	return NULL;
}

/* ---- the decision ---------------------------------------------------------------------------- */

/* Uptane's rule: the offline keys name the file with this hash and length, and so does the director. */
static int same_file(const struct ota_order *order, struct tuf_error *err)
{
	const struct ota_assignment *it = &order->assignment;

	if (it->length != order->target.length || strcmp(it->sha256, order->target.sha256) != 0)
		return tuf_refuse(err, TUF_WRONG_HASH, "the director assigns other bytes of %.128s than targets names",
				  it->path);
	if (it->counter != order->artifact.counter)
		return tuf_refuse(err, TUF_WRONG_VERSION,
				  "the director assigns %.128s with the counter %lld, targets says %lld", it->path,
				  (long long)it->counter, (long long)order->artifact.counter);
	return 0;
}

static int check_assignment(const struct tuf_document *document, const struct ota_assignment *it, int64_t now_s,
			    int64_t seen_version, const char *device, struct tuf_error *err)
{
	if (strcmp(it->device, device) != 0)
		return tuf_refuse(err, TUF_WRONG_DEVICE, "the assignment is for %s, this is %s", it->device, device);
	if (it->version < seen_version)
		return tuf_refuse(err, TUF_ROLLBACK, "assignment version %lld is older than the %lld that was seen",
				  (long long)it->version, (long long)seen_version);
	return tuf_check_expiry(document, now_s, err);
}

int ota_decide(const struct tuf_document *targets, const void *data, size_t size, int64_t now_s, int64_t seen_version,
	       struct ota_device *device, void (*of_kind)(void *arg, enum ota_kind kind, struct ota_device *device),
	       void *arg, struct ota_order *ret, struct tuf_error *err)
{
	struct tuf_document *document;
	struct ota_order order = { 0 };
	int r = tuf_read(TUF_ASSIGNMENT, data, size, &document, err);

	if (r < 0)
		return r;
	r = tuf_verify(document, targets, err);
	if (r == 0)
		r = ota_assignment_read(document, &order.assignment, err);
	if (r == 0)
		r = check_assignment(document, &order.assignment, now_s, seen_version, device->id, err);
	tuf_document_destroy(document);
	if (r == 0 && order.assignment.version == seen_version)
		return OTA_DONE;
	if (r < 0 || (r = tuf_target(targets, order.assignment.path, &order.target, err)) < 0 ||
	    (r = ota_artifact_read(&order.target, &order.artifact, err)) < 0 || (r = same_file(&order, err)) < 0)
		return r;
	of_kind(arg, order.artifact.kind, device);
	if (!device->sha256 || strcmp(device->sha256, order.target.sha256) != 0)
		r = ota_artifact_fits(&order.artifact, device, err);
	if (r == 0)
		*ret = order;
	return r;
}
