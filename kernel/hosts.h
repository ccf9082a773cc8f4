/* The hosts that run: starting them as processes or threads, the line to them, and how they end. What a start or an end
 * means is the supervisor's business. One thread, the loop's. */
#ifndef GV_HOSTS_H
#define GV_HOSTS_H

#include "log.h"
#include "plan.h"

#include <galvan/kernel.pb-c.h>
#include <pthread.h>
#include <stdatomic.h>
#include <uv.h>

struct gv_hosts;

enum gv_host_state {
	GV_HOST_SPAWNED,  /* has not said hello */
	GV_HOST_WARM,     /* its code is loaded, it waits for an assignment */
	GV_HOST_ASSIGNED, /* opens its store and starts the plugin */
	GV_HOST_STARTED,
	GV_HOST_STOPPING, /* was told to stop */
	GV_HOST_STOPPED,  /* its store is closed; only what it has queued keeps it */
};

/* One start of one instance. Read by the supervisor, which also writes the fields of its own part. */
struct gv_host {
	struct gv_hosts *hosts;
	struct gv_host *next;
	uint64_t token;
	struct gv_plan *plan; /* a reference */
	char instance[64];
	int64_t pid;
	char *endpoint, *local_endpoint; /* "" where it is a process */
	char *cause;                     /* how it ended, or why it was killed */

	/* the supervisor's */
	void *owner; /* NULL: nobody waits for it any more */
	enum gv_host_state state;
	uint64_t incarnation;
	int64_t heard_ms;    /* when it last said something; uv_now */
	int64_t deadline_ms; /* killed then; 0: none */
	const char *deadline_why;
	char *failure;          /* what its Failed said */
	Kernel__FromHost *beat; /* its last; NULL: none yet */

	/* hosts.c's */
	uv_process_t process;
	uv_timer_t grace;
	bool is_thread, ended, told_end, clean, stuck;
	unsigned handles; /* open libuv handles */
	pthread_t thread;
	atomic_bool thread_done;
};

struct gv_hosts_events {
	void *arg;
	void (*message)(void *arg, struct gv_host *h, const Kernel__FromHost *m);
	/* It is no more: reaped or joined, and everything that it said has been handed over. `clean`: it ended of
	 * itself, successfully. h->cause says how. The host is freed when this returns. */
	void (*ended)(void *arg, struct gv_host *h, bool clean);
};

struct gv_hosts_options {
	uv_loop_t *loop;
	void *context;
	const struct gv_logger *log;
	const char *run; /* folder of the sockets */
	struct gv_hosts_events events;
};

int gv_hosts_create(const struct gv_hosts_options *o, struct gv_hosts **ret, char **ret_error);
/* Starts a host for an instance; it says hello by itself. Takes a reference to the plan. */
int gv_hosts_start(struct gv_hosts *hs, const char *instance, struct gv_plan *plan, void *owner, struct gv_host **ret,
		   char **ret_error);
void gv_hosts_send(struct gv_host *h, const Kernel__ToHost *m);
/* The packed directory to every host that has started. */
void gv_hosts_send_directory(struct gv_hosts *hs, const Kernel__Directory *d);
/* SIGKILL to a process and its group; `why` becomes its cause. A thread cannot be killed: -ENOTSUP. */
int gv_hosts_kill(struct gv_host *h, const char *why);
/* The first of all hosts, linked by `next`; NULL: none. */
struct gv_host *gv_hosts_first(struct gv_hosts *hs);
/* No host may be left but threads that are stuck. Its handles close on the loop. NULL is fine. */
void gv_hosts_destroy(struct gv_hosts *hs);

#endif
