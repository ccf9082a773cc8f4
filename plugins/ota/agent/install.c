/* Writing the slot that does not run. Until the state names it, nobody looks at it. */
#include "agent.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int copy(int from, int to, int64_t length)
{
	static char chunk[65536];

	while (length > 0) {
		ssize_t n = read(from, chunk, length < (int64_t)sizeof(chunk) ? (size_t)length : sizeof(chunk));
		int r;

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -ENODATA;
		r = agent_write_all(to, chunk, (size_t)n);
		if (r < 0)
			return r;
		length -= n;
	}
	return 0;
}

/* A slot is a file or a block device; only of a file are there a mode, an end and a name to keep. */
static int write_slot(const char *from, const char *slot, int64_t length)
{
	int in = open(from, O_RDONLY | O_CLOEXEC), out, r;
	struct stat st = { 0 };

	if (in < 0)
		return -errno;
	out = open(slot, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
	r = out < 0 || fstat(out, &st) < 0 ? -errno : 0;
	if (r == 0 && S_ISREG(st.st_mode) && (ftruncate(out, 0) < 0 || fchmod(out, 0755) < 0))
		r = -errno;
	if (r == 0)
		r = copy(in, out, length);
	if (r == 0 && fsync(out) < 0)
		r = -errno;
	close(in);
	if (out >= 0)
		close(out);
	return r == 0 ? agent_sync_folder(slot) : r;
}

void agent_tidy(struct agent *a, const char *kept)
{
	char path[PATH_MAX], name[NAME_MAX + 16];
	struct dirent *entry;
	DIR *folder;

	if (agent_path(a, "download", path) < 0 || !(folder = opendir(path)))
		return;
	while ((entry = readdir(folder))) {
		if (entry->d_name[0] == '.' || strncmp(entry->d_name, kept, *kept ? strlen(kept) : 1) == 0)
			continue;
		snprintf(name, sizeof(name), "download/%s", entry->d_name);
		agent_remove(a, name);
	}
	closedir(folder);
}

int agent_install(struct agent *a, const struct ota_order *order, struct tuf_error *err)
{
	enum ota_kind kind = order->artifact.kind;
	struct agent_image was = agent_confirmed(a, kind);
	struct agent_image it = { .slot = was.slot < 0 ? 0 : 1 - was.slot,
				  .counter = order->artifact.counter,
				  .length = order->target.length,
				  .assignment = order->assignment.version };
	const char *slot = a->config.slots[kind][it.slot];
	char from[PATH_MAX], in[128], got[TUF_HASH_TEXT] = "";
	int r;

	snprintf(it.version, sizeof(it.version), "%s", order->artifact.version);
	memcpy(it.sha256, order->target.sha256, sizeof(it.sha256));
	memcpy(it.id, a->about.id, sizeof(it.id));
	agent_report(a, "installing", 0, "", it.length);
	snprintf(in, sizeof(in), "download/%s", it.sha256);
	if ((r = agent_save(a)) == 0 && (r = agent_path(a, in, from)) == 0 &&
	    (r = write_slot(from, slot, it.length)) == 0 && (r = agent_hash(slot, it.length, got)) == 0 &&
	    strcmp(got, it.sha256) != 0)
		r = -EIO;
	if (r == 0) {
		agent_set_trial(a, kind, &it);
		agent_report(a, "rebooting", 0, "", it.length);
		r = agent_save(a);
	}
	if (r < 0)
		snprintf(err->text, sizeof(err->text), "%.200s cannot be written: %s", slot, strerror(-r));
	else
		agent_tidy(a, "");
	return r;
}
