/* "Did you mean": the nearest of the names that there are, for whoever mistyped one. */
#include "cli_command.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define NAME_MAX_BYTES 128
#define SUGGESTIONS 3

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
	unsigned m = a < b ? a : b;

	return m < c ? m : c;
}

/* Levenshtein's distance without regard to case; names beyond NAME_MAX_BYTES are far from everything. */
static unsigned distance(const char *a, const char *b)
{
	size_t n = strlen(a), m = strlen(b);
	unsigned row[NAME_MAX_BYTES + 1];

	if (n > NAME_MAX_BYTES || m > NAME_MAX_BYTES)
		return NAME_MAX_BYTES;
	for (size_t j = 0; j <= m; j++)
		row[j] = (unsigned)j;
	for (size_t i = 1; i <= n; i++) {
		unsigned diagonal = row[0];

		row[0] = (unsigned)i;
		for (size_t j = 1; j <= m; j++) {
			unsigned above = row[j];
			unsigned change = strncasecmp(a + i - 1, b + j - 1, 1) ? 1 : 0;

			row[j] = min3(row[j] + 1, row[j - 1] + 1, diagonal + change);
			diagonal = above;
		}
	}
	return row[m];
}

/* The part that people remember: behind the last '.' of the package. */
static const char *short_name(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot ? dot + 1 : name;
}

static unsigned score(const char *wanted, const char *name)
{
	unsigned whole = distance(wanted, name), last = distance(short_name(wanted), short_name(name));

	return whole < last ? whole : last;
}

void gv_cli_suggest(const char *wanted, const char *const *names, size_t count, char *ret, size_t ret_size)
{
	const char *best[SUGGESTIONS] = { NULL };
	unsigned scores[SUGGESTIONS];
	unsigned limit = (unsigned)strlen(short_name(wanted)) / 3 + 1;
	size_t used = 0;
	int n = 0;

	for (size_t i = 0; i < count; i++) {
		unsigned s = score(wanted, names[i]);
		int at = n;

		if (s > limit)
			continue;
		while (at > 0 && scores[at - 1] > s)
			at--;
		if (at == SUGGESTIONS)
			continue;
		if (n < SUGGESTIONS)
			n++;
		for (int k = n - 1; k > at; k--) {
			best[k] = best[k - 1];
			scores[k] = scores[k - 1];
		}
		best[at] = names[i];
		scores[at] = s;
	}
	ret[0] = 0;
	for (int i = 0; i < n && used < ret_size; i++) {
		const char *before = i == 0 ? "; did you mean " : i == n - 1 ? " or " : ", ";

		used += (size_t)snprintf(ret + used, ret_size - used, "%s%s", before, best[i]);
	}
	if (n && used + 1 < ret_size)
		snprintf(ret + used, ret_size - used, "?");
}
