/* Criterion exits 0 when LeakSanitizer finds a leak. A suite's teardown that ends with check_leaks() fails instead. */
#ifndef LEAKS_H
#define LEAKS_H

#include <stdlib.h>

int __lsan_do_recoverable_leak_check(void) __attribute__((weak)); /* there only where the sanitizer is */

static inline void check_leaks(void)
{
	if (__lsan_do_recoverable_leak_check && __lsan_do_recoverable_leak_check() != 0)
		abort();
}

#endif
