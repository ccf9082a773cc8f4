/* Transfers a second, each durable before it is answered, over the same random load:
 *
 *     bench-ledger bare FOLDER [SECONDS]    LMDB alone: the same rows with the same keys and sizes, nothing computed
 *     bench-ledger actor FOLDER [SECONDS]   the ledger on the kernel's actor, in this process
 *     bench-ledger node ADDRESS [SECONDS]   a running node, through its control socket
 *
 * And what it takes to read all of a ledger again, and how long others wait meanwhile:
 *
 *     bench-ledger verify FOLDER [LINES]    made where the folder has none yet; 10,000,000 take an hour on a slow disk
 *
 * Prints JSON. The folder must be new or empty, and on the disk that a node would use. */
#include "ledger_actor.h"
#include "ledger_load.h"

#include <kernel/cli_client.h>
#include <lmdb.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define METHOD "galvan.billing.v1.Billing/Post"

/* ---- bare LMDB ------------------------------------------------------------------------------- */

enum { ENTRIES, TRANSFERS, ACCOUNTS, ORDERS, HEAD, BARE_TABLES };

struct bare {
	MDB_env *env;
	MDB_dbi tables[BARE_TABLES];
	uint64_t seq;
};

/* As large as the ledger's rows are when packed. */
static void bare_put(MDB_txn *txn, MDB_dbi table, const void *key, size_t key_size, size_t size, unsigned flags)
{
	MDB_val k = { key_size, (void *)key }, v = { size, NULL };
	int r = mdb_put(txn, table, &k, &v, MDB_RESERVE | flags);
	if (r) {
		fprintf(stderr, "bench-ledger: %s\n", mdb_strerror(r));
		exit(1);
	}
	memset(v.mv_data, 'x', size);
}

static size_t account_key(const char *id, char *to)
{
	size_t n = strlen(id) + 1;
	memcpy(to, id, n);
	memcpy(to + n, "EUR", 4);
	return n + 4;
}

static void bare_one(struct bare *b, MDB_txn *txn, const struct load_transfer *x)
{
	const size_t entry_size = strlen(x->id) + strlen(x->debit) + strlen(x->credit) + strlen(x->order) + 82;
	uint64_t seq = __builtin_bswap64(++b->seq);
	char key[64];
	MDB_val k, v;
	for (int side = 0; side < 2; side++) {
		k = (MDB_val){ account_key(side ? x->credit : x->debit, key), key };
		mdb_get(txn, b->tables[ACCOUNTS], &k, &v);
		bare_put(txn, b->tables[ACCOUNTS], key, k.mv_size, 14, 0);
	}
	bare_put(txn, b->tables[ENTRIES], &seq, sizeof seq, entry_size, MDB_APPEND);
	bare_put(txn, b->tables[TRANSFERS], x->id, strlen(x->id) + 1, 4, MDB_NOOVERWRITE);
	k = (MDB_val){ strlen(x->order) + 1, (char *)x->order };
	mdb_get(txn, b->tables[ORDERS], &k, &v);
	bare_put(txn, b->tables[ORDERS], x->order, strlen(x->order) + 1, 4, 0);
}

static void bare_batch(struct bare *b, const struct load_transfer *of, size_t n)
{
	MDB_txn *txn;
	int r = mdb_txn_begin(b->env, NULL, 0, &txn);
	for (size_t i = 0; r == 0 && i < n; i++)
		bare_one(b, txn, &of[i]);
	if (r == 0) {
		bare_put(txn, b->tables[HEAD], "head", 4, 38, 0);
		r = mdb_txn_commit(txn);
	}
	if (r) {
		fprintf(stderr, "bench-ledger: %s\n", mdb_strerror(r));
		exit(1);
	}
}

static void bare_measure(struct bare *b, const struct load_case *c, double seconds, struct load_transfer *room,
			 double *latencies_us, bool last)
{
	double begun_s = load_now_s(), took_s = 0;
	size_t n = 0;
	for (; took_s < seconds; n++) {
		double at_s = load_now_s();
		load_next(room, (size_t)c->batch * c->window);
		bare_batch(b, room, (size_t)c->batch * c->window);
		took_s = load_now_s() - begun_s;
		latencies_us[n] = (begun_s + took_s - at_s) * 1e6;
	}
	load_print("bare", &(struct load_case){ c->batch * c->window, 1 }, took_s, latencies_us, n, last);
}

static int bare(const char *folder, double seconds)
{
	static const char *const names[] = { "entries", "transfers", "accounts", "orders", "head" };
	struct bare b = { 0 };
	struct load_transfer *room = calloc(LOAD_BATCH_MAX, sizeof *room);
	double *latencies_us = calloc(4000000, sizeof *latencies_us);
	MDB_txn *txn;
	mkdir(folder, 0700);
	int r = mdb_env_create(&b.env);
	if (r == 0)
		r = mdb_env_set_mapsize(b.env, 64ull << 30);
	if (r == 0)
		r = mdb_env_set_maxdbs(b.env, BARE_TABLES);
	if (r == 0)
		r = mdb_env_open(b.env, folder, MDB_NOTLS | MDB_NOLOCK, 0600);
	if (r == 0)
		r = mdb_txn_begin(b.env, NULL, 0, &txn);
	for (int i = 0; r == 0 && i < BARE_TABLES; i++)
		r = mdb_dbi_open(txn, names[i], MDB_CREATE, &b.tables[i]);
	if (r == 0)
		r = mdb_txn_commit(txn);
	if (r != 0 || !room || !latencies_us) {
		fprintf(stderr, "bench-ledger: %s: %s\n", folder, mdb_strerror(r));
		return 1;
	}
	for (size_t done = 0; done < LOAD_WALLETS; done += 5000) {
		load_fund(room, 5000, done);
		bare_batch(&b, room, 5000);
	}
	printf("[");
	for (size_t i = 0; i < load_n_cases; i++)
		bare_measure(&b, &load_cases[i], seconds, room, latencies_us, i + 1 == load_n_cases);
	mdb_env_close(b.env);
	free(room);
	free(latencies_us);
	return 0;
}

/* ---- the actor ------------------------------------------------------------------------------- */

static void check_reply(const Env__Reply *reply)
{
	if (reply->code) {
		fprintf(stderr, "bench-ledger: a batch was refused: %s\n", reply->error);
		exit(1);
	}
}

static void actor_reply(const Env__Reply *reply)
{
	check_reply(reply);
	load_answered(reply->id);
}

static int actor_send(void *arg, const uint8_t *request, size_t size, uint64_t number)
{
	static uint64_t id_base; /* ids are for ever, numbers begin anew in each case: a multiple of any window apart */

	if (number == 0)
		id_base += UINT64_C(1) << 40;
	return bench_actor_call(arg, id_base + number, METHOD, request, size);
}

static int actor(const char *folder, double seconds)
{
	struct gv_actor *a = ledger_actor_open(folder, actor_reply);
	const struct load_way way = { a, actor_send, bench_actor_wait };
	int r = a ? load_run(&way, "actor", seconds) : -1;

	if (a)
		gv_actor_destroy(a);
	return r < 0;
}

/* ---- a node ---------------------------------------------------------------------------------- */

struct node {
	struct gv_client *client;
	uint64_t numbers[1024], ids[1024];
};

static void node_reply(void *arg, const Env__Reply *reply)
{
	struct node *n = arg;
	check_reply(reply);
	for (size_t i = 0; i < 1024; i++) {
		if (n->ids[i] != reply->id)
			continue;
		n->ids[i] = 0;
		load_answered(n->numbers[i]);
		return;
	}
}

static int node_send(void *arg, const uint8_t *request, size_t size, uint64_t number)
{
	struct node *n = arg;
	uint64_t id;
	int r = gv_client_send_call(n->client, METHOD, "", request, size, 60000, &id);
	if (r < 0)
		return -1;
	n->numbers[number % 1024] = number;
	n->ids[number % 1024] = id;
	return 0;
}

static int node_wait(void *arg)
{
	struct node *n = arg;
	return gv_client_wait(n->client, -1, -1) < 0 ? -1 : 0;
}

static int node(const char *address, double seconds)
{
	struct node n = { 0 };
	const struct gv_client_handler handler = { .arg = &n, .reply = node_reply };
	char *error = NULL;
	if (gv_client_open(address, 10000, &handler, &n.client, &error) < 0) {
		fprintf(stderr, "bench-ledger: %s\n", error ? error : "cannot connect");
		return 1;
	}
	const struct load_way way = { &n, node_send, node_wait };
	int r = load_run(&way, "node", seconds);
	gv_client_close(n.client);
	return r < 0;
}

int main(int argc, char **argv)
{
	double seconds = argc > 3 ? strtod(argv[3], NULL) : 2;
	if (argc > 2 && !strcmp(argv[1], "bare"))
		return bare(argv[2], seconds);
	if (argc > 2 && !strcmp(argv[1], "actor"))
		return actor(argv[2], seconds);
	if (argc > 2 && !strcmp(argv[1], "node"))
		return node(argv[2], seconds);
	if (argc > 2 && !strcmp(argv[1], "verify"))
		return bench_verify(argv[2], argc > 3 ? strtoull(argv[3], NULL, 10) : 1000000);
	fprintf(stderr, "usage: bench-ledger bare|actor FOLDER [SECONDS]\n       bench-ledger node ADDRESS [SECONDS]\n"
			"       bench-ledger verify FOLDER [LINES]\n");
	return 2;
}
