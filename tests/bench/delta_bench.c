/* Deltas between two files: the size of each coder's, and the processor time to make and to apply it. One JSON object a
 * line: bench-delta OLD NEW. */
#include "plugins/ota/delta/delta.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct file {
	uint8_t *data;
	size_t size;
};

struct ends {
	struct file delta, old;
	size_t at, done;
	uint8_t *fresh;
};

static struct file read_file(const char *path)
{
	FILE *f = fopen(path, "rb");
	struct file it = { NULL, 0 };

	if (!f || fseek(f, 0, SEEK_END) < 0) {
		perror(path);
		exit(1);
	}
	it.size = (size_t)ftell(f);
	it.data = malloc(it.size + 1);
	rewind(f);
	if (!it.data || fread(it.data, 1, it.size, f) != it.size) {
		perror(path);
		exit(1);
	}
	fclose(f);
	return it;
}

static int read_delta(void *user, uint8_t *ret, size_t size)
{
	struct ends *e = user;
	size_t left = e->delta.size - e->at, n = left < size ? left : size;

	memcpy(ret, e->delta.data + e->at, n);
	e->at += n;
	return (int)n;
}

static int read_old(void *user, uint64_t offset, uint8_t *ret, size_t size)
{
	struct ends *e = user;

	memcpy(ret, e->old.data + offset, size);
	return 0;
}

static int write_new(void *user, const uint8_t *data, size_t size)
{
	struct ends *e = user;

	memcpy(e->fresh + e->done, data, size);
	e->done += size;
	return 0;
}

static double cpu_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

enum way { SMALL, LARGE, ZSTD, WAYS };

static int make(enum way way, const struct file *old, const struct file *fresh, struct file *ret)
{
	if (way == ZSTD)
		return zstd_delta_encode(old->data, old->size, fresh->data, fresh->size, ZSTD_DELTA_LEVEL, &ret->data,
					 &ret->size);
	return gd1_encode(old->data, old->size, fresh->data, fresh->size, way == SMALL ? GD1_SMALL : GD1_LARGE,
			  &ret->data, &ret->size);
}

static int measure(enum way way, const struct file *old, const struct file *fresh)
{
	static const char *const NAMES[WAYS] = { "gd1, 64 KiB to apply", "gd1, 2 MiB to apply", "zstd patch-from 19" };
	size_t memory_size = gd1_memory(way == SMALL ? GD1_SMALL : GD1_LARGE);
	struct ends e = { .old = *old, .fresh = malloc(fresh->size + 1) };
	const struct delta_io io = { &e, read_delta, read_old, write_new };
	void *memory = malloc(memory_size);
	double begun_s = cpu_s(), made_s, applied_s;
	int r = make(way, old, fresh, &e.delta);

	made_s = cpu_s();
	if (r == 0)
		r = way == ZSTD ? zstd_delta_apply(&io, old->data, old->size, fresh->size, SIZE_MAX / 2)
				: gd1_apply(&io, old->size, fresh->size, memory, memory_size);
	applied_s = cpu_s();
	if (r < 0 || e.done != fresh->size || memcmp(e.fresh, fresh->data, fresh->size) != 0) {
		fprintf(stderr, "%s leads elsewhere: %s\n", NAMES[way], delta_result_name(r));
		return 1;
	}
	printf("{\"way\":\"%s\",\"bytes\":%zu,\"makeS\":%.3f,\"applyS\":%.3f}\n", NAMES[way], e.delta.size,
	       made_s - begun_s, applied_s - made_s);
	free(memory);
	free(e.fresh);
	free(e.delta.data);
	return 0;
}

int main(int argc, char **argv)
{
	struct file old, fresh;
	int wrong = 0;

	if (argc != 3)
		return 2;
	old = read_file(argv[1]);
	fresh = read_file(argv[2]);
	for (int way = 0; way < WAYS; way++)
		wrong |= measure((enum way)way, &old, &fresh);
	free(old.data);
	free(fresh.data);
	return wrong;
}
