/* SPDX-License-Identifier: GPL-2.0 */
/* What a fuzzer takes for granted: if it is not so, that is a finding. */
#ifndef FUZZ_MUST_H
#define FUZZ_MUST_H

#include <stdio.h>
#include <stdlib.h>

#define must(cond)                                                       \
	do {                                                             \
		if (!(cond)) {                                           \
			fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, \
				__LINE__, #cond);                        \
			abort();                                         \
		}                                                        \
	} while (0)

#endif
