/* Most unknown names in configs and requests are misspelt known ones. */
#include <lib/near.h>

#include <ctype.h>
#include <string.h>

static unsigned min(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

static int plain(char c)
{
	return c == '-' ? '_' : tolower((unsigned char)c);
}

/* Optimal string alignment, over three rows of the table. */
unsigned gv_near_distance(const char *a, const char *b)
{
	unsigned rows[3][GV_NEAR_NAME_MAX + 1];
	unsigned *before = rows[0], *last = rows[1], *row = rows[2];
	size_t n_a = strlen(a), n_b = strlen(b);
	if (n_a > GV_NEAR_NAME_MAX || n_b > GV_NEAR_NAME_MAX)
		return GV_NEAR_NAME_MAX;
	for (unsigned j = 0; j <= n_b; j++)
		row[j] = j;
	for (unsigned i = 1; i <= n_a; i++) {
		unsigned *free_row = before;
		before = last;
		last = row;
		row = free_row;
		row[0] = i;
		for (unsigned j = 1; j <= n_b; j++) {
			int same = plain(a[i - 1]) == plain(b[j - 1]);
			row[j] = min(min(last[j], row[j - 1]) + 1, last[j - 1] + !same);
			if (i > 1 && j > 1 && plain(a[i - 1]) == plain(b[j - 2]) && plain(a[i - 2]) == plain(b[j - 1]))
				row[j] = min(row[j], before[j - 2] + 1);
		}
	}
	return row[n_b];
}

bool gv_near(const char *a, const char *b)
{
	size_t n = strlen(a);
	return gv_near_distance(a, b) <= (n < 4 ? 1 : n < 8 ? 2 : 3);
}

void gv_nearest_offer(struct gv_nearest *n, const char *wanted, const char *name)
{
	unsigned distance = gv_near_distance(wanted, name);
	if (gv_near(wanted, name) && (!n->name || distance < n->distance))
		*n = (struct gv_nearest){ name, distance };
}
