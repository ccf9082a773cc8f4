/* Reads tests/fixtures/ble/vectors.json, once a process. */
#include "vectors.h"

#include <criterion/criterion.h>
#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static cJSON *root(void)
{
	static cJSON *read;
	static char text[64 * 1024];
	FILE *f;

	if (read)
		return read;
	f = fopen(VECTORS, "re");
	cr_assert_not_null(f, VECTORS);
	text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
	fclose(f);
	read = cJSON_Parse(text);
	cr_assert_not_null(read);
	return read;
}

static const cJSON *find(const char *path)
{
	const cJSON *at = root();
	char copy[128], *rest = copy, *name;

	snprintf(copy, sizeof(copy), "%s", path);
	while ((name = strsep(&rest, ".")))
		at = cJSON_IsArray(at) ? cJSON_GetArrayItem(at, (int)strtol(name, NULL, 10))
				       : cJSON_GetObjectItemCaseSensitive(at, name);
	cr_assert_not_null(at, "no vector %s", path);
	return at;
}

static unsigned nibble(char digit)
{
	return (unsigned)(digit <= '9' ? digit - '0' : digit - 'a' + 10);
}

static void append(struct vector *to, const char *path)
{
	const char *hex = cJSON_GetStringValue(find(path));

	cr_assert_not_null(hex, "%s", path);
	for (; hex[0] && hex[1]; hex += 2)
		to->at[to->size++] = (uint8_t)(nibble(hex[0]) << 4 | nibble(hex[1]));
}

struct vector vector(const char *path)
{
	struct vector v = { .size = 0 };

	append(&v, path);
	return v;
}

int vector_number(const char *path)
{
	return (int)cJSON_GetNumberValue(find(path));
}

static struct vector as_written(const char *path)
{
	struct vector v = { .size = 0 };
	char part[128];

	snprintf(part, sizeof(part), "%s.tlv", path);
	append(&v, part);
	snprintf(part, sizeof(part), "%s.sig", path);
	append(&v, part);
	return v;
}

static const uint8_t *key(const char *name, const char *half)
{
	static struct {
		char path[64];
		struct vector value;
	} known[32];
	char path[64];
	size_t i = 0;

	snprintf(path, sizeof(path), "keys.%s.%s", name, half);
	while (known[i].path[0] && strcmp(known[i].path, path) != 0)
		i++;
	if (!known[i].path[0]) {
		known[i].value = vector(path);
		memcpy(known[i].path, path, sizeof(path));
	}
	return known[i].value.at;
}

const uint8_t *vector_key(const char *name)
{
	return key(name, "seed");
}

#ifndef TEST_HOST_QUICK_BLE_H

const uint8_t *vector_public(const char *name)
{
	return key(name, "pub");
}

struct vector vector_signed(const char *path)
{
	return as_written(path);
}

#else /* with the quick cryptography of simulations: its public keys, and its signature by the root */

static const struct {
	const char *name;
	bool agrees; /* of X25519 */
} holders[] = { { "cloud", false }, { "pile", false }, { "holder", false }, { "seal", true } };

const uint8_t *vector_public(const char *name)
{
	static uint8_t keys[sizeof(holders) / sizeof(*holders)][32];
	size_t i = 0;

	while (strcmp(holders[i].name, name) != 0)
		i++;
	if (holders[i].agrees)
		cr_assert_eq(ble_openssl.x25519(NULL, vector_key(name), NULL, keys[i]), 0);
	else
		cr_assert_eq(ble_openssl_public(vector_key(name), keys[i]), 0);
	return keys[i];
}

static void replace(struct vector *v, const char *name)
{
	uint8_t *at = v->at;

	while ((at = memmem(at, v->size - (size_t)(at - v->at), key(name, "pub"), 32)))
		memcpy(at, vector_public(name), 32);
}

struct vector vector_signed(const char *path)
{
	struct vector v = as_written(path);
	uint8_t text[VECTOR_MAX + 8] = "CPB1-KST";

	for (size_t i = 0; i < sizeof(holders) / sizeof(*holders); i++)
		replace(&v, holders[i].name);
	memcpy(text + 8, v.at, v.size - BLE_SIG_SIZE);
	cr_assert_eq(ble_openssl.sign(NULL, vector_key("cloud"), text, 8 + v.size - BLE_SIG_SIZE,
				      v.at + v.size - BLE_SIG_SIZE),
		     0);
	return v;
}

#endif

struct ble_keyset vector_keyset(void)
{
	static struct vector document;
	struct ble_keyset keys;

	document = vector_signed("keyset");
	cr_assert_eq(ble_keyset_check(&ble_openssl, vector_public("cloud"), 0, document.at, document.size, &keys), 0);
	return keys;
}
