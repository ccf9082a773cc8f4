/* Describing a plugin loads it, and loading runs whatever it holds. So a child process does it, prints the record on a
 * pipe and is thrown away; what the parent gets is bytes, or the knowledge that the child crashed, hung or refused. */
#include "loader.h"
#include "child.h"
#include "describe.h"
#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

enum { EXIT_RECORD = 0, EXIT_REFUSED = 1 };

static int64_t clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- the parent ------------------------------------------------------------------------------ */

int64_t gv_child_limit_ms(void)
{
	const char *text = getenv("GALVAN_PROBE_TIMEOUT_MS");
	long value = text ? strtol(text, NULL, 10) : 0;

	return value > 0 ? value : GV_PROBE_TIMEOUT_MS;
}

static int spawn_child(char *const argv[], pid_t *ret_pid, int *ret_fd)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t set;
	int fds[2], rc;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, fds[1], STDOUT_FILENO);
	posix_spawnattr_init(&attributes);
	sigemptyset(&set);
	posix_spawnattr_setsigmask(&attributes, &set);
	sigfillset(&set);
	posix_spawnattr_setsigdefault(&attributes, &set);
	posix_spawnattr_setpgroup(&attributes, 0);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
	rc = -posix_spawn(ret_pid, "/proc/self/exe", &actions, &attributes, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attributes);
	close(fds[1]);
	if (rc < 0) {
		close(fds[0]);
		return rc;
	}
	*ret_fd = fds[0];
	return 0;
}

/* Reads to the end. -ETIMEDOUT; -EMSGSIZE. */
static int read_output(int fd, int64_t deadline_ms, struct gv_buf *out)
{
	for (;;) {
		int64_t left = deadline_ms - clock_ms();
		struct pollfd p = { .fd = fd, .events = POLLIN };
		ssize_t n;

		if (left <= 0)
			return -ETIMEDOUT;
		if (poll(&p, 1, (int)left) <= 0)
			continue;
		if (gv_buf_reserve(out, 65536) < 0)
			return -ENOMEM;
		n = read(fd, out->data + out->size, 65536);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return 0;
		out->size += (size_t)n;
		if (out->size > GV_RECORD_SIZE_MAX)
			return -EMSGSIZE;
	}
}

int gv_child_run(char *const argv[], struct gv_buf *out, int *ret_status)
{
	int fd = -1, rc;
	pid_t pid;

	rc = spawn_child(argv, &pid, &fd);
	if (rc < 0)
		return rc;
	rc = read_output(fd, clock_ms() + gv_child_limit_ms(), out);
	close(fd);
	if (rc < 0)
		kill(-pid, SIGKILL);
	while (waitpid(pid, ret_status, 0) < 0 && errno == EINTR)
		continue;
	return rc;
}

/* What the end of the child means. */
static int judge(int status, struct gv_buf *out, const char *path, Kernel__Record **ret, char **ret_error)
{
	Kernel__Record *record;
	const char *name;

	if (WIFSIGNALED(status)) {
		name = sigabbrev_np(WTERMSIG(status));
		return gv_text_error(ret_error, -ENOEXEC,
				     "%s is refused: the child that loaded it to read its record died of signal %d "
				     "(SIG%s); repair the "
				     "plugin's record or its constructors",
				     path, WTERMSIG(status), name ? name : "?");
	}
	if (WEXITSTATUS(status) == EXIT_REFUSED && out->size > 0)
		return gv_text_error(ret_error, -EINVAL, "%s is refused: %s", path, gv_buf_str(out));
	if (WEXITSTATUS(status) != EXIT_RECORD)
		return gv_text_error(ret_error, -ENOEXEC,
				     "%s is refused: the child that loaded it to read its record ended with status %d",
				     path, WEXITSTATUS(status));
	record = kernel__record__unpack(NULL, out->size, out->data);
	if (!record || !record->name || !*record->name) {
		if (record)
			kernel__record__free_unpacked(record, NULL);
		return gv_text_error(ret_error, -EBADMSG,
				     "%s is refused: the child that loaded it printed no record (code that runs while "
				     "loading ended it?)",
				     path);
	}
	*ret = record;
	return 0;
}

int gv_probe(const char *file, const char *path, Kernel__Record **ret, char **ret_error)
{
	char *argv[] = { (char *)"galvan", (char *)"probe", (char *)file, NULL };
	struct gv_buf out = { 0 };
	int status = 0, rc = gv_child_run(argv, &out, &status);

	if (rc == -ETIMEDOUT)
		gv_text_error(
			ret_error, rc,
			"%s is refused: the child that loaded it to read its record had said nothing after %lld ms",
			path, (long long)gv_child_limit_ms());
	else if (rc < 0)
		gv_text_error(ret_error, rc, "%s is refused: its record cannot be read: %s", path, gv_text_errno(rc));
	else
		rc = judge(status, &out, path, ret, ret_error);
	gv_buf_fini(&out);
	return rc;
}

/* ---- the child ------------------------------------------------------------------------------- */

int gv_probe_main(int argc, char **argv)
{
	struct rlimit no_core = { 0, 0 };
	struct gv_loaded loaded = { 0 };
	struct gv_buf record = { 0 };
	char *error = NULL;
	int out, rc;

	if (argc != 3) {
		static const char usage[] = "usage: galvan probe FILE\n";
		gv_write_all(STDERR_FILENO, usage, sizeof usage - 1);
		return 2;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setrlimit(RLIMIT_CORE, &no_core);
	/* What a constructor prints must not get into the record. */
	out = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	if (out < 0 || dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
		return 3;
	rc = gv_loader_open(argv[2], &loaded, &error);
	if (rc == 0)
		rc = gv_record_pack(&loaded.plugin, &record, &error);
	if (rc == 0)
		rc = gv_write_all(out, record.data, record.size);
	else if (error)
		gv_write_all(out, error, strlen(error));
	free(error);
	gv_buf_fini(&record);
	gv_loader_close(&loaded);
	return rc == 0 ? EXIT_RECORD : EXIT_REFUSED;
}
