// SPDX-License-Identifier: GPL-2.0
/* bcache-journal/latency.h: the classes have no gap, and quantiles are at most 25 % off. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "../../bcache-journal/latency.h"

/* Each class begins where the one before it ends. */
static void classes(void **state)
{
	unsigned int i;

	for (i = 0; i < LATENCY_CLASSES; i++) {
		assert_int_equal(latency_class(latency_from(i)), i);
		assert_int_equal(latency_class(latency_from(i + 1) - 1), i);
	}
	assert_int_equal(latency_class(~0ULL), LATENCY_CLASSES - 1);
}

static int smaller(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return x < y ? -1 : x > y;
}

/* Compare with the exact quantiles of random durations of all sizes. */
static void quantiles(void **state)
{
	static const unsigned int permilles[] = {
		0, 1, 250, 500, 990, 999, 1000
	};
	enum { MAX = 1000 };
	struct latency l;
	u64 us[MAX];
	size_t n, i, rank;

	srandom(1);
	for (n = 1; n <= MAX; n += 37) {
		memset(&l, 0, sizeof(l));
		for (i = 0; i < n; i++) {
			us[i] = (u64)random() >> random() % 31;
			latency_add(&l, us[i]);
		}
		qsort(us, n, sizeof(*us), smaller);
		assert_int_equal(latency_total(&l), n);
		assert_int_equal(l.max, us[n - 1]);
		for (i = 0; i < sizeof(permilles) / sizeof(*permilles); i++) {
			u64 exact, said = latency_quantile(&l, permilles[i]);

			rank = (n * permilles[i] + 999) / 1000;
			exact = us[rank ? rank - 1 : 0];
			assert_true(permilles[i] == 0 || said >= exact);
			assert_true(said <= exact + exact / 4 ||
				    permilles[i] == 0);
		}
	}
}

static void nothing(void **state)
{
	const struct latency l = { 0 };

	assert_int_equal(latency_quantile(&l, 500), 0);
	assert_int_equal(latency_quantile(&l, 1000), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(classes),
		cmocka_unit_test(quantiles),
		cmocka_unit_test(nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
