/* The model and the arithmetic coder of gd1, one for both directions: what the encoder does with a bit that it knows,
 * the decoder does with one that it reads. */
#ifndef GD1_MODEL_H
#define GD1_MODEL_H

#include "delta.h"

#define GD1_INPUTS 10
#define GD1_SETS 32 /* of weights: by what is coded, and where in a byte */
#define GD1_NUMBERS 3
#define GD1_SHIFTS 8 /* recent distances between old and new that are remembered */

enum gd1_number { GD1_COPY, GD1_EXTRA, GD1_SHIFT };

struct gd1_coder {
	bool decode, failed;
	uint32_t low, high, code;
	void *user;
	int (*get)(void *user);              /* a byte of the delta, or -1 */
	void (*put)(void *user, uint8_t it); /* decode: never called */
};

struct gd1_model {
	struct gd1_coder coder;
	int16_t stretch[4096];
	int32_t weights[GD1_SETS][GD1_INPUTS];
	uint16_t lengths[GD1_NUMBERS][64], mantissas[GD1_NUMBERS][64][8];
	uint16_t recent[GD1_SHIFTS];
	/* Of the bit that is coded. */
	uint16_t *chosen[GD1_INPUTS];
	int inputs[GD1_INPUTS];
	uint32_t hashes[GD1_INPUTS];
	/* What was coded before. */
	uint32_t diffs, bytes;      /* the last four, the newest in the low bits */
	uint32_t group;             /* the last differences that were not 0, the newest in the low bits */
	uint32_t quiet;             /* bytes since the last of them */
	uint32_t gaps;              /* the last four such distances, up to 255, the newest in the low bits */
	uint8_t history[32];        /* the last differences, by the place in the old file */
	int64_t shifts[GD1_SHIFTS]; /* old position less new position, the newest first */
	uint32_t slot_count;
	uint16_t slots[];
};

void gd1_model_init(struct gd1_model *m, uint32_t slots, bool decode);
void gd1_coder_begin(struct gd1_coder *c); /* decode: after the header */
void gd1_coder_end(struct gd1_coder *c);   /* encode */

/* Each codes a value and returns it: what was given, or what was read. */
uint32_t gd1_number(struct gd1_model *m, enum gd1_number which, uint32_t value);
int64_t gd1_shift(struct gd1_model *m, int64_t shift);
/* A byte where the old file has `around[2]`, with two bytes before it and five behind; `at` is its place in the old
 * file. */
uint8_t gd1_diff(struct gd1_model *m, const uint8_t around[8], uint32_t at, uint8_t difference);
/* A byte for which the old file has none. */
uint8_t gd1_extra(struct gd1_model *m, uint8_t byte);

#endif
