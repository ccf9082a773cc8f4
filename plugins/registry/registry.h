/* What the registry's files share: its tables, its state, its handlers. */
#ifndef REGISTRY_H
#define REGISTRY_H

#include "names.h"

#include <galvan/plugin.h>
#include <galvan/registry.pb-c.h>

#define REGISTRY_CONNECTORS_MAX 256
#define REGISTRY_ALIASES_MAX 16
#define REGISTRY_TAGS_MAX 64
#define REGISTRY_CURRENT_MIN_MA 1000 /* 1 A: nothing charges with less */
#define REGISTRY_TAG_MAX 64          /* bytes */
#define REGISTRY_ATTRIBUTES_MAX 64
#define REGISTRY_ATTRIBUTE_NAME_MAX 64    /* bytes */
#define REGISTRY_ATTRIBUTE_VALUE_MAX 1024 /* bytes */
#define REGISTRY_PROFILE_MAX 3            /* security profiles of OCPP */
#define REGISTRY_PAGE_DEFAULT 1000
#define REGISTRY_PAGE_MAX 10000

struct registry {
	uint32_t password_iterations;
};

extern const struct gv_table registry_sites;   /* id -> Site */
extern const struct gv_table registry_devices; /* id -> DeviceRow */
extern const struct gv_table registry_names;   /* folded id or alias -> Ref */
extern const struct gv_table registry_by_site; /* site, device -> Ref */
extern const struct gv_table registry_by_tag;  /* tag, device -> Ref */

gv_method_fn registry_put_site, registry_get_site, registry_list_sites, registry_delete_site;
gv_method_fn registry_put_device, registry_get_device, registry_list_devices, registry_delete_device;

/* Puts a site or device as PutSite and PutDevice do; *site and *device become what is stored. NULL, or a sentence that
 * says what is wrong: then nothing was stored. */
const char *registry_store_site(struct gv_turn *t, const Registry__Site *from, Registry__Site *site);
const char *registry_store_device(const struct registry *registry, struct gv_turn *t,
				  const Registry__PutDeviceRequest *request, Registry__Device *device,
				  enum gv_code *ret_code);

/* What link has seen: a device came in on a higher security profile, or with its pending password. */
gv_event_fn registry_profile_raised, registry_pending_used;

/* Emits DeviceChanged for a device as it stands. */
int registry_emit(struct gv_turn *t, const Registry__DeviceRow *row);

/* The device that an id or alias means, whatever the case of its letters; NULL where there is none. */
const Registry__DeviceRow *registry_find(struct gv_turn *t, const char *name);
/* The id of the device that holds this id or alias, "" where it is free. */
const char *registry_holder(struct gv_turn *t, const char *name);
/* Makes names, sites and tags lead to `now` instead of `before`; either may be NULL. */
int registry_index(struct gv_turn *t, const Registry__Device *before, const Registry__Device *now);

/* A salted hash of the password (PBKDF2-HMAC-SHA256), in the turn's memory; NULL if the library refuses. */
Registry__Credential *registry_credential(struct gv_turn *t, const char *password, uint32_t iterations);

/* Merges name-value pairs by name; an empty value removes. Both list types are generated from map<string, string>. */
#define REGISTRY_MERGE_ATTRIBUTES(fn, Entry, entry_init)                                                               \
	static void fn(struct gv_turn *t, Entry ***list, size_t *count, Entry *const *from, size_t n_from)             \
	{                                                                                                              \
		Entry **merged = NULL;                                                                                 \
		size_t n = 0;                                                                                          \
                                                                                                                       \
		for (size_t i = 0; i < *count + n_from; i++) {                                                         \
			const Entry *e = i < *count ? (*list)[i] : from[i - *count];                                   \
			size_t at = 0;                                                                                 \
                                                                                                                       \
			while (at < n && strcmp(merged[at]->key, e->key) != 0)                                         \
				at++;                                                                                  \
			if (at == n && *e->value) {                                                                    \
				*GV_APPEND(t, merged, n) = gv_alloc(t, sizeof(Entry));                                 \
				entry_init(merged[at]);                                                                \
			}                                                                                              \
			if (*e->value) {                                                                               \
				merged[at]->key = e->key;                                                              \
				merged[at]->value = e->value;                                                          \
			} else if (at < n) {                                                                           \
				memmove(&merged[at], &merged[at + 1], (n - at - 1) * sizeof(*merged));                 \
				n--;                                                                                   \
			}                                                                                              \
		}                                                                                                      \
		*list = merged;                                                                                        \
		*count = n;                                                                                            \
	}

#endif
