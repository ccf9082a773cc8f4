/* bsdiff's search (C. Percival, "Naive differences of executable code", 2003): exact matches by a suffix array, grown
 * in both directions over bytes that differ here and there, as addresses in recompiled code do. */
#include "gd1_match.h"

#include <divsufsort.h>
#include <stdlib.h>
#include <string.h>

#define BETTER 8 /* bytes by which a match must beat going on where the last one led */

struct search {
	const uint8_t *old, *fresh;
	int32_t old_size, fresh_size;
	const int32_t *suffixes;
};

struct match {
	int32_t at, size;
};

static int32_t common(const struct search *s, int32_t old_at, int32_t fresh_at)
{
	int32_t most = s->old_size - old_at, n = 0;

	if (s->fresh_size - fresh_at < most)
		most = s->fresh_size - fresh_at;
	while (n < most && s->old[old_at + n] == s->fresh[fresh_at + n])
		n++;
	return n;
}

static bool sorts_before(const struct search *s, int32_t old_at, int32_t fresh_at)
{
	int32_t n = common(s, old_at, fresh_at);

	if (fresh_at + n == s->fresh_size)
		return false;
	return old_at + n == s->old_size || s->old[old_at + n] < s->fresh[fresh_at + n];
}

/* The longest match of what begins at fresh_at: one of its two neighbours among the sorted suffixes. */
static struct match longest(const struct search *s, int32_t fresh_at)
{
	int32_t low = 0, high = s->old_size;
	struct match best = { 0, 0 };

	while (low < high) {
		int32_t middle = low + (high - low) / 2;

		if (sorts_before(s, s->suffixes[middle], fresh_at))
			low = middle + 1;
		else
			high = middle;
	}
	for (int32_t i = low > 0 ? low - 1 : 0; i <= low && i < s->old_size; i++) {
		int32_t size = common(s, s->suffixes[i], fresh_at);

		if (size > best.size)
			best = (struct match){ s->suffixes[i], size };
	}
	return best;
}

/* How far it pays to go on from two places: as long as more than half of the bytes agree. */
static int32_t forwards(const struct search *s, int32_t old_at, int32_t fresh_at, int32_t fresh_end)
{
	int32_t same = 0, best = 0, most = fresh_end - fresh_at;
	int64_t score = 0;

	for (int32_t i = 0; i < most && old_at + i < s->old_size;) {
		same += s->old[old_at + i] == s->fresh[fresh_at + i];
		i++;
		if ((int64_t)same * 2 - i > score) {
			score = (int64_t)same * 2 - i;
			best = i;
		}
	}
	return best;
}

static int32_t backwards(const struct search *s, int32_t old_at, int32_t fresh_at, int32_t fresh_begin)
{
	int32_t same = 0, best = 0;
	int64_t score = 0;

	for (int32_t i = 1; fresh_at - i >= fresh_begin && old_at - i >= 0; i++) {
		same += s->old[old_at - i] == s->fresh[fresh_at - i];
		if ((int64_t)same * 2 - i > score) {
			score = (int64_t)same * 2 - i;
			best = i;
		}
	}
	return best;
}

/* Where the end of one part and the beginning of the next overlap: how much of that goes to the first. */
static int32_t divide(const struct search *s, int32_t old_a, int32_t old_b, int32_t fresh_at, int32_t overlap)
{
	int32_t score = 0, best_score = 0, best = 0;

	for (int32_t i = 0; i < overlap; i++) {
		score += s->fresh[fresh_at + i] == s->old[old_a + i];
		score -= s->fresh[fresh_at + i] == s->old[old_b + i];
		if (score > best_score) {
			best_score = score;
			best = i + 1;
		}
	}
	return best;
}

/* The next place from `scan` on where another match is better than going on at `shift`, or as good as that. */
static int32_t next_match(const struct search *s, int32_t scan, int32_t shift, struct match *ret, bool *ret_better)
{
	int32_t same = 0, counted = scan;
	struct match match = { 0, 0 };

	for (; scan < s->fresh_size; scan++) {
		match = longest(s, scan);
		for (; counted < scan + match.size; counted++)
			same += counted + shift < s->old_size && counted + shift >= 0 &&
				s->old[counted + shift] == s->fresh[counted];
		if ((match.size == same && match.size != 0) || match.size > same + BETTER)
			break;
		if (scan + shift < s->old_size && scan + shift >= 0 && s->old[scan + shift] == s->fresh[scan])
			same--;
	}
	*ret = match;
	*ret_better = match.size != same || scan == s->fresh_size;
	return scan;
}

static int find_all(const struct search *s, int (*piece)(void *user, const struct gd1_piece *it), void *user)
{
	int32_t last_fresh = 0, last_old = 0, scan = 0;
	struct match match = { 0, 0 };
	int r = 0;

	while (last_fresh < s->fresh_size && r >= 0) {
		int32_t ahead, behind = 0, overlap;
		struct gd1_piece it;
		bool better;

		scan = next_match(s, scan + match.size, last_old - last_fresh, &match, &better);
		if (!better)
			continue;
		ahead = forwards(s, last_old, last_fresh, scan);
		if (scan < s->fresh_size)
			behind = backwards(s, match.at, scan, last_fresh);
		overlap = last_fresh + ahead - (scan - behind);
		if (overlap > 0) {
			int32_t kept = divide(s, last_old + ahead - overlap, match.at - behind, scan - behind, overlap);

			ahead += kept - overlap;
			behind -= kept;
		}
		it = (struct gd1_piece){ (uint32_t)last_old, (uint32_t)ahead,
					 (uint32_t)(scan - behind - last_fresh - ahead) };
		if (it.copied > 0 || it.fresh > 0)
			r = piece(user, &it);
		last_fresh = scan - behind;
		last_old = match.at - behind;
		if (scan >= s->fresh_size)
			break;
	}
	return r;
}

int gd1_match(const uint8_t *old, uint32_t old_size, const uint8_t *fresh, uint32_t fresh_size,
	      int (*piece)(void *user, const struct gd1_piece *it), void *user)
{
	struct search s = { old, fresh, (int32_t)old_size, (int32_t)fresh_size, NULL };
	int32_t *suffixes = malloc(((size_t)old_size + 1) * sizeof(int32_t));
	int r;

	if (!suffixes)
		return -DELTA_NO_MEMORY;
	if (old_size > 0 && divsufsort(old, suffixes, (saidx_t)old_size) != 0) {
		free(suffixes);
		return -DELTA_NO_MEMORY;
	}
	s.suffixes = suffixes;
	r = find_all(&s, piece, user);
	free(suffixes);
	return r;
}
