/* An order's file: by a delta where one begins at what is here, else whole; verified before anybody sees it. */
#include "agent.h"

#include "plugins/ota/delta/delta.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define DELTA_MEMORY_MAX (64 << 20) /* of gd1 */

struct ends {
	int delta, old, fresh;
};

static int read_delta(void *user, uint8_t *ret, size_t size)
{
	struct ends *e = user;

	return (int)read(e->delta, ret, size);
}

static int read_old(void *user, uint64_t offset, uint8_t *ret, size_t size)
{
	struct ends *e = user;

	return pread(e->old, ret, size, (off_t)offset) == (ssize_t)size ? 0 : -1;
}

static int write_new(void *user, const uint8_t *data, size_t size)
{
	struct ends *e = user;

	return agent_write_all(e->fresh, data, size);
}

static int apply_gd1(struct ends *e, const struct delta_io *io, int64_t old_size, int64_t new_size)
{
	uint8_t bytes[GD1_HEADER];
	struct gd1_header header;
	size_t size;
	void *memory;
	int r;

	if (pread(e->delta, bytes, sizeof(bytes), 0) != sizeof(bytes))
		return -DELTA_SHORT;
	r = gd1_header_read(bytes, &header);
	if (r < 0)
		return r;
	size = gd1_memory(header.slots);
	if (size > DELTA_MEMORY_MAX)
		return -DELTA_TOO_LARGE;
	memory = malloc(size);
	r = memory ? gd1_apply(io, (uint64_t)old_size, (uint64_t)new_size, memory, size) : -DELTA_NO_MEMORY;
	free(memory);
	return r;
}

static int apply_zstd(struct ends *e, const struct delta_io *io, int64_t old_size, int64_t new_size)
{
	void *old = old_size ? mmap(NULL, (size_t)old_size, PROT_READ, MAP_PRIVATE, e->old, 0) : NULL;
	int r;

	if (old == MAP_FAILED)
		return -DELTA_IO;
	r = zstd_delta_apply(io, old, (size_t)old_size, (uint64_t)new_size, AGENT_WINDOW_MAX);
	if (old)
		munmap(old, (size_t)old_size);
	return r;
}

static bool known(const char *algorithm)
{
	return strcmp(algorithm, "gd1") == 0 || strcmp(algorithm, "zstd") == 0;
}

static int apply(struct agent *a, const struct ota_delta *delta, const char *name, const struct agent_image *old,
		 const char *slot, int64_t length)
{
	char from[PATH_MAX], to[PATH_MAX], in[128];
	struct ends e = { -1, -1, -1 };
	const struct delta_io io = { &e, read_delta, read_old, write_new };
	int r = -DELTA_IO;

	snprintf(in, sizeof(in), "download/%s", delta->sha256);
	if (agent_path(a, in, from) < 0)
		return r;
	snprintf(in, sizeof(in), "download/%s", name);
	if (agent_path(a, in, to) < 0)
		return r;
	e.delta = open(from, O_RDONLY | O_CLOEXEC);
	e.old = open(slot, O_RDONLY | O_CLOEXEC);
	e.fresh = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (e.delta >= 0 && e.old >= 0 && e.fresh >= 0)
		r = strcmp(delta->algorithm, "gd1") == 0 ? apply_gd1(&e, &io, old->length, length)
							 : apply_zstd(&e, &io, old->length, length);
	if (r == 0 && fsync(e.fresh) < 0)
		r = -DELTA_IO;
	if (e.delta >= 0)
		close(e.delta);
	if (e.old >= 0)
		close(e.old);
	if (e.fresh >= 0)
		close(e.fresh);
	return r;
}

static int verify(struct agent *a, const char *name, int64_t length, const char *sha256)
{
	char path[PATH_MAX], in[128], got[TUF_HASH_TEXT];
	int r;

	snprintf(in, sizeof(in), "download/%.80s", name);
	if ((r = agent_path(a, in, path)) < 0 || (r = agent_hash(path, length, got)) < 0)
		return r;
	if (strcmp(got, sha256) == 0)
		return 0;
	agent_remove(a, in);
	return -EBADMSG;
}

/* 0: the file is made; else it has to come whole. What goes wrong is told, and nothing more. */
static int by_delta(struct agent *a, const struct ota_order *order, const struct ota_delta *delta,
		    const struct agent_image *old, const char *slot)
{
	char path[128], name[TUF_HASH_TEXT + 8], in[128];
	struct tuf_error err = { "" };
	int r;

	snprintf(path, sizeof(path), "tuf/deltas/%s", delta->sha256);
	snprintf(name, sizeof(name), "%s.new", order->target.sha256);
	r = agent_download(a, path, delta->sha256, delta->length, delta->sha256, &err);
	if (r == 0 && verify(a, delta->sha256, delta->length, delta->sha256) < 0) {
		snprintf(err.text, sizeof(err.text), "it is not the delta that was signed");
		r = -EBADMSG;
	}
	if (r == 0 && (r = apply(a, delta, name, old, slot, order->target.length)) < 0)
		snprintf(err.text, sizeof(err.text), "it cannot be applied: %s", delta_result_name(r));
	if (r == 0 && (r = verify(a, name, order->target.length, order->target.sha256)) < 0)
		snprintf(err.text, sizeof(err.text), "it leads to other bytes than were signed");
	snprintf(in, sizeof(in), "download/%s", delta->sha256);
	agent_remove(a, in);
	if (r < 0)
		fprintf(stderr, "device=%s delta=%s algorithm=%s why=\"%s\"\n", a->config.device, delta->sha256,
			delta->algorithm, err.text);
	return r;
}

/* The deltas' outcome has another name until it is verified: what stands under the target's own is a part of its
 * download. */
static int take_over(struct agent *a, const char *sha256)
{
	char from[PATH_MAX], to[PATH_MAX], in[128];

	snprintf(in, sizeof(in), "download/%s.new", sha256);
	if (agent_path(a, in, from) < 0)
		return -EIO;
	snprintf(in, sizeof(in), "download/%s", sha256);
	if (agent_path(a, in, to) < 0)
		return -EIO;
	return rename(from, to) < 0 ? -errno : 0;
}

static bool try_deltas(struct agent *a, const struct ota_order *order)
{
	struct agent_image old = agent_confirmed(a, order->artifact.kind);
	const char *slot = old.slot < 0 ? "" : a->config.slots[order->artifact.kind][old.slot];

	for (size_t i = 0; i < order->assignment.delta_count && old.slot >= 0; i++) {
		const struct ota_delta *delta = &order->assignment.deltas[i];

		if (known(delta->algorithm) && strcmp(delta->from, old.sha256) == 0 &&
		    delta->length < order->target.length && by_delta(a, order, delta, &old, slot) == 0)
			return take_over(a, order->target.sha256) == 0;
	}
	return false;
}

int agent_fetch(struct agent *a, const struct tuf_document *root, const struct ota_order *order, struct tuf_error *err)
{
	const struct tuf_file *target = &order->target;
	char path[TUF_PATH_MAX + TUF_HASH_TEXT + 32] = "tuf/targets/";
	size_t folder = strlen(path);
	int r;

	if (verify(a, target->sha256, target->length, target->sha256) == 0 || try_deltas(a, order))
		return 0;
	if (tuf_target_location(root, target, path + folder, sizeof(path) - folder) < 0)
		return -ENAMETOOLONG;
	r = agent_download(a, path, target->sha256, target->length, target->sha256, err);
	if (r == 0 && (r = verify(a, target->sha256, target->length, target->sha256)) < 0)
		snprintf(err->text, sizeof(err->text), "%.200s is not what was signed", target->path);
	return r;
}
