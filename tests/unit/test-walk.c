// SPDX-License-Identifier: GPL-2.0
/*
 * When ranges are bound ahead, and how many. Each test is a sequence of accesses of a GPU
 * to ranges of 2 MiB, which the CPU has all touched.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../xe-pagefault/walk.h"

#define SIZE 0x200000ULL
#define RANGES 4096

static struct xpf_walks walks;
static bool bound[RANGES];
static unsigned int faults, ahead, used;

static void start(void)
{
	memset(&walks, 0, sizeof(walks));
	memset(bound, 0, sizeof(bound));
	faults = 0;
	ahead = 0;
	used = 0;
}

/* The GPU accesses range @i. As in port/validation.c, one already bound is an obstacle. */
static void go(unsigned int i)
{
	u32 n, k, was_used;

	if (bound[i])
		return;
	faults++;
	bound[i] = true;
	n = xpf_walk_step(&walks, 1, i * SIZE, (i + 1) * SIZE, XPF_AHEAD,
			  &was_used);
	assert_in_range(n, 0, XPF_AHEAD);
	used += was_used;
	for (k = 1; k <= n; k++) {
		i += walks.walk[0].down ? -1 : 1;
		if (i >= RANGES || bound[i])
			return;
		if (k == walks.walk[0].skip)
			continue;
		bound[i] = true;
		xpf_walk_ahead(&walks, i * SIZE, (i + 1) * SIZE);
		ahead++;
	}
}

static void one_up(void **state)
{
	static const unsigned int first[] = { 0, 1, 3, 7, 15, 19, 23, 31, 35 };
	unsigned int i, n = 0;

	start();
	for (i = 0; i < 128; i++) {
		if (!bound[i] && n < 9)
			assert_int_equal(i, first[n++]);
		go(i);
	}
	assert_int_equal(faults, 26);
	assert_int_equal(faults + ahead - 6, 128); /* the last went too far */
	assert_int_equal(used, ahead - 6);
}

static void one_down(void **state)
{
	unsigned int i;

	start();
	for (i = 200; i-- > 72;)
		go(i);
	assert_int_equal(faults, 26);
	assert_int_equal(faults + ahead - 6, 128);
}

/* c[i] = a[i] + b[i], and a fourth array */
static void four_at_once(void **state)
{
	unsigned int i, k;

	start();
	for (i = 0; i < 128; i++)
		for (k = 0; k < 4; k++)
			go(k * 512 + i);
	assert_int_equal(faults, 4 * 26);
}

/* Many threads walk together: they access the next 2 MiB in any order, page by page. */
static void jumbled(void **state)
{
	unsigned int i, k, j, t, order[512];

	start();
	srand(1);
	for (i = 256; i < 128 * 512; i += 512) {
		for (k = 0; k < 512; k++)
			order[k] = i + k;
		for (k = 0; k < 512; k++) {
			j = k + rand() % (512 - k);
			t = order[k];
			order[k] = order[j];
			order[j] = t;
			go(order[k] / 512);
		}
	}
	assert_in_range(faults, 24, 30);
}

/* Nothing may be predicted for long while nothing comes true. */
static void at_random(void **state)
{
	unsigned int i, seed, all = 0;

	for (seed = 0; seed < 100; seed++) {
		start();
		srand(seed);
		for (i = 0; i < 128; i++)
			go(rand() % 512);
		all += ahead;
	}
	/* of 12800 accesses; without the rule, it would be 151 */
	assert_in_range(all, 0, 100);
}

/* Pairs of neighbours: each looks as if a walk began. */
static void pairs(void **state)
{
	unsigned int i, k;

	start();
	for (i = 0; i < RANGES; i += 64)
		for (k = 0; k < 2; k++)
			go((i * 37 % RANGES) + k);
	/* A walk is only given up when there are XPF_WALKS newer ones. */
	assert_in_range(ahead, 1, XPF_WALKS + 1);
	assert_int_equal(used, 0);

	/* but a long walk is recognized even then */
	faults = 0;
	for (i = 0; i < 60; i++)
		go(2 + i);
	assert_in_range(faults, 10, 20);
	assert_true(used > 30);

	/* which restores the trust */
	go(RANGES - 10);
	go(RANGES - 9);
	assert_true(bound[RANGES - 8]);
}

/* After a walk, the GPU accesses only each eighth range: the next is always right behind. */
static void stride(void **state)
{
	unsigned int i, after_walk;

	start();
	for (i = 0; i < 16; i++)
		go(i);
	after_walk = ahead;
	for (i = 23; i < RANGES; i += 8)
		go(i);
	assert_in_range(ahead - after_walk, 0, 7);
}

/* Short walks are not worth their last batch. */
static void bursts(void **state)
{
	unsigned int i, k;

	start();
	for (i = 0; i < 64; i++)
		for (k = 0; k < 9; k++)
			go((i * 37 % 64) * 64 + k);
	assert_in_range(ahead, 1, 12 * 11);
	i = ahead;
	for (k = 0; k < 9; k++)
		go(32 + k);
	assert_int_equal(ahead, i);
}

/* A walk that turns round has wasted what was bound ahead of it. */
static void turns(void **state)
{
	start();
	go(100);
	go(101);
	assert_true(bound[102]);
	go(99);
	assert_false(bound[98]);
	go(98);
	assert_true(bound[97]);
}

/* An address space that shares the queue begins with no walks. */
static void another(void **state)
{
	u32 n;

	start();
	go(0);
	go(1);
	assert_int_equal(xpf_walk_step(&walks, 2, 3 * SIZE, 4 * SIZE, 7, &n),
			 0);
	assert_int_equal(n, 0);
	assert_int_equal(xpf_walk_step(&walks, 1, 4 * SIZE, 5 * SIZE, 7, &n),
			 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_up),	cmocka_unit_test(one_down),
		cmocka_unit_test(four_at_once), cmocka_unit_test(jumbled),
		cmocka_unit_test(at_random),	cmocka_unit_test(pairs),
		cmocka_unit_test(stride),	cmocka_unit_test(bursts),
		cmocka_unit_test(turns),	cmocka_unit_test(another),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
