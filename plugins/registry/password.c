/* Passwords are kept as salted hashes only, so that who reads the store, a backup or an event learns none. */
#include "registry.h"

#include <ctype.h>
#include <lib/hex.h>
#include <openssl/evp.h>
#include <string.h>

#define SALT_SIZE 16
#define HASH_SIZE 32

/* Hex digits are kept in lower case: they stand for a binary key, which a station shows as its bytes or as digits of
 * either case (OCPP-J 1.6, 6.2.2), and link tries the lower one always. */
static const char *fold_hex(struct gv_turn *t, const char *password)
{
	size_t size = strlen(password);
	char *folded = gv_strdup(t, password);

	for (size_t i = 0; i < size; i++) {
		if (gv_hex_digit(password[i]) < 0)
			return password;
		folded[i] = (char)tolower((unsigned char)password[i]);
	}
	return size % 2 ? password : folded;
}

Registry__Credential *registry_credential(struct gv_turn *t, const char *password, uint32_t iterations)
{
	Registry__Credential *c = gv_alloc(t, sizeof(*c));
	const char *kept = fold_hex(t, password);
	uint64_t salt[SALT_SIZE / sizeof(uint64_t)];

	for (size_t i = 0; i < sizeof(salt) / sizeof(*salt); i++)
		salt[i] = gv_random(t);
	registry__credential__init(c);
	c->iterations = iterations;
	c->salt.len = SALT_SIZE;
	c->salt.data = gv_alloc(t, SALT_SIZE);
	memcpy(c->salt.data, salt, SALT_SIZE);
	c->hash.len = HASH_SIZE;
	c->hash.data = gv_alloc(t, HASH_SIZE);
	if (PKCS5_PBKDF2_HMAC(kept, (int)strlen(kept), c->salt.data, SALT_SIZE, (int)iterations, EVP_sha256(),
			      HASH_SIZE, c->hash.data) != 1)
		return NULL;
	return c;
}
