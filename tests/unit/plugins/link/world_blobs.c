/* The world's blobs: files in the folder that its options name, each by the SHA-256 of what it holds. */
#include "world.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct gv_blob_writer {
	struct gv_world *world;
	EVP_MD_CTX *hash;
	FILE *file;
	char path[512];
};

int gv_world_blob_create(struct gv_world *w, struct gv_blob_writer **ret)
{
	struct gv_blob_writer *b = calloc(1, sizeof(*b));
	static unsigned n;

	b->world = w;
	b->hash = EVP_MD_CTX_new();
	EVP_DigestInit_ex(b->hash, EVP_sha256(), NULL);
	snprintf(b->path, sizeof(b->path), "%s/upload-%d-%u", world_blobs(w), getpid(), n++);
	b->file = fopen(b->path, "w");
	if (!b->file)
		return -errno;
	*ret = b;
	return 0;
}

int gv_world_blob_write(struct gv_blob_writer *b, const void *data, size_t size)
{
	EVP_DigestUpdate(b->hash, data, size);
	return fwrite(data, 1, size, b->file) == size ? 0 : -EIO;
}

int gv_world_blob_commit(struct gv_blob_writer *b, char ret_id[GV_BLOB_ID_SIZE])
{
	unsigned char hash[32];
	char path[700];

	EVP_DigestFinal_ex(b->hash, hash, NULL);
	for (size_t i = 0; i < 32; i++)
		sprintf(ret_id + 2 * i, "%02x", hash[i]);
	fclose(b->file);
	snprintf(path, sizeof(path), "%s/%s", world_blobs(b->world), ret_id);
	rename(b->path, path);
	EVP_MD_CTX_free(b->hash);
	free(b);
	return 0;
}

void gv_world_blob_destroy(struct gv_blob_writer *b)
{
	fclose(b->file);
	unlink(b->path);
	EVP_MD_CTX_free(b->hash);
	free(b);
}

int gv_world_blob_open(struct gv_world *w, const char *id, uint64_t *ret_size)
{
	char path[700];
	struct stat st;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", world_blobs(w), id);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return -errno;
	fstat(fd, &st);
	*ret_size = (uint64_t)st.st_size;
	return fd;
}
