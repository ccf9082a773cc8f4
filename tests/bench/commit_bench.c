/* What a durable commit costs on this disk: LMDB appends of 200-byte rows in transactions of 1, 10, 100 and 1000, each
 * synced, as a turn is. It bounds what any server can do that answers only what is stored.
 *
 *     bench-commit FOLDER [SECONDS]        prints JSON; the folder must be new or empty */
#include <lmdb.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define ROW_BYTES 200

static double now_s(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int fill(MDB_env *env, MDB_dbi dbi, unsigned long long *row, unsigned rows)
{
	char data[ROW_BYTES] = "row";
	MDB_txn *txn;
	int r = mdb_txn_begin(env, NULL, 0, &txn);
	for (unsigned i = 0; r == 0 && i < rows; i++) {
		unsigned long long key = __builtin_bswap64(++*row);
		MDB_val k = { sizeof key, &key }, v = { sizeof data, data };
		r = mdb_put(txn, dbi, &k, &v, MDB_APPEND);
	}
	if (r == 0)
		return mdb_txn_commit(txn);
	mdb_txn_abort(txn);
	return r;
}

static int measure(MDB_env *env, MDB_dbi dbi, unsigned rows, double seconds, bool last)
{
	static unsigned long long row;
	double begun = now_s(), took = 0;
	unsigned long commits = 0;
	int r = 0;
	for (; r == 0 && took < seconds; commits++, took = now_s() - begun)
		r = fill(env, dbi, &row, rows);
	if (r == 0)
		printf("{\"rows\": %u, \"commits_per_s\": %.0f, \"rows_per_s\": %.0f, \"commit_us\": %.1f}%s", rows,
		       (double)commits / took, (double)commits * rows / took, took * 1e6 / (double)commits,
		       last ? "]\n" : ", ");
	return r;
}

int main(int argc, char **argv)
{
	static const unsigned sizes[] = { 1, 10, 100, 1000 };
	MDB_env *env;
	MDB_txn *txn;
	MDB_dbi dbi;
	double seconds = argc > 2 ? strtod(argv[2], NULL) : 1;
	if (argc < 2) {
		fprintf(stderr, "usage: bench-commit FOLDER [SECONDS]\n");
		return 2;
	}
	mkdir(argv[1], 0700);
	int r = mdb_env_create(&env);
	if (r == 0)
		r = mdb_env_set_mapsize(env, 8ull << 30);
	if (r == 0)
		r = mdb_env_open(env, argv[1], MDB_NOTLS, 0600);
	if (r == 0)
		r = mdb_txn_begin(env, NULL, 0, &txn);
	if (r == 0)
		r = mdb_dbi_open(txn, NULL, 0, &dbi);
	if (r == 0)
		r = mdb_txn_commit(txn);
	printf("[");
	for (unsigned i = 0; r == 0 && i < 4; i++)
		r = measure(env, dbi, sizes[i], seconds, i == 3);
	if (r != 0)
		fprintf(stderr, "bench-commit: %s: %s\n", argv[1], mdb_strerror(r));
	mdb_env_close(env);
	return r != 0;
}
