/* Puts the parts together. Everything that can be refused is refused before the first plugin starts: config, data
 * folder, files, records, grants, plugin configs. Then one libuv loop until somebody stops it. */
#include "node.h"
#include "announce.h"
#include "control.h"
#include "rehearse.h"
#include "text.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

#define DEFAULT_DATA "/var/lib/galvan" /* the client's default too */

enum { EXIT_GOOD = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

struct node {
	struct gv_logger log;
	struct gv_config *config;
	char *config_file; /* absolute */
	struct gv_datadir data;
	struct gv_plan **plans;
	bool strict; /* a file that cannot be loaded refuses the start */
	uv_loop_t loop;
	void *context;
	struct gv_control *control;
	struct gv_supervisor *supervisor;
	uv_signal_t signals[2];
	bool stopping, failed, in_order, stuck;
};

/* One line for each of the text's. */
static int say(const char *text)
{
	for (const char *line = text ? text : "out of memory"; line;) {
		const char *end = strchr(line, '\n');

		fprintf(stderr, "galvan: %.*s\n", (int)(end ? end - line : (ptrdiff_t)strlen(line)), line);
		line = end ? end + 1 : NULL;
	}
	return EXIT_FAILED;
}

static void say_sentence(const char *text)
{
	say(text);
}

/* ---- what happens ---------------------------------------------------------------------------- */

static void on_changed(void *arg, const Kernel__Directory *d)
{
	struct node *n = arg;

	gv_control_directory(n->control, d);
}

static void say_how(const struct gv_instance *inst)
{
	if (inst->state == GV_FAILED)
		printf("without %s, which cannot be started: galvan ctl status says why\n", inst->name);
	else if (inst->plan->note)
		printf("with an old copy of %s: galvan ctl status says why\n", inst->name);
}

static void on_ready(void *arg)
{
	struct node *n = arg;
	const struct gv_unit *u;

	for (size_t i = 0; i < n->config->n_plugins; i++)
		gv_announce(n->plans[i], stdout);
	for (size_t i = 0; (u = gv_supervisor_unit(n->supervisor, i)); i++)
		for (uint32_t k = 0; k < u->count; k++)
			say_how(&u->instances[k]);
	puts("ready");
	fflush(stdout);
}

/* A plan for the copy that ran last. -ENOENT: there is none, or it is what has just been tried. */
static int make_plan_of_last(struct node *n, const struct gv_config_plugin *p, const char *tried, const char *why,
			     struct gv_plan **ret, char **ret_error)
{
	char hash[GV_HASH_SIZE], *file;
	int rc = gv_datadir_recall(&n->data, p->name, hash);

	if (rc < 0 || strcmp(hash, tried) == 0)
		return -ENOENT;
	file = gv_text("%s/plugins/%s.so", n->data.path, hash);
	rc = file ? gv_plan_make_last(n->config, p, file, hash, why, ret, ret_error) : -ENOMEM;
	free(file);
	if (rc == 0)
		gv_err(&n->log, "a plugin runs from an old copy: %s plugin=%s", why, p->name);
	return rc == -ENOENT ? -EIO : rc;
}

static struct gv_plan *on_instead(void *arg, const struct gv_plan *plan, const char *reason)
{
	struct node *n = arg;
	const struct gv_config_plugin *p = gv_config_find(n->config, plan->name);
	char *why = gv_text("version %s of %s does not start: %s", plan->record->version, plan->path, reason);
	struct gv_plan *instead = NULL;
	char *error = NULL;

	if (p && make_plan_of_last(n, p, plan->hash, why ? why : reason, &instead, &error) < 0 && error)
		gv_err(&n->log, "nor can the copy that ran last be loaded: %s plugin=%s", error, plan->name);
	free(why);
	free(error);
	return instead;
}

static void on_failed(void *arg, const char *sentence)
{
	struct node *n = arg;

	if (!n->failed)
		say(sentence);
	n->failed = true;
	n->stopping = true;
	gv_supervisor_stop(n->supervisor);
}

static void on_stopped(void *arg, bool in_order)
{
	struct node *n = arg;

	n->in_order = in_order;
	uv_stop(&n->loop);
}

static void stop(void *arg)
{
	struct node *n = arg;

	if (n->stopping)
		return;
	n->stopping = true;
	gv_info(&n->log, "stopping");
	gv_supervisor_stop(n->supervisor);
}

static void on_signal(uv_signal_t *handle, int number)
{
	struct node *n = handle->data;

	if (!n->stopping) {
		stop(n);
		return;
	}
	gv_warn(&n->log, "told to stop again: at once signal=%d", number);
	gv_supervisor_kill(n->supervisor);
}

/* ---- the start ------------------------------------------------------------------------------- */

/* The file that `path:` names cannot be loaded: the copy that ran last will do, or else the node does without. */
static int make_plan_without_file(struct node *n, const struct gv_config_plugin *p, const char *why,
				  struct gv_plan **ret)
{
	char *error = NULL, *text = NULL;
	int rc = make_plan_of_last(n, p, "", why, ret, &error);

	if (rc == 0)
		return 0;
	if (rc != -ENOENT)
		text = gv_text("%s; nor can the copy that ran last: %s", why, error ? error : "out of memory");
	rc = gv_plan_make_without(n->config, p, text ? text : why, ret);
	if (rc == 0)
		gv_err(&n->log, "the node starts without a plugin: %s plugin=%s", text ? text : why, p->name);
	free(text);
	free(error);
	return rc;
}

/* Copies that nobody needs any more go. What ran last stays beside what runs now: the latter may yet fail. */
static void sweep_copies(struct node *n)
{
	size_t count = 0, most = 3 * n->config->n_plugins;
	char **keep = calloc(most + 1, sizeof *keep), hash[GV_HASH_SIZE];

	for (size_t i = 0; keep && i < n->config->n_plugins; i++) {
		const struct gv_plan *plan = n->plans[i];

		if (gv_plan_runs(plan))
			keep[count++] = strdup(plan->file);
		if (gv_datadir_recall(&n->data, plan->name, hash) == 0) {
			keep[count++] = gv_text("/%s.so", hash);
			keep[count++] = gv_text("/%s.last", plan->name);
		}
	}
	for (size_t i = 0; i < count; i++)
		if (!keep[i]) /* out of memory: another time */
			goto out;
	if (keep)
		gv_datadir_sweep_plugins(&n->data, (const char *const *)keep, (unsigned)count);
out:
	for (size_t i = 0; i < count; i++)
		free(keep[i]);
	free(keep);
}

static int make_plans(struct node *n)
{
	char *copies = gv_text("%s/plugins", n->data.path);
	int rc = copies ? 0 : -ENOMEM;

	n->plans = calloc(n->config->n_plugins + 1, sizeof *n->plans);
	if (!n->plans)
		rc = -ENOMEM;
	/* All of them, so that all that is wrong is said at once. */
	for (size_t i = 0; n->plans && copies && i < n->config->n_plugins; i++) {
		const struct gv_config_plugin *p = &n->config->plugins[i];
		char *error = NULL;
		int made = gv_plan_make(n->config, p, copies, &n->plans[i], &error);

		if (made == -ENOEXEC && !n->strict && error)
			made = make_plan_without_file(n, p, error, &n->plans[i]);
		else if (made < 0)
			say(error);
		if (made < 0)
			rc = -EINVAL;
		free(error);
	}
	if (rc == 0)
		sweep_copies(n);
	free(copies);
	return rc;
}

static int open_control(struct node *n, char **ret_error)
{
	char *run = gv_text("%s/run", n->data.path);
	struct gv_control_options o = { .loop = &n->loop,
					.context = n->context,
					.log = &n->log,
					.run = run,
					.tcp = n->config->node.control,
					.node = n->config->node.name,
					.version = GALVAN_VERSION,
					.incarnation = n->data.incarnation,
					.stop = stop,
					.arg = n };
	int rc = run ? gv_control_create(&o, &n->control, ret_error) : -ENOMEM;

	free(run);
	return rc;
}

static int open_supervisor(struct node *n, char **ret_error)
{
	const struct gv_config_node *c = &n->config->node;
	struct gv_supervisor_options o = {
		.loop = &n->loop,
		.context = n->context,
		.log = &n->log,
		.data = &n->data,
		.node = c->name,
		.log_json = c->log_json,
		.log_level = c->log_level,
		.store_limit_bytes = c->store_limit_bytes,
		.journal_limit_bytes = c->journal_limit_bytes,
		.journal_limit_ms = c->journal_limit_ms,
		.config_file = n->config_file,
		.kernel = gv_control_peer(n->control),
		.strict = n->strict,
		.events = { .arg = n,
			    .changed = on_changed,
			    .ready = on_ready,
			    .instead = on_instead,
			    .failed = on_failed,
			    .stopped = on_stopped },
	};
	int rc = gv_supervisor_create(&o, &n->supervisor, ret_error);

	if (rc == 0)
		gv_control_set_supervisor(n->control, n->supervisor);
	for (size_t i = 0; rc == 0 && i < n->config->n_plugins; i++)
		rc = gv_supervisor_add(n->supervisor, n->plans[i], NULL);
	return rc;
}

static int open_signals(struct node *n)
{
	static const int numbers[] = { SIGTERM, SIGINT };
	struct sigaction ignore = { .sa_handler = SIG_IGN };

	sigaction(SIGPIPE, &ignore, NULL);
	for (size_t i = 0; i < 2; i++) {
		uv_signal_init(&n->loop, &n->signals[i]);
		n->signals[i].data = n;
		uv_signal_start(&n->signals[i], on_signal, numbers[i]);
	}
	return 0;
}

/* Lets what closes close. A worker that still probes a file is waited for: it cannot be cut short. */
static void close_loop(struct node *n)
{
	for (size_t i = 0; i < 2; i++)
		if (n->signals[i].data)
			uv_close((uv_handle_t *)&n->signals[i], NULL);
	gv_control_destroy(n->control);
	gv_supervisor_destroy(n->supervisor);
	uv_run(&n->loop, UV_RUN_DEFAULT);
	uv_loop_close(&n->loop);
}

static int run_loop(struct node *n)
{
	char *error = NULL;
	int rc = uv_loop_init(&n->loop);

	if (rc < 0)
		return say(uv_strerror(rc));
	n->context = zmq_ctx_new();
	rc = n->context ? open_control(n, &error) : -ENOMEM;
	if (rc == 0)
		rc = open_supervisor(n, &error);
	if (rc == 0)
		rc = open_signals(n);
	if (rc == 0) {
		gv_supervisor_start(n->supervisor);
		uv_run(&n->loop, UV_RUN_DEFAULT);
	} else {
		say(error ? error : gv_text_errno(rc));
		n->failed = true;
	}
	free(error);
	close_loop(n);
	/* A thread that hangs still uses the context: it cannot be ended, and the process ends anyway. */
	if (n->context && n->in_order)
		zmq_ctx_term(n->context);
	if (n->in_order)
		gv_datadir_mark_clean(&n->data);
	return n->failed ? EXIT_FAILED : EXIT_GOOD;
}

static int run(struct node *n, const char *data)
{
	char *error = NULL;
	int status;

	if (!data)
		data = n->config->node.data;
	if (!data)
		data = getenv("GALVAN_DATA");
	if (!data)
		data = DEFAULT_DATA;
	if (gv_datadir_open(data, &n->data, &error) < 0) {
		status = say(error);
		free(error);
		return status;
	}
	n->log = (struct gv_logger){ .fd = STDERR_FILENO,
				     .json = n->config->node.log_json,
				     .level = GV_INFO,
				     .node = n->config->node.name,
				     .instance = "kernel" };
	gv_log_level_parse(n->config->node.log_level, &n->log.level);
	status = make_plans(n) < 0 ? EXIT_FAILED : run_loop(n);
	for (size_t i = 0; n->plans && i < n->config->n_plugins; i++)
		gv_plan_unref(n->plans[i]);
	free(n->plans);
	gv_datadir_close(&n->data);
	return status;
}

static const char run_usage[] =
	"usage: galvan run CONFIG.yaml [--data DIR] [--strict]\n"
	"  runs a node; it is ready when it prints `ready`, and stops on SIGTERM\n"
	"  --data DIR   its data folder (else node.data of the config, GALVAN_DATA, " DEFAULT_DATA ")\n"
	"  --strict     not without a plugin whose file cannot be loaded or started\n";

static int parse_arguments(int argc, char **argv, const char **ret_config, const char **ret_data, bool *ret_strict)
{
	for (int i = 2; i < argc; i++) {
		if (strcmp(argv[i], "--data") == 0 && i + 1 < argc)
			*ret_data = argv[++i];
		else if (strncmp(argv[i], "--data=", 7) == 0)
			*ret_data = argv[i] + 7;
		else if (strcmp(argv[i], "--strict") == 0)
			*ret_strict = true;
		else if (argv[i][0] != '-' && !*ret_config)
			*ret_config = argv[i];
		else
			return -EINVAL;
	}
	return *ret_config ? 0 : -EINVAL;
}

int gv_node_main(int argc, char **argv)
{
	const char *config = NULL, *data = NULL;
	bool strict = false;
	unsigned instances;
	struct node *n;
	char *error = NULL;
	int status = EXIT_FAILED;

	for (int i = 2; i < argc; i++)
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
			fputs(run_usage, stdout);
			return EXIT_GOOD;
		}
	if (parse_arguments(argc, argv, &config, &data, &strict) < 0) {
		fputs(run_usage, stderr);
		return EXIT_USAGE;
	}
	umask(077);
	n = calloc(1, sizeof *n);
	if (!n)
		return say(NULL);
	n->strict = strict;
	if (gv_config_survey(config, &n->config, &error) < 0) {
		say(error);
		if (n->config)
			gv_rehearse_all(n->config, say_sentence, &instances);
	} else {
		n->config_file = realpath(config, NULL);
		status = n->config_file ? run(n, data) : say(strerror(errno));
	}
	free(error);
	gv_config_destroy(n->config);
	free(n->config_file);
	free(n);
	return status;
}
