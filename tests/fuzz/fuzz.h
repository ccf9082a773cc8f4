/* What every fuzz target shares. A target is one file fuzz_NAME.c with LLVMFuzzerTestOneInput, one line in meson.build,
 * seeds in corpus/NAME/ and, if it helps, words in NAME.dict. With -Dfuzz=true (clang) it becomes fuzz_NAME; everywhere
 * it becomes the test fuzz-NAME, which replays the corpus. An input that once crashed is committed there as crash-WHAT.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What must hold for every input. */
#define FUZZ_ASSERT(what)                                                                                              \
	do {                                                                                                           \
		if (!(what)) {                                                                                         \
			fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #what);                      \
			abort();                                                                                       \
		}                                                                                                      \
	} while (0)

#endif
