/* Versions and patterns, compared as people read them. */
#include "filter.h"

#include <string.h>

static bool digit(char c)
{
	return c >= '0' && c <= '9';
}

static int sign(int n)
{
	return n < 0 ? -1 : n > 0;
}

/* Two numbers of any length; both are left behind their digits. */
static int numbers(const char **a, const char **b)
{
	size_t length_a, length_b;
	int order;

	*a += strspn(*a, "0");
	*b += strspn(*b, "0");
	length_a = strspn(*a, "0123456789");
	length_b = strspn(*b, "0123456789");
	order = length_a != length_b ? (length_a < length_b ? -1 : 1) : strncmp(*a, *b, length_a);
	*a += length_a;
	*b += length_b;
	return sign(order);
}

int version_compare(const char *a, const char *b)
{
	while (*a && *b) {
		int order;

		if (digit(*a) && digit(*b)) {
			order = numbers(&a, &b);
			if (order)
				return order;
			continue;
		}
		if (*a != *b)
			return *a == '-' ? -1 : *b == '-' ? 1 : sign((unsigned char)*a - (unsigned char)*b);
		a++;
		b++;
	}
	if (!*a && !*b)
		return 0;
	if (!*a)
		return *b == '-' ? 1 : -1;
	return *a == '-' ? -1 : 1;
}

/* Goes back to the last * only: no pattern takes more than its length times the text's. */
bool pattern_matches(const char *pattern, const char *text)
{
	const char *star = NULL, *retry = NULL;

	while (*text) {
		if (*pattern == '*') {
			star = pattern++;
			retry = text;
		} else if (*pattern == '?' || *pattern == *text) {
			pattern++;
			text++;
		} else if (star) {
			pattern = star + 1;
			text = ++retry;
		} else {
			return false;
		}
	}
	return !pattern[strspn(pattern, "*")];
}
