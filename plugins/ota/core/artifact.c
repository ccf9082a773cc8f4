/* Artifacts: what a target's `custom` says, and whether it is for a device. */
#include "artifact.h"
#include "tuf_internal.h"

#include <stdio.h>
#include <string.h>

static const char *const KINDS[OTA_KINDS] = { "firmware", "software", "config" };

const char *ota_kind_name(enum ota_kind kind)
{
	return kind < OTA_KINDS ? KINDS[kind] : "?";
}

/* ---- reading --------------------------------------------------------------------------------- */

/* Letters, digits and a few more: what may stand in addresses, file names and base64. */
static bool is_plain(const char *text, const char *more)
{
	for (; *text; text++)
		if (!(*text >= '0' && *text <= '9') && !(*text >= 'a' && *text <= 'z') &&
		    !(*text >= 'A' && *text <= 'Z') && !strchr(more, *text))
			return false;
	return true;
}

/* What people and devices write as names and versions: anything but control characters. */
static bool is_name(const char *text, size_t max)
{
	if (!*text || strlen(text) > max)
		return false;
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			return false;
	return true;
}

static int read_name(const cJSON *custom, const char *name, size_t max, const char *where, const char **ret,
		     struct tuf_error *err)
{
	const char *text;
	int r = tuf_text(custom, name, max, where, &text, err);

	if (r == 0 && !is_name(text, max))
		return tuf_refuse(err, TUF_MALFORMED, "%s: %s has control characters", where, name);
	if (r == 0)
		*ret = text;
	return r;
}

static int read_names(const cJSON *custom, const char *name, size_t max, const char *where, const cJSON **ret,
		      struct tuf_error *err)
{
	const cJSON *list, *item;
	int r;

	if (!tuf_member(custom, name))
		return 0;
	r = tuf_list(custom, name, OTA_NAMES_MAX, where, &list, err);
	if (r < 0)
		return r;
	cJSON_ArrayForEach(item, list)
	{
		if (!cJSON_IsString(item) || !is_name(item->valuestring, max))
			return tuf_refuse(err, TUF_MALFORMED,
					  "%s: %s must hold texts of 1 to %zu bytes without control characters", where,
					  name, max);
	}
	*ret = list->child ? list : NULL;
	return 0;
}

static int read_kind(const cJSON *custom, const char *where, enum ota_kind *ret, struct tuf_error *err)
{
	const char *text;
	int r = tuf_text(custom, "kind", 16, where, &text, err);

	if (r < 0)
		return r;
	for (int i = 0; i < OTA_KINDS; i++)
		if (strcmp(text, KINDS[i]) == 0) {
			*ret = (enum ota_kind)i;
			return 0;
		}
	return tuf_refuse(err, TUF_MALFORMED, "%s: kind must be firmware, software or config", where);
}

static int read_flag(const cJSON *object, const char *name, const char *where, bool *ret, struct tuf_error *err)
{
	const cJSON *it = tuf_member(object, name);

	if (it && !cJSON_IsBool(it))
		return tuf_refuse(err, TUF_MALFORMED, "%s: %s must be true or false", where, name);
	*ret = cJSON_IsTrue(it);
	return 0;
}

static int read_install(const cJSON *custom, const char *where, struct ota_artifact *it, struct tuf_error *err)
{
	const cJSON *install = tuf_member(custom, "install");
	int64_t seconds = 0, slots = 1;
	int r;

	if (install && !cJSON_IsObject(install))
		return tuf_refuse(err, TUF_MALFORMED, "%s: install must be an object", where);
	if (tuf_member(install, "seconds") &&
	    (r = tuf_number(install, "seconds", 0, OTA_SECONDS_MAX, where, &seconds, err)) < 0)
		return r;
	if (tuf_member(install, "slots") && (r = tuf_number(install, "slots", 1, 2, where, &slots, err)) < 0)
		return r;
	it->install.seconds = (int)seconds;
	it->install.slots = (int)slots;
	r = read_flag(install, "reboots", where, &it->install.reboots, err);
	return r < 0 ? r : read_flag(install, "charges", where, &it->install.charges, err);
}

static int read_vendor(const cJSON *custom, const char *where, struct ota_artifact *it, struct tuf_error *err)
{
	const cJSON *vendor = tuf_member(custom, "vendor");
	int r;

	if (!vendor)
		return 0;
	if (!cJSON_IsObject(vendor))
		return tuf_refuse(err, TUF_MALFORMED, "%s: vendor must be an object", where);
	r = tuf_text(vendor, "signature", OTA_SIGNATURE_MAX, where, &it->signature, err);
	if (r < 0 || (r = tuf_text(vendor, "certificate", OTA_CERTIFICATE_MAX, where, &it->certificate, err)) < 0)
		return r;
	if (!is_plain(it->signature, "+/="))
		return tuf_refuse(err, TUF_MALFORMED, "%s: vendor's signature must be base64", where);
	if (strncmp(it->certificate, "-----BEGIN CERTIFICATE-----", 27) != 0)
		return tuf_refuse(err, TUF_MALFORMED, "%s: vendor's certificate must be PEM", where);
	return 0;
}

int ota_artifact_read(const struct tuf_file *target, struct ota_artifact *ret, struct tuf_error *err)
{
	struct ota_artifact it = { 0 };
	const cJSON *custom = target->custom;
	char where[160];
	int r;

	snprintf(where, sizeof(where), "the target %.128s", target->path);
	if (!custom)
		return tuf_refuse(err, TUF_MALFORMED, "%s: has no custom, it is no artifact", where);
	if (!is_plain(target->path, "._-+/"))
		return tuf_refuse(err, TUF_MALFORMED, "%s: its path may have letters, digits and ._-+/ only", where);
	if (strncmp(target->path, "assignments/", 12) == 0)
		return tuf_refuse(err, TUF_MALFORMED, "%s: paths below assignments/ are the director's", where);
	if ((r = read_name(custom, "product", OTA_NAME_MAX, where, &it.product, err)) < 0 ||
	    (r = read_kind(custom, where, &it.kind, err)) < 0 ||
	    (r = read_name(custom, "version", OTA_VERSION_MAX, where, &it.version, err)) < 0 ||
	    (r = tuf_number(custom, "counter", 1, TUF_NUMBER_MAX, where, &it.counter, err)) < 0 ||
	    (r = read_names(custom, "vendors", OTA_NAME_MAX, where, &it.vendors, err)) < 0 ||
	    (r = read_names(custom, "models", OTA_NAME_MAX, where, &it.models, err)) < 0 ||
	    (r = read_names(custom, "hardware", OTA_NAME_MAX, where, &it.hardware, err)) < 0 ||
	    (r = read_names(custom, "from", OTA_VERSION_MAX, where, &it.from, err)) < 0)
		return r;
	if ((r = read_install(custom, where, &it, err)) < 0 || (r = read_vendor(custom, where, &it, err)) < 0)
		return r;
	*ret = it;
	return 0;
}

/* ---- for whom -------------------------------------------------------------------------------- */

bool ota_artifact_names(const cJSON *list, const char *text)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, list)
	{
		if (strcmp(item->valuestring, text) == 0)
			return true;
	}
	return list == NULL;
}

static int named(const struct ota_artifact *it, const cJSON *list, const char *what, const char *own,
		 struct tuf_error *err)
{
	if (ota_artifact_names(list, own))
		return 0;
	return tuf_refuse(err, TUF_NOT_FOR_US, "%s %s is not for the %s %s", ota_kind_name(it->kind), it->version, what,
			  *own ? own : "(unknown)");
}

int ota_artifact_fits(const struct ota_artifact *it, const struct ota_device *device, struct tuf_error *err)
{
	int r;

	if (strcmp(it->product, device->product) != 0)
		return tuf_refuse(err, TUF_NOT_FOR_US, "%s %s is for the product %s, this is %s",
				  ota_kind_name(it->kind), it->version, it->product, device->product);
	if ((r = named(it, it->vendors, "vendor", device->vendor, err)) < 0 ||
	    (r = named(it, it->models, "model", device->model, err)) < 0 ||
	    (r = named(it, it->hardware, "hardware", device->hardware, err)) < 0)
		return r;
	if (!ota_artifact_names(it->from, device->version))
		return tuf_refuse(err, TUF_NOT_FOR_US, "%s %s may not be installed from version %s",
				  ota_kind_name(it->kind), it->version,
				  *device->version ? device->version : "(unknown)");
	if (it->counter < device->counter)
		return tuf_refuse(err, TUF_ROLLBACK, "%s %s has the counter %lld, the device runs %lld",
				  ota_kind_name(it->kind), it->version, (long long)it->counter,
				  (long long)device->counter);
	return 0;
}
