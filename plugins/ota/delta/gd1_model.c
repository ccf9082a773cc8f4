/* The model of gd1: several guesses at each bit, by what lies around it in the old file and by what was coded last,
 * mixed by weights that learn which to believe (the logistic mixing of M. Mahoney's lpaq).
 *
 * In recompiled programs most bytes are the old ones; where they are not, an address has moved, and it has moved as the
 * addresses around it and as other uses of the same target. That is what the contexts are made of. */
#include "gd1_model.h"

#include <string.h>

#define RATE_LIMIT 14
#define WEIGHT_ONE 65536
#define LEARN_SHIFT 14
#define WEIGHT_MAX (1 << 22) /* whatever a hostile delta teaches */

/* ---- the coder ------------------------------------------------------------------------------- */

static int next_byte(struct gd1_coder *c)
{
	int byte = c->failed ? -1 : c->get(c->user);

	if (byte < 0)
		c->failed = true;
	return byte < 0 ? 0 : byte;
}

void gd1_coder_begin(struct gd1_coder *c)
{
	for (int i = 0; i < 4; i++)
		c->code = c->code << 8 | (uint32_t)next_byte(c);
}

void gd1_coder_end(struct gd1_coder *c)
{
	for (int i = 0; i < 4; i++)
		c->put(c->user, (uint8_t)(c->high >> (24 - 8 * i)));
}

/* `chance` of a 1, of 65536, neither 0 nor all. */
static int code_bit(struct gd1_coder *c, uint32_t chance, int bit)
{
	uint32_t middle = c->low + (uint32_t)(((uint64_t)(c->high - c->low) * chance) >> 16);

	if (c->decode)
		bit = c->code <= middle;
	if (bit)
		c->high = middle;
	else
		c->low = middle + 1;
	while (((c->low ^ c->high) & 0xff000000) == 0) {
		if (c->decode)
			c->code = c->code << 8 | (uint32_t)next_byte(c);
		else
			c->put(c->user, (uint8_t)(c->high >> 24));
		c->low <<= 8;
		c->high = c->high << 8 | 255;
	}
	return bit;
}

/* ---- chances --------------------------------------------------------------------------------- */

/* A slot holds a chance of 1 in its upper 12 bits, and in the lower 4 how often it was asked. */
static uint32_t chance_of(uint16_t slot)
{
	return slot >> 4;
}

static void learn(uint16_t *slot, int bit)
{
	static const uint16_t RATES[16] = { 32768, 21845, 16384, 13107, 10923, 9362, 8192, 7282,
					    6554,  5958,  5461,  5041,  4681,  4369, 4096, 4096 };
	uint32_t count = *slot & 15;
	int32_t chance = *slot >> 4, goal = bit ? 4095 : 0;

	chance += ((goal - chance) * RATES[count] + (bit ? 65535 : 0)) >> 16;
	if (chance < 1)
		chance = 1;
	if (chance > 4094)
		chance = 4094;
	*slot = (uint16_t)((uint32_t)chance << 4 | (count < RATE_LIMIT ? count + 1 : count));
}

/* 1 / (1 + e^-x), x in 1/256, of 4096, along straight lines between 33 points. */
static int squash(int x)
{
	static const int16_t STEPS[33] = { 1,    2,    3,    6,    10,   16,   27,   45,   73,   120,  194,
					   310,  488,  747,  1101, 1546, 2047, 2549, 2994, 3348, 3607, 3785,
					   3901, 3975, 4022, 4050, 4068, 4079, 4085, 4089, 4092, 4093, 4094 };
	int step, rest;

	if (x > 2047)
		return 4095;
	if (x < -2047)
		return 0;
	step = (x + 2048) >> 7;
	rest = (x + 2048) & 127;
	return (STEPS[step] * (128 - rest) + STEPS[step + 1] * rest + 64) >> 7;
}

static void fill_stretch(int16_t stretch[4096])
{
	int from = 0;

	for (int x = -2047; x <= 2047; x++) {
		int to = squash(x);

		for (; from <= to; from++)
			stretch[from] = (int16_t)x;
	}
	for (; from < 4096; from++)
		stretch[from] = 2047;
}

void gd1_model_init(struct gd1_model *m, uint32_t slots, bool decode)
{
	memset(m, 0, sizeof(*m));
	m->coder.decode = decode;
	m->coder.high = UINT32_MAX;
	m->slot_count = slots;
	fill_stretch(m->stretch);
	for (int i = 0; i < GD1_SETS; i++)
		for (int j = 0; j < GD1_INPUTS; j++)
			m->weights[i][j] = WEIGHT_ONE * 2 / 5;
	for (int i = 0; i < GD1_NUMBERS; i++)
		for (int j = 0; j < 64; j++) {
			m->lengths[i][j] = 0x8000;
			for (int k = 0; k < 8; k++)
				m->mantissas[i][j][k] = 0x8000;
		}
	for (int i = 0; i < GD1_SHIFTS; i++)
		m->recent[i] = 0x8000;
	for (uint32_t i = 0; i < slots; i++)
		m->slots[i] = 0x8000;
}

/* ---- a bit ----------------------------------------------------------------------------------- */

static int mixed_bit(struct gd1_model *m, uint32_t node, int set, int bit)
{
	int32_t *weights = m->weights[set];
	int64_t sum = 0;
	int chance, wrong;

	for (int i = 0; i < GD1_INPUTS; i++) {
		uint32_t hash = (m->hashes[i] + node * 0x2c1b3c6dU) * 0x9e3779b1U;

		hash ^= hash >> 15;
		m->chosen[i] = &m->slots[((uint64_t)(hash * 0x85ebca6bU) * m->slot_count) >> 32];
		m->inputs[i] = m->stretch[chance_of(*m->chosen[i])];
		sum += (int64_t)weights[i] * m->inputs[i];
	}
	sum /= WEIGHT_ONE;
	chance = squash(sum > 2047 ? 2047 : sum < -2047 ? -2047 : (int)sum);
	chance = chance < 1 ? 1 : chance > 4095 ? 4095 : chance;
	bit = code_bit(&m->coder, (uint32_t)chance << 4, bit);
	wrong = ((bit << 12) - chance) * 6;
	for (int i = 0; i < GD1_INPUTS; i++) {
		weights[i] += (m->inputs[i] * wrong + (1 << (LEARN_SHIFT - 1))) >> LEARN_SHIFT;
		weights[i] = weights[i] > WEIGHT_MAX ? WEIGHT_MAX : weights[i] < -WEIGHT_MAX ? -WEIGHT_MAX : weights[i];
		learn(m->chosen[i], bit);
	}
	return bit;
}

/* ---- numbers --------------------------------------------------------------------------------- */

static int plain_bit(struct gd1_model *m, uint16_t *slot, int bit)
{
	uint32_t chance = chance_of(*slot);

	bit = code_bit(&m->coder, chance << 4 | 8, bit);
	learn(slot, bit);
	return bit;
}

/* The place of the highest bit, then the bits below it: the first three by what is usual, the rest as they are. */
uint32_t gd1_number(struct gd1_model *m, enum gd1_number which, uint32_t value)
{
	int length = 0, node = 1;
	uint32_t read = 1;

	while (length < 32 && (value >> length) > 0)
		length++;
	for (int i = 5; i >= 0; i--)
		node = node << 1 | plain_bit(m, &m->lengths[which][node], length >> i & 1);
	length = node & 63;
	if (length == 0)
		return 0;
	if (length > 32) {
		m->coder.failed = true;
		return 0;
	}
	for (int i = length - 2; i >= 0; i--) {
		int bit = (int)(value >> i & 1);

		if (read < 8)
			bit = plain_bit(m, &m->mantissas[which][length][read], bit);
		else
			bit = code_bit(&m->coder, 32768, bit);
		read = read << 1 | (uint32_t)bit;
	}
	return read;
}

static void remember_shift(struct gd1_model *m, int64_t shift, int place)
{
	for (int i = place; i > 0; i--)
		m->shifts[i] = m->shifts[i - 1];
	m->shifts[0] = shift;
}

/* A distance that was there lately, or one by its difference from the last. */
int64_t gd1_shift(struct gd1_model *m, int64_t shift)
{
	int place = 1;
	int64_t away = shift - m->shifts[0];
	uint64_t folded = away < 0 ? ((uint64_t)-away << 1) - 1 : (uint64_t)away << 1;

	while (place < GD1_SHIFTS && m->shifts[place] != shift)
		place++;
	for (int i = 1; i < GD1_SHIFTS; i++)
		if (plain_bit(m, &m->recent[i], place == i)) {
			shift = m->shifts[i];
			remember_shift(m, shift, i);
			return shift;
		}
	folded = gd1_number(m, GD1_SHIFT, (uint32_t)folded);
	if (m->coder.decode)
		shift = m->shifts[0] + (folded & 1 ? -(int64_t)(folded / 2) - 1 : (int64_t)(folded / 2));
	remember_shift(m, shift, GD1_SHIFTS - 1);
	return shift;
}

/* ---- bytes ----------------------------------------------------------------------------------- */

static uint32_t mix(uint32_t kind, uint32_t a, uint32_t b)
{
	uint32_t h = kind * 0x9e3779b1U + a * 0x85ebca6bU + b * 0xc2b2ae35U;

	h ^= h >> 16;
	h *= 0x7feb352dU;
	return h ^ h >> 15;
}

static uint32_t word(const uint8_t *at)
{
	return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static uint32_t least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static uint8_t coded_byte(struct gd1_model *m, uint32_t first, int set, uint8_t byte)
{
	uint32_t node = 1;

	for (int i = 7; i >= 0; i--)
		node = node << 1 | (uint32_t)mixed_bit(m, first + node, set + 7 - i, byte >> i & 1);
	return (uint8_t)node;
}

uint8_t gd1_diff(struct gd1_model *m, const uint8_t around[8], uint32_t at, uint8_t difference)
{
	uint32_t quiet = least(m->quiet, 15), since = least(m->quiet, 3);
	const uint8_t *here = around + 2;
	uint32_t target = at - since + word(here - (since < 2 ? since : 2));

	m->hashes[0] = mix(1, m->diffs & 0xffff, quiet);
	m->hashes[1] = mix(2, m->diffs, here[0]);
	m->hashes[2] = mix(3, here[0] | (uint32_t)here[-1] << 8 | (uint32_t)here[-2] << 16, quiet > 3);
	m->hashes[3] = mix(4, word(here), m->diffs & 0xff);
	m->hashes[4] = mix(5, m->group, least(m->quiet, 255));
	m->hashes[8] = mix(9, m->group & 0xffff, least(m->quiet, 255) | (m->gaps & 0xffff) << 8);
	m->hashes[9] = mix(10, m->history[(at - 8) & 31] | (uint32_t)m->history[(at - 24) & 31] << 8,
			   m->history[(at - 16) & 31] | quiet << 8);
	m->hashes[5] = mix(6, target, since);
	m->hashes[6] = mix(7, here[0] | (uint32_t)here[1] << 8 | (uint32_t)here[-1] << 16, m->group & 0xff);
	m->hashes[7] = mix(8, quiet, here[-1]);
	if (!mixed_bit(m, 0, (int)least(m->quiet, 7), difference != 0))
		difference = 0;
	else
		difference = coded_byte(m, 0, 8, difference);
	if (difference) {
		m->group = m->group << 8 | difference;
		m->gaps = m->gaps << 8 | least(m->quiet, 255);
	}
	m->history[at & 31] = difference;
	m->quiet = difference ? 0 : m->quiet + 1;
	m->diffs = m->diffs << 8 | difference;
	m->bytes = m->bytes << 8 | (uint8_t)(here[0] + difference);
	return difference;
}

uint8_t gd1_extra(struct gd1_model *m, uint8_t byte)
{
	static const uint32_t MASKS[6] = { 0, 0xff, 0xffff, 0xffffff, 0xffffffff, 0xffff00 };

	for (uint32_t i = 0; i < 6; i++)
		m->hashes[i] = mix(16 + i, m->bytes & MASKS[i], 0);
	m->hashes[6] = mix(23, m->bytes & 0xf0f0f0f0, 0);
	m->hashes[7] = mix(24, m->bytes & 0xff00ff, 0);
	m->hashes[8] = mix(25, 0, 0);
	m->hashes[9] = mix(26, 0, 0);
	byte = coded_byte(m, 256, 16, byte);
	m->bytes = m->bytes << 8 | byte;
	m->diffs = m->diffs << 8;
	m->quiet = 15;
	return byte;
}
