/* A Range header and a list of entity tags, of a file whose size the first eight bytes say. What is taken lies within
 * the file, none overlaps another, and together they are no more than the file. */
#include "fuzz.h"

#include <errno.h>
#include <plugins/link/ranges.h>
#include <string.h>

static void check(struct slice text, uint64_t size)
{
	struct range r[RANGES_MAX];
	uint64_t total = 0;
	int n = ranges_parse(text, size, r);

	FUZZ_ASSERT(n == -ERANGE || (n >= 0 && n <= RANGES_MAX));
	for (int i = 0; i < n; i++) {
		FUZZ_ASSERT(r[i].first <= r[i].last && r[i].last < size);
		for (int k = 0; k < i; k++)
			FUZZ_ASSERT(r[i].last < r[k].first || r[k].last < r[i].first);
		total += r[i].last - r[i].first + 1;
	}
	FUZZ_ASSERT(total <= size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t file = 0;
	char *text;

	if (size < sizeof(file))
		return 0;
	memcpy(&file, data, sizeof(file));
	size -= sizeof(file);
	text = malloc(size ? size : 1);
	if (!text)
		return 0;
	if (size)
		memcpy(text, data + sizeof(file), size);
	check(slice(text, size), file % INT64_MAX);
	check(slice(text, size), 1000);
	if (etag_is(slice(text, size), "abc"))
		FUZZ_ASSERT(etags_have(slice(text, size), "abc", false));
	if (etags_have(slice(text, size), "abc", false))
		FUZZ_ASSERT(etags_have(slice(text, size), "abc", true));
	free(text);
	return 0;
}
