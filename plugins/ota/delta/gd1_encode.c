/* Making a gd1 delta. */
#include "gd1_match.h"
#include "gd1_model.h"

#include <stdlib.h>
#include <string.h>

struct encoder {
	const uint8_t *old, *fresh;
	uint32_t old_size, done;
	uint8_t *data;
	size_t size, capacity;
	bool full; /* no memory */
	struct gd1_model *model;
};

static void put(void *user, uint8_t it)
{
	struct encoder *e = user;

	if (e->size == e->capacity && !e->full) {
		size_t capacity = e->capacity * 2 + 4096;
		uint8_t *more = realloc(e->data, capacity);

		if (more) {
			e->data = more;
			e->capacity = capacity;
		}
		e->full = !more;
	}
	if (!e->full)
		e->data[e->size++] = it;
}

static void put_number(struct encoder *e, uint64_t number, int size)
{
	for (int i = 0; i < size; i++)
		put(e, (uint8_t)(number >> 8 * i));
}

static int write_piece(void *user, const struct gd1_piece *it)
{
	struct encoder *e = user;

	gd1_number(e->model, GD1_COPY, it->copied);
	gd1_number(e->model, GD1_EXTRA, it->fresh);
	if (it->copied > 0)
		gd1_shift(e->model, (int64_t)it->old_at - (int64_t)e->done);
	for (uint32_t i = 0; i < it->copied; i++, e->done++) {
		uint32_t at = it->old_at + i;
		uint8_t around[8];

		for (uint32_t j = 0; j < 8; j++)
			around[j] = at + j >= 2 && at + j - 2 < e->old_size ? e->old[at + j - 2] : 0;
		gd1_diff(e->model, around, at, (uint8_t)(e->fresh[e->done] - e->old[at]));
	}
	for (uint32_t i = 0; i < it->fresh; i++, e->done++)
		gd1_extra(e->model, e->fresh[e->done]);
	return e->full ? -DELTA_NO_MEMORY : 0;
}

int gd1_encode(const uint8_t *old, size_t old_size, const uint8_t *new_file, size_t new_size, uint32_t slots,
	       uint8_t **ret, size_t *ret_size)
{
	struct encoder e = { .old = old, .fresh = new_file, .old_size = (uint32_t)old_size };
	int r;

	if (old_size > DELTA_FILE_MAX || new_size > DELTA_FILE_MAX || slots < GD1_SLOTS_MIN || slots > GD1_SLOTS_MAX)
		return -DELTA_TOO_LARGE;
	e.model = malloc(sizeof(*e.model) + slots * sizeof(uint16_t));
	if (!e.model)
		return -DELTA_NO_MEMORY;
	gd1_model_init(e.model, slots, false);
	e.model->coder.user = &e;
	e.model->coder.put = put;
	put_number(&e, 0x0a316467, 4); /* "gd1\n" */
	put_number(&e, old_size, 6);
	put_number(&e, new_size, 6);
	put_number(&e, slots, 4);
	r = gd1_match(old, (uint32_t)old_size, new_file, (uint32_t)new_size, write_piece, &e);
	gd1_coder_end(&e.model->coder);
	free(e.model);
	if (r == 0 && e.full)
		r = -DELTA_NO_MEMORY;
	if (r < 0) {
		free(e.data);
		return r;
	}
	*ret = e.data;
	*ret_size = e.size;
	return 0;
}
