/* How often one address may do what needs no token: token buckets, in bounded memory. Pure functions. */
#ifndef API_LIMITS_H
#define API_LIMITS_H

#include "client.h"

#include <stdbool.h>
#include <stdint.h>

#define API_ORIGINS_MAX 4096 /* addresses that are remembered; the one that was seen longest ago gives way */

enum api_limit { API_LIMIT_PUBLIC, API_LIMIT_WRONG_TOKEN, API_LIMIT_COUNT };

struct api_origin {
	uint8_t address[API_ADDRESS_SIZE]; /* IPv6: its /64 */
	int64_t due_us[API_LIMIT_COUNT];   /* the rate's clock runs ahead to here */
	uint16_t next;                     /* same slot; indices + 1, 0: none */
	uint16_t newer, older;
};

struct api_limits {
	int64_t interval_us; /* between two; 0: no limit */
	uint32_t burst;
	uint64_t seed; /* of the slots' hash */
	struct api_origin *origins;
	uint16_t slots[API_ORIGINS_MAX], n, newest, oldest;
};

/* per_minute 0: no limit. -ENOMEM. */
int api_limits_init(struct api_limits *l, uint32_t per_minute, uint32_t burst, uint64_t seed);
void api_limits_fini(struct api_limits *l);
/* 0: it may once more; otherwise in so many ms. */
int64_t api_limits_wait_ms(struct api_limits *l, const uint8_t address[static API_ADDRESS_SIZE], enum api_limit limit,
			   int64_t now_ms);
/* It did. */
void api_limits_take(struct api_limits *l, const uint8_t address[static API_ADDRESS_SIZE], enum api_limit limit,
		     int64_t now_ms);
/* What it did turned out not to count. */
void api_limits_give_back(struct api_limits *l, const uint8_t address[static API_ADDRESS_SIZE], enum api_limit limit);

#endif
