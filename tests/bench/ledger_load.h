/* The transfers that the ledger's bench books, the same for each of its ways, and what it measures of each. */
#ifndef BENCH_LEDGER_LOAD_H
#define BENCH_LEDGER_LOAD_H

#include <galvan/billing.pb-c.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOAD_WALLETS 100000
#define LOAD_ID_MAX 48
#define LOAD_BATCH_MAX 8190

struct load_transfer {
	char id[LOAD_ID_MAX], debit[24], credit[24], order[24];
	int64_t amount;
};
/* The next transfers of a run: between two random wallets, four for each order, whose id is random too. Follows from
 * how many there were before. */
void load_next(struct load_transfer *to, size_t n);
/* Money for the wallets from `first` on. */
void load_fund(struct load_transfer *to, size_t n, size_t first);
/* A packed PostRequest of them; malloc'd. */
uint8_t *load_pack(const struct load_transfer *of, size_t n, size_t *ret_size);

/* A way to book: sends one batch; fewer than `window` are under way at once. 0 or -1 with the reason printed. */
struct load_way {
	void *arg;
	int (*send)(void *arg, const uint8_t *request, size_t size, uint64_t number);
	/* Waits for at least one answer and calls load_answered for each. */
	int (*wait)(void *arg);
};
void load_answered(uint64_t number);

double load_now_s(void);
/* Funds the wallets, then measures each case for so long and prints it as JSON. `check`: NULL, or the names and sizes
 * of all cases. */
int load_run(const struct load_way *way, const char *name, double seconds);

struct load_case {
	unsigned batch, window;
};
extern const struct load_case load_cases[];
extern const size_t load_n_cases;
void load_print(const char *name, const struct load_case *c, double took_s, double *latencies_us, size_t n, bool last);

#endif
