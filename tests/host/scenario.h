/* A scenario drives a node under one seed and checks what must hold; a broken promise ends the program. */
#ifndef TEST_HOST_SCENARIO_H
#define TEST_HOST_SCENARIO_H

#include "host.h"

struct scenario {
	const char *name, *summary;
	void (*run)(struct host *h);
};
extern const struct scenario scenario_zoo, scenario_registry, scenario_ocpp, scenario_ledger, scenario_tokens,
	scenario_billing, scenario_stream, scenario_powerbank, scenario_rentals, scenario_energy, scenario_power,
	scenario_lists, scenario_events, scenario_piles, scenario_ota, scenario_week;

/* Where the plugins' and the zoo's shared objects are; NULL: in the build folder of this program. */
void scenario_folders(const char *plugins, const char *zoo);
bool scenario_has(const char *plugin);
void scenario_load(struct host *h, const char *plugin, uint32_t instances, const char *config);
void scenario_load_zoo(struct host *h, const char *plugin, uint32_t instances);

#define ONE_CRASH 1000000
/* How unkind this seed's world is: from none at all to everything at once. Seeds from 1,000,000 on are calm but for one
 * crash: millions count through `victims` (ended by NULL), the rest is the point at which that instance dies. */
void scenario_weather(struct host *h, const char *const *victims);
void scenario_calm(struct host *h);
/* No frame may be lost while its connection lives: in calm seeds, and where only a plugin behind link dies once. */
bool scenario_must_answer(struct host *h);

#define SCENARIO_LIVES 200 /* of piles, in each world of the scenario piles */

/* Comes to rest after the storm; where events were lost within a pair, the emitters (ended by NULL) are restarted, so
 * that their subscribers say where they stand. */
void scenario_shake(struct host *h, const char *const *emitters);

/* An integer member of a JSON object, "a.0.b"; numbers, their strings, and booleans. Fails the test where it is
 * missing. */
int64_t scenario_int(struct host *h, const char *json, const char *path);
/* A string member, in memory that lives until the fourth call after this one. */
const char *scenario_str(struct host *h, const char *json, const char *path);
/* How many elements a list has. */
size_t scenario_count(struct host *h, const char *json, const char *path);

#endif
