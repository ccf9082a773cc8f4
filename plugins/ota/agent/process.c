/* The process that the device is for: started from a slot, and well when it says so, by the protocol of sd_notify(3): a
 * datagram with READY=1 to the socket that NOTIFY_SOCKET names. */
#include "agent.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define STOP_MS 10000 /* from SIGTERM to SIGKILL */
#define MESSAGE_MAX 4096

/* ---- starting -------------------------------------------------------------------------------- */

static struct agent_image running(const struct agent *a, enum ota_kind kind)
{
	struct agent_image it;
	enum ota_kind trial;

	return agent_trial(a, &trial, &it) && trial == kind ? it : agent_confirmed(a, kind);
}

/* An argument with @firmware@ and the like replaced by the file that runs. */
static int expand(const struct agent *a, const char *from, char *ret, size_t size)
{
	size_t n = 0;

	while (*from && n + 1 < size) {
		bool found = false;

		for (int kind = 0; kind < OTA_KINDS && !found; kind++) {
			char mark[16];
			struct agent_image it = running(a, (enum ota_kind)kind);

			snprintf(mark, sizeof(mark), "@%s@", ota_kind_name((enum ota_kind)kind));
			if (strncmp(from, mark, strlen(mark)) != 0)
				continue;
			if (it.slot < 0)
				return -ENOENT;
			n += (size_t)snprintf(ret + n, size - n, "%s", a->config.slots[kind][it.slot]);
			from += strlen(mark);
			found = true;
		}
		if (!found)
			ret[n++] = *from++;
	}
	if (n >= size || *from)
		return -ENAMETOOLONG;
	ret[n] = '\0';
	return 0;
}

static int listen_for(struct agent *a, char ret_path[sizeof(((struct sockaddr_un *)0)->sun_path)])
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int n;

	if (fd < 0)
		return -errno;
	/* Linux's abstract names: nothing is left behind, and no folder's path is too long. */
	n = snprintf(at.sun_path + 1, sizeof(at.sun_path) - 1, "galvan-ota-agent.%ld.%ld", (long)getpid(),
		     (long)random());
	if (bind(fd, (struct sockaddr *)&at, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n)) < 0) {
		n = -errno;
		close(fd);
		return n;
	}
	snprintf(ret_path, sizeof(at.sun_path), "@%s", at.sun_path + 1);
	return fd;
}

static void become(char **arguments, const char *notify, pid_t agent)
{
	sigset_t none;

	/* No process of an agent that is gone runs beside the next one's. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != agent || !arguments[0])
		_exit(127);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setenv("NOTIFY_SOCKET", notify, 1);
	execvp(arguments[0], arguments);
	_exit(127);
}

/* The socket on which the process will say that it is well. */
static int start(struct agent *a, struct tuf_error *err)
{
	static char expanded[AGENT_ARGUMENTS_MAX][PATH_MAX];
	char *arguments[AGENT_ARGUMENTS_MAX + 1] = { NULL };
	char notify[sizeof(((struct sockaddr_un *)0)->sun_path)];
	pid_t self = getpid();
	int fd, r = 0;

	for (int i = 0; a->config.run[i] && r == 0; i++) {
		r = expand(a, a->config.run[i], expanded[i], PATH_MAX);
		arguments[i] = expanded[i];
		if (r < 0)
			snprintf(err->text, sizeof(err->text), "run: nothing is installed for %.100s",
				 a->config.run[i]);
	}
	if (r < 0)
		return r;
	agent_stop(a);
	fd = listen_for(a, notify);
	if (fd < 0) {
		snprintf(err->text, sizeof(err->text), "no socket for the process: %s", strerror(-fd));
		return fd;
	}
	a->child = fork();
	if (a->child == 0)
		become(arguments, notify, self);
	if (a->child < 0) {
		r = -errno;
		a->child = 0;
		close(fd);
		snprintf(err->text, sizeof(err->text), "%.200s cannot be started: %s", arguments[0], strerror(-r));
		return r;
	}
	return fd;
}

/* ---- stopping -------------------------------------------------------------------------------- */

static void ends_within(pid_t child, int ms)
{
	struct pollfd p = { .fd = pidfd_open(child, 0), .events = POLLIN };

	if (p.fd < 0)
		return;
	while (poll(&p, 1, ms) < 0 && errno == EINTR)
		;
	close(p.fd);
}

void agent_stop(struct agent *a)
{
	if (a->child <= 0)
		return;
	kill(a->child, SIGTERM);
	ends_within(a->child, STOP_MS);
	kill(a->child, SIGKILL);
	while (waitpid(a->child, NULL, 0) < 0 && errno == EINTR)
		;
	a->child = 0;
}

/* ---- waiting --------------------------------------------------------------------------------- */

static int64_t clock_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static bool says_ready(int fd)
{
	char message[MESSAGE_MAX + 1];
	ssize_t n;

	while ((n = recv(fd, message, MESSAGE_MAX, 0)) > 0) {
		message[n] = '\0';
		for (char *line = message; line; line = strchr(line, '\n'), line = line ? line + 1 : NULL)
			if (strncmp(line, "READY=1", 7) == 0 && (line[7] == '\n' || line[7] == '\0'))
				return true;
	}
	return false;
}

/* 1: it is well; 0: it is not, and why; -EINTR: the agent shall end. */
static int wait_ready(struct agent *a, int notify, struct tuf_error *err)
{
	int64_t end_ms = clock_ms() + (int64_t)a->config.health_s * 1000, left_ms;
	struct pollfd p[3] = { { notify, POLLIN, 0 },
			       { pidfd_open(a->child, 0), POLLIN, 0 },
			       { a->stop_fd, POLLIN, 0 } };
	int r = 0;

	snprintf(err->text, sizeof(err->text), "it did not say within %d s that it is well", a->config.health_s);
	while ((left_ms = end_ms - clock_ms()) > 0) {
		if (poll(p, 3, (int)left_ms) < 0 && errno != EINTR)
			break;
		if (p[0].revents && says_ready(notify)) {
			r = 1;
			break;
		}
		if (p[2].revents) {
			r = -EINTR;
			break;
		}
		if (p[1].revents) {
			snprintf(err->text, sizeof(err->text), "it ended before it said that it is well");
			break;
		}
	}
	if (p[1].fd >= 0)
		close(p[1].fd);
	return r;
}

/* What is confirmed runs whether it says that it is well or not; it is waited for, so that it is not disturbed while it
 * starts. */
int agent_start(struct agent *a, struct tuf_error *err)
{
	int notify = start(a, err), r;

	if (notify < 0)
		return notify;
	r = wait_ready(a, notify, err);
	close(notify);
	if (r == 0)
		fprintf(stderr, "device=%s process=%ld why=\"%s\"\n", a->config.device, (long)a->child, err->text);
	return r < 0 ? r : 0;
}

/* ---- a trial --------------------------------------------------------------------------------- */

static int confirm(struct agent *a, enum ota_kind kind, const struct agent_image *it)
{
	agent_set_confirmed(a, kind, it);
	agent_clear_trial(a);
	agent_set_seen(a, it->assignment);
	agent_report(a, "installed", 0, "", it->length);
	return agent_save(a) < 0 ? -EIO : 1;
}

static int go_back(struct agent *a, const struct agent_image *it, const char *why)
{
	struct tuf_error err = { "" };

	agent_clear_trial(a);
	agent_set_seen(a, it->assignment);
	agent_report(a, "reverted", -TUF_FAILED, why, it->length);
	if (agent_save(a) < 0)
		return -EIO;
	if (agent_start(a, &err) < 0)
		fprintf(stderr, "device=%s process=none why=\"%s\"\n", a->config.device, err.text);
	return 0;
}

int agent_try(struct agent *a, struct tuf_error *err)
{
	enum ota_kind kind;
	struct agent_image it;
	int notify, r;

	if (!agent_trial(a, &kind, &it))
		return 0;
	memcpy(a->about.id, it.id, sizeof(it.id));
	a->about.version = it.assignment;
	a->about.total = it.length;
	if (it.starts >= AGENT_STARTS_MAX)
		return go_back(a, &it, "it was started as often as it may, and the device went down each time");
	it.starts++;
	agent_set_trial(a, kind, &it);
	if (agent_save(a) < 0)
		return -EIO;
	notify = start(a, err);
	r = notify < 0 ? 0 : wait_ready(a, notify, err);
	if (notify >= 0)
		close(notify);
	if (r < 0)
		return r;
	return r == 1 ? confirm(a, kind, &it) : go_back(a, &it, err->text);
}
