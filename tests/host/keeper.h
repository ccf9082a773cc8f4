/* A charger's own list of tokens and its reservations, kept as OCPP 1.6 or 2.0.1 says and by code of its own: what
 * galvan takes a charger to have is compared with what one really has. */
#ifndef TEST_HOST_KEEPER_H
#define TEST_HOST_KEEPER_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

#define KEEPER_ENTRIES 512
#define KEEPER_RESERVATIONS 64

struct keeper_entry {
	char id[24], status[16], parent[24];
	char type[16]; /* 2.0.1 */
};
struct keeper {
	/* how it is made */
	bool v201;
	bool unsupported;           /* keeps no list: GetLocalListVersion says -1 */
	bool off;                   /* LocalAuthListEnabled is false */
	int chunk_max, entries_max; /* 0: it does not say, and takes KEEPER_ENTRIES */
	int bite, room;             /* what it takes of a message, of a list, without saying so; 0: any */
	int fail;                   /* so many messages more are refused with Failed */
	/* what it has */
	int version;
	struct keeper_entry entries[KEEPER_ENTRIES];
	int n;
	int reservations[KEEPER_RESERVATIONS]; /* ids; 0: none */
	/* what it was asked */
	int configurations, versions, fulls, differences, caches;
	int mistakes; /* messages that OCPP does not allow */
};

/* True where the action is about lists, caches or reservations: `out` is the payload of the answer. */
bool keeper_answer(struct keeper *k, const char *action, const cJSON *payload, char *out, size_t size);
bool keeper_reserved(const struct keeper *k, int id);
int keeper_reservations(const struct keeper *k);
/* NULL: not in the list. */
const struct keeper_entry *keeper_find(const struct keeper *k, const char *id);
/* Entries that let somebody charge. */
int keeper_accepted(const struct keeper *k);

#endif
