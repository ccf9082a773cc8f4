/* What a config means a plugin knows only itself, and says it in its start. So that `galvan check` can tell before an
 * operator restarts a node, the start is run where nothing comes of it. */
#include "rehearse.h"
#include "actor.h"
#include "child.h"
#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define STORE_BYTES (1ull << 30) /* of address space */
#define CONFIG_BYTES_MAX (16u << 20)

/* ---- the parent ------------------------------------------------------------------------------ */

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	return remove(path);
}

static char *make_folder(const struct gv_buf *config)
{
	const char *temporary = getenv("TMPDIR");
	char *folder = gv_text("%s/galvan-check-XXXXXX", temporary && *temporary ? temporary : "/tmp");
	char *file = NULL;
	int fd = -1, rc = -1;

	if (folder && mkdtemp(folder))
		file = gv_text("%s/config", folder);
	if (file)
		fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd >= 0) {
		rc = gv_write_all(fd, config->data, config->size);
		close(fd);
	}
	free(file);
	if (rc == 0)
		return folder;
	free(folder);
	return NULL;
}

static int judge(const struct gv_plan *plan, int rc, int status, struct gv_buf *out, char **ret_error)
{
	if (rc == -ETIMEDOUT)
		return gv_text_error(ret_error, -EINVAL, "%s: its start had not ended after %lld ms", plan->place,
				     (long long)gv_child_limit_ms());
	if (rc < 0)
		return gv_text_error(ret_error, rc, "%s: its start cannot be tried: %s", plan->place,
				     gv_text_errno(rc));
	if (WIFSIGNALED(status))
		return gv_text_error(ret_error, -EINVAL, "%s: its start died of signal %d (SIG%s)", plan->place,
				     WTERMSIG(status), sigabbrev_np(WTERMSIG(status)));
	if (WEXITSTATUS(status) != 0)
		return gv_text_error(ret_error, -EINVAL, "%s: it does not start: %s", plan->place, gv_buf_str(out));
	return 0;
}

int gv_rehearse(const struct gv_plan *plan, char **ret_error)
{
	char *folder = make_folder(&plan->config), instances[16];
	char *argv[] = { (char *)"galvan", (char *)"rehearse", plan->file, folder, instances, NULL };
	struct gv_buf out = { 0 };
	int status = 0, rc;

	if (!folder)
		return gv_text_error(ret_error, -EIO, "%s: its start cannot be tried: no folder can be made: %s",
				     plan->place, gv_text_errno(errno));
	snprintf(instances, sizeof instances, "%u", plan->instances);
	rc = gv_child_run(argv, &out, &status);
	rc = judge(plan, rc, status, &out, ret_error);
	gv_buf_fini(&out);
	nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	free(folder);
	return rc;
}

unsigned gv_rehearse_all(const struct gv_config *c, void (*say)(const char *sentence), unsigned *ret_instances)
{
	unsigned refused = 0, instances = 0;

	for (size_t i = 0; i < c->n_plugins; i++) {
		struct gv_plan *plan = NULL;
		char *error = NULL;

		if (c->plugins[i].wrong) {
			refused++;
		} else if (gv_plan_make(c, &c->plugins[i], NULL, &plan, &error) < 0) {
			say(error ? error : "out of memory");
			refused++;
		} else if (gv_rehearse(plan, &error) < 0) {
			say(error ? error : "out of memory");
			refused++;
		} else {
			instances += plan->instances;
		}
		gv_plan_unref(plan);
		free(error);
	}
	*ret_instances = instances;
	return refused;
}

/* ---- the child ------------------------------------------------------------------------------- */

static int64_t env_now_ms(void *arg)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static uint64_t env_random(void *arg)
{
	uint64_t value = 0;

	while (getrandom(&value, sizeof value, 0) < 0)
		continue;
	return value;
}

static int env_send(void *arg, const char *instance, const uint8_t *packet, size_t size)
{
	return -ENOTCONN;
}

static void env_log(void *arg, enum gv_level level, const char *line)
{
}

static int read_config(const char *folder, struct gv_buf *ret)
{
	char *file = gv_text("%s/config", folder);
	int fd = file ? open(file, O_RDONLY | O_CLOEXEC) : -1;
	ssize_t n = -1;

	free(file);
	if (fd < 0)
		return -EIO;
	while (ret->size < CONFIG_BYTES_MAX && gv_buf_reserve(ret, 65536) == 0) {
		n = read(fd, ret->data + ret->size, 65536);
		if (n <= 0)
			break;
		ret->size += (size_t)n;
	}
	close(fd);
	return n == 0 ? 0 : -EIO;
}

static int start(const struct gv_plugin *plugin, const char *folder, uint32_t instances, char **ret_error)
{
	static const struct gv_env env = {
		.now_ms = env_now_ms, .random = env_random, .send = env_send, .log = env_log
	};
	char *store = gv_text("%s/store", folder), *blobs = gv_text("%s/blobs", folder);
	struct gv_actor_options o = { .plugin = plugin,
				      .env = &env,
				      .node = "check",
				      .instances = instances,
				      .store = store,
				      .blobs = blobs,
				      .store_limit_bytes = STORE_BYTES,
				      .no_sync = true };
	struct gv_buf config = { 0 };
	struct gv_actor *actor;
	int rc = store && blobs ? read_config(folder, &config) : -ENOMEM;

	if (rc == 0)
		rc = gv_actor_create(&o, &actor, ret_error);
	if (rc == 0)
		rc = gv_actor_start(actor, config.data, config.size, ret_error);
	return rc;
}

int gv_rehearse_main(int argc, char **argv)
{
	struct gv_loaded loaded = { 0 };
	char *error = NULL;
	int out, rc;

	if (argc != 5) {
		fputs("galvan rehearse is started by galvan check; it is of no use by hand\n", stderr);
		return 2;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* What a plugin prints must not get into the answer. */
	out = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	if (out < 0 || dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
		return 3;
	rc = gv_loader_open(argv[2], &loaded, &error);
	if (rc == 0)
		rc = start(&loaded.plugin, argv[3], (uint32_t)strtoul(argv[4], NULL, 10), &error);
	if (rc < 0) {
		const char *why = error ? error : gv_text_errno(rc);
		gv_write_all(out, why, strlen(why));
	}
	_exit(rc < 0); /* nothing is tidied up: the folder goes with all that is in it */
}
