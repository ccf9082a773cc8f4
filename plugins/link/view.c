/* A handshake is answered from memory, never by asking another plugin while a station waits: so link keeps its own view
 * of the registry's devices, fed by its events, and a table from which the view is there at once after a restart. */
#include "view.h"

#include <errno.h>
#include <galvan/link.pb-c.h>
#include <galvan/registry.pb-c.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

#define SLOTS_FIRST 256

struct view_name {
	struct view_name *next;
	struct device *device;
	uint32_t hash;
	const char *text; /* one of the device's names */
};

const struct gv_table view_table = { "devices", "s", &link__known_device__descriptor, false };

uint32_t view_hash(const char *s)
{
	uint32_t h = 2166136261u; /* FNV-1a over the name in lower case */

	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		h = (h ^ (c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c)) * 16777619u;
	}
	return h;
}

int view_init(struct view *v)
{
	memset(v, 0, sizeof(*v));
	if (getrandom(v->key, sizeof(v->key), 0) != sizeof(v->key))
		return -EIO;
	v->slots = calloc(SLOTS_FIRST, sizeof(*v->slots));
	if (!v->slots)
		return -ENOMEM;
	v->n_slots = SLOTS_FIRST;
	return 0;
}

static void device_free(struct device *d)
{
	if (!d)
		return;
	for (size_t i = 0; i < d->n_names; i++)
		free(d->names[i]);
	free(d->names);
	free(d->now.salt);
	free(d->pending.salt);
	free(d->certificate_cn);
	free(d->default_subprotocol);
	free(d->tls_ciphers);
	free(d);
}

static struct view_name **name_find(const struct view *v, const char *text)
{
	uint32_t hash = view_hash(text);
	struct view_name **at = &v->slots[hash & (v->n_slots - 1)];

	while (*at && ((*at)->hash != hash || strcasecmp((*at)->text, text) != 0))
		at = &(*at)->next;
	return at;
}

struct device *view_find(const struct view *v, const char *name)
{
	struct view_name *n = v->slots ? *name_find(v, name) : NULL;

	return n ? n->device : NULL;
}

struct device *view_find_certificate(const struct view *v, const char *common_name)
{
	for (size_t i = 0; v->n_certificates && i < v->n_slots; i++) {
		for (struct view_name *n = v->slots[i]; n; n = n->next) {
			if (n->device->certificate_cn && strcmp(n->device->certificate_cn, common_name) == 0)
				return n->device;
		}
	}
	return NULL;
}

static void grow(struct view *v)
{
	size_t n_slots = v->n_slots * 2;
	struct view_name **slots = calloc(n_slots, sizeof(*slots));

	if (!slots)
		return; /* longer chains are slower, not wrong */
	for (size_t i = 0; i < v->n_slots; i++) {
		for (struct view_name *n = v->slots[i], *next; n; n = next) {
			next = n->next;
			n->next = slots[n->hash & (n_slots - 1)];
			slots[n->hash & (n_slots - 1)] = n;
		}
	}
	free(v->slots);
	v->slots = slots;
	v->n_slots = n_slots;
}

/* A name that another device had before is this one's now. */
static int name_put(struct view *v, struct device *d, const char *text)
{
	struct view_name **at = name_find(v, text), *n = *at;

	if (!n) {
		n = calloc(1, sizeof(*n));
		if (!n)
			return -ENOMEM;
		n->hash = view_hash(text);
		*at = n;
		v->n_names++;
	}
	n->device = d;
	n->text = text;
	if (v->n_names > v->n_slots)
		grow(v);
	return 0;
}

static void unlink_device(struct view *v, struct device *d)
{
	for (size_t i = 0; i < d->n_names; i++) {
		struct view_name **at = name_find(v, d->names[i]), *n = *at;

		if (n && n->device == d) {
			*at = n->next;
			v->n_names--;
			free(n);
		}
	}
	v->n_devices--;
	v->n_certificates -= d->certificate_cn != NULL;
	device_free(d);
}

void view_remove(struct view *v, const char *id)
{
	struct device *d = view_find(v, id);

	if (d && strcasecmp(d->id, id) == 0)
		unlink_device(v, d);
}

void view_fini(struct view *v)
{
	for (size_t i = 0; i < v->n_slots; i++) {
		while (v->slots[i])
			unlink_device(v, v->slots[i]->device);
	}
	free(v->slots);
	explicit_bzero(v, sizeof(*v));
}

/* -1 for an empty or senseless text. */
static int64_t seconds(const char *text)
{
	char *end;
	long n;

	if (!*text)
		return -1;
	n = strtol(text, &end, 10);
	return *end || n < 0 || n > 86400 ? -1 : n;
}

static int credential_make(struct credential *ret, const ProtobufCBinaryData *salt, uint32_t iterations,
			   const ProtobufCBinaryData *hash)
{
	ret->salt = malloc(salt->len + 1);
	if (!ret->salt)
		return -ENOMEM;
	if (salt->len)
		memcpy(ret->salt, salt->data, salt->len);
	ret->salt_size = salt->len;
	ret->iterations = iterations;
	ret->hash_size = hash->len;
	if (hash->len)
		memcpy(ret->hash, hash->data, hash->len);
	return 0;
}

static struct device *device_make(const Link__KnownDevice *row)
{
	struct device *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	d->names = calloc(row->n_aliases + 1, sizeof(*d->names));
	if (!d->names || credential_make(&d->now, &row->salt, row->iterations, &row->hash) < 0 ||
	    credential_make(&d->pending, &row->pending_salt, row->pending_iterations, &row->pending_hash) < 0)
		goto fail;
	for (size_t i = 0; i < row->n_aliases + 1; i++) {
		d->names[i] = strdup(i == 0 ? row->id : row->aliases[i - 1]);
		if (!d->names[i])
			goto fail;
		d->n_names++;
	}
	d->id = d->names[0];
	d->security_profile = d->told_profile = row->security_profile;
	if (row->certificate_cn[0]) {
		d->certificate_cn = strdup(row->certificate_cn);
		if (!d->certificate_cn)
			goto fail;
	}
	d->ping_s = seconds(row->ping_s);
	if (row->tls_min[0]) /* what is no version is taken for the strictest */
		d->tls_min = strcmp(row->tls_min, "1.2") == 0 ? TLS1_2_VERSION : TLS1_3_VERSION;
	d->no_compression = strcmp(row->compression, "off") == 0;
	d->upgrade_optional = strcmp(row->connection_upgrade, "optional") == 0;
	if (row->default_subprotocol[0]) {
		d->default_subprotocol = strdup(row->default_subprotocol);
		if (!d->default_subprotocol)
			goto fail;
	}
	if (row->tls_ciphers[0]) {
		d->tls_ciphers = strdup(row->tls_ciphers);
		if (!d->tls_ciphers)
			goto fail;
	}
	return d;
fail:
	device_free(d);
	return NULL;
}

/* Registry speaks of something else, and has not heard yet that the profile was raised. */
static void keep_raised(const struct device *before, struct device *d)
{
	if (before && before->security_profile > before->told_profile && d->told_profile == before->told_profile)
		d->security_profile = before->security_profile;
}

int view_put(struct view *v, const void *known_device)
{
	const Link__KnownDevice *row = known_device;
	struct device *d;
	int r = 0;

	if (row->hash.len > VIEW_HASH_MAX || row->pending_hash.len > VIEW_HASH_MAX)
		return -EINVAL;
	d = device_make(row);
	if (!d)
		return -ENOMEM;
	keep_raised(view_find(v, row->id), d);
	view_remove(v, row->id);
	v->n_devices++;
	v->n_certificates += d->certificate_cn != NULL;
	for (size_t i = 0; r == 0 && i < d->n_names; i++)
		r = name_put(v, d, d->names[i]);
	if (r < 0)
		unlink_device(v, d);
	return r;
}

int view_load(struct view *v, struct gv_turn *t)
{
	struct gv_scan scan = { .table = &view_table };
	int r = 0;

	while (r == 0 && gv_next(t, &scan))
		r = view_put(v, scan.row);
	return r;
}

static char *attribute(const Registry__Device *d, const char *key)
{
	for (size_t i = 0; i < d->n_attributes; i++) {
		if (strcmp(d->attributes[i]->key, key) == 0)
			return d->attributes[i]->value;
	}
	return (char *)protobuf_c_empty_string;
}

int view_changed(struct view *v, struct gv_turn *t, const void *device_changed, const struct gv_emitter *from)
{
	const Registry__DeviceChanged *e = device_changed;
	Link__KnownDevice row = LINK__KNOWN_DEVICE__INIT;
	int r;

	if (e->deleted || !e->device) {
		r = gv_delete(t, &view_table, gv_key(e->id));
		if (r == 0)
			view_remove(v, e->id);
		return r;
	}
	if ((e->credential && e->credential->hash.len > VIEW_HASH_MAX) ||
	    (e->pending && e->pending->hash.len > VIEW_HASH_MAX))
		return gv_fault(t, "the password hash of device %s is too long; at most %d bytes can be checked", e->id,
				VIEW_HASH_MAX);
	row.id = e->id;
	row.aliases = e->device->aliases;
	row.n_aliases = e->device->n_aliases;
	if (e->credential) {
		row.salt = e->credential->salt;
		row.iterations = e->credential->iterations;
		row.hash = e->credential->hash;
	}
	if (e->pending) {
		row.pending_salt = e->pending->salt;
		row.pending_iterations = e->pending->iterations;
		row.pending_hash = e->pending->hash;
	}
	row.security_profile = e->device->security_profile;
	row.certificate_cn = attribute(e->device, "certificateCn");
	row.ping_s = attribute(e->device, "pingS");
	row.default_subprotocol = attribute(e->device, "defaultSubprotocol");
	row.compression = attribute(e->device, "compression");
	row.connection_upgrade = attribute(e->device, "connectionUpgrade");
	row.tls_min = attribute(e->device, "tlsMin");
	row.tls_ciphers = attribute(e->device, "tlsCiphers");
	row.emitter = (char *)from->instance;
	r = gv_put(t, &view_table, gv_key(e->id), &row);
	return r < 0 ? r : view_put(v, &row);
}

int view_resync(struct view *v, struct gv_turn *t, const char *emitter)
{
	struct gv_scan scan = { .table = &view_table };

	while (gv_next(t, &scan)) {
		const Link__KnownDevice *row = scan.row;
		int r;

		if (strcmp(row->emitter, emitter) != 0)
			continue;
		view_remove(v, row->id);
		r = gv_delete(t, &view_table, gv_key(row->id));
		if (r < 0)
			return r;
	}
	return 0;
}
