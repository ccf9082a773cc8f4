/* The metadata library as a command, for tests in which python-tuf is the other side:
 *
 *   ota_peer key SEED                                     the key's id and its public part
 *   ota_peer snapshot|timestamp SEED VERSION EXPIRES FILE FILE_VERSION   a signed document that names FILE
 *   ota_peer assign SEED JSON                             JSON as an assignment that SEED signs
 *   ota_peer delta OLD NEW                                a gd1 delta
 *   ota_peer refresh ROOT FOLDER NOW                      a client's run over a folder of documents
 */
#include "plugins/ota/core/artifact.h"
#include "plugins/ota/delta/delta.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX (8 << 20)

static void *read_file(const char *path, size_t *ret_size)
{
	FILE *f = fopen(path, "rb");
	void *data = f ? malloc(FILE_MAX) : NULL;

	*ret_size = data ? fread(data, 1, FILE_MAX, f) : 0;
	if (f)
		fclose(f);
	return data;
}

static int print_signed(cJSON *payload, const uint8_t seed[TUF_SEED_SIZE])
{
	uint8_t seeds[1][TUF_SEED_SIZE];
	struct tuf_error err = { "" };
	char *text;
	size_t size;
	int r;

	memcpy(seeds[0], seed, TUF_SEED_SIZE);
	r = payload ? tuf_sign(payload, seeds, 1, &text, &size, &err) : -1;
	cJSON_Delete(payload);
	if (r < 0) {
		fprintf(stderr, "%s\n", err.text);
		return 1;
	}
	fwrite(text, 1, size, stdout);
	free(text);
	return 0;
}

static int make(char **argv, const uint8_t seed[TUF_SEED_SIZE])
{
	bool snapshot = strcmp(argv[1], "snapshot") == 0;
	struct tuf_content below = { .name = snapshot ? "targets.json" : "snapshot.json", .version = atoll(argv[6]) };
	int64_t expires_s;
	void *data = read_file(argv[5], &below.size);
	int status = 1;

	below.data = data;
	if (data && tuf_time_read(argv[4], &expires_s) == 0)
		status = print_signed(snapshot ? tuf_make_snapshot(atoll(argv[3]), expires_s, &below, 1)
					       : tuf_make_timestamp(atoll(argv[3]), expires_s, &below),
				      seed);
	free(data);
	return status;
}

static int refresh(const char *root, const char *folder, const char *now)
{
	struct tuf_stored stored = { 0 };
	struct tuf_client *c = NULL;
	struct tuf_fetch fetch;
	struct tuf_keep keep;
	struct tuf_error err;
	int64_t now_s = 0;
	char path[4096];
	void *data = read_file(root, &stored.root.size);
	int r;

	stored.root.data = data;
	tuf_time_read(now, &now_s);
	r = tuf_client_create(&stored, now_s, &c, &err);
	free(data);
	while (r == 0 && tuf_client_wants(c, &fetch)) {
		size_t size;

		snprintf(path, sizeof(path), "%s/%s", folder, fetch.name);
		data = read_file(path, &size);
		r = data ? tuf_client_give(c, data, size, &keep, &err) : tuf_client_absent(c, &err);
		free(data);
	}
	if (r < 0)
		printf("%s: %s\n", tuf_result_name(r), err.text);
	for (int i = 0; r == 0 && i < TUF_ASSIGNMENT; i++)
		printf("%s %lld\n", tuf_role_name((enum tuf_role)i),
		       (long long)tuf_version(tuf_client_trusted(c, (enum tuf_role)i)));
	tuf_client_destroy(c);
	return r < 0;
}

static int make_delta(const char *old_path, const char *new_path)
{
	size_t old_size, new_size, size;
	uint8_t *old = read_file(old_path, &old_size), *fresh = read_file(new_path, &new_size), *delta;
	int r = old && fresh ? gd1_encode(old, old_size, fresh, new_size, GD1_LARGE, &delta, &size) : -1;

	free(old);
	free(fresh);
	if (r < 0)
		return 1;
	fwrite(delta, 1, size, stdout);
	free(delta);
	return 0;
}

int main(int argc, char **argv)
{
	uint8_t seed[TUF_SEED_SIZE];
	struct tuf_public key;

	if (argc == 5 && strcmp(argv[1], "refresh") == 0)
		return refresh(argv[2], argv[3], argv[4]);
	if (argc == 4 && strcmp(argv[1], "delta") == 0)
		return make_delta(argv[2], argv[3]);
	if (argc < 3 || tuf_unhex(argv[2], seed, sizeof(seed)) < 0)
		return 2;
	if (strcmp(argv[1], "key") == 0 && tuf_public_of(seed, &key) == 0)
		return printf("%s %s\n", key.keyid, key.public_key) < 0;
	if (argc == 4 && strcmp(argv[1], "assign") == 0)
		return print_signed(cJSON_Parse(argv[3]), seed);
	return argc == 7 ? make(argv, seed) : 2;
}
