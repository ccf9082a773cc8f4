/* The watcher is watched: run under interpose.so, each way to break the promise must end the process, and the right
 * order must not.
 *
 *     test_interpose INTERPOSE.so     runs itself once for each way
 *     test_interpose WAY FOLDER       is one of them */
#include <errno.h>
#include <lmdb.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zmq.h>

static void check(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "failed: %s\n", what);
	exit(2);
}

/* One turn: begin, put, commit, send; `way` says what is done in the wrong place. */
static int act(const char *way, const char *folder)
{
	bool early = !strcmp(way, "send-in-transaction"), no_sync = !strcmp(way, "no-sync");
	MDB_val key = { 1, (void *)"k" }, value = { 5, (void *)"value" };
	void *zmq = zmq_ctx_new(), *in = zmq_socket(zmq, ZMQ_PULL), *out = zmq_socket(zmq, ZMQ_PUSH);
	MDB_env *env;
	MDB_txn *txn;
	MDB_dbi table;

	check(!zmq_bind(in, "inproc://a") && !zmq_connect(out, "inproc://a"), "sockets");
	check(!mdb_env_create(&env), "environment");
	check(!mdb_env_open(env, folder, MDB_NOLOCK | (no_sync ? MDB_NOSYNC : 0), 0600), "open");
	for (int turn = 0; turn < 3; turn++) {
		check(!mdb_txn_begin(env, NULL, 0, &txn) && !mdb_dbi_open(txn, NULL, 0, &table), "begin");
		check(!mdb_put(txn, table, &key, &value, 0), "put");
		if (early)
			check(zmq_send(out, "x", 1, 0) == 1, "send");
		check(!mdb_txn_commit(txn), "commit");
		check(zmq_send(out, "x", 1, 0) == 1, "send");
	}
	/* A turn that wrote nothing may send. */
	check(!mdb_txn_begin(env, NULL, 0, &txn), "begin");
	mdb_txn_abort(txn);
	check(zmq_send(out, "x", 1, 0) == 1, "send");
	mdb_env_close(env);
	zmq_close(out);
	zmq_close(in);
	zmq_ctx_term(zmq);
	return 0;
}

static int run(const char *self, const char *library, const char *way)
{
	char folder[] = "/tmp/gv-interpose-XXXXXX", command[256];
	int status = 0;
	pid_t child;

	check(mkdtemp(folder), "folder");
	child = fork();
	check(child >= 0, "fork");
	if (!child) {
		setenv("LD_PRELOAD", library, 1);
		setenv("GALVAN_INTERPOSE", folder, 1);
		execl(self, self, way, folder, (char *)NULL);
		_exit(127);
	}
	check(waitpid(child, &status, 0) == child, "wait");
	snprintf(command, sizeof command, "rm -rf %s", folder);
	check(!system(command), "remove");
	return status;
}

static bool aborted(int status)
{
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

int main(int argc, char **argv)
{
	int status;

	if (argc == 3)
		return act(argv[1], argv[2]);
	check(argc == 2, "usage: test_interpose INTERPOSE.so");
	status = run("/proc/self/exe", argv[1], "right");
	check(WIFEXITED(status) && !WEXITSTATUS(status), "the right order must pass");
	check(aborted(run("/proc/self/exe", argv[1], "send-in-transaction")),
	      "a send within a transaction must be caught");
	check(aborted(run("/proc/self/exe", argv[1], "no-sync")), "a commit without fdatasync must be caught");
	return 0;
}
